/* The calls that name files and otherwise do what the host does: path translated, the rest as it
 * is. What follows a symlink at the end of the path and what does not is each call's own. */
#include "linux/convert.h"
#include "linux/path_arg.h"
#include "linux/sysrow.h"
#include "memory/memory.h"
#include <linux/fanotify.h>
#include <linux/mount.h>
#include <sys/inotify.h>
#include <sys/mount.h>

/* Numbers younger than the C library's headers. */
enum {
    NR_FCHMODAT2 = 452,
    NR_SETXATTRAT = 463,
    NR_GETXATTRAT,
    NR_LISTXATTRAT,
    NR_REMOVEXATTRAT,
    NR_OPEN_TREE_ATTR,
    NR_FILE_GETATTR,
    NR_FILE_SETATTR,
};

/* --- by path alone */

#define BY_PATH(name, flags)                                                                       \
    int64_t sys_##name(struct thread *t, const uint64_t a[6])                                      \
    {                                                                                              \
        return path_call(t, SYS_##name, a, flags);                                                 \
    }
BY_PATH(setxattr, PATH_WRITE)
BY_PATH(lsetxattr, PATH_WRITE | PATH_NOFOLLOW)
BY_PATH(getxattr, 0)
BY_PATH(lgetxattr, PATH_NOFOLLOW)
BY_PATH(listxattr, 0)
BY_PATH(llistxattr, PATH_NOFOLLOW)
BY_PATH(removexattr, PATH_WRITE)
BY_PATH(lremovexattr, PATH_WRITE | PATH_NOFOLLOW)
BY_PATH(statfs, 0)
BY_PATH(truncate, PATH_WRITE)
BY_PATH(chdir, 0)
BY_PATH(acct, 0)
BY_PATH(swapon, 0)
BY_PATH(swapoff, 0)
BY_PATH(umount2, nofollow_if(a[1], UMOUNT_NOFOLLOW))

int64_t sys_inotify_add_watch(struct thread *t, const uint64_t a[6])
{
    char path[PATH_MAX];
    int r = path_arg(t, AT_FDCWD, a[1], nofollow_if(a[2], IN_DONT_FOLLOW), path);
    return r < 0 ? r : host(inotify_add_watch, a[0], path, a[2]);
}

int64_t sys_mount(struct thread *t, const uint64_t a[6])
{
    char source[PATH_MAX], target[PATH_MAX], first;
    uint64_t from = a[0];
    int r = path_arg(t, AT_FDCWD, a[1], 0, target);
    if (r < 0)
        return r;
    /* The source is a path for some file systems and any text for others. */
    if (from && memory_read(&first, from, 1) && first == '/' &&
        path_arg(t, AT_FDCWD, from, 0, source) == 0)
        from = (uint64_t)source;
    return host(mount, from, target, a[2], a[3], a[4]);
}

int64_t sys_pivot_root(struct thread *t, const uint64_t a[6])
{
    char root[PATH_MAX], old[PATH_MAX];
    int r = path_arg(t, AT_FDCWD, a[0], 0, root);
    if (r == 0)
        r = path_arg(t, AT_FDCWD, a[1], 0, old);
    return r < 0 ? r : host(pivot_root, root, old);
}

int64_t sys_quotactl(struct thread *t, const uint64_t a[6])
{
    char path[PATH_MAX];
    int r = a[1] ? path_arg(t, AT_FDCWD, a[1], 0, path) : 0;
    return r < 0 ? r : host(quotactl, a[0], a[1] ? (uint64_t)path : 0, a[2], a[3]);
}

/* --- by directory and path */

#define BY_PATH_AT(name, nr, flags)                                                                \
    int64_t sys_##name(struct thread *t, const uint64_t a[6])                                      \
    {                                                                                              \
        return path_call_at(t, nr, a, flags);                                                      \
    }
BY_PATH_AT(mknodat, SYS_mknodat, PATH_CREATE | PATH_NOFOLLOW)
BY_PATH_AT(mkdirat, SYS_mkdirat, PATH_CREATE | PATH_NOFOLLOW)
BY_PATH_AT(unlinkat, SYS_unlinkat, PATH_REMOVE | PATH_NOFOLLOW)
BY_PATH_AT(faccessat, SYS_faccessat, 0)
BY_PATH_AT(faccessat2, SYS_faccessat2, nofollow_if(a[3], AT_SYMLINK_NOFOLLOW))
BY_PATH_AT(fchmodat, SYS_fchmodat, PATH_WRITE)
BY_PATH_AT(fchmodat2, NR_FCHMODAT2, PATH_WRITE | nofollow_if(a[3], AT_SYMLINK_NOFOLLOW))
BY_PATH_AT(fchownat, SYS_fchownat, PATH_WRITE | nofollow_if(a[4], AT_SYMLINK_NOFOLLOW))
BY_PATH_AT(utimensat, SYS_utimensat, PATH_WRITE | nofollow_if(a[3], AT_SYMLINK_NOFOLLOW))
BY_PATH_AT(statx, SYS_statx, nofollow_if(a[2], AT_SYMLINK_NOFOLLOW))
BY_PATH_AT(name_to_handle_at, SYS_name_to_handle_at, nofollow_unless(a[4], AT_SYMLINK_FOLLOW))
BY_PATH_AT(open_tree, SYS_open_tree, nofollow_if(a[2], AT_SYMLINK_NOFOLLOW))
BY_PATH_AT(open_tree_attr, NR_OPEN_TREE_ATTR, nofollow_if(a[2], AT_SYMLINK_NOFOLLOW))
BY_PATH_AT(fspick, SYS_fspick, nofollow_if(a[2], FSPICK_SYMLINK_NOFOLLOW))
BY_PATH_AT(mount_setattr, SYS_mount_setattr, nofollow_if(a[2], AT_SYMLINK_NOFOLLOW))
BY_PATH_AT(setxattrat, NR_SETXATTRAT, PATH_WRITE | nofollow_if(a[2], AT_SYMLINK_NOFOLLOW))
BY_PATH_AT(getxattrat, NR_GETXATTRAT, nofollow_if(a[2], AT_SYMLINK_NOFOLLOW))
BY_PATH_AT(listxattrat, NR_LISTXATTRAT, nofollow_if(a[2], AT_SYMLINK_NOFOLLOW))
BY_PATH_AT(removexattrat, NR_REMOVEXATTRAT, PATH_WRITE | nofollow_if(a[2], AT_SYMLINK_NOFOLLOW))
BY_PATH_AT(file_getattr, NR_FILE_GETATTR, nofollow_if(a[4], AT_SYMLINK_NOFOLLOW))
BY_PATH_AT(file_setattr, NR_FILE_SETATTR, PATH_WRITE | nofollow_if(a[4], AT_SYMLINK_NOFOLLOW))

int64_t sys_symlinkat(struct thread *t, const uint64_t a[6])
{
    char path[PATH_MAX]; /* the link's text is the guest's: it stays as it is */
    int r = path_arg(t, (int)a[1], a[2], PATH_CREATE | PATH_NOFOLLOW, path);
    return r < 0 ? r : host(symlinkat, a[0], a[1], path);
}

int64_t sys_fanotify_mark(struct thread *t, const uint64_t a[6])
{
    char path[PATH_MAX];
    int r = a[4] ? path_arg(t, (int)a[3], a[4], nofollow_if(a[1], FAN_MARK_DONT_FOLLOW), path) : 0;
    return r < 0 ? r : host(fanotify_mark, a[0], a[1], a[2], a[3], a[4] ? (uint64_t)path : 0);
}

int64_t sys_fanotify_init(struct thread *t, const uint64_t a[6])
{
    return host(fanotify_init, a[0], open_flags_to_host(a[1]));
}

/* --- by two of them */

int64_t sys_linkat(struct thread *t, const uint64_t a[6])
{
    return path_call_at2(t, SYS_linkat, a, PATH_WRITE | nofollow_unless(a[4], AT_SYMLINK_FOLLOW),
                         PATH_CREATE | PATH_NOFOLLOW);
}

int64_t sys_renameat(struct thread *t, const uint64_t a[6])
{
    return path_call_at2(t, SYS_renameat, a, PATH_WRITE | PATH_NOFOLLOW, PATH_CREATE | PATH_NOFOLLOW);
}

int64_t sys_renameat2(struct thread *t, const uint64_t a[6])
{
    return path_call_at2(t, SYS_renameat2, a, PATH_WRITE | PATH_NOFOLLOW, PATH_CREATE | PATH_NOFOLLOW);
}

int64_t sys_move_mount(struct thread *t, const uint64_t a[6])
{
    return path_call_at2(t, SYS_move_mount, a, nofollow_unless(a[4], MOVE_MOUNT_F_SYMLINKS),
                         nofollow_unless(a[4], MOVE_MOUNT_T_SYMLINKS));
}

/* --- struct stat */

static int64_t stat_result(int64_t r, const struct stat *st, uint64_t out)
{
    struct generic_stat g;
    if (r < 0)
        return r;
    stat_to_guest(&g, st);
    return memory_write(out, &g, sizeof g) ? 0 : -EFAULT;
}

int64_t sys_newfstatat(struct thread *t, const uint64_t a[6])
{
    char path[PATH_MAX];
    struct stat st;
    int r = a[1] ? path_arg(t, (int)a[0], a[1], nofollow_if(a[3], AT_SYMLINK_NOFOLLOW), path) : 0;
    if (r < 0)
        return r;
    return stat_result(host(newfstatat, a[0], a[1] ? (uint64_t)path : 0, &st, a[3]), &st, a[2]);
}

int64_t sys_fstat(struct thread *t, const uint64_t a[6])
{
    struct stat st;
    return stat_result(host(fstat, a[0], &st), &st, a[1]);
}
