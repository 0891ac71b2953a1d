/* Ways out of a unit and within it: linkable jumps, calls and returns, indirect branches, exits,
 * labels.
 *
 * A linkable site is a jmp, jcc or call with a 32-bit displacement that does not cross an 8-byte
 * boundary, so that it is changed by one atomic store while other threads run it.  Unlinked it
 * leads to its stub, out of line:
 *
 *   stub: call   [AREA_EXIT_SITE]         (what it pushes is the site's name; it does not return)
 *   name: .long  displacement - name      (where link finds what to patch)
 *
 * Which guest PC it is for the engine knows: there are as many of these as units, and most are never run.
 *
 * Calls push the guest's return PC and use call; RET compares the PC it is to go to with the one on
 * the stack, and if they agree uses ret; whoever called takes the PC off (ret with a number to take
 * off would do both, and be slower).  Whatever the guest does with its stack, a pair that does not
 * fit only costs a look-up (AREA_RET_MISS).
 *
 * Backward jumps and calls, indirect ones, and returns that do not fit look at cpu->pending, so that
 * every loop does: one without any of them only calls forward and returns, and ends. */
#include "host/x64/x64.h"
#include <string.h>

static void store_pc(struct ctx *c, int reg)
{
    emit_store(&c->e, 8, mem_slot(c, c->t->pc_slot), reg);
}

/* A jump or call that the engine can link. */
enum site_kind { SITE_JMP, SITE_JCC, SITE_CALL };

#define STUB_SIZE 6u /* the call's bytes */

static void site_stub(struct ctx *c, struct ool *o)
{
    struct emit *e = &c->e;
    uint32_t stub = emit_pos(e);
    emit_call_m(e, mem_area(AREA_EXIT_SITE));
    uint32_t name = emit_pos(e);
    assert(name - stub == STUB_SIZE);
    emit_u32(e, o->from[0] - name);
    struct host_code *out = c->out;
    if (out->site_count == c->site_capacity) {
        uint32_t n = c->site_capacity ? 2 * c->site_capacity : 8;
        out->sites = arena_grow(c->u->arena, out->sites, c->site_capacity * sizeof *out->sites,
                                n * sizeof *out->sites);
        c->site_capacity = n;
    }
    out->sites[out->site_count++] = (struct host_site){.offset = name, .target = o->v};
}

/* Its stub, which other ways may lead to as well. */
static struct ool *site_emit(struct ctx *c, enum site_kind kind, enum x64_cc cc, uint64_t target)
{
    struct emit *e = &c->e;
    unsigned opcode = kind == SITE_JCC ? 2 : 1;
    unsigned at = (unsigned)((uintptr_t)e->p + opcode) & 7;
    /* Not NOPs before it: they take a slot each, and part a compare from the jump that is fused with it. */
    for (; at > 4 && at < 8; at++)
        emit_u8(e, 0x2e); /* CS: jumps ignore it */
    struct ool *o = ool_new(c, site_stub);
    o->v = target;
    ool_from(o, kind == SITE_JCC    ? emit_jcc(e, cc)
                : kind == SITE_CALL ? emit_call(e)
                                    : emit_jmp(e));
    return o;
}

bool site_link(const void *site, ptrdiff_t rw_delta, const void *target)
{
    const uint8_t *name = site;
    int32_t offset;
    memcpy(&offset, name, 4);
    const uint8_t *at = name + offset;
    int64_t rel = (target ? (const uint8_t *)target : name - STUB_SIZE) - (at + 4);
    if (rel != (int32_t)rel)
        return false;
    __atomic_store_n((int32_t *)(uintptr_t)(at + rw_delta), (int32_t)rel, __ATOMIC_RELEASE);
    return true;
}

static void emit_poll_exit(struct ctx *c, struct ool *o)
{
    loop_leave(c);
    if (o->r[0] >= 0 && o->r[0] != RCX)
        emit_mov_rr(&c->e, 8, RCX, o->r[0]);
    else if (o->r[0] < 0)
        emit_guest_pc(c, RCX, o->v);
    emit_jmp_m(&c->e, mem_area(AREA_EXIT_LOOKUP));
}

/* What a look at cpu->pending counts down (cpu->budget), if the unit counts. */
enum counted { COUNT_BACKWARD = CPU_BUDGET_BACKWARD, COUNT_OTHER = CPU_BUDGET_OTHER, COUNT_NOTHING };

/* Looks whether something is pending; the condition that says so.  Counted: each look takes one from a budget, which runs
 * out now and then (the engine sees where hot code is) and at once when something is pending.  There are two, so that one chain
 * of subtractions is not what is waited for. */
static enum x64_cc emit_pending(struct ctx *c, enum counted counted)
{
    if (counted != COUNT_NOTHING && c->u->counts) {
        emit_alu_mi(&c->e, ALU_SUB, 4, mem_cpu(offsetof(struct cpu, budget) + 4 * counted), 1);
        return CC_S;
    }
    emit_alu_mi(&c->e, ALU_CMP, 4, mem_cpu(offsetof(struct cpu, pending)), 0);
    return CC_NE;
}

/* Leaves for guest PC v, or for the one in reg (>= 0), if something is pending. */
static void poll(struct ctx *c, uint64_t v, int reg, enum counted counted)
{
    struct ool *o = ool_new(c, emit_poll_exit);
    o->v = v;
    o->r[0] = reg;
    enum x64_cc cc = emit_pending(c, counted);
    ool_from(o, emit_jcc(&c->e, cc));
}

/* Where a call comes back to. */
static void after_call(struct ctx *c, uint64_t pc)
{
    emit_lea(&c->e, 8, RSP, mem_at(RSP, 8));
    site_emit(c, SITE_JMP, CC_O, pc);
}

/* -- calls that the unit follows: their pairs are pushed only on the ways out ------------------------------- */

/* Before a way out: the pairs of the calls in `frame`, outermost first.  reg is overwritten. */
static void emit_pairs(struct ctx *c, const struct x64_frame *frame, int reg)
{
    struct emit *e = &c->e;
    if (!frame)
        return;
    emit_pairs(c, frame->outer, reg);
    if (frame->pc < 0x80000000u) {
        reloc_add(c, HOST_RELOC_GUEST_PC32, emit_push_i(e, (int32_t)frame->pc), frame->pc);
    } else {
        emit_guest_pc(c, reg, frame->pc);
        emit_push(e, reg);
    }
    uint32_t call = emit_call(e); /* the host's predictor is told, too */
    after_call(c, frame->pc);
    emit_patch(e, call, emit_pos(e));
}

/* The unit ends here. */
static void flush_pairs(struct ctx *c)
{
    if (!c->frame)
        return;
    flags_sync(c);
    c->ef_loc = 0;
    emit_pairs(c, c->frame, tmp_gpr(c)); /* what may follow at a label is within the calls all the same */
}

/* Out of line, the rest of JUMP_IF in a unit that follows jumps. */
static void emit_side_exit(struct ctx *c, struct ool *o)
{
    struct emit *e = &c->e;
    flags_leave(c, (enum flags_at)o->r[1]);
    loop_leave(c);
    if (o->r[0]) { /* backward */
        enum x64_cc cc = emit_pending(c, COUNT_BACKWARD);
        uint32_t over = emit_jcc_short(e, (enum x64_cc)(cc ^ 1));
        emit_guest_pc(c, RCX, o->v);
        emit_jmp_m(e, mem_area(AREA_EXIT_LOOKUP));
        emit_patch_short(e, over);
    }
    emit_pairs(c, o->frame, RCX);
    site_emit(c, SITE_JMP, CC_O, o->v);
}

/* dst := four times cpu_jump_index(pc). */
void emit_jump_index(struct emit *e, int dst, int pc)
{
    if (has(X64_BMI)) {
        emit_rorx(e, 4, dst, pc, CPU_JUMP_BITS);
    } else {
        emit_mov_rr(e, 4, dst, pc);
        emit_shift_ri(e, SHIFT_ROR, 4, dst, CPU_JUMP_BITS);
    }
    emit_alu_rr(e, ALU_XOR, 4, dst, pc);
    emit_alu_ri(e, ALU_AND, 4, dst, ((1 << CPU_JUMP_BITS) - 1) << 2);
}

static void emit_jump_not(struct ctx *c, struct ool *o)
{
    struct emit *e = &c->e;
    if (o->r[0] != RCX)
        emit_mov_rr(e, 8, RCX, o->r[0]);
    loop_leave(c);
    emit_pairs(c, o->frame, RSI);
    emit_jump_index(e, RSI, RCX);
    emit_load(e, 8, RDI, mem_cpu(offsetof(struct cpu, jumps)));
    struct x64_mem m = {.base = RDI, .index = RSI, .scale = 2};
    emit_alu_mr(e, ALU_CMP, 8, m, RCX);
    uint32_t miss = emit_jcc(e, CC_NE);
    m.disp = offsetof(struct cpu_jump, code);
    emit_jmp_m(e, m);
    emit_patch(e, miss, emit_pos(e));
    emit_jmp_m(e, mem_area(AREA_EXIT_LOOKUP));
}

static void jump_not(struct ctx *c, const struct ir_inst *in)
{
    struct emit *e = &c->e;
    int r = use_gpr(c, in->a);
    flags_sync(c);
    flags_clobber(c);
    int t = tmp_gpr(c);
    emit_guest_pc(c, t, in->imm);
    emit_alu_rr(e, ALU_CMP, 8, r, t);
    struct ool *o = ool_new(c, emit_jump_not);
    o->r[0] = r;
    o->frame = c->frame;
    ool_from(o, emit_jcc(e, CC_NE));
}

static void pair(struct ctx *c, uint64_t pc)
{
    struct x64_frame *f = arena_alloc(c->u->arena, sizeof *f);
    *f = (struct x64_frame){.pc = pc, .outer = c->frame};
    c->frame = f;
}

static bool is_backward(const struct ctx *c, uint64_t target)
{
    return target <= c->insn_pc;
}

/* Guest PC target is behind the current instruction, and nobody has looked at `pending` on the way there. */
static bool must_poll(const struct ctx *c, uint64_t target)
{
    return is_backward(c, target) && !(c->polled && target == c->u->pc);
}

/* What a backward jump counts: a region that goes round has nothing to be found any more. */
static enum counted backward_counts(const struct ctx *c, uint64_t target)
{
    return c->u->follows && target == c->u->pc ? COUNT_NOTHING : COUNT_BACKWARD;
}

/* To the top of a loop with homes of its own. */
static bool leads_back(const struct ctx *c, uint64_t target)
{
    return c->own && target == c->u->pc;
}

/* To guest PC target, unless something is pending and it lies backward.  EFLAGS hold nothing that is wanted. */
static void jump(struct ctx *c, uint64_t target)
{
    bool back = leads_back(c, target);
    if (!must_poll(c, target)) {
        if (back) {
            loop_back(c, emit_jmp(&c->e));
        } else {
            loop_leave(c);
            site_emit(c, SITE_JMP, CC_O, target);
        }
        return;
    }
    enum x64_cc cc = emit_pending(c, backward_counts(c, target));
    if (c->own) {
        struct ool *o = ool_new(c, emit_poll_exit);
        o->v = target;
        o->r[0] = -1;
        if (back) {
            loop_back(c, emit_jcc(&c->e, (enum x64_cc)(cc ^ 1)));
            ool_from(o, emit_jmp(&c->e));
        } else {
            ool_from(o, emit_jcc(&c->e, cc));
            loop_leave(c);
            site_emit(c, SITE_JMP, CC_O, target);
        }
        return;
    }
    struct ool *stub = site_emit(c, SITE_JCC, (enum x64_cc)(cc ^ 1), target);
    ool_from(stub, emit_jmp(&c->e));
}

/* To guest PC target if k holds.  AX has the flags if they are wanted there. */
static void sites_emit(struct ctx *c, struct cond k, uint64_t target)
{
    if (c->own) {
        uint32_t at[2];
        unsigned n = cond_jump(c, k, at);
        struct ool *o = leads_back(c, target) ? NULL : ool_new(c, emit_side_exit);
        for (unsigned i = 0; i < n; i++)
            if (o)
                ool_from(o, at[i]);
            else
                loop_back(c, at[i]);
        if (o) {
            o->v = target;
            o->r[1] = FLAGS_AT_AX;
        }
        return;
    }
    if (k.parity == COND_AND_NP) {
        uint32_t skip = emit_jcc_short(&c->e, CC_P);
        site_emit(c, SITE_JCC, k.cc, target);
        emit_patch_short(&c->e, skip);
        return;
    }
    site_emit(c, SITE_JCC, k.cc, target);
    if (k.parity == COND_OR_P)
        site_emit(c, SITE_JCC, CC_P, target);
}

/* The JUMP by which the unit ends where JUMP_IF does not leave it, if it comes next: its index, or 0. */
static uint32_t other_way(const struct ctx *c)
{
    uint32_t i = c->i + 1;
    while (i < c->u->count && inst_of(c, i)->op == IR_NOP)
        i++;
    return i < c->u->count && inst_of(c, i)->op == IR_JUMP && !c->frame ? i : 0;
}

/* Backward, and nothing is pending: jumped around. */
static void jump_if_backward(struct ctx *c, struct cond k, uint64_t target)
{
    uint32_t over[2];
    unsigned n = 0;
    k = cond_negate(k);
    if (k.parity == COND_PLAIN)
        over[0] = emit_jcc_short(&c->e, k.cc);
    else
        n = cond_jump(c, k, over);
    uint32_t held = c->ef_loc;
    c->ef_loc = 0; /* this way does not fall through */
    jump(c, target);
    c->ef_loc = held;
    if (k.parity == COND_PLAIN)
        emit_patch_short(&c->e, over[0]);
    for (unsigned i = 0; i < n; i++)
        emit_patch(&c->e, over[i], emit_pos(&c->e));
}

/* In a unit that goes on: the way out is seldom taken, and what is to be done on it is out of line. */
static void jump_if_aside(struct ctx *c, const struct ir_inst *in)
{
    struct cond k = cond_emit(c, in->a);
    enum flags_at where = in->attr & IR_JUMP_FLAGS_DEAD ? FLAGS_AT_AX : (enum flags_at)flags_where(c);
    bool poll = must_poll(c, in->imm);
    if (where == FLAGS_AT_AX && !c->frame && (!poll || in->imm == c->u->pc)) {
        if (poll)
            jump_if_backward(c, k, in->imm);
        else
            sites_emit(c, k, in->imm);
        return;
    }
    struct ool *o = ool_new(c, emit_side_exit);
    uint32_t at[2];
    unsigned n = cond_jump(c, k, at);
    for (unsigned i = 0; i < n; i++)
        ool_from(o, at[i]);
    o->v = in->imm;
    o->r[0] = poll;
    o->r[1] = (int)where;
    o->frame = c->frame;
}

/* Of two ways out that follow one another, the conditional jump is to the one that has nothing to do on the way: no
 * flags to save, and not to look at `pending`. */
static void jump_if(struct ctx *c, const struct ir_inst *in)
{
    uint32_t last = other_way(c);
    const struct ir_inst *other = last ? inst_of(c, last) : NULL;
    bool dead = in->attr & IR_JUMP_FLAGS_DEAD, other_dead = other && (other->attr & IR_JUMP_FLAGS_DEAD);
    bool poll = must_poll(c, in->imm);
    bool turn = other && !must_poll(c, other->imm) && (poll ? other_dead || !dead : other_dead && !dead);
    if (c->u->follows && !other) {
        jump_if_aside(c, in);
        return;
    }
    if (turn ? !other_dead : !dead)
        flags_sync_for(c, in->a);
    struct cond k = cond_emit(c, in->a);
    if (!turn) {
        if (poll)
            jump_if_backward(c, k, in->imm);
        else
            sites_emit(c, k, in->imm);
        return;
    }
    sites_emit(c, cond_negate(k), other->imm);
    if (!dead)
        flags_sync(c);
    c->ef_loc = 0;
    jump(c, in->imm);
    c->mark[last] |= INST_DONE;
    c->left = true;
}

static void branch_add(struct ctx *c, uint32_t at, uint32_t label)
{
    if (c->branch_count == c->branch_capacity) {
        uint32_t n = c->branch_capacity ? 2 * c->branch_capacity : 8;
        c->branches = arena_grow(c->u->arena, c->branches, c->branch_capacity * sizeof *c->branches,
                                 n * sizeof *c->branches);
        c->branch_capacity = n;
    }
    c->branches[c->branch_count].at = at;
    c->branches[c->branch_count++].label = label;
}

/* A register that holds guest PC pc, as what the link register was just set to, or -1. */
static int in_reg(const struct ctx *c, uint64_t pc)
{
    for (uint32_t i = c->i; i-- > 1 && i + 8 > c->i;) {
        const struct ir_inst *in = inst_of(c, i);
        if (in->op == IR_CONST && (in->attr & IR_CONST_PC) && in->imm == pc && c->loc_of[i])
            return c->locs[c->loc_of[i]].reg;
    }
    return -1;
}

/* note: the instruction may be begun again, and recover may leave where there is no room. */
static void push_pc(struct ctx *c, uint64_t pc, bool note)
{
    int held = in_reg(c, pc);
    if (held >= 0) {
        if (note)
            side_note(c, flags_where(c));
        emit_push(&c->e, held);
        return;
    }
    if (pc < 0x80000000u) {
        if (note)
            side_note(c, flags_where(c));
        reloc_add(c, HOST_RELOC_GUEST_PC32, emit_push_i(&c->e, (int32_t)pc), pc);
        return;
    }
    int t = tmp_gpr(c);
    emit_guest_pc(c, t, pc);
    if (note)
        side_note(c, flags_where(c));
    emit_push(&c->e, t);
}

static uint64_t return_pc(const struct ctx *c)
{
    for (uint32_t i = c->i; i > 0; i--)
        if (inst_of(c, i)->op == IR_INSN)
            return inst_of(c, i)->imm + inst_of(c, i)->attr;
    return c->u->pc + c->u->size;
}

static void call(struct ctx *c, uint64_t target)
{
    uint32_t poll_at = 0;
    flush_pairs(c);
    flags_sync(c);
    if (is_backward(c, target)) {
        c->ef_loc = 0;
        poll_at = emit_jcc(&c->e, emit_pending(c, COUNT_OTHER));
    }
    push_pc(c, return_pc(c), true);
    struct ool *stub = site_emit(c, SITE_CALL, CC_O, target);
    if (poll_at) /* it leaves without a pair, which costs a look-up */
        ool_from(stub, poll_at);
    after_call(c, return_pc(c));
}

static void emit_indirect_miss(struct ctx *c, struct ool *o)
{
    if (o->r[0] != RCX)
        emit_mov_rr(&c->e, 8, RCX, o->r[0]);
    if (!o->r[1]) {
        emit_jmp_m(&c->e, mem_area(AREA_EXIT_LOOKUP));
        return;
    }
    emit_call_m(&c->e, mem_area(AREA_EXIT_LOOKUP)); /* completes the pair */
    emit_patch(&c->e, emit_jmp(&c->e), o->back);
}

static void jump_indirect(struct ctx *c, const struct ir_inst *in, bool is_call)
{
    struct emit *e = &c->e;
    flags_sync(c);
    c->ef_loc = 0;
    int r = use_gpr(c, in->a);
    flush_pairs(c);
    c->gpr_locked = 1u << r;
    if (c->u->counts && !c->u->follows && !is_call)
        poll(c, 0, r, COUNT_OTHER); /* it needs none, but is where hot code is seen */
    uint64_t pc = return_pc(c);
    if (is_call)
        push_pc(c, pc, false);
    int t = tmp_gpr(c), j = tmp_gpr(c);
    emit_jump_index(e, t, r);
    emit_load(e, 8, j, mem_cpu(offsetof(struct cpu, jumps)));
    struct x64_mem m = {.base = (int8_t)j, .index = (int8_t)t, .scale = 2};
    emit_alu_mr(e, ALU_CMP, 8, m, r);
    struct ool *o = ool_new(c, emit_indirect_miss);
    ool_from(o, emit_jcc(e, CC_NE));
    o->r[0] = r;
    o->r[1] = is_call;
    m.disp = offsetof(struct cpu_jump, code);
    if (is_call) {
        emit_call_m(e, m);
        o->back = emit_pos(e);
        after_call(c, pc);
    } else {
        emit_jmp_m(e, m);
    }
}

static void emit_return_miss(struct ctx *c, struct ool *o)
{
    if (o->r[0] != RCX)
        emit_mov_rr(&c->e, 8, RCX, o->r[0]);
    emit_jmp_m(&c->e, mem_area(AREA_RET_MISS));
}

static void jump_return(struct ctx *c, const struct ir_inst *in)
{
    struct emit *e = &c->e;
    flags_sync(c);
    c->ef_loc = 0;
    int r = use_gpr(c, in->a);
    flush_pairs(c);
    emit_alu_mr(e, ALU_CMP, 8, mem_at(RSP, 8), r);
    struct ool *o = ool_new(c, emit_return_miss);
    ool_from(o, emit_jcc(e, CC_NE));
    o->r[0] = r;
    emit_ret(e);
}

static void leave(struct ctx *c, unsigned reason, uint64_t pc)
{
    emit_store_i(&c->e, 4, mem_cpu(offsetof(struct cpu, exit_reason)), (int32_t)reason);
    emit_guest_pc(c, RCX, pc);
    store_pc(c, RCX);
    emit_jmp_m(&c->e, mem_area(AREA_EXIT));
}

static void emit_exit_align(struct ctx *c, struct ool *o)
{
    emit_store(&c->e, 8, mem_cpu(offsetof(struct cpu, exit_detail)), o->r[0]);
    loop_leave(c);
    leave(c, IR_EXIT_ALIGN, o->insn_pc);
}

struct ool *exit_align(struct ctx *c, int reg)
{
    struct ool *o = ool_new(c, emit_exit_align);
    o->r[0] = reg;
    return o;
}

static void helper(struct ctx *c, const struct ir_inst *in)
{
    struct emit *e = &c->e;
    if (in->a) {
        emit_store(e, 8, mem_scratch(0), use_gpr(c, in->a));
    } else {
        int t = tmp_gpr(c);
        emit_mov_ri(e, t, in->imm);
        emit_store(e, 8, mem_scratch(0), t);
    }
    flags_detach(c);
    alloc_detach_slots(c);
    emit_store_i(e, 4, mem_frame(FRAME_DESC), in->attr);
    emit_call_m(e, mem_area(AREA_HELPER));
    c->x87 = X87_OUT;
    flags_begin(c);
}

static void label(struct ctx *c, const struct ir_inst *in)
{
    if (!c->left)
        flags_sync(c);
    c->left = false;
    c->label_at[in->imm] = emit_pos(&c->e);
    alloc_forget(c);
    c->x87 = X87_UNKNOWN;
    flags_begin(c);
}

bool select_control(struct ctx *c, const struct ir_inst *in)
{
    struct emit *e = &c->e;
    uint32_t at[2];
    switch (in->op) {
    case IR_NOP:
        return true;
    case IR_INSN:
        c->insn_pc = in->imm;
        if (UNLIKELY(x64_on_insn != NULL))
            x64_on_insn(emit_pos(e));
        return true;
    case IR_LABEL:
        label(c, in);
        return true;
    case IR_BR:
        flags_sync(c);
        branch_add(c, emit_jmp(e), (uint32_t)in->imm);
        c->left = true;
        return true;
    case IR_BR_IF: {
        flags_sync_for(c, in->a);
        unsigned n = cond_jump(c, cond_emit(c, in->a), at);
        for (unsigned i = 0; i < n; i++)
            branch_add(c, at[i], (uint32_t)in->imm);
        return true;
    }
    case IR_JUMP:
        flush_pairs(c);
        if (!(in->attr & IR_JUMP_FLAGS_DEAD))
            flags_sync(c);
        c->ef_loc = 0;
        jump(c, in->imm);
        c->left = true;
        return true;
    case IR_JUMP_IF:
        jump_if(c, in);
        return true;
    case IR_JUMP_NOT:
        jump_not(c, in);
        return true;
    case IR_POLL:
        flags_sync(c);
        flags_clobber(c);
        poll(c, in->imm, -1, COUNT_NOTHING);
        c->polled = true;
        return true;
    case IR_PAIR:
        pair(c, in->imm);
        return true;
    case IR_UNPAIR:
        if (c->frame) /* else the passes have found that its PAIR is not reached */
            c->frame = c->frame->outer;
        return true;
    case IR_JUMP_IND:
    case IR_CALL_IND:
        jump_indirect(c, in, in->op == IR_CALL_IND);
        c->left = true;
        return true;
    case IR_CALL:
        call(c, in->imm);
        c->left = true;
        return true;
    case IR_RET:
        jump_return(c, in);
        c->left = true;
        return true;
    case IR_EXIT:
        if (in->a)
            use_gpr(c, in->a);
        flush_pairs(c);
        flags_sync(c);
        if (in->a)
            emit_store(e, 8, mem_cpu(offsetof(struct cpu, exit_detail)), use_gpr(c, in->a));
        leave(c, in->attr, in->imm);
        c->left = true;
        return true;
    case IR_HELPER:
        helper(c, in);
        return true;
    default:
        return false;
    }
}
