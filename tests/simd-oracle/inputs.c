/* See inputs.h. */
#include "inputs.h"
#include <string.h>

uint64_t inputs_next(uint64_t *rng)
{
    uint64_t z = *rng += 0x9e3779b97f4a7c15ull;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

/* An integer of `bits` bits: anything, small, or close to an edge. */
static uint64_t integer(uint64_t r, unsigned bits)
{
    uint64_t small = r >> 8 & 7, edge = 1ull << (r >> 16) % bits;

    switch (r & 15) {
    case 8:
        return r >> 60 << (bits - 4) | (r >> 8 & 1); /* only high bits */
    case 0:
        return small;
    case 1:
        return 0 - small;
    case 2:
        return edge + small - 4;
    case 3:
        return 0 - edge + small - 4;
    case 4:
        return (1ull << (bits - 1)) - (r >> 8 & 1);
    default:
        return r >> 7 ^ r << 43;
    }
}

/* A floating-point number of `bits` bits. */
static uint64_t number(uint64_t r, unsigned bits)
{
    unsigned fraction = bits == 16 ? 10 : bits == 32 ? 23 : 52, exponent = bits - 1 - fraction;
    uint64_t sign = (r >> 4 & 1) << (bits - 1), all = (1ull << exponent) - 1, bias = all >> 1;
    uint64_t f = (r >> 8 ^ r << 30) & ((1ull << fraction) - 1), e = r >> 40 & all;

    if (r & 1 << 5)
        f &= ~0ull << (r >> 20) % fraction; /* few bits: results that are exact or ties */
    switch (r & 15) {
    case 0:
        return sign; /* zero */
    case 1:
        return sign | all << fraction; /* infinity */
    case 2:
        return sign | all << fraction | 1ull << (fraction - 1) | f; /* quiet NaN */
    case 3:
        return sign | all << fraction | (f & ~(1ull << (fraction - 1))) | 1; /* signalling NaN */
    case 4:
        return sign | f; /* denormal */
    case 5:
        return sign | bias << fraction; /* one */
    case 6:
        return sign | (all - 1) << fraction | f; /* huge */
    case 7:
        return sign | (1 + (r >> 60 & 1)) << fraction | f; /* tiny */
    case 8:
        return sign | (bias + (r >> 60) - 4) << fraction | f; /* near one */
    case 9:
        return sign | (bias + (r >> 40) % (2 * fraction)) << fraction | f; /* about integers */
    case 10:
        return sign | (bias + (r >> 60) + (bits == 16 ? 0 : 24)) << fraction | f;
    case 11:
        return sign | (bias - (r >> 40) % (bits == 16 ? 15 : 30)) << fraction | f;
    default:
        return sign | e << fraction | f;
    }
}

/* What a register holds: the element's size (bits 0 and 1), and whether integers, floating-point
 * numbers (there are none of 8 bits: anything) or amounts of shifts (bits 2 and 3). */
#define STYLE_RANDOM 4

static void fill_register(uint64_t v[2], unsigned style, uint64_t *rng)
{
    uint8_t bytes[16];
    unsigned width = 8u << (style & 3);

    for (unsigned i = 0; i < 128 / width; i++) {
        uint64_t r = inputs_next(rng), x;
        switch (style >> 2) {
        case 0:
            x = integer(r, width);
            break;
        case 1:
            x = style == STYLE_RANDOM ? r : number(r, width);
            break;
        default:
            x = r % (2 * width + 6) - width - 3;
            break; /* an amount to shift by */
        }
        memcpy(bytes + i * width / 8, &x, width / 8);
    }
    memcpy(v, bytes, sizeof(bytes));
}

uint64_t inputs_number(uint64_t *rng)
{
    uint64_t r = inputs_next(rng);

    return r >> 60 < 3 ? number(r, r >> 60 == 0 ? 32 : 64) : integer(r, r >> 59 & 1 ? 32 : 64);
}

void inputs_fill(struct wire_state *s, uint64_t *rng)
{
    uint64_t r = inputs_next(rng);
    unsigned style = (unsigned)(r & 7); /* most registers of a state are of one kind */

    for (unsigned i = 0; i < 32; i++) {
        if (inputs_next(rng) % 8 == 0)
            fill_register(s->v[i], (unsigned)(inputs_next(rng) % 12), rng);
        else if (style < 4 && inputs_next(rng) % 4 == 0)
            fill_register(s->v[i], style | 8, rng);
        else if (i && inputs_next(rng) % 16 == 0)
            memcpy(s->v[i], s->v[i - 1], sizeof(s->v[i]));
        else
            fill_register(s->v[i], style, rng);
    }
    for (unsigned i = 0; i < 31; i++)
        s->x[i] = inputs_number(rng);
    s->nzcv = (uint32_t)(r >> 8 & 15) << 28;
    s->fpsr = r >> 12 & 3 ? 0 : (uint32_t)(r >> 16) & 0x0800009f;
    for (unsigned i = 0; i < WIRE_WINDOW; i += 8) {
        uint64_t m = inputs_next(rng);
        memcpy(s->memory + i, &m, sizeof(m));
    }
}
