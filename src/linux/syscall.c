/* Dispatch of a guest's system calls.  Everything a call needs is in its row of syscalls.def; this
 * file makes a constant table of them, finds the row of a guest's number and does what its mode
 * says.
 *
 * Pass-through relies on guest addresses being host addresses and on 64-bit structures without
 * holes that differ; what does differ has a handler (abi.h).  PASS numbers are those of an x86-64
 * host; on another host the column of its own numbers is to be used.  i386's calls go through the host's
 * own 32-bit entry, with i386's numbers; another host would have to convert their structures. */
#include "linux/sysrow.h"
#include "engine/engine.h"
#include "linux/code_writes.h"
#include "linux/hostcall.h"
#include "linux/process.h"
#include "linux/trace.h"
#include "support/hostcall32.h"
#include "support/log.h"

#if !defined(__x86_64__)
#error "syscalls.def has no column of this host's numbers yet"
#endif

#define NO (-1)
#define ARGS_1(r)                                                                                  \
    SYS_KIND_##r,                                                                                  \
    {                                                                                              \
        0                                                                                          \
    }
#define ARGS_2(r, a)                                                                               \
    SYS_KIND_##r,                                                                                  \
    {                                                                                              \
        SYS_KIND_##a                                                                               \
    }
#define ARGS_3(r, a, b)                                                                            \
    SYS_KIND_##r,                                                                                  \
    {                                                                                              \
        SYS_KIND_##a, SYS_KIND_##b                                                                 \
    }
#define ARGS_4(r, a, b, c)                                                                         \
    SYS_KIND_##r,                                                                                  \
    {                                                                                              \
        SYS_KIND_##a, SYS_KIND_##b, SYS_KIND_##c                                                   \
    }
#define ARGS_5(r, a, b, c, d)                                                                      \
    SYS_KIND_##r,                                                                                  \
    {                                                                                              \
        SYS_KIND_##a, SYS_KIND_##b, SYS_KIND_##c, SYS_KIND_##d                                     \
    }
#define ARGS_6(r, a, b, c, d, e)                                                                   \
    SYS_KIND_##r,                                                                                  \
    {                                                                                              \
        SYS_KIND_##a, SYS_KIND_##b, SYS_KIND_##c, SYS_KIND_##d, SYS_KIND_##e                       \
    }
#define ARGS_7(r, a, b, c, d, e, f)                                                                \
    SYS_KIND_##r,                                                                                  \
    {                                                                                              \
        SYS_KIND_##a, SYS_KIND_##b, SYS_KIND_##c, SYS_KIND_##d, SYS_KIND_##e, SYS_KIND_##f         \
    }
#define ARGS_PICK(r, a, b, c, d, e, f, macro, ...) macro
#define ARGS(...)                                                                                  \
    ARGS_PICK(__VA_ARGS__, ARGS_7, ARGS_6, ARGS_5, ARGS_4, ARGS_3, ARGS_2, ARGS_1, 0)(__VA_ARGS__)

const struct sys_row sys_rows[SYS_ID_COUNT] = {
#define PASS(name, arm64, x64, i386, ...) {#name, NULL, x64, i386, SYS_MODE_PASS, ARGS(__VA_ARGS__)},
#define ALONE(name, arm64, x64, i386, ...) {#name, NULL, x64, i386, SYS_MODE_ALONE, ARGS(__VA_ARGS__)},
#define BLOCK(name, arm64, x64, i386, ...) {#name, NULL, x64, i386, SYS_MODE_BLOCK, ARGS(__VA_ARGS__)},
#define CALL(name, arm64, x64, i386, ...) {#name, sys_##name, x64, i386, SYS_MODE_CALL, ARGS(__VA_ARGS__)},
#define WAIT(name, arm64, x64, i386, ...) {#name, sys_##name, x64, i386, SYS_MODE_WAIT, ARGS(__VA_ARGS__)},
#define NONE(name, arm64, x64, i386, ...) {#name, NULL, x64, i386, SYS_MODE_NONE, ARGS(__VA_ARGS__)},
#define MUTE(name, arm64, x64, i386, ...) {#name, NULL, x64, i386, SYS_MODE_MUTE, ARGS(__VA_ARGS__)},
#include "linux/syscalls.def"
#undef PASS
#undef ALONE
#undef BLOCK
#undef CALL
#undef WAIT
#undef NONE
#undef MUTE
};

/* Row id + 1 by the guest's number, for each ABI.  Rows without a number there share the last place, which is not looked at. */
#define CALLS    512
#define PLACE(n) ((n) < 0 ? CALLS - 1 : (n))
#pragma GCC diagnostic push
#if defined(__clang__)
#pragma GCC diagnostic ignored "-Winitializer-overrides"
#else
#pragma GCC diagnostic ignored "-Woverride-init"
#endif
static const uint16_t calls[ABI_COUNT][CALLS] = {
#define ROW(name, arm64, x64, i386)                                                                \
    [ABI_ARM64][PLACE(arm64)] = SYS_ID_##name + 1, [ABI_X86_64][PLACE(x64)] = SYS_ID_##name + 1,   \
    [ABI_I386][PLACE(i386)] = SYS_ID_##name + 1,
#define PASS(name, arm64, x64, i386, ...)  ROW(name, arm64, x64, i386)
#define ALONE(name, arm64, x64, i386, ...) ROW(name, arm64, x64, i386)
#define BLOCK(name, arm64, x64, i386, ...) ROW(name, arm64, x64, i386)
#define CALL(name, arm64, x64, i386, ...)  ROW(name, arm64, x64, i386)
#define WAIT(name, arm64, x64, i386, ...)  ROW(name, arm64, x64, i386)
#define NONE(name, arm64, x64, i386, ...)  ROW(name, arm64, x64, i386)
#define MUTE(name, arm64, x64, i386, ...)  ROW(name, arm64, x64, i386)
#include "linux/syscalls.def"
};
#pragma GCC diagnostic pop

int64_t sys_row_call(struct thread *t, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    if (UNLIKELY(t->process->abi->bits32))
        return host_call32(t->row->host_nr32, a0, a1, a2, a3, a4, a5);
    return host_call(t->row->host_nr, a0, a1, a2, a3, a4, a5);
}

int64_t sys_row_wait(struct thread *t, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    if (UNLIKELY(t->process->abi->bits32))
        return sys_blocking32(t, t->row->host_nr32, t->row->host_nr, a0, a1, a2, a3, a4, a5);
    return sys_blocking(t, t->row->host_nr, a0, a1, a2, a3, a4, a5);
}

static int64_t call_row(struct thread *t, const struct sys_row *row, const uint64_t a[6])
{
    t->row = row;
    if (UNLIKELY(memory_guards_any()))
        code_writes_before(t, row, a, t->process->abi->bits32 ? 4 : 8);
    switch ((enum sys_mode)row->mode) {
    case SYS_MODE_ALONE:
        engine_alone(t->process->engine);
        return sys_row_call(t, a[0], a[1], a[2], a[3], a[4], a[5]);
    case SYS_MODE_PASS:
        return sys_row_call(t, a[0], a[1], a[2], a[3], a[4], a[5]);
    case SYS_MODE_BLOCK:
        return sys_row_wait(t, a[0], a[1], a[2], a[3], a[4], a[5]);
    case SYS_MODE_CALL:
    case SYS_MODE_WAIT:
        return row->fn(t, a);
    case SYS_MODE_NONE:
        log_once((uintptr_t)row, "system call %s is not supported; the program gets ENOSYS",
                 row->name);
        break;
    case SYS_MODE_MUTE:
        break;
    }
    return -ENOSYS;
}

int64_t sys_dispatch_id(struct thread *t, unsigned id, const uint64_t a[6])
{
    return call_row(t, &sys_rows[id], a);
}

int64_t sys_dispatch(struct thread *t, uint64_t nr, const uint64_t a[6])
{
    uint32_t n = (uint32_t)nr; /* the kernel takes a 32-bit number */
    unsigned id = n < CALLS - 1 ? calls[t->process->abi->kind][n] : 0;
    if (UNLIKELY(!id)) {
        log_once(n, "unknown system call %u; the program gets ENOSYS", n);
        return -ENOSYS;
    }
    const struct sys_row *row = &sys_rows[id - 1];
    if (LIKELY(!trace_on))
        return call_row(t, row, a);
    struct trace_line line;
    trace_enter(&line, t->process->abi, row, a);
    int64_t ret = call_row(t, row, a);
    trace_leave(&line, row, a, ret);
    return ret;
}
