/* Thread-local storage as the loader makes it: a program's TLS section, copied for each thread and found through its block (fs:0x2c, gs:0x58);
 * callbacks at the beginning and end of each thread; more slots of TlsAlloc than the block holds. */
#include "../test.h"
#include <stdint.h>

/* MinGW's own start-up code has the directory; what lies between its two sections is copied. GCC itself emulates __thread. */
static __attribute__((section(".tls$M"), used)) int local_number = 7;
static __attribute__((section(".tls$M"), used)) char local_text[24] = "as it was";
extern char _tls_start[];
extern ULONG _tls_index;

static volatile LONG attached, detached, sum_at_end;

static void *local(void *template)
{
    char **blocks;
#ifdef __i386__
    __asm__ volatile("movl %%fs:0x2c, %0" : "=r"(blocks));
#else
    __asm__ volatile("movq %%gs:0x58, %0" : "=r"(blocks));
#endif
    return blocks[_tls_index] + ((char *)template - _tls_start);
}

static void WINAPI on_thread(void *module, DWORD reason, void *reserved)
{
    if (reason == DLL_THREAD_ATTACH)
        InterlockedIncrement(&attached);
    if (reason == DLL_THREAD_DETACH) {
        InterlockedIncrement(&detached);
        InterlockedExchangeAdd(&sum_at_end, *(int *)local(&local_number));
    }
}
static __attribute__((section(".CRT$XLM"), used)) PIMAGE_TLS_CALLBACK callback = on_thread;

#define SLOTS 200
static DWORD slots[SLOTS];

static DWORD WINAPI thread(void *arg)
{
    int me = (int)(ULONG_PTR)arg, *number = local(&local_number);
    char *text = local(&local_text);

    if (*number != 7 || strcmp(text, "as it was"))
        return 1;
    *number = me;
    sprintf(text, "thread %d", me);
    for (int i = 0; i < SLOTS; i++)
        if (TlsGetValue(slots[i]) || !TlsSetValue(slots[i], (void *)(ULONG_PTR)(me * 1000 + i)))
            return 2;
    for (int k = 0; k < 200; k++) {
        if (k % 20 == 0)
            Sleep(1);
        for (int i = 0; i < SLOTS; i += 7)
            if (TlsGetValue(slots[i]) != (void *)(ULONG_PTR)(me * 1000 + i))
                return 3;
        if (*(int *)local(&local_number) != me)
            return 4;
    }
    char wanted[24];
    sprintf(wanted, "thread %d", me);
    return strcmp(text, wanted) ? 5 : 42;
}

int main(void)
{
    HANDLE t[8];
    DWORD code;

    CHECK(*(int *)local(&local_number) == 7 && !strcmp(local(&local_text), "as it was"));
    *(int *)local(&local_number) = 99;
    int distinct = 1;
    for (int i = 0; i < SLOTS; i++) {
        slots[i] = TlsAlloc();
        distinct &= slots[i] != TLS_OUT_OF_INDEXES && (i == 0 || slots[i] != slots[i - 1]);
    }
    CHECK(distinct && slots[SLOTS - 1] >= 64);
    for (int round = 0; round < 3; round++) {
        LONG before = attached, gone = detached, sum = sum_at_end;
        for (ULONG_PTR i = 0; i < 8; i++)
            t[i] = CreateThread(NULL, 0, thread, (void *)(i + 1), 0, NULL);
        CHECK(WaitForMultipleObjects(8, t, TRUE, 60000) == WAIT_OBJECT_0);
        for (int i = 0; i < 8; i++) {
            CHECK(GetExitCodeThread(t[i], &code) && code == 42, "%lu", (unsigned long)code);
            CloseHandle(t[i]);
        }
        CHECK(attached - before == 8 && detached - gone == 8, "%ld %ld", (long)(attached - before), (long)(detached - gone));
        CHECK(sum_at_end - sum == 36, "%ld", (long)(sum_at_end - sum));
    }
    CHECK(*(int *)local(&local_number) == 99);
    for (int i = 0; i < SLOTS; i++)
        TlsFree(slots[i]);
    return done();
}
