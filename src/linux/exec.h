/* What executing a path comes down to, and doing it. */
#pragma once
#include "linux/process.h"
#include "program/program.h"

#define EXEC_SCRIPTS 5 /* #! lines in a chain; one more is ELOOP, as in the kernel */

/* Found by exec_find. */
struct exec_plan {
    int fd;               /* of the program itself, open for reading and close-on-exec */
    bool native;          /* the host's own kind: the host's kernel runs it */
    const struct abi *abi; /* else: what it is to be translated as */
    bool by_fd;           /* `host` is no path that could be opened again: pass fd */
    char host[PATH_MAX];  /* the program on the host */
    char guest[PATH_MAX]; /* and as the guest knows it */
    /* What #! lines put before the arguments, outermost interpreter first: then the script's path
     * takes the place of argv[0]. */
    unsigned prefix_count;
    char *prefix[2 * EXEC_SCRIPTS + 1];
    struct program_info info;
    char why[512]; /* a sentence, after an error */
};

/* Follows `path` (from dirfd; flags AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW) through #! lines to a
 * program. 0 or -errno as execve gives it.  exec_release in either case. */
int exec_find(struct thread *t, int dirfd, const char *path, int flags, struct exec_plan *plan);
void exec_release(struct exec_plan *plan);
/* Opens a program's interpreter: a descriptor or -errno (program_loader.open_interp; ctx is the
 * thread). */
int exec_open_interp(void *ctx, const char *path);
/* At start: remembers what to execute to become ourselves again. */
void exec_start(void);
