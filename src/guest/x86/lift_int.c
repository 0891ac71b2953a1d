/* Integer arithmetic, logic and moves between general registers and memory.
 *
 * Flags that the manual leaves undefined: multiplications leave S Z P of the low half, A clear.
 * Manual: SDM vol. 2, by the instruction's name. */
#include "guest/x86/lift.h"

static ir_ref zero(struct x86_lift *l, ir_ref like)
{
    return ir_const(l->u, ir_type_of(l->u, like), 0);
}

/* Old value in memory, replaced atomically by `op` of it and v. */
static ir_ref locked(struct x86_lift *l, const struct x86_insn *in, enum ir_rmw op, ir_ref v)
{
    ir_ref address = x86_address_value(l, x86_address(l, in));
    return ir_emit(l->u, (struct ir_inst){.op = IR_ATOMIC_RMW, .type = (uint8_t)ir_type_of(l->u, v), .attr = (uint8_t)op,
                                          .a = address, .b = v});
}

/* The old value a, put in place by an atomic operation. */
static ir_ref alu_locked(struct x86_lift *l, const struct x86_insn *in, enum x86_alu op, ir_ref b)
{
    switch (op) {
    case X86_ADD: return locked(l, in, IR_RMW_ADD, b);
    case X86_SUB: return locked(l, in, IR_RMW_ADD, ir_un(l->u, IR_NEG, b));
    case X86_AND: return locked(l, in, IR_RMW_AND, b);
    case X86_OR: return locked(l, in, IR_RMW_OR, b);
    case X86_XOR: return locked(l, in, IR_RMW_XOR, b);
    default: {
        ir_ref by = ir_tern(l->u, IR_ADC, b, zero(l, b), x86_flags(l));
        return locked(l, in, IR_RMW_ADD, op == X86_ADC ? by : ir_un(l->u, IR_NEG, by));
    }
    }
}

void x86_lift_alu(struct x86_lift *l, const struct x86_insn *in)
{
    enum x86_alu op = (enum x86_alu)in->row->arg;
    struct ir_unit *u = l->u;
    ir_ref a, b, r = IR_NONE, f;
    if (in->lock) {
        b = x86_read(l, in, 1);
        a = alu_locked(l, in, op, b);
    } else {
        a = x86_read(l, in, 0);
        b = x86_read(l, in, 1);
    }
    switch (op) {
    case X86_ADD:
        r = ir_bin(u, IR_ADD, a, b);
        f = ir_flags(u, IR_FLAGS_ADD, a, b, IR_NONE);
        break;
    case X86_SUB:
        r = ir_bin(u, IR_SUB, a, b);
        f = ir_flags(u, IR_FLAGS_SUB, a, b, IR_NONE);
        break;
    case X86_CMP: f = ir_flags(u, IR_FLAGS_SUB, a, b, IR_NONE); break;
    case X86_ADC:
    case X86_SBB: {
        ir_ref old = x86_flags(l);
        r = ir_tern(u, op == X86_ADC ? IR_ADC : IR_SBC, a, b, old);
        f = ir_flags(u, op == X86_ADC ? IR_FLAGS_ADC : IR_FLAGS_SBC, a, b, old);
        break;
    }
    default:
        r = ir_bin(u, op == X86_OR ? IR_OR : op == X86_XOR ? IR_XOR : IR_AND, a, b);
        f = ir_flags(u, IR_FLAGS_LOGIC, r, IR_NONE, IR_NONE);
    }
    if (op != X86_CMP && op != X86_TEST && !in->lock)
        x86_write(l, in, 0, r);
    x86_set_flags(l, f);
}

void x86_lift_incdec(struct x86_lift *l, const struct x86_insn *in)
{
    bool dec = in->row->arg;
    ir_ref one = ir_const(l->u, x86_int_type(in->op[0].size), 1);
    ir_ref a = in->lock ? locked(l, in, IR_RMW_ADD, dec ? ir_un(l->u, IR_NEG, one) : one) : x86_read(l, in, 0);
    if (!in->lock)
        x86_write(l, in, 0, ir_bin(l->u, dec ? IR_SUB : IR_ADD, a, one));
    x86_set_flags_masked(l, ir_flags(l->u, dec ? IR_FLAGS_SUB : IR_FLAGS_ADD, a, one, IR_NONE), IR_FLAG_ALL & ~IR_FLAG_C);
}

void x86_lift_not(struct x86_lift *l, const struct x86_insn *in)
{
    if (in->lock)
        locked(l, in, IR_RMW_XOR, ir_const(l->u, x86_int_type(in->op[0].size), ~0ull));
    else
        x86_write(l, in, 0, ir_un(l->u, IR_NOT, x86_read(l, in, 0)));
}

/* LOCK NEG: there is no such atomic operation, so compare and swap until it holds. */
static ir_ref neg_locked(struct x86_lift *l, const struct x86_insn *in)
{
    struct ir_unit *u = l->u;
    enum ir_type t = x86_int_type(in->op[0].size);
    unsigned again = ir_label_new(u), was = ir_local_new(u, t);
    x86_label(l, again);
    ir_ref address = x86_address_value(l, x86_address(l, in));
    ir_ref a = ir_load(u, IR_LOAD, t, t, address, IR_NONE, 0, IR_MEM_ACQUIRE);
    ir_ref old = ir_emit(u, (struct ir_inst){.op = IR_ATOMIC_CAS, .type = (uint8_t)t, .a = address, .b = a, .c = ir_un(u, IR_NEG, a)});
    ir_lset(u, was, a);
    ir_br_if(u, ir_cmp(u, IR_CC_NE, old, a), again);
    return ir_lget(u, was);
}

void x86_lift_neg(struct x86_lift *l, const struct x86_insn *in)
{
    ir_ref a = in->lock ? neg_locked(l, in) : x86_read(l, in, 0);
    if (!in->lock)
        x86_write(l, in, 0, ir_un(l->u, IR_NEG, a));
    x86_set_flags(l, ir_flags(l->u, IR_FLAGS_SUB, zero(l, a), a, IR_NONE));
}

/* ---- multiplication and division -------------------------------------------------------------------- */

struct product {
    ir_ref low, high, overflow; /* high and low of the operands' type; overflow i1 */
};

static struct product multiply(struct x86_lift *l, ir_ref a, ir_ref b, bool is_signed)
{
    struct ir_unit *u = l->u;
    enum ir_type t = ir_type_of(u, a);
    unsigned bits = x86_bits(l, a);
    struct product p;
    if (t == IR_I64) {
        p.low = ir_bin(u, IR_MUL, a, b);
        p.high = ir_bin(u, is_signed ? IR_MULHS : IR_MULHU, a, b);
    } else {
        enum ir_type wide = t == IR_I32 ? IR_I64 : IR_I32;
        enum ir_op extend = is_signed ? IR_SEXT : IR_ZEXT;
        ir_ref full = ir_bin(u, IR_MUL, ir_conv(u, extend, wide, a), ir_conv(u, extend, wide, b));
        p.low = x86_trunc(l, t, full);
        p.high = x86_trunc(l, t, ir_bin_imm(u, IR_SHR, full, bits));
    }
    ir_ref expected = is_signed ? ir_bin_imm(u, IR_SAR, p.low, bits - 1) : zero(l, p.low);
    p.overflow = ir_cmp(u, IR_CC_NE, p.high, expected);
    return p;
}

void x86_lift_mul(struct x86_lift *l, const struct x86_insn *in)
{
    unsigned size = in->op[0].size;
    ir_ref b = x86_read(l, in, 0), a = x86_gpr(l, X86_RAX, size);
    struct product p = multiply(l, a, b, in->row->arg);
    if (size == 1) {
        ir_ref high = ir_bin_imm(l->u, IR_SHL, x86_zext(l, IR_I16, p.high), 8);
        x86_set_gpr(l, X86_RAX, ir_bin(l->u, IR_OR, high, x86_zext(l, IR_I16, p.low)));
    } else {
        x86_set_gpr(l, X86_RAX, p.low);
        x86_set_gpr(l, X86_RDX, p.high);
    }
    x86_set_flags(l, x86_flags_of(l, p.low, p.overflow, p.overflow));
}

static void imul(struct x86_lift *l, const struct x86_insn *in, ir_ref a, ir_ref b)
{
    struct product p = multiply(l, a, b, true);
    x86_set_gpr(l, in->op[0].reg, p.low);
    x86_set_flags(l, x86_flags_of(l, p.low, p.overflow, p.overflow));
}

void x86_lift_imul2(struct x86_lift *l, const struct x86_insn *in)
{
    ir_ref a = x86_read(l, in, 0);
    imul(l, in, a, x86_read(l, in, 1));
}

void x86_lift_imul3(struct x86_lift *l, const struct x86_insn *in)
{
    ir_ref a = x86_read(l, in, 1);
    imul(l, in, a, x86_read(l, in, 2));
}

/* 128 by 64 bits: a helper, unless the high half says nothing. */
static void divide128(struct x86_lift *l, ir_ref divisor, bool is_signed)
{
    struct ir_unit *u = l->u;
    ir_ref low = x86_gpr(l, X86_RAX, 8), high = x86_gpr(l, X86_RDX, 8);
    unsigned done = ir_label_new(u), hard = ir_label_new(u), by = ir_local_new(u, IR_I64);
    ir_lset(u, by, divisor);
    ir_br_if(u, ir_cmp(u, IR_CC_NE, high, is_signed ? ir_bin_imm(u, IR_SAR, low, 63) : ir_const(u, IR_I64, 0)), hard);
    x86_trap_if(l, ir_cmp(u, IR_CC_E, divisor, ir_const(u, IR_I64, 0)), X86_VECTOR_DE);
    if (is_signed) {
        ir_ref is_min = ir_cmp(u, IR_CC_E, low, ir_const(u, IR_I64, 1ull << 63));
        ir_ref is_minus = ir_cmp(u, IR_CC_E, divisor, ir_const(u, IR_I64, ~0ull));
        x86_trap_if(l, ir_bin(u, IR_AND, is_min, is_minus), X86_VECTOR_DE);
    }
    ir_ref q = ir_bin(u, is_signed ? IR_SDIV : IR_UDIV, low, divisor);
    x86_set_gpr(l, X86_RAX, q);
    x86_set_gpr(l, X86_RDX, ir_bin(u, IR_SUB, low, ir_bin(u, IR_MUL, q, divisor)));
    ir_br(u, done);
    x86_label(l, hard);
    ir_helper(u, is_signed ? X86_HELPER_IDIV128 : X86_HELPER_DIV128, ir_lget(u, by), 0);
    x86_trap_if_status(l, X86_VECTOR_DE);
    x86_label(l, done);
}

void x86_lift_div(struct x86_lift *l, const struct x86_insn *in)
{
    struct ir_unit *u = l->u;
    bool is_signed = in->row->arg;
    unsigned size = in->op[0].size, bits = 8 * size;
    ir_ref divisor = x86_read(l, in, 0);
    if (size == 8) {
        divide128(l, divisor, is_signed);
        return;
    }
    /* The dividend of up to 64 bits, and the quotient with all its bits, in i64. */
    ir_ref n;
    if (size == 1) {
        n = ir_conv(u, is_signed ? IR_SEXT : IR_ZEXT, IR_I64, x86_gpr(l, X86_RAX, 2));
    } else {
        ir_ref high = ir_bin_imm(u, IR_SHL, x86_zext(l, IR_I64, x86_gpr(l, X86_RDX, size)), bits);
        n = ir_bin(u, IR_OR, high, x86_zext(l, IR_I64, x86_gpr(l, X86_RAX, size)));
        if (size == 2 && is_signed)
            n = ir_field(u, IR_BFXS, n, IR_NONE, 0, 32);
    }
    ir_ref d = ir_conv(u, is_signed ? IR_SEXT : IR_ZEXT, IR_I64, divisor);
    ir_ref q = ir_bin(u, is_signed ? IR_SDIV : IR_UDIV, n, d), r = ir_bin(u, IR_SUB, n, ir_bin(u, IR_MUL, q, d));
    ir_ref fits = ir_field(u, is_signed ? IR_BFXS : IR_BFX, q, IR_NONE, 0, bits);
    x86_trap_if(l, ir_cmp(u, IR_CC_E, d, ir_const(u, IR_I64, 0)), X86_VECTOR_DE);
    x86_trap_if(l, ir_cmp(u, IR_CC_NE, q, fits), X86_VECTOR_DE);
    if (size == 1) {
        ir_ref low = ir_field(u, IR_BFX, q, IR_NONE, 0, 8);
        ir_ref both = ir_field(u, IR_BFI, low, r, 8, 8);
        x86_set_gpr(l, X86_RAX, x86_trunc(l, IR_I16, both));
    } else {
        x86_set_gpr(l, X86_RAX, x86_trunc(l, x86_int_type(size), q));
        x86_set_gpr(l, X86_RDX, x86_trunc(l, x86_int_type(size), r));
    }
}

/* ---- moves --------------------------------------------------------------------------------------------- */

void x86_lift_mov(struct x86_lift *l, const struct x86_insn *in)
{
    x86_write(l, in, 0, x86_read(l, in, 1));
}

void x86_lift_movnti(struct x86_lift *l, const struct x86_insn *in)
{
    x86_lift_mov(l, in);
}

void x86_lift_movx(struct x86_lift *l, const struct x86_insn *in)
{
    ir_ref v = x86_read(l, in, 1);
    x86_write(l, in, 0, ir_conv(l->u, in->row->arg ? IR_SEXT : IR_ZEXT, x86_int_type(in->op[0].size), v));
}

void x86_lift_movsxd(struct x86_lift *l, const struct x86_insn *in)
{
    x86_write(l, in, 0, ir_conv(l->u, IR_SEXT, x86_int_type(in->op[0].size), x86_read(l, in, 1)));
}

void x86_lift_lea(struct x86_lift *l, const struct x86_insn *in)
{
    x86_write(l, in, 0, x86_trunc(l, x86_int_type(in->op[0].size), x86_offset(l, in)));
}

void x86_lift_xchg(struct x86_lift *l, const struct x86_insn *in)
{
    ir_ref b = x86_read(l, in, 1);
    if (in->op[0].kind == X86_OPERAND_MEM) { /* always locked */
        x86_write(l, in, 1, locked(l, in, IR_RMW_XCHG, b));
        return;
    }
    ir_ref a = x86_read(l, in, 0);
    x86_write(l, in, 0, b);
    x86_write(l, in, 1, a);
}

void x86_lift_xadd(struct x86_lift *l, const struct x86_insn *in)
{
    ir_ref b = x86_read(l, in, 1);
    ir_ref a = in->lock ? locked(l, in, IR_RMW_ADD, b) : x86_read(l, in, 0);
    ir_ref sum = ir_bin(l->u, IR_ADD, a, b);
    if (!in->lock && in->op[0].kind == X86_OPERAND_MEM)
        x86_write(l, in, 0, sum);
    x86_write(l, in, 1, a);
    if (in->op[0].kind != X86_OPERAND_MEM)
        x86_write(l, in, 0, sum);
    x86_set_flags(l, ir_flags(l->u, IR_FLAGS_ADD, a, b, IR_NONE));
}

void x86_lift_cmpxchg(struct x86_lift *l, const struct x86_insn *in)
{
    struct ir_unit *u = l->u;
    unsigned size = in->op[0].size;
    enum ir_type t = x86_int_type(size);
    ir_ref expected = x86_gpr(l, X86_RAX, size), new = x86_read(l, in, 1), old;
    if (in->lock) {
        old = ir_emit(u, (struct ir_inst){.op = IR_ATOMIC_CAS, .type = (uint8_t)t, .a = x86_address_value(l, x86_address(l, in)),
                                          .b = expected, .c = new});
    } else {
        old = x86_read(l, in, 0);
    }
    ir_ref equal = ir_cmp(u, IR_CC_E, old, expected);
    ir_ref f = ir_flags(u, IR_FLAGS_SUB, expected, old, IR_NONE);
    if (!in->lock && in->op[0].kind == X86_OPERAND_MEM) /* memory is written in any case */
        x86_write(l, in, 0, ir_select(u, equal, new, old));
    if (size == 4) { /* not equal: only then is all of RAX written; equal: only then all of the destination */
        ir_ref rax = ir_get(u, IR_I64, X86_R0 + X86_RAX);
        if (in->op[0].kind == X86_OPERAND_GPR) {
            ir_ref d = ir_get(u, IR_I64, X86_R0 + in->op[0].reg);
            ir_set(u, X86_R0 + X86_RAX, ir_select(u, equal, rax, x86_zext(l, IR_I64, old)));
            if (in->op[0].reg != X86_RAX)
                ir_set(u, X86_R0 + in->op[0].reg, ir_select(u, equal, x86_zext(l, IR_I64, new), d));
            else
                ir_set(u, X86_R0 + X86_RAX, x86_zext(l, IR_I64, new));
        } else {
            ir_set(u, X86_R0 + X86_RAX, ir_select(u, equal, rax, x86_zext(l, IR_I64, old)));
        }
    } else {
        x86_set_gpr(l, X86_RAX, ir_select(u, equal, expected, old));
        if (in->op[0].kind != X86_OPERAND_MEM)
            x86_write(l, in, 0, ir_select(u, equal, new, old));
    }
    x86_set_flags(l, f);
}

void x86_lift_cmpxchg8b(struct x86_lift *l, const struct x86_insn *in)
{
    struct ir_unit *u = l->u;
    ir_ref expected = ir_field(u, IR_BFI, ir_get(u, IR_I64, X86_R0 + X86_RAX), ir_get(u, IR_I64, X86_R0 + X86_RDX), 32, 32);
    ir_ref new = ir_field(u, IR_BFI, ir_get(u, IR_I64, X86_R0 + X86_RBX), ir_get(u, IR_I64, X86_R0 + X86_RCX), 32, 32);
    ir_ref address = x86_address_value(l, x86_address(l, in));
    ir_ref old = ir_emit(u, (struct ir_inst){.op = IR_ATOMIC_CAS, .type = IR_I64, .a = address, .b = expected, .c = new});
    ir_ref equal = ir_cmp(u, IR_CC_E, old, expected);
    ir_ref rax = ir_get(u, IR_I64, X86_R0 + X86_RAX), rdx = ir_get(u, IR_I64, X86_R0 + X86_RDX);
    ir_set(u, X86_R0 + X86_RAX, ir_select(u, equal, rax, ir_field(u, IR_BFX, old, IR_NONE, 0, 32)));
    ir_set(u, X86_R0 + X86_RDX, ir_select(u, equal, rdx, ir_bin_imm(u, IR_SHR, old, 32)));
    ir_ref z = ir_flags(u, IR_FLAGS_SUB, old, expected, IR_NONE);
    x86_set_flags_masked(l, z, IR_FLAG_Z);
}

static ir_ref pair(struct x86_lift *l, unsigned low, unsigned high)
{
    ir_ref v = ir_vec(l->u, IR_VDUP, IR_V128, IR_I64, 0, 0, ir_get(l->u, IR_I64, X86_R0 + low), IR_NONE, IR_NONE);
    return ir_vec(l->u, IR_VINS, IR_V128, IR_I64, 0, 1, v, ir_get(l->u, IR_I64, X86_R0 + high), IR_NONE);
}

void x86_lift_cmpxchg16b(struct x86_lift *l, const struct x86_insn *in)
{
    struct ir_unit *u = l->u;
    ir_ref address = x86_address_value(l, x86_address(l, in));
    x86_trap_if(l, ir_cmp(u, IR_CC_NE, ir_bin_imm(u, IR_AND, address, 15), ir_const(u, IR_I64, 0)), X86_VECTOR_GP);
    ir_ref old = ir_emit(u, (struct ir_inst){.op = IR_ATOMIC_CAS, .type = IR_V128, .a = address, .b = pair(l, X86_RAX, X86_RDX),
                                             .c = pair(l, X86_RBX, X86_RCX)});
    ir_ref low = ir_vec(u, IR_VEXT, IR_I64, IR_I64, 0, 0, old, IR_NONE, IR_NONE);
    ir_ref high = ir_vec(u, IR_VEXT, IR_I64, IR_I64, 0, 1, old, IR_NONE, IR_NONE);
    ir_ref differ = ir_bin(u, IR_OR, ir_bin(u, IR_XOR, low, x86_gpr(l, X86_RAX, 8)), ir_bin(u, IR_XOR, high, x86_gpr(l, X86_RDX, 8)));
    x86_set_gpr(l, X86_RAX, low); /* the same where equal */
    x86_set_gpr(l, X86_RDX, high);
    x86_set_flags_masked(l, ir_flags(u, IR_FLAGS_LOGIC, differ, IR_NONE, IR_NONE), IR_FLAG_Z);
}

void x86_lift_bswap(struct x86_lift *l, const struct x86_insn *in)
{
    if (in->opsize == 2) /* undefined; the processors clear it */
        x86_set_gpr(l, in->op[0].reg, ir_const(l->u, IR_I16, 0));
    else
        x86_write(l, in, 0, ir_un(l->u, IR_BSWAP, x86_read(l, in, 0)));
}

void x86_lift_movbe(struct x86_lift *l, const struct x86_insn *in)
{
    x86_write(l, in, 0, ir_un(l->u, IR_BSWAP, x86_read(l, in, 1)));
}

/* CBW, CWDE, CDQE: the accumulator's lower half, sign-extended. */
void x86_lift_widen_acc(struct x86_lift *l, const struct x86_insn *in)
{
    ir_ref v = x86_gpr(l, X86_RAX, in->opsize / 2);
    x86_set_gpr(l, X86_RAX, ir_conv(l->u, IR_SEXT, x86_int_type(in->opsize), v));
}

void x86_lift_widen_double(struct x86_lift *l, const struct x86_insn *in)
{
    ir_ref v = x86_gpr(l, X86_RAX, in->opsize);
    x86_set_gpr(l, X86_RDX, ir_bin_imm(l->u, IR_SAR, v, 8u * in->opsize - 1));
}

void x86_lift_xlat(struct x86_lift *l, const struct x86_insn *in)
{
    struct ir_unit *u = l->u;
    ir_ref al = x86_zext(l, IR_I64, x86_gpr(l, X86_RAX, 1));
    ir_ref offset = ir_bin(u, IR_ADD, ir_get(u, IR_I64, X86_R0 + X86_RBX), al);
    if (in->addrsize < 8)
        offset = x86_zext(l, IR_I64, x86_trunc(l, x86_int_type(in->addrsize), offset));
    unsigned segment = in->segment == X86_NO_SEGMENT ? X86_DS : in->segment;
    x86_set_gpr(l, X86_RAX, x86_load(l, IR_I8, x86_linear(l, in, offset, segment)));
}
