/* Advanced SIMD three different: long, wide and narrow forms, and their scalar forms (Arm ARM
 * C4.1.96).
 *
 * Q says which half of the narrow registers is meant: the low one, or ("2") the high one. */
#include "arm64_isa.h"
#include "guest/arm64/lift.h"
#include "guest/arm64/simd.h"

/* The low or high half of Vn's elements, of size 1 << size bytes, twice as wide. */
static ir_ref widened(struct ir_unit *u, unsigned n, bool high, unsigned size, bool is_signed)
{
    return ir_vec(u, IR_VWIDEN, IR_V128, simd_int(size), is_signed, high, simd_all(u, n), IR_NONE,
                  IR_NONE);
}

void arm64_lift_simd_addl(struct arm64_lift *l, const struct arm64_args_simd_addl *a)
{
    struct simd wide = simd_ints(l->u, true, a->size + 1);
    ir_ref n = a->wide ? simd_get(&wide, a->Rn) : widened(l->u, a->Rn, a->Q, a->size, !a->u);
    ir_ref m = widened(l->u, a->Rm, a->Q, a->size, !a->u);

    simd_set(&wide, a->Rd, simd_bin(&wide, a->sub ? IR_VSUB : IR_VADD, 0, 0, n, m));
}

/* A difference of narrow elements fits in as many unsigned bits. */
void arm64_lift_simd_abdl(struct arm64_lift *l, const struct arm64_args_simd_abdl *a)
{
    struct simd narrow = simd_ints(l->u, true, a->size), wide = simd_ints(l->u, true, a->size + 1);
    ir_ref v =
        simd_bin(&narrow, IR_VABD, !a->u, 0, simd_get(&narrow, a->Rn), simd_get(&narrow, a->Rm));

    v = ir_vec(l->u, IR_VWIDEN, IR_V128, narrow.lane, 0, a->Q, v, IR_NONE, IR_NONE);
    if (a->acc)
        v = simd_bin(&wide, IR_VADD, 0, 0, simd_get(&wide, a->Rd), v);
    simd_set(&wide, a->Rd, v);
}

void simd_multiply_long(struct ir_unit *u, const struct simd_long *a, ir_ref n, ir_ref m)
{
    struct simd wide = simd_ints(u, true, a->size + 1);
    ir_ref v =
        ir_vec(u, IR_VMULL, IR_V128, simd_int(a->size), a->is_signed, a->high, n, m, IR_NONE);

    if (a->accumulate)
        v = simd_bin(&wide, a->subtract ? IR_VSUB : IR_VADD, 0, 0, simd_get(&wide, a->d), v);
    simd_set(&wide, a->d, v);
}

void simd_multiply_long_saturating(struct ir_unit *u, const struct simd_long *a, ir_ref n, ir_ref m)
{
    struct simd wide = {u, IR_V128, simd_int(a->size + 1), a->scalar};
    ir_ref product = ir_vec(u, IR_VMULL, IR_V128, simd_int(a->size), 1, a->high, n, m, IR_NONE);
    ir_ref v = simd_three(&wide, SIMD_SQADD, IR_NONE, product, product);

    if (a->accumulate)
        v = simd_three(&wide, a->subtract ? SIMD_SQSUB : SIMD_SQADD, IR_NONE, simd_get(&wide, a->d),
                       v);
    simd_set(&wide, a->d, v);
}

void arm64_lift_simd_mull(struct arm64_lift *l, const struct arm64_args_simd_mull *a)
{
    struct simd s = simd_ints(l->u, true, a->size);
    struct simd_long how = {a->Rd, a->size, a->Q, !a->u, a->acc, a->sub, false};

    simd_multiply_long(l->u, &how, simd_get(&s, a->Rn), simd_get(&s, a->Rm));
}

void arm64_lift_simd_qdmull(struct arm64_lift *l, const struct arm64_args_simd_qdmull *a)
{
    struct simd s = simd_ints(l->u, true, a->size);
    struct simd_long how = {a->Rd, a->size, a->Q, true, a->acc, a->sub, false};

    simd_multiply_long_saturating(l->u, &how, simd_get(&s, a->Rn), simd_get(&s, a->Rm));
}

void arm64_lift_simd_qdmull_scalar(struct arm64_lift *l,
                                   const struct arm64_args_simd_qdmull_scalar *a)
{
    struct simd s = simd_ints(l->u, true, a->size);
    struct simd_long how = {a->Rd, a->size, false, true, a->acc, a->sub, true};

    simd_multiply_long_saturating(l->u, &how, simd_get(&s, a->Rn), simd_get(&s, a->Rm));
}

/* The high halves of sums or differences. */
void arm64_lift_simd_addhn(struct arm64_lift *l, const struct arm64_args_simd_addhn *a)
{
    struct simd wide = simd_ints(l->u, true, a->size + 1);
    unsigned bits = 8u << a->size;
    ir_ref v = simd_bin(&wide, a->sub ? IR_VSUB : IR_VADD, 0, 0, simd_get(&wide, a->Rn),
                        simd_get(&wide, a->Rm));

    if (a->round)
        v = simd_bin(&wide, IR_VADD, 0, 0, v, simd_const(&wide, 1ull << (bits - 1)));
    v = simd_un(&wide, IR_VSHRI, 0, bits, v);
    v = ir_vec(l->u, IR_VNARROW, IR_V64, simd_int(a->size), IR_NARROW_TRUNC, 0, v, IR_NONE,
               IR_NONE);
    simd_put_half(l->u, a->Rd, a->Q, v);
}

void arm64_lift_simd_pmull(struct arm64_lift *l, const struct arm64_args_simd_pmull *a)
{
    struct simd s = simd_ints(l->u, true, a->size);

    simd_set(&s, a->Rd, simd_bin(&s, IR_VPMULL, 0, a->Q, simd_get(&s, a->Rn), simd_get(&s, a->Rm)));
}
