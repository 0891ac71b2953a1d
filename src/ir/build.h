/* Shorthand for lifts: one function for each shape of operation.  They append to the unit and return
 * the value's name.  Types follow the arguments where ops.def says so. */
#pragma once
#include "ir/ir.h"

static inline ir_ref ir_const(struct ir_unit *u, enum ir_type t, uint64_t v)
{
    return ir_emit(u, (struct ir_inst){.op = IR_CONST, .type = (uint8_t)t, .imm = v});
}
/* A constant computed from the guest PC (ADRP, return addresses). */
static inline ir_ref ir_const_pc(struct ir_unit *u, uint64_t v)
{
    return ir_emit(u, (struct ir_inst){.op = IR_CONST, .type = IR_I64, .attr = IR_CONST_PC, .imm = v});
}
/* Operations whose result has the type of their first argument. */
static inline ir_ref ir_un(struct ir_unit *u, enum ir_op op, ir_ref a)
{
    return ir_emit(u, (struct ir_inst){.op = (uint8_t)op, .type = u->insts[a].type, .a = a});
}
static inline ir_ref ir_bin(struct ir_unit *u, enum ir_op op, ir_ref a, ir_ref b)
{
    return ir_emit(u, (struct ir_inst){.op = (uint8_t)op, .type = u->insts[a].type, .a = a, .b = b});
}
static inline ir_ref ir_bin_imm(struct ir_unit *u, enum ir_op op, ir_ref a, uint64_t b)
{
    return ir_bin(u, op, a, ir_const(u, ir_type_of(u, a), b));
}
static inline ir_ref ir_tern(struct ir_unit *u, enum ir_op op, ir_ref a, ir_ref b, ir_ref c)
{
    return ir_emit(u, (struct ir_inst){.op = (uint8_t)op, .type = u->insts[a].type, .a = a, .b = b, .c = c});
}
/* ZEXT, SEXT, TRUNC, BITCAST to `t`; the argument itself when it has that type already. */
static inline ir_ref ir_conv(struct ir_unit *u, enum ir_op op, enum ir_type t, ir_ref a)
{
    if (ir_type_of(u, a) == t)
        return a;
    return ir_emit(u, (struct ir_inst){.op = (uint8_t)op, .type = (uint8_t)t, .a = a});
}
static inline ir_ref ir_select(struct ir_unit *u, ir_ref cond, ir_ref yes, ir_ref no)
{
    return ir_emit(u, (struct ir_inst){.op = IR_SELECT, .type = u->insts[yes].type, .a = cond, .b = yes, .c = no});
}
static inline ir_ref ir_cmp(struct ir_unit *u, enum ir_cc cc, ir_ref a, ir_ref b)
{
    return ir_emit(u, (struct ir_inst){.op = IR_CMP, .type = IR_I1, .attr = (uint8_t)cc, .a = a, .b = b});
}
/* FLAGS_* of one, two or three arguments. */
static inline ir_ref ir_flags(struct ir_unit *u, enum ir_op op, ir_ref a, ir_ref b, ir_ref c)
{
    return ir_emit(u, (struct ir_inst){.op = (uint8_t)op, .type = IR_FLAGS, .a = a, .b = b, .c = c});
}
static inline ir_ref ir_cond(struct ir_unit *u, enum ir_cc cc, ir_ref flags)
{
    return ir_emit(u, (struct ir_inst){.op = IR_FLAGS_COND, .type = IR_I1, .attr = (uint8_t)cc, .a = flags});
}
static inline ir_ref ir_field(struct ir_unit *u, enum ir_op op, ir_ref a, ir_ref b, unsigned pos, unsigned len)
{
    return ir_emit(u, (struct ir_inst){.op = (uint8_t)op, .type = u->insts[a].type, .a = a, .b = b, .imm = pos | len << 8});
}

static inline ir_ref ir_get(struct ir_unit *u, enum ir_type t, unsigned slot)
{
    return ir_emit(u, (struct ir_inst){.op = IR_GET, .type = (uint8_t)t, .imm = slot});
}
static inline void ir_set(struct ir_unit *u, unsigned slot, ir_ref v)
{
    ir_emit(u, (struct ir_inst){.op = IR_SET, .type = u->insts[v].type, .a = v, .imm = slot});
}
static inline ir_ref ir_lget(struct ir_unit *u, unsigned local)
{
    return ir_emit(u, (struct ir_inst){.op = IR_LGET, .type = u->local_type[local], .imm = local});
}
static inline void ir_lset(struct ir_unit *u, unsigned local, ir_ref v)
{
    ir_emit(u, (struct ir_inst){.op = IR_LSET, .type = u->insts[v].type, .a = v, .imm = local});
}

/* Memory; index may be IR_NONE.  attr: IR_MEM_*. */
static inline ir_ref ir_load(struct ir_unit *u, enum ir_op op, enum ir_type t, enum ir_type mem, ir_ref base,
                             ir_ref index, int64_t disp, unsigned attr)
{
    return ir_emit(u, (struct ir_inst){.op = (uint8_t)op, .type = (uint8_t)t, .lane = (uint8_t)mem, .attr = (uint8_t)attr,
                                       .a = base, .b = index, .imm = (uint64_t)disp});
}
static inline void ir_store(struct ir_unit *u, enum ir_type mem, ir_ref base, ir_ref index, int64_t disp,
                            ir_ref value, unsigned attr)
{
    ir_emit(u, (struct ir_inst){.op = IR_STORE, .type = u->insts[value].type, .lane = (uint8_t)mem, .attr = (uint8_t)attr,
                                .a = base, .b = index, .c = value, .imm = (uint64_t)disp});
}

/* attr: IR_PREFETCH_* and a scale. */
static inline void ir_prefetch(struct ir_unit *u, ir_ref base, ir_ref index, int64_t disp, unsigned attr)
{
    ir_emit(u, (struct ir_inst){.op = IR_PREFETCH, .attr = (uint8_t)attr, .a = base, .b = index, .imm = (uint64_t)disp});
}

/* Any operation with a lane: result type t. */
static inline ir_ref ir_vec(struct ir_unit *u, enum ir_op op, enum ir_type t, enum ir_type lane, unsigned attr,
                            uint64_t imm, ir_ref a, ir_ref b, ir_ref c)
{
    return ir_emit(u, (struct ir_inst){.op = (uint8_t)op, .type = (uint8_t)t, .lane = (uint8_t)lane, .attr = (uint8_t)attr,
                                       .a = a, .b = b, .c = c, .imm = imm});
}

static inline void ir_label(struct ir_unit *u, unsigned label)
{
    ir_emit(u, (struct ir_inst){.op = IR_LABEL, .imm = label});
}
static inline void ir_br(struct ir_unit *u, unsigned label)
{
    ir_emit(u, (struct ir_inst){.op = IR_BR, .imm = label});
}
static inline void ir_br_if(struct ir_unit *u, ir_ref cond, unsigned label)
{
    ir_emit(u, (struct ir_inst){.op = IR_BR_IF, .a = cond, .imm = label});
}
static inline void ir_insn(struct ir_unit *u, uint64_t pc, unsigned length)
{
    ir_emit(u, (struct ir_inst){.op = IR_INSN, .attr = (uint8_t)length, .imm = pc});
    u->insn_count++;
}
static inline void ir_jump(struct ir_unit *u, uint64_t pc)
{
    ir_emit(u, (struct ir_inst){.op = IR_JUMP, .imm = pc});
}
static inline void ir_jump_if(struct ir_unit *u, ir_ref cond, uint64_t pc)
{
    ir_emit(u, (struct ir_inst){.op = IR_JUMP_IF, .a = cond, .imm = pc});
}
static inline void ir_call(struct ir_unit *u, uint64_t pc)
{
    ir_emit(u, (struct ir_inst){.op = IR_CALL, .imm = pc});
}
static inline void ir_poll(struct ir_unit *u, uint64_t pc)
{
    ir_emit(u, (struct ir_inst){.op = IR_POLL, .imm = pc});
}
static inline void ir_jump_not(struct ir_unit *u, ir_ref target, uint64_t pc)
{
    ir_emit(u, (struct ir_inst){.op = IR_JUMP_NOT, .a = target, .imm = pc});
}
static inline void ir_pair(struct ir_unit *u, uint64_t pc)
{
    ir_emit(u, (struct ir_inst){.op = IR_PAIR, .imm = pc});
}
static inline void ir_unpair(struct ir_unit *u)
{
    ir_emit(u, (struct ir_inst){.op = IR_UNPAIR});
}
/* JUMP_IND, CALL_IND, RET */
static inline void ir_jump_to(struct ir_unit *u, enum ir_op op, ir_ref target)
{
    ir_emit(u, (struct ir_inst){.op = (uint8_t)op, .a = target});
}
static inline void ir_exit(struct ir_unit *u, enum ir_exit why, uint64_t pc, ir_ref detail)
{
    ir_emit(u, (struct ir_inst){.op = IR_EXIT, .attr = (uint8_t)why, .a = detail, .imm = pc});
}
static inline void ir_helper(struct ir_unit *u, unsigned helper, ir_ref arg, uint64_t imm)
{
    ir_emit(u, (struct ir_inst){.op = IR_HELPER, .attr = (uint8_t)helper, .a = arg, .imm = imm});
}
