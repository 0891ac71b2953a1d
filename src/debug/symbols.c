/* Which function an address lies in.  The record of mappings tells the file, /proc/self/maps its name (guest addresses are
 * host addresses), and its .symtab, or .dynsym where that was stripped, the function.  Files are untrusted: every offset is checked against
 * the file's size.  64-bit little-endian ELF only; anything else has no symbols. */
#include "debug/symbols.h"
#include "memory/memory.h"
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct symbol {
    uint64_t start, end; /* as linked */
    const char *name;    /* in the file's mapping */
};

struct object {
    struct object *next;
    uint64_t dev, inode;
    char path[512];       /* the host's, or "" if unknown */
    const uint8_t *bytes; /* mapped, never unmapped: names point into it */
    size_t size;
    struct symbol *symbols; /* by start */
    size_t count;
};

static struct object *objects;

/* [offset, offset + size) of the file, or NULL. */
static const void *part(const struct object *o, uint64_t offset, uint64_t size)
{
    return offset <= o->size && size <= o->size - offset ? o->bytes + offset : NULL;
}

static int compare(const void *a, const void *b)
{
    const struct symbol *x = a, *y = b;
    return (x->start > y->start) - (x->start < y->start);
}

static void read_table(struct object *o, const Elf64_Shdr *table, const Elf64_Shdr *strings)
{
    size_t count = table->sh_size / sizeof(Elf64_Sym);
    const char *names = part(o, strings->sh_offset, strings->sh_size);
    const Elf64_Sym *sym = part(o, table->sh_offset, table->sh_size);
    if (!names || !sym || !strings->sh_size || names[strings->sh_size - 1] != '\0')
        return;
    o->symbols = calloc(count + 1, sizeof *o->symbols);
    for (size_t i = 0; o->symbols && i < count; i++) {
        unsigned type = ELF64_ST_TYPE(sym[i].st_info);
        if ((type != STT_FUNC && type != STT_GNU_IFUNC) || sym[i].st_shndx == SHN_UNDEF || sym[i].st_name >= strings->sh_size)
            continue;
        uint64_t size = sym[i].st_size ? sym[i].st_size : 4;
        o->symbols[o->count++] = (struct symbol){sym[i].st_value, sym[i].st_value + size, names + sym[i].st_name};
    }
    if (o->symbols)
        qsort(o->symbols, o->count, sizeof *o->symbols, compare);
}

static void read_symbols(struct object *o)
{
    const Elf64_Ehdr *eh = part(o, 0, sizeof *eh);
    if (!eh || memcmp(eh->e_ident, ELFMAG, SELFMAG) != 0 || eh->e_ident[EI_CLASS] != ELFCLASS64 ||
        eh->e_ident[EI_DATA] != ELFDATA2LSB || eh->e_shentsize != sizeof(Elf64_Shdr))
        return;
    const Elf64_Shdr *sh = part(o, eh->e_shoff, (uint64_t)eh->e_shnum * sizeof *sh);
    for (uint32_t wanted = SHT_SYMTAB;; wanted = SHT_DYNSYM) {
        for (unsigned i = 0; sh && i < eh->e_shnum && !o->symbols; i++)
            if (sh[i].sh_type == wanted && sh[i].sh_link < eh->e_shnum)
                read_table(o, &sh[i], &sh[sh[i].sh_link]);
        if (o->symbols || wanted == SHT_DYNSYM)
            return;
    }
}

/* The host's name of the file mapped at address; "" if there is none. */
static void path_at(uint64_t address, char path[512])
{
    char line[1024];
    unsigned long long start, end;
    FILE *maps = fopen("/proc/self/maps", "re");
    path[0] = '\0';
    while (maps && fgets(line, sizeof line, maps)) {
        int n = sscanf(line, "%llx-%llx %*s %*s %*s %*s %511[^\n]", &start, &end, path);
        if (n == 3 && address >= start && address < end && path[0] == '/')
            break;
        path[0] = '\0';
    }
    if (maps)
        fclose(maps);
}

static struct object *object_of(const struct memory_area *area, uint64_t address)
{
    struct object *o = objects;
    while (o && (o->dev != area->dev || o->inode != area->inode))
        o = o->next;
    if (o || !(o = calloc(1, sizeof *o)))
        return o;
    o->dev = area->dev;
    o->inode = area->inode;
    path_at(address, o->path);
    o->next = objects;
    objects = o;
    struct stat st;
    int fd = o->path[0] ? open(o->path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
        void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p != MAP_FAILED) {
            o->bytes = p;
            o->size = (size_t)st.st_size;
            read_symbols(o);
        }
    }
    if (fd >= 0)
        close(fd);
    return o;
}

/* As linked, of a byte at `offset` in the file. */
static uint64_t linked_address(const struct object *o, uint64_t offset)
{
    const Elf64_Ehdr *eh = part(o, 0, sizeof *eh);
    const Elf64_Phdr *ph = eh && eh->e_phentsize == sizeof *ph ? part(o, eh->e_phoff, (uint64_t)eh->e_phnum * sizeof *ph) : NULL;
    for (unsigned i = 0; ph && i < eh->e_phnum; i++)
        if (ph[i].p_type == PT_LOAD && offset - ph[i].p_offset < ph[i].p_filesz)
            return offset - ph[i].p_offset + ph[i].p_vaddr;
    return offset;
}

static const struct symbol *symbol_at(const struct object *o, uint64_t address)
{
    size_t low = 0, high = o->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (o->symbols[middle].start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 && address < o->symbols[low - 1].end ? &o->symbols[low - 1] : NULL;
}

void symbols_name(uint64_t address, char *out, size_t size)
{
    struct memory_area area;
    snprintf(out, size, "%#llx", (unsigned long long)address);
    if (!memory_area_at(address, &area) || area.start > address || !area.inode)
        return;
    const struct object *o = object_of(&area, address);
    if (!o || !o->path[0])
        return;
    uint64_t at = linked_address(o, address - area.start + area.offset);
    const struct symbol *s = symbol_at(o, at);
    const char *file = strrchr(o->path, '/') + 1;
    if (s)
        snprintf(out, size, "%s+%#llx [%s]", s->name, (unsigned long long)(at - s->start), file);
    else
        snprintf(out, size, "%s+%#llx", file, (unsigned long long)at);
}
