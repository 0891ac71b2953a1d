/* Engines and the guest's state in them. */
#include "subjects.h"
#include "memory/memory.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

struct subject subjects[4];
unsigned subject_count;
uint8_t *const subject_data = (uint8_t *)DATA_BASE;
static struct cpu *running;

static bool on_fault(int sig, void *info, void *context)
{
    return running && engine_fault(running, sig, info, context);
}

static void on_alarm(int sig)
{
    (void)sig;
    if (running)
        engine_interrupt(running);
}

static bool fetch(void *ctx, uint64_t addr, void *buf, size_t n)
{
    if (addr < CODE_BASE || addr + n > CODE_BASE + CODE_SIZE)
        return memory_fetch(ctx, addr, buf, n); /* where sequences change themselves */
    memcpy(buf, (const void *)addr, n);
    return true;
}

void subject_add(const char *name, const char *host, unsigned regions)
{
    struct engine_config config = {.guest = &guest_x86_64, .host = host_by_name(host), .cache_bytes = 8 << 20, .fetch = fetch, .regions = regions};
    struct subject *s = &subjects[subject_count];
    s->name = name;
    s->engine = config.host ? engine_create(&config) : NULL;
    s->cpu = s->engine ? engine_cpu_create(s->engine, NULL) : NULL;
    if (!s->cpu) {
        fprintf(stderr, "x86diff: no engine %s\n", name);
        exit(2);
    }
    subject_count++;
    for (unsigned i = 0; i < NATIVE_LDT_COUNT; i++)
        x86_ldt_set(i, 0x00cff3000000ffff | (native_ldt_bases[i] & 0xffffffull) << 16 | (uint64_t)(native_ldt_bases[i] >> 24) << 56);
    native_fault = on_fault;
    signal(SIGALRM, on_alarm);
}

void subjects_invalidate(uint64_t start, uint64_t size)
{
    for (unsigned i = 0; i < subject_count; i++) {
        engine_about_to_write(subjects[i].engine, start, size);
        engine_invalidate(subjects[i].engine, start, size);
    }
}

void subject_count_one(struct subject *s, bool mode64, bool good)
{
    (good ? s->passed : s->failed)[mode64]++;
}

unsigned long subjects_passed(void)
{
    unsigned long n = 0;
    for (unsigned i = 0; i < subject_count; i++)
        n += subjects[i].passed[0] + subjects[i].passed[1];
    return n;
}

unsigned long subjects_failed(void)
{
    unsigned long n = 0;
    for (unsigned i = 0; i < subject_count; i++)
        n += subjects[i].failed[0] + subjects[i].failed[1];
    return n;
}

static void state_in(struct cpu *cpu, const struct machine *m, bool mode64)
{
    struct x86_state *s = x86_state(cpu);
    memcpy(s->r, m->r, sizeof s->r);
    s->rip = m->rip;
    s->mode64 = mode64;
    x86_eflags_set(s, m->eflags);
    for (unsigned i = 0; i < 6; i++) {
        s->selector[i] = m->selector[i];
        s->base[i] = case_base(m, mode64, i);
    }
    s->top = m->fsw >> 11 & 7;
    s->fsw = m->fsw & ~0x3800u;
    s->fcw = m->fcw;
    s->tags = m->ftw;
    s->fop = m->fop;
    s->fip = s->fdp = s->fcs = s->fds = 0;
    for (unsigned i = 0; i < 16; i++) {
        memcpy(s->xmm[i], m->ymm[i], 16);
        memcpy(s->ymmh[i], m->ymm[i] + 16, 16);
    }
    for (unsigned i = 0; i < 8; i++)
        memcpy(s->st[(s->top + i) & 7], m->st[i], 16);
    x86_mxcsr_set(cpu, m->mxcsr);
    engine_state_changed(cpu);
}

static void state_out(struct cpu *cpu, struct machine *m)
{
    const struct x86_state *s = x86_state(cpu);
    memcpy(m->r, s->r, sizeof s->r);
    m->rip = s->rip;
    m->eflags = x86_eflags_get(s);
    m->fs_base = s->base[X86_FS];
    m->gs_base = s->base[X86_GS];
    for (unsigned i = 0; i < 6; i++)
        m->selector[i] = (uint16_t)s->selector[i];
    m->fsw = (uint16_t)(s->fsw | s->top << 11);
    m->fcw = (uint16_t)s->fcw;
    m->ftw = (uint8_t)s->tags;
    for (unsigned i = 0; i < 16; i++) {
        memcpy(m->ymm[i], s->xmm[i], 16);
        memcpy(m->ymm[i] + 16, s->ymmh[i], 16);
    }
    for (unsigned i = 0; i < 8; i++)
        memcpy(m->st[i], s->st[(s->top + i) & 7], 16);
    m->mxcsr = x86_mxcsr_get(cpu);
}

static void interrupt_soon(void)
{
    struct itimerval soon = {.it_value = {.tv_usec = 1 + (long)(case_random() >> 58)}};
    setitimer(ITIMER_REAL, &soon, NULL);
}

void subject_run(struct subject *s, const struct machine *m, bool mode64, bool interrupts, struct outcome *out)
{
    static const struct itimerval never;
    unsigned times = 0;
    memset(out, 0, sizeof *out);
    state_in(s->cpu, m, mode64);
    enum cpu_event event;
    running = s->cpu;
    if (interrupts)
        interrupt_soon();
    do {
        event = engine_run(s->cpu, 0);
        if (event == CPU_EVENT_INTERRUPT) { /* all of it goes through what a signal handler would see */
            struct machine seen;
            struct x86_state was = *x86_state(s->cpu);
            state_out(s->cpu, &seen);
            state_in(s->cpu, &seen, mode64);
            struct x86_state *now = x86_state(s->cpu); /* the last x87 instruction is not in `seen` */
            now->fop = was.fop;
            now->fip = was.fip;
            now->fdp = was.fdp;
            now->fcs = was.fcs;
            now->fds = was.fds;
            if (times++ < 12)
                interrupt_soon();
        }
    } while (event == CPU_EVENT_YIELD || event == CPU_EVENT_INTERRUPT);
    if (interrupts)
        setitimer(ITIMER_REAL, &never, NULL);
    running = NULL;
    state_out(s->cpu, &out->m);
    switch (event) {
    case CPU_EVENT_TRAP: out->vector = (uint16_t)s->cpu->exit_detail; break;
    case CPU_EVENT_UNDEFINED: out->vector = 6; break;
    case CPU_EVENT_ALIGN: out->vector = 13; break;
    case CPU_EVENT_FETCH:
        out->vector = 14;
        out->address = s->cpu->fault.address;
        break;
    case CPU_EVENT_FAULT:
        out->vector = 14;
        out->address = s->cpu->fault.address;
        out->write = s->cpu->fault.write;
        if ((uint64_t)((int64_t)(out->address << 16) >> 16) != out->address || out->address >> 47)
            out->vector = 13; /* not canonical, or the kernel's half, which natively is a page fault all the same */
        break;
    default: out->vector = 1000 + event;
    }
}
