/* The Arm64 side of the oracle test: runs a few instructions on given states; see wire.h.  Linked
 * statically, run by an emulator or on a real processor.
 *
 * A program is followed by a branch to `back`.  All of X0 to X29, SP, V, NZCV, FPCR and FPSR are
 * loaded before, and X30 holds the program's address; afterwards TPIDR_EL0 is the one free place to
 * put X0. */
#define _GNU_SOURCE
#include "wire.h"
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

extern void run_one(struct wire_state *s), back(void);
struct wire_state *current; /* used by the assembly below */
uint64_t saved_sp, saved_tp;

_Static_assert(offsetof(struct wire_state, sp) == 248 && offsetof(struct wire_state, v) == 256 &&
                   offsetof(struct wire_state, fpcr) == 768,
               "the assembly knows the layout");

/* clang-format off */
__asm__(".global run_one, back\n"
        "run_one:\n"
        "    stp x29, x30, [sp, #-176]!\n"
        "    stp x19, x20, [sp, #16]\n stp x21, x22, [sp, #32]\n stp x23, x24, [sp, #48]\n"
        "    stp x25, x26, [sp, #64]\n stp x27, x28, [sp, #80]\n"
        "    stp d8, d9, [sp, #96]\n stp d10, d11, [sp, #112]\n stp d12, d13, [sp, #128]\n stp d14, d15, [sp, #144]\n"
        "    adrp x1, current\n str x0, [x1, :lo12:current]\n"
        "    mov x2, sp\n adrp x1, saved_sp\n str x2, [x1, :lo12:saved_sp]\n"
        "    mrs x2, tpidr_el0\n adrp x1, saved_tp\n str x2, [x1, :lo12:saved_tp]\n msr tpidr_el0, xzr\n"
        "    add x1, x0, #256\n"
        "    ldp q0, q1, [x1]\n ldp q2, q3, [x1, #32]\n ldp q4, q5, [x1, #64]\n ldp q6, q7, [x1, #96]\n"
        "    ldp q8, q9, [x1, #128]\n ldp q10, q11, [x1, #160]\n ldp q12, q13, [x1, #192]\n ldp q14, q15, [x1, #224]\n"
        "    ldp q16, q17, [x1, #256]\n ldp q18, q19, [x1, #288]\n ldp q20, q21, [x1, #320]\n ldp q22, q23, [x1, #352]\n"
        "    ldp q24, q25, [x1, #384]\n ldp q26, q27, [x1, #416]\n ldp q28, q29, [x1, #448]\n ldp q30, q31, [x1, #480]\n"
        "    ldr w2, [x0, #768]\n ldr w3, [x0, #772]\n ldr w4, [x0, #776]\n"
        "    msr fpcr, x2\n msr fpsr, x3\n msr nzcv, x4\n"
        "    ldr x1, [x0, #248]\n mov sp, x1\n"
        "    ldp x2, x3, [x0, #16]\n ldp x4, x5, [x0, #32]\n ldp x6, x7, [x0, #48]\n ldp x8, x9, [x0, #64]\n"
        "    ldp x10, x11, [x0, #80]\n ldp x12, x13, [x0, #96]\n ldp x14, x15, [x0, #112]\n ldp x16, x17, [x0, #128]\n"
        "    ldp x18, x19, [x0, #144]\n ldp x20, x21, [x0, #160]\n ldp x22, x23, [x0, #176]\n ldp x24, x25, [x0, #192]\n"
        "    ldp x26, x27, [x0, #208]\n ldp x28, x29, [x0, #224]\n ldr x30, [x0, #240]\n ldp x0, x1, [x0]\n"
        "    br x30\n"
        "back:\n"
        "    msr tpidr_el0, x0\n adrp x0, current\n ldr x0, [x0, :lo12:current]\n"
        "    str x1, [x0, #8]\n mrs x1, tpidr_el0\n str x1, [x0]\n"
        "    stp x2, x3, [x0, #16]\n stp x4, x5, [x0, #32]\n stp x6, x7, [x0, #48]\n stp x8, x9, [x0, #64]\n"
        "    stp x10, x11, [x0, #80]\n stp x12, x13, [x0, #96]\n stp x14, x15, [x0, #112]\n stp x16, x17, [x0, #128]\n"
        "    stp x18, x19, [x0, #144]\n stp x20, x21, [x0, #160]\n stp x22, x23, [x0, #176]\n stp x24, x25, [x0, #192]\n"
        "    stp x26, x27, [x0, #208]\n stp x28, x29, [x0, #224]\n mov x1, sp\n stp x30, x1, [x0, #240]\n"
        "    mrs x2, fpcr\n mrs x3, fpsr\n mrs x4, nzcv\n"
        "    str w2, [x0, #768]\n str w3, [x0, #772]\n str w4, [x0, #776]\n msr fpcr, xzr\n"
        "    add x1, x0, #256\n"
        "    stp q0, q1, [x1]\n stp q2, q3, [x1, #32]\n stp q4, q5, [x1, #64]\n stp q6, q7, [x1, #96]\n"
        "    stp q8, q9, [x1, #128]\n stp q10, q11, [x1, #160]\n stp q12, q13, [x1, #192]\n stp q14, q15, [x1, #224]\n"
        "    stp q16, q17, [x1, #256]\n stp q18, q19, [x1, #288]\n stp q20, q21, [x1, #320]\n stp q22, q23, [x1, #352]\n"
        "    stp q24, q25, [x1, #384]\n stp q26, q27, [x1, #416]\n stp q28, q29, [x1, #448]\n stp q30, q31, [x1, #480]\n"
        "    adrp x1, saved_tp\n ldr x1, [x1, :lo12:saved_tp]\n msr tpidr_el0, x1\n"
        "    adrp x1, saved_sp\n ldr x1, [x1, :lo12:saved_sp]\n mov sp, x1\n"
        "    ldp x19, x20, [sp, #16]\n ldp x21, x22, [sp, #32]\n ldp x23, x24, [sp, #48]\n"
        "    ldp x25, x26, [sp, #64]\n ldp x27, x28, [sp, #80]\n"
        "    ldp d8, d9, [sp, #96]\n ldp d10, d11, [sp, #112]\n ldp d12, d13, [sp, #128]\n ldp d14, d15, [sp, #144]\n"
        "    ldp x29, x30, [sp], #176\n ret\n");
/* clang-format on */

static void handler(int sig, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;

    (void)info;
    current->signal = (uint32_t)sig;
    uc->uc_mcontext.pc = (uint64_t)(uintptr_t)back;
}

static void catch_signals(void)
{
    static char stack[65536];
    stack_t ss = {.ss_sp = stack, .ss_size = sizeof(stack)};
    struct sigaction sa = {.sa_sigaction = handler,
                           .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    static const int signals[] = {SIGILL, SIGSEGV, SIGBUS, SIGTRAP};

    sigaltstack(&ss, NULL);
    for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        sigaction(signals[i], &sa, NULL);
}

static int transfer(ssize_t (*fn)(int, void *, size_t), int fd, void *buf, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = fn(fd, (char *)buf + done, size - done);
        if (n <= 0)
            return 0;
        done += (size_t)n;
    }
    return 1;
}

static ssize_t write_any(int fd, void *buf, size_t size)
{
    return write(fd, buf, size);
}

static void *map_at(uint32_t address, size_t size, int protection)
{
    void *p = mmap((void *)(uintptr_t)address, size, protection,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

    if (p != (void *)(uintptr_t)address) {
        perror("mmap");
        exit(1);
    }
    return p;
}

static void place(uint32_t *at, const uint32_t *words, uint32_t length)
{
    int64_t distance = (int64_t)(uintptr_t)back - (int64_t)(uintptr_t)(at + length);

    memcpy(at, words, length * sizeof(*at));
    at[length] = 0x14000000u | ((uint32_t)(distance / 4) & 0x3ffffffu);
}

int main(void)
{
    char *code = map_at(WIRE_CODE, WIRE_STRIDE * WIRE_PROGRAMS, PROT_READ | PROT_WRITE | PROT_EXEC);
    uint8_t *memory = map_at(WIRE_MEMORY, 65536, PROT_READ | PROT_WRITE);
    struct wire_batch b;
    struct wire_state *states = NULL;

    catch_signals();
    while (transfer(read, 0, &b, sizeof(b))) {
        static uint32_t words[WIRE_PROGRAMS * WIRE_LENGTH];
        size_t size = (size_t)b.programs * b.states * sizeof(*states);

        states = realloc(states, size);
        if (!states || b.programs > WIRE_PROGRAMS || b.length > WIRE_LENGTH ||
            !transfer(read, 0, words, b.programs * b.length * sizeof(words[0])) ||
            !transfer(read, 0, states, size))
            return 1;
        for (uint32_t i = 0; i < b.programs; i++)
            place((uint32_t *)(void *)(code + i * WIRE_STRIDE), words + i * b.length, b.length);
        __builtin___clear_cache(code, code + b.programs * WIRE_STRIDE);
        for (size_t i = 0; i < (size_t)b.programs * b.states; i++) {
            memcpy(memory, states[i].memory, WIRE_WINDOW);
            states[i].signal = 0;
            run_one(&states[i]);
            memcpy(states[i].memory, memory, WIRE_WINDOW);
        }
        if (!transfer(write_any, 1, states, size))
            return 1;
    }
    return 0;
}
