/* The guest's view of /proc.
 *
 * Most files are right as they are: a guest thread is a host thread.  What would show Demotic
 * instead of its guest is either put right in the kernel, once, for all readers (proc_publish:
 * command line, environment, auxiliary vector), or replaced when this process opens it (proc_open:
 * memory map, cpuinfo, and those three if the kernel would not take them).  A replacement is a
 * memfd with the text of that moment.  What tells of threads is opened when there are only the guest's.
 *
 * Known limitations: another process' maps are the host's; where the host keeps several of the
 * guest's ranges as one, smaps counts all of it in the first; task/ of other processes lists Demotic's
 * own threads too. */
#include "linux/proc.h"
#include "engine/engine.h"
#include "linux/hostcall.h"
#include "linux/path.h"
#include "linux/process.h"
#include "memory/memory.h"
#include "support/fd.h"
#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <linux/prctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>

static bool published;

bool proc_path(const char *path)
{
    while (path[0] == '/' && path[1] == '/')
        path++;
    return !strncmp(path, "/proc", 5) && (path[5] == '/' || !path[5]);
}

void proc_fd_path(int fd, char out[40])
{
    snprintf(out, 40, "/proc/self/fd/%d", fd);
}

bool proc_name(const char *last)
{
    static const char *const names[] = {"maps", "smaps", "cpuinfo", "cmdline", "auxv", "environ", "stat", "status", "task"};
    for (unsigned i = 0; i < ARRAY_LEN(names); i++)
        if (!strcmp(last, names[i]))
            return true;
    return false;
}

/* Splits "/proc/PID[/task/TID]/rest": the pid and rest, or NULL. */
static const char *split_pid(const char *path, int *pid)
{
    char *end;
    if (strncmp(path, "/proc/", 6) || path[6] < '1' || path[6] > '9')
        return NULL;
    *pid = (int)strtol(path + 6, &end, 10);
    if (*end != '/')
        return NULL;
    if (!strncmp(end, "/task/", 6)) {
        strtol(end + 6, &end, 10);
        if (*end != '/')
            return NULL;
    }
    return end + 1;
}

enum proc_link_kind proc_link(struct thread *t, const char *path, char link[PATH_MAX])
{
    int pid;
    const char *name = split_pid(path, &pid);

    if (!name)
        return PROC_LINK_PLAIN;
    if (!strcmp(name, "exe") && proc_guest_exe(t, pid, link))
        return PROC_LINK_GUEST;
    if (!strcmp(name, "root") && path_root() && !strcmp(link, "/"))
        return PROC_LINK_GUEST;
    return PROC_LINK_MAGIC;
}

static int64_t read_file(const char *path, void *buf, size_t size)
{
    int64_t fd = host(openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC), n = 0, got = 0;
    if (fd < 0)
        return fd;
    while ((size_t)n < size && (got = host(read, fd, (char *)buf + n, size - (size_t)n)) > 0)
        n += got;
    host(close, fd);
    return got < 0 ? got : n;
}

/* The file mapped at addr in process pid, from its maps. */
static bool mapped_file(int pid, uint64_t addr, char out[PATH_MAX])
{
    char name[40];
    char *line = NULL;
    size_t room = 0;
    bool found = false;

    snprintf(name, sizeof name, "/proc/%d/maps", pid);
    FILE *f = fopen(name, "re");
    while (f && !found && getline(&line, &room, f) > 0) {
        unsigned long start, end;
        int at = 0;
        if (sscanf(line, "%lx-%lx %*s %*s %*s %*s %n", &start, &end, &at) < 2 || !at ||
            addr < start || addr >= end || line[at] != '/')
            continue;
        line[strcspn(line, "\n")] = 0;
        if (strlen(line + at) < PATH_MAX) {
            path_to_guest(line + at, out);
            found = true;
        }
    }
    free(line);
    if (f)
        fclose(f);
    return found;
}

bool proc_guest_exe(struct thread *t, int pid, char out[PATH_MAX])
{
    char name[40], self[PATH_MAX], other[PATH_MAX];
    union {
        uint64_t wide[128];
        uint32_t small[256];
    } auxv;

    if (t && t->process && pid == t->process->pid) {
        if (!t->process->exe_guest)
            return false;
        if (t->process->exe_host)
            path_to_guest(t->process->exe_host, out);
        else
            strcpy(out, t->process->exe_guest);
        return true;
    }
    snprintf(name, sizeof name, "/proc/%d/exe", pid);
    int64_t a = host(readlinkat, AT_FDCWD, "/proc/self/exe", self, sizeof self);
    int64_t b = host(readlinkat, AT_FDCWD, name, other, sizeof other);
    if (a <= 0 || a != b || memcmp(self, other, (size_t)a))
        return false;
    /* One of us: its program is the file that its published AT_PHDR lies in. */
    snprintf(name, sizeof name, "/proc/%d/auxv", pid);
    int64_t n = read_file(name, &auxv, sizeof auxv);
    for (int64_t i = 0; i + 16 <= n; i += 16)
        if (auxv.wide[i / 8] == AT_PHDR)
            return mapped_file(pid, auxv.wide[i / 8 + 1], out);
    for (int64_t i = 0; i + 8 <= n; i += 8) /* a 32-bit program's */
        if (auxv.small[i / 4] == AT_PHDR)
            return mapped_file(pid, auxv.small[i / 4 + 1], out);
    return false;
}

void proc_publish(const struct process *p)
{
    char stat[2048];
    unsigned long start_brk = 0;
    int64_t n = read_file("/proc/self/stat", stat, sizeof stat - 1);

    if (n <= 0)
        return;
    stat[n] = 0;
    /* Field 47; the name in field 2 may hold anything, so count after its parenthesis. The break
     * stays Demotic's own: its C library uses it. */
    char *field = strrchr(stat, ')');
    for (unsigned i = 2; field && i < 47; i++)
        field = strchr(field + 1, ' ');
    if (field)
        start_brk = strtoul(field, NULL, 10);
    struct prctl_mm_map map = {
        .start_code = p->code_start,
        .end_code = p->code_end,
        .start_data = p->data_start,
        .end_data = p->data_end,
        .start_brk = start_brk,
        .brk = (uint64_t)host(brk, 0),
        .start_stack = p->arg_start,
        .arg_start = p->arg_start,
        .arg_end = p->arg_end,
        .env_start = p->env_start,
        .env_end = p->env_end,
        .auxv = (__u64 *)(uintptr_t)p->auxv,
        .auxv_size = p->auxv_size,
        .exe_fd = (__u32)-1,
    };
    if (!start_brk)
        map.start_brk = map.brk;
    published = host(prctl, PR_SET_MM, PR_SET_MM_MAP, &map, sizeof map) == 0;
}

/* A memfd to write a file's text into; as the guest will find it: close-on-exec as asked, read from
 * 0. */
static int text_begin(const char *name)
{
    return (int)host(memfd_create, name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

static int text_end(int fd, int flags)
{
    char link[40];
    /* A second open file, for its access mode. */
    proc_fd_path(fd, link);
    int64_t r = host(openat, AT_FDCWD, link, O_RDONLY | (flags & (O_CLOEXEC | O_NONBLOCK)));
    if (r >= 0) { /* the number the guest expects: the lowest free one, which fd took */
        int64_t moved = host(dup3, r, fd, flags & O_CLOEXEC);
        host(close, r);
        r = moved;
    } else {
        host(close, fd);
    }
    return (int)r;
}

/* The host's smaps, read in step with the guest's ranges: each counter of its mappings goes into
 * the first range that they lie in. */
struct counters {
    FILE *f;
    char *line;
    size_t room;
    uint64_t start, end; /* of the mapping whose counters come next; ~0 after the last */
    struct {
        char name[24];
        uint64_t kib;
    } sum[32];
    unsigned count;
};

/* Reads to the next mapping's first line; adds up what comes before it if asked. */
static void counters_next(struct counters *c, bool add)
{
    char name[24];
    uint64_t kib;

    c->start = c->end = ~0ull;
    while (c->f && getline(&c->line, &c->room, c->f) > 0) {
        if (sscanf(c->line, "%lx-%lx ", &c->start, &c->end) == 2)
            return;
        if (!add || !strstr(c->line, " kB") ||
            sscanf(c->line, "%23[A-Za-z_]: %lu", name, &kib) != 2 ||
            !strcmp(name, "Size") || strstr(name, "PageSize"))
            continue;
        unsigned i = 0;
        while (i < c->count && strcmp(c->sum[i].name, name))
            i++;
        if (i == ARRAY_LEN(c->sum))
            continue;
        if (i == c->count)
            strcpy(c->sum[c->count++].name, name);
        c->sum[i].kib += kib;
    }
    c->start = c->end = ~0ull;
}

static void counters_print(struct counters *c, const struct memory_area *a, int fd)
{
    for (unsigned i = 0; i < c->count; i++)
        c->sum[i].kib = 0;
    while (c->start < a->end)
        counters_next(c, c->end > a->start);
    dprintf(fd, "Size:           %8lu kB\nKernelPageSize:        4 kB\nMMUPageSize:           4 kB\n",
            (a->end - a->start) / 1024);
    for (unsigned i = 0; i < c->count; i++) {
        int n = (int)strlen(c->sum[i].name);
        dprintf(fd, "%s:%*lu kB\n", c->sum[i].name, n < 15 ? 23 - n : 8, c->sum[i].kib);
    }
}

static int open_maps(const struct thread *t, bool smaps, int flags)
{
    struct memory_area area;
    struct counters counters = {0};
    int fd = text_begin(smaps ? "smaps" : "maps");
    if (fd < 0)
        return fd;
    if (smaps) {
        counters.f = fopen("/proc/self/smaps", "re");
        counters_next(&counters, false);
    }
    for (uint64_t at = 0; memory_area_at(at, &area); at = area.end) {
        char head[128];
        int n = snprintf(head, sizeof head, "%08lx-%08lx %c%c%c%c %08lx %02x:%02x %lu ", area.start,
                         area.end, area.prot & PROT_READ ? 'r' : '-',
                         area.prot & PROT_WRITE ? 'w' : '-', area.prot & PROT_EXEC ? 'x' : '-',
                         area.flags & MAP_SHARED ? 's' : 'p', area.offset, major(area.dev),
                         minor(area.dev), area.inode);
        dprintf(fd, area.name ? "%-*s%s\n" : "%.*s\n", area.name ? 73 : n, head,
                area.name ? area.name : "");
        if (smaps)
            counters_print(&counters, &area, fd);
    }
    if (t->process->abi->kind == ABI_X86_64)
        dprintf(fd, "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n");
    if (counters.f)
        fclose(counters.f);
    free(counters.line);
    return text_end(fd, flags);
}

static int open_bytes(const char *name, const void *bytes, size_t n, int flags)
{
    int fd = text_begin(name);
    if (fd < 0)
        return fd;
    int64_t r =
        host(write, fd, bytes, n); /* bytes may be the guest's: EFAULT leaves the file short */
    return r == -ENOSPC ? -ENOMEM : text_end(fd, flags);
}

static int open_cpuinfo(const struct abi *abi, int flags)
{
    int fd = text_begin("cpuinfo");

    if (fd < 0)
        return fd;
    abi->cpuinfo(fd);
    return text_end(fd, flags);
}

int proc_open(struct thread *t, const char *path, int flags)
{
    const struct process *p = t ? t->process : NULL;
    int pid;
    const char *name = split_pid(path, &pid);

    if (p && name && pid == p->pid && (!strcmp(name, "stat") || !strcmp(name, "status") || !strcmp(name, "task"))) {
        engine_alone(p->engine);
        return PROC_NOT_OURS;
    }
    if (!p || (flags & (O_PATH | O_DIRECTORY)) || (flags & O_ACCMODE) != O_RDONLY)
        return PROC_NOT_OURS;
    if (!strcmp(path, "/proc/cpuinfo"))
        return open_cpuinfo(p->abi, flags);
    if (!name || pid != p->pid)
        return PROC_NOT_OURS;
    if (!strcmp(name, "maps") || !strcmp(name, "smaps"))
        return open_maps(t, name[0] == 's', flags);
    if (published)
        return PROC_NOT_OURS;
    if (!strcmp(name, "auxv"))
        return open_bytes(name, p->auxv, p->auxv_size, flags);
    if (!strcmp(name, "cmdline"))
        return open_bytes(name, (void *)p->arg_start, p->arg_end - p->arg_start, flags);
    if (!strcmp(name, "environ"))
        return open_bytes(name, (void *)p->env_start, p->env_end - p->env_start, flags);
    return PROC_NOT_OURS;
}

int64_t proc_filter_entries(int fd, uint64_t entries, int64_t size)
{
    struct {
        uint64_t ino;
        int64_t off;
        uint16_t len;
        uint8_t type;
        char name[9];
    } e;
    char link[40], dir[64];
    bool known = false;

    for (int64_t at = 0; at + 24 <= size;) {
        memset(&e, 0, sizeof e);
        memory_read(&e, entries + (uint64_t)at, 24);
        if (e.len < 24 || at + e.len > size)
            break;
        if (e.len >= 32)
            memory_read(&e, entries + (uint64_t)at, offsetof(struct dirent64, d_name) + 8);
        if (e.type != DT_LNK || e.name[0] < '0' || e.name[0] > '9' ||
            !fd_is_own((int)strtol(e.name, NULL, 10))) {
            at += e.len;
            continue;
        }
        if (!known) { /* such a name is rare elsewhere: only now it matters where this is */
            proc_fd_path(fd, link);
            int64_t n = host(readlinkat, AT_FDCWD, link, dir, sizeof dir - 1);
            if (n < 4 || strncmp(dir, "/proc/", 6) || strncmp(dir + n - 3, "/fd", 3))
                return size;
            known = true;
        }
        /* Joined to the entry before, or dropped from the beginning. */
        char rest[2048];
        int64_t left = size - at - e.len;
        for (int64_t done = 0; done < left;) {
            size_t n = (size_t)(left - done) < sizeof rest ? (size_t)(left - done) : sizeof rest;
            if (!memory_read(rest, entries + (uint64_t)(at + e.len + done), n) ||
                !memory_write(entries + (uint64_t)(at + done), rest, n))
                return size;
            done += (int64_t)n;
        }
        size -= e.len;
    }
    return size;
}
