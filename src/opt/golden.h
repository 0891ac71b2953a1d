/* Tests written as text.  A file holds cases:
 *
 *     == title: pass, pass
 *     input
 *     --
 *     what is expected
 *
 * Passes are parse (none), fold, state, fuse, dead, run (all), and verify, whose output is "ok" or
 * the message.  After every pass the unit must verify.  A line "; flags dead at 0x1000" in the
 * input says that of a guest PC.  With BLESS=1 in the environment the file is rewritten with what
 * comes out. */
#pragma once
#include "support/base.h"

/* Runs all cases of the file; the number of failures, which are printed. */
unsigned golden_run(const char *path, unsigned *cases);
