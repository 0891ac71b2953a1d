/* Hints, barriers, cache maintenance and system registers at EL0 (Arm ARM C4.1.93, C5).
 *
 * Fences are as weak as the IR has them; ISB is nothing because IC IVAU leaves the unit by itself.
 * Reserved hints, and those of pointer authentication and branch targets, do nothing. */
#include "arm64_isa.h"
#include "guest/arm64/lift.h"

void arm64_lift_nop(struct arm64_lift *l, const struct arm64_args_nop *a) {}
void arm64_lift_hint(struct arm64_lift *l, const struct arm64_args_hint *a) {}
void arm64_lift_isb(struct arm64_lift *l, const struct arm64_args_isb *a) {}

void arm64_lift_yield(struct arm64_lift *l, const struct arm64_args_yield *a)
{
    ir_exit(l->u, IR_EXIT_YIELD, l->pc + 4, IR_NONE);
    l->ended = true;
}

void arm64_lift_clrex(struct arm64_lift *l, const struct arm64_args_clrex *a)
{
    ir_set(l->u, ARM64_EXCL_ADDR, ir_const(l->u, IR_I64, ~0ull));
}

void arm64_lift_barrier(struct arm64_lift *l, const struct arm64_args_barrier *a)
{
    static const uint8_t kinds[4] = {IR_FENCE_FULL, IR_FENCE_LOAD, IR_FENCE_STORE, IR_FENCE_FULL};
    ir_emit(l->u, (struct ir_inst){.op = IR_FENCE, .attr = kinds[a->CRm & 3]});
}

/* ---- flags
 * ----------------------------------------------------------------------------------------- */

void arm64_lift_cfinv(struct arm64_lift *l, const struct arm64_args_cfinv *a)
{
    arm64_set_flags(l, ir_flags(l->u, IR_FLAGS_CMC, arm64_flags(l), IR_NONE, IR_NONE));
}

static ir_ref flags_bits(struct arm64_lift *l)
{
    return ir_emit(l->u,
                   (struct ir_inst){.op = IR_FLAGS_BITS, .type = IR_I32, .a = arm64_flags(l)});
}

/* Bit `flag` of a flags value's 32 bits, as 0 or 1. */
static ir_ref flag_bit(struct arm64_lift *l, ir_ref bits, uint32_t flag)
{
    return ir_field(l->u, IR_BFX, bits, IR_NONE, (unsigned)__builtin_ctz(flag), 1);
}

static ir_ref place(struct arm64_lift *l, ir_ref sum, ir_ref bit, uint32_t flag)
{
    return ir_bin(l->u, IR_OR, sum, ir_bin_imm(l->u, IR_SHL, bit, (unsigned)__builtin_ctz(flag)));
}

/* N := 0, Z := Z | V, C := C & !V, V := 0. */
void arm64_lift_axflag(struct arm64_lift *l, const struct arm64_args_axflag *a)
{
    struct ir_unit *u = l->u;
    ir_ref bits = flags_bits(l);
    ir_ref z = flag_bit(l, bits, IR_FLAG_Z), c = flag_bit(l, bits, IR_FLAG_C),
           v = flag_bit(l, bits, IR_FLAG_O);
    ir_ref r = place(l, ir_const(u, IR_I32, 0), ir_bin(u, IR_OR, z, v), IR_FLAG_Z);
    r = place(l, r, ir_bin(u, IR_OR, c, v), IR_FLAG_C); /* the slot has !C */
    arm64_set_flags(l, ir_flags(u, IR_FLAGS_PACK, r, IR_NONE, IR_NONE));
}

/* N := !C & !Z, Z := Z & C, C := C | Z, V := !C & Z. */
void arm64_lift_xaflag(struct arm64_lift *l, const struct arm64_args_xaflag *a)
{
    struct ir_unit *u = l->u;
    ir_ref bits = flags_bits(l);
    ir_ref z = flag_bit(l, bits, IR_FLAG_Z), not_c = flag_bit(l, bits, IR_FLAG_C);
    ir_ref n = ir_bin(u, IR_ANDN, not_c, z);
    ir_ref r = place(l, ir_const(u, IR_I32, 0), n, IR_FLAG_S);
    r = place(l, r, ir_bin(u, IR_ANDN, z, not_c), IR_FLAG_Z);
    r = place(l, r, n, IR_FLAG_C);
    r = place(l, r, ir_bin(u, IR_AND, not_c, z), IR_FLAG_O);
    arm64_set_flags(l, ir_flags(u, IR_FLAGS_PACK, r, IR_NONE, IR_NONE));
}

/* ---- cache maintenance
 * ------------------------------------------------------------------------------ */

void arm64_lift_ic_ivau(struct arm64_lift *l, const struct arm64_args_ic_ivau *a)
{
    ir_ref address = arm64_address(l, arm64_x(l, IR_I64, a->Rt), 0).base;
    ir_exit(l->u, IR_EXIT_ICACHE, l->pc + 4, address);
    l->ended = true;
}

/* 64 bytes (DCZID_EL0.BS = 4), which never cross a page. */
void arm64_lift_dc_zva(struct arm64_lift *l, const struct arm64_args_dc_zva *a)
{
    ir_ref base = ir_bin_imm(l->u, IR_AND, arm64_x(l, IR_I64, a->Rt), ~63ull);
    ir_ref zero = ir_const(l->u, IR_V128, 0);
    struct arm64_address at = arm64_address(l, base, 0);
    for (unsigned i = 0; i < 64; i += 16)
        arm64_store(l, IR_V128, arm64_address_plus(at, i), zero, 0);
}

/* Nothing to clean; but the address must be readable. */
void arm64_lift_dc_clean(struct arm64_lift *l, const struct arm64_args_dc_clean *a)
{
    struct arm64_address at = arm64_address(l, arm64_x(l, IR_I64, a->Rt), 0);
    arm64_load(l, IR_LOAD, IR_I32, IR_I8, at, 0);
}

/* ---- system registers
 * -------------------------------------------------------------------------------- */

ir_ref arm64_nzcv_to_bits(struct arm64_lift *l, ir_ref v)
{
    struct ir_unit *u = l->u;
    ir_ref nz = ir_bin_imm(u, IR_AND, ir_bin_imm(u, IR_SHR, v, 16), IR_FLAG_S | IR_FLAG_Z);
    ir_ref c = ir_bin_imm(u, IR_AND, ir_bin_imm(u, IR_SHR, ir_un(u, IR_NOT, v), 21), IR_FLAG_C);
    ir_ref o = ir_field(u, IR_BFX, v, IR_NONE, 28, 1);
    return ir_bin(u, IR_OR, ir_bin(u, IR_OR, nz, c), o);
}

void arm64_lift_mrs_nzcv(struct arm64_lift *l, const struct arm64_args_mrs_nzcv *a)
{
    struct ir_unit *u = l->u;
    ir_ref bits = flags_bits(l);
    ir_ref nz = ir_bin_imm(u, IR_SHL, ir_bin_imm(u, IR_AND, bits, IR_FLAG_S | IR_FLAG_Z), 16);
    ir_ref c = ir_bin_imm(u, IR_SHL, ir_bin_imm(u, IR_AND, ir_un(u, IR_NOT, bits), IR_FLAG_C), 21);
    ir_ref o = ir_bin_imm(u, IR_SHL, ir_bin_imm(u, IR_AND, bits, IR_FLAG_O), 28);
    arm64_set_x(l, a->Rt, ir_bin(u, IR_OR, ir_bin(u, IR_OR, nz, c), o));
}

void arm64_lift_msr_nzcv(struct arm64_lift *l, const struct arm64_args_msr_nzcv *a)
{
    ir_ref bits = arm64_nzcv_to_bits(l, arm64_x(l, IR_I32, a->Rt));
    arm64_set_flags(l, ir_flags(l->u, IR_FLAGS_PACK, bits, IR_NONE, IR_NONE));
}

void arm64_lift_mrs_fpcr(struct arm64_lift *l, const struct arm64_args_mrs_fpcr *a)
{
    arm64_set_x(l, a->Rt, ir_get(l->u, IR_I32, ARM64_FPCR));
}

void arm64_lift_msr_fpcr(struct arm64_lift *l, const struct arm64_args_msr_fpcr *a)
{
    ir_ref v = ir_bin_imm(l->u, IR_AND, arm64_x(l, IR_I32, a->Rt), ARM64_FPCR_BITS);
    ir_set(l->u, ARM64_FPCR, v);
    ir_exit(l->u, IR_EXIT_MODE, l->pc + 4, IR_NONE);
    l->ended = true;
}

/* FPSR: the cumulative bits have the places of FP_*; QC is bit 27. */
void arm64_lift_mrs_fpsr(struct arm64_lift *l, const struct arm64_args_mrs_fpsr *a)
{
    struct ir_unit *u = l->u;
    ir_ref flags = ir_emit(u, (struct ir_inst){.op = IR_FPFLAGS_GET, .type = IR_I32});
    ir_ref qc = ir_get(u, IR_V128, ARM64_QC);
    ir_ref low = ir_vec(u, IR_VEXT, IR_I64, IR_I64, 0, 0, qc, IR_NONE, IR_NONE);
    ir_ref high = ir_vec(u, IR_VEXT, IR_I64, IR_I64, 0, 1, qc, IR_NONE, IR_NONE);
    ir_ref any = ir_cmp(u, IR_CC_NE, ir_bin(u, IR_OR, low, high), ir_const(u, IR_I64, 0));
    ir_ref bit = ir_bin_imm(u, IR_SHL, ir_conv(u, IR_ZEXT, IR_I32, any), 27);
    arm64_set_x(l, a->Rt, ir_bin(u, IR_OR, flags, bit));
}

void arm64_lift_msr_fpsr(struct arm64_lift *l, const struct arm64_args_msr_fpsr *a)
{
    struct ir_unit *u = l->u;
    ir_ref v = arm64_x(l, IR_I32, a->Rt);
    ir_emit(
        u, (struct ir_inst){.op = IR_FPFLAGS_SET, .a = ir_bin_imm(u, IR_AND, v, ARM64_FPSR_FLAGS)});
    ir_ref qc = ir_conv(u, IR_ZEXT, IR_I64, ir_field(u, IR_BFX, v, IR_NONE, 27, 1));
    ir_set(u, ARM64_QC, ir_conv(u, IR_ZEXT, IR_V128, ir_conv(u, IR_BITCAST, IR_V64, qc)));
}

void arm64_lift_mrs_tpidr(struct arm64_lift *l, const struct arm64_args_mrs_tpidr *a)
{
    arm64_set_x(l, a->Rt, ir_get(l->u, IR_I64, ARM64_TPIDR));
}

void arm64_lift_msr_tpidr(struct arm64_lift *l, const struct arm64_args_msr_tpidr *a)
{
    ir_set(l->u, ARM64_TPIDR, arm64_x(l, IR_I64, a->Rt));
}

void arm64_lift_mrs_tpidrro(struct arm64_lift *l, const struct arm64_args_mrs_tpidrro *a)
{
    arm64_set_x(l, a->Rt, ir_get(l->u, IR_I64, ARM64_TPIDRRO));
}

void arm64_lift_mrs_constant(struct arm64_lift *l, const struct arm64_args_mrs_constant *a)
{
    arm64_set_x(l, a->Rt, ir_const(l->u, IR_I64, a->value));
}

void arm64_lift_mrs_cntvct(struct arm64_lift *l, const struct arm64_args_mrs_cntvct *a)
{
    ir_helper(l->u, ARM64_HELPER_COUNTER, IR_NONE, a->Rt);
}

void arm64_lift_mrs_id(struct arm64_lift *l, const struct arm64_args_mrs_id *a)
{
    uint64_t v = arm64_id_register(3u << 14 | a->CRm << 3 | a->op2);
    arm64_set_x(l, a->Rt, ir_const(l->u, IR_I64, v));
}
