/* Host system calls that a signal cannot slip past.
 *
 * The classic race: a signal is recorded by the host handler just after the run loop looked, and
 * just before the thread goes to sleep in the kernel.  Between blocking_check and the SYSCALL
 * instruction the handler moves the PC to the way out, so the call either sees the flag, or is
 * interrupted by the kernel.  A call the kernel restarts by itself has its PC at the SYSCALL
 * instruction too, and is left the same way. */
#include "linux/signals.h"
#include "linux/syscall.h"

#include <errno.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include "linux/hostcall.h"
#include "memory/memory.h"

#if !defined(__x86_64__)
#error "blocking_call is written for x86-64 hosts so far"
#endif

extern const char blocking_check[], blocking_end[], blocking_away[];
extern const char blocking_check32[], blocking_end32[], blocking_away32[];
/* The same by the host's 32-bit entry. */
int64_t blocking_call32(volatile uint32_t *flag, long nr, const uint64_t args[6]);

__asm__(".text\n"
        ".p2align 4\n"
        ".globl blocking_call, blocking_check, blocking_end, blocking_away\n"
        ".hidden blocking_call, blocking_check, blocking_end, blocking_away\n"
        "blocking_call:\n"
        "    mov %rdi, %r11\n"
        "    mov %rsi, %rax\n"
        "    mov %rdx, %rdi\n"
        "    mov %rcx, %rsi\n"
        "    mov %r8, %rdx\n"
        "    mov %r9, %r10\n"
        "    mov 8(%rsp), %r8\n"
        "    mov 16(%rsp), %r9\n"
        "blocking_check:\n"
        "    cmpl $0, (%r11)\n"
        "    jne blocking_away\n"
        "    syscall\n"
        "blocking_end:\n"
        "    ret\n"
        "blocking_away:\n"
        "    mov $-513, %rax\n"
        "    ret\n"
        ".p2align 4\n"
        ".globl blocking_call32, blocking_check32, blocking_end32, blocking_away32\n"
        ".hidden blocking_call32, blocking_check32, blocking_end32, blocking_away32\n"
        "blocking_call32:\n"
        "    push %rbx\n"
        "    push %rbp\n"
        "    mov %rdi, %r11\n"
        "    mov %rsi, %rax\n"
        "    mov %rdx, %r10\n"
        "    mov (%r10), %rbx\n"
        "    mov 8(%r10), %rcx\n"
        "    mov 16(%r10), %rdx\n"
        "    mov 24(%r10), %rsi\n"
        "    mov 32(%r10), %rdi\n"
        "    mov 40(%r10), %rbp\n"
        "blocking_check32:\n"
        "    cmpl $0, (%r11)\n"
        "    jne blocking_away32\n"
        "    int $0x80\n"
        "blocking_end32:\n"
        "    pop %rbp\n"
        "    pop %rbx\n"
        "    movslq %eax, %rax\n"
        "    ret\n"
        "blocking_away32:\n"
        "    pop %rbp\n"
        "    pop %rbx\n"
        "    mov $-513, %rax\n"
        "    ret\n");

void blocking_rewind(ucontext_t *uc)
{
    greg_t *pc = &uc->uc_mcontext.gregs[REG_RIP];

    if (*pc >= (greg_t)blocking_check && *pc < (greg_t)blocking_end)
        *pc = (greg_t)blocking_away;
    else if (*pc >= (greg_t)blocking_check32 && *pc < (greg_t)blocking_end32)
        *pc = (greg_t)blocking_away32;
}

bool blocking_interrupted(greg_t pc)
{
    return pc == (greg_t)blocking_end || pc == (greg_t)blocking_end32;
}

/* A call that ended because of one of the engine's own signals is made once more. */
static bool was_ticked(struct thread *t)
{
    bool ticked = t->ticked;

    t->ticked = 0;
    return ticked && !t->signal_pending;
}

/* True if the socket has the timeout that keeps the kernel from restarting. */
static bool has_timeout(uint64_t fd, int option)
{
    struct timeval tv = {0};
    socklen_t size = sizeof(tv);

    return !host(getsockopt, (int)fd, SOL_SOCKET, option, &tv, &size) && (tv.tv_sec || tv.tv_usec);
}

/* True if the kernel restarts an interrupted call of this kind after a handler with SA_RESTART. */
static bool restarts(long nr, uint64_t a0, uint64_t a1, uint64_t a3)
{
    switch (nr) {
    case SYS_poll:
    case SYS_ppoll:
    case SYS_select:
    case SYS_pselect6:
    case SYS_epoll_wait:
    case SYS_epoll_pwait:
    case SYS_epoll_pwait2:
    case SYS_nanosleep:
    case SYS_clock_nanosleep:
    case SYS_pause:
    case SYS_rt_sigsuspend:
    case SYS_rt_sigtimedwait:
    case SYS_msgrcv:
    case SYS_msgsnd:
    case SYS_semop:
    case SYS_semtimedop:
    case SYS_io_getevents:
    case SYS_io_pgetevents:
        return false;
    case SYS_futex: /* with a timeout it is restarted only where no handler runs */
        switch ((int)a1 & FUTEX_CMD_MASK) {
        case FUTEX_WAIT:
        case FUTEX_WAIT_BITSET:
            return !a3;
        }
        return true;
    case SYS_read:
    case SYS_readv:
    case SYS_recvfrom:
    case SYS_recvmsg:
    case SYS_recvmmsg:
    case SYS_accept:
    case SYS_accept4:
        return !has_timeout(a0, SO_RCVTIMEO);
    case SYS_write:
    case SYS_writev:
    case SYS_sendto:
    case SYS_sendmsg:
    case SYS_sendmmsg:
    case SYS_connect:
    case SYS_sendfile:
        return !has_timeout(a0, SO_SNDTIMEO);
    default:
        return true;
    }
}

int64_t sys_blocking(struct thread *t, long host_nr, uint64_t a0, uint64_t a1, uint64_t a2,
                     uint64_t a3, uint64_t a4, uint64_t a5)
{
    int64_t ret = blocking_call(&t->signal_pending, host_nr, a0, a1, a2, a3, a4, a5);

    if (LIKELY(ret != -EINTR))
        return ret;
    return was_ticked(t) || restarts(host_nr, a0, a1, a3) ? SYS_ERESTART : ret;
}

/* The x86-64 call that is restarted as i386's own call nr is; -1: one that always is. */
static long kin_of(long nr)
{
    switch (nr) {
    case 7: /* waitpid */
        return SYS_wait4;
    case 29:
        return SYS_pause;
    case 82:  /* select, old form */
    case 142: /* _newselect */
    case 413: /* pselect6_time64 */
        return SYS_select;
    case 414: /* ppoll_time64 */
        return SYS_ppoll;
    case 416: /* io_pgetevents_time64 */
        return SYS_io_pgetevents;
    case 407: /* clock_nanosleep_time64 */
        return SYS_clock_nanosleep;
    case 417: /* recvmmsg_time64 */
        return SYS_recvmmsg;
    case 420: /* semtimedop_time64 */
    case 117: /* ipc: what sleeps in it */
        return SYS_semtimedop;
    case 421: /* rt_sigtimedwait_time64 */
        return SYS_rt_sigtimedwait;
    case 422: /* futex_time64 */
        return SYS_futex;
    default:
        return -1;
    }
}

int64_t sys_blocking32(struct thread *t, long nr, long kin, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
                       uint64_t a5)
{
    const uint64_t args[6] = {a0, a1, a2, a3, a4, a5};
    int64_t ret = blocking_call32(&t->signal_pending, nr, args);

    if (LIKELY(ret != -EINTR))
        return ret;
    return was_ticked(t) || restarts(kin < 0 ? kin_of(nr) : kin, a0, a1, a3) ? SYS_ERESTART : ret;
}

uint64_t sys_low(struct thread *t, unsigned slot, const void *p, size_t n)
{
    if (!t->process->abi->bits32)
        return (uint64_t)p;
    assert(slot < 3 && n <= SYS_LOW_SLOT);
    if (!t->low) {
        int64_t at = memory_map(0, 3 * SYS_LOW_SLOT, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (at < 0)
            return 0; /* the call gives EFAULT */
        t->low = (void *)at;
    }
    return (uint64_t)memcpy((char *)t->low + slot * SYS_LOW_SLOT, p, n);
}

void sys_low_free(struct thread *t)
{
    if (t->low)
        munmap(t->low, 3 * SYS_LOW_SLOT);
    t->low = NULL;
}
