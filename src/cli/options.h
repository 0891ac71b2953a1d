/* The command line, parsed: one table for --help and for parsing. */
#pragma once
#include "engine/engine.h"
#include "linux/process.h"

enum command { COMMAND_RUN, COMMAND_ROOT, COMMAND_DOCTOR, COMMAND_WINE, COMMAND_CACHE };

struct options {
    enum command command;
    struct process_config config; /* root is not filled in: see root_find */
    const char *root_name;        /* --root: a name or a path, or NULL */
    char **args;                  /* the program and its arguments, or the command's; NULL-terminated */
    int arg_count;
    unsigned wine_wait;           /* seconds that a Windows program's surroundings have to end */
    bool no_disk_cache;
    bool wine_direct;             /* without the relay */
    bool raw_args;                /* Windows programs get their arguments unchanged */
};

/* Exits by itself on --help, --version and on errors (status 64, what is wrong and what to do). */
void options_parse(int argc, char **argv, struct options *out);
