/* Write protection of memory that is not to change unnoticed: code of guests that do not announce changes of it.
 *
 * A protected page may be written as far as the record (memory.h) and so the guest knows; on the host it may not.  The
 * same bytes can be mapped in several places (shared mappings of a file, a memfd or shared memory): all of them that may
 * be written are protected together.  Pages that are written often become *hot*: they are left alone, and whoever
 * depends on their bytes has to compare them.
 *
 * The layout lock is held around all this and around every change of what is mapped where.  Order of locks: layout, the
 * engine's, the record's. */
#pragma once
#include "memory/memory.h"

void memory_layout_lock(void);
bool memory_layout_trylock(void);
void memory_layout_unlock(void);

/* With the layout lock held: */

/* Protects the page at this address: true if a write to it is a fault from now on or impossible, false if it is hot or
 * cannot be protected. Pages that are not in the record are nobody's: true. */
bool memory_guard(uint64_t page);
/* Gives the guest its right to write back in all of [start, end), and in all other places where these bytes lie.  For each
 * such page that was protected, and for each place of it, calls changed (page aligned) before.
 * written: this is because of a write, and counts towards being hot. */
typedef void memory_changed_fn(void *ctx, uint64_t start, uint64_t end);
void memory_unguard(uint64_t start, uint64_t end, bool written, memory_changed_fn *changed, void *ctx);
/* The page has changed while it was hot: it stays that for a while. */
void memory_guard_changed(uint64_t page);
/* True if the page is or was protected: a fault by a write may have come from that. */
bool memory_guard_known(uint64_t page);

/* Without it: */

/* True if any page is protected. */
bool memory_guards_any(void);
/* Has fn called, without locks, before memory_write gives up on [start, start + size): true if it may try once more. */
typedef bool memory_write_hook(void *ctx, uint64_t start, size_t size);
void memory_set_write_hook(memory_write_hook *fn, void *ctx);
bool memory_about_to_write(uint64_t start, size_t size); /* calls it, if any page is protected */
