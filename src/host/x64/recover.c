/* From a signal in the middle of generated code to an exact guest state.
 *
 * The side table of a unit begins with the homes that it has of its own (loop.c) and has an entry for each host instruction that may fault: host offset
 * (varint, from the entry before), guest PC (zigzag varint, likewise), where the flags slot is, and
 * of x87 instructions the guest's ModRM.
 * All other slots with homes are in the registers of the signal's context.  Then the context is
 * made to continue in the common exit, behind the code that would store the homes.
 * Async-signal-safe. */
#include "host/x64/x64.h"
#include <signal.h>
#include <string.h>
#include <ucontext.h>

static const uint8_t greg_of[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                                    REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                    REG_R12, REG_R13, REG_R14, REG_R15};

static uint64_t varint(const uint8_t **p)
{
    uint64_t v = 0;
    for (unsigned shift = 0;; shift += 7) {
        uint8_t b = *(*p)++;
        v |= (uint64_t)(b & 0x7f) << shift;
        if (!(b & 0x80))
            return v;
    }
}

bool side_find(const struct host_unit *hu, uint32_t offset, uint64_t *pc, unsigned *where, unsigned *modrm)
{
    const uint8_t *p = hu->map, *end = p + hu->map_size;
    uint32_t at = 0;
    *pc = hu->pc;
    if (p < end)
        p = loop_read(p, NULL);
    while (p < end) {
        at += (uint32_t)varint(&p);
        uint64_t z = varint(&p);
        *pc += z >> 1 ^ -(z & 1);
        *where = *p++;
        *modrm = *where & SIDE_X87 ? *p++ : 0;
        if (at == offset)
            return true;
    }
    return false;
}

static uint32_t flags_now(const struct cpu *cpu, const greg_t *g, unsigned where)
{
    uint64_t f = (uint64_t)g[REG_EFL];
    bool cf = f & 1, pf = f & 4, zf = f & 0x40;
    uint32_t v;
    switch (where) {
    case FLAGS_AT_AX:
        return (uint32_t)g[REG_RAX] & IR_FLAG_ALL;
    case FLAGS_AT_FRAME:
        memcpy(&v, cpu->host_frame + FRAME_RAX, 4);
        return v & IR_FLAG_ALL;
    case FLAGS_AT_EFLAGS:
    case FLAGS_AT_EFLAGS_INV:
        v = (uint32_t)(f & 0xd5) << 8 | (f & 0x800 ? IR_FLAG_O : 0);
        return where == FLAGS_AT_EFLAGS_INV ? v ^ IR_FLAG_C : v;
    default: {
        bool swapped = where >= FLAGS_AT_FCMP_SWAPPED, inv = (where - FLAGS_AT_FCMP) & 1;
        bool lt = swapped ? !cf && !zf : cf;
        v = pf ? IR_FLAG_O : zf ? IR_FLAG_Z : lt ? IR_FLAG_S | IR_FLAG_C : 0;
        return inv ? v ^ IR_FLAG_C : v;
    }
    }
}

/* The address an instruction of ours was about to use, and whether it writes: for faults the kernel
 * gives no address with (it was not canonical). */
static uint64_t decode_address(const uint8_t *p, const greg_t *g, bool *write)
{
    unsigned rex = 0, map = 0;
    bool prefix66 = false, wrap32 = false;
    for (;; p++) {
        if (*p == 0x66)
            prefix66 = true;
        else if (*p == 0x67)
            wrap32 = true;
        else if (*p == 0xf0)
            *write = true;
        else if (*p != 0xf2 && *p != 0xf3)
            break;
    }
    if ((*p & 0xf0) == 0x40)
        rex = *p++;
    if (*p == 0xc5) {
        prefix66 = (p[1] & 3) == 1;
        map = 1;
        p += 2;
    } else if (*p == 0xc4) {
        rex = (unsigned)(~p[1] >> 5) & 3; /* X, B */
        map = p[1] & 31;
        prefix66 = (p[2] & 3) == 1;
        p += 3;
    } else if (*p == 0x0f) {
        map = 1;
        p++;
    }
    unsigned op = *p++;
    if (map == 0 &&
        (op == 0x88 || op == 0x89 || op == 0xc6 || op == 0xc7 || op == 0x86 || op == 0x87))
        *write = true;
    if (map == 1 && (op == 0x11 || (op == 0xd6 && prefix66)))
        *write = true;
    unsigned modrm = *p++, mod = modrm >> 6, rm = modrm & 7;
    if (map == 0 && (op & 0xf9) == 0xd9 && (0xceu >> (modrm >> 3 & 7) & 1)) /* the x87's stores */
        *write = true;
    uint64_t address = 0;
    if (rm == 4) {
        unsigned sib = *p++, index = (sib >> 3 & 7) | (rex & 2) << 2,
                 base = (sib & 7) | (rex & 1) << 3;
        if (index != 4)
            address += (uint64_t)g[greg_of[index]] << (sib >> 6);
        if ((sib & 7) == 5 && mod == 0)
            mod = 2;
        else
            address += (uint64_t)g[greg_of[base]];
    } else {
        address = (uint64_t)g[greg_of[rm | (rex & 1) << 3]];
    }
    int32_t disp = 0;
    if (mod == 1)
        disp = (int8_t)*p;
    else if (mod == 2)
        memcpy(&disp, p, 4);
    address += (uint64_t)(int64_t)disp;
    return wrap32 ? (uint32_t)address : address;
}

/* Far homes: the part of the signal's frame that XSAVE writes behind the older one; all zero if it has noted that they were. */
static void far_recover(struct cpu *cpu, const struct x64_target *t, const ucontext_t *uc)
{
    const uint8_t *area = (const uint8_t *)uc->uc_mcontext.fpregs;
    const uint64_t hi16_zmm = 1u << 7;
    uint64_t present;
    memcpy(&present, area + 512, 8);
    for (int r = 16; r < 32; r++) {
        if (t->xmm_slot[r] < 0)
            continue;
        uint8_t *slot = cpu->state + t->guest->slots[t->xmm_slot[r]].offset;
        if (present & hi16_zmm)
            memcpy(slot, area + x64_zmm16_offset() + 64 * (r - 16), 16);
        else
            memset(slot, 0, 16);
    }
}

bool x64_recover(struct cpu *cpu, const struct host_unit *hu, void *ucontext)
{
    ucontext_t *uc = ucontext;
    greg_t *g = uc->uc_mcontext.gregs;
    const struct x64_target *t = &x64_target;
    uint64_t pc;
    unsigned where, modrm;
    bool misaligned = false;
    if (!hu)
        return false;
    uint64_t stack = (uintptr_t)cpu->code_stack;
    bool full = (uint64_t)g[REG_RSP] <= stack && cpu->fault.address < stack && cpu->fault.address >= stack - 4096;
    if (full) {
        /* The guest nests deeper than there is room for pairs: forget them, and do it again.  A loop of calls
         * alone polls nowhere else. */
        g[REG_RSP] = (greg_t)cpu->host_area[AREA_STACK_BASE];
        if (!cpu->pending)
            return true;
    }
    if (!side_find(hu, (uint32_t)((uint64_t)g[REG_RIP] - (uintptr_t)hu->code), &pc, &where, &modrm))
        return full;
    bool no_address = cpu->fault.signal == SIGSEGV && cpu->fault.code == SI_KERNEL; /* not canonical: that is told to guests that know it */
    if (no_address)
        cpu->fault.address = decode_address((const uint8_t *)(uintptr_t)g[REG_RIP], g, &cpu->fault.write);
    if (where & SIDE_ALIGN) { /* whatever else is wrong with the address */
        bool write;
        cpu->exit_detail = decode_address((const uint8_t *)(uintptr_t)g[REG_RIP], g, &write);
        misaligned = cpu->exit_detail % 16 != 0;
    }
    if ((where & SIDE_WRITES) || ((where & SIDE_READ_WRITE) && t->guest->atomics_write))
        cpu->fault.write = true;
    else if (where & SIDE_READ_WRITE)
        cpu->fault.write = (cpu->fault.signal != SIGSEGV || (cpu->fault.code != SEGV_MAPERR && !no_address)) &&
                           host_readable(cpu->fault.address);
    int16_t gpr_slot[16];
    memcpy(gpr_slot, t->gpr_slot, sizeof gpr_slot);
    loop_read(hu->map, gpr_slot);
    for (int r = 0; r < 16; r++) {
        if (gpr_slot[r] >= 0) {
            uint64_t v = (uint64_t)g[greg_of[r]];
            if (r == RBX && (where & SIDE_RBX_IN_FRAME))
                memcpy(&v, cpu->host_frame + FRAME_RBX, 8);
            memcpy(cpu->state + t->guest->slots[gpr_slot[r]].offset, &v, 8);
        }
        if (t->xmm_slot[r] >= 0)
            memcpy(cpu->state + t->guest->slots[t->xmm_slot[r]].offset,
                   &uc->uc_mcontext.fpregs->_xmm[r], 16);
    }
    if (t->xmm_slot[16] >= 0)
        far_recover(cpu, t, uc);
    uint32_t flags = flags_now(cpu, g, where & 7);
    memcpy(cpu->state + t->guest->slots[t->flags_slot].offset, &flags, 4);
    memcpy(cpu->state + t->guest->slots[t->pc_slot].offset, &pc, 8);
    cpu->exit_reason = misaligned ? IR_EXIT_ALIGN : IR_EXIT_NONE;
    cpu->exit_site = NULL;
    if (cpu->fault.signal == SIGFPE)
        cpu->exit_detail = (uint64_t)g[REG_TRAPNO];
    cpu->host_frame[FRAME_FAULTED] = !full;
    g[REG_RIP] = (greg_t)(uintptr_t)t->exit_plain;
    return true;
}
