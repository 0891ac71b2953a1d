/* Identities of integer arithmetic, logic and shifts, by operation.  Constants are second arguments
 * of commutative operations already, and operations on constants alone are gone. */
#include "opt/fold.h"

static ir_ref unary(struct fold *f, enum ir_op op, enum ir_type t, ir_ref a)
{
    const struct ir_inst in = {.op = (uint8_t)op, .type = (uint8_t)t, .a = a};
    return fold_emit(f, &in);
}

/* Another constant as the second argument. */
static void with_const(struct fold *f, struct ir_inst *in, enum ir_op op, uint64_t imm)
{
    in->op = (uint8_t)op;
    in->b = fold_const(f, (enum ir_type)in->type, imm);
}

static bool is_power_of_2(uint64_t v)
{
    return v && !(v & (v - 1));
}

static uint64_t log2_of(uint64_t v)
{
    return (unsigned)__builtin_ctzll(v);
}

/* An address computed from the guest's PC, plus or minus a plain constant, is one. */
static ir_ref fold_pc(struct fold *f, const struct ir_inst *in)
{
    const struct ir_inst *a = fold_at(f, in->a), *b = fold_at(f, in->b);
    struct ir_inst r = {.op = IR_CONST, .type = IR_I64, .attr = IR_CONST_PC};

    if (a->op != IR_CONST || b->op != IR_CONST || (a->attr && b->attr) ||
        (in->op == IR_SUB && b->attr))
        return IR_NONE;
    r.imm = in->op == IR_ADD ? a->imm + b->imm : a->imm - b->imm;
    return fold_emit(f, &r);
}

static ir_ref fold_sum(struct fold *f, struct ir_inst *in)
{
    const struct ir_inst *a = fold_at(f, in->a);
    enum ir_type t = (enum ir_type)in->type;
    ir_ref r;

    if (fold_is(f, in->b, 0))
        return in->a;
    r = fold_pc(f, in);
    if (r)
        return r;
    if (in->op == IR_SUB && in->a == in->b)
        return fold_const(f, t, 0);
    if (in->op == IR_SUB && fold_is(f, in->a, 0))
        return unary(f, IR_NEG, t, in->b);
    if (in->op == IR_NEG && a->op == IR_NEG)
        return a->a;
    return IR_NONE;
}

static ir_ref fold_product(struct fold *f, struct ir_inst *in)
{
    enum ir_type t = (enum ir_type)in->type;
    bool has_const = fold_is_const(f, in->b);
    uint64_t k = fold_at(f, in->b)->imm;

    if (!has_const)
        return IR_NONE;
    switch (in->op) {
    case IR_MUL:
        if (k == fold_ones(t))
            return unary(f, IR_NEG, t, in->a);
        if (k == 1)
            return in->a;
        if (is_power_of_2(k))
            with_const(f, in, IR_SHL, log2_of(k));
        return k ? IR_NONE : in->b;
    case IR_MULHU:
    case IR_MULHS: return k ? IR_NONE : in->b;
    case IR_UDIV:
        if (k == 1)
            return in->a;
        if (is_power_of_2(k))
            with_const(f, in, IR_SHR, log2_of(k));
        return k ? IR_NONE : in->b;
    case IR_SDIV: return k == 1 ? in->a : k ? IR_NONE : in->b;
    case IR_UREM:
        if (is_power_of_2(k))
            with_const(f, in, IR_AND, k - 1);
        return k ? IR_NONE : in->a;
    default: return k ? IR_NONE : in->a; /* SREM */
    }
}

static ir_ref fold_logic(struct fold *f, struct ir_inst *in)
{
    enum ir_type t = (enum ir_type)in->type;
    bool zero = fold_is(f, in->b, 0), ones = fold_is(f, in->b, fold_ones(t)), same = in->a == in->b;

    switch (in->op) {
    case IR_AND:
        if (zero || same)
            return in->b;
        /* A mask that keeps all that may be there. */
        if (fold_is_const(f, in->b) && f->width[in->a] < 64 &&
            !(~fold_at(f, in->b)->imm & ~(~0ull << f->width[in->a])))
            return in->a;
        return ones ? in->a : IR_NONE;
    case IR_OR:
        if (ones || same)
            return in->b;
        return zero ? in->a : IR_NONE;
    case IR_XOR:
        if (same)
            return fold_const(f, t, 0);
        if (ones) {
            in->op = IR_NOT;
            in->b = IR_NONE;
        }
        return zero ? in->a : IR_NONE;
    default: /* ANDN */
        if (same || ones || fold_is(f, in->a, 0))
            return fold_const(f, t, 0);
        if (zero)
            return in->a;
        if (fold_is_const(f, in->b))
            with_const(f, in, IR_AND, ~fold_at(f, in->b)->imm);
        return IR_NONE;
    }
}

/* Amounts are modulo the width, so that masks of them, and conversions, are idle. */
static ir_ref fold_shift(struct fold *f, struct ir_inst *in)
{
    unsigned bits = fold_bits((enum ir_type)in->type);
    const struct ir_inst *by = fold_at(f, in->b);

    if (fold_is_const(f, in->b)) {
        if (by->imm & (bits - 1)) {
            if (by->imm >= bits)
                with_const(f, in, (enum ir_op)in->op, by->imm & (bits - 1));
            return IR_NONE;
        }
        return in->a;
    }
    if (fold_is(f, in->a, 0))
        return in->a;
    if (by->op == IR_AND && fold_is_const(f, by->b) &&
        (fold_at(f, by->b)->imm & (bits - 1)) == bits - 1)
        in->b = by->a;
    return IR_NONE;
}

ir_ref fold_integer(struct fold *f, struct ir_inst *in)
{
    switch (in->op) {
    case IR_ADD:
    case IR_SUB:
    case IR_NEG: return fold_sum(f, in);
    case IR_MUL:
    case IR_MULHU:
    case IR_MULHS:
    case IR_UDIV:
    case IR_SDIV:
    case IR_UREM:
    case IR_SREM: return fold_product(f, in);
    case IR_AND:
    case IR_OR:
    case IR_XOR:
    case IR_ANDN: return fold_logic(f, in);
    case IR_NOT: return fold_at(f, in->a)->op == IR_NOT ? fold_at(f, in->a)->a : IR_NONE;
    case IR_SHL:
    case IR_SHR:
    case IR_SAR:
    case IR_ROR: return fold_shift(f, in);
    case IR_EXTR:
        if (!in->imm)
            return in->b;
        if (in->a == in->b) {
            uint64_t by = in->imm;
            in->imm = 0;
            with_const(f, in, IR_ROR, by);
        }
        return IR_NONE;
    default: return IR_NONE;
    }
}
