/* The engines that are compared with the processor, and what they are allowed to differ in. */
#pragma once
#include "cases.h"
#include "engine/engine.h"

struct subject {
    const char *name;
    struct engine *engine;
    struct cpu *cpu;
    unsigned long passed[2], failed[2]; /* by mode: 32, 64 bits */
};

extern struct subject subjects[4];
extern unsigned subject_count;
/* DATA_SIZE bytes at DATA_BASE. */
extern uint8_t *const subject_data;

/* An engine on that host ("interp", "x64"); ends the process if there is none.  regions: as engine_config has it. */
void subject_add(const char *name, const char *host, unsigned regions);
/* Runs the guest from the state until an exception.  interrupts: asks engine_run to come back again and again while it runs. */
void subject_run(struct subject *s, const struct machine *m, bool mode64, bool interrupts, struct outcome *out);
/* The bytes of code there are about to be changed, or were. */
void subjects_invalidate(uint64_t start, uint64_t size);
/* Counts a comparison. */
void subject_count_one(struct subject *s, bool mode64, bool good);
unsigned long subjects_passed(void);
unsigned long subjects_failed(void);

/* What the two differ in; NULL if in nothing (of what is not known to differ, see the body).  `native` and its memory are altered
 * where the guest is allowed something else. */
const char *compare(const struct subject *s, const struct x86_case *c, struct outcome *native, uint8_t *native_data, const struct outcome *guest);
/* Comparisons that passed only since AMD's MXCSR has a bit 17. */
extern unsigned long compare_bit_17;
