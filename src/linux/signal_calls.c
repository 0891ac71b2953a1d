/* The system calls about signals: rt_sigaction and its family, sigaltstack, kill. */
#include "linux/hostcall.h"
#include "linux/signals.h"
#include "linux/sysrow.h"

#include <string.h>

#include "memory/memory.h"

/* struct sigaction of 64-bit Linux on Arm64, as user space passes it to the kernel. */
struct guest_sigaction {
    uint64_t handler, flags, restorer, mask;
};

/* struct sigaltstack. */
struct guest_stack {
    uint64_t sp;
    int32_t flags;
    uint32_t pad;
    uint64_t size;
};

#define SS_AUTODISARM_BIT (1u << 31)
#define UNBLOCKABLE       (SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP))

int64_t sys_rt_sigaction(struct thread *t, const uint64_t a[6])
{
    struct process *p = t->process;
    struct guest_sigaction new, old;
    int sig = (int)a[0];

    if (a[3] != 8)
        return -EINVAL;
    if (a[1] && !memory_read(&new, a[1], sizeof(new)))
        return -EFAULT;
    if (sig < 1 || sig > SIGNAL_COUNT || (a[1] && (sig == SIGKILL || sig == SIGSTOP)))
        return -EINVAL;
    pthread_mutex_lock(&p->lock);
    struct signal_action *action = &p->actions[sig - 1];

    old = (struct guest_sigaction){action->handler, action->flags, action->restorer, action->mask};
    if (a[1]) {
        *action =
            (struct signal_action){new.handler, new.flags, new.restorer, new.mask & ~UNBLOCKABLE};
        signals_install(p, sig);
    }
    pthread_mutex_unlock(&p->lock);
    if (a[2] && !memory_write(a[2], &old, sizeof(old)))
        return -EFAULT;
    return 0;
}

int64_t sys_rt_sigprocmask(struct thread *t, const uint64_t a[6])
{
    uint64_t old = t->mask, set, mask;

    if (a[3] != 8)
        return -EINVAL;
    if (a[1]) {
        if (!memory_read(&set, a[1], 8))
            return -EFAULT;
        switch ((int)a[0]) {
        case SIG_BLOCK:
            mask = old | set;
            break;
        case SIG_UNBLOCK:
            mask = old & ~set;
            break;
        case SIG_SETMASK:
            mask = set;
            break;
        default:
            return -EINVAL;
        }
        int64_t ret = signals_change_mask(t, mask);

        if (ret)
            return ret;
    }
    if (a[2] && !memory_write(a[2], &old, 8))
        return -EFAULT;
    return 0;
}

int64_t sys_rt_sigpending(struct thread *t, const uint64_t a[6])
{
    uint64_t set = 0;

    if (a[1] > 8)
        return -EINVAL;
    host(rt_sigpending, &set, 8);
    for (size_t i = 0; i < ARRAY_LEN(t->deferred); i++)
        if (t->deferred[i].present)
            set |= SIGNAL_BIT(t->deferred[i].info.si_signo) & t->mask;
    return memory_write(a[0], &set, a[1]) ? 0 : -EFAULT;
}

int64_t sys_rt_sigsuspend(struct thread *t, const uint64_t a[6])
{
    const uint64_t *mask;
    uint64_t set;

    if (a[1] != 8)
        return -EINVAL;
    if (!a[0])
        return -EFAULT;
    int error = signal_temporary_mask(t, a[0], a[1], &set, &mask);

    if (error)
        return error;
    return sys_blocking(t, SYS_rt_sigsuspend, (uint64_t)mask, 8, 0, 0, 0, 0);
}

int64_t sys_rt_sigtimedwait(struct thread *t, const uint64_t a[6])
{
    uint64_t set;

    if (a[3] != 8)
        return -EINVAL;
    if (!memory_read(&set, a[0], 8))
        return -EFAULT;
    for (size_t i = 0; i < ARRAY_LEN(t->deferred); i++) {
        struct signal_record *r = &t->deferred[i];

        if (!r->present || !(set & SIGNAL_BIT(r->info.si_signo)))
            continue;
        if (a[1] && !memory_write(a[1], &r->info, sizeof(r->info)))
            return -EFAULT;
        r->present = 0;
        return r->info.si_signo;
    }
    return sys_blocking(t, SYS_rt_sigtimedwait, a[0], a[1], a[2], a[3], 0, 0);
}

int64_t sys_rt_sigqueueinfo(struct thread *t, const uint64_t a[6])
{
    return host(rt_sigqueueinfo, a[0], a[1], a[2]);
}

int64_t sys_rt_tgsigqueueinfo(struct thread *t, const uint64_t a[6])
{
    return host(rt_tgsigqueueinfo, a[0], a[1], a[2], a[3]);
}

int64_t sys_kill(struct thread *t, const uint64_t a[6])
{
    return host(kill, a[0], a[1]);
}

int64_t sys_tkill(struct thread *t, const uint64_t a[6])
{
    return host(tkill, a[0], a[1]);
}

int64_t sys_tgkill(struct thread *t, const uint64_t a[6])
{
    return host(tgkill, a[0], a[1], a[2]);
}

int64_t sys_pidfd_send_signal(struct thread *t, const uint64_t a[6])
{
    return host(pidfd_send_signal, a[0], a[1], a[2], a[3]);
}

/* True if the thread runs on its alternate stack. */
static bool on_stack(const struct thread *t)
{
    uint64_t sp = t->process->abi->sp_get(t->cpu);

    return !(t->altstack_flags & SS_AUTODISARM_BIT) && sp > t->altstack_sp &&
           sp - t->altstack_sp <= t->altstack_size;
}

/* Sets the alternate stack; also for rt_sigreturn. */
static int64_t set_stack(struct thread *t, const struct guest_stack *s)
{
    uint32_t mode = (uint32_t)s->flags & ~SS_AUTODISARM_BIT;

    if (on_stack(t))
        return -EPERM;
    if (mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0)
        return -EINVAL;
    if (mode == SS_DISABLE) {
        t->altstack_sp = t->altstack_size = 0;
    } else if (t->altstack_sp == s->sp && t->altstack_size == s->size &&
               t->altstack_flags == (uint32_t)s->flags) {
        return 0;
    } else if (s->size < t->process->abi->min_sigstack) {
        return -ENOMEM;
    } else {
        t->altstack_sp = s->sp;
        t->altstack_size = s->size;
    }
    t->altstack_flags = (uint32_t)s->flags;
    return 0;
}

int64_t sys_sigaltstack(struct thread *t, const uint64_t a[6])
{
    uint32_t state = !t->altstack_size ? SS_DISABLE : on_stack(t) ? SS_ONSTACK : 0;
    struct guest_stack new, old = {t->altstack_sp, 0, 0, t->altstack_size};

    old.flags = (int32_t)(state | (t->altstack_flags & SS_AUTODISARM_BIT));
    if (a[0]) {
        if (!memory_read(&new, a[0], sizeof(new)))
            return -EFAULT;
        int64_t error = set_stack(t, &new);

        if (error)
            return error;
    }
    if (a[1] && !memory_write(a[1], &old, sizeof(old)))
        return -EFAULT;
    return 0;
}

int64_t sys_rt_sigreturn(struct thread *t, const uint64_t a[6])
{
    const struct abi *abi = t->process->abi;
    struct guest_stack stack;
    stack_t s;
    uint64_t mask;

    if (!abi->signal_mask(t, &mask))
        goto bad;
    int64_t ret = signals_change_mask(t, mask);

    if (ret)
        return ret;
    if (!abi->signal_return(t, &s))
        goto bad;
    stack = (struct guest_stack){(uint64_t)s.ss_sp, s.ss_flags, 0, s.ss_size};
    set_stack(t, &stack);
    return SYS_NO_RESULT;
bad:;
    uint64_t sp = abi->sp_get(t->cpu);
    struct memory_area area;
    bool mapped = memory_area_at(sp, &area) && area.start <= sp;

    signals_force(t, SIGSEGV, mapped ? SEGV_ACCERR : SEGV_MAPERR, sp);
    return SYS_NO_RESULT;
}
