/* Lays an ELF program and its interpreter out in memory, as fs/binfmt_elf.c does.
 *
 * Nothing becomes executable on the host: the right to execute is only recorded.
 * Position-independent programs go to PIE_BASE, far from the host's own mappings and from the low 4
 * GiB, with room above for brk; the interpreter goes where the host kernel places mappings.
 *
 * Limitation: no address space randomisation of the program itself. */
#include "program/program.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory/memory.h"

#define PIE_BASE   0x4000000000ull
#define PIE_BASE32 0x56555000ull

/* One ELF file being mapped. */
struct object {
    int fd;
    const char *name;
    struct stat st;
    Elf64_Ehdr eh;  /* of a 32-bit file too */
    Elf64_Phdr *ph;
    uint64_t low, high; /* of all PT_LOADs, whole pages, before the bias */
    uint64_t align;     /* largest p_align */
    uint64_t bias;
    char *why;
    size_t why_size;
};

static int refuse(const struct object *o, int error, const char *what)
{
    snprintf(o->why, o->why_size, "%s: %s", o->name, what);
    return error;
}

static bool read_exactly(int fd, void *buf, size_t n, uint64_t offset)
{
    size_t done = 0;

    if (offset > INT64_MAX - n)
        return false;
    while (done < n) {
        ssize_t got = pread(fd, (char *)buf + done, n - done, (off_t)(offset + done));

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        done += (size_t)got;
    }
    return true;
}

/* One PT_LOAD's numbers. */
static int check_segment(const struct object *o, const Elf64_Phdr *ph)
{
    if (ph->p_filesz > ph->p_memsz)
        return refuse(o, -EINVAL, "damaged ELF: a segment is larger in the file than in memory");
    if (ph->p_vaddr >= memory_space_end() || ph->p_memsz > memory_space_end() - ph->p_vaddr)
        return refuse(o, -EINVAL, "damaged ELF: a segment lies outside the address space");
    if ((ph->p_vaddr - ph->p_offset) % MEMORY_PAGE)
        return refuse(o, -EINVAL, "damaged ELF: a segment's address and offset do not agree");
    if (ph->p_filesz && (ph->p_offset > (uint64_t)o->st.st_size ||
                         ph->p_filesz > (uint64_t)o->st.st_size - ph->p_offset))
        return refuse(o, -ENOEXEC, "truncated ELF: shorter than its headers say");
    return 0;
}

/* The file header; a 32-bit one widened. */
static int read_file_header(struct object *o, unsigned class)
{
    Elf32_Ehdr small;

    if (!read_exactly(o->fd, &small, sizeof(small), 0))
        return refuse(o, -ENOEXEC, "truncated ELF: no room for its header");
    if (memcmp(small.e_ident, ELFMAG, SELFMAG) || small.e_ident[EI_CLASS] != class ||
        small.e_ident[EI_DATA] != ELFDATA2LSB)
        return refuse(o, -ENOEXEC, "not an ELF file for this architecture");
    if (class == ELFCLASS32)
        o->eh = (Elf64_Ehdr){.e_type = small.e_type,
                             .e_machine = small.e_machine,
                             .e_entry = small.e_entry,
                             .e_phoff = small.e_phoff,
                             .e_phentsize = small.e_phentsize,
                             .e_phnum = small.e_phnum};
    else if (!read_exactly(o->fd, &o->eh, sizeof(o->eh), 0))
        return refuse(o, -ENOEXEC, "truncated ELF: no room for its header");
    return 0;
}

/* Program header i. */
static bool read_segment(const struct object *o, unsigned i, Elf64_Phdr *ph)
{
    Elf32_Phdr small;

    if (o->eh.e_phentsize == sizeof(*ph))
        return read_exactly(o->fd, ph, sizeof(*ph), o->eh.e_phoff + (uint64_t)i * sizeof(*ph));
    if (!read_exactly(o->fd, &small, sizeof(small), o->eh.e_phoff + (uint64_t)i * sizeof(small)))
        return false;
    *ph = (Elf64_Phdr){small.p_type,  small.p_flags,  small.p_offset, small.p_vaddr,
                       small.p_paddr, small.p_filesz, small.p_memsz,  small.p_align};
    return true;
}

static int read_headers(struct object *o, unsigned machine)
{
    unsigned class = machine == EM_386 ? ELFCLASS32 : ELFCLASS64;
    size_t size = class == ELFCLASS32 ? sizeof(Elf32_Phdr) : sizeof(Elf64_Phdr);

    if (fstat(o->fd, &o->st) < 0)
        return refuse(o, -errno, "cannot be examined");
    int error = read_file_header(o, class);

    if (error)
        return error;
    if (o->eh.e_machine != machine)
        return refuse(o, -ENOEXEC, "not an ELF file for this architecture");
    if (o->eh.e_type != ET_EXEC && o->eh.e_type != ET_DYN)
        return refuse(o, -ENOEXEC, "an ELF file that is not a program");
    if (o->eh.e_phentsize != size || !o->eh.e_phnum || o->eh.e_phnum > 65536 / size)
        return refuse(o, -ENOEXEC, "damaged ELF: no program headers of the right size");
    o->ph = calloc(o->eh.e_phnum, sizeof(*o->ph));
    if (!o->ph)
        return refuse(o, -ENOMEM, "out of memory");
    for (unsigned i = 0; i < o->eh.e_phnum; i++)
        if (!read_segment(o, i, &o->ph[i]))
            return refuse(o, -ENOEXEC, "truncated ELF: no room for its program headers");
    o->low = UINT64_MAX;
    o->align = MEMORY_PAGE;
    for (unsigned i = 0; i < o->eh.e_phnum; i++) {
        const Elf64_Phdr *ph = &o->ph[i];

        if (ph->p_type != PT_LOAD)
            continue;
        if ((error = check_segment(o, ph)))
            return error;
        if (!ph->p_memsz)
            continue;
        uint64_t low = align_down(ph->p_vaddr, MEMORY_PAGE);
        uint64_t high = align_up(ph->p_vaddr + ph->p_memsz, MEMORY_PAGE);

        o->low = low < o->low ? low : o->low;
        o->high = high > o->high ? high : o->high;
        if (ph->p_align > o->align && !(ph->p_align & (ph->p_align - 1)) && ph->p_align <= 1u << 30)
            o->align = ph->p_align;
    }
    if (o->low == UINT64_MAX)
        return refuse(o, -ENOEXEC, "an ELF file with nothing to load");
    return 0;
}

static void *reserve_at(uint64_t addr, uint64_t size, int flags)
{
    int64_t at = memory_map(addr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | flags, -1, 0);

    if (at < 0) {
        errno = (int)-at;
        return MAP_FAILED;
    }
    if ((flags & MAP_FIXED_NOREPLACE) && (uint64_t)at != addr) {
        munmap((void *)at, size);
        errno = EEXIST;
        return MAP_FAILED;
    }
    return (void *)at;
}

/* Reserves room anywhere the host likes, aligned. */
static uint64_t reserve_aligned(uint64_t size, uint64_t align)
{
    uint64_t room = size + align - MEMORY_PAGE;
    void *p = reserve_at(0, room, 0);

    if (p == MAP_FAILED)
        return 0;
    uint64_t start = (uint64_t)p, addr = align_up(start, align);

    if (addr > start)
        munmap(p, addr - start);
    if (start + room > addr + size)
        munmap((void *)(addr + size), start + room - addr - size);
    return addr;
}

/* Takes the address range for the whole object and sets its bias. */
static int place(struct object *o, bool is_program)
{
    uint64_t size = o->high - o->low;

    if (o->eh.e_type == ET_EXEC) {
        if (reserve_at(o->low, size, MAP_FIXED_NOREPLACE) == MAP_FAILED)
            return refuse(o, errno == EPERM ? -EPERM : -ENOMEM,
                          "its fixed addresses are not free on this host");
        return 0;
    }
    uint64_t base = memory_space_end() < MEMORY_END ? align_up(PIE_BASE32, o->align) : PIE_BASE;
    uint64_t start = base + (o->low & (o->align - 1));

    if (!is_program || reserve_at(start, size, MAP_FIXED_NOREPLACE) == MAP_FAILED)
        start = reserve_aligned(size, o->align);
    if (!start)
        return refuse(o, -ENOMEM, "no room for it in the address space");
    o->bias = start - o->low;
    return 0;
}

static int host_prot(uint32_t flags)
{
    /* Execute-only code is readable on processors without EPAN. */
    return (flags & (PF_R | PF_X) ? PROT_READ : 0) | (flags & PF_W ? PROT_WRITE : 0);
}

static int guest_prot(uint32_t flags)
{
    return (flags & PF_R ? PROT_READ : 0) | (flags & PF_W ? PROT_WRITE : 0) |
           (flags & PF_X ? PROT_EXEC : 0);
}

static void note(const struct object *o, const Elf64_Phdr *ph, uint64_t start, uint64_t end,
                 bool file)
{
    struct memory_area area = {
        .start = start, .end = end, .prot = guest_prot(ph->p_flags), .flags = MAP_PRIVATE};

    if (file) {
        area.offset = align_down(ph->p_offset, MEMORY_PAGE);
        area.dev = o->st.st_dev;
        area.inode = o->st.st_ino;
        area.version = memory_file_version(&o->st);
        area.name = memory_intern(o->name);
    }
    memory_note_map(&area);
}

/* Maps one PT_LOAD: the file's part, the zeroed rest of its last page, and whole zero pages. */
static int map_segment(const struct object *o, const Elf64_Phdr *ph)
{
    uint64_t start = align_down(ph->p_vaddr + o->bias, MEMORY_PAGE);
    uint64_t file_end = ph->p_vaddr + o->bias + ph->p_filesz;
    uint64_t file_pages = ph->p_filesz ? align_up(file_end, MEMORY_PAGE) : start;
    uint64_t end = align_up(ph->p_vaddr + o->bias + ph->p_memsz, MEMORY_PAGE);
    int prot = host_prot(ph->p_flags);

    if (file_pages > start) {
        if (mmap((void *)start, file_pages - start, prot, MAP_PRIVATE | MAP_FIXED, o->fd,
                 (off_t)align_down(ph->p_offset, MEMORY_PAGE)) == MAP_FAILED)
            return refuse(o, -errno, "cannot be mapped");
        note(o, ph, start, file_pages, true);
        if (ph->p_memsz > ph->p_filesz && (ph->p_flags & PF_W) && file_pages > file_end)
            memset((void *)file_end, 0, file_pages - file_end);
    }
    if (end > file_pages) {
        if (mmap((void *)file_pages, end - file_pages, prot,
                 MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
            return refuse(o, -errno, "no memory for its zeroed data");
        note(o, ph, file_pages, end, false);
    }
    return 0;
}

/* Gives back the parts of the reservation that no segment covers. */
static void release_gaps(const struct object *o)
{
    uint64_t addr = o->low + o->bias, end = o->high + o->bias;

    while (addr < end) {
        struct memory_area area;
        bool any = memory_area_at(addr, &area) && area.start < end;

        if (!any || area.start > addr)
            munmap((void *)addr, (any ? area.start : end) - addr);
        addr = any ? area.end : end;
    }
}

static void unmap_object(const struct object *o)
{
    munmap((void *)(o->low + o->bias), o->high - o->low);
    memory_note_unmap(o->low + o->bias, o->high + o->bias);
}

static int map_object(struct object *o, bool is_program)
{
    int error = place(o, is_program);

    if (error)
        return error;
    for (unsigned i = 0; !error && i < o->eh.e_phnum; i++)
        if (o->ph[i].p_type == PT_LOAD && o->ph[i].p_memsz)
            error = map_segment(o, &o->ph[i]);
    if (error)
        unmap_object(o);
    else
        release_gaps(o);
    return error;
}

/* Where the program headers ended up: AT_PHDR. */
static uint64_t find_phdr(const struct object *o)
{
    for (unsigned i = 0; i < o->eh.e_phnum; i++) {
        const Elf64_Phdr *ph = &o->ph[i];

        if (ph->p_type == PT_LOAD && ph->p_offset <= o->eh.e_phoff &&
            o->eh.e_phoff < ph->p_offset + ph->p_filesz)
            return o->eh.e_phoff - ph->p_offset + ph->p_vaddr + o->bias;
    }
    return 0;
}

static void describe_image(const struct object *o, struct program_image *image)
{
    image->bias = o->bias;
    image->entry = image->start = o->eh.e_entry + o->bias;
    image->phdr = find_phdr(o);
    image->phnum = o->eh.e_phnum;
    image->phent = o->eh.e_phentsize;
    image->brk = o->high + o->bias;
    image->code_start = image->data_start = UINT64_MAX;
    image->stack_exec = false;
    for (unsigned i = 0; i < o->eh.e_phnum; i++) {
        const Elf64_Phdr *ph = &o->ph[i];
        uint64_t start = ph->p_vaddr + o->bias, end = start + ph->p_filesz;

        if (ph->p_type == PT_GNU_STACK)
            image->stack_exec = ph->p_flags & PF_X;
        if (ph->p_type != PT_LOAD)
            continue;
        uint64_t *first = ph->p_flags & PF_X ? &image->code_start : &image->data_start;
        uint64_t *last = ph->p_flags & PF_X ? &image->code_end : &image->data_end;

        *first = start < *first ? start : *first;
        *last = end > *last ? end : *last;
    }
    if (image->code_start == UINT64_MAX)
        image->code_start = image->code_end = o->low + o->bias;
    if (image->data_start == UINT64_MAX)
        image->data_start = image->data_end = image->code_end;
}

static int load_interp(const struct program_loader *l, const char *path,
                       struct program_image *image, char *why, size_t why_size)
{
    struct object o = {.name = path, .why = why, .why_size = why_size};
    int error;

    o.fd = l->open_interp(l->ctx, path);
    if (o.fd < 0) {
        snprintf(why, why_size, "%s: needs the interpreter %s: %s", l->name, path, strerror(-o.fd));
        return o.fd;
    }
    error = read_headers(&o, l->machine);
    if (error)
        error = -ELIBBAD;
    else
        error = map_object(&o, false);
    if (!error) {
        image->interp_base = o.bias;
        image->start = o.eh.e_entry + o.bias;
    }
    free(o.ph);
    close(o.fd);
    return error;
}

int program_load(const struct program_loader *l, int fd, struct program_image *image, char *why,
                 size_t why_size)
{
    struct object o = {.fd = fd, .name = l->name, .why = why, .why_size = why_size};
    struct program_info info;
    int error;

    memset(image, 0, sizeof(*image));
    program_recognise(fd, &info);
    error = read_headers(&o, l->machine);
    if (!error && info.error != PROGRAM_OK) {
        char what[256];

        program_describe(&info, what, sizeof(what));
        error = refuse(&o, -ENOEXEC, what);
    }
    if (!error)
        error = map_object(&o, true);
    if (!error) {
        describe_image(&o, image);
        if (info.interp[0])
            error = load_interp(l, info.interp, image, why, why_size);
        if (error)
            unmap_object(&o);
    }
    free(o.ph);
    return error;
}
