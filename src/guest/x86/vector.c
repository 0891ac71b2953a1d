/* Vector operands; see vector.h.
 *
 * Known limitation: a 32-byte store is two of 16, the upper first: where only the lower faults, the upper has been
 * written. */
#include "guest/x86/vector.h"

unsigned x86_halves(const struct x86_insn *in)
{
    for (unsigned i = 0; i < 4; i++)
        if (in->op[i].size == 32)
            return 2;
    return 1;
}

enum ir_type x86_vtype(const struct x86_insn *in)
{
    return in->op[0].kind == X86_OPERAND_MMX || in->op[1].kind == X86_OPERAND_MMX ? IR_V64 : IR_V128;
}

/* Memory's alignment: legacy instructions want their 16 bytes aligned, VEX ones only where the row says so. */
static unsigned alignment(struct x86_lift *l, const struct x86_insn *in, unsigned size)
{
    uint32_t attrs = in->row->attrs;
    if (size < 16 || (attrs & X86_ATTR_u) || (in->vex && !(attrs & X86_ATTR_a)))
        return 0;
    if (size == 32) {
        ir_ref low = ir_bin_imm(l->u, IR_AND, x86_address_value(l, x86_address(l, in)), 31);
        x86_trap_if(l, ir_cmp(l->u, IR_CC_NE, low, ir_const(l->u, IR_I64, 0)), X86_VECTOR_GP);
    }
    return IR_MEM_ALIGNED;
}

ir_ref x86_vec(struct x86_lift *l, const struct x86_insn *in, unsigned i, unsigned h)
{
    const struct x86_operand *op = &in->op[i];
    if (op->kind == X86_OPERAND_XMM)
        return ir_get(l->u, IR_V128, (h ? X86_YMMH0 : X86_XMM0_SLOT) + op->reg);
    if (op->kind == X86_OPERAND_MMX)
        return ir_get(l->u, IR_V64, X86_ST0_SLOT + op->reg);
    enum ir_type t = x86_vtype(in);
    unsigned size = op->size;
    struct x86_address a = x86_plus_in_line(l, x86_address(l, in), 16 * (int)h);
    if (size >= ir_type_size(t))
        return x86_load_as(l, t, t, a, h ? 0 : alignment(l, in, size));
    return x86_load_as(l, t, x86_int_type(size), a, 0);
}

/* An MMX register: the exponent's bits become ones. */
static void set_mmx(struct x86_lift *l, unsigned reg, ir_ref v)
{
    ir_ref wide = x86_zext(l, IR_V128, v);
    ir_set(l->u, X86_ST0_SLOT + reg, ir_vec(l->u, IR_VINS, IR_V128, IR_I16, 0, 4, wide, ir_const(l->u, IR_I16, 0xffff), IR_NONE));
}

void x86_set_vec(struct x86_lift *l, const struct x86_insn *in, unsigned i, ir_ref low, ir_ref high)
{
    const struct x86_operand *op = &in->op[i];
    if (op->kind == X86_OPERAND_MMX) {
        set_mmx(l, op->reg, low);
    } else if (op->kind == X86_OPERAND_XMM) {
        ir_set(l->u, X86_XMM0_SLOT + op->reg, low);
        if (in->vex)
            ir_set(l->u, X86_YMMH0 + op->reg, high ? high : x86_zero(l, IR_V128));
    } else {
        struct x86_address a = x86_address(l, in);
        unsigned attr = alignment(l, in, op->size);
        enum ir_type t = ir_type_of(l->u, low);
        if (high)
            x86_store_as(l, IR_V128, x86_plus_in_line(l, a, 16), high, 0);
        x86_store_as(l, op->size < ir_type_size(t) ? x86_int_type(op->size) : t, a, low, attr);
    }
}

ir_ref x86_scalar(struct x86_lift *l, const struct x86_insn *in, unsigned i, enum ir_type t)
{
    const struct x86_operand *op = &in->op[i];
    if (op->kind == X86_OPERAND_XMM)
        return ir_get(l->u, t, X86_XMM0_SLOT + op->reg);
    return x86_load(l, t, x86_address(l, in));
}

void x86_set_scalar(struct x86_lift *l, const struct x86_insn *in, unsigned i, ir_ref v)
{
    ir_ref r = ir_vec(l->u, IR_VINS, IR_V128, ir_type_of(l->u, v), 0, 0, x86_vec(l, in, i, 0), v, IR_NONE);
    x86_set_vec(l, in, 0, r, IR_NONE);
}

void x86_each1(struct x86_lift *l, const struct x86_insn *in, x86_unary_fn *fn)
{
    ir_ref r[2] = {IR_NONE, IR_NONE}, a[2];
    unsigned n = x86_halves(in);
    for (unsigned h = 0; h < n; h++)
        a[h] = x86_vec(l, in, 1, h);
    for (unsigned h = 0; h < n; h++)
        r[h] = fn(l, in, h, a[h]);
    x86_set_vec(l, in, 0, r[0], r[1]);
}

void x86_each2(struct x86_lift *l, const struct x86_insn *in, x86_binary_fn *fn)
{
    ir_ref r[2] = {IR_NONE, IR_NONE}, a[2], b[2];
    unsigned n = x86_halves(in);
    for (unsigned h = 0; h < n; h++) {
        a[h] = x86_vec(l, in, 1, h);
        b[h] = x86_vec(l, in, 2, h);
    }
    for (unsigned h = 0; h < n; h++)
        r[h] = fn(l, in, h, a[h], b[h]);
    x86_set_vec(l, in, 0, r[0], r[1]);
}

ir_ref x86_splat(struct x86_lift *l, enum ir_type t, enum ir_type lane, uint64_t v)
{
    for (unsigned bits = 8 * ir_type_size(lane); bits < 64; bits *= 2)
        v = (v & (~0ull >> (64 - bits))) | v << bits;
    return ir_const(l->u, t, v);
}

ir_ref x86_lane(struct x86_lift *l, enum ir_type t, enum ir_type lane, unsigned n, ir_ref v)
{
    return ir_vec(l->u, IR_VEXT, t, lane, 0, n, v, IR_NONE, IR_NONE);
}
