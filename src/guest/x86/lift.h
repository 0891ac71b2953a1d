/* What a lift has at hand: the unit it appends to, operands as values, flags, addresses, traps.
 *
 * Rules for lifts.  SETs come after everything in the instruction that may fault or trap (loads, stores,
 * x86_trap_if), so that the state is exact when it does.  A register is read once, before it is written.  Values do
 * not live across labels: use locals there.  A lift that ends the unit sets l->ended. */
#pragma once
#include "guest/guest.h"
#include "guest/x86/decode.h"
#include "guest/x86/state.h"
#include "ir/build.h"
#include "x86_isa.h"

/* The lifts' arguments in the tables. */
enum x86_alu { X86_ADD, X86_OR, X86_ADC, X86_SBB, X86_AND, X86_SUB, X86_XOR, X86_CMP, X86_TEST };
enum x86_shift { X86_ROL, X86_ROR, X86_RCL, X86_RCR, X86_SHL, X86_SHR, X86_SAR };
enum x86_far { X86_FAR_CALL, X86_FAR_JMP, X86_FAR_RET, X86_FAR_IRET };
enum x86_rights { X86_LAR, X86_LSL, X86_VERR, X86_VERW };
enum x86_int { X86_INT_3, X86_INT_N, X86_INT_O, X86_INT_1 };
enum x86_loop { X86_LOOPNE, X86_LOOPE, X86_LOOP, X86_JCXZ };
enum x86_flag { X86_CMC, X86_CLC, X86_STC, X86_CLD, X86_STD };
enum x86_bit { X86_BT, X86_BTS, X86_BTR, X86_BTC };
enum x86_bmi { X86_ANDN, X86_BLSR, X86_BLSMSK, X86_BLSI, X86_BEXTR, X86_BZHI };
enum x86_packed { X86_DQ2PS, X86_PS2DQ, X86_TPS2DQ, X86_TPD2DQ, X86_DQ2PD, X86_PD2DQ };
enum x86_fma { X86_FMADDSUB, X86_FMSUBADD, X86_FMADD, X86_FMSUB, X86_FNMADD, X86_FNMSUB };
enum x86_x87 { X86_FADD, X86_FMUL, X86_FCOM, X86_FCOMP, X86_FSUB, X86_FSUBR, X86_FDIV, X86_FDIVR, X86_FUCOM, X86_FUCOMP };
#define X86_X87_INT   0x100 /* the operand in memory is an integer */
#define X86_X87_POP   0x200
#define X86_X87_TRUNC 0x400
#define X86_X87_BCD   0x800
#define X86_X87_RAW   0x1000 /* an empty register is no error */
/* A vector operation of the IR. */
#define X86_V(op, lane, attr, imm) ((unsigned)(op) | (unsigned)(lane) << 8 | (unsigned)(attr) << 16 | (unsigned)(imm) << 24)
#define X86_V_SWAP     0x80000000u /* arguments the other way round */
#define X86_ATTR(a)    ((unsigned)(a) << 16)
#define X86_VAND       X86_V(IR_VAND, IR_VOID, 0, 0)
#define X86_VOR        X86_V(IR_VOR, IR_VOID, 0, 0)
#define X86_VXOR       X86_V(IR_VXOR, IR_VOID, 0, 0)
#define X86_VNAND      (X86_V(IR_VANDN, IR_VOID, 0, 0) | X86_V_SWAP)
#define X86_VSHR(lane) X86_V(IR_VSHRI, lane, 0, 0)
#define X86_VSAR(lane) X86_V(IR_VSHRI, lane, 1, 0)
#define X86_VSHL(lane) X86_V(IR_VSHLI, lane, 0, 0)
#define X86_GATHER(index, element) ((index) << 8 | (element))
#define X86_FMA(form, op) ((form) << 8 | (op))

struct x86_trap {
    unsigned label;
    uint64_t pc;
    uint16_t vector;
    bool mode; /* not an exception: the key has changed */
};

/* An address in guest memory. */
struct x86_address {
    ir_ref base, index; /* i64; index may be IR_NONE */
    int64_t disp;
    unsigned scale;
    bool wraps; /* at 4 GiB */
};

struct x86_lift {
    struct ir_unit *u;
    const struct guest_request *rq;
    uint64_t pc;   /* of this instruction */
    uint64_t next; /* of the one after it */
    bool mode64;
    bool ended; /* the unit has ended: translate() appends no JUMP */
    bool has_address;
    struct x86_address address; /* of this instruction, if has_address */
    int rsp_bias; /* POP to memory: the address is computed with RSP already moved */
    bool x87_in_slots; /* what GET and SET of the x87's slots are about; known since the last x87 instruction or label */
    unsigned trap_count;
    struct x86_trap traps[64];
};

/* IR_HELPER numbers. */
enum x86_helper {
    X86_HELPER_DIV128,  /* RDX:RAX by arg: RAX, RDX; or status */
    X86_HELPER_IDIV128, /* likewise, signed */
    X86_HELPER_CPUID,
    X86_HELPER_XGETBV, /* EDX:EAX; or status */
    X86_HELPER_RDTSC,
    X86_HELPER_RDRAND, /* RAX-sized random number into register arg */
    X86_HELPER_SEGMENT, /* loads segment register arg >> 16 with selector arg & 0xffff; or status, with the error code */
    X86_HELPER_RIGHTS,  /* arg: selector, enum x86_rights << 16, register << 20, its size << 24; ZF */
    X86_HELPER_CHECK_CS, /* status: may selector arg be loaded into CS? */
    X86_HELPER_LOAD_CS,  /* loads it, which is allowed: 32- or 64-bit mode from then on */
    X86_HELPER_BCD,       /* arg: which << 8 | immediate */
    X86_HELPER_SHA,       /* arg: which << 8 | immediate; on the scratch slots */
    X86_HELPER_PCMPSTR,   /* arg: likewise, W << 16; RCX or XMM0, flags */
    X86_HELPER_X87,       /* arg: X87_ARG of x87.h */
    X86_HELPER_CLOCK,     /* the vdso's: arg 0: the time, 1: the resolution */
    X86_HELPER_COUNT
};

static inline enum ir_type x86_int_type(unsigned size)
{
    return size == 1 ? IR_I8 : size == 2 ? IR_I16 : size == 4 ? IR_I32 : IR_I64;
}
static inline unsigned x86_bits(struct x86_lift *l, ir_ref v)
{
    return 8 * ir_type_size(ir_type_of(l->u, v));
}
static inline ir_ref x86_zext(struct x86_lift *l, enum ir_type t, ir_ref v)
{
    return ir_conv(l->u, IR_ZEXT, t, v);
}
static inline ir_ref x86_trunc(struct x86_lift *l, enum ir_type t, ir_ref v)
{
    return ir_conv(l->u, IR_TRUNC, t, v);
}

/* General register n: its low `size` bytes; written as the processor does (4 bytes clear the rest, 1 and 2 keep it). */
ir_ref x86_gpr(struct x86_lift *l, unsigned n, unsigned size);
void x86_set_gpr(struct x86_lift *l, unsigned n, ir_ref v);

/* Operand i as an integer of its size; written, a register or memory. */
ir_ref x86_read(struct x86_lift *l, const struct x86_insn *in, unsigned i);
void x86_write(struct x86_lift *l, const struct x86_insn *in, unsigned i, ir_ref v);

/* The flags slot. */
static inline ir_ref x86_flags(struct x86_lift *l)
{
    return ir_get(l->u, IR_FLAGS, X86_FLAGS);
}
static inline void x86_set_flags(struct x86_lift *l, ir_ref f)
{
    ir_set(l->u, X86_FLAGS, f);
}
/* Only the fields in mask. */
void x86_set_flags_masked(struct x86_lift *l, ir_ref f, uint32_t mask);
/* Flags with C and O from i1 values and S, Z, P of `result`. */
ir_ref x86_flags_of(struct x86_lift *l, ir_ref result, ir_ref c, ir_ref o);
/* 0 or `bit` of an i1, as i32. */
ir_ref x86_flag_bit(struct x86_lift *l, ir_ref cond, uint32_t bit);

/* The operand in memory; computed once for an instruction (again after a label: x86_label). */
struct x86_address x86_address(struct x86_lift *l, const struct x86_insn *in);
/* The offset alone, as LEA has it, as i64. */
ir_ref x86_offset(struct x86_lift *l, const struct x86_insn *in);
/* segment:offset; offset an i64, which wraps at the address size `size`. */
struct x86_address x86_linear(struct x86_lift *l, const struct x86_insn *in, ir_ref offset, unsigned segment);
ir_ref x86_address_value(struct x86_lift *l, struct x86_address a);
static inline struct x86_address x86_plus(struct x86_address a, int64_t disp)
{
    a.disp += disp;
    return a;
}
/* The same for what the processor moves as a whole, vectors: with 32-bit addresses in 64-bit mode the operand goes on beyond 4 GiB, where
 * x86_plus begins again at 0, as processors do between the parts that they move one by one. */
struct x86_address x86_plus_in_line(struct x86_lift *l, struct x86_address a, int64_t disp);
/* Its part of an access's attr. */
static inline unsigned x86_address_attr(struct x86_address a)
{
    return a.scale | (a.wraps ? IR_MEM_WRAP32 : 0);
}
/* x86's loads acquire and its stores release. `mem` is the type in memory. */
ir_ref x86_load_as(struct x86_lift *l, enum ir_type t, enum ir_type mem, struct x86_address a, unsigned attr);
void x86_store_as(struct x86_lift *l, enum ir_type mem, struct x86_address a, ir_ref v, unsigned attr);
static inline ir_ref x86_load(struct x86_lift *l, enum ir_type t, struct x86_address a)
{
    return x86_load_as(l, t, t, a, 0);
}
static inline void x86_store(struct x86_lift *l, struct x86_address a, ir_ref v)
{
    x86_store_as(l, ir_type_of(l->u, v), a, v, 0);
}
void x86_label(struct x86_lift *l, unsigned label);

/* The stack: push one value of its own size; load what lies `disp` above RSP; move RSP (after what may fault). */
void x86_push(struct x86_lift *l, const struct x86_insn *in, ir_ref v);
ir_ref x86_stack_load(struct x86_lift *l, const struct x86_insn *in, enum ir_type t, int64_t disp);
void x86_stack_move(struct x86_lift *l, ir_ref by);
static inline void x86_stack_move_by(struct x86_lift *l, int64_t by)
{
    x86_stack_move(l, ir_const(l->u, IR_I64, (uint64_t)by));
}

/* Raises an exception if cond holds; slots must not have been written yet. */
void x86_trap_if(struct x86_lift *l, ir_ref cond, enum x86_vector vector);
/* The same if a helper left something else than 0 in the status slot. */
void x86_trap_if_status(struct x86_lift *l, enum x86_vector vector);
/* Raises #MF if an x87 exception is pending; the x87 is in its slots. */
void x86_trap_if_pending(struct x86_lift *l);
/* The unit ends here if cond holds, because the key has changed; all is set. */
void x86_mode_changed_if(struct x86_lift *l, ir_ref cond);
/* Ends the unit with an exception. `pc`: what the guest sees. */
void x86_trap(struct x86_lift *l, enum x86_vector vector, uint64_t pc);
void x86_undefined(struct x86_lift *l);
/* Ends the unit at a known address (within 4 GiB or 64 KiB as mode and operand size have it), or at a value. */
void x86_jump(struct x86_lift *l, const struct x86_insn *in, uint64_t target);
uint64_t x86_target(const struct x86_lift *l, const struct x86_insn *in);
/* The condition, an x86 condition code, on the flags slot. */
static inline ir_ref x86_cond(struct x86_lift *l, unsigned cc)
{
    return ir_cond(l->u, (enum ir_cc)cc, x86_flags(l));
}
/* MXCSR with its flags, as i32; and set from an i32 (the unit must end then). */
ir_ref x86_mxcsr_value(struct x86_lift *l);
void x86_mxcsr_load(struct x86_lift *l, ir_ref v);
/* The unit ends after this instruction because the key may have changed. */
void x86_mode_changed(struct x86_lift *l);
/* Before an instruction that GETs or SETs slots of the x87; #MF if an exception is pending. */
void x86_mmx_begin(struct x86_lift *l);
/* After every MMX instruction: all registers are in use, TOP is 0. */
void x86_mmx_used(struct x86_lift *l);
/* Makes of the instruction lifted from `first` on one that raises #XM (lift_xm.c). mmx: it uses MMX registers, whose state
 * is there even then. */
void x86_guard_fp(struct x86_lift *l, ir_ref first, bool mmx);
/* After an x87 instruction that was lifted to helpers: it is the last one, with its operand. */
void x86_x87_remember(struct x86_lift *l, const struct x86_insn *in);
/* Lifts an x87 instruction to the host's own, where the host has it; false: not this one, or no such host. */
bool x86_lift_x87_host(struct x86_lift *l, const struct x86_insn *in);
