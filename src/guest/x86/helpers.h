/* Helpers: what instructions do that is no IR, in C; by enum x86_helper. */
#pragma once
#include "guest/guest.h"

extern guest_helper_fn *const x86_helpers[];
/* Models: "max" alone today: everything that is lifted. */
extern const char *const x86_models[];
bool x86_set_model(const char *name);
