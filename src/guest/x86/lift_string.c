/* String instructions.  With REP one turn is done, and the unit ends with a jump to the instruction itself: the state
 * is exact in every turn, as the processor has it when a fault or a signal comes in the middle.  MOVS and STOS do 16 bytes
 * in a turn where nobody can tell: upwards, not near a page's end (all of it faults or nothing), and source and
 * destination not so close that what was just written is read.
 * Manual: SDM vol. 1, 7.3.9; vol. 2, REP. */
#include "guest/x86/lift.h"

static bool is_stepping(const struct x86_lift *l)
{
    return l->rq->mode & GUEST_MODE_STEPS;
}

/* The address in rSI (source, with its segment) or rDI (ES). */
static struct x86_address string_address(struct x86_lift *l, const struct x86_insn *in, unsigned reg)
{
    ir_ref offset = x86_zext(l, IR_I64, x86_gpr(l, reg, in->addrsize));
    unsigned segment = reg == X86_RDI ? X86_ES : in->segment == X86_NO_SEGMENT ? X86_DS : in->segment;
    return x86_linear(l, in, offset, segment);
}

/* rSI or rDI goes on by one element. */
static void advance(struct x86_lift *l, const struct x86_insn *in, unsigned reg, unsigned size)
{
    enum ir_type t = x86_int_type(in->addrsize);
    ir_ref step = ir_get(l->u, t, X86_DF);
    if (size > 1)
        step = ir_bin_imm(l->u, IR_SHL, step, (unsigned)__builtin_ctz(size));
    x86_set_gpr(l, reg, ir_bin(l->u, IR_ADD, x86_gpr(l, reg, in->addrsize), step));
}

/* Before the turn: nothing happens if rCX is 0. */
static unsigned rep_begin(struct x86_lift *l, const struct x86_insn *in)
{
    if (!in->rep)
        return 0;
    unsigned end = ir_label_new(l->u);
    ir_ref c = x86_gpr(l, X86_RCX, in->addrsize);
    ir_br_if(l->u, ir_cmp(l->u, IR_CC_E, c, ir_const(l->u, ir_type_of(l->u, c), 0)), end);
    return end;
}

/* After the turn. `go_on` may be NONE: always. The unit ends. */
static void rep_end(struct x86_lift *l, const struct x86_insn *in, unsigned end, ir_ref go_on)
{
    if (!in->rep)
        return;
    ir_ref c = ir_bin_imm(l->u, IR_SUB, x86_gpr(l, X86_RCX, in->addrsize), 1);
    x86_set_gpr(l, X86_RCX, c);
    if (is_stepping(l)) { /* the trap after the last turn is behind the instruction */
        ir_ref more = ir_cmp(l->u, IR_CC_NE, c, ir_const(l->u, ir_type_of(l->u, c), 0));
        go_on = go_on ? ir_bin(l->u, IR_AND, go_on, more) : more;
    }
    if (go_on) {
        ir_jump_if(l->u, go_on, l->pc);
        ir_jump(l->u, l->next);
    } else {
        ir_jump(l->u, l->pc);
    }
    x86_label(l, end);
    ir_jump(l->u, l->next);
    l->ended = true;
}

#define CHUNK 16u

/* rCX, rSI or rDI goes on by a whole chunk. */
static void advance_chunk(struct x86_lift *l, const struct x86_insn *in, unsigned reg, unsigned by)
{
    x86_set_gpr(l, reg, ir_bin_imm(l->u, reg == X86_RCX ? IR_SUB : IR_ADD, x86_gpr(l, reg, in->addrsize), by));
}

/* Goes to `slow` if a chunk at a's address would reach into the next page. */
static void unless_in_page(struct x86_lift *l, struct x86_address a, unsigned slow)
{
    ir_ref offset = ir_bin_imm(l->u, IR_AND, x86_address_value(l, a), 4095);
    ir_br_if(l->u, ir_cmp(l->u, IR_CC_A, offset, ir_const(l->u, IR_I64, 4096 - CHUNK)), slow);
}

/* A turn of 16 bytes, and back to the instruction; what cannot do so goes on behind this. */
static void fast_turn(struct x86_lift *l, const struct x86_insn *in, unsigned size, bool moves)
{
    struct ir_unit *u = l->u;
    unsigned slow = ir_label_new(u);
    ir_ref count = x86_zext(l, IR_I64, x86_gpr(l, X86_RCX, in->addrsize));
    ir_br_if(u, ir_cmp(u, IR_CC_B, count, ir_const(u, IR_I64, CHUNK / size)), slow);
    ir_br_if(u, ir_cmp(u, IR_CC_NE, ir_get(u, IR_I64, X86_DF), ir_const(u, IR_I64, 1)), slow);
    struct x86_address to = string_address(l, in, X86_RDI), from = to;
    unless_in_page(l, to, slow);
    ir_ref v;
    if (moves) {
        from = string_address(l, in, X86_RSI);
        unless_in_page(l, from, slow);
        ir_ref apart = ir_bin(u, IR_SUB, x86_address_value(l, to), x86_address_value(l, from));
        ir_br_if(u, ir_cmp(u, IR_CC_B, apart, ir_const(u, IR_I64, CHUNK)), slow);
        v = x86_load(l, IR_V128, from);
    } else {
        v = ir_vec(u, IR_VDUP, IR_V128, x86_int_type(size), 0, 0, x86_gpr(l, X86_RAX, size), IR_NONE, IR_NONE);
    }
    x86_store(l, to, v);
    advance_chunk(l, in, X86_RDI, CHUNK);
    if (moves)
        advance_chunk(l, in, X86_RSI, CHUNK);
    advance_chunk(l, in, X86_RCX, CHUNK / size);
    ir_jump(u, l->pc);
    x86_label(l, slow);
}

void x86_lift_movs(struct x86_lift *l, const struct x86_insn *in)
{
    unsigned size = in->op[0].size, end = rep_begin(l, in);
    if (in->rep && in->addrsize > 2 && !is_stepping(l))
        fast_turn(l, in, size, true);
    ir_ref v = x86_load(l, x86_int_type(size), string_address(l, in, X86_RSI));
    x86_store(l, string_address(l, in, X86_RDI), v);
    advance(l, in, X86_RSI, size);
    advance(l, in, X86_RDI, size);
    rep_end(l, in, end, IR_NONE);
}

void x86_lift_stos(struct x86_lift *l, const struct x86_insn *in)
{
    unsigned size = in->op[0].size, end = rep_begin(l, in);
    if (in->rep && in->addrsize > 2 && !is_stepping(l))
        fast_turn(l, in, size, false);
    x86_store(l, string_address(l, in, X86_RDI), x86_gpr(l, X86_RAX, size));
    advance(l, in, X86_RDI, size);
    rep_end(l, in, end, IR_NONE);
}

void x86_lift_lods(struct x86_lift *l, const struct x86_insn *in)
{
    unsigned size = in->op[0].size, end = rep_begin(l, in);
    ir_ref v = x86_load(l, x86_int_type(size), string_address(l, in, X86_RSI));
    x86_set_gpr(l, X86_RAX, v);
    advance(l, in, X86_RSI, size);
    rep_end(l, in, end, IR_NONE);
}

static void compare(struct x86_lift *l, const struct x86_insn *in, unsigned end, ir_ref a, ir_ref b)
{
    ir_ref f = ir_flags(l->u, IR_FLAGS_SUB, a, b, IR_NONE);
    x86_set_flags(l, f);
    ir_ref go_on = in->rep ? ir_cmp(l->u, in->rep == 0xf3 ? IR_CC_E : IR_CC_NE, a, b) : IR_NONE;
    rep_end(l, in, end, go_on);
}

void x86_lift_cmps(struct x86_lift *l, const struct x86_insn *in)
{
    unsigned size = in->op[0].size, end = rep_begin(l, in);
    ir_ref a = x86_load(l, x86_int_type(size), string_address(l, in, X86_RSI));
    ir_ref b = x86_load(l, x86_int_type(size), string_address(l, in, X86_RDI));
    advance(l, in, X86_RSI, size);
    advance(l, in, X86_RDI, size);
    compare(l, in, end, a, b);
}

void x86_lift_scas(struct x86_lift *l, const struct x86_insn *in)
{
    unsigned size = in->op[0].size, end = rep_begin(l, in);
    ir_ref b = x86_load(l, x86_int_type(size), string_address(l, in, X86_RDI));
    advance(l, in, X86_RDI, size);
    compare(l, in, end, x86_gpr(l, X86_RAX, size), b);
}
