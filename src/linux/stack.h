/* The first stack of a program. */
#pragma once
#include "linux/process.h"
#include "program/program.h"

/* Maps the stack and fills it with arguments, environment and auxv as the kernel does; fills in the
 * process's stack_*, arg_*, env_* and auxv.  The stack pointer to start with, or 0 when out of
 * memory. */
uint64_t stack_build(struct process *p, const struct program_image *image, const char *execfn,
                     char *const argv[], char *const envp[]);
