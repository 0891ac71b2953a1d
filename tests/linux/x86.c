/* What only the x86 ABIs have: registers in signal frames, exceptions and their signals, segments, old entries to the
 * kernel. */
#include "test.h"
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>
#if defined(__x86_64__) || defined(__i386__)
#include <asm/ldt.h>

#ifdef __x86_64__
#define IP REG_RIP
#define SP REG_RSP
#else
#define IP REG_EIP
#define SP REG_ESP
#endif

static volatile sig_atomic_t caught, code;
static void *volatile address;
static volatile unsigned long at, trap, error, cr2, flags, mxcsr_in, fcw_in;
static volatile unsigned skip;

static void handler(int sig, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    unsigned mxcsr = 0;
    unsigned short fcw;

    caught = sig;
    code = info->si_code;
    address = info->si_addr;
    at = (unsigned long)uc->uc_mcontext.gregs[IP];
    trap = (unsigned long)uc->uc_mcontext.gregs[REG_TRAPNO];
    error = (unsigned long)uc->uc_mcontext.gregs[REG_ERR];
    flags = (unsigned long)uc->uc_mcontext.gregs[REG_EFL];
#ifdef __x86_64__
    cr2 = (unsigned long)uc->uc_mcontext.gregs[REG_CR2];
#else
    cr2 = uc->uc_mcontext.cr2;
#endif
    __asm__ volatile("stmxcsr %0; pxor %%xmm0, %%xmm0; pxor %%xmm7, %%xmm7" : "=m"(mxcsr) : : "xmm0", "xmm7");
    __asm__ volatile("fnstcw %0; fldz; fldz" : "=m"(fcw));
    mxcsr_in = mxcsr;
    fcw_in = fcw;
    uc->uc_mcontext.gregs[IP] += (long)skip;
}

static void catch(int sig, int how)
{
    struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | how};
    sigaction(sig, &sa, NULL);
}

/* Runs an instruction of `length` bytes that raises `sig`; `where` is its address. */
#define RAISES(sig, length, insn)                                                                                         \
    ({                                                                                                                    \
        void *where;                                                                                                      \
        caught = 0;                                                                                                       \
        skip = length;                                                                                                    \
        __asm__ volatile("call 9f; 9: pop %0; add $8f-9b, %0; 8: " insn : "=&r"(where) : : "eax", "ecx", "edx", "memory", "cc"); \
        caught == (sig) ? (unsigned long)where : 1;                                                                       \
    })

static void test_exceptions(void)
{
    catch(SIGSEGV, 0);
    catch(SIGFPE, 0);
    catch(SIGILL, 0);
    catch(SIGTRAP, 0);
    unsigned long where = RAISES(SIGFPE, 2, "xor %%ecx, %%ecx; div %%ecx");
    ok(at == where + 2 && code == FPE_INTDIV && address == (void *)at && trap == 0);
    where = RAISES(SIGILL, 2, "ud2");
    ok(at == where && code == ILL_ILLOPN && address == (void *)at && trap == 6);
    where = RAISES(SIGTRAP, 0, "int3");
    ok(at == where + 1 && code == SI_KERNEL && address == NULL && trap == 3);
    where = RAISES(SIGSEGV, 1, "hlt");
    ok(at == where && code == SI_KERNEL && address == NULL && trap == 13 && error == 0);
}

static void test_faults(void)
{
    char *p = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    munmap(p + 4096, 4096);
    ok(*(volatile char *)p == 0); /* from then on the page is there */
    skip = 2; /* movb of a register to [register], and back */
    caught = 0;
    __asm__ volatile("movb %%al, (%0)" : : "r"(p + 5) : "memory");
    ok(caught == SIGSEGV && code == SEGV_ACCERR && address == p + 5 && cr2 == (unsigned long)p + 5 && trap == 14 && error == 7);
    caught = 0;
    __asm__ volatile("movb (%0), %%al" : : "r"(p + 4100) : "eax", "memory");
    ok(caught == SIGSEGV && code == SEGV_MAPERR && address == p + 4100 && trap == 14 && error == 4);
    munmap(p, 4096);
#ifdef __x86_64__
    static const unsigned long none[] = {0x8000000000000000, 0x7fffffffffff0000, 0x800000000000}; /* no addresses at all */
    for (int i = 0; i < 3; i++) {
        caught = 0;
        __asm__ volatile("movb (%0), %%al" : : "r"(none[i]) : "eax", "memory");
        ok(caught == SIGSEGV && code == SI_KERNEL && address == NULL && trap == 13 && error == 0);
        caught = 0;
        __asm__ volatile("movb %%al, (%0)" : : "r"(none[i]) : "memory");
        ok(caught == SIGSEGV && code == SI_KERNEL && address == NULL && trap == 13 && error == 0);
    }
#endif

    /* an instruction that goes on in a page without the right to execute; after it, and that page, a return */
    unsigned char *x = mmap(NULL, 12288, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    x[4094] = 0xb8; /* mov of 4 bytes */
    x[8192] = 0xc3;
    mprotect(x + 4096, 4096, PROT_READ);
    skip = 4098;
    caught = 0;
    ((void (*)(void))(x + 4094))();
    ok(caught == SIGSEGV && code == SEGV_ACCERR && at == (unsigned long)x + 4094 && address == x + 4096 && trap == 14 && error == 0x15);
    mprotect(x + 4096, 4096, PROT_READ | PROT_WRITE | PROT_EXEC);
    x[4099] = 0xc3;
    caught = 0;
    ((void (*)(void))(x + 4094))(); /* now all of it is there */
    ok(caught == 0);
    munmap(x, 12288);
}

/* A signal between two instructions changes nothing. */
static void test_state(void)
{
    struct itimerval it = {{0, 0}, {0, 20000}};
    unsigned mxcsr = 0x5f80, mxcsr_after; /* rounding up */
    unsigned short fcw = 0xb7f, fcw_after;
    char vector[16] = "0123456789abcde", vector_after[16];
    double x87 = 0;

    catch(SIGALRM, 0);
    skip = 0;
    caught = 0;
    setitimer(ITIMER_REAL, &it, NULL);
    __asm__ volatile("ldmxcsr %5; fldcw %6; movdqu %7, %%xmm7; fldpi\n"
#ifdef __x86_64__
                     "movq $0x1234567, -8(%%rsp); movq $0x7654321, -128(%%rsp)\n"
#endif
                     "std; 1: pause; cmpl $0, %4; je 1b; pushf; cld\n"
#ifdef __x86_64__
                     "testl $0x400, (%%rsp); popf; cld; mov $0, %%eax; je 2f; cmpq $0x7654321, -128(%%rsp); jne 2f\n"
#else
                     "testl $0x400, (%%esp); popf; cld; mov $0, %%eax; je 2f\n"
#endif
                     "mov $1, %%eax; 2: stmxcsr %0; fnstcw %1; movdqu %%xmm7, %2; fstpl %3\n"
                     : "=m"(mxcsr_after), "=m"(fcw_after), "=m"(vector_after), "=m"(x87)
                     : "m"(caught), "m"(mxcsr), "m"(fcw), "m"(vector)
                     : "eax", "memory", "cc", "xmm7");
    unsigned as_usual = 0x1f80;
    unsigned short usual = 0x37f;
    __asm__ volatile("ldmxcsr %0; fldcw %1" : : "m"(as_usual), "m"(usual));
    ok(caught == SIGALRM && (flags & 0x400));
    ok((mxcsr_after & 0xffc0) == 0x5f80 && fcw_after == 0xb7f);
    ok(!memcmp(vector, vector_after, 16) && x87 > 3.1415 && x87 < 3.1416);
    ok(mxcsr_in == 0x1f80 && fcw_in == 0x37f); /* the handler's are those of a program's start */
}

static void test_iret(void)
{
    unsigned long carry = 0;
#ifdef __x86_64__
    __asm__ volatile("sub $128, %%rsp; mov %%rsp, %%rcx; mov %%ss, %%eax; push %%rax; push %%rcx; pushf; orq $1, (%%rsp); mov %%cs, %%eax;"
                     "push %%rax; lea 1f(%%rip), %%rax; push %%rax; iretq; ud2; 1: setc %b0; lea 128(%%rsp), %%rsp"
                     : "+q"(carry) : : "rax", "rcx", "memory", "cc");
#else /* the upper half of CS on the stack does not count */
    __asm__ volatile("pushf; orl $1, (%%esp); mov %%cs, %%eax; orl $0xabcd0000, %%eax; push %%eax; call 2f; 2: addl $1f-2b, (%%esp);"
                     "iret; ud2; 1: setc %b0"
                     : "+q"(carry) : : "eax", "memory", "cc");
#endif
    ok(carry == 1);
}

/* What LAR, LSL, VERR, VERW say of a selector; registers stay as they are where it is not to be asked about. */
struct rights {
    unsigned long lar, lsl;
    unsigned char good, readable, writable;
};

static struct rights rights_of(unsigned selector)
{
    struct rights r = {.lar = -3ul, .lsl = -3ul};
    unsigned char good;

    __asm__ volatile("lar %2, %k0; setz %1" : "+r"(r.lar), "=&q"(r.good) : "r"(selector) : "cc");
    __asm__ volatile("lsl %2, %k0; setz %1" : "+r"(r.lsl), "=&q"(good) : "r"(selector) : "cc");
    __asm__ volatile("verr %w1; setz %0" : "=&q"(r.readable) : "r"(selector) : "cc");
    __asm__ volatile("verw %w1; setz %0" : "=&q"(r.writable) : "r"(selector) : "cc");
    r.good += good;
    return r;
}

static bool has_rights(unsigned selector, unsigned long lar, unsigned long lsl, bool readable)
{
    struct rights r = rights_of(selector);
    return r.good == 2 && r.lar == lar && r.lsl == lsl && r.readable == readable;
}

static void test_descriptors(void)
{
    ok(has_rights(0x2b, 0xcff300, 0xffffffff, true) && rights_of(0x28).writable);
    ok(has_rights(0x23, 0xcffb00, 0xffffffff, true) && !rights_of(0x23).writable);
    ok(has_rights(0x33, 0xaffb00, 0xffffffff, true));
    struct rights none = rights_of(0), kernel = rights_of(0x10);
    ok(!none.good && none.lar == -3ul && none.lsl == -3ul && !none.readable && !none.writable && !kernel.good && !kernel.readable);
    unsigned long narrow = -1ul;
    __asm__ volatile("lar %w1, %w0" : "+r"(narrow) : "r"(0x2b) : "cc");
    ok(narrow == (-1ul & ~0xfffful) + 0xf300);

    uint64_t table[9] = {1, [8] = 1};
    ok(syscall(SYS_modify_ldt, 0, table, sizeof table) == 0);
    struct user_desc d = {.entry_number = 6, .base_addr = 0x1000, .limit = 0x12345, .seg_32bit = 1, .read_exec_only = 1, .useable = 1};
    ok(syscall(SYS_modify_ldt, 0x11, &d, sizeof d) == 0 && has_rights(0x37, 0x51f100, 0x12345, true) && !rights_of(0x37).writable);
    ok(syscall(SYS_modify_ldt, 0, table, sizeof table) == sizeof table && table[0] == 0 && table[6] == 0x0051f10010002345 && table[8] == 0);
    d.limit_in_pages = 1;
    ok(syscall(SYS_modify_ldt, 1, &d, sizeof d) == 0 && has_rights(0x37, 0xc1f100, 0x12345fff, true)); /* this call knows no `useable` */
    d.contents = 2; /* code, not to be read */
    ok(syscall(SYS_modify_ldt, 1, &d, sizeof d) == 0 && has_rights(0x37, 0xc1f900, 0x12345fff, false));

    catch(SIGSEGV, 0);
    catch(SIGBUS, 0);
    unsigned long where = RAISES(SIGSEGV, 2, "mov $0x37, %%eax; mov %%eax, %%fs");
    ok(at == where + 5 && trap == 13 && error == 0x34 && code == SI_KERNEL);
    d.contents = 0;
    d.seg_not_present = 1;
    ok(syscall(SYS_modify_ldt, 1, &d, sizeof d) == 0 && has_rights(0x37, 0xc17100, 0x12345fff, true));
    where = RAISES(SIGBUS, 2, "mov $0x37, %%eax; mov %%eax, %%fs");
    ok(at == where + 5 && trap == 11 && error == 0x34 && code == SI_KERNEL);
    where = RAISES(SIGSEGV, 2, "int $0xfd");
    ok(at == where && trap == 13 && error == 0xfd * 8 + 2);
}

#ifdef __x86_64__
static void test_entries(void)
{
    unsigned long fs = 0, self;

    ok(syscall(SYS_arch_prctl, 0x1003, &fs) == 0);
    __asm__ volatile("mov %%fs:0, %0" : "=r"(self));
    ok(fs && fs == self);
    time_t (*vsyscall_time)(time_t *) = (time_t (*)(time_t *))0xffffffffff600400;
    ok(llabs((long long)vsyscall_time(NULL) - (long long)time(NULL)) <= 1);
}
#else
static volatile int old_signal;
static void old_handler(int sig)
{
    old_signal = sig;
}

static void test_entries(void)
{
    long pid, word = 0x12345678, read_back = 0;

    __asm__ volatile("int $0x80" : "=a"(pid) : "a"(SYS_getpid));
    ok(pid == getpid());
    struct user_desc d = {.entry_number = -1u, .base_addr = (unsigned long)&word, .limit = 0xfffff, .seg_32bit = 1, .limit_in_pages = 1, .useable = 1};
    ok(syscall(SYS_set_thread_area, &d) == 0 && d.entry_number >= 12 && d.entry_number <= 14);
    __asm__ volatile("mov %1, %%fs; mov %%fs:0, %0; xor %%ecx, %%ecx; mov %%ecx, %%fs" : "=r"(read_back) : "r"(d.entry_number << 3 | 3) : "ecx");
    ok(read_back == word);
    struct user_desc got = {.entry_number = d.entry_number};
    ok(syscall(SYS_get_thread_area, &got) == 0 && got.base_addr == d.base_addr && got.limit == d.limit && got.limit_in_pages);
    struct user_desc local = d;
    local.entry_number = 5;
    ok(syscall(SYS_modify_ldt, 0x11, &local, sizeof local) == 0);
    __asm__ volatile("mov %1, %%fs; mov %%fs:0, %0; xor %%ecx, %%ecx; mov %%ecx, %%fs" : "=r"(read_back) : "r"(5 << 3 | 7) : "ecx");
    ok(read_back == word);
    /* The frame without siginfo, and the kernel's own trampoline. */
    struct { void (*handler)(int); unsigned long mask, flags; void (*restorer)(void); } sa = {old_handler, 0, 0, NULL};
    ok(syscall(SYS_sigaction, SIGUSR1, &sa, NULL) == 0);
    ok(raise(SIGUSR1) == 0 && old_signal == SIGUSR1);
}
#endif

/* Exceptions of the x87 and of SSE that are not masked. */
static void test_floating_point(void)
{
    catch(SIGFPE, 0);
    unsigned short divide = 0x37b, invalid = 0x37e;
    unsigned no_zero = 0x1d80, usual = 0x1f80;

    __asm__ volatile("fninit; fldcw %0; fld1; fldz; fdivrp" : : "m"(divide));
    unsigned long where = RAISES(SIGFPE, 1, "fwait"); /* noted by the division, comes with what waits for it */
    ok(at == where && code == FPE_FLTDIV && address == (void *)at && trap == 16);
    __asm__ volatile("fninit; fldcw %0; fchs" : : "m"(invalid));
    where = RAISES(SIGFPE, 2, "fldz");
    ok(at == where && code == FPE_FLTINV && trap == 16);
    __asm__ volatile("fninit; ldmxcsr %0" : : "m"(no_zero));
    where = RAISES(SIGFPE, 4, "pxor %%xmm1, %%xmm1; mov $0x3f800000, %%eax; movd %%eax, %%xmm0; divss %%xmm1, %%xmm0");
    unsigned result, mxcsr;
    __asm__ volatile("movd %%xmm0, %0; stmxcsr %1" : "=r"(result), "=m"(mxcsr)); /* before ok(), which changes them */
    ok(at == where + 13 && code == FPE_FLTDIV && address == (void *)at && trap == 19);
    ok(result == 0x3f800000 && (mxcsr & 0x3f) == 4); /* nothing was written */
    __asm__ volatile("ldmxcsr %0" : : "m"(usual));
}

static volatile unsigned steps;
static volatile unsigned long step_at[8];

static void on_step(int sig, siginfo_t *info, void *context)
{
    greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;
    step_at[steps] = info->si_code == TRAP_TRACE ? (unsigned long)g[IP] : 0;
    if (++steps == 4)
        g[REG_EFL] &= ~0x100;
}

/* A program that steps itself: a trap after each instruction from the one behind POPF. */
static void test_stepping(void)
{
    struct sigaction sa = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO};
    unsigned long where;

    sigaction(SIGTRAP, &sa, NULL);
#ifdef __x86_64__
    __asm__ volatile("lea -128(%%rsp), %%rsp; pushfq; orl $0x100, (%%rsp); popfq; 1: nop; jmp 2f; nop; 2: mov $2, %%ecx;"
                     "3: nop; lea 128(%%rsp), %%rsp; lea 1b(%%rip), %0" : "=r"(where) : : "rcx", "memory", "cc");
#else
    __asm__ volatile("pushfl; orl $0x100, (%%esp); popfl; 1: nop; jmp 2f; nop; 2: mov $2, %%ecx; 3: nop;"
                     "call 4f; 4: pop %0; add $1b-4b, %0" : "=r"(where) : : "ecx", "memory", "cc");
#endif
    ok(steps == 4 && step_at[0] == where + 1 && step_at[1] == where + 4 && step_at[2] == where + 9 && step_at[3] == where + 10);
    for (int i = 0; i < 50; i++) { /* IRET sets TF: a trap after the instruction that it goes to */
        steps = 0;
#ifdef __x86_64__
        __asm__ volatile("lea -128(%%rsp), %%rsp; mov %%rsp, %%rcx; mov %%ss, %%eax; push %%rax; push %%rcx; pushf; orl $0x100, (%%rsp);"
                         "mov %%cs, %%eax; push %%rax; lea 1f(%%rip), %%rax; push %%rax; iretq; ud2; 1: nop; jmp 2f; nop; 2: mov $2, %%ecx;"
                         "3: nop; lea 128(%%rsp), %%rsp; lea 1b(%%rip), %0" : "=r"(where) : : "rax", "rcx", "memory", "cc");
#else
        __asm__ volatile("pushf; orl $0x100, (%%esp); mov %%cs, %%eax; push %%eax; call 4f; 4: addl $1f-4b, (%%esp); iret; ud2;"
                         "1: nop; jmp 2f; nop; 2: mov $2, %%ecx; 3: nop; call 5f; 5: pop %0; add $1b-5b, %0"
                         : "=r"(where) : : "eax", "ecx", "memory", "cc");
#endif
        ok(steps == 4 && step_at[0] == where + 1 && step_at[1] == where + 4 && step_at[2] == where + 9 && step_at[3] == where + 10);
    }
}

int main(void)
{
    test_floating_point();
    test_stepping();
    test_exceptions();
    test_faults();
    test_state();
    test_iret();
    test_descriptors();
    test_entries();
    return test_done();
}
#else
int main(void)
{
    skip("no x86");
    return test_done();
}
#endif
