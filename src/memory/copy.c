/* Copies between guest memory and ours that survive any address.
 *
 * The copy loops are a few instructions between two labels; a fault with the PC between them is
 * sent by memory_fault_fixup() to the failure exit.  Nothing here takes a lock or touches errno, so
 * signal handlers may copy too.
 *
 * Hosts other than x86-64 ask the kernel to copy (process_vm_readv on ourselves): slower, and
 * portable. */
#include "memory/guard.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>

/* True if [addr, addr + n) lies in the guest's address space. */
static bool in_range(uint64_t addr, size_t n)
{
    return addr < MEMORY_END && n <= MEMORY_END - addr;
}

#if defined(__x86_64__)

/* Bytes left undone: 0 when all went well. */
extern size_t memory_copy_guarded(void *dst, const void *src, size_t n);
/* Copies through the NUL; bytes before it, -1 on a fault, -2 if there is none in n bytes. */
extern ssize_t memory_copy_string_guarded(char *dst, const char *src, size_t n);
extern const char memory_copy_begin[], memory_copy_end[], memory_copy_failed[];
extern const char memory_string_begin[], memory_string_end[], memory_string_failed[];

__asm__(".text\n"
        ".p2align 4\n"
        ".globl memory_copy_guarded, memory_copy_begin, memory_copy_end, memory_copy_failed\n"
        ".hidden memory_copy_guarded, memory_copy_begin, memory_copy_end, memory_copy_failed\n"
        "memory_copy_guarded:\n"
        "    mov %rdx, %rcx\n"
        "    mov %rdx, %r8\n"
        "    cmp $512, %rdx\n"
        "memory_copy_begin:\n"
        "    ja 6f\n"
        /* REP is slow to start.  No byte is written twice: another thread may have changed it by then. */
        "    jmp 2f\n"
        "1:  movdqu (%rsi), %xmm0\n"
        "    movdqu %xmm0, (%rdi)\n"
        "    add $16, %rsi\n"
        "    add $16, %rdi\n"
        "2:  sub $16, %r8\n"
        "    jae 1b\n"
        "    test $8, %dl\n"
        "    jz 3f\n"
        "    mov (%rsi), %rax\n"
        "    mov %rax, (%rdi)\n"
        "    add $8, %rsi\n"
        "    add $8, %rdi\n"
        "3:  test $4, %dl\n"
        "    jz 4f\n"
        "    mov (%rsi), %eax\n"
        "    mov %eax, (%rdi)\n"
        "    add $4, %rsi\n"
        "    add $4, %rdi\n"
        "4:  test $2, %dl\n"
        "    jz 5f\n"
        "    movzwl (%rsi), %eax\n"
        "    mov %ax, (%rdi)\n"
        "    add $2, %rsi\n"
        "    add $2, %rdi\n"
        "5:  test $1, %dl\n"
        "    jz 7f\n"
        "    movzbl (%rsi), %eax\n"
        "    mov %al, (%rdi)\n"
        "7:  xor %eax, %eax\n"
        "    ret\n"
        "6:  rep movsb\n"
        "memory_copy_end:\n"
        "memory_copy_failed:\n" /* rcx: bytes in all, or left */
        "    mov %rcx, %rax\n"
        "    ret\n"
        ".p2align 4\n"
        ".globl memory_copy_string_guarded, memory_string_begin, memory_string_end\n"
        ".globl memory_string_failed\n"
        ".hidden memory_copy_string_guarded, memory_string_begin, memory_string_end\n"
        ".hidden memory_string_failed\n"
        "memory_copy_string_guarded:\n"
        "    xor %ecx, %ecx\n"
        "memory_string_begin:\n"
        "1:  cmp %rdx, %rcx\n"
        "    je 3f\n"
        "    movzbl (%rsi,%rcx), %eax\n"
        "    mov %al, (%rdi,%rcx)\n"
        "    test %al, %al\n"
        "    je 2f\n"
        "    inc %rcx\n"
        "    jmp 1b\n"
        "memory_string_end:\n"
        "2:  mov %rcx, %rax\n"
        "    ret\n"
        "3:  mov $-2, %rax\n"
        "    ret\n"
        "memory_string_failed:\n"
        "    mov $-1, %rax\n"
        "    ret\n");

bool memory_fault_fixup(void *ucontext)
{
    greg_t *pc = &((ucontext_t *)ucontext)->uc_mcontext.gregs[REG_RIP];
    uint64_t at = (uint64_t)*pc;

    if (at >= (uint64_t)memory_copy_begin && at < (uint64_t)memory_copy_end)
        *pc = (greg_t)memory_copy_failed;
    else if (at >= (uint64_t)memory_string_begin && at < (uint64_t)memory_string_end)
        *pc = (greg_t)memory_string_failed;
    else
        return false;
    return true;
}

bool memory_read(void *dst, uint64_t src, size_t n)
{
    return in_range(src, n) && !memory_copy_guarded(dst, (const void *)src, n);
}

static bool write_once(uint64_t dst, const void *src, size_t n)
{
    return !memory_copy_guarded((void *)dst, src, n);
}

ssize_t memory_read_string(char *dst, uint64_t src, size_t size)
{
    size_t n = size;

    if (src >= MEMORY_END)
        return -1;
    if (n > MEMORY_END - src)
        n = MEMORY_END - src;
    ssize_t length = memory_copy_string_guarded(dst, (const char *)src, n);

    return length == -2 && n < size ? -1 : length;
}

#else

bool memory_fault_fixup(void *ucontext)
{
    (void)ucontext;
    return false;
}

static long transfer(long call, void *ours, uint64_t guest, size_t n)
{
    struct iovec local = {ours, n}, remote = {(void *)guest, n};

    return syscall(call, getpid(), &local, 1ul, &remote, 1ul, 0ul);
}

bool memory_read(void *dst, uint64_t src, size_t n)
{
    return in_range(src, n) && (!n || transfer(SYS_process_vm_readv, dst, src, n) == (long)n);
}

static bool write_once(uint64_t dst, const void *src, size_t n)
{
    return !n || transfer(SYS_process_vm_writev, (void *)(uintptr_t)src, dst, n) == (long)n;
}

ssize_t memory_read_string(char *dst, uint64_t src, size_t size)
{
    size_t done = 0;

    while (done < size) {
        size_t n = MEMORY_PAGE - src % MEMORY_PAGE;

        if (n > size - done)
            n = size - done;
        if (!memory_read(dst + done, src, n))
            return -1;
        char *end = memchr(dst + done, 0, n);

        if (end)
            return end - dst;
        done += n;
        src += n;
    }
    return -2;
}

#endif

bool memory_write(uint64_t dst, const void *src, size_t n)
{
    if (!in_range(dst, n))
        return false;
    return write_once(dst, src, n) || (memory_about_to_write(dst, n) && write_once(dst, src, n));
}

bool memory_fetch(void *ctx, uint64_t addr, void *buf, size_t n)
{
    (void)ctx;
    return in_range(addr, n) && memory_allows(addr, addr + n, PROT_EXEC) &&
           memory_read(buf, addr, n);
}
