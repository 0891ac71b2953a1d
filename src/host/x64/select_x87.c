/* x87 instructions: the guest's own, on the guest's x87 in this processor (x87.c).
 *
 * Where it is (in the processor or in the guest's slots) is known along a straight line; at the unit's start and after
 * labels it is asked once. */
#include "host/x64/x64.h"

static void emit_move(struct ctx *c, struct ool *o)
{
    emit_call_m(&c->e, mem_area((unsigned)o->r[0]));
    emit_patch(&c->e, emit_jmp(&c->e), o->back);
}

/* The state is there, or brought there. */
static void want(struct ctx *c, bool in)
{
    unsigned area = in ? AREA_X87_IN : AREA_X87_OUT;
    if (c->x87 != (in ? X87_IN : X87_OUT)) {
        flags_clobber(c);
        if (!in) /* slots change in memory */
            alloc_detach_slots(c);
        if (c->x87 == X87_UNKNOWN) {
            struct ool *o = ool_new(c, emit_move);
            o->r[0] = (int)area;
            emit_alu_mi(&c->e, ALU_CMP, 4, mem_frame(FRAME_X87), 0);
            ool_from(o, emit_jcc(&c->e, in ? CC_E : CC_NE));
            o->back = emit_pos(&c->e);
        } else {
            emit_call_m(&c->e, mem_area(area));
        }
    }
    c->x87 = in ? X87_IN : X87_OUT;
}

static void memory(struct ctx *c, const struct ir_inst *in)
{
    uint64_t k;
    if (!value_const(c, in->c, &k))
        give_up(c, "an x87 instruction that is not known");
    struct x64_mem m = mem_guest(c, in);
    side_note_x87(c, k >> 8 & 0xff);
    emit_x87_m(&c->e, k & 0xff, k >> 11 & 7, m);
}

static void on_registers(struct ctx *c, unsigned bytes)
{
    side_note_x87(c, bytes >> 8);
    emit_x87(&c->e, bytes);
}

void select_x87(struct ctx *c, const struct ir_inst *in)
{
    struct emit *e = &c->e;
    want(c, in->op != IR_X87_SYNC);
    switch (in->op) {
    case IR_X87:
        on_registers(c, (unsigned)in->imm);
        break;
    case IR_X87_MEM:
        memory(c, in);
        break;
    case IR_X87_FLAGS:
        flags_clobber(c);
        on_registers(c, (unsigned)in->imm);
        flags_produced(c, c->i, EF_NORMAL);
        break;
    case IR_X87_CMOV: { /* FCMOVE for DA, FCMOVNE for DB: the last opcode's high bits are right */
        int r = use_gpr(c, in->a);
        unsigned opc = in->imm & 0xff, modrm = in->imm >> 8 & 0xff;
        flags_clobber(c);
        emit_alu_ri(e, ALU_CMP, 1, r, opc == 0xda);
        side_note_x87(c, modrm);
        emit_x87(e, opc | 0xc800 | (modrm & 7) << 8);
        break;
    }
    case IR_X87_STATUS:
        emit_x87_m(e, 0xdd, 7, mem_frame(FRAME_TMP));
        emit_load(e, 2, def_gpr(c, c->i, -1, 0), mem_frame(FRAME_TMP));
        break;
    default:
        break;
    }
}
