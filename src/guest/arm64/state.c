/* Architectural state as C sees it: FPSR, FPCR, and what the processor says of itself.
 *
 * The processor is an Armv8.2-A one of no known maker (MIDR implementer 0, "reserved for software
 * use") with the extensions below and without SVE, BTI, PAC, MTE.  Identification registers are
 * what Linux shows to EL0: of fields hidden from it the safe value.  Manual: D19.2; Linux:
 * Documentation/arch/arm64/cpu-feature-registers.rst. */
#include "guest/arm64/state.h"

uint32_t arm64_fpsr_get(struct cpu *cpu)
{
    const struct arm64_state *s = arm64_state(cpu);
    return (cpu->fp.flags & ARM64_FPSR_FLAGS) | (s->qc[0] | s->qc[1] ? ARM64_FPSR_QC : 0);
}

void arm64_fpsr_set(struct cpu *cpu, uint32_t fpsr)
{
    struct arm64_state *s = arm64_state(cpu);
    cpu->fp.flags = fpsr & ARM64_FPSR_FLAGS;
    s->qc[0] = fpsr & ARM64_FPSR_QC ? 1 : 0;
    s->qc[1] = 0;
}

void arm64_fpcr_set(struct cpu *cpu, uint32_t fpcr)
{
    arm64_state(cpu)->fpcr = fpcr & ARM64_FPCR_BITS;
}

#define FIELD(pos, v) ((uint64_t)(v) << (pos))

/* Bits of AT_HWCAP. */
enum {
    HW_FP,
    HW_ASIMD,
    HW_EVTSTRM,
    HW_AES,
    HW_PMULL,
    HW_SHA1,
    HW_SHA2,
    HW_CRC32,
    HW_ATOMICS,
    HW_FPHP,
    HW_ASIMDHP,
    HW_CPUID,
    HW_ASIMDRDM,
    HW_JSCVT,
    HW_FCMA,
    HW_LRCPC,
    HW_DCPOP,
    HW_SHA3,
    HW_SM3,
    HW_SM4,
    HW_ASIMDDP,
    HW_SHA512,
    HW_SVE,
    HW_ASIMDFHM,
    HW_DIT,
    HW_USCAT,
    HW_ILRCPC,
    HW_FLAGM,
    HW_SSBS,
    HW_SB,
};
/* Bits of AT_HWCAP2. */
enum { HW2_FLAGM2 = 7, HW2_FRINT = 8, HW2_I8MM = 13, HW2_BF16 = 14 };

uint64_t arm64_hwcap(void)
{
    static const uint8_t bits[] = {
        HW_FP,   HW_ASIMD,   HW_AES,    HW_PMULL,    HW_SHA1,   HW_SHA2,  HW_CRC32, HW_ATOMICS,
        HW_FPHP, HW_ASIMDHP, HW_CPUID,  HW_ASIMDRDM, HW_JSCVT,  HW_FCMA,  HW_LRCPC, HW_DCPOP,
        HW_SHA3, HW_ASIMDDP, HW_SHA512, HW_ASIMDFHM, HW_ILRCPC, HW_FLAGM, HW_SB,
    };
    uint64_t v = 0;
    for (size_t i = 0; i < ARRAY_LEN(bits); i++)
        v |= FIELD(bits[i], 1);
    return v;
}

uint64_t arm64_hwcap2(void)
{
    return FIELD(HW2_FLAGM2, 1) | FIELD(HW2_FRINT, 1) | FIELD(HW2_I8MM, 1) | FIELD(HW2_BF16, 1);
}

#define ID(crm, op2) (3u << 14 | (crm) << 3 | (op2))

uint64_t arm64_id_register(unsigned encoding)
{
    switch (encoding) {
    case ID(0, 0): /* MIDR */
        return FIELD(16, 0xf) | FIELD(4, 0xde0);
    case ID(0, 5): /* MPIDR: RES1 only */
        return FIELD(31, 1);
    case ID(4, 0): /* PFR0: EL0 and EL1 AArch64 only; FP and AdvSIMD with half precision */
        return FIELD(0, 1) | FIELD(4, 1) | FIELD(16, 1) | FIELD(20, 1);
    case ID(
        6, 0): /* ISAR0: AES+PMULL, SHA1, SHA256+512, CRC32, LSE, RDM, SHA3, DotProd, FHM, FlagM2 */
        return FIELD(4, 2) | FIELD(8, 1) | FIELD(12, 2) | FIELD(16, 1) | FIELD(20, 2) |
               FIELD(28, 1) | FIELD(32, 1) | FIELD(44, 1) | FIELD(48, 1) | FIELD(52, 2);
    case ID(6, 1): /* ISAR1: DPB, JSCVT, FCMA, LRCPC2, FRINTTS, SB, BF16, I8MM */
        return FIELD(0, 1) | FIELD(12, 1) | FIELD(16, 1) | FIELD(20, 2) | FIELD(32, 1) |
               FIELD(36, 1) | FIELD(44, 1) | FIELD(52, 1);
    case ID(7, 0): /* MMFR0: no 4 and 64 KiB granules to be known of (safe values) */
        return FIELD(24, 0xf) | FIELD(28, 0xf);
    default:
        return 0;
    }
}
