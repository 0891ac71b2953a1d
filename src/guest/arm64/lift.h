/* What a lift has at hand: the unit it appends to, and shorthand for registers, flags and
 * addresses.
 *
 * Rules for lifts.  SETs come after everything in the instruction that may fault (loads, stores),
 * so that the state is exact when it does.  A register is read once, before it is written.  Values
 * do not live across labels: use locals there.  A lift that ends the unit sets l->ended. */
#pragma once
#include "guest/arm64/rows.h"
#include "guest/arm64/state.h"
#include "guest/guest.h"
#include "ir/build.h"

struct arm64_lift {
    struct ir_unit *u;
    const struct guest_request *rq;
    uint64_t pc;   /* of this instruction */
    uint32_t word; /* its bits */
    bool ended;    /* the unit has ended: translate() appends no JUMP */
};

/* IR_HELPER numbers. */
enum arm64_helper {
    ARM64_HELPER_COUNTER,        /* X[arg] := CNTVCT_EL0 */
    ARM64_HELPER_CLOCK_GETTIME,  /* X0 clock -> X0 0 or 1 (not known here), X2 seconds, X3
                                    nanoseconds */
    ARM64_HELPER_CLOCK_REALTIME, /* as for CLOCK_REALTIME, X0 ignored */
    ARM64_HELPER_CLOCK_GETRES,   /* X0 clock -> as above, the resolution */
    ARM64_HELPER_COUNT
};

static inline enum ir_type arm64_int_type(uint32_t sf)
{
    return sf ? IR_I64 : IR_I32;
}

/* General register n as i32 or i64 (its low part); 31 is zero (x) or SP (xsp). */
static inline ir_ref arm64_x(struct arm64_lift *l, enum ir_type t, uint32_t n)
{
    return n == 31 ? ir_const(l->u, t, 0) : ir_get(l->u, t, ARM64_X0 + n);
}
static inline ir_ref arm64_xsp(struct arm64_lift *l, enum ir_type t, uint32_t n)
{
    return ir_get(l->u, t, n == 31 ? ARM64_SP : ARM64_X0 + n);
}
/* Writes an integer value, zero-extended; 31 is nothing (x) or SP (xsp). */
static inline void arm64_set_x(struct arm64_lift *l, uint32_t n, ir_ref v)
{
    if (n != 31)
        ir_set(l->u, ARM64_X0 + n, ir_conv(l->u, IR_ZEXT, IR_I64, v));
}
static inline void arm64_set_xsp(struct arm64_lift *l, uint32_t n, ir_ref v)
{
    ir_set(l->u, n == 31 ? ARM64_SP : ARM64_X0 + n, ir_conv(l->u, IR_ZEXT, IR_I64, v));
}

/* The flags slot (CF is the inverse of Arm's C), a condition code as ir_cc, and the condition on
 * the slot as i1 (AL and NV: true). */
static inline ir_ref arm64_flags(struct arm64_lift *l)
{
    return ir_get(l->u, IR_FLAGS, ARM64_NZCV);
}
static inline void arm64_set_flags(struct arm64_lift *l, ir_ref f)
{
    ir_set(l->u, ARM64_NZCV, f);
}
enum ir_cc arm64_cc(uint32_t cond);
/* The flags of a logical result: N, Z; C = V = 0. */
static inline void arm64_set_flags_logic(struct arm64_lift *l, ir_ref v)
{
    ir_ref f = ir_flags(l->u, IR_FLAGS_LOGIC, v, IR_NONE, IR_NONE);
    arm64_set_flags(l, ir_flags(l->u, IR_FLAGS_CMC, f, IR_NONE, IR_NONE));
}
/* An i32 with NZCV in bits 31..28 as the 32 bits of a flags value (for FLAGS_PACK). */
ir_ref arm64_nzcv_to_bits(struct arm64_lift *l, ir_ref v);
ir_ref arm64_condition(struct arm64_lift *l, uint32_t cond);
/* A constant flags value from NZCV in bits 3..0. */
ir_ref arm64_flags_const(struct arm64_lift *l, uint32_t nzcv);

/* Rd := n + m or n - m, with flags if asked. sp: register 31 is SP (never when flags are set). */
void arm64_add_sub(struct arm64_lift *l, uint32_t Rd, ir_ref n, ir_ref m, bool sub, bool flags,
                   bool sp);

/* Vector register n as a value of type t: V128, V64 or a scalar float (its low part), or any
 * integer. */
static inline ir_ref arm64_v(struct arm64_lift *l, enum ir_type t, uint32_t n)
{
    return ir_get(l->u, t, ARM64_V0 + n);
}
/* Writes a V128, or a narrower vector or scalar float with zeros above. */
static inline void arm64_set_v(struct arm64_lift *l, uint32_t n, ir_ref v)
{
    ir_set(l->u, ARM64_V0 + n, ir_conv(l->u, IR_ZEXT, IR_V128, v));
}

/* Addresses.  A base and either an index (scaled by 1 << scale) or a displacement, ready for
 * ir_load and ir_store; with ARM64_MODE_TBI everything is summed up and the tag masked off. */
struct arm64_address {
    ir_ref base, index; /* index may be IR_NONE */
    int64_t disp;
    unsigned scale;
};
struct arm64_address arm64_address(struct arm64_lift *l, ir_ref base, int64_t disp);
/* base + extended register Rm << shift; option as in the manual (2 UXTW, 3 LSL, 6 SXTW, 7 SXTX). */
struct arm64_address arm64_address_extended(struct arm64_lift *l, ir_ref base, uint32_t Rm,
                                            uint32_t option, uint32_t shift);
/* The same location plus some bytes. */
struct arm64_address arm64_address_plus(struct arm64_address a, int64_t disp);
/* Base, index and displacement summed to one value. */
ir_ref arm64_address_value(struct arm64_lift *l, struct arm64_address a);
/* Memory type `mem` as a value of type t. attr: IR_MEM_* but the scale. */
ir_ref arm64_load(struct arm64_lift *l, enum ir_op op, enum ir_type t, enum ir_type mem,
                  struct arm64_address a, unsigned attr);
void arm64_store(struct arm64_lift *l, enum ir_type mem, struct arm64_address a, ir_ref value,
                 unsigned attr);
/* How an access writes its base back. */
enum arm64_writeback { ARM64_WB_NONE, ARM64_WB_PRE, ARM64_WB_POST };
/* The address of an access of Rn + offset with that kind of writeback; call arm64_writeback with
 * the same base after the access. */
struct arm64_address arm64_address_indexed(struct arm64_lift *l, ir_ref base, int64_t offset,
                                           uint32_t writeback);
void arm64_writeback(struct arm64_lift *l, uint32_t Rn, ir_ref base, int64_t offset,
                     uint32_t writeback);

/* Ends the unit as an unallocated instruction. */
void arm64_undefined(struct arm64_lift *l);
