/* The host kernel's own 32-bit entry, used from 64-bit code: the calls of i386, with its numbers and structures.
 * Addresses must lie below 4 GiB.  -ENOSYS where the kernel was built or started without it. */
#pragma once
#include <errno.h>
#include <stdint.h>

static inline int64_t host_call32(long nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
#if defined(__x86_64__)
    int32_t ret;
    /* EBX and EBP are the compiler's; old kernels lose R8 to R11. */
    register uint64_t first __asm__("r8") = a0;
    register uint64_t last __asm__("r9") = a5;

    __asm__ volatile("mov %%rbx, %%r12\n\t"
                     "mov %%rbp, %%r13\n\t"
                     "mov %%r8, %%rbx\n\t"
                     "mov %%r9, %%rbp\n\t"
                     "int $0x80\n\t"
                     "mov %%r13, %%rbp\n\t"
                     "mov %%r12, %%rbx"
                     : "=a"(ret), "+r"(first), "+r"(last)
                     : "a"((uint32_t)nr), "c"((uint32_t)a1), "d"((uint32_t)a2), "S"((uint32_t)a3), "D"((uint32_t)a4)
                     : "memory", "cc", "r10", "r11", "r12", "r13");
    return ret;
#else
    return -ENOSYS;
#endif
}
