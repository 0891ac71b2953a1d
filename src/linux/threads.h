/* Guest threads: made, run, ended. */
#pragma once
#include "linux/process.h"

void thread_set_current(struct thread *t);
/* A thread record in the process's list, without a cpu; NULL when out of memory. */
struct thread *thread_create(struct process *p);
/* Out of the list, its cpu destroyed, freed. */
void thread_destroy(struct thread *t);
/* Runs guest code until the thread ends (t->exiting). */
void thread_run(struct thread *t);
/* Ends the calling guest thread as the kernel does at exit: robust futexes, clear_child_tid. The
 * record stays. */
void thread_end(struct thread *t);
/* A detached host thread with all signals blocked, which must be so for the caller too. An error
 * number. */
int thread_create_host(pthread_t *id, void *(*fn)(void *), void *arg);
/* The same for a thread that the guest does not know of; the caller's signals need not be blocked. */
int thread_create_behind(void *(*fn)(void *), void *arg);
/* Ends the process now. */
void process_exit(struct process *p, int status) __attribute__((noreturn));
