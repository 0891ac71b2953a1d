/* Processes and threads as the guest sees them: what every system call handler finds at hand.
 *
 * A guest thread is a host thread with the same tid; a guest process is a host process.
 * Descriptors, ids, limits, pending signals and the signal mask are the host kernel's own: the
 * guest's mask is the host thread's mask (except that the five synchronous signals stay unblocked
 * on the host, see signal.c), so signalfd, sigtimedwait and friends pass through. */
#pragma once
#include "guest/cpu.h"
#include "linux/abi.h"
#include <pthread.h>
#include <signal.h>

struct engine;
struct ir_unit;

#define SIGNAL_COUNT  64
#define SIGNAL_BIT(s) (1ull << ((s)-1))
/* SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP: never blocked on the host. */
#define SIGNAL_SYNC                                                                                \
    (SIGNAL_BIT(SIGSEGV) | SIGNAL_BIT(SIGBUS) | SIGNAL_BIT(SIGILL) | SIGNAL_BIT(SIGFPE) |          \
     SIGNAL_BIT(SIGTRAP))

/* One of them also carries the engine's timers (engine_tick). */
#define SIGNAL_TICK SIGFPE

/* One guest signal's action, as the guest's rt_sigaction gave it. */
struct signal_action {
    uint64_t handler; /* guest address, or 0 SIG_DFL, 1 SIG_IGN */
    uint64_t flags;   /* SA_* */
    uint64_t restorer;
    uint64_t mask;
};

/* Options that execve hands on to the program that follows. */
struct process_config {
    const char *root;        /* host path of the root, or NULL */
    const char *granted;     /* path_granted's, or NULL */
    bool alone;              /* path_set_alone's */
    const char *engine_name; /* host's name ("interp", "x64"), or NULL: the best */
    const char *cpu_name;    /* or NULL */
    const char *log_path;    /* or NULL: stderr */
    const char *dump;        /* what debug/dump.h prints, or NULL */
    const char *disk_cache;  /* directory where translations are kept, or NULL */
    const char *trace;       /* file of the instruction trace, "-" the log, or NULL */
    bool strace;             /* print system calls */
    bool stats, no_link, no_opt, chaos;
    bool random_signals; /* stress: interrupt threads at random */
    int report_pid;      /* of this process an exit status beyond 255 is told to the log; 0: none */
    bool save_behind;    /* a process ends before its translations are on disk (Wine's server kills those that take long) */
    unsigned max_insns;
    unsigned regions; /* engine_config's */
    uint64_t chaos_seed;
    size_t cache_bytes;
    uint64_t disk_limit; /* bytes in disk_cache, 0: the default */
    bool relocate;       /* for tests: translations are made for elsewhere and moved */
};

/* What belongs to a signal-handler table: all threads of a process have one; fork and vfork copy
 * it. */
struct process {
    pthread_mutex_t lock; /* guards actions and threads; never taken in a signal handler */
    struct signal_action actions[SIGNAL_COUNT]; /* [signal - 1] */
    struct thread *threads;                     /* list by next */
    bool in_parents_memory; /* a vfork child's: must not end while it holds a lock (signals_install) */
    int pid;
    const struct abi *abi;
    struct engine *engine;
    const struct process_config *config;
    void (*on_step)(struct cpu *cpu); /* process_start's */
    void (*on_exit)(struct engine *engine);

    const char
        *exe_guest;       /* path of the program as the guest knows it, absolute (/proc/self/exe) */
    const char *exe_host; /* the same file on the host */
    char **argv;          /* NULL-terminated copy (/proc/self/cmdline) */
    int argc;
    uint64_t auxv[64];    /* as the guest has it on its stack, up to and including AT_NULL (/proc/self/auxv) */
    unsigned auxv_size;   /* bytes used */
    uint32_t personality; /* personality(2) */

    uint64_t stack_low, stack_high;                  /* the first thread's stack mapping */
    uint64_t vdso;                                   /* start of its mapping */
    struct abi_vdso vdso_at;
    uint64_t arg_start, arg_end, env_start, env_end; /* of the strings on the stack */
    uint64_t code_start, code_end, data_start, data_end, brk_start; /* /proc/self/stat */
};

/* A signal that reached the host handler and waits for the run loop to deliver it. */
struct signal_record {
    volatile uint32_t present;
    siginfo_t info;
};

struct thread {
    struct cpu *cpu;
    struct process *process;
    struct thread *next;
    int tid;

    uint64_t mask;                    /* guest's blocked signals */
    uint64_t saved_mask;              /* what ppoll, sigsuspend … will put back, if mask_saved */
    bool mask_saved;                  /* `mask` is the temporary one of such a call */
    volatile uint32_t ticked; /* SIGNAL_TICK interrupted a call that sleeps */
    volatile uint32_t signal_pending; /* nonzero: deliver before running guest code or blocking */
    struct signal_record async; /* everything else is blocked on the host while it is present */
    struct signal_record
        deferred[5]; /* synchronous signals sent with kill while the guest blocks them */
    uint64_t altstack_sp, altstack_size;
    uint32_t altstack_flags; /* SS_* as the guest gave them */
    int restart; /* SYS_ERESTART … of the system call just left, 0: none; see signals.c */
    uint64_t fault_address; /* of the last fault, as the kernel keeps it for signal frames */
    uint64_t fault_code;    /* 0: none yet */

    uint64_t clear_child_tid; /* zeroed and woken at exit, 0: none */
    uint64_t set_child_tid;   /* where a new thread writes its id before it runs, 0: nowhere */
    _Atomic uint32_t born;    /* of a new thread, see threads.c */
    uint64_t robust_head;     /* set_robust_list's */
    size_t robust_size;
    bool vfork_child;     /* runs in the parent's memory, on its own host process */
    bool exiting;         /* leave the run loop */
    volatile bool stress; /* --random-signals: build a signal frame and return from it (stress.c) */
    int exit_status;
    struct thread_tls {        /* i386: set_thread_area's descriptors */
        uint32_t base, limit, flags;
    } tls[3];
    const struct sys_row *row; /* of the system call being made */
    void *low;                 /* sys_low's memory, or NULL */
    uint64_t sigset_pair[3];   /* pselect6's last argument for the host: address, size, the set */
    void *host_altstack; /* where host handlers run */
    void *exec_buffer;   /* an execve's, to be freed by the parent of a vfork child */
};

/* The thread that runs this code; NULL in a host thread that runs no guest. Async-signal-safe. */
struct thread *thread_current(void);

/* For calls that swap the mask while they block (ppoll, pselect6, epoll_pwait, rt_sigsuspend):
 * reads the guest's sigset (address 0: no change, *host is then NULL) into `set`, notes it so that
 * a handler that interrupts the call runs with it, and gives the pointer to hand to the host with
 * size 8.  0, -EFAULT, or -EINVAL (size is not 8). Call just before sys_blocking; the run loop ends
 * it. */
int signal_temporary_mask(struct thread *t, uint64_t guest_set, uint64_t size, uint64_t *set,
                          const uint64_t **host);

/* Starts the program at guest path `path` and runs it; returns
 * the exit status of the process if it ever comes back here.  argv, envp: NULL-terminated. */
struct process_start {
    const struct process_config *config;
    const char *path; /* as the guest would write it */
    char **argv, **envp;
    /* After an execve, which has looked already: the file to load (NULL: path is to be looked at),
     * a descriptor for it or -1, and the guest's name of it. */
    const char *exec_host, *exec_guest;
    int exec_fd, exec_machine; /* EM_* */
    /* The program is for this guest: called before anything depends on it, may fill in the members below. False ends
     * the process with status 64; NULL: nothing to do. */
    bool (*on_guest)(struct process_start *start, const struct guest *guest);
    void *on_guest_ctx;
    /* What the command line wants to be told of (src/debug); all may be NULL. */
    void (*on_unit)(void *ctx, int stage, struct ir_unit *u, const void *code, size_t size);
    void *on_unit_ctx;
    void (*on_step)(
        struct cpu *cpu); /* if set, instructions are run one at a time, this before each */
    void (*on_exit)(struct engine *engine); /* before the process ends by exit or exit_group */
};
int process_run(struct process_start *start);

/* When --exec-internal was the first argument (an execve by a guest): fills config and start from
 * argv, strips them. False if argv is not of that kind. */
bool process_exec_parse(int argc, char **argv, struct process_config *config,
                        struct process_start *start);
