/* Tests of the passes: text cases, and random units that must compute the same before and after. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ir/build.h"
#include "ir/eval.h"
#include "ir/form.h"
#include "ir/random_unit.h"
#include "opt/golden.h"
#include "opt/opt.h"
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

/* What a straight walk leaves: slots, and what every memory access and way out saw of them. */
struct outcome {
    union ir_value slots[RANDOM_SLOTS], locals[8];
    uint64_t
        seen; /* a hash over all addresses, stored values, exits and the slots at each of them */
    uint64_t left; /* guest PC */
};

static void see(struct outcome *o, const void *data, size_t n)
{
    const uint8_t *p = data;

    for (size_t i = 0; i < n; i++)
        o->seen = (o->seen ^ p[i]) * 0x100000001b3u;
}

/* Everything is looked at: a fault may come here. */
static void see_slots(struct outcome *o)
{
    see(o, o->slots, sizeof(o->slots));
}

static void cut(union ir_value *v, enum ir_type t)
{
    memset((char *)v + ir_type_size(t), 0, sizeof(*v) - ir_type_size(t));
}

static uint64_t address_of(const struct ir_inst *in, const union ir_value *v)
{
    return v[in->a].u64[0] + (in->b ? v[in->b].u64[0] << (in->attr & IR_MEM_SCALE) : 0) + in->imm;
}

/* A load gives a hash of its address, cut to the lane; a store is noted. */
static void access(struct outcome *o, const struct ir_inst *in, union ir_value *v,
                   union ir_value *out)
{
    uint64_t at = address_of(in, v), hash = at;

    see_slots(o);
    see(o, &at, sizeof(at));
    if (in->op == IR_STORE) {
        see(o, &v[in->c], ir_type_size((enum ir_type)in->lane));
        return;
    }
    for (unsigned i = 0; i < 4; i++)
        out->u64[i] = random_next(&hash);
    cut(out, (enum ir_type)in->lane);
    if (in->op == IR_LOADS && in->lane != in->type)
        ir_eval(IR_SEXT, (enum ir_type)in->type, IR_VOID, 0, (enum ir_type)in->lane, 0,
                &(union ir_value){{out->u64[0]}}, NULL, NULL, out, NULL);
}

static ir_ref label_at(const struct ir_unit *u, uint64_t label)
{
    for (ir_ref r = 1; r < u->count; r++)
        if (u->insts[r].op == IR_LABEL && u->insts[r].imm == label)
            return r;
    fail();
    return 0;
}

static void compute(const struct ir_unit *u, const struct ir_inst *in, union ir_value *v,
                    union ir_value *out)
{
    struct fp_status fp = {.env = {.nan_rule = FP_NAN_ARM}};

    if (in->op == IR_CONST) {
        for (unsigned i = 0; i < 4; i++)
            out->u64[i] = in->imm;
        cut(out, (enum ir_type)in->type);
    } else if (in->op == IR_COPY) {
        *out = v[in->a];
    } else {
        ir_eval((enum ir_op)in->op, (enum ir_type)in->type, (enum ir_type)in->lane, in->attr,
                (enum ir_type)u->insts[in->a].type, in->imm, &v[in->a], in->b ? &v[in->b] : NULL,
                in->c ? &v[in->c] : NULL, out, &fp);
    }
}

/* Forward branches only. Unused bytes of a flags slot stay zero because every flags value is clean.
 */
static void walk(const struct ir_unit *u, struct outcome *o)
{
    union ir_value *v = calloc(u->count, sizeof(*v));

    for (ir_ref r = 1; r < u->count; r++) {
        const struct ir_inst *in = &u->insts[r];
        bool taken = v[in->a].u8[0] & 1;

        switch (in->op) {
        case IR_NOP:
        case IR_INSN:
        case IR_LABEL: break; /* nothing happens */
        case IR_GET:
            v[r] = o->slots[in->imm];
            cut(&v[r], (enum ir_type)in->type);
            break;
        case IR_SET: o->slots[in->imm] = v[in->a]; break;
        case IR_LGET: v[r] = o->locals[in->imm]; break;
        case IR_LSET: o->locals[in->imm] = v[in->a]; break;
        case IR_LOAD:
        case IR_LOADS:
        case IR_STORE: access(o, in, v, &v[r]); break;
        case IR_HELPER: /* changes a slot in a way of its own */
            see_slots(o);
            o->slots[in->attr % 8].u64[0] ^= o->seen;
            break;
        case IR_BR: r = label_at(u, in->imm); break;
        case IR_BR_IF:
            if (taken)
                r = label_at(u, in->imm);
            break;
        case IR_JUMP_IF:
            if (!taken)
                break;
            /* fall through */
        case IR_JUMP:
            o->left = in->imm;
            if (o->left & 1) /* where the flags are dead */
                o->slots[RANDOM_FL] = (union ir_value){{0}};
            see_slots(o);
            free(v);
            return;
        default: compute(u, in, v, &v[r]); break;
        }
    }
    fail();
}

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

static void random_outcome(struct outcome *o, uint64_t seed)
{
    memset(o, 0, sizeof(*o));
    for (unsigned i = 0; i < RANDOM_SLOTS; i++) {
        for (unsigned k = 0; k < 4; k++)
            o->slots[i].u64[k] = random_edge(&seed);
        if (random_slots[i].type == IR_FLAGS)
            o->slots[i].u64[0] &= IR_FLAG_ALL;
        cut(&o->slots[i], (enum ir_type)random_slots[i].type);
    }
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
        random_outcome(&want, seed * 3 + i);
        got = want;
        walk(&u, &want);
        walk(&opt, &got);
        if (want.left != got.left || memcmp(want.slots, got.slots, sizeof(want.slots)) ||
            want.seen != got.seen) {
            printf("%s\n----\n%s\n", ir_print(&u), ir_print(&opt));
            for (unsigned k = 0; k < RANDOM_SLOTS; k++)
                if (memcmp(&want.slots[k], &got.slots[k], sizeof(want.slots[k])))
                    printf("%s: %llx, not %llx\n", random_slots[k].name,
                           (unsigned long long)got.slots[k].u64[0],
                           (unsigned long long)want.slots[k].u64[0]);
            fail_msg("seed %llu differs", (unsigned long long)seed);
        }
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
