/* Descriptors of many kinds: copies, pipes, eventfd, timerfd, signalfd, inotify, memfd, pidfd,
 * splice & co. */
#include "test.h"
#include <dirent.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/uio.h>

static void copies(void)
{
    int fd = open("/dev/null", O_RDWR);
    int a = dup(fd);
    ok(a == fd + 1);
    ok(dup2(fd, 100) == 100 && fcntl(100, F_GETFD) == 0);
    ok(dup3(fd, 101, O_CLOEXEC) == 101 && fcntl(101, F_GETFD) == FD_CLOEXEC);
    fails(dup3(fd, fd, 0), EINVAL);
    fails(dup(999), EBADF);
    fails(dup2(fd, 100000000), EBADF);
    ok(fcntl(fd, F_DUPFD, 150) == 150);
    ok(fcntl(fd, F_DUPFD_CLOEXEC, 150) == 151 && fcntl(151, F_GETFD) == FD_CLOEXEC);
    if (syscall(SYS_close_range, 120, 160, 0) == 0) {
        fails(fcntl(150, F_GETFD), EBADF);
        ok(fcntl(100, F_GETFD) == 0);
        ok(syscall(SYS_close_range, 100, ~0u, 4) == 0 && fcntl(100, F_GETFD) == FD_CLOEXEC);
        ok(syscall(SYS_close_range, 50, ~0u, 0) == 0);
        fails(syscall(SYS_close_range, 60, 50, 0), EINVAL);
    }
    fails(fcntl(101, F_GETFD), EBADF);
    close(fd);
    close(a);
    /* Nothing is open that was not opened here: what is beyond the first few is free. */
    DIR *list = opendir("/proc/self/fd");
    int listed = 0;
    for (struct dirent *e; (e = readdir(list));)
        listed += e->d_name[0] != '.' && atoi(e->d_name) > 2 && atoi(e->d_name) != dirfd(list);
    closedir(list);
    ok(listed == 0);
    int open_count = 0;
    struct rlimit r;
    ok(getrlimit(RLIMIT_NOFILE, &r) == 0);
    for (int i = 3; i < (int)r.rlim_cur && i < 100000; i++)
        open_count += close(i) == 0;
    ok(open_count == 0);
    r.rlim_cur = 20;
    ok(setrlimit(RLIMIT_NOFILE, &r) == 0);
    int n = 0, last = -1;
    while (n < 100 && (fd = open("/dev/null", O_RDONLY)) >= 0)
        n++, last = fd;
    ok(last == 19 && errno == EMFILE);
    struct stat s;
    ok(stat("/usr/bin/env", &s) == 0 || errno == ENOENT); /* needs no free descriptor */
    for (int i = 3; i < 20; i++)
        close(i);
    r.rlim_cur = r.rlim_max < 1024 ? r.rlim_max : 1024;
    ok(setrlimit(RLIMIT_NOFILE, &r) == 0);
}

static void pipes(void)
{
    int p[2], q[2];
    char buf[64];
    ok(pipe2(p, O_CLOEXEC | O_NONBLOCK) == 0 && fcntl(p[0], F_GETFD) == FD_CLOEXEC);
    fails(read(p[0], buf, 1), EAGAIN);
    ok(fcntl(p[0], F_GETPIPE_SZ) >= 4096 && fcntl(p[0], F_SETPIPE_SZ, 8192) == 8192);
    close(p[0]);
    close(p[1]);
    ok(pipe2(p, O_DIRECT) == 0); /* packets */
    ok(write(p[1], "one", 3) == 3 && write(p[1], "two", 3) == 3);
    ok(read(p[0], buf, sizeof buf) == 3 && !memcmp(buf, "one", 3));
    ok(fcntl(p[1], F_GETFL) & O_DIRECT);
    ok(read(p[0], buf, sizeof buf) == 3);
    close(p[0]);
    close(p[1]);
    fails(pipe2(p, O_APPEND), EINVAL);
    fails(syscall(SYS_pipe2, (void *)8, 0), EFAULT);
    ok(pipe(p) == 0 && pipe(q) == 0);
    struct iovec v[2] = {{"vec", 3}, {"tor", 3}}, r[2] = {{buf, 2}, {buf + 10, 10}};
    ok(writev(p[1], v, 2) == 6 && readv(p[0], r, 2) == 6);
    ok(!memcmp(buf, "ve", 2) && !memcmp(buf + 10, "ctor", 4));
    ok(vmsplice(p[1], v, 2, 0) == 6);
    ok(tee(p[0], q[1], 100, 0) == 6);
    int f = test_make("out", "");
    loff_t off = 10;
    ok(splice(p[0], NULL, f, &off, 100, 0) == 6 && off == 16);
    ok(read(q[0], buf, sizeof buf) == 6 && !memcmp(buf, "vector", 6));
    off = 10;
    int g = test_make("copy", "");
    ok(sendfile(g, f, &off, 3) == 3 && off == 13 && pread(g, buf, 9, 0) == 3 &&
       !memcmp(buf, "vec", 3));
    loff_t from = 10, to = 0;
    ssize_t n = copy_file_range(f, &from, g, &to, 6, 0);
    ok((n == 6 && from == 16) ||
       (n == -1 && (errno == EXDEV || errno == ENOSYS || errno == EINVAL || errno == EOPNOTSUPP)));
    ok(preadv2(f, r, 2, 10, 0) == 6 && pwritev2(f, v, 2, -1, RWF_APPEND) == 6);
    ok(fallocate(f, FALLOC_FL_KEEP_SIZE, 0, 100000) == 0 || errno == EOPNOTSUPP);
    ok(posix_fadvise(f, 0, 0, POSIX_FADV_SEQUENTIAL) == 0);
    close(f);
    close(g);
    close(p[0]);
    signal(SIGPIPE, SIG_IGN);
    fails(write(p[1], "x", 1), EPIPE);
    close(p[1]);
    close(q[0]);
    close(q[1]);
}

static void events(void)
{
    uint64_t v = 0;
    int fd = eventfd(3, EFD_SEMAPHORE | EFD_NONBLOCK);
    ok(read(fd, &v, 8) == 8 && v == 1);
    v = 5;
    ok(write(fd, &v, 8) == 8 && read(fd, &v, 8) == 8 && v == 1);
    fails(read(fd, &v, 4), EINVAL);
    close(fd);

    fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    struct itimerspec it = {{0, 10000000}, {0, 10000000}}, now;
    fails(read(fd, &v, 8), EAGAIN);
    ok(timerfd_settime(fd, 0, &it, NULL) == 0 && timerfd_gettime(fd, &now) == 0);
    ok(now.it_interval.tv_nsec == 10000000 && now.it_value.tv_nsec <= 10000000);
    struct pollfd p = {fd, POLLIN, 0};
    ok(poll(&p, 1, 5000) == 1);
    test_sleep(0.05);
    ok(read(fd, &v, 8) == 8 && v >= 3 && v < 1000);
    close(fd);

    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGRTMIN + 3);
    sigprocmask(SIG_BLOCK, &set, NULL);
    fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    ok(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
    struct signalfd_siginfo si;
    fails(read(fd, &si, sizeof si), EAGAIN);
    kill(getpid(), SIGUSR1);
    ok(read(fd, &si, sizeof si) == sizeof si && si.ssi_signo == SIGUSR1 &&
       si.ssi_pid == (uint32_t)getpid());
    sigqueue(getpid(), SIGRTMIN + 3, (union sigval){.sival_int = 4711});
    ok(read(fd, &si, sizeof si) == sizeof si && si.ssi_signo == (uint32_t)SIGRTMIN + 3 &&
       si.ssi_int == 4711);
    close(fd);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void inotify(void)
{
    union {
        struct inotify_event e;
        char room[4096];
    } b;
    int fd = inotify_init1(IN_NONBLOCK);
    if (fd < 0) {
        skip("no inotify");
        return;
    }
    mkdir("watched", 0755);
    int w = inotify_add_watch(fd, "watched", IN_CREATE | IN_DELETE);
    ok(w > 0);
    close(test_make("watched/new", ""));
    ok(read(fd, &b, sizeof b) >= (ssize_t)sizeof b.e && b.e.wd == w && b.e.mask == IN_CREATE &&
       !strcmp(b.e.name, "new"));
    unlink("watched/new");
    ok(read(fd, &b, sizeof b) > 0 && b.e.mask == IN_DELETE);
    ok(inotify_rm_watch(fd, w) == 0);
    fails(inotify_add_watch(fd, "missing", IN_CREATE), ENOENT);
    close(fd);
}

static void others(void)
{
    int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    char buf[64], link[64];
    ok(fd >= 0 && ftruncate(fd, 8192) == 0);
    char *m = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ok(m != MAP_FAILED);
    strcpy(m + 4096, "shared");
    ok(pread(fd, buf, 6, 4096) == 6 && !memcmp(buf, "shared", 6));
    munmap(m, 8192);
    ok(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) == 0 && fcntl(fd, F_GET_SEALS) == F_SEAL_SHRINK);
    fails(ftruncate(fd, 1), EPERM);
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, buf, sizeof buf - 1);
    buf[n > 0 ? n : 0] = 0;
    ok(!strncmp(buf, "/memfd:test", 11));
    int again = open(link, O_RDONLY);
    ok(again >= 0);
    close(again);
    close(fd);

    pid_t child = fork();
    if (!child) {
        test_sleep(0.05);
        _exit(7);
    }
    int pidfd = (int)syscall(SYS_pidfd_open, child, 0);
    if (pidfd >= 0) {
        struct pollfd p = {pidfd, POLLIN, 0};
        ok(poll(&p, 1, 5000) == 1);
        siginfo_t si;
        ok(waitid(3 /* P_PIDFD */, (id_t)pidfd, &si, WEXITED) == 0 && si.si_status == 7 &&
           si.si_pid == child);
        close(pidfd);
    } else {
        waitpid(child, NULL, 0);
    }
    ok(syscall(SYS_getrandom, buf, 16, 0) == 16);
    fails(syscall(SYS_getrandom, buf, 16, 0x100), EINVAL);
    fails(syscall(5000), ENOSYS);
    fails(syscall(-1L), ENOSYS);
}

int main(void)
{
    closefrom(3); /* what the caller left open */
    copies();
    test_use_dir();
    pipes();
    events();
    inotify();
    others();
    return test_done();
}
