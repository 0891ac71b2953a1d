/* The other end of tools/disas.c: a socket pair, requests of a header and bytes, answers of text that ends
 * with a NUL.
 *
 * The guest must not notice the helper: it is started with no exit signal and by way of a child that
 * ends at once, so that it is init's child; the descriptor is close-on-exec and as high as it may be.
 * The helper is searched in $DEMOTIC_DISAS, beside the program, in ../libexec/demotic, and where a build
 * tree has it. */
#include "debug/disassemble.h"
#include "support/fd.h"
#include "support/log.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__x86_64__)
#define HOST_ARCH "x86_64"
#elif defined(__aarch64__)
#define HOST_ARCH "aarch64"
#else
#define HOST_ARCH "unknown"
#endif

static int helper = -1;  /* our end */
static int helper_owner; /* pid that started it: a forked child has its own */
static bool failed;

static bool find_helper(char out[PATH_MAX])
{
    static const char *const places[] = {"", "../libexec/demotic/", "tools/"};
    const char *named = getenv("DEMOTIC_DISAS");
    if (named != NULL) {
        snprintf(out, PATH_MAX, "%s", named);
        return access(out, X_OK) == 0;
    }
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0)
        return false;
    self[n] = '\0';
    *strrchr(self, '/') = '\0';
    for (unsigned i = 0; i < ARRAY_LEN(places); i++)
        if (snprintf(out, PATH_MAX, "%s/%sdemotic-disas", self, places[i]) < PATH_MAX && access(out, X_OK) == 0)
            return true;
    return false;
}

/* A fork whose end raises no signal. */
static pid_t quiet_fork(void)
{
    return (pid_t)syscall(SYS_clone, 0, NULL, NULL, NULL, NULL);
}

static bool start_helper(void)
{
    char path[PATH_MAX];
    char *argv[] = {(char *)"demotic-disas", (char *)HOST_ARCH, NULL}, *envp[] = {NULL};
    int pair[2];
    if (!find_helper(path)) {
        log_warn("no demotic-disas beside the program (it is built where Capstone is installed): host code is shown as bytes");
        return false;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return false;
    pid_t child = quiet_fork();
    if (child == 0) {
        if (quiet_fork() != 0)
            _exit(0);
        if (dup2(pair[1], 0) == 0 && dup2(pair[1], 1) == 1)
            execve(path, argv, envp);
        _exit(127);
    }
    close(pair[1]);
    if (child > 0)
        while (waitpid(child, NULL, __WALL) < 0 && errno == EINTR)
            ;
    helper = fd_own(pair[0]);
    helper_owner = getpid();
    return child > 0;
}

static bool transfer(void *data, size_t size, bool out)
{
    char *p = data;
    while (size != 0) {
        ssize_t n = out ? send(helper, p, size, MSG_NOSIGNAL) : recv(helper, p, size, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        p += n;
        size -= (size_t)n;
    }
    return true;
}

/* Reads text up to its NUL and logs its lines. */
static bool log_answer(void)
{
    char line[512];
    size_t n = 0;
    for (;;) {
        char c;
        if (!transfer(&c, 1, false))
            return false;
        if (c == '\0')
            return true;
        if (c == '\n' || n == sizeof line - 1) {
            log_raw("    %.*s\n", (int)n, line);
            n = 0;
        }
        if (c != '\n')
            line[n++] = c;
    }
}

static void log_bytes(const uint8_t *code, size_t size)
{
    for (size_t at = 0; at < size; at += 16) {
        char text[64] = "";
        for (size_t i = at; i < at + 16 && i < size; i++)
            snprintf(text + 3 * (i - at), 4, " %02x", code[i]);
        log_raw("    %012llx:%s\n", (unsigned long long)(uintptr_t)(code + at), text);
    }
}

void disassemble_host(const uint8_t *code, size_t size)
{
    if (!failed && (helper < 0 || helper_owner != getpid()))
        failed = !start_helper();
    uint64_t header[2] = {(uint64_t)(uintptr_t)code, size};
    if (!failed && transfer(header, sizeof header, true) && transfer((void *)(uintptr_t)code, size, true) && log_answer())
        return;
    failed = true;
    log_bytes(code, size);
}
