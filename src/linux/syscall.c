/* Dispatch of a guest's system calls.  Everything a call needs is in its row of syscalls.def; this
 * file makes a constant table of them, finds the row of a guest's number and does what its mode
 * says.
 *
 * Pass-through relies on guest addresses being host addresses and on 64-bit structures without
 * holes that differ; what does differ has a handler (abi.h).  PASS numbers are those of an x86-64
 * host; on another host the column of its own numbers is to be used. */
#include "linux/sysrow.h"
#include "linux/code_writes.h"
#include "linux/hostcall.h"
#include "linux/trace.h"
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
#define PASS(name, arm64, x64, ...)  {#name, NULL, x64, SYS_MODE_PASS, ARGS(__VA_ARGS__)},
#define BLOCK(name, arm64, x64, ...) {#name, NULL, x64, SYS_MODE_BLOCK, ARGS(__VA_ARGS__)},
#define CALL(name, arm64, x64, ...)  {#name, sys_##name, x64, SYS_MODE_CALL, ARGS(__VA_ARGS__)},
#define WAIT(name, arm64, x64, ...)  {#name, sys_##name, x64, SYS_MODE_WAIT, ARGS(__VA_ARGS__)},
#define NONE(name, arm64, x64, ...)  {#name, NULL, x64, SYS_MODE_NONE, ARGS(__VA_ARGS__)},
#define MUTE(name, arm64, x64, ...)  {#name, NULL, x64, SYS_MODE_MUTE, ARGS(__VA_ARGS__)},
#include "linux/syscalls.def"
#undef PASS
#undef BLOCK
#undef CALL
#undef WAIT
#undef NONE
#undef MUTE
};

/* Row id + 1 by the guest's number. */
static const uint16_t arm64_calls[] = {
#define PASS(name, arm64, ...)  [arm64] = SYS_ID_##name + 1,
#define BLOCK(name, arm64, ...) [arm64] = SYS_ID_##name + 1,
#define CALL(name, arm64, ...)  [arm64] = SYS_ID_##name + 1,
#define WAIT(name, arm64, ...)  [arm64] = SYS_ID_##name + 1,
#define NONE(name, arm64, ...)  [arm64] = SYS_ID_##name + 1,
#define MUTE(name, arm64, ...)  [arm64] = SYS_ID_##name + 1,
#include "linux/syscalls.def"
};

static int64_t call_row(struct thread *t, const struct sys_row *row, const uint64_t a[6])
{
    if (UNLIKELY(memory_guards_any()))
        code_writes_before(t, row, a, 8);
    switch ((enum sys_mode)row->mode) {
    case SYS_MODE_PASS:
        return host_call(row->host_nr, a[0], a[1], a[2], a[3], a[4], a[5]);
    case SYS_MODE_BLOCK:
        return sys_blocking(t, row->host_nr, a[0], a[1], a[2], a[3], a[4], a[5]);
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

int64_t sys_dispatch(struct thread *t, uint64_t nr, const uint64_t a[6])
{
    uint32_t n = (uint32_t)nr; /* the kernel takes a 32-bit number */
    unsigned id = n < ARRAY_LEN(arm64_calls) ? arm64_calls[n] : 0;
    if (UNLIKELY(!id)) {
        log_once(n, "unknown system call %u; the program gets ENOSYS", n);
        return -ENOSYS;
    }
    const struct sys_row *row = &sys_rows[id - 1];
    if (LIKELY(!trace_on))
        return call_row(t, row, a);
    struct trace_line line;
    trace_enter(&line, row, a);
    int64_t ret = call_row(t, row, a);
    trace_leave(&line, row, a, ret);
    return ret;
}
