/* Exclusives and atomic operations (Arm ARM C4.1.94, B2.9).
 *
 * The exclusive monitor is emulated by value: LDXR keeps address and value in slots, STXR stores
 * with a compare-and-swap of that value.  It succeeds although another thread has written the same
 * value back in between (ABA), which the architecture's monitor would not; programs that only use
 * exclusives to build atomic operations cannot tell.  All these accesses must be aligned (no LSE2).
 */
#include "arm64_isa.h"
#include "guest/arm64/lift.h"

static enum ir_type size_type(uint32_t size)
{
    return (enum ir_type)(IR_I8 + size);
}

static ir_ref address_of(struct arm64_lift *l, uint32_t Rn)
{
    return arm64_address(l, arm64_xsp(l, IR_I64, Rn), 0).base;
}

static ir_ref compare_and_swap(struct arm64_lift *l, ir_ref address, ir_ref expected, ir_ref value)
{
    return ir_emit(l->u, (struct ir_inst){.op = IR_ATOMIC_CAS,
                                          .type = l->u->insts[value].type,
                                          .attr = IR_MEM_ALIGNED,
                                          .a = address,
                                          .b = expected,
                                          .c = value});
}

/* Two i64 as a V128, and its halves. */
static ir_ref pair_of(struct arm64_lift *l, ir_ref low, ir_ref high)
{
    ir_ref a = ir_conv(l->u, IR_BITCAST, IR_V64, low), b = ir_conv(l->u, IR_BITCAST, IR_V64, high);
    return ir_vec(l->u, IR_VCONCAT, IR_V128, IR_VOID, 0, 0, a, b, IR_NONE);
}

static ir_ref pair_half(struct arm64_lift *l, ir_ref pair, unsigned half)
{
    return ir_vec(l->u, IR_VEXT, IR_I64, IR_I64, 0, half, pair, IR_NONE, IR_NONE);
}

/* Two 32-bit registers as an i64. */
static ir_ref words_of(struct arm64_lift *l, uint32_t low, uint32_t high)
{
    ir_ref a = ir_conv(l->u, IR_ZEXT, IR_I64, arm64_x(l, IR_I32, low));
    ir_ref b = ir_conv(l->u, IR_ZEXT, IR_I64, arm64_x(l, IR_I32, high));
    return ir_bin(l->u, IR_OR, a, ir_bin_imm(l->u, IR_SHL, b, 32));
}

static void set_words(struct arm64_lift *l, uint32_t low, uint32_t high, ir_ref v)
{
    ir_ref top = ir_bin_imm(l->u, IR_SHR, v, 32);
    arm64_set_x(l, low, ir_conv(l->u, IR_TRUNC, IR_I32, v));
    arm64_set_x(l, high, top);
}

/* ---- exclusives
 * -------------------------------------------------------------------------------------- */

static unsigned load_attr(uint32_t acquire)
{
    return acquire ? IR_MEM_ACQUIRE | IR_MEM_SEQ | IR_MEM_ALIGNED : IR_MEM_ALIGNED;
}

static void set_monitor(struct arm64_lift *l, ir_ref address, ir_ref low, ir_ref high)
{
    ir_set(l->u, ARM64_EXCL_ADDR, address);
    ir_set(l->u, ARM64_EXCL_VAL0, low);
    ir_set(l->u, ARM64_EXCL_VAL1, high);
}

void arm64_lift_load_exclusive(struct arm64_lift *l, const struct arm64_args_load_exclusive *a)
{
    ir_ref address = address_of(l, a->Rn);
    ir_ref v = ir_load(l->u, IR_LOAD, IR_I64, size_type(a->size), address, IR_NONE, 0,
                       load_attr(a->acquire));
    set_monitor(l, address, v, ir_const(l->u, IR_I64, 0));
    arm64_set_x(l, a->Rt, v);
}

void arm64_lift_load_exclusive_pair(struct arm64_lift *l,
                                    const struct arm64_args_load_exclusive_pair *a)
{
    ir_ref address = address_of(l, a->Rn);
    enum ir_type t = a->sz ? IR_V128 : IR_I64;
    ir_ref v = ir_load(l->u, IR_LOAD, t, t, address, IR_NONE, 0, load_attr(a->acquire));
    if (a->sz) {
        ir_ref low = pair_half(l, v, 0), high = pair_half(l, v, 1);
        set_monitor(l, address, low, high);
        arm64_set_x(l, a->Rt, low);
        arm64_set_x(l, a->Rt2, high);
    } else {
        set_monitor(l, address, v, ir_const(l->u, IR_I64, 0));
        set_words(l, a->Rt, a->Rt2, v);
    }
}

/* Begins a store: a status of 1, and a way past it when the monitor is not at `address`. */
static unsigned exclusive_begin(struct arm64_lift *l, ir_ref address, unsigned *skip)
{
    unsigned status = ir_local_new(l->u, IR_I64);
    *skip = ir_label_new(l->u);
    ir_lset(l->u, status, ir_const(l->u, IR_I64, 1));
    ir_br_if(l->u, ir_cmp(l->u, IR_CC_NE, ir_get(l->u, IR_I64, ARM64_EXCL_ADDR), address), *skip);
    return status;
}

static void exclusive_end(struct arm64_lift *l, unsigned status, unsigned skip, ir_ref failed,
                          uint32_t Rs)
{
    ir_lset(l->u, status, ir_conv(l->u, IR_ZEXT, IR_I64, failed));
    ir_label(l->u, skip);
    ir_set(l->u, ARM64_EXCL_ADDR, ir_const(l->u, IR_I64, ~0ull));
    arm64_set_x(l, Rs, ir_lget(l->u, status));
}

void arm64_lift_store_exclusive(struct arm64_lift *l, const struct arm64_args_store_exclusive *a)
{
    enum ir_type t = size_type(a->size);
    ir_ref address = address_of(l, a->Rn);
    unsigned skip, status = exclusive_begin(l, address, &skip);
    ir_ref expected = ir_get(l->u, t, ARM64_EXCL_VAL0);
    ir_ref old = compare_and_swap(l, address, expected, arm64_x(l, t, a->Rt));
    exclusive_end(l, status, skip, ir_cmp(l->u, IR_CC_NE, old, expected), a->Rs);
}

void arm64_lift_store_exclusive_pair(struct arm64_lift *l,
                                     const struct arm64_args_store_exclusive_pair *a)
{
    ir_ref address = address_of(l, a->Rn);
    unsigned skip, status = exclusive_begin(l, address, &skip);
    ir_ref low = ir_get(l->u, IR_I64, ARM64_EXCL_VAL0), failed;
    if (a->sz) {
        ir_ref high = ir_get(l->u, IR_I64, ARM64_EXCL_VAL1);
        ir_ref value = pair_of(l, arm64_x(l, IR_I64, a->Rt), arm64_x(l, IR_I64, a->Rt2));
        ir_ref old = compare_and_swap(l, address, pair_of(l, low, high), value);
        ir_ref difference = ir_bin(l->u, IR_OR, ir_bin(l->u, IR_XOR, pair_half(l, old, 0), low),
                                   ir_bin(l->u, IR_XOR, pair_half(l, old, 1), high));
        failed = ir_cmp(l->u, IR_CC_NE, difference, ir_const(l->u, IR_I64, 0));
    } else {
        ir_ref old = compare_and_swap(l, address, low, words_of(l, a->Rt, a->Rt2));
        failed = ir_cmp(l->u, IR_CC_NE, old, low);
    }
    exclusive_end(l, status, skip, failed, a->Rs);
}

/* ---- LSE
 * ---------------------------------------------------------------------------------------------- */

void arm64_lift_cas(struct arm64_lift *l, const struct arm64_args_cas *a)
{
    enum ir_type t = size_type(a->size);
    ir_ref address = address_of(l, a->Rn);
    arm64_set_x(l, a->Rs, compare_and_swap(l, address, arm64_x(l, t, a->Rs), arm64_x(l, t, a->Rt)));
}

void arm64_lift_casp(struct arm64_lift *l, const struct arm64_args_casp *a)
{
    ir_ref address = address_of(l, a->Rn);
    if (!a->sz) {
        ir_ref expected = words_of(l, a->Rs, a->Rs + 1);
        set_words(l, a->Rs, a->Rs + 1,
                  compare_and_swap(l, address, expected, words_of(l, a->Rt, a->Rt + 1)));
        return;
    }
    ir_ref expected = pair_of(l, arm64_x(l, IR_I64, a->Rs), arm64_x(l, IR_I64, a->Rs + 1));
    ir_ref value = pair_of(l, arm64_x(l, IR_I64, a->Rt), arm64_x(l, IR_I64, a->Rt + 1));
    ir_ref old = compare_and_swap(l, address, expected, value);
    ir_ref low = pair_half(l, old, 0), high = pair_half(l, old, 1);
    arm64_set_x(l, a->Rs, low);
    arm64_set_x(l, a->Rs + 1, high);
}

/* op: opc of LD<op>, 8 SWP. */
void arm64_lift_atomic(struct arm64_lift *l, const struct arm64_args_atomic *a)
{
    static const uint8_t ops[9] = {IR_RMW_ADD,  IR_RMW_ANDN, IR_RMW_XOR,  IR_RMW_OR,  IR_RMW_SMAX,
                                   IR_RMW_SMIN, IR_RMW_UMAX, IR_RMW_UMIN, IR_RMW_XCHG};
    enum ir_type t = size_type(a->size);
    ir_ref address = address_of(l, a->Rn), operand = arm64_x(l, t, a->Rs);
    ir_ref old = ir_emit(l->u, (struct ir_inst){.op = IR_ATOMIC_RMW,
                                                .type = (uint8_t)t,
                                                .attr = (uint8_t)(ops[a->op] | IR_MEM_ALIGNED),
                                                .a = address,
                                                .b = operand});
    arm64_set_x(l, a->Rt, old);
}
