/* The architectural state of an Arm64 thread at EL0, and the names of its slots. */
#pragma once
#include "guest/cpu.h"

struct arm64_state {
    uint64_t x[31]; /* with sp: the 256 bytes a host reaches with 8-bit displacements */
    uint64_t sp;
    uint64_t pc;
    uint32_t nzcv; /* IR_FLAG_* layout; IR_FLAG_C is the inverse of Arm's C */
    uint32_t fpcr;
    uint64_t excl_addr;   /* exclusive monitor: tag-stripped address, ~0 when open */
    uint64_t excl_val[2]; /* what LDXR/LDXP loaded there */
    uint64_t tpidr, tpidrro;
    _Alignas(16) uint64_t v[32][2];
    uint64_t
        qc[2]; /* nonzero: FPSR.QC; the other cumulative flags are in cpu.fp and the host FPU */
};

enum arm64_slot {
    ARM64_X0, /* .. ARM64_X0 + 30 */
    ARM64_SP = 31,
    ARM64_PC,
    ARM64_NZCV,
    ARM64_FPCR,
    ARM64_EXCL_ADDR,
    ARM64_EXCL_VAL0,
    ARM64_EXCL_VAL1,
    ARM64_TPIDR,
    ARM64_TPIDRRO,
    ARM64_V0, /* .. ARM64_V0 + 31 */
    ARM64_QC = ARM64_V0 + 32,
    ARM64_SLOT_COUNT
};

static inline struct arm64_state *arm64_state(struct cpu *cpu)
{
    return (struct arm64_state *)(void *)cpu->state;
}

/* NZCV as PSTATE has it (bits 31..28) from the slot's layout, and back. */
static inline uint32_t arm64_nzcv_get(uint32_t flags)
{
    return (flags & IR_FLAG_S ? 1u << 31 : 0) | (flags & IR_FLAG_Z ? 1u << 30 : 0) |
           (flags & IR_FLAG_C ? 0 : 1u << 29) | (flags & IR_FLAG_O ? 1u << 28 : 0);
}
static inline uint32_t arm64_nzcv_put(uint32_t pstate)
{
    return (pstate >> 31 & 1 ? IR_FLAG_S : 0) | (pstate >> 30 & 1 ? IR_FLAG_Z : 0) |
           (pstate >> 29 & 1 ? 0 : IR_FLAG_C) | (pstate >> 28 & 1 ? IR_FLAG_O : 0);
}

/* cpu.mode bits: what translations are specialised on. */
#define ARM64_MODE_RMODE 0x3u /* FPCR.RMode: 0 nearest, 1 up, 2 down, 3 zero */
#define ARM64_MODE_FZ    0x4u
#define ARM64_MODE_DN    0x8u
#define ARM64_MODE_FZ16  0x10u
#define ARM64_MODE_AHP   0x20u
#define ARM64_MODE_TBI                                                                             \
    0x40u /* mask address tags: set for the process once a tagged address was seen */

/* What is implemented of FPCR (RMode, FZ, FZ16, DN, AHP; no trapping), and FPSR's cumulative bits
 * (at the places of FP_*) and QC. */
#define ARM64_FPCR_BITS  0x07c80000u
#define ARM64_FPSR_FLAGS 0x9fu
#define ARM64_FPSR_QC    0x08000000u

/* FPSR with its cumulative bits gathered from everywhere (the cpu is not running), and set. */
uint32_t arm64_fpsr_get(struct cpu *cpu);
void arm64_fpsr_set(struct cpu *cpu, uint32_t fpsr);
/* FPCR (only implemented bits are kept); call engine_state_changed afterwards. */
void arm64_fpcr_set(struct cpu *cpu, uint32_t fpcr);

/* Names of the processors it can be, the default first, then NULL; and becoming one (before any translation;
 * false if there is none of that name). */
extern const char *const arm64_models[];
bool arm64_set_model(const char *name);

/* AT_HWCAP and AT_HWCAP2 of Linux: exactly what the model has. */
uint64_t arm64_hwcap(void);
uint64_t arm64_hwcap2(void);
/* MRS of an ID register as Linux shows it to EL0; encoding op0:op1:CRn:CRm:op2. */
uint64_t arm64_id_register(unsigned encoding);

/* Where the Linux layer put the vdso: only there is HLT #0xde00 + n a call of a helper. n 0:
 * clock_gettime, X0 clock id -> X0 0 (or 1: make the system call), X2 seconds, X3 nanoseconds; n 1:
 * the same for CLOCK_REALTIME whatever X0; n 2: clock_getres.  Before any translation. */
void arm64_set_vdso_range(uint64_t start, uint64_t end);
