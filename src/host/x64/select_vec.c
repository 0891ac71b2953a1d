#include "host/x64/x64.h"

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
    l = loc_at(c, in->a);
    if (l->slot < 0 && !l->is_const && c->last[in->a] > c->i) {
        if (loc_at(c, c->i)->last < c->last[in->a])
            loc_at(c, c->i)->last = c->last[in->a];
        c->loc_of[in->a] = c->loc_of[c->i];
    }
}

bool select_vec(struct ctx *c, const struct ir_inst *in)
{
    if (class_of((enum ir_type)in->type) != LOC_XMM)
        return false;
    switch (in->op) {
    case IR_ZEXT:
        zero_extend(c, in);
        return true;
    default:
        return false;
    }
}
