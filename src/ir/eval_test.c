/* Tests of the evaluator against what is not the evaluator: definitions bit by bit, values from the
 * manuals, and on x86-64 the processor itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ir/eval.h"
#include "ir/random_unit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 2000

static union ir_value eval(enum ir_op op, enum ir_type t, enum ir_type lane, unsigned attr,
                           enum ir_type arg, uint64_t imm, const union ir_value *a,
                           const union ir_value *b, const union ir_value *c)
{
    union ir_value out;

    memset(&out, 0xa5, sizeof(out));
    ir_eval(op, t, lane, attr, arg, imm, a, b, c, &out, NULL);
    return out;
}

/* One operation on integers; garbage above the type in every argument. */
static uint64_t int_op(enum ir_op op, enum ir_type t, uint64_t a, uint64_t b, uint64_t imm)
{
    const union ir_value va = {{a, ~0ull, 3, 4}}, vb = {{b, 5, ~0ull, 6}};
    union ir_value r = eval(op, t, IR_VOID, 0, t, imm, &va, &vb, NULL);

    assert_int_equal(r.u64[1] | r.u64[2] | r.u64[3], 0);
    return r.u64[0];
}

static uint64_t flags_op(enum ir_op op, enum ir_type t, uint64_t a, uint64_t b, uint32_t carry_in)
{
    const union ir_value va = {{a}}, vb = {{b}}, vc = {{carry_in}};
    return eval(op, IR_FLAGS, IR_VOID, 0, t, 0, &va, &vb, &vc).u64[0];
}

/* -- integers, bit by bit -------------------------------------------------------- */

static unsigned bit(uint64_t v, unsigned i)
{
    return v >> i & 1;
}

/* A ripple-carry adder; the carries into and out of the top bit too. */
static uint64_t add_bits(uint64_t a, uint64_t b, unsigned carry, unsigned bits, unsigned *into,
                         unsigned *out, unsigned *half)
{
    uint64_t r = 0;

    for (unsigned i = 0; i < bits; i++) {
        unsigned sum = bit(a, i) + bit(b, i) + carry;
        *into = carry;
        r |= (uint64_t)(sum & 1) << i;
        carry = sum >> 1;
        if (i == 3)
            *half = carry;
    }
    *out = carry;
    return r;
}

static uint32_t flags_bits(uint64_t r, unsigned bits, bool o, bool c, bool half)
{
    unsigned ones = 0;

    for (unsigned i = 0; i < 8; i++)
        ones += bit(r, i);
    return (o ? 1u : 0) | (c ? 0x100u : 0) | (ones % 2 ? 0 : 0x400u) | (half ? 0x1000u : 0) |
           (r ? 0 : 0x4000u) | (bit(r, bits - 1) ? 0x8000u : 0);
}

static void check_sums(enum ir_type t, uint64_t a, uint64_t b, unsigned carry)
{
    unsigned bits = ir_type_size(t) * 8, into = 0, out = 0, half = 0;
    uint64_t mask = ~0ull >> (64 - bits), r;
    const union ir_value va = {{a}}, vb = {{b}}, vc = {{carry ? 0x4100u : 0x4400u}};

    r = add_bits(a, b, 0, bits, &into, &out, &half);
    assert_int_equal(int_op(IR_ADD, t, a, b, 0), r);
    assert_int_equal(flags_op(IR_FLAGS_ADD, t, a, b, 0),
                     flags_bits(r, bits, into != out, out, half));
    r = add_bits(a, b, carry, bits, &into, &out, &half);
    assert_int_equal(eval(IR_ADC, t, IR_VOID, 0, t, 0, &va, &vb, &vc).u64[0], r);
    assert_int_equal(flags_op(IR_FLAGS_ADC, t, a, b, vc.u32[0]),
                     flags_bits(r, bits, into != out, out, half));
    r = add_bits(a, ~b & mask, 1, bits, &into, &out, &half);
    assert_int_equal(int_op(IR_SUB, t, a, b, 0), r);
    assert_int_equal(flags_op(IR_FLAGS_SUB, t, a, b, 0),
                     flags_bits(r, bits, into != out, !out, !half));
    r = add_bits(a, ~b & mask, !carry, bits, &into, &out, &half);
    assert_int_equal(eval(IR_SBC, t, IR_VOID, 0, t, 0, &va, &vb, &vc).u64[0], r);
    assert_int_equal(flags_op(IR_FLAGS_SBC, t, a, b, vc.u32[0]),
                     flags_bits(r, bits, into != out, !out, !half));
    assert_int_equal(flags_op(IR_FLAGS_LOGIC, t, a, 0, 0), flags_bits(a & mask, bits, 0, 0, 0));
}

static void check_bits(enum ir_type t, uint64_t a, uint64_t b, unsigned pos, unsigned len)
{
    unsigned bits = ir_type_size(t) * 8, sh = (unsigned)(b % bits), clz = 0, ctz = 0, ones = 0;
    uint64_t mask = ~0ull >> (64 - bits), shl = 0, shr = 0, sar = 0, ror = 0, rev = 0, swap = 0,
             bfx = 0, bfi = a & mask;

    while (clz < bits && !bit(a, bits - 1 - clz))
        clz++;
    while (ctz < bits && !bit(a, ctz))
        ctz++;
    for (unsigned i = 0; i < bits; i++) {
        uint64_t one = (uint64_t)1 << i;
        ones += bit(a, i);
        shl |= i >= sh && bit(a, i - sh) ? one : 0;
        shr |= i + sh < bits && bit(a, i + sh) ? one : 0;
        sar |= bit(a, i + sh < bits ? i + sh : bits - 1) ? one : 0;
        ror |= bit(a, (i + sh) % bits) ? one : 0;
        rev |= bit(a, bits - 1 - i) ? one : 0;
        swap |= bit(a, bits - 8 - i / 8 * 8 + i % 8) ? one : 0;
        bfx |= i < len && bit(a, pos + i) ? one : 0;
        if (i >= pos && i < pos + len)
            bfi = (bfi & ~one) | (bit(b, i - pos) ? one : 0);
    }
    assert_int_equal(int_op(IR_CLZ, t, a, 0, 0), clz);
    assert_int_equal(int_op(IR_CTZ, t, a, 0, 0), ctz);
    assert_int_equal(int_op(IR_POPCNT, t, a, 0, 0), ones);
    assert_int_equal(int_op(IR_SHL, t, a, b, 0), shl);
    assert_int_equal(int_op(IR_SHR, t, a, b, 0), shr);
    assert_int_equal(int_op(IR_SAR, t, a, b, 0), sar);
    assert_int_equal(int_op(IR_ROR, t, a, b, 0), ror);
    assert_int_equal(int_op(IR_EXTR, t, a, a, sh), ror);
    assert_int_equal(int_op(IR_EXTR, t, 0, a, sh), shr);
    assert_int_equal(int_op(IR_BITREV, t, a, 0, 0), rev);
    assert_int_equal(int_op(IR_BSWAP, t, a, 0, 0), swap);
    assert_int_equal(int_op(IR_BFX, t, a, 0, pos | len << 8), bfx);
    if (bit(bfx, len - 1))
        bfx |= len < bits ? ~0ull << len & mask : 0;
    assert_int_equal(int_op(IR_BFXS, t, a, 0, pos | len << 8), bfx);
    assert_int_equal(int_op(IR_BFI, t, a, b, pos | len << 8), bfi);
    assert_int_equal(int_op(IR_ANDN, t, a, b, 0), a & ~b & mask);
    assert_int_equal(int_op(IR_NOT, t, a, 0, 0), ~a & mask);
}

/* Schoolbook multiplication into a double-width product, in bits. */
static void check_product(enum ir_type t, uint64_t a, uint64_t b)
{
    unsigned bits = ir_type_size(t) * 8;
    uint64_t mask = ~0ull >> (64 - bits), lo = 0, hi = 0, shi;

    for (unsigned i = 0; i < bits; i++) {
        unsigned into, out, half;
        if (!bit(b, i))
            continue;
        lo = add_bits(lo, a << i & mask, 0, bits, &into, &out, &half);
        hi = (hi + (i ? (a & mask) >> (bits - i) : 0) + out) & mask;
    }
    shi = hi - (bit(a, bits - 1) ? b : 0) - (bit(b, bits - 1) ? a : 0);
    assert_int_equal(int_op(IR_MUL, t, a, b, 0), lo);
    assert_int_equal(int_op(IR_MULHU, t, a, b, 0), hi);
    assert_int_equal(int_op(IR_MULHS, t, a, b, 0), shi & mask);
}

static void test_integers(void **state)
{
    uint64_t seed = 7;

    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned t = IR_I8; t <= IR_I64; t++) {
            uint64_t a = random_edge(&seed), b = random_edge(&seed);
            unsigned bits = ir_type_size((enum ir_type)t) * 8, pos = random_below(&seed, bits);
            check_sums((enum ir_type)t, a, b, random_below(&seed, 2));
            check_bits((enum ir_type)t, a, b, pos, 1 + random_below(&seed, bits - pos));
            check_product((enum ir_type)t, a, b);
        }
    }
}

static void test_division(void **state)
{
    static const struct {
        enum ir_op op;
        enum ir_type t;
        uint64_t a, b, want;
    } cases[] = {
        {IR_UDIV, IR_I32, 0xffffffff, 7, 613566756},
        {IR_UDIV, IR_I64, 5, 0, 0},
        {IR_UREM, IR_I64, 5, 0, 5},
        {IR_SDIV, IR_I8, 0x80, 0xff, 0x80},
        {IR_SREM, IR_I8, 0x80, 0xff, 0},
        {IR_SDIV, IR_I32, 0x80000000, 0xffffffff, 0x80000000},
        {IR_SDIV, IR_I64, 1ull << 63, ~0ull, 1ull << 63},
        {IR_SREM, IR_I64, 1ull << 63, ~0ull, 0},
        {IR_SDIV, IR_I16, 0xfff9, 2, 0xfffd}, /* -7 / 2 = -3 */
        {IR_SREM, IR_I16, 0xfff9, 2, 0xffff}, /* -1 */
        {IR_SDIV, IR_I64, 7, (uint64_t)-2, (uint64_t)-3},
        {IR_SREM, IR_I64, 7, (uint64_t)-2, 1},
        {IR_SDIV, IR_I32, 123, 0, 0},
        {IR_SREM, IR_I32, 123, 0, 123},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(int_op(cases[i].op, cases[i].t, cases[i].a, cases[i].b, 0), cases[i].want);
}

static void test_compare(void **state)
{
    /* u: unsigned order, s: signed order of a and b: -1 0 1 */
    static const struct {
        uint64_t a, b;
        int u, s;
    } pairs[] = {
        {1, 1, 0, 0}, {0xff, 1, 1, -1}, {0x80, 0x7f, 1, -1}, {3, 5, -1, -1}, {0xfe, 0xff, -1, -1}};

    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        int u = pairs[i].u, s = pairs[i].s;
        const struct {
            enum ir_cc cc;
            bool want;
        } all[] = {{IR_CC_E, u == 0},  {IR_CC_NE, u != 0}, {IR_CC_B, u < 0}, {IR_CC_AE, u >= 0},
                   {IR_CC_BE, u <= 0}, {IR_CC_A, u > 0},   {IR_CC_L, s < 0}, {IR_CC_GE, s >= 0},
                   {IR_CC_LE, s <= 0}, {IR_CC_G, s > 0}};
        for (size_t k = 0; k < ARRAY_LEN(all); k++) {
            const union ir_value a = {{pairs[i].a | 0x4200}}, b = {{pairs[i].b | 0x8100}};
            assert_int_equal(eval(IR_CMP, IR_I1, IR_VOID, all[k].cc, IR_I8, 0, &a, &b, NULL).u64[0],
                             all[k].want);
            assert_int_equal(ir_cc_holds(all[k].cc, (uint32_t)flags_op(IR_FLAGS_SUB, IR_I8,
                                                                       a.u64[0], b.u64[0], 0)),
                             all[k].want);
        }
    }
}

/* -- single values --------------------------------------------------------------- */

struct value_case {
    enum ir_op op;
    enum ir_type t, lane;
    unsigned attr;
    enum ir_type arg;
    uint64_t imm;
    uint64_t a[2], b[2], c[2], want[2];
};

/* clang-format off */
static const struct value_case value_cases[] = {
    /* conversions */
    {IR_ZEXT, IR_I64, 0, 0, IR_I8, 0, {0xfff0}, {0}, {0}, {0xf0}},
    {IR_ZEXT, IR_I32, 0, 0, IR_I1, 0, {1}, {0}, {0}, {1}},
    {IR_ZEXT, IR_V128, 0, 0, IR_F32, 0, {~0ull, ~0ull}, {0}, {0}, {0xffffffff, 0}},
    {IR_SEXT, IR_I32, 0, 0, IR_I8, 0, {0xff80}, {0}, {0}, {0xffffff80}},
    {IR_SEXT, IR_I64, 0, 0, IR_I1, 0, {1}, {0}, {0}, {~0ull}},
    {IR_TRUNC, IR_I16, 0, 0, IR_I64, 0, {0x123456}, {0}, {0}, {0x3456}},
    {IR_TRUNC, IR_I1, 0, 0, IR_I64, 0, {0x1234567}, {0}, {0}, {1}},
    {IR_TRUNC, IR_F64, 0, 0, IR_V128, 0, {5, 6}, {0}, {0}, {5}},
    {IR_BITCAST, IR_I32, 0, 0, IR_F32, 0, {0xff3f800000}, {0}, {0}, {0x3f800000}},
    {IR_SELECT, IR_V128, 0, 0, IR_I1, 0, {1}, {1, 2}, {3, 4}, {1, 2}},
    {IR_SELECT, IR_I8, 0, 0, IR_I1, 0, {0xfe}, {1, 2}, {0x103, 4}, {3}},
    /* "123456789" gives 0xcbf43926 and 0xe3069283, with inversions before and after */
    {IR_CRC32, IR_I32, IR_I64, 0, IR_I32, 0, {0xffffffff}, {0x3837363534333231}, {0}, {0x9ae0daaf ^ 0xffffffff}},
    {IR_CRC32, IR_I32, IR_I8, 0, IR_I32, 0, {0x9ae0daaf ^ 0xffffffff}, {0x39}, {0}, {0xcbf43926 ^ 0xffffffff}},
    {IR_CRC32, IR_I32, IR_I64, 1, IR_I32, 0, {0xffffffff}, {0x3837363534333231}, {0}, {0x6087809a ^ 0xffffffff}},
    {IR_CRC32, IR_I32, IR_I8, 1, IR_I32, 0, {0x6087809a ^ 0xffffffff}, {0x39}, {0}, {0xe3069283 ^ 0xffffffff}},
    /* flags */
    {IR_FLAGS_CMC, IR_FLAGS, 0, 0, IR_FLAGS, 0, {0x4100}, {0}, {0}, {0x4000}},
    {IR_FLAGS_MERGE, IR_FLAGS, 0, 0, IR_FLAGS, 0x0101, {0xd500}, {0x4001}, {0}, {0xd401}},
    {IR_FLAGS_PACK, IR_FLAGS, 0, 0, IR_I32, 0, {0xffffffff}, {0}, {0}, {0xd501}},
    {IR_FLAGS_BITS, IR_I32, 0, 0, IR_FLAGS, 0, {0x9001}, {0}, {0}, {0x9001}},
    {IR_FLAGS_COND, IR_I1, 0, IR_CC_BE, IR_FLAGS, 0, {0x0100}, {0}, {0}, {1}},
    {IR_FLAGS_COND, IR_I1, 0, IR_CC_G, IR_FLAGS, 0, {0x8001}, {0}, {0}, {1}},
    /* saturation */
    {IR_VADDS, IR_V64, IR_I8, 1, IR_V64, 0, {0x7f80017f00ff8001}, {0x0180ff7f00018001}, {0}, {0x7f80007f00008002}},
    {IR_VADDS, IR_V64, IR_I8, 0, IR_V64, 0, {0x7f80017f00ff8001}, {0x0180ff7f00018001}, {0}, {0x80fffffe00ffff02}},
    {IR_VSUBS, IR_V128, IR_I64, 1, IR_V128, 0, {1ull << 63, 5}, {1, 7}, {0}, {1ull << 63, (uint64_t)-2}},
    {IR_VSUBS, IR_V128, IR_I64, 0, IR_V128, 0, {3, 9}, {5, 2}, {0}, {0, 7}},
    {IR_VADDS, IR_V128, IR_I64, 0, IR_V128, 0, {~0ull, 1}, {1, 2}, {0}, {~0ull, 3}},
    {IR_VADDS, IR_V128, IR_I64, 1, IR_V128, 0, {~0ull >> 1, 1}, {1, 2}, {0}, {~0ull >> 1, 3}},
    /* halving: SHADD of -1 and 0 is -1, SRHADD 0; UHADD of ff and fe is fe */
    {IR_VAVG, IR_V64, IR_I8, 1, IR_V64, 0, {0xff}, {0x00}, {0}, {0xff}},
    {IR_VAVG, IR_V64, IR_I8, 1, IR_V64, 1, {0xff}, {0x00}, {0}, {0x00}},
    {IR_VAVG, IR_V64, IR_I8, 0, IR_V64, 0, {0xff}, {0xfe}, {0}, {0xfe}},
    {IR_VABD, IR_V64, IR_I16, 1, IR_V64, 0, {0x8000}, {0x7fff}, {0}, {0xffff}},
    {IR_VABS, IR_V64, IR_I16, 0, IR_V64, 0, {0x8000ffff7fff0001}, {0}, {0}, {0x800000017fff0001}},
    /* multiplication */
    {IR_VMUL, IR_V128, IR_I64, 0, IR_V128, 0, {0x100000001, 3}, {0x100000001, (uint64_t)-5}, {0}, {0x200000001, (uint64_t)-15}},
    {IR_VMULH, IR_V64, IR_I16, 1, IR_V64, 0, {0xffff8000}, {0x00018000}, {0}, {0xffff4000}},
    {IR_VMULH, IR_V64, IR_I16, 0, IR_V64, 0, {0xffff8000}, {0x00018000}, {0}, {0x00004000}},
    {IR_VMULL, IR_V128, IR_I16, 1, IR_V128, 1, {0, 0xffff}, {0, 5}, {0}, {0xfffffffb}},
    {IR_VMULL, IR_V128, IR_I16, 0, IR_V128, 0, {0xffff, 9}, {0xffff, 9}, {0}, {0xfffe0001}},
    {IR_VPMUL, IR_V64, IR_I8, 0, IR_V64, 0, {0x03ff}, {0x03ff}, {0}, {0x0555}},
    {IR_VPMULL, IR_V128, IR_I8, 0, IR_V128, 0, {0xff}, {0xff}, {0}, {0x5555}},
    {IR_VPMULL, IR_V128, IR_I64, 0, IR_V128, 1, {0, ~0ull}, {0, 3}, {0}, {1, 1}},
    {IR_VQDMULH, IR_V64, IR_I16, 0, IR_V64, 0, {0x40008000}, {0x40008000}, {0}, {0x20007fff}},
    {IR_VQDMULH, IR_V64, IR_I16, 0, IR_V64, 1, {0x00017fff}, {0x40007fff}, {0}, {0x00017ffe}},
    {IR_VQDMULH, IR_V64, IR_I32, 0, IR_V64, 0, {0x80000000}, {0x80000000}, {0}, {0x7fffffff}},
    {IR_VDOT, IR_V64, IR_I8, 3, IR_V64, 0, {10}, {0x00ff02ff}, {0x05040302}, {10 - 2 + 6 - 4}},
    {IR_VDOT, IR_V64, IR_I8, 0, IR_V64, 0, {1}, {0xffffffff}, {0xffffffff}, {1 + 4 * 255 * 255}},
    {IR_VDOT, IR_V64, IR_I8, 2, IR_V64, 0, {0}, {0xff}, {0xff}, {(uint32_t)-255}},
    {IR_VMMLA, IR_V128, IR_I8, 3, IR_V128, 0, {0x100000000, 0x300000002}, {1, 0x0200000000000000}, {0xff, 0x0400000000000003},
     {0x4ffffffff, 0xb00000002}},
    /* comparisons and shifts */
    {IR_VCMP, IR_V64, IR_I8, IR_CC_G, IR_V64, 0, {0x017f80ff}, {0x01807fff}, {0}, {0x00ff0000}},
    {IR_VCMP, IR_V64, IR_I8, IR_CC_A, IR_V64, 0, {0x017f80ff}, {0x01807fff}, {0}, {0x0000ff00}},
    {IR_VCMP, IR_V64, IR_I8, IR_CC_AE, IR_V64, 0, {0x017f80ff}, {0x01807fff}, {0}, {0xffffffffff00ffff}},
    {IR_VSHLI, IR_V64, IR_I16, 0, IR_V64, 15, {0x0001000200030004}, {0}, {0}, {0x8000000080000000}},
    {IR_VSHRI, IR_V64, IR_I16, 1, IR_V64, 16, {0x80007fff}, {0}, {0}, {0xffff0000}},
    {IR_VSHRI, IR_V64, IR_I16, 0, IR_V64, 16, {0x80007fff}, {0}, {0}, {0}},
    {IR_VSHRI, IR_V128, IR_I64, 1, IR_V128, 64, {1ull << 63, 1}, {0}, {0}, {~0ull, 0}},
    /* SSHL, USHL, SRSHL, SQSHL, UQSHL, SQRSHL on bytes */
    {IR_VSHLV, IR_V64, IR_I8, 1, IR_V64, 0, {0x8080ff4081}, {0xf8ff810201}, {0}, {0xffc0ff0002}},
    {IR_VSHLV, IR_V64, IR_I8, 0, IR_V64, 0, {0x8080ff4081}, {0xf8ff810201}, {0}, {0x0040000002}},
    {IR_VSHLV, IR_V64, IR_I8, 3, IR_V64, 0, {0xff80ff03}, {0xfff9f8ff}, {0}, {0x00ff0002}},
    {IR_VSHLV, IR_V64, IR_I8, 2, IR_V64, 0, {0xff80ff03}, {0xfff8f7ff}, {0}, {0x80010002}},
    {IR_VSHLV, IR_V64, IR_I8, 5, IR_V64, 0, {0x400080ff01c03f}, {0x017f010808ff01}, {0}, {0x7f0080807fe07e}},
    {IR_VSHLV, IR_V64, IR_I8, 4, IR_V64, 0, {0x8000017f}, {0x017f7f01}, {0}, {0xff00fffe}},
    {IR_VSHLV, IR_V128, IR_I64, 1, IR_V128, 0, {~0ull, 3}, {64, 0xc0}, {0}, {0, 0}},
    {IR_VSHLV, IR_V128, IR_I64, 2, IR_V128, 0, {~0ull, 3}, {0xc0, 0xbf}, {0}, {1, 0}},
    {IR_VPOPCNT, IR_V64, IR_I8, 0, IR_V64, 0, {0xff00017f}, {0}, {0}, {0x08000107}},
    {IR_VCLZ, IR_V64, IR_I16, 0, IR_V64, 0, {0x0000000180007fff}, {0}, {0}, {0x0010000f00000001}},
    {IR_VBITREV, IR_V64, IR_I8, 0, IR_V64, 0, {0x01800ff0}, {0}, {0}, {0x8001f00f}},
    /* bits and lanes */
    {IR_VANDN, IR_V128, 0, 0, IR_V128, 0, {0xff, 0xf0}, {0x0f, 0xff}, {0}, {0xf0, 0}},
    {IR_VSEL, IR_V128, 0, 0, IR_V128, 0, {0xf0, 0}, {0x12, 1}, {0x34, 2}, {0x14, 2}},
    {IR_VNOT, IR_V64, 0, 0, IR_V64, 0, {0, 7}, {0}, {0}, {~0ull, 0}},
    {IR_VDUP, IR_V128, IR_I16, 0, IR_I32, 0, {0x12345678}, {0}, {0}, {0x5678567856785678, 0x5678567856785678}},
    {IR_VDUP, IR_V64, IR_F32, 0, IR_F32, 0, {0x3f800000}, {0}, {0}, {0x3f8000003f800000}},
    {IR_VDUPL, IR_V64, IR_I32, 0, IR_V128, 3, {1, 0x700000000}, {0}, {0}, {0x0000000700000007}},
    {IR_VINS, IR_V128, IR_I8, 0, IR_V128, 9, {~0ull, ~0ull}, {0x1234}, {0}, {~0ull, 0xffffffffffff34ff}},
    {IR_VINSL, IR_V128, IR_I32, 0, IR_V128, 1 | 2 << 8, {1, 2}, {3, 0x900000004}, {0}, {0x400000001, 2}},
    {IR_VEXT, IR_I64, IR_I16, 0, IR_V128, 5, {0, 0x80010000}, {0}, {0}, {0x8001}},
    {IR_VEXT, IR_F32, IR_F32, 0, IR_V128, 1, {0x4000000000000000, 0}, {0}, {0}, {0x40000000}},
    {IR_VEXTS, IR_I32, IR_I16, 0, IR_V128, 5, {0, 0x80010000}, {0}, {0}, {0xffff8001}},
    {IR_VZIP, IR_V64, IR_I8, 0, IR_V64, 0, {0x0706050403020100}, {0x1716151413121110}, {0}, {0x1303120211011000}},
    {IR_VZIP, IR_V64, IR_I8, 0, IR_V64, 1, {0x0706050403020100}, {0x1716151413121110}, {0}, {0x1707160615051404}},
    {IR_VUZP, IR_V64, IR_I8, 0, IR_V64, 0, {0x0706050403020100}, {0x1716151413121110}, {0}, {0x1614121006040200}},
    {IR_VUZP, IR_V64, IR_I8, 0, IR_V64, 1, {0x0706050403020100}, {0x1716151413121110}, {0}, {0x1715131107050301}},
    {IR_VTRN, IR_V64, IR_I8, 0, IR_V64, 0, {0x0706050403020100}, {0x1716151413121110}, {0}, {0x1606140412021000}},
    {IR_VTRN, IR_V64, IR_I8, 0, IR_V64, 1, {0x0706050403020100}, {0x1716151413121110}, {0}, {0x1707150513031101}},
    {IR_VSHUF, IR_V128, IR_I32, 0, IR_V128, 0x2d, {0x0000000100000000, 0x0000000300000002}, {0x0000000500000004, 0x0000000700000006}, {0}, {0x0000000300000001, 0x0000000400000006}},
    {IR_VSHUF, IR_V128, IR_I64, 0, IR_V128, 1, {1, 2}, {3, 4}, {0}, {2, 3}},
    {IR_VREV, IR_V64, IR_I8, 0, IR_V64, 4, {0x0706050403020100}, {0}, {0}, {0x0405060700010203}},
    {IR_VREV, IR_V128, IR_I16, 0, IR_V128, 8, {0x0706050403020100, 1}, {0}, {0}, {0x0100030205040706, 1ull << 48}},
    {IR_VEXTR, IR_V128, IR_I8, 0, IR_V128, 3, {0x0706050403020100, 0x0f0e0d0c0b0a0908}, {0x1716151413121110, 0}, {0},
     {0x0a09080706050403, 0x1211100f0e0d0c0b}},
    {IR_VTBL, IR_V64, 0, 0, IR_V128, 0, {0x0706050403020100, 0xff0e0d0c0b0a0908}, {0xff10070f00010203}, {0x8877665544332211},
     {0x887707ff00010203}},
    {IR_VTBL, IR_V64, 0, 0, IR_V128, 1, {0x0706050403020100, 0xff0e0d0c0b0a0908}, {0xff10071f0001021f}, {0x8877665544332211},
     {0x880066ff443322ff}},
    {IR_VCONCAT, IR_V128, 0, 0, IR_V64, 0, {5}, {6}, {0}, {5, 6}},
    {IR_VHIGH, IR_V64, 0, 0, IR_V128, 0, {5, 6}, {0}, {0}, {6}},
    {IR_VWIDEN, IR_V128, IR_I8, 1, IR_V128, 1, {0, 0x80ff7f0100000002}, {0}, {0}, {0x2, 0xff80ffff007f0001}},
    {IR_VWIDEN, IR_V128, IR_I32, 0, IR_V64, 0, {0x80000000ffffffff}, {0}, {0}, {0xffffffff, 0x80000000}},
    {IR_VNARROW, IR_V64, IR_I8, IR_NARROW_TRUNC, IR_V128, 0, {0x0180ff8001ff00ff}, {0}, {0}, {0x8080ffff}},
    {IR_VNARROW, IR_V64, IR_I8, IR_NARROW_SS, IR_V128, 0, {0x0180ff8001ff00ff}, {0}, {0}, {0x7f807f7f}},
    {IR_VNARROW, IR_V64, IR_I8, IR_NARROW_SU, IR_V128, 0, {0x0180ff8001ff00ff}, {0}, {0}, {0xff00ffff}},
    {IR_VNARROW, IR_V64, IR_I8, IR_NARROW_UU, IR_V128, 0, {0x0180ff8001ff00ff}, {0}, {0}, {0xffffffff}},
    {IR_VNARROW, IR_V64, IR_I32, IR_NARROW_SS, IR_V128, 0, {1ull << 63, 1ull << 31}, {0}, {0}, {0x7fffffff80000000}},
    {IR_VPADD, IR_V64, IR_I16, 0, IR_V64, 0, {0x0004000300020001}, {0xffff000100100020}, {0}, {0x0000003000070003}},
    {IR_VPMIN, IR_V64, IR_I16, 1, IR_V64, 0, {0x00048003ffff0001}, {0xffff000100100020}, {0}, {0xffff00108003ffff}},
    {IR_VPMAX, IR_V64, IR_I16, 0, IR_V64, 0, {0x00048003ffff0001}, {0xffff000100100020}, {0}, {0xffff00208003ffff}},
    {IR_VPADDL, IR_V64, IR_I8, 1, IR_V64, 0, {0x80ff7f7f0102ff01}, {0}, {0}, {0xff7f00fe00030000}},
    {IR_VPADDL, IR_V64, IR_I8, 0, IR_V64, 0, {0x80ff7f7f0102ff01}, {0}, {0}, {0x017f00fe00030100}},
    {IR_VREDUCE, IR_I32, IR_I8, IR_REDUCE_ADD, IR_V64, 0, {0x80ff7f7f0102ff01}, {0}, {0}, {0x80}},
    {IR_VREDUCE, IR_I64, IR_I8, IR_REDUCE_SMAX, IR_V64, 0, {0x80ff7f7f0102ff01}, {0}, {0}, {0x7f}},
    {IR_VREDUCE, IR_I64, IR_I8, IR_REDUCE_SMIN, IR_V64, 0, {0x80ff7f7f0102ff01}, {0}, {0}, {0x80}},
    {IR_VREDUCE, IR_I8, IR_I8, IR_REDUCE_UMAX, IR_V64, 0, {0x80ff7f7f0102ff01}, {0}, {0}, {0xff}},
    {IR_VREDUCE, IR_I16, IR_I16, IR_REDUCE_UMIN, IR_V128, 0, {0x80ff7f7f0102ff01, 0x9000900090009000}, {0}, {0}, {0x0102}},
};
/* clang-format on */

static void test_values(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(value_cases); i++) {
        const struct value_case *k = &value_cases[i];
        const union ir_value a = {{k->a[0], k->a[1]}}, b = {{k->b[0], k->b[1]}},
                             c = {{k->c[0], k->c[1]}};
        union ir_value r = eval(k->op, k->t, k->lane, k->attr, k->arg, k->imm, &a, &b, &c);

        if (r.u64[0] != k->want[0] || r.u64[1] != k->want[1] || r.u64[2] || r.u64[3])
            fail_msg("case %zu, %s: %016llx %016llx, not %016llx %016llx", i,
                     ir_op_info[k->op].name, (unsigned long long)r.u64[1],
                     (unsigned long long)r.u64[0], (unsigned long long)k->want[1],
                     (unsigned long long)k->want[0]);
    }
    print_message("%zu values\n", ARRAY_LEN(value_cases));
}

/* Operations on lanes alone give for V256 what they give for its halves. */
static void test_wide(void **state)
{
    static const enum ir_op ops[] = {IR_VADD,  IR_VSUB, IR_VMUL,  IR_VNEG, IR_VABS,  IR_VADDS,
                                     IR_VSUBS, IR_VMIN, IR_VMAX,  IR_VABD, IR_VSHLV, IR_VAND,
                                     IR_VOR,   IR_VXOR, IR_VANDN, IR_VNOT, IR_VSEL};
    uint64_t seed = 3;

    for (unsigned i = 0; i < ROUNDS; i++) {
        enum ir_op op = ops[random_below(&seed, ARRAY_LEN(ops))];
        enum ir_type lane = (enum ir_type)(IR_I8 + random_below(&seed, 4));
        union ir_value v[3], low[3] = {{{0}}}, high[3] = {{{0}}}, r, rl, rh;
        unsigned attr = random_below(&seed, 2);

        for (unsigned k = 0; k < 3; k++) {
            for (unsigned w = 0; w < 4; w++)
                v[k].u64[w] = random_edge(&seed);
            memcpy(&low[k], &v[k], 16);
            memcpy(&high[k], &v[k].u64[2], 16);
        }
        r = eval(op, IR_V256, lane, attr, IR_V256, 0, &v[0], &v[1], &v[2]);
        rl = eval(op, IR_V128, lane, attr, IR_V128, 0, &low[0], &low[1], &low[2]);
        rh = eval(op, IR_V128, lane, attr, IR_V128, 0, &high[0], &high[1], &high[2]);
        assert_memory_equal(&r, &rl, 16);
        assert_memory_equal(&r.u64[2], &rh, 16);
        rl = eval(op, IR_V64, lane, attr, IR_V64, 0, &v[0], &v[1], &v[2]);
        assert_int_equal(rl.u64[0], r.u64[0]);
        assert_int_equal(rl.u64[1], 0);
    }
}

/* -- against the processor ------------------------------------------------------- */

#if defined(__x86_64__)
#include <immintrin.h>

__attribute__((target("sse4.2,ssse3,pclmul"))) static __m128i host_op(unsigned which, __m128i a,
                                                                      __m128i b)
{
    switch (which) {
    case 0: return _mm_adds_epi8(a, b);
    case 1: return _mm_adds_epu16(a, b);
    case 2: return _mm_subs_epi16(a, b);
    case 3: return _mm_subs_epu8(a, b);
    case 4: return _mm_avg_epu8(a, b);
    case 5: return _mm_avg_epu16(a, b);
    case 6: return _mm_min_epi8(a, b);
    case 7: return _mm_max_epi32(a, b);
    case 8: return _mm_min_epu16(a, b);
    case 9: return _mm_max_epu32(a, b);
    case 10: return _mm_mulhi_epi16(a, b);
    case 11: return _mm_mulhi_epu16(a, b);
    case 12: return _mm_mullo_epi32(a, b);
    case 13: return _mm_cmpgt_epi64(a, b);
    case 14: return _mm_cmpeq_epi16(a, b);
    case 15: return _mm_unpacklo_epi8(a, b);
    case 16: return _mm_unpackhi_epi32(a, b);
    case 17: return _mm_hadd_epi16(a, b);
    case 18: return _mm_hadd_epi32(a, b);
    case 19: return _mm_alignr_epi8(b, a, 5);
    case 20: return _mm_clmulepi64_si128(a, b, 0x00);
    case 21: return _mm_clmulepi64_si128(a, b, 0x11);
    case 22: return _mm_abs_epi16(a);
    case 23: return _mm_srai_epi32(a, 7);
    case 24: return _mm_srli_epi64(a, 33);
    case 25: return _mm_slli_epi16(a, 3);
    case 26: return _mm_cvtepi8_epi16(a);
    case 27: return _mm_cvtepu16_epi32(a);
    case 28: return _mm_packs_epi32(a, _mm_setzero_si128());
    case 29: return _mm_packus_epi16(a, _mm_setzero_si128());
    case 30: return _mm_andnot_si128(b, a);
    case 31: return _mm_sub_epi64(a, b);
    case 32: return _mm_shuffle_epi32(a, 0xaa);
    default: return _mm_mul_epu32(_mm_unpacklo_epi32(a, a), _mm_unpacklo_epi32(b, b));
    }
}

static const struct {
    enum ir_op op;
    enum ir_type type, lane;
    unsigned attr;
    uint64_t imm;
} host_ops[] = {
    {IR_VADDS, IR_V128, IR_I8, 1, 0},
    {IR_VADDS, IR_V128, IR_I16, 0, 0},
    {IR_VSUBS, IR_V128, IR_I16, 1, 0},
    {IR_VSUBS, IR_V128, IR_I8, 0, 0},
    {IR_VAVG, IR_V128, IR_I8, 0, 1},
    {IR_VAVG, IR_V128, IR_I16, 0, 1},
    {IR_VMIN, IR_V128, IR_I8, 1, 0},
    {IR_VMAX, IR_V128, IR_I32, 1, 0},
    {IR_VMIN, IR_V128, IR_I16, 0, 0},
    {IR_VMAX, IR_V128, IR_I32, 0, 0},
    {IR_VMULH, IR_V128, IR_I16, 1, 0},
    {IR_VMULH, IR_V128, IR_I16, 0, 0},
    {IR_VMUL, IR_V128, IR_I32, 0, 0},
    {IR_VCMP, IR_V128, IR_I64, IR_CC_G, 0},
    {IR_VCMP, IR_V128, IR_I16, IR_CC_E, 0},
    {IR_VZIP, IR_V128, IR_I8, 0, 0},
    {IR_VZIP, IR_V128, IR_I32, 0, 1},
    {IR_VPADD, IR_V128, IR_I16, 0, 0},
    {IR_VPADD, IR_V128, IR_I32, 0, 0},
    {IR_VEXTR, IR_V128, IR_I8, 0, 5},
    {IR_VPMULL, IR_V128, IR_I64, 0, 0},
    {IR_VPMULL, IR_V128, IR_I64, 0, 1},
    {IR_VABS, IR_V128, IR_I16, 0, 0},
    {IR_VSHRI, IR_V128, IR_I32, 1, 7},
    {IR_VSHRI, IR_V128, IR_I64, 0, 33},
    {IR_VSHLI, IR_V128, IR_I16, 0, 3},
    {IR_VWIDEN, IR_V128, IR_I8, 1, 0},
    {IR_VWIDEN, IR_V128, IR_I16, 0, 0},
    {IR_VNARROW, IR_V64, IR_I16, IR_NARROW_SS, 0},
    {IR_VNARROW, IR_V64, IR_I8, IR_NARROW_SU, 0},
    {IR_VANDN, IR_V128, IR_VOID, 0, 0},
    {IR_VSUB, IR_V128, IR_I64, 0, 0},
    {IR_VDUPL, IR_V128, IR_I32, 0, 2},
    {IR_VMULL, IR_V128, IR_I32, 0, 0},
};

static void test_host_vectors(void **state)
{
    uint64_t seed = 11;

    if (!__builtin_cpu_supports("sse4.2") || !__builtin_cpu_supports("pclmul"))
        return;
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < ARRAY_LEN(host_ops); i++) {
            union ir_value a = {{random_edge(&seed), random_edge(&seed)}}, r;
            union ir_value b = {{random_edge(&seed), random_edge(&seed)}}, want = {{0}};
            __m128i ha, hb;

            memcpy(&ha, &a, 16);
            memcpy(&hb, &b, 16);
            ha = host_op(i, ha, hb);
            memcpy(&want, &ha, 16);
            r = eval(host_ops[i].op, host_ops[i].type, host_ops[i].lane, host_ops[i].attr, IR_V128,
                     host_ops[i].imm, &a, &b, NULL);
            if (memcmp(&r, &want, sizeof(r)))
                fail_msg("host operation %u, %s: %016llx %016llx, not %016llx %016llx", i,
                         ir_op_info[host_ops[i].op].name, (unsigned long long)r.u64[1],
                         (unsigned long long)r.u64[0], (unsigned long long)want.u64[1],
                         (unsigned long long)want.u64[0]);
        }
    }
}

/* LAHF and SETO after the instruction: the very layout of a flags value, but for bit 1 of AH. */
#define HOST_FLAGS(insn, suffix, T)                                                                \
    static uint32_t host_##insn##suffix(uint64_t x, uint64_t y, unsigned carry)                    \
    {                                                                                              \
        T a = (T)x;                                                                                \
        uint32_t f;                                                                                \
        __asm__("btl $0, %k3\n\t" #insn #suffix " %2, %1\n\tlahf\n\tseto %%al"                     \
                : "=&a"(f), "+r"(a)                                                                \
                : "r"((T)y), "r"(carry)                                                            \
                : "cc");                                                                           \
        return f & IR_FLAG_ALL;                                                                    \
    }
#define HOST_FLAGS_ALL(insn)                                                                       \
    HOST_FLAGS(insn, b, uint8_t)                                                                   \
    HOST_FLAGS(insn, w, uint16_t) HOST_FLAGS(insn, l, uint32_t) HOST_FLAGS(insn, q, uint64_t)
HOST_FLAGS_ALL(add)
HOST_FLAGS_ALL(adc)
HOST_FLAGS_ALL(sub)
HOST_FLAGS_ALL(sbb)

static void test_host_flags(void **state)
{
    static uint32_t (*const host[4][4])(uint64_t, uint64_t,
                                        unsigned) = {{host_addb, host_addw, host_addl, host_addq},
                                                     {host_adcb, host_adcw, host_adcl, host_adcq},
                                                     {host_subb, host_subw, host_subl, host_subq},
                                                     {host_sbbb, host_sbbw, host_sbbl, host_sbbq}};
    static const enum ir_op ops[4] = {IR_FLAGS_ADD, IR_FLAGS_ADC, IR_FLAGS_SUB, IR_FLAGS_SBC};
    uint64_t seed = 13;

    for (unsigned round = 0; round < 5 * ROUNDS; round++) {
        uint64_t a = random_edge(&seed), b = random_edge(&seed);
        unsigned carry = random_below(&seed, 2);

        for (unsigned i = 0; i < 4; i++)
            for (unsigned t = 0; t < 4; t++)
                assert_int_equal(
                    flags_op(ops[i], (enum ir_type)(IR_I8 + t), a, b, carry ? IR_FLAG_C : 0),
                    host[i][t](a, b, carry));
    }
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_division),
        cmocka_unit_test(test_compare),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_wide),
#if defined(__x86_64__)
        cmocka_unit_test(test_host_vectors),
        cmocka_unit_test(test_host_flags),
#endif
    };
    return cmocka_run_group_tests_name("ir-eval", tests, NULL, NULL);
}
