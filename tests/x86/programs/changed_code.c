/* Programs that change code without a word, as x86 lets them: each line printed is what the processor itself prints. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096
typedef unsigned char u8;

/* Calls code with ecx = c, edx = d; its eax. */
static unsigned call(void *code, void *c, unsigned d)
{
    unsigned a;
#ifdef __x86_64__
    __asm__ volatile("lea -256(%%rsp), %%rsp; call *%[f]; lea 256(%%rsp), %%rsp"
                     : "=a"(a), "+c"(c), "+d"(d)
                     : [f] "r"(code)
                     : "memory", "cc", "rsi", "rdi", "r8", "r9", "r10", "r11", "xmm0");
#else
    __asm__ volatile("call *%[f]" : "=a"(a), "+c"(c), "+d"(d) : [f] "S"(code) : "memory", "cc", "edi");
#endif
    return a;
}

static u8 *pages(unsigned n, int prot)
{
    void *p = mmap(NULL, n * PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        exit(1);
    return p;
}

#define RWX (PROT_READ | PROT_WRITE | PROT_EXEC)

/* mov eax, value; ret */
static void put_return(u8 *at, unsigned value)
{
    at[0] = 0xb8;
    memcpy(at + 1, &value, 4);
    at[5] = 0xc3;
}

static unsigned rewritten(u8 *code, u8 *through, unsigned times)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < times; i++) {
        put_return(through, i * 7 + 3);
        sum = sum * 31 + call(code, NULL, 0);
    }
    return sum;
}

/* The instruction after a store is what it changes. */
static void next_instruction(void)
{
    static const u8 code[] = {0x88, 0x51, 0x03,             /* mov [ecx+3], dl: the next one's first byte */
                              0x90, 0xb8, 1, 0, 0, 0,       /* nop: becomes inc, dec … */
                              0x88, 0x71, 0x0d, 0xb0, 0x22, /* mov [ecx+13], dh; mov al, 0x22 */
                              0xc3};
    u8 *p = pages(1, RWX);
    memcpy(p, code, sizeof code);
    printf("next instruction: %x", call(p, p, 0x7790));
    for (unsigned i = 0; i < 40; i++)
        printf(" %x", call(p, p, 0x90 | i << 8));
    printf("\n");
}

/* A loop that adds to the immediate of its own addition, then one that is patched by atomics and vectors. */
static void loops(void)
{
    static const u8 code[] = {0x31, 0xc0,                   /* xor eax, eax */
                              0x05, 1, 0, 0, 0,             /* add eax, imm */
                              0x83, 0x41, 0x03, 0x03,       /* add dword [ecx+3], 3 */
                              0x4a, 0x90,                   /* dec edx (32 bits) */
                              0x75, 0xf3, 0xc3};            /* jnz; ret */
    static const u8 atomic[] = {0x31, 0xc0, 0x05, 1, 0, 0, 0, 0x52, 0xf0, 0x0f, 0xc1, 0x51, 0x03, 0x5a, 0x83, 0xea, 0x01, 0x75, 0xef, 0xc3};
    u8 *p = pages(1, RWX);
    memcpy(p, code, sizeof code);
#ifdef __x86_64__
    p[11] = 0xff, p[12] = 0xca; /* dec edx */
#endif
    printf("loop: %u", call(p, p, 1000));
    printf(" %u\n", call(p, p, 5));
    memcpy(p + 256, atomic, sizeof atomic);
    printf("lock xadd: %u", call(p + 256, p + 256, 300));
    printf(" %u\n", call(p + 256, p + 256, 3));
}

/* A counter beside the code that counts. */
static void data_beside(void)
{
    static const u8 code[] = {0xff, 0x81, 0x00, 0x08, 0, 0, 0x83, 0xea, 0x01, 0x75, 0xf5, 0x8b, 0x81, 0x00, 0x08, 0, 0, 0xc3};
    u8 *p = pages(1, RWX);
    memcpy(p, code, sizeof code);
    printf("data beside code: %u", call(p, p, 10));
    printf(" %u", call(p, p, 100000));
    put_return(p, 5);
    printf(" %u\n", call(p, p, 1));
}

static void file_mirror(int flags, const char *what)
{
    int fd = (int)syscall(SYS_memfd_create, "code", 0);
    if (fd < 0 || ftruncate(fd, 4 * PAGE))
        exit(1);
    u8 *w = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, PAGE);
    u8 *x = mmap(NULL, 3 * PAGE, PROT_READ | PROT_EXEC, flags, fd, 0);
    if (w == MAP_FAILED || x == MAP_FAILED)
        exit(1);
    printf("%s: %x", what, rewritten(x + PAGE + 100, w + 100, 3));
    printf(" %x", rewritten(x + 2 * PAGE + 200, w + PAGE + 200, 50));
    u8 *late = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 2 * PAGE); /* mapped after the code was run */
    put_return(w + PAGE + 300, 1);
    printf(" %u", call(x + 2 * PAGE + 300, NULL, 0));
    put_return(late + 300, 2);
    printf(" %u\n", call(x + 2 * PAGE + 300, NULL, 0));
    munmap(w, 2 * PAGE);
    munmap(x, 3 * PAGE);
    close(fd);
}

static void memory_mirror(void)
{
    u8 *a = mmap(NULL, PAGE, RWX, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    u8 *b = mremap(a, 0, PAGE, MREMAP_MAYMOVE);
    if (b != MAP_FAILED)
        printf("shared twice: %x %x\n", rewritten(a, b, 20), rewritten(b, a, 20));
}

static void by_system_calls(void)
{
    u8 *p = pages(3, RWX), code[3 * PAGE] = {0};
    int fds[2], sv[2];
    if (pipe(fds) || socketpair(AF_UNIX, SOCK_DGRAM, 0, sv))
        exit(1);
    printf("system calls:");
    for (unsigned i = 0; i < 20; i++) {
        put_return(p + 8, i);
        put_return(p + PAGE + 8, i);
        unsigned before = call(p + 8, NULL, 0) + call(p + PAGE + 8, NULL, 0);
        put_return(code, 100 + i);
        put_return(code + PAGE, 200 + i);
        long n;
        switch (i % 3) {
        case 0:
            if (write(fds[1], code, 2 * PAGE) != 2 * PAGE)
                exit(1);
            n = read(fds[0], p + 8, 2 * PAGE);
            break;
        case 1: {
            struct iovec v[2] = {{p + 8, 6}, {p + PAGE + 8, 6}}, from[2] = {{code, 6}, {code + PAGE, 6}};
            if (writev(fds[1], from, 2) != 12)
                exit(1);
            n = readv(fds[0], v, 2);
            break;
        }
        default: {
            struct iovec v[2] = {{p + 8, 6}, {p + PAGE + 8, 6}}, from[2] = {{code, 6}, {code + PAGE, 6}};
            struct msghdr out = {.msg_iov = from, .msg_iovlen = 2}, in = {.msg_iov = v, .msg_iovlen = 2};
            if (sendmsg(sv[0], &out, 0) != 12)
                exit(1);
            n = recvmsg(sv[1], &in, 0);
        }
        }
        printf(" %u/%ld/%u/%u", before, n, call(p + 8, NULL, 0), call(p + PAGE + 8, NULL, 0));
    }
    printf("\n");
}

/* An instruction that lies in two pages, changed in either; code copied over itself as it runs. */
static void across(void)
{
    u8 *p = pages(3, RWX), *at = p + PAGE - 3;
    printf("across:");
    for (unsigned i = 0; i < 20; i++) {
        put_return(at, i << 24 | 0x112233);
        printf(" %x", call(at, NULL, 0));
        at[4] = (u8)(i + 1);
        printf(" %x", call(at, NULL, 0));
        at[1] = (u8)i;
        printf(" %x", call(at, NULL, 0));
    }
    printf("\n");
    static const u8 copy[] = {
#ifdef __x86_64__
        0x48,
#endif
        0x89, 0xcf,                   /* mov edi, ecx */
        0xb9, 0x40, 0, 0, 0,          /* mov ecx, 64 */
        0xb8, 0x40, 0x90, 0x40, 0x90, /* mov eax, two times inc eax; nop … (0x40 is REX in 64-bit mode) */
        0xf3, 0xaa,                   /* rep stosb: over what follows */
        0xcc};
    for (unsigned i = 0; i < 12; i++) {
        u8 *q = p + 64 + i;
        memset(q, 0xcc, 200);
        memcpy(q, copy, sizeof copy);
        q[sizeof copy - 1 + 64] = 0xc3; /* 64 bytes of 0x40 later */
        q[sizeof copy - 8 + 1] = 0x90;  /* nops */
        printf("rep %u: %x\n", i, call(q, q + sizeof copy - 1, 0));
    }
}

/* Rights that come and go, memory that goes and comes. */
static void rights(void)
{
    u8 *p = pages(4, PROT_READ | PROT_WRITE);
    printf("rights:");
    for (unsigned i = 0; i < 12; i++) {
        mprotect(p, PAGE, PROT_READ | PROT_WRITE);
        put_return(p, i);
        mprotect(p, PAGE, PROT_READ | PROT_EXEC);
        printf(" %u", call(p, NULL, 0));
        mprotect(p, PAGE, RWX);
        put_return(p, 100 + i);
        printf(" %u", call(p, NULL, 0));
        mprotect(p, PAGE, RWX);
        put_return(p, 200 + i);
        printf(" %u", call(p, NULL, 0));
    }
    mprotect(p, 4 * PAGE, RWX);
    u8 *q = mremap(p, 4 * PAGE, 8 * PAGE, MREMAP_MAYMOVE);
    put_return(q, 1);
    printf(" %u", call(q, NULL, 0));
    put_return(q, 2);
    printf(" %u", call(q, NULL, 0));
    u8 *r = pages(8, RWX);
    put_return(r, 3);
    printf(" %u", call(r, NULL, 0));
    mremap(q, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, r);
    printf(" %u", call(r, NULL, 0));
    put_return(r, 4);
    printf(" %u", call(r, NULL, 0));
    mmap(r, PAGE, RWX, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    put_return(r, 5);
    printf(" %u", call(r, NULL, 0));
    madvise(r, PAGE, MADV_DONTNEED);
    put_return(r, 6);
    printf(" %u\n", call(r, NULL, 0));
}

static void children(void)
{
    u8 *p = pages(1, RWX);
    put_return(p, 1);
    printf("children: %u", call(p, NULL, 0));
    for (unsigned i = 0; i < 3; i++) {
        fflush(stdout);
        pid_t pid = fork();
        if (!pid) {
            unsigned before = call(p, NULL, 0);
            put_return(p, 10 + i);
            _exit((int)(before * 16 + call(p, NULL, 0)));
        }
        int status;
        waitpid(pid, &status, 0);
        printf(" %u", (unsigned)status >> 8);
        put_return(p, 2 + i);
        printf(" %u", call(p, NULL, 0));
    }
    printf("\n");
}

/* Stores of all sizes, from code into itself: a stack in the page, vectors, the stack that a call writes. */
static void stores(void)
{
    static const u8 vector[] = {0x0f, 0x10, 0x01, /* movups xmm0, [ecx] */
                                0x0f, 0x11, 0x41, 0x10, /* movups [ecx+16], xmm0 */
                                0xb8, 1, 0, 0, 0, 0xc3};
    u8 *p = pages(1, RWX);
    for (unsigned i = 0; i < 12; i++) {
        memcpy(p, vector, sizeof vector);
        put_return(p + 0x40, i + 50);
        put_return(p + 0x50, 9);
        unsigned first = call(p + 0x50, NULL, 0);
        call(p, p + 0x40, 0);
        printf("vector: %u %u\n", first, call(p + 0x50, NULL, 0));
    }
}

int main(void)
{
    next_instruction();
    loops();
    data_beside();
    file_mirror(MAP_SHARED, "shared file");
    file_mirror(MAP_PRIVATE, "private file");
    memory_mirror();
    by_system_calls();
    across();
    rights();
    children();
    stores();
    return 0;
}
