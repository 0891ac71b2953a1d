/* The x86 guests, i386 and x86-64: one state, one decoder, one set of lifts, two modes; its slots, the key of its
 * translations, and translation of a stretch of code to IR.  docs/x86.md describes the layout and why.
 *
 * A unit ends at a branch, at a page's end, or after max_insns; an instruction that crosses a page has a unit of its
 * own.  Translations are specialised on X86_MODE_*. */
#include "guest/x86/lift.h"
#include "guest/x86/text.h"
#include "guest/x86/helpers.h"
#include <string.h>

#define SLOT(id, name, field, type, h) [id] = {name, offsetof(struct x86_state, field), type, h}
#define R(n, name, h)                  SLOT(X86_R0 + n, name, r[n], IR_I64, h)
#define SEG(n, name)                                                                                                       \
    SLOT(X86_BASE0 + n, name "_base", base[n], IR_I64, n == X86_FS ? 2 : 0), SLOT(X86_SELECTOR0 + n, name, selector[n], IR_I32, 0)
#define ST(n)     SLOT(X86_ST0_SLOT + n, "st" #n, st[n], IR_V128, 0)
#define SCRATCH(n) SLOT(X86_SCRATCH0 + n, "scratch" #n, scratch[n], IR_V128, 0)
#define XMM(n, h) SLOT(X86_XMM0_SLOT + n, "xmm" #n, xmm[n], IR_V128, h), SLOT(X86_YMMH0 + n, "ymmh" #n, ymmh[n], IR_V128, 0)

/* Heat: how often the general registers occur in the instructions that xz -1 and CPython execute (Debian bookworm's, mean
 * of the two, x86-64).  The vector registers' is compilers' order of preference. */
static const struct ir_slot slots[X86_SLOT_COUNT] = {
    R(0, "rax", 200),
    R(1, "rcx", 115),
    R(2, "rdx", 128),
    R(3, "rbx", 79),
    R(4, "rsp", 97),
    R(5, "rbp", 50),
    R(6, "rsi", 66),
    R(7, "rdi", 65),
    R(8, "r8", 23),
    R(9, "r9", 36),
    R(10, "r10", 32),
    R(11, "r11", 28),
    R(12, "r12", 37),
    R(13, "r13", 39),
    R(14, "r14", 29),
    R(15, "r15", 18),
    SLOT(X86_PC, "rip", rip, IR_I64, 0),
    SLOT(X86_FLAGS, "flags", flags, IR_FLAGS, 0),
    SLOT(X86_EFLAGS, "eflags", eflags, IR_I32, 0),
    SLOT(X86_DF, "df", df, IR_I64, 0),
    SEG(X86_ES, "es"),
    SEG(X86_CS, "cs"),
    SEG(X86_SS, "ss"),
    SEG(X86_DS, "ds"),
    SEG(X86_FS, "fs"),
    SEG(X86_GS, "gs"),
    SLOT(X86_MXCSR, "mxcsr", mxcsr, IR_I32, 0),
    SLOT(X86_STATUS, "status", status, IR_I32, 0),
    SLOT(X86_FCW, "fcw", fcw, IR_I32, 0),
    SLOT(X86_FSW, "fsw", fsw, IR_I32, 0),
    SLOT(X86_TOP, "top", top, IR_I32, 0),
    SLOT(X86_TAGS, "tags", tags, IR_I32, 0),
    SLOT(X86_FOP, "fop", fop, IR_I32, 0),
    SLOT(X86_FCS, "fcs", fcs, IR_I32, 0),
    SLOT(X86_FDS, "fds", fds, IR_I32, 0),
    SLOT(X86_FIP, "fip", fip, IR_I64, 0),
    SLOT(X86_FDP, "fdp", fdp, IR_I64, 0),
    ST(0), ST(1), ST(2), ST(3), ST(4), ST(5), ST(6), ST(7),
    XMM(0, 100), XMM(1, 95), XMM(2, 80), XMM(3, 60), XMM(4, 50), XMM(5, 45), XMM(6, 40), XMM(7, 35),
    XMM(8, 20), XMM(9, 15), XMM(10, 14), XMM(11, 13), XMM(12, 12), XMM(13, 11), XMM(14, 10), XMM(15, 9),
    SCRATCH(0), SCRATCH(1), SCRATCH(2), SCRATCH(3), SCRATCH(4), SCRATCH(5), SCRATCH(6), SCRATCH(7), SCRATCH(8), SCRATCH(9),
};

static void reset_common(struct x86_state *s)
{
    s->flags = 0;
    s->df = 1;
    s->mxcsr = 0x1f80;
    s->fcw = 0x37f;
}

static void reset64(struct cpu *cpu)
{
    struct x86_state *s = x86_state(cpu);
    reset_common(s);
    s->mode64 = 1;
    s->selector[X86_CS] = 0x33;
    s->selector[X86_SS] = 0x2b;
}

static void reset32(struct cpu *cpu)
{
    struct x86_state *s = x86_state(cpu);
    reset_common(s);
    s->selector[X86_CS] = 0x23;
    s->selector[X86_SS] = s->selector[X86_DS] = s->selector[X86_ES] = 0x2b;
}

static uint32_t mode_of(const struct cpu *cpu)
{
    const struct x86_state *s = (const struct x86_state *)(const void *)cpu->state;
    uint32_t mode = s->mode64 ? X86_MODE_64 : 0;
    mode |= (s->mxcsr >> 13 & 3) << 1 | (s->mxcsr & 0x8000 ? X86_MODE_FZ : 0) | (s->mxcsr & 0x40 ? X86_MODE_DAZ : 0);
    if ((s->mxcsr & 0x1f80) != 0x1f80)
        mode |= X86_MODE_XM | (s->mxcsr & 0x800 ? 0 : X86_MODE_UM) | (s->mxcsr & 0x400 ? 0 : X86_MODE_OM);
    mode |= s->eflags & X86_EFLAGS_TF ? GUEST_MODE_STEPS : 0;
    if (!s->mode64 && (s->base[X86_ES] | s->base[X86_CS] | s->base[X86_SS] | s->base[X86_DS]))
        mode |= X86_MODE_SEGMENTS;
    return mode;
}

static void fp_env_of(uint32_t mode, struct fp_env *env)
{
    static const uint8_t rounds[] = {FP_ROUND_NEAREST, FP_ROUND_DOWN, FP_ROUND_UP, FP_ROUND_ZERO};
    *env = (struct fp_env){
        .round = rounds[(mode & X86_MODE_RC) >> 1],
        .nan_rule = FP_NAN_X86,
        .flush_inputs = (mode & X86_MODE_DAZ) != 0,
        .flush_outputs = (mode & X86_MODE_FZ) && !(mode & X86_MODE_UM),
        .underflow_traps = (mode & X86_MODE_UM) != 0,
        .overflow_traps = (mode & X86_MODE_OM) != 0,
    };
}

/* ---- translation -------------------------------------------------------------------------------------- */

#define PAGE       4096u
#define INSN_MAX   15u
#define TRAPS_LEFT 4u /* one instruction makes at most so many */
#define LOCALS_LEFT 8u

/* A window over guest code, so that fetch is not called for every instruction. */
struct code_window {
    const struct guest_request *rq;
    uint64_t start;
    unsigned size;
    unsigned char bytes[128];
};

/* The bytes at pc up to the page's end or INSN_MAX: how many, 0 if they cannot be fetched. */
static unsigned window_bytes(struct code_window *w, uint64_t pc, const uint8_t **bytes)
{
    uint64_t left = PAGE - pc % PAGE;
    unsigned want = left < INSN_MAX ? (unsigned)left : INSN_MAX;
    if (pc - w->start + want > w->size) {
        w->start = pc;
        w->size = left < sizeof w->bytes ? (unsigned)left : (unsigned)sizeof w->bytes;
        if (!w->rq->fetch(w->rq->fetch_ctx, pc, w->bytes, w->size))
            w->size = 0;
    }
    *bytes = w->bytes + (pc - w->start);
    return w->size ? want : 0;
}

enum next_insn { NEXT_OK, NEXT_UNDEFINED, NEXT_FETCH, NEXT_CROSSES, NEXT_TOO_LONG };

/* Decodes the instruction at pc. CROSSES: it goes on in the next page (and was decoded if `cross`). */
static enum next_insn next_insn(struct code_window *w, uint64_t pc, bool mode64, bool cross, struct x86_insn *in)
{
    const uint8_t *bytes;
    unsigned n = window_bytes(w, pc, &bytes);
    if (!n)
        return NEXT_FETCH;
    enum x86_decode d = x86_decode(bytes, n, mode64, in);
    if (d == X86_DECODE_SHORT) {
        uint8_t both[INSN_MAX];
        if (!cross)
            return NEXT_CROSSES;
        memcpy(both, bytes, n);
        if (!w->rq->fetch(w->rq->fetch_ctx, pc + n, both + n, INSN_MAX - n))
            return NEXT_FETCH;
        d = x86_decode(both, INSN_MAX, mode64, in);
    }
    return d == X86_DECODE_OK ? NEXT_OK : d == X86_DECODE_TOO_LONG ? NEXT_TOO_LONG : NEXT_UNDEFINED;
}

static void end_traps(struct x86_lift *l)
{
    for (unsigned i = 0; i < l->trap_count; i++) {
        ir_label(l->u, l->traps[i].label);
        if (l->traps[i].mode)
            ir_exit(l->u, IR_EXIT_MODE, l->traps[i].pc, IR_NONE);
        else
            ir_exit(l->u, IR_EXIT_TRAP, l->traps[i].pc, l->traps[i].vector == X86_VECTOR_SAID
                        ? x86_zext(l, IR_I64, ir_get(l->u, IR_I32, X86_STATUS)) : ir_const(l->u, IR_I64, l->traps[i].vector));
    }
}

/* CVTPI2PS and CVTPI2PD from memory, which have nothing to do with the x87 on AMD's processors. */
static bool loads_only(const struct x86_insn *in)
{
    return in->op[0].kind == X86_OPERAND_XMM && in->op[1].kind == X86_OPERAND_MEM;
}

/* Does an x87 exception that is pending come now? */
static bool waits(const struct x86_insn *in)
{
    x86_lift_fn *lift = in->row->lift;
    if (in->row->attrs & X86_ATTR_mmx)
        return !loads_only(in);
    if (in->row->feature != X86_FEATURE_X87)
        return false;
    if (lift == x86_lift_x87_env)
        return !(in->row->arg & 1);
    if (lift == x86_lift_x87_control)
        return in->opcode == 0xd9 && !(in->modrm < 0xc0 && in->row->arg == 6);
    return true;
}

/* What the instruction lifted from `first` on loads and stores at one place, it modifies: the load's fault is a write's. */
static void mark_modified(struct ir_unit *u, ir_ref first)
{
    for (ir_ref s = first; s < u->count; s++) {
        const struct ir_inst *store = &u->insts[s];
        if (store->op != IR_STORE && store->op != IR_ATOMIC_CAS)
            continue;
        for (ir_ref r = first; r < s; r++) {
            struct ir_inst *in = &u->insts[r];
            if ((in->op == IR_LOAD || in->op == IR_LOADS) && in->a == store->a && in->imm == store->imm &&
                (store->op == IR_STORE ? in->b == store->b && in->lane == store->lane && !((in->attr ^ store->attr) & (IR_MEM_SCALE | IR_MEM_WRAP32)) : !in->b))
                in->attr |= IR_MEM_MODIFY;
        }
    }
}

static void lift_one(struct x86_lift *l, const struct x86_insn *in)
{
    l->has_address = false;
    if (!in->row->lift) {
        x86_undefined(l);
        return;
    }
    if (x86_lift_x87_host(l, in))
        return;
    if (waits(in))
        x86_mmx_begin(l);
    ir_ref first = l->u->count;
    in->row->lift(l, in);
    if (in->row->lift != x86_lift_arpl) /* which reads, and then writes or not */
        mark_modified(l->u, first);
    if ((l->rq->mode & X86_MODE_XM) && (in->row->attrs & X86_ATTR_fp) && in->row->feature != X86_FEATURE_X87)
        x86_guard_fp(l, first, (in->row->attrs & X86_ATTR_mmx) && !loads_only(in));
    if (in->row->feature == X86_FEATURE_X87) {
        l->x87_in_slots = false; /* it may have raised something */
        if (!l->rq->x87)
            x86_x87_remember(l, in);
    }
    if ((in->row->attrs & X86_ATTR_mmx) && !loads_only(in))
        x86_mmx_used(l);
}

/* The instruction whose IR begins at `from` may write memory. */
static bool writes_memory(const struct ir_unit *u, uint32_t from)
{
    for (uint32_t i = from; i < u->count; i++)
        switch (u->insts[i].op) {
        case IR_STORE:
        case IR_ATOMIC_RMW:
        case IR_ATOMIC_CAS:
        case IR_X87_MEM:
            return true;
        }
    return false;
}

static void translate(struct ir_unit *u, const struct guest_request *rq)
{
    struct code_window window = {.rq = rq};
    struct x86_lift l = {.u = u, .rq = rq, .pc = rq->pc, .mode64 = (rq->mode & X86_MODE_64) != 0};
    u->pc = rq->pc;
    fp_env_of(rq->mode, &u->fp);
    for (unsigned n = 0; n < rq->max_insns && !l.ended; n++) {
        struct x86_insn in;
        if ((n && (l.pc % PAGE == 0 || u->local_count + LOCALS_LEFT > ARRAY_LEN(u->local_type))) ||
            l.trap_count + TRAPS_LEFT > ARRAY_LEN(l.traps))
            break;
        enum next_insn got = next_insn(&window, l.pc, l.mode64, n == 0, &in);
        if (n && (got == NEXT_CROSSES || got == NEXT_FETCH))
            break;
        if (got == NEXT_FETCH) {
            /* where it begins, or the page that it goes on in */
            ir_exit(u, IR_EXIT_FETCH, l.pc, ir_const(u, IR_I64, window.size ? PAGE - l.pc % PAGE : 0));
            l.ended = true;
            break;
        }
        unsigned length = got == NEXT_OK ? in.length : 1;
        l.next = l.pc + length;
        if (!l.mode64)
            l.next &= 0xffffffff;
        uint32_t from = u->count;
        ir_insn(u, l.pc, length);
        if (got == NEXT_OK)
            lift_one(&l, &in);
        else if (got == NEXT_TOO_LONG)
            x86_trap(&l, X86_VECTOR_GP, l.pc);
        else
            x86_undefined(&l);
        u->size += got == NEXT_OK ? length : INSN_MAX; /* what it depends on */
        l.pc = l.next;
        if (rq->stores_end && writes_memory(u, from))
            break;
        if (n == 0 && u->size > PAGE - rq->pc % PAGE)
            break;
    }
    if (!l.ended)
        ir_jump(u, l.pc);
    end_traps(&l);
}

static bool flags_dead(const struct guest_request *rq, uint64_t pc)
{
    struct code_window window = {.rq = rq};
    uint64_t end = pc + GUEST_LOOK_AHEAD;
    while (pc + INSN_MAX <= end) {
        struct x86_insn in;
        if (next_insn(&window, pc, (rq->mode & X86_MODE_64) != 0, false, &in) != NEXT_OK)
            return false;
        uint32_t attrs = in.row->attrs;
        bool memory = (attrs & X86_ATTR_faults) && (!(attrs & X86_ATTR_modrm) || in.modrm < 0xc0 || (attrs & X86_ATTR_mem));
        bool raises = (attrs & (X86_ATTR_x87 | X86_ATTR_mmx)) || ((attrs & X86_ATTR_fp) && (rq->mode & X86_MODE_XM));
        if ((attrs & (X86_ATTR_rf | X86_ATTR_end)) || raises || memory || !in.row->lift)
            return false;
        if (attrs & X86_ATTR_wf)
            return true;
        pc += in.length;
    }
    return false;
}

#define AT(field) offsetof(struct x86_state, field)
static const struct guest_x87 x87 = {
    .fcw = AT(fcw), .fsw = AT(fsw), .top = AT(top), .tags = AT(tags), .st = AT(st), .fop = AT(fop), .fcs = AT(fcs),
    .fds = AT(fds), .fip = AT(fip), .fdp = AT(fdp),
};

#define GUEST(id, text, reset_fn)                                                                                          \
    const struct guest id = {                                                                                              \
        .name = text,                                                                                                      \
        .models = x86_models,                                                                                              \
        .set_model = x86_set_model,                                                                                        \
        .slots = slots,                                                                                                    \
        .slot_count = X86_SLOT_COUNT,                                                                                      \
        .pc_slot = X86_PC,                                                                                                 \
        .sp_slot = X86_R0 + X86_RSP,                                                                                       \
        .flags_slot = X86_FLAGS,                                                                                           \
        .insn_align = 1,                                                                                                   \
        .helpers = x86_helpers,                                                                                            \
        .helper_count = X86_HELPER_COUNT,                                                                                  \
        .x87 = &x87,                                                                                                       \
        .step_trap = X86_VECTOR_DB,                                                                                        \
        .atomics_write = true,                                                                                             \
        .reset = reset_fn,                                                                                                 \
        .mode = mode_of,                                                                                                   \
        .fp_env = fp_env_of,                                                                                               \
        .translate = translate,                                                                                            \
        .flags_dead = flags_dead,                                                                                          \
        .disassemble = x86_disassemble,                                                                                    \
    }

GUEST(guest_x86_64, "x86_64", reset64);
GUEST(guest_i386, "i386", reset32);
