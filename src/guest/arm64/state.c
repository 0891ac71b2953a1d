/* Architectural state as C sees it: FPSR and FPCR. */
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
