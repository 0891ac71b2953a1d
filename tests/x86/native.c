/* Runs guest code natively: the state goes in and comes out through signal frames.
 *
 * INT3 in this file enters the handler, which writes the wanted state into the frame and returns from the signal into
 * the code; the code's own exception (INT3 all around it, or a fault) enters the handler again, which takes the state
 * and puts the first frame's registers back.  32-bit code runs by the selector 0x23 in the same way.  While it runs,
 * all segment registers are the guest's, FS too: the handler takes it back before it does anything else.  Needs x86-64 Linux with AVX and FSGSBASE. */
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
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#define YMM_OFFSET 576 /* of the upper halves in an XSAVE area */

bool (*native_fault)(int signal, void *info, void *context);

static volatile enum { IDLE, ENTER, RUN } phase; /* the handler's; INT3 does not look as if it could change it */
static const struct machine *in;
static struct outcome *result;
static bool in_mode64;
static gregset_t ours;
static uint64_t our_fs;

const uint32_t native_ldt_bases[NATIVE_LDT_COUNT] = {0x1230, (uint32_t)DATA_BASE - 0x100, 0xffff0000};

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

static void put_segments(const struct machine *m)
{
    uint64_t flags; /* NT and ID are not the signal frame's, but stay */
    __asm__ volatile("pushfq; popq %0" : "=r"(flags));
    __asm__ volatile("pushq %0; popfq" : : "r"((flags & ~0x204000ull) | (m->eflags & 0x204000)) : "cc", "memory");
    __asm__ volatile("mov %0, %%es; mov %1, %%ds" : : "r"((uint32_t)m->selector[0]), "r"((uint32_t)m->selector[3]));
    __asm__ volatile("mov %0, %%gs" : : "r"((uint32_t)m->selector[5]));
    __asm__ volatile("mov %0, %%fs" : : "r"((uint32_t)m->selector[4]));
    if (in_mode64) {
        __asm__ volatile("wrgsbase %0" : : "r"(m->gs_base));
        __asm__ volatile("wrfsbase %0" : : "r"(m->fs_base));
    }
}

static void take_segments(struct machine *m, uint64_t fs_base, uint32_t fs)
{
    uint32_t es, ds, gs;
    __asm__ volatile("mov %%es, %0; mov %%ds, %1; mov %%gs, %2" : "=r"(es), "=r"(ds), "=r"(gs));
    __asm__ volatile("rdgsbase %0" : "=r"(m->gs_base));
    m->fs_base = fs_base;
    m->selector[0] = (uint16_t)es;
    m->selector[3] = (uint16_t)ds;
    m->selector[4] = (uint16_t)fs;
    m->selector[5] = (uint16_t)gs;
    __asm__ volatile("mov %0, %%ds; mov %0, %%es" : : "r"(0x2b)); /* 32-bit code uses them */
}

static void enter(ucontext_t *uc)
{
    greg_t *g = uc->uc_mcontext.gregs;
    memcpy(ours, g, sizeof ours);
    for (unsigned i = 0; i < 16; i++)
        g[order[i]] = (greg_t)in->r[i];
    g[REG_RIP] = (greg_t)in->rip;
    g[REG_EFL] = in->eflags | 0x202;
    uint64_t selectors = (uint64_t)g[REG_CSGSFS] & 0x0000ffffffff0000ull;
    g[REG_CSGSFS] = (greg_t)(selectors | in->selector[1] | (uint64_t)in->selector[2] << 48);
    put_vectors(uc->uc_mcontext.fpregs, in);
    phase = RUN;
}

static void leave(ucontext_t *uc, const siginfo_t *si, uint64_t fs_base, uint32_t fs)
{
    greg_t *g = uc->uc_mcontext.gregs;
    *result = (struct outcome){.vector = si->si_signo == SIGVTALRM ? NATIVE_ENDLESS : (unsigned)g[REG_TRAPNO]};
    struct machine *m = &result->m;
    for (unsigned i = 0; i < 16; i++)
        m->r[i] = (uint64_t)g[order[i]];
    m->rip = (uint64_t)g[REG_RIP];
    m->eflags = (uint32_t)g[REG_EFL];
    m->selector[1] = (uint16_t)g[REG_CSGSFS];
    m->selector[2] = (uint16_t)((uint64_t)g[REG_CSGSFS] >> 48);
    take_segments(m, fs_base, fs);
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

/* Nothing here may look at thread-local storage while FS is the guest's: no stack protector. */
static __attribute__((no_stack_protector)) void on_signal(int signal, siginfo_t *si, void *context)
{
    if (signal == SIGVTALRM && phase != RUN) {
        return;
    } else if (phase == ENTER) {
        enter(context);
        put_segments(in);
    } else if (phase == RUN) {
        uint64_t fs_base;
        uint32_t fs;
        __asm__ volatile("rdfsbase %0; mov %%fs, %1" : "=r"(fs_base), "=r"(fs));
        __asm__ volatile("mov %0, %%fs; wrfsbase %1" : : "r"(0), "r"(our_fs));
        leave(context, si, fs_base, fs);
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
        struct machine m = {.rip = CODE_BASE, .mxcsr = 0x1f80, .fcw = 0x37f, .selector = {0x2b, 0x23, 0x2b, 0x2b}};
        struct outcome o = {.vector = NATIVE_ENDLESS};
        for (unsigned tries = 0; tries < NATIVE_TRIES && o.vector == NATIVE_ENDLESS; tries++)
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
        !map(DATA_BASE + DATA_SIZE, DATA_READ, PROT_READ) || !map(CHANGING_BASE, CHANGING_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC)) {
        fprintf(stderr, "no low memory\n");
        return false;
    }
    memset((void *)CODE_BASE, 0xcc, CODE_SIZE);
    memset((void *)CHANGING_BASE, 0xcc, CHANGING_SIZE);
    stack_t alt = {.ss_size = 1 << 16};
    alt.ss_sp = malloc(alt.ss_size);
    sigaltstack(&alt, NULL);
    struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    sigaddset(&sa.sa_mask, SIGVTALRM); /* not between entering and being there */
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGVTALRM};
    for (unsigned i = 0; i < ARRAY_LEN(signals); i++)
        sigaction(signals[i], &sa, NULL);
    for (unsigned i = 0; i < NATIVE_LDT_COUNT; i++) {
        struct user_desc segment = {
            .entry_number = i, .base_addr = native_ldt_bases[i], .limit = 0xfffff, .seg_32bit = 1, .limit_in_pages = 1, .useable = 1};
        if (syscall(SYS_modify_ldt, 1, &segment, sizeof segment)) {
            perror("modify_ldt");
            return false;
        }
    }
    __asm__ volatile("rdfsbase %0" : "=r"(our_fs));
    static const struct itimerval clock = {.it_interval = {.tv_usec = 300000}, .it_value = {.tv_usec = 300000}};
    setitimer(ITIMER_VIRTUAL, &clock, NULL);
    __asm__ volatile("mov %0, %%ds; mov %0, %%es" : : "r"(0x2b)); /* 32-bit code uses them */
    return true;
}
