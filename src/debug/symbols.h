/* Names of guest addresses, from the symbol tables of the mapped ELF files. */
#pragma once
#include "support/base.h"

/* Writes "symbol+0x10 [file]", or "file+0x1234" where no symbol covers the address, or the bare address where no file
 * is mapped; always NUL-terminated.  Reads a file's table at its first use and keeps it.  Opens files: for tools, not
 * for hot paths.  Not thread-safe: the caller has a lock. */
void symbols_name(uint64_t address, char *out, size_t size);
