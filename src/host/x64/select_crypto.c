/* Cryptography: AES, SHA and polynomial products, on the host's instructions where it has them.
 *
 * Arm and x86 lay the state of a hash out differently: Arm has SHA-256's as abcd and efgh with a in
 * lane 0, x86 as ABEF and CDGH with A in lane 3; SHA-1's lanes are the other way round, and x86 adds
 * the round constants itself.  SHA256H and SHA256H2 on the same operands, which always come
 * together, are one computation (alloc_analyse pairs them).
 *
 * Without SHA extensions SHA-256 and SHA-1's rounds go through ir_eval; SHA-512 is a sequence. */
#include "host/x64/x64.h"

static int def_apart(struct ctx *c, int ra, int rb, int rc)
{
    return def_xmm(c, c->i, -1, 1u << ra | 1u << rb | 1u << rc);
}

/* -- AES
 * --------------------------------------------------------------------------------------------- */

static int zero_reg(struct ctx *c)
{
    int t = tmp_xmm(c);
    emit_v_rrr(&c->e, V_PXOR, t, t, t, -1);
    return t;
}

static bool aes(struct ctx *c, const struct ir_inst *in)
{
    struct emit *e = &c->e;
    if (!has(X64_AES))
        return false;
    if (in->op == IR_AESIMC) {
        int ra = use_xmm(c, in->a);
        emit_v_rr(e, V_AESIMC, def_xmm(c, c->i, ra, 0), ra, -1);
        return true;
    }
    if (in->op == IR_AESMC && !(c->mark[in->a] & INST_DEFERRED)) {
        /* undo what comes before the columns are mixed, then do all of it */
        int ra = use_xmm(c, in->a), z = zero_reg(c), d = def_xmm(c, c->i, ra, 1u << z);
        emit_v_rrr(e, V_AESDECLAST, d, ra, z, -1);
        emit_v_rrr(e, V_AESENC, d, d, z, -1);
        return true;
    }
    x64_vop op = in->op == IR_AESMC   ? V_AESENC
                 : in->op == IR_AESE ? V_AESENCLAST
                                     : V_AESDECLAST;
    if (in->op == IR_AESMC)
        in = inst_of(c, in->a);
    int ra = use_xmm(c, in->a), rb = use_xmm(c, in->b);
    int d = def_xmm(c, c->i, ra, (1u << rb) & ~(1u << ra));
    emit_v_rrr(e, V_PXOR, d, ra, rb, -1);
    emit_v_rrm(e, op, d, d, emit_pool(e, 0, 0), -1);
    return true;
}

static bool carryless(struct ctx *c, const struct ir_inst *in)
{
    if (!has(X64_PCLMUL) || in->lane != IR_I64)
        return false;
    int ra = use_xmm(c, in->a), rb = use_xmm(c, in->b),
        d = def_xmm(c, c->i, ra, (1u << rb) & ~(1u << ra));
    emit_v_rrr(&c->e, V_PCLMULQDQ, d, ra, rb, in->imm ? 0x11 : 0x00);
    return true;
}

/* -- SHA-1
 * ------------------------------------------------------------------------------------------- */

/* dst := src rotated left, lanes of 32 bits; t is a scratch register, src != dst. */
static void rotate_left(struct ctx *c, int dst, int src, int t, unsigned n)
{
    struct emit *e = &c->e;
    if (has(X64_AVX512)) {
        emit_evex_rrr(e, V_PROL_D, 1, dst, src, (int)n);
        return;
    }
    emit_v_shift(e, 0x72, 2, t, src, 32 - n);
    emit_v_shift(e, 0x72, 6, dst, src, n);
    emit_v_rrr(e, V_POR, dst, dst, t, -1);
}

static void sha1_rounds(struct ctx *c, const struct ir_inst *in)
{
    static const uint32_t constant[] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc};
    struct emit *e = &c->e;
    int which = in->attr == IR_SHA1_C ? 0 : in->attr == IR_SHA1_P ? 1 : 2;
    uint64_t minus = (uint32_t)-constant[which];
    minus |= minus << 32;
    int ra = use_xmm(c, in->a), rb = use_xmm(c, in->b), rc = use_xmm(c, in->c), w = tmp_xmm(c),
        t = tmp_xmm(c), d = def_apart(c, ra, rb, rc);
    emit_v_rr(e, V_PSHUFD, w, rc, 0x1b);
    emit_v_rrm(e, V_PADDD, w, w, emit_pool(e, minus, minus), -1);
    emit_v_shift(e, 0x73, 7, t, rb, 12); /* e goes to the first word */
    emit_v_rrr(e, V_PADDD, w, w, t, -1);
    emit_v_rr(e, V_PSHUFD, d, ra, 0x1b);
    emit_legacy_rr(e, V_SHA1RNDS4, d, w, which);
    emit_v_rr(e, V_PSHUFD, d, d, 0x1b);
}

static bool sha1(struct ctx *c, const struct ir_inst *in)
{
    struct emit *e = &c->e;
    int ra, rb, rc, t, d;
    switch ((enum ir_sha1)in->attr) {
    case IR_SHA1_C:
    case IR_SHA1_P:
    case IR_SHA1_M:
        if (!has(X64_SHA))
            return false;
        sha1_rounds(c, in);
        return true;
    case IR_SHA1_H:
        rb = use_xmm(c, in->b);
        t = tmp_xmm(c);
        d = def_apart(c, rb, rb, rb);
        rotate_left(c, d, rb, t, 30);
        emit_v_rrr(e, V_INSERTPS, d, d, d, 0x0e);
        loc_at(c, c->i)->zw = 32;
        return true;
    case IR_SHA1_SU0:
        ra = use_xmm(c, in->a);
        rb = use_xmm(c, in->b);
        rc = use_xmm(c, in->c);
        d = def_apart(c, ra, rb, rc);
        emit_v_rrr(e, V_SHUFPD, d, ra, rb, 1);
        emit_v_rrr(e, V_PXOR, d, d, ra, -1);
        emit_v_rrr(e, V_PXOR, d, d, rc, -1);
        return true;
    case IR_SHA1_SU1:
        ra = use_xmm(c, in->a);
        rb = use_xmm(c, in->b);
        t = tmp_xmm(c);
        rc = tmp_xmm(c);
        d = def_apart(c, ra, rb, rb);
        emit_v_shift(e, 0x73, 3, t, rb, 4);
        emit_v_rrr(e, V_PXOR, t, t, ra, -1);
        rotate_left(c, d, t, rc, 1);
        emit_v_shift(e, 0x73, 7, t, t, 12); /* the last word uses the new first one */
        emit_v_shift(e, 0x72, 6, rc, t, 2);
        emit_v_rrr(e, V_PXOR, d, d, rc, -1);
        emit_v_shift(e, 0x72, 2, rc, t, 30);
        emit_v_rrr(e, V_PXOR, d, d, rc, -1);
        return true;
    }
    return false;
}

/* -- SHA-256
 * ----------------------------------------------------------------------------------------- */

/* Four rounds on x (abcd) and y (efgh); the new x for instruction h, the new y for h2, either may
 * be none. */
static void sha256_rounds(struct ctx *c, ir_ref x, ir_ref y, ir_ref w, ir_ref h, ir_ref h2)
{
    struct emit *e = &c->e;
    take_xmm(c, 0); /* the instruction's third operand */
    int rx = use_xmm(c, x), ry = use_xmm(c, y), rw = use_xmm(c, w), abef = tmp_xmm(c),
        cdgh = tmp_xmm(c);
    emit_v_rrr(e, V_SHUFPS, cdgh, ry, rx, 0xbb);
    emit_v_rrr(e, V_SHUFPS, abef, ry, rx, 0x11);
    emit_v_rr(e, V_MOVAPS, 0, rw, -1);
    emit_legacy_rr(e, V_SHA256RNDS2, cdgh, abef, -1);
    emit_v_rr(e, V_PSHUFD, 0, rw, 0xee);
    emit_legacy_rr(e, V_SHA256RNDS2, abef, cdgh, -1);
    if (h)
        emit_v_rrr(e, V_SHUFPS, def_xmm(c, h, -1, 0), abef, cdgh, 0xbb);
    if (h2)
        emit_v_rrr(e, V_SHUFPS, def_xmm(c, h2, -1, 0), abef, cdgh, 0x11);
}

static bool sha256(struct ctx *c, const struct ir_inst *in)
{
    struct emit *e = &c->e;
    if (!has(X64_SHA))
        return false;
    int ra, rb, rc, t, d;
    ir_ref other;
    switch ((enum ir_sha2)in->attr) {
    case IR_SHA2_H:
    case IR_SHA2_H2:
        other = c->pair[c->i];
        if (other)
            c->mark[other] |= INST_DONE;
        if (in->attr == IR_SHA2_H)
            sha256_rounds(c, in->a, in->b, in->c, c->i, other);
        else
            sha256_rounds(c, in->b, in->a, in->c, other, c->i);
        return true;
    case IR_SHA2_SU0:
        rb = use_xmm(c, in->b);
        ra = use_xmm(c, in->a);
        d = def_xmm(c, c->i, ra, (1u << rb) & ~(1u << ra));
        if (ra == rb && d != ra)
            rb = d;
        if (d != ra)
            emit_v_rr(e, V_MOVAPS, d, ra, -1);
        emit_legacy_rr(e, V_SHA256MSG1, d, rb, -1);
        return true;
    case IR_SHA2_SU1:
        ra = use_xmm(c, in->a);
        rb = use_xmm(c, in->b);
        rc = use_xmm(c, in->c);
        t = tmp_xmm(c);
        d = def_apart(c, ra, rb, rc);
        emit_v_rrr(e, V_PALIGNR, t, rc, rb, 4);
        emit_v_rrr(e, V_PADDD, d, ra, t, -1);
        emit_legacy_rr(e, V_SHA256MSG2, d, rc, -1);
        return true;
    }
    return false;
}

/* -- SHA-512
 * ----------------------------------------------------------------------------------------- */

/* dst := src rotated right by k[0], k[1] and k[2], exclusively ored, lanes of 64 bits; a negative
 * k[2] is a shift.  b is a scratch register; dst, src and b differ. */
static void sigma(struct ctx *c, int dst, int src, int b, const int8_t k[3])
{
    struct emit *e = &c->e;
    if (has(X64_AVX512)) {
        emit_evex_rrr(e, V_PROR_Q, 0, dst, src, k[0]);
        emit_evex_rrr(e, V_PROR_Q, 0, b, src, k[1]);
        emit_v_rrr(e, V_PXOR, dst, dst, b, -1);
        if (k[2] > 0)
            emit_evex_rrr(e, V_PROR_Q, 0, b, src, k[2]);
        else
            emit_v_shift(e, 0x73, 2, b, src, (unsigned)-k[2]);
        emit_v_rrr(e, V_PXOR, dst, dst, b, -1);
        return;
    }
    for (unsigned i = 0; i < 3; i++) {
        unsigned n = (unsigned)(k[i] < 0 ? -k[i] : k[i]);
        emit_v_shift(e, 0x73, 2, i ? b : dst, src, n);
        if (i)
            emit_v_rrr(e, V_PXOR, dst, dst, b, -1);
        if (k[i] < 0)
            continue;
        emit_v_shift(e, 0x73, 6, b, src, 64 - n);
        emit_v_rrr(e, V_PXOR, dst, dst, b, -1);
    }
}

static const int8_t sum0[] = {28, 34, 39}, sum1[] = {14, 18, 41}, sigma0[] = {1, 8, -7},
                    sigma1[] = {19, 61, -6};

/* All but d holds its value in the low lane only.  acc becomes the result's high half first. */
static void sha512_h(struct ctx *c, int d, int rd, int n, int m, const int r[4])
{
    struct emit *e = &c->e;
    int t = r[0], acc = r[1], b = r[2], x = r[3];
    emit_v_rr(e, V_PSHUFD, t, m, 0xee);
    sigma(c, acc, t, b, sum1);
    emit_v_rr(e, V_PSHUFD, b, n, 0xee);
    emit_v_rrr(e, V_PXOR, x, n, b, -1); /* t ? n0 : n1 */
    emit_v_rrr(e, V_PAND, x, x, t, -1);
    emit_v_rrr(e, V_PXOR, x, x, b, -1);
    emit_v_rrr(e, V_PADDQ, acc, acc, x, -1);
    emit_v_rr(e, V_PSHUFD, b, rd, 0xee);
    emit_v_rrr(e, V_PADDQ, acc, acc, b, -1);
    emit_v_rrr(e, V_PADDQ, x, acc, m, -1);
    sigma(c, d, x, b, sum1);
    emit_v_rrr(e, V_PXOR, t, t, n, -1); /* x ? m1 : n0 */
    emit_v_rrr(e, V_PAND, t, t, x, -1);
    emit_v_rrr(e, V_PXOR, t, t, n, -1);
}

static void sha512_h2(struct ctx *c, int d, int rd, int n, int m, const int r[4])
{
    struct emit *e = &c->e;
    int t = r[0], acc = r[1], b = r[2], x = r[3];
    sigma(c, acc, m, b, sum0);
    emit_v_rr(e, V_PSHUFD, t, m, 0xee);
    emit_v_rrr(e, V_PXOR, x, t, m, -1); /* majority: (n & (m1 ^ m0)) + (m1 & m0) */
    emit_v_rrr(e, V_PAND, t, t, m, -1);
    emit_v_rrr(e, V_PADDQ, acc, acc, t, -1);
    emit_v_rrr(e, V_PAND, b, x, n, -1);
    emit_v_rrr(e, V_PADDQ, acc, acc, b, -1);
    emit_v_rr(e, V_PSHUFD, b, rd, 0xee);
    emit_v_rrr(e, V_PADDQ, acc, acc, b, -1);
    sigma(c, d, acc, b, sum0);
    emit_v_rrr(e, V_PAND, x, x, acc, -1);
    emit_v_rrr(e, V_PADDQ, t, t, x, -1);
}

static bool sha512(struct ctx *c, const struct ir_inst *in)
{
    struct emit *e = &c->e;
    bool su0 = in->attr == IR_SHA2_SU0, su1 = in->attr == IR_SHA2_SU1;
    int ra = use_xmm(c, in->a), rb = use_xmm(c, in->b), rc = su0 ? rb : use_xmm(c, in->c);
    int t = tmp_xmm(c), b = tmp_xmm(c);
    if (su0 || su1) {
        int d = def_apart(c, ra, rb, rc);
        if (su0)
            emit_v_rrr(e, V_SHUFPD, t, ra, rb, 1);
        sigma(c, d, su0 ? t : rb, b, su0 ? sigma0 : sigma1);
        emit_v_rrr(e, V_PADDQ, d, d, ra, -1);
        if (su1)
            emit_v_rrr(e, V_PADDQ, d, d, rc, -1);
        return true;
    }
    int acc = tmp_xmm(c), x = tmp_xmm(c), d = def_apart(c, ra, rb, rc);
    const int r[] = {t, acc, b, x};
    (in->attr == IR_SHA2_H ? sha512_h : sha512_h2)(c, d, ra, rb, rc, r);
    emit_v_rrr(e, V_PADDQ, d, d, t, -1);
    emit_v_rrr(e, V_PADDQ, d, d, ra, -1);
    emit_v_rrr(e, V_PUNPCKLQDQ, d, d, acc, -1);
    return true;
}

bool select_crypto(struct ctx *c, const struct ir_inst *in)
{
    switch (in->op) {
    case IR_AESE:
    case IR_AESD:
    case IR_AESMC:
    case IR_AESIMC:
        return aes(c, in);
    case IR_VPMULL:
        return carryless(c, in);
    case IR_SHA1:
        return sha1(c, in);
    case IR_SHA256:
        return sha256(c, in);
    case IR_SHA512:
        return sha512(c, in);
    default:
        return false;
    }
}
