/* Signal frames of i386 (arch/x86/kernel/signal_32.c, fpu/signal.c): the old one, and the one with siginfo. */
#include "linux/x86.h"

#include <string.h>

#include "engine/engine.h"
#include "guest/x86/state.h"
#include "linux/process.h"
#include "memory/memory.h"

#define UC_FP_XSTATE 1u

/* struct sigcontext_32. */
struct i386_context {
    uint16_t gs, gsh, fs, fsh, es, esh, ds, dsh;
    uint32_t di, si, bp, sp, bx, dx, cx, ax, trapno, err, ip;
    uint16_t cs, csh;
    uint32_t flags, sp_at_signal;
    uint16_t ss, ssh;
    uint32_t fpstate, oldmask, cr2;
};
_Static_assert(sizeof(struct i386_context) == 88, "sigcontext");

struct i386_frame {
    uint32_t restorer, sig;
    struct i386_context c;
    uint8_t unused[624]; /* struct _fpstate_32 */
    uint32_t more_mask;
    uint8_t code[8];
};
_Static_assert(sizeof(struct i386_frame) == 732, "sigframe");

struct i386_rt_frame {
    uint32_t restorer, sig, pinfo, puc;
    uint32_t info[32];
    uint32_t uc_flags, uc_link;
    uint32_t stack_sp, stack_flags, stack_size;
    struct i386_context c;
    uint32_t mask[2];
    uint8_t code[8];
};
_Static_assert(sizeof(struct i386_rt_frame) == 268, "rt_sigframe");

/* Debuggers know the frames by this code, which nobody runs. */
static const uint8_t code_sigreturn[8] = {0x58, 0xb8, 0x77, 0, 0, 0, 0xcd, 0x80};
static const uint8_t code_rt_sigreturn[8] = {0xb8, 0xad, 0, 0, 0, 0xcd, 0x80, 0};

void siginfo_to_32(uint32_t out[32], const siginfo_t *in)
{
    const uint32_t *from = (const uint32_t *)(const void *)in;
    int sig = in->si_signo, code = in->si_code;

    memset(out, 0, 128);
    out[0] = from[0];
    out[1] = from[1];
    out[2] = from[2];
    /* What the union is, as siginfo_layout() has it; from[4] is where it begins, out[3] here. */
    if (code > SI_USER && code < SI_KERNEL) {
        switch (sig) {
        case SIGILL:
        case SIGFPE:
        case SIGSEGV:
        case SIGBUS:
        case SIGTRAP:
            out[3] = from[4];  /* address */
            out[4] = from[6];  /* its least significant bit, trap number */
            out[5] = from[8];  /* lower bound, key */
            out[6] = from[10]; /* upper bound */
            return;
        case SIGCHLD:
            memcpy(out + 3, from + 4, 12); /* pid, uid, status */
            out[6] = from[8];
            out[7] = from[10];
            return;
        case SIGSYS:
            out[3] = from[4];
            out[4] = from[6];
            out[5] = from[7];
            return;
        default:
            if (sig == SIGPOLL || code <= 6) {
                out[3] = from[4]; /* band */
                out[4] = from[6]; /* descriptor */
                return;
            }
        }
    } else if (code == SI_SIGIO) {
        out[3] = from[4];
        out[4] = from[6];
        return;
    }
    memcpy(out + 3, from + 4, 12); /* pid, uid, value */
}

void x86_fsave_from(uint8_t fsave[X86_FSAVE_SIZE], const uint8_t *fx, uint16_t cs, uint16_t ds)
{
    uint16_t fcw, fsw, fop;
    uint32_t words[7], fip, fdp, tags = 0;

    memcpy(&fcw, fx, 2);
    memcpy(&fsw, fx + 2, 2);
    memcpy(&fop, fx + 6, 2);
    memcpy(&fip, fx + 8, 4);
    memcpy(&fdp, fx + 16, 4);
    for (unsigned i = 0; i < 8; i++) { /* by physical register; the image has them as a stack */
        const uint8_t *st = fx + 32 + 16 * ((i - (fsw >> 11 & 7)) & 7);
        uint64_t fraction;
        uint16_t head;

        memcpy(&fraction, st, 8);
        memcpy(&head, st + 8, 2);
        head &= 0x7fff;
        uint32_t tag = head == 0x7fff ? 2 : head == 0 ? (fraction ? 2 : 1) : fraction >> 63 ? 0 : 2;

        tags |= (fx[4] >> i & 1 ? tag : 3) << 2 * i;
    }
    words[0] = fcw | 0xffff0000u;
    words[1] = fsw | 0xffff0000u;
    words[2] = tags | 0xffff0000u;
    words[3] = fip;
    words[4] = cs | (uint32_t)fop << 16;
    words[5] = fdp;
    words[6] = ds | 0xffff0000u;
    memcpy(fsave, words, sizeof(words));
    for (unsigned i = 0; i < 8; i++)
        memcpy(fsave + 28 + 10 * i, fx + 32 + 16 * i, 10);
    memcpy(fsave + 108, &fsw, 2);
    memset(fsave + 110, 0, 2); /* FXSAVE's image follows */
}

/* Both forms of the floating-point state below sp; their address, 0 if memory cannot be written. */
static uint64_t fp_save(struct thread *t, uint64_t sp)
{
    const struct x86_state *s = x86_state(t->cpu);
    uint64_t fx = align_down(sp - X86_FRAME_FP_SIZE, 64), at = fx - X86_FSAVE_SIZE;
    _Alignas(16) uint8_t image[X86_XSAVE_SIZE];
    uint8_t fsave[X86_FSAVE_SIZE];

    x86_xsave_get(t->cpu, image);
    x86_fsave_from(fsave, image, (uint16_t)s->selector[X86_CS], (uint16_t)s->selector[X86_DS]);
    return x86_frame_fp_save(t, fx, X86_FSAVE_SIZE) && memory_write(at, fsave, sizeof(fsave)) ? at : 0;
}

static void context_save(const struct thread *t, struct i386_context *c, uint64_t fp, uint64_t mask)
{
    const struct x86_state *s = x86_state(t->cpu);

    *c = (struct i386_context){
        .gs = (uint16_t)s->selector[X86_GS],
        .fs = (uint16_t)s->selector[X86_FS],
        .es = (uint16_t)s->selector[X86_ES],
        .ds = (uint16_t)s->selector[X86_DS],
        .di = (uint32_t)s->r[X86_RDI],
        .si = (uint32_t)s->r[X86_RSI],
        .bp = (uint32_t)s->r[X86_RBP],
        .sp = (uint32_t)s->r[X86_RSP],
        .bx = (uint32_t)s->r[X86_RBX],
        .dx = (uint32_t)s->r[X86_RDX],
        .cx = (uint32_t)s->r[X86_RCX],
        .ax = (uint32_t)s->r[X86_RAX],
        .trapno = (uint32_t)(t->fault_code >> 32),
        .err = (uint32_t)t->fault_code,
        .ip = (uint32_t)s->rip,
        .cs = (uint16_t)s->selector[X86_CS],
        .flags = x86_eflags_get(s),
        .sp_at_signal = (uint32_t)s->r[X86_RSP],
        .ss = (uint16_t)s->selector[X86_SS],
        .fpstate = (uint32_t)fp,
        .oldmask = (uint32_t)mask,
        .cr2 = (uint32_t)t->fault_address,
    };
}

static uint64_t below(uint64_t sp, size_t size)
{
    return align_down(sp - size + 4, 16) - 4;
}

static uint32_t restorer(const struct thread *t, const struct signal_action *action, bool rt)
{
    if (action->flags & ABI_SA_RESTORER)
        return (uint32_t)action->restorer;
    return (uint32_t)(rt ? t->process->vdso_at.rt_sigreturn : t->process->vdso_at.sigreturn);
}

static uint64_t put_frame(struct thread *t, const struct signal_action *action, int sig, uint64_t sp, uint64_t fp, uint64_t mask)
{
    uint64_t at = below(sp, sizeof(struct i386_frame));
    struct i386_frame f = {.restorer = restorer(t, action, false), .sig = (uint32_t)sig, .more_mask = (uint32_t)(mask >> 32)};

    context_save(t, &f.c, fp, mask);
    memcpy(f.code, code_sigreturn, 8);
    return memory_write(at, &f, sizeof(f)) ? at : 0;
}

static uint64_t put_rt_frame(struct thread *t, const struct signal_action *action, const siginfo_t *info, uint64_t sp, uint64_t fp,
                             uint64_t mask)
{
    uint64_t at = below(sp, sizeof(struct i386_rt_frame));
    struct i386_rt_frame f = {
        .restorer = restorer(t, action, true),
        .sig = (uint32_t)info->si_signo,
        .pinfo = (uint32_t)(at + offsetof(struct i386_rt_frame, info)),
        .puc = (uint32_t)(at + offsetof(struct i386_rt_frame, uc_flags)),
        .uc_flags = UC_FP_XSTATE,
        .stack_sp = (uint32_t)t->altstack_sp,
        .stack_flags = t->altstack_flags,
        .stack_size = (uint32_t)t->altstack_size,
        .mask = {(uint32_t)mask, (uint32_t)(mask >> 32)},
    };

    siginfo_to_32(f.info, info);
    context_save(t, &f.c, fp, mask);
    memcpy(f.code, code_rt_sigreturn, 8);
    return memory_write(at, &f, sizeof(f)) ? at : 0;
}

bool i386_signal_enter(struct thread *t, const struct signal_action *action, const siginfo_t *info, uint64_t sp, uint64_t saved_mask)
{
    struct x86_state *s = x86_state(t->cpu);
    bool rt = action->flags & SA_SIGINFO;
    uint64_t fp = fp_save(t, sp);
    uint64_t at = !fp ? 0 : rt ? put_rt_frame(t, action, info, fp, fp, saved_mask) : put_frame(t, action, info->si_signo, fp, fp, saved_mask);

    if (!at)
        return false;
    s->r[X86_RAX] = (uint32_t)info->si_signo;
    s->r[X86_RDX] = rt ? (uint32_t)(at + offsetof(struct i386_rt_frame, info)) : 0;
    s->r[X86_RCX] = rt ? (uint32_t)(at + offsetof(struct i386_rt_frame, uc_flags)) : 0;
    s->r[X86_RSP] = at;
    s->rip = (uint32_t)action->handler;
    x86_segment_load(t->cpu, X86_DS, 0x2b);
    x86_segment_load(t->cpu, X86_ES, 0x2b);
    x86_segment_load(t->cpu, X86_SS, 0x2b);
    x86_eflags_set(s, x86_eflags_get(s) & X86_FLAGS_HANDLER);
    return x86_frame_fp_load(t, 0, NULL);
}

/* The frame's address: the handler's return has taken the restorer's from the stack; the old trampoline pops the signal's
 * number as well. */
static uint64_t frame_at(const struct thread *t, bool rt)
{
    return (uint32_t)x86_state(t->cpu)->r[X86_RSP] - (rt ? 4u : 8u);
}

bool i386_signal_mask(struct thread *t, bool rt, uint64_t *mask)
{
    uint64_t at = frame_at(t, rt);
    uint32_t low, high;

    if (rt)
        return memory_read(mask, at + offsetof(struct i386_rt_frame, mask), 8);
    if (!memory_read(&low, at + offsetof(struct i386_frame, c.oldmask), 4) ||
        !memory_read(&high, at + offsetof(struct i386_frame, more_mask), 4))
        return false;
    *mask = low | (uint64_t)high << 32;
    return true;
}

static bool context_load(struct thread *t, const struct i386_context *c)
{
    struct x86_state *s = x86_state(t->cpu);
    uint8_t fsave[X86_FSAVE_SIZE];

    s->r[X86_RDI] = c->di;
    s->r[X86_RSI] = c->si;
    s->r[X86_RBP] = c->bp;
    s->r[X86_RSP] = c->sp;
    s->r[X86_RBX] = c->bx;
    s->r[X86_RDX] = c->dx;
    s->r[X86_RCX] = c->cx;
    s->r[X86_RAX] = c->ax;
    s->rip = c->ip;
    x86_eflags_set(s, (x86_eflags_get(s) & ~X86_FLAGS_FRAME) | (c->flags & X86_FLAGS_FRAME));
    const uint16_t selectors[][2] = {{X86_GS, c->gs}, {X86_FS, c->fs}, {X86_ES, c->es}, {X86_DS, c->ds}, {X86_SS, c->ss}};

    for (unsigned i = 0; i < ARRAY_LEN(selectors); i++)
        if (!x86_segment_load(t->cpu, selectors[i][0], selectors[i][1]))
            x86_segment_load(t->cpu, selectors[i][0], 0);
    if (!c->fpstate)
        return x86_frame_fp_load(t, 0, NULL);
    return memory_read(fsave, c->fpstate, sizeof(fsave)) && x86_frame_fp_load(t, (uint64_t)c->fpstate + X86_FSAVE_SIZE, fsave);
}

bool i386_signal_return(struct thread *t, bool rt, stack_t *altstack)
{
    uint64_t at = frame_at(t, rt);
    struct i386_rt_frame f;
    struct i386_context c;

    if (!rt)
        return memory_read(&c, at + offsetof(struct i386_frame, c), sizeof(c)) && context_load(t, &c);
    if (!memory_read(&f, at, sizeof(f)) || !context_load(t, &f.c))
        return false;
    altstack->ss_sp = (void *)(uint64_t)f.stack_sp;
    altstack->ss_flags = (int)f.stack_flags;
    altstack->ss_size = f.stack_size;
    return true;
}
