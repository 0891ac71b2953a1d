/* Guest flags: what EFLAGS hold, what AX (the home of the flags slot) holds, and who needs which.
 *
 * A SET of the flags slot emits nothing while EFLAGS hold the value: only before EFLAGS are
 * overwritten, or where the unit leaves, LAHF and SETO bring it to AX.  Each flags value has a loc;
 * FLAGS_CMC makes another name of the same loc with `inv`, so that an inverted carry costs nothing
 * until something reads it: CF(value) = CF(loc) ^ inv.  ef_inv and ax_inv say the same of what
 * EFLAGS and AX hold.
 *
 * Invariant: the flags slot's value is in AX or in EFLAGS (fs_loc is ax_loc with the same
 * inversion, or ef_loc), except when it is about to be overwritten before anybody can see it
 * (fs_loc 0).
 *
 * After UCOMIS the flags of Arm's FCMP are not there literally; conditions are translated
 * (fcmp_cond) and the canonical form is made by conditional moves when AX needs it. */
#include "host/x64/x64.h"

void flags_begin(struct ctx *c)
{
    uint32_t loc = loc_new(c, LOC_FLAGS, 0);
    c->ax_loc = c->fs_loc = loc;
    c->ax_inv = c->fs_inv = false;
    c->ef_loc = 0;
}

/* The slot is written again before anything can see it. */
static bool slot_dead(const struct ctx *c)
{
    const struct ir_inst *now = inst_of(c, c->i);
    if (now->op != IR_SET &&
        (ir_op_info[now->op].flags & (IR_OPF_EFFECT | IR_OPF_FAULTS | IR_OPF_ENDS)))
        return false;
    for (uint32_t j = c->i + 1; j < c->u->count && j < c->i + 24; j++) {
        const struct ir_inst *in = inst_of(c, j);
        if (in->op == IR_SET && in->imm == c->t->flags_slot)
            return true;
        if (in->op == IR_GET && in->imm == c->t->flags_slot)
            return false;
        if (in->op == IR_INSN || in->op == IR_SET || in->op == IR_PREFETCH)
            continue;
        if (ir_op_info[in->op].flags & (IR_OPF_EFFECT | IR_OPF_FAULTS | IR_OPF_ENDS))
            return false;
    }
    return false;
}

static bool ax_has_slot(const struct ctx *c)
{
    return c->ax_loc == c->fs_loc && c->ax_inv == c->fs_inv;
}

/* Value in nothing but EFLAGS or AX. */
static bool has_no_copy(const struct ctx *c, uint32_t loc)
{
    return c->locs[loc].reg < 0 && c->locs[loc].spill < 0 && !c->locs[loc].is_const;
}

/* What AX holds goes into a temporary if it is still wanted as a value. */
static void ax_preserve(struct ctx *c)
{
    uint32_t loc = c->ax_loc;
    if (!loc || c->locs[loc].last + c->keep_args <= c->i || c->ef_loc == loc ||
        !has_no_copy(c, loc))
        return;
    int t = tmp_gpr(c);
    emit_mov_rr(&c->e, 4, t, RAX);
    loc_own(c, loc, t);
    c->gpr_locked &= ~(1u << t);
    c->locs[loc].imm = c->ax_inv;
}

/* AX := the flags that UCOMIS has left, as FCMP's.  Constants from memory: no temporary may be left here. */
static void fcmp_to_ax(struct ctx *c, bool swapped, bool inv)
{
    struct emit *e = &c->e;
    uint32_t flip = inv ? IR_FLAG_C : 0, lt = IR_FLAG_S | IR_FLAG_C;
    emit_mov_ri(e, RAX, (swapped ? lt : 0) ^ flip);
    emit_cmov_rm(e, CC_B, 4, RAX, emit_pool(e, (swapped ? 0 : lt) ^ flip, 0));
    emit_cmov_rm(e, CC_E, 4, RAX, emit_pool(e, IR_FLAG_Z ^ flip, 0));
    emit_cmov_rm(e, CC_P, 4, RAX, emit_pool(e, IR_FLAG_O ^ flip, 0));
}

/* AX := what EFLAGS hold, its carry inverted if inv. EFLAGS keep their meaning. */
static void eflags_to_ax(struct ctx *c, bool inv)
{
    struct emit *e = &c->e;
    if (c->ef_kind == EF_NORMAL) {
        if (c->ef_inv != inv) {
            emit_cmc(e);
            c->ef_inv = inv;
        }
        emit_lahf(e);
        emit_setcc(e, CC_O, RAX);
        return;
    }
    fcmp_to_ax(c, c->ef_kind == EF_FCMP_SWAPPED, inv);
}

bool flags_busy(struct ctx *c)
{
    uint32_t loc = c->ef_loc;
    if (!loc)
        return false;
    if (c->fs_loc == loc && !ax_has_slot(c) && !slot_dead(c))
        return true;
    return c->locs[loc].last + c->keep_args > c->i && c->ax_loc != loc && has_no_copy(c, loc);
}

void flags_save(struct ctx *c)
{
    uint32_t loc = c->ef_loc;
    if (!loc)
        return;
    if (c->fs_loc == loc && !ax_has_slot(c)) {
        if (!slot_dead(c)) {
            ax_preserve(c);
            eflags_to_ax(c, c->fs_inv);
            c->ax_loc = loc;
            c->ax_inv = c->fs_inv;
            return;
        }
        c->fs_loc = 0;
    }
    if (c->locs[loc].last + c->keep_args > c->i && c->ax_loc != loc && has_no_copy(c, loc)) {
        int t = tmp_gpr(c);
        emit_mov_rr(&c->e, 4, t, RAX);
        eflags_to_ax(c, c->ef_kind == EF_NORMAL && c->ef_inv);
        emit_xchg_rr(&c->e, 4, RAX, t);
        loc_own(c, loc, t);
        c->gpr_locked &= ~(1u << t);
        c->locs[loc].imm = c->ef_kind == EF_NORMAL && c->ef_inv;
    }
}

void flags_clobber(struct ctx *c)
{
    flags_save(c);
    c->ef_loc = 0;
}

void flags_keep_for(struct ctx *c, ir_ref r)
{
    const struct ir_inst *in = inst_of(c, r);
    if (in->op == IR_FLAGS_COND && (c->mark[r] & INST_DEFERRED))
        r = in->a;
    c->keep_args = inst_of(c, r)->type == IR_FLAGS && c->loc_of[r] != c->ef_loc;
}

void flags_sync_for(struct ctx *c, ir_ref r)
{
    flags_keep_for(c, r);
    flags_sync(c);
    c->keep_args = 0;
}

void flags_sync(struct ctx *c)
{
    if (ax_has_slot(c))
        return;
    if (UNLIKELY(!c->fs_loc || c->fs_loc != c->ef_loc))
        give_up(c, "the flags slot is lost");
    ax_preserve(c);
    eflags_to_ax(c, c->fs_inv);
    c->ax_loc = c->fs_loc;
    c->ax_inv = c->fs_inv;
}

void flags_detach(struct ctx *c)
{
    flags_sync(c);
    flags_clobber(c);
    ax_preserve(c);
    c->ax_loc = 0;
}

unsigned flags_where(struct ctx *c)
{
    if (c->rax_in_frame)
        return FLAGS_AT_FRAME;
    if (ax_has_slot(c))
        return FLAGS_AT_AX;
    if (UNLIKELY(!c->fs_loc || c->fs_loc != c->ef_loc))
        give_up(c, "the flags slot is lost");
    if (c->ef_kind == EF_NORMAL)
        return c->ef_inv != c->fs_inv ? FLAGS_AT_EFLAGS_INV : FLAGS_AT_EFLAGS;
    return (c->ef_kind == EF_FCMP ? FLAGS_AT_FCMP : FLAGS_AT_FCMP_SWAPPED) + (c->fs_inv ? 1u : 0u);
}

void flags_leave(struct ctx *c, enum flags_at where)
{
    bool swapped = where == FLAGS_AT_FCMP_SWAPPED || where == FLAGS_AT_FCMP_SWAPPED_INV;
    switch (where) {
    case FLAGS_AT_AX:
        return;
    case FLAGS_AT_EFLAGS_INV:
        emit_cmc(&c->e);
        /* fallthrough */
    case FLAGS_AT_EFLAGS:
        emit_lahf(&c->e);
        emit_setcc(&c->e, CC_O, RAX);
        return;
    default:
        fcmp_to_ax(c, swapped, where == FLAGS_AT_FCMP_INV || where == FLAGS_AT_FCMP_SWAPPED_INV);
    }
}

void flags_produced(struct ctx *c, ir_ref r, enum ef_kind kind)
{
    uint32_t loc = loc_new(c, LOC_FLAGS, c->last[r]);
    c->loc_of[r] = loc;
    c->inv[r] = false;
    c->ef_loc = loc;
    c->ef_inv = false;
    c->ef_kind = kind;
}

bool flags_const(const struct ctx *c, ir_ref r, uint32_t *v)
{
    const struct ir_inst *in = inst_of(c, r);
    uint32_t k;
    switch (in->op) {
    case IR_FLAGS_PACK:
        if (inst_of(c, in->a)->op != IR_CONST)
            return false;
        *v = (uint32_t)inst_of(c, in->a)->imm & IR_FLAG_ALL;
        return true;
    case IR_FLAGS_CMC:
        if (!flags_const(c, in->a, &k))
            return false;
        *v = k ^ IR_FLAG_C;
        return true;
    default:
        return false;
    }
}

/* -- reading
 * ------------------------------------------------------------------------------------------------
 */

/* The register that holds a copy of the value in AX's layout (rax itself, or the loc's); *inv: its
 * carry is inverted.  The value is not only in EFLAGS. */
static int copy_of(struct ctx *c, ir_ref r, bool *inv)
{
    uint32_t loc = c->loc_of[r];
    if (c->ax_loc == loc) {
        *inv = c->ax_inv != c->inv[r];
        return RAX;
    }
    bool constant = c->locs[loc].is_const;
    int reg = loc_load(c, loc);
    *inv = (!constant && (c->locs[loc].imm & 1)) != c->inv[r];
    return reg;
}

/* A flags value's conditions after ucomis, see the table in the comment of FLAGS_FCMP in ops.def.
 */
static struct cond fcmp_cond(enum x64_cc cc, bool inv, bool swapped)
{
    /* in the order of the condition codes; bit 4: and not P, bit 5: or P */
    static const uint8_t direct[16] = {
        CC_P,      CC_NP,      CC_B | 16, CC_AE | 32, CC_E | 16, CC_NE | 32, CC_BE | 16, CC_A | 32,
        CC_B | 16, CC_AE | 32, 0xff,      0xff,       CC_B,      CC_AE,      CC_BE,      CC_A,
    };
    static const uint8_t turned[16] = {
        CC_P, CC_NP, CC_A, CC_BE, CC_E | 16, CC_NE | 32, CC_AE,      CC_B,
        CC_A, CC_BE, 0xff, 0xff,  CC_A | 32, CC_BE | 16, CC_AE | 32, CC_B | 16,
    };
    if (inv) { /* the carry inverted: C is "not less" */
        static const uint8_t map[16] = {0, 1, CC_AE, CC_B, 4,  5,  CC_AE, CC_B,
                                        8, 9, 10,    11,   12, 13, 14,    15};
        cc = (enum x64_cc)map[cc];
    }
    uint8_t k = swapped ? turned[cc] : direct[cc];
    return (struct cond){.cc = (enum x64_cc)(k & 15),
                         .parity = k & 16   ? COND_AND_NP
                                   : k & 32 ? COND_OR_P
                                            : COND_PLAIN};
}

static struct cond plain(enum x64_cc cc)
{
    return (struct cond){.cc = cc, .parity = COND_PLAIN};
}

static struct cond cond_of_eflags(struct ctx *c, ir_ref r, enum x64_cc cc)
{
    bool inv = c->ef_inv != c->inv[r];
    if (inv && (cc == CC_BE || cc == CC_A)) {
        emit_cmc(&c->e);
        c->ef_inv = !c->ef_inv;
    } else if (inv && (cc == CC_B || cc == CC_AE)) {
        cc = (enum x64_cc)(cc ^ 1);
    }
    return plain(cc);
}

static struct cond cond_of_flags(struct ctx *c, ir_ref r, enum x64_cc cc)
{
    struct emit *e = &c->e;
    uint32_t loc = c->loc_of[r];
    bool parity = cc == CC_P || cc == CC_NP;
    if (c->ef_loc == loc) {
        if (c->ef_kind == EF_NORMAL)
            return cond_of_eflags(c, r, cc);
        if (!parity)
            return fcmp_cond(cc, c->inv[r], c->ef_kind == EF_FCMP_SWAPPED);
    }
    static const uint16_t masks[16] = {IR_FLAG_O,
                                       IR_FLAG_O,
                                       IR_FLAG_C,
                                       IR_FLAG_C,
                                       IR_FLAG_Z,
                                       IR_FLAG_Z,
                                       IR_FLAG_C | IR_FLAG_Z,
                                       IR_FLAG_C | IR_FLAG_Z,
                                       IR_FLAG_S,
                                       IR_FLAG_S,
                                       IR_FLAG_P,
                                       IR_FLAG_P,
                                       0,
                                       0,
                                       0,
                                       0};
    if (c->ef_loc == loc && c->ax_loc != loc &&
        has_no_copy(c, loc)) { /* FCMP's parity: never set */
        int t = tmp_gpr(c);
        flags_clobber(c);
        emit_alu_rr(e, ALU_XOR, 4, t, t);
        return plain(cc == CC_P ? CC_NE : CC_E);
    }
    bool inv;
    c->keep_args = 1;
    flags_clobber(c);
    c->keep_args = 0;
    int reg = copy_of(c, r, &inv);
    uint16_t mask = masks[cc];
    if (mask && !(inv && (cc == CC_BE || cc == CC_A))) {
        emit_test_ri(e, 4, reg, mask);
        bool want = !(cc & 1);
        if (inv && mask == IR_FLAG_C)
            want = !want;
        return plain(want ? CC_NE : CC_E);
    }
    if (reg != RAX)
        emit_xchg_rr(e, 4, RAX, reg);
    emit_alu_ri(e, ALU_ADD, 1, RAX, 0x7f); /* OF := AL */
    emit_sahf(e);
    emit_setcc(e, CC_O, RAX);
    if (reg != RAX)
        emit_xchg_rr(e, 4, RAX, reg);
    c->ef_loc = loc;
    c->ef_kind = EF_NORMAL;
    c->ef_inv = inv != c->inv[r];
    return cond_of_eflags(c, r, cc);
}

int flags_to_gpr(struct ctx *c, ir_ref r)
{
    uint32_t loc = c->loc_of[r];
    int t = tmp_gpr(c);
    if (c->ef_loc == loc) {
        emit_mov_rr(&c->e, 4, t, RAX);
        eflags_to_ax(c, c->inv[r]);
        emit_xchg_rr(&c->e, 4, RAX, t);
        return t;
    }
    bool inv;
    int reg = copy_of(c, r, &inv);
    emit_mov_rr(&c->e, 4, t, reg);
    if (inv) {
        flags_clobber(c);
        emit_alu_ri(&c->e, ALU_XOR, 4, t, IR_FLAG_C);
    }
    return t;
}

void flags_load_carry(struct ctx *c, ir_ref r)
{
    uint32_t loc = c->loc_of[r];
    if (c->ef_loc == loc && c->ef_kind == EF_NORMAL) {
        if (c->ef_inv != c->inv[r]) {
            emit_cmc(&c->e);
            c->ef_inv = !c->ef_inv;
        }
        return;
    }
    bool inv = false;
    int reg = c->ef_loc == loc ? flags_to_gpr(c, r) : copy_of(c, r, &inv);
    c->ef_loc = 0;
    emit_bit_ri(&c->e, BIT_BT, 4, reg, 8);
    if (inv)
        emit_cmc(&c->e);
}

/* -- the slot
 * ------------------------------------------------------------------------------------------------
 */

void flags_get(struct ctx *c, ir_ref r)
{
    if (UNLIKELY(!c->fs_loc))
        give_up(c, "the flags slot is lost");
    struct loc *l = &c->locs[c->fs_loc];
    c->loc_of[r] = c->fs_loc;
    c->inv[r] = c->fs_inv;
    if (l->last < c->i)
        l->spill = -1; /* was dead: another value may be there now */
    if (l->last < c->last[r])
        l->last = c->last[r];
}

void flags_set(struct ctx *c, ir_ref r)
{
    uint32_t loc = c->loc_of[r], k;
    c->fs_loc = 0;
    if (loc != c->ef_loc && !(c->ax_loc == loc && c->ax_inv == c->inv[r])) {
        if (flags_const(c, r, &k)) {
            ax_preserve(c);
            emit_mov_ri(&c->e, RAX, k);
        } else {
            bool inv;
            int reg = copy_of(c, r, &inv);
            if (reg != RAX) {
                ax_preserve(c);
                emit_mov_rr(&c->e, 4, RAX, reg);
                c->ax_loc = loc;
                c->ax_inv = c->inv[r] != inv;
            }
            if (inv) {
                flags_clobber(c);
                emit_alu_ri(&c->e, ALU_XOR, 4, RAX, IR_FLAG_C);
            }
        }
        c->ax_loc = loc;
        c->ax_inv = c->inv[r];
    }
    c->fs_loc = loc;
    c->fs_inv = c->inv[r];
}

bool flags_rax_begin(struct ctx *c)
{
    flags_clobber(c);
    emit_store(&c->e, 4, mem_frame(FRAME_RAX), RAX);
    c->rax_in_frame = true;
    return true;
}

void flags_rax_end(struct ctx *c, bool saved)
{
    if (saved)
        emit_load(&c->e, 4, RAX, mem_frame(FRAME_RAX));
    c->rax_in_frame = false;
}

/* -- operations
 * ------------------------------------------------------------------------------------------------
 */

/* A deferred AND or single-bit field a, as x86 sets EFLAGS for it: test or bt. True if it was one;
 * *cc is what "not zero" is called then. */
static bool emit_deferred_test(struct ctx *c, ir_ref a, bool only_zero, enum x64_cc *cc)
{
    const struct ir_inst *in = inst_of(c, a);
    struct emit *e = &c->e;
    if (!(c->mark[a] & INST_DEFERRED))
        return false;
    unsigned sz = type_bytes((enum ir_type)in->type);
    struct x64_mem m;
    uint64_t k;
    int32_t imm;
    *cc = CC_NE;
    if (in->op == IR_BFX) {
        k = 1ull << (in->imm & 0xff);
    } else if (!value_const(c, in->b, &k)) {
        int rb = use_gpr(c, in->b), ra = use_gpr(c, in->a);
        flags_clobber(c);
        emit_test_rr(e, sz, ra, rb);
        return true;
    }
    flags_clobber(c);
    bool is_mem = in_mem(c, in->a, &m);
    if (sz == 4 || (int64_t)k == (int32_t)k || (only_zero && k <= UINT32_MAX)) {
        imm = (int32_t)k;
        unsigned width = only_zero && k <= 0x7f ? 1 : only_zero && k <= UINT32_MAX ? 4 : sz;
        if (is_mem && width == sz)
            emit_test_mi(e, width, m, imm);
        else
            emit_test_ri(e, width, use_gpr(c, in->a), imm);
    } else if (only_zero && (k & (k - 1)) == 0) {
        emit_bit_ri(e, BIT_BT, 8, use_gpr(c, in->a), (unsigned)__builtin_ctzll(k));
        *cc = CC_B;
    } else {
        int t = tmp_gpr(c);
        emit_mov_ri(e, t, k);
        emit_test_rr(e, sz, use_gpr(c, in->a), t);
    }
    return true;
}

void emit_compare(struct ctx *c, unsigned sz, ir_ref a, ir_ref b)
{
    struct emit *e = &c->e;
    struct x64_mem m;
    int32_t imm;
    if (value_imm32(c, b, sz, &imm)) {
        bool is_mem = in_mem(c, a, &m);
        flags_clobber(c);
        if (is_mem && in_mem(c, a, &m))
            emit_alu_mi(e, ALU_CMP, sz, m, imm);
        else if (imm)
            emit_alu_ri(e, ALU_CMP, sz, use_gpr(c, a), imm);
        else {
            int r = use_gpr(c, a);
            emit_test_rr(e, sz, r, r);
        }
        return;
    }
    int ra = -1;
    if (in_gpr(c, a) >= 0 || !(in_gpr(c, b) >= 0) || !in_mem(c, a, &m))
        ra = use_gpr(c, a);
    flags_clobber(c);
    if (ra >= 0 && in_mem(c, b, &m))
        emit_alu_rm(e, ALU_CMP, sz, ra, m);
    else if (ra >= 0)
        emit_alu_rr(e, ALU_CMP, sz, ra, use_gpr(c, b));
    else if (in_mem(c, a, &m))
        emit_alu_mr(e, ALU_CMP, sz, m, use_gpr(c, b));
    else
        emit_alu_rr(e, ALU_CMP, sz, use_gpr(c, a), use_gpr(c, b));
}

/* a + b or a +- b +- CF for nothing but its flags. */
static void emit_flags_arith(struct ctx *c, const struct ir_inst *in, enum x64_alu op)
{
    unsigned sz = type_bytes((enum ir_type)inst_of(c, in->a)->type);
    int32_t imm;
    bool is_imm = value_imm32(c, in->b, sz, &imm);
    int rb = is_imm ? -1 : use_gpr(c, in->b);
    int t = tmp_gpr(c);
    move_to_gpr(c, t, in->a);
    bool carry = op == ALU_ADC || op == ALU_SBB;
    if (carry)
        flags_keep_for(c, in->c);
    flags_save(c);
    c->keep_args = 0;
    if (carry)
        flags_load_carry(c, in->c);
    c->ef_loc = 0;
    if (is_imm)
        emit_alu_ri(&c->e, op, sz, t, imm);
    else
        emit_alu_rr(&c->e, op, sz, t, rb);
}

static void select_merge(struct ctx *c, const struct ir_inst *in)
{
    c->keep_args = 1;
    int ta = flags_to_gpr(c, in->a);
    c->gpr_locked = 1u << ta;
    int tb = flags_to_gpr(c, in->b);
    c->keep_args = 0;
    flags_clobber(c);
    emit_alu_ri(&c->e, ALU_AND, 4, ta, (int32_t)(~in->imm & IR_FLAG_ALL));
    emit_alu_ri(&c->e, ALU_AND, 4, tb, (int32_t)(in->imm & IR_FLAG_ALL));
    emit_alu_rr(&c->e, ALU_OR, 4, ta, tb);
    uint32_t loc = loc_new(c, LOC_FLAGS, c->last[c->i]);
    c->loc_of[c->i] = loc;
    loc_own(c, loc, ta);
}

static void define_const(struct ctx *c, ir_ref r, uint32_t k)
{
    uint32_t loc = loc_new(c, LOC_FLAGS, c->last[r]);
    c->loc_of[r] = loc;
    c->locs[loc].is_const = true;
    c->locs[loc].imm = k;
}

/* ucomis, in the operand order that suits the condition that reads it. */
static void select_fcmp(struct ctx *c, const struct ir_inst *in)
{
    enum ir_type t = (enum ir_type)inst_of(c, in->a)->type;
    bool swap = false;
    for (uint32_t j = c->i + 1; in->op == IR_FLAGS_FCMP && j < c->u->count && j < c->i + 12; j++)
        if (inst_of(c, j)->op == IR_FLAGS_COND) {
            enum x64_cc cc = (enum x64_cc)inst_of(c, j)->attr;
            swap =
                cc == CC_B || cc == CC_AE || cc == CC_BE || cc == CC_A || cc == CC_S || cc == CC_NS;
            break;
        }
    ir_ref a = swap ? in->b : in->a, b = swap ? in->a : in->b;
    x64_vop op = t == IR_F32 ? (in->attr ? V_COMISS : V_UCOMISS) : in->attr ? V_COMISD : V_UCOMISD;
    int ra = use_xmm(c, a);
    struct x64_mem m;
    flags_clobber(c);
    if (in_mem(c, b, &m))
        emit_v_rm(&c->e, op, ra, m, -1);
    else
        emit_v_rr(&c->e, op, ra, use_xmm(c, b), -1);
    flags_produced(c, c->i,
                   in->op == IR_FLAGS_UCOMI ? EF_NORMAL
                   : swap                   ? EF_FCMP_SWAPPED
                                            : EF_FCMP);
}

bool select_flags(struct ctx *c, const struct ir_inst *in)
{
    struct emit *e = &c->e;
    uint32_t k;
    enum x64_cc cc;
    if (in->op >= IR_FLAGS_ADD && in->op <= IR_FLAGS_LOGIC && c->pair[c->i]) {
        select_pair(c, c->pair[c->i], c->i);
        c->mark[c->pair[c->i]] |= INST_DONE;
        return true;
    }
    switch (in->op) {
    case IR_FLAGS_ADD:
        emit_flags_arith(c, in, ALU_ADD);
        break;
    case IR_FLAGS_ADC:
        emit_flags_arith(c, in, ALU_ADC);
        break;
    case IR_FLAGS_SBC:
        emit_flags_arith(c, in, ALU_SBB);
        break;
    case IR_FLAGS_SUB:
        emit_compare(c, type_bytes((enum ir_type)inst_of(c, in->a)->type), in->a, in->b);
        break;
    case IR_FLAGS_LOGIC:
        if (!emit_deferred_test(c, in->a, false, &cc)) {
            int r = use_gpr(c, in->a);
            flags_clobber(c);
            emit_test_rr(e, type_bytes((enum ir_type)inst_of(c, in->a)->type), r, r);
        }
        break;
    case IR_FLAGS_CMC:
        if (flags_const(c, c->i, &k)) {
            define_const(c, c->i, k);
        } else {
            def_same(c, c->i, in->a);
            c->inv[c->i] = !c->inv[in->a];
        }
        return true;
    case IR_FLAGS_MERGE:
        select_merge(c, in);
        return true;
    case IR_FLAGS_PACK:
        if (flags_const(c, c->i, &k)) {
            define_const(c, c->i, k);
        } else {
            int t = tmp_gpr(c);
            move_to_gpr(c, t, in->a);
            flags_clobber(c);
            emit_alu_ri(e, ALU_AND, 4, t, IR_FLAG_ALL);
            uint32_t loc = loc_new(c, LOC_FLAGS, c->last[c->i]);
            c->loc_of[c->i] = loc;
            loc_own(c, loc, t);
        }
        return true;
    case IR_FLAGS_BITS: {
        int t = flags_to_gpr(c, in->a);
        flags_clobber(c);
        emit_alu_ri(e, ALU_AND, 4, t, IR_FLAG_ALL);
        def_gpr_in(c, c->i, t);
        return true;
    }
    case IR_FLAGS_FCMP:
    case IR_FLAGS_UCOMI: {
        enum ir_type t = (enum ir_type)inst_of(c, in->a)->type;
        const struct fp_env *env = &c->u->fp;
        if ((t != IR_F32 && t != IR_F64) || env->flush_inputs)
            return false;
        select_fcmp(c, in);
        return true;
    }
    default:
        return false;
    }
    flags_produced(c, c->i, EF_NORMAL);
    return true;
}

/* -- conditions
 * ------------------------------------------------------------------------------------------------
 */

struct cond cond_negate(struct cond k)
{
    k.cc = (enum x64_cc)(k.cc ^ 1);
    if (k.parity != COND_PLAIN)
        k.parity = k.parity == COND_AND_NP ? COND_OR_P : COND_AND_NP;
    return k;
}

static enum x64_cc mirror(enum x64_cc cc)
{
    switch (cc) {
    case CC_B:
        return CC_A;
    case CC_A:
        return CC_B;
    case CC_AE:
        return CC_BE;
    case CC_BE:
        return CC_AE;
    case CC_L:
        return CC_G;
    case CC_G:
        return CC_L;
    case CC_GE:
        return CC_LE;
    case CC_LE:
        return CC_GE;
    default:
        return cc;
    }
}

struct cond cond_compute(struct ctx *c, ir_ref r)
{
    const struct ir_inst *in = inst_of(c, r);
    enum x64_cc cc = (enum x64_cc)in->attr, nonzero;
    uint64_t k;
    if (in->op == IR_FLAGS_COND)
        return cond_of_flags(c, in->a, cc);
    if (emit_deferred_test(c, in->a, true, &nonzero))
        return plain(cc == CC_NE ? nonzero : (enum x64_cc)(nonzero ^ 1));
    unsigned sz = type_bytes((enum ir_type)inst_of(c, in->a)->type);
    if (value_const(c, in->a, &k) && !value_const(c, in->b, &k)) {
        emit_compare(c, sz, in->b, in->a);
        return plain(mirror(cc));
    }
    emit_compare(c, sz, in->a, in->b);
    return plain(cc);
}

struct cond cond_emit(struct ctx *c, ir_ref r)
{
    if (c->mark[r] & INST_DEFERRED)
        return cond_compute(c, r);
    int reg = use_gpr(c, r);
    flags_clobber(c);
    emit_test_rr(&c->e, 4, reg, reg);
    return plain(CC_NE);
}

unsigned cond_jump(struct ctx *c, struct cond k, uint32_t at[2])
{
    if (k.parity == COND_AND_NP) {
        uint32_t skip = emit_jcc_short(&c->e, CC_P);
        at[0] = emit_jcc(&c->e, k.cc);
        emit_patch_short(&c->e, skip);
        return 1;
    }
    at[0] = emit_jcc(&c->e, k.cc);
    if (k.parity == COND_PLAIN)
        return 1;
    at[1] = emit_jcc(&c->e, CC_P);
    return 2;
}

/* The other outcome of a conditional compare: EFLAGS := o->v. */
static void emit_const_flags(struct ctx *c, struct ool *o)
{
    struct emit *e = &c->e;
    if (o->r[0])
        emit_store(e, 4, mem_frame(FRAME_TMP), RAX);
    emit_mov_ri(e, RAX, o->v);
    emit_alu_ri(e, ALU_ADD, 1, RAX, 0x7f);
    emit_sahf(e);
    if (o->r[0])
        emit_load(e, 4, RAX, mem_frame(FRAME_TMP));
    emit_patch(e, emit_jmp(e), o->back);
}

void flags_select(struct ctx *c, const struct ir_inst *in)
{
    struct emit *e = &c->e;
    uint32_t at[2], k;
    if (c->mark[in->b] & INST_DEFERRED) {
        const struct ir_inst *f = inst_of(c, in->b);
        unsigned sz = type_bytes((enum ir_type)inst_of(c, f->a)->type);
        int32_t imm;
        bool is_imm = value_imm32(c, f->b, sz, &imm);
        flags_const(c, in->c, &k);
        flags_keep_for(c, in->a);
        flags_save(c);
        c->keep_args = 0;
        struct cond cond = cond_negate(cond_emit(c, in->a));
        /* Both ways must leave the same allocation: registers are loaded before the jump. */
        int ra = use_gpr(c, f->a), rb = is_imm ? -1 : use_gpr(c, f->b);
        unsigned n = cond_jump(c, cond, at);
        c->ef_loc = 0;
        if (is_imm && imm == 0)
            emit_test_rr(e, sz, ra, ra);
        else if (is_imm)
            emit_alu_ri(e, ALU_CMP, sz, ra, imm);
        else
            emit_alu_rr(e, ALU_CMP, sz, ra, rb);
        struct ool *o = ool_new(c, emit_const_flags);
        for (unsigned i = 0; i < n; i++)
            ool_from(o, at[i]);
        o->back = emit_pos(e); /* behind the compare */
        o->v = k;
        o->r[0] = (c->fs_loc && c->fs_loc == c->ax_loc && !slot_dead(c)) ||
                  c->locs[c->ax_loc].last > c->i;
        if (!o->r[0]) {
            if (c->fs_loc == c->ax_loc)
                c->fs_loc = 0;
            c->ax_loc = 0;
        }
        flags_produced(c, c->i, EF_NORMAL);
        return;
    }
    /* The condition waits in memory: three flags values at once are too many for the temporaries.
     */
    c->keep_args = 1;
    flags_save(c); /* before the condition: it may invert the carry in EFLAGS */
    struct cond cond = cond_emit(c, in->a);
    int t = tmp_gpr(c);
    emit_setcc(e, cond.cc, t);
    if (cond.parity != COND_PLAIN) {
        uint32_t skip = emit_jcc_short(e, CC_NP);
        emit_mov_ri(e, t, cond.parity == COND_OR_P);
        emit_patch_short(e, skip);
    }
    emit_store(e, 1, mem_frame(FRAME_TMP), t);
    c->gpr_locked = 0;
    int yes = flags_to_gpr(c, in->b);
    c->gpr_locked = 1u << yes;
    int no = flags_to_gpr(c, in->c);
    c->gpr_locked = 1u << yes | 1u << no;
    c->keep_args = 0;
    flags_clobber(c);
    emit_test_mi(e, 1, mem_frame(FRAME_TMP), 1);
    emit_cmov_rr(e, CC_NE, 4, no, yes);
    uint32_t loc = loc_new(c, LOC_FLAGS, c->last[c->i]);
    c->loc_of[c->i] = loc;
    loc_own(c, loc, no);
}
