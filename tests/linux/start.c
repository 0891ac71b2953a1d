/* What a program finds at its start: arguments, environment, auxiliary vector, vdso, stack. */
#include "test.h"
#include <elf.h>
#include <link.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/utsname.h>

extern char **environ;
static char data_variable = 1;

/* The value of a vdso symbol, or NULL. */
static void *vdso_symbol(const char *name)
{
    const char *base = (const char *)getauxval(AT_SYSINFO_EHDR);
    const ElfW(Ehdr) *eh = (const void *)base;
    const ElfW(Phdr) *ph = (const void *)(base + eh->e_phoff);
    const ElfW(Sym) *symbols = NULL;
    const ElfW(Dyn) *dynamic = NULL;
    const char *strings = NULL;
    const uint32_t *hash = NULL;
    uintptr_t bias = 0;

    for (int i = 0; i < eh->e_phnum; i++) {
        if (ph[i].p_type == PT_DYNAMIC)
            dynamic = (const void *)(base + ph[i].p_offset);
        if (ph[i].p_type == PT_LOAD)
            bias = (uintptr_t)base - ph[i].p_vaddr;
    }
    for (; dynamic && dynamic->d_tag; dynamic++) {
        if (dynamic->d_tag == DT_SYMTAB)
            symbols = (const void *)(bias + dynamic->d_un.d_ptr);
        if (dynamic->d_tag == DT_STRTAB)
            strings = (const void *)(bias + dynamic->d_un.d_ptr);
        if (dynamic->d_tag == DT_HASH)
            hash = (const void *)(bias + dynamic->d_un.d_ptr);
    }
    if (!hash || !symbols || !strings)
        return NULL;
    for (uint32_t i = 1; i < hash[1]; i++)
        if (!strcmp(strings + symbols[i].st_name, name))
            return (void *)(bias + symbols[i].st_value);
    return NULL;
}

#ifdef __aarch64__
#define GETTIME "__kernel_clock_gettime"
#define GETTIMEOFDAY "__kernel_gettimeofday"
#define GETRES "__kernel_clock_getres"
#define PLATFORM "aarch64"
#else
#define GETTIME "__vdso_clock_gettime"
#define GETTIMEOFDAY "__vdso_gettimeofday"
#define GETRES "__vdso_clock_getres"
#ifdef __i386__
#define PLATFORM "i686"
#else
#define PLATFORM "x86_64"
#endif
#endif

static void test_vdso(void)
{
    int (*gettime)(clockid_t, struct timespec *) = (int (*)(clockid_t, struct timespec *))vdso_symbol(GETTIME);
    int (*getres)(clockid_t, struct timespec *) = (int (*)(clockid_t, struct timespec *))vdso_symbol(GETRES);
    int (*timeofday)(struct timeval *, void *) = (int (*)(struct timeval *, void *))vdso_symbol(GETTIMEOFDAY);
    struct timespec a, b;
    struct timeval tv;

    ok(gettime && getres && timeofday);
    for (int clock = 0; clock < 8; clock++) {
        long ra = gettime(clock, &a), rb = syscall(SYS_clock_gettime, clock, &b);
        double delta = (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
        ok(ra == rb && delta > -0.05 && delta < 0.05);
    }
    ok(gettime(99, &a) == -EINVAL);
    ok(!getres(CLOCK_MONOTONIC, &a) && a.tv_sec == 0 && a.tv_nsec >= 1 && !getres(CLOCK_REALTIME, NULL));
    syscall(SYS_clock_gettime, CLOCK_REALTIME, &a);
    ok(!timeofday(&tv, NULL) && tv.tv_sec - a.tv_sec <= 1 && tv.tv_usec < 1000000);
    ok(!timeofday(NULL, NULL) && !timeofday(NULL, &b));
    bool forward = true;
    gettime(CLOCK_MONOTONIC, &a);
    for (int i = 0; i < 1000; i++) {
        gettime(CLOCK_MONOTONIC, &b);
        forward = forward && (b.tv_sec > a.tv_sec || (b.tv_sec == a.tv_sec && b.tv_nsec >= a.tv_nsec));
        a = b;
    }
    ok(forward);
}

int main(int argc, char **argv)
{
    unsigned long *sp = (unsigned long *)(argv - 1);
    struct utsname u;

    if (argc == 1) { /* again with known arguments */
        char *args[] = {argv[0], (char *)"", (char *)"two words", (char *)"last", NULL};
        char *env[] = {(char *)"A=1", (char *)"EMPTY=", (char *)"odd", NULL};
        execve("/proc/self/exe", args, env);
        return 99;
    }
    ok(argc == 4 && !argv[4] && !*argv[1] && !strcmp(argv[2], "two words") && !strcmp(argv[3], "last"));
    ok(!strcmp(environ[0], "A=1") && !strcmp(environ[1], "EMPTY=") && !strcmp(environ[2], "odd") && !environ[3]);
    ok(!((uintptr_t)sp & 15) && *sp == 4 && environ == argv + 5);
    /* Strings lie one after the other. */
    ok(argv[1] == argv[0] + strlen(argv[0]) + 1 && environ[0] == argv[3] + 5 && environ[1] == environ[0] + 4);
    const char *execfn = (const char *)getauxval(AT_EXECFN);
    ok(execfn && execfn == environ[2] + 4 && !strcmp(execfn, "/proc/self/exe"));
    ok(!((uintptr_t)(execfn + strlen(execfn) + 1 + 8) & 4095));

    ElfW(auxv_t) *aux = (ElfW(auxv_t) *)(environ + 4);
    bool null = false;
    for (int i = 0; i < 64 && !null; i++)
        null = aux[i].a_type == AT_NULL;
    ok(null);
    ok(getauxval(AT_PAGESZ) == 4096 && getauxval(AT_CLKTCK) == 100 && getauxval(AT_PHENT) == sizeof(ElfW(Phdr)));
    ok(getauxval(AT_UID) == getuid() && getauxval(AT_EGID) == getegid() && getauxval(AT_SECURE) == 0);
    ok(getauxval(AT_RANDOM) && !strcmp((char *)getauxval(AT_PLATFORM), PLATFORM));
    ok(getauxval(AT_HWCAP) != 0);
    const ElfW(Phdr) *ph = (const ElfW(Phdr) *)getauxval(AT_PHDR);
    ok(ph && getauxval(AT_PHNUM) > 2 && (ph[0].p_type == PT_PHDR || ph[0].p_type == PT_LOAD || ph[0].p_type == 0x70000001 || ph[0].p_type == PT_NOTE));
    ok(getauxval(AT_ENTRY) > 0x10000 && data_variable);
#ifdef __aarch64__
    ok(getauxval(51) >= 4720);
#else
    ok(getauxval(51) >= 1000);
#endif
    /* A 64-bit kernel tells its own name to 32-bit programs too. */
    ok(!uname(&u) && (!strcmp(u.machine, PLATFORM) || (sizeof(long) == 4 && !strcmp(u.machine, "x86_64"))));
    /* The stack: eight megabytes are there, or what the limit says. */
    struct rlimit r;
    getrlimit(RLIMIT_STACK, &r);
    size_t depth = r.rlim_cur == RLIM_INFINITY || r.rlim_cur > 8 << 20 ? 7 << 20 : r.rlim_cur * 3 / 4;
    volatile char *big = __builtin_alloca(depth);
    big[0] = 1;
    ok(big[0] == 1);
    test_vdso();
    return test_done();
}
