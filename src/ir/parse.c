/* Reads the text that print.c writes.
 *
 * Line by line; a ';' starts a comment.  Value names are numbers of the writer's choice: where they
 * leave gaps forwards, NOPs fill them, so that printing gives the same text again; otherwise they
 * are only names.  Local variables get the type of their first use.  The parser checks what it
 * needs to build instructions at all; whether they make sense is for the verifier to say.
 *
 * The input is not trusted: any bytes give a unit or an error. */
#include "ir/form.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NAME_MAX_NUMBER (1u << 20) /* of values */
#define GAP_MAX 65536u
#define LABEL_MAX 65536u

struct parser {
    struct ir_unit *u;
    const char *p; /* in the current line */
    unsigned line;
    ir_ref *names; /* value number -> ref */
    uint32_t name_count;
    const char *error;
};

static PRINTF(2, 3) bool fail(struct parser *ps, const char *fmt, ...)
{
    char text[160];
    int n = snprintf(text, sizeof(text), "line %u: ", ps->line);
    va_list ap;

    if (ps->error)
        return false;
    va_start(ap, fmt);
    vsnprintf(text + n, sizeof(text) - (size_t)n, fmt, ap);
    va_end(ap);
    ps->error = memcpy(arena_alloc(ps->u->arena, strlen(text) + 1), text, strlen(text) + 1);
    return false;
}

/* -- tokens ---------------------------------------------------------------------- */

static void skip_space(struct parser *ps)
{
    while (*ps->p == ' ' || *ps->p == '\t' || *ps->p == '\r')
        ps->p++;
}

static bool at_end(struct parser *ps)
{
    skip_space(ps);
    return !*ps->p || *ps->p == '\n' || *ps->p == ';';
}

static bool accept(struct parser *ps, char c)
{
    skip_space(ps);
    if (*ps->p != c)
        return false;
    ps->p++;
    return true;
}

static bool expect(struct parser *ps, char c)
{
    return accept(ps, c) || fail(ps, "'%c' expected", c);
}

static bool is_word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* A word into buf; empty if there is none. */
static void read_word(struct parser *ps, char buf[32])
{
    size_t n = 0;

    while (n < 31 && is_word_char(ps->p[n])) {
        buf[n] = ps->p[n];
        n++;
    }
    buf[n] = 0;
    ps->p += n;
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
}

/* Decimal, or hexadecimal after 0x; '-' negates modulo 2^64. */
static bool read_number(struct parser *ps, uint64_t *out)
{
    bool negative = accept(ps, '-');
    uint64_t v = 0;
    int base = 10, digits = 0;

    skip_space(ps);
    if (ps->p[0] == '0' && (ps->p[1] == 'x' || ps->p[1] == 'X')) {
        base = 16;
        ps->p += 2;
    }
    for (; digit_value(*ps->p) < base; ps->p++, digits++) {
        if (__builtin_mul_overflow(v, (uint64_t)base, &v) ||
            __builtin_add_overflow(v, (uint64_t)digit_value(*ps->p), &v))
            return fail(ps, "number does not fit in 64 bits");
    }
    if (!digits || is_word_char(*ps->p))
        return fail(ps, "number expected");
    *out = negative ? -v : v;
    return true;
}

static bool read_prefixed(struct parser *ps, char prefix, uint64_t limit, uint64_t *out)
{
    skip_space(ps);
    if (*ps->p != prefix || digit_value(ps->p[1]) > 9)
        return fail(ps, "'%c' and a number expected", prefix);
    ps->p++;
    if (!read_number(ps, out))
        return false;
    return *out < limit || fail(ps, "%c%llu is too large", prefix, (unsigned long long)*out);
}

static bool read_ref(struct parser *ps, ir_ref *out)
{
    uint64_t n;

    if (!read_prefixed(ps, 'v', NAME_MAX_NUMBER, &n))
        return false;
    if (n >= ps->name_count || !ps->names[n])
        return fail(ps, "v%u is not defined", (unsigned)n);
    *out = ps->names[n];
    return true;
}

/* -- parts of an instruction ----------------------------------------------------- */

static enum ir_type type_named(const char *name)
{
    for (unsigned t = IR_I1; t < IR_TYPE_COUNT; t++)
        if (!strcmp(ir_type_name((enum ir_type)t), name))
            return (enum ir_type)t;
    return IR_VOID;
}

static bool read_op(struct parser *ps, struct ir_inst *in)
{
    char name[32];

    skip_space(ps);
    read_word(ps, name);
    for (unsigned op = 0; op < IR_OP_COUNT; op++) {
        if (!strcmp(ir_op_info[op].name, name)) {
            in->op = (uint8_t)op;
            return true;
        }
    }
    return fail(ps, *name ? "no operation '%s'" : "operation expected%s", name);
}

/* One word after a dot, as (part of) attr; false if it is none. */
static bool attr_word(const struct ir_attr_form *form, const char *word, bool *named, uint8_t *attr)
{
    for (unsigned i = 0; !*named && i < form->name_count; i++) {
        if (*word && !strcmp(form->names[i], word)) {
            *attr |= (uint8_t)i;
            return *named = true;
        }
    }
    for (unsigned i = 0; i < 8; i++) {
        if (form->bits[i] && !strcmp(form->bits[i], word)) {
            *attr |= (uint8_t)(1u << i);
            return true;
        }
    }
    return false;
}

static bool read_attr_number(struct parser *ps, struct ir_inst *in, const char *word, bool *named)
{
    unsigned n = 0;

    for (const char *c = word; *c; c++) {
        if (*c < '0' || *c > '9' || (n = n * 10 + (unsigned)(*c - '0')) > 255)
            return fail(ps, "'.%s' is not a number below 256", word);
    }
    in->attr = (uint8_t)n;
    return *named = true;
}

/* .type .lane .attr... */
static bool read_suffixes(struct parser *ps, struct ir_inst *in)
{
    const struct ir_attr_form *form = ir_form[in->op].attr;
    bool named = false, has_type = !ir_sig_typed((enum ir_op)in->op);
    char result = ir_sig_result((enum ir_op)in->op), word[32];

    if (has_type)
        in->type = result == '1'   ? IR_I1
                   : result == 'w' ? IR_I32
                   : result == 'F' ? IR_FLAGS
                                   : IR_VOID;
    while (*ps->p == '.') {
        enum ir_type t;

        ps->p++;
        read_word(ps, word);
        t = type_named(word);
        if (t && !has_type) {
            in->type = (uint8_t)t;
            has_type = true;
        } else if (t && !in->lane) {
            in->lane = (uint8_t)t;
        } else if (form->number && !named && in->op != IR_INSN) {
            if (!read_attr_number(ps, in, word, &named))
                return false;
        } else if (!attr_word(form, word, &named, &in->attr)) {
            return fail(ps, "'.%s' does not belong to %s", word, ir_op_info[in->op].name);
        }
    }
    if (!has_type)
        return fail(ps, "%s needs a type", ir_op_info[in->op].name);
    if ((form->names || form->number) && !named && in->op != IR_INSN)
        return fail(ps, "%s needs a suffix that says which", ir_op_info[in->op].name);
    return true;
}

static bool read_slot(struct parser *ps, struct ir_inst *in)
{
    char name[32];

    if (accept(ps, '#'))
        return read_number(ps, &in->imm);
    read_word(ps, name);
    for (unsigned i = 0; i < ps->u->slot_count; i++) {
        if (!strcmp(ps->u->slots[i].name, name)) {
            in->imm = i;
            return true;
        }
    }
    return fail(ps, "no slot '%s'", name);
}

/* [v1 + v2<<3 - 0x10] */
static bool read_address(struct parser *ps, struct ir_inst *in, bool indexed)
{
    bool minus;
    uint64_t n;

    if (!expect(ps, '[') || !read_ref(ps, &in->a))
        return false;
    while ((minus = accept(ps, '-')) || accept(ps, '+')) {
        skip_space(ps);
        if (*ps->p == 'v') {
            if (minus || !indexed || in->b)
                return fail(ps, "no such form of address");
            if (!read_ref(ps, &in->b))
                return false;
            if (accept(ps, '<')) {
                if (!expect(ps, '<') || !read_number(ps, &n))
                    return false;
                if (n > 4)
                    return fail(ps, "scale is above 4");
                in->attr |= (uint8_t)n;
            }
        } else {
            if (!read_number(ps, &n))
                return false;
            in->imm += minus ? -n : n;
        }
    }
    return expect(ps, ']');
}

static bool read_first(struct parser *ps, struct ir_inst *in, unsigned *from, bool *comma)
{
    bool optional;

    switch (ir_form[in->op].imm) {
    case IR_IMM_SLOT: *comma = true; return read_slot(ps, in);
    case IR_IMM_LOCAL:
        *comma = true;
        return read_prefixed(ps, 'l', ARRAY_LEN(ps->u->local_type), &in->imm);
    case IR_IMM_ADDRESS:
        *comma = true;
        *from = ir_sig_arg((enum ir_op)in->op, 1, &optional) == 'x' ? 2 : 1;
        return read_address(ps, in, *from == 2);
    default: return true;
    }
}

static bool read_last(struct parser *ps, struct ir_inst *in, bool comma)
{
    uint64_t n = 0, m = 0;

    switch (ir_form[in->op].imm) {
    case IR_IMM_HEX:
    case IR_IMM_DEC:
        if ((comma && !expect(ps, ',')) || !read_number(ps, &in->imm))
            return false;
        break;
    case IR_IMM_FIELD:
        if ((comma && !expect(ps, ',')) || !read_number(ps, &n) || !expect(ps, ',') ||
            !read_number(ps, &m))
            return false;
        if (n > 255 || m > 255)
            return fail(ps, "number above 255");
        in->imm = n | m << 8;
        break;
    case IR_IMM_LABEL:
        if ((comma && !expect(ps, ',')) || !read_prefixed(ps, 'L', LABEL_MAX, &in->imm))
            return false;
        if (in->imm >= ps->u->label_count)
            ps->u->label_count = (uint32_t)in->imm + 1;
        break;
    default: break;
    }
    if (in->op == IR_INSN) {
        if (!expect(ps, ',') || !read_number(ps, &n))
            return false;
        if (n > 255)
            return fail(ps, "length above 255");
        in->attr = (uint8_t)n;
        ps->u->insn_count++;
    }
    return true;
}

static bool read_args(struct parser *ps, struct ir_inst *in, unsigned from, bool *comma)
{
    ir_ref *args[3] = {&in->a, &in->b, &in->c};

    for (unsigned i = from; i < ir_op_info[in->op].args; i++) {
        const char *before = ps->p;
        bool optional;

        ir_sig_arg((enum ir_op)in->op, i, &optional);
        if (optional) {
            if (*comma)
                accept(ps, ',');
            skip_space(ps);
            if (*ps->p != 'v') {
                ps->p = before;
                continue;
            }
            ps->p = before;
        }
        if ((*comma && !expect(ps, ',')) || !read_ref(ps, args[i]))
            return false;
        *comma = true;
    }
    return true;
}

/* -- instructions and lines ------------------------------------------------------ */

/* SET, LSET and STORE have their value's type; locals the type of their first use. */
static bool finish_types(struct parser *ps, struct ir_inst *in)
{
    struct ir_unit *u = ps->u;

    if (in->op == IR_SET || in->op == IR_LSET)
        in->type = u->insts[in->a].type;
    else if (in->op == IR_STORE)
        in->type = u->insts[in->c].type;
    if (ir_form[in->op].imm == IR_IMM_LOCAL) {
        if (in->imm >= u->local_count)
            u->local_count = (uint32_t)in->imm + 1;
        if (!u->local_type[in->imm])
            u->local_type[in->imm] = in->type;
    }
    return true;
}

static bool define(struct parser *ps, uint64_t name, ir_ref r)
{
    uint32_t n = ps->name_count ? ps->name_count : 256;

    if (name >= ps->name_count) {
        while (n <= name)
            n *= 2;
        ps->names = arena_grow(ps->u->arena, ps->names, ps->name_count * sizeof(*ps->names),
                               n * sizeof(*ps->names));
        ps->name_count = n;
    }
    if (ps->names[name])
        return fail(ps, "v%u is defined twice", (unsigned)name);
    ps->names[name] = r;
    return true;
}

static bool read_line(struct parser *ps)
{
    struct ir_inst in = {0};
    uint64_t name = 0;
    bool named = false, comma = false;
    unsigned from = 0;

    skip_space(ps);
    if (ps->p[0] == 'v' && digit_value(ps->p[1]) <= 9) {
        if (!read_prefixed(ps, 'v', NAME_MAX_NUMBER, &name) || !expect(ps, '='))
            return false;
        named = true;
    }
    if (!read_op(ps, &in) || !read_suffixes(ps, &in))
        return false;
    if (named != (ir_sig_result((enum ir_op)in.op) != 'v'))
        return fail(ps, named ? "%s has no value" : "%s needs a name for its value",
                    ir_op_info[in.op].name);
    skip_space(ps);
    if (!read_first(ps, &in, &from, &comma) || !read_args(ps, &in, from, &comma) ||
        !read_last(ps, &in, comma))
        return false;
    if (!at_end(ps))
        return fail(ps, "the line should end at '%.10s'", ps->p);
    finish_types(ps, &in);
    if (named) {
        while (name > ps->u->count && name - ps->u->count <= GAP_MAX)
            ir_emit(ps->u, (struct ir_inst){.op = IR_NOP});
        if (!define(ps, name, ps->u->count))
            return false;
    }
    ir_emit(ps->u, in);
    return true;
}

bool ir_parse(struct ir_unit *u, const char *text, const char **error)
{
    struct parser ps = {.u = u, .p = text, .line = 1};

    for (;;) {
        if (!at_end(&ps) && !read_line(&ps)) {
            *error = ps.error;
            return false;
        }
        while (*ps.p && *ps.p != '\n')
            ps.p++;
        if (!*ps.p)
            break;
        ps.p++;
        ps.line++;
    }
    *error = NULL;
    return true;
}
