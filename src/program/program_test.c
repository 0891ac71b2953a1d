/* Recognition and loading of programs made up here, and of the same with random damage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "memory/memory.h"
#include "program/program.h"

static int file_of(const void *bytes, size_t n)
{
    int fd = memfd_create("program", 0);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), n);
    return fd;
}

static struct program_info recognise(const void *bytes, size_t n)
{
    struct program_info info;
    int fd = file_of(bytes, n);

    program_recognise(fd, &info);
    close(fd);
    return info;
}

#define RECOGNISE(text) recognise(text, sizeof(text) - 1)

static void test_script(void **state)
{
    struct program_info info = RECOGNISE("#!/bin/sh\necho\n");
    char line[400];

    assert_int_equal(info.kind, PROGRAM_SCRIPT);
    assert_int_equal(info.error, PROGRAM_OK);
    assert_string_equal(info.interp, "/bin/sh");
    assert_false(info.has_arg);
    info = RECOGNISE("#! \t/usr/bin/env  -S python3 -u \t\n");
    assert_string_equal(info.interp, "/usr/bin/env");
    assert_true(info.has_arg);
    assert_string_equal(info.arg, "-S python3 -u");
    info = RECOGNISE("#!/bin/x");
    assert_string_equal(info.interp, "/bin/x");
    assert_int_equal(RECOGNISE("#!").error, PROGRAM_NO_INTERPRETER);
    assert_int_equal(RECOGNISE("#!  \n/bin/sh").error, PROGRAM_NO_INTERPRETER);
    memset(line, 'a', sizeof(line));
    memcpy(line, "#!/", 3);
    assert_int_equal(recognise(line, sizeof(line)).error, PROGRAM_LONG_INTERPRETER);
    line[100] = ' '; /* a cut argument is accepted */
    assert_int_equal(recognise(line, sizeof(line)).error, PROGRAM_OK);
}

static void test_kinds(void **state)
{
    char text[256];

    assert_int_equal(recognise("", 0).kind, PROGRAM_EMPTY);
    assert_int_equal(RECOGNISE("echo hello\n").kind, PROGRAM_TEXT);
    assert_int_equal(RECOGNISE("\0\1\2").kind, PROGRAM_DATA);
    assert_int_equal(RECOGNISE("\177ELF").error, PROGRAM_TRUNCATED);
    assert_int_equal(RECOGNISE("MZ").error, PROGRAM_TRUNCATED);
    Elf32_Ehdr small = {.e_ident = "\177ELF\1\1\1", .e_type = ET_EXEC, .e_machine = EM_386, .e_phoff = sizeof(small),
                        .e_phentsize = sizeof(Elf32_Phdr), .e_phnum = 1};
    char file[sizeof(small) + sizeof(Elf32_Phdr) + 8] = {0};
    const Elf32_Phdr segment = {.p_type = PT_INTERP, .p_offset = sizeof(small) + sizeof(segment), .p_filesz = 8};

    memcpy(file, &small, sizeof(small));
    memcpy(file + sizeof(small), &segment, sizeof(segment));
    memcpy(file + sizeof(small) + sizeof(segment), "/lib/ld", 8);
    struct program_info info = recognise(file, sizeof(file));

    assert_string_equal(info.interp, "/lib/ld");
    assert_int_equal(recognise(file, sizeof(small) + 4).error, PROGRAM_TRUNCATED);
    assert_int_equal(info.kind, PROGRAM_ELF);
    assert_int_equal(info.machine, EM_386);
    program_describe(&info, text, sizeof(text));
    assert_string_equal(text, "is a 32-bit ELF program for i386");
    info = RECOGNISE("\177ELF\2\2\1\0\0\0\0\0\0\0\0\0\0\2\0\25\0\0\0\1");
    program_describe(&info, text, sizeof(text));
    assert_string_equal(text, "is a 64-bit big-endian ELF program for PowerPC64");
    info = RECOGNISE("\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\2\0\267\0");
    assert_int_equal(info.error, PROGRAM_TRUNCATED);
    assert_int_equal(RECOGNISE("\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\1\0\267\0\1\0\0\0").error,
                     PROGRAM_NOT_EXECUTABLE);
}

struct pe {
    unsigned char bytes[512];
};

static struct pe make_pe(unsigned machine)
{
    struct pe pe = {.bytes = "MZ"};

    pe.bytes[60] = 0x80;
    memcpy(pe.bytes + 0x80, "PE\0\0", 4);
    pe.bytes[0x84] = (unsigned char)machine;
    pe.bytes[0x85] = (unsigned char)(machine >> 8);
    pe.bytes[0x86] = 3;        /* sections */
    pe.bytes[0x80 + 20] = 240; /* optional header */
    pe.bytes[0x80 + 24] = 0x0b;
    pe.bytes[0x80 + 25] = 2;
    pe.bytes[0x80 + 24 + 68] = 3;
    return pe;
}

static void test_pe(void **state)
{
    struct pe pe = make_pe(PE_MACHINE_ARM64);
    struct program_info info = recognise(&pe, sizeof(pe));
    char text[128];

    assert_int_equal(info.kind, PROGRAM_PE);
    assert_int_equal(info.error, PROGRAM_OK);
    assert_int_equal(info.machine, PE_MACHINE_ARM64);
    assert_int_equal(info.subsystem, 3);
    assert_true(info.bits64);
    program_describe(&info, text, sizeof(text));
    assert_string_equal(text, "is a Windows program for Arm64");
    assert_int_equal(recognise(&pe, 0x80 + 50).error, PROGRAM_TRUNCATED);
    pe.bytes[0x80] = 'N';
    assert_int_equal(recognise(&pe, sizeof(pe)).error, PROGRAM_BAD_HEADER);
}

static void put(unsigned char *p, uint32_t v)
{
    memcpy(p, &v, 4);
}

/* One section at file offset 0x200, address 0x1000; debugging information after it at 0x300. */
#define PE_SECTIONS (0x80 + 24 + 240)
static void make_big_pe(unsigned char b[0x500], unsigned machine)
{
    struct pe pe = make_pe(machine);

    memset(b, 0, 0x500);
    memcpy(b, &pe, PE_SECTIONS);
    b[0x86] = 2;
    put(b + 0x80 + 24 + 32, 0x1000); /* alignment */
    put(b + 0x80 + 12, 0x400);       /* one symbol, then the string table */
    put(b + 0x80 + 16, 1);
    memcpy(b + PE_SECTIONS, ".text", 5);
    put(b + PE_SECTIONS + 8, 0x100);
    put(b + PE_SECTIONS + 12, 0x1000);
    put(b + PE_SECTIONS + 16, 0x100);
    put(b + PE_SECTIONS + 20, 0x200);
    memcpy(b + PE_SECTIONS + 40, "/4", 2);
    put(b + PE_SECTIONS + 48, 0x100);
    put(b + PE_SECTIONS + 52, 0x2000);
    put(b + PE_SECTIONS + 56, 0x100);
    put(b + PE_SECTIONS + 60, 0x300);
    memcpy(b + 0x400 + 18 + 4, ".debug_info", 12);
}

static void test_arm64ec(void **state)
{
    unsigned char b[0x500];

    make_big_pe(b, PE_MACHINE_AMD64);
    assert_false(recognise(b, sizeof(b)).arm64ec);
    put(b + 0x80 + 24 + 112 + 80, 0x1010); /* load configuration */
    put(b + 0x210, 208);
    assert_false(recognise(b, sizeof(b)).arm64ec);
    put(b + 0x210 + 200, 0x1234);
    struct program_info info = recognise(b, sizeof(b));
    char text[128];

    assert_true(info.arm64ec);
    program_describe(&info, text, sizeof(text));
    assert_string_equal(text, "is a Windows program for Arm64EC");
    put(b + 0x80 + 24 + 112 + 80, 0x10f8); /* cut off by the end of its section: what is behind it is read, no more */
    recognise(b, sizeof(b));
    put(b + 0x80 + 24 + 112 + 80, 0xfffffff0);
    assert_false(recognise(b, sizeof(b)).arm64ec);
}

static bool imports(const unsigned char *b, size_t n, const char *name)
{
    int fd = file_of(b, n);
    bool found = program_imports(fd, name);

    close(fd);
    return found;
}

static void add_name(void *ctx, const char *name)
{
    strcat(strcat(ctx, name), " ");
}

static const char *libraries(const unsigned char *b, size_t n)
{
    static char text[0x1000];
    int fd = file_of(b, n);

    text[0] = 0;
    program_each_library(fd, add_name, text);
    close(fd);
    return text;
}

static void test_libraries(void **state)
{
    unsigned char b[0x500], c[0x500];

    make_big_pe(b, PE_MACHINE_ARM64);
    assert_string_equal(libraries(b, sizeof(b)), "");
    put(b + 0x80 + 24 + 112 + 8, 0x1010); /* the directory: three libraries, one with a name that no file has */
    put(b + 0x210 + 12, 0x1080);
    put(b + 0x210 + 32, 0x1088);
    put(b + 0x210 + 52, 0x1090);
    memcpy(b + 0x280, "a.dll", 6);
    memcpy(b + 0x288, "..\\b.x", 7);
    memcpy(b + 0x290, "C.DLL", 6);
    assert_string_equal(libraries(b, sizeof(b)), "a.dll C.DLL ");
    assert_string_equal(libraries(b, 0x282), ""); /* cut off: no section is whole */
    srand(1);
    for (unsigned i = 0; i < 3000; i++) {
        memcpy(c, b, sizeof(c));
        for (unsigned n = 0; n < 3; n++)
            c[0x80 + rand() % 0x240] = (unsigned char)rand();
        libraries(c, sizeof(c) - (size_t)(rand() % 0x4ff));
    }
}

/* A file of 64 bits (word: 8) or 32 (4) that imports something. */
static void check_imports(unsigned word)
{
    unsigned char b[0x500], c[0x500];

    make_big_pe(b, PE_MACHINE_ARM64);
    put(b + 0x80 + 24, word == 8 ? 0x20b : 0x10b);
    assert_false(imports(b, sizeof(b), "One"));
    put(b + 0x80 + 24 + (word == 8 ? 112 : 96) + 8, 0x1010); /* the directory: one library, */
    put(b + 0x210, 0x1040);                                  /* its functions: two names and a number between them */
    put(b + 0x210 + 12, 0x1080);
    memcpy(b + 0x280, "a.dll", 6);
    put(b + 0x240, 0x1090);
    put(b + 0x240 + word, 7);
    b[0x240 + 2 * word - 1] = 0x80;
    put(b + 0x240 + 2 * word, 0x10a0);
    memcpy(b + 0x292, "One", 4);
    memcpy(b + 0x2a2, "Another", 8);
    assert_true(imports(b, sizeof(b), "One"));
    assert_true(imports(b, sizeof(b), "Another"));
    assert_false(imports(b, sizeof(b), "An"));
    assert_false(imports(b, sizeof(b), "Anothers"));
    assert_false(imports(b, 0x2a4, "Another")); /* cut off */
    assert_string_equal(libraries(b, sizeof(b)), "a.dll ");
    srand(1);
    for (unsigned i = 0; i < 3000; i++) {
        memcpy(c, b, sizeof(c));
        for (unsigned n = 0; n < 3; n++)
            c[0x80 + rand() % 0x240] = (unsigned char)rand();
        imports(c, sizeof(c) - (size_t)(rand() % 0x4ff), "Another");
    }
}

static void test_imports(void **state)
{
    check_imports(8);
    check_imports(4);
}

static off_t strip(const unsigned char *b, size_t n)
{
    int fd = file_of(b, n);

    assert_int_equal(program_strip_pe(fd), 0);
    off_t size = lseek(fd, 0, SEEK_END);
    struct program_info info;

    program_recognise(fd, &info);
    if ((size_t)size < n)
        assert_int_equal(info.error, PROGRAM_OK);
    close(fd);
    return size;
}

static void test_strip_pe(void **state)
{
    unsigned char b[0x500], c[0x500];

    make_big_pe(b, PE_MACHINE_ARM64);
    assert_int_equal(strip(b, sizeof(b)), 0x300);
    memcpy(c, b, sizeof(c));
    memcpy(c + PE_SECTIONS + 40, ".rsrc\0\0\0", 8); /* nothing to strip */
    assert_int_equal(strip(c, sizeof(c)), sizeof(c));
    memcpy(c, b, sizeof(c));
    put(c + PE_SECTIONS + 20, 0x380); /* .text lies behind */
    assert_int_equal(strip(c, sizeof(c)), sizeof(c));
    memcpy(c, b, sizeof(c));
    put(c + 0x80 + 24 + 112 + 4 * 8, 0x480); /* signed */
    assert_int_equal(strip(c, sizeof(c)), sizeof(c));
    memcpy(c, b, sizeof(c));
    put(c + 0x80 + 24, 0x10b); /* 32 bits */
    assert_int_equal(strip(c, sizeof(c)), 0x300);
    put(c + 0x80 + 24 + 96 + 4 * 8, 0x480);
    assert_int_equal(strip(c, sizeof(c)), sizeof(c));
    srand(1);
    for (unsigned i = 0; i < 3000; i++) {
        memcpy(c, b, sizeof(c));
        for (unsigned n = 0; n < 3; n++)
            c[0x80 + rand() % 0x180] = (unsigned char)rand();
        int fd = file_of(c, sizeof(c) - (size_t)(rand() % 0x400));

        program_strip_pe(fd);
        close(fd);
    }
}

/* A program of two segments: headers and code (RX), data (RW) with a bss of several pages. */
struct elf {
    Elf64_Ehdr eh;
    Elf64_Phdr ph[5];
    char interp[32];
    unsigned char rest[0x2000];
};

#define DATA_AT   0x12345 /* address of the data; the same low bits as its offset 0x1345 */
#define DATA_SIZE 0x20
#define BSS_SIZE  0x3000

static void make_elf(struct elf *e, unsigned type, bool interp)
{
    uint64_t base = type == ET_EXEC ? 0x123450000000 : 0;

    memset(e, 0, sizeof(*e));
    memcpy(e->eh.e_ident, "\177ELF\2\1\1", 7);
    e->eh.e_type = (Elf64_Half)type;
    e->eh.e_machine = EM_AARCH64;
    e->eh.e_version = 1;
    e->eh.e_entry = base + 0x200;
    e->eh.e_phoff = offsetof(struct elf, ph);
    e->eh.e_ehsize = sizeof(e->eh);
    e->eh.e_phentsize = sizeof(e->ph[0]);
    e->eh.e_phnum = 4;
    e->ph[0] = (Elf64_Phdr){PT_LOAD, PF_R | PF_X, 0, base, base, 0x800, 0x800, 0x10000};
    e->ph[1] = (Elf64_Phdr){PT_LOAD,        PF_R | PF_W, 0x1345,   base + DATA_AT,
                            base + DATA_AT, DATA_SIZE,   BSS_SIZE, 0x10000};
    e->ph[2] = (Elf64_Phdr){PT_GNU_STACK, PF_R | PF_W, 0, 0, 0, 0, 0, 16};
    e->ph[3] = (Elf64_Phdr){
        interp ? PT_INTERP : PT_NOTE, PF_R, offsetof(struct elf, interp), 0, 0, 0x10, 0x10, 1};
    memcpy(e->interp, "/lib/ld-test.so", 16);
    memset(e->rest, 0x5a, sizeof(e->rest));
}

static int open_interp_count;

static int open_interp(void *ctx, const char *path)
{
    struct elf e;

    open_interp_count++;
    if (strcmp(path, "/lib/ld-test.so"))
        return -ENOENT;
    make_elf(&e, ET_DYN, false);
    return file_of(&e, sizeof(e));
}

static const struct program_loader loader = {EM_AARCH64, open_interp, NULL, "/bin/test"};

/* Everything recorded goes, on the host too. */
static unsigned unmap_all(void)
{
    struct memory_area area;
    unsigned n = 0;

    for (; memory_area_at(0, &area); n++) {
        munmap((void *)area.start, area.end - area.start);
        memory_note_unmap(area.start, area.end);
    }
    return n;
}

static void check_loaded(uint64_t bias)
{
    struct memory_area area;
    uint64_t data = bias + DATA_AT;

    assert_true(memory_area_at(bias, &area));
    assert_int_equal(area.start, bias);
    assert_int_equal(area.end, bias + 0x1000);
    assert_int_equal(area.prot, PROT_READ | PROT_EXEC);
    assert_true(memory_area_at(area.end, &area)); /* the gap is free */
    assert_int_equal(area.start, bias + 0x12000);
    assert_int_equal(area.end, bias + 0x13000);
    assert_int_equal(area.offset, 0x1000);
    assert_true(memory_area_at(area.end, &area));
    assert_int_equal(area.end, bias + 0x16000);
    assert_int_equal(area.inode, 0);
    for (unsigned i = 0; i < BSS_SIZE; i++)
        assert_int_equal(((unsigned char *)data)[i], i < DATA_SIZE ? 0x5a : 0);
    ((unsigned char *)data)[BSS_SIZE - 1] = 1;
    assert_int_equal(*((unsigned char *)data - 1), 0x5a);
}

static void test_load(void **state)
{
    struct program_image image;
    char why[256];
    struct elf e;

    make_elf(&e, ET_DYN, false);
    int fd = file_of(&e, sizeof(e));

    assert_int_equal(program_load(&loader, fd, &image, why, sizeof(why)), 0);
    check_loaded(image.bias);
    assert_true(image.bias >= 1ull << 32);
    assert_int_equal(image.bias % 0x10000, 0);
    assert_int_equal(image.entry, image.bias + 0x200);
    assert_int_equal(image.start, image.entry);
    assert_int_equal(image.phdr, image.bias + offsetof(struct elf, ph));
    assert_int_equal(image.brk, image.bias + 0x16000);
    assert_int_equal(image.interp_base, 0);
    close(fd);
    assert_int_equal(unmap_all(), 3);

    make_elf(&e, ET_EXEC, true);
    fd = file_of(&e, sizeof(e));
    assert_int_equal(program_load(&loader, fd, &image, why, sizeof(why)), 0);
    check_loaded(0x123450000000);
    assert_int_equal(image.bias, 0);
    check_loaded(image.interp_base);
    assert_int_equal(image.start, image.interp_base + 0x200);
    assert_int_equal(unmap_all(), 6);
    close(fd);
}

static void test_refusals(void **state)
{
    struct program_image image;
    char why[256];
    struct elf e;

    make_elf(&e, ET_DYN, true);
    memcpy(e.interp, "/lib/ld-none.so", 16);
    int fd = file_of(&e, sizeof(e));

    assert_int_equal(program_load(&loader, fd, &image, why, sizeof(why)), -ENOENT);
    assert_non_null(strstr(why, "/lib/ld-none.so"));
    assert_int_equal(unmap_all(), 0);
    assert_int_equal(ftruncate(fd, 0x1350), 0);
    assert_int_equal(program_load(&loader, fd, &image, why, sizeof(why)), -ENOEXEC);
    assert_non_null(strstr(why, "truncated"));
    close(fd);
    e.eh.e_machine = EM_X86_64;
    fd = file_of(&e, sizeof(e));
    assert_int_equal(program_load(&loader, fd, &image, why, sizeof(why)), -ENOEXEC);
    close(fd);
    assert_int_equal(unmap_all(), 0);
}

/* Random damage to the headers: any answer will do, as long as we live and nothing stays mapped. */
static void test_damage(void **state)
{
    static const uint64_t nasty[] = {
        0, 1, 0xfff, 0x1000, 0x7fffffffffff, 0x800000000000, 1ull << 63, ~0ull, ~0xfffull};
    struct program_image image;
    unsigned loaded = 0;
    char why[256];

    srand(7);
    for (unsigned i = 0; i < 60000; i++) {
        struct elf e;
        struct pe pe = make_pe(PE_MACHINE_ARM64);
        unsigned char *bytes = i % 4 ? (unsigned char *)&e : pe.bytes;
        size_t size = i % 4 ? sizeof(e) : sizeof(pe), head = i % 4 ? 0x180 : 0xd0;

        make_elf(&e, i % 2 ? ET_DYN : ET_EXEC, i % 3);
        for (unsigned n = 1 + (unsigned)rand() % 4; n; n--) {
            size_t at = (size_t)rand() % (head - 8);

            if (rand() % 2)
                bytes[at] = (unsigned char)rand();
            else
                memcpy(bytes + at / 8 * 8, &nasty[(size_t)rand() % ARRAY_LEN(nasty)], 8);
        }
        if (rand() % 4 == 0)
            size = (size_t)rand() % size;
        int fd = file_of(bytes, size);
        struct program_info info;

        program_recognise(fd, &info);
        program_describe(&info, why, sizeof(why));
        int error = program_load(&loader, fd, &image, why, sizeof(why));

        loaded += !error;
        assert_true(error <= 0);
        unsigned areas = unmap_all();

        assert_true(!error || !areas);
        close(fd);
    }
    assert_true(loaded > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_script),   cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_pe), cmocka_unit_test(test_arm64ec), cmocka_unit_test(test_strip_pe), cmocka_unit_test(test_imports),      cmocka_unit_test(test_libraries),
        cmocka_unit_test(test_load),
        cmocka_unit_test(test_refusals), cmocka_unit_test(test_damage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
