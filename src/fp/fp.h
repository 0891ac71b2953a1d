/* Software floating point: bit- and flag-exact IEEE 754 arithmetic in integer code only, as the
 * Arm and x86 manuals define it.  The evaluator of the IR is built on it, and backends call these
 * functions for what the host's instructions do not do the guest's way.
 *
 * A number is its bit pattern in the low bits of a uint64_t; higher bits are ignored in arguments
 * and zero in results.  struct fp_status says how to compute (env) and collects FP_* in flags. */
#pragma once
#include "ir/eval.h"

/* The functions for one format.  The names are FP_FUNCTIONS(32)'s fp32_add(a, b, s) and so on; fp16
 * is half-precision arithmetic (env.flush_half decides about flushing). */
#define FP_FUNCTIONS(bits)                                                                         \
    FP_FUNCTION2(bits, add)                                                                        \
    FP_FUNCTION2(bits, sub)                                                                        \
    FP_FUNCTION2(bits, mul)                                                                        \
    FP_FUNCTION2(bits, mulx) /* Arm FMULX */                                                       \
    FP_FUNCTION2(bits, div)                                                                        \
    FP_FUNCTION2(bits, abd) /* |a - b| */                                                          \
    FP_FUNCTION2(bits, min)                                                                        \
    FP_FUNCTION2(bits, max)                                                                        \
    FP_FUNCTION2(bits, minnm)                                                                      \
    FP_FUNCTION2(bits, maxnm)                                                                      \
    FP_FUNCTION2(bits, min_x86) /* MINPS: b unless a < b */                                        \
    FP_FUNCTION2(bits, max_x86)                                                                    \
    FP_FUNCTION2(bits, recps)  /* Arm FRECPS */                                                    \
    FP_FUNCTION2(bits, rsqrts) /* Arm FRSQRTS */                                                   \
    FP_FUNCTION1(bits, sqrt)                                                                       \
    FP_FUNCTION1(bits, recpe)  /* Arm FRECPE */                                                    \
    FP_FUNCTION1(bits, rsqrte) /* Arm FRSQRTE */                                                   \
    FP_FUNCTION1(bits, recpx)  /* Arm FRECPX */                                                    \
    /* a + b * c, rounded once */                                                                  \
    uint64_t fp##bits##_fma(uint64_t a, uint64_t b, uint64_t c, struct fp_status *s);              \
    /* `signalling`: quiet NaNs raise FP_INVALID too */                                            \
    enum fp_order fp##bits##_compare(uint64_t a, uint64_t b, bool signalling,                      \
                                     struct fp_status *s);                                         \
    /* to integral in the same format; `exact`: raise FP_INEXACT */                                \
    uint64_t fp##bits##_rint(uint64_t a, enum fp_round round, bool exact, struct fp_status *s);    \
    /* Arm FRINT32/FRINT64: size 32 or 64 bits; out of range: the most negative integer */         \
    uint64_t fp##bits##_rint_sized(uint64_t a, enum fp_round round, unsigned size,                 \
                                   struct fp_status *s);                                           \
    /* a * 2^fraction to an integer of `size` (1..64) bits, saturating, NaN: 0 (zero-extended) */  \
    uint64_t fp##bits##_to_int(uint64_t a, enum fp_round round, unsigned size, bool is_signed,     \
                               unsigned fraction, struct fp_status *s);                            \
    /* v / 2^fraction; v is already extended to 64 bits */                                         \
    uint64_t fp##bits##_from_int(uint64_t v, bool is_signed, unsigned fraction,                    \
                                 struct fp_status *s);

#define FP_FUNCTION1(bits, name) uint64_t fp##bits##_##name(uint64_t a, struct fp_status *s);
#define FP_FUNCTION2(bits, name)                                                                   \
    uint64_t fp##bits##_##name(uint64_t a, uint64_t b, struct fp_status *s);

enum fp_order { FP_LESS, FP_EQUAL, FP_GREATER, FP_UNORDERED };

FP_FUNCTIONS(16)
FP_FUNCTIONS(32)
FP_FUNCTIONS(64)

#undef FP_FUNCTION1
#undef FP_FUNCTION2

/* From one format to another: IR_F16, IR_F32 or IR_F64, different ones. env.alt_half says which
 * f16; flush_half has no say in conversions.  FP_ROUND_CURRENT means env.round here and above. */
uint64_t fp_convert(enum ir_type to, enum ir_type from, uint64_t a, enum fp_round round,
                    struct fp_status *s);

/* f32 to the bits of a bfloat16 (Arm BFCVT). */
uint64_t fp_to_bfloat(uint64_t a, struct fp_status *s);
/* Arm BFDOT's lane without FEAT_EBF16: acc + (a0*b0 + a1*b1), every step rounded to odd; acc an
 * f32, the others bfloat16. No environment, no flags. */
uint32_t fp_bfloat_dot(uint32_t acc, uint16_t a0, uint16_t b0, uint16_t a1, uint16_t b1);

/* Arm FMLAL's lane: f32 acc + f16 a * f16 b, rounded once. */
uint64_t fp_fma_half(uint64_t acc, uint64_t a, uint64_t b, struct fp_status *s);

/* Arm FJCVTZS of an f64; *exact is the Z flag. */
uint32_t fp_to_int_js(uint64_t a, bool *exact, struct fp_status *s);

/* Arm URECPE, URSQRTE. */
uint32_t fp_unsigned_recpe(uint32_t a);
uint32_t fp_unsigned_rsqrte(uint32_t a);
