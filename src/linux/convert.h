/* What differs between an Arm64 guest's and an x86-64 host's structures and flags. Arm64 uses the
 * kernel's generic structures, with four open flags of its own. */
#pragma once
#include "linux/hostcall.h"
#include "linux/process.h"
#include <fcntl.h>
#include <sys/stat.h>

#define ARM64_O_DIRECTORY 040000u
#define ARM64_O_NOFOLLOW  0100000u
#define ARM64_O_DIRECT    0200000u
#define ARM64_O_LARGEFILE 0400000u
#define ARM64_O_SPECIAL   (ARM64_O_DIRECTORY | ARM64_O_NOFOLLOW | ARM64_O_DIRECT | ARM64_O_LARGEFILE)
/* The host's: the C library says O_LARGEFILE is 0. */
#define HOST_O_LARGEFILE 0100000u
#define HOST_O_SPECIAL   (O_DIRECTORY | O_NOFOLLOW | O_DIRECT | HOST_O_LARGEFILE)

/* O_* of open, fcntl, pipe2. */
static inline uint64_t open_flags_to_host(const struct thread *t, uint64_t f)
{
    if (t->process->abi->kind != ABI_ARM64)
        return f;
    return (f & ~(uint64_t)ARM64_O_SPECIAL) | (f & ARM64_O_DIRECTORY ? O_DIRECTORY : 0) |
           (f & ARM64_O_NOFOLLOW ? O_NOFOLLOW : 0) | (f & ARM64_O_DIRECT ? O_DIRECT : 0) |
           (f & ARM64_O_LARGEFILE ? HOST_O_LARGEFILE : 0);
}

static inline uint64_t open_flags_from_host(uint64_t f)
{
    return (f & ~(uint64_t)HOST_O_SPECIAL) | (f & O_DIRECTORY ? ARM64_O_DIRECTORY : 0) |
           (f & O_NOFOLLOW ? ARM64_O_NOFOLLOW : 0) | (f & O_DIRECT ? ARM64_O_DIRECT : 0) |
           (f & HOST_O_LARGEFILE ? ARM64_O_LARGEFILE : 0);
}

static inline uint64_t open_flags_to_guest(const struct thread *t, uint64_t f)
{
    return t->process->abi->kind == ABI_ARM64 ? open_flags_from_host(f) : f;
}

/* struct stat of the generic 64-bit ABI. */
struct generic_stat {
    uint64_t dev, ino;
    uint32_t mode, nlink, uid, gid;
    uint64_t rdev, pad1;
    int64_t size;
    int32_t blksize, pad2;
    int64_t blocks;
    int64_t atime;
    uint64_t atime_nsec;
    int64_t mtime;
    uint64_t mtime_nsec;
    int64_t ctime;
    uint64_t ctime_nsec;
    uint32_t unused[2];
};
_Static_assert(sizeof(struct generic_stat) == 128, "the kernel's size");

static inline void stat_to_guest(struct generic_stat *g, const struct stat *s)
{
    *g = (struct generic_stat){
        .dev = s->st_dev,
        .ino = s->st_ino,
        .mode = s->st_mode,
        .nlink = (uint32_t)s->st_nlink,
        .uid = s->st_uid,
        .gid = s->st_gid,
        .rdev = s->st_rdev,
        .size = s->st_size,
        .blksize = (int32_t)s->st_blksize,
        .blocks = s->st_blocks,
        .atime = s->st_atim.tv_sec,
        .atime_nsec = (uint64_t)s->st_atim.tv_nsec,
        .mtime = s->st_mtim.tv_sec,
        .mtime_nsec = (uint64_t)s->st_mtim.tv_nsec,
        .ctime = s->st_ctim.tv_sec,
        .ctime_nsec = (uint64_t)s->st_ctim.tv_nsec,
    };
}

/* struct epoll_event: packed on x86-64 only. */
struct generic_epoll_event {
    uint32_t events, pad;
    uint64_t data;
};
