/* Scalar floating-point data processing: sources, comparison, selection, immediates (Arm ARM
 * C4.1.96). */
#include "arm64_isa.h"
#include "guest/arm64/lift.h"
#include "guest/arm64/simd.h"

void arm64_lift_fp_move(struct arm64_lift *l, const struct arm64_args_fp_move *a)
{
    struct simd s = simd_float_scalar(l->u, a->size);

    simd_set(&s, a->Rd, simd_get(&s, a->Rn));
}

void arm64_lift_fp_one(struct arm64_lift *l, const struct arm64_args_fp_one *a)
{
    struct simd s = simd_float_scalar(l->u, a->size);

    simd_set(&s, a->Rd, simd_un(&s, (enum ir_op)a->op, a->attr, a->imm, simd_get(&s, a->Rn)));
}

void arm64_lift_fp_convert(struct arm64_lift *l, const struct arm64_args_fp_convert *a)
{
    struct simd from = simd_float_scalar(l->u, a->size), to = simd_float_scalar(l->u, a->to);

    simd_set(&to, a->Rd, simd_un(&to, IR_FCVT, FP_ROUND_CURRENT, 0, simd_get(&from, a->Rn)));
}

void arm64_lift_fp_bfcvt(struct arm64_lift *l, const struct arm64_args_fp_bfcvt *a)
{
    ir_ref n = ir_get(l->u, IR_F32, ARM64_V0 + a->Rn);

    simd_put(l->u, a->Rd, ir_vec(l->u, IR_BFCVT, IR_F16, IR_F16, 0, 0, n, IR_NONE, IR_NONE));
}

void arm64_lift_fp_two(struct arm64_lift *l, const struct arm64_args_fp_two *a)
{
    struct simd s = simd_float_scalar(l->u, a->size);

    simd_set(
        &s, a->Rd,
        simd_three(&s, (enum simd_kind)a->kind, IR_NONE, simd_get(&s, a->Rn), simd_get(&s, a->Rm)));
}

void arm64_lift_fp_three(struct arm64_lift *l, const struct arm64_args_fp_three *a)
{
    struct simd s = simd_float_scalar(l->u, a->size);
    ir_ref add = simd_get(&s, a->Ra), n = simd_get(&s, a->Rn);

    if (a->negate_a)
        add = simd_un(&s, IR_FNEG, 0, 0, add);
    if (a->negate_n)
        n = simd_un(&s, IR_FNEG, 0, 0, n);
    simd_set(&s, a->Rd, simd_op(&s, IR_FMA, 0, 0, add, n, simd_get(&s, a->Rm)));
}

/* -- comparison and selection -------------------------------------------------------- */

static ir_ref compare(struct arm64_lift *l, bool signal, ir_ref n, ir_ref m)
{
    return ir_vec(l->u, IR_FLAGS_FCMP, IR_FLAGS, IR_VOID, signal, 0, n, m, IR_NONE);
}

void arm64_lift_fp_compare(struct arm64_lift *l, const struct arm64_args_fp_compare *a)
{
    struct simd s = simd_float_scalar(l->u, a->size);

    arm64_set_flags(l, compare(l, a->signal, simd_get(&s, a->Rn), simd_get(&s, a->Rm)));
}

void arm64_lift_fp_compare_zero(struct arm64_lift *l, const struct arm64_args_fp_compare_zero *a)
{
    struct simd s = simd_float_scalar(l->u, a->size);

    arm64_set_flags(l, compare(l, a->signal, simd_get(&s, a->Rn), ir_const(l->u, s.t, 0)));
}

/* Where the condition fails, zeros are compared, which raises nothing. */
void arm64_lift_fp_compare_if(struct arm64_lift *l, const struct arm64_args_fp_compare_if *a)
{
    struct simd s = simd_float_scalar(l->u, a->size);
    ir_ref condition = arm64_condition(l, a->cond), zero = ir_const(l->u, s.t, 0);
    ir_ref n = ir_select(l->u, condition, simd_get(&s, a->Rn), zero);
    ir_ref m = ir_select(l->u, condition, simd_get(&s, a->Rm), zero);

    arm64_set_flags(
        l, ir_select(l->u, condition, compare(l, a->signal, n, m), arm64_flags_const(l, a->nzcv)));
}

void arm64_lift_fp_select(struct arm64_lift *l, const struct arm64_args_fp_select *a)
{
    struct simd s = simd_float_scalar(l->u, a->size);

    simd_set(
        &s, a->Rd,
        ir_select(l->u, arm64_condition(l, a->cond), simd_get(&s, a->Rn), simd_get(&s, a->Rm)));
}

void arm64_lift_fp_immediate(struct arm64_lift *l, const struct arm64_args_fp_immediate *a)
{
    struct simd s = simd_float_scalar(l->u, a->size);

    simd_set(&s, a->Rd, ir_const(l->u, s.t, simd_expand_imm(a->size, a->imm8)));
}
