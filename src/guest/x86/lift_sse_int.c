/* SSE, AVX and MMX: integer arithmetic on vectors, AES, PCLMULQDQ, SHA.  Manual: SDM vol. 2. */
#include "guest/x86/vector.h"

struct vector_op {
    enum ir_op op;
    enum ir_type lane;
    unsigned attr, imm;
    bool swap;
};

static struct vector_op vector_op(const struct x86_insn *in)
{
    uint32_t arg = in->row->arg;
    return (struct vector_op){(enum ir_op)(arg & 0xff), (enum ir_type)(arg >> 8 & 0xff), arg >> 16 & 0xff, arg >> 24 & 0x7f,
                              (arg & X86_V_SWAP) != 0};
}

static ir_ref plain_binary(struct x86_lift *l, const struct x86_insn *in, unsigned h, ir_ref a, ir_ref b)
{
    struct vector_op o = vector_op(in);
    return x86_op(l, o.op, o.lane, o.attr, o.imm, o.swap ? b : a, o.swap ? a : b);
}

void x86_lift_vbin(struct x86_lift *l, const struct x86_insn *in)
{
    x86_each2(l, in, plain_binary);
}

static ir_ref plain_unary(struct x86_lift *l, const struct x86_insn *in, unsigned h, ir_ref a)
{
    struct vector_op o = vector_op(in);
    return x86_op(l, o.op, o.lane, o.attr, o.imm, a, IR_NONE);
}

void x86_lift_vun(struct x86_lift *l, const struct x86_insn *in)
{
    x86_each1(l, in, plain_unary);
}

static ir_ref concat(struct x86_lift *l, ir_ref low, ir_ref high)
{
    enum ir_type t = ir_type_of(l->u, low) == IR_V64 ? IR_V128 : IR_V256;
    return ir_vec(l->u, IR_VCONCAT, t, IR_VOID, 0, 0, low, high, IR_NONE);
}

static ir_ref pack(struct x86_lift *l, const struct x86_insn *in, unsigned h, ir_ref a, ir_ref b)
{
    struct vector_op o = vector_op(in);
    if (ir_type_of(l->u, a) == IR_V64)
        return ir_vec(l->u, IR_VNARROW, IR_V64, o.lane, o.attr, 0, concat(l, a, b), IR_NONE, IR_NONE);
    ir_ref low = ir_vec(l->u, IR_VNARROW, IR_V64, o.lane, o.attr, 0, a, IR_NONE, IR_NONE);
    return concat(l, low, ir_vec(l->u, IR_VNARROW, IR_V64, o.lane, o.attr, 0, b, IR_NONE, IR_NONE));
}

void x86_lift_pack(struct x86_lift *l, const struct x86_insn *in)
{
    x86_each2(l, in, pack);
}

static ir_ref multiply_even(struct x86_lift *l, const struct x86_insn *in, unsigned h, ir_ref a, ir_ref b)
{
    if (ir_type_of(l->u, a) == IR_V128) {
        a = x86_op(l, IR_VUZP, IR_I32, 0, 0, a, a);
        b = x86_op(l, IR_VUZP, IR_I32, 0, 0, b, b);
    }
    return x86_op(l, IR_VMULL, IR_I32, in->row->arg, 0, a, b);
}

void x86_lift_pmuludq(struct x86_lift *l, const struct x86_insn *in)
{
    x86_each2(l, in, multiply_even);
}

static ir_ref multiply_add(struct x86_lift *l, const struct x86_insn *in, unsigned h, ir_ref a, ir_ref b)
{
    bool mmx = ir_type_of(l->u, a) == IR_V64;
    a = x86_zext(l, IR_V128, a);
    b = x86_zext(l, IR_V128, b);
    ir_ref low = x86_op(l, IR_VMULL, IR_I16, 1, 0, a, b);
    ir_ref high = mmx ? low : x86_op(l, IR_VMULL, IR_I16, 1, 1, a, b);
    ir_ref r = x86_op(l, IR_VPADD, IR_I32, 0, 0, low, high);
    return mmx ? x86_trunc(l, IR_V64, r) : r;
}

void x86_lift_pmaddwd(struct x86_lift *l, const struct x86_insn *in)
{
    x86_each2(l, in, multiply_add);
}

static ir_ref multiply_add_bytes(struct x86_lift *l, const struct x86_insn *in, unsigned h, ir_ref a, ir_ref b)
{
    ir_ref product[2];
    bool mmx = ir_type_of(l->u, a) == IR_V64;
    a = x86_zext(l, IR_V128, a);
    b = x86_zext(l, IR_V128, b);
    for (unsigned i = 0; i < 2; i++)
        product[i] = x86_op(l, IR_VMUL, IR_I16, 0, 0, x86_op(l, IR_VWIDEN, IR_I8, 0, i, a, IR_NONE),
                            x86_op(l, IR_VWIDEN, IR_I8, 1, i, b, IR_NONE));
    ir_ref even = x86_op(l, IR_VUZP, IR_I16, 0, 0, product[0], product[1]);
    ir_ref r = x86_op(l, IR_VADDS, IR_I16, 1, 0, even, x86_op(l, IR_VUZP, IR_I16, 0, 1, product[0], product[1]));
    return mmx ? x86_trunc(l, IR_V64, r) : r;
}

void x86_lift_pmaddubsw(struct x86_lift *l, const struct x86_insn *in)
{
    x86_each2(l, in, multiply_add_bytes);
}

static ir_ref sum_of_differences(struct x86_lift *l, const struct x86_insn *in, unsigned h, ir_ref a, ir_ref b)
{
    ir_ref v = x86_op(l, IR_VABD, IR_I8, 0, 0, a, b);
    v = x86_op(l, IR_VPADDL, IR_I8, 0, 0, v, IR_NONE);
    v = x86_op(l, IR_VPADDL, IR_I16, 0, 0, v, IR_NONE);
    return x86_op(l, IR_VPADDL, IR_I32, 0, 0, v, IR_NONE);
}

void x86_lift_psadbw(struct x86_lift *l, const struct x86_insn *in)
{
    x86_each2(l, in, sum_of_differences);
}

/* Four bytes of b against each four of a, from the byte that the immediate names. */
static ir_ref sums_of_differences(struct x86_lift *l, const struct x86_insn *in, unsigned h, ir_ref a, ir_ref b)
{
    unsigned imm = (unsigned)in->imm >> 3 * h, from_a = (imm >> 2 & 1) * 4, from_b = (imm & 3) * 4;
    ir_ref sum = IR_NONE;
    for (unsigned k = 0; k < 4; k++) {
        ir_ref x = from_a + k ? x86_op(l, IR_VEXTR, IR_VOID, 0, from_a + k, a, a) : a;
        x = x86_op(l, IR_VWIDEN, IR_I8, 0, 0, x, IR_NONE);
        ir_ref y = x86_op(l, IR_VDUPL, IR_I8, 0, from_b + k, b, IR_NONE);
        y = x86_op(l, IR_VWIDEN, IR_I8, 0, 0, y, IR_NONE);
        ir_ref d = x86_op(l, IR_VABD, IR_I16, 0, 0, x, y);
        sum = sum ? x86_op(l, IR_VADD, IR_I16, 0, 0, sum, d) : d;
    }
    return sum;
}

void x86_lift_mpsadbw(struct x86_lift *l, const struct x86_insn *in)
{
    x86_each2(l, in, sums_of_differences);
}

static ir_ref horizontal(struct x86_lift *l, const struct x86_insn *in, unsigned h, ir_ref a, ir_ref b)
{
    struct vector_op o = vector_op(in);
    ir_ref even = x86_op(l, IR_VUZP, o.lane, 0, 0, a, b);
    return x86_op(l, o.op, o.lane, o.attr, 0, even, x86_op(l, IR_VUZP, o.lane, 0, 1, a, b));
}

void x86_lift_phadd(struct x86_lift *l, const struct x86_insn *in)
{
    x86_each2(l, in, horizontal);
}

static ir_ref by_sign(struct x86_lift *l, const struct x86_insn *in, unsigned h, ir_ref a, ir_ref b)
{
    enum ir_type lane = (enum ir_type)in->row->arg;
    ir_ref zero = x86_zero(l, ir_type_of(l->u, a));
    ir_ref negative = x86_op(l, IR_VCMP, lane, IR_CC_G, 0, zero, b);
    ir_ref r = x86_op(l, IR_VSUB, lane, 0, 0, x86_op(l, IR_VXOR, IR_VOID, 0, 0, a, negative), negative);
    return x86_op(l, IR_VANDN, IR_VOID, 0, 0, r, x86_op(l, IR_VCMP, lane, IR_CC_E, 0, b, zero));
}

void x86_lift_psign(struct x86_lift *l, const struct x86_insn *in)
{
    x86_each2(l, in, by_sign);
}

/* As VQDMULH with rounding but for -1 * -1, which does not saturate. */
static ir_ref multiply_round(struct x86_lift *l, const struct x86_insn *in, unsigned h, ir_ref a, ir_ref b)
{
    ir_ref min = x86_splat(l, ir_type_of(l->u, a), IR_I16, 0x8000);
    ir_ref r = x86_op(l, IR_VQDMULH, IR_I16, 0, 1, a, b);
    ir_ref both = x86_op(l, IR_VAND, IR_VOID, 0, 0, x86_op(l, IR_VCMP, IR_I16, IR_CC_E, 0, a, min),
                         x86_op(l, IR_VCMP, IR_I16, IR_CC_E, 0, b, min));
    return x86_op(l, IR_VXOR, IR_VOID, 0, 0, r, both);
}

void x86_lift_pmulhrsw(struct x86_lift *l, const struct x86_insn *in)
{
    x86_each2(l, in, multiply_round);
}

/* ---- shifts ------------------------------------------------------------------------------------------------- */

static ir_ref shift_imm(struct x86_lift *l, const struct vector_op *o, ir_ref a, unsigned n)
{
    unsigned bits = 8 * ir_type_size(o->lane);
    if (n == 0)
        return a;
    if (n >= bits) {
        if (!o->attr)
            return x86_zero(l, ir_type_of(l->u, a));
        n = bits - 1;
    }
    return x86_op(l, o->op, o->lane, o->attr, n, a, IR_NONE);
}

/* Every lane by the low 64 bits of an operand. */
static ir_ref common_count(struct x86_lift *l, const struct x86_insn *in, const struct vector_op *o)
{
    struct ir_unit *u = l->u;
    ir_ref v = x86_vec(l, in, 2, 0);
    ir_ref n = ir_type_of(u, v) == IR_V64 ? ir_conv(u, IR_BITCAST, IR_I64, v) : x86_lane(l, IR_I64, IR_I64, 0, v);
    n = ir_select(u, ir_cmp(u, IR_CC_A, n, ir_const(u, IR_I64, 64)), ir_const(u, IR_I64, 64), n);
    if (o->op == IR_VSHRI)
        n = ir_un(u, IR_NEG, n);
    return ir_vec(u, IR_VDUP, x86_vtype(in), o->lane, 0, 0, n, IR_NONE, IR_NONE);
}

void x86_lift_vshift(struct x86_lift *l, const struct x86_insn *in)
{
    struct vector_op o = vector_op(in);
    ir_ref r[2] = {IR_NONE, IR_NONE}, count = in->op[2].kind == X86_OPERAND_IMM ? IR_NONE : common_count(l, in, &o);
    for (unsigned h = 0; h < x86_halves(in); h++) {
        ir_ref a = x86_vec(l, in, 1, h);
        r[h] = count ? x86_op(l, IR_VSHLV, o.lane, o.attr, 0, a, count) : shift_imm(l, &o, a, (unsigned)in->imm & 0xff);
    }
    x86_set_vec(l, in, 0, r[0], r[1]);
}

static ir_ref shift_lanes(struct x86_lift *l, const struct x86_insn *in, unsigned h, ir_ref a, ir_ref b)
{
    struct vector_op o = vector_op(in);
    ir_ref n = x86_op(l, IR_VMIN, o.lane, 0, 0, b, x86_splat(l, IR_V128, o.lane, 64));
    if (o.op == IR_VSHRI)
        n = x86_op(l, IR_VNEG, o.lane, 0, 0, n, IR_NONE);
    return x86_op(l, IR_VSHLV, o.lane, o.attr, 0, a, n);
}

void x86_lift_vshiftv(struct x86_lift *l, const struct x86_insn *in)
{
    x86_each2(l, in, shift_lanes);
}

/* ---- others --------------------------------------------------------------------------------------------------- */

/* PMOVSX, PMOVZX: arg's imm says how often lanes are doubled. */
void x86_lift_pmovx(struct x86_lift *l, const struct x86_insn *in)
{
    struct vector_op o = vector_op(in);
    unsigned n = x86_halves(in), part = 16 >> o.imm;
    ir_ref v = x86_vec(l, in, 1, 0), r[2] = {IR_NONE, IR_NONE};
    for (unsigned h = 0; h < n; h++) {
        ir_ref x = h ? x86_op(l, IR_VEXTR, IR_VOID, 0, part, v, v) : v;
        for (unsigned i = 0; i < o.imm; i++)
            x = x86_op(l, IR_VWIDEN, (enum ir_type)(o.lane + i), o.attr, 0, x, IR_NONE);
        r[h] = x;
    }
    x86_set_vec(l, in, 0, r[0], r[1]);
}

static ir_ref or_words(struct x86_lift *l, ir_ref v)
{
    return ir_bin(l->u, IR_OR, x86_lane(l, IR_I64, IR_I64, 0, v), x86_lane(l, IR_I64, IR_I64, 1, v));
}

/* PTEST (arg VOID), VTESTPS, VTESTPD: Z of both, C of the second without the first. */
void x86_lift_ptest(struct x86_lift *l, const struct x86_insn *in)
{
    struct ir_unit *u = l->u;
    enum ir_type lane = (enum ir_type)in->row->arg;
    ir_ref both = IR_NONE, only = IR_NONE;
    for (unsigned h = 0; h < x86_halves(in); h++) {
        ir_ref a = x86_vec(l, in, 0, h), b = x86_vec(l, in, 1, h);
        if (lane)
            b = x86_op(l, IR_VAND, IR_VOID, 0, 0, b, x86_splat(l, IR_V128, lane, lane == IR_I32 ? 1u << 31 : 1ull << 63));
        ir_ref x = or_words(l, x86_op(l, IR_VAND, IR_VOID, 0, 0, a, b)), y = or_words(l, x86_op(l, IR_VANDN, IR_VOID, 0, 0, b, a));
        both = both ? ir_bin(u, IR_OR, both, x) : x;
        only = only ? ir_bin(u, IR_OR, only, y) : y;
    }
    ir_ref zero = ir_const(u, IR_I64, 0);
    ir_ref z = x86_flag_bit(l, ir_cmp(u, IR_CC_E, both, zero), IR_FLAG_Z), c = x86_flag_bit(l, ir_cmp(u, IR_CC_E, only, zero), IR_FLAG_C);
    x86_set_flags(l, ir_flags(u, IR_FLAGS_PACK, ir_bin(u, IR_OR, z, c), IR_NONE, IR_NONE));
}

void x86_lift_phminposuw(struct x86_lift *l, const struct x86_insn *in)
{
    struct ir_unit *u = l->u;
    ir_ref v = x86_vec(l, in, 1, 0);
    ir_ref min = ir_vec(u, IR_VREDUCE, IR_I64, IR_I16, IR_REDUCE_UMIN, 0, v, IR_NONE, IR_NONE);
    ir_ref equal = x86_op(l, IR_VCMP, IR_I16, IR_CC_E, 0, v, ir_vec(u, IR_VDUP, IR_V128, IR_I16, 0, 0, min, IR_NONE, IR_NONE));
    ir_ref bytes = ir_vec(u, IR_VNARROW, IR_V64, IR_I8, IR_NARROW_TRUNC, 0, equal, IR_NONE, IR_NONE);
    ir_ref at = ir_bin_imm(u, IR_SHR, ir_un(u, IR_CTZ, ir_conv(u, IR_BITCAST, IR_I64, bytes)), 3);
    ir_ref r = ir_bin(u, IR_OR, min, ir_bin_imm(u, IR_SHL, at, 16));
    x86_set_vec(l, in, 0, x86_zext(l, IR_V128, ir_conv(u, IR_BITCAST, IR_F64, r)), IR_NONE);
}

/* In terms of Arm's: AESE and AESD exclusive-or the key first, here with 0, and do the rest of the last round. */
static ir_ref aes_round(struct x86_lift *l, const struct x86_insn *in, unsigned h, ir_ref a, ir_ref key)
{
    unsigned op = in->row->arg;
    ir_ref r = x86_op(l, op < 2 ? IR_AESE : IR_AESD, IR_VOID, 0, 0, a, x86_zero(l, IR_V128));
    if (op == 0 || op == 2)
        r = ir_un(l->u, op ? IR_AESIMC : IR_AESMC, r);
    return x86_op(l, IR_VXOR, IR_VOID, 0, 0, r, key);
}

void x86_lift_aes(struct x86_lift *l, const struct x86_insn *in)
{
    x86_each2(l, in, aes_round);
}

void x86_lift_aesimc(struct x86_lift *l, const struct x86_insn *in)
{
    x86_set_vec(l, in, 0, ir_un(l->u, IR_AESIMC, x86_vec(l, in, 1, 0)), IR_NONE);
}

void x86_lift_aeskeygen(struct x86_lift *l, const struct x86_insn *in)
{
    struct ir_unit *u = l->u;
    ir_ref v = x86_vec(l, in, 1, 0), word[4];
    for (unsigned i = 0; i < 2; i++) { /* the same word in all columns: rows shifted or not */
        ir_ref all = x86_op(l, IR_VDUPL, IR_I32, 0, 2 * i + 1, v, IR_NONE);
        ir_ref s = x86_lane(l, IR_I32, IR_I32, 0, x86_op(l, IR_AESE, IR_VOID, 0, 0, all, x86_zero(l, IR_V128)));
        word[2 * i] = s;
        word[2 * i + 1] = ir_bin_imm(u, IR_XOR, ir_bin_imm(u, IR_ROR, s, 8), (uint64_t)in->imm & 0xff);
    }
    ir_ref r = ir_vec(u, IR_VDUP, IR_V128, IR_I32, 0, 0, word[0], IR_NONE, IR_NONE);
    for (unsigned i = 1; i < 4; i++)
        r = ir_vec(u, IR_VINS, IR_V128, IR_I32, 0, i, r, word[i], IR_NONE);
    x86_set_vec(l, in, 0, r, IR_NONE);
}

static ir_ref carryless(struct x86_lift *l, const struct x86_insn *in, unsigned h, ir_ref a, ir_ref b)
{
    a = x86_op(l, IR_VDUPL, IR_I64, 0, (unsigned)in->imm & 1, a, IR_NONE);
    b = x86_op(l, IR_VDUPL, IR_I64, 0, (unsigned)in->imm >> 4 & 1, b, IR_NONE);
    return x86_op(l, IR_VPMULL, IR_I64, 0, 0, a, b);
}

void x86_lift_pclmul(struct x86_lift *l, const struct x86_insn *in)
{
    x86_each2(l, in, carryless);
}

/* What is computed in C from two operands in scratch slots. */
static void through_helper(struct x86_lift *l, const struct x86_insn *in, enum x86_helper helper)
{
    ir_set(l->u, X86_SCRATCH0, x86_vec(l, in, 0, 0));
    ir_set(l->u, X86_SCRATCH0 + 1, x86_vec(l, in, 1, 0));
    ir_helper(l->u, helper, IR_NONE, in->row->arg << 8 | ((unsigned)in->imm & 0xff) | (uint64_t)(in->wide && l->mode64) << 16);
}

static ir_ref reverse_words(struct x86_lift *l, ir_ref v) { return x86_op(l, IR_VREV, IR_I32, 0, 16, v, IR_NONE); }

/* Arm's SHA-1 has its words the other way round, and adds no constant. */
static ir_ref sha1_rounds(struct x86_lift *l, unsigned kind, ir_ref a, ir_ref b)
{
    static const enum ir_sha1 function[] = {IR_SHA1_C, IR_SHA1_P, IR_SHA1_M, IR_SHA1_P};
    static const uint32_t constant[] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
    ir_ref k = ir_vec(l->u, IR_VDUP, IR_V128, IR_I32, 0, 0, ir_const(l->u, IR_I32, constant[kind]), IR_NONE, IR_NONE);
    ir_ref w = x86_op(l, IR_VADD, IR_I32, 0, 0, reverse_words(l, b), k);
    return reverse_words(l, ir_vec(l->u, IR_SHA1, IR_V128, IR_VOID, function[kind], 0, reverse_words(l, a), x86_zero(l, IR_V128), w));
}

/* The instructions that are near to one of Arm's. */
static ir_ref sha(struct x86_lift *l, const struct x86_insn *in)
{
    ir_ref a = x86_vec(l, in, 0, 0), b = x86_vec(l, in, 1, 0), r;
    switch (in->row->arg) {
    case 0: /* SHA1NEXTE */
        r = x86_op(l, IR_VOR, IR_VOID, 0, 0, x86_op(l, IR_VSHLI, IR_I32, 0, 30, a, IR_NONE),
                   x86_op(l, IR_VSHRI, IR_I32, 0, 2, a, IR_NONE));
        return x86_op(l, IR_VINSL, IR_I32, 0, 3 | 3 << 8, b, x86_op(l, IR_VADD, IR_I32, 0, 0, b, r));
    case 1: /* SHA1MSG1 */
        return x86_op(l, IR_VXOR, IR_VOID, 0, 0, a, x86_op(l, IR_VEXTR, IR_VOID, 0, 8, b, a));
    case 2: /* SHA1MSG2 */
        a = reverse_words(l, a);
        return reverse_words(l, ir_vec(l->u, IR_SHA1, IR_V128, IR_VOID, IR_SHA1_SU1, 0, a, reverse_words(l, b), a));
    case 4: /* SHA256MSG1 */
        return ir_vec(l->u, IR_SHA256, IR_V128, IR_VOID, IR_SHA2_SU0, 0, a, b, a);
    default: /* SHA1RNDS4 */
        return sha1_rounds(l, (unsigned)in->imm & 3, a, b);
    }
}

void x86_lift_sha(struct x86_lift *l, const struct x86_insn *in)
{
    if (in->row->arg != 3 && in->row->arg != 5) {
        x86_set_vec(l, in, 0, sha(l, in), IR_NONE);
        return;
    }
    through_helper(l, in, X86_HELPER_SHA);
    ir_set(l->u, X86_XMM0_SLOT + in->op[0].reg, ir_get(l->u, IR_V128, X86_SCRATCH0));
}

void x86_lift_pcmpstr(struct x86_lift *l, const struct x86_insn *in)
{
    through_helper(l, in, X86_HELPER_PCMPSTR);
    if (in->vex && !(in->row->arg & 1))
        ir_set(l->u, X86_YMMH0, x86_zero(l, IR_V128));
}
