/* The table of operations, made from ops.def. */
#include "ir/ir.h"

#define P IR_OPF_PURE
#define C IR_OPF_COMMUTATIVE
#define M IR_OPF_FAULTS
#define S IR_OPF_EFFECT
#define E IR_OPF_ENDS
#define X IR_OPF_FP

/* A character of a name in lower case.  The compiler does the work: there is nothing to set up. */
#define LOWER(c) (char)((c) >= 'A' && (c) <= 'Z' ? (c) + ('a' - 'A') : (c))
#define AT(s, i) LOWER((s "\0\0\0\0\0\0\0\0\0\0\0\0")[i])
static const char names[IR_OP_COUNT][14] = {
#define OP(op, sig, flags, doc) \
    [IR_##op] = {AT(#op, 0), AT(#op, 1), AT(#op, 2), AT(#op, 3), AT(#op, 4), AT(#op, 5), \
                 AT(#op, 6), AT(#op, 7), AT(#op, 8), AT(#op, 9), AT(#op, 10), AT(#op, 11)},
#include "ir/ops.def"
#undef OP
};

/* Arguments in a signature: the letters after ':' without the '?'. */
#define ARGS(sig) (uint8_t)(sizeof(sig) - 3 - (__builtin_strchr(sig, '?') != 0))

const struct ir_op_info ir_op_info[IR_OP_COUNT] = {
#define OP(op, sig, flags, doc) [IR_##op] = {names[IR_##op], sig, flags, ARGS(sig), doc},
#include "ir/ops.def"
#undef OP
};

#define OP(op, sig, flags, doc) static_assert(sizeof(#op) <= 13, "name too long for names");
#include "ir/ops.def"
#undef OP
