/* Floating point: the host's instruction, one test of its result, and what the test does not like
 * out of line through ir_eval, from the operands, which are kept until then.
 *
 * Arm and x86 differ in the NaN that comes out (the result is a NaN then: `unordered`) and, for
 * operations whose result can be inexact and tiny, in that Arm detects underflow before rounding:
 * that only shows when the rounded result is the smallest normal number (vol. 1 of the
 * SDM, 4.9.1.5; Arm ARM, FPRound).  Exception flags gather in MXCSR, so nothing that could raise a
 * flag Arm would not raise may be run: unused lanes are cleared first, and conversions that
 * saturate are checked beforehand where x86 would say inexact. x86's denormal flag is not Arm's and
 * is ignored.
 *
 * Half precision, flushing to zero and default NaNs go through ir_eval; x86's rules are in select_fp_x86.c.
 */
#include "host/x64/x64.h"

static bool fast_env(const struct ctx *c)
{
    const struct fp_env *f = &c->u->fp;
    return f->nan_rule == FP_NAN_ARM && !f->default_nan && !f->flush_inputs && !f->flush_outputs &&
           f->round <= FP_ROUND_ZERO;
}

/* What kind of operands: FP_PS .. FP_SD, or -1. */
static int kind_of(const struct ir_inst *in)
{
    if (in->type == IR_F32)
        return FP_SS;
    if (in->type == IR_F64)
        return FP_SD;
    if (in->type != IR_V64 && in->type != IR_V128)
        return -1;
    return in->lane == IR_F32 ? FP_PS : in->lane == IR_F64 ? FP_PD : -1;
}

static bool is_single(int kind)
{
    return kind == FP_SS || kind == FP_PS;
}
static bool is_scalar(int kind)
{
    return kind >= FP_SS;
}

static struct x64_mem pool_lanes(struct ctx *c, int kind, uint64_t single, uint64_t pair)
{
    uint64_t v = is_single(kind) ? single << 32 | single : pair;
    return emit_pool(&c->e, v, v);
}
static struct x64_mem pool_abs(struct ctx *c, int kind)
{
    return pool_lanes(c, kind, 0x7fffffff, ~0ull >> 1);
}
static struct x64_mem pool_sign(struct ctx *c, int kind)
{
    return pool_lanes(c, kind, 0x80000000u, 1ull << 63);
}
static struct x64_mem pool_min(struct ctx *c, int kind)
{
    return pool_lanes(c, kind, 0x00800000, 0x0010000000000000ull);
}

/* A scalar instruction leaves in its result what its first source has above the scalar.  Where that
 * is known to be zero, the result is a whole register as it is, and nothing need be cleared. */
static unsigned scalar_bits(int kind)
{
    return is_single(kind) ? 32 : 64;
}
static bool clean_above(struct ctx *c, ir_ref r, unsigned bits)
{
    return loc_at(c, r)->zw <= bits;
}
/* A new register for the result, not x, for an instruction of one operand whose first source only
 * gives what is above: zero. */
static int def_clean(struct ctx *c, int x, unsigned bits)
{
    int d = def_xmm(c, c->i, -1, 1u << x);
    emit_v_rrr(&c->e, V_PXOR, d, d, d, -1);
    loc_at(c, c->i)->zw = (uint8_t)bits;
    return d;
}

/* -- the way out of line
 * ------------------------------------------------------------------------------------ */

static void emit_fix(struct ctx *c, struct ool *o)
{
    struct emit *e = &c->e;
    const struct ir_inst *in = inst_of(c, o->inst);
    for (unsigned i = 0; i < 3; i++) {
        if (o->r[i] >= 0)
            emit_v_mr(e, V_MOVUPS_ST, mem_scratch(i), o->r[i], -1);
    }
    eval_call(c, in);
    if (class_of((enum ir_type)in->type) == LOC_GPR)
        emit_load(e, 8, o->r[3], mem_scratch(3));
    else
        emit_v_rm(e, V_MOVUPS, o->r[3], mem_scratch(3), -1);
    emit_patch(e, emit_jmp(e), o->back);
}

/* Operands ra.. (registers, -1: none), result in d. */
static struct ool *fix_new(struct ctx *c, int ra, int rb, int rc, int d)
{
    struct ool *o = ool_new(c, emit_fix);
    o->r[0] = ra;
    o->r[1] = rb;
    o->r[2] = rc;
    o->r[3] = d;
    return o;
}

static void test_lanes(struct ctx *c, struct ool *o, int t)
{
    emit_v_rr(&c->e, V_PTEST, t, t, -1);
    ool_from(o, emit_jcc(&c->e, CC_NE));
}

/* To o if d is a NaN, or (tiny) may have been tiny before rounding. */
static void check(struct ctx *c, struct ool *o, int kind, int d, bool tiny)
{
    struct emit *e = &c->e;
    x64_vop ucomi = is_single(kind) ? V_UCOMISS : V_UCOMISD;
    tiny = tiny && c->u->fp.tiny_before;
    if (is_scalar(kind)) {
        if (!tiny) {
            emit_v_rr(e, ucomi, d, d, -1);
            ool_from(o, emit_jcc(e, CC_P));
            return;
        }
        int t = tmp_xmm(c);
        emit_v_rrm(e, V_PAND, t, d, pool_abs(c, kind), -1);
        emit_v_rm(e, ucomi, t, pool_min(c, kind), -1);
        ool_from(o, emit_jcc(e, CC_E)); /* equal or unordered */
        return;
    }
    int t = tmp_xmm(c);
    x64_vop cmp = V_FP(V_FCMP, kind);
    if (!tiny) {
        emit_v_rrr(e, cmp, t, d, d, 3);
    } else if (e->vex) {
        emit_v_rrm(e, V_PAND, t, d, pool_abs(c, kind), -1);
        emit_v_rrm(e, cmp, t, t, pool_min(c, kind), 8); /* equal or unordered */
    } else {
        int t2 = tmp_xmm(c);
        emit_v_rrm(e, V_PAND, t, d, pool_abs(c, kind), -1);
        emit_v_rrr(e, cmp, t2, d, d, 3);
        emit_v_rrm(e, cmp, t, t, pool_min(c, kind), 0);
        emit_v_rrr(e, V_POR, t, t, t2, -1);
    }
    test_lanes(c, o, t);
}

/* The operand as a whole register without spurious values above a V64: zero, or the same again. */
static int whole(struct ctx *c, const struct ir_inst *in, ir_ref r, bool twice)
{
    int x = use_xmm(c, r);
    if (in->type != IR_V64 || (!twice && loc_at(c, r)->zw <= 64))
        return x;
    int t = tmp_xmm(c);
    emit_v_rr(&c->e, twice ? V_MOVDDUP : V_MOVQ, t, x, -1);
    return t;
}

static int def_apart(struct ctx *c, int ra, int rb, int rc)
{
    return def_xmm(c, c->i, -1, 1u << ra | (rb >= 0 ? 1u << rb : 0) | (rc >= 0 ? 1u << rc : 0));
}

/* -- arithmetic
 * ------------------------------------------------------------------------------------------------
 */

static void arithmetic(struct ctx *c, const struct ir_inst *in, unsigned opc, int kind, bool tiny)
{
    struct emit *e = &c->e;
    flags_clobber(c);
    int ra = use_xmm(c, in->a), rb = use_xmm(c, in->b);
    bool divide = opc == V_FDIV;
    int wa = whole(c, in, in->a, divide), wb = in->a == in->b ? wa : whole(c, in, in->b, divide);
    int d = def_apart(c, ra, rb, wb);
    if (is_scalar(kind)) {
        unsigned bits = scalar_bits(kind);
        bool clean = clean_above(c, in->a, bits);
        if (!clean && (opc == V_FADD || opc == V_FMUL) && clean_above(c, in->b, bits)) {
            wa = rb;
            wb = ra;
            clean = true;
        }
        if (clean)
            loc_at(c, c->i)->zw = (uint8_t)bits;
    }
    emit_v_rrr(e, V_FP(opc, kind), d, wa, wb, -1);
    struct ool *o = fix_new(c, ra, rb, -1, d);
    check(c, o, kind, d, tiny);
    if (in->op == IR_FABD)
        emit_v_rrm(e, V_PAND, d, d, pool_abs(c, kind), -1);
    o->back = emit_pos(e);
}

static void square_root(struct ctx *c, const struct ir_inst *in, int kind)
{
    struct emit *e = &c->e;
    flags_clobber(c);
    int ra = use_xmm(c, in->a), d;
    if (is_scalar(kind)) {
        d = def_clean(c, ra, scalar_bits(kind));
        emit_v_rrr(e, V_FP(V_FSQRT, kind), d, d, ra, -1);
    } else {
        int wa = whole(c, in, in->a, false);
        d = def_apart(c, ra, -1, -1);
        emit_v_rr(e, V_FP(V_FSQRT, kind), d, wa, -1);
    }
    struct ool *o = fix_new(c, ra, -1, -1, d);
    check(c, o, kind, d, false);
    o->back = emit_pos(e);
}

static void multiply_add(struct ctx *c, const struct ir_inst *in, int kind)
{
    static const x64_vop op[] = {V_FMADD231PS, V_FMADD231PD, V_FMADD231SS, V_FMADD231SD};
    flags_clobber(c);
    int ra = use_xmm(c, in->a), rb = use_xmm(c, in->b), rc = use_xmm(c, in->c);
    int wa = whole(c, in, in->a, false), wb = whole(c, in, in->b, false);
    int d = def_xmm(c, c->i, -1, 1u << ra | 1u << rb | 1u << rc | 1u << wa | 1u << wb);
    if (in->type == IR_V64) /* the register has room for c's clean copy first */
        emit_v_rr(&c->e, V_MOVQ, d, wa, -1);
    else
        emit_v_rr(&c->e, V_MOVAPS, d, wa, -1);
    /* wb's upper half is zero: so is the product's, unless c's is a NaN or infinite */
    int wc = rc;
    if (in->type == IR_V64 && loc_at(c, in->c)->zw > 64) {
        wc = tmp_xmm(c);
        emit_v_rr(&c->e, V_MOVQ, wc, rc, -1);
    }
    if (is_scalar(kind) && clean_above(c, in->a, scalar_bits(kind)))
        loc_at(c, c->i)->zw = (uint8_t)scalar_bits(kind);
    emit_vex_rrr(&c->e, op[kind], d, wb, wc, -1);
    struct ool *o = fix_new(c, ra, rb, rc, d);
    check(c, o, kind, d, true);
    o->back = emit_pos(&c->e);
}

static void sign_bit(struct ctx *c, const struct ir_inst *in, int kind)
{
    int ra = use_xmm(c, in->a);
    bool neg = in->op == IR_FNEG;
    struct x64_mem m = neg ? pool_sign(c, kind) : pool_abs(c, kind);
    unsigned bits = is_scalar(kind) ? scalar_bits(kind) : 128;
    if (is_scalar(kind)) { /* what is above stays as it is, or goes */
        uint64_t sign = 1ull << (bits - 1);
        m = emit_pool(&c->e, neg ? sign : sign - 1, 0);
    }
    bool clean = is_scalar(kind) && (!neg || clean_above(c, in->a, bits));
    emit_v_rrm(&c->e, neg ? V_PXOR : V_PAND, def_xmm(c, c->i, ra, 0), ra, m, -1);
    if (clean)
        loc_at(c, c->i)->zw = (uint8_t)bits;
}

/* Equal operands (perhaps zeros of both signs), or a NaN. */
static void emit_minmax_equal(struct ctx *c, struct ool *o)
{
    struct emit *e = &c->e;
    uint32_t nan = emit_jcc(e, CC_P);
    emit_v_rrr(e, o->v ? V_POR : V_PAND, o->r[3], o->r[0], o->r[1], -1);
    emit_patch(e, emit_jmp(e), o->back);
    emit_patch(e, nan, emit_pos(e));
    emit_fix(c, o);
}

static void min_max(struct ctx *c, const struct ir_inst *in, int kind)
{
    struct emit *e = &c->e;
    bool min = in->op == IR_FMIN || in->op == IR_FMINNM;
    x64_vop op = V_FP(min ? V_FMIN : V_FMAX, kind);
    flags_clobber(c);
    int ra = use_xmm(c, in->a), rb = use_xmm(c, in->b);
    struct ool *o;
    if (is_scalar(kind)) {
        int d = def_apart(c, ra, rb, -1);
        emit_v_rr(e, is_single(kind) ? V_UCOMISS : V_UCOMISD, ra, rb, -1);
        o = ool_new(c, emit_minmax_equal);
        o->r[0] = ra;
        o->r[1] = rb;
        o->r[2] = -1;
        o->r[3] = d;
        o->v = min;
        ool_from(o, emit_jcc(e, CC_E));
        emit_v_rrr(e, op, d, ra, rb, -1);
        if (clean_above(c, in->a, scalar_bits(kind)) && clean_above(c, in->b, scalar_bits(kind)))
            loc_at(c, c->i)->zw = (uint8_t)scalar_bits(kind);
    } else {
        /* min and max return the second of two zeros: computed both ways and joined by the sign. */
        int wa = whole(c, in, in->a, false), wb = whole(c, in, in->b, false), t = tmp_xmm(c);
        int d = def_xmm(c, c->i, -1, 1u << ra | 1u << rb | 1u << wa | 1u << wb);
        o = fix_new(c, ra, rb, -1, d);
        emit_v_rrr(e, V_FP(V_FCMP, kind), t, wa, wb, 3);
        test_lanes(c, o, t);
        emit_v_rrr(e, op, d, wa, wb, -1);
        emit_v_rrr(e, op, t, wb, wa, -1);
        emit_v_rrr(e, min ? V_POR : V_PAND, d, d, t, -1);
    }
    o->back = emit_pos(e);
}

static bool compare(struct ctx *c, const struct ir_inst *in, int kind)
{
    int predicate = in->attr == IR_CC_E    ? 0
                    : in->attr == IR_CC_A  ? 1
                    : in->attr == IR_CC_AE ? 2
                                           : -1;
    if (predicate < 0)
        return false;
    int a = whole(c, in, in->a, false), b = whole(c, in, in->b, false);
    if (predicate) { /* a > b is b < a */
        int t = a;
        a = b;
        b = t;
    }
    int d = def_apart(c, a, b, -1);
    emit_v_rrr(&c->e, V_FP(V_FCMP, kind), d, a, b, predicate);
    return true;
}

static void pairwise_add(struct ctx *c, const struct ir_inst *in, int kind)
{
    struct emit *e = &c->e;
    flags_clobber(c);
    int ra = use_xmm(c, in->a), rb = use_xmm(c, in->b), a = ra, b = rb, t = tmp_xmm(c),
        d = def_apart(c, ra, rb, -1);
    if (in->type == IR_V64) {
        a = b = tmp_xmm(c);
        emit_v_rrr(e, V_PUNPCKLQDQ, a, ra, rb, -1);
    }
    if (kind == FP_PD) {
        emit_v_rrr(e, V_PUNPCKLQDQ, d, a, b, -1);
        emit_v_rrr(e, V_PUNPCKHQDQ, t, a, b, -1);
    } else {
        emit_v_rrr(e, V_SHUFPS, d, a, b, 0x88);
        emit_v_rrr(e, V_SHUFPS, t, a, b, 0xdd);
    }
    emit_v_rrr(e, V_FP(V_FADD, kind), d, d, t, -1);
    struct ool *o = fix_new(c, ra, rb, -1, d);
    check(c, o, kind, d, false);
    o->back = emit_pos(e);
}

/* -- rounding and conversions
 * -------------------------------------------------------------------------------------- */

/* The immediate of ROUNDSD and friends, or -1. */
static int round_mode(unsigned mode)
{
    switch ((enum fp_round)mode) {
    case FP_ROUND_NEAREST:
        return 0;
    case FP_ROUND_DOWN:
        return 1;
    case FP_ROUND_UP:
        return 2;
    case FP_ROUND_ZERO:
        return 3;
    case FP_ROUND_CURRENT:
        return 4;
    default:
        return -1;
    }
}

static bool is_current(const struct ctx *c, unsigned mode)
{
    return mode == FP_ROUND_CURRENT || mode == c->u->fp.round;
}

/* To the nearest, ties away from zero: truncated, and one more if that took away a half or more.
 * All steps are exact, so that no flag is raised; numbers too large for a fraction, and NaNs, go out
 * of line. */
static bool round_away(struct ctx *c, const struct ir_inst *in, int kind)
{
    static const uint64_t limit[] = {0x4b000000, 0x4330000000000000ull},
                          half[] = {0x3f000000, 0x3fe0000000000000ull},
                          one[] = {0x3f800000, 0x3ff0000000000000ull};
    struct emit *e = &c->e;
    if (!is_scalar(kind) || (in->attr & IR_FRINT_EXACT))
        return false;
    bool wide = !is_single(kind);
    uint64_t sign = wide ? 1ull << 63 : 1ull << 31;
    flags_clobber(c);
    int ra = use_xmm(c, in->a), x = tmp_xmm(c), t = tmp_xmm(c), d = def_apart(c, ra, -1, -1);
    loc_at(c, c->i)->zw = (uint8_t)scalar_bits(kind);
    struct ool *o = fix_new(c, ra, -1, -1, d);
    emit_v_rrm(e, V_PAND, x, ra, emit_pool(e, sign - 1, 0), -1);
    emit_v_rm(e, wide ? V_UCOMISD : V_UCOMISS, x, emit_pool(e, limit[wide], 0), -1);
    ool_from(o, emit_jcc(e, CC_AE));
    ool_from(o, emit_jcc(e, CC_P));
    emit_v_rrr(e, wide ? V_ROUNDSD : V_ROUNDSS, t, x, x, 11);
    emit_v_rrr(e, V_FP(V_FSUB, kind), x, x, t, -1);
    emit_v_rm(e, V_MOVAPS, d, emit_pool(e, half[wide], 0), -1);
    emit_v_rrr(e, V_FP(V_FCMP, kind), d, d, x, 2);
    emit_v_rrm(e, V_PAND, d, d, emit_pool(e, one[wide], 0), -1);
    emit_v_rrr(e, V_FP(V_FADD, kind), d, d, t, -1);
    emit_v_rrm(e, V_PAND, t, ra, emit_pool(e, sign, 0), -1);
    emit_v_rrr(e, V_POR, d, d, t, -1);
    o->back = emit_pos(e);
    return true;
}

static bool round_integral(struct ctx *c, const struct ir_inst *in, int kind)
{
    static const x64_vop op[] = {V_ROUNDPS, V_ROUNDPD, V_ROUNDSS, V_ROUNDSD};
    int mode = round_mode(in->attr & 0x7f);
    if ((in->attr & 0x7f) == FP_ROUND_TIES_AWAY)
        return round_away(c, in, kind);
    if (mode < 0)
        return false;
    if (!(in->attr & IR_FRINT_EXACT))
        mode |= 8;
    int a = whole(c, in, in->a, false);
    if (is_scalar(kind)) {
        int d = def_clean(c, a, scalar_bits(kind));
        emit_v_rrr(&c->e, op[kind], d, d, a, mode);
    } else {
        emit_v_rr(&c->e, op[kind], def_xmm(c, c->i, a, 0), a, mode);
    }
    return true;
}

static bool convert(struct ctx *c, const struct ir_inst *in)
{
    struct emit *e = &c->e;
    enum ir_type from = (enum ir_type)inst_of(c, in->a)->type, to = (enum ir_type)in->type;
    int ra;
    if (from == IR_F32 && to == IR_F64) {
        ra = use_xmm(c, in->a);
        int d = def_clean(c, ra, 64);
        emit_v_rrr(e, V_CVTSS2SD, d, d, ra, -1);
        return true;
    }
    if (from == IR_V64 && to == IR_V128 && in->lane == IR_F64) {
        ra = use_xmm(c, in->a);
        emit_v_rr(e, V_CVTPS2PD, def_xmm(c, c->i, ra, 0), ra, -1);
        return true;
    }
    if (!is_current(c, in->attr))
        return false;
    if (from == IR_F64 && to == IR_F32) {
        flags_clobber(c);
        ra = use_xmm(c, in->a);
        int d = def_clean(c, ra, 32);
        emit_v_rrr(e, V_CVTSD2SS, d, d, ra, -1);
        struct ool *o = fix_new(c, ra, -1, -1, d);
        check(c, o, FP_SS, d, true);
        o->back = emit_pos(e);
        return true;
    }
    if (from == IR_V128 && to == IR_V64 && in->lane == IR_F32) {
        flags_clobber(c);
        ra = use_xmm(c, in->a);
        int d = def_apart(c, ra, -1, -1);
        emit_v_rr(e, V_CVTPD2PS, d, ra, -1);
        struct ool *o = fix_new(c, ra, -1, -1, d);
        check(c, o, FP_PS, d, true);
        o->back = emit_pos(e);
        loc_at(c, c->i)->zw = 64;
        return true;
    }
    return false;
}

/* Scalar to a signed integer. The indefinite integer, the smallest, is looked into. */
static bool to_signed(struct ctx *c, const struct ir_inst *in, bool single, unsigned mode)
{
    struct emit *e = &c->e;
    unsigned sz = type_bytes((enum ir_type)in->type);
    int imm = mode == FP_ROUND_ZERO || is_current(c, mode) ? 0 : round_mode(mode);
    bool current = mode != FP_ROUND_ZERO && is_current(c, mode);
    /* Rounding first says inexact also of what then is out of range, unless numbers that large have
     * no fractions. */
    if (imm < 0 || (imm > 0 && sz == 4 && !single) ||
        (mode == FP_ROUND_NEAREST && !current && sz == 4 && !single))
        return false;
    bool round = mode != FP_ROUND_ZERO && !current;
    flags_clobber(c);
    int ra = use_xmm(c, in->a), x = ra, d = def_gpr(c, c->i, -1, 0);
    if (round) {
        x = tmp_xmm(c);
        emit_v_rrr(e, single ? V_ROUNDSS : V_ROUNDSD, x, ra, ra, round_mode(mode));
    }
    emit_v_to_gpr(e,
                  current  ? (single ? V_CVTSS2SI : V_CVTSD2SI)
                  : single ? V_CVTTSS2SI
                           : V_CVTTSD2SI,
                  sz, d, x);
    struct ool *o = fix_new(c, ra, -1, -1, d);
    emit_alu_ri(e, ALU_CMP, sz, d, 1);
    ool_from(o, emit_jcc(e, CC_O));
    o->back = emit_pos(e);
    return true;
}

static bool to_unsigned(struct ctx *c, const struct ir_inst *in, bool single)
{
    struct emit *e = &c->e;
    unsigned sz = type_bytes((enum ir_type)in->type);
    flags_clobber(c);
    if (has(X64_AVX512)) {
        int ra = use_xmm(c, in->a), d = def_gpr(c, c->i, -1, 0);
        emit_evex_to_gpr(e, single ? V_CVTTSS2USI : V_CVTTSD2USI, sz, d, ra);
        struct ool *o = fix_new(c, ra, -1, -1, d);
        emit_alu_ri(e, ALU_CMP, sz, d, -1);
        ool_from(o, emit_jcc(e, CC_E));
        o->back = emit_pos(e);
        return true;
    }
    /* -1 < a < 2^32 (2^63) goes through the signed conversion. */
    static const uint32_t top_single[] = {0x4f800000, 0x5f000000};
    static const uint64_t top_double[] = {0x41f0000000000000ull, 0x43e0000000000000ull};
    int ra = use_xmm(c, in->a), d = def_gpr(c, c->i, -1, 0);
    x64_vop ucomi = single ? V_UCOMISS : V_UCOMISD;
    struct ool *o = fix_new(c, ra, -1, -1, d);
    emit_v_rm(e, ucomi, ra, emit_pool(e, single ? top_single[sz == 8] : top_double[sz == 8], 0),
              -1);
    ool_from(o, emit_jcc(e, CC_AE));
    emit_v_rm(e, ucomi, ra, emit_pool(e, single ? 0xbf800000u : 0xbff0000000000000ull, 0), -1);
    ool_from(o, emit_jcc(e, CC_BE)); /* NaNs too */
    emit_v_to_gpr(e, single ? V_CVTTSS2SI : V_CVTTSD2SI, 8, d, ra);
    o->back = emit_pos(e);
    return true;
}

static bool to_integer(struct ctx *c, const struct ir_inst *in)
{
    struct emit *e = &c->e;
    enum ir_type from = (enum ir_type)inst_of(c, in->a)->type;
    unsigned mode = in->attr & 0x7f;
    bool is_signed = in->attr & IR_FTOI_SIGNED;
    if (in->imm || (in->attr & IR_FTOI_INDEFINITE))
        return false;
    if ((from == IR_F32 || from == IR_F64) && (in->type == IR_I32 || in->type == IR_I64)) {
        if (is_signed)
            return to_signed(c, in, from == IR_F32, mode);
        return mode == FP_ROUND_ZERO && to_unsigned(c, in, from == IR_F32);
    }
    if (ir_type_is_vector((enum ir_type)in->type) && mode == FP_ROUND_ZERO && has(X64_AVX512) &&
        (in->lane == IR_I64 || (in->lane == IR_I32 && !is_signed))) {
        /* what is out of range, and NaNs, give the smallest number, or all ones if unsigned */
        bool wide = in->lane == IR_I64;
        x64_vop op = !wide ? V_CVTTPS2UDQ : is_signed ? V_CVTTPD2QQ : V_CVTTPD2UQQ;
        flags_clobber(c);
        int ra = use_xmm(c, in->a), wa = whole(c, in, in->a, false), t = tmp_xmm(c),
            d = def_apart(c, ra, -1, -1);
        emit_evex_rrr(e, op, d, -1, wa, -1);
        struct ool *o = fix_new(c, ra, -1, -1, d);
        uint64_t bad = is_signed ? 1ull << 63 : ~0ull;
        emit_v_rm(e, V_MOVAPS, t, emit_pool(e, bad, bad), -1);
        emit_v_rrr(e, wide ? V_PCMPEQQ : V_PCMPEQD, t, t, d, -1);
        test_lanes(c, o, t);
        o->back = emit_pos(e);
        return true;
    }
    if (in->lane == IR_I32 && ir_type_is_vector((enum ir_type)in->type) && is_signed &&
        mode == FP_ROUND_ZERO) {
        flags_clobber(c);
        int ra = use_xmm(c, in->a), wa = whole(c, in, in->a, false), t = tmp_xmm(c),
            d = def_apart(c, ra, -1, -1);
        emit_v_rr(e, V_CVTTPS2DQ, d, wa, -1);
        struct ool *o = fix_new(c, ra, -1, -1, d);
        emit_v_rm(e, V_MOVAPS, t, emit_pool(e, 0x8000000080000000ull, 0x8000000080000000ull), -1);
        emit_v_rrr(e, V_PCMPEQD, t, t, d, -1);
        test_lanes(c, o, t);
        o->back = emit_pos(e);
        return true;
    }
    return false;
}

/* -- JavaScript's conversion: to 32 bits, modulo 2^32 ------------------------------------------ */

/* What is beyond 32 bits: invalid, which the first conversion has said, and not inexact, so that the fraction goes
 * first. */
static void emit_jcvt_wide(struct ctx *c, struct ool *o)
{
    struct emit *e = &c->e;
    emit_v_rrr(e, V_ROUNDSD, o->r[4], o->r[0], o->r[0], 11);
    emit_v_to_gpr(e, V_CVTTSD2SI, 8, o->r[3], o->r[4]);
    emit_alu_ri(e, ALU_CMP, 8, o->r[3], 1);
    uint32_t beyond = emit_jcc(e, CC_O);
    emit_mov_rr(e, 4, o->r[3], o->r[3]);
    emit_patch(e, emit_jmp(e), o->back);
    emit_patch(e, beyond, emit_pos(e));
    emit_fix(c, o);
}

static void jcvt_value(struct ctx *c, const struct ir_inst *in)
{
    struct emit *e = &c->e;
    flags_clobber(c);
    int ra = use_xmm(c, in->a), t = tmp_xmm(c), d = def_gpr(c, c->i, -1, 0);
    struct ool *o = ool_new(c, emit_jcvt_wide);
    o->r[0] = ra;
    o->r[1] = o->r[2] = -1;
    o->r[3] = d;
    o->r[4] = t;
    emit_v_to_gpr(e, V_CVTTSD2SI, 4, d, ra);
    emit_alu_ri(e, ALU_CMP, 4, d, 1);
    ool_from(o, emit_jcc(e, CC_O));
    o->back = emit_pos(e);
}

/* The value was raised along with the flags of the same argument. */
static bool jcvt_is_done(const struct ctx *c, const struct ir_inst *in)
{
    for (uint32_t i = c->i; i-- > 1 && i + 6 > c->i;)
        if (inst_of(c, i)->op == IR_FJCVT_VAL && inst_of(c, i)->a == in->a)
            return true;
    return false;
}

/* Z if the number is that of the integer it is converted to, in all its bits: no NaN, and no -0. */
static void jcvt_flags(struct ctx *c, const struct ir_inst *in)
{
    struct emit *e = &c->e;
    if (c->uses[c->i] == 0 && jcvt_is_done(c, in))
        return;
    flags_clobber(c);
    int ra = use_xmm(c, in->a), x = tmp_xmm(c), t = tmp_gpr(c), t2 = tmp_gpr(c);
    emit_v_to_gpr(e, V_CVTTSD2SI, 4, t, ra);
    emit_v_rrr(e, V_PXOR, x, x, x, -1);
    emit_v_from_gpr(e, V_CVTSI2SD, 4, x, x, t);
    emit_movd_rx(e, 8, t, x);
    emit_movd_rx(e, 8, t2, ra);
    emit_alu_rr(e, ALU_SUB, 8, t2, t);
    emit_alu_ri(e, ALU_CMP, 8, t2, 1); /* below: equal */
    emit_alu_rr(e, ALU_SBB, 4, t, t);
    emit_alu_ri(e, ALU_AND, 4, t, IR_FLAG_Z);
    emit_alu_ri(e, ALU_OR, 4, t, IR_FLAG_C);
    uint32_t loc = loc_new(c, LOC_FLAGS, c->last[c->i]);
    c->loc_of[c->i] = loc;
    loc_own(c, loc, t);
}

static bool from_integer(struct ctx *c, const struct ir_inst *in)
{
    struct emit *e = &c->e;
    enum ir_type from = (enum ir_type)inst_of(c, in->a)->type;
    bool is_signed = in->attr & 1;
    if (in->imm)
        return false;
    if ((in->type == IR_F32 || in->type == IR_F64) && (from == IR_I32 || from == IR_I64)) {
        bool single = in->type == IR_F32;
        unsigned sz = from == IR_I32 && is_signed ? 4 : 8;
        if (from == IR_I64 && !is_signed && !has(X64_AVX512))
            return false;
        int ra = use_gpr(c, in->a);
        if (from == IR_I32 && !is_signed && loc_at(c, in->a)->zw > 32) {
            int t = tmp_gpr(c);
            emit_zext(e, 4, t, ra);
            ra = t;
        }
        int d = def_xmm(c, c->i, -1, 0);
        emit_v_rrr(e, V_PXOR, d, d, d, -1); /* no dependence on what was there */
        if (from == IR_I64 && !is_signed)
            emit_evex_from_gpr(e, single ? V_CVTUSI2SS : V_CVTUSI2SD, 8, d, d, ra);
        else
            emit_v_from_gpr(e, single ? V_CVTSI2SS : V_CVTSI2SD, sz, d, d, ra);
        loc_at(c, c->i)->zw = (uint8_t)(single ? 32 : 64);
        return true;
    }
    if (ir_type_is_vector((enum ir_type)in->type) && has(X64_AVX512) &&
        (in->lane == IR_F64 || (in->lane == IR_F32 && !is_signed))) {
        x64_vop op = in->lane == IR_F32 ? V_CVTUDQ2PS : is_signed ? V_CVTQQ2PD : V_CVTUQQ2PD;
        int a = whole(c, in, in->a, false);
        emit_evex_rrr(e, op, def_xmm(c, c->i, a, 0), -1, a, -1);
        return true;
    }
    if (in->lane == IR_F32 && ir_type_is_vector((enum ir_type)in->type) && is_signed) {
        int a = whole(c, in, in->a, false);
        emit_v_rr(e, V_CVTDQ2PS, def_xmm(c, c->i, a, 0), a, -1);
        return true;
    }
    return false;
}

bool select_fp(struct ctx *c, const struct ir_inst *in)
{
    if (in->op == IR_FNEG || in->op == IR_FABS) {
        int k = kind_of(in);
        if (k < 0)
            return false;
        sign_bit(c, in, k);
        return true;
    }
    if (c->u->fp.nan_rule == FP_NAN_X86)
        return select_fp_x86(c, in);
    if (!fast_env(c))
        return false;
    switch (in->op) {
    case IR_FCVT:
        return convert(c, in);
    case IR_FTOI:
        return to_integer(c, in);
    case IR_ITOF:
        return from_integer(c, in);
    case IR_FJCVT:
        jcvt_flags(c, in);
        return true;
    case IR_FJCVT_VAL:
        jcvt_value(c, in);
        return true;
    default:
        break;
    }
    int kind = kind_of(in);
    if (kind < 0)
        return false;
    switch (in->op) {
    case IR_FADD:
        arithmetic(c, in, V_FADD, kind, false);
        return true;
    case IR_FSUB:
    case IR_FABD:
        arithmetic(c, in, V_FSUB, kind, false);
        return true;
    case IR_FMUL:
        arithmetic(c, in, V_FMUL, kind, true);
        return true;
    case IR_FDIV:
        arithmetic(c, in, V_FDIV, kind, true);
        return true;
    case IR_FSQRT:
        square_root(c, in, kind);
        return true;
    case IR_FMA:
        if (!has(X64_FMA))
            return false;
        multiply_add(c, in, kind);
        return true;
    case IR_FMIN:
    case IR_FMAX:
        if (in->attr)
            return false;
        min_max(c, in, kind);
        return true;
    case IR_FMINNM:
    case IR_FMAXNM:
        min_max(c, in, kind);
        return true;
    case IR_FCMP:
        return !(in->attr & IR_FCMP_FLIP) && in->attr != IR_CC_P && compare(c, in, kind);
    case IR_FRINT:
        return round_integral(c, in, kind);
    case IR_FPADD:
        pairwise_add(c, in, kind);
        return true;
    default:
        return false;
    }
}
