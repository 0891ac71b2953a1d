/* Signal delivery: handlers, masks, restarts, queues, alternate stacks, defaults. */
#include "test.h"
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/time.h>

static volatile sig_atomic_t count, last_signal, last_code, order[64], order_n;
static volatile pid_t last_pid;
static volatile uintptr_t last_value, last_sp;
static sigset_t mask_in_handler;

static void handler(int sig) { count++; last_signal = sig; }

static void info_handler(int sig, siginfo_t *info, void *context)
{
    char here;

    count++;
    last_signal = sig;
    last_code = info->si_code;
    last_pid = info->si_pid;
    last_value = (uintptr_t)info->si_value.sival_ptr;
    last_sp = (uintptr_t)&here;
    if (order_n < 64)
        order[order_n++] = sig;
    sigprocmask(SIG_SETMASK, NULL, &mask_in_handler);
}

static void install(int sig, int flags, int masked)
{
    struct sigaction sa = {.sa_flags = flags};

    if (flags & SA_SIGINFO)
        sa.sa_sigaction = info_handler;
    else
        sa.sa_handler = handler;
    sigemptyset(&sa.sa_mask);
    if (masked)
        sigaddset(&sa.sa_mask, masked);
    sigaction(sig, &sa, NULL);
    count = order_n = 0;
}

static void block(int how, int sig)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, sig);
    sigprocmask(how, &set, NULL);
}

static void alarm_ms(int ms)
{
    struct itimerval it = {{0, 0}, {ms / 1000, ms % 1000 * 1000}};

    setitimer(ITIMER_REAL, &it, NULL);
}

static void test_basic(void)
{
    install(SIGUSR1, 0, 0);
    ok(!raise(SIGUSR1) && count == 1 && last_signal == SIGUSR1);
    install(SIGUSR1, SA_SIGINFO, SIGUSR2);
    ok(!kill(getpid(), SIGUSR1) && count == 1 && last_code == SI_USER && last_pid == getpid());
    ok(sigismember(&mask_in_handler, SIGUSR1) && sigismember(&mask_in_handler, SIGUSR2));
    sigset_t now;
    sigprocmask(SIG_SETMASK, NULL, &now);
    ok(!sigismember(&now, SIGUSR1) && !sigismember(&now, SIGUSR2));
    install(SIGUSR1, SA_SIGINFO | SA_NODEFER, 0);
    raise(SIGUSR1);
    ok(count == 1 && !sigismember(&mask_in_handler, SIGUSR1) && last_code == SI_TKILL);
    install(SIGUSR1, SA_RESETHAND, 0);
    raise(SIGUSR1);
    struct sigaction sa;
    sigaction(SIGUSR1, NULL, &sa);
    ok(count == 1 && sa.sa_handler == SIG_DFL);
    fails(sigaction(SIGKILL, &(struct sigaction){.sa_handler = SIG_IGN}, NULL), EINVAL);
    fails(sigaction(65, NULL, &sa), EINVAL);
    fails(kill(getpid(), 65), EINVAL);
    fails(kill(0x3fffffff, 0), ESRCH);
    fails(syscall(SYS_rt_sigprocmask, 77, &(uint64_t){1}, NULL, 8), EINVAL);
    fails(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &(uint64_t){1}, NULL, 16), EINVAL);
    fails(syscall(SYS_rt_sigprocmask, SIG_BLOCK, (void *)8, NULL, 8), EFAULT);
    fails(syscall(SYS_rt_sigaction, SIGUSR1, (void *)8, NULL, 8), EFAULT);
}

static void test_blocked(void)
{
    sigset_t set, pending;

    install(SIGUSR1, SA_SIGINFO, 0);
    block(SIG_BLOCK, SIGUSR1);
    raise(SIGUSR1);
    raise(SIGUSR1);
    sigpending(&pending);
    ok(!count && sigismember(&pending, SIGUSR1) && !sigismember(&pending, SIGUSR2));
    block(SIG_UNBLOCK, SIGUSR1);
    ok(count == 1); /* standard signals do not queue */

    install(SIGRTMIN, SA_SIGINFO, 0);
    block(SIG_BLOCK, SIGRTMIN);
    for (int i = 0; i < 5; i++)
        sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = i});
    block(SIG_UNBLOCK, SIGRTMIN);
    ok(count == 5 && last_code == SI_QUEUE);

    /* Several at once: the kernel builds the lowest first, so the highest handler runs first. */
    install(SIGUSR1, SA_SIGINFO, 0);
    install(SIGUSR2, SA_SIGINFO, 0);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGUSR2);
    raise(SIGUSR1);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    ok(count == 2 && order[0] == SIGUSR2 && order[1] == SIGUSR1);

    /* 32 and 33 belong to the C library, but the kernel does not care. */
    struct {
        void *handler;
        unsigned long flags;
        void *restorer;
        uint64_t mask;
    } old = {0};
    ok(!syscall(SYS_rt_sigaction, 33, NULL, &old, 8));
    sigaddset(&set, SIGRTMAX);
    install(SIGRTMAX, SA_SIGINFO, 0);
    raise(SIGRTMAX);
    ok(count == 1 && last_signal == 64);
}

static void test_suspend(void)
{
    sigset_t none, old;

    install(SIGALRM, SA_SIGINFO, SIGUSR1);
    block(SIG_BLOCK, SIGALRM);
    block(SIG_BLOCK, SIGUSR2);
    sigemptyset(&none);
    for (int i = 0; i < 50; i++) { /* the classic race: the signal may come before or in the call */
        struct itimerval it = {{0, 0}, {0, 1 + i * 7}};
        count = 0;
        setitimer(ITIMER_REAL, &it, NULL);
        if (sigsuspend(&none) != -1 || errno != EINTR || count != 1)
            break;
        if (i == 49)
            ok(count == 1 && sigismember(&mask_in_handler, SIGALRM) && !sigismember(&mask_in_handler, SIGUSR2));
    }
    sigprocmask(SIG_SETMASK, NULL, &old);
    ok(sigismember(&old, SIGALRM) && sigismember(&old, SIGUSR2));
    alarm_ms(1000);
    struct timespec ts = {0, 1000000};
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    block(SIG_BLOCK, SIGUSR1);
    fails(sigtimedwait(&set, NULL, &ts), EAGAIN);
    siginfo_t info;
    sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 42});
    ok(sigtimedwait(&set, &info, &ts) == SIGUSR1 && info.si_value.sival_int == 42 && info.si_code == SI_QUEUE);
    int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    struct signalfd_siginfo si = {0};
    fails(read(fd, &si, sizeof(si)), EAGAIN);
    kill(getpid(), SIGUSR1);
    ok(read(fd, &si, sizeof(si)) == sizeof(si) && si.ssi_signo == SIGUSR1 && (pid_t)si.ssi_pid == getpid());
    close(fd);
    alarm_ms(0);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void *write_later(void *arg)
{
    test_sleep(0.15);
    if (write(*(int *)arg, "x", 1) != 1)
        abort();
    return NULL;
}

static void test_restart(void)
{
    int p[2];
    char c;
    pthread_t th;
    sigset_t set;

    if (pipe(p))
        abort();
    /* The writer must not take the alarm. */
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    install(SIGALRM, SA_RESTART, 0);
    sigprocmask(SIG_BLOCK, &set, NULL);
    pthread_create(&th, NULL, write_later, &p[1]);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    alarm_ms(40);
    ok(read(p[0], &c, 1) == 1 && count == 1);
    pthread_join(th, NULL);
    install(SIGALRM, 0, 0);
    alarm_ms(30);
    fails(read(p[0], &c, 1), EINTR);
    ok(count == 1);
    install(SIGALRM, SA_RESTART, 0);
    alarm_ms(30);
    struct pollfd pf = {p[0], POLLIN, 0};
    fails(poll(&pf, 1, 2000), EINTR); /* never restarted */
    alarm_ms(30);
    struct timespec ts = {2, 0}, left = {0, 0};
    fails(nanosleep(&ts, &left), EINTR);
    ok(left.tv_sec == 1 && left.tv_nsec > 0);
    /* A time-out on the socket takes restarting away. */
    int s[2];
    struct timeval tv = {2, 0};
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, s))
        abort();
    setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
    alarm_ms(30);
    fails(recv(s[0], &c, 1, 0), EINTR);
    close(s[0]);
    close(s[1]);
    /* Ignored signals interrupt nothing. */
    signal(SIGALRM, SIG_IGN);
    alarm_ms(20);
    pf.fd = p[0];
    ok(poll(&pf, 1, 60) == 0);
    close(p[0]);
    close(p[1]);
}

static char alt[65536] __attribute__((aligned(16)));

static void test_altstack(void)
{
    stack_t ss = {.ss_sp = alt, .ss_size = sizeof(alt)}, old;

    ok(!sigaltstack(NULL, &old) && old.ss_flags == SS_DISABLE);
    ss.ss_size = 512;
    fails(sigaltstack(&ss, NULL), ENOMEM);
    ss.ss_size = sizeof(alt);
    ss.ss_flags = 77;
    fails(sigaltstack(&ss, NULL), EINVAL);
    ss.ss_flags = 0;
    ok(!sigaltstack(&ss, NULL));
    install(SIGUSR1, SA_SIGINFO | SA_ONSTACK, 0);
    raise(SIGUSR1);
    ok(last_sp > (uintptr_t)alt && last_sp < (uintptr_t)alt + sizeof(alt));
    install(SIGUSR1, SA_SIGINFO, 0);
    raise(SIGUSR1);
    ok(!(last_sp > (uintptr_t)alt && last_sp < (uintptr_t)alt + sizeof(alt)));
    ok(!sigaltstack(NULL, &old) && old.ss_sp == alt && old.ss_size == sizeof(alt) && !old.ss_flags);
}

static stack_t seen;
static int change_error;

static void stack_handler(int sig)
{
    stack_t ss = {.ss_sp = alt, .ss_size = sizeof(alt)};

    sigaltstack(NULL, &seen);
    change_error = sigaltstack(&ss, NULL) ? errno : 0;
}

static void test_on_altstack(void)
{
    struct sigaction sa = {.sa_handler = stack_handler, .sa_flags = SA_ONSTACK};

    sigaction(SIGUSR1, &sa, NULL);
    raise(SIGUSR1);
    ok(seen.ss_flags == SS_ONSTACK && change_error == EPERM);
#ifdef SS_AUTODISARM
    stack_t ss = {.ss_sp = alt, .ss_size = sizeof(alt), .ss_flags = (int)SS_AUTODISARM};
    sigaltstack(&ss, NULL);
    raise(SIGUSR1);
    ok((seen.ss_flags & SS_DISABLE) && !change_error);
    sigaltstack(NULL, &seen);
    ok(seen.ss_flags == (int)SS_AUTODISARM && seen.ss_sp == alt);
#endif
    stack_t off = {.ss_flags = SS_DISABLE};
    ok(!sigaltstack(&off, NULL));
}

static int status_of(void (*fn)(void))
{
    int status;
    pid_t pid = fork();

    if (!pid) {
        fn();
        _exit(77);
    }
    waitpid(pid, &status, 0);
    return status & ~0x80; /* without the core flag */
}

static void die_term(void) { kill(getpid(), SIGTERM); }
static void die_abort(void) { abort(); }
static void die_segv(void) { *(volatile int *)8 = 1; }
static void die_blocked_segv(void)
{
    block(SIG_BLOCK, SIGSEGV);
    install(SIGSEGV, 0, 0);
    die_segv();
}
static void die_ignored_segv(void)
{
    signal(SIGSEGV, SIG_IGN);
    die_segv();
}
static void sent_blocked_segv(void)
{
    sigset_t pending;

    install(SIGSEGV, 0, 0);
    block(SIG_BLOCK, SIGSEGV);
    raise(SIGSEGV);
    sigpending(&pending);
    if (count || !sigismember(&pending, SIGSEGV))
        _exit(1);
    block(SIG_UNBLOCK, SIGSEGV);
    _exit(count == 1 ? 2 : 3);
}
static void sent_ignored_segv(void)
{
    signal(SIGSEGV, SIG_IGN);
    raise(SIGSEGV);
    _exit(5);
}
static void small_stack(void)
{
    /* No room for a frame: the second signal is a SIGSEGV that cannot be handled either. */
    char *p = mmap(NULL, 65536, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    stack_t ss = {.ss_sp = p, .ss_size = 65536};

    sigaltstack(&ss, NULL);
    install(SIGSEGV, SA_ONSTACK, 0);
    raise(SIGSEGV);
}
static void stop_self(void)
{
    raise(SIGSTOP);
    _exit(9);
}

static void test_defaults(void)
{
    int status;

    ok(status_of(die_term) == SIGTERM);
    ok(status_of(die_abort) == SIGABRT);
    ok(status_of(die_segv) == SIGSEGV);
    ok(status_of(die_blocked_segv) == SIGSEGV);
    ok(status_of(die_ignored_segv) == SIGSEGV);
    ok(status_of(sent_blocked_segv) == 2 << 8);
    ok(status_of(sent_ignored_segv) == 5 << 8);
    ok(status_of(small_stack) == SIGSEGV);
    pid_t pid = fork();
    if (!pid)
        stop_self();
    ok(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    kill(pid, SIGCONT);
    ok(waitpid(pid, &status, WCONTINUED) == pid);
    if (WIFCONTINUED(status))
        waitpid(pid, &status, 0);
    ok(WIFEXITED(status) && WEXITSTATUS(status) == 9);
}

static sigjmp_buf env;

static void jump(int sig) { siglongjmp(env, sig); }

static void test_jump(void)
{
    volatile int rounds = 0;

    signal(SIGSEGV, jump);
    signal(SIGUSR1, jump);
    if (sigsetjmp(env, 1) != 0)
        rounds++;
    if (rounds < 100) {
        if (rounds % 2)
            *(volatile int *)8 = 1;
        else
            raise(SIGUSR1);
    }
    ok(rounds == 100);
    signal(SIGSEGV, SIG_DFL);
}

static volatile int timer_hits;
static void timer_handler(int sig, siginfo_t *info, void *c) { timer_hits += info->si_code == SI_TIMER && info->si_value.sival_int == 7; }

static void test_timers(void)
{
    struct sigaction sa = {.sa_sigaction = timer_handler, .sa_flags = SA_SIGINFO};
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 1, .sigev_value = {.sival_int = 7}};
    struct itimerspec its = {{0, 2000000}, {0, 2000000}}, off = {{0, 0}, {0, 0}};
    timer_t id;

    sigaction(SIGRTMIN + 1, &sa, NULL);
    ok(!timer_create(CLOCK_MONOTONIC, &ev, &id));
    timer_settime(id, 0, &its, NULL);
    double until = test_now() + 5;
    while (timer_hits < 5 && test_now() < until) /* busy: delivery in the middle of computing */
        ;
    ok(timer_hits >= 5);
    timer_settime(id, 0, &off, NULL);
    timer_delete(id);
}

/* A storm of signals on a thread that computes: nothing is lost or torn.  Where both threads have one processor each
 * signal costs two time slices (on any kernel), so the storm ends after a while too. */
static volatile unsigned storm_count, storm_sent;
static volatile bool storm_over;
static void storm_handler(int sig) { storm_count++; }
static void *storm(void *arg)
{
    double end = test_now() + 5;

    while (storm_sent < 2000 && test_now() < end) {
        pthread_kill(*(pthread_t *)arg, SIGUSR2);
        storm_sent++;
        double until = test_now() + 10;
        while (storm_count != storm_sent && test_now() < until)
            ;
    }
    storm_over = true;
    return NULL;
}

static void test_storm(void)
{
    pthread_t self = pthread_self(), th;
    uint64_t sum = 0, expected = 0;
    struct sigaction sa = {.sa_handler = storm_handler, .sa_flags = SA_RESTART};
    sigset_t set;

    sigaction(SIGUSR2, &sa, NULL);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    pthread_create(&th, NULL, storm, &self);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    volatile double x = 1;
    for (uint64_t i = 0; !storm_over; i++) {
        sum += i * i ^ (sum >> 3);
        expected = i;
        x = x * 1.0000001;
        if (i % 64 == 0)
            getppid();
    }
    pthread_join(th, NULL);
    uint64_t again = 0;
    for (uint64_t i = 0; i <= expected; i++)
        again += i * i ^ (again >> 3);
    ok(sum == again && x > 1);
    ok(storm_sent > 0 && storm_count == storm_sent);
}

int main(void)
{
    test_basic();
    test_blocked();
    test_suspend();
    test_restart();
    test_altstack();
    test_on_altstack();
    test_defaults();
    test_jump();
    test_timers();
    test_storm();
    return test_done();
}
