/* Arithmetic: add, subtract, multiply, divide, square root, fused multiply-add, Arm's step
 * functions built from it, minimum, maximum, comparison.  Each function is Arm's of the same name
 * (FPAdd, FPMulAdd, FPRecipStepFused, ...) or, where env.nan_rule says so, the x86 instruction.
 *
 * x86's FMA instructions prefer the NaN of the first factor, then of the second, then of the
 * addend; the first factor is operand 1 in the 132 forms, operand 2 in the 213 and 231 forms
 * (measured). */
#include "fp/core.h"

FP_INLINE uint64_t fp_pack_sum(const struct fp_format *f, struct fp_sum sum, struct fp_status *s)
{
    if (!sum.sig)
        return fp_zero(f, fp_zero_sign(s));
    return fp_normalize_pack(f, sum.sign, sum.exp, sum.sig, (enum fp_round)s->env.round, s);
}

FP_INLINE uint64_t add(const struct fp_format *f, uint64_t va, uint64_t vb, bool subtract,
                       struct fp_status *s)
{
    struct fp_num a = fp_unpack(f, va, s), b = fp_unpack(f, vb, s);
    if (UNLIKELY(fp_is_nan(&a) || fp_is_nan(&b)))
        return fp_nan2(f, &a, &b, s);
    b.sign ^= subtract;
    if (UNLIKELY(a.cls == FP_INFINITY && b.cls == FP_INFINITY && a.sign != b.sign))
        return fp_invalid(f, s);
    fp_note_denormal(a.denormal || b.denormal, s);
    if (a.cls == FP_INFINITY || b.cls == FP_INFINITY)
        return fp_infinity(f, a.cls == FP_INFINITY ? a.sign : b.sign);
    if (a.cls == FP_ZERO_NUM && b.cls == FP_ZERO_NUM)
        return fp_zero(f, a.sign == b.sign ? a.sign : fp_zero_sign(s));
    return fp_pack_sum(
        f, fp_sum_exact(a.sign, a.exp, (fp_u128)a.sig << 62, b.sign, b.exp, (fp_u128)b.sig << 62),
        s);
}

FP_INLINE uint64_t mul(const struct fp_format *f, uint64_t va, uint64_t vb, bool extended,
                       struct fp_status *s)
{
    struct fp_num a = fp_unpack(f, va, s), b = fp_unpack(f, vb, s);
    bool sign = a.sign ^ b.sign;
    if (UNLIKELY(fp_is_nan(&a) || fp_is_nan(&b)))
        return fp_nan2(f, &a, &b, s);
    bool infinite = a.cls == FP_INFINITY || b.cls == FP_INFINITY;
    bool zero = a.cls == FP_ZERO_NUM || b.cls == FP_ZERO_NUM;
    if (UNLIKELY(infinite && zero))
        return extended ? fp_power(f, sign, 1) : fp_invalid(f, s);
    fp_note_denormal(a.denormal || b.denormal, s);
    if (infinite)
        return fp_infinity(f, sign);
    if (zero)
        return fp_zero(f, sign);
    return fp_normalize_pack(f, sign, a.exp + b.exp + 1, (fp_u128)a.sig * b.sig,
                             (enum fp_round)s->env.round, s);
}

FP_INLINE uint64_t divide(const struct fp_format *f, uint64_t va, uint64_t vb, struct fp_status *s)
{
    struct fp_num a = fp_unpack(f, va, s), b = fp_unpack(f, vb, s);
    bool sign = a.sign ^ b.sign;
    if (UNLIKELY(fp_is_nan(&a) || fp_is_nan(&b)))
        return fp_nan2(f, &a, &b, s);
    if (UNLIKELY(a.cls == b.cls && a.cls != FP_FINITE))
        return fp_invalid(f, s);
    if (b.cls == FP_ZERO_NUM && a.cls == FP_FINITE) {
        s->flags |= FP_DIVZERO;
        return fp_infinity(f, sign);
    }
    fp_note_denormal(a.denormal || b.denormal, s);
    if (a.cls == FP_INFINITY || b.cls == FP_ZERO_NUM)
        return fp_infinity(f, sign);
    if (a.cls == FP_ZERO_NUM || b.cls == FP_INFINITY)
        return fp_zero(f, sign);

    /* 64 bits of quotient, then one that says "half or more", then a sticky one */
    bool below = a.sig < b.sig;
    fp_u128 dividend = (fp_u128)a.sig << (63 + below);
    uint64_t quotient = (uint64_t)(dividend / b.sig);
    uint64_t rest = (uint64_t)(dividend - (fp_u128)quotient * b.sig);
    bool half = rest >= b.sig - rest;
    bool sticky = rest && rest != b.sig - rest;
    return fp_round_pack(f, sign, a.exp - b.exp - below,
                         (fp_u128)quotient << 64 | (uint64_t)half << 63 | sticky,
                         (enum fp_round)s->env.round, s);
}

/* floor(sqrt(v)) for v with one of its upper two bits set: Zimmermann's method, one step. */
static uint32_t root32(uint64_t v, uint64_t *rest)
{
    uint64_t root = 0;
    for (uint64_t bit = 1ull << 62; bit; bit >>= 2) {
        if (v >= root + bit) {
            v -= root + bit;
            root = root >> 1 | bit;
        } else {
            root >>= 1;
        }
    }
    *rest = v;
    return (uint32_t)root;
}
static uint64_t root64(fp_u128 v, fp_u128 *rest)
{
    uint64_t high_rest;
    uint64_t high = root32((uint64_t)(v >> 64), &high_rest);
    fp_u128 middle = (fp_u128)high_rest << 32 | (uint32_t)(v >> 32);
    fp_u128 root = ((fp_u128)high << 32) + middle / (2 * high);
    fp_u128 square = root * root; /* root < 2^64 + 2: only the comparison below may wrap */
    while (root >> 64 || square > v) {
        root--;
        square = root * root;
    }
    *rest = v - square;
    return (uint64_t)root;
}

FP_INLINE uint64_t root(const struct fp_format *f, uint64_t va, struct fp_status *s)
{
    struct fp_num a = fp_unpack(f, va, s);
    if (UNLIKELY(fp_is_nan(&a)))
        return fp_nan1(f, &a, s);
    if (a.cls == FP_ZERO_NUM)
        return fp_zero(f, a.sign);
    if (UNLIKELY(a.sign))
        return fp_invalid(f, s);
    fp_note_denormal(a.denormal, s);
    if (a.cls == FP_INFINITY)
        return fp_infinity(f, false);
    bool odd = a.exp & 1;
    fp_u128 rest;
    uint64_t r = root64((fp_u128)a.sig << (63 + odd), &rest);
    /* (r + 1/2)^2 = r^2 + r + 1/4, so the rest is never exactly a half */
    uint64_t low = rest > r ? 1ull << 63 | 1 : rest != 0;
    return fp_round_pack(f, false, (a.exp - odd) / 2, (fp_u128)r << 64 | low,
                         (enum fp_round)s->env.round, s);
}

/* The exact product of finite numbers other than zero as an operand of fp_sum_exact: for formats up
 * to 62 bits of precision, so that nothing is lost. */
FP_INLINE fp_u128 product(const struct fp_num *a, const struct fp_num *b, int *exp)
{
    fp_u128 p = (fp_u128)a->sig * b->sig;
    bool carry = (p >> 127) != 0;
    *exp = a->exp + b->exp + carry;
    return p >> (1 + carry);
}

/* a + b * c of unpacked numbers, a in format f; b and c may come from another (FMLAL). */
FP_INLINE uint64_t fma_num(const struct fp_format *f, const struct fp_num *a,
                           const struct fp_num *b, const struct fp_num *c, struct fp_status *s)
{
    bool invalid = (b->cls == FP_INFINITY && c->cls == FP_ZERO_NUM) ||
                   (b->cls == FP_ZERO_NUM && c->cls == FP_INFINITY);
    if (UNLIKELY(fp_is_nan(a) || fp_is_nan(b) || fp_is_nan(c))) {
        if (fp_is_x86(s))
            return fp_nan3(f, b, c, a, s);
        if (a->cls == FP_QUIET && invalid)
            return fp_invalid(f, s);
        return fp_nan3(f, a, b, c, s);
    }
    bool sign = b->sign ^ c->sign;
    bool infinite = b->cls == FP_INFINITY || c->cls == FP_INFINITY;
    if (UNLIKELY(invalid || (infinite && a->cls == FP_INFINITY && a->sign != sign)))
        return fp_invalid(f, s);
    fp_note_denormal(a->denormal || b->denormal || c->denormal, s);
    if (infinite || a->cls == FP_INFINITY)
        return fp_infinity(f, infinite ? sign : a->sign);
    bool zero = b->cls == FP_ZERO_NUM || c->cls == FP_ZERO_NUM;
    if (zero && a->cls == FP_ZERO_NUM)
        return fp_zero(f, a->sign == sign ? sign : fp_zero_sign(s));
    int exp = 0;
    fp_u128 p = zero ? 0 : product(b, c, &exp);
    return fp_pack_sum(f, fp_sum_exact(a->sign, a->exp, (fp_u128)a->sig << 62, sign, exp, p), s);
}
FP_INLINE uint64_t fused(const struct fp_format *f, uint64_t va, uint64_t vb, uint64_t vc,
                         struct fp_status *s)
{
    struct fp_num a = fp_unpack(f, va, s), b = fp_unpack(f, vb, s), c = fp_unpack(f, vc, s);
    return fma_num(f, &a, &b, &c, s);
}
uint64_t fp_fma_half(uint64_t acc, uint64_t va, uint64_t vb, struct fp_status *s)
{
    struct fp_num a = fp_unpack(&fp_f32, acc, s), b = fp_unpack(&fp_f16, va, s),
                  c = fp_unpack(&fp_f16, vb, s);
    return fma_num(&fp_f32, &a, &b, &c, s);
}

/* (addend - a * b) / 2^halve, rounded once; if a * b is 0 * infinity, addend / 2^halve. */
FP_INLINE uint64_t step(const struct fp_format *f, uint64_t va, uint64_t vb, unsigned addend,
                        int halve, struct fp_status *s)
{
    struct fp_num a = fp_unpack(f, va ^ fp_sign_bit(f), s), b = fp_unpack(f, vb, s);
    if (UNLIKELY(fp_is_nan(&a) || fp_is_nan(&b)))
        return fp_nan2(f, &a, &b, s);
    const struct fp_num start = {.exp = 1, .sig = (uint64_t)addend << 62}; /* 2 or 3 */
    bool infinite = a.cls == FP_INFINITY || b.cls == FP_INFINITY;
    bool zero = a.cls == FP_ZERO_NUM || b.cls == FP_ZERO_NUM;
    if (infinite && !zero)
        return fp_infinity(f, a.sign ^ b.sign);
    int exp = 0;
    fp_u128 p = zero ? 0 : product(&a, &b, &exp);
    struct fp_sum sum =
        fp_sum_exact(false, start.exp, (fp_u128)start.sig << 62, a.sign ^ b.sign, exp, p);
    sum.exp -= halve;
    return fp_pack_sum(f, sum, s);
}

/* Orders numbers that are not NaNs. */
FP_INLINE enum fp_order order(const struct fp_num *a, const struct fp_num *b)
{
    if (a->cls == FP_ZERO_NUM && b->cls == FP_ZERO_NUM)
        return FP_EQUAL;
    if (a->cls == FP_ZERO_NUM)
        return b->sign ? FP_GREATER : FP_LESS;
    if (b->cls == FP_ZERO_NUM || a->sign != b->sign)
        return a->sign ? FP_LESS : FP_GREATER;
    if (a->cls != b->cls)
        return (a->cls == FP_INFINITY) != a->sign ? FP_GREATER : FP_LESS;
    if (a->cls == FP_INFINITY || (a->exp == b->exp && a->sig == b->sig))
        return FP_EQUAL;
    bool larger = a->exp != b->exp ? a->exp > b->exp : a->sig > b->sig;
    return larger != a->sign ? FP_GREATER : FP_LESS;
}

FP_INLINE enum fp_order compare(const struct fp_format *f, uint64_t va, uint64_t vb,
                                bool signalling, struct fp_status *s)
{
    struct fp_num a = fp_unpack(f, va, s), b = fp_unpack(f, vb, s);
    if (UNLIKELY(fp_is_nan(&a) || fp_is_nan(&b))) {
        if (signalling || a.cls == FP_SIGNALLING || b.cls == FP_SIGNALLING)
            s->flags |= FP_INVALID;
        return FP_UNORDERED;
    }
    fp_note_denormal(a.denormal || b.denormal, s);
    return order(&a, &b);
}

/* The smaller (want FP_LESS) or larger (FP_GREATER). */
FP_INLINE uint64_t choose(const struct fp_format *f, struct fp_num *a, struct fp_num *b,
                          uint64_t va, uint64_t vb, enum fp_order want, struct fp_status *s)
{
    if (UNLIKELY(fp_is_nan(a) || fp_is_nan(b)))
        return fp_nan2(f, a, b, s);
    fp_note_denormal(a->denormal || b->denormal, s);
    bool first = order(a, b) == want;
    if (first ? a->cls != FP_ZERO_NUM : b->cls != FP_ZERO_NUM)
        return (first ? va : vb) & (fp_sign_bit(f) | (fp_sign_bit(f) - 1));
    if (a->cls == FP_ZERO_NUM && b->cls == FP_ZERO_NUM)
        return fp_zero(f, want == FP_LESS ? a->sign || b->sign : a->sign && b->sign);
    return fp_zero(f, first ? a->sign : b->sign);
}
FP_INLINE uint64_t min_max(const struct fp_format *f, uint64_t va, uint64_t vb, enum fp_order want,
                           struct fp_status *s)
{
    struct fp_num a = fp_unpack(f, va, s), b = fp_unpack(f, vb, s);
    return choose(f, &a, &b, va, vb, want, s);
}
/* IEEE minNum, maxNum: a quiet NaN counts as an infinity that loses. */
FP_INLINE uint64_t min_max_num(const struct fp_format *f, uint64_t va, uint64_t vb,
                               enum fp_order want, struct fp_status *s)
{
    struct fp_num a = fp_unpack(f, va, s), b = fp_unpack(f, vb, s);
    bool sign = want == FP_GREATER;
    if (a.cls == FP_QUIET && b.cls != FP_QUIET) {
        a = (struct fp_num){.cls = FP_INFINITY, .sign = sign};
        va = fp_infinity(f, sign);
    } else if (b.cls == FP_QUIET && a.cls != FP_QUIET) {
        b = (struct fp_num){.cls = FP_INFINITY, .sign = sign};
        vb = fp_infinity(f, sign);
    }
    return choose(f, &a, &b, va, vb, want, s);
}
FP_INLINE uint64_t min_max_x86(const struct fp_format *f, uint64_t va, uint64_t vb,
                               enum fp_order want, struct fp_status *s)
{
    struct fp_num a = fp_unpack(f, va, s), b = fp_unpack(f, vb, s);
    bool first = false;
    if (fp_is_nan(&a) || fp_is_nan(&b)) {
        s->flags |= FP_INVALID;
    } else {
        fp_note_denormal(a.denormal || b.denormal, s);
        first = order(&a, &b) == want;
    }
    if (first ? a.cls == FP_ZERO_NUM : b.cls == FP_ZERO_NUM)
        return fp_zero(f, first ? a.sign : b.sign);
    return (first ? va : vb) & (fp_sign_bit(f) | (fp_sign_bit(f) - 1));
}

/* One copy of each algorithm for each format, and the public functions. */
#define NOINLINE static __attribute__((noinline))
#define ARGS2    uint64_t a, uint64_t b, struct fp_status *s
/* clang-format off */
#define INSTANCE(n)                                                                                \
    NOINLINE uint64_t add##n(uint64_t a, uint64_t b, bool subtract, struct fp_status *s)           \
    {                                                                                              \
        return add(&fp_f##n, a, b, subtract, s);                                                   \
    }                                                                                              \
    NOINLINE uint64_t mul##n(uint64_t a, uint64_t b, bool extended, struct fp_status *s)           \
    {                                                                                              \
        return mul(&fp_f##n, a, b, extended, s);                                                   \
    }                                                                                              \
    NOINLINE uint64_t step##n(uint64_t a, uint64_t b, unsigned addend, int halve, struct fp_status *s) \
    {                                                                                              \
        return step(&fp_f##n, a, b, addend, halve, s);                                             \
    }                                                                                              \
    uint64_t fp##n##_add(ARGS2) { return add##n(a, b, false, s); }                                 \
    uint64_t fp##n##_sub(ARGS2) { return add##n(a, b, true, s); }                                  \
    uint64_t fp##n##_mul(ARGS2) { return mul##n(a, b, false, s); }                                 \
    uint64_t fp##n##_mulx(ARGS2) { return mul##n(a, b, true, s); }                                 \
    uint64_t fp##n##_recps(ARGS2) { return step##n(a, b, 2, 0, s); }                               \
    uint64_t fp##n##_rsqrts(ARGS2) { return step##n(a, b, 3, 1, s); }                              \
    uint64_t fp##n##_div(ARGS2) { return divide(&fp_f##n, a, b, s); }                              \
    uint64_t fp##n##_abd(ARGS2) { return fp##n##_sub(a, b, s) & (fp_sign_bit(&fp_f##n) - 1); }     \
    uint64_t fp##n##_min(ARGS2) { return min_max(&fp_f##n, a, b, FP_LESS, s); }                    \
    uint64_t fp##n##_max(ARGS2) { return min_max(&fp_f##n, a, b, FP_GREATER, s); }                 \
    uint64_t fp##n##_minnm(ARGS2) { return min_max_num(&fp_f##n, a, b, FP_LESS, s); }              \
    uint64_t fp##n##_maxnm(ARGS2) { return min_max_num(&fp_f##n, a, b, FP_GREATER, s); }           \
    uint64_t fp##n##_min_x86(ARGS2) { return min_max_x86(&fp_f##n, a, b, FP_LESS, s); }            \
    uint64_t fp##n##_max_x86(ARGS2) { return min_max_x86(&fp_f##n, a, b, FP_GREATER, s); }         \
    uint64_t fp##n##_sqrt(uint64_t a, struct fp_status *s) { return root(&fp_f##n, a, s); }        \
    uint64_t fp##n##_fma(uint64_t a, uint64_t b, uint64_t c, struct fp_status *s)                  \
    {                                                                                              \
        return fused(&fp_f##n, a, b, c, s);                                                        \
    }                                                                                              \
    enum fp_order fp##n##_compare(uint64_t a, uint64_t b, bool signalling, struct fp_status *s)    \
    {                                                                                              \
        return compare(&fp_f##n, a, b, signalling, s);                                             \
    }
/* clang-format on */

INSTANCE(16)
INSTANCE(32)
INSTANCE(64)
