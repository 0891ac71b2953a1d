/* The evaluator's arithmetic on vectors of integers.
 *
 * Operations that work on each lane alone are one expression each, which a macro instantiates for
 * the four lane types: `x` and `y` are the lanes of a and b, `sx` and `sy` the same as signed
 * numbers, BITS the lane's width.  Those that change the width of lanes, or mix lanes, go lane by
 * lane in 64 bits. V256 is treated as one vector of 32 bytes, not as two of 16. */
#include "ir/eval_parts.h"

typedef __int128 wide; /* holds sums and products of any two lanes, and their doubles but one */

static uint64_t clamp_signed(wide v, unsigned bits)
{
    wide max = ((wide)1 << (bits - 1)) - 1;

    return (uint64_t)(v > max ? max : v < -max - 1 ? -max - 1 : v);
}

static uint64_t clamp_unsigned(wide v, unsigned bits)
{
    wide max = ((wide)1 << bits) - 1;

    return (uint64_t)(v > max ? max : v < 0 ? 0 : v);
}

#define LANES_OF(N, expr)                                                                          \
    for (unsigned i = 0; i < bytes / (N / 8); i++) {                                               \
        enum { BITS = N };                                                                         \
        const uint##N##_t x = e->a->u##N[i], y = b->u##N[i];                                       \
        const int##N##_t sx = (int##N##_t)x, sy = (int##N##_t)y;                                   \
        (void)sx, (void)sy, (void)y;                                                               \
        out->u##N[i] = (uint##N##_t)(expr);                                                        \
    }

#define LANES(expr)                                                                                \
    switch (e->lane) {                                                                             \
    case IR_I8: LANES_OF(8, expr) break;                                                           \
    case IR_I16: LANES_OF(16, expr) break;                                                         \
    case IR_I32: LANES_OF(32, expr) break;                                                         \
    default: LANES_OF(64, expr) break;                                                             \
    }

static unsigned clz_lane(uint64_t x, unsigned bits)
{
    return x ? (unsigned)__builtin_clzll(x) - (64 - bits) : bits;
}

/* Arm's SSHL and its kin.  `by` is the signed shift to the left. */
static uint64_t shift_variable(uint64_t x, int64_t sx, int by, unsigned attr, unsigned bits)
{
    bool is_signed = attr & 1, round = attr & 2, saturate = attr & 4;
    wide v = is_signed ? (wide)sx : (wide)x;

    if (by <= 0) {
        unsigned right = (unsigned)-by;
        if (right > 66)
            right = 66; /* beyond the width nothing changes any more, nor does rounding */
        if (round && right)
            v += (wide)1 << (right - 1);
        return (uint64_t)(v >> right);
    }
    if (!saturate)
        return by < (int)bits ? (uint64_t)v << by : 0;
    if (v == 0)
        return 0;
    if (by >= (int)bits) /* every nonzero number overflows, but for a negative one's sign */
        v = v < 0 ? -((wide)1 << bits) : (wide)1 << bits;
    else
        v = v * ((wide)1 << by);
    return is_signed ? clamp_signed(v, bits) : clamp_unsigned(v, bits);
}

static bool vector_compare(unsigned cc, uint64_t x, uint64_t y, int64_t sx, int64_t sy)
{
    switch (cc) {
    case IR_CC_E: return x == y;
    case IR_CC_A: return x > y;
    case IR_CC_AE: return x >= y;
    case IR_CC_G: return sx > sy;
    case IR_CC_GE: return sx >= sy;
    default: UNREACHABLE();
    }
}

/* Carry-less product of x and the low `bits` bits of y. */
static unsigned __int128 polynomial_product(uint64_t x, uint64_t y, unsigned bits)
{
    unsigned __int128 r = 0;

    for (unsigned i = 0; i < bits; i++)
        if (y >> i & 1)
            r ^= (unsigned __int128)x << i;
    return r;
}

static uint64_t multiply_double_high(int64_t x, int64_t y, bool round, unsigned bits)
{
    wide p = (wide)x * y * 2;

    if (round)
        p += (wide)1 << (bits - 1);
    return clamp_signed(p >> bits, bits);
}

static void multiply_long(const struct eval_args *e, unsigned bytes, union ir_value *out)
{
    unsigned n = bytes / 2 / ir_type_size(e->lane), from = e->imm & 1 ? n : 0;

    for (unsigned i = 0; i < n; i++) {
        uint64_t x = lane_get(e->a, e->lane, from + i), y = lane_get(e->b, e->lane, from + i);
        if (e->op == IR_VPMULL && e->lane == IR_I64) {
            unsigned __int128 p = polynomial_product(x, y, 64);
            out->u64[2 * i] = (uint64_t)p;
            out->u64[2 * i + 1] = (uint64_t)(p >> 64);
            continue;
        }
        if (e->op == IR_VPMULL) {
            x = (uint64_t)polynomial_product(x, y, 8);
        } else if (e->attr & 1) {
            x = (uint64_t)(lane_get_signed(e->a, e->lane, from + i) *
                           lane_get_signed(e->b, e->lane, from + i));
        } else {
            x *= y;
        }
        lane_put(out, lane_wider(e->lane), i, x);
    }
}

static int byte_of(const union ir_value *v, unsigned i, bool is_signed)
{
    return is_signed ? v->s8[i] : v->u8[i];
}

static void dot_product(const struct eval_args *e, unsigned bytes, union ir_value *out)
{
    for (unsigned i = 0; i < bytes / 4; i++) {
        out->u32[i] = e->a->u32[i];
        for (unsigned k = 4 * i; k < 4 * i + 4; k++)
            out->u32[i] +=
                (uint32_t)(byte_of(e->b, k, e->attr & 1) * byte_of(e->c, k, e->attr & 2));
    }
}

static void matrix_multiply(const struct eval_args *e, unsigned bytes, union ir_value *out)
{
    for (unsigned i = 0; i < bytes / 4; i++) {
        unsigned group = i / 4 * 16, row = group + (i >> 1 & 1) * 8, column = group + (i & 1) * 8;
        out->u32[i] = e->a->u32[i];
        for (unsigned k = 0; k < 8; k++)
            out->u32[i] += (uint32_t)(byte_of(e->b, row + k, e->attr & 1) *
                                      byte_of(e->c, column + k, e->attr & 2));
    }
}

static uint8_t reverse_byte(uint8_t v)
{
    v = (uint8_t)((v >> 1 & 0x55) | (v & 0x55) << 1);
    v = (uint8_t)((v >> 2 & 0x33) | (v & 0x33) << 2);
    return (uint8_t)(v >> 4 | v << 4);
}

/* clang-format off: LANES hides its braces */
/* Shifts by an immediate, and what has one argument. */
static void eval_vector_one(const struct eval_args *e, unsigned bytes, union ir_value *out)
{
    const union ir_value *b = e->a;
    unsigned imm = (unsigned)e->imm;

    switch (e->op) {
    case IR_VNEG: LANES(-(uint64_t)x) break;
    case IR_VABS: LANES(sx < 0 ? -(uint64_t)x : x) break;
    case IR_VSHLI: LANES((uint64_t)x << imm) break;
    case IR_VSHRI:
        if (e->attr & 1)
            LANES((wide)sx >> imm)
        else
            LANES((wide)x >> imm)
        break;
    case IR_VPOPCNT: LANES(__builtin_popcountll(x)) break;
    case IR_VCLZ: LANES(clz_lane(x, BITS)) break;
    case IR_VBITREV:
        for (unsigned i = 0; i < bytes; i++)
            out->u8[i] = reverse_byte(e->a->u8[i]);
        break;
    default: UNREACHABLE();
    }
}

/* Operations with a signed and an unsigned form. */
static bool eval_vector_signed(const struct eval_args *e, unsigned bytes, union ir_value *out)
{
    const union ir_value *b = e->b;

    switch (e->op) {
    case IR_VADDS: LANES(clamp_signed((wide)sx + sy, BITS)) return true;
    case IR_VSUBS: LANES(clamp_signed((wide)sx - sy, BITS)) return true;
    case IR_VAVG: LANES(((wide)sx + sy + (wide)(e->imm & 1)) >> 1) return true;
    case IR_VMIN: LANES(sx < sy ? sx : sy) return true;
    case IR_VMAX: LANES(sx > sy ? sx : sy) return true;
    case IR_VABD: LANES(sx > sy ? (uint64_t)x - y : (uint64_t)y - x) return true;
    case IR_VMULH: LANES((wide)sx * sy >> BITS) return true;
    default: return false;
    }
}

static bool eval_vector_unsigned(const struct eval_args *e, unsigned bytes, union ir_value *out)
{
    const union ir_value *b = e->b;

    switch (e->op) {
    case IR_VADDS: LANES(clamp_unsigned((wide)x + y, BITS)) return true;
    case IR_VSUBS: LANES(clamp_unsigned((wide)x - y, BITS)) return true;
    case IR_VAVG: LANES(((wide)x + y + (wide)(e->imm & 1)) >> 1) return true;
    case IR_VMIN: LANES(x < y ? x : y) return true;
    case IR_VMAX: LANES(x > y ? x : y) return true;
    case IR_VABD: LANES(x > y ? x - y : y - x) return true;
    case IR_VMULH: LANES((unsigned __int128)x * y >> BITS) return true;
    default: return false;
    }
}

void ir_eval_vector(const struct eval_args *e, union ir_value *out)
{
    unsigned bytes = ir_type_size(e->type);
    const union ir_value *b = e->b;

    if (!b) {
        eval_vector_one(e, bytes, out);
        return;
    }
    if (e->attr & 1 ? eval_vector_signed(e, bytes, out) : eval_vector_unsigned(e, bytes, out))
        return;
    switch (e->op) {
    case IR_VADD: LANES((uint64_t)x + y) break;
    case IR_VSUB: LANES((uint64_t)x - y) break;
    case IR_VMUL: LANES((uint64_t)x * y) break;
    case IR_VPMUL: LANES(polynomial_product(x, y, BITS)) break;
    case IR_VQDMULH: LANES(multiply_double_high(sx, sy, e->imm & 1, BITS)) break;
    case IR_VCMP: LANES(vector_compare(e->attr, x, y, sx, sy) ? ~0ull : 0) break;
    case IR_VSHLV: LANES(shift_variable(x, sx, (int8_t)y, e->attr, BITS)) break;
    case IR_VMULL:
    case IR_VPMULL: multiply_long(e, bytes, out); break;
    case IR_VDOT: dot_product(e, bytes, out); break;
    case IR_VMMLA: matrix_multiply(e, bytes, out); break;
    default: eval_vector_one(e, bytes, out); break;
    }
}
/* clang-format on */
