/* Vector operations that move lanes: copies of one lane, single lanes in and out, zipping, transposing and
 * table look-ups, lanes made wider and narrower; and those that combine neighbours (pairwise sums, minima and
 * maxima, reductions), which are a move and an operation.  As select_vec.c: SSE4.1, with AVX's three operands
 * and AVX-512VL where they are there. */
#include "host/x64/vec.h"

static void broadcast(struct ctx *c, int d, int src, unsigned n)
{
    struct emit *e = &c->e;
    static const x64_vop op[] = {V_PBROADCASTB, V_PBROADCASTW};
    if (n == 8) {
        emit_v_rrr(e, V_PUNPCKLQDQ, d, src, src, -1);
    } else if (n == 4) {
        emit_v_rr(e, V_PSHUFD, d, src, 0);
    } else if (e->vex) {
        emit_v_rr(e, op[n - 1], d, src, -1);
    } else {
        if (n == 1) {
            emit_v_rrr(e, V_PUNPCKLBW, d, src, src, -1);
            src = d;
        }
        emit_v_rr(e, V_PSHUFLW, d, src, 0);
        emit_v_rr(e, V_PSHUFD, d, d, 0);
    }
}

static void duplicate(struct ctx *c, const struct ir_inst *in)
{
    unsigned n = lane_bytes(in);
    if (class_of((enum ir_type)inst_of(c, in->a)->type) == LOC_GPR) {
        int ra = use_gpr(c, in->a), d = def_xmm(c, c->i, -1, 0);
        emit_movd_xr(&c->e, n == 8 ? 8 : 4, d, ra);
        broadcast(c, d, d, n);
    } else {
        int ra = use_xmm(c, in->a);
        broadcast(c, def_xmm(c, c->i, ra, 0), ra, n);
    }
}

static void duplicate_lane(struct ctx *c, const struct ir_inst *in)
{
    unsigned n = lane_bytes(in), lane = (unsigned)in->imm;
    int ra = use_xmm(c, in->a), d = def_xmm(c, c->i, ra, 0);
    if (lane == 0) {
        broadcast(c, d, ra, n);
    } else if (n == 8) {
        emit_v_rr(&c->e, V_PSHUFD, d, ra, 0xee);
    } else if (n == 4) {
        emit_v_rr(&c->e, V_PSHUFD, d, ra, (int)(lane * 0x55));
    } else {
        uint8_t b[16];
        for (unsigned i = 0; i < 16; i++)
            b[i] = (uint8_t)(lane * n + i % n);
        emit_v_rrm(&c->e, V_PSHUFB, d, ra, pool_bytes(c, b), -1);
    }
}

static void insert(struct ctx *c, const struct ir_inst *in)
{
    struct emit *e = &c->e;
    unsigned n = lane_bytes(in), lane = (unsigned)in->imm;
    if (c->mark[in->b] & INST_DEFERRED) {
        fp_x86_merge(c, in);
        return;
    }
    int ra = use_xmm(c, in->a);
    if (class_of((enum ir_type)inst_of(c, in->b)->type) == LOC_GPR) {
        int rb = use_gpr(c, in->b);
        emit_pinsr(e, n, def_xmm(c, c->i, ra, 0), ra, rb, lane);
        return;
    }
    int rb = use_xmm(c, in->b), d = def_xmm(c, c->i, ra, (1u << rb) & ~(1u << ra));
    if (n == 8 && lane == 0) {
        emit_v_rrr(e, V_PBLENDW, d, ra, rb, 0x0f);
    } else if (n == 8) {
        emit_v_rrr(e, V_PUNPCKLQDQ, d, ra, rb, -1);
    } else if (n == 4) {
        emit_v_rrr(e, V_INSERTPS, d, ra, rb, (int)(lane << 4));
    } else {
        int t = tmp_gpr(c);
        emit_movd_rx(e, 4, t, rb);
        emit_pinsr(e, n, d, ra, t, lane);
    }
}

static void insert_lane(struct ctx *c, const struct ir_inst *in)
{
    struct emit *e = &c->e;
    unsigned n = lane_bytes(in), to = in->imm & 0xff, from = (unsigned)(in->imm >> 8);
    int ra = use_xmm(c, in->a), rb = use_xmm(c, in->b);
    if (n == 8) {
        int d = def_apart(c, ra, rb, -1);
        if (to == 0)
            emit_v_rrr(e, V_SHUFPD, d, rb, ra, 2 | (int)from);
        else
            emit_v_rrr(e, V_SHUFPD, d, ra, rb, from ? 2 : 0);
        return;
    }
    int d = def_xmm(c, c->i, ra, (1u << rb) & ~(1u << ra));
    if (n == 4) {
        emit_v_rrr(e, V_INSERTPS, d, ra, rb, (int)(from << 6 | to << 4));
        return;
    }
    int t = tmp_gpr(c);
    emit_pextr(e, n, t, rb, from);
    emit_pinsr(e, n, d, ra, t, to);
}

static void extract_lane(struct ctx *c, const struct ir_inst *in)
{
    struct emit *e = &c->e;
    unsigned n = lane_bytes(in), lane = (unsigned)in->imm;
    struct x64_mem m;
    if (class_of((enum ir_type)in->type) == LOC_XMM) {
        if (lane == 0) {
            def_same(c, c->i, in->a);
            return;
        }
        int ra = use_xmm(c, in->a), d = def_xmm(c, c->i, ra, 0);
        if (n >= 4)
            emit_v_rr(e, V_PSHUFD, d, ra, n == 8 ? 0xee : (int)(lane * 0x55));
        else
            emit_v_shift(e, 0x73, 3, d, ra, lane * n);
        return;
    }
    unsigned to = type_bytes((enum ir_type)in->type);
    bool s = in->op == IR_VEXTS;
    if (in_mem(c, in->a, &m)) {
        int d = def_gpr(c, c->i, -1, 0);
        m.disp += (int32_t)(lane * n);
        if (s)
            emit_loads(e, n, to, d, m);
        else
            emit_load(e, n, d, m);
    } else {
        int ra = use_xmm(c, in->a), d = def_gpr(c, c->i, -1, 0);
        if (lane == 0 && n >= 4)
            emit_movd_rx(e, n, d, ra);
        else
            emit_pextr(e, n, d, ra, lane);
        if (s && n < to)
            emit_sext(e, n, to, d, d);
    }
    if (!s)
        loc_at(c, c->i)->zw = (uint8_t)(8 * n);
}

static void zip(struct ctx *c, const struct ir_inst *in)
{
    static const x64_vop low[] = {V_PUNPCKLBW, V_PUNPCKLWD, V_PUNPCKLDQ, V_PUNPCKLQDQ};
    static const x64_vop high[] = {V_PUNPCKHBW, V_PUNPCKHWD, V_PUNPCKHDQ, V_PUNPCKHQDQ};
    unsigned l = lane_log(in);
    if (in->type == IR_V128) {
        vec_binary(c, (in->imm ? high : low)[l], in->a, in->b, false);
        return;
    }
    int d = vec_binary(c, low[l], in->a, in->b, false);
    loc_at(c, c->i)->zw = 128;
    if (in->imm)
        emit_v_rr(&c->e, V_PSHUFD, d, d, 0xee);
}

/* d := even (odd) lanes of a then b, whole registers. d differs from a and b. */
static void unzip(struct ctx *c, int d, int a, int b, unsigned l, bool odd)
{
    struct emit *e = &c->e;
    if (l == 3) {
        emit_v_rrr(e, odd ? V_PUNPCKHQDQ : V_PUNPCKLQDQ, d, a, b, -1);
    } else if (l == 2) {
        emit_v_rrr(e, V_SHUFPS, d, a, b, odd ? 0xdd : 0x88);
    } else {
        int t = tmp_xmm(c);
        unsigned group = l ? 0x72 : 0x71, n = l ? 16 : 8;
        if (odd) {
            emit_v_shift(e, group, 2, d, a, n);
            emit_v_shift(e, group, 2, t, b, n);
        } else {
            struct x64_mem mask =
                l ? emit_pool(e, 0x0000ffff0000ffffull, 0x0000ffff0000ffffull) : pool_u16(c, 0xff);
            emit_v_rrm(e, V_PAND, d, a, mask, -1);
            emit_v_rrm(e, V_PAND, t, b, mask, -1);
        }
        emit_v_rrr(e, l ? V_PACKUSDW : V_PACKUSWB, d, d, t, -1);
    }
}

/* The arguments of a pairwise operation as whole registers: V64s are put side by side. */
static void pair_args(struct ctx *c, const struct ir_inst *in, int *a, int *b)
{
    *a = use_xmm(c, in->a);
    *b = use_xmm(c, in->b);
    if (in->type == IR_V64) {
        int t = tmp_xmm(c);
        emit_v_rrr(&c->e, V_PUNPCKLQDQ, t, *a, *b, -1);
        *a = *b = t;
    }
}

/* Pairs of bytes, joined within words of 16 bits first, whose low bytes are then put together. */
static void pairwise_bytes(struct ctx *c, const struct ir_inst *in, x64_vop op, int a, int b)
{
    struct emit *e = &c->e;
    int d = def_apart(c, a, b, -1), t = tmp_xmm(c);
    if (in->op == IR_VPADD) { /* up to 510 */
        x64_vop sums = V_PMADDUBSW;
        struct x64_mem ones = pool_u16(c, 0x0101);
        emit_v_rrm(e, sums, d, a, ones, -1);
        if (a != b)
            emit_v_rrm(e, sums, t, b, ones, -1);
    } else {
        emit_v_shift(e, 0x71, 2, d, a, 8);
        emit_v_rrr(e, op, d, d, a, -1);
        if (a != b) {
            emit_v_shift(e, 0x71, 2, t, b, 8);
            emit_v_rrr(e, op, t, t, b, -1);
        }
    }
    if (a == b) {
        static const uint8_t even[16] = {0, 2, 4, 6, 8, 10, 12, 14, 0, 2, 4, 6, 8, 10, 12, 14};
        emit_v_rrm(e, V_PSHUFB, d, d, pool_bytes(c, even), -1);
        return;
    }
    if (op != V_PMINUB) { /* with the zero from the shift the minimum is zero */
        emit_v_rrm(e, V_PAND, d, d, pool_u16(c, 0x00ff), -1);
        emit_v_rrm(e, V_PAND, t, t, pool_u16(c, 0x00ff), -1);
    }
    emit_v_rrr(e, V_PACKUSWB, d, d, t, -1);
}

static bool pairwise(struct ctx *c, const struct ir_inst *in)
{
    unsigned l = lane_log(in);
    x64_vop op = vec_add[l];
    bool s = in->attr & 1;
    if (in->op != IR_VPADD) {
        if (l == 3)
            return false;
        op = in->op == IR_VPMIN ? (s ? vec_mins : vec_minu)[l] : (s ? vec_maxs : vec_maxu)[l];
    }
    int a, b;
    pair_args(c, in, &a, &b);
    if (l == 0) {
        pairwise_bytes(c, in, op, a, b);
        return true;
    }
    int d = def_apart(c, a, b, -1);
    if (in->op == IR_VPADD && (l == 1 || l == 2)) {
        emit_v_rrr(&c->e, l == 1 ? V_PHADDW : V_PHADDD, d, a, b, -1);
        return true;
    }
    int t = tmp_xmm(c);
    unzip(c, d, a, b, l, false);
    unzip(c, t, a, b, l, true);
    emit_v_rrr(&c->e, op, d, d, t, -1);
    return true;
}

static void unzip_op(struct ctx *c, const struct ir_inst *in)
{
    int a, b;
    pair_args(c, in, &a, &b);
    unzip(c, def_apart(c, a, b, -1), a, b, lane_log(in), in->imm);
}

static void transpose(struct ctx *c, const struct ir_inst *in)
{
    struct emit *e = &c->e;
    bool odd = in->imm;
    int ra = use_xmm(c, in->a), rb = use_xmm(c, in->b), d = def_apart(c, ra, rb, -1);
    switch (lane_log(in)) {
    case 3:
        emit_v_rrr(e, odd ? V_PUNPCKHQDQ : V_PUNPCKLQDQ, d, ra, rb, -1);
        break;
    case 2:
        emit_v_rrr(e, V_SHUFPS, d, ra, rb, odd ? 0xdd : 0x88);
        emit_v_rr(e, V_PSHUFD, d, d, 0xd8);
        break;
    case 1:
        if (odd) {
            emit_v_shift(e, 0x72, 2, d, ra, 16);
            emit_v_rrr(e, V_PBLENDW, d, d, rb, 0xaa);
        } else {
            int t = tmp_xmm(c);
            emit_v_shift(e, 0x72, 6, t, rb, 16);
            emit_v_rrr(e, V_PBLENDW, d, ra, t, 0xaa);
        }
        break;
    default: {
        int t = tmp_xmm(c);
        emit_v_shift(e, 0x71, odd ? 2 : 6, t, odd ? ra : rb, 8);
        emit_v_rrm(e, V_PAND, d, odd ? rb : ra, pool_u16(c, odd ? 0xff00 : 0x00ff), -1);
        emit_v_rrr(e, V_POR, d, d, t, -1);
    }
    }
}

static void reverse(struct ctx *c, const struct ir_inst *in)
{
    unsigned n = lane_bytes(in), group = (unsigned)in->imm;
    uint8_t b[16];
    int ra = use_xmm(c, in->a), d = def_xmm(c, c->i, ra, 0);
    if (n == 4 && group == 8) {
        emit_v_rr(&c->e, V_PSHUFD, d, ra, 0xb1);
        return;
    }
    for (unsigned i = 0; i < 16; i++)
        b[i] = (uint8_t)(i / group * group + (group - n - i % group / n * n) + i % n);
    emit_v_rrm(&c->e, V_PSHUFB, d, ra, pool_bytes(c, b), -1);
}

static void shuffle(struct ctx *c, const struct ir_inst *in)
{
    int imm = (int)in->imm, ra = use_xmm(c, in->a), rb = use_xmm(c, in->b);
    if (ra == rb) {
        if (lane_bytes(in) == 8)
            imm = (imm & 1 ? 0xe : 4) | (imm & 2 ? 0xe0 : 0x40);
        emit_v_rr(&c->e, V_PSHUFD, def_xmm(c, c->i, ra, 0), ra, imm);
        return;
    }
    int d = def_xmm(c, c->i, ra, c->e.vex ? 0 : 1u << rb);
    emit_v_rrr(&c->e, lane_bytes(in) == 8 ? V_SHUFPD : V_SHUFPS, d, ra, rb, imm);
}

static void extract_bytes(struct ctx *c, const struct ir_inst *in)
{
    int ra = use_xmm(c, in->a), rb = use_xmm(c, in->b);
    if (in->type == IR_V64) {
        int d = def_apart(c, ra, rb, -1);
        emit_v_rrr(&c->e, V_PUNPCKLQDQ, d, ra, rb, -1);
        emit_v_shift(&c->e, 0x73, 3, d, d, (unsigned)in->imm);
    } else {
        int d = def_xmm(c, c->i, c->e.vex ? ra : rb, c->e.vex || ra == rb ? 0 : 1u << ra);
        emit_v_rrr(&c->e, V_PALIGNR, d, rb, ra, (int)in->imm);
    }
}

static void table(struct ctx *c, const struct ir_inst *in)
{
    struct emit *e = &c->e;
    const struct ir_inst *other = inst_of(c, in->c);
    bool zero = other->op == IR_CONST && other->imm == 0;
    int ra = use_xmm(c, in->a), rb = use_xmm(c, in->b), rc = zero ? -1 : use_xmm(c, in->c),
        t = tmp_xmm(c);
    int d = def_apart(c, ra, rb, rc);
    if (in->imm)
        emit_v_rrm(e, V_PSUBB, t, rb, pool_u16(c, (unsigned)(16 * in->imm) * 0x101), -1);
    /* indexes beyond 15 get bit 7, for which pshufb gives zero */
    emit_v_rrm(e, V_PADDUSB, t, in->imm ? t : rb, pool_u16(c, 0x7070), -1);
    emit_v_rrr(e, V_PSHUFB, d, ra, t, -1);
    if (zero)
        return;
    if (e->vex) {
        emit_v_blendvb(e, d, d, rc, t);
        return;
    }
    int z = zero_reg(c);
    emit_v_rrr(e, V_PCMPGTB, z, z, t, -1);
    emit_v_rrr(e, V_PAND, z, z, rc, -1);
    emit_v_rrr(e, V_POR, d, d, z, -1);
}

static void widen(struct ctx *c, const struct ir_inst *in)
{
    static const x64_vop op[2][3] = {{V_PMOVZXBW, V_PMOVZXWD, V_PMOVZXDQ},
                                     {V_PMOVSXBW, V_PMOVSXWD, V_PMOVSXDQ}};
    int ra = use_xmm(c, in->a), d = def_xmm(c, c->i, ra, 0);
    if (in->imm) {
        emit_v_rr(&c->e, V_PSHUFD, d, ra, in->type == IR_V64 ? 0x55 : 0xee);
        ra = d;
    }
    emit_v_rr(&c->e, op[in->attr & 1][lane_log(in)], d, ra, -1);
}

static bool narrow(struct ctx *c, const struct ir_inst *in)
{
    struct emit *e = &c->e;
    unsigned l = lane_log(in);
    if (l == 2 && in->attr != IR_NARROW_TRUNC)
        return false;
    int ra = use_xmm(c, in->a), d = def_xmm(c, c->i, ra, 0);
    switch ((enum ir_narrow)in->attr) {
    case IR_NARROW_TRUNC:
        if (l == 2) {
            emit_v_rr(e, V_PSHUFD, d, ra, 0xe8);
        } else {
            uint8_t b[16];
            unsigned n = lane_bytes(in);
            for (unsigned i = 0; i < 16; i++)
                b[i] = (uint8_t)(i < 8 ? i / n * 2 * n + i % n : 0x80);
            emit_v_rrm(e, V_PSHUFB, d, ra, pool_bytes(c, b), -1);
            loc_at(c, c->i)->zw = 64;
        }
        return true;
    case IR_NARROW_SS:
        emit_v_rrr(e, l ? V_PACKSSDW : V_PACKSSWB, d, ra, ra, -1);
        return true;
    case IR_NARROW_SU:
        emit_v_rrr(e, l ? V_PACKUSDW : V_PACKUSWB, d, ra, ra, -1);
        return true;
    case IR_NARROW_UU:
        if (l)
            emit_v_rrm(e, V_PMINUD, d, ra,
                       emit_pool(e, 0x0000ffff0000ffffull, 0x0000ffff0000ffffull), -1);
        else
            emit_v_rrm(e, V_PMINUW, d, ra, pool_u16(c, 0xff), -1);
        emit_v_rrr(e, l ? V_PACKUSDW : V_PACKUSWB, d, d, d, -1);
        return true;
    }
    return false;
}

static bool add_pairs_long(struct ctx *c, const struct ir_inst *in)
{
    struct emit *e = &c->e;
    bool s = in->attr & 1;
    unsigned l = lane_log(in);
    int ra = use_xmm(c, in->a);
    if (l == 2 && s) {
        int t = tmp_xmm(c), d = def_apart(c, ra, -1, -1);
        emit_v_rr(e, V_PSHUFD, d, ra, 0x88);
        emit_v_rr(e, V_PMOVSXDQ, d, d, -1);
        emit_v_rr(e, V_PSHUFD, t, ra, 0xdd);
        emit_v_rr(e, V_PMOVSXDQ, t, t, -1);
        emit_v_rrr(e, V_PADDQ, d, d, t, -1);
        return true;
    }
    if (l == 0) {
        int d = def_apart(c, ra, -1, -1);
        struct x64_mem ones = pool_u16(c, 0x0101);
        if (s) {
            emit_v_rm(e, V_MOVAPS, d, ones, -1);
            emit_v_rrr(e, V_PMADDUBSW, d, d, ra, -1);
        } else {
            emit_v_rrm(e, V_PMADDUBSW, d, ra, ones, -1);
        }
        return true;
    }
    if (l == 1 && s) {
        emit_v_rrm(e, V_PMADDWD, def_xmm(c, c->i, ra, 0), ra, pool_u16(c, 1), -1);
        return true;
    }
    uint64_t mask = l == 1 ? 0x0000ffff0000ffffull : 0xffffffffull;
    int t = tmp_xmm(c), d = def_apart(c, ra, -1, -1);
    emit_v_shift(e, l == 1 ? 0x72 : 0x73, 2, t, ra, l == 1 ? 16 : 32);
    emit_v_rrm(e, V_PAND, d, ra, emit_pool(e, mask, mask), -1);
    emit_v_rrr(e, l == 1 ? V_PADDD : V_PADDQ, d, d, t, -1);
    return true;
}

static bool reduce(struct ctx *c, const struct ir_inst *in)
{
    struct emit *e = &c->e;
    unsigned l = lane_log(in), n = lane_bytes(in);
    const x64_vop *ops = NULL;
    switch ((enum ir_reduce)in->attr) {
    case IR_REDUCE_ADD:
        ops = vec_add;
        break;
    case IR_REDUCE_SMAX:
        ops = vec_maxs;
        break;
    case IR_REDUCE_SMIN:
        ops = vec_mins;
        break;
    case IR_REDUCE_UMAX:
        ops = vec_maxu;
        break;
    case IR_REDUCE_UMIN:
        ops = vec_minu;
        break;
    }
    bool wide = inst_of(c, in->a)->type == IR_V128;
    if (!ops || (l == 3 && (ops != vec_add || !wide)))
        return false;
    int x = use_xmm(c, in->a), t = tmp_xmm(c), r = tmp_xmm(c);
    if (wide) {
        emit_v_rr(e, V_PSHUFD, t, x, 0xee);
        emit_v_rrr(e, ops[l], r, x, t, -1);
        x = r;
    }
    if (l < 3) {
        emit_v_rr(e, V_PSHUFD, t, x, 0x55);
        emit_v_rrr(e, ops[l], r, x, t, -1);
    }
    if (l < 2) {
        emit_v_shift(e, 0x72, 2, t, r, 16);
        emit_v_rrr(e, ops[l], r, r, t, -1);
    }
    if (l < 1) {
        emit_v_shift(e, 0x71, 2, t, r, 8);
        emit_v_rrr(e, ops[l], r, r, t, -1);
    }
    int d = def_gpr(c, c->i, -1, 0);
    emit_movd_rx(e, n == 8 ? 8 : 4, d, r);
    if (n < 4)
        emit_zext(e, n, d, d);
    loc_at(c, c->i)->zw = (uint8_t)(8 * n);
    return true;
}

/* -- the table
 * --------------------------------------------------------------------------------------------------
 */

bool select_permute(struct ctx *c, const struct ir_inst *in)
{
    struct emit *e = &c->e;
    switch (in->op) {
    case IR_VDUP:
        duplicate(c, in);
        return true;
    case IR_VDUPL:
        duplicate_lane(c, in);
        return true;
    case IR_VINS:
        insert(c, in);
        return true;
    case IR_VINSL:
        insert_lane(c, in);
        return true;
    case IR_VEXT:
    case IR_VEXTS:
        extract_lane(c, in);
        return true;
    case IR_VZIP:
        zip(c, in);
        return true;
    case IR_VUZP:
        unzip_op(c, in);
        return true;
    case IR_VTRN:
        transpose(c, in);
        return true;
    case IR_VREV:
        reverse(c, in);
        return true;
    case IR_VSHUF:
        shuffle(c, in);
        return true;
    case IR_VEXTR:
        extract_bytes(c, in);
        return true;
    case IR_VTBL:
        table(c, in);
        return true;
    case IR_VCONCAT:
        vec_binary(c, V_PUNPCKLQDQ, in->a, in->b, false);
        loc_at(c, c->i)->zw = 128;
        return true;
    case IR_VHIGH: {
        int ra = use_xmm(c, in->a);
        emit_v_shift(e, 0x73, 3, def_xmm(c, c->i, ra, 0), ra, 8);
        loc_at(c, c->i)->zw = 64;
        return true;
    }
    case IR_VWIDEN:
        widen(c, in);
        return true;
    case IR_VNARROW:
        return narrow(c, in);
    case IR_VPADD:
    case IR_VPMIN:
    case IR_VPMAX:
        return pairwise(c, in);
    case IR_VPADDL:
        return add_pairs_long(c, in);
    case IR_VREDUCE:
        return reduce(c, in);
    default:
        return false;
    }
}
