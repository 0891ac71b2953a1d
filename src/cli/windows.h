/* Windows programs: a root with Wine, a prefix, and Wine's processes from start to end. */
#pragma once
#include "cli/flavour.h"
#include "cli/options.h"
#include <limits.h>

struct wine {
    const struct flavour *flavour;
    char root[PATH_MAX];   /* host path of a root that has this flavour of Wine */
    char prefix[PATH_MAX]; /* host path, absolute */
    bool has_server;       /* the server itself can be started, without Debian's script around it */
};

/* Where prefixes and their templates are made: in the data directory, or, where that cannot be written (a container's user without
 * a home), in one of this user's under $XDG_RUNTIME_DIR, $TMPDIR or /tmp.  False with a message if nowhere. */
bool prefixes_dir(char out[4096]);
/* Makes w->prefix if there is none; false with a message if that fails. */
bool prefix_prepare(struct options *o, const struct wine *w);

/* Runs a Windows program (at most 14 words) in `prefix`, without a display or a word; its exit status. */
int windows_quietly(struct options *o, const struct wine *w, const char *prefix, char **args);
/* Starts the server of `prefix` if need be and holds it until windows_wait_server; true if it was started. */
bool windows_hold_server(struct options *o, const struct wine *w, const char *prefix);
/* Waits until no wineserver serves `prefix`: all programs have ended and the registry is written.  False after `seconds`, or
 * when go_on (may be NULL; asked many times a second) says no. */
bool windows_wait_server(const char *prefix, unsigned seconds, bool (*go_on)(void));
/* Ends all programs in `prefix` and its server. */
void windows_kill_server(const char *prefix);
