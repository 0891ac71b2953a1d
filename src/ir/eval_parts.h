/* The parts of the evaluator, one for each kind of operation.  Private to ir/eval*.c. */
#pragma once
#include "ir/eval.h"

/* ir_eval's arguments, in one place. */
struct eval_args {
    enum ir_op op;
    enum ir_type type, lane, arg_type;
    unsigned attr;
    uint64_t imm;
    const union ir_value *a, *b, *c;
};

/* Each computes into *out, which is zero and does not overlap the arguments. */
void ir_eval_int(const struct eval_args *e, union ir_value *out);
void ir_eval_flags(const struct eval_args *e, union ir_value *out);
void ir_eval_vector(const struct eval_args *e, union ir_value *out);
void ir_eval_lanes(const struct eval_args *e, union ir_value *out);

/* Lane i (an integer type) of v, zero- or sign-extended; and its replacement by x's low bits. */
static inline uint64_t lane_get(const union ir_value *v, enum ir_type lane, unsigned i)
{
    switch (lane) {
    case IR_I8: return v->u8[i];
    case IR_I16:
    case IR_F16: return v->u16[i];
    case IR_I32:
    case IR_F32: return v->u32[i];
    default: return v->u64[i];
    }
}

static inline int64_t lane_get_signed(const union ir_value *v, enum ir_type lane, unsigned i)
{
    switch (lane) {
    case IR_I8: return v->s8[i];
    case IR_I16:
    case IR_F16: return v->s16[i];
    case IR_I32:
    case IR_F32: return v->s32[i];
    default: return v->s64[i];
    }
}

static inline void lane_put(union ir_value *v, enum ir_type lane, unsigned i, uint64_t x)
{
    switch (lane) {
    case IR_I8: v->u8[i] = (uint8_t)x; break;
    case IR_I16:
    case IR_F16: v->u16[i] = (uint16_t)x; break;
    case IR_I32:
    case IR_F32: v->u32[i] = (uint32_t)x; break;
    default: v->u64[i] = x; break;
    }
}

/* The integer type of twice the width. */
static inline enum ir_type lane_wider(enum ir_type lane)
{
    return (enum ir_type)((unsigned)lane + 1);
}
