/* What differs between the guests' Linux ABIs: registers of a system call, signal frames, auxv. One
 * static const struct each (arm64_abi.c). */
#pragma once
#include "support/base.h"
#include <signal.h>

struct cpu;
struct thread;
struct process;
struct signal_action;

#define ABI_SA_RESTORER 0x04000000u

/* What went wrong with an instruction, beyond siginfo: the ABI turns it into its own fault record.
 */
enum abi_fault {
    ABI_FAULT_READ,
    ABI_FAULT_WRITE,
    ABI_FAULT_FETCH,
    ABI_FAULT_DATA_ALIGN,
    ABI_FAULT_PC_ALIGN,
    ABI_FAULT_INSTRUCTION, /* undefined */
    ABI_FAULT_BREAKPOINT,
};

struct abi {
    const char *machine;   /* uname and AT_PLATFORM */
    unsigned elf_machine;  /* EM_* */
    unsigned min_sigstack; /* sigaltstack refuses less */
    unsigned signal_room;  /* AT_MINSIGSTKSZ */
    /* The signal of a fault at `address` (as the guest used it): notes it in the thread for the
     * frame. */
    void (*fault)(struct thread *t, enum abi_fault kind, bool mapped, uint64_t address);
    /* The number and arguments of the system call just made. */
    uint64_t (*syscall_get)(struct cpu *cpu, uint64_t args[6]);
    void (*syscall_result)(struct cpu *cpu, int64_t result);
    /* Back to before the system call instruction (its result was not set), and forward over it
     * again. */
    void (*syscall_rewind)(struct cpu *cpu);
    void (*syscall_skip)(struct cpu *cpu, int64_t result);
    uint64_t (*untag)(uint64_t address); /* as the kernel reports a faulting address */
    uint64_t (*pc_get)(const struct cpu *cpu);
    uint64_t (*sp_get)(const struct cpu *cpu);
    /* At the program's start. */
    void (*start)(struct cpu *cpu, uint64_t pc, uint64_t sp);
    /* In a new thread or process: result 0, and sp, tls if nonzero. */
    void (*child)(struct cpu *cpu, uint64_t sp, uint64_t tls, bool set_tls);
    /* Builds a signal frame below sp and enters the handler; false if the stack cannot be written.
     */
    bool (*signal_enter)(struct thread *t, const struct signal_action *action,
                         const siginfo_t *info, uint64_t sp, uint64_t saved_mask);
    /* rt_sigreturn in two steps, because the mask comes first: reads the frame's mask; then the
     * registers, and the altstack into *altstack.  False if the frame is bad. */
    bool (*signal_mask)(struct thread *t, uint64_t *mask);
    bool (*signal_return)(struct thread *t, stack_t *altstack);
    /* Builds the vdso image (whole pages) for mapping at base; its size and the trampoline's
     * offset. */
    size_t (*vdso)(void *image, size_t room, uint64_t base, uint64_t *sigreturn);
    uint64_t (*hwcap)(unsigned which); /* 1 or 2 */
};

extern const struct abi abi_arm64;
