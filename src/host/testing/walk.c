/* The reference for host tests: as direct a reading of ops.def as possible, no cleverness.  Values are
 * kept by SSA name; helpers run on a struct cpu made from the state for the call. */
#include "host/testing/walk.h"
#include <stdlib.h>
#include <string.h>

struct walker {
    struct walk *w;
    const struct ir_unit *u;
    union ir_value *values;
    union ir_value locals[64];
    uint64_t insn_pc;
};

static bool leave(struct walk *w, int end, uint64_t pc)
{
    w->end = end;
    w->pc = pc;
    return false;
}

static unsigned char *translate(struct walker *k, uint64_t addr, unsigned size, bool write)
{
    struct walk *w = k->w;
    if (addr - w->memory_base <= w->memory_size && size <= w->memory_size - (addr - w->memory_base))
        return w->memory + (addr - w->memory_base);
    w->fault_address = addr;
    w->fault_write = write;
    leave(w, WALK_FAULT, k->insn_pc);
    return NULL;
}

static bool misaligned(struct walker *k, const struct ir_inst *i, uint64_t addr, unsigned size, bool asked)
{
    if (!asked || !(addr & (size - 1)))
        return false;
    k->w->exit_reason = IR_EXIT_ALIGN;
    k->w->exit_detail = addr;
    leave(k->w, WALK_EXIT, k->insn_pc);
    return true;
}

static uint64_t rmw(enum ir_rmw op, uint64_t old, uint64_t v, unsigned bits)
{
    int64_t so = sign_extend(old, bits), sv = sign_extend(v, bits);
    switch (op) {
    case IR_RMW_ADD: return old + v;
    case IR_RMW_ANDN: return old & ~v;
    case IR_RMW_XOR: return old ^ v;
    case IR_RMW_OR: return old | v;
    case IR_RMW_SMAX: return so > sv ? old : v;
    case IR_RMW_SMIN: return so < sv ? old : v;
    case IR_RMW_UMAX: return old > v ? old : v;
    case IR_RMW_UMIN: return old < v ? old : v;
    case IR_RMW_XCHG: return v;
    case IR_RMW_AND: return old & v;
    }
    return 0;
}

/* LOAD, LOADS, STORE; false if the unit ends. */
static bool walk_memory(struct walker *k, const struct ir_inst *i, union ir_value *out)
{
    unsigned size = ir_type_size(i->lane);
    uint64_t addr = k->values[i->a].u64[0] + i->imm;
    if (i->b != IR_NONE)
        addr += k->values[i->b].u64[0] << (i->attr & IR_MEM_SCALE);
    if (i->attr & IR_MEM_WRAP32)
        addr = (uint32_t)addr;
    if (misaligned(k, i, addr, size, i->attr & IR_MEM_ALIGNED))
        return false;
    unsigned char *p = translate(k, addr, size, i->op == IR_STORE);
    if (p == NULL)
        return false;
    if (i->op == IR_STORE) {
        memcpy(p, &k->values[i->c], size);
        return true;
    }
    memcpy(out, p, size);
    unsigned full = ir_type_size(i->type);
    if (i->op == IR_LOADS && size < full && size < 8) {
        uint64_t v = (uint64_t)sign_extend(out->u64[0], size * 8);
        memcpy(out, &v, full < 8 ? full : 8);
    }
    return true;
}

static bool walk_atomic(struct walker *k, const struct ir_inst *i, union ir_value *out)
{
    unsigned size = ir_type_size(i->type);
    uint64_t addr = k->values[i->a].u64[0] + i->imm;
    bool aligned = ((i->attr | i->lane) & IR_MEM_ALIGNED) || size == 16;
    if (misaligned(k, i, addr, size, aligned))
        return false;
    unsigned char *p = translate(k, addr, size, true);
    if (p == NULL)
        return false;
    memcpy(out, p, size);
    if (i->op == IR_ATOMIC_RMW) {
        uint64_t v = rmw(i->attr & 0xf, out->u64[0], k->values[i->b].u64[0], size * 8);
        memcpy(p, &v, size);
    } else if (memcmp(out, &k->values[i->b], size) == 0) {
        memcpy(p, &k->values[i->c], size);
    }
    return true;
}

static void walk_helper(struct walker *k, const struct ir_inst *i)
{
    struct cpu *cpu = aligned_alloc(64, align_up(sizeof *cpu, 64));
    memset(cpu, 0, sizeof *cpu);
    memcpy(cpu->state, k->w->state, CPU_STATE_SIZE);
    cpu->guest = k->w->guest;
    k->w->guest->helpers[i->attr](cpu, i->a != IR_NONE ? k->values[i->a].u64[0] : i->imm);
    memcpy(k->w->state, cpu->state, CPU_STATE_SIZE);
    free(cpu);
}

static ir_ref find_label(const struct ir_unit *u, uint64_t label)
{
    for (ir_ref r = 1; r < u->count; r++)
        if (u->insts[r].op == IR_LABEL && u->insts[r].imm == label)
            return r;
    abort();
}

/* Zero above the type. */
static void put(union ir_value *out, const void *from, enum ir_type t)
{
    memset(out, 0, sizeof *out);
    memcpy(out, from, ir_type_size(t));
}

/* One instruction; false when the unit ends. *at may be changed by branches. */
static bool walk_inst(struct walker *k, ir_ref *at)
{
    const struct ir_inst *i = &k->u->insts[*at];
    struct walk *w = k->w;
    union ir_value *v = k->values, result = {0};
    const struct ir_slot *slots = k->u->slots;
    switch ((enum ir_op)i->op) {
    case IR_NOP: case IR_LABEL: case IR_FENCE: case IR_PAIR: case IR_UNPAIR:
    case IR_POLL: /* nothing waits */
        break;
    case IR_INSN:
        k->insn_pc = i->imm;
        break;
    case IR_CONST:
        for (unsigned n = 0; n < 4; n++)
            result.u64[n] = i->imm;
        put(&v[*at], &result, i->type);
        break;
    case IR_COPY:
        v[*at] = v[i->a];
        break;
    case IR_GET:
        put(&v[*at], w->state + slots[i->imm].offset, i->type);
        break;
    case IR_SET:
        memcpy(w->state + slots[i->imm].offset, &v[i->a], ir_type_size(i->type));
        break;
    case IR_LGET:
        put(&v[*at], &k->locals[i->imm], i->type);
        break;
    case IR_LSET:
        k->locals[i->imm] = v[i->a];
        break;
    case IR_LOAD: case IR_LOADS: case IR_STORE:
        if (!walk_memory(k, i, &result))
            return false;
        put(&v[*at], &result, i->op == IR_STORE ? IR_VOID : i->type);
        break;
    case IR_ATOMIC_RMW: case IR_ATOMIC_CAS:
        if (!walk_atomic(k, i, &result))
            return false;
        put(&v[*at], &result, i->type);
        break;
    case IR_FPFLAGS_GET:
        result.u64[0] = w->fp.flags;
        put(&v[*at], &result, IR_I32);
        break;
    case IR_FPFLAGS_SET:
        w->fp.flags = v[i->a].u32[0];
        break;
    case IR_BR_IF:
        if (!(v[i->a].u8[0] & 1))
            break;
        /* fall through */
    case IR_BR:
        *at = find_label(k->u, i->imm);
        break;
    case IR_JUMP_IF:
        if (!(v[i->a].u8[0] & 1))
            break;
        /* fall through */
    case IR_JUMP: case IR_CALL:
        w->direct = true;
        return leave(w, WALK_NEXT, i->imm);
    case IR_JUMP_NOT:
        if (v[i->a].u64[0] == i->imm)
            break;
        /* fall through */
    case IR_JUMP_IND: case IR_CALL_IND: case IR_RET:
        return leave(w, WALK_NEXT, v[i->a].u64[0]);
    case IR_EXIT:
        w->exit_reason = i->attr;
        w->exit_detail = i->a != IR_NONE ? v[i->a].u64[0] : 0;
        return leave(w, WALK_EXIT, i->imm);
    case IR_HELPER:
        walk_helper(k, i);
        break;
    default:
        ir_eval(i->op, i->type, i->lane, i->attr, i->a != IR_NONE ? ir_type_of(k->u, i->a) : IR_VOID, i->imm,
                &v[i->a], &v[i->b], &v[i->c], &result, &w->fp);
        put(&v[*at], &result, i->type);
    }
    return true;
}

void walk_unit(struct walk *w, const struct ir_unit *u)
{
    struct walker k = {.w = w, .u = u, .insn_pc = u->pc};
    k.values = calloc(u->count, sizeof *k.values);
    w->fp.env = u->fp;
    w->direct = false;
    w->exit_reason = IR_EXIT_NONE;
    w->exit_detail = 0;
    uint64_t steps = 0;
    for (ir_ref at = 1; walk_inst(&k, &at); at++)
        if (w->max_steps != 0 && ++steps > w->max_steps) {
            leave(w, WALK_ENDLESS, k.insn_pc);
            break;
        }
    free(k.values);
}
