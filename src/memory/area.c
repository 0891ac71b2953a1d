/* The record of the guest's areas: a sorted array without overlaps under one lock.
 *
 * Invariants: areas[i].start < areas[i].end <= areas[i + 1].start; neighbours that the kernel would
 * have merged are merged.  An array costs a memmove per change, which for the few hundred areas of
 * real programs is less than a tree's cache misses, and look-up is a binary search.
 *
 * Limitation: areas that grow by themselves (MAP_GROWSDOWN) are recorded with the size they were
 * mapped with. */
#include "memory/memory.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "support/hash.h"
#include "support/log.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct memory_area *areas;
static size_t count, room;
static uint64_t changes; /* counts changes of the record */

/* The index of the first area that ends above addr. */
static size_t find(uint64_t addr)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t mid = (low + high) / 2;

        if (areas[mid].end > addr)
            high = mid;
        else
            low = mid + 1;
    }
    return low;
}

static void insert_at(size_t i, const struct memory_area *area)
{
    if (count == room) {
        room = room ? room * 2 : 256;
        areas = realloc(areas, room * sizeof(*areas));
        if (!areas)
            log_die(70, "out of memory for the record of %zu memory areas", room);
    }
    memmove(areas + i + 1, areas + i, (count - i) * sizeof(*areas));
    areas[i] = *area;
    count++;
    changes++;
}

static void remove_range(size_t i, size_t n)
{
    if (!n)
        return;
    memmove(areas + i, areas + i + n, (count - i - n) * sizeof(*areas));
    count -= n;
    changes++;
}

/* True if areas that back a file (or shared memory) have offsets that mean something. */
static bool has_offset(const struct memory_area *area)
{
    return area->inode || (area->flags & MAP_SHARED);
}

/* Makes addr a border between areas if it lies inside one. */
static void split_at(uint64_t addr)
{
    size_t i = find(addr);

    if (i == count || areas[i].start >= addr)
        return;
    struct memory_area upper = areas[i];

    upper.start = addr;
    if (has_offset(&upper))
        upper.offset += addr - areas[i].start;
    areas[i].end = addr;
    insert_at(i + 1, &upper);
}

static bool may_merge(const struct memory_area *a, const struct memory_area *b)
{
    if (a->end != b->start || a->prot != b->prot || a->flags != b->flags || a->name != b->name ||
        a->dev != b->dev || a->inode != b->inode || a->version != b->version ||
        a->copied != b->copied || a->copied_at != b->copied_at)
        return false;
    if (!has_offset(a))
        return true;
    return a->inode && a->offset + (a->end - a->start) == b->offset;
}

/* Merges what can be merged among the areas that touch [start, end]. */
static void merge_around(uint64_t start, uint64_t end)
{
    size_t i = start ? find(start - 1) : 0;

    while (i + 1 < count && areas[i].start <= end) {
        if (may_merge(&areas[i], &areas[i + 1])) {
            areas[i].end = areas[i + 1].end;
            remove_range(i + 1, 1);
        } else {
            i++;
        }
    }
}

/* Forgets [start, end); returns the index where an area at start belongs. */
static size_t cut(uint64_t start, uint64_t end)
{
    split_at(start);
    split_at(end);
    size_t i = find(start), n = 0;

    while (i + n < count && areas[i + n].end <= end)
        n++;
    remove_range(i, n);
    return i;
}

void memory_note_map(const struct memory_area *area)
{
    assert(area->start < area->end && area->end <= MEMORY_END);
    assert(!((area->start | area->end) % MEMORY_PAGE));
    pthread_mutex_lock(&lock);
    insert_at(cut(area->start, area->end), area);
    merge_around(area->start, area->end);
    pthread_mutex_unlock(&lock);
}

void memory_note_unmap(uint64_t start, uint64_t end)
{
    if (start >= end)
        return;
    pthread_mutex_lock(&lock);
    cut(start, end);
    pthread_mutex_unlock(&lock);
}

void memory_note_protect(uint64_t start, uint64_t end, int prot)
{
    if (start >= end)
        return;
    pthread_mutex_lock(&lock);
    split_at(start);
    split_at(end);
    for (size_t i = find(start); i < count && areas[i].end <= end; i++)
        areas[i].prot = prot;
    changes++;
    merge_around(start, end);
    pthread_mutex_unlock(&lock);
}

void memory_note_name(uint64_t start, uint64_t end, const char *name)
{
    if (start >= end)
        return;
    pthread_mutex_lock(&lock);
    split_at(start);
    split_at(end);
    for (size_t i = find(start); i < count && areas[i].end <= end; i++)
        if (!areas[i].inode)
            areas[i].name = name;
    merge_around(start, end);
    pthread_mutex_unlock(&lock);
}

void memory_note_copied(uint64_t start, uint64_t end, uint64_t file, uint64_t offset)
{
    pthread_mutex_lock(&lock);
    split_at(start);
    split_at(end);
    for (size_t i = find(start); i < count && areas[i].end <= end; i++)
        if (!areas[i].inode && !(areas[i].flags & MAP_SHARED)) {
            areas[i].copied = file;
            areas[i].copied_at = offset - start;
        }
    merge_around(start, end);
    pthread_mutex_unlock(&lock);
}

bool memory_area_at(uint64_t addr, struct memory_area *out)
{
    pthread_mutex_lock(&lock);
    size_t i = find(addr);
    bool found = i < count;

    if (found)
        *out = areas[i];
    pthread_mutex_unlock(&lock);
    return found;
}

bool memory_allows(uint64_t start, uint64_t end, int prot)
{
    bool ok = true;

    pthread_mutex_lock(&lock);
    for (size_t i = find(start); ok && start < end; i++) {
        ok = i < count && areas[i].start <= start && (areas[i].prot & prot) == prot;
        if (ok)
            start = areas[i].end;
    }
    pthread_mutex_unlock(&lock);
    return ok;
}

bool memory_any_exec(uint64_t start, uint64_t end)
{
    bool any = false;

    pthread_mutex_lock(&lock);
    for (size_t i = find(start); !any && i < count && areas[i].start < end; i++)
        any = areas[i].prot & PROT_EXEC;
    pthread_mutex_unlock(&lock);
    return any;
}

/* Names are few (one a mapped file): a small open hash that only grows. */
static const char **names;
static size_t name_count, name_room;

static size_t name_slot(const char *name)
{
    uint64_t h = 14695981039346656037ull;

    for (const char *p = name; *p; p++)
        h = (h ^ (unsigned char)*p) * 1099511628211ull;
    size_t i = h & (name_room - 1);

    while (names[i] && strcmp(names[i], name))
        i = (i + 1) & (name_room - 1);
    return i;
}

static void names_grow(void)
{
    const char **old = names;
    size_t old_room = name_room;

    name_room = old_room ? old_room * 2 : 128;
    names = calloc(name_room, sizeof(*names));
    if (!names)
        log_die(70, "out of memory for the names of mappings");
    for (size_t i = 0; i < old_room; i++)
        if (old[i])
            names[name_slot(old[i])] = old[i];
    free(old);
}

uint64_t memory_file_id(uint64_t dev, uint64_t inode, uint64_t version)
{
    return hash_pair(hash_pair(dev, inode), version);
}

uint64_t memory_file_version(const struct stat *st)
{
    return hash_pair((uint64_t)st->st_size, hash_pair((uint64_t)st->st_mtim.tv_sec, (uint64_t)st->st_mtim.tv_nsec));
}

/* Writes to one may show in the other. */
static bool same_object(const struct memory_area *a, const struct memory_area *b)
{
    return (a->inode || a->dev) && a->inode == b->inode && a->dev == b->dev && ((a->flags | b->flags) & MAP_SHARED);
}

bool memory_next_mirror(uint64_t page, uint64_t *at, uint64_t *mirror, int *prot)
{
    bool found = false;

    pthread_mutex_lock(&lock);
    size_t of = find(page);

    if (of < count && areas[of].start <= page) {
        const struct memory_area *a = &areas[of];
        uint64_t offset = page - a->start + a->offset;

        for (size_t i = find(*at); !found && i < count; i++) {
            const struct memory_area *b = &areas[i];
            uint64_t there = b->start + (offset - b->offset);

            if (!same_object(a, b) || offset < b->offset || there >= b->end || there < *at || there == page)
                continue;
            *mirror = there;
            *prot = b->prot;
            *at = there + MEMORY_PAGE;
            found = true;
        }
    }
    pthread_mutex_unlock(&lock);
    return found;
}

bool memory_shared_writable(void)
{
    static uint64_t seen;
    static bool any;

    pthread_mutex_lock(&lock);
    if (seen != changes) {
        seen = changes;
        any = false;
        for (size_t i = 0; !any && i < count; i++)
            any = (areas[i].flags & MAP_SHARED) && (areas[i].prot & PROT_WRITE);
    }
    bool result = any;

    pthread_mutex_unlock(&lock);
    return result;
}

bool memory_file_writable(uint64_t addr)
{
    bool any = false;

    if (!memory_shared_writable())
        return false;
    pthread_mutex_lock(&lock);
    size_t of = find(addr);

    for (size_t i = 0; of < count && areas[of].start <= addr && !any && i < count; i++)
        any = (areas[i].flags & MAP_SHARED) && (areas[i].prot & PROT_WRITE) && same_object(&areas[of], &areas[i]);
    pthread_mutex_unlock(&lock);
    return any;
}

const char *memory_intern(const char *name)
{
    pthread_mutex_lock(&lock);
    if (2 * (name_count + 1) > name_room)
        names_grow();
    size_t i = name_slot(name);

    if (!names[i]) {
        names[i] = strdup(name);
        if (!names[i])
            log_die(70, "out of memory for the names of mappings");
        name_count++;
    }
    const char *found = names[i];

    pthread_mutex_unlock(&lock);
    return found;
}

void memory_fork_prepare(void)
{
    pthread_mutex_lock(&lock);
}

void memory_fork_done(bool child)
{
    (void)child; /* the one thread of the child is the one that took the lock */
    pthread_mutex_unlock(&lock);
}
