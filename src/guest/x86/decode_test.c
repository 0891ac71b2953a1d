/* The decoder against Zydis: the same validity, length and mnemonic for every first bytes of every opcode map with
 * systematic ModRM and prefixes, and for random bytes, in both modes.
 *
 *     x86-decode-test [random cases in millions, default 1]
 *
 * prints "N passed, N failed". What Zydis knows and this decoder does not offer is listed by extension. */
#include "guest/x86/decode.h"
#include <Zydis/Zydis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static ZydisDecoder decoders[2];
static unsigned long passed, failed;
static unsigned shown;

/* Extensions that no row has. */
static bool is_offered(const ZydisDecodedInstruction *z)
{
    switch (z->meta.isa_ext) {
    case ZYDIS_ISA_EXT_AMD3DNOW:
    case ZYDIS_ISA_EXT_AVX512EVEX:
    case ZYDIS_ISA_EXT_AVX512VEX:
    case ZYDIS_ISA_EXT_AVX_VNNI:
    case ZYDIS_ISA_EXT_AMX_BF16:
    case ZYDIS_ISA_EXT_AMX_INT8:
    case ZYDIS_ISA_EXT_AMX_TILE:
    case ZYDIS_ISA_EXT_CLDEMOTE:
    case ZYDIS_ISA_EXT_CLZERO:
    case ZYDIS_ISA_EXT_ENQCMD:
    case ZYDIS_ISA_EXT_FMA4:
    case ZYDIS_ISA_EXT_GFNI:
    case ZYDIS_ISA_EXT_HRESET:
    case ZYDIS_ISA_EXT_INVPCID:
    case ZYDIS_ISA_EXT_KEYLOCKER:
    case ZYDIS_ISA_EXT_KEYLOCKER_WIDE:
    case ZYDIS_ISA_EXT_KNC:
    case ZYDIS_ISA_EXT_KNCE:
    case ZYDIS_ISA_EXT_KNCV:
    case ZYDIS_ISA_EXT_MCOMMIT:
    case ZYDIS_ISA_EXT_MONITORX:
    case ZYDIS_ISA_EXT_MOVDIR:
    case ZYDIS_ISA_EXT_MPX:
    case ZYDIS_ISA_EXT_PADLOCK:
    case ZYDIS_ISA_EXT_PCONFIG:
    case ZYDIS_ISA_EXT_PKU:
    case ZYDIS_ISA_EXT_PT:
    case ZYDIS_ISA_EXT_RDPRU:
    case ZYDIS_ISA_EXT_SERIALIZE:
    case ZYDIS_ISA_EXT_SGX:
    case ZYDIS_ISA_EXT_SGX_ENCLV:
    case ZYDIS_ISA_EXT_SMX:
    case ZYDIS_ISA_EXT_AMD_INVLPGB:
    case ZYDIS_ISA_EXT_SNP:
    case ZYDIS_ISA_EXT_SSE4A:
    case ZYDIS_ISA_EXT_SVM:
    case ZYDIS_ISA_EXT_TBM:
    case ZYDIS_ISA_EXT_TDX:
    case ZYDIS_ISA_EXT_TSX_LDTRK:
    case ZYDIS_ISA_EXT_UINTR:
    case ZYDIS_ISA_EXT_VMFUNC:
    case ZYDIS_ISA_EXT_VTX:
    case ZYDIS_ISA_EXT_WAITPKG:
    case ZYDIS_ISA_EXT_XOP: return false;
    case ZYDIS_ISA_EXT_CET: /* without CET these are no-operations, the others undefined */
        return z->mnemonic == ZYDIS_MNEMONIC_ENDBR32 || z->mnemonic == ZYDIS_MNEMONIC_ENDBR64 ||
               z->mnemonic == ZYDIS_MNEMONIC_RDSSPD || z->mnemonic == ZYDIS_MNEMONIC_RDSSPQ;
    default: return true;
    }
}

static bool same_name(const char *ours, const char *zydis)
{
    for (; *ours && *zydis; ours++, zydis++)
        if (*ours != *zydis - (*zydis >= 'a' && *zydis <= 'z' ? 32 : 0))
            return false;
    return !*ours && !*zydis;
}

static void complain(const uint8_t *b, unsigned mode64, const char *what, const struct x86_insn *in, enum x86_decode d,
                     ZyanStatus zs, const ZydisDecodedInstruction *z)
{
    failed++;
    static char last[64];
    char key[64];
    snprintf(key, sizeof key, "%s%s%s", what, d == X86_DECODE_OK ? in->row->name : "-",
             ZYAN_SUCCESS(zs) ? ZydisMnemonicGetString(z->mnemonic) : "-");
    if (strcmp(key, last) == 0 || shown++ > 200)
        return;
    strcpy(last, key);
    printf("%d:", mode64 ? 64 : 32);
    for (unsigned i = 0; i < 15; i++)
        printf(" %02x", b[i]);
    printf(": %s: ours %s (%d, %u bytes), Zydis %s (%x, %u bytes, %s)\n", what, d == X86_DECODE_OK ? in->row->name : "-", d,
           in->length, ZYAN_SUCCESS(zs) ? ZydisMnemonicGetString(z->mnemonic) : "-", zs & 0xffff,
           ZYAN_SUCCESS(zs) ? z->length : 0, ZYAN_SUCCESS(zs) ? ZydisISAExtGetString(z->meta.isa_ext) : "");
}

/* The length that was understood, at least 1. */
static unsigned check(const uint8_t *b, unsigned mode64)
{
    struct x86_insn in;
    ZydisDecodedInstruction z;
    ZydisDecoderContext context;
    enum x86_decode d = x86_decode(b, 15, mode64, &in);
    ZyanStatus zs = ZydisDecoderDecodeInstruction(&decoders[mode64], &context, b, 15, &z);
    bool known = ZYAN_SUCCESS(zs) && is_offered(&z);
    if ((d == X86_DECODE_OK) != known)
        complain(b, mode64, "validity", &in, d, zs, &z);
    else if (known && in.length != z.length)
        complain(b, mode64, "length", &in, d, zs, &z);
    else if (known && z.mnemonic == ZYDIS_MNEMONIC_PAUSE && strcmp(in.row->name, "XCHG") == 0)
        passed++; /* F3 41 90: the processors exchange */
    else if (known && !same_name(in.row->name, ZydisMnemonicGetString(z.mnemonic)))
        complain(b, mode64, "name", &in, d, zs, &z);
    else
        passed++;
    return d == X86_DECODE_OK ? in.length : 1;
}

static uint64_t rng = 0x9e3779b97f4a7c15ull;
static uint64_t random64(void)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return rng * 0x2545f4914f6cdd1dull;
}

/* Every opcode of a map after a prefix, with every ModRM and some SIBs. */
static void walk(const uint8_t *prefix, unsigned n)
{
    uint8_t b[32];
    for (unsigned opcode = 0; opcode < 256; opcode++)
        for (unsigned modrm = 0; modrm < 256; modrm++)
            for (unsigned mode64 = 0; mode64 < 2; mode64++) {
                for (unsigned i = 0; i < sizeof b; i++)
                    b[i] = (uint8_t)random64();
                memcpy(b, prefix, n);
                b[n] = (uint8_t)opcode;
                b[n + 1] = (uint8_t)modrm;
                check(b, mode64);
            }
}

static void walk_legacy(void)
{
    static const uint8_t prefixes[][3] = {{0}, {1, 0x66}, {1, 0xf2}, {1, 0xf3}, {2, 0x66, 0xf3}, {2, 0xf2, 0x66}, {1, 0x48},
                                          {2, 0x66, 0x48}, {2, 0xf3, 0x49}, {1, 0x67}, {1, 0xf0}, {1, 0x2e}, {1, 0x41},
                                          {2, 0xf2, 0xf3}, {2, 0xf3, 0xf2}, {2, 0xf2, 0x4f}};
    static const uint8_t maps[][3] = {{0}, {1, 0x0f}, {2, 0x0f, 0x38}, {2, 0x0f, 0x3a}};
    for (unsigned p = 0; p < ARRAY_LEN(prefixes); p++)
        for (unsigned m = 0; m < ARRAY_LEN(maps); m++) {
            uint8_t b[8];
            memcpy(b, prefixes[p] + 1, prefixes[p][0]);
            memcpy(b + prefixes[p][0], maps[m] + 1, maps[m][0]);
            walk(b, prefixes[p][0] + maps[m][0]);
        }
}

static void walk_vex(void)
{
    for (unsigned map = 0; map < 5; map++)
        for (unsigned last = 0; last < 16; last++) { /* W, L, pp */
            uint8_t p1 = (uint8_t)((last & 8) << 4 | 0x78 | (last & 7));
            walk((const uint8_t[]){0xc4, (uint8_t)(0xe0 | map), p1}, 3);
            p1 = (uint8_t)(p1 & ~(random64() & 0x78));
            walk((const uint8_t[]){0xc4, (uint8_t)((random64() & 0xe0) | map), p1}, 3);
        }
    for (unsigned last = 0; last < 8; last++)
        walk((const uint8_t[]){0xc5, (uint8_t)(0xf8 | last)}, 2);
}

int main(int argc, char **argv)
{
    unsigned long random_cases = (argc > 1 ? strtoul(argv[1], NULL, 10) : 1) * 1000000;
    ZydisDecoderInit(&decoders[0], ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32);
    ZydisDecoderInit(&decoders[1], ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    for (unsigned m = 0; m < 2; m++) {
        ZydisDecoderEnableMode(&decoders[m], ZYDIS_DECODER_MODE_MPX, ZYAN_FALSE);
        ZydisDecoderEnableMode(&decoders[m], ZYDIS_DECODER_MODE_CLDEMOTE, ZYAN_FALSE);
        ZydisDecoderEnableMode(&decoders[m], ZYDIS_DECODER_MODE_WBNOINVD, ZYAN_FALSE);
        ZydisDecoderEnableMode(&decoders[m], ZYDIS_DECODER_MODE_KNC, ZYAN_FALSE);
    }
    walk_legacy();
    walk_vex();
    for (unsigned long i = 0; i < random_cases; i++) {
        uint8_t b[64];
        for (unsigned k = 0; k < sizeof b; k += 8) {
            uint64_t r = random64();
            memcpy(b + k, &r, 8);
        }
        for (unsigned at = 0; at + 15 <= sizeof b;)
            at += check(b + at, i & 1);
    }
    printf("%lu passed, %lu failed\n", passed, failed);
    return failed != 0;
}
