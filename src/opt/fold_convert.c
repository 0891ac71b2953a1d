/* Identities of conversions and bit fields: chains of them are shortened, and those that change
 * nothing (because the bits are known to be zero) removed. */
#include "opt/fold.h"

static ir_ref convert(struct fold *f, enum ir_op op, enum ir_type t, ir_ref a)
{
    const struct ir_inst in = {.op = (uint8_t)op, .type = (uint8_t)t, .a = a};

    return fold_at(f, a)->type == t ? a : fold_emit(f, &in);
}

static ir_ref fold_extend(struct fold *f, struct ir_inst *in)
{
    const struct ir_inst *a = fold_at(f, in->a);
    enum ir_type t = (enum ir_type)in->type;
    bool from_int = ir_type_is_int((enum ir_type)a->type);

    if (a->op == IR_ZEXT) /* wider than its argument: the sign is 0 */
        return convert(f, IR_ZEXT, t, a->a);
    if (in->op == IR_SEXT && a->op == IR_SEXT)
        return convert(f, IR_SEXT, t, a->a);
    if (in->op == IR_SEXT && from_int && f->width[in->a] < fold_bits((enum ir_type)a->type))
        in->op = IR_ZEXT;
    /* Cut and extended again, with nothing cut off. */
    if (in->op == IR_ZEXT && a->op == IR_TRUNC && from_int && fold_at(f, a->a)->type == t &&
        f->width[a->a] <= fold_bits((enum ir_type)a->type))
        return a->a;
    return IR_NONE;
}

static ir_ref fold_truncate(struct fold *f, struct ir_inst *in)
{
    const struct ir_inst *a = fold_at(f, in->a);
    enum ir_type t = (enum ir_type)in->type;
    unsigned size = ir_type_size(t), pos = a->imm & 0xff, len = a->imm >> 8 & 0xff;

    switch (a->op) {
    case IR_TRUNC: return convert(f, IR_TRUNC, t, a->a);
    case IR_ZEXT:
    case IR_SEXT: {
        enum ir_type from = (enum ir_type)fold_at(f, a->a)->type;
        if (from == t)
            return a->a;
        if (t == IR_I1)
            return ir_type_is_int(from) ? convert(f, IR_TRUNC, t, a->a) : IR_NONE;
        if (from == IR_I1 || (ir_type_is_int(from) && ir_type_size(from) < size))
            return convert(f, (enum ir_op)a->op, t, a->a);
        if (ir_type_is_int(from) || (ir_type_is_vector(from) && ir_type_size(from) > size))
            return convert(f, IR_TRUNC, t, a->a);
        return IR_NONE;
    }
    case IR_BFI:
        if (t == IR_I1 || !ir_type_is_int(t))
            return IR_NONE;
        if (pos >= size * 8)
            return convert(f, IR_TRUNC, t, a->a);
        return pos == 0 && len >= size * 8 ? convert(f, IR_TRUNC, t, a->b) : IR_NONE;
    default: return IR_NONE;
    }
}

static ir_ref fold_field(struct fold *f, struct ir_inst *in)
{
    const struct ir_inst *a = fold_at(f, in->a);
    unsigned pos = in->imm & 0xff, len = in->imm >> 8 & 0xff;
    bool whole = len == fold_bits((enum ir_type)in->type);

    if (in->op == IR_BFI)
        return whole ? in->b : IR_NONE;
    if (whole || (in->op == IR_BFX && pos == 0 && f->width[in->a] <= len))
        return in->a;
    if (in->op == IR_BFX && f->width[in->a] <= pos)
        return fold_const(f, (enum ir_type)in->type, 0);
    if (in->op == IR_BFX && f->width[in->a] <= pos + len) { /* nothing above the field */
        ir_ref n = fold_const(f, (enum ir_type)in->type, pos);
        *in = (struct ir_inst){.op = IR_SHR, .type = in->type, .a = in->a, .b = n};
        return IR_NONE;
    }
    if (a->op == IR_BFI && a->imm == in->imm) { /* the field just inserted */
        in->a = a->b;
        in->imm = (uint64_t)len << 8;
    }
    return IR_NONE;
}

ir_ref fold_convert(struct fold *f, struct ir_inst *in)
{
    const struct ir_inst *a = fold_at(f, in->a);

    switch (in->op) {
    case IR_ZEXT:
    case IR_SEXT: return fold_extend(f, in);
    case IR_TRUNC: return fold_truncate(f, in);
    case IR_BITCAST:
        return a->op == IR_BITCAST ? convert(f, IR_BITCAST, (enum ir_type)in->type, a->a) : IR_NONE;
    default: return fold_field(f, in);
    }
}
