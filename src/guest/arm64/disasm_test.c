/* Disassembly of random words of every row, compared with Capstone 4.0.2's.  Numbers are compared
 * by value (Capstone writes negative offsets as unsigned here and signed there).  Where Capstone is
 * wrong, or does not know an instruction, `differences` says so, and llvm_test.py, which compares
 * with llvm-mc, covers the row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "guest/arm64/rows.h"
#include "guest/guest.h"
#include <capstone/capstone.h>
#include <ctype.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#define WORDS 200
#define PC    0x123456000ull

/* Tables to compare: those whose name begins so. */
static const char *chapter = "";

/* Rows (a glob over names, or over features after '@') whose text differs for a reason that is not
 * ours. */
static struct difference {
    const char *rows, *why;
    unsigned seen;
} differences[] = {
    {"@LSE", "Capstone 4 knows of no Armv8.1 atomics", 0},
    {"@LRCPC", "not known", 0},
    {"@LRCPC2", "not known", 0},
    {"@FLAGM", "not known", 0},
    {"@FLAGM2", "not known", 0},
    {"@DPB", "not known: shown as SYS", 0},
    {"SB", "not known: shown as MSR", 0},
    {"UDF", "not known", 0},
    {"LDLAR*", "not known", 0},
    {"STLLR*", "not known", 0},
    {"MOVN", "the preferred alias is MOV", 0},
    {"MOVZ", "the preferred alias is MOV", 0},
    {"ORR_log_imm", "some MOV aliases of X registers are missed", 0},
    {"LDTR*", "refused when Rt = Rn, which is well defined: nothing is written back", 0},
    {"BFM", "the preferred alias is BFC (Armv8.2)", 0},
    {"HINT", "pointer authentication, BTI and barriers are not all known", 0},
    {"DSB", "SSBB and PSSBB are not known", 0},
    {"MSR_reg", "not readable at EL0: no names here; and op0 = 2 is shown as 3", 0},
    {"MRS", "as MSR_reg", 0},
    {"@FP16", "not known", 0},
    {"@RDM", "not known", 0},
    {"@DotProd", "not known", 0},
    {"@FCMA", "not known", 0},
    {"@JSCVT", "not known", 0},
    {"@FHM", "not known", 0},
    {"@SHA512", "not known", 0},
    {"@SHA3", "not known", 0},
    {"@FRINTTS", "not known", 0},
    {"@BF16", "not known", 0},
    {"@I8MM", "not known", 0},
    {"?SHLL_asimdshf", "the preferred alias is SXTL, UXTL", 0},
    {"DUP_asimdins_DR_r", "refused when the bits of imm5 that are ignored are not 0", 0},
    {"INS_asimdins*", "the preferred alias is MOV", 0},
    {"MRS_ID", "names of AArch32 registers; AA64ZFR0 is not known", 0},
};

static struct difference *difference_of(unsigned row)
{
    const struct arm64_row_info *info = &arm64_row_info[row];
    for (size_t i = 0; i < ARRAY_LEN(differences); i++) {
        const char *p = differences[i].rows;
        if (*p == '@' ? !strcmp(p + 1, info->feature) : !fnmatch(p, info->name, 0))
            return &differences[i];
    }
    return NULL;
}

/* Lower case, single blanks, every number as the same 64 bits in hexadecimal (or as %g). */
static void normalise(const char *in, char *out, size_t size)
{
    size_t n = 0;
    while (*in && n + 32 < size) {
        if (*in == '#' || (*in == '[' && isdigit((unsigned char)in[1]))) {
            size_t length = strspn(in + 1, "-+0123456789abcdefxABCDEF.");
            if (memchr(in, '.', length + 1))
                n += (size_t)snprintf(out + n, size - n, "#%g", strtod(in + 1, NULL));
            else
                n += (size_t)snprintf(out + n, size - n, "%c%llx", *in,
                                      in[1] == '-' ? 0ull - strtoull(in + 2, NULL, 0)
                                                   : strtoull(in + 1, NULL, 0));
            in += length + 1;
        } else if (isspace((unsigned char)*in)) {
            while (isspace((unsigned char)*in))
                in++;
            if (n && *in)
                out[n++] = ' ';
        } else {
            out[n++] = (char)tolower((unsigned char)*in++);
        }
    }
    out[n] = 0;
}

static void capstone_text(csh handle, uint32_t word, char *out, size_t size)
{
    cs_insn *insn;
    out[0] = 0;
    if (cs_disasm(handle, (const uint8_t *)&word, sizeof word, PC, 1, &insn) == 1) {
        char text[256];
        snprintf(text, sizeof text, "%s %s", insn->mnemonic, insn->op_str);
        normalise(text, out, size);
        cs_free(insn, 1);
    }
}

static uint32_t field(unsigned row, uint32_t word, const char *name)
{
    const struct arm64_row_field *f = arm64_row_field(row, name);
    return f ? (uint32_t)bits_get(word, f->pos, f->width) : 0;
}

/* A row of several precisions at half precision, which Capstone 4 does not know. */
static bool is_half(unsigned row, uint32_t word)
{
    bool by_immediate =
        (arm64_row_info[row].attrs & ARM64_ATTR_fp) && (field(row, word, "immh") & ~1u) == 2;
    return field(row, word, "ftype") == 3 || by_immediate;
}

static bool same(csh handle, uint32_t word)
{
    char text[256], ours[256], theirs[256];
    assert_int_equal(
        guest_arm64.disassemble(PC, (const uint8_t *)&word, sizeof word, text, sizeof text), 4);
    normalise(text, ours, sizeof ours);
    capstone_text(handle, word, theirs, sizeof theirs);
    if (strcmp(ours, theirs) == 0)
        return true;
    /* LDP with one register twice and the like: Capstone refuses some. */
    unsigned row = arm64_decode(word);
    if (!theirs[0] && (!arm64_row_predictable(row, word) || is_half(row, word)))
        return true;
    struct difference *d = difference_of(row);
    if (d) {
        d->seen++;
        return true;
    }
    fprintf(stderr, "%08x %s: ours '%s', Capstone '%s'\n", word, arm64_row_info[row].name, ours,
            theirs);
    return false;
}

static void test_every_row(void **state)
{
    csh handle;
    uint64_t rng = 42;
    unsigned bad = 0, words = 0, rows = 0, compared = 0;
    assert_int_equal(cs_open(CS_ARCH_ARM64, CS_MODE_LITTLE_ENDIAN, &handle), CS_ERR_OK);
    for (unsigned row = 1; row < arm64_row_count; row++) {
        if (strncmp(arm64_row_info[row].chapter, chapter, strlen(chapter)) != 0)
            continue;
        rows++;
        compared += difference_of(row) == NULL;
        for (unsigned i = 0, wrong = 0; i < WORDS && wrong < 3; i++, words++)
            wrong += !same(handle, arm64_row_random(row, &rng)), bad += wrong != 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(differences); i++) {
        if (!differences[i].seen) {
            fprintf(stderr, "no difference was seen for %s (%s)\n", differences[i].rows,
                    differences[i].why);
            bad++;
        }
    }
    cs_close(&handle);
    fprintf(stderr, "%u words of %u rows, of which %u equal Capstone's\n", words, rows, compared);
    assert_int_equal(bad, 0);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        chapter = argv[1];
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_row)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
