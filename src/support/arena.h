/* Bump allocation for things that die together (one translation, one parse).  Not thread-safe: one
 * arena has one user at a time. */
#pragma once
#include "support/base.h"
#include <string.h>

struct arena_chunk;
struct arena {
    struct arena_chunk *chunks; /* newest first */
    char *next, *end;
    char *limit; /* of the newest chunk; memory from `end` to there was not touched yet */
};

/* For arena_take: `size` bytes where there is no room before `end`. */
void *arena_take_more(struct arena *a, size_t size);

/* Memory with anything in it, 16-byte aligned, valid until arena_reset/arena_free.  Never NULL (aborts
 * when the host has no memory left). */
static inline void *arena_take(struct arena *a, size_t size)
{
    char *p = a->next;

    size = (size_t)align_up(size ? size : 1, 16);
    if (UNLIKELY((size_t)(a->end - p) < size))
        return arena_take_more(a, size);
    a->next = p + size;
    return p;
}

/* Zeroed memory. */
static inline void *arena_alloc(struct arena *a, size_t size)
{
    return memset(arena_take(a, size), 0, size);
}

/* `old` (of old_size bytes, from this arena, or NULL) moved to new_size >= old_size bytes; the new
 * tail is zeroed. */
void *arena_grow(struct arena *a, void *old, size_t old_size, size_t new_size);

/* Forgets everything allocated but keeps one chunk for the next use. */
void arena_reset(struct arena *a);
void arena_free(struct arena *a);
