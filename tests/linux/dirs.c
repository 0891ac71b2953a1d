/* Directories: listing, the current one, renames, links. */
#include "test.h"
#include <dirent.h>
#include <limits.h>

struct entry { /* linux_dirent64 */
    uint64_t ino;
    int64_t off;
    unsigned short len;
    unsigned char type;
    char name[];
};

int main(void)
{
    char path[PATH_MAX], name[64], buf[4096];
    struct stat s;

    test_use_dir();
    ok(mkdir("many", 0755) == 0);
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof name, "many/file-%03d", i);
        close(test_make(name, ""));
    }
    bool seen[500] = {0};
    int dots = 0, files = 0, twice = 0;
    DIR *d = opendir("many");
    for (struct dirent *e; (e = readdir(d));) {
        int n;
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")) {
            dots++;
        } else if (sscanf(e->d_name, "file-%d", &n) == 1 && n < 500) {
            twice += seen[n];
            seen[n] = true;
            files += e->d_type == DT_REG || e->d_type == DT_UNKNOWN;
        }
    }
    ok(dots == 2 && files == 500 && !twice);
    rewinddir(d);
    ok(readdir(d));
    long where = telldir(d);
    struct dirent *e = readdir(d);
    ok(e);
    strcpy(name, e->d_name);
    seekdir(d, where);
    e = readdir(d);
    ok(e && !strcmp(e->d_name, name));
    closedir(d);

    int fd = open("many", O_RDONLY | O_DIRECTORY);
    long n = syscall(SYS_getdents64, fd, buf, sizeof buf);
    ok(n > 0);
    struct entry *first = (void *)buf;
    ok(first->len >= 24 && first->len % 8 == 0 && first->ino);
    fails(syscall(SYS_getdents64, fd, buf, 1), EINVAL);
    close(fd);

    ok(getcwd(path, sizeof path) && !strcmp(path, test_dir));
    ok(syscall(SYS_getcwd, path, sizeof path) == (long)strlen(test_dir) + 1);
    fails(syscall(SYS_getcwd, path, 3), ERANGE);
    ok(chdir("many") == 0 && getcwd(path, sizeof path) && strstr(path, "/many"));
    ok(access("file-001", F_OK) == 0);
    ok(chdir("..") == 0 && getcwd(path, sizeof path) && !strcmp(path, test_dir));
    fd = open("many", O_RDONLY);
    ok(fchdir(fd) == 0 && getcwd(path, sizeof path) && strstr(path, "/many"));
    ok(chdir(test_dir) == 0);
    close(fd);
    fails(chdir("missing"), ENOENT);
    fails(chdir("many/file-000"), ENOTDIR);
    ok(chdir("/") == 0 && getcwd(path, sizeof path) && !strcmp(path, "/"));
    ok(chdir("..") == 0 && getcwd(path, sizeof path) && !strcmp(path, "/"));
    ok(access("tmp", F_OK) == 0 && access("proc/self", F_OK) == 0);
    ok(chdir("/usr/../tmp/./") == 0 && getcwd(path, sizeof path) && !strcmp(path, "/tmp"));
    ok(chdir(test_dir) == 0);

    fails(mkdir("many", 0755), EEXIST);
    ok(mkdir("slash/", 0755) == 0 && rmdir("slash/") == 0);
    fails(rmdir("many"), ENOTEMPTY);
    fails(rmdir("many/file-000"), ENOTDIR);
    fails(unlink("many"), EISDIR);
    ok(mkdir("sub", 0755) == 0);
    fails(rmdir("sub/."), EINVAL);
    ok(unlinkat(AT_FDCWD, "sub", AT_REMOVEDIR) == 0);

    close(test_make("a", "a"));
    close(test_make("b", "bb"));
    fails(syscall(SYS_renameat2, AT_FDCWD, "a", AT_FDCWD, "b", 1), EEXIST);
    ok(syscall(SYS_renameat2, AT_FDCWD, "a", AT_FDCWD, "b", 2) == 0);
    ok(stat("a", &s) == 0 && s.st_size == 2);
    ok(rename("a", "b") == 0 && stat("b", &s) == 0 && s.st_size == 2 && access("a", F_OK));
    fails(rename("missing", "x"), ENOENT);
    fails(rename("b", "many"), EISDIR);
    fails(rename("many", "many/inside"), EINVAL);
    fd = open("many", O_PATH);
    ok(renameat(AT_FDCWD, "b", fd, "moved") == 0 && access("many/moved", F_OK) == 0);

    ok(symlinkat("../b", fd, "link") == 0);
    ok(readlink("many/link", buf, sizeof buf) == 4 && !memcmp(buf, "../b", 4));
    ok(readlink("many/link", buf, 2) == 2);
    fails(readlink("many/moved", buf, sizeof buf), EINVAL);
    fails(syscall(SYS_readlinkat, AT_FDCWD, "many/link", buf, 0), EINVAL);
    fails(access("many/link", F_OK), ENOENT);
    ok(rename("many/link", "link") == 0 && lstat("link", &s) == 0 && S_ISLNK(s.st_mode));
    ok(linkat(AT_FDCWD, "link", AT_FDCWD, "hard", 0) == 0 && lstat("hard", &s) == 0 &&
       S_ISLNK(s.st_mode));
    ok(unlink("link") == 0 && unlink("hard") == 0);
    fails(symlink("x", "many"), EEXIST);
    ok(symlink("/tmp/../tmp", "abs") == 0 && stat("abs/.", &s) == 0 && S_ISDIR(s.st_mode));
    close(fd);

    /* A directory that is gone. */
    ok(mkdir("gone", 0755) == 0 && chdir("gone") == 0 && rmdir("../gone") == 0);
    fails(syscall(SYS_getcwd, path, sizeof path), ENOENT);
    fails(open("x", O_CREAT | O_RDWR, 0644), ENOENT);
    ok(chdir(test_dir) == 0);
    return test_done();
}
