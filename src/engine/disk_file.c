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
        if (u->sites[i].offset < 4 || u->sites[i].offset + 4ull > u->size)
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

size_t disk_record_size(const void *record, size_t left)
{
    const struct head *h = record;

    return left >= sizeof(*h) && h->record_size >= sizeof(*h) && h->record_size % 16 == 0 && h->record_size <= left ? h->record_size : 0;
}

uint64_t disk_record_offset(const void *record) { return ((const struct head *)record)->offset; }

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
    struct disk_image *image;
    struct slot *slots;
    const uint8_t **records; /* of each slot that is used */
    uint64_t room;
    uint32_t slot_count, units;
};

/* The slot for a record; NULL if there is one made of the same bytes, or if there are too many made of others. */
static struct slot *slot_for(const struct build *b, uint64_t hash, const struct disk_unit *u)
{
    uint64_t i = hash & (b->slot_count - 1);
    unsigned variants = 0;

    for (; b->slots[i].size; i = (i + 1) & (b->slot_count - 1)) {
        const struct slot *s = &b->slots[i];
        struct disk_unit other;

        if (s->hash != hash)
            continue;
        if (!parse(b->records[i], s->size * 16, &other) || ++variants == DISK_VARIANTS)
            return NULL;
        if (other.pc % 4096 == u->pc % 4096 && other.guest_size == u->guest_size && other.look_count == u->look_count &&
            !memcmp(other.guest, u->guest, u->guest_size) && !memcmp(other.looks, u->looks, u->look_count * sizeof(*u->looks)))
            return NULL;
    }
    return &b->slots[i];
}

/* Enters a record, wherever in the file it will be. */
static struct slot *enter(struct build *b, const uint8_t *record, uint32_t size, const struct disk_unit *u)
{
    uint64_t hash = hash_unit(u->offset, u->mode);
    struct slot *s = slot_for(b, hash, u);

    if (!s || b->room < size || 2 * (b->units + 1) > b->slot_count)
        return NULL;
    *s = (struct slot){.hash = hash, .size = size / 16};
    b->records[s - b->slots] = record;
    b->room -= size;
    b->units++;
    return s;
}

/* Puts a record that was entered behind what the file has by now. */
static void place(struct build *b, struct slot *s)
{
    struct disk_image *image = b->image;
    const uint8_t *record = b->records[s - b->slots];
    struct iovec *last = &image->parts[image->count - 1];
    size_t size = s->size * 16ul;

    s->at = (uint32_t)(image->size / 16);
    image->size += size;
    if ((uint8_t *)last->iov_base + last->iov_len == record)
        last->iov_len += size;
    else
        image->parts[image->count++] = (struct iovec){(void *)(uintptr_t)record, size};
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

static uint32_t size_of_record(const uint8_t *record) { return ((const struct head *)(const void *)record)->record_size; }

/* New ones are entered first, and so preferred where there are too many; but placed last: the order in a file stays. */
static void build(struct build *b, const uint8_t *records, size_t records_size, const void *old, size_t old_size, struct slot **fresh)
{
    struct disk_unit u;
    size_t n = 0;

    for (size_t at = 0; at < records_size; at += size_of_record(records + at)) {
        struct slot *s = NULL;

        if (parse(records + at, size_of_record(records + at), &u)) /* packed by this process: no need to add it up */
            s = enter(b, records + at, size_of_record(records + at), &u);
        if (s)
            fresh[n++] = s;
    }
    for (uint64_t at = 0; old && disk_file_walk(old, old_size, &b->key, &at, &u);) {
        const uint8_t *record = (const uint8_t *)u.code - sizeof(struct head);
        struct slot *s = enter(b, record, size_of_record(record), &u);

        if (s)
            place(b, s);
    }
    for (size_t i = 0; i < n; i++)
        place(b, fresh[i]);
}

bool disk_image_build(struct disk_image *image, const struct disk_key *key, const void *records, size_t records_size, const void *old,
                      size_t old_size)
{
    struct build b = {.key = *key, .image = image, .slot_count = 16};
    size_t fresh = 0, units = count_old(old, old_size);

    for (size_t at = 0; at < records_size; at += size_of_record((const uint8_t *)records + at))
        fresh++;
    units += fresh;
    while (b.slot_count < 2 * (units + 1))
        b.slot_count *= 2;
    size_t front = sizeof(struct header) + b.slot_count * sizeof(struct slot);
    struct slot **entered = malloc((fresh + 1) * sizeof(*entered));

    *image = (struct disk_image){.front = calloc(1, front), .parts = malloc((units + 1) * sizeof(*image->parts)), .count = 1, .size = front};
    b.records = calloc(b.slot_count, sizeof(*b.records));
    bool ok = entered && image->front && image->parts && b.records && front < DISK_FILE_MAX;

    if (ok) {
        b.slots = (struct slot *)(void *)((uint8_t *)image->front + sizeof(struct header));
        b.room = DISK_FILE_MAX - front;
        image->parts[0] = (struct iovec){image->front, front};
        build(&b, records, records_size, old, old_size, entered);
        struct header h = {.magic = MAGIC, .key = *key, .size = image->size, .slots = b.slot_count, .units = b.units};

        h.sum = header_sum(&h);
        memcpy(image->front, &h, sizeof(h));
    } else {
        disk_image_free(image);
    }
    free(entered);
    free(b.records);
    return ok;
}

void disk_image_free(struct disk_image *image)
{
    free(image->front);
    free(image->parts);
    *image = (struct disk_image){0};
}
