/* Makes one translation: taken from disk (disk.c), or lift, optimise (both without the lock, in the thread's own arena),
 * compile into the code cache, enter into the indexes. */
#include "engine/internal.h"
#include "memory/memory.h"
#include "opt/opt.h"
#include "support/log.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DEFAULT_INSNS 64u
#define ROOM 4096u /* bytes to begin with; a bigger unit asks again */

/* The reading of guest code for one unit. */
struct reading {
    struct engine *engine;
    struct cpu *cpu;
    struct guest_request *request;
    uint64_t pc, shift;       /* where the unit is made for, and how far from where its code lies */
    struct unit_bytes *bytes; /* NULL: nobody wants to know */
    bool looking;             /* beyond the unit */
    bool guard;               /* the guest announces no changes: pages are protected before they are read */
    bool check;               /* one of them cannot be: the unit has to look itself */
    bool again;               /* what `bytes` holds is read once more */
    uint64_t guarded;         /* the page that was protected last, + 1 */
};

/* Questions about code beyond the unit; what the answers rest on. */
struct flags_query {
    const struct guest *guest;
    struct guest_request rq;
    struct reading *reading;
    uint64_t looks[UNIT_LOOKS]; /* where flags were found dead */
    uint32_t look_count;
};

/* guest_request.fetch: notes what was read. */
static bool read_code(void *ctx, uint64_t addr, void *buf, size_t n)
{
    struct reading *r = ctx;
    struct unit_bytes *b = r->bytes;
    const struct engine_config *config = &r->engine->config;

    if (r->again) {
        if (addr < r->pc || addr + n > r->pc + b->size)
            return false;
        memcpy(buf, b->bytes + (addr - r->pc), n);
        return true;
    }
    for (uint64_t page = align_down(addr, 4096); r->guard && page < addr + n; page += 4096) {
        if (r->guarded == page + 1)
            continue;
        r->guarded = page + 1;
        if (guard_code(r->engine, r->cpu, page - r->shift))
            continue;
        r->check = r->request->stores_end = true;
    }
    if (!config->fetch(config->fetch_ctx, addr - r->shift, buf, n))
        return false;
    if (!b)
        return true;
    if (r->looking) {
        if (addr == b->looks[b->look_count])
            memcpy(b->look_bytes[b->look_count], buf, n < GUEST_LOOK_AHEAD ? n : GUEST_LOOK_AHEAD);
        return true;
    }
    uint64_t at = addr - r->pc;

    if (at <= b->size && at + n <= UNIT_BYTES && at + n > b->size) {
        memcpy(b->bytes + at, buf, n);
        b->size = (uint32_t)(at + n);
    }
    return true;
}

/* Only of code in the unit's page, by which it is found when that code changes. */
static bool flags_dead(void *ctx, uint64_t pc)
{
    struct flags_query *q = ctx;
    struct unit_bytes *b = q->reading->bytes;

    if (pc >> 12 != q->rq.pc >> 12 || (pc + GUEST_LOOK_AHEAD - 1) >> 12 != pc >> 12 || q->look_count == UNIT_LOOKS)
        return false;
    q->reading->looking = true;
    if (b)
        b->looks[q->look_count] = pc;
    bool dead = q->guest->flags_dead(&q->rq, pc);

    if (dead)
        q->looks[q->look_count++] = pc;
    if (b)
        b->look_count = q->look_count;
    return dead;
}

static uint64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

void translate_show(struct engine *e, enum engine_stage stage, struct ir_unit *u, const struct block *b)
{
    if (UNLIKELY(e->config.on_unit != NULL))
        e->config.on_unit(e->config.on_unit_ctx, stage, u, b ? b->code : NULL, b ? b->size : 0);
}

/* The unit for rq, optimised, and what it depends on. check: so many of its bytes it is to compare at its entry. */
static void lift(struct engine *e, struct cpu *cpu, const struct guest_request *rq, struct reading *reading, uint32_t check,
                 struct ir_unit *u, struct flags_query *query)
{
    const struct guest *g = e->config.guest;
    unsigned stale = 0;
    arena_reset(cpu->arena);
    ir_unit_init(u, cpu->arena, g->slots, g->slot_count);
    u->pc = rq->pc;
    u->counts = regions_count(&e->config);
    g->fp_env(rq->mode, &u->fp);
    if (check)
        stale = guard_check_begin(u, reading->bytes->bytes, check);
    g->translate(u, rq);
    if (check)
        guard_check_end(u, stale);
    translate_show(e, ENGINE_STAGE_LIFTED, u, NULL);
    query->guest = g;
    query->rq = *rq;
    query->reading = reading;
    query->look_count = 0;
    struct opt_config oc = {.enabled = !e->config.no_opt, .ctx = query, .flags_slot = g->flags_slot,
                            .flags_dead = g->flags_dead && rq->max_insns > 1 && !check ? flags_dead : NULL};
    opt_run(u, &oc);
    translate_show(e, ENGINE_STAGE_OPTIMISED, u, NULL);
}

bool translate_unfetched(const struct ir_unit *u, uint64_t *behind)
{
    const struct ir_inst *last = &u->insts[u->count - 1];
    if (last->op != IR_EXIT || last->attr != IR_EXIT_FETCH)
        return false;
    *behind = u->insts[last->a].imm;
    return true;
}

/* Lifts the code for rq; again with a check of its bytes where their page cannot be protected. False if its first
 * instruction cannot be fetched: cpu->fault says where. Nothing is kept of that, as there is nothing yet that a change
 * of the memory could make invalid. */
static bool lift_guarded(struct engine *e, struct cpu *cpu, struct guest_request *rq, struct reading *reading,
                         struct ir_unit *u, struct flags_query *query)
{
    const struct guest *g = e->config.guest;
    uint8_t probe[16];
    uint64_t pc = rq->pc - reading->shift, behind;
    cpu->fault = (struct cpu_fault){.signal = SIGSEGV, .address = pc};
    if (!e->config.fetch(e->config.fetch_ctx, pc, probe, g->insn_align))
        return false;
    reading->request = rq;
    lift(e, cpu, rq, reading, 0, u, query);
    if (UNLIKELY(translate_unfetched(u, &behind))) {
        cpu->fault.address += behind;
        return false;
    }
    if (LIKELY(!reading->check))
        return true;
    reading->again = true;
    lift(e, cpu, rq, reading, reading->bytes->size < u->size ? reading->bytes->size : u->size, u, query);
    cpu->stat[ENGINE_STAT_CHECKED]++;
    return true;
}

struct block *block_enter(struct engine *e, const struct block_parts *p)
{
    const struct host_code *hc = p->code;
    struct chunk *c = p->chunk;
    if (hc->site_count > UINT16_MAX || p->range_count > UINT16_MAX || p->look_count > UINT8_MAX ||
        hc->size + block_tail((uint32_t)hc->size, p->look_count, hc->map_size) > e->chunk_size - c->used)
        log_die(127, "internal error: the unit at %#llx is too large", (unsigned long long)p->pc);
    struct block *b = cache_new_block(e, c, hc->site_count, p->range_count);
    b->pc = p->pc;
    b->mode = p->mode;
    b->guest_size = p->guest_size;
    b->code = p->buf->rw + p->buf->exec_delta;
    b->size = (uint32_t)hc->size;
    b->entry = hc->entry;
    b->loops = p->loops;
    b->look_count = (uint8_t)p->look_count;
    b->map_size = hc->map_size;
    for (uint32_t i = 0; i < hc->site_count; i++)
        block_sites(e, b)[i] = (struct site){.target = hc->sites[i].target, .offset = hc->sites[i].offset, .owner = block_ref_of(e, b)};
    for (uint32_t i = 0; i < p->range_count; i++)
        c->members[c->count][i] = (struct member){.range = p->ranges[i], .owner = b};
    uint8_t *tail = p->buf->rw + align_up(hc->size, 2);
    for (uint32_t i = 0; i < p->look_count; i++, tail += 2)
        memcpy(tail, &(uint16_t){p->looks[i] & 4095}, 2);
    if (hc->map_size)
        memcpy(tail, hc->map, hc->map_size);
    cache_add(e, c, b);
    table_insert(e, b);
    return b;
}

/* Into the code cache; lock held. */
static int compile_into(struct engine *e, struct cpu *cpu, struct ir_unit *u, struct host_buffer *buf, struct chunk **chunk,
                        struct host_code *hc)
{
    for (size_t room = ROOM;; room *= 2) {
        cache_reserve(e, cpu, room, buf, chunk);
        int err = e->config.host->compile(u, buf, hc);
        if (err != -ENOSPC || room >= e->chunk_size)
            return err;
        if (buf->size > room)
            room = buf->size; /* all that was left here did not do: ask for more than that */
    }
}

/* u compiled, for guest code at pc; NULL if it was made for elsewhere and cannot be moved. */
static struct block *compile(struct engine *e, struct cpu *cpu, struct ir_unit *u, uint64_t pc, uint32_t mode,
                             const struct flags_query *query, const struct disk_place *place)
{
    struct host_buffer buf;
    struct host_code hc = {0};
    struct chunk *chunk;
    int err = compile_into(e, cpu, u, &buf, &chunk, &hc);
    if (err)
        log_die(127, "internal error: the unit at %#llx cannot be compiled (%d)", (unsigned long long)u->pc, err);
    struct block *b;
    if (u->pc != pc) {
        b = disk_move(e, cpu, u, &hc, &buf, query->reading->bytes, pc, mode);
    } else {
        b = block_enter(e, &(struct block_parts){.pc = pc, .guest_size = u->size ? u->size : 1, .mode = mode, .code = &hc,
                                                 .buf = &buf, .chunk = chunk, .looks = query->looks,
                                                 .look_count = query->look_count});
        if (place->object)
            disk_keep(e, b, &hc, query->reading->bytes, u->insn_count, place);
    }
    if (!b)
        return NULL;
    cpu->stat[ENGINE_STAT_UNITS]++;
    cpu->stat[ENGINE_STAT_GUEST_INSNS] += u->insn_count;
    cpu->stat[ENGINE_STAT_HOST_BYTES] += hc.size;
    translate_show(e, ENGINE_STAGE_COMPILED, u, b);
    return b;
}

/* Where --relocate makes the units for pc: far away, but where addresses have as many bits.  Only code of files moves: the
 * vdso's means what it means for its address. */
static uint64_t elsewhere(uint64_t pc)
{
    if (!disk_is_file(pc))
        return pc;
    if (pc >> 32)
        return pc ^ 1ull << 40;
    return pc < 0x40000000 ? pc + 0x20000000 : pc < 0x80000000 ? pc - 0x20000000 : pc;
}

/* From disk, or NULL with *place set.  inserted: as it was before the indexes were looked at. */
static struct block *take(struct engine *e, struct cpu *cpu, uint64_t pc, uint32_t mode, uint64_t inserted,
                          struct disk_place *place)
{
    struct block *b = NULL;
    engine_lock(e, cpu);
    if (atomic_load(&e->inserted) != inserted) /* another thread may have been faster */
        b = table_find(e, pc, mode);
    if (!b)
        b = disk_take(e, cpu, pc, mode, place);
    engine_unlock(e, cpu);
    return b;
}

static struct block *make(struct engine *e, struct cpu *cpu, uint64_t pc, uint32_t mode, uint64_t inserted)
{
    bool steps = mode & ENGINE_MODE_STEP, guard = !e->config.guest->announces_code_changes && !(mode & ENGINE_MODE_ONCE);
    struct unit_bytes bytes;
    struct reading reading = {.engine = e, .cpu = cpu, .guard = guard, .pc = e->config.relocate && !steps ? elsewhere(pc) : pc};
    struct ir_unit u;
    struct flags_query query;
    struct block *b = NULL;
    while (!b) {
        struct disk_place place = {0};
        /* An invalidation between the reading of the guest's code and the entering into the indexes would
         * miss this translation. */
        uint64_t generation = atomic_load(&e->invalidations);
        /* What comes from disk is of memory that the guest cannot write, but perhaps elsewhere; that it becomes writable is
         * told (engine_now_writable). */
        if (e->disk && !steps && !(guard && memory_file_writable(pc)) && (b = take(e, cpu, pc, mode, inserted, &place)))
            break;
        if (guard && !steps && (b = guard_return(e, cpu, pc, mode, generation)))
            break;
        reading.shift = reading.pc - pc;
        reading.bytes = place.object || reading.shift || guard ? &bytes : NULL;
        reading.looking = reading.check = reading.again = false;
        reading.guarded = 0;
        bytes.size = bytes.look_count = 0;
        unsigned max = e->config.max_insns ? e->config.max_insns : DEFAULT_INSNS;
        struct guest_request rq = {.pc = reading.pc, .mode = mode & ~(ENGINE_MODE_STEP | ENGINE_MODE_ONCE), .max_insns = steps ? 1 : max,
                                   .fetch = read_code, .fetch_ctx = &reading, .x87 = e->config.host->x87};
        if (!lift_guarded(e, cpu, &rq, &reading, &u, &query))
            return NULL;
        if (reading.check)
            place.object = NULL; /* it is not as the same code elsewhere */
        engine_lock(e, cpu);
        b = table_find(e, pc, mode);
        if (!b && generation == atomic_load(&e->invalidations) && !(b = compile(e, cpu, &u, pc, mode, &query, &place)))
            reading.pc = pc; /* it can only be made for where it is */
        engine_unlock(e, cpu);
    }
    return b;
}

struct block *translate(struct engine *e, struct cpu *cpu, uint64_t pc, uint32_t mode)
{
    uint64_t inserted = atomic_load_explicit(&e->inserted, memory_order_acquire);
    struct block *b = table_find(e, pc, mode);
    cpu->stat[ENGINE_STAT_LOOKUPS]++;
    if (b) {
        if (UNLIKELY(b->probation)) {
            b->probation = false;
            block_chunk(e, b)->hits++;
        }
        return b;
    }
    uint64_t start = e->config.timed ? now_ns() : 0;
    fork_note(e, pc, mode);
    b = make(e, cpu, pc, mode, inserted);
    if (UNLIKELY(disk_wants_saving(e))) {
        disk_save(e, cpu);
        b = table_find(e, pc, mode); /* it may be gone by now */
        if (!b)
            b = make(e, cpu, pc, mode, ~0ull);
    }
    if (e->config.timed)
        cpu->stat[ENGINE_STAT_TRANSLATE_NS] += now_ns() - start;
    return b;
}
