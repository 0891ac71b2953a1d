/* One unit run on a host and by the reference from the same random state, and everything compared. */
#pragma once
#include "host/testing/harness.h"
#include "host/testing/random.h"

struct compare_input {
    struct test_state state;
    unsigned char memory[TEST_MEMORY];
    uint32_t fp_flags;
    bool (*flags_dead)(void *ctx, uint64_t pc); /* as the optimiser was told, or NULL */
};
void compare_prepare(struct harness *h, struct compare_input *in, struct random *r);

/* True if both agree; else the differences, one a line, in report. */
bool compare_run(struct harness *h, const struct ir_unit *u, const struct test_code *code,
                 const struct compare_input *in, char *report, size_t size);
