/* Branches, the stack, flags, segments, system calls and other ends of a unit.
 *
 * Known limitations: CS takes Linux's two code segments only; IN, OUT and
 * the privileged instructions raise #GP as Linux lets them. Manual: SDM vol. 2; vol. 3, 6.15 for exceptions. */
#include "guest/x86/helpers.h"
#include "guest/x86/lift.h"

/* A branch target from a register or memory, as i64. */
static ir_ref target_value(struct x86_lift *l, const struct x86_insn *in, ir_ref v)
{
    if (in->opsize == 2)
        v = x86_trunc(l, IR_I16, v);
    return x86_zext(l, IR_I64, v);
}

static void jump_if(struct x86_lift *l, const struct x86_insn *in, ir_ref cond)
{
    ir_jump_if(l->u, cond, x86_target(l, in));
    ir_jump(l->u, l->next);
    l->ended = true;
}

void x86_lift_jcc(struct x86_lift *l, const struct x86_insn *in)
{
    jump_if(l, in, x86_cond(l, in->row->arg));
}

void x86_lift_jmp(struct x86_lift *l, const struct x86_insn *in)
{
    if (in->op[0].kind == X86_OPERAND_REL) {
        x86_jump(l, in, x86_target(l, in));
        return;
    }
    ir_jump_to(l->u, IR_JUMP_IND, target_value(l, in, x86_read(l, in, 0)));
    l->ended = true;
}

/* The address after this instruction as a value to be pushed. */
static ir_ref return_address(struct x86_lift *l, const struct x86_insn *in)
{
    return x86_trunc(l, x86_int_type(in->opsize), ir_const_pc(l->u, l->next));
}

void x86_lift_call(struct x86_lift *l, const struct x86_insn *in)
{
    bool direct = in->op[0].kind == X86_OPERAND_REL;
    ir_ref target = direct ? IR_NONE : target_value(l, in, x86_read(l, in, 0));
    x86_push(l, in, return_address(l, in));
    if (direct)
        ir_call(l->u, x86_target(l, in));
    else
        ir_jump_to(l->u, IR_CALL_IND, target);
    l->ended = true;
}

void x86_lift_ret(struct x86_lift *l, const struct x86_insn *in)
{
    ir_ref target = target_value(l, in, x86_stack_load(l, in, x86_int_type(in->opsize), 0));
    unsigned more = in->op[0].kind == X86_OPERAND_IMM ? (unsigned)in->imm & 0xffff : 0;
    x86_stack_move_by(l, in->opsize + more);
    ir_jump_to(l->u, IR_RET, target);
    l->ended = true;
}

void x86_lift_loop(struct x86_lift *l, const struct x86_insn *in)
{
    struct ir_unit *u = l->u;
    enum x86_loop op = (enum x86_loop)in->row->arg;
    ir_ref c = x86_gpr(l, X86_RCX, in->addrsize);
    ir_ref zero = ir_const(u, ir_type_of(u, c), 0);
    if (op == X86_JCXZ) {
        jump_if(l, in, ir_cmp(u, IR_CC_E, c, zero));
        return;
    }
    c = ir_bin_imm(u, IR_SUB, c, 1);
    x86_set_gpr(l, X86_RCX, c);
    ir_ref cond = ir_cmp(u, IR_CC_NE, c, zero);
    if (op != X86_LOOP)
        cond = ir_bin(u, IR_AND, cond, x86_cond(l, op == X86_LOOPE ? IR_CC_E : IR_CC_NE));
    jump_if(l, in, cond);
}

void x86_lift_setcc(struct x86_lift *l, const struct x86_insn *in)
{
    x86_write(l, in, 0, ir_conv(l->u, IR_ZEXT, IR_I8, x86_cond(l, in->row->arg)));
}

void x86_lift_cmovcc(struct x86_lift *l, const struct x86_insn *in)
{
    ir_ref v = x86_read(l, in, 1), old = x86_read(l, in, 0);
    x86_write(l, in, 0, ir_select(l->u, x86_cond(l, in->row->arg), v, old));
}

/* ---- the stack ----------------------------------------------------------------------------------------- */

void x86_lift_push(struct x86_lift *l, const struct x86_insn *in)
{
    x86_push(l, in, x86_read(l, in, 0));
}

void x86_lift_pop(struct x86_lift *l, const struct x86_insn *in)
{
    ir_ref v = x86_stack_load(l, in, x86_int_type(in->opsize), 0);
    if (in->op[0].kind == X86_OPERAND_MEM) { /* RSP in its address is the one after */
        l->rsp_bias = in->opsize;
        x86_write(l, in, 0, v);
        l->rsp_bias = 0;
        x86_stack_move_by(l, in->opsize);
    } else {
        x86_stack_move_by(l, in->opsize);
        x86_write(l, in, 0, v);
    }
}

void x86_lift_push_seg(struct x86_lift *l, const struct x86_insn *in)
{
    ir_ref v = ir_get(l->u, IR_I32, X86_SELECTOR0 + in->op[0].reg);
    /* All of the stack's slot is written, as AMD's processors do (Intel's keep the upper half of four bytes). */
    x86_push(l, in, in->opsize == 2 ? x86_trunc(l, IR_I16, v) : x86_zext(l, x86_int_type(in->opsize), v));
}

/* Loads a segment register; the unit ends, as bases are part of the key. */
static void load_segment(struct x86_lift *l, unsigned segment, ir_ref selector)
{
    ir_ref arg = ir_bin_imm(l->u, IR_OR, x86_zext(l, IR_I64, selector), (uint64_t)segment << 16);
    ir_helper(l->u, X86_HELPER_SEGMENT, arg, 0);
    x86_trap_if_status(l, X86_VECTOR_SAID);
}

/* LAR, LSL, VERR, VERW. */
void x86_lift_rights(struct x86_lift *l, const struct x86_insn *in)
{
    bool verifies = in->row->arg == X86_VERR || in->row->arg == X86_VERW;
    ir_ref selector = x86_zext(l, IR_I64, x86_trunc(l, IR_I16, x86_read(l, in, verifies ? 0 : 1)));
    uint64_t how = in->row->arg << 16 | (verifies ? 0 : (uint64_t)in->op[0].reg << 20 | (uint64_t)in->op[0].size << 24);
    ir_helper(l->u, X86_HELPER_RIGHTS, ir_bin_imm(l->u, IR_OR, selector, how), 0);
}

void x86_lift_pop_seg(struct x86_lift *l, const struct x86_insn *in)
{
    ir_ref v = x86_stack_load(l, in, x86_int_type(in->opsize), 0);
    load_segment(l, in->op[0].reg, in->opsize == 2 ? v : x86_trunc(l, IR_I16, v));
    x86_stack_move_by(l, in->opsize);
    x86_mode_changed(l);
}

void x86_lift_mov_to_seg(struct x86_lift *l, const struct x86_insn *in)
{
    load_segment(l, in->op[0].reg, x86_read(l, in, 1));
    x86_mode_changed(l);
}

void x86_lift_mov_from_seg(struct x86_lift *l, const struct x86_insn *in)
{
    ir_ref v = ir_get(l->u, IR_I32, X86_SELECTOR0 + in->op[1].reg);
    unsigned size = in->op[0].size;
    if (size == 8)
        x86_write(l, in, 0, x86_zext(l, IR_I64, v));
    else
        x86_write(l, in, 0, size == 2 ? x86_trunc(l, IR_I16, v) : v);
}

void x86_lift_load_far(struct x86_lift *l, const struct x86_insn *in)
{
    struct x86_address a = x86_address(l, in);
    ir_ref offset = x86_load(l, x86_int_type(in->opsize), a);
    ir_ref selector = x86_load(l, IR_I16, x86_plus(a, in->opsize));
    load_segment(l, in->row->arg, selector);
    x86_write(l, in, 0, offset);
    x86_mode_changed(l);
}

void x86_lift_pusha(struct x86_lift *l, const struct x86_insn *in)
{
    enum ir_type t = x86_int_type(in->opsize);
    ir_ref sp = ir_get(l->u, IR_I32, X86_R0 + X86_RSP);
    for (unsigned i = 0; i < 8; i++) {
        ir_ref at = ir_bin_imm(l->u, IR_SUB, sp, (i + 1ull) * in->opsize);
        x86_store(l, x86_linear(l, in, x86_zext(l, IR_I64, at), X86_SS), ir_get(l->u, t, X86_R0 + i));
    }
    x86_stack_move_by(l, -8 * in->opsize);
}

void x86_lift_popa(struct x86_lift *l, const struct x86_insn *in)
{
    enum ir_type t = x86_int_type(in->opsize);
    ir_ref v[8];
    for (unsigned i = 0; i < 8; i++)
        v[i] = x86_stack_load(l, in, t, (int64_t)i * in->opsize);
    for (unsigned i = 0; i < 8; i++)
        if (7 - i != X86_RSP)
            x86_set_gpr(l, 7 - i, v[i]);
    x86_stack_move_by(l, 8 * in->opsize);
}

void x86_lift_enter(struct x86_lift *l, const struct x86_insn *in)
{
    struct ir_unit *u = l->u;
    enum ir_type t = x86_int_type(in->opsize), st = l->mode64 ? IR_I64 : IR_I32;
    unsigned level = (unsigned)in->imm2 & 31, size = in->opsize;
    ir_ref sp = ir_get(u, st, X86_R0 + X86_RSP), bp = ir_get(u, st, X86_R0 + X86_RBP);
    ir_ref frame = ir_bin_imm(u, IR_SUB, sp, size);
    x86_store(l, x86_linear(l, in, x86_zext(l, IR_I64, frame), X86_SS), ir_get(u, t, X86_R0 + X86_RBP));
    for (unsigned i = 1; i < level; i++) {
        ir_ref from = x86_zext(l, IR_I64, ir_bin_imm(u, IR_SUB, bp, (uint64_t)i * size));
        ir_ref v = x86_load(l, t, x86_linear(l, in, from, X86_SS));
        ir_ref to = x86_zext(l, IR_I64, ir_bin_imm(u, IR_SUB, frame, (uint64_t)i * size));
        x86_store(l, x86_linear(l, in, to, X86_SS), v);
    }
    if (level) {
        ir_ref to = x86_zext(l, IR_I64, ir_bin_imm(u, IR_SUB, frame, (uint64_t)level * size));
        x86_store(l, x86_linear(l, in, to, X86_SS), x86_trunc(l, t, frame));
    }
    ir_ref bottom = ir_bin_imm(u, IR_SUB, sp, (uint64_t)size * (level + 1) + ((uint64_t)in->imm & 0xffff));
    /* What is allocated must be writable. */
    ir_ref probe = x86_zext(l, IR_I64, bottom);
    struct x86_address a = x86_linear(l, in, probe, X86_SS);
    x86_store(l, a, x86_load(l, t, a));
    x86_set_gpr(l, X86_RBP, x86_trunc(l, t, frame));
    ir_set(u, X86_R0 + X86_RSP, x86_zext(l, IR_I64, bottom));
}

void x86_lift_leave(struct x86_lift *l, const struct x86_insn *in)
{
    struct ir_unit *u = l->u;
    enum ir_type st = l->mode64 ? IR_I64 : IR_I32;
    ir_ref bp = ir_get(u, st, X86_R0 + X86_RBP);
    ir_ref v = x86_load(l, x86_int_type(in->opsize), x86_linear(l, in, x86_zext(l, IR_I64, bp), X86_SS));
    ir_set(u, X86_R0 + X86_RSP, x86_zext(l, IR_I64, ir_bin_imm(u, IR_ADD, bp, in->opsize)));
    x86_set_gpr(l, X86_RBP, v);
}

/* ---- flags ------------------------------------------------------------------------------------------------ */

/* EFLAGS as PUSHF has it, as i32; TF and the like from their slot. */
static ir_ref eflags_value(struct x86_lift *l)
{
    struct ir_unit *u = l->u;
    ir_ref bits = ir_emit(u, (struct ir_inst){.op = IR_FLAGS_BITS, .type = IR_I32, .a = x86_flags(l)});
    ir_ref low = ir_bin_imm(u, IR_AND, ir_bin_imm(u, IR_SHR, bits, 8), 0xd5);
    ir_ref o = ir_bin_imm(u, IR_SHL, ir_bin_imm(u, IR_AND, bits, 1), 11);
    ir_ref df = ir_bin_imm(u, IR_AND, ir_get(u, IR_I32, X86_DF), X86_EFLAGS_DF); /* -1 or 1 */
    ir_ref v = ir_bin(u, IR_OR, ir_bin(u, IR_OR, low, o), ir_bin(u, IR_OR, df, ir_get(u, IR_I32, X86_EFLAGS)));
    return ir_bin_imm(u, IR_OR, v, X86_EFLAGS_IF | 2);
}

/* The flags slot's bits from EFLAGS in an i32. */
static ir_ref flags_from(struct x86_lift *l, ir_ref v)
{
    struct ir_unit *u = l->u;
    ir_ref low = ir_bin_imm(u, IR_SHL, ir_bin_imm(u, IR_AND, v, 0xd5), 8);
    ir_ref o = ir_field(u, IR_BFX, v, IR_NONE, 11, 1);
    return ir_flags(u, IR_FLAGS_PACK, ir_bin(u, IR_OR, low, o), IR_NONE, IR_NONE);
}

void x86_lift_pushf(struct x86_lift *l, const struct x86_insn *in)
{
    ir_ref v = eflags_value(l);
    x86_push(l, in, in->opsize == 2 ? x86_trunc(l, IR_I16, v) : x86_zext(l, x86_int_type(in->opsize), v));
}

/* EFLAGS from a value of operand size that was on the stack; where a program may not change them they stay. Whether TF has
 * changed. */
static ir_ref set_eflags(struct x86_lift *l, const struct x86_insn *in, ir_ref loaded)
{
    struct ir_unit *u = l->u;
    ir_ref v = in->opsize == 2 ? x86_zext(l, IR_I32, loaded) : in->opsize == 4 ? loaded : x86_trunc(l, IR_I32, loaded);
    uint32_t changes = in->opsize == 2 ? X86_EFLAGS_TF | X86_EFLAGS_NT : X86_EFLAGS_OTHERS;
    ir_ref others = ir_bin_imm(u, IR_AND, v, changes), old = ir_get(u, IR_I32, X86_EFLAGS);
    others = ir_bin(u, IR_OR, others, ir_bin_imm(u, IR_AND, old, ~changes));
    ir_ref stepping = ir_bin_imm(u, IR_AND, ir_bin(u, IR_XOR, others, old), X86_EFLAGS_TF);
    ir_set(u, X86_EFLAGS, others);
    ir_ref d = ir_bin_imm(u, IR_SHL, x86_zext(l, IR_I64, ir_field(u, IR_BFX, v, IR_NONE, 10, 1)), 1);
    ir_set(u, X86_DF, ir_bin(u, IR_SUB, ir_const(u, IR_I64, 1), d));
    x86_set_flags(l, flags_from(l, v));
    return ir_cmp(u, IR_CC_NE, stepping, ir_const(u, IR_I32, 0));
}

void x86_lift_popf(struct x86_lift *l, const struct x86_insn *in)
{
    ir_ref loaded = x86_stack_load(l, in, x86_int_type(in->opsize), 0);
    x86_stack_move_by(l, in->opsize);
    x86_mode_changed_if(l, set_eflags(l, in, loaded));
}

void x86_lift_sahf(struct x86_lift *l, const struct x86_insn *in)
{
    ir_ref ah = ir_field(l->u, IR_BFX, ir_get(l->u, IR_I64, X86_R0 + X86_RAX), IR_NONE, 8, 8);
    x86_set_flags_masked(l, flags_from(l, x86_trunc(l, IR_I32, ah)), IR_FLAG_ALL & ~IR_FLAG_O);
}

void x86_lift_lahf(struct x86_lift *l, const struct x86_insn *in)
{
    struct ir_unit *u = l->u;
    ir_ref v = ir_bin_imm(u, IR_AND, eflags_value(l), 0xd7);
    ir_ref rax = ir_get(u, IR_I64, X86_R0 + X86_RAX);
    ir_set(u, X86_R0 + X86_RAX, ir_field(u, IR_BFI, rax, x86_zext(l, IR_I64, v), 8, 8));
}

void x86_lift_flag(struct x86_lift *l, const struct x86_insn *in)
{
    struct ir_unit *u = l->u;
    enum x86_flag op = (enum x86_flag)in->row->arg;
    switch (op) {
    case X86_CMC: x86_set_flags(l, ir_flags(u, IR_FLAGS_CMC, x86_flags(l), IR_NONE, IR_NONE)); break;
    case X86_CLC:
    case X86_STC: {
        ir_ref c = ir_const(u, IR_I32, op == X86_STC ? IR_FLAG_C : 0);
        x86_set_flags_masked(l, ir_flags(u, IR_FLAGS_PACK, c, IR_NONE, IR_NONE), IR_FLAG_C);
        break;
    }
    default: ir_set(u, X86_DF, ir_const(u, IR_I64, op == X86_STD ? ~0ull : 1));
    }
}

void x86_lift_salc(struct x86_lift *l, const struct x86_insn *in)
{
    x86_set_gpr(l, X86_RAX, ir_conv(l->u, IR_SEXT, IR_I8, x86_cond(l, IR_CC_B)));
}

void x86_lift_bcd(struct x86_lift *l, const struct x86_insn *in)
{
    unsigned op = in->row->arg, by = (unsigned)in->imm & 0xff;
    if (op == 4 && by == 0) { /* AAM divides */
        x86_trap(l, X86_VECTOR_DE, l->pc);
        return;
    }
    ir_helper(l->u, X86_HELPER_BCD, IR_NONE, op << 8 | by);
}

/* ---- ends --------------------------------------------------------------------------------------------------- */

void x86_lift_syscall(struct x86_lift *l, const struct x86_insn *in)
{
    if (in->row->arg == 0 && l->mode64) {
        x86_set_gpr(l, X86_RCX, ir_const_pc(l->u, l->next));
        x86_set_gpr(l, 11, x86_zext(l, IR_I64, eflags_value(l)));
    }
    ir_exit(l->u, IR_EXIT_SYSCALL, l->next, ir_const(l->u, IR_I64, in->row->arg));
    l->ended = true;
}

void x86_lift_interrupt(struct x86_lift *l, const struct x86_insn *in)
{
    switch ((enum x86_int)in->row->arg) {
    case X86_INT_3: x86_trap(l, X86_VECTOR_BP, l->next); break;
    case X86_INT_1: x86_trap(l, X86_VECTOR_DB, l->next); break;
    case X86_INT_O: {
        unsigned on = ir_label_new(l->u);
        ir_br_if(l->u, x86_cond(l, IR_CC_NO), on);
        x86_trap(l, X86_VECTOR_OF, l->next);
        x86_label(l, on);
        l->ended = false;
        break;
    }
    default:
        switch (in->imm & 0xff) {
        case 3: x86_trap(l, X86_VECTOR_BP, l->next); break;
        case 4: x86_trap(l, X86_VECTOR_OF, l->next); break;
        case 0x80:
            ir_exit(l->u, IR_EXIT_SYSCALL, l->next, ir_const(l->u, IR_I64, 1));
            l->ended = true;
            break;
        default: x86_trap(l, X86_EXCEPTION(X86_VECTOR_GP, 8 * (in->imm & 0xff) + 2), l->pc); /* the gate is not for programs */
        }
    }
}

void x86_lift_priv(struct x86_lift *l, const struct x86_insn *in)
{
    x86_trap(l, X86_VECTOR_GP, l->pc);
}

/* Undefined but in the vdso, where UD1 is a call of a helper (x86_set_vdso_range). */
void x86_lift_ud2(struct x86_lift *l, const struct x86_insn *in)
{
    if (in->row->arg == 1 && in->modrm >= 0xc0 && x86_in_vdso(l->pc)) {
        ir_helper(l->u, X86_HELPER_CLOCK, IR_NONE, in->modrm & 7);
        return;
    }
    x86_undefined(l);
}

void x86_lift_nop(struct x86_lift *l, const struct x86_insn *in)
{
}

/* The row's argument: IR_PREFETCH_*. */
void x86_lift_prefetch(struct x86_lift *l, const struct x86_insn *in)
{
    struct x86_address a = x86_address(l, in);
    if (a.wraps)
        a = (struct x86_address){.base = x86_address_value(l, a)};
    ir_prefetch(l->u, a.base, a.index, a.disp, in->row->arg | a.scale);
}

void x86_lift_clflush(struct x86_lift *l, const struct x86_insn *in)
{
    x86_load(l, IR_I8, x86_address(l, in)); /* faults as a load */
}

void x86_lift_pause(struct x86_lift *l, const struct x86_insn *in)
{
    ir_exit(l->u, IR_EXIT_YIELD, l->next, IR_NONE);
    l->ended = true;
}

void x86_lift_fence(struct x86_lift *l, const struct x86_insn *in)
{
    ir_emit(l->u, (struct ir_inst){.op = IR_FENCE, .attr = (uint8_t)in->row->arg});
}

void x86_lift_bound(struct x86_lift *l, const struct x86_insn *in)
{
    struct ir_unit *u = l->u;
    enum ir_type t = x86_int_type(in->opsize);
    struct x86_address a = x86_address(l, in);
    ir_ref v = x86_read(l, in, 0), low = x86_load(l, t, a), high = x86_load(l, t, x86_plus(a, in->opsize));
    x86_trap_if(l, ir_cmp(u, IR_CC_L, v, low), X86_VECTOR_BR);
    x86_trap_if(l, ir_cmp(u, IR_CC_G, v, high), X86_VECTOR_BR);
}

void x86_lift_arpl(struct x86_lift *l, const struct x86_insn *in)
{
    struct ir_unit *u = l->u;
    ir_ref d = x86_read(l, in, 0), s = x86_read(l, in, 1);
    ir_ref dr = ir_bin_imm(u, IR_AND, d, 3), sr = ir_bin_imm(u, IR_AND, s, 3);
    /* Only what changes is written. */
    unsigned same = ir_label_new(u), z = ir_local_new(u, IR_I32);
    ir_ref less = ir_cmp(u, IR_CC_B, dr, sr);
    ir_lset(u, z, x86_flag_bit(l, less, IR_FLAG_Z));
    ir_br_if(u, ir_cmp(u, IR_CC_AE, dr, sr), same);
    x86_write(l, in, 0, ir_bin(u, IR_OR, ir_bin_imm(u, IR_AND, d, 0xfffc), sr));
    x86_label(l, same);
    x86_set_flags_masked(l, ir_flags(u, IR_FLAGS_PACK, ir_lget(u, z), IR_NONE, IR_NONE), IR_FLAG_Z);
}

void x86_lift_cpuid(struct x86_lift *l, const struct x86_insn *in)
{
    ir_helper(l->u, X86_HELPER_CPUID, IR_NONE, l->mode64);
}

void x86_lift_xgetbv(struct x86_lift *l, const struct x86_insn *in)
{
    ir_helper(l->u, X86_HELPER_XGETBV, IR_NONE, 0);
    x86_trap_if_status(l, X86_VECTOR_GP);
}

void x86_lift_rdtsc(struct x86_lift *l, const struct x86_insn *in)
{
    ir_helper(l->u, X86_HELPER_RDTSC, IR_NONE, in->row->arg);
}

void x86_lift_rdrand(struct x86_lift *l, const struct x86_insn *in)
{
    ir_helper(l->u, X86_HELPER_RDRAND, IR_NONE, (uint64_t)in->op[0].reg | (uint64_t)in->op[0].size << 8);
    x86_set_flags(l, ir_flags(l->u, IR_FLAGS_PACK, ir_const(l->u, IR_I32, IR_FLAG_C), IR_NONE, IR_NONE));
}

void x86_lift_rdpid(struct x86_lift *l, const struct x86_insn *in)
{
    x86_write(l, in, 0, ir_const(l->u, x86_int_type(in->op[0].size), 0));
}

void x86_lift_fsgsbase(struct x86_lift *l, const struct x86_insn *in)
{
    unsigned slot = X86_BASE0 + (in->row->arg & 1 ? X86_GS : X86_FS);
    if (in->row->arg < 2) {
        x86_write(l, in, 0, ir_get(l->u, x86_int_type(in->op[0].size), slot));
        return;
    }
    ir_ref v = x86_zext(l, IR_I64, x86_read(l, in, 0));
    ir_ref canonical = ir_field(l->u, IR_BFXS, v, IR_NONE, 0, 48);
    x86_trap_if(l, ir_cmp(l->u, IR_CC_NE, v, canonical), X86_VECTOR_GP);
    ir_set(l->u, slot, v);
}

/* ---- far transfers ------------------------------------------------------------------------------------------- */

/* Where a far transfer goes: locals, since checks and pushes come between. */
struct far {
    unsigned target, selector;
};

static struct far far_to(struct x86_lift *l, ir_ref target, ir_ref selector)
{
    struct ir_unit *u = l->u;
    struct far f = {ir_local_new(u, IR_I64), ir_local_new(u, IR_I64)};
    ir_lset(u, f.target, x86_zext(l, IR_I64, target));
    ir_lset(u, f.selector, x86_zext(l, IR_I64, selector));
    unsigned good = ir_label_new(u);
    ir_ref now = x86_zext(l, IR_I64, ir_get(u, IR_I32, X86_SELECTOR0 + X86_CS));
    ir_br_if(u, ir_cmp(u, IR_CC_E, ir_lget(u, f.selector), now), good);
    ir_helper(u, X86_HELPER_CHECK_CS, ir_lget(u, f.selector), 0);
    x86_trap_if_status(l, X86_VECTOR_SAID);
    x86_label(l, good);
    return f;
}

/* After all that may fault.  CS is another, or what else belongs to the key. */
static void far_change(struct x86_lift *l, const struct far *f)
{
    ir_helper(l->u, X86_HELPER_LOAD_CS, ir_lget(l->u, f->selector), 0);
    ir_exit(l->u, IR_EXIT_MODE_TO, l->next, ir_lget(l->u, f->target));
    l->ended = true;
}

static void far_go(struct x86_lift *l, const struct far *f)
{
    struct ir_unit *u = l->u;
    unsigned other = ir_label_new(u);
    ir_ref now = x86_zext(l, IR_I64, ir_get(u, IR_I32, X86_SELECTOR0 + X86_CS));
    ir_br_if(u, ir_cmp(u, IR_CC_NE, ir_lget(u, f->selector), now), other);
    ir_jump_to(u, IR_JUMP_IND, ir_lget(u, f->target));
    x86_label(l, other);
    far_change(l, f);
}

/* The selector is read before the offset, in the operand's size. */
static struct far far_from_stack(struct x86_lift *l, const struct x86_insn *in)
{
    enum ir_type t = x86_int_type(in->opsize);
    ir_ref selector = x86_trunc(l, IR_I16, x86_stack_load(l, in, t, in->opsize));
    return far_to(l, x86_stack_load(l, in, t, 0), selector);
}

/* IRET to the same privilege: EFLAGS from the stack; in 64-bit mode RSP and SS too. */
static void interrupt_return(struct x86_lift *l, const struct x86_insn *in)
{
    struct ir_unit *u = l->u;
    unsigned size = in->opsize, stepping = ir_label_new(u);
    enum ir_type t = x86_int_type(size);
    x86_stack_load(l, in, t, 2 * size); /* is read, and faults, first */
    struct far f = far_from_stack(l, in);
    ir_ref flags = x86_stack_load(l, in, t, 2 * size);
    if (l->mode64) {
        ir_ref sp = x86_stack_load(l, in, t, 3 * size), ss = x86_stack_load(l, in, t, 4 * size);
        load_segment(l, X86_SS, size == 2 ? ss : x86_trunc(l, IR_I16, ss));
        ir_set(u, X86_R0 + X86_RSP, size == 8 ? sp : x86_zext(l, IR_I64, sp));
    } else {
        x86_stack_move_by(l, 3 * size);
    }
    ir_br_if(u, set_eflags(l, in, flags), stepping);
    far_go(l, &f);
    x86_label(l, stepping);
    far_change(l, &f);
}

static ir_ref cs_value(struct x86_lift *l, enum ir_type t)
{
    ir_ref cs = ir_get(l->u, IR_I32, X86_SELECTOR0 + X86_CS);
    return t == IR_I16 ? x86_trunc(l, t, cs) : x86_zext(l, t, cs);
}

/* Both are pushed before RSP moves. */
static void push_far(struct x86_lift *l, const struct x86_insn *in)
{
    struct ir_unit *u = l->u;
    unsigned size = in->opsize;
    ir_ref sp = ir_get(u, l->mode64 ? IR_I64 : IR_I32, X86_R0 + X86_RSP);
    ir_ref first = x86_zext(l, IR_I64, ir_bin_imm(u, IR_SUB, sp, size));
    ir_ref second = x86_zext(l, IR_I64, ir_bin_imm(u, IR_SUB, sp, 2ull * size));
    x86_store(l, x86_linear(l, in, first, X86_SS), cs_value(l, x86_int_type(size)));
    x86_store(l, x86_linear(l, in, second, X86_SS), return_address(l, in));
    x86_stack_move_by(l, -2 * (int)size);
}

void x86_lift_far(struct x86_lift *l, const struct x86_insn *in)
{
    struct ir_unit *u = l->u;
    enum x86_far op = (enum x86_far)in->row->arg;
    struct far f;
    if (op == X86_FAR_IRET) {
        interrupt_return(l, in);
    } else if (op == X86_FAR_RET) {
        unsigned more = in->op[0].kind == X86_OPERAND_IMM ? (unsigned)in->imm & 0xffff : 0;
        f = far_from_stack(l, in);
        x86_stack_move_by(l, 2 * in->opsize + more);
        far_go(l, &f);
    } else {
        enum ir_type t = x86_int_type(in->opsize);
        ir_ref target, selector;
        if (in->op[0].kind == X86_OPERAND_FAR) {
            target = ir_const(u, t, (uint64_t)in->imm);
            selector = ir_const(u, IR_I16, (uint64_t)in->imm2);
        } else {
            struct x86_address a = x86_address(l, in);
            target = x86_load(l, t, a);
            selector = x86_load(l, IR_I16, x86_plus(a, in->opsize));
        }
        f = far_to(l, target, ir_bin_imm(u, IR_OR, selector, 3)); /* a more privileged selector does as well */
        if (op == X86_FAR_CALL)
            push_far(l, in);
        far_go(l, &f);
    }
}
