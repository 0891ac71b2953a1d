/* What /proc says of the process itself. */
#include "test.h"
#include <elf.h>
#include <link.h>
#include <limits.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>

static int data_here = 1;

static ssize_t slurp(const char *path, void *buf, size_t size)
{
    int fd = open(path, O_RDONLY);
    ssize_t n = 0, r;
    if (fd < 0)
        return -1;
    while ((size_t)n < size && (r = read(fd, (char *)buf + n, size - (size_t)n)) > 0)
        n += r;
    close(fd);
    return n;
}

struct found {
    bool any;
    unsigned long start, end;
    char perms[8], name[PATH_MAX];
};

/* The line of /proc/self/maps that has addr; checks the form of all. */
static struct found find(const void *addr, bool *well_formed)
{
    struct found f = {0};
    char line[PATH_MAX + 100];
    unsigned long last = 0;
    FILE *m = fopen("/proc/self/maps", "r");
    *well_formed = m;
    while (m && fgets(line, sizeof line, m)) {
        unsigned long start, end, offset, inode;
        unsigned major, minor;
        char perms[8], name[PATH_MAX] = "";
        int n = sscanf(line, "%lx-%lx %7s %lx %x:%x %lu %4095[^\n]", &start, &end, perms, &offset,
                       &major, &minor, &inode, name);
        *well_formed &= n >= 7 && strlen(perms) == 4 && start < end && start >= last &&
                        !(start & 4095) && !(end & 4095);
        last = end;
        if ((unsigned long)addr >= start && (unsigned long)addr < end) {
            f.any = true;
            f.start = start;
            f.end = end;
            strcpy(f.perms, perms);
            strcpy(f.name, name);
        }
    }
    if (m)
        fclose(m);
    return f;
}

/* A counter of the mapping that has addr in /proc/self/smaps, in KiB; -1: not there. */
static long counter(const void *addr, const char *name)
{
    char line[PATH_MAX + 100], format[40];
    unsigned long start, end;
    bool here = false;
    long kib = -1;
    FILE *m = fopen("/proc/self/smaps", "r");
    snprintf(format, sizeof format, "%s: %%ld kB", name);
    while (m && kib < 0 && fgets(line, sizeof line, m))
        if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
            here = (unsigned long)addr >= start && (unsigned long)addr < end;
        else if (here)
            sscanf(line, format, &kib);
    if (m)
        fclose(m);
    return kib;
}

int main(int argc, char **argv)
{
    char buf[65536], exe[PATH_MAX], want[PATH_MAX], name[64];
    bool good;
    int local = 0;

    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    ok(n > 0);
    exe[n > 0 ? n : 0] = 0;
    ok(realpath(argv[0], want) && !strcmp(exe, want));
    snprintf(name, sizeof name, "/proc/%d/exe", getpid());
    n = readlink(name, buf, 5);
    ok(n == 5 && !strncmp(buf, exe, 5));
    struct stat a, b;
    ok(stat("/proc/self/exe", &a) == 0 && stat(argv[0], &b) == 0 && a.st_ino == b.st_ino);
    int fd = open("/proc/self/exe", O_RDONLY);
    Elf64_Ehdr e;
    ok(read(fd, &e, sizeof e) == sizeof e && !memcmp(e.e_ident, ELFMAG, 4));
#if defined(__aarch64__)
    ok(e.e_machine == EM_AARCH64);
#elif defined(__i386__)
    ok(e.e_machine == EM_386);
#else
    ok(e.e_machine == EM_X86_64);
#endif
    close(fd);

    struct found f = find((void *)(uintptr_t)main, &good);
    ok(good);
    ok(f.any && f.perms[2] == 'x' && f.perms[0] == 'r' && !strcmp(f.name, exe));
    f = find(&data_here, &good);
    ok(f.any && !strncmp(f.perms, "rw-p", 4));
    f = find(&local, &good);
    ok(f.any && !strcmp(f.name, "[stack]"));
    char *m = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    f = find(m + 4096, &good);
    ok(f.any && !strcmp(f.perms, "rw-s"));
    mprotect(m + 4096, 4096, PROT_READ);
    f = find(m + 4096, &good);
    ok(f.any && f.start == (unsigned long)m + 4096 && f.end == f.start + 4096 &&
       !strcmp(f.perms, "r--s"));
    mprotect(m + 4096, 4096, PROT_READ | PROT_EXEC);
    f = find(m + 4096, &good);
    ok(f.any && !strcmp(f.perms, "r-xs"));
    munmap(m, 3 * 4096);
    f = find(m + 4096, &good);
    ok(good && !f.any);
    m = mmap(NULL, 4 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(m + 4096, 2 * 4096, PROT_READ | PROT_WRITE);
    m[4096] = 1;
    ok(counter(m + 4096, "Size") == 8 && counter(m + 4096, "Rss") == 4 && counter(m + 4096, "Private_Dirty") == 4);
    ok(counter(m, "Size") == 4 && counter(m, "Rss") == 0 && counter(m, "Shared_Dirty") == 0);
    munmap(m, 4 * 4096);
    int dir = open("/proc/self", O_PATH);
    fd = openat(dir, "maps", O_RDONLY);
    n = read(fd, buf, sizeof buf - 1);
    buf[n > 0 ? n : 0] = 0;
    ok(strstr(buf, exe));
    close(fd);
    n = readlinkat(dir, "exe", buf, sizeof buf);
    ok(n == (ssize_t)strlen(exe) && !memcmp(buf, exe, (size_t)n));
    close(dir);

    n = slurp("/proc/self/cmdline", buf, sizeof buf);
    char *p = buf;
    good = n > 0;
    for (int i = 0; i < argc; i++, p += strlen(p) + 1)
        good &= p < buf + n && !strcmp(p, argv[i]);
    ok(good && p == buf + n);
    setenv("X", "", 1);
    n = slurp("/proc/self/environ", buf, sizeof buf - 1);
    ok(n >= 0);
    buf[n > 0 ? n : 0] = 0;
    const char *path = getenv("PATH");
    good = !path;
    for (p = buf; p < buf + n; p += strlen(p) + 1)
        good |= !strncmp(p, "PATH=", 5) && !strcmp(p + 5, path);
    ok(good);

    n = slurp("/proc/self/auxv", buf, sizeof buf);
    ElfW(auxv_t) *x = (void *)buf;
    bool end = false, phdr = false, random = false, pagesz = false;
    for (; n >= (ssize_t)sizeof *x; n -= (ssize_t)sizeof *x, x++) {
        phdr |= x->a_type == AT_PHDR && x->a_un.a_val == getauxval(AT_PHDR);
        random |= x->a_type == AT_RANDOM && x->a_un.a_val == getauxval(AT_RANDOM);
        pagesz |= x->a_type == AT_PAGESZ && x->a_un.a_val == 4096;
        end |= x->a_type == AT_NULL;
    }
    ok(end && phdr && random && pagesz);

    ok(chdir("/tmp") == 0);
    n = readlink("/proc/self/cwd", buf, sizeof buf);
    ok(n == 4 && !memcmp(buf, "/tmp", 4));
    n = readlink("/proc/self/root", buf, sizeof buf);
    ok(n == 1 && buf[0] == '/');
    fd = open("/tmp", O_RDONLY);
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    n = readlink(name, buf, sizeof buf);
    ok(n == 4 && !memcmp(buf, "/tmp", 4));
    strcat(name, "/.");
    ok(stat(name, &a) == 0 && fstat(fd, &b) == 0 && a.st_ino == b.st_ino);
    close(fd);
    ok(prctl(PR_SET_NAME, "renamed") == 0 && slurp("/proc/self/comm", buf, 100) == 8 &&
       !memcmp(buf, "renamed\n", 8));
    n = slurp("/proc/self/status", buf, sizeof buf - 1);
    buf[n > 0 ? n : 0] = 0;
    snprintf(name, sizeof name, "\nPid:\t%d\n", getpid());
    ok(strstr(buf, name) && strstr(buf, "Name:\trenamed\n"));
    n = slurp("/proc/self/stat", buf, sizeof buf - 1);
    buf[n > 0 ? n : 0] = 0;
    ok(atoi(buf) == getpid() && strstr(buf, "(renamed)"));
    n = slurp("/proc/cpuinfo", buf, sizeof buf - 1);
    buf[n > 0 ? n : 0] = 0;
    ok(strstr(buf, "processor\t: 0"));
#if defined(__aarch64__)
    ok(strstr(buf, "Features\t: fp asimd") && strstr(buf, "CPU architecture: 8"));
#endif
    fails(open("/proc/self/missing", O_RDONLY), ENOENT);

    /* From another process. */
    pid_t child = fork();
    if (!child) {
        test_sleep(5);
        _exit(0);
    }
    snprintf(name, sizeof name, "/proc/%d/exe", child);
    n = readlink(name, buf, sizeof buf);
    ok(n == (ssize_t)strlen(exe) && !memcmp(buf, exe, (size_t)n));
    snprintf(name, sizeof name, "/proc/%d/cmdline", child);
    ok(slurp(name, buf, sizeof buf) > 0 && !strcmp(buf, argv[0]));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    return test_done();
}
