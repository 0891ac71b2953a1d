/* What the rest of Demotic knows of an instruction set that programs are built for. */
#pragma once
#include "ir/ir.h"

struct cpu;

/* Reads n bytes of guest code at addr; false where it is not mapped executable. Never raises a signal. */
typedef bool guest_fetch_fn(void *ctx, uint64_t addr, void *buf, size_t n);

struct guest_request {
    uint64_t pc;
    uint32_t mode;      /* from guest.mode, part of the translation's key */
    unsigned max_insns; /* >= 1; 1 for single-stepping */
    guest_fetch_fn *fetch;
    void *fetch_ctx;
    bool stores_end;    /* an instruction that may write memory is the unit's last: it may write into the unit */
    bool x87; /* the host runs IR_X87 and its kin */
};

/* Where in its state a guest keeps its x87: offsets in struct cpu. */
struct guest_x87 {
    uint16_t fcw, fsw, top, tags; /* u32; the status word without TOP; bit i of tags: physical register i is in use */
    uint16_t st;                  /* eight of 16 bytes, by physical number */
    uint16_t fop, fcs, fds;       /* u32; of the last instruction: opcode, whether there are selectors, */
    uint16_t fip, fdp;            /* u64; its address, its operand's */
};

/* A bit of guest.mode's that the engine knows: the guest is stepping itself. Each instruction is a unit, and when it has
 * been executed engine_run returns CPU_EVENT_TRAP with guest.step_trap. */
#define GUEST_MODE_STEPS 0x20000000u

#define GUEST_LOOK_AHEAD 32u /* bytes that flags_dead looks at, at most */

/* One guest-specific helper called by IR_HELPER: may read and write slots in cpu, never guest memory. */
typedef void guest_helper_fn(struct cpu *cpu, uint64_t arg);

struct guest {
    const char *name; /* "arm64" */
    /* Names of the processors it can be, the default first, then NULL; and becoming one (before any
     * translation; false if there is none of that name). */
    const char *const *models;
    bool (*set_model)(const char *name);
    const struct ir_slot *slots;
    unsigned slot_count, pc_slot, sp_slot, flags_slot;
    unsigned insn_align; /* bytes */
    bool announces_code_changes; /* the program says when it has changed code (Arm's IC IVAU); else the engine finds out */
    guest_helper_fn *const *helpers; /* indexed by IR_HELPER's attr */
    unsigned helper_count;
    const struct guest_x87 *x87; /* NULL: it has none */
    uint32_t step_trap; /* of GUEST_MODE_STEPS */
    bool atomics_write; /* a fault of an atomic operation is a write's, even where reading would fault too */
    /* Initial register contents (all else zero). */
    void (*reset)(struct cpu *cpu);
    /* The bits that translations are specialised on, from the state (0: the usual). */
    uint32_t (*mode)(const struct cpu *cpu);
    /* What a mode means for floating point. */
    void (*fp_env)(uint32_t mode, struct fp_env *env);
    /* The guest faulted at `address`, as it used it: true if the mode has changed so that trying the same
     * instruction again may do better (Arm's address tags). NULL: never. */
    bool (*retry_fault)(struct cpu *cpu, uint64_t address);
    /* Decodes from rq->pc and appends IR until a branch, max_insns or a page's end; always ends the
     * unit, at least by a JUMP or an EXIT.  An unallocated instruction becomes IR_EXIT_UNDEFINED; code
     * that cannot be fetched IR_EXIT_FETCH (only as the first instruction: else JUMP there). */
    void (*translate)(struct ir_unit *u, const struct guest_request *rq);
    /* True if the code at pc surely overwrites the flags slot before reading it, and before anything
     * that may fault or leave (looks GUEST_LOOK_AHEAD bytes ahead at most). */
    bool (*flags_dead)(const struct guest_request *rq, uint64_t pc);
    /* One instruction as text; its length in bytes, or 0 if n is too short. */
    unsigned (*disassemble)(uint64_t pc, const uint8_t *bytes, size_t n, char *out, size_t size);
};

extern const struct guest guest_arm64, guest_i386, guest_x86_64;
/* By name or ELF machine number; NULL if there is none. */
const struct guest *guest_by_name(const char *name);
