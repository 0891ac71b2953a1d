/* The Arm64 guest: its slots, modes and helpers, and translation of a stretch of code to IR.
 *
 * A unit ends at a branch, at a page's end, or after max_insns.  Translations are specialised on
 * FPCR's rounding and flush bits and on address tags (ARM64_MODE_*).
 *
 * Known limitation: NZCV's slot holds P and A bits of whatever instruction made it; Arm has no such
 * flags, so comparisons of state between engines must mask with O, C, Z, S. */
#include "arm64_isa.h"
#include "guest/arm64/lift.h"
#include "guest/arm64/text.h"
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#define X_SLOT(n, h)                   [ARM64_X0 + n] = {"x" #n, offsetof(struct arm64_state, x[n]), IR_I64, h}
#define V_SLOT(n, h)                   [ARM64_V0 + n] = {"v" #n, offsetof(struct arm64_state, v[n]), IR_V128, h}
#define SLOT(id, name, field, type, h) [id] = {name, offsetof(struct arm64_state, field), type, h}

/* Heat: by how often registers occur in the instructions that the benchmark set executes (--dump=counts,
 * tests/codegen/collect.py): nine in a thousand for each of X0-X30 and SP, and four in ten thousand for each of V0-V31, of
 * which V16 and V17 are less than that: only SHA-256 uses them much. */
static const struct ir_slot slots[ARM64_SLOT_COUNT] = {
    X_SLOT(0, 244),
    X_SLOT(1, 170),
    X_SLOT(2, 139),
    X_SLOT(3, 92),
    X_SLOT(4, 74),
    X_SLOT(5, 51),
    X_SLOT(6, 35),
    X_SLOT(7, 32),
    X_SLOT(8, 29),
    X_SLOT(9, 31),
    X_SLOT(10, 15),
    X_SLOT(11, 15),
    X_SLOT(12, 8),
    X_SLOT(13, 9),
    X_SLOT(14, 10),
    X_SLOT(15, 9),
    X_SLOT(16, 38),
    X_SLOT(17, 20),
    X_SLOT(18, 3),
    X_SLOT(19, 73),
    X_SLOT(20, 47),
    X_SLOT(21, 43),
    X_SLOT(22, 28),
    X_SLOT(23, 23),
    X_SLOT(24, 23),
    X_SLOT(25, 21),
    X_SLOT(26, 22),
    X_SLOT(27, 21),
    X_SLOT(28, 30),
    X_SLOT(29, 19),
    X_SLOT(30, 17),
    SLOT(ARM64_SP, "sp", sp, IR_I64, 76),
    SLOT(ARM64_PC, "pc", pc, IR_I64, 0),
    SLOT(ARM64_NZCV, "nzcv", nzcv, IR_FLAGS, 0),
    SLOT(ARM64_FPCR, "fpcr", fpcr, IR_I32, 0),
    SLOT(ARM64_EXCL_ADDR, "excl_addr", excl_addr, IR_I64, 0),
    SLOT(ARM64_EXCL_VAL0, "excl_val0", excl_val[0], IR_I64, 0),
    SLOT(ARM64_EXCL_VAL1, "excl_val1", excl_val[1], IR_I64, 0),
    SLOT(ARM64_TPIDR, "tpidr", tpidr, IR_I64, 1),
    SLOT(ARM64_TPIDRRO, "tpidrro", tpidrro, IR_I64, 0),
    V_SLOT(0, 222),
    V_SLOT(1, 115),
    V_SLOT(2, 100),
    V_SLOT(3, 43),
    V_SLOT(4, 56),
    V_SLOT(5, 38),
    V_SLOT(6, 31),
    V_SLOT(7, 26),
    V_SLOT(8, 2),
    V_SLOT(9, 3),
    V_SLOT(10, 10),
    V_SLOT(11, 4),
    V_SLOT(12, 2),
    V_SLOT(13, 3),
    V_SLOT(14, 3),
    V_SLOT(15, 4),
    V_SLOT(16, 20),
    V_SLOT(17, 19),
    V_SLOT(18, 10),
    V_SLOT(19, 10),
    V_SLOT(20, 8),
    V_SLOT(21, 6),
    V_SLOT(22, 6),
    V_SLOT(23, 10),
    V_SLOT(24, 10),
    V_SLOT(25, 20),
    V_SLOT(26, 20),
    V_SLOT(27, 8),
    V_SLOT(28, 7),
    V_SLOT(29, 6),
    V_SLOT(30, 10),
    V_SLOT(31, 17),
    SLOT(ARM64_QC, "qc", qc, IR_V128, 0),
};

static void reset(struct cpu *cpu)
{
    struct arm64_state *s = arm64_state(cpu);
    s->nzcv = arm64_nzcv_put(0);
    s->excl_addr = ~0ull;
}

/* Once a program uses address tags, all its threads are translated to mask them off. */
static atomic_bool tags_seen;

static uint32_t mode_of(const struct cpu *cpu)
{
    uint32_t fpcr = ((const struct arm64_state *)(const void *)cpu->state)->fpcr;
    return (fpcr >> 22 & 3) | (fpcr & 1u << 24 ? ARM64_MODE_FZ : 0) |
           (fpcr & 1u << 25 ? ARM64_MODE_DN : 0) | (fpcr & 1u << 19 ? ARM64_MODE_FZ16 : 0) |
           (fpcr & 1u << 26 ? ARM64_MODE_AHP : 0) |
           (atomic_load_explicit(&tags_seen, memory_order_relaxed) ? ARM64_MODE_TBI : 0);
}

/* An address with a tag in bits 63..56 (bit 55 is 0 for EL0) was used: from now on tags are masked
 * off. */
static bool retry_fault(struct cpu *cpu, uint64_t address)
{
    if (address >> 56 == 0 || (address >> 55 & 1) || (cpu->mode & ARM64_MODE_TBI))
        return false;
    atomic_store(&tags_seen, true);
    return true;
}

static void fp_env_of(uint32_t mode, struct fp_env *env)
{
    bool fz = (mode & ARM64_MODE_FZ) != 0;
    *env = (struct fp_env){
        .round = (uint8_t)(mode & ARM64_MODE_RMODE), /* RN RP RM RZ are in enum fp_round's order */
        .nan_rule = FP_NAN_ARM,
        .default_nan = (mode & ARM64_MODE_DN) != 0,
        .flush_inputs = fz,
        .flush_outputs = fz,
        .flush_half = (mode & ARM64_MODE_FZ16) != 0,
        .alt_half = (mode & ARM64_MODE_AHP) != 0,
        .tiny_before = true,
    };
}

/* ---- translation -------------------------------------------------------------------------------
 */

#define PAGE 4096u

/* A window over guest code, so that fetch is not called for every word. */
struct code_window {
    const struct guest_request *rq;
    uint64_t start;
    unsigned size;
    unsigned char bytes[64];
};

/* The word at pc (4-byte aligned); false if it cannot be fetched.  Pages are mapped as a whole. */
static bool window_word(struct code_window *w, uint64_t pc, uint32_t *word)
{
    if (pc - w->start >= w->size) {
        uint64_t left = PAGE - pc % PAGE;
        w->start = pc;
        w->size = left < sizeof w->bytes ? (unsigned)left : (unsigned)sizeof w->bytes;
        if (!w->rq->fetch(w->rq->fetch_ctx, pc, w->bytes, w->size)) {
            w->size = 0;
            return false;
        }
    }
    memcpy(word, w->bytes + (pc - w->start),
           sizeof *word); /* A64 code and our hosts are little-endian */
    return true;
}

/* The row of a word, for the model of processor there is. */
static unsigned row_of(uint32_t word)
{
    unsigned row = arm64_decode(word);
    return UNLIKELY(arm64_rows_lacking && arm64_rows_lacking[row]) ? ARM64_UNALLOCATED : row;
}

static void translate(struct ir_unit *u, const struct guest_request *rq)
{
    struct code_window window = {.rq = rq};
    struct arm64_lift l = {.u = u, .rq = rq, .pc = rq->pc};
    u->pc = rq->pc;
    fp_env_of(rq->mode, &u->fp);
    if (rq->pc & 3) {
        ir_exit(u, IR_EXIT_ALIGN, rq->pc, ir_const_pc(u, rq->pc));
        return;
    }
    for (unsigned n = 0; n < rq->max_insns && !l.ended; n++) {
        if (n && l.pc % PAGE == 0)
            break;
        if (!window_word(&window, l.pc, &l.word)) {
            if (n == 0) {
                ir_exit(u, IR_EXIT_FETCH, l.pc, ir_const(u, IR_I64, 0));
                l.ended = true;
            }
            break;
        }
        unsigned row = row_of(l.word);
        if (UNLIKELY(arm64_row_counts != NULL))
            arm64_row_counts[row]++;
        ir_insn(u, l.pc, 4);
        if (row == ARM64_UNALLOCATED)
            arm64_undefined(&l);
        else
            arm64_lift_row(row, &l, l.word);
        l.pc += 4;
        u->size += 4;
    }
    if (!l.ended)
        ir_jump(u, l.pc);
}

static bool flags_dead(const struct guest_request *rq, uint64_t pc)
{
    struct code_window window = {.rq = rq};
    for (unsigned n = 0; n < GUEST_LOOK_AHEAD / 4; n++, pc += 4) {
        uint32_t word;
        if ((pc & 3) || !window_word(&window, pc, &word))
            return false;
        unsigned row = row_of(word);
        uint16_t attrs = arm64_row_info[row].attrs;
        if (attrs & (ARM64_ATTR_reads_flags | ARM64_ATTR_faults | ARM64_ATTR_ends))
            return false;
        if (attrs & ARM64_ATTR_writes_flags)
            return true;
    }
    return false;
}

static unsigned disassemble(uint64_t pc, const uint8_t *bytes, size_t n, char *out, size_t size)
{
    uint32_t word;
    if (n < sizeof word)
        return 0;
    memcpy(&word, bytes, sizeof word);
    struct arm64_text t = {.out = out, .size = size, .pc = pc};
    unsigned row = arm64_decode(word);
    if (row == ARM64_UNALLOCATED)
        arm64_text_printf(&t, ".inst 0x%08x", word);
    else
        arm64_print_row(row, &t, word);
    return sizeof word;
}

/* ---- helpers -----------------------------------------------------------------------------------
 */

static void helper_counter(struct cpu *cpu, uint64_t arg)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (arg < 31)
        arm64_state(cpu)->x[arg] = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void clock_result(struct arm64_state *s, int failed, const struct timespec *ts)
{
    s->x[0] = failed ? 1 : 0;
    s->x[2] = (uint64_t)ts->tv_sec;
    s->x[3] = (uint64_t)ts->tv_nsec;
}

/* Clocks that mean the same in the guest and cost no system call here; the vdso leaves others to
 * one. */
static bool clock_is_plain(uint64_t id)
{
    return (id <= 1) || (id >= 4 && id <= 7);
}

static void helper_clock_gettime(struct cpu *cpu, uint64_t arg)
{
    struct arm64_state *s = arm64_state(cpu);
    struct timespec ts = {0};
    clock_result(s, !clock_is_plain(s->x[0]) || clock_gettime((clockid_t)s->x[0], &ts), &ts);
}

static void helper_clock_realtime(struct cpu *cpu, uint64_t arg)
{
    struct timespec ts = {0};
    clock_result(arm64_state(cpu), clock_gettime(CLOCK_REALTIME, &ts), &ts);
}

static void helper_clock_getres(struct cpu *cpu, uint64_t arg)
{
    struct arm64_state *s = arm64_state(cpu);
    struct timespec ts = {0};
    clock_result(s, !clock_is_plain(s->x[0]) || clock_getres((clockid_t)s->x[0], &ts), &ts);
}

static guest_helper_fn *const helpers[ARM64_HELPER_COUNT] = {
    [ARM64_HELPER_COUNTER] = helper_counter,
    [ARM64_HELPER_CLOCK_GETTIME] = helper_clock_gettime,
    [ARM64_HELPER_CLOCK_REALTIME] = helper_clock_realtime,
    [ARM64_HELPER_CLOCK_GETRES] = helper_clock_getres,
};

const struct guest guest_arm64 = {
    .name = "arm64",
    .models = arm64_models,
    .set_model = arm64_set_model,
    .slots = slots,
    .slot_count = ARM64_SLOT_COUNT,
    .pc_slot = ARM64_PC,
    .sp_slot = ARM64_SP,
    .flags_slot = ARM64_NZCV,
    .insn_align = 4,
    .announces_code_changes = true,
    .helpers = helpers,
    .helper_count = ARM64_HELPER_COUNT,
    .reset = reset,
    .mode = mode_of,
    .fp_env = fp_env_of,
    .retry_fault = retry_fault,
    .translate = translate,
    .flags_dead = flags_dead,
    .disassemble = disassemble,
};
