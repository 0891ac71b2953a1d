/* Runs guest code natively: the state goes in and comes out through signal frames.
 *
 * INT3 in this file enters the handler, which writes the wanted state into the frame and returns from the signal into
 * the code; the code's own exception (INT3 all around it, or a fault) enters the handler again, which takes the state
 * and puts the first frame's registers back.  32-bit code runs by the selector 0x23 in the same way.  FS stays ours; GS
 * is the guest's.  Needs x86-64 Linux with AVX and FSGSBASE. */
#include "native.h"
#include "guest/x86/lift.h"
#include <asm/ldt.h>
#include <cpuid.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define YMM_OFFSET 576 /* of the upper halves in an XSAVE area */

bool (*native_fault)(int signal, void *info, void *context);

static enum { IDLE, ENTER, RUN } phase;
static const struct machine *in;
static struct outcome *result;
static bool in_mode64;
static gregset_t ours;

static void put_vectors(struct _libc_fpstate *fp, const struct machine *m)
{
    uint8_t *area = (uint8_t *)fp;
    uint64_t present;
    for (unsigned i = 0; i < 16; i++) {
        memcpy(&fp->_xmm[i], m->ymm[i], 16);
        memcpy(area + YMM_OFFSET + 16 * i, m->ymm[i] + 16, 16);
    }
    for (unsigned i = 0; i < 8; i++)
        memcpy(area + 32 + 16 * i, m->st[i], 16);
    fp->mxcsr = m->mxcsr;
    fp->cwd = m->fcw;
    fp->swd = m->fsw;
    fp->ftw = m->ftw;
    fp->fop = m->fop;
    memcpy(&present, area + 512, 8);
    present |= 7;
    memcpy(area + 512, &present, 8);
}

static void take_vectors(const struct _libc_fpstate *fp, struct machine *m)
{
    const uint8_t *area = (const uint8_t *)fp;
    uint64_t present;
    memcpy(&present, area + 512, 8);
    memset(m->ymm, 0, sizeof m->ymm);
    for (unsigned i = 0; i < 16; i++) {
        memcpy(m->ymm[i], &fp->_xmm[i], 16);
        if (present & 4)
            memcpy(m->ymm[i] + 16, area + YMM_OFFSET + 16 * i, 16);
    }
    for (unsigned i = 0; i < 8; i++)
        memcpy(m->st[i], area + 32 + 16 * i, 16);
    m->mxcsr = fp->mxcsr;
    m->fcw = fp->cwd;
    m->fsw = fp->swd;
    m->ftw = (uint8_t)fp->ftw;
    m->fop = fp->fop;
}

static const uint8_t order[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                  REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

static void enter(ucontext_t *uc)
{
    greg_t *g = uc->uc_mcontext.gregs;
    memcpy(ours, g, sizeof ours);
    for (unsigned i = 0; i < 16; i++)
        g[order[i]] = (greg_t)in->r[i];
    g[REG_RIP] = (greg_t)in->rip;
    g[REG_EFL] = in->eflags | 0x202;
    uint64_t selectors = (uint64_t)g[REG_CSGSFS] & 0x0000ffffffff0000ull;
    g[REG_CSGSFS] = (greg_t)(selectors | (in_mode64 ? 0x33 : 0x23) | 0x2bull << 48);
    put_vectors(uc->uc_mcontext.fpregs, in);
    __asm__ volatile("mov %0, %%gs" : : "r"(in_mode64 ? 0 : 7));
    if (in_mode64)
        __asm__ volatile("wrgsbase %0" : : "r"(in->gs_base));
    phase = RUN;
}

static void leave(ucontext_t *uc, const siginfo_t *si)
{
    greg_t *g = uc->uc_mcontext.gregs;
    *result = (struct outcome){.vector = (unsigned)g[REG_TRAPNO]};
    struct machine *m = &result->m;
    for (unsigned i = 0; i < 16; i++)
        m->r[i] = (uint64_t)g[order[i]];
    m->rip = (uint64_t)g[REG_RIP];
    m->eflags = (uint32_t)g[REG_EFL];
    m->gs_base = in->gs_base;
    take_vectors(uc->uc_mcontext.fpregs, m);
    if (result->vector == 14) {
        result->address = (uint64_t)si->si_addr;
        result->write = g[REG_ERR] & 2;
    }
    memcpy(g, ours, sizeof ours);
    uc->uc_mcontext.fpregs->mxcsr = 0x1f80;
    uc->uc_mcontext.fpregs->cwd = 0x37f;
    uc->uc_mcontext.fpregs->swd = 0;
    uc->uc_mcontext.fpregs->ftw = 0;
    phase = IDLE;
}

static void on_signal(int signal, siginfo_t *si, void *context)
{
    if (phase == ENTER) {
        enter(context);
    } else if (phase == RUN) {
        leave(context, si);
    } else if (!native_fault || !native_fault(signal, si, context)) {
        struct sigaction sa = {.sa_handler = SIG_DFL};
        fprintf(stderr, "signal %d at %p outside of a test, address %p\n", signal, (void *)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP], si->si_addr);
        sigaction(signal, &sa, NULL);
    }
}

static __attribute__((noinline)) void trap(void)
{
    __asm__ volatile("int3" : : : "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
                     "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
}

void native_run(const struct machine *m, bool mode64, struct outcome *out)
{
    in = m;
    in_mode64 = mode64;
    result = out;
    phase = ENTER;
    trap();
}

static bool map(uint64_t at, size_t size, int prot)
{
    void *p = mmap((void *)at, size, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    return p == (void *)at;
}

bool native_has_32(void)
{
    static int has = -1;
    if (has < 0) {
        struct machine m = {.rip = CODE_BASE, .mxcsr = 0x1f80, .fcw = 0x37f};
        struct outcome o;
        native_run(&m, false, &o);
        has = o.vector == 3 && o.m.rip == CODE_BASE + 1;
    }
    return has;
}

bool native_has(unsigned feature)
{
    unsigned a, b, c, d;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d))
        return false;
    switch (feature) {
    case X86_FEATURE_SHA:
        return b >> 29 & 1;
    case X86_FEATURE_VAES:
        return c >> 9 & 1;
    case X86_FEATURE_VPCLMULQDQ:
        return c >> 10 & 1;
    default:
        return true;
    }
}

bool native_init(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & 1) || !(b & 32) || !__get_cpuid_count(13, 2, &a, &b, &c, &d) ||
        b != YMM_OFFSET) {
        fprintf(stderr, "this processor lacks AVX2 or FSGSBASE\n");
        return false;
    }
    if (!map(CODE_BASE, CODE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC) || !map(DATA_BASE, DATA_SIZE, PROT_READ | PROT_WRITE) ||
        !map(DATA_BASE + DATA_SIZE, DATA_READ, PROT_READ)) {
        fprintf(stderr, "no low memory\n");
        return false;
    }
    memset((void *)CODE_BASE, 0xcc, CODE_SIZE);
    stack_t alt = {.ss_size = 1 << 16};
    alt.ss_sp = malloc(alt.ss_size);
    sigaltstack(&alt, NULL);
    struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
    for (unsigned i = 0; i < ARRAY_LEN(signals); i++)
        sigaction(signals[i], &sa, NULL);
    struct user_desc gs = {.base_addr = NATIVE_GS_BASE32, .limit = 0xfffff, .seg_32bit = 1, .limit_in_pages = 1, .useable = 1};
    if (syscall(SYS_modify_ldt, 1, &gs, sizeof gs))
        perror("modify_ldt");
    __asm__ volatile("mov %0, %%ds; mov %0, %%es" : : "r"(0x2b)); /* 32-bit code uses them */
    return true;
}
