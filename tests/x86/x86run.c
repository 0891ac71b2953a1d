/* Runs an x86 program, 64 or 32 bits, on an engine, on an x86-64 host: its system calls go to the kernel as they
 * are, since guest and host agree on them.  A whole program exercises what single instructions cannot: blocks, links,
 * returns, the optimiser, code that compilers write.
 *
 *     x86run [--engine interp|x64] [--no-opt] [--max-insns N] [--stats] [--argv0 NAME] PROGRAM [ARGUMENT...]
 *
 * Known limitations: no threads, no signals are delivered (handlers are accepted and forgotten). */
#include "engine/engine.h"
#include "guest/x86/decode.h"
#include "guest/x86/state.h"
#include "memory/guard.h"
#include <asm/ldt.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define STACK_SIZE (8u << 20)
#define BREAK_ROOM (256u << 20)

static struct engine *engine;
static struct cpu *cpu;
static bool is64, stats;
static uint64_t break_start, break_now;
static char **own_argv, *program_path;
static int own_options; /* how many of own_argv come before the program */

static char interpreter_path[256];
static uint64_t first_pc, interpreter_base;
static uint64_t program_entry, program_headers, header_size, header_count;

static NORETURN void die(const char *what)
{
    fprintf(stderr, "x86run: %s: %s\n", what, strerror(errno));
    exit(127);
}

static bool fetch(void *ctx, uint64_t addr, void *buf, size_t n)
{
    struct iovec to = {buf, n}, from = {(void *)addr, n};
    return process_vm_readv(getpid(), &to, 1, &from, 1, 0) == (ssize_t)n;
}

/* The record that the engine asks what the guest may write, and where else it lies. */
static void note_map(uint64_t start, uint64_t size, int prot, int flags, int fd, uint64_t offset)
{
    struct memory_area area = {.start = start, .end = start + ((size + 4095) & ~4095ull), .prot = prot, .flags = flags & (MAP_SHARED | MAP_PRIVATE)};
    struct stat st;
    static uint64_t shared;
    if ((flags & MAP_ANONYMOUS) && (flags & MAP_SHARED))
        area.inode = ++shared;
    if (!(flags & MAP_ANONYMOUS) && !fstat(fd, &st)) {
        area.dev = st.st_dev;
        area.inode = st.st_ino;
        area.offset = offset;
    }
    memory_note_map(&area);
}

static void on_fault(int sig, siginfo_t *si, void *context)
{
    if (engine_fault(cpu, sig, si, context))
        return;
    struct sigaction sa = {.sa_handler = SIG_DFL};
    sigaction(sig, &sa, NULL);
}

/* ---- loading ---------------------------------------------------------------------------------------------------- */

static void map_segment(int fd, uint64_t base, uint64_t vaddr, uint64_t offset, uint64_t filesz, uint64_t memsz, unsigned flags)
{
    uint64_t start = (base + vaddr) & ~4095ull, end = (base + vaddr + memsz + 4095) & ~4095ull;
    uint8_t *p = mmap((void *)start, end - start, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (p != (uint8_t *)start)
        die("mmap of a segment");
    if (pread(fd, (void *)(base + vaddr), filesz, (off_t)offset) != (ssize_t)filesz)
        die("reading a segment");
    int prot = PROT_READ | (flags & PF_W ? PROT_WRITE : 0); /* guest code is never executed as it is */
    mprotect(p, end - start, prot);
    note_map(start, end - start, prot | (flags & PF_X ? PROT_EXEC : 0), MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base + vaddr + memsz > break_start)
        break_start = end;
}

#define LOAD(bits)                                                                                                          \
    static void load##bits(int fd, const uint8_t *head, bool interpreter)                                                                     \
    {                                                                                                                       \
        const Elf##bits##_Ehdr *e = (const void *)head;                                                                     \
        uint64_t base = e->e_type == ET_DYN ? interpreter ? 0x60000000 : 0x10000000 : 0;                                    \
        for (unsigned i = 0; i < e->e_phnum; i++) {                                                                         \
            Elf##bits##_Phdr p;                                                                                             \
            memcpy(&p, head + e->e_phoff + i * sizeof p, sizeof p);                                                         \
            if (p.p_type == PT_INTERP && p.p_filesz < sizeof interpreter_path)                                              \
                memcpy(interpreter_path, head + p.p_offset, p.p_filesz);                                                    \
            if (p.p_type != PT_LOAD)                                                                                        \
                continue;                                                                                                   \
            map_segment(fd, base, p.p_vaddr, p.p_offset, p.p_filesz, p.p_memsz, p.p_flags);                                 \
            if (!interpreter && e->e_phoff >= p.p_offset && e->e_phoff < p.p_offset + p.p_filesz)                           \
                program_headers = base + p.p_vaddr + e->e_phoff - p.p_offset;                                               \
        }                                                                                                                   \
        first_pc = base + e->e_entry;                                                                                       \
        if (interpreter) {                                                                                                  \
            interpreter_base = base;                                                                                        \
            return;                                                                                                         \
        }                                                                                                                   \
        program_entry = first_pc;                                                                                           \
        header_size = e->e_phentsize;                                                                                       \
        header_count = e->e_phnum;                                                                                          \
    }
LOAD(64)
LOAD(32)

static void load_file(const char *path, bool interpreter)
{
    static _Alignas(16) uint8_t head[4096];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, head, sizeof head) < (ssize_t)sizeof(Elf32_Ehdr) || memcmp(head, ELFMAG, SELFMAG))
        die(path);
    is64 = head[EI_CLASS] == ELFCLASS64;
    if (is64)
        load64(fd, head, interpreter);
    else
        load32(fd, head, interpreter);
    close(fd);
}

static void load(const char *path)
{
    load_file(path, false);
    break_now = break_start = (break_start + 0xffff) & ~0xffffull;
    if (mmap((void *)break_start, BREAK_ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_NORESERVE, -1,
             0) == MAP_FAILED)
        die("mmap of the heap");
    note_map(break_start, BREAK_ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (*interpreter_path)
        load_file(interpreter_path, true);
}

/* ---- the first stack ---------------------------------------------------------------------------------------------- */

static uint64_t sp;

static uint64_t push_bytes(const void *p, size_t n)
{
    sp -= n;
    memcpy((void *)sp, p, n);
    return sp;
}

static void push_word(uint64_t v)
{
    push_bytes(&v, is64 ? 8 : 4);
}

static void make_stack(int argc, char **argv)
{
    static uint64_t args[1000], env[1000];
    uint8_t random[16];
    unsigned envc = 0;
    void *p = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | (is64 ? 0 : MAP_32BIT), -1, 0);
    if (p == MAP_FAILED)
        die("mmap of the stack");
    note_map((uint64_t)p, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    sp = (uint64_t)p + STACK_SIZE - 64;
    memcpy(random, (void *)getauxval(AT_RANDOM), 16);
    for (char **e = environ; *e && envc < 999; e++)
        env[envc++] = push_bytes(*e, strlen(*e) + 1);
    for (int i = 0; i < argc && i < 999; i++)
        args[i] = push_bytes(argv[i], strlen(argv[i]) + 1);
    uint32_t id[4];
    x86_cpuid(1, 0, is64, id);
    uint64_t bytes = push_bytes(random, 16), platform = push_bytes(is64 ? "x86_64" : "i686", 7);
    const uint64_t aux[][2] = {{AT_PHDR, program_headers}, {AT_PHENT, header_size}, {AT_PHNUM, header_count}, {AT_PAGESZ, 4096},
                               {AT_ENTRY, program_entry}, {AT_BASE, interpreter_base}, {AT_UID, getuid()}, {AT_EUID, geteuid()}, {AT_GID, getgid()},
                               {AT_EGID, getegid()}, {AT_SECURE, 0}, {AT_RANDOM, bytes}, {AT_CLKTCK, 100}, {AT_PLATFORM, platform},
                               {AT_EXECFN, args[0]}, {AT_HWCAP, id[3]}, {AT_NULL, 0}};
    uint64_t words = 2 * ARRAY_LEN(aux) + envc + 1 + (unsigned)argc + 1 + 1, size = is64 ? 8 : 4;
    sp = ((sp & ~63ull) - words * size) & ~15ull;
    uint64_t bottom = sp;
    sp += words * size;
    for (size_t i = ARRAY_LEN(aux); i-- > 0;) {
        push_word(aux[i][1]);
        push_word(aux[i][0]);
    }
    push_word(0);
    for (unsigned i = envc; i-- > 0;)
        push_word(env[i]);
    push_word(0);
    for (int i = argc; i-- > 0;)
        push_word(args[i]);
    push_word((uint64_t)argc);
    if (sp != bottom)
        errno = EINVAL, die("stack");
}

/* ---- system calls --------------------------------------------------------------------------------------------------- */

static NORETURN void leave(int code)
{
    fflush(NULL);
    if (stats) {
        uint64_t s[ENGINE_STAT_COUNT];
        struct timespec t;
        engine_stats(engine, s);
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
        fprintf(stderr, "x86run: %llu units, %llu instructions, %llu bytes of code, %llu enters, %llu system calls, %llu code writes, "
                "%llu checked units, %llu stale, %ld.%03ld s\n",
                (unsigned long long)s[ENGINE_STAT_UNITS], (unsigned long long)s[ENGINE_STAT_GUEST_INSNS],
                (unsigned long long)s[ENGINE_STAT_HOST_BYTES], (unsigned long long)s[ENGINE_STAT_ENTERS],
                (unsigned long long)s[ENGINE_STAT_SYSCALLS], (unsigned long long)s[ENGINE_STAT_CODE_WRITES],
                (unsigned long long)s[ENGINE_STAT_CHECKED], (unsigned long long)s[ENGINE_STAT_STALE], (long)t.tv_sec, t.tv_nsec / 1000000);
        if (engine_host(engine)->report)
            engine_host(engine)->report();
    }
    _exit(code);
}

static int64_t set_break(uint64_t to)
{
    if (to >= break_start && to <= break_start + BREAK_ROOM)
        break_now = to;
    return (int64_t)break_now;
}

static int64_t do_fork(void)
{
    fflush(NULL);
    engine_fork_prepare(engine);
    int64_t pid = fork();
    if (pid == 0)
        engine_fork_child(engine, cpu);
    else
        engine_fork_parent(engine);
    return pid < 0 ? -errno : pid;
}

/* execve: of the program itself (busybox does so) again under x86run, of others natively. */
static int64_t do_exec(const char *path, char **argv, char **env)
{
    char *args[256] = {"x86run"};
    unsigned n = 1;
    if (strcmp(path, "/proc/self/exe") == 0 && argv[0]) {
        for (int i = 1; i < own_options; i++)
            args[n++] = own_argv[i];
        args[n++] = "--argv0";
        args[n++] = argv[0];
        args[n++] = program_path;
        for (char **a = argv + 1; *a && n < 255; a++)
            args[n++] = *a;
        argv = args;
    }
    execve(path, argv, env);
    return -errno;
}

/* What a call that maps memory changes: before it and, if it succeeded (at), after. */
static void map_before(uint64_t start, uint64_t size)
{
    memory_layout_lock();
    engine_lift_guards(engine, start, size);
    memory_layout_unlock();
}

static void map_after(uint64_t at, uint64_t size, int prot, int flags, int fd, uint64_t offset)
{
    memory_layout_lock();
    note_map(at, size, prot, flags, fd, offset);
    engine_invalidate(engine, at, size);
    if (prot & PROT_WRITE)
        engine_now_writable(engine, at, size);
    memory_layout_unlock();
}

static void unmap_after(uint64_t at, uint64_t size)
{
    memory_note_unmap(at, at + ((size + 4095) & ~4095ull));
    engine_invalidate(engine, at, size);
}

static void protect_after(uint64_t at, uint64_t size, int prot)
{
    memory_layout_lock();
    memory_note_protect(at, at + ((size + 4095) & ~4095ull), prot);
    if (!(prot & PROT_EXEC))
        engine_invalidate(engine, at, size);
    if (prot & PROT_WRITE)
        engine_now_writable(engine, at, size);
    memory_layout_unlock();
}

static void remap_after(uint64_t old, uint64_t old_size, uint64_t at, uint64_t size)
{
    struct memory_area area;
    if (!memory_area_at(old, &area))
        return;
    if (old_size)
        unmap_after(old, old_size);
    area.offset += old - area.start;
    area.start = at;
    area.end = at + ((size + 4095) & ~4095ull);
    memory_note_map(&area);
    engine_invalidate(engine, at, size);
}

static bool ok(int64_t result) { return result >= 0 || result < -4096; }

static int64_t raw64(uint64_t nr, const uint64_t *a)
{
    int64_t r = syscall((long)nr, a[0], a[1], a[2], a[3], a[4], a[5]);
    return r == -1 ? -errno : r;
}

static int64_t map64(uint64_t nr, const uint64_t *a)
{
    map_before(a[0], a[1]);
    if (nr == SYS_mremap && (a[3] & MREMAP_FIXED))
        map_before(a[4], a[2]);
    int64_t r = raw64(nr, a);
    if (!ok(r))
        return r;
    switch (nr) {
    case SYS_mmap: map_after((uint64_t)r, a[1], (int)a[2], (int)a[3], (int)a[4], a[5]); break;
    case SYS_munmap: unmap_after(a[0], a[1]); break;
    case SYS_mprotect: protect_after(a[0], a[1], (int)a[2]); break;
    case SYS_mremap: remap_after(a[0], a[1], (uint64_t)r, a[2]); break;
    }
    return r;
}

static int64_t call64(struct x86_state *s)
{
    const uint64_t a[6] = {s->r[X86_RDI], s->r[X86_RSI], s->r[X86_RDX], s->r[10], s->r[8], s->r[9]};
    switch (s->r[X86_RAX]) {
    case SYS_exit:
    case SYS_exit_group: leave((int)a[0]);
    case SYS_brk: return set_break(a[0]);
    case SYS_arch_prctl:
        if (a[0] != 0x1002) /* ARCH_SET_FS */
            return -EINVAL;
        s->base[X86_FS] = a[1];
        return 0;
    case SYS_set_tid_address: return getpid();
    case SYS_set_robust_list:
    case SYS_rseq:
    case SYS_clone3: return -ENOSYS;
    case SYS_rt_sigaction:
    case SYS_rt_sigprocmask:
    case SYS_sigaltstack: return 0;
    case SYS_clone:
        if (a[0] & 0x10000) /* CLONE_THREAD */
            return -ENOSYS;
        return do_fork();
    case SYS_fork:
    case SYS_vfork: return do_fork();
    case SYS_execve: return do_exec((const char *)a[0], (char **)a[1], (char **)a[2]);
    case SYS_mmap:
    case SYS_munmap:
    case SYS_mprotect:
    case SYS_mremap: return map64(s->r[X86_RAX], a);
    default:
        engine_about_to_write(engine, 0, MEMORY_END); /* whatever it writes */
        return raw64(s->r[X86_RAX], a);
    }
}

/* Through the kernel's own 32-bit entry, which knows the structures. */
static int64_t raw32(const struct x86_state *s)
{
    int32_t r;
    __asm__ volatile("push %%rbp; movl %[bp], %%ebp; int $0x80; pop %%rbp"
                     : "=a"(r)
                     : "a"((uint32_t)s->r[X86_RAX]), "b"((uint32_t)s->r[X86_RBX]), "c"((uint32_t)s->r[X86_RCX]), "d"((uint32_t)s->r[X86_RDX]),
                       "S"((uint32_t)s->r[X86_RSI]), "D"((uint32_t)s->r[X86_RDI]), [bp] "r"((uint32_t)s->r[X86_RBP])
                     : "memory", "r8", "r9", "r10", "r11");
    return r;
}

static int64_t call32(struct x86_state *s)
{
    enum { EXIT = 1, FORK = 2, SIGACTION = 174, SIGPROCMASK = 175, SIGALTSTACK = 186, VFORK = 190, BRK = 45, MUNMAP = 91, CLONE = 120,
           MPROTECT = 125, MMAP2 = 192, SET_THREAD_AREA = 243, EXIT_GROUP = 252, SET_TID_ADDRESS = 258, MREMAP = 163, SET_ROBUST_LIST = 311, RSEQ = 386, CLONE3 = 435 };
    uint64_t a = (uint32_t)s->r[X86_RBX], b = (uint32_t)s->r[X86_RCX];
    switch ((uint32_t)s->r[X86_RAX]) {
    case EXIT:
    case EXIT_GROUP: leave((int)a);
    case BRK: return set_break(a);
    case SET_THREAD_AREA: {
        struct user_desc *d = (struct user_desc *)a;
        unsigned entry = d->entry_number == ~0u ? X86_TLS_FIRST : d->entry_number;
        if (!x86_tls_set(s, entry, d->base_addr))
            return -EINVAL;
        d->entry_number = entry;
        return 0;
    }
    case SET_TID_ADDRESS: return getpid();
    case SET_ROBUST_LIST:
    case RSEQ:
    case CLONE3: return -ENOSYS;
    case SIGACTION:
    case SIGPROCMASK:
    case SIGALTSTACK: return 0;
    case CLONE:
        if (a & 0x10000)
            return -ENOSYS;
        return do_fork();
    case FORK:
    case VFORK: return do_fork();
    case MMAP2:
    case MUNMAP:
    case MPROTECT:
    case MREMAP: {
        map_before(a, b);
        if ((uint32_t)s->r[X86_RAX] == MREMAP && (s->r[X86_RSI] & MREMAP_FIXED))
            map_before((uint32_t)s->r[X86_RDI], (uint32_t)s->r[X86_RDX]);
        int64_t r = raw32(s);
        if (ok(r) && (uint32_t)s->r[X86_RAX] == MMAP2)
            map_after((uint32_t)r, b, (int)s->r[X86_RDX], (int)s->r[X86_RSI], (int)s->r[X86_RDI], (uint64_t)(uint32_t)s->r[X86_RBP] * 4096);
        else if (ok(r) && (uint32_t)s->r[X86_RAX] == MUNMAP)
            unmap_after(a, b);
        else if (ok(r) && (uint32_t)s->r[X86_RAX] == MPROTECT)
            protect_after(a, b, (int)s->r[X86_RDX]);
        else if (ok(r))
            remap_after(a, b, (uint32_t)r, (uint32_t)s->r[X86_RDX]);
        return r;
    }
    default:
        engine_about_to_write(engine, 0, MEMORY_END);
        return raw32(s);
    }
}

static NORETURN void report(enum cpu_event event)
{
    const struct x86_state *s = x86_state(cpu);
    fflush(NULL);
    fprintf(stderr, "x86run: event %d, detail %llu, address %#llx at %#llx\n", (int)event, (unsigned long long)cpu->exit_detail,
            (unsigned long long)cpu->fault.address, (unsigned long long)s->rip);
    for (unsigned i = 0; i < 16; i++)
        fprintf(stderr, "  r%-2u %016llx%s", i, (unsigned long long)s->r[i], i % 4 == 3 ? "\n" : "");
    _exit(128);
}

static NORETURN void run(void)
{
    struct x86_state *s = x86_state(cpu);
    for (;;) {
        enum cpu_event event = engine_run(cpu, 0);
        switch (event) {
        case CPU_EVENT_SYSCALL: s->r[X86_RAX] = is64 ? (uint64_t)call64(s) : (uint32_t)call32(s); break;
        case CPU_EVENT_YIELD:
        case CPU_EVENT_INTERRUPT: break;
        default: report(event);
        }
    }
}

int main(int argc, char **argv)
{
    struct engine_config config = {.host = host_best(), .fetch = fetch};
    char *argv0 = NULL;
    int i = 1;
    for (; i < argc && !strncmp(argv[i], "--", 2); i++) {
        if (!strcmp(argv[i], "--engine") && i + 1 < argc)
            config.host = host_by_name(argv[++i]);
        else if (!strcmp(argv[i], "--max-insns") && i + 1 < argc)
            config.max_insns = (unsigned)atoi(argv[++i]);
        else if (!strcmp(argv[i], "--argv0") && i + 1 < argc)
            argv0 = argv[++i];
        else if (!strcmp(argv[i], "--no-opt"))
            config.no_opt = true;
        else if (!strcmp(argv[i], "--stats"))
            stats = true;
        else
            break;
    }
    if (i >= argc || !config.host) {
        fprintf(stderr, "usage: x86run [--engine interp|x64] [--no-opt] [--max-insns N] [--stats] PROGRAM [ARGUMENT...]\n");
        return 2;
    }
    own_argv = argv;
    own_options = argv0 ? i - 2 : i;
    program_path = argv[i];
    load(argv[i]);
    if (argv0)
        argv[i] = argv0;
    config.guest = is64 ? &guest_x86_64 : &guest_i386;
    engine = engine_create(&config);
    cpu = engine ? engine_cpu_create(engine, NULL) : NULL;
    if (!cpu)
        errno = ENOMEM, die("engine");
    struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    stack_t alt = {.ss_size = 1 << 16, .ss_sp = malloc(1 << 16)};
    sigaltstack(&alt, NULL);
    sigaction(SIGSEGV, &sa, NULL);
    sigaction(SIGBUS, &sa, NULL);
    sigaction(SIGFPE, &sa, NULL);
    make_stack(argc - i, argv + i);
    x86_state(cpu)->r[X86_RSP] = sp;
    x86_state(cpu)->rip = first_pc;
    engine_state_changed(cpu);
    run();
}
