/* ir_eval_crypto: the cryptography section of ops.def, as Arm's instructions define it (AESE,
 * AESMC, SHA1C, SHA256H, SHA512H, ... in the chapter on Advanced SIMD instructions).  Not
 * constant-time. */
#include "fp/fp.h"

static uint8_t gf_double(uint8_t x)
{
    return (uint8_t)(x << 1 ^ (x >> 7) * 0x1b);
}
static uint8_t gf_mul(uint8_t x, uint8_t y)
{
    uint8_t r = 0;
    for (; y; y >>= 1, x = gf_double(x))
        r ^= (uint8_t)(y & 1 ? x : 0);
    return r;
}

static const uint8_t sbox[256] = {
    0x63, 0x7c, 0x77, 0x7b, 0xf2, 0x6b, 0x6f, 0xc5, 0x30, 0x01, 0x67, 0x2b, 0xfe, 0xd7, 0xab, 0x76,
    0xca, 0x82, 0xc9, 0x7d, 0xfa, 0x59, 0x47, 0xf0, 0xad, 0xd4, 0xa2, 0xaf, 0x9c, 0xa4, 0x72, 0xc0,
    0xb7, 0xfd, 0x93, 0x26, 0x36, 0x3f, 0xf7, 0xcc, 0x34, 0xa5, 0xe5, 0xf1, 0x71, 0xd8, 0x31, 0x15,
    0x04, 0xc7, 0x23, 0xc3, 0x18, 0x96, 0x05, 0x9a, 0x07, 0x12, 0x80, 0xe2, 0xeb, 0x27, 0xb2, 0x75,
    0x09, 0x83, 0x2c, 0x1a, 0x1b, 0x6e, 0x5a, 0xa0, 0x52, 0x3b, 0xd6, 0xb3, 0x29, 0xe3, 0x2f, 0x84,
    0x53, 0xd1, 0x00, 0xed, 0x20, 0xfc, 0xb1, 0x5b, 0x6a, 0xcb, 0xbe, 0x39, 0x4a, 0x4c, 0x58, 0xcf,
    0xd0, 0xef, 0xaa, 0xfb, 0x43, 0x4d, 0x33, 0x85, 0x45, 0xf9, 0x02, 0x7f, 0x50, 0x3c, 0x9f, 0xa8,
    0x51, 0xa3, 0x40, 0x8f, 0x92, 0x9d, 0x38, 0xf5, 0xbc, 0xb6, 0xda, 0x21, 0x10, 0xff, 0xf3, 0xd2,
    0xcd, 0x0c, 0x13, 0xec, 0x5f, 0x97, 0x44, 0x17, 0xc4, 0xa7, 0x7e, 0x3d, 0x64, 0x5d, 0x19, 0x73,
    0x60, 0x81, 0x4f, 0xdc, 0x22, 0x2a, 0x90, 0x88, 0x46, 0xee, 0xb8, 0x14, 0xde, 0x5e, 0x0b, 0xdb,
    0xe0, 0x32, 0x3a, 0x0a, 0x49, 0x06, 0x24, 0x5c, 0xc2, 0xd3, 0xac, 0x62, 0x91, 0x95, 0xe4, 0x79,
    0xe7, 0xc8, 0x37, 0x6d, 0x8d, 0xd5, 0x4e, 0xa9, 0x6c, 0x56, 0xf4, 0xea, 0x65, 0x7a, 0xae, 0x08,
    0xba, 0x78, 0x25, 0x2e, 0x1c, 0xa6, 0xb4, 0xc6, 0xe8, 0xdd, 0x74, 0x1f, 0x4b, 0xbd, 0x8b, 0x8a,
    0x70, 0x3e, 0xb5, 0x66, 0x48, 0x03, 0xf6, 0x0e, 0x61, 0x35, 0x57, 0xb9, 0x86, 0xc1, 0x1d, 0x9e,
    0xe1, 0xf8, 0x98, 0x11, 0x69, 0xd9, 0x8e, 0x94, 0x9b, 0x1e, 0x87, 0xe9, 0xce, 0x55, 0x28, 0xdf,
    0x8c, 0xa1, 0x89, 0x0d, 0xbf, 0xe6, 0x42, 0x68, 0x41, 0x99, 0x2d, 0x0f, 0xb0, 0x54, 0xbb, 0x16,
};
static const uint8_t sbox_inverse[256] = {
    0x52, 0x09, 0x6a, 0xd5, 0x30, 0x36, 0xa5, 0x38, 0xbf, 0x40, 0xa3, 0x9e, 0x81, 0xf3, 0xd7, 0xfb,
    0x7c, 0xe3, 0x39, 0x82, 0x9b, 0x2f, 0xff, 0x87, 0x34, 0x8e, 0x43, 0x44, 0xc4, 0xde, 0xe9, 0xcb,
    0x54, 0x7b, 0x94, 0x32, 0xa6, 0xc2, 0x23, 0x3d, 0xee, 0x4c, 0x95, 0x0b, 0x42, 0xfa, 0xc3, 0x4e,
    0x08, 0x2e, 0xa1, 0x66, 0x28, 0xd9, 0x24, 0xb2, 0x76, 0x5b, 0xa2, 0x49, 0x6d, 0x8b, 0xd1, 0x25,
    0x72, 0xf8, 0xf6, 0x64, 0x86, 0x68, 0x98, 0x16, 0xd4, 0xa4, 0x5c, 0xcc, 0x5d, 0x65, 0xb6, 0x92,
    0x6c, 0x70, 0x48, 0x50, 0xfd, 0xed, 0xb9, 0xda, 0x5e, 0x15, 0x46, 0x57, 0xa7, 0x8d, 0x9d, 0x84,
    0x90, 0xd8, 0xab, 0x00, 0x8c, 0xbc, 0xd3, 0x0a, 0xf7, 0xe4, 0x58, 0x05, 0xb8, 0xb3, 0x45, 0x06,
    0xd0, 0x2c, 0x1e, 0x8f, 0xca, 0x3f, 0x0f, 0x02, 0xc1, 0xaf, 0xbd, 0x03, 0x01, 0x13, 0x8a, 0x6b,
    0x3a, 0x91, 0x11, 0x41, 0x4f, 0x67, 0xdc, 0xea, 0x97, 0xf2, 0xcf, 0xce, 0xf0, 0xb4, 0xe6, 0x73,
    0x96, 0xac, 0x74, 0x22, 0xe7, 0xad, 0x35, 0x85, 0xe2, 0xf9, 0x37, 0xe8, 0x1c, 0x75, 0xdf, 0x6e,
    0x47, 0xf1, 0x1a, 0x71, 0x1d, 0x29, 0xc5, 0x89, 0x6f, 0xb7, 0x62, 0x0e, 0xaa, 0x18, 0xbe, 0x1b,
    0xfc, 0x56, 0x3e, 0x4b, 0xc6, 0xd2, 0x79, 0x20, 0x9a, 0xdb, 0xc0, 0xfe, 0x78, 0xcd, 0x5a, 0xf4,
    0x1f, 0xdd, 0xa8, 0x33, 0x88, 0x07, 0xc7, 0x31, 0xb1, 0x12, 0x10, 0x59, 0x27, 0x80, 0xec, 0x5f,
    0x60, 0x51, 0x7f, 0xa9, 0x19, 0xb5, 0x4a, 0x0d, 0x2d, 0xe5, 0x7a, 0x9f, 0x93, 0xc9, 0x9c, 0xef,
    0xa0, 0xe0, 0x3b, 0x4d, 0xae, 0x2a, 0xf5, 0xb0, 0xc8, 0xeb, 0xbb, 0x3c, 0x83, 0x53, 0x99, 0x61,
    0x17, 0x2b, 0x04, 0x7e, 0xba, 0x77, 0xd6, 0x26, 0xe1, 0x69, 0x14, 0x63, 0x55, 0x21, 0x0c, 0x7d,
};

/* Byte i of a state is row i % 4, column i / 4; row r is turned left by r (encryption) or right. */
static void aes_round(const union ir_value *d, const union ir_value *n, bool decrypt,
                      union ir_value *out)
{
    for (unsigned i = 0; i < 16; i++) {
        unsigned row = i % 4, column = i / 4;
        unsigned from = row + 4 * ((decrypt ? column - row : column + row) % 4);
        uint8_t x = d->u8[from] ^ n->u8[from];
        out->u8[i] = decrypt ? sbox_inverse[x] : sbox[x];
    }
}

static void aes_mix(const union ir_value *n, bool decrypt, union ir_value *out)
{
    static const uint8_t factors[2][4] = {{2, 3, 1, 1}, {14, 11, 13, 9}};
    for (unsigned i = 0; i < 16; i++) {
        uint8_t x = 0;
        for (unsigned k = 0; k < 4; k++)
            x ^= gf_mul(n->u8[i / 4 * 4 + (i + k) % 4], factors[decrypt][k]);
        out->u8[i] = x;
    }
}

/* clang-format off */
static uint32_t rol32(uint32_t x, unsigned n) { return x << n | x >> (32 - n); }
static uint32_t ror32(uint32_t x, unsigned n) { return rol32(x, 32 - n); }
static uint64_t ror64(uint64_t x, unsigned n) { return x >> n | x << (64 - n); }
static uint64_t choose(uint64_t x, uint64_t y, uint64_t z) { return ((y ^ z) & x) ^ z; }
static uint64_t majority(uint64_t x, uint64_t y, uint64_t z) { return (x & y) | ((x | y) & z); }
/* clang-format on */

/* Four rounds; only element 0 of n counts. */
static void sha1_hash(unsigned kind, const union ir_value *d, const union ir_value *n,
                      const union ir_value *m, union ir_value *out)
{
    uint32_t x[4] = {d->u32[0], d->u32[1], d->u32[2], d->u32[3]}, y = n->u32[0];
    for (unsigned e = 0; e < 4; e++) {
        uint64_t t = kind == IR_SHA1_C   ? choose(x[1], x[2], x[3])
                     : kind == IR_SHA1_P ? x[1] ^ x[2] ^ x[3]
                                         : majority(x[1], x[2], x[3]);
        uint32_t first = y + rol32(x[0], 5) + (uint32_t)t + m->u32[e];
        y = x[3];
        x[3] = x[2];
        x[2] = rol32(x[1], 30);
        x[1] = x[0];
        x[0] = first;
    }
    for (unsigned e = 0; e < 4; e++)
        out->u32[e] = x[e];
}

static void sha1(unsigned kind, const union ir_value *d, const union ir_value *n,
                 const union ir_value *m, union ir_value *out)
{
    switch (kind) {
    case IR_SHA1_H:
        out->u32[0] = rol32(n->u32[0], 30);
        break;
    case IR_SHA1_SU0:
        out->u64[0] = d->u64[1] ^ d->u64[0] ^ m->u64[0];
        out->u64[1] = n->u64[0] ^ d->u64[1] ^ m->u64[1];
        break;
    case IR_SHA1_SU1:
        for (unsigned e = 0; e < 3; e++)
            out->u32[e] = rol32(d->u32[e] ^ n->u32[e + 1], 1);
        out->u32[3] = rol32(d->u32[3], 1) ^ rol32(d->u32[0] ^ n->u32[1], 2);
        break;
    default:
        sha1_hash(kind, d, n, m, out);
    }
}

/* Four rounds on the state's halves x (a b c d) and y (e f g h). */
static void sha256_hash(uint32_t x[4], uint32_t y[4], const union ir_value *w)
{
    for (unsigned e = 0; e < 4; e++) {
        uint32_t t = y[3] + (ror32(y[0], 6) ^ ror32(y[0], 11) ^ ror32(y[0], 25)) +
                     (uint32_t)choose(y[0], y[1], y[2]) + w->u32[e];
        uint32_t first_y = t + x[3];
        uint32_t first_x = t + (ror32(x[0], 2) ^ ror32(x[0], 13) ^ ror32(x[0], 22)) +
                           (uint32_t)majority(x[0], x[1], x[2]);
        for (unsigned i = 3; i > 0; i--) {
            x[i] = x[i - 1];
            y[i] = y[i - 1];
        }
        x[0] = first_x;
        y[0] = first_y;
    }
}

static void sha256(unsigned kind, const union ir_value *d, const union ir_value *n,
                   const union ir_value *m, union ir_value *out)
{
    uint32_t x[4], y[4], t[4];
    switch (kind) {
    case IR_SHA2_H:
    case IR_SHA2_H2:
        for (unsigned e = 0; e < 4; e++) {
            x[e] = (kind == IR_SHA2_H ? d : n)->u32[e];
            y[e] = (kind == IR_SHA2_H ? n : d)->u32[e];
        }
        sha256_hash(x, y, m);
        for (unsigned e = 0; e < 4; e++)
            out->u32[e] = (kind == IR_SHA2_H ? x : y)[e];
        break;
    case IR_SHA2_SU0:
        for (unsigned e = 0; e < 4; e++) {
            t[e] = e < 3 ? d->u32[e + 1] : n->u32[0];
            out->u32[e] = d->u32[e] + (ror32(t[e], 7) ^ ror32(t[e], 18) ^ t[e] >> 3);
        }
        break;
    default:
        for (unsigned e = 0; e < 4; e++) {
            t[e] = e < 2 ? m->u32[e + 2] : out->u32[e - 2];
            out->u32[e] = d->u32[e] + (e < 3 ? n->u32[e + 1] : m->u32[0]) +
                          (ror32(t[e], 17) ^ ror32(t[e], 19) ^ t[e] >> 10);
        }
    }
}

/* clang-format off */
static uint64_t sha512_sum0(uint64_t x) { return ror64(x, 28) ^ ror64(x, 34) ^ ror64(x, 39); }
static uint64_t sha512_sum1(uint64_t x) { return ror64(x, 14) ^ ror64(x, 18) ^ ror64(x, 41); }
static uint64_t sha512_sigma0(uint64_t x) { return ror64(x, 1) ^ ror64(x, 8) ^ x >> 7; }
static uint64_t sha512_sigma1(uint64_t x) { return ror64(x, 19) ^ ror64(x, 61) ^ x >> 6; }
/* clang-format on */

static void sha512(unsigned kind, const uint64_t *d, const uint64_t *n, const uint64_t *m,
                   uint64_t *out)
{
    switch (kind) {
    case IR_SHA2_H:
        out[1] = d[1] + sha512_sum1(m[1]) + choose(m[1], n[0], n[1]);
        out[0] = d[0] + sha512_sum1(out[1] + m[0]) + choose(out[1] + m[0], m[1], n[0]);
        break;
    case IR_SHA2_H2:
        out[1] = d[1] + sha512_sum0(m[0]) + majority(n[0], m[1], m[0]);
        out[0] = d[0] + sha512_sum0(out[1]) + majority(out[1], m[0], m[1]);
        break;
    case IR_SHA2_SU0:
        out[0] = d[0] + sha512_sigma0(d[1]);
        out[1] = d[1] + sha512_sigma0(n[0]);
        break;
    default:
        out[0] = d[0] + sha512_sigma1(n[0]) + m[0];
        out[1] = d[1] + sha512_sigma1(n[1]) + m[1];
    }
}

void ir_eval_crypto(enum ir_op op, enum ir_type type, enum ir_type lane, unsigned attr,
                    enum ir_type arg_type, uint64_t imm, const union ir_value *a,
                    const union ir_value *b, const union ir_value *c, union ir_value *out,
                    struct fp_status *fp)
{
    union ir_value result = {0}; /* out may be an argument */
    switch (op) {
    case IR_AESE:
    case IR_AESD:
        aes_round(a, b, op == IR_AESD, &result);
        break;
    case IR_AESMC:
    case IR_AESIMC:
        aes_mix(a, op == IR_AESIMC, &result);
        break;
    case IR_SHA1:
        sha1(attr, a, b, c, &result);
        break;
    case IR_SHA256:
        sha256(attr, a, b, c, &result);
        break;
    case IR_SHA512:
        sha512(attr, a->u64, b->u64, c ? c->u64 : NULL, result.u64);
        break;
    default:
        UNREACHABLE();
    }
    *out = result;
}
