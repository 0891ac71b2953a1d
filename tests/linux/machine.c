/* What the system says of itself and of the process; addresses that are not ours. */
#include "test.h"
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/uio.h>
#include <sys/utsname.h>

int main(void)
{
    struct utsname u;
    struct sysinfo si;
    struct rlimit r, old;
    char buf[64];

    ok(uname(&u) == 0 && !strcmp(u.sysname, "Linux"));
#if defined(__aarch64__)
    ok(!strcmp(u.machine, "aarch64"));
#elif defined(__i386__) /* a 64-bit kernel tells its own name to 32-bit programs too */
    ok(!strcmp(u.machine, "i686") || !strcmp(u.machine, "x86_64"));
#else
    ok(!strcmp(u.machine, "x86_64"));
#endif
    fails(syscall(SYS_uname, (void *)8), EFAULT);
    ok(sysinfo(&si) == 0 && si.totalram > 0 && si.mem_unit > 0 && si.procs > 0);
    ok(sysconf(_SC_PAGESIZE) == 4096);
    ok(sysconf(_SC_NPROCESSORS_ONLN) >= 1);
    cpu_set_t set;
    ok(sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) >= 1);
    ok(sched_yield() == 0 && sched_getscheduler(0) == SCHED_OTHER);
    unsigned cpu = 9999;
    ok(getcpu(&cpu, NULL) == 0 && cpu < 4096);
    ok(getrlimit(RLIMIT_CORE, &old) == 0);
    r = (struct rlimit){0, old.rlim_max};
    ok(setrlimit(RLIMIT_CORE, &r) == 0 && prlimit(0, RLIMIT_CORE, NULL, &old) == 0 &&
       old.rlim_cur == 0);
    fails(getrlimit(999, &r), EINVAL);
    errno = 0; /* whatever priority the tests were started with */
    ok(getpriority(PRIO_PROCESS, 0) == getpriority(PRIO_PROCESS, getpid()) && errno == 0);
    ok(getuid() == geteuid() && getgid() == getegid() && getppid() > 0);
    uid_t a, b, c;
    ok(getresuid(&a, &b, &c) == 0 && a == getuid());
    ok(getpgid(0) == getpgrp() && getsid(0) > 0);
    ok(prctl(PR_GET_DUMPABLE) == 1);
    ok(prctl(PR_SET_NAME, "a-name-too-long-for-it") == 0 && prctl(PR_GET_NAME, buf) == 0 &&
       !strcmp(buf, "a-name-too-long"));

    int p[2];
    ok(pipe(p) == 0);
    fails(syscall(SYS_write, p[1], (void *)8, 1), EFAULT);
    fails(syscall(SYS_writev, p[1], (void *)8, 1), EFAULT);
    fails(writev(p[1], (struct iovec[]){{(void *)8, 5}}, 1), EFAULT);
    fails(syscall(SYS_writev, p[1], buf, 5000), EINVAL);
    fails(syscall(SYS_nanosleep, (void *)8, NULL), EFAULT);
    fails(syscall(SYS_chdir, (void *)8), EFAULT);
    fails(syscall(SYS_mkdirat, AT_FDCWD, (void *)8, 0), EFAULT);
    fails(syscall(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", (void *)8, 100), EFAULT);
    fails(syscall(SYS_getcwd, (void *)8, 100), EFAULT);
    fails(syscall(SYS_sysinfo, (void *)8), EFAULT);
    fails(syscall(SYS_getdents64, p[0], buf, 64), ENOTDIR);
    struct iovec local = {buf, 8}, remote = {"remotely", 8};
    ssize_t n = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
    ok((n == 8 && !memcmp(buf, "remotely", 8)) || errno == EPERM || errno == ENOSYS);
    return test_done();
}
