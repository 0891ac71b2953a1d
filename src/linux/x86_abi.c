/* The x86-64 and i386 Linux ABIs: registers of system calls, exceptions and their signals (arch/x86/kernel/traps.c,
 * arch/x86/mm/fault.c), the vsyscall page, /proc/cpuinfo.  Signal frames are in x64_frame.c and i386_frame.c.
 *
 * Limitations: INT 0x80 from 64-bit code and SYSENTER or SYSCALL from 32-bit code outside the vdso give ENOSYS. */
#include "linux/x86.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/engine.h"
#include "guest/x86/state.h"
#include "linux/hostcall.h"
#include "linux/process.h"
#include "linux/signals.h"
#include "memory/memory.h"
#include "support/log.h"

#define PF_PRESENT 1u
#define PF_WRITE   2u
#define PF_USER    4u
#define PF_FETCH   16u

#define VECTOR_UD 6u
#define VECTOR_PF 14u
#define VECTOR_AC 17u

#define SYSCALL_SIZE 2 /* SYSCALL, INT 0x80, SYSENTER */

static const struct x86_state *state_of(const struct cpu *cpu)
{
    return (const struct x86_state *)(const void *)cpu->state;
}

void x86_mode_check(struct cpu *cpu)
{
    if (cpu->guest->mode(cpu) != cpu->mode)
        engine_state_changed(cpu);
}

/* ---- system calls ------------------------------------------------------------------------------------------------------ */

static uint64_t x64_syscall_get(struct cpu *cpu, uint64_t args[6])
{
    const struct x86_state *s = state_of(cpu);
    static const uint8_t order[6] = {X86_RDI, X86_RSI, X86_RDX, 10, 8, 9};

    for (unsigned i = 0; i < 6; i++)
        args[i] = s->r[order[i]];
    return cpu->exit_detail ? UINT32_MAX : s->r[X86_RAX]; /* not by SYSCALL */
}

static uint64_t i386_syscall_get(struct cpu *cpu, uint64_t args[6])
{
    const struct x86_state *s = state_of(cpu);
    static const uint8_t order[6] = {X86_RBX, X86_RCX, X86_RDX, X86_RSI, X86_RDI, X86_RBP};

    for (unsigned i = 0; i < 6; i++)
        args[i] = (uint32_t)s->r[order[i]];
    return cpu->exit_detail != 1 ? UINT32_MAX : (uint32_t)s->r[X86_RAX]; /* not by INT 0x80 */
}

static void x64_syscall_result(struct cpu *cpu, int64_t result)
{
    x86_state(cpu)->r[X86_RAX] = (uint64_t)result;
}

static void i386_syscall_result(struct cpu *cpu, int64_t result)
{
    x86_state(cpu)->r[X86_RAX] = (uint32_t)result;
}

static void syscall_rewind(struct cpu *cpu)
{
    x86_state(cpu)->rip -= SYSCALL_SIZE;
}

static void x64_syscall_skip(struct cpu *cpu, int64_t result)
{
    x86_state(cpu)->rip += SYSCALL_SIZE;
    x64_syscall_result(cpu, result);
}

static void i386_syscall_skip(struct cpu *cpu, int64_t result)
{
    x86_state(cpu)->rip += SYSCALL_SIZE;
    i386_syscall_result(cpu, result);
}

static uint64_t pc_get(const struct cpu *cpu)
{
    return state_of(cpu)->rip;
}

static uint64_t sp_get(const struct cpu *cpu)
{
    return state_of(cpu)->r[X86_RSP];
}

static uint64_t untag(uint64_t address)
{
    return address;
}

static void start(struct cpu *cpu, uint64_t pc, uint64_t sp)
{
    x86_state(cpu)->rip = pc;
    x86_state(cpu)->r[X86_RSP] = sp;
    engine_state_changed(cpu);
}

static void x64_child(struct cpu *cpu, uint64_t sp, uint64_t tls, bool set_tls)
{
    struct x86_state *s = x86_state(cpu);

    s->r[X86_RAX] = 0;
    if (sp)
        s->r[X86_RSP] = sp;
    if (set_tls) {
        s->base[X86_FS] = tls;
        s->selector[X86_FS] = 0;
    }
    x86_mode_check(cpu);
}

/* struct user_desc. */
struct user_desc32 {
    uint32_t entry, base, limit, flags;
};

static bool tls_read(uint64_t at, struct user_desc32 *d)
{
    return memory_read(d, at, sizeof(*d)) && d->entry - X86_TLS_FIRST < 3;
}

static bool i386_tls_check(struct cpu *cpu, uint64_t tls)
{
    struct user_desc32 d;

    return tls_read(tls, &d);
}

void i386_tls_load(struct cpu *cpu, unsigned i, const struct thread_tls *tls)
{
    struct x86_state *s = x86_state(cpu);

    x86_tls_set(s, X86_TLS_FIRST + i, x86_descriptor(tls->base, tls->limit, tls->flags));
    for (unsigned segment = X86_ES; segment <= X86_GS; segment++)
        if (segment != X86_CS && s->selector[segment] >> 3 == X86_TLS_FIRST + i && !(s->selector[segment] & 4))
            x86_segment_load(cpu, segment, s->selector[segment]);
    x86_mode_check(cpu);
}

static void i386_child(struct cpu *cpu, uint64_t sp, uint64_t tls, bool set_tls)
{
    struct x86_state *s = x86_state(cpu);
    struct thread *t = cpu->personality;
    struct user_desc32 d;

    s->r[X86_RAX] = 0;
    if (sp)
        s->r[X86_RSP] = sp;
    if (set_tls && tls_read(tls, &d)) {
        t->tls[d.entry - X86_TLS_FIRST] = (struct thread_tls){d.base, d.limit, d.flags};
        i386_tls_load(cpu, d.entry - X86_TLS_FIRST, &t->tls[d.entry - X86_TLS_FIRST]);
    }
    x86_mode_check(cpu);
}

static void x64_handler_return(struct cpu *cpu)
{
    x86_state(cpu)->r[X86_RSP] += 8;
}

static void i386_handler_return(struct cpu *cpu)
{
    x86_state(cpu)->r[X86_RSP] += 4;
}

/* ---- exceptions ---------------------------------------------------------------------------------------------------------- */

static void fault(struct thread *t, enum abi_fault kind, bool mapped, uint64_t address)
{
    uint32_t error = PF_USER | (mapped || address >= MEMORY_END ? PF_PRESENT : 0);

    switch (kind) {
    case ABI_FAULT_READ:
        break;
    case ABI_FAULT_WRITE:
        error |= PF_WRITE;
        break;
    case ABI_FAULT_FETCH:
        error |= PF_FETCH;
        break;
    case ABI_FAULT_DATA_ALIGN:
    case ABI_FAULT_PC_ALIGN:
    case ABI_FAULT_INSTRUCTION:
    case ABI_FAULT_BREAKPOINT:
        return;
    }
    t->fault_address = address;
    t->fault_code = X86_FAULT_CODE(VECTOR_PF, error);
}

/* The si_code of an unmasked floating-point exception: bits as in the status words. */
static int fp_code(uint32_t raised)
{
    if (raised & 1)
        return FPE_FLTINV;
    if (raised & 4)
        return FPE_FLTDIV;
    if (raised & 8)
        return FPE_FLTOVF;
    if (raised & 0x12)
        return FPE_FLTUND;
    return raised & 0x20 ? FPE_FLTRES : FPE_FLTUNK;
}

/* The program is about to die of an instruction: if the processor lacks it the person should know which. */
static void report_undefined(const struct thread *t, uint64_t pc)
{
    uint8_t b[8] = {0};
    struct memory_area area;

    memory_read(b, pc, sizeof(b));
    bool meant = b[0] == 0x0f && (b[1] == 0x0b || b[1] == 0xb9 || b[1] == 0xff);

    if (meant || t->process->actions[SIGILL - 1].handler > 1 || !memory_area_at(pc, &area))
        return;
    log_warn("%s: SIGILL: instruction %02x %02x %02x %02x %02x %02x %02x %02x at 0x%llx (%s+0x%llx) is none of this processor's; if "
             "it should be, please report this line",
             t->process->exe_guest, b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], (unsigned long long)pc,
             area.name ? area.name : "anonymous memory", (unsigned long long)(pc - area.start + area.offset));
}

static void trap(struct thread *t, uint64_t exception)
{
    uint16_t vector = (uint16_t)exception, error = (uint16_t)(exception >> 16);
    const struct x86_state *s = state_of(t->cpu);
    uint64_t pc = s->rip;
    uint8_t before = 0;

    t->fault_code = X86_FAULT_CODE(vector, error);
    switch (vector) {
    case X86_VECTOR_DE:
        signals_force(t, SIGFPE, FPE_INTDIV, pc);
        return;
    case X86_VECTOR_DB: /* INT1, else a single step */
        memory_read(&before, pc - 1, 1);
        signals_force(t, SIGTRAP, before == 0xf1 ? TRAP_BRKPT : TRAP_TRACE, pc);
        return;
    case X86_VECTOR_BP:
        signals_force(t, SIGTRAP, SI_KERNEL, 0);
        return;
    case VECTOR_UD:
        report_undefined(t, pc);
        signals_force(t, SIGILL, ILL_ILLOPN, pc);
        return;
    case X86_VECTOR_NP:
    case X86_VECTOR_SS:
        signals_force(t, SIGBUS, SI_KERNEL, 0);
        return;
    case VECTOR_AC:
        signals_force(t, SIGBUS, BUS_ADRALN, 0);
        return;
    case X86_VECTOR_MF:
        signals_force(t, SIGFPE, fp_code(s->fsw & ~s->fcw), pc);
        return;
    case X86_VECTOR_XM: {
        uint32_t mxcsr = x86_mxcsr_get(t->cpu);

        signals_force(t, SIGFPE, fp_code(mxcsr & ~(mxcsr >> 7)), pc);
        return;
    }
    default: /* OF, BR, GP */
        signals_force(t, SIGSEGV, SI_KERNEL, 0);
    }
}

/* ---- the vsyscall page --------------------------------------------------------------------------------------------------- */

#define VSYSCALL 0xffffffffff600000ull

static bool vsyscall(struct thread *t, uint64_t pc)
{
    static const int numbers[] = {SYS_gettimeofday, SYS_time, SYS_getcpu};
    struct x86_state *s = x86_state(t->cpu);
    uint64_t which = (pc - VSYSCALL) / 1024, back;

    if (pc < VSYSCALL || pc % 1024 || which >= ARRAY_LEN(numbers) || !memory_read(&back, s->r[X86_RSP], 8))
        return false;
    s->r[X86_RAX] = (uint64_t)host_call(numbers[which], s->r[X86_RDI], s->r[X86_RSI], 0, 0, 0, 0);
    s->r[X86_RSP] += 8;
    s->rip = back;
    return true;
}

/* ---- what the processor is -------------------------------------------------------------------------------------------------- */

static uint64_t hwcap(bool mode64, unsigned which)
{
    uint32_t leaf1[4], leaf7[4];

    x86_cpuid(1, 0, mode64, leaf1);
    x86_cpuid(7, 0, mode64, leaf7);
    return which == 1 ? leaf1[3] : (leaf7[1] & 1) << 1; /* HWCAP2_FSGSBASE */
}

static uint64_t x64_hwcap(unsigned which)
{
    return hwcap(true, which);
}

static uint64_t i386_hwcap(unsigned which)
{
    return hwcap(false, which);
}

/* The names Linux gives to CPUID's bits: leaf, register, bit. */
static const struct {
    uint32_t leaf;
    uint8_t reg, bit;
    const char *name;
} flag_names[] = {
    {1, 3, 0, "fpu"},       {1, 3, 4, "tsc"},       {1, 3, 8, "cx8"},       {1, 3, 11, "sep"},
    {1, 3, 15, "cmov"},     {1, 3, 19, "clflush"},  {1, 3, 23, "mmx"},      {1, 3, 24, "fxsr"},
    {1, 3, 25, "sse"},      {1, 3, 26, "sse2"},     {0x80000001, 3, 11, "syscall"}, {0x80000001, 3, 20, "nx"},
    {0x80000001, 3, 27, "rdtscp"}, {0x80000001, 3, 29, "lm"}, {1, 2, 0, "pni"}, {1, 2, 1, "pclmulqdq"},
    {1, 2, 9, "ssse3"},     {1, 2, 12, "fma"},      {1, 2, 13, "cx16"},     {1, 2, 19, "sse4_1"},
    {1, 2, 20, "sse4_2"},   {1, 2, 22, "movbe"},    {1, 2, 23, "popcnt"},   {1, 2, 25, "aes"},
    {1, 2, 26, "xsave"},    {1, 2, 28, "avx"},      {1, 2, 29, "f16c"},     {1, 2, 30, "rdrand"},
    {1, 2, 31, "hypervisor"}, {0x80000001, 2, 0, "lahf_lm"}, {0x80000001, 2, 5, "abm"}, {0x80000001, 2, 8, "3dnowprefetch"},
    {7, 1, 0, "fsgsbase"},  {7, 1, 3, "bmi1"},      {7, 1, 5, "avx2"},      {7, 1, 8, "bmi2"},
    {7, 1, 18, "rdseed"},   {7, 1, 19, "adx"},      {7, 1, 29, "sha_ni"},   {0xd, 0, 0, "xsaveopt"},
    {7, 2, 9, "vaes"},      {7, 2, 10, "vpclmulqdq"}, {7, 2, 22, "rdpid"},
};

static void cpuinfo(int fd)
{
    uint32_t id[4], regs[4];
    char brand[49] = "", flags[1024] = "";
    size_t n = 0;
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);

    x86_cpuid(1, 0, true, id);
    for (unsigned i = 0; i < 3; i++) {
        x86_cpuid(0x80000002 + i, 0, true, regs);
        memcpy(brand + 16 * i, regs, 16);
    }
    for (unsigned i = 0; i < ARRAY_LEN(flag_names); i++) {
        x86_cpuid(flag_names[i].leaf, flag_names[i].leaf == 0xd, true, regs);
        if (regs[flag_names[i].reg] >> flag_names[i].bit & 1)
            n += (size_t)snprintf(flags + n, sizeof(flags) - n, " %s", flag_names[i].name);
    }
    for (long cpu = 0; cpu < cpus; cpu++)
        dprintf(fd,
                "processor\t: %ld\nvendor_id\t: GenuineIntel\ncpu family\t: %u\nmodel\t\t: %u\nmodel name\t: %s\nstepping\t: %u\n"
                "cpu MHz\t\t: 1000.000\nphysical id\t: 0\nsiblings\t: %ld\ncore id\t\t: %ld\ncpu cores\t: %ld\napicid\t\t: %ld\n"
                "fpu\t\t: yes\nfpu_exception\t: yes\ncpuid level\t: 13\nwp\t\t: yes\nflags\t\t:%s\n"
                "bugs\t\t:\nbogomips\t: 2000.00\nclflush size\t: 64\ncache_alignment\t: 64\n"
                "address sizes\t: 40 bits physical, 48 bits virtual\npower management:\n\n",
                cpu, id[0] >> 8 & 15, (id[0] >> 4 & 15) | (id[0] >> 12 & 0xf0), brand, id[0] & 15, cpus, cpu, cpus, cpu, flags);
}

const struct abi abi_x86_64 = {
    .kind = ABI_X86_64,
    .guest = &guest_x86_64,
    .machine = "x86_64",
    .arch = "amd64",
    .loader = "lib64/ld-linux-x86-64.so.2",
    .elf_machine = EM_X86_64,
    .min_sigstack = 2048,
    .signal_room = X86_FRAME_ROOM,
    .sigreturn_nr = SYS_rt_sigreturn,
    .fault = fault,
    .trap = trap,
    .fetch = vsyscall,
    .syscall_get = x64_syscall_get,
    .syscall_result = x64_syscall_result,
    .syscall_rewind = syscall_rewind,
    .syscall_skip = x64_syscall_skip,
    .untag = untag,
    .pc_get = pc_get,
    .sp_get = sp_get,
    .start = start,
    .child = x64_child,
    .handler_return = x64_handler_return,
    .signal_enter = x64_signal_enter,
    .signal_mask = x64_signal_mask,
    .signal_return = x64_signal_return,
    .vdso = x64_vdso,
    .hwcap = x64_hwcap,
    .cpuinfo = cpuinfo,
};

const struct abi abi_i386 = {
    .kind = ABI_I386,
    .guest = &guest_i386,
    .machine = "i686",
    .arch = "i386",
    .loader = "lib/ld-linux.so.2",
    .elf_machine = EM_386,
    .bits32 = true,
    .min_sigstack = 2048,
    .signal_room = X86_FRAME_ROOM,
    .sigreturn_nr = 173,
    .fault = fault,
    .trap = trap,
    .syscall_get = i386_syscall_get,
    .syscall_result = i386_syscall_result,
    .syscall_rewind = syscall_rewind,
    .syscall_skip = i386_syscall_skip,
    .untag = untag,
    .pc_get = pc_get,
    .sp_get = sp_get,
    .start = start,
    .child = i386_child,
    .tls_check = i386_tls_check,
    .handler_return = i386_handler_return,
    .signal_enter = i386_signal_enter,
    .signal_mask = i386_signal_mask,
    .signal_return = i386_signal_return,
    .vdso = i386_vdso,
    .hwcap = i386_hwcap,
    .cpuinfo = cpuinfo,
};
