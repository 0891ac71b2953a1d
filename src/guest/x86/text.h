/* Disassembly, for dumps and traces. */
#pragma once
#include "guest/guest.h"

unsigned x86_disassemble(uint64_t pc, const uint8_t *bytes, size_t n, char *out, size_t size);
