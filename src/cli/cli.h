/* The commands behind the command line; each returns the exit status. */
#pragma once
#include "cli/options.h"
#include "program/program.h"

int cli_run(struct options *o);
/* Runs what is already known to be a guest program. */
int cli_start(struct process_start *start, struct process_config *config);
/* wine-arm64: args[0] is a file, one of Windows' own programs, or a Windows path. */
int cli_wine(struct options *o);
/* Runs a Windows program: a file (info: what it was recognised to be), or with NULL whatever Wine finds by that name. */
int cli_windows(struct options *o, const struct program_info *info);
int cli_root(struct options *o);
int cli_doctor(struct options *o);
int cli_cache(struct options *o);
/* Where translations are kept, from options and environment: config.disk_cache becomes an absolute path, or NULL. */
void disk_cache_choose(struct options *o);

/* Host path of the root `name` (a name under one of data_dirs, or a path) into out; false with a message if there is none. */
bool root_find(const char *name, char out[4096]);
/* As root_find without a message. */
bool root_exists(const char *name, char out[4096]);
/* Makes root `name` from Debian's packages for `arch` (arm64, amd64, i386) and those of `include` (comma-separated, or NULL), unless another process has
 * made it meanwhile; false with a message if that fails. */
bool root_make(const char *name, const char *arch, const char *include);
/* What mmdebstrap is to do with the packages it has unpacked, so that root_configure finds dpkg's database. */
extern const char configure_hook[];
/* Runs the scripts of the packages in root directory `root`, if it has dpkg and fakeroot; what fails is told. */
void root_configure(const char *root);
/* Corrects known defects of the programs in root directory `root` (see mend.c); *count: how many files were changed.  False with a
 * message if one could not be. */
bool root_mend(const char *root, unsigned *count);
/* mkdir -p; false with a message. */
bool make_dirs(const char *path);
/* Copies size bytes of file `from`, or as many as there are, to `to`, where both are; shared where the file system can. 0 or -errno. */
int copy_data(int from, int to, off_t size);
/* Copies a directory tree to `to`, which must not exist.  0 or -errno, with `to` partly there. */
int copy_tree(const char *from, const char *to);
/* $XDG_DATA_HOME/demotic, else ~/.local/share/demotic. */
void data_dir(char out[4096]);
/* Where data is looked for: data_dir, then the system's ($XDG_DATA_DIRS with /demotic; read only).  Begin with *at NULL;
 * false when there are no more. */
bool data_dirs(const char **at, char out[4096]);
/* Where roots are made: $XDG_DATA_HOME/demotic/roots, else ~/.local/share/demotic/roots. */
void roots_dir(char out[4096]);
/* Calls `each` (or NULL) for the name of each root there is; how many there are. */
unsigned roots_each(void (*each)(const char *name));
