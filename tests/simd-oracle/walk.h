/* Runs a unit without a host: a walk over its instructions on the evaluator's functions. */
#pragma once
#include "guest/arm64/state.h"
#include "wire.h"

struct walk {
    struct arm64_state s;
    uint32_t fp_flags;
    uint8_t memory[WIRE_WINDOW]; /* guest memory from WIRE_MEMORY on */
    bool touched;                /* an access was made; the lowest address is */
    uint64_t first;
    const char *stopped; /* why the walk could not go on, or NULL */
    bool undefined;      /* the unit ended with IR_EXIT_UNDEFINED */
};

/* The architectural state in and out of a walk.  QC and the other cumulative flags make FPSR. */
void walk_load(struct walk *w, const struct wire_state *state);
void walk_store(const struct walk *w, struct wire_state *state);
void walk_run(struct walk *w, const struct ir_unit *u);
