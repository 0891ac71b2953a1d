/* The second tier: regions, translations of paths through hot code.  See region.c (when), region_form.c (what), region_work.c
 * (by whom). */
#pragma once
#include "engine/internal.h"

#define REGION_BLOCKS 64u /* basic blocks on a path */
#define REGION_INSNS 256u /* guest instructions */
#define REGION_DEPTH 8u   /* calls followed, one within the other */
#define REGION_RANGES (REGION_BLOCKS + 64u)

#define REGION_PATHS 3u /* noted from a head before a region is made */

/* A path: where its basic blocks begin, in the order in which a thread ran them. */
struct region_path {
    uint32_t count;
    uint64_t pcs[REGION_BLOCKS];
};

/* Those that were noted from one head: they begin alike. */
struct region_paths {
    uint64_t pc;
    uint32_t mode, count;
    struct region_path path[REGION_PATHS];
};

/* The path's code as one unit, in region_lift's arena. */
struct region_unit {
    struct ir_unit ir;
    uint32_t blocks; /* of the path that it follows: the last one ends as its code says */
    bool loops;      /* its last block leads back to its first */
    bool steady;     /* no path that was noted leaves it on the way */
    struct code_range ranges[REGION_RANGES];
    uint32_t range_count;
};

/* Lifts and optimises; false if less than two blocks fit together and it is no loop, or if changes of the code would not be
 * seen.  The arena is reset before.  cpu: the calling thread's, or NULL if it has none. */
bool region_lift(struct engine *e, struct cpu *cpu, struct arena *arena, const struct region_paths *paths,
                 struct region_unit *out);

/* Ends the unit's last basic block (its instructions begin at `first`), which was lifted to go wherever it leads, so that it
 * goes on at `next`: what leads elsewhere becomes a way out in the middle.  False if it never goes there; nothing is
 * changed then.  returns[*depth]: calls that were followed.  *polls: a place where the code would have looked for
 * something pending is gone. */
bool region_join(struct ir_unit *u, ir_ref first, uint64_t next, uint64_t returns[REGION_DEPTH], unsigned *depth, bool *polls);

struct region_work *region_work_create(const struct engine_config *config); /* NULL: out of memory */
/* What is spent on regions, in nanoseconds of the thread that asks. */
uint64_t region_work_clock(void);
/* This process shares the memory of the one whose engine it is. */
bool region_work_borrowed(const struct engine *e);
/* So much of it was spent on noting a path. */
void region_work_noted(struct engine *e, uint64_t ns);
/* Lock held: may a path be noted? */
bool region_work_affordable(struct engine *e);
/* A region is made from these paths, now or soon; they are the callee's. */
void region_work_add(struct engine *e, struct cpu *cpu, struct region_paths *paths);
