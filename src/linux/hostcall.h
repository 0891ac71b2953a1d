/* Host system calls as they are: a value or -errno, without the C library's errno and cancellation.
 */
#pragma once
#include <errno.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline int64_t host_call(long nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3,
                                uint64_t a4, uint64_t a5)
{
#if defined(__x86_64__)
    int64_t ret;
    register uint64_t r10 __asm__("r10") = a3;
    register uint64_t r8 __asm__("r8") = a4;
    register uint64_t r9 __asm__("r9") = a5;
    __asm__ volatile("syscall"
                     : "=a"(ret)
                     : "a"(nr), "D"(a0), "S"(a1), "d"(a2), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return ret;
#else
    long ret = syscall(nr, a0, a1, a2, a3, a4, a5);
    return ret == -1 ? -errno : ret;
#endif
}

#define HOST_CALL_7(nr, a0, a1, a2, a3, a4, a5, ...)                                               \
    host_call(nr, (uint64_t)(a0), (uint64_t)(a1), (uint64_t)(a2), (uint64_t)(a3), (uint64_t)(a4),  \
              (uint64_t)(a5))
/* host(openat, dirfd, path, flags, mode): missing arguments are 0; all are converted to 64 bits as
 * C does. */
#define host(name, ...) HOST_CALL_7(SYS_##name, ##__VA_ARGS__, 0, 0, 0, 0, 0, 0)
