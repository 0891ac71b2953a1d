/* One instruction as text: Intel's order of operands, the manual's names in lower case.  In mixed dumps nobody says
 * which mode the code is for: 64-bit mode is taken, where the bytes do not decode 32-bit mode. */
#include "guest/x86/text.h"
#include "guest/x86/decode.h"
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

struct text {
    char *out;
    size_t size, at;
};

static PRINTF(2, 3) void put(struct text *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    if (t->at < t->size) {
        int n = vsnprintf(t->out + t->at, t->size - t->at, fmt, ap);
        t->at += n > 0 ? (size_t)n : 0;
    }
    va_end(ap);
}

static const char *const segments[] = {"es", "cs", "ss", "ds", "fs", "gs"};

static void put_gpr(struct text *t, unsigned n, unsigned size)
{
    static const char *const low[] = {"al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil"};
    static const char *const names[] = {"ax", "cx", "dx", "bx", "sp", "bp", "si", "di"};
    if (n >= 8)
        put(t, "r%u%s", n, size == 1 ? "b" : size == 2 ? "w" : size == 4 ? "d" : "");
    else if (size == 1)
        put(t, "%s", low[n]);
    else
        put(t, "%s%s", size == 2 ? "" : size == 4 ? "e" : "r", names[n]);
}

static void put_memory(struct text *t, const struct x86_insn *in, uint64_t next)
{
    bool any = false;
    put(t, "[");
    if (in->segment != X86_NO_SEGMENT)
        put(t, "%s:", segments[in->segment]);
    if (in->base == X86_RIP) {
        put(t, "0x%llx]", (unsigned long long)(next + (uint64_t)in->disp));
        return;
    }
    if (in->base != X86_NO_REG) {
        put_gpr(t, in->base, in->addrsize);
        any = true;
    }
    if (in->index != X86_NO_REG) {
        put(t, any ? "+" : "");
        if (in->row->attrs & X86_ATTR_sib)
            put(t, "%s%u", in->vex_l ? "ymm" : "xmm", in->index);
        else
            put_gpr(t, in->index, in->addrsize);
        if (in->scale)
            put(t, "*%u", 1u << in->scale);
        any = true;
    }
    if (in->disp || !any)
        put(t, "%s0x%llx", in->disp < 0 ? "-" : any ? "+" : "", (unsigned long long)(in->disp < 0 ? -(uint64_t)in->disp : (uint64_t)in->disp));
    put(t, "]");
}

static void put_operand(struct text *t, const struct x86_insn *in, unsigned i, uint64_t next)
{
    static const char *const high[] = {"ah", "ch", "dh", "bh"};
    const struct x86_operand *op = &in->op[i];
    switch (op->kind) {
    case X86_OPERAND_GPR: put_gpr(t, op->reg, op->size); break;
    case X86_OPERAND_HIGH: put(t, "%s", high[op->reg]); break;
    case X86_OPERAND_MEM: put_memory(t, in, next); break;
    case X86_OPERAND_IMM: put(t, "0x%llx", (unsigned long long)(op->reg ? in->imm2 : in->imm)); break;
    case X86_OPERAND_REL: put(t, "0x%llx", (unsigned long long)(next + (uint64_t)in->imm)); break;
    case X86_OPERAND_FAR: put(t, "0x%llx:0x%llx", (unsigned long long)in->imm2 & 0xffff, (unsigned long long)in->imm); break;
    case X86_OPERAND_SEG: put(t, "%s", segments[op->reg]); break;
    case X86_OPERAND_CR: put(t, "cr%u", op->reg); break;
    case X86_OPERAND_DR: put(t, "dr%u", op->reg); break;
    case X86_OPERAND_XMM: put(t, "%s%u", op->size == 32 ? "ymm" : "xmm", op->reg); break;
    case X86_OPERAND_MMX: put(t, "mm%u", op->reg); break;
    case X86_OPERAND_ST: put(t, "st%u", op->reg); break;
    case X86_OPERAND_STRING:
        put(t, "[");
        put_gpr(t, op->reg, in->addrsize);
        put(t, "]");
        break;
    default: break;
    }
}

unsigned x86_disassemble(uint64_t pc, const uint8_t *bytes, size_t n, char *out, size_t size)
{
    struct text t = {out, size, 0};
    struct x86_insn in;
    enum x86_decode d = x86_decode(bytes, n, true, &in);
    if (d == X86_DECODE_UNDEFINED)
        d = x86_decode(bytes, n, false, &in);
    if (d == X86_DECODE_SHORT)
        return 0;
    if (d != X86_DECODE_OK) {
        put(&t, ".byte 0x%02x", bytes[0]);
        return 1;
    }
    if (in.lock)
        put(&t, "lock ");
    if (in.rep && (in.row->attrs & (X86_ATTR_rep | X86_ATTR_repe)))
        put(&t, in.rep == 0xf2 ? "repne " : "rep ");
    for (const char *c = in.row->name; *c; c++)
        put(&t, "%c", tolower((unsigned char)*c));
    for (unsigned i = 0; i < 4 && in.op[i].kind; i++) {
        put(&t, i ? ", " : " ");
        put_operand(&t, &in, i, pc + in.length);
    }
    return in.length;
}
