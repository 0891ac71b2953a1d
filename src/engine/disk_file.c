/* The format of disk_file.h.  Everything read from a file is checked against its sum and its bounds before use; the sums
 * begin with the key, so that a record of another build or object is not sound here. */
#include "engine/disk_file.h"
#include "memory/memory.h"
#include "support/hash.h"
#include <stdlib.h>
#include <string.h>

#define MAGIC "demoticC"

struct header {
    char magic[8];
    struct disk_key key;
    uint64_t size; /* of the file */
    uint32_t slots, units;
    uint64_t unused[2];
    uint64_t sum; /* of all before */
};
static_assert(sizeof(struct header) == 64, "slots are aligned");

struct slot {
    uint64_t hash;
    uint32_t at, size; /* in 16 bytes; size 0: empty */
};

struct head {
    uint64_t sum; /* of all behind it in the record */
    uint64_t offset, pc;
    uint32_t record_size;
    uint32_t mode, size, entry, guest_size, map_size;
    uint16_t insns, site_count, reloc_count, look_count;
};
static_assert(sizeof(struct head) == 56, "no padding");

static uint64_t seed_of(const struct disk_key *key) { return hash_pair(key->config, key->object); }

static uint64_t hash_unit(uint64_t offset, uint32_t mode) { return hash_pair(offset, mode); }

static uint64_t header_sum(const struct header *h) { return hash_bytes(seed_of(&h->key), h, offsetof(struct header, sum)); }

/* -- records ------------------------------------------------------------------------------------- */

/* Where the parts of a record begin. */
struct layout {
    uint64_t sites, relocs, looks, guest, map, end;
};

static struct layout layout_of(uint32_t size, uint32_t guest_size, uint32_t map_size, unsigned sites, unsigned relocs,
                               unsigned looks)
{
    struct layout l;

    l.sites = align_up(sizeof(struct head) + (uint64_t)size, 8);
    l.relocs = l.sites + sites * sizeof(struct disk_site);
    l.looks = l.relocs + relocs * sizeof(uint32_t);
    l.guest = l.looks + looks * sizeof(struct disk_look);
    l.map = l.guest + guest_size;
    l.end = align_up(l.map + map_size, 16);
    return l;
}

size_t disk_unit_size(const struct disk_unit *u)
{
    return layout_of(u->size, u->guest_size, u->map_size, u->site_count, u->reloc_count, u->look_count).end;
}

void disk_unit_pack(const struct disk_unit *u, const struct disk_key *key, void *record)
{
    struct layout l = layout_of(u->size, u->guest_size, u->map_size, u->site_count, u->reloc_count, u->look_count);
    uint8_t *out = record;
    struct head h = {.offset = u->offset, .pc = u->pc, .record_size = (uint32_t)l.end, .mode = u->mode, .size = u->size,
                     .entry = u->entry, .guest_size = u->guest_size, .map_size = u->map_size, .insns = u->insns,
                     .site_count = u->site_count, .reloc_count = u->reloc_count, .look_count = u->look_count};

    memset(out, 0, l.end);
    memcpy(out, &h, sizeof(h));
    memcpy(out + sizeof(h), u->code, u->size);
    memcpy(out + l.sites, u->sites, l.relocs - l.sites);
    memcpy(out + l.relocs, u->relocs, l.looks - l.relocs);
    memcpy(out + l.looks, u->looks, l.guest - l.looks);
    memcpy(out + l.guest, u->guest, u->guest_size);
    memcpy(out + l.map, u->map, u->map_size);
    h.sum = hash_bytes(seed_of(key), out + sizeof(h.sum), l.end - sizeof(h.sum));
    memcpy(out, &h.sum, sizeof(h.sum));
}

/* What the sum cannot promise if the writer was wrong: offsets lie within the code. */
static bool in_bounds(const struct disk_unit *u)
{
    if (u->entry >= u->size || !u->guest_size)
        return false;
    for (unsigned i = 0; i < u->site_count; i++)
        if (u->sites[i].offset < 4 || u->sites[i].offset >= u->size)
            return false;
    for (unsigned i = 0; i < u->reloc_count; i++)
        if ((uint64_t)(u->relocs[i] >> 1) + (u->relocs[i] & DISK_RELOC_32 ? 4 : 8) > u->size)
            return false;
    return true;
}

/* A record's parts, if its sizes fit. */
static bool parse(const void *record, size_t size, struct disk_unit *u)
{
    const uint8_t *in = record;
    struct head h;

    if (size < sizeof(h))
        return false;
    memcpy(&h, in, sizeof(h));
    struct layout l = layout_of(h.size, h.guest_size, h.map_size, h.site_count, h.reloc_count, h.look_count);

    if (h.record_size != size || l.end != size)
        return false;
    *u = (struct disk_unit){.offset = h.offset, .pc = h.pc, .mode = h.mode, .size = h.size, .entry = h.entry,
                            .guest_size = h.guest_size, .map_size = h.map_size, .insns = h.insns,
                            .site_count = h.site_count, .reloc_count = h.reloc_count, .look_count = h.look_count,
                            .code = in + sizeof(h), .sites = (const void *)(in + l.sites),
                            .relocs = (const void *)(in + l.relocs), .looks = (const void *)(in + l.looks),
                            .guest = in + l.guest, .map = in + l.map};
    return true;
}

bool disk_unit_unpack(const void *record, size_t size, const struct disk_key *key, struct disk_unit *u)
{
    const struct head *h = record;

    return parse(record, size, u) && h->sum == hash_bytes(seed_of(key), &h->offset, size - sizeof(h->sum)) && in_bounds(u);
}

/* -- reading ------------------------------------------------------------------------------------- */

static bool header_ok(const struct header *h, size_t size)
{
    return memcmp(h->magic, MAGIC, sizeof(h->magic)) == 0 && h->sum == header_sum(h) && h->size == size && h->slots &&
           !(h->slots & (h->slots - 1)) && sizeof(*h) + (uint64_t)h->slots * sizeof(struct slot) <= size;
}

bool disk_file_identify(const void *base, size_t size, struct disk_key *key, uint32_t *units)
{
    struct header h;

    if (size < sizeof(h) || !memory_read(&h, (uintptr_t)base, sizeof(h)) || !header_ok(&h, size))
        return false;
    *key = h.key;
    *units = h.units;
    return true;
}

bool disk_file_open(struct disk_file *f, const void *base, size_t size, const struct disk_key *key)
{
    struct header h;

    if (size < sizeof(h) || size > DISK_FILE_MAX || !memory_read(&h, (uintptr_t)base, sizeof(h)) || !header_ok(&h, size) ||
        h.key.config != key->config || h.key.object != key->object)
        return false;
    *f = (struct disk_file){(uintptr_t)base, size, h.slots, h.units};
    return true;
}

bool disk_file_next(const struct disk_file *f, uint64_t offset, uint32_t mode, uint32_t *probe, uint64_t *at, uint32_t *size)
{
    uint64_t hash = hash_unit(offset, mode), place;
    struct slot s;

    for (; *probe < f->slots; ++*probe) {
        place = f->base + sizeof(struct header) + ((hash + *probe) & (f->slots - 1)) * sizeof(s);
        if (!memory_read(&s, place, sizeof(s)) || !s.size)
            return false;
        if (s.hash == hash && ((uint64_t)s.at + s.size) * 16 <= f->size) {
            *at = f->base + (uint64_t)s.at * 16;
            *size = s.size * 16;
            ++*probe;
            return true;
        }
    }
    return false;
}

bool disk_file_walk(const void *base, size_t size, const struct disk_key *key, uint64_t *at, struct disk_unit *u)
{
    const uint8_t *in = base;

    if (!*at) {
        struct header h;

        if (size < sizeof(h))
            return false;
        memcpy(&h, in, sizeof(h));
        if (!header_ok(&h, size) || h.key.config != key->config || h.key.object != key->object)
            return false;
        *at = sizeof(h) + h.slots * sizeof(struct slot);
    }
    while (*at + sizeof(struct head) <= size) {
        struct head h;
        uint64_t record = *at;

        memcpy(&h, in + record, sizeof(h));
        if (!h.record_size || h.record_size % 16 || h.record_size > size - record)
            return false; /* what follows cannot be found */
        *at += h.record_size;
        if (disk_unit_unpack(in + record, h.record_size, key, u))
            return true;
    }
    return false;
}

/* -- writing ------------------------------------------------------------------------------------- */

struct build {
    struct disk_key key;
    uint8_t *out;
    uint64_t at, room;
    uint32_t slots, units;
};

static struct slot *slot_at(const struct build *b, uint64_t i)
{
    return (struct slot *)(void *)(b->out + sizeof(struct header)) + (i & (b->slots - 1));
}

/* Adds a record unless there is one made of the same bytes, or too many made of others. */
static void add(struct build *b, const void *record, uint32_t size, const struct disk_unit *u)
{
    uint64_t hash = hash_unit(u->offset, u->mode), i = hash;
    unsigned variants = 0;

    for (; slot_at(b, i)->size; i++) {
        const struct slot *s = slot_at(b, i);
        struct disk_unit other;

        if (s->hash != hash)
            continue;
        if (!parse(b->out + (uint64_t)s->at * 16, s->size * 16, &other) || ++variants == DISK_VARIANTS)
            return;
        if (other.pc % 4096 == u->pc % 4096 && other.guest_size == u->guest_size && other.look_count == u->look_count &&
            !memcmp(other.guest, u->guest, u->guest_size) && !memcmp(other.looks, u->looks, u->look_count * sizeof(*u->looks)))
            return;
    }
    if (b->at + size > b->room || 2 * (b->units + 1) > b->slots)
        return;
    memcpy(b->out + b->at, record, size);
    *slot_at(b, i) = (struct slot){hash, (uint32_t)(b->at / 16), size / 16};
    b->at += size;
    b->units++;
}

/* At most so many records are in an old file. */
static size_t count_old(const void *old, size_t old_size)
{
    struct header h;

    if (!old || old_size < sizeof(h))
        return 0;
    memcpy(&h, old, sizeof(h));
    return h.units < old_size / sizeof(struct head) ? h.units : old_size / sizeof(struct head);
}

void *disk_file_build(const struct disk_key *key, const void *records, size_t records_size, const void *old, size_t old_size,
                      size_t *size)
{
    const uint8_t *in = records;
    struct build b = {.key = *key, .slots = 16};
    struct disk_unit u;
    size_t units = count_old(old, old_size);

    for (size_t at = 0; at < records_size; at += ((const struct head *)(const void *)(in + at))->record_size)
        units++;
    while (b.slots < 2 * (units + 1))
        b.slots *= 2;
    b.at = sizeof(struct header) + b.slots * sizeof(struct slot);
    b.room = b.at + records_size + old_size;
    if (b.room > DISK_FILE_MAX)
        b.room = DISK_FILE_MAX;
    if (b.at > b.room || !(b.out = malloc(b.room)))
        return NULL;
    memset(b.out, 0, b.at);
    for (size_t at = 0; at < records_size;) {
        const struct head *h = (const void *)(in + at);

        if (parse(h, h->record_size, &u)) /* packed by this process: no need to add it up */
            add(&b, h, h->record_size, &u);
        at += h->record_size;
    }
    for (uint64_t at = 0; old && disk_file_walk(old, old_size, key, &at, &u);) {
        const uint8_t *record = (const uint8_t *)u.code - sizeof(struct head);

        add(&b, record, ((const struct head *)(const void *)record)->record_size, &u);
    }
    struct header h = {.magic = MAGIC, .key = *key, .size = b.at, .slots = b.slots, .units = b.units};

    h.sum = header_sum(&h);
    memcpy(b.out, &h, sizeof(h));
    *size = b.at;
    return b.out;
}
