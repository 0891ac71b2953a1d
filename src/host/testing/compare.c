/* Compares slots by their types (of a flags slot the six flags only), memory, and how the unit ended. */
#include "host/testing/compare.h"
#include "host/testing/walk.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct report {
    char *text;
    size_t size, used;
    bool differs;
};

static void PRINTF(2, 3) differ(struct report *r, const char *fmt, ...)
{
    va_list va;
    va_start(va, fmt);
    r->differs = true;
    if (r->used < r->size) {
        int n = vsnprintf(r->text + r->used, r->size - r->used, fmt, va);
        r->used += n > 0 ? (size_t)n : 0;
    }
    va_end(va);
}

void compare_prepare(struct harness *h, struct compare_input *in, struct random *r)
{
    static const uint64_t bad[] = {0, 0x10, 0x1000, 0x800000000000, 0x7fffffffff000000, 0xffff800000000000, 0xfffffffffffffff0,
                                   0x00ff000000001000};
    memset(in, 0, sizeof *in);
    for (unsigned i = 0; i < TEST_SLOT_COUNT; i++) {
        const struct ir_slot *s = &test_guest.slots[i];
        unsigned char *p = (unsigned char *)&in->state + s->offset;
        if (s->type == IR_FLAGS) {
            uint32_t v = (uint32_t)random_next(r) & IR_FLAG_ALL;
            memcpy(p, &v, 4);
        } else if (ir_type_is_float(s->type)) {
            uint64_t v = random_float(r, 8 * ir_type_size(s->type));
            memcpy(p, &v, ir_type_size(s->type));
        } else {
            random_bytes(r, p, ir_type_size(s->type));
        }
    }
    for (unsigned i = 0; i < TEST_MEMORY; i += 64)
        random_bytes(r, in->memory + i, 64);
    in->state.r[14] = (uint64_t)(uintptr_t)h->memory;
    in->state.r[15] = bad[random_below(r, ARRAY_LEN(bad))];
    in->fp_flags = random_chance(r, 70) ? 0 : (uint32_t)random_next(r) & 0x9f;
}

static void hex(char *out, const unsigned char *p, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        sprintf(out + 2 * i, "%02x", p[size - 1 - i]);
}

static void compare_slots(struct report *rep, const struct compare_input *in, const unsigned char *got, const unsigned char *want)
{
    for (unsigned i = 0; i < TEST_SLOT_COUNT; i++) {
        const struct ir_slot *s = &test_guest.slots[i];
        unsigned size = ir_type_size(s->type);
        if (memcmp(got + s->offset, want + s->offset, size) == 0)
            continue;
        if (s->type == IR_FLAGS) {
            uint32_t g, w;
            memcpy(&g, got + s->offset, 4);
            memcpy(&w, want + s->offset, 4);
            if (!((g ^ w) & IR_FLAG_ALL))
                continue;
        }
        char before[65], a[65], b[65];
        hex(before, (const unsigned char *)&in->state + s->offset, size);
        hex(a, got + s->offset, size);
        hex(b, want + s->offset, size);
        differ(rep, "  %-8s got %s\n       expected %s\n         before %s\n", s->name, a, b, before);
    }
}

static void compare_end(struct report *rep, struct harness *h, const struct ir_unit *u, const struct test_code *code,
                        const struct walk *w, unsigned faults)
{
    struct cpu *cpu = h->cpu;
    if ((w->end == WALK_FAULT) != (faults != 0)) {
        differ(rep, "  %s a fault at pc %#llx\n", faults ? "took" : "missed", (unsigned long long)w->pc);
        return;
    }
    if (w->end == WALK_FAULT) {
        if (cpu->fault.address != w->fault_address) {
            /* an access that begins inside and ends outside is reported where it begins to fail */
            uint64_t end = w->memory_base + w->memory_size;
            if (!(cpu->fault.address == end && w->fault_address < end && w->fault_address + 32 > end))
                differ(rep, "  fault address %#llx, expected %#llx\n", (unsigned long long)cpu->fault.address,
                       (unsigned long long)w->fault_address);
        }
        return;
    }
    uint32_t reason = w->end == WALK_EXIT ? w->exit_reason : IR_EXIT_NONE;
    if (cpu->exit_reason != reason)
        differ(rep, "  exit reason %#x, expected %#x\n", cpu->exit_reason, reason);
    if (w->end == WALK_EXIT && w->exit_detail != cpu->exit_detail)
        differ(rep, "  exit detail %#llx, expected %#llx\n", (unsigned long long)cpu->exit_detail,
               (unsigned long long)w->exit_detail);
    if (!w->direct) {
        if (cpu->exit_site != NULL && w->end == WALK_NEXT)
            differ(rep, "  a site to link for an indirect jump\n");
        return;
    }
    for (uint32_t i = 0; i < code->code.site_count; i++)
        if (code->exec + code->code.sites[i].offset == (const uint8_t *)cpu->exit_site) {
            if (code->code.sites[i].target != w->pc)
                differ(rep, "  the site's target is %#llx, expected %#llx\n", (unsigned long long)code->code.sites[i].target,
                       (unsigned long long)w->pc);
            return;
        }
    differ(rep, "  exit_site is none of the unit's\n");
}

bool compare_run(struct harness *h, const struct ir_unit *u, const struct test_code *code,
                 const struct compare_input *in, char *text, size_t size)
{
    static _Alignas(64) unsigned char want_state[CPU_STATE_SIZE];
    static unsigned char want_memory[TEST_MEMORY];
    struct report rep = {.text = text, .size = size};
    struct cpu *cpu = h->cpu;

    memset(cpu->state, 0, CPU_STATE_SIZE);
    memcpy(cpu->state, &in->state, sizeof in->state);
    memcpy(h->memory, in->memory, TEST_MEMORY);
    cpu->pending = 0;
    cpu_restore_jumps(cpu);
    cpu->budget[CPU_BUDGET_BACKWARD] = cpu->budget[CPU_BUDGET_OTHER] = 1000;
    cpu->fp = (struct fp_status){.env = u->fp, .flags = in->fp_flags};
    memcpy(want_state, cpu->state, CPU_STATE_SIZE);
    memcpy(want_memory, in->memory, TEST_MEMORY);
    struct walk w = {.state = want_state, .fp.flags = in->fp_flags, .memory = want_memory, .guest = &test_guest,
                     .memory_base = (uint64_t)(uintptr_t)h->memory, .memory_size = TEST_MEMORY, .max_steps = 100000};
    walk_unit(&w, u);
    if (w.end == WALK_ENDLESS)
        return true;

    unsigned faults = h->faults;
    harness_run(h, code->entry);
    struct test_state *want = (struct test_state *)(void *)want_state;
    want->pc = w.pc;
    if (in->flags_dead && w.direct && w.end == WALK_NEXT && in->flags_dead(NULL, w.pc))
        want->flags = ((struct test_state *)(void *)cpu->state)->flags;
    compare_slots(&rep, in, cpu->state, want_state);
    for (unsigned i = 0; i < TEST_MEMORY; i++)
        if (h->memory[i] != want_memory[i])
            differ(&rep, "  memory+%#x got %02x expected %02x before %02x\n", i, h->memory[i], want_memory[i], in->memory[i]);
    compare_end(&rep, h, u, code, &w, h->faults - faults);
    return !rep.differs;
}
