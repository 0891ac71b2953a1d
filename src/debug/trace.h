/* --trace: every instruction a guest thread runs, and what it changed, as text.
 *
 *     @1 0000000000400078  add x0, x1, #0x4
 *     =1 x0=0000000000000005 nzcv=4000
 *
 * '@' and '=' are followed by the thread: 1 for the first to run, 2 for the next, …; in other processes "PID:1".
 * A '=' line says what the instruction above it of the same thread changed; one at the beginning of a thread
 * lists all slots that are not zero.  tools/tracediff compares two such files. */
#pragma once
#include "guest/guest.h"

/* Opens *file for traces, or the log for "-"; false with a message if it cannot be written.  *file becomes what
 * a program that this process executes is to open in its place ("+PID:PATH"), so that it appends. */
bool debug_trace_open(const char **file, const struct guest *guest);

/* Before each instruction: prints what the last one of this thread changed, then the one at PC.  The state is
 * exact; any thread. (process_start.on_step) */
void debug_trace_step(struct cpu *cpu);
