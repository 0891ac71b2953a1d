/* mmap and its family (mm/mmap.c, mm/mremap.c of the kernel, whose error codes these are).
 *
 * The host's kernel maps, at the address the guest sees; the record of areas follows, both under
 * one lock (memory/guard.h). What is to change loses its protection as code first. What differs from passing through: nothing becomes executable on the host; changes of
 * executable bytes are told to the engine; and Demotic's own memory, which lies in the same address
 * space, must not be touched by a guest that maps, unmaps or advises over it.  Own memory is what
 * the host has mapped and the record has not:
 *   - a fixed mapping first takes the holes of the record in its range with MAP_FIXED_NOREPLACE,
 * and fails with ENOMEM if that fails;
 *   - munmap, mprotect, madvise and mremap touch only what is in the record.
 *
 * Limitation: mlockall locks what is mapped and what mmap maps later, not memory that brk adds. */
#include "linux/mapping.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "engine/engine.h"
#include "linux/hostcall.h"
#include "linux/path.h"
#include "linux/process.h"
#include "linux/syscall.h"
#include "linux/sysrow.h"
#include "memory/guard.h"

#ifndef PROT_SEM
#define PROT_SEM 0x8
#endif
#define PROT_KNOWN (PROT_READ | PROT_WRITE | PROT_EXEC)
#define GROWS      (PROT_GROWSDOWN | PROT_GROWSUP)

static uint64_t brk_start, brk_now;
static int lock_future; /* MAP_LOCKED after mlockall(MCL_FUTURE) */

void mapping_fork_prepare(void)
{
    memory_layout_lock();
}
void mapping_fork_done(bool child)
{
    if (child)
        lock_future = 0; /* locks are not inherited */
    memory_layout_unlock();
}

static uint64_t pages(uint64_t size)
{
    return align_up(size, MEMORY_PAGE);
}

/* True if [start, start + size) lies in the guest's address space. */
static bool in_space(uint64_t start, uint64_t size)
{
    return size <= memory_space_end() && start <= memory_space_end() - size;
}

/* What the host is to allow for the guest's rights. */
static int host_prot(int prot)
{
    if (prot & PROT_EXEC) /* execute-only code is readable on processors without EPAN */
        prot |= PROT_READ;
    return prot & (PROT_READ | PROT_WRITE);
}

/* What the guest asks for, with READ_IMPLIES_EXEC. */
static int effective_prot(const struct thread *t, int prot)
{
    if ((prot & PROT_READ) && (t->process->personality & READ_IMPLIES_EXEC))
        prot |= PROT_EXEC;
    return prot & PROT_KNOWN;
}

/* After a change to [start, end) that had executable bytes: their translations go. After, so that
 * no other thread translates the old bytes anew in between. */
static void forget_code(struct thread *t, bool had_code, uint64_t start, uint64_t end)
{
    if (had_code)
        engine_invalidate(t->process->engine, start, end - start);
}

/* Calls fn for each piece of [start, end) that the record has. */
static int64_t each_piece(uint64_t start, uint64_t end,
                          int64_t (*fn)(uint64_t start, uint64_t end, uint64_t arg), uint64_t arg)
{
    struct memory_area area;

    while (start < end && memory_area_at(start, &area) && area.start < end) {
        uint64_t from = area.start > start ? area.start : start;
        uint64_t to = area.end < end ? area.end : end;
        int64_t ret = fn(from, to, arg);

        if (ret)
            return ret;
        start = to;
    }
    return 0;
}

/* True if the record covers all of [start, end). */
static bool covered(uint64_t start, uint64_t end)
{
    return memory_allows(start, end, 0);
}

static int64_t piece_unmap(uint64_t start, uint64_t end, uint64_t arg)
{
    return host(munmap, start, end - start);
}

static int64_t unmap_range(struct thread *t, uint64_t start, uint64_t end)
{
    bool code = memory_any_exec(start, end);

    engine_lift_guards(t->process->engine, start, end - start);
    int64_t ret = each_piece(start, end, piece_unmap, 0);

    memory_note_unmap(start, end);
    forget_code(t, code, start, end);
    return ret;
}

/* Takes [start, end) on the host where the record has nothing there; false if Demotic's own memory
 * is in the way (what was taken is given back). */
static bool claim_holes(uint64_t start, uint64_t end)
{
    uint64_t at = start;
    struct memory_area area;

    while (at < end) {
        bool any = memory_area_at(at, &area) && area.start < end;
        uint64_t hole_end = any ? area.start : end;

        if (hole_end > at) {
            int64_t ret =
                host(mmap, at, hole_end - at, PROT_NONE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);

            if (ret != (int64_t)at)
                break;
        }
        at = any ? area.end : end;
    }
    if (at >= end)
        return true;
    for (uint64_t undo = start; undo < at;) {
        bool any = memory_area_at(undo, &area) && area.start < at;
        uint64_t hole_end = any ? area.start : at;

        if (hole_end > undo)
            host(munmap, undo, hole_end - undo);
        undo = any ? area.end : at;
    }
    return false;
}

/* Gives back the holes taken by claim_holes when the mapping failed. */
static void release_holes(uint64_t start, uint64_t end)
{
    struct memory_area area;

    while (start < end) {
        bool any = memory_area_at(start, &area) && area.start < end;
        uint64_t hole_end = any ? area.start : end;

        if (hole_end > start)
            host(munmap, start, hole_end - start);
        start = any ? area.end : end;
    }
}

/* The path a descriptor was opened by, as the guest knows it. */
static const char *name_of(int fd)
{
    char link[32], path[PATH_MAX], guest[PATH_MAX];

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    int64_t n = host(readlinkat, AT_FDCWD, link, path, sizeof(path) - 1);

    if (n <= 0)
        return NULL;
    path[n] = 0;
    path_to_guest(path, guest);
    return memory_intern(guest);
}

static void note_map(uint64_t start, uint64_t size, int prot, int flags, int fd, uint64_t offset)
{
    struct memory_area area = {
        .start = start,
        .end = start + size,
        .prot = prot,
        .flags = (flags & MAP_TYPE) == MAP_PRIVATE ? MAP_PRIVATE : MAP_SHARED,
    };
    struct stat st;

    area.flags |= flags & MAP_GROWSDOWN;
    if ((flags & MAP_ANONYMOUS) && area.flags == MAP_SHARED) {
        /* A file of its own, as in the kernel: it can be mapped once more (mremap of size 0). */
        static uint64_t last;

        area.dev = makedev(0, 1);
        area.inode = ++last;
        area.name = memory_intern("/dev/zero (deleted)");
    }
    if (!(flags & MAP_ANONYMOUS) && !fstat(fd, &st)) {
        area.offset = offset;
        area.dev = st.st_dev;
        area.inode = st.st_ino;
        area.version = memory_file_version(&st);
        area.name = name_of(fd);
    }
    memory_note_map(&area);
}

static int64_t map(struct thread *t, uint64_t addr, uint64_t size, int prot, int flags, int fd,
                   uint64_t offset)
{
    bool fixed = flags & (MAP_FIXED | MAP_FIXED_NOREPLACE);

    if (fixed && !(flags & MAP_FIXED_NOREPLACE)) {
        if (!claim_holes(addr, addr + size))
            return -ENOMEM;
    }
    if (!fixed && addr && !in_space(align_down(addr, MEMORY_PAGE), size))
        addr = 0;
    if (fixed)
        engine_lift_guards(t->process->engine, addr, size);
    int64_t ret = memory_map(addr, size, host_prot(prot), flags | lock_future, fd, offset);

    if (ret < 0 && ret > -4096) {
        if (fixed && !(flags & MAP_FIXED_NOREPLACE))
            release_holes(addr, addr + size);
        return ret;
    }
    bool code = memory_any_exec((uint64_t)ret, (uint64_t)ret + size);

    note_map((uint64_t)ret, size, prot, flags, fd, offset);
    forget_code(t, code, (uint64_t)ret, (uint64_t)ret + size);
    if ((prot & PROT_WRITE) && (flags & MAP_TYPE) != MAP_PRIVATE)
        engine_now_writable(t->process->engine, (uint64_t)ret, size);
    return ret;
}

static int64_t mmap_checked(struct thread *t, const uint64_t a[6])
{
    uint64_t addr = a[0], size = pages(a[1]), offset = a[5];
    int flags = (int)a[3], fd = (int)a[4];
    int prot = effective_prot(t, (int)a[2]);

    if (offset % MEMORY_PAGE)
        return -EINVAL;
    if (!(flags & MAP_ANONYMOUS)) {
        int64_t ok = host(fcntl, fd, F_GETFD);

        if (ok < 0)
            return ok;
    }
    if (!a[1])
        return -EINVAL;
    if (!size || size > memory_space_end())
        return -ENOMEM;
    flags &= ~(MAP_DENYWRITE | MAP_EXECUTABLE);
    if (t->process->abi->kind != ABI_X86_64)
        flags &= ~MAP_32BIT;
    if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
        if (addr % MEMORY_PAGE)
            return -EINVAL;
        if (!in_space(addr, size))
            return -ENOMEM;
    }
    memory_layout_lock();
    int64_t ret = map(t, addr, size, prot, flags, fd, offset);

    memory_layout_unlock();
    return ret;
}

int64_t sys_mmap(struct thread *t, const uint64_t a[6])
{
    uint32_t packed[6]; /* i386's oldest form has them in memory */
    uint64_t args[6];

    if (!t->process->abi->bits32)
        return mmap_checked(t, a);
    if (!memory_read(packed, a[0], sizeof(packed)))
        return -EFAULT;
    for (unsigned i = 0; i < 6; i++)
        args[i] = packed[i];
    return mmap_checked(t, args);
}

/* i386: the offset in pages. */
int64_t sys_mmap2(struct thread *t, const uint64_t a[6])
{
    const uint64_t args[6] = {a[0], a[1], a[2], a[3], a[4], a[5] * MEMORY_PAGE};

    return mmap_checked(t, args);
}

/* Programs that are not page aligned in their files are read into fresh memory as a whole: what is translated of them
 * can be found again.  Others read into buffers, in smaller pieces or into the middle. */
#define WHOLE_SECTION 65536

int64_t sys_pread64(struct thread *t, const uint64_t a[6])
{
    int64_t ret = sys_row_wait(t, a[0], a[1], a[2], a[3], a[4], 0);
    uint64_t offset = t->process->abi->bits32 ? (uint32_t)a[3] | a[4] << 32 : a[3];
    struct memory_area area;
    struct stat st;

    if (ret >= WHOLE_SECTION && a[1] % MEMORY_PAGE == 0 && memory_area_at(a[1], &area) && area.start == a[1] && !area.inode &&
        !fstat((int)a[0], &st) && S_ISREG(st.st_mode))
        memory_note_copied(a[1], align_up(a[1] + (uint64_t)ret, MEMORY_PAGE),
                           memory_file_id(st.st_dev, st.st_ino, memory_file_version(&st)), offset);
    return ret;
}

int64_t sys_munmap(struct thread *t, const uint64_t a[6])
{
    uint64_t start = a[0], size = pages(a[1]);

    if (start % MEMORY_PAGE || !a[1] || !size || !in_space(start, size))
        return -EINVAL;
    memory_layout_lock();
    int64_t ret = unmap_range(t, start, start + size);

    memory_layout_unlock();
    return ret;
}

static int64_t piece_protect(uint64_t start, uint64_t end, uint64_t prot)
{
    int64_t ret = host(mprotect, start, end - start, host_prot((int)prot));

    if (!ret)
        memory_note_protect(start, end, (int)prot);
    return ret;
}

/* The prefix of [start, end) before the first hole. */
static uint64_t covered_end(uint64_t start, uint64_t end)
{
    struct memory_area area;

    while (start < end && memory_area_at(start, &area) && area.start <= start)
        start = area.end;
    return start < end ? start : end;
}

/* Where a change with PROT_GROWSDOWN begins: at the beginning of a stack, or 0. The first stack does not
 * grow, because it is all there. */
static uint64_t stack_start(uint64_t addr)
{
    struct memory_area area;

    if (!memory_area_at(addr, &area) || area.start > addr)
        return 0;
    bool stack = (area.flags & MAP_GROWSDOWN) || area.name == memory_intern("[stack]");

    return stack ? area.start : 0;
}

int64_t sys_mprotect(struct thread *t, const uint64_t a[6])
{
    uint64_t start = a[0], size = pages(a[1]);
    int prot = (int)a[2];

    if ((prot & GROWS) == GROWS || start % MEMORY_PAGE)
        return -EINVAL;
    if (!a[1])
        return 0;
    if (!size || start + size < start)
        return -ENOMEM;
    if (prot & ~(PROT_KNOWN | PROT_SEM | GROWS))
        return -EINVAL;
    if (!in_space(start, size))
        return -ENOMEM;
    if (prot & GROWS) {
        uint64_t from = prot & PROT_GROWSDOWN ? stack_start(start) : 0;

        if (!from)
            return -EINVAL;
        size += start - from;
        start = from;
    }
    prot = effective_prot(t, prot);
    memory_layout_lock();
    uint64_t end = covered_end(start, start + size);
    bool code = !(prot & PROT_EXEC) && memory_any_exec(start, end);
    int64_t ret = 0;

    engine_lift_guards(t->process->engine, start, end - start);
    if (code) /* a JIT that is going to add to it */
        engine_set_aside(t->process->engine, start, end - start);
    if (end > start)
        ret = each_piece(start, end, piece_protect, (uint64_t)prot);
    forget_code(t, code, start, end);
    if (prot & PROT_WRITE)
        engine_now_writable(t->process->engine, start, end - start);
    memory_layout_unlock();
    return ret ? ret : end < start + size ? -ENOMEM : 0;
}

/* Notes that what was at [old, old + old_size) is now at [new, new + new_size). */
static void note_move(struct thread *t, const struct memory_area *area, uint64_t old,
                      uint64_t old_size, uint64_t new, uint64_t new_size, bool keep)
{
    struct memory_area moved = *area;

    if (area->inode || (area->flags & MAP_SHARED))
        moved.offset += old - area->start;
    moved.start = new;
    moved.end = new + new_size;
    if (!keep)
        memory_note_unmap(old, old + old_size);
    memory_note_map(&moved);
    if ((moved.prot & PROT_EXEC) && new != old)
        engine_invalidate(t->process->engine, old, old_size);
}

static int64_t remap(struct thread *t, uint64_t old, uint64_t old_size, uint64_t new_size,
                     int flags, uint64_t new)
{
    struct memory_area area;

    if (!memory_area_at(old, &area) || area.start > old)
        return -EFAULT;
    if (flags & MREMAP_FIXED) {
        /* The kernel wants one area here; the target's old contents go, our own memory must not. */
        if (old_size && !covered(old, old + old_size))
            return -EFAULT;
        if (!claim_holes(new, new + new_size))
            return -ENOMEM;
    } else if (new_size < old_size) {
        /* The tail is unmapped whatever it is made of. */
        if (!covered(old, old + new_size))
            return -EFAULT;
        unmap_range(t, old + new_size, old + old_size);
        return (int64_t)old;
    } else if (old_size > area.end - old) {
        return -EFAULT;
    }
    engine_lift_guards(t->process->engine, old, old_size); /* they would cut the mapping in pieces */
    if (flags & MREMAP_FIXED)
        engine_lift_guards(t->process->engine, new, new_size);
    int64_t ret = memory_remap(old, old_size, new_size, flags, new);

    if (ret < 0 && ret > -4096) {
        if (flags & MREMAP_FIXED)
            release_holes(new, new + new_size);
        return ret;
    }
    bool code = memory_any_exec((uint64_t)ret, (uint64_t)ret + new_size);

    note_move(t, &area, old, old_size, (uint64_t)ret, new_size,
              !old_size || ((flags & MREMAP_DONTUNMAP) && (uint64_t)ret != old));
    forget_code(t, code, (uint64_t)ret, (uint64_t)ret + new_size);
    if (area.prot & PROT_WRITE)
        engine_now_writable(t->process->engine, (uint64_t)ret, new_size);
    return ret;
}

int64_t sys_mremap(struct thread *t, const uint64_t a[6])
{
    uint64_t old = a[0], old_size = pages(a[1]), new_size = pages(a[2]), new = a[4];
    int flags = (int)a[3];

    if (flags & ~(MREMAP_FIXED | MREMAP_MAYMOVE | MREMAP_DONTUNMAP))
        return -EINVAL;
    if ((flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) && !(flags & MREMAP_MAYMOVE))
        return -EINVAL;
    if ((flags & MREMAP_DONTUNMAP) && old_size != new_size)
        return -EINVAL;
    if (old % MEMORY_PAGE || !new_size)
        return -EINVAL;
    if (!in_space(old, old_size))
        return -EFAULT;
    if (new_size > memory_space_end())
        return flags & MREMAP_FIXED ? -EINVAL : -ENOMEM;
    if (flags & MREMAP_FIXED) {
        if (new % MEMORY_PAGE || !in_space(new, new_size))
            return -EINVAL;
        if (new < old + old_size && old < new + new_size)
            return -EINVAL;
    }
    memory_layout_lock();
    int64_t ret = remap(t, old, old_size, new_size, flags, new);

    memory_layout_unlock();
    return ret;
}

static int64_t piece_advise(uint64_t start, uint64_t end, uint64_t advice)
{
    return host(madvise, start, end - start, (int)advice);
}

int64_t sys_madvise(struct thread *t, const uint64_t a[6])
{
    uint64_t start = a[0], size = pages(a[1]);
    int advice = (int)a[2];

    if (start % MEMORY_PAGE || (a[1] && !size) || start + size < start)
        return -EINVAL;
    if (!size) /* the kernel still checks the advice */
        return host(madvise, 0, 0, advice);
    if (!in_space(start, size))
        return -ENOMEM;
    memory_layout_lock();
    bool code = (advice == MADV_DONTNEED || advice == MADV_REMOVE || advice == MADV_FREE) &&
                memory_any_exec(start, start + size);
    int64_t ret = each_piece(start, start + size, piece_advise, (uint64_t)advice);

    if (!ret && !covered(start, start + size))
        ret = -ENOMEM;
    forget_code(t, code, start, start + size);
    memory_layout_unlock();
    return ret;
}

static int64_t piece_lock(uint64_t start, uint64_t end, uint64_t flags)
{
    int64_t ret = host(mlock2, start, end - start, flags);

    /* Pages that cannot be touched count as locked. */
    return ret == -ENOMEM && !memory_allows(start, end, PROT_READ) ? 0 : ret;
}

static int64_t piece_unlock(uint64_t start, uint64_t end, uint64_t arg)
{
    return host(munlock, start, end - start);
}

/* Passed through it would lock Demotic's code cache, and fail for its size. */
int64_t sys_mlockall(struct thread *t, const uint64_t a[6])
{
    int flags = (int)a[0];
    int64_t ret = 0;

    if (!flags || (flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) || flags == MCL_ONFAULT)
        return -EINVAL;
    memory_layout_lock();
    if (flags & MCL_CURRENT)
        ret = each_piece(0, memory_space_end(), piece_lock, flags & MCL_ONFAULT ? MLOCK_ONFAULT : 0);
    if (!ret)
        lock_future = flags & MCL_FUTURE ? MAP_LOCKED : 0;
    memory_layout_unlock();
    return ret;
}

int64_t sys_munlockall(struct thread *t, const uint64_t a[6])
{
    memory_layout_lock();
    lock_future = 0;
    int64_t ret = each_piece(0, memory_space_end(), piece_unlock, 0);

    memory_layout_unlock();
    return ret;
}

void mapping_set_brk(uint64_t start)
{
    brk_start = brk_now = pages(start);
}

/* Grows or shrinks the heap; keeps the old end when that fails, as the kernel does. */
static void change_brk(struct thread *t, uint64_t end)
{
    uint64_t from = pages(brk_now), to = pages(end);

    if (to > from) {
        struct memory_area area = {.start = from,
                                   .end = to,
                                   .prot = effective_prot(t, PROT_READ | PROT_WRITE),
                                   .flags = MAP_PRIVATE,
                                   .name = memory_intern("[heap]")};

        if (host(mmap, from, to - from, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != (int64_t)from)
            return;
        memory_note_map(&area);
    } else if (to < from) {
        unmap_range(t, to, from);
    }
    brk_now = end;
}

int64_t sys_brk(struct thread *t, const uint64_t a[6])
{
    memory_layout_lock();
    if (a[0] >= brk_start && a[0] < memory_space_end())
        change_brk(t, a[0]);
    int64_t ret = (int64_t)brk_now;

    memory_layout_unlock();
    return ret;
}
