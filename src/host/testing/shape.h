/* Which combinations of type, lane, attr, imm and argument types each value operation of ops.def may have:
 * what every host must accept, and what random tests are made from. */
#pragma once
#include "host/testing/random.h"
#include "ir/ir.h"

struct shape {
    enum ir_op op;
    enum ir_type type, lane;
    unsigned attr;
    uint64_t imm;
    enum ir_type args[3]; /* IR_VOID: absent */
};

struct shape_options {
    bool v256; /* 256-bit vectors too (today: bitwise, integer lanes) */
    bool x86;  /* what only x86 guests use: UCOMI, MINPS */
};

/* One valid combination of `op` at random; false for what is not a value operation. */
bool shape_random(struct shape *s, enum ir_op op, struct random *r, const struct shape_options *options);
