/* Random Arm64 instructions, lifted, optimised, and walked through before and after: whatever the
 * passes do to units as the guest really makes them, nobody may notice.
 *
 *     opt-lift [FIRST-SEED [UNITS]]
 */
#include "guest/arm64/rows.h"
#include "guest/arm64/state.h"
#include "guest/guest.h"
#include "ir/random_unit.h"
#include "opt/opt.h"
#include "opt/walk.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INSNS 16
#define BASE 0x1000u

struct code {
    uint32_t words[INSNS];
};

static bool fetch(void *ctx, uint64_t addr, void *buf, size_t n)
{
    const struct code *c = ctx;

    if (addr < BASE || addr - BASE + n > sizeof(c->words))
        return false;
    memcpy(buf, (const char *)c->words + (addr - BASE), n);
    return true;
}

/* A random instruction; most have registers 0 to 3 only, so that they meddle with each other. */
static uint32_t random_word(uint64_t *rng)
{
    const uint32_t high_registers = 0x1cu | 0x1cu << 5 | 0x1cu << 16;
    unsigned row = random_below(rng, arm64_row_count);
    uint32_t word = arm64_row_random(row, rng);

    if (random_below(rng, 4) && (unsigned)arm64_decode(word & ~high_registers) == row)
        word &= ~high_registers;
    return word;
}

/* Half of the direct ways out. */
static bool flags_dead(void *ctx, uint64_t pc)
{
    return pc & 4;
}

static void show(const struct code *c, const struct ir_unit *before, const struct ir_unit *after)
{
    char text[256];

    for (unsigned i = 0; i < INSNS; i++) {
        guest_arm64.disassemble(BASE + 4 * i, (const uint8_t *)&c->words[i], 4, text, sizeof(text));
        printf("%x  %08x  %s\n", BASE + 4 * i, c->words[i], text);
    }
    printf("-- lifted\n%s-- optimised\n%s", ir_print(before), ir_print(after));
}

static bool same_outcome(const struct ir_unit *before, const struct ir_unit *after, uint64_t seed)
{
    static struct outcome want, got;

    walk_begin(&want, before, seed);
    got = want;
    walk_unit(&want, before, ARM64_NZCV, flags_dead, NULL);
    walk_unit(&got, after, ARM64_NZCV, flags_dead, NULL);
    if (want.steps > WALK_STEPS || got.steps > WALK_STEPS) /* not cut at the same point */
        return true;
    got.steps = want.steps;
    if (!memcmp(&want, &got, sizeof(want)))
        return true;
    for (unsigned i = 0; i < before->slot_count; i++)
        if (memcmp(&want.slots[i], &got.slots[i], sizeof(want.slots[i])))
            printf("%s: %llx, not %llx\n", before->slots[i].name,
                   (unsigned long long)got.slots[i].u64[0],
                   (unsigned long long)want.slots[i].u64[0]);
    return false;
}

static bool run(uint64_t seed, unsigned long counts[2])
{
    struct opt_config config = {
        .enabled = true, .flags_dead = flags_dead, .flags_slot = ARM64_NZCV};
    struct guest_request rq = {.pc = BASE, .max_insns = INSNS, .fetch = fetch};
    struct arena arena = {0};
    struct ir_unit u, opt;
    struct code c;
    const char *error;
    uint64_t rng = seed;
    bool ok;

    for (unsigned i = 0; i < INSNS; i++)
        c.words[i] = random_word(&rng);
    rq.fetch_ctx = &c;
    ir_unit_init(&u, &arena, guest_arm64.slots, guest_arm64.slot_count);
    guest_arm64.translate(&u, &rq);
    error = ir_verify(&u);
    opt = u;
    opt.insts = memcpy(arena_alloc(&arena, u.capacity * sizeof(*u.insts)), u.insts,
                       u.count * sizeof(*u.insts));
    opt_run(&opt, &config);
    if (!error)
        error = ir_verify(&opt);
    ok = !error && same_outcome(&u, &opt, seed) && same_outcome(&u, &opt, ~seed);
    if (!ok) {
        printf("seed %llu: %s\n", (unsigned long long)seed, error ? error : "differs");
        show(&c, &u, &opt);
    }
    for (ir_ref r = 1; r < u.count; r++)
        counts[0] += u.insts[r].op != IR_NOP;
    for (ir_ref r = 1; r < opt.count; r++)
        counts[1] += opt.insts[r].op != IR_NOP;
    arena_free(&arena);
    return ok;
}

int main(int argc, char **argv)
{
    uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
    uint64_t units = argc > 2 ? strtoull(argv[2], NULL, 0) : 4000;
    unsigned long counts[2] = {0, 0};

    for (uint64_t seed = first; seed < first + units; seed++)
        if (!run(seed, counts))
            return 1;
    printf("%llu units, %lu instructions became %lu\n", (unsigned long long)units, counts[0],
           counts[1]);
    return 0;
}
