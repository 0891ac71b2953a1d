/* Random instructions of a row, and states to run them in. */
#pragma once
#include "guest/x86/decode.h"
#include "native.h"

struct x86_case {
    const struct x86_row *row;
    struct x86_insn in;
    bool mode64;
    uint8_t bytes[16];
    struct machine m; /* before; rip is set */
    uint8_t data[DATA_SIZE];
};

uint64_t case_random(void);
void case_seed(uint64_t seed);
/* Is there a way to compare the row with the processor at all? */
bool case_possible(const struct x86_row *row);
/* Why there is none; NULL if there is. */
const char *case_why_not(const struct x86_row *row);
/* The base of a segment in the state. */
uint64_t case_base(const struct machine *m, bool mode64, unsigned segment);
/* A random encoding of the row in the mode, at c->m.rip; false if none was found. */
bool case_encode(struct x86_case *c, const struct x86_row *row, bool mode64);
/* A random state for it. */
void case_state(struct x86_case *c);
