/* Random sequences: lazy flags, partial registers, the optimiser, x87 and MMX, faults in the middle, branches, loops, calls,
 * strings with REP, changes of MXCSR and the x87's control word, single-stepping, interruptions, code that changes itself.
 *
 * Instructions are the rows' own (cases.c) and some idioms.  Flags that an instruction leaves undefined are read by none before they
 * are defined again, and are not compared where it stops (`dirty`).  Registers mostly point to data; the segments are flat but for FS
 * and GS; counters of loops and control words lie where hardly anything else writes. */
#include "sequences.h"
#include "coverage.h"
#include "guest/x86/lift.h"
#include "guest/x86/text.h"
#include "memory/memory.h"
#include "subjects.h"
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define SEQUENCE_AT  (CODE_BASE + 0x800)
#define SEQUENCE_MAX 160
#define CODE_MAX     2000u

#define COUNTERS (DATA_BASE + 0x1c00)
#define MXCSRS   (DATA_BASE + 0x1c40)
#define FCWS     (DATA_BASE + 0x1c80)
#define SLOTS    8u /* of each */

enum sequence_kind { REGISTERS, MEMORY, ONLY_X87, CHANGING, SEQUENCE_KINDS };

struct sequence {
    enum sequence_kind kind;
    bool mode64, interrupts, stepped;
    uint64_t place;
    unsigned length, count;
    uint8_t code[CODE_MAX];
    struct x86_insn in[SEQUENCE_MAX];
    unsigned at[SEQUENCE_MAX];
    uint16_t dirty[SEQUENCE_MAX]; /* before it */
    uint16_t dirty_now;
    unsigned loop_at, loop_count, loop_left; /* loop_left: instructions until it closes; 0: none open */
    unsigned patch_at;                       /* an immediate that may be changed; 0: none */
    uint32_t attrs;
};

static unsigned below(unsigned n)
{
    return (unsigned)(case_random() >> 33) % n;
}

/* Registers that most addresses in the sequence are near to data with: anywhere, over the middle of it, where two pages meet, at its end. */
static uint64_t near_data(void)
{
    switch (below(16)) {
    case 0: return DATA_BASE + (below(4) ? 0x600 : DATA_SIZE - 8);
    case 1:
    case 2: return DATA_BASE + 0xf80 + below(256);
    case 3: return DATA_BASE + 0x400 + below(2048);
    default: return DATA_BASE + 0x400 + 16 * below(128);
    }
}

/* ---- making ---------------------------------------------------------------------------------------------------- */

static bool is_exact(const struct x86_row *row, bool x87)
{
    bool functions = row->lift == x86_lift_x87_other && !x87;
    return row->lift != x86_lift_festimate && !functions;
}

/* Where something else than the instruction decides, or a part of it is done when it faults. */
static bool fits(const struct sequence *s, const struct x86_case *c, bool x87)
{
    const struct x86_row *row = c->row;
    bool memory = (row->attrs & X86_ATTR_faults) && (!(row->attrs & X86_ATTR_modrm) || (row->attrs & X86_ATTR_mem));
    if (((row->attrs & X86_ATTR_end) && row->lift != x86_lift_div) || !is_exact(row, x87))
        return false;
    if ((row->attrs & X86_ATTR_rf) && s->dirty_now)
        return false;
    if (row->lift == x86_lift_x87_env)
        return s->kind == ONLY_X87 && (row->arg & 1) && c->in.segment == X86_NO_SEGMENT && c->in.index == X86_NO_REG && c->in.base < 8 &&
               c->in.disp < 256 && c->in.disp > -256;
    bool stores = s->kind == MEMORY || s->kind == CHANGING;
    if (memory && !(stores && (row->lift == x86_lift_push || row->lift == x86_lift_pop)))
        return false;
    for (unsigned i = 0; i < 4; i++)
        if (c->in.op[i].kind == X86_OPERAND_MEM) {
            bool near = c->in.base < 16 && c->in.index == X86_NO_REG && c->in.disp < 256 && c->in.disp > -256 && c->in.addrsize > 2;
            bool odd = row->lift == x86_lift_fxsave || row->lift == x86_lift_xsave || row->lift == x86_lift_maskmov ||
                       row->lift == x86_lift_vmaskmov || row->lift == x86_lift_cvtph || row->lift == x86_lift_gather ||
                       row->lift == x86_lift_mxcsr || row->lift == x86_lift_bt || row->lift == x86_lift_arpl;
            bool based = c->in.segment < X86_FS || (s->kind == ONLY_X87 && c->in.segment < X86_NO_SEGMENT); /* FDP is the linear address with us */
            if (s->kind == REGISTERS || !near || odd || based)
                return false;
        }
    return true;
}

/* Adds one instruction; false if there is no room. */
static bool add(struct sequence *s, const uint8_t *bytes)
{
    struct x86_insn *in = &s->in[s->count];
    if (s->count == SEQUENCE_MAX || s->length + 15 > CODE_MAX || x86_decode(bytes, 15, s->mode64, in) != X86_DECODE_OK)
        return false;
    const struct x86_row *row = in->row;
    uint16_t undefined = row->lift == x86_lift_alu ? 0 : row->undefined; /* of which all make the same */
    s->at[s->count] = s->length;
    s->dirty[s->count++] = s->dirty_now;
    memcpy(s->code + s->length, bytes, in->length);
    s->length += in->length;
    s->attrs |= row->attrs & (X86_ATTR_fp | X86_ATTR_mmx | X86_ATTR_x87);
    s->dirty_now = row->attrs & X86_ATTR_wf ? undefined : s->dirty_now | undefined;
    if (s->loop_left)
        s->loop_left--;
    return true;
}

/* opcode /reg [address], then up to four bytes of an immediate. */
static bool add_absolute(struct sequence *s, const char *opcode, unsigned bytes, unsigned reg, uint64_t address, uint32_t imm)
{
    uint8_t b[24] = {0}, *p = b;
    uint32_t a = (uint32_t)address;
    memcpy(p, opcode, bytes);
    p += bytes;
    *p++ = (uint8_t)(reg << 3 | (s->mode64 ? 4 : 5));
    if (s->mode64)
        *p++ = 0x25;
    memcpy(p, &a, 4);
    memcpy(p + 4, &imm, 4);
    return add(s, b);
}

static bool add_imm32(struct sequence *s, uint8_t opcode, uint32_t imm)
{
    uint8_t b[24] = {opcode};
    memcpy(b + 1, &imm, 4);
    return add(s, b);
}

static bool add_bytes(struct sequence *s, const char *bytes, unsigned n)
{
    uint8_t b[24] = {0};
    memcpy(b, bytes, n);
    return add(s, b);
}

#define ADD(s, text) add_bytes(s, text, sizeof(text) - 1)

static void add_rep(struct sequence *s)
{
    static const uint8_t ops[] = {0xa4, 0xa5, 0xa6, 0xa7, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf};
    uint8_t b[24] = {0}, *p = b;
    if (s->dirty_now) /* CMPS and SCAS may change nothing */
        return;
    add_imm32(s, 0xb9, below(below(4) ? 12 : 200)); /* mov ecx */
    if (below(4))
        *p++ = below(2) ? 0xf3 : 0xf2;
    if (below(3) == 0)
        *p++ = 0x66;
    else if (s->mode64 && below(3) == 0)
        *p++ = 0x48;
    *p = ops[below(ARRAY_LEN(ops))];
    add(s, b);
}

static void add_flags(struct sequence *s)
{
    uint32_t flags = (uint32_t)case_random() & 0xcd5;
    add_imm32(s, 0x68, flags | (below(12) == 0 ? 0x100 : 0)); /* push */
    if (ADD(s, "\x9d"))
        s->dirty_now = 0;
}

static void add_call(struct sequence *s)
{
    if (s->count + 4 > SEQUENCE_MAX || s->length + 40 > CODE_MAX)
        return;
    add_imm32(s, 0xe8, 2); /* over the jump */
    ADD(s, "\xeb\x06");
    add_imm32(s, (uint8_t)(0xb8 + below(4)), (uint32_t)case_random());
    ADD(s, "\xc3");
}

static void add_indirect(struct sequence *s)
{
    unsigned skipped = below(4);
    if (s->count + 3 + skipped > SEQUENCE_MAX || s->length + 40 > CODE_MAX)
        return;
    if (s->mode64) {
        uint8_t b[24] = {0x48, 0x8d, 0x05, (uint8_t)(2 + skipped)}; /* lea rax, [rip + ...] */
        add(s, b);
    } else {
        add_imm32(s, 0xb8, (uint32_t)s->place + s->length + 7 + skipped);
    }
    ADD(s, "\xff\xe0");
    while (skipped--)
        ADD(s, "\x90");
    add_imm32(s, 0xb8, (uint32_t)near_data()); /* points to code no longer */
}

/* A store into an immediate (or the register) of a MOV that follows, or came before. */
static void add_patch(struct sequence *s)
{
    unsigned gap = below(3), length = s->mode64 ? 8 : 7;
    if (s->count + 2 + gap > SEQUENCE_MAX || s->length + 60 > CODE_MAX)
        return;
    bool old = s->patch_at && below(3) == 0;
    unsigned mov = old ? s->patch_at : s->length + length + gap;
    if (below(3) == 0)
        add_absolute(s, "\xc6", 1, 0, s->place + mov, 0xb8 + below(4)); /* mov byte: another register */
    else if (below(2))
        add_absolute(s, "\xc6", 1, 0, s->place + mov + 1 + below(4), below(256));
    else
        add_absolute(s, "\x80", 1, 0, s->place + mov + 1 + below(4), 1 + below(255)); /* add byte */
    if (old)
        return;
    while (gap--)
        ADD(s, "\x90");
    s->patch_at = s->length;
    add_imm32(s, (uint8_t)(0xb8 + below(4)), (uint32_t)case_random());
}

static void close_loop(struct sequence *s)
{
    uint8_t b[24] = {0x0f, 0x85};
    if (s->loop_count >= SLOTS || s->count + 2 > SEQUENCE_MAX || s->length + 30 > CODE_MAX)
        return;
    add_absolute(s, "\x83", 1, 5, COUNTERS + 4ull * s->loop_count++, 1); /* sub dword, 1 */
    int32_t back = (int32_t)s->loop_at - (int32_t)s->length - 6;
    memcpy(b + 2, &back, 4);
    add(s, b);
    s->loop_left = 0;
}

static void add_idiom(struct sequence *s)
{
    switch (below(9)) {
    case 0:
    case 1:
        if (!s->loop_left) {
            s->loop_at = s->length;
            s->loop_left = 2 + below(8);
        }
        break;
    case 2: add_rep(s); break;
    case 3: add_flags(s); break;
    case 4: add_call(s); break;
    case 5: add_indirect(s); break;
    case 6: add_absolute(s, "\x0f\xae", 2, 2, MXCSRS + 4ull * below(SLOTS), 0); break; /* ldmxcsr */
    case 7: add_absolute(s, "\xd9", 1, 5, FCWS + 2ull * below(SLOTS), 0); break;       /* fldcw */
    default: add_absolute(s, "\x0f\xae", 2, 3, DATA_BASE + 0x1d00 + below(64), 0);      /* stmxcsr */
    }
    if (s->kind == CHANGING && below(2))
        add_patch(s);
}

/* A conditional jump over the instruction, one time in eight. */
static void add_over(struct sequence *s, const struct x86_case *one)
{
    bool jumps = !s->dirty_now && below(8) == 0;
    uint8_t b[24] = {(uint8_t)(0x70 | below(16)), one->in.length};
    if (jumps && !add(s, b))
        return;
    uint16_t before = s->dirty_now;
    add(s, one->bytes);
    if (jumps)
        s->dirty_now |= before;
}

static void make(struct sequence *s, enum sequence_kind kind, unsigned wanted, bool mode64)
{
    static struct x86_case one;
    bool x87 = true;
    for (unsigned i = 0; i < subject_count; i++)
        x87 = x87 && engine_host(subjects[i].engine)->x87;
    *s = (struct sequence){.kind = kind, .mode64 = mode64, .place = kind == CHANGING ? CHANGING_BASE + 0x880 + below(0x700) : SEQUENCE_AT};
    for (unsigned n = 0; n < wanted && s->count < SEQUENCE_MAX;) {
        const struct x86_row *row = &x86_rows[(case_random() >> 32) % x86_row_count];
        bool is_x87 = row->feature == X86_FEATURE_X87;
        if (kind == ONLY_X87 ? !is_x87 && (row->feature != X86_FEATURE_MMX || (case_random() >> 32 & 15)) : false)
            continue;
        if (kind != REGISTERS && below(6) == 0)
            add_idiom(s);
        if (!case_possible(row) || !case_encode(&one, row, mode64) || !fits(s, &one, x87))
            continue;
        if (s->loop_left == 1)
            close_loop(s);
        if (kind == REGISTERS)
            add(s, one.bytes);
        else
            add_over(s, &one);
        n++;
    }
    if (s->loop_left)
        close_loop(s);
    s->interrupts = kind != REGISTERS && below(16) == 0;
    s->stepped = below(10) == 0;
}

/* ---- states ---------------------------------------------------------------------------------------------------- */

static void put16(struct x86_case *c, uint64_t at, unsigned v)
{
    c->data[at - DATA_BASE] = (uint8_t)v;
    c->data[at - DATA_BASE + 1] = (uint8_t)(v >> 8);
}

static void make_state(struct x86_case *c, const struct sequence *s)
{
    static const uint16_t flat64[6] = {0x2b, 0x33, 0x2b, 0x2b, 0, 0}, flat32[6] = {0x2b, 0x23, 0x2b, 0x2b, 7, 7};
    case_state(c);
    memcpy(c->m.selector, s->mode64 ? flat64 : flat32, sizeof c->m.selector);
    c->m.fs_base = s->mode64 ? 0x40 : case_base(&c->m, false, X86_FS);
    c->m.gs_base = s->mode64 ? 0xffffffffffffffe8 : case_base(&c->m, false, X86_GS);
    c->m.rip = s->place;
    for (unsigned i = 0; i < SLOTS; i++) {
        put16(c, COUNTERS + 4 * i, 1 + below(below(4) ? 5 : 40));
        put16(c, COUNTERS + 4 * i + 2, 0);
        put16(c, MXCSRS + 4 * i, (unsigned)case_random() & (below(3) ? 0xe07f : 0xffff));
        if (below(3))
            put16(c, MXCSRS + 4 * i, c->data[MXCSRS + 4 * i - DATA_BASE] | c->data[MXCSRS + 4 * i + 1 - DATA_BASE] << 8 | 0x1f80);
        put16(c, MXCSRS + 4 * i + 2, 0);
        put16(c, FCWS + 2 * i, (unsigned)(0x40 | (case_random() & 0xc00) | (below(4) == 1 ? 3u : below(4)) << 8 | (below(3) ? 0x3f : below(64))));
    }
    for (unsigned i = 0; i < 16 && s->kind != REGISTERS; i++)
        if (below(4) || i == X86_RSP)
            c->m.r[i] = near_data();
    for (unsigned i = 0; i < 16 && !s->mode64; i++)
        c->m.r[i] = i < 8 ? (uint32_t)c->m.r[i] : 0;
    if (s->stepped)
        c->m.eflags |= 0x100;
}

static void restore_code(const struct sequence *s)
{
    if (s->kind != CHANGING)
        return;
    for (unsigned i = 0; i < subject_count; i++)
        engine_about_to_write(subjects[i].engine, CHANGING_BASE, CHANGING_SIZE);
    memcpy((void *)s->place, s->code, s->length);
    subjects_invalidate(CHANGING_BASE, CHANGING_SIZE);
}

/* Code that was changed by accident, where engines do not watch: puts it back. */
static bool code_spoilt(const struct sequence *s)
{
    static uint8_t image[CODE_SIZE];
    const unsigned at = (unsigned)(SEQUENCE_AT - CODE_BASE);
    if (s->kind == CHANGING)
        return false;
    memset(image, 0xcc, sizeof image);
    memcpy(image + at, s->code, s->length);
    if (!memcmp((const void *)CODE_BASE, image, sizeof image))
        return false;
    memcpy((void *)CODE_BASE, image, sizeof image);
    subjects_invalidate(CODE_BASE, CODE_SIZE);
    return true;
}

static void run_native(const struct sequence *s, const struct x86_case *c, struct outcome *native, uint8_t *native_data)
{
    native->vector = NATIVE_ENDLESS;
    for (unsigned tries = 0; tries < NATIVE_TRIES && native->vector == NATIVE_ENDLESS; tries++) {
        restore_code(s);
        if (s->kind == CHANGING) /* the engines take the right to execute away */
            mprotect((void *)CHANGING_BASE, CHANGING_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC);
        memcpy(subject_data, c->data, DATA_SIZE);
        native_run(&c->m, s->mode64, native);
    }
    memcpy(native_data, subject_data, DATA_SIZE);
}

static void run_guest(struct subject *subject, const struct sequence *s, const struct x86_case *c, struct outcome *guest)
{
    restore_code(s);
    memcpy(subject_data, c->data, DATA_SIZE);
    subject_run(subject, &c->m, s->mode64, s->interrupts, guest);
}

static void show(const struct sequence *s, const struct subject *subject, const char *what, const struct outcome *g, const struct outcome *n)
{
    printf("sequence (%d%s%s%s) %s: %s\n", s->mode64 ? 64 : 32, s->stepped ? ", stepped" : "", s->interrupts ? ", interrupted" : "",
           s->kind == CHANGING ? ", changing" : "", subject->name, what);
    printf("   stopped at %llx by %u, native %llx by %u\n", (unsigned long long)g->m.rip, g->vector, (unsigned long long)n->m.rip, n->vector);
    for (unsigned i = 0; i < s->count; i++) {
        char text[128];
        x86_disassemble(s->place + s->at[i], s->code + s->at[i], 15, text, sizeof text);
        printf("   %llx: %s\n", (unsigned long long)(s->place + s->at[i]), text);
    }
}

/* Where it stopped, or is, says what is forgiven. */
static void say_where(const struct sequence *s, struct x86_case *c, struct x86_row *all, uint64_t rip, bool of_one)
{
    all->lift = NULL;
    all->undefined = of_one ? 0 : s->dirty_now;
    for (unsigned i = 0; i < s->count; i++)
        if (s->place + s->at[i] == rip) {
            memcpy(c->in.op, s->in[i].op, sizeof c->in.op);
            c->in.addrsize = s->in[i].addrsize;
            all->lift = s->in[i].row->lift;
            all->undefined = of_one ? s->in[i].row->undefined : s->dirty[i];
        }
}

static bool same_twice(const struct outcome *a, const struct outcome *b)
{
    return !memcmp(a->m.r, b->m.r, sizeof a->m.r) && !((a->m.eflags ^ b->m.eflags) & 0xcd5) && a->vector == b->vector;
}

/* All engines from one state; false if one differs. */
static bool run_state(const struct sequence *s, struct x86_case *c, struct x86_row *all, struct outcome *native, uint8_t *native_data)
{
    bool good = true;
    run_native(s, c, native, native_data);
    if (code_spoilt(s) || native->vector == NATIVE_ENDLESS)
        return true;
    uint64_t from = c->m.rip;
    say_where(s, c, all, s->stepped ? from : native->vector == 3 ? 0 : native->m.rip, s->stepped);
    for (unsigned i = 0; i < subject_count; i++) {
        struct outcome guest, wanted = *native;
        run_guest(&subjects[i], s, c, &guest);
        const char *what = compare(&subjects[i], c, &wanted, native_data, &guest);
        if (what) { /* a thread switch forgets the x87's last instruction: once more */
            struct outcome before = *native;
            run_native(s, c, native, native_data);
            if (!same_twice(&before, native))
                continue; /* it has changed memory that is none of the test's */
            wanted = *native;
            run_guest(&subjects[i], s, c, &guest);
            what = compare(&subjects[i], c, &wanted, native_data, &guest);
        }
        subject_count_one(&subjects[i], s->mode64, !what);
        if (what && good)
            show(s, &subjects[i], what, &guest, native);
        good &= !what;
    }
    return good;
}

/* One instruction after the other, each from the processor's state. */
static bool run_stepped(const struct sequence *s, struct x86_case *c, struct x86_row *all)
{
    static uint8_t native_data[DATA_SIZE];
    for (unsigned n = 0; n < 4 * SEQUENCE_MAX; n++) {
        struct outcome native;
        if (!run_state(s, c, all, &native, native_data))
            return false;
        if (native.vector != 1)
            break;
        c->m = native.m;
        c->m.eflags |= 0x100;
        memcpy(c->data, native_data, DATA_SIZE);
    }
    return true;
}

void sequence_run(const struct sequence_options *o)
{
    static struct x86_case c;
    static struct sequence s;
    static uint8_t native_data[DATA_SIZE];
    static bool noted;
    if (!noted)
        memory_note_map(&(struct memory_area){.start = CHANGING_BASE,
                                              .end = CHANGING_BASE + CHANGING_SIZE,
                                              .prot = PROT_READ | PROT_WRITE | PROT_EXEC,
                                              .flags = MAP_PRIVATE | MAP_ANONYMOUS});
    noted = true;
    bool mode64 = !native_has_32() || (o->mode ? o->mode == 64 : case_random() >> 40 & 1);
    make(&s, (enum sequence_kind)below(SEQUENCE_KINDS), o->length, mode64);
    if (s.kind == CHANGING)
        s.stepped = false; /* what it was before the step is not kept */
    else
        memcpy((void *)s.place, s.code, s.length);
    subjects_invalidate(CODE_BASE, CODE_SIZE);
    for (unsigned n = 0; n < o->states; n++) {
        struct x86_row all = {.name = "sequence", .attrs = s.attrs};
        struct outcome native;
        c = (struct x86_case){.row = &all, .mode64 = mode64, .in = {.row = &all, .base = X86_NO_REG, .index = X86_NO_REG, .segment = X86_NO_SEGMENT}};
        make_state(&c, &s);
        if (!(s.stepped ? run_stepped(&s, &c, &all) : run_state(&s, &c, &all, &native, native_data)))
            break;
    }
    if (s.kind == CHANGING)
        subjects_invalidate(CHANGING_BASE, CHANGING_SIZE);
    memset((void *)s.place, 0xcc, s.length);
}
