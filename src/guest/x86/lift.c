/* What all lifts share: registers, operands, addresses, the stack, flags, exceptions.
 *
 * Known limitations: in 32-bit code segment limits are not checked, and a 16-bit stack segment (SS.B clear) is not
 * known. Manual: SDM vol. 1, chapter 3. */
#include "guest/x86/lift.h"

ir_ref x86_gpr(struct x86_lift *l, unsigned n, unsigned size)
{
    return ir_get(l->u, x86_int_type(size), X86_R0 + n);
}

/* Replaces the field of a register at bit `pos`. */
static void insert_gpr(struct x86_lift *l, unsigned n, ir_ref v, unsigned pos)
{
    unsigned bits = x86_bits(l, v);
    ir_ref old = ir_get(l->u, IR_I64, X86_R0 + n);
    ir_set(l->u, X86_R0 + n, ir_field(l->u, IR_BFI, old, x86_zext(l, IR_I64, v), pos, bits));
}

void x86_set_gpr(struct x86_lift *l, unsigned n, ir_ref v)
{
    if (ir_type_of(l->u, v) >= IR_I32)
        ir_set(l->u, X86_R0 + n, x86_zext(l, IR_I64, v));
    else
        insert_gpr(l, n, v, 0);
}

ir_ref x86_read(struct x86_lift *l, const struct x86_insn *in, unsigned i)
{
    const struct x86_operand *op = &in->op[i];
    enum ir_type t = x86_int_type(op->size);
    switch (op->kind) {
    case X86_OPERAND_GPR:
        return x86_gpr(l, op->reg, op->size);
    case X86_OPERAND_HIGH:
        return x86_trunc(l, IR_I8, ir_field(l->u, IR_BFX, ir_get(l->u, IR_I64, X86_R0 + op->reg), IR_NONE, 8, 8));
    case X86_OPERAND_MEM:
        return x86_load(l, t, x86_address(l, in));
    case X86_OPERAND_IMM:
        return ir_const(l->u, t, (uint64_t)(op->reg ? in->imm2 : in->imm));
    default:
        UNREACHABLE();
    }
}

void x86_write(struct x86_lift *l, const struct x86_insn *in, unsigned i, ir_ref v)
{
    const struct x86_operand *op = &in->op[i];
    if (op->kind == X86_OPERAND_GPR)
        x86_set_gpr(l, op->reg, v);
    else if (op->kind == X86_OPERAND_HIGH)
        insert_gpr(l, op->reg, v, 8);
    else
        x86_store(l, x86_address(l, in), v);
}

/* ---- flags ---------------------------------------------------------------------------------------- */

void x86_set_flags_masked(struct x86_lift *l, ir_ref f, uint32_t mask)
{
    ir_ref merged = ir_emit(l->u, (struct ir_inst){.op = IR_FLAGS_MERGE, .type = IR_FLAGS, .a = x86_flags(l), .b = f, .imm = mask});
    x86_set_flags(l, merged);
}

ir_ref x86_flag_bit(struct x86_lift *l, ir_ref cond, uint32_t bit)
{
    ir_ref v = ir_conv(l->u, IR_ZEXT, IR_I32, cond);
    return bit == 1 ? v : ir_bin_imm(l->u, IR_SHL, v, (unsigned)__builtin_ctz(bit));
}

ir_ref x86_flags_of(struct x86_lift *l, ir_ref result, ir_ref c, ir_ref o)
{
    ir_ref szp = ir_flags(l->u, IR_FLAGS_LOGIC, result, IR_NONE, IR_NONE);
    ir_ref bits = ir_bin(l->u, IR_OR, x86_flag_bit(l, c, IR_FLAG_C), x86_flag_bit(l, o, IR_FLAG_O));
    ir_ref co = ir_flags(l->u, IR_FLAGS_PACK, bits, IR_NONE, IR_NONE);
    return ir_emit(l->u, (struct ir_inst){.op = IR_FLAGS_MERGE, .type = IR_FLAGS, .a = szp, .b = co, .imm = IR_FLAG_C | IR_FLAG_O});
}

/* ---- addresses ------------------------------------------------------------------------------------- */

static ir_ref add(struct x86_lift *l, ir_ref a, ir_ref b)
{
    return a ? ir_bin(l->u, IR_ADD, a, b) : b;
}

/* Base, index and displacement summed in `t`, modulo 2^16 with 16-bit addresses; as i64. */
static ir_ref narrow_offset(struct x86_lift *l, const struct x86_insn *in, enum ir_type t)
{
    ir_ref sum = IR_NONE;
    if (in->base == X86_RIP)
        sum = x86_trunc(l, t, ir_const_pc(l->u, l->next));
    else if (in->base != X86_NO_REG)
        sum = ir_get(l->u, t, X86_R0 + in->base);
    if (sum && in->base == X86_RSP && l->rsp_bias)
        sum = ir_bin_imm(l->u, IR_ADD, sum, (uint64_t)l->rsp_bias);
    if (in->index != X86_NO_REG) {
        ir_ref index = ir_get(l->u, t, X86_R0 + in->index);
        sum = add(l, sum, in->scale ? ir_bin_imm(l->u, IR_SHL, index, in->scale) : index);
    }
    if (in->disp || !sum)
        sum = add(l, sum, ir_const(l->u, t, (uint64_t)in->disp));
    return x86_zext(l, IR_I64, sum);
}

ir_ref x86_offset(struct x86_lift *l, const struct x86_insn *in)
{
    if (in->addrsize == 8 && in->base == X86_RIP)
        return ir_const_pc(l->u, l->next + (uint64_t)in->disp);
    return narrow_offset(l, in, x86_int_type(in->addrsize));
}

static unsigned default_segment(const struct x86_insn *in)
{
    if (in->segment != X86_NO_SEGMENT)
        return in->segment;
    return in->base == X86_RSP || in->base == X86_RBP ? X86_SS : X86_DS;
}

/* Does the segment have a base? In 64-bit mode only FS and GS can; in 32-bit mode the key says of the others. */
static bool has_base(const struct x86_lift *l, unsigned segment)
{
    return segment >= X86_FS || (!l->mode64 && (l->rq->mode & X86_MODE_SEGMENTS));
}

struct x86_address x86_linear(struct x86_lift *l, const struct x86_insn *in, ir_ref offset, unsigned segment)
{
    if (!has_base(l, segment))
        return (struct x86_address){.base = offset};
    ir_ref base = ir_get(l->u, IR_I64, X86_BASE0 + segment);
    ir_ref sum = ir_bin(l->u, IR_ADD, base, offset);
    if (!l->mode64)
        sum = x86_zext(l, IR_I64, x86_trunc(l, IR_I32, sum));
    return (struct x86_address){.base = sum};
}

/* 64-bit addresses, and 32-bit ones of which all parts lie below 4 GiB. */
static struct x86_address wide_address(struct x86_lift *l, const struct x86_insn *in)
{
    struct x86_address a = {.disp = in->disp, .scale = in->scale, .wraps = in->addrsize == 4};
    if (in->base != X86_NO_REG)
        a.base = ir_get(l->u, IR_I64, X86_R0 + in->base);
    if (in->base == X86_RSP)
        a.disp += l->rsp_bias;
    if (in->index != X86_NO_REG)
        a.index = ir_get(l->u, IR_I64, X86_R0 + in->index);
    unsigned segment = default_segment(in);
    if (has_base(l, segment)) {
        ir_ref base = ir_get(l->u, IR_I64, X86_BASE0 + segment);
        if (!a.base) {
            a.base = base;
        } else if (!a.index) {
            a.index = base;
            a.scale = 0;
        } else {
            a.base = ir_bin(l->u, IR_ADD, a.base, base);
        }
    } else if (!a.base) {
        a.base = ir_const(l->u, IR_I64, a.wraps ? (uint32_t)a.disp : (uint64_t)a.disp);
        a.disp = 0;
    } else if (!a.index && !a.disp && !l->mode64) {
        a.wraps = false; /* it is as it stands in the register */
    }
    if (!a.index)
        a.scale = 0;
    return a;
}

static bool is_wide(const struct x86_lift *l, const struct x86_insn *in)
{
    return in->base != X86_RIP && (in->addrsize == 8 || (in->addrsize == 4 && !(l->mode64 && has_base(l, default_segment(in)))));
}

struct x86_address x86_address(struct x86_lift *l, const struct x86_insn *in)
{
    struct x86_address a;
    if (l->has_address)
        return l->address;
    if (is_wide(l, in))
        a = wide_address(l, in);
    else
        a = x86_linear(l, in, x86_offset(l, in), default_segment(in));
    l->has_address = true;
    l->address = a;
    return a;
}

ir_ref x86_address_value(struct x86_lift *l, struct x86_address a)
{
    ir_ref v = a.base;
    if (a.index)
        v = ir_bin(l->u, IR_ADD, v, a.scale ? ir_bin_imm(l->u, IR_SHL, a.index, a.scale) : a.index);
    if (a.disp)
        v = ir_bin_imm(l->u, IR_ADD, v, (uint64_t)a.disp);
    return a.wraps ? x86_zext(l, IR_I64, x86_trunc(l, IR_I32, v)) : v;
}

struct x86_address x86_plus_in_line(struct x86_lift *l, struct x86_address a, int64_t disp)
{
    if (a.wraps && l->mode64 && disp)
        a = (struct x86_address){.base = x86_address_value(l, a)};
    return x86_plus(a, disp);
}

ir_ref x86_load_as(struct x86_lift *l, enum ir_type t, enum ir_type mem, struct x86_address a, unsigned attr)
{
    return ir_load(l->u, IR_LOAD, t, mem, a.base, a.index, a.disp, attr | x86_address_attr(a) | IR_MEM_ACQUIRE);
}

void x86_store_as(struct x86_lift *l, enum ir_type mem, struct x86_address a, ir_ref v, unsigned attr)
{
    ir_store(l->u, mem, a.base, a.index, a.disp, v, attr | x86_address_attr(a) | IR_MEM_RELEASE);
}

void x86_label(struct x86_lift *l, unsigned label)
{
    ir_label(l->u, label);
    l->has_address = false;
    l->x87_in_slots = false;
}

/* ---- the stack --------------------------------------------------------------------------------------- */

static struct x86_address stack_address(struct x86_lift *l, const struct x86_insn *in, int64_t disp)
{
    if (l->mode64 || !has_base(l, X86_SS))
        return (struct x86_address){.base = ir_get(l->u, IR_I64, X86_R0 + X86_RSP), .disp = disp, .wraps = !l->mode64 && disp};
    ir_ref sp = ir_get(l->u, IR_I32, X86_R0 + X86_RSP);
    if (disp)
        sp = ir_bin_imm(l->u, IR_ADD, sp, (uint64_t)disp);
    return x86_linear(l, in, x86_zext(l, IR_I64, sp), X86_SS);
}

void x86_stack_move(struct x86_lift *l, ir_ref by)
{
    enum ir_type t = l->mode64 ? IR_I64 : IR_I32;
    ir_ref sp = ir_bin(l->u, IR_ADD, ir_get(l->u, t, X86_R0 + X86_RSP), x86_trunc(l, t, by));
    ir_set(l->u, X86_R0 + X86_RSP, x86_zext(l, IR_I64, sp));
}

void x86_push(struct x86_lift *l, const struct x86_insn *in, ir_ref v)
{
    int size = (int)ir_type_size(ir_type_of(l->u, v));
    x86_store(l, stack_address(l, in, -size), v);
    x86_stack_move_by(l, -size);
}

ir_ref x86_stack_load(struct x86_lift *l, const struct x86_insn *in, enum ir_type t, int64_t disp)
{
    return x86_load(l, t, stack_address(l, in, disp));
}

/* ---- exceptions and ends ------------------------------------------------------------------------------ */

void x86_trap_if(struct x86_lift *l, ir_ref cond, enum x86_vector vector)
{
    struct x86_trap *t = &l->traps[l->trap_count++];
    *t = (struct x86_trap){.label = ir_label_new(l->u), .pc = l->pc, .vector = (uint16_t)vector};
    ir_br_if(l->u, cond, t->label);
}

void x86_trap_if_status(struct x86_lift *l, enum x86_vector vector)
{
    ir_ref status = ir_get(l->u, IR_I32, X86_STATUS);
    x86_trap_if(l, ir_cmp(l->u, IR_CC_NE, status, ir_const(l->u, IR_I32, 0)), vector);
}

void x86_mode_changed_if(struct x86_lift *l, ir_ref cond)
{
    struct x86_trap *t = &l->traps[l->trap_count++];
    *t = (struct x86_trap){.label = ir_label_new(l->u), .pc = l->next, .mode = true};
    ir_br_if(l->u, cond, t->label);
}

void x86_trap_if_pending(struct x86_lift *l)
{
    ir_ref es = ir_bin_imm(l->u, IR_AND, ir_get(l->u, IR_I32, X86_FSW), 0x80);
    x86_trap_if(l, ir_cmp(l->u, IR_CC_NE, es, ir_const(l->u, IR_I32, 0)), X86_VECTOR_MF);
}

void x86_trap(struct x86_lift *l, enum x86_vector vector, uint64_t pc)
{
    ir_exit(l->u, IR_EXIT_TRAP, pc, ir_const(l->u, IR_I64, vector));
    l->ended = true;
}

void x86_undefined(struct x86_lift *l)
{
    ir_exit(l->u, IR_EXIT_UNDEFINED, l->pc, ir_const(l->u, IR_I64, 0));
    l->ended = true;
}

void x86_mode_changed(struct x86_lift *l)
{
    ir_exit(l->u, IR_EXIT_MODE, l->next, IR_NONE);
    l->ended = true;
}

uint64_t x86_target(const struct x86_lift *l, const struct x86_insn *in)
{
    uint64_t target = l->next + (uint64_t)in->imm;
    if (in->opsize == 2)
        return target & 0xffff;
    return l->mode64 ? target : target & 0xffffffff;
}

void x86_jump(struct x86_lift *l, const struct x86_insn *in, uint64_t target)
{
    ir_jump(l->u, target);
    l->ended = true;
}

void x86_mmx_begin(struct x86_lift *l)
{
    if (l->x87_in_slots)
        return;
    if (l->rq->x87)
        ir_emit(l->u, (struct ir_inst){.op = IR_X87_SYNC});
    l->x87_in_slots = true;
    x86_trap_if_pending(l);
}

void x86_mmx_used(struct x86_lift *l)
{
    ir_set(l->u, X86_TAGS, ir_const(l->u, IR_I32, 0xff));
    ir_set(l->u, X86_TOP, ir_const(l->u, IR_I32, 0));
}
