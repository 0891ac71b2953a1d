/* Changes to what a whole root sees of the host's: they are made to a copy in the root.
 *
 * In /etc, /usr/share and the like a whole root shows the host's files where it has none of its own (path.c).  These are
 * for reading: an installation in the root, above all one that runs as root, must not change the machine.  So before
 * something there is changed it is copied into the root, with the directories that lead to it, and before something is
 * made the directories are.
 *
 * Known limitations: what is removed from the root shows the host's again; extended attributes and times are not copied;
 * a directory made in the root hides the host's in listings. */
#include "linux/copy_up.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "linux/hostcall.h"
#include "linux/path.h"

/* Owner and rights of the original, as far as this user may give them. */
static void copy_rights(int fd, const struct stat *st)
{
    host(fchown, fd, st->st_uid, st->st_gid);
    host(fchmod, fd, st->st_mode & 07777);
}

static int make_dir(int root, const char *name, const char *path)
{
    struct stat st;
    int64_t r = host(newfstatat, AT_FDCWD, path, &st, 0);

    if (r)
        return (int)r;
    if (!S_ISDIR(st.st_mode))
        return -ENOTDIR;
    r = host(mkdirat, root, name, 0755);
    if (r)
        return r == -EEXIST ? 0 : (int)r;
    int fd = (int)host(openat, root, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd >= 0) {
        copy_rights(fd, &st);
        host(close, fd);
    }
    return 0;
}

static int64_t copy_bytes(int from, int to)
{
    char buffer[16384];
    int64_t n;

    while ((n = host(read, from, buffer, sizeof buffer)) > 0)
        for (int64_t done = 0, w; done < n; done += w) {
            w = host(write, to, buffer + done, n - done);
            if (w < 0)
                return w;
        }
    return n;
}

/* Under another name first: nobody sees half a file. */
static int copy_file(int root, const char *name, const char *path, const struct stat *st)
{
    char temporary[PATH_MAX];

    if (snprintf(temporary, sizeof temporary, "%s.copy-%lld", name, (long long)host(gettid)) >= (int)sizeof temporary)
        return -ENAMETOOLONG;
    int from = (int)host(openat, AT_FDCWD, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

    if (from < 0)
        return from;
    int to = (int)host(openat, root, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int64_t r = to < 0 ? to : copy_bytes(from, to);

    if (!r) {
        copy_rights(to, st);
        r = host(renameat2, root, temporary, root, name, 1 /* RENAME_NOREPLACE */);
        if (r == -EINVAL || r == -ENOSYS)
            r = host(renameat, root, temporary, root, name);
    }
    if (r && to >= 0)
        host(unlinkat, root, temporary, 0);
    if (to >= 0)
        host(close, to);
    host(close, from);
    return r == -EEXIST ? 0 : (int)r;
}

static int copy_object(int root, const char *name, const char *path)
{
    struct stat st;
    char link[PATH_MAX];
    int64_t r = host(newfstatat, AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW);

    if (r)
        return r == -ENOENT ? 0 : (int)r;
    if (S_ISDIR(st.st_mode))
        return make_dir(root, name, path);
    if (S_ISREG(st.st_mode))
        return copy_file(root, name, path, &st);
    if (!S_ISLNK(st.st_mode))
        return -EROFS;
    r = host(readlinkat, AT_FDCWD, path, link, sizeof link - 1);
    if (r < 0)
        return (int)r;
    link[r] = 0;
    r = host(symlinkat, link, root, name);
    return r == -EEXIST ? 0 : (int)r;
}

int copy_up(int root, const char *path, bool itself)
{
    char name[PATH_MAX];

    if (snprintf(name, sizeof name, "%s", path) >= (int)sizeof name)
        return -ENAMETOOLONG;
    for (char *p = strchr(name + 1, '/'); p; p = strchr(p + 1, '/')) {
        *p = 0;
        int r = make_dir(root, name + 1, name);

        *p = '/';
        if (r)
            return r;
    }
    return itself ? copy_object(root, name + 1, name) : 0;
}
