/* One guest system call: the table that names each call's arguments, the handlers, --strace. */
#pragma once
#include "support/base.h"

struct thread;

/* A handler gets the raw arguments and returns a value or -errno, as the kernel does.  It must not
 * keep guest pointers, and reads guest memory only through memory/memory.h or by passing the
 * pointer to the host kernel (which reports EFAULT itself). */
typedef int64_t sys_fn(struct thread *t, const uint64_t a[6]);

/* Runs system call nr of the thread's guest ABI: converts, traces when --strace is on, dispatches.
 */
int64_t sys_dispatch(struct thread *t, uint64_t nr, const uint64_t a[6]);

/* Result of a handler that changed the whole state itself (rt_sigreturn, execve): registers are
 * left alone. */
#define SYS_NO_RESULT INT64_MIN
/* Interrupted before anything was done: restarted or EINTR according to SA_RESTART. */
#define SYS_ERESTART (-512)
/* Not even started: made again whatever the handler's flags. */
#define SYS_ERESTARTNOINTR (-513)

/* A blocking host system call made so that a guest signal is never lost: if one is pending for this
 * thread on entry, or comes before the kernel has started, returns SYS_ERESTARTNOINTR without
 * calling. Otherwise the kernel's result (-EINTR turns into SYS_ERESTART where the kernel would
 * restart). */
int64_t sys_blocking(struct thread *t, long host_nr, uint64_t a0, uint64_t a1, uint64_t a2,
                     uint64_t a3, uint64_t a4, uint64_t a5);
/* The same by the host's 32-bit entry: nr as i386 has it; kin: the x86-64 call that is restarted as this one is, or -1
 * if i386's alone. */
int64_t sys_blocking32(struct thread *t, long nr, long kin, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
                       uint64_t a5);

/* The host's call of the row that is being handled, in the guest's own ABI: for handlers that change an argument and leave
 * the rest to the host.  With a 32-bit guest every pointer must be below 4 GiB (sys_low). */
int64_t sys_row_call(struct thread *t, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5);
int64_t sys_row_wait(struct thread *t, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5);

/* Where the host's kernel can read n bytes of p for this guest's calls: p itself, or for a 32-bit guest a copy below 4 GiB that
 * holds until the next call with the same slot (0 to 2; SYS_LOW_SLOT bytes each).  0 if there is no memory. */
#define SYS_LOW_SLOT 4096u
uint64_t sys_low(struct thread *t, unsigned slot, const void *p, size_t n);
/* Gives that memory back. */
void sys_low_free(struct thread *t);
