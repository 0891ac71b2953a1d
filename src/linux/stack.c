/* The first stack: strings at the top, then platform name and random bytes, then auxv, environment
 * and argument pointers, and the argument count at the stack pointer (fs/binfmt_elf.c:
 * create_elf_tables). */
#include "linux/stack.h"

#include <elf.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include "memory/memory.h"

#define STACK_DEFAULT (8ull << 20)
#define STACK_MOST    (1ull << 30) /* for an unlimited stack: it is mapped at once, not grown */
#define STACK_GUARD   (1ull << 20)
#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif

/* The stack while it is filled, downwards. */
struct filler {
    uint64_t sp;
    uint64_t *auxv;
    unsigned auxv_size; /* bytes */
    bool bits32;
};

static uint64_t push(struct filler *f, const void *bytes, size_t n)
{
    f->sp -= n;
    memcpy((void *)f->sp, bytes, n);
    return f->sp;
}

static uint64_t push_string(struct filler *f, const char *s)
{
    return push(f, s, strlen(s) + 1);
}

static void aux_word(struct filler *f, uint64_t word)
{
    size_t size = f->bits32 ? 4 : 8;

    memcpy((char *)f->auxv + f->auxv_size, &word, size);
    f->auxv_size += (unsigned)size;
}

static void aux(struct filler *f, uint64_t type, uint64_t value)
{
    aux_word(f, type);
    aux_word(f, value);
}

static size_t count(char *const list[], size_t *bytes)
{
    size_t n = 0;

    for (; list[n]; n++)
        *bytes += strlen(list[n]) + 1 + sizeof(char *);
    return n;
}

/* Maps the stack with unmapped guard space below; its lowest address, or 0. */
static uint64_t map_stack(uint64_t size, bool exec)
{
    uint64_t room = size + STACK_GUARD, end = memory_space_end();
    int64_t at = -1;

    if (end < MEMORY_END) /* at the top, where the kernel leaves room for it */
        at = memory_map(end - room, room, PROT_NONE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if (at < 0)
        at = memory_map(0, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    char *p = (char *)at;

    if (at < 0 || mprotect(p + STACK_GUARD, size, PROT_READ | PROT_WRITE))
        return 0;
    struct memory_area area = {
        .start = (uint64_t)p + STACK_GUARD,
        .end = (uint64_t)p + STACK_GUARD + size,
        .prot = PROT_READ | PROT_WRITE | (exec ? PROT_EXEC : 0),
        .flags = MAP_PRIVATE,
        .name = memory_intern("[stack]"),
    };

    memory_note_map(&area);
    return area.start;
}

static void fill_auxv(struct filler *f, const struct process *p, const struct program_image *image,
                      uint64_t random, uint64_t execfn, uint64_t platform)
{
    if (p->vdso_at.syscall)
        aux(f, AT_SYSINFO, p->vdso_at.syscall);
    aux(f, AT_SYSINFO_EHDR, p->vdso);
    aux(f, AT_MINSIGSTKSZ, p->abi->signal_room);
    aux(f, AT_HWCAP, p->abi->hwcap(1));
    aux(f, AT_PAGESZ, MEMORY_PAGE);
    aux(f, AT_CLKTCK, (uint64_t)sysconf(_SC_CLK_TCK));
    aux(f, AT_PHDR, image->phdr);
    aux(f, AT_PHENT, image->phent);
    aux(f, AT_PHNUM, image->phnum);
    aux(f, AT_BASE, image->interp_base);
    aux(f, AT_FLAGS, 0);
    aux(f, AT_ENTRY, image->entry);
    aux(f, AT_UID, getuid());
    aux(f, AT_EUID, geteuid());
    aux(f, AT_GID, getgid());
    aux(f, AT_EGID, getegid());
    aux(f, AT_SECURE, 0);
    aux(f, AT_RANDOM, random);
    aux(f, AT_HWCAP2, p->abi->hwcap(2));
    aux(f, AT_EXECFN, execfn);
    aux(f, AT_PLATFORM, platform);
    aux(f, AT_NULL, 0);
}

/* A word of the guest's at address at; the next one's. */
static uint64_t put_word(const struct filler *f, uint64_t at, uint64_t word)
{
    size_t size = f->bits32 ? 4 : 8;

    memcpy((void *)at, &word, size);
    return at + size;
}

uint64_t stack_build(struct process *p, const struct program_image *image, const char *execfn,
                     char *const argv[], char *const envp[])
{
    size_t bytes = 0, argc = count(argv, &bytes), envc = count(envp, &bytes);
    struct rlimit limit = {STACK_DEFAULT, 0};
    unsigned char random[16];

    getrlimit(RLIMIT_STACK, &limit);
    uint64_t size = limit.rlim_cur > STACK_MOST ? STACK_MOST : limit.rlim_cur;

    size = align_up((size < MEMORY_PAGE * 32 ? MEMORY_PAGE * 32 : size), MEMORY_PAGE);
    if (bytes > size / 2)
        size += align_up(bytes, MEMORY_PAGE);
    p->stack_low = map_stack(size, image->stack_exec);
    if (!p->stack_low)
        return 0;
    p->stack_high = p->stack_low + size;

    struct filler f = {p->stack_high - sizeof(uint64_t), p->auxv, 0, p->abi->bits32};
    uint64_t name = push_string(&f, execfn);

    p->env_end = name;
    for (size_t i = envc; i-- > 0;)
        push_string(&f, envp[i]);
    p->env_start = p->arg_end = f.sp;
    for (size_t i = argc; i-- > 0;)
        push_string(&f, argv[i]);
    p->arg_start = f.sp;
    if (getrandom(random, sizeof(random), 0) != sizeof(random))
        memset(random, 0, sizeof(random));
    f.sp = align_down(f.sp, 16);
    uint64_t platform = push_string(&f, p->abi->machine), random_at;

    random_at = push(&f, random, sizeof(random));
    fill_auxv(&f, p, image, random_at, name, platform);
    p->auxv_size = f.auxv_size;

    uint64_t sp = align_down(f.sp - (1 + argc + 1 + envc + 1) * (f.bits32 ? 4 : 8) - f.auxv_size, 16);
    uint64_t at = p->arg_start, out = sp;

    out = put_word(&f, out, argc);
    for (size_t i = 0; i < argc; i++, at += strlen((char *)at) + 1)
        out = put_word(&f, out, at);
    out = put_word(&f, out, 0);
    for (size_t i = 0; i < envc; i++, at += strlen((char *)at) + 1)
        out = put_word(&f, out, at);
    out = put_word(&f, out, 0);
    memcpy((void *)out, p->auxv, f.auxv_size);
    return sp;
}
