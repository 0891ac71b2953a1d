/* The directory of translations kept on disk: private to its owner, bounded, its files replaced and never changed. */
#pragma once
#include "engine/disk_file.h"
#include <sys/types.h>

#define DISK_STORE_DEFAULT (512ull << 20) /* bound in bytes */

/* Makes `dir` (and what leads there) if it is missing.  0; -EPERM if it is not ours alone: not owned by us, or others may
 * write there; else -errno. */
int disk_store_prepare(const char *dir);

/* The key's file mapped read-only; NULL if there is none that is ours.  Notes that it was used. *number: the file's. */
const void *disk_store_map(const char *dir, const struct disk_key *key, size_t *size, uint64_t *number);
/* The number of the file that is there now; 0: none. */
uint64_t disk_store_number(const char *dir, const struct disk_key *key);

/* Merges `records` (see disk_image_build) with what the key's file has by now, and puts the result in its place.  Any
 * failure leaves what was. */
enum disk_merged { DISK_MERGED_NOT, DISK_MERGED, DISK_MERGED_NEW /* there was no file before */ };
enum disk_merged disk_store_merge(const char *dir, const struct disk_key *key, const void *records, size_t size);

/* Removes the files used longest ago if the directory holds more than `limit` bytes, and what nobody finished writing. */
void disk_store_trim(const char *dir, uint64_t limit);

/* Calls fn for each file of translations; size in bytes, used: seconds since 1970.  -errno if the directory cannot be read. */
int disk_store_each(const char *dir, void (*fn)(void *ctx, int dirfd, const char *name, uint64_t size, int64_t used), void *ctx);

/* True if `name` is one of a file of translations, or of one that was being written. */
bool disk_store_is_name(const char *name);
