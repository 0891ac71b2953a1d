/* What the files that select vector instructions share. */
#pragma once
#include "host/x64/x64.h"

static inline unsigned lane_bytes(const struct ir_inst *in)
{
    return type_bytes((enum ir_type)in->lane);
}
/* 0..3 for lanes of 1, 2, 4, 8 bytes. */
static inline unsigned lane_log(const struct ir_inst *in)
{
    unsigned n = lane_bytes(in);
    return n == 1 ? 0 : n == 2 ? 1 : n == 4 ? 2 : 3;
}

static inline bool zero_above(struct ctx *c, ir_ref r)
{
    return loc_at(c, r)->zw <= 64;
}

static inline struct x64_mem pool_bytes(struct ctx *c, const uint8_t b[16])
{
    uint64_t lo = 0, hi = 0;
    for (unsigned i = 0; i < 8; i++) {
        lo |= (uint64_t)b[i] << (8 * i);
        hi |= (uint64_t)b[i + 8] << (8 * i);
    }
    return emit_pool(&c->e, lo, hi);
}
static inline struct x64_mem pool_u16(struct ctx *c, unsigned v)
{
    return emit_pool(&c->e, v * 0x0001000100010001ull, v * 0x0001000100010001ull);
}
static inline struct x64_mem pool_u32(struct ctx *c, uint32_t v)
{
    return emit_pool(&c->e, v * 0x0000000100000001ull, v * 0x0000000100000001ull);
}
static inline struct x64_mem pool_u64(struct ctx *c, uint64_t v)
{
    return emit_pool(&c->e, v, v);
}

/* A register for the result that is none of the arguments'. */
static inline int def_apart(struct ctx *c, int ra, int rb, int rc)
{
    return def_xmm(c, c->i, -1, 1u << ra | (rb >= 0 ? 1u << rb : 0) | (rc >= 0 ? 1u << rc : 0));
}

static inline int zero_reg(struct ctx *c)
{
    int t = tmp_xmm(c);
    emit_v_rrr(&c->e, V_PXOR, t, t, t, -1);
    return t;
}
static inline int ones_reg(struct ctx *c)
{
    int t = tmp_xmm(c);
    emit_v_rrr(&c->e, V_PCMPEQD, t, t, t, -1);
    return t;
}

static const x64_vop vec_add[] = {V_PADDB, V_PADDW, V_PADDD, V_PADDQ};
static const x64_vop vec_sub[] = {V_PSUBB, V_PSUBW, V_PSUBD, V_PSUBQ};
static const x64_vop vec_minu[] = {V_PMINUB, V_PMINUW, V_PMINUD};
static const x64_vop vec_mins[] = {V_PMINSB, V_PMINSW, V_PMINSD};
static const x64_vop vec_maxu[] = {V_PMAXUB, V_PMAXUW, V_PMAXUD};
static const x64_vop vec_maxs[] = {V_PMAXSB, V_PMAXSW, V_PMAXSD};

/* c->i := a op b; the register. */
int vec_binary(struct ctx *c, x64_vop op, ir_ref a, ir_ref b, bool commutes);

/* The parts of select_vec: select_permute.c, select_lanes.c. */
bool select_permute(struct ctx *c, const struct ir_inst *in);
bool select_lanes(struct ctx *c, const struct ir_inst *in);
