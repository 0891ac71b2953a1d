/* The code of the interpreter: what units are lowered to.  Position-independent but for guest PCs: an
 * operation names its handler by number, and cells by their index in the frame. */
#pragma once
#include "guest/guest.h"
#include "host/host.h"
#include <setjmp.h>

/* Integer operations with direct handlers for i32 and i64, and with a constant second argument. */
#define INTERP_BINARY(X) \
    X(ADD) X(SUB) X(MUL) X(AND) X(OR) X(XOR) X(ANDN) X(SHL) X(SHR) X(SAR) X(ROR)
#define INTERP_BINARY_REG(X) \
    X(MULHU) X(MULHS) X(UDIV) X(SDIV) X(UREM) X(SREM) X(EXTR)
#define INTERP_UNARY(X) \
    X(NEG) X(NOT) X(CLZ) X(CTZ) X(POPCNT) X(BSWAP)
#define INTERP_CMP(X) X(E) X(NE) X(B) X(AE) X(BE) X(A) X(L) X(GE) X(LE) X(G)
#define INTERP_CC(X) \
    X(O) X(NO) X(B) X(AE) X(E) X(NE) X(BE) X(A) X(S) X(NS) X(P) X(NP) X(L) X(GE) X(LE) X(G)

#define INTERP_BY_WIDTH(X, name) X(name##32) X(name##64)
#define INTERP_WITH_IMM(X, name) X(name##32) X(name##32_IMM) X(name##64) X(name##64_IMM)
#define INTERP_BY_SIZE(X, name) X(name##_1) X(name##_2) X(name##_4) X(name##_8) X(name##_16) X(name##_32)

/* The other handlers. */
#define INTERP_OTHER(X) \
    X(NOP) X(EVAL) X(EVAL_FP) X(CONST) X(COPY_8) X(COPY_16) X(COPY_32) X(ZEXT_128) X(ZEXT_256) \
    INTERP_BY_SIZE(X, GET) INTERP_BY_SIZE(X, SET) \
    INTERP_BY_WIDTH(X, ADC) INTERP_BY_WIDTH(X, SBC) INTERP_BY_WIDTH(X, SEXT) \
    X(BIG_FRAME) X(BFX) INTERP_BY_WIDTH(X, BFXS) INTERP_BY_WIDTH(X, BFI) X(SELECT_8) X(SELECT_16) X(SELECT_32) \
    INTERP_WITH_IMM(X, FLAGS_ADD) INTERP_WITH_IMM(X, FLAGS_SUB) INTERP_BY_WIDTH(X, FLAGS_ADC) \
    INTERP_BY_WIDTH(X, FLAGS_SBC) INTERP_BY_WIDTH(X, FLAGS_LOGIC) X(FLAGS_MERGE) \
    X(LOAD_1) X(LOAD_2) X(LOAD_4) X(LOAD_8) X(LOAD_16) X(LOADS_1_32) X(LOADS_1_64) X(LOADS_2_32) X(LOADS_2_64) \
    X(LOADS_4_64) X(LOAD_ANY) X(LOADS_ANY) X(STORE_1) X(STORE_2) X(STORE_4) X(STORE_8) X(STORE_16) X(STORE_ANY) \
    X(ATOMIC_RMW) X(ATOMIC_CAS) X(FENCE) X(FPFLAGS_GET) X(FPFLAGS_SET) X(HELPER) \
    X(BR) X(BR_IF) X(JUMP) X(JUMP_POLL) X(JUMP_IF) X(JUMP_IF_POLL) X(JUMP_IND) X(JUMP_NOT) X(POLL) X(EXIT)

enum interp_code {
#define ONE(n) INTERP_##n,
#define WIDTHS(n) INTERP_##n##32, INTERP_##n##64,
#define WITH_IMM(n) INTERP_##n##32, INTERP_##n##32_IMM, INTERP_##n##64, INTERP_##n##64_IMM,
#define CMP(n) INTERP_CMP_##n##32, INTERP_CMP_##n##32_IMM, INTERP_CMP_##n##64, INTERP_CMP_##n##64_IMM,
#define CC(n) INTERP_COND_##n,
    INTERP_OTHER(ONE) INTERP_BINARY(WITH_IMM) INTERP_BINARY_REG(WIDTHS) INTERP_UNARY(WIDTHS) INTERP_CMP(CMP)
    INTERP_CC(CC)
#undef ONE
#undef WIDTHS
#undef WITH_IMM
#undef CMP
#undef CC
    INTERP_CODE_COUNT
};

/* One operation.  Cells are 64-bit words of the frame; a value of more than 64 bits has 2 or 4; bits
 * above a value's type are zero in its first word.  The frame is the struct cpu itself: words of
 * cpu.host_frame, and 64-bit and 128-bit slots where they lie, so that most GETs and SETs need no operation of
 * their own.  A unit with too many values for that begins with BIG_FRAME: its cells are words of
 * interp_cpu.frame and no slots. */
struct interp_op {
    uint16_t code;                     /* enum interp_code */
    uint8_t op, type, lane, attr, arg; /* as in the IR; arg: the first argument's type */
    uint8_t size;                      /* memory: bytes accessed */
    uint16_t dst, a, b, c;
    uint64_t imm;                      /* the IR's, an offset in cpu.state (GET, SET) or a constant */
    union {
        struct {
            int32_t pc;     /* of the guest instruction, from the unit's */
            uint32_t index; /* of this operation: finds the unit's header */
        };
        int64_t skip;           /* BR, BR_IF: operations to the target */
        const void *link;       /* JUMP, JUMP_IF: the target's first operation once linked */
    };
};
static_assert(sizeof(struct interp_op) == 32, "operations are 32 bytes");

struct interp_unit {
    uint16_t marker; /* INTERP_UNIT_MARKER, where an operation has its code: for dumps */
    uint16_t unused;
    uint32_t op_count;
    struct fp_env fp;
    uint64_t pc;
    uint64_t frame_words;
    struct interp_op ops[];
};
static_assert(sizeof(struct interp_unit) == sizeof(struct interp_op), "dumps read both in one stride");
#define INTERP_UNIT_MARKER 0xffff

static inline const struct interp_unit *interp_unit_of(const struct interp_op *op)
{
    return CONTAINER_OF(op - op->index, struct interp_unit, ops);
}

#define INTERP_ZERO_CELL ((unsigned)(offsetof(struct cpu, host_frame) / 8)) /* always zero: the absent argument */
#define INTERP_ZERO_WORDS 4u
#define INTERP_FIRST_CELL (INTERP_ZERO_CELL + INTERP_ZERO_WORDS)
#define INTERP_CPU_WORDS (INTERP_ZERO_CELL + (unsigned)(sizeof(((struct cpu *)0)->host_frame) / 8))
static_assert(INTERP_CPU_WORDS < 0xffff, "indexes of cells are 16 bits");
#define INTERP_BIG_WORDS 65532u

/* A cpu's: */
struct interp_cpu {
    jmp_buf leave; /* out of a faulting access */
    uint64_t frame[INTERP_BIG_WORDS + 4]; /* touched only as far as units need it */
};

/* cpu.host_area */
enum {
    INTERP_AREA_CPU,     /* struct interp_cpu * */
    INTERP_AREA_OP,      /* the operation that accesses guest memory */
    INTERP_AREA_ADDRESS, /* where */
};

struct interp_guest {
    const struct guest *guest;
    unsigned pc_offset; /* of the PC slot in cpu.state */
};
extern struct interp_guest interp_guest;

/* host.disassemble */
unsigned interp_disassemble(const uint8_t *code, size_t n, uint64_t pc, char *out, size_t size);
int interp_compile(const struct ir_unit *u, const struct host_buffer *buf, struct host_code *out);
/* Runs from op until the code leaves; returns by a longjmp to interp_cpu.leave after a fault. */
void interp_run(struct cpu *cpu, const struct interp_op *op);
/* True if host code address pc is where guest memory is accessed. */
bool interp_accesses_at(uintptr_t pc);
