/* Random units for the made-up guest of harness.h: of one operation, or whole small programs with
 * memory accesses, faults, labels, locals, helpers and every way to end. */
#pragma once
#include "host/testing/shape.h"

#define RANDOM_STEPS 256u
struct random_unit {
    struct shape_options shape;
    enum ir_op only;      /* programs: use this operation as often as possible; IR_NOP: no preference */
    unsigned steps;       /* programs: how many steps of one or more operations, at most RANDOM_STEPS */
    bool skip[256];       /* programs: steps to leave out; the others stay as they are, as far as they can */
    bool memory, faults;  /* programs: access memory; sometimes where there is none */
    bool control;         /* programs: labels, branches, locals */
    bool helpers;
    bool fp;              /* programs: floating point too */
    uint64_t seed;
};

/* Slots the caller must prepare: R14 the address of TEST_MEMORY bytes, R15 an address that faults, R13
 * free for the caller.  Random units never set those. */

/* insn; arguments from slots or constants; the operation; results to slots; FP flags to a slot; exit. */
bool random_unit_one(struct ir_unit *u, enum ir_op op, const struct random_unit *options);
void random_unit_program(struct ir_unit *u, const struct random_unit *options);

/* A random floating-point mode such as Arm's FPCR (or x86's MXCSR) can ask for. */
void random_fp_env(struct random *r, struct fp_env *env, bool x86);
