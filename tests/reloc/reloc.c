/* Translations kept on disk are used where the guest's code lies elsewhere, and the code cache too.  Random Arm64
 * instructions of every row, and sequences of them, are compiled for two guest addresses into two places; after
 * relocation the first must be the second, byte for byte, with the same sites and side table.
 *
 *     reloc HOST [FIRST-SEED [SEQUENCES]]
 */
#include "guest/arm64/rows.h"
#include "guest/arm64/state.h"
#include "guest/guest.h"
#include "host/host.h"
#include "ir/random_unit.h"
#include "opt/opt.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define INSNS 24
#define ROOM  (1u << 20)

struct code {
    uint64_t pc;
    uint32_t words[INSNS], count;
};

static const struct host *host;
static struct host_buffer places[2];
static unsigned unmovable;

static bool fetch(void *ctx, uint64_t addr, void *buf, size_t n)
{
    const struct code *c = ctx;
    uint64_t size = 4 * (uint64_t)c->count;

    if (addr < c->pc || addr - c->pc >= size)
        return false;
    uint64_t have = size - (addr - c->pc);

    memset(buf, 0, n);
    memcpy(buf, (const char *)c->words + (addr - c->pc), have < n ? have : n);
    return true;
}

/* Half of the direct ways out, wherever the code lies. */
static bool flags_dead(void *ctx, uint64_t pc)
{
    return pc & 4;
}

static void compile(struct code *c, uint32_t mode, bool optimise, const struct host_buffer *place, struct arena *arena,
                    struct host_code *out)
{
    struct ir_unit u;
    struct guest_request rq = {.pc = c->pc, .mode = mode, .max_insns = c->count, .fetch = fetch, .fetch_ctx = c};
    struct opt_config oc = {.enabled = optimise, .flags_slot = guest_arm64.flags_slot, .flags_dead = flags_dead};

    arena_reset(arena);
    ir_unit_init(&u, arena, guest_arm64.slots, guest_arm64.slot_count);
    guest_arm64.translate(&u, &rq);
    opt_run(&u, &oc);
    int error = host->compile(&u, place, out);

    if (error) {
        printf("a unit of %u instructions cannot be compiled: %d\n", c->count, error);
        exit(1);
    }
}

static void show(const struct code *c, uint32_t mode, const char *what)
{
    char text[256];

    printf("%s differ at %#llx, mode %#x:\n", what, (unsigned long long)c->pc, mode);
    for (unsigned i = 0; i < c->count; i++) {
        guest_arm64.disassemble(c->pc + 4 * i, (const uint8_t *)&c->words[i], 4, text, sizeof(text));
        printf("  %08x  %s\n", c->words[i], text);
    }
}

/* Whether a relocation leaves a value of the kind it is for; what would not is never moved there. */
static bool movable(const struct host_code *a, uint64_t delta)
{
    for (uint32_t i = 0; i < a->reloc_count; i++) {
        uint64_t limit = a->relocs[i].kind == HOST_RELOC_GUEST_PC64 ? 1ull << 47 : 1ull << 31;

        if (a->relocs[i].value >= limit || a->relocs[i].value + delta >= limit)
            return false;
    }
    for (uint32_t i = 0; i < a->site_count; i++)
        if (a->sites[i].target >= 1ull << 47 || a->sites[i].target + delta >= 1ull << 47)
            return false;
    return true;
}

/* What differs, or NULL. */
static const char *compare(const struct host_code *a, const struct host_code *b, uint64_t delta)
{
    if (a->size != b->size || a->entry != b->entry || a->site_count != b->site_count || a->map_size != b->map_size)
        return "sizes";
    for (uint32_t i = 0; i < a->reloc_count; i++) {
        unsigned n = a->relocs[i].kind == HOST_RELOC_GUEST_PC64 ? 8 : 4;
        uint64_t v = 0;

        memcpy(&v, places[0].rw + a->relocs[i].offset, n);
        if (v != a->relocs[i].value)
            return "a relocation and what is there";
        v += delta;
        memcpy(places[0].rw + a->relocs[i].offset, &v, n);
    }
    if (memcmp(places[0].rw, places[1].rw, a->size))
        return "code bytes";
    for (uint32_t i = 0; i < a->site_count; i++)
        if (a->sites[i].offset != b->sites[i].offset || a->sites[i].target + delta != b->sites[i].target)
            return "sites";
    return a->map_size && memcmp(a->map, b->map, a->map_size) ? "side tables" : NULL;
}

static bool try(const struct code *c, uint64_t from, uint64_t to, uint32_t mode, bool optimise)
{
    static struct arena arenas[2];
    struct code at[2] = {*c, *c};
    struct host_code out[2];
    const char *what;

    at[0].pc += from;
    at[1].pc += to;
    for (unsigned k = 0; k < 2; k++) {
        memset(places[k].rw, k ? 0xee : 0x11, 65536);
        compile(&at[k], mode, optimise, &places[k], &arenas[k], &out[k]);
    }
    if (!movable(&out[0], to - from)) {
        unmovable++;
        return true;
    }
    what = compare(&out[0], &out[1], to - from);
    if (what)
        show(&at[0], mode, what);
    return !what;
}

int main(int argc, char **argv)
{
    static const uint32_t modes[] = {0, 0, 0, ARM64_MODE_TBI, ARM64_MODE_FZ | ARM64_MODE_DN | 3};
    /* Shared objects move above 4 GiB; programs at fixed addresses lie below 2 GiB. */
    static const uint64_t pairs[][2] = {{0x7f1234560000, 0x555500001000}, {0x5500000000, 0x7ff000000000}, {0x400000, 0x13572000}};
    static uint8_t stubs[65536] __attribute__((aligned(4096)));
    struct host_buffer stub_room = {stubs, 0, sizeof(stubs)};
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
    uint64_t sequences = argc > 3 ? strtoull(argv[3], NULL, 0) : 6000;
    unsigned units = 0, failures = 0;

    host = argc > 1 ? host_by_name(argv[1]) : NULL;
    if (!host || !host->init(&guest_arm64, &stub_room))
        return 77;
    for (unsigned k = 0; k < 2; k++) {
        uint8_t *p = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        /* Translations begin at multiples of 32. */
        places[k] = (struct host_buffer){p + 4096 + 32 * 7 * k, (ptrdiff_t)k << 32, ROOM / 2};
    }
    for (uint64_t n = 0; n < arm64_row_count * 8ull + sequences; n++) {
        uint64_t rng = (seed + n) * 0x9e3779b97f4a7c15ull | 1;
        struct code c = {.count = 1};
        unsigned pair = random_below(&rng, 3);

        c.words[0] = arm64_row_random((unsigned)(n % arm64_row_count), &rng);
        if (n >= arm64_row_count * 8ull)
            for (c.count = 0; c.count < 2 + n % (INSNS - 2); c.count++) {
                /* Address arithmetic often: what is computed from the PC is what moves. */
                unsigned row = random_below(&rng, 4) ? random_below(&rng, arm64_row_count)
                                                     : arm64_row_by_name(random_below(&rng, 2) ? "ADRP" : "ADR");
                c.words[c.count] = arm64_row_random(row, &rng) & (random_below(&rng, 4) ? ~0x1cu : ~0u);
            }
        c.pc = 4 * random_below(&rng, 1024 - c.count);
        units++;
        if (!try(&c, pairs[pair][0], pairs[pair][1], modes[random_below(&rng, ARRAY_LEN(modes))], random_below(&rng, 4)) &&
            ++failures == 5)
            break;
    }
    printf("%u units, of which %u cannot be moved, %u failures\n", units, unmovable, failures);
    return failures != 0 || unmovable > units / 4;
}
