/* See compile.h. */
#include "compile.h"
#include "guest/arm64/state.h"
#include "host/x64/x64.h"
#include "opt/opt.h"
#include <capstone/capstone.h>
#include <stdio.h>
#include <string.h>

#define CODE_SIZE (1u << 17)

static csh capstone;
static uint32_t insn_at[COMPILE_WORDS + 1]; /* where the host code of each guest instruction begins */
static unsigned insn_count;

static bool fetch(void *ctx, uint64_t addr, void *buf, size_t n)
{
    const struct sequence *s = ctx;

    if (addr < COMPILE_BASE || addr - COMPILE_BASE + n > sizeof(s->words))
        return false;
    memcpy(buf, (const char *)s->words + (addr - COMPILE_BASE), n);
    return true;
}

static bool flags_dead(void *ctx, uint64_t pc)
{
    const struct sequence *s = ctx;

    for (unsigned i = 0; i < s->dead_count; i++)
        if (pc == COMPILE_BASE + (uint64_t)(int64_t)s->dead[i])
            return true;
    return false;
}

static void on_insn(uint32_t offset)
{
    if (insn_count < COMPILE_WORDS)
        insn_at[insn_count++] = offset;
}

bool compile_init(void)
{
    static _Alignas(64) uint8_t room[1 << 14];
    struct host_buffer stubs = {.rw = room, .size = sizeof(room)};

    x64_on_insn = on_insn;
    return cs_open(CS_ARCH_X86, CS_MODE_64, &capstone) == CS_ERR_OK && cs_option(capstone, CS_OPT_DETAIL, CS_OPT_ON) == CS_ERR_OK &&
           host_x64.init(&guest_arm64, &stubs);
}

/* Length of an EVEX instruction, or of one with a VEX prefix of three bytes; 0: it is neither.  Not every Capstone knows
 * them all. */
static unsigned vector_length(const uint8_t *p)
{
    bool evex = p[0] == 0x62;

    if (!evex && p[0] != 0xc4)
        return 0;
    unsigned map = p[1] & (evex ? 3 : 31), op = p[evex ? 4 : 3];
    const uint8_t *modrm = p + (evex ? 5 : 4);
    unsigned mod = *modrm >> 6, rm = *modrm & 7;
    unsigned n = (evex ? 6 : 5) + (map == 3 || (map == 1 && op >= 0x70 && op <= 0x73));

    if (mod == 3)
        return n;
    return n + (rm == 4) + (mod == 1 ? 1 : mod == 2 || (mod == 0 && rm == 5) ? 4 : 0);
}

static bool calls_evaluator(const cs_insn *insn)
{
    const cs_x86_op *op = &insn->detail->x86.operands[0];
    struct x64_mem m = mem_area(AREA_EVAL);

    return insn->id == X86_INS_CALL && op->type == X86_OP_MEM && op->mem.base == X86_REG_RBP && op->mem.disp == m.disp;
}

/* Goes through the body; false where it cannot be read. */
static bool walk(const uint8_t *code, size_t size, int host[COMPILE_WORDS], bool show)
{
    const uint8_t *p = code;
    uint64_t pc = COMPILE_BASE;
    cs_insn *insn = cs_malloc(capstone);
    unsigned i = 0;
    bool end = false;

    while (!end && size) {
        int n = 1;

        while (i + 1 < insn_count && (size_t)(p - code) >= insn_at[i + 1])
            i++;
        if (p[0] != 0x62 && cs_disasm_iter(capstone, &p, &size, &pc, insn)) {
            if (show)
                printf("    %2u: %s %s\n", i, insn->mnemonic, insn->op_str);
            end = insn->id == X86_INS_JMP || insn->id == X86_INS_RET;
            n = insn->id == X86_INS_NOP ? 0 : calls_evaluator(insn) ? COMPILE_EVAL : 1;
        } else {
            unsigned length = vector_length(p);

            if (!length) {
                cs_free(insn, 1);
                return false;
            }
            if (show)
                printf("    %2u: a vector instruction of %u bytes\n", i, length);
            p += length;
            size -= length;
            pc += length;
        }
        host[i] += n;
    }
    cs_free(insn, 1);
    return true;
}

int compile_count(struct sequence *s, uint32_t features, int host[COMPILE_WORDS], bool show)
{
    static _Alignas(64) uint8_t code[CODE_SIZE];
    struct guest_request rq = {.pc = COMPILE_BASE, .max_insns = s->count, .fetch = fetch, .fetch_ctx = s};
    struct arena arena = {0};
    struct ir_unit u;
    struct host_code out;
    const struct host_buffer buf = {.rw = code, .size = sizeof(code)};
    int sum = -1;

    x64_features = features;
    x64_homes_choose(&x64_target);
    insn_count = 0;
    ir_unit_init(&u, &arena, guest_arm64.slots, guest_arm64.slot_count);
    guest_arm64.translate(&u, &rq);
    opt_run(&u, &(struct opt_config){.enabled = true, .flags_slot = ARM64_NZCV, .flags_dead = flags_dead, .ctx = s});
    memset(host, 0, COMPILE_WORDS * sizeof(*host));
    if (host_x64.compile(&u, &buf, &out) == 0 && walk(code, out.size, host, show)) {
        sum = 0;
        for (unsigned i = 0; i < s->count; i++)
            sum += host[i];
    }
    arena_free(&arena);
    return sum;
}

void compile_text(uint32_t word, char *out, size_t size)
{
    guest_arm64.disassemble(COMPILE_BASE, (const uint8_t *)&word, sizeof(word), out, size);
}
