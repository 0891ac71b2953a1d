/* Owns translations: finds, makes, links, invalidates and evicts them, and runs guest processors.
 * One engine a process; all functions are safe from any thread unless said otherwise. */
#pragma once
#include "guest/cpu.h"
#include "engine/stats.h"
#include "guest/guest.h"
#include "host/host.h"

/* engine_config.regions */
enum {
    REGIONS_NONE,
    REGIONS_AT_ONCE, /* for tests: everything is hot, and the thread that finds it makes a region at once */
    REGIONS_SOON,    /* the same, made in the background */
    REGIONS_HOT      /* as it is meant to be */
};

enum engine_stage { ENGINE_STAGE_LIFTED, ENGINE_STAGE_OPTIMISED, ENGINE_STAGE_COMPILED };

struct engine_config {
    const struct guest *guest;
    const struct host *host;
    size_t cache_bytes;    /* bound of the code cache; 0: 256 MiB */
    unsigned max_insns;    /* of a unit; 0: the default */
    bool no_link, no_opt;  /* for tests */
    bool timed;            /* count the time that translating takes */
    bool chaos;            /* invalidate at random */
    uint64_t chaos_seed;
    /* Called at each stage of each translation if not NULL (dumps); code and size only for COMPILED.  It may alter the
     * unit at LIFTED. */
    void (*on_unit)(void *ctx, int stage /* enum engine_stage */, struct ir_unit *u, const void *code, size_t size);
    void *on_unit_ctx;
    guest_fetch_fn *fetch; /* of guest code */
    void *fetch_ctx;
    const char *disk_dir;    /* where translations are kept, see disk_store_prepare; NULL: nowhere */
    uint64_t disk_limit;     /* bytes there; 0: the default */
    const char *guest_model; /* set_model's, or NULL: part of what they depend on */
    unsigned regions;        /* see above */
    /* Makes a thread of this process that the guest is not to know of, with all signals blocked but those of faults; 0 or an
     * error.  NULL: there can be none. */
    int (*start_thread)(void *(*fn)(void *), void *arg);
    /* A signal that is never blocked, whose handler calls engine_tick for those that engine_is_tick knows; 0: there is none,
     * and so nothing says where hot code is. */
    int tick_signal;
    bool relocate;           /* for tests: units are made for another address and moved, as those from disk */
};

/* NULL with a logged reason. The config is copied. */
struct engine *engine_create(const struct engine_config *config);

/* A processor in its guest's reset state; NULL when out of memory. */
struct cpu *engine_cpu_create(struct engine *e, void *personality);
/* A copy of `from`'s architectural state (fork, clone). */
struct cpu *engine_cpu_clone(const struct cpu *from, void *personality);
void engine_cpu_destroy(struct cpu *cpu);

/* Runs until something concerns the caller; state is exact then.  steps: 0, or return with
 * CPU_EVENT_STEP after that many instructions. */
enum cpu_event engine_run(struct cpu *cpu, uint64_t steps);

/* The translations of the guest bytes [start, start+size) are not to be run again: none is entered after this
 * returns, except by threads in the middle of one. Any context but a signal handler's. */
void engine_invalidate(struct engine *e, uint64_t start, uint64_t size);

/* For guests that announce no changes of code, whose code is write-protected (guard.c); nothing for others.
 * Somebody else than guest code (the kernel in a system call) is about to write there: true if it may have to be tried
 * again because something was protected. Not with the layout lock (memory/guard.h). */
bool engine_about_to_write(struct engine *e, uint64_t start, uint64_t size);
/* The code there, still as it was, is about to change or to stop being executable: as engine_invalidate, but what is found
 * unchanged when it is next wanted need not be translated again. */
void engine_set_aside(struct engine *e, uint64_t start, uint64_t size);
/* With the layout lock held.  What is mapped there, or its protection, is about to be changed. */
void engine_lift_guards(struct engine *e, uint64_t start, uint64_t size);
/* What is mapped there can be written by the guest from now on; it is in the record already. */
void engine_now_writable(struct engine *e, uint64_t start, uint64_t size);

/* The state was changed from outside (PC, FPCR, registers): before the next engine_run. */
void engine_state_changed(struct cpu *cpu);

/* Makes engine_run return CPU_EVENT_INTERRUPT soon, without loss. Async-signal-safe; any thread. */
void engine_interrupt(struct cpu *cpu);

/* A signal of the engine's own came: where the thread is in its code is looked at soon. Async-signal-safe; the cpu's thread. */
void engine_tick(struct cpu *cpu);
bool engine_is_tick(const void *siginfo);

/* To be called first by the host's handler of SIGSEGV, SIGBUS, SIGFPE (siginfo_t *, ucontext_t *): true if it was the
 * guest's fault, and the handler is to return at once; engine_run will then return CPU_EVENT_FAULT, or for SIGFPE
 * CPU_EVENT_TRAP. */
bool engine_fault(struct cpu *cpu, int signal, void *siginfo, void *ucontext);

/* The counters of all cpus, those gone included. */
void engine_stats(struct engine *e, uint64_t out[ENGINE_STAT_COUNT]);

/* What the translations there are now take, in bytes. */
struct engine_sizes {
    uint64_t guest;   /* guest code they were made from; what is in several counts as often */
    uint64_t host;    /* code made of it */
    uint64_t records; /* what is known of them, their exits and side tables */
};
void engine_sizes(struct engine *e, struct engine_sizes *out);

/* Writes what was translated to disk, if that is wanted and worth it: before the process ends or executes another program.
 * cpu: the calling thread's, or NULL.  Does nothing in a process that shares another's memory. */
void engine_save(struct engine *e, struct cpu *cpu);
/* The same at the end of a process for which others do not wait: a child named DISK_SAVER_NAME, which has nothing open, does it.
 * All signals are blocked afterwards; the process is to end. */
void engine_save_behind(struct engine *e);
#define DISK_SAVER_NAME "demotic-save"

/* The way it runs translations. */
const struct host *engine_host(const struct engine *e);

/* The process has no threads but the guest's when this returns, and for a moment more: to be called before what depends on how
 * many there are, or concerns only the calling one, out of engine_run. */
void engine_alone(struct engine *e);

/* Before a fork, without locks: gets translations that children will ask for.  cpu: the calling thread's, out of engine_run. */
void engine_fork_expect(struct engine *e, struct cpu *cpu);
/* Around fork(2): takes the locks; releases them in parent and child (in the child other cpus are gone). */
void engine_fork_prepare(struct engine *e);
void engine_fork_parent(struct engine *e);
void engine_fork_child(struct engine *e, struct cpu *self);
