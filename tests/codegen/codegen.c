/* Counts the host instructions that guest sequences become, and compares with what a file records: every
 * change of code quality shows in its diff.
 *
 *     codegen FILE [--bless | --show TITLE]
 *
 * The processor's features are set, not found, so that the numbers are the same everywhere: nothing that is
 * compiled here runs.  arm64.txt says what is counted. */
#include "guest/arm64/state.h"
#include "guest/guest.h"
#include "host/x64/x64.h"
#include "opt/opt.h"
#include <capstone/capstone.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BASE 0x400000u
#define WORDS 16

struct sequence {
    uint32_t words[WORDS];
    unsigned count;
};

static bool fetch(void *ctx, uint64_t addr, void *buf, size_t n)
{
    const struct sequence *s = ctx;

    if (addr < BASE || addr - BASE + n > sizeof(s->words))
        return false;
    memcpy(buf, (const char *)s->words + (addr - BASE), n);
    return true;
}

/* Length of an EVEX instruction: not every Capstone knows them all. */
static unsigned evex_length(const uint8_t *p)
{
    unsigned map = p[1] & 3, mod = p[5] >> 6, rm = p[5] & 7;
    unsigned n = 6 + (map == 3 || (map == 1 && p[4] >= 0x70 && p[4] <= 0x73));

    if (mod == 3)
        return n;
    return n + (rm == 4) + (mod == 1 ? 1 : mod == 2 || (mod == 0 && rm == 5) ? 4 : 0);
}

/* Instructions of the unit's body; -1: it does not compile. */
static int count(csh cs, struct sequence *s, uint32_t features, bool show)
{
    static _Alignas(64) uint8_t code[1 << 16];
    struct guest_request rq = {
        .pc = BASE, .max_insns = s->count, .fetch = fetch, .fetch_ctx = s};
    struct arena arena = {0};
    struct ir_unit u;
    struct host_code out;
    const struct host_buffer buf = {.rw = code, .size = sizeof(code)};
    cs_insn *insn = cs_malloc(cs);
    int n = 0;

    x64_features = features;
    ir_unit_init(&u, &arena, guest_arm64.slots, guest_arm64.slot_count);
    guest_arm64.translate(&u, &rq);
    opt_run(&u, &(struct opt_config){.enabled = true, .flags_slot = ARM64_NZCV});
    if (host_x64.compile(&u, &buf, &out) == 0) {
        const uint8_t *p = code;
        size_t left = out.size;
        uint64_t pc = BASE;

        while (left) {
            if (p[0] == 0x62) {
                unsigned size = evex_length(p);

                if (show)
                    printf("    EVEX, %u bytes\n", size);
                p += size;
                left -= size;
                n++;
                continue;
            }
            if (!cs_disasm_iter(cs, &p, &left, &pc, insn)) {
                n = -1;
                break;
            }
            bool end = !strcmp(insn->mnemonic, "jmp") || !strcmp(insn->mnemonic, "ret");

            if (show)
                printf("    %s %s\n", insn->mnemonic, insn->op_str);
            n += strcmp(insn->mnemonic, "nop") != 0;
            if (end)
                break;
        }
    } else {
        n = -1;
    }
    cs_free(insn, 1);
    arena_free(&arena);
    return n;
}

/* "baseline all title: words ; ..." */
static bool parse(char *line, int want[2], char **title, struct sequence *s)
{
    int skip = 0;

    if (sscanf(line, "%d %d %n", &want[0], &want[1], &skip) < 2)
        return false;
    *title = line + skip;
    char *p = strchr(*title, ':');
    if (!p)
        return false;
    for (p++; s->count < WORDS; s->count++) {
        char *end;
        uint32_t w = (uint32_t)strtoul(p, &end, 16);

        if (end == p)
            break;
        s->words[s->count] = w;
        p = end;
    }
    return s->count > 0;
}

static int process(FILE *in, FILE *out, const char *show)
{
    static _Alignas(64) uint8_t room[1 << 14];
    struct host_buffer stubs = {.rw = room, .size = sizeof(room)};
    char line[1024], text[1024];
    int different = 0;
    csh cs;

    if (cs_open(CS_ARCH_X86, CS_MODE_64, &cs) != CS_ERR_OK || !host_x64.init(&guest_arm64, &stubs))
        return 77;
    while (fgets(line, sizeof(line), in)) {
        struct sequence s = {.count = 0};
        int want[2], got[2];
        char *title;

        strcpy(text, line);
        if (line[0] == '#' || line[0] == '\n') {
            if (out)
                fputs(text, out);
            continue;
        }
        if (!parse(line, want, &title, &s)) {
            fprintf(stderr, "cannot read: %s", text);
            return 2;
        }
        bool shown = show && !strncmp(title, show, strlen(show));
        got[0] = count(cs, &s, 0, false);
        got[1] = count(cs, &s, 0xfff, shown);
        if (out)
            fprintf(out, "%3d %3d  %s", got[0], got[1], text + (title - line));
        else if (!show && (got[0] != want[0] || got[1] != want[1])) {
            *strchr(title, ':') = 0;
            printf("%s: %d and %d instructions, recorded %d and %d\n", title, got[0], got[1], want[0],
                   want[1]);
            different = 1;
        }
    }
    cs_close(&cs);
    return different;
}

int main(int argc, char **argv)
{
    bool bless = argc == 3 && !strcmp(argv[2], "--bless");
    const char *show = argc == 4 && !strcmp(argv[2], "--show") ? argv[3] : NULL;
    FILE *in, *out = NULL;
    char *anew = NULL;
    size_t size = 0;

    if (argc < 2 || (argc > 2 && !bless && !show) || !(in = fopen(argv[1], "r"))) {
        fprintf(stderr, "usage: codegen FILE [--bless | --show TITLE]\n");
        return 2;
    }
    if (bless)
        out = open_memstream(&anew, &size);
    int status = process(in, out, show);
    fclose(in);
    if (!out)
        return status;
    fclose(out);
    if (status == 0 && (out = fopen(argv[1], "w")) != NULL) {
        fwrite(anew, 1, size, out);
        fclose(out);
    }
    free(anew);
    return status;
}
