/* Runs test cases from standard input, each a few instructions with a full register state, and writes what they left to
 * standard output.  Built static for Arm64; the same binary runs under the oracle and under Demotic, so all
 * addresses agree and nothing of Demotic is needed to compare.  A signal ends a case; its frame's registers are the result. */
#include "case.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

extern uint32_t code_area[];
void runner_enter(const struct regs *in, struct regs *out);
void runner_leave(void);
void runner_recover(void);

static struct test_case current;
static struct test_result result;
static volatile int running; /* the code under test, or where it jumped */

/* The kernel's struct fpsimd_context, found in the frame. */
static void read_extra(const ucontext_t *uc, struct test_result *r)
{
    const uint8_t *p = (const uint8_t *)&uc->uc_mcontext.__reserved;
    for (;;) {
        const struct _aarch64_ctx *head = (const void *)p;
        if (head->magic == FPSIMD_MAGIC) {
            const struct fpsimd_context *fp = (const void *)p;
            memcpy(r->out.v, fp->vregs, sizeof r->out.v);
            r->out.fpsr = fp->fpsr;
            r->out.fpcr = fp->fpcr;
        } else if (head->magic == ESR_MAGIC) {
            r->esr = ((const struct esr_context *)(const void *)p)->esr;
        } else if (!head->magic || !head->size) {
            return;
        }
        p += head->size;
    }
}

static void on_signal(int sig, siginfo_t *si, void *ctx)
{
    ucontext_t *uc = ctx;
    uint64_t pc = uc->uc_mcontext.pc;
    if (!running) {
        static const char text[] = "runner: signal outside of the code under test\n";
        (void)!write(2, text, sizeof text - 1);
        _exit(3);
    }
    result.signal = (uint32_t)sig;
    result.code = (uint32_t)si->si_code;
    result.address = (uint64_t)si->si_addr;
    result.pc = pc - (uint64_t)code_area;
    memcpy(result.out.x, uc->uc_mcontext.regs, sizeof result.out.x);
    result.out.sp = uc->uc_mcontext.sp;
    result.out.nzcv = uc->uc_mcontext.pstate & 0xf0000000u;
    read_extra(uc, &result);
    uc->uc_mcontext.pc = (uint64_t)runner_recover;
    running = 0;
}

static void fill(uint64_t *p, uint32_t seed)
{
    uint64_t s = seed * 0x9e3779b97f4a7c15ull + 1;
    for (unsigned i = 0; i < DATA_SIZE / 8; i++) {
        s ^= s << 13;
        s ^= s >> 7;
        s ^= s << 17;
        p[i] = s;
    }
}

static uint64_t hash(const uint64_t *p)
{
    uint64_t h = 0;
    for (unsigned i = 0; i < DATA_SIZE / 8; i++)
        h = (h ^ p[i]) * 0x100000001b3ull + (h >> 29);
    return h;
}

static int read_all(void *buf, size_t n)
{
    for (size_t at = 0; at < n;) {
        ssize_t r = read(0, (char *)buf + at, n - at);
        if (r <= 0)
            return 0;
        at += (size_t)r;
    }
    return 1;
}

int main(void)
{
    uint64_t *data = mmap((void *)DATA_ADDRESS, DATA_SIZE, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    char *pages = mmap((void *)READ_ONLY_ADDRESS, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (data == MAP_FAILED || pages == MAP_FAILED || mprotect(pages + 4096, 4096, PROT_NONE) < 0 || mprotect(code_area, 8192, PROT_READ | PROT_WRITE | PROT_EXEC) < 0)
        return 2;
    stack_t ss = {.ss_sp = malloc(65536), .ss_size = 65536};
    sigaltstack(&ss, NULL);
    struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    static const int signals[] = {SIGILL, SIGSEGV, SIGBUS, SIGTRAP, SIGFPE};
    for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaction(signals[i], &sa, NULL);

    while (read_all(&current, sizeof current)) {
        memset(&result, 0, sizeof result);
        fill(data, current.seed);
        for (uint32_t i = 0; i < current.count; i++)
            code_area[i] = current.word[i];
        for (uint32_t i = current.count; i <= CASE_WORDS; i++) /* jumps past the end leave too */
            code_area[i] = 0x14000000u | ((uint32_t)(((int64_t)runner_leave - (int64_t)(code_area + i)) / 4) & 0x3ffffffu);
        __builtin___clear_cache((char *)code_area, (char *)(code_area + CASE_WORDS + 1));
        running = 1;
        runner_enter(&current.in, &result.out);
        running = 0;
        result.data_hash = hash(data);
        if (write(1, &result, sizeof result) != sizeof result)
            return 1;
    }
    return 0;
}
