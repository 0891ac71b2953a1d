/* Shifts, rotations, bit tests and counts, BMI, ADX, CRC32.
 *
 * Undefined flags: OF after shifts by more than one bit is the exclusive or of the result's two top bits (right shifts
 * and rotations) or of CF and the top bit (to the left), as the processors compute it; AF stays as it was. */
#include "guest/x86/lift.h"

static ir_ref imm(struct x86_lift *l, enum ir_type t, uint64_t v)
{
    return ir_const(l->u, t, v);
}

static ir_ref bin_imm(struct x86_lift *l, enum ir_op op, ir_ref a, uint64_t v)
{
    return ir_bin_imm(l->u, op, a, v);
}

/* Bit n of v, as i1. */
static ir_ref bit(struct x86_lift *l, ir_ref v, unsigned n)
{
    return ir_conv(l->u, IR_TRUNC, IR_I1, n ? bin_imm(l, IR_SHR, v, n) : v);
}

/* A count in {CL or immediate}, masked, as a value of type t; *known says whether it is constant, and what. */
struct count {
    ir_ref value;
    bool known;
    unsigned n;
};

static struct count count_of(struct x86_lift *l, const struct x86_insn *in, unsigned i, unsigned size, enum ir_type t)
{
    unsigned mask = size == 8 ? 63 : 31;
    if (in->op[i].kind == X86_OPERAND_IMM) {
        unsigned n = (unsigned)in->imm & mask;
        return (struct count){imm(l, t, n), true, n};
    }
    ir_ref c = bin_imm(l, IR_AND, x86_read(l, in, i), mask);
    return (struct count){x86_zext(l, t, c), false, 0};
}

/* Writes the result, and the flags unless the count is 0. */
static void finish(struct x86_lift *l, const struct x86_insn *in, const struct count *c, ir_ref r, ir_ref f)
{
    x86_write(l, in, 0, r);
    if (c->known) {
        if (c->n)
            x86_set_flags(l, f);
        return;
    }
    ir_ref is_zero = ir_cmp(l->u, IR_CC_E, c->value, imm(l, ir_type_of(l->u, c->value), 0));
    x86_set_flags(l, ir_select(l->u, is_zero, x86_flags(l), f));
}

/* The flags slot with C and O replaced. */
static ir_ref carry_flags(struct x86_lift *l, ir_ref c, ir_ref o)
{
    ir_ref bits = ir_bin(l->u, IR_OR, x86_flag_bit(l, c, IR_FLAG_C), x86_flag_bit(l, o, IR_FLAG_O));
    ir_ref co = ir_flags(l->u, IR_FLAGS_PACK, bits, IR_NONE, IR_NONE);
    return ir_emit(l->u, (struct ir_inst){.op = IR_FLAGS_MERGE, .type = IR_FLAGS, .a = x86_flags(l), .b = co, .imm = IR_FLAG_C | IR_FLAG_O});
}

static void shift(struct x86_lift *l, const struct x86_insn *in, enum x86_shift op)
{
    struct ir_unit *u = l->u;
    unsigned size = in->op[0].size, bits = 8 * size;
    enum ir_type t = x86_int_type(size), wide = size == 8 ? IR_I64 : IR_I32;
    ir_ref a = x86_read(l, in, 0);
    ir_ref v = ir_conv(u, op == X86_SAR ? IR_SEXT : IR_ZEXT, wide, a);
    struct count c = count_of(l, in, 1, size, wide);
    ir_ref less = c.known ? imm(l, wide, c.n - 1) : bin_imm(l, IR_SUB, c.value, 1);
    ir_ref r, f;
    if (op == X86_SHL) {
        ir_ref x = x86_trunc(l, t, ir_bin(u, IR_SHL, v, less));
        r = x86_trunc(l, t, ir_bin(u, IR_SHL, v, c.value));
        f = ir_flags(u, IR_FLAGS_ADD, x, x, IR_NONE);
    } else {
        enum ir_op by = op == X86_SHR ? IR_SHR : IR_SAR;
        ir_ref x = ir_bin(u, by, v, less);
        r = x86_trunc(l, t, ir_bin(u, by, v, c.value));
        ir_ref o = op == X86_SAR ? imm(l, IR_I1, 0) : bit(l, r, bits - 2);
        f = x86_flags_of(l, r, bit(l, x, 0), o);
    }
    finish(l, in, &c, r, f);
}

static void rotate(struct x86_lift *l, const struct x86_insn *in, bool left)
{
    struct ir_unit *u = l->u;
    unsigned size = in->op[0].size, bits = 8 * size;
    ir_ref a = x86_read(l, in, 0);
    enum ir_type t = ir_type_of(u, a);
    struct count c = count_of(l, in, 1, size, t);
    ir_ref r = ir_bin(u, IR_ROR, a, left ? (c.known ? imm(l, t, (bits - c.n) & (bits - 1)) : ir_un(u, IR_NEG, c.value)) : c.value);
    ir_ref top = bit(l, r, bits - 1);
    ir_ref carry = left ? bit(l, r, 0) : top;
    ir_ref o = ir_bin(u, IR_XOR, top, left ? carry : bit(l, r, bits - 2));
    finish(l, in, &c, r, carry_flags(l, carry, o));
}

/* Through carry, up to 33 bits in an i64. */
static void rotate_carry(struct x86_lift *l, const struct x86_insn *in, bool left)
{
    struct ir_unit *u = l->u;
    unsigned size = in->op[0].size, bits = 8 * size;
    enum ir_type t = x86_int_type(size);
    ir_ref a = x86_read(l, in, 0);
    struct count c = count_of(l, in, 1, size, IR_I64);
    ir_ref n = size < 4 ? bin_imm(l, IR_UREM, c.value, bits + 1) : c.value;
    ir_ref cf = ir_conv(u, IR_ZEXT, IR_I64, x86_cond(l, IR_CC_B));
    ir_ref v = ir_bin(u, IR_OR, bin_imm(l, IR_SHL, cf, bits), x86_zext(l, IR_I64, a));
    ir_ref other = ir_bin(u, IR_SUB, imm(l, IR_I64, bits + 1), n);
    ir_ref r = ir_bin(u, IR_OR, ir_bin(u, left ? IR_SHL : IR_SHR, v, n), ir_bin(u, left ? IR_SHR : IR_SHL, v, other));
    ir_ref carry = bit(l, r, bits), top = bit(l, r, bits - 1);
    ir_ref o = ir_bin(u, IR_XOR, top, left ? carry : bit(l, r, bits - 2));
    finish(l, in, &c, x86_trunc(l, t, r), carry_flags(l, carry, o));
}

static void rotate_carry64(struct x86_lift *l, const struct x86_insn *in, bool left)
{
    struct ir_unit *u = l->u;
    ir_ref a = x86_read(l, in, 0);
    struct count c = count_of(l, in, 1, 8, IR_I64);
    ir_ref cf = ir_conv(u, IR_ZEXT, IR_I64, x86_cond(l, IR_CC_B));
    ir_ref less = bin_imm(l, IR_SUB, c.value, 1), other = ir_bin(u, IR_SUB, imm(l, IR_I64, 64), c.value);
    ir_ref r, carry;
    if (left) {
        r = ir_bin(u, IR_OR, ir_bin(u, IR_SHL, a, c.value), ir_bin(u, IR_SHL, cf, less));
        r = ir_bin(u, IR_OR, r, ir_bin(u, IR_SHR, bin_imm(l, IR_SHR, a, 1), other));
        carry = bit(l, ir_bin(u, IR_SHR, a, other), 0);
    } else {
        r = ir_bin(u, IR_OR, ir_bin(u, IR_SHR, a, c.value), ir_bin(u, IR_SHL, cf, other));
        r = ir_bin(u, IR_OR, r, ir_bin(u, IR_SHL, bin_imm(l, IR_SHL, a, 1), other));
        carry = bit(l, ir_bin(u, IR_SHR, a, less), 0);
    }
    ir_ref top = bit(l, r, 63);
    ir_ref o = ir_bin(u, IR_XOR, top, left ? carry : bit(l, r, 62));
    if (c.known)
        r = c.n ? r : a;
    else
        r = ir_select(u, ir_cmp(u, IR_CC_E, c.value, imm(l, IR_I64, 0)), a, r);
    finish(l, in, &c, r, carry_flags(l, carry, o));
}

void x86_lift_shift(struct x86_lift *l, const struct x86_insn *in)
{
    enum x86_shift op = (enum x86_shift)in->row->arg;
    switch (op) {
    case X86_ROL:
    case X86_ROR: rotate(l, in, op == X86_ROL); break;
    case X86_RCL:
    case X86_RCR:
        if (in->op[0].size == 8)
            rotate_carry64(l, in, op == X86_RCL);
        else
            rotate_carry(l, in, op == X86_RCL);
        break;
    default: shift(l, in, op);
    }
}

/* SHLD, SHRD.  Counts above 16 of 16 bits are undefined: as AMD's processors we shift a:b:b, and carry nothing out. */
void x86_lift_shiftd(struct x86_lift *l, const struct x86_insn *in)
{
    struct ir_unit *u = l->u;
    bool right = in->row->arg;
    unsigned size = in->op[0].size, bits = 8 * size;
    enum ir_type t = x86_int_type(size);
    ir_ref a = x86_read(l, in, 0), b = x86_read(l, in, 1);
    struct count c = count_of(l, in, 2, size, IR_I64);
    ir_ref wa = x86_zext(l, IR_I64, a), wb = x86_zext(l, IR_I64, b), less = bin_imm(l, IR_SUB, c.value, 1), r, carry;
    if (size == 8) {
        ir_ref other = ir_bin(u, IR_SUB, imm(l, IR_I64, 63), c.value);
        if (right) {
            r = ir_bin(u, IR_OR, ir_bin(u, IR_SHR, a, c.value), ir_bin(u, IR_SHL, bin_imm(l, IR_SHL, b, 1), other));
            carry = bit(l, ir_bin(u, IR_SHR, a, less), 0);
        } else {
            r = ir_bin(u, IR_OR, ir_bin(u, IR_SHL, a, c.value), ir_bin(u, IR_SHR, bin_imm(l, IR_SHR, b, 1), other));
            carry = bit(l, ir_bin(u, IR_SHL, a, less), 63);
        }
    } else if (right) {
        ir_ref v = ir_bin(u, IR_OR, wa, bin_imm(l, IR_SHL, wb, bits));
        if (size == 2)
            v = ir_bin(u, IR_OR, v, bin_imm(l, IR_SHL, wb, 32));
        r = x86_trunc(l, t, ir_bin(u, IR_SHR, v, c.value));
        carry = bit(l, ir_bin(u, IR_SHR, v, less), 0);
    } else {
        ir_ref v = ir_bin(u, IR_OR, bin_imm(l, IR_SHL, wa, 32), size == 4 ? wb : bin_imm(l, IR_SHL, wb, 16));
        if (size == 2)
            v = ir_bin(u, IR_OR, v, wb);
        ir_ref x = ir_bin(u, IR_SHL, v, c.value);
        r = x86_trunc(l, t, bin_imm(l, IR_SHR, x, 32));
        carry = bit(l, ir_bin(u, IR_SHL, v, less), 31 + (size == 4 ? 32 : 16));
    }
    if (size == 2 && c.known)
        carry = c.n > 16 ? imm(l, IR_I1, 0) : carry;
    else if (size == 2)
        carry = ir_bin(u, IR_AND, carry, ir_cmp(u, IR_CC_BE, c.value, imm(l, IR_I64, 16)));
    ir_ref o = bit(l, ir_bin(u, IR_XOR, r, a), bits - 1);
    finish(l, in, &c, r, x86_flags_of(l, r, carry, o));
}

/* ---- bit tests ----------------------------------------------------------------------------------------- */

static ir_ref bit_result(struct x86_lift *l, enum x86_bit op, ir_ref v, ir_ref mask)
{
    switch (op) {
    case X86_BTS: return ir_bin(l->u, IR_OR, v, mask);
    case X86_BTR: return ir_bin(l->u, IR_ANDN, v, mask);
    default: return ir_bin(l->u, IR_XOR, v, mask);
    }
}

/* The bit's word is found from a register's whole value, beyond the operand. */
static void address_of_bit(struct x86_lift *l, const struct x86_insn *in, ir_ref index, unsigned size)
{
    struct ir_unit *u = l->u;
    unsigned log = (unsigned)__builtin_ctz(8 * size);
    ir_ref at = ir_conv(u, IR_SEXT, IR_I64, index);
    at = bin_imm(l, IR_SHL, bin_imm(l, IR_SAR, at, log), log - 3);
    struct x86_address a;
    if (in->addrsize == 8 && in->base != X86_RIP) {
        a = (struct x86_address){.base = ir_bin(u, IR_ADD, x86_address_value(l, x86_address(l, in)), at)};
    } else { /* wraps at the address size */
        ir_ref sum = ir_bin(u, IR_ADD, x86_offset(l, in), at);
        if (in->addrsize < 8)
            sum = x86_zext(l, IR_I64, x86_trunc(l, x86_int_type(in->addrsize), sum));
        unsigned segment = in->segment != X86_NO_SEGMENT                           ? in->segment
                           : in->base == X86_RSP || in->base == X86_RBP ? X86_SS
                                                                        : X86_DS;
        a = x86_linear(l, in, sum, segment);
    }
    l->has_address = true;
    l->address = a;
}

void x86_lift_bt(struct x86_lift *l, const struct x86_insn *in)
{
    static const uint8_t rmw[] = {[X86_BTS] = IR_RMW_OR, [X86_BTR] = IR_RMW_ANDN, [X86_BTC] = IR_RMW_XOR};
    struct ir_unit *u = l->u;
    enum x86_bit op = (enum x86_bit)in->row->arg;
    unsigned size = in->op[0].size;
    enum ir_type t = x86_int_type(size);
    bool constant = in->op[1].kind == X86_OPERAND_IMM;
    ir_ref index = constant ? imm(l, t, (uint64_t)in->imm) : x86_read(l, in, 1);
    if (in->op[0].kind == X86_OPERAND_MEM && !constant)
        address_of_bit(l, in, index, size);
    ir_ref n = bin_imm(l, IR_AND, index, 8 * size - 1);
    ir_ref mask = ir_bin(u, IR_SHL, imm(l, t, 1), n), v;
    if (in->lock) {
        v = ir_emit(u, (struct ir_inst){.op = IR_ATOMIC_RMW, .type = (uint8_t)t, .attr = rmw[op],
                                        .a = x86_address_value(l, x86_address(l, in)), .b = mask});
    } else {
        v = x86_read(l, in, 0);
        if (op != X86_BT)
            x86_write(l, in, 0, bit_result(l, op, v, mask));
    }
    ir_ref c = x86_flag_bit(l, ir_conv(u, IR_TRUNC, IR_I1, ir_bin(u, IR_SHR, v, n)), IR_FLAG_C);
    x86_set_flags_masked(l, ir_flags(u, IR_FLAGS_PACK, c, IR_NONE, IR_NONE), IR_FLAG_C);
}

/* BSF, BSR: of 0 the destination stays as it is (all 64 bits of it, as the processors do), only Z is defined. */
void x86_lift_bitscan(struct x86_lift *l, const struct x86_insn *in)
{
    struct ir_unit *u = l->u;
    ir_ref v = x86_read(l, in, 1), old = ir_get(u, IR_I64, X86_R0 + in->op[0].reg), r;
    enum ir_type t = ir_type_of(u, v);
    if (in->row->arg)
        r = ir_bin(u, IR_SUB, imm(l, t, 8 * in->op[1].size - 1u), ir_un(u, IR_CLZ, v));
    else
        r = ir_un(u, IR_CTZ, v);
    ir_ref wide = t == IR_I16 ? ir_field(u, IR_BFI, old, x86_zext(l, IR_I64, r), 0, 16) : x86_zext(l, IR_I64, r);
    ir_ref is_zero = ir_cmp(u, IR_CC_E, v, imm(l, t, 0));
    ir_set(u, X86_R0 + in->op[0].reg, ir_select(u, is_zero, old, wide));
    x86_set_flags_masked(l, ir_flags(u, IR_FLAGS_LOGIC, v, IR_NONE, IR_NONE), IR_FLAG_Z);
}

/* TZCNT, LZCNT */
void x86_lift_count(struct x86_lift *l, const struct x86_insn *in)
{
    struct ir_unit *u = l->u;
    ir_ref v = x86_read(l, in, 1);
    ir_ref r = ir_un(u, in->row->arg ? IR_CLZ : IR_CTZ, v);
    ir_ref c = ir_cmp(u, IR_CC_E, v, imm(l, ir_type_of(u, v), 0));
    ir_ref carry = ir_flags(u, IR_FLAGS_PACK, x86_flag_bit(l, c, IR_FLAG_C), IR_NONE, IR_NONE);
    ir_ref f = ir_flags(u, IR_FLAGS_LOGIC, r, IR_NONE, IR_NONE);
    f = ir_emit(u, (struct ir_inst){.op = IR_FLAGS_MERGE, .type = IR_FLAGS, .a = carry, .b = f, .imm = IR_FLAG_Z});
    x86_write(l, in, 0, r);
    x86_set_flags_masked(l, f, IR_FLAG_Z | IR_FLAG_C);
}

void x86_lift_popcnt(struct x86_lift *l, const struct x86_insn *in)
{
    struct ir_unit *u = l->u;
    ir_ref v = x86_read(l, in, 1);
    ir_ref z = x86_flag_bit(l, ir_cmp(u, IR_CC_E, v, imm(l, ir_type_of(u, v), 0)), IR_FLAG_Z);
    x86_write(l, in, 0, ir_un(u, IR_POPCNT, v));
    x86_set_flags(l, ir_flags(u, IR_FLAGS_PACK, z, IR_NONE, IR_NONE));
}

/* ---- BMI, ADX, CRC32 -------------------------------------------------------------------------------------- */

/* S and Z of r, C from an i1, O clear. */
static void bmi_flags(struct x86_lift *l, ir_ref r, ir_ref c)
{
    x86_set_flags(l, x86_flags_of(l, r, c, imm(l, IR_I1, 0)));
}

static void bextr(struct x86_lift *l, const struct x86_insn *in)
{
    struct ir_unit *u = l->u;
    ir_ref v = x86_read(l, in, 1), control = x86_zext(l, IR_I64, x86_read(l, in, 2));
    enum ir_type t = ir_type_of(u, v);
    ir_ref start = ir_field(u, IR_BFX, control, IR_NONE, 0, 8), len = ir_field(u, IR_BFX, control, IR_NONE, 8, 8);
    ir_ref wide = x86_zext(l, IR_I64, v), zero = imm(l, IR_I64, 0), ones = imm(l, IR_I64, ~0ull);
    ir_ref shifted = ir_select(u, ir_cmp(u, IR_CC_A, start, imm(l, IR_I64, 63)), zero, ir_bin(u, IR_SHR, wide, start));
    ir_ref mask = ir_select(u, ir_cmp(u, IR_CC_A, len, imm(l, IR_I64, 63)), ones, ir_un(u, IR_NOT, ir_bin(u, IR_SHL, ones, len)));
    ir_ref r = x86_trunc(l, t, ir_bin(u, IR_AND, shifted, mask));
    x86_write(l, in, 0, r);
    bmi_flags(l, r, imm(l, IR_I1, 0));
}

static void bzhi(struct x86_lift *l, const struct x86_insn *in)
{
    struct ir_unit *u = l->u;
    ir_ref v = x86_read(l, in, 1), n = x86_zext(l, IR_I32, x86_trunc(l, IR_I8, x86_read(l, in, 2)));
    enum ir_type t = ir_type_of(u, v);
    ir_ref beyond = ir_cmp(u, IR_CC_AE, n, imm(l, IR_I32, x86_bits(l, v)));
    ir_ref ones = ir_bin(u, IR_SHL, imm(l, t, ~0ull), x86_zext(l, t, n));
    ir_ref r = ir_select(u, beyond, v, ir_bin(u, IR_ANDN, v, ones));
    x86_write(l, in, 0, r);
    bmi_flags(l, r, beyond);
}

void x86_lift_bmi(struct x86_lift *l, const struct x86_insn *in)
{
    struct ir_unit *u = l->u;
    enum x86_bmi op = (enum x86_bmi)in->row->arg;
    if (op == X86_BEXTR) {
        bextr(l, in);
        return;
    }
    if (op == X86_BZHI) {
        bzhi(l, in);
        return;
    }
    ir_ref v = x86_read(l, in, 1);
    enum ir_type t = ir_type_of(u, v);
    if (op == X86_ANDN) {
        ir_ref r = ir_bin(u, IR_ANDN, x86_read(l, in, 2), v);
        x86_write(l, in, 0, r);
        bmi_flags(l, r, imm(l, IR_I1, 0));
        return;
    }
    ir_ref is_zero = ir_cmp(u, IR_CC_E, v, imm(l, t, 0)), less = bin_imm(l, IR_SUB, v, 1), r;
    if (op == X86_BLSI)
        r = ir_bin(u, IR_AND, v, ir_un(u, IR_NEG, v));
    else
        r = ir_bin(u, op == X86_BLSR ? IR_AND : IR_XOR, v, less);
    x86_write(l, in, 0, r);
    bmi_flags(l, r, op == X86_BLSI ? ir_cmp(u, IR_CC_NE, v, imm(l, t, 0)) : is_zero);
}

void x86_lift_mulx(struct x86_lift *l, const struct x86_insn *in)
{
    struct ir_unit *u = l->u;
    ir_ref a = x86_gpr(l, X86_RDX, in->op[2].size), b = x86_read(l, in, 2), low, high;
    if (ir_type_of(u, a) == IR_I64) {
        low = ir_bin(u, IR_MUL, a, b);
        high = ir_bin(u, IR_MULHU, a, b);
    } else {
        ir_ref full = ir_bin(u, IR_MUL, x86_zext(l, IR_I64, a), x86_zext(l, IR_I64, b));
        low = x86_trunc(l, IR_I32, full);
        high = x86_trunc(l, IR_I32, bin_imm(l, IR_SHR, full, 32));
    }
    x86_write(l, in, 1, low);
    x86_write(l, in, 0, high);
}

void x86_lift_shiftx(struct x86_lift *l, const struct x86_insn *in)
{
    ir_ref v = x86_read(l, in, 1);
    x86_write(l, in, 0, ir_bin(l->u, (enum ir_op)in->row->arg, v, x86_read(l, in, 2)));
}

void x86_lift_rorx(struct x86_lift *l, const struct x86_insn *in)
{
    ir_ref v = x86_read(l, in, 1);
    x86_write(l, in, 0, bin_imm(l, IR_ROR, v, (unsigned)in->imm & (8u * in->op[0].size - 1)));
}

/* PDEP, PEXT as a loop over the mask's ones. */
void x86_lift_pext(struct x86_lift *l, const struct x86_insn *in)
{
    struct ir_unit *u = l->u;
    bool extract = in->row->arg;
    ir_ref v = x86_zext(l, IR_I64, x86_read(l, in, 1)), m = x86_zext(l, IR_I64, x86_read(l, in, 2));
    unsigned value = ir_local_new(u, IR_I64), mask = ir_local_new(u, IR_I64), result = ir_local_new(u, IR_I64);
    unsigned at = ir_local_new(u, IR_I64), again = ir_label_new(u), done = ir_label_new(u);
    ir_lset(u, value, v);
    ir_lset(u, mask, m);
    ir_lset(u, result, imm(l, IR_I64, 0));
    ir_lset(u, at, imm(l, IR_I64, 0));
    x86_label(l, again);
    m = ir_lget(u, mask);
    ir_br_if(u, ir_cmp(u, IR_CC_E, m, imm(l, IR_I64, 0)), done);
    ir_ref n = ir_lget(u, at), low = ir_un(u, IR_CTZ, m);
    ir_ref b = bin_imm(l, IR_AND, ir_bin(u, IR_SHR, ir_lget(u, value), extract ? low : n), 1);
    ir_lset(u, result, ir_bin(u, IR_OR, ir_lget(u, result), ir_bin(u, IR_SHL, b, extract ? n : low)));
    ir_lset(u, at, bin_imm(l, IR_ADD, n, 1));
    ir_lset(u, mask, ir_bin(u, IR_AND, m, bin_imm(l, IR_SUB, m, 1)));
    ir_br(u, again);
    x86_label(l, done);
    x86_write(l, in, 0, x86_trunc(l, x86_int_type(in->op[0].size), ir_lget(u, result)));
}

/* ADCX, ADOX: additions through C or O alone. */
void x86_lift_adx(struct x86_lift *l, const struct x86_insn *in)
{
    struct ir_unit *u = l->u;
    bool overflow = in->row->arg;
    ir_ref a = x86_read(l, in, 0), b = x86_read(l, in, 1), old = x86_flags(l);
    if (overflow) { /* a flags value whose C is O */
        ir_ref o = x86_flag_bit(l, ir_cond(u, IR_CC_O, old), IR_FLAG_C);
        old = ir_flags(u, IR_FLAGS_PACK, o, IR_NONE, IR_NONE);
    }
    ir_ref f = ir_flags(u, IR_FLAGS_ADC, a, b, old);
    x86_write(l, in, 0, ir_tern(u, IR_ADC, a, b, old));
    if (overflow) {
        ir_ref c = x86_flag_bit(l, ir_cond(u, IR_CC_B, f), IR_FLAG_O);
        x86_set_flags_masked(l, ir_flags(u, IR_FLAGS_PACK, c, IR_NONE, IR_NONE), IR_FLAG_O);
    } else {
        x86_set_flags_masked(l, f, IR_FLAG_C);
    }
}

void x86_lift_crc32(struct x86_lift *l, const struct x86_insn *in)
{
    ir_ref v = x86_read(l, in, 1);
    ir_ref crc = x86_gpr(l, in->op[0].reg, 4);
    ir_ref r = ir_vec(l->u, IR_CRC32, IR_I32, ir_type_of(l->u, v), 1, 0, crc, v, IR_NONE);
    x86_set_gpr(l, in->op[0].reg, r);
}
