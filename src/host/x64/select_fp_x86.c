/* Floating point where the unit's rules are x86's: the operation is the host's instruction, with nothing to mend.  Flushing
 * to zero and 64-bit vectors go through ir_eval, as does what is not in the table at the end.
 *
 * The first operand's NaN wins, so operands are never exchanged. */
#include "host/x64/vec.h"

#define V_CVTPS2DQ VOP(1, 1, 0x5b)

static int kind_of(const struct ir_inst *in)
{
    switch ((enum ir_type)in->type) {
    case IR_F32: return FP_SS;
    case IR_F64: return FP_SD;
    case IR_V128: return in->lane == IR_F32 ? FP_PS : in->lane == IR_F64 ? FP_PD : -1;
    default: return -1;
    }
}

/* d := a op b; imm -1: none. */
static bool binary(struct ctx *c, x64_vop op, ir_ref a, ir_ref b, int imm)
{
    int ra = use_xmm(c, a), rb = a == b ? ra : use_xmm(c, b);
    emit_v_rrr(&c->e, op, def_apart(c, ra, rb, -1), ra, rb, imm);
    return true;
}

/* d := op a; a scalar's has zeros above. */
static bool unary(struct ctx *c, x64_vop op, const struct ir_inst *in, bool scalar, unsigned bits, int imm)
{
    int ra = use_xmm(c, in->a), d = def_apart(c, ra, -1, -1);
    if (scalar) {
        emit_v_rrr(&c->e, V_PXOR, d, d, d, -1);
        emit_v_rrr(&c->e, op, d, d, ra, imm);
        loc_at(c, c->i)->zw = (uint8_t)bits;
    } else {
        emit_v_rr(&c->e, op, d, ra, imm);
    }
    return true;
}

static bool compare(struct ctx *c, const struct ir_inst *in, int kind)
{
    bool flip = in->attr & IR_FCMP_FLIP;
    x64_vop op = V_FP(V_FCMP, kind);
    if (flip && !c->e.vex)
        return false;
    switch (in->attr & 0xf) {
    case IR_CC_E: return binary(c, op, in->a, in->b, flip ? 0x10 : 0);
    case IR_CC_P: return binary(c, op, in->a, in->b, flip ? 0x13 : 3);
    case IR_CC_A: return binary(c, op, in->b, in->a, flip ? 0x11 : 1); /* a > b is b < a */
    case IR_CC_AE: return binary(c, op, in->b, in->a, flip ? 0x12 : 2);
    default: return false;
    }
}

static bool convert(struct ctx *c, const struct ir_inst *in)
{
    enum ir_type from = (enum ir_type)inst_of(c, in->a)->type, to = (enum ir_type)in->type;
    if (from == IR_F32 && to == IR_F64)
        return unary(c, V_CVTSS2SD, in, true, 64, -1);
    if (to == IR_V128 && in->lane == IR_F64)
        return unary(c, V_CVTPS2PD, in, false, 0, -1);
    if (in->attr != FP_ROUND_CURRENT)
        return false;
    if (from == IR_F64 && to == IR_F32)
        return unary(c, V_CVTSD2SS, in, true, 32, -1);
    if (from == IR_V128 && to == IR_V64 && in->lane == IR_F32) {
        unary(c, V_CVTPD2PS, in, false, 0, -1);
        loc_at(c, c->i)->zw = 64;
        return true;
    }
    return false;
}

static bool to_integer(struct ctx *c, const struct ir_inst *in)
{
    enum ir_type from = (enum ir_type)inst_of(c, in->a)->type;
    unsigned mode = in->attr & 7;
    bool current = mode == FP_ROUND_CURRENT, is_signed = in->attr & IR_FTOI_SIGNED;
    if (!(in->attr & IR_FTOI_INDEFINITE) || !is_signed || in->imm || (!current && mode != FP_ROUND_ZERO))
        return false;
    if (in->type == IR_V128 && in->lane == IR_I32)
        return unary(c, current ? V_CVTPS2DQ : V_CVTTPS2DQ, in, false, 0, -1);
    if ((from != IR_F32 && from != IR_F64) || (in->type != IR_I32 && in->type != IR_I64))
        return false;
    int ra = use_xmm(c, in->a), d = def_gpr(c, c->i, -1, 0);
    x64_vop op = from == IR_F32 ? (current ? V_CVTSS2SI : V_CVTTSS2SI) : current ? V_CVTSD2SI : V_CVTTSD2SI;
    emit_v_to_gpr(&c->e, op, in->type == IR_I32 ? 4 : 8, d, ra);
    return true;
}

static bool from_integer(struct ctx *c, const struct ir_inst *in)
{
    enum ir_type from = (enum ir_type)inst_of(c, in->a)->type;
    if (in->imm || !(in->attr & 1))
        return false;
    if (in->type == IR_V128)
        return in->lane == IR_F32 && unary(c, V_CVTDQ2PS, in, false, 0, -1);
    if ((in->type != IR_F32 && in->type != IR_F64) || (from != IR_I32 && from != IR_I64))
        return false;
    bool single = in->type == IR_F32;
    int ra = use_gpr(c, in->a), d = def_xmm(c, c->i, -1, 0);
    emit_v_rrr(&c->e, V_PXOR, d, d, d, -1); /* no dependence on what was there */
    emit_v_from_gpr(&c->e, single ? V_CVTSI2SS : V_CVTSI2SD, from == IR_I32 ? 4 : 8, d, d, ra);
    loc_at(c, c->i)->zw = (uint8_t)(single ? 32 : 64);
    return true;
}

static bool round_integral(struct ctx *c, const struct ir_inst *in, int kind)
{
    static const x64_vop op[] = {V_ROUNDPS, V_ROUNDPD, V_ROUNDSS, V_ROUNDSD};
    static const int8_t modes[] = {[FP_ROUND_NEAREST] = 0, [FP_ROUND_DOWN] = 1, [FP_ROUND_UP] = 2, [FP_ROUND_ZERO] = 3,
                                   [FP_ROUND_TIES_AWAY] = -1, [FP_ROUND_ODD] = -1, [FP_ROUND_CURRENT] = 4};
    int mode = modes[(in->attr & 0x7f) <= FP_ROUND_CURRENT ? in->attr & 0x7f : FP_ROUND_ODD];
    if (mode < 0)
        return false;
    bool scalar = kind == FP_SS || kind == FP_SD;
    return unary(c, op[kind], in, scalar, kind == FP_SS ? 32 : 64, mode | (in->attr & IR_FRINT_EXACT ? 0 : 8));
}

static bool multiply_add(struct ctx *c, const struct ir_inst *in, int kind)
{
    static const x64_vop op[] = {V_FMADD231PS, V_FMADD231PD, V_FMADD231SS, V_FMADD231SD};
    if (!has(X64_FMA))
        return false;
    int ra = use_xmm(c, in->a), rb = use_xmm(c, in->b), rc = use_xmm(c, in->c);
    int d = def_xmm(c, c->i, -1, 1u << ra | 1u << rb | 1u << rc);
    emit_v_rr(&c->e, V_MOVAPS, d, ra, -1);
    emit_v_rrr(&c->e, op[kind], d, rb, rc, -1);
    return true;
}

static bool is_plain(const struct fp_env *f)
{
    return !(f->default_nan || f->flush_inputs || f->flush_outputs || f->underflow_traps || f->overflow_traps || f->round > FP_ROUND_ZERO);
}

/* ---- with the rest of a vector ------------------------------------------------------------------------------ */

/* The instruction for an operation on scalars whose other lanes come from its first source; 0: there is none. */
static x64_vop merging(const struct ir_inst *in, enum ir_type from)
{
    bool single = in->type == IR_F32;
    unsigned kind = single ? FP_SS : FP_SD;
    switch (in->op) {
    case IR_FADD: return V_FP(V_FADD, kind);
    case IR_FSUB: return V_FP(V_FSUB, kind);
    case IR_FMUL: return V_FP(V_FMUL, kind);
    case IR_FDIV: return V_FP(V_FDIV, kind);
    case IR_FMIN: return in->attr ? V_FP(V_FMIN, kind) : 0;
    case IR_FMAX: return in->attr ? V_FP(V_FMAX, kind) : 0;
    case IR_FSQRT: return V_FP(V_FSQRT, kind);
    case IR_FCVT:
        if (from == IR_F32 && !single)
            return V_CVTSS2SD;
        return from == IR_F64 && single && in->attr == FP_ROUND_CURRENT ? V_CVTSD2SS : 0;
    case IR_ITOF:
        if (in->imm || !(in->attr & 1) || (from != IR_I32 && from != IR_I64))
            return 0;
        return single ? V_CVTSI2SS : V_CVTSI2SD;
    default: return 0;
    }
}

static bool sets_between(const struct ctx *c, ir_ref from, ir_ref to, uint64_t slot)
{
    for (ir_ref r = from; r < to; r++)
        if ((inst_of(c, r)->op == IR_SET && inst_of(c, r)->imm == slot) || inst_of(c, r)->op == IR_LABEL || inst_of(c, r)->op == IR_HELPER)
            return true;
    return false;
}

/* Scalar r is the lowest lane of vector v. */
static bool is_low(const struct ctx *c, ir_ref r, ir_ref v)
{
    const struct ir_inst *low = inst_of(c, r), *whole = inst_of(c, v);
    if (low->op == IR_TRUNC)
        return low->a == v;
    return low->op == IR_GET && whole->op == IR_GET && low->imm == whole->imm &&
           !sets_between(c, r < v ? r : v, r < v ? v : r, low->imm);
}

bool fp_x86_merges(const struct ctx *c, uint32_t i, uint32_t user)
{
    const struct ir_inst *in = inst_of(c, i), *vins = inst_of(c, user);
    if (vins->op != IR_VINS || vins->type != IR_V128 || vins->imm || vins->b != i || vins->lane != in->type || c->u->fp.nan_rule != FP_NAN_X86 ||
        !is_plain(&c->u->fp) || (in->type != IR_F32 && in->type != IR_F64) || !merging(in, (enum ir_type)inst_of(c, in->a)->type))
        return false;
    for (uint32_t j = i + 1; j < user; j++) /* nothing may look at what it raised */
        if (ir_op_info[inst_of(c, j)->op].flags & (IR_OPF_EFFECT | IR_OPF_FAULTS | IR_OPF_ENDS))
            return false;
    return !in->b || is_low(c, in->a, vins->a);
}

void fp_x86_merge(struct ctx *c, const struct ir_inst *vins)
{
    const struct ir_inst *in = inst_of(c, vins->b);
    enum ir_type from = (enum ir_type)inst_of(c, in->a)->type;
    x64_vop op = merging(in, from);
    int ra = use_xmm(c, vins->a);
    if (in->op == IR_ITOF) {
        int g = use_gpr(c, in->a);
        emit_v_from_gpr(&c->e, op, from == IR_I32 ? 4 : 8, def_xmm(c, c->i, ra, 0), ra, g);
        return;
    }
    int rb = use_xmm(c, in->b ? in->b : in->a);
    emit_v_rrr(&c->e, op, def_xmm(c, c->i, ra, c->e.vex || ra == rb ? 0 : 1u << rb), ra, rb, -1);
}

bool select_fp_x86(struct ctx *c, const struct ir_inst *in)
{
    if (!is_plain(&c->u->fp))
        return false;
    switch (in->op) {
    case IR_FCVT: return convert(c, in);
    case IR_FTOI: return to_integer(c, in);
    case IR_ITOF: return from_integer(c, in);
    default: break;
    }
    int kind = kind_of(in);
    if (kind < 0)
        return false;
    switch (in->op) {
    case IR_FADD: return binary(c, V_FP(V_FADD, kind), in->a, in->b, -1);
    case IR_FSUB: return binary(c, V_FP(V_FSUB, kind), in->a, in->b, -1);
    case IR_FMUL: return binary(c, V_FP(V_FMUL, kind), in->a, in->b, -1);
    case IR_FDIV: return binary(c, V_FP(V_FDIV, kind), in->a, in->b, -1);
    case IR_FMIN: return in->attr && binary(c, V_FP(V_FMIN, kind), in->a, in->b, -1);
    case IR_FMAX: return in->attr && binary(c, V_FP(V_FMAX, kind), in->a, in->b, -1);
    case IR_FSQRT: return unary(c, V_FP(V_FSQRT, kind), in, kind == FP_SS || kind == FP_SD, kind == FP_SS ? 32 : 64, -1);
    case IR_FCMP: return compare(c, in, kind);
    case IR_FRINT: return round_integral(c, in, kind);
    case IR_FMA: return multiply_add(c, in, kind);
    default: return false;
    }
}
