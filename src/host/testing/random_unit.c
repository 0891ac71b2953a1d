/* Random units.  Programs keep a pool of values made since the last label and take arguments from it,
 * from slots (whole or low parts), from constants and locals.  Every step and the end draw from a random
 * stream of their own, so that steps can be left out of a failing program one by one. */
#include "host/testing/random_unit.h"
#include "host/testing/harness.h"
#include "ir/build.h"
#include <string.h>

#define POOL 48
#define LOCALS 5

struct maker {
    struct ir_unit *u;
    struct random r;
    const struct random_unit *o;
    ir_ref pool[POOL];
    unsigned pool_count;
    unsigned locals[LOCALS], counter; /* counter: for loops */
    uint64_t pc;
    unsigned depth; /* of labels */
};

static unsigned slot_of(struct maker *m, enum ir_type t)
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

static ir_ref keep(struct maker *m, ir_ref v)
{
    if (m->pool_count == POOL)
        m->pool[random_below(&m->r, POOL)] = v;
    else
        m->pool[m->pool_count++] = v;
    return v;
}

static ir_ref from_pool(struct maker *m, enum ir_type t)
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

static ir_ref argument(struct maker *m, enum ir_type t);

static ir_ref condition(struct maker *m)
{
    static const uint8_t codes[] = {IR_CC_E, IR_CC_NE, IR_CC_B, IR_CC_AE, IR_CC_BE, IR_CC_A, IR_CC_L, IR_CC_GE, IR_CC_LE, IR_CC_G};
    if (random_chance(&m->r, 4))
        return ir_const(m->u, IR_I1, random_below(&m->r, 2));
    if (random_chance(&m->r, 40))
        return ir_cond(m->u, random_below(&m->r, 16), argument(m, IR_FLAGS));
    enum ir_type t = random_chance(&m->r, 80) ? IR_I32 + random_below(&m->r, 2) : IR_I8 + random_below(&m->r, 2);
    ir_ref a = argument(m, t), b = random_chance(&m->r, 30) ? ir_const(m->u, t, 0) : argument(m, t);
    return ir_cmp(m->u, codes[random_below(&m->r, ARRAY_LEN(codes))], a, b);
}

static ir_ref argument(struct maker *m, enum ir_type t)
{
    struct random *r = &m->r;
    if (random_chance(r, 55)) {
        ir_ref v = from_pool(m, t);
        if (v != IR_NONE)
            return v;
    }
    if (t == IR_I1)
        return condition(m);
    if (t != IR_FLAGS && random_chance(r, 20))
        return constant(m, t);
    unsigned slot = slot_of(m, t);
    if (t >= IR_I8 && t <= IR_I32 && random_chance(r, 60))
        slot = slot_of(m, IR_I64);
    if ((ir_type_is_float(t) || t == IR_V64) && random_chance(r, 60))
        slot = slot_of(m, IR_V128);
    return keep(m, ir_get(m->u, t, slot));
}

static void store_result(struct maker *m, ir_ref v)
{
    enum ir_type t = ir_type_of(m->u, v);
    if (t == IR_I1 || (t >= IR_I8 && t <= IR_I32 && random_chance(&m->r, 60)))
        v = ir_conv(m->u, IR_ZEXT, IR_I64, v);
    else if ((ir_type_is_float(t) || t == IR_V64) && random_chance(&m->r, 60))
        v = ir_conv(m->u, IR_ZEXT, IR_V128, v);
    ir_set(m->u, slot_of(m, ir_type_of(m->u, v)), v);
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
            a[i] = argument(m, s->args[i]);
    }
    return ir_emit(m->u, (struct ir_inst){.op = (uint8_t)s->op, .type = (uint8_t)s->type, .lane = (uint8_t)s->lane,
                                          .attr = (uint8_t)s->attr, .a = a[0], .b = a[1], .c = a[2], .imm = s->imm});
}

static void insn(struct maker *m)
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
    insn(&m);
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
    ir_ref v = keep(m, operation(m, &s));
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
        p.index = ir_bin(m->u, IR_AND, argument(m, IR_I64), mask);
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
    ir_ref value = kind >= 3 ? argument(m, t) : IR_NONE;
    struct place p = place(m, ir_type_size(mem), true, false);
    unsigned attr = order(m, kind >= 3) | p.scale | (random_chance(r, 6) ? IR_MEM_ALIGNED : 0);
    if (kind >= 3) {
        ir_store(m->u, mem, p.base, p.index, p.disp, value, attr);
        return;
    }
    ir_ref v = keep(m, ir_load(m->u, kind == 2 ? IR_LOADS : IR_LOAD, t, mem, p.base, p.index, p.disp, attr));
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
    ir_ref b = argument(m, t), c = cas ? argument(m, t) : IR_NONE;
    struct place p = place(m, ir_type_size(t), false, !check);
    if (cas && random_chance(r, 50)) /* likely to succeed */
        b = ir_load(m->u, IR_LOAD, t, t, p.base, IR_NONE, p.disp, 0);
    unsigned attr = check ? IR_MEM_ALIGNED : 0;
    if (!cas)
        attr |= random_below(r, IR_RMW_AND + 1);
    ir_ref v = ir_emit(m->u, (struct ir_inst){.op = cas ? IR_ATOMIC_CAS : IR_ATOMIC_RMW, .type = (uint8_t)t, .attr = (uint8_t)attr,
                                              .a = p.base, .b = b, .c = c, .imm = (uint64_t)p.disp});
    keep(m, v);
    if (random_chance(r, 70))
        store_result(m, v);
}

static void step_memory(struct maker *m)
{
    if (random_chance(&m->r, 80))
        insn(m); /* as lifts do: nothing is set between an instruction's beginning and its accesses */
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
        keep(m, ir_lget(m->u, l));
    else
        ir_lset(m->u, l, argument(m, t));
}

/* -- idioms: what lifts write for common instructions, because hosts have patterns for them -- */

static enum ir_type word(struct maker *m)
{
    return random_chance(&m->r, 50) ? IR_I32 : IR_I64;
}

/* A value into a whole register, as a 32-bit or scalar instruction does. */
static void set_whole(struct maker *m, ir_ref v)
{
    enum ir_type t = ir_type_of(m->u, v);
    if (t >= IR_I8 && t <= IR_I32)
        v = ir_conv(m->u, IR_ZEXT, IR_I64, v);
    else if (ir_type_is_float(t) || t == IR_V64)
        v = ir_conv(m->u, IR_ZEXT, IR_V128, v);
    ir_set(m->u, slot_of(m, ir_type_of(m->u, v)), v);
}

static ir_ref register_or_small(struct maker *m, enum ir_type t)
{
    if (random_chance(&m->r, 40))
        return ir_const(m->u, t, random_below(&m->r, 32));
    return ir_get(m->u, t, slot_of(m, IR_I64));
}

/* Flags as CMP, CMN, TST, FCMP leave them. */
static ir_ref compare(struct maker *m)
{
    enum ir_type t = word(m);
    ir_ref a = ir_get(m->u, t, slot_of(m, IR_I64)), b = register_or_small(m, t);
    switch (random_below(&m->r, m->o->fp ? 4 : 3)) {
    case 0:
        return ir_flags(m->u, IR_FLAGS_SUB, a, b, IR_NONE);
    case 1:
        return ir_flags(m->u, IR_FLAGS_ADD, a, b, IR_NONE);
    case 2: { /* TST: Arm's C is clear, ours set */
        ir_ref logic = ir_flags(m->u, IR_FLAGS_LOGIC, ir_bin(m->u, IR_AND, a, b), IR_NONE, IR_NONE);
        return random_chance(&m->r, 50) ? logic : ir_flags(m->u, IR_FLAGS_CMC, logic, IR_NONE, IR_NONE);
    }
    default: {
        enum ir_type f = random_chance(&m->r, 50) ? IR_F32 : IR_F64;
        ir_ref x = ir_get(m->u, f, slot_of(m, IR_V128)), y = ir_get(m->u, f, slot_of(m, IR_V128));
        return ir_flags(m->u, IR_FLAGS_FCMP, x, random_chance(&m->r, 30) ? ir_const(m->u, f, 0) : y, IR_NONE);
    }
    }
}

/* CCMP: a comparison or a constant. */
static ir_ref compare_if(struct maker *m, ir_ref flags)
{
    ir_ref cond = ir_cond(m->u, random_below(&m->r, 16), flags), yes = compare(m);
    ir_ref bits = ir_const(m->u, IR_I32, random_next(&m->r) & IR_FLAG_ALL);
    return ir_select(m->u, cond, yes, ir_flags(m->u, IR_FLAGS_PACK, bits, IR_NONE, IR_NONE));
}

/* CSEL, CSINC, CSINV, CSNEG, CSET, FCSEL */
static void conditional_select(struct maker *m, ir_ref flags)
{
    struct ir_unit *u = m->u;
    ir_ref cond = ir_cond(u, random_below(&m->r, 16), flags);
    if (random_chance(&m->r, 25)) {
        enum ir_type f = random_chance(&m->r, 50) ? IR_F32 : IR_F64;
        set_whole(m, ir_select(u, cond, ir_get(u, f, slot_of(m, IR_V128)), ir_get(u, f, slot_of(m, IR_V128))));
        return;
    }
    enum ir_type t = word(m);
    ir_ref yes = register_or_small(m, t), no = register_or_small(m, t);
    switch (random_below(&m->r, 5)) {
    case 0: no = ir_bin_imm(u, IR_ADD, no, 1); break;
    case 1: no = ir_un(u, IR_NOT, no); break;
    case 2: no = ir_un(u, IR_NEG, no); break;
    case 3:
        set_whole(m, ir_conv(u, IR_ZEXT, t, cond));
        return;
    default: break;
    }
    set_whole(m, ir_select(u, cond, yes, no));
}

static void flag_idiom(struct maker *m)
{
    ir_ref flags = random_chance(&m->r, 30) ? ir_get(m->u, IR_FLAGS, TEST_FLAGS) : compare(m);
    for (unsigned n = random_below(&m->r, 3); n != 0; n--)
        flags = compare_if(m, flags);
    bool set = random_chance(&m->r, 70);
    if (set)
        ir_set(m->u, TEST_FLAGS, flags);
    if (set && random_chance(&m->r, 40)) {
        insn(m);
        flags = ir_get(m->u, IR_FLAGS, TEST_FLAGS);
    }
    for (unsigned n = random_below(&m->r, 3); n != 0; n--)
        conditional_select(m, flags);
    if (m->o->control && random_chance(&m->r, 8))
        ir_jump_if(m->u, ir_cond(m->u, random_below(&m->r, 16), flags), TEST_PC_BASE + 0x20000);
}

/* ADDS, SUBS, ADCS, SBCS, ANDS and their values. */
static void sum_idiom(struct maker *m)
{
    static const uint8_t ops[][2] = {{IR_ADD, IR_FLAGS_ADD}, {IR_SUB, IR_FLAGS_SUB}, {IR_ADC, IR_FLAGS_ADC}, {IR_SBC, IR_FLAGS_SBC}};
    unsigned k = random_below(&m->r, 4);
    enum ir_type t = word(m);
    ir_ref a = ir_get(m->u, t, slot_of(m, IR_I64)), b = register_or_small(m, t), carry = IR_NONE;
    if (k >= 2) {
        carry = ir_get(m->u, IR_FLAGS, TEST_FLAGS);
        if (random_chance(&m->r, 50))
            carry = ir_flags(m->u, IR_FLAGS_CMC, carry, IR_NONE, IR_NONE);
    }
    ir_ref v = ir_tern(m->u, ops[k][0], a, b, carry);
    ir_ref f = ir_flags(m->u, ops[k][1], a, b, carry);
    if (k == 0 && random_chance(&m->r, 50))
        f = ir_flags(m->u, IR_FLAGS_CMC, f, IR_NONE, IR_NONE);
    set_whole(m, v);
    ir_set(m->u, TEST_FLAGS, f);
}

/* Multiplications, shifted operands, fields. */
static void integer_idiom(struct maker *m)
{
    struct ir_unit *u = m->u;
    enum ir_type t = word(m);
    ir_ref a = ir_get(u, t, slot_of(m, IR_I64)), b = ir_get(u, t, slot_of(m, IR_I64)), c = register_or_small(m, t);
    unsigned bits = t == IR_I32 ? 32 : 64;
    switch (random_below(&m->r, 5)) {
    case 0: /* MADD, MSUB */
        set_whole(m, ir_bin(u, random_chance(&m->r, 50) ? IR_ADD : IR_SUB, c, ir_bin(u, IR_MUL, a, b)));
        break;
    case 1: { /* SMULL, UMADDL */
        enum ir_op extend = random_chance(&m->r, 50) ? IR_SEXT : IR_ZEXT;
        ir_ref x = ir_conv(u, extend, IR_I64, ir_get(u, IR_I32, slot_of(m, IR_I64)));
        ir_ref y = ir_conv(u, extend, IR_I64, ir_get(u, IR_I32, slot_of(m, IR_I64)));
        set_whole(m, ir_bin(u, IR_MUL, x, y));
        break;
    }
    case 2: /* a shifted operand */
        b = ir_bin_imm(u, IR_SHL + random_below(&m->r, 4), b, random_below(&m->r, bits));
        set_whole(m, ir_bin(u, IR_ADD + random_below(&m->r, 2), a, b));
        break;
    case 3: { /* BFI, BFXIL */
        unsigned pos = random_below(&m->r, bits), reg = slot_of(m, IR_I64);
        ir_ref v = ir_field(u, IR_BFI, ir_get(u, t, reg), b, pos, 1 + random_below(&m->r, bits - pos));
        ir_set(u, reg, ir_conv(u, IR_ZEXT, IR_I64, v));
        break;
    }
    default: /* a variable shift: the count modulo the width */
        set_whole(m, ir_bin(u, IR_SHL + random_below(&m->r, 4), a, ir_bin_imm(u, IR_AND, b, bits - 1)));
    }
}

/* By element, and scalars in vector registers. */
static void vector_idiom(struct maker *m)
{
    struct ir_unit *u = m->u;
    ir_ref a = ir_get(u, IR_V128, slot_of(m, IR_V128)), b = ir_get(u, IR_V128, slot_of(m, IR_V128));
    if (m->o->fp && random_chance(&m->r, 40)) {
        enum ir_type f = random_chance(&m->r, 50) ? IR_F32 : IR_F64;
        ir_ref x = ir_vec(u, IR_VEXT, f, f, 0, 0, a, IR_NONE, IR_NONE);
        ir_ref y = ir_vec(u, IR_VEXT, f, f, 0, random_below(&m->r, 2), b, IR_NONE, IR_NONE);
        set_whole(m, ir_vec(u, IR_FADD + random_below(&m->r, 3), f, f, 0, 0, x, y, IR_NONE));
        return;
    }
    enum ir_type lane = random_chance(&m->r, 50) ? IR_I16 : IR_I32;
    ir_ref e = ir_vec(u, IR_VDUPL, IR_V128, lane, 0, random_below(&m->r, 16 / ir_type_size(lane)), b, IR_NONE, IR_NONE);
    ir_ref product = ir_vec(u, IR_VMUL, IR_V128, lane, 0, 0, a, e, IR_NONE);
    if (random_chance(&m->r, 50)) {
        unsigned d = slot_of(m, IR_V128);
        product = ir_vec(u, random_chance(&m->r, 50) ? IR_VADD : IR_VSUB, IR_V128, lane, 0, 0, ir_get(u, IR_V128, d), product, IR_NONE);
        ir_set(u, d, product);
        return;
    }
    set_whole(m, product);
}

/* SHA256H with SHA256H2, in either order; AESE with AESMC. */
static void crypto_idiom(struct maker *m)
{
    struct ir_unit *u = m->u;
    unsigned x = slot_of(m, IR_V128), y = slot_of(m, IR_V128);
    ir_ref a = ir_get(u, IR_V128, x), b = ir_get(u, IR_V128, y), w = ir_get(u, IR_V128, slot_of(m, IR_V128));
    if (random_chance(&m->r, 30)) {
        ir_ref s = ir_vec(u, IR_AESE, IR_V128, IR_VOID, 0, 0, a, b, IR_NONE);
        if (random_chance(&m->r, 50))
            ir_set(u, x, s);
        insn(m);
        ir_set(u, x, ir_vec(u, IR_AESMC, IR_V128, IR_VOID, 0, 0, s, IR_NONE, IR_NONE));
        return;
    }
    unsigned first = random_below(&m->r, 2);
    ir_ref h = ir_vec(u, IR_SHA256, IR_V128, IR_VOID, first, 0, a, b, w);
    ir_set(u, x, h);
    insn(m);
    if (random_chance(&m->r, 20))
        step_memory(m);
    ir_set(u, y, ir_vec(u, IR_SHA256, IR_V128, IR_VOID, 1 - first, 0, b, a, w));
}

static void step_idiom(struct maker *m)
{
    static void (*const idioms[])(struct maker *) = {flag_idiom,    flag_idiom,   sum_idiom,
                                                     integer_idiom, vector_idiom, crypto_idiom};
    insn(m);
    idioms[random_below(&m->r, ARRAY_LEN(idioms))](m);
}

static void step(struct maker *m);

/* A forward branch over some steps, or a loop of two to four turns. */
static void step_control(struct maker *m)
{
    unsigned label = ir_label_new(m->u), n = 1 + random_below(&m->r, 5);
    m->depth++;
    if (random_chance(&m->r, 75)) {
        if (random_chance(&m->r, 85))
            ir_br_if(m->u, argument(m, IR_I1), label);
        else
            ir_br(m->u, label);
        while (n-- != 0)
            step(m);
        m->pool_count = 0;
        ir_label(m->u, label);
        insn(m); /* which instruction this is must not depend on the way here */
    } else {
        ir_lset(m->u, m->counter, ir_const(m->u, IR_I64, 2 + random_below(&m->r, 3)));
        m->pool_count = 0;
        ir_label(m->u, label);
        insn(m); /* which instruction this is must not depend on the way here */
        while (n-- != 0)
            step(m);
        ir_ref left = ir_bin_imm(m->u, IR_SUB, ir_lget(m->u, m->counter), 1);
        ir_lset(m->u, m->counter, left);
        ir_br_if(m->u, ir_cmp(m->u, IR_CC_NE, left, ir_const(m->u, IR_I64, 0)), label);
    }
    m->depth--;
}

static void step(struct maker *m)
{
    struct random *r = &m->r;
    unsigned what = random_below(r, 100);
    if (random_chance(r, 25))
        insn(m);
    if (what < 20 && m->o->memory) {
        step_memory(m);
    } else if (what < 26 && m->o->control) {
        step_local(m);
    } else if (what < 31 && m->o->control && m->depth == 0) {
        step_control(m);
    } else if (what < 33 && m->o->helpers) {
        ir_ref arg = random_chance(r, 50) ? argument(m, IR_I64) : IR_NONE;
        ir_helper(m->u, random_below(r, 3), arg, random_below(r, 1000));
    } else if (what < 36 && m->o->control) {
        ir_jump_if(m->u, ir_cond(m->u, IR_CC_P, argument(m, IR_FLAGS)), TEST_PC_BASE + 0x10000 + 4 * random_below(r, 1000));
    } else if (what < 38 && m->o->fp) {
        if (random_chance(r, 70))
            expose_fp_flags(m);
        else
            ir_emit(m->u, (struct ir_inst){.op = IR_FPFLAGS_SET, .a = ir_const(m->u, IR_I32, random_next(r) & 0x9f)});
    } else if (what < 60 && m->o->only == IR_NOP) {
        step_idiom(m);
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
    insn(m);
    switch (random_below(&m->r, 8)) {
    case 0:
        ir_jump_if(u, argument(m, IR_I1), pc + 0x100);
        /* fall through */
    case 1:
        ir_jump(u, pc);
        break;
    case 2:
        ir_call(u, pc);
        break;
    case 3:
        ir_jump_to(u, IR_JUMP_IND, argument(m, IR_I64));
        break;
    case 4:
        ir_jump_to(u, IR_CALL_IND, argument(m, IR_I64));
        break;
    case 5:
        ir_jump_to(u, IR_RET, argument(m, IR_I64));
        break;
    case 6:
        ir_exit(u, IR_EXIT_SYSCALL, pc, IR_NONE);
        break;
    default:
        ir_exit(u, IR_EXIT_UNDEFINED, pc, argument(m, IR_I64));
    }
}

void random_unit_program(struct ir_unit *u, const struct random_unit *o)
{
    static const uint8_t local_types[LOCALS] = {IR_I64, IR_I32, IR_V128, IR_F64, IR_FLAGS};
    struct maker m = {.u = u, .o = o, .r = {o->seed}, .pc = u->pc};
    insn(&m);
    if (o->control) {
        m.counter = ir_local_new(u, IR_I64);
        for (unsigned i = 0; i < LOCALS; i++) {
            m.locals[i] = ir_local_new(u, local_types[i]);
            ir_lset(u, m.locals[i], argument(&m, local_types[i]));
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
