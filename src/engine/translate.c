/* Makes one translation: lift, optimise (both without the lock, in the thread's own arena), compile into
 * the code cache, enter into the indexes. */
#include "engine/internal.h"
#include "opt/opt.h"
#include "support/log.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DEFAULT_INSNS 64u
#define ROOM 4096u /* bytes to begin with; a bigger unit asks again */

#define LOOKS_MAX 16u

/* Questions about code beyond the unit; what the answers rest on. */
struct flags_query {
    const struct guest *guest;
    struct guest_request rq;
    uint64_t looks[LOOKS_MAX]; /* where flags were found dead */
    uint32_t look_count;
};

/* Only of code in the unit's page, by which it is found when that code changes. */
static bool flags_dead(void *ctx, uint64_t pc)
{
    struct flags_query *q = ctx;
    if (pc >> 12 != q->rq.pc >> 12 || (pc + GUEST_LOOK_AHEAD - 1) >> 12 != pc >> 12 || q->look_count == LOOKS_MAX ||
        !q->guest->flags_dead(&q->rq, pc))
        return false;
    q->looks[q->look_count++] = pc;
    return true;
}

static uint64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void show(struct engine *e, enum engine_stage stage, const struct ir_unit *u, const void *code, size_t size)
{
    if (UNLIKELY(e->config.on_unit != NULL))
        e->config.on_unit(e->config.on_unit_ctx, stage, u, code, size);
}

/* The unit for rq, optimised, and what it depends on; false if its first instruction cannot be fetched. */
static bool lift(struct engine *e, struct cpu *cpu, const struct guest_request *rq, struct ir_unit *u,
                 struct flags_query *query)
{
    const struct guest *g = e->config.guest;
    uint8_t probe[16];
    if (!rq->fetch(rq->fetch_ctx, rq->pc, probe, g->insn_align))
        return false;
    arena_reset(cpu->arena);
    ir_unit_init(u, cpu->arena, g->slots, g->slot_count);
    u->pc = rq->pc;
    g->fp_env(rq->mode, &u->fp);
    g->translate(u, rq);
    show(e, ENGINE_STAGE_LIFTED, u, NULL, 0);
    *query = (struct flags_query){.guest = g, .rq = *rq};
    struct opt_config oc = {.enabled = !e->config.no_opt, .ctx = query, .flags_slot = g->flags_slot,
                            .flags_dead = g->flags_dead && rq->max_insns > 1 ? flags_dead : NULL};
    opt_run(u, &oc);
    show(e, ENGINE_STAGE_OPTIMISED, u, NULL, 0);
    return true;
}

/* What is kept of a compiled unit: one allocation. */
static struct block *block_new(const struct ir_unit *u, uint32_t mode, const struct host_code *hc,
                               const struct host_buffer *buf, struct chunk *chunk, const struct flags_query *query)
{
    size_t sites = hc->site_count * sizeof(struct site), looks = query->look_count * sizeof *query->looks;
    struct block *b = arena_alloc(&chunk->memory, sizeof *b + sites + looks + hc->map_size);
    b->pc = u->pc;
    b->mode = mode;
    b->guest_size = u->size ? u->size : 1;
    b->code = buf->rw + buf->exec_delta;
    b->size = (uint32_t)hc->size;
    b->entry = hc->entry;
    b->chunk = chunk;
    b->sites = (struct site *)(b + 1);
    b->site_count = hc->site_count;
    for (uint32_t i = 0; i < hc->site_count; i++)
        b->sites[i] = (struct site){.owner = b, .target = hc->sites[i].target, .offset = hc->sites[i].offset};
    uint64_t *looked = (uint64_t *)(b->sites + hc->site_count);
    memcpy(looked, query->looks, looks);
    b->looks = looked;
    b->look_count = query->look_count;
    void *map = looked + query->look_count;
    if (hc->map_size)
        memcpy(map, hc->map, hc->map_size);
    b->map = map;
    b->map_size = hc->map_size;
    return b;
}

static struct block *compile(struct engine *e, struct cpu *cpu, const struct ir_unit *u, uint32_t mode,
                             const struct flags_query *query)
{
    struct host_buffer buf;
    struct host_code hc = {0};
    struct chunk *chunk;
    for (size_t room = ROOM;; room *= 2) {
        cache_reserve(e, cpu, room, &buf, &chunk);
        int err = e->config.host->compile(u, &buf, &hc);
        if (err == 0)
            break;
        if (err != -ENOSPC || room >= e->chunk_size)
            log_die(127, "internal error: the unit at %#llx cannot be compiled (%d)", (unsigned long long)u->pc, err);
        if (buf.size > room)
            room = buf.size; /* all that was left here did not do: ask for more than that */
    }
    struct block *b = block_new(u, mode, &hc, &buf, chunk, query);
    cache_add(b);
    table_insert(e, b);
    cpu->stat[ENGINE_STAT_UNITS]++;
    cpu->stat[ENGINE_STAT_GUEST_INSNS] += u->insn_count;
    cpu->stat[ENGINE_STAT_HOST_BYTES] += hc.size;
    show(e, ENGINE_STAGE_COMPILED, u, b->code, b->size);
    return b;
}

struct block *translate(struct engine *e, struct cpu *cpu, uint64_t pc, uint32_t mode)
{
    struct block *b = table_find(e, pc, mode);
    cpu->stat[ENGINE_STAT_LOOKUPS]++;
    if (b) {
        if (UNLIKELY(b->probation)) {
            b->probation = false;
            b->chunk->hits++;
        }
        return b;
    }
    uint64_t start = e->config.timed ? now_ns() : 0;
    unsigned max = e->config.max_insns ? e->config.max_insns : DEFAULT_INSNS;
    struct guest_request rq = {.pc = pc, .mode = mode & ~ENGINE_MODE_STEP,
                               .max_insns = mode & ENGINE_MODE_STEP ? 1 : max,
                               .fetch = e->config.fetch, .fetch_ctx = e->config.fetch_ctx};
    struct ir_unit u;
    struct flags_query query;
    uint64_t generation;
    do {
        /* An invalidation between the reading of the guest's code and the entering into the indexes would
         * miss this translation. */
        generation = atomic_load(&e->invalidations);
        if (!lift(e, cpu, &rq, &u, &query))
            return NULL;
        engine_lock(e, cpu);
        b = table_find(e, pc, mode);
        if (!b && generation == atomic_load(&e->invalidations))
            b = compile(e, cpu, &u, mode, &query);
        engine_unlock(e, cpu);
    } while (!b);
    if (e->config.timed)
        cpu->stat[ENGINE_STAT_TRANSLATE_NS] += now_ns() - start;
    return b;
}
