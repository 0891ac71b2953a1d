/* Helpers on vectors: two instructions of SHA-256 and string comparison, on the two scratch slots.  Manual: SDM vol. 2 and vol. 1, 12.17. */
#include "guest/x86/helpers.h"
#include "guest/x86/lift.h"
#include <string.h>

static uint32_t rol(uint32_t v, unsigned n)
{
    return v << n | v >> (32 - n);
}

static uint32_t ror(uint32_t v, unsigned n)
{
    return rol(v, 32 - n);
}

static void sha256_rounds(uint32_t *cdgh, const uint32_t *abef, const uint32_t *wk)
{
    uint32_t a = abef[3], b = abef[2], e = abef[1], f = abef[0], c = cdgh[3], d = cdgh[2], g = cdgh[1], h = cdgh[0];
    for (unsigned i = 0; i < 2; i++) {
        uint32_t t = h + (ror(e, 6) ^ ror(e, 11) ^ ror(e, 25)) + ((e & f) ^ (~e & g)) + wk[i];
        uint32_t u = t + (ror(a, 2) ^ ror(a, 13) ^ ror(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
        h = g, g = f, f = e, e = d + t, d = c, c = b, b = a, a = u;
    }
    cdgh[3] = a, cdgh[2] = b, cdgh[1] = e, cdgh[0] = f;
}

static uint32_t small_sigma1(uint32_t v)
{
    return ror(v, 17) ^ ror(v, 19) ^ v >> 10;
}

void x86_helper_sha(struct cpu *cpu, uint64_t arg)
{
    struct x86_state *s = x86_state(cpu);
    uint32_t a[4], b[4], xmm0[4];
    memcpy(a, s->scratch[0], 16);
    memcpy(b, s->scratch[1], 16);
    memcpy(xmm0, s->xmm[0], 16);
    if ((arg >> 8 & 0xff) == 3) {
        sha256_rounds(a, b, xmm0);
    } else { /* SHA256MSG2 */
        a[0] += small_sigma1(b[2]);
        a[1] += small_sigma1(b[3]);
        a[2] += small_sigma1(a[0]);
        a[3] += small_sigma1(a[1]);
    }
    memcpy(s->scratch[0], a, 16);
}

/* ---- PCMPxSTRx ------------------------------------------------------------------------------------------------ */

struct string {
    int v[16];
    unsigned n, length; /* elements there are, and of those in the string */
};

static void take_string(struct string *s, const void *from, unsigned imm, int64_t length)
{
    const uint8_t *b = from;
    s->n = imm & 1 ? 8 : 16;
    for (unsigned i = 0; i < s->n; i++) {
        unsigned raw = imm & 1 ? b[2 * i] | (unsigned)b[2 * i + 1] << 8 : b[i];
        s->v[i] = !(imm & 2) ? (int)raw : imm & 1 ? (int16_t)raw : (int8_t)raw;
    }
    if (length == INT64_MIN) { /* ends at a zero */
        for (s->length = 0; s->length < s->n && s->v[s->length]; s->length++)
            ;
    } else {
        uint64_t m = length < 0 ? -(uint64_t)length : (uint64_t)length;
        s->length = m < s->n ? (unsigned)m : s->n;
    }
}

/* One bit for each element of b. */
static unsigned aggregate(const struct string *a, const struct string *b, unsigned how)
{
    unsigned r = 0;
    for (unsigned j = 0; j < b->n; j++) {
        bool bit = false;
        switch (how) {
        case 0: /* equal any */
            for (unsigned i = 0; i < a->length; i++)
                bit |= j < b->length && a->v[i] == b->v[j];
            break;
        case 1: /* ranges */
            for (unsigned i = 0; i + 1 < a->length; i += 2)
                bit |= j < b->length && a->v[i] <= b->v[j] && b->v[j] <= a->v[i + 1];
            break;
        case 2: /* equal each */
            bit = j < a->length && j < b->length ? a->v[j] == b->v[j] : j >= a->length && j >= b->length;
            break;
        default: /* equal ordered */
            bit = true;
            for (unsigned i = 0; i < a->length && i + j < b->n; i++)
                bit &= i + j < b->length && a->v[i] == b->v[i + j];
        }
        r |= (unsigned)bit << j;
    }
    return r;
}

static int64_t explicit_length(uint64_t r, bool wide)
{
    return wide ? (int64_t)(r == 1ull << 63 ? r + 1 : r) : (int32_t)r;
}

void x86_helper_pcmpstr(struct cpu *cpu, uint64_t arg)
{
    struct x86_state *s = x86_state(cpu);
    unsigned imm = (unsigned)arg & 0xff, op = (unsigned)arg >> 8 & 0xff;
    bool wide = arg >> 16, is_implicit = op & 2;
    struct string a, b;
    take_string(&a, s->scratch[0], imm, is_implicit ? INT64_MIN : explicit_length(s->r[X86_RAX], wide));
    take_string(&b, s->scratch[1], imm, is_implicit ? INT64_MIN : explicit_length(s->r[X86_RDX], wide));
    unsigned r = aggregate(&a, &b, imm >> 2 & 3), all = (1u << b.n) - 1;
    if (imm & 0x10)
        r ^= imm & 0x20 ? (1u << b.length) - 1 : all;
    s->flags = (r ? IR_FLAG_C : 0) | (b.length < b.n ? IR_FLAG_Z : 0) | (a.length < a.n ? IR_FLAG_S : 0) | (r & 1 ? IR_FLAG_O : 0);
    if (op & 1) {
        unsigned index = !r ? b.n : imm & 0x40 ? 31u - (unsigned)__builtin_clz(r) : (unsigned)__builtin_ctz(r);
        s->r[X86_RCX] = index;
    } else if (imm & 0x40) {
        uint8_t mask[16];
        for (unsigned i = 0; i < 16; i++)
            mask[i] = r >> (imm & 1 ? i / 2 : i) & 1 ? 0xff : 0;
        memcpy(s->xmm[0], mask, 16);
    } else {
        s->xmm[0][0] = r;
        s->xmm[0][1] = 0;
    }
}
