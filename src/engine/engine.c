/* The engine's life: creation, cpus, the lock, invalidation. */
#include "engine/internal.h"
#include "support/log.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct engine *engine_create(const struct engine_config *config)
{
    struct engine *e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    e->config = *config;
    cpu_jumps_init();
    e->chaos = config->chaos_seed | 1;
    atomic_store(&e->epoch, 1);
    pthread_mutex_init(&e->lock, NULL);
    if (!cache_create(e)) {
        free(e);
        return NULL;
    }
    struct host_buffer stubs = {e->rw, engine_exec_delta(e), e->stub_size};
    if (!config->host->init(config->guest, &stubs)) {
        cache_destroy(e);
        free(e);
        return NULL;
    }
    e->stub_used = stubs.size;
    if (!regions_create(e)) {
        cache_destroy(e);
        free(e);
        return NULL;
    }
    disk_create(e);
    guard_create(e);
    return e;
}

bool engine_lock(struct engine *e, struct cpu *cpu)
{
    if (LIKELY(pthread_mutex_trylock(&e->lock) == 0))
        return false;
    if (cpu)
        atomic_store(&cpu->epoch, 0);
    pthread_mutex_lock(&e->lock);
    if (cpu)
        atomic_store(&cpu->epoch, atomic_load(&e->epoch));
    return true;
}

void engine_unlock(struct engine *e, struct cpu *cpu) { pthread_mutex_unlock(&e->lock); }

/* Threads that end are often followed by others. */
#define SPARE_MOST 4u

/* One that was used before, as good as new but for its guest state; or NULL. */
static struct cpu *cpu_reuse(struct engine *e)
{
    pthread_mutex_lock(&e->lock);
    struct cpu *cpu = e->spare;
    if (cpu) {
        e->spare = cpu->next;
        e->spare_count--;
    }
    pthread_mutex_unlock(&e->lock);
    if (!cpu)
        return NULL;
    struct arena *arena = cpu->arena;
    struct cpu_jump *jumps = cpu->own_jumps;
    uint64_t area[ARRAY_LEN(cpu->host_area)];
    void *stack = cpu->code_stack, *sp = cpu->code_sp;
    memcpy(area, cpu->host_area, sizeof area);
    memset((char *)cpu + CPU_STATE_SIZE, 0, sizeof *cpu - CPU_STATE_SIZE);
    memcpy(cpu->host_area, area, sizeof area);
    cpu->arena = arena;
    cpu->own_jumps = jumps;
    cpu->code_stack = stack;
    cpu->code_sp = sp;
    return cpu;
}

static struct cpu *cpu_map(void)
{
    size_t jumps = sizeof(struct cpu_jump) << CPU_JUMP_BITS;
    size_t size = align_up(sizeof(struct cpu), 64) + jumps;
    struct cpu *cpu = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (cpu == MAP_FAILED)
        return NULL;
    cpu->own_jumps = (struct cpu_jump *)(void *)((char *)cpu + align_up(sizeof(struct cpu), 64));
    cpu->own_jumps[0].pc = cpu_jump_none(0); /* of the others it is 0 */
    return cpu;
}

static void cpu_unmap(struct cpu *cpu)
{
    free(cpu->arena);
    munmap(cpu, align_up(sizeof(struct cpu), 64) + (sizeof(struct cpu_jump) << CPU_JUMP_BITS));
}

static struct cpu *cpu_new(struct engine *e, void *personality)
{
    struct cpu *cpu = cpu_reuse(e);
    if (!cpu) {
        cpu = cpu_map();
        if (!cpu)
            return NULL;
        cpu->arena = calloc(1, sizeof *cpu->arena);
        if (!cpu->arena || !e->config.host->cpu_init(cpu)) {
            cpu_unmap(cpu);
            return NULL;
        }
    }
    cpu->jumps = cpu->own_jumps;
    cpu->guest = e->config.guest;
    cpu->engine = e;
    cpu->unit_at = engine_unit_at;
    cpu->personality = personality;
    return cpu;
}

void engine_cpu_free(struct engine *e, struct cpu *cpu)
{
    e->config.host->cpu_exit(cpu);
    arena_free(cpu->arena);
    free(cpu->recording);
    cpu_unmap(cpu);
}

static void cpu_register(struct engine *e, struct cpu *cpu)
{
    engine_state_changed(cpu);
    pthread_mutex_lock(&e->lock);
    cache_before_threads(e);
    cpu->purge_seen = atomic_load(&e->purge);
    cpu->next = e->cpus;
    e->cpus = cpu;
    pthread_mutex_unlock(&e->lock);
}

struct cpu *engine_cpu_create(struct engine *e, void *personality)
{
    struct cpu *cpu = cpu_new(e, personality);
    if (!cpu)
        return NULL;
    e->config.guest->reset(cpu);
    cpu_register(e, cpu);
    return cpu;
}

struct cpu *engine_cpu_clone(const struct cpu *from, void *personality)
{
    struct cpu *cpu = cpu_new(from->engine, personality);
    if (!cpu)
        return NULL;
    memcpy(cpu->state, from->state, sizeof cpu->state);
    cpu->fp = from->fp;
    cpu_register(from->engine, cpu);
    return cpu;
}

/* Nobody knows it any more. */
static void cpu_keep(struct engine *e, struct cpu *cpu)
{
    engine_forget_jumps(cpu);
    arena_free(cpu->arena);
    free(cpu->recording);
    cpu->recording = NULL;
    if (e->config.host->cpu_rest)
        e->config.host->cpu_rest(cpu);
    pthread_mutex_lock(&e->lock);
    cpu->next = e->spare;
    e->spare = cpu;
    pthread_mutex_unlock(&e->lock);
}

void engine_cpu_destroy(struct cpu *cpu)
{
    struct engine *e = cpu->engine;
    region_tick_destroy(cpu);
    pthread_mutex_lock(&e->lock);
    struct cpu **p = &e->cpus;
    while (*p != cpu)
        p = &(*p)->next;
    *p = cpu->next;
    for (unsigned i = 0; i < ARRAY_LEN(e->stat); i++)
        e->stat[i] += cpu->stat[i];
    bool keep = e->spare_count < SPARE_MOST;
    e->spare_count += keep;
    pthread_mutex_unlock(&e->lock);
    if (keep)
        cpu_keep(e, cpu);
    else
        engine_cpu_free(e, cpu);
}

void engine_stats(struct engine *e, uint64_t out[ENGINE_STAT_COUNT])
{
    pthread_mutex_lock(&e->lock);
    for (unsigned i = 0; i < ENGINE_STAT_COUNT; i++)
        out[i] = e->stat[i];
    for (struct cpu *c = e->cpus; c; c = c->next)
        for (unsigned i = 0; i < ENGINE_STAT_COUNT; i++)
            out[i] += c->stat[i];
    out[ENGINE_STAT_REGION_NS] = region_work_spent(e);
    pthread_mutex_unlock(&e->lock);
}

void engine_sizes(struct engine *e, struct engine_sizes *out)
{
    *out = (struct engine_sizes){0};
    pthread_mutex_lock(&e->lock);
    for (unsigned i = 0; i < e->used_chunks; i++) {
        const struct chunk *c = &e->chunks[i];
        out->records += c->site_count * sizeof(struct site);
        for (uint32_t k = 0; k < c->count; k++) {
            const struct block *b = &c->blocks[k];
            const struct disk_source *s = c->sources[k];
            out->guest += b->guest_size;
            out->host += b->size;
            out->records += sizeof *b + block_tail(b->size, b->look_count, b->map_size) + b->range_count * sizeof(struct member);
            if (s)
                out->records += sizeof(void *) + sizeof *s + b->guest_size + s->reloc_count * sizeof(uint32_t) +
                                b->look_count * sizeof(struct disk_look);
        }
    }
    pthread_mutex_unlock(&e->lock);
}

void engine_save(struct engine *e, struct cpu *cpu)
{
    disk_save(e, cpu);
}

void engine_save_behind(struct engine *e)
{
    disk_save_behind(e);
}

const struct host *engine_host(const struct engine *e)
{
    return e->config.host;
}

void engine_note_change(struct engine *e, uint64_t start, uint64_t end)
{
    uint64_t n = atomic_load(&e->invalidations);
    e->changes[n % ENGINE_CHANGES].start = start;
    e->changes[n % ENGINE_CHANGES].end = end;
    atomic_store(&e->invalidations, n + 1);
}

bool engine_changed_since(const struct engine *e, uint64_t generation, const struct code_range *ranges, uint32_t count)
{
    uint64_t n = atomic_load(&e->invalidations);
    if (n - generation > ENGINE_CHANGES)
        return true;
    for (; generation < n; generation++)
        for (uint32_t i = 0; i < count; i++)
            if (ranges[i].pc < e->changes[generation % ENGINE_CHANGES].end &&
                ranges[i].pc + ranges[i].size > e->changes[generation % ENGINE_CHANGES].start)
                return true;
    return false;
}

void engine_invalidate(struct engine *e, uint64_t start, uint64_t size)
{
    if (!size)
        return;
    pthread_mutex_lock(&e->lock);
    engine_note_change(e, start, start + size);
    table_invalidate(e, NULL, start, start + size);
    pthread_mutex_unlock(&e->lock);
}
