/* What depends on how many threads a process has, in one whose code has just become hot: nobody but the program's own threads is
 * there.  Calls that sleep are not interrupted by nobody. */
#define _GNU_SOURCE
#include "test.h"
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static __attribute__((noinline)) unsigned mix(unsigned x, unsigned k)
{
    __asm__ volatile("");
    switch (k % 5) {
    case 0: return x * 3 + k;
    case 1: return x ^ k << 3;
    case 2: return x / 2 + 1;
    case 3: return x + mix(x, k + 2);
    default: return x - k;
    }
}

static int compare(const void *a, const void *b)
{
    return *(const unsigned *)a < *(const unsigned *)b ? -1 : *(const unsigned *)a > *(const unsigned *)b;
}

/* Uses the processor for so long, in many places. */
static unsigned work(unsigned ms)
{
    static unsigned list[500];
    clock_t end = clock() + (clock_t)ms * (CLOCKS_PER_SEC / 1000);
    unsigned x = 1;

    while (clock() < end) {
        for (unsigned i = 0; i < 500; i++)
            list[i] = x = mix(x, i + x);
        qsort(list, 500, sizeof *list, compare);
        x += list[250];
    }
    return x;
}

static int count_tasks(void)
{
    DIR *d = opendir("/proc/self/task");
    int n = 0;

    for (struct dirent *e; d && (e = readdir(d));)
        n += e->d_name[0] != '.';
    if (d)
        closedir(d);
    return n;
}

static long number_after(const char *path, const char *what, int field)
{
    char text[4096], *at;
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;

    text[n] = 0;
    if (f)
        fclose(f);
    at = strstr(text, what);
    if (!at)
        return -1;
    at += strlen(what);
    for (; field > 1 && (at = strchr(at + 1, ' ')); field--)
        ;
    return at ? strtol(at, NULL, 10) : -1;
}

static void test_proc(void)
{
    int tasks = 1, threads = 1, stat = 1;

    for (int i = 0; i < 5; i++) {
        work(40);
        tasks &= count_tasks() == 1;
        work(20);
        threads &= number_after("/proc/self/status", "Threads:", 1) == 1;
        work(20);
        stat &= number_after("/proc/self/stat", ")", 18) == 1;
    }
    ok(tasks);
    ok(threads);
    ok(stat);
}

/* EPERM and the like are the kernel's affair; EINVAL says that there are other threads. */
static void test_unshare(void)
{
    int status, none = 1;

    for (int i = 0; i < 3; i++) {
        pid_t pid = fork();

        if (!pid) {
            work(120);
            _exit(unshare(CLONE_NEWUSER) && errno == EINVAL);
        }
        none &= waitpid(pid, &status, 0) == pid && status == 0;
    }
    ok(none);
}

/* A child goes on where its parent's code was becoming hot, and shares nothing of that. */
static void test_fork(void)
{
    int status, all = 1;

    for (int i = 0; i < 10; i++) {
        work(15);
        pid_t pid = fork();

        if (!pid) {
            work(40);
            _exit(count_tasks() == 1 ? 7 : 1);
        }
        pid_t other = vfork();

        if (!other)
            _exit(8);
        all &= waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 7;
        all &= waitpid(other, &status, 0) == other && WEXITSTATUS(status) == 8;
    }
    ok(all);
}

static void test_sleeps(void)
{
    int whole = 1;

    for (int i = 0; i < 2000; i++) {
        struct timespec t = {0, 1000};

        if (i % 20 == 0)
            work(2);
        whole &= poll(NULL, 0, 0) == 0;
        whole &= nanosleep(&t, NULL) == 0;
    }
    ok(whole);
}

/* The program's own timer of the same kind, by the same signal. */
static volatile sig_atomic_t seen;

static void on_timer(int sig, siginfo_t *info, void *context)
{
    seen += sig == SIGFPE && info->si_code == SI_TIMER && info->si_value.sival_int == 4711;
}

static void test_timer(void)
{
    struct sigaction action = {.sa_sigaction = on_timer, .sa_flags = SA_SIGINFO};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGFPE};
    struct itimerspec at = {{0, 5000000}, {0, 5000000}};
    timer_t id;

    event.sigev_value.sival_int = 4711;
    sigaction(SIGFPE, &action, NULL);
    ok(!timer_create(CLOCK_PROCESS_CPUTIME_ID, &event, &id));
    ok(!timer_settime(id, 0, &at, NULL));
    for (int i = 0; i < 100 && seen < 3; i++)
        work(20);
    ok(!timer_delete(id));
    ok(seen >= 3);
}

int main(void)
{
    if (count_tasks() == 1) {
        test_proc();
        test_unshare();
        test_fork();
    } else {
        skip("there is a thread that tests");
    }
    test_sleeps();
    test_timer();
    return test_done();
}
