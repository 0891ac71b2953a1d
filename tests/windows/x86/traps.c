/* What only x86 has of exceptions: each kind of trap and what Windows calls it, single steps (TF) under a handler that acts as a debugger,
 * debug registers, and a context that a handler reads and changes wholly: general registers, flags, x87, SSE.
 * Everything is seen by vectored handlers, which MinGW's GCC needs no support for. */
#include "../test.h"
#include <stdint.h>

#ifdef __i386__
#define STACK   Esp
#define ACC     Eax
#define BASE    Ebx
#define COUNT   Ecx
#define DATA    Edx
#define SAVED(c) ((unsigned char *)(c)->ExtendedRegisters) /* FXSAVE's image */
#define W       "l"
#define A       "e"
#define AX      "%%eax"
#define SP      "%%esp"
#define PLACE(x) "movl $" x ", %%eax\n\t"
#else
#define STACK   Rsp
#define ACC     Rax
#define BASE    Rbx
#define COUNT   Rcx
#define DATA    Rdx
#define SAVED(c) ((unsigned char *)&(c)->FltSave)
#define W       "q"
#define A       "r"
#define AX      "%%rax"
#define SP      "%%rsp"
#define PLACE(x) "leaq " x "(%%rip), %%rax\n\t"
#endif
#define TRAP_FLAG 0x100u

/* Not static: then compilers know that assembly, the handlers behind it that is, may change them. */
EXCEPTION_RECORD record;
CONTEXT context;
int count;

/* -- kinds ----------------------------------------------------------------------------------------- */

char *resume; /* where the handler goes on */
ULONG_PTR resume_stack;

static LONG CALLBACK skip(EXCEPTION_POINTERS *e)
{
    if (!resume)
        return EXCEPTION_CONTINUE_SEARCH;
    record = *e->ExceptionRecord;
    context = *e->ContextRecord;
    count++;
    e->ContextRecord->PC = (ULONG_PTR)resume;
    e->ContextRecord->STACK = resume_stack;
    e->ContextRecord->EFlags &= ~0x40000u; /* AC */
    resume = NULL;
    return EXCEPTION_CONTINUE_EXECUTION;
}

/* Runs TEXT, in which label 1 stands before what traps; true if the exception's address is that. */
#define TRY(TEXT, ...)                                                                                                           \
    ({                                                                                                                           \
        static char *at_;                                                                                                        \
        memset(&record, 0, sizeof record);                                                                                       \
        __asm__ volatile(PLACE("2f") "mov" W " " AX ", %[r]\n\tmov" W " " SP ", %[s]\n\t"                                  \
                         PLACE("1f") "mov" W " " AX ", %[at]\n" TEXT "\n2:\tmov" W " $0, %[r]"                                 \
                         : [r] "=m"(resume), [s] "=m"(resume_stack), [at] "=m"(at_) : __VA_ARGS__                                 \
                         : A "ax", A "cx", A "dx", "memory", "cc");                                                              \
        (char *)record.ExceptionAddress == at_;                                                                                  \
    })

static void kinds(void)
{
    static volatile int zero;
    static volatile double one = 1, nought;
    static const int limits[2] = {0, 9};
    void *h = AddVectoredExceptionHandler(1, skip);

    CHECK(TRY("1:\tud2") && record.ExceptionCode == EXCEPTION_ILLEGAL_INSTRUCTION, "%lx", (unsigned long)record.ExceptionCode);
    CHECK(TRY("1:\t.byte 0xf0, 0x90") && record.ExceptionCode == EXCEPTION_ILLEGAL_INSTRUCTION, "%lx", (unsigned long)record.ExceptionCode);
    CHECK(TRY("1:\tint3") && record.ExceptionCode == EXCEPTION_BREAKPOINT, "%lx", (unsigned long)record.ExceptionCode);
    CHECK(TRY("1:\tcli") && record.ExceptionCode == EXCEPTION_PRIV_INSTRUCTION, "%lx", (unsigned long)record.ExceptionCode);
    CHECK(TRY("1:\thlt") && record.ExceptionCode == EXCEPTION_PRIV_INSTRUCTION, "%lx", (unsigned long)record.ExceptionCode);
    CHECK(TRY("1:\tinb $0x70, %%al") && record.ExceptionCode == EXCEPTION_PRIV_INSTRUCTION, "%lx", (unsigned long)record.ExceptionCode);
    CHECK(TRY("\txorl %%edx, %%edx\n1:\tdivl %[x]", [x] "m"(zero)) && record.ExceptionCode == EXCEPTION_INT_DIVIDE_BY_ZERO, "%lx",
          (unsigned long)record.ExceptionCode);
    CHECK(context.DATA == 0);
    CHECK(TRY("1:\tmovl $1, (%[x])", [x] "S"((void *)16)) && record.ExceptionCode == EXCEPTION_ACCESS_VIOLATION &&
          record.ExceptionInformation[0] == 1 && record.ExceptionInformation[1] == 16);
#ifdef __i386__
    CHECK(TRY("\tmovl $10, %%eax\n1:\tbound %%eax, %[x]", [x] "m"(limits)) && record.ExceptionCode == EXCEPTION_ARRAY_BOUNDS_EXCEEDED, "%lx",
          (unsigned long)record.ExceptionCode);
    TRY("\tmovb $0x7f, %%al\n\taddb $1, %%al\n1:\tinto");
    CHECK(record.ExceptionCode == EXCEPTION_INT_OVERFLOW, "%lx", (unsigned long)record.ExceptionCode);
#else
    CHECK(TRY("\tmovabsq $0x8000000000000000, %%rax\n1:\tmovl (%%rax), %%eax") && record.ExceptionCode == EXCEPTION_ACCESS_VIOLATION, "%lx",
          (unsigned long)record.ExceptionCode); /* no address at all */
    CHECK(record.ExceptionInformation[1] == ~(ULONG_PTR)0, "%llx", (unsigned long long)record.ExceptionInformation[1]);
    (void)limits;
#endif
    unsigned mask = 0x1f80 & ~0x200u, masked = 0x1f80; /* a division by zero is not masked */
    TRY("\tldmxcsr %[x]\n\tmovsd %[y], %%xmm0\n1:\tdivsd %[z], %%xmm0", [x] "m"(mask), [y] "m"(one), [z] "m"(nought));
    __asm__ volatile("ldmxcsr %0" : : "m"(masked));
    CHECK(record.ExceptionCode == EXCEPTION_FLT_DIVIDE_BY_ZERO || record.ExceptionCode == 0xc00002b4 || record.ExceptionCode == 0xc00002b5, "%lx",
          (unsigned long)record.ExceptionCode); /* STATUS_FLOAT_MULTIPLE_FAULTS, _TRAPS for i386 */
    unsigned short control = 0x37f & ~4;
    TRY("\tfninit\n\tfldcw %[x]\n\tfldl %[y]\n\tfdivl %[z]\n1:\tfwait", [x] "m"(control), [y] "m"(one), [z] "m"(nought));
    __asm__ volatile("fninit");
    CHECK(record.ExceptionCode == EXCEPTION_FLT_DIVIDE_BY_ZERO, "%lx", (unsigned long)record.ExceptionCode);
    RemoveVectoredExceptionHandler(h);
}

/* -- single steps ---------------------------------------------------------------------------------- */

ULONG_PTR places[256];
int steps, stop_after;

/* As a debugger does: notes where, and sets TF again. */
static LONG CALLBACK stepping(EXCEPTION_POINTERS *e)
{
    if (e->ExceptionRecord->ExceptionCode != EXCEPTION_SINGLE_STEP)
        return EXCEPTION_CONTINUE_SEARCH;
    if (steps < 256)
        places[steps] = e->ContextRecord->PC;
    if (++steps < stop_after)
        e->ContextRecord->EFlags |= TRAP_FLAG;
    return EXCEPTION_CONTINUE_EXECUTION;
}

extern char step_begin[] __asm__("step_begin"), step_loop[] __asm__("step_loop"), step_end[] __asm__("step_end");

static NOINLINE __attribute__((noclone)) int stepped(void)
{
    int sum;
    __asm__ volatile("pushf\n\tor" W " $0x100, (" SP ")\n\tpopf\n"
                     "step_begin:\tnop\n\txorl %%eax, %%eax\n\tmovl $5, %%ecx\n"
                     "step_loop:\taddl %%ecx, %%eax\n\tdecl %%ecx\n\tjnz step_loop\n"
                     "step_end:\tnop"
                     : "=a"(sum) : : "ecx", "cc", "memory");
    return sum;
}

static void single_steps(void)
{
    void *h = AddVectoredExceptionHandler(1, stepping);

    for (int i = 0; i < 20; i++) {
        steps = 0;
        stop_after = 18; /* nop, xor, mov, five times three */
        int sum = stepped();
        /* The first comes after the nop: POPF itself is not followed by one. */
        int ok = sum == 15 && steps == 18 && places[0] == (ULONG_PTR)step_begin + 1 && places[2] == (ULONG_PTR)step_loop &&
                 places[17] == (ULONG_PTR)step_end;
        for (int k = 0; k < 4; k++)
            ok &= places[5 + 3 * k] == (ULONG_PTR)step_loop;
        if (!ok || i == 0)
            CHECK(ok, "sum %d, %d steps, first at +%d, last at +%d", sum, steps, (int)(places[0] - (ULONG_PTR)step_begin),
                  (int)(places[17] - (ULONG_PTR)step_begin));
    }
    steps = 0; /* a string instruction steps once a turn, a few turns of it */
    stop_after = 4;
    char from[] = "abcdefgh", to[9] = "", *source = from, *target = to;
    ULONG_PTR left = 9;
    __asm__ volatile("pushf\n\tor" W " $0x100, (" SP ")\n\tpopf\n\trep movsb"
                     : "+S"(source), "+D"(target), "+c"(left) : : "memory", "cc");
    CHECK(steps == 4 && places[0] == places[1] && places[1] == places[3] && !strcmp(to, from), "%d %s, %d %d %d", steps, to,
          (int)(places[1] - places[0]), (int)(places[2] - places[0]), (int)(places[3] - places[0]));
    RemoveVectoredExceptionHandler(h);
}

/* -- whole contexts -------------------------------------------------------------------------------- */

static const unsigned char xmm3_after[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

static LONG CALLBACK exchange(EXCEPTION_POINTERS *e)
{
    CONTEXT *c = e->ContextRecord;
    if (e->ExceptionRecord->ExceptionCode != EXCEPTION_ILLEGAL_INSTRUCTION)
        return EXCEPTION_CONTINUE_SEARCH;
    context = *c;
    count++;
    c->PC += 2;
    c->ACC = 0x11112222;
    c->BASE = 0x33334444;
    c->EFlags = (c->EFlags & ~0x8d5u) | 0x41; /* ZF and CF of the six */
    memcpy(SAVED(c) + 160 + 3 * 16, xmm3_after, 16);
    return EXCEPTION_CONTINUE_EXECUTION;
}

static void contexts(void)
{
    void *h = AddVectoredExceptionHandler(1, exchange);
    static const unsigned char xmm3[16] = "sixteen bytes...";
    unsigned char after[16];
    static double pi = 3.14159;
    double back = 0;
    ULONG_PTR a, b, f;

    for (int i = 0; i < 50; i++) {
        count = 0;
        __asm__ volatile("fldl %[pi]\n\tmovdqu %[x], %%xmm3\n\tmovl $0x55667788, %%ecx\n\tmovl $0x7fffffff, %%eax\n\taddl $1, %%eax\n\tud2\n\t"
                         "pushf\n\tpop" W " %[f]\n\tmovdqu %%xmm3, %[after]\n\tfstpl %[back]"
                         : [a] "=&a"(a), [b] "=&b"(b), [f] "=&D"(f), [after] "=m"(after), [back] "=m"(back)
                         : [pi] "m"(pi), [x] "m"(xmm3)
                         : "ecx", "cc", "memory", "xmm3");
        int ok = count == 1 && (DWORD)context.ACC == 0x80000000u && (DWORD)context.COUNT == 0x55667788u &&
                 (context.EFlags & 0x8d5) == 0x894 && !memcmp(SAVED(&context) + 160 + 3 * 16, xmm3, 16) && context.SegCs;
        ok &= a == 0x11112222 && b == 0x33334444 && (f & 0x8d5) == 0x41 && !memcmp(after, xmm3_after, 16) && back == pi;
        if (!ok || i == 0)
            CHECK(ok, "%d %lx %lx flags %lx, then %lx %lx %lx %g", count, (long)context.ACC, (long)context.COUNT, (long)context.EFlags & 0x8d5, (long)a,
                  (long)b, (long)f & 0x8d5, back);
    }
    RemoveVectoredExceptionHandler(h);

#ifndef __i386__ /* where it takes the frame of who called its caller */
    CONTEXT c;
    volatile int round = 0;
    RtlCaptureContext(&c);
    if (++round < 20)
        RtlRestoreContext(&c, NULL);
    CHECK(round == 20, "%d", round);
#endif
}

/* -- the order of handlers ------------------------------------------------------------------------- */

static char order[64];
static void note(char c) { order[strlen(order)] = c; }
static LONG CALLBACK first(EXCEPTION_POINTERS *e) { return note('1'), EXCEPTION_CONTINUE_SEARCH; }
static LONG CALLBACK second(EXCEPTION_POINTERS *e) { return note('2'), EXCEPTION_CONTINUE_SEARCH; }
static LONG CALLBACK last(EXCEPTION_POINTERS *e) { return note('3'), EXCEPTION_CONTINUE_EXECUTION; }

static void handlers(void)
{
    void *b = AddVectoredExceptionHandler(1, second), *c = AddVectoredExceptionHandler(0, last), *a = AddVectoredExceptionHandler(1, first);

    RaiseException(0x1234, 0, 0, NULL);
    CHECK(!strcmp(order, "123"), "%s", order);
    CHECK(RemoveVectoredExceptionHandler(b) && !RemoveVectoredExceptionHandler(b));
    RaiseException(0x1234, 0, 0, NULL);
    CHECK(!strcmp(order, "12313"), "%s", order);
    RemoveVectoredExceptionHandler(a);
    RemoveVectoredExceptionHandler(c);
}

int main(void)
{
    kinds();
    single_steps();
    contexts();
    handlers();
    return done();
}
