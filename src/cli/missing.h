/* Which DLLs a Windows program lacks, and where they come from. */
#pragma once
#include "cli/windows.h"

/* Looks for the libraries of the program (host path), and of those found beside it, as Windows does, and names on the log those that are
 * not there or are for another processor.  Says nothing if all are. */
void missing_report(const struct wine *w, const char *program);
