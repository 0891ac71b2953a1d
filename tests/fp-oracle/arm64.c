/* The Arm64 half of the comparison: reads tests, executes the real instructions, writes results.
 * Built for the target and run under an emulator, or on a machine. */
#include "wire.h"
#include <stdio.h>

#define CASE(name, text, ...)                                                                      \
    __asm__(".text\n.p2align 2\ncase_" #name ":\n\t" text "\n\tret\n");                            \
    extern const char case_##name[];
#include "cases.def"
#undef CASE

static const void *const cases[] = {
#define CASE(name, ...) case_##name,
#include "cases.def"
#undef CASE
};

static void run(const struct wire_test *t, struct wire_result *r)
{
    register const struct wire_test *in __asm__("x9") = t;
    register struct wire_result *out __asm__("x10") = r;
    register const void *code __asm__("x11") = cases[t->number];
    register uint64_t fpcr __asm__("x12") = t->fpcr;
    __asm__ volatile("ldp q0, q1, [x9]\n\t"
                     "ldr q2, [x9, #32]\n\t"
                     "ldr x1, [x9, #16]\n\t"
                     "mov x0, #0\n\t"
                     "msr fpsr, xzr\n\t"
                     "msr fpcr, x12\n\t"
                     "blr x11\n\t"
                     "mrs x13, fpsr\n\t"
                     "mrs x14, nzcv\n\t"
                     "msr fpcr, xzr\n\t"
                     "str q0, [x10]\n\t"
                     "str x0, [x10, #16]\n\t"
                     "stp w13, w14, [x10, #24]\n\t"
                     :
                     : "r"(in), "r"(out), "r"(code), "r"(fpcr)
                     : "x0", "x1", "x13", "x14", "x30", "v0", "v1", "v2", "cc", "memory");
}

int main(void)
{
    static struct wire_test tests[WIRE_BATCH];
    static struct wire_result results[WIRE_BATCH];
    while (fread(tests, sizeof(tests), 1, stdin) == 1) {
        for (unsigned i = 0; i < WIRE_BATCH; i++)
            run(&tests[i], &results[i]);
        if (fwrite(results, sizeof(results), 1, stdout) != 1 || fflush(stdout))
            return 1;
    }
    return 0;
}
