/* Calls on descriptors: making, copying and closing them, fcntl, ioctl, poll and epoll.
 *
 * Guest and host share one descriptor table.  Demotic's own descriptors (fd.h) are in it; to the
 * calls that could close or replace one it is not open. */
#include "linux/convert.h"
#include "support/fd.h"
#include "linux/proc.h"
#include "linux/sysrow.h"
#include "memory/memory.h"
#include <limits.h>
#include <string.h>
#include <sys/epoll.h>

#define I386_F_SETLKW64 14

int64_t sys_close(struct thread *t, const uint64_t a[6])
{
    return fd_is_own((int)a[0]) ? -EBADF : host(close, a[0]);
}

int64_t sys_close_range(struct thread *t, const uint64_t a[6])
{
    unsigned first = (unsigned)a[0], last = (unsigned)a[1];
    int own[FD_OWN_MAX];

    if (first > last)
        return -EINVAL;
    unsigned n = fd_own_list(first, last, own, FD_OWN_MAX);
    for (unsigned i = 0; i < n; i++) {
        if ((unsigned)own[i] > first) {
            int64_t r = host(close_range, first, own[i] - 1, a[2]);
            if (r < 0)
                return r;
        }
        first = (unsigned)own[i] + 1;
    }
    return n && first > last ? 0 : host(close_range, first, last, a[2]);
}

int64_t sys_getdents64(struct thread *t, const uint64_t a[6])
{
    int64_t n, left;
    do { /* 0 is the end: not to be said while there is more */
        n = sys_row_call(t, a[0], a[1], a[2], 0, 0, 0);
        left = n > 0 ? proc_filter_entries((int)a[0], a[1], n) : n;
    } while (n > 0 && left == 0);
    return left;
}

int64_t sys_dup(struct thread *t, const uint64_t a[6])
{
    return fd_is_own((int)a[0]) ? -EBADF : host(dup, a[0]);
}

int64_t sys_dup2(struct thread *t, const uint64_t a[6])
{
    return fd_is_own((int)a[0]) || fd_is_own((int)a[1]) ? -EBADF : host(dup2, a[0], a[1]);
}

int64_t sys_dup3(struct thread *t, const uint64_t a[6])
{
    return fd_is_own((int)a[0]) || fd_is_own((int)a[1]) ? -EBADF : host(dup3, a[0], a[1], a[2]);
}

int64_t sys_pipe2(struct thread *t, const uint64_t a[6])
{
    return host(pipe2, a[0], open_flags_to_host(t, (uint32_t)a[1]));
}

int64_t sys_pipe(struct thread *t, const uint64_t a[6])
{
    return host(pipe2, a[0], 0);
}

int64_t sys_fcntl(struct thread *t, const uint64_t a[6])
{
    int64_t r;

    if (fd_is_own((int)a[0]))
        return -EBADF;
    switch ((int)a[1]) {
    case F_GETFL:
        r = host(fcntl, a[0], F_GETFL);
        return r < 0 ? r : (int64_t)open_flags_to_guest(t, (uint64_t)r);
    case F_SETFL:
        return host(fcntl, a[0], F_SETFL, open_flags_to_host(t, (uint32_t)a[2]));
    case F_SETLKW:
    case F_OFD_SETLKW:
    case I386_F_SETLKW64:
        return sys_row_wait(t, a[0], a[1], a[2], 0, 0, 0);
    default: /* commands and structures are the same */
        return sys_row_call(t, a[0], a[1], a[2], 0, 0, 0);
    }
}

int64_t sys_fcntl64(struct thread *t, const uint64_t a[6])
{
    return sys_fcntl(t, a);
}

/* Requests and their structures are the same on all generic 64-bit ABIs and x86-64. */
int64_t sys_ioctl(struct thread *t, const uint64_t a[6])
{
    return sys_row_wait(t, a[0], a[1], a[2], 0, 0, 0);
}

/* --- poll and its kin; the kernel swaps the mask and writes back the time left */

int64_t sys_ppoll(struct thread *t, const uint64_t a[6])
{
    uint64_t set;
    const uint64_t *mask;
    int r = signal_temporary_mask(t, a[3], a[4], &set, &mask);
    if (r < 0)
        return r;
    return sys_row_wait(t, a[0], a[1], a[2], mask ? sys_low(t, 2, mask, sizeof set) : 0, sizeof set, 0);
}

int64_t sys_ppoll_time64(struct thread *t, const uint64_t a[6])
{
    return sys_ppoll(t, a);
}

/* The pair of a sigset's address and size that pselect6 and io_pgetevents take: read, and again for the host in *host (0 if addr
 * is). */
static int sigset_arg(struct thread *t, uint64_t addr, uint64_t *host)
{
    bool small = t->process->abi->bits32;
    uint64_t guest[2] = {0, 0}, set;
    uint32_t guest32[2] = {0, 0};
    const uint64_t *mask;

    *host = 0;
    if (!addr)
        return 0;
    if (small ? !memory_read(guest32, addr, sizeof guest32) : !memory_read(guest, addr, sizeof guest))
        return -EFAULT;
    if (small) {
        guest[0] = guest32[0];
        guest[1] = guest32[1];
    }
    int r = signal_temporary_mask(t, guest[0], guest[1], &set, &mask);
    if (r < 0)
        return r;
    /* The set behind the pair, both where the kernel can read them. */
    uint64_t pair[3] = {0, sizeof set, set};
    uint32_t pair32[4] = {0, sizeof set, (uint32_t)set, (uint32_t)(set >> 32)};
    if (small) {
        *host = sys_low(t, 2, pair32, sizeof pair32);
        pair32[0] = mask ? (uint32_t)(*host + 8) : 0;
        *host = sys_low(t, 2, pair32, sizeof pair32);
    } else {
        pair[0] = mask ? (uint64_t)&t->sigset_pair[2] : 0;
        memcpy(t->sigset_pair, pair, sizeof pair);
        *host = (uint64_t)t->sigset_pair;
    }
    return 0;
}

int64_t sys_pselect6(struct thread *t, const uint64_t a[6])
{
    uint64_t arg;
    int r = sigset_arg(t, a[5], &arg);
    return r < 0 ? r : sys_row_wait(t, a[0], a[1], a[2], a[3], a[4], arg);
}

int64_t sys_pselect6_time64(struct thread *t, const uint64_t a[6])
{
    return sys_pselect6(t, a);
}

int64_t sys_io_pgetevents(struct thread *t, const uint64_t a[6])
{
    return sys_pselect6(t, a);
}

int64_t sys_io_pgetevents_time64(struct thread *t, const uint64_t a[6])
{
    return sys_pselect6(t, a);
}

int64_t sys_epoll_ctl(struct thread *t, const uint64_t a[6])
{
    struct generic_epoll_event g;
    struct epoll_event e;

    if (t->process->abi->kind != ABI_ARM64)
        return host(epoll_ctl, a[0], a[1], a[2], a[3]);
    if ((int)a[1] == EPOLL_CTL_DEL)
        return host(epoll_ctl, a[0], a[1], a[2], 0);
    if (!memory_read(&g, a[3], sizeof g))
        return -EFAULT;
    e.events = g.events;
    e.data.u64 = g.data;
    return host(epoll_ctl, a[0], a[1], a[2], &e);
}

/* n packed events at addr, as the host wrote them, to the guest's larger ones in the same place:
 * from the end, so that none is overwritten before it was read. */
static bool epoll_expand(uint64_t addr, int64_t n)
{
    struct epoll_event in[64];
    struct generic_epoll_event out[64];
    while (n > 0) {
        int64_t count = n < 64 ? n : 64;
        n -= count;
        if (!memory_read(in, addr + (uint64_t)n * sizeof in[0], (size_t)count * sizeof in[0]))
            return false;
        for (int64_t i = 0; i < count; i++)
            out[i] = (struct generic_epoll_event){in[i].events, 0, in[i].data.u64};
        if (!memory_write(addr + (uint64_t)n * sizeof out[0], out, (size_t)count * sizeof out[0]))
            return false;
    }
    return true;
}

static int64_t epoll_wait_common(struct thread *t, long nr, const uint64_t a[6])
{
    uint64_t set;
    const uint64_t *mask;
    int max = (int)a[2];

    bool packed = t->process->abi->kind != ABI_ARM64; /* as the host's */

    if (max <= 0 || max > INT_MAX / (int)sizeof(struct generic_epoll_event))
        return -EINVAL;
    int e = signal_temporary_mask(t, a[4], a[5], &set, &mask);
    if (e < 0)
        return e;
    int64_t n = sys_blocking(t, nr, a[0], a[1], (uint64_t)max, a[3], (uint64_t)mask, sizeof set);
    return n > 0 && !packed && !epoll_expand(a[1], n) ? -EFAULT : n;
}

int64_t sys_epoll_pwait(struct thread *t, const uint64_t a[6])
{
    return epoll_wait_common(t, SYS_epoll_pwait, a);
}

int64_t sys_epoll_pwait2(struct thread *t, const uint64_t a[6])
{
    return epoll_wait_common(t, SYS_epoll_pwait2, a);
}
