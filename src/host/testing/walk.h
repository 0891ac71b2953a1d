/* The reference: a unit run one instruction at a time with ir_eval, on copies of state and memory. */
#pragma once
#include "guest/guest.h"
#include "host/host.h"

struct walk {
    /* in and out */
    unsigned char *state; /* the guest's struct */
    struct fp_status fp;
    /* in */
    uint64_t memory_base, memory_size; /* guest addresses; all others fault */
    unsigned char *memory;             /* their contents (a copy) */
    const struct guest *guest;
    uint64_t max_steps; /* 0: no limit */
    /* out */
    enum { WALK_NEXT, WALK_EXIT, WALK_FAULT, WALK_ENDLESS } end;
    bool direct;        /* WALK_NEXT by JUMP, JUMP_IF, CALL: a linkable site */
    uint64_t pc;        /* where the guest is now */
    uint32_t exit_reason;
    uint64_t exit_detail;
    uint64_t fault_address;
    bool fault_write;
};
/* Uses the unit's fp environment. */
void walk_unit(struct walk *w, const struct ir_unit *u);
