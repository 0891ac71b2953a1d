/* epoll: the event's layout, modes, errors. */
#include "test.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>

int main(void)
{
    struct epoll_event e, out[300];
    int ep = epoll_create1(EPOLL_CLOEXEC), p[2];

    ok(ep >= 0 && fcntl(ep, F_GETFD) == FD_CLOEXEC);
    ok(pipe(p) == 0);
    e.events = EPOLLIN;
    e.data.u64 = 0x0123456789abcdefull;
    ok(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e) == 0);
    fails(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e), EEXIST);
    ok(epoll_wait(ep, out, 10, 0) == 0);
    ok(write(p[1], "x", 1) == 1);
    memset(out, 0xee, sizeof out);
    ok(epoll_wait(ep, out, 10, 1000) == 1);
    ok(out[0].events == EPOLLIN && out[0].data.u64 == 0x0123456789abcdefull);
    ok(*(unsigned char *)&out[1] == 0xee);
    e.events = EPOLLIN | EPOLLET;
    e.data.u64 = ~0ull;
    ok(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &e) == 0);
    ok(epoll_wait(ep, out, 10, 1000) == 1 && out[0].data.u64 == ~0ull);
    ok(epoll_wait(ep, out, 10, 0) == 0);
    e.events = EPOLLIN | EPOLLONESHOT;
    ok(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &e) == 0);
    ok(epoll_wait(ep, out, 10, 1000) == 1 && epoll_wait(ep, out, 10, 0) == 0);
    ok(epoll_ctl(ep, EPOLL_CTL_DEL, p[0], NULL) == 0);
    fails(epoll_ctl(ep, EPOLL_CTL_DEL, p[0], NULL), ENOENT);
    fails(epoll_ctl(ep, EPOLL_CTL_ADD, 999, &e), EBADF);
    fails(syscall(SYS_epoll_ctl, ep, EPOLL_CTL_ADD, p[0], (void *)8), EFAULT);
    fails(epoll_ctl(ep, 77, p[0], &e), EINVAL);
    fails(epoll_wait(ep, out, 0, 0), EINVAL);
    fails(syscall(SYS_epoll_pwait, ep, out, -1, 0, NULL, 8), EINVAL);
    fails(epoll_wait(p[0], out, 1, 0), EINVAL);
    fails(epoll_wait(999, out, 1, 0), EBADF);

    int fds[200], total = 0;
    bool seen[200] = {0}, good = true;
    for (int i = 0; i < 200; i++) {
        fds[i] = eventfd(1, EFD_NONBLOCK);
        e.events = EPOLLIN | EPOLLET;
        e.data.u64 = (uint64_t)i << 32 | 0x55;
        good &= fds[i] >= 0 && epoll_ctl(ep, EPOLL_CTL_ADD, fds[i], &e) == 0;
    }
    ok(good);
    for (int n; (n = epoll_wait(ep, out, 300, 0)) > 0; total += n)
        for (int i = 0; i < n; i++) {
            unsigned at = (unsigned)(out[i].data.u64 >> 32);
            good &= (uint32_t)out[i].data.u64 == 0x55 && at < 200 && !seen[at];
            seen[at % 200] = true;
        }
    ok(good && total == 200);

    /* All at once, in the order of the guest's larger structure. */
    memset(seen, 0, sizeof seen);
    for (int i = 0; i < 200; i++) {
        e.events = EPOLLIN;
        e.data.u64 = (uint64_t)i << 32 | 0x77;
        good &= epoll_ctl(ep, EPOLL_CTL_MOD, fds[i], &e) == 0;
    }
    ok(good && epoll_wait(ep, out, 300, 0) == 200);
    for (int i = 0; i < 200; i++) {
        unsigned at = (unsigned)(out[i].data.u64 >> 32);
        good &=
            out[i].events == EPOLLIN && (uint32_t)out[i].data.u64 == 0x77 && at < 200 && !seen[at];
        seen[at % 200] = true;
    }
    ok(good);
    for (int i = 0; i < 200; i++)
        close(fds[i]);

    double t = test_now();
    ok(epoll_wait(ep, out, 10, 50) == 0);
    t = test_now() - t;
    ok(t > 0.045 && t < 2);
    long long ts[2] = {0, 20000000}; /* on every ABI */
    long r = syscall(SYS_epoll_pwait2, ep, out, 10, ts, NULL, 0);
    ok(r == 0 || (r == -1 && errno == ENOSYS));
    close(p[1]);
    e.events = EPOLLIN;
    e.data.fd = 7;
    ok(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e) == 0);
    ok(epoll_wait(ep, out, 10, 1000) == 1 && (out[0].events & EPOLLHUP) && out[0].data.fd == 7);
    return test_done();
}
