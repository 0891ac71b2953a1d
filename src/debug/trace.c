/* The instruction trace.  Each step is one write(2) of whole lines to a descriptor opened for appending, so that
 * threads and forked processes do not tear one another's lines, and that nothing is lost in a crash.  Knows
 * the guest's state only as slots.
 *
 * Known limitations: floating-point exception flags that the host's FPU holds are no slot and not shown; an
 * instruction that traps is followed by the state its handler begins with. */
#include "debug/trace.h"
#include "guest/cpu.h"
#include "memory/memory.h"
#include "support/fd.h"
#include "support/log.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int trace_fd = -1; /* -1: the log */
static const struct guest *trace_guest;
static pid_t first_process;
static atomic_uint thread_count;

struct follower { /* a thread's */
    const struct cpu *cpu;
    pid_t process;
    char name[24];
    unsigned char state[CPU_STATE_SIZE];
};
static _Thread_local struct follower me;

/* Lines being put together. */
struct text {
    char buf[8192];
    size_t n;
};

bool debug_trace_open(const char **file, const struct guest *guest)
{
    static char hand_on[PATH_MAX + 32];
    const char *path = *file;
    char absolute[PATH_MAX];
    int flags = O_TRUNC;
    trace_guest = guest;
    first_process = getpid();
    if (path[0] == '+') { /* a traced process executed this one */
        char *end;
        first_process = (pid_t)strtol(path + 1, &end, 10);
        path = end + (*end == ':');
        flags = 0;
    }
    if (strcmp(path, "-") != 0) {
        int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | flags, 0666);
        if (fd < 0) {
            log_warn("--trace=%s: %s", path, strerror(errno));
            return false;
        }
        trace_fd = fd_own(fd);
        if (realpath(path, absolute) != NULL)
            path = absolute;
    }
    snprintf(hand_on, sizeof hand_on, "+%d:%s", (int)first_process, path);
    *file = hand_on;
    return true;
}

static void PRINTF(2, 3) add(struct text *t, const char *fmt, ...)
{
    va_list va;
    va_start(va, fmt);
    int n = vsnprintf(t->buf + t->n, sizeof t->buf - t->n, fmt, va);
    va_end(va);
    if (n > 0)
        t->n += (size_t)n < sizeof t->buf - t->n ? (size_t)n : sizeof t->buf - t->n - 1;
}

static void write_out(const struct text *t)
{
    log_put(trace_fd >= 0 ? trace_fd : log_fd(), t->buf, t->n);
}

/* The slots that differ from `before`. */
static void add_changes(struct text *t, const struct cpu *cpu, const unsigned char *before)
{
    bool any = false;
    for (unsigned i = 0; i < trace_guest->slot_count; i++) {
        const struct ir_slot *s = &trace_guest->slots[i];
        unsigned size = ir_type_size(s->type);
        const unsigned char *now = cpu->state + s->offset, *then = before + s->offset;
        if (i == trace_guest->pc_slot || memcmp(now, then, size) == 0)
            continue;
        if (s->type == IR_FLAGS) { /* bits without meaning may differ from host to host */
            uint32_t a, b;
            memcpy(&a, now, sizeof a);
            memcpy(&b, then, sizeof b);
            if (!((a ^ b) & IR_FLAG_ALL))
                continue;
            add(t, "%s%s %s=%04x", any ? "" : "=", any ? "" : me.name, s->name, a & IR_FLAG_ALL);
        } else {
            add(t, "%s%s %s=", any ? "" : "=", any ? "" : me.name, s->name);
            for (unsigned n = size; n-- != 0;)
                add(t, "%02x", now[n]);
        }
        any = true;
    }
    if (any)
        add(t, "\n");
}

static void add_instruction(struct text *t, uint64_t pc)
{
    char text[160];
    uint8_t bytes[16];
    size_t n = sizeof bytes;
    while (n != 0 && !memory_read(bytes, pc, n))
        n /= 2;
    if (n == 0 || trace_guest->disassemble(pc, bytes, n, text, sizeof text) == 0)
        snprintf(text, sizeof text, "?");
    add(t, "@%s %016llx  %s\n", me.name, (unsigned long long)pc, text);
}

void debug_trace_step(struct cpu *cpu)
{
    struct text t;
    int saved = errno;
    pid_t process = getpid();
    t.n = 0;
    if (me.cpu != cpu || me.process != process) {
        if (process != first_process) {
            if (me.process != 0 && me.process != process) /* forked from a traced thread */
                atomic_store(&thread_count, 0);
            snprintf(me.name, sizeof me.name, "%d:%u", (int)process, atomic_fetch_add(&thread_count, 1) + 1);
        } else {
            snprintf(me.name, sizeof me.name, "%u", atomic_fetch_add(&thread_count, 1) + 1);
        }
        me.cpu = cpu;
        me.process = process;
        memset(me.state, 0, sizeof me.state);
    }
    add_changes(&t, cpu, me.state);
    memcpy(me.state, cpu->state, sizeof me.state);
    add_instruction(&t, CPU_SLOT(cpu, uint64_t, &trace_guest->slots[trace_guest->pc_slot]));
    write_out(&t);
    errno = saved;
}
