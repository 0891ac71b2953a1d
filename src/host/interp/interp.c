/* The portable host: no code is generated.  Units become arrays of decoded operations (compile.c), run by
 * a threaded interpreter (run.c); all that is not frequent goes through ir_eval.
 *
 * A fault inside the interpreter's accesses returns to enter() by longjmp: recovery makes the PC exact
 * and turns the interrupted context into a call of resume_after_fault.
 *
 * Known limitations: a 256-bit access that crosses into an unmapped page may be half done. */
#include "host/interp/code.h"
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

struct interp_guest interp_guest;

static bool interp_init(const struct guest *guest, struct host_buffer *stubs)
{
    interp_guest = (struct interp_guest){.guest = guest, .pc_offset = guest->slots[guest->pc_slot].offset};
    stubs->size = 0;
    return true;
}

static struct interp_cpu *self_of(const struct cpu *cpu)
{
    return (struct interp_cpu *)(uintptr_t)cpu->host_area[INTERP_AREA_CPU];
}

static bool interp_cpu_init(struct cpu *cpu)
{
    /* Zero cells are zero already, and what no unit reaches costs no memory. */
    void *p = mmap(NULL, sizeof(struct interp_cpu), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return false;
    cpu->host_area[INTERP_AREA_CPU] = (uint64_t)(uintptr_t)p;
    cpu->host_area[INTERP_AREA_OP] = 0;
    memset((uint64_t *)(void *)cpu + INTERP_ZERO_CELL, 0, 8 * INTERP_ZERO_WORDS);
    return true;
}

static void interp_cpu_exit(struct cpu *cpu)
{
    munmap(self_of(cpu), sizeof(struct interp_cpu));
    cpu->host_area[INTERP_AREA_CPU] = 0;
}

static void interp_enter(struct cpu *cpu, const void *code)
{
    if (_setjmp(self_of(cpu)->leave) == 0)
        interp_run(cpu, code);
}

static NORETURN void resume_after_fault(struct cpu *cpu)
{
    _longjmp(self_of(cpu)->leave, 1);
}

static void interp_link(const void *site, ptrdiff_t rw_delta, const void *target)
{
    const void **link = (const void **)((uintptr_t)site + (uintptr_t)rw_delta);
    __atomic_store_n(link, target, __ATOMIC_RELEASE);
}

static bool interp_recover(struct cpu *cpu, const struct host_unit *hu, void *context)
{
    ucontext_t *uc = context;
    const struct interp_op *op = (const struct interp_op *)(uintptr_t)cpu->host_area[INTERP_AREA_OP];
#if defined(__x86_64__)
    greg_t *regs = uc->uc_mcontext.gregs;
    uintptr_t pc = (uintptr_t)regs[REG_RIP];
#elif defined(__aarch64__)
    uintptr_t pc = uc->uc_mcontext.pc;
#else
    uintptr_t pc = 0;
#endif
    if (op == NULL || !interp_accesses_at(pc))
        return false;
#if defined(__x86_64__)
    /* #GP and #SS, which a non-canonical address raises, come without one. */
    enum { TRAP_STACK = 12, TRAP_PROTECTION = 13 };
    bool told = regs[REG_TRAPNO] != TRAP_PROTECTION && regs[REG_TRAPNO] != TRAP_STACK;
#else
    bool told = true;
#endif
    uint64_t noted = cpu->host_area[INTERP_AREA_ADDRESS];
    if (told && cpu->fault.address - noted >= sizeof(union ir_value))
        return false; /* not where the guest wanted to go: a bug of ours */
    if (!told) {
        cpu->fault.address = noted;
        cpu->fault.write = op->code >= INTERP_STORE_1 && op->code <= INTERP_ATOMIC_CAS;
    }
    bool atomic = op->code == INTERP_ATOMIC_RMW || op->code == INTERP_ATOMIC_CAS;
    if (atomic && interp_guest.guest->atomics_write)
        cpu->fault.write = true;
    else if (atomic) /* a read's fault if reading would fault too */
        cpu->fault.write = told && (cpu->fault.signal != SIGSEGV || cpu->fault.code != SEGV_MAPERR) && host_readable(cpu->fault.address);
    if (op->code >= INTERP_LOAD_1 && op->code < INTERP_STORE_1 && (op->attr & IR_MEM_MODIFY))
        cpu->fault.write = true;
    cpu->host_area[INTERP_AREA_OP] = 0;
    uint64_t guest_pc = interp_unit_of(op)->pc + (uint64_t)(int64_t)op->pc;
    CPU_SLOT(cpu, uint64_t, &interp_guest.guest->slots[interp_guest.guest->pc_slot]) = guest_pc;
    cpu->exit_reason = IR_EXIT_NONE;
    cpu->exit_site = NULL;
#if defined(__x86_64__)
    regs[REG_RIP] = (greg_t)(uintptr_t)resume_after_fault;
    regs[REG_RDI] = (greg_t)(uintptr_t)cpu;
    regs[REG_RSP] = ((regs[REG_RSP] - 128) & ~(greg_t)15) - 8; /* as after a call, below the red zone */
    regs[REG_EFL] &= ~(greg_t)0x400;                             /* direction flag */
#elif defined(__aarch64__)
    uc->uc_mcontext.pc = (uintptr_t)resume_after_fault;
    uc->uc_mcontext.regs[0] = (uintptr_t)cpu;
    uc->uc_mcontext.sp &= ~15ull;
#endif
    return true;
}

static void interp_forget_returns(struct cpu *cpu)
{
    /* keeps none */
}

const struct host host_interp = {
    .name = "interp",
    .init = interp_init,
    .cpu_init = interp_cpu_init,
    .cpu_exit = interp_cpu_exit,
    .compile = interp_compile,
    .enter = interp_enter,
    .link = interp_link,
    .recover = interp_recover,
    .forget_returns = interp_forget_returns,
    .disassemble = interp_disassemble,
};
