/* Write protection of code, see guard.h.
 *
 * What is known of a page that is or was protected is an entry of an open hash by page number; entries stay, for the
 * count of writes.  A page that was written HOT_WRITES times, each time within COOL_MS of the one before, is hot until
 * COOL_MS have passed without a change: a JIT that fills a page, or data beside code, would cost a fault and new
 * translations for each store. */
#include "memory/guard.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "support/log.h"

#define HOT_WRITES 32u
#define COOL_MS    1000u

struct guard {
    uint64_t page; /* number + 1; 0: free */
    uint32_t last_ms;
    uint16_t writes;
    bool protected;
};

static pthread_mutex_t layout = PTHREAD_MUTEX_INITIALIZER;
static struct guard *guards;
static size_t used, room;
static _Atomic uint32_t protected_count;
static memory_write_hook *write_hook;
static void *write_hook_ctx;

void memory_layout_lock(void)
{
    pthread_mutex_lock(&layout);
}

bool memory_layout_trylock(void)
{
    return !pthread_mutex_trylock(&layout);
}

void memory_layout_unlock(void)
{
    pthread_mutex_unlock(&layout);
}

static uint32_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
    return (uint32_t)((uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000);
}

/* The page's entry, or the free one where it belongs. */
static struct guard *slot(uint64_t page)
{
    uint64_t key = page / MEMORY_PAGE + 1;
    size_t i = (key * 0x9e3779b97f4a7c15ull >> 32) & (room - 1);

    while (guards[i].page && guards[i].page != key)
        i = (i + 1) & (room - 1);
    return &guards[i];
}

static struct guard *lookup(uint64_t page)
{
    struct guard *g = room ? slot(page) : NULL;

    return g && g->page ? g : NULL;
}

static void grow(void)
{
    struct guard *old = guards;
    size_t old_room = room;

    room = old_room ? old_room * 2 : 256;
    guards = calloc(room, sizeof(*guards));
    if (!guards)
        log_die(70, "out of memory for the record of %zu protected pages", used);
    for (size_t i = 0; i < old_room; i++)
        if (old[i].page)
            *slot((old[i].page - 1) * MEMORY_PAGE) = old[i];
    free(old);
}

static struct guard *entry(uint64_t page)
{
    if (2 * (used + 1) > room)
        grow();
    struct guard *g = slot(page);

    if (!g->page) {
        g->page = page / MEMORY_PAGE + 1;
        used++;
    }
    return g;
}

static bool is_hot(uint64_t page)
{
    struct guard *g = lookup(page);

    if (!g || g->writes < HOT_WRITES)
        return false;
    if (now_ms() - g->last_ms < COOL_MS)
        return true;
    g->writes = 0;
    return false;
}

static bool protect(uint64_t page)
{
    struct guard *g = entry(page);

    if (g->protected)
        return true;
    if (mprotect((void *)page, MEMORY_PAGE, PROT_READ))
        return false; /* too many mappings */
    g->protected = true;
    atomic_fetch_add(&protected_count, 1);
    return true;
}

static void unprotect(uint64_t page, int prot)
{
    struct guard *g = lookup(page);

    if (!g || !g->protected)
        return;
    g->protected = false;
    atomic_fetch_sub(&protected_count, 1);
    mprotect((void *)page, MEMORY_PAGE,
             (prot & (PROT_READ | PROT_EXEC) ? PROT_READ : 0) | (prot & PROT_WRITE));
}

bool memory_guard(uint64_t page)
{
    struct memory_area area;
    uint64_t at, mirror;
    int prot;

    if (!memory_area_at(page, &area) || area.start > page)
        return true;
    bool own = area.prot & PROT_WRITE, mirrors = (area.dev || area.inode) && memory_shared_writable();

    if (!own && !mirrors)
        return true;
    if (is_hot(page))
        return false;
    for (at = 0; mirrors && memory_next_mirror(page, &at, &mirror, &prot);)
        if (is_hot(mirror))
            return false;
    if (own && !protect(page))
        return false;
    for (at = 0; mirrors && memory_next_mirror(page, &at, &mirror, &prot);)
        if ((prot & PROT_WRITE) && !protect(mirror))
            return false;
    return true;
}

static void count_write(uint64_t page)
{
    struct guard *g = entry(page);
    uint32_t now = now_ms();

    if (now - g->last_ms >= COOL_MS)
        g->writes = 0;
    g->last_ms = now;
    if (g->writes < HOT_WRITES)
        g->writes++;
}

static void unguard_page(uint64_t page, int own_prot, bool written, memory_changed_fn *changed, void *ctx)
{
    uint64_t mirror, at;
    int prot;

    if (written)
        count_write(page);
    /* While they are what they were: nobody can write yet. */
    changed(ctx, page, page + MEMORY_PAGE);
    for (at = 0; memory_next_mirror(page, &at, &mirror, &prot);)
        changed(ctx, mirror, mirror + MEMORY_PAGE);
    unprotect(page, own_prot);
    for (at = 0; memory_next_mirror(page, &at, &mirror, &prot);)
        unprotect(mirror, prot);
}

/* The first protected page in [start, end); end if there is none. */
static uint64_t next_protected(uint64_t start, uint64_t end)
{
    uint64_t best = end;

    if ((end - start) / MEMORY_PAGE <= room) {
        for (; start < end; start += MEMORY_PAGE) {
            const struct guard *g = lookup(start);

            if (g && g->protected)
                return start;
        }
        return end;
    }
    for (size_t i = 0; i < room; i++) {
        uint64_t page = (guards[i].page - 1) * MEMORY_PAGE;

        if (guards[i].page && guards[i].protected && page >= start && page < best)
            best = page;
    }
    return best;
}

void memory_unguard(uint64_t start, uint64_t end, bool written, memory_changed_fn *changed, void *ctx)
{
    start = align_down(start, MEMORY_PAGE);
    end = align_up(end, MEMORY_PAGE);
    while (memory_guards_any() && (start = next_protected(start, end)) < end) {
        struct memory_area area;
        bool there = memory_area_at(start, &area) && area.start <= start;

        unguard_page(start, there ? area.prot : PROT_READ | PROT_WRITE, written, changed, ctx);
        start += MEMORY_PAGE;
    }
}

void memory_guard_changed(uint64_t page)
{
    struct guard *g = entry(align_down(page, MEMORY_PAGE));

    g->writes = HOT_WRITES;
    g->last_ms = now_ms();
}

bool memory_guard_known(uint64_t page)
{
    return lookup(align_down(page, MEMORY_PAGE));
}

bool memory_guards_any(void)
{
    return atomic_load_explicit(&protected_count, memory_order_relaxed);
}

void memory_set_write_hook(memory_write_hook *fn, void *ctx)
{
    write_hook_ctx = ctx;
    write_hook = fn;
}

bool memory_about_to_write(uint64_t start, size_t size)
{
    return memory_guards_any() && write_hook && write_hook(write_hook_ctx, start, size);
}
