/* Copies a directory tree: files, directories, symlinks, with modes and times of change.  Files share their blocks with the
 * originals where the file system can do that.  Anything else in the tree (sockets, devices) is left out.  Two threads take turns
 * at the files of a directory, since what costs is the kernel's copying. */
#include "cli/cli.h"
#include "support/file.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

struct job {
    struct job *next;
    int from, to; /* directories */
    char name[256];
};

struct copier {
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct job *jobs; /* files to be copied */
    struct dir {
        struct dir *next;
        int from, to;
    } *dirs; /* open until the end: jobs name their files in them */
    bool closed;
    int error;
};

int copy_data(int from, int to, off_t size)
{
    if (ioctl(to, FICLONE, from) == 0)
        return 0;
    while (size > 0) {
        ssize_t n = copy_file_range(from, NULL, to, NULL, (size_t)size, 0);
        if (n < 0 && (errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP)) {
            char buffer[65536];
            n = read(from, buffer, sizeof buffer);
            int error = n > 0 ? file_write(to, buffer, (size_t)n) : 0;
            if (error)
                return error;
        }
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        size -= n;
    }
    return 0;
}

static int copy_file(const struct job *j)
{
    struct stat st;
    int from = openat(j->from, j->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), error = 0;
    if (from < 0 || fstat(from, &st) < 0) {
        error = -errno;
        if (from >= 0)
            close(from);
        return error;
    }
    int to = openat(j->to, j->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (to < 0)
        error = -errno;
    else {
        error = copy_data(from, to, st.st_size);
        struct timespec times[2] = {st.st_atim, st.st_mtim};
        if (!error && (fchmod(to, st.st_mode & 07777) < 0 || futimens(to, times) < 0))
            error = -errno;
        close(to);
    }
    close(from);
    return error;
}

static void *work(void *arg)
{
    struct copier *c = arg;
    pthread_mutex_lock(&c->lock);
    for (;;) {
        struct job *j = c->jobs;
        if (!j && c->closed)
            break;
        if (!j) {
            pthread_cond_wait(&c->more, &c->lock);
            continue;
        }
        c->jobs = j->next;
        int skip = c->error;
        pthread_mutex_unlock(&c->lock);
        int error = skip ? 0 : copy_file(j);
        free(j);
        pthread_mutex_lock(&c->lock);
        if (error && !c->error)
            c->error = error;
    }
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

static int add_file(struct copier *c, int from, int to, const char *name)
{
    struct job *j = malloc(sizeof *j);
    if (!j)
        return -ENOMEM;
    j->from = from;
    j->to = to;
    strcpy(j->name, name);
    pthread_mutex_lock(&c->lock);
    j->next = c->jobs;
    c->jobs = j;
    pthread_cond_signal(&c->more);
    pthread_mutex_unlock(&c->lock);
    return 0;
}

static int copy_link(int from, int to, const char *name)
{
    char target[4096];
    ssize_t n = readlinkat(from, name, target, sizeof target - 1);
    if (n < 0)
        return -errno;
    target[n] = 0;
    return symlinkat(target, to, name) < 0 ? -errno : 0;
}

/* Takes both descriptors over. */
static int walk(struct copier *c, int from, int to)
{
    struct dir *record = malloc(sizeof *record);
    int again = dup(from), error = 0;
    DIR *d = again >= 0 ? fdopendir(again) : NULL;
    if (!record || !d) {
        free(record);
        close(from);
        close(to);
        return -ENOMEM;
    }
    *record = (struct dir){c->dirs, from, to};
    c->dirs = record;
    for (struct dirent *e; !error && (errno = 0, e = readdir(d));) {
        struct stat st;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        if (fstatat(from, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            error = -errno;
        else if (S_ISREG(st.st_mode))
            error = add_file(c, from, to, e->d_name);
        else if (S_ISLNK(st.st_mode))
            error = copy_link(from, to, e->d_name);
        else if (S_ISDIR(st.st_mode)) {
            int sub_from = openat(from, e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
            int made = sub_from < 0 ? -1 : mkdirat(to, e->d_name, (st.st_mode & 07777) | 0700);
            int sub_to = made < 0 ? -1 : openat(to, e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
            if (sub_to < 0) {
                error = -errno;
                if (sub_from >= 0)
                    close(sub_from);
            } else
                error = walk(c, sub_from, sub_to);
        }
    }
    closedir(d);
    return error;
}

int copy_tree(const char *from, const char *to)
{
    struct copier c = {.lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER};
    pthread_t helper;
    int source = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (source < 0)
        return -errno;
    int made = mkdir(to, 0755), target = made < 0 ? -1 : open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (target < 0) {
        int error = -errno;
        close(source);
        return error;
    }
    bool helped = pthread_create(&helper, NULL, work, &c) == 0;
    int error = walk(&c, source, target);
    pthread_mutex_lock(&c.lock);
    c.closed = true;
    if (error && !c.error)
        c.error = error;
    pthread_cond_broadcast(&c.more);
    pthread_mutex_unlock(&c.lock);
    work(&c);
    if (helped)
        pthread_join(helper, NULL);
    while (c.dirs) {
        struct dir *d = c.dirs;
        c.dirs = d->next;
        close(d->from);
        close(d->to);
        free(d);
    }
    return c.error;
}
