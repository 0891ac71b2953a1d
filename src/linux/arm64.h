/* Parts of the Arm64 Linux ABI that see each other. */
#pragma once
#include "support/base.h"

/* abi.vdso. */
size_t arm64_vdso(void *image, size_t room, uint64_t base, uint64_t *sigreturn);
