/* Files of translations: what is in one, checked before it is believed.  A file is for one mapped object of the guest
 * (struct disk_key), and is never changed: a new one takes its place.
 *
 *     header   magic, key, sizes, sum
 *     slots    an open hash table: which record is for an offset and a mode
 *     records  each a unit: head with its sum, code, exits, relocations, the guest's bytes, side table
 *
 * A slot needs no sum: one that leads astray leads to a record whose sum is wrong or which is not the one asked for. */
#pragma once
#include "support/base.h"
#include <sys/uio.h>

#define DISK_LOOK_BYTES 32u
#define DISK_VARIANTS   3u          /* units of one key made from different bytes */
#define DISK_FILE_MAX   (128u << 20) /* bytes */

struct disk_key {
    uint64_t config; /* Demotic's build, the processor, options: what code depends on besides the guest's bytes */
    uint64_t object; /* which of the guest's files */
};

struct disk_site {
    uint32_t offset;
    int32_t target; /* from the unit's PC */
};

/* Guest bytes outside of the unit that it depends on. */
struct disk_look {
    int32_t at; /* from the unit's PC */
    uint8_t bytes[DISK_LOOK_BYTES];
};

/* A relocation is an offset in the code, shifted; the lowest bit tells 4 bytes from 8. */
#define DISK_RELOC_32 1u

/* One unit.  The arrays are the caller's, or in the record it was unpacked from. */
struct disk_unit {
    uint64_t offset, pc; /* in the object; where the code was when this was made */
    uint32_t mode, size, entry, guest_size, map_size;
    uint16_t insns, site_count, reloc_count, look_count;
    const void *code;
    const struct disk_site *sites;
    const uint32_t *relocs;
    const struct disk_look *looks;
    const uint8_t *guest;
    const void *map;
};

/* Bytes of u's record, a multiple of 16. */
size_t disk_unit_size(const struct disk_unit *u);
/* Writes it. */
void disk_unit_pack(const struct disk_unit *u, const struct disk_key *key, void *record);
/* True if the record is whole and of this key: all of u can be relied on. Records are 8-byte aligned. */
bool disk_unit_unpack(const void *record, size_t size, const struct disk_key *key, struct disk_unit *u);

/* A file in memory.  It may be a mapping that faults when somebody truncates the file: reads are guarded. */
struct disk_file {
    uint64_t base, size;
    uint32_t slots, units;
};

bool disk_file_open(struct disk_file *f, const void *base, size_t size, const struct disk_key *key);
/* The places of records that may be for (offset, mode), one after the other: *probe is 0 at first.  False: no more. */
bool disk_file_next(const struct disk_file *f, uint64_t offset, uint32_t mode, uint32_t *probe, uint64_t *at, uint32_t *size);

/* Bytes of the record at the beginning of `left` bytes of records, 0 if it is not all there. */
size_t disk_record_size(const void *record, size_t left);
/* Where in the object the unit is that a record says it is of: unchecked. */
uint64_t disk_record_offset(const void *record);

/* What is to be written: parts that lie in memory of its own (front), in `records` and in the old file. */
struct disk_image {
    void *front;
    struct iovec *parts;
    unsigned count;
    size_t size; /* of all parts */
};

/* A new file of an old file's records that are sound, and behind them `records` (whole ones, packed one behind the other)
 * that are not the same.  False without memory. old may be NULL. */
bool disk_image_build(struct disk_image *image, const struct disk_key *key, const void *records, size_t records_size, const void *old,
                      size_t old_size);
void disk_image_free(struct disk_image *image);
/* The sound records of a file in memory, in order: *at is 0 at first. */
bool disk_file_walk(const void *base, size_t size, const struct disk_key *key, uint64_t *at, struct disk_unit *u);
/* The key a file says it has; false if it is none of ours. */
bool disk_file_identify(const void *base, size_t size, struct disk_key *key, uint32_t *units);
