/* A thread's stack overflows into its guard page; the handler puts the guard back, and it happens again. */
#include "test.h"

extern int __cdecl _resetstkoflw(void);
extern BOOL WINAPI SetThreadStackGuarantee(ULONG *size); /* not in Wine's headers */

static volatile int deepest = 1 << 30;

static NOINLINE int recurse(volatile char *before, int depth)
{
    volatile char room[2000];
    room[0] = before[0];
    return depth < deepest ? recurse(room, depth + 1) + room[0] : 0;
}

/* Wine commits a thread's whole stack with the guard as its last page but one, and that page alone does not suffice its dispatcher.  So the
 * guard is put where Windows has it, below what is in use; from there it wanders down, and the room asked for is kept. */
static DWORD WINAPI overflow(void *arg)
{
    ULONG guarantee = 32768; /* so much is left to the handler */
    char c = 1;
    CHECK(SetThreadStackGuarantee(&guarantee));
    CHECK(_resetstkoflw());
    for (int i = 0; i < 2; i++) {
        DWORD code = 0;
        __try {
            recurse(&c, 0);
        } __except (code = GetExceptionCode(), EXCEPTION_EXECUTE_HANDLER) {
            CHECK(code == EXCEPTION_STACK_OVERFLOW, "%lx", (unsigned long)code);
            CHECK(_resetstkoflw());
        }
    }
    return 77;
}

int main(void)
{
    DWORD code = 0;
    HANDLE t = CreateThread(NULL, 256 * 1024, overflow, NULL, 0, NULL);
    CHECK(WaitForSingleObject(t, 60000) == WAIT_OBJECT_0);
    CHECK(GetExitCodeThread(t, &code) && code == 77, "%lx", (unsigned long)code);
    return done();
}
