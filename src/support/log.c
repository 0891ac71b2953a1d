/* Messages to the person.
 *
 * Each message is formatted on the stack and written by one write(2), so that lines of several
 * threads and processes do not mix.  Formatting is the C library's vsnprintf, which takes no lock
 * and allocates nothing for the conversions used here (no floating point, no positional arguments):
 * that is what makes it usable in signal handlers.  Messages longer than the buffer are cut. */
#include "support/log.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOG_LINE_MAX 2048
#define LOG_ONCE_MAX 1024 /* power of two */

static int log_descriptor = STDERR_FILENO;
static uintptr_t log_seen[LOG_ONCE_MAX]; /* key + 1, 0 free */

void log_set_fd(int fd)
{
    __atomic_store_n(&log_descriptor, fd, __ATOMIC_RELAXED);
}

int log_fd(void)
{
    return __atomic_load_n(&log_descriptor, __ATOMIC_RELAXED);
}

/* A reader that has gone is neither a signal of the guest's (SIGPIPE) nor anything to go on writing for. */
void log_put(int fd, const char *text, size_t n)
{
    static int gone = -1;
    const struct timespec now = {0};
    sigset_t pipe_signal, before, pending;
    int saved = errno;

    if (__atomic_load_n(&gone, __ATOMIC_RELAXED) == fd)
        return;
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
    while (n) {
        ssize_t done = write(fd, text, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0 && errno == EPIPE) {
            __atomic_store_n(&gone, fd, __ATOMIC_RELAXED);
            /* Where the guest blocks it, one may have been its own: two are one to the kernel. */
            if (!sigismember(&before, SIGPIPE) && !sigpending(&pending) && sigismember(&pending, SIGPIPE))
                sigtimedwait(&pipe_signal, NULL, &now);
        }
        if (done <= 0)
            break;
        text += done;
        n -= (size_t)done;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = saved;
}

static void log_format(const char *prefix, const char *fmt, va_list ap)
{
    char line[LOG_LINE_MAX];
    size_t n = strlen(prefix), room = sizeof(line) - n - 1;
    int saved = errno, wanted;

    memcpy(line, prefix, n);
    wanted = vsnprintf(line + n, room, fmt, ap);
    if (wanted > 0)
        n += (size_t)wanted < room ? (size_t)wanted : room - 1;
    if (*prefix && line[n - 1] != '\n')
        line[n++] = '\n';
    log_put(log_fd(), line, n);
    errno = saved;
}

void log_warn(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    log_format("demotic: ", fmt, ap);
    va_end(ap);
}

/* True the first time; when the table is full, always. */
static bool log_first(uintptr_t key)
{
    uintptr_t mine = key + 1;

    if (!mine)
        mine = 1;
    for (size_t i = 0, at = (mine * 0x9e3779b97f4a7c15u) >> 40; i < LOG_ONCE_MAX; i++, at++) {
        uintptr_t *p = &log_seen[at & (LOG_ONCE_MAX - 1)], found = 0;
        if (__atomic_compare_exchange_n(p, &found, mine, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
            return true;
        if (found == mine)
            return false;
    }
    return true;
}

void log_once(uintptr_t key, const char *fmt, ...)
{
    va_list ap;

    if (!log_first(key))
        return;
    va_start(ap, fmt);
    log_format("demotic: ", fmt, ap);
    va_end(ap);
}

void log_die(int status, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    log_format("demotic: ", fmt, ap);
    va_end(ap);
    exit(status);
}

void log_raw(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    log_format("", fmt, ap);
    va_end(ap);
}
