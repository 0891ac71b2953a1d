/* Random sequences of instructions: what is between them. */
#pragma once
#include "cases.h"

struct sequence_options {
    unsigned states, length, mode;
};

/* Makes one sequence and runs it in some states. */
void sequence_run(const struct sequence_options *o);
