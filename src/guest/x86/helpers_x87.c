/* The x87, in C on the guest's state, with src/fp/extended.c's arithmetic.
 *
 * Everything is computed as if exceptions were masked; where one that is not prevents the operation, what was there before
 * is put back (unmasked).  #MF is the lifts': before the next instruction that waits.
 *
 * Known limitation: the transcendental functions are the C library's, rounded, which may differ from a processor's in the
 * last bit.  Manual: SDM vol. 1, chapter 8; vol. 2. */
#include "guest/x86/x87.h"
#include "fp/extended.h"
#include "guest/x86/helpers.h"
#include "guest/x86/lift.h"
#include <math.h>
#include <string.h>

#define C0 0x100u
#define C1 FP80_C1
#define C2 0x400u
#define C3 0x4000u
#define SF 0x40u
#define BEFORE (FP80_IE | FP80_DE | FP80_ZE) /* exceptions that are found before anything is computed */

struct x87 {
    struct x86_state *s;
    struct fp80_status st;
};

static unsigned physical(const struct x87 *x, unsigned i)
{
    return (x->s->top + i) & 7;
}

static bool is_empty(const struct x87 *x, unsigned i)
{
    return !(x->s->tags >> physical(x, i) & 1);
}

static struct fp80 get(const struct x87 *x, unsigned i)
{
    struct fp80 v;
    memcpy(&v.sig, &x->s->st[physical(x, i)][0], 8);
    memcpy(&v.se, &x->s->st[physical(x, i)][1], 2);
    return v;
}

static void put(struct x87 *x, unsigned i, struct fp80 v)
{
    unsigned p = physical(x, i);
    x->s->st[p][0] = v.sig;
    x->s->st[p][1] = v.se;
    x->s->tags |= 1u << p;
}

static void pop(struct x87 *x)
{
    x->s->tags &= ~(1u << x->s->top);
    x->s->top = (x->s->top + 1) & 7;
}

static struct fp80 underflow(struct x87 *x)
{
    x->st.flags |= FP80_IE | SF;
    return fp80_indefinite;
}

static uint32_t new_status(const struct x87 *x);

static void push(struct x87 *x, struct fp80 v)
{
    x->s->top = (x->s->top - 1) & 7;
    if (!is_empty(x, 0)) {
        if (!(x->st.flags & SF)) /* an empty source came first */
            x->st.flags = FP80_IE | SF | C1;
        v = fp80_indefinite;
    }
    put(x, 0, v);
}

/* For instructions with two results, ST(0) and one to be pushed: if there is no room both are indefinite. */
static bool no_room(struct x87 *x)
{
    if (is_empty(x, 7))
        return false;
    put(x, 0, fp80_indefinite);
    push(x, fp80_indefinite);
    x->s->fsw = new_status(x);
    return true;
}

static void begin(struct x87 *x, struct cpu *cpu)
{
    static const uint8_t rounds[] = {FP_ROUND_NEAREST, FP_ROUND_DOWN, FP_ROUND_UP, FP_ROUND_ZERO};
    static const uint8_t precisions[] = {24, 64, 53, 64};
    x->s = x86_state(cpu);
    x->st = (struct fp80_status){.round = (enum fp_round)rounds[x->s->fcw >> 10 & 3], .precision = precisions[x->s->fcw >> 8 & 3],
                                 .unmasked = ~x->s->fcw & (FP80_OE | FP80_UE)};
}

static uint32_t with_summary(const struct x87 *x, uint32_t fsw)
{
    fsw &= ~0x8080u;
    return fsw & 0x3f & ~x->s->fcw ? fsw | 0x8080 : fsw;
}

/* The status word after an instruction that clears C1 or sets it. */
static uint32_t new_status(const struct x87 *x)
{
    return with_summary(x, (x->s->fsw & ~C1) | (x->st.flags & (0x7f | C1)));
}

/* The same after one that leaves C1 alone, but for an empty register, as AMD's processors do. */
static uint32_t new_status_but_c1(const struct x87 *x)
{
    return x->st.flags & SF ? new_status(x) : with_summary(x, x->s->fsw | (x->st.flags & 0x7f));
}

/* ---- operands in memory -------------------------------------------------------------------------------------- */

static struct fp80 from_bcd(const uint8_t *b)
{
    uint64_t v = 0;
    for (int i = 8; i >= 0; i--)
        v = v * 100 + (b[i] >> 4) * 10u + (b[i] & 15);
    struct fp80 r = fp80_from_int((int64_t)v);
    r.se = (uint16_t)(r.se | (b[9] & 0x80u) << 8);
    return r;
}

static void to_bcd(uint8_t *b, struct fp80 a, struct fp80_status *s)
{
    static const uint8_t indefinite[10] = {0, 0, 0, 0, 0, 0, 0, 0xc0, 0xff, 0xff};
    struct fp80_status t = *s;
    t.flags = 0;
    int64_t v = fp80_to_int(a, s->round, 64, &t);
    uint64_t m = v < 0 ? -(uint64_t)v : (uint64_t)v;
    if ((t.flags & FP80_IE) || m > 999999999999999999ull) {
        s->flags |= FP80_IE;
        memcpy(b, indefinite, 10);
        return;
    }
    s->flags |= t.flags;
    for (unsigned i = 0; i < 9; i++, m /= 100)
        b[i] = (uint8_t)(m / 10 % 10 * 16 + m % 10);
    b[9] = (uint8_t)(a.se >> 15 << 7);
}

static struct fp80 from_memory(struct x87 *x, unsigned kind)
{
    uint64_t v = x->s->scratch[0][0];
    struct fp80 r = {v, (uint16_t)x->s->scratch[0][1]};
    switch (kind) {
    case X87_F32: return fp80_from_float(IR_F32, (uint32_t)v, &x->st);
    case X87_F64: return fp80_from_float(IR_F64, v, &x->st);
    case X87_I16: return fp80_from_int((int16_t)v);
    case X87_I32: return fp80_from_int((int32_t)v);
    case X87_I64: return fp80_from_int((int64_t)v);
    case X87_BCD: return from_bcd((const uint8_t *)x->s->scratch[0]);
    default: return r;
    }
}

static void to_memory(struct x87 *x, unsigned kind, bool truncate)
{
    uint64_t out[2] = {0, 0};
    enum fp_round round = truncate ? FP_ROUND_ZERO : x->st.round;
    bool empty = is_empty(x, 0);
    struct fp80 a = empty ? underflow(x) : get(x, 0);
    struct fp80_status s = x->st;
    s.flags = 0;
    switch (kind) {
    case X87_F32: out[0] = fp80_to_float(IR_F32, a, &s); break;
    case X87_F64: out[0] = fp80_to_float(IR_F64, a, &s); break;
    case X87_I16: out[0] = (uint64_t)fp80_to_int(a, round, 16, &s); break;
    case X87_I32: out[0] = (uint64_t)fp80_to_int(a, round, 32, &s); break;
    case X87_I64: out[0] = (uint64_t)fp80_to_int(a, round, 64, &s); break;
    case X87_BCD: to_bcd((uint8_t *)out, a, &s); break;
    default:
        out[0] = a.sig;
        out[1] = a.se;
    }
    if (!empty)
        x->st.flags |= s.flags;
    memcpy(x->s->scratch[0], out, 16);
    x->s->status = (x->st.flags & ~x->s->fcw & (BEFORE | FP80_OE | FP80_UE)) != 0; /* nothing is to be stored */
    if (x->s->status && !(x->st.flags & SF))
        x->st.flags &= ~(FP80_PE | C1);
    x->s->scratch[1][0] = new_status(x);
}

/* ---- arithmetic ------------------------------------------------------------------------------------------------ */

static uint32_t order_bits(enum fp_order o)
{
    return o == FP_UNORDERED ? C3 | C2 | C0 : o == FP_LESS ? C0 : o == FP_EQUAL ? C3 : 0;
}

static void compare(struct x87 *x, bool missing, struct fp80 b, bool quiet)
{
    enum fp_order o = FP_UNORDERED;
    if (missing)
        x->st.flags = FP80_IE | SF;
    else
        o = fp80_compare(get(x, 0), b, quiet, &x->st);
    x->s->fsw = with_summary(x, (x->s->fsw & ~(C0 | C1 | C2 | C3)) | order_bits(o) | (x->st.flags & 0x7f));
}

static struct fp80 operate(unsigned op, struct fp80 d, struct fp80 v, struct fp80_status *s)
{
    switch (op) {
    case X86_FADD: return fp80_add(d, v, s);
    case X86_FMUL: return fp80_mul(d, v, s);
    case X86_FSUB: return fp80_sub(d, v, s);
    case X86_FSUBR: return fp80_sub(v, d, s);
    case X86_FDIV: return fp80_div(d, v, s);
    default: return fp80_div(v, d, s);
    }
}

static void arith(struct x87 *x, unsigned reg, unsigned other, unsigned arg)
{
    unsigned op = arg & 0xff;
    bool compares = op == X86_FCOM || op == X86_FCOMP || op == X86_FUCOM || op == X86_FUCOMP;
    bool missing = is_empty(x, compares ? 0 : reg) || (other < 8 && is_empty(x, other));
    struct fp80 v = other < 8 ? get(x, other) : from_memory(x, other);
    uint32_t loading = missing ? 0 : x->st.flags;
    x->st.flags = 0;
    if (!missing && ( fp80_is_nan(get(x, compares ? 0 : reg)) || fp80_is_unsupported(get(x, compares ? 0 : reg))))
        loading &= ~FP80_DE; /* a NaN decides before denormal operands are looked at */
    if (compares) {
        x->st.flags = loading;
        compare(x, missing, v, op == X86_FUCOM || op == X86_FUCOMP);
        if (op == X86_FCOMP || op == X86_FUCOMP)
            pop(x);
    } else {
        struct fp80 d = get(x, reg);
        d = missing ? underflow(x) : operate(op, d, v, &x->st);
        put(x, reg, d);
        if (x->st.flags & (FP80_IE | FP80_ZE))
            loading &= ~FP80_DE;
        x->st.flags |= loading;
        x->s->fsw = new_status(x);
    }
    if (arg & X86_X87_POP)
        pop(x);
}

static void comi(struct x87 *x, unsigned other, unsigned arg)
{
    enum fp_order o = FP_UNORDERED;
    if (is_empty(x, 0) || is_empty(x, other))
        underflow(x);
    else
        o = fp80_compare(get(x, 0), get(x, other), !(arg & 1), &x->st);
    x->s->flags = (o == FP_UNORDERED ? IR_FLAG_Z | IR_FLAG_P | IR_FLAG_C : 0) | (o == FP_EQUAL ? IR_FLAG_Z : 0) |
                  (o == FP_LESS ? IR_FLAG_C : 0);
    x->s->fsw = new_status_but_c1(x);
    if (arg & 2)
        pop(x);
}

static void examine(struct x87 *x)
{
    struct fp80 a = get(x, 0);
    unsigned e = a.se & 0x7fff;
    uint32_t c = a.se >> 15 ? C1 : 0;
    if (is_empty(x, 0))
        c |= C3 | C0;
    else if (fp80_is_unsupported(a))
        c |= 0;
    else if (e == 0x7fff)
        c |= a.sig << 1 ? C0 : C2 | C0;
    else if (e == 0)
        c |= a.sig ? C3 | C2 : C3;
    else
        c |= C2;
    x->s->fsw = (x->s->fsw & ~(C0 | C1 | C2 | C3)) | c;
}

static void constant(struct x87 *x, unsigned which)
{
    static const struct {
        uint64_t sig; /* cut off */
        uint16_t se;
        bool nearest_up;
    } table[] = {{0x8000000000000000ull, 0x3fff, false}, {0xd49a784bcd1b8afeull, 0x4000, false}, {0xb8aa3b295c17f0bbull, 0x3fff, true},
                 {0xc90fdaa22168c234ull, 0x4000, true},  {0x9a209a84fbcff798ull, 0x3ffd, true},  {0xb17217f7d1cf79abull, 0x3ffe, true},
                 {0, 0, false}};
    bool exact = which == 0 || which == 6;
    bool up = !exact && (x->st.round == FP_ROUND_UP || (x->st.round == FP_ROUND_NEAREST && table[which].nearest_up));
    push(x, (struct fp80){table[which].sig + up, table[which].se});
    x->s->fsw = new_status(x);
}

/* ---- the C library's functions ------------------------------------------------------------------------------------ */

static long double to_long(struct fp80 a)
{
    int e = a.se & 0x7fff;
    long double v;
    if (e == 0x7fff)
        v = a.sig << 1 ? (long double)NAN : (long double)INFINITY;
    else
        v = ldexpl((long double)a.sig, (e ? e : 1) - 16383 - 63);
    return a.se >> 15 ? -v : v;
}

static struct fp80 from_long(struct x87 *x, long double v)
{
    int e;
    bool sign = signbit(v);
    if (isnan(v)) {
        x->st.flags |= FP80_IE;
        return fp80_indefinite;
    }
    if (isinf(v))
        return (struct fp80){1ull << 63, (uint16_t)(sign ? 0xffff : 0x7fff)};
    if (v == 0)
        return (struct fp80){0, (uint16_t)(sign ? 0x8000 : 0)};
    long double m = frexpl(fabsl(v), &e);
    uint64_t sig = (uint64_t)ldexpl(m, 64);
    e += 16382;
    if (e <= 0) {
        sig = e < -62 ? 0 : sig >> (1 - e);
        e = 0;
    }
    x->st.flags |= FP80_PE;
    return (struct fp80){sig, (uint16_t)(e | (sign ? 0x8000 : 0))};
}

/* NaN operands come through quiet; true if v is decided. */
static bool nan_operand(struct x87 *x, struct fp80 a, struct fp80 *v)
{
    if (fp80_is_unsupported(a)) {
        x->st.flags |= FP80_IE;
        *v = fp80_indefinite;
        return true;
    }
    if (!fp80_is_nan(a))
        return false;
    if (!(a.sig >> 62 & 1))
        x->st.flags |= FP80_IE;
    *v = a;
    v->sig |= 1ull << 62;
    return true;
}

static struct fp80 function1(struct x87 *x, struct fp80 a, long double (*fn)(long double))
{
    struct fp80 v;
    if (nan_operand(x, a, &v))
        return v;
    if (!(a.se & 0x7fff) && a.sig)
        x->st.flags |= FP80_DE;
    return from_long(x, fn(to_long(a)));
}

static long double two_to_minus_one(long double v)
{
    return expm1l(v * 0.693147180559945309417232121458L);
}

static struct fp80 function2(struct x87 *x, unsigned which, struct fp80 a, struct fp80 b)
{
    struct fp80 v;
    if (nan_operand(x, a, &v) || nan_operand(x, b, &v))
        return v;
    long double y = to_long(a), z = to_long(b);
    switch (which) {
    case 1:
        if (z == 0 && y != 0) {
            x->st.flags |= FP80_ZE;
            return from_long(x, y > 0 ? -(long double)INFINITY : (long double)INFINITY);
        }
        return from_long(x, y * log2l(z));
    case 3: return from_long(x, atan2l(y, z));
    default: return from_long(x, y * (log1pl(z) * 1.44269504088896340735992468100L));
    }
}

/* FSIN, FCOS, FSINCOS, FPTAN: false if the operand is too large, which C2 says. */
static bool in_range(struct x87 *x, struct fp80 a)
{
    unsigned e = a.se & 0x7fff;
    x->s->fsw &= ~C2;
    if (e >= 0x403e && e != 0x7fff && !fp80_is_unsupported(a)) {
        x->s->fsw = (x->s->fsw & ~C1) | C2;
        return false;
    }
    return true;
}

static void remainder_of(struct x87 *x, bool ieee)
{
    unsigned q;
    bool partial;
    struct fp80 r = fp80_rem(get(x, 0), get(x, 1), ieee, &q, &partial, &x->st);
    x->s->fsw = new_status(x) & ~(C1 | C2);
    if (fp80_is_nan(r)) {
        put(x, 0, r);
        return;
    }
    x->s->fsw &= ~(C0 | C3);
    if (partial)
        x->s->fsw |= C2;
    else
        x->s->fsw |= (q & 4 ? C0 : 0) | (q & 2 ? C3 : 0) | (q & 1 ? C1 : 0);
    put(x, 0, r);
}

static void trigonometric(struct x87 *x, unsigned which)
{
    struct fp80 a = get(x, 0), one = {1ull << 63, 0x3fff};
    if ((which == 2 || which == 8) && no_room(x)) {
        x->s->fsw &= ~C2;
        return;
    }
    if (!in_range(x, a))
        return;
    put(x, 0, function1(x, a, which == 2 ? tanl : which == 11 ? cosl : sinl));
    if (which == 2) {
        struct fp80 v;
        push(x, nan_operand(x, a, &v) ? v : one);
    } else if (which == 8) {
        push(x, function1(x, a, cosl));
    }
    x->s->fsw = new_status(x);
}

static void other(struct x87 *x, unsigned which)
{
    bool two = which == 1 || which == 3 || which == 5 || which == 6 || which == 7 || which == 9;
    bool missing = is_empty(x, 0) || (two && is_empty(x, 1));
    struct fp80 exponent, significand;
    if (missing) {
        bool pops = which == 1 || which == 3 || which == 7;
        if (which == 2 || which == 5 || which == 6 || which == 8 || which >= 10)
            x->s->fsw &= ~C2;
        struct fp80 v = underflow(x);
        put(x, pops ? 1 : 0, v);
        if (pops)
            pop(x);
        else if (which == 2 || which == 4 || which == 8) {
            uint32_t flags = x->st.flags;
            push(x, v);
            x->st.flags |= flags;
        }
        x->s->fsw = new_status(x);
        return;
    }
    switch (which) {
    case 0: put(x, 0, function1(x, get(x, 0), two_to_minus_one)); break;
    case 1:
    case 3:
    case 7:
        put(x, 1, function2(x, which, get(x, 1), get(x, 0)));
        pop(x);
        break;
    case 4:
        if (no_room(x))
            return;
        fp80_extract(get(x, 0), &exponent, &significand, &x->st);
        put(x, 0, exponent);
        push(x, significand);
        break;
    case 5:
    case 6: remainder_of(x, which == 5); return;
    case 9: put(x, 0, fp80_scale(get(x, 0), get(x, 1), &x->st)); break;
    default: trigonometric(x, which); return;
    }
    x->s->fsw = new_status(x);
}

/* ---- images ----------------------------------------------------------------------------------------------------------- */

static void init(struct x86_state *s)
{
    s->fcw = 0x37f;
    s->fsw = s->top = s->tags = s->fop = s->fcs = s->fds = 0;
    s->fip = s->fdp = 0;
}

/* The tag word with two bits for each register: valid, zero, special, empty. */
static uint16_t full_tags(const struct x86_state *s)
{
    unsigned tags = 0;
    for (unsigned i = 0; i < 8; i++) {
        uint64_t sig = s->st[i][0];
        unsigned e = s->st[i][1] & 0x7fff, tag = 3;
        if (s->tags >> i & 1)
            tag = !e && !sig ? 1 : !e || e == 0x7fff || !(sig >> 63) ? 2 : 0;
        tags |= tag << 2 * i;
    }
    return (uint16_t)tags;
}

/* The selector that goes with a last address; programs here have one for code and one for data. */
static uint32_t last_selector(const struct x86_state *s, uint32_t known, unsigned segment)
{
    return known ? s->selector[segment] & 0xffff : 0;
}

static void env_get(struct x87 *x, unsigned arg)
{
    struct x86_state *s = x->s;
    uint32_t w[7] = {s->fcw | 0xffff0000, s->fsw | s->top << 11 | 0xffff0000, full_tags(s) | 0xffff0000u, (uint32_t)s->fip,
                     last_selector(s, s->fcs, X86_CS) | s->fop << 16, (uint32_t)s->fdp, last_selector(s, s->fds, X86_DS) | 0xffff0000};
    uint8_t *image = (uint8_t *)s->scratch;
    unsigned size = arg & 2 ? 2 : 4;
    for (unsigned i = 0; i < 7; i++)
        memcpy(image + i * size, &w[i], size);
    for (unsigned i = 0; i < 8; i++)
        memcpy(image + 7 * size + 10 * i, s->st[physical(x, i)], 10);
}

static void env_set(struct x87 *x, unsigned arg)
{
    struct x86_state *s = x->s;
    const uint8_t *image = (const uint8_t *)s->scratch;
    unsigned size = arg & 2 ? 2 : 4;
    uint16_t w[3];
    uint32_t last[4] = {0};
    for (unsigned i = 0; i < 3; i++)
        memcpy(&w[i], image + i * size, 2);
    for (unsigned i = 0; i < 4; i++)
        memcpy(&last[i], image + (i + 3) * size, size);
    s->fip = last[0];
    s->fcs = last[1] & 0xffff;
    s->fop = size == 4 ? last[1] >> 16 & 0x7ff : 0;
    s->fdp = last[2];
    s->fds = last[3] & 0xffff;
    s->fcw = (w[0] & 0x1f3f) | 0x40;
    s->top = w[1] >> 11 & 7;
    s->fsw = with_summary(x, w[1] & ~0x3800u);
    s->tags = 0;
    for (unsigned i = 0; i < 8; i++)
        s->tags |= (uint32_t)((w[2] >> 2 * i & 3) != 3) << i;
    if (arg & 1)
        for (unsigned i = 0; i < 8; i++) {
            s->st[physical(x, i)][1] = 0;
            memcpy(s->st[physical(x, i)], image + 7 * size + 10 * i, 10);
        }
}

static void fx_get(struct x87 *x, struct cpu *cpu, bool wide)
{
    struct x86_state *s = x->s;
    uint8_t *image = (uint8_t *)s->scratch;
    uint32_t mxcsr = x86_mxcsr_get(cpu), mask = 0xffff;
    uint16_t fsw = (uint16_t)(s->fsw | s->top << 11);
    memset(image, 0, 160);
    memcpy(image, &s->fcw, 2);
    memcpy(image + 2, &fsw, 2);
    image[4] = (uint8_t)s->tags;
    if (fsw & 0x80) { /* the pointers are only told when an exception is pending, as AMD's processors do */
        uint32_t selectors[2] = {last_selector(s, s->fcs, X86_CS), last_selector(s, s->fds, X86_DS)};
        memcpy(image + 6, &s->fop, 2);
        memcpy(image + 8, &s->fip, wide ? 8 : 4);
        memcpy(image + 16, &s->fdp, wide ? 8 : 4);
        for (unsigned i = 0; i < 2 && !wide; i++)
            memcpy(image + 12 + 8 * i, &selectors[i], 2);
    }
    memcpy(image + 24, &mxcsr, 4);
    memcpy(image + 28, &mask, 4);
    for (unsigned i = 0; i < 8; i++)
        memcpy(image + 32 + 16 * i, s->st[physical(x, i)], 10);
}

static void fx_set(struct x87 *x, struct cpu *cpu, unsigned what)
{
    struct x86_state *s = x->s;
    uint8_t *image = (uint8_t *)s->scratch;
    if (what & 1) {
        uint16_t fcw, fsw;
        memcpy(&fcw, image, 2);
        memcpy(&fsw, image + 2, 2);
        s->fcw = (fcw & 0x1f3f) | 0x40;
        s->top = fsw >> 11 & 7;
        s->fsw = with_summary(x, fsw & ~0x3800u);
        s->tags = image[4];
        memcpy(&s->fip, image + 8, what & 4 ? 8 : 4);
        memcpy(&s->fdp, image + 16, what & 4 ? 8 : 4);
        s->fop = 0;
        memcpy(&s->fop, image + 6, 2);
        s->fop &= 0x7ff;
        s->fcs = s->fip != 0;
        s->fds = s->fdp != 0;
        for (unsigned i = 0; i < 8; i++) {
            s->st[physical(x, i)][1] = 0;
            memcpy(s->st[physical(x, i)], image + 32 + 16 * i, 10);
        }
    }
    if (what & 2) {
        uint32_t mxcsr;
        memcpy(&mxcsr, image + 24, 4);
        s->mxcsr = mxcsr & 0xffc0; /* its flags: FPFLAGS_SET in the lift */
    }
}

/* ---- control ---------------------------------------------------------------------------------------------------------- */

static void control(struct x87 *x, unsigned which)
{
    struct x86_state *s = x->s;
    switch (which) {
    case 0:
    case 1:
        s->top = (s->top + (which ? 1 : 7)) & 7;
        s->fsw &= ~C1;
        break;
    case 3: s->fsw &= 0x7f00; break;
    case 4: init(s); break;
    case 5:
        s->fcw = ((uint32_t)s->scratch[0][0] & 0x1f3f) | 0x40;
        s->fsw = with_summary(x, s->fsw);
        break;
    default: s->status = s->fsw | s->top << 11;
    }
}

static void exchange(struct x87 *x, unsigned i)
{
    struct fp80 a = is_empty(x, 0) ? underflow(x) : get(x, 0), b = is_empty(x, i) ? underflow(x) : get(x, i);
    put(x, 0, b);
    put(x, i, a);
    x->s->fsw = new_status(x);
}

static void change_sign(struct x87 *x, bool absolute)
{
    struct fp80 a = get(x, 0);
    bool empty = is_empty(x, 0);
    a.se = absolute ? a.se & 0x7fff : a.se ^ 0x8000;
    put(x, 0, empty ? underflow(x) : a);
    x->s->fsw = new_status(x);
}

static void unary(struct x87 *x, unsigned which)
{
    struct fp80 a = get(x, 0);
    if (is_empty(x, 0))
        a = underflow(x);
    else
        a = which ? fp80_rint(a, &x->st) : fp80_sqrt(a, &x->st);
    put(x, 0, a);
    x->s->fsw = new_status(x);
}

static void load(struct x87 *x, unsigned other_operand)
{
    struct fp80 v;
    if (other_operand < 8)
        v = is_empty(x, other_operand) ? underflow(x) : get(x, other_operand);
    else
        v = from_memory(x, other_operand);
    bool converts = other_operand == X87_F32 || other_operand == X87_F64;
    if (converts && fp80_is_nan(v) && !(v.sig >> 62 & 1)) {
        x->st.flags |= FP80_IE;
        v.sig |= 1ull << 62;
    }
    push(x, v);
    x->s->fsw = new_status(x);
}

static void move(struct x87 *x, unsigned i, unsigned pops)
{
    put(x, i, is_empty(x, 0) && !(pops & 2) ? underflow(x) : get(x, 0));
    x->s->fsw = new_status(x);
    if (pops & 1)
        pop(x);
}

/* The condition code after an instruction that raises an unmasked exception: comparisons set theirs all the same, and what
 * says by C2 that it is not done clears that. */
static uint32_t code_of(const struct x86_state *old, uint32_t fsw, uint64_t word)
{
    unsigned op = word >> 32 & 0xff;
    enum x87_kind kind = (enum x87_kind)(word & 0xff);
    bool compares = op == X86_FCOM || op == X86_FCOMP || op == X86_FUCOM || op == X86_FUCOMP;
    if (kind == X87_TEST || (kind == X87_ARITH && compares))
        return fsw & (C0 | C2 | C3);
    bool partial = op == 2 || op == 5 || op == 6 || op == 8 || op >= 10;
    return old->fsw & (kind == X87_OTHER && partial ? C0 | C3 : C0 | C2 | C3);
}

/* Puts `old` back if there was an unmasked exception before the result. Denormal numbers are loaded all the same. */
static void unmasked(struct x87 *x, const struct x86_state *old, uint64_t word)
{
    struct x86_state *s = x->s;
    enum x87_kind kind = (enum x87_kind)(word & 0xff);
    uint32_t before = kind == X87_LOAD ? BEFORE & ~FP80_DE : BEFORE, code = code_of(old, s->fsw, word);
    if (kind == X87_STORE || !(x->st.flags & ~s->fcw & before))
        return;
    memcpy(s->st, old->st, sizeof s->st);
    s->tags = old->tags;
    s->top = old->top;
    s->fsw = (old->fsw & ~(C0 | C2 | C3)) | code;
    x->st.flags &= BEFORE | SF | (x->st.flags & SF ? C1 : 0);
    s->fsw = kind == X87_COMI ? new_status_but_c1(x) : new_status(x);
}

static void compute(struct cpu *cpu, struct x87 *x, uint64_t word);

void x86_helper_x87(struct cpu *cpu, uint64_t word)
{
    struct x87 x;
    begin(&x, cpu);
    if ((x.s->fcw & 0x3f) == 0x3f || (word & 0xff) >= X87_CONTROL) {
        compute(cpu, &x, word);
        return;
    }
    struct x86_state old = *x.s;
    compute(cpu, &x, word);
    unmasked(&x, &old, word);
}

static void compute(struct cpu *cpu, struct x87 *x, uint64_t word)
{
    unsigned reg = word >> 8 & 0xff, operand = word >> 16 & 0xff, arg = (unsigned)(word >> 32);
    struct fp80 nothing = {0, 0};
    switch ((enum x87_kind)(word & 0xff)) {
    case X87_ARITH: arith(x, reg, operand, arg); break;
    case X87_COMI: comi(x, operand, arg); break;
    case X87_LOAD: load(x, operand); break;
    case X87_STORE: to_memory(x, operand, arg); break;
    case X87_STORED:
        x->s->fsw = (uint32_t)x->s->scratch[1][0];
        if (arg)
            pop(x);
        break;
    case X87_MOVE: move(x, operand, arg); break;
    case X87_XCH: exchange(x, operand); break;
    case X87_CMOV:
        if (is_empty(x, 0) || is_empty(x, operand))
            put(x, 0, underflow(x));
        else if (arg)
            put(x, 0, get(x, operand));
        x->s->fsw = new_status_but_c1(x);
        break;
    case X87_FREE:
        x->s->tags &= ~(1u << physical(x, operand));
        x->s->fsw &= ~C1;
        if (arg)
            pop(x);
        break;
    case X87_CONST: constant(x, arg); break;
    case X87_SIGN: change_sign(x, arg); break;
    case X87_TEST:
        if (arg)
            examine(x);
        else
            compare(x, is_empty(x, 0), nothing, false);
        break;
    case X87_UNARY: unary(x, arg); break;
    case X87_OTHER: other(x, arg); break;
    case X87_CONTROL: control(x, arg); break;
    case X87_ENV_GET: env_get(x, arg); break;
    case X87_ENV_DONE:
        if (arg & 1)
            init(x->s);
        else
            x->s->fcw |= 0x3f;
        x->s->fsw = with_summary(x, x->s->fsw);
        break;
    case X87_ENV_SET: env_set(x, arg); break;
    case X87_FX_GET: fx_get(x, cpu, arg); break;
    case X87_FX_SET: fx_set(x, cpu, arg); break;
    case X87_INIT: init(x->s); break;
    }
}
