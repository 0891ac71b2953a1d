/* Random numbers and random guest values for tests: reproducible from a seed. */
#pragma once
#include "ir/types.h"

struct random {
    uint64_t state;
};

static inline uint64_t random_next(struct random *r)
{
    /* splitmix64: any seed will do */
    uint64_t z = (r->state += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}
/* In [0, n), n >= 1. */
static inline unsigned random_below(struct random *r, unsigned n)
{
    return (unsigned)((random_next(r) >> 33) % n);
}
static inline bool random_chance(struct random *r, unsigned percent)
{
    return random_below(r, 100) < percent;
}

/* An integer or a float's bits, of `bits` bits; extreme values are frequent. */
uint64_t random_int(struct random *r, unsigned bits);
uint64_t random_float(struct random *r, unsigned bits);
/* `size` bytes of lanes of one kind. */
void random_bytes(struct random *r, void *out, unsigned size);
