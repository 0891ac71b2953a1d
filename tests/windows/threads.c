/* Threads, thread-local and fiber-local storage, locks, events, fibers, APCs, the thread pool. */
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

static LONG local_ends;
static void WINAPI local_end(void *value) { InterlockedExchangeAdd(&local_ends, (LONG)(ULONG_PTR)value); }
static DWORD local_slot;
static DWORD WINAPI has_local(void *arg)
{
    DWORD before = FlsGetValue(local_slot) == NULL;
    FlsSetValue(local_slot, arg);
    return before;
}

/* Leaves a mutex without giving it up. */
static DWORD WINAPI abandon(void *arg) { return WaitForSingleObject(arg, 1000); }

static SRWLOCK lock = SRWLOCK_INIT;
static CONDITION_VARIABLE changed = CONDITION_VARIABLE_INIT;
static int queued, taken;
static DWORD WINAPI consumer(void *arg)
{
    AcquireSRWLockExclusive(&lock);
    while (taken < 300) {
        while (!queued)
            SleepConditionVariableSRW(&changed, &lock, INFINITE, 0);
        queued--;
        taken++;
    }
    ReleaseSRWLockExclusive(&lock);
    return 5;
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

    local_slot = FlsAlloc(local_end);
    for (ULONG_PTR i = 0; i < 4; i++)
        t[i] = CreateThread(NULL, 0, has_local, (void *)(i + 1), 0, NULL);
    CHECK(WaitForMultipleObjects(4, t, TRUE, 20000) == WAIT_OBJECT_0);
    for (int i = 0; i < 4; i++)
        CHECK(GetExitCodeThread(t[i], &code) && code == 1);
    CHECK(local_ends == 10, "%ld", (long)local_ends);

    HANDLE mutex = CreateMutexW(NULL, FALSE, NULL), semaphore = CreateSemaphoreW(NULL, 2, 2, NULL);
    t[0] = CreateThread(NULL, 0, abandon, mutex, 0, NULL);
    CHECK(WaitForSingleObject(t[0], 20000) == WAIT_OBJECT_0);
    CHECK(WaitForSingleObject(mutex, 1000) == WAIT_ABANDONED && ReleaseMutex(mutex) && !ReleaseMutex(mutex));
    CHECK(WaitForSingleObject(semaphore, 0) == WAIT_OBJECT_0 && WaitForSingleObject(semaphore, 0) == WAIT_OBJECT_0);
    CHECK(WaitForSingleObject(semaphore, 0) == WAIT_TIMEOUT && ReleaseSemaphore(semaphore, 2, NULL) && !ReleaseSemaphore(semaphore, 1, NULL));

    t[0] = CreateThread(NULL, 0, consumer, NULL, 0, NULL);
    for (int i = 0; i < 300; i++) {
        AcquireSRWLockExclusive(&lock);
        queued++;
        ReleaseSRWLockExclusive(&lock);
        WakeConditionVariable(&changed);
    }
    CHECK(WaitForSingleObject(t[0], 20000) == WAIT_OBJECT_0 && GetExitCodeThread(t[0], &code) && code == 5 && !queued);

    TP_WORK *work = CreateThreadpoolWork(pool_work, &pooled, NULL);
    for (int i = 0; i < 100; i++)
        SubmitThreadpoolWork(work);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CHECK(pooled == 100);
    return done();
}
