/* A child with redirected input and output, its exit status, and a named pipe with overlapped operations. */
#include "test.h"

static int child(void)
{
    char line[64];
    while (fgets(line, sizeof line, stdin))
        printf("<%s>", strtok(line, "\r\n"));
    fflush(stdout);
    ExitProcess(0xc0ffee00);
}

static DWORD WINAPI client(void *arg)
{
    char text[16] = "";
    DWORD n;
    HANDLE h = CreateFileW(L"\\\\.\\pipe\\demotic-test", GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
    if (h == INVALID_HANDLE_VALUE || !ReadFile(h, text, sizeof text, &n, NULL) || !WriteFile(h, text, n, &n, NULL))
        return 0;
    CloseHandle(h);
    return n;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return child();
    char command[MAX_PATH + 16], text[256] = "", name[MAX_PATH];
    SECURITY_ATTRIBUTES inherit = {sizeof inherit, NULL, TRUE};
    HANDLE in_read = NULL, in_write = NULL, out_read = NULL, out_write = NULL;
    PROCESS_INFORMATION process;
    STARTUPINFOA startup = {.cb = sizeof startup, .dwFlags = STARTF_USESTDHANDLES};
    DWORD n = 0, total = 0, code = 0;

    CHECK(CreatePipe(&in_read, &in_write, &inherit, 0) && CreatePipe(&out_read, &out_write, &inherit, 0));
    SetHandleInformation(in_write, HANDLE_FLAG_INHERIT, 0);
    SetHandleInformation(out_read, HANDLE_FLAG_INHERIT, 0);
    startup.hStdInput = in_read;
    startup.hStdOutput = out_write;
    startup.hStdError = GetStdHandle(STD_ERROR_HANDLE);
    GetModuleFileNameA(NULL, name, sizeof name);
    sprintf(command, "\"%s\" child", name);
    CHECK(CreateProcessA(NULL, command, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &process));
    CloseHandle(in_read);
    CloseHandle(out_write);
    CHECK(WriteFile(in_write, "one\r\ntwo\r\n", 10, &n, NULL) && n == 10);
    CloseHandle(in_write);
    while (ReadFile(out_read, text + total, sizeof text - 1 - total, &n, NULL) && n)
        total += n;
    CHECK(!strcmp(text, "<one><two>"), "%s", text);
    CHECK(WaitForSingleObject(process.hProcess, 60000) == WAIT_OBJECT_0);
    CHECK(GetExitCodeProcess(process.hProcess, &code) && code == 0xc0ffee00, "%lx", (unsigned long)code);

    HANDLE pipe = CreateNamedPipeW(L"\\\\.\\pipe\\demotic-test", PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED,
                                   PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE, 1, 4096, 4096, 0, NULL);
    OVERLAPPED o = {.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL)};
    CHECK(pipe != INVALID_HANDLE_VALUE);
    CHECK(!ConnectNamedPipe(pipe, &o) && GetLastError() == ERROR_IO_PENDING);
    HANDLE t = CreateThread(NULL, 0, client, NULL, 0, NULL);
    CHECK(GetOverlappedResult(pipe, &o, &n, TRUE));
    CHECK(WriteFile(pipe, "message", 8, &n, NULL) || GetLastError() == ERROR_IO_PENDING);
    ResetEvent(o.hEvent);
    CHECK(ReadFile(pipe, text, sizeof text, NULL, &o) || GetLastError() == ERROR_IO_PENDING);
    CHECK(GetOverlappedResult(pipe, &o, &n, TRUE) && n == 8 && !strcmp(text, "message"), "%lu %s", (unsigned long)n, text);
    CHECK(WaitForSingleObject(t, 20000) == WAIT_OBJECT_0 && GetExitCodeThread(t, &code) && code == 8);
    return done();
}
