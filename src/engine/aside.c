/* Translations set aside: of guests that announce no changes, units whose code may be about to change, or has stopped being
 * executable for a while.
 *
 * A write into a page takes the translations of all of it (guard.c), and a JIT that makes its pages writable for each new
 * piece takes those of all of them; what then changes is mostly something else.  So such a unit leaves the indexes, but
 * is kept with the bytes it was made from, as memory holds them before the change, and comes back if its code is asked for and
 * is the same.
 *
 * All with the lock held. */
#include "engine/internal.h"
#include <stdlib.h>
#include <string.h>

struct aside {
    struct aside *next;
    struct block *block;
    uint8_t bytes[]; /* of the unit, then GUEST_LOOK_AHEAD for each of its looks */
};

static size_t size_of(const struct block *b) { return b->guest_size + (size_t)b->look_count * GUEST_LOOK_AHEAD; }

static bool read_bytes(struct engine *e, const struct block *b, uint8_t *out)
{
    const struct engine_config *c = &e->config;
    if (!c->fetch(c->fetch_ctx, b->pc, out, b->guest_size))
        return false;
    out += b->guest_size;
    for (unsigned i = 0; i < b->look_count; i++, out += GUEST_LOOK_AHEAD)
        if (!c->fetch(c->fetch_ctx, align_down(b->pc, 4096) + block_looks(b)[i], out, GUEST_LOOK_AHEAD))
            return false;
    return true;
}

void aside_put(struct engine *e, struct page *p, struct block *b)
{
    if ((b->mode & ENGINE_MODE_STEP) || b->range_count)
        return;
    struct aside *a = malloc(sizeof *a + size_of(b));
    if (!a || !read_bytes(e, b, a->bytes)) {
        free(a);
        return;
    }
    a->block = b;
    a->next = p->aside;
    p->aside = a;
    atomic_fetch_add(&e->aside_count, 1);
}

static void drop(struct engine *e, struct aside **link)
{
    struct aside *a = *link;
    *link = a->next;
    free(a);
    atomic_fetch_sub(&e->aside_count, 1);
}

struct block *aside_take(struct engine *e, struct cpu *cpu, struct page *p, uint64_t pc, uint32_t mode)
{
    for (struct aside **link = &p->aside; *link;) {
        struct block *b = (*link)->block;
        if (b->pc != pc || b->mode != mode) {
            link = &(*link)->next;
            continue;
        }
        uint8_t *now = arena_take(cpu->arena, size_of(b));
        bool same = read_bytes(e, b, now) && !memcmp(now, (*link)->bytes, size_of(b));
        drop(e, link); /* also if it is another now: so there is one of a key at most */
        if (!same)
            continue;
        b->probation = block_chunk(e, b)->probation;
        atomic_store(&b->dead, false);
        table_insert(e, b);
        cpu->stat[ENGINE_STAT_RETURNED]++;
        return b;
    }
    return NULL;
}

void aside_forget(struct engine *e, struct page *p, const struct chunk *chunk)
{
    for (struct aside **link = &p->aside; *link;)
        if (!chunk || block_chunk(e, (*link)->block) == chunk)
            drop(e, link);
        else
            link = &(*link)->next;
}
