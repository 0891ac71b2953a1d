/* Loads and stores of SIMD&FP registers (Arm ARM C4.1.94).  `bytes` is the logarithm of the size.
 *
 * State is exact where an access may fault: registers and the base are written after the last
 * access. */
#include "arm64_isa.h"
#include "guest/arm64/lift.h"
#include "guest/arm64/simd.h"

/* The value loaded as whatever simd_put takes. */
static ir_ref load(struct arm64_lift *l, uint32_t bytes, struct arm64_address at)
{
    static const uint8_t types[] = {IR_I8, IR_F16, IR_F32, IR_V64, IR_V128};

    if (bytes == 0)
        return ir_conv(l->u, IR_BITCAST, IR_F32, arm64_load(l, IR_LOAD, IR_I32, IR_I8, at, 0));
    return arm64_load(l, IR_LOAD, (enum ir_type)types[bytes], (enum ir_type)types[bytes], at, 0);
}

static void store(struct arm64_lift *l, uint32_t bytes, struct arm64_address at, uint32_t Rt)
{
    static const uint8_t types[] = {IR_I8, IR_F16, IR_F32, IR_V64, IR_V128};
    enum ir_type t = (enum ir_type)types[bytes];

    if (bytes == 0) {
        ir_ref all = simd_all(l->u, Rt);
        arm64_store(l, IR_I8, at, ir_vec(l->u, IR_VEXT, IR_I32, IR_I8, 0, 0, all, IR_NONE, IR_NONE),
                    0);
    } else {
        arm64_store(l, t, at, ir_get(l->u, t, ARM64_V0 + Rt), 0);
    }
}

void arm64_lift_simd_load_imm12(struct arm64_lift *l, const struct arm64_args_simd_load_imm12 *a)
{
    ir_ref base = arm64_xsp(l, IR_I64, a->Rn);

    simd_put(l->u, a->Rt, load(l, a->bytes, arm64_address(l, base, (int64_t)a->imm12 << a->bytes)));
}

void arm64_lift_simd_store_imm12(struct arm64_lift *l, const struct arm64_args_simd_store_imm12 *a)
{
    ir_ref base = arm64_xsp(l, IR_I64, a->Rn);

    store(l, a->bytes, arm64_address(l, base, (int64_t)a->imm12 << a->bytes), a->Rt);
}

void arm64_lift_simd_load_imm9(struct arm64_lift *l, const struct arm64_args_simd_load_imm9 *a)
{
    int64_t offset = sign_extend(a->imm9, 9);
    ir_ref base = arm64_xsp(l, IR_I64, a->Rn);

    simd_put(l->u, a->Rt, load(l, a->bytes, arm64_address_indexed(l, base, offset, a->writeback)));
    arm64_writeback(l, a->Rn, base, offset, a->writeback);
}

void arm64_lift_simd_store_imm9(struct arm64_lift *l, const struct arm64_args_simd_store_imm9 *a)
{
    int64_t offset = sign_extend(a->imm9, 9);
    ir_ref base = arm64_xsp(l, IR_I64, a->Rn);

    store(l, a->bytes, arm64_address_indexed(l, base, offset, a->writeback), a->Rt);
    arm64_writeback(l, a->Rn, base, offset, a->writeback);
}

void arm64_lift_simd_load_reg(struct arm64_lift *l, const struct arm64_args_simd_load_reg *a)
{
    ir_ref base = arm64_xsp(l, IR_I64, a->Rn);

    simd_put(
        l->u, a->Rt,
        load(l, a->bytes, arm64_address_extended(l, base, a->Rm, a->option, a->S ? a->bytes : 0)));
}

void arm64_lift_simd_store_reg(struct arm64_lift *l, const struct arm64_args_simd_store_reg *a)
{
    ir_ref base = arm64_xsp(l, IR_I64, a->Rn);

    store(l, a->bytes, arm64_address_extended(l, base, a->Rm, a->option, a->S ? a->bytes : 0),
          a->Rt);
}

void arm64_lift_simd_load_literal(struct arm64_lift *l,
                                  const struct arm64_args_simd_load_literal *a)
{
    uint64_t address = l->pc + (uint64_t)sign_extend(a->imm19, 19) * 4;
    struct arm64_address at = {.base = ir_const_pc(l->u, address)};

    simd_put(l->u, a->Rt, load(l, a->opc + 2, at));
}

void arm64_lift_simd_load_pair(struct arm64_lift *l, const struct arm64_args_simd_load_pair *a)
{
    int64_t size = 4 << a->opc, offset = sign_extend(a->imm7, 7) * size;
    ir_ref base = arm64_xsp(l, IR_I64, a->Rn);
    struct arm64_address at = arm64_address_indexed(l, base, offset, a->writeback);
    ir_ref first = load(l, a->opc + 2, at);
    ir_ref second = load(l, a->opc + 2, arm64_address_plus(at, size));

    simd_put(l->u, a->Rt, first);
    simd_put(l->u, a->Rt2, second);
    arm64_writeback(l, a->Rn, base, offset, a->writeback);
}

void arm64_lift_simd_store_pair(struct arm64_lift *l, const struct arm64_args_simd_store_pair *a)
{
    int64_t size = 4 << a->opc, offset = sign_extend(a->imm7, 7) * size;
    ir_ref base = arm64_xsp(l, IR_I64, a->Rn);
    struct arm64_address at = arm64_address_indexed(l, base, offset, a->writeback);

    store(l, a->opc + 2, at, a->Rt);
    store(l, a->opc + 2, arm64_address_plus(at, size), a->Rt2);
    arm64_writeback(l, a->Rn, base, offset, a->writeback);
}
