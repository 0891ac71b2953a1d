/* The x64 host: one pass over a unit's IR, each instruction turned into machine code where it
 * stands, with a look backward first (alloc_analyse).
 *
 * What is not emitted inline goes through ir_eval (select_eval), so that the backend is complete
 * from the first day.  Code contains no host addresses: it reaches C and the common stubs through
 * cpu->host_area, constants relative to rip, and what depends on the guest's addresses is listed as
 * relocations.
 *
 * What goes wrong while a unit is emitted (no register is left for an instruction, EFLAGS would be
 * overwritten while they are wanted) is a defect, but not one the guest should die of: the unit is
 * begun again `plain`, with no patterns and every value computed by ir_eval.  Tests make it abort
 * instead, or happen on purpose (x64_compile_mode).
 *
 * Known limitations: no V256 and F80 values (no guest has them yet). */
#include "host/x64/x64.h"
#include "support/log.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct x64_target x64_target;
enum x64_compile_mode x64_compile_mode;
void (*x64_on_insn)(uint32_t offset);

/* -- what compile's parts share
 * --------------------------------------------------------------------------- */

struct ool *ool_new(struct ctx *c, void (*fn)(struct ctx *, struct ool *))
{
    struct ool *o = arena_alloc(c->u->arena, sizeof *o);
    o->emit = fn;
    o->back = emit_pos(&c->e);
    o->inst = c->i;
    o->insn_pc = c->insn_pc;
    *c->ool_tail = o;
    c->ool_tail = &o->next;
    return o;
}

void ool_from(struct ool *o, uint32_t at)
{
    assert(o->from_count < ARRAY_LEN(o->from));
    o->from[o->from_count++] = at;
}

void reloc_add(struct ctx *c, enum host_reloc_kind kind, uint32_t offset, uint64_t value)
{
    struct host_code *out = c->out;
    if (out->reloc_count == c->reloc_capacity) {
        uint32_t n = c->reloc_capacity ? 2 * c->reloc_capacity : 16;
        out->relocs = arena_grow(c->u->arena, out->relocs, c->reloc_capacity * sizeof *out->relocs,
                                 n * sizeof *out->relocs);
        c->reloc_capacity = n;
    }
    out->relocs[out->reloc_count++] =
        (struct host_reloc){.offset = offset, .kind = (uint8_t)kind, .value = value};
}

void emit_guest_pc(struct ctx *c, int reg, uint64_t pc)
{
    if (pc >> 32)
        reloc_add(c, HOST_RELOC_GUEST_PC64, emit_mov_r_imm64(&c->e, reg, pc), pc);
    else
        reloc_add(c, HOST_RELOC_GUEST_PC32, emit_mov_r_imm32(&c->e, reg, (uint32_t)pc), pc);
}

static void side_u8(struct ctx *c, unsigned v)
{
    if (c->side_size == c->side_capacity) {
        uint32_t n = c->side_capacity ? 2 * c->side_capacity : 64;
        c->side = arena_grow(c->u->arena, c->side, c->side_capacity, n);
        c->side_capacity = n;
    }
    c->side[c->side_size++] = (uint8_t)v;
}

static void side_varint(struct ctx *c, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        side_u8(c, (unsigned)(v & 0x7f) | 0x80);
    side_u8(c, (unsigned)v);
}

static void side_entry(struct ctx *c, unsigned where, unsigned modrm)
{
    uint32_t at = emit_pos(&c->e);
    int64_t delta = (int64_t)(c->insn_pc - c->side_pc);
    side_varint(c, at - c->side_offset);
    side_varint(c, (uint64_t)(delta << 1 ^ delta >> 63));
    side_u8(c, where);
    if (where & SIDE_X87)
        side_u8(c, modrm);
    c->side_offset = at;
    c->side_pc = c->insn_pc;
}

void side_note(struct ctx *c, unsigned where)
{
    side_entry(c, where, 0);
}

void side_note_x87(struct ctx *c, unsigned modrm)
{
    side_entry(c, flags_where(c) | SIDE_X87, modrm);
}

/* -- anything through ir_eval
 * ---------------------------------------------------------------------------------- */

void eval_store_arg(struct ctx *c, unsigned n, ir_ref r)
{
    struct emit *e = &c->e;
    switch (class_of((enum ir_type)inst_of(c, r)->type)) {
    case LOC_GPR:
        emit_store(e, 8, mem_scratch(n), use_gpr(c, r));
        break;
    case LOC_XMM:
        emit_v_mr(e, V_MOVUPS_ST, mem_scratch(n), use_xmm(c, r), -1);
        break;
    case LOC_FLAGS:
        emit_store(e, 8, mem_scratch(n), flags_to_gpr(c, r));
        break;
    case LOC_NONE:
        break;
    }
}

static void store_u64(struct emit *e, struct x64_mem m, uint64_t v)
{
    if ((int64_t)v == (int32_t)v) {
        emit_store_i(e, 8, m, (int32_t)v);
        return;
    }
    emit_store_i(e, 4, m, (int32_t)v);
    m.disp += 4;
    emit_store_i(e, 4, m, (int32_t)(v >> 32));
}

static uint64_t env_pack(const struct fp_env *f)
{
    return f->round | (uint64_t)f->nan_rule << 3 | (uint64_t)f->default_nan << 5 |
           (uint64_t)f->flush_inputs << 6 | (uint64_t)f->flush_outputs << 7 |
           (uint64_t)f->flush_half << 8 | (uint64_t)f->alt_half << 9 |
           (uint64_t)f->tiny_before << 10 | (uint64_t)f->underflow_traps << 11 |
           (uint64_t)f->overflow_traps << 12;
}

static struct fp_env env_unpack(uint64_t v)
{
    return (struct fp_env){.round = v & 7,
                           .nan_rule = v >> 3 & 3,
                           .default_nan = v >> 5 & 1,
                           .flush_inputs = v >> 6 & 1,
                           .flush_outputs = v >> 7 & 1,
                           .flush_half = v >> 8 & 1,
                           .alt_half = v >> 9 & 1,
                           .tiny_before = v >> 10 & 1,
                           .underflow_traps = v >> 11 & 1,
                           .overflow_traps = v >> 12 & 1};
}

void eval_call(struct ctx *c, const struct ir_inst *in)
{
    uint64_t arg_type = in->a ? inst_of(c, in->a)->type : 0;
    store_u64(&c->e, mem_frame(FRAME_DESC),
              in->op | (uint64_t)in->type << 8 | (uint64_t)in->lane << 16 |
                  (uint64_t)in->attr << 24 | arg_type << 32 | env_pack(&c->u->fp) << 40);
    store_u64(&c->e, mem_frame(FRAME_IMM), in->imm);
    emit_call_m(&c->e, mem_area(AREA_EVAL));
}

static void eval_c(struct cpu *cpu)
{
    uint64_t desc, imm;
    memcpy(&desc, cpu->host_frame + FRAME_DESC, 8);
    memcpy(&imm, cpu->host_frame + FRAME_IMM, 8);
    evals_count(desc);
    struct fp_status status = {.env = env_unpack(desc >> 40)};
    union ir_value out;
    ir_eval((enum ir_op)(desc & 0xff), (enum ir_type)(desc >> 8 & 0xff),
            (enum ir_type)(desc >> 16 & 0xff), desc >> 24 & 0xff, (enum ir_type)(desc >> 32 & 0xff),
            imm, &cpu->scratch[0], &cpu->scratch[1], &cpu->scratch[2], &out, &status);
    cpu->scratch[3] = out;
    cpu->fp.flags |= status.flags;
}

static void load_result(struct ctx *c, ir_ref r)
{
    enum ir_type t = (enum ir_type)inst_of(c, r)->type;
    struct emit *e = &c->e;
    if (class_of(t) == LOC_GPR) {
        emit_load(e, 8, def_gpr(c, r, -1, 0), mem_scratch(3));
        loc_at(c, r)->zw = (uint8_t)(t == IR_I1 ? 1 : 8 * type_bytes(t));
    } else if (class_of(t) == LOC_XMM) {
        emit_v_rm(e, V_MOVUPS, def_xmm(c, r, -1, 0), mem_scratch(3), -1);
        loc_at(c, r)->zw = (uint8_t)(8 * type_bytes(t));
    } else {
        int d = tmp_gpr(c);
        emit_load(e, 4, d, mem_scratch(3));
        uint32_t loc = loc_new(c, LOC_FLAGS, c->last[r]);
        c->loc_of[r] = loc;
        loc_own(c, loc, d);
    }
}

void select_eval(struct ctx *c, const struct ir_inst *in)
{
    if (in->op != IR_FPFLAGS_GET && in->op != IR_FPFLAGS_SET &&
        !(ir_op_info[in->op].flags & (IR_OPF_PURE | IR_OPF_FP)))
        log_die(1, "x64: cannot translate %s", ir_op_info[in->op].name);
    const ir_ref args[3] = {in->a, in->b, in->c};
    c->keep_args = 1; /* one flags value may push out another */
    for (unsigned i = 0; i < 3; i++)
        if (args[i]) {
            eval_store_arg(c, i, args[i]);
            c->gpr_locked = c->xmm_locked = 0; /* it is in memory now */
        }
    c->keep_args = 0;
    flags_clobber(c);
    if (in->op == IR_FPFLAGS_GET) {
        emit_call_m(&c->e, mem_area(AREA_FPFLAGS_GET));
    } else if (in->op == IR_FPFLAGS_SET) {
        emit_call_m(&c->e, mem_area(AREA_FPFLAGS_SET));
        return;
    } else {
        eval_call(c, in);
    }
    load_result(c, c->i);
}

/* -- compile
 * ----------------------------------------------------------------------------------------------------
 */

void give_up(struct ctx *c, const char *why)
{
    const char *op = c->i < c->u->count ? ir_op_info[inst_of(c, c->i)->op].name : "the end";
    if (c->plain || x64_compile_mode == X64_COMPILE_STRICT) {
        log_warn("internal error: x64: %s, in %s of the unit at %#llx", why, op,
                 (unsigned long long)c->u->pc);
        abort();
    }
    longjmp(c->given_up, 1);
}

static void refused(struct emit *e, const char *why)
{
    give_up(CONTAINER_OF(e, struct ctx, e), why);
}

/* What a plain unit leaves to the evaluator: all that only computes. */
static bool is_evaluated(const struct ir_inst *in)
{
    return (ir_op_info[in->op].flags & (IR_OPF_PURE | IR_OPF_FP)) && in->op != IR_CONST &&
           in->op != IR_COPY;
}

static void select_inst(struct ctx *c, const struct ir_inst *in)
{
    if (in->op >= IR_X87) {
        select_x87(c, in);
        return;
    }
    if (c->plain && is_evaluated(in)) {
        select_eval(c, in);
        return;
    }
    if (in->op == IR_GET) {
        if (in->imm == c->t->flags_slot)
            flags_get(c, c->i);
        else
            alloc_get(c, c->i, (unsigned)in->imm);
        return;
    }
    if (in->op == IR_SET) {
        if (in->imm == c->t->flags_slot)
            flags_set(c, in->a);
        else
            alloc_set(c, (unsigned)in->imm, in->a);
        return;
    }
    if ((in->type == IR_FLAGS || in->op == IR_FLAGS_BITS) && in->op != IR_SELECT &&
        in->op != IR_LGET && in->op != IR_LSET && in->op != IR_COPY) {
        if (select_flags(c, in))
            return;
    } else if (select_control(c, in) || select_mem(c, in) || select_int(c, in)) {
        return;
    }
    if (!select_vec(c, in) && !select_fp(c, in) && !select_crypto(c, in))
        select_eval(c, in);
}

static struct ctx *ctx_new(const struct ir_unit *u, const struct host_buffer *buf,
                           struct host_code *out)
{
    struct arena *a = u->arena;
    struct ctx *c = arena_alloc(a, sizeof *c);
    uint32_t n = u->count;
    c->u = u;
    c->t = &x64_target;
    c->out = out;
    c->uses = arena_alloc(a, n * sizeof *c->uses);
    c->last = arena_alloc(a, n * sizeof *c->last);
    c->mark = arena_alloc(a, n);
    c->pair = arena_alloc(a, n * sizeof *c->pair);
    c->hint = arena_alloc(a, n * sizeof *c->hint);
    c->loc_of = arena_alloc(a, n * sizeof *c->loc_of);
    c->inv = arena_alloc(a, n * sizeof *c->inv);
    c->label_at = arena_alloc(a, (u->label_count + 1) * sizeof *c->label_at);
    c->ool_tail = &c->ools;
    c->insn_pc = c->side_pc = u->pc;
    *out = (struct host_code){0};
    emit_init(&c->e, buf->rw, buf->size, has(X64_AVX2), a);
    c->e.eflags = &c->ef_loc;
    c->e.refuse = refused;
    return c;
}

static void emit_unit(struct ctx *c)
{
    const struct ir_unit *u = c->u;
    uint8_t head[LOOP_HEAD_MAX];
    loop_begin(c);
    for (unsigned i = 0, n = loop_head(c, head); i < n; i++)
        side_u8(c, head[i]);
    alloc_analyse(c);
    alloc_begin(c);
    flags_begin(c);
    for (c->i = 1; c->i < u->count && !c->e.overflow; c->i++) {
        if (c->mark[c->i] & (INST_DEFERRED | INST_DONE))
            continue;
        select_inst(c, &u->insts[c->i]);
        alloc_end_inst(c);
    }
    c->e.eflags = NULL; /* nothing is tracked out of line */
    for (struct ool *o = c->ools; o && !c->e.overflow; o = o->next) {
        for (unsigned i = 0; i < o->from_count; i++)
            emit_patch(&c->e, o->from[i], emit_pos(&c->e));
        o->emit(c, o);
    }
    for (uint32_t i = 0; i < c->branch_count; i++)
        emit_patch(&c->e, c->branches[i].at, c->label_at[c->branches[i].label]);
    emit_finish(&c->e);
}

/* 0, -ENOSPC, or -EAGAIN: given up. */
static int compile(const struct ir_unit *u, const struct host_buffer *buf, struct host_code *out,
                   bool plain)
{
    struct ctx *c = ctx_new(u, buf, out);
    c->plain = plain;
    if (setjmp(c->given_up) != 0)
        return -EAGAIN;
    emit_unit(c);
    if (c->e.overflow)
        return -ENOSPC;
    out->size = emit_pos(&c->e);
    out->entry = 0;
    out->map = c->side;
    out->map_size = c->side_size;
    return 0;
}

static int x64_compile(const struct ir_unit *u, const struct host_buffer *buf,
                       struct host_code *out)
{
    int status = x64_compile_mode == X64_COMPILE_PLAIN ? -EAGAIN : compile(u, buf, out, false);
    if (status != -EAGAIN)
        return status;
    status = compile(u, buf, out, true);
    if (status == 0)
        evals_count_plain();
    return status;
}

/* -- the rest of struct host
 * ------------------------------------------------------------------------------------- */

static void fold_flags(struct cpu *cpu)
{
    uint32_t mxcsr, keep;
    memcpy(&mxcsr, cpu->host_frame + FRAME_MXCSR, 4);
    cpu->fp.flags |= (mxcsr & 1) | (mxcsr >> 1 & 0x1e);
    if (cpu->fp.env.nan_rule == FP_NAN_X86 && (mxcsr & 2))
        cpu->fp.flags |= FP_DENORMAL;
    keep = mxcsr & ~0x3fu;
    memcpy(cpu->host_frame + FRAME_MXCSR, &keep, 4);
}

static void fpflags_get_c(struct cpu *cpu)
{
    fold_flags(cpu);
    cpu->scratch[3] = (union ir_value){.u64 = {cpu->fp.flags}};
}

static void fpflags_set_c(struct cpu *cpu)
{
    fold_flags(cpu);
    cpu->fp.flags = cpu->scratch[0].u32[0];
}

static void helper_c(struct cpu *cpu)
{
    uint32_t n;
    memcpy(&n, cpu->host_frame + FRAME_DESC, 4);
    fold_flags(cpu);
    x87_settle(cpu);
    x64_target.guest->helpers[n](cpu, cpu->scratch[0].u64[0]);
}

/* The hottest slots of a type that have none yet get the registers listed. */
static void choose_homes(struct x64_target *t, enum ir_type type, const int8_t *regs,
                         unsigned count, int8_t home[X64_SLOT_MAX])
{
    const struct guest *g = t->guest;
    for (unsigned k = 0; k < count; k++) {
        int best = -1;
        for (unsigned s = 0; s < g->slot_count; s++)
            if (g->slots[s].type == type && t->home[s] < 0 && t->far[s] < 0 && s != g->pc_slot && g->slots[s].heat &&
                (best < 0 || g->slots[s].heat > g->slots[best].heat))
                best = (int)s;
        if (best < 0)
            return;
        home[best] = regs[k];
        (type == IR_V128 ? t->xmm_slot : t->gpr_slot)[regs[k]] = (int16_t)best;
    }
}

void x64_homes_choose(struct x64_target *t)
{
    static const int8_t gprs[] = {RBX, R8, R9, R10, R11, R12, R13, R14, R15};
    static const int8_t xmms[] = {8, 9, 10, 11, 12, 13, 14, 15};
    static const int8_t far[] = {16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};
    memset(t->home, -1, sizeof t->home);
    memset(t->far, -1, sizeof t->far);
    memset(t->gpr_slot, -1, sizeof t->gpr_slot);
    memset(t->xmm_slot, -1, sizeof t->xmm_slot);
    choose_homes(t, IR_I64, gprs, ARRAY_LEN(gprs), t->home);
    choose_homes(t, IR_V128, xmms, ARRAY_LEN(xmms), t->home);
    if (has(X64_AVX512))
        choose_homes(t, IR_V128, far, ARRAY_LEN(far), t->far);
}

static bool x64_init(const struct guest *guest, struct host_buffer *stubs)
{
    struct x64_target *t = &x64_target;
    static const char *const modes[] = {"normal", "strict", "tight", "plain"};
    const char *mode = getenv("DEMOTIC_X64_COMPILE");
    for (unsigned i = 0; mode && i < ARRAY_LEN(modes); i++)
        if (strcmp(mode, modes[i]) == 0)
            x64_compile_mode = (enum x64_compile_mode)i;
    if (!x64_features_detect()) {
        log_warn("this processor is older than x86-64-v2");
        return false;
    }
    if (guest->slot_count > X64_SLOT_MAX) {
        log_warn("x64: guest %s has too many slots", guest->name);
        return false;
    }
    *t = (struct x64_target){
        .guest = guest, .flags_slot = guest->flags_slot, .pc_slot = guest->pc_slot};
    x64_homes_choose(t);
    return stubs_emit(t, stubs);
}

void x64_stack_reset(struct cpu *cpu)
{
    cpu->code_sp = (void *)(uintptr_t)cpu->host_area[AREA_STACK_BASE];
}

#define GUARD     4096u
#define SENTINELS 32u
#define STACK_KEPT 65536u /* bytes at its base, from which it grows */

static bool x64_cpu_init(struct cpu *cpu)
{
    uint8_t *m = mmap(NULL, X64_CODE_STACK + GUARD, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (m == MAP_FAILED)
        return false;
    if (mprotect(m, GUARD, PROT_NONE) != 0) {
        munmap(m, X64_CODE_STACK + GUARD);
        return false;
    }
    cpu->code_stack = m + GUARD;
    for (unsigned i = 0; i < AREA_C_EVAL; i++)
        cpu->host_area[i] = (uintptr_t)x64_target.entry[i];
    static void (*const functions[])(struct cpu *) = {eval_c, helper_c, fpflags_get_c, fpflags_set_c,
                                                      x87_in, x87_out};
    for (unsigned i = 0; i < ARRAY_LEN(functions); i++)
        cpu->host_area[AREA_C_EVAL + i] = (uintptr_t)functions[i];
    uint64_t *base = (uint64_t *)(void *)(m + GUARD + X64_CODE_STACK) - 2 * SENTINELS;
    cpu->host_area[AREA_STACK_BASE] = (uintptr_t)base;
    for (unsigned i = 0; i < SENTINELS; i++) {
        base[2 * i] = (uintptr_t)x64_target.entry[AREA_RET_SENTINEL];
        base[2 * i + 1] = ~0ull;
    }
    x64_stack_reset(cpu);
    return true;
}

static void x64_cpu_exit(struct cpu *cpu)
{
    munmap((uint8_t *)cpu->code_stack - GUARD, X64_CODE_STACK + GUARD);
    cpu->code_stack = NULL;
}

static void x64_cpu_rest(struct cpu *cpu)
{
    madvise(cpu->code_stack, X64_CODE_STACK - STACK_KEPT, MADV_DONTNEED);
}

static void x64_enter(struct cpu *cpu, const void *code)
{
    static const uint8_t rc[] = {
        [FP_ROUND_NEAREST] = 0, [FP_ROUND_DOWN] = 1, [FP_ROUND_UP] = 2, [FP_ROUND_ZERO] = 3};
    uint32_t mxcsr = 0x1f80u | (uint32_t)(cpu->fp.env.round < sizeof rc ? rc[cpu->fp.env.round] : 0)
                                   << 13;
    memcpy(cpu->host_frame + FRAME_MXCSR, &mxcsr, 4);
    cpu->host_frame[FRAME_FAULTED] = 0;
    cpu->exit_reason = IR_EXIT_NONE;
    cpu->exit_site = NULL;
    if ((uintptr_t)cpu->host_area[AREA_STACK_BASE] - (uintptr_t)cpu->code_sp > X64_CODE_STACK / 2)
        x64_stack_reset(cpu);
    x64_target.enter(cpu, code);
    x87_settle(cpu);
    fold_flags(cpu);
    /* A fault on the guard page of the code stack was mended without leaving; the engine was not
     * told. */
    if (!cpu->host_frame[FRAME_FAULTED])
        cpu->faulted = false;
}

static void x64_link(const void *site, ptrdiff_t rw_delta, const void *target)
{
    site_link(site, rw_delta, target);
}

static uint64_t x64_variant(void)
{
    return x64_features;
}

const struct host host_x64 = {
    .name = "x64",
    .follows = true,
    .init = x64_init,
    .cpu_init = x64_cpu_init,
    .cpu_exit = x64_cpu_exit,
    .cpu_rest = x64_cpu_rest,
    .compile = x64_compile,
    .enter = x64_enter,
    .link = x64_link,
    .recover = x64_recover,
    .forget_returns = x64_stack_reset,
    .variant = x64_variant,
    .x87 = true,
    .report = evals_report,
};
