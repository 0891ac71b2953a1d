/* The Windows program through which the launcher runs every other one (for each processor, built with clang and lld, without any library but
 * kernel32).  It does what can only be done from within Windows:
 *
 *     relay.exe PIPES:SECONDS:NOTE PROGRAM [ARG...]
 *
 * - Wine shows a pipe of Linux as a pipe on which the calls for named pipes fail; programs built on libuv (Node) then refuse to use
 *   it, whoever starts them.  So the program gets pipes as Windows has them, and what goes through is copied.  PIPES: i, o, e for
 *   the standard streams to be replaced; s instead of e if standard error is the same as standard output, so that the order of what is
 *   written to both is kept.  Of i all that comes is read, whether the program reads it or not.
 * - Wine makes 1 of an exit status whose low eight bits are 0 (and others are not).  The relay's own status is the program's; where
 *   that would be lost, it leaves the eight hexadecimal digits in the file C:\windows\NOTE.
 * - If it is killed, so is the program (not what that has started).
 *
 * It ends when the program has and all who can write into the pipes have closed them, or SECONDS later.
 *
 * Windows' declarations that are needed stand here. */

typedef void *handle;
typedef unsigned int dword;
typedef int bool32;
typedef unsigned short wide;
typedef __SIZE_TYPE__ usize;

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

struct job_limits {
    long long process_time, job_time;
    dword flags;
    usize least_memory, most_memory;
    dword most_processes;
    usize processors;
    dword priority, scheduling;
    unsigned long long input_output[6];
    usize memory[4];
};

/* On i386 Windows' functions, and those that it calls (CALLBACK), take their arguments off the stack. Compilers write into the name how
 * many bytes these are; neither kernel32.dll nor kernel32.def does. */
#ifdef __i386__
#define CALLBACK __attribute__((stdcall))
#define IMPORT(type, name, ...) __declspec(dllimport) type CALLBACK name(__VA_ARGS__) __asm__("_" #name)
#else
#define CALLBACK
#define IMPORT(type, name, ...) __declspec(dllimport) type name(__VA_ARGS__)
#endif
IMPORT(wide *, GetCommandLineW, void);
IMPORT(handle, GetStdHandle, dword which);
IMPORT(bool32, CreatePipe, handle *from, handle *to, struct security *security, dword size);
IMPORT(bool32, SetHandleInformation, handle h, dword mask, dword flags);
IMPORT(bool32, CreateProcessW, const wide *name, wide *command, void *process_security, void *thread_security, bool32 inherit,
       dword flags, void *environment, const wide *directory, struct startup *startup, struct process *process);
IMPORT(handle, CreateThread, void *security, usize stack, dword (CALLBACK *start)(void *), void *arg, dword flags, dword *id);
IMPORT(bool32, ReadFile, handle h, void *to, dword size, dword *done, void *overlapped);
IMPORT(bool32, WriteFile, handle h, const void *from, dword size, dword *done, void *overlapped);
IMPORT(bool32, PeekNamedPipe, handle h, void *to, dword size, dword *done, dword *there, dword *left);
IMPORT(handle, CreateFileW, const wide *name, dword access, dword share, void *security, dword how, dword flags, handle template);
IMPORT(handle, CreateJobObjectW, void *security, const wide *name);
IMPORT(bool32, SetInformationJobObject, handle job, dword what, void *data, dword size);
IMPORT(bool32, AssignProcessToJobObject, handle job, handle process);
IMPORT(bool32, CloseHandle, handle h);
IMPORT(handle, CreateEventW, void *security, bool32 manual, bool32 set, const wide *name);
IMPORT(bool32, SetEvent, handle event);
IMPORT(bool32, CancelSynchronousIo, handle thread);
IMPORT(unsigned long long, GetTickCount64, void);
IMPORT(dword, WaitForSingleObject, handle h, dword milliseconds);
IMPORT(bool32, GetExitCodeProcess, handle h, dword *status);
IMPORT(bool32, SetConsoleCtrlHandler, bool32 (CALLBACK *handler)(dword), bool32 add);
IMPORT(dword, GetLastError, void);
IMPORT(void, ExitProcess, dword status);

enum { BUFFER = 65536, USE_STREAMS = 0x100, FOREVER = 0xffffffff, CONTROL_C_EXIT = 0xc000013a };
enum { JOB_LIMITS = 9, SILENT_BREAKAWAY = 0x1000, KILL_ON_CLOSE = 0x2000 };
enum { WRITE = 0x40000000, CREATE_ALWAYS = 2, CANCELLED = 995 };

struct stream {
    handle from, to, thread, done;
    volatile bool32 ending; /* what is there now is the last */
    char buffer[BUFFER];
};

static struct stream streams[3];
static handle never; /* is not set */
static handle event_came;

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

static bool32 is_empty(struct stream *s)
{
    dword there;
    return !PeekNamedPipe(s->from, 0, 0, 0, &there, 0) || !there;
}

static void copy_all(struct stream *s)
{
    dword n, m;

    while (!s->ending || !is_empty(s)) {
        if (!ReadFile(s->from, s->buffer, BUFFER, &n, 0) || !n) {
            if (s->ending && GetLastError() == CANCELLED)
                continue;
            break;
        }
        for (dword done = 0; done < n; done += m) {
            if (!WriteFile(s->to, s->buffer + done, n - done, &m, 0)) {
                CloseHandle(s->from); /* a program that writes on is told */
                return;
            }
        }
    }
    CloseHandle(s->to);
}

/* How a thread waits for the end of the process.  Wine counts one twice that ends while the process does (its abort_thread after its
 * exit_thread), takes it for the last one, and ends the process with status 0; so these never end by themselves.  And it ends
 * threads wherever they are: one that is in malloc then (as CreateEvent is, and not WaitForSingleObject) keeps its lock, waits for it
 * itself, and the process does not end until Wine's server kills it (status 137). */
static void __attribute__((noreturn)) stay(void)
{
    for (;;)
        WaitForSingleObject(never, FOREVER);
}

static dword CALLBACK copy(void *arg)
{
    struct stream *s = arg;

    copy_all(s);
    SetEvent(s->done);
    stay();
}

/* Ctrl-C is the program's. It comes in a thread of its own, which must not end while the process does (status 0 instead of the program's,
 * one run of forty on a busy machine). */
static bool32 CALLBACK on_event(dword event)
{
    if (event > 1)
        return 0;
    SetEvent(event_came);
    stay();
}

/* Which streams are to be replaced; returns what is behind. */
static wide *make_pipes(wide *p, struct startup *startup, handle theirs[3])
{
    struct security inherited = {sizeof inherited, 0, 1};

    for (; *p && *p != ':'; p++) {
        int i = *p == 'i' ? 0 : *p == 'o' ? 1 : 2;
        struct stream *s = &streams[i];
        if (*p == 's') {
            startup->stream[2] = startup->stream[1];
            continue;
        }
        handle linux = startup->stream[i];
        if (!CreatePipe(i ? &s->from : &theirs[i], i ? &theirs[i] : &s->to, &inherited, BUFFER))
            ExitProcess(126);
        *(i ? &s->to : &s->from) = linux;
        SetHandleInformation(s->from, 1, 0);
        SetHandleInformation(s->to, 1, 0);
        SetHandleInformation(theirs[i], 1, 1);
        startup->stream[i] = theirs[i];
    }
    return *p ? p + 1 : p;
}

/* Has the program end if we do; what it starts lives on, as under Windows. */
static void tie(handle process)
{
    struct job_limits limits = {.flags = SILENT_BREAKAWAY | KILL_ON_CLOSE};
    handle job = CreateJobObjectW(0, 0);

    if (job && SetInformationJobObject(job, JOB_LIMITS, &limits, sizeof limits))
        AssignProcessToJobObject(job, process);
}

/* Waits until all is copied, at most until `end`; then until what was written before has been. */
static void finish(struct stream *s, unsigned long long end)
{
    unsigned long long now = GetTickCount64();

    if (!s->done || WaitForSingleObject(s->done, now < end ? (dword)(end - now) : 0) == 0)
        return;
    s->ending = 1;
    do
        CancelSynchronousIo(s->thread); /* as often as it may read again, having looked before */
    while (WaitForSingleObject(s->done, 10) != 0);
}

static void leave_note(const wide *name, dword status)
{
    static wide path[64] = {'C', ':', '\\', 'w', 'i', 'n', 'd', 'o', 'w', 's', '\\'};
    char text[8];
    dword n = 11, done;

    while (n < 63 && *name && *name != ' ')
        path[n++] = *name++;
    for (int i = 0; i < 8; i++)
        text[i] = "0123456789abcdef"[status >> (28 - 4 * i) & 15];
    handle h = CreateFileW(path, WRITE, 0, 0, CREATE_ALWAYS, 0, 0);
    WriteFile(h, text, sizeof text, &done, 0);
    CloseHandle(h);
}

void start(void)
{
    static struct startup startup = {.size = sizeof startup, .flags = USE_STREAMS};
    static const dword streams_of_windows[3] = {-10u, -11u, -12u};
    struct process process;
    handle theirs[3] = {0, 0, 0};
    wide *words = next_word(GetCommandLineW()), *command = next_word(words);
    dword status = CONTROL_C_EXIT;
    unsigned long long seconds = 0;

    for (int i = 0; i < 3; i++)
        startup.stream[i] = GetStdHandle(streams_of_windows[i]);
    wide *p = make_pipes(words, &startup, theirs);
    for (; *p >= '0' && *p <= '9'; p++)
        seconds = seconds * 10 + (*p - '0');
    never = CreateEventW(0, 1, 0, 0);
    event_came = CreateEventW(0, 1, 0, 0);
    SetConsoleCtrlHandler(on_event, 1);
    if (!CreateProcessW(0, command, 0, 0, 1, 0, 0, 0, &startup, &process))
        ExitProcess(GetLastError() == 2 || GetLastError() == 3 ? 127 : 126);
    tie(process.process);
    for (int i = 0; i < 3; i++) {
        if (!theirs[i])
            continue;
        CloseHandle(theirs[i]);
        streams[i].done = CreateEventW(0, 1, 0, 0);
        streams[i].thread = CreateThread(0, 0, copy, &streams[i], 0, 0);
    }
    WaitForSingleObject(process.process, FOREVER);
    GetExitCodeProcess(process.process, &status);
    if (status == (dword)CONTROL_C_EXIT) /* its thread may have to come yet: not while we end */
        WaitForSingleObject(event_came, 1000);
    unsigned long long end = GetTickCount64() + seconds * 1000;
    finish(&streams[1], end);
    finish(&streams[2], end);
    if (status && !(status & 255) && *p == ':')
        leave_note(p + 1, status);
    ExitProcess(status);
}
