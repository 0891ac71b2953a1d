/* One guest processor, that is one guest thread: its architectural state and what generated code needs
 * at hand.  Hosts know this struct's layout; guests only that their state lies at its start. */
#pragma once
#include "ir/eval.h"

#define CPU_STATE_SIZE 2048
#define CPU_JUMP_BITS 14 /* entries of the indirect-branch cache: 1 << CPU_JUMP_BITS */

#define CPU_JUMPS_NOTED 32u

#define CPU_STATS 32
enum { CPU_BUDGET_BACKWARD, CPU_BUDGET_OTHER, CPU_BUDGETS };

#define CPU_PENDING_INTERRUPT 1u /* engine_interrupt was called */
#define CPU_PENDING_ENGINE 2u    /* the engine wants a quiescent point */
#define CPU_PENDING_SAMPLE 4u    /* the engine wants to see where this thread is */

static_assert(CPU_JUMP_BITS <= 16, "jump_list");

struct engine;
struct host_unit;

struct cpu_jump {
    uint64_t pc;      /* guest PC; of an empty entry: one that belongs elsewhere */
    const void *code; /* its translation's entry */
};
/* Code is found at like offsets in its pages, and pages of like numbers: the bits above are mixed in. */
static inline unsigned cpu_jump_index(uint64_t pc)
{
    return (unsigned)((pc ^ pc >> CPU_JUMP_BITS) >> 2) & ((1u << CPU_JUMP_BITS) - 1);
}
/* The PC in an empty entry: it has another index. */
static inline uint64_t cpu_jump_none(unsigned index)
{
    return index == 0 ? 4 : 0;
}

/* Why engine_run returned. */
enum cpu_event {
    CPU_EVENT_SYSCALL,
    CPU_EVENT_BREAKPOINT, /* detail: immediate */
    CPU_EVENT_UNDEFINED,  /* detail: instruction bytes */
    CPU_EVENT_FAULT,      /* cpu->fault: the guest touched memory it may not */
    CPU_EVENT_FETCH,      /* not executable memory at PC, or where its instruction crosses into: cpu->fault.address */
    CPU_EVENT_ALIGN,      /* detail: address */
    CPU_EVENT_INTERRUPT,  /* engine_interrupt was called */
    CPU_EVENT_YIELD,
    CPU_EVENT_STEP,       /* the requested number of instructions was run */
    CPU_EVENT_TRAP,       /* detail: the guest's number of the exception (x86: vector) */
};

struct cpu_fault {
    int signal;       /* host's SIGSEGV or SIGBUS */
    int code;         /* host's si_code */
    uint64_t address; /* as the guest used it */
    bool write;
};

struct cpu {
    _Alignas(64) unsigned char state[CPU_STATE_SIZE]; /* the guest's struct; slots are offsets here */

    /* Read and written by generated code; a host may reach all of it with a short displacement
     * from `pending`. */
    volatile uint32_t pending; /* CPU_PENDING_*; nonzero: leave at the next poll (backward or indirect branch) */
    volatile int32_t budget[CPU_BUDGETS]; /* polls that count, until the engine wants to see where this thread is; negative: leave.
                                             Another thread's store may be lost until it runs out */
    uint32_t exit_reason;      /* enum ir_exit, or a host's own beyond 0x100 */
    uint64_t exit_detail;
    const void *exit_site;     /* link site that was not linked yet (executable address), or NULL */
    struct cpu_jump *jumps;    /* what generated code looks in: own_jumps, or cpu_jumps_none while something is pending */
    void *host_sp;             /* C stack while generated code runs */
    void *code_sp;             /* generated code's stack (call/return pairs) while C runs */
    void *code_stack;          /* its lowest address, guard page below */
    uint64_t host_area[24];    /* a host's own use */
    struct fp_status fp;       /* env: what the guest's mode says; flags: cumulative, less what the host FPU holds */
    union ir_value scratch[8];
    _Alignas(64) unsigned char host_frame[24576]; /* a host's own use: locals, spilled values */

    /* C only */
    const struct guest *guest;
    struct engine *engine;
    /* The engine's: which unit an address of generated code belongs to. Async-signal-safe. */
    bool (*unit_at)(const struct cpu *cpu, const void *code, struct host_unit *out);
    uint32_t mode;             /* key bits in force */
    struct cpu_fault fault;
    struct cpu_jump *own_jumps; /* 1 << CPU_JUMP_BITS entries, by cpu_jump_index */
    uint32_t jump_count;       /* engine: so many of them were filled in; the first CPU_JUMPS_NOTED are in jump_list */
    uint16_t jump_list[CPU_JUMPS_NOTED];
    volatile bool running;     /* between host.enter and its return */
    volatile bool faulted;     /* host.recover was called for `fault` */
    void *personality;         /* the thread, as the operating-system layer sees it */
    struct cpu *next;          /* engine's list */
    _Atomic uint64_t epoch;    /* engine: last quiescent point, 0 while outside engine_run */
    uint64_t purge_seen;       /* engine: reclamations of code this cpu has taken note of */
    struct arena *arena;       /* engine: for this thread's translations */
    struct recording *recording; /* engine: of a path that this thread notes, or NULL */
    int tick;                  /* engine: kernel's timer for samples of this thread, + 1; 0: not made yet; -1: there is none */
    uint32_t tick_us;          /* engine: how long it was set to */
    uint64_t stat[CPU_STATS];  /* engine/stats.h */
};

/* A table with nothing in it. */
extern struct cpu_jump cpu_jumps_none[1 << CPU_JUMP_BITS];
void cpu_jumps_init(void);

/* Makes generated code leave at the next poll: a look at `pending`, or an indirect branch, which finds nothing in its
 * table. Async-signal-safe; any thread. */
static inline void cpu_set_pending(struct cpu *cpu, uint32_t what)
{
    __atomic_or_fetch(&cpu->pending, what, __ATOMIC_SEQ_CST);
    __atomic_store_n(&cpu->jumps, cpu_jumps_none, __ATOMIC_SEQ_CST);
    for (unsigned i = 0; i < CPU_BUDGETS; i++)
        cpu->budget[i] = -1;
}
/* Before `pending` is looked at: what is set from now on takes the table away again. */
static inline void cpu_restore_jumps(struct cpu *cpu)
{
    if (UNLIKELY(cpu->jumps != cpu->own_jumps))
        __atomic_store_n(&cpu->jumps, cpu->own_jumps, __ATOMIC_SEQ_CST);
}

/* The field of slot s (struct ir_slot *), as an lvalue of `type`. */
#define CPU_SLOT(cpu, type, s) (*(type *)(void *)((cpu)->state + (s)->offset))
