/* Runs units on a host without an engine.  The fault handler does what an engine's does: fills
 * cpu->fault from the signal, finds the unit by PC, and calls host.recover; a fault that nobody
 * recovers kills the process, as it should. */
#include "host/testing/harness.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#define CODE_SIZE (16u << 20)
#define STUB_SIZE (256u << 10)
#define UNIT_SIZE (1u << 20)

#define S(n, field, t, h) {n, offsetof(struct test_state, field), t, h}
#define S4(n, field, t, h) S(n "0", field[0], t, h), S(n "1", field[1], t, h), S(n "2", field[2], t, h), S(n "3", field[3], t, h)
static const struct ir_slot slots[TEST_SLOT_COUNT] = {
    S("r0", r[0], IR_I64, 9), S("r1", r[1], IR_I64, 9), S("r2", r[2], IR_I64, 8), S("r3", r[3], IR_I64, 8),
    S("r4", r[4], IR_I64, 7), S("r5", r[5], IR_I64, 7), S("r6", r[6], IR_I64, 5), S("r7", r[7], IR_I64, 5),
    S("r8", r[8], IR_I64, 5), S("r9", r[9], IR_I64, 3), S("r10", r[10], IR_I64, 3), S("r11", r[11], IR_I64, 0),
    S("r12", r[12], IR_I64, 0), S("r13", r[13], IR_I64, 0), S("r14", r[14], IR_I64, 6), S("r15", r[15], IR_I64, 0),
    S("sp", sp, IR_I64, 9), S("pc", pc, IR_I64, 0), S("flags", flags, IR_FLAGS, 9),
    S4("w", w, IR_I32, 0), S4("h", h, IR_I16, 0), S4("b", b, IR_I8, 0),
    S4("half", f16, IR_F16, 0), S4("single", f32, IR_F32, 0), S4("double", f64, IR_F64, 0),
    S4("q", q, IR_V64, 0),
    S4("v", v, IR_V128, 4),
    S("v4", v[4], IR_V128, 1), S("v5", v[5], IR_V128, 1), S("v6", v[6], IR_V128, 1), S("v7", v[7], IR_V128, 1),
    S("v8", v[8], IR_V128, 1), S("v9", v[9], IR_V128, 1), S("v10", v[10], IR_V128, 1), S("v11", v[11], IR_V128, 1),
    S("v12", v[12], IR_V128, 1), S("v13", v[13], IR_V128, 1), S("v14", v[14], IR_V128, 0), S("v15", v[15], IR_V128, 0),
    S4("y", y, IR_V256, 0),
    S("fpflags", fpflags, IR_I32, 0),
};

static struct test_state *state(struct cpu *cpu)
{
    return (struct test_state *)(void *)cpu->state;
}

static void helper_add(struct cpu *cpu, uint64_t arg)
{
    state(cpu)->r[0] += arg;
}
static void helper_swap(struct cpu *cpu, uint64_t arg)
{
    struct test_state *s = state(cpu);
    uint64_t t = s->r[1];
    s->r[1] = s->r[2];
    s->r[2] = t;
    s->r[3] = arg + 1;
}
static void helper_triple(struct cpu *cpu, uint64_t arg)
{
    state(cpu)->r[4] = arg * 3;
}
static guest_helper_fn *const helpers[] = {helper_add, helper_swap, helper_triple};

static void test_reset(struct cpu *cpu) {}
static uint32_t test_mode(const struct cpu *cpu) { return 0; }

const struct guest test_guest = {
    .name = "test",
    .slots = slots,
    .slot_count = TEST_SLOT_COUNT,
    .pc_slot = TEST_PC,
    .sp_slot = TEST_SP,
    .flags_slot = TEST_FLAGS,
    .insn_align = 4,
    .helpers = helpers,
    .helper_count = ARRAY_LEN(helpers),
    .reset = test_reset,
    .mode = test_mode,
};

static struct harness the;

static const struct host_unit *find_unit(uint64_t pc)
{
    for (unsigned i = 0; i < the.unit_count; i++)
        if (pc - (uint64_t)(uintptr_t)the.units[i].code < the.units[i].size)
            return &the.units[i];
    return NULL;
}

static void on_fault(int signal, siginfo_t *info, void *context)
{
    struct cpu *cpu = the.cpu;
    ucontext_t *uc = context;
    uint64_t pc = 0;
    cpu->fault = (struct cpu_fault){.signal = signal, .code = info->si_code, .address = (uint64_t)(uintptr_t)info->si_addr};
#if defined(__x86_64__)
    pc = (uint64_t)uc->uc_mcontext.gregs[REG_RIP];
    cpu->fault.write = uc->uc_mcontext.gregs[REG_ERR] & 2;
#elif defined(__aarch64__)
    pc = uc->uc_mcontext.pc;
#endif
    if (cpu->running && the.host->recover(cpu, find_unit(pc), uc)) {
        the.faults += cpu->exit_reason != IR_EXIT_ALIGN;
        return;
    }
    static const char text[] = "harness: a fault that the host does not recover\n";
    ssize_t n = write(2, text, sizeof text - 1);
    (void)n;
    struct sigaction sa = {.sa_handler = SIG_DFL};
    sigaction(signal, &sa, NULL);
}

static void *must_map(size_t size, int prot, int flags, int fd)
{
    void *p = mmap(NULL, size, prot, flags, fd, 0);
    if (p == MAP_FAILED) {
        perror("harness: mmap");
        exit(1);
    }
    return p;
}

void harness_catch_faults(void)
{
    struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigaction(SIGSEGV, &sa, NULL);
    sigaction(SIGBUS, &sa, NULL);
}

static void catch_faults(void)
{
    stack_t stack = {.ss_size = 64 << 10};
    stack.ss_sp = must_map(stack.ss_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    sigaltstack(&stack, NULL);
    harness_catch_faults();
}

struct harness *harness_open(const struct host *host)
{
    if (the.host != NULL)
        return the.host == host ? &the : NULL;
    int fd = memfd_create("code", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, CODE_SIZE) != 0) {
        perror("harness: memfd");
        exit(1);
    }
    the.rw = must_map(CODE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
    uint8_t *exec = must_map(CODE_SIZE, PROT_READ | PROT_EXEC, MAP_SHARED, fd);
    close(fd);
    the.exec_delta = exec - the.rw;
    the.size = CODE_SIZE;
    unsigned char *guarded = must_map(TEST_MEMORY + 2 * 65536, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    the.memory = guarded + 65536;
    mprotect(the.memory, TEST_MEMORY, PROT_READ | PROT_WRITE);
    catch_faults();

    struct cpu *cpu = aligned_alloc(64, align_up(sizeof *cpu, 64));
    memset(cpu, 0, sizeof *cpu);
    cpu->guest = &test_guest;
    cpu_jumps_init();
    cpu->jumps = cpu->own_jumps = malloc(sizeof *cpu->jumps << CPU_JUMP_BITS);
    the.cpu = cpu;
    struct host_buffer stubs = {.rw = the.rw, .exec_delta = the.exec_delta, .size = STUB_SIZE};
    if (!host->init(&test_guest, &stubs) || !host->cpu_init(cpu))
        return NULL;
    the.host = host;
    harness_reset(&the);
    return &the;
}

void harness_close(struct harness *h)
{
    if (h->host == NULL)
        return;
    harness_reset(h);
    h->host->cpu_exit(h->cpu);
    free(h->cpu->own_jumps);
    free(h->cpu);
    munmap(h->rw + h->exec_delta, h->size);
    munmap(h->rw, h->size);
    munmap(h->memory - 65536, TEST_MEMORY + 2 * 65536);
    *h = (struct harness){0};
}

void harness_reset(struct harness *h)
{
    h->used = STUB_SIZE;
    for (unsigned i = 0; i < h->unit_count; i++) {
        free((void *)(uintptr_t)h->units[i].map);
        free(h->sites[i]);
    }
    h->unit_count = 0;
    for (unsigned i = 0; i < 1u << CPU_JUMP_BITS; i++)
        h->cpu->own_jumps[i] = (struct cpu_jump){.pc = cpu_jump_none(i)};
    if (h->host->forget_returns != NULL)
        h->host->forget_returns(h->cpu);
}

int harness_compile(struct harness *h, const struct ir_unit *u, struct test_code *out)
{
    if (h->unit_count == ARRAY_LEN(h->units) || h->size - h->used < UNIT_SIZE)
        harness_reset(h);
    struct host_buffer buffer = {.rw = h->rw + h->used, .exec_delta = h->exec_delta, .size = UNIT_SIZE};
    out->code = (struct host_code){0};
    int error = h->host->compile(u, &buffer, &out->code);
    if (error != 0)
        return error;
    out->exec = buffer.rw + h->exec_delta;
    out->entry = out->exec + out->code.entry;
    void *map = malloc(out->code.map_size + 1); /* the original is in the unit's arena */
    if (out->code.map_size != 0)
        memcpy(map, out->code.map, out->code.map_size);
    h->sites[h->unit_count] = calloc(out->code.site_count + 1, sizeof(struct host_site)); /* ends with one at 0 */
    if (out->code.site_count != 0)
        memcpy(h->sites[h->unit_count], out->code.sites, out->code.site_count * sizeof(struct host_site));
    h->units[h->unit_count++] = (struct host_unit){.code = out->exec, .size = out->code.size, .map = map,
                                                   .map_size = out->code.map_size, .pc = u->pc};
    h->used = align_up(h->used + out->code.size, 64);
    return 0;
}

/* The engine's part: PC, where a unit was left by a site. */
static void settle_pc(struct harness *h)
{
    struct cpu *cpu = h->cpu;
    for (unsigned i = 0; i < h->unit_count; i++)
        for (const struct host_site *s = h->sites[i]; s->offset; s++)
            if (h->units[i].code + s->offset == (const uint8_t *)cpu->exit_site)
                CPU_SLOT(cpu, uint64_t, &cpu->guest->slots[cpu->guest->pc_slot]) = s->target;
}

void harness_run(struct harness *h, const void *entry)
{
    struct cpu *cpu = h->cpu;
    cpu->exit_reason = 0xdead;
    cpu->exit_site = NULL;
    cpu->exit_detail = 0;
    cpu->running = true;
    h->host->enter(cpu, entry);
    cpu->running = false;
    if (cpu->exit_site)
        settle_pc(h);
}
