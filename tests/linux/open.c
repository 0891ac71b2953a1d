/* Opening: every flag, descriptors' numbers, the errors. */
#include "test.h"
#include <linux/openat2.h>

#ifndef __O_LARGEFILE_KERNEL
#if defined(__aarch64__)
#define KERNEL_O_LARGEFILE 0400000
#else
#define KERNEL_O_LARGEFILE 0100000
#endif
#endif

static int flags_of(int fd)
{
    return (int)syscall(SYS_fcntl, fd, F_GETFL);
}

int main(void)
{
    char buf[16], name[5000];

    test_use_dir();
    mkdir("dir", 0755);
    close(test_make("file", "0123456789"));
    symlink("file", "link");
    symlink("dir", "dirlink");
    symlink("missing", "dangling");
    symlink("loop2", "loop1");
    symlink("loop1", "loop2");

    int fd = open("file", O_RDONLY);
    ok(fd >= 3);
    int low = fd;
    ok((flags_of(fd) & ~KERNEL_O_LARGEFILE) == O_RDONLY);
    ok(flags_of(fd) & KERNEL_O_LARGEFILE);
    int second = open("file", O_RDWR | O_APPEND | O_NONBLOCK | O_CLOEXEC);
    ok(second == low + 1);
    ok((flags_of(second) & ~KERNEL_O_LARGEFILE) == (O_RDWR | O_APPEND | O_NONBLOCK));
    ok(fcntl(second, F_GETFD) == FD_CLOEXEC && fcntl(fd, F_GETFD) == 0);
    ok(fcntl(second, F_SETFL, O_NOATIME) == 0 &&
       (flags_of(second) & (O_APPEND | O_NONBLOCK | O_NOATIME)) == O_NOATIME);
    close(fd);
    fd = open("file", O_WRONLY | O_SYNC);
    ok(fd == low);
    ok((flags_of(fd) & O_SYNC) == O_SYNC && (flags_of(fd) & O_ACCMODE) == O_WRONLY);
    close(fd);
    close(second);

    fails(open("file", O_RDONLY | O_DIRECTORY), ENOTDIR);
    fd = open("dir", O_RDONLY | O_DIRECTORY);
    ok(fd >= 0 && (flags_of(fd) & O_DIRECTORY));
    fails(read(fd, buf, 1), EISDIR);
    close(fd);
    fails(open("dir", O_WRONLY), EISDIR);
    fails(open("link", O_RDONLY | O_NOFOLLOW), ELOOP);
    fd = open("file", O_RDONLY | O_NOFOLLOW);
    ok(fd >= 0);
    close(fd);
    fails(open("dirlink", O_RDONLY | O_NOFOLLOW | O_DIRECTORY), ENOTDIR);
    fails(open("loop1", O_RDONLY), ELOOP);
    fails(open("file/", O_RDONLY), ENOTDIR);
    fails(open("file", O_CREAT | O_EXCL | O_RDWR, 0644), EEXIST);
    fails(open("dangling", O_CREAT | O_EXCL | O_RDWR, 0644), EEXIST);
    fails(open("missing/x", O_CREAT | O_RDWR, 0644), ENOENT);
    fails(open("newdir/", O_CREAT | O_RDWR, 0644), EISDIR);
    fails(open("", O_RDONLY), ENOENT);
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = 0;
    fails(open(name, O_RDONLY), ENAMETOOLONG);
    name[300] = 0;
    fails(open(name, O_RDONLY), ENAMETOOLONG);
    fails(syscall(SYS_openat, AT_FDCWD, (void *)16, O_RDONLY, 0), EFAULT);
    fails(openat(999, "file", O_RDONLY), EBADF);

    fd = open("dangling", O_CREAT | O_RDWR, 0600);
    ok(fd >= 0 && access("missing", F_OK) == 0);
    close(fd);
    fd = open("link", O_RDWR | O_TRUNC);
    struct stat s;
    ok(fd >= 0 && fstat(fd, &s) == 0 && s.st_size == 0);
    close(fd);

    fd = open("dir", O_PATH);
    ok(fd >= 0 && (flags_of(fd) & O_PATH));
    fails(fsync(fd), EBADF);
    int in = openat(fd, "inner", O_CREAT | O_RDWR, 0644);
    ok(in >= 0 && access("dir/inner", F_OK) == 0);
    close(in);
    in = openat(fd, "../file", O_RDONLY);
    ok(in >= 0);
    close(in);
    close(fd);
    fd = open("link", O_PATH | O_NOFOLLOW);
    ok(fd >= 0 && fstat(fd, &s) == 0 && S_ISLNK(s.st_mode));
    ok(readlinkat(fd, "", buf, sizeof buf) == 4 && !memcmp(buf, "file", 4));
    close(fd);

    fd = open(".", O_TMPFILE | O_RDWR, 0600);
    if (fd < 0) {
        skip("no O_TMPFILE here");
    } else {
        char path[64];
        ok(write(fd, "tmp", 3) == 3);
        ok(fstat(fd, &s) == 0 && s.st_nlink == 0);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        ok(linkat(AT_FDCWD, path, AT_FDCWD, "linked", AT_SYMLINK_FOLLOW) == 0);
        ok(stat("linked", &s) == 0 && s.st_size == 3);
        close(fd);
    }
    void *page = aligned_alloc(4096, 4096);
    memset(page, 'd', 4096);
    fd = open("direct", O_CREAT | O_RDWR | O_DIRECT, 0644);
    if (fd < 0) {
        skip("no O_DIRECT here");
    } else {
        ok(flags_of(fd) & O_DIRECT);
        ok(!(flags_of(fd) & O_DIRECTORY));
        ok(write(fd, page, 4096) == 4096);
        close(fd);
    }

    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC};
    fd = (int)syscall(SYS_openat2, AT_FDCWD, "file", &how, sizeof how);
    if (fd < 0 && errno == ENOSYS) {
        skip("no openat2");
    } else {
        ok(fd >= 0);
        close(fd);
        how.resolve = RESOLVE_NO_SYMLINKS;
        fails(syscall(SYS_openat2, AT_FDCWD, "link", &how, sizeof how), ELOOP);
        how.resolve = RESOLVE_BENEATH;
        fails(syscall(SYS_openat2, AT_FDCWD, "../x", &how, sizeof how), EXDEV);
        fails(syscall(SYS_openat2, AT_FDCWD, "/etc", &how, sizeof how), EXDEV);
        how.resolve = RESOLVE_IN_ROOT;
        int dir = open("dir", O_PATH);
        fd = (int)syscall(SYS_openat2, dir, "/inner", &how, sizeof how);
        ok(fd >= 0);
        close(fd);
        close(dir);
        how = (struct open_how){.flags = O_DIRECTORY};
        fails(syscall(SYS_openat2, AT_FDCWD, "file", &how, sizeof how), ENOTDIR);
        how = (struct open_how){.flags = O_RDONLY, .mode = 0644};
        fails(syscall(SYS_openat2, AT_FDCWD, "file", &how, sizeof how), EINVAL);
        fails(syscall(SYS_openat2, AT_FDCWD, "file", &how, 8), EINVAL);
        how = (struct open_how){.flags = 1ull << 40};
        fails(syscall(SYS_openat2, AT_FDCWD, "file", &how, sizeof how), EINVAL);
    }

    fd = open("append", O_CREAT | O_WRONLY | O_APPEND, 0644);
    ok(write(fd, "one", 3) == 3 && lseek(fd, 0, SEEK_SET) == 0 && write(fd, "two", 3) == 3);
    close(fd);
    fd = open("append", O_RDONLY);
    ok(read(fd, buf, sizeof buf) == 6 && !memcmp(buf, "onetwo", 6));
    ok(pread(fd, buf, 2, 3) == 2 && buf[0] == 't');
    fails(write(fd, buf, 1), EBADF);
    ok(lseek(fd, 0, SEEK_HOLE) == 6);
    fails(lseek(fd, -1, SEEK_SET), EINVAL);
    fails(syscall(SYS_pread64, fd, (void *)16, 1, 0, 0), EFAULT);
    close(fd);
    fails(close(fd), EBADF);
    return test_done();
}
