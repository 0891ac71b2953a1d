/* The Arm64 Linux ABI: registers of system calls, signal frames (arch/arm64/kernel/signal.c), fault
 * syndromes (arch/arm64/mm/fault.c).
 *
 * Limitations: frames hold fpsimd_context and esr_context only (no SVE, which is not advertised);
 * an extra_context is refused at rt_sigreturn, since none is ever made. */
#include "linux/abi.h"

#include <elf.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/engine.h"
#include "guest/arm64/state.h"
#include "linux/arm64.h"
#include "linux/process.h"
#include "memory/memory.h"

#define PSTATE_NZCV    0xf0000000u
#define PSTATE_REFUSED 0x3dfu /* mode other than EL0t, 32 bit, masked exceptions */

#define FPSIMD_MAGIC  0x46508001u
#define ESR_MAGIC     0x45535201u
#define RESERVED_SIZE 4096

struct arm64_siginfo {
    unsigned char bytes[128];
};

struct arm64_context_head {
    uint32_t magic, size;
};

struct arm64_fpsimd {
    struct arm64_context_head head;
    uint32_t fpsr, fpcr;
    uint64_t v[32][2];
};

struct arm64_esr {
    struct arm64_context_head head;
    uint64_t esr;
};

/* struct rt_sigframe up to uc_mcontext.__reserved. */
struct arm64_frame {
    struct arm64_siginfo info;
    uint64_t uc_flags, uc_link;
    uint64_t stack_sp;
    int32_t stack_flags;
    uint32_t pad;
    uint64_t stack_size;
    uint64_t sigmask;
    unsigned char unused[120];
    uint64_t align;
    uint64_t fault_address;
    uint64_t x[31], sp, pc, pstate;
    uint64_t align2;
};

#define FRAME_SIZE (sizeof(struct arm64_frame) + RESERVED_SIZE)

_Static_assert(sizeof(struct arm64_frame) == 128 + 176 + 288, "rt_sigframe");
_Static_assert(offsetof(struct arm64_frame, fault_address) == 128 + 176, "uc_mcontext");
_Static_assert(sizeof(struct arm64_fpsimd) == 528, "fpsimd_context");

/* What is written to the stack: the frame with all the contexts there can be. */
struct arm64_frame_image {
    struct arm64_frame frame;
    unsigned char reserved[sizeof(struct arm64_fpsimd) + sizeof(struct arm64_esr) + 16];
};

struct arm64_frame_record {
    uint64_t fp, lr;
};

static uint64_t syscall_get(struct cpu *cpu, uint64_t args[6])
{
    const struct arm64_state *s = arm64_state(cpu);

    memcpy(args, s->x, 6 * sizeof(*args));
    return s->x[8];
}

static void syscall_result(struct cpu *cpu, int64_t result)
{
    arm64_state(cpu)->x[0] = (uint64_t)result;
}

static void syscall_rewind(struct cpu *cpu)
{
    arm64_state(cpu)->pc -= 4;
}

static void syscall_skip(struct cpu *cpu, int64_t result)
{
    arm64_state(cpu)->pc += 4;
    arm64_state(cpu)->x[0] = (uint64_t)result;
}

static uint64_t pc_get(const struct cpu *cpu)
{
    return ((const struct arm64_state *)(const void *)cpu->state)->pc;
}

static uint64_t sp_get(const struct cpu *cpu)
{
    return ((const struct arm64_state *)(const void *)cpu->state)->sp;
}

static uint64_t untag(uint64_t address)
{
    return (uint64_t)((int64_t)(address << 8) >> 8);
}

/* The engine's idea of the mode may be stale after FPCR changed. */
static void mode_check(struct cpu *cpu)
{
    if (cpu->guest->mode(cpu) != cpu->mode)
        engine_state_changed(cpu);
}

static void start(struct cpu *cpu, uint64_t pc, uint64_t sp)
{
    arm64_state(cpu)->pc = pc;
    arm64_state(cpu)->sp = sp;
    engine_state_changed(cpu);
}

static void child(struct cpu *cpu, uint64_t sp, uint64_t tls, bool set_tls)
{
    struct arm64_state *s = arm64_state(cpu);

    s->x[0] = 0;
    if (sp)
        s->sp = sp;
    if (set_tls)
        s->tpidr = tls;
    s->tpidrro = 0;
    s->excl_addr = ~0ull;
    mode_check(cpu);
}

static void handler_return(struct cpu *cpu)
{
}

#define ESR_EC(ec)      ((uint64_t)(ec) << 26)
#define ESR_IL          (1u << 25)
#define ESR_WNR         (1u << 6)
#define FSC_TRANSLATION 0x07u /* level 3 */
#define FSC_PERMISSION  0x0fu
#define FSC_ALIGNMENT   0x21u

/* An instruction that reads and writes its location: LSE atomics, CAS, CASP. */
static bool reads_and_writes(uint32_t insn)
{
    return (insn & 0x3f200c00) == 0x38200000 || (insn & 0x3fa07c00) == 0x08a07c00 ||
           (insn & 0xbfa07c00) == 0x08207c00;
}

/* ISS.WnR of such an instruction is 0 when a read alone would have had the same fault (Arm ARM, ESR_ELx). */
static bool read_would_fault(const struct thread *t, uint64_t address)
{
    uint32_t insn;
    uint64_t page = align_down(address, MEMORY_PAGE);

    return memory_read(&insn, arm64_state(t->cpu)->pc, sizeof(insn)) && reads_and_writes(insn) &&
           !memory_allows(page, page + MEMORY_PAGE, PROT_READ);
}

/* A store-release or store-exclusive: those of the accesses checked for alignment that only write. */
static bool only_writes(const struct thread *t)
{
    uint32_t insn;

    return memory_read(&insn, arm64_state(t->cpu)->pc, sizeof(insn)) && !reads_and_writes(insn) &&
           ((insn & 0x3f400000) == 0x08000000 || (insn & 0x3fe00c00) == 0x19000000);
}

static void fault(struct thread *t, enum abi_fault kind, bool mapped, uint64_t address)
{
    uint64_t esr = ESR_IL | (mapped ? FSC_PERMISSION : FSC_TRANSLATION);

    if (address >= 1ull << 48) /* a kernel address: nothing is told of its mappings */
        esr = ESR_IL | 0x04;
    switch (kind) {
    case ABI_FAULT_READ:
        esr |= ESR_EC(0x24);
        break;
    case ABI_FAULT_WRITE:
        esr |= ESR_EC(0x24) | (read_would_fault(t, address) ? 0 : ESR_WNR);
        break;
    case ABI_FAULT_FETCH:
        esr |= ESR_EC(0x20);
        break;
    case ABI_FAULT_DATA_ALIGN:
        esr = ESR_EC(0x24) | ESR_IL | FSC_ALIGNMENT | (only_writes(t) ? ESR_WNR : 0);
        break;
    case ABI_FAULT_PC_ALIGN:
        t->fault_address = 0;
        t->fault_code = ESR_EC(0x22) | ESR_IL;
        return;
    case ABI_FAULT_INSTRUCTION:
        t->fault_address = t->fault_code = 0;
        return;
    case ABI_FAULT_BREAKPOINT:
        return;
    }
    t->fault_address = address;
    t->fault_code = esr;
}

static void registers_save(struct cpu *cpu, struct arm64_frame *f)
{
    const struct arm64_state *s = arm64_state(cpu);

    memcpy(f->x, s->x, sizeof(f->x));
    f->sp = s->sp;
    f->pc = s->pc;
    f->pstate = arm64_nzcv_get(s->nzcv);
}

static void contexts_save(struct thread *t, unsigned char *to)
{
    const struct arm64_state *s = arm64_state(t->cpu);
    struct arm64_fpsimd fp = {.head = {FPSIMD_MAGIC, sizeof(fp)}};

    fp.fpsr = arm64_fpsr_get(t->cpu);
    fp.fpcr = s->fpcr;
    memcpy(fp.v, s->v, sizeof(fp.v));
    memcpy(to, &fp, sizeof(fp));
    to += sizeof(fp);
    if (t->fault_code) {
        struct arm64_esr esr = {{ESR_MAGIC, sizeof(esr)}, t->fault_code};

        memcpy(to, &esr, sizeof(esr));
        to += sizeof(esr);
    }
    memset(to, 0, 16); /* the end */
}

#define SA_EXPOSE_TAGBITS 0x800u

static void info_save(struct arm64_siginfo *to, const siginfo_t *info, uint64_t flags)
{
    siginfo_t copy = *info;

    _Static_assert(sizeof(copy) == sizeof(*to), "siginfo is the same on 64-bit Linux");
    if (!(flags & SA_EXPOSE_TAGBITS) && (info->si_signo == SIGSEGV || info->si_signo == SIGBUS) &&
        info->si_code > 0)
        copy.si_addr = (void *)untag((uint64_t)copy.si_addr);
    memcpy(to, &copy, sizeof(*to));
}

static bool signal_enter(struct thread *t, const struct signal_action *action,
                         const siginfo_t *info, uint64_t sp, uint64_t saved_mask)
{
    struct arm64_state *s = arm64_state(t->cpu);
    struct arm64_frame_record record = {s->x[29], s->x[30]};
    uint64_t next = align_down(sp - sizeof(record), 16);
    uint64_t at = next - FRAME_SIZE;
    struct arm64_frame_image image = {0};
    struct arm64_frame *f = &image.frame;

    info_save(&f->info, info, action->flags);
    f->stack_sp = t->altstack_sp;
    f->stack_flags = (int32_t)t->altstack_flags;
    f->stack_size = t->altstack_size;
    f->sigmask = saved_mask;
    f->fault_address = t->fault_address;
    registers_save(t->cpu, f);
    contexts_save(t, image.reserved);
    /* The kernel leaves what it has nothing to say about as it was on the stack; so do we with the
     * far end. */
    if (!memory_write(at, &image, sizeof(image)) || !memory_write(next, &record, sizeof(record)))
        return false;
    s->x[0] = (uint64_t)info->si_signo;
    if (action->flags & SA_SIGINFO) {
        s->x[1] = at;
        s->x[2] = at + offsetof(struct arm64_frame, uc_flags);
    }
    s->x[29] = next;
    s->x[30] = action->flags & ABI_SA_RESTORER ? action->restorer : t->process->vdso_at.rt_sigreturn;
    s->sp = at;
    s->pc = action->handler;
    s->excl_addr = ~0ull;
    return true;
}

static bool signal_mask(struct thread *t, bool rt, uint64_t *mask)
{
    uint64_t sp = arm64_state(t->cpu)->sp;

    return !(sp & 15) &&
           memory_read(mask, sp + offsetof(struct arm64_frame, sigmask), sizeof(*mask));
}

/* Finds the floating-point context among the frame's; false if there is none or the list is
 * damaged. */
static bool contexts_find(uint64_t at, struct arm64_fpsimd *fp)
{
    struct arm64_context_head head;
    bool found = false;

    for (uint64_t offset = 0; offset + sizeof(head) <= RESERVED_SIZE; offset += head.size) {
        if ((offset & 15) || !memory_read(&head, at + offset, sizeof(head)))
            return false;
        if (head.size > RESERVED_SIZE - offset)
            return false;
        switch (head.magic) {
        case 0:
            return !head.size && found;
        case FPSIMD_MAGIC:
            if (found || head.size < sizeof(*fp) || !memory_read(fp, at + offset, sizeof(*fp)))
                return false;
            found = true;
            break;
        case ESR_MAGIC:
            break;
        default:
            return false;
        }
        if (head.size < sizeof(head))
            return false;
    }
    return found;
}

static bool signal_return(struct thread *t, bool rt, stack_t *altstack)
{
    struct arm64_state *s = arm64_state(t->cpu);
    struct arm64_fpsimd fp;
    struct arm64_frame f;
    uint64_t sp = s->sp;

    if (!memory_read(&f, sp, sizeof(f)))
        return false;
    memcpy(s->x, f.x, sizeof(s->x));
    s->sp = f.sp;
    s->pc = f.pc;
    s->nzcv = arm64_nzcv_put((uint32_t)f.pstate & PSTATE_NZCV);
    s->excl_addr = ~0ull;
    if ((f.pstate & PSTATE_REFUSED) || !contexts_find(sp + sizeof(f), &fp))
        return false;
    memcpy(s->v, fp.v, sizeof(s->v));
    arm64_fpcr_set(t->cpu, fp.fpcr);
    arm64_fpsr_set(t->cpu, fp.fpsr);
    mode_check(t->cpu);
    altstack->ss_sp = (void *)f.stack_sp;
    altstack->ss_flags = f.stack_flags;
    altstack->ss_size = f.stack_size;
    return true;
}

static uint64_t hwcap(unsigned which)
{
    return which == 1 ? arm64_hwcap() : arm64_hwcap2();
}

static void cpuinfo(int fd)
{
    static const char *const names[] = {
        "fp",      "asimd", "evtstrm", "aes",   "pmull",    "sha1",   "sha2", "crc32",
        "atomics", "fphp",  "asimdhp", "cpuid", "asimdrdm", "jscvt",  "fcma", "lrcpc",
        "dcpop",   "sha3",  "sm3",     "sm4",   "asimddp",  "sha512", "sve",  "asimdfhm",
        "dit",     "uscat", "ilrcpc",  "flagm", "ssbs",     "sb",     "paca", "pacg"};
    static const char *const names2[] = {
        "dcpodp", "sve2",    "sveaes",   "svepmull", "svebitperm", "svesha3", "svesm4", "flagm2",
        "frint",  "svei8mm", "svef32mm", "svef64mm", "svebf16",    "i8mm",    "bf16",   "dgh",
        "rng",    "bti",     "mte",      "ecv",      "afp",        "rpres"};
    uint64_t hwcap = arm64_hwcap(), hwcap2 = arm64_hwcap2();
    uint64_t midr = arm64_id_register(3u << 14);
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);

    for (long cpu = 0; cpu < cpus; cpu++) {
        dprintf(fd, "processor\t: %ld\nBogoMIPS\t: 2000.00\nFeatures\t:", cpu);
        for (unsigned i = 0; i < ARRAY_LEN(names); i++)
            if (hwcap >> i & 1)
                dprintf(fd, " %s", names[i]);
        for (unsigned i = 0; i < ARRAY_LEN(names2); i++)
            if (hwcap2 >> i & 1)
                dprintf(fd, " %s", names2[i]);
        dprintf(fd,
                "\nCPU implementer\t: 0x%02x\nCPU architecture: 8\nCPU variant\t: 0x%x\n"
                "CPU part\t: 0x%03x\nCPU revision\t: %u\n\n",
                (unsigned)bits_get(midr, 24, 8), (unsigned)bits_get(midr, 20, 4),
                (unsigned)bits_get(midr, 4, 12), (unsigned)bits_get(midr, 0, 4));
    }
}

const struct abi abi_arm64 = {
    .kind = ABI_ARM64,
    .guest = &guest_arm64,
    .machine = "aarch64",
    .arch = "arm64",
    .loader = "lib/ld-linux-aarch64.so.1",
    .sigreturn_nr = 139,
    .elf_machine = EM_AARCH64,
    .min_sigstack = 5120,
    .signal_room = FRAME_SIZE + 32,
    .fault = fault,
    .syscall_get = syscall_get,
    .syscall_result = syscall_result,
    .syscall_rewind = syscall_rewind,
    .syscall_skip = syscall_skip,
    .untag = untag,
    .pc_get = pc_get,
    .sp_get = sp_get,
    .start = start,
    .child = child,
    .handler_return = handler_return,
    .signal_enter = signal_enter,
    .signal_mask = signal_mask,
    .signal_return = signal_return,
    .vdso = arm64_vdso,
    .hwcap = hwcap,
    .cpuinfo = cpuinfo,
};
