/* Path translation on a made-up root in a temporary directory.  Every question is asked twice: as a
 * process with one thread (openat2) and as one with more (component by component). */
#include "support/fd.h"
#include "linux/path.h"
#include "linux/process.h"
#include "linux/syscall.h"
#include "linux/hostcall.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

/* The part of the run loop that path_open_quick needs. */
int64_t sys_blocking(struct thread *t, long nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3,
                     uint64_t a4, uint64_t a5)
{
    return host_call(nr, a0, a1, a2, a3, a4, a5);
}

static char base[PATH_MAX / 4], root[PATH_MAX / 2];
static struct process process;
static struct thread one = {.process = &process}, other;

static const char *in(const char *dir, const char *name)
{
    static char out[4][PATH_MAX];
    static unsigned next;
    char *p = out[next++ % 4];
    snprintf(p, PATH_MAX, "%s%s", dir, name);
    return p;
}

static void make_dir(const char *name)
{
    assert_int_equal(mkdir(in(root, name), 0755), 0);
}
static void make_file(const char *path)
{
    int fd = open(path, O_CREAT | O_WRONLY | O_EXCL, 0644);
    assert_true(fd >= 0);
    close(fd);
}
static void make_link(const char *text, const char *name)
{
    assert_int_equal(symlink(text, in(root, name)), 0);
}

static int setup(void **state)
{
    /* Not in /tmp, which is the host's for every guest. */
    const char *under = getenv("TEST_DIR");
    snprintf(base, sizeof base, "%s/path-test-XXXXXX", under ? under : "/var/tmp");
    if (!mkdtemp(base))
        return -1;
    snprintf(root, sizeof root, "%s/root", base);
    mkdir(root, 0755);
    static const char *const dirs[] = {"/usr", "/usr/bin", "/usr/lib", "/etc", "/etc/alternatives",
                                       "/var", "/tmp",     "/run",     "/opt", "/proc"};
    for (unsigned i = 0; i < ARRAY_LEN(dirs); i++)
        make_dir(dirs[i]);
    make_file(in(root, "/usr/bin/prog"));
    make_file(in(root, "/usr/lib/libx.so.1.2"));
    make_file(in(root, "/tmp/hidden"));
    make_file(in(base, "/host-file"));
    mkdir(in(base, "/host-dir"), 0755);
    make_file(in(base, "/host-dir/file"));
    make_link("usr/bin", "/bin");
    make_link("/usr/lib", "/lib");
    make_link("libx.so.1.2", "/usr/lib/libx.so.1");
    make_link("/etc/alternatives/foo", "/usr/bin/foo");
    make_link("/usr/bin/prog", "/etc/alternatives/foo");
    make_link("/run", "/var/run");
    make_link("loop2", "/loop1");
    make_link("loop1", "/loop2");
    make_link("../../../../../usr/bin", "/up");
    make_link("/tmp/nothing-here", "/etc/dangling");
    make_link("/usr/bin/new", "/etc/dangling-root");
    make_link("/proc/self/mounts", "/etc/mtab");
    make_link(in(base, "/host-dir"), "/to-host");
    /* On the host: a link whose target only the root has. */
    if (symlink("/usr/lib/libx.so.1", in(base, "/host-link")))
        return -1;
    process.threads = &one;
    assert_int_equal(chdir("/"), 0);
    return path_set_root(root);
}

static int teardown(void **state)
{
    char command[PATH_MAX + 16];
    path_set_root(NULL);
    snprintf(command, sizeof command, "rm -rf '%s'", base);
    return system(command);
}

static void check_at(int dirfd, const char *guest, unsigned flags, const char *want,
                     const char *file, int line)
{
    char got[PATH_MAX];
    for (unsigned threads = 1; threads <= 2; threads++) {
        one.next = threads == 2 ? &other : NULL;
        int r = path_translate(&one, dirfd, guest, flags, got);
        if (r)
            snprintf(got, sizeof got, "error %d", -r);
        if (strcmp(got, want)) {
            print_error("%s with %u threads: %s, not %s\n", guest, threads, got, want);
            _fail(file, line);
        }
    }
}
#define check(guest, flags, want) check_at(AT_FDCWD, guest, flags, want, __FILE__, __LINE__)
#define check_error(guest, flags, err)                                                             \
    do {                                                                                           \
        char text[16];                                                                             \
        snprintf(text, sizeof text, "error %d", err);                                              \
        check_at(AT_FDCWD, guest, flags, text, __FILE__, __LINE__);                                \
    } while (0)

static void plain_paths(void **state)
{
    check("/usr/bin/prog", 0, in(root, "/usr/bin/prog"));
    check("/", 0, root);
    check("//usr///bin//prog", 0, in(root, "/usr/bin/prog"));
    check("/./usr/./bin/prog", 0, in(root, "/usr/bin/prog"));
    check("/usr/bin/", 0, in(root, "/usr/bin/"));
    check("/usr/bin/prog/", 0, in(root, "/usr/bin/prog/")); /* the kernel then says ENOTDIR */
    check("", 0, "");
}

static void symlinks(void **state)
{
    check("/bin/prog", 0, in(root, "/usr/bin/prog"));
    check("/lib/libx.so.1", 0, in(root, "/usr/lib/libx.so.1.2"));
    check("/lib/libx.so.1", PATH_NOFOLLOW, in(root, "/usr/lib/libx.so.1"));
    check("/lib", PATH_NOFOLLOW, in(root, "/lib"));
    check("/lib/", PATH_NOFOLLOW, in(root, "/usr/lib/"));
    check("/bin/foo", 0, in(root, "/usr/bin/prog"));
    check("/up/prog", 0, in(root, "/usr/bin/prog"));
    check_error("/loop1", 0, ELOOP);
    check_error("/loop1/x", PATH_NOFOLLOW, ELOOP);
    check("/loop1", PATH_NOFOLLOW, in(root, "/loop1"));
}

static void dotdot(void **state)
{
    check("/..", 0, root);
    check("/../../usr/bin/prog", 0, in(root, "/usr/bin/prog"));
    check("/lib/../bin/prog", 0, in(root, "/usr/bin/prog"));
    check("/usr/../tmp", 0, "/tmp");
    check("/tmp/../usr/bin/prog", 0, in(root, "/usr/bin/prog"));
    check_error("/usr/bin/prog/..", 0, ENOTDIR);
    check_error("/usr/nothing/../bin", 0, ENOENT);
}

static void host_trees(void **state)
{
    check("/tmp", 0, "/tmp");
    check("/tmp/hidden", 0, "/tmp/hidden");
    check("//tmp/x", 0, "/tmp/x");
    check("/./tmp/x", PATH_CREATE, "/tmp/x");
    check("/tmpfile", PATH_CREATE, in(root, "/tmpfile"));
    check("/var/run", 0, "/run");
    check("/etc/dangling", 0, "/tmp/nothing-here");
    check("/dev/null", 0, "/dev/null");
}

static void missing(void **state)
{
    check("/etc/nothing", 0, in(root, "/etc/nothing"));
    check("/etc/nothing", PATH_CREATE, in(root, "/etc/nothing"));
    check("/usr/newdir/", PATH_CREATE, in(root, "/usr/newdir/"));
    check("/etc/dangling-root", PATH_CREATE, in(root, "/usr/bin/new"));
    check("/etc/dangling-root", PATH_CREATE | PATH_NOFOLLOW, in(root, "/etc/dangling-root"));
    check_error("/nothing/x", PATH_CREATE, ENOENT);
    check_error("/usr/bin/prog/x", 0, ENOTDIR);
    check(in(base, "/new"), PATH_CREATE, in(base, "/new"));
    /* Only the root's, although every Debian host has one. */
    check("/etc/ld.so.cache", 0, in(root, "/etc/ld.so.cache"));
}

static void host_fallback(void **state)
{
    check(in(base, "/host-file"), 0, in(base, "/host-file"));
    check(in(base, "/host-link"), 0, in(root, "/usr/lib/libx.so.1.2"));
    check(in(base, "/host-link"), PATH_NOFOLLOW, in(base, "/host-link"));
    check("/to-host/file", 0, in(base, "/host-dir/file"));
    /* The host's name of a file in the root is that file. */
    check(in(root, "/lib/libx.so.1"), 0, in(root, "/usr/lib/libx.so.1.2"));
    check(root, 0, root);
}

/* The host has nothing to add. */
static void root_alone(void **state)
{
    path_set_alone(true);
    assert_int_equal(path_set_root(root), 0);
    check("/usr/bin/prog", 0, in(root, "/usr/bin/prog"));
    check("/etc/passwd", 0, in(root, "/etc/passwd"));
    check("/tmp/hidden", 0, in(root, "/tmp/hidden"));
    check("/tmp/new", PATH_CREATE, in(root, "/tmp/new"));
    check("/run", 0, in(root, "/run"));
    check("/run/new", PATH_CREATE, in(root, "/run/new"));
    check("/etc/../dev/null", 0, "/dev/null");
    check("/dev/null", 0, "/dev/null");
    check("/proc/sys", 0, "/proc/sys");
    path_grant("/usr/share/doc");
    assert_string_equal(path_granted(), "");
    path_set_alone(false);
    assert_int_equal(path_set_root(root), 0);
    check("/etc/passwd", 0, "/etc/passwd");
}

/* With a shell in it the root is a system: the host's programs and libraries do not complete it. */
static void whole_system(void **state)
{
    make_file(in(root, "/usr/bin/sh"));
    make_dir("/usr/local");
    assert_int_equal(path_set_root(root), 0);
    check("/usr/bin/prog", 0, in(root, "/usr/bin/prog"));
    check("/bin/env", 0, in(root, "/usr/bin/env"));
    check("/usr/bin/env", 0, in(root, "/usr/bin/env"));
    check("/usr/lib/os-release", 0, in(root, "/usr/lib/os-release"));
    check_error("/usr/lib/os-release/x/..", 0, ENOENT);
    check("/sbin", 0, in(root, "/sbin"));
    check("/usr/bin/new", PATH_CREATE, in(root, "/usr/bin/new"));
    check("/usr/binary", PATH_CREATE, in(root, "/usr/binary"));
    check("/usr/local/share", 0, "/usr/local/share");
    check("/usr/local/bin", 0, in(root, "/usr/local/bin"));
    /* What is the same everywhere, what is not the system's, what the user has said. */
    check("/usr/share/doc", 0, "/usr/share/doc");
    check("/usr/share/../bin/env", 0, in(root, "/usr/bin/env"));
    check("/etc/passwd", 0, "/etc/passwd");
    make_dir("/var/lib");
    check("/var/lib/dpkg", 0, in(root, "/var/lib/dpkg"));
    path_grant("wild /usr/bin/env");
    path_grant("/usr/bin/prog");
    path_grant("/usr/bin/neither-has-this");
    assert_string_equal(path_granted(), "");
    path_grant(in(base, "/host-dir"));
    check(in(base, "/host-dir"), 0, in(base, "/host-dir"));
    check(in(base, "/host-dir/file"), PATH_WRITE, in(base, "/host-dir/file"));
    check(in(base, "/host-dir/new"), PATH_CREATE, in(base, "/host-dir/new"));
    assert_int_equal(path_set_root(root), 0);
    path_grant("--file=/usr/bin/env");
    path_grant("/lib/os-release");
    assert_string_equal(path_granted(), "/usr/bin/env\n/lib/os-release\n/usr/lib/os-release");
    check("/usr/bin/env", 0, "/usr/bin/env");
    check("/bin/env", 0, "/usr/bin/env");
    check("/lib/os-release", 0, "/usr/lib/os-release");
    check("/usr/bin/printenv", 0, in(root, "/usr/bin/printenv"));
    check("/usr/bin/env2", 0, in(root, "/usr/bin/env2"));
    int64_t fd = path_open_quick(&one, AT_FDCWD, "/usr/bin/env", O_RDONLY);
    assert_true(fd >= 0);
    close((int)fd);
    assert_int_equal(path_open_quick(&one, AT_FDCWD, "/usr/bin/printenv", O_RDONLY), -ENOENT);
    /* Handed on. */
    assert_int_equal(path_set_root(root), 0);
    check("/usr/bin/env", 0, in(root, "/usr/bin/env"));
    path_grant_list("/usr/bin/printenv\n/usr/bin/env");
    check("/usr/bin/env", 0, "/usr/bin/env");
    path_set_root(root);
}

/* What a whole root sees of the host's is for reading: changes are made to a copy in the root. */
static void changes(void **state)
{
    struct stat a, b;
    int share = open("/usr/share", O_PATH);

    check("/etc/group", 0, "/etc/group");
    check("/etc/group", PATH_REMOVE, in(root, "/etc/group"));
    assert_int_equal(path_open_quick(&one, AT_FDCWD, "/etc/group", O_RDWR), PATH_NOT_QUICK);
    assert_int_equal(access(in(root, "/etc/group"), F_OK), -1);
    check("/etc/group", PATH_WRITE, in(root, "/etc/group"));
    assert_int_equal(stat(in(root, "/etc/group"), &a), 0);
    assert_int_equal(stat("/etc/group", &b), 0);
    assert_true(a.st_ino != b.st_ino && a.st_size == b.st_size && a.st_mode == b.st_mode);
    check("/etc/group", 0, in(root, "/etc/group"));
    /* The directories that lead there come along, and nothing else. */
    check("/usr/share/doc/new", PATH_CREATE, in(root, "/usr/share/doc/new"));
    assert_int_equal(access(in(root, "/usr/share/doc"), F_OK), 0);
    assert_int_equal(access(in(root, "/usr/share/doc/new"), F_OK), -1);
    check_at(share, "made", PATH_CREATE, in(root, "/usr/share/made"), __FILE__, __LINE__);
    check_at(share, "doc/made", PATH_WRITE, in(root, "/usr/share/doc/made"), __FILE__, __LINE__);
    close(share);
    /* A collection of libraries has the host's, to write too. */
    assert_int_equal(unlink(in(root, "/usr/bin/sh")), 0);
    assert_int_equal(path_set_root(root), 0);
    check("/etc/passwd", PATH_WRITE, "/etc/passwd");
    check("/usr/bin/env", 0, "/usr/bin/env");
}

/* What a relative path leads to, as a file, is what matters. */
static void same_file(int dirfd, const char *guest, unsigned flags, const char *want)
{
    char got[PATH_MAX];
    struct stat a, b;
    for (unsigned threads = 1; threads <= 2; threads++) {
        one.next = threads == 2 ? &other : NULL;
        assert_int_equal(path_translate(&one, dirfd, guest, flags, got), 0);
        int at = flags & PATH_NOFOLLOW ? AT_SYMLINK_NOFOLLOW : 0;
        if (fstatat(dirfd, got, &a, at) || fstatat(AT_FDCWD, want, &b, at) || a.st_ino != b.st_ino)
            fail_msg("%s led to %s", guest, got);
    }
}

static void relative_files(void **state)
{
    int usr = open(in(root, "/usr"), O_PATH), top = open(root, O_PATH), dir = open(base, O_PATH);

    same_file(usr, "bin/prog", 0, in(root, "/usr/bin/prog"));
    same_file(usr, "bin/foo", 0, in(root, "/usr/bin/prog"));
    same_file(usr, "../lib/libx.so.1", 0, in(root, "/usr/lib/libx.so.1.2"));
    same_file(usr, "../../../..", 0, root);
    same_file(top, "..", 0, root);
    same_file(top, "lib/libx.so.1", 0, in(root, "/usr/lib/libx.so.1.2"));
    same_file(top, "lib", PATH_NOFOLLOW, in(root, "/lib"));
    same_file(top, "tmp", 0, "/tmp");
    same_file(top, "dev/null", 0, "/dev/null");
    same_file(dir, "host-file", 0, in(base, "/host-file"));
    same_file(dir, "host-link", 0, in(root, "/usr/lib/libx.so.1.2"));
    same_file(dir, "../../../../../usr/bin/prog", 0, in(root, "/usr/bin/prog"));
    same_file(dir, "host-dir/../host-file", 0, in(base, "/host-file"));
    assert_int_equal(chdir(in(root, "/usr")), 0);
    same_file(AT_FDCWD, "../bin/prog", 0, in(root, "/usr/bin/prog"));
    same_file(AT_FDCWD, "./bin/prog", 0, in(root, "/usr/bin/prog"));
    same_file(AT_FDCWD, ".", 0, in(root, "/usr"));
    assert_int_equal(chdir("/"), 0);
    close(usr);
    close(top);
    close(dir);
}

static void to_guest(void **state)
{
    char got[PATH_MAX];
    path_to_guest(in(root, "/usr/bin"), got);
    assert_string_equal(got, "/usr/bin");
    path_to_guest(root, got);
    assert_string_equal(got, "/");
    path_to_guest(in(root, "x"), got);
    assert_string_equal(got, in(root, "x"));
    path_to_guest("/tmp", got);
    assert_string_equal(got, "/tmp");
}

static void quick_open(void **state)
{
    struct stat a, b;
    int64_t fd = path_open_quick(&one, AT_FDCWD, "/usr/bin/prog", O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(fstat((int)fd, &a), 0);
    assert_int_equal(stat(in(root, "/usr/bin/prog"), &b), 0);
    assert_int_equal(a.st_ino, b.st_ino);
    close((int)fd);
    assert_int_equal(path_open_quick(&one, AT_FDCWD, "/lib/libx.so.1", O_RDONLY), PATH_NOT_QUICK);
    assert_int_equal(path_open_quick(&one, AT_FDCWD, "/../x", O_RDONLY), PATH_NOT_QUICK);
    assert_int_equal(path_open_quick(&one, AT_FDCWD, "/etc/ld.so.cache", O_RDONLY), -ENOENT);
    assert_int_equal(path_open_quick(&one, AT_FDCWD, "/etc/new", O_CREAT), PATH_NOT_QUICK);
    assert_int_equal(path_open_quick(&one, AT_FDCWD, "/tmp/hidden", O_RDONLY), PATH_NOT_QUICK);
}

static void own_descriptors(void **state)
{
    int own[FD_OWN_MAX];
    int fd = fd_own(open("/dev/null", O_RDONLY | O_CLOEXEC));
    assert_true(fd > 500);
    assert_true(fd_is_own(fd));
    assert_int_equal(fd_own_list(0, ~0u, own, FD_OWN_MAX), 2); /* and the root's */
    fd_own_close(fd);
    assert_false(fd_is_own(fd));
    assert_int_equal(fcntl(fd, F_GETFD), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_paths),    cmocka_unit_test(symlinks),
        cmocka_unit_test(dotdot),         cmocka_unit_test(host_trees),
        cmocka_unit_test(missing),        cmocka_unit_test(host_fallback),
        cmocka_unit_test(relative_files), cmocka_unit_test(to_guest),
        cmocka_unit_test(quick_open),     cmocka_unit_test(own_descriptors),
        cmocka_unit_test(whole_system),   cmocka_unit_test(changes),
        cmocka_unit_test(root_alone),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
