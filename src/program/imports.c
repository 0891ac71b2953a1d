/* Which libraries, and which of their functions, a PE file imports: its import directory, walked in the file.  Delay-loaded ones
 * and those that the program looks up by itself are not seen. */
#include "program/program.h"
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

struct image {
    const unsigned char *file;
    size_t size;
    const unsigned char *sections;
    unsigned section_count;
    unsigned word; /* bytes of an address: 4 or 8 */
};

static uint32_t get32(const unsigned char *p)
{
    uint32_t v;
    memcpy(&v, p, 4);
    return v;
}

/* The bytes at address `rva` of the image, NULL if there are not `need` of them in the file. */
static const unsigned char *at_rva(const struct image *im, uint64_t rva, size_t need)
{
    for (unsigned i = 0; i < im->section_count; i++) {
        const unsigned char *s = im->sections + 40 * (size_t)i;
        uint64_t start = get32(s + 12), size = get32(s + 16), raw = get32(s + 20);
        if (rva >= start && rva - start + need <= size && raw + size <= im->size)
            return im->file + raw + (rva - start);
    }
    return NULL;
}

/* True if the zero-terminated text at `rva` is `name`. */
static bool is_name(const struct image *im, uint64_t rva, const char *name)
{
    size_t n = strlen(name) + 1;
    const unsigned char *p = at_rva(im, rva, n);
    return p && memcmp(p, name, n) == 0;
}

static bool find_import(const struct image *im, uint64_t directory, const char *name)
{
    const unsigned char *dll;
    for (; (dll = at_rva(im, directory, 20)) && get32(dll + 12); directory += 20) {
        uint64_t names = get32(dll) ? get32(dll) : get32(dll + 16); /* OriginalFirstThunk, else FirstThunk */
        const unsigned char *thunk;
        for (; (thunk = at_rva(im, names, im->word)) && (get32(thunk) || get32(thunk + im->word - 4)); names += im->word)
            if (!(thunk[im->word - 1] & 0x80) && is_name(im, (uint64_t)get32(thunk) + 2, name)) /* not by number; 2: the hint */
                return true;
    }
    return false;
}

/* Where the import directory is; false if the file is not whole or no PE file. */
static bool open_image(struct image *im, uint64_t *directory)
{
    const unsigned char *file = im->file;
    size_t size = im->size;
    uint64_t pe = size >= 64 && memcmp(file, "MZ", 2) == 0 ? get32(file + 60) : size;
    if (pe > size || size - pe < 24 + 128 || memcmp(file + pe, "PE\0\0", 4) != 0)
        return false;
    unsigned magic = get32(file + pe + 24) & 0xffff; /* of the optional header */
    if (magic != 0x20b && magic != 0x10b)
        return false;
    im->word = magic == 0x20b ? 8 : 4;
    uint64_t table = pe + 24 + (get32(file + pe + 20) & 0xffff);
    im->section_count = get32(file + pe + 6) & 0xffff;
    if (table > size || (size - table) / 40 < im->section_count)
        return false;
    im->sections = file + table;
    *directory = get32(file + pe + 24 + (im->word == 8 ? 112 : 96) + 8); /* the second */
    return true;
}

/* Maps the file; im->file is NULL if that fails. */
static struct image map_image(int fd)
{
    struct image im = {0};
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size <= 0)
        return im;
    void *file = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (file != MAP_FAILED)
        im = (struct image){.file = file, .size = (size_t)st.st_size};
    return im;
}

static void unmap_image(struct image *im)
{
    if (im->file)
        munmap((void *)(uintptr_t)im->file, im->size);
}

bool program_imports(int fd, const char *name)
{
    uint64_t directory;
    struct image im = map_image(fd);
    bool found = im.file && open_image(&im, &directory) && find_import(&im, directory, name);
    unmap_image(&im);
    return found;
}

/* The text at `rva`: letters, digits and what else names of files are made of. */
static bool get_name(const struct image *im, uint64_t rva, char out[PROGRAM_LIBRARY_NAME])
{
    for (size_t i = 0; i < PROGRAM_LIBRARY_NAME; i++) {
        const unsigned char *p = at_rva(im, rva + i, 1);
        if (!p || (*p && (*p <= ' ' || *p > '~' || strchr("\"*/:<>?\\|", *p))))
            return false;
        out[i] = (char)*p;
        if (!*p)
            return i > 0;
    }
    return false;
}

void program_each_library(int fd, void (*fn)(void *ctx, const char *name), void *ctx)
{
    uint64_t directory = 0;
    struct image im = map_image(fd);
    const unsigned char *dll;
    char name[PROGRAM_LIBRARY_NAME];
    if (im.file && open_image(&im, &directory))
        for (; (dll = at_rva(&im, directory, 20)) && get32(dll + 12); directory += 20)
            if (get_name(&im, get32(dll + 12), name))
                fn(ctx, name);
    unmap_image(&im);
}
