/* System calls that only the x86 ABIs have and that are not about files: segments and thread-local storage, i386's
 * multiplexers, old forms of uname.
 *
 * Limitations: local descriptors are data segments with a base, of 32 bits; their limits and rights are kept and not enforced. */
#include "linux/x86.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "engine/engine.h"
#include "guest/x86/state.h"
#include "linux/hostcall.h"
#include "linux/process.h"
#include "linux/sysrow.h"
#include "memory/memory.h"

#define ARCH_SET_GS 0x1001
#define ARCH_SET_FS 0x1002
#define ARCH_GET_FS 0x1003
#define ARCH_GET_GS 0x1004

int64_t sys_arch_prctl(struct thread *t, const uint64_t a[6])
{
    struct x86_state *s = x86_state(t->cpu);
    unsigned segment = (int)a[0] == ARCH_SET_FS || (int)a[0] == ARCH_GET_FS ? X86_FS : X86_GS;

    if (t->process->abi->bits32)
        return -EINVAL;
    switch ((int)a[0]) {
    case ARCH_SET_FS:
    case ARCH_SET_GS:
        if (a[1] >= MEMORY_END)
            return -EPERM;
        s->base[segment] = a[1];
        s->selector[segment] = 0;
        return 0;
    case ARCH_GET_FS:
    case ARCH_GET_GS:
        return memory_write(a[1], &s->base[segment], 8) ? 0 : -EFAULT;
    default:
        return -EINVAL;
    }
}

/* struct user_desc; the flags' bits. */
struct user_desc32 {
    uint32_t entry, base, limit, flags;
};
#define DESC_32BIT       1u
#define DESC_CONTENTS    6u
#define DESC_READ_ONLY   8u
#define DESC_PAGES       16u
#define DESC_NOT_PRESENT 32u
#define DESC_USEABLE     64u

/* As the kernel tells a descriptor that is to be cleared. */
static bool desc_empty(const struct user_desc32 *d)
{
    uint32_t flags = d->flags & 0x7f;

    return !d->base && !d->limit && (flags == (DESC_READ_ONLY | DESC_NOT_PRESENT) || !flags);
}

int64_t sys_set_thread_area(struct thread *t, const uint64_t a[6])
{
    struct user_desc32 d;
    unsigned i = 0;

    if (!t->process->abi->bits32)
        return -ENOSYS;
    if (!memory_read(&d, a[0], sizeof(d)))
        return -EFAULT;
    if (d.entry == UINT32_MAX) {
        while (i < 3 && (t->tls[i].base | t->tls[i].limit | t->tls[i].flags))
            i++;
        if (i == 3)
            return -ESRCH;
        d.entry = X86_TLS_FIRST + i;
        if (!memory_write(a[0], &d.entry, 4))
            return -EFAULT;
    }
    i = d.entry - X86_TLS_FIRST;
    if (i >= 3)
        return -EINVAL;
    if (desc_empty(&d))
        t->tls[i] = (struct thread_tls){0};
    else
        t->tls[i] = (struct thread_tls){d.base, d.limit, d.flags & 0x7f};
    i386_tls_load(t->cpu, i, &t->tls[i]);
    return 0;
}

int64_t sys_get_thread_area(struct thread *t, const uint64_t a[6])
{
    struct user_desc32 d;

    if (!t->process->abi->bits32)
        return -ENOSYS;
    if (!memory_read(&d, a[0], sizeof(d)))
        return -EFAULT;
    unsigned i = d.entry - X86_TLS_FIRST;

    if (i >= 3)
        return -EINVAL;
    d = (struct user_desc32){d.entry, t->tls[i].base, t->tls[i].limit, t->tls[i].flags};
    if (!(d.base | d.limit | d.flags))
        d.flags = DESC_READ_ONLY | DESC_NOT_PRESENT;
    return memory_write(a[0], &d, sizeof(d)) ? 0 : -EFAULT;
}

/* How many entries of the local descriptor table were ever written. */
static unsigned ldt_count;
static pthread_mutex_t ldt_lock = PTHREAD_MUTEX_INITIALIZER;

uint64_t x86_descriptor(uint32_t base, uint32_t limit, uint32_t flags)
{
    if (!(base | limit | flags))
        return 0;
    /* A segment, accessed; contents and writable. */
    uint64_t type = 0x11 | (flags & DESC_CONTENTS) << 1 | (flags & DESC_READ_ONLY ? 0 : 2);
    uint64_t v = (limit & 0xffff) | (uint64_t)(base & 0xffffff) << 16 | type << 40 | 3ull << 45;
    v |= flags & DESC_NOT_PRESENT ? 0 : 1ull << 47;
    v |= (uint64_t)(limit >> 16 & 15) << 48 | (uint64_t)(base >> 24) << 56;
    v |= flags & DESC_USEABLE ? 1ull << 52 : 0;
    v |= flags & DESC_32BIT ? 1ull << 54 : 0;
    return v | (flags & DESC_PAGES ? 1ull << 55 : 0);
}

static int64_t ldt_read(uint64_t to, uint64_t size)
{
    pthread_mutex_lock(&ldt_lock);
    /* nothing, or as much as was asked for, whether there are so many entries or not */
    uint64_t most = ldt_count ? X86_LDT_ENTRIES * 8ull : 0, n = size < most ? size : most;
    bool good = true;

    for (unsigned i = 0; good && i * 8 < n; i++) {
        uint64_t d = x86_ldt_get(i);
        good = memory_write(to + i * 8, &d, n - i * 8 < 8 ? n - i * 8 : 8);
    }

    pthread_mutex_unlock(&ldt_lock);
    return good ? (int64_t)n : -EFAULT;
}

static int64_t ldt_write(uint64_t from, uint64_t size, bool old)
{
    struct user_desc32 d;

    if (size != sizeof(d))
        return -EINVAL;
    if (!memory_read(&d, from, sizeof(d)))
        return -EFAULT;
    if (d.entry >= X86_LDT_ENTRIES || ((d.flags & DESC_CONTENTS) == DESC_CONTENTS && (old || !(d.flags & DESC_NOT_PRESENT))))
        return -EINVAL;
    bool clear = (old && !d.base && !d.limit) || desc_empty(&d);

    if (!clear && !(d.flags & DESC_32BIT))
        return -EINVAL; /* no 16-bit segments */
    pthread_mutex_lock(&ldt_lock);
    if (old) /* which knows no such bit */
        d.flags &= ~DESC_USEABLE;
    x86_ldt_set(d.entry, clear ? 0 : x86_descriptor(d.base, d.limit, d.flags));
    if (d.entry >= ldt_count)
        ldt_count = d.entry + 1;
    pthread_mutex_unlock(&ldt_lock);
    return 0;
}

int64_t sys_modify_ldt(struct thread *t, const uint64_t a[6])
{
    switch ((int)a[0]) {
    case 0:
        return ldt_read(a[1], a[2]);
    case 1:
        return ldt_write(a[1], a[2], true);
    case 0x11:
        return ldt_write(a[1], a[2], false);
    case 2: { /* the default one: empty */
        static const uint64_t zero[16];
        uint64_t n = a[2] < sizeof(zero) ? a[2] : sizeof(zero);

        return memory_write(a[1], zero, n) ? (int64_t)n : -EFAULT;
    }
    default:
        return -ENOSYS;
    }
}

/* ---- multiplexers ------------------------------------------------------------------------------------------------------ */

int64_t sys_socketcall(struct thread *t, const uint64_t a[6])
{
    static const struct {
        uint8_t count;
        uint16_t id;
    } calls[] = {
        [1] = {3, SYS_ID_socket},       [2] = {3, SYS_ID_bind},        [3] = {3, SYS_ID_connect},     [4] = {2, SYS_ID_listen},
        [5] = {3, SYS_ID_accept4},      [6] = {3, SYS_ID_getsockname}, [7] = {3, SYS_ID_getpeername}, [8] = {4, SYS_ID_socketpair},
        [9] = {4, SYS_ID_sendto},       [10] = {4, SYS_ID_recvfrom},   [11] = {6, SYS_ID_sendto},     [12] = {6, SYS_ID_recvfrom},
        [13] = {2, SYS_ID_shutdown},    [14] = {5, SYS_ID_setsockopt}, [15] = {5, SYS_ID_getsockopt}, [16] = {3, SYS_ID_sendmsg},
        [17] = {3, SYS_ID_recvmsg},     [18] = {4, SYS_ID_accept4},    [19] = {5, SYS_ID_recvmmsg},   [20] = {4, SYS_ID_sendmmsg},
    };
    uint64_t which = (uint32_t)a[0], args[6] = {0};
    uint32_t packed[6];

    if (which < 1 || which >= ARRAY_LEN(calls))
        return -EINVAL;
    if (!memory_read(packed, a[1], calls[which].count * 4u))
        return -EFAULT;
    for (unsigned i = 0; i < calls[which].count; i++)
        args[i] = packed[i];
    return sys_dispatch_id(t, calls[which].id, args);
}

#define IPC_SHMAT 21u
#define IPC_SHMDT 22u

int64_t sys_ipc(struct thread *t, const uint64_t a[6])
{
    switch ((uint32_t)a[0] & 0xffff) {
    case IPC_SHMAT: { /* call, id, flags, where to store the address, address */
        const uint64_t args[6] = {a[1], a[4], a[2]};

        if ((uint32_t)a[0] >> 16 == 1)
            return -EINVAL;
        int64_t at = sys_dispatch_id(t, SYS_ID_shmat, args);
        uint32_t small = (uint32_t)at;

        if (at < 0 && at > -4096)
            return at;
        return memory_write(a[3], &small, 4) ? 0 : -EFAULT;
    }
    case IPC_SHMDT: {
        const uint64_t args[6] = {a[4]};

        return sys_dispatch_id(t, SYS_ID_shmdt, args);
    }
    default:
        return sys_row_wait(t, a[0], a[1], a[2], a[3], a[4], a[5]);
    }
}

/* ---- old forms of uname: the first five names, of 65 or 9 bytes each --------------------------------------------------------- */

static int64_t old_uname(const struct thread *t, uint64_t to, unsigned size)
{
    struct utsname u;
    char out[5][65];
    int64_t r = host(uname, &u);

    if (r < 0)
        return r;
    const char *names[5] = {u.sysname, u.nodename, u.release, u.version, t->process->abi->machine};

    memset(out, 0, sizeof(out));
    for (unsigned i = 0; i < 5; i++)
        snprintf((char *)out + i * size, size, "%s", names[i]);
    return memory_write(to, out, 5 * size) ? 0 : -EFAULT;
}

int64_t sys_olduname(struct thread *t, const uint64_t a[6])
{
    return old_uname(t, a[0], 65);
}

int64_t sys_oldolduname(struct thread *t, const uint64_t a[6])
{
    return old_uname(t, a[0], 9);
}
