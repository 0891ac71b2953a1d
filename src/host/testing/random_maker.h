/* What the parts of random_unit.c share: a unit in the making. */
#pragma once
#include "host/testing/random_unit.h"
#include "ir/build.h"

#define POOL 48
#define LOCALS 5

struct maker {
    struct ir_unit *u;
    struct random r;
    const struct random_unit *o;
    ir_ref pool[POOL];
    unsigned pool_count;
    unsigned locals[LOCALS], counter; /* counter: for loops */
    uint64_t pc;
    unsigned depth; /* of labels */
    unsigned pairs; /* PAIRs that are open */
};

/* A slot of this type that may be set. */
unsigned maker_slot(struct maker *m, enum ir_type t);
/* Puts v into the pool; v. */
ir_ref maker_keep(struct maker *m, ir_ref v);
/* A value of the pool, or IR_NONE if it has none of this type. */
ir_ref maker_from_pool(struct maker *m, enum ir_type t);
/* A value of any origin. */
ir_ref maker_argument(struct maker *m, enum ir_type t);
/* The next guest instruction begins. */
void maker_insn(struct maker *m);
/* An access to memory, maybe in an instruction of its own. */
void maker_memory(struct maker *m);
/* Guest instructions as lifts write them: random_idiom.c. */
void maker_idiom(struct maker *m);
