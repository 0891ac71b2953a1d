/* A Windows program (for Arm64, built with clang and lld, without any library but kernel32) that gives another one pipes as Windows
 * has them.  Wine shows a pipe of Linux as a pipe on which the calls for named pipes fail; programs built on libuv (Node) then
 * refuse to use it.  So the launcher runs such a program through this one:
 *
 *     relay.exe PIPES PROGRAM [ARG...]
 *
 * PIPES: i, o, e for the standard streams that are pipes of Linux; s instead of e if standard error is the same as standard
 * output, so that the order of what is written to both is kept.  Its exit status is the program's.  It ends when the program has
 * and all who can write into the pipes have closed them, as in a pipeline of Linux.
 *
 * Windows' declarations that are needed stand here. */

typedef void *handle;
typedef unsigned int dword;
typedef int bool32;
typedef unsigned short wide;

struct security {
    dword size;
    void *descriptor;
    bool32 inherit;
};

struct startup {
    dword size;
    wide *reserved, *desktop, *title;
    dword x, y, width, height, columns, rows, fill, flags;
    unsigned short show, reserved2_size;
    void *reserved2;
    handle stream[3];
};

struct process {
    handle process, thread;
    dword process_id, thread_id;
};

#define IMPORT __declspec(dllimport)
IMPORT wide *GetCommandLineW(void);
IMPORT handle GetStdHandle(dword which);
IMPORT bool32 CreatePipe(handle *from, handle *to, struct security *security, dword size);
IMPORT bool32 SetHandleInformation(handle h, dword mask, dword flags);
IMPORT bool32 CreateProcessW(const wide *name, wide *command, void *process_security, void *thread_security, bool32 inherit, dword flags,
                             void *environment, const wide *directory, struct startup *startup, struct process *process);
IMPORT handle CreateThread(void *security, unsigned long long stack, dword (*start)(void *), void *arg, dword flags, dword *id);
IMPORT bool32 ReadFile(handle h, void *to, dword size, dword *done, void *overlapped);
IMPORT bool32 WriteFile(handle h, const void *from, dword size, dword *done, void *overlapped);
IMPORT bool32 CloseHandle(handle h);
IMPORT handle CreateEventW(void *security, bool32 manual, bool32 set, const wide *name);
IMPORT bool32 SetEvent(handle event);
IMPORT dword WaitForSingleObject(handle h, dword milliseconds);
IMPORT bool32 GetExitCodeProcess(handle h, dword *status);
IMPORT bool32 SetConsoleCtrlHandler(bool32 (*handler)(dword), bool32 add);
IMPORT dword GetLastError(void);
IMPORT void ExitProcess(dword status);

enum { BUFFER = 65536, USE_STREAMS = 0x100, FOREVER = 0xffffffff, CONTROL_C_EXIT = 0xc000013a };

struct stream {
    handle from, to, done;
    char buffer[BUFFER];
};

static struct stream streams[3];

/* The command line behind its first word. */
static wide *next_word(wide *p)
{
    for (bool32 quoted = 0; *p && (quoted || (*p != ' ' && *p != '\t')); p++)
        if (*p == '"')
            quoted = !quoted;
    while (*p == ' ' || *p == '\t')
        p++;
    return p;
}

static void copy_all(struct stream *s)
{
    dword n, m;

    while (ReadFile(s->from, s->buffer, BUFFER, &n, 0) && n) {
        for (dword done = 0; done < n; done += m) {
            if (!WriteFile(s->to, s->buffer + done, n - done, &m, 0)) {
                CloseHandle(s->from); /* a program that writes on is told */
                return;
            }
        }
    }
    CloseHandle(s->to);
}

/* A thread that ends while the process does is counted twice by Wine (its abort_thread after its exit_thread), which then takes it
 * for the last one and ends the process with status 0.  So these never end by themselves. */
static dword copy(void *arg)
{
    struct stream *s = arg;

    copy_all(s);
    SetEvent(s->done);
    for (;;)
        WaitForSingleObject(CreateEventW(0, 1, 0, 0), FOREVER);
}

/* Ctrl-C is the program's. */
static bool32 on_event(dword event)
{
    return event <= 1;
}

void start(void)
{
    static struct startup startup = {.size = sizeof startup, .flags = USE_STREAMS};
    static const dword streams_of_windows[3] = {-10u, -11u, -12u};
    struct security inherited = {sizeof inherited, 0, 1};
    struct process process;
    handle theirs[3] = {0, 0, 0};
    wide *pipes = next_word(GetCommandLineW()), *command = next_word(pipes);
    dword status = CONTROL_C_EXIT;

    for (int i = 0; i < 3; i++)
        startup.stream[i] = GetStdHandle(streams_of_windows[i]);
    for (; *pipes && *pipes != ' '; pipes++) {
        int i = *pipes == 'i' ? 0 : *pipes == 'o' ? 1 : 2;
        struct stream *s = &streams[i];
        if (*pipes == 's') {
            startup.stream[2] = startup.stream[1];
            continue;
        }
        handle linux = startup.stream[i];
        if (!CreatePipe(i ? &s->from : &theirs[i], i ? &theirs[i] : &s->to, &inherited, BUFFER))
            ExitProcess(GetLastError());
        *(i ? &s->to : &s->from) = linux;
        SetHandleInformation(i ? s->from : s->to, 1, 0);
        startup.stream[i] = theirs[i];
    }
    SetConsoleCtrlHandler(on_event, 1);
    if (!CreateProcessW(0, command, 0, 0, 1, 0, 0, 0, &startup, &process))
        ExitProcess(GetLastError() == 2 || GetLastError() == 3 ? 127 : 126);
    for (int i = 0; i < 3; i++) {
        if (!theirs[i])
            continue;
        CloseHandle(theirs[i]);
        streams[i].done = CreateEventW(0, 1, 0, 0);
        CreateThread(0, 0, copy, &streams[i], 0, 0);
    }
    WaitForSingleObject(process.process, FOREVER);
    GetExitCodeProcess(process.process, &status);
    for (int i = 1; i < 3; i++)
        if (streams[i].done)
            WaitForSingleObject(streams[i].done, FOREVER);
    ExitProcess(status);
}
