/* Compares every floating-point and SIMD instruction of the tables with an Arm64 processor.
 *
 *     simd-oracle [-n ROUNDS] [-s SEED] [-r ROW] [-v] PROGRAM      instructions on random states
 *     simd-oracle -u COUNT PROGRAM                                 which encodings are unallocated
 *
 * For each row a few random words are lifted, verified, and walked over (walk.c) before and after the
 * optimiser; the program of arm64.c (run by $DEMOTIC_QEMU, or else qemu-aarch64 from the path) runs them on
 * the same states in all modes of FPCR.  All registers, flags, FPSR and memory must agree.  A round is 4
 * words of every row with 32 states each.  Exit status 77: there is nothing to run the program with. */
#include "inputs.h"
#include "opt/opt.h"
#include "walk.h"
#include "guest/arm64/rows.h"
#include "guest/guest.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUND_WORDS 4
#define STATES 32
#define FPSR_BITS 0x0800009fu

/* -- the other side -------------------------------------------------------------------------------- */

static int to_child, from_child;

static void spawn(const char *program)
{
    int in[2], out[2];
    const char *qemu = getenv("DEMOTIC_QEMU");

    if (!qemu || !*qemu)
        qemu = "qemu-aarch64";
    signal(SIGPIPE, SIG_IGN);
    if (pipe(in) || pipe(out)) {
        perror("pipe");
        exit(1);
    }
    if (fork() == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        close(in[1]);
        close(out[0]);
        execlp(qemu, qemu, program, (char *)NULL);
        _exit(77);
    }
    close(in[0]);
    close(out[1]);
    to_child = in[1];
    from_child = out[0];
}

static void child_died(void)
{
    int status = 0;
    bool missing = wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 77;

    fprintf(stderr, "simd-oracle: %s\n", missing ? "no qemu-aarch64" : "the Arm64 program died");
    exit(missing ? 77 : 1);
}

static void send_all(const void *p, size_t n)
{
    for (size_t done = 0; done < n;) {
        ssize_t w = write(to_child, (const char *)p + done, n - done);
        if (w <= 0)
            child_died();
        done += (size_t)w;
    }
}

static void receive_all(void *p, size_t n)
{
    for (size_t done = 0; done < n;) {
        ssize_t r = read(from_child, (char *)p + done, n - done);
        if (r <= 0)
            child_died();
        done += (size_t)r;
    }
}

static uint32_t words[WIRE_WORDS];
static unsigned rows[WIRE_WORDS];
static unsigned word_count;
static struct wire_state before[WIRE_WORDS * STATES], after[WIRE_WORDS * STATES];

static void run_there(unsigned states)
{
    struct wire_batch b = {word_count, states};

    send_all(&b, sizeof(b));
    send_all(words, word_count * sizeof(words[0]));
    send_all(before, (size_t)word_count * states * sizeof(before[0]));
    receive_all(after, (size_t)word_count * states * sizeof(after[0]));
}

/* -- our side ----------------------------------------------------------------------------------------- */

static bool fetch(void *ctx, uint64_t addr, void *buf, size_t n)
{
    memset(buf, 0, n);
    memcpy(buf, ctx, n < 4 ? n : 4);
    return true;
}

/* The guest's mode bits of FPCR, as guest.mode() computes them. */
static uint32_t mode_of(uint32_t fpcr)
{
    static struct cpu cpu;

    arm64_state(&cpu)->fpcr = fpcr;
    return guest_arm64.mode(&cpu);
}

static void lift(struct ir_unit *u, struct arena *arena, uint32_t word, uint32_t fpcr, bool optimise)
{
    struct guest_request rq = {.pc = WIRE_CODE, .mode = mode_of(fpcr), .max_insns = 1, .fetch = fetch, .fetch_ctx = &word};
    const char *wrong;

    ir_unit_init(u, arena, guest_arm64.slots, guest_arm64.slot_count);
    guest_arm64.translate(u, &rq);
    if (optimise) {
        struct opt_config config = {.enabled = true, .flags_slot = guest_arm64.flags_slot};
        opt_run(u, &config);
    }
    wrong = ir_verify(u);
    if (wrong) {
        fprintf(stderr, "simd-oracle: %s: %08x%s: %s\n%s", arm64_row_info[arm64_decode(word)].name, word,
                optimise ? " optimised" : "", wrong, ir_print(u));
        exit(1);
    }
}

static uint32_t field(unsigned row, uint32_t word, const char *name, uint32_t otherwise)
{
    const struct arm64_row_field *f = arm64_row_field(row, name);

    return f ? (uint32_t)bits_get(word, f->pos, f->width) : otherwise;
}

/* Words this test can run: X30 is not free, and some choices of registers are left open. */
static bool suitable(unsigned row, uint32_t word)
{
    const struct arm64_row_info *info = &arm64_row_info[row];

    if (info->attrs & ARM64_ATTR_faults) {
        uint32_t n = field(row, word, "Rn", 0), m = field(row, word, "Rm", 32);
        if (n == 30 || (m == n && n != 31))
            return false;
    }
    return field(row, word, "Rt", 40) != field(row, word, "Rt2", 41);
}

/* All combinations of RMode, FZ, DN, FZ16 and AHP. */
static uint32_t fpcr_of(unsigned i)
{
    return (i & 3) << 22 | (i >> 2 & 1) << 24 | (i >> 3 & 1) << 25 | (i >> 4 & 1) << 19 | (i >> 5 & 1) << 26;
}

/* Moves the base so that what is accessed lies in the window. */
static bool place(struct wire_state *s, const struct ir_unit *u, unsigned row, uint32_t word, uint64_t *rng)
{
    uint32_t n = field(row, word, "Rn", 0);
    uint64_t *base = n == 31 ? &s->sp : &s->x[n];
    static struct walk w;

    *base = 1ull << 32; /* far from both ends */
    walk_load(&w, s);
    walk_run(&w, u);
    if (!w.touched)
        return false;
    *base += WIRE_MEMORY + inputs_next(rng) % (WIRE_WINDOW - 64) - w.first;
    return true;
}

static unsigned failures, verbose;
static uint64_t cases;

static void show_vector(const char *what, const uint64_t v[2])
{
    printf("    %-10s %016llx %016llx\n", what, (unsigned long long)v[1], (unsigned long long)v[0]);
}

static void show_failure(unsigned row, uint32_t word, const struct wire_state *in, const struct wire_state *want,
                         const struct wire_state *got)
{
    static const char *const names[] = {"Rn", "Rm", "Ra", "Rd", "Rt"};
    char text[128];
    uint8_t bytes[4];

    memcpy(bytes, &word, 4);
    guest_arm64.disassemble(WIRE_CODE, bytes, 4, text, sizeof(text));
    printf("FAIL %s %08x %s   fpcr %08x\n", arm64_row_info[row].name, word, text, in->fpcr);
    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        uint32_t n = field(row, word, names[i], 99);
        if (n < 32)
            show_vector(names[i], in->v[n]);
        if (n < 31)
            printf("      x%-8u %016llx\n", n, (unsigned long long)in->x[n]);
    }
    for (unsigned i = 0; i < 32; i++) {
        if (memcmp(want->v[i], got->v[i], 16)) {
            printf("   v%u:\n", i);
            show_vector("want", want->v[i]);
            show_vector("got", got->v[i]);
        }
        if (i < 31 && want->x[i] != got->x[i])
            printf("   x%u: want %016llx got %016llx\n", i, (unsigned long long)want->x[i], (unsigned long long)got->x[i]);
    }
    printf("   nzcv %08x want %08x, fpsr %08x -> want %08x got %08x, signal %u, memory %s\n", got->nzcv, want->nzcv, in->fpsr,
           want->fpsr, got->fpsr, want->signal, memcmp(want->memory, got->memory, WIRE_WINDOW) ? "differs" : "same");
}

static bool same(const struct wire_state *a, const struct wire_state *b)
{
    return !memcmp(a->x, b->x, sizeof(a->x)) && a->sp == b->sp && !memcmp(a->v, b->v, sizeof(a->v)) && a->nzcv == b->nzcv &&
           a->fpsr == b->fpsr && !memcmp(a->memory, b->memory, WIRE_WINDOW);
}

/* -- instructions on random states ----------------------------------------------------------------------- */

static bool prepare(unsigned row, uint64_t *rng, struct arena *arena)
{
    uint32_t word = 0;
    struct ir_unit u;

    for (unsigned tries = 0; tries < 100 && !word; tries++) {
        word = arm64_row_random(row, rng);
        if (word && !suitable(row, word))
            word = 0;
    }
    if (!word)
        return false;
    lift(&u, arena, word, 0, false);
    for (unsigned i = 0; i < STATES; i++) {
        struct wire_state *s = &before[word_count * STATES + i];
        memset(s, 0, sizeof(*s));
        inputs_fill(s, rng);
        s->fpcr = fpcr_of(i % 2 ? (unsigned)inputs_next(rng) & 63 : (unsigned)inputs_next(rng) & 3);
        s->x[30] = WIRE_CODE + 8 * word_count;
        s->sp = WIRE_MEMORY;
        if ((arm64_row_info[row].attrs & ARM64_ATTR_faults) && !place(s, &u, row, word, rng))
            return false;
    }
    words[word_count] = word;
    rows[word_count++] = row;
    return true;
}

static unsigned *row_failures;

static void check_word(unsigned i, struct arena *arena)
{
    struct ir_unit plain, optimised;
    static struct walk w;

    for (unsigned j = 0; j < STATES; j++) {
        const struct wire_state *in = &before[i * STATES + j], *want = &after[i * STATES + j];
        for (unsigned pass = 0; pass < 2; pass++) {
            struct wire_state got = *in;
            arena_reset(arena);
            lift(pass ? &optimised : &plain, arena, words[i], in->fpcr, pass);
            walk_load(&w, in);
            walk_run(&w, pass ? &optimised : &plain);
            walk_store(&w, &got);
            cases += !pass;
            if (!w.stopped && !w.undefined && !want->signal && same(want, &got))
                continue;
            failures++;
            if (row_failures[rows[i]]++ < 1 + verbose) {
                if (w.stopped)
                    printf("the walk met %s\n", w.stopped);
                if (pass)
                    printf("after the optimiser:\n");
                show_failure(rows[i], words[i], in, want, &got);
                if (verbose)
                    printf("%s", ir_print(pass ? &optimised : &plain));
            }
            break;
        }
    }
}

static void flush(struct arena *arena)
{
    if (!word_count)
        return;
    run_there(STATES);
    for (unsigned i = 0; i < word_count * STATES; i++)
        after[i].fpsr &= FPSR_BITS; /* others belong to the 32-bit architecture */
    for (unsigned i = 0; i < word_count; i++)
        check_word(i, arena);
    word_count = 0;
}

static bool wanted(unsigned row, const char *only)
{
    const struct arm64_row_info *info = &arm64_row_info[row];

    return (info->attrs & ARM64_ATTR_simd) && !(info->attrs & (ARM64_ATTR_pc)) && (!only || strstr(info->name, only));
}

static int run_instructions(unsigned rounds, uint64_t rng, const char *only)
{
    struct arena arena = {0};
    unsigned tested = 0, bad = 0;

    row_failures = calloc(arm64_row_count, sizeof(*row_failures));
    for (unsigned round = 0; round < rounds; round++) {
        for (unsigned row = 1; row < arm64_row_count; row++) {
            if (!wanted(row, only))
                continue;
            tested += round == 0;
            for (unsigned i = 0; i < ROUND_WORDS; i++) {
                arena_reset(&arena);
                if (!prepare(row, &rng, &arena)) {
                    printf("no word of %s could be tested\n", arm64_row_info[row].name);
                    failures++;
                    break;
                }
                if (word_count == WIRE_WORDS)
                    flush(&arena);
            }
        }
        flush(&arena);
    }
    for (unsigned row = 1; row < arm64_row_count; row++) {
        if (row_failures[row]) {
            printf("%6u failures in %s\n", row_failures[row], arm64_row_info[row].name);
            bad++;
        }
    }
    printf("%u rows, %llu cases, %u failures in %u rows\n", tested, (unsigned long long)cases, failures, bad);
    arena_free(&arena);
    return failures != 0;
}

/* -- what is unallocated --------------------------------------------------------------------------------- */

/* Random words of the groups "SIMD and floating-point data processing" and "loads and stores" of SIMD&FP. */
static uint32_t random_word(uint64_t *rng)
{
    uint32_t w = (uint32_t)inputs_next(rng);

    w |= 1u << 26 | 1u << 27;
    if (inputs_next(rng) % 4)
        return w | 1u << 25;
    w &= ~(1u << 25);
    if ((w >> 5 & 31) == 30) /* X30 points to the code */
        w ^= 1u << 5;
    return (w >> 16 & 31) == 30 ? w ^ 1u << 16 : w;
}

static int run_unallocated(uint64_t count, uint64_t rng)
{
    unsigned wrong = 0;

    for (uint64_t done = 0; done < count; done += word_count) {
        for (word_count = 0; word_count < WIRE_WORDS; word_count++) {
            struct wire_state *s = &before[word_count];
            words[word_count] = random_word(&rng);
            memset(s, 0, sizeof(*s));
            s->x[30] = WIRE_CODE + 8 * word_count;
            s->sp = WIRE_MEMORY;
        }
        run_there(1);
        for (unsigned i = 0; i < word_count; i++) {
            unsigned row = arm64_decode(words[i]);
            bool theirs = after[i].signal == 4; /* SIGILL */
            if (theirs == (row == 0))
                continue;
            if (wrong++ < 100 || verbose)
                printf("%08x %s, there it is %s\n", words[i], row ? arm64_row_info[row].name : "unallocated",
                       theirs ? "unallocated" : "allocated");
        }
    }
    printf("%llu words, %u differ\n", (unsigned long long)count, wrong);
    return wrong != 0;
}

int main(int argc, char **argv)
{
    uint64_t seed = 1, unallocated = 0;
    unsigned rounds = 1;
    const char *only = NULL;
    int c;

    while ((c = getopt(argc, argv, "n:s:r:u:v")) != -1) {
        switch (c) {
        case 'n': rounds = (unsigned)strtoul(optarg, NULL, 0); break;
        case 's': seed = strtoull(optarg, NULL, 0); break;
        case 'r': only = optarg; break;
        case 'u': unallocated = strtoull(optarg, NULL, 0); break;
        case 'v': verbose++; break;
        default: return 2;
        }
    }
    if (optind + 1 != argc) {
        fprintf(stderr, "usage: simd-oracle [-n ROUNDS] [-s SEED] [-r ROW] [-u COUNT] [-v] PROGRAM\n");
        return 2;
    }
    spawn(argv[optind]);
    return unallocated ? run_unallocated(unallocated, seed) : run_instructions(rounds, seed, only);
}
