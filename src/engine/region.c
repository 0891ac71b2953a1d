/* The second tier: finds hot code, notes the path a thread takes from there, and puts a translation of that path in place.
 *
 * *Finding.*  A timer of each thread's processor time makes it leave generated code now and then, by the way that it leaves
 * for signals: then it is where a backward or an indirect branch leads, a sample.  Places that are seen often enough are heads of
 * paths.  The longer nothing new is found, the rarer the samples.  The kernel looks at such timers when its own clock ticks,
 * some hundred times a second.  (In tests the looks at cpu->pending in units of the first tier count cpu->budget down instead.)
 *
 * *Noting.*  From a head on the thread runs one unit at a time: each is unlinked before it is entered, and indirect branches
 * find an empty table, so that every way out leads to the engine, which notes where it leads.  A path ends where it comes to
 * a place it has been at, to a region that is a loop, to a system call or anything else that concerns the operating system,
 * or at a bound.  What was unlinked is linked again as any exit is.  Several paths are noted from a head: what leads to it is
 * unlinked until the next thread comes by.
 *
 * *Making* is region_form.c's; a wrong path makes a useless region, never a wrong one.  It replaces the unit at its head:
 * what led there is unlinked, and look-ups find the newer of the two.  Unlike a unit it depends on several ranges of guest
 * code, in several pages; if one of them changes, it goes (table.c).
 *
 * By whom, and what all this may cost: region_work.c.
 *
 * Known limitation: regions are not kept on disk. */
#include "engine/region.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define FIRST_US    25000 /* of a thread's processor time, before the first sample */
#define SETTLED     64    /* entries into generated code, after which a thread is worth a timer; the first one is at once */
#define TICK_US     1000  /* between samples, as far as the kernel can; so long as there is something to be found */
#define TICK_MOST   64000
#define SAMPLES     1     /* that make a place hot: what is seen at a tick is hot in proportion to its time */
#define CHAIN       8     /* paths noted one after the other: where one ends the next may begin */
#define HEADS       2048u
#define TRIES       3 /* paths noted from one head, if nothing comes of them */
#define STRESS      16 /* looks from sample to sample in tests; up to an eighth more, so as to be in step with nothing */

/* A place that was seen.  Places share entries: the one seen more often stays. */
struct head {
    uint64_t pc;
    uint32_t mode;
    int32_t seen; /* samples, less those of others */
    uint32_t tries;
    bool waits;                 /* for the next thread that comes by: it notes another path */
    struct region_paths *paths; /* as far as they were noted, or NULL */
};

struct regions {
    unsigned threshold;
    uint32_t random;
    _Atomic uint32_t waiting; /* heads */
    struct head heads[HEADS];
};

/* Of a thread that notes a path; none else has one. */
struct recording {
    uint64_t pc; /* of the head */
    uint32_t mode;
    struct region_path path;
    const struct block *blocks[REGION_BLOCKS]; /* only to be compared with */
    uint64_t purge;
    uint64_t start; /* region_work_clock */
    unsigned chain; /* how many went before it */
};

bool regions_create(struct engine *e)
{
    if (!e->config.regions || !e->config.host->follows || e->config.no_link)
        return true;
    struct regions *r = calloc(1, sizeof *r);
    e->region_work = r ? region_work_create(&e->config) : NULL;
    if (!e->region_work) {
        free(r);
        return false;
    }
    r->threshold = regions_count(&e->config) ? 1 : SAMPLES;
    e->regions = r;
    return true;
}

/* -- noting a path ------------------------------------------------------------------------------------------ */

static void begin(struct cpu *cpu, uint64_t pc, uint32_t mode, unsigned chain)
{
    struct recording *r = calloc(1, sizeof *r);
    if (!r)
        return;
    r->pc = pc;
    r->mode = mode;
    r->chain = chain;
    r->purge = cpu->purge_seen;
    r->start = region_work_clock();
    cpu->recording = r;
}

static struct recording *end(struct cpu *cpu)
{
    struct recording *r = cpu->recording;
    cpu->recording = NULL;
    return r;
}

static bool was_there(const struct recording *r, uint64_t pc)
{
    for (uint32_t i = 0; i < r->path.count; i++)
        if (r->path.pcs[i] == pc)
            return true;
    return false;
}

/* The thread left by this exit: of a unit that it was seen to enter? */
static bool is_ours(const struct engine *e, const struct recording *r, const void *site)
{
    const struct block *b = cache_block_at(e, site);
    for (uint32_t i = r->path.count; i-- > 0;)
        if (r->blocks[i] == b)
            return true;
    return false;
}

static struct head *head_of(struct regions *r, uint64_t pc, uint32_t mode)
{
    return &r->heads[((pc >> 2 ^ mode) * 0x9e3779b97f4a7c15ull) >> 53];
}
static_assert(HEADS == 1u << 11, "head_of takes 11 bits");

/* What leads to the head comes to the engine from now on, to note one more path. */
static void wait_for(struct engine *e, struct head *h)
{
    struct block *b = table_find_unit(e, h->pc, h->mode);
    if (!b || h->waits)
        return;
    table_replace(e, b);
    h->waits = true;
    atomic_fetch_add(&e->regions->waiting, 1);
}

static void wait_no_more(struct regions *r, struct head *h)
{
    if (h->waits)
        atomic_fetch_sub(&r->waiting, 1);
    h->waits = false;
}

/* Keeps the path with others from its head; all of them once there are enough: the caller's. */
static struct region_paths *keep(struct engine *e, const struct recording *r)
{
    struct head *h = head_of(e->regions, r->pc, r->mode);
    if (h->pc != r->pc || h->mode != r->mode)
        return NULL;
    if (!h->paths && !(h->paths = calloc(1, sizeof *h->paths)))
        return NULL;
    struct region_paths *p = h->paths;
    p->pc = r->pc;
    p->mode = r->mode;
    p->path[p->count++] = r->path;
    if (p->count < REGION_PATHS) {
        wait_for(e, h);
        return NULL;
    }
    h->paths = NULL;
    h->seen = 0;
    h->tries++;
    return p;
}

void region_stop(struct engine *e, struct cpu *cpu, bool use)
{
    struct region_paths *paths = NULL;
    engine_lock(e, cpu);
    struct recording *r = end(cpu);
    if (use && r->path.count)
        paths = keep(e, r);
    engine_unlock(e, cpu);
    region_work_noted(e, region_work_clock() - r->start);
    if (paths)
        region_work_add(e, cpu, paths);
    free(r);
}

/* -- what the run loop calls -------------------------------------------------------------------------------- */

enum found { FOUND_NOTHING, FOUND_LATER, FOUND_HEAD };

/* Counts that pc was seen; HEAD: a path is to be noted from there; LATER: if there is time for it. */
static enum found count(struct engine *e, uint64_t pc, uint32_t mode)
{
    struct regions *r = e->regions;
    struct head *h = head_of(r, pc, mode);
    if (h->pc != pc || h->mode != mode) {
        if (--h->seen > 0)
            return FOUND_NOTHING;
        free(h->paths);
        wait_no_more(r, h);
        *h = (struct head){.pc = pc, .mode = mode};
    }
    h->seen++;
    if ((unsigned)h->seen < r->threshold << (2 * h->tries) || h->tries >= TRIES || h->waits)
        return FOUND_NOTHING;
    const struct block *b = table_find(e, pc, mode);
    if (b && b->range_count)
        h->seen = 0;
    if (!h->seen)
        return FOUND_NOTHING;
    return region_work_affordable(e) ? FOUND_HEAD : FOUND_LATER;
}

/* -- samples ------------------------------------------------------------------------------------------------ */

static const char tick_mark; /* its address */

bool engine_is_tick(const void *siginfo)
{
    const siginfo_t *si = siginfo;
    return si->si_code == SI_TIMER && si->si_value.sival_ptr == &tick_mark;
}

/* Of the thread's processor time. */
static void tick_set(struct cpu *cpu, uint32_t us)
{
    struct itimerspec at = {.it_value = {us / 1000000, (long)(us % 1000000) * 1000}};
    cpu->tick_us = us;
    if (cpu->tick > 0)
        syscall(SYS_timer_settime, cpu->tick - 1, 0, &at, NULL);
}

static uint32_t rarer(uint32_t us) { return us < TICK_MOST ? us + us / 4 : TICK_MOST; }

void region_tick_create(struct engine *e, struct cpu *cpu)
{
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = e->config.tick_signal};
    int id;
    if ((e->cpus != cpu || cpu->next) && cpu->stat[ENGINE_STAT_ENTERS] < SETTLED)
        return; /* without the lock: it is only a matter of when */
    cpu->tick = -1;
    if (!e->regions || !event.sigev_signo || regions_count(&e->config) || region_work_borrowed(e))
        return;
    event.sigev_value.sival_ptr = (void *)(uintptr_t)&tick_mark;
    event._sigev_un._tid = (int)syscall(SYS_gettid);
    if (syscall(SYS_timer_create, CLOCK_THREAD_CPUTIME_ID, &event, &id) != 0)
        return; /* the user has too many: this thread finds nothing */
    cpu->tick = id + 1;
    tick_set(cpu, FIRST_US);
}

void region_tick_destroy(struct cpu *cpu)
{
    if (cpu->tick > 0)
        syscall(SYS_timer_delete, cpu->tick - 1);
    cpu->tick = -1;
}

void region_sample(struct engine *e, struct cpu *cpu, uint64_t pc, uint32_t mode)
{
    struct regions *r = e->regions;
    bool ticked = cpu->pending & CPU_PENDING_SAMPLE;
    enum found found = FOUND_LATER;
    if (ticked)
        __atomic_and_fetch(&cpu->pending, ~CPU_PENDING_SAMPLE, __ATOMIC_SEQ_CST);
    r->random = r->random * 1103515245u + 12345u; /* a race does no harm */
    for (unsigned i = 0; i < ARRAY_LEN(cpu->budget); i++)
        if (cpu->budget[i] < 0)
            cpu->budget[i] = STRESS + (int32_t)((r->random >> 16) % (STRESS / 8));
    if (cpu->pending) /* since it was looked at: not to be found only when the new budgets have run out */
        cpu->budget[0] = cpu->budget[1] = -1;
    if (!ticked && !regions_count(&e->config))
        return;
    cpu->stat[ENGINE_STAT_SAMPLES]++;
    if (!cpu->recording) {
        engine_lock(e, cpu);
        found = count(e, pc, mode);
        if (found == FOUND_HEAD)
            begin(cpu, pc, mode, 0);
        engine_unlock(e, cpu);
    }
    if (ticked)
        tick_set(cpu, found == FOUND_HEAD || cpu->tick_us == FIRST_US ? TICK_US : found == FOUND_LATER ? cpu->tick_us : rarer(cpu->tick_us));
}

bool regions_wait(const struct engine *e) { return atomic_load_explicit(&e->regions->waiting, memory_order_relaxed); }

void region_visit(struct engine *e, struct cpu *cpu, uint64_t pc, uint32_t mode)
{
    const struct head *h = head_of(e->regions, pc, mode); /* without the lock: only to be looked at again */
    if (h->pc != pc || !h->waits || cpu->recording)
        return;
    engine_lock(e, cpu);
    struct head *own = head_of(e->regions, pc, mode);
    if (own->pc == pc && own->mode == mode && own->waits) {
        wait_no_more(e->regions, own);
        begin(cpu, pc, mode, CHAIN);
    }
    engine_unlock(e, cpu);
}

/* What follows on a path is hot too. */
static void go_on(struct engine *e, struct cpu *cpu, uint64_t pc, uint32_t mode, unsigned chain)
{
    struct head *h = head_of(e->regions, pc, mode);
    engine_lock(e, cpu);
    if ((h->pc != pc || h->mode != mode) && !h->waits)
        h->seen = 0; /* its place is wanted */
    if (count(e, pc, mode) == FOUND_HEAD)
        begin(cpu, pc, mode, chain);
    engine_unlock(e, cpu);
}

struct block *region_note(struct engine *e, struct cpu *cpu, struct block *b, const void *site, uint64_t pc, uint32_t mode)
{
    struct recording *r = cpu->recording;
    bool done = r->mode != mode || r->path.count == REGION_BLOCKS || cpu->purge_seen != r->purge ||
                was_there(r, pc) || (b->range_count && b->loops);
    if (r->path.count)
        done |= cpu->exit_reason != IR_EXIT_NONE || (site && !is_ours(e, r, site));
    if (done) {
        unsigned chain = r->chain + 1;
        bool more = r->path.count > 1 && chain < CHAIN && r->mode == mode && pc != r->pc;
        region_stop(e, cpu, true);
        if (more)
            go_on(e, cpu, pc, mode, chain);
        return NULL;
    }
    engine_lock(e, cpu);
    struct block *plain = table_find_unit(e, pc, mode);
    if (plain) {
        r->blocks[r->path.count] = plain;
        r->path.pcs[r->path.count++] = pc;
        table_unlink_outgoing(e, plain);
    }
    engine_unlock(e, cpu);
    if (plain)
        cpu->jumps = cpu_jumps_none; /* until the run loop's next round */
    else
        region_stop(e, cpu, true);
    return plain;
}
