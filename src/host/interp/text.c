/* The interpreter's operations as text, for dumps. */
#include "host/interp/code.h"
#include <stdio.h>
#include <string.h>

static const char *const names[INTERP_CODE_COUNT] = {
#define ONE(n) #n,
#define WIDTHS(n) #n "32", #n "64",
#define WITH_IMM(n) #n "32", #n "32_IMM", #n "64", #n "64_IMM",
#define CMP(n) "CMP_" #n "32", "CMP_" #n "32_IMM", "CMP_" #n "64", "CMP_" #n "64_IMM",
#define CC(n) "COND_" #n,
    INTERP_OTHER(ONE) INTERP_BINARY(WITH_IMM) INTERP_BINARY_REG(WIDTHS) INTERP_UNARY(WIDTHS) INTERP_CMP(CMP)
    INTERP_CC(CC)
};

unsigned interp_disassemble(const uint8_t *code, size_t n, uint64_t pc, char *out, size_t size)
{
    struct interp_op op;
    struct interp_unit unit;
    if (n < sizeof op)
        return 0;
    memcpy(&op, code, sizeof op);
    memcpy(&unit, code, sizeof unit);
    if (unit.marker == INTERP_UNIT_MARKER)
        snprintf(out, size, "unit %#llx: %u operations, %u words", (unsigned long long)unit.pc, unit.op_count,
                 (unsigned)unit.frame_words);
    else if (op.code >= INTERP_CODE_COUNT)
        snprintf(out, size, "?");
    else if (op.code == INTERP_EVAL || op.code == INTERP_EVAL_FP)
        snprintf(out, size, "%-14s @%u = %s.%s %s attr %u imm %#llx (@%u, @%u, @%u)", names[op.code], op.dst,
                 ir_op_info[op.op].name, ir_type_name(op.type), ir_type_name(op.lane), op.attr, (unsigned long long)op.imm, op.a,
                 op.b, op.c);
    else
        snprintf(out, size, "%-14s @%u = @%u, @%u, @%u, %#llx", names[op.code], op.dst, op.a, op.b, op.c,
                 (unsigned long long)op.imm);
    return sizeof op;
}
