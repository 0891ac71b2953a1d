/* Helpers: division of 128 bits, BCD, CPUID, clocks, random numbers, MXCSR.
 *
 * What may raise an exception says so in the status slot, where the lift looks. */
#include "guest/x86/helpers.h"
#include "guest/x86/lift.h"
#include <sys/random.h>
#include <time.h>

static void div128(struct cpu *cpu, uint64_t divisor)
{
    struct x86_state *s = x86_state(cpu);
    unsigned __int128 n = (unsigned __int128)s->r[X86_RDX] << 64 | s->r[X86_RAX];
    s->status = divisor <= s->r[X86_RDX]; /* the quotient would not fit, or there is none */
    if (s->status)
        return;
    s->r[X86_RAX] = (uint64_t)(n / divisor);
    s->r[X86_RDX] = (uint64_t)(n % divisor);
}

static void idiv128(struct cpu *cpu, uint64_t divisor)
{
    struct x86_state *s = x86_state(cpu);
    unsigned __int128 n = (unsigned __int128)s->r[X86_RDX] << 64 | s->r[X86_RAX];
    bool negative = s->r[X86_RDX] >> 63, divisor_negative = divisor >> 63;
    unsigned __int128 un = negative ? -n : n;
    uint64_t ud = divisor_negative ? -divisor : divisor;
    s->status = 1;
    if (ud == 0)
        return;
    unsigned __int128 q = un / ud;
    uint64_t r = (uint64_t)(un % ud);
    bool minus = negative != divisor_negative;
    if (q > (minus ? (unsigned __int128)1 << 63 : ((unsigned __int128)1 << 63) - 1))
        return;
    s->status = 0;
    s->r[X86_RAX] = minus ? -(uint64_t)q : (uint64_t)q;
    s->r[X86_RDX] = negative ? -r : r;
}

static uint32_t logic_flags(uint8_t v)
{
    return (v ? 0 : IR_FLAG_Z) | (v & 0x80 ? IR_FLAG_S : 0) | (__builtin_parity(v) ? 0 : IR_FLAG_P);
}

/* DAA (0) and DAS (1). */
static uint32_t decimal_adjust(uint8_t *al, uint32_t flags, bool subtract)
{
    uint8_t old = *al, v = old;
    bool carry = flags & IR_FLAG_C, half = flags & IR_FLAG_A, out = false;
    if ((old & 15) > 9 || half) {
        if (subtract)
            out = carry || old < 6;
        v = (uint8_t)(subtract ? v - 6 : v + 6);
        half = true;
    } else {
        half = false;
    }
    if (old > 0x99 || carry) {
        v = (uint8_t)(subtract ? v - 0x60 : v + 0x60);
        out = true;
    }
    *al = v;
    return logic_flags(v) | (out ? IR_FLAG_C : 0) | (half ? IR_FLAG_A : 0);
}

static void bcd(struct cpu *cpu, uint64_t arg)
{
    struct x86_state *s = x86_state(cpu);
    uint8_t al = (uint8_t)s->r[X86_RAX], ah = (uint8_t)(s->r[X86_RAX] >> 8), by = (uint8_t)arg;
    uint16_t ax = (uint16_t)s->r[X86_RAX];
    bool adjust = (al & 15) > 9 || (s->flags & IR_FLAG_A);
    switch (arg >> 8) {
    case 0:
    case 1:
        s->flags = decimal_adjust(&al, s->flags, arg >> 8);
        ax = (uint16_t)(ah << 8 | al);
        break;
    case 2: /* AAA */
    case 3: /* AAS */
        if (adjust)
            ax = (uint16_t)(arg >> 8 == 2 ? ax + 0x106 : ax - 0x106);
        ax &= 0xff0f;
        s->flags = logic_flags((uint8_t)ax) | (adjust ? IR_FLAG_A | IR_FLAG_C : 0);
        break;
    case 4: /* AAM */
        ax = (uint16_t)(al / by << 8 | al % by);
        s->flags = logic_flags((uint8_t)ax);
        break;
    default: /* AAD */
        ax = (uint8_t)(al + ah * by);
        s->flags = logic_flags((uint8_t)ax);
    }
    s->r[X86_RAX] = (s->r[X86_RAX] & ~0xffffull) | ax;
}

static void cpuid(struct cpu *cpu, uint64_t mode64)
{
    struct x86_state *s = x86_state(cpu);
    uint32_t out[4];
    x86_cpuid((uint32_t)s->r[X86_RAX], (uint32_t)s->r[X86_RCX], mode64, out);
    s->r[X86_RAX] = out[0];
    s->r[X86_RBX] = out[1];
    s->r[X86_RCX] = out[2];
    s->r[X86_RDX] = out[3];
}

static void xgetbv(struct cpu *cpu, uint64_t arg)
{
    struct x86_state *s = x86_state(cpu);
    s->status = (uint32_t)s->r[X86_RCX] > 1;
    if (s->status)
        return;
    s->r[X86_RAX] = 7; /* x87, SSE, AVX */
    s->r[X86_RDX] = 0;
}

/* The time-stamp counter: nanoseconds. */
static void rdtsc(struct cpu *cpu, uint64_t with_processor)
{
    struct x86_state *s = x86_state(cpu);
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t v = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    s->r[X86_RAX] = (uint32_t)v;
    s->r[X86_RDX] = v >> 32;
    if (with_processor)
        s->r[X86_RCX] = 0;
}

static void rdrand(struct cpu *cpu, uint64_t arg)
{
    struct x86_state *s = x86_state(cpu);
    uint64_t v = 0, *r = &s->r[arg & 15];
    unsigned size = (unsigned)(arg >> 8);
    ssize_t n = getrandom(&v, sizeof v, 0);
    (void)n; /* eight bytes always come */
    if (size == 2)
        *r = (*r & ~0xffffull) | (v & 0xffff);
    else
        *r = size == 4 ? (uint32_t)v : v;
}

uint32_t x86_mxcsr_get(const struct cpu *cpu)
{
    uint32_t flags = cpu->fp.flags, v = ((const struct x86_state *)(const void *)cpu->state)->mxcsr & 0xffc0;
    v |= (flags & FP_INVALID ? 1 : 0) | (flags & FP_DENORMAL ? 2 : 0) | (flags & FP_DIVZERO ? 4 : 0);
    return v | (flags & FP_OVERFLOW ? 8 : 0) | (flags & FP_UNDERFLOW ? 16 : 0) | (flags & FP_INEXACT ? 32 : 0);
}

void x86_mxcsr_set(struct cpu *cpu, uint32_t mxcsr)
{
    x86_state(cpu)->mxcsr = mxcsr & 0xffc0;
    cpu->fp.flags = (mxcsr & 1 ? FP_INVALID : 0) | (mxcsr & 2 ? FP_DENORMAL : 0) | (mxcsr & 4 ? FP_DIVZERO : 0) |
                    (mxcsr & 8 ? FP_OVERFLOW : 0) | (mxcsr & 16 ? FP_UNDERFLOW : 0) | (mxcsr & 32 ? FP_INEXACT : 0);
}

uint32_t x86_eflags_get(const struct x86_state *s)
{
    return (s->flags >> 8 & 0xd5) | (s->flags & IR_FLAG_O ? 0x800 : 0) | ((uint32_t)s->df & X86_EFLAGS_DF) | s->eflags |
           X86_EFLAGS_IF | 2;
}

void x86_eflags_set(struct x86_state *s, uint32_t eflags)
{
    s->flags = (eflags & 0xd5) << 8 | (eflags & 0x800 ? IR_FLAG_O : 0);
    s->df = eflags & X86_EFLAGS_DF ? ~0ull : 1;
    s->eflags = eflags & X86_EFLAGS_OTHERS;
}

guest_helper_fn *const x86_helpers[] = {
    [X86_HELPER_DIV128] = div128,
    [X86_HELPER_IDIV128] = idiv128,
    [X86_HELPER_CPUID] = cpuid,
    [X86_HELPER_XGETBV] = xgetbv,
    [X86_HELPER_RDTSC] = rdtsc,
    [X86_HELPER_RDRAND] = rdrand,
    [X86_HELPER_SEGMENT] = x86_helper_segment,
    [X86_HELPER_RIGHTS] = x86_helper_rights,
    [X86_HELPER_CHECK_CS] = x86_helper_check_cs,
    [X86_HELPER_LOAD_CS] = x86_helper_load_cs,
    [X86_HELPER_BCD] = bcd,
    [X86_HELPER_SHA] = x86_helper_sha,
    [X86_HELPER_PCMPSTR] = x86_helper_pcmpstr,
    [X86_HELPER_X87] = x86_helper_x87,
    [X86_HELPER_CLOCK] = x86_helper_clock,
};
static_assert(ARRAY_LEN(x86_helpers) == X86_HELPER_COUNT, "a helper for each number");
