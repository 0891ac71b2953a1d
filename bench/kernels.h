/* What kernels.c and x87.c share: a kernel does its work SCALE times and returns a checksum, which must agree everywhere. */
#ifndef KERNELS_H
#define KERNELS_H

#include <stdint.h>

typedef uint64_t kernel_fn(unsigned scale);

struct kernel {
    const char *name;
    kernel_fn *fn;
};

/* Ended by a row without a name; null (weak) where x87.c is not linked. */
extern const struct kernel kernels_x87[] __attribute__((weak));

#endif
