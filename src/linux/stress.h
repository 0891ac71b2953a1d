/* --random-signals. */
#pragma once
#include "linux/process.h"

/* Starts it if the configuration asks for it; host signals must be blocked. */
void stress_start(struct process *p);
/* t->stress was set. */
void stress_thread(struct thread *t);
