/* Text of instructions: the formatters that asm templates in the tables name.  The form is the
 * manual's preferred disassembly; numbers as Capstone prints them (decimal up to 9, else
 * hexadecimal). */
#include "guest/arm64/text.h"
#include "arm64_isa.h"
#include <stdarg.h>
#include <stdio.h>

void arm64_text_printf(struct arm64_text *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    size_t room = t->len < t->size ? t->size - t->len : 0;
    int n = vsnprintf(room ? t->out + t->len : NULL, room, fmt, ap);
    va_end(ap);
    if (n > 0)
        t->len += (size_t)n;
}

void arm64_text_puts(struct arm64_text *t, const char *s)
{
    arm64_text_printf(t, "%s", s);
}

void arm64_text_number(struct arm64_text *t, int64_t v)
{
    uint64_t magnitude = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    arm64_text_printf(t, magnitude > 9 ? "#%s0x%llx" : "#%s%llu", v < 0 ? "-" : "",
                      (unsigned long long)magnitude);
}

/* General register of the given size; 31 is zr (r) or sp (rs). */
void arm64_fmt_r(struct arm64_text *t, uint32_t n, uint32_t sf)
{
    if (n == 31)
        arm64_text_puts(t, sf ? "xzr" : "wzr");
    else
        arm64_text_printf(t, "%c%u", sf ? 'x' : 'w', n);
}
void arm64_fmt_rs(struct arm64_text *t, uint32_t n, uint32_t sf)
{
    if (n == 31)
        arm64_text_puts(t, sf ? "sp" : "wsp");
    else
        arm64_text_printf(t, "%c%u", sf ? 'x' : 'w', n);
}

/* Unsigned immediate. */
void arm64_fmt_i(struct arm64_text *t, uint32_t v)
{
    arm64_text_number(t, v);
}

/* A plain number. */
void arm64_fmt_n(struct arm64_text *t, uint32_t v)
{
    arm64_text_printf(t, "%u", v);
}

/* Signed immediate of the given width; the same scaled by 1 << scale (pairs). */
void arm64_fmt_si(struct arm64_text *t, uint32_t v, uint32_t width)
{
    arm64_text_number(t, sign_extend(v, width));
}
void arm64_fmt_si7(struct arm64_text *t, uint32_t v, uint32_t scale)
{
    arm64_text_number(t, sign_extend(v, 7) * (1 << scale));
}

/* ", #offset" unless it is 0: unsigned, signed 9-bit, signed 7-bit scaled. */
static void offset(struct arm64_text *t, int64_t v)
{
    if (v) {
        arm64_text_puts(t, ", ");
        arm64_text_number(t, v);
    }
}
void arm64_fmt_off(struct arm64_text *t, uint32_t v)
{
    offset(t, v);
}
void arm64_fmt_off9(struct arm64_text *t, uint32_t v)
{
    offset(t, sign_extend(v, 9));
}
void arm64_fmt_off7(struct arm64_text *t, uint32_t v, uint32_t scale)
{
    offset(t, sign_extend(v, 7) * (1 << scale));
}

/* ---- immediates of data processing
 * ----------------------------------------------------------------- */

/* ", lsl #12" of an ADD immediate, ", lsl #16 * hw" of a wide move. */
void arm64_fmt_lsl12(struct arm64_text *t, uint32_t sh)
{
    if (sh)
        arm64_text_puts(t, ", lsl #12");
}
void arm64_fmt_lsl16(struct arm64_text *t, uint32_t hw)
{
    if (hw)
        arm64_text_printf(t, ", lsl #%u", hw * 16);
}

/* A register's new value, as a signed number. */
static void value(struct arm64_text *t, uint32_t sf, uint64_t v)
{
    arm64_text_number(t, sf ? (int64_t)v : (int64_t)(int32_t)v);
}
void arm64_fmt_movz(struct arm64_text *t, uint32_t sf, uint32_t hw, uint32_t imm)
{
    value(t, sf, (uint64_t)imm << (16 * hw));
}
void arm64_fmt_movn(struct arm64_text *t, uint32_t sf, uint32_t hw, uint32_t imm)
{
    value(t, sf, ~((uint64_t)imm << (16 * hw)));
}
void arm64_fmt_bitmask_mov(struct arm64_text *t, uint32_t sf, uint32_t n, uint32_t immr,
                           uint32_t imms)
{
    value(t, sf, arm64_bitmask(sf, n, immr, imms));
}
void arm64_fmt_bitmask(struct arm64_text *t, uint32_t sf, uint32_t n, uint32_t immr, uint32_t imms)
{
    arm64_text_printf(t, "#0x%llx", (unsigned long long)arm64_bitmask(sf, n, immr, imms));
}

/* ---- addresses in code
 * ------------------------------------------------------------------------------- */

void arm64_fmt_adr(struct arm64_text *t, uint32_t imm)
{
    arm64_text_number(t, (int64_t)(t->pc + (uint64_t)sign_extend(imm, 21)));
}
void arm64_fmt_adrp(struct arm64_text *t, uint32_t imm)
{
    arm64_text_number(t, (int64_t)((t->pc & ~0xfffull) + ((uint64_t)sign_extend(imm, 21) << 12)));
}
void arm64_fmt_label(struct arm64_text *t, uint32_t imm, uint32_t width)
{
    arm64_text_number(t, (int64_t)(t->pc + (uint64_t)sign_extend(imm, width) * 4));
}

/* ---- shifts and extensions
 * ---------------------------------------------------------------------------- */

static const char *const extensions[8] = {"uxtb", "uxth", "uxtw", "uxtx",
                                          "sxtb", "sxth", "sxtw", "sxtx"};

/* ", lsl #3" of a shifted register; nothing for LSL by 0. */
void arm64_fmt_shift(struct arm64_text *t, uint32_t shift, uint32_t amount)
{
    static const char *const kinds[4] = {"lsl", "lsr", "asr", "ror"};
    if (shift || amount)
        arm64_text_printf(t, ", %s #%u", kinds[shift], amount);
}

/* ", uxtw #2" of an extended register; lsl: that extension is spelt LSL, and left out when it is by
 * 0. */
void arm64_fmt_extend(struct arm64_text *t, uint32_t option, uint32_t amount, uint32_t lsl)
{
    if (lsl && amount == 0)
        return;
    arm64_text_printf(t, ", %s", lsl ? "lsl" : extensions[option]);
    if (amount)
        arm64_text_printf(t, " #%u", amount);
}

/* The same in an address, where S says whether to shift by the access's size. */
void arm64_fmt_extmem(struct arm64_text *t, uint32_t option, uint32_t S, uint32_t size)
{
    if (option == 3 && !S)
        return;
    arm64_text_printf(t, ", %s", option == 3 ? "lsl" : extensions[option]);
    if (S)
        arm64_text_printf(t, " #%u", size);
}

/* ---- names
 * --------------------------------------------------------------------------------------------- */

void arm64_fmt_cond(struct arm64_text *t, uint32_t cond)
{
    static const char *const conds[16] = {"eq", "ne", "hs", "lo", "mi", "pl", "vs", "vc",
                                          "hi", "ls", "ge", "lt", "gt", "le", "al", "nv"};
    arm64_text_puts(t, conds[cond]);
}

void arm64_fmt_barrier(struct arm64_text *t, uint32_t CRm)
{
    static const char *const domains[16] = {NULL,    "oshld", "oshst", "osh",   NULL,    "nshld",
                                            "nshst", "nsh",   NULL,    "ishld", "ishst", "ish",
                                            NULL,    "ld",    "st",    "sy"};
    if (domains[CRm])
        arm64_text_puts(t, domains[CRm]);
    else
        arm64_text_number(t, CRm);
}

void arm64_fmt_prfop(struct arm64_text *t, uint32_t op)
{
    static const char *const kinds[3] = {"pld", "pli", "pst"};
    if (op >> 3 == 3 || (op >> 1 & 3) == 3)
        arm64_text_number(t, op);
    else
        arm64_text_printf(t, "%sl%u%s", kinds[op >> 3], (op >> 1 & 3) + 1,
                          op & 1 ? "strm" : "keep");
}

/* Acquire and release letters of an atomic operation. */
void arm64_fmt_ar(struct arm64_text *t, uint32_t acquire, uint32_t release)
{
    arm64_text_puts(t, acquire ? (release ? "al" : "a") : (release ? "l" : ""));
}

/* A system register by its encoding (op0's low bit:op1:CRn:CRm:op2): a name for what Linux lets EL0
 * read, else the generic form. */
void arm64_fmt_sysreg(struct arm64_text *t, uint32_t system)
{
    static const struct {
        uint16_t system;
        const char *name;
    } names[] = {
        {0x4000, "midr_el1"},         {0x4005, "mpidr_el1"},        {0x4006, "revidr_el1"},
        {0x4020, "id_aa64pfr0_el1"},  {0x4021, "id_aa64pfr1_el1"},  {0x4024, "id_aa64zfr0_el1"},
        {0x4028, "id_aa64dfr0_el1"},  {0x4029, "id_aa64dfr1_el1"},  {0x4030, "id_aa64isar0_el1"},
        {0x4031, "id_aa64isar1_el1"}, {0x4032, "id_aa64isar2_el1"}, {0x4038, "id_aa64mmfr0_el1"},
        {0x4039, "id_aa64mmfr1_el1"}, {0x403a, "id_aa64mmfr2_el1"},
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (names[i].system == system) {
            arm64_text_puts(t, names[i].name);
            return;
        }
    }
    arm64_text_printf(t, "s%u_%u_c%u_c%u_%u", 2 + (system >> 14), system >> 11 & 7,
                      system >> 7 & 15, system >> 3 & 15, system & 7);
}
