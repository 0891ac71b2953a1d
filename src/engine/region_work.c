/* Who makes regions, and what that may cost.
 *
 * Paths are noted by guest threads (region.c); to lift, optimise and compile them is the work of one thread of the process
 * that is made when there is something to do, ends a while after, and of which the guest is to see nothing: all its signals
 * are blocked, and engine_alone() ends it before whatever depends on how many threads a process has.  With one processor, or
 * if no thread can be had, the thread that noted the last path does it.
 *
 * Nothing of it needs the lock but the end, at which the code is copied into the cache and entered.  What may have happened
 * meanwhile: the guest's code was declared changed (the engine keeps a list of the last changes; a region made from any of
 * them is dropped), or is no longer there (it cannot be read, then); another thread was faster.
 *
 * *The budget.*  A program that ends soon gains nothing by regions.  So all that is spent on them, by whatever thread, is
 * bounded to a part of the processor time that the process has used, and nothing is spent in its first moments.  At the
 * bound no further paths are noted.
 *
 * Known limitation: another process that looks at /proc/PID/task may see the thread. */
#include "engine/region.h"
#include "support/log.h"
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define QUEUE      32u
#define ROOM       (64u << 10)  /* bytes of host code to begin with */
#define ROOM_MOST  (512u << 10)
#define MS         1000000u     /* in nanoseconds */
#define FIRST_NS   (30u * MS)   /* of processor time, in which there are no regions */
#define PART       32u          /* one part in so many of the time after that is spent on them */
#define GUESS_NS   (MS / 2)     /* what a region costs, as long as none was made */
#define IDLE_NS    (300u * MS)  /* after which the thread ends */
#define ALONE_NS   (100u * MS)  /* for so long engine_alone keeps the process without it */
#define ENDS_NS    (500u * MS)  /* within which a thread that is at its end is gone */
#define NICE       10

struct region_work {
    pthread_cond_t wake;
    struct region_paths *queue[QUEUE]; /* from `first` on */
    unsigned first, count;
    bool runs;  /* there is a thread, or one is being made */
    bool stop;  /* it is to end */
    bool never; /* no thread can be had */
    bool free_of_charge; /* tests: no budget */
    int tid;    /* its, or of the last one */
    uint64_t ended; /* when there was one for the last time */
    pid_t pid;  /* the process whose thread it is: not that of a child which shares its memory */
    uint64_t quiet_until;
    _Atomic uint64_t spent, made; /* nanoseconds for so many regions, and for noting paths */
    struct region_paths *current; /* the thread's */
};

static uint64_t now(clockid_t clock)
{
    struct timespec ts;
    clock_gettime(clock, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t region_work_spent(const struct engine *e) { return e->region_work ? atomic_load(&e->region_work->spent) : 0; }

bool region_work_borrowed(const struct engine *e) { return e->region_work->pid != getpid(); }

uint64_t region_work_clock(void) { return now(CLOCK_THREAD_CPUTIME_ID); }

static void cond_create(struct region_work *w)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&w->wake, &attr);
    pthread_condattr_destroy(&attr);
}

struct region_work *region_work_create(const struct engine_config *config)
{
    struct region_work *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    cond_create(w);
    w->pid = getpid();
    w->never = !config->start_thread || config->regions == REGIONS_AT_ONCE;
    w->free_of_charge = regions_count(config);
    return w;
}

/* -- making one --------------------------------------------------------------------------------------------- */

/* Copied into the cache and entered, unless it is of no use any more; lock held. */
static void install(struct engine *e, struct cpu *cpu, const struct region_paths *paths, const struct region_unit *u,
                    const uint8_t *code, const struct host_code *hc)
{
    uint64_t *stat = cpu ? cpu->stat : e->stat;
    struct host_buffer buf;
    struct chunk *chunk;
    cache_reserve(e, cpu, hc->size, &buf, &chunk);
    struct block *old = table_find(e, paths->pc, paths->mode);
    if (old && old->range_count) /* another thread was faster */
        return;
    memcpy(buf.rw, code, hc->size);
    struct block *b = block_enter(e, &(struct block_parts){.pc = paths->pc, .guest_size = u->ir.size, .mode = paths->mode,
                                                           .code = hc, .buf = &buf, .chunk = chunk, .ranges = u->ranges,
                                                           .range_count = u->range_count, .loops = u->loops});
    if (old)
        table_replace(e, old);
    stat[ENGINE_STAT_REGIONS]++;
    stat[ENGINE_STAT_REGION_INSNS] += u->ir.insn_count;
    stat[ENGINE_STAT_HOST_BYTES] += hc->size;
    stat[ENGINE_STAT_GUEST_INSNS] += u->ir.insn_count;
    translate_show(e, ENGINE_STAGE_COMPILED, (struct ir_unit *)(uintptr_t)&u->ir, b);
}

/* The unit's code, to be freed, or NULL: the first tier does it.  It can be run anywhere, like that from disk. */
static uint8_t *compile(struct engine *e, const struct region_unit *u, struct host_code *hc)
{
    for (size_t room = ROOM; room <= ROOM_MOST && room <= e->chunk_size; room *= 2) {
        struct host_buffer buf = {.rw = aligned_alloc(64, room), .size = room};
        int err = buf.rw ? e->config.host->compile(&u->ir, &buf, hc) : -ENOMEM;
        if (!err)
            return buf.rw;
        free(buf.rw);
        if (err != -ENOSPC)
            return NULL;
    }
    return NULL;
}

/* cpu: the thread's, or NULL. */
static void make(struct engine *e, struct cpu *cpu, struct arena *arena, const struct region_paths *paths)
{
    struct region_unit *u = malloc(sizeof *u);
    uint64_t generation = atomic_load(&e->invalidations);
    struct host_code hc = {0};
    uint8_t *code = u && region_lift(e, cpu, arena, paths, u) ? compile(e, u, &hc) : NULL;
    if (code) {
        engine_lock(e, cpu);
        if (!engine_changed_since(e, generation, u->ranges, u->range_count))
            install(e, cpu, paths, u, code, &hc);
        engine_unlock(e, cpu);
    }
    free(code);
    free(u);
}

static void spend(struct region_work *w, uint64_t ns)
{
    atomic_fetch_add_explicit(&w->spent, ns, memory_order_relaxed);
}

static void make_here(struct engine *e, struct cpu *cpu, const struct region_paths *paths)
{
    struct region_work *w = e->region_work;
    uint64_t start = region_work_clock();
    make(e, cpu, cpu->arena, paths);
    spend(w, region_work_clock() - start);
    atomic_fetch_add(&w->made, 1);
}

/* -- the thread --------------------------------------------------------------------------------------------- */

/* Waits until there is something to do; false if the thread is to end.  Lock held. */
static bool await(struct engine *e, struct region_work *w)
{
    uint64_t until = now(CLOCK_MONOTONIC) + IDLE_NS;
    struct timespec ts = {(time_t)(until / 1000000000u), (long)(until % 1000000000u)};
    while (!w->stop && !w->count)
        if (pthread_cond_timedwait(&w->wake, &e->lock, &ts) == ETIMEDOUT)
            break;
    return !w->stop && w->count;
}

static void *thread_main(void *arg)
{
    struct engine *e = arg;
    struct region_work *w = e->region_work;
    struct arena arena = {0};
    uint64_t last = 0;
    prctl(PR_SET_NAME, "demotic-regions");
    setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + NICE);
    pthread_mutex_lock(&e->lock);
    w->tid = (int)syscall(SYS_gettid);
    while (await(e, w)) {
        struct region_paths *paths = w->current = w->queue[w->first];
        w->first = (w->first + 1) % QUEUE;
        w->count--;
        pthread_mutex_unlock(&e->lock);
        make(e, NULL, &arena, paths);
        uint64_t used = region_work_clock();
        pthread_mutex_lock(&e->lock);
        w->current = NULL;
        free(paths);
        spend(w, used - last);
        last = used;
        atomic_fetch_add(&w->made, 1);
    }
    pthread_mutex_unlock(&e->lock);
    arena_free(&arena);
    pthread_mutex_lock(&e->lock);
    w->runs = false;
    w->ended = now(CLOCK_MONOTONIC);
    pthread_cond_broadcast(&w->wake);
    pthread_mutex_unlock(&e->lock);
    return NULL;
}

/* A thread would run beside the guest's, not instead of them. */
static bool has_processors(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) != 0 || CPU_COUNT(&set) > 1; /* more than the set can hold: EINVAL */
}

/* Sees to it that the queue is worked on; lock held.  False if there is no thread and none can be made. */
static bool start(struct engine *e, struct region_work *w)
{
    if (w->never)
        return false;
    if (w->runs) {
        pthread_cond_broadcast(&w->wake);
        return true;
    }
    if (w->quiet_until && now(CLOCK_MONOTONIC) < w->quiet_until)
        return true; /* later */
    if (!has_processors())
        return false;
    cache_before_threads(e);
    w->stop = false;
    w->runs = true;
    w->tid = 0;
    if (e->config.start_thread(thread_main, e) == 0)
        return true;
    w->runs = false;
    w->never = true;
    return false;
}

void region_work_add(struct engine *e, struct cpu *cpu, struct region_paths *paths)
{
    struct region_work *w = e->region_work;
    engine_lock(e, cpu);
    bool queued = !region_work_borrowed(e) && w->count < QUEUE && start(e, w);
    if (queued)
        w->queue[(w->first + w->count++) % QUEUE] = paths;
    engine_unlock(e, cpu);
    if (queued)
        return;
    make_here(e, cpu, paths);
    free(paths);
}

bool region_work_affordable(struct engine *e)
{
    struct region_work *w = e->region_work;
    if (w->free_of_charge)
        return w->count < QUEUE;
    if (region_work_borrowed(e)) /* it will execute another program */
        return false;
    if (w->count && !w->runs)
        start(e, w);
    uint64_t used = now(CLOCK_PROCESS_CPUTIME_ID), made = atomic_load(&w->made), spent = atomic_load(&w->spent);
    uint64_t to_come = w->count * (made ? spent / made : GUESS_NS);
    return w->count < QUEUE && used > FIRST_NS && (spent + to_come) * PART < used - FIRST_NS;
}

void region_work_noted(struct engine *e, uint64_t ns) { spend(e->region_work, ns); }

void region_work_after_fork(struct engine *e)
{
    struct region_work *w = e->region_work;
    if (!w)
        return;
    cond_create(w);
    free(w->current);
    w->current = NULL;
    w->runs = false;
    w->tid = 0;
    w->pid = getpid();
    w->quiet_until = 0;
    atomic_store(&w->spent, 0); /* as the clock of the process does, it begins again */
    atomic_store(&w->made, 0);
}

void engine_alone(struct engine *e)
{
    struct region_work *w = e->region_work;
    if (!w || region_work_borrowed(e))
        return;
    pthread_mutex_lock(&e->lock);
    w->quiet_until = now(CLOCK_MONOTONIC) + ALONE_NS;
    w->stop = true;
    pthread_cond_broadcast(&w->wake);
    while (w->runs)
        pthread_cond_wait(&w->wake, &e->lock);
    int tid = now(CLOCK_MONOTONIC) - w->ended < ENDS_NS ? w->tid : 0;
    pthread_mutex_unlock(&e->lock);
    /* It has nothing to do any more but to end; bounded, should the kernel have given its number to another. */
    for (unsigned i = 0; tid && i < 5000 && syscall(SYS_tgkill, w->pid, tid, 0) == 0; i++)
        i < 100 ? sched_yield() : usleep(100);
}
