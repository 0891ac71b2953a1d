/* Units and the emission of instructions. */
#include "ir/ir.h"

#include "support/log.h"

#define IR_FIRST_CAPACITY 256

void ir_unit_init(struct ir_unit *u, struct arena *arena, const struct ir_slot *slots,
                  unsigned slot_count)
{
    *u = (struct ir_unit){.arena = arena, .slots = slots, .slot_count = slot_count};
    u->capacity = IR_FIRST_CAPACITY;
    u->insts = arena_take(arena, u->capacity * sizeof(*u->insts));
    u->insts[0] = (struct ir_inst){.op = IR_NOP};
    u->count = 1; /* IR_NONE */
}

static void unit_grow(struct ir_unit *u)
{
    uint32_t capacity = u->capacity * 2;

    u->insts = arena_grow(u->arena, u->insts, u->capacity * sizeof(*u->insts),
                          capacity * sizeof(*u->insts));
    u->capacity = capacity;
}

/* Nothing above the type, so that equal constants look equal and hosts need not mask. */
static inline uint64_t const_bits(unsigned type, uint64_t imm)
{
    unsigned size = ir_type_size(type);

    if (type == IR_I1)
        return imm & 1;
    return size < 8 ? imm & ~(~0ull << (size * 8)) : imm;
}

ir_ref ir_emit(struct ir_unit *u, struct ir_inst inst)
{
    if (UNLIKELY(u->count == u->capacity))
        unit_grow(u);
    if (inst.op == IR_CONST)
        inst.imm = const_bits(inst.type, inst.imm);
    u->insts[u->count] = inst;
    return u->count++;
}

unsigned ir_label_new(struct ir_unit *u)
{
    return u->label_count++;
}

unsigned ir_local_new(struct ir_unit *u, enum ir_type type)
{
    /* A lift that needs more is a mistake in Demotic, not in the guest's program. */
    if (u->local_count == ARRAY_LEN(u->local_type))
        log_die(1, "internal error: more than %zu local variables in one unit",
                ARRAY_LEN(u->local_type));
    u->local_type[u->local_count] = (uint8_t)type;
    return u->local_count++;
}
