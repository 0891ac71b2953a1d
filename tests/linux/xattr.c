/* Extended attributes. */
#include "test.h"
#include <sys/xattr.h>

int main(void)
{
    char buf[256];
    test_use_dir();
    int fd = test_make("file", "");
    symlink("file", "link");
    if (setxattr("file", "user.one", "value", 5, 0)) {
        skip("no user attributes here");
        return test_done();
    }
    ok(getxattr("file", "user.one", buf, sizeof buf) == 5 && !memcmp(buf, "value", 5));
    ok(getxattr("link", "user.one", NULL, 0) == 5);
    fails(lgetxattr("link", "user.one", buf, sizeof buf), ENODATA);
    fails(setxattr("file", "user.one", "x", 1, XATTR_CREATE), EEXIST);
    fails(setxattr("file", "user.two", "x", 1, XATTR_REPLACE), ENODATA);
    ok(fsetxattr(fd, "user.two", "22", 2, 0) == 0 && fgetxattr(fd, "user.two", buf, 1) == -1 &&
       errno == ERANGE);
    ssize_t n = listxattr("file", buf, sizeof buf);
    bool one = false, two = false;
    for (char *p = buf; p < buf + n; p += strlen(p) + 1) {
        one |= !strcmp(p, "user.one");
        two |= !strcmp(p, "user.two");
    }
    ok(one && two && flistxattr(fd, buf, sizeof buf) == n);
    ok(removexattr("link", "user.one") == 0 && fremovexattr(fd, "user.two") == 0);
    fails(getxattr("file", "user.one", buf, sizeof buf), ENODATA);
    fails(getxattr("missing", "user.one", buf, sizeof buf), ENOENT);
    return test_done();
}
