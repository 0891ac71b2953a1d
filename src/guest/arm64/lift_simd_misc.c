/* Advanced SIMD two-register miscellaneous and across lanes, with the scalar and FP16 groups (Arm
 * ARM C4.1.96). */
#include "arm64_isa.h"
#include "guest/arm64/lift.h"
#include "guest/arm64/simd.h"

/* -- one operand, one operation ------------------------------------------------------ */

void arm64_lift_simd_one(struct arm64_lift *l, const struct arm64_args_simd_one *a)
{
    struct simd s = simd_ints(l->u, a->Q, a->size);

    simd_set(&s, a->Rd, simd_un(&s, (enum ir_op)a->op, a->attr, a->imm, simd_get(&s, a->Rn)));
}

void arm64_lift_simd_one_scalar(struct arm64_lift *l, const struct arm64_args_simd_one_scalar *a)
{
    struct simd s = simd_int_scalar(l->u, 3);

    simd_set(&s, a->Rd, simd_un(&s, (enum ir_op)a->op, 0, 0, simd_get(&s, a->Rn)));
}

/* FTOI's lane is that of its result. */
void arm64_lift_simd_one_fp(struct arm64_lift *l, const struct arm64_args_simd_one_fp *a)
{
    struct simd s = simd_floats(l->u, a->Q, a->size);
    enum ir_type lane = a->op == IR_FTOI ? simd_int(a->size) : s.lane;

    simd_set(&s, a->Rd,
             ir_vec(l->u, (enum ir_op)a->op, s.t, lane, a->attr, a->imm, simd_get(&s, a->Rn),
                    IR_NONE, IR_NONE));
}

void arm64_lift_simd_one_fp_scalar(struct arm64_lift *l,
                                   const struct arm64_args_simd_one_fp_scalar *a)
{
    struct simd s = simd_float_scalar(l->u, a->size);

    simd_set(&s, a->Rd, simd_un(&s, (enum ir_op)a->op, a->attr, a->imm, simd_get(&s, a->Rn)));
}

ir_ref simd_convert_scalar(const struct simd *s, enum ir_op op, unsigned attr, unsigned fraction,
                           ir_ref n)
{
    enum ir_type integer = simd_int_like(s->lane);

    if (op == IR_FTOI) {
        n = ir_vec(s->u, IR_FTOI, integer, integer, attr, fraction, n, IR_NONE, IR_NONE);
        return ir_conv(s->u, IR_BITCAST, s->t, n);
    }
    return simd_un(s, IR_ITOF, attr, fraction, ir_conv(s->u, IR_BITCAST, integer, n));
}

void arm64_lift_simd_convert_scalar(struct arm64_lift *l,
                                    const struct arm64_args_simd_convert_scalar *a)
{
    struct simd s = simd_float_scalar(l->u, a->size);

    simd_set(&s, a->Rd,
             simd_convert_scalar(&s, (enum ir_op)a->op, a->attr, a->imm, simd_get(&s, a->Rn)));
}

/* -- comparisons with zero ----------------------------------------------------------- */

static void compare_zero(const struct simd *s, enum ir_op op, uint32_t cc, bool swap, uint32_t d,
                         uint32_t n)
{
    ir_ref v = simd_get(s, n), zero = ir_const(s->u, s->t, 0);

    simd_set(s, d, simd_bin(s, op, cc, 0, swap ? zero : v, swap ? v : zero));
}

void arm64_lift_simd_cmp_zero(struct arm64_lift *l, const struct arm64_args_simd_cmp_zero *a)
{
    struct simd s = simd_ints(l->u, a->Q, a->size);

    compare_zero(&s, IR_VCMP, a->cc, a->swap, a->Rd, a->Rn);
}

void arm64_lift_simd_cmp_zero_scalar(struct arm64_lift *l,
                                     const struct arm64_args_simd_cmp_zero_scalar *a)
{
    struct simd s = simd_int_scalar(l->u, 3);

    compare_zero(&s, IR_VCMP, a->cc, a->swap, a->Rd, a->Rn);
}

void arm64_lift_simd_fcmp_zero(struct arm64_lift *l, const struct arm64_args_simd_fcmp_zero *a)
{
    struct simd s = simd_floats(l->u, a->Q, a->size);

    compare_zero(&s, IR_FCMP, a->cc, a->swap, a->Rd, a->Rn);
}

void arm64_lift_simd_fcmp_zero_scalar(struct arm64_lift *l,
                                      const struct arm64_args_simd_fcmp_zero_scalar *a)
{
    struct simd s = simd_float_scalar(l->u, a->size);

    compare_zero(&s, IR_FCMP, a->cc, a->swap, a->Rd, a->Rn);
}

/* -- integers ------------------------------------------------------------------------ */

/* Bits equal to the sign after it: leading zeros once they are cleared, less the sign's own. */
void arm64_lift_simd_cls(struct arm64_lift *l, const struct arm64_args_simd_cls *a)
{
    struct simd s = simd_ints(l->u, a->Q, a->size);
    ir_ref n = simd_get(&s, a->Rn);
    ir_ref sign = simd_un(&s, IR_VSHRI, 1, simd_bits(s.lane) - 1, n);
    ir_ref zeros = simd_un(&s, IR_VCLZ, 0, 0, simd_bin(&s, IR_VXOR, 0, 0, n, sign));

    simd_set(&s, a->Rd, simd_bin(&s, IR_VSUB, 0, 0, zeros, simd_const(&s, 1)));
}

void arm64_lift_simd_addlp(struct arm64_lift *l, const struct arm64_args_simd_addlp *a)
{
    struct simd s = simd_ints(l->u, a->Q, a->size), wide = simd_ints(l->u, a->Q, a->size + 1);
    ir_ref v = simd_un(&s, IR_VPADDL, !a->u, 0, simd_get(&s, a->Rn));

    if (a->acc)
        v = simd_bin(&wide, IR_VADD, 0, 0, simd_get(&wide, a->Rd), v);
    simd_set(&wide, a->Rd, v);
}

/* SUQADD: signed d plus unsigned n saturates as unsigned numbers do once d's sign is inverted;
 * USQADD: unsigned d plus signed n likewise as signed numbers. */
static void add_mixed(const struct simd *s, bool is_unsigned, uint32_t d, uint32_t n)
{
    ir_ref sign = simd_const(s, 1ull << (simd_bits(s->lane) - 1));
    ir_ref b = simd_get(s, n), a = simd_get(s, d);
    ir_ref biased = simd_bin(s, IR_VXOR, 0, 0, a, sign);
    ir_ref v = simd_bin(s, IR_VADDS, is_unsigned, 0, biased, b);

    v = simd_bin(s, IR_VXOR, 0, 0, v, sign);
    simd_qc(s, v, simd_bin(s, IR_VADD, 0, 0, a, b));
    simd_set(s, d, v);
}

void arm64_lift_simd_qadd_mixed(struct arm64_lift *l, const struct arm64_args_simd_qadd_mixed *a)
{
    struct simd s = simd_ints(l->u, a->Q, a->size);

    add_mixed(&s, a->u, a->Rd, a->Rn);
}

void arm64_lift_simd_qadd_mixed_scalar(struct arm64_lift *l,
                                       const struct arm64_args_simd_qadd_mixed_scalar *a)
{
    struct simd s = simd_int_scalar(l->u, a->size);

    add_mixed(&s, a->u, a->Rd, a->Rn);
}

/* SQNEG is 0 - n; SQABS lowers |MIN|, which wraps to MIN, to MAX. */
static void saturating_negate(const struct simd *s, bool absolute, uint32_t d, uint32_t n)
{
    ir_ref v = simd_get(s, n);

    if (absolute) {
        ir_ref wrapped = simd_un(s, IR_VABS, 0, 0, v);
        v = simd_bin(s, IR_VMIN, 0, 0, wrapped,
                     simd_const(s, (1ull << (simd_bits(s->lane) - 1)) - 1));
        simd_qc(s, v, wrapped);
    } else {
        v = simd_three(s, SIMD_SQSUB, IR_NONE, simd_const(s, 0), v);
    }
    simd_set(s, d, v);
}

void arm64_lift_simd_qneg(struct arm64_lift *l, const struct arm64_args_simd_qneg *a)
{
    struct simd s = simd_ints(l->u, a->Q, a->size);

    saturating_negate(&s, a->abs, a->Rd, a->Rn);
}

void arm64_lift_simd_qneg_scalar(struct arm64_lift *l, const struct arm64_args_simd_qneg_scalar *a)
{
    struct simd s = simd_int_scalar(l->u, a->size);

    saturating_negate(&s, a->abs, a->Rd, a->Rn);
}

/* -- narrowing and widening ---------------------------------------------------------- */

void simd_narrow(const struct simd *wide, unsigned d, bool high, enum ir_narrow how, ir_ref v)
{
    struct ir_unit *u = wide->u;
    enum ir_type lane = (enum ir_type)(wide->lane - 1);
    ir_ref r = ir_vec(u, IR_VNARROW, IR_V64, lane, how, 0, v, IR_NONE, IR_NONE);

    if (how != IR_NARROW_TRUNC)
        simd_qc(wide, v,
                ir_vec(u, IR_VWIDEN, IR_V128, lane, how == IR_NARROW_SS, 0, r, IR_NONE, IR_NONE));
    if (wide->scalar)
        ir_set(u, ARM64_V0 + d, simd_lane0(u, lane, r));
    else
        simd_put_half(u, d, high, r);
}

void arm64_lift_simd_xtn(struct arm64_lift *l, const struct arm64_args_simd_xtn *a)
{
    struct simd wide = simd_ints(l->u, true, a->size + 1);

    simd_narrow(&wide, a->Rd, a->Q, (enum ir_narrow)a->narrow, simd_get(&wide, a->Rn));
}

void arm64_lift_simd_xtn_scalar(struct arm64_lift *l, const struct arm64_args_simd_xtn_scalar *a)
{
    struct simd wide = {l->u, IR_V128, simd_int(a->size + 1), true};

    simd_narrow(&wide, a->Rd, false, (enum ir_narrow)a->narrow, simd_get(&wide, a->Rn));
}

void arm64_lift_simd_shll(struct arm64_lift *l, const struct arm64_args_simd_shll *a)
{
    struct simd wide = simd_ints(l->u, true, a->size + 1);
    ir_ref v = ir_vec(l->u, IR_VWIDEN, IR_V128, simd_int(a->size), 0, a->Q, simd_get(&wide, a->Rn),
                      IR_NONE, IR_NONE);

    simd_set(&wide, a->Rd, simd_un(&wide, IR_VSHLI, 0, 8u << a->size, v));
}

void arm64_lift_simd_fcvtn(struct arm64_lift *l, const struct arm64_args_simd_fcvtn *a)
{
    ir_ref n = simd_all(l->u, a->Rn);

    simd_put_half(
        l->u, a->Rd, a->Q,
        ir_vec(l->u, IR_FCVT, IR_V64, simd_float(1 + a->sz), a->round, 0, n, IR_NONE, IR_NONE));
}

void arm64_lift_simd_fcvtl(struct arm64_lift *l, const struct arm64_args_simd_fcvtl *a)
{
    ir_ref n = simd_half(l->u, a->Rn, a->Q);

    simd_put(l->u, a->Rd,
             ir_vec(l->u, IR_FCVT, IR_V128, simd_float(2 + a->sz), FP_ROUND_CURRENT, 0, n, IR_NONE,
                    IR_NONE));
}

void arm64_lift_simd_fcvtxn_scalar(struct arm64_lift *l,
                                   const struct arm64_args_simd_fcvtxn_scalar *a)
{
    ir_ref n = ir_get(l->u, IR_F64, ARM64_V0 + a->Rn);

    simd_put(l->u, a->Rd,
             ir_vec(l->u, IR_FCVT, IR_F32, IR_F32, FP_ROUND_ODD, 0, n, IR_NONE, IR_NONE));
}

void arm64_lift_simd_bfcvtn(struct arm64_lift *l, const struct arm64_args_simd_bfcvtn *a)
{
    ir_ref n = simd_all(l->u, a->Rn);

    simd_put_half(l->u, a->Rd, a->Q,
                  ir_vec(l->u, IR_BFCVT, IR_V64, IR_F16, 0, 0, n, IR_NONE, IR_NONE));
}

/* -- across lanes -------------------------------------------------------------------- */

static void reduce(const struct simd *s, uint32_t d, enum ir_reduce how, ir_ref v)
{
    enum ir_type t = ir_type_size(s->lane) == 8 ? IR_I64 : IR_I32;
    ir_ref r = ir_vec(s->u, IR_VREDUCE, t, s->lane, how, 0, v, IR_NONE, IR_NONE);

    simd_put(s->u, d, ir_conv(s->u, IR_BITCAST, t == IR_I64 ? IR_F64 : IR_F32, r));
}

void arm64_lift_simd_across(struct arm64_lift *l, const struct arm64_args_simd_across *a)
{
    struct simd s = simd_ints(l->u, a->Q, a->size);

    reduce(&s, a->Rd, (enum ir_reduce)a->reduce, simd_get(&s, a->Rn));
}

void arm64_lift_simd_addlv(struct arm64_lift *l, const struct arm64_args_simd_addlv *a)
{
    struct simd s = simd_ints(l->u, a->Q, a->size), wide = simd_ints(l->u, a->Q, a->size + 1);

    reduce(&wide, a->Rd, IR_REDUCE_ADD, simd_un(&s, IR_VPADDL, !a->u, 0, simd_get(&s, a->Rn)));
}

void arm64_lift_simd_across_fp(struct arm64_lift *l, const struct arm64_args_simd_across_fp *a)
{
    struct simd s = simd_floats(l->u, a->Q, a->size);
    ir_ref v =
        ir_vec(l->u, IR_FREDUCE, s.lane, s.lane, a->how, 0, simd_get(&s, a->Rn), IR_NONE, IR_NONE);

    simd_put(l->u, a->Rd, v);
}
