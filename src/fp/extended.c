/* 80-bit arithmetic of the x87.  A finite number other than zero is unpacked to sig * 2^(exp - 63) with the top bit of
 * sig set; exact results come as sig * 2^(exp - 127), sticky, and are rounded once, at the precision the control word
 * has, with the exponent's full range.  Underflow is found after rounding. */
#include "fp/extended.h"
#include "fp/core.h"

#define BIAS 16383
#define EMIN (-16382)

const struct fp80 fp80_indefinite = {0xc000000000000000ull, 0xffff};

struct num {
    enum fp_class cls;
    bool sign, invalid; /* invalid: an unsupported format */
    bool denormal;
    int exp;
    uint64_t sig;
};

static struct num unpack(struct fp80 a)
{
    unsigned e = a.se & 0x7fff;
    struct num n = {.cls = FP_FINITE, .sign = a.se >> 15, .invalid = fp80_is_unsupported(a), .sig = a.sig};
    if (e == 0x7fff) {
        n.cls = !(a.sig << 1) ? FP_INFINITY : a.sig >> 62 & 1 ? FP_QUIET : FP_SIGNALLING;
    } else if (!a.sig) {
        n.cls = FP_ZERO_NUM;
    } else {
        int shift = __builtin_clzll(a.sig);
        n.denormal = e == 0;
        n.exp = (e ? (int)e - BIAS : EMIN) - shift;
        n.sig = a.sig << shift;
    }
    return n;
}

static struct fp80 pack(bool sign, unsigned e, uint64_t sig)
{
    return (struct fp80){sig, (uint16_t)((unsigned)sign << 15 | e)};
}

static struct fp80 zero(bool sign)
{
    return pack(sign, 0, 0);
}

static struct fp80 infinity(bool sign)
{
    return pack(sign, 0x7fff, 1ull << 63);
}

static struct fp80 invalid(struct fp80_status *s)
{
    s->flags |= FP80_IE;
    return fp80_indefinite;
}

static struct fp80 quiet(struct fp80 a)
{
    a.sig |= 1ull << 62;
    return a;
}

static void note(const struct num *n, struct fp80_status *s)
{
    if (n->denormal)
        s->flags |= FP80_DE;
}

/* Rounds the magnitude at bit `drop` from the right. */
static fp_u128 round_at(fp_u128 sig, unsigned drop, bool sign, struct fp80_status *s, bool *up, bool *inexact)
{
    fp_u128 kept = drop > 127 ? 0 : sig >> drop, rest = drop > 127 ? sig : sig << (128 - drop);
    *inexact = rest != 0;
    *up = *inexact && fp_rounds_up(s->round, sign, kept & 1, rest);
    return kept + *up;
}

#define ADJUST 24576

/* Rounded at sig's precision; where that is out of range although the exponent was adjusted, infinity or zero. */
static struct fp80 adjusted(bool sign, int exp, fp_u128 sig, struct fp80_status *s)
{
    bool up, inexact;
    fp_u128 r = round_at(sig, 128u - s->precision, sign, s, &up, &inexact);
    if (r >> s->precision) {
        r >>= 1;
        exp++;
    }
    s->flags |= exp > 0 ? FP80_OE : FP80_UE;
    exp += exp > 0 ? -ADJUST : ADJUST;
    if (exp > BIAS || exp < EMIN) {
        s->flags |= FP80_PE | (exp > 0 ? FP80_C1 : 0);
        return exp > 0 ? infinity(sign) : zero(sign);
    }
    if (inexact)
        s->flags |= FP80_PE | (up ? FP80_C1 : 0);
    return pack(sign, (unsigned)(exp + BIAS), (uint64_t)r << (64 - s->precision));
}

static struct fp80 overflow(bool sign, struct fp80_status *s)
{
    bool away = s->round == FP_ROUND_NEAREST || s->round == (sign ? FP_ROUND_DOWN : FP_ROUND_UP);
    s->flags |= FP80_OE | FP80_PE | (away ? FP80_C1 : 0);
    return away ? infinity(sign) : pack(sign, 0x7ffe, ~0ull << (64 - s->precision));
}

static struct fp80 round_pack(bool sign, int exp, fp_u128 sig, struct fp80_status *s)
{
    unsigned drop = 128u - s->precision;
    bool up, inexact, tiny = false;
    if (exp < EMIN) { /* is it tiny after rounding with an unbounded exponent? */
        fp_u128 r = round_at(sig, drop, sign, s, &up, &inexact);
        tiny = exp < EMIN - 1 || !(r >> s->precision);
        if (tiny && (s->unmasked & FP80_UE))
            return adjusted(sign, exp, sig, s);
        sig = fp_shift_jam(sig, (unsigned)(EMIN - exp));
        exp = EMIN;
    }
    fp_u128 r = round_at(sig, drop, sign, s, &up, &inexact);
    int before = exp;
    if (r >> s->precision) { /* carried */
        r >>= 1;
        exp++;
    }
    if (exp > BIAS && (s->unmasked & FP80_OE))
        return adjusted(sign, before, sig, s);
    uint64_t out = (uint64_t)r << (64 - s->precision);
    if (exp > BIAS)
        return overflow(sign, s);
    if (inexact)
        s->flags |= FP80_PE | (up ? FP80_C1 : 0) | (tiny ? FP80_UE : 0);
    unsigned e = out >> 63 ? (unsigned)(exp + BIAS) : 0;
    return pack(sign, e, out);
}

static struct fp80 normalize_pack(bool sign, int exp, fp_u128 sig, struct fp80_status *s)
{
    unsigned shift = fp_clz128(sig);
    return round_pack(sign, exp - (int)shift, sig << shift, s);
}

/* NaNs and unsupported operands: true if the result is decided. The x87 prefers quiet over signalling, then the larger
 * significand, then the positive. */
static bool special2(struct fp80 a, struct fp80 b, const struct num *x, const struct num *y, struct fp80 *r, struct fp80_status *s)
{
    if (x->invalid || y->invalid) {
        *r = invalid(s);
        return true;
    }
    bool na = x->cls >= FP_QUIET, nb = y->cls >= FP_QUIET;
    if (!na && !nb)
        return false;
    if (x->cls == FP_SIGNALLING || y->cls == FP_SIGNALLING)
        s->flags |= FP80_IE;
    bool first;
    if (!na || !nb)
        first = na;
    else if (x->cls != y->cls)
        first = x->cls == FP_QUIET;
    else if (a.sig != b.sig)
        first = a.sig > b.sig;
    else
        first = !x->sign;
    *r = quiet(first ? a : b);
    return true;
}

static bool special1(struct fp80 a, const struct num *x, struct fp80 *r, struct fp80_status *s)
{
    if (x->invalid) {
        *r = invalid(s);
        return true;
    }
    if (x->cls < FP_QUIET)
        return false;
    if (x->cls == FP_SIGNALLING)
        s->flags |= FP80_IE;
    *r = quiet(a);
    return true;
}

static struct fp80 add_signed(struct fp80 a, struct fp80 b, bool negate, struct fp80_status *s)
{
    struct num x = unpack(a), y = unpack(b);
    struct fp80 r;
    if (special2(a, b, &x, &y, &r, s))
        return r;
    y.sign ^= negate;
    if (x.cls == FP_INFINITY && y.cls == FP_INFINITY && x.sign != y.sign)
        return invalid(s);
    note(&x, s);
    note(&y, s);
    if (x.cls == FP_INFINITY || y.cls == FP_INFINITY)
        return infinity(x.cls == FP_INFINITY ? x.sign : y.sign);
    if (x.cls == FP_ZERO_NUM && y.cls == FP_ZERO_NUM)
        return zero(x.sign == y.sign ? x.sign : s->round == FP_ROUND_DOWN);
    fp_u128 sx = x.cls == FP_ZERO_NUM ? 0 : (fp_u128)x.sig << 62, sy = y.cls == FP_ZERO_NUM ? 0 : (fp_u128)y.sig << 62;
    struct fp_sum sum = fp_sum_exact(x.sign, x.exp, sx, y.sign, y.exp, sy);
    if (!sum.sig)
        return zero(s->round == FP_ROUND_DOWN);
    return normalize_pack(sum.sign, sum.exp, sum.sig, s);
}

struct fp80 fp80_add(struct fp80 a, struct fp80 b, struct fp80_status *s)
{
    return add_signed(a, b, false, s);
}

struct fp80 fp80_sub(struct fp80 a, struct fp80 b, struct fp80_status *s)
{
    return add_signed(a, b, true, s);
}

struct fp80 fp80_mul(struct fp80 a, struct fp80 b, struct fp80_status *s)
{
    struct num x = unpack(a), y = unpack(b);
    struct fp80 r;
    if (special2(a, b, &x, &y, &r, s))
        return r;
    bool sign = x.sign != y.sign;
    if ((x.cls == FP_INFINITY && y.cls == FP_ZERO_NUM) || (x.cls == FP_ZERO_NUM && y.cls == FP_INFINITY))
        return invalid(s);
    note(&x, s);
    note(&y, s);
    if (x.cls == FP_INFINITY || y.cls == FP_INFINITY)
        return infinity(sign);
    if (x.cls == FP_ZERO_NUM || y.cls == FP_ZERO_NUM)
        return zero(sign);
    return normalize_pack(sign, x.exp + y.exp + 1, (fp_u128)x.sig * y.sig, s);
}

struct fp80 fp80_div(struct fp80 a, struct fp80 b, struct fp80_status *s)
{
    struct num x = unpack(a), y = unpack(b);
    struct fp80 r;
    if (special2(a, b, &x, &y, &r, s))
        return r;
    bool sign = x.sign != y.sign;
    if (x.cls == y.cls && x.cls != FP_FINITE)
        return invalid(s);
    if (y.cls == FP_ZERO_NUM && x.cls == FP_FINITE) {
        s->flags |= FP80_ZE;
        return infinity(sign);
    }
    note(&x, s);
    note(&y, s);
    if (x.cls == FP_INFINITY || y.cls == FP_ZERO_NUM)
        return infinity(sign);
    if (y.cls == FP_INFINITY || x.cls == FP_ZERO_NUM)
        return zero(sign);
    fp_u128 n = (fp_u128)x.sig << 64, q = n / y.sig, rest = n % y.sig;
    fp_u128 more = (rest << 63) / y.sig, last = (rest << 63) % y.sig;
    return normalize_pack(sign, x.exp - y.exp, q << 63 | more | (last != 0), s);
}

struct fp80 fp80_sqrt(struct fp80 a, struct fp80_status *s)
{
    struct num x = unpack(a);
    struct fp80 r;
    if (special1(a, &x, &r, s))
        return r;
    if (x.cls == FP_ZERO_NUM)
        return a;
    if (x.sign)
        return invalid(s);
    note(&x, s);
    if (x.cls == FP_INFINITY)
        return a;
    bool odd = x.exp & 1;
    fp_u128 n = (fp_u128)x.sig << (odd ? 64 : 63), rest = n;
    uint64_t root = 0;
    for (int bit = 63; bit >= 0; bit--) { /* rest = n - root^2 */
        fp_u128 step = ((fp_u128)root << (bit + 1)) + ((fp_u128)1 << 2 * bit);
        if (rest >= step) {
            rest -= step;
            root |= 1ull << bit;
        }
    }
    fp_u128 sig = (fp_u128)root << 64 | (rest > root ? (fp_u128)1 << 63 : 0) | (rest != 0);
    return round_pack(false, (x.exp - odd) / 2, sig, s);
}

/* The magnitude as an integer of at most 64 bits, rounded; false if it does not fit. */
static bool to_integer(const struct num *x, enum fp_round round, uint64_t *out, bool *inexact, bool *up)
{
    struct fp80_status how = {.round = round};
    if (x->exp > 63)
        return false;
    fp_u128 r = round_at((fp_u128)x->sig << 64, (unsigned)(127 - x->exp > 200 ? 200 : 127 - x->exp), x->sign, &how, up, inexact);
    if (127 - x->exp >= 128 && 127 - x->exp <= 200) { /* less than one: all of it is the rest */
        fp_u128 rest = fp_shift_jam((fp_u128)x->sig << 64, (unsigned)(127 - x->exp - 128));
        *up = fp_rounds_up(round, x->sign, false, rest);
        r = *up;
    } else if (127 - x->exp > 200) {
        *up = fp_rounds_up(round, x->sign, false, 1);
        r = *up;
    }
    *inexact = *inexact || r == 0 || 127 - x->exp >= 128;
    *out = (uint64_t)r;
    return !(r >> 64);
}

struct fp80 fp80_rint(struct fp80 a, struct fp80_status *s)
{
    struct num x = unpack(a);
    struct fp80 r;
    uint64_t v;
    bool inexact, up;
    if (special1(a, &x, &r, s))
        return r;
    if (x.cls != FP_FINITE || x.exp >= 63)
        return a;
    note(&x, s);
    to_integer(&x, s->round, &v, &inexact, &up);
    if (inexact)
        s->flags |= FP80_PE | (up ? FP80_C1 : 0);
    if (!v)
        return zero(x.sign);
    unsigned shift = (unsigned)__builtin_clzll(v);
    return pack(x.sign, BIAS + 63 - shift, v << shift);
}

int64_t fp80_to_int(struct fp80 a, enum fp_round round, unsigned bits, struct fp80_status *s)
{
    struct num x = unpack(a);
    int64_t min = (int64_t)(~0ull << (bits - 1));
    uint64_t v = 0, limit = 1ull << (bits - 1);
    bool inexact = false, up = false;
    if (x.cls == FP_ZERO_NUM && !x.invalid)
        return 0;
    if (x.invalid || x.cls != FP_FINITE || !to_integer(&x, round, &v, &inexact, &up) || v > limit - !x.sign) {
        s->flags |= FP80_IE;
        return min;
    }
    if (inexact)
        s->flags |= FP80_PE | (up ? FP80_C1 : 0);
    return (int64_t)(x.sign ? -v : v);
}

struct fp80 fp80_from_int(int64_t v)
{
    if (!v)
        return zero(false);
    uint64_t m = v < 0 ? -(uint64_t)v : (uint64_t)v;
    unsigned shift = (unsigned)__builtin_clzll(m);
    return pack(v < 0, BIAS + 63 - shift, m << shift);
}

struct fp80 fp80_from_float(enum ir_type from, uint64_t v, struct fp80_status *s)
{
    struct fp_status none = {.env = {.nan_rule = FP_NAN_X86}};
    struct fp_num n = fp_unpack(from == IR_F32 ? &fp_f32 : &fp_f64, v, &none);
    switch (n.cls) {
    case FP_ZERO_NUM: return zero(n.sign);
    case FP_INFINITY: return infinity(n.sign);
    case FP_FINITE: break;
    default: return pack(n.sign, 0x7fff, n.sig | 1ull << 63);
    }
    if (n.denormal)
        s->flags |= FP80_DE;
    return pack(n.sign, (unsigned)(n.exp + BIAS), n.sig);
}

static uint32_t status_bits(uint32_t flags)
{
    return (flags & FP_INVALID ? FP80_IE : 0) | (flags & FP_OVERFLOW ? FP80_OE : 0) | (flags & FP_UNDERFLOW ? FP80_UE : 0) |
           (flags & FP_INEXACT ? FP80_PE : 0);
}

uint64_t fp80_to_float(enum ir_type to, struct fp80 a, struct fp80_status *s)
{
    const struct fp_format *f = to == IR_F32 ? &fp_f32 : &fp_f64;
    struct fp_status st = {.env = {.nan_rule = FP_NAN_X86, .round = (uint8_t)s->round}}, toward = st;
    struct num x = unpack(a);
    if (x.invalid) {
        s->flags |= FP80_IE;
        return fp_default_nan(f, &st);
    }
    switch (x.cls) {
    case FP_ZERO_NUM: return fp_zero(f, x.sign);
    case FP_INFINITY: return fp_infinity(f, x.sign);
    case FP_FINITE: break;
    default:
        if (x.cls == FP_SIGNALLING)
            s->flags |= FP80_IE;
        return fp_infinity(f, x.sign) | (x.sig << 1 >> 1 | 1ull << 62) >> (63 - f->frac);
    }
    uint64_t r = fp_round_pack(f, x.sign, x.exp, (fp_u128)x.sig << 64, s->round, &st);
    uint64_t cut = fp_round_pack(f, x.sign, x.exp, (fp_u128)x.sig << 64, FP_ROUND_ZERO, &toward);
    s->flags |= status_bits(st.flags) | (r != cut ? FP80_C1 : 0);
    if ((s->unmasked & FP80_UE) && !(r << 1 >> (f->frac + 1) & ((1u << (to == IR_F32 ? 8 : 11)) - 1)))
        s->flags |= FP80_UE; /* exact, too */
    return r;
}

enum fp_order fp80_compare(struct fp80 a, struct fp80 b, bool quiet_nans, struct fp80_status *s)
{
    struct num x = unpack(a), y = unpack(b);
    if (x.invalid || y.invalid || x.cls >= FP_QUIET || y.cls >= FP_QUIET) {
        if (x.invalid || y.invalid || !quiet_nans || x.cls == FP_SIGNALLING || y.cls == FP_SIGNALLING)
            s->flags |= FP80_IE;
        return FP_UNORDERED;
    }
    note(&x, s);
    note(&y, s);
    if (x.cls == FP_ZERO_NUM && y.cls == FP_ZERO_NUM)
        return FP_EQUAL;
    if (x.cls == FP_ZERO_NUM)
        return y.sign ? FP_GREATER : FP_LESS;
    if (y.cls == FP_ZERO_NUM || x.sign != y.sign)
        return x.sign ? FP_LESS : FP_GREATER;
    int order = 0;
    if (x.cls != y.cls)
        order = x.cls == FP_INFINITY ? 1 : -1;
    else if (x.cls == FP_FINITE)
        order = x.exp != y.exp ? (x.exp > y.exp ? 1 : -1) : (x.sig > y.sig) - (x.sig < y.sig);
    order = x.sign ? -order : order;
    return order < 0 ? FP_LESS : order ? FP_GREATER : FP_EQUAL;
}

struct fp80 fp80_scale(struct fp80 a, struct fp80 b, struct fp80_status *s)
{
    struct num x = unpack(a), y = unpack(b);
    struct fp80 r;
    if (special2(a, b, &x, &y, &r, s))
        return r;
    if (y.cls == FP_INFINITY) {
        if ((x.cls == FP_INFINITY && y.sign) || (x.cls == FP_ZERO_NUM && !y.sign))
            return invalid(s);
        note(&x, s);
        return y.sign ? zero(x.sign) : infinity(x.sign);
    }
    note(&x, s);
    note(&y, s);
    if (x.cls != FP_FINITE)
        return a;
    int by = 0;
    if (y.cls == FP_FINITE && y.exp >= 0) {
        uint64_t m = y.exp > 16 ? 1u << 17 : y.sig >> (63 - y.exp);
        by = (int)(m > 1u << 17 ? 1u << 17 : m) * (y.sign ? -1 : 1);
    }
    struct fp80_status full = *s;
    full.precision = 64;
    r = round_pack(x.sign, x.exp + by, (fp_u128)x.sig << 64, &full);
    s->flags = full.flags;
    return r;
}

struct fp80 fp80_rem(struct fp80 a, struct fp80 b, bool ieee, unsigned *quotient, bool *partial, struct fp80_status *s)
{
    struct num x = unpack(a), y = unpack(b);
    struct fp80 r;
    *quotient = 0;
    *partial = false;
    if (special2(a, b, &x, &y, &r, s))
        return r;
    if (x.cls == FP_INFINITY || y.cls == FP_ZERO_NUM)
        return invalid(s);
    note(&x, s);
    note(&y, s);
    struct fp80_status full = {.round = FP_ROUND_NEAREST, .precision = 64, .unmasked = s->unmasked};
    if (x.cls == FP_ZERO_NUM)
        return a;
    if (y.cls == FP_INFINITY)
        goto all_of_it;
    int d = x.exp - y.exp;
    fp_u128 rest = x.sig;
    uint64_t q = 0;
    bool sign = x.sign;
    int exp = y.exp;
    if (d < 0) {
        if (!ieee || d < -1)
            goto all_of_it;
    }
    *partial = d >= 64;
    int steps = *partial ? 32 + d % 32 : d;
    if (*partial)
        exp = x.exp - steps;
    for (int i = steps; i >= 0; i--) {
        if (rest >= y.sig) {
            rest -= y.sig;
            q = q << 1 | 1;
        } else {
            q <<= 1;
        }
        if (i)
            rest <<= 1;
    }
    if (ieee && !*partial) {
        fp_u128 twice = rest << 1;
        if (d == -1)
            twice = x.sig, rest = x.sig; /* rest in halves of y's unit */
        if (d == -1) {
            if (twice > y.sig) { /* more than half of y: the quotient is one */
                rest = ((fp_u128)y.sig << 1) - x.sig;
                sign = !sign;
                q = 1;
                exp = y.exp - 1;
            } else {
                goto all_of_it;
            }
        } else if (twice > y.sig || (twice == y.sig && (q & 1))) {
            rest = y.sig - rest;
            sign = !sign;
            q++;
        }
    }
    *quotient = (unsigned)(q & 7);
    if (!rest)
        return zero(x.sign);
    unsigned shift = fp_clz128(rest);
    r = round_pack(sign, exp + 64 - (int)shift, rest << shift, &full);
    s->flags |= full.flags & ~(FP80_PE | FP80_C1);
    return r;
all_of_it:
    r = round_pack(x.sign, x.exp, (fp_u128)x.sig << 64, &full);
    s->flags |= full.flags & FP80_UE;
    return r;
}

void fp80_extract(struct fp80 a, struct fp80 *exponent, struct fp80 *significand, struct fp80_status *s)
{
    struct num x = unpack(a);
    if (special1(a, &x, significand, s)) {
        *exponent = *significand;
    } else if (x.cls == FP_INFINITY) {
        *exponent = infinity(false);
        *significand = a;
    } else if (x.cls == FP_ZERO_NUM) {
        s->flags |= FP80_ZE;
        *exponent = infinity(true);
        *significand = a;
    } else {
        note(&x, s);
        *exponent = fp80_from_int(x.exp);
        *significand = pack(x.sign, BIAS, x.sig);
    }
}
