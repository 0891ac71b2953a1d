/* Random units.  Programs keep a pool of values made since the last label and take arguments from it,
 * from slots (whole or low parts), from constants and locals.  Every step and the end draw from a random
 * stream of their own, so that steps can be left out of a failing program one by one. */
#include "host/testing/random_maker.h"
#include "host/testing/harness.h"
#include <string.h>

unsigned maker_slot(struct maker *m, enum ir_type t)
{
    struct random *r = &m->r;
    switch (t) {
    case IR_I8: return TEST_B0 + random_below(r, 4);
    case IR_I16: return TEST_H0 + random_below(r, 4);
    case IR_I32: return TEST_W0 + random_below(r, 4);
    case IR_I64: return random_chance(r, 8) ? TEST_SP : TEST_R0 + random_below(r, 13);
    case IR_F16: return TEST_F16 + random_below(r, 4);
    case IR_F32: return TEST_F32 + random_below(r, 4);
    case IR_F64: return TEST_F64 + random_below(r, 4);
    case IR_V64: return TEST_Q0 + random_below(r, 4);
    case IR_V128: return TEST_V0 + random_below(r, 16);
    case IR_V256: return TEST_Y0 + random_below(r, 4);
    default: return TEST_FLAGS;
    }
}

ir_ref maker_keep(struct maker *m, ir_ref v)
{
    if (m->pool_count == POOL)
        m->pool[random_below(&m->r, POOL)] = v;
    else
        m->pool[m->pool_count++] = v;
    return v;
}

ir_ref maker_from_pool(struct maker *m, enum ir_type t)
{
    ir_ref found = IR_NONE;
    unsigned n = 0;
    for (unsigned i = 0; i < m->pool_count; i++)
        if (ir_type_of(m->u, m->pool[i]) == t && random_below(&m->r, ++n) == 0)
            found = m->pool[i];
    return found;
}

static ir_ref constant(struct maker *m, enum ir_type t)
{
    unsigned bits = 8 * ir_type_size(t);
    uint64_t v;
    if (ir_type_is_float(t))
        v = random_float(&m->r, bits);
    else if (ir_type_is_vector(t))
        random_bytes(&m->r, &v, 8);
    else
        v = random_int(&m->r, bits);
    return ir_const(m->u, t, v);
}

static ir_ref condition(struct maker *m)
{
    static const uint8_t codes[] = {IR_CC_E, IR_CC_NE, IR_CC_B, IR_CC_AE, IR_CC_BE, IR_CC_A, IR_CC_L, IR_CC_GE, IR_CC_LE, IR_CC_G};
    if (random_chance(&m->r, 4))
        return ir_const(m->u, IR_I1, random_below(&m->r, 2));
    if (random_chance(&m->r, 40))
        return ir_cond(m->u, random_below(&m->r, 16), maker_argument(m, IR_FLAGS));
    enum ir_type t = random_chance(&m->r, 80) ? IR_I32 + random_below(&m->r, 2) : IR_I8 + random_below(&m->r, 2);
    ir_ref a = maker_argument(m, t), b = random_chance(&m->r, 30) ? ir_const(m->u, t, 0) : maker_argument(m, t);
    return ir_cmp(m->u, codes[random_below(&m->r, ARRAY_LEN(codes))], a, b);
}

ir_ref maker_argument(struct maker *m, enum ir_type t)
{
    struct random *r = &m->r;
    if (random_chance(r, 55)) {
        ir_ref v = maker_from_pool(m, t);
        if (v != IR_NONE)
            return v;
    }
    if (t == IR_I1)
        return condition(m);
    if (t != IR_FLAGS && random_chance(r, 20))
        return constant(m, t);
    unsigned slot = maker_slot(m, t);
    if (t >= IR_I8 && t <= IR_I32 && random_chance(r, 60))
        slot = maker_slot(m, IR_I64);
    if ((ir_type_is_float(t) || t == IR_V64) && random_chance(r, 60))
        slot = maker_slot(m, IR_V128);
    return maker_keep(m, ir_get(m->u, t, slot));
}

static void store_result(struct maker *m, ir_ref v)
{
    enum ir_type t = ir_type_of(m->u, v);
    if (t == IR_I1 || (t >= IR_I8 && t <= IR_I32 && random_chance(&m->r, 60)))
        v = ir_conv(m->u, IR_ZEXT, IR_I64, v);
    else if ((ir_type_is_float(t) || t == IR_V64) && random_chance(&m->r, 60))
        v = ir_conv(m->u, IR_ZEXT, IR_V128, v);
    ir_set(m->u, maker_slot(m, ir_type_of(m->u, v)), v);
}

static ir_ref operation(struct maker *m, const struct shape *s)
{
    ir_ref a[3] = {IR_NONE, IR_NONE, IR_NONE};
    for (unsigned i = 0; i < 3; i++) {
        if (s->args[i] == IR_VOID)
            continue;
        if (i != 0 && s->args[i] == s->args[i - 1] && random_chance(&m->r, 8))
            a[i] = a[i - 1];
        else
            a[i] = maker_argument(m, s->args[i]);
    }
    return ir_emit(m->u, (struct ir_inst){.op = (uint8_t)s->op, .type = (uint8_t)s->type, .lane = (uint8_t)s->lane,
                                          .attr = (uint8_t)s->attr, .a = a[0], .b = a[1], .c = a[2], .imm = s->imm});
}

void maker_insn(struct maker *m)
{
    ir_insn(m->u, m->pc, 4);
    m->pc += 4;
}

/* FP flags are made visible in a slot: a host may hold them elsewhere. */
static void expose_fp_flags(struct maker *m)
{
    ir_ref f = ir_emit(m->u, (struct ir_inst){.op = IR_FPFLAGS_GET, .type = IR_I32});
    ir_set(m->u, TEST_FPFLAGS, f);
}

bool random_unit_one(struct ir_unit *u, enum ir_op op, const struct random_unit *o)
{
    struct maker m = {.u = u, .o = o, .r = {o->seed}, .pc = u->pc};
    struct shape s;
    if (!shape_random(&s, op, &m.r, &o->shape))
        return false;
    maker_insn(&m);
    store_result(&m, operation(&m, &s));
    if (ir_op_info[op].flags & IR_OPF_FP)
        expose_fp_flags(&m);
    ir_exit(u, IR_EXIT_BREAKPOINT, m.pc, IR_NONE);
    return true;
}

/* -- programs -- */

static enum ir_op pick_op(struct maker *m)
{
    struct random *r = &m->r;
    if (m->o->only != IR_NOP && random_chance(r, 50))
        return m->o->only;
    if (random_chance(r, 50)) /* scalars are most of what programs do */
        return IR_ADD + random_below(r, IR_FLAGS_COND - IR_ADD + 1);
    return IR_ADD + random_below(r, IR_SHA512 - IR_ADD + 1);
}

static void step_operation(struct maker *m)
{
    struct shape s;
    enum ir_op op;
    do
        op = pick_op(m);
    while ((!m->o->fp && (ir_op_info[op].flags & IR_OPF_FP)) || !shape_random(&s, op, &m->r, &m->o->shape));
    ir_ref v = maker_keep(m, operation(m, &s));
    if (random_chance(&m->r, 45))
        store_result(m, v);
}

/* An address in memory, base + (index << scale) + disp; sometimes one that faults. */
struct place {
    ir_ref base, index;
    unsigned scale;
    int64_t disp;
};

static struct place place(struct maker *m, unsigned size, bool indexed, bool aligned)
{
    struct random *r = &m->r;
    struct place p = {.index = IR_NONE};
    p.base = ir_get(m->u, IR_I64, TEST_R0 + 14);
    p.disp = random_below(r, TEST_MEMORY / 2 - 64);
    if (aligned)
        p.disp &= -(int64_t)size;
    if (indexed && random_chance(r, 50)) {
        p.scale = random_below(r, 5);
        ir_ref mask = ir_const(m->u, IR_I64, 0xff);
        p.index = ir_bin(m->u, IR_AND, maker_argument(m, IR_I64), mask);
        if (random_chance(r, 30)) {
            p.index = ir_un(m->u, IR_NEG, p.index);
            p.disp += TEST_MEMORY / 2;
        }
    }
    if (m->o->faults && random_chance(r, 6)) {
        if (random_chance(r, 50))
            p.base = ir_get(m->u, IR_I64, TEST_R0 + 15);
        else
            p.disp = TEST_MEMORY - (aligned ? 0 : random_below(r, size));
    }
    if (random_chance(r, 15)) { /* the displacement in the base instead */
        p.base = ir_bin_imm(m->u, IR_ADD, p.base, (uint64_t)p.disp);
        p.disp = 0;
    }
    return p;
}

static unsigned order(struct maker *m, bool store)
{
    if (random_chance(&m->r, 75))
        return 0;
    unsigned o = store ? IR_MEM_RELEASE : IR_MEM_ACQUIRE;
    return random_chance(&m->r, 50) ? o | IR_MEM_SEQ : o;
}

static const uint8_t memory_types[] = {IR_I8, IR_I16, IR_I32, IR_I64, IR_I32, IR_I64, IR_F16, IR_F32, IR_F64, IR_V64, IR_V128};

static void step_load_store(struct maker *m)
{
    struct random *r = &m->r;
    enum ir_type t = memory_types[random_below(r, ARRAY_LEN(memory_types))], mem = t;
    unsigned kind = random_below(r, 5); /* 0, 1: load, 2: loads, 3, 4: store */
    if (kind == 2) {
        mem = IR_I8 + random_below(r, 3);
        t = mem + 1 + random_below(r, IR_I64 - mem);
    } else if (random_chance(r, 40)) {
        if (ir_type_is_int(t))
            mem = IR_I8 + random_below(r, t - IR_I8 + 1u);
        else if (t == IR_V128)
            mem = memory_types[random_below(r, ARRAY_LEN(memory_types))];
    }
    ir_ref value = kind >= 3 ? maker_argument(m, t) : IR_NONE;
    struct place p = place(m, ir_type_size(mem), true, false);
    unsigned attr = order(m, kind >= 3) | p.scale | (random_chance(r, 6) ? IR_MEM_ALIGNED : 0);
    if (kind >= 3) {
        ir_store(m->u, mem, p.base, p.index, p.disp, value, attr);
        return;
    }
    ir_ref v = maker_keep(m, ir_load(m->u, kind == 2 ? IR_LOADS : IR_LOAD, t, mem, p.base, p.index, p.disp, attr));
    if (random_chance(r, 60))
        store_result(m, v);
}

static void step_atomic(struct maker *m)
{
    struct random *r = &m->r;
    bool cas = random_chance(r, 50);
    enum ir_type t = IR_I8 + random_below(r, 4);
    if (cas && random_chance(r, 25))
        t = IR_V128;
    bool check = random_chance(r, 30);
    ir_ref b = maker_argument(m, t), c = cas ? maker_argument(m, t) : IR_NONE;
    struct place p = place(m, ir_type_size(t), false, !check);
    if (cas && random_chance(r, 50)) /* likely to succeed */
        b = ir_load(m->u, IR_LOAD, t, t, p.base, IR_NONE, p.disp, 0);
    unsigned attr = check ? IR_MEM_ALIGNED : 0;
    if (!cas)
        attr |= random_below(r, IR_RMW_AND + 1);
    ir_ref v = ir_emit(m->u, (struct ir_inst){.op = cas ? IR_ATOMIC_CAS : IR_ATOMIC_RMW, .type = (uint8_t)t, .attr = (uint8_t)attr,
                                              .a = p.base, .b = b, .c = c, .imm = (uint64_t)p.disp});
    maker_keep(m, v);
    if (random_chance(r, 70))
        store_result(m, v);
}

void maker_memory(struct maker *m)
{
    if (random_chance(&m->r, 80))
        maker_insn(m); /* as lifts do: nothing is set between an instruction's beginning and its accesses */
    if (random_chance(&m->r, 5))
        ir_emit(m->u, (struct ir_inst){.op = IR_FENCE, .attr = (uint8_t)random_below(&m->r, 3)});
    if (random_chance(&m->r, 80))
        step_load_store(m);
    else
        step_atomic(m);
}

static void step_local(struct maker *m)
{
    unsigned l = m->locals[random_below(&m->r, LOCALS)];
    enum ir_type t = m->u->local_type[l];
    if (random_chance(&m->r, 50))
        maker_keep(m, ir_lget(m->u, l));
    else
        ir_lset(m->u, l, maker_argument(m, t));
}

static void step(struct maker *m);

/* A forward branch over some steps, or a loop of two to four turns. */
static void step_control(struct maker *m)
{
    unsigned label = ir_label_new(m->u), n = 1 + random_below(&m->r, 5);
    m->depth++;
    if (random_chance(&m->r, 75)) {
        if (random_chance(&m->r, 85))
            ir_br_if(m->u, maker_argument(m, IR_I1), label);
        else
            ir_br(m->u, label);
        while (n-- != 0)
            step(m);
        m->pool_count = 0;
        ir_label(m->u, label);
        maker_insn(m); /* which instruction this is must not depend on the way here */
    } else {
        ir_lset(m->u, m->counter, ir_const(m->u, IR_I64, 2 + random_below(&m->r, 3)));
        m->pool_count = 0;
        ir_label(m->u, label);
        maker_insn(m); /* which instruction this is must not depend on the way here */
        while (n-- != 0)
            step(m);
        ir_ref left = ir_bin_imm(m->u, IR_SUB, ir_lget(m->u, m->counter), 1);
        ir_lset(m->u, m->counter, left);
        ir_br_if(m->u, ir_cmp(m->u, IR_CC_NE, left, ir_const(m->u, IR_I64, 0)), label);
    }
    m->depth--;
}

/* What units have that follow calls and indirect branches. */
static void step_follow(struct maker *m)
{
    struct random *r = &m->r;
    uint64_t pc = TEST_PC_BASE + 0x20000 + 4 * random_below(r, 1000);
    switch (random_below(r, 4)) {
    case 0:
        m->pairs++;
        ir_pair(m->u, random_chance(r, 50) ? pc : pc | 1ull << 40);
        break;
    case 1:
        if (m->pairs) {
            m->pairs--;
            ir_unpair(m->u);
        }
        break;
    case 2:
        ir_poll(m->u, m->u->pc);
        break;
    default: {
        ir_ref to = maker_argument(m, IR_I64);
        if (random_chance(r, 70)) /* seldom taken */
            to = ir_select(m->u, ir_cond(m->u, IR_CC_P, maker_argument(m, IR_FLAGS)), to, ir_const_pc(m->u, pc));
        ir_jump_not(m->u, to, pc);
    }
    }
}

static void step(struct maker *m)
{
    struct random *r = &m->r;
    unsigned what = random_below(r, 100);
    if (random_chance(r, 25))
        maker_insn(m);
    if (what < 20 && m->o->memory) {
        maker_memory(m);
    } else if (what < 26 && m->o->control) {
        step_local(m);
    } else if (what < 31 && m->o->control && m->depth == 0) {
        step_control(m);
    } else if (what < 33 && m->o->helpers) {
        ir_ref arg = random_chance(r, 50) ? maker_argument(m, IR_I64) : IR_NONE;
        ir_helper(m->u, random_below(r, 3), arg, random_below(r, 1000));
    } else if (what < 36 && m->o->control) {
        enum ir_cc cc = m->u->follows && random_chance(r, 50) ? (enum ir_cc)random_below(r, 16) : IR_CC_P;
        ir_jump_if(m->u, ir_cond(m->u, cc, maker_argument(m, IR_FLAGS)), TEST_PC_BASE + 0x10000 + 4 * random_below(r, 1000));
    } else if (what < 38 && m->o->control && m->u->follows) {
        step_follow(m);
    } else if (what < 40 && m->o->fp) {
        if (random_chance(r, 70))
            expose_fp_flags(m);
        else
            ir_emit(m->u, (struct ir_inst){.op = IR_FPFLAGS_SET, .a = ir_const(m->u, IR_I32, random_next(r) & 0x9f)});
    } else if (what < 60 && m->o->only == IR_NOP) {
        maker_idiom(m);
    } else {
        step_operation(m);
    }
}

static void finish(struct maker *m)
{
    struct ir_unit *u = m->u;
    uint64_t pc = TEST_PC_BASE - 0x1000 + 4 * random_below(&m->r, 0x1000);
    if (m->o->fp)
        expose_fp_flags(m);
    maker_insn(m);
    switch (random_below(&m->r, 8)) {
    case 0:
        ir_jump_if(u, maker_argument(m, IR_I1), pc + 0x100);
        /* fall through */
    case 1:
        ir_jump(u, pc);
        break;
    case 2:
        ir_call(u, pc);
        break;
    case 3:
        ir_jump_to(u, IR_JUMP_IND, maker_argument(m, IR_I64));
        break;
    case 4:
        ir_jump_to(u, IR_CALL_IND, maker_argument(m, IR_I64));
        break;
    case 5:
        ir_jump_to(u, IR_RET, maker_argument(m, IR_I64));
        break;
    case 6:
        ir_exit(u, IR_EXIT_SYSCALL, pc, IR_NONE);
        break;
    default:
        ir_exit(u, IR_EXIT_UNDEFINED, pc, maker_argument(m, IR_I64));
    }
}

void random_unit_program(struct ir_unit *u, const struct random_unit *o)
{
    static const uint8_t local_types[LOCALS] = {IR_I64, IR_I32, IR_V128, IR_F64, IR_FLAGS};
    struct maker m = {.u = u, .o = o, .r = {o->seed}, .pc = u->pc};
    u->follows = random_chance(&m.r, 30);
    u->counts = random_chance(&m.r, 30);
    maker_insn(&m);
    if (o->control) {
        m.counter = ir_local_new(u, IR_I64);
        for (unsigned i = 0; i < LOCALS; i++) {
            m.locals[i] = ir_local_new(u, local_types[i]);
            ir_lset(u, m.locals[i], maker_argument(&m, local_types[i]));
        }
    }
    for (unsigned n = 0; n < o->steps && n < RANDOM_STEPS; n++) {
        m.r.state = (o->seed << 8 | n) * 0xd1342543de82ef95ull;
        if (!o->skip[n])
            step(&m);
    }
    m.r.state = o->seed ^ 0x5eed;
    finish(&m);
}

void random_fp_env(struct random *r, struct fp_env *env, bool x86)
{
    *env = (struct fp_env){.nan_rule = x86 ? FP_NAN_X86 : FP_NAN_ARM, .tiny_before = !x86};
    if (random_chance(r, 40))
        return;
    env->round = (uint8_t)random_below(r, 4);
    if (x86) {
        env->flush_inputs = random_chance(r, 30);
        env->flush_outputs = random_chance(r, 30);
        return;
    }
    env->default_nan = random_chance(r, 30);
    env->flush_inputs = env->flush_outputs = random_chance(r, 30);
    env->flush_half = random_chance(r, 30);
    env->alt_half = random_chance(r, 15);
}
