/* The heart of the software floating point: formats, and what lies on both sides of an exact
 * operation: unpack, NaN handling, round-and-pack.  Private to src/fp.
 *
 * Everything is inline and takes the format as a pointer to a constant, so that the compiler makes
 * one specialised copy per format where it matters. The pseudocode followed is Arm's
 * shared/functions/float (FPUnpackBase, FPRoundBase, FPProcessNaN), with x86's differences where
 * env.nan_rule is FP_NAN_X86: denormal operands raise FP_DENORMAL when used rather than when
 * flushed, and a flushed result is also inexact.
 *
 * A finite number other than zero is sig * 2^(exp - 63) with bit 63 of sig set, which also fits the
 * 80-bit format; results come as sig * 2^(exp - 127) with bit 127 set and the lowest bit sticky. */
#pragma once
#include "fp/fp.h"

typedef unsigned __int128 fp_u128;

#define FP_INLINE static inline __attribute__((always_inline))

enum fp_flush {
    FP_FLUSH_NEVER,
    FP_FLUSH_ENV,  /* env.flush_inputs, flush_outputs */
    FP_FLUSH_HALF, /* env.flush_half; flushing an operand raises nothing */
};

struct fp_format {
    uint8_t bits;
    uint8_t frac; /* bits of fraction, without the integer bit */
    int16_t emin; /* exponent of the smallest normal number */
    uint8_t flush;
    bool alt; /* Arm's alternative half: no infinities, no NaNs */
};

static const struct fp_format fp_f16 = {
    .bits = 16, .frac = 10, .emin = -14, .flush = FP_FLUSH_HALF};
static const struct fp_format fp_f32 = {
    .bits = 32, .frac = 23, .emin = -126, .flush = FP_FLUSH_ENV};
static const struct fp_format fp_f64 = {
    .bits = 64, .frac = 52, .emin = -1022, .flush = FP_FLUSH_ENV};
/* Halves as conversions see them, and bfloat16. */
static const struct fp_format fp_f16_cv = {
    .bits = 16, .frac = 10, .emin = -14, .flush = FP_FLUSH_NEVER};
static const struct fp_format fp_f16_alt = {
    .bits = 16, .frac = 10, .emin = -14, .flush = FP_FLUSH_NEVER, .alt = true};
static const struct fp_format fp_bf16 = {
    .bits = 16, .frac = 7, .emin = -126, .flush = FP_FLUSH_ENV};

enum fp_class { FP_ZERO_NUM, FP_FINITE, FP_INFINITY, FP_QUIET, FP_SIGNALLING };

struct fp_num {
    enum fp_class cls;
    bool sign;
    bool denormal; /* the operand was one and has not been flushed */
    int exp;
    uint64_t sig; /* of a NaN: the fraction, its quiet bit in bit 62 */
};

FP_INLINE bool fp_is_nan(const struct fp_num *n)
{
    return n->cls >= FP_QUIET;
}
FP_INLINE uint64_t fp_sign_bit(const struct fp_format *f)
{
    return 1ull << (f->bits - 1);
}
/* The exponent field of infinities and NaNs, in place; also the bits of +infinity. */
FP_INLINE uint64_t fp_exp_mask(const struct fp_format *f)
{
    return fp_sign_bit(f) - (1ull << f->frac);
}
FP_INLINE uint64_t fp_zero(const struct fp_format *f, bool sign)
{
    return sign ? fp_sign_bit(f) : 0;
}
FP_INLINE uint64_t fp_infinity(const struct fp_format *f, bool sign)
{
    return fp_zero(f, sign) | fp_exp_mask(f);
}
FP_INLINE uint64_t fp_max_normal(const struct fp_format *f, bool sign)
{
    return fp_zero(f, sign) | (f->alt ? fp_sign_bit(f) - 1 : fp_exp_mask(f) - 1);
}
/* 2^exp for a normal exponent */
FP_INLINE uint64_t fp_power(const struct fp_format *f, bool sign, int exp)
{
    return fp_zero(f, sign) | (uint64_t)(exp - f->emin + 1) << f->frac;
}

FP_INLINE bool fp_is_x86(const struct fp_status *s)
{
    return s->env.nan_rule == FP_NAN_X86;
}
FP_INLINE enum fp_round fp_rounding(enum fp_round r, const struct fp_status *s)
{
    return r == FP_ROUND_CURRENT ? (enum fp_round)s->env.round : r;
}

/* Does a result that is zero because finite operands cancelled have its sign set? */
FP_INLINE bool fp_zero_sign(const struct fp_status *s)
{
    return s->env.round == FP_ROUND_DOWN;
}

/* The operand apart; flushes, and raises FP_DENORMAL for that (except halves, and x86). */
FP_INLINE struct fp_num fp_unpack(const struct fp_format *f, uint64_t v, struct fp_status *s)
{
    uint64_t frac = (v & ((1ull << f->frac) - 1)) << (63 - f->frac);
    unsigned exp = (unsigned)((v & (fp_sign_bit(f) - 1)) >> f->frac);
    struct fp_num n = {.cls = FP_FINITE, .sign = (v & fp_sign_bit(f)) != 0};
    if (LIKELY(exp != 0) && (LIKELY(exp != fp_exp_mask(f) >> f->frac) || f->alt)) {
        n.exp = (int)exp + f->emin - 1;
        n.sig = 1ull << 63 | frac;
    } else if (exp) {
        n.cls = !frac ? FP_INFINITY : frac >> 62 ? FP_QUIET : FP_SIGNALLING;
        n.sig = frac;
    } else if (!frac) {
        n.cls = FP_ZERO_NUM;
    } else if (f->flush == FP_FLUSH_HALF && s->env.flush_half) {
        n.cls = FP_ZERO_NUM;
    } else if (f->flush == FP_FLUSH_ENV && s->env.flush_inputs) {
        n.cls = FP_ZERO_NUM;
        if (!fp_is_x86(s))
            s->flags |= FP_DENORMAL;
    } else {
        int shift = __builtin_clzll(frac);
        n.denormal = true;
        n.exp = f->emin - shift;
        n.sig = frac << shift;
    }
    return n;
}

/* x86 reports denormal operands, unless the operation was found invalid (or divides by zero). */
FP_INLINE void fp_note_denormal(bool denormal, struct fp_status *s)
{
    if (UNLIKELY(denormal) && fp_is_x86(s))
        s->flags |= FP_DENORMAL;
}

FP_INLINE uint64_t fp_default_nan(const struct fp_format *f, const struct fp_status *s)
{
    return fp_infinity(f, fp_is_x86(s)) | 1ull << (f->frac - 1);
}
/* An operation without meaning: the default NaN, and FP_INVALID. */
FP_INLINE uint64_t fp_invalid(const struct fp_format *f, struct fp_status *s)
{
    s->flags |= FP_INVALID;
    return fp_default_nan(f, s);
}
/* The NaN n as a result in format f (quiet, its payload cut or extended); raises nothing. */
FP_INLINE uint64_t fp_pack_nan(const struct fp_format *f, const struct fp_num *n,
                               const struct fp_status *s)
{
    if (s->env.default_nan || s->env.nan_rule == FP_NAN_CANONICAL)
        return fp_default_nan(f, s);
    return fp_infinity(f, n->sign) | (n->sig | 1ull << 62) >> (63 - f->frac);
}
/* The result of an operation with a single operand, which is a NaN. */
FP_INLINE uint64_t fp_nan1(const struct fp_format *f, const struct fp_num *a, struct fp_status *s)
{
    if (a->cls == FP_SIGNALLING)
        s->flags |= FP_INVALID;
    return fp_pack_nan(f, a, s);
}
/* The result of an operation of which at least one operand is a NaN, in order of precedence. */
FP_INLINE uint64_t fp_nan2(const struct fp_format *f, const struct fp_num *a,
                           const struct fp_num *b, struct fp_status *s)
{
    bool signals = a->cls == FP_SIGNALLING || b->cls == FP_SIGNALLING;
    if (signals)
        s->flags |= FP_INVALID;
    if (signals && !fp_is_x86(s))
        return fp_pack_nan(f, a->cls == FP_SIGNALLING ? a : b, s);
    return fp_pack_nan(f, fp_is_nan(a) ? a : b, s);
}
FP_INLINE uint64_t fp_nan3(const struct fp_format *f, const struct fp_num *a,
                           const struct fp_num *b, const struct fp_num *c, struct fp_status *s)
{
    if (a->cls == FP_SIGNALLING || (fp_is_nan(a) && fp_is_x86(s))) {
        if (b->cls == FP_SIGNALLING || c->cls == FP_SIGNALLING)
            s->flags |= FP_INVALID;
        return fp_nan1(f, a, s);
    }
    if (fp_is_nan(a) && b->cls != FP_SIGNALLING && c->cls != FP_SIGNALLING)
        return fp_nan1(f, a, s);
    return fp_nan2(f, b, c, s);
}

/* v >> n with the bits lost or-ed into the lowest; any n >= 0. */
FP_INLINE fp_u128 fp_shift_jam(fp_u128 v, unsigned n)
{
    if (n == 0)
        return v;
    if (n > 127)
        return v != 0;
    return v >> n | ((v << (128 - n)) != 0);
}
FP_INLINE unsigned fp_clz128(fp_u128 v)
{
    uint64_t high = (uint64_t)(v >> 64);
    return (unsigned)(high ? __builtin_clzll(high) : 64 + __builtin_clzll((uint64_t)v));
}

/* Is a magnitude to be rounded up?  `rest` is what was cut off, in units of 2^-128 of the last
 * place. */
FP_INLINE bool fp_rounds_up(enum fp_round r, bool sign, bool odd, fp_u128 rest)
{
    const fp_u128 half = (fp_u128)1 << 127;
    switch (r) {
    case FP_ROUND_NEAREST:
        return rest > half || (rest == half && odd);
    case FP_ROUND_TIES_AWAY:
        return rest >= half;
    case FP_ROUND_UP:
        return rest && !sign;
    case FP_ROUND_DOWN:
        return rest && sign;
    case FP_ROUND_ZERO:
    case FP_ROUND_ODD:
    case FP_ROUND_CURRENT:
        break;
    }
    return false;
}

/* An infinite or largest finite result, as the rounding mode has it. */
FP_INLINE uint64_t fp_overflow(const struct fp_format *f, bool sign, enum fp_round r,
                               struct fp_status *s)
{
    bool to_infinity = r == FP_ROUND_NEAREST || r == FP_ROUND_TIES_AWAY ||
                       r == (sign ? FP_ROUND_DOWN : FP_ROUND_UP);
    if (f->alt) {
        s->flags |= FP_INVALID;
        return fp_max_normal(f, sign);
    }
    s->flags |= FP_OVERFLOW | FP_INEXACT;
    return to_infinity ? fp_infinity(f, sign) : fp_max_normal(f, sign);
}

/* (-1)^sign * sig * 2^(exp - 127) in format f; sig's top bit is set, its lowest is sticky.
 * FPRoundBase. */
FP_INLINE uint64_t fp_round_pack(const struct fp_format *f, bool sign, int exp, fp_u128 sig,
                                 enum fp_round r, struct fp_status *s)
{
    const unsigned drop = 127 - f->frac;
    uint64_t field =
        0; /* the exponent field, less one if normal: the integer bit makes up for it */
    bool tiny = false;
    if (UNLIKELY(exp < f->emin)) {
        bool flush = (f->flush == FP_FLUSH_ENV && s->env.flush_outputs) ||
                     (f->flush == FP_FLUSH_HALF && s->env.flush_half);
        tiny = s->env.tiny_before || exp < f->emin - 1 ||
               !fp_rounds_up(r, sign, true, sig << (128 - drop)) ||
               (sig >> drop) != (2ull << f->frac) - 1;
        if (flush && tiny) {
            s->flags |= s->env.tiny_before ? FP_UNDERFLOW : FP_UNDERFLOW | FP_INEXACT;
            return fp_zero(f, sign);
        }
        if (UNLIKELY(tiny && s->env.underflow_traps)) {
            s->flags |= sig << (128 - drop) ? FP_UNDERFLOW | FP_INEXACT : FP_UNDERFLOW;
            return fp_zero(f, sign); /* nobody sees it */
        }
        sig = fp_shift_jam(sig, (unsigned)(f->emin - exp));
    } else {
        field = (uint64_t)(exp - f->emin);
    }
    uint64_t mant = (uint64_t)(sig >> drop);
    fp_u128 rest = sig << (128 - drop);
    if (rest) {
        if (r == FP_ROUND_ODD)
            mant |= 1;
        else
            mant += fp_rounds_up(r, sign, mant & 1, rest);
    }
    if (UNLIKELY(field + (mant >> f->frac) >= (fp_exp_mask(f) >> f->frac) + f->alt)) {
        if (s->env.overflow_traps) {
            s->flags |= rest ? FP_OVERFLOW | FP_INEXACT : FP_OVERFLOW;
            return fp_zero(f, sign); /* nobody sees it */
        }
        return fp_overflow(f, sign, r, s);
    }
    if (rest)
        s->flags |= tiny ? FP_UNDERFLOW | FP_INEXACT : FP_INEXACT;
    return fp_zero(f, sign) | ((field << f->frac) + mant);
}

/* The same for any sig but zero, whose top bit need not be set. */
FP_INLINE uint64_t fp_normalize_pack(const struct fp_format *f, bool sign, int exp, fp_u128 sig,
                                     enum fp_round r, struct fp_status *s)
{
    unsigned shift = fp_clz128(sig);
    return fp_round_pack(f, sign, exp - (int)shift, sig << shift, r, s);
}

/* The exact a + b of finite numbers, not both zero (sig 0: cancelled): sig * 2^(exp - 127), sticky.
 */
struct fp_sum {
    bool sign;
    int exp;
    fp_u128 sig;
};
/* The operands' significands have bit 125 set (or are 0) and stand for sig * 2^(exp - 125); two of
 * the bits below the format's precision must be free for the subtraction of a sticky bit to be
 * right. */
FP_INLINE struct fp_sum fp_sum_exact(bool sign_a, int exp_a, fp_u128 a, bool sign_b, int exp_b,
                                     fp_u128 b)
{
    if (!a)
        exp_a = exp_b;
    if (!b)
        exp_b = exp_a;
    int exp = exp_a > exp_b ? exp_a : exp_b;
    a = fp_shift_jam(a, (unsigned)(exp - exp_a));
    b = fp_shift_jam(b, (unsigned)(exp - exp_b));
    if (sign_a == sign_b)
        return (struct fp_sum){sign_a, exp + 2, a + b};
    if (a >= b)
        return (struct fp_sum){sign_a, exp + 2, a - b};
    return (struct fp_sum){sign_b, exp + 2, b - a};
}
