/* Random instructions: fields from the table in ir/form.h, arguments from what the unit has
 * already; the verifier says whether they make an instruction, and the generator tries again if
 * not. */
#include "ir/random_unit.h"

#include "ir/form.h"

#define SLOT(n, o, t)                                                                              \
    {                                                                                              \
        .name = (n), .offset = (o), .type = (t)                                                    \
    }
const struct ir_slot random_slots[RANDOM_SLOTS] = {
    SLOT("r0", 0, IR_I64),    SLOT("r1", 8, IR_I64),     SLOT("r2", 16, IR_I64),
    SLOT("r3", 24, IR_I64),   SLOT("r4", 32, IR_I64),    SLOT("r5", 40, IR_I64),
    SLOT("r6", 48, IR_I64),   SLOT("r7", 56, IR_I64),    SLOT("q0", 64, IR_V128),
    SLOT("q1", 80, IR_V128),  SLOT("q2", 96, IR_V128),   SLOT("q3", 112, IR_V128),
    SLOT("w0", 128, IR_I32),  SLOT("fl", 132, IR_FLAGS), SLOT("fm", 136, IR_FLAGS),
    SLOT("y0", 160, IR_V256),
};

uint64_t random_next(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

uint64_t random_edge(uint64_t *state)
{
    uint64_t r = random_next(state);

    switch (random_below(state, 6)) {
    case 0: return r % 5;
    case 1: return -(r % 5);
    case 2: return (uint64_t)1 << (r & 63);
    case 3: return ((uint64_t)1 << (r & 63)) - 1;
    case 4: return (r & 0xff) * 0x0101010101010101u;
    default: return r;
    }
}

/* A random set bit of mask, as a type; VOID if there is none. */
static enum ir_type random_type(uint16_t mask, uint64_t *state)
{
    unsigned t;

    if (!mask)
        return IR_VOID;
    do
        t = random_below(state, IR_TYPE_COUNT);
    while (!ir_form_has(mask, t));
    return (enum ir_type)t;
}

static uint8_t random_attr(const struct ir_attr_form *form, uint64_t *state)
{
    unsigned attr = 0;

    if (form->names)
        attr = random_below(state, form->name_count);
    else if (form->number)
        attr = random_below(state, 256);
    for (unsigned i = 0; i < 8; i++)
        if (form->bits[i] && random_below(state, 2))
            attr |= 1u << i;
    return (uint8_t)attr;
}

static uint64_t random_imm(const struct ir_unit *u, enum ir_op op, uint64_t *state)
{
    switch (ir_form[op].imm) {
    case IR_IMM_HEX:
        return op == IR_FLAGS_MERGE ? random_edge(state) & IR_FLAG_ALL : random_edge(state);
    case IR_IMM_ADDRESS: return op == IR_ATOMIC_CAS ? 0 : random_edge(state);
    case IR_IMM_DEC:
        if (op >= IR_FCADD && op <= IR_FCMLA)
            return 90 * random_below(state, 4);
        if (op == IR_FRINTN)
            return 32u << random_below(state, 2);
        return random_below(state, random_below(state, 2) ? 4 : 65);
    case IR_IMM_FIELD: return random_below(state, 64) | random_below(state, 65) << 8;
    case IR_IMM_SLOT: return random_below(state, u->slot_count);
    case IR_IMM_LOCAL: return u->local_count ? random_below(state, u->local_count) : 0;
    case IR_IMM_LABEL: return u->label_count ? random_below(state, u->label_count) : 0;
    default: return 0;
    }
}

/* Prefers values of the type the letter asks for: `type` for T, the one that goes before it for S
 * and i. The verifier has the last word. */
static ir_ref random_arg(const struct ir_unit *u, char letter, enum ir_type type, uint64_t *state)
{
    for (int tries = 0; tries < 60; tries++) {
        ir_ref r = 1 + random_below(state, u->count);
        enum ir_type t;

        if (r >= u->count || ir_sig_result((enum ir_op)u->insts[r].op) == 'v')
            continue;
        t = ir_type_of(u, r);
        if (letter == 'T'   ? t == type
            : letter == '1' ? t == IR_I1
            : letter == 'w' ? t == IR_I32
            : letter == 'x' ? t == IR_I64
            : letter == 'F' ? t == IR_FLAGS
            : letter == 'V' ? ir_type_is_vector(t)
            : letter == 'i' ? ir_type_is_int(t) && (!type || t == type)
                            : !type || t == type)
            return r;
    }
    return IR_NONE;
}

static struct ir_inst random_candidate(struct ir_unit *u, enum ir_op op, uint64_t *state)
{
    const struct ir_form *form = &ir_form[op];
    struct ir_inst in = {.op = (uint8_t)op};
    ir_ref *args[3] = {&in.a, &in.b, &in.c};
    enum ir_type same = IR_VOID;

    if (ir_sig_result(op) != 'v' || op == IR_SET || op == IR_LSET || op == IR_STORE)
        in.type = (uint8_t)random_type(form->types, state);
    if (!ir_form_has(form->lanes_optional, in.type) || random_below(state, 2))
        in.lane = (uint8_t)random_type(form->lanes, state);
    in.attr = random_attr(form->attr, state);
    in.imm = random_imm(u, op, state);
    for (unsigned i = 0; i < ir_op_info[op].args; i++) {
        bool optional;
        char letter = ir_sig_arg(op, i, &optional);

        if (!optional || random_below(state, 2))
            *args[i] = random_arg(u, letter, letter == 'T' ? (enum ir_type)in.type : same, state);
        if (letter == 'S' || letter == 'i')
            same = op == IR_STORE || op == IR_CRC32 ? IR_VOID : ir_type_of(u, *args[i]);
    }
    if (op == IR_STORE && in.c)
        in.type = u->insts[in.c].type;
    if ((op == IR_LOAD || op == IR_LOADS || op == IR_STORE || op == IR_PREFETCH) && in.b)
        in.attr |= (uint8_t)random_below(state, 5);
    if (op == IR_LGET && u->local_count)
        in.type = u->local_type[in.imm];
    return in;
}

bool random_inst(struct ir_unit *u, enum ir_op op, uint64_t *state)
{
    for (int tries = 0; tries < 300; tries++) {
        struct ir_inst in = random_candidate(u, op, state);
        uint32_t before = u->count;

        /* The verifier wants an end: put one behind it for the moment. */
        ir_emit(u, in);
        if (!(ir_op_info[op].flags & IR_OPF_ENDS))
            ir_emit(u, (struct ir_inst){.op = IR_JUMP});
        if (!ir_verify(u)) {
            u->count = before + 1;
            return true;
        }
        u->count = before;
    }
    return false;
}
