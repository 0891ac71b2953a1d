/* System calls about processes: waiting, limits, prctl, personality. */
#include <errno.h>
#include <linux/membarrier.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "engine/engine.h"
#include "linux/hostcall.h"
#include "linux/process.h"
#include "linux/sysrow.h"
#include "memory/memory.h"

#ifndef PR_GET_AUXV
#define PR_GET_AUXV 0x41555856
#endif
#ifndef PR_SET_VMA
#define PR_SET_VMA           0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif
#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67
#define PR_GET_MEMORY_MERGE 68
#endif

int64_t sys_wait4(struct thread *t, const uint64_t a[6])
{
    return sys_row_wait(t, a[0], a[1], a[2], a[3], 0, 0);
}

int64_t sys_waitid(struct thread *t, const uint64_t a[6])
{
    return sys_row_wait(t, a[0], a[1], a[2], a[3], a[4], 0);
}

/* The address-space limits are the guest's to set and read, but would hit Demotic's own memory:
 * they are kept here, not enforced. */
static struct rlimit kept[2];
static bool kept_set[2];

static int kept_index(uint64_t resource)
{
    return resource == RLIMIT_AS ? 0 : resource == RLIMIT_DATA ? 1 : -1;
}

int64_t sys_prlimit64(struct thread *t, const uint64_t a[6])
{
    int kept_at = kept_index((uint32_t)a[1]);
    struct rlimit new, old;

    if (kept_at < 0 || ((int)a[0] && (int)a[0] != t->process->pid))
        return host(prlimit64, a[0], a[1], a[2], a[3]);
    int64_t ret = host(prlimit64, 0, a[1], 0, &old);

    if (ret)
        return ret;
    if (kept_set[kept_at])
        old = kept[kept_at];
    if (a[2]) {
        if (!memory_read(&new, a[2], sizeof(new)))
            return -EFAULT;
        if (new.rlim_cur > new.rlim_max)
            return -EINVAL;
        if (new.rlim_max > old.rlim_max)
            return -EPERM;
        kept[kept_at] = new;
        kept_set[kept_at] = true;
    }
    if (a[3] && !memory_write(a[3], &old, sizeof(old)))
        return -EFAULT;
    return 0;
}

/* i386: numbers of 32 bits; infinity is `most` there. */
static int64_t getrlimit32(struct thread *t, const uint64_t a[6], uint32_t most)
{
    struct rlimit r;
    const uint64_t args[6] = {0, a[0], 0, (uint64_t)&r};
    int64_t ret = sys_prlimit64(t, args);
    const uint32_t out[2] = {r.rlim_cur > most ? most : (uint32_t)r.rlim_cur, r.rlim_max > most ? most : (uint32_t)r.rlim_max};

    return ret ? ret : memory_write(a[1], out, sizeof(out)) ? 0 : -EFAULT;
}

int64_t sys_ugetrlimit(struct thread *t, const uint64_t a[6])
{
    return getrlimit32(t, a, UINT32_MAX);
}

int64_t sys_getrlimit(struct thread *t, const uint64_t a[6])
{
    const uint64_t args[6] = {0, a[0], 0, a[1]};

    if (t->process->abi->bits32)
        return getrlimit32(t, a, INT32_MAX);

    return a[1] ? sys_prlimit64(t, args) : -EFAULT;
}

int64_t sys_setrlimit(struct thread *t, const uint64_t a[6])
{
    const uint64_t args[6] = {0, a[0], a[1], 0};
    uint32_t small[2];

    if (t->process->abi->bits32) {
        if (!memory_read(small, a[1], sizeof(small)))
            return -EFAULT;
        const struct rlimit r = {small[0] == UINT32_MAX ? RLIM_INFINITY : small[0], small[1] == UINT32_MAX ? RLIM_INFINITY : small[1]};
        const uint64_t wide[6] = {0, a[0], (uint64_t)&r, 0};

        return sys_prlimit64(t, wide);
    }
    return a[1] ? sys_prlimit64(t, args) : -EFAULT;
}

int64_t sys_personality(struct thread *t, const uint64_t a[6])
{
    uint32_t new = (uint32_t)a[0], old = t->process->personality;

    if (new != 0xffffffff) {
        /* Demotic's own mappings are to stay without the right to execute. */
        int64_t ret = host(personality, new & ~(uint32_t)READ_IMPLIES_EXEC);

        if (ret < 0)
            return ret;
        t->process->personality = new;
    }
    return old;
}

int64_t sys_membarrier(struct thread *t, const uint64_t a[6])
{
    const uint64_t rseq =
        MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ | MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ;

    if (a[0] & rseq)
        return -EINVAL; /* there is no rseq */
    int64_t ret = host(membarrier, a[0], a[1], a[2]);

    return (int)a[0] == MEMBARRIER_CMD_QUERY && ret > 0 ? (int64_t)((uint64_t)ret & ~rseq) : ret;
}

static int64_t name_areas(const uint64_t a[6])
{
    char name[96] = "[anon:";
    int64_t ret = host(prctl, a[0], a[1], a[2], a[3], a[4]);

    /* The host may have been built without it; the record is ours. */
    if (ret && ret != -EINVAL)
        return ret;
    if (a[2] % MEMORY_PAGE || !memory_allows(a[2], align_up(a[2] + a[3], MEMORY_PAGE), 0))
        return ret ? ret : -ENOMEM;
    if (a[4]) {
        ssize_t n = memory_read_string(name + 6, a[4], 80);

        if (n < 0)
            return n == -1 ? -EFAULT : -EINVAL;
        for (const char *p = name + 6; *p; p++)
            if (*p < 0x20 || *p > 0x7e || strchr("[]\\$`", *p))
                return -EINVAL;
        strcat(name, "]");
    }
    memory_note_name(a[2], align_up(a[2] + a[3], MEMORY_PAGE), a[4] ? memory_intern(name) : NULL);
    return 0;
}

int64_t sys_prctl(struct thread *t, const uint64_t a[6])
{
    const struct process *p = t->process;

    switch ((int)a[0]) {
    case PR_SET_PDEATHSIG:
    case PR_GET_PDEATHSIG:
    case PR_GET_DUMPABLE:
    case PR_SET_DUMPABLE:
    case PR_GET_KEEPCAPS:
    case PR_SET_KEEPCAPS:
    case PR_GET_TIMING:
    case PR_SET_TIMING:
    case PR_SET_NAME:
    case PR_GET_NAME:
    case PR_CAPBSET_READ:
    case PR_GET_SECUREBITS:
    case PR_SET_TIMERSLACK:
    case PR_GET_TIMERSLACK:
    case PR_TASK_PERF_EVENTS_DISABLE:
    case PR_TASK_PERF_EVENTS_ENABLE:
    case PR_MCE_KILL:
    case PR_MCE_KILL_GET:
    case PR_SET_CHILD_SUBREAPER:
    case PR_GET_CHILD_SUBREAPER:
    case PR_GET_NO_NEW_PRIVS:
    case PR_SET_THP_DISABLE:
    case PR_GET_THP_DISABLE:
    case PR_SET_IO_FLUSHER:
    case PR_GET_IO_FLUSHER:
    case PR_SET_PTRACER:
    case PR_SET_MEMORY_MERGE:
    case PR_GET_MEMORY_MERGE:
        return host(prctl, a[0], a[1], a[2], a[3], a[4]);
    case PR_CAPBSET_DROP:
    case PR_SET_SECUREBITS:
    case PR_SET_NO_NEW_PRIVS:
    case PR_CAP_AMBIENT:
        engine_alone(p->engine); /* what a thread may do */
        return host(prctl, a[0], a[1], a[2], a[3], a[4]);
    case PR_GET_SECCOMP:
        return 0;
    case PR_GET_TID_ADDRESS:
        return memory_write(a[1], &t->clear_child_tid, t->process->abi->bits32 ? 4 : 8) ? 0 : -EFAULT;
    case PR_SET_MM:
        return -EPERM;
    case PR_SET_VMA:
        return a[1] == PR_SET_VMA_ANON_NAME ? name_areas(a) : -EINVAL;
    case PR_GET_AUXV: {
        uint64_t size = p->auxv_size;

        if (a[3] || a[4])
            return -EINVAL;
        return memory_write(a[1], p->auxv, a[2] < size ? a[2] : size) ? (int64_t)size : -EFAULT;
    }
    default:
        /* Another processor's, or what would need ours to obey: seccomp filters, tagged addresses,
         * dispatch. */
        return -EINVAL;
    }
}
