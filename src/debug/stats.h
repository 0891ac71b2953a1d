/* --stats: the engine's counters, in the log. */
#pragma once

struct engine;
void debug_stats_print(struct engine *e);
