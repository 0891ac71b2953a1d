/* The decoder: prefixes, opcode, the row among those of the opcode whose constraints hold, ModRM and immediates.
 *
 * Mandatory prefixes: the last of F2 and F3 counts before 66.  Near branches in 64-bit mode ignore 66, as Intel's
 * processors do (AMD's take 16 bits).  EVEX, XOP and 3DNow! are not known: undefined.
 * Manual: SDM vol. 2, chapter 2 and appendix A. */
#include "guest/x86/decode.h"
#include <string.h>

#define LENGTH_MAX 15u

struct reader {
    const uint8_t *bytes;
    size_t n, at;
};

static bool need(const struct reader *r, size_t n)
{
    return r->at + n <= r->n;
}

static int64_t take_signed(struct reader *r, unsigned size)
{
    uint64_t v = 0;
    memcpy(&v, r->bytes + r->at, size);
    r->at += size;
    return size == 8 ? (int64_t)v : sign_extend(v, 8 * size);
}

/* What the prefixes, VEX and ModRM said. */
struct state {
    struct reader r;
    bool opsize, addrsize, vex;
    uint8_t map, pfx, rex_r, rex_x, rex_b, vvvv;
};

static bool is_lock_allowed(const struct x86_insn *in)
{
    /* MOV to and from CR0 means CR8 with LOCK on AMD's. */
    return (in->row->attrs & X86_ATTR_lock) &&
           (in->op[0].kind == X86_OPERAND_MEM || in->op[1].kind == X86_OPERAND_MEM);
}

/* ---- prefixes ---------------------------------------------------------------------------------- */

static bool legacy_prefix(struct state *s, struct x86_insn *in, uint8_t b)
{
    switch (b) {
    case 0x26: in->segment = X86_ES; break;
    case 0x2e: in->segment = X86_CS; break;
    case 0x36: in->segment = X86_SS; break;
    case 0x3e: in->segment = X86_DS; break;
    case 0x64: in->segment = X86_FS; break;
    case 0x65: in->segment = X86_GS; break;
    case 0x66: s->opsize = true; break;
    case 0x67: s->addrsize = true; break;
    case 0xf0: in->lock = true; break;
    case 0xf2:
    case 0xf3: in->rep = b; break;
    default: return false;
    }
    return true;
}

static enum x86_decode take_vex(struct state *s, struct x86_insn *in, uint8_t first)
{
    struct reader *r = &s->r;
    unsigned size = first == 0xc5 ? 1 : 2;
    if (!need(r, size))
        return X86_DECODE_SHORT;
    uint8_t p0 = r->bytes[r->at], p1 = r->bytes[r->at + size - 1];
    r->at += size;
    if (in->rex || s->opsize || in->rep || in->lock)
        return X86_DECODE_UNDEFINED;
    s->vex = in->vex = true;
    s->rex_r = ~p0 >> 7 & 1;
    s->map = 1;
    if (size == 2) {
        s->rex_x = ~p0 >> 6 & 1;
        s->rex_b = ~p0 >> 5 & 1;
        s->map = p0 & 0x1f;
        in->wide = p1 >> 7;
    }
    if (!in->mode64)
        s->rex_r = s->rex_x = s->rex_b = 0;
    s->vvvv = ~p1 >> 3 & 15;
    in->vex_l = p1 >> 2 & 1;
    s->pfx = (uint8_t[]){1, 2, 4, 8}[p1 & 3];
    return s->map >= 1 && s->map <= 3 ? X86_DECODE_OK : X86_DECODE_UNDEFINED;
}

/* Up to the opcode, which is left in in->opcode. */
static enum x86_decode take_opcode(struct state *s, struct x86_insn *in)
{
    struct reader *r = &s->r;
    for (;;) {
        if (!need(r, 1))
            return X86_DECODE_SHORT;
        uint8_t b = r->bytes[r->at++];
        if (legacy_prefix(s, in, b)) {
            in->rex = 0;
        } else if (in->mode64 && (b & 0xf0) == 0x40) {
            in->rex = b;
        } else {
            in->opcode = b;
            break;
        }
    }
    s->pfx = in->rep == 0xf3 ? 4 : in->rep ? 8 : s->opsize ? 2 : 1;
    s->rex_r = in->rex >> 2 & 1;
    s->rex_x = in->rex >> 1 & 1;
    s->rex_b = in->rex & 1;
    in->wide = in->rex >> 3 & 1;
    if (in->opcode == 0xc4 || in->opcode == 0xc5) {
        if (!need(r, 1))
            return X86_DECODE_SHORT;
        if (in->mode64 || r->bytes[r->at] >= 0xc0) {
            enum x86_decode d = take_vex(s, in, in->opcode);
            if (d != X86_DECODE_OK)
                return d;
            if (!need(r, 1))
                return X86_DECODE_SHORT;
            in->opcode = r->bytes[r->at++];
            return X86_DECODE_OK;
        }
    }
    if (in->opcode != 0x0f)
        return X86_DECODE_OK;
    for (s->map = 1;;) {
        if (!need(r, 1))
            return X86_DECODE_SHORT;
        in->opcode = r->bytes[r->at++];
        if (s->map > 1 || (in->opcode != 0x38 && in->opcode != 0x3a))
            return X86_DECODE_OK;
        s->map = in->opcode == 0x38 ? 2 : 3;
    }
}

/* ---- the row ----------------------------------------------------------------------------------- */

static uint8_t operand_size(const struct state *s, const struct x86_insn *in, const struct x86_row *row)
{
    if (!in->mode64)
        return s->opsize ? 2 : 4;
    if (in->wide || (row->attrs & X86_ATTR_f64))
        return 8;
    if (s->opsize)
        return 2;
    return row->attrs & X86_ATTR_d64 ? 8 : 4;
}

static uint8_t size_bit(unsigned size)
{
    return (uint8_t)(size >> 1);
}

static bool row_fits(const struct state *s, const struct x86_insn *in, const struct x86_row *row)
{
    bool is_register = in->modrm >= 0xc0 || (row->attrs & X86_ATTR_anymod);
    unsigned w = in->wide && (in->mode64 || s->vex);
    return (row->pfx & s->pfx) && (row->modes & (in->mode64 ? 2 : 1)) && (row->w >> w & 1) &&
           (!s->vex || (row->l >> in->vex_l & 1)) &&
           (!(row->attrs & X86_ATTR_modrm) || (row->mod & (is_register ? 2 : 1))) &&
           (row->reg < 0 || row->reg == (in->modrm >> 3 & 7)) && (row->rm < 0 || row->rm == (in->modrm & 7)) &&
           (row->osz & size_bit(operand_size(s, in, row))) && (row->asz & size_bit(in->addrsize)) &&
           (!(row->attrs & X86_ATTR_nob) || !s->rex_b);
}

static const struct x86_row *find_row(struct state *s, struct x86_insn *in, enum x86_decode *why)
{
    const struct x86_opcode *o = &x86_opcodes[s->vex][s->map][in->opcode];
    bool has_modrm = false;
    for (unsigned i = 0; i < o->count; i++)
        has_modrm |= (x86_rows[x86_order[o->first + i]].attrs & X86_ATTR_modrm) != 0;
    *why = X86_DECODE_UNDEFINED;
    if (has_modrm) {
        if (!need(&s->r, 1)) {
            *why = X86_DECODE_SHORT;
            return NULL;
        }
        in->modrm = s->r.bytes[s->r.at];
    }
    for (unsigned i = 0; i < o->count; i++) {
        const struct x86_row *row = &x86_rows[x86_order[o->first + i]];
        if (row_fits(s, in, row)) {
            if (row->attrs & X86_ATTR_modrm)
                s->r.at++;
            return row;
        }
    }
    return NULL;
}

/* ---- addresses ----------------------------------------------------------------------------------- */

static bool take_disp(struct state *s, struct x86_insn *in, unsigned size)
{
    if (!need(&s->r, size))
        return false;
    in->disp = size ? take_signed(&s->r, size) : 0;
    return true;
}

static bool take_address16(struct state *s, struct x86_insn *in)
{
    static const uint8_t bases[8] = {3, 3, 5, 5, 6, 7, 5, 3};
    static const uint8_t indexes[8] = {6, 7, 6, 7, X86_NO_REG, X86_NO_REG, X86_NO_REG, X86_NO_REG};
    unsigned mod = in->modrm >> 6, rm = in->modrm & 7;
    in->base = bases[rm];
    in->index = indexes[rm];
    if (mod == 0 && rm == 6) {
        in->base = X86_NO_REG;
        mod = 2;
    }
    return take_disp(s, in, mod);
}

static bool take_address(struct state *s, struct x86_insn *in, bool vsib)
{
    if (in->addrsize == 2)
        return take_address16(s, in);
    unsigned mod = in->modrm >> 6, rm = in->modrm & 7;
    in->base = (uint8_t)(rm | s->rex_b << 3);
    if (rm == 4) {
        if (!need(&s->r, 1))
            return false;
        uint8_t sib = s->r.bytes[s->r.at++];
        in->scale = sib >> 6;
        in->index = (uint8_t)((sib >> 3 & 7) | s->rex_x << 3);
        if (in->index == 4 && !vsib)
            in->index = X86_NO_REG;
        in->base = (uint8_t)((sib & 7) | s->rex_b << 3);
        rm = sib & 7;
        if (mod == 0 && rm == 5) {
            in->base = X86_NO_REG;
            return take_disp(s, in, 4);
        }
    } else if (mod == 0 && rm == 5) {
        in->base = in->mode64 ? X86_RIP : X86_NO_REG;
        return take_disp(s, in, 4);
    }
    return take_disp(s, in, mod == 2 ? 4 : mod);
}

/* ---- operands ------------------------------------------------------------------------------------ */

static uint8_t spec_size(const struct x86_insn *in, unsigned size, bool memory)
{
    uint8_t x = in->vex_l ? 32 : 16;
    switch (size) {
    case X86_SIZE_b: return 1;
    case X86_SIZE_w: return 2;
    case X86_SIZE_d: return 4;
    case X86_SIZE_q: return 8;
    case X86_SIZE_o: return 16;
    case X86_SIZE_t: return 10;
    case X86_SIZE_v: return in->opsize;
    case X86_SIZE_z: return in->opsize == 2 ? 2 : 4;
    case X86_SIZE_y: return in->mode64 && in->wide ? 8 : 4;
    case X86_SIZE_x: return x;
    case X86_SIZE_h: return x / 2;
    case X86_SIZE_k: return x / 4;
    case X86_SIZE_j: return x / 8;
    case X86_SIZE_n: return in->mode64 ? 8 : 4;
    case X86_SIZE_p: return in->opsize + 2;
    case X86_SIZE_a: return 2 * in->opsize;
    case X86_SIZE_s: return in->mode64 ? 10 : 6;
    case X86_SIZE_dw: return memory ? 2 : 4;
    case X86_SIZE_db: return memory ? 1 : 4;
    case X86_SIZE_vw: return memory ? 2 : in->opsize;
    default: return 0;
    }
}

static struct x86_operand general(const struct x86_insn *in, unsigned reg, uint8_t size)
{
    if (size == 1 && !in->rex && !in->vex && reg >= 4 && reg < 8)
        return (struct x86_operand){X86_OPERAND_HIGH, (uint8_t)(reg - 4), 1};
    return (struct x86_operand){X86_OPERAND_GPR, (uint8_t)reg, size};
}

static bool take_immediate(struct state *s, struct x86_insn *in, uint8_t size, int64_t *v)
{
    if (!need(&s->r, size))
        return false;
    *v = take_signed(&s->r, size);
    return true;
}

/* Registers that there are, and combinations that are allowed. */
static bool is_valid(const struct state *s, const struct x86_insn *in)
{
    const struct x86_row *row = in->row;
    if (in->lock && !is_lock_allowed(in))
        return false;
    if (in->lock && in->op[0].kind != X86_OPERAND_MEM && row->map == 0 && row->opcode != 0x86 && row->opcode != 0x87)
        return false;
    if (s->vex && s->vvvv && !(row->attrs & X86_ATTR_vvvv))
        return false;
    for (unsigned i = 0; i < 4; i++) {
        unsigned reg = in->op[i].reg;
        switch (in->op[i].kind) {
        case X86_OPERAND_SEG:
            if (reg > 5 || (i == 0 && reg == X86_CS && row->opcode == 0x8e && row->map == 0))
                return false;
            break;
        case X86_OPERAND_CR:
            if (reg != 0 && reg != 2 && reg != 3 && reg != 4 && reg != 8)
                return false;
            break;
        case X86_OPERAND_DR:
            if (reg > 7)
                return false;
            break;
        default: break;
        }
    }
    if (row->attrs & X86_ATTR_sib) /* gathers: destination, mask and index differ */
        return (in->modrm & 7) == 4 && in->op[0].reg != in->op[1].reg && in->op[0].reg != in->index &&
               in->op[1].reg != in->index && in->addrsize != 2;
    return true;
}

static struct x86_operand modrm_operand(const struct state *s, const struct x86_insn *in, const struct x86_spec *spec)
{
    bool memory = in->modrm < 0xc0 && !(in->row->attrs & X86_ATTR_anymod);
    uint8_t reg = (uint8_t)((in->modrm >> 3 & 7) | s->rex_r << 3), rm = (uint8_t)((in->modrm & 7) | s->rex_b << 3);
    uint8_t size = spec_size(in, spec->size, memory), r = rm, kind = X86_OPERAND_MEM;
    switch (spec->kind) {
    case X86_SPEC_G: return general(in, reg, size);
    case X86_SPEC_S: kind = X86_OPERAND_SEG, r = reg & 7; break;
    case X86_SPEC_C: kind = X86_OPERAND_CR, r = reg; break;
    case X86_SPEC_D: kind = X86_OPERAND_DR, r = reg; break;
    case X86_SPEC_V: kind = X86_OPERAND_XMM, r = reg; break;
    case X86_SPEC_P: kind = X86_OPERAND_MMX, r = reg & 7; break;
    case X86_SPEC_STI: kind = X86_OPERAND_ST, r = rm & 7, size = 10; break;
    default:
        if (memory)
            break;
        if (spec->kind == X86_SPEC_E || spec->kind == X86_SPEC_R)
            return general(in, rm, size);
        if (spec->kind == X86_SPEC_W || spec->kind == X86_SPEC_U)
            kind = X86_OPERAND_XMM;
        else
            kind = X86_OPERAND_MMX, r = rm & 7;
    }
    return (struct x86_operand){kind, r, size};
}

static bool take_operand(struct state *s, struct x86_insn *in, unsigned i)
{
    const struct x86_spec *spec = &in->row->op[i];
    uint8_t size = spec_size(in, spec->size, false);
    struct x86_operand *op = &in->op[i];
    switch (spec->kind) {
    case X86_SPEC_NONE: return true;
    case X86_SPEC_B: *op = (struct x86_operand){X86_OPERAND_GPR, s->vvvv & (in->mode64 ? 15 : 7), size}; return true;
    case X86_SPEC_Z: *op = general(in, (in->opcode & 7) | (unsigned)s->rex_b << 3, size); return true;
    case X86_SPEC_A: *op = (struct x86_operand){X86_OPERAND_GPR, 0, size}; return true;
    case X86_SPEC_CL: *op = (struct x86_operand){X86_OPERAND_GPR, 1, 1}; return true;
    case X86_SPEC_DX: *op = (struct x86_operand){X86_OPERAND_GPR, 2, 2}; return true;
    case X86_SPEC_H: *op = (struct x86_operand){X86_OPERAND_XMM, s->vvvv & (in->mode64 ? 15 : 7), size}; return true;
    case X86_SPEC_XMM0: *op = (struct x86_operand){X86_OPERAND_XMM, 0, 16}; return true;
    case X86_SPEC_ST0: *op = (struct x86_operand){X86_OPERAND_ST, 0, 10}; return true;
    case X86_SPEC_X: *op = (struct x86_operand){X86_OPERAND_STRING, 6, size}; return true;
    case X86_SPEC_Y: *op = (struct x86_operand){X86_OPERAND_STRING, 7, size}; return true;
    case X86_SPEC_ONE:
        *op = (struct x86_operand){X86_OPERAND_IMM, 0, 1};
        in->imm = 1;
        return true;
    case X86_SPEC_I:
    case X86_SPEC_IS:
    case X86_SPEC_J:
        *op = (struct x86_operand){spec->kind == X86_SPEC_J ? X86_OPERAND_REL : X86_OPERAND_IMM, 0, size};
        if (!take_immediate(s, in, size, &in->imm))
            return false;
        if (spec->kind == X86_SPEC_IS || (spec->kind == X86_SPEC_I && spec->size == X86_SIZE_z))
            op->size = in->opsize;
        return true;
    case X86_SPEC_IMM2:
        *op = (struct x86_operand){X86_OPERAND_IMM, 1, 1};
        return take_immediate(s, in, 1, &in->imm2);
    case X86_SPEC_L:
        *op = (struct x86_operand){X86_OPERAND_XMM, 0, size};
        if (!take_immediate(s, in, 1, &in->imm))
            return false;
        op->reg = (uint8_t)in->imm >> 4 & (in->mode64 ? 15 : 7);
        return true;
    case X86_SPEC_O:
        *op = (struct x86_operand){X86_OPERAND_MEM, 0, size};
        return take_disp(s, in, in->addrsize);
    case X86_SPEC_FAR:
        *op = (struct x86_operand){X86_OPERAND_FAR, 0, size};
        return take_immediate(s, in, in->opsize, &in->imm) && take_immediate(s, in, 2, &in->imm2);
    default:
        if (spec->kind >= X86_SPEC_SEG0 && spec->kind <= X86_SPEC_SEG5)
            *op = (struct x86_operand){X86_OPERAND_SEG, (uint8_t)(spec->kind - X86_SPEC_SEG0), 2};
        else
            *op = modrm_operand(s, in, spec);
        return true;
    }
}

enum x86_decode x86_decode(const uint8_t *bytes, size_t n, bool mode64, struct x86_insn *in)
{
    struct state s = {.r = {bytes, n < LENGTH_MAX ? n : LENGTH_MAX, 0}};
    enum x86_decode shortage = n < LENGTH_MAX ? X86_DECODE_SHORT : X86_DECODE_TOO_LONG;
    *in = (struct x86_insn){.segment = X86_NO_SEGMENT, .mode64 = mode64, .base = X86_NO_REG, .index = X86_NO_REG};
    enum x86_decode d = take_opcode(&s, in);
    if (d != X86_DECODE_OK)
        return d == X86_DECODE_SHORT ? shortage : d;
    in->addrsize = mode64 ? (s.addrsize ? 4 : 8) : (s.addrsize ? 2 : 4);
    in->row = find_row(&s, in, &d);
    if (!in->row)
        return d == X86_DECODE_SHORT ? shortage : d;
    in->opsize = operand_size(&s, in, in->row);
    bool memory = (in->row->attrs & X86_ATTR_modrm) && in->modrm < 0xc0 && !(in->row->attrs & X86_ATTR_anymod);
    if (memory && !take_address(&s, in, (in->row->attrs & X86_ATTR_sib) != 0))
        return shortage;
    for (unsigned i = 0; i < 4; i++)
        if (!take_operand(&s, in, i))
            return shortage;
    in->length = (uint8_t)s.r.at;
    return is_valid(&s, in) ? X86_DECODE_OK : X86_DECODE_UNDEFINED;
}
