/* Constants, identities, common subexpressions.
 *
 * The unit is written anew in one walk: each instruction's arguments are replaced by their new
 * values, the rules of fold_*.c try to simplify it, and the result is looked up among the values
 * that exist (a hash table that keeps the newest of each hash: some repetitions are missed, time is
 * linear). NOPs, COPYs and what cannot be reached any more are not copied.
 *
 * Operations that raise floating-point flags are never computed here nor dropped, but for
 * repetitions of the same operation: the flags are cumulative, so a second time adds nothing unless
 * something looked at them or cleared them in between. */
#include "opt/fold.h"

#include <string.h>

/* -- the new unit ---------------------------------------------------------------- */

/* An upper bound of the bits an integer value needs, from its definition. */
static unsigned value_width(const struct fold *f, const struct ir_inst *in)
{
    unsigned bits = fold_bits((enum ir_type)in->type), w = bits;

    switch (in->op) {
    case IR_CONST:
        if (!in->attr)
            w = in->imm ? 64 - (unsigned)__builtin_clzll(in->imm) : 0;
        break;
    case IR_ZEXT:
    case IR_TRUNC:
    case IR_ANDN:
    case IR_UDIV: w = f->width[in->a]; break;
    case IR_LOAD:
    case IR_VEXT: w = fold_bits((enum ir_type)in->lane); break;
    case IR_BFX: w = (unsigned)in->imm >> 8 & 0xff; break;
    case IR_AND: w = f->width[in->a] < f->width[in->b] ? f->width[in->a] : f->width[in->b]; break;
    case IR_OR:
    case IR_XOR: w = f->width[in->a] > f->width[in->b] ? f->width[in->a] : f->width[in->b]; break;
    case IR_SELECT:
        w = f->width[in->b] > f->width[in->c] ? f->width[in->b] : f->width[in->c];
        break;
    case IR_SHR:
        if (fold_is_const(f, in->b)) {
            unsigned by = (unsigned)fold_at(f, in->b)->imm & (bits - 1);
            w = f->width[in->a] > by ? f->width[in->a] - by : 0;
        }
        break;
    case IR_CLZ:
    case IR_CTZ:
    case IR_POPCNT: w = 7; break;
    case IR_FLAGS_BITS: w = 16; break;
    default: break;
    }
    return w < bits ? w : bits;
}

static ir_ref append(struct fold *f, const struct ir_inst *in)
{
    ir_ref r = ir_emit(f->u, *in);

    if (UNLIKELY(r >= f->width_capacity)) {
        f->width = arena_grow(f->u->arena, f->width, f->width_capacity, f->width_capacity * 2);
        f->width_capacity *= 2;
    }
    if (ir_type_is_int((enum ir_type)in->type) || in->type == IR_I1)
        f->width[r] = (uint8_t)value_width(f, in);
    return r;
}

static unsigned hash_of(const struct fold *f, const struct ir_inst *in)
{
    struct ir_inst key = *in;
    uint64_t w[3];

    /* What is found does not depend on where the guest's code lies: a translation is the same anywhere. */
    if (key.op == IR_CONST && (key.attr & IR_CONST_PC))
        key.imm -= f->u->pc;
    memcpy(w, &key, sizeof(w));
    w[0] = (w[0] ^ w[2]) * 0x9e3779b97f4a7c15u;
    w[1] = (w[1] + w[0]) * 0xc2b2ae3d27d4eb4fu;
    return (unsigned)((w[0] ^ w[1]) >> (64 - f->table_bits));
}
static_assert(sizeof(struct ir_inst) == 24, "hash_of takes three words");

ir_ref fold_emit(struct fold *f, const struct ir_inst *in)
{
    ir_ref *slot = &f->table[hash_of(f, in)], r = *slot;
    ir_ref from = ir_op_info[in->op].flags & IR_OPF_FP ? f->fp_region : f->region;

    if (r >= from && r && !memcmp(fold_at(f, r), in, sizeof(*in)))
        return r;
    return *slot = append(f, in);
}

ir_ref fold_const(struct fold *f, enum ir_type t, uint64_t imm)
{
    struct ir_inst in = {.op = IR_CONST, .type = (uint8_t)t, .imm = imm};

    if (ir_type_size(t) < 8)
        in.imm &= fold_ones(t);
    return fold_emit(f, &in);
}

/* -- constants ------------------------------------------------------------------- */

static void const_value(const struct ir_inst *in, union ir_value *out)
{
    unsigned words = (ir_type_size((enum ir_type)in->type) + 7) / 8;

    *out = (union ir_value){{0}};
    for (unsigned i = 0; i < words; i++)
        out->u64[i] = in->imm;
}

/* True if a CONST can say it: equal in every 64 bits. */
static bool is_expressible(enum ir_type t, const union ir_value *v)
{
    for (unsigned i = 1; i < ir_type_size(t) / 8; i++)
        if (v->u64[i] != v->u64[0])
            return false;
    return true;
}

/* All arguments constants: computed here. */
static ir_ref fold_constants(struct fold *f, const struct ir_inst *in)
{
    const ir_ref args[3] = {in->a, in->b, in->c};
    union ir_value v[3], out;
    unsigned n = ir_op_info[in->op].args;

    if ((ir_op_info[in->op].flags & (IR_OPF_PURE | IR_OPF_FP)) != IR_OPF_PURE || !n ||
        in->type == IR_FLAGS || in->type == IR_F80 || in->op > IR_VREDUCE || in->op == IR_COPY)
        return IR_NONE;
    for (unsigned i = 0; i < n; i++) {
        if (!fold_is_const(f, args[i]))
            return IR_NONE;
        const_value(fold_at(f, args[i]), &v[i]);
    }
    ir_eval((enum ir_op)in->op, (enum ir_type)in->type, (enum ir_type)in->lane, in->attr,
            (enum ir_type)fold_at(f, in->a)->type, in->imm, &v[0], n > 1 ? &v[1] : NULL,
            n > 2 ? &v[2] : NULL, &out, NULL);
    if (!is_expressible((enum ir_type)in->type, &out))
        return IR_NONE;
    return fold_const(f, (enum ir_type)in->type, out.u64[0]);
}

/* -- the walk -------------------------------------------------------------------- */

static ir_ref fold_pure(struct fold *f, struct ir_inst *in)
{
    ir_ref r;

    if (in->op == IR_COPY)
        return in->a;
    if ((ir_op_info[in->op].flags & IR_OPF_COMMUTATIVE) && fold_is_const(f, in->a) &&
        !fold_is_const(f, in->b)) {
        ir_ref a = in->a;
        in->a = in->b;
        in->b = a;
    }
    r = fold_constants(f, in);
    if (!r && in->op >= IR_ADD && in->op <= IR_CRC32)
        r = fold_integer(f, in);
    if (!r && in->op >= IR_ZEXT && in->op <= IR_BFI)
        r = fold_convert(f, in);
    if (!r && ((in->op >= IR_SELECT && in->op <= IR_FLAGS_COND) || in->type == IR_I1 ||
               in->op == IR_ADC || in->op == IR_SBC))
        r = fold_choice(f, in);
    if (!r && in->op >= IR_VADD && in->op <= IR_VREDUCE)
        r = fold_vector(f, in);
    return r ? r : fold_emit(f, in);
}

/* Branches on constants; true if what follows, up to a label, cannot be reached. */
static bool fold_branch(struct fold *f, struct ir_inst *in)
{
    if (in->op == IR_JUMP_IF || in->op == IR_BR_IF) {
        if (fold_is(f, in->a, 0)) {
            in->op = IR_NOP;
            return false;
        }
        if (fold_is(f, in->a, 1)) {
            in->op = in->op == IR_JUMP_IF ? IR_JUMP : IR_BR;
            in->a = IR_NONE;
        }
    }
    /* Only if it holds wherever the guest's code lies. */
    if (in->op == IR_JUMP_NOT && fold_at(f, in->a)->op == IR_CONST && (fold_at(f, in->a)->attr & IR_CONST_PC) &&
        fold_at(f, in->a)->imm == in->imm)
        in->op = IR_NOP;
    return in->op == IR_BR || (ir_op_info[in->op].flags & IR_OPF_ENDS);
}

static void fold_effect(struct fold *f, const struct ir_inst *in)
{
    append(f, in);
    if (in->op == IR_LABEL)
        f->region = f->fp_region = f->u->count;
    else if (in->op == IR_FPFLAGS_GET || in->op == IR_FPFLAGS_SET || in->op == IR_HELPER)
        f->fp_region = f->u->count;
}

void opt_fold(struct ir_unit *u)
{
    const struct ir_inst *old = u->insts;
    uint32_t count = u->count;
    ir_ref *map = arena_take(u->arena, count * sizeof(*map));
    struct fold f = {.u = u, .region = 1, .fp_region = 1};
    bool dead = false;

    u->capacity = count + 16; /* seldom more come out than went in */
    u->insts = arena_take(u->arena, u->capacity * sizeof(*u->insts));
    u->insts[0] = (struct ir_inst){.op = IR_NOP};
    f.width_capacity = u->capacity;
    f.width = arena_alloc(u->arena, f.width_capacity);
    f.table_bits = 5;
    while (f.table_bits < FOLD_TABLE_BITS && 1u << f.table_bits < count)
        f.table_bits++;
    f.table = arena_alloc(u->arena, sizeof(*f.table) << f.table_bits);
    u->count = 1;
    map[0] = IR_NONE;
    for (ir_ref r = 1; r < count; r++) {
        struct ir_inst in = old[r];

        if (in.op == IR_LABEL)
            dead = false;
        map[r] = IR_NONE;
        if (in.op == IR_NOP || dead)
            continue;
        in.a = map[in.a];
        in.b = map[in.b];
        in.c = map[in.c];
        if (ir_op_info[in.op].flags & IR_OPF_PURE) {
            map[r] = fold_pure(&f, &in);
            continue;
        }
        dead = fold_branch(&f, &in);
        map[r] = u->count;
        if (in.op != IR_NOP)
            fold_effect(&f, &in);
    }
}
