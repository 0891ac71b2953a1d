/* The arithmetic of Arm's BFDOT and BFMMLA without FEAT_EBF16: BFMul, BFAdd, BFRound.  It has no
 * environment: denormals count as zero on the way in and out, NaNs become the default NaN, rounding
 * is to odd, overflow gives infinity, no flag is raised.  Each addition and multiplication rounds.
 */
#include "fp/core.h"

#define BF_NAN 0x7fc00000u

static const struct fp_env bf_env = {
    .round = FP_ROUND_ODD,
    .flush_inputs = true,
    .flush_outputs = true,
    .default_nan = true,
    .tiny_before = true,
};

static uint32_t bf_round(bool sign, int exp, fp_u128 sig)
{
    struct fp_status s = {.env = bf_env};
    uint32_t r = (uint32_t)fp_normalize_pack(&fp_f32, sign, exp, sig, FP_ROUND_ODD, &s);
    return s.flags & FP_OVERFLOW ? (uint32_t)fp_infinity(&fp_f32, sign) : r;
}

static uint32_t bf_mul(uint16_t va, uint16_t vb)
{
    struct fp_status s = {.env = bf_env};
    struct fp_num a = fp_unpack(&fp_bf16, va, &s), b = fp_unpack(&fp_bf16, vb, &s);
    bool infinite = a.cls == FP_INFINITY || b.cls == FP_INFINITY;
    bool zero = a.cls == FP_ZERO_NUM || b.cls == FP_ZERO_NUM;
    if (fp_is_nan(&a) || fp_is_nan(&b) || (infinite && zero))
        return BF_NAN;
    if (infinite)
        return (uint32_t)fp_infinity(&fp_f32, a.sign ^ b.sign);
    if (zero)
        return (uint32_t)fp_zero(&fp_f32, a.sign ^ b.sign);
    return bf_round(a.sign ^ b.sign, a.exp + b.exp + 1, (fp_u128)a.sig * b.sig);
}

static uint32_t bf_add(uint32_t va, uint32_t vb)
{
    struct fp_status s = {.env = bf_env};
    struct fp_num a = fp_unpack(&fp_f32, va, &s), b = fp_unpack(&fp_f32, vb, &s);
    if (fp_is_nan(&a) || fp_is_nan(&b))
        return BF_NAN;
    if (a.cls == FP_INFINITY && b.cls == FP_INFINITY && a.sign != b.sign)
        return BF_NAN;
    if (a.cls == FP_INFINITY || b.cls == FP_INFINITY)
        return (uint32_t)fp_infinity(&fp_f32, a.cls == FP_INFINITY ? a.sign : b.sign);
    if (a.cls == FP_ZERO_NUM && b.cls == FP_ZERO_NUM)
        return (uint32_t)fp_zero(&fp_f32, a.sign && b.sign);
    struct fp_sum sum =
        fp_sum_exact(a.sign, a.exp, (fp_u128)a.sig << 62, b.sign, b.exp, (fp_u128)b.sig << 62);
    return sum.sig ? bf_round(sum.sign, sum.exp, sum.sig) : 0;
}

uint32_t fp_bfloat_dot(uint32_t acc, uint16_t a0, uint16_t b0, uint16_t a1, uint16_t b1)
{
    return bf_add(acc, bf_add(bf_mul(a0, b0), bf_mul(a1, b1)));
}
