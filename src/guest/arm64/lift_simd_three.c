/* Operations of three operands that the encoding groups "three same", "three same (extra)", "by
 * element" and their scalar forms share, and the small helpers of simd.h.
 *
 * Saturation: FPSR.QC is the slot ARM64_QC, into which every saturating operation ors a value that
 * is zero exactly when nothing saturated; usually saturated ^ wrapped result.  A scalar operation
 * computes on a whole V64 but keeps, and looks at, element 0 only.
 *
 * Manual: C7.2 (alphabetical), pseudocode of the shared functions in J1.1.3. */
#include "guest/arm64/simd.h"

/* -- registers ----------------------------------------------------------------------- */

void simd_put(struct ir_unit *u, unsigned d, ir_ref v)
{
    ir_set(u, ARM64_V0 + d, ir_conv(u, IR_ZEXT, IR_V128, v));
}

ir_ref simd_lane0(struct ir_unit *u, enum ir_type lane, ir_ref v)
{
    switch (ir_type_size(lane)) {
    case 1:
        v = ir_conv(u, IR_TRUNC, IR_V64, v);
        v = ir_vec(u, IR_VAND, IR_V64, IR_I8, 0, 0, v, ir_const(u, IR_V64, 0xff), IR_NONE);
        break;
    case 2:
        v = ir_conv(u, IR_TRUNC, IR_F16, v);
        break;
    case 4:
        v = ir_conv(u, IR_TRUNC, IR_F32, v);
        break;
    default:
        v = ir_conv(u, IR_TRUNC, IR_V64, v);
    }
    return ir_conv(u, IR_ZEXT, IR_V128, v);
}

void simd_set(const struct simd *s, unsigned d, ir_ref v)
{
    if (s->scalar && ir_type_is_vector(ir_type_of(s->u, v)))
        ir_set(s->u, ARM64_V0 + d, simd_lane0(s->u, s->lane, v));
    else
        simd_put(s->u, d, v);
}

ir_ref simd_half(struct ir_unit *u, unsigned n, bool high)
{
    if (!high)
        return ir_get(u, IR_V64, ARM64_V0 + n);
    return ir_vec(u, IR_VHIGH, IR_V64, IR_I64, 0, 0, simd_all(u, n), IR_NONE, IR_NONE);
}

void simd_put_half(struct ir_unit *u, unsigned d, bool high, ir_ref v)
{
    if (high)
        v = ir_vec(u, IR_VCONCAT, IR_V128, IR_I64, 0, 0, ir_get(u, IR_V64, ARM64_V0 + d), v,
                   IR_NONE);
    simd_put(u, d, v);
}

ir_ref simd_element(const struct simd *s, ir_ref v, unsigned i)
{
    enum ir_op op = ir_type_is_float(s->t) ? IR_VEXT : IR_VDUPL;

    return ir_vec(s->u, op, s->t, simd_int_like(s->lane), 0, i, v, IR_NONE, IR_NONE);
}

ir_ref simd_const(const struct simd *s, uint64_t v)
{
    unsigned bits = simd_bits(s->lane);

    v = bits_get(v, 0, bits);
    for (; bits < 64; bits *= 2)
        v |= v << bits;
    return ir_const(s->u, s->t, v);
}

void simd_qc(const struct simd *s, ir_ref a, ir_ref b)
{
    struct ir_unit *u = s->u;
    ir_ref diff = simd_bin(s, IR_VXOR, 0, 0, a, b);
    ir_ref old = ir_get(u, IR_V128, ARM64_QC);

    diff = s->scalar ? simd_lane0(u, s->lane, diff) : ir_conv(u, IR_ZEXT, IR_V128, diff);
    ir_set(u, ARM64_QC, ir_vec(u, IR_VOR, IR_V128, IR_I64, 0, 0, old, diff, IR_NONE));
}

/* -- operations that are one of the IR's --------------------------------------------- */

struct direct {
    uint8_t op, attr, imm;
};
static const struct direct direct[SIMD_KIND_COUNT] = {
    [SIMD_ADD] = {IR_VADD, 0, 0},         [SIMD_SUB] = {IR_VSUB, 0, 0},
    [SIMD_MUL] = {IR_VMUL, 0, 0},         [SIMD_PMUL] = {IR_VPMUL, 0, 0},
    [SIMD_SHADD] = {IR_VAVG, 1, 0},       [SIMD_UHADD] = {IR_VAVG, 0, 0},
    [SIMD_SRHADD] = {IR_VAVG, 1, 1},      [SIMD_URHADD] = {IR_VAVG, 0, 1},
    [SIMD_CMEQ] = {IR_VCMP, IR_CC_E, 0},  [SIMD_CMGT] = {IR_VCMP, IR_CC_G, 0},
    [SIMD_CMGE] = {IR_VCMP, IR_CC_GE, 0}, [SIMD_CMHI] = {IR_VCMP, IR_CC_A, 0},
    [SIMD_CMHS] = {IR_VCMP, IR_CC_AE, 0}, [SIMD_SSHL] = {IR_VSHLV, 1, 0},
    [SIMD_USHL] = {IR_VSHLV, 0, 0},       [SIMD_SRSHL] = {IR_VSHLV, 3, 0},
    [SIMD_URSHL] = {IR_VSHLV, 2, 0},      [SIMD_SMAX] = {IR_VMAX, 1, 0},
    [SIMD_UMAX] = {IR_VMAX, 0, 0},        [SIMD_SMIN] = {IR_VMIN, 1, 0},
    [SIMD_UMIN] = {IR_VMIN, 0, 0},        [SIMD_SABD] = {IR_VABD, 1, 0},
    [SIMD_UABD] = {IR_VABD, 0, 0},        [SIMD_SMAXP] = {IR_VPMAX, 1, 0},
    [SIMD_UMAXP] = {IR_VPMAX, 0, 0},      [SIMD_SMINP] = {IR_VPMIN, 1, 0},
    [SIMD_UMINP] = {IR_VPMIN, 0, 0},      [SIMD_ADDP] = {IR_VPADD, 0, 0},
    [SIMD_AND] = {IR_VAND, 0, 0},         [SIMD_BIC] = {IR_VANDN, 0, 0},
    [SIMD_ORR] = {IR_VOR, 0, 0},          [SIMD_EOR] = {IR_VXOR, 0, 0},
    [SIMD_FADD] = {IR_FADD, 0, 0},        [SIMD_FSUB] = {IR_FSUB, 0, 0},
    [SIMD_FMUL] = {IR_FMUL, 0, 0},        [SIMD_FMULX] = {IR_FMULX, 0, 0},
    [SIMD_FDIV] = {IR_FDIV, 0, 0},        [SIMD_FABD] = {IR_FABD, 0, 0},
    [SIMD_FMAX] = {IR_FMAX, 0, 0},        [SIMD_FMIN] = {IR_FMIN, 0, 0},
    [SIMD_FMAXNM] = {IR_FMAXNM, 0, 0},    [SIMD_FMINNM] = {IR_FMINNM, 0, 0},
    [SIMD_FCMEQ] = {IR_FCMP, IR_CC_E, 0}, [SIMD_FCMGE] = {IR_FCMP, IR_CC_AE, 0},
    [SIMD_FCMGT] = {IR_FCMP, IR_CC_A, 0}, [SIMD_FRECPS] = {IR_FRECPS, 0, 0},
    [SIMD_FRSQRTS] = {IR_FRSQRTS, 0, 0},  [SIMD_FADDP] = {IR_FPADD, 0, 0},
    [SIMD_FMAXP] = {IR_FPMAX, 0, 0},      [SIMD_FMINP] = {IR_FPMAX, 1, 0},
    [SIMD_FMAXNMP] = {IR_FPMAX, 2, 0},    [SIMD_FMINNMP] = {IR_FPMAX, 3, 0},
};

/* -- saturating arithmetic ----------------------------------------------------------- */

static ir_ref saturating_add(const struct simd *s, enum ir_op sat, enum ir_op wrap,
                             unsigned is_signed, ir_ref n, ir_ref m)
{
    ir_ref v = simd_bin(s, sat, is_signed, 0, n, m);

    simd_qc(s, v, simd_bin(s, wrap, 0, 0, n, m));
    return v;
}

/* Shifts by register.  A wrapped left shift is even and the largest values are odd, so they differ
 * whenever the latter was delivered; the most negative one may come out of a wrapped shift too, so
 * the signed shift looks at n ^ sign(n) as well, which overflows to the largest value when n
 * overflows (shifts by the width and more, where -1 becomes 0, are seen by the first comparison).
 */
static ir_ref saturating_shift(const struct simd *s, unsigned attr, ir_ref n, ir_ref m)
{
    ir_ref v = simd_bin(s, IR_VSHLV, attr | 4, 0, n, m);

    simd_qc(s, v, simd_bin(s, IR_VSHLV, attr, 0, n, m));
    if (attr & 1) {
        ir_ref sign = simd_un(s, IR_VSHRI, 1, simd_bits(s->lane) - 1, n);
        ir_ref positive = simd_bin(s, IR_VXOR, 0, 0, n, sign);

        simd_qc(s, simd_bin(s, IR_VSHLV, attr | 4, 0, positive, m),
                simd_bin(s, IR_VSHLV, attr, 0, positive, m));
    }
    return v;
}

/* Only MIN * MIN saturates (to MAX, the wrapped result being MIN). */
static ir_ref doubling_multiply(const struct simd *s, bool round, ir_ref n, ir_ref m)
{
    ir_ref min = simd_const(s, 1ull << (simd_bits(s->lane) - 1));
    ir_ref both = simd_bin(s, IR_VAND, 0, 0, simd_bin(s, IR_VCMP, IR_CC_E, 0, n, min),
                           simd_bin(s, IR_VCMP, IR_CC_E, 0, m, min));

    simd_qc(s, both, simd_const(s, 0));
    return simd_bin(s, IR_VQDMULH, 0, round, n, m);
}

/* SQRDMLAH, SQRDMLSH: sat((d << k) +- 2nm + (1 << (k - 1))) >> k) with one saturation.  It is d - x
 * with x = -round(2nm), or d + x with x = round(-2nm); where n is MIN both x are exactly m (VQDMULH
 * or VNEG would saturate or wrap), elsewhere VQDMULH does not saturate. */
static ir_ref doubling_multiply_add(const struct simd *s, bool subtract, ir_ref d, ir_ref n,
                                    ir_ref m)
{
    ir_ref min = simd_const(s, 1ull << (simd_bits(s->lane) - 1));
    ir_ref is_min = simd_bin(s, IR_VCMP, IR_CC_E, 0, n, min);
    ir_ref x;

    if (subtract)
        n = simd_un(s, IR_VNEG, 0, 0, n);
    x = simd_bin(s, IR_VQDMULH, 0, 1, n, m);
    if (!subtract)
        x = simd_un(s, IR_VNEG, 0, 0, x);
    x = simd_op(s, IR_VSEL, 0, 0, is_min, m, x);
    return subtract ? saturating_add(s, IR_VADDS, IR_VADD, 1, d, x)
                    : saturating_add(s, IR_VSUBS, IR_VSUB, 1, d, x);
}

/* n - m halved is (n + ~m + 1) >> 1 (signed); unsigned the same is too large by half the range. */
static ir_ref halving_sub(const struct simd *s, unsigned is_signed, ir_ref n, ir_ref m)
{
    ir_ref v = simd_bin(s, IR_VAVG, is_signed, 1, n, simd_un(s, IR_VNOT, 0, 0, m));

    if (!is_signed)
        v = simd_bin(s, IR_VXOR, 0, 0, v, simd_const(s, 1ull << (simd_bits(s->lane) - 1)));
    return v;
}

/* -- all of them --------------------------------------------------------------------- */

static ir_ref un(const struct simd *s, enum ir_op op, ir_ref a)
{
    return simd_un(s, op, 0, 0, a);
}

static ir_ref bin(const struct simd *s, enum ir_op op, unsigned attr, ir_ref a, ir_ref b)
{
    return simd_bin(s, op, attr, 0, a, b);
}

/* DOT and MMLA products: lane is that of the multiplied elements. */
static ir_ref dot(const struct simd *s, enum ir_op op, enum ir_type lane, unsigned attr, ir_ref d,
                  ir_ref n, ir_ref m)
{
    return ir_vec(s->u, op, s->t, lane, attr, 0, d, n, m);
}

/* clang-format off */
ir_ref simd_three(const struct simd *s, enum simd_kind kind, ir_ref d, ir_ref n, ir_ref m)
{
    const struct direct *e = &direct[kind];

    if (e->op != IR_NOP)
        return simd_bin(s, e->op, e->attr, e->imm, n, m);
    switch (kind) {
    case SIMD_MLA: return bin(s, IR_VADD, 0, d, bin(s, IR_VMUL, 0, n, m));
    case SIMD_MLS: return bin(s, IR_VSUB, 0, d, bin(s, IR_VMUL, 0, n, m));
    case SIMD_SHSUB: return halving_sub(s, 1, n, m);
    case SIMD_UHSUB: return halving_sub(s, 0, n, m);
    case SIMD_SQADD: return saturating_add(s, IR_VADDS, IR_VADD, 1, n, m);
    case SIMD_UQADD: return saturating_add(s, IR_VADDS, IR_VADD, 0, n, m);
    case SIMD_SQSUB: return saturating_add(s, IR_VSUBS, IR_VSUB, 1, n, m);
    case SIMD_UQSUB: return saturating_add(s, IR_VSUBS, IR_VSUB, 0, n, m);
    case SIMD_CMTST: return un(s, IR_VNOT, bin(s, IR_VCMP, IR_CC_E, bin(s, IR_VAND, 0, n, m), simd_const(s, 0)));
    case SIMD_SQSHL: return saturating_shift(s, 1, n, m);
    case SIMD_UQSHL: return saturating_shift(s, 0, n, m);
    case SIMD_SQRSHL: return saturating_shift(s, 3, n, m);
    case SIMD_UQRSHL: return saturating_shift(s, 2, n, m);
    case SIMD_SABA: return bin(s, IR_VADD, 0, d, bin(s, IR_VABD, 1, n, m));
    case SIMD_UABA: return bin(s, IR_VADD, 0, d, bin(s, IR_VABD, 0, n, m));
    case SIMD_SQDMULH: return doubling_multiply(s, false, n, m);
    case SIMD_SQRDMULH: return doubling_multiply(s, true, n, m);
    case SIMD_SQRDMLAH: return doubling_multiply_add(s, false, d, n, m);
    case SIMD_SQRDMLSH: return doubling_multiply_add(s, true, d, n, m);
    case SIMD_ORN: return bin(s, IR_VOR, 0, n, un(s, IR_VNOT, m));
    case SIMD_BSL: return simd_op(s, IR_VSEL, 0, 0, d, n, m);
    case SIMD_BIT: return simd_op(s, IR_VSEL, 0, 0, m, n, d);
    case SIMD_BIF: return simd_op(s, IR_VSEL, 0, 0, m, d, n);
    case SIMD_SDOT: return dot(s, IR_VDOT, IR_I8, 3, d, n, m);
    case SIMD_UDOT: return dot(s, IR_VDOT, IR_I8, 0, d, n, m);
    case SIMD_USDOT: return dot(s, IR_VDOT, IR_I8, 2, d, n, m);
    case SIMD_SUDOT: return dot(s, IR_VDOT, IR_I8, 1, d, n, m);
    case SIMD_SMMLA: return dot(s, IR_VMMLA, IR_I8, 3, d, n, m);
    case SIMD_UMMLA: return dot(s, IR_VMMLA, IR_I8, 0, d, n, m);
    case SIMD_USMMLA: return dot(s, IR_VMMLA, IR_I8, 2, d, n, m);
    case SIMD_BFDOT: return dot(s, IR_BFDOT, IR_F32, 0, d, n, m);
    case SIMD_BFMMLA: return dot(s, IR_BFMMLA, IR_F32, 0, d, n, m);
    case SIMD_FNMUL: return un(s, IR_FNEG, bin(s, IR_FMUL, 0, n, m));
    case SIMD_FMLA: return simd_op(s, IR_FMA, 0, 0, d, n, m);
    case SIMD_FMLS: return simd_op(s, IR_FMA, 0, 0, d, un(s, IR_FNEG, n), m);
    case SIMD_FACGE: return bin(s, IR_FCMP, IR_CC_AE, un(s, IR_FABS, n), un(s, IR_FABS, m));
    case SIMD_FACGT: return bin(s, IR_FCMP, IR_CC_A, un(s, IR_FABS, n), un(s, IR_FABS, m));
    default: UNREACHABLE();
    }
}

static bool reads_destination(enum simd_kind kind)
{
    switch (kind) {
    case SIMD_MLA: case SIMD_MLS: case SIMD_SABA: case SIMD_UABA: case SIMD_SQRDMLAH: case SIMD_SQRDMLSH:
    case SIMD_BSL: case SIMD_BIT: case SIMD_BIF: case SIMD_SDOT: case SIMD_UDOT: case SIMD_USDOT:
    case SIMD_SUDOT: case SIMD_SMMLA: case SIMD_UMMLA: case SIMD_USMMLA: case SIMD_BFDOT:
    case SIMD_BFMMLA: case SIMD_FMLA: case SIMD_FMLS:
        return true;
    default:
        return false;
    }
}

/* clang-format on */

void simd_three_regs(const struct simd *s, enum simd_kind kind, unsigned d, ir_ref n, ir_ref m)
{
    simd_set(s, d, simd_three(s, kind, reads_destination(kind) ? simd_get(s, d) : IR_NONE, n, m));
}
