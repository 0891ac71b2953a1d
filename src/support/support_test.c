/* Tests of arenas, files and the log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "support/arena.h"
#include "support/file.h"
#include "support/log.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void test_alloc(void **state)
{
    struct arena a = {0};

    for (int round = 0; round < 3; round++) {
        for (size_t n = 0; n < 3000; n += 7) {
            unsigned char *p = arena_alloc(&a, n);
            assert_int_equal((uintptr_t)p % 16, 0);
            for (size_t i = 0; i < n; i++)
                assert_int_equal(p[i], 0);
            memset(p, 0xee, n);
        }
        arena_reset(&a);
    }
    arena_free(&a);
    assert_null(a.chunks);
}

static void test_grow(void **state)
{
    struct arena a = {0};
    size_t n = 3;
    unsigned char *p = arena_alloc(&a, n);

    memset(p, 0x55, n);
    for (int i = 0; i < 20; i++) {
        size_t bigger = n + n / 2 + 1;
        if (i % 3 == 0)
            arena_alloc(&a, 5); /* no longer the last one */
        p = arena_grow(&a, p, n, bigger);
        for (size_t k = 0; k < bigger; k++)
            assert_int_equal(p[k], k < n ? 0x55 : 0);
        memset(p, 0x55, bigger);
        n = bigger;
    }
    arena_free(&a);
}

static void test_log(void **state)
{
    char text[256];
    FILE *f = tmpfile();
    size_t n;

    assert_non_null(f);
    log_set_fd(fileno(f));
    log_warn("a %d", 1);
    log_once(0, "b");
    log_once(0, "b");
    log_once((uintptr_t)&test_log, "c");
    log_once((uintptr_t)&test_log, "c");
    log_raw("%s", "raw");
    log_set_fd(STDERR_FILENO);
    rewind(f);
    n = fread(text, 1, sizeof(text) - 1, f);
    text[n] = 0;
    assert_string_equal(text, "demotic: a 1\ndemotic: b\ndemotic: c\nraw");
    fclose(f);
}

static void test_file(void **state)
{
    char dir[] = "/tmp/demotic-support-XXXXXX", path[64], got[8] = "";
    struct stat st;

    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/a/b", dir);
    assert_int_equal(file_make_dirs(path, 0700), 0);
    assert_int_equal(file_make_dirs(path, 0700), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    snprintf(path, sizeof(path), "%s/a/b/f", dir);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);

    assert_int_equal(file_write(fd, "abc", 3), 0);
    assert_int_equal(pread(fd, got, sizeof(got), 0), 3);
    assert_string_equal(got, "abc");
    close(fd);
    assert_int_equal(file_write(-1, "abc", 3), -EBADF);
    assert_int_equal(file_make_dirs(path, 0700), 0); /* as mkdir: something of that name is there */
    snprintf(path, sizeof(path), "%s/a/b/f/g", dir);
    assert_int_equal(file_make_dirs(path, 0700), -ENOTDIR);
    for (const char *const *name = (const char *const[]){"/a/b/f", "/a/b", "/a", "", NULL}; *name; name++) {
        snprintf(path, sizeof(path), "%s%s", dir, *name);
        assert_int_equal(remove(path), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alloc),
        cmocka_unit_test(test_grow),
        cmocka_unit_test(test_log),
        cmocka_unit_test(test_file),
    };
    return cmocka_run_group_tests_name("support", tests, NULL, NULL);
}
