#include "words.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct word {
    char *text; /* NULL: free */
    unsigned count;
};

struct words {
    struct word *table;
    size_t size, used; /* a power of two */
};

static size_t hash(const char *text, size_t length)
{
    unsigned h = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < length; i++)
        h = (h ^ (unsigned char)tolower((unsigned char)text[i])) * 16777619u;
    return h;
}

static int same(const char *word, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (word[i] != (char)tolower((unsigned char)text[i]))
            return 0;
    return word[length] == 0;
}

/* The word's place, or the free one where it belongs. */
static struct word *find(const struct words *w, const char *text, size_t length)
{
    for (size_t i = hash(text, length);; i++) {
        struct word *word = &w->table[i & (w->size - 1)];
        if (!word->text || same(word->text, text, length))
            return word;
    }
}

static int grow(struct words *w)
{
    struct words bigger = {.size = w->size ? w->size * 2 : 64, .used = w->used};
    bigger.table = calloc(bigger.size, sizeof *bigger.table);
    if (!bigger.table)
        return -1;
    for (size_t i = 0; i < w->size; i++)
        if (w->table[i].text)
            *find(&bigger, w->table[i].text, strlen(w->table[i].text)) = w->table[i];
    free(w->table);
    *w = bigger;
    return 0;
}

struct words *words_new(void)
{
    return calloc(1, sizeof(struct words));
}

void words_free(struct words *w)
{
    for (size_t i = 0; i < w->size; i++)
        free(w->table[i].text);
    free(w->table);
    free(w);
}

static int count(struct words *w, const char *text, size_t length)
{
    if (w->used * 2 >= w->size && grow(w) < 0)
        return -1;
    struct word *word = find(w, text, length);
    if (!word->text) {
        word->text = malloc(length + 1);
        if (!word->text)
            return -1;
        for (size_t i = 0; i < length; i++)
            word->text[i] = (char)tolower((unsigned char)text[i]);
        word->text[length] = 0;
        w->used++;
    }
    word->count++;
    return 0;
}

int words_add(struct words *w, const char *text, size_t size)
{
    for (size_t i = 0; i < size;) {
        size_t start = i;
        while (i < size && isalnum((unsigned char)text[i]))
            i++;
        if (i > start && count(w, text + start, i - start) < 0)
            return -1;
        if (i == start)
            i++;
    }
    return 0;
}

unsigned words_count(const struct words *w, const char *word)
{
    return w->size ? find(w, word, strlen(word))->count : 0;
}

size_t words_different(const struct words *w)
{
    return w->used;
}

static int by_count(const void *a, const void *b)
{
    const struct word *x = a, *y = b;
    return x->count != y->count ? (x->count < y->count ? 1 : -1) : strcmp(x->text, y->text);
}

void words_sorted(const struct words *w, void (*each)(const char *word, unsigned count, void *context), void *context)
{
    struct word *list = malloc((w->used + 1) * sizeof *list);
    size_t n = 0;
    for (size_t i = 0; list && i < w->size; i++)
        if (w->table[i].text)
            list[n++] = w->table[i];
    if (n)
        qsort(list, n, sizeof *list, by_count);
    for (size_t i = 0; i < n; i++)
        each(list[i].text, list[i].count, context);
    free(list);
}
