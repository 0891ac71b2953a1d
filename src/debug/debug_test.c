/* Dumps and traces, by what they write to the log. */
#include "debug/disassemble.h"
#include "debug/dump.h"
#include "debug/trace.h"
#include "engine/engine.h"
#include "guest/cpu.h"
#include "support/log.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static int log_file;

static int setup(void **unused)
{
    log_file = memfd_create("log", 0);
    assert_true(log_file >= 0);
    log_set_fd(log_file);
    return 0;
}
static int teardown(void **unused)
{
    log_set_fd(STDERR_FILENO);
    close(log_file);
    return 0;
}

static const char *logged(void)
{
    static char text[65536];
    ssize_t n = pread(log_file, text, sizeof text - 1, 0);
    assert_true(n >= 0);
    text[n] = '\0';
    return text;
}
static void assert_logged(const char *what)
{
    if (strstr(logged(), what) == NULL)
        fail_msg("not in the log: %s\n%s", what, logged());
}

static const uint32_t code[] = {0x8b010000, 0xd503201f}; /* add x0, x0, x1; nop */
#define PC ((uint64_t)(uintptr_t)code)

static void make_unit(struct ir_unit *u, struct arena *a)
{
    const char *error;
    ir_unit_init(u, a, guest_arm64.slots, guest_arm64.slot_count);
    u->pc = PC;
    u->size = sizeof code;
    assert_true(ir_parse(u, "insn 0x1000, 4\nv2 = get.i64 x0\nv3 = get.i64 x1\nv4 = add.i64 v2, v3\nset x0, v4\njump 0x1008\n", &error));
}

static void test_dump(void **unused)
{
    struct arena arena = {0};
    struct ir_unit u;
    struct debug_dump *d = debug_dump_open("ir,asm", &guest_arm64, &host_interp);
    assert_non_null(d);
    make_unit(&u, &arena);
    debug_dump_unit(d, ENGINE_STAGE_LIFTED, &u, NULL, 0);
    assert_logged("8b010000  add");
    assert_logged("nop\n");
    assert_logged("v4 = add.i64 v2, v3\n");
    debug_dump_unit(d, ENGINE_STAGE_OPTIMISED, &u, NULL, 0);
    assert_null(strstr(logged(), "optimised"));

    static _Alignas(16) uint8_t room[4096];
    struct host_buffer buffer = {.rw = room, .size = sizeof room};
    struct host_code hc;
    assert_int_equal(host_interp.compile(&u, &buffer, &hc), 0);
    debug_dump_unit(d, ENGINE_STAGE_COMPILED, &u, room, hc.size);
    assert_logged("ADD64");
    arena_free(&arena);
    free(d);
}

static void test_dump_one(void **unused)
{
    struct arena arena = {0};
    struct ir_unit u;
    make_unit(&u, &arena);
    char spec[64];
    snprintf(spec, sizeof spec, "opt=%#llx", (unsigned long long)(PC + 8)); /* behind the end */
    struct debug_dump *d = debug_dump_open(spec, &guest_arm64, &host_interp);
    assert_non_null(d);
    debug_dump_unit(d, ENGINE_STAGE_OPTIMISED, &u, NULL, 0);
    assert_string_equal(logged(), "");
    free(d);
    snprintf(spec, sizeof spec, "opt=%#llx", (unsigned long long)(PC + 4));
    d = debug_dump_open(spec, &guest_arm64, &host_interp);
    debug_dump_unit(d, ENGINE_STAGE_OPTIMISED, &u, NULL, 0);
    assert_logged("optimised");
    free(d);
    arena_free(&arena);
}

static void test_bad_spec(void **unused)
{
    static const char *const bad[] = {"", "irr", "ir,", "ir,opt=", "asm=0x12x", "=5", "ir;opt", "perf,"};
    for (unsigned n = 0; n < ARRAY_LEN(bad); n++)
        assert_null(debug_dump_open(bad[n], &guest_arm64, &host_interp));
}

static void test_trace(void **unused)
{
    struct cpu *cpu = aligned_alloc(64, align_up(sizeof *cpu, 64));
    memset(cpu, 0, sizeof *cpu);
    const char *file = "-";
    assert_true(debug_trace_open(&file, &guest_arm64));
    assert_int_equal(file[0], '+');
    assert_true(debug_trace_open(&file, &guest_arm64)); /* as after an execve */
    uint64_t *x0 = &CPU_SLOT(cpu, uint64_t, &guest_arm64.slots[0]);
    uint64_t *pc = &CPU_SLOT(cpu, uint64_t, &guest_arm64.slots[guest_arm64.pc_slot]);
    *x0 = 5;
    *pc = PC;
    debug_trace_step(cpu);
    *x0 = 0x1234;
    CPU_SLOT(cpu, uint32_t, &guest_arm64.slots[guest_arm64.flags_slot]) = IR_FLAG_Z | 0x200;
    *pc = PC + 4;
    debug_trace_step(cpu);
    assert_logged("=1 x0=0000000000000005");
    assert_logged("  add");
    assert_logged("x0=0000000000001234");
    assert_logged("=4000\n");
    assert_logged("  nop\n");
    free(cpu);
}

static void test_disassemble(void **unused)
{
    static const uint8_t bytes[] = {0x48, 0x89, 0xc3, 0xc3};
    disassemble_host(bytes, sizeof bytes);
#if defined(__x86_64__)
    bool helper = getenv("DEMOTIC_DISAS") != NULL || strstr(logged(), "mov") != NULL;
    assert_logged(helper ? "mov rbx, rax" : "48 89 c3 c3");
#endif
    disassemble_host(bytes, sizeof bytes); /* the same helper again, or its absence */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_dump, setup, teardown),
        cmocka_unit_test_setup_teardown(test_dump_one, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_spec, setup, teardown),
        cmocka_unit_test_setup_teardown(test_trace, setup, teardown),
        cmocka_unit_test_setup_teardown(test_disassemble, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
