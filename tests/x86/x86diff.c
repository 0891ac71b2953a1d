/* The x86 guests against this processor: each row of the tables, in both modes, with random operands and states, on
 * the interpreter and the jit; then random sequences (sequences.c).
 *
 *     x86diff [--cases N] [--states N] [--sequences N] [--length N] [--only NAME] [--mode 32|64] [--engine NAME] [--seed N] [--rows]
 *             [--coverage] [--passes N]
 *
 * Registers, flags (but those that the row leaves undefined), vectors, MXCSR, segments, memory and exceptions are compared.
 * --only SEQUENCES: no rows.  --passes: all of it so often, with other seeds.  --coverage: says what was not reached.  Prints
 * "N passed, N failed" (0 and 0 with the reason where this machine cannot). */
#include "coverage.h"
#include "guest/x86/text.h"
#include "sequences.h"
#include "subjects.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void report(const struct x86_case *c, const char *subject, const char *what)
{
    char text[128];
    x86_disassemble(c->m.rip, c->bytes, 15, text, sizeof text);
    printf("%s (%d) %s:", c->row->name, c->mode64 ? 64 : 32, subject);
    for (unsigned i = 0; i < c->in.length; i++)
        printf(" %02x", c->bytes[i]);
    printf("  %s\n   %s\n", text, what);
    if (getenv("X86DIFF_STATE"))
        for (unsigned i = 0; i < 16; i++)
            printf("   r%u %#llx\n", i, (unsigned long long)c->m.r[i]);
}

struct options {
    unsigned cases, states, shown, sequences, length, passes;
    const char *only, *engine;
    unsigned mode;
    bool rows, coverage;
};

/* One encoding in some states; false if something differed. */
static bool run_case(struct x86_case *c, const struct options *o)
{
    static uint8_t native_data[DATA_SIZE];
    bool good = true;
    uint8_t *code = (uint8_t *)c->m.rip;
    for (unsigned n = 0; n < o->states; n++) {
        uint64_t rip = c->m.rip;
        case_state(c);
        c->m.rip = rip;
        if (n == 0 || memcmp(code, c->bytes, c->in.length)) {
            memcpy(code, c->bytes, c->in.length);
            subjects_invalidate(CODE_BASE, CODE_SIZE);
        }
        struct outcome native = {.vector = NATIVE_ENDLESS}, guest;
        for (unsigned tries = 0; tries < NATIVE_TRIES && native.vector == NATIVE_ENDLESS; tries++) {
            memcpy(code, c->bytes, c->in.length);
            memcpy(subject_data, c->data, DATA_SIZE);
            native_run(&c->m, c->mode64, &native);
        }
        memcpy(native_data, subject_data, DATA_SIZE);
        for (unsigned i = 0; i < subject_count; i++) {
            memcpy(subject_data, c->data, DATA_SIZE);
            subject_run(&subjects[i], &c->m, c->mode64, false, &guest);
            struct outcome wanted = native;
            const char *what = compare(&subjects[i], c, &wanted, native_data, &guest);
            subject_count_one(&subjects[i], c->mode64, !what);
            if (!what)
                continue;
            if (good)
                report(c, subjects[i].name, what);
            good = false;
        }
        if (!good)
            break;
    }
    memset((void *)CODE_BASE, 0xcc, CODE_SIZE); /* the instruction may have written there too */
    return good;
}

static bool run_row(const struct x86_row *row, const struct options *o)
{
    static struct x86_case c;
    unsigned bad = 0, done = 0;
    for (unsigned mode64 = 0; mode64 < 2; mode64++) {
        if ((o->mode && o->mode != (mode64 ? 64 : 32)) || (!mode64 && !native_has_32()))
            continue;
        for (unsigned n = 0; n < o->cases && bad < o->shown; n++)
            if (case_encode(&c, row, mode64)) {
                done++;
                coverage_note(&c);
                bad += !run_case(&c, o);
            }
    }
    fflush(stdout);
    if (o->rows)
        printf("%s: %u instructions%s\n", row->name, done, bad ? ", wrong" : "");
    return done != 0;
}

/* An instruction that crosses into the next page, of which only that page changes. */
static void run_crossing(void)
{
    uint8_t *code = (uint8_t *)(CODE_BASE + 0xfff);
    for (unsigned i = 0; i < subject_count; i++)
        for (uint32_t value = 1; value < 4; value++) {
            struct machine m = {.rip = CODE_BASE + 0xfff, .mxcsr = 0x1f80, .fcw = 0x37f, .selector = {0x2b, 0x33, 0x2b, 0x2b}};
            struct outcome o;
            code[0] = 0xb8; /* mov eax, value */
            memcpy(code + 1, &value, 4);
            engine_invalidate(subjects[i].engine, CODE_BASE + 0x1000, value == 1 ? 0x1000 : 4);
            subject_run(&subjects[i], &m, true, false, &o);
            bool good = o.m.r[X86_RAX] == value && o.vector == 3;
            subject_count_one(&subjects[i], true, good);
            if (!good)
                printf("%s: an instruction across two pages: %#llx instead of %u\n", subjects[i].name, (unsigned long long)o.m.r[X86_RAX], value);
        }
    memset(code, 0xcc, 5);
}

/* Every row, then sequences; how many rows there were. */
static unsigned pass(const struct options *o)
{
    unsigned compared = 0;
    for (unsigned i = 0; i < x86_row_count; i++) {
        const struct x86_row *row = &x86_rows[i];
        if (case_possible(row) && (!o->only || !strcmp(o->only, row->name)))
            compared += run_row(row, o);
    }
    run_crossing();
    struct sequence_options s = {.states = o->states, .length = o->length, .mode = o->mode};
    for (unsigned i = 0; i < o->sequences && (!o->only || !strcmp(o->only, "SEQUENCES")) && subjects_failed() < 20; i++)
        sequence_run(&s);
    return compared;
}

static bool parse(struct options *o, uint64_t *seed, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *a = argv[i], *v = i + 1 < argc ? argv[i + 1] : "";
        const struct {
            const char *name;
            unsigned *to;
        } numbers[] = {{"--cases", &o->cases},   {"--states", &o->states}, {"--sequences", &o->sequences}, {"--length", &o->length},
                       {"--passes", &o->passes}, {"--shown", &o->shown},   {"--mode", &o->mode}};
        unsigned n = 0;
        if (strcmp(a, "--rows") == 0) {
            o->rows = true;
            continue;
        }
        if (strcmp(a, "--coverage") == 0) {
            o->coverage = true;
            continue;
        }
        i++;
        while (n < ARRAY_LEN(numbers) && strcmp(a, numbers[n].name))
            n++;
        if (n < ARRAY_LEN(numbers))
            *numbers[n].to = (unsigned)strtoul(v, NULL, 0);
        else if (strcmp(a, "--only") == 0)
            o->only = v;
        else if (strcmp(a, "--engine") == 0)
            o->engine = v;
        else if (strcmp(a, "--seed") == 0)
            *seed = strtoull(v, NULL, 0);
        else
            return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    struct options o = {.cases = 12, .states = 6, .shown = 2, .sequences = 3000, .length = 8, .passes = 1};
    uint64_t seed = 1;
    if (!parse(&o, &seed, argc, argv))
        return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!native_init()) {
        printf("not compared\n0 passed, 0 failed\n");
        return 0;
    }
    if (!o.engine || strcmp(o.engine, "interp") == 0)
        subject_add("interp", "interp", 0);
    if (!o.engine || strcmp(o.engine, "x64") == 0)
        subject_add("x64", "x64", 0);
    if (o.engine && strcmp(o.engine, "regions") == 0)
        subject_add("regions", "x64", 1);
    if (!native_has_32())
        printf("this kernel runs no 32-bit code: only 64-bit mode is compared\n");
    unsigned compared = 0, lifted = 0;
    for (unsigned i = 0; i < x86_row_count; i++)
        lifted += x86_rows[i].lift != NULL;
    for (unsigned i = 0; i < o.passes; i++) {
        case_seed(seed + i);
        compared = pass(&o);
    }
    unsigned missing = o.coverage ? coverage_report(o.mode, o.rows) : 0;
    printf("%u rows, %u lifted, %u compared; %lu comparisons passed only since AMD's MXCSR has a bit 17\n", x86_row_count, lifted, compared,
           compare_bit_17);
    for (unsigned i = 0; i < subject_count; i++)
        for (unsigned mode64 = 0; mode64 < 2; mode64++)
            printf("%s, %s: %lu passed, %lu failed\n", mode64 ? "x86-64" : "i386", subjects[i].name, subjects[i].passed[mode64],
                   subjects[i].failed[mode64]);
    printf("%lu passed, %lu failed\n", subjects_passed(), subjects_failed());
    return subjects_failed() || missing;
}
