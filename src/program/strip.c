/* Takes the debugging information out of a PE file, in place.
 *
 * Compilers put it into sections named .debug_*, whose long names stand in a string table behind the COFF symbols; linkers
 * put these sections last, in the table, in memory and in the file.  So cutting the file where the first begins,
 * and correcting four header fields, is all.  A file of another layout is left alone. */
#include "program/program.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Offsets from the "PE\0\0" signature. */
enum {
    PE_SECTION_COUNT = 6,
    PE_SYMBOL_TABLE = 12,
    PE_SYMBOL_COUNT = 16,
    PE_OPTIONAL_SIZE = 20,
    PE_OPTIONAL = 24,
    PE_SECTION_ALIGNMENT = PE_OPTIONAL + 32,
    PE_IMAGE_SIZE = PE_OPTIONAL + 56,
    PE_CHECKSUM = PE_OPTIONAL + 64,
    PE64_CERTIFICATES = PE_OPTIONAL + 112 + 4 * 8,
    PE32_CERTIFICATES = PE_OPTIONAL + 96 + 4 * 8,
    SECTION_SIZE = 40,
};

static uint32_t get32(const unsigned char *p)
{
    uint32_t v;
    memcpy(&v, p, 4);
    return v;
}

static void put32(unsigned char *p, uint32_t v)
{
    memcpy(p, &v, 4);
}

static bool is_debug(const unsigned char *file, size_t size, uint64_t strings, const unsigned char *section)
{
    char digits[8] = {0};

    if (section[0] != '/')
        return !memcmp(section, ".debug", 6);
    memcpy(digits, section + 1, 7);
    uint64_t at = strings + strtoul(digits, NULL, 10);
    return at + 6 <= size && !memcmp(file + at, ".debug", 6);
}

/* New size of the file, 0: leave it. */
static size_t cut(unsigned char *file, size_t size)
{
    uint64_t at = size >= 64 && !memcmp(file, "MZ", 2) ? get32(file + 60) : size;
    if (at > size || size - at < PE64_CERTIFICATES + 8 || memcmp(file + at, "PE\0\0", 4))
        return 0;
    unsigned char *pe = file + at;
    unsigned count = get32(pe + PE_SECTION_COUNT) & 0xffff, keep = 0, magic = get32(pe + PE_OPTIONAL) & 0xffff;
    uint64_t table = at + PE_OPTIONAL + (get32(pe + PE_OPTIONAL_SIZE) & 0xffff);
    uint64_t strings = get32(pe + PE_SYMBOL_TABLE) + 18ull * get32(pe + PE_SYMBOL_COUNT);
    uint32_t align = get32(pe + PE_SECTION_ALIGNMENT);
    if (table + (uint64_t)count * SECTION_SIZE > size || (magic != 0x20b && magic != 0x10b) || !align ||
        (align & (align - 1)) || get32(pe + (magic == 0x20b ? PE64_CERTIFICATES : PE32_CERTIFICATES)))
        return 0;
    uint64_t end = table + (uint64_t)count * SECTION_SIZE, image = 0, first = size;
    for (unsigned i = 0; i < count; i++) {
        const unsigned char *s = file + table + (size_t)i * SECTION_SIZE;
        uint64_t memory = (uint64_t)get32(s + 12) + get32(s + 8), raw = get32(s + 20);
        if (is_debug(file, size, strings, s)) {
            if (raw < first)
                first = raw;
            continue;
        }
        if (keep++ != i || s[0] == '/')
            return 0; /* not last, or its name would be lost */
        if (raw && raw + get32(s + 16) > end)
            end = raw + get32(s + 16);
        if (memory > image)
            image = memory;
    }
    if (keep == 0 || keep == count || first < end)
        return 0;
    memset(file + table + (size_t)keep * SECTION_SIZE, 0, (size_t)(count - keep) * SECTION_SIZE);
    pe[PE_SECTION_COUNT] = (unsigned char)keep;
    pe[PE_SECTION_COUNT + 1] = (unsigned char)(keep >> 8);
    put32(pe + PE_SYMBOL_TABLE, 0);
    put32(pe + PE_SYMBOL_COUNT, 0);
    put32(pe + PE_IMAGE_SIZE, (uint32_t)((image + align - 1) & ~(uint64_t)(align - 1)));
    put32(pe + PE_CHECKSUM, 0);
    return first;
}

int program_strip_pe(int fd)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode) || st.st_size < 64)
        return 0;
    size_t size = (size_t)st.st_size;
    unsigned char *file = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (file == MAP_FAILED)
        return -errno;
    size_t end = cut(file, size);
    munmap(file, size);
    return end && ftruncate(fd, (off_t)end) < 0 ? -errno : 0;
}
