/* Advanced SIMD vector by indexed element, and scalar by indexed element (Arm ARM C4.1.96): the
 * operations of three same and three different, the last operand being one element repeated.  The
 * tables compute the element's number (index) and its register (m). */
#include "arm64_isa.h"
#include "guest/arm64/lift.h"
#include "guest/arm64/simd.h"

/* Element of 1 << size bytes of Vm in every lane of a value of type t. */
static ir_ref repeated(struct ir_unit *u, enum ir_type t, unsigned size, unsigned m, unsigned index)
{
    return ir_vec(u, IR_VDUPL, t, simd_int(size), 0, index, simd_all(u, m), IR_NONE, IR_NONE);
}

/* DOT products repeat groups of elements, 32 bits in all, which is their size here. */
void arm64_lift_simd_element(struct arm64_lift *l, const struct arm64_args_simd_element *a)
{
    struct simd s = simd_ints(l->u, a->Q, a->size);

    simd_three_regs(&s, (enum simd_kind)a->kind, a->Rd, simd_get(&s, a->Rn),
                    repeated(l->u, s.t, a->size, a->m, a->index));
}

void arm64_lift_simd_element_scalar(struct arm64_lift *l,
                                    const struct arm64_args_simd_element_scalar *a)
{
    struct simd s = simd_int_scalar(l->u, a->size);

    simd_three_regs(&s, (enum simd_kind)a->kind, a->Rd, simd_get(&s, a->Rn),
                    repeated(l->u, s.t, a->size, a->m, a->index));
}

void arm64_lift_simd_element_fp(struct arm64_lift *l, const struct arm64_args_simd_element_fp *a)
{
    struct simd s = simd_floats(l->u, a->Q, a->size);

    simd_three_regs(&s, (enum simd_kind)a->kind, a->Rd, simd_get(&s, a->Rn),
                    repeated(l->u, s.t, a->size, a->m, a->index));
}

void arm64_lift_simd_element_fp_scalar(struct arm64_lift *l,
                                       const struct arm64_args_simd_element_fp_scalar *a)
{
    struct simd s = simd_float_scalar(l->u, a->size);
    ir_ref m = simd_element(&s, simd_all(l->u, a->m), a->index);

    simd_three_regs(&s, (enum simd_kind)a->kind, a->Rd, simd_get(&s, a->Rn), m);
}

/* -- long ---------------------------------------------------------------------------- */

void arm64_lift_simd_mull_element(struct arm64_lift *l,
                                  const struct arm64_args_simd_mull_element *a)
{
    struct simd_long how = {a->Rd, a->size, a->Q, !a->u, a->acc, a->sub, false};
    ir_ref n = simd_all(l->u, a->Rn);

    simd_multiply_long(l->u, &how, n, repeated(l->u, IR_V128, a->size, a->m, a->index));
}

void arm64_lift_simd_qdmull_element(struct arm64_lift *l,
                                    const struct arm64_args_simd_qdmull_element *a)
{
    struct simd_long how = {a->Rd, a->size, a->Q, true, a->acc, a->sub, false};
    ir_ref n = simd_all(l->u, a->Rn);

    simd_multiply_long_saturating(l->u, &how, n, repeated(l->u, IR_V128, a->size, a->m, a->index));
}

void arm64_lift_simd_qdmull_element_scalar(struct arm64_lift *l,
                                           const struct arm64_args_simd_qdmull_element_scalar *a)
{
    struct simd_long how = {a->Rd, a->size, false, true, a->acc, a->sub, true};
    ir_ref n = simd_all(l->u, a->Rn);

    simd_multiply_long_saturating(l->u, &how, n, repeated(l->u, IR_V128, a->size, a->m, a->index));
}

void arm64_lift_simd_fmlal_element(struct arm64_lift *l,
                                   const struct arm64_args_simd_fmlal_element *a)
{
    struct simd s = simd_floats(l->u, a->Q, 2);

    simd_set(&s, a->Rd,
             simd_op(&s, IR_FMLAL, 0, a->high | a->sub << 1, simd_get(&s, a->Rd),
                     simd_get(&s, a->Rn), repeated(l->u, s.t, 1, a->m, a->index)));
}

void arm64_lift_simd_bfmlal_element(struct arm64_lift *l,
                                    const struct arm64_args_simd_bfmlal_element *a)
{
    struct simd s = simd_floats(l->u, true, 2);

    simd_set(&s, a->Rd,
             simd_op(&s, IR_BFMLAL, 0, a->top, simd_get(&s, a->Rd), simd_get(&s, a->Rn),
                     repeated(l->u, s.t, 1, a->m, a->index)));
}

/* A complex element is a pair of lanes. */
void arm64_lift_simd_fcmla_element(struct arm64_lift *l,
                                   const struct arm64_args_simd_fcmla_element *a)
{
    struct simd s = simd_floats(l->u, a->Q, a->size);

    simd_set(&s, a->Rd,
             simd_op(&s, IR_FCMLA, 0, a->rot * 90, simd_get(&s, a->Rd), simd_get(&s, a->Rn),
                     repeated(l->u, s.t, a->size + 1, a->m, a->index)));
}
