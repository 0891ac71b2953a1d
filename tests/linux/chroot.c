/* chroot, and a program executed in there. For the superuser only. */
#include "test.h"
#include <limits.h>
#include <sys/sendfile.h>

static int inside(void)
{
    char path[PATH_MAX];
    struct stat s;
    bool good = getcwd(path, sizeof path) && !strcmp(path, "/") && stat("/prog", &s) == 0 &&
                stat("/../../prog", &s) == 0 && access("/tmp", F_OK) != 0 &&
                access("/proc/self", F_OK) != 0;
    int fd = open("/made", O_CREAT | O_WRONLY | O_EXCL, 0644);
    return good && fd >= 0 && rename("/made", "moved") == 0 ? 42 : 1;
}

int main(int argc, char **argv)
{
    int status;
    if (argc > 1)
        return inside();
    test_use_dir();
    if (geteuid()) {
        fails(chroot("."), EPERM);
        return test_done();
    }
    fails(chroot("missing"), ENOENT);
    fails(chroot("/proc/self/exe"), ENOTDIR);
    ok(mkdir("new", 0755) == 0);
    int from = open("/proc/self/exe", O_RDONLY), to = open("new/prog", O_CREAT | O_WRONLY, 0755);
    struct stat s;
    ok(fstat(from, &s) == 0 && sendfile(to, from, NULL, (size_t)s.st_size) == s.st_size);
    close(from);
    close(to);
    pid_t child = fork();
    if (!child) {
        if (chroot("new") || chdir("/"))
            _exit(2);
        execl("/prog", "/prog", "inside", NULL);
        _exit(3);
    }
    ok(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 42);
    ok(access("new/moved", F_OK) == 0);
    return test_done();
}
