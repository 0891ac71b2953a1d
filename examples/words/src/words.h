/* Counts words: a hash table that grows. */
#pragma once
#include <stddef.h>

struct words;

struct words *words_new(void);
void words_free(struct words *w);
/* Counts the words (letters and digits, in lower case) of `size` bytes of text.  0, or -1 if memory has run out. */
int words_add(struct words *w, const char *text, size_t size);
/* How often `word` has come; 0 if never. */
unsigned words_count(const struct words *w, const char *word);
/* How many different ones there are. */
size_t words_different(const struct words *w);
/* Calls `each` with each of them, the most frequent first, those equally frequent in the order of the alphabet. */
void words_sorted(const struct words *w, void (*each)(const char *word, unsigned count, void *context), void *context);
