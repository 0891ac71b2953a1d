/* What a guest may differ in from the processor, and nothing else. */
#include "guest/x86/lift.h"
#include "subjects.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

unsigned long compare_bit_17;

static uint32_t eflags_mask(const struct x86_row *row)
{
    uint32_t undefined = row->undefined;
    return 0x244dd5 & ~((undefined >> 8 & 0xd5) | (undefined & IR_FLAG_O ? 0x800 : 0));
}

static bool is_image(const struct x86_row *row)
{
    return row->lift == x86_lift_fxsave || row->lift == x86_lift_xsave || row->lift == x86_lift_x87_env;
}

/* FXSAVE's MXCSR_MASK: AMD's processors have a bit 17 more. */
static void forgive_mask(const struct x86_case *c, uint8_t *native_data)
{
    static const uint8_t amd[4] = {0xff, 0xff, 2, 0}, ours[4] = {0xff, 0xff, 0, 0};
    for (unsigned i = 0; is_image(c->row) && i + 4 <= DATA_SIZE; i++)
        if (!memcmp(native_data + i, amd, 4) && !memcmp(subject_data + i, ours, 4))
            memcpy(native_data + i, ours, 4);
}

/* Beyond the end of a segment with a base, whose limit we do not check. */
static bool beyond_limit(const struct x86_case *c, uint64_t address)
{
    for (unsigned i = 0; i < 6; i++)
        if ((uint32_t)(address - case_base(&c->m, false, i) + 1024) < 1024 + 64) /* or the operand goes on at the beginning */
            return true;
    return false;
}

/* A far CALL out of 64-bit mode: AMD's processors push with the 32 bits of RSP that are left, we with all. */
static bool leaves_with_high_stack(const struct x86_case *c, const struct outcome *n)
{
    return c->row->lift == x86_lift_far && c->row->arg == X86_FAR_CALL && c->mode64 && c->m.r[X86_RSP] >> 32 &&
           (n->m.selector[X86_CS] == 0x23 || (n->vector == 14 && n->address < 1ull << 32));
}

/* AMD's MXCSR has a bit 17 (misaligned SSE), which our CPUID does not offer: what sets it there is #GP with us, and has done nothing. */
static bool is_bit_17(const struct x86_case *c, const struct outcome *n, const struct outcome *g)
{
    return (n->m.mxcsr & 0x20000) && g->vector == 13 && g->m.mxcsr == c->m.mxcsr && g->m.rip == c->m.rip;
}

/* What the two differ in; NULL if in nothing. */
static const char *difference(const struct x86_case *c, const struct outcome *n, const uint8_t *native_data, const struct outcome *g)
{
    static char text[160];
    const uint8_t *data = subject_data;
    unsigned nv = n->vector == 12 ? 13 : n->vector;
    bool parts = c->row->lift == x86_lift_maskmov || c->row->lift == x86_lift_vmaskmov || c->row->lift == x86_lift_cvtph;
    bool wide = c->in.op[0].size >= 10 || parts;
    bool high = nv == 14 && n->address >> 47; /* a kernel address: which of them is not told */
    if (is_bit_17(c, n, g)) {
        compare_bit_17++;
        return NULL;
    }
    if (nv == 14 && g->vector == 13 && c->row->lift == x86_lift_far && (c->row->arg == X86_FAR_RET || c->row->arg == X86_FAR_IRET))
        return NULL; /* a return to another privilege reads its stack before it is refused */
    if (nv == 14 && g->vector >= 13 && g->vector <= 14 && is_image(c->row) && c->mode64 && c->in.addrsize == 4 && (uint32_t)n->address < 65536)
        return NULL; /* an image that goes over the end of 32-bit addresses, with the base of a segment */
    if (nv == 13 && n->vector != g->vector && g->vector == 14 && !g->address)
        return NULL;
    if (!c->mode64 && nv == 13 && g->vector == 14 && (g->address + 64 >= 1ull << 32 || beyond_limit(c, g->address)))
        return NULL; /* beyond the segment's limit, which we do not check */
    if (c->mode64 && nv == 13 && g->vector == 14 && g->address + 64 >= 1ull << 47)
        return NULL; /* the operand's end is not canonical */
    if (c->mode64 && nv == 14 && g->vector == 13 && wide && n->address < 1ull << 47 && g->address >= 1ull << 47 && g->address - n->address < 64)
        return NULL; /* likewise: done in parts, the upper first; the page below that end is nobody's */
    if (leaves_with_high_stack(c, n))
        return NULL;
    if (nv == 13 && g->vector == 1 && g->m.rip + (1ull << 47) >= 1ull << 48)
        return NULL;
    if (nv == 1 && c->row->lift == x86_lift_gather)
        return NULL; /* steps from element to element */
    if (nv == 13 && g->vector == 14 && g->address + (1ull << 47) >= 1ull << 48)
        return NULL; /* a branch to where there can be no code: the processor raises it before, we after */
    if (nv == 14 && (g->vector == 3 || g->vector == 1) && c->row->lift == x86_lift_maskmov)
        return NULL; /* bytes that are not stored may fault, or not */
    if (high && g->vector == 14)
        return NULL; /* its upper half wrapped */
    if (g->vector != (high ? 13 : nv)) {
        snprintf(text, sizeof text, "exception %u (%#llx), native %u (%#llx), rsp %#llx", g->vector, (unsigned long long)g->address, n->vector,
                 (unsigned long long)n->address, (unsigned long long)c->m.r[X86_RSP]);
        return text;
    }
    uint64_t apart = g->address - n->address + 1024;
    bool wraps = !c->mode64 || (c->in.addrsize == 4 && (c->row->attrs & X86_ATTR_x87)); /* vectors do not, in 64-bit mode */
    if (nv == 14 && wide && g->write == n->write && (wraps ? (uint32_t)apart : apart) <= 2048)
        return NULL; /* done in parts, the upper first */
    if (nv == 14 && n->write && g->write && !(g->address & 4095) && g->address - n->address < 16)
        return NULL; /* read and written over a page's end, where neither is allowed: which of the two comes first */
    if (nv == 14 && !high && (n->address != g->address || n->write != g->write)) {
        snprintf(text, sizeof text, "fault at %#llx%s, native %#llx%s", (unsigned long long)g->address, g->write ? " w" : "",
                 (unsigned long long)n->address, n->write ? " w" : "");
        return text;
    }
    uint64_t width = g->m.selector[X86_CS] == 0x33 ? ~0ull : 0xffffffff; /* upper halves are not kept in 32-bit mode */
    for (unsigned i = 0; i < (c->mode64 && width == ~0ull ? 16 : 8); i++)
        if ((n->m.r[i] ^ g->m.r[i]) & width) {
            snprintf(text, sizeof text, "r%u %#llx, native %#llx", i, (unsigned long long)g->m.r[i], (unsigned long long)n->m.r[i]);
            return text;
        }
    if (n->m.rip != g->m.rip) {
        snprintf(text, sizeof text, "rip %#llx, native %#llx", (unsigned long long)g->m.rip, (unsigned long long)n->m.rip);
        return text;
    }
    for (unsigned i = 0; i < 6; i++)
        if (n->m.selector[i] != (g->m.selector[i] < 4 ? 0 : g->m.selector[i])) { /* the kernel's IRET makes 1, 2, 3 nothing */
            snprintf(text, sizeof text, "segment register %u: %#x, native %#x", i, g->m.selector[i], n->m.selector[i]);
            return text;
        }
    if (n->m.fs_base != g->m.fs_base || n->m.gs_base != g->m.gs_base) {
        snprintf(text, sizeof text, "bases %#llx %#llx, native %#llx %#llx", (unsigned long long)g->m.fs_base, (unsigned long long)g->m.gs_base,
                 (unsigned long long)n->m.fs_base, (unsigned long long)n->m.gs_base);
        return text;
    }
    uint32_t mask = eflags_mask(c->row);
    if ((n->m.eflags ^ g->m.eflags) & mask) {
        snprintf(text, sizeof text, "eflags %#x, native %#x, before %#x", g->m.eflags & mask, n->m.eflags & mask, c->m.eflags & mask);
        return text;
    }
    for (unsigned i = 0; i < (c->mode64 ? 16 : 8); i++)
        if (memcmp(n->m.ymm[i], g->m.ymm[i], 32)) {
            const uint64_t *a = (const uint64_t *)(const void *)g->m.ymm[i], *b = (const uint64_t *)(const void *)n->m.ymm[i];
            snprintf(text, sizeof text, "ymm%u %016llx %016llx %016llx %016llx, native %016llx %016llx %016llx %016llx", i,
                     (unsigned long long)a[3], (unsigned long long)a[2], (unsigned long long)a[1], (unsigned long long)a[0],
                     (unsigned long long)b[3], (unsigned long long)b[2], (unsigned long long)b[1], (unsigned long long)b[0]);
            return text;
        }
    bool in_steps = c->row->lift == x86_lift_dp && (~c->m.mxcsr & 0x1f80); /* unmasked exceptions end it in the middle */
    if (n->m.mxcsr != g->m.mxcsr && !in_steps) {
        snprintf(text, sizeof text, "mxcsr %#x, native %#x", g->m.mxcsr, n->m.mxcsr);
        return text;
    }
    if (c->row->attrs & (X86_ATTR_mmx | X86_ATTR_x87)) {
        for (unsigned i = 0; i < 8; i++)
            if (memcmp(n->m.st[i], g->m.st[i], 10)) {
                const uint64_t *a = (const uint64_t *)(const void *)g->m.st[i], *b = (const uint64_t *)(const void *)n->m.st[i];
                snprintf(text, sizeof text, "st%u %04llx %016llx, native %04llx %016llx", i, (unsigned long long)a[1] & 0xffff,
                         (unsigned long long)a[0], (unsigned long long)b[1] & 0xffff, (unsigned long long)b[0]);
                return text;
            }
        if (n->m.fcw != g->m.fcw || n->m.fsw != g->m.fsw || n->m.ftw != g->m.ftw) {
            snprintf(text, sizeof text, "fcw %#x fsw %#x ftw %#x, native %#x %#x %#x, before %#x %#x %#x", g->m.fcw, g->m.fsw, g->m.ftw, n->m.fcw, n->m.fsw,
                     n->m.ftw, c->m.fcw, c->m.fsw, c->m.ftw);
            return text;
        }
    }
    if (memcmp(native_data, data, DATA_SIZE)) {
        unsigned i = 0;
        while (native_data[i] == data[i])
            i++;
        snprintf(text, sizeof text, "memory at %#llx: %02x, native %02x, before %02x", (unsigned long long)(DATA_BASE + i), data[i],
                 native_data[i], c->data[i]);
        return text;
    }
    return NULL;
}

/* RCPPS and the like are right to 11 bits on every processor. */
static void forgive_estimates(const struct x86_case *c, struct outcome *n, const struct outcome *g)
{
    if (c->row->lift != x86_lift_festimate)
        return;
    for (unsigned i = 0; i < 16; i++)
        for (unsigned k = 0; k < 32; k += 4) {
            int32_t a, b;
            memcpy(&a, n->m.ymm[i] + k, 4);
            memcpy(&b, g->m.ymm[i] + k, 4);
            bool finite = (a & 0x7f800000) != 0x7f800000 && (b & 0x7f800000) != 0x7f800000;
            bool tiny = (a & 0x7fffffff) < 0x00900000 && (b & 0x7fffffff) < 0x00900000; /* flushed or not */
            if (finite && (a ^ b) >= 0 && (tiny || abs(a - b) <= 0x1800))
                memcpy(n->m.ymm[i] + k, &b, 4);
        }
}

/* The transcendental functions in software differ in the last bits, and outside their domain. */
static void forgive_functions(const struct subject *s, const struct x86_case *c, struct outcome *n, const struct outcome *g)
{
    static const unsigned exact = 1 << 4 | 1 << 5 | 1 << 6 | 1 << 9;
    if (engine_host(s->engine)->x87 || c->row->lift != x86_lift_x87_other || (exact >> c->row->arg & 1))
        return;
    memcpy(n->m.st, g->m.st, sizeof n->m.st);
    if (~c->m.fcw & 0x3f) { /* and so in what they raise */
        n->m.fsw = g->m.fsw;
        n->m.ftw = g->m.ftw;
    }
    n->m.fsw = (uint16_t)((n->m.fsw & ~0x23fu) | (g->m.fsw & 0x23f));
}

const char *compare(const struct subject *s, const struct x86_case *c, struct outcome *native, uint8_t *native_data, const struct outcome *guest)
{
    forgive_estimates(c, native, guest);
    forgive_mask(c, native_data);
    forgive_functions(s, c, native, guest);
    return difference(c, native, native_data, guest);
}
