/* Host machine code as text, by a helper program (demotic-disas, which has Capstone): Demotic itself links
 * no disassembler. */
#pragma once
#include "support/base.h"

/* `size` bytes at `code` into the log, one instruction a line; as bytes if there is no helper.  Starts
 * the helper at the first use.  One caller at a time. */
void disassemble_host(const uint8_t *code, size_t size);
