/* Which forms of each row were compared, of those that the decoder takes. */
#pragma once
#include "cases.h"

/* One encoding of the row was run. */
void coverage_note(const struct x86_case *c);
/* Prints each row and mode that can be compared and was not, or not in all its forms; returns how many.  Then what cannot be, and why. */
unsigned coverage_report(unsigned mode, bool all);
