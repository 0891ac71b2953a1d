/* What this processor has beyond x86-64-v2, found once. */
#include "host/x64/x64.h"
#include <cpuid.h>
#include <stdlib.h>
#include <string.h>
#if __has_include(<sys/platform/x86.h>)
#include <sys/platform/x86.h>
#endif

uint32_t x64_features;
uint32_t x64_features_limit = ~0u;

static uint64_t xcr0(void)
{
    uint32_t lo, hi;
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return (uint64_t)hi << 32 | lo;
}

/* EAX to EDX of CPUID leaf 1, 7 or 0x80000001; zeros if there is none.  The C library has asked already, and in a
 * virtual machine the instruction takes some microseconds. */
static void leaf(uint32_t number, uint32_t out[4])
{
    memset(out, 0, 4 * sizeof *out);
#if __has_include(<sys/platform/x86.h>)
    unsigned index = number == 1 ? CPUID_INDEX_1 : number == 7 ? CPUID_INDEX_7 : CPUID_INDEX_80000001;
    const struct cpuid_feature *f = __x86_get_cpuid_feature_leaf(index);
    memcpy(out, f->cpuid_array, sizeof f->cpuid_array);
#else
    __get_cpuid_count(number, 0, &out[0], &out[1], &out[2], &out[3]);
#endif
}

uint32_t x64_zmm16_offset(void)
{
    static uint32_t offset; /* asked for late: most processes never do */
    uint32_t l[4];
    if (!offset && __get_cpuid_count(13, 7, &l[0], &l[1], &l[2], &l[3]))
        offset = l[1];
    return offset;
}

bool x64_features_detect(void)
{
    uint32_t l1[4], l7[4], lx[4];
    leaf(1, l1);
    leaf(7, l7);
    leaf(0x80000001, lx);
    const uint32_t c = l1[2], b7 = l7[1], c7 = l7[2];
    x64_features = 0;
    const unsigned v2 = 1u | 1u << 9 | 1u << 13 | 1u << 19 | 1u << 20 |
                        1u << 23; /* SSE3 SSSE3 CX16 SSE4.1 SSE4.2 POPCNT */
    if ((c & v2) != v2)
        return false;
    uint32_t f = 0;
    if (c & 1u << 25)
        f |= X64_AES;
    if (c & 1u << 1)
        f |= X64_PCLMUL;
    uint64_t saved = c & 1u << 27 ? xcr0() : 0;
    bool avx = (c & 1u << 28) && (saved & 6) == 6;
    bool fma = c & 1u << 12;
    if (b7 & 1u << 29)
        f |= X64_SHA;
    if (c7 & 1u << 8)
        f |= X64_GFNI;
    if (avx && (b7 & 1u << 5)) {
        f |= X64_AVX2;
        if (fma)
            f |= X64_FMA;
        const unsigned bmi = 1u << 3 | 1u << 8;
        if ((b7 & bmi) == bmi)
            f |= X64_BMI;
        const unsigned avx512 = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31;
        if ((b7 & avx512) == avx512 && (saved & 0xe6) == 0xe6) {
            f |= X64_AVX512;
            if ((b7 & 1u << 28) && (c7 & 1u << 12) && (c7 & 1u << 14))
                f |= X64_BITALG;
        }
    }
    if ((lx[2] & 1u << 5) && (b7 & 1u << 3))
        f |= X64_LZCNT;
    const char *env = getenv("DEMOTIC_X64_FEATURES");
    if (env)
        x64_features_limit &= (uint32_t)strtoul(env, NULL, 0);
    f &= x64_features_limit;
    if (!(f & X64_AVX2))
        f &= ~(uint32_t)(X64_FMA | X64_BMI | X64_AVX512 | X64_BITALG);
    if (!(f & X64_AVX512))
        f &= ~(uint32_t)X64_BITALG;
    x64_features = f;
    return true;
}
