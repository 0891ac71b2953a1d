/* A program ends, or ends a thread, while other threads compute: its status and what it printed last arrive. */
#include "test.h"
#include <stdlib.h>

static volatile int sum;

static NOINLINE void add(volatile int *p) { *p += 1; }

static DWORD WINAPI compute(void *arg)
{
    for (;;)
        add(&sum);
}

static int child(void)
{
    HANDLE threads[3];
    for (int i = 0; i < 3; i++)
        threads[i] = CreateThread(NULL, 0, compute, NULL, 0, NULL);
    while (!sum)
        Sleep(1);
    Sleep(10);
    TerminateThread(threads[0], 1);
    if (WaitForSingleObject(threads[0], 10000) != WAIT_OBJECT_0)
        printf("the thread lives\n");
    printf("last words\n"); /* into a buffer */
    return 0x12345;
}

static void run(char *name)
{
    SECURITY_ATTRIBUTES inherited = {sizeof inherited, NULL, TRUE};
    STARTUPINFOA start = {sizeof start};
    PROCESS_INFORMATION process;
    HANDLE from, to;
    char command[600], text[100] = "";
    DWORD n = 0, status = 0;

    CHECK(CreatePipe(&from, &to, &inherited, 0));
    start.dwFlags = STARTF_USESTDHANDLES;
    start.hStdInput = GetStdHandle(STD_INPUT_HANDLE);
    start.hStdOutput = to;
    start.hStdError = GetStdHandle(STD_ERROR_HANDLE);
    snprintf(command, sizeof command, "\"%s\" child", name);
    CHECK(CreateProcessA(NULL, command, NULL, NULL, TRUE, 0, NULL, NULL, &start, &process));
    CloseHandle(to);
    CHECK(WaitForSingleObject(process.hProcess, 60000) == WAIT_OBJECT_0);
    CHECK(GetExitCodeProcess(process.hProcess, &status) && status == 0x12345, "%lx", (unsigned long)status);
    ReadFile(from, text, sizeof text - 1, &n, NULL);
    CHECK(!strcmp(text, "last words\r\n"), "'%s'", text);
    CloseHandle(from);
    CloseHandle(process.hProcess);
    CloseHandle(process.hThread);
}

int main(int argc, char **argv)
{
    char name[500];

    if (argc > 2)
        return atoi(argv[2]);
    if (argc > 1)
        return child();
    GetModuleFileNameA(NULL, name, sizeof name);
    for (int i = 0; i < 12; i++)
        run(name);
    return done();
}
