/* Data processing with immediates (Arm ARM C4.1.92). */
#include "arm64_isa.h"
#include "guest/arm64/lift.h"

void arm64_lift_add_sub_imm(struct arm64_lift *l, const struct arm64_args_add_sub_imm *a)
{
    enum ir_type t = arm64_int_type(a->sf);
    ir_ref n = arm64_xsp(l, t, a->Rn);
    ir_ref m = ir_const(l->u, t, (uint64_t)a->imm12 << (a->sh ? 12 : 0));
    arm64_add_sub(l, a->Rd, n, m, a->sub, a->flags, true);
}
