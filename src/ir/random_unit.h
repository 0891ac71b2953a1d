/* Random units that verify, for tests.  Not part of the library. */
#pragma once
#include "ir/ir.h"

uint64_t random_next(uint64_t *state);
static inline unsigned random_below(uint64_t *state, unsigned n)
{
    return (unsigned)((random_next(state) >> 33) % n);
}

/* A number as tests like it: small, an edge of some width, or anything. */
uint64_t random_edge(uint64_t *state);

#define RANDOM_SLOTS 16
/* r0..r7 i64, q0..q3 v128, w0 i32, fl and fm flags, y0 v256. */
extern const struct ir_slot random_slots[RANDOM_SLOTS];
enum { RANDOM_R0, RANDOM_Q0 = 8, RANDOM_W0 = 12, RANDOM_FL, RANDOM_FM, RANDOM_Y0 };

/* Appends one instruction `op` with random fields and arguments; false if none was found that
 * verifies. */
bool random_inst(struct ir_unit *u, enum ir_op op, uint64_t *state);
