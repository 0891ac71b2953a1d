/* Advanced SIMD moves: copy, modified immediate, permute, extract, table look-up (Arm ARM C4.1.96).
 */
#include "arm64_isa.h"
#include "guest/arm64/lift.h"
#include "guest/arm64/simd.h"

/* -- copy ---------------------------------------------------------------------------- */

void arm64_lift_simd_dup_element(struct arm64_lift *l, const struct arm64_args_simd_dup_element *a)
{
    struct simd s = simd_ints(l->u, a->Q, a->size);

    simd_set(&s, a->Rd, simd_element(&s, simd_all(l->u, a->Rn), a->index));
}

void arm64_lift_simd_dup_general(struct arm64_lift *l, const struct arm64_args_simd_dup_general *a)
{
    struct simd s = simd_ints(l->u, a->Q, a->size);

    simd_set(&s, a->Rd,
             simd_un(&s, IR_VDUP, 0, 0, arm64_x(l, arm64_int_type(a->size == 3), a->Rn)));
}

void arm64_lift_simd_mov_to_general(struct arm64_lift *l,
                                    const struct arm64_args_simd_mov_to_general *a)
{
    enum ir_op op = a->sign ? IR_VEXTS : IR_VEXT;

    arm64_set_x(l, a->Rd,
                ir_vec(l->u, op, arm64_int_type(a->Q), simd_int(a->size), 0, a->index,
                       simd_all(l->u, a->Rn), IR_NONE, IR_NONE));
}

void arm64_lift_simd_ins_general(struct arm64_lift *l, const struct arm64_args_simd_ins_general *a)
{
    struct simd s = simd_ints(l->u, true, a->size);
    ir_ref n = arm64_x(l, arm64_int_type(a->size == 3), a->Rn);

    simd_set(&s, a->Rd, simd_bin(&s, IR_VINS, 0, a->index, simd_get(&s, a->Rd), n));
}

void arm64_lift_simd_ins_element(struct arm64_lift *l, const struct arm64_args_simd_ins_element *a)
{
    struct simd s = simd_ints(l->u, true, a->size);

    simd_set(&s, a->Rd,
             simd_bin(&s, IR_VINSL, 0, a->index | a->from << 8, simd_get(&s, a->Rd),
                      simd_get(&s, a->Rn)));
}

void arm64_lift_simd_dup_scalar(struct arm64_lift *l, const struct arm64_args_simd_dup_scalar *a)
{
    if (a->size == 0) {
        ir_ref byte = ir_vec(l->u, IR_VEXT, IR_I32, IR_I8, 0, a->index, simd_all(l->u, a->Rn),
                             IR_NONE, IR_NONE);
        simd_put(l->u, a->Rd, ir_conv(l->u, IR_BITCAST, IR_F32, byte));
    } else {
        struct simd s = simd_float_scalar(l->u, a->size);
        simd_put(l->u, a->Rd, simd_element(&s, simd_all(l->u, a->Rn), a->index));
    }
}

/* -- modified immediate -------------------------------------------------------------- */

/* how: 0 MOVI, 1 ORR, 2 MVNI, 3 BIC.  The immediate is shifted left; ones may come in instead of
 * zeros. */
void arm64_lift_simd_imm(struct arm64_lift *l, const struct arm64_args_simd_imm *a)
{
    struct simd s = simd_ints(l->u, a->Q, a->size);
    uint64_t imm = (uint64_t)a->imm << a->shift;
    ir_ref v;

    if (a->ones)
        imm |= (1ull << a->shift) - 1;
    v = simd_const(&s, a->how & 2 ? ~imm : imm);
    if (a->how & 1)
        v = simd_bin(&s, a->how & 2 ? IR_VAND : IR_VOR, 0, 0, simd_get(&s, a->Rd), v);
    simd_set(&s, a->Rd, v);
}

/* Each bit of the immediate makes a byte. */
void arm64_lift_simd_imm64(struct arm64_lift *l, const struct arm64_args_simd_imm64 *a)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < 8; i++)
        if (a->imm >> i & 1)
            v |= 0xffull << 8 * i;
    simd_put(l->u, a->Rd, ir_const(l->u, simd_type(a->Q), v));
}

uint64_t simd_expand_imm(unsigned size, uint32_t imm8)
{
    unsigned exponent = size == 1 ? 5 : size == 2 ? 8 : 11, fraction = (8u << size) - exponent - 1;
    uint64_t b = imm8 >> 6 & 1;
    uint64_t e = (b ? (1ull << (exponent - 3)) - 1 : 0) << 2 | (imm8 >> 4 & 3);

    e |= (b ^ 1) << (exponent - 1);
    return (uint64_t)(imm8 >> 7) << (exponent + fraction) | e << fraction |
           (uint64_t)(imm8 & 15) << (fraction - 4);
}

void arm64_lift_simd_fmov_imm(struct arm64_lift *l, const struct arm64_args_simd_fmov_imm *a)
{
    struct simd s = simd_ints(l->u, a->Q, a->size);

    simd_set(&s, a->Rd, simd_const(&s, simd_expand_imm(a->size, a->imm)));
}

/* -- permute, extract, table look-up ------------------------------------------------- */

void arm64_lift_simd_permute(struct arm64_lift *l, const struct arm64_args_simd_permute *a)
{
    struct simd s = simd_ints(l->u, a->Q, a->size);

    simd_set(&s, a->Rd,
             simd_bin(&s, (enum ir_op)a->op, 0, a->part, simd_get(&s, a->Rn), simd_get(&s, a->Rm)));
}

void arm64_lift_simd_ext(struct arm64_lift *l, const struct arm64_args_simd_ext *a)
{
    struct simd s = simd_ints(l->u, a->Q, 0);

    simd_set(&s, a->Rd,
             simd_bin(&s, IR_VEXTR, 0, a->imm4, simd_get(&s, a->Rn), simd_get(&s, a->Rm)));
}

/* Indices out of range give 0 (TBL) or keep d's byte (TBX). */
void arm64_lift_simd_tbl(struct arm64_lift *l, const struct arm64_args_simd_tbl *a)
{
    struct simd s = simd_ints(l->u, a->Q, 0);
    ir_ref index = simd_get(&s, a->Rm);
    ir_ref v = a->keep ? simd_get(&s, a->Rd) : simd_const(&s, 0);

    for (unsigned i = 0; i <= a->len; i++)
        v = simd_op(&s, IR_VTBL, 0, i, simd_all(l->u, (a->Rn + i) % 32), index, v);
    simd_set(&s, a->Rd, v);
}
