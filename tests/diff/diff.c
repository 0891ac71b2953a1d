/* The differential test: random instructions from the table, each with a random register state, run by the same Arm64 program
 * (runner.c) under an oracle and under Demotic's engines; whatever differs is named.
 *
 *     diff --runner FILE --oracle COMMAND --subject COMMAND [--subject COMMAND…]
 *          [--row NAME] [--chapter PREFIX] [--unaligned] [--features ,A,B,] [--cases N] [--sequences N] [--length N] [--seconds N] [--seed N] [--skip FILE]
 *
 * Every row of the table gets N cases; then N sequences of many instructions with forward branches and a loop are run, and
 * one that differs is reduced to the instructions that matter.  A row whose operands are constrained unpredictable is given only
 * defined ones.  --skip names rows that are not compared, each with its reason. */
#include "case.h"
#include "guest/arm64/rows.h"
#include "guest/guest.h"
#include <argp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BATCH 48 /* cases in flight: fewer than a pipe's buffer holds */
#define MAX_RUNNERS 6
#define NOP 0xd503201fu
#define BASE 28 /* sequences: register that points into the data, never written by others */
#define INDEX 27
#define COUNTER 26
#define ALIGNED 29 /* as BASE, and never written back: for accesses that must be aligned or within the data */

struct runner {
    const char *command;
    pid_t pid;
    FILE *in, *out;
};

static struct {
    const char *file, *row, *skip;
    struct runner runner[MAX_RUNNERS]; /* [0] is the oracle */
    unsigned count;
    unsigned cases, sequences, length, seconds;
    uint64_t seed;
    unsigned long done, failed;
    const char *chapter;
    bool unaligned;
    const char *features; /* " A B ": rows that need another are left out; NULL: all */
} o = {.cases = 64, .length = 12, .seed = 1};

static uint64_t rng;
static uint64_t rnd(void)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return rng * 0x2545f4914f6cdd1dull;
}
static bool one_in(unsigned n) { return (rnd() >> 33) % n == 0; }
static unsigned below(unsigned n) { return (unsigned)((rnd() >> 33) % n); }

/* -- runners ------------------------------------------------------------------------------------ */

static void runner_start(struct runner *r)
{
    int to[2], from[2];
    if (pipe(to) || pipe(from))
        abort();
    r->pid = fork();
    if (r->pid == 0) {
        dup2(to[0], 0);
        dup2(from[1], 1);
        for (int fd = 3; fd < 64; fd++)
            close(fd);
        char *command;
        if (asprintf(&command, "exec %s %s", r->command, o.file) > 0)
            execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    close(to[0]);
    close(from[1]);
    r->in = fdopen(to[1], "w");
    r->out = fdopen(from[0], "r");
}

static void runner_stop(struct runner *r)
{
    fclose(r->in);
    fclose(r->out);
    waitpid(r->pid, NULL, 0);
}

/* Results of n cases from every runner. A runner that dies is started again and the case that killed it marked by
 * signal ~0. */
static void normalise(struct test_result *r);
static void run_cases(const struct test_case *c, unsigned n, struct test_result res[][BATCH])
{
    for (unsigned k = 0; k < o.count; k++) {
        fwrite(c, sizeof *c, n, o.runner[k].in);
        fflush(o.runner[k].in);
    }
    for (unsigned k = 0; k < o.count; k++) {
        unsigned got = (unsigned)fread(res[k], sizeof **res, n, o.runner[k].out);
        for (unsigned i = 0; i < got; i++)
            normalise(&res[k][i]);
        if (got == n)
            continue;
        runner_stop(&o.runner[k]);
        runner_start(&o.runner[k]);
        for (unsigned i = got; i < n; i++) { /* one by one */
            fwrite(&c[i], sizeof *c, 1, o.runner[k].in);
            fflush(o.runner[k].in);
            if (fread(&res[k][i], sizeof **res, 1, o.runner[k].out) == 1) {
                normalise(&res[k][i]);
                continue;
            }
            memset(&res[k][i], 0, sizeof **res);
            res[k][i].signal = ~0u;
            runner_stop(&o.runner[k]);
            runner_start(&o.runner[k]);
        }
    }
}

/* -- making cases -------------------------------------------------------------------------------- */

static uint64_t random_int(void)
{
    switch (below(6)) {
    case 0: return rnd();
    case 1: return below(256);
    case 2: return (uint64_t)0 - below(256);
    case 3: return 1ull << below(64);
    case 4: return (1ull << below(64)) - 1;
    default: return rnd() >> below(64);
    }
}

/* One element of a vector, rich in floating-point corners. */
static uint64_t random_float(unsigned bits)
{
    static const struct { unsigned frac, exp; } form[] = {{10, 5}, {23, 8}, {52, 11}};
    unsigned f = form[bits / 32].frac, e = form[bits / 32].exp;
    uint64_t mask = (1ull << f) - 1, max = (1ull << e) - 1, bias = max >> 1;
    uint64_t sign = rnd() >> 63 << (f + e), frac = rnd() & mask, exp;
    switch (below(12)) {
    case 0: return sign;
    case 1: return sign | max << f;
    case 2: return sign | max << f | 1ull << (f - 1) | frac;
    case 3: return sign | max << f | (frac & mask >> 1) | 1;
    case 4: return sign | (one_in(2) ? frac : 1ull << below(f));
    case 5: return sign | 1ull << f | (one_in(2) ? 0 : frac);
    case 6: return sign | (max - 1) << f | (one_in(2) ? mask : frac);
    case 7: exp = bias + below(f + 4); frac = one_in(2) ? 0 : frac & ~0ull << below(f); break;
    case 8: exp = bias + 28 + below(e > 5 ? 40 : 3); break;
    case 9: exp = bias - 1 + below(3); frac = one_in(2) ? 0 : frac; break;
    default: exp = (rnd() >> 20) & max; break;
    }
    return sign | (exp & max) << f | frac;
}

static void random_vector(uint64_t v[2])
{
    unsigned kind = below(5);
    for (unsigned h = 0; h < 2; h++) {
        v[h] = 0;
        unsigned bits = kind == 0 ? 16 : kind == 1 ? 32 : kind == 2 ? 64 : 0;
        if (bits)
            for (unsigned at = 0; at < 64; at += bits)
                v[h] |= random_float(bits) << at;
        else if (kind == 3)
            v[h] = rnd();
        else
            for (unsigned at = 0; at < 64; at += 8)
                v[h] |= (uint64_t)(uint8_t)(one_in(2) ? rnd() : 0 - (rnd() & 1)) << at;
    }
}

static void random_state(struct regs *r, bool fp)
{
    for (unsigned i = 0; i < 31; i++)
        r->x[i] = random_int();
    r->sp = DATA_ADDRESS + DATA_SIZE / 2 + 16 * below(8);
    r->nzcv = rnd() & 0xf0000000u;
    for (unsigned i = 0; i < 32; i++)
        random_vector(r->v[i]);
    r->fpcr = fp && one_in(2) ? rnd() & 0x07c80000u : 0;
    r->fpsr = one_in(2) ? rnd() & 0x0800009fu : 0;
}

static int field(unsigned row, const char *name, uint32_t word)
{
    const struct arm64_row_field *f = arm64_row_field(row, name);
    return f ? (int)((word >> f->pos) & ((1u << f->width) - 1)) : -1;
}
static uint32_t put(unsigned row, const char *name, uint32_t word, uint32_t value)
{
    const struct arm64_row_field *f = arm64_row_field(row, name);
    if (!f)
        return word;
    uint32_t mask = ((1u << f->width) - 1) << f->pos;
    uint32_t w = (word & ~mask) | ((value << f->pos) & mask);
    return arm64_decode(w) == row ? w : word;
}

static bool is_memory(unsigned row)
{
    return arm64_row_info[row].attrs & (ARM64_ATTR_load | ARM64_ATTR_store | ARM64_ATTR_faults);
}

/* Pairs of registers that the manual leaves open. */
static bool unpredictable(unsigned row, uint32_t w)
{
    if (!(arm64_row_info[row].attrs & ARM64_ATTR_unpredictable))
        return false;
    int n = field(row, "Rn", w), t = field(row, "Rt", w), t2 = field(row, "Rt2", w), s = field(row, "Rs", w);
    return t == t2 || (n >= 0 && n != 31 && (n == t || n == t2)) || (s >= 0 && (s == t || s == t2 || s == n));
}

/* Accesses that must be aligned, or (Armv8.4) lie within 16 bytes. */
static bool is_ordered(unsigned row)
{
    static const char *const names[] = {"LDAR", "STLR", "LDLAR", "STLLR", "LDAPR", "LDAPUR", "STLUR"};
    for (unsigned i = 0; i < ARRAY_LEN(names); i++)
        if (strncmp(arm64_row_info[row].name, names[i], strlen(names[i])) == 0)
            return true;
    return strcmp(arm64_row_info[row].chapter, "base_atomic") == 0;
}

/* Bits that no field covers and the decoder ignores are ones: those the manual shows in parentheses. */
static uint32_t should_be_one(unsigned row, uint32_t w)
{
    uint32_t known = arm64_row_info[row].mask;
    for (unsigned i = 0; i < arm64_row_info[row].field_count; i++) {
        const struct arm64_row_field *f = &arm64_row_fields[arm64_row_info[row].first_field + i];
        known |= ((1u << f->width) - 1) << f->pos;
    }
    return arm64_decode(w | ~known) == row ? w | ~known : w;
}

/* A word of the row whose memory operand, if any, can be made to lie in the data and whose branch goes a little ahead. */
static uint32_t random_word(unsigned row)
{
    for (unsigned tries = 0; tries < 100; tries++) {
        uint32_t w = arm64_row_random(row, &rng);
        if (!w)
            return 0;
        w = should_be_one(row, w);
        if (is_memory(row)) {
            if (is_ordered(row) && !o.unaligned)
                w &= arm64_row_field(row, "imm9") ? ~(15u << 12) : ~0u;
            w = put(row, "imm12", w, below(16));
            w = put(row, "imm19", w, below(12));
        }
        if (arm64_row_info[row].attrs & ARM64_ATTR_branch) {
            w = put(row, "imm19", w, 1 + below(3));
            w = put(row, "imm26", w, 1 + below(3));
            w = put(row, "imm14", w, 1 + below(3));
        }
        if (!unpredictable(row, w))
            return w;
    }
    return 0;
}

static uint64_t data_pointer(void)
{
    return DATA_ADDRESS + DATA_SIZE / 2 + (one_in(3) ? below(64) : 16 * below(8));
}

/* Several registers: what a fault half-way leaves of them, or of memory, is not defined. */
static bool is_several(unsigned row)
{
    return is_memory(row) && (arm64_row_field(row, "Rt2") || strcmp(arm64_row_info[row].chapter, "simd_struct") == 0);
}

static void make_single(unsigned row, uint32_t w, struct test_case *c)
{
    uint16_t attrs = arm64_row_info[row].attrs;
    memset(c, 0, sizeof *c);
    random_state(&c->in, attrs & ARM64_ATTR_fp);
    c->seed = (uint32_t)rnd();
    int n = field(row, "Rn", w), m = field(row, "Rm", w), t = field(row, "Rt", w);
    if (is_memory(row)) {
        static const uint64_t wild[] = {0x3000, 0x3008, 0x20000000, READ_ONLY_ADDRESS + 64, READ_ONLY_ADDRESS + 4096 + 64,
                                        READ_ONLY_ADDRESS + 4096 - 4, DATA_ADDRESS + DATA_SIZE - 4};
        bool stray = one_in(16);
        if (m >= 0 && m < 31)
            c->in.x[m] = (uint64_t)(int64_t)((int)below(129) - 64);
        bool aligned = (attrs & ARM64_ATTR_exclusive) || (is_ordered(row) && !o.unaligned);
        if (n >= 0 && n < 31)
            c->in.x[n] = stray ? wild[below(aligned || is_several(row) ? 5 : ARRAY_LEN(wild))]
                         : aligned ? DATA_ADDRESS + DATA_SIZE / 2 + 16 * below(8) : data_pointer();
        if (n < 0 && t == 31) { /* DC of nothing: a fault by the manual and under Linux, not under QEMU */
            w = put(row, "Rt", w, 0);
            t = field(row, "Rt", w);
        }
        if (n < 0 && t >= 0 && t < 31) /* DC, IC */
            c->in.x[t] = data_pointer();
        if ((attrs & ARM64_ATTR_exclusive) && (attrs & ARM64_ATTR_store) && one_in(2)) {
            /* after a load of the same size and address: the status register's place is not read */
            uint32_t load = (w & ~0x001f0000u) | 0x00400000u | 0x001f0000u;
            unsigned lr = arm64_decode(load);
            if (lr && !unpredictable(lr, load) && field(lr, "Rt", load) != n)
                c->word[c->count++] = load;
        }
    }
    if ((attrs & ARM64_ATTR_branch) && n >= 0 && n < 31)
        c->in.x[n] = CODE_ADDRESS + 4 * (1 + below(4));
    c->word[c->count++] = w;
}

/* -- sequences ------------------------------------------------------------------------------------- */

static bool writes_back(unsigned row)
{
    static const char *const parts[] = {"pre", "post", "lsep", "lsop"};
    for (unsigned i = 0; i < ARRAY_LEN(parts); i++)
        if (strstr(arm64_row_info[row].name, parts[i]))
            return true;
    return false;
}

static bool fit_for_sequence(unsigned row)
{
    uint16_t a = arm64_row_info[row].attrs;
    const char *name = arm64_row_info[row].name;
    if (a & (ARM64_ATTR_system | ARM64_ATTR_ends))
        return (a & ARM64_ATTR_branch) && (arm64_row_field(row, "imm19") || arm64_row_field(row, "imm14")) &&
               !arm64_row_field(row, "Rn");
    if (a & ARM64_ATTR_pc && is_memory(row))
        return false;
    if ((a & ARM64_ATTR_exclusive) && (a & ARM64_ATTR_store))
        return false; /* after a load of another size it is constrained unpredictable; make_single makes pairs */
    if (is_several(row) && writes_back(row))
        return false; /* a base that moves reaches the memory's end */
    return strncmp(name, "UDF", 3) != 0 && strcmp(name, "MSR_FPSR") != 0; /* QEMU keeps AArch32's bits of FPSR */
}

static const char *const written[] = {"Rd", "Rt", "Rt2", "Rs", "Rm", "Ra"};

static uint32_t sequence_word(unsigned row)
{
    uint32_t w = random_word(row);
    uint16_t a = arm64_row_info[row].attrs;
    bool simd = a & ARM64_ATTR_simd;
    if (!w)
        return NOP;
    for (unsigned i = 0; i < ARRAY_LEN(written); i++) {
        int r = field(row, written[i], w);
        if (r >= COUNTER && r <= ALIGNED)
            w = put(row, written[i], w, (uint32_t)r - 8);
    }
    if (is_memory(row)) {
        bool aligned = (a & ARM64_ATTR_exclusive) || is_several(row) || (is_ordered(row) && !o.unaligned);
        w = put(row, "Rn", w, aligned ? ALIGNED : one_in(4) ? 31 : BASE);
        if (field(row, "Rm", w) >= 0)
            w = put(row, "Rm", w, INDEX);
        if (field(row, "Rn", w) < 0 || unpredictable(row, w))
            return NOP;
    } else if (!simd) {
        /* Any register may be read, these may not be written: Rn is never written by the others. */
    }
    int d = field(row, "Rd", w), t = field(row, "Rt", w);
    if ((d >= COUNTER && d <= ALIGNED) || (t >= COUNTER && t <= ALIGNED))
        return NOP;
    if (d == 31 && !is_memory(row) && !simd)
        w = put(row, "Rd", w, below(20)); /* SP stays a pointer */
    return w;
}

static void make_sequence(const unsigned *rows, unsigned n, struct test_case *c)
{
    memset(c, 0, sizeof *c);
    random_state(&c->in, true);
    c->seed = (uint32_t)rnd();
    c->in.x[BASE] = DATA_ADDRESS + DATA_SIZE / 2 + 16 * below(8);
    c->in.x[ALIGNED] = DATA_ADDRESS + DATA_SIZE / 2 + 16 * below(8);
    c->in.x[INDEX] = (uint64_t)(int64_t)((int)below(17) - 8) * 8;
    c->in.x[COUNTER] = 1 + below(4);
    for (unsigned i = 0; i < o.length; i++)
        c->word[c->count++] = sequence_word(rows[below(n)]);
    for (unsigned i = 0; i < 3; i++)
        c->word[c->count++] = NOP; /* room for the last branch */
    c->word[c->count++] = 0xd1000400u | COUNTER << 5 | COUNTER; /* sub counter, counter, #1 */
    c->word[c->count] = 0xb5000000u | ((0u - c->count) & 0x7ffffu) << 5 | COUNTER; /* cbnz counter, start */
    c->count++;
}

/* -- comparing ------------------------------------------------------------------------------------- */

static bool same(const struct test_result *a, const struct test_result *b) { return memcmp(a, b, sizeof *a) == 0; }

/* Takes out what need not agree: AArch32's bits of FPCR and FPSR and those of later extensions, which QEMU keeps; the syndrome
 * of SIGILL, which QEMU's frame has and the kernel's has not; and memory after a store that may have been half inside the
 * data: how much of it was written before the fault the manual leaves open. */
static void normalise(struct test_result *r)
{
    r->out.fpcr &= 0x07c80000u;
    r->out.fpsr &= 0x0800009fu;
    if (r->signal == SIGILL)
        r->esr = 0;
    if (r->signal == SIGBUS) /* WnR of misaligned atomics: QEMU says a write, the manual a read */
        r->esr &= ~64ull;
    if (r->signal == SIGSEGV &&
        (r->address == DATA_ADDRESS + DATA_SIZE || (r->address < DATA_ADDRESS && r->address > DATA_ADDRESS - 64)))
        r->data_hash = 0;
}

static void say(const char *what, unsigned i, uint64_t want, uint64_t got)
{
    if (want != got)
        printf("    %s%.0u  oracle %016llx  got %016llx\n", what, i, (unsigned long long)want, (unsigned long long)got);
}

static void print_difference(const struct test_result *want, const struct test_result *got)
{
    if (got->signal == ~0u) {
        printf("    the subject died\n");
        return;
    }
    say("signal", 0, want->signal, got->signal);
    say("si_code", 0, want->code, got->code);
    say("si_addr", 0, want->address, got->address);
    say("pc", 0, want->pc, got->pc);
    say("esr", 0, want->esr, got->esr);
    for (unsigned i = 0; i < 31; i++)
        if (want->out.x[i] != got->out.x[i])
            printf("    x%u  oracle %016llx  got %016llx\n", i, (unsigned long long)want->out.x[i], (unsigned long long)got->out.x[i]);
    say("sp", 0, want->out.sp, got->out.sp);
    say("nzcv", 0, want->out.nzcv, got->out.nzcv);
    say("fpsr", 0, want->out.fpsr, got->out.fpsr);
    say("fpcr", 0, want->out.fpcr, got->out.fpcr);
    for (unsigned i = 0; i < 32; i++)
        if (memcmp(want->out.v[i], got->out.v[i], 16) != 0)
            printf("    v%u  oracle %016llx_%016llx  got %016llx_%016llx\n", i, (unsigned long long)want->out.v[i][1],
                   (unsigned long long)want->out.v[i][0], (unsigned long long)got->out.v[i][1], (unsigned long long)got->out.v[i][0]);
    say("memory", 0, want->data_hash, got->data_hash);
}

static void print_inputs(const struct test_case *c, uint32_t w)
{
    unsigned row = arm64_decode(w);
    static const char *const names[] = {"Rn", "Rm", "Ra", "Rd", "Rt", "Rt2", "Rs"};
    bool simd = arm64_row_info[row].attrs & ARM64_ATTR_simd;
    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        int r = field(row, names[i], w);
        if (r < 0)
            continue;
        if (simd)
            printf("    %s v%d = %016llx_%016llx\n", names[i], r, (unsigned long long)c->in.v[r][1], (unsigned long long)c->in.v[r][0]);
        if (!simd || i == 0)
            printf("    %s %s%d = %016llx\n", names[i], r == 31 ? "sp/zr " : "x", r, (unsigned long long)(r == 31 ? c->in.sp : c->in.x[r]));
    }
    printf("    nzcv = %08llx fpcr = %08llx fpsr = %08llx\n", (unsigned long long)c->in.nzcv, (unsigned long long)c->in.fpcr,
           (unsigned long long)c->in.fpsr);
}

static void print_case(const struct test_case *c, const struct test_result *want, const struct test_result *got, unsigned who)
{
    printf("DIFFERS under: %s\n", o.runner[who].command);
    for (unsigned i = 0; i < c->count; i++) {
        char text[128] = "?";
        if (c->word[i] == NOP && c->count > 1)
            continue;
        guest_arm64.disassemble(CODE_ADDRESS + 4 * i, (const uint8_t *)&c->word[i], 4, text, sizeof text);
        printf("  %2u: %08x  %-40s %s\n", i, c->word[i], text, arm64_row_info[arm64_decode(c->word[i])].name);
    }
    if (c->count <= 2)
        print_inputs(c, c->word[c->count - 1]);
    print_difference(want, got);
    fflush(stdout);
}

/* Replaces by NOPs what the difference does not need; not the loop's last two instructions, without which it might never end. */
static void reduce(struct test_case *c, unsigned who)
{
    static struct test_result res[MAX_RUNNERS][BATCH];
    for (unsigned i = 0; i + 2 < c->count; i++) {
        uint32_t keep = c->word[i];
        if (keep == NOP)
            continue;
        c->word[i] = NOP;
        run_cases(c, 1, res);
        if (same(&res[0][0], &res[who][0]))
            c->word[i] = keep;
    }
    run_cases(c, 1, res);
    print_case(c, &res[0][0], &res[who][0], who);
}

/* Runs a batch; the number of cases that differ. */
static unsigned check(struct test_case *c, unsigned n, unsigned print, bool sequence)
{
    static struct test_result res[MAX_RUNNERS][BATCH];
    unsigned bad = 0;
    run_cases(c, n, res);
    o.done += n;
    for (unsigned i = 0; i < n; i++)
        for (unsigned k = 1; k < o.count; k++) {
            if (same(&res[0][i], &res[k][i]))
                continue;
            if (bad < print) {
                if (sequence)
                    reduce(&c[i], k);
                else
                    print_case(&c[i], &res[0][i], &res[k][i], k);
            }
            bad++;
            break;
        }
    return bad;
}

/* -- what is run ------------------------------------------------------------------------------------- */

/* The reason why the row is not compared, from the skip file ("NAME reason"), or NULL. */
static const char *skip_reason(const char *row)
{
    static char line[256];
    FILE *f = o.skip ? fopen(o.skip, "r") : NULL;
    const char *found = NULL;
    while (f && !found && fgets(line, sizeof line, f)) {
        char *space = strchr(line, ' ');
        if (space && line[0] != '#') {
            *space = 0;
            if (strcmp(line, row) == 0)
                found = space + 1;
        }
    }
    if (f)
        fclose(f);
    return found;
}

static bool wanted(unsigned row)
{
    const struct arm64_row_info *r = &arm64_row_info[row];
    char word[64];
    if ((o.row && strcmp(r->name, o.row) != 0) || (o.chapter && strncmp(r->chapter, o.chapter, strlen(o.chapter)) != 0))
        return false;
    snprintf(word, sizeof word, ",%s,", r->feature);
    return !o.features || !r->feature[0] || strstr(o.features, word);
}

static void run_rows(void)
{
    static struct test_case c[BATCH];
    unsigned rows = 0, bad_rows = 0, empty = 0, skipped = 0;
    for (unsigned row = 1; row < arm64_row_count; row++) {
        const char *name = arm64_row_info[row].name;
        if (!wanted(row))
            continue;
        if (skip_reason(name)) {
            skipped++;
            continue;
        }
        unsigned bad = 0, made = 0;
        while (made < o.cases) {
            unsigned n = 0;
            for (; n < BATCH && made + n < o.cases; n++) {
                uint32_t w = random_word(row);
                if (!w)
                    break;
                make_single(row, w, &c[n]);
            }
            if (!n)
                break;
            bad += check(c, n, bad ? 0 : 2, false);
            made += n;
        }
        empty += !made;
        rows += made > 0;
        bad_rows += bad > 0;
        if (bad)
            printf("row %s: %u of %u cases differ\n", name, bad, made);
        if (!made)
            printf("row %s: no case could be made\n", name);
    }
    printf("rows: %u compared, %u differ, %u without a case, %u skipped\n", rows, bad_rows, empty, skipped);
    o.failed += bad_rows + empty;
}

static void run_sequences(void)
{
    static struct test_case c[BATCH];
    unsigned *rows = calloc(arm64_row_count, sizeof *rows), n = 0;
    for (unsigned r = 1; r < arm64_row_count; r++)
        if (wanted(r) && fit_for_sequence(r) && !skip_reason(arm64_row_info[r].name))
            rows[n++] = r;
    time_t end = time(NULL) + o.seconds;
    unsigned long made = 0, bad = 0;
    while (o.seconds ? time(NULL) < end : made < o.sequences) {
        for (unsigned i = 0; i < BATCH; i++)
            make_sequence(rows, n, &c[i]);
        bad += check(c, BATCH, bad < 10 ? 3 : 0, true);
        made += BATCH;
    }
    printf("sequences: %lu of %u instructions run, %lu differ\n", made, o.length, bad);
    o.failed += bad;
    free(rows);
}

static const struct argp_option table[] = {
    {"runner", 'r', "FILE", 0, "The Arm64 program that runs cases", 0},
    {"oracle", 'o', "COMMAND", 0, "What runs it right", 0},
    {"subject", 's', "COMMAND", 0, "What is to be tested; may be given again", 0},
    {"row", 'R', "NAME", 0, "Only this row of the table", 0},
    {"cases", 'c', "N", 0, "Cases for each row (default 64)", 0},
    {"sequences", 'q', "N", 0, "Sequences after that (default 0)", 0},
    {"length", 'l', "N", 0, "Instructions in a sequence (default 12)", 0},
    {"seconds", 't', "N", 0, "Run sequences for so long", 0},
    {"seed", 'S', "N", 0, "Another random choice", 0},
    {"chapter", 'C', "PREFIX", 0, "Only rows of tables whose name begins so (base_, simd_ …)", 0},
    {"unaligned", 'u', 0, 0, "Atomic and ordered accesses at any address: for an oracle without FEAT_LSE2", 0},
    {"features", 'f', ",A,B,", 0, "Only rows that need none but these extensions", 0},
    {"skip", 'k', "FILE", 0, "Rows that are not compared, with reasons", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    switch (key) {
    case 'r': o.file = arg; return 0;
    case 'o': o.runner[0].command = arg; o.count += !o.count; return 0;
    case 's':
        if (o.count == 0)
            o.count = 1;
        if (o.count == MAX_RUNNERS)
            argp_error(state, "at most %d subjects", MAX_RUNNERS - 1);
        o.runner[o.count++].command = arg;
        return 0;
    case 'R': o.row = arg; return 0;
    case 'c': o.cases = (unsigned)atoi(arg); return 0;
    case 'q': o.sequences = (unsigned)atoi(arg); return 0;
    case 'l': o.length = (unsigned)atoi(arg) < CASE_WORDS - 6 ? (unsigned)atoi(arg) : CASE_WORDS - 6; return 0;
    case 't': o.seconds = (unsigned)atoi(arg); return 0;
    case 'S': o.seed = strtoull(arg, NULL, 0); return 0;
    case 'C': o.chapter = arg; return 0;
    case 'u': o.unaligned = true; return 0;
    case 'f': o.features = arg; return 0;
    case 'k': o.skip = arg; return 0;
    case ARGP_KEY_END:
        if (!o.file || !o.runner[0].command || o.count < 2)
            argp_error(state, "--runner, --oracle and --subject are needed");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

int main(int argc, char **argv)
{
    static const struct argp argp = {table, parse, NULL, "Compares engines instruction by instruction.", 0, 0, 0};
    argp_parse(&argp, argc, argv, 0, NULL, NULL);
    rng = o.seed * 0x9e3779b97f4a7c15ull | 1;
    signal(SIGPIPE, SIG_IGN); /* a runner that died is noticed when its results are missing */
    for (unsigned k = 0; k < o.count; k++)
        runner_start(&o.runner[k]);
    if (o.cases)
        run_rows();
    if (o.sequences || o.seconds)
        run_sequences();
    for (unsigned k = 0; k < o.count; k++)
        runner_stop(&o.runner[k]);
    printf("%lu cases, %lu failures\n", o.done, o.failed);
    return o.failed != 0;
}
