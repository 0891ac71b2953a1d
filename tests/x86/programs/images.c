/* Where the instructions that move images of the processor's state fault, and that they have done nothing then: FNSTENV, FNSAVE, FXSAVE,
 * XSAVE and back, over the edge of a page from both sides, with nothing or only a page to read behind it.  Printed, to be compared. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#ifdef __x86_64__
#define W "64"
#else
#define W ""
#endif

static sigjmp_buf back;
static intptr_t address;
static int wrote;
static char *pages;

static void on_fault(int signal, siginfo_t *si, void *context)
{
    address = (intptr_t)si->si_addr;
    wrote = (int)((ucontext_t *)context)->uc_mcontext.gregs[REG_ERR] & 2;
    siglongjmp(back, signal);
}

static void image(int which, char *a, unsigned mask)
{
    switch (which) {
    case 0: __asm__ volatile("fnstenv (%0)" : : "r"(a) : "memory"); break;
    case 1: __asm__ volatile("fldenv (%0)" : : "r"(a) : "memory"); break;
    case 2: __asm__ volatile("fnsave (%0)" : : "r"(a) : "memory"); break;
    case 3: __asm__ volatile("frstor (%0)" : : "r"(a) : "memory"); break;
    case 4: __asm__ volatile(".byte 0x66; fnstenv (%0)" : : "r"(a) : "memory"); break;
    case 5: __asm__ volatile(".byte 0x66; frstor (%0)" : : "r"(a) : "memory"); break;
    case 6: __asm__ volatile("fxsave" W " (%0)" : : "r"(a) : "memory"); break;
    case 7: __asm__ volatile("fxrstor" W " (%0)" : : "r"(a) : "memory"); break;
    case 8: __asm__ volatile("xsave" W " (%0)" : : "r"(a), "a"(mask), "d"(0) : "memory"); break;
    default: __asm__ volatile("xrstor" W " (%0)" : : "r"(a), "a"(mask), "d"(0) : "memory"); break;
    }
}

/* With `room` bytes of the image before the edge, the one side of which has that protection. */
static void one(int which, unsigned mask, int room, int upper, int protection)
{
    static char fresh[512] __attribute__((aligned(64))), want[8192];
    char *a = pages + 4096 - room;
    int signal, spoilt = 0;
    __asm__ volatile("fninit; fxsave" W " %0" : "+m"(fresh));
    mprotect(pages, 8192, PROT_READ | PROT_WRITE);
    memset(pages, 0, 8192);
    if (which < 8)
        memcpy(a, fresh, sizeof fresh);
    memcpy(want, pages, 8192);
    mprotect(pages + (upper ? 4096 : 0), 4096, protection);
    signal = sigsetjmp(back, 1);
    if (!signal)
        image(which, a, mask);
    __asm__ volatile("fninit");
    mprotect(pages, 8192, PROT_READ | PROT_WRITE);
    if (signal)
        spoilt = memcmp(pages, want, 8192) != 0;
    printf(" %d", signal ? (int)(address - (intptr_t)a) + (wrote ? 10000 : 0) + (spoilt ? 100000 : 0) : -1);
}

int main(void)
{
    static const int steps[] = {1, 1, 1, 1, 1, 1, 16, 16, 64, 64}, sizes[] = {28, 28, 108, 108, 14, 94, 512, 512, 832, 832};
    struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &sa, NULL);
    pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int which = 0; which < 10; which++)
        for (unsigned mask = 0; mask < (which < 8 ? 1 : 8); mask++)
            for (int upper = 0; upper < 2; upper++)
                for (int readable = 0; readable < 2; readable++) {
                    printf("%d mask %u, %s %s:", which, mask, upper ? "above" : "below", readable ? "to read" : "nothing");
                    for (int room = steps[which]; room <= sizes[which] + steps[which]; room += steps[which])
                        one(which, mask, room, upper, readable ? PROT_READ : PROT_NONE);
                    printf("\n");
                }
    return 0;
}
