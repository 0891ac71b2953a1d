/* The ELF image of a vdso, made in memory at start from an ABI's functions: a shared object of one segment with a symbol
 * table that is found by DT_HASH, one version of the symbols, and a note that names the kernel's version. */
#include "linux/vdso.h"

#include <elf.h>
#include <string.h>

#define SYMBOLS_MOST 16u
#define NOTE_SIZE    (12u + 8 + 4)

/* The image while it is filled, and where its parts are. */
struct writer {
    const struct vdso_spec *spec;
    uint8_t *image;
    size_t room, used;
    size_t symbols, strings, hash, versions, verdef, note, dynamic, code;
    size_t string_used;
};

static size_t reserve(struct writer *w, size_t size, size_t align)
{
    size_t at = align_up(w->used, align);

    w->used = at + size;
    assert(w->used <= w->room);
    return at;
}

static void put(struct writer *w, size_t *at, uint64_t value, size_t size)
{
    memcpy(w->image + *at, &value, size); /* guests are little-endian, as hosts are */
    *at += size;
}

static size_t word(const struct writer *w)
{
    return w->spec->bits32 ? 4 : 8;
}

static uint32_t elf_hash(const char *name)
{
    uint32_t h = 0;

    for (; *name; name++) {
        h = (h << 4) + (unsigned char)*name;
        h ^= h >> 24 & 0xf0;
        h &= 0x0fffffff;
    }
    return h;
}

static uint32_t add_string(struct writer *w, const char *s)
{
    size_t at = w->string_used, size = strlen(s) + 1;

    memcpy(w->image + w->strings + at, s, size);
    w->string_used += size;
    return (uint32_t)at;
}

static void put_symbol(struct writer *w, unsigned i, uint32_t name, unsigned type, unsigned section, uint64_t value, uint64_t size)
{
    size_t at = w->symbols + i * (w->spec->bits32 ? sizeof(Elf32_Sym) : sizeof(Elf64_Sym)), version = w->versions + i * 2;

    put(w, &at, name, 4);
    if (w->spec->bits32) {
        put(w, &at, value, 4);
        put(w, &at, size, 4);
    }
    put(w, &at, ELF64_ST_INFO(STB_GLOBAL, type), 1);
    put(w, &at, STV_DEFAULT, 1);
    put(w, &at, section, 2);
    if (!w->spec->bits32) {
        put(w, &at, value, 8);
        put(w, &at, size, 8);
    }
    put(w, &version, 2, 2);
}

static void put_code(struct writer *w, uint32_t version, uint32_t *offsets)
{
    const struct vdso_spec *s = w->spec;
    size_t end = w->used, at = w->code + s->lead;

    for (size_t i = w->code; i < end; i += s->nop_size)
        memcpy(w->image + i, s->nop, s->nop_size);
    for (unsigned i = 0; i < s->count; i++) {
        const struct vdso_function *f = &s->functions[i];

        memcpy(w->image + at, f->code, f->size);
        put_symbol(w, i + 1, add_string(w, f->name), STT_FUNC, 1, at, f->size);
        offsets[i] = (uint32_t)at;
        at = align_up(at + f->size, 16) + s->lead;
    }
    put_symbol(w, s->count + 1, version, STT_OBJECT, SHN_ABS, 0, 0);
    at = w->hash;
    put(w, &at, 1, 4);
    put(w, &at, s->count + 2, 4);
    put(w, &at, 1, 4); /* the bucket: symbol 1, then each the next */
    put(w, &at, 0, 4);
    for (unsigned i = 1; i <= s->count; i++)
        put(w, &at, i < s->count ? i + 1 : 0, 4);
}

static void put_versions(struct writer *w, uint32_t soname, uint32_t version)
{
    const char *names[2] = {w->spec->soname, w->spec->version};
    uint32_t strings[2] = {soname, version};
    size_t at = w->verdef;

    for (unsigned i = 0; i < 2; i++) {
        put(w, &at, 1, 2);                    /* vd_version */
        put(w, &at, i ? 0 : VER_FLG_BASE, 2);
        put(w, &at, i + 1, 2);                /* vd_ndx */
        put(w, &at, 1, 2);                    /* vd_cnt */
        put(w, &at, elf_hash(names[i]), 4);
        put(w, &at, sizeof(Elf64_Verdef), 4); /* vd_aux */
        put(w, &at, i ? 0 : sizeof(Elf64_Verdef) + sizeof(Elf64_Verdaux), 4);
        put(w, &at, strings[i], 4);
        put(w, &at, 0, 4);
    }
    at = w->note;
    put(w, &at, 6, 4);
    put(w, &at, 4, 4);
    put(w, &at, 0, 4);
    memcpy(w->image + at, "Linux", 6);
    at += 8;
    put(w, &at, 6 << 16 | 1 << 8, 4);
}

static void put_dynamic(struct writer *w, uint32_t soname)
{
    const uint64_t entries[][2] = {
        {DT_SONAME, soname},       {DT_HASH, w->hash},
        {DT_STRTAB, w->strings},   {DT_SYMTAB, w->symbols},
        {DT_STRSZ, w->string_used}, {DT_SYMENT, w->spec->bits32 ? sizeof(Elf32_Sym) : sizeof(Elf64_Sym)},
        {DT_VERDEF, w->verdef},    {DT_VERDEFNUM, 2},
        {DT_VERSYM, w->versions},  {DT_NULL, 0},
    };
    size_t at = w->dynamic;

    for (size_t i = 0; i < ARRAY_LEN(entries); i++) {
        put(w, &at, entries[i][0], word(w));
        put(w, &at, entries[i][1], word(w));
    }
}

static void put_segment(struct writer *w, size_t *at, unsigned type, unsigned flags, size_t offset, size_t size, size_t align)
{
    put(w, at, type, 4);
    if (!w->spec->bits32)
        put(w, at, flags, 4);
    put(w, at, offset, word(w)); /* p_offset */
    put(w, at, offset, word(w)); /* p_vaddr */
    put(w, at, offset, word(w)); /* p_paddr */
    put(w, at, size, word(w));
    put(w, at, size, word(w));
    if (w->spec->bits32)
        put(w, at, flags, 4);
    put(w, at, align, word(w));
}

static void put_headers(struct writer *w)
{
    bool small = w->spec->bits32;
    size_t at = EI_NIDENT, head = small ? sizeof(Elf32_Ehdr) : sizeof(Elf64_Ehdr);

    memcpy(w->image, small ? "\177ELF\1\1\1" : "\177ELF\2\1\1", 7);
    put(w, &at, ET_DYN, 2);
    put(w, &at, w->spec->machine, 2);
    put(w, &at, EV_CURRENT, 4);
    put(w, &at, 0, word(w));    /* e_entry */
    put(w, &at, head, word(w)); /* e_phoff */
    put(w, &at, 0, word(w));    /* e_shoff */
    put(w, &at, 0, 4);          /* e_flags */
    put(w, &at, head, 2);
    put(w, &at, small ? sizeof(Elf32_Phdr) : sizeof(Elf64_Phdr), 2);
    put(w, &at, 3, 2);
    at = head;
    put_segment(w, &at, PT_LOAD, PF_R | PF_X, 0, w->used, 0x1000);
    put_segment(w, &at, PT_DYNAMIC, PF_R, w->dynamic, 10 * 2 * word(w), word(w));
    put_segment(w, &at, PT_NOTE, PF_R, w->note, NOTE_SIZE, 4);
}

size_t vdso_build(void *image, size_t room, const struct vdso_spec *spec, uint32_t *offsets)
{
    struct writer w = {.spec = spec, .image = image, .room = room, .string_used = 1};
    unsigned symbols = spec->count + 2;
    size_t strings = 1 + strlen(spec->soname) + 1 + strlen(spec->version) + 1, code = 0;

    assert(symbols <= SYMBOLS_MOST);
    memset(image, 0, room);
    for (unsigned i = 0; i < spec->count; i++) {
        strings += strlen(spec->functions[i].name) + 1;
        code += align_up(spec->functions[i].size, 16) + 16;
    }
    reserve(&w, spec->bits32 ? sizeof(Elf32_Ehdr) + 3 * sizeof(Elf32_Phdr) : sizeof(Elf64_Ehdr) + 3 * sizeof(Elf64_Phdr), 8);
    w.dynamic = reserve(&w, 10 * 2 * word(&w), 8);
    w.symbols = reserve(&w, symbols * (spec->bits32 ? sizeof(Elf32_Sym) : sizeof(Elf64_Sym)), 8);
    w.hash = reserve(&w, (2 + 1 + symbols) * 4, 4);
    w.versions = reserve(&w, symbols * 2, 4);
    w.verdef = reserve(&w, 2 * (sizeof(Elf64_Verdef) + sizeof(Elf64_Verdaux)), 4);
    w.note = reserve(&w, NOTE_SIZE, 4);
    w.strings = reserve(&w, strings, 1);
    w.code = reserve(&w, code, 64);

    uint32_t soname = add_string(&w, spec->soname), version = add_string(&w, spec->version);

    put_code(&w, version, offsets);
    put_versions(&w, soname, version);
    put_dynamic(&w, soname);
    put_headers(&w);
    return w.used;
}
