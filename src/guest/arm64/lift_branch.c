/* Branches and exceptions (Arm ARM C4.1.93). */
#include "arm64_isa.h"
#include "guest/arm64/lift.h"

static uint64_t vdso_start, vdso_end;

void arm64_set_vdso_range(uint64_t start, uint64_t end)
{
    vdso_start = start;
    vdso_end = end;
}

static uint64_t target(const struct arm64_lift *l, uint32_t imm, unsigned width)
{
    return l->pc + (uint64_t)sign_extend(imm, width) * 4;
}

static void branch_if(struct arm64_lift *l, ir_ref cond, uint64_t to)
{
    ir_jump_if(l->u, cond, to);
    ir_jump(l->u, l->pc + 4);
    l->ended = true;
}

void arm64_lift_b_cond(struct arm64_lift *l, const struct arm64_args_b_cond *a)
{
    if (a->cond >= 14) {
        ir_jump(l->u, target(l, a->imm19, 19));
        l->ended = true;
        return;
    }
    branch_if(l, arm64_condition(l, a->cond), target(l, a->imm19, 19));
}

void arm64_lift_cbz(struct arm64_lift *l, const struct arm64_args_cbz *a)
{
    enum ir_type t = arm64_int_type(a->sf);
    ir_ref v = arm64_x(l, t, a->Rt);
    branch_if(l, ir_cmp(l->u, a->nonzero ? IR_CC_NE : IR_CC_E, v, ir_const(l->u, t, 0)),
              target(l, a->imm19, 19));
}

void arm64_lift_tbz(struct arm64_lift *l, const struct arm64_args_tbz *a)
{
    enum ir_type t = arm64_int_type(a->b5);
    ir_ref v = ir_bin_imm(l->u, IR_AND, arm64_x(l, t, a->Rt), 1ull << (a->b5 << 5 | a->b40));
    branch_if(l, ir_cmp(l->u, a->nonzero ? IR_CC_NE : IR_CC_E, v, ir_const(l->u, t, 0)),
              target(l, a->imm14, 14));
}

static void set_link(struct arm64_lift *l)
{
    arm64_set_x(l, 30, ir_const_pc(l->u, l->pc + 4));
}

void arm64_lift_b(struct arm64_lift *l, const struct arm64_args_b *a)
{
    if (a->link) {
        set_link(l);
        ir_call(l->u, target(l, a->imm26, 26));
    } else {
        ir_jump(l->u, target(l, a->imm26, 26));
    }
    l->ended = true;
}

void arm64_lift_br(struct arm64_lift *l, const struct arm64_args_br *a)
{
    ir_jump_to(l->u, IR_JUMP_IND, arm64_x(l, IR_I64, a->Rn));
    l->ended = true;
}

void arm64_lift_blr(struct arm64_lift *l, const struct arm64_args_blr *a)
{
    ir_ref to = arm64_x(l, IR_I64, a->Rn);
    set_link(l);
    ir_jump_to(l->u, IR_CALL_IND, to);
    l->ended = true;
}

void arm64_lift_ret(struct arm64_lift *l, const struct arm64_args_ret *a)
{
    ir_jump_to(l->u, IR_RET, arm64_x(l, IR_I64, a->Rn));
    l->ended = true;
}

/* ---- exceptions
 * ------------------------------------------------------------------------------------ */

void arm64_lift_svc(struct arm64_lift *l, const struct arm64_args_svc *a)
{
    ir_exit(l->u, IR_EXIT_SYSCALL, l->pc + 4, IR_NONE);
    l->ended = true;
}

void arm64_lift_brk(struct arm64_lift *l, const struct arm64_args_brk *a)
{
    ir_exit(l->u, IR_EXIT_BREAKPOINT, l->pc, ir_const(l->u, IR_I64, a->imm16));
    l->ended = true;
}

/* Undefined at EL0 but in the vdso, where HLT #0xde00 + n calls a helper (arm64_set_vdso_range). */
void arm64_lift_hlt(struct arm64_lift *l, const struct arm64_args_hlt *a)
{
    unsigned helper = ARM64_HELPER_CLOCK_GETTIME + (a->imm16 - 0xde00);
    if (l->pc >= vdso_start && l->pc < vdso_end && a->imm16 >= 0xde00 &&
        helper <= ARM64_HELPER_CLOCK_GETRES)
        ir_helper(l->u, helper, IR_NONE, 0);
    else
        arm64_undefined(l);
}

void arm64_lift_undefined_imm(struct arm64_lift *l, const struct arm64_args_undefined_imm *a)
{
    arm64_undefined(l);
}
void arm64_lift_undefined_dcps(struct arm64_lift *l, const struct arm64_args_undefined_dcps *a)
{
    arm64_undefined(l);
}
void arm64_lift_undefined_system(struct arm64_lift *l, const struct arm64_args_undefined_system *a)
{
    arm64_undefined(l);
}
