/* Segments: the descriptor tables as Linux has them, loading a segment register, and the instructions that ask a descriptor.
 *
 * Known limitations: limits and rights are not enforced on accesses; CS takes Linux's own two code segments only, others can be asked about.
 * Manual: SDM vol. 3, chapters 3 and 5; vol. 2, LAR, LSL, VERR, VERW. */
#include "guest/x86/helpers.h"
#include "guest/x86/lift.h"
#include <sched.h>

#define TYPE_WRITABLE 2u /* of code: readable */
#define TYPE_CODE     8u
#define KERNEL_CPU    15u /* Linux's entry whose limit is the processor's number */

/* The local table, one for all threads of the process. */
static _Atomic uint64_t ldt[X86_LDT_ENTRIES];

/* Fields of a descriptor; a system segment or gate is none of ours. */
static unsigned type_of(uint64_t d) { return (unsigned)(d >> 40) & 15; }
static bool is_segment(uint64_t d) { return d >> 44 & 1; }
static bool is_present(uint64_t d) { return d >> 47 & 1; }
static uint32_t base_of(uint64_t d) { return (uint32_t)(d >> 16 & 0xffffff) | (uint32_t)(d >> 56) << 24; }
static bool is_readable(uint64_t d) { return !(type_of(d) & TYPE_CODE) || (type_of(d) & TYPE_WRITABLE); }
static bool is_writable(uint64_t d) { return !(type_of(d) & TYPE_CODE) && (type_of(d) & TYPE_WRITABLE); }

static uint32_t limit_of(uint64_t d)
{
    uint32_t limit = (uint32_t)(d & 0xffff) | (uint32_t)(d >> 32 & 0xf0000);
    return d >> 55 & 1 ? limit << 12 | 0xfff : limit;
}

/* What user mode may ask and load, 0 for all else: Linux's flat segments, the thread's own, the local table. All are of ring 3, so
 * that a selector's own ring never excludes one. */
static uint64_t descriptor_of(const struct x86_state *s, unsigned selector)
{
    unsigned entry = selector >> 3;
    if (selector & 4)
        return ldt[entry];
    switch (entry) {
    case 4: return 0x00cffb000000ffff; /* code of 32 bits */
    case 5: return 0x00cff3000000ffff; /* data */
    case 6: return 0x00affb000000ffff; /* code of 64 bits */
    case KERNEL_CPU: {
        unsigned cpu = 0, node = 0;
        getcpu(&cpu, &node);
        return 0x0040f50000000000 | (cpu & 0xfff) | (uint64_t)(node & 15) << 12 | (uint64_t)(node >> 4 & 15) << 48;
    }
    default: return entry - X86_TLS_FIRST < ARRAY_LEN(s->tls) ? s->tls[entry - X86_TLS_FIRST] : 0;
    }
}

/* The exception of loading a selector, 0 for none. */
static unsigned check(unsigned segment, unsigned selector, uint64_t d)
{
    if (selector < 4)
        return segment == X86_SS ? X86_VECTOR_GP : 0;
    if (!is_segment(d) || !is_readable(d))
        return X86_VECTOR_GP;
    if (segment == X86_SS && (!is_writable(d) || (selector & 3) != 3))
        return X86_VECTOR_GP;
    if (!is_present(d))
        return segment == X86_SS ? X86_VECTOR_SS : X86_VECTOR_NP;
    return 0;
}

void x86_helper_segment(struct cpu *cpu, uint64_t arg)
{
    struct x86_state *s = x86_state(cpu);
    unsigned segment = (unsigned)(arg >> 16), selector = (unsigned)arg & 0xffff;
    uint64_t d = descriptor_of(s, selector);
    s->status = check(segment, selector, d);
    if (s->status) {
        s->status = X86_EXCEPTION(s->status, selector & ~3u);
        return;
    }
    s->selector[segment] = selector;
    s->base[segment] = selector < 4 ? 0 : base_of(d);
}

void x86_helper_check_cs(struct cpu *cpu, uint64_t selector)
{
    bool good = selector == 0x23 || selector == 0x33;
    x86_state(cpu)->status = good ? 0 : X86_EXCEPTION(X86_VECTOR_GP, selector & ~3u);
}

void x86_helper_load_cs(struct cpu *cpu, uint64_t selector)
{
    struct x86_state *s = x86_state(cpu);
    s->selector[X86_CS] = (uint32_t)selector;
    s->mode64 = selector == 0x33;
    for (unsigned i = 0; i < 8 && !s->mode64; i++)
        s->r[i] = (uint32_t)s->r[i];
}

void x86_helper_rights(struct cpu *cpu, uint64_t arg)
{
    struct x86_state *s = x86_state(cpu);
    enum x86_rights what = (enum x86_rights)(arg >> 16 & 15);
    unsigned selector = (unsigned)arg & 0xffff, size = (unsigned)(arg >> 24) & 15;
    uint64_t *r = &s->r[arg >> 20 & 15], d = selector < 4 ? 0 : descriptor_of(s, selector);
    bool good = is_segment(d);
    if (what == X86_VERR || what == X86_VERW) {
        good = good && (what == X86_VERR ? is_readable(d) : is_writable(d));
    } else if (good) {
        uint32_t v = what == X86_LAR ? (uint32_t)(d >> 32) & 0xffff00 : limit_of(d);
        *r = size == 2 ? (*r & ~0xffffull) | (v & 0xffff) : v;
    }
    s->flags = (s->flags & ~IR_FLAG_Z) | (good ? IR_FLAG_Z : 0);
}

void x86_ldt_set(unsigned entry, uint64_t descriptor)
{
    ldt[entry] = descriptor;
}

uint64_t x86_ldt_get(unsigned entry)
{
    return ldt[entry];
}

bool x86_tls_set(struct x86_state *s, unsigned entry, uint64_t descriptor)
{
    if (entry - X86_TLS_FIRST >= ARRAY_LEN(s->tls))
        return false;
    s->tls[entry - X86_TLS_FIRST] = descriptor;
    return true;
}

bool x86_segment_load(struct cpu *cpu, unsigned segment, unsigned selector)
{
    struct x86_state *s = x86_state(cpu);
    uint32_t status = s->status;
    x86_helper_segment(cpu, segment << 16 | (selector & 0xffff));
    bool good = !s->status;
    s->status = status;
    return good;
}
