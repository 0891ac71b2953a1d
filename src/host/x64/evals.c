/* How often generated code called the evaluator, by operation: what is worth a sequence of its own.
 * A call costs some hundred instructions, so that counting it does not show.  Counts of threads that
 * run at once may be lost now and then. */
#include "host/x64/x64.h"
#include "support/log.h"
#include <stdatomic.h>

#define KINDS 1024u /* a power of two */

static struct {
    _Atomic uint64_t desc; /* 0: free; operation 0, NOP, is never evaluated */
    _Atomic uint64_t count;
} kinds[KINDS];

void evals_count(uint64_t desc)
{
    desc &= 0xffffffffffull; /* not the floating-point environment */
    unsigned h = (unsigned)(desc * 0x9e3779b97f4a7c15ull >> 54);
    for (unsigned i = 0; i < 8; i++, h = (h + 1) % KINDS) {
        uint64_t there = atomic_load_explicit(&kinds[h].desc, memory_order_relaxed);
        if (there == 0 && atomic_compare_exchange_strong(&kinds[h].desc, &there, desc))
            there = desc;
        if (there == desc) {
            uint64_t n = atomic_load_explicit(&kinds[h].count, memory_order_relaxed);
            atomic_store_explicit(&kinds[h].count, n + 1, memory_order_relaxed);
            return;
        }
    }
}

static _Atomic uint64_t plain;

void evals_count_plain(void)
{
    atomic_fetch_add_explicit(&plain, 1, memory_order_relaxed);
}

void evals_report(void)
{
    uint64_t given_up = atomic_exchange(&plain, 0);
    if (given_up)
        log_raw("  %18llu  units given up and compiled plainly\n", (unsigned long long)given_up);
    for (unsigned n = 0; n < 20; n++) {
        unsigned best = 0;
        for (unsigned i = 1; i < KINDS; i++)
            if (kinds[i].count > kinds[best].count)
                best = i;
        uint64_t desc = kinds[best].desc, count = atomic_exchange(&kinds[best].count, 0);
        if (!count)
            return;
        log_raw("  %18llu  evaluated: %s.%s, lane %s, attr 0x%x, of %s\n",
                (unsigned long long)count, ir_op_info[desc & 0xff].name,
                ir_type_name((enum ir_type)(desc >> 8 & 0xff)),
                ir_type_name((enum ir_type)(desc >> 16 & 0xff)), (unsigned)(desc >> 24 & 0xff),
                ir_type_name((enum ir_type)(desc >> 32 & 0xff)));
    }
}
