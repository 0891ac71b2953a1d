/* Loads and stores of structures: LD1 to LD4, ST1 to ST4, LD1R to LD4R (Arm ARM C4.1.94).
 *
 * Memory is accessed in whole vectors, in ascending order, and elements are sorted to or from
 * registers by permutations: two and four elements by UZP or ZIP, three by moving lanes (words and
 * larger) or by table look-ups (bytes and halves).  Registers are written after the last access.
 *
 * Known limitation: a store of structures that faults may have written the vectors before, which
 * the manual allows. */
#include "arm64_isa.h"
#include "guest/arm64/lift.h"
#include "guest/arm64/simd.h"

#define MAX_REGS 4

static ir_ref permute(const struct simd *s, enum ir_op op, unsigned part, ir_ref a, ir_ref b)
{
    return simd_bin(s, op, 0, part, a, b);
}

/* -- three elements ------------------------------------------------------------------ */

/* Where element e of register k lies among the elements in memory, counted from the first. */
static unsigned memory_position(unsigned k, unsigned e)
{
    return 3 * e + k;
}

/* A vector whose lane i is lane `from[i] % lanes` of v[from[i] / lanes]. */
static ir_ref gather_lanes(const struct simd *s, const ir_ref *v, const unsigned *from)
{
    unsigned lanes = ir_type_size(s->t) / ir_type_size(s->lane), start = from[0] / lanes;
    ir_ref r = v[start];

    for (unsigned i = 0; i < lanes; i++)
        if (from[i] != start * lanes + i)
            r = simd_bin(s, IR_VINSL, 0, i | (from[i] % lanes) << 8, r, v[from[i] / lanes]);
    return r;
}

/* A value of type t whose byte i is byte from[i] of the V128s v[0], v[1], v[2] in a row. */
static ir_ref gather_bytes(struct ir_unit *u, enum ir_type t, const ir_ref *v, unsigned tables,
                           const uint8_t *from)
{
    uint64_t index[2] = {0};
    ir_ref r = ir_const(u, t, 0), where;

    for (unsigned i = 0; i < ir_type_size(t); i++)
        index[i / 8] |= (uint64_t)from[i] << 8 * (i % 8);
    where = ir_const(u, IR_V64, index[0]);
    if (t == IR_V128)
        where = ir_vec(u, IR_VCONCAT, IR_V128, IR_I64, 0, 0, where, ir_const(u, IR_V64, index[1]),
                       IR_NONE);
    for (unsigned i = 0; i < tables; i++)
        r = ir_vec(u, IR_VTBL, t, IR_I8, 0, i, v[i], where, r);
    return r;
}

/* In pieces of memory (24 bytes are a V128 and a V64) or registers. */
static unsigned pieces_of_three(const struct simd *s, bool by_bytes)
{
    return by_bytes && s->t == IR_V64 ? 2 : 3;
}

static void sort_three(const struct simd *s, const ir_ref *memory, ir_ref *regs)
{
    unsigned size = ir_type_size(s->lane), bytes = ir_type_size(s->t);

    for (unsigned k = 0; k < 3; k++) {
        if (size >= 4) {
            unsigned from[4] = {0};
            for (unsigned e = 0; e < bytes / size; e++)
                from[e] = memory_position(k, e);
            regs[k] = gather_lanes(s, memory, from);
        } else {
            uint8_t from[16] = {0};
            for (unsigned i = 0; i < bytes; i++)
                from[i] = (uint8_t)(memory_position(k, i / size) * size + i % size);
            regs[k] = gather_bytes(s->u, s->t, memory, pieces_of_three(s, true), from);
        }
    }
}

/* regs are of the shape's type, or V128 if sorted by bytes. */
static void unsort_three(const struct simd *s, const ir_ref *regs, ir_ref *memory)
{
    unsigned size = ir_type_size(s->lane), bytes = ir_type_size(s->t), lanes = bytes / size;
    unsigned pieces = pieces_of_three(s, size < 4);

    for (unsigned p = 0; p < pieces; p++) {
        if (size >= 4) {
            unsigned from[4] = {0};
            for (unsigned i = 0; i < lanes; i++) {
                unsigned at = p * lanes + i;
                from[i] = at % 3 * lanes + at / 3;
            }
            memory[p] = gather_lanes(s, regs, from);
        } else {
            enum ir_type t = p * 16 + 16 <= 3 * bytes ? IR_V128 : IR_V64;
            uint8_t from[16] = {0};
            for (unsigned i = 0; i < ir_type_size(t); i++) {
                unsigned at = p * 16 + i, element = at / size;
                from[i] = (uint8_t)(element % 3 * 16 + element / 3 * size + at % size);
            }
            memory[p] = gather_bytes(s->u, t, regs, 3, from);
        }
    }
}

/* -- two and four elements ----------------------------------------------------------- */

static void sort(const struct simd *s, unsigned elements, const ir_ref *m, ir_ref *r)
{
    if (elements == 2) {
        r[0] = permute(s, IR_VUZP, 0, m[0], m[1]);
        r[1] = permute(s, IR_VUZP, 1, m[0], m[1]);
    } else if (elements == 3) {
        sort_three(s, m, r);
    } else {
        ir_ref even0 = permute(s, IR_VUZP, 0, m[0], m[1]),
               even1 = permute(s, IR_VUZP, 0, m[2], m[3]);
        ir_ref odd0 = permute(s, IR_VUZP, 1, m[0], m[1]), odd1 = permute(s, IR_VUZP, 1, m[2], m[3]);
        r[0] = permute(s, IR_VUZP, 0, even0, even1);
        r[1] = permute(s, IR_VUZP, 0, odd0, odd1);
        r[2] = permute(s, IR_VUZP, 1, even0, even1);
        r[3] = permute(s, IR_VUZP, 1, odd0, odd1);
    }
}

static void unsort(const struct simd *s, unsigned elements, const ir_ref *r, ir_ref *m)
{
    if (elements == 2) {
        m[0] = permute(s, IR_VZIP, 0, r[0], r[1]);
        m[1] = permute(s, IR_VZIP, 1, r[0], r[1]);
    } else if (elements == 3) {
        unsort_three(s, r, m);
    } else {
        for (unsigned half = 0; half < 2; half++) {
            ir_ref even = permute(s, IR_VZIP, half, r[0], r[2]),
                   odd = permute(s, IR_VZIP, half, r[1], r[3]);
            m[2 * half] = permute(s, IR_VZIP, 0, even, odd);
            m[2 * half + 1] = permute(s, IR_VZIP, 1, even, odd);
        }
    }
}

/* -- multiple structures ------------------------------------------------------------- */

/* Rn := base + Rm, or + the bytes accessed. */
static void post_index(struct arm64_lift *l, bool post, uint32_t Rn, uint32_t Rm, ir_ref base,
                       unsigned bytes)
{
    ir_ref step;

    if (!post)
        return;
    step = Rm == 31 ? ir_const(l->u, IR_I64, bytes) : arm64_x(l, IR_I64, Rm);
    arm64_set_xsp(l, Rn, ir_bin(l->u, IR_ADD, base, step));
}

/* 24 bytes that will be sorted by bytes are a V128 and a V64; all else is in vectors of the
 * registers' size. */
static bool in_two_pieces(const struct simd *s, unsigned elements)
{
    return elements == 3 && ir_type_size(s->lane) < 4 && s->t == IR_V64;
}

void arm64_lift_simd_load_structs(struct arm64_lift *l,
                                  const struct arm64_args_simd_load_structs *a)
{
    struct simd s = simd_ints(l->u, a->Q, a->size);
    ir_ref base = arm64_xsp(l, IR_I64, a->Rn), memory[MAX_REGS] = {0}, regs[MAX_REGS] = {0};
    struct arm64_address at = arm64_address(l, base, 0);
    unsigned bytes = ir_type_size(s.t);

    if (in_two_pieces(&s, a->elements)) {
        memory[0] = arm64_load(l, IR_LOAD, IR_V128, IR_V128, at, 0);
        memory[1] = arm64_load(l, IR_LOAD, IR_V64, IR_V64, arm64_address_plus(at, 16), 0);
        memory[1] = ir_conv(l->u, IR_ZEXT, IR_V128, memory[1]);
    } else {
        for (unsigned i = 0; i < a->count; i++)
            memory[i] = arm64_load(l, IR_LOAD, s.t, s.t, arm64_address_plus(at, i * bytes), 0);
    }
    if (a->elements > 1)
        sort(&s, a->elements, memory, regs);
    for (unsigned i = 0; i < a->count; i++)
        simd_put(l->u, (a->Rt + i) % 32, a->elements > 1 ? regs[i] : memory[i]);
    post_index(l, a->post, a->Rn, a->Rm, base, a->count * bytes);
}

void arm64_lift_simd_store_structs(struct arm64_lift *l,
                                   const struct arm64_args_simd_store_structs *a)
{
    struct simd s = simd_ints(l->u, a->Q, a->size);
    ir_ref base = arm64_xsp(l, IR_I64, a->Rn), memory[MAX_REGS] = {0}, regs[MAX_REGS] = {0};
    struct arm64_address at = arm64_address(l, base, 0);
    unsigned bytes = ir_type_size(s.t), offset = 0;
    unsigned pieces = in_two_pieces(&s, a->elements) ? 2 : a->count;
    enum ir_type t = a->elements == 3 && a->size < 2 ? IR_V128 : s.t;

    for (unsigned i = 0; i < a->count; i++)
        regs[i] = ir_get(l->u, t, ARM64_V0 + (a->Rt + i) % 32);
    if (a->elements > 1)
        unsort(&s, a->elements, regs, memory);
    for (unsigned i = 0; i < pieces; i++) {
        ir_ref v = a->elements > 1 ? memory[i] : regs[i];
        arm64_store(l, ir_type_of(l->u, v), arm64_address_plus(at, offset), v, 0);
        offset += ir_type_size(ir_type_of(l->u, v));
    }
    post_index(l, a->post, a->Rn, a->Rm, base, a->count * bytes);
}

/* -- one structure ------------------------------------------------------------------- */

struct one {
    uint32_t elements, Rt, Rn, Rm, post, size, index;
};

static void load_lane(struct arm64_lift *l, struct one a)
{
    struct simd s = simd_ints(l->u, true, a.size);
    ir_ref base = arm64_xsp(l, IR_I64, a.Rn), v[MAX_REGS] = {0};
    struct arm64_address at = arm64_address(l, base, 0);

    for (unsigned i = 0; i < a.elements; i++)
        v[i] = arm64_load(l, IR_LOAD, arm64_int_type(a.size == 3), s.lane,
                          arm64_address_plus(at, i << a.size), 0);
    for (unsigned i = 0; i < a.elements; i++) {
        uint32_t t = (a.Rt + i) % 32;
        simd_set(&s, t, simd_bin(&s, IR_VINS, 0, a.index, simd_get(&s, t), v[i]));
    }
    post_index(l, a.post, a.Rn, a.Rm, base, a.elements << a.size);
}

static void store_lane(struct arm64_lift *l, struct one a)
{
    struct simd s = simd_ints(l->u, true, a.size);
    ir_ref base = arm64_xsp(l, IR_I64, a.Rn);
    struct arm64_address at = arm64_address(l, base, 0);

    for (unsigned i = 0; i < a.elements; i++) {
        ir_ref v = ir_vec(l->u, IR_VEXT, arm64_int_type(a.size == 3), s.lane, 0, a.index,
                          simd_get(&s, (a.Rt + i) % 32), IR_NONE, IR_NONE);
        arm64_store(l, s.lane, arm64_address_plus(at, i << a.size), v, 0);
    }
    post_index(l, a.post, a.Rn, a.Rm, base, a.elements << a.size);
}

#define LANE(name, fn, log)                                                                        \
    void arm64_lift_simd_##name(struct arm64_lift *l, const struct arm64_args_simd_##name *a)      \
    {                                                                                              \
        fn(l, (struct one){a->elements, a->Rt, a->Rn, a->Rm, a->post, log, a->index});             \
    }
LANE(load_lane_b, load_lane, 0)
LANE(load_lane_h, load_lane, 1)
LANE(load_lane_s, load_lane, 2)
LANE(load_lane_d, load_lane, 3)
LANE(store_lane_b, store_lane, 0)
LANE(store_lane_h, store_lane, 1)
LANE(store_lane_s, store_lane, 2)
LANE(store_lane_d, store_lane, 3)

void arm64_lift_simd_load_repeat(struct arm64_lift *l, const struct arm64_args_simd_load_repeat *a)
{
    struct simd s = simd_ints(l->u, a->Q, a->size);
    ir_ref base = arm64_xsp(l, IR_I64, a->Rn), v[MAX_REGS] = {0};
    struct arm64_address at = arm64_address(l, base, 0);

    for (unsigned i = 0; i < a->elements; i++)
        v[i] = arm64_load(l, IR_LOAD, arm64_int_type(a->size == 3), s.lane,
                          arm64_address_plus(at, i << a->size), 0);
    for (unsigned i = 0; i < a->elements; i++)
        simd_set(&s, (a->Rt + i) % 32, simd_un(&s, IR_VDUP, 0, 0, v[i]));
    post_index(l, a->post, a->Rn, a->Rm, base, a->elements << a->size);
}
