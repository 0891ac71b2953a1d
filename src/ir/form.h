/* What each operation does with the fields of struct ir_inst: how they are written as text, and
 * which values they may have.  Used by the printer, the parser and the verifier. */
#pragma once
#include "ir/ir.h"

/* How attr is written: after a dot, a name for its low bits (`mask`), then names of single bits. */
struct ir_attr_form {
    const char *const *names; /* or NULL; an empty string is a value that does not exist */
    uint8_t name_count, mask; /* mask: bits that the name, or the number, takes */
    bool number;              /* the low bits are a plain number */
    const char *bits[8];      /* by bit number; NULL: must be clear */
};

enum ir_imm_form {
    IR_IMM_NONE, /* must be 0 */
    IR_IMM_HEX,  /* after the arguments */
    IR_IMM_DEC,
    IR_IMM_FIELD,   /* low byte, next byte: two decimal numbers */
    IR_IMM_SLOT,    /* before the arguments, by the slot's name */
    IR_IMM_LOCAL,   /* l0 */
    IR_IMM_LABEL,   /* L0 */
    IR_IMM_ADDRESS, /* [a + b<<scale + imm] in place of the first argument(s) */
};

struct ir_form {
    const struct ir_attr_form *attr;
    uint8_t imm;             /* enum ir_imm_form */
    uint16_t types;          /* masks of 1 << enum ir_type: what the instruction's type may be, */
    uint16_t lanes;          /* what lane may be (VOID unless the mask says so), */
    uint16_t lanes_optional; /* and where VOID will do too: instruction types for which it may be
                                left out */
};
extern const struct ir_form ir_form[IR_OP_COUNT];

static inline bool ir_form_has(uint16_t mask, unsigned type)
{
    return type < IR_TYPE_COUNT && (mask >> type & 1);
}

/* The letter of the signature for the result; and for argument i, '?' skipped (0: there is none).
 */
static inline char ir_sig_result(enum ir_op op)
{
    return ir_op_info[op].sig[0];
}
char ir_sig_arg(enum ir_op op, unsigned i, bool *optional);
/* True if the instruction's type is written out: it does not follow from the operation. */
static inline bool ir_sig_typed(enum ir_op op)
{
    char r = ir_sig_result(op);
    return r == 'T' || r == 'V';
}
