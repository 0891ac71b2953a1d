/* The record against a model of one entry per page; copies against unmapped and read-only pages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "memory/guard.h"

#define PAGES 64
#define BASE  0x100000000000ull

struct page {
    bool mapped;
    int prot, flags;
    uint64_t offset, inode;
    const char *name;
};
static struct page model[PAGES];

static uint64_t address(unsigned page)
{
    return BASE + (uint64_t)page * MEMORY_PAGE;
}

static bool model_joined(const struct page *a, const struct page *b)
{
    if (!a->mapped || !b->mapped || a->prot != b->prot || a->flags != b->flags ||
        a->inode != b->inode || a->name != b->name)
        return false;
    if (!a->inode)
        return !(a->flags & MAP_SHARED);
    return a->offset + MEMORY_PAGE == b->offset;
}

/* Every page of the model is in the record and the reverse. `strict`: areas are maximal, as long as
 * no shared anonymous memory is about (whose pieces stay apart). */
static void compare(bool strict)
{
    uint64_t at = BASE;
    unsigned page = 0;
    struct memory_area area;

    while (page < PAGES) {
        bool any = memory_area_at(at, &area) && area.start < address(PAGES);

        while (page < PAGES && !model[page].mapped && (!any || address(page) < area.start))
            page++;
        if (!any) {
            assert_int_equal(page, PAGES);
            return;
        }
        assert_true(page < PAGES && address(page) == area.start);
        if (strict && page && area.inode)
            assert_false(model_joined(&model[page - 1], &model[page]));
        if (strict && page && !(area.flags & MAP_SHARED))
            assert_false(model_joined(&model[page - 1], &model[page]));
        for (uint64_t a = area.start; a < area.end; a += MEMORY_PAGE, page++) {
            assert_true(page < PAGES && model[page].mapped);
            assert_int_equal(model[page].prot, area.prot);
            assert_int_equal(model[page].flags, area.flags);
            assert_int_equal(model[page].inode, area.inode);
            assert_ptr_equal(model[page].name, area.name);
            if (area.inode)
                assert_int_equal(model[page].offset, area.offset + (a - area.start));
        }
        at = area.end;
    }
    assert_false(memory_area_at(at, &area) && area.start < address(PAGES));
}

static void test_random(void **state)
{
    static const char *const words[] = {"[heap]", "/lib/libc.so.6", "/bin/true"};

    srand(1);
    for (unsigned step = 0; step < 200000; step++) {
        unsigned first = (unsigned)rand() % PAGES, n = 1 + (unsigned)rand() % 12;

        if (first + n > PAGES)
            n = PAGES - first;
        uint64_t start = address(first), end = address(first + n);

        switch (rand() % 5) {
        case 0:
        case 1: {
            unsigned kind = (unsigned)rand() % 4;
            struct memory_area area = {.start = start, .end = end, .prot = rand() % 8, .flags = MAP_PRIVATE};

            if (kind) {
                area.inode = kind;
                area.dev = 0;
                area.offset = (uint64_t)(rand() % 3 ? first : (unsigned)rand() % 8) * MEMORY_PAGE;
                area.name = memory_intern(words[kind - 1]);
            } else if (rand() % 4 == 0) {
                area.flags = MAP_SHARED;
            }
            memory_note_map(&area);
            for (unsigned i = 0; i < n; i++)
                model[first + i] = (struct page){
                    true,       area.prot, area.flags, area.offset + (uint64_t)i * MEMORY_PAGE,
                    area.inode, area.name};
            break;
        }
        case 2:
            memory_note_unmap(start, end);
            for (unsigned i = 0; i < n; i++)
                model[first + i].mapped = false;
            break;
        case 3: {
            int prot = rand() % 8;

            memory_note_protect(start, end, prot);
            for (unsigned i = 0; i < n; i++)
                model[first + i].prot = prot;
            break;
        }
        case 4: {
            bool allows = true, exec = false;
            int prot = rand() % 8;

            for (unsigned i = 0; i < n; i++) {
                allows =
                    allows && model[first + i].mapped && (model[first + i].prot & prot) == prot;
                exec = exec || (model[first + i].mapped && (model[first + i].prot & PROT_EXEC));
            }
            assert_int_equal(memory_allows(start, end, prot), allows);
            assert_int_equal(memory_any_exec(start, end), exec);
            break;
        }
        }
        if (step % 16 == 0)
            compare(true);
    }
    memory_note_unmap(address(0), address(PAGES));
}

/* What is known of a copy from a file follows its pages, and goes when they are mapped anew. */
static void test_copied(void **state)
{
    struct memory_area area = {.start = address(0), .end = address(8), .prot = PROT_READ | PROT_WRITE, .flags = MAP_PRIVATE}, got;

    memory_note_map(&area);
    memory_note_copied(address(2), address(6), 77, 512);
    memory_note_protect(address(3), address(5), PROT_READ | PROT_EXEC);
    assert_true(memory_area_at(address(4), &got));
    assert_true(got.start == address(3) && got.end == address(5) && got.copied == 77);
    assert_int_equal(address(4) + got.copied_at, 512 + 2 * MEMORY_PAGE);
    assert_true(memory_area_at(address(1), &got) && got.end == address(2) && !got.copied);
    assert_true(memory_area_at(address(5), &got) && got.end == address(6) && got.copied == 77);
    area.start = address(4);
    area.end = address(5);
    memory_note_map(&area);
    assert_true(memory_area_at(address(4), &got) && got.start == address(4) && !got.copied);
    memory_note_unmap(address(0), address(8));
}

static void handler(int sig, siginfo_t *info, void *context)
{
    if (!memory_fault_fixup(context))
        abort();
}

static void test_copy(void **state)
{
    struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    char *p =
        mmap(NULL, 3 * MEMORY_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char buf[2 * MEMORY_PAGE] = {0};
    uint64_t a = (uint64_t)p, v = 5;

    sigaction(SIGSEGV, &sa, NULL);
    sigaction(SIGBUS, &sa, NULL);
    mprotect(p + 2 * MEMORY_PAGE, MEMORY_PAGE, PROT_NONE);
    mprotect(p, MEMORY_PAGE, PROT_READ);
    memset(p + MEMORY_PAGE, 'a', MEMORY_PAGE);
    for (size_t n = 0; n < 600; n++) {
        assert_true(memory_read(buf, a + 2 * MEMORY_PAGE - n, n));
        assert_int_equal(memcmp(buf, p + MEMORY_PAGE, n), 0);
        assert_false(memory_read(buf, a + 2 * MEMORY_PAGE - n, n + 1));
        assert_true(memory_write(a + 2 * MEMORY_PAGE - n, buf, n));
        assert_false(memory_write(a + 2 * MEMORY_PAGE - n, buf, n + 1));
    }
    assert_false(memory_write(a, &v, 8));
    assert_true(memory_read(&v, a, 8));
    assert_int_equal(v, 0);
    assert_false(memory_read(&v, 0, 8));
    assert_false(memory_read(&v, ~0ull, 8));
    assert_false(memory_read(&v, MEMORY_END - 4, 8));
    assert_false(memory_read(&v, 0x00aa000000001000ull, 1));
    assert_int_equal(memory_read_string(buf, a + 2 * MEMORY_PAGE - 4, 4), -2);
    assert_int_equal(memory_read_string(buf, a + 2 * MEMORY_PAGE - 4, 5), -1);
    p[2 * MEMORY_PAGE - 1] = 0;
    assert_int_equal(memory_read_string(buf, a + 2 * MEMORY_PAGE - 4, 100), 3);
    assert_string_equal(buf, "aaa");
    assert_int_equal(memory_read_string(buf, 0x10, 100), -1);
    assert_int_equal(memory_read_string(buf, ~0ull, 100), -1);
    munmap(p, 3 * MEMORY_PAGE);
}

static void test_fetch(void **state)
{
    char *p = mmap(NULL, MEMORY_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t a = (uint64_t)p;
    struct memory_area area = {.start = a, .end = a + MEMORY_PAGE, .prot = PROT_READ, .flags = MAP_PRIVATE};
    uint32_t insn;

    assert_false(memory_fetch(NULL, a, &insn, 4));
    memory_note_map(&area);
    assert_false(memory_fetch(NULL, a, &insn, 4));
    memory_note_protect(a, a + MEMORY_PAGE, PROT_READ | PROT_EXEC);
    assert_true(memory_fetch(NULL, a, &insn, 4));
    assert_false(memory_fetch(NULL, a + MEMORY_PAGE - 2, &insn, 4));
    memory_note_unmap(a, a + MEMORY_PAGE);
    munmap(p, MEMORY_PAGE);
}

static void test_intern(void **state)
{
    char name[32];
    const char *kept[500];

    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof(name), "/lib/%d", i);
        kept[i] = memory_intern(name);
    }
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof(name), "/lib/%d", i);
        assert_ptr_equal(memory_intern(name), kept[i]);
        assert_string_equal(kept[i], name);
    }
}

struct changes {
    unsigned count;
    uint64_t pages[8];
};

static void note_change(void *ctx, uint64_t start, uint64_t end)
{
    struct changes *c = ctx;

    assert_int_equal(end - start, MEMORY_PAGE);
    c->pages[c->count++ % 8] = start;
}

/* What the host says: whether a byte can be written. */
static bool writable(uint64_t a)
{
    int fds[2];
    bool yes;

    assert_int_equal(pipe(fds), 0);
    assert_int_equal(write(fds[1], "x", 1), 1);
    yes = read(fds[0], (void *)a, 1) == 1;
    close(fds[0]);
    close(fds[1]);
    return yes;
}

static void unguard(uint64_t page, struct changes *c)
{
    *c = (struct changes){0};
    memory_unguard(page, page + 1, true, note_change, c);
}

static void test_guard(void **state)
{
    int fd = memfd_create("guard", 0);
    struct changes c;

    assert_int_equal(ftruncate(fd, 4 * MEMORY_PAGE), 0);
    uint64_t w = (uint64_t)mmap(NULL, 2 * MEMORY_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, MEMORY_PAGE);
    uint64_t x = (uint64_t)mmap(NULL, 4 * MEMORY_PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
    uint64_t own = (uint64_t)mmap(NULL, 2 * MEMORY_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    memory_note_map(&(struct memory_area){.start = w, .end = w + 2 * MEMORY_PAGE, .prot = PROT_READ | PROT_WRITE, .flags = MAP_SHARED,
                                          .dev = 3, .inode = 4, .offset = MEMORY_PAGE});
    memory_note_map(&(struct memory_area){.start = x, .end = x + 4 * MEMORY_PAGE, .prot = PROT_READ | PROT_EXEC, .flags = MAP_PRIVATE,
                                          .dev = 3, .inode = 4});
    memory_note_map(&(struct memory_area){.start = own, .end = own + 2 * MEMORY_PAGE, .prot = PROT_READ | PROT_WRITE | PROT_EXEC,
                                          .flags = MAP_PRIVATE});
    assert_false(memory_guards_any());
    memory_layout_lock();

    /* Memory of its own: the page and no other. */
    assert_true(memory_guard(own));
    assert_true(memory_guards_any());
    assert_false(writable(own));
    assert_true(writable(own + MEMORY_PAGE));
    unguard(own + MEMORY_PAGE, &c);
    assert_int_equal(c.count, 0);
    unguard(own + 100, &c);
    assert_int_equal(c.count, 1);
    assert_true(c.pages[0] == own);
    assert_true(writable(own));
    assert_false(memory_guards_any());

    /* Code that can be written elsewhere: its first page cannot. */
    assert_true(memory_shared_writable() && memory_file_writable(x) && !memory_file_writable(own));
    memory_note_protect(w, w + 2 * MEMORY_PAGE, PROT_READ);
    assert_false(memory_shared_writable() || memory_file_writable(x));
    memory_note_protect(w, w + 2 * MEMORY_PAGE, PROT_READ | PROT_WRITE);
    assert_true(memory_guard(x));
    assert_false(memory_guards_any());
    assert_true(memory_guard(x + 2 * MEMORY_PAGE));
    assert_false(writable(w + MEMORY_PAGE));
    assert_true(writable(w));
    assert_false(memory_guard_known(w));
    assert_true(memory_guard_known(w + MEMORY_PAGE));
    unguard(w + MEMORY_PAGE, &c);
    assert_int_equal(c.count, 2);
    assert_true(c.pages[0] == w + MEMORY_PAGE && c.pages[1] == x + 2 * MEMORY_PAGE);
    assert_true(writable(w + MEMORY_PAGE));

    /* All of it at once: everything that is protected. */
    assert_true(memory_guard(x + MEMORY_PAGE) && memory_guard(own) && memory_guard(own + MEMORY_PAGE));
    c = (struct changes){0};
    memory_unguard(0, MEMORY_END, false, note_change, &c);
    assert_int_equal(c.count, 4);
    assert_false(memory_guards_any());
    assert_true(writable(w) && writable(own) && writable(own + MEMORY_PAGE));

    /* What is written often is left alone, wherever it is mapped. */
    unsigned writes = 0;
    for (; writes < 100 && memory_guard(x + MEMORY_PAGE); writes++)
        unguard(w, &c);
    assert_in_range(writes, 2, 50);
    assert_true(writable(w));
    assert_false(memory_guard(w));
    assert_true(memory_guard(x + 2 * MEMORY_PAGE));
    unguard(w + MEMORY_PAGE, &c);

    /* Nobody's memory. */
    assert_true(memory_guard(0x10000));
    memory_layout_unlock();

    memory_note_unmap(w, w + 2 * MEMORY_PAGE);
    memory_note_unmap(x, x + 4 * MEMORY_PAGE);
    memory_note_unmap(own, own + 2 * MEMORY_PAGE);
    munmap((void *)w, 2 * MEMORY_PAGE);
    munmap((void *)x, 4 * MEMORY_PAGE);
    munmap((void *)own, 2 * MEMORY_PAGE);
    close(fd);
}

static bool lift(void *ctx, uint64_t start, size_t size)
{
    struct changes c = {0};

    memory_unguard(start, start + size, true, note_change, &c);
    ++*(unsigned *)ctx;
    return c.count > 0;
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
    if (!memory_fault_fixup(context))
        abort();
}

/* Demotic's own writes find a way. */
static void test_guarded_write(void **state)
{
    struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO}, old;
    uint64_t own = (uint64_t)mmap(NULL, MEMORY_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    unsigned lifted = 0, value = 7;

    sigaction(SIGSEGV, &sa, &old);
    memory_note_map(&(struct memory_area){.start = own, .end = own + MEMORY_PAGE, .prot = PROT_READ | PROT_WRITE | PROT_EXEC,
                                          .flags = MAP_PRIVATE});
    assert_true(memory_guard(own));
    assert_false(memory_write(own, &value, 4));
    memory_set_write_hook(lift, &lifted);
    assert_true(memory_write(own + 8, &value, 4));
    assert_int_equal(lifted, 1);
    assert_int_equal(*(unsigned *)(own + 8), 7);
    memory_set_write_hook(NULL, NULL);
    sigaction(SIGSEGV, &old, NULL);
    memory_note_unmap(own, own + MEMORY_PAGE);
    munmap((void *)own, MEMORY_PAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random), cmocka_unit_test(test_copied), cmocka_unit_test(test_copy), cmocka_unit_test(test_fetch),
        cmocka_unit_test(test_intern), cmocka_unit_test(test_guard), cmocka_unit_test(test_guarded_write),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
