/* region_form.c: how blocks are joined, and which way of several a region takes. */
#include "engine/region.h"
#include "ir/build.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define BASE 0x400000u

static struct arena arena;
static struct ir_unit u;
static uint64_t returns[REGION_DEPTH];
static unsigned depth;
static bool polls;

/* A unit with one instruction at 0x1000 and, if cc is one, a condition. */
static ir_ref begin(int cc)
{
    arena_reset(&arena);
    ir_unit_init(&u, &arena, guest_arm64.slots, guest_arm64.slot_count);
    ir_insn(&u, 0x1000, 4);
    depth = 0;
    polls = false;
    return cc < 0 ? IR_NONE : ir_cmp(&u, (enum ir_cc)cc, ir_get(&u, IR_I64, 0), ir_get(&u, IR_I64, 1));
}

static bool join(uint64_t next)
{
    return region_join(&u, 1, next, returns, &depth, &polls);
}

static const struct ir_inst *last(unsigned back)
{
    return &u.insts[u.count - 1 - back];
}

static void test_jump(void **state)
{
    begin(-1);
    ir_jump(&u, 0x2000);
    assert_false(join(0x3000));
    assert_int_equal(last(0)->op, IR_JUMP);
    assert_true(join(0x2000));
    assert_int_equal(last(0)->op, IR_NOP);
    assert_false(polls); /* forward */
    begin(-1);
    ir_jump(&u, 0x800);
    assert_true(join(0x800));
    assert_true(polls);
}

static void test_jump_if(void **state)
{
    ir_jump_if(&u, begin(IR_CC_B), 0x2000);
    ir_jump(&u, 0x1004);
    assert_true(join(0x1004)); /* as it stands */
    assert_int_equal(last(1)->op, IR_JUMP_IF);
    assert_int_equal(last(1)->imm, 0x2000);
    ir_jump_if(&u, begin(IR_CC_B), 0x2000);
    ir_jump(&u, 0x1004);
    assert_true(join(0x2000)); /* turned round */
    assert_int_equal(last(0)->op, IR_JUMP_IF);
    assert_int_equal(last(0)->imm, 0x1004);
    assert_int_equal(u.insts[last(0)->a].op, IR_CMP);
    assert_int_equal(u.insts[last(0)->a].attr, IR_CC_AE);
    ir_jump(&u, 0);
    assert_null(ir_verify(&u));
}

static void test_call(void **state)
{
    begin(-1);
    ir_call(&u, 0x5000);
    assert_true(join(0x5000));
    assert_int_equal(last(0)->op, IR_PAIR);
    assert_int_equal(last(0)->imm, 0x1004);
    assert_int_equal(depth, 1);
    ir_insn(&u, 0x5000, 4);
    ir_jump_to(&u, IR_RET, ir_get(&u, IR_I64, 30));
    assert_false(join(0x1008)); /* elsewhere than where it was called from */
    assert_true(join(0x1004));
    assert_int_equal(last(1)->op, IR_JUMP_NOT);
    assert_int_equal(last(0)->op, IR_UNPAIR);
    assert_int_equal(depth, 0);
    assert_false(polls); /* forward, and back */
    ir_jump_to(&u, IR_RET, ir_get(&u, IR_I64, 30));
    assert_false(join(0x1004)); /* out of what was never entered */
}

static void test_indirect(void **state)
{
    begin(-1);
    ir_jump_to(&u, IR_JUMP_IND, ir_get(&u, IR_I64, 3));
    assert_true(join(0x7000));
    assert_int_equal(last(0)->op, IR_JUMP_NOT);
    assert_int_equal(last(0)->imm, 0x7000);
    assert_true(polls);
    begin(-1);
    ir_exit(&u, IR_EXIT_SYSCALL, 0x1004, IR_NONE);
    assert_false(join(0x1004));
}

/* -- whole paths ---------------------------------------------------------------------------------------- */

static uint32_t code[2048];

static bool fetch(void *ctx, uint64_t addr, void *buf, size_t n)
{
    if (addr < BASE || addr + n > BASE + sizeof code)
        return false;
    memcpy(buf, (const char *)code + (addr - BASE), n);
    return true;
}

static struct engine *engine(void)
{
    static struct engine e;
    e.config.guest = &guest_arm64;
    e.config.fetch = fetch;
    return &e;
}

static unsigned count_ops(const struct ir_unit *unit, unsigned op)
{
    unsigned n = 0;
    for (ir_ref r = 1; r < unit->count; r++)
        n += unit->insts[r].op == op;
    return n;
}

static struct region_unit region;

static bool lift(const struct region_paths *p)
{
    return region_lift(engine(), NULL, &arena, p, &region);
}

/* bl f; add; b.ne back, and f a page further on. */
static void make_loop(void)
{
    code[0] = 0x94000000u | 1024; /* bl f */
    code[1] = 0xf1000400;         /* subs x0, x0, #1 */
    code[2] = 0x54ffffc1;         /* b.ne code */
    code[1024] = 0x91000421;      /* f: add x1, x1, #1 */
    code[1025] = 0xd65f03c0;      /* ret */
}

static void test_loop(void **state)
{
    struct region_paths p = {.pc = BASE, .count = 1, .path = {{2, {BASE, BASE + 4096}}}};
    make_loop();
    p.path[0].pcs[p.path[0].count++] = BASE + 4;
    assert_true(lift(&p));
    assert_int_equal(region.blocks, 3);
    assert_true(region.loops && region.ir.steady);
    assert_int_equal(count_ops(&region.ir, IR_POLL), 0); /* the way back looks */
    assert_int_equal(count_ops(&region.ir, IR_JUMP_NOT), 0); /* where it returns to is known */
    assert_int_equal(count_ops(&region.ir, IR_CALL) + count_ops(&region.ir, IR_RET), 0);
    assert_null(ir_verify(&region.ir));
    bool first = false, second = false;
    for (uint32_t i = 0; i < region.range_count; i++) {
        first |= region.ranges[i].pc == BASE && region.ranges[i].size == 4;
        second |= region.ranges[i].pc == BASE + 4096 && region.ranges[i].size == 8;
    }
    assert_true(first && second);
    code[1024] = 0xaa0203fe; /* f: mov x30, x2: now it is not */
    assert_true(lift(&p));
    assert_int_equal(count_ops(&region.ir, IR_JUMP_NOT), 1);
}

/* Of a loop's paths some leave at its end: it is one if most begin anew, but not one to prepare for. */
static void test_most_begin_anew(void **state)
{
    struct region_paths p = {.pc = BASE, .count = 3};
    make_loop();
    for (unsigned k = 0; k < 3; k++)
        p.path[k] = (struct region_path){3, {BASE, BASE + 4096, BASE + 4}};
    p.path[1].pcs[p.path[1].count++] = BASE + 12;
    assert_true(lift(&p));
    assert_int_equal(region.blocks, 3);
    assert_true(region.loops && !region.ir.steady);
    p.path[2].pcs[p.path[2].count++] = BASE + 12;
    assert_true(lift(&p));
    assert_false(region.loops || region.ir.steady);
}

static void test_wrong_path(void **state)
{
    struct region_paths p = {.pc = BASE, .count = 1, .path = {{3, {BASE, BASE + 4096, BASE + 8}}}};
    make_loop();
    assert_true(lift(&p)); /* up to where it cannot go on */
    assert_int_equal(region.blocks, 2);
    assert_int_equal(count_ops(&region.ir, IR_RET), 1);
    p.path[0].pcs[1] = BASE + 4;
    assert_false(lift(&p));
    p.pc = p.path[0].pcs[0] = 0x10000; /* nothing is there */
    assert_false(lift(&p));
}

/* Paths that part at an indirect branch end there, at a direct one the more frequent goes on. */
static void test_choice(void **state)
{
    struct region_paths p = {.pc = BASE, .count = 3};
    for (unsigned k = 0; k < 3; k++)
        p.path[k] = (struct region_path){3, {BASE, k ? BASE + 4 : BASE + 0x40, BASE + 0x80 + 4 * k}};
    memset(code, 0, sizeof code);
    code[0] = 0xb4000200;    /* cbz x0, BASE + 0x40 */
    code[1] = 0xd61f0020;    /* br x1 */
    code[0x10] = 0xd61f0020; /* the same */
    for (unsigned k = 0; k < 3; k++)
        code[0x20 + k] = 0xd65f03c0; /* ret */
    assert_true(lift(&p));
    assert_int_equal(region.blocks, 2);
    assert_int_equal(count_ops(&region.ir, IR_JUMP_IND), 1);
    for (unsigned k = 0; k < 3; k++)
        p.path[k].pcs[2] = BASE + 0x80; /* all agree */
    assert_true(lift(&p));
    assert_int_equal(region.blocks, 3);
    assert_int_equal(count_ops(&region.ir, IR_JUMP_NOT), 1);
}

/* Changes of code while a region is made from it. */
static void test_changes(void **state)
{
    static struct engine e;
    const struct code_range ranges[] = {{0x1000, 16}, {0x5000, 8}};
    uint64_t before = atomic_load(&e.invalidations);
    assert_false(engine_changed_since(&e, before, ranges, 2));
    engine_note_change(&e, 0x1010, 0x2000);
    engine_note_change(&e, 0x4000, 0x5000);
    assert_false(engine_changed_since(&e, before, ranges, 2));
    engine_note_change(&e, 0x5007, 0x5008);
    assert_true(engine_changed_since(&e, before, ranges, 2));
    assert_false(engine_changed_since(&e, before, ranges, 1));
    assert_false(engine_changed_since(&e, atomic_load(&e.invalidations), ranges, 2));
    for (unsigned i = 0; i < ENGINE_CHANGES; i++)
        engine_note_change(&e, 0x9000, 0x9001);
    assert_true(engine_changed_since(&e, before, ranges, 1)); /* nobody knows any more */
    assert_false(engine_changed_since(&e, before + 3, ranges, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jump),       cmocka_unit_test(test_jump_if), cmocka_unit_test(test_call),
        cmocka_unit_test(test_indirect),   cmocka_unit_test(test_loop),    cmocka_unit_test(test_wrong_path),
        cmocka_unit_test(test_most_begin_anew),
        cmocka_unit_test(test_choice),     cmocka_unit_test(test_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
