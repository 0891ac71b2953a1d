/* One instruction on the processor itself. */
#pragma once
#include "support/base.h"

#define CODE_BASE 0x10000000ull /* a page and some, rwx, filled with INT3 */
#define CODE_SIZE 0x3000u
#define CHANGING_BASE 0x11000000ull /* two pages more, for code that changes itself */
#define CHANGING_SIZE 0x2000u
#define DATA_BASE 0x20000000ull /* DATA_SIZE bytes to read and write, then a page to read, unmapped around */
#define DATA_SIZE 0x2000u
#define DATA_READ 0x1000u

/* Entries of the local descriptor table that there are: 32-bit data segments without a limit, with these bases; selectors 7, 15, 23. */
#define NATIVE_LDT_COUNT 3u
extern const uint32_t native_ldt_bases[NATIVE_LDT_COUNT];
#define NATIVE_LDT_SELECTOR(i) ((i) * 8u + 7)

/* What a program sees, before and after. */
struct machine {
    uint64_t r[16], rip;
    uint32_t eflags, mxcsr;
    uint8_t ymm[16][32];
    uint8_t st[8][16]; /* by TOP, as FXSAVE has them */
    uint16_t fcw, fsw, fop;
    uint8_t ftw; /* FXSAVE's: a bit for each physical register in use */
    uint16_t selector[6]; /* ES CS SS DS FS GS */
    uint64_t fs_base, gs_base; /* 64-bit mode: set; 32-bit mode: what the selectors say */
};

/* Why it stopped. */
#define NATIVE_ENDLESS 2000u /* it did not, for a long time; or the clock struck just then: try again, with memory as it was */
#define NATIVE_TRIES   2u
struct outcome {
    unsigned vector;  /* the processor's exception: 3 when the instruction is done */
    uint64_t address; /* of a page fault */
    bool write;
    struct machine m;
};

/* Maps code and data, catches signals; false with a message where this machine cannot. */
bool native_init(void);
/* Has the processor an extension (enum x86_feature) that not all have that native_init wants? True for all others. */
bool native_has(unsigned feature);
/* Can this kernel run 32-bit code? */
bool native_has_32(void);
/* Runs from m->rip until an exception (or NATIVE_ENDLESS). */
void native_run(const struct machine *m, bool mode64, struct outcome *out);
/* While set, memory faults go there first: true if dealt with. */
extern bool (*native_fault)(int signal, void *info, void *context);
