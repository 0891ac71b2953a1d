/* The indexes of translations: by key, by guest page, and who is linked to whom. */
#include "engine/internal.h"
#include <stdlib.h>
#include <string.h>

/* A page of guest code has its entries side by side, and so have neighbouring pages: a small program touches few of the
 * table's pages. */
#define IN_PAGE_BITS 7u

static unsigned hash_key(uint64_t pc, uint32_t mode)
{
    const unsigned page_bits = ENGINE_HASH_BITS - IN_PAGE_BITS;
    uint64_t far = ((pc >> (12 + page_bits)) ^ (uint64_t)mode << 32) * 0x9e3779b97f4a7c15ull;
    unsigned page = ((unsigned)(pc >> 12) + (unsigned)(far >> 32)) & ((1u << page_bits) - 1);
    /* Units begin at any instruction: all of the offset counts. */
    unsigned in_page = (unsigned)(((pc & 4095) * 0x9e3779b1u) >> (32 - IN_PAGE_BITS)) & ((1u << IN_PAGE_BITS) - 1);
    return page << IN_PAGE_BITS | in_page;
}

struct block *table_find(struct engine *e, uint64_t pc, uint32_t mode)
{
    struct block *b = block_of(e, atomic_load_explicit(&e->hash[hash_key(pc, mode)], memory_order_acquire));
    while (b && (b->pc != pc || b->mode != mode))
        b = block_of(e, atomic_load_explicit(&b->hash_next, memory_order_acquire));
    return b;
}

struct block *table_find_unit(struct engine *e, uint64_t pc, uint32_t mode)
{
    struct block *b = table_find(e, pc, mode);
    while (b && (b->pc != pc || b->mode != mode || b->range_count))
        b = block_of(e, atomic_load_explicit(&b->hash_next, memory_order_acquire));
    return b;
}

static struct page **page_slot(struct engine *e, uint64_t number)
{
    struct page **p = &e->pages[(number * 0x9e3779b97f4a7c15ull) >> (64 - ENGINE_PAGE_BITS)];
    while (*p && (*p)->number != number)
        p = &(*p)->next;
    return p;
}

static struct page *page_make(struct engine *e, uint64_t number)
{
    struct page **p = page_slot(e, number);
    if (!*p) {
        *p = calloc(1, sizeof **p);
        if (!*p)
            abort();
        (*p)->number = number;
        e->page_count++;
    }
    return *p;
}

static void member_insert(struct engine *e, struct member *m)
{
    struct page *p = page_make(e, m->range.pc >> 12);
    m->next = p->members;
    m->prev = &p->members;
    if (m->next)
        m->next->prev = &m->next;
    p->members = m;
}

void table_insert(struct engine *e, struct block *b)
{
    struct page *p = page_make(e, b->pc >> 12);
    block_ref ref = block_ref_of(e, b);
    b->page_next = p->blocks;
    b->page_prev = 0;
    if (b->page_next)
        e->blocks[b->page_next].page_prev = ref;
    p->blocks = ref;
    for (uint32_t i = 0; i < b->range_count; i++)
        member_insert(e, &block_members(e, b)[i]);

    atomic_fetch_add_explicit(&e->inserted, 1, memory_order_relaxed); /* under the lock, which orders it */
    _Atomic block_ref *head = &e->hash[hash_key(b->pc, b->mode)];
    atomic_store_explicit(&b->hash_next, atomic_load_explicit(head, memory_order_relaxed), memory_order_relaxed);
    atomic_store_explicit(head, ref, memory_order_release);
}

static void site_unlink(struct engine *e, struct site *s)
{
    struct block *to = site_to(e, s);
    if (!to)
        return;
    cache_changes(e);
    e->config.host->link(site_owner(e, s)->code + s->offset, -engine_exec_delta(e), NULL);
    if (s->prev)
        site_of(e, s->prev)->next = s->next;
    else
        to->incoming = s->next;
    if (s->next)
        site_of(e, s->next)->prev = s->prev;
    atomic_store_explicit(&s->target, to->pc, memory_order_release);
}

void table_unlink_incoming(struct engine *e, struct block *b)
{
    while (b->incoming)
        site_unlink(e, site_of(e, b->incoming));
}

void table_unlink_outgoing(struct engine *e, struct block *b)
{
    for (uint32_t i = 0; i < b->site_count; i++)
        site_unlink(e, &block_sites(e, b)[i]);
}

/* Indirect branches of all cpus come to the engine for pc. */
static void forget_jump(struct engine *e, uint64_t pc)
{
    for (struct cpu *c = e->cpus; c; c = c->next) {
        unsigned index = cpu_jump_index(pc);
        struct cpu_jump *j = &c->own_jumps[index];
        if (j->pc == pc)
            __atomic_store_n(&j->pc, cpu_jump_none(index), __ATOMIC_SEQ_CST);
    }
}

void table_replace(struct engine *e, struct block *old)
{
    table_unlink_incoming(e, old);
    forget_jump(e, old->pc);
}

void table_remove(struct engine *e, struct block *b)
{
    atomic_store(&b->dead, true);
    _Atomic block_ref *link = &e->hash[hash_key(b->pc, b->mode)];
    while (atomic_load(link) != block_ref_of(e, b))
        link = &e->blocks[atomic_load(link)].hash_next;
    atomic_store(link, atomic_load(&b->hash_next));
    if (b->page_prev)
        e->blocks[b->page_prev].page_next = b->page_next;
    else
        (*page_slot(e, b->pc >> 12))->blocks = b->page_next;
    if (b->page_next)
        e->blocks[b->page_next].page_prev = b->page_prev;
    for (uint32_t i = 0; i < b->range_count; i++) {
        struct member *m = &block_members(e, b)[i];
        *m->prev = m->next;
        if (m->next)
            m->next->prev = m->prev;
    }
    table_unlink_incoming(e, b);
    table_unlink_outgoing(e, b); /* a thread in its middle comes back to the engine */
    for (struct cpu *c = b->range_count && b->loops ? e->cpus : NULL; c; c = c->next)
        cpu_set_pending(c, CPU_PENDING_ENGINE); /* it may go round and round in it: no link leads back to its top */
    /* After `dead` is set: whoever enters it into a jump table now sees that and takes it back. */
    forget_jump(e, b->pc);
}

/* b was made from bytes in [start, end). */
static bool depends_on(const struct block *b, uint64_t start, uint64_t end)
{
    if (b->pc < end && b->pc + b->guest_size > start)
        return true;
    for (uint32_t i = 0; i < b->look_count; i++) {
        uint64_t look = align_down(b->pc, 4096) + block_looks(b)[i];

        if (look < end && look + GUEST_LOOK_AHEAD > start)
            return true;
    }
    return false;
}

static void remove_overlapping(struct engine *e, struct cpu *cpu, struct page *p, uint64_t start, uint64_t end, bool keep)
{
    uint64_t *count = cpu ? &cpu->stat[ENGINE_STAT_INVALIDATED] : &e->stat[ENGINE_STAT_INVALIDATED];
    for (struct block *b = block_of(e, p->blocks), *next; b; b = next) {
        next = block_of(e, b->page_next);
        if (depends_on(b, start, end)) {
            if (keep)
                aside_put(e, p, b);
            table_remove(e, b);
            ++*count;
        }
    }
    /* A region may have several members here: begin again after each. */
    for (struct member *m = p->members; m;) {
        if (m->range.pc < end && m->range.pc + m->range.size > start) {
            table_remove(e, m->owner);
            ++*count;
            m = p->members;
        } else {
            m = m->next;
        }
    }
}

static void invalidate(struct engine *e, struct cpu *cpu, uint64_t start, uint64_t end, bool keep)
{
    uint64_t first = start >> 12, last = (end - 1) >> 12;
    first -= first != 0; /* its last instruction may reach into this page (x86) */
    if (last - first < e->page_count) {
        for (uint64_t n = first; n <= last; n++) {
            struct page *p = *page_slot(e, n);
            if (p)
                remove_overlapping(e, cpu, p, start, end, keep);
        }
        return;
    }
    for (unsigned i = 0; i < ARRAY_LEN(e->pages); i++)
        for (struct page *p = e->pages[i]; p; p = p->next)
            if (p->number >= first && p->number <= last)
                remove_overlapping(e, cpu, p, start, end, keep);
}

void table_invalidate(struct engine *e, struct cpu *cpu, uint64_t start, uint64_t end)
{
    invalidate(e, cpu, start, end, false);
}

void table_set_aside(struct engine *e, uint64_t start, uint64_t end) { invalidate(e, NULL, start, end, true); }

struct block *table_return(struct engine *e, struct cpu *cpu, uint64_t pc, uint32_t mode)
{
    struct page *p = *page_slot(e, pc >> 12);
    return p && p->aside ? aside_take(e, cpu, p, pc, mode) : NULL;
}

void table_forget_aside(struct engine *e, const struct chunk *chunk)
{
    for (unsigned i = 0; atomic_load(&e->aside_count) && i < ARRAY_LEN(e->pages); i++)
        for (struct page *p = e->pages[i]; p; p = p->next)
            aside_forget(e, p, chunk);
}

void table_clear(struct engine *e)
{
    table_forget_aside(e, NULL);
    memset(e->hash, 0, sizeof e->hash);
    for (unsigned i = 0; i < ARRAY_LEN(e->pages); i++)
        for (struct page *p = e->pages[i], *next; p; p = next) {
            next = p->next;
            free(p);
        }
    memset(e->pages, 0, sizeof e->pages);
    e->page_count = 0;
}

static void site_link(struct engine *e, struct cpu *cpu, struct site *s, struct block *to)
{
    s->next = to->incoming;
    s->prev = 0;
    if (s->next)
        site_of(e, s->next)->prev = site_ref_of(e, s);
    to->incoming = site_ref_of(e, s);
    atomic_store_explicit(&s->target, SITE_LINKED << 48 | block_ref_of(e, to), memory_order_release);
    cache_changes(e);
    e->config.host->link(site_owner(e, s)->code + s->offset, -engine_exec_delta(e), to->code + to->entry);
    cpu->stat[ENGINE_STAT_LINKS]++;
}

void table_link(struct engine *e, struct cpu *cpu, const void *at, struct block *to)
{
    struct block *b = cache_block_at(e, at);
    if (!b || b->dead || to->dead || b->mode != to->mode)
        return;
    uint32_t offset = (uint32_t)((const uint8_t *)at - b->code);
    for (uint32_t i = 0; i < b->site_count; i++) {
        struct site *s = &block_sites(e, b)[i];
        if (s->offset != offset || atomic_load(&s->target) != to->pc)
            continue;
        site_link(e, cpu, s, to);
        fork_note(e, b->pc, b->mode);
        return;
    }
}

void table_expect(const struct engine *e, uint64_t pc, uint32_t mode) { __builtin_prefetch((const void *)&e->hash[hash_key(pc, mode)]); }

/* Memory is what this takes time for: a few blocks go ahead with the table's entries, and fewer with what these lead to. */
void table_link_known(struct engine *e, struct cpu *cpu, struct block **blocks, unsigned count)
{
    enum { FAR = 8, NEAR = 4 };

    for (unsigned at = 0; at < count + FAR; at++) {
        if (at < count)
            for (uint32_t i = 0; i < blocks[at]->site_count; i++)
                table_expect(e, block_sites(e, blocks[at])[i].target, blocks[at]->mode);
        if (at >= NEAR && at - NEAR < count)
            for (uint32_t i = 0, n = blocks[at - NEAR]->site_count; i < n; i++) {
                const struct block *b = blocks[at - NEAR];

                __builtin_prefetch(e->blocks + atomic_load_explicit(&e->hash[hash_key(block_sites(e, b)[i].target, b->mode)], memory_order_relaxed));
            }
        if (at < FAR)
            continue;
        struct block *b = blocks[at - FAR];

        for (uint32_t i = 0; i < b->site_count; i++) {
            struct site *s = &block_sites(e, b)[i];
            struct block *to = site_to(e, s) ? NULL : table_find(e, s->target, b->mode);

            if (to && !to->probation) /* those on probation are to be asked for */
                site_link(e, cpu, s, to);
        }
    }
}
