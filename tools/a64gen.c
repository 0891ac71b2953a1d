/* a64gen: random Arm64 instruction words from the instruction tables, for tests.
 *
 *     a64gen --list                      rows: name, chapter, feature or -, attributes or -, fields
 *     a64gen [options] [ROW…]            words of these rows (all of them if none is named), one a
 * line: the word in hexadecimal, the row, and the text -n N               words of each row (1)
 *       --seed N           of the random numbers (1)
 *       --exclude A,B      leave out rows with one of these attributes (branch, system, faults, …)
 *       --chapter NAME     only rows whose table's name begins with NAME
 *       --base N --index M memory rows address through Xn and Xm (see arm64_row_random_memory)
 *       --pc ADDRESS       for the text (0x1000)
 *     a64gen --decode WORD…              row and text of words
 */
#include "guest/arm64/rows.h"
#include "guest/guest.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const attr_names[] = {
    "reads_flags", "writes_flags", "faults", "ends", "branch", "system",       "load",
    "store",       "exclusive",    "fp",     "simd", "pc",     "unpredictable"};

struct options {
    unsigned count, base, index;
    bool controlled, list, decode;
    uint64_t seed, pc;
    uint32_t exclude;
    const char *chapter;
};

static uint32_t parse_attrs(const char *list)
{
    uint32_t attrs = 0;
    while (*list) {
        size_t n = strcspn(list, ",");
        unsigned i = 0;
        while (i < ARRAY_LEN(attr_names) &&
               (strlen(attr_names[i]) != n || strncmp(attr_names[i], list, n) != 0))
            i++;
        if (i == ARRAY_LEN(attr_names)) {
            fprintf(stderr, "a64gen: no attribute named '%.*s'\n", (int)n, list);
            exit(2);
        }
        attrs |= 1u << i;
        list += n + (list[n] == ',');
    }
    return attrs;
}

static void print_row(unsigned row)
{
    const struct arm64_row_info *info = &arm64_row_info[row];
    bool any = false;
    printf("%s %s %s ", info->name, info->chapter, info->feature[0] ? info->feature : "-");
    for (unsigned i = 0; i < ARRAY_LEN(attr_names); i++) {
        if (info->attrs >> i & 1) {
            printf("%s%s", any ? "," : "", attr_names[i]);
            any = true;
        }
    }
    printf("%s", any ? "" : "-");
    for (unsigned i = 0; i < info->field_count; i++) {
        const struct arm64_row_field *f = &arm64_row_fields[info->first_field + i];
        printf(" %s:%u:%u", f->name, f->pos, f->width);
    }
    printf("\n");
}

static void print_word(uint32_t word, uint64_t pc)
{
    char text[256];
    guest_arm64.disassemble(pc, (const uint8_t *)&word, sizeof word, text, sizeof text);
    printf("%08x %s %s\n", word, arm64_row_info[arm64_decode(word)].name, text);
}

static void generate(unsigned row, const struct options *o, uint64_t *rng)
{
    const struct arm64_row_info *info = &arm64_row_info[row];
    if ((info->attrs & o->exclude) ||
        (o->chapter && strncmp(info->chapter, o->chapter, strlen(o->chapter)) != 0))
        return;
    if (o->list) {
        print_row(row);
        return;
    }
    for (unsigned i = 0; i < o->count; i++) {
        bool memory = o->controlled && (info->attrs & ARM64_ATTR_faults);
        uint32_t w = memory ? arm64_row_random_memory(row, rng, o->base, o->index)
                            : arm64_row_random(row, rng);
        if (w)
            print_word(w, o->pc);
    }
}

static const char *argument(char ***argv)
{
    if (!*++*argv) {
        fprintf(stderr, "a64gen: %s needs an argument\n", (*argv)[-1]);
        exit(2);
    }
    return **argv;
}

/* The first argument that is no option. */
static char **parse_options(char **argv, struct options *o)
{
    for (; *argv && **argv == '-'; argv++) {
        const char *s = *argv;
        if (!strcmp(s, "--list")) {
            o->list = true;
        } else if (!strcmp(s, "--decode")) {
            o->decode = true;
        } else if (!strcmp(s, "-n")) {
            o->count = (unsigned)strtoul(argument(&argv), NULL, 0);
        } else if (!strcmp(s, "--seed")) {
            o->seed = strtoull(argument(&argv), NULL, 0);
        } else if (!strcmp(s, "--pc")) {
            o->pc = strtoull(argument(&argv), NULL, 0);
        } else if (!strcmp(s, "--exclude")) {
            o->exclude = parse_attrs(argument(&argv));
        } else if (!strcmp(s, "--chapter")) {
            o->chapter = argument(&argv);
        } else if (!strcmp(s, "--base")) {
            o->base = (unsigned)strtoul(argument(&argv), NULL, 0);
            o->controlled = true;
        } else if (!strcmp(s, "--index")) {
            o->index = (unsigned)strtoul(argument(&argv), NULL, 0);
            o->controlled = true;
        } else {
            fprintf(stderr, "a64gen: unknown option %s\n", s);
            exit(2);
        }
    }
    return argv;
}

int main(int argc, char **argv)
{
    struct options o = {.count = 1, .seed = 1, .pc = 0x1000, .base = 28, .index = 27};
    char **rest = parse_options(argv + 1, &o);
    uint64_t rng = o.seed * 0x9e3779b97f4a7c15ull | 1;

    for (; o.decode && *rest; rest++)
        print_word((uint32_t)strtoul(*rest, NULL, 16), o.pc);
    if (o.decode)
        return 0;
    for (unsigned row = 1; !*rest && row < arm64_row_count; row++)
        generate(row, &o, &rng);
    for (; *rest; rest++) {
        unsigned row = arm64_row_by_name(*rest);
        if (!row) {
            fprintf(stderr, "a64gen: no row named %s\n", *rest);
            return 2;
        }
        generate(row, &o, &rng);
    }
    return 0;
}
