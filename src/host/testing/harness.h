/* What is needed to run IR units on a host without an engine or a guest: code memory mapped twice, one
 * cpu with the slots of a made-up guest, memory with guard pages, and a fault handler.  One process
 * has one harness. */
#pragma once
#include "guest/guest.h"
#include "host/host.h"

/* The made-up guest: many slots of every type. */
struct test_state {
    uint64_t r[16], sp, pc;
    uint32_t flags;
    uint32_t w[4];
    uint16_t h[4];
    uint8_t b[4];
    uint16_t f16[4];
    uint32_t f32[4];
    uint64_t f64[4];
    uint64_t q[4];
    _Alignas(16) uint64_t v[16][2];
    _Alignas(16) uint64_t y[4][4];
    uint32_t fpflags;
};
enum test_slot {
    TEST_R0,
    TEST_SP = 16,
    TEST_PC,
    TEST_FLAGS,
    TEST_W0,
    TEST_H0 = TEST_W0 + 4,
    TEST_B0 = TEST_H0 + 4,
    TEST_F16 = TEST_B0 + 4,
    TEST_F32 = TEST_F16 + 4,
    TEST_F64 = TEST_F32 + 4,
    TEST_Q0 = TEST_F64 + 4,
    TEST_V0 = TEST_Q0 + 4,
    TEST_Y0 = TEST_V0 + 16,
    TEST_FPFLAGS = TEST_Y0 + 4,
    TEST_SLOT_COUNT
};
extern const struct guest test_guest;
/* Its helpers: 0 adds its argument to r0, 1 exchanges r1 and r2 and adds 1 to the argument in r3,
 * 2 writes arg * 3 to r4 and touches nothing else (may be called with lane bit 0). */

#define TEST_PC_BASE 0x400000ull
#define TEST_MEMORY 8192u

struct harness {
    const struct host *host;
    struct cpu *cpu;
    uint8_t *rw;
    ptrdiff_t exec_delta;
    size_t used, size;
    unsigned char *memory; /* TEST_MEMORY bytes between guard pages */
    struct host_unit units[64];
    struct host_site *sites[64]; /* of each */
    unsigned unit_count;
    unsigned faults; /* how many were recovered */
};
struct test_code {
    struct host_code code;
    const uint8_t *exec; /* code's start, executable address */
    const void *entry;
};

/* NULL: this host cannot run here. Opening twice gives the same harness. */
struct harness *harness_open(const struct host *host);
/* Takes the signals of faults again, after somebody else (cmocka, for each test) did. */
void harness_catch_faults(void);
void harness_close(struct harness *h);
/* Forgets all units compiled so far. */
void harness_reset(struct harness *h);
/* 0 or host.compile's error. */
int harness_compile(struct harness *h, const struct ir_unit *u, struct test_code *out);
/* Enters the code; cpu->state, fp and pending are the caller's to prepare. */
void harness_run(struct harness *h, const void *entry);
static inline struct test_state *harness_state(struct harness *h)
{
    return (struct test_state *)(void *)h->cpu->state;
}
