/* What only MMX has; the rest shares the lifts of SSE.  Manual: SDM vol. 1, chapter 9; vol. 2. */
#include "guest/x86/vector.h"

void x86_lift_emms(struct x86_lift *l, const struct x86_insn *in)
{
    x86_mmx_begin(l);
    ir_set(l->u, X86_TAGS, ir_const(l->u, IR_I32, 0));
    ir_set(l->u, X86_TOP, ir_const(l->u, IR_I32, 0));
}

/* MOVD, MOVQ, MOVNTQ between MMX and general registers, memory, MMX. */
void x86_lift_mmx_mov(struct x86_lift *l, const struct x86_insn *in)
{
    struct ir_unit *u = l->u;
    if (in->op[0].kind == X86_OPERAND_MMX) {
        ir_ref v;
        if (in->op[1].kind == X86_OPERAND_MMX)
            v = x86_vec(l, in, 1, 0);
        else
            v = ir_conv(u, IR_BITCAST, IR_V64, x86_zext(l, IR_I64, x86_read(l, in, 1)));
        x86_set_vec(l, in, 0, v, IR_NONE);
        return;
    }
    ir_ref v = ir_conv(u, IR_BITCAST, IR_I64, x86_vec(l, in, 1, 0));
    x86_write(l, in, 0, x86_trunc(l, x86_int_type(in->op[0].size), v));
}

void x86_lift_mmx_xmm(struct x86_lift *l, const struct x86_insn *in)
{
    if (in->op[0].kind == X86_OPERAND_XMM)
        x86_set_vec(l, in, 0, x86_zext(l, IR_V128, x86_vec(l, in, 1, 0)), IR_NONE);
    else
        x86_set_vec(l, in, 0, x86_trunc(l, IR_V64, x86_vec(l, in, 1, 0)), IR_NONE);
}

/* Two integers of 32 bits in MMX, and floats: arg 0 PI2PS, 1 TPS2PI, 2 PS2PI, 3 PI2PD, 4 TPD2PI, 5 PD2PI. */
void x86_lift_cvt_mmx(struct x86_lift *l, const struct x86_insn *in)
{
    struct ir_unit *u = l->u;
    unsigned op = in->row->arg;
    unsigned attr = (op == 1 || op == 4 ? FP_ROUND_ZERO : FP_ROUND_CURRENT) | IR_FTOI_SIGNED | IR_FTOI_INDEFINITE;
    enum ir_type real = op < 3 ? IR_F32 : IR_F64;
    ir_ref v, r;
    if (op == 0 || op == 3) {
        v = in->op[1].kind == X86_OPERAND_MMX ? x86_vec(l, in, 1, 0) : x86_load(l, IR_V64, x86_address(l, in));
        r = x86_vec(l, in, 0, 0);
    } else {
        if (op > 3 && in->op[1].kind == X86_OPERAND_MEM)
            v = x86_load_as(l, IR_V128, IR_V128, x86_address(l, in), IR_MEM_ALIGNED);
        else
            v = x86_vec(l, in, 1, 0);
        r = x86_zero(l, IR_V64);
    }
    for (unsigned i = 0; i < 2; i++) {
        if (op == 0 || op == 3) {
            ir_ref n = x86_lane(l, IR_I32, IR_I32, i, v);
            ir_ref f = ir_emit(u, (struct ir_inst){.op = IR_ITOF, .type = (uint8_t)real, .attr = 1, .a = n});
            r = ir_vec(u, IR_VINS, IR_V128, real, 0, i, r, f, IR_NONE);
        } else {
            ir_ref f = x86_lane(l, real, real, i, v);
            ir_ref n = ir_emit(u, (struct ir_inst){.op = IR_FTOI, .type = IR_I32, .attr = (uint8_t)attr, .a = f});
            r = ir_vec(u, IR_VINS, IR_V64, IR_I32, 0, i, r, n, IR_NONE);
        }
    }
    x86_set_vec(l, in, 0, r, IR_NONE);
}
