/* Tests of arenas and of the log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "support/arena.h"
#include "support/log.h"
#include <stdio.h>
#include <string.h>
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alloc),
        cmocka_unit_test(test_grow),
        cmocka_unit_test(test_log),
    };
    return cmocka_run_group_tests_name("support", tests, NULL, NULL);
}
