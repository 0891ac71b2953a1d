/* Counts the host instructions that guest sequences become, and compares with what a file records: every
 * change of code quality shows in its diff.
 *
 *     codegen FILE [--bless | --show TITLE]
 *
 * The processor's features are set, not found, so that the numbers are the same everywhere.  arm64.txt says what is
 * counted. */
#include "compile.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "baseline all title: words ; ..." */
static bool parse(char *line, int want[2], char **title, struct sequence *s)
{
    int skip = 0;

    if (sscanf(line, "%d %d %n", &want[0], &want[1], &skip) < 2)
        return false;
    *title = line + skip;
    char *p = strchr(*title, ':');
    if (!p)
        return false;
    for (p++; s->count < COMPILE_WORDS; s->count++) {
        char *end;
        uint32_t w = (uint32_t)strtoul(p, &end, 16);

        if (end == p)
            break;
        s->words[s->count] = w;
        p = end;
    }
    return s->count > 0;
}

static int process(FILE *in, FILE *out, const char *show)
{
    char line[1024], text[1024];
    int different = 0, host[COMPILE_WORDS];

    if (!compile_init())
        return 77;
    while (fgets(line, sizeof(line), in)) {
        struct sequence s = {.count = 0};
        int want[2], got[2];
        char *title;

        strcpy(text, line);
        if (line[0] == '#' || line[0] == '\n') {
            if (out)
                fputs(text, out);
            continue;
        }
        if (!parse(line, want, &title, &s)) {
            fprintf(stderr, "cannot read: %s", text);
            return 2;
        }
        bool shown = show && !strncmp(title, show, strlen(show));
        got[0] = compile_count(&s, 0, host, false);
        got[1] = compile_count(&s, 0xfff, host, shown);
        if (out)
            fprintf(out, "%3d %3d  %s", got[0], got[1], text + (title - line));
        else if (!show && (got[0] != want[0] || got[1] != want[1])) {
            *strchr(title, ':') = 0;
            printf("%s: %d and %d instructions, recorded %d and %d\n", title, got[0], got[1], want[0],
                   want[1]);
            different = 1;
        }
    }
    return different;
}

int main(int argc, char **argv)
{
    bool bless = argc == 3 && !strcmp(argv[2], "--bless");
    const char *show = argc == 4 && !strcmp(argv[2], "--show") ? argv[3] : NULL;
    FILE *in, *out = NULL;
    char *anew = NULL;
    size_t size = 0;

    if (argc < 2 || (argc > 2 && !bless && !show) || !(in = fopen(argv[1], "r"))) {
        fprintf(stderr, "usage: codegen FILE [--bless | --show TITLE]\n");
        return 2;
    }
    if (bless)
        out = open_memstream(&anew, &size);
    int status = process(in, out, show);
    fclose(in);
    if (!out)
        return status;
    fclose(out);
    if (status == 0 && (out = fopen(argv[1], "w")) != NULL) {
        fwrite(anew, 1, size, out);
        fclose(out);
    }
    free(anew);
    return status;
}
