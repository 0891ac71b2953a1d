/* x87 instructions on a host that has them: as they are, with the host's addresses.  What is left to helpers are the
 * images (FNSTENV, FNSAVE, FXSAVE … and back), which have the guest's pointers and forms in them. */
#include "guest/x86/lift.h"

static ir_ref emit(struct x86_lift *l, enum ir_op op, enum ir_type t, ir_ref a, uint64_t imm)
{
    return ir_emit(l->u, (struct ir_inst){.op = (uint8_t)op, .type = (uint8_t)t, .a = a, .imm = imm});
}

bool x86_lift_x87_host(struct x86_lift *l, const struct x86_insn *in)
{
    x86_lift_fn *lift = in->row->lift;
    if (!l->rq->x87 || !(in->row->feature == X86_FEATURE_X87) || lift == x86_lift_x87_env)
        return false;
    l->x87_in_slots = false;
    uint64_t bytes = in->opcode | (uint64_t)in->modrm << 8;
    if (lift == x86_lift_fwait) {
        emit(l, IR_X87, IR_VOID, IR_NONE, 0x9b);
    } else if (in->modrm < 0xc0) {
        struct x86_address a = x86_address(l, in);
        ir_emit(l->u, (struct ir_inst){.op = IR_X87_MEM, .attr = (uint8_t)x86_address_attr(a), .a = a.base, .b = a.index,
                                       .c = ir_const(l->u, IR_I32, bytes), .imm = (uint64_t)a.disp});
    } else if (lift == x86_lift_x87_comi) {
        x86_set_flags(l, emit(l, IR_X87_FLAGS, IR_FLAGS, IR_NONE, bytes));
    } else if (lift == x86_lift_x87_cmov) {
        emit(l, IR_X87_CMOV, IR_VOID, x86_cond(l, in->row->arg), bytes);
    } else if (lift == x86_lift_x87_control && in->op[0].kind == X86_OPERAND_GPR) {
        x86_write(l, in, 0, x86_trunc(l, IR_I16, emit(l, IR_X87_STATUS, IR_I32, IR_NONE, 0)));
    } else {
        emit(l, IR_X87, IR_VOID, IR_NONE, bytes);
    }
    return true;
}
