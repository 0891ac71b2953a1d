/* Guest memory.  A guest address is a host address.  x86's ordering is stronger than most guests
 * ask for: plain loads and stores are acquire and release; only sequentially consistent stores and
 * full fences need something more.
 *
 * side_note comes before each host instruction that may fault, and no home may have been changed by
 * then that the guest instruction does not change first (homes as destinations of loads are fine: a
 * load that faults writes nothing). */
#include "host/x64/x64.h"

static struct x64_mem address(struct ctx *c, ir_ref a, ir_ref b, unsigned scale, uint64_t imm, bool wrap32)
{
    struct emit *e = &c->e;
    uint64_t k, disp = imm;
    int base = -1, index = -1;
    if (value_const(c, a, &k))
        disp += k;
    else
        base = use_gpr(c, a);
    if (b && value_const(c, b, &k))
        disp += k << scale;
    else if (b)
        index = use_gpr(c, b);
    if (index >= 0 && scale > 3) {
        int t = tmp_gpr(c);
        emit_lea(e, 8, t, (struct x64_mem){.base = -1, .index = (int8_t)index, .scale = 3});
        if (base >= 0)
            emit_lea(e, 8, t,
                     (struct x64_mem){.base = (int8_t)base, .index = (int8_t)t, .scale = 1});
        else
            emit_lea(e, 8, t, (struct x64_mem){.base = (int8_t)t, .index = (int8_t)t});
        base = t;
        index = -1;
        c->gpr_locked = 1u << t; /* the parts are done with; temporaries are few */
    }
    if (!wrap32 && (int64_t)disp != (int32_t)disp) {
        int t = tmp_gpr(c);
        emit_mov_ri(e, t, disp);
        if (base >= 0)
            emit_lea(e, 8, t, (struct x64_mem){.base = (int8_t)t, .index = (int8_t)base});
        base = t;
        disp = 0;
        c->gpr_locked = 1u << t | (index >= 0 ? 1u << index : 0);
    }
    return (struct x64_mem){.base = (int8_t)base,
                            .index = (int8_t)index,
                            .scale = (uint8_t)(index >= 0 ? scale : 0),
                            .wrap32 = wrap32,
                            .disp = (int32_t)disp};
}

struct x64_mem mem_guest(struct ctx *c, const struct ir_inst *in)
{
    bool wrap32 = in->op != IR_PREFETCH && (in->attr & IR_MEM_WRAP32);
    return address(c, in->a, in->b, in->attr & IR_MEM_SCALE, in->imm, wrap32);
}

/* Leaves with IR_EXIT_ALIGN unless the address is a multiple of n; the operand to use from then on.
 */
static struct x64_mem check_aligned(struct ctx *c, struct x64_mem m, unsigned n, uint32_t keep)
{
    if (n < 2)
        return m;
    flags_clobber(c);
    int r = m.base;
    if (m.index >= 0 || m.disp || r < 0 || m.wrap32) {
        r = tmp_gpr(c);
        emit_lea(&c->e, 8, r, m);
        m = mem_at(r, 0);
        c->gpr_locked = 1u << r | (c->gpr_locked & keep);
    }
    emit_test_ri(&c->e, 1, r, (int32_t)(n - 1));
    ool_from(exit_align(c, r), emit_jcc(&c->e, CC_NE));
    return m;
}

/* 16 bytes that must be aligned: MOVAPS faults by itself, and recover makes IR_EXIT_ALIGN of that. */
static bool checks_itself(const struct ir_inst *in, unsigned n)
{
    return (in->attr & IR_MEM_ALIGNED) && n == 16;
}

static bool load(struct ctx *c, const struct ir_inst *in)
{
    struct emit *e = &c->e;
    unsigned n = type_bytes((enum ir_type)in->lane);
    unsigned writes = in->attr & IR_MEM_MODIFY ? SIDE_WRITES : 0;
    struct x64_mem m = mem_guest(c, in);
    bool movaps = checks_itself(in, n);
    if ((in->attr & IR_MEM_ALIGNED) && !movaps)
        m = check_aligned(c, m, n, 0);
    if (class_of((enum ir_type)in->type) == LOC_GPR) {
        int d = def_gpr(c, c->i, m.base >= 0 ? m.base : m.index, 0);
        side_note(c, flags_where(c) | writes);
        if (in->op == IR_LOADS) {
            unsigned to = type_bytes((enum ir_type)in->type);
            emit_loads(e, n, to, d, m);
        } else {
            emit_load(e, n, d, m);
            loc_at(c, c->i)->zw = (uint8_t)(8 * n);
        }
        return true;
    }
    if (n > 16)
        return false;
    if (n <= 2) {
        int t = tmp_gpr(c), x = def_xmm(c, c->i, -1, 0);
        side_note(c, flags_where(c) | writes);
        emit_load(e, n, t, m);
        emit_movd_xr(e, 4, x, t);
    } else {
        int x = def_xmm(c, c->i, -1, 0);
        side_note(c, flags_where(c) | writes | (movaps ? SIDE_ALIGN : 0));
        emit_v_rm(e, n == 4 ? V_MOVSS : n == 8 ? V_MOVQ : movaps ? V_MOVAPS : V_MOVUPS, x, m, -1);
    }
    loc_at(c, c->i)->zw = (uint8_t)(8 * n);
    return true;
}

static void fence(struct ctx *c)
{
    if (flags_busy(c)) { /* mfence leaves the flags */
        emit_u8(&c->e, 0x0f);
        emit_u8(&c->e, 0xae);
        emit_u8(&c->e, 0xf0);
        return;
    }
    flags_clobber(c);
    emit_lock_alu_mi(&c->e, ALU_OR, 4, mem_at(RSP, 0), 0);
}

static bool store(struct ctx *c, const struct ir_inst *in)
{
    struct emit *e = &c->e;
    unsigned n = type_bytes((enum ir_type)in->lane);
    int32_t imm;
    struct x64_mem m = mem_guest(c, in);
    bool movaps = checks_itself(in, n);
    if ((in->attr & IR_MEM_ALIGNED) && !movaps)
        m = check_aligned(c, m, n, 0);
    if (class_of((enum ir_type)inst_of(c, in->c)->type) == LOC_GPR) {
        if (in->attr & IR_MEM_SEQ) {
            int t = tmp_gpr(c);
            move_to_gpr(c, t, in->c);
            side_note(c, flags_where(c));
            emit_xchg_mr(e, n, m, t);
        } else if (value_imm32(c, in->c, n, &imm)) {
            side_note(c, flags_where(c));
            emit_store_i(e, n, m, imm);
        } else {
            int r = use_gpr(c, in->c);
            side_note(c, flags_where(c));
            emit_store(e, n, m, r);
        }
        return true;
    }
    if (n > 16)
        return false;
    int x = use_xmm(c, in->c);
    if (n <= 2) {
        int t = tmp_gpr(c);
        emit_movd_rx(e, 4, t, x);
        side_note(c, flags_where(c));
        emit_store(e, n, m, t);
    } else {
        side_note(c, flags_where(c) | (movaps ? SIDE_ALIGN : 0));
        emit_v_mr(e, n == 4 ? V_MOVSS_ST : n == 8 ? V_MOVQ_ST : movaps ? V_MOVAPS_ST : V_MOVUPS_ST, m, x, -1);
    }
    if (in->attr & IR_MEM_SEQ)
        fence(c);
    return true;
}

/* t := t op b, for what has no locked instruction. */
static void rmw_step(struct ctx *c, enum ir_rmw op, unsigned n, int t, int b)
{
    struct emit *e = &c->e;
    unsigned sz = n < 4 ? 4 : n;
    enum x64_cc cc = CC_O;
    switch (op) {
    case IR_RMW_ANDN:
        /* t & ~b = ~(~t | b) */
        emit_unary(e, UNARY_NOT, sz, t);
        emit_alu_rr(e, ALU_OR, sz, t, b);
        emit_unary(e, UNARY_NOT, sz, t);
        return;
    case IR_RMW_XOR:
        emit_alu_rr(e, ALU_XOR, sz, t, b);
        return;
    case IR_RMW_OR:
        emit_alu_rr(e, ALU_OR, sz, t, b);
        return;
    case IR_RMW_AND:
        emit_alu_rr(e, ALU_AND, sz, t, b);
        return;
    case IR_RMW_SMAX:
        cc = CC_L;
        break;
    case IR_RMW_SMIN:
        cc = CC_G;
        break;
    case IR_RMW_UMAX:
        cc = CC_B;
        break;
    case IR_RMW_UMIN:
        cc = CC_A;
        break;
    default:
        UNREACHABLE();
    }
    emit_alu_rr(e, ALU_CMP, n, t, b);
    emit_cmov_rr(e, cc, sz, t, b);
}

static void atomic_rmw(struct ctx *c, const struct ir_inst *in)
{
    struct emit *e = &c->e;
    unsigned n = type_bytes((enum ir_type)in->type);
    enum ir_rmw op = (enum ir_rmw)(in->attr & 15);
    bool unused = c->uses[c->i] == 0;
    flags_clobber(c);
    struct x64_mem m = address(c, in->a, IR_NONE, 0, in->imm, false);
    if (in->attr & IR_MEM_ALIGNED)
        m = check_aligned(c, m, n, 0);
    if (op == IR_RMW_ADD || op == IR_RMW_XCHG) {
        int t = tmp_gpr(c);
        move_to_gpr(c, t, in->b);
        side_note(c, flags_where(c) | SIDE_READ_WRITE);
        if (op == IR_RMW_XCHG)
            emit_xchg_mr(e, n, m, t);
        else if (unused)
            emit_lock_alu_mr(e, ALU_ADD, n, m, t);
        else
            emit_lock_xadd(e, n, m, t);
        def_gpr_in(c, c->i, t);
        return;
    }
    if (unused && (op == IR_RMW_ANDN || op == IR_RMW_AND || op == IR_RMW_OR || op == IR_RMW_XOR)) {
        int b = use_gpr(c, in->b);
        if (op == IR_RMW_ANDN) {
            int t = tmp_gpr(c);
            emit_mov_rr(e, 8, t, b);
            emit_unary(e, UNARY_NOT, 8, t);
            b = t;
        }
        side_note(c, flags_where(c) | SIDE_READ_WRITE);
        emit_lock_alu_mr(e,
                         op == IR_RMW_OR    ? ALU_OR
                         : op == IR_RMW_XOR ? ALU_XOR
                                            : ALU_AND,
                         n, m, b);
        def_gpr_in(c, c->i, tmp_gpr(c)); /* nobody asks */
        return;
    }
    int b = use_gpr(c, in->b), t = tmp_gpr(c);
    bool saved = flags_rax_begin(c);
    side_note(c, flags_where(c) | SIDE_READ_WRITE);
    emit_load(e, n, RAX, m);
    uint32_t loop = emit_pos(e);
    emit_mov_rr(e, n == 8 ? 8 : 4, t, RAX);
    rmw_step(c, op, n, t, b);
    side_note(c, flags_where(c) | SIDE_READ_WRITE);
    emit_lock_cmpxchg(e, n, m, t);
    emit_patch(e, emit_jcc(e, CC_NE), loop);
    emit_zext(e, n, t, RAX);
    def_gpr_in(c, c->i, t);
    flags_rax_end(c, saved);
}

static void cas128(struct ctx *c, const struct ir_inst *in)
{
    struct emit *e = &c->e;
    take_gpr(c, RCX);
    take_gpr(c, RDX);
    flags_clobber(c);
    struct x64_mem m = address(c, in->a, IR_NONE, 0, in->imm, false);
    if (in->attr & IR_MEM_ALIGNED)
        m = check_aligned(c, m, 16, 1u << RCX | 1u << RDX);
    if (m.base == RBX) {
        int t = tmp_gpr(c);
        emit_mov_rr(e, 8, t, RBX);
        m.base = (int8_t)t;
    }
    int xb = use_xmm(c, in->b), xc = use_xmm(c, in->c);
    bool saved = flags_rax_begin(c);
    emit_store(e, 8, mem_frame(FRAME_RBX), RBX);
    emit_movd_rx(e, 8, RAX, xb);
    emit_pextr(e, 8, RDX, xb, 1);
    emit_movd_rx(e, 8, RBX, xc);
    emit_pextr(e, 8, RCX, xc, 1);
    side_note(c, flags_where(c) | SIDE_RBX_IN_FRAME | SIDE_READ_WRITE);
    emit_lock_cmpxchg16b(e, m);
    int d = def_xmm(c, c->i, -1, 0);
    emit_movd_xr(e, 8, d, RAX);
    emit_pinsr(e, 8, d, d, RDX, 1);
    emit_load(e, 8, RBX, mem_frame(FRAME_RBX));
    flags_rax_end(c, saved);
}

static bool atomic_cas(struct ctx *c, const struct ir_inst *in)
{
    struct emit *e = &c->e;
    unsigned n = type_bytes((enum ir_type)in->type);
    if (n == 16) {
        cas128(c, in);
        return true;
    }
    flags_clobber(c);
    struct x64_mem m = address(c, in->a, IR_NONE, 0, in->imm, false);
    if (in->attr & IR_MEM_ALIGNED)
        m = check_aligned(c, m, n, 0);
    int r = use_gpr(c, in->c);
    bool saved = flags_rax_begin(c);
    move_to_gpr(c, RAX, in->b);
    side_note(c, flags_where(c) | SIDE_READ_WRITE);
    emit_lock_cmpxchg(e, n, m, r);
    int d = def_gpr(c, c->i, r, 0);
    emit_zext(e, n, d, RAX);
    flags_rax_end(c, saved);
    return true;
}

bool select_mem(struct ctx *c, const struct ir_inst *in)
{
    switch (in->op) {
    case IR_LOAD:
    case IR_LOADS:
        return load(c, in);
    case IR_STORE:
        return store(c, in);
    case IR_ATOMIC_RMW:
        atomic_rmw(c, in);
        return true;
    case IR_ATOMIC_CAS:
        return atomic_cas(c, in);
    case IR_FENCE:
        if (in->attr == IR_FENCE_FULL)
            fence(c);
        return true;
    case IR_PREFETCH:
        emit_prefetch(&c->e, in->attr & IR_PREFETCH_WRITE  ? PREFETCH_WRITE
                             : in->attr & IR_PREFETCH_ONCE ? PREFETCH_NTA
                             : in->attr & IR_PREFETCH_L3   ? PREFETCH_T2
                             : in->attr & IR_PREFETCH_L2   ? PREFETCH_T1
                                                           : PREFETCH_T0,
                      mem_guest(c, in));
        return true;
    default:
        return false;
    }
}
