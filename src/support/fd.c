/* The list of Demotic's own descriptors.
 *
 * They are moved just above the soft limit, which is raised for the moment of the move: the guest
 * can then neither be given these numbers nor reach them with dup2.  Where hard and soft limit are
 * equal they lie at the upper end below it.  But the kernel copies the table of descriptors up to the
 * highest at each fork: where the limit is large (some systems say a million) they lie below
 * FD_OWN_MOST, where the guest is not given them either, and dup2 to them fails with EBADF.
 *
 * The list is a fixed array of atomics, so that it can be read anywhere. */
#include "support/fd.h"
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <unistd.h>

#define FD_OWN_LEAST 1000
#define FD_OWN_MOST  4096

static _Atomic int own[FD_OWN_MAX]; /* fd + 1, 0: free */

static bool own_add(int fd)
{
    for (unsigned i = 0; i < FD_OWN_MAX; i++) {
        int free_slot = 0;
        if (atomic_compare_exchange_strong(&own[i], &free_slot, fd + 1))
            return true;
    }
    return false;
}

int fd_own(int fd)
{
    struct rlimit old, room;

    if (fd < 0 || getrlimit(RLIMIT_NOFILE, &old) < 0)
        return fd;
    uint64_t from = old.rlim_cur > FD_OWN_MAX ? old.rlim_cur - FD_OWN_MAX : 3;
    /* A program that lowers its limit still knows the descriptors that were above it. */
    uint64_t above = old.rlim_cur < FD_OWN_LEAST ? FD_OWN_LEAST : old.rlim_cur;

    room = old;
    if (above >= FD_OWN_MOST) {
        from = FD_OWN_MOST - FD_OWN_MAX;
    } else if (old.rlim_max >= above + 2 * FD_OWN_MAX) {
        room.rlim_cur = above + 2 * FD_OWN_MAX;
        if (setrlimit(RLIMIT_NOFILE, &room) == 0)
            from = above;
        else
            room = old;
    }
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, (int)from);
    if (room.rlim_cur != old.rlim_cur)
        setrlimit(RLIMIT_NOFILE, &old);
    if (moved < 0)
        return fd;
    close(fd);
    own_add(moved);
    return moved;
}

void fd_own_close(int fd)
{
    if (fd < 0)
        return;
    for (unsigned i = 0; i < FD_OWN_MAX; i++) {
        int value = fd + 1;
        if (atomic_compare_exchange_strong(&own[i], &value, 0))
            break;
    }
    close(fd);
}

bool fd_is_own(int fd)
{
    for (unsigned i = 0; fd >= 0 && i < FD_OWN_MAX; i++)
        if (atomic_load_explicit(&own[i], memory_order_relaxed) == fd + 1)
            return true;
    return false;
}

unsigned fd_own_list(unsigned first, unsigned last, int *out, unsigned max)
{
    unsigned n = 0;
    for (unsigned i = 0; i < FD_OWN_MAX; i++) {
        int fd = atomic_load(&own[i]) - 1;
        if (fd < 0 || (unsigned)fd < first || (unsigned)fd > last || n == max)
            continue;
        unsigned at = n++;
        for (; at && out[at - 1] > fd; at--)
            out[at] = out[at - 1];
        out[at] = fd;
    }
    return n;
}
