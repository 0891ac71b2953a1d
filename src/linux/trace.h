/* --strace: one line a system call, as strace(1) prints it.
 *
 * A call that may sleep is shown up to its first result before it is made; if another thread prints
 * in between, the line is broken with "<unfinished ...>" and taken up with "<... name resumed>". */
#pragma once
#include "linux/sysrow.h"

#define TRACE_LINE 4096

/* One line in the making.  It is cut short rather than overflowed. */
struct trace_line {
    const struct abi *abi;
    const struct sys_row *row;
    const uint64_t *args;
    int64_t ret;
    unsigned arg;  /* the one being shown */
    unsigned next; /* first one not shown yet */
    bool after;    /* the call has been made */
    bool half;     /* the first half is printed already */
    unsigned len, printed;
    char text[TRACE_LINE];
};

extern bool trace_on;

/* Before and after the call; args must stay valid in between. */
void trace_enter(struct trace_line *l, const struct abi *abi, const struct sys_row *row, const uint64_t args[6]);
void trace_leave(struct trace_line *l, const struct sys_row *row, const uint64_t args[6],
                 int64_t ret);

/* Names of constants: the first `mask`ed match wins; ends with a NULL name. */
struct trace_name {
    uint64_t value;
    const char *name;
};

#define NAMES(n) extern const struct trace_name trace_names_##n[];
NAMES(whence)
NAMES(fcntl)
NAMES(epollop) NAMES(af) NAMES(sol) NAMES(sockopt) NAMES(shut) NAMES(clock) NAMES(itimer)
    NAMES(resource) NAMES(sighow) NAMES(madv) NAMES(prctl) NAMES(idtype) NAMES(sched) NAMES(ipccmd)
        NAMES(futex) NAMES(open) NAMES(at) NAMES(access) NAMES(prot) NAMES(map) NAMES(mremap)
            NAMES(clone) NAMES(msg) NAMES(wait) NAMES(eventfd) NAMES(timerfd) NAMES(inotify)
                NAMES(flock) NAMES(falloc) NAMES(xattr) NAMES(splice) NAMES(rename) NAMES(grnd)
                    NAMES(memfd) NAMES(rwf) NAMES(closerange) NAMES(statxmask) NAMES(socktype)
                        NAMES(ioctls) NAMES(sa) NAMES(ss) NAMES(epollev) NAMES(poll)
#undef NAMES
    /* "ENOENT", or NULL; "SIGSEGV", or NULL. */
    const char *trace_errno_name(int err);
const char *trace_signal_name(int sig);
