/* Threads, thread-local storage, locks, events, fibers, APCs, the thread pool. */
#include "test.h"

static DWORD slot;
static CRITICAL_SECTION section;
static LONG counter, atomic_counter;
static HANDLE event_a, event_b;

static DWORD WINAPI worker(void *arg)
{
    TlsSetValue(slot, arg);
    for (int i = 0; i < 20000; i++) {
        EnterCriticalSection(&section);
        counter++;
        LeaveCriticalSection(&section);
        InterlockedIncrement(&atomic_counter);
    }
    return TlsGetValue(slot) == arg ? (DWORD)(ULONG_PTR)arg : 0;
}

static DWORD WINAPI ping(void *arg)
{
    for (int i = 0; i < 500; i++) {
        WaitForSingleObject(event_a, INFINITE);
        SetEvent(event_b);
    }
    return 0;
}

static void *main_fiber;
static int fiber_steps;
static void WINAPI fiber(void *arg)
{
    for (;;) {
        fiber_steps += *(int *)arg;
        SwitchToFiber(main_fiber);
    }
}

static int apcs;
static void WINAPI apc(ULONG_PTR arg) { apcs += (int)arg; }
static DWORD WINAPI sleeper(void *arg)
{
    while (apcs < 6)
        SleepEx(10000, TRUE);
    return 9;
}

static void WINAPI pool_work(TP_CALLBACK_INSTANCE *i, void *arg, TP_WORK *w) { InterlockedIncrement(arg); }

int main(void)
{
    HANDLE t[8];
    DWORD code;
    LONG pooled = 0;

    slot = TlsAlloc();
    InitializeCriticalSection(&section);
    for (ULONG_PTR i = 0; i < 8; i++)
        t[i] = CreateThread(NULL, 0, worker, (void *)(i + 1), 0, NULL);
    CHECK(WaitForMultipleObjects(8, t, TRUE, 120000) == WAIT_OBJECT_0);
    for (DWORD i = 0; i < 8; i++)
        CHECK(GetExitCodeThread(t[i], &code) && code == i + 1);
    CHECK(counter == 160000 && atomic_counter == 160000, "%ld", (long)counter);

    event_a = CreateEventW(NULL, FALSE, FALSE, NULL);
    event_b = CreateEventW(NULL, FALSE, FALSE, NULL);
    t[0] = CreateThread(NULL, 0, ping, NULL, 0, NULL);
    int answers = 0;
    for (int i = 0; i < 500; i++)
        answers += SignalObjectAndWait(event_a, event_b, 10000, FALSE) == WAIT_OBJECT_0;
    CHECK(answers == 500);
    CHECK(WaitForSingleObject(event_b, 50) == WAIT_TIMEOUT);

    int one = 1, ten = 10;
    main_fiber = ConvertThreadToFiber(NULL);
    void *f1 = CreateFiber(0, fiber, &one), *f2 = CreateFiber(0, fiber, &ten);
    for (int i = 0; i < 100; i++) {
        SwitchToFiber(f1);
        SwitchToFiber(f2);
    }
    CHECK(fiber_steps == 1100);
    DeleteFiber(f1);
    DeleteFiber(f2);

    t[0] = CreateThread(NULL, 0, sleeper, NULL, 0, NULL);
    for (int i = 1; i <= 3; i++)
        CHECK(QueueUserAPC(apc, t[0], i));
    CHECK(WaitForSingleObject(t[0], 20000) == WAIT_OBJECT_0 && apcs == 6);

    TP_WORK *work = CreateThreadpoolWork(pool_work, &pooled, NULL);
    for (int i = 0; i < 100; i++)
        SubmitThreadpoolWork(work);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CHECK(pooled == 100);
    return done();
}
