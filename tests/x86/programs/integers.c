/* Integer code as compilers write it: what it prints is compared with the native run. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t rng = 88172645463325252u;
static uint64_t next(void)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    return rng ^= rng << 17;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static unsigned sieve(unsigned n)
{
    char *composite = calloc(n, 1);
    unsigned count = 0;
    for (unsigned i = 2; i < n; i++) {
        if (composite[i])
            continue;
        count++;
        for (unsigned k = 2 * i; k < n; k += i)
            composite[k] = 1;
    }
    free(composite);
    return count;
}

static uint32_t crc(const uint8_t *p, size_t n)
{
    uint32_t c = ~0u;
    while (n--) {
        c ^= *p++;
        for (int i = 0; i < 8; i++)
            c = c >> 1 ^ (c & 1 ? 0xedb88320 : 0);
    }
    return ~c;
}

static int64_t dispatch(unsigned op, int64_t a, int64_t b)
{
    switch (op) {
    case 0: return a + b;
    case 1: return a - b;
    case 2: return a * b;
    case 3: return b ? a / b : 1;
    case 4: return b ? a % b : 2;
    case 5: return a << (b & 63);
    case 6: return a >> (b & 63);
    case 7: return (int64_t)((uint64_t)a >> (b & 63));
    case 8: return a & b;
    case 9: return (int32_t)a * (int16_t)b;
    case 10: return a < b ? (int8_t)a : (uint8_t)b;
    case 11: return __builtin_popcountll((uint64_t)a) + (a ? __builtin_clzll((uint64_t)a) + __builtin_ctzll((uint64_t)a) : 0);
    case 12: return (int64_t)__builtin_bswap64((uint64_t)a);
    default: return (int64_t)((uint64_t)a << (b & 63) | (uint64_t)a >> (-b & 63));
    }
}

static unsigned ackermann(unsigned m, unsigned n)
{
    return !m ? n + 1 : !n ? ackermann(m - 1, 1) : ackermann(m - 1, ackermann(m, n - 1));
}

int main(void)
{
    static int64_t v[20000];
    static uint8_t bytes[70000];
    static char text[4096];
    int64_t sum = 0;
    for (unsigned i = 0; i < 20000; i++)
        v[i] = (int64_t)next() >> (i & 63);
    qsort(v, 20000, sizeof *v, by_value);
    for (unsigned i = 0; i < 20000; i += 999)
        printf("%" PRId64 "\n", v[i]);
    for (unsigned i = 0; i < 300000; i++)
        sum += dispatch(i % 14, (int64_t)next() >> (i & 31), (int64_t)next() >> (i % 61));
    printf("sum %" PRId64 "\nprimes %u\nackermann %u\n", sum, sieve(200000), ackermann(2, 300));
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)next();
    printf("crc %08x\n", crc(bytes, sizeof bytes));
    memmove(bytes + 3, bytes, 60000);
    memmove(bytes, bytes + 7, 50000);
    memset(bytes + 100, 7, 777);
    printf("crc %08x %d\n", crc(bytes, sizeof bytes), memcmp(bytes, bytes + 1, 1000) > 0);
    for (unsigned i = 0; i < 200; i++)
        snprintf(text + strlen(text), 20, "%x,", i * 77u);
    printf("%s %zu %d %s\n", text, strlen(text), (int)(strchr(text, 'f') - text), strstr(text, "9d"));
    printf("%" PRIu64 " %ld\n", strtoull("12345678901234567", NULL, 10), strtol("-7fff", NULL, 16));
    return (int)(sum & 63);
}
