/* Random states with operands that matter: edges of integers, special floating-point numbers, near
 * misses. */
#pragma once
#include "wire.h"

uint64_t inputs_next(uint64_t *rng);
/* Everything but FPCR, SP and X30. */
void inputs_fill(struct wire_state *s, uint64_t *rng);
/* A general register's worth. */
uint64_t inputs_number(uint64_t *rng);
