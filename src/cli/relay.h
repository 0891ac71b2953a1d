/* The Windows program between Demotic and every other one: src/relay/relay.c says what for. */
#pragma once
#include "cli/windows.h"

struct relay {
    char word[48];         /* its argument before the program */
    char note[PATH_MAX + 64]; /* where it leaves a status that Wine does not let through */
};

/* Puts the relay into the prefix. own_input: a pipe on standard input is to be Windows' own, too, and is read to its end whether the
 * program reads it or not. seconds: how long others may write into the pipes after the program's end.  Its path as Windows writes
 * it, or NULL: there is none (Demotic was built without clang and lld), or the prefix cannot be written. */
const char *relay_prepare(struct relay *r, const struct wine *w, bool own_input, unsigned seconds);
/* This build has it. */
bool relay_is_there(void);
/* The status of the program as the shell is to see it, from the relay's; told on the log if that is not all of it. */
int relay_status(const struct relay *r, int status);
