/* Code that all units share: the way in, the ways out, and calls into C. See the table of AREA_* in
 * x64.h for what each expects. */
#include "host/x64/x64.h"
#include "support/log.h"

static const int8_t saved[] = {RBX, RBP, R12, R13, R14, R15};

static struct x64_mem slot_mem(const struct x64_target *t, int slot)
{
    return mem_cpu(t->guest->slots[slot].offset);
}

static void homes_store(struct emit *e, const struct x64_target *t)
{
    for (int r = 0; r < 16; r++) {
        if (t->gpr_slot[r] >= 0)
            emit_store(e, 8, slot_mem(t, t->gpr_slot[r]), r);
        if (t->xmm_slot[r] >= 0)
            emit_v_mr(e, V_MOVAPS_ST, slot_mem(t, t->xmm_slot[r]), r, -1);
    }
    for (int r = 16; r < 32; r++)
        if (t->xmm_slot[r] >= 0)
            emit_evex_rm(e, V_MOVAPS_ST, r, slot_mem(t, t->xmm_slot[r]));
    emit_alu_ri(e, ALU_AND, 4, RAX, IR_FLAG_ALL);
    emit_store(e, 4, slot_mem(t, (int)t->flags_slot), RAX);
}

static void homes_load(struct emit *e, const struct x64_target *t)
{
    for (int r = 0; r < 16; r++) {
        if (t->gpr_slot[r] >= 0)
            emit_load(e, 8, r, slot_mem(t, t->gpr_slot[r]));
        if (t->xmm_slot[r] >= 0)
            emit_v_rm(e, V_MOVAPS, r, slot_mem(t, t->xmm_slot[r]), -1);
    }
    for (int r = 16; r < 32; r++)
        if (t->xmm_slot[r] >= 0)
            emit_evex_rm(e, V_MOVAPS, r, slot_mem(t, t->xmm_slot[r]));
    emit_load(e, 4, RAX, slot_mem(t, (int)t->flags_slot));
}

static struct x64_mem cpu_field(size_t offset)
{
    return mem_cpu(offset);
}

/* void enter(struct cpu *cpu, const void *code) */
static void enter_stub(struct emit *e, const struct x64_target *t)
{
    for (unsigned i = 0; i < ARRAY_LEN(saved); i++)
        emit_push(e, saved[i]);
    emit_alu_ri(e, ALU_SUB, 8, RSP, 8);
    emit_lea(e, 8, RBP, mem_at(RDI, X64_BIAS));
    emit_store(e, 8, cpu_field(offsetof(struct cpu, host_sp)), RSP);
    emit_load(e, 8, RSP, cpu_field(offsetof(struct cpu, code_sp)));
    emit_stmxcsr(e, mem_frame(FRAME_MXCSR_C));
    emit_ldmxcsr(e, mem_frame(FRAME_MXCSR));
    homes_load(e, t);
    emit_jmp_r(e, RSI);
}

/* All the exits, one running into the other. */
static void exit_stubs(struct emit *e, struct x64_target *t, const uint8_t *exec)
{
    t->entry[AREA_EXIT_SITE] = exec + emit_pos(e);
    emit_load(e, 8, RCX, mem_at(RSP, 0));
    emit_store(e, 8, cpu_field(offsetof(struct cpu, exit_site)), RCX);
    /* Returns to here: the predictor of returns counts calls. */
    uint32_t here = emit_pos(e) + 12;
    emit_lea_rip(e, RDX, here);
    emit_store(e, 8, mem_at(RSP, 0), RDX);
    emit_ret(e);
    assert(emit_pos(e) == here);
    emit_store_i(e, 4, cpu_field(offsetof(struct cpu, exit_reason)), IR_EXIT_NONE);
    uint32_t jump = emit_jmp(e);
    t->entry[AREA_EXIT_LOOKUP] = exec + emit_pos(e);
    emit_store_i(e, 8, cpu_field(offsetof(struct cpu, exit_site)), 0);
    emit_store(e, 8, slot_mem(t, (int)t->pc_slot), RCX);
    emit_store_i(e, 4, cpu_field(offsetof(struct cpu, exit_reason)), IR_EXIT_NONE);
    emit_patch(e, jump, emit_pos(e));
    t->entry[AREA_EXIT] = exec + emit_pos(e);
    homes_store(e, t);
    t->exit_plain = exec + emit_pos(e);
    emit_stmxcsr(e, mem_frame(FRAME_MXCSR));
    emit_ldmxcsr(e, mem_frame(FRAME_MXCSR_C));
    emit_store(e, 8, cpu_field(offsetof(struct cpu, code_sp)), RSP);
    emit_load(e, 8, RSP, cpu_field(offsetof(struct cpu, host_sp)));
    emit_alu_ri(e, ALU_ADD, 8, RSP, 8);
    for (unsigned i = ARRAY_LEN(saved); i-- > 0;)
        emit_pop(e, saved[i]);
    emit_ret(e);
}

/* Registers that C may change, without homes if those are reloaded from their slots. */
static void registers(struct emit *e, const struct x64_target *t, bool store, bool homes)
{
    for (int r = 0; r < 16; r++) {
        bool callee_saves = r == RBX || r == RSP || r == RBP || r >= R12;
        struct x64_mem m = mem_frame(FRAME_GPR + 8u * (unsigned)r);
        if (!callee_saves && (homes || (t->gpr_slot[r] < 0 && r != RAX))) {
            if (store)
                emit_store(e, 8, m, r);
            else
                emit_load(e, 8, r, m);
        }
        m = mem_frame(FRAME_XMM + 16u * (unsigned)r);
        if (homes || t->xmm_slot[r] < 0) {
            if (store)
                emit_v_mr(e, V_MOVAPS_ST, m, r, -1);
            else
                emit_v_rm(e, V_MOVAPS, r, m, -1);
        }
    }
    for (int r = 16; r < 32; r++)
        if (homes && t->xmm_slot[r] >= 0)
            emit_evex_rm(e, store ? V_MOVAPS_ST : V_MOVAPS, r, mem_frame(FRAME_FAR + 16u * (unsigned)(r - 16)));
}

/* A function of cpu, called from generated code. sync: slots are in memory meanwhile. */
static void call_stub(struct emit *e, const struct x64_target *t, unsigned function, bool sync)
{
    registers(e, t, true, !sync);
    if (sync)
        homes_store(e, t);
    emit_store(e, 8, cpu_field(offsetof(struct cpu, code_sp)), RSP);
    emit_stmxcsr(e, mem_frame(FRAME_MXCSR));
    emit_ldmxcsr(e, mem_frame(FRAME_MXCSR_C));
    emit_load(e, 8, RSP, cpu_field(offsetof(struct cpu, host_sp)));
    emit_lea(e, 8, RDI, mem_at(RBP, -X64_BIAS));
    emit_call_m(e, mem_area(function));
    emit_load(e, 8, RSP, cpu_field(offsetof(struct cpu, code_sp)));
    emit_ldmxcsr(e, mem_frame(FRAME_MXCSR));
    registers(e, t, false, !sync);
    if (sync)
        homes_load(e, t);
    emit_ret(e);
}

/* rcx: guest PC a RET goes to, which is not the one on the stack.  It may be a few pairs up (the
 * guest left several functions at once); else it is looked up like any indirect branch, the stack
 * being left alone: functions further out find their pairs again. */
static void return_miss(struct emit *e, const struct x64_target *t)
{
    uint32_t to_lookup[2];
    emit_alu_mi(e, ALU_CMP, 4, cpu_field(offsetof(struct cpu, pending)), 0);
    to_lookup[0] = emit_jcc(e, CC_NE);
    emit_lea(e, 8, RSI, mem_at(RSP, 16));
    emit_mov_ri(e, RDI, 8);
    uint32_t loop = emit_pos(e);
    emit_alu_mr(e, ALU_CMP, 8, mem_at(RSI, 8), RCX);
    uint32_t found = emit_jcc(e, CC_E);
    emit_lea(e, 8, RSI, mem_at(RSI, 16));
    emit_alu_ri(e, ALU_SUB, 4, RDI, 1);
    emit_patch(e, emit_jcc(e, CC_NE), loop);
    /* Pairs that nobody returns to any more pile up: start afresh before the stack is full. */
    emit_load(e, 8, RSI, mem_area(AREA_STACK_BASE));
    emit_mov_rr(e, 8, RDI, RSI);
    emit_alu_rr(e, ALU_SUB, 8, RDI, RSP);
    emit_alu_ri(e, ALU_CMP, 8, RDI, X64_CODE_STACK / 2);
    uint32_t shallow = emit_jcc_short(e, CC_B);
    emit_mov_rr(e, 8, RSP, RSI);
    emit_patch_short(e, shallow);
    emit_jump_index(e, RDI, RCX);
    emit_load(e, 8, RSI, cpu_field(offsetof(struct cpu, jumps)));
    struct x64_mem m = {.base = RSI, .index = RDI, .scale = 2};
    emit_alu_mr(e, ALU_CMP, 8, m, RCX);
    to_lookup[1] = emit_jcc(e, CC_NE);
    m.disp = offsetof(struct cpu_jump, code);
    emit_jmp_m(e, m);
    emit_patch(e, found, emit_pos(e));
    emit_mov_rr(e, 8, RSP, RSI);
    emit_ret(e);
    for (unsigned i = 0; i < 2; i++)
        emit_patch(e, to_lookup[i], emit_pos(e));
    emit_jmp_m(e, mem_area(AREA_EXIT_LOOKUP));
}

bool stubs_emit(struct x64_target *t, struct host_buffer *buf)
{
    struct emit e;
    emit_init(&e, buf->rw, buf->size, has(X64_AVX2), NULL);
    const uint8_t *exec = buf->rw + buf->exec_delta;
    union {
        const uint8_t *p;
        void (*fn)(struct cpu *cpu, const void *code);
    } enter = {.p = exec};
    enter_stub(&e, t);
    t->enter = enter.fn;
    exit_stubs(&e, t, exec);
    static const struct {
        uint8_t area, function;
        bool sync;
    } calls[] = {{AREA_EVAL, AREA_C_EVAL, false},
                 {AREA_FPFLAGS_GET, AREA_C_FPGET, false},
                 {AREA_FPFLAGS_SET, AREA_C_FPSET, false},
                 {AREA_X87_IN, AREA_C_X87_IN, false},
                 {AREA_X87_OUT, AREA_C_X87_OUT, false},
                 {AREA_HELPER, AREA_C_HELPER, true}};
    for (unsigned i = 0; i < ARRAY_LEN(calls); i++) {
        t->entry[calls[i].area] = exec + emit_pos(&e);
        call_stub(&e, t, calls[i].function, calls[i].sync);
    }
    t->entry[AREA_RET_MISS] = exec + emit_pos(&e);
    return_miss(&e, t);
    t->entry[AREA_RET_SENTINEL] = exec + emit_pos(&e);
    emit_lea(&e, 8, RSP, mem_at(RSP, -8));
    emit_mov_ri(&e, RCX, ~0ull);
    emit_jmp_m(&e, mem_area(AREA_EXIT_LOOKUP));
    if (e.overflow) {
        log_warn("x64: no room for the common code");
        return false;
    }
    t->stub_exec = exec;
    t->stub_end = exec + emit_pos(&e);
    buf->size = emit_pos(&e);
    return true;
}
