/* Encodings of x86-64 instructions: legacy, VEX and EVEX.  See the Intel SDM, volume 2, chapter 2
 * for the formats and the reference pages for each opcode.
 *
 * When the buffer is full the write position goes back to its start and `overflow` is set: whatever
 * is written then is thrown away by the caller, and no writer needs to look for errors. */
#include "host/x64/emit.h"
#include <stdlib.h>
#include <string.h>

/* An instruction and its trailing constants fit in this. */
#define ROOM 32

void emit_init(struct emit *e, uint8_t *buf, size_t size, bool vex, struct arena *arena)
{
    *e = (struct emit){.arena = arena};
    e->start = e->p = buf;
    e->end = buf + size;
    e->overflow = size < 4 * ROOM;
    e->vex = vex;
}

void emit_u8(struct emit *e, unsigned v)
{
    if (UNLIKELY(e->end - e->p < ROOM)) {
        e->overflow = true;
        if (e->end - e->start < ROOM)
            return;
        e->p = e->start;
    }
    *e->p++ = (uint8_t)v;
}

void emit_u32(struct emit *e, uint32_t v)
{
    if (e->overflow && e->end - e->start < ROOM)
        return;
    memcpy(e->p, &v, 4);
    e->p += 4;
}

void emit_u64(struct emit *e, uint64_t v)
{
    emit_u32(e, (uint32_t)v);
    emit_u32(e, (uint32_t)(v >> 32));
}

struct x64_mem emit_pool(struct emit *e, uint64_t lo, uint64_t hi)
{
    unsigned i = 0;
    while (i < e->pool_count && !(e->pool[i][0] == lo && e->pool[i][1] == hi))
        i++;
    if (i == e->pool_count) {
        if (i == e->pool_capacity) {
            unsigned n = i ? 2 * i : 16;
            e->pool = arena_grow(e->arena, e->pool, i * sizeof *e->pool, n * sizeof *e->pool);
            e->pool_capacity = n;
        }
        e->pool[i][0] = lo;
        e->pool[i][1] = hi;
        e->pool_count++;
    }
    return (struct x64_mem){.base = MEM_POOL, .index = -1, .disp = (int32_t)i};
}

void emit_patch(struct emit *e, uint32_t at, uint32_t to)
{
    if (e->overflow)
        return;
    int32_t rel = (int32_t)(to - (at + 4));
    memcpy(e->start + at, &rel, 4);
}

void emit_finish(struct emit *e)
{
    if (!e->pool_count)
        return;
    while (emit_pos(e) % 16)
        emit_u8(e, 0xcc);
    uint32_t base = emit_pos(e);
    if (e->overflow || e->end - e->p < 16 * (ptrdiff_t)e->pool_count) {
        e->overflow = true;
        return;
    }
    memcpy(e->p, e->pool, 16 * e->pool_count);
    e->p += 16 * e->pool_count;
    for (unsigned i = 0; i < e->fixup_count; i++) {
        uint32_t at = e->fixup[i].at;
        emit_patch(e, at, base + 16u * e->fixup[i].pool - e->fixup[i].tail);
    }
}

/* -- the parts of an instruction
 * --------------------------------------------------------------------- */

static void modrm_reg(struct emit *e, int reg, int rm)
{
    emit_u8(e, 0xc0u | (unsigned)(reg & 7) << 3 | (unsigned)(rm & 7));
}

/* ModRM, SIB and displacement. `tail`: bytes of the instruction that follow. */
static void modrm_mem(struct emit *e, int reg, struct x64_mem m, unsigned tail)
{
    unsigned r = (unsigned)(reg & 7) << 3;
    if (m.base == MEM_POOL) {
        emit_u8(e, r | 5);
        if (e->fixup_count == e->fixup_capacity) {
            unsigned n = e->fixup_capacity ? 2 * e->fixup_capacity : 32;
            e->fixup = arena_grow(e->arena, e->fixup, e->fixup_capacity * sizeof *e->fixup,
                                  n * sizeof *e->fixup);
            e->fixup_capacity = n;
        }
        e->fixup[e->fixup_count++] =
            (struct emit_fixup){emit_pos(e), (uint16_t)m.disp, (uint8_t)tail};
        emit_u32(e, 0);
        return;
    }
    if (m.base < 0) { /* index or nothing: SIB without base, disp32 */
        emit_u8(e, r | 4);
        emit_u8(e, (unsigned)m.scale << 6 |
                       (m.index >= 0 ? (unsigned)(m.index & 7) << 3 : 4u << 3) | 5);
        emit_u32(e, (uint32_t)m.disp);
        return;
    }
    unsigned mod = 2;
    if (m.disp == 0 && (m.base & 7) != RBP)
        mod = 0;
    else if (m.disp >= -128 && m.disp <= 127)
        mod = 1;
    if (m.index >= 0 || (m.base & 7) == RSP) {
        emit_u8(e, mod << 6 | r | 4);
        emit_u8(e, (unsigned)m.scale << 6 |
                       (m.index >= 0 ? (unsigned)(m.index & 7) << 3 : 4u << 3) |
                       (unsigned)(m.base & 7));
    } else {
        emit_u8(e, mod << 6 | r | (unsigned)(m.base & 7));
    }
    if (mod == 1)
        emit_u8(e, (unsigned)m.disp & 0xff);
    else if (mod == 2)
        emit_u32(e, (uint32_t)m.disp);
}

/* The prefix, which comes first. */
static void address_size(struct emit *e, struct x64_mem m)
{
    if (m.wrap32)
        emit_u8(e, 0x67);
}

static unsigned bit3(int r)
{
    return r >= 0 ? (unsigned)r >> 3 & 1 : 0;
}

/* Prefix bytes, REX and opcode. opc: up to 0x3xxxx = map in bits 16.., one byte below. */
#define MAP_0F   0x10000u
#define MAP_0F38 0x20000u
#define MAP_0F3A 0x30000u
static void opcode(struct emit *e, unsigned prefix, unsigned rex, bool force_rex, uint32_t opc)
{
    if (prefix)
        emit_u8(e, prefix);
    if (rex || force_rex)
        emit_u8(e, 0x40 | rex);
    unsigned map = opc >> 16;
    if (map)
        emit_u8(e, 0x0f);
    if (map == 2)
        emit_u8(e, 0x38);
    if (map == 3)
        emit_u8(e, 0x3a);
    emit_u8(e, opc & 0xff);
}

/* Byte registers sil, dil, bpl, spl need a REX prefix. */
static bool byte_rex(unsigned sz, int r)
{
    return sz == 1 && r >= 4;
}

/* General form with register operand; prefix66 follows from sz. byte_regs: which operands are
 * bytes. */
static void op_rr(struct emit *e, unsigned prefix, unsigned sz, uint32_t opc, int reg, int rm,
                  bool force_rex)
{
    if (sz == 2)
        emit_u8(e, 0x66);
    unsigned rex = (sz == 8 ? 8u : 0) | bit3(reg) << 2 | bit3(rm);
    opcode(e, prefix, rex, force_rex, opc);
    modrm_reg(e, reg, rm);
}

static void op_rm(struct emit *e, unsigned prefix, unsigned sz, uint32_t opc, int reg,
                  struct x64_mem m, bool force_rex, unsigned tail)
{
    address_size(e, m);
    if (sz == 2)
        emit_u8(e, 0x66);
    unsigned rex = (sz == 8 ? 8u : 0) | bit3(reg) << 2 | bit3(m.index) << 1 | bit3(m.base);
    opcode(e, prefix, rex, force_rex, opc);
    modrm_mem(e, reg, m, tail);
}

static uint32_t b(unsigned sz, uint32_t opc)
{
    return sz == 1 ? opc - 1 : opc;
}

static void imm_of(struct emit *e, unsigned sz, int32_t imm)
{
    if (sz == 1) {
        emit_u8(e, (unsigned)imm & 0xff);
    } else if (sz == 2) {
        emit_u8(e, (unsigned)imm & 0xff);
        emit_u8(e, (unsigned)imm >> 8 & 0xff);
    } else {
        emit_u32(e, (uint32_t)imm);
    }
}
static unsigned imm_size(unsigned sz)
{
    return sz > 4 ? 4 : sz;
}
static bool is_imm8(int32_t v)
{
    return v >= -128 && v <= 127;
}

void emit_nop(struct emit *e, unsigned bytes)
{
    static const uint8_t seq[9][9] = {
        {0x90},
        {0x66, 0x90},
        {0x0f, 0x1f, 0x00},
        {0x0f, 0x1f, 0x40, 0x00},
        {0x0f, 0x1f, 0x44, 0x00, 0x00},
        {0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00},
        {0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00},
        {0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00},
        {0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00},
    };
    while (bytes) {
        unsigned n = bytes > 9 ? 9 : bytes;
        for (unsigned i = 0; i < n; i++)
            emit_u8(e, seq[n - 1][i]);
        bytes -= n;
    }
}

static NORETURN void refuse(struct emit *e, const char *why)
{
    if (e->refuse)
        e->refuse(e, why);
    abort();
}

/* At the beginning of all that change EFLAGS. */
static void writes_eflags(struct emit *e)
{
    if (UNLIKELY(e->eflags && *e->eflags))
        refuse(e, "EFLAGS are overwritten");
}

/* -- integer
 * ------------------------------------------------------------------------------------------ */

void emit_alu_rr(struct emit *e, enum x64_alu op, unsigned sz, int dst, int src)
{
    writes_eflags(e);
    op_rr(e, 0, sz, b(sz, (uint32_t)op * 8 + 3), dst, src, byte_rex(sz, dst) || byte_rex(sz, src));
}

void emit_alu_rm(struct emit *e, enum x64_alu op, unsigned sz, int dst, struct x64_mem m)
{
    writes_eflags(e);
    op_rm(e, 0, sz, b(sz, (uint32_t)op * 8 + 3), dst, m, byte_rex(sz, dst), 0);
}

void emit_alu_mr(struct emit *e, enum x64_alu op, unsigned sz, struct x64_mem m, int src)
{
    writes_eflags(e);
    op_rm(e, 0, sz, b(sz, (uint32_t)op * 8 + 1), src, m, byte_rex(sz, src), 0);
}

void emit_alu_ri(struct emit *e, enum x64_alu op, unsigned sz, int dst, int32_t imm)
{
    writes_eflags(e);
    bool i8 = sz == 1 || is_imm8(imm);
    op_rr(e, 0, sz, sz == 1 ? 0x80 : i8 ? 0x83 : 0x81, (int)op, dst, byte_rex(sz, dst));
    imm_of(e, i8 ? 1 : sz, imm);
}

void emit_alu_mi(struct emit *e, enum x64_alu op, unsigned sz, struct x64_mem m, int32_t imm)
{
    writes_eflags(e);
    bool i8 = sz == 1 || is_imm8(imm);
    op_rm(e, 0, sz, sz == 1 ? 0x80 : i8 ? 0x83 : 0x81, (int)op, m, false, i8 ? 1 : imm_size(sz));
    imm_of(e, i8 ? 1 : sz, imm);
}

void emit_test_rr(struct emit *e, unsigned sz, int a, int c)
{
    writes_eflags(e);
    op_rr(e, 0, sz, b(sz, 0x85), c, a, byte_rex(sz, a) || byte_rex(sz, c));
}

void emit_test_ri(struct emit *e, unsigned sz, int a, int32_t imm)
{
    writes_eflags(e);
    op_rr(e, 0, sz, b(sz, 0xf7), 0, a, byte_rex(sz, a));
    imm_of(e, sz, imm);
}

void emit_test_mi(struct emit *e, unsigned sz, struct x64_mem m, int32_t imm)
{
    writes_eflags(e);
    op_rm(e, 0, sz, b(sz, 0xf7), 0, m, false, imm_size(sz));
    imm_of(e, sz, imm);
}

void emit_mov_rr(struct emit *e, unsigned sz, int dst, int src)
{
    op_rr(e, 0, sz, 0x8b, dst, src, false);
}

void emit_mov_ri(struct emit *e, int dst, uint64_t imm)
{
    if (imm >> 32 == 0) {
        emit_mov_r_imm32(e, dst, (uint32_t)imm);
    } else if ((int64_t)imm == (int32_t)imm) {
        op_rr(e, 0, 8, 0xc7, 0, dst, false);
        emit_u32(e, (uint32_t)imm);
    } else {
        emit_mov_r_imm64(e, dst, imm);
    }
}

uint32_t emit_mov_r_imm64(struct emit *e, int dst, uint64_t imm)
{
    opcode(e, 0, 8 | bit3(dst), false, 0xb8u | (unsigned)(dst & 7));
    uint32_t at = emit_pos(e);
    emit_u64(e, imm);
    return at;
}

uint32_t emit_mov_r_imm32(struct emit *e, int dst, uint32_t imm)
{
    opcode(e, 0, bit3(dst), false, 0xb8u | (unsigned)(dst & 7));
    uint32_t at = emit_pos(e);
    emit_u32(e, imm);
    return at;
}

void emit_load(struct emit *e, unsigned sz, int dst, struct x64_mem m)
{
    if (sz <= 2)
        op_rm(e, 0, 4, MAP_0F | (sz == 1 ? 0xb6 : 0xb7), dst, m, false, 0);
    else
        op_rm(e, 0, sz, 0x8b, dst, m, false, 0);
}

void emit_loads(struct emit *e, unsigned sz, unsigned to, int dst, struct x64_mem m)
{
    if (to < 4)
        to = 4;
    if (sz >= to)
        emit_load(e, sz, dst, m);
    else if (sz == 4)
        op_rm(e, 0, 8, 0x63, dst, m, false, 0);
    else
        op_rm(e, 0, to, MAP_0F | (sz == 1 ? 0xbe : 0xbf), dst, m, false, 0);
}

void emit_store(struct emit *e, unsigned sz, struct x64_mem m, int src)
{
    op_rm(e, 0, sz, b(sz, 0x89), src, m, byte_rex(sz, src), 0);
}

void emit_store_i(struct emit *e, unsigned sz, struct x64_mem m, int32_t imm)
{
    op_rm(e, 0, sz, b(sz, 0xc7), 0, m, false, imm_size(sz));
    imm_of(e, sz, imm);
}

void emit_zext(struct emit *e, unsigned sz, int dst, int src)
{
    if (sz == 8)
        emit_mov_rr(e, 8, dst, src);
    else if (sz == 4)
        emit_mov_rr(e, 4, dst, src);
    else
        op_rr(e, 0, 4, MAP_0F | (sz == 1 ? 0xb6 : 0xb7), dst, src, byte_rex(sz, src));
}

void emit_zext_second(struct emit *e, int dst, int src)
{
    op_rr(e, 0, 4, MAP_0F | 0xb6, dst, src + 4, false);
}

void emit_sext(struct emit *e, unsigned sz, unsigned to, int dst, int src)
{
    if (to < 4)
        to = 4;
    if (sz >= to)
        emit_mov_rr(e, sz, dst, src);
    else if (sz == 4)
        op_rr(e, 0, 8, 0x63, dst, src, false);
    else
        op_rr(e, 0, to, MAP_0F | (sz == 1 ? 0xbe : 0xbf), dst, src, byte_rex(sz, src));
}

void emit_lea(struct emit *e, unsigned sz, int dst, struct x64_mem m)
{
    op_rm(e, 0, sz, 0x8d, dst, m, false, 0);
}

void emit_shift_ri(struct emit *e, enum x64_shift op, unsigned sz, int r, unsigned n)
{
    writes_eflags(e);
    op_rr(e, 0, sz, b(sz, n == 1 ? 0xd1 : 0xc1), (int)op, r, byte_rex(sz, r));
    if (n != 1)
        emit_u8(e, n);
}

void emit_shift_rc(struct emit *e, enum x64_shift op, unsigned sz, int r)
{
    writes_eflags(e);
    op_rr(e, 0, sz, b(sz, 0xd3), (int)op, r, byte_rex(sz, r));
}

static void vex(struct emit *e, unsigned pp, unsigned map, unsigned w, int reg, int vvvv, int index,
                int base, unsigned l)
{
    unsigned v = vvvv < 0 ? 15 : ~(unsigned)vvvv & 15;
    if (!bit3(index) && !bit3(base) && map == 1 && !w) {
        emit_u8(e, 0xc5);
        emit_u8(e, (bit3(reg) ^ 1) << 7 | v << 3 | l << 2 | pp);
        return;
    }
    emit_u8(e, 0xc4);
    emit_u8(e, (bit3(reg) ^ 1) << 7 | (bit3(index) ^ 1) << 6 | (bit3(base) ^ 1) << 5 | map);
    emit_u8(e, w << 7 | v << 3 | l << 2 | pp);
}

void emit_shiftx(struct emit *e, enum x64_shift op, unsigned sz, int dst, int src, int count)
{
    unsigned pp = op == SHIFT_SHL ? 1 : op == SHIFT_SAR ? 2 : 3;
    vex(e, pp, 2, sz == 8, dst, count, -1, src, 0);
    emit_u8(e, 0xf7);
    modrm_reg(e, dst, src);
}

void emit_rorx(struct emit *e, unsigned sz, int dst, int src, unsigned n)
{
    vex(e, 3, 3, sz == 8, dst, -1, -1, src, 0);
    emit_u8(e, 0xf0);
    modrm_reg(e, dst, src);
    emit_u8(e, n);
}

void emit_andn(struct emit *e, unsigned sz, int dst, int inverted, int src)
{
    writes_eflags(e);
    vex(e, 0, 2, sz == 8, dst, inverted, -1, src, 0);
    emit_u8(e, 0xf2);
    modrm_reg(e, dst, src);
}

void emit_mulx(struct emit *e, unsigned sz, int hi, int lo, int src)
{
    vex(e, 3, 2, sz == 8, hi, lo, -1, src, 0);
    emit_u8(e, 0xf6);
    modrm_reg(e, hi, src);
}

/* BMI2 instructions with their source in memory. */
static void bmi_mem(struct emit *e, unsigned pp, unsigned map, unsigned sz, unsigned op, int dst, int v, struct x64_mem m, unsigned tail)
{
    address_size(e, m);
    vex(e, pp, map, sz == 8, dst, v, m.index, m.base, 0);
    emit_u8(e, op);
    modrm_mem(e, dst, m, tail);
}

void emit_shiftx_m(struct emit *e, enum x64_shift op, unsigned sz, int dst, struct x64_mem m, int count)
{
    bmi_mem(e, op == SHIFT_SHL ? 1 : op == SHIFT_SAR ? 2 : 3, 2, sz, 0xf7, dst, count, m, 0);
}

void emit_rorx_m(struct emit *e, unsigned sz, int dst, struct x64_mem m, unsigned n)
{
    bmi_mem(e, 3, 3, sz, 0xf0, dst, -1, m, 1);
    emit_u8(e, n);
}

void emit_mulx_m(struct emit *e, unsigned sz, int hi, int lo, struct x64_mem m)
{
    bmi_mem(e, 3, 2, sz, 0xf6, hi, lo, m, 0);
}

void emit_shrd(struct emit *e, unsigned sz, int dst, int src, unsigned n)
{
    writes_eflags(e);
    op_rr(e, 0, sz, MAP_0F | 0xac, src, dst, false);
    emit_u8(e, n);
}

void emit_imul_rr(struct emit *e, unsigned sz, int dst, int src)
{
    writes_eflags(e);
    op_rr(e, 0, sz, MAP_0F | 0xaf, dst, src, false);
}

void emit_imul_rm(struct emit *e, unsigned sz, int dst, struct x64_mem m)
{
    writes_eflags(e);
    op_rm(e, 0, sz, MAP_0F | 0xaf, dst, m, false, 0);
}

void emit_imul_rri(struct emit *e, unsigned sz, int dst, int src, int32_t imm)
{
    writes_eflags(e);
    op_rr(e, 0, sz, is_imm8(imm) ? 0x6b : 0x69, dst, src, false);
    imm_of(e, is_imm8(imm) ? 1 : sz, imm);
}

void emit_unary(struct emit *e, enum x64_unary op, unsigned sz, int r)
{
    if (op != UNARY_NOT)
        writes_eflags(e);
    op_rr(e, 0, sz, b(sz, 0xf7), (int)op, r, byte_rex(sz, r));
}

void emit_cqo(struct emit *e, unsigned sz)
{
    opcode(e, 0, sz == 8 ? 8 : 0, false, 0x99);
}

void emit_bit_ri(struct emit *e, enum x64_bit op, unsigned sz, int r, unsigned n)
{
    writes_eflags(e);
    op_rr(e, 0, sz, MAP_0F | 0xba, (int)op, r, false);
    emit_u8(e, n);
}

void emit_scan(struct emit *e, enum x64_scan op, unsigned sz, int dst, int src)
{
    writes_eflags(e);
    static const uint8_t opc[] = {0xbc, 0xbd, 0xbc, 0xbd, 0xb8};
    op_rr(e, op >= SCAN_TZCNT ? 0xf3 : 0, sz, MAP_0F | opc[op], dst, src, false);
}

void emit_bswap(struct emit *e, unsigned sz, int r)
{
    opcode(e, 0, (sz == 8 ? 8u : 0) | bit3(r), false, MAP_0F | 0xc8u | (unsigned)(r & 7));
}

void emit_setcc(struct emit *e, enum x64_cc cc, int r)
{
    op_rr(e, 0, 4, MAP_0F | 0x90u | cc, 0, r, byte_rex(1, r));
}

void emit_cmov_rr(struct emit *e, enum x64_cc cc, unsigned sz, int dst, int src)
{
    op_rr(e, 0, sz, MAP_0F | 0x40u | cc, dst, src, false);
}

void emit_cmov_rm(struct emit *e, enum x64_cc cc, unsigned sz, int dst, struct x64_mem m)
{
    op_rm(e, 0, sz, MAP_0F | 0x40u | cc, dst, m, false, 0);
}

void emit_xchg_rr(struct emit *e, unsigned sz, int a, int c)
{
    op_rr(e, 0, sz, 0x87, a, c, false);
}

void emit_crc32(struct emit *e, unsigned sz, int dst, int src)
{
    op_rr(e, 0xf2, sz, MAP_0F38 | (sz == 1 ? 0xf0 : 0xf1), dst, src, byte_rex(sz, src));
}

void emit_lahf(struct emit *e)
{
    emit_u8(e, 0x9f);
}
void emit_sahf(struct emit *e)
{
    writes_eflags(e);
    emit_u8(e, 0x9e);
}
void emit_cmc(struct emit *e)
{
    emit_u8(e, 0xf5);
}

/* -- atomic
 * --------------------------------------------------------------------------------------------- */

void emit_xchg_mr(struct emit *e, unsigned sz, struct x64_mem m, int r)
{
    op_rm(e, 0, sz, b(sz, 0x87), r, m, byte_rex(sz, r), 0);
}

static void lock(struct emit *e)
{
    emit_u8(e, 0xf0);
}

void emit_prefetch(struct emit *e, enum x64_prefetch kind, struct x64_mem m)
{
    op_rm(e, 0, 4, MAP_0F | (kind == PREFETCH_WRITE ? 0x0d : 0x18), (int)kind & 7, m, false, 0);
}

void emit_lock_xadd(struct emit *e, unsigned sz, struct x64_mem m, int r)
{
    writes_eflags(e);
    lock(e);
    op_rm(e, 0, sz, MAP_0F | b(sz, 0xc1), r, m, byte_rex(sz, r), 0);
}

void emit_lock_cmpxchg(struct emit *e, unsigned sz, struct x64_mem m, int r)
{
    writes_eflags(e);
    lock(e);
    op_rm(e, 0, sz, MAP_0F | b(sz, 0xb1), r, m, byte_rex(sz, r), 0);
}

void emit_lock_cmpxchg16b(struct emit *e, struct x64_mem m)
{
    writes_eflags(e);
    lock(e);
    op_rm(e, 0, 8, MAP_0F | 0xc7, 1, m, false, 0);
}

void emit_lock_alu_mr(struct emit *e, enum x64_alu op, unsigned sz, struct x64_mem m, int src)
{
    lock(e);
    emit_alu_mr(e, op, sz, m, src);
}

void emit_lock_alu_mi(struct emit *e, enum x64_alu op, unsigned sz, struct x64_mem m, int32_t imm)
{
    lock(e);
    emit_alu_mi(e, op, sz, m, imm);
}

/* -- control
 * -------------------------------------------------------------------------------------------- */

static uint32_t rel32(struct emit *e)
{
    emit_u32(e, 0);
    return emit_pos(e) - 4;
}

uint32_t emit_jmp(struct emit *e)
{
    emit_u8(e, 0xe9);
    return rel32(e);
}

uint32_t emit_jcc(struct emit *e, enum x64_cc cc)
{
    emit_u8(e, 0x0f);
    emit_u8(e, 0x80u | cc);
    return rel32(e);
}

uint32_t emit_call(struct emit *e)
{
    emit_u8(e, 0xe8);
    return rel32(e);
}

uint32_t emit_jcc_short(struct emit *e, enum x64_cc cc)
{
    emit_u8(e, 0x70u | cc);
    emit_u8(e, 0);
    return emit_pos(e) - 1;
}

void emit_patch_short(struct emit *e, uint32_t at)
{
    if (e->overflow)
        return;
    uint32_t distance = emit_pos(e) - at - 1;
    if (distance >= 128)
        refuse(e, "a short jump goes too far");
    e->start[at] = (uint8_t)distance;
}

void emit_jmp_m(struct emit *e, struct x64_mem m)
{
    op_rm(e, 0, 4, 0xff, 4, m, false, 0);
}
void emit_call_m(struct emit *e, struct x64_mem m)
{
    writes_eflags(e);
    op_rm(e, 0, 4, 0xff, 2, m, false, 0);
}
void emit_jmp_r(struct emit *e, int r)
{
    op_rr(e, 0, 4, 0xff, 4, r, false);
}
void emit_push(struct emit *e, int r)
{
    opcode(e, 0, bit3(r), false, 0x50u | (unsigned)(r & 7));
}
void emit_pop(struct emit *e, int r)
{
    opcode(e, 0, bit3(r), false, 0x58u | (unsigned)(r & 7));
}

uint32_t emit_push_i(struct emit *e, int32_t imm)
{
    emit_u8(e, 0x68);
    emit_u32(e, (uint32_t)imm);
    return emit_pos(e) - 4;
}

void emit_ret(struct emit *e)
{
    emit_u8(e, 0xc3);
}

void emit_lea_rip(struct emit *e, int dst, uint32_t to)
{
    opcode(e, 0, 8 | bit3(dst) << 2, false, 0x8d);
    emit_u8(e, (unsigned)(dst & 7) << 3 | 5);
    uint32_t at = rel32(e);
    emit_patch(e, at, to);
}

void emit_ldmxcsr(struct emit *e, struct x64_mem m)
{
    op_rm(e, 0, 4, MAP_0F | 0xae, 2, m, false, 0);
}
void emit_x87(struct emit *e, unsigned bytes)
{
    emit_u8(e, bytes & 0xff);
    if (bytes != 0x9b)
        emit_u8(e, bytes >> 8 & 0xff);
}

void emit_x87_m(struct emit *e, unsigned opc, unsigned reg, struct x64_mem m)
{
    op_rm(e, 0, 4, opc, (int)reg, m, false, 0);
}

void emit_stmxcsr(struct emit *e, struct x64_mem m)
{
    op_rm(e, 0, 4, MAP_0F | 0xae, 3, m, false, 0);
}

/* -- vectors
 * -------------------------------------------------------------------------------------------- */

static unsigned vop_pp(x64_vop op)
{
    return op >> 8 & 3;
}
static unsigned vop_map(x64_vop op)
{
    return op >> 10 & 3;
}
static unsigned vop_w(x64_vop op)
{
    return op >> 12 & 1;
}

/* rm >= 0: a register, else *m. w: REX.W/VEX.W. */
static void v_legacy(struct emit *e, x64_vop op, unsigned w, int reg, int rm,
                     const struct x64_mem *m, int imm)
{
    static const uint8_t prefix[] = {0, 0x66, 0xf3, 0xf2};
    if (m)
        address_size(e, *m);
    unsigned rex = w << 3 | bit3(reg) << 2 | (m ? bit3(m->index) << 1 | bit3(m->base) : bit3(rm));
    opcode(e, prefix[vop_pp(op)], rex, false, vop_map(op) << 16 | (op & 0xff));
    if (m)
        modrm_mem(e, reg, *m, imm >= 0);
    else
        modrm_reg(e, reg, rm);
    if (imm >= 0)
        emit_u8(e, (unsigned)imm);
}

static void v_vex(struct emit *e, x64_vop op, unsigned w, int reg, int vvvv, int rm,
                  const struct x64_mem *m, int imm)
{
    if (m)
        address_size(e, *m);
    vex(e, vop_pp(op), vop_map(op), w, reg, vvvv, m ? m->index : -1, m ? m->base : rm, 0);
    emit_u8(e, op & 0xff);
    if (m)
        modrm_mem(e, reg, *m, imm >= 0);
    else
        modrm_reg(e, reg, rm);
    if (imm >= 0)
        emit_u8(e, (unsigned)imm);
}

static unsigned bit4(int r)
{
    return r >= 0 ? (unsigned)r >> 4 & 1 : 0;
}

static void v_evex(struct emit *e, x64_vop op, unsigned w, int reg, int vvvv, int rm, int imm)
{
    unsigned v = vvvv < 0 ? 31 : ~(unsigned)vvvv & 31;
    emit_u8(e, 0x62);
    emit_u8(e, (bit3(reg) ^ 1) << 7 | (bit4(rm) ^ 1) << 6 | (bit3(rm) ^ 1) << 5 |
                   (bit4(reg) ^ 1) << 4 | vop_map(op));
    emit_u8(e, w << 7 | (v & 15) << 3 | 4 | vop_pp(op));
    emit_u8(e, (v >> 4) << 3);
    emit_u8(e, op & 0xff);
    modrm_reg(e, reg, rm);
    if (imm >= 0)
        emit_u8(e, (unsigned)imm);
}

/* Whether it leaves its result in EFLAGS. */
static bool compares(x64_vop op)
{
    return op == V_UCOMISS || op == V_UCOMISD || op == V_COMISS || op == V_COMISD || op == V_PTEST;
}

void emit_v_rr(struct emit *e, x64_vop op, int dst, int src, int imm)
{
    if (compares(op))
        writes_eflags(e);
    if (e->vex)
        v_vex(e, op, vop_w(op), dst, -1, src, NULL, imm);
    else
        v_legacy(e, op, 0, dst, src, NULL, imm);
}

void emit_v_rm(struct emit *e, x64_vop op, int dst, struct x64_mem m, int imm)
{
    if (compares(op))
        writes_eflags(e);
    if (e->vex)
        v_vex(e, op, vop_w(op), dst, -1, -1, &m, imm);
    else
        v_legacy(e, op, 0, dst, -1, &m, imm);
}

void emit_v_mr(struct emit *e, x64_vop op, struct x64_mem m, int src, int imm)
{
    emit_v_rm(e, op, src, m, imm);
}

void emit_v_rrr(struct emit *e, x64_vop op, int dst, int a, int c, int imm)
{
    if (e->vex) {
        v_vex(e, op, vop_w(op), dst, a, c, NULL, imm);
        return;
    }
    if (dst != a) {
        if (dst == c)
            refuse(e, "the result overwrites an operand");
        v_legacy(e, V_MOVAPS, 0, dst, a, NULL, -1);
    }
    v_legacy(e, op, 0, dst, c, NULL, imm);
}

void emit_v_rrm(struct emit *e, x64_vop op, int dst, int a, struct x64_mem m, int imm)
{
    if (e->vex) {
        v_vex(e, op, vop_w(op), dst, a, -1, &m, imm);
        return;
    }
    if (dst != a)
        v_legacy(e, V_MOVAPS, 0, dst, a, NULL, -1);
    v_legacy(e, op, 0, dst, -1, &m, imm);
}

void emit_v_shift(struct emit *e, unsigned opc, unsigned digit, int dst, int src, unsigned n)
{
    if (e->vex) {
        v_vex(e, VOP(1, 1, opc), 0, (int)digit, dst, src, NULL, (int)n);
        return;
    }
    if (dst != src)
        v_legacy(e, V_MOVAPS, 0, dst, src, NULL, -1);
    v_legacy(e, VOP(1, 1, opc), 0, (int)digit, dst, NULL, (int)n);
}

void emit_legacy_rr(struct emit *e, x64_vop op, int dst, int src, int imm)
{
    v_legacy(e, op, 0, dst, src, NULL, imm);
}

void emit_vex_rrr(struct emit *e, x64_vop op, int dst, int a, int c, int imm)
{
    v_vex(e, op, vop_w(op), dst, a, c, NULL, imm);
}

void emit_v_blendvb(struct emit *e, int dst, int a, int c, int mask)
{
    if (e->vex) {
        v_vex(e, VOP(1, 3, 0x4c), 0, dst, a, c, NULL, mask << 4);
        return;
    }
    if (mask != 0 || dst != a)
        refuse(e, "blendv in other registers");
    v_legacy(e, VOP(1, 2, 0x10), 0, dst, c, NULL, -1);
}

void emit_evex_rm(struct emit *e, x64_vop op, int reg, struct x64_mem m)
{
    assert(m.index < 0 && m.base >= 0 && (m.base & 7) != RSP);
    emit_u8(e, 0x62);
    emit_u8(e, (bit3(reg) ^ 1) << 7 | 1 << 6 | (bit3(m.base) ^ 1) << 5 | (bit4(reg) ^ 1) << 4 | vop_map(op));
    emit_u8(e, vop_w(op) << 7 | 15 << 3 | 4 | vop_pp(op));
    emit_u8(e, 1 << 3);
    emit_u8(e, op & 0xff);
    emit_u8(e, 2u << 6 | ((unsigned)reg & 7) << 3 | ((unsigned)m.base & 7)); /* 8-bit displacements would be scaled */
    emit_u32(e, (uint32_t)m.disp);
}

void emit_evex_rr(struct emit *e, x64_vop op, int dst, int src)
{
    v_evex(e, op, vop_w(op), dst, -1, src, -1);
}

void emit_evex_rrr(struct emit *e, x64_vop op, int dst, int a, int c, int imm)
{
    v_evex(e, op, vop_w(op), dst, a, c, imm);
}

/* One operand is a general register: W is its size. */
static void v_gpr(struct emit *e, x64_vop op, unsigned sz, int reg, int vvvv, int rm, int imm)
{
    if (e->vex)
        v_vex(e, op, sz == 8, reg, vvvv, rm, NULL, imm);
    else
        v_legacy(e, op, sz == 8, reg, rm, NULL, imm);
}

void emit_movd_xr(struct emit *e, unsigned sz, int xmm, int gpr)
{
    v_gpr(e, VOP(1, 1, 0x6e), sz, xmm, -1, gpr, -1);
}

void emit_movd_rx(struct emit *e, unsigned sz, int gpr, int xmm)
{
    if (xmm >= 16) {
        v_evex(e, VOP(1, 1, 0x7e), sz == 8, xmm, -1, gpr, -1);
        return;
    }
    v_gpr(e, VOP(1, 1, 0x7e), sz, xmm, -1, gpr, -1);
}

void emit_pinsr(struct emit *e, unsigned sz, int dst, int a, int gpr, unsigned lane)
{
    x64_vop op = sz == 1 ? VOP(1, 3, 0x20) : sz == 2 ? VOP(1, 1, 0xc4) : VOP(1, 3, 0x22);
    if (!e->vex && dst != a)
        v_legacy(e, V_MOVAPS, 0, dst, a, NULL, -1);
    v_gpr(e, op, sz, dst, a, gpr, (int)lane);
}

void emit_pextr(struct emit *e, unsigned sz, int gpr, int xmm, unsigned lane)
{
    x64_vop op = sz == 1 ? VOP(1, 3, 0x14) : sz == 2 ? VOP(1, 3, 0x15) : VOP(1, 3, 0x16);
    v_gpr(e, op, sz, xmm, -1, gpr, (int)lane);
}

void emit_v_to_gpr(struct emit *e, x64_vop op, unsigned sz, int gpr, int xmm)
{
    v_gpr(e, op, sz, gpr, -1, xmm, -1);
}

void emit_v_from_gpr(struct emit *e, x64_vop op, unsigned sz, int xmm, int a, int gpr)
{
    if (!e->vex && xmm != a)
        v_legacy(e, V_MOVAPS, 0, xmm, a, NULL, -1);
    v_gpr(e, op, sz, xmm, a, gpr, -1);
}

void emit_evex_to_gpr(struct emit *e, x64_vop op, unsigned sz, int gpr, int xmm)
{
    v_evex(e, op, sz == 8, gpr, -1, xmm, -1);
}

void emit_evex_from_gpr(struct emit *e, x64_vop op, unsigned sz, int xmm, int a, int gpr)
{
    v_evex(e, op, sz == 8, xmm, a, gpr, -1);
}
