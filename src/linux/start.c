/* From a path to a running program: process_run(). */
#include "linux/threads.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>

#include "engine/engine.h"
#include "linux/exec.h"
#include "linux/hostcall.h"
#include "linux/mapping.h"
#include "linux/path.h"
#include "linux/proc.h"
#include "linux/signals.h"
#include "linux/stack.h"
#include "linux/stress.h"
#include "linux/trace.h"
#include "memory/memory.h"
#include "program/program.h"
#include "support/log.h"

/* The arguments after #! lines have put theirs in front. */
static char **plan_argv(const struct exec_plan *plan, char **argv)
{
    size_t n = 0;

    while (argv[n])
        n++;
    char **out = calloc(n + plan->prefix_count + 1, sizeof(*out));

    if (!out)
        log_die(126, "out of memory");
    for (unsigned i = 0; i < plan->prefix_count; i++)
        out[i] = strdup(plan->prefix[i]);
    size_t skip = plan->prefix_count && n ? 1 : 0;

    memcpy(out + plan->prefix_count, argv + skip, (n - skip) * sizeof(*out));
    return out;
}

/* The program's file, open; its names and arguments in p.  Does not come back if that fails, or if
 * the program is the host's own. */
static int find_program(struct thread *t, const struct process_start *start)
{
    static struct exec_plan plan;
    struct process *p = t->process;

    if (start->exec_host) {
        p->abi = abi_of_machine((unsigned)start->exec_machine);
        if (!p->abi)
            log_die(126, "%s: for a processor that this Demotic does not know", start->exec_guest);
        p->exe_guest = start->exec_guest;
        p->argv = start->argv;
        if (start->exec_fd >= 0) {
            p->exe_host = NULL;
            fcntl(start->exec_fd, F_SETFD, FD_CLOEXEC);
            return start->exec_fd;
        }
        p->exe_host = start->exec_host;
        int fd = (int)host(openat, AT_FDCWD, start->exec_host, O_RDONLY | O_CLOEXEC);

        if (fd < 0)
            log_die(126, "%s: %s", start->exec_guest, strerror(-fd));
        return fd;
    }
    int error = exec_find(t, AT_FDCWD, start->path, 0, &plan);

    if (error)
        log_die(error == -ENOENT ? 127 : 126, "%s: %s", start->path, plan.why);
    p->argv = plan_argv(&plan, start->argv);
    p->abi = plan.abi ? plan.abi : p->abi;
    if (plan.native) {
        host(rt_sigprocmask, SIG_SETMASK, &t->mask, 0, 8);
        error = (int)host(execve, plan.host, p->argv, start->envp);
        log_die(126, "%s: %s, and this machine cannot run it: %s", start->path, plan.why, strerror(-error));
    }
    p->exe_guest = plan.guest;
    p->exe_host = plan.by_fd ? NULL : plan.host;
    return plan.fd;
}

static void map_vdso(struct process *p)
{
    int64_t at = memory_map(0, MEMORY_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (at < 0)
        log_die(126, "out of memory");
    void *image = (void *)at;

    p->vdso = (uint64_t)at;
    p->abi->vdso(image, MEMORY_PAGE, p->vdso, &p->vdso_at);
    mprotect(image, MEMORY_PAGE, PROT_READ);
    struct memory_area area = {
        .start = p->vdso,
        .end = p->vdso + MEMORY_PAGE,
        .prot = PROT_READ | PROT_EXEC,
        .flags = MAP_PRIVATE,
        .name = memory_intern("[vdso]"),
    };

    memory_note_map(&area);
}

static struct engine *create_engine(const struct process *p, const struct process_start *start)
{
    const struct process_config *c = start->config;
    struct engine_config config = {
        .guest = p->abi->guest,
        .host = c->engine_name ? host_by_name(c->engine_name) : host_best(),
        .cache_bytes = c->cache_bytes,
        .max_insns = c->max_insns,
        .no_link = c->no_link,
        .no_opt = c->no_opt,
        .timed = c->stats,
        .chaos = c->chaos,
        .chaos_seed = c->chaos_seed,
        .on_unit = start->on_unit,
        .on_unit_ctx = start->on_unit_ctx,
        .fetch = memory_fetch,
        .disk_dir = c->disk_cache,
        .disk_limit = c->disk_limit,
        .guest_model = c->cpu_name,
        .relocate = c->relocate,
        .regions = c->regions,
        .start_thread = thread_create_behind,
        .tick_signal = SIGNAL_TICK,
    };

    if (!config.host)
        log_die(64, "there is no engine called %s", c->engine_name ? c->engine_name : "jit");
    struct engine *e = engine_create(&config);

    if (!e)
        log_die(126, "the translator cannot start");
    return e;
}

/* Loads the program and makes its first stack; where to start and the stack pointer. */
static uint64_t load(struct thread *t, struct process_start *start, uint64_t *sp)
{
    struct process *p = t->process;
    int fd = find_program(t, start);
    if (start->on_guest && !start->on_guest(start, p->abi->guest))
        exit(64);
    if (p->abi->bits32)
        memory_space_32bit();
    const struct program_loader loader = {p->abi->elf_machine, exec_open_interp, t, p->exe_guest};
    struct program_image image;
    char why[512];
    int error = program_load(&loader, fd, &image, why, sizeof(why));

    if (error)
        log_die(error == -ENOENT ? 127 : 126, "%s", why);
    host(close, fd);
    while (p->argv[p->argc])
        p->argc++;
    map_vdso(p);
    mapping_set_brk(image.brk);
    p->brk_start = image.brk;
    p->code_start = image.code_start;
    p->code_end = image.code_end;
    p->data_start = image.data_start;
    p->data_end = image.data_end;
    *sp = stack_build(p, &image, start->path, p->argv, start->envp);
    if (!*sp)
        log_die(126, "no memory for the stack");
    return image.start;
}

static void set_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    prctl(PR_SET_NAME, slash ? slash + 1 : path, 0, 0, 0);
}

int process_run(struct process_start *start)
{
    struct process *p = calloc(1, sizeof(*p));
    uint64_t mask = 0, sp;

    host(rt_sigprocmask, SIG_BLOCK, 0, &mask, 8);
    signals_block();
    if (!p)
        log_die(126, "out of memory");
    pthread_mutex_init(&p->lock, NULL);
    p->pid = (int)host(getpid);
    p->config = start->config;
    p->personality = (uint32_t)host(personality, 0xffffffff) & ~(uint32_t)READ_IMPLIES_EXEC;
    trace_on = start->config->strace;

    struct thread *t = thread_create(p);

    if (!t || !signals_thread_start(t))
        log_die(126, "out of memory");
    t->tid = p->pid;
    t->mask = mask;
    thread_set_current(t);
    exec_start();
    if (start->config->root && !path_root()) {
        int error = path_set_root(start->config->root);

        if (error)
            log_die(126, "root %s: %s", start->config->root, strerror(-error));
        path_set_alone(start->config->alone);
        if (start->config->granted)
            path_grant_list(start->config->granted);
    }
    uint64_t pc = load(t, start, &sp);

    p->on_step = start->on_step;
    p->on_exit = start->on_exit;
    signals_start(p);
    p->engine = create_engine(p, start);
    t->cpu = engine_cpu_create(p->engine, t);
    if (!t->cpu)
        log_die(126, "out of memory");
    p->abi->start(t->cpu, pc, sp);
    set_name(start->path);
    proc_publish(p);
    stress_start(p);
    signals_unblock(t);
    thread_run(t);

    /* The first thread ended before the others, who keep the process. */
    int status = t->exit_status;

    thread_end(t);
    signals_block();
    for (;;)
        host(exit, status);
}
