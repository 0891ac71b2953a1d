/* Wine's server of a prefix, from outside. */
#pragma once
#include "support/base.h"
#include <sys/types.h>

/* Holds the server: while it is open the server does not end by itself. */
struct server_pin {
    int fd[2]; /* -1: not open */
};

#define SERVER_PIN_NONE {{-1, -1}}

/* The process that serves `prefix` (a host path), 0 if there is none. */
pid_t server_pid(const char *prefix);
/* True if the server runs and is held now; false if there is none that takes new programs. */
bool server_pin(struct server_pin *pin, const char *prefix);
void server_unpin(struct server_pin *pin);
/* Removes the place of the prefix' server, which has ended and is not to be started again. */
void server_forget(const char *prefix);
