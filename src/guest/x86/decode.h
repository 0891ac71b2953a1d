/* From bytes to an instruction: its row, operands, prefixes. */
#pragma once
#include "guest/x86/state.h"
#include "guest/x86/rows.h"

enum x86_operand_kind {
    X86_OPERAND_NONE,
    X86_OPERAND_GPR,
    X86_OPERAND_HIGH, /* AH CH DH BH: reg 0..3 */
    X86_OPERAND_MEM,  /* at the instruction's address */
    X86_OPERAND_IMM,  /* imm, sign-extended as the instruction has it */
    X86_OPERAND_REL,  /* imm: relative to the next instruction */
    X86_OPERAND_FAR,  /* imm: offset; imm2: selector */
    X86_OPERAND_SEG,
    X86_OPERAND_CR,
    X86_OPERAND_DR,
    X86_OPERAND_XMM,
    X86_OPERAND_MMX,
    X86_OPERAND_ST,
    X86_OPERAND_STRING, /* reg: rSI (6) or rDI (7) */
};

struct x86_operand {
    uint8_t kind, reg;
    uint8_t size; /* bytes; 0: of no particular size */
};

#define X86_NO_REG 0xff
#define X86_RIP    0xfe /* as a base */

struct x86_insn {
    const struct x86_row *row;
    struct x86_operand op[4];
    uint8_t length;
    uint8_t opsize;   /* 2, 4, 8 */
    uint8_t addrsize; /* 2, 4, 8 */
    uint8_t rep;      /* 0, 0xf2, 0xf3: the last of them */
    uint8_t segment;  /* override, or X86_NO_SEGMENT */
    bool lock, mode64, vex, wide /* W */;
    uint8_t vex_l; /* 0: 128, 1: 256 bits */
    uint8_t rex;   /* 0, or the prefix */
    uint8_t opcode, modrm;
    /* Address: base + (index << scale) + disp; NO_REG: none. With `vsib` the index is a vector register. */
    uint8_t base, index, scale;
    int64_t disp, imm, imm2;
};

enum x86_decode {
    X86_DECODE_OK,
    X86_DECODE_SHORT,    /* n bytes are not enough */
    X86_DECODE_TOO_LONG, /* more than 15 bytes: #GP */
    X86_DECODE_UNDEFINED,
};

/* Decodes at most n bytes. in->length is right only for OK. */
enum x86_decode x86_decode(const uint8_t *bytes, size_t n, bool mode64, struct x86_insn *in);
