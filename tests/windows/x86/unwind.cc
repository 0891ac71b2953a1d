/* C++ exceptions as GCC has them: unwinding by DWARF's tables on i386, by Windows' own on x86-64; through many frames, out of callbacks, of
 * several threads at once, kept and thrown again elsewhere; and faults of the processor that a handler turns into exceptions. */
#include "../test.h"
#include <algorithm>
#include <csetjmp>
#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

struct Counted {
    static thread_local int alive;
    int id;
    explicit Counted(int n) : id(n) { alive++; }
    Counted(const Counted &other) : id(other.id) { alive++; }
    ~Counted() { alive--; }
};
thread_local int Counted::alive;

struct Base {
    virtual ~Base() {}
    virtual int value() const { return 1; }
};
struct Side {
    virtual ~Side() {}
    int side = 5;
};
struct Derived : Side, Base {
    int value() const override { return 2; }
};

/* Unwinding restores what callers keep in registers: these have values through a throw. */
NOINLINE int deep(int depth, double x)
{
    Counted c(depth);
    std::string text(40, static_cast<char>('a' + depth % 26));
    if (depth == 0)
        throw Derived();
    int r = deep(depth - 1, x * 1.5) + c.id;
    return r + static_cast<int>(text.size() + x);
}

NOINLINE int rethrows(int depth)
{
    Counted c(depth);
    try {
        return depth ? rethrows(depth - 1) : throw std::runtime_error("deepest");
    } catch (const std::runtime_error &e) {
        if (depth % 2)
            throw;
        throw std::runtime_error(std::string(e.what()) + "+");
    }
}

void throwing()
{
    volatile int a = 3, b = 4;
    double d = 2.5;
    for (int i = 0; i < 300; i++) {
        int caught = 0;
        try {
            deep(i % 60, 1);
        } catch (const Base &e) {
            caught = e.value();
        }
        if (caught != 2 || Counted::alive || a != 3 || b != 4 || d != 2.5)
            CHECK(!"deep", "%d %d", caught, Counted::alive);
    }
    try {
        rethrows(20);
        CHECK(!"not here");
    } catch (const std::exception &e) {
        CHECK(!strcmp(e.what(), "deepest+++++++++++"), "%s", e.what());
    }
    CHECK(Counted::alive == 0);
    int order = 0;
    try { /* one in a handler of another */
        try {
            throw 1;
        } catch (int n) {
            order = order * 10 + n;
            try {
                throw 2L;
            } catch (long m) {
                order = order * 10 + static_cast<int>(m);
            }
            throw;
        }
    } catch (int n) {
        order = order * 10 + n;
    }
    CHECK(order == 121, "%d", order);
    bool bad = false;
    try {
        volatile size_t huge = static_cast<size_t>(-1) / 2;
        std::unique_ptr<char[]> p(new char[huge]);
    } catch (const std::bad_alloc &) {
        bad = true;
    }
    CHECK(bad);
    try {
        std::vector<int>(3).at(5);
    } catch (const std::out_of_range &) {
        bad = false;
    }
    CHECK(!bad);
}

/* -- callbacks ------------------------------------------------------------------------------------- */

int __cdecl compare(const void *a, const void *b)
{
    Counted c(1);
    int x = *static_cast<const int *>(a), y = *static_cast<const int *>(b);
    if (x == 13 || y == 13)
        throw std::string("thirteen");
    return x - y;
}

int __cdecl compare_inside(const void *a, const void *b)
{
    try {
        return compare(a, b);
    } catch (const std::string &s) {
        return *static_cast<const int *>(a) - *static_cast<const int *>(b);
    }
}

BOOL CALLBACK on_locale(char *name)
{
    static int seen;
    try {
        Counted c(2);
        if (++seen > 3)
            throw seen;
    } catch (int n) {
        return FALSE;
    }
    return TRUE;
}

void callbacks()
{
    std::vector<int> v(200);
    for (int i = 0; i < 200; i++)
        v[i] = (i * 37 + 11) % 200;
    auto sorted = v;
    bool caught = false;
    try { /* through the library's templates */
        std::sort(v.begin(), v.end(), [](int a, int b) { return compare(&a, &b) < 0; });
    } catch (const std::string &s) {
        caught = s == "thirteen";
    }
    CHECK(caught && !Counted::alive);
    std::qsort(sorted.data(), sorted.size(), sizeof(int), compare_inside); /* within Windows' frames */
    CHECK(std::is_sorted(sorted.begin(), sorted.end()) && !Counted::alive);
    CHECK(EnumSystemLocalesA(on_locale, LCID_INSTALLED) && !Counted::alive);
#ifndef __i386__ /* through Windows' frames: DWARF's tables know nothing of these */
    for (int i = 0; i < 200; i++)
        v[i] = (i * 37 + 11) % 200;
    caught = false;
    try {
        std::qsort(v.data(), v.size(), sizeof(int), compare);
    } catch (const std::string &s) {
        caught = s == "thirteen";
    }
    CHECK(caught && !Counted::alive);
#endif
    std::function<int(int)> nested = [&](int n) -> int { return n ? nested(n - 1) : throw n; };
    caught = false;
    try {
        nested(100);
    } catch (int n) {
        caught = n == 0;
    }
    CHECK(caught);
}

/* -- faults ---------------------------------------------------------------------------------------- */

struct Fault {
    DWORD code;
    ULONG_PTR at;
};

EXCEPTION_RECORD last;

extern "C" void __attribute__((noinline, force_align_arg_pointer)) throw_fault() { throw Fault{last.ExceptionCode, last.ExceptionInformation[1]}; }

/* The function that throws is "called" from behind the faulting instruction's first byte. */
LONG CALLBACK translate(EXCEPTION_POINTERS *e)
{
    CONTEXT *c = e->ContextRecord;
    if (e->ExceptionRecord->ExceptionCode != EXCEPTION_ACCESS_VIOLATION && e->ExceptionRecord->ExceptionCode != EXCEPTION_INT_DIVIDE_BY_ZERO)
        return EXCEPTION_CONTINUE_SEARCH;
    last = *e->ExceptionRecord;
#ifdef __i386__
    c->Esp -= 4;
    *reinterpret_cast<DWORD *>(c->Esp) = c->Eip + 1;
#else
    c->Rsp -= 8;
    *reinterpret_cast<DWORD64 *>(c->Rsp) = c->Rip + 1;
#endif
    c->PC = reinterpret_cast<ULONG_PTR>(&throw_fault);
    return EXCEPTION_CONTINUE_EXECUTION;
}

NOINLINE int risky(volatile int *p, volatile int divisor)
{
    Counted c(9);
    return *p / divisor + c.id;
}

void faults()
{
    void *h = AddVectoredExceptionHandler(1, translate);
    int good = 10, codes[2] = {0, 0};
    for (int i = 0; i < 200; i++) {
        try {
            risky(i % 2 ? &good : reinterpret_cast<int *>(0x20), 0);
        } catch (const Fault &f) {
            if (f.code == (i % 2 ? EXCEPTION_INT_DIVIDE_BY_ZERO : EXCEPTION_ACCESS_VIOLATION) && (i % 2 || f.at == 0x20))
                codes[i % 2]++;
        }
    }
    CHECK(codes[0] == 100 && codes[1] == 100 && Counted::alive == 0, "%d %d, %d alive", codes[0], codes[1], Counted::alive);
    CHECK(risky(&good, 2) == 14);
    RemoveVectoredExceptionHandler(h);
}

/* -- threads --------------------------------------------------------------------------------------- */

std::exception_ptr kept;

DWORD WINAPI thread(void *arg)
{
    int sum = 0, n = static_cast<int>(reinterpret_cast<ULONG_PTR>(arg));
    for (int i = 0; i < 200; i++)
        try {
            deep(i % 20, n);
        } catch (const Side &s) {
            sum += s.side;
        }
    if (n == 1)
        try {
            throw Counted(77);
        } catch (...) {
            kept = std::current_exception();
        }
    return sum == 1000 && Counted::alive == (n == 1) ? 42 : 1; /* the kept one */
}

void threads()
{
    HANDLE t[4];
    DWORD code;
    for (ULONG_PTR i = 0; i < 4; i++)
        t[i] = CreateThread(nullptr, 0, thread, reinterpret_cast<void *>(i + 1), 0, nullptr);
    CHECK(WaitForMultipleObjects(4, t, TRUE, 120000) == WAIT_OBJECT_0);
    for (int i = 0; i < 4; i++)
        CHECK(GetExitCodeThread(t[i], &code) && code == 42, "%lu", static_cast<unsigned long>(code));
    int id = 0;
    try {
        std::rethrow_exception(kept);
    } catch (const Counted &c) {
        id = c.id;
    }
    CHECK(id == 77);
}

std::jmp_buf buffer;
NOINLINE void jumps(int depth)
{
    if (depth)
        jumps(depth - 1);
    else
        std::longjmp(buffer, 3);
    checks += depth < 0; /* no tail call */
}

void jumping()
{
    volatile int rounds = 0;
    int ok = 0;
    for (int i = 0; i < 50; i++) {
        int r = setjmp(buffer);
        if (!r)
            jumps(i);
        rounds = rounds + 1;
        ok += r == 3;
        try { /* exceptions after it work as before */
            deep(3, 1);
        } catch (const Base &) {
            ok++;
        }
    }
    CHECK(ok == 100 && rounds == 50, "%d %d", ok, static_cast<int>(rounds));
}

} // namespace

int main()
{
    throwing();
    callbacks();
    faults();
    threads();
    jumping();
    return done();
}
