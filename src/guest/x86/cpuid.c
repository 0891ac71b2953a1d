/* What CPUID says: exactly what is lifted.  A feature's bit is set if every row of the tables that needs it has a lift.
 *
 * The vendor is GenuineIntel, since programs that look for features know few others.  Manual: SDM vol. 2, CPUID. */
#include "guest/x86/helpers.h"
#include "guest/x86/lift.h"
#include <string.h>

enum { EAX, EBX, ECX, EDX };

static const struct {
    uint8_t feature; /* enum x86_feature */
    uint32_t leaf;   /* subleaf 0 */
    uint8_t reg, bit;
} bits[] = {
    {X86_FEATURE_X87, 1, EDX, 0},      {X86_FEATURE_BASE, 1, EDX, 4} /* TSC */, {X86_FEATURE_BASE, 1, EDX, 8} /* CX8 */,
    {X86_FEATURE_BASE, 1, EDX, 11} /* SEP */, {X86_FEATURE_BASE, 1, EDX, 15} /* CMOV */, {X86_FEATURE_BASE, 1, EDX, 19} /* CLFSH */,
    {X86_FEATURE_MMX, 1, EDX, 23},     {X86_FEATURE_BASE, 1, EDX, 24} /* FXSR */, {X86_FEATURE_SSE, 1, EDX, 25},
    {X86_FEATURE_SSE2, 1, EDX, 26},    {X86_FEATURE_SSE3, 1, ECX, 0},    {X86_FEATURE_PCLMUL, 1, ECX, 1},
    {X86_FEATURE_SSSE3, 1, ECX, 9},    {X86_FEATURE_FMA, 1, ECX, 12},    {X86_FEATURE_CX16, 1, ECX, 13},
    {X86_FEATURE_SSE41, 1, ECX, 19},   {X86_FEATURE_SSE42, 1, ECX, 20},  {X86_FEATURE_MOVBE, 1, ECX, 22},
    {X86_FEATURE_POPCNT, 1, ECX, 23},  {X86_FEATURE_AES, 1, ECX, 25},    {X86_FEATURE_XSAVE, 1, ECX, 26},
    {X86_FEATURE_XSAVE, 1, ECX, 27},   {X86_FEATURE_AVX, 1, ECX, 28},    {X86_FEATURE_F16C, 1, ECX, 29},
    {X86_FEATURE_RDRAND, 1, ECX, 30},  {X86_FEATURE_FSGSBASE, 7, EBX, 0}, {X86_FEATURE_BMI1, 7, EBX, 3},
    {X86_FEATURE_AVX2, 7, EBX, 5},     {X86_FEATURE_BMI2, 7, EBX, 8},    {X86_FEATURE_RTM, 7, EBX, 11},
    {X86_FEATURE_RDRAND, 7, EBX, 18} /* RDSEED */, {X86_FEATURE_ADX, 7, EBX, 19}, {X86_FEATURE_SHA, 7, EBX, 29},
    {X86_FEATURE_VAES, 7, ECX, 9},     {X86_FEATURE_VPCLMULQDQ, 7, ECX, 10},
    {X86_FEATURE_RDPID, 7, ECX, 22},   {X86_FEATURE_BMI1, 0x80000001, ECX, 5} /* LZCNT */,
    {X86_FEATURE_BASE, 0x80000001, ECX, 8} /* PREFETCHW */, {X86_FEATURE_XSAVEOPT, 0xd, EAX, 0},
};

const char *const x86_models[] = {"max", NULL};

bool x86_set_model(const char *name)
{
    return strcmp(name, x86_models[0]) == 0;
}

/* All its rows are lifted; AVX and what builds on it need XSAVE too. BASE is what every processor has. */
static bool has(unsigned feature)
{
    if (feature == X86_FEATURE_BASE)
        return true;
    for (unsigned i = 0; i < x86_row_count; i++) {
        const struct x86_row *r = &x86_rows[i];
        if ((r->feature == feature || r->feature256 == feature) && !r->lift)
            return false;
    }
    bool wide = feature == X86_FEATURE_AVX2 || feature == X86_FEATURE_FMA || feature == X86_FEATURE_F16C || feature == X86_FEATURE_VAES ||
                feature == X86_FEATURE_VPCLMULQDQ;
    if (wide)
        return has(X86_FEATURE_AVX);
    return feature == X86_FEATURE_AVX || feature == X86_FEATURE_XSAVEOPT ? has(X86_FEATURE_XSAVE) : true;
}

static void features(uint32_t leaf, uint32_t out[4])
{
    for (size_t i = 0; i < ARRAY_LEN(bits); i++)
        if (bits[i].leaf == leaf && has(bits[i].feature))
            out[bits[i].reg] |= 1u << bits[i].bit;
}

static void text(uint32_t *out, const char *s, unsigned n)
{
    memcpy(out, s, n);
}

void x86_cpuid(uint32_t leaf, uint32_t subleaf, bool mode64, uint32_t out[4])
{
    static const char brand[49] = "Demotic virtual processor";
    memset(out, 0, 4 * sizeof *out);
    switch (leaf) {
    case 0:
        out[EAX] = 0xd;
        text(out + EBX, "Genu", 4);
        text(out + EDX, "ineI", 4);
        text(out + ECX, "ntel", 4);
        break;
    case 1:
        out[EAX] = 0x306c3;     /* family 6 */
        out[EBX] = 8u << 8;     /* CLFLUSH: 64 bytes */
        out[ECX] = 1u << 31;    /* under a hypervisor, which is not far from the truth */
        features(1, out);
        break;
    case 7:
        if (subleaf == 0)
            features(7, out);
        break;
    case 0xd: /* the XSAVE area: x87 and SSE 512, header 64, AVX 256 */
        if (!has(X86_FEATURE_XSAVE))
            break;
        if (subleaf == 0) {
            out[EAX] = 7;
            out[EBX] = out[ECX] = 832;
        } else if (subleaf == 1) {
            features(0xd, out);
        } else if (subleaf == 2) {
            out[EAX] = 256;
            out[EBX] = 576;
        }
        break;
    case 0x80000000: out[EAX] = 0x80000008; break;
    case 0x80000001:
        features(0x80000001, out);
        out[ECX] |= 1; /* LAHF in 64-bit mode */
        out[EDX] = mode64 ? 1u << 11 | 1u << 20 | 1u << 27 | 1u << 29 : 1u << 20 | 1u << 27 | 1u << 29; /* SYSCALL NX RDTSCP LM */
        break;
    case 0x80000002:
    case 0x80000003:
    case 0x80000004: text(out, brand + 16 * (leaf - 0x80000002), 16); break;
    case 0x80000008: out[EAX] = 0x3028; break; /* 40 bits physical, 48 linear */
    default: break;
    }
}
