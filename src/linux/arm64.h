/* Parts of the Arm64 Linux ABI that see each other. */
#pragma once
#include "support/base.h"

/* abi.vdso. */
struct abi_vdso;
size_t arm64_vdso(void *image, size_t room, uint64_t base, struct abi_vdso *out);
