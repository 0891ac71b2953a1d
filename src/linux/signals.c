/* Signals: from the host's handler to the guest's.
 *
 * Dispositions.  What the guest ignores or leaves at its default is so on the host too, and the
 * host's kernel does it: termination, stops, no interruption of calls.  Where the guest has a
 * handler, the host has host_handler(), without SA_RESTART.  The five synchronous signals always
 * have it; and in a process that still runs in its parent's memory (vfork) also those whose default
 * is to end it.
 *
 * Masks.  The host's mask is the guest's, less the synchronous signals, so the kernel keeps what is
 * pending, and sigtimedwait and signalfd work by themselves.  A synchronous signal sent by kill
 * while the guest blocks it is kept in thread.deferred.
 *
 * Delivery.  The handler records the signal, blocks all others by way of the context it returns to,
 * and asks the engine to stop at the next block boundary; the run loop then calls
 * signals_deliver().  So at most one asynchronous signal is recorded at a time, the kernel holds
 * the rest in its own order, and unblocking brings the next.  While one is recorded nothing may
 * unblock the host's mask: every change of mask goes through blocking_call() with the record as its
 * flag.  A recorded signal is delivered before the system call that the guest is about to make: so
 * it is never delivered under a mask that came after it.
 *
 * Interrupted calls.  The handler's return code is decided when it is known whether a handler runs,
 * and with which flags, as arch_do_signal_or_restart() does.
 *
 * Limitation: a process-directed synchronous signal (kill -SEGV) waits in the thread the host
 * chose. */
#include "linux/signals.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "engine/engine.h"
#include "linux/hostcall.h"
#include "linux/syscall.h"
#include "linux/threads.h"
#include "memory/memory.h"
#include "support/log.h"

#define SA_RESTORER_X64 0x04000000ul
#define UNBLOCKABLE     (SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP))

/* The host kernel's struct sigaction. */
struct host_action {
    void *handler;
    uint64_t flags;
    void *restorer;
    uint64_t mask;
};

static __thread struct thread *current;

struct thread *thread_current(void)
{
    return current;
}

void thread_set_current(struct thread *t)
{
    current = t;
}

extern void signals_restorer(void);
__asm__(".text\n"
        ".p2align 4\n"
        "    nop\n" /* unwinders look at the byte before a return address */
        ".globl signals_restorer\n"
        ".hidden signals_restorer\n"
        "signals_restorer:\n"
        "    mov $15, %rax\n"
        "    syscall\n");

static int sync_index(int sig)
{
    switch (sig) {
    case SIGSEGV:
        return 0;
    case SIGBUS:
        return 1;
    case SIGILL:
        return 2;
    case SIGFPE:
        return 3;
    case SIGTRAP:
        return 4;
    }
    return -1;
}

static void host_set_mask(uint64_t mask)
{
    mask &= ~SIGNAL_SYNC;
    host(rt_sigprocmask, SIG_SETMASK, &mask, 0, 8);
}

/* A fault in Demotic itself. */
static void crash(int sig, const siginfo_t *info, const ucontext_t *uc)
{
    const struct thread *t = current;
    struct host_action dfl = {.handler = SIG_DFL};
    extern const char __ehdr_start[];
    uint64_t pc = (uint64_t)uc->uc_mcontext.gregs[REG_RIP];

    log_warn("internal error: %s at address 0x%llx, in host code 0x%llx (image+0x%llx), guest pc "
             "0x%llx; "
             "please report it",
             sig == SIGSEGV  ? "SIGSEGV"
             : sig == SIGBUS ? "SIGBUS"
                             : "a signal",
             (unsigned long long)(uint64_t)info->si_addr, (unsigned long long)pc,
             (unsigned long long)(pc - (uint64_t)__ehdr_start),
             (unsigned long long)(t ? t->process->abi->pc_get(t->cpu) : 0));
    host(rt_sigaction, sig, &dfl, 0, 8); /* the fault is raised again on return, and dumps core */
}

/* Notes an asynchronous signal for the run loop. */
static void record(struct thread *t, int sig, const siginfo_t *info, ucontext_t *uc)
{
    int sync = sync_index(sig);
    struct signal_record *r = sync < 0 ? &t->async : &t->deferred[sync];

    if (!r->present) {
        r->info = *info;
        r->present = 1;
    }
    if (sync < 0) {
        uint64_t all = ~SIGNAL_SYNC;

        memcpy(&uc->uc_sigmask, &all, sizeof(all));
    } else if (t->mask & SIGNAL_BIT(sig)) {
        return;
    }
    t->signal_pending = 1;
    engine_interrupt(t->cpu);
    blocking_rewind(uc);
}

static void host_handler(int sig, siginfo_t *info, void *context)
{
    struct thread *t = current;

    if (sig == SIGNAL_TICK && engine_is_tick(info)) {
        const greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;

        if (t) {
            engine_tick(t->cpu);
            if (blocking_interrupted(g[REG_RIP]) && g[REG_RAX] == -EINTR)
                t->ticked = 1;
        }
        return;
    }
    if ((SIGNAL_BIT(sig) & SIGNAL_SYNC) && info->si_code > 0) {
        if (memory_fault_fixup(context))
            return;
        if (t && engine_fault(t->cpu, sig, info, context))
            return;
        crash(sig, info, context);
    } else if (t) {
        record(t, sig, info, context);
    }
}

static void host_install(int sig, bool handler, const struct signal_action *action)
{
    struct host_action h = {
        .handler = handler ? (void *)(uintptr_t)host_handler : (void *)action->handler,
        .flags = SA_SIGINFO | SA_ONSTACK | SA_RESTORER_X64 |
                 (action ? action->flags & (SA_NOCLDSTOP | SA_NOCLDWAIT) : 0) |
                 (sig == SIGNAL_TICK ? SA_RESTART : 0), /* calls that are the guest's end by blocking_rewind */
        .restorer = (void *)(uintptr_t)signals_restorer,
        .mask = ~SIGNAL_SYNC,
    };

    host(rt_sigaction, sig, &h, 0, 8);
}

/* Without a handler the signal ends the process. */
static bool is_fatal(int sig)
{
    switch (sig) {
    case SIGCHLD:
    case SIGURG:
    case SIGWINCH:
    case SIGCONT:
    case SIGTSTP:
    case SIGTTIN:
    case SIGTTOU:
    case SIGSTOP:
    case SIGKILL:
        return false;
    }
    return true;
}

void signals_install(const struct process *p, int sig)
{
    const struct signal_action *action = &p->actions[sig - 1];

    host_install(sig,
                 (SIGNAL_BIT(sig) & SIGNAL_SYNC) || action->handler > 1 ||
                     (p->in_parents_memory && !action->handler && is_fatal(sig)),
                 action);
}

void signals_guard_parent(struct process *p)
{
    p->in_parents_memory = true;
    for (int sig = 1; sig <= SIGNAL_COUNT; sig++)
        if (!p->actions[sig - 1].handler && is_fatal(sig))
            signals_install(p, sig);
}

void signals_start(struct process *p)
{
    for (int sig = 1; sig <= SIGNAL_COUNT; sig++) {
        struct host_action h = {0};

        host(rt_sigaction, sig, 0, &h, 8);
        p->actions[sig - 1] = (struct signal_action){.handler = h.handler == SIG_IGN};
        if (SIGNAL_BIT(sig) & SIGNAL_SYNC)
            host_install(sig, true, NULL);
    }
}

/* Stacks of threads that have ended. */
static _Atomic(void *) spare_stacks[4];

static void *altstack_new(void)
{
    void *p = NULL;

    for (size_t i = 0; !p && i < ARRAY_LEN(spare_stacks); i++)
        p = atomic_exchange(&spare_stacks[i], NULL);
    return p ? p : mmap(NULL, SIGNALS_ALTSTACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void altstack_free(void *p)
{
    for (size_t i = 0; i < ARRAY_LEN(spare_stacks); i++) {
        void *none = NULL;

        if (atomic_compare_exchange_strong(&spare_stacks[i], &none, p))
            return;
    }
    munmap(p, SIGNALS_ALTSTACK);
}

bool signals_thread_start(struct thread *t)
{
    stack_t stack = {.ss_size = SIGNALS_ALTSTACK};
    void *p = altstack_new();

    if (p == MAP_FAILED)
        return false;
    stack.ss_sp = t->host_altstack = p;
    host(sigaltstack, &stack, 0);
    return true;
}

void signals_thread_end(struct thread *t)
{
    stack_t stack = {.ss_flags = SS_DISABLE};

    if (!t->host_altstack)
        return;
    host(sigaltstack, &stack, 0);
    altstack_free(t->host_altstack);
    t->host_altstack = NULL;
}

void signals_block(void)
{
    host_set_mask(~0ull);
}

/* The host's mask becomes `mask` unless a signal is recorded; then everything is blocked already.
 */
static int64_t host_try_mask(struct thread *t, uint64_t mask)
{
    mask &= ~SIGNAL_SYNC;
    return blocking_call(&t->async.present, SYS_rt_sigprocmask, SIG_SETMASK, (uint64_t)&mask, 0, 8,
                         0, 0);
}

void signals_unblock(struct thread *t)
{
    host_try_mask(t, t->mask);
}

/* Deferred signals that the mask lets through now. */
static void wake_deferred(struct thread *t)
{
    for (size_t i = 0; i < ARRAY_LEN(t->deferred); i++)
        if (t->deferred[i].present && !(t->mask & SIGNAL_BIT(t->deferred[i].info.si_signo)))
            t->signal_pending = 1;
}

int64_t signals_change_mask(struct thread *t, uint64_t mask)
{
    mask &= ~UNBLOCKABLE;
    int64_t ret = host_try_mask(t, mask);

    if (ret)
        return ret;
    t->mask = mask;
    wake_deferred(t);
    return 0;
}

int signal_temporary_mask(struct thread *t, uint64_t guest_set, uint64_t size, uint64_t *set,
                          const uint64_t **host)
{
    *host = NULL;
    if (!guest_set)
        return 0;
    if (size != sizeof(*set))
        return -EINVAL;
    if (!memory_read(set, guest_set, sizeof(*set)))
        return -EFAULT;
    *set &= ~UNBLOCKABLE;
    t->saved_mask = t->mask;
    t->mask_saved = true;
    t->mask = *set;
    *host = set;
    wake_deferred(t);
    return 0;
}

void signals_die(int sig)
{
    struct host_action dfl = {.handler = SIG_DFL};
    uint64_t mask = ~SIGNAL_BIT(sig);

    host(rt_sigaction, sig, &dfl, 0, 8);
    host(rt_sigprocmask, SIG_SETMASK, &mask, 0, 8);
    int pid = (int)host(getpid), tid = (int)host(gettid);

    host(tgkill, pid, tid, sig);
    host(exit_group, 128 + sig);
    abort();
}

/* What happens without a handler: the host's kernel does it. */
static void default_action(struct thread *t, int sig)
{
    switch (sig) {
    case SIGCHLD:
    case SIGURG:
    case SIGWINCH:
    case SIGCONT:
        return;
    case SIGTSTP:
    case SIGTTIN:
    case SIGTTOU: {
        /* Recorded for a handler that is gone by now: the host's disposition is the default one. */
        uint64_t mask = ~SIGNAL_BIT(sig);

        int pid = (int)host(getpid);

        host(tgkill, pid, t->tid, sig);
        host(rt_sigprocmask, SIG_SETMASK, &mask, 0, 8);
        signals_block();
        return;
    }
    default:
        signals_die(sig);
    }
}

/* True if sp lies on the guest's alternate stack. */
static bool on_altstack(const struct thread *t, uint64_t sp)
{
    return !(t->altstack_flags & (1u << 31)) && sp > t->altstack_sp &&
           sp - t->altstack_sp <= t->altstack_size;
}

static void force_segv(struct thread *t, int failed);

/* A system call was interrupted and rewound: with this handler it may have to fail with EINTR after
 * all. */
static void settle_restart(struct thread *t, const struct signal_action *action)
{
    if (t->restart == SYS_ERESTARTNOINTR ||
        (t->restart == SYS_ERESTART && (action->flags & SA_RESTART)))
        return;
    if (t->restart)
        t->process->abi->syscall_skip(t->cpu, -EINTR);
}

static void enter_handler(struct thread *t, const struct signal_action *action,
                          const siginfo_t *info)
{
    uint64_t saved = t->mask_saved ? t->saved_mask : t->mask;
    uint64_t sp = t->process->abi->sp_get(t->cpu);

    settle_restart(t, action);
    t->restart = 0;
    if ((action->flags & SA_ONSTACK) && t->altstack_size && !on_altstack(t, sp))
        sp = t->altstack_sp + t->altstack_size;
    if (!t->process->abi->signal_enter(t, action, info, sp, saved)) {
        force_segv(t, info->si_signo);
        return;
    }
    if (t->altstack_flags & (1u << 31)) { /* SS_AUTODISARM */
        t->altstack_sp = t->altstack_size = 0;
        t->altstack_flags = SS_DISABLE;
    }
    t->mask_saved = false;
    t->mask |= action->mask & ~UNBLOCKABLE;
    if (!(action->flags & SA_NODEFER))
        t->mask |= SIGNAL_BIT(info->si_signo);
}

/* The action for a signal that is delivered now; SA_RESETHAND takes effect. */
static struct signal_action take_action(struct thread *t, int sig)
{
    struct process *p = t->process;

    pthread_mutex_lock(&p->lock);
    struct signal_action action = p->actions[sig - 1];

    if (action.handler > 1 && (action.flags & SA_RESETHAND)) {
        p->actions[sig - 1].handler = 0;
        signals_install(p, sig);
    }
    pthread_mutex_unlock(&p->lock);
    return action;
}

/* A signal that cannot be refused: blocked or ignored, it ends the process. */
static void force_info(struct thread *t, const siginfo_t *info)
{
    int sig = info->si_signo;
    struct signal_action action = take_action(t, sig);

    if (action.handler <= 1 || (t->mask & SIGNAL_BIT(sig)))
        signals_die(sig);
    enter_handler(t, &action, info);
}

/* The frame of signal `failed` could not be written. */
static void force_segv(struct thread *t, int failed)
{
    siginfo_t info;

    if (failed == SIGSEGV)
        signals_die(SIGSEGV);
    memset(&info, 0, sizeof(info));
    info.si_signo = SIGSEGV;
    info.si_code = SI_KERNEL;
    force_info(t, &info);
}

void signals_force(struct thread *t, int sig, int code, uint64_t address)
{
    siginfo_t info;

    memset(&info, 0, sizeof(info));
    info.si_signo = sig;
    info.si_code = code;
    info.si_addr = (void *)address;
    t->restart = 0;
    force_info(t, &info);
    signals_unblock(t);
}

static void deliver(struct thread *t, const siginfo_t *info)
{
    struct signal_action action = take_action(t, info->si_signo);

    if (action.handler == 1)
        return;
    if (!action.handler)
        default_action(t, info->si_signo);
    else
        enter_handler(t, &action, info);
}

/* Takes one recorded signal that may be delivered. */
static bool take(struct thread *t, siginfo_t *info)
{
    for (size_t i = 0; i < ARRAY_LEN(t->deferred); i++) {
        struct signal_record *r = &t->deferred[i];

        if (r->present && !(t->mask & SIGNAL_BIT(r->info.si_signo))) {
            *info = r->info;
            r->present = 0;
            return true;
        }
    }
    if (!t->async.present)
        return false;
    *info = t->async.info;
    if (!(t->mask & SIGNAL_BIT(info->si_signo)))
        return true;
    /* A fault's handler with a mask of its own came in between: the kernel keeps the signal. */
    int pid = (int)host(getpid);

    host(rt_tgsigqueueinfo, pid, t->tid, info->si_signo, info);
    t->async.present = 0;
    return false;
}

void signals_deliver(struct thread *t)
{
    siginfo_t info;

    while (t->signal_pending) {
        t->signal_pending = 0;
        while (take(t, &info)) {
            bool async = t->async.present && sync_index(info.si_signo) < 0;

            deliver(t, &info);
            if (async)
                t->async.present = 0;
        }
        /* Whatever the kernel holds and the mask lets through comes now, before this returns. */
        signals_unblock(t);
    }
    if (t->mask_saved) {
        t->mask_saved = false;
        t->mask = t->saved_mask;
        signals_unblock(t);
    }
    t->restart = 0;
}

void signals_clear(struct process *p)
{
    for (int sig = 1; sig <= SIGNAL_COUNT; sig++) {
        if (p->actions[sig - 1].handler <= 1)
            continue;
        p->actions[sig - 1] = (struct signal_action){0};
        signals_install(p, sig);
    }
}

void signals_exec_prepare(struct thread *t)
{
    static const int sync[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
    struct host_action ignore = {.handler = SIG_IGN};

    for (size_t i = 0; i < ARRAY_LEN(sync); i++)
        if (t->process->actions[sync[i] - 1].handler == 1)
            host(rt_sigaction, sync[i], &ignore, 0, 8);
    blocking_call(&t->async.present, SYS_rt_sigprocmask, SIG_SETMASK, (uint64_t)&t->mask, 0, 8, 0,
                  0);
}

void signals_exec_failed(struct thread *t)
{
    static const int sync[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};

    for (size_t i = 0; i < ARRAY_LEN(sync); i++)
        host_install(sync[i], true, NULL);
    signals_unblock(t);
}

void signals_give_back(struct thread *t)
{
    if (!t->async.present)
        return;
    siginfo_t *info = &t->async.info;
    int pid = (int)host(getpid);

    if (info->si_code != SI_TKILL && host(rt_sigqueueinfo, pid, info->si_signo, info) == -EPERM) {
        info->si_code = SI_QUEUE; /* only the first thread may speak for kill and the kernel */
        host(rt_sigqueueinfo, pid, info->si_signo, info);
    }
    t->async.present = 0;
}
