/* The walk of opt/walk.h.  Memory is not modelled: a load's value depends on its address alone,
 * since no pass moves or removes accesses; that they come in the same order is part of `seen`. */
#include "opt/walk.h"

#include "ir/random_unit.h"
#include <stdlib.h>
#include <string.h>

struct walk {
    struct outcome *o;
    const struct ir_unit *u;
    union ir_value *v; /* of each instruction */
};

static void see(struct outcome *o, const void *data, size_t n)
{
    const uint8_t *p = data;

    for (size_t i = 0; i < n; i++)
        o->seen = (o->seen ^ p[i]) * 0x100000001b3u;
}

/* The state is exact here: everything is looked at. */
static void see_all(const struct walk *w)
{
    see(w->o, w->o->slots, w->u->slot_count * sizeof(w->o->slots[0]));
    see(w->o, &w->o->fp_flags, sizeof(w->o->fp_flags));
}

static void cut(union ir_value *v, enum ir_type t)
{
    memset((char *)v + ir_type_size(t), 0, sizeof(*v) - ir_type_size(t));
}

void walk_begin(struct outcome *o, const struct ir_unit *u, uint64_t seed)
{
    memset(o, 0, sizeof(*o));
    for (unsigned i = 0; i < u->slot_count; i++) {
        for (unsigned k = 0; k < 4; k++)
            o->slots[i].u64[k] = random_edge(&seed);
        if (u->slots[i].type == IR_FLAGS)
            o->slots[i].u64[0] &= IR_FLAG_ALL;
        cut(&o->slots[i], (enum ir_type)u->slots[i].type);
    }
}

static uint64_t address_of(const struct ir_inst *in, const union ir_value *v)
{
    uint64_t at = v[in->a].u64[0] + in->imm;

    if (in->op == IR_ATOMIC_RMW || in->op == IR_ATOMIC_CAS)
        return at;
    if (in->b)
        at += v[in->b].u64[0] << (in->attr & IR_MEM_SCALE);
    return in->op != IR_PREFETCH && (in->attr & IR_MEM_WRAP32) ? (uint32_t)at : at;
}

static void access_memory(const struct walk *w, const struct ir_inst *in, union ir_value *out)
{
    bool atomic = in->op == IR_ATOMIC_RMW || in->op == IR_ATOMIC_CAS;
    enum ir_type in_memory = (enum ir_type)(atomic ? in->type : in->lane);
    uint64_t at = address_of(in, w->v), hash = at;

    see_all(w);
    see(w->o, &at, sizeof(at));
    if (atomic)
        see(w->o, &w->v[in->b], ir_type_size(in_memory));
    if (in->c)
        see(w->o, &w->v[in->c], ir_type_size(in_memory));
    if (in->op == IR_STORE)
        return;
    for (unsigned i = 0; i < 4; i++)
        out->u64[i] = random_next(&hash);
    cut(out, in_memory);
    if (in->op == IR_LOADS && in->lane != in->type)
        ir_eval(IR_SEXT, (enum ir_type)in->type, IR_VOID, 0, in_memory, 0,
                &(union ir_value){{out->u64[0]}}, NULL, NULL, out, NULL);
}

static void compute(const struct walk *w, const struct ir_inst *in, union ir_value *out)
{
    struct fp_status fp = {.env = w->u->fp};
    union ir_value *v = w->v;

    if (in->op == IR_CONST) {
        for (unsigned i = 0; i < 4; i++)
            out->u64[i] = in->imm;
        cut(out, (enum ir_type)in->type);
    } else if (in->op == IR_COPY) {
        *out = v[in->a];
    } else {
        ir_eval((enum ir_op)in->op, (enum ir_type)in->type, (enum ir_type)in->lane, in->attr,
                (enum ir_type)w->u->insts[in->a].type, in->imm, &v[in->a], in->b ? &v[in->b] : NULL,
                in->c ? &v[in->c] : NULL, out, &fp);
        w->o->fp_flags |= fp.flags;
    }
}

static ir_ref label_at(const struct ir_unit *u, uint64_t label)
{
    for (ir_ref r = 1; r < u->count; r++)
        if (u->insts[r].op == IR_LABEL && u->insts[r].imm == label)
            return r;
    abort(); /* it does not verify */
}

/* What neither computes a value nor leads elsewhere; false if it is none of these. */
static bool has_effect(const struct walk *w, const struct ir_inst *in, union ir_value *out)
{
    struct outcome *o = w->o;

    switch (in->op) {
    case IR_NOP:
    case IR_INSN:
    case IR_PAIR:
    case IR_UNPAIR:
    case IR_POLL: /* nothing waits */
    case IR_PREFETCH:
    case IR_LABEL: return true;
    case IR_GET:
        *out = o->slots[in->imm];
        cut(out, (enum ir_type)in->type);
        return true;
    case IR_SET: o->slots[in->imm] = w->v[in->a]; return true;
    case IR_LGET: *out = o->locals[in->imm]; return true;
    case IR_LSET: o->locals[in->imm] = w->v[in->a]; return true;
    case IR_LOAD:
    case IR_LOADS:
    case IR_STORE:
    case IR_ATOMIC_RMW:
    case IR_ATOMIC_CAS: access_memory(w, in, out); return true;
    case IR_FENCE: see(o, &in->attr, 1); return true;
    case IR_FPFLAGS_GET: out->u64[0] = o->fp_flags; return true;
    case IR_FPFLAGS_SET: o->fp_flags = w->v[in->a].u32[0]; return true;
    case IR_HELPER: /* changes state in a way of its own */
        see(o, &w->v[in->a], 8);
        see_all(w);
        o->slots[in->attr % 8].u64[0] ^= o->seen;
        o->fp_flags ^= FP_INEXACT;
        return true;
    default: return false;
    }
}

static bool is_taken(const struct walk *w, const struct ir_inst *in)
{
    if (in->op == IR_JUMP_NOT)
        return w->v[in->a].u64[0] != in->imm;
    return (in->op != IR_BR_IF && in->op != IR_JUMP_IF) || (w->v[in->a].u8[0] & 1);
}

void walk_unit(struct outcome *o, const struct ir_unit *u, unsigned flags_slot,
               bool (*flags_dead)(void *ctx, uint64_t pc), void *ctx)
{
    struct walk w = {o, u, calloc(u->count, sizeof(union ir_value))};
    const struct ir_inst *in = NULL;

    for (ir_ref r = 1; r < u->count && o->steps++ < WALK_STEPS; r++) {
        bool ends;

        in = &u->insts[r];
        ends = (ir_op_info[in->op].flags & IR_OPF_ENDS) || in->op == IR_JUMP_IF || in->op == IR_JUMP_NOT;
        if (ends && is_taken(&w, in))
            break;
        if (in->op == IR_BR || in->op == IR_BR_IF)
            r = is_taken(&w, in) ? label_at(u, in->imm) : r;
        else if (!ends && !has_effect(&w, in, &w.v[r]))
            compute(&w, in, &w.v[r]);
    }
    if (in->op == IR_JUMP_IND || in->op == IR_CALL_IND || in->op == IR_RET || in->op == IR_JUMP_NOT)
        o->left = w.v[in->a].u64[0];
    else
        o->left = in->imm;
    if (in->op == IR_EXIT)
        see(o, &w.v[in->a], 8);
    if (flags_dead && in->op != IR_EXIT && in->op != IR_RET && in->op != IR_JUMP_IND &&
        in->op != IR_CALL_IND && in->op != IR_JUMP_NOT && flags_dead(ctx, o->left))
        o->slots[flags_slot] = (union ir_value){{0}};
    see_all(&w);
    memset(o->locals, 0, sizeof(o->locals)); /* gone with the unit */
    free(w.v);
}
