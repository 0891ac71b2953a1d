/* Signals between the host handler, the run loop and the system calls; see signals.c. */
#pragma once
#include "linux/process.h"
#include <ucontext.h>

#define SIGNALS_ALTSTACK (64u << 10) /* bytes of thread.host_altstack */

/* Takes the host's dispositions as the guest's first ones, and installs the handlers that faults
 * need. All asynchronous signals must be blocked. */
void signals_start(struct process *p);
/* For every host thread that runs a guest: its stack for handlers. False when out of memory. */
bool signals_thread_start(struct thread *t);
void signals_thread_end(struct thread *t);

/* Delivers whatever is recorded and not blocked, and settles an interrupted system call
 * (t->restart). In the run loop only. */
void signals_deliver(struct thread *t);
/* The guest's instruction raised `sig`: its handler, or the end. */
void signals_force(struct thread *t, int sig, int code, uint64_t address);
/* Ends the process as an unhandled `sig` does. */
void signals_die(int sig) __attribute__((noreturn));

/* Blocks all on the host but the synchronous ones; the guest's mask stays. */
void signals_block(void);
/* Makes the host's mask the guest's again, unless a recorded signal forbids it. */
void signals_unblock(struct thread *t);
/* Changes the guest's mask and the host's with it, for system calls: SYS_ERESTARTNOINTR if a signal came first,
 * else 0. */
int64_t signals_change_mask(struct thread *t, uint64_t mask);
/* The host's disposition for what p->actions has. */
void signals_install(const struct process *p, int sig);
/* In a process that runs in its parent's memory: a signal that would end it must find it between two instructions
 * of the guest, not with a lock that its parent needs. */
void signals_guard_parent(struct process *p);
/* Every handler becomes the default (CLONE_CLEAR_SIGHAND); in the new process. */
void signals_clear(struct process *p);
/* Before and after an execve that failed: ignored synchronous signals must be so on the host. */
void signals_exec_prepare(struct thread *t);
void signals_exec_failed(struct thread *t);
/* A process-directed signal recorded by a thread that ends goes back to the process. */
void signals_give_back(struct thread *t);

/* The host system call nr unless *flag is nonzero when it would start: then SYS_ERESTARTNOINTR. A
 * handler that calls blocking_rewind makes this exact. */
int64_t blocking_call(volatile uint32_t *flag, long nr, uint64_t a0, uint64_t a1, uint64_t a2,
                      uint64_t a3, uint64_t a4, uint64_t a5);
void blocking_rewind(ucontext_t *uc);
/* pc is where such a call comes back to. */
bool blocking_interrupted(greg_t pc);
