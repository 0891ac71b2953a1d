/* SSE's floating-point exceptions that are not masked.  Under such an MXCSR (X86_MODE_XM) an instruction's IR is written
 * anew: the cumulative flags are set aside before its first operation that may raise any, what it raises is looked at
 * after its last, and only then are slots and memory written, if the exception is not to come.
 *
 * Known limitation: where an instruction computes in steps (DPPS) or elements differ in what they raise, flags of later
 * steps may be noted that the processor has not come to.
 * Manual: SDM vol. 1, 11.5. */
#include "guest/x86/lift.h"
#include <string.h>

#define BEFORE (FP_INVALID | FP_DIVZERO | FP_DENORMAL) /* found before anything is computed */

struct rewrite {
    struct x86_lift *l;
    const struct ir_inst *old;
    ir_ref first, count;
    ir_ref *map;
    unsigned kept; /* local: the flags set aside */
    bool begun;
};

static bool is_straight(const struct rewrite *w)
{
    for (ir_ref i = 0; i < w->count; i++)
        if (w->old[i].op == IR_LABEL || (ir_op_info[w->old[i].op].flags & IR_OPF_ENDS))
            return false;
    return true;
}

static bool is_write(const struct ir_inst *in)
{
    return in->op == IR_SET || in->op == IR_STORE;
}

static ir_ref mapped(const struct rewrite *w, ir_ref r)
{
    return r < w->first ? r : w->map[r - w->first];
}

static ir_ref again(const struct rewrite *w, ir_ref i)
{
    struct ir_inst in = w->old[i];
    in.a = mapped(w, in.a);
    in.b = mapped(w, in.b);
    in.c = mapped(w, in.c);
    return ir_emit(w->l->u, in);
}

static ir_ref flags_get(struct ir_unit *u)
{
    return ir_emit(u, (struct ir_inst){.op = IR_FPFLAGS_GET, .type = IR_I32});
}

static void flags_set(struct ir_unit *u, ir_ref v)
{
    ir_emit(u, (struct ir_inst){.op = IR_FPFLAGS_SET, .a = v});
}

/* MXCSR's masks as the FP_* that are not masked. */
static ir_ref unmasked(struct ir_unit *u)
{
    ir_ref v = ir_un(u, IR_NOT, ir_bin_imm(u, IR_SHR, ir_get(u, IR_I32, X86_MXCSR), 7));
    ir_ref ie = ir_bin_imm(u, IR_AND, v, 1), de = ir_bin_imm(u, IR_AND, ir_bin_imm(u, IR_SHL, v, 6), FP_DENORMAL);
    return ir_bin(u, IR_OR, ir_bin(u, IR_OR, ie, de), ir_bin_imm(u, IR_AND, ir_bin_imm(u, IR_SHR, v, 1), 0x1e));
}

static void check(struct rewrite *w)
{
    struct ir_unit *u = w->l->u;
    ir_ref raised = flags_get(u), hit = ir_bin(u, IR_AND, raised, unmasked(u)), zero = ir_const(u, IR_I32, 0);
    ir_ref early = ir_cmp(u, IR_CC_NE, ir_bin_imm(u, IR_AND, hit, BEFORE), zero);
    ir_ref seen = ir_select(u, early, ir_bin_imm(u, IR_AND, raised, BEFORE), raised);
    flags_set(u, ir_bin(u, IR_OR, seen, ir_lget(u, w->kept)));
    x86_trap_if(w->l, ir_cmp(u, IR_CC_NE, hit, zero), X86_VECTOR_XM);
}

void x86_guard_fp(struct x86_lift *l, ir_ref first, bool mmx)
{
    struct ir_unit *u = l->u;
    struct rewrite w = {.l = l, .first = first, .count = u->count - first};
    struct ir_inst *old = arena_alloc(u->arena, (w.count + 1) * sizeof *old);
    w.map = arena_alloc(u->arena, (w.count + 1) * sizeof *w.map);
    memcpy(old, u->insts + first, w.count * sizeof *old);
    w.old = old;
    if (!is_straight(&w))
        return;
    u->count = first;
    for (ir_ref i = 0; i < w.count; i++) {
        if (is_write(&old[i]))
            continue;
        if ((ir_op_info[old[i].op].flags & IR_OPF_FP) && !w.begun) {
            w.begun = true;
            w.kept = ir_local_new(u, IR_I32);
            ir_lset(u, w.kept, flags_get(u));
            flags_set(u, ir_const(u, IR_I32, 0));
        }
        w.map[i] = again(&w, i);
    }
    if (w.begun && mmx)
        x86_mmx_used(l);
    if (w.begun)
        check(&w);
    for (ir_ref i = 0; i < w.count; i++)
        if (is_write(&old[i]))
            again(&w, i);
}
