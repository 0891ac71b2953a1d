/* What every host must do, tested on units written as text: ends, links, polls, faults, helpers,
 * atomics, relocation.  `host-test NAME` tests the host of that name; 77 if this build has none. */
#include "host/testing/harness.h"
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include <cmocka.h>

static const struct host *the_host;
static struct harness *h;
static struct arena arena;

static int setup(void **unused)
{
    h = harness_open(the_host);
    assert_non_null(h);
    harness_reset(h);
    arena_reset(&arena);
    memset(h->cpu->state, 0, CPU_STATE_SIZE);
    h->cpu->pending = 0;
    cpu_restore_jumps(h->cpu);
    h->cpu->fp = (struct fp_status){0};
    memset(h->memory, 0, TEST_MEMORY);
    harness_state(h)->r[14] = (uint64_t)(uintptr_t)h->memory;
    return 0;
}

static void parse(struct ir_unit *u, uint64_t pc, const char *text)
{
    const char *error;
    ir_unit_init(u, &arena, test_guest.slots, test_guest.slot_count);
    u->pc = pc;
    u->fp = (struct fp_env){.nan_rule = FP_NAN_ARM, .tiny_before = true};
    if (!ir_parse(u, text, &error))
        fail_msg("%s", error);
    u->size = 64;
    error = ir_verify(u);
    if (error != NULL)
        fail_msg("%s", error);
}

static struct test_code compile(uint64_t pc, const char *text)
{
    struct ir_unit u;
    struct test_code code;
    harness_catch_faults(); /* cmocka has its own handlers in every test */
    parse(&u, pc, text);
    assert_int_equal(harness_compile(h, &u, &code), 0);
    return code;
}

/* The executable address of the site that leads to target. */
static const void *site_to(const struct test_code *code, uint64_t target)
{
    for (uint32_t i = 0; i < code->code.site_count; i++)
        if (code->code.sites[i].target == target)
            return code->exec + code->code.sites[i].offset;
    fail_msg("no site leads to %#llx", (unsigned long long)target);
    return NULL;
}
static void link_to(const struct test_code *from, uint64_t target, const struct test_code *to)
{
    the_host->link(site_to(from, target), -h->exec_delta, to != NULL ? to->entry : NULL);
}
/* A host that comes back from a call inside the caller goes on by a site of its own; others have none. */
static bool has_site(const struct test_code *code, uint64_t target)
{
    for (uint32_t i = 0; i < code->code.site_count; i++)
        if (code->code.sites[i].target == target)
            return true;
    return false;
}
static void remember(uint64_t pc, const void *entry)
{
    h->cpu->own_jumps[cpu_jump_index(pc)] = (struct cpu_jump){pc, entry};
}

static void assert_end(uint32_t reason, uint64_t pc)
{
    assert_int_equal(h->cpu->exit_reason, reason);
    assert_int_equal(harness_state(h)->pc, pc);
}

#define EXIT_AT(pc, slot, value) \
    "insn " pc ", 4\nv2 = const.i64 " value "\nset " slot ", v2\nexit.breakpoint " pc "\n"

/* An integer read from the low part of a vector slot is that and nothing above. */
static void test_part_of_vector(void **unused)
{
    struct test_code c = compile(0x1000, "insn 0x1000, 4\n"
                                         "v2 = get.i32 v0\n"
                                         "v3 = zext.i64 v2\n"
                                         "set r0, v3\n"
                                         "v5 = get.i8 v0\n"
                                         "v6 = zext.i64 v5\n"
                                         "set r1, v6\n"
                                         "v8 = get.i16 v1\n"
                                         "v9 = zext.i64 v8\n"
                                         "set r2, v9\n"
                                         "exit.breakpoint 0x2000\n");
    struct test_state *s = harness_state(h);
    s->v[0][0] = s->v[1][0] = 0x123456789abcdef0ull;
    harness_run(h, c.entry);
    assert_end(IR_EXIT_BREAKPOINT, 0x2000);
    assert_int_equal(s->r[0], 0x9abcdef0u);
    assert_int_equal(s->r[1], 0xf0);
    assert_int_equal(s->r[2], 0xdef0);
}

static void test_straight(void **unused)
{
    struct test_code c = compile(0x1000, "insn 0x1000, 4\n"
                                         "v2 = get.i64 r0\n"
                                         "v3 = const.i64 0x4\n"
                                         "v4 = add.i64 v2, v3\n"
                                         "set r0, v4\n"
                                         "insn 0x1004, 4\n"
                                         "v7 = get.i64 r2\n"
                                         "v8 = flags_sub v4, v7\n"
                                         "set flags, v8\n"
                                         "insn 0x1008, 4\n"
                                         "v11 = flags_cond.be v8\n"
                                         "jump_if v11, 0x1040\n"
                                         "jump 0x100c\n");
    struct test_state *s = harness_state(h);
    s->r[0] = 10;
    s->r[2] = 14;
    harness_run(h, c.entry);
    assert_end(IR_EXIT_NONE, 0x1040);
    assert_ptr_equal(h->cpu->exit_site, site_to(&c, 0x1040));
    assert_int_equal(s->r[0], 14);
    assert_int_equal(s->flags & IR_FLAG_ALL, IR_FLAG_Z | IR_FLAG_P);
    harness_run(h, c.entry);
    assert_end(IR_EXIT_NONE, 0x100c);
    assert_ptr_equal(h->cpu->exit_site, site_to(&c, 0x100c));
    assert_int_equal(s->r[0], 18);
}

/* A value set into two slots, one of which is overwritten while it is still wanted: with and without homes. */
static void test_two_slots(void **unused)
{
    for (unsigned a = 1; a < 12; a++)
        for (unsigned b = 1; b < 12; b++) {
            char text[512];
            if (a == b)
                continue;
            snprintf(text, sizeof text,
                     "insn 0x1000, 4\n"
                     "v2 = get.i64 r0\n"
                     "v3 = const.i64 0x1234\n"
                     "v4 = xor.i64 v2, v3\n"
                     "set r%u, v4\n"
                     "set r%u, v4\n"
                     "insn 0x1004, 4\n"
                     "v8 = const.i64 0x77\n"
                     "v9 = mul.i64 v2, v8\n"
                     "set r%u, v9\n"
                     "insn 0x1008, 4\n"
                     "v12 = add.i64 v4, v9\n"
                     "set r0, v12\n"
                     "exit.breakpoint 0x1008\n",
                     a, b, b);
            struct test_code c = compile(0x1000, text);
            struct test_state *s = harness_state(h);
            s->r[0] = 0x5555;
            harness_run(h, c.entry);
            assert_int_equal(s->r[a], 0x5555 ^ 0x1234);
            assert_int_equal(s->r[b], 0x5555 * 0x77);
            assert_int_equal(s->r[0], (0x5555 ^ 0x1234) + 0x5555 * 0x77);
        }
}

static void test_exits(void **unused)
{
    struct test_code c = compile(0x1000, "insn 0x1000, 4\nv2 = get.i64 r5\nexit.icache v2, 0x1004\n");
    harness_state(h)->r[5] = 0x123456789abcdef0;
    harness_run(h, c.entry);
    assert_end(IR_EXIT_ICACHE, 0x1004);
    assert_int_equal(h->cpu->exit_detail, 0x123456789abcdef0);
    c = compile(0x2000, "insn 0x2000, 4\nexit.syscall 0x7fffffffe004\n");
    harness_run(h, c.entry);
    assert_end(IR_EXIT_SYSCALL, 0x7fffffffe004);
}

static void test_link(void **unused)
{
    struct test_code a = compile(0x1000, "insn 0x1000, 4\nv2 = get.i64 r0\nv3 = const.i64 0x0\nv4 = cmp.e v2, v3\n"
                                         "jump_if v4, 0x3000\njump 0x2000\n");
    struct test_code b = compile(0x2000, EXIT_AT("0x2000", "r1", "0x22"));
    struct test_code c = compile(0x3000, EXIT_AT("0x3000", "r1", "0x33"));
    struct test_state *s = harness_state(h);
    s->r[0] = 1;
    harness_run(h, a.entry);
    assert_end(IR_EXIT_NONE, 0x2000);
    link_to(&a, 0x2000, &b);
    harness_run(h, a.entry);
    assert_end(IR_EXIT_BREAKPOINT, 0x2000);
    assert_int_equal(s->r[1], 0x22);
    s->r[0] = 0;
    harness_run(h, a.entry);
    assert_end(IR_EXIT_NONE, 0x3000);
    assert_ptr_equal(h->cpu->exit_site, site_to(&a, 0x3000));
    link_to(&a, 0x3000, &c);
    harness_run(h, a.entry);
    assert_end(IR_EXIT_BREAKPOINT, 0x3000);
    assert_int_equal(s->r[1], 0x33);
    link_to(&a, 0x3000, NULL);
    link_to(&a, 0x2000, NULL);
    harness_run(h, a.entry);
    assert_end(IR_EXIT_NONE, 0x3000);
    assert_ptr_equal(h->cpu->exit_site, site_to(&a, 0x3000));
}

static void on_alarm(int signal)
{
    cpu_set_pending(h->cpu, CPU_PENDING_INTERRUPT);
}

/* A unit that goes to itself, and two that go to one another, are left when pending is set. */
static void test_pending(void **unused)
{
    struct test_code a = compile(0x1000, "insn 0x1000, 4\nv2 = get.i64 r0\nv3 = const.i64 0x1\nv4 = add.i64 v2, v3\n"
                                         "set r0, v4\ninsn 0x1004, 4\njump 0x1000\n");
    struct test_code b = compile(0x2000, "insn 0x2000, 4\nv2 = get.i64 r1\nv3 = const.i64 0x1\nv4 = add.i64 v2, v3\n"
                                         "set r1, v4\ninsn 0x2004, 4\njump 0x3000\n");
    struct test_code c = compile(0x3000, "insn 0x3000, 4\nv2 = get.i64 r2\nv3 = const.i64 0x1\nv4 = add.i64 v2, v3\n"
                                         "set r2, v4\ninsn 0x3004, 4\njump 0x2000\n");
    link_to(&a, 0x1000, &a);
    link_to(&b, 0x3000, &c);
    link_to(&c, 0x2000, &b);
    signal(SIGALRM, on_alarm);
    struct test_state *s = harness_state(h);
    for (unsigned n = 0; n < 10; n++) {
        struct itimerval t = {.it_value.tv_usec = 3000};
        h->cpu->pending = 0;
        cpu_restore_jumps(h->cpu);
        s->r[0] = s->r[1] = s->r[2] = 0;
        setitimer(ITIMER_REAL, &t, NULL);
        harness_run(h, n % 2 ? a.entry : b.entry);
        assert_int_equal(h->cpu->exit_reason, IR_EXIT_NONE);
        assert_true(!h->cpu->exit_site || h->cpu->exit_site == (n % 2 ? site_to(&a, 0x1000) : site_to(&c, 0x2000)));
        if (n % 2) {
            assert_int_equal(s->pc, 0x1000);
            assert_true(s->r[0] > 100);
        } else { /* polled on the way back, which is c's */
            assert_int_equal(s->pc, 0x2000);
            assert_true(s->r[1] > 100);
            assert_int_equal(s->r[1], s->r[2]);
        }
    }
    signal(SIGALRM, SIG_DFL);
}

/* So is one that calls itself: returns do not look. */
static void test_pending_call(void **unused)
{
    struct test_code a = compile(0x1000, "insn 0x1000, 4\nv2 = get.i64 r0\nv3 = const.i64 0x1\nv4 = add.i64 v2, v3\n"
                                         "set r0, v4\ninsn 0x1004, 4\nv7 = const.i64.pc 0x1008\nset r11, v7\ncall 0x1000\n");
    link_to(&a, 0x1000, &a);
    cpu_set_pending(h->cpu, CPU_PENDING_INTERRUPT);
    harness_run(h, a.entry);
    assert_end(IR_EXIT_NONE, 0x1000);
    assert_true(!h->cpu->exit_site || h->cpu->exit_site == site_to(&a, 0x1000));
    assert_int_equal(harness_state(h)->r[0], 1);
    assert_int_equal(harness_state(h)->r[11], 0x1008);
}

static void test_indirect(void **unused)
{
    struct test_code a = compile(0x1000, "insn 0x1000, 4\nv2 = get.i64 r0\njump_ind v2\n");
    struct test_code b = compile(0x2000, EXIT_AT("0x2000", "r1", "0x22"));
    struct test_state *s = harness_state(h);
    static const uint64_t targets[] = {0x2000, 0, ~0ull, 0x8000000000000000, 4, 0x2000 + (1ull << 40)};
    for (unsigned n = 0; n < ARRAY_LEN(targets); n++) {
        s->r[0] = targets[n];
        harness_run(h, a.entry);
        assert_end(IR_EXIT_NONE, targets[n]);
        assert_null(h->cpu->exit_site);
    }
    remember(0x2000, b.entry);
    s->r[0] = 0x2000;
    harness_run(h, a.entry);
    assert_end(IR_EXIT_BREAKPOINT, 0x2000);
    s->r[0] = 0x2000 + (1ull << 40); /* the same entry, another PC */
    harness_run(h, a.entry);
    assert_end(IR_EXIT_NONE, 0x2000 + (1ull << 40));
    s->r[0] = 0x2000;
    s->r[1] = 0;
    cpu_set_pending(h->cpu, CPU_PENDING_INTERRUPT);
    harness_run(h, a.entry);
    assert_end(IR_EXIT_NONE, 0x2000);
    assert_null(h->cpu->exit_site);
    assert_int_equal(s->r[1], 0);
}

/* Calls and returns, matched or not, known or not. */
static void test_call(void **unused)
{
    struct test_code main_ = compile(0x1000, "insn 0x1000, 4\nv2 = const.i64.pc 0x1004\nset r11, v2\ncall 0x2000\n");
    struct test_code back = compile(0x1004, EXIT_AT("0x1004", "r2", "0x44"));
    struct test_code other = compile(0x3000, EXIT_AT("0x3000", "r2", "0x33"));
    struct test_code callee = compile(0x2000, "insn 0x2000, 4\nv2 = get.i64 r11\nv3 = get.i64 r1\nv4 = add.i64 v2, v3\nret v4\n");
    struct test_state *s = harness_state(h);
    harness_run(h, main_.entry);
    assert_end(IR_EXIT_NONE, 0x2000);
    assert_ptr_equal(h->cpu->exit_site, site_to(&main_, 0x2000));
    link_to(&main_, 0x2000, &callee);
    for (unsigned n = 0; n < 3; n++) { /* the return's target is not known yet */
        harness_run(h, main_.entry);
        assert_end(IR_EXIT_NONE, 0x1004);
        if (h->cpu->exit_site)
            assert_ptr_equal(h->cpu->exit_site, site_to(&main_, 0x1004));
    }
    remember(0x1004, back.entry);
    if (has_site(&main_, 0x1004))
        link_to(&main_, 0x1004, &back);
    remember(0x3000, other.entry);
    for (unsigned n = 0; n < 100; n++) {
        s->r[2] = 0;
        s->r[1] = n % 3 == 0 ? 0x1ffc : 0;
        harness_run(h, main_.entry);
        assert_end(IR_EXIT_BREAKPOINT, n % 3 == 0 ? 0x3000 : 0x1004);
        assert_int_equal(s->r[2], n % 3 == 0 ? 0x33 : 0x44);
        if (n % 7 == 0)
            the_host->forget_returns(h->cpu);
    }
}

/* Calls that never return, and returns that nobody called. */
static void test_call_depth(void **unused)
{
    struct test_code down = compile(0x1000, "insn 0x1000, 4\nv2 = get.i64 r0\nv3 = const.i64 0x1\nv4 = sub.i64 v2, v3\n"
                                            "set r0, v4\nv6 = const.i64 0x0\nv7 = cmp.e v4, v6\njump_if v7, 0x2000\ncall 0x1000\n");
    struct test_code end = compile(0x2000, EXIT_AT("0x2000", "r2", "0x22"));
    struct test_code up = compile(0x1004, "insn 0x1004, 4\nv2 = get.i64 r0\nv3 = const.i64 0x1\nv4 = add.i64 v2, v3\nset r0, v4\n"
                                          "v6 = const.i64 0x186a0\nv7 = cmp.ae v4, v6\njump_if v7, 0x2000\n"
                                          "v9 = const.i64.pc 0x1004\nret v9\n");
    struct test_state *s = harness_state(h);
    link_to(&down, 0x1000, &down);
    link_to(&down, 0x2000, &end);
    link_to(&up, 0x2000, &end);
    remember(0x1004, up.entry);
    if (has_site(&down, 0x1004))
        link_to(&down, 0x1004, &up);
    for (unsigned n = 0; n < 3; n++) {
        s->r[0] = 100000;
        harness_run(h, down.entry);
        assert_end(IR_EXIT_BREAKPOINT, 0x2000);
        assert_int_equal(s->r[0], 0);
        harness_run(h, up.entry);
        assert_end(IR_EXIT_BREAKPOINT, 0x2000);
        assert_int_equal(s->r[0], 100000);
    }
}

#define FAULTING \
    "insn 0x1000, 4\nv2 = get.i64 r0\nv3 = const.i64 0x1\nv4 = add.i64 v2, v3\nset r0, v4\nv6 = flags_add v2, v3\n" \
    "set flags, v6\ninsn 0x1004, 4\nv9 = get.i64 r5\nv10 = get.i64 r6\n"

static void assert_faulted(unsigned faults, uint64_t address, bool write)
{
    struct test_state *s = harness_state(h);
    assert_int_equal(h->faults, faults + 1);
    assert_int_equal(s->pc, 0x1004);
    assert_int_equal(s->r[0], 8);
    assert_int_equal(s->flags & IR_FLAG_ALL, 0);
    assert_int_equal(s->r[1], 0);
    assert_int_equal(h->cpu->fault.address, address);
    assert_int_equal(h->cpu->fault.write, write);
}

static void test_faults(void **unused)
{
    static const char *const access[] = {
        "v11 = load.i64.i64 [v9 + 0x8]\nset r1, v11\n",
        "v11 = load.i64.i8 [v9 + v10<<2 + 0x8]\nset r1, v11\n",
        "v11 = loads.i32.i16.acq [v9 + 0x8]\nv12 = zext.i64 v11\nset r1, v12\n",
        "v11 = load.v128.v128 [v9 + 0x8]\nset v1, v11\nset r1, v9\n",
        "store.i64 [v9 + 0x8], v2\nset r1, v9\n",
        "store.i32.rel.seq [v9 + 0x8], v2\nset r1, v9\n",
        "v11 = get.v128 v3\nstore.v128 [v9 + 0x8], v11\nset r1, v9\n",
        "v11 = atomic_rmw.i64.add [v9 + 0x8], v2\nset r1, v11\n",
        "v11 = get.i32 w0\nv12 = atomic_rmw.i32.smax [v9 + 0x8], v11\nset r1, v9\n",
        "v11 = atomic_cas.i64 [v9 + 0x8], v2, v10\nset r1, v11\n",
        "v11 = get.v128 v3\nv12 = atomic_cas.v128 [v9 + 0x8], v11, v11\nset r1, v9\n",
    };
    static const uint64_t bad[] = {0x10, 0x7ff0, 0x800000000010, 0xffffffffffffffe0, 0x00ff000000001010, 0xffffff7f00000010};
    char text[1024];
    for (unsigned n = 0; n < ARRAY_LEN(access); n++) {
        snprintf(text, sizeof text, FAULTING "%sexit.breakpoint 0x1008\n", access[n]);
        struct test_code c = compile(0x1000, text);
        for (unsigned k = 0; k < ARRAY_LEN(bad); k++) {
            struct test_state *s = harness_state(h);
            s->r[0] = 7;
            s->r[5] = bad[k] - 8;
            s->r[1] = s->r[6] = 0;
            unsigned faults = h->faults;
            harness_run(h, c.entry);
            bool canonical = bad[k] >> 47 == 0 || bad[k] >> 47 == 0x1ffff;
            bool write = n >= 4;
            if (!canonical || n >= 7) /* not told by the processor; or an atomic, whose read fails first on Arm */
                write = h->cpu->fault.write;
            assert_faulted(faults, bad[k], write);
        }
        /* and at the right address all is well */
        harness_state(h)->r[5] = (uint64_t)(uintptr_t)h->memory + 8;
        harness_run(h, c.entry);
        assert_end(IR_EXIT_BREAKPOINT, 0x1008);
    }
}

/* The fault is in a unit that was reached by a link, and there are many. */
static void test_fault_after_link(void **unused)
{
    struct test_code a = compile(0x2000, "insn 0x2000, 4\njump 0x1000\n");
    struct test_code b = compile(0x1000, FAULTING "v11 = load.i64.i64 [v9]\nset r1, v11\nexit.breakpoint 0x1008\n");
    link_to(&a, 0x1000, &b);
    for (unsigned n = 0; n < 20000; n++) {
        struct test_state *s = harness_state(h);
        s->r[0] = 7;
        s->r[5] = 0x10;
        unsigned faults = h->faults;
        harness_run(h, a.entry);
        assert_faulted(faults, 0x10, false);
    }
}

static void test_unaligned(void **unused)
{
    static const char *const access[] = {
        "v11 = load.i64.i64.al [v9 + 0x8]\nset r1, v11\n",
        "v11 = load.i64.i32.acq.al [v9 + 0x8]\nset r1, v11\n",
        "store.i64.rel.seq.al [v9 + 0x8], v2\n",
        "v11 = atomic_rmw.i64.add.al [v9 + 0x8], v2\n",
        "v11 = atomic_cas.i64.al [v9 + 0x8], v2, v10\n",
        "v11 = get.v128 v3\nv12 = atomic_cas.v128.al [v9 + 0x8], v11, v11\n",
    };
    char text[1024];
    for (unsigned n = 0; n < ARRAY_LEN(access); n++) {
        snprintf(text, sizeof text, FAULTING "%sset r1, v9\nexit.breakpoint 0x1008\n", access[n]);
        struct test_code c = compile(0x1000, text);
        struct test_state *s = harness_state(h);
        uint64_t at = (uint64_t)(uintptr_t)h->memory + 256;
        s->r[0] = 7;
        s->r[1] = 0;
        s->r[5] = at - 8 + 1;
        harness_run(h, c.entry);
        assert_end(IR_EXIT_ALIGN, 0x1004);
        assert_int_equal(h->cpu->exit_detail, at + 1);
        assert_int_equal(s->r[0], 8);
        assert_int_equal(s->r[1], 0);
        s->r[5] = at - 8;
        harness_run(h, c.entry);
        assert_end(IR_EXIT_BREAKPOINT, 0x1008);
    }
}

/* Another thread adds to the same words. */
static void *add_thread(void *arg)
{
    for (unsigned n = 0; n < 200000; n++) {
        __atomic_fetch_add((uint64_t *)(void *)h->memory, 1, __ATOMIC_SEQ_CST);
        __atomic_fetch_add((uint64_t *)(void *)h->memory + 1, 1, __ATOMIC_SEQ_CST);
        __atomic_fetch_add((uint64_t *)(void *)h->memory + 2, 1, __ATOMIC_SEQ_CST);
    }
    return NULL;
}

static void test_atomics(void **unused)
{
    /* Adds 1 to three words: by ATOMIC_RMW, by ATOMIC_CAS, and by a 128-bit ATOMIC_CAS. */
    struct test_code a = compile(0x1000, "insn 0x1000, 4\n"
                                         "v2 = get.i64 r14\n"
                                         "v3 = const.i64 0x1\n"
                                         "v4 = atomic_rmw.i64.add [v2], v3\n"
                                         "label L0\n"
                                         "v6 = get.i64 r14\n"
                                         "v7 = const.i64 0x1\n"
                                         "v8 = load.i64.i64 [v6 + 0x8]\n"
                                         "v9 = add.i64 v8, v7\n"
                                         "v10 = atomic_cas.i64 [v6 + 0x8], v8, v9\n"
                                         "v11 = cmp.ne v10, v8\n"
                                         "br_if v11, L0\n"
                                         "label L1\n"
                                         "v14 = get.i64 r14\n"
                                         "v15 = load.v128.v128 [v14 + 0x10]\n"
                                         "v16 = vext.i64.i64 v15, 0\n"
                                         "v17 = const.i64 0x1\n"
                                         "v18 = add.i64 v16, v17\n"
                                         "v19 = vins.v128.i64 v15, v18, 0\n"
                                         "v20 = atomic_cas.v128 [v14 + 0x10], v15, v19\n"
                                         "v21 = vext.i64.i64 v20, 0\n"
                                         "v22 = vext.i64.i64 v20, 1\n"
                                         "v23 = vext.i64.i64 v15, 1\n"
                                         "v24 = cmp.ne v21, v16\n"
                                         "v25 = cmp.ne v22, v23\n"
                                         "v26 = or.i1 v24, v25\n"
                                         "br_if v26, L1\n"
                                         "jump 0x1000\n");
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, add_thread, NULL), 0);
    for (unsigned n = 0; n < 200000; n++)
        harness_run(h, a.entry);
    pthread_join(thread, NULL);
    for (unsigned n = 0; n < 3; n++) {
        uint64_t v;
        memcpy(&v, h->memory + 8 * n, 8);
        assert_int_equal(v, 400000);
    }
}

static void test_helper(void **unused)
{
    struct test_code c = compile(0x1000, "insn 0x1000, 4\nv2 = get.i64 r1\nv3 = const.i64 0x5\nv4 = add.i64 v2, v3\nset r1, v4\n"
                                         "v6 = get.i64 r2\nset r2, v6\ninsn 0x1004, 4\nhelper.1 v4, 0x0\nv10 = get.i64 r1\n"
                                         "v11 = get.i64 r2\nv12 = sub.i64 v10, v11\nset r5, v12\nhelper.0 0x64\n"
                                         "exit.breakpoint 0x1008\n");
    struct test_state *s = harness_state(h);
    s->r[0] = 1;
    s->r[1] = 10;
    s->r[2] = 20;
    harness_run(h, c.entry);
    assert_end(IR_EXIT_BREAKPOINT, 0x1008);
    assert_int_equal(s->r[0], 101);
    assert_int_equal(s->r[1], 20);
    assert_int_equal(s->r[2], 15);
    assert_int_equal(s->r[3], 16);
    assert_int_equal(s->r[5], 5);
}

/* The cumulative flags live on from unit to unit. */
static void test_fp_flags(void **unused)
{
    struct test_code divide = compile(0x1000, "insn 0x1000, 4\nv2 = get.f64 double0\nv3 = get.f64 double1\n"
                                              "v4 = fdiv.f64.f64 v2, v3\nset double2, v4\nexit.breakpoint 0x1004\n");
    struct test_code get = compile(0x2000, "insn 0x2000, 4\nv2 = fpflags_get\nset fpflags, v2\nexit.breakpoint 0x2004\n");
    struct test_code clear = compile(0x3000, "insn 0x3000, 4\nv2 = get.i32 w0\nfpflags_set v2\nexit.breakpoint 0x3004\n");
    struct test_state *s = harness_state(h);
    s->f64[0] = 0x3ff0000000000000; /* 1 */
    s->f64[1] = 0x4008000000000000; /* 3 */
    harness_run(h, divide.entry);
    assert_int_equal(s->f64[2], 0x3fd5555555555555);
    harness_run(h, get.entry);
    assert_int_equal(s->fpflags, FP_INEXACT);
    s->f64[1] = 0;
    harness_run(h, divide.entry);
    assert_int_equal(s->f64[2], 0x7ff0000000000000);
    harness_run(h, get.entry);
    assert_int_equal(s->fpflags, FP_INEXACT | FP_DIVZERO);
    s->w[0] = FP_OVERFLOW;
    harness_run(h, clear.entry);
    harness_run(h, get.entry);
    assert_int_equal(s->fpflags, FP_OVERFLOW);
}

/* Sums 1 to r0, in a local variable. */
static void test_loop(void **unused)
{
    struct test_code c = compile(0x1000, "insn 0x1000, 4\nv2 = get.i64 r0\nlset l0, v2\nv4 = const.i64 0x0\nlset l1, v4\n"
                                         "label L0\nv7 = lget.i64 l0\nv8 = lget.i64 l1\nv9 = add.i64 v8, v7\nlset l1, v9\n"
                                         "v11 = const.i64 0x1\nv12 = sub.i64 v7, v11\nlset l0, v12\nv14 = const.i64 0x0\n"
                                         "v15 = cmp.ne v12, v14\nbr_if v15, L0\nv17 = lget.i64 l1\nset r1, v17\n"
                                         "exit.breakpoint 0x1004\n");
    harness_state(h)->r[0] = 1000;
    harness_run(h, c.entry);
    assert_end(IR_EXIT_BREAKPOINT, 0x1004);
    assert_int_equal(harness_state(h)->r[1], 500500);
}

/* More values alive at once than any host has registers, or room it would rather use. */
static void test_many_values(void **unused)
{
    enum { MANY = 1000 };
    char *text = malloc(200 * MANY), *p = text;
    p += sprintf(p, "insn 0x1000, 4\nv2 = get.i64 r14\n");
    for (unsigned n = 0; n < MANY; n++)
        p += sprintf(p, "v%u = load.i64.i64 [v2 + 0x%x]\n", 3 + n, 8 * n);
    p += sprintf(p, "v%u = const.i64 0x0\n", 3 + MANY);
    for (unsigned n = 0; n < MANY; n++)
        p += sprintf(p, "v%u = %s.i64 v%u, v%u\n", 4 + MANY + n, n % 2 ? "sub" : "add", 3 + MANY + n, 3 + n);
    sprintf(p, "set r0, v%u\nexit.breakpoint 0x1004\n", 3 + 2 * MANY);
    struct test_code c = compile(0x1000, text);
    uint64_t sum = 0;
    for (unsigned n = 0; n < MANY; n++) {
        uint64_t v = n * 0x123456789abcdefull;
        memcpy(h->memory + 8 * n, &v, 8);
        sum = n % 2 ? sum - v : sum + v;
    }
    harness_run(h, c.entry);
    assert_end(IR_EXIT_BREAKPOINT, 0x1004);
    assert_int_equal(harness_state(h)->r[0], sum);
    free(text);
}

/* Too small a buffer is refused and nothing beyond it is written. */
static void test_room(void **unused)
{
    struct ir_unit u;
    struct host_code code;
    static uint8_t room[8192];
    parse(&u, 0x1000, FAULTING "v11 = load.i64.i64 [v9]\nset r1, v11\nv12 = cmp.e v11, v10\njump_if v12, 0x2000\njump 0x3000\n");
    for (size_t size = 0;; size += 16) {
        assert_true(size < sizeof room - 64);
        memset(room, 0x5a, sizeof room);
        struct host_buffer buffer = {.rw = room, .exec_delta = h->rw + h->exec_delta - room, .size = size};
        int error = the_host->compile(&u, &buffer, &code);
        for (size_t n = size; n < sizeof room; n++)
            assert_int_equal(room[n], 0x5a);
        if (error == 0)
            break;
        assert_int_equal(error, -ENOSPC);
    }
    assert_true(code.size <= sizeof room);
}

static void test_relocation(void **unused)
{
    struct test_code c = compile(0x1000, "insn 0x1000, 4\nv2 = const.i64.pc 0x1234\nset r0, v2\ninsn 0x1004, 4\nv5 = get.i64 r5\n"
                                         "v6 = load.i64.i64 [v5]\nset r1, v6\njump 0x1008\n");
    struct test_state *s = harness_state(h);
    const uint64_t delta = 0x5000000; /* the guest's code is mapped elsewhere */
    uint8_t *rw = (uint8_t *)(uintptr_t)c.exec - h->exec_delta;
    for (uint32_t i = 0; i < c.code.reloc_count; i++) {
        uint64_t v = c.code.relocs[i].value + delta;
        memcpy(rw + c.code.relocs[i].offset, &v, c.code.relocs[i].kind == HOST_RELOC_GUEST_PC64 ? 8 : 4);
    }
    h->units[h->unit_count - 1].pc += delta;
    h->sites[h->unit_count - 1]->target += delta; /* its only one */
    s->r[5] = (uint64_t)(uintptr_t)h->memory;
    harness_run(h, c.entry);
    assert_end(IR_EXIT_NONE, 0x1008 + delta);
    assert_int_equal(s->r[0], 0x1234 + delta);
    s->r[5] = 0;
    harness_run(h, c.entry);
    assert_int_equal(s->pc, 0x1004 + delta);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_straight, setup),  cmocka_unit_test_setup(test_two_slots, setup),
        cmocka_unit_test_setup(test_part_of_vector, setup),
        cmocka_unit_test_setup(test_exits, setup),
        cmocka_unit_test_setup(test_link, setup),      cmocka_unit_test_setup(test_pending, setup),
        cmocka_unit_test_setup(test_pending_call, setup),
        cmocka_unit_test_setup(test_indirect, setup),  cmocka_unit_test_setup(test_call, setup),
        cmocka_unit_test_setup(test_call_depth, setup), cmocka_unit_test_setup(test_faults, setup),
        cmocka_unit_test_setup(test_fault_after_link, setup), cmocka_unit_test_setup(test_unaligned, setup),
        cmocka_unit_test_setup(test_atomics, setup),   cmocka_unit_test_setup(test_helper, setup),
        cmocka_unit_test_setup(test_fp_flags, setup),  cmocka_unit_test_setup(test_loop, setup),
        cmocka_unit_test_setup(test_many_values, setup), cmocka_unit_test_setup(test_room, setup),
        cmocka_unit_test_setup(test_relocation, setup),
    };
    setenv("DEMOTIC_X64_COMPILE", "strict", false);
    the_host = host_by_name(argc > 1 ? argv[1] : "interp");
    if (the_host == NULL)
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
