/* See walk.h.  Knows no labels, atomics or helpers: no instruction of this test makes any. */
#include "walk.h"
#include <string.h>

static void *slot(struct walk *w, const struct ir_unit *u, uint64_t n)
{
    return (char *)&w->s + u->slots[n].offset;
}

void walk_load(struct walk *w, const struct wire_state *state)
{
    memset(w, 0, sizeof(*w));
    memcpy(w->s.x, state->x, sizeof(w->s.x));
    memcpy(w->s.v, state->v, sizeof(w->s.v));
    w->s.sp = state->sp;
    w->s.nzcv = arm64_nzcv_put(state->nzcv);
    w->s.fpcr = state->fpcr;
    w->s.qc[0] = state->fpsr >> 27 & 1;
    w->fp_flags = state->fpsr & 0x9f;
    memcpy(w->memory, state->memory, WIRE_WINDOW);
}

void walk_store(const struct walk *w, struct wire_state *state)
{
    memcpy(state->x, w->s.x, sizeof(w->s.x));
    memcpy(state->v, w->s.v, sizeof(w->s.v));
    state->sp = w->s.sp;
    state->nzcv = arm64_nzcv_get(w->s.nzcv);
    state->fpsr = w->fp_flags | (w->s.qc[0] || w->s.qc[1] ? 1u << 27 : 0);
    memcpy(state->memory, w->memory, WIRE_WINDOW);
}

static void *guest_memory(struct walk *w, uint64_t address, unsigned size)
{
    if (!w->touched || address < w->first)
        w->first = address;
    w->touched = true;
    if (address < WIRE_MEMORY || address - WIRE_MEMORY > WIRE_WINDOW - size)
        return NULL;
    return w->memory + (address - WIRE_MEMORY);
}

static void access_memory(struct walk *w, const struct ir_inst *in, const union ir_value *values,
                          union ir_value *out)
{
    uint64_t address = values[in->a].u64[0] + in->imm;
    unsigned size = ir_type_size((enum ir_type)in->lane);
    void *p;

    if (in->b)
        address += values[in->b].u64[0] << (in->attr & IR_MEM_SCALE);
    p = guest_memory(w, address, size);
    if (!p)
        return; /* the caller moves the base and tries again */
    if (in->op == IR_STORE) {
        memcpy(p, &values[in->c], size);
    } else {
        union ir_value v = {0};
        memcpy(&v, p, size);
        if (in->op == IR_LOADS)
            v.u64[0] = bits_get((uint64_t)sign_extend(v.u64[0], 8 * size), 0,
                                8 * ir_type_size((enum ir_type)in->type));
        *out = v;
    }
}

void walk_run(struct walk *w, const struct ir_unit *u)
{
    static union ir_value values[65536];
    struct fp_status fp = {.env = u->fp, .flags = w->fp_flags};

    for (ir_ref r = 1; r < u->count; r++) {
        const struct ir_inst *in = &u->insts[r];
        union ir_value *out = &values[r];

        switch (in->op) {
        case IR_NOP:
        case IR_INSN:
        case IR_FENCE:
        case IR_PREFETCH:
            break;
        case IR_CONST: {
            unsigned size = ir_type_size((enum ir_type)in->type);
            union ir_value all = {.u64 = {in->imm, in->imm, in->imm, in->imm}};
            memset(out, 0, sizeof(*out));
            memcpy(out, &all, size);
            break;
        }
        case IR_COPY:
            *out = values[in->a];
            break;
        case IR_GET:
            memset(out, 0, sizeof(*out));
            memcpy(out, slot(w, u, in->imm), ir_type_size((enum ir_type)in->type));
            break;
        case IR_SET:
            memcpy(slot(w, u, in->imm), &values[in->a], ir_type_size((enum ir_type)in->type));
            break;
        case IR_LOAD:
        case IR_LOADS:
            memset(out, 0, sizeof(*out));
            access_memory(w, in, values, out);
            break;
        case IR_STORE:
            access_memory(w, in, values, NULL);
            break;
        case IR_FPFLAGS_GET:
            memset(out, 0, sizeof(*out));
            out->u32[0] = fp.flags;
            break;
        case IR_FPFLAGS_SET:
            fp.flags = values[in->a].u32[0];
            break;
        case IR_JUMP:
            goto done;
        case IR_EXIT:
            w->undefined = in->attr == IR_EXIT_UNDEFINED;
            goto done;
        default:
            if (!(ir_op_info[in->op].flags & (IR_OPF_PURE | IR_OPF_FP))) {
                w->stopped = ir_op_info[in->op].name;
                goto done;
            }
            ir_eval((enum ir_op)in->op, (enum ir_type)in->type, (enum ir_type)in->lane, in->attr,
                    ir_type_of(u, in->a), in->imm, &values[in->a], &values[in->b], &values[in->c],
                    out, &fp);
        }
    }
done:
    w->fp_flags = fp.flags;
}
