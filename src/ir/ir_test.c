/* Tests of the IR: types and conditions, the table of operations, text, the verifier. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ir/build.h"
#include "ir/form.h"
#include "ir/random_unit.h"
#include <stdio.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void test_types(void **state)
{
    assert_int_equal(ir_type_size(IR_I1), 1);
    assert_int_equal(ir_type_size(IR_FLAGS), 4);
    assert_int_equal(ir_type_size(IR_F80), 16);
    assert_int_equal(ir_type_size(IR_V256), 32);
    assert_int_equal(ir_type_size(IR_VOID), 0);
    assert_string_equal(ir_type_name(IR_V128), "v128");
}

/* Each condition against its formula in the Intel manual, over all flags. */
static void test_conditions(void **state)
{
    for (unsigned i = 0; i < 32; i++) {
        bool o = i & 1, c = i & 2, z = i & 4, s = i & 8, p = i & 16;
        uint32_t f = (o ? 0x0001u : 0) | (c ? 0x0100u : 0) | (z ? 0x4000u : 0) | (s ? 0x8000u : 0) |
                     (p ? 0x0400u : 0);
        const bool want[16] = {o, !o, c, !c, z,      !z,     c || z,      !c && !z,
                               s, !s, p, !p, s != o, s == o, z || s != o, !z && s == o};
        for (unsigned cc = 0; cc < 16; cc++) {
            assert_int_equal(ir_cc_holds((enum ir_cc)cc, f), want[cc]);
            assert_int_equal(ir_cc_holds(ir_cc_negate((enum ir_cc)cc), f), !want[cc]);
        }
    }
}

static void test_ops(void **state)
{
    assert_string_equal(ir_op_info[IR_NOP].name, "nop");
    assert_string_equal(ir_op_info[IR_FPFLAGS_GET].name, "fpflags_get");
    assert_string_equal(ir_op_info[IR_FLAGS_UCOMI].name, "flags_ucomi");
    assert_int_equal(ir_op_info[IR_CONST].args, 0);
    assert_int_equal(ir_op_info[IR_STORE].args, 3);
    assert_int_equal(ir_op_info[IR_EXIT].args, 1);
    assert_int_equal(ir_op_info[IR_SELECT].args, 3);
    for (unsigned op = 0; op < IR_OP_COUNT; op++) {
        assert_non_null(ir_form[op].attr);
        assert_true(op == IR_NOP || ir_form[op].types != 0);
    }
}

/* -- text ------------------------------------------------------------------------ */

static const char *const example = "insn 0x1000, 4\n"
                                   "v2 = get.i64 r1\n"
                                   "v3 = const.i64 0x4\n"
                                   "v4 = add.i64 v2, v3\n"
                                   "set r0, v4\n"
                                   "insn 0x1004, 4\n"
                                   "v7 = get.i64 r2\n"
                                   "v8 = flags_sub v4, v7\n"
                                   "set fl, v8\n"
                                   "insn 0x1008, 4\n"
                                   "v11 = flags_cond.be v8\n"
                                   "jump_if v11, 0x1040\n"
                                   "jump 0x100c\n";

static void test_print(void **state)
{
    struct arena arena = {0};
    struct ir_unit u;
    ir_ref r, f;
    char buf[16];

    ir_unit_init(&u, &arena, random_slots, RANDOM_SLOTS);
    ir_insn(&u, 0x1000, 4);
    r = ir_get(&u, IR_I64, 1);
    r = ir_bin_imm(&u, IR_ADD, r, 4);
    ir_set(&u, 0, r);
    ir_insn(&u, 0x1004, 4);
    f = ir_flags(&u, IR_FLAGS_SUB, r, ir_get(&u, IR_I64, 2), IR_NONE);
    ir_set(&u, RANDOM_FL, f);
    ir_insn(&u, 0x1008, 4);
    ir_jump_if(&u, ir_cond(&u, IR_CC_BE, f), 0x1040);
    ir_jump(&u, 0x100c);
    assert_string_equal(ir_print(&u), example);
    assert_null(ir_verify(&u));
    assert_int_equal(ir_print_inst(&u, 4, buf, sizeof(buf)), strlen("v4 = add.i64 v2, v3"));
    assert_string_equal(buf, "v4 = add.i64 v2");
    arena_free(&arena);
}

static void test_parse(void **state)
{
    struct arena arena = {0};
    struct ir_unit u;
    const char *error;

    ir_unit_init(&u, &arena, random_slots, RANDOM_SLOTS);
    assert_true(ir_parse(&u, example, &error));
    assert_string_equal(ir_print(&u), example);
    assert_int_equal(u.insn_count, 3);
    arena_free(&arena);
}

static void test_parse_errors(void **state)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"v1 = ad.i64 v2, v3", "line 1: no operation 'ad'"},
        {"\n\nv1 = add.i64 v2, v3", "line 3: v2 is not defined"},
        {"v1 = const 0x4", "line 1: const needs a type"},
        {"const.i64 0x4", "line 1: const needs a name for its value"},
        {"v1 = jump 0x4", "line 1: jump has no value"},
        {"v1 = const.i64 0x10000000000000000", "line 1: number does not fit in 64 bits"},
        {"v1 = const.i64 0x1 v2", "line 1: the line should end at 'v2'"},
        {"v1 = const.i64 4\nv1 = const.i64 4", "line 2: v1 is defined twice"},
        {"v1 = get.i64 r9", "line 1: no slot 'r9'"},
        {"v9999999 = get.i64 r0", "line 1: v9999999 is too large"},
        {"v1 = get.i64 r0\nv2 = cmp v1, v1", "line 2: cmp needs a suffix that says which"},
        {"v1 = get.i64 r0\nv2 = cmp.o v1, v1", "line 2: '.o' does not belong to cmp"},
        {"v1 = get.i64 r0\nv2 = load.i64.i64 [v1 + v1<<5]", "line 2: scale is above 4"},
        {"v1 = get.i64 r0\nv2 = load.i64.i64 [v1 - v1]", "line 2: no such form of address"},
        {"insn 0x1000, 256", "line 1: length above 255"},
        {"br L70000", "line 1: L70000 is too large"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena arena = {0};
        struct ir_unit u;
        const char *error = NULL;

        ir_unit_init(&u, &arena, random_slots, RANDOM_SLOTS);
        assert_false(ir_parse(&u, cases[i].text, &error));
        assert_string_equal(error, cases[i].error);
        arena_free(&arena);
    }
}

/* Values of every type to draw arguments from. */
static void seed_unit(struct ir_unit *u, uint64_t *seed)
{
    static const enum ir_type consts[] = {IR_I1,  IR_I8,  IR_I16, IR_I32,  IR_I64, IR_F16,
                                          IR_F32, IR_F64, IR_V64, IR_V128, IR_V256};

    ir_ref first = u->count;

    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < ARRAY_LEN(consts); i++)
            ir_const(u, consts[i], random_edge(seed));
        ir_get(u, IR_FLAGS, RANDOM_FL);
        ir_emit(u, (struct ir_inst){.op = IR_LOAD, .type = IR_F80, .lane = IR_F80, .a = first + 4});
    }
    for (size_t i = 0; i < ARRAY_LEN(consts); i++)
        ir_lset(u, ir_local_new(u, consts[i]), first + (ir_ref)i);
}

/* Random instructions of every operation: printed, parsed and printed again they are the same, and
 * so is every field.  The texts, with random damage, then go to the fuzzing entry. */
static void round_trip(enum ir_op op, uint64_t *seed, unsigned *fuzzed)
{
    struct arena arena = {0};
    struct ir_unit u, v;
    const char *error;
    char *text;
    size_t n;

    ir_unit_init(&u, &arena, random_slots, RANDOM_SLOTS);
    seed_unit(&u, seed);
    if (op == IR_BR || op == IR_BR_IF)
        ir_label(&u, ir_label_new(&u)), seed_unit(&u, seed);
    if (op == IR_LABEL)
        ir_label_new(&u);
    for (int i = 0; i < (op == IR_LABEL ? 1 : 6); i++)
        if (!random_inst(&u, op, seed))
            fail_msg("no random %s", ir_op_info[op].name);
    ir_jump(&u, random_next(seed));
    if (ir_verify(&u))
        fail_msg("%s", ir_verify(&u));

    text = ir_print(&u);
    ir_unit_init(&v, &arena, random_slots, RANDOM_SLOTS);
    if (!ir_parse(&v, text, &error))
        fail_msg("%s in\n%s", error, text);
    assert_string_equal(ir_print(&v), text);
    assert_int_equal(u.count, v.count);
    assert_memory_equal(u.insts, v.insts, u.count * sizeof(*u.insts));

    n = strlen(text);
    for (int i = 0; i < 20; i++, ++*fuzzed) {
        char *damaged = arena_alloc(&arena, n + 1);
        memcpy(damaged, text, n);
        for (unsigned k = random_below(seed, 4) + 1; k; k--) {
            unsigned at = random_below(seed, (unsigned)n), from = random_below(seed, (unsigned)n);
            unsigned len = random_below(seed, 12);
            if (random_below(seed, 2))
                damaged[at] = " .,v0x-+[]<\n;l#L"[random_below(seed, 16)];
            else if (at + len < n && from + len < n)
                memmove(damaged + at, damaged + from, len);
        }
        LLVMFuzzerTestOneInput((const uint8_t *)damaged, n);
    }
    arena_free(&arena);
}

static void test_round_trip(void **state)
{
    uint64_t seed = 1;
    unsigned fuzzed = 0;

    for (unsigned op = 1; op < IR_OP_COUNT; op++)
        for (int i = 0; i < 8; i++)
            round_trip((enum ir_op)op, &seed, &fuzzed);
    print_message("%u operations, %u damaged texts\n", IR_OP_COUNT - 1, fuzzed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),      cmocka_unit_test(test_conditions),
        cmocka_unit_test(test_ops),        cmocka_unit_test(test_print),
        cmocka_unit_test(test_parse),      cmocka_unit_test(test_parse_errors),
        cmocka_unit_test(test_round_trip),
    };
    return cmocka_run_group_tests_name("ir", tests, NULL, NULL);
}
