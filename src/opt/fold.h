/* What the files of opt_fold share.  Private to src/opt. */
#pragma once
#include "ir/eval.h"
#include "opt/opt.h"

#define FOLD_TABLE_BITS 9 /* at most */

/* opt_fold writes a unit anew: every old instruction goes, with its arguments replaced, through the
 * rules, and what they give is appended to the new array or found there already. */
struct fold {
    struct ir_unit *u; /* holds the new instructions */
    uint8_t *width;    /* of each new integer value: bits above are surely zero; in bits */
    uint32_t width_capacity;
    ir_ref region;                      /* new values from here on are within reach */
    ir_ref fp_region;                   /* likewise those that raise floating-point flags */
    ir_ref *table;       /* for common subexpressions: the newest of each hash */
    unsigned table_bits; /* of its size */
};

/* The new value of a pure operation: an equal one that exists, or appended. */
ir_ref fold_emit(struct fold *f, const struct ir_inst *in);
ir_ref fold_const(struct fold *f, enum ir_type t, uint64_t imm);

static inline const struct ir_inst *fold_at(const struct fold *f, ir_ref r)
{
    return &f->u->insts[r];
}

/* Plain constants only: not those that depend on where the guest's code lies. */
static inline bool fold_is_const(const struct fold *f, ir_ref r)
{
    return fold_at(f, r)->op == IR_CONST && !fold_at(f, r)->attr;
}

static inline bool fold_is(const struct fold *f, ir_ref r, uint64_t imm)
{
    return fold_is_const(f, r) && fold_at(f, r)->imm == imm;
}

static inline unsigned fold_bits(enum ir_type t)
{
    return t == IR_I1 ? 1 : ir_type_size(t) * 8;
}

static inline uint64_t fold_ones(enum ir_type t)
{
    return ~0ull >> (64 - fold_bits(t));
}

/* The rules.  Each looks at *in, whose arguments are new values, and returns the value it is equal
 * to, or IR_NONE; it may also change *in into something simpler of the same value and return
 * IR_NONE. */
ir_ref fold_integer(struct fold *f, struct ir_inst *in);
ir_ref fold_convert(struct fold *f, struct ir_inst *in);
ir_ref fold_choice(struct fold *f, struct ir_inst *in); /* SELECT CMP FLAGS_* and I1 logic */
ir_ref fold_vector(struct fold *f, struct ir_inst *in);
