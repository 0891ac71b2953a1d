/* Types of IR values, condition codes, and the layout of a flags value.  Shared by the IR, its
 * evaluator and both kinds of plug-in. */
#pragma once
#include "support/base.h"

enum ir_type {
    IR_VOID,
    IR_I1, /* a condition; only produced by comparisons and I1 logic */
    IR_I8,
    IR_I16,
    IR_I32,
    IR_I64,
    IR_F16,
    IR_F32,
    IR_F64,
    IR_F80,
    IR_V64,
    IR_V128,
    IR_V256,
    IR_FLAGS,
    IR_TYPE_COUNT
};

/* Size in bytes of a value in memory; I1 has 1, FLAGS has 4, F80 has 16, VOID 0. */
extern const uint8_t ir_type_sizes[IR_TYPE_COUNT];
static inline unsigned ir_type_size(enum ir_type t)
{
    return ir_type_sizes[t];
}
const char *ir_type_name(enum ir_type t); /* "i32" … */
static inline bool ir_type_is_int(enum ir_type t) { return t >= IR_I8 && t <= IR_I64; }
static inline bool ir_type_is_float(enum ir_type t) { return t >= IR_F16 && t <= IR_F80; }
static inline bool ir_type_is_vector(enum ir_type t) { return t >= IR_V64 && t <= IR_V256; }

/* Conditions on a flags value: the sixteen of x86, in x86's encoding order, over OF CF ZF SF PF.
 * A guest whose carry has the other sense after subtraction (Arm) keeps CF = !C in its flags slot;
 * its conditions then map one to one (HS = AE, HI = A, …). */
enum ir_cc {
    IR_CC_O, IR_CC_NO, IR_CC_B, IR_CC_AE, IR_CC_E, IR_CC_NE, IR_CC_BE, IR_CC_A,
    IR_CC_S, IR_CC_NS, IR_CC_P, IR_CC_NP, IR_CC_L, IR_CC_GE, IR_CC_LE, IR_CC_G,
};
static inline enum ir_cc ir_cc_negate(enum ir_cc c) { return (enum ir_cc)((unsigned)c ^ 1u); }

/* CMP uses the same codes for integer comparison: E NE B AE BE A (unsigned) L GE LE G (signed). */

/* A flags value as 32 bits: what x86's LAHF+SETO leave in AX.  It is the layout of every slot of type
 * IR_FLAGS, whatever the host, so that engines can take over from one another in mid-program. */
#define IR_FLAG_O 0x0001u
#define IR_FLAG_C 0x0100u
#define IR_FLAG_P 0x0400u
#define IR_FLAG_A 0x1000u
#define IR_FLAG_Z 0x4000u
#define IR_FLAG_S 0x8000u
#define IR_FLAG_ALL 0xd501u

bool ir_cc_holds(enum ir_cc cc, uint32_t flags);

/* Cumulative floating-point exceptions, in struct fp_status and FPFLAGS_*. */
#define FP_INVALID 0x01u   /* Arm IOC, x86 IE */
#define FP_DIVZERO 0x02u   /* DZC, ZE */
#define FP_OVERFLOW 0x04u  /* OFC, OE */
#define FP_UNDERFLOW 0x08u /* UFC, UE */
#define FP_INEXACT 0x10u   /* IXC, PE */
#define FP_DENORMAL 0x80u  /* IDC (input flushed), or x86 DE */

enum fp_round {
    FP_ROUND_NEAREST, /* ties to even */
    FP_ROUND_UP,
    FP_ROUND_DOWN,
    FP_ROUND_ZERO,
    FP_ROUND_TIES_AWAY,
    FP_ROUND_ODD,     /* FCVTXN */
    FP_ROUND_CURRENT, /* what the unit's fp environment says; only in ir_inst.attr */
};

enum fp_nan_rule {
    FP_NAN_ARM, /* signalling operand first, in operand order; default NaN positive */
    FP_NAN_X86, /* first operand; default NaN negative */
    FP_NAN_CANONICAL, /* always the default NaN (RISC-V) */
};

/* What a translation knows of the floating-point mode (part of its key). */
struct fp_env {
    uint8_t round;      /* enum fp_round */
    uint8_t nan_rule;   /* enum fp_nan_rule */
    bool default_nan;   /* Arm DN */
    bool flush_inputs;  /* Arm FZ, x86 DAZ: f32 and f64 denormal operands are zero */
    bool flush_outputs; /* Arm FZ, x86 FTZ */
    bool flush_half;    /* Arm FZ16: as the two above, for f16 arithmetic */
    bool alt_half;      /* Arm AHP: f16 conversions use the alternative format */
    /* x86, exceptions that are not masked: an exact tiny result underflows too, and whether a result out of range is inexact
     * is asked of the one with an unbounded exponent. */
    bool underflow_traps : 1, overflow_traps : 1;
    bool tiny_before : 1; /* underflow is detected before rounding (Arm) or after (x86) */
};

/* A runtime value, as the evaluator, the interpreter and out-of-line fallbacks see it. */
union ir_value {
    uint64_t u64[4];
    int64_t s64[4];
    uint32_t u32[8];
    int32_t s32[8];
    uint16_t u16[16];
    int16_t s16[16];
    uint8_t u8[32];
    int8_t s8[32];
    float f32[8];
    double f64[4];
};
