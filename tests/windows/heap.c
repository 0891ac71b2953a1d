/* Heaps: growing, shrinking, many sizes in many threads, and misuse, which must be told and not pass unseen. */
#include "test.h"
#include <stdlib.h>

static DWORD WINAPI churn(void *arg)
{
    enum { COUNT = 200 };
    unsigned seed = (unsigned)(ULONG_PTR)arg;
    struct {
        unsigned char *p;
        unsigned size, mark;
    } block[COUNT] = {0};
    int wrong = 0;

    for (int i = 0; i < 1500; i++) {
        seed = seed * 1103515245u + 12345u;
        unsigned k = (seed >> 8) % COUNT, size = (seed >> 16) % (i % 100 ? 600 : 70000) + 1;
        if (block[k].p)
            wrong += block[k].p[0] != (unsigned char)block[k].mark || block[k].p[block[k].size - 1] != (unsigned char)block[k].mark;
        if (block[k].p && (seed & 1)) {
            free(block[k].p);
            block[k].p = NULL;
            continue;
        }
        block[k].p = realloc(block[k].p, size);
        if (!block[k].p)
            return 1000;
        block[k].size = size;
        block[k].mark = seed >> 3;
        memset(block[k].p, (int)block[k].mark, size);
    }
    for (int k = 0; k < COUNT; k++)
        free(block[k].p);
    return (DWORD)wrong;
}

/* Wine, like Windows, says FALSE or raises an exception. */
static BOOL refused(HANDLE heap, void *p)
{
    BOOL done_it = FALSE;
    __try {
        done_it = HeapFree(heap, 0, p);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        return TRUE;
    }
    return !done_it;
}

static NOINLINE void set(volatile char *p, char c) { *p = c; }

int main(void)
{
    HANDLE t[4];
    DWORD code;

    for (ULONG_PTR i = 0; i < 4; i++)
        t[i] = CreateThread(NULL, 0, churn, (void *)(i + 1), 0, NULL);
    CHECK(WaitForMultipleObjects(4, t, TRUE, 120000) == WAIT_OBJECT_0);
    for (int i = 0; i < 4; i++)
        CHECK(GetExitCodeThread(t[i], &code) && code == 0, "%lu", (unsigned long)code);

    HANDLE heap = HeapCreate(0, 0, 0);
    char *p = HeapAlloc(heap, HEAP_ZERO_MEMORY, 1000);
    CHECK(p && p[999] == 0 && HeapSize(heap, 0, p) == 1000 && HeapValidate(heap, 0, p));
    memset(p, 7, 1000);
    p = HeapReAlloc(heap, HEAP_ZERO_MEMORY, p, 100000);
    CHECK(p && p[999] == 7 && p[1000] == 0 && HeapSize(heap, 0, p) == 100000);
    CHECK(!HeapReAlloc(heap, HEAP_REALLOC_IN_PLACE_ONLY, p, 1 << 28));
    char *big = HeapAlloc(heap, 0, 64 << 20);
    CHECK(big);
    big[(64 << 20) - 1] = 1;
    CHECK(HeapFree(heap, 0, big));
    CHECK(HeapFree(heap, 0, p));
    CHECK(refused(heap, p), "freed twice");
    p = HeapAlloc(heap, 0, 64);
    CHECK(refused(heap, p + 8), "freed in its middle");
    CHECK(HeapValidate(heap, 0, NULL));
    HeapDestroy(heap);
    CHECK(!HeapAlloc(GetProcessHeap(), 0, ~(SIZE_T)0 / 2));

    /* Written behind the end: the next block's header is wrong, and validation says so. */
    heap = HeapCreate(0, 0, 0);
    p = HeapAlloc(heap, 0, 64);
    char *q = HeapAlloc(heap, 0, 64);
    for (char *w = p + 64; w < q && w < p + 256; w++)
        set(w, (char)0xa5);
    BOOL valid = TRUE;
    __try {
        valid = HeapValidate(heap, 0, NULL);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        valid = FALSE;
    }
    CHECK(q > p && !valid, "written behind the end");

    /* A block at the end of a page, with nothing behind it. */
    char *page = VirtualAlloc(NULL, 0x2000, MEM_RESERVE, PAGE_NOACCESS);
    VirtualAlloc(page, 0x1000, MEM_COMMIT, PAGE_READWRITE);
    code = 0;
    set(page + 0xfff, 1);
    __try {
        set(page + 0x1000, 1);
    } __except (code = GetExceptionCode(), EXCEPTION_EXECUTE_HANDLER) {
    }
    CHECK(code == EXCEPTION_ACCESS_VIOLATION);
    return done();
}
