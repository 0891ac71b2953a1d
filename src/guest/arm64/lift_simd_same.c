/* Advanced SIMD three same, vector and scalar, with the FP16 and "extra" groups, and scalar
 * pairwise (Arm ARM C4.1.96). */
#include "arm64_isa.h"
#include "guest/arm64/lift.h"
#include "guest/arm64/simd.h"

static void three_regs(const struct simd *s, uint32_t kind, uint32_t d, uint32_t n, uint32_t m)
{
    simd_three_regs(s, (enum simd_kind)kind, d, simd_get(s, n), simd_get(s, m));
}

void arm64_lift_simd_three(struct arm64_lift *l, const struct arm64_args_simd_three *a)
{
    struct simd s = simd_ints(l->u, a->Q, a->size);

    three_regs(&s, a->kind, a->Rd, a->Rn, a->Rm);
}

void arm64_lift_simd_three_scalar(struct arm64_lift *l,
                                  const struct arm64_args_simd_three_scalar *a)
{
    struct simd s = simd_int_scalar(l->u, a->size);

    three_regs(&s, a->kind, a->Rd, a->Rn, a->Rm);
}

void arm64_lift_simd_three_fp(struct arm64_lift *l, const struct arm64_args_simd_three_fp *a)
{
    struct simd s = simd_floats(l->u, a->Q, a->size);

    three_regs(&s, a->kind, a->Rd, a->Rn, a->Rm);
}

void arm64_lift_simd_three_fp_scalar(struct arm64_lift *l,
                                     const struct arm64_args_simd_three_fp_scalar *a)
{
    struct simd s = simd_float_scalar(l->u, a->size);

    three_regs(&s, a->kind, a->Rd, a->Rn, a->Rm);
}

/* The sources are the low or high halves of registers of the destination's size. */
void arm64_lift_simd_fmlal(struct arm64_lift *l, const struct arm64_args_simd_fmlal *a)
{
    struct simd s = simd_floats(l->u, a->Q, 2);

    simd_set(&s, a->Rd,
             simd_op(&s, IR_FMLAL, 0, a->high | a->sub << 1, simd_get(&s, a->Rd),
                     simd_get(&s, a->Rn), simd_get(&s, a->Rm)));
}

void arm64_lift_simd_bfmlal(struct arm64_lift *l, const struct arm64_args_simd_bfmlal *a)
{
    struct simd s = simd_floats(l->u, true, 2);

    simd_set(&s, a->Rd,
             simd_op(&s, IR_BFMLAL, 0, a->top, simd_get(&s, a->Rd), simd_get(&s, a->Rn),
                     simd_get(&s, a->Rm)));
}

void arm64_lift_simd_fcmla(struct arm64_lift *l, const struct arm64_args_simd_fcmla *a)
{
    struct simd s = simd_floats(l->u, a->Q, a->size);

    simd_set(&s, a->Rd,
             simd_op(&s, IR_FCMLA, 0, a->rot * 90, simd_get(&s, a->Rd), simd_get(&s, a->Rn),
                     simd_get(&s, a->Rm)));
}

void arm64_lift_simd_fcadd(struct arm64_lift *l, const struct arm64_args_simd_fcadd *a)
{
    struct simd s = simd_floats(l->u, a->Q, a->size);

    simd_set(
        &s, a->Rd,
        simd_bin(&s, IR_FCADD, 0, a->rot ? 270 : 90, simd_get(&s, a->Rn), simd_get(&s, a->Rm)));
}

/* -- scalar pairwise ----------------------------------------------------------------- */

void arm64_lift_simd_addp_scalar(struct arm64_lift *l, const struct arm64_args_simd_addp_scalar *a)
{
    struct ir_unit *u = l->u;
    ir_ref sum = ir_vec(u, IR_VADD, IR_V64, IR_I64, 0, 0, simd_half(u, a->Rn, false),
                        simd_half(u, a->Rn, true), IR_NONE);

    simd_put(u, a->Rd, sum);
}

void arm64_lift_simd_pair_fp_scalar(struct arm64_lift *l,
                                    const struct arm64_args_simd_pair_fp_scalar *a)
{
    struct simd s = simd_float_scalar(l->u, a->size);
    ir_ref n = simd_all(l->u, a->Rn);

    simd_set(&s, a->Rd,
             simd_three(&s, (enum simd_kind)a->kind, IR_NONE, simd_element(&s, n, 0),
                        simd_element(&s, n, 1)));
}
