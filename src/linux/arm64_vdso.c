/* The Arm64 vdso: an ELF image made in memory at start.
 *
 * Its clock functions use HLT instructions that the translator knows within this mapping only
 * (arm64_set_vdso_range): HLT #0xDE00 takes a clock in X0 and gives X0 = 0, seconds in X2,
 * nanoseconds in X3, or X0 != 0 for a clock it leaves to the system call; 0xDE01 is CLOCK_REALTIME;
 * 0xDE02 as 0xDE00 for the resolution. The signal trampoline is the one unwinders know by its
 * instructions, with no label of the HLT kind.
 *
 * Symbols carry the version LINUX_2.6.39, found by DT_HASH. */
#include "linux/arm64.h"

#include <elf.h>
#include <string.h>

#include "guest/arm64/state.h"

#define HLT(n)           (0xd4400000u | (0xde00u + (n)) << 5)
#define SVC              0xd4000001u
#define RET              0xd65f03c0u
#define MOV_X8(n)        (0xd2800008u | (unsigned)(n) << 5)
#define MOV_X9_X0        0xaa0003e9u
#define MOV_X0_X9        0xaa0903e0u
#define CBNZ_X0(insns)   (0xb5000000u | (unsigned)(insns) << 5)
#define CBZ_X(r, insns)  (0xb4000000u | (unsigned)(insns) << 5 | (r))
#define CBNZ_X(r, insns) (0xb5000000u | (unsigned)(insns) << 5 | (r))
#define STP_X2_X3_X1     0xa9000c22u /* stp x2, x3, [x1] */
#define STP_X2_X3_X9     0xa9000d22u
#define MOV_W0_0         0x52800000u
#define MOV_X4_1000      0xd2807d04u
#define UDIV_X3_X3_X4    0x9ac40863u
#define NOP              0xd503201fu

static const uint32_t code_gettime[] = {
    MOV_X9_X0,
    HLT(0),
    CBNZ_X0(3),
    STP_X2_X3_X1,
    RET,
    /* not ours */ MOV_X0_X9,
    MOV_X8(113),
    SVC,
    RET,
};
static const uint32_t code_getres[] = {
    MOV_X9_X0,
    HLT(2),
    CBNZ_X0(4),
    CBZ_X(1, 2),
    STP_X2_X3_X1,
    RET,
    /* not ours */ MOV_X0_X9,
    MOV_X8(114),
    SVC,
    RET,
};
static const uint32_t code_gettimeofday[] = {
    CBNZ_X(1, 9),
    MOV_X9_X0,
    HLT(1),
    CBZ_X(9, 4),
    MOV_X4_1000,
    UDIV_X3_X3_X4,
    STP_X2_X3_X9,
    MOV_W0_0,
    RET,
    /* asks for a time zone */ MOV_X8(169),
    SVC,
    RET,
};
/* One NOP before it: unwinders look up the return address less one. */
static const uint32_t code_sigreturn[] = {MOV_X8(139), SVC};

static const struct {
    const char *name;
    const uint32_t *code;
    size_t size;
} functions[] = {
    {"__kernel_rt_sigreturn", code_sigreturn, sizeof(code_sigreturn)},
    {"__kernel_gettimeofday", code_gettimeofday, sizeof(code_gettimeofday)},
    {"__kernel_clock_gettime", code_gettime, sizeof(code_gettime)},
    {"__kernel_clock_getres", code_getres, sizeof(code_getres)},
};

#define SYMBOLS (ARRAY_LEN(functions) + 2) /* the null one, and the version's */
#define VERSION "LINUX_2.6.39"
#define SONAME  "linux-vdso.so.1"

struct vdso {
    Elf64_Ehdr eh;
    Elf64_Phdr ph[3];
    Elf64_Dyn dynamic[9];
    Elf64_Sym symbols[SYMBOLS];
    uint32_t hash[2 + 1 + SYMBOLS]; /* one bucket */
    Elf64_Versym versions[SYMBOLS + SYMBOLS % 2];
    struct {
        Elf64_Verdef def;
        Elf64_Verdaux aux;
    } verdef[2];
    struct {
        Elf64_Nhdr head;
        char name[8];
        uint32_t version;
    } note;
    char strings[256];
    _Alignas(64) uint32_t code[64];
};

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

static uint32_t add_string(struct vdso *v, uint32_t *used, const char *s)
{
    uint32_t at = *used;
    size_t size = strlen(s) + 1;

    assert(at + size <= sizeof(v->strings));
    memcpy(&v->strings[at], s, size);
    *used += (uint32_t)size;
    return at;
}

static void fill_symbols(struct vdso *v, uint32_t *strings, uint32_t version)
{
    uint32_t at = 1; /* words: the NOP */

    for (size_t i = 0; i < ARRAY_LEN(v->code); i++)
        v->code[i] = NOP;
    for (size_t i = 0; i < ARRAY_LEN(functions); i++) {
        Elf64_Sym *sym = &v->symbols[i + 1];

        memcpy(v->code + at, functions[i].code, functions[i].size);
        sym->st_name = add_string(v, strings, functions[i].name);
        sym->st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
        sym->st_shndx = 1;
        sym->st_value = offsetof(struct vdso, code) + at * 4;
        sym->st_size = functions[i].size;
        v->versions[i + 1] = 2;
        at += (uint32_t)(functions[i].size / 4 + 3) & ~3u;
    }
    assert(at <= ARRAY_LEN(v->code));
    v->symbols[SYMBOLS - 1] = (Elf64_Sym){
        .st_name = version, .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT), .st_shndx = SHN_ABS};
    v->versions[SYMBOLS - 1] = 2;
    v->hash[0] = 1;
    v->hash[1] = SYMBOLS;
    v->hash[2] = 1; /* the bucket: symbol 1, then each the next */
    for (size_t i = 1; i + 1 < SYMBOLS; i++)
        v->hash[3 + i] = (uint32_t)i + 1;
}

static void fill_versions(struct vdso *v, uint32_t soname, uint32_t version)
{
    const char *names[2] = {SONAME, VERSION};
    uint32_t at[2] = {soname, version};

    for (unsigned i = 0; i < 2; i++) {
        v->verdef[i].def = (Elf64_Verdef){
            .vd_version = 1,
            .vd_flags = i ? 0 : VER_FLG_BASE,
            .vd_ndx = (Elf64_Half)(i + 1),
            .vd_cnt = 1,
            .vd_hash = elf_hash(names[i]),
            .vd_aux = sizeof(Elf64_Verdef),
            .vd_next = i ? 0 : sizeof(v->verdef[0]),
        };
        v->verdef[i].aux.vda_name = at[i];
    }
}

static void fill_headers(struct vdso *v, uint32_t soname)
{
    const Elf64_Dyn dynamic[] = {
        {DT_SONAME, {soname}},
        {DT_HASH, {offsetof(struct vdso, hash)}},
        {DT_STRTAB, {offsetof(struct vdso, strings)}},
        {DT_SYMTAB, {offsetof(struct vdso, symbols)}},
        {DT_STRSZ, {sizeof(v->strings)}},
        {DT_SYMENT, {sizeof(Elf64_Sym)}},
        {DT_VERDEF, {offsetof(struct vdso, verdef)}},
        {DT_VERDEFNUM, {2}},
        {DT_VERSYM, {offsetof(struct vdso, versions)}},
    };
    /* DT_NULL is the zero that follows: the symbol table's first entry. */
    _Static_assert(offsetof(struct vdso, symbols) ==
                       offsetof(struct vdso, dynamic) + sizeof(v->dynamic),
                   "DT_NULL");

    memcpy(v->dynamic, dynamic, sizeof(dynamic));
    memcpy(v->eh.e_ident, "\177ELF\2\1\1", 7);
    v->eh.e_type = ET_DYN;
    v->eh.e_machine = EM_AARCH64;
    v->eh.e_version = EV_CURRENT;
    v->eh.e_phoff = offsetof(struct vdso, ph);
    v->eh.e_ehsize = sizeof(v->eh);
    v->eh.e_phentsize = sizeof(v->ph[0]);
    v->eh.e_phnum = 3;
    v->ph[0] = (Elf64_Phdr){PT_LOAD, PF_R | PF_X, 0, 0, 0, sizeof(*v), sizeof(*v), 0x1000};
    v->ph[1] = (Elf64_Phdr){PT_DYNAMIC,
                            PF_R,
                            offsetof(struct vdso, dynamic),
                            offsetof(struct vdso, dynamic),
                            offsetof(struct vdso, dynamic),
                            sizeof(v->dynamic) + sizeof(Elf64_Dyn),
                            sizeof(v->dynamic) + sizeof(Elf64_Dyn),
                            8};
    v->ph[2] = (Elf64_Phdr){PT_NOTE,
                            PF_R,
                            offsetof(struct vdso, note),
                            offsetof(struct vdso, note),
                            offsetof(struct vdso, note),
                            sizeof(v->note),
                            sizeof(v->note),
                            4};
    v->note.head = (Elf64_Nhdr){6, 4, 0};
    memcpy(v->note.name, "Linux", 6);
    v->note.version = 6 << 16 | 1 << 8;
}

size_t arm64_vdso(void *image, size_t room, uint64_t base, uint64_t *sigreturn)
{
    struct vdso *v = image;
    uint32_t strings = 1;

    assert(room >= sizeof(*v));
    memset(v, 0, sizeof(*v));
    uint32_t soname = add_string(v, &strings, SONAME), version = add_string(v, &strings, VERSION);

    fill_symbols(v, &strings, version);
    fill_versions(v, soname, version);
    fill_headers(v, soname);
    *sigreturn = base + v->symbols[1].st_value;
    arm64_set_vdso_range(base, base + sizeof(*v));
    return sizeof(*v);
}
