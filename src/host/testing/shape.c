/* The valid combinations of each value operation.  Written from ops.def; where that leaves a choice open
 * (a lane of 64 bits in a pairwise operation on V64) the combination is not made. */
#include "host/testing/shape.h"

/* Sets of lanes. */
enum {
    L8 = 1u << IR_I8,
    L16 = 1u << IR_I16,
    L32 = 1u << IR_I32,
    L64 = 1u << IR_I64,
    LF16 = 1u << IR_F16,
    LF32 = 1u << IR_F32,
    LF64 = 1u << IR_F64,
    LINT = L8 | L16 | L32 | L64,
    LFLOAT = LF16 | LF32 | LF64,
};

#define PICK(r, ...) \
    (((const unsigned[]){__VA_ARGS__})[random_below(r, sizeof((const unsigned[]){__VA_ARGS__}) / sizeof(unsigned))])

static enum ir_type pick_type(struct random *r, unsigned set)
{
    for (;;) {
        unsigned t = random_below(r, IR_TYPE_COUNT);
        if (set & 1u << t)
            return t;
    }
}
static unsigned bits_of(enum ir_type t)
{
    return t == IR_I1 ? 1 : 8 * ir_type_size(t);
}
static enum ir_type int_of(enum ir_type lane) /* the integer type of a lane's size */
{
    return lane == IR_F16 ? IR_I16 : lane == IR_F32 ? IR_I32 : lane == IR_F64 ? IR_I64 : lane;
}

static bool args(struct shape *s, enum ir_type a, enum ir_type b, enum ir_type c)
{
    s->args[0] = a;
    s->args[1] = b;
    s->args[2] = c;
    return true;
}
/* n arguments of the result's type. */
static bool same(struct shape *s, unsigned n)
{
    return args(s, s->type, n > 1 ? s->type : IR_VOID, n > 2 ? s->type : IR_VOID);
}
static bool integer(struct shape *s, struct random *r, unsigned n)
{
    s->type = pick_type(r, LINT);
    return same(s, n);
}
/* A vector type and a lane from the set; `many`: at least two lanes. */
static void vector(struct shape *s, struct random *r, const struct shape_options *o, unsigned lanes, bool many)
{
    do {
        s->type = random_chance(r, 65) ? IR_V128 : o->v256 && random_chance(r, 30) ? IR_V256 : IR_V64;
        s->lane = pick_type(r, lanes);
    } while ((many || s->lane == IR_F64) && s->type == IR_V64 && ir_type_size(s->lane) == 8);
}
/* A scalar float or a vector of floats. */
static void floating(struct shape *s, struct random *r, unsigned lanes)
{
    if (random_chance(r, 50)) {
        s->type = s->lane = pick_type(r, lanes);
        return;
    }
    do {
        s->type = random_chance(r, 65) ? IR_V128 : IR_V64;
        s->lane = pick_type(r, lanes);
    } while (s->type == IR_V64 && s->lane == IR_F64);
}
static unsigned lane_count(const struct shape *s, enum ir_type vec)
{
    return ir_type_size(vec) / ir_type_size(s->lane);
}
static unsigned round_mode(struct random *r)
{
    return PICK(r, FP_ROUND_NEAREST, FP_ROUND_UP, FP_ROUND_DOWN, FP_ROUND_ZERO, FP_ROUND_TIES_AWAY, FP_ROUND_CURRENT);
}
static enum ir_type wider_int(struct random *r, unsigned bits) /* at least that wide */
{
    enum ir_type t;
    do
        t = pick_type(r, LINT);
    while (bits_of(t) < bits);
    return t;
}

static bool shape_convert(struct shape *s, struct random *r)
{
    enum ir_type from;
    switch (s->op) {
    case IR_ZEXT:
        if (random_chance(r, 25)) {
            from = pick_type(r, LFLOAT | 1u << IR_V64);
            s->type = from == IR_V64 || from == IR_F64 ? IR_V128 : PICK(r, IR_V64, IR_V128);
            return args(s, from, IR_VOID, IR_VOID);
        }
        /* fall through */
    case IR_SEXT:
        from = pick_type(r, L8 | L16 | L32 | 1u << IR_I1);
        do
            s->type = pick_type(r, LINT);
        while (bits_of(s->type) <= bits_of(from));
        return args(s, from, IR_VOID, IR_VOID);
    case IR_TRUNC:
        if (random_chance(r, 30)) {
            s->type = pick_type(r, LFLOAT | 1u << IR_V64);
            return args(s, s->type == IR_F16 || s->type == IR_F32 ? PICK(r, IR_V64, IR_V128) : IR_V128, IR_VOID, IR_VOID);
        }
        if (random_chance(r, 15)) {
            s->type = IR_I1;
            return args(s, pick_type(r, LINT), IR_VOID, IR_VOID);
        }
        from = pick_type(r, L16 | L32 | L64);
        do
            s->type = pick_type(r, LINT);
        while (bits_of(s->type) >= bits_of(from));
        return args(s, from, IR_VOID, IR_VOID);
    default: { /* BITCAST */
        static const uint8_t pairs[][2] = {{IR_I16, IR_F16}, {IR_I32, IR_F32}, {IR_I64, IR_F64}, {IR_I64, IR_V64}};
        unsigned p = random_below(r, 4), d = random_below(r, 2);
        s->type = pairs[p][d];
        return args(s, pairs[p][!d], IR_VOID, IR_VOID);
    }
    }
}

static bool shape_scalar(struct shape *s, struct random *r)
{
    unsigned w;
    switch (s->op) {
    case IR_AND: case IR_OR: case IR_XOR: case IR_ANDN:
        s->type = pick_type(r, LINT | 1u << IR_I1);
        return same(s, 2);
    case IR_NOT:
        s->type = pick_type(r, LINT | 1u << IR_I1);
        return same(s, 1);
    case IR_ADD: case IR_SUB: case IR_MUL: case IR_MULHU: case IR_MULHS: case IR_UDIV: case IR_SDIV: case IR_UREM:
    case IR_SREM: case IR_SHL: case IR_SHR: case IR_SAR: case IR_ROR:
        return integer(s, r, 2);
    case IR_NEG: case IR_CLZ: case IR_CTZ: case IR_POPCNT: case IR_BSWAP: case IR_BITREV:
        return integer(s, r, 1);
    case IR_ADC: case IR_SBC:
        integer(s, r, 2);
        s->args[2] = IR_FLAGS;
        return true;
    case IR_EXTR:
        integer(s, r, 2);
        s->imm = random_below(r, bits_of(s->type));
        return true;
    case IR_BFX: case IR_BFXS: case IR_BFI:
        integer(s, r, s->op == IR_BFI ? 2 : 1);
        w = random_below(r, bits_of(s->type)); /* pos */
        s->imm = w | (1 + random_below(r, bits_of(s->type) - w)) << 8;
        return true;
    case IR_SELECT:
        s->type = pick_type(r, LINT | LFLOAT | 1u << IR_V64 | 1u << IR_V128 | 1u << IR_FLAGS);
        return args(s, IR_I1, s->type, s->type);
    case IR_CMP:
        s->type = IR_I1;
        s->attr = PICK(r, IR_CC_E, IR_CC_NE, IR_CC_B, IR_CC_AE, IR_CC_BE, IR_CC_A, IR_CC_L, IR_CC_GE, IR_CC_LE, IR_CC_G);
        s->args[0] = pick_type(r, s->attr <= IR_CC_NE && s->attr >= IR_CC_E ? LINT | 1u << IR_I1 : LINT);
        return args(s, s->args[0], s->args[0], IR_VOID);
    case IR_CRC32:
        s->type = IR_I32;
        s->lane = pick_type(r, LINT);
        s->attr = random_below(r, 2);
        return args(s, IR_I32, s->lane == IR_I64 ? IR_I64 : IR_I32, IR_VOID);
    default:
        return shape_convert(s, r);
    }
}

static bool shape_flags(struct shape *s, struct random *r, const struct shape_options *o)
{
    enum ir_type t = pick_type(r, LINT);
    s->type = IR_FLAGS;
    switch (s->op) {
    case IR_FLAGS_ADD: case IR_FLAGS_SUB:
        return args(s, t, t, IR_VOID);
    case IR_FLAGS_ADC: case IR_FLAGS_SBC:
        return args(s, t, t, IR_FLAGS);
    case IR_FLAGS_LOGIC:
        return args(s, t, IR_VOID, IR_VOID);
    case IR_FLAGS_CMC:
        return args(s, IR_FLAGS, IR_VOID, IR_VOID);
    case IR_FLAGS_MERGE:
        s->imm = random_next(r) & IR_FLAG_ALL;
        return args(s, IR_FLAGS, IR_FLAGS, IR_VOID);
    case IR_FLAGS_PACK:
        return args(s, IR_I32, IR_VOID, IR_VOID);
    case IR_FLAGS_BITS:
        s->type = IR_I32;
        return args(s, IR_FLAGS, IR_VOID, IR_VOID);
    case IR_FLAGS_COND:
        s->type = IR_I1;
        s->attr = random_below(r, 16);
        return args(s, IR_FLAGS, IR_VOID, IR_VOID);
    case IR_FLAGS_FCMP:
        t = pick_type(r, LFLOAT);
        s->attr = random_below(r, 2);
        return args(s, t, t, IR_VOID);
    default: /* FLAGS_UCOMI */
        if (!o->x86)
            return false;
        t = pick_type(r, LF32 | LF64);
        s->attr = random_below(r, 2);
        return args(s, t, t, IR_VOID);
    }
}

static bool shape_vector_int(struct shape *s, struct random *r, const struct shape_options *o)
{
    unsigned lanes = LINT;
    switch (s->op) {
    case IR_VNEG: case IR_VABS:
        vector(s, r, o, lanes, false);
        return same(s, 1);
    case IR_VADDS: case IR_VSUBS: case IR_VMIN: case IR_VMAX: case IR_VABD:
        s->attr = random_below(r, 2);
        /* fall through */
    case IR_VADD: case IR_VSUB: case IR_VMUL:
        vector(s, r, o, lanes, false);
        return same(s, 2);
    case IR_VAVG:
        s->attr = random_below(r, 2);
        s->imm = random_below(r, 2);
        vector(s, r, o, L8 | L16 | L32, false);
        return same(s, 2);
    case IR_VMULH:
        s->attr = random_below(r, 2);
        vector(s, r, o, L16 | L32, false);
        return same(s, 2);
    case IR_VMULL:
        s->attr = random_below(r, 2);
        /* fall through */
    case IR_VPMULL:
        s->lane = pick_type(r, s->op == IR_VMULL ? L8 | L16 | L32 : L8 | L64);
        s->type = s->lane == IR_I64 || random_below(r, 3) ? IR_V128 : IR_V64;
        s->imm = random_below(r, 2);
        return same(s, 2);
    case IR_VPMUL:
        vector(s, r, o, L8, false);
        return same(s, 2);
    case IR_VQDMULH:
        s->imm = random_below(r, 2);
        vector(s, r, o, L16 | L32, false);
        return same(s, 2);
    case IR_VDOT: case IR_VMMLA:
        vector(s, r, o, L8, false);
        if (s->op == IR_VMMLA)
            s->type = IR_V128;
        s->attr = random_below(r, 4);
        return same(s, 3);
    case IR_VCMP:
        s->attr = PICK(r, IR_CC_E, IR_CC_A, IR_CC_AE, IR_CC_G, IR_CC_GE);
        vector(s, r, o, lanes, false);
        return same(s, 2);
    case IR_VSHLI: case IR_VSHRI:
        vector(s, r, o, lanes, false);
        s->imm = random_below(r, bits_of(s->lane) + (s->op == IR_VSHRI));
        s->attr = s->op == IR_VSHRI ? random_below(r, 2) : 0;
        return same(s, 1);
    case IR_VSHLV:
        s->attr = random_below(r, 8);
        vector(s, r, o, lanes, false);
        return same(s, 2);
    case IR_VPOPCNT: case IR_VBITREV:
        vector(s, r, o, L8, false);
        return same(s, 1);
    case IR_VCLZ:
        vector(s, r, o, L8 | L16 | L32, false);
        return same(s, 1);
    case IR_VPADD:
        vector(s, r, o, lanes, true);
        return same(s, 2);
    case IR_VPMIN: case IR_VPMAX:
        s->attr = random_below(r, 2);
        vector(s, r, o, L8 | L16 | L32, true);
        return same(s, 2);
    case IR_VPADDL:
        s->attr = random_below(r, 2);
        vector(s, r, o, L8 | L16 | L32, true);
        return same(s, 1);
    case IR_VREDUCE: {
        vector(s, r, o, L8 | L16 | L32, true);
        enum ir_type from = s->type;
        s->attr = random_below(r, 5);
        s->type = wider_int(r, bits_of(s->lane));
        return args(s, from, IR_VOID, IR_VOID);
    }
    default: /* VRECPE VRSQRTE */
        vector(s, r, o, L32, false);
        return same(s, 1);
    }
}

static bool shape_vector_move(struct shape *s, struct random *r, const struct shape_options *o)
{
    const enum ir_type from = random_chance(r, 70) ? IR_V128 : IR_V64;
    switch (s->op) {
    case IR_VAND: case IR_VOR: case IR_VXOR: case IR_VANDN:
        vector(s, r, o, L8, false);
        s->lane = IR_VOID;
        return same(s, 2);
    case IR_VNOT:
        vector(s, r, o, L8, false);
        s->lane = IR_VOID;
        return same(s, 1);
    case IR_VSEL:
        vector(s, r, o, L8, false);
        s->lane = IR_VOID;
        return same(s, 3);
    case IR_VDUP:
        vector(s, r, o, LINT | LFLOAT, false);
        if (ir_type_is_float(s->lane))
            return args(s, s->lane, IR_VOID, IR_VOID);
        return args(s, wider_int(r, bits_of(s->lane)), IR_VOID, IR_VOID);
    case IR_VDUPL:
        vector(s, r, o, LINT, false);
        s->imm = random_below(r, lane_count(s, from));
        return args(s, from, IR_VOID, IR_VOID);
    case IR_VINS:
        vector(s, r, o, LINT | LFLOAT, false);
        s->imm = random_below(r, lane_count(s, s->type));
        if (ir_type_is_float(s->lane))
            return args(s, s->type, s->lane, IR_VOID);
        return args(s, s->type, wider_int(r, bits_of(s->lane)), IR_VOID);
    case IR_VINSL:
        vector(s, r, o, LINT, false);
        s->imm = random_below(r, lane_count(s, s->type)) | random_below(r, lane_count(s, from)) << 8;
        return args(s, s->type, from, IR_VOID);
    case IR_VEXT:
        s->lane = pick_type(r, LINT | LFLOAT);
        s->imm = random_below(r, lane_count(s, from));
        s->type = ir_type_is_float(s->lane) ? s->lane : wider_int(r, bits_of(s->lane));
        return args(s, from, IR_VOID, IR_VOID);
    case IR_VEXTS:
        s->lane = pick_type(r, LINT);
        s->imm = random_below(r, lane_count(s, from));
        s->type = wider_int(r, bits_of(s->lane));
        return args(s, from, IR_VOID, IR_VOID);
    case IR_VZIP: case IR_VUZP: case IR_VTRN:
        vector(s, r, o, LINT, true);
        s->imm = random_below(r, 2);
        return same(s, 2);
    case IR_VREV:
        vector(s, r, o, L8 | L16 | L32, false);
        do
            s->imm = PICK(r, 2, 4, 8);
        while (s->imm <= ir_type_size(s->lane));
        return same(s, 1);
    case IR_VSHUF:
        s->type = IR_V128;
        s->lane = random_chance(r, 70) ? IR_I32 : IR_I64;
        s->imm = random_below(r, s->lane == IR_I32 ? 256 : 4);
        return same(s, 2);
    case IR_VEXTR:
        vector(s, r, o, L8, false);
        s->lane = IR_VOID;
        s->imm = random_below(r, ir_type_size(s->type));
        return same(s, 2);
    case IR_VTBL:
        s->type = from;
        s->imm = random_below(r, 4);
        return args(s, IR_V128, from, from);
    case IR_VCONCAT:
        s->type = IR_V128;
        return args(s, IR_V64, IR_V64, IR_VOID);
    case IR_VHIGH:
        s->type = IR_V64;
        return args(s, IR_V128, IR_VOID, IR_VOID);
    case IR_VWIDEN:
        s->type = from == IR_V64 && random_below(r, 2) ? IR_V64 : IR_V128;
        s->lane = pick_type(r, L8 | L16 | L32);
        s->attr = random_below(r, 2);
        s->imm = from == s->type ? random_below(r, 2) : 0;
        return args(s, from, IR_VOID, IR_VOID);
    default: /* VNARROW */
        s->type = IR_V64;
        s->lane = pick_type(r, L8 | L16 | L32);
        s->attr = random_below(r, 4);
        return args(s, IR_V128, IR_VOID, IR_VOID);
    }
}

static bool shape_fcvt(struct shape *s, struct random *r)
{
    s->attr = FP_ROUND_CURRENT;
    if (random_chance(r, 50)) {
        enum ir_type from = pick_type(r, LFLOAT);
        do
            s->type = s->lane = pick_type(r, LFLOAT);
        while (s->type == from);
        if (from == IR_F64 && s->type == IR_F32 && random_chance(r, 30))
            s->attr = FP_ROUND_ODD;
        return args(s, from, IR_VOID, IR_VOID);
    }
    if (random_chance(r, 50)) {
        s->type = IR_V128;
        s->lane = pick_type(r, LF32 | LF64);
        return args(s, IR_V64, IR_VOID, IR_VOID);
    }
    s->type = IR_V64;
    s->lane = pick_type(r, LF16 | LF32);
    if (s->lane == IR_F32 && random_chance(r, 30))
        s->attr = FP_ROUND_ODD;
    return args(s, IR_V128, IR_VOID, IR_VOID);
}

/* FTOI and ITOF. */
static bool shape_fixed(struct shape *s, struct random *r)
{
    bool to_int = s->op == IR_FTOI;
    enum ir_type other;
    floating(s, r, LFLOAT); /* the float side */
    if (ir_type_is_float(s->type)) {
        enum ir_type f = s->type, i = pick_type(r, L32 | L64);
        s->type = s->lane = to_int ? i : f;
        other = to_int ? f : i;
        s->imm = random_chance(r, 70) ? 0 : random_below(r, bits_of(i) + 1);
    } else {
        other = s->type;
        s->imm = random_chance(r, 70) ? 0 : random_below(r, bits_of(s->lane) + 1);
        if (to_int)
            s->lane = int_of(s->lane);
    }
    if (to_int)
        s->attr = round_mode(r) | (random_chance(r, 50) ? IR_FTOI_SIGNED : 0);
    else
        s->attr = random_below(r, 2);
    return args(s, other, IR_VOID, IR_VOID);
}

static bool shape_float(struct shape *s, struct random *r, const struct shape_options *o)
{
    floating(s, r, LFLOAT);
    switch (s->op) {
    case IR_FMIN: case IR_FMAX:
        s->attr = o->x86 && s->lane != IR_F16 && random_chance(r, 30);
        return same(s, 2);
    case IR_FADD: case IR_FSUB: case IR_FMUL: case IR_FMULX: case IR_FDIV: case IR_FABD: case IR_FMINNM: case IR_FMAXNM:
    case IR_FRECPS: case IR_FRSQRTS:
        return same(s, 2);
    case IR_FSQRT: case IR_FNEG: case IR_FABS: case IR_FRECPE: case IR_FRSQRTE:
        return same(s, 1);
    case IR_FMA:
        return same(s, 3);
    case IR_FCMP:
        s->attr = PICK(r, IR_CC_E, IR_CC_A, IR_CC_AE);
        return same(s, 2);
    case IR_FRINT:
        s->attr = round_mode(r) | (random_chance(r, 50) ? IR_FRINT_EXACT : 0);
        return same(s, 1);
    case IR_FRINTN:
        floating(s, r, LF32 | LF64);
        s->attr = PICK(r, FP_ROUND_ZERO, FP_ROUND_CURRENT);
        s->imm = PICK(r, 32, 64);
        return same(s, 1);
    case IR_FRECPX:
        s->type = s->lane = pick_type(r, LFLOAT);
        return same(s, 1);
    case IR_FCVT:
        return shape_fcvt(s, r);
    case IR_FTOI: case IR_ITOF:
        return shape_fixed(s, r);
    case IR_FJCVT: case IR_FJCVT_VAL:
        s->type = s->op == IR_FJCVT ? IR_FLAGS : IR_I32;
        s->lane = IR_VOID;
        return args(s, IR_F64, IR_VOID, IR_VOID);
    case IR_FPMAX:
        s->attr = random_below(r, 4);
        /* fall through */
    case IR_FPADD: case IR_FCADD: case IR_FCMLA:
        vector(s, r, &(struct shape_options){0}, LFLOAT, true);
        if (s->op == IR_FCADD)
            s->imm = PICK(r, 90, 270);
        if (s->op == IR_FCMLA)
            s->imm = 90 * random_below(r, 4);
        return same(s, s->op == IR_FCMLA ? 3 : 2);
    case IR_FREDUCE: {
        vector(s, r, &(struct shape_options){0}, LFLOAT, true);
        enum ir_type from = s->type;
        s->attr = random_below(r, 4);
        s->type = s->lane;
        return args(s, from, IR_VOID, IR_VOID);
    }
    case IR_FMLAL: case IR_BFDOT:
        s->type = PICK(r, IR_V64, IR_V128);
        s->lane = IR_F32;
        s->imm = s->op == IR_FMLAL ? random_below(r, 4) : 0;
        return same(s, 3);
    case IR_BFMMLA: case IR_BFMLAL:
        s->type = IR_V128;
        s->lane = IR_F32;
        s->imm = s->op == IR_BFMLAL ? random_below(r, 2) : 0;
        return same(s, 3);
    default: /* BFCVT */
        s->lane = IR_F16;
        s->type = PICK(r, IR_F16, IR_V64);
        return args(s, s->type == IR_F16 ? IR_F32 : IR_V128, IR_VOID, IR_VOID);
    }
}

static bool shape_crypto(struct shape *s, struct random *r)
{
    s->type = IR_V128;
    s->attr = s->op == IR_SHA1 ? random_below(r, 6) : s->op == IR_SHA256 || s->op == IR_SHA512 ? random_below(r, 4) : 0;
    return same(s, s->op == IR_AESMC || s->op == IR_AESIMC ? 1 : s->op == IR_AESE || s->op == IR_AESD ? 2 : 3);
}

bool shape_random(struct shape *s, enum ir_op op, struct random *r, const struct shape_options *o)
{
    *s = (struct shape){.op = op};
    if (op >= IR_ADD && op <= IR_CRC32)
        return shape_scalar(s, r);
    if (op >= IR_FLAGS_ADD && op <= IR_FLAGS_UCOMI)
        return shape_flags(s, r, o);
    if ((op >= IR_VADD && op <= IR_VBITREV) || (op >= IR_VPADD && op <= IR_VREDUCE) || op == IR_VRECPE || op == IR_VRSQRTE)
        return shape_vector_int(s, r, o);
    if (op >= IR_VAND && op <= IR_VNARROW)
        return shape_vector_move(s, r, o);
    if (op >= IR_FADD && op <= IR_BFCVT)
        return shape_float(s, r, o);
    if (op >= IR_AESE && op <= IR_SHA512)
        return shape_crypto(s, r);
    return false;
}
