/* What the tests of generated code share: guest words compiled as the engine would, for a processor with given features,
 * and the host instructions they become.  Nothing that is compiled here runs. */
#pragma once
#include "support/base.h"

#define COMPILE_WORDS 64
#define COMPILE_EXITS 8
#define COMPILE_BASE  0x5500000000ull /* as position-independent programs and libraries: beyond 32 bits */

/* Guest instructions at COMPILE_BASE. */
struct sequence {
    uint32_t words[COMPILE_WORDS];
    unsigned count;
    int32_t dead[COMPILE_EXITS]; /* ways out, from COMPILE_BASE, where the flags are dead */
    unsigned dead_count;
};

/* Once, before all else; false where it cannot be done. */
bool compile_init(void);
/* Compiles s for features (x64_features). host[i]: the host instructions that are emitted from the beginning of guest
 * instruction i to that of the next, up to the first unconditional jump or return; a call of the evaluator counts as
 * COMPILE_EVAL.  The sum of them, or -1 if it does not compile.  show: prints them. */
#define COMPILE_EVAL 100
int compile_count(struct sequence *s, uint32_t features, int host[COMPILE_WORDS], bool show);
/* The disassembly of a guest word. */
void compile_text(uint32_t word, char *out, size_t size);
