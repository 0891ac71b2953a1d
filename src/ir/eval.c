/* The evaluator's entry, and its operations on integers and flags.
 *
 * Every operation is computed in 64 bits from zero- or sign-extended arguments and then cut to the
 * type, so that one text serves all widths.  Floating point and cryptography are computed by
 * src/fp. The sections of ops.def are contiguous ranges of enum ir_op; the entry relies on it. */
#include "ir/eval_parts.h"

#include <string.h>

void ir_eval(enum ir_op op, enum ir_type type, enum ir_type lane, unsigned attr,
             enum ir_type arg_type, uint64_t imm, const union ir_value *a, const union ir_value *b,
             const union ir_value *c, union ir_value *out, struct fp_status *fp)
{
    const struct eval_args e = {
        .op = op,
        .type = type,
        .lane = lane,
        .arg_type = arg_type,
        .attr = attr,
        .imm = imm,
        .a = a,
        .b = b,
        .c = c,
    };
    union ir_value r = {{0}};

    if (op <= IR_CRC32) {
        ir_eval_int(&e, &r);
    } else if (op <= IR_FLAGS_COND) {
        ir_eval_flags(&e, &r);
    } else if (op <= IR_FLAGS_UCOMI || (op >= IR_FADD && op <= IR_BFCVT)) {
        ir_eval_fp(op, type, lane, attr, arg_type, imm, a, b, c, out, fp);
        return;
    } else if (op >= IR_VADD && op <= IR_VBITREV) {
        ir_eval_vector(&e, &r);
    } else if (op >= IR_VAND && op <= IR_VREDUCE) {
        ir_eval_lanes(&e, &r);
    } else if (op >= IR_AESE && op <= IR_SHA512) {
        ir_eval_crypto(op, type, lane, attr, arg_type, imm, a, b, c, out, fp);
        return;
    } else {
        UNREACHABLE();
    }
    *out = r;
}

/* -- integers -------------------------------------------------------------------- */

static unsigned int_bits(enum ir_type t)
{
    return t == IR_I1 ? 1 : ir_type_size(t) * 8;
}

static uint64_t low_bits(uint64_t v, unsigned bits)
{
    return v & (~0ull >> (64 - bits));
}

static uint64_t reverse_bits(uint64_t v, unsigned bits)
{
    v = (v >> 1 & 0x5555555555555555u) | (v & 0x5555555555555555u) << 1;
    v = (v >> 2 & 0x3333333333333333u) | (v & 0x3333333333333333u) << 2;
    v = (v >> 4 & 0x0f0f0f0f0f0f0f0fu) | (v & 0x0f0f0f0f0f0f0f0fu) << 4;
    return __builtin_bswap64(v) >> (64 - bits);
}

/* Bits of the quotient or remainder; the divisor's and dividend's extremes as ops.def says. */
static uint64_t divide(enum ir_op op, uint64_t x, uint64_t y, int64_t sx, int64_t sy)
{
    switch (op) {
    case IR_UDIV: return y ? x / y : 0;
    case IR_UREM: return y ? x % y : x;
    case IR_SDIV: return sy == 0 ? 0 : sy == -1 ? -(uint64_t)sx : (uint64_t)(sx / sy);
    default: return sy == 0 ? (uint64_t)sx : sy == -1 ? 0 : (uint64_t)(sx % sy);
    }
}

/* The whole product's high `bits` bits, for bits <= 64. */
static uint64_t multiply_high(uint64_t x, uint64_t y, unsigned bits)
{
    return (uint64_t)((unsigned __int128)x * y >> bits);
}

static uint64_t multiply_high_signed(int64_t x, int64_t y, unsigned bits)
{
    return (uint64_t)((__int128)x * y >> bits);
}

static bool compare(enum ir_cc cc, uint64_t x, uint64_t y, int64_t sx, int64_t sy)
{
    switch (cc) {
    case IR_CC_E: return x == y;
    case IR_CC_NE: return x != y;
    case IR_CC_B: return x < y;
    case IR_CC_AE: return x >= y;
    case IR_CC_BE: return x <= y;
    case IR_CC_A: return x > y;
    case IR_CC_L: return sx < sy;
    case IR_CC_GE: return sx >= sy;
    case IR_CC_LE: return sx <= sy;
    case IR_CC_G: return sx > sy;
    default: UNREACHABLE();
    }
}

static uint32_t crc32(uint32_t crc, uint64_t data, unsigned bytes, bool castagnoli)
{
    const uint32_t poly = castagnoli ? 0x82f63b78u : 0xedb88320u; /* reflected */

    for (unsigned i = 0; i < bytes; i++) {
        crc ^= (uint32_t)(data >> (8 * i) & 0xff);
        for (unsigned k = 0; k < 8; k++)
            crc = crc >> 1 ^ (crc & 1 ? poly : 0);
    }
    return crc;
}

/* ZEXT, TRUNC and BITCAST differ only in which of the two types is larger: the smaller one's bytes
 * are kept, zeros above. */
static void convert(const struct eval_args *e, union ir_value *out)
{
    unsigned n = ir_type_size(e->arg_type), to = ir_type_size(e->type);

    memcpy(out, e->a, n < to ? n : to);
    if (e->type == IR_I1 || e->arg_type == IR_I1)
        out->u64[0] &= 1;
}

/* Operations whose result is not simply a number cut to the type. */
static bool eval_int_special(const struct eval_args *e, union ir_value *out)
{
    const union ir_value *from;

    switch (e->op) {
    case IR_ZEXT:
    case IR_TRUNC:
    case IR_BITCAST: convert(e, out); return true;
    case IR_SELECT:
        from = e->a->u8[0] & 1 ? e->b : e->c;
        memcpy(out, from, ir_type_size(e->type));
        return true;
    case IR_SEXT:
        out->s64[0] = sign_extend(e->a->u64[0], int_bits(e->arg_type));
        out->u64[0] = low_bits(out->u64[0], int_bits(e->type));
        return true;
    case IR_CRC32:
        out->u32[0] = crc32(e->a->u32[0], e->b->u64[0], ir_type_size(e->lane), e->attr & 1);
        return true;
    default: return false;
    }
}

static uint64_t eval_int_bits(const struct eval_args *e, uint64_t x, unsigned bits)
{
    unsigned pos = e->imm & 0xff, len = e->imm >> 8 & 0xff;
    uint64_t mask;

    switch (e->op) {
    case IR_CLZ: return x ? (uint64_t)__builtin_clzll(x) - (64 - bits) : bits;
    case IR_CTZ: return x ? (uint64_t)__builtin_ctzll(x) : bits;
    case IR_POPCNT: return (uint64_t)__builtin_popcountll(x);
    case IR_BSWAP: return __builtin_bswap64(x) >> (64 - bits);
    case IR_BITREV: return reverse_bits(x, bits);
    case IR_BFX: return bits_get(x, pos, len);
    case IR_BFXS: return (uint64_t)sign_extend(x >> pos, len);
    case IR_BFI:
        mask = (~0ull >> (64 - len)) << pos;
        return (x & ~mask) | (e->b->u64[0] << pos & mask);
    default: UNREACHABLE();
    }
}

/* Arguments an operation does not have may be NULL pointers. */
static const union ir_value nothing;

void ir_eval_int(const struct eval_args *e, union ir_value *out)
{
    const union ir_value *a = e->a, *b = e->b ? e->b : &nothing, *c = e->c ? e->c : &nothing;
    unsigned bits, sh;
    uint64_t x, y, r;
    int64_t sx, sy;

    if (eval_int_special(e, out))
        return;
    bits = int_bits(e->op == IR_CMP ? e->arg_type : e->type);
    x = low_bits(a->u64[0], bits);
    y = low_bits(b->u64[0], bits);
    sx = sign_extend(x, bits);
    sy = sign_extend(y, bits);
    sh = (unsigned)y & (bits - 1);

    switch (e->op) {
    case IR_ADD: r = x + y; break;
    case IR_SUB: r = x - y; break;
    case IR_ADC: r = x + y + !!(c->u32[0] & IR_FLAG_C); break;
    case IR_SBC: r = x - y - !!(c->u32[0] & IR_FLAG_C); break;
    case IR_NEG: r = -x; break;
    case IR_MUL: r = x * y; break;
    case IR_MULHU: r = multiply_high(x, y, bits); break;
    case IR_MULHS: r = multiply_high_signed(sx, sy, bits); break;
    case IR_UDIV:
    case IR_SDIV:
    case IR_UREM:
    case IR_SREM: r = divide(e->op, x, y, sx, sy); break;
    case IR_AND: r = x & y; break;
    case IR_OR: r = x | y; break;
    case IR_XOR: r = x ^ y; break;
    case IR_ANDN: r = x & ~y; break;
    case IR_NOT: r = ~x; break;
    case IR_SHL: r = x << sh; break;
    case IR_SHR: r = x >> sh; break;
    case IR_SAR: r = (uint64_t)(sx >> sh); break;
    case IR_ROR: r = sh ? x >> sh | x << (bits - sh) : x; break;
    case IR_EXTR: r = e->imm ? y >> e->imm | x << (bits - e->imm) : y; break;
    case IR_CMP: r = compare((enum ir_cc)e->attr, x, y, sx, sy); break;
    default: r = eval_int_bits(e, x, bits); break;
    }
    out->u64[0] = low_bits(r, e->op == IR_CMP ? 1 : bits);
}

/* -- flags ----------------------------------------------------------------------- */

static uint32_t flags_of_result(uint64_t r, unsigned bits)
{
    return (low_bits(r, bits) == 0 ? IR_FLAG_Z : 0) | (r >> (bits - 1) & 1 ? IR_FLAG_S : 0) |
           (__builtin_parity((unsigned)r & 0xff) ? 0 : IR_FLAG_P);
}

/* Of x + y + carry; x and y are zero-extended. */
static uint32_t flags_add(uint64_t x, uint64_t y, unsigned carry, unsigned bits)
{
    unsigned __int128 wide = (unsigned __int128)x + y + carry;
    uint64_t r = (uint64_t)wide;

    return flags_of_result(r, bits) | ((uint64_t)(wide >> bits) & 1 ? IR_FLAG_C : 0) |
           (((x ^ r) & (y ^ r)) >> (bits - 1) & 1 ? IR_FLAG_O : 0) |
           ((x ^ y ^ r) & 0x10 ? IR_FLAG_A : 0);
}

/* Of x - y - borrow. */
static uint32_t flags_sub(uint64_t x, uint64_t y, unsigned borrow, unsigned bits)
{
    uint64_t r = x - y - borrow;

    return flags_of_result(r, bits) | (x < y || (x == y && borrow) ? IR_FLAG_C : 0) |
           (((x ^ y) & (x ^ r)) >> (bits - 1) & 1 ? IR_FLAG_O : 0) |
           ((x ^ y ^ r) & 0x10 ? IR_FLAG_A : 0);
}

void ir_eval_flags(const struct eval_args *e, union ir_value *out)
{
    const union ir_value *b = e->b ? e->b : &nothing;
    unsigned bits = ir_type_is_int(e->arg_type) ? int_bits(e->arg_type) : 32;
    uint64_t x = low_bits(e->a->u64[0], bits), y = low_bits(b->u64[0], bits);
    uint32_t f = (uint32_t)x, r; /* x when it is a flags value */

    switch (e->op) {
    case IR_FLAGS_ADD: r = flags_add(x, y, 0, bits); break;
    case IR_FLAGS_ADC: r = flags_add(x, y, !!(e->c->u32[0] & IR_FLAG_C), bits); break;
    case IR_FLAGS_SUB: r = flags_sub(x, y, 0, bits); break;
    case IR_FLAGS_SBC: r = flags_sub(x, y, !!(e->c->u32[0] & IR_FLAG_C), bits); break;
    case IR_FLAGS_LOGIC: r = flags_of_result(x, bits); break;
    case IR_FLAGS_CMC: r = f ^ IR_FLAG_C; break;
    case IR_FLAGS_MERGE: r = (f & ~(uint32_t)e->imm) | (b->u32[0] & (uint32_t)e->imm); break;
    case IR_FLAGS_PACK:
    case IR_FLAGS_BITS: r = f; break;
    case IR_FLAGS_COND: out->u64[0] = ir_cc_holds((enum ir_cc)(e->attr & 15), f); return;
    default: UNREACHABLE();
    }
    out->u32[0] = r & IR_FLAG_ALL;
}
