/* i386's chain of exception handlers at fs:0, used by hand as compilers and old programs do: records on the stack, handlers that continue,
 * pass on, unwind with RtlUnwind or leave with longjmp; what they are told; and what else the thread's block at fs holds.
 * Built by MinGW's GCC, which knows nothing of __try. */
#include "../test.h"
#include <setjmp.h>

struct frame {
    struct frame *next;
    void *handler;
    char letter;
    void *target[5]; /* for __builtin_longjmp */
};

typedef EXCEPTION_DISPOSITION handler(EXCEPTION_RECORD *, struct frame *, CONTEXT *, void *);

#define NESTED 0x10 /* EXCEPTION_NESTED_CALL */
#define UNWIND 6    /* EXCEPTION_UNWINDING | EXCEPTION_EXIT_UNWIND */

static struct frame *top(void)
{
    struct frame *f;
    __asm__ volatile("movl %%fs:0, %0" : "=r"(f) : : "memory");
    return f;
}

static void set_top(struct frame *f) { __asm__ volatile("movl %0, %%fs:0" : : "r"(f) : "memory"); }

static void push(struct frame *f, handler *h, char letter)
{
    *f = (struct frame){top(), (void *)h, letter, {0}};
    set_top(f);
}

static NOINLINE int read_at(const volatile int *p)
{
    int v;
    __asm__ volatile("movl (%%ecx), %0" : "=a"(v) : "c"(p));
    return v;
}

static char order[1024];
static void step(char c)
{
    size_t n = strlen(order);
    order[n] = c;
    order[n + 1] = 0;
}

/* -- the thread's block ------------------------------------------------------------------------------ */

#define AT(offset)                                                                                                               \
    ({                                                                                                                           \
        DWORD v_;                                                                                                                \
        __asm__ volatile("movl %%fs:%c1, %0" : "=r"(v_) : "i"(offset));                                                          \
        v_;                                                                                                                      \
    })

static void block(void)
{
    char here;
    LDT_ENTRY e;
    unsigned short fs, ds, es;

    CHECK(AT(0x18) == (DWORD)(ULONG_PTR)NtCurrentTeb());
    CHECK(AT(4) > (DWORD)(ULONG_PTR)&here && AT(8) < (DWORD)(ULONG_PTR)&here);
    CHECK(AT(0x20) == GetCurrentProcessId() && AT(0x24) == GetCurrentThreadId());
    SetLastError(1234);
    CHECK(AT(0x34) == 1234);
    __asm__("mov %%fs, %0\n\tmov %%ds, %1\n\tmov %%es, %2" : "=r"(fs), "=r"(ds), "=r"(es));
    CHECK(ds == es && fs != ds);
    memset(&e, 0, sizeof e);
    CHECK(GetThreadSelectorEntry(GetCurrentThread(), fs, &e));
    CHECK((e.BaseLow | e.HighWord.Bytes.BaseMid << 16 | (DWORD)e.HighWord.Bytes.BaseHi << 24) == AT(0x18));
    for (int i = 0; i < 100; i++) { /* loaded again, it is what it was */
        __asm__ volatile("pushl %%fs\n\tmovw %%ds, %%ax\n\tmovw %%ax, %%fs\n\tpopl %%fs" : : : "eax", "memory");
        if (AT(0x24) != GetCurrentThreadId())
            CHECK(!"fs");
    }
    unsigned n = 0;
    for (struct frame *f = top(); f != (void *)-1; f = f->next, n++)
        CHECK((DWORD)(ULONG_PTR)f > AT(8) && (DWORD)(ULONG_PTR)f < AT(4) && n < 100);
    CHECK(n > 0);
}

/* -- continuing -------------------------------------------------------------------------------------- */

static const int good = 41;
static int fixed;

static EXCEPTION_DISPOSITION fix(EXCEPTION_RECORD *r, struct frame *f, CONTEXT *c, void *d)
{
    if (r->ExceptionCode != EXCEPTION_ACCESS_VIOLATION || r->ExceptionInformation[1] != 0x30 || r->ExceptionFlags)
        return ExceptionContinueSearch;
    fixed++;
    c->Ecx = (DWORD)(ULONG_PTR)&good;
    return ExceptionContinueExecution;
}

static EXCEPTION_DISPOSITION pass(EXCEPTION_RECORD *r, struct frame *f, CONTEXT *c, void *d)
{
    step(f->letter);
    if (r->ExceptionFlags & UNWIND)
        step('!');
    return ExceptionContinueSearch;
}

static DWORD WINAPI continuing(void *arg)
{
    struct frame outer, inner;
    int sum = 0;

    push(&outer, fix, 'o');
    push(&inner, arg ? fix : pass, 'i');
    for (int i = 0; i < 300; i++)
        sum += read_at((int *)0x30);
    DWORD ok = top() == &inner && sum == 300 * 41;
    set_top(outer.next);
    return ok;
}

/* -- unwinding --------------------------------------------------------------------------------------- */

/* RtlUnwind keeps no register. */
static NOINLINE void unwind(struct frame *to, EXCEPTION_RECORD *r)
{
    __asm__ volatile("pushl %%ebp\n\tpushl $0x55\n\tpushl %1\n\tpushl $1f\n\tpushl %0\n\tcall *%2\n1:\tpopl %%ebp"
                     :
                     : "b"(to), "S"(r), "a"(GetProcAddress(GetModuleHandleA("ntdll.dll"), "RtlUnwind"))
                     : "ecx", "edx", "memory", "cc");
}

static DWORD caught;

/* What _except_handler3 does when a filter says so. */
static EXCEPTION_DISPOSITION take(EXCEPTION_RECORD *r, struct frame *f, CONTEXT *c, void *d)
{
    step(f->letter);
    if (r->ExceptionFlags & UNWIND)
        return ExceptionContinueSearch;
    caught = r->ExceptionCode;
    unwind(f, r);
    CHECK(top() == f);
    __builtin_longjmp(f->target, 1);
}

static NOINLINE void nest(int depth)
{
    struct frame f;

    push(&f, pass, (char)('a' + depth));
    if (depth)
        nest(depth - 1);
    else
        read_at((int *)8);
    set_top(f.next);
}

/* Runs f with a frame around it that takes whatever comes; what came. */
static NOINLINE DWORD around(void (*f)(int), int arg)
{
    struct frame target;
    struct frame *volatile before = top();

    caught = order[0] = 0;
    push(&target, take, 'T');
    if (!__builtin_setjmp(target.target))
        f(arg);
    set_top(before);
    return caught;
}

static void raise(int code) { RaiseException((DWORD)code, 0, 0, NULL); }

static jmp_buf buffer;
static NOINLINE void leave(int depth)
{
    struct frame f;

    push(&f, pass, (char)('a' + depth));
    if (depth)
        leave(depth - 1);
    else
        longjmp(buffer, 7);
    set_top(f.next);
}

static void unwinding(void)
{
    struct frame *before = top();
    volatile int kept = 5;

    CHECK(around(nest, 3) == EXCEPTION_ACCESS_VIOLATION);
    CHECK(!strcmp(order, "abcdTa!b!c!d!"), "%s", order);
    CHECK(around(raise, 0x1234) == 0x1234 && !strcmp(order, "T"), "%s", order);
    CHECK(top() == before);
    for (int i = 0; i < 100; i++) { /* longjmp unwinds: the handlers between are told */
        order[0] = 0;
        int r = setjmp(buffer);
        if (!r)
            leave(2);
        kept++;
        if (r != 7 || strcmp(order, "a!b!c!") || top() != before)
            CHECK(!"longjmp", "%d %s", r, order);
    }
    CHECK(kept == 105);
}

/* -- exceptions in handlers, and wrong answers --------------------------------------------------------- */

static DWORD seen[8], flags[8], seen_count;

static EXCEPTION_DISPOSITION faults(EXCEPTION_RECORD *r, struct frame *f, CONTEXT *c, void *d)
{
    if (!(r->ExceptionFlags & UNWIND) && seen_count < 8) {
        seen[seen_count] = r->ExceptionCode;
        flags[seen_count++] = r->ExceptionFlags;
        if (r->ExceptionCode != 0x2222)
            RaiseException(0x2222, 0, 0, NULL);
    }
    return ExceptionContinueSearch;
}

static EXCEPTION_DISPOSITION wrong(EXCEPTION_RECORD *r, struct frame *f, CONTEXT *c, void *d)
{
    return r->ExceptionCode == 0x3333 ? ExceptionContinueExecution : r->ExceptionCode == 0x4444 ? 99 : ExceptionContinueSearch;
}

static void in_handler(int code)
{
    struct frame f;

    push(&f, faults, 'f');
    RaiseException((DWORD)code, 0, 0, NULL);
}

static void wrongly(int code)
{
    struct frame f;

    push(&f, wrong, 'w');
    RaiseException((DWORD)code, EXCEPTION_NONCONTINUABLE, 0, NULL);
}

static void nesting(void)
{
    CHECK(around(in_handler, 0x1111) == 0x2222);
    CHECK(seen_count == 2 && seen[0] == 0x1111 && seen[1] == 0x2222);
    CHECK(!(flags[0] & NESTED) && (flags[1] & NESTED), "%lx %lx", (unsigned long)flags[0], (unsigned long)flags[1]);
    CHECK(around(wrongly, 0x3333) == 0xc0000025, "%lx", (unsigned long)caught); /* STATUS_NONCONTINUABLE_EXCEPTION */
    CHECK(around(wrongly, 0x4444) == 0xc0000026, "%lx", (unsigned long)caught); /* STATUS_INVALID_DISPOSITION */
}

int main(void)
{
    HANDLE t[4];
    DWORD code;

    block();
    CHECK(continuing(NULL) && fixed == 300);
    CHECK(strlen(order) < sizeof order && order[0] == 'i');
    unwinding();
    nesting();
    for (ULONG_PTR i = 0; i < 4; i++) /* each has its own */
        t[i] = CreateThread(NULL, 0, continuing, (void *)(i + 1), 0, NULL);
    CHECK(WaitForMultipleObjects(4, t, TRUE, 60000) == WAIT_OBJECT_0);
    for (int i = 0; i < 4; i++)
        CHECK(GetExitCodeThread(t[i], &code) && code == 1);
    return done();
}
