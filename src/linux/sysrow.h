/* The rows of syscalls.def as the dispatcher, --strace and the documentation see them. */
#pragma once
#include "linux/syscall.h"

enum sys_mode {
    SYS_MODE_PASS,
    SYS_MODE_ALONE,
    SYS_MODE_BLOCK,
    SYS_MODE_CALL,
    SYS_MODE_WAIT,
    SYS_MODE_NONE,
    SYS_MODE_MUTE
};

/* Kinds of arguments and results: how --strace shows them (trace_kinds.def). */
enum sys_kind {
    SYS_KIND_END, /* no such argument */
#define KIND(name, ...) SYS_KIND_##name,
#include "linux/trace_kinds.def"
#undef KIND
};

struct sys_row {
    const char *name;
    sys_fn *fn;      /* of CALL and WAIT */
    int16_t host_nr; /* of PASS, ALONE and BLOCK; NO: -1 */
    int16_t host_nr32; /* the same for a 32-bit guest */
    uint8_t mode;    /* enum sys_mode */
    uint8_t result;  /* enum sys_kind */
    uint8_t args[6]; /* enum sys_kind */
};

/* Rows in the order of syscalls.def; the id of a row is its place there. */
enum sys_id {
#define PASS(name, ...)  SYS_ID_##name,
#define ALONE(name, ...) SYS_ID_##name,
#define BLOCK(name, ...) SYS_ID_##name,
#define CALL(name, ...)  SYS_ID_##name,
#define WAIT(name, ...)  SYS_ID_##name,
#define NONE(name, ...)  SYS_ID_##name,
#define MUTE(name, ...)  SYS_ID_##name,
#include "linux/syscalls.def"
#undef PASS
#undef ALONE
#undef BLOCK
#undef CALL
#undef WAIT
#undef NONE
#undef MUTE
    SYS_ID_COUNT
};

extern const struct sys_row sys_rows[SYS_ID_COUNT];

/* The call of that row, for a call that stands for others (socketcall). */
int64_t sys_dispatch_id(struct thread *t, unsigned id, const uint64_t a[6]);

/* The handlers: sys_<name>() for every row CALL and WAIT. */
#define PASS(...)
#define ALONE(...)
#define BLOCK(...)
#define CALL(name, ...) sys_fn sys_##name;
#define WAIT(name, ...) sys_fn sys_##name;
#define NONE(...)
#define MUTE(...)
#include "linux/syscalls.def"
#undef PASS
#undef ALONE
#undef BLOCK
#undef CALL
#undef WAIT
#undef NONE
#undef MUTE
