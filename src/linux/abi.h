/* What differs between the guests' Linux ABIs: registers of a system call, signal frames, auxv.  One
 * static const struct each (arm64_abi.c). */
#pragma once
#include "support/base.h"
#include <signal.h>

struct cpu;
struct thread;
struct process;
struct signal_action;

/* A fault as the signal frame tells it beyond siginfo. */
struct abi_fault {
    bool present;      /* this signal comes from an instruction's fault */
    bool write, fetch; /* kind of access */
    uint64_t address;
};

struct abi {
    const char *machine;  /* uname and AT_PLATFORM */
    unsigned elf_machine; /* EM_* */
    unsigned syscall_size; /* bytes of the system call instruction */
    /* The number and arguments of the system call just made. */
    uint64_t (*syscall_get)(struct cpu *cpu, uint64_t args[6]);
    void (*syscall_result)(struct cpu *cpu, int64_t result);
    /* Back to before the system call instruction, with its first argument put back. */
    void (*syscall_restart)(struct cpu *cpu, uint64_t nr, uint64_t arg0);
    uint64_t (*pc_get)(const struct cpu *cpu);
    uint64_t (*sp_get)(const struct cpu *cpu);
    /* At the program's start. */
    void (*start)(struct cpu *cpu, uint64_t pc, uint64_t sp);
    /* In a new thread or process: result 0, and sp, tls if nonzero. */
    void (*child)(struct cpu *cpu, uint64_t sp, uint64_t tls, bool set_tls);
    /* Builds a signal frame at or below sp and enters the handler; false if the stack cannot be written. */
    bool (*signal_enter)(struct thread *t, const struct signal_action *action, const siginfo_t *info,
                         const struct abi_fault *fault, uint64_t sp, uint64_t saved_mask);
    /* rt_sigreturn: false if the frame is bad (SIGSEGV). Gives the mask and altstack to restore. */
    bool (*signal_return)(struct thread *t, uint64_t *mask, stack_t *altstack);
    /* Builds the vdso image (whole pages) for mapping at base; its size and the trampoline's offset. */
    size_t (*vdso)(void *image, size_t room, uint64_t base, uint64_t *sigreturn);
    uint64_t (*hwcap)(unsigned which); /* 1 or 2 */
};

extern const struct abi abi_arm64;
