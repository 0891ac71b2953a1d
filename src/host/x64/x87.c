/* The guest's x87 in the processor's.  While generated code runs, x87 instructions (IR_X87 …) are the processor's own, on
 * registers, control word, status and tags that are the guest's: what they compute, raise and leave is exact because it is
 * the same machine.  The state is brought in when a unit first needs it (x87_in) and taken out into the guest's slots
 * before anything else may look: a helper, MMX, leaving generated code (x87_out).  In between C runs with it in place: it
 * neither uses nor disturbs the x87.
 *
 * The processor's last instruction pointer is an address of generated code; x87_out makes it a guest PC by the unit's side
 * table, which also has the guest's ModRM for the opcode.  FNSAVE has 32 bits of each pointer; all 64 bits of the operand's
 * address are known only when an unmasked exception is pending, as FXSAVE has them then.
 *
 * Known limitation: the operand's address includes a segment's base.  Manual: SDM vol. 1, chapter 8. */
#include "host/x64/x64.h"
#include <string.h>

/* FNSAVE's image in 32-bit protected mode's form. */
struct image {
    uint32_t fcw, fsw, tags, fip;
    uint16_t fcs, fop;
    uint32_t fdp, fds;
    uint8_t st[8][10]; /* by TOP */
};
static_assert(sizeof(struct image) == 108, "FNSAVE's image");

/* What the pointers are set to on the way in: as long as they are that, the guest's have not changed. */
#define SAME_FIP 0xfffffffdu
#define SAME_FDP 0xfffffffcu
#define SAME_FOP 0x5fdu

#define ES 0x80u

static uint32_t *u32_at(struct cpu *cpu, unsigned offset)
{
    return (uint32_t *)(void *)(cpu->state + offset);
}

static uint64_t *u64_at(struct cpu *cpu, unsigned offset)
{
    return (uint64_t *)(void *)(cpu->state + offset);
}

static void set_live(struct cpu *cpu, uint32_t live)
{
    memcpy(cpu->host_frame + FRAME_X87, &live, 4);
}

void x87_in(struct cpu *cpu)
{
    const struct guest_x87 *g = x64_target.guest->x87;
    uint32_t top = *u32_at(cpu, g->top), tags = *u32_at(cpu, g->tags);
    struct image image = {.fcw = *u32_at(cpu, g->fcw), .fsw = *u32_at(cpu, g->fsw) | top << 11, .fip = SAME_FIP,
                          .fop = SAME_FOP, .fdp = SAME_FDP};
    for (unsigned i = 0; i < 8; i++) {
        image.tags |= (tags >> i & 1 ? 0u : 3u) << 2 * i;
        memcpy(image.st[i], cpu->state + g->st + 16 * ((top + i) & 7), 10);
    }
    __asm__ volatile("frstor %0" : : "m"(image) : "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)");
    set_live(cpu, 1);
}

/* The address of generated code with these low 32 bits. */
static const void *code_with(uint32_t low)
{
    uint64_t base = (uintptr_t)x64_target.stub_exec;
    uint64_t at = (base & ~0xffffffffull) | low;
    return (const void *)(uintptr_t)(at < base ? at + (1ull << 32) : at);
}

/* Last instruction and operand. */
static void take_pointers(struct cpu *cpu, const struct guest_x87 *g, const struct image *image, uint64_t fdp)
{
    struct host_unit hu;
    const uint8_t *code = code_with(image->fip);
    uint64_t pc = 0;
    unsigned fop = image->fop & 0x7ff, where, modrm;
    if (image->fip == SAME_FIP && image->fdp == SAME_FDP && fop == SAME_FOP)
        return;
    if (image->fip && cpu->unit_at(cpu, code, &hu) && side_find(&hu, (uint32_t)(code - hu.code), &pc, &where, &modrm) &&
        (where & SIDE_X87))
        fop = (fop & 0x700) | modrm;
    *u64_at(cpu, g->fip) = pc;
    *u64_at(cpu, g->fdp) = fdp == SAME_FDP ? *u64_at(cpu, g->fdp) : fdp;
    *u32_at(cpu, g->fop) = pc ? fop : 0;
    *u32_at(cpu, g->fcs) = pc ? image->fcs : 0;
    *u32_at(cpu, g->fds) = fdp == SAME_FDP ? *u32_at(cpu, g->fds) : fdp != 0;
}

void x87_out(struct cpu *cpu)
{
    const struct guest_x87 *g = x64_target.guest->x87;
    struct image image;
    uint16_t fsw;
    uint64_t fdp = 0;
    __asm__ volatile("fnstsw %0" : "=a"(fsw));
    if (UNLIKELY(fsw & ES)) {
        _Alignas(16) uint8_t all[512];
        __asm__ volatile("fxsave64 %0" : "=m"(all));
        memcpy(&fdp, all + 16, 8);
    }
    __asm__ volatile("fnsave %0" : "=m"(image) : : "memory");
    if (!(fsw & ES))
        fdp = image.fdp;
    uint32_t top = fsw >> 11 & 7, tags = 0;
    *u32_at(cpu, g->fcw) = image.fcw & 0xffff;
    *u32_at(cpu, g->fsw) = fsw & ~0x3800u;
    *u32_at(cpu, g->top) = top;
    for (unsigned i = 0; i < 8; i++) {
        uint8_t *st = cpu->state + g->st + 16 * ((top + i) & 7);
        tags |= (uint32_t)((image.tags >> 2 * i & 3) != 3) << i;
        memcpy(st, image.st[i], 10);
        memset(st + 10, 0, 6);
    }
    *u32_at(cpu, g->tags) = tags;
    take_pointers(cpu, g, &image, fdp);
    set_live(cpu, 0);
}

void x87_settle(struct cpu *cpu)
{
    uint32_t live;
    memcpy(&live, cpu->host_frame + FRAME_X87, 4);
    if (live)
        x87_out(cpu);
}
