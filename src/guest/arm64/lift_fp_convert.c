/* Conversions and moves between floating-point and general registers (Arm ARM C4.1.96). */
#include "arm64_isa.h"
#include "guest/arm64/lift.h"
#include "guest/arm64/simd.h"

static void to_int(struct arm64_lift *l, uint32_t sf, uint32_t size, uint32_t attr,
                   uint32_t fraction, uint32_t d, uint32_t n)
{
    struct simd s = simd_float_scalar(l->u, size);
    enum ir_type t = arm64_int_type(sf);

    arm64_set_x(l, d,
                ir_vec(l->u, IR_FTOI, t, t, attr, fraction, simd_get(&s, n), IR_NONE, IR_NONE));
}

void arm64_lift_fp_to_int(struct arm64_lift *l, const struct arm64_args_fp_to_int *a)
{
    to_int(l, a->sf, a->size, a->attr, a->fraction, a->Rd, a->Rn);
}

void arm64_lift_fp_to_fixed(struct arm64_lift *l, const struct arm64_args_fp_to_fixed *a)
{
    to_int(l, a->sf, a->size, a->attr, a->fraction, a->Rd, a->Rn);
}

static void from_int(struct arm64_lift *l, uint32_t sf, uint32_t size, uint32_t sign,
                     uint32_t fraction, uint32_t d, uint32_t n)
{
    struct simd s = simd_float_scalar(l->u, size);

    simd_set(&s, d, simd_un(&s, IR_ITOF, sign, fraction, arm64_x(l, arm64_int_type(sf), n)));
}

void arm64_lift_fp_from_int(struct arm64_lift *l, const struct arm64_args_fp_from_int *a)
{
    from_int(l, a->sf, a->size, a->sign, a->fraction, a->Rd, a->Rn);
}

void arm64_lift_fp_from_fixed(struct arm64_lift *l, const struct arm64_args_fp_from_fixed *a)
{
    from_int(l, a->sf, a->size, a->sign, a->fraction, a->Rd, a->Rn);
}

/* FJCVTZS: Z says that the number was an integer that fits, and not -0. */
void arm64_lift_fp_to_int_js(struct arm64_lift *l, const struct arm64_args_fp_to_int_js *a)
{
    ir_ref n = ir_get(l->u, IR_F64, ARM64_V0 + a->Rn);
    ir_ref v = ir_vec(l->u, IR_FJCVT_VAL, IR_I32, IR_VOID, 0, 0, n, IR_NONE, IR_NONE);

    arm64_set_flags(l, ir_vec(l->u, IR_FJCVT, IR_FLAGS, IR_VOID, 0, 0, n, IR_NONE, IR_NONE));
    arm64_set_x(l, a->Rd, v);
}

/* -- bits ---------------------------------------------------------------------------- */

void arm64_lift_fp_to_general(struct arm64_lift *l, const struct arm64_args_fp_to_general *a)
{
    struct simd s = simd_float_scalar(l->u, a->size);

    arm64_set_x(l, a->Rd, ir_conv(l->u, IR_BITCAST, simd_int(a->size), simd_get(&s, a->Rn)));
}

void arm64_lift_fp_from_general(struct arm64_lift *l, const struct arm64_args_fp_from_general *a)
{
    struct simd s = simd_float_scalar(l->u, a->size);

    simd_set(&s, a->Rd, ir_conv(l->u, IR_BITCAST, s.t, arm64_x(l, simd_int(a->size), a->Rn)));
}

void arm64_lift_fp_top_to_general(struct arm64_lift *l,
                                  const struct arm64_args_fp_top_to_general *a)
{
    ir_ref n = simd_all(l->u, a->Rn);

    arm64_set_x(l, a->Rd, ir_vec(l->u, IR_VEXT, IR_I64, IR_I64, 0, 1, n, IR_NONE, IR_NONE));
}

void arm64_lift_fp_top_from_general(struct arm64_lift *l,
                                    const struct arm64_args_fp_top_from_general *a)
{
    ir_ref d = simd_all(l->u, a->Rd);

    simd_put(l->u, a->Rd,
             ir_vec(l->u, IR_VINS, IR_V128, IR_I64, 0, 1, d, arm64_x(l, IR_I64, a->Rn), IR_NONE));
}
