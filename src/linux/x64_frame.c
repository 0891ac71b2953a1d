/* Signal frames of x86-64 (arch/x86/kernel/signal_64.c, fpu/signal.c), and the floating-point part that i386's share.
 *
 * The handler starts with the floating-point state that a program starts with, as under Linux. */
#include "linux/x86.h"

#include <string.h>

#include "engine/engine.h"
#include "guest/x86/state.h"
#include "linux/process.h"
#include "memory/memory.h"

#define RED_ZONE 128

#define UC_FP_XSTATE         1u
#define UC_SIGCONTEXT_SS     2u
#define UC_STRICT_RESTORE_SS 4u

#define FP_MAGIC1 0x46505853u
#define FP_MAGIC2 0x46505845u
#define SW_OFFSET 464 /* in FXSAVE's image */

/* struct _fpx_sw_bytes. */
struct fp_words {
    uint32_t magic1, extended_size;
    uint64_t features;
    uint32_t size, padding[7];
};

/* struct rt_sigframe. */
struct x64_frame {
    uint64_t restorer;
    uint64_t uc_flags, uc_link;
    uint64_t stack_sp;
    int32_t stack_flags;
    uint32_t pad;
    uint64_t stack_size;
    uint64_t r8[8], di, si, bp, bx, dx, ax, cx, sp, ip, flags;
    uint16_t cs, gs, fs, ss;
    uint64_t err, trapno, oldmask, cr2, fpstate, reserved[8];
    uint64_t sigmask;
    siginfo_t info;
};
_Static_assert(sizeof(struct x64_frame) == 440, "rt_sigframe");

bool x86_frame_fp_save(struct thread *t, uint64_t at, uint32_t in_front)
{
    _Alignas(16) uint8_t image[X86_FRAME_FP_SIZE];
    const struct fp_words words = {FP_MAGIC1, in_front + X86_FRAME_FP_SIZE, X86_XSAVE_ALL, X86_XSAVE_SIZE, {0}};
    const uint32_t magic2 = FP_MAGIC2;

    x86_xsave_get(t->cpu, image);
    memcpy(image + SW_OFFSET, &words, sizeof(words));
    memcpy(image + X86_XSAVE_SIZE, &magic2, sizeof(magic2));
    return memory_write(at, image, sizeof(image));
}

bool x86_frame_fp_load(struct thread *t, uint64_t at, const uint8_t *legacy)
{
    _Alignas(16) uint8_t image[X86_XSAVE_SIZE] = {0};
    uint64_t present = 0;
    struct fp_words words;
    uint32_t magic2;

    if (at) {
        if (!memory_read(image, at, X86_FXSAVE_SIZE))
            return false;
        present = X86_XSAVE_X87 | X86_XSAVE_SSE;
        memcpy(&words, image + SW_OFFSET, sizeof(words));
        bool whole = words.magic1 == FP_MAGIC1 && words.size >= X86_XSAVE_SIZE && words.size <= words.extended_size &&
                     memory_read(&magic2, at + words.size, 4) && magic2 == FP_MAGIC2;

        if (whole) {
            if (!memory_read(image + X86_FXSAVE_SIZE, at + X86_FXSAVE_SIZE, X86_XSAVE_SIZE - X86_FXSAVE_SIZE))
                return false;
            memcpy(&present, image + X86_FXSAVE_SIZE, sizeof(present));
            if (present & ~(uint64_t)X86_XSAVE_ALL)
                return false;
            present &= words.features;
        }
    }
    if (legacy) {
        /* The environment's words and the registers; tags from two bits each to one. */
        uint16_t tags;

        memcpy(&tags, legacy + 8, 2);
        memcpy(image, legacy, 2);
        memcpy(image + 2, legacy + 4, 2);
        image[4] = 0;
        for (unsigned i = 0; i < 8; i++) {
            if ((tags >> 2 * i & 3) != 3)
                image[4] |= (uint8_t)(1u << i);
            memcpy(image + 32 + 16 * i, legacy + 28 + 10 * i, 10);
        }
        present |= X86_XSAVE_X87;
    }
    if (!x86_xsave_set(t->cpu, image, present))
        return false;
    engine_state_changed(t->cpu);
    return true;
}

bool x64_signal_enter(struct thread *t, const struct signal_action *action, const siginfo_t *info, uint64_t sp, uint64_t saved_mask)
{
    struct x86_state *s = x86_state(t->cpu);

    if (!(action->flags & ABI_SA_RESTORER))
        return false;
    if (sp == s->r[X86_RSP]) /* on the stack it was on */
        sp -= RED_ZONE;
    uint64_t fp = align_down(sp - X86_FRAME_FP_SIZE, 64);
    uint64_t at = align_down(fp - sizeof(struct x64_frame), 16) - 8;
    struct x64_frame f = {
        .restorer = action->restorer,
        .uc_flags = UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS,
        .stack_sp = t->altstack_sp,
        .stack_flags = (int32_t)t->altstack_flags,
        .stack_size = t->altstack_size,
        .di = s->r[X86_RDI],
        .si = s->r[X86_RSI],
        .bp = s->r[X86_RBP],
        .bx = s->r[X86_RBX],
        .dx = s->r[X86_RDX],
        .ax = s->r[X86_RAX],
        .cx = s->r[X86_RCX],
        .sp = s->r[X86_RSP],
        .ip = s->rip,
        .flags = x86_eflags_get(s),
        .cs = (uint16_t)s->selector[X86_CS],
        .ss = (uint16_t)s->selector[X86_SS],
        .err = (uint32_t)t->fault_code,
        .trapno = t->fault_code >> 32,
        .oldmask = saved_mask,
        .cr2 = t->fault_address,
        .fpstate = fp,
        .sigmask = saved_mask,
        .info = *info,
    };

    memcpy(f.r8, s->r + 8, sizeof(f.r8));
    if (!x86_frame_fp_save(t, fp, 0) || !memory_write(at, &f, sizeof(f)))
        return false;
    s->r[X86_RDI] = (uint64_t)info->si_signo;
    s->r[X86_RAX] = 0;
    s->r[X86_RSI] = at + offsetof(struct x64_frame, info);
    s->r[X86_RDX] = at + offsetof(struct x64_frame, uc_flags);
    s->r[X86_RSP] = at;
    s->rip = action->handler;
    x86_eflags_set(s, x86_eflags_get(s) & X86_FLAGS_HANDLER);
    return x86_frame_fp_load(t, 0, NULL);
}

/* The frame's address: the handler's return has taken the restorer's from the stack. */
static uint64_t frame_at(const struct thread *t)
{
    return x86_state(t->cpu)->r[X86_RSP] - 8;
}

bool x64_signal_mask(struct thread *t, bool rt, uint64_t *mask)
{
    return memory_read(mask, frame_at(t) + offsetof(struct x64_frame, sigmask), sizeof(*mask));
}

bool x64_signal_return(struct thread *t, bool rt, stack_t *altstack)
{
    struct x86_state *s = x86_state(t->cpu);
    struct x64_frame f;

    if (!memory_read(&f, frame_at(t), sizeof(f)))
        return false;
    memcpy(s->r + 8, f.r8, sizeof(f.r8));
    s->r[X86_RDI] = f.di;
    s->r[X86_RSI] = f.si;
    s->r[X86_RBP] = f.bp;
    s->r[X86_RBX] = f.bx;
    s->r[X86_RDX] = f.dx;
    s->r[X86_RAX] = f.ax;
    s->r[X86_RCX] = f.cx;
    s->r[X86_RSP] = f.sp;
    s->rip = f.ip;
    x86_eflags_set(s, (x86_eflags_get(s) & ~X86_FLAGS_FRAME) | ((uint32_t)f.flags & X86_FLAGS_FRAME));
    if (!x86_frame_fp_load(t, f.fpstate, NULL))
        return false;
    altstack->ss_sp = (void *)f.stack_sp;
    altstack->ss_flags = f.stack_flags;
    altstack->ss_size = f.stack_size;
    return true;
}
