/* SSE and AVX: floating point, conversions, FMA, MXCSR.
 *
 * RCPPS and RSQRTPS give the exact result rounded (the processors' have 12 bits).  Manual: SDM vol. 2. */
#include "guest/x86/vector.h"

static bool is_scalar(const struct x86_insn *in)
{
    return in->op[0].kind == X86_OPERAND_XMM && in->op[0].size == 16 && in->row->op[0].size == X86_SIZE_o &&
           in->row->op[2].kind == X86_SPEC_W && in->op[2].size < 16;
}

static ir_ref vec3(struct x86_lift *l, enum ir_op op, enum ir_type lane, unsigned attr, ir_ref a, ir_ref b)
{
    enum ir_type t = ir_type_of(l->u, a);
    return ir_vec(l->u, op, t, ir_type_is_vector(t) ? lane : IR_VOID, attr, 0, a, b, IR_NONE);
}

static ir_ref arithmetic(struct x86_lift *l, const struct x86_insn *in, unsigned h, ir_ref a, ir_ref b)
{
    return vec3(l, (enum ir_op)(in->row->arg & 0xff), x86_float(in), in->row->arg >> 16 & 0xff, a, b);
}

void x86_lift_fbin(struct x86_lift *l, const struct x86_insn *in)
{
    if (!is_scalar(in)) {
        x86_each2(l, in, arithmetic);
        return;
    }
    enum ir_type t = x86_float(in);
    ir_ref a = x86_scalar(l, in, 1, t);
    x86_set_scalar(l, in, 1, arithmetic(l, in, 0, a, x86_scalar(l, in, 2, t)));
}

static ir_ref square_root(struct x86_lift *l, const struct x86_insn *in, unsigned h, ir_ref a)
{
    return vec3(l, IR_FSQRT, x86_float(in), 0, a, IR_NONE);
}

void x86_lift_fsqrt(struct x86_lift *l, const struct x86_insn *in)
{
    if (is_scalar(in))
        x86_set_scalar(l, in, 1, square_root(l, in, 0, x86_scalar(l, in, 2, x86_float(in))));
    else
        x86_each1(l, in, square_root);
}

/* RSQRT (0), RCP (1): no flags; denormal operands are zero, so are denormal results. */
static ir_ref estimate(struct x86_lift *l, const struct x86_insn *in, unsigned h, ir_ref a)
{
    struct ir_unit *u = l->u;
    ir_ref exponent = x86_splat(l, IR_V128, IR_I32, 0x7f800000), magnitude = x86_splat(l, IR_V128, IR_I32, 0x7fffffff);
    ir_ref zero = x86_zero(l, IR_V128);
    ir_ref tiny = x86_op(l, IR_VCMP, IR_I32, IR_CC_E, 0, x86_op(l, IR_VAND, IR_VOID, 0, 0, a, exponent), zero);
    a = x86_op(l, IR_VANDN, IR_VOID, 0, 0, a, x86_op(l, IR_VAND, IR_VOID, 0, 0, tiny, magnitude));
    ir_ref flags = ir_emit(u, (struct ir_inst){.op = IR_FPFLAGS_GET, .type = IR_I32});
    ir_ref one = x86_splat(l, IR_V128, IR_I32, 0x3f800000);
    ir_ref r = x86_op(l, IR_FDIV, IR_F32, 0, 0, one, in->row->arg ? a : x86_op(l, IR_FSQRT, IR_F32, 0, 0, a, IR_NONE));
    ir_emit(u, (struct ir_inst){.op = IR_FPFLAGS_SET, .a = flags});
    tiny = x86_op(l, IR_VCMP, IR_I32, IR_CC_E, 0, x86_op(l, IR_VAND, IR_VOID, 0, 0, r, exponent), zero);
    return x86_op(l, IR_VANDN, IR_VOID, 0, 0, r, x86_op(l, IR_VAND, IR_VOID, 0, 0, tiny, magnitude));
}

void x86_lift_festimate(struct x86_lift *l, const struct x86_insn *in)
{
    if (!is_scalar(in)) {
        x86_each1(l, in, estimate);
        return;
    }
    ir_ref v = estimate(l, in, 0, x86_zext(l, IR_V128, x86_scalar(l, in, 2, IR_F32)));
    x86_set_scalar(l, in, 1, x86_trunc(l, IR_F32, v));
}

/* ---- comparisons -------------------------------------------------------------------------------------------- */

static ir_ref negate(struct x86_lift *l, ir_ref mask)
{
    enum ir_type t = ir_type_of(l->u, mask);
    if (ir_type_is_vector(t))
        return ir_un(l->u, IR_VNOT, mask);
    enum ir_type i = t == IR_F32 ? IR_I32 : IR_I64;
    return ir_conv(l->u, IR_BITCAST, t, ir_un(l->u, IR_NOT, ir_conv(l->u, IR_BITCAST, i, mask)));
}

static ir_ref both(struct x86_lift *l, enum ir_op vector, enum ir_op integer, ir_ref a, ir_ref b)
{
    enum ir_type t = ir_type_of(l->u, a);
    if (ir_type_is_vector(t))
        return x86_op(l, vector, IR_VOID, 0, 0, a, b);
    enum ir_type i = t == IR_F32 ? IR_I32 : IR_I64;
    ir_ref r = ir_bin(l->u, integer, ir_conv(l->u, IR_BITCAST, i, a), ir_conv(l->u, IR_BITCAST, i, b));
    return ir_conv(l->u, IR_BITCAST, t, r);
}

/* The 32 predicates: the low four bits' relation; bit 4 has it signal on quiet NaNs where it would not, and the other
 * way round. */
static ir_ref compare(struct x86_lift *l, const struct x86_insn *in, unsigned h, ir_ref a, ir_ref b)
{
    unsigned imm = (unsigned)in->imm & (in->vex ? 31 : 7), flip = imm & 16 ? IR_FCMP_FLIP : 0;
    enum ir_type lane = x86_float(in);
    ir_ref r;
    switch (imm & 15) {
    case 0: return vec3(l, IR_FCMP, lane, IR_CC_E | flip, a, b);
    case 4: return negate(l, vec3(l, IR_FCMP, lane, IR_CC_E | flip, a, b));
    case 1: return vec3(l, IR_FCMP, lane, IR_CC_A | flip, b, a);
    case 5: return negate(l, vec3(l, IR_FCMP, lane, IR_CC_A | flip, b, a));
    case 2: return vec3(l, IR_FCMP, lane, IR_CC_AE | flip, b, a);
    case 6: return negate(l, vec3(l, IR_FCMP, lane, IR_CC_AE | flip, b, a));
    case 3: return vec3(l, IR_FCMP, lane, IR_CC_P | flip, a, b);
    case 7: return negate(l, vec3(l, IR_FCMP, lane, IR_CC_P | flip, a, b));
    case 9: return negate(l, vec3(l, IR_FCMP, lane, IR_CC_AE | flip, a, b));
    case 10: return negate(l, vec3(l, IR_FCMP, lane, IR_CC_A | flip, a, b));
    case 13: return vec3(l, IR_FCMP, lane, IR_CC_AE | flip, a, b);
    case 14: return vec3(l, IR_FCMP, lane, IR_CC_A | flip, a, b);
    case 8:
    case 12:
        r = both(l, IR_VOR, IR_OR, vec3(l, IR_FCMP, lane, IR_CC_E | flip, a, b), vec3(l, IR_FCMP, lane, IR_CC_P | flip, a, b));
        return imm & 4 ? negate(l, r) : r;
    default: /* false, true: the flags all the same */
        r = vec3(l, IR_FCMP, lane, IR_CC_E | flip, a, b);
        r = both(l, IR_VXOR, IR_XOR, r, r);
        return (imm & 15) == 15 ? negate(l, r) : r;
    }
}

void x86_lift_fcmp(struct x86_lift *l, const struct x86_insn *in)
{
    if (!is_scalar(in)) {
        x86_each2(l, in, compare);
        return;
    }
    enum ir_type t = x86_float(in);
    ir_ref a = x86_scalar(l, in, 1, t);
    x86_set_scalar(l, in, 1, compare(l, in, 0, a, x86_scalar(l, in, 2, t)));
}

void x86_lift_ucomi(struct x86_lift *l, const struct x86_insn *in)
{
    enum ir_type t = x86_float(in);
    ir_ref a = x86_scalar(l, in, 0, t), b = x86_scalar(l, in, 1, t);
    x86_set_flags(l, ir_emit(l->u, (struct ir_inst){.op = IR_FLAGS_UCOMI, .type = IR_FLAGS, .attr = (uint8_t)in->row->arg, .a = a, .b = b}));
}

/* HADD, HSUB (arg the operation); ADDSUB (0). */
static ir_ref horizontal(struct x86_lift *l, const struct x86_insn *in, unsigned h, ir_ref a, ir_ref b)
{
    enum ir_type lane = x86_float(in), i = (enum ir_type)in->row->lane;
    if (in->row->arg) {
        ir_ref even = x86_op(l, IR_VUZP, i, 0, 0, a, b), odd = x86_op(l, IR_VUZP, i, 0, 1, a, b);
        return vec3(l, (enum ir_op)in->row->arg, lane, 0, even, odd);
    }
    ir_ref ones = x86_splat(l, IR_V128, IR_I64, ~0ull), zero = x86_zero(l, IR_V128);
    ir_ref mask = x86_op(l, IR_VTRN, i, 0, 0, ones, zero); /* the even lanes */
    ir_ref difference = vec3(l, IR_FSUB, lane, 0, x86_op(l, IR_VAND, IR_VOID, 0, 0, a, mask), x86_op(l, IR_VAND, IR_VOID, 0, 0, b, mask));
    ir_ref sum = vec3(l, IR_FADD, lane, 0, x86_op(l, IR_VANDN, IR_VOID, 0, 0, a, mask), x86_op(l, IR_VANDN, IR_VOID, 0, 0, b, mask));
    return ir_vec(l->u, IR_VSEL, IR_V128, IR_VOID, 0, 0, mask, difference, sum);
}

void x86_lift_fhadd(struct x86_lift *l, const struct x86_insn *in)
{
    x86_each2(l, in, horizontal);
}

static ir_ref lane_mask(struct x86_lift *l, enum ir_type lane, unsigned bits)
{
    ir_ref r = x86_zero(l, IR_V128);
    for (unsigned i = 0; i < 16 / ir_type_size(lane); i++)
        if (bits >> i & 1)
            r = ir_vec(l->u, IR_VINS, IR_V128, lane, 0, i, r, ir_const(l->u, lane, ~0ull), IR_NONE);
    return r;
}

/* DPPS, DPPD: the products that the immediate's high bits choose, summed, into the lanes that the low bits choose. */
static ir_ref dot_product(struct x86_lift *l, const struct x86_insn *in, unsigned h, ir_ref a, ir_ref b)
{
    enum ir_type lane = x86_float(in), i = (enum ir_type)in->row->lane;
    ir_ref from = lane_mask(l, i, (unsigned)in->imm >> 4 & 15), to = lane_mask(l, i, (unsigned)in->imm & 15);
    a = x86_op(l, IR_VAND, IR_VOID, 0, 0, a, from);
    b = x86_op(l, IR_VAND, IR_VOID, 0, 0, b, from);
    ir_ref r = vec3(l, IR_FMUL, lane, 0, a, b);
    r = x86_op(l, IR_VAND, IR_VOID, 0, 0, r, from);
    r = vec3(l, IR_FPADD, lane, 0, r, r);
    if (i == IR_I32)
        r = vec3(l, IR_FPADD, lane, 0, r, r);
    return x86_op(l, IR_VAND, IR_VOID, 0, 0, r, to);
}

void x86_lift_dp(struct x86_lift *l, const struct x86_insn *in)
{
    x86_each2(l, in, dot_product);
}

/* ---- conversions -------------------------------------------------------------------------------------------- */

void x86_lift_cvt_int_float(struct x86_lift *l, const struct x86_insn *in)
{
    ir_ref v = ir_emit(l->u, (struct ir_inst){.op = IR_ITOF, .type = (uint8_t)x86_float(in), .attr = 1, .a = x86_read(l, in, 2)});
    x86_set_scalar(l, in, 1, v);
}

void x86_lift_cvt_float_int(struct x86_lift *l, const struct x86_insn *in)
{
    ir_ref v = x86_scalar(l, in, 1, x86_float(in));
    unsigned attr = in->row->arg | IR_FTOI_SIGNED | IR_FTOI_INDEFINITE;
    x86_write(l, in, 0, ir_emit(l->u, (struct ir_inst){.op = IR_FTOI, .type = (uint8_t)x86_int_type(in->op[0].size), .attr = (uint8_t)attr, .a = v}));
}

static ir_ref convert(struct x86_lift *l, enum ir_op op, enum ir_type t, enum ir_type lane, unsigned attr, ir_ref a)
{
    return ir_vec(l->u, op, t, lane, attr, 0, a, IR_NONE, IR_NONE);
}

static ir_ref join(struct x86_lift *l, ir_ref low, ir_ref high)
{
    return ir_vec(l->u, IR_VCONCAT, IR_V128, IR_VOID, 0, 0, low, high, IR_NONE);
}

static ir_ref upper(struct x86_lift *l, ir_ref v)
{
    return ir_vec(l->u, IR_VHIGH, IR_V64, IR_VOID, 0, 0, v, IR_NONE, IR_NONE);
}

void x86_lift_cvt_float(struct x86_lift *l, const struct x86_insn *in)
{
    bool single = in->row->lane == IR_I32; /* the source */
    enum ir_type to = single ? IR_F64 : IR_F32, from = single ? IR_F32 : IR_F64;
    if (is_scalar(in)) {
        ir_ref v = x86_scalar(l, in, 2, from);
        x86_set_scalar(l, in, 1, convert(l, IR_FCVT, to, IR_VOID, FP_ROUND_CURRENT, v));
        return;
    }
    unsigned n = x86_halves(in);
    ir_ref v = x86_vec(l, in, 1, 0), r[2] = {IR_NONE, IR_NONE};
    if (single) {
        r[0] = convert(l, IR_FCVT, IR_V128, to, FP_ROUND_CURRENT, v);
        if (n == 2)
            r[1] = convert(l, IR_FCVT, IR_V128, to, FP_ROUND_CURRENT, upper(l, v));
    } else {
        ir_ref high = n == 2 ? x86_vec(l, in, 1, 1) : IR_NONE;
        r[0] = convert(l, IR_FCVT, IR_V64, to, FP_ROUND_CURRENT, v);
        if (high)
            r[0] = join(l, r[0], convert(l, IR_FCVT, IR_V64, to, FP_ROUND_CURRENT, high));
        else
            r[0] = x86_zext(l, IR_V128, r[0]);
    }
    x86_set_vec(l, in, 0, r[0], r[1]);
}

/* Two doubles to two integers of 32 bits. */
static ir_ref doubles_to_ints(struct x86_lift *l, ir_ref v, unsigned attr)
{
    ir_ref r = IR_NONE;
    for (unsigned i = 0; i < 2; i++) {
        ir_ref x = x86_lane(l, IR_F64, IR_F64, i, v);
        ir_ref n = convert(l, IR_FTOI, IR_I32, IR_VOID, attr, x);
        r = i ? ir_vec(l->u, IR_VINS, IR_V64, IR_I32, 0, 1, r, n, IR_NONE) : ir_vec(l->u, IR_VDUP, IR_V64, IR_I32, 0, 0, n, IR_NONE, IR_NONE);
    }
    return r;
}

static ir_ref ints_to_doubles(struct x86_lift *l, ir_ref v)
{
    return convert(l, IR_ITOF, IR_V128, IR_F64, 1, ir_vec(l->u, IR_VWIDEN, IR_V128, IR_I32, 1, 0, v, IR_NONE, IR_NONE));
}

void x86_lift_cvt_packed(struct x86_lift *l, const struct x86_insn *in)
{
    enum x86_packed op = (enum x86_packed)in->row->arg;
    unsigned n = x86_halves(in);
    bool truncates = op == X86_TPS2DQ || op == X86_TPD2DQ;
    unsigned attr = (truncates ? FP_ROUND_ZERO : FP_ROUND_CURRENT) | IR_FTOI_SIGNED | IR_FTOI_INDEFINITE;
    ir_ref v = x86_vec(l, in, 1, 0), high = n == 2 && op != X86_DQ2PD ? x86_vec(l, in, 1, 1) : IR_NONE, r[2] = {IR_NONE, IR_NONE};
    switch (op) {
    case X86_DQ2PD:
        r[0] = ints_to_doubles(l, v);
        if (n == 2)
            r[1] = ints_to_doubles(l, upper(l, v));
        break;
    case X86_PD2DQ:
    case X86_TPD2DQ:
        r[0] = doubles_to_ints(l, v, attr);
        r[0] = high ? join(l, r[0], doubles_to_ints(l, high, attr)) : x86_zext(l, IR_V128, r[0]);
        break;
    case X86_DQ2PS:
        r[0] = convert(l, IR_ITOF, IR_V128, IR_F32, 1, v);
        r[1] = high ? convert(l, IR_ITOF, IR_V128, IR_F32, 1, high) : IR_NONE;
        break;
    default:
        r[0] = convert(l, IR_FTOI, IR_V128, IR_I32, attr, v);
        r[1] = high ? convert(l, IR_FTOI, IR_V128, IR_I32, attr, high) : IR_NONE;
    }
    x86_set_vec(l, in, 0, r[0], r[1]);
}

static ir_ref round_value(struct x86_lift *l, const struct x86_insn *in, unsigned h, ir_ref a)
{
    static const uint8_t modes[] = {FP_ROUND_NEAREST, FP_ROUND_DOWN, FP_ROUND_UP, FP_ROUND_ZERO};
    unsigned imm = (unsigned)in->imm;
    unsigned attr = (imm & 4 ? FP_ROUND_CURRENT : modes[imm & 3]) | (imm & 8 ? 0 : IR_FRINT_EXACT);
    return vec3(l, IR_FRINT, x86_float(in), attr, a, IR_NONE);
}

void x86_lift_round(struct x86_lift *l, const struct x86_insn *in)
{
    if (is_scalar(in))
        x86_set_scalar(l, in, 1, round_value(l, in, 0, x86_scalar(l, in, 2, x86_float(in))));
    else
        x86_each1(l, in, round_value);
}

/* ---- MXCSR ---------------------------------------------------------------------------------------------------- */

void x86_lift_mxcsr(struct x86_lift *l, const struct x86_insn *in)
{
    struct ir_unit *u = l->u;
    if (in->row->arg) {
        x86_store(l, x86_address(l, in), x86_mxcsr_value(l));
        return;
    }
    ir_ref v = x86_load(l, IR_I32, x86_address(l, in));
    x86_trap_if(l, ir_cmp(u, IR_CC_A, v, ir_const(u, IR_I32, 0xffff)), X86_VECTOR_GP);
    x86_mxcsr_load(l, v);
    x86_mode_changed(l);
}

ir_ref x86_mxcsr_value(struct x86_lift *l)
{
    struct ir_unit *u = l->u;
    ir_ref f = ir_emit(u, (struct ir_inst){.op = IR_FPFLAGS_GET, .type = IR_I32});
    ir_ref ie = ir_bin_imm(u, IR_AND, f, 1), de = ir_bin_imm(u, IR_AND, ir_bin_imm(u, IR_SHR, f, 6), 2);
    ir_ref others = ir_bin_imm(u, IR_AND, ir_bin_imm(u, IR_SHL, f, 1), 0x3c);
    ir_ref v = ir_bin(u, IR_OR, ir_bin(u, IR_OR, ie, de), others);
    return ir_bin(u, IR_OR, v, ir_get(u, IR_I32, X86_MXCSR));
}

void x86_mxcsr_load(struct x86_lift *l, ir_ref v)
{
    struct ir_unit *u = l->u;
    ir_ref ie = ir_bin_imm(u, IR_AND, v, 1), de = ir_bin_imm(u, IR_SHL, ir_bin_imm(u, IR_AND, v, 2), 6);
    ir_ref others = ir_bin_imm(u, IR_AND, ir_bin_imm(u, IR_SHR, v, 1), 0x1e);
    ir_emit(u, (struct ir_inst){.op = IR_FPFLAGS_SET, .a = ir_bin(u, IR_OR, ir_bin(u, IR_OR, ie, de), others)});
    ir_set(u, X86_MXCSR, ir_bin_imm(u, IR_AND, v, 0xffc0));
}
