/* Demotic's own descriptors, kept out of the guest's way: close-on-exec, numbered above the guest's
 * limit where the hard limit allows it, and for the guest not open at all. */
#pragma once
#include "support/base.h"

/* Moves fd (closing the old number) to where the guest does not see it; the new number, or fd
 * itself if there is no room.  Async-signal-unsafe. */
int fd_own(int fd);
void fd_own_close(int fd);
/* For the calls that name a descriptor to close or replace. */
bool fd_is_own(int fd);
/* Own descriptors in [first, last], in ascending order; how many were put in out[0..max). */
unsigned fd_own_list(unsigned first, unsigned last, int *out, unsigned max);
#define FD_OWN_MAX 32
