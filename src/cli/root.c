/* Roots: the file systems guest programs see, kept as directories under roots_dir; those of the system (data_dirs), which an
 * image or a package brings, are found behind the user's own.  `create` has
 * mmdebstrap fetch and unpack Debian packages of the guest's architecture as a tar stream that is unpacked here,
 * which works alike for root and for ordinary users; their scripts are run under Demotic then (configure.c): so no
 * privilege and no registered interpreter is needed. */
#include "cli/cli.h"
#include "support/file.h"
#include "support/log.h"
#include <argp.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEFAULT_SUITE "trixie"
#define DEFAULT_MIRROR "http://deb.debian.org/debian"
#define DEFAULT_PACKAGES "base-files,bash,coreutils,dash,debianutils,diffutils,findutils,grep,gzip,hostname,libc-bin,ncurses-base,sed,tar,util-linux"
/* What scripts of packages may take for granted beside those, and what runs them. */
#define SCRIPT_PACKAGES ",base-passwd,bsdutils,dpkg,fakeroot,init-system-helpers,login,ncurses-bin,perl-base,sysvinit-utils"

void data_dir(char out[4096])
{
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    if (data && data[0] == '/')
        snprintf(out, 4000, "%s/demotic", data);
    else
        snprintf(out, 4000, "%s/.local/share/demotic", home ? home : "/root");
}

void roots_dir(char out[4096])
{
    data_dir(out);
    strcat(out, "/roots");
}

bool data_dirs(const char **at, char out[4096])
{
    const char *rest = *at;
    if (!rest) {
        const char *dirs = getenv("XDG_DATA_DIRS");
        *at = dirs && *dirs ? dirs : "/usr/local/share:/usr/share";
        data_dir(out);
        return true;
    }
    while (*rest) {
        size_t n = strcspn(rest, ":");
        bool good = rest[0] == '/' && n < 4000;
        if (good)
            snprintf(out, 4096, "%.*s/demotic", (int)n, rest);
        rest += n + (rest[n] == ':');
        if (good) {
            *at = rest;
            return true;
        }
    }
    return false;
}

bool root_exists(const char *name, char out[4096])
{
    struct stat st;
    if (strchr(name, '/'))
        return realpath(name, out) && stat(out, &st) == 0 && S_ISDIR(st.st_mode);
    char dir[4096];
    for (const char *at = NULL; data_dirs(&at, dir);)
        if (snprintf(out, 4096, "%s/roots/%s", dir, name) < 4096 && stat(out, &st) == 0 && S_ISDIR(st.st_mode))
            return true;
    return false;
}

/* Of the user's own roots only: the name of one, or of one to be made.  True if it is there. */
static bool own_root(const char *name, char out[4096])
{
    char dir[4096];
    struct stat st;
    roots_dir(dir);
    return snprintf(out, 4096, "%s/%s", dir, name) < 4096 && stat(out, &st) == 0 && S_ISDIR(st.st_mode);
}

bool root_find(const char *name, char out[4096])
{
    if (root_exists(name, out))
        return true;
    log_warn("there is no root '%s'%s%s", name,
             strchr(name, '/') ? "" : "; 'demotic root list' shows those there are, and this makes it: demotic root create ",
             strchr(name, '/') ? "" : name);
    return false;
}

struct create {
    const char *name, *arch, *suite, *include, *mirror;
    bool bare; /* no scripts */
};

#define KEY_BARE 0x100

static const struct argp_option create_table[] = {
    {"arch", 'a', "ARCH", 0, "Architecture of its programs: arm64 (default), amd64, i386", 0},
    {"suite", 's', "SUITE", 0, "Debian suite (default " DEFAULT_SUITE ")", 0},
    {"include", 'i', "PKG,...", 0, "Packages beside the basic ones", 0},
    {"bare", KEY_BARE, 0, 0, "Only unpack: no package's script is run, dpkg knows of none", 0},
    {"mirror", 'm', "URL", 0, "Debian mirror (default " DEFAULT_MIRROR ")", 0},
    {0},
};

static error_t parse_create(int key, char *arg, struct argp_state *state)
{
    struct create *c = state->input;
    switch (key) {
    case 'a':
        c->arch = arg;
        return 0;
    case 's':
        c->suite = arg;
        return 0;
    case 'i':
        c->include = arg;
        return 0;
    case 'm':
        c->mirror = arg;
        return 0;
    case KEY_BARE:
        c->bare = true;
        return 0;
    case ARGP_KEY_ARG:
        if (c->name)
            argp_error(state, "one NAME, please");
        c->name = arg;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "which NAME shall the root have?");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

bool make_dirs(const char *path)
{
    int error = file_make_dirs(path, 0755);
    if (error)
        log_warn("cannot make %s: %s", path, strerror(-error));
    return !error;
}

static bool name_is_good(const char *name)
{
    return name[0] && name[0] != '.' && name[0] != '-' && !strchr(name, '/') && strlen(name) < 128;
}

/* Runs argv with its standard output going to `out` or standard input coming from `in` (-1: inherited). */
static pid_t spawn(char *const argv[], int in, int out, int unused)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    if (in >= 0)
        dup2(in, 0);
    if (out >= 0)
        dup2(out, 1);
    if (in >= 0)
        close(in);
    if (out >= 0)
        close(out);
    if (unused >= 0)
        close(unused);
    execvp(argv[0], argv);
    log_warn("cannot run %s: %s (apt-get install %s)", argv[0], strerror(errno), argv[0]);
    _exit(127);
}

/* what: the program, for a word about a death of which it cannot speak itself. */
static bool succeeded(pid_t pid, const char *what)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return false;
    if (WIFSIGNALED(status))
        log_warn("%s was killed: %s", what, strsignal(WTERMSIG(status)));
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* mmdebstrap | tar -x, into dir. */
static bool unpack(const struct create *c, char *dir)
{
    char include[4096], arch[64], hook[8192];
    snprintf(include, sizeof include, "--include=%s%s%s%s", DEFAULT_PACKAGES, c->bare ? "" : SCRIPT_PACKAGES, c->include ? "," : "",
             c->include ? c->include : "");
    snprintf(arch, sizeof arch, "--arch=%s", c->arch);
    snprintf(hook, sizeof hook, "--extract-hook=%s", c->bare ? ":;" : configure_hook);
    char *debstrap[] = {"mmdebstrap", "--variant=extract", geteuid() ? "--mode=unshare" : "--mode=root", arch, include, hook,
                        "--format=tar", (char *)c->suite, "-", (char *)c->mirror, NULL};
    char *tar[] = {"tar", "-x", "-C", dir, "--exclude=./dev/*", "--no-same-owner", "--delay-directory-restore", NULL};
    int p[2];
    if (pipe(p) < 0)
        return false;
    pid_t make = spawn(debstrap, -1, p[1], p[0]);
    pid_t take = spawn(tar, p[0], -1, p[1]);
    close(p[0]);
    close(p[1]);
    bool taken = succeeded(take, tar[0]);
    return succeeded(make, debstrap[0]) && taken;
}

/* Makes the root c->name; the lock keeps others from making one with the same name at the same time. */
static bool make(const struct create *c)
{
    char dir[4096], final[4096], part[4200];
    roots_dir(dir);
    if (!make_dirs(dir))
        return false;
    int lock = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (lock >= 0 && flock(lock, LOCK_EX) < 0 && errno == EINTR)
        ;
    unsigned mended;
    bool ok = own_root(c->name, final);
    if (!ok) {
        snprintf(part, sizeof part, "%s/.%s.part", dir, c->name); /* renamed when whole */
        char *rm[] = {"rm", "-rf", "--", part, NULL};
        succeeded(spawn(rm, -1, -1, -1), rm[0]);
        fprintf(stderr, "demotic: making root '%s' (Debian %s, %s) in %s\n", c->name, c->suite, c->arch, final);
        ok = make_dirs(part) && unpack(c, part) && root_mend(part, &mended);
        if (ok && !c->bare)
            root_configure(part);
        if (ok && mended)
            fprintf(stderr, "demotic: %u file(s) of Debian's Wine corrected (see docs/roots.md)\n", mended);
        if (!ok)
            log_warn("root '%s' was not made; what was fetched is gone again. The messages above say why", c->name);
        else if (rename(part, final) < 0) {
            log_warn("cannot move %s to %s: %s", part, final, strerror(errno));
            ok = false;
        }
        if (!ok)
            succeeded(spawn(rm, -1, -1, -1), rm[0]);
    }
    if (lock >= 0)
        close(lock);
    return ok;
}

bool root_make(const char *name, const char *arch, const char *include)
{
    struct create c = {.name = name, .arch = arch, .suite = DEFAULT_SUITE, .mirror = DEFAULT_MIRROR, .include = include,
                       .bare = true}; /* Wine needs none of what scripts make, and somebody is waiting */
    return make(&c);
}

static int root_create(int argc, char **argv)
{
    static const struct argp argp = {create_table, parse_create, "NAME", "Makes a root from Debian packages.", 0, 0, 0};
    struct create c = {.arch = "arm64", .suite = DEFAULT_SUITE, .mirror = DEFAULT_MIRROR};
    char path[4096];
    argv[0] = "demotic root create";
    argp_parse(&argp, argc, argv, 0, NULL, &c);
    if (strcmp(c.arch, "arm64") != 0 && strcmp(c.arch, "amd64") != 0 && strcmp(c.arch, "i386") != 0) {
        log_warn("programs for '%s' cannot be run; those for arm64, amd64 and i386 can", c.arch);
        return 64;
    }
    if (!name_is_good(c.name)) {
        log_warn("'%s' cannot be a root's name", c.name);
        return 64;
    }
    if (own_root(c.name, path)) {
        log_warn("root '%s' exists (%s); remove it first: demotic root remove %s", c.name, path, c.name);
        return 1;
    }
    if (!make(&c))
        return 1;
    fprintf(stderr, "demotic: done. Try: demotic root run %s bash\n", c.name);
    return 0;
}

unsigned roots_each(void (*each)(const char *name))
{
    char dir[4096], used[4096], path[8192];
    unsigned count = 0;
    for (const char *at = NULL; data_dirs(&at, dir);) {
        strncat(dir, "/roots", sizeof dir - strlen(dir) - 1);
        DIR *d = opendir(dir);
        for (struct dirent *e; d && (e = readdir(d));) {
            snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
            if (e->d_name[0] == '.' || !root_exists(e->d_name, used) || strcmp(used, path) != 0)
                continue; /* once, if two directories have it */
            count++;
            if (each)
                each(e->d_name);
        }
        if (d)
            closedir(d);
    }
    return count;
}

static void show_name(const char *name)
{
    puts(name);
}

static int root_list(void)
{
    roots_each(show_name);
    return 0;
}

static int root_remove(const char *name)
{
    char path[4096];
    if (!name_is_good(name) || !root_find(name, path))
        return 1;
    char *rm[] = {"rm", "-rf", "--one-file-system", "--", path, NULL}; /* what is mounted there is not the root's */
    return succeeded(spawn(rm, -1, -1, -1), rm[0]) ? 0 : 1;
}

static int root_mend_named(const char *name)
{
    char path[4096];
    unsigned count;
    if (!root_find(name, path) || !root_mend(path, &count))
        return 1;
    printf(count ? "%u mended\n" : "nothing to mend\n", count);
    return 0;
}

int cli_root(struct options *o)
{
    const char *what = o->arg_count > 1 ? o->args[1] : "";
    const char *name = o->arg_count > 2 ? o->args[2] : NULL;
    char path[4096];
    if (strcmp(what, "create") == 0)
        return root_create(o->arg_count - 1, o->args + 1);
    if (strcmp(what, "list") == 0 && !name)
        return root_list();
    if (strcmp(what, "path") == 0 && name && o->arg_count == 3) {
        if (!root_find(name, path))
            return 1;
        printf("%s\n", path);
        return 0;
    }
    if (strcmp(what, "remove") == 0 && name && o->arg_count == 3)
        return root_remove(name);
    if (strcmp(what, "mend") == 0 && name && o->arg_count == 3)
        return root_mend_named(name);
    if (strcmp(what, "run") == 0 && name && o->arg_count > 3) {
        o->root_name = name;
        o->args += 3;
        o->arg_count -= 3;
        return cli_run(o);
    }
    log_warn("demotic root wants: create NAME --arch ARCH | list | path NAME | mend NAME | remove NAME | run NAME PROGRAM [ARG...]");
    return 64;
}
