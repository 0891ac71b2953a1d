/* What every test program has: CHECK counts and prints what fails, done() says "N passed, N failed". */
#pragma once
#include <windows.h>
#include <excpt.h>
#include <stdio.h>
#include <string.h>

#ifndef GetExceptionCode
#define GetExceptionCode _exception_code
#endif
#ifndef GetExceptionInformation
#define GetExceptionInformation (EXCEPTION_POINTERS *)_exception_info
#endif

static int checks, failures;

#define CHECK(condition, ...)                                                                                                    \
    do {                                                                                                                         \
        checks++;                                                                                                                \
        if (!(condition)) {                                                                                                      \
            failures++;                                                                                                          \
            printf("%s:%d: %s (error %lu) ", __FILE__, __LINE__, #condition, (unsigned long)GetLastError());                     \
            printf("" __VA_ARGS__);                                                                                              \
            printf("\n");                                                                                                        \
        }                                                                                                                        \
    } while (0)

static inline int done(void)
{
    printf("%d passed, %d failed\n", checks - failures, failures);
    fflush(stdout);
    return failures != 0;
}

/* clang's __try covers calls, not single accesses. */
#define NOINLINE __attribute__((noinline))
