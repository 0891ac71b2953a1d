/* Runs a Windows program in the Wine of a root, from nothing: finds or makes the root and the prefix, names the program and its
 * arguments as Windows does, runs Wine as a child, and stays until Wine's server has written the registry and everything has
 * ended.
 *
 * Known limitations: of an exit status beyond 255 the shell sees the low eight bits, or 1 where these are 0 (the whole of it is told
 * on the log). */
#include "cli/windows.h"
#include "cli/cli.h"
#include "cli/missing.h"
#include "cli/relay.h"
#include "cli/server.h"
#include "engine/engine.h"
#include "linux/path.h"
#include "program/program.h"
#include "support/file.h"
#include "support/log.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define END_SECONDS   5 /* what a program has to end in when it is told to */
#define SERVER_SCRIPT "/usr/lib/wine/wineserver"

static int prefix_lock = -1;
static struct server_pin pin = SERVER_PIN_NONE;
static bool debugging;                        /* the user wants to hear from Wine */
static volatile pid_t child;                  /* the program; signals go on to it */
static volatile sig_atomic_t interrupt_count; /* Ctrl-C */
static volatile sig_atomic_t end_all;         /* the signal by which the user wants everything to end: a second Ctrl-C, SIGTERM, SIGHUP */

/* ---- the root ---------------------------------------------------------------------------------- */

/* Any root with that Wine: those that are found by name first. */
static bool find_any(const struct flavour *f, char out[PATH_MAX])
{
    char dir[4096];
    if ((root_exists(f->arch, out) && flavour_is_in(f, out)) || (root_exists(f->root, out) && flavour_is_in(f, out)))
        return true;
    bool found = false;
    for (const char *at = NULL; !found && data_dirs(&at, dir);) {
        strncat(dir, "/roots", sizeof dir - strlen(dir) - 1);
        DIR *d = opendir(dir);
        for (struct dirent *e; d && !found && (e = readdir(d));)
            found = e->d_name[0] != '.' && root_exists(e->d_name, out) && flavour_is_in(f, out);
        if (d)
            closedir(d);
    }
    return found;
}

/* For programs of flavour f; NULL: of whichever the root that the user named has, or Arm64. */
static bool find_root(struct options *o, struct wine *w, const struct flavour *f)
{
    const char *name = o->root_name ? o->root_name : getenv("DEMOTIC_ROOT");
    char server[PATH_MAX + 32];
    bool named = name && *name;
    if (named && !root_find(name, w->root))
        return false;
    if (!f)
        f = named ? flavour_found(w->root) : NULL;
    if (!f)
        f = flavour_of(PE_MACHINE_ARM64);
    w->flavour = f;
    if (named && !flavour_is_in(f, w->root)) {
        log_warn("root %s has no Wine for %s (%s), which such Windows programs need; without --root one that has it is found or made",
                 w->root, f->name, f->loader);
        return false;
    }
    if (!named && !find_any(f, w->root)) {
        fprintf(stderr, "demotic: Windows programs need Wine for %s; it is fetched now, once (about a minute)\n", f->name);
        if (!root_make(f->root, f->arch, f->packages) || !root_exists(f->root, w->root))
            return false;
    }
    int error = path_set_root(w->root);
    if (error < 0) {
        log_warn("root %s: %s", w->root, strerror(-error));
        return false;
    }
    o->config.root = w->root;
    snprintf(server, sizeof server, "%s%s", w->root, f->server);
    w->has_server = access(server, R_OK) == 0;
    return true;
}

/* $WINEPREFIX, else one for each root in prefixes_dir. */
static bool find_prefix(struct wine *w)
{
    const char *prefix = getenv("WINEPREFIX"), *name = strrchr(w->root, '/');
    char dir[4096];
    if (prefix && *prefix) {
        if (prefix[0] != '/') {
            log_warn("WINEPREFIX is '%s'; Wine wants an absolute path", prefix);
            return false;
        }
        snprintf(w->prefix, sizeof w->prefix, "%s", prefix);
        for (size_t n = strlen(w->prefix); n > 1 && w->prefix[n - 1] == '/';)
            w->prefix[--n] = 0;
        return true;
    }
    if (!prefixes_dir(dir))
        return false;
    snprintf(w->prefix, sizeof w->prefix, "%.3600s/%.255s", dir, name && name[1] ? name + 1 : "root");
    return true;
}

/* ---- processes --------------------------------------------------------------------------------- */

static const char *server_path(const struct wine *w)
{
    return w->has_server ? w->flavour->server : SERVER_SCRIPT;
}

/* What Wine is to find in its environment, where the user has not said otherwise. */
static void set_environment(const struct wine *w)
{
    const char *display = getenv("DISPLAY"), *wayland = getenv("WAYLAND_DISPLAY");
    setenv("WINEPREFIX", w->prefix, 1);
    unsetenv("TMPDIR"); /* see server.c; Windows programs look at TEMP */
    setenv("WINELOADER", w->flavour->loader, 0);
    setenv("WINESERVER", server_path(w), 0);
    /* Not: what is not there yet in Wine, drivers (for Bluetooth) that cannot start, a missing Vulkan. */
    setenv("WINEDEBUG", "fixme-all,err-ntoskrnl,err-vulkan", 0);
    if ((!display || !*display) && (!wayland || !*wayland)) {
        /* Wine tries its drivers one after the other; with nothing to draw on they only complain. */
        const char *old = getenv("WINEDLLOVERRIDES");
        char text[4096];
        snprintf(text, sizeof text, "%s%swinex11.drv,winewayland.drv=", old ? old : "", old && *old ? ";" : "");
        setenv("WINEDLLOVERRIDES", text, 1);
    }
}

/* Runs a program of the root in a child, which ends if we do. quiet: its output is thrown away. */
static pid_t spawn(struct options *o, const char *path, char **argv, bool quiet)
{
    pid_t parent = getpid(), pid = fork();
    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    if (prefix_lock >= 0)
        close(prefix_lock);
    server_unpin(&pin);
    int null = quiet ? open("/dev/null", O_RDWR | O_CLOEXEC) : -1;
    for (int fd = 0; null >= 0 && fd < 3; fd++)
        dup2(null, fd);
    signal(SIGINT, SIG_DFL);
    signal(SIGQUIT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    if (!quiet)
        o->config.report_pid = getpid();
    o->config.save_behind = true;
    struct process_start start = {.path = path, .argv = argv, .envp = environ};
    exit(cli_start(&start, &o->config));
}

/* Buries what has ended, Wine's orphans too (see adopt_orphans), up to `pid`, whose exit status is returned as a shell gives
 * it; -1 if it runs on and options is WNOHANG. */
static int reap(pid_t pid, int options)
{
    int status;
    for (pid_t r; (r = waitpid(-1, &status, options)) != 0;) {
        if (r == pid)
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        if (r < 0 && errno != EINTR)
            return 126;
    }
    return -1;
}

static int wait_for(pid_t pid)
{
    return reap(pid, 0);
}

static time_t seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

/* Waits for the program's end.  One that computes does not notice that the server has gone (killed), and cannot do anything without
 * it: it is ended.  So is one whose user wanted an end END_SECONDS ago.  Orphans are buried meanwhile. */
static int wait_program(pid_t pid)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0), status; /* -1 before Linux 5.3 */
    struct pollfd events[2] = {{fd, POLLIN, 0}, {pin.fd[0], POLLRDHUP, 0}};
    time_t asked = 0;
    bool killed = false;
    while (fd >= 0 && (status = reap(pid, WNOHANG)) < 0) {
        poll(events, 2, 1000);
        if (end_all && !asked)
            asked = seconds();
        if (asked && seconds() - asked >= END_SECONDS && !killed)
            killed = kill(pid, SIGKILL) == 0;
        if (!events[1].revents)
            continue;
        if (poll(events, 1, 2000) == 0) { /* in time for what the server itself has ended */
            log_warn("Wine's server has ended before its time");
            kill(pid, SIGKILL);
        }
        server_unpin(&pin);
        events[1] = (struct pollfd){-1, 0, 0};
    }
    if (fd < 0)
        return wait_for(pid);
    close(fd);
    return killed && status == 128 + SIGKILL ? 128 + end_all : status;
}

/* Wine's processes are orphans.  Its server takes a second longer over one that stays a zombie, as they do where process 1 is
 * no init (in containers); so they come to us. */
static void adopt_orphans(void)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1);
}

int windows_quietly(struct options *o, const struct wine *w, const char *prefix, char **args)
{
    char *argv[16] = {(char *)w->flavour->loader};
    bool quiet = !debugging && !o->config.strace;
    for (size_t i = 0; args[i] && i < ARRAY_LEN(argv) - 2; i++)
        argv[i + 1] = args[i];
    adopt_orphans();
    pid_t pid = fork(); /* for an environment of its own */
    if (pid == 0) {
        struct wine here = *w;
        snprintf(here.prefix, sizeof here.prefix, "%s", prefix);
        unsetenv("DISPLAY");
        unsetenv("WAYLAND_DISPLAY");
        setenv("WINEDLLOVERRIDES", "mscoree,mshtml,winemenubuilder.exe=", 1); /* no offers to fetch Mono and Gecko, no menus */
        set_environment(&here);
        _exit(wait_for(spawn(o, w->flavour->loader, argv, quiet)));
    }
    return pid < 0 ? 126 : wait_for(pid);
}

/* Starts a server for `prefix` unless another does so meanwhile, and waits until it takes programs; silent, except when debugging. */
static void start_server(struct options *o, const struct wine *w, const char *prefix)
{
    char *argv[] = {(char *)server_path(w), "-p0", NULL};
    pid_t pid = fork();
    if (pid == 0) {
        bool quiet = !debugging && !o->config.strace;
        struct wine here = *w;
        snprintf(here.prefix, sizeof here.prefix, "%s", prefix);
        set_environment(&here);
        _exit(wait_for(spawn(o, server_path(w), argv, quiet)));
    }
    if (pid > 0)
        wait_for(pid);
}

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
}

bool windows_hold_server(struct options *o, const struct wine *w, const char *prefix)
{
    adopt_orphans();
    bool started = false;
    if (pin.fd[0] >= 0)
        return false;
    for (int i = 0; i < 12000 && !end_all && !server_pin(&pin, prefix); i++) {
        if (server_pid(prefix))
            nap(); /* it begins or ends */
        else if (i < 20) {
            start_server(o, w, prefix);
            started = true;
        } else
            return false; /* Wine will say what is wrong */
    }
    return started;
}

bool windows_wait_server(const char *prefix, unsigned seconds, bool (*go_on)(void))
{
    server_unpin(&pin);
    for (unsigned i = 0; i < seconds * 200; i++) {
        reap(0, WNOHANG);
        if (!server_pid(prefix))
            return true;
        if (go_on && !go_on())
            break;
        nap();
    }
    return false;
}

void windows_kill_server(const char *prefix)
{
    static const int signals[] = {SIGINT, SIGKILL}; /* the first has it end all programs and write the registry */
    for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
        pid_t pid = server_pid(prefix);
        if (pid > 0)
            kill(pid, signals[i]);
        if (windows_wait_server(prefix, 8, NULL))
            return;
    }
}

/* Everyone who runs a program in a prefix has a shared lock on its directory; who is the last to give it up waits for the
 * server's end, until another one begins. */
static bool is_last(void)
{
    if (end_all || flock(prefix_lock, LOCK_EX | LOCK_NB) < 0)
        return false;
    flock(prefix_lock, LOCK_UN);
    return true;
}

/* True if /proc/PID is a process of Wine in `prefix`: Demotic, with what Wine gives its processes in the environment. */
static bool is_wine_process(const char *pid, const char *prefix)
{
    char path[64], text[65536], wanted[PATH_MAX + 16];
    struct stat us, it;
    bool in_prefix = false, of_wine = false;
    snprintf(path, sizeof path, "/proc/%.16s/exe", pid);
    if (stat(path, &it) < 0 || stat("/proc/self/exe", &us) < 0 || it.st_ino != us.st_ino || it.st_dev != us.st_dev)
        return false;
    snprintf(path, sizeof path, "/proc/%.16s/environ", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (fd >= 0)
        close(fd);
    snprintf(wanted, sizeof wanted, "WINEPREFIX=%s", prefix);
    text[n > 0 ? n : 0] = 0;
    for (char *p = text; n > 0 && p < text + n; p += strlen(p) + 1) {
        in_prefix |= strcmp(p, wanted) == 0;
        of_wine |= strncmp(p, "WINESERVERSOCKET=", 17) == 0 || strncmp(p, "WINELOADERNOEXEC=", 17) == 0;
    }
    return in_prefix && of_wine;
}

/* True if /proc/PID only writes translations any more (engine_save_behind). */
static bool is_saver(const char *pid)
{
    char path[64], name[32] = "";
    snprintf(path, sizeof path, "/proc/%.16s/comm", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, name, sizeof name - 1) : -1;
    if (fd >= 0)
        close(fd);
    return n > 0 && strcmp(name, DISK_SAVER_NAME "\n") == 0;
}

/* Without a server no process of Wine can do anything, and all end by themselves; one that does not is helped.  Only for the
 * last of a prefix. */
static void bury_leftovers(const char *prefix)
{
    DIR *d;
    for (int i = 0; i < 100; i++, nap()) { /* half a second, if there are any */
        unsigned count = 0;
        if (flock(prefix_lock, LOCK_EX | LOCK_NB) < 0 || server_pid(prefix) || !(d = opendir("/proc")))
            break;
        for (struct dirent *e; (e = readdir(d));)
            if (isdigit((unsigned char)e->d_name[0]) && is_wine_process(e->d_name, prefix)) {
                if (is_saver(e->d_name) && !end_all)
                    continue;
                count++;
                if (i >= 60 || end_all)
                    kill((pid_t)atol(e->d_name), SIGKILL);
            }
        closedir(d);
        reap(0, WNOHANG);
        if (!count)
            break;
    }
    flock(prefix_lock, LOCK_UN);
}

/* Those who write translations are our children by now; in a container they would end with us. */
static void wait_savers(const char *prefix)
{
    for (unsigned i = 0, found = 1; found && i < 1000 && !end_all; i++) { /* at most 20 seconds */
        DIR *d = opendir("/proc");
        found = 0;
        reap(0, WNOHANG);
        for (struct dirent *e; d && (e = readdir(d));)
            found |= isdigit((unsigned char)e->d_name[0]) && is_saver(e->d_name) && is_wine_process(e->d_name, prefix);
        if (d)
            closedir(d);
        for (int k = 0; found && k < 4; k++)
            nap();
    }
}

static void leave_prefix(struct options *o, const struct wine *w)
{
    server_unpin(&pin);
    if (prefix_lock < 0 || (o->wine_wait == 0 && !end_all))
        return;
    flock(prefix_lock, LOCK_UN);
    bool ended = windows_wait_server(w->prefix, o->wine_wait, is_last);
    if (!ended && end_all && flock(prefix_lock, LOCK_EX | LOCK_NB) == 0)
        windows_kill_server(w->prefix);
    else if (!ended && is_last())
        log_warn("other programs still run in the prefix %s; they are left running (wine-arm64 wineserver -k ends them)", w->prefix);
    bury_leftovers(w->prefix);
    wait_savers(w->prefix);
}

/* ---- the command line -------------------------------------------------------------------------- */

/* True for C:\DIR\NAME and the like: what only Windows knows. */
static bool is_windows_path(const char *name)
{
    return strchr(name, '\\') || (isalpha((unsigned char)name[0]) && name[1] == ':');
}

static bool is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* Looks for one of Windows' own programs in the prefix: "notepad" -> C:\windows\system32\notepad.exe.  To name it wholly
 * saves the start of start.exe, which Wine would otherwise have look for it. */
static bool find_builtin(const struct wine *w, const char *name, char out[PATH_MAX])
{
    static const char *const dirs[] = {"system32", "."};
    char lower[256], path[PATH_MAX + 300];
    size_t n = strlen(name);
    if (n >= sizeof lower - 4 || strchr(name, '/'))
        return false;
    for (size_t i = 0; i <= n; i++)
        lower[i] = (char)tolower((unsigned char)name[i]);
    if (!strchr(lower, '.'))
        strcat(lower, ".exe");
    n = strlen(lower);
    if (n < 5 || strcmp(lower + n - 4, ".exe") != 0)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
        snprintf(path, sizeof path, "%s/drive_c/windows/%s/%s", w->prefix, dirs[i], lower);
        if (is_file(path)) {
            snprintf(out, PATH_MAX, "C:\\windows\\%s%s%s", i ? "" : dirs[0], i ? "" : "\\", lower);
            return true;
        }
    }
    return false;
}

/* The Unix path `arg` as Windows writes it, or NULL: an existing absolute path of two components or more (/c, /bin and the like
 * are more likely switches) without characters that mean something else to Windows. */
static char *windows_path(const char *arg)
{
    char host[PATH_MAX], *out;
    if (arg[0] != '/' || !strchr(arg + 1, '/') || strpbrk(arg, "\\:*?\"<>|") ||
        path_translate(NULL, AT_FDCWD, arg, 0, host) < 0 || access(host, F_OK) < 0 || asprintf(&out, "Z:%s", arg) < 0)
        return NULL;
    for (char *p = out; *p; p++)
        if (*p == '/')
            *p = '\\';
    return out;
}

/* Drive Z: is the whole file system, unless the user has changed that. */
static bool has_drive_z(const struct wine *w)
{
    char path[PATH_MAX + 32], target[8];
    snprintf(path, sizeof path, "%s/dosdevices/z:", w->prefix);
    ssize_t n = readlink(path, target, sizeof target);
    return n == 1 && target[0] == '/';
}

/* The program as Wine is to be told it. */
static void name_program(const struct wine *w, const char *name, bool file, char out[PATH_MAX])
{
    char cwd[PATH_MAX];
    if (file && name[0] != '/' && getcwd(cwd, sizeof cwd)) {
        size_t skip = strncmp(name, "./", 2) == 0 ? 2 : 0;
        char guest[PATH_MAX];
        path_to_guest(cwd, guest);
        if (snprintf(out, PATH_MAX, "%s/%s", strcmp(guest, "/") == 0 ? "" : guest, name + skip) < PATH_MAX)
            return;
    }
    if (file || is_windows_path(name) || !find_builtin(w, name, out))
        snprintf(out, PATH_MAX, "%s", name);
}

/* True for C:\\DIR\\NAME.exe, which is started as it is; anything else start.exe has to look for. */
static bool is_windows_program(const char *name)
{
    size_t n = strlen(name);
    return n > 4 && name[1] == ':' && strcasecmp(name + n - 4, ".exe") == 0;
}

/* ---- the program ------------------------------------------------------------------------------------- */

/* True if the program calls on pipes what Wine has only for Windows' own: see src/relay/relay.c. */
static bool wants_own_pipes(const char *name)
{
    char host[PATH_MAX];
    int fd = path_translate(NULL, AT_FDCWD, name, 0, host) < 0 ? -1 : open(host, O_RDONLY | O_CLOEXEC);
    bool wants = fd >= 0 && program_imports(fd, "SetNamedPipeHandleState");
    if (fd >= 0)
        close(fd);
    return wants;
}

static bool can_run(const char *name, const struct program_info *info)
{
    char what[512];
    program_describe(info, what, sizeof what);
    if (info->error)
        log_warn("%s: %s", name, what);
    else if (info->arm64ec || info->machine == PE_MACHINE_ARM64EC)
        log_warn("%s: %s, a mix of Arm64 and x86-64 code. That is not supported yet; is there a build for plain Arm64?", name, what);
    else if (!flavour_of(info->machine))
        log_warn("%s: %s. Only those for Arm64, x86-64 and i386 can be run", name, what);
    else if (info->type & PE_CHARACTERISTICS_DLL)
        log_warn("%s: %s. To call a function in it: wine-arm64 rundll32 %s,FUNCTION", name, what, name);
    else
        return true;
    return false;
}

static void on_signal(int sig)
{
    int saved = errno;
    bool of_terminal = sig == SIGINT || sig == SIGQUIT; /* which has told the program, too */
    if (!of_terminal || ++interrupt_count > 1 || child <= 0)
        end_all = sig;
    if (end_all && child > 0)
        kill(child, of_terminal ? SIGKILL : sig);
    errno = saved;
}

static void catch_signals(void)
{
    static const int list[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < ARRAY_LEN(list); i++) {
        struct sigaction act = {.sa_handler = on_signal, .sa_flags = SA_RESTART}, old;
        if (sigaction(list[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            sigaction(list[i], &act, NULL);
    }
}

/* Has Wine start its services.  The first program would do it, and they would have its output: who reads that from a pipe would
 * wait for their end.  So a program that does nothing is the first.  (Not wineboot itself: of several runs that come at once Wine
 * lets one start it, but whoever is told to be it starts the services once more, and those stay.) */
static void start_services(struct options *o, const struct wine *w)
{
    static char cmd[] = "C:\\windows\\system32\\cmd.exe", c[] = "/c", leave[] = "exit";
    pid_t pid = spawn(o, w->flavour->loader, (char *[]){(char *)w->flavour->loader, cmd, c, leave, NULL}, !debugging && !o->config.strace);
    child = pid > 0 ? pid : 0;
    if (pid > 0)
        wait_for(pid);
    child = 0;
}

/* Runs what argv says and cleans up behind it. hold: it needs the server. */
static int run(struct options *o, const struct wine *w, const char *path, char **argv, bool hold)
{
    prefix_lock = open(w->prefix, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (prefix_lock >= 0 && flock(prefix_lock, LOCK_SH) < 0 && errno == EINTR)
        ;
    catch_signals();
    adopt_orphans();
    if (hold && windows_hold_server(o, w, w->prefix) && !end_all)
        start_services(o, w);
    pid_t pid = spawn(o, path, argv, false);
    if (pid < 0) {
        log_warn("cannot start a process: %s", strerror(errno));
        return 126;
    }
    child = pid;
    int status = wait_program(pid);
    child = 0;
    bool interrupted = interrupt_count && status == (0xC000013A & 0xff); /* STATUS_CONTROL_C_EXIT */
    leave_prefix(o, w);
    if (interrupted) { /* so that the shell that started us stops as well */
        signal(SIGINT, SIG_DFL);
        raise(SIGINT);
    }
    return status;
}

int cli_windows(struct options *o, const struct program_info *info)
{
    static struct wine w;
    static char start[] = "C:\\windows\\system32\\start.exe", exec[] = "/exec", program[PATH_MAX];
    char host[PATH_MAX];
    const char *name = o->args[0];
    if (info && !can_run(name, info))
        return 126;
    debugging = getenv("WINEDEBUG") != NULL;
    if (!find_root(o, &w, info ? flavour_of(info->machine) : NULL) || !find_prefix(&w) || !prefix_prepare(o, &w))
        return 126;
    set_environment(&w);
    if (!info && strcmp(name, "wineserver") == 0)
        return run(o, &w, server_path(&w), o->args, false);
    char **argv = calloc((size_t)o->arg_count + 7, sizeof *argv);
    if (!argv)
        return 126;
    name_program(&w, name, info != NULL, program);
    int n = 0;
    argv[n++] = (char *)w.flavour->loader;
    bool translate = has_drive_z(&w);
    char *on_drive = translate && info ? windows_path(program) : NULL;
    static struct relay relay;
    bool direct = o->wine_direct || (info && !on_drive);
    const char *relay_path = direct ? NULL : relay_prepare(&relay, &w, info && wants_own_pipes(name), o->wine_wait);
    if (relay_path) {
        argv[n++] = (char *)relay_path;
        argv[n++] = relay.word;
        if (!info && !is_windows_program(program)) { /* as Wine does itself */
            argv[n++] = start;
            argv[n++] = exec;
        }
    }
    argv[n++] = relay_path && on_drive ? on_drive : program;
    for (int i = 1; i < o->arg_count; i++) {
        char *path = translate && !o->raw_args ? windows_path(o->args[i]) : NULL;
        argv[n++] = path ? path : o->args[i];
    }
    int status = run(o, &w, w.flavour->loader, argv, true);
    bool refused = status == (0xC0000135 & 0xff) || status == (0xC000007B & 0xff); /* DLL not found; not for this processor */
    if (refused && info && path_translate(NULL, AT_FDCWD, name, 0, host) >= 0)
        missing_report(&w, host);
    return relay_path ? relay_status(&relay, status) : status;
}

int cli_wine(struct options *o)
{
    struct program_info info;
    const char *name = o->args[0], *engine = o->config.engine_name;
    if (engine && strcmp(engine, "jit") == 0)
        o->config.engine_name = NULL;
    int fd = is_windows_path(name) ? -1 : open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && strchr(name, '/')) {
        log_warn("%s: %s", name, strerror(errno));
        return errno == ENOENT ? 127 : 126;
    }
    if (fd < 0)
        return cli_windows(o, NULL);
    program_recognise(fd, &info);
    close(fd);
    if (info.kind == PROGRAM_PE)
        return cli_windows(o, &info);
    /* A batch file or an installer: Wine's start.exe knows what to do with it. */
    return cli_windows(o, NULL);
}
