/* What diff.c and the runner exchange: fixed-size records on pipes, little-endian. */
#pragma once
#include <stdint.h>

#define CASE_WORDS 40
#define CODE_ADDRESS 0x02000000ull /* of the instructions under test */
#define DATA_ADDRESS 0x10000000ull /* of the memory they may use */
#define DATA_SIZE 4096u
#define READ_ONLY_ADDRESS 0x10100000ull /* a page that may only be read, and one without any right after it */

struct regs {
    uint64_t x[31], sp;
    uint64_t nzcv, fpsr, fpcr;
    uint64_t pad;
    uint64_t v[32][2];
};

struct test_case {
    uint32_t count, seed; /* instructions; what fills the data memory */
    uint32_t word[CASE_WORDS];
    struct regs in;
};

struct test_result {
    uint32_t signal, code;
    uint64_t address, pc; /* of the signal; pc from the first instruction under test */
    uint64_t esr;         /* as the signal frame's esr_context has it, or 0 */
    uint64_t data_hash;
    struct regs out;
};
