/* The Arm64 vdso (vdso.c makes the ELF image).
 *
 * Its clock functions use HLT instructions that the translator knows within this mapping only
 * (arm64_set_vdso_range): HLT #0xDE00 takes a clock in X0 and gives X0 = 0, seconds in X2,
 * nanoseconds in X3, or X0 != 0 for a clock it leaves to the system call; 0xDE01 is CLOCK_REALTIME;
 * 0xDE02 as 0xDE00 for the resolution. The signal trampoline is the one unwinders know by its
 * instructions, with no label of the HLT kind.
 */
#include "linux/arm64.h"

#include <elf.h>

#include "guest/arm64/state.h"
#include "linux/abi.h"
#include "linux/vdso.h"

#define HLT(n)           (0xd4400000u | (0xde00u + (n)) << 5)
#define SVC              0xd4000001u
#define RET              0xd65f03c0u
#define MOV_X8(n)        (0xd2800008u | (unsigned)(n) << 5)
#define MOV_X9_X0        0xaa0003e9u
#define MOV_X0_X9        0xaa0903e0u
#define CBNZ_X0(insns)   (0xb5000000u | (unsigned)(insns) << 5)
#define CBZ_X(r, insns)  (0xb4000000u | (unsigned)(insns) << 5 | (r))
#define CBNZ_X(r, insns) (0xb5000000u | (unsigned)(insns) << 5 | (r))
#define STP_X2_X3_X1     0xa9000c22u /* stp x2, x3, [x1] */
#define STP_X2_X3_X9     0xa9000d22u
#define MOV_W0_0         0x52800000u
#define MOV_X4_1000      0xd2807d04u
#define UDIV_X3_X3_X4    0x9ac40863u
#define NOP              0xd503201fu

static const uint32_t code_gettime[] = {
    MOV_X9_X0,
    HLT(0),
    CBNZ_X0(3),
    STP_X2_X3_X1,
    RET,
    /* not ours */ MOV_X0_X9,
    MOV_X8(113),
    SVC,
    RET,
};
static const uint32_t code_getres[] = {
    MOV_X9_X0,
    HLT(2),
    CBNZ_X0(4),
    CBZ_X(1, 2),
    STP_X2_X3_X1,
    RET,
    /* not ours */ MOV_X0_X9,
    MOV_X8(114),
    SVC,
    RET,
};
static const uint32_t code_gettimeofday[] = {
    CBNZ_X(1, 9),
    MOV_X9_X0,
    HLT(1),
    CBZ_X(9, 4),
    MOV_X4_1000,
    UDIV_X3_X3_X4,
    STP_X2_X3_X9,
    MOV_W0_0,
    RET,
    /* asks for a time zone */ MOV_X8(169),
    SVC,
    RET,
};
/* One NOP before it: unwinders look up the return address less one. */
static const uint32_t code_sigreturn[] = {MOV_X8(139), SVC};

static const struct vdso_function functions[] = {
    {"__kernel_rt_sigreturn", code_sigreturn, sizeof(code_sigreturn)},
    {"__kernel_gettimeofday", code_gettimeofday, sizeof(code_gettimeofday)},
    {"__kernel_clock_gettime", code_gettime, sizeof(code_gettime)},
    {"__kernel_clock_getres", code_getres, sizeof(code_getres)},
};

size_t arm64_vdso(void *image, size_t room, uint64_t base, struct abi_vdso *out)
{
    static const uint32_t nop = NOP;
    const struct vdso_spec spec = {
        .machine = EM_AARCH64,
        .soname = "linux-vdso.so.1",
        .version = "LINUX_2.6.39",
        .functions = functions,
        .count = ARRAY_LEN(functions),
        .nop = &nop,
        .nop_size = sizeof(nop),
        .lead = sizeof(nop),
    };
    uint32_t offsets[ARRAY_LEN(functions)];
    size_t size = vdso_build(image, room, &spec, offsets);

    *out = (struct abi_vdso){.rt_sigreturn = base + offsets[0]};
    arm64_set_vdso_range(base, base + size);
    return size;
}
