/* Guest paths to host paths: the root first, then the host; symlinks as the guest means them. */
#pragma once
#include "support/base.h"
#include <limits.h>

struct thread;

#define PATH_NOFOLLOW 1u /* the last component is not followed if it is a symlink */
#define PATH_CREATE   2u /* the last component may be missing and is about to be made */
#define PATH_WRITE    4u /* what is there is about to be changed, or made */
#define PATH_REMOVE   8u /* it is about to be removed */

/* Host path (absolute, or relative to host dirfd) for guest path `guest`, relative to guest dirfd
 * (AT_FDCWD or a descriptor: descriptor numbers are the same in guest and host). 0 or -errno. */
int path_translate(struct thread *t, int dirfd, const char *guest, unsigned flags,
                   char out[PATH_MAX]);
/* The path by which the guest knows host path `host` (inside the root: with the root's prefix
 * removed). */
void path_to_guest(const char *host, char out[PATH_MAX]);
/* Sets the root directory (host path, absolute), or NULL for none. Before any guest runs. */
int path_set_root(const char *root);
const char *path_root(void);
/* The root is not completed by the host: only /proc, /sys and /dev are the host's. With path_set_root. */
void path_set_alone(bool yes);
/* An argument of the user's command: if it is or ends (after "=") in the absolute name of a file that only the host has,
 * that name is the host's from now on, also where the root otherwise hides the host's system. After path_set_root. */
#define PATH_GRANTS 64
void path_grant(const char *arg);
/* All such names, a line each, for the Demotic that an execve starts; and there. */
const char *path_granted(void);
void path_grant_list(const char *list);
/* An O_PATH descriptor of the root, -1 if there is none. */
int path_root_fd(void);
/* True if absolute guest path `guest` (canonical) is always the host's. */
bool path_is_host_tree(const char *guest);
/* True if absolute guest path `guest` (canonical) is never the host's. */
bool path_is_root_only(const char *guest);
/* Opens guest path `guest` with the host's O_* flags if that is possible without looking closer (it
 * has no symlink, nothing is made); a descriptor, -EINTR or SYS_ERESTART; PATH_NOT_QUICK if it has
 * to be translated. */
#define PATH_NOT_QUICK INT_MIN
int64_t path_open_quick(struct thread *t, int dirfd, const char *guest, uint64_t flags);
