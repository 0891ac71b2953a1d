/* The guest's address space: what is mapped where, with which rights, as the guest believes, and
 * safe copies in and out.  Today guest addresses are host addresses.  The host mapping is never
 * executable: the guest's right to execute is kept here only. */
#pragma once
#include "support/base.h"
#include <sys/types.h>

#define MEMORY_PAGE 4096u
#define MEMORY_END  0x800000000000ull /* 47 bits */

struct memory_area {
    uint64_t start, end; /* page aligned */
    int prot;            /* the guest's PROT_* */
    int flags;           /* MAP_SHARED or MAP_PRIVATE, MAP_GROWSDOWN */
    uint64_t offset;     /* in the file */
    uint64_t dev, inode;
    uint64_t version;    /* of the file, see memory_file_version; 0: none */
    const char *name; /* path as the guest knows it, "[heap]", … or NULL; interned, never freed */
    uint64_t copied;     /* anonymous memory that a file was read into: memory_file_id of the file; 0: none */
    uint64_t copied_at;  /* the offset in that file, less the address */
};

/* The guest's address space ends at 4 GiB, less what Linux keeps from 32-bit programs; before any mapping. */
void memory_space_32bit(void);
/* Where it ends: MEMORY_END or there. */
uint64_t memory_space_end(void);
/* mmap and mremap of the host: what has no fixed address is placed where the guest can reach it.  -errno. */
int64_t memory_map(uint64_t addr, uint64_t size, int prot, int flags, int fd, uint64_t offset);
int64_t memory_remap(uint64_t old, uint64_t old_size, uint64_t new_size, int flags, uint64_t new_addr);

/* The record of areas.  Areas that touch and agree are merged as the kernel does; overlapped ones
 * are cut. */
void memory_note_map(const struct memory_area *area);
void memory_note_unmap(uint64_t start, uint64_t end);
void memory_note_protect(uint64_t start, uint64_t end, int prot);
/* Names the anonymous areas in [start, end) (prctl PR_SET_VMA); name interned or NULL. */
void memory_note_name(uint64_t start, uint64_t end, const char *name);
/* Anonymous, private memory from `start` on got bytes of a file, from `offset` on (page aligned; a hint: the bytes may be
 * others by now). */
void memory_note_copied(uint64_t start, uint64_t end, uint64_t file, uint64_t offset);
/* The first area that ends above addr; false if none. */
bool memory_area_at(uint64_t addr, struct memory_area *out);
/* True if every page of [start, end) is mapped with all of prot. Lock-free with respect to signals
 * is not promised: not for signal handlers. */
bool memory_allows(uint64_t start, uint64_t end, int prot);
/* True if any page of [start, end) is mapped executable. */
bool memory_any_exec(uint64_t start, uint64_t end);
const char *memory_intern(const char *name);
struct stat;
/* Which file, in which version. */
uint64_t memory_file_id(uint64_t dev, uint64_t inode, uint64_t version);
/* A number that is another when the file has been written to (as far as its size and time tell). */
uint64_t memory_file_version(const struct stat *st);
/* The next place, from *at on, where the bytes of the area at `page` lie (or may lie: private mappings of a file are
 * told too) a second time, because both map the same part of a file or of shared memory; *at is then the address after
 * it.  False: there is none.  Never `page` itself. */
bool memory_next_mirror(uint64_t page, uint64_t *at, uint64_t *mirror, int *prot);
/* True if any shared memory of the guest is writable; if the file that is mapped at addr is, somewhere. */
bool memory_shared_writable(void);
bool memory_file_writable(uint64_t addr);
/* Around fork. */
void memory_fork_prepare(void);
void memory_fork_done(bool child);

/* Guest memory to ours and back; false (and nothing promised about dst) if any byte cannot be read
 * or written. Async-signal-safe. */
bool memory_read(void *dst, uint64_t src, size_t n);
bool memory_write(uint64_t dst, const void *src, size_t n);
/* A NUL-terminated string of fewer than `size` bytes: its length, -1 fault, -2 too long. */
ssize_t memory_read_string(char *dst, uint64_t src, size_t size);
/* For guest_request.fetch: also asks the record for PROT_EXEC. */
bool memory_fetch(void *ctx, uint64_t addr, void *buf, size_t n);
/* A handler of SIGSEGV/SIGBUS calls this: true if the fault was in one of the copies above, which
 * then reports it. */
bool memory_fault_fixup(void *ucontext);
