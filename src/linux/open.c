/* Opening files, and the calls that tell where something is: openat, openat2, readlinkat, getcwd,
 * chroot.
 *
 * With a root, most opens are of a path without symlinks: openat2(RESOLVE_NO_SYMLINKS) in the root,
 * then on the host, opens it and proves that at once.  Everything else takes the general way:
 * path_translate, then open. */
#include "linux/convert.h"
#include "linux/path_arg.h"
#include "linux/proc.h"
#include "linux/sysrow.h"
#include "memory/memory.h"
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>

int path_arg(struct thread *t, int dirfd, uint64_t guest, unsigned flags, char out[PATH_MAX])
{
    char path[PATH_MAX];
    ssize_t n = memory_read_string(path, guest, sizeof path);
    if (n < 0)
        return n == -1 ? -EFAULT : -ENAMETOOLONG;
    return path_translate(t, dirfd, path, flags, out);
}

static uint64_t low_path(struct thread *t, unsigned slot, const char *path)
{
    return sys_low(t, slot, path, strlen(path) + 1);
}

int64_t path_call(struct thread *t, const uint64_t a[6], unsigned flags)
{
    char path[PATH_MAX];
    int r = a[0] ? path_arg(t, AT_FDCWD, a[0], flags, path) : 0;
    if (r < 0)
        return r;
    return sys_row_call(t, a[0] ? low_path(t, 0, path) : 0, a[1], a[2], a[3], a[4], a[5]);
}

int64_t path_call_at(struct thread *t, const uint64_t a[6], unsigned flags)
{
    char path[PATH_MAX];
    int r = a[1] ? path_arg(t, (int)a[0], a[1], flags, path) : 0;
    if (r < 0)
        return r;
    return sys_row_call(t, a[0], a[1] ? low_path(t, 0, path) : 0, a[2], a[3], a[4], a[5]);
}

int64_t path_call2(struct thread *t, const uint64_t a[6], unsigned flags1, unsigned flags2)
{
    char from[PATH_MAX], to[PATH_MAX];
    int r = a[0] ? path_arg(t, AT_FDCWD, a[0], flags1, from) : 0;
    if (r == 0)
        r = a[1] ? path_arg(t, AT_FDCWD, a[1], flags2, to) : 0;
    if (r < 0)
        return r;
    return sys_row_call(t, a[0] ? low_path(t, 0, from) : 0, a[1] ? low_path(t, 1, to) : 0, a[2], a[3], a[4], a[5]);
}

int64_t path_call_at2(struct thread *t, const uint64_t a[6], unsigned flags1, unsigned flags2)
{
    char from[PATH_MAX], to[PATH_MAX];
    int r = a[1] ? path_arg(t, (int)a[0], a[1], flags1, from) : 0;
    if (r == 0)
        r = a[3] ? path_arg(t, (int)a[2], a[3], flags2, to) : 0;
    if (r < 0)
        return r;
    return sys_row_call(t, a[0], a[1] ? low_path(t, 0, from) : 0, a[2], a[3] ? low_path(t, 1, to) : 0, a[4], a[5]);
}

/* Host path `path`, made absolute if it is relative to a directory in /proc; else false. */
static bool absolute_proc(int dirfd, const char *path, char out[PATH_MAX])
{
    char dir[PATH_MAX / 2], link[40];
    int64_t n;
    if (path[0] == '/') {
        if (!proc_path(path))
            return false;
        strcpy(out, path);
        return true;
    }
    if (dirfd == AT_FDCWD) {
        n = host(getcwd, dir, sizeof dir) - 1;
    } else {
        proc_fd_path(dirfd, link);
        n = host(readlinkat, AT_FDCWD, link, dir, sizeof dir);
    }
    if (n <= 0 || n >= (int64_t)sizeof dir)
        return false;
    dir[n] = 0;
    return proc_path(dir) && snprintf(out, PATH_MAX, "%s/%s", dir, path) < PATH_MAX;
}

static int64_t open_proc(struct thread *t, int dirfd, const char *path, int flags)
{
    /* Most relative names are none of these: spare them the question where they are. */
    char full[PATH_MAX];
    const char *slash = strrchr(path, '/'), *last = slash ? slash + 1 : path;
    return proc_name(last) && absolute_proc(dirfd, path, full) ? proc_open(t, full, flags)
                                                               : PROC_NOT_OURS;
}

/* What opening with these flags may do to the file. */
static unsigned open_changes(int flags)
{
    if (flags & O_PATH)
        return 0;
    if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
        return PATH_CREATE;
    return (flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC)) ? PATH_WRITE : 0;
}

/* strict: with openat2, which refuses what openat ignores. */
static int64_t open_translated(struct thread *t, int dirfd, const char *guest,
                               const struct open_how *how, bool strict)
{
    char path[PATH_MAX];
    int flags = (int)how->flags;
    bool nofollow = (flags & O_NOFOLLOW) || (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL);
    int r =
        path_translate(t, dirfd, guest,
                       (nofollow ? PATH_NOFOLLOW : 0) | open_changes(flags), path);
    if (r < 0)
        return r;
    int64_t fd = open_proc(t, dirfd, path, flags);
    if (fd != PROC_NOT_OURS)
        return fd;
    if (strict)
        return sys_blocking(t, SYS_openat2, (uint64_t)dirfd, (uint64_t)path, (uint64_t)how,
                            sizeof *how, 0, 0);
    return sys_blocking(t, SYS_openat, (uint64_t)dirfd, (uint64_t)path, how->flags, how->mode, 0,
                        0);
}

int64_t sys_openat(struct thread *t, const uint64_t a[6])
{
    char guest[PATH_MAX];
    struct open_how how = {.flags = (uint32_t)open_flags_to_host(t, a[2]), .mode = (uint32_t)a[3]};
    ssize_t n = memory_read_string(guest, a[1], sizeof guest);
    if (n < 0)
        return n == -1 ? -EFAULT : -ENAMETOOLONG;
    int64_t fd = path_open_quick(t, (int)a[0], guest, how.flags);
    if (fd != PATH_NOT_QUICK)
        return fd;
    return open_translated(t, (int)a[0], guest, &how, false);
}

int64_t sys_openat2(struct thread *t, const uint64_t a[6])
{
    char guest[PATH_MAX];
    struct open_how how;
    uint8_t more[PATH_MAX];

    if (a[3] < sizeof how)
        return -EINVAL;
    if (a[3] > MEMORY_PAGE)
        return -E2BIG;
    if (!memory_read(&how, a[2], sizeof how) ||
        !memory_read(more, a[2] + sizeof how, a[3] - sizeof how))
        return -EFAULT;
    for (size_t i = 0; i < a[3] - sizeof how; i++)
        if (more[i])
            return -E2BIG;
    if (how.flags >> 32 || how.mode >> 16)
        return -EINVAL;
    how.flags = open_flags_to_host(t, how.flags);
    ssize_t n = memory_read_string(guest, a[1], sizeof guest);
    if (n < 0)
        return n == -1 ? -EFAULT : -ENAMETOOLONG;
    /* These are about the tree below dirfd and mean the same on the host. */
    if (!path_root() || (how.resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT)))
        return sys_blocking(t, SYS_openat2, a[0], (uint64_t)guest, (uint64_t)&how, sizeof how, 0,
                            0);
    if (how.resolve & RESOLVE_NO_SYMLINKS) {
        /* A walk would have resolved them: look with the guest's own eyes. */
        int64_t fd =
            guest[0] == '/' && !path_is_host_tree(guest)
                ? host(openat2, path_root_fd(), guest[1] ? guest + 1 : ".", &how, sizeof how)
                : -ENOENT;
        if (fd != -ENOENT || path_is_root_only(guest))
            return fd;
        return host(openat2, (int)a[0], guest, &how, sizeof how);
    }
    return open_translated(t, (int)a[0], guest, &how, true);
}

int64_t sys_open_by_handle_at(struct thread *t, const uint64_t a[6])
{
    return host(open_by_handle_at, a[0], a[1], open_flags_to_host(t, a[2]));
}

int64_t sys_readlinkat(struct thread *t, const uint64_t a[6])
{
    char path[PATH_MAX], link[PATH_MAX], full[PATH_MAX];

    if ((int)a[3] <= 0)
        return -EINVAL;
    int r = path_arg(t, (int)a[0], a[1], PATH_NOFOLLOW, path);
    if (r < 0)
        return r;
    int64_t n = host(readlinkat, a[0], path, link, sizeof link - 1);
    if (n < 0)
        return n;
    link[n] = 0;
    const char *slash = strrchr(path, '/'), *last = slash ? slash + 1 : path;
    if ((!strcmp(last, "exe") || !strcmp(last, "root")) && absolute_proc((int)a[0], path, full))
        proc_link(t, full, link);
    path_to_guest(link, link);
    size_t len = strlen(link);
    if (len > (unsigned)a[3])
        len = (unsigned)a[3];
    return memory_write(a[2], link, len) ? (int64_t)len : -EFAULT;
}

int64_t sys_getcwd(struct thread *t, const uint64_t a[6])
{
    char path[PATH_MAX];
    int64_t n = host(getcwd, path, sizeof path);
    if (n < 0)
        return n;
    path_to_guest(path, path);
    size_t len = strlen(path) + 1;
    if (len > a[1])
        return -ERANGE;
    return memory_write(a[0], path, len) ? (int64_t)len : -EFAULT;
}

/* A new root is the host's for good: both trees end there, and the guest's names are the host's
 * from then on. */
int64_t sys_chroot(struct thread *t, const uint64_t a[6])
{
    int64_t r = path_call(t, a, 0);
    if (r == 0)
        path_set_root(NULL);
    return r;
}

/* The forms without a directory. */

int64_t sys_open(struct thread *t, const uint64_t a[6])
{
    const uint64_t args[6] = {(uint64_t)AT_FDCWD, a[0], a[1], a[2]};
    return sys_openat(t, args);
}

int64_t sys_creat(struct thread *t, const uint64_t a[6])
{
    const uint64_t args[6] = {(uint64_t)AT_FDCWD, a[0], O_CREAT | O_WRONLY | O_TRUNC, a[1]};
    return sys_openat(t, args);
}

int64_t sys_readlink(struct thread *t, const uint64_t a[6])
{
    const uint64_t args[6] = {(uint64_t)AT_FDCWD, a[0], a[1], a[2]};
    return sys_readlinkat(t, args);
}
