/* What the generator makes of the instruction tables (*.isa; their grammar is in tools/gen-x86.py): one row for each
 * encoding of the manual's opcode maps. */
#pragma once
#include "ir/ir.h"

/* What an operand's letter in the manual's opcode maps says (appendix A.2), and what else there is. */
enum x86_spec_kind {
    X86_SPEC_NONE,
    X86_SPEC_E,   /* ModRM.rm: general register or memory */
    X86_SPEC_G,   /* ModRM.reg: general register */
    X86_SPEC_M,   /* ModRM.rm: memory */
    X86_SPEC_R,   /* ModRM.rm: general register */
    X86_SPEC_B,   /* VEX.vvvv: general register */
    X86_SPEC_Z,   /* opcode's low bits: general register */
    X86_SPEC_A,   /* accumulator */
    X86_SPEC_I,   /* immediate */
    X86_SPEC_IS,  /* immediate byte, sign-extended to the operand size */
    X86_SPEC_IMM2,/* a second immediate byte */
    X86_SPEC_J,   /* relative target */
    X86_SPEC_O,   /* absolute address */
    X86_SPEC_FAR, /* selector and offset, immediate */
    X86_SPEC_S,   /* ModRM.reg: segment register */
    X86_SPEC_C,   /* ModRM.reg: control register */
    X86_SPEC_D,   /* ModRM.reg: debug register */
    X86_SPEC_V,   /* ModRM.reg: XMM or YMM */
    X86_SPEC_W,   /* ModRM.rm: XMM or YMM or memory */
    X86_SPEC_U,   /* ModRM.rm: XMM or YMM */
    X86_SPEC_H,   /* VEX.vvvv: XMM or YMM */
    X86_SPEC_L,   /* immediate's bits 7..4: XMM or YMM */
    X86_SPEC_P,   /* ModRM.reg: MMX */
    X86_SPEC_Q,   /* ModRM.rm: MMX or memory */
    X86_SPEC_N,   /* ModRM.rm: MMX */
    X86_SPEC_X,   /* memory at seg:rSI */
    X86_SPEC_Y,   /* memory at ES:rDI */
    X86_SPEC_CL, X86_SPEC_DX, X86_SPEC_ONE, X86_SPEC_ST0, X86_SPEC_STI, X86_SPEC_XMM0,
    X86_SPEC_SEG0, X86_SPEC_SEG1, X86_SPEC_SEG2, X86_SPEC_SEG3, X86_SPEC_SEG4, X86_SPEC_SEG5,
};

enum x86_spec_size {
    X86_SIZE_none,
    X86_SIZE_b, X86_SIZE_w, X86_SIZE_d, X86_SIZE_q, X86_SIZE_o, X86_SIZE_t,
    X86_SIZE_v,  /* operand size: 2, 4, 8 */
    X86_SIZE_z,  /* 2, 4 */
    X86_SIZE_y,  /* 4, or 8 by REX.W, VEX.W */
    X86_SIZE_x,  /* 16, or 32 by VEX.L */
    X86_SIZE_h, X86_SIZE_k, X86_SIZE_j, /* half, quarter, eighth of x */
    X86_SIZE_n,  /* 8 in 64-bit mode, else 4 */
    X86_SIZE_p,  /* far pointer: operand size and 2 */
    X86_SIZE_a,  /* BOUND's pair: twice the operand size */
    X86_SIZE_m,  /* memory of no particular size */
    X86_SIZE_s,  /* pseudo-descriptor */
    X86_SIZE_dw, X86_SIZE_db, X86_SIZE_vw, /* register, memory */
};

struct x86_spec {
    uint8_t kind, size;
};

enum {
    X86_ATTR_rf = 1 << 0, /* reads flags */
    X86_ATTR_wf = 1 << 1, /* writes all six, always */
    X86_ATTR_mem = 1 << 2,
    X86_ATTR_end = 1 << 3, /* ends the unit, or may leave it */
    X86_ATTR_fp = 1 << 4, /* rounds or raises: depends on MXCSR or the control word */
    X86_ATTR_lock = 1 << 5, /* LOCK is allowed with a memory destination */
    X86_ATTR_rep = 1 << 6,
    X86_ATTR_repe = 1 << 7, /* REP means while equal, REPNE while not */
    X86_ATTR_u = 1 << 8, /* 16-byte operands in memory need no alignment */
    X86_ATTR_a = 1 << 9, /* operands in memory are aligned even with VEX */
    X86_ATTR_mmx = 1 << 10,
    X86_ATTR_x87 = 1 << 11,
    X86_ATTR_modrm = 1 << 12,
    X86_ATTR_d64 = 1 << 13,
    X86_ATTR_f64 = 1 << 14,
    X86_ATTR_nob = 1 << 15,
    X86_ATTR_anymod = 1 << 16,
    X86_ATTR_sib = 1 << 17,
    X86_ATTR_vvvv = 1 << 18,
    X86_ATTR_faults = 1 << 19, /* accesses guest memory */
};

struct x86_lift;
struct x86_insn;
typedef void x86_lift_fn(struct x86_lift *l, const struct x86_insn *in);

struct x86_row {
    const char *name; /* as Zydis and XED have it, upper case */
    x86_lift_fn *lift; /* NULL: not lifted */
    uint32_t attrs;
    uint32_t arg; /* for the lift */
    struct x86_spec op[4];
    uint16_t undefined; /* IR_FLAG_*: left undefined by the manual */
    uint8_t map, opcode, count; /* map 0: one byte, 1: 0F, 2: 0F38, 3: 0F3A; count: 1, or 8 opcodes */
    uint8_t vex;
    /* Sets: of mandatory prefixes (1 none, 2 66, 4 F3, 8 F2), of VEX.L, of W, of ModRM's form (1 memory, 2
     * register), of modes (1 32-bit, 2 64-bit), of operand and address sizes (1 16, 2 32, 4 64 bits). */
    uint8_t pfx, l, w, mod, modes, osz, asz;
    int8_t reg, rm; /* ModRM's fields; -1: any */
    uint8_t lane;   /* enum ir_type */
    uint8_t feature, feature256;
};

struct x86_opcode {
    uint16_t first, count; /* in x86_order */
};

extern const unsigned x86_row_count;
extern const struct x86_row x86_rows[];
extern const uint16_t x86_order[];
extern const struct x86_opcode x86_opcodes[2][4][256];
extern const char *const x86_feature_names[];
