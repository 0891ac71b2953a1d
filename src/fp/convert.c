/* Conversions: between formats, to and from integers, to integral values in the same format; Arm's
 * FPConvert, FPConvertBF, FPToFixed, FPToFixedJS, FixedToFP, FPRoundInt, FPRoundIntN. */
#include "fp/core.h"

static uint64_t convert(const struct fp_format *to, const struct fp_format *from, uint64_t v,
                        enum fp_round r, struct fp_status *s)
{
    struct fp_num a = fp_unpack(from, v, s);
    if (fp_is_nan(&a)) {
        if (a.cls == FP_SIGNALLING || to->alt)
            s->flags |= FP_INVALID;
        return to->alt ? fp_zero(to, a.sign) : fp_pack_nan(to, &a, s);
    }
    if (a.cls == FP_ZERO_NUM)
        return fp_zero(to, a.sign);
    if (a.cls == FP_INFINITY) {
        if (!to->alt)
            return fp_infinity(to, a.sign);
        s->flags |= FP_INVALID;
        return fp_max_normal(to, a.sign);
    }
    if (from->flush != FP_FLUSH_NEVER) /* x86's VCVTPH2PS does not report denormals */
        fp_note_denormal(a.denormal, s);
    return fp_round_pack(to, a.sign, a.exp, (fp_u128)a.sig << 64, r, s);
}

static const struct fp_format *conversion_format(enum ir_type t, const struct fp_status *s)
{
    switch (t) {
    case IR_F16:
        return s->env.alt_half ? &fp_f16_alt : &fp_f16_cv;
    case IR_F32:
        return &fp_f32;
    case IR_F64:
        return &fp_f64;
    default:
        UNREACHABLE();
    }
}

uint64_t fp_convert(enum ir_type to, enum ir_type from, uint64_t a, enum fp_round round,
                    struct fp_status *s)
{
    return convert(conversion_format(to, s), conversion_format(from, s), a, fp_rounding(round, s),
                   s);
}

uint64_t fp_to_bfloat(uint64_t a, struct fp_status *s)
{
    return convert(&fp_bf16, &fp_f32, a, (enum fp_round)s->env.round, s);
}

/* The magnitude of a finite number times 2^scale, as an integer; *inexact if it had a fraction.
 * Magnitudes of 2^127 and more come out as 2^127 (bigger than any integer asked for). */
static fp_u128 to_magnitude(const struct fp_num *a, int scale, enum fp_round r, bool *inexact)
{
    int exp = a->exp + scale;
    *inexact = false;
    if (a->cls == FP_ZERO_NUM)
        return 0;
    if (a->cls == FP_INFINITY || exp >= 127)
        return (fp_u128)1 << 127;
    if (exp >= 63)
        return (fp_u128)a->sig << (exp - 63);
    fp_u128 whole = exp < 0 ? 0 : a->sig >> (63 - exp);
    fp_u128 rest = exp < -1 ? 1 : (fp_u128)a->sig << (65 + exp); /* exp -1: top bit is a half */
    *inexact = rest != 0;
    if (r == FP_ROUND_ODD)
        return whole | *inexact;
    return whole + fp_rounds_up(r, a->sign, whole & 1, rest);
}

FP_INLINE uint64_t to_int(const struct fp_format *f, uint64_t v, enum fp_round round, unsigned size,
                          bool is_signed, unsigned fraction, struct fp_status *s)
{
    struct fp_num a = fp_unpack(f, v, s);
    uint64_t mask = ~0ull >> (64 - size);
    if (fp_is_nan(&a)) {
        s->flags |= FP_INVALID;
        return 0;
    }
    bool inexact;
    fp_u128 magnitude = to_magnitude(&a, (int)fraction, fp_rounding(round, s), &inexact);
    fp_u128 limit = is_signed ? (mask >> 1) + a.sign : a.sign ? 0 : mask;
    if (magnitude > limit) {
        s->flags |= FP_INVALID;
        magnitude = limit;
    } else if (inexact) {
        s->flags |= FP_INEXACT;
    }
    return (a.sign ? 0 - (uint64_t)magnitude : (uint64_t)magnitude) & mask;
}

uint32_t fp_to_int_js(uint64_t v, bool *exact, struct fp_status *s)
{
    struct fp_num a = fp_unpack(&fp_f64, v, s);
    *exact = false;
    if (fp_is_nan(&a) || a.cls == FP_INFINITY) {
        s->flags |= FP_INVALID;
        return 0;
    }
    if (a.cls == FP_ZERO_NUM) {
        *exact = v == 0; /* neither -0 nor a flushed number is */
        return 0;
    }
    bool inexact = false;
    uint32_t low;
    bool outside;
    if (a.exp >= 63) { /* a whole number, of which only 32 bits count */
        low = a.exp - 63 < 32 ? (uint32_t)(a.sig << (a.exp - 63)) : 0;
        outside = true;
    } else {
        uint64_t magnitude = (uint64_t)to_magnitude(&a, 0, FP_ROUND_ZERO, &inexact);
        low = (uint32_t)magnitude;
        outside = magnitude > (uint64_t)INT32_MAX + a.sign;
    }
    if (outside)
        s->flags |= FP_INVALID;
    else if (inexact)
        s->flags |= FP_INEXACT;
    *exact = !outside && !inexact;
    return a.sign ? 0 - low : low;
}

FP_INLINE uint64_t from_int(const struct fp_format *f, uint64_t v, bool is_signed,
                            unsigned fraction, struct fp_status *s)
{
    bool sign = is_signed && v >> 63;
    if (!v)
        return 0;
    return fp_normalize_pack(f, sign, 63 - (int)fraction, (fp_u128)(sign ? 0 - v : v) << 64,
                             (enum fp_round)s->env.round, s);
}

/* An integer's magnitude, back in format f that it came from; rounding cannot be needed, unless it
 * grew beyond the largest finite number. */
FP_INLINE uint64_t from_magnitude(const struct fp_format *f, bool sign, fp_u128 magnitude,
                                  struct fp_status *s)
{
    if (!magnitude)
        return fp_zero(f, sign);
    return fp_normalize_pack(f, sign, 127, magnitude, FP_ROUND_ZERO, s);
}

FP_INLINE uint64_t round_integral(const struct fp_format *f, uint64_t v, enum fp_round round,
                                  bool exact, struct fp_status *s)
{
    struct fp_num a = fp_unpack(f, v, s);
    if (fp_is_nan(&a))
        return fp_nan1(f, &a, s);
    if (a.cls == FP_INFINITY)
        return fp_infinity(f, a.sign);
    if (a.cls == FP_ZERO_NUM)
        return fp_zero(f, a.sign);
    if (a.exp >= f->frac)
        return v & (fp_sign_bit(f) | (fp_sign_bit(f) - 1));
    bool inexact;
    fp_u128 magnitude = to_magnitude(&a, 0, fp_rounding(round, s), &inexact);
    if (inexact && exact)
        s->flags |= FP_INEXACT;
    return from_magnitude(f, a.sign, magnitude, s);
}

FP_INLINE uint64_t rint_sized(const struct fp_format *f, uint64_t v, enum fp_round round,
                              unsigned size, struct fp_status *s)
{
    struct fp_num a = fp_unpack(f, v, s);
    bool inexact = false;
    fp_u128 magnitude = 0, limit = ((fp_u128)1 << (size - 1)) - !a.sign;
    if (!fp_is_nan(&a))
        magnitude = to_magnitude(&a, 0, fp_rounding(round, s), &inexact);
    if (fp_is_nan(&a) || magnitude > limit) {
        s->flags |= FP_INVALID;
        return fp_power(f, true, (int)size - 1);
    }
    if (inexact)
        s->flags |= FP_INEXACT;
    return from_magnitude(f, a.sign, magnitude, s);
}

#define INSTANCE(n)                                                                                \
    uint64_t fp##n##_to_int(uint64_t a, enum fp_round round, unsigned size, bool is_signed,        \
                            unsigned fraction, struct fp_status *s)                                \
    {                                                                                              \
        return to_int(&fp_f##n, a, round, size, is_signed, fraction, s);                           \
    }                                                                                              \
    uint64_t fp##n##_from_int(uint64_t v, bool is_signed, unsigned fraction, struct fp_status *s)  \
    {                                                                                              \
        return from_int(&fp_f##n, v, is_signed, fraction, s);                                      \
    }                                                                                              \
    uint64_t fp##n##_rint(uint64_t a, enum fp_round round, bool exact, struct fp_status *s)        \
    {                                                                                              \
        return round_integral(&fp_f##n, a, round, exact, s);                                       \
    }                                                                                              \
    uint64_t fp##n##_rint_sized(uint64_t a, enum fp_round round, unsigned size,                    \
                                struct fp_status *s)                                               \
    {                                                                                              \
        return rint_sized(&fp_f##n, a, round, size, s);                                            \
    }

INSTANCE(16)
INSTANCE(32)
INSTANCE(64)
