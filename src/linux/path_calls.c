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

/* --- by path alone */

#define BY_PATH(name, flags)                                                                       \
    int64_t sys_##name(struct thread *t, const uint64_t a[6])                                      \
    {                                                                                              \
        return path_call(t, a, flags);                                                 \
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
    return r < 0 ? r : sys_row_call(t, a[0], a[1] ? sys_low(t, 0, path, sizeof path) : 0, a[2], a[3], 0, 0);
}

/* --- by directory and path */

#define BY_PATH_AT(name, flags)                                                                \
    int64_t sys_##name(struct thread *t, const uint64_t a[6])                                      \
    {                                                                                              \
        return path_call_at(t, a, flags);                                                      \
    }
BY_PATH_AT(mknodat, PATH_CREATE | PATH_NOFOLLOW)
BY_PATH_AT(mkdirat, PATH_CREATE | PATH_NOFOLLOW)
BY_PATH_AT(unlinkat, PATH_REMOVE | PATH_NOFOLLOW)
BY_PATH_AT(faccessat, 0)
BY_PATH_AT(faccessat2, nofollow_if(a[3], AT_SYMLINK_NOFOLLOW))
BY_PATH_AT(fchmodat, PATH_WRITE)
BY_PATH_AT(fchmodat2, PATH_WRITE | nofollow_if(a[3], AT_SYMLINK_NOFOLLOW))
BY_PATH_AT(fchownat, PATH_WRITE | nofollow_if(a[4], AT_SYMLINK_NOFOLLOW))
BY_PATH_AT(utimensat, PATH_WRITE | nofollow_if(a[3], AT_SYMLINK_NOFOLLOW))
BY_PATH_AT(statx, nofollow_if(a[2], AT_SYMLINK_NOFOLLOW))
BY_PATH_AT(name_to_handle_at, nofollow_unless(a[4], AT_SYMLINK_FOLLOW))
BY_PATH_AT(open_tree, nofollow_if(a[2], AT_SYMLINK_NOFOLLOW))
BY_PATH_AT(open_tree_attr, nofollow_if(a[2], AT_SYMLINK_NOFOLLOW))
BY_PATH_AT(fspick, nofollow_if(a[2], FSPICK_SYMLINK_NOFOLLOW))
BY_PATH_AT(mount_setattr, nofollow_if(a[2], AT_SYMLINK_NOFOLLOW))
BY_PATH_AT(setxattrat, PATH_WRITE | nofollow_if(a[2], AT_SYMLINK_NOFOLLOW))
BY_PATH_AT(getxattrat, nofollow_if(a[2], AT_SYMLINK_NOFOLLOW))
BY_PATH_AT(listxattrat, nofollow_if(a[2], AT_SYMLINK_NOFOLLOW))
BY_PATH_AT(removexattrat, PATH_WRITE | nofollow_if(a[2], AT_SYMLINK_NOFOLLOW))
BY_PATH_AT(file_getattr, nofollow_if(a[4], AT_SYMLINK_NOFOLLOW))
BY_PATH_AT(file_setattr, PATH_WRITE | nofollow_if(a[4], AT_SYMLINK_NOFOLLOW))

int64_t sys_symlinkat(struct thread *t, const uint64_t a[6])
{
    char path[PATH_MAX]; /* the link's text is the guest's: it stays as it is */
    int r = path_arg(t, (int)a[1], a[2], PATH_CREATE | PATH_NOFOLLOW, path);
    return r < 0 ? r : host(symlinkat, a[0], a[1], path);
}

int64_t sys_fanotify_mark(struct thread *t, const uint64_t a[6])
{
    char path[PATH_MAX];
    bool split = t->process->abi->bits32; /* the mask is two arguments */
    uint64_t dirfd = a[split ? 4 : 3], name = a[split ? 5 : 4], mask = split ? (uint32_t)a[2] | a[3] << 32 : a[2];
    int r = name ? path_arg(t, (int)dirfd, name, nofollow_if(a[1], FAN_MARK_DONT_FOLLOW), path) : 0;
    return r < 0 ? r : host(fanotify_mark, a[0], a[1], mask, dirfd, name ? (uint64_t)path : 0);
}

int64_t sys_fanotify_init(struct thread *t, const uint64_t a[6])
{
    return host(fanotify_init, a[0], open_flags_to_host(t, a[1]));
}

/* --- by two of them */

int64_t sys_linkat(struct thread *t, const uint64_t a[6])
{
    return path_call_at2(t, a, PATH_WRITE | nofollow_unless(a[4], AT_SYMLINK_FOLLOW),
                         PATH_CREATE | PATH_NOFOLLOW);
}

int64_t sys_renameat(struct thread *t, const uint64_t a[6])
{
    return path_call_at2(t, a, PATH_WRITE | PATH_NOFOLLOW, PATH_CREATE | PATH_NOFOLLOW);
}

int64_t sys_renameat2(struct thread *t, const uint64_t a[6])
{
    return path_call_at2(t, a, PATH_WRITE | PATH_NOFOLLOW, PATH_CREATE | PATH_NOFOLLOW);
}

int64_t sys_move_mount(struct thread *t, const uint64_t a[6])
{
    return path_call_at2(t, a, nofollow_unless(a[4], MOVE_MOUNT_F_SYMLINKS),
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
    if (t->process->abi->kind != ABI_ARM64)
        return path_call_at(t, a, nofollow_if(a[3], AT_SYMLINK_NOFOLLOW));
    int r = a[1] ? path_arg(t, (int)a[0], a[1], nofollow_if(a[3], AT_SYMLINK_NOFOLLOW), path) : 0;
    if (r < 0)
        return r;
    return stat_result(host(newfstatat, a[0], a[1] ? (uint64_t)path : 0, &st, a[3]), &st, a[2]);
}

int64_t sys_fstat(struct thread *t, const uint64_t a[6])
{
    struct stat st;
    if (t->process->abi->kind != ABI_ARM64)
        return sys_row_call(t, a[0], a[1], 0, 0, 0, 0);
    return stat_result(host(fstat, a[0], &st), &st, a[1]);
}

/* --- forms that only the x86 ABIs have */

BY_PATH(stat, 0)
BY_PATH(lstat, PATH_NOFOLLOW)
BY_PATH(access, 0)
BY_PATH(mkdir, PATH_CREATE | PATH_NOFOLLOW)
BY_PATH(rmdir, PATH_REMOVE | PATH_NOFOLLOW)
BY_PATH(unlink, PATH_REMOVE | PATH_NOFOLLOW)
BY_PATH(chmod, PATH_WRITE)
BY_PATH(chown, PATH_WRITE)
BY_PATH(lchown, PATH_WRITE | PATH_NOFOLLOW)
BY_PATH(mknod, PATH_CREATE | PATH_NOFOLLOW)
BY_PATH(utime, PATH_WRITE)
BY_PATH(utimes, PATH_WRITE)
BY_PATH_AT(futimesat, PATH_WRITE)

int64_t sys_link(struct thread *t, const uint64_t a[6])
{
    return path_call2(t, a, PATH_WRITE | PATH_NOFOLLOW, PATH_CREATE | PATH_NOFOLLOW);
}

int64_t sys_rename(struct thread *t, const uint64_t a[6])
{
    return path_call2(t, a, PATH_WRITE | PATH_NOFOLLOW, PATH_CREATE | PATH_NOFOLLOW);
}

int64_t sys_symlink(struct thread *t, const uint64_t a[6])
{
    const uint64_t args[6] = {a[0], (uint64_t)AT_FDCWD, a[1]};
    return sys_symlinkat(t, args);
}

/* i386's alone. */
BY_PATH(oldstat, 0)
BY_PATH(oldlstat, PATH_NOFOLLOW)
BY_PATH(stat64, 0)
BY_PATH(lstat64, PATH_NOFOLLOW)
BY_PATH_AT(fstatat64, nofollow_if(a[3], AT_SYMLINK_NOFOLLOW))
BY_PATH(statfs64, 0)
BY_PATH(truncate64, PATH_WRITE)
BY_PATH(chown32, PATH_WRITE)
BY_PATH(lchown32, PATH_WRITE | PATH_NOFOLLOW)
BY_PATH(umount, 0)
BY_PATH_AT(utimensat_time64, PATH_WRITE | nofollow_if(a[3], AT_SYMLINK_NOFOLLOW))
