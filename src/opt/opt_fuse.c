/* Combines what a host does in one instruction: additions and shifts go into the addresses of loads
 * and stores, and a flags value that only one condition reads becomes a comparison.
 *
 * An addition goes into addresses only if nothing but addresses uses it.  If it is also written to
 * a slot (an address with write-back), its value is at hand anyway, while the old base would have
 * to be kept for longer.
 *
 * A comparison replaces FLAGS_SUB only if no SUB of the same arguments is near: hosts with flags
 * get both from one subtraction. */
#include "opt/opt.h"

#define DISP_MAX 0x7fffffff
#define SCALE_MAX 3 /* what x86 has, and Arm for the sizes that occur */
#define NEAR 4      /* instructions */

struct fuse {
    struct ir_unit *u;
    uint8_t *uses;  /* of each value, saturating at 255 */
    uint8_t *bases; /* of these, as the first argument of a memory access */
};

static bool is_memory(unsigned op)
{
    return op == IR_LOAD || op == IR_LOADS || op == IR_STORE || op == IR_PREFETCH ||
           op == IR_X87_MEM;
}

static void count_use(uint8_t *counts, ir_ref r)
{
    counts[r] = (uint8_t)(counts[r] + (counts[r] < 255));
}

/* Absent arguments are counted in turn in a few places behind the values': counted all in one they
 * would be a chain of additions through memory, which takes longer than all the rest. */
#define ABSENT 8

static inline ir_ref countable(const struct ir_unit *u, ir_ref value, unsigned turn)
{
    return value ? value : u->count + turn % ABSENT;
}

static void count_uses(struct fuse *f)
{
    const struct ir_unit *u = f->u;

    for (ir_ref r = 1; r < u->count; r++) {
        const struct ir_inst *in = &u->insts[r];
        count_use(f->uses, countable(u, in->a, 3 * r));
        count_use(f->uses, countable(u, in->b, 3 * r + 1));
        count_use(f->uses, countable(u, in->c, 3 * r + 2));
        if (is_memory(in->op))
            count_use(f->bases, in->a);
    }
}

static bool only_base(const struct fuse *f, ir_ref r)
{
    return f->uses[r] == f->bases[r] && f->uses[r] < 255;
}

static void discount(uint8_t *counts, ir_ref r)
{
    counts[r] = (uint8_t)(counts[r] - (counts[r] < 255));
}

/* in->a becomes `to`, one of the old base's arguments; the old base may be unused now. */
static void replace_base(struct fuse *f, struct ir_inst *in, ir_ref to)
{
    const struct ir_inst *old = &f->u->insts[in->a];

    discount(f->uses, in->a);
    discount(f->bases, in->a);
    if (!f->uses[in->a]) {
        discount(f->uses, old->a);
        discount(f->uses, old->b);
    }
    count_use(f->uses, to);
    count_use(f->bases, to);
    in->a = to;
}

/* A constant that does not depend on where the guest's code lies, as a displacement. */
static bool is_disp(const struct ir_unit *u, ir_ref r, int64_t *out)
{
    const struct ir_inst *in = &u->insts[r];

    if (in->op != IR_CONST || in->attr)
        return false;
    *out = (int64_t)in->imm;
    return *out >= -DISP_MAX && *out <= DISP_MAX;
}

/* base + constant and base - constant, as long as there are any. */
static void fuse_disp(struct fuse *f, struct ir_inst *in)
{
    for (;;) {
        const struct ir_inst *base = &f->u->insts[in->a];
        int64_t disp, sum;

        if ((base->op != IR_ADD && base->op != IR_SUB) || !only_base(f, in->a) ||
            !is_disp(f->u, base->b, &disp))
            return;
        sum = (int64_t)(in->imm + (uint64_t)(base->op == IR_ADD ? disp : -disp));
        if (sum < -DISP_MAX || sum > DISP_MAX)
            return;
        in->imm = (uint64_t)sum;
        replace_base(f, in, base->a);
    }
}

static void fuse_index(struct fuse *f, struct ir_inst *in)
{
    const struct ir_inst *base = &f->u->insts[in->a], *index;
    int64_t shift;

    if (!in->b) {
        if (base->op != IR_ADD || !only_base(f, in->a) || f->uses[in->a] > 2)
            return;
        /* The shifted one is the index. */
        in->b = f->u->insts[base->a].op == IR_SHL ? base->a : base->b;
        replace_base(f, in, in->b == base->a ? base->b : base->a);
        count_use(f->uses, in->b);
    }
    index = &f->u->insts[in->b];
    if (!(in->attr & IR_MEM_SCALE) && index->op == IR_SHL && is_disp(f->u, index->b, &shift) &&
        shift > 0 && shift <= SCALE_MAX) {
        in->b = index->a;
        in->attr |= (uint8_t)shift;
    }
}

/* -- conditions ------------------------------------------------------------------ */

static bool difference_is_near(const struct ir_unit *u, ir_ref flags)
{
    const struct ir_inst *fl = &u->insts[flags];
    ir_ref from = flags > NEAR ? flags - NEAR : 1;

    for (ir_ref r = from; r < u->count && r <= flags + NEAR; r++) {
        const struct ir_inst *in = &u->insts[r];
        if (in->op == IR_SUB && in->a == fl->a && in->b == fl->b)
            return true;
    }
    return false;
}

/* The integer comparison with the same outcome, where there is one. */
static bool is_comparison(unsigned cc)
{
    return (cc >= IR_CC_B && cc <= IR_CC_A) || cc >= IR_CC_L;
}

static void fuse_condition(struct fuse *f, struct ir_inst *in)
{
    struct ir_inst *fl = &f->u->insts[in->a];

    if (f->uses[in->a] != 1)
        return;
    if (fl->op == IR_FLAGS_SUB && is_comparison(in->attr) && !difference_is_near(f->u, in->a)) {
        *in =
            (struct ir_inst){.op = IR_CMP, .type = IR_I1, .attr = in->attr, .a = fl->a, .b = fl->b};
    } else if (fl->op == IR_FLAGS_LOGIC && (in->attr == IR_CC_E || in->attr == IR_CC_NE)) {
        /* The flags value's own place becomes the zero to compare with. */
        uint8_t type = f->u->insts[fl->a].type;
        *in =
            (struct ir_inst){.op = IR_CMP, .type = IR_I1, .attr = in->attr, .a = fl->a, .b = in->a};
        *fl = (struct ir_inst){.op = IR_CONST, .type = type};
    }
}

void opt_fuse(struct ir_unit *u)
{
    struct fuse f = {.u = u};

    f.uses = arena_alloc(u->arena, u->count + ABSENT);
    f.bases = arena_alloc(u->arena, u->count);
    count_uses(&f);
    for (ir_ref r = 1; r < u->count; r++) {
        struct ir_inst *in = &u->insts[r];
        if (is_memory(in->op)) {
            fuse_disp(&f, in);
            fuse_index(&f, in);
            if (in->b)
                fuse_disp(&f, in);
        } else if (in->op == IR_FLAGS_COND) {
            fuse_condition(&f, in);
        }
    }
}
