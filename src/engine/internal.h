/* What the engine's files share: translations, the chunks of the code cache they lie in, the indexes
 * by which they are found.
 *
 * One lock guards every change.  Look-ups by key, and by host address in a signal handler, read
 * without it: a translation leaves the indexes at once but its memory is reused only after every cpu
 * has passed a quiescent point (the top of the run loop, where it holds no pointer to any
 * translation), see cache.c. */
#pragma once
#include "engine/disk_store.h"
#include "engine/engine.h"
#include "engine/stats.h"
#include <pthread.h>
#include <stdatomic.h>

#define ENGINE_MODE_STEP 0x80000000u /* key bit: one instruction a unit, never linked */
#define ENGINE_MODE_ONCE 0x40000000u /* with it: run once, though nothing protects its bytes (guard.c) */

struct block;

/* Blocks and sites are named by where they are in the engine's arrays of them: half as long as pointers. 0: none. */
typedef uint32_t block_ref, site_ref;

/* An exit of a translation for a guest PC known when it was made. */
struct site {
    _Atomic uint64_t target; /* guest PC; of one that is linked SITE_LINKED and its block_ref */
    site_ref next, prev;     /* in the list of what leads to the same block */
    uint32_t offset;
    block_ref owner;
};
#define SITE_LINKED 0x8000ull /* the high 16 bits: no guest PC has these */

/* Guest code that a region was made from. */
struct code_range {
    uint64_t pc;
    uint32_t size; /* within one page, or an instruction beyond */
};
/* The same, as it is found by its page. */
struct member {
    struct code_range range;
    struct block *owner;
    struct member *next, **prev;
};

/* One translation.  Programs have many of these: one is a line of the processor's cache. */
struct block {
    uint64_t pc;
    const uint8_t *code; /* executable address; behind it lie its looks and map, see block_looks, block_map */
    _Atomic block_ref hash_next;
    uint32_t mode, guest_size;
    uint32_t size, entry;
    uint32_t map_size;
    block_ref page_next, page_prev;
    site_ref incoming;
    site_ref sites; /* the first */
    uint16_t site_count;
    uint16_t range_count; /* members of a region; 0: a unit of the first tier */
    _Atomic bool dead; /* no longer in the indexes, never to be entered */
    bool probation;    /* its chunk is a candidate for eviction and nothing leads here */
    bool loops;        /* a region that leads back to its entry */
    uint8_t look_count;
};
static_assert(sizeof(struct block) == 64, "a line of the processor's cache");

/* Where in its page GUEST_LOOK_AHEAD bytes outside of it were looked at. */
static inline const uint16_t *block_looks(const struct block *b)
{
    return (const uint16_t *)(const void *)(b->code + align_up(b->size, 2));
}
/* The host's, map_size bytes. */
static inline const void *block_map(const struct block *b) { return block_looks(b) + b->look_count; }
/* Bytes behind its code. */
static inline size_t block_tail(uint32_t size, uint32_t looks, uint32_t map_size)
{
    return (size & 1) + looks * sizeof(uint16_t) + map_size;
}

/* A part of the code cache: filled front to back, evicted whole. */
struct chunk {
    uint8_t *rw;
    uint32_t used, present; /* bytes; whose pages are there, as far as is known */
    uint32_t writable;      /* where the pages that are mapped writable too begin, but for single ones */
    _Atomic uint32_t count;
    /* Reserved address space, read by signal handlers. */
    struct block *blocks;         /* by address */
    struct disk_source **sources; /* of each block: what it takes to keep it on disk, or NULL */
    struct member **members;      /* of each that is a region: all that it depends on, its entry included; see region.c */
    struct site *sites;
    uint32_t site_count;
    uint32_t blocks_present, sites_present; /* bytes */
    uint32_t *first;            /* [i]: the first block that begins at i * CHUNK_PART or later */
    _Atomic uint32_t first_set; /* entries of `first` that are known */
    struct arena memory;        /* of sources and members */
    uint32_t hits;         /* translations found again while on probation */
    bool probation;
};

#define CHUNK_PART 256u /* bytes of code */

struct page {
    uint64_t number;
    block_ref blocks;
    struct member *members; /* of regions */
    struct aside *aside;    /* blocks that may come back */
    struct page *next;
};

#define ENGINE_CHANGES 64u
#define ENGINE_HASH_BITS 17
#define ENGINE_PAGE_BITS 12

struct engine {
    struct engine_config config;
    pthread_mutex_t lock;
    struct cpu *cpus;
    struct cpu *spare; /* of threads that have ended, for others */
    unsigned spare_count;
    _Atomic uint64_t epoch; /* of quiescence, from 1 */
    _Atomic uint32_t aside_count; /* blocks set aside, in all pages */
    _Atomic uint64_t invalidations; /* how often guest code was declared changed */
    _Atomic uint64_t inserted; /* translations entered into the indexes */
    _Atomic uint64_t purge; /* how often code memory was given up */

    struct wishes *children, *parents; /* fork.c; or NULL */
    uint64_t code_changes; /* how often generated code was written to */
    uint8_t *fork_memory;  /* the copy for a child about to be forked, or NULL; MAP_FAILED */
    size_t fork_size;
    bool fork_copy; /* it holds translations, not only the stubs */
    bool fork_lent; /* it stays, for other children; as it was made at fork_changes */
    uint64_t fork_changes;
    unsigned forks;
    bool borrowed; /* the code cache is such a copy: not to be written to */
    uint8_t *rw, *exec;
    size_t reserved; /* bytes of address space, of each of the two */
    size_t stub_size, stub_used, chunk_size;
    unsigned chunk_count;
    struct chunk *chunks;
    struct block *blocks; /* of all chunks, the first one of none; reserved address space, like the sites */
    struct site *sites;
    uint32_t chunk_blocks, chunk_sites; /* as many as a chunk can have */
    size_t lists_size;
    unsigned *order; /* chunk numbers, oldest first; the last `used_chunks`th is being filled */
    unsigned used_chunks; /* have memory: as long as there are unused ones, those numbered lower */

    struct page *pages[1 << ENGINE_PAGE_BITS];
    unsigned page_count;
    _Atomic block_ref hash[1 << ENGINE_HASH_BITS];
    struct disk *disk; /* NULL: nothing is kept */
    struct regions *regions; /* NULL: no second tier */
    struct region_work *region_work; /* the same */
    struct {
        uint64_t start, end;
    } changes[ENGINE_CHANGES]; /* what the last of `invalidations` were of: number n at n % ENGINE_CHANGES */
    uint64_t chaos; /* random state */
    uint64_t stat[CPU_STATS]; /* of cpus that are gone */
};

static inline ptrdiff_t engine_exec_delta(const struct engine *e) { return e->exec - e->rw; }

static inline struct block *block_of(const struct engine *e, block_ref r) { return r ? e->blocks + r : NULL; }
static inline block_ref block_ref_of(const struct engine *e, const struct block *b) { return (block_ref)(b - e->blocks); }
static inline struct site *block_sites(const struct engine *e, const struct block *b) { return e->sites + b->sites; }
static inline struct site *site_of(const struct engine *e, site_ref r) { return e->sites + r; }
static inline site_ref site_ref_of(const struct engine *e, const struct site *s) { return (site_ref)(s - e->sites); }
static inline struct block *site_owner(const struct engine *e, const struct site *s) { return e->blocks + s->owner; }
/* What it is linked to, or NULL. */
static inline struct block *site_to(const struct engine *e, const struct site *s)
{
    uint64_t to = atomic_load_explicit(&s->target, memory_order_relaxed);
    return to >> 48 == SITE_LINKED ? e->blocks + (block_ref)to : NULL;
}
static inline uint64_t site_target(const struct engine *e, const struct site *s)
{
    uint64_t to = atomic_load_explicit(&s->target, memory_order_acquire);
    return to >> 48 == SITE_LINKED ? e->blocks[(block_ref)to].pc : to;
}
static inline struct chunk *block_chunk(const struct engine *e, const struct block *b)
{
    return &e->chunks[(block_ref_of(e, b) - 1) / e->chunk_blocks];
}
static inline struct disk_source **block_source(const struct engine *e, const struct block *b)
{
    const struct chunk *c = block_chunk(e, b);
    return &c->sources[b - c->blocks];
}
static inline struct member *block_members(const struct engine *e, const struct block *b)
{
    const struct chunk *c = block_chunk(e, b);
    return c->members[b - c->blocks];
}

/* The lock, waited for outside of any epoch: an eviction does not wait for those who wait for it.  True if it had to
 * be waited for, so that translations may be gone meanwhile. */
bool engine_lock(struct engine *e, struct cpu *cpu);
void engine_unlock(struct engine *e, struct cpu *cpu);

void engine_cpu_free(struct engine *e, struct cpu *cpu);
/* Its indirect branches, and returns, come to the engine. */
void engine_forget_jumps(struct cpu *cpu);

/* Lock held: counts in e->invalidations that guest code in [start, end) has changed. */
void engine_note_change(struct engine *e, uint64_t start, uint64_t end);
/* Lock held: one of these ranges has changed, or may have, since `generation` was read from e->invalidations. */
bool engine_changed_since(const struct engine *e, uint64_t generation, const struct code_range *ranges, uint32_t count);

/* fork.c: a translation that the process does not have is asked for, or one of its exits is linked. */
void fork_note(struct engine *e, uint64_t pc, uint32_t mode);

/* cache.c */
bool cache_create(struct engine *e);
void cache_destroy(struct engine *e);
/* Room for one translation (lock held; cpu is at a quiescent point of its own, or NULL: of none); may evict. */
void cache_reserve(struct engine *e, struct cpu *cpu, size_t size, struct host_buffer *buf, struct chunk **chunk);
/* A block, zeroed but for its sites and members, which nobody sees before cache_add. */
struct block *cache_new_block(struct engine *e, struct chunk *c, uint32_t sites, uint32_t members);
/* Enters b, made by cache_new_block, whose code is the last in its chunk. */
void cache_add(struct engine *e, struct chunk *c, struct block *b);
/* The translation whose code contains exec address p, or NULL. Async-signal-safe. */
struct block *cache_block_at(const struct engine *e, const void *p);
/* Where the exit `site` (an exec address) of a translation leads. */
uint64_t cache_site_target(const struct engine *e, const void *site);
/* cpu.unit_at */
bool engine_unit_at(const struct cpu *cpu, const void *code, struct host_unit *out);
void cache_changes(struct engine *e); /* lock held: before anything is written into generated code */
void cache_before_threads(struct engine *e); /* lock held: another thread than the guest's may change code from now on */
void cache_before_fork(struct engine *e); /* makes the memory for the child */
void cache_parent_fork(struct engine *e);
bool cache_after_fork(struct engine *e); /* in the child: memory of its own; false: it is empty now */

/* table.c; lock held but for table_find */
struct block *table_find(struct engine *e, uint64_t pc, uint32_t mode); /* a region rather than a unit */
struct block *table_find_unit(struct engine *e, uint64_t pc, uint32_t mode); /* of the first tier */
/* A newer translation of the same key is there: what leads to this one is to find that. */
void table_replace(struct engine *e, struct block *old);
void table_unlink_outgoing(struct engine *e, struct block *b);
void table_insert(struct engine *e, struct block *b);
void table_remove(struct engine *e, struct block *b); /* out of every index, unlinked; dead */
/* As table_invalidate, before a change: what is the same afterwards comes back by table_return. */
void table_set_aside(struct engine *e, uint64_t start, uint64_t end);
struct block *table_return(struct engine *e, struct cpu *cpu, uint64_t pc, uint32_t mode); /* or NULL */
void table_forget_aside(struct engine *e, const struct chunk *chunk); /* its memory goes */
void table_invalidate(struct engine *e, struct cpu *cpu, uint64_t start, uint64_t end);
void table_clear(struct engine *e);
void table_link(struct engine *e, struct cpu *cpu, const void *site, struct block *to);
void table_unlink_incoming(struct engine *e, struct block *b);
/* Links those exits of the `count` blocks whose targets are there. */
void table_link_known(struct engine *e, struct cpu *cpu, struct block **blocks, unsigned count);
/* Says that the key will be looked up soon. */
void table_expect(const struct engine *e, uint64_t pc, uint32_t mode);

#define UNIT_LOOKS 16u /* in the unit's page */
#define UNIT_BYTES 1024u

/* The bytes a unit is made from, as they were read. */
struct unit_bytes {
    uint32_t size, look_count; /* size: how many of `bytes` are known */
    uint64_t looks[UNIT_LOOKS]; /* where flags were found dead */
    uint8_t look_bytes[UNIT_LOOKS][GUEST_LOOK_AHEAD];
    uint8_t bytes[UNIT_BYTES];
};
static_assert(GUEST_LOOK_AHEAD == DISK_LOOK_BYTES, "files hold what is looked at");

/* What a translation is made of; nothing of it is kept but the code in buf and its chunk. */
struct block_parts {
    uint64_t pc;
    uint32_t guest_size, mode;
    const struct host_code *code;
    const struct host_buffer *buf;
    struct chunk *chunk;
    const uint64_t *looks;
    uint32_t look_count;
    const struct code_range *ranges; /* of a region */
    uint32_t range_count;
    bool loops;
};

/* translate.c: finds or makes; NULL if pc cannot be fetched, and cpu->fault says which byte. */
struct block *translate(struct engine *e, struct cpu *cpu, uint64_t pc, uint32_t mode);
/* The unit, as just lifted, only says that its first instruction cannot be fetched from so many bytes behind its beginning. */
bool translate_unfetched(const struct ir_unit *u, uint64_t *behind);
/* To who looks at units (config.on_unit); b: what it has become, or NULL. */
void translate_show(struct engine *e, enum engine_stage stage, struct ir_unit *u, const struct block *b);
/* Enters a translation into all indexes; lock held. */
struct block *block_enter(struct engine *e, const struct block_parts *p);

/* aside.c; lock held */
void aside_put(struct engine *e, struct page *p, struct block *b); /* b is about to be removed from the indexes */
/* The block for this key, in the indexes again, if its code is what it was made from; that is protected. */
struct block *aside_take(struct engine *e, struct cpu *cpu, struct page *p, uint64_t pc, uint32_t mode);
void aside_forget(struct engine *e, struct page *p, const struct chunk *chunk); /* those of the chunk, or all if it is NULL */

/* guard.c; no lock held, but for guard_create and guard_check_* */
void guard_create(struct engine *e);
/* Guest code in this page is about to be read: true if changes of it will be seen, false if the unit has to look itself. */
bool guard_code(struct engine *e, struct cpu *cpu, uint64_t page);
/* cpu->fault was a write into a protected page, and is none any more. */
bool guard_fault(struct engine *e, struct cpu *cpu);
/* The translation, if it was set aside and its code has not changed; generation: of e->invalidations, before. NULL: none. */
struct block *guard_return(struct engine *e, struct cpu *cpu, uint64_t pc, uint32_t mode, uint64_t generation);
/* Takes b, or what is found by the key if it is NULL, out of the indexes. */
void guard_drop(struct engine *e, struct cpu *cpu, struct block *b, uint64_t pc, uint32_t mode);
/* The unit found that its bytes have changed. */
void guard_stale(struct engine *e, struct cpu *cpu, uint64_t pc, uint32_t mode);
/* At the beginning of a unit: leaves it if the bytes at its PC are not these any more. What it returns goes to
 * guard_check_end when the unit has been lifted. */
unsigned guard_check_begin(struct ir_unit *u, const uint8_t *bytes, uint32_t size);
void guard_check_end(struct ir_unit *u, unsigned stale);
/* Polls count: so that tests find everything hot at once. */
static inline bool regions_count(const struct engine_config *c) { return c->regions == REGIONS_AT_ONCE || c->regions == REGIONS_SOON; }
/* region.c */
bool regions_create(struct engine *e); /* false: out of memory */
/* A sample is wanted, or cpu's budget has run out; it is about to run what is at pc. */
void region_sample(struct engine *e, struct cpu *cpu, uint64_t pc, uint32_t mode);
/* cpu is about to run what is at pc, and somebody waits for a thread to come by a head. */
bool regions_wait(const struct engine *e);
void region_visit(struct engine *e, struct cpu *cpu, uint64_t pc, uint32_t mode);
/* The calling thread's, if it has none yet: samples begin, at once or later. */
void region_tick_create(struct engine *e, struct cpu *cpu);
void region_tick_destroy(struct cpu *cpu);
/* While cpu notes a path: it came to pc, whose translation is b, by the exit `site` or (NULL) otherwise.  What to enter
 * instead of b, not to be linked; or NULL: it has ended, and b may be gone. */
struct block *region_note(struct engine *e, struct cpu *cpu, struct block *b, const void *site, uint64_t pc, uint32_t mode);
/* The path ends here; use: what was noted of it is good. */
void region_stop(struct engine *e, struct cpu *cpu, bool use);
/* region_work.c */
uint64_t region_work_spent(const struct engine *e); /* nanoseconds of processor time */
void region_work_after_fork(struct engine *e); /* in the child */

/* disk.c */
struct disk_object;
/* Where guest code comes from. */
struct disk_place {
    struct disk_object *object; /* NULL: no file */
    uint64_t offset;
    uint64_t start, end; /* guest addresses that hold the file as the place's does, side by side */
};
/* What is kept of a unit until it is written, besides its block. */
struct disk_source {
    struct disk_object *object;
    uint64_t offset;
    uint32_t generation; /* of the process that made it; SAVED */
    uint16_t insns, reloc_count;
    const uint32_t *relocs;
    const struct disk_look *looks;
    uint8_t guest[]; /* as many as the block's guest_size */
};
void disk_create(struct engine *e);
void disk_after_fork(struct engine *e);
void disk_look_again(struct engine *e); /* lock held: there may be newer files */
/* Lock held: the translation from disk, or NULL; *place is for disk_keep. */
struct block *disk_take(struct engine *e, struct cpu *cpu, uint64_t pc, uint32_t mode, struct disk_place *place);
/* Lock held: notes that b, new, is to be written. */
void disk_keep(struct engine *e, struct block *b, const struct host_code *hc, const struct unit_bytes *bytes,
               uint32_t insns, const struct disk_place *place);
/* Lock held: b's parts made for another address, as a unit from disk would come here. */
struct block *disk_move(struct engine *e, struct cpu *cpu, const struct ir_unit *u, const struct host_code *hc,
                        const struct host_buffer *buf, const struct unit_bytes *bytes, uint64_t pc, uint32_t mode);
/* The code at pc comes from a file. */
bool disk_is_file(uint64_t pc);
bool disk_wants_saving(const struct engine *e);
void disk_save(struct engine *e, struct cpu *cpu);
/* Has a child do so, where there is something to write: the process can end at once. */
void disk_save_behind(struct engine *e);
