/* The interpreter's loop: threaded code by computed goto.
 *
 * Guest memory is accessed here and nowhere else, in functions that lie in a section of their own: a
 * SIGSEGV whose host PC lies there is the guest's, any other is a bug of ours (host.c).  Before an
 * access the operation and the address are noted in cpu->host_area; slots are always exact in cpu->state
 * because SETs run in program order, so that the PC is all recovery has to make.
 *
 * Handlers read all arguments before they write the result: both may be in one cell. */
#include "host/interp/code.h"
#include <string.h>

/* Instrumented code must not judge the guest's accesses, nor call out of the section for them. */
#if defined(__clang__)
#define GUEST_CODE __attribute__((section("interp_access"), noinline, no_sanitize("address", "undefined", "thread")))
#else
#define GUEST_CODE \
    __attribute__((section("interp_access"), noinline, no_sanitize_address, no_sanitize_undefined, no_sanitize_thread))
#endif
#define ALWAYS_INLINE __attribute__((always_inline)) inline

extern const char __start_interp_access[] __attribute__((visibility("hidden")));
extern const char __stop_interp_access[] __attribute__((visibility("hidden")));

bool interp_accesses_at(uintptr_t pc)
{
    return pc >= (uintptr_t)__start_interp_access && pc < (uintptr_t)__stop_interp_access;
}

#if defined(__SIZEOF_INT128__)
__extension__ typedef unsigned __int128 u128;
__extension__ typedef __int128 s128;
#endif

/* Memory of any alignment. */
struct mem16 { uint16_t v; } __attribute__((packed, may_alias));
struct mem32 { uint32_t v; } __attribute__((packed, may_alias));
struct mem64 { uint64_t v; } __attribute__((packed, may_alias));
typedef uint64_t vec128 __attribute__((vector_size(16), may_alias));
struct mem128 { vec128 v; } __attribute__((packed, may_alias));
#define MEM8(p) (*(volatile uint8_t *)(p))
#define MEM16(p) (((volatile struct mem16 *)(p))->v)
#define MEM32(p) (((volatile struct mem32 *)(p))->v)
#define MEM64(p) (((volatile struct mem64 *)(p))->v)
#define MEM128(p) (((volatile struct mem128 *)(p))->v)

#define COMPILER_BARRIER() __asm__ volatile("" ::: "memory")

/* Says where the next access goes; a pointer there. */
static ALWAYS_INLINE void *guest_place(struct cpu *cpu, const struct interp_op *op, uint64_t address)
{
    ((volatile uint64_t *)cpu->host_area)[INTERP_AREA_OP] = (uint64_t)(uintptr_t)op;
    ((volatile uint64_t *)cpu->host_area)[INTERP_AREA_ADDRESS] = address;
    COMPILER_BARRIER();
    return (void *)(uintptr_t)address;
}

static ALWAYS_INLINE uint64_t address_of(const struct interp_op *op, const uint64_t *f)
{
    return f[op->a] + (f[op->b] << (op->attr & IR_MEM_SCALE)) + op->imm;
}

static ALWAYS_INLINE uint64_t guest_load(const void *p, unsigned size)
{
    return size == 1 ? MEM8(p) : size == 2 ? MEM16(p) : size == 4 ? MEM32(p) : MEM64(p);
}

static ALWAYS_INLINE void guest_store(void *p, unsigned size, uint64_t v)
{
    switch (size) {
    case 1: MEM8(p) = (uint8_t)v; break;
    case 2: MEM16(p) = (uint16_t)v; break;
    case 4: MEM32(p) = (uint32_t)v; break;
    default: MEM64(p) = v;
    }
}

static ALWAYS_INLINE void set_pc(struct cpu *cpu, uint64_t pc)
{
    memcpy(cpu->state + interp_guest.pc_offset, &pc, sizeof pc);
}

static void set_insn_pc(struct cpu *cpu, const struct interp_op *op)
{
    set_pc(cpu, interp_unit_of(op)->pc + (uint64_t)(int64_t)op->pc);
}

/* -- accesses with an order, an alignment or a size that the loop has no handler for -- */

static bool exits_unaligned(struct cpu *cpu, const struct interp_op *op, uint64_t address)
{
    if (LIKELY(!(address & (op->size - 1u))))
        return false;
    set_insn_pc(cpu, op);
    cpu->exit_reason = IR_EXIT_ALIGN;
    cpu->exit_detail = address;
    cpu->exit_site = NULL;
    return true;
}

/* Where it may wrap at 4 GiB. */
static ALWAYS_INLINE uint64_t wrapped_address_of(const struct interp_op *op, const uint64_t *f)
{
    uint64_t address = address_of(op, f);
    return op->attr & IR_MEM_WRAP32 ? (uint32_t)address : address;
}

static void order_before(unsigned attr, bool store)
{
    if (attr & IR_MEM_SEQ)
        __atomic_thread_fence(store ? __ATOMIC_RELEASE : __ATOMIC_SEQ_CST);
    else if (store && (attr & IR_MEM_RELEASE))
        __atomic_thread_fence(__ATOMIC_RELEASE);
}
static void order_after(unsigned attr, bool store)
{
    if (attr & IR_MEM_SEQ)
        __atomic_thread_fence(store ? __ATOMIC_SEQ_CST : __ATOMIC_ACQUIRE);
    else if (!store && (attr & IR_MEM_ACQUIRE))
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
}

/* False if the unit has left. */
static bool GUEST_CODE load_any(struct cpu *cpu, const struct interp_op *op, uint64_t *f, bool is_signed)
{
    uint64_t address = wrapped_address_of(op, f), v[4] = {0};
    unsigned words = (ir_type_size(op->type) + 7) / 8;
    if (op->attr & IR_MEM_ALIGNED && exits_unaligned(cpu, op, address))
        return false;
    order_before(op->attr, false);
    const char *p = guest_place(cpu, op, address);
    if (op->size <= 8) {
        v[0] = guest_load(p, op->size);
    } else {
        for (unsigned n = 0; n < op->size; n += 16) {
            vec128 q = MEM128(p + n);
            v[n / 8] = q[0];
            v[n / 8 + 1] = q[1];
        }
    }
    order_after(op->attr, false);
    if (is_signed && op->size < 8) {
        v[0] = (uint64_t)sign_extend(v[0], 8u * op->size);
        if (ir_type_size(op->type) < 8)
            v[0] &= (1ull << 8 * ir_type_size(op->type)) - 1;
    }
    for (unsigned n = 0; n < words; n++)
        f[op->dst + n] = v[n];
    return true;
}

static bool GUEST_CODE store_any(struct cpu *cpu, const struct interp_op *op, uint64_t *f)
{
    uint64_t address = wrapped_address_of(op, f);
    const uint64_t *v = &f[op->c];
    if (op->attr & IR_MEM_ALIGNED && exits_unaligned(cpu, op, address))
        return false;
    order_before(op->attr, true);
    char *p = guest_place(cpu, op, address);
    if (op->size <= 8)
        guest_store(p, op->size, v[0]);
    else
        for (unsigned n = 0; n < op->size; n += 16)
            MEM128(p + n) = (vec128){v[n / 8], v[n / 8 + 1]};
    order_after(op->attr, true);
    return true;
}

/* One exchange loop serves what has no builtin. */
#define RMW_LOOP(T, expr) \
    do { \
        T old = __atomic_load_n((T *)p, __ATOMIC_RELAXED); \
        while (!__atomic_compare_exchange_n((T *)p, &old, (T)(expr), false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) \
            ; \
        return old; \
    } while (0)
#define RMW_FUNCTION(T, ST) \
    static ALWAYS_INLINE uint64_t rmw_##T(void *p, unsigned how, T v) \
    { \
        switch (how) { \
        case IR_RMW_ADD: return __atomic_fetch_add((T *)p, v, __ATOMIC_SEQ_CST); \
        case IR_RMW_ANDN: return __atomic_fetch_and((T *)p, (T)~v, __ATOMIC_SEQ_CST); \
        case IR_RMW_XOR: return __atomic_fetch_xor((T *)p, v, __ATOMIC_SEQ_CST); \
        case IR_RMW_OR: return __atomic_fetch_or((T *)p, v, __ATOMIC_SEQ_CST); \
        case IR_RMW_AND: return __atomic_fetch_and((T *)p, v, __ATOMIC_SEQ_CST); \
        case IR_RMW_SMAX: RMW_LOOP(T, (ST)old > (ST)v ? old : v); \
        case IR_RMW_SMIN: RMW_LOOP(T, (ST)old < (ST)v ? old : v); \
        case IR_RMW_UMAX: RMW_LOOP(T, old > v ? old : v); \
        case IR_RMW_UMIN: RMW_LOOP(T, old < v ? old : v); \
        default: return __atomic_exchange_n((T *)p, v, __ATOMIC_SEQ_CST); \
        } \
    }
RMW_FUNCTION(uint8_t, int8_t)
RMW_FUNCTION(uint16_t, int16_t)
RMW_FUNCTION(uint32_t, int32_t)
RMW_FUNCTION(uint64_t, int64_t)

static bool GUEST_CODE atomic_rmw(struct cpu *cpu, const struct interp_op *op, uint64_t *f)
{
    uint64_t address = f[op->a] + op->imm, v = f[op->b];
    unsigned how = op->attr & 0xf;
    if (op->attr & IR_MEM_ALIGNED && exits_unaligned(cpu, op, address))
        return false;
    void *p = guest_place(cpu, op, address);
    switch (op->size) {
    case 1: f[op->dst] = rmw_uint8_t(p, how, (uint8_t)v); break;
    case 2: f[op->dst] = rmw_uint16_t(p, how, (uint16_t)v); break;
    case 4: f[op->dst] = rmw_uint32_t(p, how, (uint32_t)v); break;
    default: f[op->dst] = rmw_uint64_t(p, how, v);
    }
    return true;
}

#define CAS_CASE(T) \
    { \
        T old = (T)expect[0]; \
        __atomic_compare_exchange_n((T *)p, &old, (T)v[0], false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
        f[op->dst] = old; \
        break; \
    }

static bool GUEST_CODE atomic_cas(struct cpu *cpu, const struct interp_op *op, uint64_t *f)
{
    uint64_t address = f[op->a] + op->imm;
    const uint64_t *expect = &f[op->b], *v = &f[op->c];
    if ((op->attr & IR_MEM_ALIGNED || op->size == 16) && exits_unaligned(cpu, op, address))
        return false;
    void *p = guest_place(cpu, op, address);
    switch (op->size) {
    case 1: CAS_CASE(uint8_t)
    case 2: CAS_CASE(uint16_t)
    case 4: CAS_CASE(uint32_t)
    case 8: CAS_CASE(uint64_t)
    default: {
#if defined(__x86_64__)
        uint64_t low = expect[0], high = expect[1];
        __asm__ volatile("lock cmpxchg16b %0"
                         : "+m"(*(struct mem128 *)p), "+a"(low), "+d"(high)
                         : "b"(v[0]), "c"(v[1])
                         : "cc", "memory");
        f[op->dst] = low;
        f[op->dst + 1] = high;
#else
        u128 old = (u128)expect[1] << 64 | expect[0];
        __atomic_compare_exchange_n((u128 *)p, &old, (u128)v[1] << 64 | v[0], false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
        f[op->dst] = (uint64_t)old;
        f[op->dst + 1] = (uint64_t)(old >> 64);
#endif
    }
    }
    return true;
}

/* -- what runs outside the section: a fault there is not the guest's -- */

static __attribute__((noinline)) void evaluate(const struct interp_op *op, uint64_t *f, struct fp_status *fp)
{
    union ir_value out;
    ir_eval(op->op, op->type, op->lane, op->attr, op->arg, op->imm, (const union ir_value *)(const void *)&f[op->a],
            (const union ir_value *)(const void *)&f[op->b], (const union ir_value *)(const void *)&f[op->c], &out, fp);
    memcpy(&f[op->dst], &out, align_up(ir_type_size(op->type), 8));
}

static __attribute__((noinline)) void evaluate_fp(struct cpu *cpu, const struct interp_op *op, uint64_t *f)
{
    struct fp_status fp = {.env = interp_unit_of(op)->fp};
    evaluate(op, f, &fp);
    cpu->fp.flags |= fp.flags;
}

static __attribute__((noinline)) void call_helper(struct cpu *cpu, const struct interp_op *op, const uint64_t *f)
{
    set_insn_pc(cpu, op);
    interp_guest.guest->helpers[op->attr](cpu, op->size ? f[op->a] : op->imm);
}

static ALWAYS_INLINE uint64_t mul_high_u(uint64_t a, uint64_t b)
{
#if defined(__SIZEOF_INT128__)
    return (uint64_t)((u128)a * b >> 64);
#else
    uint64_t al = (uint32_t)a, ah = a >> 32, bl = (uint32_t)b, bh = b >> 32;
    uint64_t mid = ah * bl + (al * bl >> 32), mid2 = al * bh + (uint32_t)mid;
    return ah * bh + (mid >> 32) + (mid2 >> 32);
#endif
}
static ALWAYS_INLINE uint64_t mul_high_s(uint64_t a, uint64_t b)
{
    return mul_high_u(a, b) - ((int64_t)a < 0 ? b : 0) - ((int64_t)b < 0 ? a : 0);
}

/* Flags of r = a + b + carry or a - b - borrow, all in the low `bits` bits. */
static ALWAYS_INLINE uint32_t result_flags(uint64_t r, unsigned bits)
{
    uint32_t flags = r == 0 ? IR_FLAG_Z : 0;
    flags |= (r >> (bits - 1)) & 1 ? IR_FLAG_S : 0;
    return flags | (__builtin_parity((uint8_t)r) ? 0 : IR_FLAG_P);
}
static ALWAYS_INLINE uint32_t flags_add(uint64_t a, uint64_t b, uint64_t r, bool carry, unsigned bits)
{
    uint32_t flags = result_flags(r, bits);
    flags |= (carry ? r <= a : r < a) ? IR_FLAG_C : 0;
    flags |= (~(a ^ b) & (a ^ r)) >> (bits - 1) & 1 ? IR_FLAG_O : 0;
    return flags | ((a ^ b ^ r) & 0x10 ? IR_FLAG_A : 0);
}
static ALWAYS_INLINE uint32_t flags_sub(uint64_t a, uint64_t b, uint64_t r, bool borrow, unsigned bits)
{
    uint32_t flags = result_flags(r, bits);
    flags |= (borrow ? a <= b : a < b) ? IR_FLAG_C : 0;
    flags |= ((a ^ b) & (a ^ r)) >> (bits - 1) & 1 ? IR_FLAG_O : 0;
    return flags | ((a ^ b ^ r) & 0x10 ? IR_FLAG_A : 0);
}

/* What the binary operations do, at width W with signed twin S. */
#define DO_ADD(W, S, a, b) ((W)(a + b))
#define DO_SUB(W, S, a, b) ((W)(a - b))
#define DO_MUL(W, S, a, b) ((W)(a * b))
#define DO_AND(W, S, a, b) (a & b)
#define DO_OR(W, S, a, b) (a | b)
#define DO_XOR(W, S, a, b) (a ^ b)
#define DO_ANDN(W, S, a, b) (a & ~b)
#define BITS(W) (8 * (unsigned)sizeof(W))
#define DO_SHL(W, S, a, b) ((W)(a << (b & (BITS(W) - 1))))
#define DO_SHR(W, S, a, b) (a >> (b & (BITS(W) - 1)))
#define DO_SAR(W, S, a, b) ((W)((S)a >> (b & (BITS(W) - 1))))
#define DO_ROR(W, S, a, b) ((W)(a >> (b & (BITS(W) - 1)) | a << (-b & (BITS(W) - 1))))
#define DO_MULHU(W, S, a, b) (sizeof(W) == 4 ? (W)((uint64_t)a * b >> 32) : (W)mul_high_u(a, b))
#define DO_MULHS(W, S, a, b) (sizeof(W) == 4 ? (W)((uint64_t)((int64_t)(S)a * (S)b) >> 32) : (W)mul_high_s(a, b))
#define DO_UDIV(W, S, a, b) (b == 0 ? 0 : a / b)
#define DO_SDIV(W, S, a, b) (b == 0 ? 0 : b == (W)-1 ? (W)(0 - a) : (W)((S)a / (S)b))
#define DO_UREM(W, S, a, b) (b == 0 ? a : a % b)
#define DO_SREM(W, S, a, b) (b == 0 ? a : b == (W)-1 ? 0 : (W)((S)a % (S)b))
#define DO_EXTR(W, S, a, b) (op->imm == 0 ? b : (W)(b >> op->imm | a << (BITS(W) - op->imm)))
#define DO_NEG(W, S, a) ((W)(0 - a))
#define DO_NOT(W, S, a) ((W)~a)
#define DO_CLZ(W, S, a) (a == 0 ? BITS(W) : (unsigned)__builtin_clzll(a) - (64 - BITS(W)))
#define DO_CTZ(W, S, a) (a == 0 ? BITS(W) : (unsigned)__builtin_ctzll(a))
#define DO_POPCNT(W, S, a) ((unsigned)__builtin_popcountll(a))
#define DO_BSWAP(W, S, a) (sizeof(W) == 4 ? (W)__builtin_bswap32((uint32_t)a) : (W)__builtin_bswap64(a))
#define DO_E(a, b) (a == b)
#define DO_NE(a, b) (a != b)
#define DO_B(a, b) (a < b)
#define DO_AE(a, b) (a >= b)
#define DO_BE(a, b) (a <= b)
#define DO_A(a, b) (a > b)
#define DO_L DO_B
#define DO_GE DO_AE
#define DO_LE DO_BE
#define DO_G DO_A

/* Conditions of a flags value w. */
#define HAS(flag) (!!(w & IR_FLAG_##flag))
#define IS_O HAS(O)
#define IS_NO !HAS(O)
#define IS_B HAS(C)
#define IS_AE !HAS(C)
#define IS_E HAS(Z)
#define IS_NE !HAS(Z)
#define IS_BE (HAS(C) || HAS(Z))
#define IS_A (!HAS(C) && !HAS(Z))
#define IS_S HAS(S)
#define IS_NS !HAS(S)
#define IS_P HAS(P)
#define IS_NP !HAS(P)
#define IS_L (HAS(S) != HAS(O))
#define IS_GE (HAS(S) == HAS(O))
#define IS_LE (HAS(Z) || HAS(S) != HAS(O))
#define IS_G (!HAS(Z) && HAS(S) == HAS(O))

#define NEXT \
    do { \
        op++; \
        goto *handlers[op->code]; \
    } while (0)
#define HANDLER(name) at_##name:

void GUEST_CODE interp_run(struct cpu *cpu, const struct interp_op *op)
{
#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#endif
    static const void *const handlers[INTERP_CODE_COUNT] = {
#define ONE(n) &&at_##n,
#define WIDTHS(n) &&at_##n##32, &&at_##n##64,
#define WITH_IMM(n) &&at_##n##32, &&at_##n##32_IMM, &&at_##n##64, &&at_##n##64_IMM,
#define CMP(n) &&at_CMP_##n##32, &&at_CMP_##n##32_IMM, &&at_CMP_##n##64, &&at_CMP_##n##64_IMM,
#define CC(n) &&at_COND_##n,
        INTERP_OTHER(ONE) INTERP_BINARY(WITH_IMM) INTERP_BINARY_REG(WIDTHS) INTERP_UNARY(WIDTHS) INTERP_CMP(CMP)
        INTERP_CC(CC)
#undef ONE
#undef WIDTHS
#undef WITH_IMM
#undef CMP
#undef CC
    };
    uint64_t *f = (uint64_t *)(void *)cpu;
    goto *handlers[op->code];

    HANDLER(NOP) NEXT;
    HANDLER(BIG_FRAME)
    {
        f = ((struct interp_cpu *)(uintptr_t)cpu->host_area[INTERP_AREA_CPU])->frame;
        NEXT;
    }
    HANDLER(EVAL)
    {
        evaluate(op, f, NULL);
        NEXT;
    }
    HANDLER(EVAL_FP)
    {
        evaluate_fp(cpu, op, f);
        NEXT;
    }
    HANDLER(CONST)
    {
        for (unsigned n = 0; n < op->size; n++)
            f[op->dst + n] = op->imm;
        NEXT;
    }

    /* moves */
#define COPY(name, words) \
    HANDLER(name) \
    { \
        memcpy(&f[op->dst], &f[op->a], 8 * words); \
        NEXT; \
    }
    COPY(COPY_8, 1)
    COPY(COPY_16, 2)
    COPY(COPY_32, 4)
    HANDLER(ZEXT_128)
    {
        f[op->dst] = f[op->a];
        f[op->dst + 1] = 0;
        NEXT;
    }
    HANDLER(ZEXT_256)
    {
        f[op->dst] = f[op->a];
        f[op->dst + 1] = f[op->dst + 2] = f[op->dst + 3] = 0;
        NEXT;
    }
#define GET_SET(size, load, store) \
    HANDLER(GET_##size) \
    { \
        load; \
        NEXT; \
    } \
    HANDLER(SET_##size) \
    { \
        store; \
        NEXT; \
    }
#define SLOT (cpu->state + op->imm)
    GET_SET(1, f[op->dst] = *(uint8_t *)SLOT, *(uint8_t *)SLOT = (uint8_t)f[op->a])
    GET_SET(2, f[op->dst] = *(uint16_t *)(void *)SLOT, *(uint16_t *)(void *)SLOT = (uint16_t)f[op->a])
    GET_SET(4, f[op->dst] = *(uint32_t *)(void *)SLOT, *(uint32_t *)(void *)SLOT = (uint32_t)f[op->a])
    GET_SET(8, f[op->dst] = *(uint64_t *)(void *)SLOT, *(uint64_t *)(void *)SLOT = f[op->a])
    GET_SET(16, memcpy(&f[op->dst], SLOT, 16), memcpy(SLOT, &f[op->a], 16))
    GET_SET(32, memcpy(&f[op->dst], SLOT, 32), memcpy(SLOT, &f[op->a], 32))

    /* integers */
#define BINARY_AT(label, n, W, S, second) \
    HANDLER(label) \
    { \
        W a = (W)f[op->a], b = (W)(second); \
        f[op->dst] = (W)DO_##n(W, S, a, b); \
        NEXT; \
    }
#define BINARY(n) \
    BINARY_AT(n##32, n, uint32_t, int32_t, f[op->b]) \
    BINARY_AT(n##32_IMM, n, uint32_t, int32_t, op->imm) \
    BINARY_AT(n##64, n, uint64_t, int64_t, f[op->b]) \
    BINARY_AT(n##64_IMM, n, uint64_t, int64_t, op->imm)
    INTERP_BINARY(BINARY)
#define BINARY_REG(n) \
    BINARY_AT(n##32, n, uint32_t, int32_t, f[op->b]) \
    BINARY_AT(n##64, n, uint64_t, int64_t, f[op->b])
    INTERP_BINARY_REG(BINARY_REG)
#define UNARY_AT(label, n, W, S) \
    HANDLER(label) \
    { \
        W a = (W)f[op->a]; \
        f[op->dst] = (W)DO_##n(W, S, a); \
        NEXT; \
    }
#define UNARY(n) UNARY_AT(n##32, n, uint32_t, int32_t) UNARY_AT(n##64, n, uint64_t, int64_t)
    INTERP_UNARY(UNARY)

#define CARRY (f[op->c] & IR_FLAG_C ? 1u : 0u)
#define WITH_CARRY(W, bits) \
    HANDLER(ADC##bits) \
    { \
        f[op->dst] = (W)(f[op->a] + f[op->b] + CARRY); \
        NEXT; \
    } \
    HANDLER(SBC##bits) \
    { \
        f[op->dst] = (W)(f[op->a] - f[op->b] - CARRY); \
        NEXT; \
    } \
    HANDLER(SEXT##bits) \
    { \
        f[op->dst] = (W)((int64_t)(f[op->a] << op->imm) >> op->imm); \
        NEXT; \
    } \
    HANDLER(BFXS##bits) \
    { \
        unsigned pos = op->imm & 0xff, len = (unsigned)(op->imm >> 8); \
        f[op->dst] = (W)sign_extend(f[op->a] >> pos, len); \
        NEXT; \
    } \
    HANDLER(BFI##bits) \
    { \
        unsigned pos = op->imm & 0xff, len = (unsigned)(op->imm >> 8); \
        uint64_t mask = (~0ull >> (64 - len)) << pos; \
        f[op->dst] = (W)((f[op->a] & ~mask) | (f[op->b] << pos & mask)); \
        NEXT; \
    } \
    HANDLER(FLAGS_ADC##bits) \
    { \
        W a = (W)f[op->a], b = (W)f[op->b], c = CARRY; \
        f[op->dst] = flags_add(a, b, (W)(a + b + c), c, bits); \
        NEXT; \
    } \
    HANDLER(FLAGS_SBC##bits) \
    { \
        W a = (W)f[op->a], b = (W)f[op->b], c = CARRY; \
        f[op->dst] = flags_sub(a, b, (W)(a - b - c), c, bits); \
        NEXT; \
    } \
    HANDLER(FLAGS_LOGIC##bits) \
    { \
        f[op->dst] = result_flags((W)f[op->a], bits); \
        NEXT; \
    }
    WITH_CARRY(uint32_t, 32)
    WITH_CARRY(uint64_t, 64)
#define FLAGS_AT(label, n, W, bits, second, result) \
    HANDLER(label) \
    { \
        W a = (W)f[op->a], b = (W)(second); \
        f[op->dst] = n(a, b, (W)(result), false, bits); \
        NEXT; \
    }
    FLAGS_AT(FLAGS_ADD32, flags_add, uint32_t, 32, f[op->b], a + b)
    FLAGS_AT(FLAGS_ADD32_IMM, flags_add, uint32_t, 32, op->imm, a + b)
    FLAGS_AT(FLAGS_ADD64, flags_add, uint64_t, 64, f[op->b], a + b)
    FLAGS_AT(FLAGS_ADD64_IMM, flags_add, uint64_t, 64, op->imm, a + b)
    FLAGS_AT(FLAGS_SUB32, flags_sub, uint32_t, 32, f[op->b], a - b)
    FLAGS_AT(FLAGS_SUB32_IMM, flags_sub, uint32_t, 32, op->imm, a - b)
    FLAGS_AT(FLAGS_SUB64, flags_sub, uint64_t, 64, f[op->b], a - b)
    FLAGS_AT(FLAGS_SUB64_IMM, flags_sub, uint64_t, 64, op->imm, a - b)
    HANDLER(FLAGS_MERGE)
    {
        f[op->dst] = (f[op->a] & IR_FLAG_ALL & ~op->imm) | (f[op->b] & IR_FLAG_ALL & op->imm);
        NEXT;
    }
#define CC(n) \
    HANDLER(COND_##n) \
    { \
        uint32_t w = (uint32_t)f[op->a]; \
        f[op->dst] = IS_##n; \
        NEXT; \
    }
    INTERP_CC(CC)

    HANDLER(BFX)
    {
        f[op->dst] = bits_get(f[op->a], op->imm & 0xff, (unsigned)(op->imm >> 8));
        NEXT;
    }
#define SELECT(name, words) \
    HANDLER(name) \
    { \
        memmove(&f[op->dst], f[op->a] ? &f[op->b] : &f[op->c], 8 * words); \
        NEXT; \
    }
    SELECT(SELECT_8, 1)
    SELECT(SELECT_16, 2)
    SELECT(SELECT_32, 4)
#define CMP_AT(label, n, W, second) \
    HANDLER(CMP_##label) \
    { \
        W a = (W)f[op->a], b = (W)(second); \
        f[op->dst] = DO_##n(a, b); \
        NEXT; \
    }
#define CMP_WIDTHS(n, W32, W64) \
    CMP_AT(n##32, n, W32, f[op->b]) \
    CMP_AT(n##32_IMM, n, W32, op->imm) \
    CMP_AT(n##64, n, W64, f[op->b]) \
    CMP_AT(n##64_IMM, n, W64, op->imm)
    CMP_WIDTHS(E, uint32_t, uint64_t)
    CMP_WIDTHS(NE, uint32_t, uint64_t)
    CMP_WIDTHS(B, uint32_t, uint64_t)
    CMP_WIDTHS(AE, uint32_t, uint64_t)
    CMP_WIDTHS(BE, uint32_t, uint64_t)
    CMP_WIDTHS(A, uint32_t, uint64_t)
    CMP_WIDTHS(L, int32_t, int64_t)
    CMP_WIDTHS(GE, int32_t, int64_t)
    CMP_WIDTHS(LE, int32_t, int64_t)
    CMP_WIDTHS(G, int32_t, int64_t)

    /* guest memory */
#define PLACE guest_place(cpu, op, address_of(op, f))
#define LOAD(name, expr) \
    HANDLER(name) \
    { \
        const void *p = PLACE; \
        f[op->dst] = expr; \
        NEXT; \
    }
    LOAD(LOAD_1, MEM8(p))
    LOAD(LOAD_2, MEM16(p))
    LOAD(LOAD_4, MEM32(p))
    LOAD(LOAD_8, MEM64(p))
    LOAD(LOADS_1_32, (uint32_t)(int8_t)MEM8(p))
    LOAD(LOADS_1_64, (uint64_t)(int8_t)MEM8(p))
    LOAD(LOADS_2_32, (uint32_t)(int16_t)MEM16(p))
    LOAD(LOADS_2_64, (uint64_t)(int16_t)MEM16(p))
    LOAD(LOADS_4_64, (uint64_t)(int32_t)MEM32(p))
    HANDLER(LOAD_16)
    {
        vec128 v = MEM128(PLACE);
        f[op->dst] = v[0];
        f[op->dst + 1] = v[1];
        NEXT;
    }
    HANDLER(LOAD_ANY)
    {
        if (UNLIKELY(!load_any(cpu, op, f, false)))
            return;
        NEXT;
    }
    HANDLER(LOADS_ANY)
    {
        if (UNLIKELY(!load_any(cpu, op, f, true)))
            return;
        NEXT;
    }
#define STORE(bytes) \
    HANDLER(STORE_##bytes) \
    { \
        guest_store(PLACE, bytes, f[op->c]); \
        NEXT; \
    }
    STORE(1)
    STORE(2)
    STORE(4)
    STORE(8)
    HANDLER(STORE_16)
    {
        MEM128(PLACE) = (vec128){f[op->c], f[op->c + 1]};
        NEXT;
    }
    HANDLER(STORE_ANY)
    {
        if (UNLIKELY(!store_any(cpu, op, f)))
            return;
        NEXT;
    }
    HANDLER(ATOMIC_RMW)
    {
        if (UNLIKELY(!atomic_rmw(cpu, op, f)))
            return;
        NEXT;
    }
    HANDLER(ATOMIC_CAS)
    {
        if (UNLIKELY(!atomic_cas(cpu, op, f)))
            return;
        NEXT;
    }
    HANDLER(FENCE)
    {
        if (op->attr == IR_FENCE_LOAD)
            __atomic_thread_fence(__ATOMIC_ACQUIRE);
        else if (op->attr == IR_FENCE_STORE)
            __atomic_thread_fence(__ATOMIC_RELEASE);
        else
            __atomic_thread_fence(__ATOMIC_SEQ_CST);
        NEXT;
    }

    HANDLER(FPFLAGS_GET)
    {
        f[op->dst] = cpu->fp.flags;
        NEXT;
    }
    HANDLER(FPFLAGS_SET)
    {
        cpu->fp.flags = (uint32_t)f[op->a];
        NEXT;
    }
    HANDLER(HELPER)
    {
        call_helper(cpu, op, f);
        NEXT;
    }

    /* control */
    /* Branches do not poll: in the middle of an instruction's own loop there is no PC to leave with. */
    HANDLER(BR)
    {
        op += op->skip;
        goto *handlers[op->code];
    }
    HANDLER(BR_IF)
    {
        op += f[op->a] ? op->skip : 1;
        goto *handlers[op->code];
    }
#define GO_TO(target) \
    do { \
        op = (target); \
        f = (uint64_t *)(void *)cpu; \
        goto *handlers[op->code]; \
    } while (0)
    HANDLER(JUMP_IF)
    {
        if (!f[op->a])
            NEXT;
    }
    /* fall through */
    HANDLER(JUMP)
    {
        const struct interp_op *target = __atomic_load_n(&op->link, __ATOMIC_ACQUIRE);
        if (LIKELY(target != NULL))
            GO_TO(target);
    }
leave_by_site:
    set_pc(cpu, op->imm);
    cpu->exit_reason = IR_EXIT_NONE;
    cpu->exit_site = &op->link;
    return;
    HANDLER(JUMP_IF_POLL)
    {
        if (!f[op->a])
            NEXT;
    }
    /* fall through */
    HANDLER(JUMP_POLL)
    {
        const struct interp_op *target = __atomic_load_n(&op->link, __ATOMIC_ACQUIRE);
        if (UNLIKELY(cpu->pending)) {
            set_pc(cpu, op->imm);
            cpu->exit_reason = IR_EXIT_NONE;
            cpu->exit_site = NULL;
            return;
        }
        if (LIKELY(target != NULL))
            GO_TO(target);
        goto leave_by_site;
    }
    HANDLER(POLL)
    {
        if (LIKELY(!cpu->pending))
            NEXT;
        set_pc(cpu, op->imm);
        cpu->exit_reason = IR_EXIT_NONE;
        cpu->exit_site = NULL;
        return;
    }
    HANDLER(JUMP_NOT)
    {
        if (f[op->a] == op->imm)
            NEXT;
    }
    /* fall through */
    HANDLER(JUMP_IND)
    {
        uint64_t pc = f[op->a];
        const volatile struct cpu_jump *j = &cpu->jumps[cpu_jump_index(pc)];
        if (LIKELY(j->pc == pc && !cpu->pending))
            GO_TO(j->code);
        set_pc(cpu, pc);
        cpu->exit_reason = IR_EXIT_NONE;
        cpu->exit_site = NULL;
        return;
    }
    HANDLER(EXIT)
    {
        set_pc(cpu, op->imm);
        cpu->exit_reason = op->attr;
        cpu->exit_detail = f[op->a];
        cpu->exit_site = NULL;
        return;
    }
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif
}
