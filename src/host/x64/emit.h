/* x86-64 machine code, one function for each form of instruction that the backend uses.  Selection
 * never writes bytes itself; nothing here knows of the IR.
 *
 * `sz` is the operand size in bytes (1, 2, 4, 8). Registers are numbered as the processor does. */
#pragma once
#include "support/arena.h"

enum x64_gpr { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 };

/* The processor's condition codes; ir_cc has the same numbers. */
enum x64_cc {
    CC_O,
    CC_NO,
    CC_B,
    CC_AE,
    CC_E,
    CC_NE,
    CC_BE,
    CC_A,
    CC_S,
    CC_NS,
    CC_P,
    CC_NP,
    CC_L,
    CC_GE,
    CC_LE,
    CC_G
};

enum x64_alu { ALU_ADD, ALU_OR, ALU_ADC, ALU_SBB, ALU_AND, ALU_SUB, ALU_XOR, ALU_CMP };
enum x64_shift { SHIFT_ROL = 0, SHIFT_ROR = 1, SHIFT_SHL = 4, SHIFT_SHR = 5, SHIFT_SAR = 7 };
enum x64_unary { UNARY_NOT = 2, UNARY_NEG, UNARY_MUL, UNARY_IMUL, UNARY_DIV, UNARY_IDIV };
enum x64_bit { BIT_BT = 4, BIT_BTS, BIT_BTR, BIT_BTC };
enum x64_scan { SCAN_BSF, SCAN_BSR, SCAN_TZCNT, SCAN_LZCNT, SCAN_POPCNT };

/* [base + (index << scale) + disp]; base or index -1: none; base MEM_POOL: constant number `disp`
 * of the unit's pool. */
#define MEM_POOL (-2)
struct x64_mem {
    int8_t base, index;
    uint8_t scale;
    bool wrap32; /* the address is the sum's low 32 bits */
    int32_t disp;
};
static inline struct x64_mem mem_at(int base, int32_t disp)
{
    return (struct x64_mem){.base = (int8_t)base, .index = -1, .disp = disp};
}

/* A vector instruction: opcode, prefix (0, 66, F3, F2 as 0..3), map (0F, 0F38, 0F3A as 1..3), W. */
typedef uint32_t x64_vop; /* a number, not a pointer or a struct */
#define VOP(pp, map, opc)  ((uint32_t)(opc) | (uint32_t)(pp) << 8 | (uint32_t)(map) << 10)
#define VOPW(pp, map, opc) (VOP(pp, map, opc) | 1u << 12)

struct emit_fixup {
    uint32_t at; /* offset of the 32-bit displacement */
    uint16_t pool;
    uint8_t tail; /* bytes of the instruction behind it */
};
struct emit {
    /* Who tracks EFLAGS: what this leads to is not 0 while they hold a value that was not given up. */
    const uint32_t *eflags;
    /* Called for what must not be written: an instruction that overwrites such EFLAGS, operands that
     * a form does not have. Does not return. NULL: aborts. */
    void (*refuse)(struct emit *e, const char *why);
    uint8_t *start, *p, *end;
    bool overflow; /* ran out of room (or of fix-ups): what was written is to be thrown away */
    bool vex;      /* AVX is there: three-operand forms */
    struct arena *arena; /* for what follows */
    /* constants of 16 bytes behind the code, addressed relative to rip */
    uint64_t (*pool)[2];
    unsigned pool_count, pool_capacity;
    struct emit_fixup *fixup;
    unsigned fixup_count, fixup_capacity;
};

/* arena may be NULL if no pool constants are used. */
void emit_init(struct emit *e, uint8_t *buf, size_t size, bool vex, struct arena *arena);
static inline uint32_t emit_pos(const struct emit *e)
{
    return (uint32_t)(e->p - e->start);
}
/* A pool constant as a memory operand. */
struct x64_mem emit_pool(struct emit *e, uint64_t lo, uint64_t hi);
/* Appends the pool and resolves its users. */
void emit_finish(struct emit *e);
/* Makes the rel32 at offset `at` lead to offset `to`. */
void emit_patch(struct emit *e, uint32_t at, uint32_t to);

void emit_u8(struct emit *e, unsigned v);
void emit_u32(struct emit *e, uint32_t v);
void emit_u64(struct emit *e, uint64_t v);
void emit_nop(struct emit *e, unsigned bytes);

/* -- integer --------------------------------------------------------------------------------------
 */
void emit_alu_rr(struct emit *e, enum x64_alu op, unsigned sz, int dst, int src);
void emit_alu_rm(struct emit *e, enum x64_alu op, unsigned sz, int dst, struct x64_mem m);
void emit_alu_mr(struct emit *e, enum x64_alu op, unsigned sz, struct x64_mem m, int src);
void emit_alu_ri(struct emit *e, enum x64_alu op, unsigned sz, int dst, int32_t imm);
void emit_alu_mi(struct emit *e, enum x64_alu op, unsigned sz, struct x64_mem m, int32_t imm);
void emit_test_rr(struct emit *e, unsigned sz, int a, int b);
void emit_test_ri(struct emit *e, unsigned sz, int a, int32_t imm);
void emit_test_mi(struct emit *e, unsigned sz, struct x64_mem m, int32_t imm);
void emit_mov_rr(struct emit *e, unsigned sz, int dst, int src); /* sz 4 or 8 */
void emit_mov_ri(struct emit *e, int dst, uint64_t imm);         /* shortest, all 64 bits */
uint32_t emit_mov_r_imm64(struct emit *e, int dst,
                          uint64_t imm); /* always 10 bytes; offset of the constant */
uint32_t emit_mov_r_imm32(struct emit *e, int dst,
                          uint32_t imm); /* always 5 or 6 bytes; likewise */
void emit_load(struct emit *e, unsigned sz, int dst,
               struct x64_mem m); /* zero-extends to 64 bits */
void emit_loads(struct emit *e, unsigned sz, unsigned to, int dst,
                struct x64_mem m); /* sign-extends to `to` bytes */
void emit_store(struct emit *e, unsigned sz, struct x64_mem m, int src);
void emit_store_i(struct emit *e, unsigned sz, struct x64_mem m, int32_t imm);
void emit_zext(struct emit *e, unsigned sz, int dst, int src);
void emit_zext_second(struct emit *e, int dst, int src); /* bits 8 to 15; src up to rbx, dst up to rdi */
void emit_sext(struct emit *e, unsigned sz, unsigned to, int dst, int src);
void emit_lea(struct emit *e, unsigned sz, int dst, struct x64_mem m);
void emit_shift_ri(struct emit *e, enum x64_shift op, unsigned sz, int r, unsigned n);
void emit_shift_rc(struct emit *e, enum x64_shift op, unsigned sz, int r); /* by cl */
void emit_shiftx(struct emit *e, enum x64_shift op, unsigned sz, int dst, int src,
                 int count); /* BMI2 */
void emit_rorx(struct emit *e, unsigned sz, int dst, int src, unsigned n);
void emit_andn(struct emit *e, unsigned sz, int dst, int inverted, int src);
void emit_mulx(struct emit *e, unsigned sz, int hi, int lo, int src);
void emit_shiftx_m(struct emit *e, enum x64_shift op, unsigned sz, int dst, struct x64_mem m, int count);
void emit_rorx_m(struct emit *e, unsigned sz, int dst, struct x64_mem m, unsigned n);
void emit_mulx_m(struct emit *e, unsigned sz, int hi, int lo, struct x64_mem m);
void emit_shrd(struct emit *e, unsigned sz, int dst, int src, unsigned n);
void emit_imul_rr(struct emit *e, unsigned sz, int dst, int src);
void emit_imul_rm(struct emit *e, unsigned sz, int dst, struct x64_mem m);
void emit_imul_rri(struct emit *e, unsigned sz, int dst, int src, int32_t imm);
void emit_unary(struct emit *e, enum x64_unary op, unsigned sz, int r);
void emit_cqo(struct emit *e, unsigned sz);
void emit_bit_ri(struct emit *e, enum x64_bit op, unsigned sz, int r, unsigned n);
void emit_scan(struct emit *e, enum x64_scan op, unsigned sz, int dst, int src);
void emit_bswap(struct emit *e, unsigned sz, int r);
void emit_setcc(struct emit *e, enum x64_cc cc, int r);
void emit_cmov_rr(struct emit *e, enum x64_cc cc, unsigned sz, int dst, int src);
void emit_cmov_rm(struct emit *e, enum x64_cc cc, unsigned sz, int dst, struct x64_mem m);
void emit_xchg_rr(struct emit *e, unsigned sz, int a, int b);
void emit_crc32(struct emit *e, unsigned sz, int dst, int src);
void emit_lahf(struct emit *e);
/* Of the x87: bytes on registers; opcode (D8 .. DF) and the ModRM's middle field with an operand in memory. */
void emit_x87(struct emit *e, unsigned bytes);
void emit_x87_m(struct emit *e, unsigned opc, unsigned reg, struct x64_mem m);
void emit_sahf(struct emit *e);
void emit_cmc(struct emit *e);

/* -- atomic ---------------------------------------------------------------------------------------
 */
enum x64_prefetch { PREFETCH_NTA, PREFETCH_T0, PREFETCH_T1, PREFETCH_T2, PREFETCH_WRITE = 9 };
void emit_prefetch(struct emit *e, enum x64_prefetch kind, struct x64_mem m);
void emit_xchg_mr(struct emit *e, unsigned sz, struct x64_mem m, int r);
void emit_lock_xadd(struct emit *e, unsigned sz, struct x64_mem m, int r);
void emit_lock_cmpxchg(struct emit *e, unsigned sz, struct x64_mem m, int r);
void emit_lock_cmpxchg16b(struct emit *e, struct x64_mem m);
void emit_lock_alu_mr(struct emit *e, enum x64_alu op, unsigned sz, struct x64_mem m, int src);
void emit_lock_alu_mi(struct emit *e, enum x64_alu op, unsigned sz, struct x64_mem m, int32_t imm);

/* -- control: the returned offset is that of the rel32, to be patched
 * --------------------------------- */
uint32_t emit_jmp(struct emit *e);
uint32_t emit_jcc(struct emit *e, enum x64_cc cc);
uint32_t emit_call(struct emit *e);
uint32_t emit_jcc_short(struct emit *e, enum x64_cc cc); /* offset of the rel8 */
void emit_patch_short(struct emit *e, uint32_t at);      /* leads here */
void emit_jmp_m(struct emit *e, struct x64_mem m);
void emit_call_m(struct emit *e, struct x64_mem m);
void emit_jmp_r(struct emit *e, int r);
void emit_push(struct emit *e, int r);
void emit_pop(struct emit *e, int r);
uint32_t emit_push_i(struct emit *e, int32_t imm); /* offset of the constant */
void emit_ret(struct emit *e);
void emit_lea_rip(struct emit *e, int dst, uint32_t to); /* address of offset `to` */
void emit_ldmxcsr(struct emit *e, struct x64_mem m);
void emit_stmxcsr(struct emit *e, struct x64_mem m);

/* -- vectors
 * --------------------------------------------------------------------------------------- dst is
 * written, a the first source, b the second.  Without AVX the three-operand forms move a to dst
 * first, so dst must not be b then (unless a is dst too). imm -1: none. */
void emit_v_rr(struct emit *e, x64_vop op, int dst, int src, int imm);
void emit_v_rm(struct emit *e, x64_vop op, int dst, struct x64_mem m, int imm);
void emit_v_mr(struct emit *e, x64_vop op, struct x64_mem m, int src, int imm);
void emit_v_rrr(struct emit *e, x64_vop op, int dst, int a, int b, int imm);
void emit_v_rrm(struct emit *e, x64_vop op, int dst, int a, struct x64_mem m, int imm);
/* Shifts by a constant: digit is the opcode extension. */
void emit_v_shift(struct emit *e, unsigned opc, unsigned digit, int dst, int src, unsigned n);
/* Never VEX (instructions without such a form). */
void emit_legacy_rr(struct emit *e, x64_vop op, int dst, int src, int imm);
/* Always VEX (instructions without an older form), vvvv -1: none. */
void emit_vex_rrr(struct emit *e, x64_vop op, int dst, int a, int b, int imm);
/* VPBLENDVB and friends: the mask is a register. Without AVX the mask must be xmm0 and dst == a. */
void emit_v_blendvb(struct emit *e, int dst, int a, int b, int mask);
/* EVEX, 128 bits, no masking: AVX-512VL. */
/* Moves, with registers up to xmm31 too: a load of m, or what the operation's store form says; m without index, its base
 * neither rsp nor r12. */
void emit_evex_rr(struct emit *e, x64_vop op, int dst, int src);
void emit_evex_rm(struct emit *e, x64_vop op, int reg, struct x64_mem m);
void emit_evex_rrr(struct emit *e, x64_vop op, int dst, int a, int b, int imm);
/* Between general and vector registers; gpr operand size 4 or 8. */
void emit_movd_xr(struct emit *e, unsigned sz, int xmm, int gpr);
/* From xmm16..31 too, where there is AVX-512. */
void emit_movd_rx(struct emit *e, unsigned sz, int gpr, int xmm);
void emit_pinsr(struct emit *e, unsigned sz, int dst, int a, int gpr, unsigned lane);
void emit_pextr(struct emit *e, unsigned sz, int gpr, int xmm, unsigned lane);
/* cvt*2si and movmsk: a general register from a vector register; cvtsi2*: the other way. */
void emit_v_to_gpr(struct emit *e, x64_vop op, unsigned sz, int gpr, int xmm);
void emit_v_from_gpr(struct emit *e, x64_vop op, unsigned sz, int xmm, int a, int gpr);
void emit_evex_to_gpr(struct emit *e, x64_vop op, unsigned sz, int gpr, int xmm);
void emit_evex_from_gpr(struct emit *e, x64_vop op, unsigned sz, int xmm, int a, int gpr);

/* prefix 0 none, 1 66, 2 F3, 3 F2 */
#define V_MOVUPS      VOP(0, 1, 0x10)
#define V_MOVUPS_ST   VOP(0, 1, 0x11)
#define V_MOVAPS      VOP(0, 1, 0x28)
#define V_MOVAPS_ST   VOP(0, 1, 0x29)
#define V_MOVSS       VOP(2, 1, 0x10)
#define V_MOVSS_ST    VOP(2, 1, 0x11)
#define V_MOVSD       VOP(3, 1, 0x10)
#define V_MOVSD_ST    VOP(3, 1, 0x11)
#define V_MOVQ        VOP(2, 1, 0x7e)
#define V_MOVQ_ST     VOP(1, 1, 0xd6)
#define V_MOVDDUP     VOP(3, 1, 0x12)
#define V_MOVHLPS     VOP(0, 1, 0x12)
#define V_MOVLHPS     VOP(0, 1, 0x16)
#define V_INSERTPS    VOP(1, 3, 0x21)
#define V_PADDB       VOP(1, 1, 0xfc)
#define V_PADDW       VOP(1, 1, 0xfd)
#define V_PADDD       VOP(1, 1, 0xfe)
#define V_PADDQ       VOP(1, 1, 0xd4)
#define V_PSUBB       VOP(1, 1, 0xf8)
#define V_PSUBW       VOP(1, 1, 0xf9)
#define V_PSUBD       VOP(1, 1, 0xfa)
#define V_PSUBQ       VOP(1, 1, 0xfb)
#define V_PMULLW      VOP(1, 1, 0xd5)
#define V_PMULLD      VOP(1, 2, 0x40)
#define V_PMULLQ      VOPW(1, 2, 0x40)
#define V_PMULHW      VOP(1, 1, 0xe5)
#define V_PMULHUW     VOP(1, 1, 0xe4)
#define V_PMULUDQ     VOP(1, 1, 0xf4)
#define V_PMULDQ      VOP(1, 2, 0x28)
#define V_PMADDWD     VOP(1, 1, 0xf5)
#define V_PMADDUBSW   VOP(1, 2, 0x04)
#define V_PMULHRSW    VOP(1, 2, 0x0b)
#define V_PAND        VOP(1, 1, 0xdb)
#define V_PANDN       VOP(1, 1, 0xdf)
#define V_POR         VOP(1, 1, 0xeb)
#define V_PXOR        VOP(1, 1, 0xef)
#define V_PABSB       VOP(1, 2, 0x1c)
#define V_PABSW       VOP(1, 2, 0x1d)
#define V_PABSD       VOP(1, 2, 0x1e)
#define V_PADDSB      VOP(1, 1, 0xec)
#define V_PADDSW      VOP(1, 1, 0xed)
#define V_PADDUSB     VOP(1, 1, 0xdc)
#define V_PADDUSW     VOP(1, 1, 0xdd)
#define V_PSUBSB      VOP(1, 1, 0xe8)
#define V_PSUBSW      VOP(1, 1, 0xe9)
#define V_PSUBUSB     VOP(1, 1, 0xd8)
#define V_PSUBUSW     VOP(1, 1, 0xd9)
#define V_PAVGB       VOP(1, 1, 0xe0)
#define V_PAVGW       VOP(1, 1, 0xe3)
#define V_PMINUB      VOP(1, 1, 0xda)
#define V_PMINUW      VOP(1, 2, 0x3a)
#define V_PMINUD      VOP(1, 2, 0x3b)
#define V_PMINSB      VOP(1, 2, 0x38)
#define V_PMINSW      VOP(1, 1, 0xea)
#define V_PMINSD      VOP(1, 2, 0x39)
#define V_PMAXUB      VOP(1, 1, 0xde)
#define V_PMAXUW      VOP(1, 2, 0x3e)
#define V_PMAXUD      VOP(1, 2, 0x3f)
#define V_PMAXSB      VOP(1, 2, 0x3c)
#define V_PMAXSW      VOP(1, 1, 0xee)
#define V_PMAXSD      VOP(1, 2, 0x3d)
#define V_PCMPEQB     VOP(1, 1, 0x74)
#define V_PCMPEQW     VOP(1, 1, 0x75)
#define V_PCMPEQD     VOP(1, 1, 0x76)
#define V_PCMPEQQ     VOP(1, 2, 0x29)
#define V_PCMPGTB     VOP(1, 1, 0x64)
#define V_PCMPGTW     VOP(1, 1, 0x65)
#define V_PCMPGTD     VOP(1, 1, 0x66)
#define V_PCMPGTQ     VOP(1, 2, 0x37)
#define V_PSHUFB      VOP(1, 2, 0x00)
#define V_PSHUFD      VOP(1, 1, 0x70)
#define V_PSHUFLW     VOP(3, 1, 0x70)
#define V_PSHUFHW     VOP(2, 1, 0x70)
#define V_SHUFPS      VOP(0, 1, 0xc6)
#define V_SHUFPD      VOP(1, 1, 0xc6)
#define V_PALIGNR     VOP(1, 3, 0x0f)
#define V_PBLENDW     VOP(1, 3, 0x0e)
#define V_PUNPCKLBW   VOP(1, 1, 0x60)
#define V_PUNPCKLWD   VOP(1, 1, 0x61)
#define V_PUNPCKLDQ   VOP(1, 1, 0x62)
#define V_PUNPCKLQDQ  VOP(1, 1, 0x6c)
#define V_PUNPCKHBW   VOP(1, 1, 0x68)
#define V_PUNPCKHWD   VOP(1, 1, 0x69)
#define V_PUNPCKHDQ   VOP(1, 1, 0x6a)
#define V_PUNPCKHQDQ  VOP(1, 1, 0x6d)
#define V_PACKSSWB    VOP(1, 1, 0x63)
#define V_PACKSSDW    VOP(1, 1, 0x6b)
#define V_PACKUSWB    VOP(1, 1, 0x67)
#define V_PACKUSDW    VOP(1, 2, 0x2b)
#define V_PMOVSXBW    VOP(1, 2, 0x20)
#define V_PMOVSXWD    VOP(1, 2, 0x23)
#define V_PMOVSXDQ    VOP(1, 2, 0x25)
#define V_PMOVZXBW    VOP(1, 2, 0x30)
#define V_PMOVZXWD    VOP(1, 2, 0x33)
#define V_PMOVZXDQ    VOP(1, 2, 0x35)
#define V_PHADDW      VOP(1, 2, 0x01)
#define V_PHADDD      VOP(1, 2, 0x02)
#define V_PTEST       VOP(1, 2, 0x17)
#define V_PSADBW      VOP(1, 1, 0xf6)
#define V_PMOVMSKB    VOP(1, 1, 0xd7)
#define V_MOVMSKPS    VOP(0, 1, 0x50)
#define V_MOVMSKPD    VOP(1, 1, 0x50)
#define V_PHMINPOSUW  VOP(1, 2, 0x41)
#define V_PSLLW       VOP(1, 1, 0xf1)
#define V_PSLLD       VOP(1, 1, 0xf2)
#define V_PSLLQ       VOP(1, 1, 0xf3)
#define V_PSRLW       VOP(1, 1, 0xd1)
#define V_PSRLD       VOP(1, 1, 0xd2)
#define V_PSRLQ       VOP(1, 1, 0xd3)
#define V_PSRAW       VOP(1, 1, 0xe1)
#define V_PSRAD       VOP(1, 1, 0xe2)
#define V_PSLLVD      VOP(1, 2, 0x47)
#define V_PSLLVQ      VOPW(1, 2, 0x47)
#define V_PSRLVD      VOP(1, 2, 0x45)
#define V_PSRLVQ      VOPW(1, 2, 0x45)
#define V_PSRAVD      VOP(1, 2, 0x46)
#define V_PBROADCASTB VOP(1, 2, 0x78)
#define V_PBROADCASTW VOP(1, 2, 0x79)
#define V_PBROADCASTD VOP(1, 2, 0x58)
#define V_PBROADCASTQ VOP(1, 2, 0x59)
#define V_AESENC      VOP(1, 2, 0xdc)
#define V_AESENCLAST  VOP(1, 2, 0xdd)
#define V_AESDECLAST  VOP(1, 2, 0xdf)
#define V_AESIMC      VOP(1, 2, 0xdb)
#define V_AESDEC      VOP(1, 2, 0xde)
#define V_PCLMULQDQ   VOP(1, 3, 0x44)
/* no VEX form: emit_legacy_rr */
#define V_SHA1RNDS4   VOP(0, 3, 0xcc)
#define V_SHA256RNDS2 VOP(0, 2, 0xcb)
#define V_SHA256MSG1  VOP(0, 2, 0xcc)
#define V_SHA256MSG2  VOP(0, 2, 0xcd)
/* packed single, packed double, scalar single, scalar double of one operation */
#define V_FP(opc, pp) VOP(pp, 1, opc)
#define FP_PS         0
#define FP_PD         1
#define FP_SS         2
#define FP_SD         3
#define V_FADD        0x58
#define V_FMUL        0x59
#define V_FSUB        0x5c
#define V_FMIN        0x5d
#define V_FDIV        0x5e
#define V_FMAX        0x5f
#define V_FSQRT       0x51
#define V_FCMP        0xc2
#define V_FAND        0x54
#define V_FANDN       0x55
#define V_FOR         0x56
#define V_FXOR        0x57
#define V_UCOMISS     VOP(0, 1, 0x2e)
#define V_UCOMISD     VOP(1, 1, 0x2e)
#define V_COMISS      VOP(0, 1, 0x2f)
#define V_COMISD      VOP(1, 1, 0x2f)
#define V_ROUNDPS     VOP(1, 3, 0x08)
#define V_ROUNDPD     VOP(1, 3, 0x09)
#define V_ROUNDSS     VOP(1, 3, 0x0a)
#define V_ROUNDSD     VOP(1, 3, 0x0b)
#define V_CVTSS2SD    VOP(2, 1, 0x5a)
#define V_CVTSD2SS    VOP(3, 1, 0x5a)
#define V_CVTPS2PD    VOP(0, 1, 0x5a)
#define V_CVTPD2PS    VOP(1, 1, 0x5a)
#define V_CVTTSS2SI   VOP(2, 1, 0x2c)
#define V_CVTTSD2SI   VOP(3, 1, 0x2c)
#define V_CVTSS2SI    VOP(2, 1, 0x2d)
#define V_CVTSD2SI    VOP(3, 1, 0x2d)
#define V_CVTSI2SS    VOP(2, 1, 0x2a)
#define V_CVTSI2SD    VOP(3, 1, 0x2a)
#define V_CVTDQ2PS    VOP(0, 1, 0x5b)
#define V_CVTTPS2DQ   VOP(2, 1, 0x5b)
#define V_FMADD231PS  VOP(1, 2, 0xb8)
#define V_FMADD231PD  VOPW(1, 2, 0xb8)
#define V_FMADD231SS  VOP(1, 2, 0xb9)
#define V_FMADD231SD  VOPW(1, 2, 0xb9)
/* EVEX only */
#define V_PROL_D        VOP(1, 1, 0x72) /* emit_evex_rrr with dst 1, the target as a */
#define V_PROR_Q        VOPW(1, 1, 0x72) /* likewise with dst 0 */
#define V_TERNLOGD      VOP(1, 3, 0x25)
#define V_PABSQ         VOPW(1, 2, 0x1f)
#define V_PSRAVQ        VOPW(1, 2, 0x46)
#define V_PSLLVW        VOPW(1, 2, 0x12)
#define V_PSRLVW        VOPW(1, 2, 0x10)
#define V_PSRAVW        VOPW(1, 2, 0x11)
#define V_PMINSQ        VOPW(1, 2, 0x39)
#define V_PMAXSQ        VOPW(1, 2, 0x3d)
#define V_PMINUQ        VOPW(1, 2, 0x3b)
#define V_PMAXUQ        VOPW(1, 2, 0x3f)
#define V_PSRAQ         VOPW(1, 1, 0xe2)
#define V_POPCNTB       VOP(1, 2, 0x54)
#define V_PLZCNTD       VOP(1, 2, 0x44)
#define V_CVTTSS2USI    VOP(2, 1, 0x78)
#define V_CVTTSD2USI    VOP(3, 1, 0x78)
#define V_CVTUSI2SS     VOP(2, 1, 0x7b)
#define V_CVTUSI2SD     VOP(3, 1, 0x7b)
#define V_CVTTPS2UDQ    VOP(0, 1, 0x78)
#define V_CVTTPD2QQ     VOPW(1, 1, 0x7a)
#define V_CVTTPD2UQQ    VOPW(1, 1, 0x78)
#define V_CVTQQ2PD      VOPW(2, 1, 0xe6)
#define V_CVTUDQ2PS     VOP(3, 1, 0x7a)
#define V_CVTUQQ2PD     VOPW(2, 1, 0x7a)
#define V_GF2P8AFFINEQB VOPW(1, 3, 0xce)
