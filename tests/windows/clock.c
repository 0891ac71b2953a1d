/* Clocks agree with each other and go forward; sleeping and timers take the time they should. */
#include "test.h"

static double seconds(void)
{
    LARGE_INTEGER now, frequency;
    QueryPerformanceCounter(&now);
    QueryPerformanceFrequency(&frequency);
    return (double)now.QuadPart / (double)frequency.QuadPart;
}

static double file_time(void)
{
    FILETIME t;
    GetSystemTimePreciseAsFileTime(&t);
    return (double)(((unsigned long long)t.dwHighDateTime << 32) | t.dwLowDateTime) / 1e7;
}

static volatile LONG ticks;
static void CALLBACK tick(void *arg, BOOLEAN fired) { InterlockedIncrement(&ticks); }

int main(void)
{
    double start = seconds(), last = start;
    for (int i = 0; i < 20000; i++) {
        double now = seconds();
        if (now < last)
            CHECK(0, "%f < %f", now, last);
        last = now;
    }
    double a = seconds(), b = file_time();
    ULONGLONG c = GetTickCount64();
    Sleep(200);
    double da = seconds() - a, db = file_time() - b, dc = (double)(GetTickCount64() - c) / 1000;
    CHECK(da >= 0.195 && da < 20, "%f", da);
    CHECK(db - da < 0.5 && da - db < 0.5, "%f %f", da, db);
    CHECK(dc - da < 0.5 && da - dc < 0.5, "%f %f", da, dc);

    HANDLE timer = CreateWaitableTimerW(NULL, FALSE, NULL);
    LARGE_INTEGER due = {.QuadPart = -1000000}; /* 0.1 s */
    a = seconds();
    CHECK(SetWaitableTimer(timer, &due, 0, NULL, NULL, FALSE));
    CHECK(WaitForSingleObject(timer, 20000) == WAIT_OBJECT_0);
    da = seconds() - a;
    CHECK(da >= 0.09, "%f", da);

    HANDLE queue_timer;
    CHECK(CreateTimerQueueTimer(&queue_timer, NULL, tick, NULL, 10, 10, 0));
    for (int i = 0; i < 1000 && ticks < 5; i++)
        Sleep(10);
    CHECK(DeleteTimerQueueTimer(NULL, queue_timer, INVALID_HANDLE_VALUE));
    CHECK(ticks >= 5);
    return done();
}
