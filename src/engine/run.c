/* The run loop: from translation to translation, and out of it when something concerns the caller; faults. */
#include "engine/internal.h"
#include <signal.h>
#include <string.h>
#include <ucontext.h>

static uint64_t *pc_of(struct cpu *cpu)
{
    return &CPU_SLOT(cpu, uint64_t, &cpu->guest->slots[cpu->guest->pc_slot]);
}

void engine_forget_jumps(struct cpu *cpu)
{
    if (cpu->jump_count <= CPU_JUMPS_NOTED)
        for (unsigned i = 0; i < cpu->jump_count; i++)
            cpu->own_jumps[cpu->jump_list[i]].pc = cpu_jump_none(cpu->jump_list[i]);
    else
        for (unsigned i = 0; i < 1u << CPU_JUMP_BITS; i++)
            cpu->own_jumps[i].pc = cpu_jump_none(i);
    cpu->jump_count = 0;
    cpu->engine->config.host->forget_returns(cpu);
}

void engine_state_changed(struct cpu *cpu)
{
    cpu->mode = cpu->guest->mode(cpu);
    cpu->guest->fp_env(cpu->mode, &cpu->fp.env);
    engine_forget_jumps(cpu);
}

void engine_tick(struct cpu *cpu)
{
    cpu_set_pending(cpu, CPU_PENDING_SAMPLE);
}

void engine_interrupt(struct cpu *cpu)
{
    cpu_set_pending(cpu, CPU_PENDING_INTERRUPT);
}

bool engine_unit_at(const struct cpu *cpu, const void *code, struct host_unit *out)
{
    const struct block *b = cache_block_at(cpu->engine, code);
    if (b)
        *out = (struct host_unit){b->code, b->size, block_map(b), b->map_size, b->pc};
    return b != NULL;
}

bool engine_fault(struct cpu *cpu, int signal, void *siginfo, void *ucontext)
{
    if (!cpu || !cpu->running)
        return false;
    const siginfo_t *si = siginfo;
    const ucontext_t *uc = ucontext;
    const struct engine *e = cpu->engine;
    cpu->fault = (struct cpu_fault){.signal = signal, .code = si->si_code, .address = (uint64_t)(uintptr_t)si->si_addr};
    const void *pc = NULL;
#if defined(__x86_64__)
    pc = (const void *)uc->uc_mcontext.gregs[REG_RIP];
    cpu->fault.write = uc->uc_mcontext.gregs[REG_ERR] & 2;
#endif
    struct host_unit hu;
    if (!e->config.host->recover(cpu, engine_unit_at(cpu, pc, &hu) ? &hu : NULL, ucontext))
        return false;
    cpu->faulted = cpu->exit_reason != IR_EXIT_ALIGN;
    return true;
}

/* A pseudo-random stress: now and then a translation, or all, are thrown away. */
static void chaos(struct engine *e, struct cpu *cpu)
{
    engine_lock(e, cpu);
    e->chaos ^= e->chaos << 13;
    e->chaos ^= e->chaos >> 7;
    e->chaos ^= e->chaos << 17;
    uint64_t r = e->chaos;
    if (r % 4096 == 0) {
        table_invalidate(e, cpu, 0, ~0ull);
    } else if (r % 16 == 0) {
        uint64_t at = *pc_of(cpu) & ~0xfffull;
        table_invalidate(e, cpu, at, at + (r >> 20) % 4096 + 1);
    }
    engine_unlock(e, cpu);
}

/* Translations of the 64 bytes around `address` are stale: the guest says so. */
static void flush_line(struct engine *e, struct cpu *cpu, uint64_t address)
{
    engine_lock(e, cpu);
    engine_note_change(e, address & ~63ull, (address & ~63ull) + 64);
    table_invalidate(e, cpu, address & ~63ull, (address & ~63ull) + 64);
    engine_unlock(e, cpu);
}

/* Code memory was given up: jump tables and return addresses may lead there. */
static void note_purge(struct engine *e, struct cpu *cpu)
{
    uint64_t purge = atomic_load(&e->purge);
    if (UNLIKELY(purge != cpu->purge_seen)) {
        cpu->purge_seen = purge;
        engine_forget_jumps(cpu);
    }
}

/* A quiescent point: no pointer to a translation is held here. */
static void settle(struct engine *e, struct cpu *cpu)
{
    atomic_store(&cpu->epoch, atomic_load(&e->epoch));
    note_purge(e, cpu);
    cpu_restore_jumps(cpu);
    if (UNLIKELY(cpu->pending & CPU_PENDING_ENGINE))
        __atomic_and_fetch(&cpu->pending, ~CPU_PENDING_ENGINE, __ATOMIC_SEQ_CST);
}

/* So that an indirect branch finds b without the engine. */
static void remember(struct cpu *cpu, struct block *b)
{
    unsigned index = cpu_jump_index(b->pc);
    struct cpu_jump *j = &cpu->own_jumps[index];
    if (cpu->jump_count < CPU_JUMPS_NOTED)
        cpu->jump_list[cpu->jump_count++] = (uint16_t)index;
    else
        cpu->jump_count = CPU_JUMPS_NOTED + 1;
    __atomic_store_n(&j->pc, cpu_jump_none(index), __ATOMIC_RELAXED);
    j->code = b->code + b->entry;
    __atomic_store_n(&j->pc, b->pc, __ATOMIC_SEQ_CST);
    /* Removed meanwhile, or replaced, by somebody who may have looked too early. */
    if (UNLIKELY(b->dead) || (cpu->engine->regions && table_find(cpu->engine, b->pc, b->mode) != b))
        __atomic_store_n(&j->pc, cpu_jump_none(index), __ATOMIC_SEQ_CST);
}

/* Links the exit at `site` to b, the translation of pc, and returns that: looked up again if it may have been evicted
 * or replaced meanwhile. */
static struct block *link_exit(struct engine *e, struct cpu *cpu, const void *site, struct block *b, uint64_t pc,
                               uint32_t mode)
{
    if (engine_lock(e, cpu) || e->regions)
        b = table_find(e, pc, mode);
    if (b)
        table_link(e, cpu, site, b);
    engine_unlock(e, cpu);
    return b;
}

static enum cpu_event leave(struct cpu *cpu, enum cpu_event event)
{
    if (UNLIKELY(cpu->recording != NULL))
        region_stop(cpu->engine, cpu, event == CPU_EVENT_SYSCALL);
    atomic_store(&cpu->epoch, 0);
    return event;
}

/* What an exit asks for: true if the caller of engine_run has to know (*event), false to go on. */
static bool concerns_caller(struct engine *e, struct cpu *cpu, uint32_t mode, enum cpu_event *event)
{
    if (cpu->faulted) {
        cpu->faulted = false;
        cpu->stat[ENGINE_STAT_FAULTS]++;
        if (cpu->fault.signal == SIGFPE) {
            *event = CPU_EVENT_TRAP;
            return true;
        }
        if (cpu->guest->retry_fault && cpu->guest->retry_fault(cpu, cpu->fault.address)) {
            engine_state_changed(cpu);
            return false;
        }
        *event = CPU_EVENT_FAULT;
        return true;
    }
    switch ((enum ir_exit)cpu->exit_reason) {
    case IR_EXIT_NONE:
    case IR_EXIT_STEP:
        return false;
    case IR_EXIT_ICACHE:
        flush_line(e, cpu, cpu->exit_detail);
        return false;
    case IR_EXIT_STALE:
        guard_stale(e, cpu, *pc_of(cpu), mode);
        return false;
    case IR_EXIT_MODE_TO:
        *pc_of(cpu) = cpu->exit_detail;
        engine_state_changed(cpu);
        return false;
    case IR_EXIT_MODE:
        engine_state_changed(cpu);
        return false;
    case IR_EXIT_SYSCALL:
        cpu->stat[ENGINE_STAT_SYSCALLS]++;
        *event = CPU_EVENT_SYSCALL;
        return true;
    case IR_EXIT_BREAKPOINT:
        *event = CPU_EVENT_BREAKPOINT;
        return true;
    case IR_EXIT_UNDEFINED:
        *event = CPU_EVENT_UNDEFINED;
        return true;
    case IR_EXIT_ALIGN:
        *event = CPU_EVENT_ALIGN;
        return true;
    case IR_EXIT_YIELD:
        *event = CPU_EVENT_YIELD;
        return true;
    case IR_EXIT_TRAP:
        *event = CPU_EVENT_TRAP;
        return true;
    case IR_EXIT_FETCH: /* such units are not kept: translate.c */
        break;
    }
    UNREACHABLE();
}

/* The unit was left with its instruction done, not to be begun again. */
static bool was_executed(const struct cpu *cpu)
{
    return cpu->exit_reason != IR_EXIT_STALE;
}

enum cpu_event engine_run(struct cpu *cpu, uint64_t steps)
{
    struct engine *e = cpu->engine;
    const struct host *host = e->config.host;
    uint64_t *pc = pc_of(cpu);
    const void *site = NULL; /* the exit by which the last translation was left, to be linked */
    bool indirect = false;
    bool once = false; /* the next instruction wrote into protected code: it is run alone, before that is protected again */

    for (;;) {
        settle(e, cpu);
        if (UNLIKELY(!cpu->tick))
            region_tick_create(e, cpu);
        if (cpu->pending & CPU_PENDING_INTERRUPT) {
            __atomic_and_fetch(&cpu->pending, ~CPU_PENDING_INTERRUPT, __ATOMIC_SEQ_CST);
            return leave(cpu, CPU_EVENT_INTERRUPT);
        }
        if (UNLIKELY((cpu->budget[0] | cpu->budget[1]) < 0) && e->regions && !steps && !once)
            region_sample(e, cpu, *pc, cpu->mode);
        else if (UNLIKELY(e->regions && regions_wait(e)) && !steps && !once)
            region_visit(e, cpu, *pc, cpu->mode);
        if (UNLIKELY(e->config.chaos))
            chaos(e, cpu);
        bool traces = cpu->mode & GUEST_MODE_STEPS;
        uint32_t mode = cpu->mode | (steps || traces ? ENGINE_MODE_STEP : 0) | (once ? ENGINE_MODE_STEP | ENGINE_MODE_ONCE : 0);
        uint64_t start = *pc;
        struct block *b = translate(e, cpu, start, mode);
        if (!b)
            return leave(cpu, CPU_EVENT_FETCH);
        if (UNLIKELY(cpu->recording != NULL)) {
            b = region_note(e, cpu, b, site, start, mode);
            site = b ? NULL : site;
            if (!b) /* perhaps there is a region now */
                continue;
        } else if (site && !e->config.no_link && !(mode & ENGINE_MODE_STEP)) {
            b = link_exit(e, cpu, site, b, start, mode);
            site = NULL;
            if (!b)
                continue;
        } else if (indirect && !(mode & ENGINE_MODE_STEP)) {
            remember(cpu, b);
        }
        note_purge(e, cpu); /* translate may have evicted */
        cpu->exit_reason = IR_EXIT_NONE;
        cpu->exit_site = NULL;
        cpu->running = true;
        cpu->stat[ENGINE_STAT_ENTERS]++;
        host->enter(cpu, b->code + b->entry);
        cpu->running = false;
        if (cpu->exit_site)
            *pc = cache_site_target(e, cpu->exit_site);

        enum cpu_event event;
        if (UNLIKELY(once))
            guard_drop(e, cpu, b, start, mode);
        once = UNLIKELY(cpu->faulted) && guard_fault(e, cpu);
        if (UNLIKELY(once)) {
            cpu->faulted = false;
            site = NULL;
            indirect = false;
            continue;
        }
        bool stopped = concerns_caller(e, cpu, mode, &event);
        if (UNLIKELY(traces) && (stopped ? event == CPU_EVENT_YIELD : was_executed(cpu))) {
            cpu->exit_detail = cpu->guest->step_trap;
            return leave(cpu, CPU_EVENT_TRAP);
        }
        if (stopped)
            return leave(cpu, event);
        if (cpu->exit_reason == IR_EXIT_NONE) {
            site = cpu->exit_site;
            indirect = !site;
        } else {
            indirect = false;
        }
        if (steps && --steps == 0)
            return leave(cpu, CPU_EVENT_STEP);
    }
}
