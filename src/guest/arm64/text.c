/* Text of instructions: the formatters that asm templates in the tables name.  The form is the manual's
 * preferred disassembly; numbers as Capstone prints them (decimal up to 9, else hexadecimal). */
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

void arm64_text_puts(struct arm64_text *t, const char *s) { arm64_text_printf(t, "%s", s); }

void arm64_text_number(struct arm64_text *t, int64_t v)
{
    uint64_t magnitude = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    arm64_text_printf(t, magnitude > 9 ? "#%s0x%llx" : "#%s%llu", v < 0 ? "-" : "", (unsigned long long)magnitude);
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
void arm64_fmt_i(struct arm64_text *t, uint32_t v) { arm64_text_number(t, v); }

/* ", lsl #12" of an ADD immediate. */
void arm64_fmt_lsl12(struct arm64_text *t, uint32_t sh)
{
    if (sh)
        arm64_text_puts(t, ", lsl #12");
}
