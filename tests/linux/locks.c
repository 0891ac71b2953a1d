/* Record locks, open-file locks, flock, and waiting for them. */
#include "test.h"
#include <sys/file.h>
#include <sys/time.h>

static volatile sig_atomic_t caught;
static void on_alarm(int sig)
{
    caught++;
}

static struct flock lock_of(int type, off_t start, off_t len)
{
    return (struct flock){
        .l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = len};
}

int main(void)
{
    struct sigaction sa = {.sa_handler = on_alarm};
    int ready[2], go[2], status;
    char b = 'x';

    test_use_dir();
    int fd = test_make("file", "0123456789");
    ok(pipe(ready) == 0 && pipe(go) == 0);
    pid_t child = fork();
    if (!child) {
        struct flock l = lock_of(F_WRLCK, 5000000000, 10);
        if (fcntl(fd, F_SETLK, &l) == 0)
            b = 'k';
        write(ready[1], &b, 1);
        read(go[0], &b, 1);
        _exit(0);
    }
    ok(read(ready[0], &b, 1) == 1 && b == 'k');
    struct flock l = lock_of(F_WRLCK, 5000000005, 1);
    ok(fcntl(fd, F_GETLK, &l) == 0 && l.l_type == F_WRLCK && l.l_pid == child);
    ok(l.l_start == 5000000000 && l.l_len == 10);
    l = lock_of(F_RDLCK, 5000000009, 100);
    fails(fcntl(fd, F_SETLK, &l), EAGAIN);
    l = lock_of(F_WRLCK, 0, 100);
    ok(fcntl(fd, F_SETLK, &l) == 0);
    sigaction(SIGALRM, &sa, NULL);
    struct itimerval it = {{0, 0}, {0, 30000}};
    setitimer(ITIMER_REAL, &it, NULL);
    l = lock_of(F_WRLCK, 5000000000, 1);
    fails(fcntl(fd, F_SETLKW, &l), EINTR);
    ok(caught == 1);
    write(go[1], "x", 1);
    ok(fcntl(fd, F_SETLKW, &l) == 0);
    ok(waitpid(child, &status, 0) == child && status == 0);
    l = lock_of(F_UNLCK, 0, 0);
    ok(fcntl(fd, F_SETLK, &l) == 0);
    l = lock_of(99, 0, 0);
    fails(fcntl(fd, F_SETLK, &l), EINVAL);
    fails(syscall(SYS_fcntl, fd, F_SETLK, (void *)8), EFAULT);

    int other = open("file", O_RDWR);
    l = lock_of(F_WRLCK, 0, 1);
    ok(fcntl(fd, F_OFD_SETLK, &l) == 0);
    l = lock_of(F_WRLCK, 0, 1);
    fails(fcntl(other, F_OFD_SETLK, &l), EAGAIN);
    l = lock_of(F_WRLCK, 0, 1);
    ok(fcntl(other, F_OFD_GETLK, &l) == 0 && l.l_pid == -1);

    ok(flock(fd, LOCK_EX) == 0);
    fails(flock(other, LOCK_SH | LOCK_NB), EWOULDBLOCK);
    setitimer(ITIMER_REAL, &it, NULL);
    fails(flock(other, LOCK_SH), EINTR);
    sa.sa_flags = SA_RESTART;
    sigaction(SIGALRM, &sa, NULL);
    child = fork();
    if (!child) {
        test_sleep(0.1);
        flock(fd, LOCK_UN);
        _exit(0);
    }
    setitimer(ITIMER_REAL, &it, NULL);
    ok(flock(other, LOCK_SH) == 0); /* restarted after the signal */
    ok(caught == 3);
    waitpid(child, &status, 0);
    return test_done();
}
