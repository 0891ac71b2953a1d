/* Checks that a unit keeps the promises of ops.def and ir.h.
 *
 * One walk over the instructions.  Types are checked by the signature's letters, then operation by
 * operation where the letters do not say enough.  A value may be used only between its definition
 * and the next LABEL.  What is not checked: that a path through labels sets a local before reading
 * it, and that INSNs cover the guest's code. */
#include "ir/form.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct verifier {
    const struct ir_unit *u;
    ir_ref at;
    ir_ref region; /* values before this one are out of reach: a LABEL came between */
    char *message; /* NULL while all is well */
};

static PRINTF(2, 3) bool fail(struct verifier *v, const char *fmt, ...)
{
    char inst[160], text[160];
    size_t size;
    va_list ap;

    if (v->message)
        return false;
    ir_print_inst(v->u, v->at, inst, sizeof(inst));
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    size = strlen(inst) + strlen(text) + 24;
    v->message = arena_alloc(v->u->arena, size);
    snprintf(v->message, size, "%u: \"%s\": %s", v->at, inst, text);
    return false;
}

static enum ir_type type_at(const struct verifier *v, ir_ref r)
{
    return (enum ir_type)v->u->insts[r].type;
}

/* -- the fields by themselves ---------------------------------------------------- */

static bool check_attr(struct verifier *v, const struct ir_inst *in)
{
    const struct ir_attr_form *form = ir_form[in->op].attr;
    unsigned left = in->attr & ~(unsigned)form->mask;

    if (form->names &&
        ((in->attr & form->mask) >= form->name_count || !*form->names[in->attr & form->mask]))
        return fail(v, "attr 0x%x names nothing", in->attr);
    if (ir_form[in->op].imm == IR_IMM_ADDRESS &&
        (in->op == IR_LOAD || in->op == IR_LOADS || in->op == IR_STORE || in->op == IR_PREFETCH ||
         in->op == IR_X87_MEM)) {
        if ((left & IR_MEM_SCALE) > 4 || ((left & IR_MEM_SCALE) && !in->b))
            return fail(v, "scale without an index, or above 4");
        left &= ~(unsigned)IR_MEM_SCALE;
    }
    for (unsigned i = 0; i < 8; i++)
        if ((left >> i & 1) && !form->bits[i])
            return fail(v, "attr 0x%x has a bit without meaning", in->attr);
    return true;
}

static bool check_shape(struct verifier *v, const struct ir_inst *in)
{
    const struct ir_form *form = &ir_form[in->op];
    bool typed_by_value = in->op == IR_SET || in->op == IR_LSET || in->op == IR_STORE;

    if (ir_sig_result((enum ir_op)in->op) == 'v' && !typed_by_value) {
        if (in->type != IR_VOID)
            return fail(v, "has a type but no value");
    } else if (!ir_form_has(form->types, in->type)) {
        return fail(v, "does not exist for type %s", ir_type_name((enum ir_type)in->type));
    }
    if (in->lane == IR_VOID) {
        if (form->lanes && !ir_form_has(form->lanes_optional, in->type))
            return fail(v, "needs a lane");
    } else if (!ir_form_has(form->lanes, in->lane)) {
        return fail(v, "does not exist for lane %s", ir_type_name((enum ir_type)in->lane));
    }
    if (form->imm == IR_IMM_NONE && in->imm)
        return fail(v, "imm must be 0, not 0x%llx", (unsigned long long)in->imm);
    return check_attr(v, in);
}

/* -- arguments ------------------------------------------------------------------- */

static bool letter_fits(struct verifier *v, const struct ir_inst *in, char letter, enum ir_type t,
                        enum ir_type *same)
{
    switch (letter) {
    case 'T': return t == in->type;
    case '1': return t == IR_I1;
    case 'w': return t == IR_I32;
    case 'x': return t == IR_I64;
    case 'F': return t == IR_FLAGS;
    case 'V': return ir_type_is_vector(t);
    case 'i':
        if (in->op == IR_STORE)
            return true; /* in->type is its type, and was checked */
        if (!ir_type_is_int(t))
            return false;
        break;
    default: break;
    }
    if (in->op == IR_CRC32)
        return true;
    if (*same == IR_VOID)
        *same = t;
    return *same == t;
}

static bool check_args(struct verifier *v, const struct ir_inst *in)
{
    const ir_ref args[3] = {in->a, in->b, in->c};
    enum ir_type same = IR_VOID;

    for (unsigned i = 0; i < 3; i++) {
        bool optional;
        char letter = ir_sig_arg((enum ir_op)in->op, i, &optional);
        enum ir_type t;

        if (i >= ir_op_info[in->op].args) {
            if (args[i])
                return fail(v, "argument %u is one too many", i + 1);
            continue;
        }
        if (!args[i]) {
            if (optional)
                continue;
            return fail(v, "argument %u is missing", i + 1);
        }
        if (args[i] >= v->at)
            return fail(v, "v%u is not defined before", args[i]);
        t = type_at(v, args[i]);
        if (t == IR_VOID || ir_sig_result((enum ir_op)v->u->insts[args[i]].op) == 'v')
            return fail(v, "v%u has no value", args[i]);
        if (args[i] < v->region)
            return fail(v, "v%u is on the other side of a label", args[i]);
        if (!letter_fits(v, in, letter, t, &same))
            return fail(v, "argument %u, v%u, has the wrong type %s", i + 1, args[i],
                        ir_type_name(t));
    }
    return true;
}

/* -- operation by operation ------------------------------------------------------ */

static bool is_scalar(enum ir_type t)
{
    return ir_type_is_int(t) || (ir_type_is_float(t) && t != IR_F80);
}

static bool check_conversion(struct verifier *v, const struct ir_inst *in)
{
    enum ir_type to = (enum ir_type)in->type, from = type_at(v, in->a);
    unsigned nt = ir_type_size(to), nf = ir_type_size(from);
    bool ok;

    switch (in->op) {
    case IR_ZEXT:
        ok = ir_type_is_int(to) ? from == IR_I1 || (ir_type_is_int(from) && nf < nt)
                                : (ir_type_is_vector(from) && nf < nt) ||
                                      (ir_type_is_float(from) && from != IR_F80);
        break;
    case IR_SEXT: ok = from == IR_I1 || (ir_type_is_int(from) && nf < nt); break;
    case IR_TRUNC:
        ok = to == IR_I1 || ir_type_is_int(to) ? ir_type_is_int(from) && (to == IR_I1 || nt < nf)
             : ir_type_is_float(to)            ? ir_type_is_vector(from)
                                               : ir_type_is_vector(from) && nt < nf;
        break;
    default: ok = nt == nf && to != from && (is_scalar(from) || from == IR_V64); break;
    }
    return ok || fail(v, "cannot convert %s to %s", ir_type_name(from), ir_type_name(to));
}

static bool check_field(struct verifier *v, const struct ir_inst *in)
{
    unsigned pos = in->imm & 0xff, len = in->imm >> 8 & 0xff;

    if (in->imm >> 16 || !len || pos + len > ir_type_size((enum ir_type)in->type) * 8)
        return fail(v, "field %u, %u does not lie in the type", pos, len);
    return true;
}

static bool check_slot(struct verifier *v, const struct ir_inst *in)
{
    enum ir_type t = (enum ir_type)in->type, slot;

    if (in->imm >= v->u->slot_count)
        return fail(v, "no slot %llu", (unsigned long long)in->imm);
    slot = (enum ir_type)v->u->slots[in->imm].type;
    if (t == slot)
        return true;
    if (in->op == IR_SET || slot == IR_FLAGS || t == IR_FLAGS || t == IR_F80 || slot == IR_F80)
        return fail(v, "the slot's type is %s", ir_type_name(slot));
    if (ir_type_size(t) >= ir_type_size(slot) || (ir_type_is_int(slot) && !ir_type_is_int(t)))
        return fail(v, "%s is not the low part of a slot of type %s", ir_type_name(t),
                    ir_type_name(slot));
    return true;
}

static bool check_local(struct verifier *v, const struct ir_inst *in)
{
    if (in->imm >= v->u->local_count)
        return fail(v, "no local variable %llu", (unsigned long long)in->imm);
    if (v->u->local_type[in->imm] != in->type)
        return fail(v, "the local variable's type is %s",
                    ir_type_name((enum ir_type)v->u->local_type[in->imm]));
    return true;
}

static bool check_memory(struct verifier *v, const struct ir_inst *in)
{
    enum ir_type t = (enum ir_type)in->type, m = (enum ir_type)in->lane;

    if (in->op == IR_ATOMIC_RMW || in->op == IR_ATOMIC_CAS)
        return !m || m == t || fail(v, "lane is neither absent nor the type");
    if (ir_type_size(m) > ir_type_size(t))
        return fail(v, "more in memory than in the value");
    if (ir_type_is_int(t) != ir_type_is_int(m) && !ir_type_is_vector(t))
        return fail(v, "%s in memory does not fit %s", ir_type_name(m), ir_type_name(t));
    if ((t == IR_F80 || m == IR_F80) && t != m)
        return fail(v, "f80 is stored and loaded whole");
    return true;
}

/* The vector that lane numbers refer to has `imm` as a lane. */
static bool check_lane_number(struct verifier *v, const struct ir_inst *in, enum ir_type vector,
                              uint64_t imm)
{
    if (imm >= ir_type_size(vector) / ir_type_size((enum ir_type)in->lane))
        return fail(v, "%s has no lane %llu", ir_type_name(vector), (unsigned long long)imm);
    return true;
}

static bool at_most(struct verifier *v, const struct ir_inst *in, uint64_t max)
{
    return in->imm <= max || fail(v, "imm is above %llu", (unsigned long long)max);
}

static bool check_lanes(struct verifier *v, const struct ir_inst *in)
{
    enum ir_type t = (enum ir_type)in->type, lane = (enum ir_type)in->lane;
    enum ir_type a = in->a ? type_at(v, in->a) : IR_VOID, b = in->b ? type_at(v, in->b) : IR_VOID;

    switch (in->op) {
    case IR_VDUP:
    case IR_VINS: {
        enum ir_type s = in->op == IR_VDUP ? a : b;
        if (!is_scalar(s) || ir_type_size(s) < ir_type_size(lane) ||
            (ir_type_is_float(s) && ir_type_size(s) != ir_type_size(lane)))
            return fail(v, "%s is not an element for lanes of %s", ir_type_name(s),
                        ir_type_name(lane));
        return in->op == IR_VDUP || check_lane_number(v, in, t, in->imm);
    }
    case IR_VDUPL: return check_lane_number(v, in, a, in->imm);
    case IR_VINSL:
        return check_lane_number(v, in, t, in->imm & 0xff) &&
               check_lane_number(v, in, b, in->imm >> 8);
    case IR_VEXT:
    case IR_VEXTS:
        if (ir_type_is_float(t) ? ir_type_size(t) != ir_type_size(lane)
                                : ir_type_size(t) < ir_type_size(lane))
            return fail(v, "%s does not hold a lane", ir_type_name(t));
        return check_lane_number(v, in, a, in->imm);
    case IR_VREV:
        if ((in->imm != 2 && in->imm != 4 && in->imm != 8 && in->imm != 16) ||
            in->imm < ir_type_size(lane) || in->imm > ir_type_size(t))
            return fail(v, "groups of %llu bytes", (unsigned long long)in->imm);
        return true;
    case IR_VREDUCE:
        return ir_type_size(t) >= ir_type_size(lane) ||
               fail(v, "%s does not hold a lane", ir_type_name(t));
    case IR_VTBL: return a == IR_V128 || fail(v, "the table is not a v128");
    default: return true;
    }
}

static bool check_vector(struct verifier *v, const struct ir_inst *in)
{
    enum ir_type t = (enum ir_type)in->type, a = in->a ? type_at(v, in->a) : IR_VOID;
    unsigned bits = ir_type_size((enum ir_type)in->lane) * 8;

    switch (in->op) {
    case IR_VAVG:
    case IR_VMULL:
    case IR_VPMULL:
    case IR_VQDMULH:
    case IR_VZIP:
    case IR_VUZP:
    case IR_VTRN:
    case IR_VPADD:
    case IR_VPMIN:
    case IR_VPMAX:
    case IR_VPADDL:
        if (in->op != IR_VAVG && in->op != IR_VQDMULH && ir_type_size(t) * 8 < 2 * bits)
            return fail(v, "too few lanes");
        return at_most(v, in, 1);
    case IR_VSHLI: return at_most(v, in, bits - 1);
    case IR_VSHRI: return at_most(v, in, bits);
    case IR_VEXTR: return at_most(v, in, ir_type_size(t) - 1);
    case IR_VSHUF: return at_most(v, in, bits == 32 ? 0xff : 3);
    case IR_VMMLA: return t != IR_V64 || fail(v, "a v64 is too small");
    case IR_VCONCAT:
        return (ir_type_size(a) * 2 == ir_type_size(t) && a == type_at(v, in->b)) ||
               fail(v, "the halves are not halves of %s", ir_type_name(t));
    case IR_VHIGH:
    case IR_VNARROW:
        return ir_type_size(a) == ir_type_size(t) * 2 ||
               fail(v, "%s is not half of %s", ir_type_name(t), ir_type_name(a));
    case IR_VWIDEN:
        if ((in->imm ? ir_type_size(a) : ir_type_size(a) * 2) < ir_type_size(t) ||
            ir_type_size(a) > ir_type_size(t))
            return fail(v, "%s does not have the lanes", ir_type_name(a));
        return at_most(v, in, 1);
    default: return check_lanes(v, in);
    }
}

static bool check_float(struct verifier *v, const struct ir_inst *in)
{
    enum ir_type t = (enum ir_type)in->type, a = in->a ? type_at(v, in->a) : IR_VOID;

    switch (in->op) {
    case IR_FCVT:
        if (ir_type_is_vector(t) != ir_type_is_vector(a) ||
            (!ir_type_is_vector(t) && !ir_type_is_float(a)) ||
            (ir_type_is_float(a) && (a == t || a == IR_F80)))
            return fail(v, "cannot convert %s to %s", ir_type_name(a), ir_type_name(t));
        break;
    case IR_FTOI:
        if (ir_type_is_vector(t) ? a != t : !ir_type_is_float(a) || a == IR_F80)
            return fail(v, "cannot convert %s to %s", ir_type_name(a), ir_type_name(t));
        break;
    case IR_ITOF:
        if (ir_type_is_vector(t) ? a != t : !ir_type_is_int(a))
            return fail(v, "cannot convert %s to %s", ir_type_name(a), ir_type_name(t));
        break;
    case IR_FLAGS_FCMP:
    case IR_FLAGS_UCOMI:
        if (!ir_type_is_float(a) || a == IR_F80)
            return fail(v, "%s is not a float", ir_type_name(a));
        return !in->lane || in->lane == a || fail(v, "a scalar's lane is its type");
    case IR_FJCVT:
    case IR_FJCVT_VAL: return a == IR_F64 || fail(v, "%s is not f64", ir_type_name(a));
    case IR_FRINTN: return in->imm == 32 || in->imm == 64 || fail(v, "neither 32 nor 64 bits");
    case IR_FCADD: return in->imm == 90 || in->imm == 270 || fail(v, "no such rotation");
    case IR_FCMLA: return (in->imm % 90 == 0 && in->imm < 360) || fail(v, "no such rotation");
    case IR_FMLAL: return at_most(v, in, 3);
    case IR_BFMLAL: return at_most(v, in, 1);
    default: break;
    }
    if (in->lane && !ir_type_is_vector(t) && in->op != IR_FREDUCE && in->op != IR_BFCVT &&
        in->lane != t)
        return fail(v, "a scalar's lane is its type");
    return true;
}

static bool check_special(struct verifier *v, const struct ir_inst *in)
{
    switch (in->op) {
    case IR_CONST:
        if ((in->attr & IR_CONST_PC) && in->type != IR_I64)
            return fail(v, "a guest PC is an i64");
        if (ir_type_size((enum ir_type)in->type) < 8 &&
            in->imm >> (in->type == IR_I1 ? 1 : ir_type_size((enum ir_type)in->type) * 8))
            return fail(v, "bits above the type");
        return true;
    case IR_GET:
    case IR_SET: return check_slot(v, in);
    case IR_LGET:
    case IR_LSET: return check_local(v, in);
    case IR_EXTR: return at_most(v, in, ir_type_size((enum ir_type)in->type) * 8 - 1);
    case IR_ZEXT:
    case IR_SEXT:
    case IR_TRUNC:
    case IR_BITCAST: return check_conversion(v, in);
    case IR_BFX:
    case IR_BFXS:
    case IR_BFI: return check_field(v, in);
    case IR_CMP: {
        enum ir_type a = type_at(v, in->a);
        return ir_type_is_int(a) || (a == IR_I1 && (in->attr == IR_CC_E || in->attr == IR_CC_NE)) ||
               fail(v, "cannot compare %s", ir_type_name(a));
    }
    case IR_CRC32:
        return ir_type_size(type_at(v, in->b)) >= ir_type_size((enum ir_type)in->lane) ||
               fail(v, "the data are narrower than the lane");
    case IR_FLAGS_MERGE: return !(in->imm & ~(uint64_t)IR_FLAG_ALL) || fail(v, "no such flags");
    case IR_LOAD:
    case IR_LOADS:
    case IR_STORE:
    case IR_ATOMIC_RMW:
    case IR_ATOMIC_CAS: return check_memory(v, in);
    case IR_HELPER:
    case IR_INSN: return true;
    default: break;
    }
    if (in->op >= IR_VADD && in->op <= IR_VREDUCE)
        return check_vector(v, in);
    if ((in->op >= IR_FADD && in->op <= IR_BFCVT) || in->op == IR_FLAGS_FCMP ||
        in->op == IR_FLAGS_UCOMI)
        return check_float(v, in);
    return true;
}

/* -- the whole ------------------------------------------------------------------- */

/* Every label that is gone to is there, once. */
static bool check_labels(struct verifier *v)
{
    const struct ir_unit *u = v->u;
    uint8_t *seen = arena_alloc(u->arena, u->label_count);

    for (v->at = 1; v->at < u->count; v->at++) {
        const struct ir_inst *in = &u->insts[v->at];
        if (ir_form[in->op].imm == IR_IMM_LABEL && in->imm >= u->label_count)
            return fail(v, "no label %llu", (unsigned long long)in->imm);
        if (in->op == IR_LABEL && seen[in->imm]++)
            return fail(v, "label L%llu is there twice", (unsigned long long)in->imm);
    }
    for (v->at = 1; v->at < u->count; v->at++) {
        const struct ir_inst *in = &u->insts[v->at];
        if (ir_form[in->op].imm == IR_IMM_LABEL && !seen[in->imm])
            return fail(v, "label L%llu is nowhere", (unsigned long long)in->imm);
    }
    return true;
}

static bool check_end(struct verifier *v)
{
    v->at = v->u->count - 1;
    while (v->at && v->u->insts[v->at].op == IR_NOP)
        v->at--;
    if (!(ir_op_info[v->u->insts[v->at].op].flags & IR_OPF_ENDS) && v->u->insts[v->at].op != IR_BR)
        return fail(v, "the unit does not end");
    return true;
}

const char *ir_verify(const struct ir_unit *u)
{
    struct verifier v = {.u = u, .region = 1};

    for (v.at = 0; v.at < u->count; v.at++) {
        const struct ir_inst *in = &u->insts[v.at];
        if (in->op >= IR_OP_COUNT || in->type >= IR_TYPE_COUNT || in->lane >= IR_TYPE_COUNT)
            fail(&v, "no such operation or type");
        else if (v.at == 0 && in->op != IR_NOP)
            fail(&v, "instruction 0 is not a NOP");
        else if (check_shape(&v, in) && check_args(&v, in))
            check_special(&v, in);
        if (v.message)
            return v.message;
        if (in->op == IR_LABEL)
            v.region = v.at;
    }
    if (check_labels(&v))
        check_end(&v);
    return v.message;
}
