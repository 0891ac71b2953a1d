/* The guest's address space as its system calls change it. */
#pragma once
#include "support/base.h"

/* Where brk starts; at the program's start. */
void mapping_set_brk(uint64_t start);
/* Around fork: holds off all changes. */
void mapping_fork_prepare(void);
void mapping_fork_done(bool child);
