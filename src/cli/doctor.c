/* `demotic doctor`: what this machine can do for Demotic, what is missing, and what to do about it. */
#include "cli/cli.h"
#include "cli/relay.h"
#include "host/host.h"
#if defined(__x86_64__)
#include <cpuid.h>
#endif
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

static int problems;

/* One line of the report.  `advice` is printed, and counted as a problem, when !ok. */
static void report(bool ok, const char *what, const char *value, const char *advice)
{
    printf("%-4s %-34s %s\n", ok ? "ok" : "no", what, value);
    if (!ok) {
        printf("     -> %s\n", advice);
        problems++;
    }
}

/* As the code cache does it: shared anonymous memory, once writable and once more executable. */
static bool can_map_code(void)
{
    const size_t size = 4096;
    void *rw = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (rw == MAP_FAILED)
        return false;
    void *exec = mremap(rw, 0, size, MREMAP_MAYMOVE);
    bool ok = exec != MAP_FAILED && mprotect(exec, size, PROT_READ | PROT_EXEC) == 0;
    if (exec != MAP_FAILED)
        munmap(exec, size);
    munmap(rw, size);
    return ok;
}

static bool has_openat2(void)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT};
    long fd = syscall(SYS_openat2, AT_FDCWD, "/", &how, sizeof how);
    if (fd < 0)
        return false;
    close((int)fd);
    return true;
}

static bool on_path(const char *program)
{
    const char *path = getenv("PATH");
    char full[4096];
    while (path && *path) {
        size_t n = strcspn(path, ":");
        snprintf(full, sizeof full, "%.*s/%s", (int)n, path, program);
        if (access(full, X_OK) == 0)
            return true;
        path += n + (path[n] == ':');
    }
    return false;
}

static void cpu_features(void)
{
#if defined(__x86_64__)
    /* Not __builtin_cpu_supports(): what it needs is set up at every start of the program. */
    static const struct {
        const char *name;
        unsigned leaf, reg /* EBX is 1 */, bit;
    } features[] = {
        {"avx2", 7, 1, 5}, {"bmi", 7, 1, 3},       {"bmi2", 7, 1, 8}, {"fma", 1, 2, 12},
        {"sha", 7, 1, 29}, {"avx512vl", 7, 1, 31}, {"aes", 1, 2, 25}, {"pclmul", 1, 2, 1},
    };
    char have[256] = "";
    uint32_t r[4] = {0};
    for (unsigned i = 0; i < ARRAY_LEN(features); i++)
        if (__get_cpuid_count(features[i].leaf, 0, &r[0], &r[1], &r[2], &r[3]) &&
            (r[features[i].reg] >> features[i].bit & 1))
            strcat(strcat(have, have[0] ? " " : ""), features[i].name);
    const uint32_t v2 = bit_SSE4_2 | bit_POPCNT;
    __get_cpuid(1, &r[0], &r[1], &r[2], &r[3]);
    report((r[2] & v2) == v2, "processor (x86-64-v2 at least)", have,
           "the jit needs SSE4.2 and POPCNT; --engine interp works without");
#endif
}

static void roots(void)
{
    char text[32];
    unsigned n = roots_each(NULL);
    snprintf(text, sizeof text, "%u (demotic root list)", n);
    report(n > 0, "roots", text, "dynamically linked programs need one: demotic root create arm64 --arch arm64");
}

int cli_doctor(struct options *o)
{
    struct utsname u;
    uname(&u);
    report(true, "demotic", DEMOTIC_VERSION, "");
    report(true, "kernel", u.release, "");
    report(host_best() != NULL, "fastest engine", host_best() ? host_best()->name : "none", "this build has no engine for this machine");
    cpu_features();
    report(can_map_code(), "executable memory", "for generated code",
           "shared memory may not be mapped executable here (a security policy?); use --engine interp");
    report(has_openat2(), "openat2", "fast look-up of paths in roots", "kernel 5.6 or later has it; slower look-ups are used instead");
    report(on_path("mmdebstrap"), "mmdebstrap", "makes roots", "apt-get install mmdebstrap");
    report(geteuid() == 0 || on_path("newuidmap"), "newuidmap", "makes roots as an ordinary user", "apt-get install uidmap");
    report(relay_is_there(), "relay", "exit statuses and pipes of Windows programs", "apt-get install clang lld llvm, then build Demotic again");
    roots();
    printf("%s\n", problems ? "Something is missing, see above." : "All is well.");
    return problems ? 1 : 0;
}
