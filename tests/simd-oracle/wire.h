/* What the driver and the program on the Arm64 side tell each other: batches of programs (a few
 * instructions in a row), each with several states to run it on.  A batch is a struct wire_batch,
 * programs * length words, then programs * states struct wire_state; the answer is the states
 * afterwards, in the same order. */
#pragma once
#include <stdint.h>

#define WIRE_PROGRAMS 512 /* at most, in a batch */
#define WIRE_LENGTH   15  /* at most, of a program */
#define WIRE_CODE     0x4000000u
#define WIRE_STRIDE                                                                                \
    (4 * WIRE_LENGTH +                                                                             \
     4) /* program i is at WIRE_CODE + i * WIRE_STRIDE, and X30 holds that address */
#define WIRE_MEMORY 0x4080000u
#define WIRE_WINDOW 256 /* bytes at WIRE_MEMORY that belong to the state */

struct wire_batch {
    uint32_t programs, length, states;
};

struct wire_state {
    uint64_t x[31], sp;
    uint64_t v[32][2];
    uint32_t fpcr, fpsr, nzcv;
    uint32_t signal; /* after: 0, or what the instruction raised */
    uint8_t memory[WIRE_WINDOW];
};
