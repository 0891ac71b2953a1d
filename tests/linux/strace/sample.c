/* System calls whose --strace lines strace_test.py knows. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int main(void)
{
    char buf[100];
    int p[2], s[2];
    struct stat st;
    sigset_t set;

    syscall(SYS_getppid);
    openat(AT_FDCWD, "/missing/file", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd = openat(AT_FDCWD, "/dev/null", O_RDWR | O_CREAT | O_NOFOLLOW, 0640);
    fcntl(fd, F_GETFL);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    syscall(SYS_fstat, fd, &st);
    syscall(SYS_newfstatat, AT_FDCWD, "/tmp", &st, AT_SYMLINK_NOFOLLOW);
    syscall(SYS_fstat, 99, &st);
    syscall(SYS_pipe2, p, O_NONBLOCK);
    syscall(SYS_write, p[1], "tab\there, \"quotes\", new\n", 24);
    syscall(SYS_read, p[0], buf, sizeof buf);
    struct iovec v[2] = {{"one", 3}, {"a text of more than thirty-two characters", 41}};
    syscall(SYS_writev, p[1], v, 2);
    syscall(SYS_write, p[1], (void *)8, 1);
    struct timespec ts = {0, 1000};
    syscall(SYS_nanosleep, &ts, NULL);
    struct pollfd f = {p[0], POLLIN | POLLPRI, 0};
    syscall(SYS_ppoll, &f, 1, &ts, NULL, 8);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, 40);
    syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, NULL, 8);
    int ep = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event e = {EPOLLIN | EPOLLET, {.u64 = 0x1234}};
    epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e);
    syscall(SYS_epoll_pwait, ep, &e, 1, 0, NULL, 8);
    socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, s);
    struct sockaddr_in in = {
        .sin_family = AF_INET, .sin_port = htons(80), .sin_addr.s_addr = htonl(0x7f000001)};
    syscall(SYS_connect, s[0], &in, sizeof in);
    struct sockaddr_un un = {AF_UNIX, "/tmp/no such socket"};
    syscall(SYS_connect, s[0], &un, sizeof un);
    void *m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(m, 4096);
    syscall(3000, 1, 2);
    syscall(SYS_lseek, fd, -1L, SEEK_END);
    syscall(SYS_mkdirat, AT_FDCWD, "/proc/x", 0755);
    syscall(SYS_exit_group, 3);
}
