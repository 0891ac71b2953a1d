/* The runner of opt/golden.h.  Slots are those of ir/random_unit.h. */
#include "opt/golden.h"

#include "ir/random_unit.h"
#include "opt/opt.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct golden_case {
    const char *title, *passes, *input, *expected; /* NUL-terminated parts of the file's text */
    char *output;
};

static char *file_read(struct arena *a, const char *path)
{
    FILE *f = fopen(path, "r");
    char *text;
    long n;

    if (!f || fseek(f, 0, SEEK_END) || (n = ftell(f)) < 0 || fseek(f, 0, SEEK_SET)) {
        if (f)
            fclose(f);
        return NULL;
    }
    text = arena_alloc(a, (size_t)n + 1);
    if (fread(text, 1, (size_t)n, f) != (size_t)n)
        text = NULL;
    fclose(f);
    return text;
}

static bool flags_dead_at(void *ctx, uint64_t pc)
{
    const char *const mark = "; flags dead at ";

    for (const char *p = ctx; (p = strstr(p, mark)); p++)
        if (strtoull(p + strlen(mark), NULL, 0) == pc)
            return true;
    return false;
}

static const char *run_pass(struct ir_unit *u, const char *pass, size_t n,
                            struct opt_config *config)
{
    if (n == 5 && !strncmp(pass, "parse", n))
        return NULL;
    if (n == 4 && !strncmp(pass, "fold", n))
        opt_fold(u);
    else if (n == 5 && !strncmp(pass, "state", n))
        opt_state(u, config);
    else if (n == 4 && !strncmp(pass, "fuse", n))
        opt_fuse(u);
    else if (n == 4 && !strncmp(pass, "dead", n))
        opt_dead(u);
    else if (n == 3 && !strncmp(pass, "run", n))
        opt_run(u, config);
    else
        return "no such pass\n";
    return NULL;
}

static const char *with_newline(struct arena *a, const char *text)
{
    size_t n = strlen(text);
    char *copy = arena_alloc(a, n + 2);

    memcpy(copy, text, n);
    copy[n] = '\n';
    return copy;
}

/* The case's output, in the arena. */
static const char *run_case(struct arena *a, const struct golden_case *c)
{
    struct opt_config config = {.enabled = true,
                                .flags_dead = flags_dead_at,
                                .ctx = (void *)(uintptr_t)c->input,
                                .flags_slot = RANDOM_FL};
    struct ir_unit u;
    const char *error, *p = c->passes;

    ir_unit_init(&u, a, random_slots, RANDOM_SLOTS);
    if (!ir_parse(&u, c->input, &error))
        return with_newline(a, error);
    if (!strcmp(c->passes, "verify")) {
        error = ir_verify(&u);
        return error ? with_newline(a, error) : "ok\n";
    }
    while (*p) {
        size_t n = strcspn(p, ", ");
        error = run_pass(&u, p, n, &config);
        if (error)
            return error;
        error = ir_verify(&u);
        if (error)
            return with_newline(a, error);
        p += n;
        p += strspn(p, ", ");
    }
    return ir_print(&u);
}

/* Cuts the file into cases; the text is changed. */
static unsigned split(char *text, struct golden_case *cases, unsigned max)
{
    unsigned n = 0;
    char *p = strncmp(text, "== ", 3) ? strstr(text, "\n== ") : text;

    while (p && n < max) {
        char *title = p + (p == text ? 3 : 4), *colon, *input, *mark, *next;

        input = strchr(title, '\n');
        if (!input)
            break;
        *input++ = 0;
        mark = strstr(input, "\n--\n");
        if (!mark)
            break;
        mark[1] = 0;
        mark += 4;
        next = strncmp(mark, "== ", 3) ? strstr(mark, "\n== ") : mark - 1;
        if (next)
            next[1] = 0; /* where the expected text is empty, this ends it */
        colon = strrchr(title, ':');
        if (!colon)
            break;
        *colon = 0;
        cases[n++] =
            (struct golden_case){title, colon + 1 + strspn(colon + 1, " "), input, mark, NULL};
        p = next;
    }
    return n;
}

static void write_file(const char *path, const char *head, const struct golden_case *cases,
                       unsigned n)
{
    FILE *f = fopen(path, "w");

    if (!f)
        return;
    fputs(head, f);
    for (unsigned i = 0; i < n; i++)
        fprintf(f, "== %s: %s\n%s--\n%s", cases[i].title, cases[i].passes, cases[i].input,
                cases[i].output);
    fclose(f);
}

unsigned golden_run(const char *path, unsigned *cases_run)
{
    struct arena a = {0};
    char *text = file_read(&a, path), *head = "";
    struct golden_case *cases = arena_alloc(&a, 1000 * sizeof(*cases));
    unsigned n, failures = 0;

    if (!text) {
        printf("%s: cannot be read\n", path);
        return 1;
    }
    if (strncmp(text, "== ", 3) && strstr(text, "\n== ")) {
        size_t size = (size_t)(strstr(text, "\n== ") - text) + 1;
        head = arena_alloc(&a, size + 1);
        memcpy(head, text, size);
    }
    n = split(text, cases, 1000);
    for (unsigned i = 0; i < n; i++) {
        cases[i].output = (char *)(uintptr_t)run_case(&a, &cases[i]);
        if (!strcmp(cases[i].output, cases[i].expected))
            continue;
        failures++;
        if (!getenv("BLESS"))
            printf("%s: %s\n-- expected\n%s-- got\n%s", path, cases[i].title, cases[i].expected,
                   cases[i].output);
    }
    if (failures && getenv("BLESS")) {
        write_file(path, head, cases, n);
        printf("%s: %u cases rewritten\n", path, failures);
        failures = 0;
    }
    *cases_run += n;
    arena_free(&a);
    return failures + (n == 0);
}
