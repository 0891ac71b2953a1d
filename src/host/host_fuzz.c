/* Random units on a host against the reference walk.
 *
 *     host-fuzz [--host NAME] [--mode one|program] [--op NAME] [--seed N] [--count N] [--steps N] [--only N,N...]
 *               [--opt] [--x86] [--v256] [--no-fp] [--no-memory] [--no-faults] [--no-control] [--keep-going] [--show]
 *
 * --opt: the host gets the optimised unit, the reference the original.
 * one: units of one operation (all operations in turn, or --op), each with several inputs.  program: small
 * programs; a failing one is reduced to the steps that matter (--only N,N...) first.  A failure prints what
 * reproduces it, the unit, and what differs. */
#include "host/testing/compare.h"
#include "host/testing/random_unit.h"
#include "opt/opt.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fuzz {
    struct harness *h;
    struct random_unit options;
    bool program, optimise, x86, keep_going, show, quiet;
    enum ir_op op;
    unsigned inputs;
    struct arena arena;
    unsigned failures;
    unsigned failed[IR_OP_COUNT], tried[IR_OP_COUNT];
    char report[16384];
    char *text; /* of the unit that failed */
};

static bool make_unit(struct fuzz *f, struct ir_unit *u, enum ir_op op, struct random *r)
{
    ir_unit_init(u, &f->arena, test_guest.slots, test_guest.slot_count);
    u->pc = TEST_PC_BASE;
    random_fp_env(r, &u->fp, f->x86);
    if (f->program)
        random_unit_program(u, &f->options);
    else if (!random_unit_one(u, op, &f->options))
        return false;
    u->size = 4 * u->insn_count;
    return true;
}

/* Of half of the ways out. */
static bool is_dead(void *ctx, uint64_t pc)
{
    return pc & 4;
}

/* Makes, compiles and runs the unit of options.seed; false if it fails. *made: there is such a unit. */
static bool try_one(struct fuzz *f, enum ir_op op, bool *made)
{
    struct random r = {f->options.seed ^ 0xf00d};
    struct ir_unit u;
    static struct compare_input in;
    arena_reset(&f->arena);
    struct random fp = r;
    *made = make_unit(f, &u, op, &fp);
    if (!*made)
        return true;
    f->text = ir_print(&u);
    if (f->show)
        printf("%s\n", f->text);
    const char *error = ir_verify(&u);
    struct ir_unit original = u;
    if (f->optimise && error == NULL) {
        make_unit(f, &original, op, &r);
        opt_run(&u, &(struct opt_config){.enabled = true, .flags_slot = TEST_FLAGS, .flags_dead = is_dead});
        error = ir_verify(&u);
        char *text = ir_print(&u), *both = arena_alloc(&f->arena, strlen(text) + strlen(f->text) + 32);
        f->text = strcat(strcat(strcpy(both, f->text), "optimised:\n"), text);
    }
    r = fp;
    if (error != NULL) {
        snprintf(f->report, sizeof f->report, "  does not verify: %s\n", error);
        return false;
    }
    struct test_code code;
    int status = harness_compile(f->h, &u, &code);
    if (status != 0) {
        snprintf(f->report, sizeof f->report, "  compile: %s\n", strerror(-status));
        return false;
    }
    bool good = true;
    for (unsigned i = 0; i < f->inputs && good; i++) {
        compare_prepare(f->h, &in, &r);
        in.flags_dead = f->optimise ? is_dead : NULL;
        good = compare_run(f->h, &original, &code, &in, f->report, sizeof f->report);
    }
    if (!good && !f->quiet)
        printf("fp: round %d nan %d dn %d fz %d%d fz16 %d ahp %d before %d\n", u.fp.round, u.fp.nan_rule, u.fp.default_nan,
               u.fp.flush_inputs, u.fp.flush_outputs, u.fp.flush_half, u.fp.alt_half, u.fp.tiny_before);
    return good;
}

/* Leaves out of a failing program all steps it fails without. */
static void reduce(struct fuzz *f)
{
    bool made, again = true;
    f->quiet = true;
    while (again) {
        again = false;
        for (unsigned n = f->options.steps; n-- != 0;) {
            if (f->options.skip[n])
                continue;
            f->options.skip[n] = true;
            if (try_one(f, IR_NOP, &made))
                f->options.skip[n] = false;
            else
                again = true;
        }
    }
    f->quiet = false;
    try_one(f, IR_NOP, &made);
}

static void fail(struct fuzz *f, enum ir_op op)
{
    unsigned long long seed = f->options.seed;
    f->failures++;
    if (f->program) {
        reduce(f);
        printf("FAIL seed %llu: --host %s --mode program --seed %llu --count 1 --steps %u%s%s --only", seed, f->h->host->name, seed,
               f->options.steps, f->optimise ? " --opt" : "", f->x86 ? " --x86" : "");
        for (unsigned n = 0, any = 0; n < f->options.steps; n++)
            if (!f->options.skip[n])
                printf("%c%u", any++ ? ',' : ' ', n);
        printf("\n");
        memset(f->options.skip, 0, sizeof f->options.skip);
    } else {
        f->failed[op]++;
        printf("FAIL %s: --host %s --op %s --seed %llu --count 1\n", ir_op_info[op].name, f->h->host->name, ir_op_info[op].name, seed);
    }
    printf("%s%s\n", f->text, f->report);
    fflush(stdout);
}

static void run(struct fuzz *f, uint64_t seed, unsigned count)
{
    bool made;
    for (unsigned n = 0; n < count; n++) {
        f->options.seed = seed + n;
        if (f->program) {
            f->tried[0]++;
            if (!try_one(f, IR_NOP, &made))
                fail(f, IR_NOP);
        } else {
            for (enum ir_op op = f->op ? f->op : 1; op < (f->op ? f->op + 1 : IR_OP_COUNT); op++) {
                bool good = try_one(f, op, &made);
                f->tried[op] += made;
                if (!good && (f->failed[op] == 0 || f->op))
                    fail(f, op);
                else if (!good)
                    f->failures++, f->failed[op]++;
            }
        }
        if (f->failures != 0 && !f->keep_going)
            break;
    }
}

static void only_steps(bool skip[RANDOM_STEPS], const char *list)
{
    memset(skip, true, RANDOM_STEPS);
    for (char *end; *list != '\0'; list = *end == ',' ? end + 1 : end) {
        unsigned long n = strtoul(list, &end, 10);
        if (end == list || n >= RANDOM_STEPS) {
            fprintf(stderr, "host-fuzz: --only wants numbers of steps\n");
            exit(2);
        }
        skip[n] = false;
    }
}

static enum ir_op op_named(const char *name)
{
    for (unsigned i = 1; i < IR_OP_COUNT; i++)
        if (strcmp(ir_op_info[i].name, name) == 0)
            return i;
    fprintf(stderr, "host-fuzz: no operation %s\n", name);
    exit(2);
}

/* A failed assertion or a fault: which unit it was. */
static struct fuzz *running;
static void on_death(int signal_number)
{
    char text[128];
    int n = snprintf(text, sizeof text, "host-fuzz: died of signal %d at --seed %llu\n", signal_number,
                     (unsigned long long)running->options.seed);
    ssize_t done = write(2, text, (size_t)n);
    (void)done;
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static void usage(void)
{
    fprintf(stderr, "usage: host-fuzz [--host NAME] [--mode one|program] [--op NAME] [--seed N] [--count N] [--steps N] [--only N,N...]\n"
                    "       [--opt] [--x86] [--v256] [--no-fp] [--no-memory] [--no-faults] [--no-control] [--keep-going] [--show]\n");
    exit(2);
}

int main(int argc, char **argv)
{
    static struct fuzz f = {.inputs = 4, .options = {.steps = 40, .memory = true, .faults = true, .control = true,
                                                     .helpers = true, .fp = true}};
    const char *host_name = "interp";
    uint64_t seed = 1;
    unsigned count = 200;
    for (int i = 1; i < argc; i++) {
        const char *a = argv[i], *v = argv[i + 1];
        if (strcmp(a, "--x86") == 0)
            f.x86 = f.options.shape.x86 = true;
        else if (strcmp(a, "--opt") == 0)
            f.optimise = true;
        else if (strcmp(a, "--v256") == 0)
            f.options.shape.v256 = true;
        else if (strcmp(a, "--no-fp") == 0)
            f.options.fp = false;
        else if (strcmp(a, "--no-memory") == 0)
            f.options.memory = false;
        else if (strcmp(a, "--no-faults") == 0)
            f.options.faults = false;
        else if (strcmp(a, "--no-control") == 0)
            f.options.control = false;
        else if (strcmp(a, "--keep-going") == 0)
            f.keep_going = true;
        else if (strcmp(a, "--show") == 0)
            f.show = true;
        else if (v == NULL)
            usage();
        else if (i++, strcmp(a, "--host") == 0)
            host_name = v;
        else if (strcmp(a, "--mode") == 0)
            f.program = strcmp(v, "program") == 0;
        else if (strcmp(a, "--op") == 0)
            f.op = f.options.only = op_named(v);
        else if (strcmp(a, "--seed") == 0)
            seed = strtoull(v, NULL, 0);
        else if (strcmp(a, "--count") == 0)
            count = (unsigned)strtoul(v, NULL, 0);
        else if (strcmp(a, "--only") == 0)
            only_steps(f.options.skip, v);
        else if (strcmp(a, "--steps") == 0)
            f.options.steps = (unsigned)strtoul(v, NULL, 0);
        else
            usage();
    }
    const struct host *host = host_by_name(host_name);
    if (host == NULL) {
        printf("no host %s in this build\n", host_name);
        return 77;
    }
    setenv("DEMOTIC_X64_COMPILE", "strict", false); /* no way round defects, unless asked for */
    f.h = harness_open(host);
    if (f.h == NULL)
        return 77;
    running = &f;
    signal(SIGABRT, on_death);
    signal(SIGILL, on_death);
    run(&f, seed, count);
    unsigned tried = 0;
    for (unsigned i = 0; i < IR_OP_COUNT; i++) {
        tried += f.tried[i];
        if (f.failed[i] != 0)
            printf("%-14s failed %u of %u\n", ir_op_info[i].name, f.failed[i], f.tried[i]);
    }
    printf("%s: %u units, %u inputs each, %u failed, %u faults recovered\n", host_name, tried, f.inputs, f.failures, f.h->faults);
    arena_free(&f.arena);
    harness_close(f.h);
    return f.failures != 0;
}
