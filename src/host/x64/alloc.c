/* Where values are: the backward look at uses before emission, and the register allocation that
 * goes along with emission, one instruction after the other.
 *
 * A value's place is a `struct loc`: a register, a slot it is equal to, a spill, a constant; any
 * combination of them.  A GET costs nothing: the value is the slot, and when a SET overwrites the
 * slot while the old value is still wanted, that is moved out first.  A value on its way into a
 * slot with a home is computed there at once when nothing between can see the difference (def_gpr,
 * alloc_target).
 *
 * Temporaries are given up in the order: free ones, those whose value is elsewhere too, the one
 * used farthest away (spilled).  A register that an instruction has asked for stays locked until
 * its end. */
#include "host/x64/x64.h"
#include "support/log.h"
#include <string.h>

enum loc_class class_of(enum ir_type t)
{
    if (t == IR_FLAGS)
        return LOC_FLAGS;
    if (t == IR_I1 || ir_type_is_int(t))
        return LOC_GPR;
    return t == IR_VOID ? LOC_NONE : LOC_XMM;
}

static uint8_t type_bits(enum ir_type t)
{
    unsigned n = t == IR_I1 ? 1 : 8 * ir_type_size(t);
    return (uint8_t)(n > 128 ? 128 : n);
}

/* -- analysis
 * ------------------------------------------------------------------------------------------- */

static bool same_value(const struct ctx *c, ir_ref a, ir_ref b)
{
    if (a == b)
        return true;
    const struct ir_inst *x = inst_of(c, a), *y = inst_of(c, b);
    return x->op == IR_CONST && y->op == IR_CONST && x->imm == y->imm && x->attr == y->attr &&
           x->type == y->type;
}

/* Whether x86's way of computing `in` sets EFLAGS as flags operation `f` wants them. */
static bool is_partner(const struct ctx *c, const struct ir_inst *in, ir_ref self,
                       const struct ir_inst *f)
{
    if (f->op == IR_FLAGS_LOGIC)
        return self == f->a && (in->op == IR_AND || in->op == IR_OR || in->op == IR_XOR) &&
               in->type >= IR_I32;
    if (in->type < IR_I32 || inst_of(c, f->a)->type != in->type)
        return false;
    bool same = same_value(c, in->a, f->a) && same_value(c, in->b, f->b);
    bool swapped = same_value(c, in->a, f->b) && same_value(c, in->b, f->a);
    switch (f->op) {
    case IR_FLAGS_ADD:
        return in->op == IR_ADD && (same || swapped);
    case IR_FLAGS_SUB:
        return in->op == IR_SUB && same;
    case IR_FLAGS_ADC:
        return in->op == IR_ADC && same && in->c == f->c;
    case IR_FLAGS_SBC:
        return in->op == IR_SBC && same && in->c == f->c;
    default:
        return false;
    }
}

static void find_partner(struct ctx *c, uint32_t i)
{
    const struct ir_inst *f = inst_of(c, i);
    for (uint32_t j = i - 1; j > 0 && j + 8 > i && inst_of(c, j)->op != IR_INSN; j--)
        if (is_partner(c, inst_of(c, j), j, f) && !c->pair[j]) {
            c->pair[i] = j;
            c->pair[j] = i;
            return;
        }
    /* One further on is emitted here: its operands must be there already. */
    for (uint32_t j = i + 1; j < c->u->count && j < i + 8 && inst_of(c, j)->op != IR_INSN; j++)
        if (inst_of(c, j)->a < i && inst_of(c, j)->b < i && is_partner(c, inst_of(c, j), j, f) &&
            !c->pair[j]) {
            c->pair[i] = j;
            c->pair[j] = i;
            return;
        }
}

/* The other half of four rounds of SHA-256. */
static void find_sha256(struct ctx *c, uint32_t i)
{
    const struct ir_inst *h = inst_of(c, i);
    for (uint32_t j = i + 1; j < c->u->count && j < i + 16; j++) {
        const struct ir_inst *in = inst_of(c, j);
        if (in->op == IR_LABEL)
            return;
        if (in->op == IR_SHA256 && in->attr == (h->attr ^ IR_SHA2_H ^ IR_SHA2_H2) &&
            in->a == h->b && in->b == h->a && in->c == h->c && !c->pair[j]) {
            c->pair[i] = j;
            c->pair[j] = i;
            return;
        }
    }
}

static bool is_zero(const struct ctx *c, ir_ref r)
{
    return inst_of(c, r)->op == IR_CONST && inst_of(c, r)->imm == 0;
}

/* A shift that lea can do. */
static bool is_shifted(struct ctx *c, ir_ref r)
{
    const struct ir_inst *in = inst_of(c, r);
    uint64_t n;
    return in->op == IR_SHL && value_const(c, in->b, &n) && n >= 1 && n <= 3;
}

/* Whether i, whose only user is `user`, is better computed there, into EFLAGS. */
static bool defer(struct ctx *c, uint32_t i, uint32_t user)
{
    const struct ir_inst *in = inst_of(c, i), *u = inst_of(c, user);
    uint32_t flags;
    switch (in->op) {
    case IR_CMP:
        if (inst_of(c, in->a)->type == IR_I1)
            return false;
        /* fallthrough */
    case IR_FLAGS_COND:
        return u->op == IR_JUMP_IF || u->op == IR_BR_IF ||
               (u->op == IR_SELECT && u->a == i && u->b != i && u->c != i);
    case IR_AND:
        if (in->type < IR_I32)
            return false;
        if (u->op == IR_FLAGS_LOGIC)
            return user < i + 6;
        return u->op == IR_CMP && (c->mark[user] & INST_DEFERRED) &&
               (u->attr == IR_CC_E || u->attr == IR_CC_NE) && u->a == i && is_zero(c, u->b);
    case IR_BFX:
        return in->type >= IR_I32 && in->imm >> 8 == 1 && u->op == IR_CMP &&
               (c->mark[user] & INST_DEFERRED) && (u->attr == IR_CC_E || u->attr == IR_CC_NE) &&
               u->a == i && is_zero(c, u->b);
    case IR_AESE: /* with the columns mixed: one instruction */
        return u->op == IR_AESMC && user < i + 8 && has(X64_AES);
    case IR_SHL: /* of an index: lea */
        return u->op == IR_ADD && u->type == in->type && in->type >= IR_I32 && user < i + 8 && u->a != u->b &&
               !(u->a == i && is_shifted(c, u->b)) && is_shifted(c, i);
    case IR_FADD:
    case IR_FSUB:
    case IR_FMUL:
    case IR_FDIV:
    case IR_FMIN:
    case IR_FMAX:
    case IR_FSQRT:
    case IR_FCVT:
    case IR_ITOF: /* the lowest lane of a vector */
        return user < i + 4 && fp_x86_merges(c, i, user);
    case IR_BITREV: /* to count trailing zeros */
        return u->op == IR_CLZ && in->type >= IR_I32;
    case IR_FLAGS_SUB: /* the comparison of a conditional compare: emitted in its branch */
        return u->op == IR_SELECT && u->b == i && user < i + 8 &&
               inst_of(c, in->a)->type >= IR_I32 && flags_const(c, u->c, &flags);
    default:
        return false;
    }
}

static void extend(struct ctx *c, ir_ref r, uint32_t user)
{
    if (r && c->last[r] < user)
        c->last[r] = user;
}

/* A call pushes the address it returns to, which the guest has just put into its link register. */
static void keep_return(struct ctx *c, uint32_t call)
{
    for (uint32_t i = call; i-- > 1 && i + 8 > call;) {
        const struct ir_inst *in = inst_of(c, i);
        if (in->op == IR_SET && inst_of(c, in->a)->op == IR_CONST && (inst_of(c, in->a)->attr & IR_CONST_PC))
            extend(c, in->a, call);
    }
}

static bool is_shift(const struct ctx *c, ir_ref r)
{
    unsigned op = inst_of(c, r)->op;
    return (op == IR_SHL || op == IR_SHR || op == IR_SAR || op == IR_ROR) && inst_of(c, r)->type >= IR_I32;
}

/* An integer that has no other user and no way of its own. */
static bool goes_along(const struct ctx *c, ir_ref r)
{
    const struct ir_inst *in = inst_of(c, r);
    return c->uses[r] == 1 && !c->hint[r] && in->type >= IR_I32 && in->type <= IR_I64 &&
           ((in->op >= IR_ADD && in->op <= IR_BITREV) || in->op == IR_ZEXT || in->op == IR_SEXT || in->op == IR_BFX ||
            in->op == IR_BFXS);
}

/* What goes into a slot's home is computed step by step there: of the arguments of `in` the one that it will overwrite. */
static void hint_argument(struct ctx *c, const struct ir_inst *in, uint32_t set)
{
    bool commutes = ir_op_info[in->op].flags & IR_OPF_COMMUTATIVE;
    if (commutes && is_shift(c, in->b) && goes_along(c, in->b))
        c->hint[in->b] = set;
    else if (goes_along(c, in->a))
        c->hint[in->a] = set;
    else if (commutes && goes_along(c, in->b))
        c->hint[in->b] = set;
}

/* What is computed together with its user or its partner, and on the way into which slot. */
static void find_patterns(struct ctx *c)
{
    const struct ir_unit *u = c->u;
    for (uint32_t i = u->count - 1; i > 0; i--) {
        const struct ir_inst *in = &u->insts[i];
        if (c->uses[i] == 1 && defer(c, i, c->last[i]))
            c->mark[i] |= INST_DEFERRED;
        if (in->op == IR_SET && c->t->home[in->imm] >= 0)
            c->hint[in->a] = i;
        else if ((in->op == IR_ZEXT || in->op == IR_COPY) && c->hint[i] && !c->hint[in->a] &&
                 (c->uses[in->a] == 1 || inst_of(c, c->hint[i])->a == i)) /* else it would be overwritten with the result */
            c->hint[in->a] = c->hint[i];
        else if (c->hint[i] && in->op >= IR_ADD && in->op <= IR_ROR)
            hint_argument(c, in, c->hint[i]);
    }
    for (uint32_t i = 1; i < u->count; i++) {
        unsigned op = u->insts[i].op;
        if (op >= IR_FLAGS_ADD && op <= IR_FLAGS_LOGIC && !(c->mark[i] & INST_DEFERRED) &&
            !(op == IR_FLAGS_LOGIC && (c->mark[u->insts[i].a] & INST_DEFERRED)))
            find_partner(c, i);
        if (op == IR_SHA256 && u->insts[i].attr <= IR_SHA2_H2 && !c->pair[i] && has(X64_SHA))
            find_sha256(c, i);
    }
}

void alloc_analyse(struct ctx *c)
{
    const struct ir_unit *u = c->u;
    for (uint32_t i = 1; i < u->count; i++) {
        const struct ir_inst *in = &u->insts[i];
        const ir_ref args[3] = {in->a, in->b, in->c};
        for (unsigned k = 0; k < 3; k++)
            if (args[k]) {
                if (c->uses[args[k]] < UINT16_MAX)
                    c->uses[args[k]]++;
                c->last[args[k]] = i;
            }
    }
    if (!c->plain)
        find_patterns(c);
    /* Where each instruction is really emitted decides when its arguments are used last. */
    uint32_t *at = arena_alloc(u->arena, u->count * sizeof *at), *user = c->last;
    c->last = arena_alloc(u->arena, u->count * sizeof *c->last);
    for (uint32_t i = u->count - 1; i > 0; i--) {
        const struct ir_inst *in = &u->insts[i];
        at[i] = i;
        if (in->op == IR_CALL || in->op == IR_CALL_IND)
            keep_return(c, i);
        if (c->mark[i] & INST_DEFERRED)
            at[i] = at[user[i]];
        else if (c->pair[i] && c->pair[i] < i)
            at[i] = c->pair[i];
        extend(c, in->a, at[i]);
        extend(c, in->b, at[i]);
        extend(c, in->c, at[i]);
    }
}

void alloc_begin(struct ctx *c)
{
    c->loc_count = 0;
    loc_new(c, LOC_NONE, 0); /* number 0 is none */
}

/* -- places
 * ---------------------------------------------------------------------------------------------- */

uint32_t loc_new(struct ctx *c, enum loc_class cls, uint32_t last)
{
    if (c->loc_count == c->loc_capacity) {
        uint32_t n = c->loc_capacity ? 2 * c->loc_capacity : 256;
        c->locs = arena_grow(c->u->arena, c->locs, c->loc_capacity * sizeof *c->locs,
                             n * sizeof *c->locs);
        c->loc_capacity = n;
    }
    c->locs[c->loc_count] = (struct loc){
        .cls = (uint8_t)cls, .zw = 255, .reg = -1, .slot = -1, .spill = -1, .last = last};
    return c->loc_count++;
}

struct loc *loc_at(struct ctx *c, ir_ref r)
{
    if (UNLIKELY(!c->loc_of[r]))
        give_up(c, "a value is used before it is computed");
    return &c->locs[c->loc_of[r]];
}

bool value_const(struct ctx *c, ir_ref r, uint64_t *v)
{
    const struct ir_inst *in = inst_of(c, r);
    if (in->op != IR_CONST || (in->attr & IR_CONST_PC))
        return false;
    unsigned n = type_bits((enum ir_type)in->type);
    *v = n < 64 ? in->imm & ((1ull << n) - 1) : in->imm;
    return true;
}

bool value_imm32(struct ctx *c, ir_ref r, unsigned sz, int32_t *v)
{
    uint64_t k;
    if (!value_const(c, r, &k))
        return false;
    if (sz == 8 && (int64_t)k != (int32_t)k)
        return false;
    *v = sz == 1 ? (int8_t)k : sz == 2 ? (int16_t)k : (int32_t)k;
    return true;
}

bool value_dies(struct ctx *c, ir_ref r)
{
    return loc_at(c, r)->last <= c->i;
}

static bool is_temp(const struct loc *l)
{
    return l->reg >= 0 && ((l->cls == LOC_XMM ? X64_XMM_TEMPS : X64_GPR_TEMPS) >> l->reg & 1);
}

static int16_t spill_new(struct ctx *c, uint32_t loc)
{
    for (unsigned i = 0; i < SPILL_MAX; i++) {
        uint32_t o = c->spill_owner[i];
        if (!o || c->locs[o].last < c->i || c->locs[o].spill != (int16_t)i) {
            c->spill_owner[i] = loc;
            if (i >= c->spill_high)
                c->spill_high = i + 1;
            return (int16_t)i;
        }
    }
    log_die(1, "a translation needs more than %d spilled values", SPILL_MAX);
}

static struct x64_mem mem_spill(const struct loc *l)
{
    return mem_frame(FRAME_SPILLS + 16u * (unsigned)l->spill);
}

static void drop_reg(struct ctx *c, uint32_t loc)
{
    struct loc *l = &c->locs[loc];
    if (is_temp(l))
        (l->cls == LOC_XMM ? c->xmm_owner : c->gpr_owner)[l->reg] = 0;
    l->reg = -1;
}

/* Gives up the value's temporary; its value is kept in memory unless it is there already. */
static void evict(struct ctx *c, uint32_t loc)
{
    struct loc *l = &c->locs[loc];
    if (l->last >= c->i && !l->is_const && l->slot < 0 && l->spill < 0) {
        l->spill = spill_new(c, loc);
        l = &c->locs[loc];
        if (l->cls == LOC_XMM)
            emit_v_mr(&c->e, V_MOVAPS_ST, mem_spill(l), l->reg, -1);
        else
            emit_store(&c->e, 8, mem_spill(l), l->reg);
    }
    drop_reg(c, loc);
}

/* A temporary that is neither locked nor in avoid, empty. */
static int pick(struct ctx *c, enum loc_class cls, uint32_t avoid)
{
    uint32_t *owner = cls == LOC_XMM ? c->xmm_owner : c->gpr_owner;
    uint32_t temps =
        cls == LOC_XMM ? X64_XMM_TEMPS & ~c->xmm_locked : X64_GPR_TEMPS & ~c->gpr_locked;
    if (x64_compile_mode == X64_COMPILE_TIGHT && !c->plain)
        temps &= cls == LOC_XMM ? 0x0f : 1u << RCX | 1u << RDX;
    int best = -1;
    uint64_t best_score = 0;
    temps &= ~avoid;
    for (int r = 0; r < 16; r++) {
        if (!(temps >> r & 1))
            continue;
        const struct loc *l = &c->locs[owner[r]];
        uint64_t score;
        if (!owner[r] || l->last < c->i)
            score = 3ull << 32;
        else
            score = (uint64_t)(l->is_const || l->slot >= 0 || l->spill >= 0 ? 1 : 0) << 32 |
                    (l->last + 1);
        if (score > best_score) {
            best = r;
            best_score = score;
        }
    }
    if (UNLIKELY(best < 0))
        give_up(c, "no register is left");
    if (owner[best])
        evict(c, owner[best]);
    return best;
}

void loc_own(struct ctx *c, uint32_t loc, int reg)
{
    struct loc *l = &c->locs[loc];
    l->reg = (int8_t)reg;
    if (is_temp(l))
        (l->cls == LOC_XMM ? c->xmm_owner : c->gpr_owner)[reg] = loc;
}

static void lock_reg(struct ctx *c, enum loc_class cls, int reg)
{
    if (cls == LOC_XMM)
        c->xmm_locked |= 1u << reg;
    else
        c->gpr_locked |= 1u << reg;
}

int tmp_gpr(struct ctx *c)
{
    int r = pick(c, LOC_GPR, 0);
    lock_reg(c, LOC_GPR, r);
    return r;
}

int tmp_xmm(struct ctx *c)
{
    int r = pick(c, LOC_XMM, 0);
    lock_reg(c, LOC_XMM, r);
    return r;
}

void take_gpr(struct ctx *c, int reg)
{
    if (UNLIKELY(c->gpr_locked >> reg & 1))
        give_up(c, "a register is needed twice");
    uint32_t o = c->gpr_owner[reg];
    if (o && c->locs[o].last >= c->i) {
        uint32_t others = X64_GPR_TEMPS & ~c->gpr_locked & ~(1u << reg);
        int free_reg = -1;
        for (int r = 0; r < 16; r++)
            if ((others >> r & 1) && !c->gpr_owner[r])
                free_reg = r;
        if (free_reg >= 0 && !c->locs[o].is_const) {
            emit_mov_rr(&c->e, 8, free_reg, reg);
            c->gpr_owner[reg] = 0;
            loc_own(c, o, free_reg);
        } else {
            evict(c, o);
        }
    } else if (o) {
        drop_reg(c, o);
    }
    lock_reg(c, LOC_GPR, reg);
}

void take_xmm(struct ctx *c, int reg)
{
    if (UNLIKELY(c->xmm_locked >> reg & 1))
        give_up(c, "a register is needed twice");
    uint32_t o = c->xmm_owner[reg];
    lock_reg(c, LOC_XMM, reg);
    if (!o)
        return;
    for (int r = 0; r < 8 && c->locs[o].last >= c->i && !c->locs[o].is_const; r++)
        if (!c->xmm_owner[r] && !(c->xmm_locked >> r & 1)) {
            emit_v_rr(&c->e, V_MOVAPS, r, reg, -1);
            c->xmm_owner[reg] = 0;
            loc_own(c, o, r);
            return;
        }
    evict(c, o);
}

/* -- reading values
 * ------------------------------------------------------------------------------------------ */

static void load_gpr(struct ctx *c, int dst, const struct loc *l)
{
    if (l->is_const && l->pc)
        emit_guest_pc(c, dst, l->imm);
    else if (l->is_const)
        emit_mov_ri(&c->e, dst, l->imm);
    else if (l->slot >= 0)
        emit_load(&c->e, 8, dst, mem_slot(c, (unsigned)l->slot));
    else
        emit_load(&c->e, 8, dst, mem_spill(l));
}

/* What slot l is equal to has a far home: its register, or -1. */
static int far_of(const struct ctx *c, const struct loc *l)
{
    return l->slot >= 0 ? c->t->far[l->slot] : -1;
}

static void load_xmm(struct ctx *c, int dst, const struct loc *l)
{
    if (l->is_const && l->imm == 0)
        emit_v_rrr(&c->e, V_PXOR, dst, dst, dst, -1);
    else if (l->is_const)
        emit_v_rm(&c->e, V_MOVAPS, dst, emit_pool(&c->e, l->imm, l->zw <= 64 ? 0 : l->imm), -1);
    else if (far_of(c, l) >= 0)
        emit_evex_rr(&c->e, V_MOVAPS, dst, far_of(c, l));
    else if (l->slot >= 0)
        emit_v_rm(&c->e, V_MOVAPS, dst, mem_slot(c, (unsigned)l->slot), -1);
    else
        emit_v_rm(&c->e, V_MOVAPS, dst, mem_spill(l), -1);
}

int in_gpr(struct ctx *c, ir_ref r)
{
    return loc_at(c, r)->reg;
}
bool in_mem(struct ctx *c, ir_ref r, struct x64_mem *m)
{
    const struct loc *l = loc_at(c, r);
    if (l->reg >= 0 || l->is_const || far_of(c, l) >= 0)
        return false;
    *m = l->slot >= 0 ? mem_slot(c, (unsigned)l->slot) : mem_spill(l);
    return true;
}

int loc_load(struct ctx *c, uint32_t loc)
{
    if (c->locs[loc].reg < 0) {
        int reg = pick(c, LOC_GPR, 0);
        load_gpr(c, reg, &c->locs[loc]);
        loc_own(c, loc, reg);
    }
    lock_reg(c, LOC_GPR, c->locs[loc].reg);
    return c->locs[loc].reg;
}

int use_gpr(struct ctx *c, ir_ref r)
{
    loc_at(c, r);
    return loc_load(c, c->loc_of[r]);
}

int use_xmm(struct ctx *c, ir_ref r)
{
    loc_at(c, r);
    uint32_t loc = c->loc_of[r];
    if (c->locs[loc].reg < 0) {
        int reg = pick(c, LOC_XMM, 0);
        load_xmm(c, reg, &c->locs[loc]);
        loc_own(c, loc, reg);
    }
    lock_reg(c, LOC_XMM, c->locs[loc].reg);
    return c->locs[loc].reg;
}

void move_to_gpr(struct ctx *c, int dst, ir_ref r)
{
    const struct loc *l = loc_at(c, r);
    if (l->reg >= 0 && l->reg != dst)
        emit_mov_rr(&c->e, 8, dst, l->reg);
    else if (l->reg < 0)
        load_gpr(c, dst, l);
}

void move_to_xmm(struct ctx *c, int dst, ir_ref r)
{
    const struct loc *l = loc_at(c, r);
    if (l->reg >= 0 && l->reg != dst)
        emit_v_rr(&c->e, V_MOVAPS, dst, l->reg, -1);
    else if (l->reg < 0)
        load_xmm(c, dst, l);
}

/* -- making values
 * --------------------------------------------------------------------------------------------- */

/* The home that value r may be computed into now, or -1: between here and its SET nothing may
 * fault, leave or read the slot, and what the slot holds now must not be wanted beyond this
 * instruction. */
int alloc_target(struct ctx *c, ir_ref r)
{
    uint32_t set = c->hint[r];
    if (!set || set > c->i + 16)
        return -1;
    unsigned slot = (unsigned)inst_of(c, set)->imm;
    uint32_t held = c->slot_loc[slot];
    if (held && c->locs[held].slot == (int16_t)slot && c->locs[held].last > c->i)
        return -1;
    for (uint32_t j = c->i + 1; j < set; j++) {
        const struct ir_inst *in = inst_of(c, j);
        if (in->op == IR_GET && in->imm == slot)
            return -1;
        if ((in->op == IR_SET && in->imm != slot) || in->op == IR_PREFETCH || in->op == IR_INSN)
            continue;
        if ((ir_op_info[in->op].flags & (IR_OPF_EFFECT | IR_OPF_FAULTS | IR_OPF_ENDS)) &&
            in->op != IR_LSET)
            return -1;
    }
    return c->t->home[slot];
}

static uint32_t def_loc(struct ctx *c, ir_ref r, enum loc_class cls)
{
    uint32_t loc = loc_new(c, cls, c->last[r]);
    c->locs[loc].zw = type_bits((enum ir_type)inst_of(c, r)->type);
    /* Arithmetic on bytes and halves leaves rubbish above them. */
    if (cls == LOC_GPR && c->locs[loc].zw < 32 && c->locs[loc].zw > 1)
        c->locs[loc].zw = 64;
    if (cls == LOC_XMM)
        c->locs[loc].zw = 128;
    c->loc_of[r] = loc;
    return loc;
}

static int def_reg(struct ctx *c, ir_ref r, enum loc_class cls, int reuse, uint32_t avoid)
{
    uint32_t *owner = cls == LOC_XMM ? c->xmm_owner : c->gpr_owner;
    uint32_t temps = cls == LOC_XMM ? X64_XMM_TEMPS : X64_GPR_TEMPS;
    int reg = alloc_target(c, r);
    if (reg < 0 || (avoid >> reg & 1)) {
        reg = -1;
        if (reuse >= 0 && !(avoid >> reuse & 1) && (temps >> reuse & 1)) {
            uint32_t o = owner[reuse];
            if (!o || c->locs[o].last <= c->i) {
                if (o)
                    drop_reg(c, o);
                reg = reuse;
            }
        }
        if (reg < 0)
            reg = pick(c, cls, avoid);
    }
    loc_own(c, def_loc(c, r, cls), reg);
    lock_reg(c, cls, reg);
    return reg;
}

int def_gpr(struct ctx *c, ir_ref r, int reuse, uint32_t avoid)
{
    return def_reg(c, r, LOC_GPR, reuse, avoid);
}
int def_xmm(struct ctx *c, ir_ref r, int reuse, uint32_t avoid)
{
    return def_reg(c, r, LOC_XMM, reuse, avoid);
}

void def_gpr_in(struct ctx *c, ir_ref r, int reg)
{
    loc_own(c, def_loc(c, r, LOC_GPR), reg);
}
void def_same(struct ctx *c, ir_ref r, ir_ref of)
{
    uint32_t loc = c->loc_of[of];
    c->loc_of[r] = loc;
    c->inv[r] = c->inv[of];
    if (c->locs[loc].last < c->last[r])
        c->locs[loc].last = c->last[r];
}

/* -- slots
 * ---------------------------------------------------------------------------------------------------
 */

/* Slots whose memory a value may stand for as it is: 64-bit integers and 128-bit vectors. */
static bool slot_names(const struct ctx *c, unsigned slot, enum loc_class *cls)
{
    enum ir_type t = (enum ir_type)c->t->guest->slots[slot].type;
    *cls = class_of(t);
    return t == IR_I64 || t == IR_V128;
}

void alloc_get(struct ctx *c, ir_ref r, unsigned slot)
{
    enum loc_class cls;
    enum ir_type type = (enum ir_type)inst_of(c, r)->type;
    bool names = slot_names(c, slot, &cls);
    if (names && cls == class_of(type)) {
        uint32_t held = c->slot_loc[slot];
        if (held && c->locs[held].slot == (int16_t)slot && c->locs[held].last >= c->i) {
            c->loc_of[r] = held;
            if (c->locs[held].last < c->last[r])
                c->locs[held].last = c->last[r];
            return;
        }
        uint32_t loc = loc_new(c, cls, c->last[r]);
        c->locs[loc].slot = (int16_t)slot;
        c->locs[loc].zw = cls == LOC_XMM ? 128 : 64;
        c->locs[loc].reg = c->t->home[slot];
        c->loc_of[r] = loc;
        c->slot_loc[slot] = loc;
        return;
    }
    struct x64_mem m = mem_slot(c, slot);
    unsigned sz = type_bytes(type);
    if (cls == LOC_XMM && class_of(type) == LOC_GPR) { /* an integer part of a vector */
        int d = def_gpr(c, r, -1, 0), from = c->t->far[slot] >= 0 ? c->t->far[slot] : c->t->home[slot];
        if (from >= 0) {
            emit_movd_rx(&c->e, sz == 8 ? 8 : 4, d, from);
            if (sz < 4)
                emit_zext(&c->e, sz, d, d);
        } else {
            emit_load(&c->e, sz, d, m);
        }
    } else if (class_of(type) == LOC_GPR) {
        emit_load(&c->e, sz, def_gpr(c, r, -1, 0), m);
        loc_at(c, r)->zw = type_bits(type);
    } else if (c->t->home[slot] >=
               0) { /* a float in an integer slot with a home: not today's guests */
        emit_movd_xr(&c->e, 8, def_xmm(c, r, -1, 0), c->t->home[slot]);
    } else if (sz == 2) {
        int t = tmp_gpr(c);
        emit_load(&c->e, 2, t, m);
        emit_movd_xr(&c->e, 4, def_xmm(c, r, -1, 0), t);
    } else {
        emit_v_rm(&c->e,
                  sz == 4   ? V_MOVSS
                  : sz <= 8 ? V_MOVQ
                            : V_MOVUPS,
                  def_xmm(c, r, -1, 0), m, -1);
    }
}

/* What the slot held until now gets a place of its own if it is still wanted. */
static void detach(struct ctx *c, unsigned slot)
{
    uint32_t old = c->slot_loc[slot];
    c->slot_loc[slot] = 0;
    if (!old || c->locs[old].slot != (int16_t)slot)
        return;
    if (c->locs[old].last <= c->i || c->locs[old].spill >= 0 || c->locs[old].is_const ||
        is_temp(&c->locs[old])) {
        if (!is_temp(&c->locs[old]))
            c->locs[old].reg = -1;
        c->locs[old].slot = -1;
        return;
    }
    enum loc_class cls = (enum loc_class)c->locs[old].cls;
    int reg = pick(c, cls, 0);
    struct loc *l = &c->locs[old];
    if (cls == LOC_XMM) {
        if (l->reg >= 0)
            emit_v_rr(&c->e, V_MOVAPS, reg, l->reg, -1);
        else
            load_xmm(c, reg, l);
    } else if (l->reg >= 0) {
        emit_mov_rr(&c->e, 8, reg, l->reg);
    } else {
        load_gpr(c, reg, l);
    }
    l->slot = -1;
    l->reg = -1;
    loc_own(c, old, reg);
}

void alloc_detach_slots(struct ctx *c)
{
    for (unsigned s = 0; s < c->t->guest->slot_count; s++)
        if (c->slot_loc[s])
            detach(c, s);
}

void alloc_set(struct ctx *c, unsigned slot, ir_ref r)
{
    enum loc_class cls;
    bool names = slot_names(c, slot, &cls);
    unsigned sz = type_bytes((enum ir_type)c->t->guest->slots[slot].type);
    struct x64_mem m = mem_slot(c, slot);
    uint32_t loc = c->loc_of[r];
    if (!names) {
        int32_t imm;
        if (cls == LOC_XMM && sz == 2) {
            int t = tmp_gpr(c);
            emit_movd_rx(&c->e, 4, t, use_xmm(c, r));
            emit_store(&c->e, 2, m, t);
        } else if (cls == LOC_XMM)
            emit_v_mr(&c->e,
                      sz == 4   ? V_MOVSS_ST
                      : sz <= 8 ? V_MOVQ_ST
                                : V_MOVUPS_ST,
                      m, use_xmm(c, r), -1);
        else if (value_imm32(c, r, sz, &imm))
            emit_store_i(&c->e, sz, m, imm);
        else
            emit_store(&c->e, sz, m, use_gpr(c, r));
        return;
    }
    if (c->locs[loc].slot == (int16_t)slot)
        return;
    int home = c->t->home[slot];
    bool in_place = home >= 0 && c->locs[loc].reg == home && c->locs[loc].slot < 0;
    if (!in_place) {
        if (c->locs[loc].reg >= 0)
            lock_reg(c, cls, c->locs[loc].reg);
        detach(c, slot);
    }
    c->slot_loc[slot] = 0;
    if (home < 0) {
        int32_t imm;
        if (c->t->far[slot] >= 0)
            emit_evex_rr(&c->e, V_MOVAPS, c->t->far[slot], use_xmm(c, r));
        else if (cls == LOC_XMM)
            emit_v_mr(&c->e, V_MOVAPS_ST, m, use_xmm(c, r), -1);
        else if (value_imm32(c, r, 8, &imm))
            emit_store_i(&c->e, 8, m, imm);
        else
            emit_store(&c->e, 8, m, use_gpr(c, r));
    } else if (!in_place) {
        if (cls == LOC_XMM)
            move_to_xmm(c, home, r);
        else
            move_to_gpr(c, home, r);
    }
    struct loc *l = &c->locs[loc];
    if (l->slot >= 0 || (l->is_const && home < 0)) {
        /* It is something else already.  It may have been computed in this home all the same, which is now the
         * slot's alone: the next SET would overwrite it. */
        if (home >= 0 && l->reg == home)
            l->reg = -1;
        return;
    }
    l->slot = (int16_t)slot;
    c->slot_loc[slot] = loc;
    if (home >= 0) {
        drop_reg(c, loc);
        l->reg = (int8_t)home;
    }
}

/* -- bookkeeping
 * ------------------------------------------------------------------------------------------------
 */

/* Only temporaries have owners. */
static_assert(X64_GPR_TEMPS == (1u << RCX | 1u << RDX | 1u << RSI | 1u << RDI) &&
                  X64_XMM_TEMPS == 0xff,
              "the temporaries of alloc_end_inst");

void alloc_end_inst(struct ctx *c)
{
    static const uint8_t gprs[] = {RCX, RDX, RSI, RDI};
    c->gpr_locked = c->xmm_locked = 0;
    for (unsigned k = 0; k < ARRAY_LEN(gprs); k++) {
        uint32_t o = c->gpr_owner[gprs[k]];
        if (o && c->locs[o].last <= c->i)
            drop_reg(c, o);
    }
    for (unsigned r = 0; r < 8; r++) {
        uint32_t o = c->xmm_owner[r];
        if (o && c->locs[o].last <= c->i)
            drop_reg(c, o);
    }
}

void alloc_forget(struct ctx *c)
{
    memset(c->gpr_owner, 0, sizeof c->gpr_owner);
    memset(c->xmm_owner, 0, sizeof c->xmm_owner);
    memset(c->slot_loc, 0, sizeof c->slot_loc);
    memset(c->spill_owner, 0, c->spill_high * sizeof c->spill_owner[0]);
    c->gpr_locked = c->xmm_locked = 0;
}
