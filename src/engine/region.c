/* The second tier: finds hot code, notes the path a thread takes from there, and puts a translation of that path in place.
 *
 * *Finding.*  With regions on, the looks at cpu->pending in units of the first tier count cpu->budget down: that costs no more
 * than the look.  When it has run out the thread is where a backward, an indirect branch or a return leads: a sample.
 * Places that are seen often enough are heads of paths.
 *
 * *Noting.*  From a head on the thread runs one unit at a time: each is unlinked before it is entered, and indirect branches
 * find an empty table, so that every way out leads to the engine, which notes where it leads.  A path ends where it comes to
 * a place it has been at, to a region that is a loop, to a system call or anything else that concerns the operating system,
 * or at a bound.  What was unlinked is linked again as any exit is.
 *
 * *Making* is region_form.c's; a wrong path makes a useless region, never a wrong one.  It replaces the unit at its head:
 * what led there is unlinked, and look-ups find the newer of the two.  Unlike a unit it depends on several ranges of guest
 * code, in several pages; if one of them changes, it goes (table.c).
 *
 * By whom, and what all this may cost: region_work.c.
 *
 * Known limitation: regions are not kept on disk. */
#include "engine/region.h"
#include <stdlib.h>
#include <string.h>

#define PERIOD      4000 /* looks from sample to sample, at least; up to an eighth more, so as to be in step with nothing */
#define HEADS       2048u
#define TRIES       3 /* paths noted from one head, if nothing comes of them */
#define STRESS      16 /* the period where everything is to be hot */

/* A place that was seen.  Places share entries: the one seen more often stays. */
struct head {
    uint64_t pc;
    uint32_t mode;
    int32_t seen; /* samples, less those of others */
    uint32_t tries;
    struct region_paths *paths; /* as far as they were noted, or NULL */
};

struct regions {
    unsigned threshold;
    int32_t period;
    uint32_t random;
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
    r->threshold = e->config.regions;
    r->period = r->threshold <= REGIONS_SOON ? STRESS : PERIOD;
    e->regions = r;
    return true;
}

/* -- noting a path ------------------------------------------------------------------------------------------ */

static void begin(struct cpu *cpu, uint64_t pc, uint32_t mode)
{
    struct recording *r = calloc(1, sizeof *r);
    if (!r)
        return;
    r->pc = pc;
    r->mode = mode;
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

/* Keeps the path with others from its head; all of them once there are enough: the caller's. */
static struct region_paths *keep(struct regions *all, const struct recording *r)
{
    struct head *h = head_of(all, r->pc, r->mode);
    if (h->pc != r->pc || h->mode != r->mode)
        return NULL;
    if (!h->paths && !(h->paths = calloc(1, sizeof *h->paths)))
        return NULL;
    struct region_paths *p = h->paths;
    p->pc = r->pc;
    p->mode = r->mode;
    p->path[p->count++] = r->path;
    if (p->count < REGION_PATHS)
        return NULL;
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
        paths = keep(e->regions, r);
    engine_unlock(e, cpu);
    region_work_noted(e, region_work_clock() - r->start);
    if (paths)
        region_work_add(e, cpu, paths);
    free(r);
}

/* -- what the run loop calls -------------------------------------------------------------------------------- */

/* Counts that pc was seen; true if a path is to be noted from there. */
static bool count(struct engine *e, uint64_t pc, uint32_t mode)
{
    struct regions *r = e->regions;
    struct head *h = head_of(r, pc, mode);
    if (h->pc != pc || h->mode != mode) {
        if (--h->seen > 0)
            return false;
        free(h->paths);
        *h = (struct head){.pc = pc, .mode = mode};
    }
    h->seen++;
    if ((unsigned)h->seen < r->threshold << (2 * h->tries) || h->tries >= TRIES)
        return false;
    const struct block *b = table_find(e, pc, mode);
    if (b && b->range_count)
        h->seen = 0;
    return h->seen && region_work_affordable(e);
}

void region_sample(struct engine *e, struct cpu *cpu, uint64_t pc, uint32_t mode)
{
    struct regions *r = e->regions;
    r->random = r->random * 1103515245u + 12345u; /* a race does no harm */
    for (unsigned i = 0; i < ARRAY_LEN(cpu->budget); i++)
        if (cpu->budget[i] < 0)
            cpu->budget[i] = r->period + (int32_t)((r->random >> 16) % (unsigned)(r->period / 8));
    if (cpu->pending) /* since it was looked at: not to be found only when the new budgets have run out */
        cpu->budget[0] = cpu->budget[1] = -1;
    cpu->stat[ENGINE_STAT_SAMPLES]++;
    if (cpu->recording)
        return;
    engine_lock(e, cpu);
    if (count(e, pc, mode))
        begin(cpu, pc, mode);
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
        region_stop(e, cpu, true);
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
