/* Synchronous signals: siginfo and context of faults, and contexts that a handler changes. */
#include "test.h"
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <ucontext.h>

static volatile int hits, sig_seen, code_seen;
static void *volatile address_seen;
static volatile uint64_t esr_seen, pc_seen, fault_address_seen;
static void (*volatile action)(ucontext_t *uc);
static sigjmp_buf env;

#ifdef __aarch64__
struct ctx {
    uint32_t magic, size;
};
static void *find(ucontext_t *uc, uint32_t magic)
{
    char *p = (char *)uc->uc_mcontext.__reserved;

    for (;;) {
        struct ctx *c = (struct ctx *)p;
        if (c->magic == magic)
            return c;
        if (!c->magic || !c->size)
            return NULL;
        p += c->size;
    }
}
#endif

static void handler(int sig, siginfo_t *info, void *context)
{
    hits++;
    sig_seen = sig;
    code_seen = info->si_code;
    address_seen = info->si_addr;
#ifdef __aarch64__
    ucontext_t *uc = context;
    uint64_t *esr = find(uc, 0x45535201);
    esr_seen = esr ? esr[1] : 0;
    pc_seen = uc->uc_mcontext.pc;
    fault_address_seen = uc->uc_mcontext.fault_address;
#endif
    if (action)
        action(context);
    else
        siglongjmp(env, 1);
}

static char *pages;
static volatile int sink;

static bool faults_with(int sig, int code, const volatile void *address)
{
    return hits == 1 && sig_seen == sig && code_seen == code && address_seen == address;
}

#define TRY(statement)                                                                             \
    do {                                                                                           \
        hits = 0;                                                                                  \
        action = NULL;                                                                             \
        if (!sigsetjmp(env, 1)) {                                                                  \
            statement;                                                                             \
        }                                                                                          \
    } while (0)

static void test_codes(void)
{
    volatile char *none = pages, *ro = pages + 4096;

    TRY(sink = none[5]);
    ok(faults_with(SIGSEGV, SEGV_ACCERR, none + 5));
    TRY(ro[7] = 1);
    ok(faults_with(SIGSEGV, SEGV_ACCERR, ro + 7));
    TRY(sink = *(volatile char *)16);
    ok(faults_with(SIGSEGV, SEGV_MAPERR, (char *)16));
    TRY(*(volatile char *)24 = 1);
    ok(faults_with(SIGSEGV, SEGV_MAPERR, (char *)24));
    /* An access across a page's end faults in the second page. */
    TRY(sink = (int)*(volatile uint64_t *)(pages + 3 * 4096 - 4));
    ok(hits == 1 && code_seen == SEGV_ACCERR);
    /* Behind the end of a file. */
    test_use_dir();
    char *map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, test_make("short", "x"), 0);
    TRY(sink = map[4096 + 3]);
    ok(faults_with(SIGBUS, BUS_ADRERR, map + 4096 + 3));
    ok(map[0] == 'x');
    TRY(((void (*)(void))(uintptr_t)64)());
    ok(faults_with(SIGSEGV, SEGV_MAPERR, (char *)64));
    TRY(((void (*)(void))(pages + 4096))());
    ok(faults_with(SIGSEGV, SEGV_ACCERR, pages + 4096));
}

static void unprotect(ucontext_t *uc)
{
    mprotect((void *)((uintptr_t)address_seen & ~4095ul), 4096, PROT_READ | PROT_WRITE);
}

static void test_protect_loop(void)
{
    hits = 0;
    action = unprotect;
    for (int i = 0; i < 300; i++) {
        mprotect(pages + 2 * 4096, 4096, i % 2 ? PROT_NONE : PROT_READ);
        ((volatile uint32_t *)(pages + 2 * 4096))[i] = (uint32_t)i;
    }
    ok(hits == 300);
    bool good = true;
    for (int i = 0; i < 300; i++)
        good = good && ((uint32_t *)(pages + 2 * 4096))[i] == (uint32_t)i;
    ok(good);
}

#ifdef __aarch64__
#define EC(esr) ((esr) >> 26 & 0x3f)
#define WNR(esr) ((esr) >> 6 & 1)
#define FSC(esr) ((esr) & 0x3f)

static void test_syndrome(void)
{
    volatile char *none = pages, *ro = pages + 4096;

    TRY(sink = none[5]);
    ok(EC(esr_seen) == 0x24 && !WNR(esr_seen) && FSC(esr_seen) == 0x0f);
    ok(fault_address_seen == (uintptr_t)none + 5);
    TRY(ro[7] = 1);
    ok(EC(esr_seen) == 0x24 && WNR(esr_seen) && FSC(esr_seen) == 0x0f);
    TRY(*(volatile char *)24 = 1);
    ok(EC(esr_seen) == 0x24 && WNR(esr_seen) && (FSC(esr_seen) & 0x3c) == 0x04);
    TRY(((void (*)(void))(pages + 4096))());
    ok(EC(esr_seen) == 0x20 && FSC(esr_seen) == 0x0f);
    ok(pc_seen == (uintptr_t)pages + 4096);
    TRY(__asm__ volatile("udf #0"));
    ok(hits == 1 && sig_seen == SIGILL && code_seen == ILL_ILLOPC && (uintptr_t)address_seen == pc_seen && !esr_seen);
    TRY(__asm__ volatile("brk #7"));
    ok(hits == 1 && sig_seen == SIGTRAP && code_seen == TRAP_BRKPT && (uintptr_t)address_seen == pc_seen);
    /* A read-modify-write is a write where only writing is forbidden. */
    TRY(__atomic_fetch_add((volatile int *)(pages + 4096), 1, __ATOMIC_SEQ_CST));
    ok(hits == 1 && code_seen == SEGV_ACCERR);
    TRY(__asm__ volatile("br %0" : : "r"((uintptr_t)pages + 4096 + 2)));
    ok(hits == 1 && sig_seen == SIGBUS && code_seen == BUS_ADRALN && EC(esr_seen) == 0x22);
}

static void change_all(ucontext_t *uc)
{
    struct fpsimd {
        struct ctx head;
        uint32_t fpsr, fpcr;
        __uint128_t v[32];
    } *fp = find(uc, 0x46508001);

    for (int i = 0; i < 29; i++)
        if (i != 18)
            uc->uc_mcontext.regs[i] = 0x1000 + (unsigned)i;
    for (int i = 0; i < 32; i++)
        fp->v[i] = ((__uint128_t)(0x2000 + (unsigned)i) << 64) | (0x3000 + (unsigned)i);
    fp->fpcr = 3u << 22;
    fp->fpsr = 1u << 27 | 0x1f;
    uc->uc_mcontext.pstate = (uc->uc_mcontext.pstate & 0x0fffffff) | 0xa0000000;
    uc->uc_mcontext.pc += 4;
}

/* void probe(uint64_t x[31], uint64_t sys[3], uint64_t v[64]): traps, then stores what the handler left. */
void probe(uint64_t *x, uint64_t *sys, void *v);
__asm__(".text\n.globl probe\nprobe:\n"
        "stp x29, x30, [sp, #-192]!\n"
        "stp x19, x20, [sp, #16]\n stp x21, x22, [sp, #32]\n stp x23, x24, [sp, #48]\n"
        "stp x25, x26, [sp, #64]\n stp x27, x28, [sp, #80]\n"
        "stp d8, d9, [sp, #96]\n stp d10, d11, [sp, #112]\n stp d12, d13, [sp, #128]\n stp d14, d15, [sp, #144]\n"
        "stp x0, x1, [sp, #160]\n str x2, [sp, #176]\n"
        "brk #1\n"
        "ldr x29, [sp, #160]\n"
        "stp x0, x1, [x29]\n stp x2, x3, [x29, #16]\n stp x4, x5, [x29, #32]\n"
        "stp x6, x7, [x29, #48]\n stp x8, x9, [x29, #64]\n stp x10, x11, [x29, #80]\n"
        "stp x12, x13, [x29, #96]\n stp x14, x15, [x29, #112]\n stp x16, x17, [x29, #128]\n"
        "stp x19, x20, [x29, #152]\n stp x21, x22, [x29, #168]\n stp x23, x24, [x29, #184]\n"
        "stp x25, x26, [x29, #200]\n stp x27, x28, [x29, #216]\n"
        "ldr x29, [sp, #168]\n"
        "mrs x0, nzcv\n mrs x1, fpcr\n mrs x2, fpsr\n stp x0, x1, [x29]\n str x2, [x29, #16]\n"
        "msr fpcr, xzr\n msr fpsr, xzr\n"
        "ldr x29, [sp, #176]\n"
        "stp q0, q1, [x29]\n stp q8, q15, [x29, #32]\n stp q30, q31, [x29, #64]\n"
        "ldp d8, d9, [sp, #96]\n ldp d10, d11, [sp, #112]\n ldp d12, d13, [sp, #128]\n ldp d14, d15, [sp, #144]\n"
        "ldp x19, x20, [sp, #16]\n ldp x21, x22, [sp, #32]\n ldp x23, x24, [sp, #48]\n"
        "ldp x25, x26, [sp, #64]\n ldp x27, x28, [sp, #80]\n"
        "ldp x29, x30, [sp], #192\n ret\n");

/* Every register set by the handler arrives. */
static void test_context(void)
{
    static const unsigned numbers[] = {0, 1, 8, 15, 30, 31};
    uint64_t x[31], sys[3], v[12];
    bool good = true;

    hits = 0;
    action = change_all;
    probe(x, sys, v);
    for (int i = 0; i < 29; i++)
        good = good && (i == 18 || x[i] == 0x1000 + (unsigned)i);
    ok(hits == 1 && good);
    for (int i = 0; i < 6; i++)
        good = good && v[2 * i] == 0x3000 + numbers[i] && v[2 * i + 1] == 0x2000 + numbers[i];
    ok(good);
    ok(sys[0] == 0xa0000000 && sys[1] == 3u << 22 && sys[2] == (1u << 27 | 0x1f));
}

static void check_stack(ucontext_t *uc)
{
    uint64_t *sp = __builtin_frame_address(0);

    (void)sp;
    ok(!((uintptr_t)uc & 15) && uc->uc_mcontext.sp > (uintptr_t)uc);
    ok(!uc->uc_flags && !uc->uc_link);
    uc->uc_mcontext.pc += 4;
}

static void test_frame(void)
{
    hits = 0;
    action = check_stack;
    __asm__ volatile("brk #1");
    ok(hits == 1);
}

static void bad_frame(ucontext_t *uc)
{
    uc->uc_mcontext.pstate |= 0x4; /* another exception level */
}

static void test_bad_return(void)
{
    int status;
    pid_t pid = fork();

    if (!pid) {
        signal(SIGSEGV, SIG_DFL);
        action = bad_frame;
        __asm__ volatile("brk #1");
        _exit(1);
    }
    waitpid(pid, &status, 0);
    ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}
#endif

int main(void)
{
    struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};

    for (int i = 0; i < 5; i++)
        sigaction(((int[]){SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE})[i], &sa, NULL);
    pages = mmap(NULL, 4 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(pages + 4096, 4096, PROT_READ);
    mprotect(pages + 2 * 4096, 4096, PROT_READ | PROT_WRITE);
    test_codes();
    test_protect_loop();
#ifdef __aarch64__
    test_syndrome();
    test_frame();
    test_context();
    test_bad_return();
#endif
    /* Copies by the kernel fault without a signal, also while SIGSEGV is blocked. */
    sigset_t all, old;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &old);
    fails(syscall(SYS_rt_sigprocmask, SIG_BLOCK, pages, NULL, 8), EFAULT);
    fails(uname((void *)8), EFAULT);
    sigprocmask(SIG_SETMASK, &old, NULL);
    return test_done();
}
