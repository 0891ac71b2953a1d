/* Prints engine/stats.h's counters, one a line, and what follows from them.  Time in guest code and in the
 * kernel is the process's user and system time, less the translator's. */
#include "debug/stats.h"
#include "engine/engine.h"
#include "memory/memory.h"
#include "support/log.h"
#include <sys/mman.h>
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

/* Of files that are mapped executable: the code there is, run or not. */
static uint64_t code_mapped(void)
{
    struct memory_area area;
    uint64_t sum = 0;
    for (uint64_t at = 0; memory_area_at(at, &area); at = area.end)
        if ((area.prot & PROT_EXEC) && area.inode)
            sum += area.end - area.start;
    return sum;
}

static void print_sizes(struct engine *e)
{
    struct engine_sizes sizes;
    engine_sizes(e, &sizes);
    log_raw("  %18llu  bytes of code in the guest's files\n", (unsigned long long)code_mapped());
    log_raw("  %18llu  bytes of guest code that units in memory are made from\n", (unsigned long long)sizes.guest);
    log_raw("  %18llu  bytes of their host code\n", (unsigned long long)sizes.host);
    log_raw("  %18llu  bytes of records of them\n", (unsigned long long)sizes.records);
    print_ratio("expansion: host bytes a guest byte", sizes.host, sizes.guest);
    print_ratio("bytes of records a guest byte", sizes.records, sizes.guest);
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
    print_sizes(e);
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
