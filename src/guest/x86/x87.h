/* x87 instructions are computed by one helper (helpers_x87.c); this is how a lift asks it. */
#pragma once
#include "support/base.h"

enum x87_kind {
    X87_ARITH,   /* reg: destination; other: source, or a memory type; arg: enum x86_x87 | X86_X87_* */
    X87_COMI,    /* other; arg: 0 FUCOMI 1 FCOMI, + 2: pop */
    X87_LOAD,    /* other: ST(i) or a memory type */
    X87_STORE,   /* converts ST(0) into the scratch slot, and what becomes of the status word into the next */
    X87_STORED,  /* after the store: takes over that status word; arg: pops */
    X87_MOVE,    /* FST, FSTP to ST(other); arg: pops */
    X87_XCH,
    X87_CMOV,    /* other; arg: 1 if the condition holds */
    X87_FREE,    /* arg 1: and pop */
    X87_CONST,
    X87_SIGN,
    X87_TEST,
    X87_UNARY,
    X87_OTHER,
    X87_CONTROL, /* arg as in the table; FLDCW: from the scratch slot; FNSTSW: status slot */
    X87_ENV_GET, /* environment (arg bit 0: and registers; bit 1: 16-bit form) into the scratch slots */
    X87_ENV_DONE,/* after FNSTENV and FNSAVE stored them */
    X87_ENV_SET,
    X87_FX_GET,  /* FXSAVE's first 160 bytes; arg: 64-bit form */
    X87_FX_SET,  /* arg: what is loaded: 1 x87, 2 MXCSR */
    X87_INIT,
};

/* Kinds of operands in memory, beyond ST(0..7). */
enum { X87_F32 = 8, X87_F64, X87_F80, X87_I16, X87_I32, X87_I64, X87_BCD };

#define X87_ARG(kind, reg, other, arg) ((uint64_t)(kind) | (uint64_t)(reg) << 8 | (uint64_t)(other) << 16 | (uint64_t)(arg) << 32)
