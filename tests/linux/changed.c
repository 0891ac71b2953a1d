/* Code that changes without a word, which x86 allows: seen by all threads and processes, through all mappings and system calls,
 * and by nobody else: neither by handlers of faults nor in /proc/self/maps.  tests/x86/programs/changed_code.c has what one
 * thread sees of its own. */
#include "test.h"
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/utsname.h>

#if defined(__x86_64__) || defined(__i386__)

#define PAGE 4096
#define RWX  (PROT_READ | PROT_WRITE | PROT_EXEC)

static unsigned char *pages(size_t n, int prot)
{
    void *p = mmap(NULL, n * PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        abort();
    return p;
}

/* mov eax, value; ret: the value is aligned, so that it changes at once. */
static unsigned char *put(unsigned char *at, unsigned value)
{
    at[3] = 0xb8;
    at[8] = 0xc3;
    __atomic_store_n((unsigned *)(at + 4), value, __ATOMIC_SEQ_CST);
    return at;
}

static unsigned call(const unsigned char *at)
{
    return ((unsigned (*)(void))(uintptr_t)(at + 3))();
}

/* Changed and called n times. */
static bool changes(unsigned char *write, unsigned char *run, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (put(write, i), call(run) != i)
            return false;
    return true;
}

/* -- /proc/self/maps ----------------------------------------------------------------------------- */

static bool maps_has(const void *p, const char *rights)
{
    FILE *f = fopen("/proc/self/maps", "r");
    char line[1000], r[8];
    unsigned long start, end;
    bool found = false;
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "%lx-%lx %4s", &start, &end, r) == 3 && (unsigned long)p >= start && (unsigned long)p < end)
            found = !strcmp(r, rights);
    if (f)
        fclose(f);
    return found;
}

static void test_maps(void)
{
    unsigned char *p = pages(2, RWX);
    int fd = (int)syscall(SYS_memfd_create, "code", 0);
    ok(fd >= 0 && !ftruncate(fd, PAGE));
    unsigned char *w = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), *x = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    ok(call(put(p, 7)) == 7);
    ok(maps_has(p, "rwxp") && maps_has(p + PAGE, "rwxp"));
    put(w, 8);
    ok(call(x) == 8 && maps_has(w, "rw-s") && maps_has(x, "r-xs"));
    ok(changes(w, x, 30) && changes(p, p, 30));
    ok(maps_has(w, "rw-s") && maps_has(p, "rwxp"));
    close(fd);
}

static void test_shm(void)
{
    int id = shmget(IPC_PRIVATE, PAGE, 0600);
    unsigned char *w = shmat(id, NULL, 0), *x = shmat(id, NULL, SHM_EXEC | SHM_RDONLY);
    if (!ok(id >= 0 && w != (void *)-1 && x != (void *)-1))
        return;
    ok(changes(w, x, 30));
    ok(!shmdt(w));
    ok(call(x) == 29);
    w = shmat(id, NULL, 0);
    put(w, 77);
    ok(call(x) == 77);
    ok(!shmctl(id, IPC_RMID, NULL) && !shmdt(w) && !shmdt(x));
}

/* -- the program's own faults --------------------------------------------------------------------- */

static volatile unsigned faults;
static void *volatile fault_address;
static volatile int fault_code;

static void on_fault(int sig, siginfo_t *info, void *context)
{
    faults++;
    fault_address = info->si_addr;
    fault_code = info->si_code;
    mprotect((void *)((uintptr_t)info->si_addr & -(uintptr_t)PAGE), PAGE, RWX);
}

static void test_faults(void)
{
    struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO}, old;
    unsigned char *p = pages(1, RWX);
    sigaction(SIGSEGV, &sa, &old);
    ok(changes(p, p, 40) && faults == 0);
    for (unsigned i = 0; i < 5; i++) {
        mprotect(p, PAGE, PROT_READ | PROT_EXEC);
        call(p);
        put(p, 100 + i);
        ok(call(p) == 100 + i && faults == i + 1);
        ok(fault_code == SEGV_ACCERR && (unsigned char *)fault_address == p + 3);
    }
    mprotect(p, PAGE, PROT_NONE);
    put(p, 5);
    ok(call(p) == 5 && faults == 6);
    sigaction(SIGSEGV, &old, NULL);
}

/* -- a signal's frame beside code ------------------------------------------------------------------ */

static unsigned char *beside;
static volatile unsigned handled;

static void on_signal(int sig)
{
    handled += call(beside) == 3;
}

static void test_frames(void)
{
    unsigned char *p = pages(16, RWX);
    stack_t stack = {.ss_sp = p, .ss_size = 16 * PAGE - 64}, none = {.ss_flags = SS_DISABLE};
    struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};
    beside = put(p + 16 * PAGE - 64, 3);
    ok(!sigaltstack(&stack, NULL) && !sigaction(SIGUSR1, &sa, NULL));
    for (int i = 0; i < 40; i++) {
        call(beside);
        raise(SIGUSR1);
    }
    ok(handled == 40);
    sigaltstack(&none, NULL);
}

/* -- system calls ---------------------------------------------------------------------------------- */

static void test_calls(void)
{
    unsigned char *p = pages(3, RWX), *code = p + PAGE - 64, from[2 * PAGE];
    int fds[2], pair[2], n = 0;
    ok(!pipe(fds) && !socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
    memset(from, 0x90, sizeof from);
    for (unsigned i = 0; i < 12; i++) {
        bool good = call(put(code, i)) == i && call(put(p + PAGE, i)) == i && call(put(p + 2 * PAGE, i)) == i;
        struct utsname *u = (void *)(p + PAGE + 32);
        struct stat *st = (void *)(p + 2 * PAGE + 64);
        struct pollfd *poll_fd = (void *)(p + PAGE + 2000);
        switch (i % 6) {
        case 0:
            put(from + 32, 1000 + i);
            good &= write(fds[1], from, sizeof from) == sizeof from && read(fds[0], code - 32, sizeof from) == sizeof from;
            good &= call(code) == 1000 + i && p[2 * PAGE] == 0x90;
            break;
        case 1:
            good &= !uname(u) && !strcmp(u->sysname, "Linux");
            break;
        case 2:
            good &= !fstat(0, st) && st->st_nlink && write(fds[1], "x", 1) == 1 && !ioctl(fds[0], FIONREAD, p + PAGE + 64) &&
                    *(int *)(p + PAGE + 64) == 1 && read(fds[0], p + 100, 1) == 1;
            break;
        case 3: {
            struct iovec out = {from, 3 * 64}, in[2] = {{code, 64}, {p + PAGE, 128}};
            struct mmsghdr message = {.msg_hdr = {.msg_iov = in, .msg_iovlen = 2}};
            put(from, 2000 + i);
            put(from + 64, 3000 + i);
            good &= writev(pair[0], &out, 1) == 192 && recvmmsg(pair[1], &message, 1, 0, NULL) == 1 && message.msg_len == 192;
            good &= call(code) == 2000 + i && call(p + PAGE) == 3000 + i;
            break;
        }
        case 4:
            *poll_fd = (struct pollfd){.fd = fds[1], .events = POLLOUT};
            good &= call(p + PAGE) == i && poll(poll_fd, 1, 0) == 1 && poll_fd->revents == POLLOUT;
            good &= call(p + PAGE) == i && getrandom(p + PAGE + 64, 100, 0) == 100;
            break;
        default:
            put(from, 4000 + i);
            good &= pwrite(pair[0], from, 64, 0) == -1 && send(pair[0], from, 64, 0) == 64 && recv(pair[1], p + 2 * PAGE, 64, 0) == 64;
            good &= call(p + 2 * PAGE) == 4000 + i;
        }
        if (!good)
            printf("# case %u\n", i % 6);
        n += good;
    }
    ok(n == 12);
}

/* -- threads and processes ------------------------------------------------------------------------- */

static unsigned char *shared;
static volatile unsigned last;
static _Atomic unsigned *counter;

static void *reader(void *arg)
{
    unsigned seen = 0, now;
    bool backwards = false;
    while ((now = call(shared)) != last || !last) {
        backwards |= now < seen;
        seen = now;
        ++*counter; /* beside the code */
    }
    return (void *)(uintptr_t)backwards;
}

static void test_threads(void)
{
    enum { COUNT = 4, TIMES = 400 };
    pthread_t id[COUNT];
    bool backwards = false;
    unsigned char *p = shared = put(pages(1, RWX), 0);
    counter = (_Atomic unsigned *)(p + 2048);
    last = 0;
    for (int i = 0; i < COUNT; i++)
        ok(!pthread_create(&id[i], NULL, reader, NULL));
    for (unsigned i = 1; i <= TIMES; i++) {
        put(p, i);
        usleep(50);
    }
    last = TIMES;
    for (int i = 0; i < COUNT; i++) {
        void *result;
        pthread_join(id[i], &result);
        backwards |= result != NULL;
    }
    ok(!backwards);
    ok(*counter > 0 && call(p) == TIMES);
}

static pthread_mutex_t *locked;
static unsigned *sum;

static void *adder(void *arg)
{
    for (unsigned i = 0; i < 300; i++) {
        pthread_mutex_lock(locked);
        *sum += call(shared);
        if (i % 50 == 0)
            put(shared, 1);
        pthread_mutex_unlock(locked);
    }
    return NULL;
}

/* A lock, its waiters in the kernel, beside the code that it guards. */
static void test_lock(void)
{
    pthread_t id[4];
    unsigned char *p = shared = put(pages(1, RWX), 1);
    locked = (void *)(p + 1024);
    sum = (void *)(p + 2048);
    pthread_mutex_init(locked, NULL);
    for (int i = 0; i < 4; i++)
        pthread_create(&id[i], NULL, adder, NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(id[i], NULL);
    ok(*sum == 1200);
}

static void test_processes(void)
{
    unsigned char *p = put(pages(1, RWX), 1);
    unsigned char *s = mmap(NULL, PAGE, RWX, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status = 0, good = 0;
    put(s, 1);
    for (unsigned i = 2; i < 14; i++) {
        bool fine = call(p) == i - 1 && call(s) == 1;
        pid_t pid = fork();
        if (!pid) {
            fine = call(p) == i - 1;
            put(p, 100 + i);
            _exit(!(fine && call(p) == 100 + i && call(s) == 1));
        }
        fine &= waitpid(pid, &status, 0) == pid && status == 0 && call(p) == i - 1;
        pid = vfork();
        if (!pid) {
            put(p, i);
            _exit(call(p) != i);
        }
        fine &= waitpid(pid, &status, 0) == pid && status == 0 && call(p) == i;
        good += fine;
    }
    ok(good == 12);
}

int main(void)
{
    test_maps();
    test_shm();
    test_faults();
    test_frames();
    test_calls();
    test_threads();
    test_lock();
    test_processes();
    return test_done();
}

#else

int main(void)
{
    skip("this processor's programs say when they change code");
    return test_done();
}

#endif
