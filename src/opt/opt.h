/* The passes over one unit, in the order opt_run calls them; each is one file and leaves a unit
 * that verifies. */
#pragma once
#include "ir/ir.h"

struct opt_config {
    bool enabled;
    /* True if the flags slot is surely dead when the unit leaves for guest PC pc. NULL: never
     * known. */
    bool (*flags_dead)(void *ctx, uint64_t pc);
    void *ctx;
    unsigned flags_slot;
};

/* GETs served by earlier SETs and GETs; dead SETs, dead flags. */
void opt_state(struct ir_unit *u, const struct opt_config *config);
/* Constants, copies, identities, common subexpressions.  Renumbers: the unit is written anew
 * without NOPs. */
void opt_fold(struct ir_unit *u);
/* Addresses into loads and stores, flags with one reader into compares. */
void opt_fuse(struct ir_unit *u);
/* Unused pure values become NOPs. */
void opt_dead(struct ir_unit *u);

/* All of them. */
void opt_run(struct ir_unit *u, const struct opt_config *config);
