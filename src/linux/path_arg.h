/* Path arguments of system calls. */
#pragma once
#include "linux/path.h"
#include <fcntl.h>

/* The guest's string at address `guest` as a host path: 0 or -errno. */
int path_arg(struct thread *t, int dirfd, uint64_t guest, unsigned flags, char out[PATH_MAX]);
/* The row's call on the host (sys_row_call) with the path argument translated: path is argument 0, or dirfd and
 * path are arguments 0 and 1.  A null path is left to the kernel. */
int64_t path_call(struct thread *t, const uint64_t a[6], unsigned flags);
int64_t path_call_at(struct thread *t, const uint64_t a[6], unsigned flags);
/* Two paths in arguments 0 and 1, or two pairs of dirfd and path in arguments 0 to 3. */
int64_t path_call2(struct thread *t, const uint64_t a[6], unsigned flags1, unsigned flags2);
int64_t path_call_at2(struct thread *t, const uint64_t a[6], unsigned flags1, unsigned flags2);

/* PATH_NOFOLLOW from an argument's flag: if `f` has bit, or has it not. */
static inline unsigned nofollow_if(uint64_t f, unsigned bit)
{
    return f & bit ? PATH_NOFOLLOW : 0;
}
static inline unsigned nofollow_unless(uint64_t f, unsigned bit)
{
    return f & bit ? 0 : PATH_NOFOLLOW;
}
