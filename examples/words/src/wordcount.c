/* wordcount FILE...: the words of the files and how often they come, the most frequent first. */
#include "words.h"
#include <stdio.h>
#include <stdlib.h>

static void print(const char *word, unsigned count, void *context)
{
    fprintf(context, "%u %s\n", count, word);
}

static int add_file(struct words *w, const char *name)
{
    FILE *f = fopen(name, "rb");
    if (!f) {
        perror(name);
        return -1;
    }
    size_t size = 0, n;
    char *text = NULL;
    do {
        char *more = realloc(text, size + 65536);
        if (!more)
            break;
        text = more;
        n = fread(text + size, 1, 65536, f);
        size += n;
    } while (n > 0);
    int result = text ? words_add(w, text, size) : -1;
    free(text);
    fclose(f);
    return result;
}

int main(int argc, char **argv)
{
    struct words *w = words_new();
    int status = 0;
    for (int i = 1; w && i < argc; i++)
        if (add_file(w, argv[i]) < 0)
            status = 2;
    if (!w)
        return 2;
    words_sorted(w, print, stdout);
    words_free(w);
    return status;
}
