/* Regions that are loops: an assignment of general registers of their own.
 *
 * The nine slots that have homes in all units are the hottest of all code; a loop may use others more.  Where that is so
 * the unit begins by exchanging them: the slots that are not wanted go into memory, those that are come into their
 * registers, and behind that is the top, where the loop's last jump leads.  Within, nothing differs from other units but
 * ctx.t, which is a copy of x64_target with other homes.  All ways out change back (loop_leave): those in the middle out of
 * line.  A fault finds the exchanged registers in the head of the unit's side table.
 *
 * A way back that is no link of the engine's cannot be cut by unlinking: it looks at cpu->pending, or the unit's POLL does,
 * and the engine sets that when it removes such a region (table_remove).
 *
 * Only loops that were seen to go round (ir_unit.steady), and only where leaving is simple: no helpers (they find the state
 * in memory), no calls that are not followed, no exits to the engine. */
#include "host/x64/x64.h"

#define GAIN 2 /* accesses to memory that an exchanged register must save in a round, at least: entering and leaving cost four */

struct x64_own {
    unsigned count;
    struct {
        int8_t reg;
        bool dirty; /* the slot is written in the loop */
        uint8_t slot, standard;
    } swap[16];
    uint32_t top;
};

/* Leads back to its own entry, and there is no way out of it for which loop_leave does not do. */
static bool is_simple_loop(const struct ir_unit *u)
{
    unsigned depth = 0;
    bool back = false;
    for (ir_ref r = 1; r < u->count; r++) {
        const struct ir_inst *in = &u->insts[r];
        switch (in->op) {
        case IR_PAIR: depth++; break;
        case IR_UNPAIR: depth -= depth > 0; break;
        case IR_JUMP:
            if (depth)
                return false;
            back |= in->imm == u->pc;
            break;
        case IR_JUMP_IF: back |= in->imm == u->pc && depth == 0; break;
        case IR_HELPER:
        case IR_CALL:
        case IR_CALL_IND:
        case IR_RET:
        case IR_JUMP_IND:
        case IR_EXIT: return false;
        default:
            if (in->op >= IR_X87)
                return false;
        }
    }
    return back;
}

/* How many accesses to memory a home saves each slot in a round. */
static void weigh(const struct ctx *c, unsigned weight[X64_SLOT_MAX], bool written[X64_SLOT_MAX])
{
    for (ir_ref r = 1; r < c->u->count; r++) {
        const struct ir_inst *in = inst_of(c, r);
        if (in->op != IR_GET && in->op != IR_SET)
            continue;
        weight[in->imm]++;
        written[in->imm] |= in->op == IR_SET;
    }
}

/* The slot with no home that would gain most; -1: there is none. */
static int best_without(const struct x64_target *t, const unsigned weight[X64_SLOT_MAX])
{
    int best = -1;
    for (unsigned s = 0; s < t->guest->slot_count; s++)
        if (t->guest->slots[s].type == IR_I64 && t->home[s] < 0 && s != t->pc_slot && weight[s] &&
            (best < 0 || weight[s] > weight[best]))
            best = (int)s;
    return best;
}

/* The home whose slot is used least. */
static int least_home(const struct x64_target *t, const unsigned weight[X64_SLOT_MAX])
{
    int least = -1;
    for (int r = 0; r < 16; r++)
        if (t->gpr_slot[r] >= 0 && (least < 0 || weight[t->gpr_slot[r]] < weight[t->gpr_slot[least]]))
            least = r;
    return least;
}

static void choose(struct ctx *c, struct x64_own *own, struct x64_target *t)
{
    unsigned weight[X64_SLOT_MAX] = {0};
    bool written[X64_SLOT_MAX] = {0};
    weigh(c, weight, written);
    for (;;) {
        int slot = best_without(t, weight), reg = least_home(t, weight);
        if (slot < 0 || reg < 0 || weight[slot] < weight[t->gpr_slot[reg]] + GAIN)
            return;
        unsigned out = (unsigned)t->gpr_slot[reg];
        own->swap[own->count].reg = (int8_t)reg;
        own->swap[own->count].slot = (uint8_t)slot;
        own->swap[own->count].standard = (uint8_t)out;
        own->swap[own->count++].dirty = written[slot];
        t->home[out] = -1;
        t->home[slot] = (int8_t)reg;
        t->gpr_slot[reg] = (int16_t)slot;
    }
}

void loop_begin(struct ctx *c)
{
    if (!c->u->steady || c->plain || !is_simple_loop(c->u))
        return;
    struct x64_own *own = arena_alloc(c->u->arena, sizeof *own);
    struct x64_target *t = arena_take(c->u->arena, sizeof *t);
    *t = *c->t;
    choose(c, own, t);
    if (!own->count)
        return;
    c->own = own;
    c->t = t;
    for (unsigned i = 0; i < own->count; i++)
        emit_store(&c->e, 8, mem_slot(c, own->swap[i].standard), own->swap[i].reg);
    for (unsigned i = 0; i < own->count; i++)
        emit_load(&c->e, 8, own->swap[i].reg, mem_slot(c, own->swap[i].slot));
    own->top = emit_pos(&c->e);
}

void loop_leave(struct ctx *c)
{
    const struct x64_own *own = c->own;
    for (unsigned i = 0; own && i < own->count; i++)
        if (own->swap[i].dirty)
            emit_store(&c->e, 8, mem_slot(c, own->swap[i].slot), own->swap[i].reg);
    for (unsigned i = 0; own && i < own->count; i++)
        emit_load(&c->e, 8, own->swap[i].reg, mem_slot(c, own->swap[i].standard));
}

void loop_back(struct ctx *c, uint32_t at)
{
    emit_patch(&c->e, at, c->own->top);
}

unsigned loop_head(const struct ctx *c, uint8_t head[LOOP_HEAD_MAX])
{
    unsigned n = 0;
    head[n++] = c->own ? (uint8_t)c->own->count : 0;
    for (unsigned i = 0; i < head[0]; i++) {
        head[n++] = (uint8_t)c->own->swap[i].reg;
        head[n++] = c->own->swap[i].slot;
    }
    return n;
}

const uint8_t *loop_read(const uint8_t *p, int16_t gpr_slot[16])
{
    for (unsigned n = *p++; n > 0; n--, p += 2)
        if (gpr_slot)
            gpr_slot[p[0]] = p[1];
    return p;
}
