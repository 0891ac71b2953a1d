/* Text of instructions.  The tables' asm templates call arm64_fmt_NAME(text, values…) for
 * {NAME:values}; prototypes are in the generated arm64_isa.h. */
#pragma once
#include "support/base.h"

struct arm64_text {
    char *out;
    size_t size, len; /* len: as snprintf, may exceed size */
    uint64_t pc;
};

void arm64_text_puts(struct arm64_text *t, const char *s);
void arm64_text_printf(struct arm64_text *t, const char *fmt, ...) PRINTF(2, 3);
/* A number as everywhere in our text: decimal up to 9, else hexadecimal; negative ones with '-'. */
void arm64_text_number(struct arm64_text *t, int64_t v);
