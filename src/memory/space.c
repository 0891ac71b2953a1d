/* How large the guest's address space is, and mappings that the host places in it.
 *
 * A 32-bit guest's memory lies below 4 GiB, at the same addresses on the host.  For a mapping without an address the host's
 * kernel is asked by its 32-bit entry, which looks there and nowhere else, as it does for 32-bit programs of its own. */
#include "memory/memory.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "support/hostcall32.h"

#define END32   0xffffe000ull
#define NR_MMAP2  192 /* i386's */
#define NR_MREMAP 163

static uint64_t end = MEMORY_END;

void memory_space_32bit(void)
{
    end = END32;
}

uint64_t memory_space_end(void)
{
    return end;
}

int64_t memory_map(uint64_t addr, uint64_t size, int prot, int flags, int fd, uint64_t offset)
{
    if (end == MEMORY_END || (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE))) {
        void *p = mmap((void *)addr, size, prot, flags, fd, (off_t)offset);

        return p == MAP_FAILED ? -errno : (int64_t)p;
    }
    if (size >= END32)
        return -ENOMEM;
    if (offset / MEMORY_PAGE > UINT32_MAX)
        return -EOVERFLOW;
    int64_t ret = host_call32(NR_MMAP2, addr, size, (uint64_t)prot, (uint64_t)flags, (uint64_t)fd, offset / MEMORY_PAGE);

    return ret < 0 && ret > -4096 ? ret : (int64_t)(uint32_t)ret;
}

int64_t memory_remap(uint64_t old, uint64_t old_size, uint64_t new_size, int flags, uint64_t new)
{
    if (end == MEMORY_END) {
        int64_t at = syscall(SYS_mremap, old, old_size, new_size, flags, new);

        return at == -1 ? -errno : at;
    }
    int64_t ret = host_call32(NR_MREMAP, old, old_size, new_size, (uint64_t)flags, new, 0);

    return ret < 0 && ret > -4096 ? ret : (int64_t)(uint32_t)ret;
}
