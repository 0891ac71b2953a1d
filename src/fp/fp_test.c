/* Known answers: cryptography against the standards' examples (FIPS 180-4, FIPS 197), and of Arm's
 * floating point what distinguishes it from others.  The wide comparisons are in host_test.c and
 * tests/fp-oracle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "fp/extended.h"

static union ir_value crypto(enum ir_op op, unsigned attr, union ir_value a, union ir_value b,
                             union ir_value c)
{
    ir_eval_crypto(op, IR_V128, IR_I8, attr, IR_V128, 0, &a, &b, &c, &a,
                   NULL); /* result over an argument */
    return a;
}

static union ir_value words(uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
    return (union ir_value){.u32 = {a, b, c, d}};
}

static union ir_value add_words(union ir_value a, union ir_value b)
{
    for (unsigned i = 0; i < 4; i++)
        a.u32[i] += b.u32[i];
    return a;
}

/* FIPS 197, appendix A.1 and B: the first two rounds of a 128-bit encryption. */
static void test_aes(void **state)
{
    const union ir_value zero = {{0}};
    const union ir_value key = {.u8 = {0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6, 0xab, 0xf7,
                                       0x15, 0x88, 0x09, 0xcf, 0x4f, 0x3c}};
    const union ir_value text = {.u8 = {0x32, 0x43, 0xf6, 0xa8, 0x88, 0x5a, 0x30, 0x8d, 0x31, 0x31,
                                        0x98, 0xa2, 0xe0, 0x37, 0x07, 0x34}};
    const uint8_t mixed[16] = {0x04, 0x66, 0x81, 0xe5, 0xe0, 0xcb, 0x19, 0x9a,
                               0x48, 0xf8, 0xd3, 0x7a, 0x28, 0x06, 0x26, 0x4c};

    union ir_value s = crypto(IR_AESE, 0, text, key, zero);
    union ir_value m = crypto(IR_AESMC, 0, s, zero, zero);
    assert_memory_equal(m.u8, mixed, 16);

    union ir_value back = crypto(IR_AESIMC, 0, m, zero, zero);
    assert_memory_equal(back.u8, s.u8, 16);
    back = crypto(IR_AESD, 0, back, zero, zero);
    for (unsigned i = 0; i < 16; i++)
        assert_int_equal(back.u8[i], text.u8[i] ^ key.u8[i]);
}

/* "abc", padded. */
static void test_sha1(void **state)
{
    static const uint32_t k[] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
    static const unsigned kinds[] = {IR_SHA1_C, IR_SHA1_P, IR_SHA1_M, IR_SHA1_P};
    union ir_value w[20] = {words(0x61626380, 0, 0, 0), words(0, 0, 0, 0), words(0, 0, 0, 0),
                            words(0, 0, 0, 24)};
    const union ir_value start = words(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476);
    union ir_value abcd = start, e = words(0xc3d2e1f0, 0, 0, 0);

    for (unsigned i = 4; i < 20; i++)
        w[i] = crypto(IR_SHA1, IR_SHA1_SU1,
                      crypto(IR_SHA1, IR_SHA1_SU0, w[i - 4], w[i - 3], w[i - 2]), w[i - 1], w[i]);
    for (unsigned i = 0; i < 20; i++) {
        union ir_value next = crypto(IR_SHA1, IR_SHA1_H, e, abcd, e);
        abcd = crypto(IR_SHA1, kinds[i / 5], abcd, e,
                      add_words(w[i], words(k[i / 5], k[i / 5], k[i / 5], k[i / 5])));
        e = next;
    }
    abcd = add_words(abcd, start);
    const uint32_t digest[] = {0xa9993e36, 0x4706816a, 0xba3e2571, 0x7850c26c};
    assert_memory_equal(abcd.u32, digest, 16);
    assert_int_equal(e.u32[0] + 0xc3d2e1f0, 0x9cd0d89d);
}

/* SHA-256's constants: the first 32 bits of the fractions of the cube roots of the primes. */
static void sha256_constants(uint32_t k[64])
{
    unsigned prime = 2;
    for (unsigned i = 0; i < 64; prime++) {
        bool composite = false;
        for (unsigned d = 2; d * d <= prime; d++)
            composite |= prime % d == 0;
        if (composite)
            continue;
        unsigned __int128 target = (unsigned __int128)prime << 96;
        uint64_t root = 0;
        for (unsigned bit = 36; bit-- > 0;) {
            unsigned __int128 t = root | 1ull << bit;
            if (t * t * t <= target)
                root |= 1ull << bit;
        }
        k[i++] = (uint32_t)root;
    }
}

static void test_sha256(void **state)
{
    union ir_value w[16] = {words(0x61626380, 0, 0, 0), words(0, 0, 0, 0), words(0, 0, 0, 0),
                            words(0, 0, 0, 24)};
    const union ir_value first = words(0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a);
    const union ir_value second = words(0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19);
    union ir_value abcd = first, efgh = second;
    uint32_t k[64];

    sha256_constants(k);
    assert_int_equal(k[0], 0x428a2f98);
    for (unsigned i = 4; i < 16; i++)
        w[i] = crypto(IR_SHA256, IR_SHA2_SU1,
                      crypto(IR_SHA256, IR_SHA2_SU0, w[i - 4], w[i - 3], w[i]), w[i - 2], w[i - 1]);
    for (unsigned i = 0; i < 16; i++) {
        union ir_value kw =
            add_words(w[i], words(k[4 * i], k[4 * i + 1], k[4 * i + 2], k[4 * i + 3]));
        union ir_value old = abcd;
        abcd = crypto(IR_SHA256, IR_SHA2_H, abcd, efgh, kw);
        efgh = crypto(IR_SHA256, IR_SHA2_H2, efgh, old, kw);
    }
    abcd = add_words(abcd, first);
    efgh = add_words(efgh, second);
    const uint32_t digest[] = {0xba7816bf, 0x8f01cfea, 0x414140de, 0x5dae2223,
                               0xb00361a3, 0x96177a9c, 0xb410ff61, 0xf20015ad};
    assert_memory_equal(abcd.u32, digest, 16);
    assert_memory_equal(efgh.u32, digest + 4, 16);
}

#define QNAN     0x7fc12345u
#define SNAN     0x7f812345u
#define INF      0x7f800000u
#define ONE      0x3f800000u
#define NEGATIVE 0x80000000u

static struct fp_status arm(struct fp_env env)
{
    env.tiny_before = true;
    return (struct fp_status){.env = env};
}

#define EXPECT(call, value, raised)                                                                \
    do {                                                                                           \
        s.flags = 0;                                                                               \
        assert_int_equal(call, value);                                                             \
        assert_int_equal(s.flags, raised);                                                         \
    } while (0)

static void test_nans(void **state)
{
    struct fp_status s = arm((struct fp_env){0});
    EXPECT(fp32_add(QNAN, SNAN | NEGATIVE, &s), SNAN | NEGATIVE | 0x400000, FP_INVALID);
    EXPECT(fp32_sub(INF, INF, &s), 0x7fc00000, FP_INVALID);
    EXPECT(fp32_fma(QNAN, INF, 0, &s), 0x7fc00000, FP_INVALID);
    EXPECT(fp32_minnm(QNAN, ONE, &s), ONE, 0);
    EXPECT(fp32_min(QNAN, ONE, &s), QNAN, 0);
    EXPECT(fp32_mulx(INF, NEGATIVE, &s), 0xc0000000, 0);
    EXPECT(fp32_recps(QNAN, ONE, &s), QNAN | NEGATIVE, 0);
    s.env.default_nan = true;
    EXPECT(fp32_add(QNAN, ONE, &s), 0x7fc00000, 0);
    s.env = (struct fp_env){.nan_rule = FP_NAN_X86};
    EXPECT(fp32_add(QNAN, SNAN | NEGATIVE, &s), QNAN, FP_INVALID);
    EXPECT(fp32_sub(INF, INF, &s), 0xffc00000, FP_INVALID);
    EXPECT(fp32_fma(QNAN, INF, 0, &s), QNAN, 0);
    s.env = (struct fp_env){.nan_rule = FP_NAN_CANONICAL};
    EXPECT(fp32_add(QNAN | NEGATIVE, SNAN, &s), 0x7fc00000, FP_INVALID);
}

static void test_flushing(void **state)
{
    struct fp_status s = arm((struct fp_env){.flush_inputs = true, .flush_outputs = true});
    EXPECT(fp32_add(1, NEGATIVE | 1, &s), 0, FP_DENORMAL);
    EXPECT(fp32_mul(0x80800000, 0x3f000000, &s), NEGATIVE, FP_UNDERFLOW);
    EXPECT(fp16_mul(0x0400, 0x3800, &s), 0x0200, 0); /* halves have their own switch */
    s.env.flush_half = true;
    EXPECT(fp16_mul(0x0400, 0x3800, &s), 0, FP_UNDERFLOW);
    EXPECT(fp16_add(0x0001, 0x0001, &s), 0, 0);
    EXPECT(fp_convert(IR_F32, IR_F16, 0x0001, FP_ROUND_CURRENT, &s), 0x33800000, 0);
    s.env.alt_half = true;
    EXPECT(fp_convert(IR_F32, IR_F16, 0xfc00, FP_ROUND_CURRENT, &s), 0xc7800000, 0);
    EXPECT(fp_convert(IR_F16, IR_F32, INF, FP_ROUND_CURRENT, &s), 0x7fff, FP_INVALID);
    EXPECT(fp_convert(IR_F16, IR_F32, QNAN | NEGATIVE, FP_ROUND_CURRENT, &s), 0x8000, FP_INVALID);
    s.env = (struct fp_env){.nan_rule = FP_NAN_X86, .flush_outputs = true};
    EXPECT(fp32_mul(0x80800000, 0x3f000000, &s), NEGATIVE, FP_UNDERFLOW | FP_INEXACT);
}

static void test_conversions(void **state)
{
    struct fp_status s = arm((struct fp_env){0});
    bool exact;
    EXPECT(fp64_to_int(0x41e0000000000000, FP_ROUND_ZERO, 32, true, 0, &s), 0x7fffffff, FP_INVALID);
    EXPECT(fp64_to_int(0xbfe0000000000000, FP_ROUND_ZERO, 32, false, 0, &s), 0, FP_INEXACT);
    EXPECT(fp64_to_int(0xbfe0000000000000, FP_ROUND_TIES_AWAY, 64, true, 0, &s), ~0ull, FP_INEXACT);
    EXPECT(fp64_to_int(0x7ff8000000000000, FP_ROUND_ZERO, 64, true, 0, &s), 0, FP_INVALID);
    EXPECT(fp32_to_int(ONE, FP_ROUND_ZERO, 64, false, 63, &s), 1ull << 63, 0);
    EXPECT(fp16_from_int(65520, false, 0, &s), 0x7c00, FP_OVERFLOW | FP_INEXACT);
    EXPECT(fp_to_int_js(0x41f0000000100000, &exact, &s), 1, FP_INVALID);
    assert_false(exact);
    EXPECT(fp_to_int_js(0xc1e0000000000000, &exact, &s), 0x80000000u, 0);
    assert_true(exact);
    EXPECT(fp_to_int_js(1ull << 63, &exact, &s), 0, 0);
    assert_false(exact);
    EXPECT(fp_convert(IR_F32, IR_F64, 0x3ff0000000000001, FP_ROUND_ODD, &s), ONE | 1, FP_INEXACT);
    EXPECT(fp64_rint_sized(0x41dfffffffe00000, FP_ROUND_UP, 32, &s), 0xc1e0000000000000,
           FP_INVALID);
    EXPECT(fp32_rint(0xbf000000, FP_ROUND_NEAREST, true, &s), NEGATIVE, FP_INEXACT);
    EXPECT(fp_to_bfloat(0x3f808000, &s), 0x3f80, FP_INEXACT);
}

static void test_estimates(void **state)
{
    struct fp_status s = arm((struct fp_env){0});
    EXPECT(fp32_recpe(ONE, &s), 0x3f7f8000, 0);
    EXPECT(fp32_rsqrte(ONE, &s), 0x3f7f8000, 0);
    EXPECT(fp32_rsqrte(0xbf800000, &s), 0x7fc00000, FP_INVALID);
    EXPECT(fp32_recpe(0x00100000, &s), INF, FP_OVERFLOW | FP_INEXACT);
    EXPECT(fp32_recpe(NEGATIVE, &s), INF | NEGATIVE, FP_DIVZERO);
    EXPECT(fp32_recpx(0x40000000, &s), 0x3f800000, 0);
    EXPECT(fp32_recps(INF, 0, &s), 0x40000000, 0);
    EXPECT(fp32_rsqrts(INF, 0, &s), 0x3fc00000, 0);
    assert_int_equal(fp_unsigned_recpe(0x80000000), 0xff800000);
    assert_int_equal(fp_unsigned_rsqrte(0x40000000), 0xff800000);
    assert_int_equal(fp_unsigned_recpe(0x7fffffff), 0xffffffff);
}

/* Each step of BFDOT rounds to odd and counts denormals as zero. */
static void test_bfloat(void **state)
{
    assert_int_equal(fp_bfloat_dot(0, 0x3f80, 0x3f80, 0x0001, 0x7f00), ONE);
    assert_int_equal(fp_bfloat_dot(ONE, 0x3f80, 0x2000, 0, 0), ONE | 1);
    assert_int_equal(fp_bfloat_dot(0, 0x7f00, 0x7f00, 0, 0), INF);
    assert_int_equal(fp_bfloat_dot(0, 0x7f80, 0, 0, 0), 0x7fc00000);
    assert_int_equal(fp_bfloat_dot(0xff800001, 0, 0, 0, 0), 0x7fc00000);
}

/* FTOI's and FCMP's forms for x86. */
static uint64_t eval1(enum ir_op op, enum ir_type type, unsigned attr, uint64_t a, uint64_t b, struct fp_status *s)
{
    union ir_value va = {.u64 = {a}}, vb = {.u64 = {b}}, out;
    ir_eval_fp(op, type, IR_VOID, attr, IR_F64, 0, &va, &vb, NULL, &out, s);
    return out.u64[0];
}

static void test_x86_forms(void **state)
{
    struct fp_status s = {.env = {.nan_rule = FP_NAN_X86}};
    const uint64_t nan = 0x7ff8000000000000, one = 0x3ff0000000000000, big = 0x41e0000000000000;
    unsigned to_int = FP_ROUND_ZERO | IR_FTOI_SIGNED | IR_FTOI_INDEFINITE;
    EXPECT(eval1(IR_FTOI, IR_I32, to_int, big, 0, &s), 0x80000000u, FP_INVALID);
    EXPECT(eval1(IR_FTOI, IR_I32, to_int, nan, 0, &s), 0x80000000u, FP_INVALID);
    EXPECT(eval1(IR_FTOI, IR_I32, to_int, one, 0, &s), 1, 0);
    EXPECT(eval1(IR_FCMP, IR_F64, IR_CC_P, nan, one, &s), ~0ull, 0);
    EXPECT(eval1(IR_FCMP, IR_F64, IR_CC_P | IR_FCMP_FLIP, nan, one, &s), ~0ull, FP_INVALID);
    EXPECT(eval1(IR_FCMP, IR_F64, IR_CC_P, one, one, &s), 0, 0);
    EXPECT(eval1(IR_FCMP, IR_F64, IR_CC_A, nan, one, &s), 0, FP_INVALID);
    EXPECT(eval1(IR_FCMP, IR_F64, IR_CC_A | IR_FCMP_FLIP, nan, one, &s), 0, 0);
    EXPECT(eval1(IR_FCMP, IR_F64, IR_CC_E | IR_FCMP_FLIP, nan, one, &s), 0, FP_INVALID);
}

static void expect80(struct fp80 v, uint16_t se, uint64_t sig, struct fp80_status *s, uint32_t flags)
{
    assert_int_equal(v.se, se);
    assert_int_equal(v.sig, sig);
    assert_int_equal(s->flags, flags);
    s->flags = 0;
}

static void test_extended(void **state)
{
    struct fp80_status s = {.round = FP_ROUND_NEAREST, .precision = 64};
    const struct fp80 one = {1ull << 63, 0x3fff}, three = {3ull << 62, 0x4000}, tiny = {1, 0}, unnormal = {1, 0x3fff};
    expect80(fp80_div(one, three, &s), 0x3ffd, 0xaaaaaaaaaaaaaaabull, &s, FP80_PE | FP80_C1);
    s.precision = 24;
    expect80(fp80_div(one, three, &s), 0x3ffd, 0xaaaaab0000000000ull, &s, FP80_PE | FP80_C1);
    s.precision = 64;
    expect80(fp80_mul(tiny, one, &s), 0, 1, &s, FP80_DE);
    expect80(fp80_mul(tiny, tiny, &s), 0, 0, &s, FP80_DE | FP80_UE | FP80_PE);
    expect80(fp80_add(unnormal, one, &s), 0xffff, 0xc000000000000000ull, &s, FP80_IE);
    expect80(fp80_sqrt(three, &s), 0x3fff, 0xddb3d742c265539eull, &s, FP80_PE | FP80_C1);
    expect80(fp80_from_int(-3), 0xc000, 3ull << 62, &s, 0);
    assert_int_equal(fp80_to_int(three, FP_ROUND_ZERO, 16, &s), 3);
    assert_int_equal(fp80_to_int((struct fp80){1ull << 63, 0x400e}, FP_ROUND_ZERO, 16, &s), -32768);
    assert_int_equal(s.flags, FP80_IE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_aes),       cmocka_unit_test(test_sha1),
        cmocka_unit_test(test_sha256),    cmocka_unit_test(test_nans),
        cmocka_unit_test(test_flushing),  cmocka_unit_test(test_conversions),
        cmocka_unit_test(test_estimates), cmocka_unit_test(test_bfloat),
        cmocka_unit_test(test_x86_forms), cmocka_unit_test(test_extended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
