/* Clocks, sleeping, timers. */
#include "test.h"
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/timex.h>

static volatile sig_atomic_t caught, code, value;

static void on_signal(int sig, siginfo_t *si, void *context)
{
    caught++;
    code = si->si_code;
    value = si->si_value.sival_int;
}

int main(void)
{
    struct timespec a, b, left;
    struct timeval tv;
    struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};

    static const clockid_t clocks[] = {
        CLOCK_REALTIME,          CLOCK_MONOTONIC,     CLOCK_PROCESS_CPUTIME_ID,
        CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE,
        CLOCK_MONOTONIC_COARSE,  CLOCK_BOOTTIME,      CLOCK_TAI};
    for (unsigned i = 0; i < sizeof clocks / sizeof *clocks; i++) {
        /* By the library (vdso) and by the kernel: the second is later. */
        bool good =
            clock_gettime(clocks[i], &a) == 0 && syscall(SYS_clock_gettime, clocks[i], &b) == 0;
        ok(good && (b.tv_sec > a.tv_sec || (b.tv_sec == a.tv_sec && b.tv_nsec >= a.tv_nsec)) &&
           b.tv_sec - a.tv_sec < 2);
        ok(clock_getres(clocks[i], &a) == 0 && a.tv_sec == 0 && a.tv_nsec > 0);
    }
    fails(clock_gettime(77, &a), EINVAL);
    fails(syscall(SYS_clock_gettime, CLOCK_REALTIME, (void *)8), EFAULT);
    ok(gettimeofday(&tv, NULL) == 0 && llabs((long long)tv.tv_sec - (long long)time(NULL)) < 2);

    double t = test_now();
    test_sleep(0.05);
    t = test_now() - t;
    ok(t >= 0.05 && t < 2);
    fails(nanosleep(&(struct timespec){0, 1000000000}, NULL), EINVAL);
    fails(nanosleep(&(struct timespec){-1, 0}, NULL), EINVAL);
    clock_gettime(CLOCK_MONOTONIC, &a);
    a.tv_nsec += 30000000;
    if (a.tv_nsec >= 1000000000)
        a.tv_sec++, a.tv_nsec -= 1000000000;
    ok(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &a, NULL) == 0);
    clock_gettime(CLOCK_MONOTONIC, &b);
    ok(b.tv_sec > a.tv_sec || (b.tv_sec == a.tv_sec && b.tv_nsec >= a.tv_nsec));

    sigaction(SIGALRM, &sa, NULL);
    struct itimerval it = {{0, 0}, {0, 30000}}, now;
    ok(setitimer(ITIMER_REAL, &it, NULL) == 0 && getitimer(ITIMER_REAL, &now) == 0 &&
       now.it_value.tv_usec <= 30000);
    left = (struct timespec){0, 0};
    fails(nanosleep(&(struct timespec){5, 0}, &left), EINTR);
    ok(caught == 1 && left.tv_sec == 4);
    sa.sa_flags |= SA_RESTART;
    sigaction(SIGALRM, &sa, NULL);
    setitimer(ITIMER_REAL, &it, NULL);
    fails(nanosleep(&(struct timespec){5, 0}, &left), EINTR); /* never restarted */
    ok(caught == 2 && left.tv_sec == 4);
    setitimer(ITIMER_REAL, &it, NULL);
    ok(clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){5, 0}, &left) == EINTR &&
       left.tv_sec == 4);
    setitimer(ITIMER_REAL, &it, NULL);
    fails(pause(), EINTR);
    ok(caught == 4);

    timer_t id;
    struct sigevent ev = {
        .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 1, .sigev_value.sival_int = 1234};
    sigaction(SIGRTMIN + 1, &sa, NULL);
    caught = 0;
    ok(timer_create(CLOCK_MONOTONIC, &ev, &id) == 0);
    struct itimerspec its = {{0, 0}, {0, 20000000}}, cur;
    ok(timer_settime(id, 0, &its, NULL) == 0 && timer_gettime(id, &cur) == 0 &&
       cur.it_value.tv_nsec <= 20000000);
    for (int i = 0; i < 100 && !caught; i++)
        test_sleep(0.01);
    ok(caught == 1 && code == SI_TIMER && value == 1234);
    ok(timer_getoverrun(id) == 0 && timer_delete(id) == 0);
    fails(timer_delete(id), EINVAL);
    struct tms tm;
    ok(times(&tm) != (clock_t)-1);
    struct rusage ru;
    ok(getrusage(RUSAGE_SELF, &ru) == 0 && ru.ru_maxrss > 100);
    struct timex tx = {0};
    ok(adjtimex(&tx) >= 0 && tx.tick > 5000);
    return test_done();
}
