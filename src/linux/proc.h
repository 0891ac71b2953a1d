/* What /proc tells the guest: its own program, memory map and processor rather than Demotic's. */
#pragma once
#include "support/base.h"
#include <limits.h>

struct process;
struct thread;

enum proc_link_kind {
    PROC_LINK_PLAIN, /* an ordinary symlink */
    PROC_LINK_GUEST, /* the text was replaced by what the guest is to see, an absolute path */
    PROC_LINK_MAGIC, /* leads to an open file or directory, whatever its text says */
};

/* True if the path may lead into /proc (guest and host agree there). */
bool proc_path(const char *path);
/* True if a file of this last component may be one that proc_open replaces. */
bool proc_name(const char *last);
/* Classifies the link at canonical host path `path` (/proc/PID/...), whose text is in link. */
enum proc_link_kind proc_link(struct thread *t, const char *path, char link[PATH_MAX]);
/* Opens what takes the place of the file at host path `path` for the guest: a descriptor, a
 * negative error, or PROC_NOT_OURS if the host's own file is right.  flags: the host's O_*. */
#define PROC_NOT_OURS INT_MIN
int proc_open(struct thread *t, const char *path, int flags);
/* "/proc/self/fd/N" for the host. */
void proc_fd_path(int fd, char out[40]);
/* The guest path of the program that process pid runs, if it is one of ours: true. */
bool proc_guest_exe(struct thread *t, int pid, char out[PATH_MAX]);
/* Makes /proc/PID/{cmdline,environ,auxv,stat} of this process show the guest's, for everybody (best
 * effort). Call when the guest's stack has been built. */
void proc_publish(const struct process *p);
/* Takes Demotic's own descriptors out of a listing that getdents64 made of fd: the bytes that are
 * left. */
int64_t proc_filter_entries(int fd, uint64_t entries, int64_t size);
