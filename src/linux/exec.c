/* execve: a guest program is run by executing Demotic again, a program of the host's own kind by
 * executing it.
 *
 * The new Demotic is the running one (a descriptor of /proc/self/exe, which chroot and upgrades
 * leave alone). What it needs to know stands before the guest's arguments:
 *
 *     demotic --exec-internal VERSION OPTIONS... EXECFN GUEST HOST ARGV...
 *
 * so the environment is the guest's, unchanged, and the kernel does all the rest: the new address
 * space, the end of the other threads, close-on-exec, signals that stay ignored or blocked, limits
 * on sizes.  Pointers to argument strings are handed to the kernel as the guest gave them: it reads
 * them, or gives EFAULT.
 *
 * Limitations: set-user-ID bits of guest programs have no effect; a guest program must be readable,
 * not only executable. */
#include "linux/exec.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/engine.h"
#include "support/fd.h"
#include "linux/hostcall.h"
#include "linux/path.h"
#include "linux/signals.h"
#include "linux/sysrow.h"
#include "memory/memory.h"
#include "support/log.h"

#define EXEC_OPTION  "--exec-internal"
#define EXEC_VERSION DEMOTIC_VERSION
#define EXEC_STRINGS 9 /* of process_config, and one of flags and numbers */
#define EXEC_FIXED   (3 + EXEC_STRINGS + 3)
#define ARGS_MAX     (1u << 22)

#if defined(__x86_64__)
#define HOST_MACHINE EM_X86_64
#else
#define HOST_MACHINE EM_NONE
#endif

static int own_fd = -1;

void exec_start(void)
{
    own_fd = fd_own((int)host(openat, AT_FDCWD, "/proc/self/exe", O_PATH | O_CLOEXEC));
}

/* ---- finding out what a path is
 * ------------------------------------------------------------------- */

/* Opens what execve may execute: a readable, executable regular file. */
static int open_program(const char *host_path, int dirfd)
{
    struct stat st;
    int64_t error = host(faccessat2, dirfd, host_path, X_OK, AT_EACCESS);

    if (error == -ENOSYS)
        error = host(faccessat, dirfd, host_path, X_OK);
    if (error)
        return (int)error;
    int fd = (int)host(openat, dirfd, host_path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        host(close, fd);
        return -EACCES;
    }
    return fd;
}

int exec_open_interp(void *ctx, const char *path)
{
    char host_path[PATH_MAX];
    int error = path_translate(ctx, AT_FDCWD, path, 0, host_path);

    return error ? error : open_program(host_path, AT_FDCWD);
}

/* The names of the open file, canonical. */
static void name_program(struct exec_plan *plan)
{
    char link[40];
    struct stat a, b;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", plan->fd);
    int64_t n = host(readlinkat, AT_FDCWD, link, plan->host, sizeof(plan->host) - 1);

    plan->host[n > 0 ? n : 0] = 0;
    plan->by_fd = stat(plan->host, &a) < 0 || fstat(plan->fd, &b) < 0 || a.st_dev != b.st_dev ||
                  a.st_ino != b.st_ino;
    path_to_guest(plan->host, plan->guest);
}

static int open_first(struct thread *t, int dirfd, const char *path, int flags,
                      struct exec_plan *plan)
{
    char host_path[PATH_MAX], link[40];

    if (!*path) {
        if (!(flags & AT_EMPTY_PATH))
            return -ENOENT;
        if (host(fcntl, dirfd, F_GETFD) < 0)
            return -EBADF;
        snprintf(link, sizeof(link), "/proc/self/fd/%d", dirfd);
        return open_program(link, AT_FDCWD);
    }
    unsigned nofollow = flags & AT_SYMLINK_NOFOLLOW ? PATH_NOFOLLOW : 0;
    int error = path_translate(t, dirfd, path, nofollow, host_path);

    if (error)
        return error;
    if (nofollow) {
        struct stat st;

        if (!fstatat(dirfd, host_path, &st, AT_SYMLINK_NOFOLLOW) && S_ISLNK(st.st_mode))
            return -ELOOP;
    }
    return open_program(host_path, dirfd);
}

/* Puts a script's interpreter, its argument and the script's path before what is there already, in
 * place of the script that was argv[0]. */
static int push_script(struct exec_plan *plan, const char *script)
{
    unsigned n = plan->info.has_arg ? 2 : 1, old = plan->prefix_count;

    if (!old) { /* the script's own path stands in for argv[0] */
        plan->prefix[0] = strdup(script);
        if (!plan->prefix[0])
            return -ENOMEM;
        plan->prefix_count = 1;
        old = 1;
    } else {
        /* prefix[0] names this script already, as the interpreter of the one before. */
    }
    memmove(plan->prefix + n, plan->prefix, old * sizeof(*plan->prefix));
    memset(plan->prefix, 0, n * sizeof(*plan->prefix));
    plan->prefix_count += n;
    plan->prefix[0] = strdup(plan->info.interp);
    if (plan->info.has_arg)
        plan->prefix[1] = strdup(plan->info.arg);
    return plan->prefix[0] && (!plan->info.has_arg || plan->prefix[1]) ? 0 : -ENOMEM;
}

const struct abi *abi_of_machine(unsigned elf_machine)
{
    static const struct abi *const all[] = {&abi_arm64, &abi_x86_64, &abi_i386};

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (all[i]->elf_machine == elf_machine)
            return all[i];
    return NULL;
}

/* The host's kernel runs such programs. */
static bool host_runs(unsigned machine)
{
    return machine == HOST_MACHINE || (HOST_MACHINE == EM_X86_64 && machine == EM_386);
}

/* The file lies in the root, and the root is (also) one for programs of that architecture. */
static bool of_root(const struct exec_plan *plan, const struct abi *abi)
{
    const char *root = path_root();
    size_t n = root ? strlen(root) : 0;

    return root && !strncmp(plan->host, root, n) && plan->host[n] == '/' && host(faccessat, path_root_fd(), abi->loader, F_OK) == 0;
}

/* 0 if the file can be run, which sets plan->native or plan->abi; else -errno.
 *
 * A program that the host's kernel could run as it is is translated if the user named it (then the process has no program
 * yet), if a translated program of the host's own kind executes it, or if it lies in a root made for such programs; else it is one of the
 * host's tools, which a guest of another architecture runs, and runs natively. */
static int judge(struct thread *t, struct exec_plan *plan, const char *path)
{
    const struct program_info *info = &plan->info;
    const struct abi *abi = abi_of_machine(info->machine), *self = t->process->abi;

    program_describe(info, plan->why, sizeof(plan->why));
    if (info->kind != PROGRAM_ELF)
        return -ENOEXEC;
    plan->native = host_runs(info->machine) && (!abi || (self && !host_runs(self->elf_machine) && !of_root(plan, abi)));
    if (plan->native)
        return 0;
    if (info->error != PROGRAM_OK || !abi || info->bits64 == abi->bits32 || info->big_endian)
        return -ENOEXEC;
    plan->abi = abi;
    if (!info->interp[0])
        return 0;
    struct program_info interp;
    int fd = exec_open_interp(t, info->interp);

    if (fd < 0) {
        snprintf(plan->why, sizeof(plan->why), "needs %.200s: %s%s%.200s%s", info->interp, strerror(-fd),
                 path_root() ? " in the root " : "", path_root() ? path_root() : "",
                 path_root() ? "" : ". A root has it; this makes one: demotic root create ");
        if (!path_root())
            snprintf(plan->why + strlen(plan->why), sizeof(plan->why) - strlen(plan->why), "%s --arch %s", abi->arch, abi->arch);
        return fd;
    }
    program_recognise(fd, &interp);
    host(close, fd);
    if (interp.kind == PROGRAM_ELF && interp.error == PROGRAM_OK &&
        interp.machine == abi->elf_machine)
        return 0;
    snprintf(plan->why, sizeof(plan->why),
             "needs the interpreter %.400s, which is not for this architecture", info->interp);
    return -ELIBBAD;
}

int exec_find(struct thread *t, int dirfd, const char *path, int flags, struct exec_plan *plan)
{
    char script[PATH_MAX];
    int error = 0;

    memset(plan, 0, offsetof(struct exec_plan, info));
    plan->why[0] = 0;
    plan->fd = open_first(t, dirfd, path, flags, plan);
    if (plan->fd < 0)
        error = plan->fd;
    if (*path && (dirfd == AT_FDCWD || *path == '/'))
        snprintf(script, sizeof(script), "%s", path);
    else
        snprintf(script, sizeof(script), "/dev/fd/%d%s%s", dirfd, *path ? "/" : "", path);
    for (unsigned depth = 0; !error; depth++) {
        program_recognise(plan->fd, &plan->info);
        if (plan->info.kind != PROGRAM_SCRIPT || plan->info.error != PROGRAM_OK)
            break;
        if (depth >= EXEC_SCRIPTS) {
            error = -ELOOP;
            break;
        }
        error = push_script(plan, script);
        if (error)
            break;
        host(close, plan->fd);
        plan->fd = exec_open_interp(t, plan->info.interp);
        if (plan->fd < 0) {
            error = plan->fd;
            snprintf(plan->why, sizeof(plan->why), "is a script for %.400s: %s", plan->info.interp,
                     strerror(-error));
        }
        snprintf(script, sizeof(script), "%s", plan->info.interp);
    }
    if (!error) {
        name_program(plan);
        error = judge(t, plan, path);
    }
    if (error && !plan->why[0])
        snprintf(plan->why, sizeof(plan->why), "%s", strerror(-error));
    return error;
}

static void release_prefix(struct exec_plan *plan)
{
    for (unsigned i = 0; i < plan->prefix_count; i++)
        free(plan->prefix[i]);
    plan->prefix_count = 0;
}

void exec_release(struct exec_plan *plan)
{
    if (plan->fd >= 0)
        host(close, plan->fd);
    plan->fd = -1;
    release_prefix(plan);
}

/* ---- the call
 * ------------------------------------------------------------------------------------- */

/* Pointers of the guest's argument array, or -errno. */
static bool read_pointer(const struct thread *t, uint64_t list, int64_t i, uint64_t *out)
{
    size_t size = t->process->abi->bits32 ? 4 : 8;

    *out = 0;
    return memory_read(out, list + (uint64_t)i * size, size);
}

static int64_t count_args(const struct thread *t, uint64_t argv)
{
    uint64_t p;

    for (int64_t n = 0; argv; n++) {
        if (!read_pointer(t, argv, n, &p))
            return -EFAULT;
        if (!p)
            return n;
        if (n == ARGS_MAX)
            return -E2BIG;
    }
    return 0;
}

static char *or_empty(const char *s)
{
    return (char *)(uintptr_t)(s ? s : "");
}

/* The fixed arguments for a new Demotic. flags: room for the numbers. */
static unsigned put_options(char **out, const struct process_config *c, unsigned machine, char flags[200])
{
    unsigned n = 0;

    snprintf(flags, 200, "%d,%d,%d,%d,%d,%d,%d,%d,%d,%d,%u,%llu,%zu,%llu,%u,%u", c->save_behind, c->alone, c->strace, c->stats, c->no_link,
             c->no_opt, c->chaos, c->random_signals, c->relocate, c->report_pid, c->max_insns,
             (unsigned long long)c->chaos_seed, c->cache_bytes, (unsigned long long)c->disk_limit, machine, c->regions);
    out[n++] = or_empty("demotic");
    out[n++] = or_empty(EXEC_OPTION);
    out[n++] = or_empty(EXEC_VERSION);
    out[n++] = or_empty(path_root());
    out[n++] = or_empty(path_granted());
    out[n++] = or_empty(c->engine_name);
    out[n++] = or_empty(c->cpu_name);
    out[n++] = or_empty(c->log_path);
    out[n++] = or_empty(c->dump);
    out[n++] = or_empty(c->trace);
    out[n++] = or_empty(c->disk_cache);
    out[n++] = flags;
    assert(n == 3 + EXEC_STRINGS);
    return n;
}

/* The whole argument vector, the prefix's strings behind it; freed through t->exec_buffer. */
static char **build_args(struct thread *t, const struct exec_plan *plan, const char *execfn,
                         char *file, char flags[200], uint64_t argv, int64_t count)
{
    size_t room = (size_t)count + EXEC_FIXED + plan->prefix_count + 2, strings = 0;
    unsigned n = 0;
    int64_t skip = 0;

    for (unsigned i = 0; i < plan->prefix_count; i++)
        strings += strlen(plan->prefix[i]) + 1;
    char **out = calloc(1, room * sizeof(*out) + strings), *string = (char *)(out + room);

    if (!out)
        return NULL;
    free(t->exec_buffer);
    t->exec_buffer = out;
    if (!plan->native) {
        n = put_options(out, t->process->config, plan->abi->elf_machine, flags);
        out[n++] = or_empty(execfn);
        out[n++] = or_empty(plan->guest);
        out[n++] = file;
    }
    for (unsigned i = 0; i < plan->prefix_count; i++) {
        out[n++] = string;
        string = stpcpy(string, plan->prefix[i]) + 1;
    }
    if (plan->prefix_count) /* the script's path is in place of argv[0] */
        skip = 1;
    for (int64_t i = skip; i < count; i++)
        if (!read_pointer(t, argv, i, (uint64_t *)(void *)&out[n++]))
            return NULL;
    if (!count && !plan->prefix_count)
        out[n++] = or_empty("");
    out[n] = NULL;
    return out;
}

/* A native interpreter reads the script by the host's name for it. */
static void name_script(struct thread *t, struct exec_plan *plan)
{
    char host_path[PATH_MAX];

    if (!plan->prefix_count)
        return;
    char **last = &plan->prefix[plan->prefix_count - 1];

    if (path_translate(t, AT_FDCWD, *last, 0, host_path))
        return;
    char *name = strdup(host_path);

    if (name) {
        free(*last);
        *last = name;
    }
}

/* A 32-bit program's list of pointers as one of the host's, to be freed; NULL if it cannot be read. In a vfork child that
 * executes it is lost to the parent. */
static char **widen(const struct thread *t, uint64_t list)
{
    int64_t n = count_args(t, list);
    char **out = n < 0 ? NULL : calloc((size_t)n + 1, sizeof(*out));

    for (int64_t i = 0; out && i < n; i++)
        read_pointer(t, list, i, (uint64_t *)(void *)&out[i]);
    return out;
}

static int64_t execute(struct thread *t, struct exec_plan *plan, const char *execfn, uint64_t argv,
                       uint64_t envp)
{
    int64_t count = count_args(t, argv), ret;
    char flags[200], fd_name[24];
    int fd = -1;

    if (count < 0)
        return count;
    if (!plan->native && plan->by_fd) {
        fd = (int)host(fcntl, plan->fd, F_DUPFD, 3);
        snprintf(fd_name, sizeof(fd_name), "fd:%d", fd);
    }
    if (plan->native)
        name_script(t, plan);
    char **args = build_args(t, plan, execfn, fd >= 0 ? fd_name : plan->host, flags, argv, count);

    if (!args)
        return -EFAULT;
    release_prefix(plan); /* in a vfork child nothing after a success could */
    char **wide_env = NULL;

    if (t->process->abi->bits32 && envp) {
        wide_env = widen(t, envp);
        if (!wide_env)
            return -EFAULT;
        envp = (uint64_t)wide_env;
    }
    engine_save(t->process->engine, t->cpu);
    /* A signal that comes up to the last moment is delivered first: the new program would not know
     * of it. */
    int from = plan->native ? plan->fd : own_fd;
    const char *again = plan->native ? plan->host : "/proc/self/exe";

    signals_exec_prepare(t);
    ret = blocking_call(&t->signal_pending, SYS_execveat, (uint64_t)from, (uint64_t) "",
                        (uint64_t)args, envp, AT_EMPTY_PATH, 0);
    if (ret == -ENOSYS || ret == -EBADF || (plan->native && ret == -ENOENT))
        ret = blocking_call(&t->signal_pending, SYS_execve, (uint64_t)again, (uint64_t)args, envp,
                            0, 0, 0);
    signals_exec_failed(t);
    free(wide_env);
    if (fd >= 0)
        host(close, fd);
    return ret;
}

static int64_t exec_call(struct thread *t, int dirfd, uint64_t path, uint64_t argv, uint64_t envp,
                         int flags)
{
    struct exec_plan plan;
    char name[PATH_MAX], execfn[PATH_MAX + 24];
    ssize_t n = memory_read_string(name, path, sizeof(name));

    if (n < 0)
        return n == -2 ? -ENAMETOOLONG : -EFAULT;
    if (flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
        return -EINVAL;
    int64_t ret = exec_find(t, dirfd, name, flags, &plan);

    if (*name && (dirfd == AT_FDCWD || *name == '/'))
        snprintf(execfn, sizeof(execfn), "%s", name);
    else
        snprintf(execfn, sizeof(execfn), "/dev/fd/%d%s%s", dirfd, *name ? "/" : "", name);
    if (!ret)
        ret = execute(t, &plan, execfn, argv, envp);
    exec_release(&plan);
    return ret;
}

int64_t sys_execve(struct thread *t, const uint64_t a[6])
{
    return exec_call(t, AT_FDCWD, a[0], a[1], a[2], 0);
}

int64_t sys_execveat(struct thread *t, const uint64_t a[6])
{
    return exec_call(t, (int)a[0], a[1], a[2], a[3], (int)a[4]);
}

/* ---- on the other side
 * ---------------------------------------------------------------------------- */

static const char *or_null(const char *s)
{
    return *s ? s : NULL;
}

bool process_exec_parse(int argc, char **argv, struct process_config *config,
                        struct process_start *start)
{
    int save_behind, alone, strace, stats, no_link, no_opt, chaos, random_signals, relocate, machine;
    unsigned long long seed, disk_limit;

    if (argc < EXEC_FIXED || strcmp(argv[1], EXEC_OPTION))
        return false;
    if (strcmp(argv[2], EXEC_VERSION))
        log_die(126, "was replaced by version %s while a program of version %s ran", EXEC_VERSION,
                argv[2]);
    memset(config, 0, sizeof(*config));
    config->root = or_null(argv[3]);
    config->granted = or_null(argv[4]);
    config->engine_name = or_null(argv[5]);
    config->cpu_name = or_null(argv[6]);
    config->log_path = or_null(argv[7]);
    config->dump = or_null(argv[8]);
    config->trace = or_null(argv[9]);
    config->disk_cache = or_null(argv[10]);
    if (sscanf(argv[11], "%d,%d,%d,%d,%d,%d,%d,%d,%d,%d,%u,%llu,%zu,%llu,%d,%u", &save_behind, &alone, &strace, &stats, &no_link, &no_opt,
               &chaos, &random_signals, &relocate, &config->report_pid, &config->max_insns, &seed, &config->cache_bytes,
               &disk_limit, &machine, &config->regions) != 16)
        return false;
    config->alone = alone;
    config->strace = strace;
    config->stats = stats;
    config->no_link = no_link;
    config->no_opt = no_opt;
    config->chaos = chaos;
    config->random_signals = random_signals;
    config->chaos_seed = seed;
    config->relocate = relocate;
    config->save_behind = save_behind;
    config->disk_limit = disk_limit;
    start->config = config;
    start->path = argv[12];
    start->exec_guest = argv[13];
    start->exec_host = argv[14];
    start->exec_fd = -1;
    start->exec_machine = machine;
    if (!strncmp(start->exec_host, "fd:", 3))
        start->exec_fd = atoi(start->exec_host + 3);
    start->argv = argv + EXEC_FIXED;
    start->envp = argv + argc + 1;
    return true;
}
