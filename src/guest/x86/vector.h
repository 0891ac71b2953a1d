/* Vector operands in lifts: XMM and YMM as one or two halves of 128 bits, MMX as one of 64.  The only place that
 * knows how the registers lie in slots is vector.c. */
#pragma once
#include "guest/x86/lift.h"

/* How many halves the instruction works on, and their type. */
unsigned x86_halves(const struct x86_insn *in);
enum ir_type x86_vtype(const struct x86_insn *in);
/* Half h of operand i; from memory as many bytes as the operand has (of a smaller one, zeros above). */
ir_ref x86_vec(struct x86_lift *l, const struct x86_insn *in, unsigned i, unsigned h);
/* Writes operand i. In a register: a legacy instruction leaves what is above; a VEX one clears it (high NONE). */
void x86_set_vec(struct x86_lift *l, const struct x86_insn *in, unsigned i, ir_ref low, ir_ref high);
/* The XMM register n, low half. */
static inline ir_ref x86_xmm(struct x86_lift *l, unsigned n)
{
    return ir_get(l->u, IR_V128, X86_XMM0_SLOT + n);
}
/* A scalar float operand: a register's low part, or memory. */
ir_ref x86_scalar(struct x86_lift *l, const struct x86_insn *in, unsigned i, enum ir_type t);
/* The row's lane as a float type; is the instruction scalar? */
static inline enum ir_type x86_float(const struct x86_insn *in)
{
    return in->row->lane == IR_I32 ? IR_F32 : IR_F64;
}
/* Operand 0 := operand i with its lowest lane replaced. */
void x86_set_scalar(struct x86_lift *l, const struct x86_insn *in, unsigned i, ir_ref v);

typedef ir_ref x86_unary_fn(struct x86_lift *l, const struct x86_insn *in, unsigned h, ir_ref a);
typedef ir_ref x86_binary_fn(struct x86_lift *l, const struct x86_insn *in, unsigned h, ir_ref a, ir_ref b);
/* Operand 0 := fn of operand 1 (and 2), by halves. */
void x86_each1(struct x86_lift *l, const struct x86_insn *in, x86_unary_fn *fn);
void x86_each2(struct x86_lift *l, const struct x86_insn *in, x86_binary_fn *fn);

/* Shorthand: an operation of the type of a. */
static inline ir_ref x86_op(struct x86_lift *l, enum ir_op op, enum ir_type lane, unsigned attr, uint64_t imm, ir_ref a, ir_ref b)
{
    return ir_vec(l->u, op, ir_type_of(l->u, a), lane, attr, imm, a, b, IR_NONE);
}
/* The same value in every lane. */
ir_ref x86_splat(struct x86_lift *l, enum ir_type t, enum ir_type lane, uint64_t v);
static inline ir_ref x86_zero(struct x86_lift *l, enum ir_type t)
{
    return ir_const(l->u, t, 0);
}
ir_ref x86_lane(struct x86_lift *l, enum ir_type t, enum ir_type lane, unsigned n, ir_ref v);
