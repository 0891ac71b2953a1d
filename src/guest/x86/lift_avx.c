/* What only VEX encodes: AVX, AVX2, FMA, F16C.  Manual: SDM vol. 2, by the instruction's name. */
#include "guest/x86/vector.h"

void x86_lift_vzero(struct x86_lift *l, const struct x86_insn *in)
{
    for (unsigned i = 0; i < (l->mode64 ? 16 : 8); i++) {
        ir_set(l->u, X86_YMMH0 + i, x86_zero(l, IR_V128));
        if (in->row->arg)
            ir_set(l->u, X86_XMM0_SLOT + i, x86_zero(l, IR_V128));
    }
}

/* ---- permutations --------------------------------------------------------------------------------------------- */

static ir_ref vec_ins(struct x86_lift *l, enum ir_type lane, unsigned to, unsigned from, ir_ref r, ir_ref v)
{
    return x86_op(l, IR_VINSL, lane, 0, to | from << 8, r, v);
}

/* Bytes of a named by the lanes' numbers in `index` (already within the lane count), for lanes of 4 or 8 bytes. */
static ir_ref table_of_lanes(struct x86_lift *l, enum ir_type lane, ir_ref a, ir_ref index)
{
    unsigned size = ir_type_size(lane);
    /* the lane's number in all its bytes, times the size, plus the byte's own number */
    ir_ref bytes = x86_op(l, IR_VMUL, lane, 0, 0, index, x86_splat(l, IR_V128, lane, size == 4 ? 0x04040404u : 0x0808080808080808ull));
    bytes = x86_op(l, IR_VADD, IR_I8, 0, 0, bytes, ir_const(l->u, IR_V128, size == 4 ? 0x0302010003020100ull : 0x0706050403020100ull));
    return ir_vec(l->u, IR_VTBL, IR_V128, IR_VOID, 0, 0, a, bytes, x86_zero(l, IR_V128));
}

static ir_ref permute_in_half(struct x86_lift *l, const struct x86_insn *in, unsigned h, ir_ref a)
{
    enum ir_type lane = (enum ir_type)in->row->lane;
    if (in->op[2].kind != X86_OPERAND_IMM) {
        ir_ref control = x86_vec(l, in, 2, h);
        if (lane == IR_I64)
            control = x86_op(l, IR_VSHRI, IR_I64, 0, 1, control, IR_NONE);
        control = x86_op(l, IR_VAND, IR_VOID, 0, 0, control, x86_splat(l, IR_V128, lane, lane == IR_I64 ? 1 : 3));
        return table_of_lanes(l, lane, a, control);
    }
    unsigned imm = (unsigned)in->imm, n = lane == IR_I64 ? 2 : 4;
    ir_ref r = a;
    for (unsigned i = 0; i < n; i++)
        r = vec_ins(l, lane, i, lane == IR_I64 ? imm >> (2 * h + i) & 1 : imm >> 2 * i & 3, r, a);
    return r;
}

void x86_lift_vpermil(struct x86_lift *l, const struct x86_insn *in)
{
    x86_each1(l, in, permute_in_half);
}

void x86_lift_vperm2(struct x86_lift *l, const struct x86_insn *in)
{
    ir_ref v[4], r[2];
    for (unsigned i = 0; i < 4; i++)
        v[i] = x86_vec(l, in, 1 + i / 2, i & 1);
    for (unsigned h = 0; h < 2; h++) {
        unsigned c = (unsigned)in->imm >> 4 * h & 15;
        r[h] = c & 8 ? x86_zero(l, IR_V128) : v[c & 3];
    }
    x86_set_vec(l, in, 0, r[0], r[1]);
}

void x86_lift_vperm_q(struct x86_lift *l, const struct x86_insn *in)
{
    ir_ref v[2] = {x86_vec(l, in, 1, 0), x86_vec(l, in, 1, 1)}, r[2];
    for (unsigned h = 0; h < 2; h++) {
        unsigned c = (unsigned)in->imm >> 4 * h, first = c & 3, second = c >> 2 & 3;
        r[h] = x86_op(l, IR_VDUPL, IR_I64, 0, first & 1, v[first >> 1], IR_NONE);
        r[h] = vec_ins(l, IR_I64, 1, second & 1, r[h], v[second >> 1]);
    }
    x86_set_vec(l, in, 0, r[0], r[1]);
}

/* VPERMD, VPERMPS: operand 1 has the numbers, operand 2 the eight lanes. */
void x86_lift_vperm_d(struct x86_lift *l, const struct x86_insn *in)
{
    ir_ref v[2] = {x86_vec(l, in, 2, 0), x86_vec(l, in, 2, 1)}, r[2];
    for (unsigned h = 0; h < 2; h++) {
        ir_ref index = x86_vec(l, in, 1, h);
        ir_ref low = x86_op(l, IR_VAND, IR_VOID, 0, 0, index, x86_splat(l, IR_V128, IR_I32, 3));
        ir_ref upper = x86_op(l, IR_VSHRI, IR_I32, 1, 31, x86_op(l, IR_VSHLI, IR_I32, 0, 29, index, IR_NONE), IR_NONE);
        r[h] = ir_vec(l->u, IR_VSEL, IR_V128, IR_VOID, 0, 0, upper, table_of_lanes(l, IR_I32, v[1], low), table_of_lanes(l, IR_I32, v[0], low));
    }
    x86_set_vec(l, in, 0, r[0], r[1]);
}

void x86_lift_vbroadcast(struct x86_lift *l, const struct x86_insn *in)
{
    enum ir_type lane = (enum ir_type)in->row->arg;
    ir_ref v = x86_vec(l, in, 1, 0);
    if (lane != IR_V128)
        v = x86_op(l, IR_VDUPL, lane, 0, 0, v, IR_NONE);
    x86_set_vec(l, in, 0, v, in->op[0].size == 32 ? v : IR_NONE);
}

void x86_lift_vinsert(struct x86_lift *l, const struct x86_insn *in)
{
    ir_ref v = x86_vec(l, in, 2, 0), r[2] = {x86_vec(l, in, 1, 0), x86_vec(l, in, 1, 1)};
    r[in->imm & 1] = v;
    x86_set_vec(l, in, 0, r[0], r[1]);
}

void x86_lift_vextract(struct x86_lift *l, const struct x86_insn *in)
{
    x86_set_vec(l, in, 0, x86_vec(l, in, 1, in->imm & 1), IR_NONE);
}

/* ---- masked moves and gathers: lane by lane, so that only what is wanted is touched ------------------------------ */

/* Vector register `reg`'s halves are in locals while labels come. */
struct lanes {
    unsigned local[2];
};

static struct lanes lanes_new(struct x86_lift *l, ir_ref low, ir_ref high)
{
    struct lanes v = {{ir_local_new(l->u, IR_V128), ir_local_new(l->u, IR_V128)}};
    ir_lset(l->u, v.local[0], low);
    ir_lset(l->u, v.local[1], high ? high : x86_zero(l, IR_V128));
    return v;
}

/* Goes to `skip` unless lane i of the mask has its sign set. */
static void unless_masked(struct x86_lift *l, const struct lanes *mask, enum ir_type lane, unsigned i, unsigned skip)
{
    unsigned per = 16 / ir_type_size(lane);
    ir_ref m = ir_lget(l->u, mask->local[i / per]);
    m = ir_vec(l->u, IR_VEXTS, IR_I64, lane, 0, i % per, m, IR_NONE, IR_NONE);
    ir_br_if(l->u, ir_cmp(l->u, IR_CC_GE, m, ir_const(l->u, IR_I64, 0)), skip);
}

static void put_lane(struct x86_lift *l, const struct lanes *v, enum ir_type lane, unsigned i, ir_ref x)
{
    unsigned per = 16 / ir_type_size(lane), local = v->local[i / per];
    ir_lset(l->u, local, ir_vec(l->u, IR_VINS, IR_V128, lane, 0, i % per, ir_lget(l->u, local), x, IR_NONE));
}

static ir_ref get_lane(struct x86_lift *l, const struct lanes *v, enum ir_type t, enum ir_type lane, unsigned i)
{
    unsigned per = 16 / ir_type_size(lane);
    return x86_lane(l, t, lane, i % per, ir_lget(l->u, v->local[i / per]));
}

void x86_lift_vmaskmov(struct x86_lift *l, const struct x86_insn *in)
{
    enum ir_type lane = (enum ir_type)in->row->arg;
    unsigned n = x86_halves(in), size = ir_type_size(lane);
    bool store = in->op[0].kind == X86_OPERAND_MEM;
    struct lanes mask = lanes_new(l, x86_vec(l, in, 1, 0), n == 2 ? x86_vec(l, in, 1, 1) : IR_NONE), v;
    if (store)
        v = lanes_new(l, x86_vec(l, in, 2, 0), n == 2 ? x86_vec(l, in, 2, 1) : IR_NONE);
    else
        v = lanes_new(l, x86_zero(l, IR_V128), IR_NONE);
    for (unsigned k = 0, count = 16 * n / size; k < count; k++) {
        unsigned i = store ? count - 1 - k : k; /* storing from above: where the end faults nothing has been written */
        unsigned skip = ir_label_new(l->u);
        unless_masked(l, &mask, lane, i, skip);
        l->has_address = false;
        struct x86_address a = x86_plus_in_line(l, x86_address(l, in), (int64_t)i * size);
        if (store)
            x86_store(l, a, get_lane(l, &v, lane, lane, i));
        else
            put_lane(l, &v, lane, i, x86_load(l, lane, a));
        x86_label(l, skip);
    }
    if (!store)
        x86_set_vec(l, in, 0, ir_lget(l->u, v.local[0]), n == 2 ? ir_lget(l->u, v.local[1]) : IR_NONE);
}

/* Element i's address: base + (index lane << scale) + displacement. */
static struct x86_address gather_address(struct x86_lift *l, const struct x86_insn *in, ir_ref index)
{
    struct ir_unit *u = l->u;
    enum ir_type t = x86_int_type(in->addrsize);
    ir_ref sum = x86_trunc(l, t, in->scale ? ir_bin_imm(u, IR_SHL, index, in->scale) : index);
    if (in->base != X86_NO_REG)
        sum = ir_bin(u, IR_ADD, sum, ir_get(u, t, X86_R0 + in->base));
    sum = x86_zext(l, IR_I64, ir_bin_imm(u, IR_ADD, sum, (uint64_t)in->disp));
    unsigned segment = in->segment != X86_NO_SEGMENT ? in->segment : in->base == X86_RSP || in->base == X86_RBP ? X86_SS : X86_DS;
    return x86_linear(l, in, sum, segment);
}

/* Each element that is there clears its mask: after a fault only the others are left to do. */
void x86_lift_gather(struct x86_lift *l, const struct x86_insn *in)
{
    struct ir_unit *u = l->u;
    unsigned index_size = in->row->arg >> 8, size = in->row->arg & 0xff;
    enum ir_type lane = x86_int_type(size), index_lane = x86_int_type(index_size);
    unsigned bytes = in->vex_l ? 32 : 16, n = bytes / (size > index_size ? size : index_size), per = 16 / size, index_per = 16 / index_size;
    unsigned destination = in->op[0].reg, mask = in->op[1].reg;
    for (unsigned i = 0; i < n; i++) {
        unsigned skip = ir_label_new(u);
        unsigned to = (i / per ? X86_YMMH0 : X86_XMM0_SLOT) + destination, from = (i / per ? X86_YMMH0 : X86_XMM0_SLOT) + mask;
        unsigned index = (i / index_per ? X86_YMMH0 : X86_XMM0_SLOT) + in->index;
        ir_ref m = ir_vec(u, IR_VEXTS, IR_I64, lane, 0, i % per, ir_get(u, IR_V128, from), IR_NONE, IR_NONE);
        ir_br_if(u, ir_cmp(u, IR_CC_GE, m, ir_const(u, IR_I64, 0)), skip);
        ir_ref at = ir_vec(u, IR_VEXTS, IR_I64, index_lane, 0, i % index_per, ir_get(u, IR_V128, index), IR_NONE, IR_NONE);
        ir_ref v = x86_load(l, lane, gather_address(l, in, at));
        ir_set(u, to, ir_vec(u, IR_VINS, IR_V128, lane, 0, i % per, ir_get(u, IR_V128, to), v, IR_NONE));
        x86_label(l, skip);
        ir_set(u, from, ir_vec(u, IR_VINS, IR_V128, lane, 0, i % per, ir_get(u, IR_V128, from), ir_const(u, lane, 0), IR_NONE));
    }
    ir_set(u, X86_XMM0_SLOT + mask, x86_zero(l, IR_V128));
    ir_set(u, X86_YMMH0 + mask, x86_zero(l, IR_V128));
    if (n * size < 16)
        ir_set(u, X86_XMM0_SLOT + destination, x86_zext(l, IR_V128, ir_get(u, IR_F64, X86_XMM0_SLOT + destination)));
    if (n * size < 32)
        ir_set(u, X86_YMMH0 + destination, x86_zero(l, IR_V128));
}

/* ---- FMA, half precision -------------------------------------------------------------------------------------------- */

/* a with its sign inverted where it is a number: NaNs pass as they are. */
static ir_ref negated(struct x86_lift *l, enum ir_type lane, ir_ref a)
{
    uint64_t sign = lane == IR_I32 ? 1u << 31 : 1ull << 63, infinity = lane == IR_I32 ? 0x7f800000 : 0x7ff0000000000000ull;
    ir_ref magnitude = x86_op(l, IR_VAND, IR_VOID, 0, 0, a, x86_splat(l, IR_V128, lane, sign - 1));
    ir_ref nan = x86_op(l, IR_VCMP, lane, IR_CC_G, 0, magnitude, x86_splat(l, IR_V128, lane, infinity));
    return x86_op(l, IR_VXOR, IR_VOID, 0, 0, a, x86_op(l, IR_VANDN, IR_VOID, 0, 0, x86_splat(l, IR_V128, lane, sign), nan));
}

/* x * y + z with signs; all vectors. */
static ir_ref fused(struct x86_lift *l, enum ir_type lane, ir_ref x, ir_ref y, ir_ref z, bool minus_product, ir_ref minus)
{
    if (minus_product)
        x = negated(l, lane, x);
    if (minus) /* lanes in which z is subtracted */
        z = ir_vec(l->u, IR_VSEL, IR_V128, IR_VOID, 0, 0, minus, negated(l, lane, z), z);
    return ir_vec(l->u, IR_FMA, IR_V128, lane == IR_I32 ? IR_F32 : IR_F64, 0, 0, z, x, y);
}

static ir_ref fma_half(struct x86_lift *l, const struct x86_insn *in, ir_ref v[3])
{
    static const uint8_t orders[3][3] = {{0, 2, 1}, {1, 0, 2}, {1, 2, 0}}; /* x, y, z by operand: 132, 213, 231 */
    enum ir_type lane = (enum ir_type)in->row->lane;
    enum x86_fma op = (enum x86_fma)(in->row->arg & 0xff);
    unsigned form = in->row->arg >> 8;
    const uint8_t *o = orders[form == 132 ? 0 : form == 213 ? 1 : 2];
    ir_ref ones = x86_splat(l, IR_V128, IR_I64, ~0ull), zero = x86_zero(l, IR_V128), minus = IR_NONE;
    if (op == X86_FMSUB || op == X86_FNMSUB)
        minus = ones;
    else if (op == X86_FMADDSUB) /* the even lanes subtract */
        minus = x86_op(l, IR_VTRN, lane, 0, 0, ones, zero);
    else if (op == X86_FMSUBADD)
        minus = x86_op(l, IR_VTRN, lane, 0, 0, zero, ones);
    return fused(l, lane, v[o[0]], v[o[1]], v[o[2]], op == X86_FNMADD || op == X86_FNMSUB, minus);
}

void x86_lift_fma(struct x86_lift *l, const struct x86_insn *in)
{
    bool scalar = in->row->op[2].size != X86_SIZE_x;
    enum ir_type t = x86_float(in);
    ir_ref v[2][3], r[2] = {IR_NONE, IR_NONE};
    unsigned n = x86_halves(in);
    if (scalar) {
        for (unsigned i = 0; i < 3; i++)
            v[0][i] = x86_zext(l, IR_V128, x86_scalar(l, in, i, t));
        x86_set_scalar(l, in, 0, x86_trunc(l, t, fma_half(l, in, v[0])));
        return;
    }
    for (unsigned h = 0; h < n; h++)
        for (unsigned i = 0; i < 3; i++)
            v[h][i] = x86_vec(l, in, i, h);
    for (unsigned h = 0; h < n; h++)
        r[h] = fma_half(l, in, v[h]);
    x86_set_vec(l, in, 0, r[0], r[1]);
}

/* VCVTPH2PS (0), VCVTPS2PH (1). */
void x86_lift_cvtph(struct x86_lift *l, const struct x86_insn *in)
{
    static const uint8_t modes[] = {FP_ROUND_NEAREST, FP_ROUND_DOWN, FP_ROUND_UP, FP_ROUND_ZERO};
    struct ir_unit *u = l->u;
    ir_ref r[2] = {IR_NONE, IR_NONE}, v = x86_vec(l, in, 1, 0);
    if (!in->row->arg) {
        for (unsigned h = 0; h <= in->vex_l; h++) {
            ir_ref half = h ? ir_vec(u, IR_VHIGH, IR_V64, IR_VOID, 0, 0, v, IR_NONE, IR_NONE) : x86_trunc(l, IR_V64, v);
            r[h] = ir_vec(u, IR_FCVT, IR_V128, IR_F32, FP_ROUND_CURRENT, 0, half, IR_NONE, IR_NONE);
        }
        x86_set_vec(l, in, 0, r[0], r[1]);
        return;
    }
    if (in->op[0].kind == X86_OPERAND_MEM) { /* may it be written? The conversion's flags are not to be seen if not */
        struct x86_address a = x86_address(l, in);
        ir_ref last = x86_address_value(l, x86_plus_in_line(l, a, in->op[0].size - 1)), first = x86_address_value(l, a);
        ir_emit(u, (struct ir_inst){.op = IR_ATOMIC_RMW, .type = IR_I8, .attr = IR_RMW_OR, .a = first, .b = ir_const(u, IR_I8, 0)});
        ir_emit(u, (struct ir_inst){.op = IR_ATOMIC_RMW, .type = IR_I8, .attr = IR_RMW_OR, .a = last, .b = ir_const(u, IR_I8, 0)});
    }
    unsigned mode = in->imm & 4 ? FP_ROUND_CURRENT : modes[in->imm & 3];
    ir_ref low = ir_vec(u, IR_FCVT, IR_V64, IR_F16, mode, 0, v, IR_NONE, IR_NONE);
    if (in->vex_l) {
        ir_ref high = ir_vec(u, IR_FCVT, IR_V64, IR_F16, mode, 0, x86_vec(l, in, 1, 1), IR_NONE, IR_NONE);
        x86_set_vec(l, in, 0, ir_vec(u, IR_VCONCAT, IR_V128, IR_VOID, 0, 0, low, high, IR_NONE), IR_NONE);
    } else if (in->op[0].kind == X86_OPERAND_XMM) {
        x86_set_vec(l, in, 0, x86_zext(l, IR_V128, low), IR_NONE);
    } else {
        x86_store(l, x86_address(l, in), low);
    }
}
