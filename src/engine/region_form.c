/* From a path to a unit: the path's basic blocks are lifted one after the other into one unit and joined where one leads to
 * the next.
 *
 * A conditional branch keeps the way that leaves the path as a JUMP_IF in mid-unit, turned round if the path is the way it
 * jumps.  A call that the path follows becomes PAIR, its return UNPAIR behind a comparison of where it goes with where the
 * path goes; if the guest's link register was not touched in between, the passes find the comparison true.  Other indirect
 * branches become such a comparison (JUMP_NOT) too.  So any path gives a correct unit: one that is never taken is only
 * useless.
 *
 * Invariant: a unit in which a look at cpu->pending was lost (a backward or an indirect branch or call in its middle)
 * begins with one, POLL: every way round a loop through it comes through its entry. */
#include "engine/region.h"
#include "ir/build.h"
#include "opt/opt.h"

#define BLOCK_INSNS 64u /* as in units of the first tier */
#define LOCALS      64u /* of a unit; a guest instruction makes one at most */

/* -- joining ------------------------------------------------------------------------------------------------ */

/* The opposite of condition `in`, to be put in its place or elsewhere. */
static struct ir_inst opposite(const struct ir_unit *u, ir_ref r)
{
    struct ir_inst in = u->insts[r];
    if (in.op == IR_CMP || in.op == IR_FLAGS_COND) {
        in.attr ^= 1;
        return in;
    }
    return (struct ir_inst){.op = IR_NOT, .type = IR_I1, .a = r};
}

static uint64_t return_pc(const struct ir_unit *u, ir_ref first)
{
    for (ir_ref r = u->count - 1; r >= first; r--)
        if (u->insts[r].op == IR_INSN)
            return u->insts[r].imm + u->insts[r].attr;
    return 0;
}

static bool is_backward(const struct ir_unit *u, ir_ref first, uint64_t to)
{
    uint64_t after = return_pc(u, first);
    return !after || to < after;
}

bool region_join(struct ir_unit *u, ir_ref first, uint64_t next, uint64_t returns[REGION_DEPTH], unsigned *depth, bool *polls)
{
    ir_ref end = u->count - 1;
    struct ir_inst *last = &u->insts[end], *before = end > first ? last - 1 : NULL;
    const struct ir_inst was = *last;
    switch (was.op) {
    case IR_JUMP:
        if (was.imm == next) {
            *last = (struct ir_inst){.op = IR_NOP};
        } else if (before && before->op == IR_JUMP_IF && before->imm == next) {
            struct ir_inst cond = opposite(u, before->a);
            *before = cond;
            *last = (struct ir_inst){.op = IR_JUMP_IF, .a = end - 1, .imm = was.imm};
        } else {
            return false;
        }
        *polls |= is_backward(u, first, next);
        return true;
    case IR_CALL:
        if (was.imm != next || *depth == REGION_DEPTH)
            return false;
        returns[(*depth)++] = return_pc(u, first);
        *last = (struct ir_inst){.op = IR_PAIR, .imm = returns[*depth - 1]};
        *polls |= is_backward(u, first, next);
        return true;
    case IR_CALL_IND:
        if (*depth == REGION_DEPTH)
            return false;
        returns[(*depth)++] = return_pc(u, first);
        *last = (struct ir_inst){.op = IR_PAIR, .imm = returns[*depth - 1]};
        ir_jump_not(u, was.a, next);
        *polls = true;
        return true;
    case IR_JUMP_IND:
        *last = (struct ir_inst){.op = IR_JUMP_NOT, .a = was.a, .imm = next};
        *polls = true;
        return true;
    case IR_RET:
        if (!*depth || returns[*depth - 1] != next)
            return false;
        --*depth;
        *last = (struct ir_inst){.op = IR_JUMP_NOT, .a = was.a, .imm = next};
        ir_unpair(u);
        return true;
    default:
        return false;
    }
}

/* -- lifting ------------------------------------------------------------------------------------------------ */

/* The reading of guest code. */
struct reading {
    struct engine *e;
    struct cpu *cpu;
    uint64_t guarded; /* the page that was protected last, + 1 */
    bool unguarded;   /* one could not be */
};

/* Questions about code beyond the path. */
struct looking {
    struct engine *e;
    struct guest_request rq;
    struct region_unit *out;
};

/* guest_request.fetch: where the guest announces no changes of code, protects its page before. */
static bool read_code(void *ctx, uint64_t addr, void *buf, size_t n)
{
    struct reading *r = ctx;
    const struct engine_config *c = &r->e->config;
    for (uint64_t page = align_down(addr, 4096); !c->guest->announces_code_changes && page < addr + n; page += 4096) {
        if (r->guarded == page + 1)
            continue;
        r->guarded = page + 1;
        r->unguarded |= !guard_code(r->e, r->cpu, page);
    }
    return c->fetch(c->fetch_ctx, addr, buf, n);
}

static void add_range(struct region_unit *r, uint64_t pc, uint32_t size)
{
    r->ranges[r->range_count++] = (struct code_range){pc, size};
}

/* opt_config.flags_dead: not across a page's end, so that a range lies in one page. */
static bool flags_dead(void *ctx, uint64_t pc)
{
    struct looking *l = ctx;
    if ((pc + GUEST_LOOK_AHEAD - 1) >> 12 != pc >> 12 || l->out->range_count == REGION_RANGES)
        return false;
    if (!l->e->config.guest->flags_dead(&l->rq, pc))
        return false;
    add_range(l->out, pc, GUEST_LOOK_AHEAD);
    return true;
}

/* Where most of those paths go from their block i that are the same up to there (bits of *alike); of an indirect branch only
 * what at least two have taken and none has not.  False: nowhere, or most of them ended there, as where a loop begins anew. */
static bool choose(const struct region_paths *p, uint32_t i, bool indirect, uint32_t *alike, uint64_t *next)
{
    uint32_t best = 0, now = 0, ended = 0;
    for (uint32_t k = 0; k < p->count; k++)
        ended += (*alike >> k & 1) && i + 1 >= p->path[k].count;
    for (uint32_t k = 0; k < p->count; k++) {
        if (!(*alike >> k & 1) || i + 1 >= p->path[k].count)
            continue;
        uint32_t same = 0;
        for (uint32_t m = 0; m < p->count; m++)
            if ((*alike >> m & 1) && i + 1 < p->path[m].count && p->path[m].pcs[i + 1] == p->path[k].pcs[i + 1])
                same |= 1u << m;
        now |= 1u << k;
        if (__builtin_popcount(same) > __builtin_popcount(best)) {
            best = same;
            *next = p->path[k].pcs[i + 1];
        }
    }
    if (best && ended > (uint32_t)__builtin_popcount(best)) {
        *alike &= ~now;
        return false;
    }
    if (!best || (indirect && p->count > 1 && (best != now || __builtin_popcount(best) < 2)))
        return false;
    *alike = best;
    return true;
}

static bool is_indirect(const struct ir_unit *u)
{
    unsigned op = u->insts[u->count - 1].op;
    return op == IR_JUMP_IND || op == IR_CALL_IND;
}

/* The path's blocks, joined as far as that goes. */
static void follow(struct engine *e, const struct region_paths *paths, struct guest_request *rq, struct region_unit *out)
{
    const struct guest *g = e->config.guest;
    struct ir_unit *u = &out->ir;
    unsigned most = e->config.max_insns ? e->config.max_insns : BLOCK_INSNS, depth = 0;
    uint64_t returns[REGION_DEPTH];
    ir_ref poll = u->count;
    uint32_t first_size = 0;
    bool polls = false;
    uint32_t alike = (1u << paths->count) - 1;
    uint64_t next = paths->pc, behind;
    ir_poll(u, next);
    for (uint32_t i = 0; i < REGION_BLOCKS; i++) {
        ir_ref first = u->count;
        uint32_t size = u->size;
        uint8_t probe[16];
        rq->pc = next;
        if (i && !rq->fetch(rq->fetch_ctx, next, probe, g->insn_align)) {
            ir_jump(u, next);
            break;
        }
        rq->max_insns = most < LOCALS - u->local_count ? most : LOCALS - u->local_count;
        g->translate(u, rq);
        if (translate_unfetched(u, &behind)) { /* the page that it goes on in has gone */
            out->blocks = 0;
            break;
        }
        add_range(out, rq->pc, u->size - size);
        if (i == 0)
            first_size = u->size;
        out->blocks++;
        if (u->insn_count >= REGION_INSNS || u->local_count > LOCALS / 2 ||
            !choose(paths, i, is_indirect(u), &alike, &next) || !region_join(u, first, next, returns, &depth, &polls))
            break;
    }
    out->steady = alike == (1u << paths->count) - 1;
    if (!polls)
        u->insts[poll] = (struct ir_inst){.op = IR_NOP};
    u->pc = paths->pc;
    u->size = first_size;
}

/* The last block leads to the first. */
static bool leads_back(const struct ir_unit *u)
{
    const struct ir_inst *last = &u->insts[u->count - 1];
    return (last->op == IR_JUMP && last->imm == u->pc) ||
           (last->op == IR_JUMP && last[-1].op == IR_JUMP_IF && last[-1].imm == u->pc);
}

bool region_lift(struct engine *e, struct cpu *cpu, struct arena *arena, const struct region_paths *paths,
                 struct region_unit *out)
{
    const struct guest *g = e->config.guest;
    struct ir_unit *u = &out->ir;
    struct reading reading = {.e = e, .cpu = cpu};
    struct guest_request rq = {.mode = paths->mode, .fetch = read_code, .fetch_ctx = &reading,
                               .x87 = e->config.host && e->config.host->x87};
    uint8_t probe[16];
    if (!read_code(&reading, paths->pc, probe, g->insn_align))
        return false;
    arena_reset(arena);
    ir_unit_init(u, arena, g->slots, g->slot_count);
    out->blocks = out->range_count = 0;
    follow(e, paths, &rq, out);
    out->loops = leads_back(u);
    if (reading.unguarded)
        return false;
    if (out->blocks < 2 && !out->loops) /* a loop of one block is worth it: it does not count */
        return false;
    g->fp_env(rq.mode, &u->fp);
    u->follows = true;
    u->steady = out->loops && out->steady;
    u->counts = regions_count(&e->config);
    translate_show(e, ENGINE_STAGE_LIFTED, u, NULL);
    struct looking looking = {e, rq, out};
    struct opt_config oc = {.enabled = !e->config.no_opt, .ctx = &looking, .flags_slot = g->flags_slot,
                            .flags_dead = g->flags_dead && e->config.max_insns != 1 ? flags_dead : NULL};
    opt_run(u, &oc);
    translate_show(e, ENGINE_STAGE_OPTIMISED, u, NULL);
    return !reading.unguarded;
}
