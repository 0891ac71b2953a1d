/* The most executed guest instructions, and the host instructions they become: units.txt (written by collect.py) holds the
 * units that run most over the benchmark set; each is compiled as the engine would, and the host instructions emitted for
 * each guest instruction are added up by its form, weighted by how often it is executed.  forms.txt records the 200 most
 * executed forms and the sums over all units, so that every change of code quality shows in its diff.
 *
 *     forms UNITS FORMS [--bless]        compares with what FORMS records, or writes it
 *     forms UNITS --total                host instructions for each guest instruction
 *     forms UNITS --show N               the code of unit N (1 is the most executed)
 *     forms UNITS --cost N               the N units that cost most more than one for one
 *
 * A form is the instruction's text with the kinds of its operands for their names: registers with a home in the host's
 * registers end in h, others in m (memory); immediates are #; 0 where it is 0. */
#include "compile.h"
#include "guest/arm64/state.h"
#include "host/x64/x64.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORMS     200
#define FORMS_MAX 8192
#define ALL       0xfff

struct form {
    char text[64];
    double share, host[2]; /* executions in a million instructions, and weighted by it: baseline, all features */
    uint32_t example;
    double example_share;
};

static struct form forms[FORMS_MAX];
static unsigned form_count;

/* -- forms ------------------------------------------------------------------------------------- */

static bool has_home(bool vector, unsigned long n)
{
    return x64_target.home[(vector ? ARM64_V0 : ARM64_X0) + n] >= 0;
}

/* The register at p, as it goes into a form; the characters read, 0 if it is none. */
static unsigned register_form(const char *p, char *out)
{
    char *end;
    bool vector = strchr("bhsdqv", *p) != NULL;

    if (!strchr("xwbhsdqv", *p) || !isdigit((unsigned char)p[1]))
        return 0;
    unsigned long n = strtoul(p + 1, &end, 10);
    if (n > 31 || isalnum((unsigned char)*end) || *end == '_')
        return 0;
    out[0] = *p;
    out[1] = has_home(vector, n) ? 'h' : 'm';
    return (unsigned)(end - p);
}

static void form_of(uint32_t word, char out[64])
{
    char text[160];
    const char *p = text;
    unsigned n = 0;

    compile_text(word, text, sizeof(text));
    while (*p && *p != ' ' && n < 30) /* the name */
        out[n++] = *p++;
    while (*p && n < 60) {
        unsigned length = isalnum((unsigned char)p[-1]) ? 0 : register_form(p, out + n);

        if (length) {
            p += length;
            n += 2;
        } else if (*p == '#') {
            char *end;
            bool zero = strtoull(p + 1, &end, 0) == 0 && end > p + 1;
            out[n++] = *p++;
            while (*p == '-' || *p == '.' || isalnum((unsigned char)*p))
                p++;
            if (zero && p == end)
                out[n++] = '0';
        } else {
            out[n++] = *p++;
        }
    }
    out[n] = 0;
}

static struct form *form_find(uint32_t word)
{
    char text[64];

    form_of(word, text);
    for (unsigned i = 0; i < form_count; i++)
        if (!strcmp(forms[i].text, text))
            return &forms[i];
    if (form_count == FORMS_MAX)
        exit(2);
    strcpy(forms[form_count].text, text);
    return &forms[form_count++];
}

static int by_share(const void *a, const void *b)
{
    const struct form *x = a, *y = b;

    return x->share < y->share ? 1 : x->share > y->share ? -1 : strcmp(x->text, y->text);
}

/* -- units ------------------------------------------------------------------------------------- */

/* "SHARE -|DEAD,... WORD..." */
static bool parse(char *line, double *share, struct sequence *s)
{
    char *p = strtok(line, " \n");

    *s = (struct sequence){.count = 0};
    if (!p || *p == '#')
        return false;
    *share = strtod(p, NULL);
    char *dead = strtok(NULL, " \n");
    if (!dead)
        return false;
    for (; (p = strtok(NULL, " \n")) && s->count < COMPILE_WORDS; s->count++)
        s->words[s->count] = (uint32_t)strtoul(p, NULL, 16);
    for (p = dead; *p != '-' || isdigit((unsigned char)p[1]); p++) {
        if (s->dead_count < COMPILE_EXITS)
            s->dead[s->dead_count++] = (int32_t)strtol(p, &p, 10);
        if (*p != ',')
            break;
    }
    return s->count > 0;
}

struct total {
    double guest, host[2];
    unsigned units, failed;
};

static void count_unit(struct sequence *s, double share, struct total *t)
{
    int host[2][COMPILE_WORDS], sum[2];

    sum[0] = compile_count(s, 0, host[0], false);
    sum[1] = compile_count(s, ALL, host[1], false);
    t->units++;
    if (sum[0] < 0 || sum[1] < 0) {
        t->failed++;
        fprintf(stderr, "unit %u does not compile\n", t->units);
        return;
    }
    double times = share / s->count;
    t->guest += share;
    for (unsigned k = 0; k < 2; k++)
        t->host[k] += times * sum[k];
    for (unsigned i = 0; i < s->count; i++) {
        struct form *f = form_find(s->words[i]);
        f->share += times;
        f->host[0] += times * host[0][i];
        f->host[1] += times * host[1][i];
        if (times > f->example_share) {
            f->example = s->words[i];
            f->example_share = times;
        }
    }
}

static void print_forms(FILE *out, const struct total *t)
{
    qsort(forms, form_count, sizeof(*forms), by_share);
    fprintf(out,
            "# The %u guest instructions that are executed most over the benchmark set, with the host instructions that are\n"
            "# emitted for them, on average over where they stand: written by tests/codegen/forms from units.txt, which\n"
            "# tests/codegen/collect.py found by running the programs with --dump=counts.\n"
            "#\n"
            "# of a million executed; host instructions without and with all of the processor's features; form; the most frequent\n"
            "#\n"
            "# All %u units, %.0f of a million: host instructions for each guest instruction %.3f, with all features %.3f\n",
            FORMS, t->units, t->guest, t->host[0] / t->guest, t->host[1] / t->guest);
    for (unsigned i = 0; i < FORMS && i < form_count; i++) {
        const struct form *f = &forms[i];
        char text[160];
        compile_text(f->example, text, sizeof(text));
        fprintf(out, "%7.0f %6.2f %6.2f  %-36s %s\n", f->share, f->host[0] / f->share, f->host[1] / f->share, f->text, text);
    }
}

/* The number of lines that differ, which are printed. */
static unsigned compare(const char *path, const char *text)
{
    char *want = calloc(1, 1 << 20);
    FILE *f = fopen(path, "r");
    unsigned different = 0;

    if (f) {
        want[fread(want, 1, (1 << 20) - 1, f)] = 0;
        fclose(f);
    }
    const char *a = want;
    while (*a || *text) {
        size_t n = strcspn(a, "\n"), m = strcspn(text, "\n");
        if (n != m || memcmp(a, text, n)) {
            printf("- %.*s\n+ %.*s\n", (int)n, a, (int)m, text);
            different++;
        }
        a += n + (a[n] == '\n');
        text += m + (text[m] == '\n');
    }
    free(want);
    return different;
}

struct costly {
    double cost;
    unsigned unit;
};

static int by_cost(const void *a, const void *b)
{
    const struct costly *x = a, *y = b;

    return x->cost < y->cost ? 1 : x->cost > y->cost ? -1 : 0;
}

static void show_unit(struct sequence *s, double share, unsigned unit)
{
    int host[COMPILE_WORDS];

    printf("unit %u: %.0f of a million\n", unit, share);
    for (unsigned i = 0; i < s->count; i++) {
        char text[160];
        compile_text(s->words[i], text, sizeof(text));
        printf("%2u: %08x %s\n", i, s->words[i], text);
    }
    printf("    %d\n", compile_count(s, ALL, host, true));
}

int main(int argc, char **argv)
{
    static struct costly costly[1 << 18];
    const char *option = argc > 2 ? argv[2] : "";
    unsigned wanted = argc == 4 && !strcmp(option, "--show") ? (unsigned)atoi(argv[3]) : 0;
    unsigned worst = argc == 4 && !strcmp(option, "--cost") ? (unsigned)atoi(argv[3]) : 0;
    bool total = !strcmp(option, "--total"), bless = argc == 4 && !strcmp(argv[3], "--bless");
    FILE *f = argc > 2 ? fopen(argv[1], "r") : NULL;
    struct total t = {0};
    static char line[4096];
    double share;
    struct sequence s;

    if (!f || (option[0] == '-' && !wanted && !worst && !total)) {
        fprintf(stderr, "usage: forms UNITS FORMS [--bless] | UNITS --total | UNITS --show N | UNITS --cost N\n");
        return 2;
    }
    if (!compile_init())
        return 77;
    while (fgets(line, sizeof(line), f)) {
        double before = t.host[1];
        if (!parse(line, &share, &s))
            continue;
        count_unit(&s, share, &t);
        if (t.units == wanted)
            show_unit(&s, share, t.units);
        if (t.units <= ARRAY_LEN(costly))
            costly[t.units - 1] = (struct costly){t.host[1] - before - share, t.units};
    }
    fclose(f);
    if (worst) {
        qsort(costly, t.units, sizeof(*costly), by_cost);
        for (unsigned i = 0; i < worst && i < t.units; i++)
            printf("%u: %.0f\n", costly[i].unit, costly[i].cost);
        return 0;
    }
    if (total)
        printf("%.3f %.3f\n", t.host[0] / t.guest, t.host[1] / t.guest);
    if (total || wanted)
        return 0;
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    print_forms(out, &t);
    fclose(out);
    if (bless && (out = fopen(argv[2], "w"))) {
        fwrite(text, 1, size, out);
        fclose(out);
    }
    unsigned different = compare(argv[2], text) + t.failed;
    if (t.failed)
        printf("%u units do not compile\n", t.failed);
    free(text);
    return different != 0;
}
