/* Code that runs often enough to be translated a second time, as a path across branches and calls: faults in its middle,
 * changes to any part of it, signals.  The code is Arm64's, so natively on another processor only what C says is checked. */
#include "code.h"
#include <pthread.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>

#define ROUNDS 400000u /* of a loop: hot by any measure */

static volatile sig_atomic_t alarms;

static void on_alarm(int sig)
{
    alarms++;
}

/* -- signals in a loop that calls ------------------------------------------------------------------ */

static __attribute__((noinline)) uint64_t step(uint64_t x)
{
    __asm__ volatile("");
    return x & 1 ? 3 * x + 1 : x / 2;
}

static void test_signals(void)
{
    struct itimerval often = {{0, 2000}, {0, 2000}}, never = {{0, 0}, {0, 0}};
    uint64_t x = 27;

    signal(SIGALRM, on_alarm);
    setitimer(ITIMER_REAL, &often, NULL);
    while (alarms < 20) /* a path without a way out but this */
        x = step(x);
    setitimer(ITIMER_REAL, &never, NULL);
    ok(x != 0);
    ok(alarms >= 20);
}

#if defined(__aarch64__)

static uint32_t bl(const uint32_t *from, const uint32_t *to)
{
    return 0x94000000u | ((uint32_t)(to - from) & 0x3ffffff);
}

/* -- faults in the middle of a path ------------------------------------------------------------------ */

static volatile struct {
    unsigned count;
    uint64_t x[31], sp, pc, pstate, address;
} seen;
static char *guarded;

static void on_fault(int sig, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;

    seen.count++;
    for (unsigned i = 0; i < 31; i++)
        seen.x[i] = uc->uc_mcontext.regs[i];
    seen.sp = uc->uc_mcontext.sp;
    seen.pc = uc->uc_mcontext.pc;
    seen.pstate = uc->uc_mcontext.pstate;
    seen.address = (uint64_t)(uintptr_t)info->si_addr;
    mprotect(guarded, 4096, PROT_READ | PROT_WRITE);
}

extern const char fault_at[];
uint64_t hot_faults(const char *p, uint64_t n, uint64_t last);
/* Each round: registers with and without homes change, flags are set, a function is called that loads a byte. */
__asm__(".text\n.balign 4\n.global hot_faults\n"
        "hot_faults: stp x29, x30, [sp, #-48]!\n stp x21, x22, [sp, #16]\n stp x27, x28, [sp, #32]\n"
        " mov x10, #0\n mov x11, #0\n mov x12, #7\n mov x28, #0\n mov x27, x0\n"
        "1: add x10, x10, #1\n add x11, x11, x12\n eor x28, x28, x10\n mov x21, x11\n"
        " cmp x10, x2\n csel x27, x0, x27, ne\n" /* the last round: the guarded page */
        " b.ne 2f\n add x27, x0, #4096\n"
        "2: subs x22, x10, x1\n bl 5f\n"
        " add x12, x12, #3\n cmp x10, x1\n b.lo 1b\n"
        " mov x0, x28\n"
        " ldp x27, x28, [sp, #32]\n ldp x21, x22, [sp, #16]\n ldp x29, x30, [sp], #48\n ret\n"
        "5: mov x13, x10\n mov x14, x30\n"
        ".global fault_at\nfault_at: ldrb w15, [x27]\n"
        " mov x13, #0\n mov x14, #0\n ret\n");

static void test_fault(void)
{
    struct sigaction a = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO}, old;
    uint64_t x11 = 0, x12 = 7, x28 = 0, all = 0;

    guarded = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *p = guarded;
    guarded += 4096;
    mprotect(guarded, 4096, PROT_NONE);
    sigaction(SIGSEGV, &a, &old);
    const uint64_t at = ROUNDS - 1000;
    for (uint64_t i = 1; i <= ROUNDS; i++)
        all ^= i;
    for (uint64_t i = 1; i <= at; i++) {
        x11 += x12;
        x28 ^= i;
        if (i < at)
            x12 += 3;
    }
    uint64_t result = hot_faults(p, ROUNDS, at);
    sigaction(SIGSEGV, &old, NULL);
    ok(result == all);
    ok(seen.count == 1 && seen.pc == (uint64_t)(uintptr_t)fault_at && seen.address == (uint64_t)(uintptr_t)guarded);
    ok(seen.x[10] == at && seen.x[11] == x11 && seen.x[12] == x12 && seen.x[28] == x28);
    ok(seen.x[21] == x11 && seen.x[22] == at - ROUNDS && seen.x[27] == (uint64_t)(uintptr_t)guarded);
    ok(seen.x[13] == at && seen.x[14] == seen.x[30]); /* what the function has written before */
    ok((seen.pstate & 0xf0000000u) == 0x80000000u); /* of subs: negative, borrow */
    munmap(p, 8192);
}

/* -- faults in a loop that nothing leaves but they ---------------------------------------------------- */

extern const char loop_fault_at[];
uint64_t loop_faults(const char *p, uint64_t n, uint64_t at, const char *guarded);
/* More registers are carried from round to round than have homes; in round `at` the byte is in the guarded page. */
__asm__(".text\n.balign 4\n.global loop_faults\n"
        "loop_faults: mov x10, #0\n mov x11, #0\n mov x12, #7\n mov x13, #0\n mov x14, #0\n"
        " movi v20.2d, #0\n movi v21.2d, #0\n"
        "1: add x10, x10, #1\n add x11, x11, x12\n eor x13, x13, x11\n fmov d21, x13\n add v20.2d, v20.2d, v21.2d\n"
        " cmp x10, x2\n csel x15, x3, x0, eq\n"
        ".global loop_fault_at\nloop_fault_at: ldrb w16, [x15]\n"
        " add x14, x14, x16\n add x12, x12, #3\n cmp x10, x1\n b.lo 1b\n"
        " fmov x0, d20\n eor x0, x0, x14\n ret\n");

static void test_loop_fault(void)
{
    struct sigaction a = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO}, old;
    uint64_t x11 = 0, x12 = 7, x13 = 0, sum = 0, then11 = 0, then12 = 0, then13 = 0;
    const uint64_t at = ROUNDS - 1000;
    char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    guarded = p + 4096;
    p[0] = 1;
    mprotect(guarded, 4096, PROT_NONE);
    for (uint64_t i = 1; i <= ROUNDS; i++) {
        x11 += x12;
        x13 ^= x11;
        sum += x13;
        if (i == at) {
            then11 = x11;
            then12 = x12;
            then13 = x13;
        }
        x12 += 3;
    }
    seen.count = 0;
    sigaction(SIGSEGV, &a, &old);
    uint64_t result = loop_faults(p, ROUNDS, at, guarded);
    sigaction(SIGSEGV, &old, NULL);
    ok(result == (sum ^ (ROUNDS - 1)));
    ok(seen.count == 1 && seen.pc == (uint64_t)(uintptr_t)loop_fault_at && seen.address == (uint64_t)(uintptr_t)guarded);
    ok(seen.x[10] == at && seen.x[11] == then11 && seen.x[12] == then12 && seen.x[13] == then13 && seen.x[14] == at - 1);
    ok(seen.x[0] == (uint64_t)(uintptr_t)p && seen.x[1] == ROUNDS && seen.x[2] == at && seen.x[15] == (uint64_t)(uintptr_t)guarded);
    ok((seen.pstate & 0xf0000000u) == 0x60000000u); /* of cmp: equal */
    munmap(p, 8192);
}

/* -- a part of a path changes, or goes ------------------------------------------------------------------ */

/* Three pages: a loop that calls a function in the next, which branches to one in the third. */
struct parts {
    uint32_t *loop, *middle, *end;
};

static struct parts parts_new(void)
{
    uint32_t *p = code_new(3 * 1024);
    struct parts a = {p, p + 1024, p + 2048};

    p[0] = 0xaa1e03e9;                  /* mov x9, x30 */
    p[1] = 0xd2800001;                  /* mov x1, #0 */
    p[2] = bl(p + 2, a.middle);         /* loop: bl middle */
    p[3] = 0xf1000400;                  /* subs x0, x0, #1 */
    p[4] = 0x54ffffc1;                  /* b.ne loop */
    p[5] = 0xaa0103e0;                  /* mov x0, x1 */
    p[6] = 0xd61f0120;                  /* br x9 */
    a.middle[0] = 0x91000421;           /* add x1, x1, #1 */
    a.middle[1] = 0x14000000u | 1023;   /* b end */
    a.end[0] = 0x91000821;              /* add x1, x1, #2 */
    a.end[1] = 0xd65f03c0;              /* ret */
    code_changed(p, 3 * 1024);
    return a;
}

static uint64_t run(const struct parts *a)
{
    return ((uint64_t(*)(uint64_t))(uintptr_t)a->loop)(ROUNDS);
}

static void test_changes(void)
{
    struct parts a = parts_new();

    ok(run(&a) == 3ull * ROUNDS);
    a.middle[0] = 0x91001421; /* add x1, x1, #5 */
    code_changed(a.middle, 1);
    ok(run(&a) == 7ull * ROUNDS);
    a.end[0] = 0x91002821; /* add x1, x1, #10 */
    code_changed(a.end, 1);
    ok(run(&a) == 15ull * ROUNDS);
    a.loop[3] = 0xf1000800; /* subs x0, x0, #2 */
    code_changed(a.loop + 3, 1);
    ok(run(&a) == 15ull * ROUNDS / 2);
    a.loop[2] = bl(a.loop + 2, a.end);
    code_changed(a.loop + 2, 1);
    ok(run(&a) == 10ull * ROUNDS / 2);
}

static void test_unmapped(void)
{
    struct parts a = parts_new();

    ok(run(&a) == 3ull * ROUNDS);
    munmap(a.end, 4096);
    uint32_t *p = mmap(a.end, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    p[0] = 0xd1000421; /* sub x1, x1, #1 */
    p[1] = 0xd65f03c0; /* ret */
    mprotect(p, 4096, PROT_READ | PROT_EXEC);
    ok(run(&a) == 0);
}

/* Code changes in one thread while another is in it: that sees the old or the new, and after the change's end the new. */
static struct parts shared;
static volatile bool stop;

static void *runs(void *arg)
{
    uint64_t *odd = arg;

    while (!stop) {
        uint64_t got = run(&shared);
        if (got < 3ull * ROUNDS || got > 4ull * ROUNDS)
            ++*odd;
    }
    return NULL;
}

static void test_threads(void)
{
    pthread_t t;
    uint64_t odd = 0;

    shared = parts_new();
    pthread_create(&t, NULL, runs, &odd);
    for (unsigned i = 0; i < 40; i++) {
        usleep(3000);
        shared.end[0] = i & 1 ? 0x91000821 : 0x91000c21; /* add x1, x1, #2 or #3 */
        code_changed(shared.end, 1);
    }
    stop = true;
    pthread_join(t, NULL);
    ok(odd == 0);
    shared.end[0] = 0x91000821;
    code_changed(shared.end, 1);
    ok(run(&shared) == 3ull * ROUNDS);
}

/* -- an indirect branch whose target is the same for long, then another ------------------------------------ */

static __attribute__((noinline)) uint64_t add_one(uint64_t x) { return x + 1; }
static __attribute__((noinline)) uint64_t add_two(uint64_t x) { return x + 2; }

static void test_indirect(void)
{
    uint64_t (*volatile f)(uint64_t) = add_one, x = 0;

    for (unsigned i = 0; i < 2 * ROUNDS; i++) {
        if (i == ROUNDS)
            f = add_two;
        x = f(x);
    }
    ok(x == 3ull * ROUNDS);
}

#endif

int main(void)
{
    test_signals();
#if defined(__aarch64__)
    test_fault();
    test_loop_fault();
    test_changes();
    test_unmapped();
    test_threads();
    test_indirect();
#else
    skip("Arm64 code");
#endif
    return test_done();
}
