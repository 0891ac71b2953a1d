/* Integer operations, selections and moves between integers and floats.
 *
 * Values of 8 and 16 bits are computed in 32-bit registers with rubbish above them; whatever looks
 * at more than the low part (shifts right, extensions) extends first.  Instructions that leave
 * EFLAGS alone (lea, mov, movzx, not, BMI2's shifts) are preferred while EFLAGS hold something
 * (flags_busy). */
#include "host/x64/x64.h"

static unsigned width_of(const struct ir_inst *in)
{
    unsigned n = type_bytes((enum ir_type)in->type);
    return n < 4 ? 4 : n;
}

static void alu_imm(struct ctx *c, ir_ref r, ir_ref a, enum x64_alu op, unsigned sz, int32_t imm,
                    bool flags)
{
    struct emit *e = &c->e;
    struct x64_mem m;
    bool add = (op == ALU_ADD || op == ALU_SUB) && !flags && imm != INT32_MIN;
    uint32_t low = op == ALU_AND && !flags ? (uint32_t)imm : 0;
    if (low == 0xff || low == 0xffff || (low == ~0u && sz == 4)) {
        unsigned n = low == 0xff ? 1 : low == 0xffff ? 2 : 4;
        if (in_mem(c, a, &m)) {
            emit_load(e, n, def_gpr(c, r, -1, 0), m);
        } else {
            int ra = use_gpr(c, a);
            emit_zext(e, n, def_gpr(c, r, ra, 0), ra);
        }
        return;
    }
    int ra = -1;
    if (!in_mem(c, a, &m))
        ra = use_gpr(c, a);
    int d = def_gpr(c, r, ra, 0);
    if (ra < 0)
        emit_load(e, sz, d, m);
    if (add && ((ra >= 0 && d != ra) || flags_busy(c))) {
        emit_lea(e, sz, d, mem_at(ra >= 0 ? ra : d, op == ALU_SUB ? -imm : imm));
        return;
    }
    if (ra >= 0 && d != ra)
        emit_mov_rr(e, sz, d, ra);
    if (!flags && imm == -1 && op == ALU_XOR) {
        emit_unary(e, UNARY_NOT, sz, d);
        return;
    }
    flags_clobber(c);
    emit_alu_ri(e, op, sz, d, imm);
}

/* The sum of a value and a deferred shift, as value r: false if none is deferred. */
static bool add_shifted(struct ctx *c, ir_ref r, const struct ir_inst *in, unsigned sz)
{
    bool is_b = (c->mark[in->b] & INST_DEFERRED) != 0;
    ir_ref other = is_b ? in->a : in->b;
    const struct ir_inst *shift = inst_of(c, is_b ? in->b : in->a);
    struct x64_mem m = {.base = -1};
    uint64_t n;
    if (!is_b && !(c->mark[in->a] & INST_DEFERRED))
        return false;
    value_const(c, shift->b, &n);
    m.scale = (uint8_t)n;
    if (!value_imm32(c, other, sz, &m.disp))
        m.base = (int8_t)use_gpr(c, other);
    m.index = (int8_t)use_gpr(c, shift->a);
    emit_lea(&c->e, sz, def_gpr(c, r, m.base >= 0 && value_dies(c, other) ? m.base : m.index, 0), m);
    return true;
}

/* r := a op b, as value r of instruction `in`; with flags, EFLAGS are exactly the operation's. */
static void alu(struct ctx *c, ir_ref r, const struct ir_inst *in, enum x64_alu op, bool flags)
{
    struct emit *e = &c->e;
    unsigned sz = width_of(in);
    bool commutes = op != ALU_SUB;
    ir_ref a = in->a, b = in->b;
    uint64_t k;
    int32_t imm;
    struct x64_mem m;
    if (op == ALU_ADD && add_shifted(c, r, in, sz))
        return;
    if (commutes && value_const(c, a, &k)) {
        a = in->b;
        b = in->a;
    }
    if (value_imm32(c, b, sz, &imm)) {
        alu_imm(c, r, a, op, sz, imm, flags);
        return;
    }
    if (commutes && in_gpr(c, a) < 0 && in_gpr(c, b) >= 0) {
        ir_ref t = a;
        a = b;
        b = t;
    }
    bool b_mem = in_mem(c, b, &m);
    int ra = -1;
    struct x64_mem ma;
    if (!(b_mem || in_gpr(c, b) >= 0) || in_gpr(c, a) >= 0 || !in_mem(c, a, &ma))
        ra = use_gpr(c, a);
    if (b_mem && !in_mem(c, b, &m))
        b_mem = false; /* a and b were the same */
    int rb = b_mem ? -1 : use_gpr(c, b);
    int reuse = ra;
    if (commutes && rb >= 0 && (ra < 0 || !value_dies(c, a)))
        reuse = rb;
    int d = def_gpr(c, r, reuse, commutes || rb < 0 ? 0 : 1u << rb);
    if (d == rb && d != ra) { /* commutes */
        if (op == ALU_ADD && !flags && ra >= 0 && flags_busy(c)) {
            emit_lea(e, sz, d, (struct x64_mem){.base = (int8_t)ra, .index = (int8_t)rb});
            return;
        }
        flags_clobber(c);
        if (ra >= 0)
            emit_alu_rr(e, op, sz, d, ra);
        else
            emit_alu_rm(e, op, sz, d, ma);
        return;
    }
    if (op == ALU_ADD && !flags && ra >= 0 && rb >= 0 && (d != ra || flags_busy(c))) {
        emit_lea(e, sz, d, (struct x64_mem){.base = (int8_t)ra, .index = (int8_t)rb});
        return;
    }
    if (ra < 0)
        emit_load(e, sz, d, ma);
    else if (d != ra)
        emit_mov_rr(e, sz, d, ra);
    flags_clobber(c);
    if (rb >= 0)
        emit_alu_rr(e, op, sz, d, rb);
    else
        emit_alu_rm(e, op, sz, d, m);
}

static void alu_carry(struct ctx *c, ir_ref r, const struct ir_inst *in, enum x64_alu op)
{
    unsigned sz = width_of(in);
    int32_t imm;
    bool is_imm = value_imm32(c, in->b, sz, &imm);
    int rb = is_imm ? -1 : use_gpr(c, in->b);
    int ra = use_gpr(c, in->a);
    int d = def_gpr(c, r, ra, rb < 0 ? 0 : 1u << rb);
    if (d != ra)
        emit_mov_rr(&c->e, sz, d, ra);
    flags_keep_for(c, in->c);
    flags_save(c);
    c->keep_args = 0;
    flags_load_carry(c, in->c);
    c->ef_loc = 0;
    if (is_imm)
        emit_alu_ri(&c->e, op, sz, d, imm);
    else
        emit_alu_rr(&c->e, op, sz, d, rb);
}

static enum x64_alu alu_of(unsigned op)
{
    switch (op) {
    case IR_ADD:
        return ALU_ADD;
    case IR_SUB:
        return ALU_SUB;
    case IR_AND:
        return ALU_AND;
    case IR_OR:
        return ALU_OR;
    case IR_XOR:
        return ALU_XOR;
    case IR_ADC:
        return ALU_ADC;
    default:
        return ALU_SBB;
    }
}

void select_pair(struct ctx *c, ir_ref j, ir_ref f)
{
    const struct ir_inst *in = inst_of(c, j);
    if (in->op == IR_ADC || in->op == IR_SBC)
        alu_carry(c, j, in, alu_of(in->op));
    else
        alu(c, j, in, alu_of(in->op), true);
    flags_produced(c, f, EF_NORMAL);
}

/* A copy of a to be altered in place, as value c->i. */
static int copy_for(struct ctx *c, ir_ref a, uint32_t avoid)
{
    struct x64_mem m;
    if (in_mem(c, a, &m)) {
        int d = def_gpr(c, c->i, -1, avoid);
        emit_load(&c->e, 8, d, m);
        return d;
    }
    int ra = use_gpr(c, a), d = def_gpr(c, c->i, ra, avoid);
    if (d != ra)
        emit_mov_rr(&c->e, 8, d, ra);
    return d;
}

static void unary(struct ctx *c, const struct ir_inst *in)
{
    int d = copy_for(c, in->a, 0);
    if (in->type == IR_I1) {
        flags_clobber(c);
        emit_alu_ri(&c->e, ALU_XOR, 4, d, 1);
        return;
    }
    if (in->op == IR_NEG && flags_busy(c)) {
        emit_unary(&c->e, UNARY_NOT, width_of(in), d);
        emit_lea(&c->e, width_of(in), d, mem_at(d, 1));
        return;
    }
    if (in->op == IR_NEG)
        flags_clobber(c);
    emit_unary(&c->e, in->op == IR_NEG ? UNARY_NEG : UNARY_NOT, width_of(in), d);
}

static void andn(struct ctx *c, const struct ir_inst *in)
{
    int ra = use_gpr(c, in->a);
    if (has(X64_BMI)) {
        int rb = use_gpr(c, in->b), d = def_gpr(c, c->i, ra, 0);
        flags_clobber(c);
        emit_andn(&c->e, width_of(in), d, rb, ra);
        return;
    }
    int d = copy_for(c, in->b, 1u << ra);
    emit_unary(&c->e, UNARY_NOT, width_of(in), d);
    flags_clobber(c);
    emit_alu_rr(&c->e, ALU_AND, width_of(in), d, ra);
}

/* The product of a and b by mulx, which leaves EFLAGS alone: one half is the value, the other goes. */
static void mul_apart(struct ctx *c, const struct ir_inst *in, bool high)
{
    unsigned sz = width_of(in);
    ir_ref a = in->a, b = in->b;
    struct x64_mem m;
    if (in_gpr(c, b) == RDX) {
        a = in->b;
        b = in->a;
    }
    if (in_gpr(c, a) == RDX) {
        use_gpr(c, a); /* it is only read */
    } else {
        take_gpr(c, RDX);
        move_to_gpr(c, RDX, a);
    }
    bool is_mem = value_dies(c, b) && in_mem(c, b, &m);
    int rb = is_mem ? -1 : use_gpr(c, b);
    int t = high ? -1 : tmp_gpr(c), d = def_gpr(c, c->i, rb, 0);
    if (high)
        t = d; /* of one register for both, the high half stays */
    if (is_mem)
        emit_mulx_m(&c->e, sz, t, d, m);
    else
        emit_mulx(&c->e, sz, t, d, rb);
}

static void mul(struct ctx *c, const struct ir_inst *in)
{
    ir_ref a = in->a, b = in->b;
    int32_t imm;
    uint64_t k;
    unsigned sz = width_of(in);
    struct x64_mem m;
    if (value_const(c, a, &k)) {
        a = in->b;
        b = in->a;
    }
    if (has(X64_BMI) && in->type >= IR_I32 && flags_busy(c)) {
        mul_apart(c, in, false);
        return;
    }
    flags_clobber(c);
    if (value_imm32(c, b, sz, &imm)) {
        int ra = use_gpr(c, a);
        emit_imul_rri(&c->e, sz, def_gpr(c, c->i, ra, 0), ra, imm);
        return;
    }
    int ra = use_gpr(c, a);
    if (in_mem(c, b, &m)) {
        int d = copy_for(c, a, 0);
        emit_imul_rm(&c->e, sz, d, m);
        return;
    }
    int rb = use_gpr(c, b);
    int d = def_gpr(c, c->i, value_dies(c, a) ? ra : rb, 0);
    if (d == rb) {
        emit_imul_rr(&c->e, sz, d, ra);
        return;
    }
    if (d != ra)
        emit_mov_rr(&c->e, sz, d, ra);
    emit_imul_rr(&c->e, sz, d, rb);
}

static void mul_high(struct ctx *c, const struct ir_inst *in)
{
    if (in->op == IR_MULHU && has(X64_BMI)) {
        mul_apart(c, in, true);
        return;
    }
    take_gpr(c, RDX);
    int rb = use_gpr(c, in->b);
    bool saved = flags_rax_begin(c);
    move_to_gpr(c, RAX, in->a);
    emit_unary(&c->e, in->op == IR_MULHU ? UNARY_MUL : UNARY_IMUL, 8, rb);
    flags_rax_end(c, saved);
    def_gpr_in(c, c->i, RDX);
}

static void div_by_zero(struct ctx *c, struct ool *o)
{
    if (o->v) /* signed, by 0 or -1: rax * b is what is wanted in both cases */
        emit_imul_rr(&c->e, (unsigned)o->r[1], RAX, o->r[0]);
    else
        emit_mov_ri(&c->e, RAX, 0);
    emit_patch(&c->e, emit_jmp(&c->e), o->back);
}

static void divide(struct ctx *c, const struct ir_inst *in)
{
    struct emit *e = &c->e;
    unsigned sz = width_of(in);
    bool is_signed = in->op == IR_SDIV;
    uint64_t k;
    bool safe = value_const(c, in->b, &k) && k != 0 && sign_extend(k, 8 * sz) != -1;
    take_gpr(c, RDX);
    int rb = use_gpr(c, in->b);
    struct ool *o = NULL;
    bool saved = flags_rax_begin(c);
    move_to_gpr(c, RAX, in->a);
    if (!safe) {
        o = ool_new(c, div_by_zero);
        o->v = is_signed;
        o->r[0] = rb;
        o->r[1] = (int)sz;
        if (is_signed) {
            emit_lea(e, sz, RDX, mem_at(rb, 1));
            emit_alu_ri(e, ALU_CMP, sz, RDX, 1);
            ool_from(o, emit_jcc(e, CC_BE));
        } else {
            emit_test_rr(e, sz, rb, rb);
            ool_from(o, emit_jcc(e, CC_E));
        }
    }
    if (is_signed)
        emit_cqo(e, sz);
    else
        emit_alu_rr(e, ALU_XOR, 4, RDX, RDX);
    emit_unary(e, is_signed ? UNARY_IDIV : UNARY_DIV, sz, rb);
    if (o)
        o->back = emit_pos(e);
    int d = def_gpr(c, c->i, rb, 0);
    emit_mov_rr(e, sz, d, RAX);
    flags_rax_end(c, saved);
}

static void shift_const(struct ctx *c, const struct ir_inst *in, enum x64_shift op, unsigned n)
{
    struct emit *e = &c->e;
    unsigned bytes = type_bytes((enum ir_type)in->type), sz = width_of(in);
    if (bytes < 4 && op == SHIFT_SHR) {
        int ra = use_gpr(c, in->a), d = def_gpr(c, c->i, ra, 0);
        emit_zext(e, bytes, d, ra);
        flags_clobber(c);
        emit_shift_ri(e, op, 4, d, n);
        return;
    }
    if (bytes < 4 && op == SHIFT_SAR) {
        int ra = use_gpr(c, in->a), d = def_gpr(c, c->i, ra, 0);
        emit_sext(e, bytes, 4, d, ra);
        flags_clobber(c);
        emit_shift_ri(e, op, 4, d, n);
        return;
    }
    struct x64_mem m;
    if (op == SHIFT_ROR && has(X64_BMI) && bytes >= 4 && value_dies(c, in->a) && in_mem(c, in->a, &m)) {
        emit_rorx_m(e, sz, def_gpr(c, c->i, -1, 0), m, n);
        return;
    }
    if (op == SHIFT_ROR && has(X64_BMI) && bytes >= 4) {
        int ra = use_gpr(c, in->a);
        emit_rorx(e, sz, def_gpr(c, c->i, ra, 0), ra, n);
        return;
    }
    bool busy = flags_busy(c);
    if (busy && has(X64_BMI) && op != SHIFT_ROR) {
        int ra = use_gpr(c, in->a), t = tmp_gpr(c);
        emit_mov_ri(e, t, n);
        emit_shiftx(e, op, sz, def_gpr(c, c->i, ra, 0), ra, t);
        return;
    }
    if (op == SHIFT_SHL && n <= 3 && in_gpr(c, in->a) >= 0) {
        int ra = use_gpr(c, in->a), d = def_gpr(c, c->i, ra, 0);
        if (d != ra || busy) {
            m = (struct x64_mem){.base = -1, .index = (int8_t)ra, .scale = (uint8_t)n};
            if (n == 1)
                m = (struct x64_mem){.base = (int8_t)ra, .index = (int8_t)ra};
            emit_lea(e, sz, d, m);
            return;
        }
        flags_clobber(c); /* not busy: but EFLAGS may hold what AX holds too */
        emit_shift_ri(e, op, sz, d, n);
        return;
    }
    int d = copy_for(c, in->a, 0);
    flags_clobber(c);
    emit_shift_ri(e, op, op == SHIFT_ROR ? bytes : sz, d, n);
    /* 32-bit operands are copied with all 64 bits; the shift clears the upper half again. */
}

static bool shift(struct ctx *c, const struct ir_inst *in, enum x64_shift op)
{
    unsigned bytes = type_bytes((enum ir_type)in->type);
    uint64_t k;
    if (value_const(c, in->b, &k)) {
        k %= 8 * bytes;
        if (k) {
            shift_const(c, in, op, (unsigned)k);
        } else {
            int ra = use_gpr(c, in->a), d = def_gpr(c, c->i, ra, 0);
            emit_mov_rr(&c->e, bytes < 4 ? 4 : bytes, d, ra);
        }
        return true;
    }
    if (bytes < 4)
        return false;
    struct x64_mem m;
    if (op != SHIFT_ROR && has(X64_BMI) && value_dies(c, in->a) && in->a != in->b && in_mem(c, in->a, &m)) {
        int rb = use_gpr(c, in->b);
        if (in_mem(c, in->a, &m)) {
            emit_shiftx_m(&c->e, op, bytes, def_gpr(c, c->i, rb, 0), m, rb);
            return true;
        }
    }
    if (op != SHIFT_ROR && has(X64_BMI)) {
        int ra = use_gpr(c, in->a), rb = use_gpr(c, in->b);
        emit_shiftx(&c->e, op, bytes, def_gpr(c, c->i, ra, 0), ra, rb);
        return true;
    }
    take_gpr(c, RCX);
    move_to_gpr(c, RCX, in->b);
    int d = copy_for(c, in->a, 0);
    flags_clobber(c);
    emit_shift_rc(&c->e, op, bytes, d);
    if (bytes == 4)
        emit_mov_rr(&c->e, 4, d, d); /* a count of 0 leaves the copied upper half */
    return true;
}

static void extract(struct ctx *c, const struct ir_inst *in)
{
    unsigned sz = width_of(in), n = (unsigned)in->imm;
    if (n == 0) {
        int rb = use_gpr(c, in->b);
        emit_mov_rr(&c->e, sz, def_gpr(c, c->i, rb, 0), rb);
        return;
    }
    if (c->loc_of[in->a] == c->loc_of[in->b]) {
        shift_const(c, in, SHIFT_ROR, n);
        return;
    }
    int ra = use_gpr(c, in->a);
    int d = copy_for(c, in->b, 1u << ra);
    flags_clobber(c);
    emit_shrd(&c->e, sz, d, ra, n);
}

static void count_bits(struct ctx *c, const struct ir_inst *in)
{
    struct emit *e = &c->e;
    unsigned sz = width_of(in);
    ir_ref a = in->a;
    unsigned op = in->op;
    if (op == IR_CLZ && (c->mark[a] & INST_DEFERRED)) {
        a = inst_of(c, a)->a;
        op = IR_CTZ;
    }
    int ra = use_gpr(c, a);
    flags_clobber(c);
    if (op == IR_POPCNT || has(X64_LZCNT)) {
        int d = def_gpr(c, c->i, ra, 0);
        emit_scan(e,
                  op == IR_POPCNT ? SCAN_POPCNT
                  : op == IR_CLZ  ? SCAN_LZCNT
                                  : SCAN_TZCNT,
                  sz, d, ra);
        return;
    }
    int t = tmp_gpr(c), d = def_gpr(c, c->i, ra, 0);
    emit_mov_ri(e, t, op == IR_CLZ ? 16 * sz - 1 : 8 * sz);
    emit_scan(e, op == IR_CLZ ? SCAN_BSR : SCAN_BSF, sz, d, ra);
    emit_cmov_rr(e, CC_E, sz, d, t);
    if (op == IR_CLZ)
        emit_alu_ri(e, ALU_XOR, 4, d, (int32_t)(8 * sz - 1));
}

static bool bit_reverse(struct ctx *c, const struct ir_inst *in)
{
    if (!has(X64_GFNI) || in->type < IR_I32)
        return false;
    unsigned sz = width_of(in);
    int ra = use_gpr(c, in->a), x = tmp_xmm(c);
    emit_movd_xr(&c->e, sz, x, ra);
    emit_v_rrm(&c->e, V_GF2P8AFFINEQB, x, x,
               emit_pool(&c->e, 0x8040201008040201ull, 0x8040201008040201ull), 0);
    int d = def_gpr(c, c->i, ra, 0);
    emit_movd_rx(&c->e, sz, d, x);
    emit_bswap(&c->e, sz, d);
    return true;
}

static void byte_swap(struct ctx *c, const struct ir_inst *in)
{
    int d = copy_for(c, in->a, 0);
    if (in->type == IR_I16) {
        flags_clobber(c);
        emit_shift_ri(&c->e, SHIFT_ROR, 2, d, 8);
    } else {
        emit_bswap(&c->e, width_of(in), d);
    }
}

static void zero_extend(struct ctx *c, const struct ir_inst *in)
{
    enum ir_type from = (enum ir_type)inst_of(c, in->a)->type;
    unsigned n = from == IR_I1 ? 1 : type_bytes(from);
    struct x64_mem m;
    struct loc *l = loc_at(c, in->a);
    if (l->is_const ? l->imm >> (8 * n - 1) >> 1 == 0 : l->zw <= (from == IR_I1 ? 1 : 8 * n)) {
        def_same(c, c->i, in->a);
        return;
    }
    if (in_mem(c, in->a, &m)) {
        emit_load(&c->e, n, def_gpr(c, c->i, -1, 0), m);
    } else {
        int ra = use_gpr(c, in->a);
        emit_zext(&c->e, n, def_gpr(c, c->i, ra, 0), ra);
    }
    loc_at(c, c->i)->zw = (uint8_t)(8 * n);
    /* The narrow value is there too: no need to keep the old place for it. */
    l = loc_at(c, in->a);
    if (l->slot < 0 && !l->is_const && c->last[in->a] > c->i) {
        if (loc_at(c, c->i)->last < c->last[in->a])
            loc_at(c, c->i)->last = c->last[in->a];
        c->loc_of[in->a] = c->loc_of[c->i];
    }
}

static void sign_extend_to(struct ctx *c, const struct ir_inst *in)
{
    enum ir_type from = (enum ir_type)inst_of(c, in->a)->type;
    unsigned to = width_of(in);
    struct x64_mem m;
    if (from == IR_I1) {
        int d = copy_for(c, in->a, 0);
        flags_clobber(c);
        emit_unary(&c->e, UNARY_NEG, to, d);
    } else if (in_mem(c, in->a, &m)) {
        emit_loads(&c->e, type_bytes(from), to, def_gpr(c, c->i, -1, 0), m);
    } else {
        int ra = use_gpr(c, in->a);
        emit_sext(&c->e, type_bytes(from), to, def_gpr(c, c->i, ra, 0), ra);
    }
}

static void bitcast(struct ctx *c, const struct ir_inst *in)
{
    enum loc_class from = class_of((enum ir_type)inst_of(c, in->a)->type),
                   to = class_of((enum ir_type)in->type);
    unsigned sz = type_bytes((enum ir_type)in->type) == 8 ? 8 : 4;
    struct x64_mem m;
    if (from == to) {
        def_same(c, c->i, in->a);
    } else if (to == LOC_XMM) {
        if (in_mem(c, in->a, &m)) {
            emit_v_rm(&c->e, sz == 8 ? V_MOVQ : V_MOVSS, def_xmm(c, c->i, -1, 0), m, -1);
        } else {
            int ra = use_gpr(c, in->a);
            emit_movd_xr(&c->e, sz, def_xmm(c, c->i, -1, 0), ra);
        }
        if (in->type != IR_F16)
            loc_at(c, c->i)->zw = (uint8_t)(8 * sz);
    } else if (in_mem(c, in->a, &m)) {
        emit_load(&c->e, sz, def_gpr(c, c->i, -1, 0), m);
    } else {
        int ra = use_xmm(c, in->a);
        emit_movd_rx(&c->e, sz, def_gpr(c, c->i, -1, 0), ra);
    }
}

static void field(struct ctx *c, const struct ir_inst *in)
{
    struct emit *e = &c->e;
    unsigned sz = width_of(in), pos = in->imm & 0xff, len = (unsigned)(in->imm >> 8);
    bool is_signed = in->op == IR_BFXS;
    struct x64_mem m;
    if (pos % 8 == 0 && (len == 8 || len == 16 || len == 32) &&
        (pos == 0 || in_mem(c, in->a, &m))) {
        unsigned n = len / 8;
        if (in_mem(c, in->a, &m)) {
            m.disp += (int32_t)pos / 8;
            int d = def_gpr(c, c->i, -1, 0);
            if (is_signed)
                emit_loads(e, n, sz, d, m);
            else
                emit_load(e, n, d, m);
            return;
        }
        int ra = use_gpr(c, in->a), d = def_gpr(c, c->i, ra, 0);
        if (is_signed)
            emit_sext(e, n, sz, d, ra);
        else
            emit_zext(e, n, d, ra);
        return;
    }
    if (!is_signed && has(X64_BMI) && pos && len < 32 && pos + len < 8 * sz) {
        bool is_mem = value_dies(c, in->a) && in_mem(c, in->a, &m);
        int ra = is_mem ? -1 : use_gpr(c, in->a), d = def_gpr(c, c->i, ra, 0);
        if (is_mem) {
            emit_rorx_m(e, sz, d, m, pos);
        } else if (pos == 8 && len == 8 && ra <= RBX && d < R8) {
            emit_zext_second(e, d, ra);
            return;
        } else {
            emit_rorx(e, sz, d, ra, pos);
        }
        if (len == 8 || len == 16) {
            emit_zext(e, len / 8, d, d);
            return;
        }
        flags_clobber(c);
        emit_alu_ri(e, ALU_AND, 4, d, (int32_t)((1u << len) - 1));
        return;
    }
    int d = copy_for(c, in->a, 0);
    flags_clobber(c);
    if (pos + len == 8 * sz) {
        if (pos)
            emit_shift_ri(e, is_signed ? SHIFT_SAR : SHIFT_SHR, sz, d, pos);
        else if (sz == 4)
            emit_mov_rr(e, 4, d, d);
    } else if (!is_signed && len < 32) {
        if (pos)
            emit_shift_ri(e, SHIFT_SHR, sz, d, pos);
        emit_alu_ri(e, ALU_AND, 4, d, (int32_t)((1u << len) - 1));
    } else {
        emit_shift_ri(e, SHIFT_SHL, sz, d, 8 * sz - pos - len);
        emit_shift_ri(e, is_signed ? SHIFT_SAR : SHIFT_SHR, sz, d, 8 * sz - len);
    }
}

static void field_insert(struct ctx *c, const struct ir_inst *in)
{
    struct emit *e = &c->e;
    unsigned sz = width_of(in), pos = in->imm & 0xff, len = (unsigned)(in->imm >> 8);
    if (len == 8 * sz) {
        int rb = use_gpr(c, in->b);
        emit_mov_rr(e, sz, def_gpr(c, c->i, rb, 0), rb);
        return;
    }
    flags_clobber(c); /* before all temporaries are taken */
    int rb = use_gpr(c, in->b);
    if (pos + len < 32 && len < 31) {
        uint32_t mask = (1u << len) - 1;
        int t = tmp_gpr(c);
        emit_mov_rr(e, 4, t, rb);
        int d = copy_for(c, in->a, 1u << rb);
        emit_alu_ri(e, ALU_AND, 4, t, (int32_t)mask);
        if (pos)
            emit_shift_ri(e, SHIFT_SHL, 4, t, pos);
        emit_alu_ri(e, ALU_AND, sz, d, (int32_t) ~(mask << pos));
        emit_alu_rr(e, ALU_OR, sz, d, t);
        return;
    }
    int d = copy_for(c, in->a, 1u << rb);
    if (pos)
        emit_shift_ri(e, SHIFT_ROR, sz, d, pos);
    emit_shrd(e, sz, d, rb, len);
    if ((pos + len) % (8 * sz))
        emit_shift_ri(e, SHIFT_ROL, sz, d, (pos + len) % (8 * sz));
}

/* Value c->i := 1 if k holds, else 0. */
static void define_cond(struct ctx *c, struct cond k)
{
    struct emit *e = &c->e;
    if (k.parity == COND_PLAIN) {
        int d = def_gpr(c, c->i, -1, 0);
        emit_setcc(e, k.cc, d);
        emit_zext(e, 1, d, d);
    } else { /* setcc's result is overruled when P is set */
        int t = tmp_gpr(c), d = def_gpr(c, c->i, -1, 1u << t);
        emit_mov_ri(e, t, k.parity == COND_OR_P);
        emit_setcc(e, k.cc, d);
        emit_zext(e, 1, d, d);
        emit_cmov_rr(e, CC_P, 4, d, t);
    }
    loc_at(c, c->i)->zw = 1;
}

static void select_xmm(struct ctx *c, const struct ir_inst *in)
{
    struct emit *e = &c->e;
    int yes = use_xmm(c, in->b), no = use_xmm(c, in->c);
    struct cond k = cond_emit(c, in->a);
    int d = def_xmm(c, c->i, no, 1u << yes);
    if (d != no)
        emit_v_rr(e, V_MOVAPS, d, no, -1);
    if (yes == no)
        return;
    if (k.parity == COND_AND_NP) {
        uint32_t skip = emit_jcc_short(e, CC_P), skip2 = emit_jcc_short(e, (enum x64_cc)(k.cc ^ 1));
        emit_v_rr(e, V_MOVAPS, d, yes, -1);
        emit_patch_short(e, skip);
        emit_patch_short(e, skip2);
    } else if (k.parity == COND_OR_P) {
        uint32_t take = emit_jcc_short(e, CC_P), skip = emit_jcc_short(e, (enum x64_cc)(k.cc ^ 1));
        emit_patch_short(e, take);
        emit_v_rr(e, V_MOVAPS, d, yes, -1);
        emit_patch_short(e, skip);
    } else {
        uint32_t skip = emit_jcc_short(e, (enum x64_cc)(k.cc ^ 1));
        emit_v_rr(e, V_MOVAPS, d, yes, -1);
        emit_patch_short(e, skip);
    }
}

static void select_gpr(struct ctx *c, const struct ir_inst *in)
{
    struct emit *e = &c->e;
    unsigned sz = width_of(in);
    uint64_t ky, kn;
    ir_ref yes = in->b, no = in->c;
    struct x64_mem m;
    bool constants = value_const(c, yes, &ky) && value_const(c, no, &kn);
    struct cond k = cond_emit(c, in->a);
    c->gpr_locked = 0; /* what was compared is in EFLAGS now: its registers may be needed below */
    if (constants && ky + kn == 1 && (ky == 1 || kn == 1)) {
        define_cond(c, ky == 1 ? k : cond_negate(k));
        return;
    }
    int home = alloc_target(c, c->i);
    if (k.parity == COND_AND_NP ||
        (k.parity == COND_PLAIN && home >= 0 && in_gpr(c, yes) == home)) {
        yes = in->c;
        no = in->b;
        k = cond_negate(k);
    }
    bool y_mem = in_mem(c, yes, &m);
    int ry = y_mem ? -1 : use_gpr(c, yes), rn = in_gpr(c, no) >= 0 ? use_gpr(c, no) : -1;
    int d = def_gpr(c, c->i, rn, ry < 0 ? 0 : 1u << ry);
    if (rn < 0)
        move_to_gpr(c, d, no);
    else if (rn != d)
        emit_mov_rr(e, sz, d, rn);
    for (unsigned pass = 0; pass < (k.parity == COND_OR_P ? 2 : 1); pass++) {
        enum x64_cc cc = pass ? CC_P : k.cc;
        if (ry < 0)
            emit_cmov_rm(e, cc, sz, d, m);
        else
            emit_cmov_rr(e, cc, sz, d, ry);
    }
}

static void define_const(struct ctx *c, const struct ir_inst *in)
{
    enum ir_type t = (enum ir_type)in->type;
    enum loc_class cls = class_of(t);
    uint32_t loc = loc_new(c, cls, c->last[c->i]);
    unsigned bits = 8 * type_bytes(t);
    c->loc_of[c->i] = loc;
    c->locs[loc].is_const = true;
    c->locs[loc].pc = in->attr & IR_CONST_PC;
    c->locs[loc].imm = bits < 64 ? in->imm & ((1ull << bits) - 1) : in->imm;
    c->locs[loc].zw = cls == LOC_GPR ? (uint8_t)(t == IR_I1 ? 1 : bits) : t == IR_V128 ? 128 : 64;
}

static struct x64_mem mem_local(uint64_t i)
{
    return mem_frame(FRAME_LOCALS + 32 * (unsigned)i);
}

static void local_get(struct ctx *c, const struct ir_inst *in)
{
    if (class_of((enum ir_type)in->type) == LOC_XMM) {
        emit_v_rm(&c->e, V_MOVAPS, def_xmm(c, c->i, -1, 0), mem_local(in->imm), -1);
    } else if (in->type == IR_FLAGS) {
        int t = tmp_gpr(c);
        emit_load(&c->e, 4, t, mem_local(in->imm));
        uint32_t loc = loc_new(c, LOC_FLAGS, c->last[c->i]);
        c->loc_of[c->i] = loc;
        loc_own(c, loc, t);
    } else {
        unsigned n = type_bytes((enum ir_type)in->type);
        emit_load(&c->e, n, def_gpr(c, c->i, -1, 0), mem_local(in->imm));
        loc_at(c, c->i)->zw = (uint8_t)(in->type == IR_I1 ? 1 : 8 * n);
    }
}

static void local_set(struct ctx *c, const struct ir_inst *in)
{
    enum loc_class cls = class_of((enum ir_type)inst_of(c, in->a)->type);
    if (cls == LOC_XMM)
        emit_v_mr(&c->e, V_MOVAPS_ST, mem_local(in->imm), use_xmm(c, in->a), -1);
    else
        emit_store(&c->e, 8, mem_local(in->imm),
                   cls == LOC_FLAGS ? flags_to_gpr(c, in->a) : use_gpr(c, in->a));
}

static void crc32c(struct ctx *c, const struct ir_inst *in)
{
    int rb = use_gpr(c, in->b), d = copy_for(c, in->a, 1u << rb);
    emit_crc32(&c->e, type_bytes((enum ir_type)in->lane), d, rb);
}

bool select_int(struct ctx *c, const struct ir_inst *in)
{
    bool small = in->type < IR_I32;
    if (c->pair[c->i] && in->op != IR_SHA256) {
        ir_ref f = c->pair[c->i];
        select_pair(c, c->i, f);
        c->mark[f] |= INST_DONE;
        return true;
    }
    switch (in->op) {
    case IR_CONST:
        define_const(c, in);
        return true;
    case IR_COPY:
        def_same(c, c->i, in->a);
        return true;
    case IR_LGET:
        local_get(c, in);
        return true;
    case IR_LSET:
        local_set(c, in);
        return true;
    case IR_ADD:
    case IR_SUB:
    case IR_AND:
    case IR_OR:
    case IR_XOR:
        alu(c, c->i, in, alu_of(in->op), false);
        if (in->type == IR_I1)
            loc_at(c, c->i)->zw = 1;
        return true;
    case IR_ADC:
    case IR_SBC:
        alu_carry(c, c->i, in, alu_of(in->op));
        return true;
    case IR_NEG:
    case IR_NOT:
        unary(c, in);
        return true;
    case IR_ANDN:
        andn(c, in);
        return true;
    case IR_MUL:
        mul(c, in);
        return true;
    case IR_MULHU:
    case IR_MULHS:
        if (in->type != IR_I64)
            return false;
        mul_high(c, in);
        return true;
    case IR_UDIV:
    case IR_SDIV:
        if (small)
            return false;
        divide(c, in);
        return true;
    case IR_SHL:
        return shift(c, in, SHIFT_SHL);
    case IR_SHR:
        return shift(c, in, SHIFT_SHR);
    case IR_SAR:
        return shift(c, in, SHIFT_SAR);
    case IR_ROR:
        return shift(c, in, SHIFT_ROR);
    case IR_EXTR:
        if (small)
            return false;
        extract(c, in);
        return true;
    case IR_CLZ:
    case IR_CTZ:
    case IR_POPCNT:
        if (small)
            return false;
        count_bits(c, in);
        return true;
    case IR_BSWAP:
        if (in->type == IR_I8)
            return false;
        byte_swap(c, in);
        return true;
    case IR_BITREV:
        return bit_reverse(c, in);
    case IR_ZEXT:
        if (class_of((enum ir_type)in->type) != LOC_GPR)
            return false;
        zero_extend(c, in);
        return true;
    case IR_SEXT:
        sign_extend_to(c, in);
        return true;
    case IR_TRUNC:
        if (in->type == IR_I1) {
            int d = copy_for(c, in->a, 0);
            flags_clobber(c);
            emit_alu_ri(&c->e, ALU_AND, 4, d, 1);
        } else {
            def_same(c, c->i, in->a);
        }
        return true;
    case IR_BITCAST:
        bitcast(c, in);
        return true;
    case IR_BFX:
    case IR_BFXS:
        if (small)
            return false;
        field(c, in);
        return true;
    case IR_BFI:
        if (small)
            return false;
        field_insert(c, in);
        return true;
    case IR_SELECT:
        if (in->type == IR_FLAGS)
            flags_select(c, in);
        else if (class_of((enum ir_type)in->type) == LOC_XMM)
            select_xmm(c, in);
        else
            select_gpr(c, in);
        if (in->type == IR_I1)
            loc_at(c, c->i)->zw = 1;
        return true;
    case IR_CMP:
    case IR_FLAGS_COND:
        define_cond(c, cond_compute(c, c->i));
        return true;
    case IR_CRC32:
        if (in->attr != 1)
            return false;
        crc32c(c, in);
        return true;
    default:
        return false;
    }
}
