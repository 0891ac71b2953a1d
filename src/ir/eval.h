/* What the operations compute, once, in portable C: used for constant folding, by the interpreter, and
 * by backends as the out-of-line fallback of what they do not emit inline. */
#pragma once
#include "ir/ir.h"

struct fp_status {
    struct fp_env env;
    uint32_t flags; /* FP_*, or-ed into */
};

/* Computes one value operation (flags P or X in ops.def, except CONST, COPY; FPFLAGS_* excluded).
 * Arguments and result lie in the low bytes of ir_value; bytes above the type are ignored in arguments
 * and zero in the result.  arg_type is the first argument's type (ZEXT, TRUNC, CMP, FLAGS_*, FCVT …
 * depend on it). `fp` may be NULL when the operation is not floating point. */
void ir_eval(enum ir_op op, enum ir_type type, enum ir_type lane, unsigned attr, enum ir_type arg_type, uint64_t imm,
             const union ir_value *a, const union ir_value *b, const union ir_value *c, union ir_value *out,
             struct fp_status *fp);

/* The two parts of ir_eval that src/fp defines, with the same contract: operations of the sections
 * "floating point" and "cryptography" of ops.def, FLAGS_FCMP and FLAGS_UCOMI. */
void ir_eval_fp(enum ir_op op, enum ir_type type, enum ir_type lane, unsigned attr, enum ir_type arg_type, uint64_t imm,
                const union ir_value *a, const union ir_value *b, const union ir_value *c, union ir_value *out,
                struct fp_status *fp);
void ir_eval_crypto(enum ir_op op, enum ir_type type, enum ir_type lane, unsigned attr, enum ir_type arg_type, uint64_t imm,
                    const union ir_value *a, const union ir_value *b, const union ir_value *c, union ir_value *out,
                    struct fp_status *fp);
