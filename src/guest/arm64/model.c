/* What the processor says of itself, and which extensions it has.
 *
 * It is an Armv8-A one of no known maker (MIDR implementer 0, "reserved for software use") without SVE, BTI,
 * PAC, MTE.  One table has the extensions: the name that rows of the instruction tables carry, the bit of
 * AT_HWCAP, the field of an identification register.  A model is a set of them; instructions of those it lacks
 * are undefined.  Identification registers are what Linux shows to EL0: of fields hidden from it the safe
 * value.  Manual: D19.2; Linux: Documentation/arch/arm64/cpu-feature-registers.rst. */
#include "guest/arm64/rows.h"
#include "guest/arm64/state.h"
#include <stdlib.h>
#include <string.h>

#define FIELD(pos, v)  ((uint64_t)(v) << (pos))
#define ID(crm, op2)   (3u << 14 | (crm) << 3 | (op2))
#define PFR0           ID(4, 0)
#define ISAR0          ID(6, 0)
#define ISAR1          ID(6, 1)
#define HWCAP2         64u /* bits from here up are AT_HWCAP2's */
#define HWCAP_FP       0
#define HWCAP_ASIMD    1
#define HWCAP_CPUID    11

enum { V8_0 = 1, V8_2 = 2 }; /* models with the extension, beside "max" */

static const struct extension {
    const char *name;
    uint8_t hwcap;
    uint8_t models;
    uint16_t id; /* the register whose field at `pos` this adds `value` to */
    uint8_t pos, value;
} extensions[] = {
    {"AES", 3, V8_0 | V8_2, ISAR0, 4, 1},
    {"PMULL", 4, V8_0 | V8_2, ISAR0, 4, 1},
    {"SHA1", 5, V8_0 | V8_2, ISAR0, 8, 1},
    {"SHA256", 6, V8_0 | V8_2, ISAR0, 12, 1},
    {"CRC32", 7, V8_0 | V8_2, ISAR0, 16, 1},
    {"LSE", 8, V8_2, ISAR0, 20, 2},
    {"FP16", 9, V8_2, PFR0, 16, 1},
    {"FP16", 10, V8_2, PFR0, 20, 1},
    {"RDM", 12, V8_2, ISAR0, 28, 1},
    {"JSCVT", 13, 0, ISAR1, 12, 1},
    {"FCMA", 14, 0, ISAR1, 16, 1},
    {"LRCPC", 15, V8_2, ISAR1, 20, 1},
    {"DPB", 16, V8_2, ISAR1, 0, 1},
    {"SHA3", 17, 0, ISAR0, 32, 1},
    {"DotProd", 20, V8_2, ISAR0, 44, 1},
    {"SHA512", 21, 0, ISAR0, 12, 1},
    {"FHM", 23, 0, ISAR0, 48, 1},
    {"LRCPC2", 26, 0, ISAR1, 20, 1},
    {"FLAGM", 27, 0, ISAR0, 52, 1},
    {"SB", 29, 0, ISAR1, 36, 1},
    {"FLAGM2", HWCAP2 + 7, 0, ISAR0, 52, 1},
    {"FRINTTS", HWCAP2 + 8, 0, ISAR1, 32, 1},
    {"I8MM", HWCAP2 + 13, 0, ISAR1, 52, 1},
    {"BF16", HWCAP2 + 14, 0, ISAR1, 44, 1},
};

const char *const arm64_models[] = {"max", "armv8.2", "armv8.0", NULL};

static unsigned model; /* index of arm64_models */
const bool *arm64_rows_lacking;

static bool has(const struct extension *x)
{
    return model == 0 || (x->models & (model == 1 ? V8_2 : V8_0));
}

static bool lacks_row(const struct arm64_row_info *row)
{
    for (size_t i = 0; i < ARRAY_LEN(extensions); i++)
        if (strcmp(extensions[i].name, row->feature) == 0)
            return !has(&extensions[i]);
    return false;
}

bool arm64_set_model(const char *name)
{
    unsigned n = 0;
    while (arm64_models[n] && strcmp(arm64_models[n], name))
        n++;
    bool *lacking = arm64_models[n] ? calloc(arm64_row_count, sizeof *lacking) : NULL;
    if (!lacking)
        return false;
    model = n;
    for (unsigned row = 1; row < arm64_row_count; row++)
        lacking[row] = lacks_row(&arm64_row_info[row]);
    free((bool *)(uintptr_t)arm64_rows_lacking);
    arm64_rows_lacking = lacking;
    return true;
}

/* Bits first .. first + 63 of what AT_HWCAP and AT_HWCAP2 have, one behind the other. */
static uint64_t hwcaps(unsigned first)
{
    uint64_t v = 0;
    for (size_t i = 0; i < ARRAY_LEN(extensions); i++)
        if (has(&extensions[i]) && extensions[i].hwcap / 64 == first / 64)
            v |= FIELD(extensions[i].hwcap - first, 1);
    return v;
}

uint64_t arm64_hwcap(void)
{
    return hwcaps(0) | FIELD(HWCAP_FP, 1) | FIELD(HWCAP_ASIMD, 1) | FIELD(HWCAP_CPUID, 1);
}

uint64_t arm64_hwcap2(void)
{
    return hwcaps(HWCAP2);
}

uint64_t arm64_id_register(unsigned encoding)
{
    uint64_t v = 0;
    switch (encoding) {
    case ID(0, 0): /* MIDR */
        return FIELD(16, 0xf) | FIELD(4, 0xde0);
    case ID(0, 5): /* MPIDR: RES1 only */
        return FIELD(31, 1);
    case PFR0: /* EL0 and EL1 AArch64 only */
        v = FIELD(0, 1) | FIELD(4, 1);
        break;
    case ID(7, 0): /* MMFR0: no 4 and 64 KiB granules to be known of (safe values) */
        return FIELD(24, 0xf) | FIELD(28, 0xf);
    default:
        break;
    }
    for (size_t i = 0; i < ARRAY_LEN(extensions); i++)
        if (has(&extensions[i]) && extensions[i].id == encoding)
            v += FIELD(extensions[i].pos, extensions[i].value);
    return v;
}
