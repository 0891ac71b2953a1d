/* Wine's server of a prefix, from outside: where it is, whether it runs, how it is begun, kept and waited for.
 *
 * The server ends by itself when the last Windows program has ended (it is begun with -p0: at once).  So a program that is being
 * started while another one ends would meet a server that is closing down and fail.  Therefore every run holds a *pin*, from before
 * its program starts until after that has ended: a connection to the server's socket.  For the server this is one more
 * process, from the moment it has answered; it never asks for anything.  The kernel closes it with us, however we end.
 *
 * The server's directory is Wine's business: /tmp/.wine-UID, or with Debian's Wine /run/user/UID/wine or a directory under
 * /tmp whose name is kept in the prefix; in it server-DEVICE-INODE (of the prefix), with `lock`, which the server holds, and
 * `socket`.  Debian's Wine takes $TMPDIR for /tmp, gives a prefix two servers if it changes, and crashes (it frees what getenv
 * returned); so it does not get to see it.  It also makes the name's file in two steps, where a second process can come between: so we
 * make it. */
#include "cli/server.h"
#include "linux/path.h"
#include "support/log.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* An O_PATH descriptor of guest directory `path`, -1 if there is none. */
static int open_guest_dir(const char *path)
{
    char host[PATH_MAX];
    if (path_translate(NULL, AT_FDCWD, path, 0, host) < 0)
        return -1;
    return open(host, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* The directory under /tmp that Debian's Wine uses for `prefix`, as a guest path; made up if there is none. */
static bool debian_dir(const char *prefix, char out[PATH_MAX])
{
    char file[PATH_MAX + 32], new[PATH_MAX + 64], name[64] = "", host[PATH_MAX];
    struct stat st;
    snprintf(file, sizeof file, "%s/wineserver", prefix);
    for (int attempt = 0; attempt < 100; attempt++) {
        int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        ssize_t n = fd >= 0 ? read(fd, name, sizeof name - 1) : -1;
        bool good = n > 0 && fstat(fd, &st) == 0 && (st.st_mode & 0777) == S_IRUSR; /* as Wine wants it */
        if (fd >= 0)
            close(fd);
        if (good) {
            name[n] = 0;
            name[strcspn(name, "\n")] = 0;
            snprintf(out, PATH_MAX, "/tmp/%s", name);
            return true;
        }
        if (n == 0 || (n > 0 && !good))
            unlink(file); /* a killed run's */
        if (path_translate(NULL, AT_FDCWD, "/tmp", 0, host) < 0)
            return false;
        strncat(host, "/wine-XXXXXX", sizeof host - strlen(host) - 1);
        if (!mkdtemp(host))
            return false;
        snprintf(new, sizeof new, "%s.%d", file, getpid());
        fd = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR);
        const char *base = strrchr(host, '/') + 1;
        bool ok = fd >= 0 && write(fd, base, strlen(base)) == (ssize_t)strlen(base);
        if (fd >= 0)
            close(fd);
        if (!ok || link(new, file) < 0)
            rmdir(host); /* another was quicker, or nothing can be written */
        unlink(new);
        if (!ok)
            return false;
    }
    return false;
}

/* Opens the directory of the prefix' server, -1 if there is none (yet). */
static int open_server_dir(const char *prefix)
{
    char base[3][PATH_MAX] = {"", "", ""}, path[PATH_MAX + 64];
    struct stat st;
    if (stat(prefix, &st) < 0)
        return -1;
    snprintf(path, sizeof path, "/run/user/%u", getuid());
    int fd = open_guest_dir(path);
    if (fd >= 0) {
        close(fd);
        snprintf(base[0], PATH_MAX, "%.64s/wine", path);
    } else {
        debian_dir(prefix, base[1]);
    }
    snprintf(base[2], PATH_MAX, "/tmp/.wine-%u", getuid());
    for (size_t i = 0; i < ARRAY_LEN(base); i++) {
        snprintf(path, sizeof path, "%.4000s/server-%llx-%llx", base[i], (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
        fd = base[i][0] ? open_guest_dir(path) : -1;
        if (fd >= 0)
            return fd;
    }
    return -1;
}

pid_t server_pid(const char *prefix)
{
    int dir = open_server_dir(prefix), fd = dir < 0 ? -1 : openat(dir, "lock", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
    bool held = fd >= 0 && fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    if (fd >= 0)
        close(fd);
    if (dir >= 0)
        close(dir);
    return held ? lock.l_pid : 0;
}

/* The server's first message comes with a descriptor, which is to stay open, too. */
static bool receive(struct server_pin *pin)
{
    char data[64];
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec part = {data, sizeof data};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    struct pollfd ready = {pin->fd[0], POLLIN, 0};
    while (poll(&ready, 1, 10000) < 0 && errno == EINTR)
        ;
    if (recvmsg(pin->fd[0], &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) <= 0)
        return false;
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    if (!c || c->cmsg_type != SCM_RIGHTS || c->cmsg_len < CMSG_LEN(sizeof(int)))
        return false;
    memcpy(&pin->fd[1], CMSG_DATA(c), sizeof(int));
    return true;
}

bool server_pin(struct server_pin *pin, const char *prefix)
{
    *pin = (struct server_pin){{-1, -1}};
    int dir = open_server_dir(prefix);
    if (dir < 0)
        return false;
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    snprintf(name.sun_path, sizeof name.sun_path, "/proc/self/fd/%d/socket", dir);
    pin->fd[0] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = pin->fd[0] >= 0 && connect(pin->fd[0], (struct sockaddr *)&name, sizeof name) == 0 && receive(pin);
    close(dir);
    if (!ok)
        server_unpin(pin);
    return ok;
}

void server_unpin(struct server_pin *pin)
{
    for (size_t i = 0; i < ARRAY_LEN(pin->fd); i++) {
        if (pin->fd[i] >= 0)
            close(pin->fd[i]);
        pin->fd[i] = -1;
    }
}

void server_forget(const char *prefix)
{
    static const char *const files[] = {"lock", "socket"};
    char base[PATH_MAX], file[PATH_MAX + 32], host[PATH_MAX], name[64];
    struct stat st;
    int dir = open_server_dir(prefix);
    for (size_t i = 0; dir >= 0 && i < ARRAY_LEN(files); i++)
        unlinkat(dir, files[i], 0);
    if (dir >= 0)
        close(dir);
    snprintf(file, sizeof file, "%s/wineserver", prefix);
    if (access(file, F_OK) < 0 || !debian_dir(prefix, base) || stat(prefix, &st) < 0)
        return;
    unlink(file);
    if (path_translate(NULL, AT_FDCWD, base, 0, host) < 0)
        return;
    snprintf(name, sizeof name, "server-%llx-%llx", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
    dir = open(host, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir >= 0) {
        unlinkat(dir, name, AT_REMOVEDIR);
        close(dir);
        rmdir(host);
    }
}
