/* What the host has for reading, copied into the root before it is changed. */
#pragma once
#include "support/base.h"

/* Makes the directories that lead to absolute canonical `path` in the directory `root`, as the host has them; with
 * `itself` also a copy of what is there, if anything is. What the root has stays. 0 or -errno. */
int copy_up(int root, const char *path, bool itself);
