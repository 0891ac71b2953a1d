/* Coverage of the tables.  What forms a row has is found out by decoding: each prefix, REX or VEX form, and addressing form
 * around its opcode, one kind at a time.  A form is a bit below; what was run is noted in the same bits. */
#include "coverage.h"
#include "guest/x86/lift.h"
#include <stdio.h>
#include <string.h>

#define ROWS_MAX 2048

enum form {
    SIZE16, SIZE32, SIZE64, ADDRESS16, ADDRESS32, ADDRESS64, MEMORY, REGISTER, LOCKED, REP, REPNE, SEGMENT, SEGMENT_FS, SEGMENT_GS, REX,
    REX_W, WIDE, LONG, HIGH_REGISTERS, HIGH_BYTES, INDEXED, RIP_RELATIVE, FORMS,
};
static const char *const form_names[FORMS] = {
    "o16", "o32", "o64", "a16", "a32", "a64", "memory", "register", "lock", "rep", "repne", "segment", "fs", "gs", "rex", "rex.w", "W", "256",
    "r8-15", "ah-dh", "index", "rip",
};

static uint32_t seen[2][ROWS_MAX];

static uint32_t forms_of(const struct x86_insn *in, bool mode64)
{
    uint32_t f = 1u << (in->opsize == 2 ? SIZE16 : in->opsize == 4 ? SIZE32 : SIZE64);
    bool memory = false, string = false, vector_index = in->row->lift == x86_lift_gather;
    for (unsigned i = 0; i < 4; i++) {
        const struct x86_operand *op = &in->op[i];
        memory |= op->kind == X86_OPERAND_MEM;
        string |= op->kind == X86_OPERAND_STRING;
        bool any = op->kind == X86_OPERAND_GPR || op->kind == X86_OPERAND_XMM;
        f |= any && op->reg >= 8 ? 1u << HIGH_REGISTERS : 0;
        f |= op->kind == X86_OPERAND_HIGH ? 1u << HIGH_BYTES : 0;
    }
    if (memory || string)
        f |= 1u << (in->addrsize == 2 ? ADDRESS16 : in->addrsize == 4 ? ADDRESS32 : ADDRESS64);
    if (in->row->attrs & X86_ATTR_modrm)
        f |= 1u << (memory ? MEMORY : REGISTER);
    if (memory && in->index != X86_NO_REG && !vector_index)
        f |= 1u << INDEXED;
    if (memory && in->base == X86_RIP)
        f |= 1u << RIP_RELATIVE;
    if ((memory || string) && in->segment != X86_NO_SEGMENT)
        f |= 1u << (in->segment == X86_FS ? SEGMENT_FS : in->segment == X86_GS ? SEGMENT_GS : SEGMENT);
    if (in->row->attrs & (X86_ATTR_rep | X86_ATTR_repe))
        f |= in->rep == 0xf3 ? 1u << REP : in->rep == 0xf2 ? 1u << REPNE : 0;
    f |= in->lock ? 1u << LOCKED : 0;
    f |= mode64 && in->rex ? 1u << (in->rex & 8 ? REX_W : REX) : 0;
    f |= in->vex && in->wide ? 1u << WIDE : 0;
    f |= in->vex && in->vex_l ? 1u << LONG : 0;
    return f;
}

void coverage_note(const struct x86_case *c)
{
    seen[c->mode64][c->row - x86_rows] |= forms_of(&c->in, c->mode64);
}

/* One encoding: prefix, REX or (VEX) W and L, mandatory prefix, ModRM. */
static uint32_t forms_at(const struct x86_row *row, bool mode64, unsigned prefix, unsigned rex, unsigned pfx, unsigned modrm)
{
    uint8_t b[16] = {0}, *p = b;
    struct x86_insn in;
    if (prefix)
        *p++ = (uint8_t)prefix;
    if (row->vex) {
        *p++ = 0xc4;
        *p++ = (uint8_t)((rex & 4 ? 0x60 : 0xe0) | row->map);
        *p++ = (uint8_t)((rex & 1 ? 0x80 : 0) | 0x78 | (rex & 2 ? 4 : 0) | (pfx == 2 ? 1 : pfx == 4 ? 2 : pfx == 8 ? 3 : 0));
        if (row->attrs & X86_ATTR_vvvv)
            p[-1] = (uint8_t)(p[-1] & ~0x10); /* not a register that is used otherwise */
    } else {
        if (pfx > 1)
            *p++ = pfx == 2 ? 0x66 : pfx == 4 ? 0xf3 : 0xf2;
        if (rex)
            *p++ = (uint8_t)rex;
        if (row->map)
            *p++ = 0x0f;
        if (row->map > 1)
            *p++ = row->map == 2 ? 0x38 : 0x3a;
    }
    *p++ = row->opcode;
    if (row->attrs & X86_ATTR_modrm) {
        *p++ = (uint8_t)modrm;
        *p = 0x24; /* SIB: RSP, no index */
    }
    return x86_decode(b, 15, mode64, &in) == X86_DECODE_OK && in.row == row ? forms_of(&in, mode64) : 0;
}

static uint32_t forms_possible(const struct x86_row *row, bool mode64)
{
    static const uint8_t prefixes[] = {0, 0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x2e, 0x64, 0x65}, rexes[] = {0, 0x40, 0x48, 0x4d};
    uint32_t f = 0;
    for (unsigned i = 0; i < ARRAY_LEN(prefixes); i++)
        for (unsigned r = 0; r < (row->vex ? 8 : mode64 ? ARRAY_LEN(rexes) : 1); r++)
            for (unsigned pfx = 1; pfx <= 8; pfx *= 2)
                for (unsigned m = 0; m < (row->attrs & X86_ATTR_modrm ? 64 : 1) && (row->pfx & pfx); m++) {
                    unsigned reg = row->reg >= 0 ? (unsigned)row->reg : m & 1 ? 5 : 1;
                    unsigned rm = row->rm >= 0 ? (unsigned)row->rm : m >> 1 & 7;
                    f |= forms_at(row, mode64, prefixes[i], row->vex ? r : rexes[r], pfx, (m >> 4) << 6 | reg << 3 | rm);
                }
    return f;
}

/* Forms that cases.c does not make on purpose. */
static uint32_t forms_left_out(const struct x86_row *row, bool mode64)
{
    uint32_t f = 0;
    if (mode64 && (row->attrs & X86_ATTR_f64))
        f |= 1u << SIZE16; /* near branches of 16 bits: AMD's processors have them in 64-bit mode, Intel's and we do not */
    if (row->lift == x86_lift_movsxd)
        f |= 1u << SIZE16; /* reads 32 bits on AMD's */
    if (row->lift == x86_lift_load_far || (row->lift == x86_lift_far && (row->attrs & X86_ATTR_modrm)))
        f |= 1u << SIZE64 | 1u << REX_W; /* offsets of 64 bits, which AMD's do not have */
    return f;
}

static void print_forms(uint32_t f)
{
    for (unsigned i = 0; i < FORMS; i++)
        if (f >> i & 1)
            printf(" %s", form_names[i]);
}

unsigned coverage_report(unsigned mode, bool all)
{
    unsigned missing = 0, complete = 0, forms = 0;
    for (unsigned i = 0; i < x86_row_count && i < ROWS_MAX; i++)
        for (unsigned mode64 = 0; mode64 < 2; mode64++) {
            const struct x86_row *row = &x86_rows[i];
            if (!(row->modes & (mode64 ? 2 : 1)) || (mode && mode != (mode64 ? 64 : 32)))
                continue;
            const char *why = case_why_not(row);
            if (why) {
                if (all)
                    printf("not compared: %s (%d), %s\n", row->name, mode64 ? 64 : 32, why);
                continue;
            }
            uint32_t wanted = forms_possible(row, mode64) & ~forms_left_out(row, mode64), left = wanted & ~seen[mode64][i];
            forms += (unsigned)__builtin_popcount(wanted);
            complete += !left;
            if (!left)
                continue;
            missing++;
            printf("%s %s (%d), lacking:", seen[mode64][i] ? "not in all forms:" : "never run:", row->name, mode64 ? 64 : 32);
            print_forms(left);
            printf("\n");
        }
    printf("coverage: %u rows (each mode counts) in all their forms, %u forms; %u not\n", complete, forms, missing);
    return missing;
}
