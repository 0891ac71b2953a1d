/* Sockets: AF_UNIX by path and abstract, descriptors and credentials in messages, TCP and UDP on
 * loopback. */
#include "test.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

static struct sockaddr_un name_of(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    strncpy(a.sun_path, path, sizeof a.sun_path - 1);
    return a;
}

static int send_fd(int s, int fd)
{
    union {
        struct cmsghdr h;
        char room[CMSG_SPACE(sizeof fd)];
    } c = {.room = {0}};
    struct iovec v = {"F", 1};
    struct msghdr m = {
        .msg_iov = &v, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof c};
    struct cmsghdr *h = CMSG_FIRSTHDR(&m);
    *h = (struct cmsghdr){
        .cmsg_len = CMSG_LEN(sizeof fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(h), &fd, sizeof fd);
    return (int)sendmsg(s, &m, 0);
}

static int receive_fd(int s, int flags)
{
    union {
        struct cmsghdr h;
        char room[256];
    } c;
    char b;
    int fd = -1;
    struct iovec v = {&b, 1};
    struct msghdr m = {
        .msg_iov = &v, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof c};
    if (recvmsg(s, &m, flags) != 1 || b != 'F')
        return -1;
    for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h))
        if (h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS)
            memcpy(&fd, CMSG_DATA(h), sizeof fd);
    return fd;
}

static void unix_sockets(void)
{
    int s[2], value;
    char buf[64];
    socklen_t len = sizeof value;
    struct stat a, b;

    ok(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s) == 0);
    ok(getsockopt(s[0], SOL_SOCKET, SO_TYPE, &value, &len) == 0 && value == SOCK_STREAM);
    int file = open("/dev/null", O_RDWR);
    ok(send_fd(s[0], file) == 1);
    int got = receive_fd(s[1], MSG_CMSG_CLOEXEC);
    ok(got >= 0 && got != file && fcntl(got, F_GETFD) == FD_CLOEXEC);
    ok(fstat(file, &a) == 0 && fstat(got, &b) == 0 && a.st_ino == b.st_ino);
    close(got);

    value = 1;
    ok(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &value, sizeof value) == 0);
    ok(write(s[0], "c", 1) == 1);
    char room[256];
    struct iovec v = {buf, sizeof buf};
    struct msghdr m = {
        .msg_iov = &v, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
    ok(recvmsg(s[1], &m, 0) == 1);
    struct cmsghdr *h = CMSG_FIRSTHDR(&m);
    struct ucred cred;
    ok(h && h->cmsg_type == SCM_CREDENTIALS);
    memcpy(&cred, CMSG_DATA(h), sizeof cred);
    ok(cred.pid == getpid() && cred.uid == getuid());
    len = sizeof cred;
    ok(getsockopt(s[0], SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 && cred.pid == getpid());

    ok(send(s[0], "peek", 4, 0) == 4 && recv(s[1], buf, 4, MSG_PEEK) == 4 &&
       recv(s[1], buf, 9, 0) == 4);
    fails(recv(s[1], buf, 1, MSG_DONTWAIT), EAGAIN);
    ok(shutdown(s[0], SHUT_WR) == 0 && recv(s[1], buf, 1, 0) == 0);
    close(s[0]);
    signal(SIGPIPE, SIG_IGN);
    fails(send(s[1], "x", 1, MSG_NOSIGNAL), EPIPE);
    close(s[1]);

    /* By path: absolute, relative, and what the addresses say. */
    char path[100];
    snprintf(path, sizeof path, "%s/sock", test_dir);
    struct sockaddr_un n = name_of(path), peer;
    int listener = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0);
    ok(bind(listener, (void *)&n, sizeof n) == 0 && listen(listener, 5) == 0);
    ok(stat("sock", &a) == 0 && S_ISSOCK(a.st_mode));
    len = sizeof peer;
    ok(getsockname(listener, (void *)&peer, &len) == 0 && !strcmp(peer.sun_path, path));
    ok(len == offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1);
    n = name_of("sock");
    ok(connect(c, (void *)&n, sizeof n) == 0);
    len = sizeof peer;
    int in = accept4(listener, (void *)&peer, &len, SOCK_NONBLOCK);
    ok(in >= 0 && len == 2 && peer.sun_family == AF_UNIX);
    fails(read(in, buf, 1), EAGAIN);
    len = sizeof peer;
    ok(getpeername(c, (void *)&peer, &len) == 0 && !strcmp(peer.sun_path, path));
    ok(write(c, "hi", 2) == 2 && read(in, buf, 2) == 2);
    close(in);
    close(c);
    close(listener);
    c = socket(AF_UNIX, SOCK_STREAM, 0);
    fails(connect(c, (void *)&n, sizeof n), ECONNREFUSED);
    n = name_of("missing");
    fails(connect(c, (void *)&n, sizeof n), ENOENT);
    n = name_of("sock");
    fails(bind(c, (void *)&n, sizeof n), EADDRINUSE);
    close(c);

    /* Datagrams, their senders' names, several at once. */
    int d1 = socket(AF_UNIX, SOCK_DGRAM, 0), d2 = socket(AF_UNIX, SOCK_DGRAM, 0);
    struct sockaddr_un n1 = name_of("d1"), n2 = name_of("d2");
    ok(bind(d1, (void *)&n1, sizeof n1) == 0 && bind(d2, (void *)&n2, sizeof n2) == 0);
    ok(sendto(d1, "dgram", 5, 0, (void *)&n2, sizeof n2) == 5);
    len = sizeof peer;
    ok(recvfrom(d2, buf, sizeof buf, 0, (void *)&peer, &len) == 5 && !strcmp(peer.sun_path, "d1"));
    struct iovec vs[3] = {{"a", 1}, {"bb", 2}, {"ccc", 3}};
    struct mmsghdr out[3], back[3];
    char rooms[3][8];
    struct sockaddr_un names[3];
    memset(out, 0, sizeof out);
    memset(back, 0, sizeof back);
    struct iovec rs[3];
    for (int i = 0; i < 3; i++) {
        out[i].msg_hdr = (struct msghdr){
            .msg_name = &n2, .msg_namelen = sizeof n2, .msg_iov = &vs[i], .msg_iovlen = 1};
        rs[i] = (struct iovec){rooms[i], 8};
        back[i].msg_hdr = (struct msghdr){.msg_name = &names[i],
                                          .msg_namelen = sizeof names[i],
                                          .msg_iov = &rs[i],
                                          .msg_iovlen = 1};
    }
    ok(sendmmsg(d1, out, 3, 0) == 3 && out[1].msg_len == 2);
    ok(recvmmsg(d2, back, 3, MSG_DONTWAIT, NULL) == 3 && back[2].msg_len == 3);
    ok(!memcmp(rooms[1], "bb", 2) && !strcmp(names[1].sun_path, "d1"));
    close(d1);
    close(d2);

    /* Abstract. */
    struct sockaddr_un abs = {.sun_family = AF_UNIX};
    int n_abs = snprintf(abs.sun_path + 1, 100, "demotic-test-%d", getpid());
    socklen_t abs_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n_abs);
    listener = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    c = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    ok(bind(listener, (void *)&abs, abs_len) == 0 && listen(listener, 1) == 0);
    ok(connect(c, (void *)&abs, abs_len) == 0);
    len = sizeof peer;
    ok(getpeername(c, (void *)&peer, &len) == 0 && len == abs_len && !peer.sun_path[0]);
    close(c);
    close(listener);
}

static void inet_sockets(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}, b;
    socklen_t len = sizeof a;
    int value = 1;
    char buf[64];
    int l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ok(setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &value, sizeof value) == 0);
    if (bind(l, (void *)&a, sizeof a)) {
        skip("no loopback");
        return;
    }
    ok(listen(l, 5) == 0 && getsockname(l, (void *)&a, &len) == 0 && a.sin_port);
    int c = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int r = connect(c, (void *)&a, sizeof a);
    ok(r == 0 || errno == EINPROGRESS);
    struct pollfd p = {c, POLLOUT, 0};
    ok(poll(&p, 1, 5000) == 1 && p.revents == POLLOUT);
    len = sizeof b;
    int s = accept(l, (void *)&b, &len);
    ok(s >= 0 && len == sizeof b && b.sin_family == AF_INET);
    ok(setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &value, sizeof value) == 0);
    struct linger lin = {1, 3}, lin2 = {0, 0};
    len = sizeof lin2;
    ok(setsockopt(c, SOL_SOCKET, SO_LINGER, &lin, sizeof lin) == 0 &&
       getsockopt(c, SOL_SOCKET, SO_LINGER, &lin2, &len) == 0 && lin2.l_linger == 3);
    struct timeval tv = {0, 30000};
    ok(setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv) == 0);
    fails(recv(s, buf, 1, 0), EAGAIN);
    ok(send(c, "data", 4, MSG_MORE) == 4 && send(c, "more", 4, 0) == 4);
    ok(recv(s, buf, 8, MSG_WAITALL) == 8 && !memcmp(buf, "datamore", 8));
    close(c);
    ok(recv(s, buf, 1, 0) == 0);
    close(s);
    close(l);
    c = socket(AF_INET, SOCK_STREAM, 0);
    fails(connect(c, (void *)&a, sizeof a), ECONNREFUSED);
    close(c);
    int u1 = socket(AF_INET, SOCK_DGRAM, 0), u2 = socket(AF_INET, SOCK_DGRAM, 0);
    a.sin_port = 0;
    ok(bind(u1, (void *)&a, sizeof a) == 0);
    len = sizeof a;
    ok(getsockname(u1, (void *)&a, &len) == 0);
    ok(sendto(u2, "udp", 3, 0, (void *)&a, sizeof a) == 3 && recv(u1, buf, sizeof buf, 0) == 3);
    fails(socket(AF_INET, 77, 0), EINVAL);
    fails(socket(999, SOCK_STREAM, 0), EAFNOSUPPORT);
    fails(listen(0x7000, 1), EBADF);
    fails(syscall(SYS_bind, u2, (void *)8, 16), EFAULT);
    fails(getsockopt(test_make("f", ""), SOL_SOCKET, SO_TYPE, &value, &len), ENOTSOCK);
}

int main(void)
{
    test_use_dir();
    unix_sockets();
    inet_sockets();
    return test_done();
}
