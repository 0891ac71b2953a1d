/* What lifts share: conditions, additions, addresses.  Manual: C1.2.4 (conditions), C1.3.3
 * (addressing), D8.7 (address tagging). */
#include "guest/arm64/lift.h"

enum ir_cc arm64_cc(uint32_t cond)
{
    static const uint8_t table[16] = {
        IR_CC_E, IR_CC_NE, IR_CC_AE, IR_CC_B, IR_CC_S, IR_CC_NS, IR_CC_O,  IR_CC_NO,
        IR_CC_A, IR_CC_BE, IR_CC_GE, IR_CC_L, IR_CC_G, IR_CC_LE, IR_CC_NO, IR_CC_NO,
    };
    return (enum ir_cc)table[cond & 15];
}

ir_ref arm64_condition(struct arm64_lift *l, uint32_t cond)
{
    if (cond >= 14)
        return ir_const(l->u, IR_I1, 1);
    return ir_cond(l->u, arm64_cc(cond), arm64_flags(l));
}

ir_ref arm64_flags_const(struct arm64_lift *l, uint32_t nzcv)
{
    ir_ref bits = ir_const(l->u, IR_I32, arm64_nzcv_put(nzcv << 28));
    return ir_flags(l->u, IR_FLAGS_PACK, bits, IR_NONE, IR_NONE);
}

void arm64_add_sub(struct arm64_lift *l, uint32_t Rd, ir_ref n, ir_ref m, bool sub, bool flags,
                   bool sp)
{
    ir_ref r = ir_bin(l->u, sub ? IR_SUB : IR_ADD, n, m);
    if (!flags) {
        if (sp)
            arm64_set_xsp(l, Rd, r);
        else
            arm64_set_x(l, Rd, r);
        return;
    }
    arm64_set_x(l, Rd, r);
    ir_ref f = ir_flags(l->u, sub ? IR_FLAGS_SUB : IR_FLAGS_ADD, n, m, IR_NONE);
    arm64_set_flags(l, sub ? f : ir_flags(l->u, IR_FLAGS_CMC, f, IR_NONE, IR_NONE));
}

static bool tagged(const struct arm64_lift *l)
{
    return (l->rq->mode & ARM64_MODE_TBI) != 0;
}

static ir_ref untag(struct arm64_lift *l, ir_ref address)
{
    return ir_bin_imm(l->u, IR_AND, address, 0x00ffffffffffffffull);
}

struct arm64_address arm64_address(struct arm64_lift *l, ir_ref base, int64_t disp)
{
    if (!tagged(l))
        return (struct arm64_address){.base = base, .disp = disp};
    ir_ref sum = disp ? ir_bin_imm(l->u, IR_ADD, base, (uint64_t)disp) : base;
    return (struct arm64_address){.base = untag(l, sum)};
}

struct arm64_address arm64_address_extended(struct arm64_lift *l, ir_ref base, uint32_t Rm,
                                            uint32_t option, uint32_t shift)
{
    ir_ref index =
        option & 1 ? arm64_x(l, IR_I64, Rm)
                   : ir_conv(l->u, option & 4 ? IR_SEXT : IR_ZEXT, IR_I64, arm64_x(l, IR_I32, Rm));
    struct arm64_address a = {.base = base, .index = index, .scale = shift};
    if (tagged(l))
        a = (struct arm64_address){.base = untag(l, arm64_address_value(l, a))};
    return a;
}

struct arm64_address arm64_address_plus(struct arm64_address a, int64_t disp)
{
    a.disp += disp;
    return a;
}

ir_ref arm64_address_value(struct arm64_lift *l, struct arm64_address a)
{
    ir_ref v = a.base;
    if (a.index) {
        ir_ref i = a.scale ? ir_bin_imm(l->u, IR_SHL, a.index, a.scale) : a.index;
        v = ir_bin(l->u, IR_ADD, v, i);
    }
    return a.disp ? ir_bin_imm(l->u, IR_ADD, v, (uint64_t)a.disp) : v;
}

ir_ref arm64_load(struct arm64_lift *l, enum ir_op op, enum ir_type t, enum ir_type mem,
                  struct arm64_address a, unsigned attr)
{
    return ir_load(l->u, op, t, mem, a.base, a.index, a.disp, attr | a.scale);
}

void arm64_store(struct arm64_lift *l, enum ir_type mem, struct arm64_address a, ir_ref value,
                 unsigned attr)
{
    ir_store(l->u, mem, a.base, a.index, a.disp, value, attr | a.scale);
}

struct arm64_address arm64_address_indexed(struct arm64_lift *l, ir_ref base, int64_t offset,
                                           uint32_t writeback)
{
    return arm64_address(l, base, writeback == ARM64_WB_POST ? 0 : offset);
}

void arm64_writeback(struct arm64_lift *l, uint32_t Rn, ir_ref base, int64_t offset,
                     uint32_t writeback)
{
    if (writeback != ARM64_WB_NONE)
        arm64_set_xsp(l, Rn, ir_bin_imm(l->u, IR_ADD, base, (uint64_t)offset));
}

void arm64_undefined(struct arm64_lift *l)
{
    ir_exit(l->u, IR_EXIT_UNDEFINED, l->pc, ir_const(l->u, IR_I64, l->word));
    l->ended = true;
}
