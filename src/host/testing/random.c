/* Random guest values: numbers near the edges of their formats much more often than chance would
 * give, because that is where translations go wrong. */
#include "host/testing/random.h"
#include <string.h>

uint64_t random_int(struct random *r, unsigned bits)
{
    uint64_t mask = ~0ull >> (64 - bits), v;
    switch (random_below(r, 10)) {
    case 0:
        v = random_below(r, 4);
        break;
    case 1:
        v = 0 - (uint64_t)random_below(r, 4);
        break;
    case 2:
        v = (1ull << (bits - 1)) + random_below(r, 3) - 1;
        break;
    case 3:
        v = 1ull << random_below(r, bits);
        break;
    case 4:
        v = (1ull << random_below(r, bits)) - 1;
        break;
    case 5:
        v = 0 - (1ull << random_below(r, bits));
        break;
    case 6:
        v = random_below(r, 256);
        break;
    default:
        v = random_next(r) >> random_below(r, random_chance(r, 50) ? 64 : 1);
    }
    return v & mask;
}

uint64_t random_float(struct random *r, unsigned bits)
{
    unsigned frac = bits == 16 ? 10 : bits == 32 ? 23 : 52, exp = bits - 1 - frac;
    uint64_t sign = (random_next(r) & 1) << (bits - 1), max = (1ull << exp) - 1, bias = max >> 1;
    uint64_t fmask = (1ull << frac) - 1, f = random_int(r, frac), e;
    switch (random_below(r, 16)) {
    case 0:
        return sign;
    case 1:
        return sign | max << frac; /* infinity */
    case 2:
        return sign | max << frac | 1ull << (frac - 1) | f; /* quiet */
    case 3:
        return sign | max << frac | (f & (fmask >> 1)) | 1; /* signalling */
    case 4:
        return sign | f; /* zero, denormal */
    case 5:
        e = 1;
        break;
    case 6:
        e = max - 1;
        break;
    case 7:
        return sign | bias << frac; /* one */
    case 8:
        return sign | (uint64_t)random_below(r, (unsigned)max) << frac; /* a power of two */
    case 9: case 10: case 11: /* near an integer's limits */
        e = bias + random_below(r, frac + 12 < bias ? frac + 12 : (unsigned)bias);
        f &= ~0ull << random_below(r, frac);
        break;
    case 12: case 13:
        e = bias + random_below(r, 4) - 2;
        break;
    default:
        e = random_next(r) & max;
    }
    return sign | e << frac | f;
}

void random_bytes(struct random *r, void *out, unsigned size)
{
    unsigned char *p = out;
    unsigned bits = 8u << random_below(r, 4);
    while (bits / 8 > size)
        bits /= 2;
    bool is_float = bits >= 16 && random_chance(r, 60);
    for (unsigned i = 0; i < size; i += bits / 8) {
        uint64_t v = is_float ? random_float(r, bits) : random_int(r, bits);
        memcpy(p + i, &v, bits / 8);
    }
}
