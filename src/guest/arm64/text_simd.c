/* Text of vector and floating-point operands: the formatters that the tables simd_*.isa and
 * fp_*.isa name. A size is the logarithm of an element's size in bytes: 0 b, 1 h, 2 s, 3 d, 4 q. */
#include "arm64_isa.h"
#include "guest/arm64/text.h"

static const char letters[] = "bhsdq";

/* Vn.T: all elements of 64 (Q 0) or 128 bits. */
void arm64_fmt_v(struct arm64_text *t, uint32_t n, uint32_t size, uint32_t q)
{
    arm64_text_printf(t, "v%u.%u%c", n, (q ? 16u : 8u) >> size, letters[size]);
}
/* Half as many half-precision elements: FMLAL's sources. */
void arm64_fmt_vh(struct arm64_text *t, uint32_t n, uint32_t q)
{
    arm64_text_printf(t, "v%u.%uh", n, q ? 4u : 2u);
}
/* The two elements that a scalar pairwise operation reads. */
void arm64_fmt_vp(struct arm64_text *t, uint32_t n, uint32_t size)
{
    arm64_text_printf(t, "v%u.2%c", n, letters[size]);
}
/* Scalar register. */
void arm64_fmt_s(struct arm64_text *t, uint32_t n, uint32_t size)
{
    arm64_text_printf(t, "%c%u", letters[size], n);
}
/* "b" or "t" of BFMLALB and BFMLALT. */
void arm64_fmt_bt(struct arm64_text *t, uint32_t top)
{
    arm64_text_puts(t, top ? "t" : "b");
}
/* A rotation in degrees. */
void arm64_fmt_rot(struct arm64_text *t, uint32_t degrees)
{
    arm64_text_printf(t, "#%u", degrees);
}
/* "2" of an instruction that works on high halves. */
void arm64_fmt_two(struct arm64_text *t, uint32_t q)
{
    arm64_text_puts(t, q ? "2" : "");
}
/* One element: Vn.T[index]. */
void arm64_fmt_ve(struct arm64_text *t, uint32_t n, uint32_t size, uint32_t index)
{
    arm64_text_printf(t, "v%u.%c[%u]", n, letters[size], index);
}
/* Groups of four bytes or two halves: the elements of dot products. */
void arm64_fmt_v4b(struct arm64_text *t, uint32_t n, uint32_t index)
{
    arm64_text_printf(t, "v%u.4b[%u]", n, index);
}
void arm64_fmt_v2h(struct arm64_text *t, uint32_t n, uint32_t index)
{
    arm64_text_printf(t, "v%u.2h[%u]", n, index);
}

/* Registers from Rn on, in braces. */
void arm64_fmt_vl(struct arm64_text *t, uint32_t n, uint32_t count, uint32_t size, uint32_t q)
{
    for (uint32_t i = 0; i < count; i++) {
        arm64_text_puts(t, i ? ", " : "{");
        arm64_fmt_v(t, (n + i) % 32, size, q);
    }
    arm64_text_puts(t, "}");
}
/* The same with one element of each. */
void arm64_fmt_vle(struct arm64_text *t, uint32_t n, uint32_t count, uint32_t size, uint32_t index)
{
    for (uint32_t i = 0; i < count; i++)
        arm64_text_printf(t, "%sv%u.%c", i ? ", " : "{", (n + i) % 32, letters[size]);
    arm64_text_printf(t, "}[%u]", index);
}

/* An immediate that is always hexadecimal, or always decimal. */
void arm64_fmt_h(struct arm64_text *t, uint32_t v)
{
    arm64_text_printf(t, "#0x%x", v);
}
void arm64_fmt_i2(struct arm64_text *t, uint32_t v)
{
    arm64_text_printf(t, "#%u", v);
}
/* ", lsl #amount" unless it is 0. */
void arm64_fmt_lsl(struct arm64_text *t, uint32_t amount)
{
    if (amount)
        arm64_text_printf(t, ", lsl #%u", amount);
}
/* MOVI of 64 bits: destination, and the immediate of whose bits each makes a byte. */
void arm64_fmt_movd(struct arm64_text *t, uint32_t d, uint32_t q)
{
    arm64_text_printf(t, q ? "v%u.2d" : "d%u", d);
}
void arm64_fmt_m64(struct arm64_text *t, uint32_t imm8)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < 8; i++)
        if (imm8 >> i & 1)
            v |= 0xffull << 8 * i;
    arm64_text_printf(t, "#0x%llx", (unsigned long long)v);
}
/* The number an 8-bit floating-point immediate stands for: -1^s * (16 + f) / 16 * 2^e with e from
 * -3 to 4, in eight digits, all of them exact. */
void arm64_fmt_fimm(struct arm64_text *t, uint32_t imm8)
{
    uint32_t e = (imm8 >> 4 & 7) ^ 4;               /* exponent + 3 */
    uint64_t v = (uint64_t)(16 + (imm8 & 15)) << e; /* in 128ths */

    arm64_text_printf(t, "#%s%u.%08u", imm8 & 0x80 ? "-" : "", (unsigned)(v / 128),
                      (unsigned)(v % 128 * 100000000 / 128));
}
/* What a post-indexed structure access adds to its base. */
void arm64_fmt_post(struct arm64_text *t, uint32_t m, uint32_t bytes)
{
    if (m == 31)
        arm64_text_number(t, bytes);
    else
        arm64_text_printf(t, "x%u", m);
}
