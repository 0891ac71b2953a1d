/* Code that is made, changed and thrown away while it runs.  The code is Arm64's, so natively on another
 * processor there is nothing to check.  With --cache-size 1 the translations of each part exceed the code
 * cache many times over: they are evicted in the middle of calls thousands deep, with other threads in them. */
#include "code.h"
#include <pthread.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/time.h>

#if defined(__aarch64__)

typedef uint64_t function(uint64_t);

static uint64_t call(const uint32_t *code, uint64_t x)
{
    return ((function *)(uintptr_t)code)(x);
}

/* -- flags over a jump whose target changes ---------------------------------------------------- */

static void test_flags(void)
{
    uint32_t *p = code_new(64), *target = p + 16;

    p[0] = 0xf100041f;        /* cmp x0, #1 */
    p[1] = 0x14000000u | 15;  /* b target */
    target[0] = 0xf100081f;   /* cmp x0, #2: the flags above are of no use */
    target[1] = 0x9a9f17e0;   /* cset x0, eq */
    target[2] = 0xd65f03c0;   /* ret */
    code_changed(p, 64);
    ok(call(p, 2) == 1 && call(p, 1) == 0);
    target[0] = 0xd503201f; /* nop: now they are */
    code_changed(target, 1);
    ok(call(p, 1) == 1);
    ok(call(p, 2) == 0);
}

/* -- a loop made of calls alone ---------------------------------------------------------------- */

static volatile sig_atomic_t alarms;
static jmp_buf *volatile away;

static void on_alarm(int sig)
{
    if (++alarms >= 3 && away) {
        jmp_buf *to = away;

        away = NULL;
        siglongjmp(*to, 1);
    }
}

void calls_only(void);
__asm__(".text\ncalls_only: bl 2f\n nop\n2: bl calls_only\n nop\n");

static void *wait_a_little(void *arg)
{
    usleep(20000);
    return arg;
}

static void test_calls_only(void)
{
    struct itimerval often = {{0, 20000}, {0, 20000}}, never = {{0, 0}, {0, 0}};
    jmp_buf env;

    away = &env;
    signal(SIGALRM, on_alarm);
    if (sigsetjmp(env, 1) == 0) {
        setitimer(ITIMER_REAL, &often, NULL);
        calls_only();
    }
    setitimer(ITIMER_REAL, &never, NULL);
    ok(alarms >= 3);
}

/* -- more code than the cache holds ------------------------------------------------------------ */

enum { WORDS = 8, COUNT = 12000, DEPTH = 3000, THREADS = 4, ROUNDS = 6 };

/* Function i of `code`: f(x) = 3 * f_next(x + k) + k, and the last is f(x) = x + k. */
static void write_function(uint32_t *code, unsigned i, uint32_t k, bool last)
{
    uint32_t *p = code + i * WORDS;

    p[0] = 0xa9be07fe;                         /* stp x30, x1, [sp, #-32]! */
    p[1] = 0x52800001u | (k & 0xffff) << 5;    /* mov w1, #k */
    p[2] = 0x8b010000;                         /* add x0, x0, x1 */
    p[3] = last ? 0xd503201f : 0x94000000 | (WORDS - 3); /* bl next */
    p[4] = last ? 0xd503201f : 0x52800001u | (k & 0xffff) << 5; /* mov w1, #k */
    p[5] = last ? 0xd503201f : 0x8b000420;     /* add x0, x1, x0, lsl #1 */
    p[6] = 0xa8c207fe;                         /* ldp x30, x1, [sp], #32 */
    p[7] = 0xd65f03c0;                         /* ret */
}

static bool is_last(unsigned i)
{
    return i % DEPTH == DEPTH - 1;
}

static uint32_t *code_of_all(uint32_t seed)
{
    uint32_t *code = code_new(COUNT * WORDS);

    for (unsigned i = 0; i < COUNT; i++)
        write_function(code, i, i * 7 + seed, is_last(i));
    code_changed(code, COUNT * WORDS);
    return code;
}

static uint64_t expected(unsigned from, uint32_t seed, uint64_t x)
{
    unsigned last = from / DEPTH * DEPTH + DEPTH - 1;
    uint64_t y = x;

    for (unsigned i = from; i <= last; i++)
        y += (i * 7 + seed) & 0xffff;
    for (unsigned i = last; i-- > from;)
        y = 2 * y + ((i * 7 + seed) & 0xffff);
    return y;
}

static uint32_t *shared;
static volatile int wrong;

/* Calls what all threads share, and code of its own that it changes every round. */
static void *churn(void *arg)
{
    unsigned me = (unsigned)(uintptr_t)arg, random = me * 2654435761u + 1;
    uint32_t *own = code_of_all(me);

    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned n = 0; n < 8; n++) {
            random = random * 1664525 + 1013904223;
            unsigned from = (random >> 8) % COUNT;
            if (call(shared + from * WORDS, n) != expected(from, 0, n))
                wrong++;
        }
        for (unsigned from = 0; from < COUNT; from += DEPTH)
            if (call(own + from * WORDS, round) != expected(from, me + round, round))
                wrong++;
        for (unsigned i = 0; i < COUNT; i++)
            write_function(own, i, i * 7 + me + round + 1, is_last(i));
        code_changed(own, COUNT * WORDS);
    }
    munmap(own, COUNT * WORDS * 4);
    return NULL;
}

static void test_churn(void)
{
    pthread_t id[THREADS];

    shared = code_of_all(0);
    for (uintptr_t i = 0; i < THREADS; i++)
        pthread_create(&id[i], NULL, churn, (void *)i);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(id[i], NULL);
    ok(wrong == 0);
}

/* A child made in the middle of it goes on with code of its own. */
static void test_fork(void)
{
    int status;
    pid_t pid = fork();

    if (pid == 0)
        _exit(call(shared, 5) == expected(0, 0, 5) ? 0 : 1);
    ok(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
}

int main(void)
{
    pthread_t id;

    test_flags();
    pthread_create(&id, NULL, wait_a_little, NULL);
    test_calls_only();
    pthread_join(id, NULL);
    test_churn();
    test_fork();
    return test_done();
}

#else

int main(void)
{
    skip("for Arm64 processors");
    return test_done();
}

#endif
