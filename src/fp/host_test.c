/* src/fp under the x86 rules against the host's own SSE: results and all MXCSR flags, with every
 * combination of rounding mode, DAZ and FTZ; FMA and F16C where the processor has them.
 * The argument, if any, is the number of tests per instruction. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "fp/fp.h"
#include "fp/operands.h"
#include <cpuid.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned long test_count = 100000;

#define MXCSR_MASKED 0x1f80u
#define MXCSR_DAZ    0x40u
#define MXCSR_FTZ    0x8000u

typedef uint64_t host_fn(uint64_t a, uint64_t b, uint64_t c, uint32_t *mxcsr);

/* An instruction on xmm0 and (AT&T order) xmm1, xmm2, or with a general register. */
#define HOST(name, constraint, out, insn)                                                          \
    static uint64_t host_##name(uint64_t a, uint64_t b, uint64_t c, uint32_t *mxcsr)               \
    {                                                                                              \
        uint64_t r = a;                                                                            \
        uint32_t normal = MXCSR_MASKED;                                                            \
        __asm__ volatile("movq %[a], %%xmm0\n\tmovq %[b], %%xmm1\n\tmovq %[c], %%xmm2\n\t"         \
                         "ldmxcsr %[csr]\n\t" insn                                                 \
                         "\n\tstmxcsr %[csr]\n\tldmxcsr %[normal]\n\t" out                         \
                         : [r] "+" constraint(r), [csr] "+m"(*mxcsr)                               \
                         : [a] "r"(a), [b] "r"(b), [c] "r"(c), [normal] "m"(normal)                \
                         : "xmm0", "xmm1", "xmm2", "cc");                                          \
        return r;                                                                                  \
    }
#define TO_XMM(name, insn) HOST(name, "r", "movq %%xmm0, %[r]", insn)
#define TO_GPR(name, insn) HOST(name, "r", "", insn)
/* The flags as LAHF has them. */
#define TO_FLAGS(name, insn) HOST(name, "a", "", insn "\n\tlahf\n\tmovzbl %%ah, %%eax")

#define BOTH(x) x(add) x(sub) x(mul) x(div) x(min) x(max) x(sqrt)
#define SS(n)   TO_XMM(n##_ss, #n "ss %%xmm1, %%xmm0")
#define SD(n)   TO_XMM(n##_sd, #n "sd %%xmm1, %%xmm0")
BOTH(SS)
BOTH(SD)
TO_XMM(cmpeq_ss, "cmpeqss %%xmm1, %%xmm0")
TO_XMM(cmpeq_sd, "cmpeqsd %%xmm1, %%xmm0")
TO_XMM(cmpge_ss, "cmpless %%xmm0, %%xmm1\n\tmovaps %%xmm1, %%xmm0")
TO_XMM(cmpge_sd, "cmplesd %%xmm0, %%xmm1\n\tmovaps %%xmm1, %%xmm0")
TO_XMM(cmpgt_ss, "cmpltss %%xmm0, %%xmm1\n\tmovaps %%xmm1, %%xmm0")
TO_XMM(cmpgt_sd, "cmpltsd %%xmm0, %%xmm1\n\tmovaps %%xmm1, %%xmm0")
TO_FLAGS(ucomi_ss, "ucomiss %%xmm1, %%xmm0")
TO_FLAGS(ucomi_sd, "ucomisd %%xmm1, %%xmm0")
TO_FLAGS(comi_ss, "comiss %%xmm1, %%xmm0")
TO_FLAGS(comi_sd, "comisd %%xmm1, %%xmm0")
TO_XMM(ss_sd, "cvtss2sd %%xmm0, %%xmm0")
TO_XMM(sd_ss, "cvtsd2ss %%xmm0, %%xmm0")
TO_GPR(ss_i32, "cvtss2si %%xmm0, %k[r]")
TO_GPR(ss_i64, "cvtss2si %%xmm0, %[r]")
TO_GPR(sd_i32, "cvttsd2si %%xmm0, %k[r]")
TO_GPR(sd_i64, "cvttsd2si %%xmm0, %[r]")
TO_XMM(i32_ss, "cvtsi2ss %k[a], %%xmm0")
TO_XMM(i64_ss, "cvtsi2ss %q[a], %%xmm0")
TO_XMM(i32_sd, "cvtsi2sd %k[a], %%xmm0")
TO_XMM(i64_sd, "cvtsi2sd %q[a], %%xmm0")
TO_XMM(round_ss, "roundss $4, %%xmm0, %%xmm0")
TO_XMM(round_sd, "roundsd $4, %%xmm0, %%xmm0")
TO_XMM(floor_ss, "roundss $9, %%xmm0, %%xmm0")
TO_XMM(fma_ss, "vfmadd231ss %%xmm2, %%xmm1, %%xmm0")
TO_XMM(fma_sd, "vfmadd231sd %%xmm2, %%xmm1, %%xmm0")
TO_XMM(ph_ss, "vcvtph2ps %%xmm0, %%xmm0")
TO_XMM(ss_ph, "vcvtps2ph $4, %%xmm0, %%xmm0")

enum shape { PLAIN, LAHF, INDEFINITE /* INT_MIN where ours saturates */ };
enum feature { BASE, FMA, F16C };

struct host_case {
    const char *name;
    host_fn *fn;
    enum shape shape;
    enum feature feature;
    char kind; /* operands, as in operands.h */
    enum ir_op op;
    enum ir_type type, arg_type;
    unsigned attr;
};

/* clang-format off */
#define ROW(name, ...) {#name, host_##name, __VA_ARGS__},
#define ARITH(name, op, attr)                                                                      \
    ROW(name##_ss, PLAIN, BASE, 's', op, IR_F32, IR_F32, attr)                                     \
    ROW(name##_sd, PLAIN, BASE, 'd', op, IR_F64, IR_F64, attr)
#define COMI(name, attr)                                                                           \
    ROW(name##_ss, LAHF, BASE, 's', IR_FLAGS_UCOMI, IR_FLAGS, IR_F32, attr)                        \
    ROW(name##_sd, LAHF, BASE, 'd', IR_FLAGS_UCOMI, IR_FLAGS, IR_F64, attr)
static const struct host_case cases[] = {
    ARITH(add, IR_FADD, 0) ARITH(sub, IR_FSUB, 0) ARITH(mul, IR_FMUL, 0) ARITH(div, IR_FDIV, 0)
    ARITH(min, IR_FMIN, 1) ARITH(max, IR_FMAX, 1)
    ARITH(cmpeq, IR_FCMP, IR_CC_E) ARITH(cmpge, IR_FCMP, IR_CC_AE) ARITH(cmpgt, IR_FCMP, IR_CC_A)
    ARITH(round, IR_FRINT, FP_ROUND_CURRENT | IR_FRINT_EXACT)
    ROW(floor_ss, PLAIN, BASE, 's', IR_FRINT, IR_F32, IR_F32, FP_ROUND_DOWN)
    COMI(ucomi, 0) COMI(comi, 1)
    ROW(ss_sd, PLAIN, BASE, 's', IR_FCVT, IR_F64, IR_F32, FP_ROUND_CURRENT)
    ROW(sd_ss, PLAIN, BASE, 'd', IR_FCVT, IR_F32, IR_F64, FP_ROUND_CURRENT)
    ROW(ss_i32, INDEFINITE, BASE, 's', IR_FTOI, IR_I32, IR_F32, FP_ROUND_CURRENT | IR_FTOI_SIGNED)
    ROW(ss_i64, INDEFINITE, BASE, 's', IR_FTOI, IR_I64, IR_F32, FP_ROUND_CURRENT | IR_FTOI_SIGNED)
    ROW(sd_i32, INDEFINITE, BASE, 'd', IR_FTOI, IR_I32, IR_F64, FP_ROUND_ZERO | IR_FTOI_SIGNED)
    ROW(sd_i64, INDEFINITE, BASE, 'd', IR_FTOI, IR_I64, IR_F64, FP_ROUND_ZERO | IR_FTOI_SIGNED)
    ROW(i32_ss, PLAIN, BASE, 'x', IR_ITOF, IR_F32, IR_I32, 1)
    ROW(i64_ss, PLAIN, BASE, 'x', IR_ITOF, IR_F32, IR_I64, 1)
    ROW(i32_sd, PLAIN, BASE, 'x', IR_ITOF, IR_F64, IR_I32, 1)
    ROW(i64_sd, PLAIN, BASE, 'x', IR_ITOF, IR_F64, IR_I64, 1)
    ROW(fma_ss, PLAIN, FMA, 's', IR_FMA, IR_F32, IR_F32, 0)
    ROW(fma_sd, PLAIN, FMA, 'd', IR_FMA, IR_F64, IR_F64, 0)
    ROW(ph_ss, PLAIN, F16C, 'h', IR_FCVT, IR_F32, IR_F16, FP_ROUND_CURRENT)
    ROW(ss_ph, PLAIN, F16C, 's', IR_FCVT, IR_F16, IR_F32, FP_ROUND_CURRENT)
};
/* sqrt reads its second operand, so it stands apart. */
static const struct host_case roots[] = {
    ARITH(sqrt, IR_FSQRT, 0)
};
/* clang-format on */

static uint64_t width_mask(enum ir_type t)
{
    switch (t) {
    case IR_F16:
        return 0xffff;
    case IR_F32:
    case IR_I32:
        return 0xffffffff;
    default:
        return ~0ull;
    }
}

static uint32_t fp_flags_of(uint32_t mxcsr)
{
    return (mxcsr & 1 ? FP_INVALID : 0) | (mxcsr & 2 ? FP_DENORMAL : 0) |
           (mxcsr & 4 ? FP_DIVZERO : 0) | (mxcsr & 8 ? FP_OVERFLOW : 0) |
           (mxcsr & 16 ? FP_UNDERFLOW : 0) | (mxcsr & 32 ? FP_INEXACT : 0);
}

static bool available(enum feature f)
{
    unsigned a, b, c = 0, d;
    if (f == BASE)
        return true;
    __get_cpuid(1, &a, &b, &c, &d);
    return __builtin_cpu_supports("avx") && c & (f == FMA ? bit_FMA : bit_F16C);
}

static unsigned long run_one(const struct host_case *c, struct random *rng, bool first_only)
{
    static const uint8_t rounds[] = {FP_ROUND_NEAREST, FP_ROUND_DOWN, FP_ROUND_UP, FP_ROUND_ZERO};
    uint64_t v[3][2] = {{0}};
    for (unsigned i = 0; i < 3; i++)
        operand_fill(rng, c->kind, v[i], v[i ? i - 1 : 0]);
    unsigned mode = random_below(rng, 16);
    uint32_t mxcsr =
        MXCSR_MASKED | (mode & 3) << 13 | (mode & 4 ? MXCSR_DAZ : 0) | (mode & 8 ? MXCSR_FTZ : 0);
    struct fp_status status = {.env = {.round = rounds[mode & 3],
                                       .nan_rule = FP_NAN_X86,
                                       .flush_inputs = mode & 4,
                                       .flush_outputs = mode & 8}};
    if (c->feature == F16C) /* these are vector instructions: the other lanes shall be quiet */
        v[0][0] &= width_mask(c->arg_type);
    union ir_value a = {{v[0][0]}}, b = {{v[1][0]}}, d = {{v[2][0]}}, out;

    ir_eval_fp(c->op, c->type, c->type, c->attr, c->arg_type, 0, &a, &b, &d, &out, &status);
    uint32_t csr = mxcsr;
    uint64_t theirs =
        first_only ? c->fn(0, a.u64[0], 0, &csr) : c->fn(a.u64[0], b.u64[0], d.u64[0], &csr);
    uint64_t ours = out.u64[0];
    if (c->shape == LAHF) {
        ours = ours >> 8;
        theirs &= 0x45;
    } else if (c->shape == INDEFINITE && status.flags & FP_INVALID) {
        ours = c->type == IR_I32 ? 1ull << 31 : 1ull << 63;
    }
    theirs &= width_mask(c->type);
    if (ours == theirs && status.flags == fp_flags_of(csr))
        return 0;
    print_error("%s %016" PRIx64 " %016" PRIx64 " %016" PRIx64 " mxcsr %04x: ours %016" PRIx64
                " flags %02x, host %016" PRIx64 " flags %02x\n",
                c->name, a.u64[0], b.u64[0], d.u64[0], mxcsr, ours, status.flags, theirs,
                fp_flags_of(csr));
    return 1;
}

static void run_cases(const struct host_case *list, size_t n, bool first_only)
{
    struct random rng = {7};
    unsigned long failures = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned long before = failures;
        if (!available(list[i].feature))
            continue;
        for (unsigned long k = 0; k < test_count && failures < before + 3; k++)
            failures += run_one(&list[i], &rng, first_only);
    }
    assert_int_equal(failures, 0);
}

static void test_sse(void **state)
{
    run_cases(cases, ARRAY_LEN(cases), false);
}

static void test_sqrt(void **state)
{
    run_cases(roots, ARRAY_LEN(roots), true);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sse), cmocka_unit_test(test_sqrt)};
    if (argc > 1)
        test_count = strtoul(argv[1], NULL, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
