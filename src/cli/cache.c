/* Translations kept on disk: where, and `demotic cache stat|clear|warm`. */
#include "cli/cli.h"
#include "engine/disk_store.h"
#include "support/log.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* The directory if nobody names one; false if there is no home. */
static bool default_dir(char out[PATH_MAX])
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    int n;

    if (cache && cache[0] == '/')
        n = snprintf(out, PATH_MAX, "%s/demotic", cache);
    else if (home && home[0] == '/' && access(home, F_OK) == 0)
        n = snprintf(out, PATH_MAX, "%s/.cache/demotic", home);
    else
        return false;
    return n < PATH_MAX;
}

void disk_cache_choose(struct options *o)
{
    static char dir[PATH_MAX];
    char standard[PATH_MAX];
    const char *named = o->config.disk_cache ? o->config.disk_cache : getenv("DEMOTIC_DISK_CACHE");

    o->config.disk_cache = NULL;
    if (o->no_disk_cache || (named && (!*named || strcmp(named, "no") == 0)))
        return;
    if (!named && !default_dir(standard))
        return;
    const char *wanted = named ? named : standard;
    int error = disk_store_prepare(wanted);

    if (error == -EPERM)
        log_warn("%s: translations are not kept there: it must be owned by you and writable by you alone", wanted);
    else if (error && named)
        log_warn("%s: translations cannot be kept there: %s", wanted, strerror(-error));
    if (!error && realpath(wanted, dir))
        o->config.disk_cache = dir;
}

/* -- the command --------------------------------------------------------------------------------- */

struct totals {
    unsigned files, unfinished, damaged;
    uint64_t bytes, units;
};

static void count(void *ctx, int dirfd, const char *name, uint64_t size, int64_t used)
{
    struct totals *t = ctx;
    struct stat st;
    struct disk_key key;
    uint32_t units = 0;

    t->bytes += size;
    if (name[0] == '.') {
        t->unfinished++;
        return;
    }
    t->files++;
    int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    bool ok = fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0;

    if (ok) {
        void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);

        ok = p != MAP_FAILED && disk_file_identify(p, (size_t)st.st_size, &key, &units);
        if (p != MAP_FAILED)
            munmap(p, (size_t)st.st_size);
    }
    if (fd >= 0)
        close(fd);
    t->units += units;
    t->damaged += !ok;
}

static void remove_file(void *ctx, int dirfd, const char *name, uint64_t size, int64_t used)
{
    struct totals *t = ctx;

    if (unlinkat(dirfd, name, 0) == 0) {
        t->files++;
        t->bytes += size;
    }
}

static int usage(void)
{
    log_warn("demotic cache stat | clear | warm PROGRAM [ARG...]");
    return 64;
}

int cli_cache(struct options *o)
{
    const char *what = o->arg_count > 1 ? o->args[1] : "";
    struct totals t = {0};

    if (strcmp(what, "warm") == 0 && o->arg_count > 2) {
        if (!o->config.disk_cache) {
            log_warn("cache warm: translations are not kept (no directory for them)");
            return 1;
        }
        o->args += 2;
        o->arg_count -= 2;
        return cli_run(o);
    }
    if ((strcmp(what, "stat") && strcmp(what, "clear")) || o->arg_count > 2)
        return usage();
    if (!o->config.disk_cache) {
        printf("translations are not kept\n");
        return 0;
    }
    bool clear = strcmp(what, "clear") == 0;
    int error = disk_store_each(o->config.disk_cache, clear ? remove_file : count, &t);

    if (error) {
        log_warn("%s: %s", o->config.disk_cache, strerror(-error));
        return 1;
    }
    uint64_t limit = o->config.disk_limit ? o->config.disk_limit : DISK_STORE_DEFAULT;

    if (clear)
        printf("removed %u files, %llu KiB, from %s\n", t.files, (unsigned long long)t.bytes >> 10, o->config.disk_cache);
    else
        printf("%s: %u files, %llu units, %llu of at most %llu KiB; %u damaged, %u unfinished\n", o->config.disk_cache, t.files,
               (unsigned long long)t.units, (unsigned long long)t.bytes >> 10, (unsigned long long)limit >> 10, t.damaged,
               t.unfinished);
    return 0;
}
