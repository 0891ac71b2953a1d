/* Guest threads and processes: clone in all its forms, their ends, and the calls about their ids.
 *
 * - A thread (CLONE_THREAD) is a detached pthread: the C library's thread-local storage comes with
 * it.
 * - A process that shares memory until it executes (CLONE_VM, vfork) is a raw clone on a fresh C
 * stack, run while its parent sleeps in the kernel: it borrows the parent's thread-local storage.
 * Without CLONE_VFORK a host thread of its own is made to lend it one, and does the sleeping.
 * - Everything else is fork.  Plain ones go through the C library, which keeps malloc usable in the
 * child; ones with namespaces or other flags are raw, and rely on the process having one thread.
 *
 * The kernel walks the robust list and clears the thread id when a host thread ends; but that is
 * after its memory may have been given back, so thread_end() does both itself.
 *
 * Limitations: CLONE_SIGHAND without CLONE_THREAD shares nothing but a copy of the handlers;
 * threads always share descriptors and the current directory.  A vfork child that is killed by SIGKILL
 * in the middle of a change to the memory it shares leaves a lock behind. */
#include "linux/threads.h"

#include <errno.h>
#include <linux/futex.h>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "engine/engine.h"
#include "linux/hostcall.h"
#include "support/hostcall32.h"
#include "support/log.h"
#include "linux/mapping.h"
#include "linux/signals.h"
#include "linux/stress.h"
#include "linux/sysrow.h"
#include "memory/guard.h"

#define HOST_STACK (512u << 10)
#define HOST_GUARD (64u << 10)
#define SIGSETXID  33
#define SET_ROBUST_LIST32 311
#ifndef CLONE_CLEAR_SIGHAND
#define CLONE_CLEAR_SIGHAND 0x100000000ull
#endif

/* What clone and clone3 ask for. */
struct clone_request {
    uint64_t flags, pidfd, child_tid, parent_tid, stack, tls;
    int exit_signal;
    uint64_t set_tid, set_tid_size, cgroup;
};

struct thread *thread_create(struct process *p)
{
    struct thread *t = calloc(1, sizeof(*t));

    if (!t)
        return NULL;
    t->process = p;
    t->altstack_flags = SS_DISABLE;
    pthread_mutex_lock(&p->lock);
    t->next = p->threads;
    p->threads = t;
    pthread_mutex_unlock(&p->lock);
    return t;
}

void thread_destroy(struct thread *t)
{
    struct process *p = t->process;

    pthread_mutex_lock(&p->lock);
    for (struct thread **link = &p->threads; *link; link = &(*link)->next)
        if (*link == t) {
            *link = t->next;
            break;
        }
    pthread_mutex_unlock(&p->lock);
    if (t->cpu)
        engine_cpu_destroy(t->cpu);
    sys_low_free(t);
    free(t->exec_buffer);
    free(t);
}

void process_exit(struct process *p, int status)
{
    if (p->config->save_behind)
        engine_save_behind(p->engine);
    else
        engine_save(p->engine, NULL);
    if (p->on_exit)
        p->on_exit(p->engine);
    for (;;)
        host(exit_group, status);
}

/* ---- the end of a thread ------------------------------------------------------------------------
 */

/* One robust futex of a dead owner (handle_futex_death of the kernel). */
static void robust_death(struct thread *t, uint64_t futex, bool pi, bool pending)
{
    uint32_t value;

    if (futex % 4 || !memory_read(&value, futex, 4))
        return;
    if (pending && !pi && !value) {
        host(futex, futex, FUTEX_WAKE, 1);
        return;
    }
    while ((value & FUTEX_TID_MASK) == (uint32_t)t->tid) {
        uint32_t dead = (value & FUTEX_WAITERS) | FUTEX_OWNER_DIED;

        /* Readable and the thread's own lock, so writable too; the kernel would have ignored it
         * else. */
        if (!memory_allows(align_down(futex, MEMORY_PAGE),
                           align_down(futex, MEMORY_PAGE) + MEMORY_PAGE, PROT_WRITE))
            return;
        memory_about_to_write(futex, 4);
        if (__atomic_compare_exchange_n((uint32_t *)futex, &value, dead, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST)) {
            if (!pi && (value & FUTEX_WAITERS))
                host(futex, futex, FUTEX_WAKE, 1);
            return;
        }
    }
}

static void robust_list(struct thread *t)
{
    struct {
        uint64_t first;
        int64_t offset;
        uint64_t pending;
    } head;
    struct {
        uint32_t first;
        int32_t offset;
        uint32_t pending;
    } head32;
    bool bits32 = t->process->abi->bits32;
    uint64_t entry, next, limit = 2048;

    if (!t->robust_head)
        return;
    if (bits32 ? !memory_read(&head32, t->robust_head, sizeof(head32)) : !memory_read(&head, t->robust_head, sizeof(head)))
        return;
    if (bits32) {
        head.first = head32.first;
        head.offset = head32.offset;
        head.pending = head32.pending;
    }
    for (entry = head.first; limit-- && (entry & ~1ull) != t->robust_head; entry = next) {
        next = 0; /* a 32-bit list's links are half as long */
        bool more = memory_read(&next, entry & ~1ull, bits32 ? 4 : 8);

        if ((entry & ~1ull) != (head.pending & ~1ull))
            robust_death(t, (entry & ~1ull) + (uint64_t)head.offset, entry & 1, false);
        if (!more)
            break;
    }
    if (head.pending & ~1ull)
        robust_death(t, (head.pending & ~1ull) + (uint64_t)head.offset, head.pending & 1, true);
    if (bits32)
        host_call32(SET_ROBUST_LIST32, 0, sizeof(head32), 0, 0, 0, 0);
    else
        host(set_robust_list, 0, sizeof(head));
}

void thread_end(struct thread *t)
{
    static const uint32_t zero;

    robust_list(t);
    if (t->clear_child_tid && memory_write(t->clear_child_tid, &zero, 4))
        host(futex, t->clear_child_tid, FUTEX_WAKE, 1);
    t->clear_child_tid = 0;
}

int64_t sys_exit(struct thread *t, const uint64_t a[6])
{
    struct process *p = t->process;
    int status = (int)(a[0] & 0xff);
    bool last;

    signals_block();
    signals_give_back(t);
    t->exit_status = status;
    if (t->vfork_child)
        host(exit, status);
    pthread_mutex_lock(&p->lock);
    t->exiting = last = true;
    for (struct thread *other = p->threads; other; other = other->next) {
        last = last && other->exiting;
        if (other->tid == p->pid) /* the first thread's status is the process's, whoever ends last */
            status = other->exit_status;
    }
    pthread_mutex_unlock(&p->lock);
    if (last) {
        thread_end(t);
        process_exit(p, status);
    }
    return SYS_NO_RESULT;
}

int64_t sys_exit_group(struct thread *t, const uint64_t a[6])
{
    if (t->vfork_child)
        host(exit_group, (int)a[0]);
    unsigned status = (unsigned)a[0];
    if (status > 255 && t->process->config->report_pid == t->process->pid)
        log_warn("exit status 0x%x (%d); the shell sees %u of it", status, (int)status, status & 255);
    process_exit(t->process, (int)a[0]);
}

/* ---- threads ------------------------------------------------------------------------------------
 */

/* What a host thread that lends itself to a process tells. */
struct birth {
    volatile uint32_t tid; /* nonzero: running */
};

static void announce(struct birth *b, int tid)
{
    __atomic_store_n(&b->tid, (uint32_t)tid, __ATOMIC_SEQ_CST);
    host(futex, &b->tid, FUTEX_WAKE_PRIVATE, 1);
}

static void await(struct birth *b)
{
    while (!__atomic_load_n(&b->tid, __ATOMIC_SEQ_CST))
        host(futex, &b->tid, FUTEX_WAIT_PRIVATE, 0, 0);
}

/* A new thread's parent does not wait for it to run, that would be two changes of who runs; it is the child that waits, a moment,
 * for its parent to have written down its id. */
enum { BORN_NOT, BORN_WAITS, BORN };

static void let_run(struct thread *child)
{
    if (atomic_exchange(&child->born, BORN) == BORN_WAITS)
        host(futex, &child->born, FUTEX_WAKE_PRIVATE, 1);
}

static void wait_for_parent(struct thread *t)
{
    uint32_t not_yet = BORN_NOT;

    for (unsigned i = 0; i < 1000 && atomic_load_explicit(&t->born, memory_order_acquire) != BORN; i++)
        ;
    if (!atomic_compare_exchange_strong(&t->born, &not_yet, BORN_WAITS))
        return;
    while (atomic_load(&t->born) != BORN)
        host(futex, &t->born, FUTEX_WAIT_PRIVATE, BORN_WAITS, 0);
}

static void *thread_main(void *arg)
{
    struct thread *t = arg;
    uint32_t tid = (uint32_t)host(gettid);

    thread_set_current(t);
    signals_block(); /* the C library has unblocked one of its own, which is the guest's */
    if (!signals_thread_start(t))
        signals_die(SIGKILL);
    /* The C library made a list of its own. */
    host(set_robust_list, 0, 24);
    wait_for_parent(t);
    if (t->set_child_tid)
        memory_write(t->set_child_tid, &tid, 4);
    signals_unblock(t);
    thread_run(t);
    signals_thread_end(t);
    /* Before the guest is told: whoever waits for this thread may end the process. */
    struct thread end = *t;

    thread_set_current(NULL);
    thread_destroy(t);
    thread_end(&end);
    return NULL;
}

/* pthread_create installs the C library's handler of signal 33 the first time: the guest's comes
 * back. */
int thread_create_host(pthread_t *id, void *(*fn)(void *), void *arg)
{
    static bool done;
    unsigned char action[32];
    pthread_attr_t attr;

    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, HOST_STACK);
    pthread_attr_setguardsize(&attr, MEMORY_PAGE);
    if (!done)
        host(rt_sigaction, SIGSETXID, 0, action, 8);
    int error = pthread_create(id, &attr, fn, arg);

    if (!done) {
        host(rt_sigaction, SIGSETXID, action, 0, 8);
        signals_block();
        done = true;
    }
    pthread_attr_destroy(&attr);
    return error;
}

struct behind {
    void *(*fn)(void *);
    void *arg;
};

static void *behind_main(void *arg)
{
    struct behind b = *(struct behind *)arg;

    free(arg);
    signals_block(); /* the C library has unblocked one of its own, which is the guest's */
    return b.fn(b.arg);
}

int thread_create_behind(void *(*fn)(void *), void *arg)
{
    struct thread *t = thread_current();
    struct behind *b = malloc(sizeof(*b));
    pthread_t id;

    if (!b)
        return ENOMEM;
    *b = (struct behind){fn, arg};
    signals_block();
    int error = thread_create_host(&id, behind_main, b);
    if (t)
        signals_unblock(t);
    if (error)
        free(b);
    return error;
}

/* A thread record that is a copy of t, to run the child. */
static struct thread *child_thread(struct thread *t, struct process *p,
                                   const struct clone_request *rq)
{
    struct thread *child = thread_create(p);

    if (!child)
        return NULL;
    child->mask = t->mask;
    child->fault_address = t->fault_address;
    child->fault_code = t->fault_code;
    memcpy(child->tls, t->tls, sizeof(child->tls));
    child->cpu = engine_cpu_clone(t->cpu, child);
    if (!child->cpu) {
        thread_destroy(child);
        return NULL;
    }
    p->abi->child(child->cpu, rq->stack, rq->tls, rq->flags & CLONE_SETTLS);
    return child;
}

/* A thread that has not ended. Its clock's number is made of its id: clockid_t is the kernel's. */
static int tid_of(pthread_t id)
{
    clockid_t clock;

    if (pthread_getcpuclockid(id, &clock))
        log_die(127, "internal error: a thread without a clock");
    return ~(int)(clock >> 3);
}

static int64_t clone_thread(struct thread *t, const struct clone_request *rq)
{
    pthread_t id;

    if (!(rq->flags & CLONE_SIGHAND) || !(rq->flags & CLONE_VM))
        return -EINVAL;
    struct thread *child = child_thread(t, t->process, rq);

    if (!child)
        return -ENOMEM;
    if (rq->flags & CLONE_CHILD_SETTID)
        child->set_child_tid = rq->child_tid;
    if (rq->flags & CLONE_CHILD_CLEARTID)
        child->clear_child_tid = rq->child_tid;
    signals_block();
    int tid = -EAGAIN;

    if (!thread_create_host(&id, thread_main, child)) {
        tid = tid_of(id);
        child->tid = tid;
        if (rq->flags & CLONE_PARENT_SETTID)
            memory_write(rq->parent_tid, &tid, 4);
        let_run(child);
    } else {
        thread_destroy(child);
    }
    signals_unblock(t);
    return tid;
}

/* ---- processes that share memory ----------------------------------------------------------------
 */

struct vfork {
    struct thread *parent, *t;
    struct process *p;
    struct birth birth;
    uint64_t host_flags;
    const struct clone_request *rq;
    int64_t result;
    struct clone_request copy; /* of the request, for one that outlives the call */
    int users;                 /* who still looks at this, when the child runs beside its parent */
};

/* Runs in the child, on its own stack and the parent's thread-local storage. */
static int vfork_main(void *arg)
{
    struct vfork *v = arg;
    struct thread *t = v->t;
    uint32_t tid = (uint32_t)host(gettid);

    thread_set_current(t);
    t->tid = (int)tid;
    v->p->pid = (int)tid;
    if (v->rq->flags & CLONE_PARENT_SETTID)
        memory_write(v->rq->parent_tid, &tid, 4);
    if (v->rq->flags & CLONE_CHILD_SETTID)
        memory_write(v->rq->child_tid, &tid, 4);
    if (v->rq->flags & CLONE_CHILD_CLEARTID) /* the kernel may do it: no stack is given back before */
        host(set_tid_address, v->rq->child_tid);
    if (v->rq->flags & CLONE_CLEAR_SIGHAND)
        signals_clear(v->p);
    signals_guard_parent(v->p);
    announce(&v->birth, t->tid);
    signals_unblock(t);
    thread_run(t);
    host(exit_group, t->exit_status);
    return 0;
}

/* Makes the child and sleeps until it has executed or ended. */
static void vfork_run(struct vfork *v)
{
    char *stack = mmap(NULL, HOST_STACK, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
    struct thread *self = thread_current();

    if (stack == MAP_FAILED) {
        v->result = -ENOMEM;
        return;
    }
    mprotect(stack, HOST_GUARD, PROT_NONE);
#ifdef __SANITIZE_ADDRESS__
    /* Memory that was such a stack before is marked by the functions that never returned there. */
    __asan_unpoison_memory_region(stack, HOST_STACK);
#endif
    int pid = clone(vfork_main, stack + HOST_STACK, (int)v->host_flags, v, (int *)v->rq->pidfd,
                    NULL, NULL);

    v->result = pid < 0 ? -errno : pid;
    thread_set_current(self);
    munmap(stack, HOST_STACK);
    pthread_mutex_init(&v->p->lock, NULL); /* a child that was killed may have held it */
    thread_destroy(v->t);
    pthread_mutex_destroy(&v->p->lock);
    free(v->p);
}

static void vfork_release(struct vfork *v)
{
    if (!__atomic_sub_fetch(&v->users, 1, __ATOMIC_SEQ_CST))
        free(v);
}

/* Lends a host thread to a child that runs beside its parent. */
static void *lend_main(void *arg)
{
    struct vfork *v = arg;
    struct thread lender = {0};

    signals_block();
    if (signals_thread_start(&lender))
        vfork_run(v);
    else
        v->result = -ENOMEM;
    signals_thread_end(&lender);
    if (v->result < 0)
        announce(&v->birth, -1);
    vfork_release(v);
    return NULL;
}

static struct vfork *vfork_create(struct thread *t, const struct clone_request *rq)
{
    struct vfork *v = calloc(1, sizeof(*v));
    struct process *p = malloc(sizeof(*p));

    if (v && p) {
        memcpy(p, t->process, sizeof(*p));
        pthread_mutex_init(&p->lock, NULL);
        p->threads = NULL;
        v->p = p;
        v->parent = t;
        v->copy = *rq;
        v->rq = &v->copy;
        v->t = child_thread(t, p, rq);
    }
    if (!v || !p || !v->t) {
        free(p);
        free(v);
        return NULL;
    }
    v->t->vfork_child = true;
    v->t->altstack_sp = rq->flags & CLONE_VFORK ? t->altstack_sp : 0;
    v->t->altstack_size = rq->flags & CLONE_VFORK ? t->altstack_size : 0;
    v->t->altstack_flags = rq->flags & CLONE_VFORK ? t->altstack_flags : SS_DISABLE;
    v->host_flags =
        (rq->flags & ~(uint64_t)(CLONE_SETTLS | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID |
                                 CLONE_PARENT_SETTID | CLONE_SIGHAND | CLONE_CLEAR_SIGHAND)) |
        CLONE_VM | CLONE_VFORK | (unsigned)rq->exit_signal;
    return v;
}

static int64_t clone_shared(struct thread *t, const struct clone_request *rq)
{
    struct vfork *v = vfork_create(t, rq);
    int64_t result;

    if (!v)
        return -ENOMEM;
    signals_block();
    if (rq->flags & CLONE_VFORK) {
        vfork_run(v);
        result = v->result;
        free(v);
    } else {
        pthread_t id;

        v->users = 2;
        if (thread_create_host(&id, lend_main, v)) {
            result = -EAGAIN;
            thread_destroy(v->t);
            free(v->p);
            free(v);
        } else {
            await(&v->birth);
            result = (int32_t)v->birth.tid < 0 ? -EAGAIN : (int64_t)v->birth.tid;
            vfork_release(v);
        }
    }
    signals_unblock(t);
    return result;
}

/* ---- fork
 * ---------------------------------------------------------------------------------------- */

/* In the child: the one thread there is. */
static void fork_child(struct thread *t, const struct clone_request *rq)
{
    struct process *p = t->process;
    uint32_t tid = (uint32_t)host(gettid);

    t->tid = p->pid = (int)tid;
    while (p->threads) { /* the others' records; their cpus went with engine_fork_child */
        struct thread *other = p->threads;

        p->threads = other->next;
        if (other == t)
            continue;
        if (other->host_altstack)
            munmap(other->host_altstack, SIGNALS_ALTSTACK);
        sys_low_free(other);
        free(other->exec_buffer);
        free(other);
    }
    t->next = NULL;
    p->threads = t;
    t->signal_pending = 0;
    t->async.present = 0;
    memset((void *)t->deferred, 0, sizeof(t->deferred));
    t->restart = 0;
    t->robust_head = 0;
    t->clear_child_tid = rq->flags & CLONE_CHILD_CLEARTID ? rq->child_tid : 0;
    if (rq->flags & CLONE_CHILD_SETTID)
        memory_write(rq->child_tid, &tid, 4);
    if (rq->flags & CLONE_CLEAR_SIGHAND)
        signals_clear(p);
    p->abi->child(t->cpu, rq->stack, rq->tls, rq->flags & CLONE_SETTLS);
}

/* Flags that the C library's fork cannot pass. */
#define FORK_RAW                                                                                   \
    ~(uint64_t)(CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | CLONE_PARENT_SETTID | CLONE_SETTLS |   \
                CLONE_CLEAR_SIGHAND)

static bool fork_is_plain(const struct clone_request *rq)
{
    return rq->exit_signal == SIGCHLD && !(rq->flags & FORK_RAW);
}

static int64_t fork_host(const struct clone_request *rq)
{
    if (fork_is_plain(rq)) {
        int pid = fork();

        return pid < 0 ? -errno : pid;
    }
    uint64_t flags =
        rq->flags & ~(uint64_t)(CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | CLONE_PARENT_SETTID |
                                CLONE_SETTLS | CLONE_CLEAR_SIGHAND);

    struct {
        uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid,
            set_tid_size, cgroup;
    } args = {flags,       rq->pidfd,        0,         0, (uint64_t)rq->exit_signal, 0, 0, 0,
              rq->set_tid, rq->set_tid_size, rq->cgroup};

    return host(clone3, &args, sizeof(args));
}

static int64_t clone_fork(struct thread *t, const struct clone_request *rq)
{
    struct process *p = t->process;

    signals_block();
    if (!fork_is_plain(rq))
        engine_alone(p->engine);
    engine_fork_expect(p->engine, t->cpu);
    pthread_mutex_lock(&p->lock);
    mapping_fork_prepare();
    engine_fork_prepare(p->engine);
    memory_fork_prepare();
    int64_t pid = fork_host(rq);

    memory_fork_done(!pid);
    if (pid)
        engine_fork_parent(p->engine);
    else
        engine_fork_child(p->engine, t->cpu);
    mapping_fork_done(!pid);
    pthread_mutex_unlock(&p->lock);
    if (!pid) {
        fork_child(t, rq);
        stress_start(p);
    } else if (pid > 0 && (rq->flags & CLONE_PARENT_SETTID)) {
        uint32_t child = (uint32_t)pid;

        memory_write(rq->parent_tid, &child, 4);
    }
    signals_unblock(t);
    return pid;
}

/* ---- the calls
 * ----------------------------------------------------------------------------------- */

static int64_t do_clone(struct thread *t, const struct clone_request *rq)
{
    uint64_t flags = rq->flags;

    if ((flags & CLONE_SETTLS) && t->process->abi->tls_check && !t->process->abi->tls_check(t->cpu, rq->tls))
        return -EINVAL;
    /* What the kernel refuses, and the host would not see because it gets other flags. */
    if ((flags & CLONE_THREAD) && !(flags & CLONE_SIGHAND))
        return -EINVAL;
    if ((flags & CLONE_SIGHAND) && !(flags & CLONE_VM))
        return -EINVAL;
    if ((flags & CLONE_CLEAR_SIGHAND) && (flags & CLONE_SIGHAND))
        return -EINVAL;
    if ((flags & (CLONE_NEWNS | CLONE_FS)) == (CLONE_NEWNS | CLONE_FS))
        return -EINVAL;
    if ((flags & CLONE_THREAD) && (flags & (CLONE_NEWUSER | CLONE_NEWPID)))
        return -EINVAL;
    if (flags & CLONE_THREAD)
        return clone_thread(t, rq);
    if (flags & CLONE_VM)
        return clone_shared(t, rq);
    return clone_fork(t, rq);
}

int64_t sys_clone(struct thread *t, const uint64_t a[6])
{
    struct clone_request rq = {
        .flags = (uint32_t)a[0] & ~(uint64_t)CSIGNAL,
        .exit_signal = (int)(a[0] & CSIGNAL),
        .stack = a[1],
        .parent_tid = a[2],
        .pidfd = a[2], /* the old call's third argument serves both */
        .tls = a[3],
        .child_tid = a[4],
    };

    if (t->process->abi->kind == ABI_X86_64) { /* alone in having them the other way round */
        rq.child_tid = a[3];
        rq.tls = a[4];
    }
    if ((rq.flags & CLONE_PIDFD) && (rq.flags & CLONE_PARENT_SETTID))
        return -EINVAL;
    rq.flags &= ~(uint64_t)CLONE_DETACHED;
    return do_clone(t, &rq);
}

int64_t sys_fork(struct thread *t, const uint64_t a[6])
{
    const struct clone_request rq = {.exit_signal = SIGCHLD};

    return do_clone(t, &rq);
}

int64_t sys_vfork(struct thread *t, const uint64_t a[6])
{
    const struct clone_request rq = {.flags = CLONE_VFORK | CLONE_VM, .exit_signal = SIGCHLD};

    return do_clone(t, &rq);
}

int64_t sys_clone3(struct thread *t, const uint64_t a[6])
{
    struct {
        uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid,
            set_tid_size, cgroup;
    } args = {0};

    if (a[1] < 64)
        return -EINVAL;
    if (a[1] > MEMORY_PAGE)
        return -E2BIG;
    if (!memory_read(&args, a[0], a[1] < sizeof(args) ? a[1] : sizeof(args)))
        return -EFAULT;
    for (uint64_t i = sizeof(args); i < a[1]; i++) {
        unsigned char extra;

        if (!memory_read(&extra, a[0] + i, 1))
            return -EFAULT;
        if (extra)
            return -E2BIG;
    }
    if (args.exit_signal & ~(uint64_t)CSIGNAL ||
        (args.flags & (CSIGNAL | CLONE_DETACHED) & ~(uint64_t)CLONE_NEWTIME))
        return -EINVAL;
    if ((args.flags & (CLONE_THREAD | CLONE_PARENT)) && args.exit_signal)
        return -EINVAL;
    if (!args.stack != !args.stack_size)
        return -EINVAL;
    struct clone_request rq = {
        .flags = args.flags,
        .pidfd = args.pidfd,
        .child_tid = args.child_tid,
        .parent_tid = args.parent_tid,
        .stack = args.stack ? args.stack + args.stack_size : 0,
        .tls = args.tls,
        .exit_signal = (int)args.exit_signal,
        .set_tid = args.set_tid,
        .set_tid_size = args.set_tid_size,
        .cgroup = args.cgroup,
    };

    return do_clone(t, &rq);
}

int64_t sys_set_tid_address(struct thread *t, const uint64_t a[6])
{
    t->clear_child_tid = a[0];
    return t->tid;
}

int64_t sys_set_robust_list(struct thread *t, const uint64_t a[6])
{
    int64_t ret = sys_row_call(t, a[0], a[1], 0, 0, 0, 0);

    if (!ret) {
        t->robust_head = a[0];
        t->robust_size = a[1];
    }
    return ret;
}

int64_t sys_get_robust_list(struct thread *t, const uint64_t a[6])
{
    return sys_row_call(t, a[0], a[1], a[2], 0, 0, 0);
}

int64_t sys_futex(struct thread *t, const uint64_t a[6])
{
    switch ((int)a[1] & FUTEX_CMD_MASK) {
    case FUTEX_WAIT:
    case FUTEX_WAIT_BITSET:
    case FUTEX_LOCK_PI:
    case FUTEX_LOCK_PI2:
    case FUTEX_WAIT_REQUEUE_PI:
        return sys_row_wait(t, a[0], a[1], a[2], a[3], a[4], a[5]);
    default:
        return sys_row_call(t, a[0], a[1], a[2], a[3], a[4], a[5]);
    }
}

int64_t sys_futex_time64(struct thread *t, const uint64_t a[6])
{
    return sys_futex(t, a);
}

int64_t sys_futex_waitv(struct thread *t, const uint64_t a[6])
{
    return sys_blocking(t, SYS_futex_waitv, a[0], a[1], a[2], a[3], a[4], 0);
}
