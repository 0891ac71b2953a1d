/* What is done to files in more than one place. */
#pragma once
#include "support/base.h"
#include <sys/types.h>

/* mkdir -p: makes path and what leads to it, as far as it is missing. 0 or -errno. */
int file_make_dirs(const char *path, mode_t mode);
/* All of size bytes, also if write(2) takes them in parts or is interrupted. 0 or -errno, with some of them written. */
int file_write(int fd, const void *data, size_t size);
