/* Text of vector and floating-point operands: the formatters that the tables simd_*.isa and fp_*.isa name.
 * A size is the logarithm of an element's size in bytes: 0 b, 1 h, 2 s, 3 d, 4 q. */
#include "arm64_isa.h"
#include "guest/arm64/text.h"

static const char letters[] = "bhsdq";

/* Vn.T: all elements of 64 (Q 0) or 128 bits. */
void arm64_fmt_v(struct arm64_text *t, uint32_t n, uint32_t size, uint32_t q)
{
    arm64_text_printf(t, "v%u.%u%c", n, (q ? 16u : 8u) >> size, letters[size]);
}
/* Half as many half-precision elements: FMLAL's sources. */
void arm64_fmt_vh(struct arm64_text *t, uint32_t n, uint32_t q) { arm64_text_printf(t, "v%u.%uh", n, q ? 4u : 2u); }
/* The two elements that a scalar pairwise operation reads. */
void arm64_fmt_vp(struct arm64_text *t, uint32_t n, uint32_t size)
{
    arm64_text_printf(t, "v%u.2%c", n, letters[size]);
}
/* Scalar register. */
void arm64_fmt_s(struct arm64_text *t, uint32_t n, uint32_t size) { arm64_text_printf(t, "%c%u", letters[size], n); }
/* "b" or "t" of BFMLALB and BFMLALT. */
void arm64_fmt_bt(struct arm64_text *t, uint32_t top) { arm64_text_puts(t, top ? "t" : "b"); }
/* A rotation in degrees. */
void arm64_fmt_rot(struct arm64_text *t, uint32_t degrees) { arm64_text_printf(t, "#%u", degrees); }
/* "2" of an instruction that works on high halves. */
void arm64_fmt_two(struct arm64_text *t, uint32_t q) { arm64_text_puts(t, q ? "2" : ""); }
