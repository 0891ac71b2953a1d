/* Vectors with 32-bit addresses in 64-bit mode that go over 4 GiB: their first byte's address has 32 bits, what lies behind it does not
 * begin again at 0.  Printed, to be compared. */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#ifdef __x86_64__
#define EDGE 0x100000000ull

static void show(const char *what, int before)
{
    const unsigned char *p = (const unsigned char *)EDGE - 48;
    printf("%s, %d before:", what, before);
    for (int i = 0; i < 80; i++)
        printf(" %02x", p[i]);
    printf("\n");
}

static void stores(int before)
{
    uint8_t value[32], mask[32];
    uint64_t at = EDGE - (uint64_t)before + (5ull << 32); /* upper halves do not count */
    memset((void *)(EDGE - 64), 0, 128);
    for (int i = 0; i < 32; i++)
        value[i] = (uint8_t)(i + 1), mask[i] = i / 4 % 3 == 0 ? 0 : 0x80;
#define STORE(name, instruction) \
    __asm__ volatile("vmovups %1, %%ymm0; vmovups %2, %%ymm1; " instruction \
                     : : "r"(at), "m"(value), "m"(mask) : "memory", "xmm0", "xmm1"); \
    show(name, before)
    STORE("vmovups of 32 bytes", "vmovups %%ymm0, (%k0)");
    STORE("movups", "movups %%xmm1, -0x10(%k0)");
    STORE("vmaskmovps", "vmaskmovps %%ymm0, %%ymm1, (%k0)");
    STORE("vpmaskmovq", "vpmaskmovq %%ymm0, %%ymm1, (%k0)");
    STORE("vcvtps2ph", "vcvtps2ph $0, %%ymm0, (%k0)");
    STORE("movq", "movq %%xmm0, (%k0)");
}

static void loads(int before)
{
    uint64_t at = EDGE - (uint64_t)before + (5ull << 32);
    uint8_t got[32] = {0};
    for (int i = -64; i < 64; i++)
        ((uint8_t *)EDGE)[i] = (uint8_t)(i * 3);
    __asm__ volatile("vmovups (%k1), %%ymm0; vmovups %%ymm0, %0" : "=m"(got) : "r"(at) : "memory", "xmm0");
    memcpy((void *)(EDGE - before), got, 32);
    show("vmovups, loaded", before);
    __asm__ volatile("vpcmpeqd %%ymm1, %%ymm1, %%ymm1; vmaskmovpd (%k1), %%ymm1, %%ymm0; vmovups %%ymm0, %0"
                     : "=m"(got) : "r"(at) : "memory", "xmm0", "xmm1");
    memcpy((void *)(EDGE - before), got, 32);
    show("vmaskmovpd, loaded", before);
    __asm__ volatile("vpxor %%ymm0, %%ymm0, %%ymm0; vpaddd (%k1), %%ymm0, %%ymm0; vmovups %%ymm0, %0" : "=m"(got) : "r"(at) : "memory", "xmm0");
    memcpy((void *)(EDGE - before), got, 32);
    show("vpaddd", before);
}

int main(void)
{
    if (!__builtin_cpu_supports("avx2") ||
        mmap((void *)(EDGE - 4096), 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != (void *)(EDGE - 4096)) {
        printf("not here\n");
        return 0;
    }
    for (int before = 1; before < 32; before++) {
        stores(before);
        loads(before);
    }
    return 0;
}
#else
int main(void)
{
    return 0; /* there is no such mode */
}
#endif
