/* Operations on lanes that x86 has for some widths only: what saturates, halves, or counts bits.
 * The rest of the vector operations is in select_vec.c. */
#include "host/x64/vec.h"

/* -- saturation
 * ---------------------------------------------------------------------------------------- */

/* Lanes of 32 and 64 bits, unsigned. */
static void saturate_unsigned(struct ctx *c, const struct ir_inst *in, unsigned l)
{
    struct emit *e = &c->e;
    bool sub = in->op == IR_VSUBS;
    int ra = use_xmm(c, in->a), rb = use_xmm(c, in->b), t = tmp_xmm(c);
    if (l == 2) {
        int d = def_apart(c, ra, rb, -1);
        if (sub) {
            emit_v_rrr(e, V_PMAXUD, d, ra, rb, -1);
            emit_v_rrr(e, V_PSUBD, d, d, rb, -1);
        } else { /* a + min(b, ~a) */
            emit_v_rrr(e, V_PCMPEQD, t, t, t, -1);
            emit_v_rrr(e, V_PXOR, t, t, ra, -1);
            emit_v_rrr(e, V_PMINUD, t, t, rb, -1);
            emit_v_rrr(e, V_PADDD, d, ra, t, -1);
        }
        return;
    }
    /* a + b < a, or a < b, tells; compared as signed numbers with the top bit inverted */
    int t2 = tmp_xmm(c), d = def_apart(c, ra, rb, -1);
    emit_v_rrr(e, sub ? V_PSUBQ : V_PADDQ, d, ra, rb, -1);
    emit_v_rrm(e, V_PXOR, t, ra, pool_u64(c, 1ull << 63), -1);
    emit_v_rrm(e, V_PXOR, t2, sub ? rb : d, pool_u64(c, 1ull << 63), -1);
    if (sub) {
        emit_v_rrr(e, V_PCMPGTQ, t2, t2, t, -1);
        emit_v_rrr(e, V_PANDN, t2, t2, d, -1);
        emit_v_rr(e, V_MOVAPS, d, t2, -1);
    } else {
        emit_v_rrr(e, V_PCMPGTQ, t, t, t2, -1);
        emit_v_rrr(e, V_POR, d, d, t, -1);
    }
}

/* r := the sign of each lane in all its bits. */
static void spread_sign(struct ctx *c, unsigned l, int r)
{
    emit_v_shift(&c->e, 0x72, 4, r, r, 31);
    if (l == 3)
        emit_v_rr(&c->e, V_PSHUFD, r, r, 0xf5);
}

/* Lanes of 32 and 64 bits, signed: where a and the sum differ in sign, and a and b (or, for a
 * difference, ~b) do not, it is the largest number of a's sign. */
static void saturate_signed(struct ctx *c, const struct ir_inst *in, unsigned l)
{
    struct emit *e = &c->e;
    bool sub = in->op == IR_VSUBS;
    int ra = use_xmm(c, in->a), rb = use_xmm(c, in->b), over = tmp_xmm(c), t = tmp_xmm(c),
        d = def_apart(c, ra, rb, -1);
    emit_v_rrr(e, (sub ? vec_sub : vec_add)[l], d, ra, rb, -1);
    emit_v_rrr(e, V_PXOR, t, ra, d, -1);
    emit_v_rrr(e, V_PXOR, over, ra, rb, -1);
    emit_v_rrr(e, sub ? V_PAND : V_PANDN, over, over, t, -1);
    spread_sign(c, l, over);
    emit_v_rr(e, V_MOVAPS, t, ra, -1);
    spread_sign(c, l, t);
    emit_v_rrm(e, V_PXOR, t, t, l == 2 ? pool_u32(c, 0x7fffffff) : pool_u64(c, ~0ull >> 1), -1);
    emit_v_rrr(e, V_PXOR, t, t, d, -1);
    emit_v_rrr(e, V_PAND, t, t, over, -1);
    emit_v_rrr(e, V_PXOR, d, d, t, -1);
}

static void saturating(struct ctx *c, const struct ir_inst *in)
{
    static const x64_vop op[2][2][2] = {{{V_PADDUSB, V_PADDUSW}, {V_PADDSB, V_PADDSW}},
                                        {{V_PSUBUSB, V_PSUBUSW}, {V_PSUBSB, V_PSUBSW}}};
    unsigned l = lane_log(in);
    bool sub = in->op == IR_VSUBS;
    if (l < 2)
        vec_binary(c, op[sub][in->attr & 1][l], in->a, in->b, !sub);
    else if (in->attr & 1)
        saturate_signed(c, in, l);
    else
        saturate_unsigned(c, in, l);
}

/* -- halving, doubling
 * ---------------------------------------------------------------------------------- */

/* Lanes of 32 bits: what both have, and half of what one has. */
static void average_wide(struct ctx *c, const struct ir_inst *in)
{
    struct emit *e = &c->e;
    int ra = use_xmm(c, in->a), rb = use_xmm(c, in->b), t = tmp_xmm(c),
        d = def_apart(c, ra, rb, -1);
    emit_v_rrr(e, V_PXOR, t, ra, rb, -1);
    emit_v_shift(e, 0x72, in->attr & 1 ? 4 : 2, t, t, 1);
    emit_v_rrr(e, in->imm ? V_POR : V_PAND, d, ra, rb, -1);
    emit_v_rrr(e, in->imm ? V_PSUBD : V_PADDD, d, d, t, -1);
}

static bool average(struct ctx *c, const struct ir_inst *in)
{
    static const x64_vop op[] = {V_PAVGB, V_PAVGW};
    struct emit *e = &c->e;
    unsigned l = lane_log(in);
    bool s = in->attr & 1;
    if (l == 3)
        return false;
    if (l == 2) {
        average_wide(c, in);
        return true;
    }
    if (in->imm && !s) {
        vec_binary(c, op[l], in->a, in->b, true);
        return true;
    }
    int ra = use_xmm(c, in->a), rb = use_xmm(c, in->b), t = tmp_xmm(c), t2 = tmp_xmm(c),
        d = def_apart(c, ra, rb, -1);
    struct x64_mem sign = pool_u16(c, l ? 0x8000 : 0x8080);
    if (!in->imm) {
        emit_v_rrr(e, V_PXOR, t2, ra, rb, -1);
        emit_v_rrm(e, V_PAND, t2, t2, pool_u16(c, l ? 0x0001 : 0x0101), -1);
    }
    if (s) { /* as unsigned numbers, all moved up by half the range */
        emit_v_rrm(e, V_PXOR, t, rb, sign, -1);
        emit_v_rrm(e, V_PXOR, d, ra, sign, -1);
        emit_v_rrr(e, op[l], d, d, t, -1);
        emit_v_rrm(e, V_PXOR, d, d, sign, -1);
    } else {
        emit_v_rrr(e, op[l], d, ra, rb, -1);
    }
    if (!in->imm)
        emit_v_rrr(e, vec_sub[l], d, d, t2, -1);
    return true;
}

static void doubling_words(struct ctx *c, const struct ir_inst *in)
{
    struct emit *e = &c->e;
    int ra = use_xmm(c, in->a), rb = use_xmm(c, in->b), t = tmp_xmm(c),
        d = def_apart(c, ra, rb, -1);
    if (in->imm) {
        emit_v_rrr(e, V_PMULHRSW, d, ra, rb, -1);
    } else {
        emit_v_rrr(e, V_PMULHW, d, ra, rb, -1);
        emit_v_rrr(e, V_PMULLW, t, ra, rb, -1);
        emit_v_rrr(e, V_PADDW, d, d, d, -1);
        emit_v_shift(e, 0x71, 2, t, t, 15);
        emit_v_rrr(e, V_POR, d, d, t, -1);
    }
    /* -1 * -1 saturates: 8000 becomes 7fff */
    emit_v_rm(e, V_MOVAPS, t, pool_u16(c, 0x8000), -1);
    emit_v_rrr(e, V_PCMPEQW, t, t, d, -1);
    emit_v_rrr(e, V_PXOR, d, d, t, -1);
}

static void multiply_doubling(struct ctx *c, const struct ir_inst *in)
{
    struct emit *e = &c->e;
    if (lane_log(in) == 1) {
        doubling_words(c, in);
        return;
    }
    int ra = use_xmm(c, in->a), rb = use_xmm(c, in->b), t = tmp_xmm(c), t2 = tmp_xmm(c),
        d = def_apart(c, ra, rb, -1);
    emit_v_shift(e, 0x73, 2, t, ra, 32);
    emit_v_shift(e, 0x73, 2, t2, rb, 32);
    emit_v_rrr(e, V_PMULDQ, t, t, t2, -1);
    emit_v_rrr(e, V_PMULDQ, d, ra, rb, -1);
    emit_v_rrr(e, V_PADDQ, t, t, t, -1);
    emit_v_rrr(e, V_PADDQ, d, d, d, -1);
    if (in->imm) {
        emit_v_rrm(e, V_PADDQ, t, t, pool_u64(c, 1ull << 31), -1);
        emit_v_rrm(e, V_PADDQ, d, d, pool_u64(c, 1ull << 31), -1);
    }
    emit_v_shift(e, 0x73, 2, d, d, 32);
    emit_v_rrm(e, V_PAND, t, t, pool_u64(c, ~0ull << 32), -1);
    emit_v_rrr(e, V_POR, d, d, t, -1);
    emit_v_rm(e, V_MOVAPS, t, pool_u32(c, 0x80000000u), -1);
    emit_v_rrr(e, V_PCMPEQD, t, t, d, -1);
    emit_v_rrr(e, V_PXOR, d, d, t, -1);
}

/* -- bits
 * ---------------------------------------------------------------------------------------------- */

/* Bytes looked up by their two nibbles: counts, bit reversal. The result. */
static int nibbles(struct ctx *c, const struct ir_inst *in, const uint8_t low[16],
                   const uint8_t high[16], x64_vop join)
{
    struct emit *e = &c->e;
    int ra = use_xmm(c, in->a), t = tmp_xmm(c), t2 = tmp_xmm(c), d = def_apart(c, ra, -1, -1);
    struct x64_mem mask = pool_u16(c, 0x0f0f);
    emit_v_shift(e, 0x71, 2, t, ra, 4);
    emit_v_rrm(e, V_PAND, t, t, mask, -1);
    emit_v_rrm(e, V_PAND, t2, ra, mask, -1);
    emit_v_rm(e, V_MOVAPS, d, pool_bytes(c, low), -1);
    emit_v_rrr(e, V_PSHUFB, d, d, t2, -1);
    emit_v_rm(e, V_MOVAPS, t2, pool_bytes(c, high), -1);
    emit_v_rrr(e, V_PSHUFB, t2, t2, t, -1);
    emit_v_rrr(e, join, d, d, t2, -1);
    return d;
}

static void popcount(struct ctx *c, const struct ir_inst *in)
{
    static const uint8_t ones[16] = {0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4};
    if (has(X64_BITALG)) {
        int ra = use_xmm(c, in->a);
        emit_evex_rrr(&c->e, V_POPCNTB, def_xmm(c, c->i, ra, 0), -1, ra, -1);
        return;
    }
    nibbles(c, in, ones, ones, V_PADDB);
}

static void bit_reverse(struct ctx *c, const struct ir_inst *in)
{
    static const uint8_t low[16] = {0x00, 0x80, 0x40, 0xc0, 0x20, 0xa0, 0x60, 0xe0,
                                    0x10, 0x90, 0x50, 0xd0, 0x30, 0xb0, 0x70, 0xf0};
    static const uint8_t high[16] = {0x0, 0x8, 0x4, 0xc, 0x2, 0xa, 0x6, 0xe,
                                     0x1, 0x9, 0x5, 0xd, 0x3, 0xb, 0x7, 0xf};
    if (has(X64_GFNI)) {
        int ra = use_xmm(c, in->a);
        struct x64_mem matrix = emit_pool(&c->e, 0x8040201008040201ull, 0x8040201008040201ull);
        x64_vop op = c->e.vex ? V_GF2P8AFFINEQB : V_GF2P8AFFINEQB & ~(1u << 12);
        emit_v_rrm(&c->e, op, def_xmm(c, c->i, ra, 0), ra, matrix, 0);
        return;
    }
    nibbles(c, in, low, high, V_POR);
}

/* Of bytes by table; of wider lanes from their halves: the upper one's zeros, and the lower one's too
 * if the upper is all zeros. */
static void leading_zeros(struct ctx *c, const struct ir_inst *in)
{
    static const uint8_t low[16] = {8, 7, 6, 6, 5, 5, 5, 5, 4, 4, 4, 4, 4, 4, 4, 4};
    static const uint8_t high[16] = {8, 3, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0};
    struct emit *e = &c->e;
    unsigned l = lane_log(in);
    if (has(X64_BITALG) && l == 2) {
        int ra = use_xmm(c, in->a);
        emit_evex_rrr(e, V_PLZCNTD, def_xmm(c, c->i, ra, 0), -1, ra, -1);
        return;
    }
    int d = nibbles(c, in, low, high, V_PMINUB);
    if (l == 0)
        return;
    int t = tmp_xmm(c), t2 = tmp_xmm(c);
    for (unsigned k = 1; k <= l; k++) {
        bool words = k == 1;
        emit_v_shift(e, words ? 0x71 : 0x72, 2, t, d, words ? 8 : 16);
        emit_v_rm(e, V_MOVAPS, t2, words ? pool_u16(c, 8) : pool_u32(c, 16), -1);
        emit_v_rrr(e, words ? V_PCMPEQW : V_PCMPEQD, t2, t2, t, -1);
        emit_v_rrm(e, V_PAND, d, d, words ? pool_u16(c, 0xff) : pool_u32(c, 0xffff), -1);
        emit_v_rrr(e, V_PAND, d, d, t2, -1);
        emit_v_rrr(e, words ? V_PADDW : V_PADDD, d, d, t, -1);
    }
}

bool select_lanes(struct ctx *c, const struct ir_inst *in)
{
    switch (in->op) {
    case IR_VADDS:
    case IR_VSUBS:
        saturating(c, in);
        return true;
    case IR_VAVG:
        return average(c, in);
    case IR_VQDMULH:
        multiply_doubling(c, in);
        return true;
    case IR_VPOPCNT:
        popcount(c, in);
        return true;
    case IR_VCLZ:
        leading_zeros(c, in);
        return true;
    case IR_VBITREV:
        bit_reverse(c, in);
        return true;
    default:
        return false;
    }
}
