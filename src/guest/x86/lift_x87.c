/* The x87: operands go through the scratch slot, the rest is a helper's (helpers_x87.c).  What is stored is converted
 * first and committed after the store, so that a fault leaves everything as it was.  FXSAVE and XSAVE images.
 * Manual: SDM vol. 1, chapters 8, 10.5, 13; vol. 2. */
#include "guest/x86/vector.h"
#include "guest/x86/x87.h"

static void ask(struct x86_lift *l, enum x87_kind kind, unsigned reg, unsigned other, unsigned arg)
{
    ir_helper(l->u, X86_HELPER_X87, IR_NONE, X87_ARG(kind, reg, other, arg));
}

static ir_ref as_vector(struct x86_lift *l, ir_ref v)
{
    ir_ref wide = x86_zext(l, IR_I64, v);
    return x86_zext(l, IR_V128, ir_conv(l->u, IR_BITCAST, IR_F64, wide));
}

static unsigned memory_kind(const struct x86_insn *in, bool integer)
{
    switch (in->op[0].size) {
    case 2: return X87_I16;
    case 4: return integer ? X87_I32 : X87_F32;
    case 8: return integer ? X87_I64 : X87_F64;
    default: return X87_F80;
    }
}

/* The operand in memory into the scratch slot. */
static void fetch_operand(struct x86_lift *l, const struct x86_insn *in)
{
    struct x86_address a = x86_address(l, in);
    unsigned size = in->op[0].size;
    if (size < 10) {
        ir_set(l->u, X86_SCRATCH0, as_vector(l, x86_load(l, x86_int_type(size), a)));
        return;
    }
    ir_ref low = x86_load(l, IR_I64, a), high = x86_load(l, IR_I16, x86_plus(a, 8));
    ir_set(l->u, X86_SCRATCH0, ir_vec(l->u, IR_VINS, IR_V128, IR_I16, 0, 4, as_vector(l, low), high, IR_NONE));
}

void x86_x87_remember(struct x86_lift *l, const struct x86_insn *in)
{
    static x86_lift_fn *const control[] = {x86_lift_x87_control, x86_lift_x87_env, x86_lift_fwait};
    struct ir_unit *u = l->u;
    for (unsigned i = 0; i < ARRAY_LEN(control); i++)
        if (in->row->lift == control[i] && in->opcode != 0xd9)
            return;
    if (in->opcode == 0xd9 && in->modrm < 0xc0 && (in->modrm & 0x20)) /* FLDENV, FLDCW, FNSTENV, FNSTCW */
        return;
    ir_set(u, X86_FIP, ir_const_pc(u, l->pc));
    ir_set(u, X86_FOP, ir_const(u, IR_I32, (in->opcode & 7u) << 8 | in->modrm));
    ir_set(u, X86_FCS, ir_const(u, IR_I32, 1));
    if (in->modrm < 0xc0) {
        ir_set(u, X86_FDP, x86_address_value(l, x86_address(l, in)));
        ir_set(u, X86_FDS, ir_const(u, IR_I32, 1));
    }
}

void x86_lift_x87_arith(struct x86_lift *l, const struct x86_insn *in)
{
    unsigned arg = in->row->arg;
    if (in->op[0].kind == X86_OPERAND_MEM) {
        fetch_operand(l, in);
        ask(l, X87_ARITH, 0, memory_kind(in, arg & X86_X87_INT), arg);
    } else if (!in->op[0].kind) { /* FCOMPP, FUCOMPP */
        ask(l, X87_ARITH, 0, 1, arg);
    } else {
        ask(l, X87_ARITH, in->op[0].reg, in->op[1].reg, arg);
    }
}

void x86_lift_x87_comi(struct x86_lift *l, const struct x86_insn *in)
{
    ask(l, X87_COMI, 0, in->op[1].reg, in->row->arg);
}

void x86_lift_x87_load(struct x86_lift *l, const struct x86_insn *in)
{
    unsigned kind = in->op[0].reg;
    if (in->op[0].kind == X86_OPERAND_MEM) {
        kind = in->row->arg == 2 ? X87_BCD : memory_kind(in, in->row->arg == 1);
        fetch_operand(l, in);
    }
    ask(l, X87_LOAD, 0, kind, 0);
}

/* Faults where a store of `size` bytes would. */
static void touch(struct x86_lift *l, const struct x86_insn *in, unsigned size)
{
    struct ir_unit *u = l->u;
    ir_ref first = x86_address_value(l, x86_address(l, in)), zero = ir_const(u, IR_I8, 0);
    ir_ref page = ir_bin_imm(u, IR_AND, ir_bin_imm(u, IR_ADD, first, size - 1), ~4095ull);
    ir_ref last = ir_select(u, ir_cmp(u, IR_CC_A, page, first), page, first);
    ir_emit(u, (struct ir_inst){.op = IR_ATOMIC_RMW, .type = IR_I8, .attr = IR_RMW_OR, .a = first, .b = zero});
    ir_emit(u, (struct ir_inst){.op = IR_ATOMIC_RMW, .type = IR_I8, .attr = IR_RMW_OR, .a = last, .b = zero});
}

void x86_lift_x87_store(struct x86_lift *l, const struct x86_insn *in)
{
    unsigned arg = in->row->arg, pops = (arg & X86_X87_POP) != 0, size = in->op[0].size;
    if (in->op[0].kind == X86_OPERAND_ST) {
        ask(l, X87_MOVE, 0, in->op[0].reg, pops | (arg & X86_X87_RAW ? 2 : 0));
        return;
    }
    ask(l, X87_STORE, 0, arg & X86_X87_BCD ? X87_BCD : memory_kind(in, arg & X86_X87_INT), (arg & X86_X87_TRUNC) != 0);
    unsigned good = ir_label_new(l->u), done = ir_label_new(l->u);
    ir_ref status = ir_get(l->u, IR_I32, X86_STATUS);
    ir_br_if(l->u, ir_cmp(l->u, IR_CC_E, status, ir_const(l->u, IR_I32, 0)), good);
    touch(l, in, size); /* an unmasked exception: nothing is stored */
    ask(l, X87_STORED, 0, 0, 0);
    ir_br(l->u, done);
    x86_label(l, good);
    struct x86_address a = x86_address(l, in);
    ir_ref v = ir_get(l->u, IR_V128, X86_SCRATCH0), low = x86_lane(l, IR_I64, IR_I64, 0, v);
    if (size == 10) {
        x86_store(l, x86_plus(a, 8), x86_lane(l, IR_I16, IR_I16, 4, v));
        x86_store(l, a, low);
    } else {
        x86_store(l, a, x86_trunc(l, x86_int_type(size), low));
    }
    ask(l, X87_STORED, 0, 0, pops);
    x86_label(l, done);
}

void x86_lift_x87_xch(struct x86_lift *l, const struct x86_insn *in)
{
    ask(l, X87_XCH, 0, in->op[1].reg, 0);
}

void x86_lift_x87_cmov(struct x86_lift *l, const struct x86_insn *in)
{
    ir_ref cond = ir_conv(l->u, IR_ZEXT, IR_I64, x86_cond(l, in->row->arg));
    ir_ref arg = ir_bin_imm(l->u, IR_OR, ir_bin_imm(l->u, IR_SHL, cond, 32), X87_ARG(X87_CMOV, 0, in->op[1].reg, 0));
    ir_helper(l->u, X86_HELPER_X87, arg, 0);
}

void x86_lift_x87_free(struct x86_lift *l, const struct x86_insn *in)
{
    ask(l, X87_FREE, 0, in->op[0].reg, in->row->arg);
}

void x86_lift_x87_const(struct x86_lift *l, const struct x86_insn *in)
{
    ask(l, X87_CONST, 0, 0, in->row->arg);
}

void x86_lift_x87_sign(struct x86_lift *l, const struct x86_insn *in)
{
    ask(l, X87_SIGN, 0, 0, in->row->arg);
}

void x86_lift_x87_test(struct x86_lift *l, const struct x86_insn *in)
{
    ask(l, X87_TEST, 0, 0, in->row->arg);
}

void x86_lift_x87_unary(struct x86_lift *l, const struct x86_insn *in)
{
    ask(l, X87_UNARY, 0, 0, in->row->arg);
}

void x86_lift_x87_other(struct x86_lift *l, const struct x86_insn *in)
{
    ask(l, X87_OTHER, 0, 0, in->row->arg);
}

void x86_lift_fwait(struct x86_lift *l, const struct x86_insn *in)
{
}

void x86_lift_x87_control(struct x86_lift *l, const struct x86_insn *in)
{
    unsigned op = in->row->arg;
    switch (op) {
    case 2: break;
    case 5:
        fetch_operand(l, in);
        ask(l, X87_CONTROL, 0, 0, op);
        break;
    case 6: x86_write(l, in, 0, ir_get(l->u, IR_I16, X86_FCW)); break;
    case 7:
    case 8:
        ask(l, X87_CONTROL, 0, 0, op);
        x86_write(l, in, 0, x86_trunc(l, IR_I16, ir_get(l->u, IR_I32, X86_STATUS)));
        break;
    default: ask(l, X87_CONTROL, 0, 0, op);
    }
}

/* ---- images ----------------------------------------------------------------------------------------------------------- */

/* `bytes` of the scratch slots, from the first, to memory; or from there. */
static void image(struct x86_lift *l, struct x86_address a, unsigned bytes, bool store)
{
    for (unsigned at = 0; at < bytes;) {
        unsigned left = bytes - at, slot = X86_SCRATCH0 + at / 16, size = left >= 16 && at % 16 == 0 ? 16 : left >= 8 ? 8 : left >= 4 ? 4 : 2;
        struct x86_address here = x86_plus(a, (int64_t)at);
        enum ir_type t = size == 16 ? IR_V128 : x86_int_type(size);
        unsigned lane = at % 16 / size;
        if (store) {
            ir_ref v = ir_get(l->u, IR_V128, slot);
            x86_store(l, here, size == 16 ? v : x86_lane(l, t, t, lane, v));
        } else {
            ir_ref v = x86_load(l, t, here);
            if (size < 16)
                v = ir_vec(l->u, IR_VINS, IR_V128, t, 0, lane, ir_get(l->u, IR_V128, slot), v, IR_NONE);
            ir_set(l->u, slot, v);
        }
        at += size;
    }
}

/* Faults where the processor looks before it moves any of an image.  What follows cannot fault then, so nothing is done by halves. */
static void probe(struct x86_lift *l, const struct x86_insn *in, ir_ref base, ir_ref offset, enum ir_type t, bool store)
{
    struct ir_unit *u = l->u;
    ir_ref here = ir_bin(u, IR_ADD, base, offset);
    bool based = l->mode64 && (in->segment == X86_FS || in->segment == X86_GS);
    if (in->addrsize < 8 && !based)
        here = x86_zext(l, IR_I64, x86_trunc(l, IR_I32, here));
    if (store)
        ir_emit(u, (struct ir_inst){.op = IR_ATOMIC_RMW, .type = (uint8_t)t, .attr = IR_RMW_OR, .a = here, .b = ir_const(u, t, 0)});
    else
        x86_load(l, t, (struct x86_address){.base = here});
}

static ir_ref at(struct x86_lift *l, unsigned offset)
{
    return ir_const(l->u, IR_I64, offset);
}

/* FLDENV 0, FNSTENV 1, FRSTOR 2, FNSAVE 3 */
void x86_lift_x87_env(struct x86_lift *l, const struct x86_insn *in)
{
    unsigned op = in->row->arg, form = op >> 1 | (in->opsize == 2 ? 2 : 0);
    unsigned bytes = (in->opsize == 2 ? 14 : 28) + (op & 2 ? 80 : 0);
    struct x86_address a = {.base = x86_address_value(l, x86_address(l, in))};
    probe(l, in, a.base, at(l, 0), in->opsize == 2 ? IR_I16 : IR_I32, op & 1);
    probe(l, in, a.base, at(l, bytes - 1), IR_I8, op & 1);
    if (op & 1) {
        ask(l, X87_ENV_GET, 0, 0, form);
        image(l, a, bytes, true);
        ask(l, X87_ENV_DONE, 0, 0, op >> 1);
    } else {
        image(l, a, bytes, false);
        ask(l, X87_ENV_SET, 0, 0, form);
    }
}

static void check_aligned(struct x86_lift *l, ir_ref address, unsigned to)
{
    ir_ref low = ir_bin_imm(l->u, IR_AND, address, to - 1);
    x86_trap_if(l, ir_cmp(l->u, IR_CC_NE, low, ir_const(l->u, IR_I64, 0)), X86_VECTOR_GP);
}

/* The XMM registers at 160, or the YMM registers' upper halves at 576, of an image. */
static void vectors(struct x86_lift *l, struct x86_address a, unsigned slot, bool store)
{
    for (unsigned i = 0; i < (l->mode64 ? 16 : 8); i++) {
        struct x86_address here = x86_plus(a, 16 * (int64_t)i);
        if (store)
            x86_store(l, here, ir_get(l->u, IR_V128, slot + i));
        else
            ir_set(l->u, slot + i, x86_load(l, IR_V128, here));
    }
}

/* MXCSR in an image in memory; reserved bits raise #GP. */
static void load_mxcsr(struct x86_lift *l, struct x86_address a)
{
    ir_ref v = x86_load(l, IR_I32, x86_plus(a, 24));
    x86_trap_if(l, ir_cmp(l->u, IR_CC_A, v, ir_const(l->u, IR_I32, 0xffff)), X86_VECTOR_GP);
    x86_mxcsr_load(l, v);
}

void x86_lift_fxsave(struct x86_lift *l, const struct x86_insn *in)
{
    struct x86_address a = {.base = x86_address_value(l, x86_address(l, in))};
    check_aligned(l, a.base, 16);
    probe(l, in, a.base, at(l, X86_FXSAVE_SIZE - 1), IR_I8, !in->row->arg);
    probe(l, in, a.base, at(l, 0), IR_I8, !in->row->arg);
    if (in->row->arg) {
        ir_ref v = x86_load(l, IR_I32, x86_plus(a, 24));
        x86_trap_if(l, ir_cmp(l->u, IR_CC_A, v, ir_const(l->u, IR_I32, 0xffff)), X86_VECTOR_GP);
        image(l, a, 160, false);
        vectors(l, x86_plus(a, 160), X86_XMM0_SLOT, false);
        ask(l, X87_FX_SET, 0, 0, in->wide ? 5 : 1);
        x86_mxcsr_load(l, v);
        x86_mode_changed(l);
        return;
    }
    ir_set(l->u, X86_MXCSR, ir_get(l->u, IR_I32, X86_MXCSR));
    ir_ref mxcsr = x86_mxcsr_value(l);
    unsigned kept = ir_local_new(l->u, IR_I32);
    ir_lset(l->u, kept, mxcsr);
    ask(l, X87_FX_GET, 0, 0, in->wide);
    vectors(l, x86_plus(a, 160), X86_XMM0_SLOT, true);
    image(l, a, 160, true);
    x86_store(l, x86_plus(a, 24), ir_lget(l->u, kept));
}

/* ---- XSAVE ------------------------------------------------------------------------------------------------------------- */

struct xsave {
    struct x86_lift *l;
    unsigned base, mask; /* locals: address; the components asked for */
};

/* Of how many bytes the processor sees the last: with or without the upper halves, whether they are present or not. */
static void probe_components(const struct xsave *x, const struct x86_insn *in, bool store)
{
    struct x86_lift *l = x->l;
    ir_ref wide = ir_cmp(l->u, IR_CC_NE, ir_bin_imm(l->u, IR_AND, ir_lget(l->u, x->mask), X86_XSAVE_AVX), ir_const(l->u, IR_I64, 0));
    ir_ref last = ir_select(l->u, wide, ir_const(l->u, IR_I64, X86_XSAVE_SIZE - 1), ir_const(l->u, IR_I64, X86_FXSAVE_SIZE + 63));
    ir_ref base = ir_lget(l->u, x->base);
    probe(l, in, base, at(l, 0), IR_I8, store);
    if (!store)
        probe(l, in, base, at(l, X86_FXSAVE_SIZE), IR_I8, store);
    probe(l, in, base, last, IR_I8, store);
}

static struct x86_address area(const struct xsave *x)
{
    return (struct x86_address){.base = ir_lget(x->l->u, x->base)};
}

/* Skips to the label it returns unless one of `bits` is in the local. */
static unsigned unless(const struct xsave *x, unsigned local, unsigned bits)
{
    struct ir_unit *u = x->l->u;
    unsigned skip = ir_label_new(u);
    ir_ref set = ir_bin_imm(u, IR_AND, ir_lget(u, local), bits);
    ir_br_if(u, ir_cmp(u, IR_CC_E, set, ir_const(u, IR_I64, 0)), skip);
    return skip;
}

static void xsave(const struct xsave *x, const struct x86_insn *in)
{
    struct x86_lift *l = x->l;
    struct ir_unit *u = l->u;
    unsigned mxcsr = ir_local_new(u, IR_I32), skip;
    ir_lset(u, mxcsr, x86_mxcsr_value(l));
    ask(l, X87_FX_GET, 0, 0, in->wide);
    skip = unless(x, x->mask, 4);
    vectors(l, x86_plus(area(x), 576), X86_YMMH0, true);
    x86_label(l, skip);
    skip = unless(x, x->mask, 2);
    vectors(l, x86_plus(area(x), 160), X86_XMM0_SLOT, true);
    x86_label(l, skip);
    skip = unless(x, x->mask, 1);
    image(l, area(x), 24, true);
    for (unsigned i = 2; i < 10; i++)
        x86_store(l, x86_plus(area(x), 16 * i), ir_get(u, IR_V128, X86_SCRATCH0 + i));
    x86_label(l, skip);
    skip = unless(x, x->mask, 6);
    x86_store(l, x86_plus(area(x), 24), ir_lget(u, mxcsr));
    x86_store(l, x86_plus(area(x), 28), ir_const(u, IR_I32, 0xffff));
    x86_label(l, skip);
    struct x86_address header = x86_plus(area(x), 512);
    ir_ref old = x86_load(l, IR_I64, header);
    x86_store(l, header, ir_bin(u, IR_OR, old, ir_lget(u, x->mask)));
}

static void clear_vectors(struct x86_lift *l, unsigned slot)
{
    for (unsigned i = 0; i < (l->mode64 ? 16 : 8); i++)
        ir_set(l->u, slot + i, x86_zero(l, IR_V128));
}

/* Loads a component if it is present, else initialises it. */
static void restore_vectors(const struct xsave *x, unsigned present, unsigned bit, unsigned offset, unsigned slot)
{
    struct x86_lift *l = x->l;
    unsigned done = unless(x, x->mask, bit), absent = unless(x, present, bit);
    vectors(l, x86_plus(area(x), offset), slot, false);
    ir_br(l->u, done);
    x86_label(l, absent);
    clear_vectors(l, slot);
    x86_label(l, done);
}

static void xrstor(const struct xsave *x, const struct x86_insn *in)
{
    struct x86_lift *l = x->l;
    struct ir_unit *u = l->u;
    unsigned present = ir_local_new(u, IR_I64);
    ir_ref header = x86_load(l, IR_I64, x86_plus(area(x), 512));
    ir_ref compact = x86_load(l, IR_I64, x86_plus(area(x), 520));
    ir_ref bad = ir_bin(u, IR_OR, ir_bin_imm(u, IR_AND, header, ~7ull), compact);
    x86_trap_if(l, ir_cmp(u, IR_CC_NE, bad, ir_const(u, IR_I64, 0)), X86_VECTOR_GP);
    ir_lset(u, present, header);
    unsigned skip = unless(x, x->mask, 6);
    load_mxcsr(l, area(x));
    x86_label(l, skip);
    restore_vectors(x, present, 4, 576, X86_YMMH0);
    restore_vectors(x, present, 2, 160, X86_XMM0_SLOT);
    unsigned done = unless(x, x->mask, 1), absent = unless(x, present, 1);
    image(l, area(x), 160, false);
    ask(l, X87_FX_SET, 0, 0, in->wide ? 5 : 1);
    ir_br(u, done);
    x86_label(l, absent);
    ask(l, X87_INIT, 0, 0, 0);
    for (unsigned i = 0; i < 8; i++)
        ir_set(u, X86_ST0_SLOT + i, x86_zero(l, IR_V128));
    x86_label(l, done);
    x86_mode_changed(l);
}

void x86_lift_xsave(struct x86_lift *l, const struct x86_insn *in)
{
    struct ir_unit *u = l->u;
    struct xsave x = {l, ir_local_new(u, IR_I64), ir_local_new(u, IR_I64)};
    ir_ref base = x86_address_value(l, x86_address(l, in));
    check_aligned(l, base, 64);
    ir_lset(u, x.base, base);
    ir_lset(u, x.mask, ir_bin_imm(u, IR_AND, x86_gpr(l, X86_RAX, 8), 7));
    probe_components(&x, in, !in->row->arg);
    if (in->row->arg)
        xrstor(&x, in);
    else
        xsave(&x, in);
}
