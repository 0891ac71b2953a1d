/* Messages to the person: errors say what to do next.  All go to the log descriptor (stderr, or the
 * file given with --log), prefixed "demotic: ".  Async-signal-safe: formats into a stack buffer and
 * writes it with one write(2). */
#pragma once
#include "support/base.h"

void log_set_fd(int fd);
int log_fd(void);
/* Writes all of the text to the log's descriptor or a trace's, as it is; nothing more once its reader has gone.
 * Async-signal-safe. */
void log_put(int fd, const char *text, size_t n);

void log_warn(const char *fmt, ...) PRINTF(1, 2);
/* As log_warn, but once a process for each `key` (a static object's address or a small number). */
void log_once(uintptr_t key, const char *fmt, ...) PRINTF(2, 3);
/* Prints and exits with `status`. */
void log_die(int status, const char *fmt, ...) PRINTF(2, 3) NORETURN;
/* Unprefixed, for traces. */
void log_raw(const char *fmt, ...) PRINTF(1, 2);
