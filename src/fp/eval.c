/* ir_eval_fp: the floating-point section of ops.def, lane by lane, on the functions of fp.h. */
#include "fp/fp.h"
#include <string.h>

struct operation {
    enum ir_op op;
    enum ir_type type, lane, arg_type;
    unsigned attr;
    uint64_t imm;
    const union ir_value *a, *b, *c;
    struct fp_status *fp;
};

/* An element type's size in bytes, and a vector's, scalar's or flags value's. */
static unsigned size_of(enum ir_type t)
{
    static const uint8_t sizes[IR_TYPE_COUNT] = {
        [IR_I1] = 1,    [IR_I8] = 1,    [IR_I16] = 2,   [IR_I32] = 4,  [IR_I64] = 8,
        [IR_F16] = 2,   [IR_F32] = 4,   [IR_F64] = 8,   [IR_F80] = 16, [IR_V64] = 8,
        [IR_V128] = 16, [IR_V256] = 32, [IR_FLAGS] = 4,
    };
    return sizes[t];
}

static bool is_vector(enum ir_type t)
{
    return t >= IR_V64 && t <= IR_V256;
}

static uint64_t get(const union ir_value *v, unsigned size, unsigned i)
{
    switch (size) {
    case 1:
        return v->u8[i];
    case 2:
        return v->u16[i];
    case 4:
        return v->u32[i];
    default:
        return v->u64[i];
    }
}

static void put(union ir_value *v, unsigned size, unsigned i, uint64_t x)
{
    switch (size) {
    case 1:
        v->u8[i] = (uint8_t)x;
        break;
    case 2:
        v->u16[i] = (uint16_t)x;
        break;
    case 4:
        v->u32[i] = (uint32_t)x;
        break;
    default:
        v->u64[i] = x;
    }
}

/* What there is for each format. */
typedef uint64_t unary_fn(uint64_t a, struct fp_status *s);
typedef uint64_t binary_fn(uint64_t a, uint64_t b, struct fp_status *s);
struct functions {
    unary_fn *sqrt, *recpe, *rsqrte, *recpx;
    binary_fn *add, *sub, *mul, *mulx, *div, *abd, *min, *max, *minnm, *maxnm, *min_x86, *max_x86,
        *recps, *rsqrts;
    uint64_t (*fma)(uint64_t a, uint64_t b, uint64_t c, struct fp_status *s);
    enum fp_order (*compare)(uint64_t a, uint64_t b, bool signalling, struct fp_status *s);
    uint64_t (*rint)(uint64_t a, enum fp_round round, bool exact, struct fp_status *s);
    uint64_t (*rint_sized)(uint64_t a, enum fp_round round, unsigned size, struct fp_status *s);
    uint64_t (*to_int)(uint64_t a, enum fp_round round, unsigned size, bool is_signed,
                       unsigned fraction, struct fp_status *s);
    uint64_t (*from_int)(uint64_t v, bool is_signed, unsigned fraction, struct fp_status *s);
};
#define F(n, name) .name = fp##n##_##name
#define FUNCTIONS(n)                                                                               \
    {                                                                                              \
        F(n, sqrt), F(n, recpe), F(n, rsqrte), F(n, recpx), F(n, add), F(n, sub), F(n, mul),       \
            F(n, mulx), F(n, div), F(n, abd), F(n, min), F(n, max), F(n, minnm), F(n, maxnm),      \
            F(n, min_x86), F(n, max_x86), F(n, recps), F(n, rsqrts), F(n, fma), F(n, compare),     \
            F(n, rint), F(n, rint_sized), F(n, to_int), F(n, from_int)                             \
    }
static const struct functions formats[] = {FUNCTIONS(16), FUNCTIONS(32), FUNCTIONS(64)};
#undef F
#undef FUNCTIONS

/* By the size of a number in bytes. */
static const struct functions *functions_of(unsigned size)
{
    assert(size == 2 || size == 4 || size == 8);
    return &formats[size >> 2];
}
static enum ir_type format_of(unsigned size)
{
    return size == 2 ? IR_F16 : size == 4 ? IR_F32 : IR_F64;
}
static uint64_t sign_of(unsigned size)
{
    return 1ull << (8 * size - 1);
}

static binary_fn *binary_function(enum ir_op op, unsigned attr, const struct functions *f)
{
    static const uint8_t across[] = {IR_FMAX, IR_FMIN, IR_FMAXNM, IR_FMINNM};
    static_assert(IR_FMAXNM < 256 && IR_FMAX < 256, "operations fit a byte");
    switch (op) {
    case IR_FADD:
    case IR_FPADD:
        return f->add;
    case IR_FSUB:
        return f->sub;
    case IR_FMUL:
        return f->mul;
    case IR_FMULX:
        return f->mulx;
    case IR_FDIV:
        return f->div;
    case IR_FABD:
        return f->abd;
    case IR_FMIN:
        return attr ? f->min_x86 : f->min;
    case IR_FMAX:
        return attr ? f->max_x86 : f->max;
    case IR_FMINNM:
        return f->minnm;
    case IR_FMAXNM:
        return f->maxnm;
    case IR_FRECPS:
        return f->recps;
    case IR_FRSQRTS:
        return f->rsqrts;
    case IR_FPMAX:
    case IR_FREDUCE:
        return binary_function((enum ir_op)across[attr & 3], 0, f);
    default:
        UNREACHABLE();
    }
}

static unary_fn *unary_function(enum ir_op op, const struct functions *f)
{
    switch (op) {
    case IR_FSQRT:
        return f->sqrt;
    case IR_FRECPE:
        return f->recpe;
    case IR_FRSQRTE:
        return f->rsqrte;
    case IR_FRECPX:
        return f->recpx;
    default:
        UNREACHABLE();
    }
}

/* All ones or zero. */
static uint64_t compare_lane(const struct operation *o, const struct functions *f, uint64_t a,
                             uint64_t b)
{
    unsigned cc = o->attr & 0xf;
    bool signalling = (cc == IR_CC_A || cc == IR_CC_AE) != ((o->attr & IR_FCMP_FLIP) != 0);
    enum fp_order r = f->compare(a, b, signalling, o->fp);
    if (cc == IR_CC_P)
        return r == FP_UNORDERED ? ~0ull : 0;
    bool holds = (r == FP_EQUAL && cc != IR_CC_A) || (r == FP_GREATER && cc != IR_CC_E);
    return holds ? ~0ull : 0;
}

/* An operation whose lanes do not know of each other. */
static uint64_t eval_lane(const struct operation *o, const struct functions *f, unsigned size,
                          unsigned i)
{
    uint64_t a = get(o->a, size, i);
    enum fp_round round = (enum fp_round)(o->attr & 0x7f);
    switch (o->op) {
    case IR_FNEG:
        return a ^ sign_of(size);
    case IR_FABS:
        return a & (sign_of(size) - 1);
    case IR_FSQRT:
    case IR_FRECPE:
    case IR_FRSQRTE:
    case IR_FRECPX:
        return unary_function(o->op, f)(a, o->fp);
    case IR_FMA:
        return f->fma(a, get(o->b, size, i), get(o->c, size, i), o->fp);
    case IR_FCMP:
        return compare_lane(o, f, a, get(o->b, size, i));
    case IR_FRINT:
        return f->rint(a, round, o->attr & IR_FRINT_EXACT, o->fp);
    case IR_FRINTN:
        return f->rint_sized(a, round, (unsigned)o->imm, o->fp);
    case IR_VRECPE:
        return fp_unsigned_recpe((uint32_t)a);
    case IR_VRSQRTE:
        return fp_unsigned_rsqrte((uint32_t)a);
    default:
        return binary_function(o->op, o->attr, f)(a, get(o->b, size, i), o->fp);
    }
}

static void eval_lanes(const struct operation *o, union ir_value *out)
{
    unsigned size = size_of(is_vector(o->type) ? o->lane : o->type);
    const struct functions *f = functions_of(size);
    for (unsigned i = 0; i < size_of(o->type) / size; i++)
        put(out, size, i, eval_lane(o, f, size, i));
}

static void eval_pairwise(const struct operation *o, union ir_value *out)
{
    unsigned size = size_of(o->lane), lanes = size_of(o->type) / size;
    binary_fn *fn = binary_function(o->op, o->attr, functions_of(size));
    for (unsigned i = 0; i < lanes; i++) {
        const union ir_value *v = i < lanes / 2 ? o->a : o->b;
        unsigned from = 2 * i % lanes;
        put(out, size, i, fn(get(v, size, from), get(v, size, from + 1), o->fp));
    }
}

/* The manual's Reduce(): the upper half first, then the lower, then both results. The order of the
 * two halves shows in no result, that of the operands does. */
static uint64_t reduce(const union ir_value *v, unsigned size, unsigned first, unsigned lanes,
                       binary_fn *fn, struct fp_status *s)
{
    if (lanes == 1)
        return get(v, size, first);
    uint64_t low = reduce(v, size, first, lanes / 2, fn, s);
    uint64_t high = reduce(v, size, first + lanes / 2, lanes / 2, fn, s);
    return fn(low, high, s);
}

static void eval_reduce(const struct operation *o, union ir_value *out)
{
    unsigned size = size_of(o->type);
    binary_fn *fn = binary_function(o->op, o->attr, functions_of(size));
    put(out, size, 0, reduce(o->a, size, 0, size_of(o->arg_type) / size, fn, o->fp));
}

static uint64_t to_integer(const struct operation *o, uint64_t a, unsigned from, unsigned to)
{
    uint32_t before = o->fp->flags;
    o->fp->flags = 0;
    uint64_t r = functions_of(from)->to_int(a, (enum fp_round)(o->attr & 7), 8 * to, o->attr & IR_FTOI_SIGNED,
                                            (unsigned)o->imm, o->fp);
    if ((o->attr & IR_FTOI_INDEFINITE) && (o->fp->flags & FP_INVALID))
        r = sign_of(to);
    o->fp->flags |= before;
    return r;
}

/* FCVT, FTOI, ITOF, BFCVT: lane sizes may differ between argument and result. */
static void eval_convert(const struct operation *o, union ir_value *out)
{
    bool vector = is_vector(o->type);
    unsigned to = size_of(vector ? o->lane : o->type),
             from = is_vector(o->arg_type) ? to : size_of(o->arg_type);
    enum fp_round round = (enum fp_round)(o->attr & 0x7f);
    if (o->op == IR_BFCVT) {
        to = 2;
        from = 4;
    } else if (o->op == IR_FCVT && vector) {
        from = size_of(o->type) < size_of(o->arg_type) ? 2 * to : to / 2;
    }
    unsigned lanes = vector ? size_of(o->type) / to : 1;
    for (unsigned i = 0; i < lanes; i++) {
        uint64_t a = get(o->a, from, i), r;
        if (o->op == IR_BFCVT) {
            r = fp_to_bfloat(a, o->fp);
        } else if (o->op == IR_FCVT) {
            r = fp_convert(format_of(to), format_of(from), a, round, o->fp);
        } else if (o->op == IR_FTOI) {
            r = to_integer(o, a, from, to);
        } else {
            if (o->attr & 1)
                a = (uint64_t)sign_extend(a, 8 * from);
            r = functions_of(to)->from_int(a, o->attr & 1, (unsigned)o->imm, o->fp);
        }
        put(out, to, i, r);
    }
}

static uint32_t eval_flags(const struct operation *o)
{
    if (o->op == IR_FJCVT) { /* Arm's NZCV 0z00, and IR_FLAG_C is the inverse of Arm's C */
        bool exact;
        fp_to_int_js(o->a->u64[0], &exact, o->fp);
        return IR_FLAG_C | (exact ? IR_FLAG_Z : 0);
    }
    static const uint32_t arm[] = {
        [FP_LESS] = IR_FLAG_S | IR_FLAG_C,
        [FP_EQUAL] = IR_FLAG_Z,
        [FP_GREATER] = 0,
        [FP_UNORDERED] = IR_FLAG_O,
    };
    static const uint32_t x86[] = {
        [FP_LESS] = IR_FLAG_C,
        [FP_EQUAL] = IR_FLAG_Z,
        [FP_GREATER] = 0,
        [FP_UNORDERED] = IR_FLAG_Z | IR_FLAG_P | IR_FLAG_C,
    };
    unsigned size = size_of(o->arg_type);
    enum fp_order r =
        functions_of(size)->compare(get(o->a, size, 0), get(o->b, size, 0), o->attr & 1, o->fp);
    return (o->op == IR_FLAGS_FCMP ? arm : x86)[r];
}

/* FCADD and FCMLA: even lanes are real parts, odd ones imaginary. */
static void eval_complex(const struct operation *o, union ir_value *out)
{
    unsigned size = size_of(o->lane);
    const struct functions *f = functions_of(size);
    uint64_t sign = sign_of(size);
    for (unsigned i = 0; i < size_of(o->type) / size; i += 2) {
        uint64_t a0 = get(o->a, size, i), a1 = get(o->a, size, i + 1);
        uint64_t b0 = get(o->b, size, i), b1 = get(o->b, size, i + 1);
        if (o->op == IR_FCADD) {
            put(out, size, i, f->add(a0, b1 ^ (o->imm == 90 ? sign : 0), o->fp));
            put(out, size, i + 1, f->add(a1, b0 ^ (o->imm == 90 ? 0 : sign), o->fp));
            continue;
        }
        uint64_t c0 = get(o->c, size, i), c1 = get(o->c, size, i + 1);
        bool turned = o->imm == 90 || o->imm == 270;
        uint64_t factor = turned ? b1 : b0;
        uint64_t real = (turned ? c1 : c0) ^ (o->imm == 90 || o->imm == 180 ? sign : 0);
        uint64_t imaginary = (turned ? c0 : c1) ^ (o->imm >= 180 ? sign : 0);
        put(out, size, i, f->fma(a0, factor, real, o->fp));
        put(out, size, i + 1, f->fma(a1, factor, imaginary, o->fp));
    }
}

/* FMLAL, BFMLAL: f32 lanes a + products of 16-bit lanes of b and c. */
static void eval_widening_fma(const struct operation *o, union ir_value *out)
{
    unsigned lanes = size_of(o->type) / 4;
    for (unsigned i = 0; i < lanes; i++) {
        uint64_t r;
        if (o->op == IR_FMLAL) {
            unsigned from = i + (o->imm & 1 ? lanes : 0);
            r = fp_fma_half(o->a->u32[i], o->b->u16[from] ^ (o->imm & 2 ? 0x8000u : 0),
                            o->c->u16[from], o->fp);
        } else {
            unsigned from = 2 * i + (o->imm & 1);
            r = fp32_fma(o->a->u32[i], (uint64_t)o->b->u16[from] << 16,
                         (uint64_t)o->c->u16[from] << 16, o->fp);
        }
        put(out, 4, i, r);
    }
}

static void eval_bfloat_dot(const struct operation *o, union ir_value *out)
{
    const uint16_t *b = o->b->u16, *c = o->c->u16;
    for (unsigned i = 0; i < size_of(o->type) / 4; i++) {
        uint32_t acc = o->a->u32[i];
        if (o->op == IR_BFDOT) {
            out->u32[i] = fp_bfloat_dot(acc, b[2 * i], c[2 * i], b[2 * i + 1], c[2 * i + 1]);
            continue;
        }
        const uint16_t *row = b + 8 * (i / 4) + 4 * (i / 2 % 2),
                       *column = c + 8 * (i / 4) + 4 * (i % 2);
        acc = fp_bfloat_dot(acc, row[0], column[0], row[1], column[1]);
        out->u32[i] = fp_bfloat_dot(acc, row[2], column[2], row[3], column[3]);
    }
}

void ir_eval_fp(enum ir_op op, enum ir_type type, enum ir_type lane, unsigned attr,
                enum ir_type arg_type, uint64_t imm, const union ir_value *a,
                const union ir_value *b, const union ir_value *c, union ir_value *out,
                struct fp_status *fp)
{
    const struct operation o = {
        .op = op,
        .type = type,
        .lane = lane,
        .arg_type = arg_type,
        .attr = attr,
        .imm = imm,
        .a = a,
        .b = b,
        .c = c,
        .fp = fp,
    };
    union ir_value result = {0}; /* out may be an argument */
    bool exact;
    switch (op) {
    case IR_FLAGS_FCMP:
    case IR_FLAGS_UCOMI:
    case IR_FJCVT:
        result.u32[0] = eval_flags(&o);
        break;
    case IR_FJCVT_VAL:
        result.u32[0] = fp_to_int_js(a->u64[0], &exact, fp);
        break;
    case IR_FCVT:
    case IR_FTOI:
    case IR_ITOF:
    case IR_BFCVT:
        eval_convert(&o, &result);
        break;
    case IR_FPADD:
    case IR_FPMAX:
        eval_pairwise(&o, &result);
        break;
    case IR_FREDUCE:
        eval_reduce(&o, &result);
        break;
    case IR_FCADD:
    case IR_FCMLA:
        eval_complex(&o, &result);
        break;
    case IR_FMLAL:
    case IR_BFMLAL:
        eval_widening_fma(&o, &result);
        break;
    case IR_BFDOT:
    case IR_BFMMLA:
        eval_bfloat_dot(&o, &result);
        break;
    default:
        eval_lanes(&o, &result);
    }
    *out = result;
}
