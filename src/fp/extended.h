/* Software x87: arithmetic on 80-bit numbers, bit- and flag-exact, with its rounding to 24, 53 or 64 bits.  Results
 * are those of masked exceptions, but for unmasked overflow and underflow, where their exponents are adjusted.  Manual: SDM vol. 1, chapters 4 and 8. */
#pragma once
#include "fp/fp.h"

struct fp80 {
    uint64_t sig; /* with the integer bit */
    uint16_t se;  /* sign and exponent */
};

/* Status word bits. */
#define FP80_IE 0x01u
#define FP80_DE 0x02u
#define FP80_ZE 0x04u
#define FP80_OE 0x08u
#define FP80_UE 0x10u
#define FP80_PE 0x20u
#define FP80_C1 0x200u /* of an inexact result: it was rounded up */

struct fp80_status {
    enum fp_round round;
    uint8_t precision; /* bits: 24, 53, 64 */
    uint8_t unmasked;  /* FP80_OE, FP80_UE: results of arithmetic come with the exponent adjusted by 24576 */
    uint32_t flags;    /* FP80_*, or-ed into */
};

extern const struct fp80 fp80_indefinite;

struct fp80 fp80_add(struct fp80 a, struct fp80 b, struct fp80_status *s);
struct fp80 fp80_sub(struct fp80 a, struct fp80 b, struct fp80_status *s);
struct fp80 fp80_mul(struct fp80 a, struct fp80 b, struct fp80_status *s);
struct fp80 fp80_div(struct fp80 a, struct fp80 b, struct fp80_status *s);
struct fp80 fp80_sqrt(struct fp80 a, struct fp80_status *s);
struct fp80 fp80_rint(struct fp80 a, struct fp80_status *s);
/* a * 2^(b towards zero) */
struct fp80 fp80_scale(struct fp80 a, struct fp80 b, struct fp80_status *s);
/* a - n * b, n the quotient rounded towards zero, or to nearest (`ieee`); *quotient its low three bits; *partial: the exponents
 * are so far apart that this is only a part of the way. */
struct fp80 fp80_rem(struct fp80 a, struct fp80 b, bool ieee, unsigned *quotient, bool *partial, struct fp80_status *s);
/* a's exponent as a number, and its significand in [1, 2). */
void fp80_extract(struct fp80 a, struct fp80 *exponent, struct fp80 *significand, struct fp80_status *s);
/* `quiet`: only signalling NaNs raise FP80_IE. */
enum fp_order fp80_compare(struct fp80 a, struct fp80 b, bool quiet, struct fp80_status *s);

/* Exact; denormal operands raise; a signalling NaN stays one. `from` is IR_F32 or IR_F64. */
struct fp80 fp80_from_float(enum ir_type from, uint64_t v, struct fp80_status *s);
struct fp80 fp80_from_int(int64_t v);
uint64_t fp80_to_float(enum ir_type to, struct fp80 a, struct fp80_status *s);
/* To an integer of `bits`; out of range: the most negative, and FP80_IE. */
int64_t fp80_to_int(struct fp80 a, enum fp_round round, unsigned bits, struct fp80_status *s);

static inline bool fp80_is_nan(struct fp80 a)
{
    return (a.se & 0x7fff) == 0x7fff && a.sig << 1;
}
/* Exponent not zero and the integer bit clear: what no processor since the 387 takes. */
static inline bool fp80_is_unsupported(struct fp80 a)
{
    return (a.se & 0x7fff) && !(a.sig >> 63);
}
