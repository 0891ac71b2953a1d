/* Tells ELF, PE, scripts and the rest apart from their first bytes.
 *
 * The rules are the kernel's where it has some (fs/binfmt_elf.c, fs/binfmt_script.c): what it would
 * refuse is an error here.  A PE's headers are checked as far as they are read. */
#include "program/program.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Exactly n bytes at offset, false if the file is shorter (or unreadable: info says so). */
static bool read_at(int fd, struct program_info *info, void *buf, size_t n, uint64_t offset)
{
    size_t done = 0;

    if (offset > INT64_MAX - n)
        return false;
    while (done < n) {
        ssize_t got = pread(fd, (char *)buf + done, n - done, (off_t)(offset + done));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            info->error = PROGRAM_UNREADABLE;
            info->system_error = errno;
        }
        if (got <= 0)
            return false;
        done += (size_t)got;
    }
    return true;
}

static void fail(struct program_info *info, enum program_error error)
{
    if (info->error == PROGRAM_OK)
        info->error = error;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* `line` is the file's beginning, n bytes of it. */
static void parse_script(struct program_info *info, const char *line, size_t n)
{
    const char *end = line + n, *newline = memchr(line, '\n', n), *stop = newline ? newline : end;
    const char *nul = memchr(line, 0, n);

    info->kind = PROGRAM_SCRIPT;
    if (nul && nul < stop)
        stop = nul;
    const char *p = line + 2;

    while (p < stop && is_blank(*p))
        p++;
    const char *name = p;

    while (p < stop && !is_blank(*p))
        p++;
    if (p == name) {
        fail(info, PROGRAM_NO_INTERPRETER);
        return;
    }
    if (p == end && n == PROGRAM_SCRIPT_LINE) {
        fail(info, PROGRAM_LONG_INTERPRETER);
        return;
    }
    memcpy(info->interp, name, (size_t)(p - name));
    info->interp[p - name] = 0;
    while (p < stop && is_blank(*p))
        p++;
    while (stop > p && is_blank(stop[-1]))
        stop--;
    if (p < stop) {
        info->has_arg = true;
        memcpy(info->arg, p, (size_t)(stop - p));
        info->arg[stop - p] = 0;
    }
}

/* Program header i, widened if it is a 32-bit one. */
static bool read_segment(int fd, struct program_info *info, const Elf64_Ehdr *eh, unsigned i, Elf64_Phdr *ph)
{
    Elf32_Phdr small;

    if (info->bits64)
        return read_at(fd, info, ph, sizeof(*ph), eh->e_phoff + (uint64_t)i * sizeof(*ph));
    if (!read_at(fd, info, &small, sizeof(small), eh->e_phoff + (uint64_t)i * sizeof(small)))
        return false;
    *ph = (Elf64_Phdr){.p_type = small.p_type, .p_offset = small.p_offset, .p_filesz = small.p_filesz};
    return true;
}

static void find_interp(int fd, struct program_info *info, const Elf64_Ehdr *eh)
{
    for (unsigned i = 0; i < eh->e_phnum; i++) {
        Elf64_Phdr ph;

        if (!read_segment(fd, info, eh, i, &ph)) {
            fail(info, PROGRAM_TRUNCATED);
            return;
        }
        if (ph.p_type != PT_INTERP)
            continue;
        if (ph.p_filesz < 2 || ph.p_filesz > PATH_MAX) {
            fail(info, PROGRAM_BAD_HEADER);
            return;
        }
        if (!read_at(fd, info, info->interp, ph.p_filesz, ph.p_offset)) {
            fail(info, PROGRAM_TRUNCATED);
            info->interp[0] = 0;
            return;
        }
        if (info->interp[ph.p_filesz - 1]) {
            fail(info, PROGRAM_BAD_HEADER);
            info->interp[0] = 0;
        }
        return;
    }
}

static void parse_elf(int fd, struct program_info *info, const unsigned char *head, size_t n)
{
    Elf64_Ehdr eh;

    info->kind = PROGRAM_ELF;
    if (n < EI_NIDENT + 4) {
        fail(info, PROGRAM_TRUNCATED);
        return;
    }
    info->bits64 = head[EI_CLASS] == ELFCLASS64;
    info->big_endian = head[EI_DATA] == ELFDATA2MSB;
    if ((!info->bits64 && head[EI_CLASS] != ELFCLASS32) ||
        (!info->big_endian && head[EI_DATA] != ELFDATA2LSB)) {
        fail(info, PROGRAM_BAD_HEADER);
        return;
    }
    unsigned first = info->big_endian ? 1 : 0; /* index of a halfword's low byte */

    info->type = (unsigned)head[EI_NIDENT + first] | (unsigned)head[EI_NIDENT + 1 - first] << 8;
    info->machine = (unsigned)head[EI_NIDENT + 2 + first] | (unsigned)head[EI_NIDENT + 3 - first]
                                                                << 8;
    if (info->type != ET_EXEC && info->type != ET_DYN) {
        fail(info, PROGRAM_NOT_EXECUTABLE);
        return;
    }
    if ((!info->bits64 && info->machine != EM_386) || info->big_endian)
        return; /* known, and nothing we load */
    size_t size = info->bits64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);

    if (n < (info->bits64 ? sizeof(eh) : sizeof(Elf32_Ehdr))) {
        fail(info, PROGRAM_TRUNCATED);
        return;
    }
    if (info->bits64) {
        memcpy(&eh, head, sizeof(eh));
    } else {
        Elf32_Ehdr small;

        memcpy(&small, head, sizeof(small));
        eh = (Elf64_Ehdr){.e_phoff = small.e_phoff, .e_phentsize = small.e_phentsize, .e_phnum = small.e_phnum};
    }
    if (eh.e_phentsize != size || eh.e_phnum < 1 || eh.e_phnum > 65536 / size) {
        fail(info, PROGRAM_BAD_HEADER);
        return;
    }
    find_interp(fd, info, &eh);
}

static unsigned le16(const unsigned char *p)
{
    return p[0] | (unsigned)p[1] << 8;
}
static uint32_t le32(const unsigned char *p)
{
    return le16(p) | (uint32_t)le16(p + 2) << 16;
}

/* Arm64EC programs call themselves x86-64 and have a pointer to a description of their code in the load configuration
 * (winnt.h: IMAGE_LOAD_CONFIG_DIRECTORY64.CHPEMetadataPointer).  pe: offset of the signature. */
static bool is_arm64ec(int fd, uint64_t pe, unsigned section_count, unsigned optional_size)
{
    struct program_info ignore = {0};
    unsigned char directory[8], section[40], pointer[8], size[4];
    enum { LOAD_CONFIG = 24 + 112 + 10 * 8, CHPE = 200 };

    if (optional_size < LOAD_CONFIG - 24 + 8 || !read_at(fd, &ignore, directory, 8, pe + LOAD_CONFIG))
        return false;
    uint32_t rva = le32(directory);

    for (unsigned i = 0; rva && i < section_count; i++) {
        if (!read_at(fd, &ignore, section, 40, pe + 24 + optional_size + (uint64_t)i * 40))
            return false;
        uint32_t start = le32(section + 12), offset = rva - start;

        if (rva < start || offset >= le32(section + 16))
            continue;
        uint64_t at = (uint64_t)le32(section + 20) + offset;

        return read_at(fd, &ignore, size, 4, at) && le32(size) >= CHPE + 8 &&
               read_at(fd, &ignore, pointer, 8, at + CHPE) && (le32(pointer) | le32(pointer + 4));
    }
    return false;
}

/* A DOS header; a PE if the new header is there. */
static void parse_pe(int fd, struct program_info *info, const unsigned char *head, size_t n)
{
    unsigned char pe[24 + 70]; /* signature, file header, optional header through Subsystem */

    info->kind = PROGRAM_PE;
    if (n < 64 || !read_at(fd, info, pe, 24, le32(head + 60))) {
        fail(info, PROGRAM_TRUNCATED);
        return;
    }
    if (memcmp(pe, "PE\0\0", 4)) {
        fail(info, PROGRAM_BAD_HEADER);
        return;
    }
    info->machine = le16(pe + 4);
    info->type = le16(pe + 22);
    if (le16(pe + 20) < 70 || !le16(pe + 6)) {
        fail(info, PROGRAM_BAD_HEADER);
        return;
    }
    if (!read_at(fd, info, pe + 24, 70, (uint64_t)le32(head + 60) + 24)) {
        fail(info, PROGRAM_TRUNCATED);
        return;
    }
    unsigned magic = le16(pe + 24);

    info->bits64 = magic == 0x20b;
    info->subsystem = le16(pe + 24 + 68);
    if (magic != 0x10b && magic != 0x20b)
        fail(info, PROGRAM_BAD_HEADER);
    else if (info->machine == PE_MACHINE_AMD64 && info->bits64)
        info->arm64ec = is_arm64ec(fd, le32(head + 60), le16(pe + 6), le16(pe + 20));
}

/* As bash decides whether to run a file the kernel refused: no NUL before the first newline. */
static bool looks_like_text(const unsigned char *head, size_t n)
{
    const unsigned char *newline = memchr(head, '\n', n);

    return !memchr(head, 0, newline ? (size_t)(newline - head) : n);
}

void program_recognise(int fd, struct program_info *info)
{
    unsigned char head[PROGRAM_SCRIPT_LINE];
    size_t n = 0;

    memset(info, 0, sizeof(*info));
    while (n < sizeof(head)) {
        ssize_t got = pread(fd, head + n, sizeof(head) - n, (off_t)n);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            info->kind = PROGRAM_DATA;
            info->error = PROGRAM_UNREADABLE;
            info->system_error = errno;
            return;
        }
        if (!got)
            break;
        n += (size_t)got;
    }
    if (!n)
        info->kind = PROGRAM_EMPTY;
    else if (n >= 2 && !memcmp(head, "#!", 2))
        parse_script(info, (const char *)head, n);
    else if (n >= SELFMAG && !memcmp(head, ELFMAG, SELFMAG))
        parse_elf(fd, info, head, n);
    else if (n >= 2 && !memcmp(head, "MZ", 2))
        parse_pe(fd, info, head, n);
    else
        info->kind = looks_like_text(head, n) ? PROGRAM_TEXT : PROGRAM_DATA;
}

const char *program_machine_name(unsigned machine, bool pe, char buf[32])
{
    static const struct {
        unsigned machine;
        bool pe;
        const char *name;
    } known[] = {
        {EM_AARCH64, false, "Arm64"},
        {EM_X86_64, false, "x86-64"},
        {EM_386, false, "i386"},
        {EM_ARM, false, "Arm (32 bit)"},
        {EM_RISCV, false, "RISC-V"},
        {EM_PPC64, false, "PowerPC64"},
        {EM_S390, false, "s390"},
        {258, false, "LoongArch"},
        {EM_MIPS, false, "MIPS"},
        {PE_MACHINE_ARM64, true, "Arm64"},
        {PE_MACHINE_AMD64, true, "x86-64"},
        {PE_MACHINE_I386, true, "i386"},
        {PE_MACHINE_ARM64EC, true, "Arm64EC"},
    };

    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (known[i].machine == machine && known[i].pe == pe)
            return known[i].name;
    snprintf(buf, 32, "machine 0x%x", machine);
    return buf;
}

/* What is wrong with a file of the named kind. */
static void describe_error(const struct program_info *info, const char *kind, char *out,
                           size_t size)
{
    switch (info->error) {
    case PROGRAM_OK:
        break;
    case PROGRAM_UNREADABLE:
        snprintf(out, size, "cannot be read: %s", strerror(info->system_error));
        break;
    case PROGRAM_TRUNCATED:
        snprintf(out, size, "is a truncated %s: shorter than its headers say", kind);
        break;
    case PROGRAM_BAD_HEADER:
        snprintf(out, size, "is a damaged %s: its headers make no sense", kind);
        break;
    case PROGRAM_NOT_EXECUTABLE:
        snprintf(out, size, "is an %s but not a program (an object file or a core dump)", kind);
        break;
    case PROGRAM_NO_INTERPRETER:
        snprintf(out, size, "is a script whose #! line names no interpreter");
        break;
    case PROGRAM_LONG_INTERPRETER:
        snprintf(out, size,
                 "is a script whose interpreter's name is longer than Linux reads (%u bytes)",
                 PROGRAM_SCRIPT_LINE);
        break;
    }
}

void program_describe(const struct program_info *info, char *out, size_t size)
{
    char buf[32];

    switch (info->kind) {
    case PROGRAM_EMPTY:
        snprintf(out, size, "is empty");
        break;
    case PROGRAM_SCRIPT:
        snprintf(out, size, "is a script for %s", info->interp);
        break;
    case PROGRAM_ELF:
        snprintf(out, size, "is a %u-bit%s ELF program for %s", info->bits64 ? 64 : 32,
                 info->big_endian ? " big-endian" : "",
                 program_machine_name(info->machine, false, buf));
        break;
    case PROGRAM_PE:
        snprintf(out, size, "is a Windows %s for %s",
                 info->type & PE_CHARACTERISTICS_DLL ? "library" : "program",
                 info->arm64ec ? "Arm64EC" : program_machine_name(info->machine, true, buf));
        break;
    case PROGRAM_TEXT:
        snprintf(out, size, "is text without a #! line");
        break;
    case PROGRAM_DATA:
        snprintf(out, size, "is no program of a known kind");
        break;
    }
    describe_error(info, info->kind == PROGRAM_PE ? "Windows program" : "ELF", out, size);
}
