/* The architectural state of an x86 thread in user mode, 32 or 64 bits, and the names of its slots.
 * docs/x86.md says why it is laid out so. */
#pragma once
#include "guest/cpu.h"

struct x86_state {
    uint64_t r[16]; /* RAX RCX RDX RBX RSP RBP RSI RDI R8..R15; 32-bit: the first eight, zero-extended */
    uint64_t rip;
    uint32_t flags;  /* OF SF ZF AF PF CF, in the layout of IR_FLAG_* */
    uint32_t eflags; /* the others that user mode can change, at their places: TF NT AC ID */
    uint64_t df;     /* 1 or -1: what string instructions go on by */
    uint64_t base[6]; /* of ES CS SS DS FS GS */
    uint32_t selector[6];
    uint64_t tls[3]; /* the descriptors that Linux's set_thread_area makes */
    uint32_t mode64;
    uint32_t mxcsr;  /* without the cumulative flags, which are in cpu.fp and the host FPU */
    uint32_t status; /* what a helper says: 0, or the exception to raise */
    uint32_t fcw;    /* x87 control word */
    uint32_t fsw;    /* x87 status word without TOP */
    uint32_t top;    /* 0..7 */
    uint32_t tags;   /* bit i: physical register i is in use */
    uint32_t fop;    /* last x87 instruction: opcode, whether it and an operand have selectors, addresses */
    uint32_t fcs, fds;
    uint64_t fip, fdp;
    _Alignas(16) uint64_t st[8][2]; /* by physical number: 80 bits; MMX is the low 64 */
    _Alignas(16) uint64_t xmm[16][2];
    _Alignas(16) uint64_t ymmh[16][2]; /* the upper halves */
    _Alignas(16) uint64_t scratch[10][2]; /* helpers' operands; images of x87 state */
};

enum x86_slot {
    X86_R0, /* .. X86_R0 + 15 */
    X86_PC = 16,
    X86_FLAGS,
    X86_EFLAGS,
    X86_DF,
    X86_BASE0, /* .. + 5 */
    X86_SELECTOR0 = X86_BASE0 + 6,
    X86_MXCSR = X86_SELECTOR0 + 6,
    X86_STATUS,
    X86_FCW,
    X86_FSW,
    X86_TOP,
    X86_TAGS,
    X86_FOP,
    X86_FCS,
    X86_FDS,
    X86_FIP,
    X86_FDP,
    X86_ST0_SLOT, /* .. + 7 */
    X86_XMM0_SLOT = X86_ST0_SLOT + 8, /* .. + 15 */
    X86_YMMH0 = X86_XMM0_SLOT + 16,
    X86_SCRATCH0 = X86_YMMH0 + 16, /* .. + 9 */
    X86_SLOT_COUNT = X86_SCRATCH0 + 10
};

enum x86_segment { X86_ES, X86_CS, X86_SS, X86_DS, X86_FS, X86_GS, X86_NO_SEGMENT };
enum { X86_RAX, X86_RCX, X86_RDX, X86_RBX, X86_RSP, X86_RBP, X86_RSI, X86_RDI };

static inline struct x86_state *x86_state(struct cpu *cpu)
{
    return (struct x86_state *)(void *)cpu->state;
}

/* EFLAGS bits. */
#define X86_EFLAGS_TF     0x100u
#define X86_EFLAGS_IF     0x200u
#define X86_EFLAGS_DF     0x400u
#define X86_EFLAGS_NT     0x4000u
#define X86_EFLAGS_AC     0x40000u
#define X86_EFLAGS_ID     0x200000u
#define X86_EFLAGS_OTHERS (X86_EFLAGS_TF | X86_EFLAGS_NT | X86_EFLAGS_AC | X86_EFLAGS_ID)

/* EFLAGS as PUSHF has it, and set as POPF does. */
uint32_t x86_eflags_get(const struct x86_state *s);
void x86_eflags_set(struct x86_state *s, uint32_t eflags);

/* Linux's descriptors for thread-local storage, entries of the global table, in the processor's form: sets one; false if it is
 * none of them. */
#define X86_TLS_FIRST 12u
bool x86_tls_set(struct x86_state *s, unsigned entry, uint64_t descriptor);
/* An entry of the process's local descriptor table (modify_ldt), likewise: segments that are loaded from then on have that base. */
#define X86_LDT_ENTRIES 8192u
void x86_ldt_set(unsigned entry, uint64_t descriptor);
uint64_t x86_ldt_get(unsigned entry);
/* As MOV to a segment register (X86_ES ...) does; false where that raises an exception. */
bool x86_segment_load(struct cpu *cpu, unsigned segment, unsigned selector);

/* MXCSR with its cumulative bits gathered from everywhere (the cpu is not running), and set; call
 * engine_state_changed afterwards. */
uint32_t x86_mxcsr_get(const struct cpu *cpu);
void x86_mxcsr_set(struct cpu *cpu, uint32_t mxcsr);

/* The state that XSAVE knows, in its standard form: FXSAVE's 512 bytes, the header with the components that are there, the
 * upper halves of the YMM registers.  `mode64` is FXSAVE's form.  The cpu is not running; after a set call
 * engine_state_changed.  Setting initialises the components that `present` has not; false (and nothing changed) for reserved bits in
 * MXCSR. */
#define X86_XSAVE_SIZE  832u
#define X86_XSAVE_X87   1u
#define X86_XSAVE_SSE   2u
#define X86_XSAVE_AVX   4u
#define X86_XSAVE_ALL   7u
#define X86_FXSAVE_SIZE 512u
void x86_xsave_get(struct cpu *cpu, uint8_t image[X86_XSAVE_SIZE]);
bool x86_xsave_set(struct cpu *cpu, const uint8_t image[X86_XSAVE_SIZE], uint64_t present);

/* Where the Linux layer put the vdso: only there UD1 with two registers, the second n (0 to 7), asks for a clock.  n 0: the time of the
 * clock in EAX, n 1: its resolution -> RAX seconds (32-bit: EDX:EAX), RCX nanoseconds, or -1: ask the kernel.  Before any
 * translation. */
void x86_set_vdso_range(uint64_t start, uint64_t end);

/* cpu.mode bits: what translations are specialised on. */
#define X86_MODE_64       0x1u
#define X86_MODE_RC       0x6u  /* MXCSR.RC */
#define X86_MODE_FZ       0x8u
#define X86_MODE_DAZ      0x10u
#define X86_MODE_XM       0x40u /* an SSE exception is not masked */
#define X86_MODE_UM       0x80u /* underflow is one of them */
#define X86_MODE_OM       0x100u /* overflow is */
#define X86_MODE_SEGMENTS 0x20u /* 32-bit: ES, CS, SS or DS has a base */

/* Exceptions: IR_EXIT_TRAP's detail, with the error code in the upper 16 of 32 bits. */
enum x86_vector {
    X86_VECTOR_DE = 0,
    X86_VECTOR_DB = 1,
    X86_VECTOR_BP = 3,
    X86_VECTOR_OF = 4,
    X86_VECTOR_BR = 5,
    X86_VECTOR_NP = 11,
    X86_VECTOR_SS = 12,
    X86_VECTOR_GP = 13,
    X86_VECTOR_MF = 16,
    X86_VECTOR_XM = 19,
    X86_VECTOR_SAID = 0xffff, /* only when lifting: which, and the error code, is in the status slot */
};
#define X86_EXCEPTION(vector, error) ((uint32_t)(error) << 16 | (vector))

/* CPUID's answer: leaf and subleaf -> EAX EBX ECX EDX. */
void x86_cpuid(uint32_t leaf, uint32_t subleaf, bool mode64, uint32_t out[4]);
