/* struct stat, statx, times, owners, modes. */
#include "test.h"
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/time.h>

#ifdef __i386__
#define SYS_newfstatat SYS_fstatat64
#endif

int main(void)
{
    struct stat s, l;
    struct statx x;

    test_use_dir();
    int fd = test_make("file", "hello, world\n");
    ok(fd >= 0);
    ok(fstat(fd, &s) == 0);
    ok(s.st_size == 13);
    ok(S_ISREG(s.st_mode));
    ok((s.st_mode & 07777) == 0644);
    ok(s.st_nlink == 1);
    ok(s.st_uid == geteuid() && s.st_gid == getegid());
    ok(s.st_blksize >= 512 && s.st_blksize <= 1 << 22);
    ok(s.st_ino != 0 && s.st_dev != 0);
    ok(llabs((long long)s.st_mtime - (long long)time(NULL)) < 100);
    ok(stat("file", &l) == 0 && l.st_ino == s.st_ino && l.st_dev == s.st_dev && l.st_size == 13);

    ok(symlink("file", "link") == 0);
    ok(lstat("link", &l) == 0 && S_ISLNK(l.st_mode) && l.st_size == 4);
    ok(stat("link", &l) == 0 && l.st_ino == s.st_ino);
    ok(fstatat(AT_FDCWD, "link", &l, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(l.st_mode));
    ok(fstatat(fd, "", &l, AT_EMPTY_PATH) == 0 && l.st_ino == s.st_ino);
    fails(stat("missing", &l), ENOENT);
    fails(stat("file/x", &l), ENOTDIR);
    fails(stat("", &l), ENOENT);
    fails(syscall(SYS_fstat, 999, &l), EBADF);
    fails(syscall(SYS_fstat, fd, (void *)8), EFAULT);
    fails(syscall(SYS_newfstatat, AT_FDCWD, (void *)8, &l, 0), EFAULT);
    fails(syscall(SYS_newfstatat, AT_FDCWD, "file", &l, 0x40000000), EINVAL);

    ok(statx(AT_FDCWD, "file", 0, STATX_BASIC_STATS, &x) == 0);
    ok(x.stx_ino == s.st_ino && x.stx_size == 13 && x.stx_mode == s.st_mode);
    ok(makedev(x.stx_dev_major, x.stx_dev_minor) == s.st_dev);

    ok(stat("/dev/null", &l) == 0 && S_ISCHR(l.st_mode) && l.st_rdev == makedev(1, 3));
    ok(stat("/tmp", &l) == 0 && S_ISDIR(l.st_mode) && (l.st_mode & S_ISVTX));

    struct timespec ts[2] = {{1000000001, 123456789}, {2000000002, 987654321}};
    ok(utimensat(AT_FDCWD, "file", ts, 0) == 0);
    ok(stat("file", &s) == 0 && s.st_atim.tv_sec == 1000000001 && s.st_atim.tv_nsec == 123456789);
    ok(s.st_mtim.tv_sec == 2000000002 && s.st_mtim.tv_nsec == 987654321);
    ts[0].tv_nsec = UTIME_OMIT;
    ts[1].tv_nsec = UTIME_NOW;
    ok(futimens(fd, ts) == 0 && fstat(fd, &s) == 0 && s.st_atim.tv_sec == 1000000001);
    ok(llabs((long long)s.st_mtime - (long long)time(NULL)) < 100);
    ts[1].tv_nsec = 1000000000;
    fails(utimensat(AT_FDCWD, "file", ts, 0), EINVAL);
    struct timespec negative[2] = {{-5, 0}, {-5, 0}};
    if (utimensat(AT_FDCWD, "link", negative, AT_SYMLINK_NOFOLLOW) == 0)
        ok(lstat("link", &l) == 0 && l.st_mtime == -5);
    ok(stat("file", &s) == 0 && s.st_atim.tv_sec == 1000000001);

    ok(chmod("file", 04751) == 0 && stat("file", &s) == 0 && (s.st_mode & 07777) == 04751);
    ok(fchmod(fd, 0600) == 0 && stat("file", &s) == 0 && (s.st_mode & 07777) == 0600);
    ok(link("file", "second") == 0 && stat("second", &s) == 0 && s.st_nlink == 2);
    ok(truncate("file", 5000000000) == 0 && stat("file", &s) == 0 && s.st_size == 5000000000);
    ok(s.st_blocks < 100);
    ok(ftruncate(fd, 3) == 0 && fstat(fd, &s) == 0 && s.st_size == 3);
    ok(mkfifo("fifo", 0640) == 0 && stat("fifo", &s) == 0 && S_ISFIFO(s.st_mode));
    ok(access("file", R_OK) == 0);
    fails(access("missing", F_OK), ENOENT);
    ok(faccessat(AT_FDCWD, "link", F_OK, AT_SYMLINK_NOFOLLOW) == 0);
    ok(umask(027) >= 0 && umask(022) == 027);

    struct statfs f;
    ok(statfs("/proc", &f) == 0 && f.f_type == 0x9fa0);
    ok(fstatfs(fd, &f) == 0 && f.f_bsize > 0 && f.f_blocks > 0 && f.f_namelen >= 100);
    fails(statfs("/missing-dir/x", &f), ENOENT);
    return test_done();
}
