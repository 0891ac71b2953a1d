/* Bump allocation in chunks.
 *
 * A chunk is a malloc block: its header, then the memory handed out.  `next` and `end` bound what
 * is left of the newest chunk.  Memory is zeroed when it is handed out, not when it is taken back,
 * so that reset costs nothing.  An allocation that is the last one grows in place.
 *
 * Large chunks are made present piece by piece: page faults cost more than what they bring. */
#include "support/arena.h"

#include "support/log.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ARENA_CHUNK_SIZE ((size_t)64 << 10)
#define ARENA_STEP       ((size_t)64 << 10) /* of a large chunk, made present at once */

struct arena_chunk {
    struct arena_chunk *older;
    size_t size; /* of memory after the header */
};

#define ARENA_HEADER_SIZE ((sizeof(struct arena_chunk) + 15) & ~(size_t)15)

static char *chunk_memory(struct arena_chunk *c)
{
    return (char *)c + ARENA_HEADER_SIZE;
}

/* Moves `end` forward: to the end of a small chunk, else so that there is room for `size` and some more. */
static void arena_extend(struct arena *a, size_t size)
{
    size_t step = size < ARENA_STEP ? ARENA_STEP : size;
    uintptr_t from = (uintptr_t)a->end & ~(uintptr_t)4095;

    if ((size_t)(a->limit - a->next) <= step || a->chunks->size <= ARENA_CHUNK_SIZE)
        step = (size_t)(a->limit - a->next);
    a->end = a->next + step;
#ifdef MADV_POPULATE_WRITE /* where it fails the pages come one by one */
    if (a->chunks->size > ARENA_CHUNK_SIZE)
        madvise((void *)from, (uintptr_t)a->end - from, MADV_POPULATE_WRITE);
#else
    (void)from;
#endif
}

static void arena_add_chunk(struct arena *a, size_t at_least)
{
    size_t size = ARENA_CHUNK_SIZE - ARENA_HEADER_SIZE;
    struct arena_chunk *c;

    /* Chunks double, so that a large unit does not become a long list. */
    if (a->chunks && size < a->chunks->size * 2 && a->chunks->size < (size_t)16 << 20)
        size = a->chunks->size * 2;
    if (size < at_least)
        size = at_least;
    c = malloc(ARENA_HEADER_SIZE + size);
    if (!c)
        log_die(1, "out of memory: the host refused %zu bytes", size);
    c->older = a->chunks;
    c->size = size;
    a->chunks = c;
    a->next = a->end = chunk_memory(c);
    a->limit = a->next + size;
}

void *arena_take_more(struct arena *a, size_t size)
{
    char *p;

    if ((size_t)(a->limit - a->next) < size)
        arena_add_chunk(a, size);
    arena_extend(a, size);
    p = a->next;
    a->next += size;
    return p;
}

void *arena_grow(struct arena *a, void *old, size_t old_size, size_t new_size)
{
    size_t old_room = (size_t)align_up(old_size ? old_size : 1, 16);
    size_t new_room = (size_t)align_up(new_size ? new_size : 1, 16);
    void *p;

    if (!old)
        return arena_alloc(a, new_size);
    if ((char *)old + old_room == a->next && new_room - old_room <= (size_t)(a->end - a->next)) {
        memset((char *)old + old_size, 0, new_room - old_size);
        a->next += new_room - old_room;
        return old;
    }
    p = arena_alloc(a, new_size);
    memcpy(p, old, old_size);
    return p;
}

void arena_reset(struct arena *a)
{
    struct arena_chunk *c = a->chunks; /* the newest is the largest */

    if (!c)
        return;
    while (c->older) {
        struct arena_chunk *gone = c->older;
        c->older = gone->older;
        free(gone);
    }
    a->next = chunk_memory(c);
    a->end = a->limit = a->next + c->size;
}

void arena_free(struct arena *a)
{
    arena_reset(a);
    free(a->chunks);
    *a = (struct arena){0};
}
