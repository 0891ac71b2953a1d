/* Advanced SIMD shift by immediate and scalar shift by immediate (Arm ARM C4.1.96).  The tables
 * compute size and amount: right shifts by 1 to the width, left shifts by 0 to the width - 1.
 *
 * A rounding right shift by s is the shift plus bit s - 1, which cannot overflow. */
#include "arm64_isa.h"
#include "guest/arm64/lift.h"
#include "guest/arm64/simd.h"

static ir_ref shift_right(const struct simd *s, unsigned shift, bool is_signed, bool round,
                          ir_ref v)
{
    ir_ref r = simd_un(s, IR_VSHRI, is_signed, shift, v);
    ir_ref half;

    if (!round)
        return r;
    half = shift > 1 ? simd_un(s, IR_VSHRI, 0, shift - 1, v) : v;
    half = simd_bin(s, IR_VAND, 0, 0, half, simd_const(s, 1));
    return simd_bin(s, IR_VADD, 0, 0, r, half);
}

/* -- right --------------------------------------------------------------------------- */

static void shr(const struct simd *s, const struct arm64_args_simd_shr *a)
{
    ir_ref v = shift_right(s, a->shift, !a->u, a->round, simd_get(s, a->Rn));

    if (a->acc)
        v = simd_bin(s, IR_VADD, 0, 0, simd_get(s, a->Rd), v);
    simd_set(s, a->Rd, v);
}

void arm64_lift_simd_shr(struct arm64_lift *l, const struct arm64_args_simd_shr *a)
{
    struct simd s = simd_ints(l->u, a->Q, a->size);

    shr(&s, a);
}

void arm64_lift_simd_shr_scalar(struct arm64_lift *l, const struct arm64_args_simd_shr_scalar *a)
{
    struct simd s = simd_int_scalar(l->u, a->size);
    struct arm64_args_simd_shr v = {.Rd = a->Rd,
                                    .Rn = a->Rn,
                                    .size = a->size,
                                    .shift = a->shift,
                                    .u = a->u,
                                    .acc = a->acc,
                                    .round = a->round};

    shr(&s, &v);
}

/* Bits of d that nothing is shifted into stay. */
static void shift_insert(const struct simd *s, uint32_t d, uint32_t n, bool left, unsigned shift)
{
    uint64_t ones = bits_get(~0ull, 0, simd_bits(s->lane));
    uint64_t mask = left ? ones << shift : shift < simd_bits(s->lane) ? ones >> shift : 0;
    ir_ref v = simd_un(s, left ? IR_VSHLI : IR_VSHRI, 0, shift, simd_get(s, n));

    simd_set(s, d, simd_op(s, IR_VSEL, 0, 0, simd_const(s, mask), v, simd_get(s, d)));
}

void arm64_lift_simd_sri(struct arm64_lift *l, const struct arm64_args_simd_sri *a)
{
    struct simd s = simd_ints(l->u, a->Q, a->size);

    shift_insert(&s, a->Rd, a->Rn, false, a->shift);
}

void arm64_lift_simd_sri_scalar(struct arm64_lift *l, const struct arm64_args_simd_sri_scalar *a)
{
    struct simd s = simd_int_scalar(l->u, a->size);

    shift_insert(&s, a->Rd, a->Rn, false, a->shift);
}

/* Where narrowing truncates, what is shifted in is cut off: the tables say unsigned, which hosts do
 * cheaply for all sizes. */
void arm64_lift_simd_shrn(struct arm64_lift *l, const struct arm64_args_simd_shrn *a)
{
    struct simd wide = simd_ints(l->u, true, a->size + 1);

    simd_narrow(&wide, a->Rd, a->Q, (enum ir_narrow)a->narrow,
                shift_right(&wide, a->shift, !a->u, a->round, simd_get(&wide, a->Rn)));
}

void arm64_lift_simd_shrn_scalar(struct arm64_lift *l, const struct arm64_args_simd_shrn_scalar *a)
{
    struct simd wide = {l->u, IR_V128, simd_int(a->size + 1), true};

    simd_narrow(&wide, a->Rd, false, (enum ir_narrow)a->narrow,
                shift_right(&wide, a->shift, !a->u, a->round, simd_get(&wide, a->Rn)));
}

/* -- left ---------------------------------------------------------------------------- */

void arm64_lift_simd_shl(struct arm64_lift *l, const struct arm64_args_simd_shl *a)
{
    struct simd s = simd_ints(l->u, a->Q, a->size);

    simd_set(&s, a->Rd, simd_un(&s, IR_VSHLI, 0, a->shift, simd_get(&s, a->Rn)));
}

void arm64_lift_simd_shl_scalar(struct arm64_lift *l, const struct arm64_args_simd_shl_scalar *a)
{
    struct simd s = simd_int_scalar(l->u, a->size);

    simd_set(&s, a->Rd, simd_un(&s, IR_VSHLI, 0, a->shift, simd_get(&s, a->Rn)));
}

void arm64_lift_simd_sli(struct arm64_lift *l, const struct arm64_args_simd_sli *a)
{
    struct simd s = simd_ints(l->u, a->Q, a->size);

    shift_insert(&s, a->Rd, a->Rn, true, a->shift);
}

void arm64_lift_simd_sli_scalar(struct arm64_lift *l, const struct arm64_args_simd_sli_scalar *a)
{
    struct simd s = simd_int_scalar(l->u, a->size);

    shift_insert(&s, a->Rd, a->Rn, true, a->shift);
}

void arm64_lift_simd_shll_imm(struct arm64_lift *l, const struct arm64_args_simd_shll_imm *a)
{
    struct simd wide = simd_ints(l->u, true, a->size + 1);
    ir_ref v = ir_vec(l->u, IR_VWIDEN, IR_V128, simd_int(a->size), !a->u, a->Q,
                      simd_get(&wide, a->Rn), IR_NONE, IR_NONE);

    if (a->shift)
        v = simd_un(&wide, IR_VSHLI, 0, a->shift, v);
    simd_set(&wide, a->Rd, v);
}

/* Shifted back, the result is the argument exactly if nothing saturated.  SQSHLU of a negative
 * number is 0, and saturates. */
static void saturating_shift_left(const struct simd *s, uint32_t kind, uint32_t d, uint32_t n,
                                  unsigned shift)
{
    ir_ref v = simd_get(s, n), amount = simd_const(s, shift), r;
    bool is_signed = kind == SIMD_SQSHL;
    ir_ref from = v;

    if (kind == SIMD_SQSHLU)
        from = simd_bin(s, IR_VMAX, 1, 0, v, simd_const(s, 0));
    r = simd_bin(s, IR_VSHLV, is_signed | 4u, 0, from, amount);
    simd_qc(s, v, simd_un(s, IR_VSHRI, is_signed, shift, r));
    simd_set(s, d, r);
}

void arm64_lift_simd_qshl(struct arm64_lift *l, const struct arm64_args_simd_qshl *a)
{
    struct simd s = simd_ints(l->u, a->Q, a->size);

    saturating_shift_left(&s, a->kind, a->Rd, a->Rn, a->shift);
}

void arm64_lift_simd_qshl_scalar(struct arm64_lift *l, const struct arm64_args_simd_qshl_scalar *a)
{
    struct simd s = simd_int_scalar(l->u, a->size);

    saturating_shift_left(&s, a->kind, a->Rd, a->Rn, a->shift);
}

/* -- fixed point --------------------------------------------------------------------- */

void arm64_lift_simd_convert_fixed(struct arm64_lift *l,
                                   const struct arm64_args_simd_convert_fixed *a)
{
    struct simd s = simd_floats(l->u, a->Q, a->size);
    enum ir_type lane = a->op == IR_FTOI ? simd_int(a->size) : s.lane;

    simd_set(&s, a->Rd,
             ir_vec(l->u, (enum ir_op)a->op, s.t, lane, a->attr, a->shift, simd_get(&s, a->Rn),
                    IR_NONE, IR_NONE));
}

void arm64_lift_simd_convert_fixed_scalar(struct arm64_lift *l,
                                          const struct arm64_args_simd_convert_fixed_scalar *a)
{
    struct simd s = simd_float_scalar(l->u, a->size);

    simd_set(&s, a->Rd,
             simd_convert_scalar(&s, (enum ir_op)a->op, a->attr, a->shift, simd_get(&s, a->Rn)));
}
