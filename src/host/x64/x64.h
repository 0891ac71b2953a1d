/* Inside the x64 host: what its files share.
 *
 * Registers of generated code, in every unit alike:
 *
 *   rbp               &cpu->state + 128, so that slots 0..255 take 8-bit displacements
 *   rax               home of the guest's flags slot (layout of IR_FLAG_*)
 *   rsp               generated code's own stack: pairs (guest return PC, host return address)
 *   rcx rdx rsi rdi   temporaries
 *   rbx r8..r15       homes of the hottest I64 slots, x64_target.gpr_home
 *   xmm0..7           temporaries
 *   xmm8..15          homes of the hottest V128 slots
 *   xmm16..31         with AVX-512: far homes, of the next hottest ones.  Instructions do not work on
 *                     them: their values go through temporaries.  What is passed on in one, from turn to
 *                     turn of a loop, is there at once; through memory it takes some seven cycles.
 *
 * A home holds its slot's value wherever the state must be exact: at every guest memory access and
 * at every way out. */
#pragma once
#include "guest/guest.h"
#include "host/host.h"
#include "host/x64/emit.h"
#include <setjmp.h>

#define X64_BIAS      128
#define X64_FLAGS_REG RAX
#define X64_GPR_TEMPS (1u << RCX | 1u << RDX | 1u << RSI | 1u << RDI)
#define X64_XMM_TEMPS 0x00ffu
#define X64_SLOT_MAX  256

/* Offsets in cpu->host_frame. */
enum {
    FRAME_LOCALS = 0, /* 64 of 32 bytes */
    FRAME_XMM = 2048, /* 16 of 16 bytes: registers over a call into C */
    FRAME_GPR = 2304, /* 16 of 8 bytes */
    FRAME_MXCSR =
        2432, /* the guest's, while C runs; its exception flags are folded into cpu->fp by C */
    FRAME_MXCSR_C = 2436, /* C's */
    FRAME_DESC = 2440,    /* which operation a call of AREA_EVAL is for */
    FRAME_IMM = 2448,
    FRAME_RAX = 2456, /* registers set aside by atomic sequences, see FLAGS_AT_FRAME */
    FRAME_RBX = 2464,
    FRAME_FAULTED = 2472, /* recover made enter return */
    FRAME_TMP = 2480,     /* 16 bytes within one sequence */
    FRAME_X87 = 2496,     /* 4 bytes: not 0 while the guest's x87 is in the processor */
    FRAME_FAR = 2512,     /* 16 of 16 bytes: xmm16..31 over a call into C */
    FRAME_SPILLS = 2768,  /* SPILL_MAX of 16 bytes */
};
#define SPILL_MAX 1280
static_assert(FRAME_SPILLS + 16 * SPILL_MAX <= sizeof(((struct cpu *)0)->host_frame),
              "room for spilled values");

enum {
    AREA_EXIT,        /* exit_reason, site and PC are set */
    AREA_EXIT_SITE,   /* call: what it pushes is the site */
    AREA_EXIT_LOOKUP, /* rcx: guest PC */
    AREA_EVAL,        /* call: scratch[3] = ir_eval(scratch[0..2]); keeps all but flags */
    AREA_HELPER,      /* call: cpu->scratch[0]: argument, FRAME_DESC: number; keeps temporaries */
    AREA_RET_MISS,    /* rcx: guest PC that the top pair does not name */
    AREA_FPFLAGS_GET, /* call: scratch[3] */
    AREA_FPFLAGS_SET, /* call: scratch[0] */
    AREA_RET_SENTINEL,
    AREA_X87_IN,      /* call: the guest's x87 into the processor; keeps all but flags */
    AREA_X87_OUT,     /* call: and into its slots */
    AREA_C_EVAL,
    AREA_C_HELPER,
    AREA_C_FPGET,
    AREA_C_FPSET,
    AREA_C_X87_IN,
    AREA_C_X87_OUT,
    AREA_STACK_BASE, /* code_sp of an empty stack */
    AREA_COUNT
};

enum {               /* x64_features */
       X64_AVX2 = 1, /* with AVX */
       X64_BMI = 2,  /* BMI1 and BMI2 */
       X64_FMA = 4,
       X64_LZCNT = 8,   /* LZCNT and TZCNT */
       X64_AVX512 = 16, /* F, BW, DQ, VL */
       X64_AES = 32,
       X64_PCLMUL = 64,
       X64_SHA = 128,
       X64_GFNI = 256,
       X64_BITALG = 512, /* and VPOPCNTDQ, CD */
};
extern uint32_t x64_features;
/* Tests mask features off before host.init; the environment variable DEMOTIC_X64_FEATURES (a
 * number) does the same. */
extern uint32_t x64_features_limit;
bool x64_features_detect(void); /* false: not even x86-64-v2 */
/* Where XSAVE, and so a signal's frame, has zmm16, if there is AVX-512. Async-signal-safe. */
uint32_t x64_zmm16_offset(void);
static inline bool has(uint32_t feature)
{
    return x64_features & feature;
}

/* For tests, from the environment variable DEMOTIC_X64_COMPILE at host.init. */
enum x64_compile_mode {
    X64_COMPILE_NORMAL,
    X64_COMPILE_STRICT, /* "strict": aborts where it would give up */
    X64_COMPILE_TIGHT,  /* "tight": half of the temporaries, so that units do not fit and are given up */
    X64_COMPILE_PLAIN   /* "plain": every unit as those that were given up */
};
extern enum x64_compile_mode x64_compile_mode;
/* For tests (tests/codegen), or NULL: called where a guest instruction's code begins, with the offset in the unit's. */
extern void (*x64_on_insn)(uint32_t offset);

/* What is fixed at init. */
struct ctx;
struct x64_target {
    const struct guest *guest;
    int8_t home[X64_SLOT_MAX]; /* slot -> register (GPR or XMM by the slot's type), or -1 */
    int8_t far[X64_SLOT_MAX];  /* slot -> xmm16..31, or -1 */
    int16_t gpr_slot[16], xmm_slot[32]; /* and back; -1: none */
    unsigned flags_slot, pc_slot;
    const uint8_t *stub_exec, *stub_end; /* executable range of the stubs */
    const uint8_t *exit_plain;           /* leaves without storing homes */
    const uint8_t *entry[AREA_C_EVAL];   /* AREA_EXIT .. */
    void (*enter)(struct cpu *cpu, const void *code);
};
extern struct x64_target x64_target;
/* Which slots get which registers: depends on t->guest and x64_features alone. */
void x64_homes_choose(struct x64_target *t);

/* Where the guest's flags are at an instruction that may fault (side table). */
enum flags_at {
    FLAGS_AT_AX,
    FLAGS_AT_EFLAGS,
    FLAGS_AT_EFLAGS_INV,
    FLAGS_AT_FCMP,
    FLAGS_AT_FCMP_INV,
    FLAGS_AT_FCMP_SWAPPED,
    FLAGS_AT_FCMP_SWAPPED_INV,
    FLAGS_AT_FRAME
};
#define SIDE_RBX_IN_FRAME 8u
#define SIDE_READ_WRITE                                                                            \
    16u /* reads and writes at once: a fault is a read's if reading would fault too */
#define SIDE_WRITES 64u /* a fault is a write's, although it reads */
#define SIDE_ALIGN 128u /* MOVAPS: at an address that is not aligned, a fault is IR_EXIT_ALIGN */
#define SIDE_X87 32u /* a byte follows: the guest instruction's ModRM */

/* What EFLAGS are in terms of the flags value they stand for. */
enum ef_kind { EF_NORMAL, EF_FCMP /* ucomis a, b */, EF_FCMP_SWAPPED /* ucomis b, a */ };

enum loc_class { LOC_NONE, LOC_GPR, LOC_XMM, LOC_FLAGS };
/* Where a value is.  Values that are equal in their low bits may share one. */
struct loc {
    uint8_t cls;
    bool is_const, pc; /* imm; derived from the guest PC */
    uint8_t zw;        /* bits from here up are known to be zero */
    int8_t reg;        /* -1: none.  LOC_FLAGS: a copy in the layout of AX */
    int16_t slot;      /* the slot it is equal to, or -1 */
    int16_t spill;     /* or -1 */
    uint32_t last;     /* index of the last instruction that uses it */
    uint64_t imm;      /* also, LOC_FLAGS in a register: 1 if the copy's CF is inverted */
};

enum {                    /* per instruction, from analysis */
       INST_DEFERRED = 1, /* computed by its only user */
       INST_DONE = 2,     /* emitted with its partner */
};

struct ctx;
/* A call that the unit follows (PAIR). */
struct x64_frame {
    uint64_t pc; /* to return to */
    const struct x64_frame *outer;
};

/* Code out of line, emitted after the unit's body. */
struct ool {
    struct ool *next;
    void (*emit)(struct ctx *c, struct ool *o);
    uint32_t from[4]; /* rel32s that lead here */
    unsigned from_count;
    uint32_t back; /* offset to return to */
    int r[6];      /* registers, as the emitter likes */
    struct x64_mem m[3];
    uint64_t v;
    const struct x64_frame *frame;
    uint32_t inst; /* the IR instruction */
    uint64_t insn_pc;
};

struct ctx {
    struct emit e; /* the first: emit's callback finds the rest */
    const struct ir_unit *u;
    const struct x64_target *t;
    uint32_t i; /* instruction being emitted */
    struct host_code *out;

    /* analysis */
    uint16_t *uses;
    uint32_t *last; /* last user */
    uint8_t *mark;  /* INST_* */
    uint32_t *pair; /* FLAGS_x <-> the arithmetic with the same operands; SHA256H <-> SHA256H2 */
    uint32_t *hint; /* SET by which the value goes into a home */

    /* allocation */
    struct loc *locs;
    uint32_t loc_count, loc_capacity;
    uint32_t *loc_of;
    bool *inv; /* flags value: CF is the inverse of its loc's */
    uint32_t gpr_owner[16], xmm_owner[16];
    uint32_t gpr_locked, xmm_locked;
    uint32_t slot_loc[X64_SLOT_MAX];
    uint32_t spill_owner[SPILL_MAX];
    unsigned spill_high; /* those beyond were never used */

    /* flags */
    uint32_t ef_loc, ax_loc, fs_loc; /* what EFLAGS and AX hold; the value of the flags slot */
    bool ef_inv, ax_inv, fs_inv;
    enum ef_kind ef_kind;
    bool rax_in_frame;
    uint32_t
        keep_args; /* 1: the current instruction still needs flags values it is the last user of */

    enum { X87_UNKNOWN, X87_IN, X87_OUT } x87; /* whether the guest's x87 is in the processor */

    uint64_t insn_pc;
    uint32_t *label_at; /* offsets of labels, ~0: not yet */
    struct {
        uint32_t at, label;
    } * branches;
    uint32_t branch_count, branch_capacity;
    struct ool *ools, **ool_tail;
    uint32_t site_capacity, reloc_capacity;
    uint8_t *side;
    uint32_t side_size, side_capacity, side_offset;
    uint64_t side_pc;
    bool left; /* the body ended */
    const struct x64_frame *frame; /* the calls that were followed and have not returned */
    bool polled; /* the unit has a POLL, at its entry */
    struct x64_own *own; /* its own homes, or NULL (loop.c) */

    bool plain; /* one value after the other, through the evaluator */
    jmp_buf given_up;
};

/* This unit cannot be emitted as it is meant to be, a defect of ours: it is thrown away and compiled
 * plainly instead. */
void give_up(struct ctx *c, const char *why) NORETURN;

static inline const struct ir_inst *inst_of(const struct ctx *c, ir_ref r)
{
    return &c->u->insts[r];
}
static inline unsigned type_bytes(enum ir_type t)
{
    return ir_type_size(t);
}
static inline struct x64_mem mem_cpu(size_t offset)
{
    return mem_at(RBP, (int32_t)offset - X64_BIAS);
}
static inline struct x64_mem mem_frame(unsigned offset)
{
    return mem_cpu(offsetof(struct cpu, host_frame) + offset);
}
static inline struct x64_mem mem_area(unsigned i)
{
    return mem_cpu(offsetof(struct cpu, host_area) + 8 * i);
}
static inline struct x64_mem mem_scratch(unsigned i)
{
    return mem_cpu(offsetof(struct cpu, scratch) + sizeof(union ir_value) * i);
}
static inline struct x64_mem mem_slot(const struct ctx *c, unsigned slot)
{
    return mem_cpu(c->t->guest->slots[slot].offset);
}

/* -- alloc.c
 * ------------------------------------------------------------------------------------------- */
void alloc_analyse(struct ctx *c);
void alloc_begin(struct ctx *c);
/* Ends instruction c->i: frees what is not used again, unlocks. */
void alloc_end_inst(struct ctx *c);
/* Nothing is known any more but slots in their homes (at a label). */
void alloc_forget(struct ctx *c);
struct loc *loc_at(struct ctx *c, ir_ref r);
uint32_t loc_new(struct ctx *c, enum loc_class cls, uint32_t last);
/* The value's class of place. */
enum loc_class class_of(enum ir_type t);
bool value_const(struct ctx *c, ir_ref r, uint64_t *v);
/* A constant that fits a sign-extended 32-bit immediate for operands of sz bytes. */
bool value_imm32(struct ctx *c, ir_ref r, unsigned sz, int32_t *v);
bool value_dies(struct ctx *c, ir_ref r);
/* The value in a register, which stays locked until the end of the instruction. */
int use_gpr(struct ctx *c, ir_ref r);
int use_xmm(struct ctx *c, ir_ref r);
/* Its register, or -1 when it is (only) in memory or constant. */
int in_gpr(struct ctx *c, ir_ref r);
/* True if it is in memory and in no register: *m is its place. */
bool in_mem(struct ctx *c, ir_ref r, struct x64_mem *m);
/* Copies into a given register. */
void move_to_gpr(struct ctx *c, int dst, ir_ref r);
void move_to_xmm(struct ctx *c, int dst, ir_ref r);
/* A scratch register until the end of the instruction. */
int tmp_gpr(struct ctx *c);
int tmp_xmm(struct ctx *c);
/* That very temporary: its value is moved out of the way. */
void take_gpr(struct ctx *c, int reg);
void take_xmm(struct ctx *c, int reg);
/* A temporary for a place that lives on. */
void loc_own(struct ctx *c, uint32_t loc, int reg);
int loc_load(struct ctx *c, uint32_t loc);
/* The register where value r is to be computed: its home if it may be overwritten now, else `reuse`
 * (the register of an argument that dies here, or -1), else a temporary. Never a register in
 * `avoid`. */
int alloc_target(struct ctx *c, ir_ref r);
int def_gpr(struct ctx *c, ir_ref r, int reuse, uint32_t avoid);
int def_xmm(struct ctx *c, ir_ref r, int reuse, uint32_t avoid);
/* As def_, with a register the caller owns (tmp_ or take_). */
void def_gpr_in(struct ctx *c, ir_ref r, int reg);
/* r is another name of what `of` is. */
void def_same(struct ctx *c, ir_ref r, ir_ref of);
/* The slot gets value r. */
void alloc_set(struct ctx *c, unsigned slot, ir_ref r);
void alloc_get(struct ctx *c, ir_ref r, unsigned slot);
/* Values that are only names of slots go into places of their own (before a helper changes slots).
 */
void alloc_detach_slots(struct ctx *c);

/* -- select_flags.c
 * ------------------------------------------------------------------------------------ */
/* At a unit's start and at labels: AX holds the flags slot, EFLAGS nothing. */
void flags_begin(struct ctx *c);
/* To be called before any instruction that writes EFLAGS. */
void flags_clobber(struct ctx *c);
/* Likewise, but EFLAGS stay for what the instruction itself reads (a carry). */
void flags_save(struct ctx *c);
void flags_get(struct ctx *c, ir_ref r);
/* Until keep_args is cleared: flags value r, or the one condition r is about, must not be lost. */
void flags_keep_for(struct ctx *c, ir_ref r);
/* flags_sync where condition r is still to be computed. */
void flags_sync_for(struct ctx *c, ir_ref r);
/* cmp a, b for operands of sz bytes, in the best form. */
void emit_compare(struct ctx *c, unsigned sz, ir_ref a, ir_ref b);
/* AX holds the flags slot; EFLAGS are left as they are. */
void flags_sync(struct ctx *c);
/* EFLAGS now hold flags value r. */
void flags_produced(struct ctx *c, ir_ref r, enum ef_kind kind);
/* True if EFLAGS hold something that would have to be saved. */
bool flags_busy(struct ctx *c);
/* Before the flags slot changes behind our back: AX holds it, and nothing refers to AX or EFLAGS
 * any more; flags_begin is to follow. */
void flags_detach(struct ctx *c);
/* Where the flags slot is now, for the side table. */
unsigned flags_where(struct ctx *c);
/* Out of line, on a way out of the unit: AX := the flags slot, which was there. */
void flags_leave(struct ctx *c, enum flags_at where);
/* CF := the value's CF. */
void flags_load_carry(struct ctx *c, ir_ref r);
/* A copy in a general register, layout of AX, other bits unspecified. */
int flags_to_gpr(struct ctx *c, ir_ref r);
/* rax may be used as a scratch register from here to flags_rax_end; flags are saved in FRAME_RAX.
 */
bool flags_rax_begin(struct ctx *c);
void flags_rax_end(struct ctx *c, bool saved);
bool select_flags(struct ctx *c, const struct ir_inst *in);
/* True if the flags value is known: *v. */
bool flags_const(const struct ctx *c, ir_ref r, uint32_t *v);
void flags_set(struct ctx *c, ir_ref r);
void flags_select(struct ctx *c, const struct ir_inst *in);

/* A condition in EFLAGS. */
struct cond {
    enum x64_cc cc;
    enum { COND_PLAIN, COND_AND_NP /* cc and not P */, COND_OR_P /* cc or P */ } parity;
};
/* Emits what computes value r (an I1) into EFLAGS. */
struct cond cond_emit(struct ctx *c, ir_ref r);
/* The same for r itself, at its place. */
struct cond cond_compute(struct ctx *c, ir_ref r);
struct cond cond_negate(struct cond k);
/* Jumps if k holds: up to two rel32 in at[]; their number. */
unsigned cond_jump(struct ctx *c, struct cond k, uint32_t at[2]);

/* -- select_*.c: true if they emitted the instruction
 * ----------------------------------------------------- */
bool select_int(struct ctx *c, const struct ir_inst *in);
/* Arithmetic instruction j together with flags operation f of the same operands. */
void select_pair(struct ctx *c, ir_ref j, ir_ref f);
bool select_mem(struct ctx *c, const struct ir_inst *in);
bool select_vec(struct ctx *c, const struct ir_inst *in);
bool select_fp_x86(struct ctx *c, const struct ir_inst *in); /* under x86's rules */
/* Whether scalar operation i can be done in one instruction with the VINS, its only user, that puts the result into lane 0 of
 * a vector: of an operation with two arguments that of the first. Then fp_x86_merge emits both, at the VINS. */
bool fp_x86_merges(const struct ctx *c, uint32_t i, uint32_t user);
void fp_x86_merge(struct ctx *c, const struct ir_inst *vins);
bool select_fp(struct ctx *c, const struct ir_inst *in);
bool select_crypto(struct ctx *c, const struct ir_inst *in);
void select_x87(struct ctx *c, const struct ir_inst *in);
/* The operand of an access to guest memory, at its a, b, imm and scale. */
struct x64_mem mem_guest(struct ctx *c, const struct ir_inst *in);

/* -- x87.c
 * ------------------------------------------------------------------------------------ */
void x87_in(struct cpu *cpu);
void x87_out(struct cpu *cpu);
/* x87_out if it is in the processor. */
void x87_settle(struct cpu *cpu);
bool select_control(struct ctx *c, const struct ir_inst *in);
/* Any value operation through ir_eval. */
void select_eval(struct ctx *c, const struct ir_inst *in);
/* Parts of it for out-of-line code: desc for the call; `st`: through register class and number. */
void eval_call(struct ctx *c, const struct ir_inst *in);
void eval_store_arg(struct ctx *c, unsigned n, ir_ref r);

/* -- x64.c
 * ------------------------------------------------------------------------------------------------
 */
struct ool *ool_new(struct ctx *c, void (*fn)(struct ctx *, struct ool *));
void ool_from(struct ool *o, uint32_t at);
void reloc_add(struct ctx *c, enum host_reloc_kind kind, uint32_t offset, uint64_t value);
/* Loads a constant that depends on the guest PC. */
void emit_guest_pc(struct ctx *c, int reg, uint64_t pc);
/* Before an instruction that may fault: notes where the guest is, for recover. */
void side_note(struct ctx *c, unsigned where);
/* Before an x87 instruction, whose ModRM is the guest's. */
void side_note_x87(struct ctx *c, unsigned modrm);

/* -- loop.c
 * ------------------------------------------------------------------------------------------------- */
/* At a unit's entry: gives it homes of its own if it is a loop that gains by that. */
void loop_begin(struct ctx *c);
/* On a way out: the homes that all units have. Keeps EFLAGS and temporaries. */
void loop_leave(struct ctx *c);
/* The rel32 at offset `at` leads to the loop's top.  Only of a unit with homes of its own. */
void loop_back(struct ctx *c, uint32_t at);
#define LOOP_HEAD_MAX 33
/* What recover must know of that, for the head of the side table; its length. */
unsigned loop_head(const struct ctx *c, uint8_t head[LOOP_HEAD_MAX]);
/* Reads it into gpr_slot, the homes that all units have, or NULL; where it ends. Async-signal-safe. */
const uint8_t *loop_read(const uint8_t *p, int16_t gpr_slot[16]);

/* -- control.c
 * -------------------------------------------------------------------------------------------- */
void emit_jump_index(struct emit *e, int dst, int pc);
bool site_link(const void *site, ptrdiff_t rw_delta, const void *target);
/* Out of line: leaves with IR_EXIT_ALIGN for the current instruction; the address is in `reg`. */
struct ool *exit_align(struct ctx *c, int reg);

/* -- evals.c: which operations go out of line, for --stats
 * ---------------------------------------------------- */
/* Counts a call of the evaluator for what eval_call put together. */
void evals_count(uint64_t desc);
/* Counts a unit that was compiled plainly. */
void evals_count_plain(void);
void evals_report(void);

/* -- stubs.c, recover.c
 * ------------------------------------------------------------------------------------ */
bool stubs_emit(struct x64_target *t, struct host_buffer *buf);
/* The entry of a unit's side table for the instruction at `offset`; false if there is none. */
bool side_find(const struct host_unit *hu, uint32_t offset, uint64_t *pc, unsigned *where, unsigned *modrm);
bool x64_recover(struct cpu *cpu, const struct host_unit *hu, void *ucontext);
void x64_stack_reset(struct cpu *cpu);
#define X64_CODE_STACK (32u << 20)
