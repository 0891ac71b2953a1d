/* poll, ppoll, pselect, epoll_pwait: results, time-outs and the temporary signal mask. */
#include "test.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/time.h>

static volatile sig_atomic_t caught, blocked_in_handler;

static void on_signal(int sig)
{
    sigset_t now;
    caught++;
    sigprocmask(SIG_SETMASK, NULL, &now);
    blocked_in_handler = sigismember(&now, SIGUSR2);
}

static bool usr1_blocked(void)
{
    sigset_t now;
    sigprocmask(SIG_SETMASK, NULL, &now);
    return sigismember(&now, SIGUSR1) && !sigismember(&now, SIGUSR2);
}

static void alarm_in(int ms)
{
    struct itimerval it = {{0, 0}, {ms / 1000, ms % 1000 * 1000}};
    setitimer(ITIMER_REAL, &it, NULL);
}

int main(void)
{
    int p[2];
    struct pollfd f[3];
    struct timespec ts = {5, 0}, shortly = {0, 30000000};
    struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigset_t usr1, usr2;

    ok(pipe(p) == 0);
    sigaction(SIGUSR1, &sa, NULL);
    sigaction(SIGALRM, &sa, NULL);
    f[0] = (struct pollfd){p[0], POLLIN, 0};
    f[1] = (struct pollfd){p[1], POLLOUT, 0};
    f[2] = (struct pollfd){999, POLLIN, 0};
    ok(poll(f, 3, 0) == 2 && !f[0].revents && f[1].revents == POLLOUT && f[2].revents == POLLNVAL);
    f[2].fd = -1;
    ok(poll(f, 3, 0) == 1 && !f[2].revents);
    ok(poll(f, 1, 30) == 0);
    ok(write(p[1], "x", 1) == 1 && poll(f, 1, 5000) == 1 && f[0].revents == POLLIN);
    fails(syscall(SYS_ppoll, (void *)8, 1, &shortly, NULL, 8), EFAULT);
    fails(ppoll(f, 1, &(struct timespec){0, -1}, NULL), EINVAL);
    read(p[0], f + 2, 1);

    /* The kernel writes back what is left. */
    struct timespec left = {5, 0};
    write(p[1], "x", 1);
    ok(syscall(SYS_ppoll, f, 1, &left, NULL, 8) == 1 && left.tv_sec == 4);
    read(p[0], f + 2, 1);

    /* A blocked signal that is pending: seen by the call's mask only, and the mask is as before
     * afterwards. */
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    sigemptyset(&usr2);
    sigaddset(&usr2, SIGUSR2);
    sigprocmask(SIG_BLOCK, &usr1, NULL);
    raise(SIGUSR1);
    ok(caught == 0);
    fails(ppoll(f, 1, &ts, &usr2), EINTR);
    ok(caught == 1 && blocked_in_handler == 1 && usr1_blocked());
    raise(SIGUSR1);
    ok(ppoll(f, 1, &shortly, &usr1) == 0 && caught == 1 && usr1_blocked());
    fd_set set;
    FD_ZERO(&set);
    FD_SET(p[0], &set);
    fails(pselect(p[0] + 1, &set, NULL, NULL, &ts, &usr2), EINTR);
    ok(caught == 2 && blocked_in_handler == 1 && usr1_blocked());
    raise(SIGUSR1);
    int ep = epoll_create1(0);
    struct epoll_event e = {.events = EPOLLIN};
    epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e);
    fails(epoll_pwait(ep, &e, 1, 5000, &usr2), EINTR);
    ok(caught == 3 && blocked_in_handler == 1 && usr1_blocked());
    raise(SIGUSR1);
    fails(sigsuspend(&usr2), EINTR);
    ok(caught == 4 && usr1_blocked());
    /* Data is there and a signal too: data wins, but the signal is not lost. */
    write(p[1], "x", 1);
    raise(SIGUSR1);
    int r = ppoll(f, 1, &ts, &usr2);
    ok((r == 1 && caught == 4) || (r == -1 && errno == EINTR && caught == 5));
    sigprocmask(SIG_UNBLOCK, &usr1, NULL);
    ok(caught == 5);
    read(p[0], f + 2, 1);

    /* Interrupted while asleep: never restarted, even with SA_RESTART. */
    alarm_in(30);
    fails(poll(f, 1, 5000), EINTR);
    alarm_in(30);
    fails(select(p[0] + 1, &set, NULL, NULL, &(struct timeval){5, 0}), EINTR);
    alarm_in(30);
    fails(epoll_wait(ep, &e, 1, 5000), EINTR);
    ok(caught == 8);
    /* Asleep with the signal blocked by the call's mask. */
    sigset_t alrm;
    sigemptyset(&alrm);
    sigaddset(&alrm, SIGALRM);
    alarm_in(20);
    ok(ppoll(f, 1, &(struct timespec){0, 60000000}, &alrm) == 0 && caught == 9);

    FD_ZERO(&set);
    FD_SET(p[0], &set);
    fd_set w;
    FD_ZERO(&w);
    FD_SET(p[1], &w);
    struct timeval tv = {5, 0};
    ok(select(p[1] + 1, &set, &w, NULL, &tv) == 1 && !FD_ISSET(p[0], &set) && FD_ISSET(p[1], &w));
    ok(tv.tv_sec == 4);
    FD_SET(40, &set);
    fails(select(41, &set, NULL, NULL, &(struct timeval){0, 0}), EBADF);
    fails(select(-1, NULL, NULL, NULL, &(struct timeval){0, 0}), EINVAL);
    close(p[1]);
    ok(poll(f, 1, 5000) == 1 && f[0].revents == POLLHUP);
    return test_done();
}
