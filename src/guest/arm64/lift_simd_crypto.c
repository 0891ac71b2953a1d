/* Cryptography: AES, SHA-1, SHA-256, SHA-512, SHA-3 (Arm ARM C4.1.96). */
#include "arm64_isa.h"
#include "guest/arm64/lift.h"
#include "guest/arm64/simd.h"

static ir_ref get(struct arm64_lift *l, uint32_t n)
{
    return simd_all(l->u, n);
}
static void set(struct arm64_lift *l, uint32_t d, ir_ref v)
{
    ir_set(l->u, ARM64_V0 + d, v);
}

/* AESE, AESD */
void arm64_lift_simd_crypto_two(struct arm64_lift *l, const struct arm64_args_simd_crypto_two *a)
{
    set(l, a->Rd, ir_bin(l->u, (enum ir_op)a->op, get(l, a->Rd), get(l, a->Rn)));
}

/* AESMC, AESIMC */
void arm64_lift_simd_crypto_one(struct arm64_lift *l, const struct arm64_args_simd_crypto_one *a)
{
    set(l, a->Rd, ir_un(l->u, (enum ir_op)a->op, get(l, a->Rn)));
}

void arm64_lift_simd_sha_three(struct arm64_lift *l, const struct arm64_args_simd_sha_three *a)
{
    set(l, a->Rd,
        ir_vec(l->u, (enum ir_op)a->op, IR_V128, IR_VOID, a->attr, 0, get(l, a->Rd), get(l, a->Rn),
               get(l, a->Rm)));
}

/* There is no m; n stands in its place. */
void arm64_lift_simd_sha_two(struct arm64_lift *l, const struct arm64_args_simd_sha_two *a)
{
    ir_ref n = get(l, a->Rn);
    bool only_n = a->op == IR_SHA1 && a->attr == IR_SHA1_H;

    set(l, a->Rd,
        ir_vec(l->u, (enum ir_op)a->op, IR_V128, IR_VOID, a->attr, 0, only_n ? n : get(l, a->Rd), n,
               n));
}

/* -- SHA-3 --------------------------------------------------------------------------- */

static ir_ref op64(struct arm64_lift *l, enum ir_op op, uint64_t imm, ir_ref a, ir_ref b)
{
    return ir_vec(l->u, op, IR_V128, IR_I64, 0, imm, a, b, IR_NONE);
}

/* Each half rotated right by 0 to 63. */
static ir_ref rotate_right(struct arm64_lift *l, ir_ref v, unsigned by)
{
    if (by == 0)
        return v;
    return op64(l, IR_VOR, 0, op64(l, IR_VSHRI, by, v, IR_NONE),
                op64(l, IR_VSHLI, 64 - by, v, IR_NONE));
}

/* n ^ (m op a): EOR3 and BCAX */
void arm64_lift_simd_eor3(struct arm64_lift *l, const struct arm64_args_simd_eor3 *a)
{
    set(l, a->Rd,
        op64(l, IR_VXOR, 0, get(l, a->Rn),
             op64(l, (enum ir_op)a->op, 0, get(l, a->Rm), get(l, a->Ra))));
}

void arm64_lift_simd_rax1(struct arm64_lift *l, const struct arm64_args_simd_rax1 *a)
{
    set(l, a->Rd, op64(l, IR_VXOR, 0, get(l, a->Rn), rotate_right(l, get(l, a->Rm), 63)));
}

void arm64_lift_simd_xar(struct arm64_lift *l, const struct arm64_args_simd_xar *a)
{
    set(l, a->Rd, rotate_right(l, op64(l, IR_VXOR, 0, get(l, a->Rn), get(l, a->Rm)), a->imm6));
}
