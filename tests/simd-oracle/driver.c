/* Compares every floating-point and SIMD instruction of the tables with an Arm64 processor.
 *
 *     simd-oracle [-n ROUNDS] [-s SEED] [-r ROW] [-v] PROGRAM      single instructions
 *     simd-oracle -l LENGTH [...] PROGRAM                          several in a row, some of them
 * integer ones simd-oracle -u COUNT PROGRAM                                 which encodings are
 * unallocated
 *
 * For each row a few random words are lifted, verified, and walked over (walk.c) before and after
 * the optimiser; the program of arm64.c (run by $DEMOTIC_QEMU, or else qemu-aarch64 from the path)
 * runs them on the same random states in all modes of FPCR, and for loads and stores with address
 * tags.  All registers, flags, FPSR and memory must agree.  A round is 4 words of every row with 32
 * states each.  Instructions in a row use few registers and access no memory.  Exit status 77:
 * there is nothing to run the program with. */
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

#define ROUND_PROGRAMS 4
#define STATES         32
#define FPSR_BITS      0x0800009fu

/* -- the other side ------------------------------------------------------------------ */

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

struct program {
    unsigned row; /* of the first instruction */
    uint32_t words[WIRE_LENGTH];
};

static struct program programs[WIRE_PROGRAMS];
static unsigned program_count, length = 1;
static struct wire_state before[WIRE_PROGRAMS * STATES], after[WIRE_PROGRAMS * STATES];

static void run_there(unsigned states)
{
    struct wire_batch b = {program_count, length, states};

    send_all(&b, sizeof(b));
    for (unsigned i = 0; i < program_count; i++)
        send_all(programs[i].words, length * sizeof(programs[i].words[0]));
    send_all(before, (size_t)program_count * states * sizeof(before[0]));
    receive_all(after, (size_t)program_count * states * sizeof(after[0]));
    for (unsigned i = 0; i < program_count * states; i++)
        after[i].fpsr &= FPSR_BITS; /* others belong to the 32-bit architecture */
}

/* -- our side ------------------------------------------------------------------------ */

static uint64_t code_at(unsigned i)
{
    return WIRE_CODE + (uint64_t)i * WIRE_STRIDE;
}

static bool fetch(void *ctx, uint64_t addr, void *buf, size_t n)
{
    uint64_t offset = (addr - WIRE_CODE) % WIRE_STRIDE;

    for (size_t i = 0; i < n; i++, offset++)
        ((uint8_t *)buf)[i] = offset < 4 * length ? ((const uint8_t *)ctx)[offset] : 0;
    return true;
}

/* The guest's mode bits of FPCR, as guest.mode() computes them. */
static uint32_t mode_of(uint32_t fpcr)
{
    static struct cpu cpu;

    arm64_state(&cpu)->fpcr = fpcr;
    return guest_arm64.mode(&cpu);
}

static void show_program(const struct program *p)
{
    for (unsigned i = 0; i < length; i++) {
        char text[128];
        uint8_t bytes[4];
        memcpy(bytes, &p->words[i], 4);
        guest_arm64.disassemble(WIRE_CODE, bytes, 4, text, sizeof(text));
        printf("    %08x %-20s %s\n", p->words[i], arm64_row_info[arm64_decode(p->words[i])].name,
               text);
    }
}

static void lift(struct ir_unit *u, struct arena *arena, unsigned i, uint32_t mode, bool optimise)
{
    struct program *p = &programs[i];
    struct guest_request rq = {
        .pc = code_at(i), .mode = mode, .max_insns = length, .fetch = fetch, .fetch_ctx = p->words};
    const char *wrong;

    ir_unit_init(u, arena, guest_arm64.slots, guest_arm64.slot_count);
    guest_arm64.translate(u, &rq);
    if (optimise) {
        struct opt_config config = {.enabled = true, .flags_slot = guest_arm64.flags_slot};
        opt_run(u, &config);
    }
    wrong = ir_verify(u);
    if (wrong) {
        show_program(p);
        printf("does not verify%s: %s\n%s", optimise ? " when optimised" : "", wrong, ir_print(u));
        exit(1);
    }
}

static uint32_t field(unsigned row, uint32_t word, const char *name, uint32_t otherwise)
{
    const struct arm64_row_field *f = arm64_row_field(row, name);

    return f ? (uint32_t)bits_get(word, f->pos, f->width) : otherwise;
}

static uint32_t with_field(unsigned row, uint32_t word, const char *name, uint32_t v)
{
    const struct arm64_row_field *f = arm64_row_field(row, name);
    uint32_t mask;

    if (!f)
        return word;
    mask = ((1u << f->width) - 1) << f->pos;
    return (word & ~mask) | (v << f->pos & mask);
}

/* All combinations of RMode, FZ, DN, FZ16 and AHP. */
static uint32_t fpcr_of(unsigned i)
{
    return (i & 3) << 22 | (i >> 2 & 1) << 24 | (i >> 3 & 1) << 25 | (i >> 4 & 1) << 19 |
           (i >> 5 & 1) << 26;
}

/* -- failures ------------------------------------------------------------------------ */

static unsigned failures, verbose;
static unsigned *row_failures;
static uint64_t cases;

static void show_vector(const char *what, const uint64_t v[2])
{
    printf("    %-10s %016llx %016llx\n", what, (unsigned long long)v[1], (unsigned long long)v[0]);
}

static void show_failure(const struct program *p, const struct wire_state *in,
                         const struct wire_state *want, const struct wire_state *got)
{
    static const char *const names[] = {"Rn", "Rm", "Ra", "Rd", "Rt"};

    printf("FAIL fpcr %08x\n", in->fpcr);
    show_program(p);
    for (unsigned i = 0; length == 1 && i < ARRAY_LEN(names); i++) {
        uint32_t n = field(p->row, p->words[0], names[i], 99);
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
            printf("   x%u: want %016llx got %016llx\n", i, (unsigned long long)want->x[i],
                   (unsigned long long)got->x[i]);
    }
    printf("   nzcv %08x want %08x, fpsr %08x -> want %08x got %08x, signal %u, memory %s\n",
           got->nzcv, want->nzcv, in->fpsr, want->fpsr, got->fpsr, want->signal,
           memcmp(want->memory, got->memory, WIRE_WINDOW) ? "differs" : "same");
}

static bool same(const struct wire_state *a, const struct wire_state *b)
{
    return !memcmp(a->x, b->x, sizeof(a->x)) && a->sp == b->sp &&
           !memcmp(a->v, b->v, sizeof(a->v)) && a->nzcv == b->nzcv && a->fpsr == b->fpsr &&
           !memcmp(a->memory, b->memory, WIRE_WINDOW);
}

/* True if the walk over our unit ends in the state that was reached there. */
static bool agrees(unsigned i, const struct ir_unit *u, const struct wire_state *in,
                   const struct wire_state *want, bool optimised)
{
    static struct walk w;
    struct wire_state got = *in;
    unsigned row = programs[i].row;

    walk_load(&w, in);
    walk_run(&w, u);
    walk_store(&w, &got);
    if (!w.stopped && !w.undefined && !want->signal && same(want, &got))
        return true;
    failures++;
    if (row_failures[row]++ < 1 + verbose) {
        if (w.stopped)
            printf("the walk met %s\n", w.stopped);
        if (optimised)
            printf("after the optimiser:\n");
        show_failure(&programs[i], in, want, &got);
        if (verbose)
            printf("%s", ir_print(u));
    }
    return false;
}

static bool is_tagged(const struct wire_state *s, unsigned row)
{
    uint32_t attrs = arm64_row_info[row].attrs;

    return (attrs & ARM64_ATTR_faults) && !(attrs & ARM64_ATTR_pc) && (s->fpcr & 1u << 22);
}

static void check_program(unsigned i, struct arena *arena)
{
    for (unsigned j = 0; j < STATES; j++) {
        const struct wire_state *in = &before[i * STATES + j], *want = &after[i * STATES + j];
        uint32_t mode = mode_of(in->fpcr) | (is_tagged(in, programs[i].row) ? ARM64_MODE_TBI : 0);
        bool fine = true;
        cases++;
        for (unsigned pass = 0; pass < 2 && fine; pass++) {
            struct ir_unit u;
            arena_reset(arena);
            lift(&u, arena, i, mode, pass);
            fine = agrees(i, &u, in, want, pass);
        }
    }
}

static void flush(struct arena *arena)
{
    if (!program_count)
        return;
    run_there(STATES);
    for (unsigned i = 0; i < program_count; i++)
        check_program(i, arena);
    program_count = 0;
}

/* -- random programs and states ------------------------------------------------------ */

/* Words this test can run: X30 is not free, and some choices of registers are left open. */
static bool suitable(unsigned row, uint32_t word)
{
    if (arm64_row_info[row].attrs & ARM64_ATTR_faults) {
        uint32_t n = field(row, word, "Rn", 0), m = field(row, word, "Rm", 32);
        if (n == 30 || (m == n && n != 31))
            return false;
    }
    return arm64_row_predictable(row, word);
}

/* Bits the row neither fixes nor names. Of the integer instructions some should be one, and QEMU
 * insists. */
static uint32_t ignored_bits(unsigned row)
{
    const struct arm64_row_info *info = &arm64_row_info[row];
    uint32_t left = ~info->mask;

    for (unsigned i = 0; i < info->field_count; i++) {
        const struct arm64_row_field *f = &arm64_row_fields[info->first_field + i];

        left &= ~(((1u << f->width) - 1) << f->pos);
    }
    return left;
}

/* A word of the row, or 0.  PC-relative ones go to the window; in programs few registers are used.
 */
static uint32_t random_word_of(unsigned row, uint64_t *rng)
{
    static const char *const registers[] = {"Rd", "Rn", "Rm", "Ra"};

    for (unsigned tries = 0; tries < 100; tries++) {
        uint32_t word = arm64_row_random(row, rng);
        if (length > 1)
            word |= ignored_bits(row);
        if (arm64_row_info[row].attrs & ARM64_ATTR_pc)
            word = with_field(row, word, "imm19",
                              (uint32_t)((WIRE_MEMORY - code_at(program_count)) / 4 +
                                         inputs_next(rng) % (WIRE_WINDOW / 4 - 4)));
        for (unsigned i = 0; length > 1 && i < ARRAY_LEN(registers); i++)
            word = with_field(row, word, registers[i], field(row, word, registers[i], 0) & 3);
        if (word && arm64_decode(word) == row && suitable(row, word))
            return word;
    }
    return 0;
}

/* Moves the base so that what is accessed lies in the window. */
static bool place(struct wire_state *s, const struct ir_unit *u, const struct program *p,
                  uint64_t *rng)
{
    uint32_t n = field(p->row, p->words[0], "Rn", 0);
    uint64_t *base = n == 31 ? &s->sp : &s->x[n];
    static struct walk w;

    if (arm64_row_info[p->row].attrs & ARM64_ATTR_pc)
        return true;
    *base = 1ull << 32; /* far from both ends */
    walk_load(&w, s);
    walk_run(&w, u);
    if (!w.touched)
        return false;
    *base += WIRE_MEMORY + inputs_next(rng) % (WIRE_WINDOW - 64) - w.first;
    if (is_tagged(s, p->row))
        *base ^= inputs_next(rng) << 56;
    return true;
}

/* Rows that programs may contain.  FPSR's bits 31 to 28 belong to the 32-bit architecture, which
 * QEMU has. */
static bool is_plain(unsigned row)
{
    const uint32_t never = ARM64_ATTR_faults | ARM64_ATTR_ends | ARM64_ATTR_branch |
                           ARM64_ATTR_system | ARM64_ATTR_exclusive | ARM64_ATTR_pc |
                           ARM64_ATTR_unpredictable;

    return !(arm64_row_info[row].attrs & never) && row != arm64_row_by_name("MSR_FPSR");
}

static bool prepare(unsigned row, uint64_t *rng, struct arena *arena)
{
    struct program *p = &programs[program_count];
    struct ir_unit u;

    p->row = row;
    for (unsigned i = 0; i < length; i++) {
        unsigned other;
        do
            other = 1 + (unsigned)(inputs_next(rng) % (arm64_row_count - 1));
        while (i && !is_plain(other));
        p->words[i] = random_word_of(i ? other : row, rng);
        if (!p->words[i])
            return false;
    }
    lift(&u, arena, program_count, 0, false);
    for (unsigned i = 0; i < STATES; i++) {
        struct wire_state *s = &before[program_count * STATES + i];
        memset(s, 0, sizeof(*s));
        inputs_fill(s, rng);
        s->fpcr = fpcr_of(i % 2 ? (unsigned)inputs_next(rng) & 63 : (unsigned)inputs_next(rng) & 3);
        s->x[30] = code_at(program_count);
        s->sp = WIRE_MEMORY;
        if ((arm64_row_info[row].attrs & ARM64_ATTR_faults) && !place(s, &u, p, rng))
            return false;
    }
    program_count++;
    return true;
}

static bool wanted(unsigned row, const char *only)
{
    const struct arm64_row_info *info = &arm64_row_info[row];

    return (info->attrs & ARM64_ATTR_simd) && (length == 1 || is_plain(row)) &&
           (!only || strstr(info->name, only));
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
            for (unsigned i = 0; i < ROUND_PROGRAMS; i++) {
                arena_reset(&arena);
                if (!prepare(row, &rng, &arena)) {
                    printf("no word of %s could be tested\n", arm64_row_info[row].name);
                    failures++;
                    break;
                }
                if (program_count == WIRE_PROGRAMS)
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
    printf("%u rows, %llu cases, %u failures in %u rows\n", tested, (unsigned long long)cases,
           failures, bad);
    arena_free(&arena);
    return failures != 0;
}

/* -- what is unallocated ------------------------------------------------------------- */

/* Random words of the groups "SIMD and floating-point data processing" and "loads and stores" of
 * SIMD&FP. */
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

    for (uint64_t done = 0; done < count; done += program_count) {
        for (program_count = 0; program_count < WIRE_PROGRAMS; program_count++) {
            struct wire_state *s = &before[program_count];
            programs[program_count].words[0] = random_word(&rng);
            memset(s, 0, sizeof(*s));
            s->x[30] = code_at(program_count);
            s->sp = WIRE_MEMORY;
        }
        run_there(1);
        for (unsigned i = 0; i < program_count; i++) {
            uint32_t word = programs[i].words[0];
            unsigned row = arm64_decode(word);
            bool theirs = after[i].signal == SIGILL;
            if (theirs == (row == 0))
                continue;
            if (wrong++ < 100 || verbose)
                printf("%08x %s, there it is %s\n", word,
                       row ? arm64_row_info[row].name : "unallocated",
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

    while ((c = getopt(argc, argv, "n:s:r:l:u:v")) != -1) {
        switch (c) {
        case 'n':
            rounds = (unsigned)strtoul(optarg, NULL, 0);
            break;
        case 's':
            seed = strtoull(optarg, NULL, 0);
            break;
        case 'r':
            only = optarg;
            break;
        case 'l':
            length = (unsigned)strtoul(optarg, NULL, 0);
            break;
        case 'u':
            unallocated = strtoull(optarg, NULL, 0);
            break;
        case 'v':
            verbose++;
            break;
        default:
            return 2;
        }
    }
    if (optind + 1 != argc || !length || length > WIRE_LENGTH) {
        fprintf(stderr, "usage: simd-oracle [-n ROUNDS] [-s SEED] [-r ROW] [-l LENGTH] [-u COUNT] "
                        "[-v] PROGRAM\n");
        return 2;
    }
    spawn(argv[optind]);
    return unallocated ? run_unallocated(unallocated, seed) : run_instructions(rounds, seed, only);
}
