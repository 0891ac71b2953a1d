/* Conditions: SELECT, CMP, flags values and what reads them. */
#include "opt/fold.h"

/* Flags that each pair of conditions reads. */
static uint32_t flags_read(unsigned cc)
{
    static const uint32_t read[8] = {
        IR_FLAG_O,
        IR_FLAG_C,
        IR_FLAG_Z,
        IR_FLAG_C | IR_FLAG_Z,
        IR_FLAG_S,
        IR_FLAG_P,
        IR_FLAG_S | IR_FLAG_O,
        IR_FLAG_S | IR_FLAG_O | IR_FLAG_Z,
    };
    return read[cc >> 1 & 7];
}

/* The opposite of condition c (i1), without a NOT where it is a comparison. */
static ir_ref negated(struct fold *f, ir_ref c)
{
    struct ir_inst in = *fold_at(f, c);

    if (in.op == IR_NOT)
        return in.a;
    if (in.op == IR_CMP || in.op == IR_FLAGS_COND)
        in.attr ^= 1;
    else
        in = (struct ir_inst){.op = IR_NOT, .type = IR_I1, .a = c};
    return fold_emit(f, &in);
}

static ir_ref fold_select(struct fold *f, struct ir_inst *in)
{
    const struct ir_inst *cond = fold_at(f, in->a);
    enum ir_type t = (enum ir_type)in->type;
    uint8_t extend = 0;

    if (in->b == in->c)
        return in->b;
    if (cond->op == IR_CONST)
        return cond->imm ? in->b : in->c;
    if (cond->op == IR_NOT) {
        ir_ref b = in->b;
        in->a = cond->a;
        in->b = in->c;
        in->c = b;
    }
    if (t == IR_I1) {
        if (fold_is(f, in->b, 1) && fold_is(f, in->c, 0))
            return in->a;
        return fold_is(f, in->b, 0) && fold_is(f, in->c, 1) ? negated(f, in->a) : IR_NONE;
    }
    if (!ir_type_is_int(t))
        return IR_NONE;
    if (fold_is(f, in->b, 0) && fold_is_const(f, in->c)) {
        uint64_t k = fold_at(f, in->c)->imm;
        if (k != 1 && k != fold_ones(t))
            return IR_NONE;
        in->b = in->c;
        in->a = negated(f, in->a);
        in->c = fold_const(f, t, 0);
    }
    if (fold_is(f, in->c, 0))
        extend = fold_is(f, in->b, 1) ? IR_ZEXT : fold_is(f, in->b, fold_ones(t)) ? IR_SEXT : 0;
    if (extend)
        *in = (struct ir_inst){.op = extend, .type = in->type, .a = in->a};
    return IR_NONE;
}

/* b <cc> a for a <cc> b. */
static unsigned mirrored(unsigned cc)
{
    switch (cc) {
    case IR_CC_B: return IR_CC_A;
    case IR_CC_A: return IR_CC_B;
    case IR_CC_AE: return IR_CC_BE;
    case IR_CC_BE: return IR_CC_AE;
    case IR_CC_L: return IR_CC_G;
    case IR_CC_G: return IR_CC_L;
    case IR_CC_GE: return IR_CC_LE;
    case IR_CC_LE: return IR_CC_GE;
    default: return cc;
    }
}

static bool holds_if_equal(unsigned cc)
{
    return cc == IR_CC_E || cc == IR_CC_AE || cc == IR_CC_BE || cc == IR_CC_GE || cc == IR_CC_LE;
}

static ir_ref fold_compare(struct fold *f, struct ir_inst *in)
{
    const struct ir_inst *a;

    if (in->a == in->b)
        return fold_const(f, IR_I1, holds_if_equal(in->attr));
    if (fold_is_const(f, in->a) && !fold_is_const(f, in->b)) {
        ir_ref b = in->b;
        in->b = in->a;
        in->a = b;
        in->attr = (uint8_t)mirrored(in->attr);
    }
    if (!fold_is(f, in->b, 0))
        return IR_NONE;
    a = fold_at(f, in->a);
    switch (in->attr) {
    case IR_CC_B: return fold_const(f, IR_I1, 0);
    case IR_CC_AE: return fold_const(f, IR_I1, 1);
    case IR_CC_A: in->attr = IR_CC_NE; break;
    case IR_CC_BE: in->attr = IR_CC_E; break;
    default: break;
    }
    if (in->attr != IR_CC_E && in->attr != IR_CC_NE)
        return IR_NONE;
    if ((a->op == IR_ZEXT || a->op == IR_SEXT) && fold_at(f, a->a)->type == IR_I1)
        return in->attr == IR_CC_NE ? a->a : negated(f, a->a);
    if (a->type == IR_I1)
        return in->attr == IR_CC_NE ? in->a : negated(f, in->a);
    return IR_NONE;
}

/* -- flags ----------------------------------------------------------------------- */

/* Flags values whose overflow and carry are 0 whatever the arguments. */
static bool is_logic(const struct fold *f, const struct ir_inst *fl)
{
    return fl->op == IR_FLAGS_LOGIC || (fl->op == IR_FLAGS_SUB && fold_is(f, fl->b, 0));
}

/* The carry if it is known: 0 or 1; else -1. */
static int known_carry(const struct fold *f, ir_ref flags)
{
    const struct ir_inst *fl = fold_at(f, flags);
    bool invert = false;

    if (fl->op == IR_FLAGS_CMC) { /* of another CMC: it is gone */
        invert = true;
        fl = fold_at(f, fl->a);
    }
    if (is_logic(f, fl) || (fl->op == IR_FLAGS_SUB && fl->a == fl->b))
        return invert;
    if (fl->op == IR_FLAGS_PACK && fold_is_const(f, fl->a))
        return !!(fold_at(f, fl->a)->imm & IR_FLAG_C) != invert;
    return -1;
}

static ir_ref known_condition(struct fold *f, const struct ir_inst *in, const struct ir_inst *fl)
{
    union ir_value a, b, flags;

    if (fl->op == IR_FLAGS_PACK && fold_is_const(f, fl->a))
        return fold_const(f, IR_I1,
                          ir_cc_holds((enum ir_cc)in->attr, (uint32_t)fold_at(f, fl->a)->imm));
    if (fl->op == IR_FLAGS_SUB && fl->a == fl->b) {
        a = b = (union ir_value){{0}};
    } else if ((fl->op == IR_FLAGS_SUB || fl->op == IR_FLAGS_ADD) && fold_is_const(f, fl->a) &&
               fold_is_const(f, fl->b)) {
        a = (union ir_value){{fold_at(f, fl->a)->imm}};
        b = (union ir_value){{fold_at(f, fl->b)->imm}};
    } else if (fl->op == IR_FLAGS_LOGIC && fold_is_const(f, fl->a)) {
        a = b = (union ir_value){{fold_at(f, fl->a)->imm}};
    } else {
        return IR_NONE;
    }
    ir_eval((enum ir_op)fl->op, IR_FLAGS, IR_VOID, 0, (enum ir_type)fold_at(f, fl->a)->type, 0, &a,
            &b, NULL, &flags, NULL);
    return fold_const(f, IR_I1, ir_cc_holds((enum ir_cc)in->attr, flags.u32[0]));
}

/* With OF and CF known to be 0. */
static ir_ref logic_condition(struct fold *f, struct ir_inst *in)
{
    switch (in->attr) {
    case IR_CC_O:
    case IR_CC_B: return fold_const(f, IR_I1, 0);
    case IR_CC_NO:
    case IR_CC_AE: return fold_const(f, IR_I1, 1);
    case IR_CC_BE: in->attr = IR_CC_E; break;
    case IR_CC_A: in->attr = IR_CC_NE; break;
    case IR_CC_L: in->attr = IR_CC_S; break;
    case IR_CC_GE: in->attr = IR_CC_NS; break;
    default: break;
    }
    return IR_NONE;
}

static ir_ref fold_condition(struct fold *f, struct ir_inst *in)
{
    for (;;) {
        const struct ir_inst *fl = fold_at(f, in->a);
        uint32_t read = flags_read(in->attr);

        if (fl->op == IR_FLAGS_CMC && (!(read & IR_FLAG_C) || read == IR_FLAG_C)) {
            in->attr ^= read == IR_FLAG_C;
            in->a = fl->a;
        } else if (fl->op == IR_FLAGS_MERGE && !(read & ~(uint32_t)fl->imm)) {
            in->a = fl->b;
        } else if (fl->op == IR_FLAGS_MERGE && !(read & (uint32_t)fl->imm)) {
            in->a = fl->a;
        } else {
            ir_ref r = known_condition(f, in, fl);
            return !r && is_logic(f, fl) ? logic_condition(f, in) : r;
        }
    }
}

static ir_ref fold_flags(struct fold *f, struct ir_inst *in)
{
    const struct ir_inst *a = fold_at(f, in->a);

    switch (in->op) {
    case IR_ADC:
    case IR_SBC:
    case IR_FLAGS_ADC:
    case IR_FLAGS_SBC:
        if (known_carry(f, in->c) == 0) {
            in->op = in->op == IR_ADC         ? IR_ADD
                     : in->op == IR_SBC       ? IR_SUB
                     : in->op == IR_FLAGS_ADC ? IR_FLAGS_ADD
                                              : IR_FLAGS_SUB;
            in->c = IR_NONE;
        }
        return IR_NONE;
    case IR_FLAGS_CMC: return a->op == IR_FLAGS_CMC ? a->a : IR_NONE;
    case IR_FLAGS_MERGE:
        if (in->imm == 0 || in->a == in->b)
            return in->a;
        return in->imm == IR_FLAG_ALL ? in->b : IR_NONE;
    case IR_FLAGS_PACK: return a->op == IR_FLAGS_BITS ? a->a : IR_NONE;
    case IR_FLAGS_COND: return fold_condition(f, in);
    default: return IR_NONE;
    }
}

ir_ref fold_choice(struct fold *f, struct ir_inst *in)
{
    switch (in->op) {
    case IR_SELECT: return fold_select(f, in);
    case IR_CMP: return fold_compare(f, in);
    case IR_NOT: {
        uint8_t op = fold_at(f, in->a)->op;
        return op == IR_CMP || op == IR_FLAGS_COND ? negated(f, in->a) : IR_NONE;
    }
    default: return fold_flags(f, in);
    }
}
