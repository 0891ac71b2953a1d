/* Files of translations in their directory.
 *
 * A file is written under a name of its own and then renamed, so that readers see the old one or the new one.  Who merges
 * looks again before renaming, and begins anew if another process was faster; what then still slips through costs the
 * other's new units, nothing else.
 *
 * Whoever may write here could make us run what he likes: directory and files must be ours, and writable by nobody else.
 *
 * The directory is named by its path: a guest that changes its root keeps and finds nothing more.
 *
 * A file's time of change is when it was last used, to the hour; the oldest go first when room is needed. */
#include "engine/disk_store.h"
#include "support/fd.h"
#include "support/file.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SUFFIX      ".translations"
#define TRIES       3
#define USED_GRAIN  3600 /* seconds */
#define STALE       600  /* seconds after which an unfinished file was given up */

static bool ours(const struct stat *st)
{
    return st->st_uid == geteuid() && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

static int check(const char *dir)
{
    struct stat st;

    if (stat(dir, &st) < 0)
        return -errno;
    return !S_ISDIR(st.st_mode) ? -ENOTDIR : ours(&st) ? 0 : -EPERM;
}

int disk_store_prepare(const char *dir)
{
    int error = check(dir);

    if (error == -ENOENT && !(error = file_make_dirs(dir, 0700)))
        error = check(dir);
    return error;
}

static bool name_of(const char *dir, const struct disk_key *key, char path[PATH_MAX])
{
    return snprintf(path, PATH_MAX, "%s/%016llx-%016llx" SUFFIX, dir, (unsigned long long)key->config,
                    (unsigned long long)key->object) < PATH_MAX;
}

bool disk_store_is_name(const char *name)
{
    size_t n = strlen(name), suffix = strlen(SUFFIX);

    return n > suffix && (strcmp(name + n - suffix, SUFFIX) == 0 || strncmp(name, ".new-", 5) == 0) && strstr(name, SUFFIX);
}

static int open_ours(const char *path, struct stat *st)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (fd < 0)
        return -1;
    if (fstat(fd, st) == 0 && S_ISREG(st->st_mode) && ours(st) && st->st_size > 0 && st->st_size <= DISK_FILE_MAX)
        return fd;
    close(fd);
    return -1;
}

uint64_t disk_store_number(const char *dir, const struct disk_key *key)
{
    char path[PATH_MAX];
    struct stat st;

    return name_of(dir, key, path) && lstat(path, &st) == 0 ? st.st_ino : 0;
}

const void *disk_store_map(const char *dir, const struct disk_key *key, size_t *size, uint64_t *number)
{
    char path[PATH_MAX];
    struct stat st;
    int fd = name_of(dir, key, path) ? open_ours(path, &st) : -1;

    if (fd < 0)
        return NULL;
    const void *base = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);

    if (base != MAP_FAILED && time(NULL) - st.st_mtime > USED_GRAIN)
        futimens(fd, NULL);
    close(fd);
    *size = (size_t)st.st_size;
    *number = st.st_ino;
    return base == MAP_FAILED ? NULL : base;
}

/* All of a file in malloced memory, or NULL; which one it was in st (st_ino 0: none), also if it is not to be read and will
 * be replaced. */
static void *read_whole(const char *path, struct stat *st, size_t *size)
{
    int fd = open_ours(path, st);

    *size = 0;
    if (fd < 0) {
        if (lstat(path, st) < 0)
            st->st_ino = 0;
        return NULL;
    }
    uint8_t *p = malloc((size_t)st->st_size);

    while (p && *size < (size_t)st->st_size) {
        ssize_t n = pread(fd, p + *size, (size_t)st->st_size - *size, (off_t)*size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        *size += (size_t)n;
    }
    close(fd);
    return p;
}

static bool write_parts(int fd, const struct disk_image *image)
{
    size_t left = image->size;
    unsigned i = 0;

    for (size_t skip = 0; left;) { /* skip: bytes of the part i that are written */
        struct iovec some[64];
        int n = 0;

        for (; n < (int)ARRAY_LEN(some) && i + (unsigned)n < image->count; n++)
            some[n] = image->parts[i + (unsigned)n];
        some[0] = (struct iovec){(char *)some[0].iov_base + skip, some[0].iov_len - skip};
        ssize_t done = writev(fd, some, n);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        left -= (size_t)done;
        for (skip += (size_t)done; i < image->count && skip >= image->parts[i].iov_len; i++)
            skip -= image->parts[i].iov_len;
    }
    return true;
}

/* A new file of that name and contents, whole; false leaves none. */
static bool write_new(const char *path, const struct disk_image *image)
{
    struct rlimit limit;
    struct stat named, opened;

    /* Beyond the limit the kernel would kill the guest. */
    if (getrlimit(RLIMIT_FSIZE, &limit) < 0 || image->size > limit.rlim_cur)
        return false;
    int fd = fd_own(open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));

    if (fd < 0)
        return false;
    /* Another thread of the guest may have closed the descriptor, and opened something else, before it was ours. */
    bool ok = fstat(fd, &opened) == 0 && lstat(path, &named) == 0 && named.st_ino == opened.st_ino &&
              named.st_dev == opened.st_dev && opened.st_size == 0 && write_parts(fd, image);

    fd_own_close(fd);
    if (!ok)
        unlink(path);
    return ok;
}

/* -- bounds -------------------------------------------------------------------------------------- */

struct entry {
    char name[80];
    uint64_t size;
    int64_t used;
};

struct list {
    struct entry *entries;
    size_t count, room;
    uint64_t total;
};

static void note_entry(void *ctx, int dirfd, const char *name, uint64_t size, int64_t used)
{
    struct list *l = ctx;

    if (l->count == l->room) {
        size_t room = l->room ? 2 * l->room : 64;
        struct entry *more = realloc(l->entries, room * sizeof(*more));

        if (!more)
            return;
        l->entries = more;
        l->room = room;
    }
    struct entry *e = &l->entries[l->count];

    if (snprintf(e->name, sizeof(e->name), "%s", name) >= (int)sizeof(e->name))
        return;
    e->size = size;
    e->used = used;
    l->total += size;
    l->count++;
}

static int older_first(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;

    return x->used < y->used ? -1 : x->used > y->used;
}

/* Until seven eighths of the limit are left. */
void disk_store_trim(const char *dir, uint64_t limit)
{
    struct list l = {0};
    char path[PATH_MAX];
    int64_t now = (int64_t)time(NULL);
    bool over;

    disk_store_each(dir, note_entry, &l);
    over = l.total > limit;
    if (l.count)
        qsort(l.entries, l.count, sizeof(*l.entries), older_first);
    for (size_t i = 0; i < l.count; i++) {
        const struct entry *e = &l.entries[i];
        bool unfinished = e->name[0] == '.';

        if (unfinished ? now - e->used < STALE : !over || l.total <= limit / 8 * 7)
            continue;
        if (snprintf(path, sizeof(path), "%s/%s", dir, e->name) < (int)sizeof(path) && unlink(path) == 0)
            l.total -= e->size;
    }
    free(l.entries);
}

int disk_store_each(const char *dir, void (*fn)(void *ctx, int dirfd, const char *name, uint64_t size, int64_t used), void *ctx)
{
    DIR *d = opendir(dir);
    struct dirent *entry;

    if (!d)
        return -errno;
    while ((entry = readdir(d))) {
        struct stat st;

        if (disk_store_is_name(entry->d_name) && fstatat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(st.st_mode))
            fn(ctx, dirfd(d), entry->d_name, (uint64_t)st.st_blocks * 512, (int64_t)st.st_mtime);
    }
    closedir(d);
    return 0;
}

/* -- replacing ----------------------------------------------------------------------------------- */

enum disk_merged disk_store_merge(const char *dir, const struct disk_key *key, const void *records, size_t records_size)
{
    char path[PATH_MAX], new_path[PATH_MAX];
    struct stat was, is;
    bool done = false;

    if (check(dir) || !name_of(dir, key, path) ||
        snprintf(new_path, sizeof(new_path), "%s/.new-%d-%016llx" SUFFIX, dir, (int)getpid(),
                 (unsigned long long)key->object) >= (int)sizeof(new_path))
        return DISK_MERGED_NOT;
    for (unsigned i = 0; i < TRIES && !done; i++) {
        size_t old_size;
        void *old = read_whole(path, &was, &old_size);
        struct disk_image image = {0};
        bool written = disk_image_build(&image, key, records, records_size, old, old_size) && write_new(new_path, &image);

        disk_image_free(&image);
        free(old);
        if (!written)
            return DISK_MERGED_NOT;
        if (lstat(path, &is) < 0)
            is.st_ino = 0;
        done = is.st_ino == was.st_ino && rename(new_path, path) == 0;
        if (!done)
            unlink(new_path);
    }
    return !done ? DISK_MERGED_NOT : was.st_ino ? DISK_MERGED : DISK_MERGED_NEW;
}
