/* Data processing with immediates (Arm ARM C4.1.92). */
#include "arm64_isa.h"
#include "guest/arm64/lift.h"

void arm64_lift_add_sub_imm(struct arm64_lift *l, const struct arm64_args_add_sub_imm *a)
{
    enum ir_type t = arm64_int_type(a->sf);
    ir_ref n = arm64_xsp(l, t, a->Rn);
    if (a->imm12 == 0 && !a->flags) { /* MOV to and from SP */
        arm64_set_xsp(l, a->Rd, n);
        return;
    }
    ir_ref m = ir_const(l->u, t, (uint64_t)a->imm12 << (a->sh ? 12 : 0));
    arm64_add_sub(l, a->Rd, n, m, a->sub, a->flags, true);
}

void arm64_lift_adr(struct arm64_lift *l, const struct arm64_args_adr *a)
{
    uint64_t offset = (uint64_t)sign_extend(a->immhi << 2 | a->immlo, 21);
    uint64_t value = a->page ? (l->pc & ~0xfffull) + (offset << 12) : l->pc + offset;
    arm64_set_x(l, a->Rd, ir_const_pc(l->u, value));
}

void arm64_lift_logical_imm(struct arm64_lift *l, const struct arm64_args_logical_imm *a)
{
    static const uint8_t ops[4] = {IR_AND, IR_OR, IR_XOR, IR_AND};
    enum ir_type t = arm64_int_type(a->sf);
    uint64_t mask = arm64_bitmask(a->sf, a->N, a->immr, a->imms);
    ir_ref r;
    if (a->op == 1 && a->Rn == 31)
        r = ir_const(l->u, t, mask);
    else
        r = ir_bin_imm(l->u, (enum ir_op)ops[a->op], arm64_x(l, t, a->Rn), mask);
    if (a->op == 3) {
        arm64_set_x(l, a->Rd, r);
        arm64_set_flags_logic(l, r);
    } else {
        arm64_set_xsp(l, a->Rd, r);
    }
}

static void set_constant(struct arm64_lift *l, uint32_t sf, uint32_t Rd, uint64_t v)
{
    arm64_set_x(l, Rd, ir_const(l->u, IR_I64, sf ? v : v & 0xffffffffu));
}

void arm64_lift_movn(struct arm64_lift *l, const struct arm64_args_movn *a)
{
    set_constant(l, a->sf, a->Rd, ~((uint64_t)a->imm16 << (16 * a->hw)));
}

void arm64_lift_movz(struct arm64_lift *l, const struct arm64_args_movz *a)
{
    set_constant(l, a->sf, a->Rd, (uint64_t)a->imm16 << (16 * a->hw));
}

void arm64_lift_movk(struct arm64_lift *l, const struct arm64_args_movk *a)
{
    enum ir_type t = arm64_int_type(a->sf);
    ir_ref d = arm64_x(l, t, a->Rd), v = ir_const(l->u, t, a->imm16);
    arm64_set_x(l, a->Rd, ir_field(l->u, IR_BFI, d, v, 16 * a->hw, 16));
}

/* The common extensions, as a conversion from a narrower register read; IR_NONE if it is none. */
static ir_ref extension(struct arm64_lift *l, enum ir_op op, enum ir_type t, uint32_t Rn,
                        uint32_t immr, uint32_t imms)
{
    if (immr != 0 || (imms != 7 && imms != 15 && imms != 31) || (imms == 31 && t == IR_I32))
        return IR_NONE;
    enum ir_type from = imms == 7 ? IR_I8 : imms == 15 ? IR_I16 : IR_I32;
    return ir_conv(l->u, op, t, arm64_x(l, from, Rn));
}

static ir_ref bitfield(struct arm64_lift *l, bool is_signed, uint32_t sf, uint32_t Rn,
                       uint32_t immr, uint32_t imms)
{
    enum ir_type t = arm64_int_type(sf);
    unsigned width = sf ? 64 : 32;
    ir_ref r = extension(l, is_signed ? IR_SEXT : IR_ZEXT, t, Rn, immr, imms);
    if (r)
        return r;
    enum ir_op extract = is_signed ? IR_BFXS : IR_BFX;
    ir_ref n = arm64_x(l, t, Rn);
    if (imms == width - 1)
        return immr ? ir_bin_imm(l->u, is_signed ? IR_SAR : IR_SHR, n, immr) : n;
    if (imms >= immr)
        return ir_field(l->u, extract, n, IR_NONE, immr, imms - immr + 1);
    if (imms + 1 < immr)
        n = ir_field(l->u, extract, n, IR_NONE, 0, imms + 1);
    return ir_bin_imm(l->u, IR_SHL, n, width - immr);
}

void arm64_lift_bfm_signed(struct arm64_lift *l, const struct arm64_args_bfm_signed *a)
{
    arm64_set_x(l, a->Rd, bitfield(l, true, a->sf, a->Rn, a->immr, a->imms));
}

void arm64_lift_bfm_unsigned(struct arm64_lift *l, const struct arm64_args_bfm_unsigned *a)
{
    arm64_set_x(l, a->Rd, bitfield(l, false, a->sf, a->Rn, a->immr, a->imms));
}

void arm64_lift_bfm(struct arm64_lift *l, const struct arm64_args_bfm *a)
{
    enum ir_type t = arm64_int_type(a->sf);
    ir_ref d = arm64_x(l, t, a->Rd), n = arm64_x(l, t, a->Rn);
    unsigned pos = 0, len = a->imms + 1;
    if (a->imms >= a->immr) {
        n = a->immr ? ir_bin_imm(l->u, IR_SHR, n, a->immr) : n;
        len -= a->immr;
    } else {
        pos = (a->sf ? 64 : 32) - a->immr;
    }
    if (len == (a->sf ? 64 : 32))
        arm64_set_x(l, a->Rd, n);
    else
        arm64_set_x(l, a->Rd, ir_field(l->u, IR_BFI, d, n, pos, len));
}

void arm64_lift_extr(struct arm64_lift *l, const struct arm64_args_extr *a)
{
    enum ir_type t = arm64_int_type(a->sf);
    ir_ref m = arm64_x(l, t, a->Rm), r;
    unsigned amount = a->imms;
#ifdef DEMOTIC_PLANT_DEFECT /* only in the build of tests/planted.sh, which must find it */
    if (amount == 7 && a->Rn != a->Rm)
        amount = 8;
#endif
    if (amount == 0)
        r = m;
    else if (a->Rn == a->Rm)
        r = ir_bin_imm(l->u, IR_ROR, m, amount);
    else
        r = ir_emit(l->u, (struct ir_inst){.op = IR_EXTR,
                                           .type = (uint8_t)t,
                                           .a = arm64_x(l, t, a->Rn),
                                           .b = m,
                                           .imm = amount});
    arm64_set_x(l, a->Rd, r);
}
