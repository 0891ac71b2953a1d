/* Structured exceptions: what they say about the fault, unwinding through frames with __finally, continuing. */
#include "test.h"

static NOINLINE int read_int(volatile int *p) { return *p; }
static NOINLINE void write_int(volatile int *p, int v) { *p = v; }
#ifdef __aarch64__
static NOINLINE void illegal(void) { __asm__ volatile(".inst 0x00000000"); }
static NOINLINE void breakpoint(void) { __asm__ volatile("brk #0xf000"); }
static NOINLINE void divide(void) { __asm__ volatile("brk #0xf004"); } /* what compilers put where a divisor is 0 */
#else
static NOINLINE void illegal(void) { __asm__ volatile("ud2"); }
static NOINLINE void breakpoint(void) { __asm__ volatile("int3"); }
static NOINLINE void divide(void) { __asm__ volatile("xorl %%ecx, %%ecx\n\tdivl %%ecx" : : : "eax", "ecx", "edx"); }
#endif
static NOINLINE void jump_to(void *p) { ((void (*)(void))p)(); }

static EXCEPTION_RECORD record;
static CONTEXT context;

static int note(EXCEPTION_POINTERS *e)
{
    record = *e->ExceptionRecord;
    context = *e->ContextRecord;
    return EXCEPTION_EXECUTE_HANDLER;
}

static DWORD code_of(void (*f)(void *), void *arg)
{
    memset(&record, 0, sizeof record);
    __try {
        f(arg);
    } __except (note(GetExceptionInformation())) {
        return record.ExceptionCode;
    }
    return 0;
}

static void do_read(void *p) { read_int(p); }
static void do_write(void *p) { write_int(p, 1); }
static void do_illegal(void *p) { illegal(); }
static void do_break(void *p) { breakpoint(); }
static void do_divide(void *p) { divide(); }
static void do_raise(void *p) { RaiseException(0xe0001234, 0, 2, (ULONG_PTR[]){7, 8}); }
static void do_jump(void *p) { jump_to(p); }

static void faults(void)
{
    char *page = VirtualAlloc(NULL, 65536, MEM_COMMIT | MEM_RESERVE, PAGE_READONLY);
    char *data = VirtualAlloc(NULL, 4096, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE);

    CHECK(code_of(do_read, (void *)16) == EXCEPTION_ACCESS_VIOLATION);
    CHECK(record.ExceptionInformation[0] == 0 && record.ExceptionInformation[1] == 16, "%llx", (unsigned long long)record.ExceptionInformation[1]);
    CHECK(code_of(do_write, page + 100) == EXCEPTION_ACCESS_VIOLATION);
    CHECK(record.ExceptionInformation[0] == 1 && record.ExceptionInformation[1] == (ULONG_PTR)(page + 100));
    CHECK((char *)record.ExceptionAddress >= (char *)write_int && (char *)record.ExceptionAddress < (char *)write_int + 64);
    CHECK(context.PC == (ULONG_PTR)record.ExceptionAddress);
#ifndef __i386__ /* whose arguments are not in registers */
    CHECK(context.ARG0 == (ULONG_PTR)(page + 100) && (DWORD)context.ARG1 == 1);
#endif
    CHECK(code_of(do_illegal, NULL) == EXCEPTION_ILLEGAL_INSTRUCTION);
    CHECK(record.ExceptionAddress == (void *)illegal);
    CHECK(code_of(do_break, NULL) == EXCEPTION_BREAKPOINT);
    CHECK(code_of(do_divide, NULL) == EXCEPTION_INT_DIVIDE_BY_ZERO, "%lx", (unsigned long)record.ExceptionCode);
    CHECK(code_of(do_raise, NULL) == 0xe0001234 && record.NumberParameters == 2 && record.ExceptionInformation[1] == 8);
    CHECK(code_of(do_jump, data) == EXCEPTION_ACCESS_VIOLATION);
    /* 8, a failed execution, on Windows; Wine 10 says 0. */
    CHECK((record.ExceptionInformation[0] == 8 || record.ExceptionInformation[0] == 0) &&
              record.ExceptionInformation[1] == (ULONG_PTR)data,
          "%llu", (unsigned long long)record.ExceptionInformation[0]);
    VirtualFree(page, 0, MEM_RELEASE);
    CHECK(code_of(do_read, page) == EXCEPTION_ACCESS_VIOLATION);
}

static char order[64];
static void step(char c) { order[strlen(order)] = c; }

static NOINLINE void inner(int depth)
{
    __try {
        if (depth)
            inner(depth - 1);
        else
            write_int((int *)8, 1);
    } __finally {
        step('a' + depth);
        if (_abnormal_termination())
            step('!');
    }
}

static void unwinding(void)
{
    __try {
        __try {
            inner(3);
        } __except (step('f'), EXCEPTION_CONTINUE_SEARCH) {
            step('X');
        }
    } __except (step('g'), EXCEPTION_EXECUTE_HANDLER) {
        step('H');
    }
    CHECK(!strcmp(order, "fga!b!c!d!H"), "%s", order);
    memset(order, 0, sizeof order);
    __try { /* an exception in a handler */
        __try {
            read_int((int *)8);
        } __except (EXCEPTION_EXECUTE_HANDLER) {
            step('1');
            write_int((int *)8, 1);
        }
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        step('2');
    }
    CHECK(!strcmp(order, "12"), "%s", order);
}

static volatile int good = 41;
static int vectored_calls;

/* Puts a good address where the bad one was. */
static LONG CALLBACK vectored(EXCEPTION_POINTERS *e)
{
    if (e->ExceptionRecord->ExceptionCode != EXCEPTION_ACCESS_VIOLATION || e->ExceptionRecord->ExceptionInformation[1] != 0x30)
        return EXCEPTION_CONTINUE_SEARCH;
    vectored_calls++;
    e->ContextRecord->ARG0 = (ULONG_PTR)&good;
    return EXCEPTION_CONTINUE_EXECUTION;
}

static void continuing(void)
{
    void *h = AddVectoredExceptionHandler(1, vectored);
    int sum = 0;

    for (int i = 0; i < 1000; i++)
        sum += read_int((int *)0x30);
    CHECK(sum == 41000 && vectored_calls == 1000, "%d %d", sum, vectored_calls);
    RemoveVectoredExceptionHandler(h);
}

/* The stack grows page by page, through a guard page that moves. */
static NOINLINE int deep(int depth)
{
    volatile char room[3000];
    room[0] = 1;
    return depth ? deep(depth - 1) + room[0] : 0;
}

static DWORD WINAPI grow(void *arg)
{
    return (DWORD)deep(200);
}

int main(void)
{
    DWORD code = 0;
    faults();
    unwinding();
    continuing();
    HANDLE t = CreateThread(NULL, 0, grow, NULL, 0, NULL);
    CHECK(WaitForSingleObject(t, 20000) == WAIT_OBJECT_0 && GetExitCodeThread(t, &code) && code == 200, "%lx", (unsigned long)code);
    return done();
}
