/* What differs between the guests' Linux ABIs: registers of a system call, signal frames, auxv. One
 * static const struct each (arm64_abi.c, x86_abi.c). */
#pragma once
#include "support/base.h"
#include <signal.h>

struct cpu;
struct thread;
struct process;
struct signal_action;
struct guest;

/* The columns of syscalls.def; what structures and flags look like. */
enum abi_kind {
    ABI_ARM64, /* the kernel's generic 64-bit ABI, with a few flags of its own */
    ABI_X86_64,
    ABI_I386,
    ABI_COUNT
};

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

/* What is where in the vdso; 0: not there. */
struct abi_vdso {
    uint64_t rt_sigreturn, sigreturn; /* trampolines */
    uint64_t syscall;                 /* AT_SYSINFO */
};

struct abi {
    enum abi_kind kind;
    const struct guest *guest;
    const char *machine;   /* uname and AT_PLATFORM */
    const char *arch;      /* Debian's name of it, and that of the root it takes by default */
    const char *loader;    /* a root that has this file is one for such programs */
    unsigned elf_machine;  /* EM_* */
    bool bits32;
    unsigned sigreturn_nr; /* rt_sigreturn's number */
    unsigned min_sigstack; /* sigaltstack refuses less */
    unsigned signal_room;  /* AT_MINSIGSTKSZ */
    /* The signal of a fault at `address` (as the guest used it): notes it in the thread for the
     * frame. */
    void (*fault)(struct thread *t, enum abi_fault kind, bool mapped, uint64_t address);
    /* An exception of the guest's own kind (CPU_EVENT_TRAP) becomes its signal. NULL: there are none. */
    void (*trap)(struct thread *t, uint64_t number);
    /* The PC is in no memory of the guest's: true if a call there was done all the same (the vsyscall
     * page).  NULL: never. */
    bool (*fetch)(struct thread *t, uint64_t pc);
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
    /* False if clone's tls argument cannot be used (-EINVAL). NULL: any can. */
    bool (*tls_check)(struct cpu *cpu, uint64_t tls);
    /* Builds a signal frame below sp and enters the handler; false if the stack cannot be written.
     */
    bool (*signal_enter)(struct thread *t, const struct signal_action *action,
                         const siginfo_t *info, uint64_t sp, uint64_t saved_mask);
    /* What the handler's own return instruction does before the trampoline runs (--random-signals). */
    void (*handler_return)(struct cpu *cpu);
    /* rt_sigreturn (rt) and sigreturn in two steps, because the mask comes first: reads the frame's mask; then the
     * registers, and the altstack into *altstack, which the old frame leaves alone.  False if the frame is bad. */
    bool (*signal_mask)(struct thread *t, bool rt, uint64_t *mask);
    bool (*signal_return)(struct thread *t, bool rt, stack_t *altstack);
    /* Builds the vdso image (whole pages) for mapping at base; its size, and the addresses that the
     * process is to know. */
    size_t (*vdso)(void *image, size_t room, uint64_t base, struct abi_vdso *out);
    uint64_t (*hwcap)(unsigned which); /* 1 or 2 */
    void (*cpuinfo)(int fd);           /* writes /proc/cpuinfo */
};

extern const struct abi abi_arm64, abi_x86_64, abi_i386;
/* Of programs for an ELF machine; NULL if there is none. */
const struct abi *abi_of_machine(unsigned elf_machine);
