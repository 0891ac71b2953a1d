/* What goes with the generated tables: the functions of table expressions, and random words of a
 * row for tests.  Limits: a row whose `when` holds for fewer than about one in 10,000 words is
 * rarely met. */
#include "guest/arm64/rows.h"
#include <string.h>

uint32_t *arm64_row_counts;

uint32_t arm64_expr_bitmask_ok(uint32_t n, uint32_t imms, uint32_t sf)
{
    if (n && !sf)
        return 0;
    uint32_t combined = n << 6 | (~imms & 0x3f);
    if (combined < 2)
        return 0;
    uint32_t levels = (1u << (31 - __builtin_clz(combined))) - 1;
    return (imms & levels) != levels;
}

uint64_t arm64_bitmask(uint32_t sf, uint32_t n, uint32_t immr, uint32_t imms)
{
    unsigned length = 31 - (unsigned)__builtin_clz(n << 6 | (~imms & 0x3f)), size = 1u << length;
    unsigned ones = (imms & (size - 1)) + 1, rotate = immr & (size - 1);
    uint64_t v = ~0ull >> (64 - ones);
    if (rotate)
        v = v >> rotate | v << (size - rotate);
    if (size < 64)
        v &= (1ull << size) - 1;
    for (; size < 64; size *= 2)
        v |= v << size;
    return sf ? v : v & 0xffffffffu;
}

/* The manual's MoveWidePreferred(). */
uint32_t arm64_expr_move_wide_preferred(uint32_t sf, uint32_t n, uint32_t imms, uint32_t immr)
{
    uint32_t width = sf ? 64 : 32;
    if ((sf && !n) || (!sf && (n || imms & 0x20)))
        return 0;
    if (imms < 16)
        return ((0 - immr) & (width - 1)) % 16 <= 15 - imms;
    if (imms >= width - 15)
        return immr % 16 <= imms - (width - 15);
    return 0;
}

static uint64_t random_next(uint64_t *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return *s * 0x2545f4914f6cdd1dull;
}

uint32_t arm64_row_random(unsigned row, uint64_t *rng)
{
    const struct arm64_row_info *info = &arm64_row_info[row];
    if (row == 0 || row >= arm64_row_count)
        return 0;
    for (unsigned tries = 0; tries < 100000; tries++) {
        uint32_t w = info->value | ((uint32_t)(random_next(rng) >> 32) & ~info->mask);
        if (arm64_decode(w) == row)
            return w;
    }
    return 0;
}

/* The value of a field; -1 if the row has none of that name. */
static int field_value(unsigned row, uint32_t word, const char *name)
{
    const struct arm64_row_field *f = arm64_row_field(row, name);
    return f ? (int)bits_get(word, f->pos, f->width) : -1;
}

static uint32_t field_put(unsigned row, uint32_t word, const char *name, unsigned value)
{
    const struct arm64_row_field *f = arm64_row_field(row, name);
    if (!f)
        return word;
    uint32_t mask = (uint32_t)((1ull << f->width) - 1) << f->pos;
    return (word & ~mask) | (value << f->pos & mask);
}

bool arm64_row_predictable(unsigned row, uint32_t word)
{
    static const char *const names[] = {"Rt", "Rt2", "Rs", "Rn"};
    if (!(arm64_row_info[row].attrs & ARM64_ATTR_unpredictable))
        return true;
    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        int v = field_value(row, word, names[i]);
        for (unsigned j = 0; v >= 0 && j < i; j++) {
            if (field_value(row, word, names[j]) == v)
                return false;
        }
    }
    return true;
}

uint32_t arm64_row_random_memory(unsigned row, uint64_t *rng, unsigned base, unsigned index)
{
    static const char *const names[] = {"Rt", "Rt2", "Rs", "Rd"};
    for (unsigned tries = 0; tries < 1000; tries++) {
        uint32_t w = arm64_row_random(row, rng);
        w = field_put(row, field_put(row, w, "Rn", base), "Rm", index);
        bool good = arm64_decode(w) == row && arm64_row_predictable(row, w);
        for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
            int v = field_value(row, w, names[i]);
            good = good && (v < 0 || v == 31 || ((unsigned)v != base && (unsigned)v != index));
        }
        if (good)
            return w;
    }
    return 0;
}

const struct arm64_row_field *arm64_row_field(unsigned row, const char *name)
{
    const struct arm64_row_info *info = &arm64_row_info[row];
    for (unsigned i = 0; i < info->field_count; i++) {
        if (strcmp(arm64_row_fields[info->first_field + i].name, name) == 0)
            return &arm64_row_fields[info->first_field + i];
    }
    return NULL;
}

unsigned arm64_row_by_name(const char *name)
{
    for (unsigned i = 1; i < arm64_row_count; i++) {
        if (strcmp(arm64_row_info[i].name, name) == 0)
            return i;
    }
    return 0;
}
