/* SSE and AVX: moves, shuffles, inserts and extracts.  Manual: SDM vol. 2, by the instruction's name. */
#include "guest/x86/vector.h"

void x86_lift_vmov(struct x86_lift *l, const struct x86_insn *in)
{
    ir_ref low = x86_vec(l, in, 1, 0), high = x86_halves(in) == 2 ? x86_vec(l, in, 1, 1) : IR_NONE;
    x86_set_vec(l, in, 0, low, high);
}

/* The low 4 or 8 bytes; in a register with zeros above. */
void x86_lift_vmov_low(struct x86_lift *l, const struct x86_insn *in)
{
    unsigned size = in->op[0].kind == X86_OPERAND_MEM ? in->op[0].size : in->op[1].size;
    ir_ref v = x86_vec(l, in, 1, 0);
    if (in->op[0].kind == X86_OPERAND_XMM && in->op[1].kind == X86_OPERAND_XMM) {
        v = x86_zext(l, IR_V128, x86_trunc(l, size == 4 ? IR_F32 : IR_F64, v));
    } else if (in->op[0].kind == X86_OPERAND_MEM) {
        x86_store_as(l, size == 4 ? IR_F32 : IR_F64, x86_address(l, in), x86_trunc(l, size == 4 ? IR_F32 : IR_F64, v), 0);
        return;
    }
    /* MOVQ 66 0F D6 and MOVSS in register form write operand 0 as well */
    x86_set_vec(l, in, 0, v, IR_NONE);
}

void x86_lift_vmerge_low(struct x86_lift *l, const struct x86_insn *in)
{
    x86_set_scalar(l, in, 1, x86_scalar(l, in, 2, in->op[2].size == 4 ? IR_F32 : IR_F64));
}

/* MOVLPS, MOVHPS: one half of the register from or to memory (0 low, 1 high); MOVHLPS (2), MOVLHPS (3). */
void x86_lift_vmov_half(struct x86_lift *l, const struct x86_insn *in)
{
    unsigned op = in->row->arg;
    if (in->op[0].kind == X86_OPERAND_MEM) {
        x86_store(l, x86_address(l, in), x86_lane(l, IR_I64, IR_I64, op, x86_vec(l, in, 1, 0)));
        return;
    }
    ir_ref a = x86_vec(l, in, 1, 0), r;
    if (op < 2)
        r = ir_vec(l->u, IR_VINS, IR_V128, IR_I64, 0, op, a, x86_load(l, IR_I64, x86_address(l, in)), IR_NONE);
    else
        r = ir_vec(l->u, IR_VINSL, IR_V128, IR_I64, 0, op == 2 ? 0 | 1 << 8 : 1, a, x86_vec(l, in, 2, 0), IR_NONE);
    x86_set_vec(l, in, 0, r, IR_NONE);
}

static ir_ref dup_lanes(struct x86_lift *l, const struct x86_insn *in, unsigned h, ir_ref a)
{
    if (in->row->arg == 2)
        return x86_op(l, IR_VDUPL, IR_I64, 0, 0, a, IR_NONE);
    return x86_op(l, IR_VTRN, IR_I32, 0, in->row->arg, a, a);
}

void x86_lift_vmov_dup(struct x86_lift *l, const struct x86_insn *in)
{
    x86_each1(l, in, dup_lanes);
}

void x86_lift_vmov_gpr(struct x86_lift *l, const struct x86_insn *in)
{
    if (in->op[0].kind == X86_OPERAND_XMM) {
        ir_ref v = x86_read(l, in, 1);
        ir_ref f = ir_conv(l->u, IR_BITCAST, in->op[1].size == 4 ? IR_F32 : IR_F64, v);
        x86_set_vec(l, in, 0, x86_zext(l, IR_V128, f), IR_NONE);
    } else {
        enum ir_type t = x86_int_type(in->op[0].size);
        x86_write(l, in, 0, ir_get(l->u, t, X86_XMM0_SLOT + in->op[1].reg));
    }
}

/* The sign bits of v's lanes as the low bits of an i64. */
static ir_ref signs(struct x86_lift *l, enum ir_type lane, ir_ref v)
{
    struct ir_unit *u = l->u;
    ir_ref r = IR_NONE;
    unsigned size = ir_type_size(lane), words = ir_type_size(ir_type_of(u, v)) / 8;
    for (unsigned w = 0; w < words; w++) {
        ir_ref x = ir_type_of(u, v) == IR_V64 ? ir_conv(u, IR_BITCAST, IR_I64, v) : x86_lane(l, IR_I64, IR_I64, w, v);
        ir_ref part;
        if (size == 8) {
            part = ir_bin_imm(u, IR_SHR, x, 63);
        } else if (size == 4) {
            ir_ref low = ir_bin_imm(u, IR_AND, ir_bin_imm(u, IR_SHR, x, 31), 1);
            part = ir_bin(u, IR_OR, low, ir_bin_imm(u, IR_AND, ir_bin_imm(u, IR_SHR, x, 62), 2));
        } else { /* the multiplication brings bit 8i to bit 56 + i */
            ir_ref bits = ir_bin_imm(u, IR_AND, ir_bin_imm(u, IR_SHR, x, 7), 0x0101010101010101ull);
            part = ir_bin_imm(u, IR_SHR, ir_bin_imm(u, IR_MUL, bits, 0x0102040810204080ull), 56);
        }
        part = w ? ir_bin_imm(u, IR_SHL, part, 8 / size * w) : part;
        r = r ? ir_bin(u, IR_OR, r, part) : part;
    }
    return r;
}

void x86_lift_movmsk(struct x86_lift *l, const struct x86_insn *in)
{
    enum ir_type lane = (enum ir_type)in->row->arg;
    ir_ref r = signs(l, lane, x86_vec(l, in, 1, 0));
    if (x86_halves(in) == 2) {
        ir_ref high = signs(l, lane, x86_vec(l, in, 1, 1));
        r = ir_bin(l->u, IR_OR, r, ir_bin_imm(l->u, IR_SHL, high, 16 / ir_type_size(lane)));
    }
    x86_set_gpr(l, in->op[0].reg, x86_trunc(l, IR_I32, r));
}

/* MASKMOVDQU, MASKMOVQ: bytes whose mask has its sign set go to DS:rDI, each by itself. */
void x86_lift_maskmov(struct x86_lift *l, const struct x86_insn *in)
{
    struct ir_unit *u = l->u;
    enum ir_type t = x86_vtype(in);
    unsigned value = ir_local_new(u, t), mask = ir_local_new(u, IR_I64);
    ir_lset(u, value, x86_vec(l, in, 0, 0));
    ir_lset(u, mask, signs(l, IR_I8, x86_vec(l, in, 1, 0)));
    for (unsigned i = 0; i < ir_type_size(t); i++) {
        unsigned skip = ir_label_new(u);
        ir_ref bit = ir_bin_imm(u, IR_AND, ir_lget(u, mask), 1ull << i);
        ir_br_if(u, ir_cmp(u, IR_CC_E, bit, ir_const(u, IR_I64, 0)), skip);
        ir_ref to = x86_zext(l, IR_I64, x86_gpr(l, X86_RDI, in->addrsize));
        struct x86_address a = x86_linear(l, in, to, in->segment == X86_NO_SEGMENT ? X86_DS : in->segment);
        x86_store(l, x86_plus(a, i), x86_lane(l, IR_I8, IR_I8, i, ir_lget(u, value)));
        x86_label(l, skip);
    }
}

/* ---- shuffles --------------------------------------------------------------------------------------------- */

/* Lanes of a (from[i] < n) and b (from[i] >= n). */
static ir_ref gather_lanes(struct x86_lift *l, enum ir_type lane, unsigned n, const uint8_t *from, ir_ref a, ir_ref b)
{
    ir_ref r = a;
    bool placed = true;
    for (unsigned i = 0; i < n; i++)
        placed &= from[i] == i;
    if (placed)
        return a;
    if (ir_type_of(l->u, a) == IR_V128 && lane >= IR_I32) {
        unsigned half = n / 2, bits = lane == IR_I32 ? 2 : 1, imm = 0;
        for (unsigned i = 0; i < n; i++)
            imm |= (from[i] % n) << bits * i;
        if (from[0] / n == from[half - 1] / n && from[half] / n == from[n - 1] / n)
            return x86_op(l, IR_VSHUF, lane, 0, imm, from[0] < n ? a : b, from[half] < n ? a : b);
    }
    r = x86_op(l, IR_VDUPL, lane, 0, from[0] % n, from[0] < n ? a : b, IR_NONE);
    for (unsigned i = 1; i < n; i++)
        if (from[i] != from[0])
            r = x86_op(l, IR_VINSL, lane, 0, i | (from[i] % n) << 8, r, from[i] < n ? a : b);
    return r;
}

static ir_ref shuffle_lanes(struct x86_lift *l, const struct x86_insn *in, unsigned h, ir_ref a)
{
    uint8_t from[8];
    unsigned imm = (unsigned)in->imm;
    if (in->row->arg == 0) {
        for (unsigned i = 0; i < 4; i++)
            from[i] = imm >> 2 * i & 3;
        return gather_lanes(l, IR_I32, 4, from, a, a);
    }
    for (unsigned i = 0; i < 8; i++) {
        unsigned part = in->row->arg == 1 ? 4 : 0;
        from[i] = (uint8_t)(i - part < 4 ? part + (imm >> 2 * (i - part) & 3) : i);
    }
    return gather_lanes(l, IR_I16, ir_type_size(ir_type_of(l->u, a)) / 2, from, a, a);
}

void x86_lift_pshuf(struct x86_lift *l, const struct x86_insn *in)
{
    x86_each1(l, in, shuffle_lanes);
}

static ir_ref shuffle_pair(struct x86_lift *l, const struct x86_insn *in, unsigned h, ir_ref a, ir_ref b)
{
    unsigned imm = (unsigned)in->imm;
    if (in->row->lane == IR_I64) {
        const uint8_t from[2] = {imm >> 2 * h & 1, 2 + (imm >> (2 * h + 1) & 1)};
        return gather_lanes(l, IR_I64, 2, from, a, b);
    }
    const uint8_t from[4] = {imm & 3, imm >> 2 & 3, 4 + (imm >> 4 & 3), 4 + (imm >> 6 & 3)};
    return gather_lanes(l, IR_I32, 4, from, a, b);
}

void x86_lift_shufp(struct x86_lift *l, const struct x86_insn *in)
{
    x86_each2(l, in, shuffle_pair);
}

static ir_ref shuffle_bytes(struct x86_lift *l, const struct x86_insn *in, unsigned h, ir_ref a, ir_ref b)
{
    enum ir_type t = ir_type_of(l->u, a);
    ir_ref index = x86_op(l, IR_VAND, IR_VOID, 0, 0, b, x86_splat(l, t, IR_I8, t == IR_V64 ? 0x87 : 0x8f));
    return ir_vec(l->u, IR_VTBL, t, IR_VOID, 0, 0, x86_zext(l, IR_V128, a), index, x86_zero(l, t));
}

void x86_lift_pshufb(struct x86_lift *l, const struct x86_insn *in)
{
    x86_each2(l, in, shuffle_bytes);
}

static ir_ref align_right(struct x86_lift *l, const struct x86_insn *in, unsigned h, ir_ref a, ir_ref b)
{
    enum ir_type t = ir_type_of(l->u, a);
    unsigned n = ir_type_size(t), by = (unsigned)in->imm & 0xff;
    if (by < n)
        return by ? x86_op(l, IR_VEXTR, IR_VOID, 0, by, b, a) : b;
    if (by >= 2 * n)
        return x86_zero(l, t);
    return by == n ? a : x86_op(l, IR_VEXTR, IR_VOID, 0, by - n, a, x86_zero(l, t));
}

void x86_lift_palignr(struct x86_lift *l, const struct x86_insn *in)
{
    x86_each2(l, in, align_right);
}

static ir_ref shift_bytes(struct x86_lift *l, const struct x86_insn *in, unsigned h, ir_ref a)
{
    unsigned by = (unsigned)in->imm & 0xff;
    if (by > 15)
        return x86_zero(l, IR_V128);
    if (!by)
        return a;
    if (in->row->arg) /* left */
        return x86_op(l, IR_VEXTR, IR_VOID, 0, 16 - by, x86_zero(l, IR_V128), a);
    return x86_op(l, IR_VEXTR, IR_VOID, 0, by, a, x86_zero(l, IR_V128));
}

void x86_lift_vshift_bytes(struct x86_lift *l, const struct x86_insn *in)
{
    x86_each1(l, in, shift_bytes);
}

/* ---- inserts, extracts, blends ---------------------------------------------------------------------------- */

void x86_lift_pinsr(struct x86_lift *l, const struct x86_insn *in)
{
    enum ir_type lane = (enum ir_type)in->row->arg, t = x86_vtype(in);
    unsigned n = (unsigned)in->imm & (ir_type_size(t) / ir_type_size(lane) - 1);
    ir_ref v = x86_read(l, in, 2);
    x86_set_vec(l, in, 0, ir_vec(l->u, IR_VINS, t, lane, 0, n, x86_vec(l, in, 1, 0), v, IR_NONE), IR_NONE);
}

void x86_lift_pextr(struct x86_lift *l, const struct x86_insn *in)
{
    enum ir_type lane = (enum ir_type)in->row->arg, t = x86_vtype(in);
    unsigned n = (unsigned)in->imm & (ir_type_size(t) / ir_type_size(lane) - 1);
    ir_ref v = x86_lane(l, lane, lane, n, x86_vec(l, in, 1, 0));
    if (in->op[0].kind == X86_OPERAND_MEM)
        x86_store(l, x86_address(l, in), v);
    else
        x86_set_gpr(l, in->op[0].reg, lane == IR_I64 ? v : x86_zext(l, IR_I32, v));
}

void x86_lift_insertps(struct x86_lift *l, const struct x86_insn *in)
{
    unsigned imm = (unsigned)in->imm, to = imm >> 4 & 3, from = imm >> 6 & 3;
    ir_ref r = x86_vec(l, in, 1, 0);
    ir_ref b = x86_vec(l, in, 2, 0);
    r = x86_op(l, IR_VINSL, IR_I32, 0, to | (in->op[2].kind == X86_OPERAND_MEM ? 0 : from) << 8, r, b);
    for (unsigned i = 0; i < 4; i++)
        if (imm >> i & 1)
            r = ir_vec(l->u, IR_VINS, IR_V128, IR_I32, 0, i, r, ir_const(l->u, IR_I32, 0), IR_NONE);
    x86_set_vec(l, in, 0, r, IR_NONE);
}

static ir_ref blend(struct x86_lift *l, const struct x86_insn *in, unsigned h, ir_ref a, ir_ref b)
{
    enum ir_type lane = (enum ir_type)in->row->arg;
    unsigned n = 16 / ir_type_size(lane), imm = (unsigned)in->imm;
    if (h && lane != IR_I16)
        imm >>= n;
    for (unsigned i = 0; i < n; i++)
        if (imm >> i & 1)
            a = x86_op(l, IR_VINSL, lane, 0, i | i << 8, a, b);
    return a;
}

void x86_lift_blend(struct x86_lift *l, const struct x86_insn *in)
{
    x86_each2(l, in, blend);
}

static ir_ref blend_by(struct x86_lift *l, const struct x86_insn *in, unsigned h, ir_ref a, ir_ref b)
{
    enum ir_type lane = (enum ir_type)in->row->arg;
    ir_ref mask = x86_op(l, IR_VSHRI, lane, 1, 8 * ir_type_size(lane) - 1, x86_vec(l, in, 3, h), IR_NONE);
    return ir_vec(l->u, IR_VSEL, IR_V128, IR_VOID, 0, 0, mask, b, a);
}

void x86_lift_blendv(struct x86_lift *l, const struct x86_insn *in)
{
    x86_each2(l, in, blend_by);
}
