/* System V IPC and POSIX message queues. */
#include "test.h"
#include <mqueue.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

union semun {
    int val;
    struct semid_ds *buf;
    unsigned short *array;
};

static void semaphores(void)
{
    int id = semget(IPC_PRIVATE, 3, 0600), status;
    struct {
        struct semid_ds ds;
        unsigned long guard[16];
    } s;
    union semun arg = {.val = 2};

    if (id < 0) {
        skip("no semaphores");
        return;
    }
    ok(semctl(id, 1, SETVAL, arg) == 0 && semctl(id, 1, GETVAL) == 2);
    unsigned short all[3] = {4, 5, 6}, back[3] = {0};
    arg.array = all;
    ok(semctl(id, 0, SETALL, arg) == 0);
    arg.array = back;
    ok(semctl(id, 0, GETALL, arg) == 0 && back[0] == 4 && back[2] == 6);
    memset(&s, 0x55, sizeof s);
    arg.buf = &s.ds;
    ok(semctl(id, 0, IPC_STAT, arg) == 0 && s.ds.sem_nsems == 3);
    ok((s.ds.sem_perm.mode & 0777) == 0600 && s.ds.sem_perm.cuid == geteuid());
    ok(llabs((long long)s.ds.sem_ctime - (long long)time(NULL)) < 100 && s.ds.sem_otime == 0);
    ok(s.guard[0] == ~0ul / 3);
    s.ds.sem_perm.mode = 0640;
    ok(semctl(id, 0, IPC_SET, arg) == 0 && semctl(id, 0, IPC_STAT, arg) == 0 &&
       (s.ds.sem_perm.mode & 0777) == 0640);
    struct sembuf down = {0, -5, 0}, up = {0, 1, 0}, no_wait = {0, -5, IPC_NOWAIT};
    fails(semop(id, &no_wait, 1), EAGAIN);
    struct timespec ts = {0, 20000000};
    fails(semtimedop(id, &down, 1, &ts), EAGAIN);
    pid_t child = fork();
    if (!child) {
        test_sleep(0.05);
        semop(id, &up, 1);
        _exit(0);
    }
    ok(semop(id, &down, 1) == 0 && semctl(id, 0, GETVAL) == 0);
    ok(semctl(id, 0, GETPID) == getpid());
    waitpid(child, &status, 0);
    ok(semctl(id, 0, IPC_RMID) == 0);
    fails(semop(id, &up, 1), EINVAL);
}

static void shared_memory(void)
{
    int id = shmget(IPC_PRIVATE, 10000, 0600), status;
    struct shmid_ds ds;
    if (id < 0) {
        skip("no shared memory");
        return;
    }
    volatile int *p = shmat(id, NULL, 0);
    ok(p != (void *)-1 && p[0] == 0);
    volatile const int *q = shmat(id, NULL, SHM_RDONLY);
    ok(q != (void *)-1 && (void *)q != (void *)p);
    p[2000] = 42;
    ok(q[2000] == 42);
    ok(shmctl(id, IPC_STAT, &ds) == 0 && ds.shm_segsz == 10000 && ds.shm_nattch == 2 &&
       ds.shm_cpid == getpid());
    pid_t child = fork();
    if (!child) {
        p[1] = 77;
        _exit(0);
    }
    waitpid(child, &status, 0);
    ok(p[1] == 77);
    fails(shmdt((char *)p + 8), EINVAL);
    ok(shmdt((void *)q) == 0 && shmctl(id, IPC_STAT, &ds) == 0 && ds.shm_nattch == 1);
    ok(shmctl(id, IPC_RMID, NULL) == 0 && shmdt((void *)p) == 0);
    fails((long)shmat(id, NULL, 0), EINVAL);
}

static void messages(void)
{
    int id = msgget(IPC_PRIVATE, 0600);
    struct {
        long type;
        char text[32];
    } m = {7, "seven"}, r;
    struct msqid_ds ds;
    if (id < 0) {
        skip("no message queues");
        return;
    }
    ok(msgsnd(id, &m, 6, 0) == 0);
    m.type = 3;
    ok(msgsnd(id, &m, 6, 0) == 0);
    ok(msgctl(id, IPC_STAT, &ds) == 0 && ds.msg_qnum == 2 && ds.msg_lspid == getpid());
    ok(msgrcv(id, &r, sizeof r.text, 3, 0) == 6 && r.type == 3);
    ok(msgrcv(id, &r, sizeof r.text, 0, 0) == 6 && r.type == 7 && !strcmp(r.text, "seven"));
    fails(msgrcv(id, &r, sizeof r.text, 0, IPC_NOWAIT), ENOMSG);
    ok(msgctl(id, IPC_RMID, NULL) == 0);
}

static void posix_queues(void)
{
    char name[64], buf[64];
    unsigned prio = 0;
    struct mq_attr at = {.mq_maxmsg = 4, .mq_msgsize = 64}, now;
    snprintf(name, sizeof name, "/demotic-test-%d", getpid());
    mqd_t q = mq_open(name, O_CREAT | O_RDWR | O_EXCL, 0600, &at);
    if (q == (mqd_t)-1) {
        skip("no POSIX queues");
        return;
    }
    ok(mq_getattr(q, &now) == 0 && now.mq_maxmsg == 4 && now.mq_msgsize == 64 && now.mq_flags == 0);
    ok(mq_send(q, "low", 4, 1) == 0 && mq_send(q, "high", 5, 9) == 0);
    ok(mq_receive(q, buf, sizeof buf, &prio) == 5 && prio == 9 && !strcmp(buf, "high"));
    ok(mq_receive(q, buf, sizeof buf, &prio) == 4 && prio == 1);
    struct timespec soon;
    clock_gettime(CLOCK_REALTIME, &soon);
    soon.tv_nsec += 20000000;
    if (soon.tv_nsec >= 1000000000)
        soon.tv_sec++, soon.tv_nsec -= 1000000000;
    fails(mq_timedreceive(q, buf, sizeof buf, NULL, &soon), ETIMEDOUT);
    at.mq_flags = O_NONBLOCK;
    ok(mq_setattr(q, &at, NULL) == 0);
    fails(mq_receive(q, buf, sizeof buf, NULL), EAGAIN);
    fails(mq_receive(q, buf, 8, NULL), EMSGSIZE);
    ok(mq_close(q) == 0 && mq_unlink(name) == 0);
    fails(mq_unlink(name), ENOENT);
}

int main(void)
{
    semaphores();
    shared_memory();
    messages();
    posix_queues();
    return test_done();
}
