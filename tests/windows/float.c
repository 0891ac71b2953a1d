/* Floating-point control: rounding, flags, flush to zero, one control word for each thread, and what exceptions do to it. */
#include "test.h"
#include <float.h>

static NOINLINE double divide(volatile double a, volatile double b) { return a / b; }
static NOINLINE float multiply(volatile float a, volatile float b) { return a * b; }
static NOINLINE int nearest(volatile double a)
{
#ifdef __aarch64__
    long long r;
    double v = a;
    __asm__ volatile("frinti %d0, %d1\n\tfcvtzs %x2, %d0" : "=&w"(v), "+w"(v), "=r"(r));
    return (int)r;
#else
    int r;
    __asm__ volatile("cvtsd2si %1, %0" : "=r"(r) : "x"(a));
    return r;
#endif
}
/* Denormals are zero, or are not.  Wine 10's _controlfp has no _MCW_DN on Arm64. */
static int flush(int on)
{
#ifdef __aarch64__
    unsigned long long fpcr;
    __asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
    fpcr = on ? fpcr | 1 << 24 : fpcr & ~(1ull << 24);
    __asm__ volatile("msr fpcr, %0" : : "r"(fpcr));
    return 1;
#else
    unsigned want = on ? _DN_FLUSH : _DN_SAVE;
    return (_controlfp(want, _MCW_DN) & _MCW_DN) == want;
#endif
}
static NOINLINE void write_int(volatile int *p) { *p = 1; }

static DWORD WINAPI other(void *arg)
{
    /* A new thread has the default, whatever its maker has. */
    return (_controlfp(0, 0) & _MCW_RC) == _RC_NEAR && nearest(2.5) == 2 && nearest(-0.7) == -1;
}

int main(void)
{
    static const struct {
        unsigned rounding;
        int up, down; /* 2.3 and -2.3 as integers */
        double third;
    } modes[] = {{_RC_NEAR, 2, -2, 0x1.5555555555555p-2},
                 {_RC_UP, 3, -2, 0x1.5555555555556p-2},
                 {_RC_DOWN, 2, -3, 0x1.5555555555555p-2},
                 {_RC_CHOP, 2, -2, 0x1.5555555555555p-2}};
    DWORD code = 0;

    for (int i = 0; i < 4; i++) {
        CHECK((_controlfp(modes[i].rounding, _MCW_RC) & _MCW_RC) == modes[i].rounding);
        CHECK(nearest(2.3) == modes[i].up && nearest(-2.3) == modes[i].down, "%d %d", nearest(2.3), nearest(-2.3));
        CHECK(divide(1, 3) == modes[i].third, "%a", divide(1, 3));
        CHECK(divide(-1, 3) == (modes[i].rounding == _RC_DOWN ? -0x1.5555555555556p-2 : -0x1.5555555555555p-2), "%a", divide(-1, 3));
        HANDLE t = CreateThread(NULL, 0, other, NULL, 0, NULL);
        CHECK(WaitForSingleObject(t, 20000) == WAIT_OBJECT_0 && GetExitCodeThread(t, &code) && code == 1, "%lu", (unsigned long)code);
        CloseHandle(t);
        CHECK((_controlfp(0, 0) & _MCW_RC) == modes[i].rounding);
    }
    _controlfp(_RC_UP, _MCW_RC);
    __try { /* the handler runs with what was set */
        write_int((int *)8);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        CHECK(nearest(2.3) == 3, "%d", nearest(2.3));
    }
    CHECK(nearest(2.3) == 3);
    Sleep(20);
    CHECK(nearest(2.3) == 3);
    _controlfp(_RC_NEAR, _MCW_RC);

    _clearfp();
    CHECK(!(_statusfp() & (_SW_INEXACT | _SW_ZERODIVIDE | _SW_INVALID | _SW_OVERFLOW | _SW_UNDERFLOW)));
    divide(6, 2);
    CHECK(_statusfp() == 0, "%x", _statusfp());
    divide(1, 3);
    CHECK(_statusfp() == _SW_INEXACT, "%x", _statusfp());
    CHECK(divide(1, 0) == (double)__builtin_inf() && (_statusfp() & _SW_ZERODIVIDE));
    divide(0, 0);
    CHECK(_statusfp() & _SW_INVALID);
    CHECK(multiply(1e30f, 1e30f) == __builtin_inff() && (_statusfp() & _SW_OVERFLOW));
    CHECK(_clearfp() & _SW_INVALID);
    CHECK(!_statusfp());

    float tiny = 0x1p-100f;
    CHECK(multiply(tiny, 0x1p-40f) == 0x1p-140f);
    CHECK(flush(1));
    CHECK(multiply(tiny, 0x1p-40f) == 0);
    CHECK(flush(0));
    CHECK(multiply(tiny, 0x1p-40f) == 0x1p-140f);
    return done();
}
