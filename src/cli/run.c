/* Runs a program: finds it, finds out what it is, finds the root it needs, and hands it to the Linux layer; or says
 * what stands in the way and what to do about it. */
#include "cli/cli.h"
#include "debug/dump.h"
#include "debug/stats.h"
#include "debug/trace.h"
#include "linux/path.h"
#include "program/program.h"
#include "support/fd.h"
#include "support/log.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define GUEST_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* Opens guest path `path` for reading; a descriptor or -errno. */
static int open_guest(const char *path)
{
    char host[PATH_MAX];
    int err = path_translate(NULL, AT_FDCWD, path, 0, host);
    if (err < 0)
        return err;
    int fd = open(host, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* `name` in the directories of `path` as the guest sees them, into out. */
static bool search(const char *name, const char *path, char out[PATH_MAX])
{
    while (*path) {
        size_t n = strcspn(path, ":");
        char host[PATH_MAX];
        if (n && snprintf(out, PATH_MAX, "%.*s/%s", (int)n, path, name) < PATH_MAX &&
            path_translate(NULL, AT_FDCWD, out, 0, host) == 0 && access(host, X_OK) == 0)
            return true;
        path += n + (path[n] == ':');
    }
    return false;
}

/* The program's path as the guest writes it; false with a message if there is none. */
static bool find_program(const char *name, bool rooted, char out[PATH_MAX])
{
    if (strchr(name, '/')) {
        snprintf(out, PATH_MAX, "%s", name);
        return true;
    }
    const char *path = getenv("PATH");
    if ((rooted && search(name, GUEST_PATH, out)) || (path && search(name, path, out)))
        return true;
    size_t n = strlen(name);
    if (n > 4 && strcasecmp(name + n - 4, ".exe") == 0 && access(name, R_OK) == 0) {
        snprintf(out, PATH_MAX, "./%s", name); /* Windows looks in the current directory first */
        return true;
    }
    if (access(name, R_OK) == 0)
        log_warn("%s: not found in PATH; for the file in this directory say ./%s", name, name);
    else
        log_warn("%s: not found%s", name, rooted ? " in the root or in PATH" : " in PATH (programs of a root: --root NAME)");
    return false;
}

static int refuse(const char *name, const struct program_info *info)
{
    char what[512];
    program_describe(info, what, sizeof what);
    log_warn("%s: %s", name, what);
    return 126;
}

static bool use_root(struct options *o, const char *root)
{
    path_set_alone(o->config.alone);
    int err = path_set_root(root);
    if (err < 0) {
        log_warn("root %s: %s", root, strerror(-err));
        return false;
    }
    o->config.root = root;
    return true;
}

/* Sets the root to use; false with a message if --root names none. *rooted: there is one; *named: by the user. */
static bool choose_root(struct options *o, char root[PATH_MAX], bool *rooted, bool *named)
{
    static const char *const defaults[] = {"arm64", "amd64", "i386"};
    const char *name = o->root_name ? o->root_name : getenv("DEMOTIC_ROOT");
    *named = *rooted = name && *name;
    if (*named && !root_find(name, root))
        return false;
    for (unsigned i = 0; !*rooted && i < ARRAY_LEN(defaults); i++)
        *rooted = root_exists(defaults[i], root);
    return !*rooted || use_root(o, root);
}

/* The program at `path` is for another architecture than the root that was taken by default: that of its own architecture is taken,
 * or none. False with a message if that cannot be used. */
static bool fit_root(struct options *o, const char *path, const struct program_info *info, char root[PATH_MAX])
{
    const struct abi *abi = info->kind == PROGRAM_ELF ? abi_of_machine(info->machine) : NULL;
    char host[PATH_MAX], loader[PATH_MAX + 64];
    size_t n = strlen(root);
    if (!abi || path_translate(NULL, AT_FDCWD, path, 0, host) || (strncmp(host, root, n) == 0 && host[n] == '/'))
        return true;
    snprintf(loader, sizeof loader, "%s/%s", root, abi->loader);
    if (access(loader, F_OK) == 0)
        return true;
    if (root_exists(abi->arch, root))
        return use_root(o, root);
    path_set_root(NULL);
    o->config.root = NULL;
    return true;
}

/* "jit" and nothing are the best host. */
static bool choose_engine(struct options *o)
{
    const char *name = o->config.engine_name;
    if (name && strcmp(name, "jit") == 0)
        o->config.engine_name = name = NULL;
    if (!name || host_by_name(name))
        return true;
    log_warn("there is no engine '%s'; there are jit and interp", name);
    return false;
}

/* Messages go to the file; its path becomes absolute, for programs that this one executes elsewhere. */
static bool open_log(struct process_config *config)
{
    static char path[PATH_MAX];
    int fd = open(config->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (fd < 0) {
        log_warn("--log %s: %s", config->log_path, strerror(errno));
        return false;
    }
    if (realpath(config->log_path, path))
        config->log_path = path;
    log_set_fd(fd_own(fd));
    return true;
}

static bool choose_model(const struct guest *guest, const char *name)
{
    char all[256] = "";
    if (!name || guest->set_model(name))
        return true;
    for (unsigned i = 0; guest->models[i]; i++)
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i ? ", " : "", guest->models[i]);
    log_warn("there is no processor '%s'; --cpu can be one of: %s", name, all);
    return false;
}

static struct debug_dump *dump; /* --dump, or NULL */
static bool stats;              /* --stats */

static void before_end(struct engine *e)
{
    if (dump)
        debug_dump_end(dump);
    if (stats)
        debug_stats_print(e);
}

/* process_start.on_guest: what options mean for it. */
static bool prepare_guest(struct process_start *start, const struct guest *guest)
{
    struct process_config *config = start->on_guest_ctx;
    if (!choose_model(guest, config->cpu_name))
        return false;
    const struct host *host = config->engine_name ? host_by_name(config->engine_name) : host_best();
    if (config->dump) {
        start->on_unit_ctx = dump = debug_dump_open(config->dump, guest, host);
        start->on_unit = debug_dump_unit;
        if (!dump)
            return false;
    }
    if (config->trace) {
        start->on_step = debug_trace_step;
        if (!debug_trace_open(&config->trace, guest))
            return false;
    }
    return true;
}

int cli_start(struct process_start *start, struct process_config *config)
{
    if (config->log_path && !open_log(config))
        return 64;
    start->config = config;
    start->on_guest = prepare_guest;
    start->on_guest_ctx = config;
    stats = config->stats;
    start->on_exit = before_end;
    return process_run(start);
}

int cli_run(struct options *o)
{
    static char root[PATH_MAX];
    char program[PATH_MAX];
    bool rooted, named;
    if (!choose_engine(o) || !choose_root(o, root, &rooted, &named))
        return 64;
    for (int i = 0; rooted && i < o->arg_count; i++)
        path_grant(o->args[i]);
    if (!find_program(o->args[0], rooted, program))
        return 127;
    int fd = open_guest(program);
    if (fd < 0) {
        log_warn("%s: %s", program, strerror(-fd));
        return fd == -ENOENT ? 127 : 126;
    }
    struct program_info info;
    program_recognise(fd, &info);
    close(fd);
    if (rooted && !named && !fit_root(o, program, &info, root))
        return 64;

    struct process_start start = {.path = program, .argv = o->args, .envp = environ};
    switch (info.kind) {
    case PROGRAM_PE:
        o->args[0] = program;
        return cli_windows(o, &info);
    case PROGRAM_ELF: /* for which machine is the Linux layer's to judge, as in execve */
    case PROGRAM_SCRIPT:
        if (info.error)
            return refuse(program, &info);
        return cli_start(&start, &o->config);
    default:
        return refuse(program, &info);
    }
}
