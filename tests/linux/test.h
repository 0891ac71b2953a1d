/* Tests of kernel behaviour: the same program runs natively and under Demotic, and must say the
 * same.  Prints "ok N - what" or "not ok N - what", as TAP has it. */
#pragma once
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int test_count, test_failed;

static inline bool test_report(bool good, const char *what, const char *file, int line)
{
    int e = errno;
    printf("%s %d - %s", good ? "ok" : "not ok", ++test_count, what);
    if (!good) {
        printf(" (%s:%d, errno %d %s)", file, line, e, strerror(e));
        test_failed++;
    }
    printf("\n");
    fflush(stdout);
    errno = e;
    return good;
}

#define ok(cond) test_report((cond), #cond, __FILE__, __LINE__)
/* The call fails with this errno. */
#define fails(call, err)                                                                           \
    (errno = 0,                                                                                    \
     test_report((call) == -1 && errno == (err), #call " fails: " #err, __FILE__, __LINE__))
#define skip(what) printf("ok %d - skipped: %s\n", ++test_count, what)

static inline int test_done(void)
{
    printf("1..%d\n", test_count);
    return test_failed != 0;
}

/* A fresh directory, made the current one, removed at exit. */
static char test_dir[80];
static pid_t test_owner;
static inline void test_remove_dir(void)
{
    char command[128];
    if (getpid() != test_owner || chdir("/"))
        return;
    snprintf(command, sizeof command, "rm -rf %s", test_dir);
    if (system(command))
        return;
}
static inline void test_use_dir(void)
{
    const char *parent = getenv("TEST_DIR");
    snprintf(test_dir, sizeof test_dir, "%.40s/demotic-test-XXXXXX", parent ? parent : "/tmp");
    test_owner = getpid();
    if (!mkdtemp(test_dir) || chdir(test_dir))
        exit(99);
    atexit(test_remove_dir);
}

static inline int test_make(const char *name, const char *text)
{
    int fd = open(name, O_CREAT | O_TRUNC | O_RDWR, 0644);
    if (fd >= 0 && write(fd, text, strlen(text)) < 0)
        return -1;
    return fd;
}

static inline double test_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static inline void test_sleep(double s)
{
    struct timespec t = {(time_t)s, (long)((s - (double)(time_t)s) * 1e9)};
    while (nanosleep(&t, &t) && errno == EINTR)
        ;
}
