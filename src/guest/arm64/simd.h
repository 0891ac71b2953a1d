/* What the lifts of Advanced SIMD and floating point share: reading and writing V registers,
 * constants, the cumulative saturation flag, and operations that several encodings have in common
 * (three same, by element and their scalar forms compute the same things). */
#pragma once
#include "guest/arm64/state.h"
#include "ir/build.h"

/* The shape one operation works on. */
struct simd {
    struct ir_unit *u;
    enum ir_type t;    /* of the operands: V64, V128 or (floating-point scalars) F16 F32 F64 */
    enum ir_type lane; /* of their elements */
    bool scalar;       /* only element 0 counts, the rest of the register becomes zero */
};

static inline enum ir_type simd_type(bool q)
{
    return q ? IR_V128 : IR_V64;
}
static inline enum ir_type simd_int(unsigned size)
{
    return (enum ir_type)(IR_I8 + size);
}
/* F16, F32, F64 for a log2 size in bytes of 1, 2, 3. */
static inline enum ir_type simd_float(unsigned size)
{
    return (enum ir_type)(IR_F16 + size - 1);
}
/* The integer type of a lane's size. */
static inline enum ir_type simd_int_like(enum ir_type lane)
{
    return ir_type_is_float(lane) ? (enum ir_type)(lane - IR_F16 + IR_I16) : lane;
}
static inline unsigned simd_bits(enum ir_type lane)
{
    return 8 * ir_type_size(lane);
}

/* Shapes: integer vectors, integer scalars (computed in the low element of a V64), floats. */
static inline struct simd simd_ints(struct ir_unit *u, bool q, unsigned size)
{
    return (struct simd){u, simd_type(q), simd_int(size), false};
}
static inline struct simd simd_int_scalar(struct ir_unit *u, unsigned size)
{
    return (struct simd){u, IR_V64, simd_int(size), true};
}
static inline struct simd simd_floats(struct ir_unit *u, bool q, unsigned size)
{
    return (struct simd){u, simd_type(q), simd_float(size), false};
}
static inline struct simd simd_float_scalar(struct ir_unit *u, unsigned size)
{
    return (struct simd){u, simd_float(size), simd_float(size), true};
}

/* An operation of three, two or one argument on the shape: its type and lane, with attr and imm. */
static inline ir_ref simd_op(const struct simd *s, enum ir_op op, unsigned attr, uint64_t imm,
                             ir_ref a, ir_ref b, ir_ref c)
{
    return ir_vec(s->u, op, s->t, s->lane, attr, imm, a, b, c);
}
static inline ir_ref simd_bin(const struct simd *s, enum ir_op op, unsigned attr, uint64_t imm,
                              ir_ref a, ir_ref b)
{
    return simd_op(s, op, attr, imm, a, b, IR_NONE);
}
static inline ir_ref simd_un(const struct simd *s, enum ir_op op, unsigned attr, uint64_t imm,
                             ir_ref a)
{
    return simd_op(s, op, attr, imm, a, IR_NONE, IR_NONE);
}

/* All of Vn. */
static inline ir_ref simd_all(struct ir_unit *u, unsigned n)
{
    return ir_get(u, IR_V128, ARM64_V0 + n);
}
/* Vn (its part that has the shape's type). */
static inline ir_ref simd_get(const struct simd *s, unsigned n)
{
    return ir_get(s->u, s->t, ARM64_V0 + n);
}
/* Vd := v, zero above; for scalar shapes only element 0 of v. */
void simd_set(const struct simd *s, unsigned d, ir_ref v);
/* Vd := v of any vector or float type, zero above. */
void simd_put(struct ir_unit *u, unsigned d, ir_ref v);
/* Element 0 of the vector v, of `lane`'s size, as a V128 with zeros above. */
ir_ref simd_lane0(struct ir_unit *u, enum ir_type lane, ir_ref v);
/* The low (half 0) or high (1) 64 bits of Vn, as a V64. */
ir_ref simd_half(struct ir_unit *u, unsigned n, bool high);
/* Writes a V64 into the low half of Vd (the rest zero), or into its high half (the low half stays).
 */
void simd_put_half(struct ir_unit *u, unsigned d, bool high, ir_ref v);

/* Element i of the V128 v: in every lane, or for floating-point scalars as that. */
ir_ref simd_element(const struct simd *s, ir_ref v, unsigned i);

/* v in every lane. */
ir_ref simd_const(const struct simd *s, uint64_t v);
/* FPSR.QC is set if any bit differs (in element 0, for scalar shapes). */
void simd_qc(const struct simd *s, ir_ref a, ir_ref b);

/* Three operands of one shape.  d is read only by those that accumulate or insert. */
/* clang-format off */
enum simd_kind {
    SIMD_ADD, SIMD_SUB, SIMD_MUL, SIMD_MLA, SIMD_MLS, SIMD_PMUL,
    SIMD_SHADD, SIMD_UHADD, SIMD_SRHADD, SIMD_URHADD, SIMD_SHSUB, SIMD_UHSUB,
    SIMD_SQADD, SIMD_UQADD, SIMD_SQSUB, SIMD_UQSUB,
    SIMD_CMEQ, SIMD_CMGT, SIMD_CMGE, SIMD_CMHI, SIMD_CMHS, SIMD_CMTST,
    SIMD_SSHL, SIMD_USHL, SIMD_SRSHL, SIMD_URSHL, SIMD_SQSHL, SIMD_UQSHL, SIMD_SQRSHL, SIMD_UQRSHL,
    SIMD_SQSHLU, /* by immediates only */
    SIMD_SMAX, SIMD_UMAX, SIMD_SMIN, SIMD_UMIN, SIMD_SABD, SIMD_UABD, SIMD_SABA, SIMD_UABA,
    SIMD_SMAXP, SIMD_UMAXP, SIMD_SMINP, SIMD_UMINP, SIMD_ADDP,
    SIMD_SQDMULH, SIMD_SQRDMULH, SIMD_SQRDMLAH, SIMD_SQRDMLSH,
    SIMD_AND, SIMD_BIC, SIMD_ORR, SIMD_ORN, SIMD_EOR, SIMD_BSL, SIMD_BIT, SIMD_BIF,
    SIMD_SDOT, SIMD_UDOT, SIMD_USDOT, SIMD_SUDOT, SIMD_SMMLA, SIMD_UMMLA, SIMD_USMMLA,
    SIMD_BFDOT, SIMD_BFMMLA,
    SIMD_FADD, SIMD_FSUB, SIMD_FMUL, SIMD_FMULX, SIMD_FNMUL, SIMD_FDIV, SIMD_FABD,
    SIMD_FMAX, SIMD_FMIN, SIMD_FMAXNM, SIMD_FMINNM, SIMD_FMLA, SIMD_FMLS,
    SIMD_FCMEQ, SIMD_FCMGE, SIMD_FCMGT, SIMD_FACGE, SIMD_FACGT, SIMD_FRECPS, SIMD_FRSQRTS,
    SIMD_FADDP, SIMD_FMAXP, SIMD_FMINP, SIMD_FMAXNMP, SIMD_FMINNMP,
    SIMD_KIND_COUNT
};
/* clang-format on */
ir_ref simd_three(const struct simd *s, enum simd_kind kind, ir_ref d, ir_ref n, ir_ref m);
/* d := three(d, n, m), reading d only where it is needed. */
void simd_three_regs(const struct simd *s, enum simd_kind kind, unsigned d, ir_ref n, ir_ref m);

/* A widening multiplication: Vd (1 << (size + 1) bytes an element) gets, or is increased or
 * decreased by, products of the low or high half of the elements. */
struct simd_long {
    unsigned d, size;
    bool high, is_signed, accumulate, subtract, scalar;
};
void simd_multiply_long(struct ir_unit *u, const struct simd_long *a, ir_ref n, ir_ref m);
/* Of doubled products, saturating at each step (SQDMULL, SQDMLAL, SQDMLSL). */
void simd_multiply_long_saturating(struct ir_unit *u, const struct simd_long *a, ir_ref n,
                                   ir_ref m);

/* Vd or its high half := the V128 v with narrower elements (lane: theirs).  Saturation sets QC. */
void simd_narrow(const struct simd *wide, unsigned d, bool high, enum ir_narrow how, ir_ref v);
/* FTOI or ITOF of a floating-point scalar shape, both sides being of its size. */
ir_ref simd_convert_scalar(const struct simd *s, enum ir_op op, unsigned attr, unsigned fraction,
                           ir_ref n);
/* The floating-point number of 1 << size bytes that an 8-bit immediate stands for (VFPExpandImm).
 */
uint64_t simd_expand_imm(unsigned size, uint32_t imm8);
