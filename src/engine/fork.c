/* fork: the locks, the code cache's copy, and what children will want.
 *
 * A process that forks once mostly does so again, and its children all take the same way, through code that it never
 * runs itself.  So a child notes, in memory that it shares with its parent, what it had to ask the engine for, and where it
 * had exits linked; before the next fork the parent gets those translations and links them: from then on children are
 * born with them.  Nothing depends on it:
 * who is asked for what nobody needs makes a translation in vain. */
#include "engine/internal.h"
#include <sys/mman.h>

#define WISHES 2000u /* of all children together: what a program does that ends is less */

struct wishes {
    _Atomic uint32_t count; /* may be more than there are */
    uint32_t granted;       /* the parent's */
    struct wish {
        uint64_t pc;
        uint32_t mode;
        _Atomic uint32_t whole;
    } list[WISHES];
};

void fork_note(struct engine *e, uint64_t pc, uint32_t mode)
{
    struct wishes *w = e->parents;

    if (!w || (mode & ENGINE_MODE_STEP) || atomic_load_explicit(&w->count, memory_order_relaxed) >= WISHES)
        return;
    uint32_t i = atomic_fetch_add(&w->count, 1);

    if (i >= WISHES)
        return;
    w->list[i].pc = pc;
    w->list[i].mode = mode;
    atomic_store_explicit(&w->list[i].whole, 1, memory_order_release);
}

static void grant(struct engine *e, struct cpu *cpu, const struct wish *w)
{
    struct block *b = translate(e, cpu, w->pc, w->mode);

    if (!b || e->config.no_link)
        return;
    engine_lock(e, cpu);
    if ((b = table_find(e, w->pc, w->mode)))
        table_link_known(e, cpu, &b, 1);
    engine_unlock(e, cpu);
}

void engine_fork_expect(struct engine *e, struct cpu *cpu)
{
    struct wishes *w = e->children;

    if (!w) {
        w = mmap(NULL, sizeof(*w), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        e->children = w == MAP_FAILED ? NULL : w;
        return;
    }
    if (w->granted == WISHES || !atomic_load(&w->list[w->granted].whole))
        return;
    atomic_store(&cpu->epoch, atomic_load(&e->epoch)); /* translations are looked at */
    engine_lock(e, cpu);
    disk_look_again(e); /* the children may have written them */
    engine_unlock(e, cpu);
    for (; w->granted < WISHES && atomic_load_explicit(&w->list[w->granted].whole, memory_order_acquire); w->granted++)
        grant(e, cpu, &w->list[w->granted]);
    atomic_store(&cpu->epoch, 0);
}

static void forget(struct wishes **w)
{
    if (*w)
        munmap(*w, sizeof(**w));
    *w = NULL;
}

void engine_fork_prepare(struct engine *e)
{
    pthread_mutex_lock(&e->lock);
    cache_before_fork(e); /* if there is no memory, the child, if there will be one, says so and ends */
}

void engine_fork_parent(struct engine *e)
{
    cache_parent_fork(e);
    pthread_mutex_unlock(&e->lock);
}

void engine_fork_child(struct engine *e, struct cpu *self)
{
    /* The other cpus' threads are not in this process; their memory is, and is given back. */
    for (struct cpu *c = e->cpus, *next; c; c = next) {
        next = c->next;
        if (c != self)
            engine_cpu_free(e, c);
    }
    e->cpus = self;
    self->tick = 0; /* timers are the parent's */
    self->next = NULL;
    forget(&e->parents);
    e->parents = e->children;
    e->children = NULL;
    if (!cache_after_fork(e)) {
        table_clear(e);
        atomic_fetch_add(&e->purge, 1);
    }
    disk_after_fork(e);
    region_work_after_fork(e);
    pthread_mutex_unlock(&e->lock);
}
