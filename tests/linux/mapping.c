/* mmap and its family: addresses, error codes, what mprotect, mremap, madvise and brk leave behind. */
#include "test.h"
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#define P 4096
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define RW (PROT_READ | PROT_WRITE)
#define failed(call, err) (errno = 0, ok((call) == MAP_FAILED && errno == (err)))

/* True if every page of [p, p + n) is mapped; msync tells without touching. */
static bool mapped(void *p, size_t n) { return !msync(p, n, MS_ASYNC); }

static void test_errors(void)
{
    char *p = mmap(NULL, 4 * P, RW, ANON, -1, 0);

    ok(p != MAP_FAILED && (uintptr_t)p < 1ull << 47);
    failed(mmap(NULL, 0, RW, ANON, -1, 0), EINVAL);
    failed(mmap(NULL, P, RW, 0, -1, 0), EBADF);
    failed(mmap(NULL, P, RW, MAP_ANONYMOUS, -1, 0), EINVAL);
    failed(mmap(NULL, P, RW, MAP_PRIVATE, 999, 0), EBADF);
#if __SIZEOF_LONG__ == 8 /* i386 has another mmap, and no such addresses */
    failed((void *)syscall(SYS_mmap, 0L, (long)P, RW, ANON, -1L, 1L), EINVAL);
    failed(mmap((void *)(1ul << 63), P, RW, ANON | MAP_FIXED, -1, 0), ENOMEM);
    fails(mprotect((void *)(1ul << 62), P, RW), ENOMEM);
    ok(mmap((void *)(1ul << 63), P, RW, ANON, -1, 0) != MAP_FAILED);
    char *big = mmap(NULL, 1ul << 40, PROT_NONE, ANON | MAP_NORESERVE, -1, 0);
    ok(big != MAP_FAILED && !munmap(big, 1ul << 40));
#endif
    failed(mmap(p + 1, P, RW, ANON | MAP_FIXED, -1, 0), EINVAL);
    failed(mmap(p, P, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);
    failed(mmap(NULL, ~0ul, RW, ANON, -1, 0), ENOMEM);
    failed(mmap((void *)~4095ul, P, RW, ANON | MAP_FIXED, -1, 0), ENOMEM);
    fails(munmap(p + 1, P), EINVAL);
    fails(munmap(p, 0), EINVAL);
    fails(munmap((void *)~4095ul, P), EINVAL);
    fails(mprotect(p + 1, P, RW), EINVAL);
    ok(!mprotect(p, 0, RW));
    fails(mprotect(p, P, 0x40), EINVAL);
    ok(!munmap(p + P, P) && !munmap(p + P, P));
    fails(mprotect(p, 4 * P, PROT_READ), ENOMEM); /* up to the hole it is done */
    int pipe_fds[2];
    ok(!pipe(pipe_fds) && write(pipe_fds[1], "x", 1) == 1);
    fails(read(pipe_fds[0], p, 1), EFAULT);
    ok(read(pipe_fds[0], p + 2 * P, 1) == 1);
    fails(madvise(p, 4 * P, MADV_DONTNEED), ENOMEM);
    fails(madvise(p + 1, P, MADV_DONTNEED), EINVAL);
    fails(madvise(p, P, 12345), EINVAL);
    int dir = open("/", O_RDONLY | O_DIRECTORY);
    failed(mmap(NULL, P, PROT_READ, MAP_PRIVATE, dir, 0), ENODEV);
    close(dir);
    int ro = open("/etc/passwd", O_RDONLY);
    failed(mmap(NULL, P, RW, MAP_SHARED, ro, 0), EACCES);
    ok(mmap(NULL, P, RW, MAP_PRIVATE, ro, 0) != MAP_FAILED);
    close(ro);
    munmap(p, 4 * P);
}

static void test_places(void)
{
    char *p = mmap(NULL, 16 * P, PROT_NONE, ANON, -1, 0);

    ok(mmap(p + 4 * P, 2 * P, RW, ANON | MAP_FIXED, -1, 0) == p + 4 * P);
    p[4 * P] = 1;
    ok(!munmap(p, 16 * P));
    ok(mmap(p + 3 * P, P, RW, ANON, -1, 0) == p + 3 * P); /* a free hint is honoured */
    ok(mmap(p + 3 * P, P, RW, ANON, -1, 0) != p + 3 * P);
    ok(mmap(p + 5 * P, P, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0) == p + 5 * P);
    /* Low addresses, as Wine wants them. */
    ok(mmap((void *)0x10000, 0x10000, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0) == (void *)0x10000);
    ok(mmap((void *)0x7ffe0000, P, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0) == (void *)0x7ffe0000);
    munmap((void *)0x10000, 0x10000);
    munmap((void *)0x7ffe0000, P);
}

static void test_files(void)
{
    test_use_dir();
    int fd = test_make("file", "0123456789");

    ftruncate(fd, 3 * P);
    pwrite(fd, "second", 6, P);
    char *s = mmap(NULL, 3 * P, RW, MAP_SHARED, fd, 0), *q = mmap(NULL, 2 * P, RW, MAP_PRIVATE, fd, P);
    ok(!memcmp(s, "012", 3) && !memcmp(q, "second", 6));
    s[0] = 'x';
    q[0] = 'X';
    char buf[8];
    ok(pread(fd, buf, 2, 0) == 2 && buf[0] == 'x' && s[P] == 's');
    ok(!madvise(q, P, MADV_DONTNEED) && q[0] == 's'); /* private changes are gone */
    int memfd = (int)syscall(SYS_memfd_create, "both", 0);
    ftruncate(memfd, P);
    volatile char *a = mmap(NULL, P, RW, MAP_SHARED, memfd, 0), *b = mmap(NULL, P, PROT_READ, MAP_SHARED, memfd, 0);
    a[9] = 77;
    ok(b[9] == 77 && a != b);
    pid_t pid = fork();
    if (!pid) {
        a[10] = 78;
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    ok(b[10] == 78);
    close(fd);
    close(memfd);
}

static void test_remap(void)
{
    char *p = mmap(NULL, 4 * P, RW, ANON, -1, 0);

    strcpy(p, "moved");
    fails((intptr_t)mremap(p + 1, P, P, 0), EINVAL);
    fails((intptr_t)mremap(p, P, 0, 0), EINVAL);
    fails((intptr_t)mremap(p, P, P, 0x100), EINVAL);
    fails((intptr_t)mremap((void *)0x8000, P, 2 * P, MREMAP_MAYMOVE), EFAULT);
    ok(mremap(p, 4 * P, 2 * P, 0) == p && !mapped(p + 2 * P, P));
    char *target = mmap(NULL, 64 * P, PROT_NONE, ANON, -1, 0);
    ok(mremap(p, 2 * P, 8 * P, MREMAP_MAYMOVE | MREMAP_FIXED, target) == target && !strcmp(target, "moved"));
    ok(!mapped(p, P) && mapped(target, 8 * P));
    target[8 * P - 1] = 1;
    fails((intptr_t)mremap(target, 8 * P, 8 * P, MREMAP_MAYMOVE | MREMAP_FIXED, target + P), EINVAL);
    fails((intptr_t)mremap(target, 8 * P, 16 * P, 0), ENOMEM); /* PROT_NONE behind it */
    char *q = mremap(target, 8 * P, 128 * P, MREMAP_MAYMOVE);
    ok(q != MAP_FAILED && q != target && !strcmp(q, "moved"));
    /* The area's protection moves along. */
    mprotect(q, P, PROT_READ);
    char *r = mremap(q, P, P, MREMAP_MAYMOVE | MREMAP_FIXED, target);
    int fds[2];
    ok(r == target && !pipe(fds) && write(fds[1], "x", 1) == 1);
    fails(read(fds[0], r, 1), EFAULT);
}

static void test_brk(void)
{
    char *start = (char *)syscall(SYS_brk, 0);

    ok(start && (char *)syscall(SYS_brk, start + 5 * P + 7) == start + 5 * P + 7);
    start[5 * P] = 1;
    ok((char *)syscall(SYS_brk, 0) == start + 5 * P + 7);
    ok((char *)syscall(SYS_brk, 16) == start + 5 * P + 7); /* refused: no change */
    ok((char *)syscall(SYS_brk, start + P) == start + P);
    ok((char *)syscall(SYS_brk, start + 6 * P) == start + 6 * P && start[5 * P] == 0);
    syscall(SYS_brk, start);
}

static void test_shm(void)
{
    int id = shmget(IPC_PRIVATE, 3 * P, IPC_CREAT | 0600);
    char *p = shmat(id, NULL, 0), *q = shmat(id, NULL, SHM_RDONLY);

    ok(id >= 0 && p != (void *)-1 && q != (void *)-1 && p != q);
    p[2 * P] = 5;
    ok(q[2 * P] == 5);
    fails(shmdt(p + P), EINVAL);
    ok(!shmdt(p) && !mapped(p, P) && !shmdt(q));
    shmctl(id, IPC_RMID, NULL);
    fails((intptr_t)shmat(id, NULL, 0), EINVAL);
}

/* Generated code, changed under way. */
static void test_code(void)
{
#ifdef __aarch64__
    static const uint32_t one[] = {0x52800020, 0xd65f03c0}, two[] = {0x52800040, 0xd65f03c0};
    size_t size = sizeof(one);
#else
    static const uint8_t one[] = {0xb8, 1, 0, 0, 0, 0xc3}, two[] = {0xb8, 2, 0, 0, 0, 0xc3};
    size_t size = sizeof(one);
#endif
    char *p = mmap(NULL, P, RW | PROT_EXEC, ANON, -1, 0);
    int (*fn)(void) = (int (*)(void))(void *)p;
    bool good = true;

    for (int i = 0; i < 200; i++) {
        memcpy(p, i % 2 ? one : two, size);
        __builtin___clear_cache(p, p + size);
        good = good && fn() == (i % 2 ? 1 : 2);
    }
    ok(good);
    for (int i = 0; i < 50; i++) { /* write or execute */
        mprotect(p, P, RW);
        memcpy(p, i % 2 ? one : two, size);
        __builtin___clear_cache(p, p + size);
        mprotect(p, P, PROT_READ | PROT_EXEC);
        good = good && fn() == (i % 2 ? 1 : 2);
    }
    ok(good);
    for (int i = 0; i < 20; i++) { /* other memory at the same place, by mmap and by mremap */
        char *other = mmap(NULL, P, RW | PROT_EXEC, ANON, -1, 0);
        memcpy(other, i % 2 ? one : two, size);
        if (i % 4 < 2) {
            mremap(other, P, P, MREMAP_MAYMOVE | MREMAP_FIXED, p);
        } else {
            mmap(p, P, RW | PROT_EXEC, ANON | MAP_FIXED, -1, 0);
            memcpy(p, i % 2 ? one : two, size);
            munmap(other, P);
        }
        __builtin___clear_cache(p, p + size);
        good = good && fn() == (i % 2 ? 1 : 2);
    }
    ok(good);
    int memfd = (int)syscall(SYS_memfd_create, "code", 0);
    ftruncate(memfd, P);
    char *w = mmap(NULL, P, RW, MAP_SHARED, memfd, 0), *x = mmap(NULL, P, PROT_READ | PROT_EXEC, MAP_SHARED, memfd, 0);
    for (int i = 0; i < 50; i++) { /* written through another mapping */
        memcpy(w, i % 2 ? one : two, size);
        __builtin___clear_cache(w, w + size);
        __builtin___clear_cache(x, x + size);
        good = good && ((int (*)(void))(void *)x)() == (i % 2 ? 1 : 2);
    }
    ok(good);
}

int main(void)
{
    test_errors();
    test_places();
    test_files();
    test_remap();
    test_brk();
    test_shm();
    test_code();
    fails(mlockall(0), EINVAL);
    fails(mlockall(MCL_ONFAULT), EINVAL);
    fails(mlockall(64), EINVAL);
    if (geteuid() == 0)
        ok(!mlockall(MCL_CURRENT | MCL_FUTURE) && mmap(NULL, P, RW, ANON, -1, 0) != MAP_FAILED && !munlockall());
    fails(mprotect((void *)((uintptr_t)mmap(NULL, P, RW, ANON, -1, 0)), P, RW | PROT_GROWSDOWN), EINVAL);
    char *here = (char *)((uintptr_t)__builtin_frame_address(0) & ~4095ul);
    ok(!mprotect(here, P, RW | PROT_GROWSDOWN));
    unsigned char vec[2];
    char *p = mmap(NULL, 2 * P, RW, ANON, -1, 0);
    p[0] = 1;
    ok(!mincore(p, 2 * P, vec) && (vec[0] & 1) && !(vec[1] & 1));
    munmap(p + P, P);
    fails(mincore(p, 2 * P, vec), ENOMEM);
    fails(msync(p, 2 * P, MS_ASYNC), ENOMEM);
    return test_done();
}
