/* --dump=counts: how often each unit is run. */
#pragma once
#include "guest/guest.h"

/* Puts the counting in front of unit u, as lifted, and notes what it is made of. The caller has a lock. */
void counts_add(const struct guest *guest, struct ir_unit *u);
/* One line into the log for each unit that was run in this process:
 *
 *     count PC TIMES [dead=OFFSET,...] WORD...
 *
 * where the words are the guest's instructions (4 bytes each; guests with instructions of other sizes: bytes), and the
 * offsets, in bytes from PC, are ways out of the unit where the flags slot is dead. */
void counts_print(const struct guest *guest);
