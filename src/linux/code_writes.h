/* What a system call may write is made writable before it, where pages of code are protected. */
#pragma once
#include "linux/sysrow.h"
#include "memory/guard.h"

/* size: of the guest's pointers, in bytes. */
void code_writes_before(struct thread *t, const struct sys_row *row, const uint64_t a[6], unsigned size);
