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

/* The same source is built for x86-64, to be run by native Wine. */
#ifdef __aarch64__
#define PC Pc
#define ARG0 X0
#define ARG1 X1
#define KEPT0 X19
#define KEPT1 X20
#elif defined(__i386__)
#define PC Eip
#define ARG0 Ecx
#define ARG1 Edx
#define KEPT0 Ebx
#define KEPT1 Esi
#else
#define PC Rip
#define ARG0 Rcx
#define ARG1 Rdx
#define KEPT0 R12
#define KEPT1 R13
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

/* Code that returns `value`; how many bytes it has */
static inline unsigned generate(void *at, unsigned value)
{
#ifdef __aarch64__
    unsigned code[2] = {0x52800000u | (value & 0xffff) << 5, 0xd65f03c0u}; /* MOVZ w0, #value; RET */
#else
    unsigned char code[6] = {0xb8, (unsigned char)value, (unsigned char)(value >> 8), 0, 0, 0xc3}; /* mov eax, value; ret */
#endif
    memcpy(at, code, sizeof code);
    return sizeof code;
}

/* clang's __try covers calls, not single accesses. */
#define NOINLINE __attribute__((noinline))
