/* Building the vdso image from an ABI's functions (vdso.c). */
#pragma once
#include "support/base.h"

struct vdso_function {
    const char *name;
    const void *code;
    size_t size; /* bytes */
};

struct vdso_spec {
    bool bits32;
    unsigned machine; /* EM_* */
    const char *soname, *version;
    const struct vdso_function *functions;
    unsigned count;
    /* Between the functions; the first begins `lead` bytes into the code (unwinders look up the return address less one). */
    const void *nop;
    size_t nop_size, lead;
};

/* Fills image (room bytes) and the offset of each function in it; its size. */
size_t vdso_build(void *image, size_t room, const struct vdso_spec *spec, uint32_t *offsets);
