/* Files of translations: what is written is read; damage of any byte, and any shortening, is never taken for something
 * else; merging, bounds, and who may own the directory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "engine/disk_store.h"
#include "memory/memory.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct disk_key key = {0x1111222233334444, 0x5555666677778888};

static const uint8_t code[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19};
static const struct disk_site sites[] = {{8, -64}, {15, 128}};
static const uint32_t relocs[] = {4 << 1, 15 << 1 | DISK_RELOC_32};
static const struct disk_look looks[] = {{40, {9, 8, 7, 6}}};
static const uint8_t guest[] = {0xd5, 3, 0x20, 0x1f, 0xc0, 3, 0x5f, 0xd6}, other_guest[] = {0xd5, 3, 0x20, 0x1f, 0xc1, 3, 0x5f, 0xd6};
static const uint8_t map[] = {1, 2, 3};

static struct disk_unit unit(uint64_t offset, uint32_t mode)
{
    return (struct disk_unit){.offset = offset, .pc = 0x7f0000000000 + offset, .mode = mode, .size = sizeof(code), .entry = 2,
                              .guest_size = sizeof(guest), .map_size = sizeof(map), .insns = 2, .site_count = 2,
                              .reloc_count = 2, .look_count = 1, .code = code, .sites = sites, .relocs = relocs,
                              .looks = looks, .guest = guest, .map = map};
}

/* A file as it would be written, in malloced memory. */
static void *build(const void *records, size_t records_size, const void *old, size_t old_size, size_t *size)
{
    struct disk_image image;

    assert_true(disk_image_build(&image, &key, records, records_size, old, old_size));
    uint8_t *out = malloc(image.size), *to = out;

    assert_non_null(out);
    for (unsigned i = 0; i < image.count; i++) {
        memcpy(to, image.parts[i].iov_base, image.parts[i].iov_len);
        to += image.parts[i].iov_len;
    }
    assert_int_equal(to - out, image.size);
    *size = image.size;
    disk_image_free(&image);
    return out;
}

/* Packs units one behind the other. */
static void *pack(const struct disk_unit *u, size_t n, size_t *size)
{
    uint8_t *out = NULL;

    *size = 0;
    for (size_t i = 0; i < n; i++) {
        size_t more = disk_unit_size(&u[i]);

        out = realloc(out, *size + more);
        assert_non_null(out);
        disk_unit_pack(&u[i], &key, out + *size);
        *size += more;
    }
    return out;
}

static bool same(const struct disk_unit *a, const struct disk_unit *b)
{
    return a->offset == b->offset && a->pc == b->pc && a->mode == b->mode && a->size == b->size && a->entry == b->entry &&
           a->guest_size == b->guest_size && a->map_size == b->map_size && a->insns == b->insns &&
           a->site_count == b->site_count && a->reloc_count == b->reloc_count && a->look_count == b->look_count &&
           !memcmp(a->code, b->code, a->size) && !memcmp(a->sites, b->sites, a->site_count * sizeof(*a->sites)) &&
           !memcmp(a->relocs, b->relocs, a->reloc_count * sizeof(*a->relocs)) &&
           !memcmp(a->looks, b->looks, a->look_count * sizeof(*a->looks)) && !memcmp(a->guest, b->guest, a->guest_size) &&
           !memcmp(a->map, b->map, a->map_size);
}

/* The first sound unit for (offset, mode) in a file in memory: 1 and in *u, 0 if there is none. The record is copied, as
 * the engine does it. */
static int look_up(const void *file, size_t size, uint64_t offset, uint32_t mode, unsigned skip, struct disk_unit *u)
{
    static _Alignas(16) uint8_t record[4096];
    struct disk_file f;
    uint32_t probe = 0, n;
    uint64_t at;

    if (!disk_file_open(&f, file, size, &key))
        return 0;
    while (disk_file_next(&f, offset, mode, &probe, &at, &n)) {
        if (n > sizeof(record) || !memory_read(record, at, n) || !disk_unit_unpack(record, n, &key, u) ||
            u->offset != offset || u->mode != mode)
            continue;
        if (!skip--)
            return 1;
    }
    return 0;
}

static void *small_file(size_t *size)
{
    struct disk_unit u[3] = {unit(0x1000, 0), unit(0x1008, 0), unit(0x1000, 3)};
    size_t n;
    void *records = pack(u, 3, &n), *file = build(records, n, NULL, 0, size);

    free(records);
    assert_non_null(file);
    return file;
}

static void test_written_is_read(void **state)
{
    size_t size;
    void *file = small_file(&size);
    struct disk_unit got, want[3] = {unit(0x1000, 0), unit(0x1008, 0), unit(0x1000, 3)};

    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(look_up(file, size, want[i].offset, want[i].mode, 0, &got), 1);
        assert_true(same(&got, &want[i]));
        assert_int_equal(look_up(file, size, want[i].offset, want[i].mode, 1, &got), 0);
    }
    assert_int_equal(look_up(file, size, 0x1004, 0, 0, &got), 0);
    assert_int_equal(look_up(file, size, 0x1008, 3, 0, &got), 0);
    free(file);
}

/* Every bit of every byte changed: what is found afterwards is what was there. */
static void test_damage(void **state)
{
    size_t size;
    uint8_t *file = small_file(&size);
    struct disk_unit got, want[3] = {unit(0x1000, 0), unit(0x1008, 0), unit(0x1000, 3)};
    unsigned found = 0, lost = 0;

    for (size_t at = 0; at < size; at++)
        for (unsigned bit = 0; bit <= 8; bit++) {
            uint8_t was = file[at];

            file[at] = (uint8_t)(was ^ (bit < 8 ? 1u << bit : 0xffu));
            for (unsigned i = 0; i < 3; i++)
                if (look_up(file, size, want[i].offset, want[i].mode, 0, &got)) {
                    assert_true(same(&got, &want[i]));
                    found++;
                } else {
                    lost++;
                }
            /* A new file made from the damaged one has sound units only. */
            uint64_t walk = 0;
            while (disk_file_walk(file, size, &key, &walk, &got))
                assert_true(same(&got, &want[0]) || same(&got, &want[1]) || same(&got, &want[2]));
            file[at] = was;
        }
    assert_true(found && lost);
    free(file);
}

static void test_shortened(void **state)
{
    size_t size;
    uint8_t *file = small_file(&size);
    struct disk_file f;

    for (size_t n = 0; n < size; n++) {
        assert_false(disk_file_open(&f, file, n, &key));
        struct disk_unit u;
        uint64_t at = 0;
        assert_false(disk_file_walk(file, n, &key, &at, &u));
    }
    free(file);
}

static void test_swapped(void **state)
{
    size_t size;
    void *file = small_file(&size);
    struct disk_file f;
    const struct disk_key build = {key.config + 1, key.object}, object = {key.config, key.object ^ 1};

    assert_true(disk_file_open(&f, file, size, &key));
    assert_false(disk_file_open(&f, file, size, &build));
    assert_false(disk_file_open(&f, file, size, &object));
    free(file);
}

/* Sums that fit but contents that do not: a writer's mistake. */
static void test_bounds(void **state)
{
    struct disk_unit u[4] = {unit(0, 0), unit(0, 0), unit(0, 0), unit(0, 0)}, got;
    static const struct disk_site far_site[] = {{sizeof(code) - 3, 0}, {8, 0}}, low_site[] = {{3, 0}, {8, 0}};
    static const uint32_t far_reloc[] = {12 << 1, 4 << 1};
    static _Alignas(16) uint8_t record[1024];

    u[0].entry = sizeof(code);
    u[1].sites = far_site;
    u[2].relocs = far_reloc;
    u[3].sites = low_site;
    for (unsigned i = 0; i < 4; i++) {
        disk_unit_pack(&u[i], &key, record);
        assert_false(disk_unit_unpack(record, disk_unit_size(&u[i]), &key, &got));
    }
    u[0].entry = 0;
    disk_unit_pack(&u[0], &key, record);
    assert_true(disk_unit_unpack(record, disk_unit_size(&u[0]), &key, &got));
}

static void test_merge(void **state)
{
    struct disk_unit u[4] = {unit(0x1000, 0), unit(0x2000, 0), unit(0x1000, 0), unit(0x1000, 0)}, got;
    size_t old_size, n, size;
    void *old = small_file(&old_size);
    uint8_t third[sizeof(guest)], fourth[sizeof(guest)];

    /* Other bytes at the same place are a unit beside; beyond the third they are one too many. */
    memcpy(third, guest, sizeof(third));
    memcpy(fourth, guest, sizeof(fourth));
    third[0] = 1;
    fourth[0] = 2;
    u[0].guest = other_guest;
    u[2].guest = third;
    u[3].guest = fourth;
    void *records = pack(u, 4, &n), *file = build(records, n, old, old_size, &size);

    assert_int_equal(look_up(file, size, 0x2000, 0, 0, &got), 1);
    assert_int_equal(look_up(file, size, 0x1008, 0, 0, &got), 1);
    assert_int_equal(look_up(file, size, 0x1000, 0, DISK_VARIANTS - 1, &got), 1);
    assert_int_equal(look_up(file, size, 0x1000, 0, DISK_VARIANTS, &got), 0);
    /* What was there stays in front, in its order. */
    const uint64_t order[] = {0x1008, 0x1000, 0x1000, 0x2000, 0x1000, 0x1000};
    uint64_t walk = 0;
    for (unsigned i = 0; i < ARRAY_LEN(order); i++) {
        assert_true(disk_file_walk(file, size, &key, &walk, &got));
        assert_int_equal(got.offset, order[i]);
    }
    assert_false(disk_file_walk(file, size, &key, &walk, &got));
    free(file);
    /* The same once more changes nothing. */
    void *again = build(records, n, old, old_size, &size);
    size_t size2;
    void *twice = build(records, n, again, size, &size2);
    struct disk_file f, f2;
    assert_true(disk_file_open(&f, again, size, &key) && disk_file_open(&f2, twice, size2, &key));
    assert_int_equal(f.units, f2.units);
    free(twice);
    free(again);
    free(records);
    free(old);
}

/* -- the directory ------------------------------------------------------------------------------- */

static char base[] = "/tmp/demotic-disk.XXXXXX", dir[128];

static int setup(void **state)
{
    strcpy(base, "/tmp/demotic-disk.XXXXXX");
    if (!mkdtemp(base))
        return -1;
    snprintf(dir, sizeof(dir), "%s/a/b", base);
    return disk_store_prepare(dir);
}

static int teardown(void **state)
{
    char command[200];

    snprintf(command, sizeof(command), "chmod -R u+rwx %s; rm -rf %s", base, base);
    return system(command);
}

static void merge(uint64_t object, uint64_t first, unsigned count, uint64_t limit)
{
    struct disk_key k = {key.config, object};
    uint8_t *records = NULL;
    size_t n = 0;

    for (unsigned i = 0; i < count; i++) {
        struct disk_unit u = unit(first + 8 * i, 0);

        records = realloc(records, n + disk_unit_size(&u));
        disk_unit_pack(&u, &k, records + n);
        n += disk_unit_size(&u);
    }
    disk_store_merge(dir, &k, records, n);
    disk_store_trim(dir, limit);
    free(records);
}

static uint64_t last_number; /* of the file units_in found */

/* Units in an object's file, -1: there is none. */
static int units_in(uint64_t object)
{
    struct disk_key k = {key.config, object};
    struct disk_file f;
    size_t size;
    uint64_t number = 0;
    const void *p = disk_store_map(dir, &k, &size, &number);
    int n = p && disk_file_open(&f, p, size, &k) ? (int)f.units : -1;

    last_number = number;
    if (p)
        munmap((void *)(uintptr_t)p, size);
    return n;
}

static unsigned file_count;
static void count_file(void *ctx, int dirfd, const char *name, uint64_t size, int64_t used)
{
    file_count++;
    assert_true(name[0] != '.');
}

static unsigned files(void)
{
    file_count = 0;
    assert_int_equal(disk_store_each(dir, count_file, NULL), 0);
    return file_count;
}

static void test_store(void **state)
{
    struct stat st;

    assert_int_equal(stat(dir, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(units_in(1), -1);
    merge(1, 0, 10, DISK_STORE_DEFAULT);
    assert_int_equal(units_in(1), 10);
    assert_true(last_number && last_number == disk_store_number(dir, &(struct disk_key){key.config, 1}));
    merge(1, 40, 10, DISK_STORE_DEFAULT); /* half of them known */
    assert_int_equal(units_in(1), 15);
    assert_int_equal(disk_store_number(dir, &(struct disk_key){key.config, 2}), 0);
    assert_int_equal(units_in(2), -1);
    assert_int_equal(files(), 1);
}

static void test_whose(void **state)
{
    assert_int_equal(chmod(dir, 0770), 0);
    assert_int_equal(disk_store_prepare(dir), -EPERM);
    assert_int_equal(chmod(dir, 0702), 0);
    assert_int_equal(disk_store_prepare(dir), -EPERM);
    assert_int_equal(chmod(dir, 0755), 0);
    assert_int_equal(disk_store_prepare(dir), 0);
    if (geteuid() == 0) {
        assert_int_equal(chown(dir, 1234, 1234), 0);
        assert_int_equal(disk_store_prepare(dir), -EPERM);
    }
}

static void test_whose_file(void **state)
{
    char path[256];

    merge(1, 0, 4, DISK_STORE_DEFAULT);
    snprintf(path, sizeof(path), "%s/%016llx-%016llx.translations", dir, (unsigned long long)key.config, 1ull);
    assert_int_equal(chmod(path, 0620), 0);
    assert_int_equal(units_in(1), -1);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(units_in(1), 4);
    assert_int_equal(chmod(path, 0602), 0);
    merge(1, 0, 7, DISK_STORE_DEFAULT); /* replaced, without what it held */
    assert_int_equal(units_in(1), 7);
    /* Not through a link either. */
    char moved[300];
    snprintf(moved, sizeof(moved), "%s.moved", path);
    assert_int_equal(rename(path, moved), 0);
    assert_int_equal(symlink(moved, path), 0);
    assert_int_equal(units_in(1), -1);
}

static void test_limit(void **state)
{
    for (unsigned i = 1; i <= 12; i++) {
        merge(i, 0, 100, 1u << 20);
        char path[256];
        snprintf(path, sizeof(path), "%s/%016llx-%016llx.translations", dir, (unsigned long long)key.config, (unsigned long long)i);
        struct timespec used[2] = {{.tv_sec = 1000000 + (i == 3 ? 100 : i)}, {.tv_sec = 1000000 + (i == 3 ? 100 : i)}};
        utimensat(AT_FDCWD, path, used, 0);
    }
    assert_int_equal(files(), 12);
    merge(13, 0, 100, 100000); /* room for about four */
    assert_true(files() >= 2 && files() < 6);
    assert_int_equal(units_in(13), 100);
    assert_int_equal(units_in(3), 100); /* used later than the others */
    assert_int_equal(units_in(1), -1);
}

static void test_file_limit(void **state)
{
    merge(1, 0, 4, DISK_STORE_DEFAULT);
    pid_t pid = fork();
    if (!pid) {
        struct rlimit small = {1000, 1000};
        setrlimit(RLIMIT_FSIZE, &small);
        merge(1, 0, 100, DISK_STORE_DEFAULT);
        merge(2, 0, 100, DISK_STORE_DEFAULT);
        _exit(7);
    }
    int status;
    waitpid(pid, &status, 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    assert_int_equal(units_in(1), 4);
    assert_int_equal(files(), 1);
}

static void test_read_only(void **state)
{
    int status;

    merge(1, 0, 4, DISK_STORE_DEFAULT);
    pid_t pid = fork();
    if (!pid) { /* root may write anywhere: be somebody else */
        char command[400];
        snprintf(command, sizeof(command), "chmod 755 %s %s/a; chown -R 65534 %s; chmod 500 %s", base, base, dir, dir);
        if (geteuid() == 0 && (system(command) || setuid(65534)))
            _exit(1);
        if (geteuid() != 0 && chmod(dir, 0500))
            _exit(1);
        merge(1, 0, 10, DISK_STORE_DEFAULT);
        merge(2, 0, 10, DISK_STORE_DEFAULT);
        _exit(units_in(1) == 4 && units_in(2) == -1 ? 7 : 2);
    }
    waitpid(pid, &status, 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

/* Many at a time, some killed in the middle: the file is whole whenever it is looked at. */
static void test_at_once(void **state)
{
    pid_t pids[6];
    unsigned n = 0;

    for (unsigned i = 0; i < ARRAY_LEN(pids); i++) {
        pids[i] = fork();
        if (!pids[i]) {
            for (unsigned k = 0; k < 200; k++)
                merge(1, 4096 * i + 80 * k, 10, DISK_STORE_DEFAULT);
            _exit(0);
        }
    }
    for (unsigned k = 0; k < 400; k++) {
        int units = units_in(1);

        assert_true(units == -1 || units >= 10);
        n += units >= 10;
        usleep(500);
        if (k == 200)
            kill(pids[0], SIGKILL);
    }
    for (unsigned i = 0; i < ARRAY_LEN(pids); i++)
        waitpid(pids[i], NULL, 0);
    assert_true(n);
    assert_true(units_in(1) >= 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_written_is_read), cmocka_unit_test(test_damage), cmocka_unit_test(test_shortened),
        cmocka_unit_test(test_swapped), cmocka_unit_test(test_bounds), cmocka_unit_test(test_merge),
        cmocka_unit_test_setup_teardown(test_store, setup, teardown),
        cmocka_unit_test_setup_teardown(test_whose, setup, teardown),
        cmocka_unit_test_setup_teardown(test_whose_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_file_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_read_only, setup, teardown),
        cmocka_unit_test_setup_teardown(test_at_once, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
