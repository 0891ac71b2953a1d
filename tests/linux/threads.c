/* Threads: clone flags, thread ids, thread-local storage, futexes, robust lists, who gets a signal. */
#include "test.h"
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/time.h>

static __thread int tls = 5;

static int tid(void) { return (int)syscall(SYS_gettid); }

static long futex(volatile void *p, int op, unsigned v, const struct timespec *ts, unsigned v3)
{
    return syscall(SYS_futex, p, op, v, ts, NULL, v3);
}

static void *add_many(void *arg)
{
    for (int i = 0; i < 20000; i++)
        __atomic_fetch_add((long *)arg, 1, __ATOMIC_SEQ_CST);
    tls += (int)(intptr_t)pthread_self() & 0xff;
    return NULL;
}

static void test_many(void)
{
    pthread_t th[8];
    long sum = 0;
    bool good = true;

    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < 8; i++)
            good = good && !pthread_create(&th[i], NULL, add_many, &sum);
        for (int i = 0; i < 8; i++)
            pthread_join(th[i], NULL);
    }
    ok(good && sum == 10 * 8 * 20000L);
    ok(tls == 5);
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int turn;

static void *ping(void *arg)
{
    for (int i = 0; i < 2000; i++) {
        pthread_mutex_lock(&mutex);
        while (turn != 1)
            pthread_cond_wait(&cond, &mutex);
        turn = 0;
        pthread_cond_broadcast(&cond);
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

static void test_condition(void)
{
    pthread_t th;

    pthread_create(&th, NULL, ping, NULL);
    for (int i = 0; i < 2000; i++) {
        pthread_mutex_lock(&mutex);
        while (turn != 0)
            pthread_cond_wait(&cond, &mutex);
        turn = 1;
        pthread_cond_broadcast(&cond);
        pthread_mutex_unlock(&mutex);
    }
    pthread_join(th, NULL);
    ok(turn == 0);
}

/* clone with everything in sight. */
static char stack[65536] __attribute__((aligned(16)));
static volatile int seen_tid, seen_pid, parent_tid, child_tid, child_at_start;

static int clone_main(void *arg)
{
    child_at_start = child_tid;
    seen_tid = tid();
    seen_pid = getpid();
    syscall(SYS_exit, 0);
    return 0;
}

static void test_clone(void)
{
    int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_PARENT_SETTID |
                CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;

    /* The C library's thread-local storage is shared with the child here: it does nothing with it. */
    child_tid = -1; /* the kernel writes it in the child, when that first runs */
    int got = clone(clone_main, stack + sizeof(stack), flags, NULL, &parent_tid, NULL, &child_tid);
    int now;
    while ((now = child_tid))
        futex(&child_tid, FUTEX_WAIT, (unsigned)now, NULL, 0);
    ok(got > 0 && got != tid() && parent_tid == got);
    ok(seen_tid == got && seen_pid == getpid() && child_at_start == got);
    fails(clone(clone_main, stack + sizeof(stack), CLONE_THREAD | CLONE_VM, NULL), EINVAL);
    fails(clone(clone_main, stack + sizeof(stack), CLONE_SIGHAND, NULL), EINVAL);
    fails(syscall(SYS_clone3, NULL, 8), EINVAL);
    fails(syscall(SYS_clone3, (void *)8, 88), EFAULT);
}

static volatile uint32_t word, woken;

static void *wait_word(void *arg)
{
    long r = futex(&word, FUTEX_WAIT_PRIVATE, 0, NULL, 0);
    __atomic_fetch_add(&woken, r == 0, __ATOMIC_SEQ_CST);
    return NULL;
}

static void test_futex(void)
{
    struct timespec ts = {0, 20000000};
    pthread_t th[4];

    fails(futex(&word, FUTEX_WAIT, 1, NULL, 0), EAGAIN);
    double start = test_now();
    fails(futex(&word, FUTEX_WAIT, 0, &ts, 0), ETIMEDOUT);
    ok(test_now() - start > 0.019);
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    fails(futex(&word, FUTEX_WAIT_BITSET, 0, &at, FUTEX_BITSET_MATCH_ANY), ETIMEDOUT);
    fails(futex((char *)&word + 1, FUTEX_WAIT, 0, NULL, 0), EINVAL);
    fails(futex((void *)8, FUTEX_WAIT, 0, NULL, 0), EFAULT);
    fails(syscall(SYS_futex, &word, 99, 0, NULL, NULL, 0), ENOSYS);
    for (int i = 0; i < 4; i++)
        pthread_create(&th[i], NULL, wait_word, NULL);
    long total = 0;
    double until = test_now() + 5;
    while (total < 4 && test_now() < until) {
        total += futex(&word, FUTEX_WAKE_PRIVATE, 1, NULL, 0);
        sched_yield();
    }
    for (int i = 0; i < 4; i++)
        pthread_join(th[i], NULL);
    ok(total == 4 && woken == 4);
}

static pthread_mutex_t robust, inherit;

static void *die_holding(void *arg)
{
    pthread_mutex_lock(arg);
    return NULL;
}

static void test_robust(void)
{
    pthread_mutexattr_t attr;
    pthread_t th;

    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&robust, &attr);
    for (int i = 0; i < 20; i++) {
        pthread_create(&th, NULL, die_holding, &robust);
        pthread_join(th, NULL);
        if (pthread_mutex_lock(&robust) != EOWNERDEAD || pthread_mutex_consistent(&robust))
            break;
        pthread_mutex_unlock(&robust);
        if (i == 19)
            ok(!pthread_mutex_trylock(&robust));
    }
    pthread_mutex_unlock(&robust);
    /* Between processes, the owner killed. */
    pthread_mutex_t *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(shared, &attr);
    pid_t pid = fork();
    if (!pid) {
        pthread_mutex_lock(shared);
        kill(getpid(), SIGKILL);
    }
    waitpid(pid, NULL, 0);
    ok(pthread_mutex_lock(shared) == EOWNERDEAD);
    pthread_mutexattr_init(&attr);
    ok(!pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT) && !pthread_mutex_init(&inherit, &attr));
    ok(!pthread_mutex_lock(&inherit) && !pthread_mutex_unlock(&inherit));
}

static volatile int handler_tid, handler_hits;
static void handler(int sig)
{
    handler_tid = tid();
    handler_hits++;
}

static sem_t ready;
static volatile int stop, victim_tid;

static void *victim(void *arg)
{
    victim_tid = tid();
    sem_post(&ready);
    while (!stop)
        if (arg)
            usleep(1000);
    return NULL;
}

static void test_directed(void)
{
    struct sigaction sa = {.sa_handler = handler};
    pthread_t th;

    sigaction(SIGUSR1, &sa, NULL);
    for (int busy = 0; busy < 2; busy++) {
        sem_init(&ready, 0, 0);
        stop = handler_tid = 0;
        pthread_create(&th, NULL, victim, busy ? NULL : (void *)1);
        while (sem_wait(&ready))
            ;
        pthread_kill(th, SIGUSR1);
        double until = test_now() + 5;
        while (!handler_tid && test_now() < until)
            ;
        ok(handler_tid == victim_tid && victim_tid != getpid());
        stop = 1;
        pthread_join(th, NULL);
    }
    fails(syscall(SYS_tgkill, getpid(), 0x3ffffff, 0), ESRCH);
    fails(syscall(SYS_tgkill, -1, tid(), 0), EINVAL);
    /* A process signal goes to a thread that does not block it. */
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    stop = handler_tid = 0;
    pthread_create(&th, NULL, victim, NULL);
    while (sem_wait(&ready))
        ;
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    kill(getpid(), SIGUSR1);
    double until = test_now() + 5;
    while (!handler_tid && test_now() < until)
        ;
    ok(handler_tid == victim_tid);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    stop = 1;
    pthread_join(th, NULL);
}

static void *cancelled(void *arg)
{
    for (;;)
        pause();
    return NULL;
}

static void *last_one(void *arg)
{
    usleep(50000);
    _exit(23);
}

static void *exits_plainly(void *arg)
{
    usleep(20000);
    syscall(SYS_exit, 99);
    return NULL;
}

static void test_ends(void)
{
    pthread_t th;
    void *result;
    int status;

    pthread_create(&th, NULL, cancelled, NULL);
    usleep(10000);
    pthread_cancel(th);
    ok(!pthread_join(th, &result) && result == PTHREAD_CANCELED);
    pid_t pid = fork();
    if (!pid) {
        pthread_create(&th, NULL, last_one, NULL);
        pthread_exit(NULL);
    }
    ok(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 23);
    pid = fork();
    if (!pid) {
        pthread_create(&th, NULL, exits_plainly, NULL);
        syscall(SYS_exit, 12);
    }
    /* The last thread's status is the process's; before Linux 5.17 or so it was the leader's. */
    ok(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && (WEXITSTATUS(status) == 99 || WEXITSTATUS(status) == 12));
    pid = fork();
    if (!pid) {
        pthread_create(&th, NULL, cancelled, NULL);
        usleep(1000);
        raise(SIGTERM);
    }
    ok(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

/* fork while others allocate and run. */
static volatile int churn_stop;
static void *churn(void *arg)
{
    while (!churn_stop) {
        free(malloc(1000));
        void *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        munmap(p, 65536);
    }
    return NULL;
}

static void test_fork_busy(void)
{
    pthread_t th[2];
    int good = 0, status;

    for (int i = 0; i < 2; i++)
        pthread_create(&th[i], NULL, churn, NULL);
    for (int i = 0; i < 50; i++) {
        pid_t pid = fork();
        if (!pid) {
            void *p = malloc(100000);
            free(p);
            pthread_t t;
            pthread_create(&t, NULL, add_many, calloc(1, 8));
            pthread_join(t, NULL);
            _exit(tid() == getpid() ? 7 : 8);
        }
        good += waitpid(pid, &status, 0) == pid && status == 7 << 8;
    }
    churn_stop = 1;
    for (int i = 0; i < 2; i++)
        pthread_join(th[i], NULL);
    ok(good == 50);
}

int main(void)
{
    test_many();
    test_condition();
    test_clone();
    test_futex();
    test_robust();
    test_directed();
    test_ends();
    test_fork_busy();
    return test_done();
}
