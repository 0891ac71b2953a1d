/* Compares src/fp with an Arm64 processor: random operands and FPCR for every row of cases.def go
 * to the program of arm64.c (usually under qemu-aarch64) and to ir_eval_fp, ir_eval_crypto; results
 * and cumulative flags must agree.
 *
 *   fp-oracle [-n COUNT] [-s SEED] [-c SUBSTRING] PROGRAM
 *
 * COUNT is the number of tests per case; -c restricts to cases whose names contain SUBSTRING.
 * PROGRAM is run by $DEMOTIC_QEMU, or else qemu-aarch64 from the path; if there is none the exit
 * status is 77.
 *
 * QEMU 11.1 agrees with the manual, and with us, in every case: nothing is excused. */
#include "fp/fp.h"
#include "fp/operands.h"
#include "wire.h"
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum result_place { V, X, F };

struct test_case {
    const char *name;
    enum result_place result;
    const char *kinds, *args;
    enum ir_op op;
    enum ir_type type, lane;
    unsigned attr;
    enum ir_type arg_type;
    uint64_t imm;
};

static const struct test_case cases[] = {
#define CASE(name, text, result, kinds, args, op, type, lane, attr, arg_type, imm)                 \
    {#name, result, kinds, args, IR_##op, type, lane, attr, arg_type, imm},
#include "cases.def"
#undef CASE
};

#define FPCR_AHP         0x4000000u
#define FPCR_DN          0x2000000u
#define FPCR_FZ          0x1000000u
#define FPCR_RMODE_SHIFT 22
#define FPCR_FZ16        0x80000u
#define FPSR_MASK        (FP_INVALID | FP_DIVZERO | FP_OVERFLOW | FP_UNDERFLOW | FP_INEXACT | FP_DENORMAL)

static struct fp_env env_of(uint32_t fpcr)
{
    static const uint8_t modes[] = {FP_ROUND_NEAREST, FP_ROUND_UP, FP_ROUND_DOWN, FP_ROUND_ZERO};
    return (struct fp_env){
        .round = modes[fpcr >> FPCR_RMODE_SHIFT & 3],
        .nan_rule = FP_NAN_ARM,
        .default_nan = (fpcr & FPCR_DN) != 0,
        .flush_inputs = (fpcr & FPCR_FZ) != 0,
        .flush_outputs = (fpcr & FPCR_FZ) != 0,
        .flush_half = (fpcr & FPCR_FZ16) != 0,
        .alt_half = (fpcr & FPCR_AHP) != 0,
        .tiny_before = true,
    };
}

static uint32_t nzcv_of(uint32_t flags)
{
    return (flags & IR_FLAG_S ? 1u << 31 : 0) | (flags & IR_FLAG_Z ? 1u << 30 : 0) |
           (flags & IR_FLAG_C ? 0 : 1u << 29) | (flags & IR_FLAG_O ? 1u << 28 : 0);
}

/* What ours makes of a test, in the form of the other's answer. */
static struct wire_result evaluate(const struct test_case *c, const struct wire_test *t)
{
    struct fp_status status = {.env = env_of(t->fpcr)};
    union ir_value args[3] = {{{0}}}, out;
    for (unsigned i = 0; i < strlen(c->args); i++)
        memcpy(&args[i], t->v[c->args[i] - '0'], 16);
    memset(&out, 0xaa, sizeof(out));
    (c->op >= IR_AESE && c->op <= IR_SHA512 ? ir_eval_crypto : ir_eval_fp)(
        c->op, c->type, c->lane, c->attr, c->arg_type, c->imm, &args[0], &args[1], &args[2], &out,
        &status);
    struct wire_result r = {.fpsr = status.flags};
    if (c->result == V)
        memcpy(r.v0, out.u64, 16);
    else if (c->result == X)
        r.x0 = out.u64[0];
    else
        r.nzcv = nzcv_of(out.u32[0]);
    return r;
}

static bool same(const struct test_case *c, const struct wire_result *a,
                 const struct wire_result *b)
{
    if ((a->fpsr & FPSR_MASK) != (b->fpsr & FPSR_MASK))
        return false;
    switch (c->result) {
    case V:
        return !memcmp(a->v0, b->v0, sizeof(a->v0));
    case X:
        return a->x0 == b->x0;
    default:
        return a->nzcv == b->nzcv;
    }
}

static void print_result(const char *who, const struct test_case *c, const struct wire_result *r)
{
    printf("  %s ", who);
    if (c->result == V)
        printf("%016" PRIx64 "'%016" PRIx64, r->v0[1], r->v0[0]);
    else if (c->result == X)
        printf("%016" PRIx64, r->x0);
    else
        printf("nzcv %x", r->nzcv >> 28);
    printf(" fpsr %02x\n", r->fpsr & FPSR_MASK);
}

static void print_failure(const struct test_case *c, const struct wire_test *t,
                          const struct wire_result *ours, const struct wire_result *theirs)
{
    printf("%s: fpcr %08x%s%s%s%s rmode %u\n", c->name, t->fpcr, t->fpcr & FPCR_FZ ? " FZ" : "",
           t->fpcr & FPCR_FZ16 ? " FZ16" : "", t->fpcr & FPCR_DN ? " DN" : "",
           t->fpcr & FPCR_AHP ? " AHP" : "", t->fpcr >> FPCR_RMODE_SHIFT & 3);
    for (unsigned i = 0; i < 3; i++)
        if (c->kinds[i] != '-')
            printf("  v%u     %016" PRIx64 "'%016" PRIx64 "\n", i, t->v[i][1], t->v[i][0]);
    print_result("ours  ", c, ours);
    print_result("theirs", c, theirs);
}

struct oracle {
    pid_t pid;
    FILE *in, *out;
};

static bool oracle_start(struct oracle *o, const char *program)
{
    const char *qemu = getenv("DEMOTIC_QEMU");
    int in[2], out[2];
    if (!qemu || !*qemu)
        qemu = "qemu-aarch64";
    if (pipe(in) || pipe(out))
        return false;
    o->pid = fork();
    if (o->pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        close(in[1]);
        close(out[0]);
        execlp(qemu, qemu, program, (char *)NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    o->in = fdopen(in[1], "w");
    o->out = fdopen(out[0], "r");
    return o->pid > 0 && o->in && o->out;
}

/* One batch: it is read whole before it is answered, so that neither side can block the other. */
static void oracle_ask(struct oracle *o, const struct wire_test *tests, struct wire_result *results)
{
    if (fwrite(tests, sizeof(*tests), WIRE_BATCH, o->in) != WIRE_BATCH || fflush(o->in) ||
        fread(results, sizeof(*results), WIRE_BATCH, o->out) != WIRE_BATCH) {
        int status = 0;
        waitpid(o->pid, &status, 0);
        bool missing = WIFEXITED(status) && WEXITSTATUS(status) == 127;
        fprintf(stderr, "fp-oracle: %s\n",
                missing ? "no qemu-aarch64" : "the Arm64 program died (no Armv8.6?)");
        exit(missing ? 77 : 1);
    }
}

static void make_test(struct random *rng, const struct test_case *c, struct wire_test *t)
{
    *t = (struct wire_test){.number = (uint32_t)(c - cases)};
    uint64_t bits = random_next(rng);
    t->fpcr = (uint32_t)(bits & 3) << FPCR_RMODE_SHIFT | (bits & 0x70 ? 0 : FPCR_AHP) |
              (bits & 0x300 ? 0 : FPCR_DN) | (bits & 0x1000 ? 0 : FPCR_FZ) |
              (bits & 0x10000 ? 0 : FPCR_FZ16);
    if (!strncmp(c->name, "fcvt_", 5)) /* where AHP matters */
        t->fpcr ^= bits & 0x20000 ? FPCR_AHP : 0;
    for (unsigned i = 0; i < 3; i++)
        operand_fill(rng, c->kinds[i], t->v[i], i ? t->v[i - 1] : t->v[0]);
}

static unsigned long run_case(struct oracle *o, const struct test_case *c, unsigned long count,
                              struct random *rng)
{
    static struct wire_test tests[WIRE_BATCH];
    static struct wire_result theirs[WIRE_BATCH];
    unsigned long failures = 0;
    for (unsigned long done = 0; done < count; done += WIRE_BATCH) {
        for (unsigned i = 0; i < WIRE_BATCH; i++)
            make_test(rng, c, &tests[i]);
        oracle_ask(o, tests, theirs);
        for (unsigned i = 0; i < WIRE_BATCH; i++) {
            struct wire_result ours = evaluate(c, &tests[i]);
            if (!same(c, &ours, &theirs[i]) && failures++ < 3)
                print_failure(c, &tests[i], &ours, &theirs[i]);
        }
    }
    return failures;
}

int main(int argc, char **argv)
{
    unsigned long count = 16384, failures = 0, ran = 0;
    const char *only = "";
    struct random rng = {1};
    for (int option; (option = getopt(argc, argv, "n:s:c:")) != -1;) {
        if (option == 'n')
            count = strtoul(optarg, NULL, 0);
        else if (option == 's')
            rng.state = strtoull(optarg, NULL, 0);
        else if (option == 'c')
            only = optarg;
        else
            return 2;
    }
    if (argc - optind != 1) {
        fprintf(stderr, "usage: fp-oracle [-n COUNT] [-s SEED] [-c SUBSTRING] PROGRAM\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    struct oracle oracle;
    if (!oracle_start(&oracle, argv[optind])) {
        perror("fp-oracle");
        return 1;
    }
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        if (!strstr(cases[i].name, only))
            continue;
        unsigned long bad = run_case(&oracle, &cases[i], count, &rng);
        if (bad)
            printf("%s: %lu of %lu differ\n", cases[i].name, bad, count);
        failures += bad;
        ran++;
    }
    fclose(oracle.in);
    waitpid(oracle.pid, NULL, 0);
    printf("%lu cases, %lu tests each, %lu differences\n", ran, count, failures);
    return failures != 0;
}
