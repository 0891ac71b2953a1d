/* The system calls about signals: rt_sigaction and its family, sigaltstack, kill. */
#include "linux/hostcall.h"
#include "linux/signals.h"
#include "linux/x86.h"
#include "linux/sysrow.h"

#include <string.h>

#include "memory/memory.h"

/* struct sigaction of 64-bit Linux, as user space passes it to the kernel. */
struct guest_sigaction {
    uint64_t handler, flags, restorer, mask;
};
/* i386's, of rt_sigaction and of sigaction. */
struct sigaction32 {
    uint32_t handler, flags, restorer, mask[2];
};
struct old_sigaction32 {
    uint32_t handler, mask, flags, restorer;
};

/* struct sigaltstack. */
struct guest_stack {
    uint64_t sp;
    int32_t flags;
    uint32_t pad;
    uint64_t size;
};
struct stack32 {
    uint32_t sp;
    int32_t flags;
    uint32_t size;
};

static bool bits32(const struct thread *t)
{
    return t->process->abi->bits32;
}

static bool action_read(const struct thread *t, uint64_t at, struct guest_sigaction *out)
{
    struct sigaction32 a;

    if (!bits32(t))
        return memory_read(out, at, sizeof(*out));
    if (!memory_read(&a, at, sizeof(a)))
        return false;
    *out = (struct guest_sigaction){a.handler, a.flags, a.restorer, a.mask[0] | (uint64_t)a.mask[1] << 32};
    return true;
}

static bool action_write(const struct thread *t, uint64_t at, const struct guest_sigaction *a)
{
    const struct sigaction32 small = {
        (uint32_t)a->handler, (uint32_t)a->flags, (uint32_t)a->restorer, {(uint32_t)a->mask, (uint32_t)(a->mask >> 32)}};

    return bits32(t) ? memory_write(at, &small, sizeof(small)) : memory_write(at, a, sizeof(*a));
}

#define SS_AUTODISARM_BIT (1u << 31)
#define UNBLOCKABLE       (SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP))

/* new may be NULL. */
static int64_t change_action(struct thread *t, int sig, const struct guest_sigaction *new, struct guest_sigaction *old)
{
    struct process *p = t->process;

    if (sig < 1 || sig > SIGNAL_COUNT || (new && (sig == SIGKILL || sig == SIGSTOP)))
        return -EINVAL;
    pthread_mutex_lock(&p->lock);
    struct signal_action *action = &p->actions[sig - 1];

    *old = (struct guest_sigaction){action->handler, action->flags, action->restorer, action->mask};
    if (new) {
        *action =
            (struct signal_action){new->handler, new->flags, new->restorer, new->mask & ~UNBLOCKABLE};
        signals_install(p, sig);
    }
    pthread_mutex_unlock(&p->lock);
    return 0;
}

int64_t sys_rt_sigaction(struct thread *t, const uint64_t a[6])
{
    struct guest_sigaction new, old;

    if (a[3] != 8)
        return -EINVAL;
    if (a[1] && !action_read(t, a[1], &new))
        return -EFAULT;
    int64_t ret = change_action(t, (int)a[0], a[1] ? &new : NULL, &old);

    return !ret && a[2] && !action_write(t, a[2], &old) ? -EFAULT : ret;
}

int64_t sys_sigaction(struct thread *t, const uint64_t a[6])
{
    struct old_sigaction32 in;
    struct guest_sigaction new, old;

    if (a[1] && !memory_read(&in, a[1], sizeof(in)))
        return -EFAULT;
    if (a[1])
        new = (struct guest_sigaction){in.handler, in.flags, in.restorer, in.mask};
    int64_t ret = change_action(t, (int)a[0], a[1] ? &new : NULL, &old);
    const struct old_sigaction32 out = {(uint32_t)old.handler, (uint32_t)old.mask, (uint32_t)old.flags, (uint32_t)old.restorer};

    return !ret && a[2] && !memory_write(a[2], &out, sizeof(out)) ? -EFAULT : ret;
}

int64_t sys_signal(struct thread *t, const uint64_t a[6])
{
    const struct guest_sigaction new = {a[1], SA_RESETHAND | SA_NODEFER, 0, 0};
    struct guest_sigaction old;
    int64_t ret = change_action(t, (int)a[0], &new, &old);

    return ret ? ret : (int64_t)old.handler;
}

/* As `how` says, with `set`, of the signals in `known` (the others stay as they are). */
static int64_t change_mask(struct thread *t, int how, uint64_t set, uint64_t known)
{
    switch (how) {
    case SIG_BLOCK:
        return signals_change_mask(t, t->mask | set);
    case SIG_UNBLOCK:
        return signals_change_mask(t, t->mask & ~set);
    case SIG_SETMASK:
        return signals_change_mask(t, (t->mask & ~known) | set);
    default:
        return -EINVAL;
    }
}

int64_t sys_rt_sigprocmask(struct thread *t, const uint64_t a[6])
{
    uint64_t old = t->mask, set;

    if (a[3] != 8)
        return -EINVAL;
    if (a[1] && !memory_read(&set, a[1], 8))
        return -EFAULT;
    int64_t ret = a[1] ? change_mask(t, (int)a[0], set, ~0ull) : 0;

    return !ret && a[2] && !memory_write(a[2], &old, 8) ? -EFAULT : ret;
}

/* The old calls know 32 signals. */
#define OLD_SET 0xffffffffull

int64_t sys_sigprocmask(struct thread *t, const uint64_t a[6])
{
    uint32_t set, old = (uint32_t)t->mask;

    if (a[1] && !memory_read(&set, a[1], 4))
        return -EFAULT;
    int64_t ret = a[1] ? change_mask(t, (int)a[0], set, OLD_SET) : 0;

    return !ret && a[2] && !memory_write(a[2], &old, 4) ? -EFAULT : ret;
}

int64_t sys_sgetmask(struct thread *t, const uint64_t a[6])
{
    return (int64_t)(t->mask & OLD_SET);
}

int64_t sys_ssetmask(struct thread *t, const uint64_t a[6])
{
    uint32_t old = (uint32_t)t->mask;
    int64_t ret = signals_change_mask(t, (uint32_t)a[0]);

    return ret ? ret : old;
}

static uint64_t pending(const struct thread *t)
{
    uint64_t set = 0;

    host(rt_sigpending, &set, 8);
    for (size_t i = 0; i < ARRAY_LEN(t->deferred); i++)
        if (t->deferred[i].present)
            set |= SIGNAL_BIT(t->deferred[i].info.si_signo) & t->mask;
    return set;
}

int64_t sys_sigpending(struct thread *t, const uint64_t a[6])
{
    uint32_t set = (uint32_t)pending(t);

    return memory_write(a[0], &set, 4) ? 0 : -EFAULT;
}

int64_t sys_rt_sigpending(struct thread *t, const uint64_t a[6])
{
    if (a[1] > 8)
        return -EINVAL;
    uint64_t set = pending(t);

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

int64_t sys_sigsuspend(struct thread *t, const uint64_t a[6])
{
    uint64_t wanted = (uint32_t)a[2], set;
    const uint64_t *mask;
    int error = signal_temporary_mask(t, (uint64_t)&wanted, 8, &set, &mask);

    return error ? error : sys_blocking(t, SYS_rt_sigsuspend, (uint64_t)mask, 8, 0, 0, 0, 0);
}

static bool info_write(const struct thread *t, uint64_t at, const siginfo_t *info)
{
    uint32_t small[32];

    if (!bits32(t))
        return memory_write(at, info, sizeof(*info));
    siginfo_to_32(small, info);
    return memory_write(at, small, sizeof(small));
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
        if (a[1] && !info_write(t, a[1], &r->info))
            return -EFAULT;
        r->present = 0;
        return r->info.si_signo;
    }
    return sys_row_wait(t, a[0], a[1], a[2], a[3], 0, 0);
}

int64_t sys_rt_sigtimedwait_time64(struct thread *t, const uint64_t a[6])
{
    return sys_rt_sigtimedwait(t, a);
}

int64_t sys_rt_sigqueueinfo(struct thread *t, const uint64_t a[6])
{
    return sys_row_call(t, a[0], a[1], a[2], 0, 0, 0);
}

int64_t sys_rt_tgsigqueueinfo(struct thread *t, const uint64_t a[6])
{
    return sys_row_call(t, a[0], a[1], a[2], a[3], 0, 0);
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
    return sys_row_call(t, a[0], a[1], a[2], a[3], 0, 0);
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
    struct stack32 small;

    if (a[0]) {
        if (bits32(t) ? !memory_read(&small, a[0], sizeof(small)) : !memory_read(&new, a[0], sizeof(new)))
            return -EFAULT;
        if (bits32(t))
            new = (struct guest_stack){small.sp, small.flags, 0, small.size};
        int64_t error = set_stack(t, &new);

        if (error)
            return error;
    }
    small = (struct stack32){(uint32_t)old.sp, old.flags, (uint32_t)old.size};
    if (a[1] && (bits32(t) ? !memory_write(a[1], &small, sizeof(small)) : !memory_write(a[1], &old, sizeof(old))))
        return -EFAULT;
    return 0;
}

static int64_t frame_return(struct thread *t, bool rt)
{
    const struct abi *abi = t->process->abi;
    struct guest_stack stack;
    stack_t s;
    uint64_t mask;

    if (!abi->signal_mask(t, rt, &mask))
        goto bad;
    int64_t ret = signals_change_mask(t, mask);

    if (ret)
        return ret;
    if (!abi->signal_return(t, rt, &s))
        goto bad;
    if (!rt)
        return SYS_NO_RESULT;
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

int64_t sys_rt_sigreturn(struct thread *t, const uint64_t a[6])
{
    return frame_return(t, true);
}

int64_t sys_sigreturn(struct thread *t, const uint64_t a[6])
{
    return frame_return(t, false);
}
