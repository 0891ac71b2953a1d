/* Walks through a unit the plain way and notes all that anybody could see of it, for tests: two
 * units that give the same outcome from the same state are the same for a guest.  Not part of the
 * library. */
#pragma once
#include "ir/eval.h"

#define WALK_SLOTS 128
#define WALK_STEPS 100000 /* then the walk ends: there are loops */

struct outcome {
    union ir_value slots[WALK_SLOTS], locals[64];
    uint64_t seen;     /* hash over accesses, ways out, helpers, and the slots at each of them */
    uint64_t left;     /* guest PC */
    uint32_t fp_flags; /* cumulative, FP_* */
    unsigned steps;
};

/* Slots from random numbers, the rest 0. */
void walk_begin(struct outcome *o, const struct ir_unit *u, uint64_t seed);

/* Loads give a hash of their address.  Where flags_dead (or NULL) says that the flags slot is dead,
 * it is not looked at on the way out. */
void walk_unit(struct outcome *o, const struct ir_unit *u, unsigned flags_slot,
               bool (*flags_dead)(void *ctx, uint64_t pc), void *ctx);
