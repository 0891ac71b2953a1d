/* The commands behind the command line; each returns the exit status. */
#pragma once
#include "cli/options.h"

int cli_run(struct options *o);
/* Runs what is already known to be a guest program. */
int cli_start(struct process_start *start, struct process_config *config);
int cli_root(struct options *o);
int cli_doctor(struct options *o);

/* Host path of the root `name` (a name under roots_dir, or a path) into out; false with a message if there is none. */
bool root_find(const char *name, char out[4096]);
/* As root_find without a message. */
bool root_exists(const char *name, char out[4096]);
/* Where roots live: $XDG_DATA_HOME/demotic/roots, else ~/.local/share/demotic/roots. */
void roots_dir(char out[4096]);
