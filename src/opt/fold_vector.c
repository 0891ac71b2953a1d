/* Identities of vector operations. */
#include "opt/fold.h"

/* The lowest lane, of a scalar that was put there. */
static ir_ref fold_extract(struct fold *f, struct ir_inst *in)
{
    const struct ir_inst *a = fold_at(f, in->a);
    enum ir_type from;

    if (in->op != IR_VEXT || in->imm || (a->op != IR_ZEXT && a->op != IR_VDUP))
        return IR_NONE;
    if (a->op == IR_VDUP &&
        ir_type_size((enum ir_type)a->lane) != ir_type_size((enum ir_type)in->lane))
        return IR_NONE;
    from = (enum ir_type)fold_at(f, a->a)->type;
    if (ir_type_is_vector(from) || ir_type_size(from) != ir_type_size((enum ir_type)in->lane))
        return IR_NONE;
    if (from == in->type)
        return a->a;
    if (ir_type_size(from) != ir_type_size((enum ir_type)in->type))
        return IR_NONE;
    *in = (struct ir_inst){.op = IR_BITCAST, .type = in->type, .a = a->a};
    return IR_NONE;
}

ir_ref fold_vector(struct fold *f, struct ir_inst *in)
{
    enum ir_type t = (enum ir_type)in->type;
    bool same = in->a == in->b, zero = in->b && fold_is(f, in->b, 0);

    switch (in->op) {
    case IR_VAND:
        if (zero || same)
            return in->b;
        return fold_is(f, in->b, ~0ull) ? in->a : IR_NONE;
    case IR_VOR: return zero || same ? in->a : IR_NONE;
    case IR_VXOR: return zero ? in->a : same ? fold_const(f, t, 0) : IR_NONE;
    case IR_VANDN: return zero ? in->a : same ? fold_const(f, t, 0) : IR_NONE;
    case IR_VADD:
    case IR_VSUB: return zero ? in->a : IR_NONE;
    case IR_VMIN:
    case IR_VMAX: return same ? in->a : IR_NONE;
    case IR_VSHLI:
    case IR_VSHRI:
    case IR_VEXTR: return in->imm == 0 ? in->a : IR_NONE;
    case IR_VNOT: return fold_at(f, in->a)->op == IR_VNOT ? fold_at(f, in->a)->a : IR_NONE;
    case IR_VSEL: return in->b == in->c ? in->b : IR_NONE;
    case IR_VEXT: return fold_extract(f, in);
    default: return IR_NONE;
    }
}
