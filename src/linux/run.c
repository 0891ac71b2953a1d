/* The run loop of a guest thread: what makes it leave the engine, and what becomes of it. */
#include "linux/signals.h"
#include "linux/threads.h"

#include <errno.h>
#include <sched.h>

#include "engine/engine.h"
#include "linux/stress.h"
#include "linux/syscall.h"
#include "memory/memory.h"
#include "support/log.h"

/* The exceptions that guests with abi.trap have for what others are told as events: x86's numbers. */
#define X86_UNDEFINED          6
#define X86_GENERAL_PROTECTION 13

static bool mapped(uint64_t address)
{
    struct memory_area area;

    return memory_area_at(address, &area) && area.start <= address;
}

static void system_call(struct thread *t)
{
    const struct abi *abi = t->process->abi;
    uint64_t args[6], nr = abi->syscall_get(t->cpu, args);
    int64_t ret = sys_dispatch(t, nr, args);

    if (t->mask_saved && ret != -EINTR) {
        /* The kernel has put the mask back; after EINTR the handler is to run with the temporary
         * one. */
        t->mask_saved = false;
        t->mask = t->saved_mask;
    }
    switch (ret) {
    case SYS_NO_RESULT:
        return;
    case SYS_ERESTART:
    case SYS_ERESTARTNOINTR:
        t->restart = (int)ret;
        abi->syscall_rewind(t->cpu);
        return;
    default:
        abi->syscall_result(t->cpu, ret);
    }
}

static void memory_fault(struct thread *t, bool fetch)
{
    const struct cpu_fault *f = &t->cpu->fault;
    const struct abi *abi = t->process->abi;
    uint64_t address = abi->untag(f->address);
    bool is_mapped = mapped(address);

    if (abi->trap && f->signal == SIGSEGV && f->code == SI_KERNEL) { /* no address at all */
        abi->trap(t, X86_GENERAL_PROTECTION);
        return;
    }
    abi->fault(t,
               fetch      ? ABI_FAULT_FETCH
               : f->write ? ABI_FAULT_WRITE
                          : ABI_FAULT_READ,
               is_mapped && f->signal != SIGBUS, address);
    if (f->signal == SIGBUS)
        signals_force(t, SIGBUS, f->code > 0 && f->code < SI_KERNEL ? f->code : BUS_ADRERR,
                      address);
    else
        signals_force(t, SIGSEGV, is_mapped ? SEGV_ACCERR : SEGV_MAPERR, address);
}

static void misaligned(struct thread *t, enum abi_fault kind, uint64_t address)
{
    t->process->abi->fault(t, kind, true, address);
    signals_force(t, SIGBUS, BUS_ADRALN, address);
}

/* The program is about to die of an instruction: if the processor lacks it the person should know which.  UDF
 * (high half zero) is meant to end a program. */
static void report_undefined(struct thread *t, uint64_t pc)
{
    uint32_t word = (uint32_t)t->cpu->exit_detail;
    struct memory_area area;

    if (!(word >> 16) || t->process->actions[SIGILL - 1].handler > 1 || !memory_area_at(pc, &area))
        return;
    log_warn("%s: SIGILL: instruction 0x%08x at 0x%llx (%s+0x%llx) is none of this processor's%s; if it should be, "
             "please report this line",
             t->process->exe_guest, word, (unsigned long long)pc, area.name ? area.name : "anonymous memory",
             (unsigned long long)(pc - area.start + area.offset),
             t->process->config->cpu_name ? " (see --cpu)" : "");
}

static void handle(struct thread *t, enum cpu_event event)
{
    const struct abi *abi = t->process->abi;
    uint64_t pc = abi->pc_get(t->cpu);

    switch (event) {
    case CPU_EVENT_SYSCALL:
        system_call(t);
        return;
    case CPU_EVENT_FAULT:
        memory_fault(t, false);
        return;
    case CPU_EVENT_FETCH:
        if (abi->fetch && abi->fetch(t, pc))
            return;
        if (pc % t->cpu->guest->insn_align) /* comes before what the memory says */
            misaligned(t, ABI_FAULT_PC_ALIGN, pc);
        else
            memory_fault(t, true);
        return;
    case CPU_EVENT_UNDEFINED:
        if (abi->trap) {
            abi->trap(t, X86_UNDEFINED);
            return;
        }
        report_undefined(t, pc);
        abi->fault(t, ABI_FAULT_INSTRUCTION, true, pc);
        signals_force(t, SIGILL, ILL_ILLOPC, pc);
        return;
    case CPU_EVENT_BREAKPOINT:
        abi->fault(t, ABI_FAULT_BREAKPOINT, true, pc);
        signals_force(t, SIGTRAP, TRAP_BRKPT, pc);
        return;
    case CPU_EVENT_ALIGN: {
        if (abi->trap) {
            abi->trap(t, X86_GENERAL_PROTECTION);
            return;
        }
        uint64_t address = t->cpu->exit_detail;

        misaligned(t, address == pc ? ABI_FAULT_PC_ALIGN : ABI_FAULT_DATA_ALIGN, address);
        return;
    }
    case CPU_EVENT_TRAP:
        if (abi->trap)
            abi->trap(t, t->cpu->exit_detail);
        else
            signals_force(t, SIGILL, ILL_ILLTRP, pc);
        return;
    case CPU_EVENT_YIELD:
        sched_yield();
        return;
    case CPU_EVENT_INTERRUPT:
    case CPU_EVENT_STEP:
        return;
    }
}

void thread_run(struct thread *t)
{
    void (*on_step)(struct cpu *) = t->process->on_step;

    while (!t->exiting) {
        if (t->signal_pending || t->restart || t->mask_saved)
            signals_deliver(t);
        if (UNLIKELY(t->stress))
            stress_thread(t);
        if (on_step)
            on_step(t->cpu);
        enum cpu_event event = engine_run(t->cpu, on_step ? 1 : 0);

        if (UNLIKELY(t->signal_pending) && event != CPU_EVENT_INTERRUPT) {
            /* The signal came first: the instruction is tried again after its handler. */
            if (event == CPU_EVENT_SYSCALL)
                t->process->abi->syscall_rewind(t->cpu);
            continue;
        }
        handle(t, event);
    }
}
