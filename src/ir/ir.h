/* The intermediate representation.
 *
 * A *unit* is what one translation covers: a guest basic block today, a region later.  It is a flat
 * array of instructions in static single assignment form: an instruction's index is the name of its
 * value.  Guest registers are *slots*, read and written by GET and SET in program order; nothing else
 * outlives a LABEL but slots and local variables, so there are no phis.  The guest's architectural
 * state is exact at every INSN, and (because SETs are in program order, after what may fault in the
 * same guest instruction) at every memory access.
 *
 *     add x0, x1, #4 ; cmp x0, x2 ; b.ls 0x1040        at 0x1000
 *
 *     insn 0x1000, 4
 *     v2 = get.i64 x1
 *     v3 = const.i64 0x4
 *     v4 = add.i64 v2, v3
 *     set x0, v4
 *     insn 0x1004, 4
 *     v7 = get.i64 x2
 *     v8 = flags_sub v4, v7
 *     set nzcv, v8
 *     insn 0x1008, 4
 *     v11 = flags_cond.be v8
 *     jump_if v11, 0x1040
 *     jump 0x100c
 *
 * ops.def lists the operations and says what each means; ir/eval.h computes them. */
#pragma once
#include "ir/types.h"
#include "support/arena.h"

typedef uint32_t ir_ref; /* index of an instruction; its value */
#define IR_NONE 0u       /* instruction 0 is a NOP nobody refers to */

enum ir_op {
#define OP(name, sig, flags, doc) IR_##name,
#include "ir/ops.def"
#undef OP
    IR_OP_COUNT
};

/* ir_op_info.flags */
enum {
    IR_OPF_PURE = 1,
    IR_OPF_COMMUTATIVE = 2,
    IR_OPF_FAULTS = 4,
    IR_OPF_EFFECT = 8,
    IR_OPF_ENDS = 16,
    IR_OPF_FP = 32,
};

struct ir_op_info {
    const char *name; /* lower case, as printed */
    const char *sig;
    uint8_t flags, args;
    const char *doc;
};
extern const struct ir_op_info ir_op_info[IR_OP_COUNT];

struct ir_inst {
    uint8_t op;   /* enum ir_op */
    uint8_t type; /* enum ir_type of the result (VOID: none); for SET, STORE of the value */
    uint8_t lane; /* enum ir_type: element, or type in memory */
    uint8_t attr;
    ir_ref a, b, c;
    uint64_t imm;
};

/* CONST.attr */
#define IR_CONST_PC 1 /* derived from the guest PC: to be relocated with the code's mapping */

/* JUMP, JUMP_IF attr */
#define IR_JUMP_FLAGS_DEAD 1 /* nobody reads the flags slot there: it may hold anything on this way out */

/* LOAD, LOADS, STORE attr.  ATOMIC_* : low bits enum ir_rmw, and IR_MEM_ALIGNED. */
#define IR_MEM_SCALE 0x07   /* b << 0..4 */
#define IR_MEM_MODIFY 0x08  /* LOAD: what is there will be written: a fault is a write's */
#define IR_MEM_ACQUIRE 0x10 /* LOAD, LOADS: later accesses stay later (LDAPR, x86 loads) */
#define IR_MEM_RELEASE 0x10 /* STORE: earlier accesses stay earlier (x86 stores) */
#define IR_MEM_WRAP32 0x20  /* X87_MEM too: the address is the sum's low 32 bits */
#define IR_MEM_SEQ 0x40     /* also ordered among themselves (LDAR, STLR) */
#define IR_MEM_ALIGNED 0x80 /* unaligned: the unit exits with IR_EXIT_ALIGN, nothing done */

enum ir_rmw { IR_RMW_ADD, IR_RMW_ANDN, IR_RMW_XOR, IR_RMW_OR, IR_RMW_SMAX, IR_RMW_SMIN,
              IR_RMW_UMAX, IR_RMW_UMIN, IR_RMW_XCHG, IR_RMW_AND };
/* PREFETCH attr, beside the scale. */
#define IR_PREFETCH_L2 0x10    /* no nearer than the second level */
#define IR_PREFETCH_L3 0x20    /* no nearer than the third */
#define IR_PREFETCH_ONCE 0x40  /* used once: not to push out what is used more often */
#define IR_PREFETCH_WRITE 0x80 /* to be written */

enum ir_fence { IR_FENCE_LOAD, IR_FENCE_STORE, IR_FENCE_FULL };
enum ir_narrow { IR_NARROW_TRUNC, IR_NARROW_SS /* signed to signed, saturating */,
                 IR_NARROW_SU, IR_NARROW_UU };
enum ir_reduce { IR_REDUCE_ADD, IR_REDUCE_SMAX, IR_REDUCE_SMIN, IR_REDUCE_UMAX, IR_REDUCE_UMIN };
enum ir_sha1 { IR_SHA1_C, IR_SHA1_P, IR_SHA1_M, IR_SHA1_H, IR_SHA1_SU0, IR_SHA1_SU1 };
enum ir_sha2 { IR_SHA2_H, IR_SHA2_H2, IR_SHA2_SU0, IR_SHA2_SU1 };
#define IR_FRINT_EXACT 0x80 /* raise inexact */
#define IR_FTOI_SIGNED 0x80
#define IR_FTOI_INDEFINITE 0x40 /* x86: out of range and NaNs give the most negative number */
#define IR_FCMP_FLIP 0x10 /* FCMP signals on quiet NaNs where its condition would not, and the other way round */

/* Why a unit goes back to the engine (EXIT.attr).  imm is the guest PC to go on at. */
enum ir_exit {
    IR_EXIT_NONE,
    IR_EXIT_SYSCALL,     /* PC after the instruction; detail: which, where there are several (x86) */
    IR_EXIT_BREAKPOINT,  /* PC of the instruction; detail its immediate */
    IR_EXIT_UNDEFINED,   /* PC of the instruction; detail its bytes */
    IR_EXIT_ALIGN,       /* PC of the instruction; detail the address */
    IR_EXIT_FETCH,       /* the instruction at PC cannot be fetched; detail: how far behind PC, where it crosses into what cannot */
    IR_EXIT_ICACHE,      /* guest announced changed code in the 64 bytes around detail; PC after */
    IR_EXIT_MODE,        /* the translation key changed (FPCR written); PC after */
    IR_EXIT_MODE_TO,     /* the same; the detail is the PC to go on at (IRET, far transfers) */
    IR_EXIT_YIELD,       /* a spin-wait hint; PC after */
    IR_EXIT_STEP,        /* unit cut short on request (tracing) */
    IR_EXIT_STALE,       /* PC of the unit, which has found that the code it was made from is another now */
    IR_EXIT_TRAP,        /* an exception of the guest's own numbering, its number the detail; PC as the guest has it then */
};

struct ir_slot {
    const char *name;
    uint16_t offset; /* in the guest's state struct, and in struct cpu, which begins with it */
    uint8_t type;    /* enum ir_type */
    uint8_t heat;    /* 0: rarely used; higher: deserves a static host register more */
};

struct ir_unit {
    struct arena *arena; /* owns insts; everything is gone with it */
    const struct ir_slot *slots;
    unsigned slot_count;
    struct ir_inst *insts; /* [0] is a NOP; grown by the builder */
    uint32_t count, capacity;
    uint32_t label_count, local_count;
    uint8_t local_type[64];
    struct fp_env fp;
    uint64_t pc;       /* guest PC of the entry */
    uint32_t size;     /* bytes of guest code covered from pc (contiguous today) */
    uint32_t insn_count;
    bool counts;  /* polls count (cpu.budget) */
    bool follows; /* it goes on behind jumps: a way out in its middle is seldom taken */
    bool steady;  /* it is a loop that was seen to go round without leaving: worth preparing for at its entry */
};

/* An empty unit in `arena`; slots must outlive it. */
void ir_unit_init(struct ir_unit *u, struct arena *arena, const struct ir_slot *slots,
                  unsigned slot_count);

/* Appends; the value's name.  The only way instructions are made.  A CONST's bits above its type are
 * cleared. */
ir_ref ir_emit(struct ir_unit *u, struct ir_inst inst);
/* A new label or local variable number (at most 64 locals). */
unsigned ir_label_new(struct ir_unit *u);
unsigned ir_local_new(struct ir_unit *u, enum ir_type type);

static inline enum ir_type ir_type_of(const struct ir_unit *u, ir_ref r)
{
    return (enum ir_type)u->insts[r].type;
}

/* Text, as in the comment above: one instruction a line, parsed back by ir_parse.  `out` grows in
 * the unit's arena; NUL-terminated. */
char *ir_print(const struct ir_unit *u);
/* One line without newline into buf. Returns the length it wanted. */
size_t ir_print_inst(const struct ir_unit *u, ir_ref r, char *buf, size_t size);

/* Reads text into an empty unit.  On error false, and *error (arena) says "line N: what". */
bool ir_parse(struct ir_unit *u, const char *text, const char **error);

/* Checks what ops.def promises: types, definition before use, nothing but slots and locals across
 * labels, an end.  NULL if fine, else a message in the unit's arena. */
const char *ir_verify(const struct ir_unit *u);
