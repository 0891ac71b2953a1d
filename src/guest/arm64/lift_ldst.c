/* Loads and stores of general registers (Arm ARM C4.1.94) but exclusives and atomics
 * (lift_atomic.c).
 *
 * The base is written back after the access, so that a fault leaves the state as it was; of a pair
 * both are loaded before either register is written.  Where the manual leaves a choice (a register
 * that is both loaded and written back, or loaded twice), the later of Rt, Rt2, writeback wins.
 * SP's alignment is not checked. */
#include "arm64_isa.h"
#include "guest/arm64/lift.h"

/* The tables' `kind`: bits 0-1 log2 of the size, bit 2 sign-extended, bit 3 to a 64-bit register.
 */
static enum ir_type memory_type(uint32_t kind)
{
    return (enum ir_type)(IR_I8 + (kind & 3));
}

static ir_ref load_kind(struct arm64_lift *l, uint32_t kind, struct arm64_address at, unsigned attr)
{
    return arm64_load(l, kind & 4 ? IR_LOADS : IR_LOAD, kind & 8 ? IR_I64 : IR_I32,
                      memory_type(kind), at, attr);
}

static void store_kind(struct arm64_lift *l, uint32_t kind, struct arm64_address at, uint32_t Rt,
                       unsigned attr)
{
    enum ir_type mem = memory_type(kind);
    arm64_store(l, mem, at, arm64_x(l, mem, Rt), attr);
}

void arm64_lift_load_imm9(struct arm64_lift *l, const struct arm64_args_load_imm9 *a)
{
    int64_t offset = sign_extend(a->imm9, 9);
    ir_ref base = arm64_xsp(l, IR_I64, a->Rn);
    ir_ref v = load_kind(l, a->kind, arm64_address_indexed(l, base, offset, a->writeback), 0);
    arm64_set_x(l, a->Rt, v);
    arm64_writeback(l, a->Rn, base, offset, a->writeback);
}

void arm64_lift_store_imm9(struct arm64_lift *l, const struct arm64_args_store_imm9 *a)
{
    int64_t offset = sign_extend(a->imm9, 9);
    ir_ref base = arm64_xsp(l, IR_I64, a->Rn);
    store_kind(l, a->kind, arm64_address_indexed(l, base, offset, a->writeback), a->Rt, 0);
    arm64_writeback(l, a->Rn, base, offset, a->writeback);
}

void arm64_lift_load_imm12(struct arm64_lift *l, const struct arm64_args_load_imm12 *a)
{
    ir_ref base = arm64_xsp(l, IR_I64, a->Rn);
    arm64_set_x(
        l, a->Rt,
        load_kind(l, a->kind, arm64_address(l, base, (int64_t)a->imm12 << (a->kind & 3)), 0));
}

void arm64_lift_store_imm12(struct arm64_lift *l, const struct arm64_args_store_imm12 *a)
{
    ir_ref base = arm64_xsp(l, IR_I64, a->Rn);
    store_kind(l, a->kind, arm64_address(l, base, (int64_t)a->imm12 << (a->kind & 3)), a->Rt, 0);
}

void arm64_lift_load_reg(struct arm64_lift *l, const struct arm64_args_load_reg *a)
{
    ir_ref base = arm64_xsp(l, IR_I64, a->Rn);
    struct arm64_address at =
        arm64_address_extended(l, base, a->Rm, a->option, a->S ? a->kind & 3 : 0);
    arm64_set_x(l, a->Rt, load_kind(l, a->kind, at, 0));
}

void arm64_lift_store_reg(struct arm64_lift *l, const struct arm64_args_store_reg *a)
{
    ir_ref base = arm64_xsp(l, IR_I64, a->Rn);
    struct arm64_address at =
        arm64_address_extended(l, base, a->Rm, a->option, a->S ? a->kind & 3 : 0);
    store_kind(l, a->kind, at, a->Rt, 0);
}

void arm64_lift_load_literal(struct arm64_lift *l, const struct arm64_args_load_literal *a)
{
    uint64_t address = l->pc + (uint64_t)sign_extend(a->imm19, 19) * 4;
    struct arm64_address at = {.base = ir_const_pc(l->u, address)};
    arm64_set_x(l, a->Rt, load_kind(l, a->kind, at, 0));
}

/* op: the manual's prfop. What is to be executed soon (PLI), and what has no name, is not fetched. */
static void prefetch(struct arm64_lift *l, uint32_t op, struct arm64_address at)
{
    static const uint8_t levels[] = {0, IR_PREFETCH_L2, IR_PREFETCH_L3};
    if ((op & 8) || (op >> 1 & 3) == 3)
        return;
    ir_prefetch(l->u, at.base, at.index, at.disp,
                at.scale | levels[op >> 1 & 3] | (op & 1 ? IR_PREFETCH_ONCE : 0) | (op & 16 ? IR_PREFETCH_WRITE : 0));
}

void arm64_lift_prefetch_imm9(struct arm64_lift *l, const struct arm64_args_prefetch_imm9 *a)
{
    prefetch(l, a->Rt, arm64_address(l, arm64_xsp(l, IR_I64, a->Rn), sign_extend(a->imm9, 9)));
}

void arm64_lift_prefetch_imm12(struct arm64_lift *l, const struct arm64_args_prefetch_imm12 *a)
{
    prefetch(l, a->Rt, arm64_address(l, arm64_xsp(l, IR_I64, a->Rn), (int64_t)a->imm12 << 3));
}

void arm64_lift_prefetch_reg(struct arm64_lift *l, const struct arm64_args_prefetch_reg *a)
{
    ir_ref base = arm64_xsp(l, IR_I64, a->Rn);
    prefetch(l, a->Rt, arm64_address_extended(l, base, a->Rm, a->option, a->S ? 3 : 0));
}

void arm64_lift_prefetch_literal(struct arm64_lift *l, const struct arm64_args_prefetch_literal *a)
{
    uint64_t address = l->pc + (uint64_t)sign_extend(a->imm19, 19) * 4;
    prefetch(l, a->Rt, (struct arm64_address){.base = ir_const_pc(l->u, address)});
}

void arm64_lift_load_pair(struct arm64_lift *l, const struct arm64_args_load_pair *a)
{
    int64_t size = 1 << (a->kind & 3), offset = sign_extend(a->imm7, 7) * size;
    ir_ref base = arm64_xsp(l, IR_I64, a->Rn);
    struct arm64_address at = arm64_address_indexed(l, base, offset, a->writeback);
    ir_ref first = load_kind(l, a->kind, at, 0);
    ir_ref second = load_kind(l, a->kind, arm64_address_plus(at, size), 0);
    arm64_set_x(l, a->Rt, first);
    arm64_set_x(l, a->Rt2, second);
    arm64_writeback(l, a->Rn, base, offset, a->writeback);
}

void arm64_lift_store_pair(struct arm64_lift *l, const struct arm64_args_store_pair *a)
{
    int64_t size = 1 << (a->kind & 3), offset = sign_extend(a->imm7, 7) * size;
    ir_ref base = arm64_xsp(l, IR_I64, a->Rn);
    struct arm64_address at = arm64_address_indexed(l, base, offset, a->writeback);
    store_kind(l, a->kind, at, a->Rt, 0);
    store_kind(l, a->kind, arm64_address_plus(at, size), a->Rt2, 0);
    arm64_writeback(l, a->Rn, base, offset, a->writeback);
}

/* ---- acquire and release
 * ----------------------------------------------------------------------------- */

#define ACQUIRE (IR_MEM_ACQUIRE | IR_MEM_ALIGNED)
#define RELEASE (IR_MEM_RELEASE | IR_MEM_SEQ | IR_MEM_ALIGNED)

/* order: 1 LDAPR, 2 LDAR (also ordered after earlier STLR). */
void arm64_lift_load_acquire(struct arm64_lift *l, const struct arm64_args_load_acquire *a)
{
    struct arm64_address at = arm64_address(l, arm64_xsp(l, IR_I64, a->Rn), 0);
    unsigned attr = a->order == 2 ? ACQUIRE | IR_MEM_SEQ : ACQUIRE;
    arm64_set_x(l, a->Rt, load_kind(l, a->size == 3 ? 3 | 8 : a->size, at, attr));
}

void arm64_lift_store_release(struct arm64_lift *l, const struct arm64_args_store_release *a)
{
    store_kind(l, a->size, arm64_address(l, arm64_xsp(l, IR_I64, a->Rn), 0), a->Rt, RELEASE);
}

void arm64_lift_load_acquire_imm9(struct arm64_lift *l,
                                  const struct arm64_args_load_acquire_imm9 *a)
{
    struct arm64_address at =
        arm64_address(l, arm64_xsp(l, IR_I64, a->Rn), sign_extend(a->imm9, 9));
    arm64_set_x(l, a->Rt, load_kind(l, a->kind, at, ACQUIRE));
}

void arm64_lift_store_release_imm9(struct arm64_lift *l,
                                   const struct arm64_args_store_release_imm9 *a)
{
    struct arm64_address at =
        arm64_address(l, arm64_xsp(l, IR_I64, a->Rn), sign_extend(a->imm9, 9));
    store_kind(l, a->kind, at, a->Rt, RELEASE);
}
