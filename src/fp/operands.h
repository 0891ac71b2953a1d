/* Operands worth trying: special values, edges of ranges, ties, near-cancellations, and noise.
 * Shared by the tests of src/fp. */
#pragma once
#include <stdint.h>

struct random {
    uint64_t state;
};

/* splitmix64 */
static inline uint64_t random_next(struct random *r)
{
    uint64_t z = r->state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}
static inline unsigned random_below(struct random *r, unsigned n)
{
    return (unsigned)((random_next(r) >> 32) * n >> 32);
}

/* A fraction that is noise, or a few bits at an end, or a run of ones. */
static inline uint64_t operand_fraction(struct random *r, unsigned frac)
{
    uint64_t mask = (1ull << frac) - 1, noise = random_next(r);
    unsigned shift = random_below(r, frac + 1);
    switch (random_below(r, 6)) {
    case 0:
        return noise & mask & ~(mask >> shift);
    case 1:
        return mask >> shift;
    case 2:
        return mask & ~(mask >> shift);
    case 3:
        return 1ull << (shift < frac ? shift : 0);
    case 4:
        return (noise & 3) | (noise >> 60 & 3) << (frac - 2);
    default:
        return noise & mask;
    }
}

/* One number with `exp` bits of exponent and `frac` of fraction; `other` is one it may lie close
 * to. */
static inline uint64_t operand_float(struct random *r, unsigned exp, unsigned frac, uint64_t other)
{
    uint64_t max = (1ull << exp) - 1, bias = max >> 1, field;
    uint64_t fraction = operand_fraction(r, frac);
    uint64_t sign = (random_next(r) & 1) << (exp + frac);
    switch (random_below(r, 12)) {
    case 0: /* zeros, infinities, NaNs of both kinds */
        field = random_next(r) & 1 ? max : 0;
        fraction = random_next(r) & 1 ? 0 : fraction;
        break;
    case 1: /* denormals and the smallest normal numbers */
        field = random_below(r, 3);
        break;
    case 2: /* largest numbers, NaNs */
        field = max - random_below(r, 4);
        break;
    case 3: /* around the sizes of integers */
        field = bias + random_below(r, 68);
        break;
    case 4:
        field = bias - 3 + random_below(r, 8);
        break;
    case 5: /* near the other, so that subtraction cancels */
        return sign | ((other & ((1ull << (exp + frac)) - 1)) + random_below(r, 5) - 2);
    case 6: /* at a distance that just rounds */
        field = (other >> frac & max) + random_below(r, 2 * frac + 8) - frac - 4;
        break;
    case 7: /* products and quotients around the ends of the range */
        field =
            (random_next(r) & 1 ? bias : 3 * bias) - (other >> frac & max) + random_below(r, 8) - 4;
        break;
    case 8:
        field = (other >> frac & max) - bias + random_below(r, 8) - 4;
        break;
    default:
        field = random_next(r);
    }
    return sign | (field & max) << frac | fraction;
}

static inline uint64_t operand_int(struct random *r)
{
    uint64_t v = random_next(r) >> random_below(r, 64);
    switch (random_below(r, 4)) {
    case 0:
        v = (1ull << random_below(r, 64)) + random_below(r, 3) - 1;
        break;
    case 1: /* ties when rounded to 11, 24 or 53 bits */
        v = (v & ~0ull << random_below(r, 64)) + random_below(r, 3) - 1;
        break;
    default:
        break;
    }
    return random_next(r) & 1 ? 0 - v : v;
}

/* Fills 16 bytes with lanes of a kind (see cases.def); `other` is the operand before. */
static inline void operand_fill(struct random *r, char kind, uint64_t v[2], const uint64_t other[2])
{
    static const struct {
        char kind;
        uint8_t exp, frac;
    } formats[] = {{'h', 5, 10}, {'b', 8, 7}, {'s', 8, 23}, {'d', 11, 52}};
    uint64_t r0 = 0, r1 = 0;
    if (kind == '-')
        return;
    if (kind == 'r' || kind == 'x') {
        v[0] = kind == 'r' ? random_next(r) : operand_int(r);
        v[1] = kind == 'r' ? random_next(r) : operand_int(r);
        return;
    }
    if (kind == 'w') {
        for (unsigned i = 0; i < 2; i++) {
            r0 = operand_int(r) & 0xffffffff;
            v[i] = r0 | operand_int(r) << 32;
        }
        return;
    }
    for (unsigned i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        if (formats[i].kind != kind)
            continue;
        unsigned width = 1u + formats[i].exp + formats[i].frac;
        for (unsigned bit = 0; bit < 128; bit += width) {
            r1 = operand_float(r, formats[i].exp, formats[i].frac, other[bit / 64] >> bit % 64);
            r0 = v[bit / 64] & ~(~0ull >> (64 - width) << bit % 64);
            v[bit / 64] = r0 | r1 << bit % 64;
        }
    }
}
