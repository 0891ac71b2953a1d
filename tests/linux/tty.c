/* A terminal made of a pseudo-terminal pair: settings, lines, signals, job control. */
#include "test.h"
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>

int main(void)
{
    char buf[256], name[64];
    struct termios t, u;
    struct winsize w = {24, 80, 1, 2}, v = {0};
    int m = posix_openpt(O_RDWR | O_NOCTTY), status;

    if (m < 0) {
        skip("no pseudo-terminals");
        return test_done();
    }
    ok(grantpt(m) == 0 && unlockpt(m) == 0 && ptsname_r(m, name, sizeof name) == 0);
    int s = open(name, O_RDWR | O_NOCTTY);
    ok(s >= 0 && isatty(s) && isatty(m));
    ok(!strcmp(ttyname(s), name));
    fails(tcgetattr(open("/dev/null", O_RDONLY), &t), ENOTTY);
    ok(tcgetattr(s, &t) == 0 && (t.c_lflag & ICANON) && (t.c_lflag & ECHO));
    ok(t.c_cc[VINTR] == 3 && t.c_cc[VEOF] == 4);
    ok(cfgetospeed(&t) == B38400);
    ok(ioctl(m, TIOCSWINSZ, &w) == 0 && ioctl(s, TIOCGWINSZ, &v) == 0 && v.ws_row == 24 &&
       v.ws_col == 80 && v.ws_ypixel == 2);

    ok(write(m, "ab\177c\n", 5) == 5);
    ok(read(s, buf, sizeof buf) == 3 && !memcmp(buf, "ac\n", 3));
    ok(read(m, buf, sizeof buf) > 0); /* the echo */
    ok(write(s, "x\n", 2) == 2);
    struct pollfd p = {m, POLLIN, 0};
    ok(poll(&p, 1, 1000) == 1);
    ssize_t n = read(m, buf, sizeof buf);
    ok(n >= 3 && !memcmp(buf + n - 3, "x\r\n", 3));
    u = t;
    cfmakeraw(&u);
    u.c_cc[VMIN] = 0;
    u.c_cc[VTIME] = 1;
    ok(tcsetattr(s, TCSANOW, &u) == 0 && tcgetattr(s, &t) == 0 && !(t.c_lflag & ICANON) &&
       t.c_cc[VTIME] == 1);
    ok(read(s, buf, 1) == 0);
    int count = -1;
    ok(write(m, "raw", 3) == 3 && poll(&(struct pollfd){s, POLLIN, 0}, 1, 1000) == 1);
    ok(ioctl(s, FIONREAD, &count) == 0 && count == 3);
    ok(tcflush(s, TCIFLUSH) == 0 && ioctl(s, FIONREAD, &count) == 0 && count == 0);
    ok(tcdrain(s) == 0);
    t.c_lflag |= ICANON | ISIG;
    t.c_cc[VMIN] = 1;
    ok(tcsetattr(s, TCSADRAIN, &t) == 0);

    /* A session of its own: ^C reaches the foreground. */
    pid_t child = fork();
    if (!child) {
        signal(SIGINT, SIG_DFL); /* who started us in the background may have it ignored */
        setsid();
        if (ioctl(s, TIOCSCTTY, 0) || tcgetpgrp(s) != getpgrp() || tcgetsid(s) != getpid())
            _exit(1);
        int tty = open("/dev/tty", O_RDWR);
        if (tty < 0)
            _exit(2);
        if (write(tty, "R", 1) != 1)
            _exit(3);
        test_sleep(10);
        _exit(4);
    }
    n = read(m, buf, 1);
    ok(n == 1 && buf[0] == 'R');
    ok(write(m, "\003", 1) == 1);
    ok(waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
    close(s);
    p.revents = 0;
    ok(poll(&p, 1, 1000) == 1 && (p.revents & POLLHUP));
    do
        n = read(m, buf, sizeof buf);
    while (n > 0);
    ok(n == -1 && errno == EIO);
    return test_done();
}
