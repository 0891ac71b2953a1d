/* The vdsos of x86-64 and i386 (vdso.c makes the ELF image).
 *
 * Their clock functions use UD1 with two registers, which the translator knows within this mapping only
 * (x86_set_vdso_range): the clock in EAX becomes RAX seconds (EDX:EAX on i386) and RCX nanoseconds, negative for a clock that is
 * left to the system call.  Unwinders know the signal trampolines by their instructions. */
#include "linux/x86.h"

#include <elf.h>

#include "guest/x86/state.h"
#include "linux/abi.h"
#include "linux/vdso.h"

#define CLOCK      0x0f, 0xb9, 0xc0 /* ud1 %eax, %eax */
#define RESOLUTION 0x0f, 0xb9, 0xc1 /* ud1 %ecx, %eax */

/* mov $nr, %eax; syscall; ret */
#define X64_CALL(nr) 0xb8, (nr) & 255, (nr) >> 8, 0x00, 0x00, 0x0f, 0x05, 0xc3
/* mov $nr, %eax; int $0x80; pop %ebx; ret */
#define I386_CALL(nr) 0xb8, (nr) & 255, (nr) >> 8, 0x00, 0x00, 0xcd, 0x80, 0x5b, 0xc3
/* mov 8(%esp), %ebx; mov 12(%esp), %ecx: the first two arguments, with EBX pushed */
#define I386_ARGUMENTS 0x8b, 0x5c, 0x24, 0x08, 0x8b, 0x4c, 0x24, 0x0c

/* clang-format off */
static const uint8_t x64_clock_gettime[] = {
    0x89, 0xf8,                             /* mov %edi,%eax */
    CLOCK,
    0x48, 0x85, 0xc9,                       /* test %rcx,%rcx */
    0x78, 0x0a,                             /* js 14 */
    0x48, 0x89, 0x06,                       /* mov %rax,(%rsi) */
    0x48, 0x89, 0x4e, 0x08,                 /* mov %rcx,0x8(%rsi) */
    0x31, 0xc0,                             /* xor %eax,%eax */
    0xc3,                                   /* ret */
    X64_CALL(0xe4),
};
static const uint8_t x64_clock_getres[] = {
    0x89, 0xf8,                             /* mov %edi,%eax */
    RESOLUTION,
    0x48, 0x85, 0xc9,                       /* test %rcx,%rcx */
    0x78, 0x0f,                             /* js 35 */
    0x48, 0x85, 0xf6,                       /* test %rsi,%rsi */
    0x74, 0x07,                             /* je 32 */
    0x48, 0x89, 0x06,                       /* mov %rax,(%rsi) */
    0x48, 0x89, 0x4e, 0x08,                 /* mov %rcx,0x8(%rsi) */
    0x31, 0xc0,                             /* xor %eax,%eax */
    0xc3,                                   /* ret */
    X64_CALL(0xe5),
};
static const uint8_t x64_gettimeofday[] = {
    0x48, 0x85, 0xf6,                       /* test %rsi,%rsi */
    0x75, 0x21,                             /* jne 63 */
    0x48, 0x85, 0xff,                       /* test %rdi,%rdi */
    0x74, 0x1c,                             /* je 63 */
    0x31, 0xc0,                             /* xor %eax,%eax */
    CLOCK,
    0x48, 0x89, 0x07,                       /* mov %rax,(%rdi) */
    0x48, 0x89, 0xc8,                       /* mov %rcx,%rax */
    0x31, 0xd2,                             /* xor %edx,%edx */
    0xb9, 0xe8, 0x03, 0x00, 0x00,           /* mov $0x3e8,%ecx */
    0x48, 0xf7, 0xf1,                       /* div %rcx */
    0x48, 0x89, 0x47, 0x08,                 /* mov %rax,0x8(%rdi) */
    0x31, 0xc0,                             /* xor %eax,%eax */
    0xc3,                                   /* ret */
    X64_CALL(0x60),
};
static const uint8_t x64_time[] = {
    0x31, 0xc0,                             /* xor %eax,%eax */
    CLOCK,
    0x48, 0x85, 0xff,                       /* test %rdi,%rdi */
    0x74, 0x03,                             /* je 78 */
    0x48, 0x89, 0x07,                       /* mov %rax,(%rdi) */
    0xc3,                                   /* ret */
};
static const uint8_t x64_getcpu[] = {
    X64_CALL(0x135),
};
static const uint8_t i386_clock_gettime[] = {
    0x8b, 0x44, 0x24, 0x04,                 /* mov 0x4(%esp),%eax */
    CLOCK,
    0x85, 0xc9,                             /* test %ecx,%ecx */
    0x78, 0x0c,                             /* js 17 */
    0x8b, 0x54, 0x24, 0x08,                 /* mov 0x8(%esp),%edx */
    0x89, 0x02,                             /* mov %eax,(%edx) */
    0x89, 0x4a, 0x04,                       /* mov %ecx,0x4(%edx) */
    0x31, 0xc0,                             /* xor %eax,%eax */
    0xc3,                                   /* ret */
    0x53,                                   /* push %ebx */
    I386_ARGUMENTS,
    I386_CALL(0x109),
};
static const uint8_t i386_clock_gettime64[] = {
    0x53,                                   /* push %ebx */
    0x8b, 0x44, 0x24, 0x08,                 /* mov 0x8(%esp),%eax */
    CLOCK,
    0x85, 0xc9,                             /* test %ecx,%ecx */
    0x78, 0x17,                             /* js 4c */
    0x8b, 0x5c, 0x24, 0x0c,                 /* mov 0xc(%esp),%ebx */
    0x89, 0x03,                             /* mov %eax,(%ebx) */
    0x89, 0x53, 0x04,                       /* mov %edx,0x4(%ebx) */
    0x89, 0x4b, 0x08,                       /* mov %ecx,0x8(%ebx) */
    0xc7, 0x43, 0x0c, 0x00, 0x00, 0x00, 0x00,/* movl $0x0,0xc(%ebx) */
    0x31, 0xc0,                             /* xor %eax,%eax */
    0x5b,                                   /* pop %ebx */
    0xc3,                                   /* ret */
    I386_ARGUMENTS,
    I386_CALL(0x193),
};
static const uint8_t i386_clock_getres[] = {
    0x8b, 0x44, 0x24, 0x04,                 /* mov 0x4(%esp),%eax */
    RESOLUTION,
    0x85, 0xc9,                             /* test %ecx,%ecx */
    0x78, 0x10,                             /* js 78 */
    0x8b, 0x54, 0x24, 0x08,                 /* mov 0x8(%esp),%edx */
    0x85, 0xd2,                             /* test %edx,%edx */
    0x74, 0x05,                             /* je 75 */
    0x89, 0x02,                             /* mov %eax,(%edx) */
    0x89, 0x4a, 0x04,                       /* mov %ecx,0x4(%edx) */
    0x31, 0xc0,                             /* xor %eax,%eax */
    0xc3,                                   /* ret */
    0x53,                                   /* push %ebx */
    I386_ARGUMENTS,
    I386_CALL(0x10a),
};
static const uint8_t i386_gettimeofday[] = {
    0x53,                                   /* push %ebx */
    I386_ARGUMENTS,
    0x85, 0xc9,                             /* test %ecx,%ecx */
    0x75, 0x1d,                             /* jne b4 */
    0x85, 0xdb,                             /* test %ebx,%ebx */
    0x74, 0x19,                             /* je b4 */
    0x31, 0xc0,                             /* xor %eax,%eax */
    CLOCK,
    0x89, 0x03,                             /* mov %eax,(%ebx) */
    0x89, 0xc8,                             /* mov %ecx,%eax */
    0x31, 0xd2,                             /* xor %edx,%edx */
    0xb9, 0xe8, 0x03, 0x00, 0x00,           /* mov $0x3e8,%ecx */
    0xf7, 0xf1,                             /* div %ecx */
    0x89, 0x43, 0x04,                       /* mov %eax,0x4(%ebx) */
    0x31, 0xc0,                             /* xor %eax,%eax */
    0x5b,                                   /* pop %ebx */
    0xc3,                                   /* ret */
    I386_CALL(0x4e),
};
static const uint8_t i386_time[] = {
    0x31, 0xc0,                             /* xor %eax,%eax */
    CLOCK,
    0x8b, 0x54, 0x24, 0x04,                 /* mov 0x4(%esp),%edx */
    0x85, 0xd2,                             /* test %edx,%edx */
    0x74, 0x02,                             /* je cc */
    0x89, 0x02,                             /* mov %eax,(%edx) */
    0xc3,                                   /* ret */
};
static const uint8_t i386_getcpu[] = {
    0x53,                                   /* push %ebx */
    I386_ARGUMENTS,
    0x8b, 0x54, 0x24, 0x10,                 /* mov 0x10(%esp),%edx */
    I386_CALL(0x13e),
};
static const uint8_t i386_vsyscall[] = {
    0xcd, 0x80,                             /* int $0x80 */
    0xc3,                                   /* ret */
};
static const uint8_t i386_sigreturn[] = {
    0x58,                                   /* pop %eax */
    0xb8, 0x77, 0x00, 0x00, 0x00,           /* mov $119,%eax */
    0xcd, 0x80,                             /* int $0x80 */
};
static const uint8_t i386_rt_sigreturn[] = {
    0xb8, 0xad, 0x00, 0x00, 0x00,           /* mov $173,%eax */
    0xcd, 0x80,                             /* int $0x80 */
};
/* clang-format on */

#define FUNCTION(name, code) {name, code, sizeof(code)}
static const struct vdso_function x64_functions[] = {
    FUNCTION("__vdso_clock_gettime", x64_clock_gettime), FUNCTION("__vdso_gettimeofday", x64_gettimeofday),
    FUNCTION("__vdso_time", x64_time),                   FUNCTION("__vdso_getcpu", x64_getcpu),
    FUNCTION("__vdso_clock_getres", x64_clock_getres),
};
static const struct vdso_function i386_functions[] = {
    FUNCTION("__kernel_vsyscall", i386_vsyscall),         FUNCTION("__kernel_sigreturn", i386_sigreturn),
    FUNCTION("__kernel_rt_sigreturn", i386_rt_sigreturn), FUNCTION("__vdso_clock_gettime", i386_clock_gettime),
    FUNCTION("__vdso_clock_gettime64", i386_clock_gettime64), FUNCTION("__vdso_gettimeofday", i386_gettimeofday),
    FUNCTION("__vdso_time", i386_time),                   FUNCTION("__vdso_clock_getres", i386_clock_getres),
    FUNCTION("__vdso_getcpu", i386_getcpu),
};
static const uint8_t nop = 0x90;

size_t x64_vdso(void *image, size_t room, uint64_t base, struct abi_vdso *out)
{
    const struct vdso_spec spec = {.machine = EM_X86_64,
                                   .soname = "linux-vdso.so.1",
                                   .version = "LINUX_2.6",
                                   .functions = x64_functions,
                                   .count = ARRAY_LEN(x64_functions),
                                   .nop = &nop,
                                   .nop_size = 1,
                                   .lead = 0};
    uint32_t offsets[ARRAY_LEN(x64_functions)];
    size_t size = vdso_build(image, room, &spec, offsets);

    *out = (struct abi_vdso){0};
    x86_set_vdso_range(base, base + size);
    return size;
}

size_t i386_vdso(void *image, size_t room, uint64_t base, struct abi_vdso *out)
{
    const struct vdso_spec spec = {.bits32 = true,
                                   .machine = EM_386,
                                   .soname = "linux-gate.so.1",
                                   .version = "LINUX_2.6",
                                   .functions = i386_functions,
                                   .count = ARRAY_LEN(i386_functions),
                                   .nop = &nop,
                                   .nop_size = 1,
                                   .lead = 1};
    uint32_t offsets[ARRAY_LEN(i386_functions)];
    size_t size = vdso_build(image, room, &spec, offsets);

    *out = (struct abi_vdso){.syscall = base + offsets[0], .sigreturn = base + offsets[1], .rt_sigreturn = base + offsets[2]};
    x86_set_vdso_range(base, base + size);
    return size;
}
