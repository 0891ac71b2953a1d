/* --random-signals: interrupts guest threads at random, as signals whose handlers do nothing would.
 *
 * A host thread picks threads; the run loop of the picked one builds a signal frame on the guest's
 * stack and at once returns from it, so all state passes through the frame at points nobody chose.
 * What the guest keeps below its stack pointer is lost, as by a real signal. */
#include "linux/stress.h"

#include <string.h>
#include <time.h>

#include "engine/engine.h"
#include "linux/signals.h"
#include "linux/threads.h"

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void pick(struct process *p, uint64_t random)
{
    unsigned n = 0;

    pthread_mutex_lock(&p->lock);
    for (struct thread *t = p->threads; t; t = t->next)
        n++;
    struct thread *t = p->threads;

    for (uint64_t i = n ? random % n : 0; i; i--)
        t = t->next;
    if (t && t->cpu) {
        t->stress = true;
        engine_interrupt(t->cpu);
    }
    pthread_mutex_unlock(&p->lock);
}

static void *stress_main(void *arg)
{
    uint64_t random = 88172645463325252ull;

    signals_block();
    for (;;) {
        struct timespec pause = {0, (long)(next_random(&random) % 300000)};

        nanosleep(&pause, NULL);
        pick(arg, next_random(&random));
    }
    return NULL;
}

void stress_start(struct process *p)
{
    pthread_t id;

    if (p->config->random_signals)
        thread_create_host(&id, stress_main, p);
}

void stress_thread(struct thread *t)
{
    const struct abi *abi = t->process->abi;
    struct signal_action action = {0};
    siginfo_t info;
    stack_t altstack;

    t->stress = false;
    memset(&info, 0, sizeof(info));
    info.si_signo = SIGURG;
    action.flags = SA_SIGINFO | ABI_SA_RESTORER;
    if (!abi->signal_enter(t, &action, &info, abi->sp_get(t->cpu), t->mask))
        return;
    abi->handler_return(t->cpu);
    abi->signal_return(t, true, &altstack);
}
