/* The evaluator's operations on bits of vectors, and those that move lanes about.
 *
 * A vector's lane 0 is in its lowest bytes.  V256 is one vector of 32 bytes. */
#include "ir/eval_parts.h"

#include <string.h>

static void eval_bitwise(const struct eval_args *e, union ir_value *out)
{
    for (unsigned i = 0; i < ir_type_size(e->type) / 8; i++) {
        uint64_t x = e->a->u64[i];
        switch (e->op) {
        case IR_VAND: out->u64[i] = x & e->b->u64[i]; break;
        case IR_VOR: out->u64[i] = x | e->b->u64[i]; break;
        case IR_VXOR: out->u64[i] = x ^ e->b->u64[i]; break;
        case IR_VANDN: out->u64[i] = x & ~e->b->u64[i]; break;
        case IR_VNOT: out->u64[i] = ~x; break;
        default: out->u64[i] = (x & e->b->u64[i]) | (~x & e->c->u64[i]); break;
        }
    }
}

/* Interleavings: where in a (first half of the numbering) or b each lane of the result comes from.
 */
static unsigned permuted(enum ir_op op, unsigned i, unsigned n, unsigned imm)
{
    switch (op) {
    case IR_VZIP: return i / 2 + (imm ? n / 2 : 0) + (i & 1 ? n : 0);
    case IR_VUZP: return 2 * i + imm;
    default: return (i & ~1u) + imm + (i & 1 ? n : 0); /* VTRN */
    }
}

static void eval_permute(const struct eval_args *e, unsigned n, union ir_value *out)
{
    for (unsigned i = 0; i < n; i++) {
        unsigned from = permuted(e->op, i, n, e->imm & 1);
        lane_put(out, e->lane, i, lane_get(from < n ? e->a : e->b, e->lane, from % n));
    }
}

static void eval_reverse(const struct eval_args *e, unsigned n, union ir_value *out)
{
    unsigned group = (unsigned)e->imm / ir_type_size(e->lane);

    for (unsigned i = 0; i < n; i++)
        lane_put(out, e->lane, i, lane_get(e->a, e->lane, i - i % group + group - 1 - i % group));
}

static void eval_shuffle(const struct eval_args *e, unsigned n, union ir_value *out)
{
    unsigned bits = n == 4 ? 2 : 1;

    for (unsigned i = 0; i < n; i++)
        lane_put(out, e->lane, i, lane_get(i < n / 2 ? e->a : e->b, e->lane, (unsigned)(e->imm >> (bits * i)) & (n - 1)));
}

static void eval_bytes(const struct eval_args *e, unsigned bytes, union ir_value *out)
{
    for (unsigned i = 0; i < bytes; i++) {
        unsigned from = i + (unsigned)e->imm, index = e->b->u8[i] - 16 * (unsigned)e->imm;
        if (e->op == IR_VEXTR)
            out->u8[i] = from < bytes ? e->a->u8[from] : e->b->u8[from - bytes];
        else
            out->u8[i] = index < 16 ? e->a->u8[index] : e->c->u8[i];
    }
}

static void eval_widen(const struct eval_args *e, unsigned bytes, union ir_value *out)
{
    unsigned n = bytes / 2 / ir_type_size(e->lane), from = e->imm & 1 ? n : 0;

    for (unsigned i = 0; i < n; i++)
        lane_put(out, lane_wider(e->lane), i,
                 e->attr & 1 ? (uint64_t)lane_get_signed(e->a, e->lane, from + i)
                             : lane_get(e->a, e->lane, from + i));
}

static uint64_t narrowed(const union ir_value *v, enum ir_type wide, unsigned i, unsigned how)
{
    unsigned bits = ir_type_size(wide) * 4;
    int64_t s = lane_get_signed(v, wide, i), min = -((int64_t)1 << (bits - 1));
    uint64_t x = lane_get(v, wide, i), max = ~0ull >> (64 - bits);

    switch (how) {
    case IR_NARROW_SS: return (uint64_t)(s < min ? min : s > ~min ? ~min : s);
    case IR_NARROW_SU: return s < 0 ? 0 : (uint64_t)s > max ? max : (uint64_t)s;
    case IR_NARROW_UU: return x > max ? max : x;
    default: return x;
    }
}

static void eval_narrow(const struct eval_args *e, unsigned n, union ir_value *out)
{
    for (unsigned i = 0; i < n; i++)
        lane_put(out, e->lane, i, narrowed(e->a, lane_wider(e->lane), i, e->attr));
}

/* -- pairs, and all lanes to one ------------------------------------------------- */

static uint64_t minimum(uint64_t x, uint64_t y, bool is_signed, bool maximum)
{
    bool less = is_signed ? (int64_t)x < (int64_t)y : x < y;

    return less != maximum ? x : y;
}

static uint64_t lane_extended(const union ir_value *v, enum ir_type lane, unsigned i,
                              bool is_signed)
{
    return is_signed ? (uint64_t)lane_get_signed(v, lane, i) : lane_get(v, lane, i);
}

static void eval_pairs(const struct eval_args *e, unsigned n, union ir_value *out)
{
    bool is_signed = e->attr & 1;

    for (unsigned i = 0; i < n; i++) {
        const union ir_value *v = i < n / 2 ? e->a : e->b;
        unsigned at = i < n / 2 ? 2 * i : 2 * i - n;
        uint64_t x = lane_extended(v, e->lane, at, is_signed);
        uint64_t y = lane_extended(v, e->lane, at + 1, is_signed);

        if (e->op == IR_VPADD)
            lane_put(out, e->lane, i, x + y);
        else
            lane_put(out, e->lane, i, minimum(x, y, is_signed, e->op == IR_VPMAX));
    }
}

static void eval_pairs_long(const struct eval_args *e, unsigned n, union ir_value *out)
{
    for (unsigned i = 0; i < n / 2; i++)
        lane_put(out, lane_wider(e->lane), i,
                 lane_extended(e->a, e->lane, 2 * i, e->attr & 1) +
                     lane_extended(e->a, e->lane, 2 * i + 1, e->attr & 1));
}

static void eval_reduce(const struct eval_args *e, union ir_value *out)
{
    unsigned n = ir_type_size(e->arg_type) / ir_type_size(e->lane);
    bool is_signed = e->attr == IR_REDUCE_SMAX || e->attr == IR_REDUCE_SMIN;
    bool maximum = e->attr == IR_REDUCE_SMAX || e->attr == IR_REDUCE_UMAX;
    uint64_t r = lane_extended(e->a, e->lane, 0, is_signed);

    for (unsigned i = 1; i < n; i++) {
        uint64_t x = lane_extended(e->a, e->lane, i, is_signed);
        r = e->attr == IR_REDUCE_ADD ? r + x : minimum(r, x, is_signed, maximum);
    }
    lane_put(out, e->lane, 0, r);
}

/* -- single lanes and halves ----------------------------------------------------- */

static void eval_insert(const struct eval_args *e, unsigned bytes, union ir_value *out)
{
    unsigned from = e->op == IR_VINSL ? (unsigned)(e->imm >> 8) & 0xff : 0;

    memcpy(out, e->a, bytes);
    lane_put(out, e->lane, (unsigned)e->imm & 0xff, lane_get(e->b, e->lane, from));
}

static void eval_halves(const struct eval_args *e, unsigned bytes, union ir_value *out)
{
    if (e->op == IR_VHIGH) {
        memcpy(out, &e->a->u8[bytes], bytes);
    } else {
        memcpy(out, e->a, bytes / 2);
        memcpy(&out->u8[bytes / 2], e->b, bytes / 2);
    }
}

static void eval_extract(const struct eval_args *e, union ir_value *out)
{
    unsigned i = (unsigned)e->imm;

    if (e->op == IR_VEXT)
        out->u64[0] = lane_get(e->a, e->lane, i);
    else
        lane_put(out, e->type, 0, (uint64_t)lane_get_signed(e->a, e->lane, i));
}

void ir_eval_lanes(const struct eval_args *e, union ir_value *out)
{
    unsigned bytes = ir_type_size(e->type), size = ir_type_size(e->lane);
    unsigned n = size ? bytes / size : 0;

    switch (e->op) {
    case IR_VAND:
    case IR_VOR:
    case IR_VXOR:
    case IR_VANDN:
    case IR_VNOT:
    case IR_VSEL: eval_bitwise(e, out); break;
    case IR_VDUP:
    case IR_VDUPL:
        for (unsigned i = 0; i < n; i++)
            lane_put(out, e->lane, i,
                     lane_get(e->a, e->lane, e->op == IR_VDUPL ? (unsigned)e->imm : 0));
        break;
    case IR_VINS:
    case IR_VINSL: eval_insert(e, bytes, out); break;
    case IR_VEXT:
    case IR_VEXTS: eval_extract(e, out); break;
    case IR_VZIP:
    case IR_VUZP:
    case IR_VTRN: eval_permute(e, n, out); break;
    case IR_VREV: eval_reverse(e, n, out); break;
    case IR_VSHUF: eval_shuffle(e, n, out); break;
    case IR_VEXTR:
    case IR_VTBL: eval_bytes(e, bytes, out); break;
    case IR_VCONCAT:
    case IR_VHIGH: eval_halves(e, bytes, out); break;
    case IR_VWIDEN: eval_widen(e, bytes, out); break;
    case IR_VNARROW: eval_narrow(e, n, out); break;
    case IR_VPADD:
    case IR_VPMIN:
    case IR_VPMAX: eval_pairs(e, n, out); break;
    case IR_VPADDL: eval_pairs_long(e, n, out); break;
    case IR_VREDUCE: eval_reduce(e, out); break;
    default: UNREACHABLE();
    }
}
