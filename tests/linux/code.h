/* Arm64 code that a test makes for itself. */
#pragma once
#include "test.h"
#include <sys/mman.h>

#if defined(__aarch64__)

static uint32_t *code_new(size_t words)
{
    void *p = mmap(NULL, words * 4, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        abort();
    return p;
}

static void code_changed(uint32_t *from, size_t words)
{
    __builtin___clear_cache((char *)from, (char *)(from + words));
}

#endif
