/* A checksum and a mixer for tables: fast, not cryptographic.  Two inputs of one length that differ in a single word
 * always have different sums; others agree with a chance of 2^-64. */
#pragma once
#include "support/base.h"
#include <string.h>

#define HASH_K1 0x9e3779b97f4a7c15ull
#define HASH_K2 0xc2b2ae3d27d4eb4full

static inline uint64_t hash_mix(uint64_t v)
{
    v = (v ^ v >> 32) * HASH_K1;
    v = (v ^ v >> 29) * HASH_K2;
    return v ^ v >> 32;
}

/* Of two words, in this order. */
static inline uint64_t hash_pair(uint64_t a, uint64_t b) { return hash_mix(hash_mix(a) + b); }

/* Each step is a bijection of the lane for a given word, and of the word for a given lane. */
static inline uint64_t hash_step(uint64_t lane, uint64_t word)
{
    lane = (lane ^ word) * HASH_K1;
    return lane << 29 | lane >> 35;
}

static inline uint64_t hash_bytes(uint64_t seed, const void *data, size_t n)
{
    const unsigned char *p = data;
    uint64_t lane[4] = {seed, seed ^ HASH_K2, seed + HASH_K1, ~seed}, w[4] = {n};

    for (; n >= sizeof(w); n -= sizeof(w), p += sizeof(w)) {
        uint64_t v[4];

        memcpy(v, p, sizeof(v));
        for (unsigned i = 0; i < 4; i++)
            lane[i] = hash_step(lane[i], v[i]);
    }
    lane[0] = hash_step(lane[0], w[0]);
    w[0] = 0;
    memcpy(w, p, n);
    for (unsigned i = 0; i < 4; i++)
        lane[i] = hash_step(lane[i], w[i]);
    return hash_mix(hash_mix(hash_mix(hash_mix(lane[0]) ^ lane[1]) ^ lane[2]) ^ lane[3]);
}
