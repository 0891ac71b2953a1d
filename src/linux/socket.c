/* Sockets.  Numbers, options and structures are the same as the host's; what is not is the path in
 * an AF_UNIX address, which is translated on the way in and, where it lies in the root, on the way
 * out.
 *
 * Known limitation: the host path of a socket in a deep root may not fit into sun_path; it is then
 * named through a descriptor of its directory, which is what getsockname shows of it. */
#include "linux/convert.h"
#include "linux/path_arg.h"
#include "linux/sysrow.h"
#include "memory/memory.h"
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define PATH_OFFSET offsetof(struct sockaddr_un, sun_path)

/* A translated address and what it needs to stay valid. */
struct name_in {
    uint64_t addr, len; /* to hand to the host */
    int dir;            /* descriptor to close afterwards, or -1 */
    struct sockaddr_un un;
};

static void name_in_done(const struct name_in *n)
{
    if (n->dir >= 0)
        host(close, n->dir);
}

/* True if relative path `guest` leads to absolute path `path` on the host as it is: it then stays,
 * since the kernel keeps the text of a bound name. */
static bool same_place(const char *path, const char *guest)
{
    char cwd[PATH_MAX];
    if (guest[0] == '/' || host(getcwd, cwd, sizeof cwd) < 0)
        return false;
    size_t n = strlen(cwd);
    return !strncmp(path, cwd, n) && path[n] == '/' && !strcmp(path + n + 1, guest);
}

/* Prepares the address argument: the guest's own unless it is a path. 0 or -errno. */
static int name_in(struct thread *t, uint64_t addr, uint64_t len, unsigned flags, struct name_in *n)
{
    char guest[sizeof n->un.sun_path + 1], path[PATH_MAX];

    n->addr = addr;
    n->len = len;
    n->dir = -1;
    if (!addr || (uint32_t)len <= PATH_OFFSET || (uint32_t)len > sizeof n->un)
        return 0;
    if (!memory_read(&n->un, addr, (uint32_t)len))
        return -EFAULT;
    size_t size = (uint32_t)len - PATH_OFFSET;
    if (n->un.sun_family != AF_UNIX || !n->un.sun_path[0])
        return 0;
    memcpy(guest, n->un.sun_path, size);
    guest[size] = 0;
    int r = path_translate(t, AT_FDCWD, guest, flags, path);
    if (r < 0)
        return r;
    if (!strcmp(path, guest) || same_place(path, guest))
        return 0;
    if (strlen(path) >= sizeof n->un.sun_path) {
        char *slash = strrchr(path, '/');
        *slash = 0;
        int64_t dir = host(openat, AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (dir < 0)
            return (int)dir;
        n->dir = (int)dir;
        char named[PATH_MAX];
        if (snprintf(named, sizeof named, "/proc/self/fd/%d/%s", n->dir, slash + 1) >=
            (int)sizeof n->un.sun_path) {
            name_in_done(n);
            return -ENAMETOOLONG;
        }
        strcpy(path, named);
    }
    strcpy(n->un.sun_path, path);
    n->addr = (uint64_t)&n->un;
    n->len = PATH_OFFSET + strlen(path) + 1;
    return 0;
}

/* An address that the host has put at guest address addr, its length at len_addr: the root's prefix
 * is taken out. */
static void name_out(uint64_t addr, uint64_t len_addr)
{
    struct sockaddr_un un;
    uint32_t len;
    char path[sizeof un.sun_path + 1], guest[PATH_MAX];

    if (!path_root() || !addr || !memory_read(&len, len_addr, sizeof len) || len <= PATH_OFFSET)
        return;
    uint32_t size = len < sizeof un ? len : sizeof un;
    if (!memory_read(&un, addr, size) || un.sun_family != AF_UNIX || un.sun_path[0] != '/')
        return;
    memcpy(path, un.sun_path, size - PATH_OFFSET);
    path[size - PATH_OFFSET] = 0;
    path_to_guest(path, guest);
    if (!strcmp(path, guest))
        return;
    len = (uint32_t)(PATH_OFFSET + strlen(guest) + 1);
    memcpy(un.sun_path, guest, len - PATH_OFFSET);
    memory_write(addr, &un, len);
    memory_write(len_addr, &len, sizeof len);
}

int64_t sys_bind(struct thread *t, const uint64_t a[6])
{
    struct name_in n;
    int64_t r = name_in(t, a[1], a[2], PATH_CREATE | PATH_NOFOLLOW, &n);
    if (r < 0)
        return r;
    r = host(bind, a[0], n.addr, n.len);
    name_in_done(&n);
    return r;
}

int64_t sys_connect(struct thread *t, const uint64_t a[6])
{
    struct name_in n;
    int64_t r = name_in(t, a[1], a[2], 0, &n);
    if (r < 0)
        return r;
    r = sys_blocking(t, SYS_connect, a[0], n.addr, n.len, 0, 0, 0);
    name_in_done(&n);
    return r;
}

int64_t sys_sendto(struct thread *t, const uint64_t a[6])
{
    struct name_in n;
    int64_t r = name_in(t, a[4], a[5], 0, &n);
    if (r < 0)
        return r;
    r = sys_blocking(t, SYS_sendto, a[0], a[1], a[2], a[3], n.addr, n.len);
    name_in_done(&n);
    return r;
}

/* Calls that give an address through arguments at and at + 1. */
static int64_t with_name_out(struct thread *t, long nr, const uint64_t a[6], unsigned at)
{
    int64_t r = sys_blocking(t, nr, a[0], a[1], a[2], a[3], a[4], a[5]);
    if (r >= 0)
        name_out(a[at], a[at + 1]);
    return r;
}

int64_t sys_accept(struct thread *t, const uint64_t a[6])
{
    return with_name_out(t, SYS_accept, a, 1);
}

int64_t sys_accept4(struct thread *t, const uint64_t a[6])
{
    return with_name_out(t, SYS_accept4, a, 1);
}

int64_t sys_getsockname(struct thread *t, const uint64_t a[6])
{
    return with_name_out(t, SYS_getsockname, a, 1);
}

int64_t sys_getpeername(struct thread *t, const uint64_t a[6])
{
    return with_name_out(t, SYS_getpeername, a, 1);
}

int64_t sys_recvfrom(struct thread *t, const uint64_t a[6])
{
    return with_name_out(t, SYS_recvfrom, a, 4);
}

/* --- messages: only the name in struct msghdr may need a hand */

/* struct msghdr of i386, and where mmsghdr has the length. */
struct msghdr32 {
    uint32_t name, namelen, iov, iovlen, control, controllen, flags;
};

static size_t header_size(const struct thread *t)
{
    return t->process->abi->bits32 ? sizeof(struct msghdr32) : sizeof(struct msghdr);
}

/* From one header of a vector to the next. */
static size_t header_step(const struct thread *t)
{
    return t->process->abi->bits32 ? sizeof(struct msghdr32) + 4 : sizeof(struct mmsghdr);
}

/* The name in the header at msg. */
static bool header_name(const struct thread *t, uint64_t msg, uint64_t *name, uint64_t *len)
{
    struct msghdr32 small;
    struct msghdr h;

    if (t->process->abi->bits32) {
        if (!memory_read(&small, msg, sizeof small))
            return false;
        *name = small.name;
        *len = small.namelen;
        return true;
    }
    if (!memory_read(&h, msg, sizeof h))
        return false;
    *name = (uint64_t)h.msg_name;
    *len = h.msg_namelen;
    return true;
}

/* The sendmsg that this guest's host knows. */
static int64_t send_header(struct thread *t, uint64_t fd, uint64_t msg, uint64_t flags)
{
    if (t->process->abi->bits32)
        return sys_blocking32(t, sys_rows[SYS_ID_sendmsg].host_nr32, SYS_sendmsg, fd, msg, flags, 0, 0, 0);
    return sys_blocking(t, SYS_sendmsg, fd, msg, flags, 0, 0, 0);
}

static int64_t send_message(struct thread *t, uint64_t fd, uint64_t msg, uint64_t flags)
{
    struct msghdr32 small;
    struct msghdr h;
    struct name_in n;
    uint64_t name, len;

    if (!header_name(t, msg, &name, &len))
        return -EFAULT;
    int64_t r = name_in(t, name, len, 0, &n);
    if (r < 0)
        return r;
    if (n.addr != name && t->process->abi->bits32) {
        if (!memory_read(&small, msg, sizeof small))
            return -EFAULT;
        small.name = (uint32_t)sys_low(t, 0, (void *)n.addr, n.len);
        small.namelen = (uint32_t)n.len;
        msg = sys_low(t, 1, &small, sizeof small);
    } else if (n.addr != name) {
        if (!memory_read(&h, msg, sizeof h))
            return -EFAULT;
        h.msg_name = (void *)n.addr;
        h.msg_namelen = (socklen_t)n.len;
        msg = (uint64_t)&h;
    }
    r = send_header(t, fd, msg, flags);
    name_in_done(&n);
    return r;
}

int64_t sys_sendmsg(struct thread *t, const uint64_t a[6])
{
    if (!path_root())
        return sys_row_wait(t, a[0], a[1], a[2], 0, 0, 0);
    return send_message(t, a[0], a[1], a[2]);
}

int64_t sys_sendmmsg(struct thread *t, const uint64_t a[6])
{
    uint32_t n = (uint32_t)a[2], i;
    bool unix_names = false;

    if (n > 1024)
        n = 1024; /* as the kernel does */
    for (i = 0; path_root() && i < n && !unix_names; i++) {
        sa_family_t family;
        uint64_t name, len;
        unix_names = header_name(t, a[1] + i * header_step(t), &name, &len) && name && memory_read(&family, name, sizeof family) &&
                     family == AF_UNIX;
    }
    if (!unix_names)
        return sys_row_wait(t, a[0], a[1], a[2], a[3], 0, 0);
    for (i = 0; i < n; i++) {
        uint64_t at = a[1] + i * header_step(t);
        int64_t r = send_message(t, a[0], at, a[3]);
        uint32_t len = (uint32_t)r;
        if (r >= 0 && !memory_write(at + header_size(t), &len, sizeof len))
            r = -EFAULT;
        if (r < 0)
            return i ? (int64_t)i : r;
    }
    return n;
}

static void message_name_out(const struct thread *t, uint64_t msg)
{
    size_t len_at = t->process->abi->bits32 ? offsetof(struct msghdr32, namelen) : offsetof(struct msghdr, msg_namelen);
    uint64_t name, len;

    if (path_root() && header_name(t, msg, &name, &len) && name)
        name_out(name, msg + len_at);
}

int64_t sys_recvmsg(struct thread *t, const uint64_t a[6])
{
    int64_t r = sys_row_wait(t, a[0], a[1], a[2], 0, 0, 0);
    if (r >= 0)
        message_name_out(t, a[1]);
    return r;
}

int64_t sys_recvmmsg(struct thread *t, const uint64_t a[6])
{
    int64_t r = sys_row_wait(t, a[0], a[1], a[2], a[3], a[4], 0);
    for (int64_t i = 0; i < r; i++)
        message_name_out(t, a[1] + (uint64_t)i * header_step(t));
    return r;
}

int64_t sys_recvmmsg_time64(struct thread *t, const uint64_t a[6])
{
    return sys_recvmmsg(t, a);
}
