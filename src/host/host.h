/* What the engine knows of a way to run IR. */
#pragma once
#include "guest/cpu.h"
#include "ir/ir.h"

/* Room in the code cache to compile into.  Code is written through `rw` and runs at rw + exec_delta:
 * two mappings of the same memory, so that nothing is ever writable and executable. */
struct host_buffer {
    uint8_t *rw;
    ptrdiff_t exec_delta;
    size_t size; /* bytes available */
};

/* A place in compiled code that leaves for a known guest PC and can be linked to its translation. */
struct host_site {
    uint32_t offset; /* from the code's start */
    uint64_t target; /* guest PC */
};

/* Where compiled code depends on where something lies; what a cache on disk must mend. */
struct host_reloc {
    uint32_t offset;
    uint8_t kind; /* enum host_reloc_kind */
    uint64_t value;
};
enum host_reloc_kind { HOST_RELOC_GUEST_PC64, HOST_RELOC_GUEST_PC32 };

/* What compiling one unit gives.  The arrays are in the unit's arena: the engine copies what it keeps. */
struct host_code {
    size_t size;        /* bytes used at buffer.rw */
    uint32_t entry;     /* offset to run from */
    struct host_site *sites;
    uint32_t site_count;
    struct host_reloc *relocs;
    uint32_t reloc_count;
    const void *map;    /* side table for host.locate, in the host's own form */
    uint32_t map_size;
};

/* A compiled unit as the engine hands it back to its host. */
struct host_unit {
    const uint8_t *code; /* executable address */
    size_t size;
    const void *map;
    uint32_t map_size;
    uint64_t pc; /* guest PC of the entry */
};

struct host {
    const char *name; /* "interp", "x64" */
    bool follows;     /* units that go on behind jumps, and counted polls, are worth making */
    /* Once a process, before anything else; false with a logged reason if this machine cannot. `stubs` is
     * room for code shared by all units; its size is what was used, on return. */
    bool (*init)(const struct guest *guest, struct host_buffer *stubs);
    bool (*cpu_init)(struct cpu *cpu);
    void (*cpu_exit)(struct cpu *cpu);
    /* It will not be used for a while: gives memory back that it may have much of. NULL: there is none. */
    void (*cpu_rest)(struct cpu *cpu);
    /* 0; -ENOSPC if the buffer is too small (nothing is kept). */
    int (*compile)(const struct ir_unit *u, const struct host_buffer *buf, struct host_code *out);
    /* Runs translated code from `code` until something leaves it: all slots are exact on return (with a site, all but
     * cpu's PC, which is the site's target), exit_reason, exit_detail and exit_site say why (exit_reason NONE with a site: link
     * me; NONE without: look up PC). */
    void (*enter)(struct cpu *cpu, const void *code);
    /* Makes the site at exec address `site` go to `target` (exec address), or NULL: back to the engine.
     * Atomic with regard to threads that run the code. rw_delta: rw minus exec addresses. */
    void (*link)(const void *site, ptrdiff_t rw_delta, const void *target);
    /* A host signal (fault; SIGFPE: an exception that the guest unmasked, exit_detail its vector) came at `ucontext` while cpu was running. If it was in the code of a unit
     * (`hu` found by the engine from the PC, or NULL) or in this host's own runtime: makes every slot and
     * PC exact for the guest instruction that faulted, completes cpu->fault.address where the host does
     * not tell it, and alters the context so that enter() returns. Else false. With exit_reason IR_EXIT_ALIGN it was
     * no fault, but how the host finds a misaligned access. Async-signal-safe. */
    bool (*recover)(struct cpu *cpu, const struct host_unit *hu, void *ucontext);
    /* Forget call/return pairs: they may name code about to be freed, or of another mode. */
    void (*forget_returns)(struct cpu *cpu);
    /* Host code as text for dumps, one instruction; its length. NULL if dumps use the Capstone tool. */
    unsigned (*disassemble)(const uint8_t *code, size_t n, uint64_t pc, char *out, size_t size);
    /* A number that is another where units would be compiled to other code (features of the processor). NULL: 0. */
    uint64_t (*variant)(void);
    /* Runs IR_X87 and its kin: the guest's x87 is its own while code runs, and in the guest's slots when enter returns. */
    bool x87;
    /* For --stats: what this host counted, into the log. NULL: nothing. */
    void (*report)(void);
};

extern const struct host host_interp, host_x64;
/* By name; NULL if this build has none of that name. */
const struct host *host_by_name(const char *name);
/* Whether the byte at this address can be read now: tells a read's fault from a write's where an instruction does
 * both. Async-signal-safe. */
bool host_readable(uint64_t address);
/* The fastest this machine can run. */
const struct host *host_best(void);
