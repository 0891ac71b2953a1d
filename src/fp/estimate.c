/* Arm's estimates: FPRecipEstimate, FPRSqrtEstimate, FPRecpX, UnsignedRecipEstimate,
 * UnsignedRSqrtEstimate.  The results are architected bit by bit: eight bits computed from nine. */
#include "fp/core.h"

/* 256 <= a < 512, that is 0.5 .. 1.0; the result likewise, 1.0 .. 2.0 */
static unsigned recip_estimate(unsigned a)
{
    unsigned b = (1u << 19) / (2 * a + 1);
    return (b + 1) / 2;
}

/* 128 <= a < 512, that is 0.25 .. 1.0; the result 256 .. 511 */
static unsigned rsqrt_estimate(unsigned a)
{
    a = a < 256 ? 2 * a + 1 : ((a & ~1u) + 1) * 2;
    unsigned b = 512;
    for (unsigned bit = 256; bit; bit /= 2) /* the largest b < 1024 for which the condition holds */
        if (a * (b + bit) * (b + bit) < 1u << 28)
            b += bit;
    return (b + 1) / 2;
}

FP_INLINE bool flushes(const struct fp_format *f, const struct fp_status *s)
{
    return f->flush == FP_FLUSH_HALF ? s->env.flush_half : s->env.flush_outputs;
}

FP_INLINE uint64_t recpe(const struct fp_format *f, uint64_t v, struct fp_status *s)
{
    struct fp_num a = fp_unpack(f, v, s);
    const int largest = 1 - f->emin; /* exponent of the largest finite numbers */
    if (fp_is_nan(&a))
        return fp_nan1(f, &a, s);
    if (a.cls == FP_INFINITY)
        return fp_zero(f, a.sign);
    if (a.cls == FP_ZERO_NUM) {
        s->flags |= FP_DIVZERO;
        return fp_infinity(f, a.sign);
    }
    if (a.exp < -largest - 1)
        return fp_overflow(f, a.sign, (enum fp_round)s->env.round, s);
    if (a.exp >= -f->emin && flushes(f, s)) {
        s->flags |= FP_UNDERFLOW;
        return fp_zero(f, a.sign);
    }
    /* 1/a lies in (2^(-exp-1), 2^-exp]; the estimate's leading bit is worth 2^(-exp-1) */
    uint64_t estimate = (uint64_t)recip_estimate((unsigned)(a.sig >> 55)) << (f->frac - 8);
    int exp = -a.exp - 1;
    if (exp < f->emin)
        return fp_zero(f, a.sign) | estimate >> (f->emin - exp); /* denormal, cut */
    return fp_power(f, a.sign, exp) | (estimate & ((1ull << f->frac) - 1));
}

FP_INLINE uint64_t rsqrte(const struct fp_format *f, uint64_t v, struct fp_status *s)
{
    struct fp_num a = fp_unpack(f, v, s);
    if (fp_is_nan(&a))
        return fp_nan1(f, &a, s);
    if (a.cls == FP_ZERO_NUM) {
        s->flags |= FP_DIVZERO;
        return fp_infinity(f, a.sign);
    }
    if (a.sign)
        return fp_invalid(f, s);
    if (a.cls == FP_INFINITY)
        return fp_zero(f, false);
    /* a = m * 4^half, m in [0.25, 1) */
    bool odd = a.exp & 1; /* then the leading bit of sig is worth 1/2, else 1/4 */
    int half = (a.exp + 2 - odd) / 2;
    uint64_t estimate = (uint64_t)rsqrt_estimate((unsigned)(a.sig >> (odd ? 55 : 56)))
                        << (f->frac - 8);
    return fp_power(f, false, -half) | (estimate & ((1ull << f->frac) - 1));
}

FP_INLINE uint64_t recpx(const struct fp_format *f, uint64_t v, struct fp_status *s)
{
    struct fp_num a = fp_unpack(f, v, s);
    if (fp_is_nan(&a))
        return fp_nan1(f, &a, s);
    uint64_t field = v & fp_exp_mask(f);
    if (!field)
        return fp_zero(f, a.sign) | (fp_exp_mask(f) - (1ull << f->frac));
    return fp_zero(f, a.sign) | (field ^ fp_exp_mask(f));
}

uint32_t fp_unsigned_recpe(uint32_t a)
{
    return a >> 31 ? recip_estimate(a >> 23) << 23 : ~0u;
}

uint32_t fp_unsigned_rsqrte(uint32_t a)
{
    return a >> 30 ? rsqrt_estimate(a >> 23) << 23 : ~0u;
}

/* clang-format off */
#define INSTANCE(n)                                                                                \
    uint64_t fp##n##_recpe(uint64_t a, struct fp_status *s) { return recpe(&fp_f##n, a, s); }      \
    uint64_t fp##n##_rsqrte(uint64_t a, struct fp_status *s) { return rsqrte(&fp_f##n, a, s); }    \
    uint64_t fp##n##_recpx(uint64_t a, struct fp_status *s) { return recpx(&fp_f##n, a, s); }
/* clang-format on */

INSTANCE(16)
INSTANCE(32)
INSTANCE(64)
