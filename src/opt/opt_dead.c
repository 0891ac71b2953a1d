/* Values nobody uses become NOPs.
 *
 * One walk backwards: uses come after definitions, so that whole chains go at once.  What rounds or
 * raises floating-point flags stays (ops.def, X), as does every access to guest memory. */
#include "opt/opt.h"

static bool is_removable(const struct ir_inst *in)
{
    unsigned flags = ir_op_info[in->op].flags;

    if (in->op == IR_GET || in->op == IR_LGET)
        return true;
    return (flags & IR_OPF_PURE) && !(flags & IR_OPF_FP);
}

void opt_dead(struct ir_unit *u)
{
    uint8_t *used = arena_alloc(u->arena, u->count);

    for (uint32_t i = u->count; i-- > 1;) {
        struct ir_inst *in = &u->insts[i];
        if (!used[i] && is_removable(in)) {
            *in = (struct ir_inst){.op = IR_NOP};
            continue;
        }
        used[in->a] = used[in->b] = used[in->c] = 1;
    }
}
