/* Small programs that each stress one thing, for ratios of the same source built natively and for a guest.
 *     kernels NAME [SCALE]     runs one and prints a checksum, which must agree everywhere
 *     kernels                  lists them, those of x87.c (built along on x86 only) with "x87" after the name
 * About 0.1 s natively at scale 1. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernels.h"

#define NOINLINE __attribute__((noinline))

static uint64_t rng_state = 88172645463325252ull;
static uint64_t rng(void)
{
    rng_state ^= rng_state << 13;
    rng_state ^= rng_state >> 7;
    rng_state ^= rng_state << 17;
    return rng_state;
}

static uint64_t integer(unsigned scale)
{
    uint64_t a = 1, b = 2, c = 3;
    for (unsigned i = 0; i < scale * 100000000u; i++) {
        a += b ^ (c >> 3);
        b = (b << 5 | b >> 59) + i;
        c = c * 31 + (a & 0xff);
    }
    return a ^ b ^ c;
}

static uint64_t divide(unsigned scale)
{
    uint64_t sum = 0, x = 0x123456789abcdefull;
    for (unsigned i = 1; i < scale * 12000000u; i++) {
        sum += x / (i | 1) + (uint32_t)x % i;
        x += sum;
    }
    return sum;
}

struct node {
    struct node *next;
    uint64_t value;
};
static uint64_t pointer(unsigned scale)
{
    enum { N = 4096 };
    static struct node nodes[N];
    unsigned order[N];
    for (unsigned i = 0; i < N; i++)
        order[i] = i;
    for (unsigned i = N - 1; i > 0; i--) {
        unsigned j = (unsigned)(rng() % (i + 1)), t = order[i];
        order[i] = order[j];
        order[j] = t;
    }
    for (unsigned i = 0; i < N; i++) {
        nodes[order[i]].next = &nodes[order[(i + 1) % N]];
        nodes[order[i]].value = i;
    }
    uint64_t sum = 0;
    struct node *n = nodes;
    for (unsigned i = 0; i < scale * 40000000u; i++) {
        sum += n->value;
        n = n->next;
    }
    return sum;
}

static uint64_t branchy(unsigned scale)
{
    enum { N = 65536 };
    static uint8_t code[N];
    for (unsigned i = 0; i < N; i++)
        code[i] = (uint8_t)(rng() % 7);
    uint64_t acc = 1, stack[8] = {0};
    unsigned sp = 0;
    for (unsigned k = 0; k < scale * 400u; k++)
        for (unsigned i = 0; i < N; i++)
            switch (code[i]) { /* a byte-code interpreter's heart */
            case 0: acc += i; break;
            case 1: acc ^= acc << 7; break;
            case 2: stack[sp++ & 7] = acc; break;
            case 3: acc += stack[--sp & 7]; break;
            case 4: if (acc & 1) acc = acc * 3 + 1; break;
            case 5: acc = acc >> 1 | acc << 63; break;
            default: acc -= k; break;
            }
    return acc;
}

static NOINLINE uint64_t fib(unsigned n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
static uint64_t calls(unsigned scale)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < scale * 24; i++)
        sum += fib(32 + (i & 1));
    return sum;
}

static NOINLINE uint64_t op_add(uint64_t a, uint64_t b) { return a + b; }
static NOINLINE uint64_t op_xor(uint64_t a, uint64_t b) { return a ^ b; }
static NOINLINE uint64_t op_mul(uint64_t a, uint64_t b) { return a * (b | 1); }
static NOINLINE uint64_t op_rot(uint64_t a, uint64_t b) { return a << (b & 63) | a >> (-b & 63); }
static uint64_t indirect(unsigned scale)
{
    static uint64_t (*volatile const table[])(uint64_t, uint64_t) = {op_add, op_xor, op_mul, op_rot};
    uint64_t acc = 1;
    for (unsigned i = 0; i < scale * 60000000u; i++)
        acc = table[(i ^ i >> 3) & 3](acc, i);
    return acc;
}

static uint64_t doubles(unsigned scale)
{
    double x = 0.5, y = 0.25, z = 1.0, sum = 0;
    for (unsigned i = 0; i < scale * 30000000u; i++) {
        double dx = 10.0 * (y - x), dy = x * (28.0 - z) - y, dz = x * y - 8.0 / 3.0 * z;
        x += dx * 0.001;
        y += dy * 0.001;
        z += dz * 0.001;
        sum += x / (1.0 + y * y);
    }
    uint64_t bits;
    sum = (double)(int64_t)(sum * 1000);
    memcpy(&bits, &sum, 8);
    return bits;
}

static uint64_t floats(unsigned scale)
{
    enum { N = 96 };
    static float a[N][N], b[N][N], c[N][N];
    for (unsigned i = 0; i < N; i++)
        for (unsigned j = 0; j < N; j++) {
            a[i][j] = (float)(int)(rng() % 16);
            b[i][j] = (float)(int)(rng() % 16);
        }
    for (unsigned r = 0; r < scale * 240; r++)
        for (unsigned i = 0; i < N; i++)
            for (unsigned j = 0; j < N; j++) {
                float s = 0;
                for (unsigned k = 0; k < N; k++)
                    s += a[i][k] * b[k][j];
                c[i][j] = s + (float)(r & 3);
                a[i][j] = (float)((int)s & 15);
            }
    float sum = 0;
    for (unsigned i = 0; i < N; i++)
        sum += c[i][(i * 7) % N];
    return (uint64_t)sum;
}

typedef int v4si __attribute__((vector_size(16)));
typedef uint8_t v16qi __attribute__((vector_size(16)));
static uint64_t simd(unsigned scale)
{
    enum { N = 4096 };
    static v4si data[N];
    static v16qi bytes[N];
    for (unsigned i = 0; i < N; i++) {
        uint64_t q[2] = {rng(), rng()};
        memcpy(&data[i], q, 16);
        memcpy(&bytes[i], q, 16);
    }
    v4si acc = {1, 2, 3, 4};
    v16qi low = {0};
    for (unsigned r = 0; r < scale * 10000; r++)
        for (unsigned i = 0; i < N; i++) {
            v4si d = data[i];
            acc = (acc + d) ^ ((acc << 3) | (d & 0x0f0f0f0f));
            v16qi more = (v16qi)(bytes[i] > low);
            low = (more & (bytes[i] - low)) | (~more & (low + 1));
        }
    return (uint64_t)(uint32_t)(acc[0] ^ acc[1] ^ acc[2] ^ acc[3]) << 8 | low[3];
}

static uint64_t strings(unsigned scale)
{
    static char a[65536], b[65536];
    uint64_t sum = 0;
    for (unsigned i = 0; i < sizeof a - 1; i++)
        a[i] = (char)('a' + rng() % 26);
    for (unsigned r = 0; r < scale * 100000; r++) {
        unsigned at = r * 13 % 4096, n = 16 + r * 31 % 2000;
        memcpy(b + at, a + n, n);
        b[at + n] = 0;
        sum += strlen(b + at) + (uint64_t)(memchr(a, 'z', 300) != NULL) + (strcmp(a + at, b + at) > 0);
        memset(b + 60000, (int)r, 500);
        memmove(b + 100, b + 90, 3000);
        sum += (uint8_t)b[1234] + strlen(a + (r & 1023));
    }
    return sum;
}

static uint64_t atomic_counter;
static uint64_t atomics(unsigned scale)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < scale * 5000000u; i++) {
        sum += __atomic_fetch_add(&atomic_counter, i, __ATOMIC_SEQ_CST);
        uint64_t expected = atomic_counter;
        __atomic_compare_exchange_n(&atomic_counter, &expected, expected ^ i * 3, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
    }
    return sum;
}

static uint64_t sort(unsigned scale)
{
    enum { N = 200000 };
    static uint32_t v[N];
    uint64_t sum = 0;
    for (unsigned r = 0; r < scale * 6; r++) {
        for (unsigned i = 0; i < N; i++)
            v[i] = (uint32_t)rng();
        for (unsigned gap = N / 2; gap; gap /= 2)
            for (unsigned i = gap; i < N; i++) {
                uint32_t x = v[i];
                unsigned j = i;
                for (; j >= gap && v[j - gap] > x; j -= gap)
                    v[j] = v[j - gap];
                v[j] = x;
            }
        sum += v[N / 3];
    }
    return sum;
}

static uint64_t syscalls(unsigned scale)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < scale * 500000u; i++)
        sum += (uint64_t)(syscall(SYS_getppid) != 0);
    return sum;
}

static volatile sig_atomic_t caught;
static void on_signal(int s) { caught += s == SIGUSR1; }
static uint64_t signals(unsigned scale)
{
    signal(SIGUSR1, on_signal);
    for (unsigned i = 0; i < scale * 60000u; i++)
        raise(SIGUSR1);
    return (uint64_t)caught;
}

static uint64_t forks(unsigned scale)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < scale * 300; i++) {
        pid_t pid = fork();
        if (!pid)
            _exit((int)(i & 63));
        int status;
        waitpid(pid, &status, 0);
        sum += (uint64_t)WEXITSTATUS(status);
    }
    return sum;
}

static void *add_one(void *p)
{
    __atomic_add_fetch((uint64_t *)p, 1, __ATOMIC_RELAXED);
    return NULL;
}
static uint64_t threads(unsigned scale)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < scale * 3000; i++) {
        pthread_t t;
        if (pthread_create(&t, NULL, add_one, &sum))
            return 0;
        pthread_join(t, NULL);
    }
    return sum;
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static uint64_t guarded;

/* Taken by one thread: what programs pay for being ready for others. */
static uint64_t mutexes(unsigned scale)
{
    for (unsigned i = 0; i < scale * 8000000u; i++) {
        pthread_mutex_lock(&mutex);
        guarded += i;
        pthread_mutex_unlock(&mutex);
    }
    return guarded;
}

static unsigned rounds;
static void *add_many(void *p)
{
    for (unsigned i = 0; i < rounds; i++)
        __atomic_add_fetch((uint64_t *)p, i, __ATOMIC_SEQ_CST);
    return NULL;
}

/* Two threads at one cache line. */
static uint64_t contended(unsigned scale)
{
    pthread_t t;
    uint64_t sum = 0;

    rounds = scale * 2000000u;
    if (pthread_create(&t, NULL, add_many, &sum))
        return 0;
    add_many(&sum);
    pthread_join(t, NULL);
    return sum;
}

static void *compute(void *p)
{
    uint64_t x = *(uint64_t *)p;

    for (unsigned i = 0; i < rounds; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
    }
    *(uint64_t *)p = x;
    return NULL;
}

/* Two threads that have nothing to do with each other: the time that passes counts. */
static uint64_t parallel(unsigned scale)
{
    pthread_t t;
    uint64_t x[16] = {[0] = 88172645463325252ull, [15] = 6364136223846793005ull};

    rounds = scale * 50000000u;
    if (pthread_create(&t, NULL, compute, &x[0]))
        return 0;
    compute(&x[15]);
    pthread_join(t, NULL);
    return x[0] ^ x[15];
}

static const struct kernel table[] = {
    {"integer", integer}, {"divide", divide},     {"pointer", pointer}, {"branchy", branchy}, {"calls", calls},
    {"indirect", indirect}, {"double", doubles},  {"float", floats},    {"simd", simd},       {"strings", strings},
    {"sort", sort},       {"atomics", atomics},   {"syscalls", syscalls}, {"signals", signals}, {"fork", forks},
    {"threads", threads},   {"mutex", mutexes},    {"contended", contended}, {"parallel", parallel},
    {NULL, NULL},
};

static const struct kernel *find(const struct kernel *k, const char *name)
{
    while (k->name && strcmp(k->name, name) != 0)
        k++;
    return k->name ? k : NULL;
}

int main(int argc, char **argv)
{
    unsigned scale = argc > 2 ? (unsigned)atoi(argv[2]) : 1;

    if (argc < 2) {
        for (const struct kernel *k = table; k->name; k++)
            puts(k->name);
        for (const struct kernel *k = kernels_x87; k && k->name; k++)
            printf("%s x87\n", k->name);
        return 0;
    }
    const struct kernel *k = find(table, argv[1]);
    if (!k && kernels_x87)
        k = find(kernels_x87, argv[1]);
    if (!k)
        return 64;
    printf("%s %llx\n", k->name, (unsigned long long)k->fn(scale));
    return 0;
}
