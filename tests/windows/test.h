/* What every test program has: CHECK counts, DONE says "ok NAME" or how many checks failed. */
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

static inline int done(const char *name)
{
    if (failures)
        printf("not ok %s: %d of %d checks failed\n", name, failures, checks);
    else
        printf("ok %s %d\n", name, checks);
    fflush(stdout);
    return failures != 0;
}

/* clang's __try covers calls, not single accesses. */
#define NOINLINE __attribute__((noinline))
