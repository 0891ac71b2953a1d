/* Stopping another thread anywhere, reading and changing its registers, and letting it go on unharmed. */
#include "test.h"

static volatile LONG stop, ready;
static volatile unsigned long long rounds;

/* KEPT0 counts, KEPT1 is its complement: any context must show the two agree, or be between the two instructions that change them. */
static DWORD WINAPI spin(void *arg)
{
#ifdef __aarch64__
    register unsigned long long a __asm__("x19") = 0;
    register unsigned long long b __asm__("x20") = ~0ull;
#define STEP "add %0, %0, #1\n\tsub %1, %1, #1"
#define PAUSE "yield"
#elif defined(__i386__)
    register unsigned long a __asm__("ebx") = 0;
    register unsigned long b __asm__("esi") = ~0ul;
#define STEP "incl %0\n\tdecl %1"
#define PAUSE "pause"
#else
    register unsigned long long a __asm__("r12") = 0;
    register unsigned long long b __asm__("r13") = ~0ull;
#define STEP "incq %0\n\tdecq %1"
#define PAUSE "pause"
#endif
    ready = 1;
    while (!stop) {
        __asm__ volatile(STEP : "+r"(a), "+r"(b));
        if (a != ~b)
            return 1;
        rounds = a;
    }
    return 42;
}

static DWORD WINAPI bystander(void *arg)
{
    ready = 1;
    for (;;)
        __asm__ volatile(PAUSE);
}
static DWORD WINAPI target(void *arg) { ExitThread((DWORD)(ULONG_PTR)arg); }

int main(void)
{
    CONTEXT c;
    DWORD code;
    HANDLE t = CreateThread(NULL, 0, spin, NULL, 0, NULL);
    int agree = 0, moved = 0, inside = 0;
    unsigned long long last = 0;

    while (!ready)
        Sleep(1);
    for (int i = 0; i < 200; i++) {
        CHECK(SuspendThread(t) == 0);
        memset(&c, 0, sizeof c);
        c.ContextFlags = CONTEXT_FULL;
        CHECK(GetThreadContext(t, &c));
        agree += c.KEPT0 == ~c.KEPT1 || c.KEPT0 - 1 == ~c.KEPT1;
        inside += c.PC >= (ULONG_PTR)spin && c.PC < (ULONG_PTR)spin + 256;
        moved += c.KEPT0 > last;
        last = c.KEPT0;
        unsigned long long seen = rounds;
        Sleep(i % 20 == 0);
        CHECK(rounds == seen);
        CHECK(ResumeThread(t) == 1);
        if (i % 10 == 0)
            Sleep(1);
    }
    for (int i = 0; i < 2000 && moved <= 20; i++) { /* a busy machine may let it run seldom */
        Sleep(1);
        CHECK(SuspendThread(t) == 0 && GetThreadContext(t, &c) && ResumeThread(t) == 1);
        moved += c.KEPT0 > last;
        last = c.KEPT0;
    }
    CHECK(agree == 200, "%d", agree);
    CHECK(inside > 150, "%d", inside);
    CHECK(moved > 20, "%d", moved);
    stop = 1;
    CHECK(WaitForSingleObject(t, 20000) == WAIT_OBJECT_0 && GetExitCodeThread(t, &code) && code == 42, "%lu", (unsigned long)code);

    ready = 0;
    t = CreateThread(NULL, 0, bystander, NULL, 0, NULL);
    while (!ready)
        Sleep(1);
    SuspendThread(t);
    c.ContextFlags = CONTEXT_FULL;
    CHECK(GetThreadContext(t, &c));
    c.PC = (ULONG_PTR)target;
#ifdef __i386__ /* arguments are on the stack, behind the return address */
    ((DWORD *)c.Esp)[1] = 123;
#else
    c.ARG0 = 123;
#endif
    CHECK(SetThreadContext(t, &c));
    ResumeThread(t);
    CHECK(WaitForSingleObject(t, 20000) == WAIT_OBJECT_0 && GetExitCodeThread(t, &code) && code == 123, "%lu", (unsigned long)code);
    return done();
}
