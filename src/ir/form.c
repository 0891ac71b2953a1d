/* The table behind ir/form.h: one row for each operation, in the order of ops.def. */
#include "ir/form.h"

#define BIT(t) (uint16_t)(1u << (t))
#define INT (BIT(IR_I8) | BIT(IR_I16) | BIT(IR_I32) | BIT(IR_I64))
#define FLT (BIT(IR_F16) | BIT(IR_F32) | BIT(IR_F64))
#define VEC (BIT(IR_V64) | BIT(IR_V128) | BIT(IR_V256))
#define FV (FLT | VEC)
#define VALUE (INT | FV | BIT(IR_I1) | BIT(IR_F80) | BIT(IR_FLAGS))
#define ANY_LANE (INT | FLT)
#define L8 BIT(IR_I8)
#define L16 BIT(IR_I16)
#define L32 BIT(IR_I32)
#define L64 BIT(IR_I64)

#define NAMES(...)                                                                                 \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define COUNT(...) (uint8_t)(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))
#define ENUM(m, ...) .names = NAMES(__VA_ARGS__), .name_count = COUNT(__VA_ARGS__), .mask = m
#define ATTR(name) static const struct ir_attr_form name

ATTR(attr_none) = {.mask = 0};
ATTR(attr_const) = {.bits = {"pc"}};
ATTR(attr_jump) = {.bits = {"dead"}};
ATTR(attr_cc) = {ENUM(0x0f, "o", "no", "b", "ae", "e", "ne", "be", "a", "s", "ns", "p", "np", "l",
                      "ge", "le", "g")};
ATTR(attr_int_cc) = {
    ENUM(0x0f, "", "", "b", "ae", "e", "ne", "be", "a", "", "", "", "", "l", "ge", "le", "g")};
ATTR(attr_vector_cc) = {
    ENUM(0x0f, "", "", "", "ae", "e", "", "", "a", "", "", "", "", "", "ge", "", "g")};
ATTR(attr_float_cc) = {ENUM(0x0f, "", "", "", "ae", "e", "", "", "a", "", "", "p"), .bits = {[4] = "flip"}};
ATTR(attr_signed) = {.bits = {"s"}};
ATTR(attr_crc) = {.bits = {"c"}};
ATTR(attr_signals) = {.bits = {"sig"}};
ATTR(attr_x86) = {.bits = {"x86"}};
ATTR(attr_dot) = {.bits = {"bs", "cs"}};
ATTR(attr_shift) = {.bits = {"s", "r", "q"}};
/* The scale in the low bits is written in the address. */
ATTR(attr_load) = {.bits = {[3] = "mod", "acq", "w32", "seq", "al"}};
ATTR(attr_store) = {.bits = {[4] = "rel", "w32", "seq", "al"}};
ATTR(attr_x87_mem) = {.bits = {[5] = "w32"}};
ATTR(attr_prefetch) = {.bits = {[4] = "l2", "l3", "once", "w"}};
ATTR(attr_rmw) = {
    ENUM(0x0f, "add", "andn", "xor", "or", "smax", "smin", "umax", "umin", "xchg", "and"),
    .bits = {[7] = "al"}};
ATTR(attr_cas) = {.bits = {[7] = "al"}};
ATTR(attr_fence) = {ENUM(0x03, "load", "store", "full")};
ATTR(attr_narrow) = {ENUM(0x03, "trunc", "ss", "su", "uu")};
ATTR(attr_reduce) = {ENUM(0x07, "add", "smax", "smin", "umax", "umin")};
ATTR(attr_sha1) = {ENUM(0x07, "c", "p", "m", "h", "su0", "su1")};
ATTR(attr_sha2) = {ENUM(0x03, "h", "h2", "su0", "su1")};
#define ROUNDS ENUM(0x07, "nearest", "up", "down", "zero", "away", "odd", "current")
ATTR(attr_round) = {ROUNDS};
ATTR(attr_frint) = {ROUNDS, .bits = {[7] = "exact"}};
ATTR(attr_ftoi) = {ROUNDS, .bits = {[6] = "x86", "s"}};
ATTR(attr_float_max) = {ENUM(0x03, "max", "min", "maxnm", "minnm")};
ATTR(attr_exit) = {ENUM(0xff, "none", "syscall", "breakpoint", "undefined", "align", "fetch",
                        "icache", "mode", "mode_to", "yield", "step", "stale", "trap")};
ATTR(attr_number) = {.number = true, .mask = 0xff};

/* clang-format off */
/* type mask; then lane mask, attr, imm where they are used. */
#define ROW(op, t, ...) [IR_##op] = {.attr = &attr_none, .types = (t), ##__VA_ARGS__}
#define LANE(l) .lanes = (l)
#define LANE_MAY(l) .lanes = (l), .lanes_optional = 0xffff /* it says nothing there */
#define FLANE .lanes = FLT, .lanes_optional = FLT | BIT(IR_FLAGS) | L32 /* scalars: the type says it */
#define ATTRS(a) .attr = &attr_##a
#define IMM(i) .imm = IR_IMM_##i

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init" /* .attr of ROW, replaced by ATTRS */
#if defined(__clang__)
#pragma clang diagnostic ignored "-Winitializer-overrides"
#endif

const struct ir_form ir_form[IR_OP_COUNT] = {
    ROW(NOP, 0),
    ROW(CONST, INT | FV | BIT(IR_I1), ATTRS(const), IMM(HEX)),
    ROW(COPY, VALUE),
    ROW(GET, VALUE & ~BIT(IR_I1), IMM(SLOT)),
    ROW(SET, VALUE & ~BIT(IR_I1), IMM(SLOT)),
    ROW(LGET, VALUE, IMM(LOCAL)),
    ROW(LSET, VALUE, IMM(LOCAL)),

    ROW(ADD, INT), ROW(SUB, INT), ROW(ADC, INT), ROW(SBC, INT), ROW(NEG, INT), ROW(MUL, INT),
    ROW(MULHU, INT), ROW(MULHS, INT), ROW(UDIV, INT), ROW(SDIV, INT), ROW(UREM, INT), ROW(SREM, INT),
    ROW(AND, INT | BIT(IR_I1)), ROW(OR, INT | BIT(IR_I1)), ROW(XOR, INT | BIT(IR_I1)),
    ROW(ANDN, INT | BIT(IR_I1)), ROW(NOT, INT | BIT(IR_I1)),
    ROW(SHL, INT), ROW(SHR, INT), ROW(SAR, INT), ROW(ROR, INT), ROW(EXTR, INT, IMM(DEC)),
    ROW(CLZ, INT), ROW(CTZ, INT), ROW(POPCNT, INT), ROW(BSWAP, INT), ROW(BITREV, INT),
    ROW(ZEXT, INT | VEC), ROW(SEXT, INT), ROW(TRUNC, INT | FV | BIT(IR_I1)),
    ROW(BITCAST, INT | FLT | BIT(IR_V64)),
    ROW(BFX, INT, IMM(FIELD)), ROW(BFXS, INT, IMM(FIELD)), ROW(BFI, INT, IMM(FIELD)),
    ROW(SELECT, VALUE), ROW(CMP, BIT(IR_I1), ATTRS(int_cc)),
    ROW(CRC32, L32, LANE(INT), ATTRS(crc)),

    ROW(FLAGS_ADD, BIT(IR_FLAGS)), ROW(FLAGS_ADC, BIT(IR_FLAGS)), ROW(FLAGS_SUB, BIT(IR_FLAGS)),
    ROW(FLAGS_SBC, BIT(IR_FLAGS)), ROW(FLAGS_LOGIC, BIT(IR_FLAGS)), ROW(FLAGS_CMC, BIT(IR_FLAGS)),
    ROW(FLAGS_MERGE, BIT(IR_FLAGS), IMM(HEX)), ROW(FLAGS_PACK, BIT(IR_FLAGS)), ROW(FLAGS_BITS, L32),
    ROW(FLAGS_COND, BIT(IR_I1), ATTRS(cc)),
    ROW(FLAGS_FCMP, BIT(IR_FLAGS), FLANE, ATTRS(signals)),
    ROW(FLAGS_UCOMI, BIT(IR_FLAGS), FLANE, ATTRS(signals)),

    ROW(LOAD, INT | FV | BIT(IR_F80), LANE(INT | FV | BIT(IR_F80)), ATTRS(load), IMM(ADDRESS)),
    ROW(LOADS, INT, LANE(INT), ATTRS(load), IMM(ADDRESS)),
    ROW(STORE, INT | FV | BIT(IR_F80), LANE(INT | FV | BIT(IR_F80)), ATTRS(store), IMM(ADDRESS)),
    ROW(ATOMIC_RMW, INT, LANE_MAY(INT), ATTRS(rmw), IMM(ADDRESS)),
    ROW(ATOMIC_CAS, INT | BIT(IR_V128), LANE_MAY(INT | BIT(IR_V128)), ATTRS(cas), IMM(ADDRESS)),
    ROW(FENCE, BIT(IR_VOID), ATTRS(fence)), ROW(PREFETCH, BIT(IR_VOID), ATTRS(prefetch), IMM(ADDRESS)),

    ROW(VADD, VEC, LANE(INT)), ROW(VSUB, VEC, LANE(INT)), ROW(VMUL, VEC, LANE(INT)),
    ROW(VNEG, VEC, LANE(INT)), ROW(VABS, VEC, LANE(INT)),
    ROW(VADDS, VEC, LANE(INT), ATTRS(signed)), ROW(VSUBS, VEC, LANE(INT), ATTRS(signed)),
    ROW(VAVG, VEC, LANE(INT), ATTRS(signed), IMM(DEC)),
    ROW(VMIN, VEC, LANE(INT), ATTRS(signed)), ROW(VMAX, VEC, LANE(INT), ATTRS(signed)),
    ROW(VABD, VEC, LANE(INT), ATTRS(signed)),
    ROW(VMULH, VEC, LANE(L16 | L32), ATTRS(signed)),
    ROW(VMULL, VEC, LANE(L8 | L16 | L32), ATTRS(signed), IMM(DEC)),
    ROW(VPMUL, VEC, LANE(L8)), ROW(VPMULL, VEC, LANE(L8 | L64), IMM(DEC)),
    ROW(VQDMULH, VEC, LANE(L16 | L32), IMM(DEC)),
    ROW(VDOT, VEC, LANE(L8), ATTRS(dot)), ROW(VMMLA, VEC, LANE(L8), ATTRS(dot)),
    ROW(VCMP, VEC, LANE(INT), ATTRS(vector_cc)),
    ROW(VSHLI, VEC, LANE(INT), IMM(DEC)), ROW(VSHRI, VEC, LANE(INT), ATTRS(signed), IMM(DEC)),
    ROW(VSHLV, VEC, LANE(INT), ATTRS(shift)), ROW(VPOPCNT, VEC, LANE(L8)),
    ROW(VCLZ, VEC, LANE(L8 | L16 | L32)), ROW(VBITREV, VEC, LANE_MAY(L8)),

    ROW(VAND, VEC, LANE_MAY(ANY_LANE)), ROW(VOR, VEC, LANE_MAY(ANY_LANE)),
    ROW(VXOR, VEC, LANE_MAY(ANY_LANE)), ROW(VANDN, VEC, LANE_MAY(ANY_LANE)),
    ROW(VNOT, VEC, LANE_MAY(ANY_LANE)), ROW(VSEL, VEC, LANE_MAY(ANY_LANE)),
    ROW(VDUP, VEC, LANE(ANY_LANE)), ROW(VDUPL, VEC, LANE(ANY_LANE), IMM(DEC)),
    ROW(VINS, VEC, LANE(ANY_LANE), IMM(DEC)), ROW(VINSL, VEC, LANE(ANY_LANE), IMM(FIELD)),
    ROW(VEXT, INT | FLT, LANE(ANY_LANE), IMM(DEC)), ROW(VEXTS, INT, LANE(INT), IMM(DEC)),
    ROW(VZIP, VEC, LANE(ANY_LANE), IMM(DEC)), ROW(VUZP, VEC, LANE(ANY_LANE), IMM(DEC)),
    ROW(VTRN, VEC, LANE(ANY_LANE), IMM(DEC)), ROW(VREV, VEC, LANE(ANY_LANE), IMM(DEC)),
    ROW(VSHUF, BIT(IR_V128), LANE(L32 | L64), IMM(HEX)),
    ROW(VEXTR, VEC, LANE_MAY(L8), IMM(DEC)), ROW(VTBL, VEC, LANE_MAY(L8), IMM(DEC)),
    ROW(VCONCAT, VEC, LANE_MAY(ANY_LANE)), ROW(VHIGH, VEC, LANE_MAY(ANY_LANE)),
    ROW(VWIDEN, VEC, LANE(L8 | L16 | L32), ATTRS(signed), IMM(DEC)),
    ROW(VNARROW, VEC, LANE(L8 | L16 | L32), ATTRS(narrow)),
    ROW(VPADD, VEC, LANE(INT)), ROW(VPMIN, VEC, LANE(INT), ATTRS(signed)),
    ROW(VPMAX, VEC, LANE(INT), ATTRS(signed)),
    ROW(VPADDL, VEC, LANE(L8 | L16 | L32), ATTRS(signed)),
    ROW(VREDUCE, INT, LANE(INT), ATTRS(reduce)),

    ROW(FADD, FV, FLANE), ROW(FSUB, FV, FLANE), ROW(FMUL, FV, FLANE), ROW(FMULX, FV, FLANE),
    ROW(FDIV, FV, FLANE), ROW(FSQRT, FV, FLANE), ROW(FMA, FV, FLANE), ROW(FNEG, FV, FLANE),
    ROW(FABS, FV, FLANE), ROW(FABD, FV, FLANE),
    ROW(FMIN, FV, FLANE, ATTRS(x86)), ROW(FMAX, FV, FLANE, ATTRS(x86)),
    ROW(FMINNM, FV, FLANE), ROW(FMAXNM, FV, FLANE), ROW(FCMP, FV, FLANE, ATTRS(float_cc)),
    ROW(FRINT, FV, FLANE, ATTRS(frint)), ROW(FRINTN, FV, FLANE, ATTRS(round), IMM(DEC)),
    ROW(FCVT, FV, FLANE, ATTRS(round)),
    ROW(FTOI, INT | VEC, .lanes = INT, .lanes_optional = INT, ATTRS(ftoi), IMM(DEC)),
    ROW(ITOF, FV, FLANE, ATTRS(signed), IMM(DEC)),
    ROW(FJCVT, BIT(IR_FLAGS), FLANE), ROW(FJCVT_VAL, L32, FLANE),
    ROW(FRECPE, FV, FLANE), ROW(FRSQRTE, FV, FLANE), ROW(FRECPS, FV, FLANE), ROW(FRSQRTS, FV, FLANE),
    ROW(FRECPX, FLT, FLANE), ROW(VRECPE, VEC, LANE(L32)), ROW(VRSQRTE, VEC, LANE(L32)),
    ROW(FPADD, VEC, FLANE), ROW(FPMAX, VEC, FLANE, ATTRS(float_max)),
    ROW(FREDUCE, FLT, LANE(FLT), ATTRS(float_max)),
    ROW(FCADD, VEC, FLANE, IMM(DEC)), ROW(FCMLA, VEC, FLANE, IMM(DEC)),
    ROW(FMLAL, VEC, LANE_MAY(FLT), IMM(DEC)), ROW(BFDOT, VEC, LANE_MAY(FLT)),
    ROW(BFMMLA, VEC, LANE_MAY(FLT)), ROW(BFMLAL, VEC, LANE_MAY(FLT), IMM(DEC)),
    ROW(BFCVT, BIT(IR_F16) | BIT(IR_V64), LANE_MAY(FLT)),
    ROW(FPFLAGS_GET, L32), ROW(FPFLAGS_SET, BIT(IR_VOID)),

    ROW(AESE, BIT(IR_V128), LANE_MAY(INT)), ROW(AESD, BIT(IR_V128), LANE_MAY(INT)),
    ROW(AESMC, BIT(IR_V128), LANE_MAY(INT)), ROW(AESIMC, BIT(IR_V128), LANE_MAY(INT)),
    ROW(SHA1, BIT(IR_V128), LANE_MAY(INT), ATTRS(sha1)),
    ROW(SHA256, BIT(IR_V128), LANE_MAY(INT), ATTRS(sha2)),
    ROW(SHA512, BIT(IR_V128), LANE_MAY(INT), ATTRS(sha2)),

    ROW(INSN, BIT(IR_VOID), ATTRS(number), IMM(HEX)), ROW(LABEL, BIT(IR_VOID), IMM(LABEL)),
    ROW(BR, BIT(IR_VOID), IMM(LABEL)), ROW(BR_IF, BIT(IR_VOID), IMM(LABEL)),
    ROW(JUMP, BIT(IR_VOID), ATTRS(jump), IMM(HEX)), ROW(JUMP_IF, BIT(IR_VOID), ATTRS(jump), IMM(HEX)),
    ROW(JUMP_IND, BIT(IR_VOID)), ROW(JUMP_NOT, BIT(IR_VOID), IMM(HEX)), ROW(POLL, BIT(IR_VOID), IMM(HEX)),
    ROW(PAIR, BIT(IR_VOID), IMM(HEX)), ROW(UNPAIR, BIT(IR_VOID)), ROW(CALL, BIT(IR_VOID), IMM(HEX)), ROW(CALL_IND, BIT(IR_VOID)),
    ROW(RET, BIT(IR_VOID)), ROW(EXIT, BIT(IR_VOID), ATTRS(exit), IMM(HEX)),
    ROW(HELPER, BIT(IR_VOID), LANE_MAY(BIT(IR_I1)), ATTRS(number), IMM(HEX)),

    ROW(X87, BIT(IR_VOID), IMM(HEX)), ROW(X87_MEM, BIT(IR_VOID), ATTRS(x87_mem), IMM(ADDRESS)),
    ROW(X87_FLAGS, BIT(IR_FLAGS), IMM(HEX)), ROW(X87_CMOV, BIT(IR_VOID), IMM(HEX)), ROW(X87_STATUS, L32),
    ROW(X87_SYNC, BIT(IR_VOID)),
};

#pragma GCC diagnostic pop
/* clang-format on */

char ir_sig_arg(enum ir_op op, unsigned i, bool *optional)
{
    const char *s = ir_op_info[op].sig + 2;

    for (;; s++) {
        *optional = *s == '?';
        s += *optional;
        if (!*s || i-- == 0)
            return *s;
    }
}
