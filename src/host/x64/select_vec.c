/* Vectors of integers, as SSE4.1 sequences with AVX's three operands where it is there, and a few
 * instructions of AVX-512VL and GFNI.  What has no short sequence goes through ir_eval.
 * Here: arithmetic, comparisons, shifts, bits; what moves lanes is in select_permute.c.
 *
 * A V64 is the low half of a register; what is above it is not defined unless the loc's zw says so.
 */
#include "host/x64/vec.h"

/* c->i := a op b. */
int vec_binary(struct ctx *c, x64_vop op, ir_ref a, ir_ref b, bool commutes)
{
    struct emit *e = &c->e;
    struct x64_mem m;
    bool zero = inst_of(c, c->i)->type == IR_V64 && zero_above(c, a) && zero_above(c, b);
    if (commutes && in_mem(c, a, &m) && !in_mem(c, b, &m)) {
        ir_ref t = a;
        a = b;
        b = t;
    }
    int ra = use_xmm(c, a), d;
    if (in_mem(c, b, &m)) {
        d = def_xmm(c, c->i, ra, 0);
        emit_v_rrm(e, op, d, ra, m, -1);
    } else {
        int rb = use_xmm(c, b);
        bool free_order = e->vex || commutes;
        d = def_xmm(c, c->i, value_dies(c, a) || !free_order ? ra : rb, free_order ? 0 : 1u << rb);
        if (d == rb && d != ra && !e->vex)
            emit_v_rrr(e, op, d, rb, ra, -1);
        else
            emit_v_rrr(e, op, d, ra, rb, -1);
    }
    if (zero)
        loc_at(c, c->i)->zw = 64;
    return d;
}

/* To a vector with zeros above. */
static void zero_extend(struct ctx *c, const struct ir_inst *in)
{
    unsigned n = type_bytes((enum ir_type)inst_of(c, in->a)->type);
    struct emit *e = &c->e;
    struct x64_mem m;
    struct loc *l = loc_at(c, in->a);
    if (l->is_const ? l->zw <= 64 && (n == 8 || l->imm >> (8 * n) == 0) : l->zw <= 8 * n) {
        def_same(c, c->i, in->a);
        return;
    }
    if (n >= 4 && in_mem(c, in->a, &m)) {
        emit_v_rm(e, n == 4 ? V_MOVSS : V_MOVQ, def_xmm(c, c->i, -1, 0), m, -1);
    } else {
        int ra = use_xmm(c, in->a), d = def_xmm(c, c->i, n == 8 ? ra : -1, n == 8 ? 0 : 1u << ra);
        if (n == 8) {
            emit_v_rr(e, V_MOVQ, d, ra, -1);
        } else if (n == 4) { /* insertps zeroes the other lanes */
            emit_v_rrr(e, V_INSERTPS, d, ra, ra, 0x0e);
        } else {
            emit_v_rrr(e, V_PXOR, d, d, d, -1);
            emit_v_rrr(e, V_PBLENDW, d, d, ra, 1);
        }
    }
    loc_at(c, c->i)->zw = (uint8_t)(8 * n);
    /* The narrow value is there too: no need to keep the old place for it. */
    l = loc_at(c, in->a);
    if (l->slot < 0 && !l->is_const && c->last[in->a] > c->i) {
        if (loc_at(c, c->i)->last < c->last[in->a])
            loc_at(c, c->i)->last = c->last[in->a];
        c->loc_of[in->a] = c->loc_of[c->i];
    }
}

/* -- arithmetic
 * ------------------------------------------------------------------------------------------ */

static const x64_vop op_eq[] = {V_PCMPEQB, V_PCMPEQW, V_PCMPEQD, V_PCMPEQQ};
static const x64_vop op_gt[] = {V_PCMPGTB, V_PCMPGTW, V_PCMPGTD, V_PCMPGTQ};

static bool min_max(struct ctx *c, const struct ir_inst *in)
{
    unsigned l = lane_log(in);
    bool min = in->op == IR_VMIN;
    if (l == 3)
        return false;
    vec_binary(c, min ? (in->attr & 1 ? vec_mins : vec_minu)[l] : (in->attr & 1 ? vec_maxs : vec_maxu)[l],
           in->a, in->b, true);
    return true;
}

static bool multiply(struct ctx *c, const struct ir_inst *in)
{
    struct emit *e = &c->e;
    switch (lane_log(in)) {
    case 0: {
        int ra = use_xmm(c, in->a), rb = use_xmm(c, in->b), t = tmp_xmm(c),
            d = def_apart(c, ra, rb, -1);
        emit_v_rrr(e, V_PMULLW, d, ra, rb, -1); /* even bytes */
        emit_v_rrm(e, V_PAND, d, d, pool_u16(c, 0x00ff), -1);
        int t2 = tmp_xmm(c);
        emit_v_shift(e, 0x71, 2, t, ra, 8);
        emit_v_shift(e, 0x71, 2, t2, rb, 8);
        emit_v_rrr(e, V_PMULLW, t, t, t2, -1);
        emit_v_shift(e, 0x71, 6, t, t, 8);
        emit_v_rrr(e, V_POR, d, d, t, -1);
        return true;
    }
    case 1:
        vec_binary(c, V_PMULLW, in->a, in->b, true);
        return true;
    case 2:
        vec_binary(c, V_PMULLD, in->a, in->b, true);
        return true;
    default:
        if (!has(X64_AVX512))
            return false;
        int ra = use_xmm(c, in->a), rb = use_xmm(c, in->b);
        emit_evex_rrr(e, V_PMULLQ, def_xmm(c, c->i, ra, 0), ra, rb, -1);
        return true;
    }
}

static void negate(struct ctx *c, const struct ir_inst *in)
{
    int ra = use_xmm(c, in->a), d = def_apart(c, ra, -1, -1);
    emit_v_rrr(&c->e, V_PXOR, d, d, d, -1);
    emit_v_rrr(&c->e, vec_sub[lane_log(in)], d, d, ra, -1);
}

static void absolute(struct ctx *c, const struct ir_inst *in)
{
    static const x64_vop op[] = {V_PABSB, V_PABSW, V_PABSD};
    struct emit *e = &c->e;
    unsigned l = lane_log(in);
    int ra = use_xmm(c, in->a);
    if (l < 3) {
        emit_v_rr(e, op[l], def_xmm(c, c->i, ra, 0), ra, -1);
        return;
    }
    int t = zero_reg(c), d = def_apart(c, ra, -1, -1);
    emit_v_rrr(e, V_PCMPGTQ, t, t, ra, -1);
    emit_v_rrr(e, V_PXOR, d, ra, t, -1);
    emit_v_rrr(e, V_PSUBQ, d, d, t, -1);
}

static bool difference(struct ctx *c, const struct ir_inst *in)
{
    unsigned l = lane_log(in);
    if (l == 3)
        return false;
    bool s = in->attr & 1;
    int ra = use_xmm(c, in->a), rb = use_xmm(c, in->b), t = tmp_xmm(c),
        d = def_apart(c, ra, rb, -1);
    emit_v_rrr(&c->e, (s ? vec_maxs : vec_maxu)[l], d, ra, rb, -1);
    emit_v_rrr(&c->e, (s ? vec_mins : vec_minu)[l], t, ra, rb, -1);
    emit_v_rrr(&c->e, vec_sub[l], d, d, t, -1);
    return true;
}

static bool multiply_long(struct ctx *c, const struct ir_inst *in)
{
    struct emit *e = &c->e;
    bool s = in->attr & 1, half = in->type == IR_V64; /* whose upper half is not the register's */
    int upper = half ? 0x55 : 0xee;
    int ra = use_xmm(c, in->a), rb = use_xmm(c, in->b), t = tmp_xmm(c),
        d = def_apart(c, ra, rb, -1);
    switch (lane_log(in)) {
    case 0: {
        x64_vop widen = s ? V_PMOVSXBW : V_PMOVZXBW;
        if (in->imm) {
            emit_v_rr(e, V_PSHUFD, d, ra, upper);
            emit_v_rr(e, V_PSHUFD, t, rb, upper);
        }
        emit_v_rr(e, widen, d, in->imm ? d : ra, -1);
        emit_v_rr(e, widen, t, in->imm ? t : rb, -1);
        emit_v_rrr(e, V_PMULLW, d, d, t, -1);
        return true;
    }
    case 1:
        emit_v_rrr(e, V_PMULLW, d, ra, rb, -1);
        emit_v_rrr(e, s ? V_PMULHW : V_PMULHUW, t, ra, rb, -1);
        emit_v_rrr(e, in->imm && !half ? V_PUNPCKHWD : V_PUNPCKLWD, d, d, t, -1);
        if (in->imm && half)
            emit_v_rr(e, V_PSHUFD, d, d, 0xee);
        return true;
    case 2: {
        int spread = !in->imm ? 0x50 : half ? 0x55 : 0xfa;
        emit_v_rr(e, V_PSHUFD, d, ra, spread);
        emit_v_rr(e, V_PSHUFD, t, rb, spread);
        emit_v_rrr(e, s ? V_PMULDQ : V_PMULUDQ, d, d, t, -1);
        return true;
    }
    default:
        return false;
    }
}

static void dot(struct ctx *c, const struct ir_inst *in)
{
    struct emit *e = &c->e;
    x64_vop wb = in->attr & 1 ? V_PMOVSXBW : V_PMOVZXBW,
            wc = in->attr & 2 ? V_PMOVSXBW : V_PMOVZXBW;
    int ra = use_xmm(c, in->a), rb = use_xmm(c, in->b), rc = use_xmm(c, in->c), t = tmp_xmm(c),
        t2 = tmp_xmm(c);
    int d = def_apart(c, ra, rb, rc);
    emit_v_rr(e, wb, d, rb, -1);
    emit_v_rr(e, wc, t, rc, -1);
    emit_v_rrr(e, V_PMADDWD, d, d, t, -1);
    emit_v_rr(e, V_PSHUFD, t, rb, 0xee);
    emit_v_rr(e, V_PSHUFD, t2, rc, 0xee);
    emit_v_rr(e, wb, t, t, -1);
    emit_v_rr(e, wc, t2, t2, -1);
    emit_v_rrr(e, V_PMADDWD, t, t, t2, -1);
    emit_v_rrr(e, V_PHADDD, d, d, t, -1);
    emit_v_rrr(e, V_PADDD, d, d, ra, -1);
}

static bool compare(struct ctx *c, const struct ir_inst *in)
{
    struct emit *e = &c->e;
    unsigned l = lane_log(in);
    switch ((enum ir_cc)in->attr) {
    case IR_CC_E:
        vec_binary(c, op_eq[l], in->a, in->b, true);
        loc_at(c, c->i)->zw = 128; /* zeros are equal */
        return true;
    case IR_CC_G:
        vec_binary(c, op_gt[l], in->a, in->b, false);
        return true;
    case IR_CC_GE: {
        int ra = use_xmm(c, in->a), rb = use_xmm(c, in->b), t = ones_reg(c),
            d = def_apart(c, ra, rb, -1);
        emit_v_rrr(e, op_gt[l], d, rb, ra, -1);
        emit_v_rrr(e, V_PXOR, d, d, t, -1);
        return true;
    }
    case IR_CC_A:
    case IR_CC_AE: {
        bool strict = in->attr == IR_CC_A;
        int ra = use_xmm(c, in->a), rb = use_xmm(c, in->b);
        if (l == 3) {
            int t = tmp_xmm(c), d = def_apart(c, ra, rb, -1);
            struct x64_mem sign = emit_pool(e, 1ull << 63, 1ull << 63);
            emit_v_rrm(e, V_PXOR, d, strict ? ra : rb, sign, -1);
            emit_v_rrm(e, V_PXOR, t, strict ? rb : ra, sign, -1);
            emit_v_rrr(e, V_PCMPGTQ, d, d, t, -1);
            if (!strict)
                emit_v_rrr(e, V_PXOR, d, d, ones_reg(c), -1);
            return true;
        }
        int d = def_apart(c, ra, rb, -1);
        emit_v_rrr(e, (strict ? vec_minu : vec_maxu)[l], d, ra, rb, -1);
        emit_v_rrr(e, op_eq[l], d, d, ra, -1);
        if (strict)
            emit_v_rrr(e, V_PXOR, d, d, ones_reg(c), -1);
        return true;
    }
    default:
        return false;
    }
}

/* -- shifts
 * ------------------------------------------------------------------------------------------------
 */

static bool shift(struct ctx *c, const struct ir_inst *in)
{
    static const uint8_t group[] = {0x71, 0x71, 0x72, 0x73};
    struct emit *e = &c->e;
    unsigned l = lane_log(in), n = (unsigned)in->imm, bits = 8u << l;
    bool left = in->op == IR_VSHLI, arithmetic = !left && (in->attr & 1);
    int ra = use_xmm(c, in->a);
    if (arithmetic && l == 3) {
        if (n == 64)
            n = 63;
        int t = zero_reg(c), d = def_apart(c, ra, -1, -1);
        emit_v_rrr(e, V_PCMPGTQ, t, t, ra, -1);
        emit_v_shift(e, 0x73, 6, t, t, 64 - n);
        emit_v_shift(e, 0x73, 2, d, ra, n);
        emit_v_rrr(e, V_POR, d, d, t, -1);
        return true;
    }
    if (arithmetic && n == bits)
        n--;
    int d = def_xmm(c, c->i, ra, 0);
    if (!l && n == bits) /* logical: nothing remains, also of 16-bit lanes */
        n = 16;
    if (l || n == 16) {
        emit_v_shift(e, group[l], left ? 6 : arithmetic ? 4 : 2, d, ra, n);
        return true;
    }
    emit_v_shift(e, 0x71, left ? 6 : 2, d, ra, n);
    unsigned mask = left ? 0xffu << n & 0xff : 0xffu >> n;
    emit_v_rrm(e, V_PAND, d, d, pool_u16(c, mask * 0x101), -1);
    if (arithmetic) { /* extend the sign bit, which is bit 7 - n now */
        struct x64_mem sign = pool_u16(c, (0x80u >> n) * 0x101);
        emit_v_rrm(e, V_PXOR, d, d, sign, -1);
        emit_v_rrm(e, V_PSUBB, d, d, sign, -1);
    }
    return true;
}

/* Lanes shifted by the low bytes of other lanes: left, or right where those are negative.  x86
 * shifts by counts beyond the width give zero (or the sign), so that of a left and a right shift
 * one is nothing. */
static bool shift_by_lanes(struct ctx *c, const struct ir_inst *in)
{
    static const x64_vop left_op[] = {0, V_PSLLVW, V_PSLLVD, V_PSLLVQ},
                         right_op[] = {0, V_PSRLVW, V_PSRLVD, V_PSRLVQ};
    static const x64_vop sign_op[] = {0, V_PSRAVW, V_PSRAVD, V_PSRAVQ};
    struct emit *e = &c->e;
    unsigned l = lane_log(in), bits = 8u << l;
    bool s = in->attr & 1;
    if ((in->attr & 6) || l == 0 || !e->vex || (!has(X64_AVX512) && (l == 1 || (l == 3 && s))))
        return false;
    void (*three)(struct emit *, x64_vop, int, int, int, int) =
        l == 1 || (l == 3 && s) ? emit_evex_rrr : emit_vex_rrr;
    void (*shift_left)(struct emit *, x64_vop, int, int, int, int) =
        l == 1 ? emit_evex_rrr : emit_vex_rrr;
    uint64_t one = l == 1 ? 0x0001000100010001ull : l == 2 ? 0x0000000100000001ull : 1;
    struct x64_mem low = emit_pool(e, one * 0xff, one * 0xff);
    int ra = use_xmm(c, in->a), rb = use_xmm(c, in->b), t = tmp_xmm(c), n = tmp_xmm(c),
        d = def_apart(c, ra, rb, -1);
    emit_v_rrm(e, V_PAND, t, rb, low, -1);
    emit_v_rrr(e, V_PXOR, n, n, n, -1);
    emit_v_rrr(e, vec_sub[l], n, n, t, -1);
    emit_v_rrm(e, V_PAND, n, n, low, -1); /* the count to the right */
    shift_left(e, left_op[l], d, ra, t, -1);
    if (!s) {
        three(e, right_op[l], n, ra, n, -1);
        emit_v_rrr(e, V_POR, d, d, n, -1);
        return true;
    }
    three(e, sign_op[l], n, ra, n, -1);
    uint8_t spread[16];
    for (unsigned i = 0; i < 16; i++)
        spread[i] = (uint8_t)(i / (bits / 8) * (bits / 8));
    emit_v_rrm(e, V_PSHUFB, t, t, pool_bytes(c, spread), -1); /* bit 7: to the right */
    emit_v_blendvb(e, d, d, n, t);
    return true;
}

/* -- bits
 * ------------------------------------------------------------------------------------------ */

static void bit_select(struct ctx *c, const struct ir_inst *in)
{
    struct emit *e = &c->e;
    int ra = use_xmm(c, in->a), rb = use_xmm(c, in->b), rc = use_xmm(c, in->c);
    if (has(X64_AVX512)) {
        int d = def_xmm(c, c->i, ra, (1u << rb | 1u << rc) & ~(1u << ra));
        if (d != ra)
            emit_v_rr(e, V_MOVAPS, d, ra, -1);
        emit_evex_rrr(e, V_TERNLOGD, d, rb, rc, 0xca);
        return;
    }
    int t = tmp_xmm(c), d = def_apart(c, ra, rb, rc);
    emit_v_rrr(e, V_PAND, t, rb, ra, -1);
    emit_v_rrr(e, V_PANDN, d, ra, rc, -1);
    emit_v_rrr(e, V_POR, d, d, t, -1);
}

/* -- the table
 * --------------------------------------------------------------------------------------------------
 */

bool select_vec(struct ctx *c, const struct ir_inst *in)
{
    struct emit *e = &c->e;
    if (in->type == IR_V256)
        return false;
    switch (in->op) {
    case IR_ZEXT:
        zero_extend(c, in);
        return true;
    case IR_VADD:
        vec_binary(c, vec_add[lane_log(in)], in->a, in->b, true);
        return true;
    case IR_VSUB:
        vec_binary(c, vec_sub[lane_log(in)], in->a, in->b, false);
        return true;
    case IR_VMUL:
        return multiply(c, in);
    case IR_VNEG:
        negate(c, in);
        return true;
    case IR_VABS:
        absolute(c, in);
        return true;
    case IR_VMIN:
    case IR_VMAX:
        return min_max(c, in);
    case IR_VABD:
        return difference(c, in);
    case IR_VMULH:
        if (lane_log(in) != 1)
            return false;
        vec_binary(c, in->attr & 1 ? V_PMULHW : V_PMULHUW, in->a, in->b, true);
        return true;
    case IR_VMULL:
        return multiply_long(c, in);
    case IR_VDOT:
        dot(c, in);
        return true;
    case IR_VCMP:
        return compare(c, in);
    case IR_VSHLI:
    case IR_VSHRI:
        return shift(c, in);
    case IR_VSHLV:
        return shift_by_lanes(c, in);
    case IR_VAND:
        vec_binary(c, V_PAND, in->a, in->b, true);
        return true;
    case IR_VOR:
        vec_binary(c, V_POR, in->a, in->b, true);
        return true;
    case IR_VXOR:
        vec_binary(c, V_PXOR, in->a, in->b, true);
        return true;
    case IR_VANDN:
        vec_binary(c, V_PANDN, in->b, in->a, false);
        return true;
    case IR_VNOT: {
        int ra = use_xmm(c, in->a), t = ones_reg(c);
        emit_v_rrr(e, V_PXOR, def_xmm(c, c->i, ra, 1u << t), ra, t, -1);
        return true;
    }
    case IR_VSEL:
        bit_select(c, in);
        return true;
    default:
        return select_permute(c, in) || select_lanes(c, in);
    }
}
