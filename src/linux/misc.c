/* System V IPC where it differs or maps memory, what tells the machine apart, and of ptrace what looks at memory. */
#include "engine/engine.h"
#include "linux/hostcall.h"
#include "linux/process.h"
#include "linux/sysrow.h"
#include "memory/guard.h"
#include "support/log.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>

int64_t sys_uname(struct thread *t, const uint64_t a[6])
{
    struct utsname u;
    int64_t r = host(uname, &u);
    if (r < 0)
        return r;
    memset(u.machine, 0, sizeof u.machine);
    snprintf(u.machine, sizeof u.machine, "%s", t->process->abi->machine);
    return memory_write(a[0], &u, sizeof u) ? 0 : -EFAULT;
}

/* struct semid64_ds of the generic ABI: without x86's words between the times. */
struct generic_semid {
    struct ipc_perm perm;
    int64_t otime, ctime;
    uint64_t nsems, unused[2];
};

int64_t sys_semctl(struct thread *t, const uint64_t a[6])
{
    struct semid_ds ds;
    struct generic_semid g;
    int64_t r;

    switch ((int)a[2]) {
    case IPC_STAT:
    case SEM_STAT:
    case SEM_STAT_ANY:
        if (t->process->abi->kind != ABI_ARM64)
            break;
        r = host(semctl, a[0], a[1], a[2], &ds);
        if (r < 0)
            return r;
        g = (struct generic_semid){.perm = ds.sem_perm,
                                   .otime = ds.sem_otime,
                                   .ctime = ds.sem_ctime,
                                   .nsems = ds.sem_nsems};
        return memory_write(a[3], &g, sizeof g) ? r : -EFAULT;
    case IPC_SET: /* only the permissions are read */
        if (t->process->abi->kind != ABI_ARM64)
            break;
        memset(&ds, 0, sizeof ds);
        if (!memory_read(&ds.sem_perm, a[3], sizeof ds.sem_perm))
            return -EFAULT;
        return host(semctl, a[0], a[1], a[2], &ds);
    }
    return sys_row_call(t, a[0], a[1], a[2], a[3], 0, 0);
}

int64_t sys_shmat(struct thread *t, const uint64_t a[6])
{
    struct shmid_ds ds;
    char name[20];
    uint64_t flags = a[2];

    if (host(shmctl, a[0], IPC_STAT, &ds) < 0)
        return sys_row_call(t, a[0], a[1], flags & ~(uint64_t)SHM_EXEC, 0, 0, 0);
    memory_layout_lock();
    if (flags & SHM_REMAP)
        engine_lift_guards(t->process->engine, a[1], ds.shm_segsz);
    /* The host's mapping is never executable; the record keeps what the guest asked for. */
    int64_t addr = sys_row_call(t, a[0], a[1], flags & ~(uint64_t)SHM_EXEC, 0, 0, 0);
    if (t->process->abi->bits32 && (addr >= 0 || addr <= -4096))
        addr = (uint32_t)addr;
    if (addr < 0) {
        memory_layout_unlock();
        return addr;
    }
    snprintf(name, sizeof name, "/SYSV%08x", (unsigned)ds.shm_perm.__key);
    struct memory_area area = {
        .start = (uint64_t)addr,
        .end = (uint64_t)addr + align_up(ds.shm_segsz, MEMORY_PAGE),
        .prot =
            PROT_READ | (flags & SHM_RDONLY ? 0 : PROT_WRITE) | (flags & SHM_EXEC ? PROT_EXEC : 0),
        .flags = MAP_SHARED,
        .dev = makedev(0, 1),
        .inode = (uint32_t)a[0],
        .name = memory_intern(name),
    };
    if (flags & SHM_REMAP)
        engine_invalidate(t->process->engine, area.start, area.end - area.start);
    memory_note_map(&area);
    if (area.prot & PROT_WRITE)
        engine_now_writable(t->process->engine, area.start, area.end - area.start);
    memory_layout_unlock();
    return addr;
}

int64_t sys_shmdt(struct thread *t, const uint64_t a[6])
{
    struct memory_area area;

    memory_layout_lock();
    bool known = memory_area_at(a[0], &area) && area.start == a[0];
    if (known)
        engine_lift_guards(t->process->engine, area.start, area.end - area.start);
    int64_t r = host(shmdt, a[0]);
    if (r == 0 && known) {
        engine_invalidate(t->process->engine, area.start, area.end - area.start);
        memory_note_unmap(area.start, area.end);
    }
    memory_layout_unlock();
    return r;
}

/* Memory is at the same addresses in guest and host, and a guest thread has its host thread's number: so stopping another
 * thread and reading and writing its memory is the host's affair.  (wineserver does that.)  Registers are not: those of a stopped thread are
 * Demotic's.  What is written over code that the other has translated already has no effect there. */
int64_t sys_ptrace(struct thread *t, const uint64_t a[6])
{
    switch ((int)a[0]) {
    case PTRACE_PEEKTEXT:
    case PTRACE_PEEKDATA:
    case PTRACE_POKETEXT:
    case PTRACE_POKEDATA:
    case PTRACE_CONT:
    case PTRACE_KILL:
    case PTRACE_ATTACH:
    case PTRACE_DETACH:
        return sys_row_call(t, a[0], a[1], a[2], a[3], 0, 0);
    default:
        log_once((uintptr_t)sys_ptrace, "ptrace request 0x%x is not supported; the program gets EIO", (unsigned)a[0]);
        return -EIO;
    }
}
