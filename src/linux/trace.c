/* --strace: formats a system call from the kinds in its row.
 *
 * Everything is read through memory_read, so that a bad pointer shows as an address.  A structure's
 * fields are those that tell something, not all.  Lines are built in a buffer and written with one
 * write, two for a call that may sleep; `open_line` says which thread's first half stands at the
 * end of the log. */
#include "linux/trace.h"
#include "linux/convert.h"
#include "memory/memory.h"
#include "support/log.h"
#include <arpa/inet.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#define SHOWN_BYTES 32   /* of a buffer */
#define SHOWN_ITEMS 16   /* of an array */
#define SHOWN_PATH  1024 /* characters of a string */

bool trace_on;
static _Atomic int open_line; /* tid, 0: the log is at a line's start */

struct kind {
    void (*show)(struct trace_line *l, uint64_t v, const struct trace_name *names);
    const struct trace_name *names;
    bool out;
};

static void put(struct trace_line *l, const char *fmt, ...) PRINTF(2, 3);
static void put(struct trace_line *l, const char *fmt, ...)
{
    va_list ap;
    unsigned room = TRACE_LINE - 80; /* the result and the end always fit */
    if (l->len >= room)
        return;
    va_start(ap, fmt);
    int n = vsnprintf(l->text + l->len, room - l->len, fmt, ap);
    va_end(ap);
    if (n > 0)
        l->len = l->len + (unsigned)n < room ? l->len + (unsigned)n : room - 1;
}

/* The argument `ahead` places after the one being shown. */
static uint64_t arg_after(const struct trace_line *l, unsigned ahead)
{
    return l->arg + ahead < 6 ? l->args[l->arg + ahead] : 0;
}

/* --- plain values */

static void show_int(struct trace_line *l, uint64_t v, const struct trace_name *names)
{
    put(l, "%d", (int)v);
}
static void show_uint(struct trace_line *l, uint64_t v, const struct trace_name *names)
{
    put(l, "%u", (unsigned)v);
}
static void show_long(struct trace_line *l, uint64_t v, const struct trace_name *names)
{
    put(l, "%ld", (long)v);
}
static void show_ulong(struct trace_line *l, uint64_t v, const struct trace_name *names)
{
    put(l, "%lu", v);
}
static void show_hex(struct trace_line *l, uint64_t v, const struct trace_name *names)
{
    put(l, v < 10 ? "%lu" : "%#lx", v);
}
static void show_ptr(struct trace_line *l, uint64_t v, const struct trace_name *names)
{
    if (v)
        put(l, "%#lx", v);
    else
        put(l, "NULL");
}
static void show_fd(struct trace_line *l, uint64_t v, const struct trace_name *names)
{
    put(l, "%d", (int)v);
}
static void show_dirfd(struct trace_line *l, uint64_t v, const struct trace_name *names)
{
    if ((int)v == AT_FDCWD)
        put(l, "AT_FDCWD");
    else
        put(l, "%d", (int)v);
}
static void show_mode(struct trace_line *l, uint64_t v, const struct trace_name *names)
{
    put(l, "%#03o", (unsigned)v);
}
static void show_dev(struct trace_line *l, uint64_t v, const struct trace_name *names)
{
    put(l, "makedev(%#x, %#x)", major(v), minor(v));
}

static void put_signal(struct trace_line *l, int sig)
{
    const char *name = trace_signal_name(sig);
    if (name)
        put(l, "SIG%s", name);
    else if (sig >= 32 && sig <= 64)
        put(l, "SIGRT_%d", sig - 32);
    else
        put(l, "%d", sig);
}
static void show_signal(struct trace_line *l, uint64_t v, const struct trace_name *names)
{
    put_signal(l, (int)v);
}

/* --- names */

static const char *find_name(const struct trace_name *names, uint64_t v)
{
    for (; names->name; names++)
        if (names->value == v)
            return names->name;
    return NULL;
}

static void show_one(struct trace_line *l, uint64_t v, const struct trace_name *names)
{
    const char *name = find_name(names, (uint32_t)v);
    if (name)
        put(l, "%s", name);
    else
        put(l, "%#x", (unsigned)v);
}

static void show_flags(struct trace_line *l, uint64_t v, const struct trace_name *names)
{
    const char *bar = "";
    v = (uint32_t)v;
    if (!v) {
        put(l, "%s", !names->value ? names->name : "0");
        return;
    }
    for (; names->name && v; names++)
        if (names->value && (v & names->value) == names->value) {
            put(l, "%s%s", bar, names->name);
            v &= ~names->value;
            bar = "|";
        }
    if (v)
        put(l, "%s%#lx", bar, v);
}

static void show_open(struct trace_line *l, uint64_t v, const struct trace_name *names)
{
    static const char *const access[] = {"O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE"};
    if (l->abi->kind != ABI_ARM64) /* the names are for Arm64's */
        v = open_flags_from_host(v);
    put(l, "%s", access[v & O_ACCMODE]);
    if ((uint32_t)v & ~(uint32_t)O_ACCMODE) {
        put(l, "|");
        show_flags(l, v & ~(uint64_t)O_ACCMODE, names);
    }
}

static void show_map(struct trace_line *l, uint64_t v, const struct trace_name *names)
{
    show_flags(l, v, names);
}

static void show_clone(struct trace_line *l, uint64_t v, const struct trace_name *names)
{
    if ((uint32_t)v & ~0xffu) {
        show_flags(l, v & ~0xffull, names);
        put(l, "|");
    }
    put_signal(l, (int)(v & 0xff));
}

static void show_futex(struct trace_line *l, uint64_t v, const struct trace_name *names)
{
    show_one(l, v & 0x7f, names);
    put(l, "%s%s", v & 0x80 ? "|FUTEX_PRIVATE_FLAG" : "", v & 0x100 ? "|FUTEX_CLOCK_REALTIME" : "");
}

static void show_ioctl(struct trace_line *l, uint64_t v, const struct trace_name *names)
{
    show_one(l, v, names);
}

static void show_sockopt(struct trace_line *l, uint64_t v, const struct trace_name *names)
{
    if (l->arg && (int)l->args[l->arg - 1] == SOL_SOCKET)
        show_one(l, v, names);
    else
        put(l, "%d", (int)v);
}

static void show_socktype(struct trace_line *l, uint64_t v, const struct trace_name *names)
{
    if (v & 0xf)
        show_one(l, v & 0xf, names);
    const char *bar = v & 0xf ? "|" : "";
    if (!(v & 0xf) && !(v & (SOCK_CLOEXEC | SOCK_NONBLOCK)))
        put(l, "0");
    if (v & SOCK_CLOEXEC) {
        put(l, "%sSOCK_CLOEXEC", bar);
        bar = "|";
    }
    if (v & SOCK_NONBLOCK)
        put(l, "%sSOCK_NONBLOCK", bar);
}

/* --- bytes and strings */

static void put_bytes(struct trace_line *l, const unsigned char *s, size_t n, bool more)
{
    put(l, "\"");
    for (size_t i = 0; i < n; i++) {
        unsigned char c = s[i];
        const char *escape = c ? strchr("\nn\tt\rr\"\"\\\\", c) : NULL;
        if (escape && (escape - "\nn\tt\rr\"\"\\\\") % 2 == 0)
            put(l, "\\%c", escape[1]);
        else if (c >= ' ' && c < 0x7f)
            put(l, "%c", c);
        else if (i + 1 < n && s[i + 1] >= '0' && s[i + 1] <= '9')
            put(l, "\\%03o", c);
        else
            put(l, "\\%o", c);
    }
    put(l, more ? "\"..." : "\"");
}

static void put_buffer(struct trace_line *l, uint64_t addr, uint64_t size)
{
    unsigned char bytes[SHOWN_BYTES];
    size_t n = size < sizeof bytes ? size : sizeof bytes;
    if (!addr || !memory_read(bytes, addr, n))
        show_ptr(l, addr, NULL);
    else
        put_bytes(l, bytes, n, size > n);
}

static void show_str(struct trace_line *l, uint64_t v, const struct trace_name *names)
{
    char text[SHOWN_PATH];
    ssize_t n = v ? memory_read_string(text, v, sizeof text) : -1;
    if (n == -2)
        memory_read(text, v, sizeof text);
    if (n == -1)
        show_ptr(l, v, names);
    else
        put_bytes(l, (unsigned char *)text, n < 0 ? sizeof text : (size_t)n, n < 0);
}

static void show_buf(struct trace_line *l, uint64_t v, const struct trace_name *names)
{
    put_buffer(l, v, arg_after(l, 1));
}

static void show_bufout(struct trace_line *l, uint64_t v, const struct trace_name *names)
{
    put_buffer(l, v, (uint64_t)l->ret);
}

static void show_strv(struct trace_line *l, uint64_t v, const struct trace_name *names)
{
    size_t size = l->abi->bits32 ? 4 : 8;
    uint64_t p = 0;
    put(l, "[");
    for (unsigned i = 0; i < SHOWN_ITEMS && memory_read(&p, v + size * i, size) && p; i++) {
        put(l, i ? ", " : "");
        show_str(l, p, NULL);
        if (i == SHOWN_ITEMS - 1)
            put(l, ", ...");
    }
    put(l, "]");
}

static void show_envv(struct trace_line *l, uint64_t v, const struct trace_name *names)
{
    size_t size = l->abi->bits32 ? 4 : 8;
    uint64_t p = 0;
    unsigned n = 0;
    while (n < 100000 && memory_read(&p, v + size * n, size) && p)
        n++;
    put(l, "%#lx /* %u vars */", v, n);
}

static void put_iov(struct trace_line *l, uint64_t addr, uint64_t count, uint64_t bytes)
{
    struct iovec v;
    put(l, "[");
    for (unsigned i = 0; i < count; i++) {
        if (i == SHOWN_ITEMS) {
            put(l, ", ...");
            break;
        }
        if (!memory_read(&v, addr + i * sizeof v, sizeof v)) {
            put(l, "%#lx", addr + i * sizeof v);
            break;
        }
        put(l, "%s{iov_base=", i ? ", " : "");
        put_buffer(l, (uint64_t)v.iov_base, v.iov_len < bytes ? v.iov_len : bytes);
        bytes -= v.iov_len < bytes ? v.iov_len : bytes;
        put(l, ", iov_len=%lu}", v.iov_len);
    }
    put(l, "]");
}

static void show_iov(struct trace_line *l, uint64_t v, const struct trace_name *names)
{
    put_iov(l, v, arg_after(l, 1), ~0ull);
}

static void show_iovout(struct trace_line *l, uint64_t v, const struct trace_name *names)
{
    put_iov(l, v, arg_after(l, 1), (uint64_t)l->ret);
}

/* --- structures.  READ gives up with the bare address if it cannot be read. */

#define READ(var)                                                                                  \
    do {                                                                                           \
        if (!v || !memory_read(&var, v, sizeof var)) {                                             \
            show_ptr(l, v, names);                                                                 \
            return;                                                                                \
        }                                                                                          \
    } while (0)

static void show_longp(struct trace_line *l, uint64_t v, const struct trace_name *names)
{
    int64_t n;
    READ(n);
    put(l, "[%ld]", n);
}

static void show_intp(struct trace_line *l, uint64_t v, const struct trace_name *names)
{
    int32_t n;
    READ(n);
    put(l, "[%d]", n);
}

static void show_fdpair(struct trace_line *l, uint64_t v, const struct trace_name *names)
{
    int32_t n[2];
    READ(n);
    put(l, "[%d, %d]", n[0], n[1]);
}

static void show_timespec(struct trace_line *l, uint64_t v, const struct trace_name *names)
{
    int64_t ts[2];
    READ(ts);
    bool usec =
        l->row->args[l->arg] == SYS_KIND_TIMEVAL || l->row->args[l->arg] == SYS_KIND_TIMEVALOUT;
    put(l, usec ? "{tv_sec=%ld, tv_usec=%ld}" : "{tv_sec=%ld, tv_nsec=%ld}", ts[0], ts[1]);
}

static void show_timespec2(struct trace_line *l, uint64_t v, const struct trace_name *names)
{
    int64_t t[4];
    unsigned kind = l->row->args[l->arg];
    READ(t);
    if (kind == SYS_KIND_TIMESPEC2)
        put(l, "[{tv_sec=%ld, tv_nsec=%ld}, {tv_sec=%ld, tv_nsec=%ld}]", t[0], t[1], t[2], t[3]);
    else if (kind == SYS_KIND_ITIMERVAL || kind == SYS_KIND_ITIMERVALOUT)
        put(l, "{it_interval={tv_sec=%ld, tv_usec=%ld}, it_value={tv_sec=%ld, tv_usec=%ld}}", t[0],
            t[1], t[2], t[3]);
    else
        put(l, "{it_interval={tv_sec=%ld, tv_nsec=%ld}, it_value={tv_sec=%ld, tv_nsec=%ld}}", t[0],
            t[1], t[2], t[3]);
}

static void put_sigset(struct trace_line *l, uint64_t set)
{
    bool most = __builtin_popcountll(set) > 32;
    const char *space = "";
    put(l, most ? "~[" : "[");
    for (int sig = 1; sig <= 64; sig++) {
        if ((set >> (sig - 1) & 1) == most)
            continue;
        const char *name = trace_signal_name(sig);
        if (name)
            put(l, "%s%s", space, name);
        else
            put(l, "%sRT_%d", space, sig - 32);
        space = " ";
    }
    put(l, "]");
}

static void show_sigset(struct trace_line *l, uint64_t v, const struct trace_name *names)
{
    uint64_t set;
    READ(set);
    put_sigset(l, set);
}

static void show_sigsetp(struct trace_line *l, uint64_t v, const struct trace_name *names)
{
    uint64_t pair[2];
    READ(pair);
    put(l, "{sigmask=");
    show_sigset(l, pair[0], names);
    put(l, ", sigsetsize=%lu}", pair[1]);
}

static void show_sigaction(struct trace_line *l, uint64_t v, const struct trace_name *names)
{
    struct {
        uint64_t handler, flags, restorer, mask;
    } sa;
    READ(sa);
    if (sa.handler < 2)
        put(l, "{sa_handler=%s", sa.handler ? "SIG_IGN" : "SIG_DFL");
    else
        put(l, "{sa_handler=%#lx", sa.handler);
    put(l, ", sa_mask=");
    put_sigset(l, sa.mask);
    put(l, ", sa_flags=");
    show_flags(l, sa.flags, names);
    put(l, "}");
}

static void show_siginfo(struct trace_line *l, uint64_t v, const struct trace_name *names)
{
    siginfo_t si;
    READ(si);
    put(l, "{si_signo=");
    put_signal(l, si.si_signo);
    put(l, ", si_code=%d, si_pid=%d, si_uid=%u, si_value=%#lx}", si.si_code, si.si_pid, si.si_uid,
        (unsigned long)si.si_value.sival_ptr);
}

static void show_stack(struct trace_line *l, uint64_t v, const struct trace_name *names)
{
    stack_t ss;
    READ(ss);
    put(l, "{ss_sp=%p, ss_flags=", ss.ss_sp);
    show_flags(l, (uint32_t)ss.ss_flags, names);
    put(l, ", ss_size=%lu}", ss.ss_size);
}

static void put_limit(struct trace_line *l, uint64_t v)
{
    if (v == RLIM_INFINITY)
        put(l, "RLIM64_INFINITY");
    else if (v && v % 1024 == 0)
        put(l, "%lu*1024", v / 1024);
    else
        put(l, "%lu", v);
}

static void show_rlimit(struct trace_line *l, uint64_t v, const struct trace_name *names)
{
    uint64_t r[2];
    READ(r);
    put(l, "{rlim_cur=");
    put_limit(l, r[0]);
    put(l, ", rlim_max=");
    put_limit(l, r[1]);
    put(l, "}");
}

static void put_sockaddr(struct trace_line *l, uint64_t v, uint32_t len,
                         const struct trace_name *names)
{
    union {
        sa_family_t family;
        struct sockaddr_un un;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        char bytes[sizeof(struct sockaddr_storage) + 1];
    } a;
    char text[INET6_ADDRSTRLEN];

    memset(&a, 0, sizeof a);
    len = len < sizeof a - 1 ? len : (uint32_t)sizeof a - 1;
    if (!v || len < sizeof a.family || !memory_read(&a, v, len)) {
        show_ptr(l, v, names);
        return;
    }
    put(l, "{sa_family=");
    show_one(l, a.family, names);
    if (a.family == AF_UNIX && len > sizeof a.family) {
        bool abstract = !a.un.sun_path[0];
        size_t n = len - sizeof a.family - abstract;
        const char *path = a.un.sun_path + abstract;
        put(l, ", sun_path=%s", abstract ? "@" : "");
        put_bytes(l, (const unsigned char *)path, abstract ? n : strnlen(path, n), false);
    } else if (a.family == AF_INET && len >= sizeof a.in) {
        put(l, ", sin_port=htons(%u), sin_addr=inet_addr(\"%s\")", ntohs(a.in.sin_port),
            inet_ntop(AF_INET, &a.in.sin_addr, text, sizeof text));
    } else if (a.family == AF_INET6 && len >= 24) {
        put(l, ", sin6_port=htons(%u), inet_pton(AF_INET6, \"%s\")", ntohs(a.in6.sin6_port),
            inet_ntop(AF_INET6, &a.in6.sin6_addr, text, sizeof text));
    }
    put(l, "}");
}

static void show_sockaddr(struct trace_line *l, uint64_t v, const struct trace_name *names)
{
    put_sockaddr(l, v, (uint32_t)arg_after(l, 1), names);
}

static void show_sockaddrout(struct trace_line *l, uint64_t v, const struct trace_name *names)
{
    uint32_t len = 0;
    memory_read(&len, arg_after(l, 1), sizeof len);
    put_sockaddr(l, v, len, names);
}

static void show_msghdr(struct trace_line *l, uint64_t v, const struct trace_name *names)
{
    struct msghdr h;
    READ(h);
    put(l, "{msg_name=");
    put_sockaddr(l, (uint64_t)h.msg_name, h.msg_namelen, names);
    put(l, ", msg_namelen=%u, msg_iov=", h.msg_namelen);
    put_iov(l, (uint64_t)h.msg_iov, h.msg_iovlen, l->after ? (uint64_t)l->ret : ~0ull);
    put(l, ", msg_iovlen=%lu, msg_controllen=%lu, msg_flags=", h.msg_iovlen, h.msg_controllen);
    show_flags(l, (uint32_t)h.msg_flags, trace_names_msg);
    put(l, "}");
}

static void put_epollev(struct trace_line *l, const struct generic_epoll_event *e,
                        const struct trace_name *names)
{
    put(l, "{events=");
    show_flags(l, e->events, names);
    put(l, ", data=%#lx}", e->data);
}

/* The event at v, and how far the next one is. */
static size_t read_epollev(const struct trace_line *l, uint64_t v, struct generic_epoll_event *e)
{
    struct epoll_event packed;

    if (l->abi->kind == ABI_ARM64)
        return memory_read(e, v, sizeof *e) ? sizeof *e : 0;
    if (!memory_read(&packed, v, sizeof packed))
        return 0;
    *e = (struct generic_epoll_event){packed.events, 0, packed.data.u64};
    return sizeof packed;
}

static void show_epollev(struct trace_line *l, uint64_t v, const struct trace_name *names)
{
    struct generic_epoll_event e;
    if (!read_epollev(l, v, &e))
        show_ptr(l, v, names);
    else
        put_epollev(l, &e, names);
}

static void show_epollevs(struct trace_line *l, uint64_t v, const struct trace_name *names)
{
    struct generic_epoll_event e;
    size_t step;
    put(l, "[");
    for (int64_t i = 0; i < l->ret && (step = read_epollev(l, v, &e)); i++, v += step) {
        put(l, i ? ", " : "");
        if (i == SHOWN_ITEMS) {
            put(l, "...");
            break;
        }
        put_epollev(l, &e, names);
    }
    put(l, "]");
}

static void show_pollfds(struct trace_line *l, uint64_t v, const struct trace_name *names)
{
    struct pollfd p;
    put(l, "[");
    for (uint64_t i = 0; i < arg_after(l, 1) && memory_read(&p, v + i * sizeof p, sizeof p); i++) {
        put(l, i ? ", " : "");
        if (i == SHOWN_ITEMS) {
            put(l, "...");
            break;
        }
        put(l, "{fd=%d, events=", p.fd);
        show_flags(l, (uint16_t)p.events, names);
        if (p.revents) {
            put(l, ", revents=");
            show_flags(l, (uint16_t)p.revents, names);
        }
        put(l, "}");
    }
    put(l, "]");
}

static void show_fdset(struct trace_line *l, uint64_t v, const struct trace_name *names)
{
    uint64_t bits[16];
    READ(bits);
    put(l, "[");
    const char *space = "";
    for (int fd = 0; fd < (int)l->args[0] && fd < 1024; fd++)
        if (bits[fd / 64] >> fd % 64 & 1) {
            put(l, "%s%d", space, fd);
            space = " ";
        }
    put(l, "]");
}

static void show_openhow(struct trace_line *l, uint64_t v, const struct trace_name *names)
{
    struct open_how how;
    READ(how);
    put(l, "{flags=");
    show_open(l, how.flags, names);
    put(l, ", mode=%#llo, resolve=%#llx}", how.mode, how.resolve);
}

static void show_clone3(struct trace_line *l, uint64_t v, const struct trace_name *names)
{
    struct clone_args c;
    memset(&c, 0, sizeof c);
    if (!memory_read(&c, v, CLONE_ARGS_SIZE_VER0)) {
        show_ptr(l, v, names);
        return;
    }
    put(l, "{flags=");
    show_flags(l, c.flags, names);
    put(l, ", exit_signal=");
    put_signal(l, (int)c.exit_signal);
    put(l, ", stack=%#llx, stack_size=%#llx, tls=%#llx}", c.stack, c.stack_size, c.tls);
}

static void put_file_mode(struct trace_line *l, unsigned mode)
{
    static const char *const types[] = {
        [1] = "S_IFIFO|", [2] = "S_IFCHR|",  [4] = "S_IFDIR|",   [6] = "S_IFBLK|",
        [8] = "S_IFREG|", [10] = "S_IFLNK|", [12] = "S_IFSOCK|", [15] = NULL};
    const char *type = types[mode >> 12 & 15];
    put(l, "%s%#03o", type ? type : "", mode & 07777);
}

static void show_stat(struct trace_line *l, uint64_t v, const struct trace_name *names)
{
    struct generic_stat s;
    struct stat host;
    if (l->abi->kind == ABI_X86_64) {
        READ(host);
        stat_to_guest(&s, &host);
    } else {
        READ(s);
    }
    put(l, "{st_mode=");
    put_file_mode(l, s.mode);
    if (S_ISCHR(s.mode) || S_ISBLK(s.mode))
        put(l, ", st_rdev=makedev(%#x, %#x), ...}", major(s.rdev), minor(s.rdev));
    else
        put(l, ", st_size=%ld, ...}", s.size);
}

static void show_statx(struct trace_line *l, uint64_t v, const struct trace_name *names)
{
    struct statx s;
    READ(s);
    put(l, "{stx_mask=");
    show_flags(l, s.stx_mask, trace_names_statxmask);
    put(l, ", stx_mode=");
    put_file_mode(l, s.stx_mode);
    put(l, ", stx_size=%llu, ...}", s.stx_size);
}

static void show_statfs(struct trace_line *l, uint64_t v, const struct trace_name *names)
{
    struct statfs s;
    READ(s);
    put(l, "{f_type=%#lx, f_bsize=%ld, f_blocks=%lu, f_bfree=%lu, ...}", s.f_type, s.f_bsize,
        s.f_blocks, s.f_bfree);
}

static void show_utsname(struct trace_line *l, uint64_t v, const struct trace_name *names)
{
    struct utsname u;
    READ(u);
    put(l, "{sysname=\"%s\", nodename=\"%s\", release=\"%s\", machine=\"%s\", ...}", u.sysname,
        u.nodename, u.release, u.machine);
}

static void show_wstatus(struct trace_line *l, uint64_t v, const struct trace_name *names)
{
    int s;
    READ(s);
    if (WIFEXITED(s)) {
        put(l, "[{WIFEXITED(s) && WEXITSTATUS(s) == %d}]", WEXITSTATUS(s));
    } else if (WIFSIGNALED(s) || WIFSTOPPED(s)) {
        put(l, WIFSTOPPED(s) ? "[{WIFSTOPPED(s) && WSTOPSIG(s) == "
                             : "[{WIFSIGNALED(s) && WTERMSIG(s) == ");
        put_signal(l, WIFSTOPPED(s) ? WSTOPSIG(s) : WTERMSIG(s));
        put(l, "}]");
    } else {
        put(l, "[%#x]", s);
    }
}

/* The mode of an open that makes a file; else nothing. */
static void show_openmode(struct trace_line *l, uint64_t v, const struct trace_name *names)
{
    if (l->args[l->arg - 1] & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)))
        show_mode(l, v, names);
}

static void show_fcntlarg(struct trace_line *l, uint64_t v, const struct trace_name *names)
{
    struct flock f;
    switch ((int)l->args[l->arg - 1]) {
    case F_GETFD:
    case F_GETFL:
    case F_GETOWN:
    case F_GETSIG:
    case F_GETLEASE:
    case F_GETPIPE_SZ:
    case F_GET_SEALS:
        return;
    case F_SETFD:
        put(l, v == FD_CLOEXEC ? "FD_CLOEXEC" : "%#lx", v);
        return;
    case F_SETFL:
        show_open(l, v, names);
        return;
    case F_GETLK:
    case F_SETLK:
    case F_SETLKW:
    case F_OFD_GETLK:
    case F_OFD_SETLK:
    case F_OFD_SETLKW:
        READ(f);
        put(l, "{l_type=%s, l_whence=%d, l_start=%ld, l_len=%ld}",
            f.l_type == F_RDLCK   ? "F_RDLCK"
            : f.l_type == F_WRLCK ? "F_WRLCK"
                                  : "F_UNLCK",
            f.l_whence, f.l_start, f.l_len);
        return;
    default:
        show_hex(l, v, names);
    }
}

static const struct trace_name no_names[] = {{0, NULL}};
#define SIDE_IN         false
#define SIDE_OUT        true
#define NAMES_OF(names) trace_names_##names
#define trace_names_0   no_names
static const struct kind kinds[] = {
#define KIND(name, side, show, names)                                                              \
    [SYS_KIND_##name] = {show_##show, NAMES_OF(names), SIDE_##side},
#include "linux/trace_kinds.def"
#undef KIND
};

/* What these point to has another layout in a 32-bit program: the address is shown. */
static bool is_wide(uint8_t kind)
{
    switch ((enum sys_kind)kind) {
    case SYS_KIND_IOVIN:
    case SYS_KIND_IOVOUT:
    case SYS_KIND_TIMESPEC:
    case SYS_KIND_TIMESPEC2:
    case SYS_KIND_TIMESPECOUT:
    case SYS_KIND_TIMESPECEINTR:
    case SYS_KIND_TIMEVAL:
    case SYS_KIND_TIMEVALOUT:
    case SYS_KIND_ITIMERSPEC:
    case SYS_KIND_ITIMERSPECOUT:
    case SYS_KIND_ITIMERVAL:
    case SYS_KIND_ITIMERVALOUT:
    case SYS_KIND_SIGSETP:
    case SYS_KIND_SIGACTION:
    case SYS_KIND_SIGACTIONOUT:
    case SYS_KIND_SIGINFO:
    case SYS_KIND_SIGINFOOUT:
    case SYS_KIND_STACK:
    case SYS_KIND_STACKOUT:
    case SYS_KIND_RLIMIT:
    case SYS_KIND_RLIMITOUT:
    case SYS_KIND_MSGHDR:
    case SYS_KIND_MSGHDROUT:
    case SYS_KIND_STAT:
    case SYS_KIND_STATFS:
    case SYS_KIND_LONGP:
        return true;
    default:
        return false;
    }
}

/* --- the line */

/* Shows arguments from l->next up to `end`, or before the call up to the first that it fills in. */
static void show_args(struct trace_line *l)
{
    for (; l->next < 6 && l->row->args[l->next]; l->next++) {
        const struct kind *k = &kinds[l->row->args[l->next]];
        if (k->out && !l->after)
            return;
        l->arg = l->next;
        unsigned before = l->len;
        put(l, l->next ? ", " : "");
        unsigned comma = l->len;
        uint64_t v = l->args[l->next];
        if (k->out && l->ret < 0 &&
            !(l->row->args[l->next] == SYS_KIND_TIMESPECEINTR && l->ret == -EINTR))
            show_ptr(l, v, NULL);
        else if (l->abi->bits32 && is_wide(l->row->args[l->next]))
            show_ptr(l, v, NULL);
        else
            k->show(l, v, k->names);
        if (l->len == comma) /* this call has no such argument */
            l->len = before;
    }
}

static void flush(struct trace_line *l)
{
    log_put(log_fd(), l->text + l->printed, l->len - l->printed);
    l->printed = l->len;
}

/* Starts this thread's output: breaks another's open line. True if our own first half is still
 * open. */
static bool take_line(int tid)
{
    int was = atomic_exchange(&open_line, 0);
    if (was && was != tid)
        log_put(log_fd(), " <unfinished ...>\n", 18);
    return was == tid;
}

void trace_enter(struct trace_line *l, const struct abi *abi, const struct sys_row *row, const uint64_t args[6])
{
    int tid = (int)host(gettid);
    l->abi = abi;
    l->row = row;
    l->args = args;
    l->ret = 0;
    l->next = l->len = l->printed = 0;
    l->after = l->half = false;
    put(l, "%d %s(", tid, row->name);
    show_args(l);
    if (row->mode == SYS_MODE_BLOCK || row->mode == SYS_MODE_WAIT) {
        take_line(tid);
        flush(l);
        l->half = true;
        atomic_store(&open_line, tid);
    }
}

void trace_leave(struct trace_line *l, const struct sys_row *row, const uint64_t args[6],
                 int64_t ret)
{
    int tid = (int)host(gettid);
    bool ours = take_line(tid);
    char resumed[64];

    if (l->half && !ours) {
        int n = snprintf(resumed, sizeof resumed, "%d <... %s resumed>", tid, row->name);
        log_put(log_fd(), resumed, (size_t)n);
    }
    l->ret = ret;
    l->after = true;
    show_args(l);
    char *end = l->text + l->len;
    size_t room = sizeof l->text - l->len;
    const char *name = ret < 0 && ret > -4096 ? trace_errno_name((int)-ret) : NULL;
    int n;
    if (ret == SYS_NO_RESULT)
        n = snprintf(end, room, ") = ?\n");
    else if (ret == SYS_ERESTART)
        n = snprintf(end, room, ") = ? ERESTARTSYS (To be restarted if SA_RESTART is set)\n");
    else if (name)
        n = snprintf(end, room, ") = -1 %s\n", name);
    else if (row->result == SYS_KIND_PTR)
        n = snprintf(end, room, ") = %#lx\n", ret);
    else
        n = snprintf(end, room, ") = %ld\n", ret);
    l->len += (unsigned)n;
    flush(l);
}

