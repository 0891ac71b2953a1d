/* Units that a host once computed wrongly, or could not compile: each is the smallest that showed it, and is
 * compared with the reference walk for random states.  `regress-test NAME` tests the host of that name; 77 if
 * this build has none. */
#include "host/testing/compare.h"
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct host *the_host;

static const struct regress {
    const char *what, *unit;
} units[] = {
    {"the upper half of 64 bits made wider, and multiplied so: it was that of the whole register",
     "insn 0x1000, 4\n"
     "v2 = get.v64 v1\n"
     "v3 = get.v64 v2\n"
     "v4 = vmull.v64.i8 v2, v3, 1\n"
     "v5 = vmull.v64.i16.s v2, v3, 1\n"
     "v6 = vmull.v64.i32 v2, v3, 1\n"
     "v7 = vwiden.v64.i8.s v2, 1\n"
     "v8 = vwiden.v64.i32 v2, 1\n"
     "v9 = zext.v128 v4\n"
     "set v3, v9\n"
     "v11 = zext.v128 v5\n"
     "set v4, v11\n"
     "v13 = zext.v128 v6\n"
     "set v5, v13\n"
     "v15 = zext.v128 v7\n"
     "set v6, v15\n"
     "v17 = zext.v128 v8\n"
     "set v7, v17\n"
     "exit.breakpoint 0x1004\n"},
    {"a value that is wanted beyond what is computed from it, which goes into a home: it was computed there, too",
     "insn 0x1000, 4\n"
     "v2 = get.i32 r1\n"
     "v3 = clz.i32 v2\n"
     "v4 = zext.i64 v3\n"
     "v5 = const.i64 0x3\n"
     "v6 = ror.i64 v4, v5\n"
     "set r2, v6\n"
     "insn 0x1004, 4\n"
     "v9 = add.i32 v3, v3\n"
     "v10 = zext.i64 v9\n"
     "set r3, v10\n"
     "exit.breakpoint 0x1008\n"},
    {"a shift in place while EFLAGS are a copy of AX: the carry read after it was the shift's",
     "insn 0x1000, 4\n"
     "v2 = get.flags flags\n"
     "v3 = flags_cond.l v2\n"
     "jump_if v3, 0x2000\n"
     "insn 0x1004, 4\n"
     "v6 = get.i32 r5\n"
     "v7 = const.i32 0x1\n"
     "v8 = shl.i32 v6, v7\n"
     "v9 = zext.i64 v8\n"
     "set r5, v9\n"
     "insn 0x1008, 4\n"
     "v12 = get.i32 r1\n"
     "v13 = get.i32 r2\n"
     "v14 = flags_cmc v2\n"
     "v15 = adc.i32 v12, v13, v14\n"
     "v16 = zext.i64 v15\n"
     "set r6, v16\n"
     "v18 = flags_cond.b v2\n"
     "jump_if v18, 0x3000\n"
     "exit.breakpoint 0x100c\n"},
    {"a selection whose comparison, operands and result are all in temporaries: none was left",
     "insn 0x1000, 4\n"
     "v2 = get.i64 r9\n"
     "v3 = get.i64 r10\n"
     "v4 = xor.i64 v2, v3\n"
     "v5 = sub.i64 v2, v3\n"
     "v6 = sub.i64 v3, v2\n"
     "v7 = or.i64 v2, v3\n"
     "v8 = cmp.l v4, v5\n"
     "v9 = select.i64 v8, v6, v7\n"
     "set r11, v4\n"
     "set r12, v5\n"
     "set r13, v6\n"
     "set r10, v7\n"
     "set r9, v9\n"
     "exit.breakpoint 0x1004\n"},
    {"flags before the sum with the same operands, whose constant comes only later",
     "insn 0x1000, 4\n"
     "v2 = get.i64 r0\n"
     "v3 = const.i64 0x123456789a\n"
     "v4 = flags_add v2, v3\n"
     "v5 = const.i64 0x123456789a\n"
     "v6 = add.i64 v2, v5\n"
     "set r1, v6\n"
     "set flags, v4\n"
     "exit.breakpoint 0x1004\n"},
    {"a flags value that was spilled, died, and came back as what the slot holds",
     "insn 0x1000, 4\n"
     "v2 = get.i64 r9\n"
     "v3 = get.i64 r10\n"
     "v4 = flags_sub v2, v3\n"
     "v5 = flags_add v2, v3\n"
     "v6 = xor.i64 v2, v3\n"
     "v7 = or.i64 v2, v3\n"
     "v8 = and.i64 v2, v3\n"
     "v9 = add.i64 v2, v3\n"
     "v10 = sub.i64 v2, v3\n"
     "v11 = xor.i64 v6, v7\n"
     "v12 = xor.i64 v11, v8\n"
     "v13 = xor.i64 v12, v9\n"
     "v14 = xor.i64 v13, v10\n"
     "set r11, v14\n"
     "set flags, v4\n"
     "v17 = add.i64 v2, v3\n"
     "v18 = sub.i64 v2, v3\n"
     "v19 = sub.i64 v3, v2\n"
     "v20 = xor.i64 v2, v3\n"
     "v21 = or.i64 v2, v3\n"
     "v22 = and.i64 v2, v3\n"
     "v23 = xor.i64 v17, v18\n"
     "v24 = xor.i64 v19, v20\n"
     "v25 = xor.i64 v21, v22\n"
     "set r12, v23\n"
     "set r13, v24\n"
     "set r11, v25\n"
     "v29 = get.flags flags\n"
     "set flags, v5\n"
     "v31 = flags_bits v29\n"
     "set w0, v31\n"
     "exit.breakpoint 0x1004\n"},
    {"a selection of flags whose condition, once in EFLAGS, had its carry inverted on the way of the slot to AX",
     "insn 0x1000, 4\n"
     "v2 = get.i32 w0\n"
     "v3 = flags_pack v2\n"
     "v4 = get.i32 w1\n"
     "v5 = flags_pack v4\n"
     "v6 = get.i64 r8\n"
     "v7 = get.i64 r1\n"
     "v8 = flags_add v6, v7\n"
     "v9 = flags_cmc v8\n"
     "set flags, v9\n"
     "v11 = flags_cond.ae v9\n"
     "v12 = select.flags v11, v3, v5\n"
     "v13 = flags_bits v12\n"
     "set w2, v13\n"
     "exit.breakpoint 0x1004\n"},
};

static void test_unit(void **state)
{
    const struct regress *t = *state;
    struct harness *h = harness_open(the_host);
    struct arena arena = {0};
    static struct compare_input in;
    char report[4096];
    struct random r = {1};
    assert_non_null(h);
    harness_catch_faults(); /* cmocka has its own handlers in every test */
    for (unsigned n = 0; n < 64; n++) {
        struct ir_unit u;
        struct test_code code;
        const char *error;
        ir_unit_init(&u, &arena, test_guest.slots, test_guest.slot_count);
        u.pc = 0x1000;
        u.size = 64;
        u.fp = (struct fp_env){.nan_rule = FP_NAN_ARM, .tiny_before = true};
        if (!ir_parse(&u, t->unit, &error))
            fail_msg("%s", error);
        error = ir_verify(&u);
        if (error != NULL)
            fail_msg("%s", error);
        assert_int_equal(harness_compile(h, &u, &code), 0);
        compare_prepare(h, &in, &r);
        if (!compare_run(h, &u, &code, &in, report, sizeof report))
            fail_msg("%s\n%s", t->what, report);
        arena_reset(&arena);
    }
    arena_free(&arena);
}

int main(int argc, char **argv)
{
    struct CMUnitTest tests[ARRAY_LEN(units)];
    setenv("DEMOTIC_X64_COMPILE", "strict", false); /* no way round defects, unless asked for */
    the_host = host_by_name(argc > 1 ? argv[1] : "interp");
    if (the_host == NULL)
        return 77;
    for (unsigned i = 0; i < ARRAY_LEN(units); i++)
        tests[i] = (struct CMUnitTest){.name = units[i].what, .test_func = test_unit, .initial_state = (void *)(uintptr_t)&units[i]};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
