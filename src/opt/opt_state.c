/* Guest slots and local variables: GETs served by what was read or written before, SETs that nobody
 * can see removed.
 *
 * Forwards, a table holds the value each slot is known to have since the last LABEL (or HELPER,
 * which may write anything); a GET of it is replaced by that value, a GET of the low part by a
 * conversion.
 *
 * Backwards, a slot is `dead` where a SET of it certainly follows before anything looks: another
 * instruction's GET, an access to guest memory (which may fault, and then the state must be exact),
 * a way out of the unit, a HELPER, a LABEL or a branch.  INSN does not look: signals are taken at a
 * unit's borders, and a unit made for single steps has one instruction.
 *
 * The flags slot is also dead at a direct way out to a guest PC of which config->flags_dead says
 * so. It is asked late, only when there is a SET that hangs on the answer.  If it is dead at some of
 * them and not at all, the SET stays, and those say so (IR_JUMP_FLAGS_DEAD). */
#include "opt/opt.h"

#define EXITS_MAX 8 /* direct ways out that one SET of the flags may hang on */

/* What is known of a slot or local variable: its whole value, and a part that was read. */
struct known {
    ir_ref whole, part; /* IR_NONE: not known */
};

struct state {
    struct ir_unit *u;
    const struct opt_config *config;
    ir_ref *map;         /* what to use instead of a value */
    struct known *slots; /* [slot_count] */
    ir_ref *locals;      /* [local_count] */
};

/* -- forwards -------------------------------------------------------------------- */

static void forget(struct state *s, bool locals_too)
{
    for (unsigned i = 0; i < s->u->slot_count; i++)
        s->slots[i] = (struct known){0};
    for (unsigned i = 0; locals_too && i < s->u->local_count; i++)
        s->locals[i] = IR_NONE;
}

/* `in` reads the low part of `whole`: makes it a conversion. */
static void take_part(const struct ir_unit *u, struct ir_inst *in, ir_ref whole)
{
    enum ir_type t = (enum ir_type)in->type;

    if (ir_type_is_int(t) && ir_type_is_vector(ir_type_of(u, whole)))
        *in = (struct ir_inst){.op = IR_VEXT, .type = (uint8_t)t, .lane = (uint8_t)t, .a = whole};
    else
        *in = (struct ir_inst){.op = IR_TRUNC, .type = (uint8_t)t, .a = whole};
}

static void forward_get(struct state *s, ir_ref r)
{
    struct ir_inst *in = &s->u->insts[r];
    struct known *k = &s->slots[in->imm];

    if (in->type == s->u->slots[in->imm].type) {
        if (!k->whole) {
            k->whole = r;
            return;
        }
        s->map[r] = k->whole;
        *in = (struct ir_inst){.op = IR_NOP};
        return;
    }
    if (k->part && s->u->insts[k->part].type == in->type) {
        s->map[r] = k->part;
        *in = (struct ir_inst){.op = IR_NOP};
        return;
    }
    if (k->whole)
        take_part(s->u, in, k->whole);
    k->part = r;
}

static void forward_lget(struct state *s, ir_ref r)
{
    struct ir_inst *in = &s->u->insts[r];
    ir_ref *known = &s->locals[in->imm];

    if (*known) {
        s->map[r] = *known;
        *in = (struct ir_inst){.op = IR_NOP};
    } else {
        *known = r;
    }
}

static void forward(struct state *s)
{
    for (ir_ref r = 1; r < s->u->count; r++) {
        struct ir_inst *in = &s->u->insts[r];

        s->map[r] = r;
        in->a = s->map[in->a];
        in->b = s->map[in->b];
        in->c = s->map[in->c];
        switch (in->op) {
        case IR_GET: forward_get(s, r); break;
        case IR_LGET: forward_lget(s, r); break;
        case IR_SET: s->slots[in->imm] = (struct known){.whole = in->a}; break;
        case IR_LSET: s->locals[in->imm] = in->a; break;
        case IR_HELPER:
        case IR_X87_SYNC: forget(s, false); break;
        case IR_LABEL: forget(s, true); break;
        default: break;
        }
    }
}

/* -- backwards ------------------------------------------------------------------- */

struct liveness {
    struct state *s;
    uint32_t *dead;  /* [slot_count]: == now if a SET follows before anything looks */
    uint32_t now;    /* counts the points at which everything is looked at */
    uint64_t locals; /* bit set: read somewhere */
    ir_ref exits[EXITS_MAX];
    unsigned exit_count;
    bool asking; /* the flags are dead if they are at all exits[] */
};

/* The flags are overwritten later, or (asking) perhaps at the ways out. */
static bool flags_dead(struct liveness *l)
{
    const struct opt_config *config = l->s->config;

    struct ir_inst *dead[EXITS_MAX];
    unsigned count = 0, asked = l->exit_count;

    if (!l->asking)
        return false;
    for (unsigned i = asked; i-- > 0;) {
        struct ir_inst *exit = &l->s->u->insts[l->exits[i]];
        if (config->flags_dead(config->ctx, exit->imm))
            dead[count++] = exit;
    }
    l->exit_count = 0;
    if (count == asked)
        return true;
    l->asking = false;
    while (count-- > 0)
        if (dead[count]->op != IR_CALL)
            dead[count]->attr |= IR_JUMP_FLAGS_DEAD;
    return false;
}

/* Direct way out r, taken always or sometimes. */
static void leave(struct liveness *l, ir_ref r, bool always)
{
    const struct opt_config *config = l->s->config;
    unsigned f = config->flags_slot;
    bool rest = f < l->s->u->slot_count && l->dead[f] == l->now;

    l->now++;
    if (!config->flags_dead || f >= l->s->u->slot_count)
        return;
    if (always || rest) {
        l->asking = true;
        l->exit_count = 0;
    }
    if (l->exit_count == EXITS_MAX)
        l->asking = false;
    else if (l->asking)
        l->exits[l->exit_count++] = r;
}

static void look_at_all(struct liveness *l)
{
    l->now++;
    l->asking = false;
}

static void backward_set(struct liveness *l, struct ir_inst *in)
{
    bool is_flags = in->imm == l->s->config->flags_slot;

    if (l->dead[in->imm] == l->now || (is_flags && flags_dead(l))) {
        *in = (struct ir_inst){.op = IR_NOP};
        return;
    }
    l->dead[in->imm] = l->now;
    if (is_flags)
        l->asking = false;
}

static void backward(struct liveness *l)
{
    struct ir_unit *u = l->s->u;

    for (ir_ref r = u->count; r-- > 1;) {
        struct ir_inst *in = &u->insts[r];

        switch (in->op) {
        case IR_SET: backward_set(l, in); break;
        case IR_GET:
            l->dead[in->imm] = 0;
            if (in->imm == l->s->config->flags_slot)
                l->asking = false;
            break;
        case IR_LSET:
            if (!(l->locals >> in->imm & 1))
                *in = (struct ir_inst){.op = IR_NOP};
            break;
        case IR_JUMP:
        case IR_CALL: leave(l, r, true); break;
        case IR_JUMP_IF: leave(l, r, false); break;
        case IR_HELPER:
        case IR_LABEL:
        case IR_BR:
        case IR_BR_IF:
        case IR_JUMP_NOT:
        case IR_POLL: look_at_all(l); break;
        default:
            if (ir_op_info[in->op].flags & (IR_OPF_FAULTS | IR_OPF_ENDS))
                look_at_all(l);
            break;
        }
    }
}

void opt_state(struct ir_unit *u, const struct opt_config *config)
{
    struct state s = {.u = u, .config = config};
    struct liveness l = {.s = &s, .now = 1};

    s.map = arena_take(u->arena, u->count * sizeof(*s.map));
    s.map[0] = IR_NONE;
    s.slots = arena_alloc(u->arena, u->slot_count * sizeof(*s.slots));
    s.locals = arena_alloc(u->arena, u->local_count * sizeof(*s.locals));
    l.dead = arena_alloc(u->arena, u->slot_count * sizeof(*l.dead));
    forward(&s);
    for (ir_ref r = 1; r < u->count; r++)
        if (u->insts[r].op == IR_LGET)
            l.locals |= 1ull << u->insts[r].imm;
    backward(&l);
}
