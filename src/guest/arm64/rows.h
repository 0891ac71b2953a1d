/* What the generator makes of the instruction tables (*.isa; their grammar is in tools/gen-isa.py).
 * A row is one encoding of the manual; row 0 is ARM64_UNALLOCATED.  The names of rows and the
 * argument structs of lifts are in the generated arm64_isa.h, which only src/guest/arm64 includes.
 */
#pragma once
#include "support/base.h"

enum arm64_attr {
    ARM64_ATTR_reads_flags = 1 << 0,
    ARM64_ATTR_writes_flags = 1 << 1, /* all of NZCV, always (else reads_flags too) */
    ARM64_ATTR_faults = 1 << 2,       /* accesses guest memory */
    ARM64_ATTR_ends = 1 << 3,         /* ends the unit */
    ARM64_ATTR_branch = 1 << 4,
    ARM64_ATTR_system = 1 << 5,
    ARM64_ATTR_load = 1 << 6,
    ARM64_ATTR_store = 1 << 7,
    ARM64_ATTR_exclusive = 1 << 8,
    ARM64_ATTR_fp = 1 << 9,    /* rounds or raises: depends on FPCR, changes FPSR */
    ARM64_ATTR_simd = 1 << 10, /* reads or writes V registers */
    ARM64_ATTR_pc = 1 << 11,   /* the result depends on the PC */
    ARM64_ATTR_unpredictable =
        1 << 12, /* some operands are constrained unpredictable (tests avoid them) */
};

/* No pointers in either: nothing to relocate when Demotic starts. */
struct arm64_row_field {
    char name[8];
    uint8_t pos, width;
};

struct arm64_row_info {
    uint32_t mask, value;
    uint16_t attrs;
    uint16_t first_field, field_count; /* in arm64_row_fields */
    char name[34], chapter[18], feature[10]; /* chapter: the table's file name */
};

extern const unsigned arm64_row_count;
extern const struct arm64_row_info arm64_row_info[];
extern const struct arm64_row_field arm64_row_fields[];

/* The row a word belongs to, or 0. */
unsigned arm64_decode(uint32_t word);

/* A random word of that row (its `when` holds, no other row takes it); *rng is any nonzero state
 * and is advanced.  0 if none was found. */
uint32_t arm64_row_random(unsigned row, uint64_t *rng);
/* The same for a test that must know what memory is touched: fields Rn and Rm, if the row has them,
 * are set to `base` and `index`, no other general register of the instruction is one of them, and
 * nothing in it is left open by the manual (the same register loaded twice, or loaded and written
 * back).  0 if none was found. */
uint32_t arm64_row_random_memory(unsigned row, uint64_t *rng, unsigned base, unsigned index);
/* False if the manual leaves open what the word does (constrained unpredictable: register overlap).
 */
bool arm64_row_predictable(unsigned row, uint32_t word);
/* Position and width of a field by name; NULL if the row has none. */
const struct arm64_row_field *arm64_row_field(unsigned row, const char *name);
/* The row's number, or 0. */
unsigned arm64_row_by_name(const char *name);

/* If set: an array of arm64_row_count counters; translate() counts each instruction it lifts. */
extern uint32_t *arm64_row_counts;

/* If set: which rows belong to extensions that the model lacks. */
extern const bool *arm64_rows_lacking;

struct arm64_lift;
struct arm64_text;
void arm64_lift_row(unsigned row, struct arm64_lift *l, uint32_t word);
void arm64_print_row(unsigned row, struct arm64_text *t, uint32_t word);

/* The value of a logical immediate (bitmask_ok holds). */
uint64_t arm64_bitmask(uint32_t sf, uint32_t n, uint32_t immr, uint32_t imms);

/* Functions in table expressions. */
uint32_t arm64_expr_bitmask_ok(uint32_t n, uint32_t imms, uint32_t sf);
uint32_t arm64_expr_move_wide_preferred(uint32_t sf, uint32_t n, uint32_t imms, uint32_t immr);
static inline uint32_t arm64_expr_popcount(uint32_t v)
{
    return (uint32_t)__builtin_popcount(v);
}
static inline uint32_t arm64_expr_clz32(uint32_t v)
{
    return v ? (uint32_t)__builtin_clz(v) : 32;
}
static inline uint32_t arm64_expr_ctz32(uint32_t v)
{
    return v ? (uint32_t)__builtin_ctz(v) : 32;
}
