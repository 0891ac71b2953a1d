/* What an operating system needs of the guest: clocks for its vdso, and the XSAVE image for signal frames. */
#include "guest/x86/helpers.h"
#include "guest/x86/state.h"
#include "guest/x86/x87.h"
#include <string.h>
#include <time.h>

static uint64_t vdso_start, vdso_end;

void x86_set_vdso_range(uint64_t start, uint64_t end)
{
    vdso_start = start;
    vdso_end = end;
}

bool x86_in_vdso(uint64_t pc)
{
    return pc >= vdso_start && pc < vdso_end;
}

/* Clocks that mean the same in the guest and cost no system call here; the vdso leaves others to one. */
static bool clock_is_plain(uint32_t id)
{
    return id <= 1 || (id >= 4 && id <= 7);
}

void x86_helper_clock(struct cpu *cpu, uint64_t resolution)
{
    struct x86_state *s = x86_state(cpu);
    uint32_t id = (uint32_t)s->r[X86_RAX];
    struct timespec ts = {0};
    bool failed = !clock_is_plain(id) || (resolution ? clock_getres((clockid_t)id, &ts) : clock_gettime((clockid_t)id, &ts));
    uint64_t nanoseconds = failed ? ~0ull : (uint64_t)ts.tv_nsec, seconds = (uint64_t)ts.tv_sec;
    s->r[X86_RAX] = s->mode64 ? seconds : (uint32_t)seconds;
    s->r[X86_RDX] = seconds >> 32;
    s->r[X86_RCX] = s->mode64 ? nanoseconds : (uint32_t)nanoseconds;
}

/* FXSAVE's first 160 bytes are the x87 helper's, in the scratch slots. */
#define LEGACY 160u

void x86_xsave_get(struct cpu *cpu, uint8_t image[X86_XSAVE_SIZE])
{
    const struct x86_state *s = x86_state(cpu);
    unsigned registers = s->mode64 ? 16 : 8;
    const uint64_t present = X86_XSAVE_ALL;
    memset(image, 0, X86_XSAVE_SIZE);
    x86_helper_x87(cpu, X87_ARG(X87_FX_GET, 0, 0, 0));
    memcpy(image, s->scratch, LEGACY);
    memcpy(image + LEGACY, s->xmm, registers * 16u);
    memcpy(image + X86_FXSAVE_SIZE, &present, sizeof present);
    memcpy(image + 576, s->ymmh, registers * 16u);
}

bool x86_xsave_set(struct cpu *cpu, const uint8_t image[X86_XSAVE_SIZE], uint64_t present)
{
    struct x86_state *s = x86_state(cpu);
    unsigned registers = s->mode64 ? 16 : 8;
    uint32_t mxcsr = 0x1f80;
    if (present & (X86_XSAVE_SSE | X86_XSAVE_AVX))
        memcpy(&mxcsr, image + 24, sizeof mxcsr);
    if (mxcsr >> 16)
        return false;
    memcpy(s->scratch, image, LEGACY);
    if (present & X86_XSAVE_X87) {
        x86_helper_x87(cpu, X87_ARG(X87_FX_SET, 0, 0, 1));
    } else {
        x86_helper_x87(cpu, X87_ARG(X87_INIT, 0, 0, 0));
        memset(s->st, 0, sizeof s->st);
    }
    memset(s->xmm, 0, registers * 16u);
    memset(s->ymmh, 0, registers * 16u);
    if (present & X86_XSAVE_SSE)
        memcpy(s->xmm, image + LEGACY, registers * 16u);
    if (present & X86_XSAVE_AVX)
        memcpy(s->ymmh, image + 576, registers * 16u);
    x86_mxcsr_set(cpu, mxcsr);
    return true;
}
