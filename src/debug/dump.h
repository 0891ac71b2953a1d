/* --dump: what becomes of each unit, as text in the log. */
#pragma once
#include "guest/guest.h"
#include "host/host.h"

struct debug_dump;

/* spec: "ir", "opt", "asm", "perf" (names for perf, in /tmp/perf-PID.map), "counts" (counts.h) in any combination, comma-separated, then
 * "=ADDR" (hexadecimal with 0x, or decimal) for only the units that cover guest address ADDR.  NULL with a message in the log if it is
 * none.  Lives until the process ends. */
struct debug_dump *debug_dump_open(const char *spec, const struct guest *guest, const struct host *host);

/* engine_config.on_unit; ctx is the struct debug_dump. Any thread. */
void debug_dump_unit(void *ctx, int stage, struct ir_unit *u, const void *code, size_t size);

/* Before the process ends: what is only known then. */
void debug_dump_end(struct debug_dump *d);

/* Guest instructions [pc, pc + size), one a line, into the log. */
void debug_dump_guest(const struct guest *guest, uint64_t pc, uint64_t size);
