/* Data processing with registers (Arm ARM C4.1.95). */
#include "arm64_isa.h"
#include "guest/arm64/lift.h"

/* Register m shifted by an immediate: 0 LSL, 1 LSR, 2 ASR, 3 ROR. */
static const uint8_t shift_ops[4] = {IR_SHL, IR_SHR, IR_SAR, IR_ROR};

static ir_ref shifted(struct arm64_lift *l, enum ir_type t, uint32_t m, uint32_t shift,
                      uint32_t amount)
{
    ir_ref v = arm64_x(l, t, m);
    return amount ? ir_bin_imm(l->u, (enum ir_op)shift_ops[shift], v, amount) : v;
}

void arm64_lift_logical_shift(struct arm64_lift *l, const struct arm64_args_logical_shift *a)
{
    static const uint8_t ops[4] = {IR_AND, IR_OR, IR_XOR, IR_AND};
    enum ir_type t = arm64_int_type(a->sf);
    ir_ref m = shifted(l, t, a->Rm, a->shift, a->imm6), r;
    if (a->op == 1 && a->Rn == 31) /* MOV, MVN */
        r = a->invert ? ir_un(l->u, IR_NOT, m) : m;
    else if (a->invert && (a->op == 0 || a->op == 3))
        r = ir_bin(l->u, IR_ANDN, arm64_x(l, t, a->Rn), m);
    else
        r = ir_bin(l->u, (enum ir_op)ops[a->op], arm64_x(l, t, a->Rn),
                   a->invert ? ir_un(l->u, IR_NOT, m) : m);
    arm64_set_x(l, a->Rd, r);
    if (a->op == 3)
        arm64_set_flags_logic(l, r);
}

void arm64_lift_add_sub_shift(struct arm64_lift *l, const struct arm64_args_add_sub_shift *a)
{
    enum ir_type t = arm64_int_type(a->sf);
    ir_ref m = shifted(l, t, a->Rm, a->shift, a->imm6);
    if (a->sub && !a->flags && a->Rn == 31)
        arm64_set_x(l, a->Rd, ir_un(l->u, IR_NEG, m));
    else
        arm64_add_sub(l, a->Rd, arm64_x(l, t, a->Rn), m, a->sub, a->flags, false);
}

void arm64_lift_add_sub_ext(struct arm64_lift *l, const struct arm64_args_add_sub_ext *a)
{
    static const uint8_t from[4] = {IR_I8, IR_I16, IR_I32, IR_I64};
    enum ir_type t = arm64_int_type(a->sf), small = (enum ir_type)from[a->option & 3];
    if (small > t)
        small = t;
    ir_ref m = ir_conv(l->u, a->option & 4 ? IR_SEXT : IR_ZEXT, t, arm64_x(l, small, a->Rm));
    if (a->imm3)
        m = ir_bin_imm(l->u, IR_SHL, m, a->imm3);
    arm64_add_sub(l, a->Rd, arm64_xsp(l, t, a->Rn), m, a->sub, a->flags, true);
}

/* The slot's CF is a borrow: as it is for SBC, inverted for ADC. */
void arm64_lift_add_sub_carry(struct arm64_lift *l, const struct arm64_args_add_sub_carry *a)
{
    enum ir_type t = arm64_int_type(a->sf);
    ir_ref n = arm64_x(l, t, a->Rn), m = arm64_x(l, t, a->Rm), f = arm64_flags(l);
    if (!a->sub)
        f = ir_flags(l->u, IR_FLAGS_CMC, f, IR_NONE, IR_NONE);
    arm64_set_x(l, a->Rd, ir_tern(l->u, a->sub ? IR_SBC : IR_ADC, n, m, f));
    if (a->flags) {
        ir_ref r = ir_flags(l->u, a->sub ? IR_FLAGS_SBC : IR_FLAGS_ADC, n, m, f);
        arm64_set_flags(l, a->sub ? r : ir_flags(l->u, IR_FLAGS_CMC, r, IR_NONE, IR_NONE));
    }
}

/* ---- flags
 * --------------------------------------------------------------------------------------- */

static ir_ref merge_flags(struct arm64_lift *l, ir_ref bits, uint32_t mask)
{
    ir_ref f = ir_flags(l->u, IR_FLAGS_PACK, bits, IR_NONE, IR_NONE);
    return ir_emit(
        l->u,
        (struct ir_inst){
            .op = IR_FLAGS_MERGE, .type = IR_FLAGS, .a = arm64_flags(l), .b = f, .imm = mask});
}

void arm64_lift_rmif(struct arm64_lift *l, const struct arm64_args_rmif *a)
{
    uint32_t mask = (a->mask & 8 ? IR_FLAG_S : 0) | (a->mask & 4 ? IR_FLAG_Z : 0) |
                    (a->mask & 2 ? IR_FLAG_C : 0) | (a->mask & 1 ? IR_FLAG_O : 0);
    if (mask == 0)
        return;
    ir_ref v = arm64_x(l, IR_I64, a->Rn);
    v = a->imm6 ? ir_bin_imm(l->u, IR_ROR, v, a->imm6) : v;
    v = ir_bin_imm(l->u, IR_SHL, ir_conv(l->u, IR_TRUNC, IR_I32, v), 28);
    arm64_set_flags(l, merge_flags(l, arm64_nzcv_to_bits(l, v), mask));
}

void arm64_lift_setf(struct arm64_lift *l, const struct arm64_args_setf *a)
{
    ir_ref v = arm64_x(l, IR_I32, a->Rn);
    ir_ref low = ir_field(l->u, IR_BFX, v, IR_NONE, 0, a->width);
    ir_ref n = ir_field(l->u, IR_BFX, v, IR_NONE, a->width - 1, 1);
    ir_ref z =
        ir_conv(l->u, IR_ZEXT, IR_I32, ir_cmp(l->u, IR_CC_E, low, ir_const(l->u, IR_I32, 0)));
    ir_ref o = ir_bin(l->u, IR_XOR, n, ir_field(l->u, IR_BFX, v, IR_NONE, a->width, 1));
    ir_ref bits =
        ir_bin(l->u, IR_OR, ir_bin_imm(l->u, IR_SHL, n, 15), ir_bin_imm(l->u, IR_SHL, z, 14));
    bits = ir_bin(l->u, IR_OR, bits, o);
    arm64_set_flags(l, merge_flags(l, bits, IR_FLAG_S | IR_FLAG_Z | IR_FLAG_O));
}

static void conditional_compare(struct arm64_lift *l, uint32_t sub, uint32_t cond, uint32_t nzcv,
                                ir_ref n, ir_ref m)
{
    ir_ref c = arm64_condition(l, cond);
    ir_ref f = ir_flags(l->u, sub ? IR_FLAGS_SUB : IR_FLAGS_ADD, n, m, IR_NONE);
    if (!sub)
        f = ir_flags(l->u, IR_FLAGS_CMC, f, IR_NONE, IR_NONE);
    arm64_set_flags(l, ir_select(l->u, c, f, arm64_flags_const(l, nzcv)));
}

void arm64_lift_ccmp_reg(struct arm64_lift *l, const struct arm64_args_ccmp_reg *a)
{
    enum ir_type t = arm64_int_type(a->sf);
    conditional_compare(l, a->sub, a->cond, a->nzcv, arm64_x(l, t, a->Rn), arm64_x(l, t, a->Rm));
}

void arm64_lift_ccmp_imm(struct arm64_lift *l, const struct arm64_args_ccmp_imm *a)
{
    enum ir_type t = arm64_int_type(a->sf);
    conditional_compare(l, a->sub, a->cond, a->nzcv, arm64_x(l, t, a->Rn),
                        ir_const(l->u, t, a->imm5));
}

void arm64_lift_csel(struct arm64_lift *l, const struct arm64_args_csel *a)
{
    enum ir_type t = arm64_int_type(a->sf);
    if (a->Rn == 31 && a->Rm == 31 && a->cond < 14 && a->invert != a->increment) { /* CSET, CSETM */
        ir_ref c = arm64_condition(l, a->cond ^ 1);
        arm64_set_x(l, a->Rd, ir_conv(l->u, a->invert ? IR_SEXT : IR_ZEXT, t, c));
        return;
    }
    ir_ref c = arm64_condition(l, a->cond);
    ir_ref n = arm64_x(l, t, a->Rn), m = arm64_x(l, t, a->Rm);
    if (a->invert)
        m = ir_un(l->u, a->increment ? IR_NEG : IR_NOT, m);
    else if (a->increment)
        m = ir_bin_imm(l->u, IR_ADD, m, 1);
    arm64_set_x(l, a->Rd, ir_select(l->u, c, n, m));
}

/* ---- one, two and three sources
 * ------------------------------------------------------------------- */

void arm64_lift_div(struct arm64_lift *l, const struct arm64_args_div *a)
{
    enum ir_type t = arm64_int_type(a->sf);
    ir_ref n = arm64_x(l, t, a->Rn), m = arm64_x(l, t, a->Rm);
    arm64_set_x(l, a->Rd, ir_bin(l->u, a->is_signed ? IR_SDIV : IR_UDIV, n, m));
}

void arm64_lift_shift_reg(struct arm64_lift *l, const struct arm64_args_shift_reg *a)
{
    enum ir_type t = arm64_int_type(a->sf);
    ir_ref n = arm64_x(l, t, a->Rn), m = arm64_x(l, t, a->Rm);
    arm64_set_x(l, a->Rd, ir_bin(l->u, (enum ir_op)shift_ops[a->op], n, m));
}

void arm64_lift_crc32(struct arm64_lift *l, const struct arm64_args_crc32 *a)
{
    static const uint8_t lanes[4] = {IR_I8, IR_I16, IR_I32, IR_I64};
    ir_ref m = arm64_x(l, a->size == 3 ? IR_I64 : IR_I32, a->Rm);
    ir_ref n = arm64_x(l, IR_I32, a->Rn);
    arm64_set_x(l, a->Rd,
                ir_vec(l->u, IR_CRC32, IR_I32, (enum ir_type)lanes[a->size], a->castagnoli, 0, n, m,
                       IR_NONE));
}

void arm64_lift_rbit(struct arm64_lift *l, const struct arm64_args_rbit *a)
{
    arm64_set_x(l, a->Rd, ir_un(l->u, IR_BITREV, arm64_x(l, arm64_int_type(a->sf), a->Rn)));
}

void arm64_lift_rev16(struct arm64_lift *l, const struct arm64_args_rev16 *a)
{
    ir_ref v = arm64_x(l, arm64_int_type(a->sf), a->Rn);
    uint64_t mask = 0x00ff00ff00ff00ffull & (a->sf ? ~0ull : 0xffffffffu);
    ir_ref high = ir_bin_imm(l->u, IR_SHL, ir_bin_imm(l->u, IR_AND, v, mask), 8);
    ir_ref low = ir_bin_imm(l->u, IR_AND, ir_bin_imm(l->u, IR_SHR, v, 8), mask);
    arm64_set_x(l, a->Rd, ir_bin(l->u, IR_OR, high, low));
}

void arm64_lift_rev(struct arm64_lift *l, const struct arm64_args_rev *a)
{
    arm64_set_x(l, a->Rd, ir_un(l->u, IR_BSWAP, arm64_x(l, arm64_int_type(a->sf), a->Rn)));
}

void arm64_lift_rev32(struct arm64_lift *l, const struct arm64_args_rev32 *a)
{
    ir_ref v = ir_un(l->u, IR_BSWAP, arm64_x(l, IR_I64, a->Rn));
    arm64_set_x(l, a->Rd, ir_bin_imm(l->u, IR_ROR, v, 32));
}

void arm64_lift_clz(struct arm64_lift *l, const struct arm64_args_clz *a)
{
    arm64_set_x(l, a->Rd, ir_un(l->u, IR_CLZ, arm64_x(l, arm64_int_type(a->sf), a->Rn)));
}

void arm64_lift_cls(struct arm64_lift *l, const struct arm64_args_cls *a)
{
    ir_ref v = arm64_x(l, arm64_int_type(a->sf), a->Rn);
    ir_ref changes = ir_bin(l->u, IR_XOR, v, ir_bin_imm(l->u, IR_SAR, v, 1));
    arm64_set_x(l, a->Rd, ir_bin_imm(l->u, IR_SUB, ir_un(l->u, IR_CLZ, changes), 1));
}

static void multiply_add(struct arm64_lift *l, uint32_t sub, enum ir_type t, uint32_t Rd,
                         uint32_t Ra, ir_ref n, ir_ref m)
{
    ir_ref r = ir_bin(l->u, IR_MUL, n, m);
    if (Ra != 31)
        r = ir_bin(l->u, sub ? IR_SUB : IR_ADD, arm64_x(l, t, Ra), r);
    else if (sub)
        r = ir_un(l->u, IR_NEG, r);
    arm64_set_x(l, Rd, r);
}

void arm64_lift_madd(struct arm64_lift *l, const struct arm64_args_madd *a)
{
    enum ir_type t = arm64_int_type(a->sf);
    multiply_add(l, a->sub, t, a->Rd, a->Ra, arm64_x(l, t, a->Rn), arm64_x(l, t, a->Rm));
}

void arm64_lift_maddl(struct arm64_lift *l, const struct arm64_args_maddl *a)
{
    enum ir_op extend = a->is_signed ? IR_SEXT : IR_ZEXT;
    ir_ref n = ir_conv(l->u, extend, IR_I64, arm64_x(l, IR_I32, a->Rn));
    ir_ref m = ir_conv(l->u, extend, IR_I64, arm64_x(l, IR_I32, a->Rm));
    multiply_add(l, a->sub, IR_I64, a->Rd, a->Ra, n, m);
}

void arm64_lift_mulh(struct arm64_lift *l, const struct arm64_args_mulh *a)
{
    ir_ref n = arm64_x(l, IR_I64, a->Rn), m = arm64_x(l, IR_I64, a->Rm);
    arm64_set_x(l, a->Rd, ir_bin(l->u, a->is_signed ? IR_MULHS : IR_MULHU, n, m));
}
