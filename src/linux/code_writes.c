/* System calls that write into protected code.
 *
 * Pages of code are write-protected on the host for guests that announce no changes (engine/guard.c); the kernel would
 * refuse to write there, or stop in the middle.  So before a call whatever it may write is given back to the guest: what
 * the kinds of its arguments say, generously where they tell no size.  Trying again after EFAULT would lose what a
 * socket or a pipe has handed over by then.
 *
 * Demotic's own copies to the guest need nothing of this (memory_write). */
#include "linux/code_writes.h"
#include "engine/engine.h"
#include "linux/process.h"
#include "memory/guard.h"

#define STRUCTURE 512u  /* no structure of a known kind is larger */
#define UNKNOWN   4096u /* what is behind a pointer of no kind (ioctl) */
#define IOV_MOST  1024u

/* Which kinds point to what the call fills in. */
enum { IN, OUT };
static const uint8_t sides[] = {
#define KIND(name, side, ...) [SYS_KIND_##name] = side,
#include "linux/trace_kinds.def"
#undef KIND
};

static uint64_t word(uint64_t at, unsigned size)
{
    uint64_t v = 0;
    return memory_read(&v, at, size) ? v : 0;
}

static void vector(struct engine *e, uint64_t at, uint64_t count, unsigned size)
{
    for (uint64_t i = 0; i < count && i < IOV_MOST; i++)
        engine_about_to_write(e, word(at + 2 * size * i, size), word(at + 2 * size * i + size, size));
}

/* struct mmsghdr: name, namelen, iov, iovlen, control, controllen, flags, length; each in a word's place. */
static void message(struct engine *e, uint64_t at, unsigned size)
{
    engine_about_to_write(e, at, 8 * size);
    engine_about_to_write(e, word(at, size), word(at + size, 4));
    vector(e, word(at + 2 * size, size), word(at + 3 * size, size), size);
    engine_about_to_write(e, word(at + 4 * size, size), word(at + 5 * size, size));
}

/* What argument i may let the call write. */
static void argument(struct engine *e, const struct sys_row *row, const uint64_t a[6], unsigned i, unsigned size)
{
    uint64_t next = i < 5 ? a[i + 1] : 0, length = next < MEMORY_END ? next : MEMORY_END;
    bool sized = i < 5 && row->args[i + 1] == SYS_KIND_SIZE;
    switch ((enum sys_kind)row->args[i]) {
    case SYS_KIND_BUFOUT:
    case SYS_KIND_STROUT:
    case SYS_KIND_DENTS:
        engine_about_to_write(e, a[i], length);
        break;
    case SYS_KIND_IOVOUT:
        vector(e, a[i], next, size);
        break;
    case SYS_KIND_MSGHDROUT:
        message(e, a[i], size);
        break;
    case SYS_KIND_POLLFDS:
        engine_about_to_write(e, a[i], (uint64_t)(uint32_t)next * 8);
        break;
    case SYS_KIND_EPOLLEVS:
        engine_about_to_write(e, a[i], (uint64_t)(uint32_t)next * 16);
        break;
    case SYS_KIND_FDSET:
        engine_about_to_write(e, a[i], (uint64_t)(uint32_t)a[0] / 8 + 8);
        break;
    case SYS_KIND_PTR:
        engine_about_to_write(e, a[i], sized && length > UNKNOWN ? length : UNKNOWN);
        break;
    case SYS_KIND_LONGP:
        engine_about_to_write(e, a[i], 8);
        break;
    default:
        if (sides[row->args[i]] == OUT)
            engine_about_to_write(e, a[i], STRUCTURE);
    }
}

void code_writes_before(struct thread *t, const struct sys_row *row, const uint64_t a[6], unsigned size)
{
    struct engine *e = t->process->engine;
    for (unsigned i = 0; i < 6; i++)
        if (a[i] >= MEMORY_PAGE && a[i] < MEMORY_END)
            argument(e, row, a, i, size);
    if (row == &sys_rows[SYS_ID_recvmmsg] || row == &sys_rows[SYS_ID_recvmmsg_time64])
        for (uint64_t i = 0; i < a[2] && i < IOV_MOST; i++)
            message(e, a[1] + 8 * size * i, size);
}
