/* Prints engine/stats.h's counters, one a line, and what follows from them.  Time in guest code and in the
 * kernel is the process's user and system time, less the translator's. */
#include "debug/stats.h"
#include "engine/engine.h"
#include "support/log.h"
#include <sys/resource.h>
#include <unistd.h>

/* Thousandths, because the log prints no floating point. */
static void print_ratio(const char *name, uint64_t a, uint64_t b)
{
    if (b != 0)
        log_raw("  %14llu.%03llu  %s\n", (unsigned long long)(a / b), (unsigned long long)(a % b * 1000 / b), name);
}

static void print_seconds(const char *name, uint64_t us)
{
    log_raw("  %11llu.%06llu  %s\n", (unsigned long long)(us / 1000000), (unsigned long long)(us % 1000000), name);
}

static uint64_t microseconds(struct timeval t)
{
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_usec;
}

void debug_stats_print(struct engine *e)
{
    static const char *const names[] = {
#define X(name, doc) doc,
        ENGINE_STATS(X)
#undef X
    };
    uint64_t stat[ENGINE_STAT_COUNT];
    struct rusage usage;
    engine_stats(e, stat);
    log_raw("statistics of process %d:\n", (int)getpid());
    for (unsigned i = 0; i < ENGINE_STAT_COUNT; i++)
        if (i != ENGINE_STAT_TRANSLATE_NS)
            log_raw("  %18llu  %s\n", (unsigned long long)stat[i], names[i]);
    print_ratio("guest instructions a unit", stat[ENGINE_STAT_GUEST_INSNS], stat[ENGINE_STAT_UNITS]);
    print_ratio("host bytes a guest instruction", stat[ENGINE_STAT_HOST_BYTES], stat[ENGINE_STAT_GUEST_INSNS]);
    uint64_t translating = stat[ENGINE_STAT_TRANSLATE_NS] / 1000;
    print_seconds("seconds translating", translating);
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        uint64_t user = microseconds(usage.ru_utime);
        print_seconds("seconds of user time otherwise", user > translating ? user - translating : 0);
        print_seconds("seconds in the kernel", microseconds(usage.ru_stime));
    }
    if (engine_host(e)->report)
        engine_host(e)->report();
}
