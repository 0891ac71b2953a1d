/* Tests of the passes: text cases, and random units that must compute the same before and after. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ir/build.h"
#include "ir/form.h"
#include "ir/random_unit.h"
#include "opt/golden.h"
#include "opt/opt.h"
#include "opt/walk.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void test_golden(void **state)
{
    static const char *const files[] = {"ir/verify.ir", "opt/fold.ir", "opt/state.ir",
                                        "opt/fuse.ir", "opt/run.ir"};
    unsigned failures = 0, cases = 0;
    char path[512];

    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        snprintf(path, sizeof(path), "%s/%s", SOURCE_DIR, files[i]);
        failures += golden_run(path, &cases);
    }
    print_message("%u cases\n", cases);
    assert_int_equal(failures, 0);
}

/* The units in docs/ir.md are units. */
static void test_document(void **state)
{
    char *text = calloc(1, 1 << 17), *p = text;
    FILE *f = fopen(SOURCE_DIR "/../docs/ir.md", "r");
    unsigned units = 0;

    assert_non_null(f);
    assert_true(fread(text, 1, (1 << 17) - 1, f) > 0);
    fclose(f);
    while ((p = strstr(p, "```ir\n"))) {
        struct arena arena = {0};
        struct ir_unit u;
        const char *error;
        char *end = strstr(p += 6, "```");

        assert_non_null(end);
        *end = 0;
        ir_unit_init(&u, &arena, random_slots, RANDOM_SLOTS);
        if (!ir_parse(&u, p, &error) || (error = ir_verify(&u)))
            fail_msg("docs/ir.md, unit %u: %s", units, error);
        assert_string_equal(ir_print(&u), p);
        arena_free(&arena);
        p = end + 1;
        units++;
    }
    assert_true(units >= 5);
    free(text);
}

/* -- random units ---------------------------------------------------------------- */

static bool odd_is_dead(void *ctx, uint64_t pc)
{
    return pc & 1;
}

/* Pure operations that the evaluator knows and that cannot meet an argument type they are not for.
 */
static enum ir_op random_op(uint64_t *seed)
{
    static const uint8_t often[] = {
        IR_ADD, IR_SUB, IR_AND,        IR_OR,        IR_XOR,         IR_ANDN,        IR_NOT,
        IR_SHL, IR_SHR, IR_SELECT,     IR_CMP,       IR_ZEXT,        IR_SEXT,        IR_TRUNC,
        IR_BFX, IR_BFI, IR_FLAGS_COND, IR_FLAGS_SUB, IR_FLAGS_LOGIC, IR_FLAGS_MERGE, IR_FLAGS_CMC,
        IR_ADC, IR_SBC, IR_FLAGS_SBC,  IR_MUL,       IR_BITCAST,     IR_VEXT,        IR_VDUP};

    switch (random_below(seed, 16)) {
    case 0:
    case 1: return IR_CONST;
    case 2:
    case 3: return IR_GET;
    case 4:
    case 5: return IR_SET;
    case 6: return random_below(seed, 2) ? IR_LOAD : random_below(seed, 2) ? IR_LOADS : IR_STORE;
    case 7: return (enum ir_op)(IR_ADD + random_below(seed, IR_FLAGS_COND - IR_ADD + 1));
    case 8: return (enum ir_op)(IR_VADD + random_below(seed, IR_VREDUCE - IR_VADD + 1));
    case 9: return random_below(seed, 3) ? IR_INSN : IR_FADD;
    case 10:
        switch (random_below(seed, 8)) {
        case 0: return IR_HELPER;
        case 1: return IR_JUMP_IF;
        case 2: return IR_LSET;
        case 3: return IR_LGET;
        case 4: return IR_BR_IF;
        case 5: return IR_LABEL;
        default: return IR_COPY;
        }
    default: return (enum ir_op)often[random_below(seed, sizeof(often))];
    }
}

static void random_seed_values(struct ir_unit *u, uint64_t *seed)
{
    static const enum ir_type consts[] = {IR_I1,  IR_I8,  IR_I16, IR_I32, IR_I64,
                                          IR_I64, IR_F32, IR_F64, IR_V64, IR_V128};

    for (size_t i = 0; i < ARRAY_LEN(consts); i++)
        ir_const(u, consts[i], random_edge(seed));
    ir_get(u, IR_I64, random_below(seed, 8));
    ir_get(u, IR_I32, random_below(seed, 8));
    ir_get(u, IR_I32, RANDOM_W0);
    ir_get(u, IR_V128, RANDOM_Q0 + random_below(seed, 4));
    ir_get(u, IR_FLAGS, RANDOM_FL);
    ir_get(u, IR_V256, RANDOM_Y0);
}

/* A forward branch is a NOP until its label is there: the generator wants units that verify. */
struct branch {
    ir_ref at, cond; /* at: IR_NONE if none is open */
};

static void close_branch(struct ir_unit *u, struct branch *b, uint64_t *seed)
{
    unsigned label;

    if (!b->at)
        return;
    label = ir_label_new(u);
    u->insts[b->at] = (struct ir_inst){.op = IR_BR_IF, .a = b->cond, .imm = label};
    ir_label(u, label);
    random_seed_values(u, seed);
    b->at = IR_NONE;
}

static void random_body(struct ir_unit *u, unsigned length, uint64_t *seed)
{
    struct branch b = {0};

    random_seed_values(u, seed);
    for (unsigned i = 0; i < length; i++) {
        enum ir_op op = random_op(seed);

        if (op == IR_LABEL || (op == IR_BR_IF && b.at)) {
            close_branch(u, &b, seed);
        } else if (op == IR_BR_IF) {
            ir_ref x = ir_get(u, IR_I64, random_below(seed, 8));
            b.cond = ir_cmp(u, IR_CC_A, x, ir_get(u, IR_I64, 1));
            b.at = ir_emit(u, (struct ir_inst){.op = IR_NOP});
        } else {
            random_inst(u, op, seed);
        }
    }
    close_branch(u, &b, seed);
    ir_jump(u, random_below(seed, 4));
}

static void compare_unit(uint64_t seed, unsigned *before, unsigned *after)
{
    struct opt_config config = {
        .enabled = true, .flags_dead = odd_is_dead, .flags_slot = RANDOM_FL};
    struct arena arena = {0};
    struct ir_unit u, opt;
    struct outcome want, got;
    uint64_t s = seed;
    char *text;

    ir_unit_init(&u, &arena, random_slots, RANDOM_SLOTS);
    ir_local_new(&u, IR_I64);
    ir_local_new(&u, IR_V128);
    random_body(&u, 10 + random_below(&s, 60), &s);
    if (ir_verify(&u))
        fail_msg("seed %llu: %s", (unsigned long long)seed, ir_verify(&u));
    opt = u;
    opt.insts = memcpy(arena_alloc(&arena, u.capacity * sizeof(*u.insts)), u.insts,
                       u.count * sizeof(*u.insts));
    opt_run(&opt, &config);
    if (ir_verify(&opt)) {
        text = ir_print(&opt);
        fail_msg("seed %llu: %s\n%s", (unsigned long long)seed, ir_verify(&opt), text);
    }
    for (unsigned i = 0; i < 3; i++) {
        walk_begin(&want, &u, seed * 3 + i);
        got = want;
        walk_unit(&want, &u, RANDOM_FL, odd_is_dead, NULL);
        walk_unit(&got, &opt, RANDOM_FL, odd_is_dead, NULL);
        got.steps = want.steps;
        if (memcmp(&want, &got, sizeof(want)) == 0)
            continue;
        printf("%s\n----\n%s\n", ir_print(&u), ir_print(&opt));
        for (unsigned k = 0; k < RANDOM_SLOTS; k++)
            if (memcmp(&want.slots[k], &got.slots[k], sizeof(want.slots[k])))
                printf("%s: %llx, not %llx\n", random_slots[k].name,
                       (unsigned long long)got.slots[k].u64[0],
                       (unsigned long long)want.slots[k].u64[0]);
        fail_msg("seed %llu differs", (unsigned long long)seed);
    }
    for (ir_ref r = 1; r < u.count; r++)
        *before += u.insts[r].op != IR_NOP;
    for (ir_ref r = 1; r < opt.count; r++)
        *after += opt.insts[r].op != IR_NOP;
    arena_free(&arena);
}

static void test_random(void **state)
{
    const char *n = getenv("OPT_TEST_UNITS"), *from = getenv("OPT_TEST_SEED");
    uint64_t first = from ? strtoull(from, NULL, 0) : 1, units = n ? strtoull(n, NULL, 0) : 3000;
    unsigned before = 0, after = 0;

    for (uint64_t seed = first; seed < first + units; seed++)
        compare_unit(seed, &before, &after);
    print_message("%llu units, %u instructions became %u\n", (unsigned long long)units, before,
                  after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_document),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests_name("opt", tests, NULL, NULL);
}
