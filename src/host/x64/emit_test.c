/* Every function of emit.h with all its registers against LLVM's disassembler: what was emitted
 * must read as what was asked for.  Exits 77 (skipped) where there is no llvm-mc. */
#include "host/x64/emit.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static FILE *bytes_file;
static char **wanted;
static size_t wanted_count, wanted_capacity;
static uint8_t buffer[4096];
static struct emit e;

static void begin(bool vex)
{
    emit_init(&e, buffer, sizeof buffer, vex, NULL);
}

/* Ends one instruction, which should read as the text. */
static void PRINTF(1, 2) want(const char *fmt, ...)
{
    char text[160];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (wanted_count == wanted_capacity) {
        wanted_capacity = wanted_capacity ? 2 * wanted_capacity : 4096;
        wanted = realloc(wanted, wanted_capacity * sizeof *wanted);
        if (!wanted)
            abort();
    }
    wanted[wanted_count++] = strdup(text);
    for (const uint8_t *p = e.start; p < e.p; p++)
        fprintf(bytes_file, "0x%02x ", *p);
    fputc('\n', bytes_file);
    begin(e.vex);
}

/* name a, text or its three-operand form. */
static void want_xmm(bool vex, const char *name, int a, const char *text, const char *tail)
{
    if (vex)
        want("v%s xmm%d, xmm%d, %s%s", name, a, a, text, tail);
    else
        want("%s xmm%d, %s%s", name, a, text, tail);
}

static const char *reg(unsigned sz, int r)
{
    static const char *const names[4][16] = {
        {"al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil", "r8b", "r9b", "r10b", "r11b", "r12b",
         "r13b", "r14b", "r15b"},
        {"ax", "cx", "dx", "bx", "sp", "bp", "si", "di", "r8w", "r9w", "r10w", "r11w", "r12w",
         "r13w", "r14w", "r15w"},
        {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "r8d", "r9d", "r10d", "r11d",
         "r12d", "r13d", "r14d", "r15d"},
        {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12",
         "r13", "r14", "r15"},
    };
    return names[sz == 1 ? 0 : sz == 2 ? 1 : sz == 4 ? 2 : 3][r];
}
static const char *size_name(unsigned sz)
{
    return sz == 1 ? "byte" : sz == 2 ? "word" : sz == 4 ? "dword" : sz == 8 ? "qword" : "xmmword";
}

static const char *const alu_names[] = {"add", "or", "adc", "sbb", "and", "sub", "xor", "cmp"};
static const char *const cc_names[] = {"o", "no", "b", "ae", "e", "ne", "be", "a",
                                       "s", "ns", "p", "np", "l", "ge", "le", "g"};
static const unsigned sizes[] = {1, 2, 4, 8};

static void test_rr(int a, int b)
{
    for (unsigned i = 0; i < 4; i++) {
        unsigned sz = sizes[i];
        const char *ra = reg(sz, a), *rb = reg(sz, b);
        for (unsigned op = 0; op < 8; op++) {
            emit_alu_rr(&e, (enum x64_alu)op, sz, a, b);
            want("%s %s, %s", alu_names[op], ra, rb);
        }
        emit_test_rr(&e, sz, a, b);
        want("test %s, %s", ra, rb);
        if (sz < 4) {
            emit_zext(&e, sz, a, b);
            want("movzx %s, %s", reg(4, a), rb);
            emit_sext(&e, sz, 4, a, b);
            want("movsx %s, %s", reg(4, a), rb);
            if (a < R8 && b <= RBX) {
                static const char *const second[] = {"ah", "ch", "dh", "bh"};
                emit_zext_second(&e, a, b);
                want("movzx %s, %s", reg(4, a), second[b]);
            }
        }
        if (sz < 8) {
            emit_sext(&e, sz, 8, a, b);
            want("%s %s, %s", sz == 4 ? "movsxd" : "movsx", reg(8, a), rb);
        }
        emit_crc32(&e, sz, a, b);
        want("crc32 %s, %s", reg(sz == 8 ? 8 : 4, a), rb);
        if (sz < 4)
            continue;
        emit_mov_rr(&e, sz, a, b);
        want("mov %s, %s", ra, rb);
        emit_imul_rr(&e, sz, a, b);
        want("imul %s, %s", ra, rb);
        emit_imul_rri(&e, sz, a, b, 1000);
        want("imul %s, %s, 1000", ra, rb);
        emit_imul_rri(&e, sz, a, b, -5);
        want("imul %s, %s, -5", ra, rb);
        emit_shrd(&e, sz, a, b, 7);
        want("shrd %s, %s, 7", ra, rb);
        emit_rorx(&e, sz, a, b, 9);
        want("rorx %s, %s, 9", ra, rb);
        static const char *const scan[] = {"bsf", "bsr", "tzcnt", "lzcnt", "popcnt"};
        for (unsigned op = 0; op < 5; op++) {
            emit_scan(&e, (enum x64_scan)op, sz, a, b);
            want("%s %s, %s", scan[op], ra, rb);
        }
        for (unsigned cc = 0; cc < 16; cc++) {
            emit_cmov_rr(&e, (enum x64_cc)cc, sz, a, b);
            want("cmov%s %s, %s", cc_names[cc], ra, rb);
        }
        int c = (a + b) & 15;
        emit_shiftx(&e, SHIFT_SHL, sz, a, b, c);
        want("shlx %s, %s, %s", ra, rb, reg(sz, c));
        emit_shiftx(&e, SHIFT_SHR, sz, a, b, c);
        want("shrx %s, %s, %s", ra, rb, reg(sz, c));
        emit_shiftx(&e, SHIFT_SAR, sz, a, b, c);
        want("sarx %s, %s, %s", ra, rb, reg(sz, c));
        emit_andn(&e, sz, a, b, c);
        want("andn %s, %s, %s", ra, rb, reg(sz, c));
        emit_mulx(&e, sz, a, b, c);
        want("mulx %s, %s, %s", ra, rb, reg(sz, c));
    }
}

static void test_r(int a)
{
    static const char *const shift[8] = {"rol", "ror", NULL, NULL, "shl", "shr", NULL, "sar"};
    static const char *const unary[8] = {NULL, NULL, "not", "neg", "mul", "imul", "div", "idiv"};
    static const char *const bit[8] = {NULL, NULL, NULL, NULL, "bt", "bts", "btr", "btc"};
    for (unsigned i = 0; i < 4; i++) {
        unsigned sz = sizes[i];
        const char *ra = reg(sz, a);
        for (unsigned op = 0; op < 8; op++) {
            emit_alu_ri(&e, (enum x64_alu)op, sz, a, -3);
            want("%s %s, -3", alu_names[op], ra);
            if (sz >= 4 && a != RAX) {
                emit_alu_ri(&e, (enum x64_alu)op, sz, a, 0x12345);
                want("%s %s, 74565", alu_names[op], ra);
            }
            if (shift[op]) {
                emit_shift_ri(&e, (enum x64_shift)op, sz, a, 5);
                want("%s %s, 5", shift[op], ra);
                emit_shift_ri(&e, (enum x64_shift)op, sz, a, 1);
                want("%s %s", shift[op], ra);
                emit_shift_rc(&e, (enum x64_shift)op, sz, a);
                want("%s %s, cl", shift[op], ra);
            }
            if (unary[op]) {
                emit_unary(&e, (enum x64_unary)op, sz, a);
                want("%s %s", unary[op], ra);
            }
            if (bit[op] && sz >= 4) {
                emit_bit_ri(&e, (enum x64_bit)op, sz, a, 13);
                want("%s %s, 13", bit[op], ra);
            }
        }
        emit_test_ri(&e, sz, a, 0x55);
        want("test %s, 85", ra);
    }
    for (unsigned sz = 4; sz <= 8; sz += 4) {
        emit_bswap(&e, sz, a);
        want("bswap %s", reg(sz, a));
    }
    for (unsigned cc = 0; cc < 16; cc++) {
        emit_setcc(&e, (enum x64_cc)cc, a);
        want("set%s %s", cc_names[cc], reg(1, a));
    }
    emit_push(&e, a);
    want("push %s", reg(8, a));
    emit_pop(&e, a);
    want("pop %s", reg(8, a));
    emit_jmp_r(&e, a);
    want("jmp %s", reg(8, a));
    emit_mov_ri(&e, a, 0x12345678);
    want("mov %s, 305419896", reg(4, a));
    emit_mov_ri(&e, a, (uint64_t)-2);
    want("mov %s, -2", reg(8, a));
    emit_mov_ri(&e, a, 0x123456789abcull);
    want("movabs %s, 20015998343868", reg(8, a));
}

/* All shapes of address for one register. */
static const struct {
    enum x64_prefetch kind;
    const char *name;
} prefetches[] = {{PREFETCH_NTA, "prefetchnta"}, {PREFETCH_T0, "prefetcht0"}, {PREFETCH_T1, "prefetcht1"},
                  {PREFETCH_T2, "prefetcht2"},   {PREFETCH_WRITE, "prefetchw"}};

static void test_memory(int a, struct x64_mem m, const char *text)
{
    for (unsigned i = 0; i < ARRAY_LEN(prefetches); i++) {
        emit_prefetch(&e, prefetches[i].kind, m);
        want("%s byte ptr %s", prefetches[i].name, text);
    }
    for (unsigned i = 0; i < 4; i++) {
        unsigned sz = sizes[i];
        const char *ra = reg(sz, a), *n = size_name(sz);
        emit_store(&e, sz, m, a);
        want("mov %s ptr %s, %s", n, text, ra);
        emit_load(&e, sz, a, m);
        if (sz < 4)
            want("movzx %s, %s ptr %s", reg(4, a), n, text);
        else
            want("mov %s, %s ptr %s", ra, n, text);
        if (sz < 8) {
            emit_loads(&e, sz, 8, a, m);
            want("%s %s, %s ptr %s", sz == 4 ? "movsxd" : "movsx", reg(8, a), n, text);
        }
        emit_store_i(&e, sz, m, 77);
        want("mov %s ptr %s, 77", n, text);
        emit_alu_rm(&e, ALU_SUB, sz, a, m);
        want("sub %s, %s ptr %s", ra, n, text);
        emit_alu_mr(&e, ALU_CMP, sz, m, a);
        want("cmp %s ptr %s, %s", n, text, ra);
        emit_alu_mi(&e, ALU_AND, sz, m, 9);
        want("and %s ptr %s, 9", n, text);
        emit_test_mi(&e, sz, m, 9);
        want("test %s ptr %s, 9", n, text);
        if (sz >= 4) {
            emit_rorx_m(&e, sz, a, m, 9);
            want("rorx %s, %s ptr %s, 9", ra, n, text);
            emit_shiftx_m(&e, SHIFT_SAR, sz, a, m, 11);
            want("sarx %s, %s ptr %s, %s", ra, n, text, reg(sz, 11));
            emit_mulx_m(&e, sz, a, 3, m);
            want("mulx %s, %s, %s ptr %s", ra, reg(sz, 3), n, text);
        }
        emit_xchg_mr(&e, sz, m, a);
        want("xchg %s ptr %s, %s", n, text, ra);
        emit_lock_xadd(&e, sz, m, a);
        want("lock xadd %s ptr %s, %s", n, text, ra);
        emit_lock_cmpxchg(&e, sz, m, a);
        want("lock cmpxchg %s ptr %s, %s", n, text, ra);
        emit_lock_alu_mr(&e, ALU_OR, sz, m, a);
        want("lock or %s ptr %s, %s", n, text, ra);
        if (sz < 4)
            continue;
        emit_lea(&e, sz, a, m);
        want("lea %s, %s", ra, text);
        emit_cmov_rm(&e, CC_L, sz, a, m);
        want("cmovl %s, %s ptr %s", ra, n, text);
        emit_imul_rm(&e, sz, a, m);
        want("imul %s, %s ptr %s", ra, n, text);
    }
    emit_lock_cmpxchg16b(&e, m);
    want("lock cmpxchg16b xmmword ptr %s", text);
    emit_jmp_m(&e, m);
    want("jmp qword ptr %s", text);
    emit_call_m(&e, m);
    want("call qword ptr %s", text);
    char place[80];
    for (unsigned v = 0; v < 2; v++) {
        const char *p = v ? "v" : "";
        begin(v);
        emit_v_rm(&e, V_MOVUPS, a, m, -1);
        want("%smovups xmm%d, xmmword ptr %s", p, a, text);
        emit_v_mr(&e, V_MOVAPS_ST, m, a, -1);
        want("%smovaps xmmword ptr %s, xmm%d", p, text, a);
        emit_v_rm(&e, V_MOVSS, a, m, -1);
        want("%smovss xmm%d, dword ptr %s", p, a, text);
        emit_v_mr(&e, V_MOVQ_ST, m, a, -1);
        want("%smovq qword ptr %s, xmm%d", p, text, a);
        emit_v_rm(&e, V_MOVQ, a, m, -1);
        want("%smovq xmm%d, qword ptr %s", p, a, text);
        emit_v_rrm(&e, V_PADDB, a, a, m, -1);
        snprintf(place, sizeof place, "xmmword ptr %s", text);
        want_xmm(v, "paddb", a, place, "");
        emit_v_rm(&e, V_ROUNDPS, a, m, 3);
        want("%sroundps xmm%d, xmmword ptr %s, 3", p, a, text);
    }
}

struct vector_case {
    x64_vop op;
    const char *name;
    int imm;
    bool two; /* operands: no first source */
};
#define N(op, name)                                                                                \
    {                                                                                              \
        op, name, -1, false                                                                        \
    }
#define T(op, name)                                                                                \
    {                                                                                              \
        op, name, -1, true                                                                         \
    }
static const struct vector_case vectors[] = {
    N(V_PADDB, "paddb"),
    N(V_PADDW, "paddw"),
    N(V_PADDD, "paddd"),
    N(V_PADDQ, "paddq"),
    N(V_PSUBB, "psubb"),
    N(V_PSUBW, "psubw"),
    N(V_PSUBD, "psubd"),
    N(V_PSUBQ, "psubq"),
    N(V_PMULLW, "pmullw"),
    N(V_PMULLD, "pmulld"),
    N(V_PMULHW, "pmulhw"),
    N(V_PMULHUW, "pmulhuw"),
    N(V_PMULUDQ, "pmuludq"),
    N(V_PMULDQ, "pmuldq"),
    N(V_PMADDWD, "pmaddwd"),
    N(V_PMADDUBSW, "pmaddubsw"),
    N(V_PMULHRSW, "pmulhrsw"),
    N(V_PAND, "pand"),
    N(V_PANDN, "pandn"),
    N(V_POR, "por"),
    N(V_PXOR, "pxor"),
    T(V_PABSB, "pabsb"),
    T(V_PABSW, "pabsw"),
    T(V_PABSD, "pabsd"),
    N(V_PADDSB, "paddsb"),
    N(V_PADDSW, "paddsw"),
    N(V_PADDUSB, "paddusb"),
    N(V_PADDUSW, "paddusw"),
    N(V_PSUBSB, "psubsb"),
    N(V_PSUBSW, "psubsw"),
    N(V_PSUBUSB, "psubusb"),
    N(V_PSUBUSW, "psubusw"),
    N(V_PAVGB, "pavgb"),
    N(V_PAVGW, "pavgw"),
    N(V_PMINUB, "pminub"),
    N(V_PMINUW, "pminuw"),
    N(V_PMINUD, "pminud"),
    N(V_PMINSB, "pminsb"),
    N(V_PMINSW, "pminsw"),
    N(V_PMINSD, "pminsd"),
    N(V_PMAXUB, "pmaxub"),
    N(V_PMAXUW, "pmaxuw"),
    N(V_PMAXUD, "pmaxud"),
    N(V_PMAXSB, "pmaxsb"),
    N(V_PMAXSW, "pmaxsw"),
    N(V_PMAXSD, "pmaxsd"),
    N(V_PCMPEQB, "pcmpeqb"),
    N(V_PCMPEQW, "pcmpeqw"),
    N(V_PCMPEQD, "pcmpeqd"),
    N(V_PCMPEQQ, "pcmpeqq"),
    N(V_PCMPGTB, "pcmpgtb"),
    N(V_PCMPGTW, "pcmpgtw"),
    N(V_PCMPGTD, "pcmpgtd"),
    N(V_PCMPGTQ, "pcmpgtq"),
    N(V_PSHUFB, "pshufb"),
    {V_PSHUFD, "pshufd", 0x1b, true},
    {V_PSHUFLW, "pshuflw", 0x1b, true},
    {V_SHUFPS, "shufps", 0x1b, false},
    {V_PALIGNR, "palignr", 3, false},
    {V_PBLENDW, "pblendw", 0x0f, false},
    {V_INSERTPS, "insertps", 0x1c, false},
    N(V_PUNPCKLBW, "punpcklbw"),
    N(V_PUNPCKLWD, "punpcklwd"),
    N(V_PUNPCKLDQ, "punpckldq"),
    N(V_PUNPCKLQDQ, "punpcklqdq"),
    N(V_PUNPCKHBW, "punpckhbw"),
    N(V_PUNPCKHWD, "punpckhwd"),
    N(V_PUNPCKHDQ, "punpckhdq"),
    N(V_PUNPCKHQDQ, "punpckhqdq"),
    N(V_PACKSSWB, "packsswb"),
    N(V_PACKSSDW, "packssdw"),
    N(V_PACKUSWB, "packuswb"),
    N(V_PACKUSDW, "packusdw"),
    T(V_PMOVSXBW, "pmovsxbw"),
    T(V_PMOVSXWD, "pmovsxwd"),
    T(V_PMOVSXDQ, "pmovsxdq"),
    T(V_PMOVZXBW, "pmovzxbw"),
    T(V_PMOVZXWD, "pmovzxwd"),
    T(V_PMOVZXDQ, "pmovzxdq"),
    N(V_PHADDW, "phaddw"),
    N(V_PHADDD, "phaddd"),
    T(V_PTEST, "ptest"),
    T(V_MOVDDUP, "movddup"),
    T(V_MOVAPS, "movaps"),
    T(V_MOVQ, "movq"),
    N(V_AESENC, "aesenc"),
    N(V_AESENCLAST, "aesenclast"),
    N(V_AESDECLAST, "aesdeclast"),
    T(V_AESIMC, "aesimc"),
    N(V_FP(V_FADD, FP_PS), "addps"),
    N(V_FP(V_FADD, FP_SD), "addsd"),
    N(V_FP(V_FSUB, FP_PD), "subpd"),
    N(V_FP(V_FMUL, FP_SS), "mulss"),
    N(V_FP(V_FDIV, FP_SD), "divsd"),
    N(V_FP(V_FMIN, FP_PS), "minps"),
    N(V_FP(V_FMAX, FP_SD), "maxsd"),
    T(V_FP(V_FSQRT, FP_PD), "sqrtpd"),
    T(V_UCOMISS, "ucomiss"),
    T(V_UCOMISD, "ucomisd"),
    T(V_COMISS, "comiss"),
    T(V_COMISD, "comisd"),
    {V_ROUNDPD, "roundpd", 2, true},
    {V_ROUNDSS, "roundss", 2, false},
    {V_ROUNDSD, "roundsd", 11, false},
    N(V_CVTSS2SD, "cvtss2sd"),
    N(V_CVTSD2SS, "cvtsd2ss"),
    T(V_CVTPS2PD, "cvtps2pd"),
    T(V_CVTPD2PS, "cvtpd2ps"),
    T(V_CVTDQ2PS, "cvtdq2ps"),
    T(V_CVTTPS2DQ, "cvttps2dq"),
};

static void test_vectors(int a, int b)
{
    for (unsigned i = 0; i < ARRAY_LEN(vectors); i++) {
        const struct vector_case *v = &vectors[i];
        char imm[16] = "";
        if (v->imm >= 0)
            snprintf(imm, sizeof imm, ", %d", v->imm);
        begin(false);
        if (v->two)
            emit_v_rr(&e, v->op, a, b, v->imm);
        else
            emit_v_rrr(&e, v->op, a, a, b, v->imm);
        want("%s xmm%d, xmm%d%s", v->name, a, b, imm);
        begin(true);
        int c = (a + b) & 15;
        if (v->two) {
            emit_v_rr(&e, v->op, a, b, v->imm);
            want("v%s xmm%d, xmm%d%s", v->name, a, b, imm);
        } else {
            emit_v_rrr(&e, v->op, a, c, b, v->imm);
            want("v%s xmm%d, xmm%d, xmm%d%s", v->name, a, c, b, imm);
        }
    }
    int c = (a + b) & 15;
    for (unsigned x = 0; x < 2; x++) {
        const char *p = x ? "v" : "";
        begin(x);
        for (unsigned sz = 4; sz <= 8; sz += 4) {
            emit_movd_xr(&e, sz, a, b);
            want("%smov%s xmm%d, %s", p, sz == 4 ? "d" : "q", a, reg(sz, b));
            emit_movd_rx(&e, sz, a, b);
            want("%smov%s %s, xmm%d", p, sz == 4 ? "d" : "q", reg(sz, a), b);
            emit_pextr(&e, sz, a, b, 1);
            want("%spextr%s %s, xmm%d, 1", p, sz == 4 ? "d" : "q", reg(sz, a), b);
            emit_v_to_gpr(&e, V_CVTTSD2SI, sz, a, b);
            want("%scvttsd2si %s, xmm%d", p, reg(sz, a), b);
        }
        emit_pinsr(&e, 8, a, a, b, 1);
        want_xmm(x, "pinsrq", a, reg(8, b), ", 1");
        emit_pinsr(&e, 2, a, a, b, 5);
        want_xmm(x, "pinsrw", a, reg(4, b), ", 5");
        emit_pinsr(&e, 1, a, a, b, 5);
        want_xmm(x, "pinsrb", a, reg(4, b), ", 5");
        emit_pextr(&e, 1, a, b, 5);
        want("%spextrb %s, xmm%d, 5", p, reg(4, a), b);
        emit_v_from_gpr(&e, V_CVTSI2SD, 8, a, a, b);
        want_xmm(x, "cvtsi2sd", a, reg(8, b), "");
        emit_v_shift(&e, 0x72, 2, a, x ? b : a, 7);
        if (x)
            want("vpsrld xmm%d, xmm%d, 7", a, b);
        else
            want("psrld xmm%d, 7", a);
        emit_v_shift(&e, 0x73, 3, a, x ? b : a, 7);
        if (x)
            want("vpsrldq xmm%d, xmm%d, 7", a, b);
        else
            want("psrldq xmm%d, 7", a);
    }
    emit_v_blendvb(&e, a, b, c, (a + 5) & 15);
    want("vpblendvb xmm%d, xmm%d, xmm%d, xmm%d", a, b, c, (a + 5) & 15);
    emit_vex_rrr(&e, V_FMADD231PD, a, b, c, -1);
    want("vfmadd231pd xmm%d, xmm%d, xmm%d", a, b, c);
    emit_vex_rrr(&e, V_FMADD231SS, a, b, c, -1);
    want("vfmadd231ss xmm%d, xmm%d, xmm%d", a, b, c);
    /* EVEX reaches xmm16..31. */
    int a2 = a + 16 * (b & 1), b2 = b + 16 * (a & 1), c2 = c + 16 * (a >> 1 & 1);
    emit_evex_rrr(&e, V_PMULLQ, a2, b2, c2, -1);
    want("vpmullq xmm%d, xmm%d, xmm%d", a2, b2, c2);
    emit_evex_rrr(&e, V_TERNLOGD, a2, b2, c2, 0xca);
    want("vpternlogd xmm%d, xmm%d, xmm%d, 202", a2, b2, c2);
    emit_evex_rrr(&e, V_POPCNTB, a2, -1, c2, -1);
    want("vpopcntb xmm%d, xmm%d", a2, c2);
    emit_evex_rr(&e, V_MOVAPS, a2, c2);
    want("vmovaps xmm%d, xmm%d", a2, c2);
    emit_movd_rx(&e, 8, a, b + 16);
    want("vmovq %s, xmm%d", reg(8, a), b + 16);
    emit_movd_rx(&e, 4, a, b + 16);
    want("vmovd %s, xmm%d", reg(4, a), b + 16);
    if ((b & 7) != RSP) {
        emit_evex_rm(&e, V_MOVAPS, a2, mem_at(b, 0x20));
        want("vmovaps xmm%d, xmmword ptr [%s + 32]", a2, reg(8, b));
        emit_evex_rm(&e, V_MOVAPS_ST, a + 16, mem_at(b, -0x200));
        want("vmovaps xmmword ptr [%s - 512], xmm%d", reg(8, b), a + 16);
    }
    emit_evex_to_gpr(&e, V_CVTTSD2USI, 8, a, b2);
    want("vcvttsd2usi %s, xmm%d", reg(8, a), b2);
    emit_evex_from_gpr(&e, V_CVTUSI2SS, 8, a2, b2, c);
    want("vcvtusi2ss xmm%d, xmm%d, %s", a2, b2, reg(8, c));
}

/* An address of 32 bits: a few of the forms (LLVM 14 does not know all with this prefix). */
static void test_wrapped(int a, struct x64_mem m, const char *text)
{
    for (unsigned i = 0; i < 4; i++) {
        emit_store(&e, sizes[i], m, a);
        want("mov %s ptr %s, %s", size_name(sizes[i]), text, reg(sizes[i], a));
    }
    emit_lea(&e, 8, a, m);
    want("lea %s, %s", reg(8, a), text);
    emit_rorx_m(&e, 8, a, m, 9);
    want("rorx %s, qword ptr %s, 9", reg(8, a), text);
    for (unsigned vex = 0; vex < 2; vex++) {
        e.vex = vex;
        emit_v_rm(&e, V_MOVAPS, a, m, -1);
        want("%smovaps xmm%d, xmmword ptr %s", vex ? "v" : "", a, text);
    }
    e.vex = false;
}

static void test_all(void)
{
    begin(false);
    for (int a = 0; a < 16; a++) {
        test_r(a);
        for (int b = 0; b < 16; b++) {
            test_rr(a, b);
            test_vectors(a, b);
            char text[64];
            snprintf(text, sizeof text, "[%s]", reg(8, b));
            test_memory(a, mem_at(b, 0), text);
            snprintf(text, sizeof text, "[%s - 128]", reg(8, b));
            test_memory(a, mem_at(b, -128), text);
            int index = (a + 3) & 15;
            if (index == RSP)
                continue;
            snprintf(text, sizeof text, "[%s + 4*%s + 4096]", reg(8, b), reg(8, index));
            test_memory(a,
                        (struct x64_mem){
                            .base = (int8_t)b, .index = (int8_t)index, .scale = 2, .disp = 4096},
                        text);
            snprintf(text, sizeof text, "[%s + 2*%s - 64]", reg(4, b), reg(4, index));
            test_wrapped(
                a, (struct x64_mem){.base = (int8_t)b, .index = (int8_t)index, .scale = 1, .wrap32 = true, .disp = -64},
                text);
            snprintf(text, sizeof text, "[8*%s + 16]", reg(8, index));
            test_memory(
                a, (struct x64_mem){.base = -1, .index = (int8_t)index, .scale = 3, .disp = 16},
                text);
        }
    }
    emit_lahf(&e);
    want("lahf");
    emit_sahf(&e);
    want("sahf");
    emit_cmc(&e);
    want("cmc");
    emit_ret(&e);
    want("ret");
    emit_cqo(&e, 8);
    want("cqo");
    emit_cqo(&e, 4);
    want("cdq");
    emit_ldmxcsr(&e, mem_at(RBP, 8));
    want("ldmxcsr dword ptr [rbp + 8]");
    emit_stmxcsr(&e, mem_at(RBP, 8));
    want("stmxcsr dword ptr [rbp + 8]");
}

/* Tabs become blanks; a comment goes. */
static void normalise(char *s)
{
    char *out = s;
    while (*s == ' ' || *s == '\t')
        s++;
    for (; *s && *s != '\n' && *s != '#'; s++)
        *out++ = *s == '\t' ? ' ' : *s;
    while (out[-1] == ' ')
        out--;
    *out = 0;
}

int main(void)
{
    const char *mc = system("llvm-mc --version >/dev/null 2>&1") == 0      ? "llvm-mc"
                     : system("llvm-mc-14 --version >/dev/null 2>&1") == 0 ? "llvm-mc-14"
                                                                           : NULL;
    if (!mc)
        return 77;
    char in[] = "/tmp/emit-test-XXXXXX", command[256], line[256];
    int fd = mkstemp(in);
    if (fd < 0 || !(bytes_file = fdopen(fd, "w")))
        return 1;
    test_all();
    fclose(bytes_file);
    snprintf(command, sizeof command,
             "%s --disassemble --triple=x86_64 --output-asm-variant=1 "
             "--mattr=+avx512f,+avx512vl,+avx512dq,+avx512bw,"
             "+avx512bitalg,+avx512cd,+gfni,+bmi,+bmi2 < %s",
             mc, in);
    FILE *out = popen(command, "r");
    size_t n = 0;
    unsigned failures = 0;
    while (out && fgets(line, sizeof line, out)) {
        if (strstr(line, ".text") || line[0] == '\n')
            continue;
        normalise(line);
        /* lock is printed on a line of its own */
        if (strcmp(line, "lock") == 0) {
            char rest[200];
            if (!fgets(rest, sizeof rest, out))
                break;
            normalise(rest);
            snprintf(line + 4, sizeof line - 4, " %s", rest);
        }
        if (n < wanted_count && strcmp(line, wanted[n]) != 0 && failures++ < 40)
            printf("wanted %s\n   got %s\n", wanted[n], line);
        n++;
    }
    if (out)
        pclose(out);
    remove(in);
    if (n != wanted_count) {
        printf("%zu instructions asked for, %zu read back\n", wanted_count, n);
        failures++;
    }
    printf("%zu instructions, %u failures\n", wanted_count, failures);
    return failures != 0;
}
