/* The x86 guests against this processor: each row of the tables, in both modes, with random operands and states, on
 * the interpreter and the jit.
 *
 *     x86diff [--cases N] [--states N] [--sequences N] [--length N] [--only NAME] [--mode 32|64] [--engine NAME] [--seed N] [--rows]
 *
 * Registers, flags (but those that the row leaves undefined), vectors, MXCSR, memory and exceptions are compared.  Prints
 * "N passed, N failed" (0 and 0 with the reason where this machine cannot). */
#include "cases.h"
#include "engine/engine.h"
#include "guest/x86/lift.h"
#include "guest/x86/text.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct subject {
    const char *name;
    struct engine *engine;
    struct cpu *cpu;
};

static struct subject subjects[4];
static unsigned subject_count;
static struct cpu *running;
static uint8_t *const data = (uint8_t *)DATA_BASE;

static bool on_fault(int sig, void *info, void *context)
{
    return running && engine_fault(running, sig, info, context);
}

static bool fetch(void *ctx, uint64_t addr, void *buf, size_t n)
{
    if (addr < CODE_BASE || addr + n > CODE_BASE + CODE_SIZE)
        return false;
    memcpy(buf, (const void *)addr, n);
    return true;
}

static void add_subject(const char *name, const char *host, bool no_opt)
{
    struct engine_config config = {.guest = &guest_x86_64, .host = host_by_name(host), .cache_bytes = 8 << 20, .fetch = fetch, .no_opt = no_opt};
    struct subject *s = &subjects[subject_count];
    s->name = name;
    s->engine = config.host ? engine_create(&config) : NULL;
    s->cpu = s->engine ? engine_cpu_create(s->engine, NULL) : NULL;
    if (!s->cpu) {
        fprintf(stderr, "x86diff: no engine %s\n", name);
        exit(2);
    }
    subject_count++;
}

static void state_in(struct cpu *cpu, const struct machine *m, bool mode64)
{
    struct x86_state *s = x86_state(cpu);
    memcpy(s->r, m->r, sizeof s->r);
    s->rip = m->rip;
    s->mode64 = mode64;
    x86_eflags_set(s, m->eflags);
    s->base[X86_GS] = m->gs_base;
    s->selector[X86_CS] = mode64 ? 0x33 : 0x23;
    s->selector[X86_SS] = 0x2b;
    s->selector[X86_DS] = s->selector[X86_ES] = 0x2b;
    s->selector[X86_FS] = 0;
    s->selector[X86_GS] = mode64 ? 0 : 7;
    s->top = m->fsw >> 11 & 7;
    s->fsw = m->fsw & ~0x3800u;
    s->fcw = m->fcw;
    s->tags = m->ftw;
    s->fop = m->fop;
    s->fip = s->fdp = s->fcs = s->fds = 0;
    for (unsigned i = 0; i < 16; i++) {
        memcpy(s->xmm[i], m->ymm[i], 16);
        memcpy(s->ymmh[i], m->ymm[i] + 16, 16);
    }
    for (unsigned i = 0; i < 8; i++)
        memcpy(s->st[(s->top + i) & 7], m->st[i], 16);
    x86_mxcsr_set(cpu, m->mxcsr);
    engine_state_changed(cpu);
}

static void state_out(struct cpu *cpu, struct machine *m)
{
    const struct x86_state *s = x86_state(cpu);
    memcpy(m->r, s->r, sizeof s->r);
    m->rip = s->rip;
    m->eflags = x86_eflags_get(s);
    m->gs_base = s->base[X86_GS];
    m->fsw = (uint16_t)(s->fsw | s->top << 11);
    m->fcw = (uint16_t)s->fcw;
    m->ftw = (uint8_t)s->tags;
    for (unsigned i = 0; i < 16; i++) {
        memcpy(m->ymm[i], s->xmm[i], 16);
        memcpy(m->ymm[i] + 16, s->ymmh[i], 16);
    }
    for (unsigned i = 0; i < 8; i++)
        memcpy(m->st[i], s->st[(s->top + i) & 7], 16);
    m->mxcsr = x86_mxcsr_get(cpu);
}

static void guest_run(struct subject *s, const struct machine *m, bool mode64, struct outcome *out)
{
    memset(out, 0, sizeof *out);
    state_in(s->cpu, m, mode64);
    enum cpu_event event;
    running = s->cpu;
    do
        event = engine_run(s->cpu, 0);
    while (event == CPU_EVENT_YIELD || event == CPU_EVENT_INTERRUPT);
    running = NULL;
    state_out(s->cpu, &out->m);
    switch (event) {
    case CPU_EVENT_TRAP: out->vector = (unsigned)s->cpu->exit_detail; break;
    case CPU_EVENT_UNDEFINED: out->vector = 6; break;
    case CPU_EVENT_ALIGN: out->vector = 13; break;
    case CPU_EVENT_FETCH:
        out->vector = 14;
        out->address = s->cpu->fault.address;
        break;
    case CPU_EVENT_FAULT:
        out->vector = 14;
        out->address = s->cpu->fault.address;
        out->write = s->cpu->fault.write;
        if ((uint64_t)((int64_t)(out->address << 16) >> 16) != out->address || out->address >> 47)
            out->vector = 13; /* not canonical, or the kernel's half, which natively is a page fault all the same */
        break;
    default: out->vector = 1000 + event;
    }
}

/* ---- comparison --------------------------------------------------------------------------------------------- */

static uint32_t eflags_mask(const struct x86_row *row)
{
    uint32_t undefined = row->undefined;
    return 0xcd5 & ~((undefined >> 8 & 0xd5) | (undefined & IR_FLAG_O ? 0x800 : 0));
}

static bool is_image(const struct x86_row *row)
{
    return row->lift == x86_lift_fxsave || row->lift == x86_lift_xsave || row->lift == x86_lift_x87_env;
}

/* FXSAVE's MXCSR_MASK: AMD's processors have a bit 17 more. */
static void forgive_mask(const struct x86_case *c, uint8_t *native_data)
{
    static const uint8_t amd[4] = {0xff, 0xff, 2, 0}, ours[4] = {0xff, 0xff, 0, 0};
    for (unsigned i = 0; is_image(c->row) && i + 4 <= DATA_SIZE; i++)
        if (!memcmp(native_data + i, amd, 4) && !memcmp(data + i, ours, 4))
            memcpy(native_data + i, ours, 4);
}

/* What the two differ in; NULL if in nothing. */
static const char *difference(const struct x86_case *c, const struct outcome *n, const uint8_t *native_data, const struct outcome *g)
{
    static char text[160];
    unsigned nv = n->vector == 12 ? 13 : n->vector;
    bool high = nv == 14 && n->address >> 47; /* a kernel address: which of them is not told */
    if (nv == 13 && n->vector != g->vector && g->vector == 14 && !g->address)
        return NULL;
    if (!c->mode64 && nv == 13 && g->vector == 14 && (g->address + 64 >= 1ull << 32 || c->in.segment == X86_GS))
        return NULL; /* beyond the segment's limit, which we do not check */
    if (nv == 13 && g->vector == 1 && g->m.rip + (1ull << 47) >= 1ull << 48)
        return NULL;
    if (nv == 1 && c->row->lift == x86_lift_gather)
        return NULL; /* steps from element to element */
    if (nv == 13 && g->vector == 14 && g->address + (1ull << 47) >= 1ull << 48)
        return NULL; /* a branch to where there can be no code: the processor raises it before, we after */
    if (nv == 14 && (g->vector == 3 || g->vector == 1) && c->row->lift == x86_lift_maskmov)
        return NULL; /* bytes that are not stored may fault, or not */
    if (nv == 14 && is_image(c->row) && (g->vector == 13 || g->vector == 14))
        return NULL; /* what is checked first, and where it begins, differs */
    if (high && g->vector == 14)
        return NULL; /* its upper half wrapped */
    if (g->vector != (high ? 13 : nv)) {
        snprintf(text, sizeof text, "exception %u, native %u", g->vector, n->vector);
        return text;
    }
    bool parts = is_image(c->row) || c->row->lift == x86_lift_maskmov || c->row->lift == x86_lift_vmaskmov || c->row->lift == x86_lift_cvtph;
    bool wide = g->write == n->write && (c->in.op[0].size >= 10 || parts);
    if (nv == 14 && wide && g->address - n->address + 1024 <= 2048)
        return NULL; /* done in parts, the upper first */
    if (nv == 14 && n->write && g->write && !(g->address & 4095) && g->address - n->address < 16)
        return NULL; /* read and written over a page's end, where neither is allowed: which of the two comes first */
    if (nv == 14 && !high && (n->address != g->address || n->write != g->write)) {
        snprintf(text, sizeof text, "fault at %#llx%s, native %#llx%s", (unsigned long long)g->address, g->write ? " w" : "",
                 (unsigned long long)n->address, n->write ? " w" : "");
        return text;
    }
    for (unsigned i = 0; i < (c->mode64 ? 16 : 8); i++)
        if (n->m.r[i] != g->m.r[i]) {
            snprintf(text, sizeof text, "r%u %#llx, native %#llx", i, (unsigned long long)g->m.r[i], (unsigned long long)n->m.r[i]);
            return text;
        }
    if (n->m.rip != g->m.rip) {
        snprintf(text, sizeof text, "rip %#llx, native %#llx", (unsigned long long)g->m.rip, (unsigned long long)n->m.rip);
        return text;
    }
    uint32_t mask = eflags_mask(c->row);
    if ((n->m.eflags ^ g->m.eflags) & mask) {
        snprintf(text, sizeof text, "eflags %#x, native %#x, before %#x", g->m.eflags & mask, n->m.eflags & mask, c->m.eflags & mask);
        return text;
    }
    for (unsigned i = 0; i < (c->mode64 ? 16 : 8); i++)
        if (memcmp(n->m.ymm[i], g->m.ymm[i], 32)) {
            const uint64_t *a = (const uint64_t *)(const void *)g->m.ymm[i], *b = (const uint64_t *)(const void *)n->m.ymm[i];
            snprintf(text, sizeof text, "ymm%u %016llx %016llx %016llx %016llx, native %016llx %016llx %016llx %016llx", i,
                     (unsigned long long)a[3], (unsigned long long)a[2], (unsigned long long)a[1], (unsigned long long)a[0],
                     (unsigned long long)b[3], (unsigned long long)b[2], (unsigned long long)b[1], (unsigned long long)b[0]);
            return text;
        }
    bool in_steps = c->row->lift == x86_lift_dp && (~c->m.mxcsr & 0x1f80); /* unmasked exceptions end it in the middle */
    if (n->m.mxcsr != g->m.mxcsr && !in_steps) {
        snprintf(text, sizeof text, "mxcsr %#x, native %#x", g->m.mxcsr, n->m.mxcsr);
        return text;
    }
    if (c->row->attrs & (X86_ATTR_mmx | X86_ATTR_x87)) {
        for (unsigned i = 0; i < 8; i++)
            if (memcmp(n->m.st[i], g->m.st[i], 10)) {
                const uint64_t *a = (const uint64_t *)(const void *)g->m.st[i], *b = (const uint64_t *)(const void *)n->m.st[i];
                snprintf(text, sizeof text, "st%u %04llx %016llx, native %04llx %016llx", i, (unsigned long long)a[1] & 0xffff,
                         (unsigned long long)a[0], (unsigned long long)b[1] & 0xffff, (unsigned long long)b[0]);
                return text;
            }
        if (n->m.fcw != g->m.fcw || n->m.fsw != g->m.fsw || n->m.ftw != g->m.ftw) {
            snprintf(text, sizeof text, "fcw %#x fsw %#x ftw %#x, native %#x %#x %#x, before %#x %#x %#x", g->m.fcw, g->m.fsw, g->m.ftw, n->m.fcw, n->m.fsw,
                     n->m.ftw, c->m.fcw, c->m.fsw, c->m.ftw);
            return text;
        }
    }
    if (memcmp(native_data, data, DATA_SIZE)) {
        unsigned i = 0;
        while (native_data[i] == data[i])
            i++;
        snprintf(text, sizeof text, "memory at %#llx: %02x, native %02x, before %02x", (unsigned long long)(DATA_BASE + i), data[i],
                 native_data[i], c->data[i]);
        return text;
    }
    return NULL;
}

/* RCPPS and the like are right to 11 bits on every processor. */
static void forgive_estimates(const struct x86_case *c, struct outcome *n, const struct outcome *g)
{
    if (c->row->lift != x86_lift_festimate)
        return;
    for (unsigned i = 0; i < 16; i++)
        for (unsigned k = 0; k < 32; k += 4) {
            int32_t a, b;
            memcpy(&a, n->m.ymm[i] + k, 4);
            memcpy(&b, g->m.ymm[i] + k, 4);
            bool finite = (a & 0x7f800000) != 0x7f800000 && (b & 0x7f800000) != 0x7f800000;
            bool tiny = (a & 0x7fffffff) < 0x00900000 && (b & 0x7fffffff) < 0x00900000; /* flushed or not */
            if (finite && (a ^ b) >= 0 && (tiny || abs(a - b) <= 0x1800))
                memcpy(n->m.ymm[i] + k, &b, 4);
        }
}

/* The transcendental functions in software differ in the last bits, and outside their domain. */
static void forgive_functions(const struct subject *s, const struct x86_case *c, struct outcome *n, const struct outcome *g)
{
    static const unsigned exact = 1 << 4 | 1 << 5 | 1 << 6 | 1 << 9;
    if (engine_host(s->engine)->x87 || c->row->lift != x86_lift_x87_other || (exact >> c->row->arg & 1))
        return;
    memcpy(n->m.st, g->m.st, sizeof n->m.st);
    if (~c->m.fcw & 0x3f) { /* and so in what they raise */
        n->m.fsw = g->m.fsw;
        n->m.ftw = g->m.ftw;
    }
    n->m.fsw = (uint16_t)((n->m.fsw & ~0x23fu) | (g->m.fsw & 0x23f));
}

static void report(const struct x86_case *c, const char *subject, const char *what)
{
    char text[128];
    x86_disassemble(c->m.rip, c->bytes, 15, text, sizeof text);
    printf("%s (%d) %s:", c->row->name, c->mode64 ? 64 : 32, subject);
    for (unsigned i = 0; i < c->in.length; i++)
        printf(" %02x", c->bytes[i]);
    printf("  %s\n   %s\n", text, what);
    if (getenv("X86DIFF_STATE"))
        for (unsigned i = 0; i < 16; i++)
            printf("   r%u %#llx\n", i, (unsigned long long)c->m.r[i]);
}

struct options {
    unsigned cases, states, shown, sequences, length;
    const char *only, *engine;
    unsigned mode;
    bool rows;
};

static unsigned long passed, failed;

/* One encoding in some states; false if something differed. */
static bool run_case(struct x86_case *c, const struct options *o)
{
    static uint8_t native_data[DATA_SIZE];
    bool good = true;
    uint8_t *code = (uint8_t *)c->m.rip;
    for (unsigned n = 0; n < o->states; n++) {
        uint64_t rip = c->m.rip;
        case_state(c);
        c->m.rip = rip;
        if (n == 0 || memcmp(code, c->bytes, c->in.length)) {
            memcpy(code, c->bytes, c->in.length);
            for (unsigned i = 0; i < subject_count; i++)
                engine_invalidate(subjects[i].engine, CODE_BASE, CODE_SIZE);
        }
        struct outcome native, guest;
        memcpy(data, c->data, DATA_SIZE);
        native_run(&c->m, c->mode64, &native);
        memcpy(native_data, data, DATA_SIZE);
        for (unsigned i = 0; i < subject_count; i++) {
            memcpy(data, c->data, DATA_SIZE);
            guest_run(&subjects[i], &c->m, c->mode64, &guest);
            struct outcome wanted = native;
            forgive_estimates(c, &wanted, &guest);
            forgive_mask(c, native_data);
            forgive_functions(&subjects[i], c, &wanted, &guest);
            const char *what = difference(c, &wanted, native_data, &guest);
            if (!what) {
                passed++;
                continue;
            }
            failed++;
            if (good)
                report(c, subjects[i].name, what);
            good = false;
        }
        if (!good)
            break;
    }
    memset((void *)CODE_BASE, 0xcc, CODE_SIZE); /* the instruction may have written there too */
    return good;
}

static bool run_row(const struct x86_row *row, const struct options *o)
{
    static struct x86_case c;
    unsigned bad = 0, done = 0;
    for (unsigned mode64 = 0; mode64 < 2; mode64++) {
        if ((o->mode && o->mode != (mode64 ? 64 : 32)) || (!mode64 && !native_has_32()))
            continue;
        for (unsigned n = 0; n < o->cases && bad < o->shown; n++)
            if (case_encode(&c, row, mode64)) {
                done++;
                bad += !run_case(&c, o);
            }
    }
    fflush(stdout);
    if (o->rows)
        printf("%s: %u instructions%s\n", row->name, done, bad ? ", wrong" : "");
    return done != 0;
}

/* ---- sequences: what is between instructions: lazy flags, partial registers, the optimiser, x87 and MMX, faults ---- */

#define SEQUENCE_AT (CODE_BASE + 0x800)
#define SEQUENCE_MAX 64

enum sequence_kind { REGISTERS, MEMORY, ONLY_X87, SEQUENCE_KINDS };

struct sequence {
    struct x86_insn in[SEQUENCE_MAX];
    unsigned at[SEQUENCE_MAX], count, length; /* offsets */
    uint32_t attrs;
};

/* Undefined flags would be read, estimates differ. */
static bool is_exact(const struct x86_row *row, bool x87)
{
    bool functions = row->lift == x86_lift_x87_other && !x87;
    return (!row->undefined || row->lift == x86_lift_alu) && row->lift != x86_lift_festimate && !functions;
}

/* Where something else than the instruction decides, or a part of it is done when it faults. */
static bool fits(const struct x86_case *c, enum sequence_kind kind, bool x87)
{
    const struct x86_row *row = c->row;
    bool memory = (row->attrs & X86_ATTR_faults) && (!(row->attrs & X86_ATTR_modrm) || (row->attrs & X86_ATTR_mem));
    if ((row->attrs & X86_ATTR_end) || !is_exact(row, x87))
        return false;
    if (row->lift == x86_lift_x87_env)
        return kind == ONLY_X87 && (row->arg & 1) && c->in.segment == X86_NO_SEGMENT && c->in.index == X86_NO_REG && c->in.base < 8 && c->in.disp < 256 && c->in.disp > -256;
    if (memory && !(kind == MEMORY && (row->lift == x86_lift_push || row->lift == x86_lift_pop)))
        return false;
    for (unsigned i = 0; i < 4; i++)
        if (c->in.op[i].kind == X86_OPERAND_MEM) {
            bool near = c->in.base < 16 && c->in.index == X86_NO_REG && c->in.disp < 256 && c->in.disp > -256;
            bool odd = is_image(row) || row->lift == x86_lift_maskmov || row->lift == x86_lift_vmaskmov || row->lift == x86_lift_cvtph ||
                       row->lift == x86_lift_gather || row->lift == x86_lift_mxcsr || row->lift == x86_lift_bt || row->lift == x86_lift_arpl;
            if (kind == REGISTERS || !near || odd || c->in.segment < X86_NO_SEGMENT || c->in.op[i].size > 16)
                return false;
        }
    return true;
}

static void sequence_add(struct sequence *s, uint8_t *code, const struct x86_case *one)
{
    s->in[s->count] = one->in;
    s->at[s->count++] = s->length;
    memcpy(code + s->length, one->bytes, one->in.length);
    s->length += one->in.length;
    s->attrs |= one->row->attrs & (X86_ATTR_fp | X86_ATTR_mmx | X86_ATTR_x87);
}

/* A conditional jump over the next instruction, one time in six. */
static void maybe_branch(struct sequence *s, uint8_t *code, const struct x86_case *over, bool mode64)
{
    if (case_random() >> 32 & 7)
        return;
    code[s->length] = (uint8_t)(0x70 | (case_random() >> 40 & 15));
    code[s->length + 1] = over->in.length;
    if (s->count == SEQUENCE_MAX || x86_decode(code + s->length, 15, mode64, &s->in[s->count]) != X86_DECODE_OK)
        return;
    s->at[s->count++] = s->length;
    s->length += 2;
}

static void make_sequence(struct sequence *s, uint8_t *code, enum sequence_kind kind, unsigned wanted, bool mode64)
{
    static struct x86_case one;
    bool x87 = true;
    for (unsigned i = 0; i < subject_count; i++)
        x87 = x87 && engine_host(subjects[i].engine)->x87;
    *s = (struct sequence){0};
    for (unsigned n = 0; n < wanted && s->count < SEQUENCE_MAX;) {
        const struct x86_row *row = &x86_rows[(case_random() >> 32) % x86_row_count];
        bool is_x87 = row->feature == X86_FEATURE_X87;
        if (kind == ONLY_X87 ? !is_x87 && (row->feature != X86_FEATURE_MMX || (case_random() >> 32 & 15)) : false)
            continue;
        if (!case_possible(row) || !case_encode(&one, row, mode64) || !fits(&one, kind, x87))
            continue;
        if (kind != REGISTERS)
            maybe_branch(s, code, &one, mode64);
        if (s->count < SEQUENCE_MAX)
            sequence_add(s, code, &one);
        n++;
    }
}

/* Registers that most addresses in the sequence are near to data with. */
static void aim_all(struct x86_case *c)
{
    for (unsigned i = 0; i < 16; i++)
        if ((case_random() >> 32 & 3) || i == X86_RSP)
            c->m.r[i] = DATA_BASE + ((case_random() >> 32 & 63) == 0 ? DATA_SIZE - 8 : 0x400 + 16 * (case_random() >> 32 & 127));
    if (!c->mode64)
        for (unsigned i = 0; i < 16; i++)
            c->m.r[i] = i < 8 ? (uint32_t)c->m.r[i] : 0;
}

static void show_sequence(const struct sequence *s, const uint8_t *code)
{
    for (unsigned i = 0; i < s->count; i++) {
        char text[128];
        x86_disassemble(SEQUENCE_AT + s->at[i], code + s->at[i], 15, text, sizeof text);
        printf("   %llx: %s\n", (unsigned long long)(SEQUENCE_AT + s->at[i]), text);
    }
}

static void run_sequence(const struct options *o)
{
    static struct x86_case c;
    static struct sequence s;
    static uint8_t native_data[DATA_SIZE];
    uint8_t *code = (uint8_t *)SEQUENCE_AT;
    enum sequence_kind kind = (enum sequence_kind)((case_random() >> 32) % SEQUENCE_KINDS);
    bool mode64 = !native_has_32() || (o->mode ? o->mode == 64 : case_random() & 1);
    make_sequence(&s, code, kind, o->length < SEQUENCE_MAX ? o->length : SEQUENCE_MAX, mode64);
    struct x86_row all = {.name = "sequence", .attrs = s.attrs};
    for (unsigned i = 0; i < subject_count; i++)
        engine_invalidate(subjects[i].engine, CODE_BASE, CODE_SIZE);
    for (unsigned n = 0; n < o->states; n++) {
        c = (struct x86_case){.row = &all, .mode64 = mode64, .in = {.row = &all, .base = X86_NO_REG, .index = X86_NO_REG}};
        case_state(&c);
        if (kind != REGISTERS)
            aim_all(&c);
        c.m.rip = SEQUENCE_AT;
        struct outcome native, guest;
        memcpy(data, c.data, DATA_SIZE);
        native_run(&c.m, mode64, &native);
        memcpy(native_data, data, DATA_SIZE);
        for (unsigned i = 0; i < s.count; i++) /* where it stopped says what is forgiven */
            if (native.vector != 3 && SEQUENCE_AT + s.at[i] == native.m.rip) {
                memcpy(c.in.op, s.in[i].op, sizeof c.in.op);
                all.lift = s.in[i].row->lift;
            }
        for (unsigned i = 0; i < subject_count; i++) {
            memcpy(data, c.data, DATA_SIZE);
            guest_run(&subjects[i], &c.m, mode64, &guest);
            const char *what = difference(&c, &native, native_data, &guest);
            if (what) { /* a thread switch forgets the x87's last instruction: once more */
                struct outcome before = native;
                memcpy(data, c.data, DATA_SIZE);
                native_run(&c.m, mode64, &native);
                if (memcmp(before.m.r, native.m.r, sizeof before.m.r) || ((before.m.eflags ^ native.m.eflags) & 0xcd5) || before.vector != native.vector)
                    continue; /* not the same result twice: it has changed memory that is none of the test's */
                memcpy(native_data, data, DATA_SIZE);
                memcpy(data, c.data, DATA_SIZE);
                guest_run(&subjects[i], &c.m, mode64, &guest);
                what = difference(&c, &native, native_data, &guest);
            }
            if (!what) {
                passed++;
                continue;
            }
            failed++;
            printf("sequence (%d) %s: %s\n", mode64 ? 64 : 32, subjects[i].name, what);
            printf("   stopped at %llx by %u, native %llx by %u\n", (unsigned long long)guest.m.rip, guest.vector,
                   (unsigned long long)native.m.rip, native.vector);
            show_sequence(&s, code);
            n = o->states - 1;
        }
        all.lift = NULL;
    }
    memset(code, 0xcc, s.length);
}

/* An instruction that crosses into the next page, of which only that page changes. */
static void run_crossing(void)
{
    uint8_t *code = (uint8_t *)(CODE_BASE + 0xfff);
    for (unsigned i = 0; i < subject_count; i++)
        for (uint32_t value = 1; value < 4; value++) {
            struct machine m = {.rip = CODE_BASE + 0xfff, .mxcsr = 0x1f80, .fcw = 0x37f};
            struct outcome o;
            code[0] = 0xb8; /* mov eax, value */
            memcpy(code + 1, &value, 4);
            engine_invalidate(subjects[i].engine, CODE_BASE + 0x1000, value == 1 ? 0x1000 : 4);
            guest_run(&subjects[i], &m, true, &o);
            if (o.m.r[X86_RAX] == value && o.vector == 3) {
                passed++;
            } else {
                failed++;
                printf("%s: an instruction across two pages: %#llx instead of %u\n", subjects[i].name, (unsigned long long)o.m.r[X86_RAX], value);
            }
        }
    memset(code, 0xcc, 5);
}

int main(int argc, char **argv)
{
    struct options o = {.cases = 12, .states = 6, .shown = 2, .sequences = 3000, .length = 8};
    uint64_t seed = 1;
    for (int i = 1; i < argc; i++) {
        const char *a = argv[i], *v = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(a, "--rows") == 0) {
            o.rows = true;
            continue;
        }
        i++;
        if (strcmp(a, "--cases") == 0)
            o.cases = (unsigned)atoi(v);
        else if (strcmp(a, "--states") == 0)
            o.states = (unsigned)atoi(v);
        else if (strcmp(a, "--sequences") == 0)
            o.sequences = (unsigned)atoi(v);
        else if (strcmp(a, "--length") == 0)
            o.length = (unsigned)atoi(v);
        else if (strcmp(a, "--shown") == 0)
            o.shown = (unsigned)atoi(v);
        else if (strcmp(a, "--only") == 0)
            o.only = v;
        else if (strcmp(a, "--engine") == 0)
            o.engine = v;
        else if (strcmp(a, "--mode") == 0)
            o.mode = (unsigned)atoi(v);
        else if (strcmp(a, "--seed") == 0)
            seed = strtoull(v, NULL, 0);
        else
            return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!native_init()) {
        printf("not compared\n0 passed, 0 failed\n");
        return 0;
    }
    native_fault = on_fault;
    case_seed(seed);
    if (!o.engine || strcmp(o.engine, "interp") == 0)
        add_subject("interp", "interp", false);
    if (!o.engine || strcmp(o.engine, "x64") == 0)
        add_subject("x64", "x64", false);
    if (!native_has_32())
        printf("this kernel runs no 32-bit code: only 64-bit mode is compared\n");
    unsigned compared = 0, possible = 0, lifted = 0;
    for (unsigned i = 0; i < x86_row_count; i++) {
        const struct x86_row *row = &x86_rows[i];
        lifted += row->lift != NULL;
        if (!case_possible(row) || (o.only && strcmp(o.only, row->name)))
            continue;
        possible++;
        compared += run_row(row, &o);
    }
    unsigned long rows_passed = passed;
    run_crossing();
    for (unsigned i = 0; i < o.sequences && (!o.only || !strcmp(o.only, "SEQUENCES")) && failed < 20; i++)
        run_sequence(&o);
    printf("rows: %lu passed; %u sequences of %u instructions: %lu\n", rows_passed, o.sequences, o.length, passed - rows_passed);
    printf("%u rows, %u lifted, %u compared (of %u that can be)\n", x86_row_count, lifted, compared, possible);
    printf("%lu passed, %lu failed\n", passed, failed);
    return failed != 0;
}
