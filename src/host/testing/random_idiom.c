/* Parts of random programs that look like what lifts write for common instructions, because hosts have patterns for
 * them; and parts that need all of a host's registers at once. */
#include "host/testing/harness.h"
#include "host/testing/random_maker.h"

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
    ir_set(m->u, maker_slot(m, ir_type_of(m->u, v)), v);
}

static ir_ref register_or_small(struct maker *m, enum ir_type t)
{
    if (random_chance(&m->r, 40))
        return ir_const(m->u, t, random_below(&m->r, 32));
    return ir_get(m->u, t, maker_slot(m, IR_I64));
}

/* Flags as CMP, CMN, TST, FCMP leave them. */
static ir_ref compare(struct maker *m)
{
    enum ir_type t = word(m);
    ir_ref a = ir_get(m->u, t, maker_slot(m, IR_I64)), b = register_or_small(m, t);
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
        ir_ref x = ir_get(m->u, f, maker_slot(m, IR_V128)), y = ir_get(m->u, f, maker_slot(m, IR_V128));
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
        set_whole(m, ir_select(u, cond, ir_get(u, f, maker_slot(m, IR_V128)), ir_get(u, f, maker_slot(m, IR_V128))));
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
        maker_insn(m);
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
    ir_ref a = ir_get(m->u, t, maker_slot(m, IR_I64)), b = register_or_small(m, t), carry = IR_NONE;
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
    ir_ref a = ir_get(u, t, maker_slot(m, IR_I64)), b = ir_get(u, t, maker_slot(m, IR_I64)), c = register_or_small(m, t);
    unsigned bits = t == IR_I32 ? 32 : 64;
    switch (random_below(&m->r, 5)) {
    case 0: /* MADD, MSUB */
        set_whole(m, ir_bin(u, random_chance(&m->r, 50) ? IR_ADD : IR_SUB, c, ir_bin(u, IR_MUL, a, b)));
        break;
    case 1: { /* SMULL, UMADDL */
        enum ir_op extend = random_chance(&m->r, 50) ? IR_SEXT : IR_ZEXT;
        ir_ref x = ir_conv(u, extend, IR_I64, ir_get(u, IR_I32, maker_slot(m, IR_I64)));
        ir_ref y = ir_conv(u, extend, IR_I64, ir_get(u, IR_I32, maker_slot(m, IR_I64)));
        set_whole(m, ir_bin(u, IR_MUL, x, y));
        break;
    }
    case 2: /* a shifted operand */
        b = ir_bin_imm(u, IR_SHL + random_below(&m->r, 4), b, random_below(&m->r, bits));
        set_whole(m, ir_bin(u, IR_ADD + random_below(&m->r, 2), a, b));
        break;
    case 3: { /* BFI, BFXIL */
        unsigned pos = random_below(&m->r, bits), reg = maker_slot(m, IR_I64);
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
    ir_ref a = ir_get(u, IR_V128, maker_slot(m, IR_V128)), b = ir_get(u, IR_V128, maker_slot(m, IR_V128));
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
        unsigned d = maker_slot(m, IR_V128);
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
    unsigned x = maker_slot(m, IR_V128), y = maker_slot(m, IR_V128);
    ir_ref a = ir_get(u, IR_V128, x), b = ir_get(u, IR_V128, y), w = ir_get(u, IR_V128, maker_slot(m, IR_V128));
    if (random_chance(&m->r, 30)) {
        ir_ref s = ir_vec(u, IR_AESE, IR_V128, IR_VOID, 0, 0, a, b, IR_NONE);
        if (random_chance(&m->r, 50))
            ir_set(u, x, s);
        maker_insn(m);
        ir_set(u, x, ir_vec(u, IR_AESMC, IR_V128, IR_VOID, 0, 0, s, IR_NONE, IR_NONE));
        return;
    }
    unsigned first = random_below(&m->r, 2);
    ir_ref h = ir_vec(u, IR_SHA256, IR_V128, IR_VOID, first, 0, a, b, w);
    ir_set(u, x, h);
    maker_insn(m);
    if (random_chance(&m->r, 20))
        maker_memory(m);
    ir_set(u, y, ir_vec(u, IR_SHA256, IR_V128, IR_VOID, 1 - first, 0, b, a, w));
}

/* -- pressure: more values at once than there are temporaries, in operations that need several of them -- */

static ir_ref full_register(struct maker *m)
{
    return ir_get(m->u, IR_I64, maker_slot(m, IR_I64));
}

/* A register altered in place, as most instructions of most programs do: nothing is moved. */
static void in_place(struct maker *m)
{
    struct ir_unit *u = m->u;
    if (random_chance(&m->r, 25)) {
        static const uint8_t ops[] = {IR_VADD, IR_VSUB, IR_VXOR, IR_VAND};
        unsigned slot = maker_slot(m, IR_V128);
        ir_ref v = ir_get(u, IR_V128, slot);
        ir_set(u, slot, ir_vec(u, ops[random_below(&m->r, ARRAY_LEN(ops))], IR_V128, IR_I32, 0, 0, v, maker_argument(m, IR_V128), IR_NONE));
        return;
    }
    enum ir_type t = word(m);
    unsigned slot = maker_slot(m, IR_I64), bits = t == IR_I32 ? 32 : 64;
    ir_ref v = ir_get(u, t, slot);
    switch (random_below(&m->r, 6)) {
    case 0:
        v = ir_bin_imm(u, IR_ADD + random_below(&m->r, 2), v, random_below(&m->r, 5000));
        break;
    case 1:
        v = ir_bin_imm(u, IR_SHL + random_below(&m->r, 4), v, random_below(&m->r, random_chance(&m->r, 50) ? 4 : bits));
        break;
    case 2:
        v = ir_un(u, random_chance(&m->r, 50) ? IR_NEG : IR_NOT, v);
        break;
    case 3: {
        unsigned pos = random_below(&m->r, bits);
        v = ir_field(u, random_chance(&m->r, 50) ? IR_BFX : IR_BFXS, v, IR_NONE, pos, 1 + random_below(&m->r, bits - pos));
        break;
    }
    case 4: {
        static const uint8_t ops[] = {IR_AND, IR_OR, IR_XOR, IR_MUL};
        ir_ref b = random_chance(&m->r, 50) ? ir_const(u, t, random_below(&m->r, 70000)) : maker_argument(m, t);
        v = ir_bin(u, ops[random_below(&m->r, ARRAY_LEN(ops))], v, b);
        break;
    }
    default:
        v = ir_bin(u, random_chance(&m->r, 50) ? IR_ADD : IR_SUB, v, maker_argument(m, t));
    }
    ir_set(u, slot, ir_conv(u, IR_ZEXT, IR_I64, v));
}

/* Flags of any origin; they stay in the pool. */
static ir_ref some_flags(struct maker *m)
{
    struct ir_unit *u = m->u;
    ir_ref f = maker_from_pool(m, IR_FLAGS), other = random_chance(&m->r, 50) ? IR_NONE : maker_from_pool(m, IR_FLAGS);
    if (f == IR_NONE || random_chance(&m->r, 20))
        f = ir_get(u, IR_FLAGS, TEST_FLAGS);
    if (other == IR_NONE)
        other = compare(m);
    switch (random_below(&m->r, 8)) {
    case 0:
    case 1:
        f = compare(m);
        break;
    case 2: {
        enum ir_type t = word(m);
        f = ir_flags(u, random_chance(&m->r, 50) ? IR_FLAGS_ADC : IR_FLAGS_SBC, maker_argument(m, t), maker_argument(m, t), f);
        break;
    }
    case 3:
        f = ir_flags(u, IR_FLAGS_CMC, f, IR_NONE, IR_NONE);
        break;
    case 4:
        f = ir_flags(u, IR_FLAGS_PACK, maker_argument(m, IR_I32), IR_NONE, IR_NONE);
        break;
    case 5:
        f = ir_emit(u, (struct ir_inst){.op = IR_FLAGS_MERGE, .type = IR_FLAGS, .a = f, .b = other,
                                        .imm = random_next(&m->r) & IR_FLAG_ALL});
        break;
    case 6:
        f = ir_select(u, maker_argument(m, IR_I1), f, other);
        break;
    default:
        f = compare_if(m, f);
        break;
    }
    return maker_keep(m, f);
}

/* A selection of any type whose condition is read from flags. */
static void select_by_flags(struct maker *m, ir_ref flags)
{
    static const uint8_t types[] = {IR_I8, IR_I16, IR_I32, IR_I64, IR_I32, IR_I64, IR_F32, IR_F64, IR_V64, IR_V128, IR_FLAGS, IR_I1};
    enum ir_type t = types[random_below(&m->r, ARRAY_LEN(types))];
    ir_ref cond = ir_cond(m->u, random_below(&m->r, 16), flags), yes = maker_argument(m, t), no = maker_argument(m, t);
    if (t != IR_FLAGS && random_chance(&m->r, 20))
        yes = ir_const(m->u, t, t == IR_I1 ? 1 : random_below(&m->r, 3));
    ir_ref v = maker_keep(m, ir_select(m->u, cond, yes, no));
    if (t == IR_FLAGS || t == IR_I64 || t == IR_V128)
        ir_set(m->u, maker_slot(m, t), v);
}

/* Flags values that live side by side, read in any order while others come and go. */
static void flags_pressure(struct maker *m)
{
    struct ir_unit *u = m->u;
    ir_ref flags[4];
    unsigned count = 2 + random_below(&m->r, 3);
    for (unsigned i = 0; i < count; i++)
        flags[i] = some_flags(m);
    for (unsigned n = 2 + random_below(&m->r, 5); n != 0; n--) {
        ir_ref f = flags[random_below(&m->r, count)];
        if (random_chance(&m->r, 15))
            maker_insn(m);
        switch (random_below(&m->r, 12)) {
        case 0:
            ir_set(u, TEST_FLAGS, f);
            break;
        case 1:
            ir_set(u, TEST_W0 + random_below(&m->r, 4), ir_emit(u, (struct ir_inst){.op = IR_FLAGS_BITS, .type = IR_I32, .a = f}));
            break;
        case 2: {
            enum ir_type t = word(m);
            ir_ref a = maker_argument(m, t), b = maker_argument(m, t);
            set_whole(m, ir_tern(u, random_chance(&m->r, 50) ? IR_ADC : IR_SBC, a, b, f));
            break;
        }
        case 3:
            flags[random_below(&m->r, count)] = some_flags(m);
            break;
        case 4:
            if (m->o->helpers && random_chance(&m->r, 30))
                ir_helper(u, random_below(&m->r, 3), IR_NONE, random_below(&m->r, 1000));
            else if (m->o->memory)
                maker_memory(m);
            break;
        case 5: /* forwards and backwards */
            if (m->o->control && random_chance(&m->r, 40))
                ir_jump_if(u, ir_cond(u, random_below(&m->r, 16), f),
                           random_chance(&m->r, 50) ? TEST_PC_BASE + 0x20000 : TEST_PC_BASE - 0x20000);
            break;
        case 6:
        case 7:
            in_place(m);
            break;
        case 8: /* the same flags again, later */
            ir_set(u, TEST_FLAGS, f);
            maker_insn(m);
            maker_keep(m, ir_get(u, IR_FLAGS, TEST_FLAGS));
            break;
        default:
            select_by_flags(m, f);
        }
    }
}

/* Integers that live side by side, in operations with fixed registers and many operands. */
static void integer_pressure(struct maker *m)
{
    struct ir_unit *u = m->u;
    ir_ref v[8];
    unsigned count = 3 + random_below(&m->r, 6);
    for (unsigned i = 0; i < count; i++) {
        ir_ref a = i == 0 || random_chance(&m->r, 50) ? full_register(m) : v[random_below(&m->r, i)];
        static const uint8_t ops[] = {IR_ADD, IR_SUB, IR_XOR, IR_OR, IR_MUL};
        v[i] = maker_keep(m, ir_bin(u, ops[random_below(&m->r, ARRAY_LEN(ops))], a, full_register(m)));
    }
    for (unsigned n = 1 + random_below(&m->r, 5); n != 0; n--) {
        ir_ref a = v[random_below(&m->r, count)], b = v[random_below(&m->r, count)], c = v[random_below(&m->r, count)],
               d = v[random_below(&m->r, count)], x;
        static const uint8_t codes[] = {IR_CC_E, IR_CC_NE, IR_CC_B, IR_CC_AE, IR_CC_L, IR_CC_G};
        unsigned cc = codes[random_below(&m->r, ARRAY_LEN(codes))];
        switch (random_below(&m->r, 10)) {
        case 0:
        case 1:
            x = ir_select(u, ir_cmp(u, cc, a, b), c, d);
            break;
        case 2: /* a bit or a mask tested */
            x = ir_bin(u, IR_AND, a, random_chance(&m->r, 50) ? b : ir_const(u, IR_I64, 1ull << random_below(&m->r, 64)));
            x = ir_select(u, ir_cmp(u, IR_CC_E + random_below(&m->r, 2), x, ir_const(u, IR_I64, 0)), c, d);
            break;
        case 3:
            x = ir_bin(u, random_chance(&m->r, 50) ? IR_UDIV : IR_SDIV, a, b);
            break;
        case 4:
            x = ir_bin(u, random_chance(&m->r, 50) ? IR_MULHU : IR_MULHS, a, b);
            break;
        case 5:
            x = ir_bin(u, IR_SHL + random_below(&m->r, 4), a, b);
            break;
        case 6: {
            unsigned pos = random_below(&m->r, 64);
            x = ir_field(u, IR_BFI, a, b, pos, 1 + random_below(&m->r, 64 - pos));
            break;
        }
        case 7:
            x = ir_tern(u, random_chance(&m->r, 50) ? IR_ADC : IR_SBC, a, b, some_flags(m));
            break;
        case 8: /* compared again by what the comparison says: selected flags */
            x = ir_select(u, ir_cmp(u, cc, a, b), ir_flags(u, IR_FLAGS_SUB, c, d, IR_NONE),
                          ir_flags(u, IR_FLAGS_PACK, ir_const(u, IR_I32, random_next(&m->r) & IR_FLAG_ALL), IR_NONE, IR_NONE));
            ir_set(u, TEST_FLAGS, x);
            x = ir_select(u, ir_cond(u, random_below(&m->r, 16), x), a, c);
            break;
        default:
            if (m->o->memory)
                maker_memory(m);
            x = ir_bin(u, IR_ADD, a, b);
        }
        v[random_below(&m->r, count)] = maker_keep(m, x);
    }
    for (unsigned i = 0; i < count; i++)
        if (random_chance(&m->r, 60))
            ir_set(u, maker_slot(m, IR_I64), v[i]);
}

/* What two or three slots held goes round between them, and is wanted afterwards. */
static void exchange(struct maker *m)
{
    struct ir_unit *u = m->u;
    enum ir_type t = random_chance(&m->r, 60) ? IR_V128 : IR_I64;
    unsigned slot[3], count = 2 + random_below(&m->r, 2);
    ir_ref old[3];
    for (unsigned i = 0; i < count; i++) {
        slot[i] = maker_slot(m, t);
        old[i] = maker_keep(m, ir_get(u, t, slot[i]));
    }
    for (unsigned i = 0; i < count; i++) {
        ir_ref v = old[(i + 1) % count];
        if (random_chance(&m->r, 50)) {
            if (t == IR_I64)
                v = ir_bin(u, IR_XOR, v, old[i]);
            else
                v = ir_vec(u, random_chance(&m->r, 50) ? IR_VADD : IR_VXOR, t, IR_I32, 0, 0, v, old[i], IR_NONE);
            maker_keep(m, v);
        }
        ir_set(u, slot[i], v);
        if (random_chance(&m->r, 30))
            maker_insn(m);
        if (m->o->memory && random_chance(&m->r, 20))
            maker_memory(m);
    }
    if (random_chance(&m->r, 50)) {
        ir_ref v = old[random_below(&m->r, count)];
        ir_set(u, maker_slot(m, t), v);
    }
}

void maker_idiom(struct maker *m)
{
    static void (*const idioms[])(struct maker *) = {flag_idiom,   flag_idiom,     sum_idiom,        integer_idiom, vector_idiom,
                                                     crypto_idiom, flags_pressure, flags_pressure,   integer_pressure,
                                                     exchange,     in_place};
    maker_insn(m);
    idioms[random_below(&m->r, ARRAY_LEN(idioms))](m);
}
