/* What the driver and the Arm64 program say to each other over a pipe: batches of tests, then their
 * results, both as plain structs (the two processors are little-endian). */
#pragma once
#include <stdint.h>

#define WIRE_BATCH 256

struct wire_test {
    uint64_t v[3][2];
    uint32_t number; /* row of cases.def */
    uint32_t fpcr;
};

struct wire_result {
    uint64_t v0[2];
    uint64_t x0;
    uint32_t fpsr, nzcv;
};
