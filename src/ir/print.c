/* Units as text.
 *
 *     v4 = op.type.lane.attr first, v1, v2, 0x10
 *
 * The type is written where it does not follow from the operation, lane and attr where they are
 * used (ir/form.h says how).  Slots, locals and labels come before the arguments, numbers after
 * them; an address is written [v1 + v2<<3 + 0x10].  NOPs are left out: the numbers of values tell
 * where they were, and the parser puts them back. */
#include "ir/form.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

struct text {
    char *buf;
    size_t size, n; /* n: what was wanted so far, without the NUL */
};

static PRINTF(2, 3) void put(struct text *t, const char *fmt, ...)
{
    size_t room = t->n < t->size ? t->size - t->n : 0;
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(room ? t->buf + t->n : NULL, room, fmt, ap);
    va_end(ap);
    if (n > 0)
        t->n += (size_t)n;
}

static void put_attr(struct text *t, const struct ir_inst *in)
{
    const struct ir_attr_form *form = ir_form[in->op].attr;
    unsigned left = in->attr;

    if (in->op == IR_INSN)
        return;
    if (ir_form[in->op].imm == IR_IMM_ADDRESS && !form->mask)
        left &= ~(unsigned)IR_MEM_SCALE;
    if (form->number) {
        put(t, ".%u", left & form->mask);
        left &= ~(unsigned)form->mask;
    } else if (form->names && (left & form->mask) < form->name_count &&
               *form->names[left & form->mask]) {
        put(t, ".%s", form->names[left & form->mask]);
        left &= ~(unsigned)form->mask;
    }
    for (unsigned i = 0; i < 8; i++) {
        if ((left >> i & 1) && form->bits[i]) {
            put(t, ".%s", form->bits[i]);
            left &= ~(1u << i);
        }
    }
    if (left) /* nothing that verifies */
        put(t, ".?%u", left);
}

static void put_address(struct text *t, const struct ir_inst *in, bool indexed)
{
    int64_t disp = (int64_t)in->imm;

    put(t, " [v%u", in->a);
    if (indexed && in->b) {
        put(t, " + v%u", in->b);
        if (in->attr & IR_MEM_SCALE)
            put(t, "<<%u", in->attr & IR_MEM_SCALE);
    }
    if (disp)
        put(t, " %c 0x%" PRIx64, disp < 0 ? '-' : '+', disp < 0 ? -in->imm : in->imm);
    put(t, "]");
}

/* What comes before the arguments; true if something did. */
static bool put_first(struct text *t, const struct ir_unit *u, const struct ir_inst *in)
{
    switch (ir_form[in->op].imm) {
    case IR_IMM_SLOT:
        if (in->imm < u->slot_count)
            put(t, " %s", u->slots[in->imm].name);
        else
            put(t, " #%" PRIu64, in->imm);
        return true;
    case IR_IMM_LOCAL: put(t, " l%" PRIu64, in->imm); return true;
    case IR_IMM_ADDRESS:
        put_address(t, in, ir_sig_arg(in->op, 1, &(bool){false}) == 'x');
        return true;
    default: return false;
    }
}

static void put_last(struct text *t, const struct ir_inst *in, bool comma)
{
    const char *sep = comma ? "," : "";

    switch (ir_form[in->op].imm) {
    case IR_IMM_HEX: put(t, "%s 0x%" PRIx64, sep, in->imm); break;
    case IR_IMM_DEC: put(t, "%s %" PRIu64, sep, in->imm); break;
    case IR_IMM_FIELD:
        put(t, "%s %u, %u", sep, (unsigned)in->imm & 0xff, (unsigned)(in->imm >> 8) & 0xff);
        break;
    case IR_IMM_LABEL: put(t, "%s L%" PRIu64, sep, in->imm); break;
    default: break;
    }
    if (in->op == IR_INSN)
        put(t, ", %u", in->attr);
}

static void put_inst(struct text *t, const struct ir_unit *u, ir_ref r)
{
    const struct ir_inst *in = &u->insts[r];
    const ir_ref args[3] = {in->a, in->b, in->c};
    unsigned from = 0;
    bool comma;

    if (in->op >= IR_OP_COUNT) {
        put(t, "?%u", in->op);
        return;
    }
    if (ir_sig_result(in->op) != 'v')
        put(t, "v%u = ", r);
    put(t, "%s", ir_op_info[in->op].name);
    if (ir_sig_typed(in->op))
        put(t, ".%s", ir_type_name(in->type));
    if (in->lane)
        put(t, ".%s", ir_type_name(in->lane));
    put_attr(t, in);
    comma = put_first(t, u, in);
    if (ir_form[in->op].imm == IR_IMM_ADDRESS)
        from = ir_sig_arg(in->op, 1, &(bool){false}) == 'x' ? 2 : 1;
    for (unsigned i = from; i < ir_op_info[in->op].args; i++) {
        bool optional;
        ir_sig_arg(in->op, i, &optional);
        if (optional && !args[i])
            continue;
        put(t, "%s v%u", comma ? "," : "", args[i]);
        comma = true;
    }
    put_last(t, in, comma);
}

size_t ir_print_inst(const struct ir_unit *u, ir_ref r, char *buf, size_t size)
{
    struct text t = {buf, size, 0};

    if (size)
        *buf = 0;
    put_inst(&t, u, r);
    return t.n;
}

char *ir_print(const struct ir_unit *u)
{
    size_t size = (size_t)u->count * 48 + 64, n = 0;
    char *buf = arena_alloc(u->arena, size);

    for (ir_ref r = 1; r < u->count; r++) {
        size_t wanted;

        if (u->insts[r].op == IR_NOP)
            continue;
        wanted = ir_print_inst(u, r, buf + n, size - n);
        if (wanted + 2 > size - n) {
            size_t bigger = size * 2 + wanted;
            buf = arena_grow(u->arena, buf, size, bigger);
            size = bigger;
            ir_print_inst(u, r, buf + n, size - n);
        }
        n += wanted;
        buf[n++] = '\n';
        buf[n] = 0;
    }
    return buf;
}
