/* Helpers: what instructions do that is no IR, in C; by enum x86_helper. */
#pragma once
#include "guest/guest.h"

extern guest_helper_fn *const x86_helpers[];
guest_helper_fn x86_helper_sha, x86_helper_pcmpstr, x86_helper_x87, x86_helper_clock, x86_helper_segment, x86_helper_rights,
    x86_helper_check_cs, x86_helper_load_cs;
/* True if pc lies in the vdso. */
bool x86_in_vdso(uint64_t pc);
/* Models: "max" alone today: everything that is lifted. */
extern const char *const x86_models[];
bool x86_set_model(const char *name);
