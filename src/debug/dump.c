/* Dumps of units: guest disassembly and IR as lifted, IR as optimised, host code.  Each stage of a unit
 * is written under one lock, so that threads do not mix; the stages of one unit may be apart.
 *
 * For profilers: perf looks for names of code in memory in /tmp/perf-PID.map, lines "START SIZE NAME" (tools/perf's
 * jit-interface.txt).  Code that was evicted stays in the file. */
#include "debug/dump.h"
#include "debug/counts.h"
#include "debug/disassemble.h"
#include "debug/symbols.h"
#include "engine/engine.h"
#include "memory/memory.h"
#include "support/fd.h"
#include "support/log.h"
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct debug_dump {
    const struct guest *guest;
    const struct host *host;
    bool stage[3];      /* by enum engine_stage */
    bool perf, counts;
    int perf_fd;
    pid_t perf_pid;     /* whose file perf_fd is */
    bool only;          /* units that cover `address` */
    uint64_t address;
    pthread_mutex_t lock;
};

static bool parse_spec(struct debug_dump *d, const char *spec)
{
    static const char *const names[] = {"ir", "opt", "asm", "perf", "counts"};
    for (;;) {
        unsigned n = 0;
        size_t length = strcspn(spec, ",=");
        while (n < ARRAY_LEN(names) && (strlen(names[n]) != length || memcmp(names[n], spec, length) != 0))
            n++;
        if (n == ARRAY_LEN(names))
            return false;
        if (n == ARRAY_LEN(d->stage))
            d->perf = true;
        else if (n > ARRAY_LEN(d->stage))
            d->counts = true;
        else
            d->stage[n] = true;
        spec += length;
        if (*spec == '\0')
            return true;
        if (*spec++ == '=')
            break;
    }
    char *end;
    d->only = true;
    d->address = strtoull(spec, &end, 0);
    return end != spec && *end == '\0';
}

struct debug_dump *debug_dump_open(const char *spec, const struct guest *guest, const struct host *host)
{
    struct debug_dump *d = calloc(1, sizeof *d);
    if (d == NULL || !parse_spec(d, spec)) {
        log_warn("--dump=%s: wanted any of ir,opt,asm,perf,counts, then perhaps =ADDRESS (0x...)", spec);
        free(d);
        return NULL;
    }
    d->guest = guest;
    d->host = host;
    pthread_mutex_init(&d->lock, NULL);
    return d;
}

/* One line of the log for each line of text. */
static void print_lines(const char *indent, const char *text)
{
    while (*text != '\0') {
        size_t n = strcspn(text, "\n");
        log_raw("%s%.*s\n", indent, (int)n, text);
        text += n + (text[n] == '\n');
    }
}

void debug_dump_guest(const struct guest *guest, uint64_t pc, uint64_t size)
{
    uint64_t end = pc + size;
    while (pc < end) {
        char text[160], hex[40] = "";
        uint8_t bytes[16];
        size_t n = sizeof bytes;
        while (n != 0 && !memory_read(bytes, pc, n)) /* near the end of a mapping */
            n /= 2;
        unsigned length = n != 0 ? guest->disassemble(pc, bytes, n, text, sizeof text) : 0;
        if (length == 0) {
            log_raw("    %012llx: ?\n", (unsigned long long)pc);
            return;
        }
        /* Units of code are shown as numbers: instructions of a fixed size are known by them. */
        uint32_t word;
        memcpy(&word, bytes, sizeof word);
        if (guest->insn_align == 4) {
            snprintf(hex, sizeof hex, "%08x", word);
        } else {
            for (unsigned i = 0; i < length && 2 * i + 2 < sizeof hex; i++)
                snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
        }
        log_raw("    %012llx: %s  %s\n", (unsigned long long)pc, hex, text);
        pc += length;
    }
}

static void dump_host(const struct debug_dump *d, const uint8_t *code, size_t size)
{
    if (d->host->disassemble == NULL) {
        disassemble_host(code, size);
        return;
    }
    for (size_t at = 0; at < size;) {
        char text[200];
        uint64_t pc = (uint64_t)(uintptr_t)(code + at);
        unsigned length = d->host->disassemble(code + at, size - at, pc, text, sizeof text);
        if (length == 0)
            return;
        log_raw("    %012llx: %s\n", (unsigned long long)pc, text);
        at += length;
    }
}

static void dump_stage(const struct debug_dump *d, enum engine_stage stage, const struct ir_unit *u, const void *code, size_t size)
{
    unsigned long long pc = u->pc;
    const char *what = u->follows ? "region" : "unit";
    switch (stage) {
    case ENGINE_STAGE_LIFTED:
        log_raw("%s %#llx, guest code (%u bytes, %u instructions):\n", what, pc, u->size, u->insn_count);
        debug_dump_guest(d->guest, u->pc, u->size);
        log_raw("%s %#llx, IR:\n", what, pc);
        print_lines("    ", ir_print(u));
        break;
    case ENGINE_STAGE_OPTIMISED:
        log_raw("%s %#llx, optimised:\n", what, pc);
        print_lines("    ", ir_print(u));
        break;
    case ENGINE_STAGE_COMPILED:
        log_raw("%s %#llx, host code (%zu bytes) at %p:\n", what, pc, size, code);
        dump_host(d, code, size);
        break;
    }
}

/* A line for perf.  A child of fork has a file of its own, without what it inherited. */
static void perf_line(struct debug_dump *d, const struct ir_unit *u, const void *code, size_t size)
{
    char name[256], line[320], path[64];
    if (d->perf_pid != getpid()) {
        if (d->perf_pid)
            fd_own_close(d->perf_fd);
        d->perf_pid = getpid();
        snprintf(path, sizeof path, "/tmp/perf-%d.map", (int)d->perf_pid);
        unlink(path); /* in a directory of all: never somebody else's file */
        d->perf_fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
        if (d->perf_fd >= 0)
            d->perf_fd = fd_own(d->perf_fd);
        else
            log_warn("--dump=perf: %s cannot be written", path);
    }
    symbols_name(u->pc, name, sizeof name);
    int n = snprintf(line, sizeof line, "%llx %zx %s%s\n", (unsigned long long)(uintptr_t)code, size, name,
                     u->follows ? " region" : "");
    if (d->perf_fd >= 0 && write(d->perf_fd, line, (size_t)n) != n) {
        log_warn("--dump=perf: the file cannot be written any further");
        fd_own_close(d->perf_fd);
        d->perf_fd = -1;
    }
}

void debug_dump_unit(void *ctx, int stage, struct ir_unit *u, const void *code, size_t size)
{
    struct debug_dump *d = ctx;
    bool perf = d->perf && stage == ENGINE_STAGE_COMPILED, counts = d->counts && stage == ENGINE_STAGE_LIFTED;
    if ((unsigned)stage >= ARRAY_LEN(d->stage) || !(d->stage[stage] || perf || counts))
        return;
    if (d->only && !(d->address == u->pc || d->address - u->pc < u->size))
        return;
    pthread_mutex_lock(&d->lock);
    if (perf)
        perf_line(d, u, code, size);
    if (d->stage[stage])
        dump_stage(d, (enum engine_stage)stage, u, code, size);
    if (counts)
        counts_add(d->guest, u);
    pthread_mutex_unlock(&d->lock);
}

void debug_dump_end(struct debug_dump *d)
{
    pthread_mutex_lock(&d->lock);
    if (d->counts)
        counts_print(d->guest);
    pthread_mutex_unlock(&d->lock);
}
