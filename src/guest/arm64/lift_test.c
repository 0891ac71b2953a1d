/* Lifts: random words of every row give units that verify, before and after the optimiser, in
 * several modes; and a few instructions give the results the manual says, run by a small walker
 * over the IR. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "guest/arm64/rows.h"
#include "guest/arm64/state.h"
#include "guest/guest.h"
#include "opt/opt.h"
#include <stdio.h>
#include <string.h>

#define WORDS 200
#define PC    0x10000ull

/* Guest code as an array of words at PC. */
struct code {
    const uint32_t *words;
    size_t count;
};

static bool fetch(void *ctx, uint64_t addr, void *buf, size_t n)
{
    const struct code *c = ctx;
    if (addr < PC || addr - PC >= 4 * c->count)
        return false;
    size_t have = 4 * c->count - (addr - PC);
    memset(buf, 0, n);
    memcpy(buf, (const char *)c->words + (addr - PC), have < n ? have : n);
    return true;
}

static void translate(struct ir_unit *u, struct arena *arena, struct code *c, uint32_t mode)
{
    struct guest_request rq = {
        .pc = PC, .mode = mode, .max_insns = (unsigned)c->count, .fetch = fetch, .fetch_ctx = c};
    ir_unit_init(u, arena, guest_arm64.slots, guest_arm64.slot_count);
    guest_arm64.translate(u, &rq);
}

static bool verifies(struct ir_unit *u, const char *when, uint32_t word)
{
    const char *message = ir_verify(u);
    if (!message)
        return true;
    fprintf(stderr, "%s: %08x %s: %s\n%s\n", when, word, arm64_row_info[arm64_decode(word)].name,
            message, ir_print(u));
    return false;
}

static void test_every_row_verifies(void **state)
{
    static const uint32_t modes[] = {0, ARM64_MODE_TBI,
                                     ARM64_MODE_FZ | ARM64_MODE_DN | ARM64_MODE_FZ16 | 3};
    struct arena arena = {0};
    uint64_t rng = 7;
    unsigned bad = 0, words = 0;
    for (unsigned row = 1; row < arm64_row_count && bad < 20; row++) {
        for (unsigned i = 0; i < WORDS; i++, words++) {
            uint32_t word = arm64_row_random(row, &rng);
            struct code c = {&word, 1};
            struct ir_unit u;
            if (word == 0 && strcmp(arm64_row_info[row].name, "UDF") != 0) {
                fprintf(stderr, "%s: no random word found\n", arm64_row_info[row].name);
                bad++;
                break;
            }
            translate(&u, &arena, &c, modes[i % ARRAY_LEN(modes)]);
            bool good = verifies(&u, "lifted", word);
            opt_run(&u,
                    &(struct opt_config){.enabled = true, .flags_slot = guest_arm64.flags_slot});
            good = good && verifies(&u, "optimised", word);
            arena_reset(&arena);
            if (!good) {
                bad++;
                break;
            }
        }
    }
    arena_free(&arena);
    fprintf(stderr, "%u words of %u rows\n", words, arm64_row_count - 1);
    assert_int_equal(bad, 0);
}

/* ---- a walker over the IR
 * ------------------------------------------------------------------------------- */

struct walk {
    struct arm64_state *s;
    union ir_value values[512], locals[64];
    uint64_t next;   /* PC on leaving */
    unsigned reason; /* enum ir_exit, IR_EXIT_NONE for branches */
    uint64_t detail;
};

static unsigned label_index(const struct ir_unit *u, uint64_t label)
{
    for (unsigned i = 0; i < u->count; i++) {
        if (u->insts[i].op == IR_LABEL && u->insts[i].imm == label)
            return i;
    }
    fail();
    return 0;
}

static char *address_of(struct walk *w, const struct ir_inst *in)
{
    uint64_t index =
        in->b && in->op != IR_ATOMIC_RMW && in->op != IR_ATOMIC_CAS ? w->values[in->b].u64[0] : 0;
    return (char *)(uintptr_t)(w->values[in->a].u64[0] + (index << (in->attr & IR_MEM_SCALE)) +
                               in->imm);
}

static void walk_memory(struct walk *w, const struct ir_inst *in, union ir_value *out)
{
    unsigned size = ir_type_size((enum ir_type)in->lane);
    char *p = address_of(w, in);
    switch (in->op) {
    case IR_LOAD:
        memcpy(out, p, size);
        break;
    case IR_LOADS:
        memcpy(out, p, size);
        out->s64[0] = sign_extend(out->u64[0], size * 8);
        if (in->type == IR_I32)
            out->u64[0] &= 0xffffffffu;
        break;
    case IR_STORE:
        memcpy(p, &w->values[in->c], size);
        break;
    case IR_ATOMIC_CAS:
        size = ir_type_size((enum ir_type)in->type);
        memcpy(out, p, size);
        if (memcmp(p, &w->values[in->b], size) == 0)
            memcpy(p, &w->values[in->c], size);
        break;
    default: { /* only additions are tested */
        size = ir_type_size((enum ir_type)in->type);
        assert_int_equal(in->op, IR_ATOMIC_RMW);
        assert_int_equal(in->attr & 15, IR_RMW_ADD);
        memcpy(out, p, size);
        uint64_t sum = out->u64[0] + w->values[in->b].u64[0];
        memcpy(p, &sum, size);
    }
    }
}

/* Runs one instruction; the index of the next, or 0 when the unit was left. */
static unsigned walk_step(struct walk *w, const struct ir_unit *u, unsigned i)
{
    const struct ir_inst *in = &u->insts[i];
    union ir_value *out = &w->values[i];
    memset(out, 0, sizeof *out);
    switch (in->op) {
    case IR_NOP:
    case IR_INSN:
    case IR_LABEL:
    case IR_FENCE:
        break;
    case IR_CONST:
        for (unsigned k = 0; k < (ir_type_size((enum ir_type)in->type) + 7) / 8; k++)
            out->u64[k] = in->imm;
        break;
    case IR_COPY:
        *out = w->values[in->a];
        break;
    case IR_GET:
        memcpy(out, (char *)w->s + u->slots[in->imm].offset, ir_type_size((enum ir_type)in->type));
        break;
    case IR_SET:
        memcpy((char *)w->s + u->slots[in->imm].offset, &w->values[in->a],
               ir_type_size((enum ir_type)u->slots[in->imm].type));
        break;
    case IR_LGET:
        *out = w->locals[in->imm];
        break;
    case IR_LSET:
        w->locals[in->imm] = w->values[in->a];
        break;
    case IR_LOAD:
    case IR_LOADS:
    case IR_STORE:
    case IR_ATOMIC_CAS:
    case IR_ATOMIC_RMW:
        walk_memory(w, in, out);
        break;
    case IR_BR:
        return label_index(u, in->imm);
    case IR_BR_IF:
        return w->values[in->a].u8[0] ? label_index(u, in->imm) : i + 1;
    case IR_JUMP_IF:
        if (!w->values[in->a].u8[0])
            break;
        w->next = in->imm;
        return 0;
    case IR_JUMP:
    case IR_CALL:
        w->next = in->imm;
        return 0;
    case IR_JUMP_IND:
    case IR_CALL_IND:
    case IR_RET:
        w->next = w->values[in->a].u64[0];
        return 0;
    case IR_EXIT:
        w->next = in->imm;
        w->reason = in->attr;
        w->detail = w->values[in->a].u64[0];
        return 0;
    default:
        ir_eval((enum ir_op)in->op, (enum ir_type)in->type, (enum ir_type)in->lane, in->attr,
                ir_type_of(u, in->a), in->imm, &w->values[in->a], &w->values[in->b],
                &w->values[in->c], out, NULL);
    }
    return i + 1;
}

static _Alignas(16) uint64_t m[8]; /* the memory that tests touch */

/* Runs the words from PC; both as lifted and optimised must end in the same state, which is left in
 * *s. */
static struct walk run(struct arm64_state *s, const uint32_t *words, size_t count)
{
    static struct walk w[2];
    struct arm64_state after[2];
    uint64_t before[ARRAY_LEN(m)], first[ARRAY_LEN(m)];
    struct arena arena = {0};
    struct code c = {words, count};
    memcpy(before, m, sizeof m);
    for (unsigned k = 0; k < 2; k++) {
        struct ir_unit u;
        memcpy(first, m, sizeof m);
        memcpy(m, before, sizeof m);
        translate(&u, &arena, &c, 0);
        if (k)
            opt_run(&u,
                    &(struct opt_config){.enabled = true, .flags_slot = guest_arm64.flags_slot});
        assert_true(u.count <= ARRAY_LEN(w[k].values));
        memset(&w[k], 0, sizeof w[k]);
        after[k] = *s;
        w[k].s = &after[k];
        for (unsigned i = 1; i;)
            i = walk_step(&w[k], &u, i);
    }
    after[0].nzcv &= IR_FLAG_O | IR_FLAG_C | IR_FLAG_Z | IR_FLAG_S;
    after[1].nzcv &= IR_FLAG_O | IR_FLAG_C | IR_FLAG_Z | IR_FLAG_S;
    assert_int_equal(w[0].next, w[1].next);
    assert_int_equal(w[0].reason, w[1].reason);
    assert_memory_equal(m, first, sizeof m);
    assert_memory_equal(&after[0], &after[1], sizeof after[0]);
    *s = after[1];
    arena_free(&arena);
    return w[1];
}

static uint64_t one(struct arm64_state *s, uint32_t word)
{
    return run(s, &word, 1).next;
}

static unsigned nzcv(const struct arm64_state *s)
{
    return arm64_nzcv_get(s->nzcv) >> 28;
}

static void test_arithmetic(void **state)
{
    struct arm64_state s = {.x = {0, 5, 7}};
    one(&s, 0xeb02003f); /* cmp x1, x2 */
    assert_int_equal(nzcv(&s), 8);
    one(&s, 0xeb01005f); /* cmp x2, x1 */
    assert_int_equal(nzcv(&s), 2);
    one(&s, 0xab010040); /* adds x0, x2, x1 */
    assert_int_equal(s.x[0], 12);
    assert_int_equal(nzcv(&s), 0);
    s.x[3] = ~0ull;
    one(&s, 0xab030060); /* adds x0, x3, x3 */
    assert_int_equal(nzcv(&s), 0xa);
    one(&s, 0x9a020020); /* adc x0, x1, x2 (C set) */
    assert_int_equal(s.x[0], 13);
    one(&s, 0xda020020); /* sbc x0, x1, x2 (C set) */
    assert_int_equal(s.x[0], (uint64_t)-2);
    one(&s, 0x6a03007f); /* tst w3, w3 */
    assert_int_equal(nzcv(&s), 8);
    one(&s, 0xfa420020); /* ccmp x1, x2, #0, eq: not taken */
    assert_int_equal(nzcv(&s), 0);
    one(&s, 0xfa42102f); /* ccmp x1, x2, #15, ne */
    assert_int_equal(nzcv(&s), 8);
    one(&s, 0x1a9f57e0); /* cset w0, mi */
    assert_int_equal(s.x[0], 1);
    s.x[4] = 0x80000000;
    one(&s, 0x93407c85); /* sxtw x5, w4 */
    assert_int_equal(s.x[5], 0xffffffff80000000ull);
    one(&s, 0xdac01085); /* clz x5, x4 */
    assert_int_equal(s.x[5], 32);
    one(&s, 0x5ac01485); /* cls w5, w4 */
    assert_int_equal(s.x[5], 0);
    s.x[6] = 0x1122334455667788;
    one(&s, 0xdac004c7); /* rev16 x7, x6 */
    assert_int_equal(s.x[7], 0x2211443366558877);
    one(&s, 0xdac008c7); /* rev32 x7, x6 */
    assert_int_equal(s.x[7], 0x4433221188776655);
    one(&s, 0xb3481cc7); /* bfi x7, x6, #56, #8 */
    assert_int_equal(s.x[7], 0x8833221188776655);
    one(&s, 0x93c660c7); /* ror x7, x6, #24 */
    assert_int_equal(s.x[7], 0x6677881122334455);
    one(&s, 0x9ac008c7); /* udiv x7, x6, x0 (1) */
    assert_int_equal(s.x[7], s.x[6]);
    one(&s, 0x9adf0cc7); /* sdiv x7, x6, xzr */
    assert_int_equal(s.x[7], 0);
}

static void test_flag_registers(void **state)
{
    for (uint64_t v = 0; v < 16; v++) {
        struct arm64_state s = {.x = {v << 28}};
        bool n = v >> 3 & 1, z = v >> 2 & 1, c = v >> 1 & 1, o = v & 1;
        one(&s, 0xd51b4200); /* msr nzcv, x0 */
        assert_int_equal(nzcv(&s), v);
        one(&s, 0xd53b4201); /* mrs x1, nzcv */
        assert_int_equal(s.x[1], v << 28);
        one(&s, 0xd500401f); /* cfinv */
        assert_int_equal(nzcv(&s), v ^ 2);
        one(&s, 0xd500401f);
        struct arm64_state t = s;
        one(&t, 0xd500405f); /* axflag */
        assert_int_equal(nzcv(&t), (z || o) << 2 | (c && !o) << 1);
        t = s;
        one(&t, 0xd500403f); /* xaflag */
        assert_int_equal(nzcv(&t), (!c && !z) << 3 | (z && c) << 2 | (c || z) << 1 | (!c && z));
        t = s;
        t.x[2] = 0x50;       /* bits 7..4 = 0101 */
        one(&t, 0xba020446); /* rmif x2, #4, #6 */
        assert_int_equal(nzcv(&t), n << 3 | 4 | o);
        t = s;
        t.x[3] = 0x180;
        one(&t, 0x3a00086d); /* setf8 w3 */
        assert_int_equal(nzcv(&t), 8 | c << 1 | 0);
    }
}

static void test_branches(void **state)
{
    struct arm64_state s = {.x = {1, 0x4000}};
    assert_int_equal(one(&s, 0x54000040), PC + 4);  /* b.eq +8: Z clear, N Z V 0 */
    assert_int_equal(one(&s, 0x54000041), PC + 8);  /* b.ne +8 */
    assert_int_equal(one(&s, 0xb5000040), PC + 8);  /* cbnz x0 */
    assert_int_equal(one(&s, 0x36000040), PC + 4);  /* tbz w0, #0 */
    assert_int_equal(one(&s, 0x94000010), PC + 64); /* bl */
    assert_int_equal(s.x[30], PC + 4);
    assert_int_equal(one(&s, 0xd63f0020), 0x4000); /* blr x1 */
    s.x[30] = 0x5000;
    assert_int_equal(one(&s, 0xd63f03c0), 0x5000); /* blr x30 */
    assert_int_equal(s.x[30], PC + 4);
    uint32_t svc = 0xd4000001, brk = 0xd4200540, udf = 0x12345;
    struct walk w = run(&s, &svc, 1);
    assert_int_equal(w.reason, IR_EXIT_SYSCALL);
    assert_int_equal(w.next, PC + 4);
    w = run(&s, &brk, 1);
    assert_int_equal(w.reason, IR_EXIT_BREAKPOINT);
    assert_int_equal(w.detail, 42);
    w = run(&s, &udf, 1);
    assert_int_equal(w.reason, IR_EXIT_UNDEFINED);
    assert_int_equal(w.next, PC);
    assert_int_equal(w.detail, udf);
}

static void test_memory(void **state)
{
    memcpy(m, (uint64_t[8]){0x8877665544332211, 0x80, 3}, sizeof m);
    struct arm64_state s = {.x = {(uint64_t)(uintptr_t)m, 8}};
    one(&s, 0xf8408c02); /* ldr x2, [x0, #8]! */
    assert_int_equal(s.x[2], 0x80);
    assert_int_equal(s.x[0], (uint64_t)(uintptr_t)(m + 1));
    one(&s, 0x38c01402); /* ldrsb w2, [x0], #1 */
    assert_int_equal(s.x[2], 0xffffff80);
    s.x[0] = (uint64_t)(uintptr_t)m;
    one(&s, 0x78a16802); /* ldrsh x2, [x0, x1] */
    assert_int_equal(s.x[2], 0x80);
    s.x[1] = 0xffffffff00000001;
    one(&s, 0xf8615802); /* ldr x2, [x0, w1, uxtw #3] */
    assert_int_equal(s.x[2], 0x80);
    one(&s, 0x28c10c02); /* ldp w2, w3, [x0], #8 */
    assert_int_equal(s.x[2], 0x44332211);
    assert_int_equal(s.x[3], 0x88776655);
    assert_int_equal(s.x[0], (uint64_t)(uintptr_t)(m + 1));
    one(&s, 0xa9820c02); /* stp x2, x3, [x0, #32]! */
    assert_int_equal(m[5], 0x44332211);
    assert_int_equal(m[6], 0x88776655);
    s.x[4] = (uint64_t)(uintptr_t)m;
    s.x[5] = 5;
    one(&s, 0xf8250086); /* ldadd x5, x6, [x4] */
    assert_int_equal(s.x[6], 0x8877665544332211);
    assert_int_equal(m[0], 0x8877665544332216);
}

/* What would be fetched: address and hints of the unit's PREFETCH, -1 if there is none. */
static int64_t prefetched(uint32_t word, unsigned *attr)
{
    struct arena arena = {0};
    struct code c = {&word, 1};
    struct ir_unit u;
    int64_t disp = -1;
    translate(&u, &arena, &c, 0);
    for (unsigned i = 1; i < u.count; i++)
        if (u.insts[i].op == IR_PREFETCH) {
            disp = (int64_t)u.insts[i].imm;
            *attr = u.insts[i].attr;
        }
    arena_free(&arena);
    return disp;
}

static void test_prefetch(void **state)
{
    unsigned attr = 0;
    assert_int_equal(prefetched(0xf9800420, &attr), 8); /* prfm pldl1keep, [x1, #8] */
    assert_int_equal(attr, 0);
    assert_int_equal(prefetched(0xf8a27835, &attr), 0); /* prfm pstl3strm, [x1, x2, lsl #3] */
    assert_int_equal(attr, 3 | IR_PREFETCH_L3 | IR_PREFETCH_ONCE | IR_PREFETCH_WRITE);
    assert_int_equal(prefetched(0xf9800428, &attr), -1); /* prfm plil1keep, [x1, #8] */
    assert_int_equal(prefetched(0xf9800426, &attr), -1); /* prfm #6, [x1, #8] */
}

static void test_exclusives(void **state)
{
    memcpy(m, (uint64_t[8]){1, 2}, sizeof m);
    struct arm64_state s = {.excl_addr = ~0ull, .x = {(uint64_t)(uintptr_t)m, 0, 7, 9}};
    one(&s, 0xc8017c02); /* stxr w1, x2, [x0]: monitor open */
    assert_int_equal(s.x[1], 1);
    assert_int_equal(m[0], 1);
    one(&s, 0xc85f7c04); /* ldxr x4, [x0] */
    assert_int_equal(s.x[4], 1);
    one(&s, 0xc8017c02);
    assert_int_equal(s.x[1], 0);
    assert_int_equal(m[0], 7);
    one(&s, 0xc85f7c04);
    m[0] = 8;
    one(&s, 0xc8017c02); /* changed in between */
    assert_int_equal(s.x[1], 1);
    assert_int_equal(m[0], 8);
    one(&s, 0xc87f1404); /* ldxp x4, x5, [x0] */
    assert_int_equal(s.x[5], 2);
    one(&s, 0xc8210c02); /* stxp w1, x2, x3, [x0] */
    assert_int_equal(s.x[1], 0);
    assert_int_equal(m[0], 7);
    assert_int_equal(m[1], 9);
    s.x[6] = 7;
    s.x[7] = 9;
    s.x[8] = 100;
    s.x[9] = 200;
    one(&s, 0x48267c08); /* casp x6, x7, x8, x9, [x0] */
    assert_int_equal(m[0], 100);
    assert_int_equal(m[1], 200);
    assert_int_equal(s.x[6], 7);
}

static void test_flags_dead(void **state)
{
    static const struct {
        uint32_t words[3];
        bool dead;
    } cases[] = {
        {{0xeb02003f}, true},              /* cmp */
        {{0x91000421, 0xeb02003f}, true},  /* add, cmp */
        {{0xf9400021, 0xeb02003f}, false}, /* a load may fault */
        {{0x1a9f57e0, 0xeb02003f}, false}, /* cset */
        {{0xd65f03c0, 0xeb02003f}, false}, /* ret */
        {{0xba020446, 0xeb02003f}, false}, /* rmif keeps some */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct code c = {cases[i].words, 3};
        struct guest_request rq = {.pc = PC, .max_insns = 1, .fetch = fetch, .fetch_ctx = &c};
        assert_int_equal(guest_arm64.flags_dead(&rq, PC), cases[i].dead);
    }
}

/* HWCAPs and identification registers claim what the tables have, and nothing else. */
static void test_capabilities(void **state)
{
    static const struct {
        const char *feature;
        unsigned word, bit; /* of AT_HWCAP or AT_HWCAP2 */
    } caps[] = {
        {"AES", 0, 3},           {"PMULL", 0, 4},
        {"SHA1", 0, 5},          {"SHA256", 0, 6},
        {"CRC32", 0, 7},         {"LSE", 0, 8},
        {"FP16", 0, 9},          {"FP16", 0, 10},
        {"RDM", 0, 12},          {"JSCVT", 0, 13},
        {"FCMA", 0, 14},         {"LRCPC", 0, 15},
        {"DPB", 0, 16},          {"SHA3", 0, 17},
        {"DotProd", 0, 20},      {"SHA512", 0, 21},
        {"FHM", 0, 23},          {"LRCPC2", 0, 26},
        {"FLAGM", 0, 27},        {"SB", 0, 29},
        {"FLAGM2", 1, 7},        {"FRINTTS", 1, 8},
        {"I8MM", 1, 13},         {"BF16", 1, 14},
        {"", 0, 0 /* FP */},     {"", 0, 1 /* Advanced SIMD */},
        {"", 0, 11 /* CPUID */},
    };
    uint64_t claimed[2] = {arm64_hwcap(), arm64_hwcap2()}, known[2] = {0};
    for (size_t i = 0; i < ARRAY_LEN(caps); i++)
        known[caps[i].word] |= 1ull << caps[i].bit;
    assert_int_equal(claimed[0], known[0]);
    assert_int_equal(claimed[1], known[1]);
    bool seen[ARRAY_LEN(caps)] = {false};
    for (unsigned row = 1; row < arm64_row_count; row++) {
        bool found = false;
        for (size_t i = 0; i < ARRAY_LEN(caps); i++) {
            if (strcmp(caps[i].feature, arm64_row_info[row].feature) == 0)
                seen[i] = found = true;
        }
        if (!found)
            fail_msg("%s: feature %s has no capability", arm64_row_info[row].name,
                     arm64_row_info[row].feature);
    }
    for (size_t i = 0; i < ARRAY_LEN(caps); i++)
        assert_true(seen[i]);
}

/* A model claims less, and what it does not claim is undefined. */
static void test_models(void **state)
{
    static const struct {
        uint32_t word;
        bool v8_0, v8_2;
    } cases[] = {
        {0x8b010000, true, true},   /* add */
        {0x4e284800, true, true},   /* aese */
        {0xf8210002, false, true},  /* ldadd: LSE */
        {0xf8bfc001, false, true},  /* ldapr: LRCPC */
        {0xd9400001, false, false}, /* ldapur: LRCPC2 */
        {0xd500401f, false, false}, /* cfinv: FLAGM */
    };
    static const char *const models[] = {"armv8.0", "armv8.2", "max"};
    struct arena arena = {0};
    uint64_t caps = 0, id = arm64_id_register(3u << 14 | 6 << 3);
    assert_string_equal(arm64_models[0], "max");
    assert_false(arm64_set_model("armv7"));
    for (unsigned at = 0; at < ARRAY_LEN(models); at++) {
        assert_true(arm64_set_model(models[at]));
        assert_int_equal(caps & ~arm64_hwcap(), 0); /* each has what the one before has */
        assert_true(caps != arm64_hwcap());
        caps = arm64_hwcap();
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
            struct code c = {&cases[i].word, 1};
            struct ir_unit u;
            bool undefined = false;
            translate(&u, &arena, &c, 0);
            for (uint32_t k = 0; k < u.count; k++)
                undefined |= u.insts[k].op == IR_EXIT && u.insts[k].attr == IR_EXIT_UNDEFINED;
            assert_int_equal(undefined, !(at == 2 || (at == 1 ? cases[i].v8_2 : cases[i].v8_0)));
        }
    }
    assert_int_equal(id, 0x0021100110212120); /* ISAR0 of the default: RDM .. AES */
    arena_free(&arena);
}

static void test_vdso(void **state)
{
    uint32_t hlt = 0xd45bc000; /* hlt #0xde00 */
    struct arena arena = {0};
    struct code c = {&hlt, 1};
    for (unsigned inside = 0; inside < 2; inside++) {
        struct ir_unit u;
        bool helper = false;
        if (inside)
            arm64_set_vdso_range(PC, PC + 4);
        translate(&u, &arena, &c, 0);
        for (unsigned i = 0; i < u.count; i++)
            helper = helper || u.insts[i].op == IR_HELPER;
        assert_int_equal(helper, inside);
    }
    arm64_set_vdso_range(0, 0);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row_verifies),
        cmocka_unit_test(test_arithmetic),
        cmocka_unit_test(test_flag_registers),
        cmocka_unit_test(test_branches),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_prefetch),
        cmocka_unit_test(test_exclusives),
        cmocka_unit_test(test_flags_dead),
        cmocka_unit_test(test_capabilities),
        cmocka_unit_test(test_models),
        cmocka_unit_test(test_vdso),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
