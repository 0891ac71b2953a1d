/* Counts how often units are run: an addition in memory in front of each, written in IR, so that every host can do it.
 * Guest memory is host memory, so that the counter is a location like any other.
 *
 * Units are counted by how often they are entered: one that is left in the middle (by a conditional jump that is not its
 * last, or a fault) counts as if all of it had run.  Threads count without synchronisation and may lose some. A child of
 * fork begins at zero. */
#include "debug/counts.h"
#include "ir/build.h"
#include "memory/memory.h"
#include "support/log.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define EXITS_MAX 8u
#define COUNTERS  8192u /* in one piece of memory */
#define UNIT_MAX  512u  /* bytes of a longer unit do not fit a line of the log */

struct counted {
    struct counted *next;
    uint64_t pc, *count;
    uint32_t size, dead_count;
    int32_t dead[EXITS_MAX]; /* from pc */
    uint8_t code[];
};

static struct counted *all;

/* A counter, zero; again so in a child of fork. */
static uint64_t *counter_new(void)
{
    static uint64_t *piece;
    static unsigned used = COUNTERS;

    if (used == COUNTERS) {
        piece = mmap(NULL, COUNTERS * sizeof *piece, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (piece == MAP_FAILED)
            log_die(1, "--dump=counts: no memory");
        madvise(piece, COUNTERS * sizeof *piece, MADV_WIPEONFORK);
        used = 0;
    }
    return &piece[used++];
}

/* As the engine asks: only about code in the unit's page. */
static bool is_dead(const struct guest *guest, const struct guest_request *rq, uint64_t pc)
{
    return guest->flags_dead && pc >> 12 == rq->pc >> 12 && (pc + GUEST_LOOK_AHEAD - 1) >> 12 == pc >> 12 &&
           guest->flags_dead(rq, pc);
}

static void note_exits(const struct guest *guest, const struct ir_unit *u, struct counted *n)
{
    const struct guest_request rq = {.pc = u->pc, .max_insns = 1, .fetch = memory_fetch};

    for (ir_ref r = 1; r < u->count && n->dead_count < EXITS_MAX; r++) {
        const struct ir_inst *in = &u->insts[r];
        bool exits = in->op == IR_JUMP || in->op == IR_JUMP_IF || in->op == IR_CALL;

        if (exits && is_dead(guest, &rq, in->imm))
            n->dead[n->dead_count++] = (int32_t)(in->imm - u->pc);
    }
}

static void count_entry(struct ir_unit *u, uint64_t *count)
{
    const uint32_t before = u->count;
    ir_ref at = ir_const(u, IR_I64, (uintptr_t)count);
    ir_ref n = ir_load(u, IR_LOAD, IR_I64, IR_I64, at, IR_NONE, 0, 0);
    n = ir_bin_imm(u, IR_ADD, n, 1);
    ir_store(u, IR_I64, at, IR_NONE, 0, n, 0);

    const uint32_t added = u->count - before;
    struct ir_inst front[8];
    memcpy(front, &u->insts[before], added * sizeof *front);
    memmove(&u->insts[1 + added], &u->insts[1], (before - 1) * sizeof *front);
    memcpy(&u->insts[1], front, added * sizeof *front);
    for (ir_ref r = 1; r < u->count; r++) {
        struct ir_inst *in = &u->insts[r];
        ir_ref *const args[] = {&in->a, &in->b, &in->c};

        for (unsigned k = 0; k < ARRAY_LEN(args); k++)
            if (*args[k])
                *args[k] = r <= added ? *args[k] - before + 1 : *args[k] + added;
    }
}

void counts_add(const struct guest *guest, struct ir_unit *u)
{
    struct counted *n = calloc(1, sizeof *n + u->size);

    if (!n)
        log_die(1, "--dump=counts: no memory");
    n->pc = u->pc;
    n->count = counter_new();
    if (memory_read(n->code, u->pc, u->size))
        n->size = u->size;
    note_exits(guest, u, n);
    n->next = all;
    all = n;
    count_entry(u, n->count);
}

void counts_print(const struct guest *guest)
{
    static char line[64 + 12 * EXITS_MAX + 3 * UNIT_MAX];

    for (const struct counted *n = all; n; n = n->next) {
        if (*n->count == 0 || n->size == 0 || n->size > UNIT_MAX)
            continue;
        int at = sprintf(line, "count %llx %llu", (unsigned long long)n->pc, (unsigned long long)*n->count);
        for (unsigned i = 0; i < n->dead_count; i++)
            at += sprintf(line + at, "%s%d", i ? "," : " dead=", n->dead[i]);
        if (guest->insn_align == 4) {
            for (unsigned i = 0; i + 4 <= n->size; i += 4) {
                uint32_t word;
                memcpy(&word, n->code + i, sizeof word);
                at += sprintf(line + at, " %08x", word);
            }
        } else {
            for (unsigned i = 0; i < n->size; i++)
                at += sprintf(line + at, " %02x", n->code[i]);
        }
        log_raw("%s\n", line);
    }
}
