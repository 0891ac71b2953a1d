/* Processes: fork, vfork with shared memory, posix_spawn, clone flags, waiting, execve in its forms. */
#include "test.h"
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

extern char **environ;
static const char *self;
static volatile int shared;

static int wait_for(pid_t pid)
{
    int status = -1;

    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

static void test_fork(void)
{
    volatile int local = 1;
    pid_t pid = fork();

    if (!pid) {
        local = shared = 2;
        _exit(getpid() == syscall(SYS_gettid) && getppid() != getpid() ? 3 : 4);
    }
    ok(pid > 0 && wait_for(pid) == 3 << 8 && local == 1 && shared == 0);
    fails(waitpid(pid, NULL, 0), ECHILD);
    fails(waitpid(-1, NULL, 0x4000), EINVAL);
    siginfo_t info = {0};
    pid = fork();
    if (!pid)
        _exit(9);
    ok(!waitid(P_PID, (id_t)pid, &info, WEXITED) && info.si_pid == pid && info.si_code == CLD_EXITED && info.si_status == 9);
}

static void *in_thread(void *arg)
{
    char text[100];

    snprintf(text, sizeof(text), "%.4f", *(double *)arg * 2);
    return (void *)(intptr_t)(strtod(text, NULL) == 4.5);
}

/* What the children of one process do besides the same: 0 if it went well. */
static int differ(int way)
{
    char text[100];
    double d = 2.25;
    pthread_t t[2];
    void *good[2] = {0};

    switch (way % 5) {
    case 0: return 0;
    case 1: /* code that the parent has not run */
        snprintf(text, sizeof(text), "%a %.3e %lo %'d", 1.5 * way, d, 511l, way);
        return strlen(text) < 20;
    case 2:
        for (int i = 0; i < 2; i++)
            pthread_create(&t[i], NULL, in_thread, &d);
        for (int i = 0; i < 2; i++)
            pthread_join(t[i], &good[i]);
        return !good[0] || !good[1];
    case 3: { /* children's children, the second of which is like the first */
        for (int i = 0; i < 2; i++) {
            pid_t pid = fork();
            if (!pid)
                _exit(differ(way / 5 % 3 + 5 * i));
            if (wait_for(pid))
                return 1;
        }
        return 0;
    }
    default: {
        pid_t pid = vfork();
        if (!pid)
            _exit(strtol("7", NULL, 10) == 7 ? 7 : 1);
        return wait_for(pid) != 7 << 8;
    }
    }
}

/* Many children that begin alike and part: one after the other, and beside each other. */
static void test_children(void)
{
    int bad = 0;
    pid_t pids[15];

    for (int i = 0; i < 30; i++) {
        pid_t pid = fork();
        if (!pid)
            _exit(differ(i));
        bad += wait_for(pid) != 0;
    }
    ok(bad == 0);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 15; i++) {
            pids[i] = fork();
            if (!pids[i])
                _exit(differ(i) || differ(i + 1 + round));
        }
        bad += round == 1 && differ(1); /* the parent too, while they run */
        for (int i = 0; i < 15; i++)
            bad += wait_for(pids[i]) != 0;
    }
    ok(bad == 0);
}

static void test_vfork(void)
{
    volatile int before = getpid();

    shared = 0;
    pid_t pid = vfork();
    if (!pid) {
        shared = getpid();
        _exit(6);
    }
    ok(pid > 0 && shared == pid && wait_for(pid) == 6 << 8 && before == getpid());
    /* Handlers changed in the child are its own. */
    signal(SIGUSR1, SIG_IGN);
    pid = vfork();
    if (!pid) {
        signal(SIGUSR1, SIG_DFL);
        _exit(0);
    }
    wait_for(pid);
    struct sigaction sa;
    sigaction(SIGUSR1, NULL, &sa);
    ok(sa.sa_handler == SIG_IGN);
    signal(SIGUSR1, SIG_DFL);
    /* The child's end by a signal. */
    pid = vfork();
    if (!pid) {
        kill(getpid(), SIGKILL);
        _exit(0);
    }
    ok(wait_for(pid) == SIGKILL);
    volatile bool good = true;
    for (volatile int i = 0; i < 50; i++) {
        pid = vfork();
        if (!pid)
            _exit(i);
        good = good && wait_for(pid) == i << 8;
    }
    ok(good);
}

/* Whenever the child of a vfork is killed, its parent goes on: also if the child was just having code translated. */
static void *kill_child(void *arg)
{
    while (!shared)
        ;
    double until = test_now() + *(double *)arg;
    while (test_now() < until)
        ;
    kill(shared, SIGTERM);
    return NULL;
}

static void test_vfork_killed(void)
{
    volatile bool good = true;
    static char code[256];

    for (volatile int i = 0; i < 100; i++) {
        double wait = 1e-6 * i;
        pthread_t killer;

        shared = 0;
        pthread_create(&killer, NULL, kill_child, &wait);
        pid_t pid = vfork();
        if (!pid) {
            shared = getpid();
            for (;;) /* announces changed code: the parent's translations too are dropped */
                __builtin___clear_cache(code, code + sizeof(code));
        }
        good = good && pid > 0 && wait_for(pid) == SIGTERM;
        pthread_join(killer, NULL);
    }
    ok(good);
}

static void test_spawn(void)
{
    char *argv[] = {(char *)"x", NULL}, *child[] = {(char *)self, (char *)"echo", (char *)"17", NULL};
    pid_t pid;

    ok(posix_spawn(&pid, "/nonexistent", NULL, NULL, argv, environ) == ENOENT);
    ok(posix_spawn(&pid, "/etc/passwd", NULL, NULL, argv, environ) == EACCES);
    ok(!posix_spawn(&pid, self, NULL, NULL, child, environ) && wait_for(pid) == 17 << 8);
    ok(system("exit 5") == 5 << 8);
    FILE *f = popen("echo hello", "r");
    char line[32] = "";
    ok(f && fgets(line, sizeof(line), f) && !strcmp(line, "hello\n") && !pclose(f));
}

static char stack[1 << 16] __attribute__((aligned(16)));
static int beside_main(void *arg)
{
    shared = (int)getpid();
    while (shared != 1)
        sched_yield();
    return 4;
}

static void test_clone(void)
{
    /* Shares memory, but is not waited for. */
    shared = 0;
    pid_t pid = clone(beside_main, stack + sizeof(stack), CLONE_VM | SIGCHLD, NULL);
    double until = test_now() + 5;
    while (!shared && test_now() < until)
        sched_yield();
    ok(pid > 0 && shared == pid);
    shared = 1;
    ok(wait_for(pid) == 4 << 8);
    /* No signal at the end: only __WCLONE or __WALL waits for it. */
    pid = (pid_t)syscall(SYS_clone, 0, 0, 0, 0, 0);
    if (!pid)
        _exit(8);
    int status;
    fails(waitpid(pid, &status, 0), ECHILD);
    ok(waitpid(pid, &status, __WALL) == pid && status == 8 << 8);
    /* A pidfd. */
    int pidfd = -1;
    struct {
        uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
    } args = {CLONE_PIDFD, (uintptr_t)&pidfd, 0, 0, SIGCHLD, 0, 0, 0};
    pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
    if (!pid)
        _exit(2);
    siginfo_t info = {0};
    ok(pid > 0 && pidfd >= 0 && !waitid((idtype_t)3 /* P_PIDFD */, (id_t)pidfd, &info, WEXITED) && info.si_status == 2);
    close(pidfd);
}

/* Runs ourselves with the arguments; the status. */
static int run(const char *path, char *const argv[])
{
    pid_t pid = fork();

    if (!pid) {
        execve(path, argv, environ);
        _exit(errno);
    }
    return wait_for(pid) >> 8;
}

static void write_file(const char *name, const char *text, mode_t mode)
{
    int fd = open(name, O_CREAT | O_TRUNC | O_WRONLY, 0600);

    if (fd < 0 || write(fd, text, strlen(text)) < 0 || fchmod(fd, mode))
        abort();
    close(fd);
}

static void test_exec_errors(void)
{
    char *argv[] = {(char *)"x", NULL};

    fails(execve("/nonexistent", argv, environ), ENOENT);
    fails(execve("", argv, environ), ENOENT);
    fails(execve("/", argv, environ), EACCES);
    fails(execve("/etc/passwd/x", argv, environ), ENOTDIR);
    fails(syscall(SYS_execve, 8L, argv, environ), EFAULT);
    fails(syscall(SYS_execve, self, 8L, environ), EFAULT);
    write_file("plain", "just text\n", 0755);
    fails(execve("./plain", argv, environ), ENOEXEC);
    write_file("empty", "", 0755);
    fails(execve("./empty", argv, environ), ENOEXEC);
    write_file("locked", "#!/bin/sh\n", 0644);
    fails(execve("./locked", argv, environ), EACCES);
    write_file("noint", "#!/nonexistent/interpreter\n", 0755);
    fails(execve("./noint", argv, environ), ENOENT);
    write_file("cut", "\177ELF\2\1\1", 0755);
    fails(execve("./cut", argv, environ), ENOEXEC);
    write_file("loop", "#!./loop\n", 0755);
    fails(execve("./loop", argv, environ), ELOOP);
    fails(syscall(SYS_execveat, AT_FDCWD, self, argv, environ, 0x4000000), EINVAL);
    fails(syscall(SYS_execveat, 999, "", argv, environ, AT_EMPTY_PATH), EBADF);
    fails(syscall(SYS_execveat, 999, "x", argv, environ, 0), EBADF);
}

static void test_exec(void)
{
    char line[600];

    ok(run(self, (char *[]){(char *)"name", (char *)"echo", (char *)"21", NULL}) == 21);
    ok(run("/proc/self/exe", (char *[]){(char *)"name", (char *)"echo", (char *)"22", NULL}) == 22);
    /* A script with its one argument; the script's own path comes third. */
    snprintf(line, sizeof(line), "#!%s script\n", self);
    write_file("script", line, 0755);
    ok(run("./script", (char *[]){(char *)"zero", (char *)"one", (char *)"two", NULL}) == 31);
    /* A script whose interpreter is a script. */
    write_file("second", "#!./script inner arg\n", 0755);
    ok(run("./second", (char *[]){(char *)"zero", (char *)"one", NULL}) == 32);
    /* By descriptor. */
    int fd = open(self, O_RDONLY | O_CLOEXEC);
    pid_t pid = fork();
    if (!pid) {
        syscall(SYS_execveat, fd, "", (char *[]){(char *)"n", (char *)"echo", (char *)"23", NULL}, environ, AT_EMPTY_PATH);
        _exit(99);
    }
    ok(wait_for(pid) == 23 << 8);
    close(fd);
    ok(run("/bin/sh", (char *[]){(char *)"sh", (char *)"-c", (char *)"exit 24", NULL}) == 24);
}

static void test_exec_state(void)
{
    int keep = open("/dev/null", O_RDONLY), lose = open("/dev/null", O_RDONLY | O_CLOEXEC);
    char keep_text[16], lose_text[16];
    sigset_t set, old;

    snprintf(keep_text, sizeof(keep_text), "%d", keep);
    snprintf(lose_text, sizeof(lose_text), "%d", lose);
    ok(run(self, (char *[]){(char *)"n", (char *)"fds", keep_text, lose_text, NULL}) == 0);
    /* Ignored stays ignored, also for faults; handled becomes default; blocked stays blocked, and pending pending. */
    signal(SIGUSR1, SIG_IGN);
    signal(SIGSEGV, SIG_IGN);
    signal(SIGUSR2, (void (*)(int))test_exec);
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGSEGV);
    sigprocmask(SIG_BLOCK, &set, &old);
    ok(run(self, (char *[]){(char *)"n", (char *)"signals", NULL}) == 0);
    sigprocmask(SIG_SETMASK, &old, NULL);
    signal(SIGSEGV, SIG_DFL);
    signal(SIGUSR1, SIG_DFL);
    signal(SIGUSR2, SIG_DFL);
    setenv("TEST_VARIABLE", "with = signs and spaces", 1);
    ok(run(self, (char *[]){(char *)"n", (char *)"env", NULL}) == 0);
    ok(run(self, (char *[]){(char *)"", NULL}) == 60);
    prctl(PR_SET_NAME, "before");
    ok(run(self, (char *[]){(char *)"n", (char *)"comm", NULL}) == 0);
}

/* What the executed program does with argv[1]. */
static int child(int argc, char **argv)
{
    if (!strcmp(argv[1], "echo"))
        return atoi(argv[2]);
    if (!strcmp(argv[1], "script")) {
        if (argc == 5 && !strcmp(argv[2], "./script") && !strcmp(argv[3], "one") && !strcmp(argv[4], "two"))
            return 31;
        if (argc == 6 && !strcmp(argv[2], "./script") && !strcmp(argv[3], "inner arg") && !strcmp(argv[4], "./second") &&
            !strcmp(argv[5], "one"))
            return 32;
        return 1;
    }
    if (!strcmp(argv[1], "fds"))
        return fcntl(atoi(argv[2]), F_GETFD) == 0 && fcntl(atoi(argv[3]), F_GETFD) == -1 && errno == EBADF ? 0 : 1;
    if (!strcmp(argv[1], "signals")) {
        struct sigaction sa;
        sigset_t now;
        sigprocmask(SIG_SETMASK, NULL, &now);
        int bad = (!sigismember(&now, SIGHUP)) | (!sigismember(&now, SIGSEGV)) << 1 | sigismember(&now, SIGUSR1) << 2;
        sigaction(SIGUSR1, NULL, &sa);
        bad |= (sa.sa_handler != SIG_IGN) << 3;
        sigaction(SIGSEGV, NULL, &sa);
        bad |= (sa.sa_handler != SIG_IGN) << 4;
        sigaction(SIGUSR2, NULL, &sa);
        return bad | (sa.sa_handler != SIG_DFL) << 5;
    }
    if (!strcmp(argv[1], "env"))
        return !getenv("TEST_VARIABLE") || strcmp(getenv("TEST_VARIABLE"), "with = signs and spaces");
    if (!strcmp(argv[1], "comm")) {
        char name[17] = "";
        prctl(PR_GET_NAME, name);
        return !strcmp(name, "before");
    }
    return 98;
}

static void test_misc(void)
{
    struct rlimit r = {0};
    struct rusage ru;
    pid_t pid = fork();

    if (!pid) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        int sig = 0;
        prctl(PR_GET_PDEATHSIG, &sig);
        _exit(sig == SIGKILL && setsid() == getpid() && getsid(0) == getpid() ? 0 : 1);
    }
    ok(wait_for(pid) == 0);
    ok(!getrlimit(RLIMIT_STACK, &r) && r.rlim_cur > 0);
    ok(!getrlimit(RLIMIT_NOFILE, &r));
    r.rlim_cur--;
    ok(!setrlimit(RLIMIT_NOFILE, &r) && !getrlimit(RLIMIT_NOFILE, &r));
    fails(getrlimit((__rlimit_resource_t)99, &r), EINVAL);
    ok(!getrusage(RUSAGE_CHILDREN, &ru) && ru.ru_maxrss > 0);
    ok(prctl(PR_GET_DUMPABLE) == 1 && !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
    fails(prctl(12345), EINVAL);
}

int main(int argc, char **argv)
{
    static char path[4096];

    if (argc == 0 || !argv[0][0])
        return 60;
    if (argc > 1)
        return child(argc, argv);
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
    if (n <= 0)
        return 97;
    self = path;
    test_use_dir();
    test_fork();
    test_children();
    test_vfork();
    test_vfork_killed();
    test_spawn();
    test_clone();
    test_exec_errors();
    test_exec();
    test_exec_state();
    test_misc();
    return test_done();
}
