/* The code cache: memory for translations, bounded, mapped twice (writable, executable), evicted in
 * chunks.
 *
 * Chunks are filled one after the other.  When only one free chunk is left, the oldest few are put on
 * probation: everything that leads to their translations is unlinked, so that those still in use are
 * seen by the engine again.  When room is needed the candidate that was missed least is emptied; the
 * others have proved warm and go to the back of the queue.  A chunk is reused only when every cpu has
 * passed a quiescent point since; their call/return pairs and jump tables are forgotten there.
 *
 * Address space is reserved for the whole cache, memory is mapped there a chunk at a time, when it is
 * needed: most programs never need a second.
 *
 * The memory is shared because it is mapped twice; fork would share it too, so a child gets a copy of
 * what is used (or starts empty where that is much).  The parent makes it, before it forks: while the child
 * copied, the parent would already be writing.  If it forks again before it has changed any code, that child gets the
 * same copy.  Children then share it with each other, and each copies it once more before its first change: most
 * execute another program before that.  No file is behind it: descriptors and limits on files are the
 * guest's. */
#include "engine/internal.h"
#include "support/log.h"
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define STUB_SIZE 65536u
#define DEFAULT_SIZE (256u << 20)
#define CHUNK_MAX (4u << 20)
#define CANDIDATES 4u
#define POPULATE_LEAST (32u << 10)
#define POPULATE_MOST (128u << 10)
#define WRITABLE_LEAST (128u << 10) /* behind what was written last: most exits that are linked are there */
#define BYTES_BLOCK 64u /* of code in a translation: of a chunk with smaller ones not all is used */
#define BYTES_SITE 12u /* at least, in each of its exits */
#define LIST_STEP (64u << 10) /* bytes of a list that are made present at once, at most */
#define FORK_COPY_MAX (16u << 20)
#define FORK_LEND_MAX (4u << 20) /* the copy stays as long as the parent */

/* Of the stubs and the first n chunks. */
static size_t size_of(const struct engine *e, unsigned n) { return e->stub_size + n * e->chunk_size; }

/* Shared memory at `where`, or anywhere if that is NULL. */
static uint8_t *new_memory(uint8_t *where, size_t size)
{
    return mmap(where, size, PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE | (where ? MAP_FIXED : 0), -1, 0);
}

/* Makes what is mapped writable at `offset` executable too.  (mremap of size 0 maps shared pages once more.) */
static bool map_exec(const struct engine *e, size_t offset, size_t size)
{
    return mremap(e->rw + offset, 0, size, MREMAP_MAYMOVE | MREMAP_FIXED, e->exec + offset) != MAP_FAILED &&
           mprotect(e->exec + offset, size, PROT_READ | PROT_EXEC) == 0;
}

static bool reserve(uint8_t *where, size_t size)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;
    return mmap(where, size, PROT_NONE, flags, -1, 0) != MAP_FAILED;
}

/* Memory for the next chunk; what was there before is forgotten. */
static bool map_chunk(struct engine *e)
{
    size_t offset = e->used_chunks ? size_of(e, e->used_chunks) : 0;
    size_t size = size_of(e, e->used_chunks + 1) - offset;
    if (new_memory(e->rw + offset, size) == MAP_FAILED)
        return false;
    if (!map_exec(e, offset, size)) {
        reserve(e->rw + offset, size);
        reserve(e->exec + offset, size);
        return false;
    }
    e->used_chunks++;
    return true;
}

/* Of what chunks hold besides code. All of it is reserved address space: what is not used is never touched. */
static bool create_lists(struct engine *e)
{
    unsigned n = e->chunk_count, parts = (unsigned)(e->chunk_size / CHUNK_PART);
    e->chunk_blocks = (uint32_t)(e->chunk_size / BYTES_BLOCK);
    e->chunk_sites = (uint32_t)(e->chunk_size / BYTES_SITE);
    size_t blocks = align_up((1 + (size_t)n * e->chunk_blocks) * sizeof(struct block), 4096);
    size_t sites = align_up((1 + (size_t)n * e->chunk_sites) * sizeof(struct site), 4096);
    size_t pointers = align_up((size_t)n * e->chunk_blocks * sizeof(void *), 4096);
    e->lists_size = blocks + sites + 2 * pointers + (size_t)n * parts * sizeof(uint32_t);
    uint8_t *p = mmap(NULL, e->lists_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return false;
    e->blocks = (struct block *)(void *)p;
    e->sites = (struct site *)(void *)(p + blocks);
    struct disk_source **sources = (struct disk_source **)(void *)(p + blocks + sites);
    struct member **members = (struct member **)(void *)(p + blocks + sites + pointers);
    uint32_t *first = (uint32_t *)(void *)(p + blocks + sites + 2 * pointers);
    for (unsigned i = 0; i < n; i++) {
        struct chunk *c = &e->chunks[i];
        c->rw = e->rw + e->stub_size + i * e->chunk_size;
        c->blocks = e->blocks + 1 + i * e->chunk_blocks;
        c->sites = e->sites + 1 + i * e->chunk_sites;
        c->sources = sources + i * e->chunk_blocks;
        c->members = members + i * e->chunk_blocks;
        c->first = first + i * parts;
        e->order[i] = i;
    }
    return true;
}

bool cache_create(struct engine *e)
{
    size_t size = e->config.cache_bytes ? e->config.cache_bytes : DEFAULT_SIZE;
    e->chunk_size = align_up(size / 8, 65536);
    if (e->chunk_size > CHUNK_MAX)
        e->chunk_size = CHUNK_MAX;
    e->chunk_count = (unsigned)(size / e->chunk_size);
    if (e->chunk_count < 4)
        e->chunk_count = 4;
    e->stub_size = STUB_SIZE;
    /* Neighbours, so that generated code reaches the stubs by 32-bit displacements. */
    e->reserved = size_of(e, e->chunk_count);
    e->rw = mmap(NULL, 2 * e->reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    bool mapped = e->rw != MAP_FAILED;
    if (mapped) {
        e->exec = e->rw + e->reserved;
        mapped = map_chunk(e);
    }
    e->chunks = calloc(e->chunk_count, sizeof *e->chunks);
    e->order = calloc(e->chunk_count, sizeof *e->order);
    if (!mapped || !e->chunks || !e->order) {
        log_warn("the code cache of %zu MiB cannot be mapped: %s", size >> 20, strerror(errno));
        return false;
    }
    return create_lists(e);
}

void cache_destroy(struct engine *e)
{
    for (unsigned i = 0; i < e->chunk_count; i++)
        arena_free(&e->chunks[i].memory);
    munmap(e->blocks, e->lists_size);
    munmap(e->rw, 2 * e->reserved);
    free(e->chunks);
    free(e->order);
}

/* Waits until every other cpu has passed the top of its run loop or is out of it. */
static void wait_quiescent(struct engine *e, const struct cpu *self)
{
    uint64_t want = atomic_fetch_add(&e->epoch, 1) + 1;
    for (struct cpu *c = e->cpus; c; c = c->next) {
        if (c == self)
            continue;
        for (;;) {
            uint64_t at = atomic_load(&c->epoch);
            if (at == 0 || at >= want)
                break;
            cpu_set_pending(c, CPU_PENDING_ENGINE);
            sched_yield();
        }
    }
}

/* So many pointers are NULL again. */
static void clear_pointers(void *p, uint32_t count)
{
    void **list = p;
    for (uint32_t i = 0; i < count; i++)
        if (list[i]) /* most were never written to */
            list[i] = NULL;
}

static void empty(struct chunk *c)
{
    clear_pointers(c->sources, c->count);
    clear_pointers(c->members, c->count);
    atomic_store(&c->count, 0);
    atomic_store(&c->first_set, 0);
    arena_free(&c->memory);
    c->used = c->present = c->writable = c->site_count = 0;
    c->probation = false;
}

static void start_probation(struct engine *e, unsigned oldest)
{
    for (unsigned i = 0; i < oldest; i++) {
        struct chunk *c = &e->chunks[e->order[i]];
        if (c->probation)
            continue;
        c->probation = true;
        c->hits = 0;
        for (uint32_t k = 0; k < c->count; k++) {
            struct block *b = &c->blocks[k];
            if (b->dead)
                continue;
            table_unlink_incoming(e, b);
            b->probation = true;
        }
        atomic_fetch_add(&e->purge, 1); /* jump tables and returns must not hide them */
    }
}

/* Empties the coldest candidate and makes it the chunk after the one in use. */
static void evict(struct engine *e, struct cpu *self, unsigned candidates)
{
    unsigned coldest = 0;
    for (unsigned i = 1; i < candidates; i++)
        if (e->chunks[e->order[i]].hits < e->chunks[e->order[coldest]].hits)
            coldest = i;
    unsigned victim = e->order[coldest];
    struct chunk *c = &e->chunks[victim];
    for (uint32_t k = 0; k < c->count; k++)
        if (!c->blocks[k].dead)
            table_remove(e, &c->blocks[k]);
    table_forget_aside(e, c);
    atomic_fetch_add(&e->purge, 1);
    wait_quiescent(e, self);
    empty(c);
    (self ? self->stat : e->stat)[ENGINE_STAT_EVICTIONS]++;

    /* Order: the candidates that stay go behind the chunk in use, then the victim as the free one. */
    unsigned kept[CANDIDATES], n = 0;
    for (unsigned i = 0; i < candidates; i++) {
        if (i == coldest)
            continue;
        struct chunk *k = &e->chunks[e->order[i]];
        k->probation = false;
        for (uint32_t j = 0; j < k->count; j++)
            k->blocks[j].probation = false;
        kept[n++] = e->order[i];
    }
    memmove(e->order, e->order + candidates, (e->chunk_count - candidates) * sizeof *e->order);
    unsigned rest = e->chunk_count - candidates; /* the last of these is in use: keep it last but the victim */
    unsigned current = e->order[rest - 1];
    for (unsigned i = 0; i < n; i++)
        e->order[rest - 1 + i] = kept[i];
    e->order[rest - 1 + n] = current;
    e->order[e->chunk_count - 1] = victim;
}

/* Makes the pages that the next translations go to present, some at a time: faults cost more than what they bring. */
static void populate(const struct engine *e, struct chunk *c)
{
    size_t step = c->used < POPULATE_LEAST ? POPULATE_LEAST : c->used < POPULATE_MOST ? c->used : POPULATE_MOST;
    uint32_t from = (uint32_t)align_down(c->used, 4096), to = (uint32_t)align_up(from + step, 4096);

    if (to > e->chunk_size)
        to = (uint32_t)e->chunk_size;
    c->present = to;
#ifdef MADV_POPULATE_WRITE
    madvise(c->rw + from, to - from, MADV_POPULATE_WRITE);
    madvise(c->rw + engine_exec_delta(e) + from, to - from, MADV_POPULATE_READ);
#endif
    /* What lies behind is written to again only where exits are linked: those pages come back one by one. */
    if (from > c->writable + WRITABLE_LEAST) {
        madvise(c->rw + c->writable, from - WRITABLE_LEAST - c->writable, MADV_DONTNEED);
        c->writable = from - WRITABLE_LEAST;
    }
}

void cache_reserve(struct engine *e, struct cpu *cpu, size_t size, struct host_buffer *buf, struct chunk **chunk)
{
    cache_changes(e);
    struct chunk *c = &e->chunks[e->order[e->used_chunks - 1]];
    size *= 3; /* behind the code is its tail */
    if (e->chunk_size - c->used < size || c->count >= e->chunk_blocks) {
        bool full = e->used_chunks == e->chunk_count || !map_chunk(e);
        if (full && e->used_chunks < 4)
            log_die(127, "no memory for the code cache: %s", strerror(errno));
        if (full) /* if it could not grow, it stays as it is */
            e->chunk_count = e->used_chunks;
        unsigned candidates = e->chunk_count / 2 < CANDIDATES ? e->chunk_count / 2 : CANDIDATES;
        if (full)
            evict(e, cpu, candidates);
        if (e->used_chunks == e->chunk_count)
            start_probation(e, candidates);
        c = &e->chunks[e->order[e->used_chunks - 1]];
    }
    if (c->used + size > c->present && c->present < e->chunk_size)
        populate(e, c);
    buf->rw = c->rw + c->used;
    buf->exec_delta = engine_exec_delta(e);
    buf->size = (e->chunk_size - c->used) / 3;
    *chunk = c;
}

/* Makes the pages of a list that the next entries go to present, when it has grown to `end` bytes. */
static void populate_list(void *list, uint32_t *present, size_t end)
{
    if (LIKELY(end <= *present))
        return;
    size_t step = *present < LIST_STEP / 4 ? LIST_STEP / 4 : *present < LIST_STEP ? *present : LIST_STEP;
    uintptr_t from = align_down((uintptr_t)list + *present, 4096), to = align_up((uintptr_t)list + end + step, 4096);
    *present = (uint32_t)(to - (uintptr_t)list);
#ifdef MADV_POPULATE_WRITE
    madvise((void *)from, to - from, MADV_POPULATE_WRITE);
#endif
}

struct block *cache_new_block(struct engine *e, struct chunk *c, uint32_t sites, uint32_t members)
{
    struct block *b = &c->blocks[c->count];
    if (sites > e->chunk_sites - c->site_count)
        log_die(127, "internal error: too many exits in a chunk of the code cache");
    populate_list(c->blocks, &c->blocks_present, (c->count + 1) * sizeof *b);
    populate_list(c->sites, &c->sites_present, (c->site_count + sites) * sizeof(struct site));
    *b = (struct block){.sites = site_ref_of(e, c->sites + c->site_count), .site_count = (uint16_t)sites,
                        .range_count = (uint16_t)members};
    if (members)
        c->members[c->count] = arena_alloc(&c->memory, members * sizeof(struct member));
    return b;
}

void cache_add(struct engine *e, struct chunk *c, struct block *b)
{
    uint32_t k = c->count, start = c->used, part = c->first_set;
    c->site_count += b->site_count;
    c->used += (uint32_t)align_up(b->size + block_tail(b->size, b->look_count, b->map_size), 32);
    for (; part * CHUNK_PART <= start; part++)
        c->first[part] = k;
    atomic_store_explicit(&c->first_set, part, memory_order_release);
    atomic_store_explicit(&c->count, k + 1, memory_order_release);
}

struct block *cache_block_at(const struct engine *e, const void *p)
{
    const uint8_t *at = p, *first = e->exec + e->stub_size;
    if (at < first || at >= e->exec + size_of(e, e->chunk_count))
        return NULL;
    const struct chunk *c = &e->chunks[(size_t)(at - first) / e->chunk_size];
    uint32_t part = (uint32_t)((size_t)(at - first) % e->chunk_size) / CHUNK_PART;
    /* In this order: other threads add blocks, and a later `first` may name one of those. */
    uint32_t count = atomic_load(&c->count), known = atomic_load(&c->first_set);
    uint32_t i = part < known && c->first[part] < count ? c->first[part] : count;
    while (i < count && c->blocks[i].code <= at)
        i++;
    if (i == 0)
        return NULL;
    struct block *b = &c->blocks[i - 1];
    return at >= b->code && at < b->code + b->size ? b : NULL;
}

uint64_t cache_site_target(const struct engine *e, const void *site)
{
    const struct block *b = cache_block_at(e, site);
    for (uint32_t i = 0; b && i < b->site_count; i++)
        if (b->code + block_sites(e, b)[i].offset == (const uint8_t *)site)
            return site_target(e, &block_sites(e, b)[i]);
    log_die(127, "internal error: %p is no exit", site);
}

static void copy_part(const struct engine *e, uint8_t *memory, size_t offset, size_t size)
{
    uint8_t *to = memory + offset;
    size_t before = (uintptr_t)to % 4096;
#ifdef MADV_POPULATE_WRITE /* all its pages at once; older kernels make them one by one */
    madvise(to - before, size + before, MADV_POPULATE_WRITE);
#endif
    memcpy(to, e->rw + offset, size);
}

/* New memory with the stubs and the first n chunks, or MAP_FAILED. */
static uint8_t *copy_of(const struct engine *e, unsigned n)
{
    uint8_t *memory = new_memory(NULL, size_of(e, n));
    if (memory == MAP_FAILED)
        return memory;
    copy_part(e, memory, 0, e->stub_used);
    for (unsigned i = 0; i < n; i++)
        copy_part(e, memory, size_of(e, i), e->chunks[i].used);
    return memory;
}

/* What was mapped at `memory` becomes the code cache. */
static bool put_in_place(struct engine *e, uint8_t *memory, size_t size)
{
    return mremap(memory, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, e->rw) != MAP_FAILED && map_exec(e, 0, size);
}

void cache_changes(struct engine *e)
{
    e->code_changes++;
    if (LIKELY(!e->borrowed))
        return;
    uint8_t *memory = copy_of(e, e->used_chunks);
    if (memory == MAP_FAILED || !put_in_place(e, memory, size_of(e, e->used_chunks)))
        log_die(127, "no memory for the code cache: %s", strerror(errno));
    e->borrowed = false;
}

void cache_before_threads(struct engine *e)
{
    if (e->borrowed) /* it is exchanged before there are two who may run in it */
        cache_changes(e);
}

static void drop_fork_memory(struct engine *e)
{
    if (e->fork_memory && e->fork_memory != MAP_FAILED)
        munmap(e->fork_memory, e->fork_size);
    e->fork_memory = NULL;
}

void cache_before_fork(struct engine *e)
{
    if (e->fork_memory && e->fork_lent && e->fork_changes == e->code_changes)
        return; /* nothing changed since the last child was made */
    drop_fork_memory(e);
    size_t used = 0;
    for (unsigned i = 0; i < e->chunk_count; i++)
        used += e->chunks[i].used;
    e->fork_copy = used <= FORK_COPY_MAX;
    e->fork_size = size_of(e, e->fork_copy ? e->used_chunks : 1);
    /* Who forks again and again mostly changes nothing in between. */
    e->fork_lent = e->fork_copy && e->forks++ && used <= FORK_LEND_MAX;
    e->fork_changes = e->code_changes;
    if (e->borrowed) { /* from its own parent, and so as it was: lent on */
        e->fork_lent = true;
        e->fork_memory = mremap(e->rw, 0, e->fork_size, MREMAP_MAYMOVE);
    } else if (e->fork_copy) {
        e->fork_memory = copy_of(e, e->used_chunks);
    } else if ((e->fork_memory = new_memory(NULL, e->fork_size)) != MAP_FAILED) {
        copy_part(e, e->fork_memory, 0, e->stub_used);
    }
}

void cache_parent_fork(struct engine *e)
{
    if (!e->fork_lent)
        drop_fork_memory(e);
}

bool cache_after_fork(struct engine *e)
{
    size_t size = e->fork_size, rest = size_of(e, e->used_chunks) - size;
    if (e->fork_memory == MAP_FAILED || !put_in_place(e, e->fork_memory, size) ||
        (rest && (!reserve(e->rw + size, rest) || !reserve(e->exec + size, rest))))
        log_die(127, "no memory for the code cache after fork: %s", strerror(errno));
    e->fork_memory = NULL;
    e->forks = 0;
    e->borrowed = e->fork_lent;
    if (e->borrowed) /* the parent's other children have it too: a write would be a mistake */
        mprotect(e->rw, size, PROT_READ);
    if (e->fork_copy)
        return true;
    for (unsigned i = 0; i < e->chunk_count; i++) {
        empty(&e->chunks[i]);
        e->order[i] = i;
    }
    e->used_chunks = 1;
    return false;
}
