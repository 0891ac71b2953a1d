/* From IR to operations of the interpreter.
 *
 * Values get cells of the frame when they are made and give them back after their last use; nothing but
 * locals (which have cells of their own) lives across a label, so this is linear.  Values that are mere
 * renamings (COPY, ZEXT of an integer, BITCAST) share their argument's cell.  Constants become immediates
 * where the operation has such a form and cells where not.  Pure values that nobody uses are left out.
 *
 * A value that is read from a slot lives in the slot itself if the slot does not change before its last
 * use, and one that is SET into a slot is computed there if nobody could tell: nothing between its making and
 * the SET may fault, leave, or read the slot.  See find_homes. */
#include "host/interp/code.h"
#include <errno.h>
#include <string.h>

#define NO_CELL 0xffffu

struct lower {
    const struct ir_unit *u;
    bool big;           /* cells are in interp_cpu.frame */
    uint32_t *root;     /* whose cell a value shares */
    uint32_t *last_use; /* of a root: instruction index; 0: never */
    uint16_t *cell;     /* of a root, or NO_CELL */
    uint16_t *home;     /* of a root: the word of the slot it lives in, or NO_CELL */
    bool *done;         /* of a SET: its value is computed in the slot */
    uint16_t *local;    /* cell of a local */
    uint16_t *free[3];  /* stacks of free cells of 1, 2, 4 words */
    unsigned free_count[3];
    unsigned frame_words;
    bool full;

    struct interp_op *ops;
    uint32_t op_count;
    uint32_t *label;    /* operation index of a label */
    uint32_t *branch, branch_count; /* operations to be given their skip */
    uint64_t insn_pc;
    struct host_site *sites;
    struct host_reloc *relocs;
    uint32_t site_count, reloc_count;
};

static unsigned words_log2(enum ir_type t)
{
    unsigned size = ir_type_size(t);
    return size <= 8 ? 0 : size == 16 ? 1 : 2;
}

/* Shares its argument's cell: the same bits, or the low ones of a wider value. */
static bool is_renaming(const struct ir_unit *u, const struct ir_inst *i)
{
    switch (i->op) {
    case IR_COPY: case IR_BITCAST:
        return true;
    case IR_ZEXT:
        return ir_type_size(i->type) <= 8;
    case IR_TRUNC:
        return ir_type_is_vector(ir_type_of(u, i->a)) && ir_type_size(i->type) == 8;
    default:
        return false;
    }
}

/* The handler with a constant b, or NOP if there is none. */
static enum interp_code imm_code(const struct ir_unit *u, const struct ir_inst *i)
{
    bool wide = i->type == IR_I64;
    if (i->type != IR_I64 && i->type != IR_I32 && i->op != IR_CMP && i->op != IR_FLAGS_ADD && i->op != IR_FLAGS_SUB)
        return INTERP_NOP;
    enum ir_type t = i->a != IR_NONE ? ir_type_of(u, i->a) : IR_VOID;
    switch (i->op) {
#define BINARY(n) \
    case IR_##n: \
        return wide ? INTERP_##n##64_IMM : INTERP_##n##32_IMM;
        INTERP_BINARY(BINARY)
#undef BINARY
    case IR_FLAGS_ADD:
        return t == IR_I64 ? INTERP_FLAGS_ADD64_IMM : t == IR_I32 ? INTERP_FLAGS_ADD32_IMM : INTERP_NOP;
    case IR_FLAGS_SUB:
        return t == IR_I64 ? INTERP_FLAGS_SUB64_IMM : t == IR_I32 ? INTERP_FLAGS_SUB32_IMM : INTERP_NOP;
    case IR_CMP:
        switch (i->attr) {
#define CMP(n) \
    case IR_CC_##n: \
        return t == IR_I64 ? INTERP_CMP_##n##64_IMM : t == IR_I32 ? INTERP_CMP_##n##32_IMM : INTERP_NOP;
            INTERP_CMP(CMP)
#undef CMP
        default:
            return INTERP_NOP;
        }
    default:
        return INTERP_NOP;
    }
}

/* The direct handler, or EVAL. */
static enum interp_code plain_code(const struct ir_unit *u, const struct ir_inst *i)
{
    enum ir_type t = i->a != IR_NONE ? ir_type_of(u, i->a) : IR_VOID;
    bool small = i->type < IR_I32; /* bitwise operations do not care */
    if (i->op == IR_AND || i->op == IR_OR || i->op == IR_XOR || i->op == IR_ANDN) {
        if (small)
            return i->op == IR_AND ? INTERP_AND64 : i->op == IR_OR ? INTERP_OR64 : i->op == IR_XOR ? INTERP_XOR64 : INTERP_ANDN64;
    }
    switch (i->op) {
#define WIDTHS(n, by) \
    case IR_##n: \
        return by == IR_I64 ? INTERP_##n##64 : by == IR_I32 ? INTERP_##n##32 : INTERP_EVAL;
#define RESULT(n) WIDTHS(n, i->type)
        INTERP_BINARY(RESULT)
        INTERP_BINARY_REG(RESULT)
        INTERP_UNARY(RESULT)
        RESULT(ADC)
        RESULT(SBC)
        RESULT(BFXS)
        RESULT(BFI)
        WIDTHS(FLAGS_ADD, t)
        WIDTHS(FLAGS_SUB, t)
        WIDTHS(FLAGS_ADC, t)
        WIDTHS(FLAGS_SBC, t)
        WIDTHS(FLAGS_LOGIC, t)
#undef RESULT
#undef WIDTHS
    case IR_CMP:
        switch (i->attr) {
#define CMP(n) \
    case IR_CC_##n: \
        return t == IR_I64 ? INTERP_CMP_##n##64 : t == IR_I32 ? INTERP_CMP_##n##32 : INTERP_EVAL;
            INTERP_CMP(CMP)
#undef CMP
        default:
            return INTERP_EVAL;
        }
    case IR_FLAGS_COND:
        switch (i->attr) {
#define CC(n) \
    case IR_CC_##n: \
        return INTERP_COND_##n;
            INTERP_CC(CC)
#undef CC
        default:
            return INTERP_EVAL;
        }
    case IR_FLAGS_MERGE:
        return INTERP_FLAGS_MERGE;
    case IR_BFX:
        return INTERP_BFX;
    case IR_SELECT:
        return INTERP_SELECT_8 + words_log2(i->type);
    case IR_SEXT:
        return i->type == IR_I64 ? INTERP_SEXT64 : i->type == IR_I32 ? INTERP_SEXT32 : INTERP_EVAL;
    default:
        return INTERP_EVAL;
    }
}

static const struct ir_inst *const_b(const struct ir_unit *u, const struct ir_inst *i)
{
    const struct ir_inst *b = &u->insts[i->b];
    return i->b != IR_NONE && b->op == IR_CONST && b->attr == 0 && imm_code(u, i) != INTERP_NOP ? b : NULL;
}

static uint64_t type_mask(enum ir_type t)
{
    unsigned size = ir_type_size(t);
    if (t == IR_I1)
        return 1;
    return size >= 8 ? ~0ull : (1ull << 8 * size) - 1;
}

/* -- cells -- */

static bool removable(const struct ir_inst *i)
{
    unsigned flags = ir_op_info[i->op].flags;
    return (flags & IR_OPF_PURE && !(flags & IR_OPF_FP)) || i->op == IR_GET || i->op == IR_LGET;
}
static bool is_left_out(const struct lower *l, ir_ref r)
{
    return l->root[r] != r || (removable(&l->u->insts[r]) && l->last_use[r] == 0);
}

/* l->root, l->last_use */
static void mark_uses(struct lower *l)
{
    const struct ir_unit *u = l->u;
    for (ir_ref r = 1; r < u->count; r++) {
        const struct ir_inst *i = &u->insts[r];
        l->root[r] = is_renaming(u, i) ? l->root[i->a] : r;
    }
    /* Backwards, so that what only dead values use is dead too. */
    for (ir_ref r = u->count - 1; r > 0; r--) {
        const struct ir_inst *i = &u->insts[r];
        if (is_left_out(l, r))
            continue;
        const ir_ref args[3] = {i->a, const_b(u, i) ? IR_NONE : i->b, i->c};
        for (unsigned n = 0; n < 3; n++)
            if (args[n] != IR_NONE && l->last_use[l->root[args[n]]] == 0)
                l->last_use[l->root[args[n]]] = r;
    }
}

static uint16_t cell_new(struct lower *l, enum ir_type t)
{
    unsigned k = words_log2(t), limit = l->big ? INTERP_BIG_WORDS : INTERP_CPU_WORDS - 3; /* ir_eval may look at 4 */
    if (l->free_count[k] != 0)
        return l->free[k][--l->free_count[k]];
    if (l->frame_words + (1u << k) > limit) {
        l->full = true;
        return INTERP_ZERO_CELL;
    }
    uint16_t c = (uint16_t)l->frame_words;
    l->frame_words += 1u << k;
    return c;
}

static void release_args(struct lower *l, ir_ref r)
{
    const struct ir_inst *i = &l->u->insts[r];
    const ir_ref args[3] = {i->a, i->b, i->c};
    for (unsigned n = 0; n < 3; n++) {
        ir_ref a = l->root[args[n]];
        if (args[n] == IR_NONE || l->last_use[a] != r || l->cell[a] == NO_CELL || l->home[a] != NO_CELL)
            continue;
        unsigned k = words_log2(l->u->insts[a].type);
        l->free[k][l->free_count[k]++] = l->cell[a];
        l->cell[a] = NO_CELL; /* an argument used twice is given back once */
    }
}

/* -- values that live in slots -- */

/* The word of a slot that can hold a cell, or NO_CELL. */
static uint16_t slot_word(const struct ir_slot *s)
{
    unsigned size = ir_type_size(s->type);
    return s->offset % 8 == 0 && (size % 8 == 0 || s->type == IR_FLAGS) ? (uint16_t)(s->offset / 8) : NO_CELL;
}

static bool slots_overlap(const struct ir_slot *a, const struct ir_slot *b)
{
    return a->offset < b->offset + ir_type_size(b->type) && b->offset < a->offset + ir_type_size(a->type);
}

/* True if the handler for user's argument n does not look above the argument's type. */
static bool tolerates(const struct ir_unit *u, ir_ref user, unsigned n)
{
    const struct ir_inst *i = &u->insts[user];
    const ir_ref args[3] = {i->a, i->b, i->c};
    enum ir_type t = ir_type_of(u, args[n]);
    if (t == IR_FLAGS)
        return i->op != IR_LSET && i->op != IR_SELECT && i->op != IR_COPY;
    switch (i->op) {
    case IR_SET: case IR_STORE: case IR_ATOMIC_RMW: case IR_ATOMIC_CAS: case IR_FPFLAGS_SET: case IR_SEXT: case IR_BFX:
        return true;
    case IR_TRUNC:
        return !is_renaming(u, i);
    case IR_LSET: case IR_SELECT: case IR_ZEXT: case IR_COPY: case IR_BITCAST: case IR_HELPER: case IR_EXIT: case IR_BR_IF:
    case IR_JUMP_IF: case IR_JUMP_IND: case IR_CALL_IND: case IR_RET: case IR_LOAD: case IR_LOADS:
    case IR_JUMP_NOT:
        return false;
    default:
        /* The 64-bit handlers serve bitwise operations of less than 32 bits; all others cut their arguments. */
        return !(i->op == IR_AND || i->op == IR_OR || i->op == IR_XOR || i->op == IR_ANDN || i->op == IR_NOT) || i->type >= IR_I32;
    }
}

/* Nothing between the making of v at `from` and the SET at `to` can see the slot or leave. */
static bool set_can_move(const struct lower *l, ir_ref from, ir_ref to)
{
    const struct ir_unit *u = l->u;
    const struct ir_slot *slot = &u->slots[u->insts[to].imm];
    if (to - from > 24)
        return false;
    for (ir_ref r = from + 1; r < to; r++) {
        const struct ir_inst *i = &u->insts[r];
        if (is_left_out(l, r) || i->op == IR_INSN || i->op == IR_NOP)
            continue;
        if (i->op == IR_GET || i->op == IR_SET) {
            if (slots_overlap(slot, &u->slots[i->imm]))
                return false;
            continue;
        }
        unsigned flags = ir_op_info[i->op].flags;
        if (!(flags & IR_OPF_PURE) && i->op != IR_LGET && i->op != IR_LSET && i->op != IR_FPFLAGS_GET)
            return false;
    }
    return true;
}

/* True if an operation computes r into a cell of its own choice. */
static bool is_computed(const struct lower *l, ir_ref r)
{
    const struct ir_inst *i = &l->u->insts[r];
    return l->root[r] == r && i->type != IR_VOID && i->op != IR_GET && i->op != IR_SET && i->op != IR_LSET && i->op != IR_STORE;
}

/* Decides which values live in slots: once forward for SETs, once backward to see that a slot is not
 * written again before the last use.  partial[r]: a user of GET r looks above its type. */
static void find_homes(struct lower *l, const bool *partial)
{
    const struct ir_unit *u = l->u;
    for (ir_ref r = 1; r < u->count; r++) {
        const struct ir_inst *i = &u->insts[r];
        if (i->op != IR_SET)
            continue;
        const struct ir_slot *slot = &u->slots[i->imm];
        ir_ref v = l->root[i->a];
        uint16_t word = slot_word(slot);
        /* The value's cell covers the slot: as wide, or 64 bits with zeros above. */
        if (word == NO_CELL || slot->type == IR_FLAGS || words_log2(u->insts[v].type) != words_log2(slot->type) ||
            l->home[v] != NO_CELL || !is_computed(l, v) || !set_can_move(l, v, r))
            continue;
        l->home[v] = word;
        l->done[r] = true;
    }
    /* next[s]: where slot s is written next. */
    uint32_t *next = arena_alloc(u->arena, u->slot_count * sizeof *next);
    uint16_t *made = arena_alloc(u->arena, u->count * sizeof *made); /* slot + 1 that is computed here */
    for (unsigned s = 0; s < u->slot_count; s++)
        next[s] = UINT32_MAX;
    for (ir_ref r = u->count - 1; r > 0; r--) {
        const struct ir_inst *i = &u->insts[r];
        unsigned written = UINT32_MAX;
        if (i->op == IR_SET && l->done[r]) {
            ir_ref v = l->root[i->a];
            if (l->last_use[v] <= next[i->imm]) {
                made[v] = (uint16_t)(i->imm + 1);
            } else {
                l->done[r] = false;
                l->home[v] = NO_CELL;
                written = (unsigned)i->imm;
            }
        } else if (i->op == IR_SET) {
            written = (unsigned)i->imm;
        } else if (made[r] != 0) {
            written = made[r] - 1u;
        } else if (i->op == IR_HELPER) {
            for (unsigned s = 0; s < u->slot_count; s++)
                next[s] = r;
        } else if (i->op == IR_GET && !is_left_out(l, r) && !partial[r] && l->last_use[r] <= next[i->imm]) {
            l->home[r] = slot_word(&u->slots[i->imm]);
        }
        if (written != UINT32_MAX)
            for (unsigned s = 0; s < u->slot_count; s++)
                if (slots_overlap(&u->slots[s], &u->slots[written]))
                    next[s] = r;
    }
}

/* A GET that is narrower than 64 bits and has a user that would see what lies above it. */
static bool *find_partial(const struct lower *l)
{
    const struct ir_unit *u = l->u;
    bool *partial = arena_alloc(u->arena, u->count);
    for (ir_ref r = 1; r < u->count; r++) {
        const struct ir_inst *i = &u->insts[r];
        const ir_ref args[3] = {i->a, i->b, i->c};
        for (unsigned n = 0; n < 3; n++)
            if (args[n] != IR_NONE && ir_type_size(ir_type_of(u, args[n])) < 8 && !tolerates(u, r, n))
                partial[l->root[args[n]]] = true;
    }
    return partial;
}

/* -- operations -- */

static struct interp_op *emit(struct lower *l, enum interp_code code, const struct ir_inst *i)
{
    struct interp_op *op = &l->ops[l->op_count];
    *op = (struct interp_op){.code = (uint16_t)code, .op = i->op, .type = i->type, .lane = i->lane, .attr = i->attr,
                             .imm = i->imm, .pc = (int32_t)(l->insn_pc - l->u->pc), .index = l->op_count};
    op->arg = i->a != IR_NONE ? l->u->insts[i->a].type : IR_VOID;
    op->a = l->cell[l->root[i->a]];
    op->b = l->cell[l->root[i->b]];
    op->c = l->cell[l->root[i->c]];
    l->op_count++;
    return op;
}

static uint32_t offset_in_code(const struct lower *l, const void *p)
{
    return (uint32_t)((const char *)p - (const char *)l->ops + (ptrdiff_t)offsetof(struct interp_unit, ops));
}

static void relocate(struct lower *l, const struct interp_op *op)
{
    l->relocs[l->reloc_count++] =
        (struct host_reloc){.offset = offset_in_code(l, &op->imm), .kind = HOST_RELOC_GUEST_PC64, .value = op->imm};
}

/* JUMP, JUMP_IF, CALL */
static void lower_jump(struct lower *l, const struct ir_inst *i)
{
    bool poll = i->imm <= l->u->pc, cond = i->op == IR_JUMP_IF;
    struct interp_op *op = emit(l, cond ? poll ? INTERP_JUMP_IF_POLL : INTERP_JUMP_IF : poll ? INTERP_JUMP_POLL : INTERP_JUMP, i);
    op->link = NULL;
    l->sites[l->site_count++] = (struct host_site){.offset = offset_in_code(l, &op->link), .target = i->imm};
    relocate(l, op);
}

static enum interp_code by_size(enum interp_code first, unsigned size)
{
    return first + (unsigned)__builtin_ctz(size);
}

static void lower_memory(struct lower *l, const struct ir_inst *i)
{
    unsigned size = ir_type_size(i->lane), needs = i->attr & (unsigned)~(IR_MEM_SCALE | IR_MEM_MODIFY);
    enum interp_code code = i->op == IR_LOAD ? INTERP_LOAD_ANY : i->op == IR_LOADS ? INTERP_LOADS_ANY : INTERP_STORE_ANY;
#if defined(__x86_64__)
    /* Plain accesses are ordered enough, but for a store before a later load. */
    if (i->op != IR_STORE || !(needs & IR_MEM_SEQ))
        needs &= (unsigned)~(IR_MEM_ACQUIRE | IR_MEM_RELEASE | IR_MEM_SEQ);
#endif
    if (needs == 0 && size <= 16) {
        if (i->op == IR_STORE)
            code = by_size(INTERP_STORE_1, size);
        else if (ir_type_size(i->type) <= 8 ? i->op == IR_LOAD || i->type == i->lane : size == 16 && i->type == IR_V128)
            code = by_size(INTERP_LOAD_1, size);
        else if (i->op == IR_LOADS && i->type == IR_I64)
            code = size == 1 ? INTERP_LOADS_1_64 : size == 2 ? INTERP_LOADS_2_64 : INTERP_LOADS_4_64;
        else if (i->op == IR_LOADS && i->type == IR_I32)
            code = size == 1 ? INTERP_LOADS_1_32 : INTERP_LOADS_2_32;
    }
    emit(l, code, i)->size = (uint8_t)size;
}

static void lower_branch(struct lower *l, const struct ir_inst *i)
{
    l->branch[l->branch_count++] = l->op_count;
    emit(l, i->op == IR_BR ? INTERP_BR : INTERP_BR_IF, i);
}

/* Operations with a value that is computed. */
static void lower_value(struct lower *l, const struct ir_inst *i)
{
    const struct ir_unit *u = l->u;
    const struct ir_inst *b = const_b(u, i);
    enum ir_type from = i->a != IR_NONE ? ir_type_of(u, i->a) : IR_VOID;
    if (b != NULL) {
        emit(l, imm_code(u, i), i)->imm = b->imm & type_mask(b->type);
        return;
    }
    if (i->op == IR_TRUNC && ir_type_size(i->type) <= 8) {
        emit(l, INTERP_AND64_IMM, i)->imm = type_mask(i->type);
        return;
    }
    if (i->op == IR_NOT && i->type == IR_I1) {
        emit(l, INTERP_XOR64_IMM, i)->imm = 1;
        return;
    }
    if (i->op == IR_ZEXT) { /* to a vector: others share cells */
        if (ir_type_size(from) <= 8)
            emit(l, i->type == IR_V128 ? INTERP_ZEXT_128 : INTERP_ZEXT_256, i);
        else
            emit(l, INTERP_EVAL, i);
        return;
    }
    struct interp_op *op = emit(l, plain_code(u, i), i);
    if (op->code == INTERP_EVAL && ir_op_info[i->op].flags & IR_OPF_FP)
        op->code = INTERP_EVAL_FP;
    if (i->op == IR_SEXT && op->code != INTERP_EVAL)
        op->imm = from == IR_I1 ? 63 : 64 - 8 * ir_type_size(from);
}

static void lower_inst(struct lower *l, ir_ref r)
{
    const struct ir_inst *i = &l->u->insts[r];
    const struct ir_slot *slots = l->u->slots;
    struct interp_op *op;
    switch ((enum ir_op)i->op) {
    case IR_NOP:
        break;
    case IR_INSN:
        l->insn_pc = i->imm;
        break;
    case IR_LABEL:
        l->label[i->imm] = l->op_count;
        break;
    case IR_CONST:
        op = emit(l, INTERP_CONST, i);
        op->size = (uint8_t)(1u << words_log2(i->type)); /* words */
        op->imm &= type_mask(i->type);
        if (i->attr & IR_CONST_PC)
            relocate(l, op);
        break;
    case IR_GET:
        emit(l, by_size(INTERP_GET_1, ir_type_size(i->type)), i)->imm = slots[i->imm].offset;
        break;
    case IR_SET:
        emit(l, by_size(INTERP_SET_1, ir_type_size(l->u->insts[i->a].type)), i)->imm = slots[i->imm].offset;
        break;
    case IR_LGET:
        emit(l, INTERP_COPY_8 + words_log2(i->type), i)->a = l->local[i->imm];
        break;
    case IR_LSET:
        emit(l, INTERP_COPY_8 + words_log2(l->u->insts[i->a].type), i)->dst = l->local[i->imm];
        break;
    case IR_LOAD: case IR_LOADS: case IR_STORE:
        lower_memory(l, i);
        break;
    case IR_ATOMIC_RMW: case IR_ATOMIC_CAS:
        op = emit(l, i->op == IR_ATOMIC_RMW ? INTERP_ATOMIC_RMW : INTERP_ATOMIC_CAS, i);
        op->size = (uint8_t)ir_type_size(i->type);
        op->attr |= i->lane & IR_MEM_ALIGNED;
        break;
    case IR_FENCE:
        emit(l, INTERP_FENCE, i);
        break;
    case IR_FPFLAGS_GET:
        emit(l, INTERP_FPFLAGS_GET, i);
        break;
    case IR_FPFLAGS_SET:
        emit(l, INTERP_FPFLAGS_SET, i);
        break;
    case IR_HELPER:
        op = emit(l, INTERP_HELPER, i);
        op->size = i->a != IR_NONE;
        break;
    case IR_BR: case IR_BR_IF:
        lower_branch(l, i);
        break;
    case IR_JUMP: case IR_JUMP_IF: case IR_CALL:
        lower_jump(l, i);
        break;
    case IR_JUMP_IND: case IR_CALL_IND: case IR_RET:
        emit(l, INTERP_JUMP_IND, i);
        break;
    case IR_JUMP_NOT:
        relocate(l, emit(l, INTERP_JUMP_NOT, i));
        break;
    case IR_POLL:
        relocate(l, emit(l, INTERP_POLL, i));
        break;
    case IR_PAIR: case IR_UNPAIR: /* it keeps no pairs */
    case IR_PREFETCH:
        break;
    case IR_EXIT:
        relocate(l, emit(l, INTERP_EXIT, i));
        break;
    default:
        lower_value(l, i);
    }
}

static void lower_all(struct lower *l)
{
    const struct ir_unit *u = l->u;
    if (l->big)
        emit(l, INTERP_BIG_FRAME, &u->insts[0]);
    for (ir_ref r = 1; r < u->count && !l->full; r++) {
        const struct ir_inst *i = &u->insts[r];
        bool value = i->type != IR_VOID && i->op != IR_SET && i->op != IR_LSET && i->op != IR_STORE;
        uint32_t at = l->op_count;
        if (is_left_out(l, r))
            continue;
        if (i->op == IR_GET && l->home[r] != NO_CELL) {
            l->cell[r] = l->home[r];
            continue;
        }
        if (!(i->op == IR_SET && l->done[r]))
            lower_inst(l, r);
        release_args(l, r);
        if (!value)
            continue;
        /* The result may take the cell of an argument that ends here: handlers read before they write. */
        uint16_t cell = l->home[r] != NO_CELL ? l->home[r] : cell_new(l, i->type);
        l->ops[at].dst = cell;
        if (l->last_use[r] != 0 || l->home[r] != NO_CELL)
            l->cell[r] = cell;
        else
            l->free[words_log2(i->type)][l->free_count[words_log2(i->type)]++] = cell;
    }
    for (uint32_t n = 0; n < l->branch_count; n++) {
        struct interp_op *op = &l->ops[l->branch[n]];
        op->skip = (int64_t)l->label[op->imm] - (int64_t)l->branch[n];
    }
}

/* -EAGAIN: does not fit into the cpu's frame. */
static int lower_unit(const struct ir_unit *u, struct interp_unit *unit, bool big, struct lower *l)
{
    struct arena *arena = u->arena;
    *l = (struct lower){.u = u, .big = big, .ops = unit->ops, .insn_pc = u->pc, .frame_words = INTERP_FIRST_CELL};
    l->root = arena_alloc(arena, u->count * sizeof *l->root);
    l->last_use = arena_alloc(arena, u->count * sizeof *l->last_use);
    l->cell = arena_alloc(arena, u->count * sizeof *l->cell);
    l->home = arena_alloc(arena, u->count * sizeof *l->home);
    l->done = arena_alloc(arena, u->count * sizeof *l->done);
    for (unsigned k = 0; k < 3; k++)
        l->free[k] = arena_alloc(arena, u->count * sizeof *l->free[k]);
    l->local = arena_alloc(arena, (u->local_count + 1) * sizeof *l->local);
    l->label = arena_alloc(arena, (u->label_count + 1) * sizeof *l->label);
    l->branch = arena_alloc(arena, u->count * sizeof *l->branch);
    l->sites = arena_alloc(arena, u->count * sizeof *l->sites);
    l->relocs = arena_alloc(arena, (u->count + 1) * sizeof *l->relocs);
    memset(l->cell, 0xff, u->count * sizeof *l->cell);
    memset(l->home, 0xff, u->count * sizeof *l->home);
    l->cell[IR_NONE] = INTERP_ZERO_CELL;
    for (unsigned n = 0; n < u->local_count; n++)
        l->local[n] = cell_new(l, u->local_type[n]);

    *unit = (struct interp_unit){.marker = INTERP_UNIT_MARKER, .pc = u->pc, .fp = u->fp};
    l->relocs[l->reloc_count++] =
        (struct host_reloc){.offset = offsetof(struct interp_unit, pc), .kind = HOST_RELOC_GUEST_PC64, .value = u->pc};
    mark_uses(l);
    if (!big)
        find_homes(l, find_partial(l));
    lower_all(l);
    unit->op_count = l->op_count;
    unit->frame_words = l->frame_words;
    return l->full ? -EAGAIN : 0;
}

int interp_compile(const struct ir_unit *u, const struct host_buffer *buf, struct host_code *out)
{
    size_t need = sizeof(struct interp_unit) + (u->count + 1) * sizeof(struct interp_op);
    size_t pad = -(uintptr_t)buf->rw & 15;
    struct lower l;
    if (need + pad > buf->size)
        return -ENOSPC;
    struct interp_unit *unit = (struct interp_unit *)(void *)(buf->rw + pad);
    if (lower_unit(u, unit, false, &l) != 0 && lower_unit(u, unit, true, &l) != 0)
        return -E2BIG; /* tens of thousands of values alive at once */
    for (uint32_t n = 0; n < l.site_count; n++)
        l.sites[n].offset += (uint32_t)pad;
    for (uint32_t n = 0; n < l.reloc_count; n++)
        l.relocs[n].offset += (uint32_t)pad;
    *out = (struct host_code){.size = pad + sizeof *unit + l.op_count * sizeof(struct interp_op),
                              .entry = (uint32_t)(pad + sizeof *unit), .sites = l.sites, .site_count = l.site_count,
                              .relocs = l.relocs, .reloc_count = l.reloc_count};
    return 0;
}
