/* Encodings are made from the row's constraints and taken if the decoder finds that row in them.  States are such that
 * most operands in memory lie in the data area, branches lead into the code area, and REP counts are small. */
#include "cases.h"
#include "guest/x86/lift.h"
#include <string.h>

static uint64_t rng = 88172645463325252ull;

void case_seed(uint64_t seed)
{
    rng = seed * 0x9e3779b97f4a7c15ull | 1;
}

uint64_t case_random(void)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return rng * 0x2545f4914f6cdd1dull;
}

static unsigned below(unsigned n)
{
    return (unsigned)(case_random() >> 33) % n;
}

static bool one_in(unsigned n)
{
    return below(n) == 0;
}

static bool is(const struct x86_row *row, const char *names)
{
    size_t n = strlen(row->name);
    for (const char *p = names; (p = strstr(p, row->name)) != NULL; p += n)
        if ((p == names || p[-1] == ' ') && (p[n] == ' ' || !p[n]))
            return true;
    return false;
}

/* What natively does something else than compute, is the kernel's to answer, or belongs to an extension that is not there. */
bool case_possible(const struct x86_row *row)
{
    return !case_why_not(row);
}

const char *case_why_not(const struct x86_row *row)
{
    if (!row->lift)
        return "not lifted, not offered";
    if (row->vex && row->modes == 1 && row->w == 2)
        return "VEX.W in 32-bit mode: ignored as Intel says, undefined on AMD's processors";
    if (row->map == 1 && row->opcode == 0x0d && row->mod == 2)
        return "undefined on AMD's processors";
    if (is(row, "SYSCALL SYSENTER"))
        return "the kernel answers";
    if (is(row, "CPUID XGETBV RDTSC RDTSCP RDRAND RDSEED RDPID RDPMC"))
        return "asks the machine, which is another";
    if (is(row, "INT1"))
        return "a trap, but hypervisors report it where it stands";
    if (is(row, "SMSW SGDT SIDT SLDT STR"))
        return "UMIP: the kernel answers";
    if (is(row, "FSTPNCE MONITOR MWAIT CLAC STAC XSETBV XRSTORS XRSTORS64 XSAVES XSAVES64 RDSSPD RDSSPQ RSM"))
        return "not on this processor, or not for programs";
    return native_has(row->feature) ? NULL : "of an extension that this processor lacks";
}

uint64_t case_base(const struct machine *m, bool mode64, unsigned segment)
{
    if (mode64)
        return segment == X86_FS ? m->fs_base : segment == X86_GS ? m->gs_base : 0;
    return (m->selector[segment] & 7) == 7 ? native_ldt_bases[m->selector[segment] >> 3] : 0;
}

/* The segment of the operand in memory. */
static unsigned segment_of(const struct x86_insn *in)
{
    if (in->segment != X86_NO_SEGMENT)
        return in->segment;
    return in->base == X86_RSP || in->base == X86_RBP ? X86_SS : X86_DS;
}

/* ---- encodings ------------------------------------------------------------------------------------------ */

struct writer {
    uint8_t *p;
};

static void put(struct writer *w, unsigned b)
{
    *w->p++ = (uint8_t)b;
}

static unsigned pick_bit(unsigned set)
{
    for (;;) {
        unsigned b = 1u << below(4);
        if (set & b)
            return b;
    }
}

static void put_modrm(struct writer *w, const struct x86_row *row)
{
    unsigned mod = row->mod == 2 || (row->mod == 3 && one_in(2)) ? 3 : below(3);
    unsigned reg = row->reg >= 0 ? (unsigned)row->reg : below(8), rm = row->rm >= 0 ? (unsigned)row->rm : below(8);
    if (row->attrs & X86_ATTR_sib)
        rm = 4;
    else if (mod != 3 && row->rm < 0 && one_in(12)) /* RIP-relative */
        mod = 0, rm = 5;
    else if (mod != 3 && row->rm < 0 && one_in(8)) /* SIB */
        rm = 4;
    put(w, mod << 6 | reg << 3 | rm);
    uint64_t r = case_random(); /* SIB, displacement and immediate */
    memcpy(w->p, &r, 8);
    if (mod == 2 || (mod == 0 && rm == 5) || one_in(2)) /* displacements that do not wrap too far */
        w->p[3] = w->p[4] = 0;
}

static void encode(struct x86_case *c, const struct x86_row *row)
{
    struct writer w = {c->bytes};
    unsigned rex = 0, pfx = pick_bit(row->pfx);
    for (unsigned i = 0; i < sizeof c->bytes; i++)
        c->bytes[i] = (uint8_t)case_random();
    bool word = (row->attrs & X86_ATTR_wf || true) && one_in(4);
    if (row->pfx == 15)
        pfx = 1;
    else
        word = false;
    if (row->osz == 1 || pfx == 2)
        word = true;
    if (one_in(10)) /* where it means nothing, or the decoder says no */
        word = true;
    if (pfx >= 4 && row->map && one_in(5) && (row->feature == X86_FEATURE_POPCNT || row->feature == X86_FEATURE_BMI1 || row->feature == X86_FEATURE_SSE42))
        word = true;
    if (row->osz == 2 || row->osz == 4 || (c->mode64 && (row->attrs & X86_ATTR_f64)) || row->lift == x86_lift_movsxd)
        word = false; /* near branches: AMD's take 16 bits in 64-bit mode, Intel's (and we) do not; MOVSXD of 16 reads 32 there */
    if (c->mode64) {
        rex = one_in(2) ? 0x40 | below(16) : 0;
        if ((row->osz == 4 && !(row->attrs & X86_ATTR_d64)) || row->w == 2)
            rex |= 0x48;
        if (row->w == 1 || row->osz == 2 || row->osz == 1)
            rex &= 0xf7;
        if (row->attrs & X86_ATTR_nob)
            rex &= 0xfe;
        if (row->lift == x86_lift_load_far || (row->lift == x86_lift_far && (row->attrs & X86_ATTR_modrm)))
            rex &= 0xf7; /* offsets of 64 bits: Intel's and we; AMD's have 32 */
    }
    if (one_in(9) || (c->mode64 && row->asz == 2) || (!c->mode64 && row->asz == 1))
        put(&w, 0x67);
    if (one_in(6))
        put(&w, one_in(2) ? 0x65 : 0x64); /* GS, FS */
    else if (one_in(10))
        put(&w, (uint8_t[]){0x26, 0x36, 0x3e, 0x2e}[below(c->mode64 ? 4 : 3)]); /* in 32-bit mode CS cannot be written */
    if (row->vex) {
        unsigned l = pick_bit(row->l & 3) - 1, wide = pick_bit(row->w & 3) - 1;
        unsigned vvvv = row->attrs & X86_ATTR_vvvv ? below(c->mode64 ? 16 : 8) : 0;
        bool two = row->map == 1 && !wide && one_in(3); /* the short form */
        put(&w, two ? 0xc5 : 0xc4);
        if (!two)
            put(&w, (c->mode64 ? below(8) << 5 : 0xe0) | row->map);
        put(&w, (two ? !c->mode64 || one_in(2) : wide) << 7 | (~vvvv & 15) << 3 | l << 2 | (unsigned)__builtin_ctz(pfx));
        if (pfx == 4 || pfx == 8)
            w.p[-1] = (uint8_t)((w.p[-1] & 0xfc) | (pfx == 4 ? 2 : 3));
    } else {
        if ((row->attrs & X86_ATTR_lock) && one_in(3))
            put(&w, 0xf0);
        if ((row->attrs & (X86_ATTR_rep | X86_ATTR_repe)) && !one_in(3))
            put(&w, one_in(2) ? 0xf2 : 0xf3);
        else if (row->pfx == 15 && row->lift != x86_lift_loop && one_in(16)) /* which means nothing here; REPNE LOOPE is LOOPNE on AMD's */
            put(&w, one_in(2) ? 0xf2 : 0xf3);
        if (word)
            put(&w, 0x66);
        if (word && one_in(16)) /* twice is once */
            put(&w, 0x66);
        if (pfx >= 4)
            put(&w, pfx == 4 ? 0xf3 : 0xf2);
        if (rex)
            put(&w, rex);
        if (row->map)
            put(&w, 0x0f);
        if (row->map > 1)
            put(&w, row->map == 2 ? 0x38 : 0x3a);
    }
    put(&w, row->opcode + below(row->count));
    if (row->attrs & X86_ATTR_modrm)
        put_modrm(&w, row);
}

/* What CS may become in a far transfer. */
static uint16_t case_selector(bool mode64)
{
    static const uint16_t others[] = {0, 3, 0x2b, 0x20, 0x30, 0x23, 0x33, 0x23, 0x33, 0xffff};
    return one_in(4) ? others[below(ARRAY_LEN(others))] : mode64 ? 0x33 : 0x23;
}

/* A branch leads neither into itself nor out of the code; far ones mostly stay in their segment. */
static void mend_target(struct x86_case *c)
{
    if (c->row->lift == x86_lift_interrupt && c->row->arg == X86_INT_N && c->bytes[c->in.length - 1] == 0x80)
        c->bytes[c->in.length - 1] = 0x81; /* a system call */
    if (c->in.op[0].kind == X86_OPERAND_FAR) {
        uint32_t to = (uint32_t)CODE_BASE + 0x100 + below(0x600);
        uint16_t cs = case_selector(c->mode64);
        memcpy(c->bytes + c->in.length - 2, &cs, 2);
        memcpy(c->bytes + c->in.length - 2 - c->in.opsize, &to, c->in.opsize);
    }
    for (unsigned i = 0; i < 4; i++) {
        if (c->in.op[i].kind != X86_OPERAND_REL)
            continue;
        int64_t to = c->in.op[i].size == 1 ? (int64_t)below(128) : (int64_t)below(1000);
        if (one_in(2))
            to = -20 - (int64_t)below(100);
        memcpy(c->bytes + c->in.length - c->in.op[i].size, &to, c->in.op[i].size);
    }
}

bool case_encode(struct x86_case *c, const struct x86_row *row, bool mode64)
{
    c->row = row;
    c->mode64 = mode64;
    c->m.rip = CODE_BASE + 0x800 + below(64);
    if (!(row->modes & (mode64 ? 2 : 1)))
        return false;
    for (unsigned tries = 0; tries < 200; tries++) {
        encode(c, row);
        if (x86_decode(c->bytes, 15, mode64, &c->in) != X86_DECODE_OK || c->in.row != row)
            continue;
        mend_target(c);
        if (x86_decode(c->bytes, 15, mode64, &c->in) == X86_DECODE_OK && c->in.row == row)
            return true;
    }
    return false;
}

/* ---- states --------------------------------------------------------------------------------------------- */

static uint64_t interesting(void)
{
    static const uint64_t v[] = {0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff,
                                 0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff, 0x100000000};
    switch (below(6)) {
    case 0: return v[below(ARRAY_LEN(v))];
    case 1: return v[below(ARRAY_LEN(v))] + below(3) - 1;
    case 2: return case_random() >> below(64);
    case 3: return (uint64_t)((int64_t)case_random() >> below(64));
    default: return case_random();
    }
}

static uint64_t float_bits(unsigned size)
{
    static const uint32_t f32[] = {0, 0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 0x7fc00000, 0x7f800001, 0xffc12345,
                                   0x00000001, 0x807fffff, 0x00800000, 0x7f7fffff, 0x4f000000, 0xcf000000, 0x4effffff, 0x3fc00000, 0x40200000};
    static const uint64_t f64[] = {0, 0x8000000000000000, 0x3ff0000000000000, 0xbff0000000000000, 0x7ff0000000000000,
                                   0xfff0000000000000, 0x7ff8000000000000, 0x7ff0000000000001, 0xfff8123456789abc, 1,
                                   0x800fffffffffffff, 0x0010000000000000, 0x7fefffffffffffff, 0x41e0000000000000,
                                   0xc1e0000000000000, 0x43e0000000000000, 0x3ff8000000000000, 0x380fffffffffffff};
    if (size == 4) {
        if (one_in(2))
            return f32[below(ARRAY_LEN(f32))];
        return (uint32_t)(case_random() & 0x807fffff) | (110u + below(36)) << 23;
    }
    if (one_in(2))
        return f64[below(ARRAY_LEN(f64))];
    return (case_random() & 0x800fffffffffffffull) | (uint64_t)(1000 + below(46)) << 52;
}

static void fill_vector(uint8_t *p, unsigned bytes, bool fp)
{
    unsigned kind = below(4), size = fp ? (kind & 1 ? 4 : 8) : 8;
    for (unsigned i = 0; i < bytes; i += size) {
        uint64_t v = fp && kind < 3 ? float_bits(size) : kind == 0 ? interesting() : kind == 1 ? case_random() & 0x8080808080808080ull : case_random();
        memcpy(p + i, &v, size);
    }
}

static void fill_st(uint8_t *p)
{
    static const uint16_t exponents[] = {0, 1, 0x3ffe, 0x3fff, 0x4000, 0x7ffe, 0x7fff, 0x403e};
    uint64_t mantissa = one_in(3) ? 0x8000000000000000ull : case_random() | 1ull << 63;
    uint16_t e = one_in(3) ? exponents[below(ARRAY_LEN(exponents))] : (uint16_t)(0x3fc0 + below(128));
    if (one_in(20))
        mantissa = interesting(); /* also what is no number */
    if (e == 0 && !one_in(4)) /* else a pseudo-denormal */
        mantissa &= ~0ull >> 1;
    if (one_in(8))
        mantissa = 0, e = 0;
    e |= one_in(2) ? 0x8000 : 0;
    memset(p, 0, 16);
    memcpy(p, &mantissa, 8);
    memcpy(p + 8, &e, 2);
}

/* Somewhere in the data for an operand of this size; now and then at its very end, or where only reading is allowed. */
static uint64_t data_address(unsigned size)
{
    uint64_t at = DATA_BASE + 0x200 + below(DATA_SIZE - 0x800);
    if (one_in(2))
        at &= ~31ull;
    if (one_in(24))
        at = DATA_BASE + DATA_SIZE - below(size ? size + 4 : 32);
    if (one_in(40))
        at = DATA_BASE + DATA_SIZE + DATA_READ - below(size ? size + 4 : 32);
    return at;
}

static unsigned memory_size(const struct x86_insn *in)
{
    for (unsigned i = 0; i < 4; i++)
        if (in->op[i].kind == X86_OPERAND_MEM)
            return in->op[i].size;
    return 0;
}

/* Registers (or the displacement) such that the operand lies at `at`. */
static void aim(struct x86_case *c, uint64_t at)
{
    struct x86_insn *in = &c->in;
    uint64_t *r = c->m.r, rest = at - (uint64_t)in->disp - case_base(&c->m, c->mode64, segment_of(in));
    if (in->row->attrs & X86_ATTR_sib) {
        if (in->base != X86_NO_REG)
            r[in->base] = rest;
        return;
    }
    if (in->base == X86_RIP || (in->base == X86_NO_REG && in->index == X86_NO_REG)) {
        int64_t disp = (int64_t)(in->base == X86_RIP ? rest + (uint64_t)in->disp - c->m.rip - in->length : rest + (uint64_t)in->disp);
        for (unsigned i = 1; i + 4 <= in->length; i++) { /* find the displacement's bytes */
            int32_t old;
            memcpy(&old, c->bytes + i, 4);
            int32_t new = (int32_t)disp;
            if (old != (int32_t)in->disp || in->addrsize == 2)
                continue;
            memcpy(c->bytes + i, &new, 4);
            struct x86_insn again;
            if (x86_decode(c->bytes, 15, c->mode64, &again) == X86_DECODE_OK && again.disp == new && again.row == in->row) {
                *in = again;
                return;
            }
            memcpy(c->bytes + i, &old, 4);
        }
        return;
    }
    if (in->index != X86_NO_REG) {
        if (in->base == X86_NO_REG) {
            r[in->index] = rest >> in->scale;
            return;
        }
        if (in->index == in->base) {
            r[in->base] = rest / ((1u << in->scale) + 1);
            return;
        }
        r[in->index] = one_in(2) ? below(256) : (uint64_t)-(int64_t)below(256);
        rest -= r[in->index] << in->scale;
    }
    r[in->base] = rest;
}

static void poke(struct x86_case *c, uint64_t at, uint64_t v)
{
    if (at >= DATA_BASE && at + 8 <= DATA_BASE + DATA_SIZE)
        memcpy(c->data + (at - DATA_BASE), &v, 8);
}

/* What particular instructions want. */
static void mend_state(struct x86_case *c, uint64_t at)
{
    const struct x86_insn *in = &c->in;
    const struct x86_row *row = in->row;
    struct machine *m = &c->m;
    uint64_t code = CODE_BASE + 0x100 + below(0x600);
    uint64_t top = m->r[X86_RSP] + case_base(m, c->mode64, X86_SS);
    static const uint16_t data_selectors[] = {0, 1, 3, 0x2b, 0x2b, 0x28, 0x23, 0x33, 7, 15, 23, 0x1f, 4, 0x10, 0xfff8};
    uint16_t selector = data_selectors[below(ARRAY_LEN(data_selectors))];
    if (row->lift == x86_lift_ret) {
        poke(c, top, code);
    } else if (row->lift == x86_lift_far) {
        uint16_t cs = case_selector(c->mode64);
        uint64_t place = row->arg == X86_FAR_RET || row->arg == X86_FAR_IRET ? top : at;
        poke(c, place, code);
        poke(c, place + in->opsize, cs);
        if (row->arg == X86_FAR_IRET) {
            poke(c, place + 2u * in->opsize, (case_random() & 0xdd5) | (one_in(2) ? 0x200000 : 0));
            poke(c, place + 3u * in->opsize, data_address(16));
            poke(c, place + 4u * in->opsize, one_in(8) ? selector : 0x2b);
        }
    } else if (row->lift == x86_lift_pop_seg) {
        if (in->op[0].reg == X86_SS) /* the trap would come one instruction later, with us it does not */
            m->eflags &= ~0x100u;
        poke(c, top, selector);
    } else if (row->lift == x86_lift_load_far) {
        poke(c, at + in->opsize, selector);
    } else if (row->lift == x86_lift_mov_to_seg) {
        if (in->op[0].reg == X86_SS)
            m->eflags &= ~0x100u;
        if (in->op[1].kind == X86_OPERAND_MEM)
            poke(c, at, selector | case_random() << 16);
        else
            m->r[in->op[1].reg] = selector | case_random() << 16;
    } else if (row->lift == x86_lift_fsgsbase) {
        if (row->arg >= 2 && one_in(2))
            m->r[in->op[0].reg] = (uint64_t)((int64_t)case_random() >> below(64));
    } else if ((row->lift == x86_lift_jmp || row->lift == x86_lift_call) && in->op[0].kind != X86_OPERAND_REL) {
        if (in->op[0].kind == X86_OPERAND_MEM)
            poke(c, at, code);
        else if (in->op[0].reg != X86_RSP) /* CALL RSP would write over its target */
            m->r[in->op[0].reg] = code;
    } else if (row->lift == x86_lift_popf) {
        uint64_t flags = (case_random() & 0xdd5) | (one_in(2) ? 0x200000 : 0);
        poke(c, DATA_BASE + 0x400, flags); /* AC would trap in the test itself */
        m->r[X86_RSP] = DATA_BASE + 0x400 - case_base(m, c->mode64, X86_SS);
    } else if (row->lift == x86_lift_xlat) {
        m->r[X86_RBX] = data_address(256) - case_base(m, c->mode64, segment_of(in));
    } else if (row->lift == x86_lift_bt && in->op[0].kind == X86_OPERAND_MEM && in->op[1].kind == X86_OPERAND_GPR) {
        if (in->op[1].reg != in->base && in->op[1].reg != in->index)
            m->r[in->op[1].reg] = (uint64_t)((int64_t)below(4096) - 2048) | (one_in(2) ? case_random() << (in->op[1].size == 8 ? 63 : 8 * in->op[1].size) : 0);
    } else if (row->lift == x86_lift_bound && in->op[0].kind == X86_OPERAND_GPR && one_in(2)) {
        m->r[in->op[0].reg] = 5;
    } else if (row->lift == x86_lift_cmpxchg && one_in(2)) {
        if (in->op[0].kind == X86_OPERAND_MEM)
            poke(c, at, m->r[X86_RAX]);
    } else if ((row->lift == x86_lift_cmpxchg8b || row->lift == x86_lift_cmpxchg16b) && one_in(2)) {
        uint64_t low = m->r[X86_RAX];
        poke(c, at, in->opsize == 8 ? low : (uint32_t)low | m->r[X86_RDX] << 32);
        if (in->opsize == 8)
            poke(c, at + 8, m->r[X86_RDX]);
    } else if (row->lift == x86_lift_div && one_in(2)) {
        m->r[X86_RDX] = one_in(2) ? 0 : (uint64_t)((int64_t)m->r[X86_RAX] >> 63);
        if (one_in(2))
            m->r[X86_RAX] >>= below(64);
    } else if (row->lift == x86_lift_mxcsr && row->arg == 0) {
        poke(c, at, (case_random() & 0xffff) | (one_in(6) ? 0x80000000u : 0));
    } else if (row->lift == x86_lift_xsave || row->lift == x86_lift_fxsave) { /* the components that there are */
        m->r[X86_RAX] = below(8);
        m->r[X86_RDX] = 0;
        poke(c, at + 24, (case_random() & 0xffbf) | (one_in(6) ? 0x80000000u : 0));
        poke(c, at + 512, below(8));
        for (unsigned i = 520; i < 576; i += 8)
            poke(c, at + i, 0);
    } else if (row->lift == x86_lift_popa) { /* where it faults the processor has written some registers; we none */
        m->r[X86_RSP] = DATA_BASE + 0x400 + below(64) - case_base(m, c->mode64, X86_SS);
    } else if (row->lift == x86_lift_loop && one_in(2)) {
        m->r[X86_RCX] = below(3);
    }
}

/* Mostly what Linux has; in 32-bit mode now and then a base, and always where addresses have 16 bits, which reach no data else. */
static void set_segments(struct x86_case *c)
{
    struct machine *m = &c->m;
    bool reach = !c->mode64 && c->in.addrsize == 2;
    static const uint16_t usual64[6] = {0x2b, 0x33, 0x2b, 0x2b, 0, 0}, usual32[6] = {0x2b, 0x23, 0x2b, 0x2b, 7, 7};
    memcpy(m->selector, c->mode64 ? usual64 : usual32, sizeof m->selector);
    m->fs_base = m->gs_base = 0;
    if (c->mode64) {
        m->gs_base = one_in(2) ? 0x1000 : 0xffffffffffff0000ull;
        m->fs_base = one_in(2) ? 0x7fff00000000ull : 0x230;
        return;
    }
    bool some = one_in(8);
    for (unsigned i = 0; i < 6; i++) {
        if (i == X86_CS)
            continue;
        if (reach && !one_in(16))
            m->selector[i] = NATIVE_LDT_SELECTOR(1);
        else if (i >= X86_FS || (some && one_in(2)))
            m->selector[i] = (uint16_t)NATIVE_LDT_SELECTOR(below(NATIVE_LDT_COUNT));
    }
    if (c->row->lift == x86_lift_far) /* which may go to 64-bit mode, where the stack has no base */
        m->selector[X86_SS] = 0x2b;
    m->fs_base = case_base(m, false, X86_FS);
    m->gs_base = case_base(m, false, X86_GS);
}

void case_state(struct x86_case *c)
{
    const struct x86_insn *in = &c->in;
    struct machine *m = &c->m;
    bool fp = (c->row->attrs & X86_ATTR_fp) != 0;
    for (unsigned i = 0; i < DATA_SIZE; i += 32)
        fill_vector(c->data + i, 32, fp);
    for (unsigned i = 0; i < 16; i++) {
        m->r[i] = interesting();
        fill_vector(m->ymm[i], 32, fp);
    }
    for (unsigned i = 0; i < 8; i++)
        fill_st(m->st[i]);
    set_segments(c);
    m->eflags = (uint32_t)case_random() & 0x8d5;
    if (one_in(8) || (c->row->attrs & (X86_ATTR_rep | X86_ATTR_repe)))
        m->eflags |= (uint32_t)case_random() & 0x400;
    if (one_in(16)) /* single-stepping */
        m->eflags |= 0x100;
    m->mxcsr = 0x1f80;
    m->fcw = 0x37f;
    if (fp && one_in(4)) /* exceptions unmasked */
        m->mxcsr &= ~(one_in(2) ? 0x80u << below(6) : (uint32_t)case_random() & 0x1f80);
    m->fsw = m->fop = m->ftw = 0;
    if (fp && one_in(2))
        m->mxcsr |= (uint32_t)case_random() & 0xe07f;
    if (fp && (c->row->attrs & X86_ATTR_x87) && one_in(2))
        m->fcw = (uint16_t)(0x7f | (case_random() & 0xc00) | (below(4) == 1 ? 3u : below(4)) << 8);
    if (c->row->attrs & (X86_ATTR_mmx | X86_ATTR_x87)) {
        m->fsw = (uint16_t)(below(8) << 11);
        m->ftw = one_in(4) ? (uint8_t)case_random() : one_in(3) ? 0x0f : 0xff;
        if (one_in(3))
            m->fsw |= (uint16_t)case_random() & 0x4700;
        if (one_in(3)) /* exceptions unmasked */
            m->fcw &= (uint16_t)~(one_in(2) ? 1u << below(6) : (unsigned)case_random() & 0x3f);
        if (one_in(3)) /* some noted, masked, or pending where that is not all that is looked at */
            m->fsw |= (uint16_t)case_random() & (one_in(4) ? 0x7f : m->fcw & 0x3f);
        if (m->fsw & ~m->fcw & 0x3f)
            m->fsw |= 0x8080;
    }
    m->r[X86_RSP] = (data_address(16) & ~(one_in(4) ? 0ull : 7ull)) - case_base(m, c->mode64, X86_SS);
    uint64_t at = data_address(memory_size(in));
    if (c->row->lift == x86_lift_xsave || c->row->lift == x86_lift_fxsave)
        at = DATA_BASE + 0x400 + (one_in(8) ? below(64) : 64 * below(16));
    if (c->row->lift == x86_lift_mxcsr) /* its value is ours to choose: AMD's have a bit more */
        at = DATA_BASE + 0x400 + below(64);
    bool string = false, memory = false;
    for (unsigned i = 0; i < 4; i++) {
        string |= in->op[i].kind == X86_OPERAND_STRING;
        memory |= in->op[i].kind == X86_OPERAND_MEM;
    }
    if (string) {
        uint64_t from = data_address(256), to = one_in(3) ? from + below(48) - 24 : data_address(256);
        if (one_in(4)) /* over a page's end */
            to = DATA_BASE + 0x1000 - below(64);
        m->r[X86_RSI] = from - case_base(m, c->mode64, segment_of(in));
        m->r[X86_RDI] = to - case_base(m, c->mode64, X86_ES);
        m->r[X86_RCX] = below(one_in(3) ? 100 : 12);
    }
    if (c->row->lift == x86_lift_leave || c->row->lift == x86_lift_enter)
        m->r[X86_RBP] = data_address(256) - case_base(m, c->mode64, X86_SS);
    if (is(c->row, "MASKMOVDQU VMASKMOVDQU MASKMOVQ"))
        m->r[X86_RDI] = data_address(16) - case_base(m, c->mode64, segment_of(in));
    if (memory && !one_in(24))
        aim(c, at);
    mend_state(c, at);
    if (string && in->addrsize == 4 && c->mode64) { /* upper halves do not count */
        m->r[X86_RSI] |= case_random() << 32;
        m->r[X86_RDI] |= case_random() << 32;
        m->r[X86_RCX] |= case_random() << 32;
    }
    if (!c->mode64 && in->addrsize == 2 && (string || memory))
        for (unsigned i = 0; i < 8; i++)
            if (i != X86_RSP && i != X86_RAX && (string || i == in->base || i == in->index))
                m->r[i] = (m->r[i] & 0xffff) | case_random() << 16;
    if (!c->mode64)
        for (unsigned i = 0; i < 16; i++)
            m->r[i] = i < 8 ? (uint32_t)m->r[i] : 0;
}
