/* The library.  The exit status is the number of checks that failed. */
#include "words.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failed;

static void check(int good, const char *what)
{
    printf("%s %s\n", good ? "ok" : "not ok", what);
    failed += !good;
}

static void remember(const char *word, unsigned count, void *context)
{
    sprintf((char *)context + strlen(context), "%s%u ", word, count);
}

int main(void)
{
    char all[64] = "", text[32];
    struct words *w = words_new();
    check(words_count(w, "one") == 0, "nothing is in an empty table");
    check(words_add(w, "One two, two; THREE-three three!", 32) == 0, "add");
    check(words_count(w, "one") == 1, "one once");
    check(words_count(w, "three") == 3, "three three times, in any case");
    check(words_different(w) == 3, "three different ones");
    words_sorted(w, remember, all);
    check(strcmp(all, "three3 two2 one1 ") == 0, "sorted");
    for (int i = 0; i < 100000; i++) {
        sprintf(text, "word%d ", i % 5000);
        words_add(w, text, strlen(text));
    }
    check(words_different(w) == 5003, "the table grows");
    check(words_count(w, "word4999") == 20, "and keeps what it has");
    words_free(w);
    return failed;
}
