/* Translations that outlive the process: taken from files (disk_file.h) when the guest first comes to their code, and
 * written there when the process ends, executes another program, or has made many.
 *
 * A unit is the same wherever its code lies but for the guest addresses listed as relocations, and is made from nothing
 * but the guest's bytes, its mode and what `config_of` puts into the key.  The file it is looked for in is only a guess,
 * by which of the guest's files is mapped where: a unit is used if memory holds, now, the very bytes it was made from.
 * So a file changed on disk, text relocations or a debugger's breakpoints cost a translation, and nothing is ever stale.
 *
 * Kept are units of private, executable, unwritable mappings of files, and of memory that a file was read into as a whole
 * (Wine does so with programs whose sections are not page aligned).  Memory that a guest's JIT writes is not.
 *
 * All but disk_save runs under the engine's lock. */
#include "engine/internal.h"
#include "memory/memory.h"
#include "support/hash.h"
#include "support/log.h"
#include <elf.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define OBJECT_BUCKETS 64u
#define PC_LIMIT       MEMORY_END
#define PC32_LIMIT     0x80000000ull
#define SAVE_OFTEN     16384u /* units made since the last time */
#define SAVE_MS        100u  /* no file is begun later: whoever waits for the process is not to wait for this */
#define BEHIND_SECONDS 60u
#define SAVED          ~0u
#define SAVE_TURN      128u /* units that are packed while others wait */
#define AHEAD_LEAST    2048u /* bytes of a file that are read beyond what is asked for */
#define AHEAD_MOST     32768u
#define AHEAD_UNITS    256u
#define PRESENT_MOST   (512u << 10) /* bytes read from files before their pages are given back */

struct disk_object {
    struct disk_key key;
    struct disk_file file;
    const void *base; /* of the mapping, or NULL */
    uint64_t number;  /* of the mapped file, 0: none */
    bool looked;      /* for the file */
    bool look_again;  /* another process may have written a newer one */
    uint64_t expected; /* where in the file the next is looked for, if all goes on as before */
    uint32_t ahead;   /* bytes that are read beyond what is asked for */
    uint32_t fresh;   /* units that are not in it yet */
    bool present;     /* some of the file's pages may be */
    struct disk_object *next;
};

struct disk {
    const char *dir;
    uint64_t config, limit;
    struct disk_object *objects[OBJECT_BUCKETS];
    uint32_t fresh;      /* of all objects */
    uint32_t read;       /* bytes since pages were given back */
    uint32_t enough;     /* so many are written before the process ends */
    uint32_t generation; /* of processes: what a child did not make it does not write */
    bool saving;
    pid_t pid;
};

/* -- which files ---------------------------------------------------------------------------------- */

extern const uint8_t __ehdr_start[] __attribute__((visibility("hidden"))); /* the linker's: this program's first byte */

/* The linker's hash of this build, or 0. */
static uint64_t build_id(void)
{
    const uint8_t *image = __ehdr_start;
    const ElfW(Ehdr) *eh = (const void *)image;
    const ElfW(Phdr) *ph = (const void *)(image + eh->e_phoff);

    for (unsigned i = 0; i < eh->e_phnum; i++) {
        if (ph[i].p_type != PT_NOTE)
            continue;
        uint64_t base = ph[i].p_vaddr < (uintptr_t)image ? (uintptr_t)image : 0; /* position-independent */

        for (uint64_t at = 0; at + sizeof(ElfW(Nhdr)) < ph[i].p_memsz;) {
            const uint8_t *note = (const uint8_t *)(uintptr_t)(base + ph[i].p_vaddr + at);
            ElfW(Nhdr) h;

            memcpy(&h, note, sizeof(h));
            uint64_t desc = sizeof(h) + align_up(h.n_namesz, 4);

            if (h.n_type == NT_GNU_BUILD_ID && h.n_namesz == 4 && !memcmp(note + sizeof(h), "GNU", 4) && h.n_descsz)
                return hash_bytes(1, note + desc, h.n_descsz) | 1;
            at += align_up(desc + h.n_descsz, ph[i].p_align < 4 ? 4 : ph[i].p_align);
        }
    }
    return 0;
}

static uint64_t hash_text(uint64_t seed, const char *text) { return hash_bytes(seed, text ? text : "", text ? strlen(text) : 0); }

/* All that code depends on besides the guest's bytes and mode; 0: not known. */
static uint64_t config_of(const struct engine_config *c)
{
    uint64_t h = build_id();

    if (!h)
        return 0;
    h = hash_text(h, c->host->name);
    h = hash_pair(h, c->host->variant ? c->host->variant() : 0);
    h = hash_text(h, c->guest->name);
    h = hash_text(h, c->guest_model);
    return hash_pair(h, (uint64_t)c->max_insns << 2 | regions_count(c) << 1 | c->no_opt);
}

void disk_create(struct engine *e)
{
    const struct engine_config *c = &e->config;
    uint64_t config = c->disk_dir && !c->on_unit ? config_of(c) : 0; /* who looks at units wants to see them made */

    if (!config || !(e->disk = calloc(1, sizeof(*e->disk))))
        return;
    e->disk->dir = c->disk_dir;
    e->disk->enough = SAVE_OFTEN;
    e->disk->pid = getpid();
    e->disk->config = config;
    e->disk->limit = c->disk_limit ? c->disk_limit : DISK_STORE_DEFAULT;
}

static void object_unmap(struct disk_object *o)
{
    if (o->base)
        munmap((void *)(uintptr_t)o->base, o->file.size);
    o->base = NULL;
    o->number = 0;
    o->looked = false;
}

bool disk_is_file(uint64_t pc)
{
    struct memory_area area;

    return memory_area_at(pc, &area) && area.start <= pc && (area.inode || area.copied);
}

/* Fills in where in an object pc's code is; without one if what is there is not to be kept. */
static void place_of(struct disk *d, uint64_t pc, struct disk_place *place)
{
    struct memory_area area;

    if (!memory_area_at(pc, &area) || area.start > pc || (!area.inode && !area.copied) || (area.flags & MAP_TYPE) != MAP_PRIVATE ||
        (area.prot & (PROT_EXEC | PROT_WRITE)) != PROT_EXEC) {
        place->object = NULL;
        return;
    }
    place->offset = area.inode ? pc - area.start + area.offset : pc + area.copied_at;
    place->start = area.start;
    place->end = area.end;
    uint64_t id = area.inode ? memory_file_id(area.dev, area.inode, area.version) : area.copied;
    struct disk_object **p = &d->objects[id % OBJECT_BUCKETS];

    while (*p && (*p)->key.object != id)
        p = &(*p)->next;
    if (!*p && (*p = calloc(1, sizeof(**p))))
        (*p)->key = (struct disk_key){d->config, id};
    place->object = *p;
}

static bool object_open(struct disk *d, struct disk_object *o)
{
    if (o->looked)
        return o->base;
    o->looked = true;
    size_t size;

    o->base = disk_store_map(d->dir, &o->key, &size, &o->number);
    if (o->base && !disk_file_open(&o->file, o->base, size, &o->key)) {
        munmap((void *)(uintptr_t)o->base, size);
        o->base = NULL;
    }
    return o->base;
}

/* -- taking ---------------------------------------------------------------------------------------- */

/* Guest memory holds what u was made from. */
static bool bytes_agree(struct engine *e, struct cpu *cpu, const struct disk_unit *u, uint64_t pc)
{
    const struct engine_config *c = &e->config;
    uint8_t *now = arena_take(cpu->arena, u->guest_size + DISK_LOOK_BYTES);

    if (!c->fetch(c->fetch_ctx, pc, now, u->guest_size) || memcmp(now, u->guest, u->guest_size))
        return false;
    for (unsigned i = 0; i < u->look_count; i++)
        if (!c->fetch(c->fetch_ctx, pc + (int64_t)u->looks[i].at, now, DISK_LOOK_BYTES) ||
            memcmp(now, u->looks[i].bytes, DISK_LOOK_BYTES))
            return false;
    return true;
}

/* Moves code made for guest PC u->pc to pc; false if an address cannot be written in the room it has, or if the unit, which
 * lies in one page, would not. */
static bool relocate(const struct disk_unit *u, uint64_t pc, uint8_t *code)
{
    uint64_t delta = pc - u->pc;

    if (delta % MEMORY_PAGE)
        return false;
    for (unsigned i = 0; delta && i < u->reloc_count; i++) {
        bool narrow = u->relocs[i] & DISK_RELOC_32;
        uint8_t *at = code + (u->relocs[i] >> 1);
        uint64_t v = 0;

        memcpy(&v, at, narrow ? 4 : 8);
        v += delta;
        if (v >= (narrow ? PC32_LIMIT : PC_LIMIT))
            return false;
        memcpy(at, &v, narrow ? 4 : 8);
    }
    return true;
}

/* Makes a translation of u's record for pc. */
static struct block *install(struct engine *e, struct cpu *cpu, const struct disk_unit *u, uint64_t pc)
{
    struct host_buffer buf;
    struct chunk *chunk;
    struct host_code hc = {.size = u->size, .entry = u->entry, .site_count = u->site_count, .map = u->map,
                           .map_size = u->map_size};
    uint64_t looks[UNIT_LOOKS];

    cache_reserve(e, cpu, u->size + block_tail(u->size, u->look_count, u->map_size), &buf, &chunk);
    memcpy(buf.rw, u->code, u->size);
    if (u->look_count > UNIT_LOOKS || !relocate(u, pc, buf.rw))
        return NULL;
    hc.sites = arena_take(cpu->arena, u->site_count * sizeof(*hc.sites));
    for (unsigned i = 0; i < u->site_count; i++) {
        hc.sites[i] = (struct host_site){u->sites[i].offset, pc + (int64_t)u->sites[i].target};
        if (hc.sites[i].target >= PC_LIMIT)
            return NULL;
    }
    for (unsigned i = 0; i < u->look_count; i++)
        looks[i] = pc + (int64_t)u->looks[i].at;
    return block_enter(e, &(struct block_parts){.pc = pc, .guest_size = u->guest_size, .mode = u->mode, .code = &hc,
                                                .buf = &buf, .chunk = chunk, .looks = looks, .look_count = u->look_count});
}

/* Takes what follows in the file upon the unit at pc: units lie there in the order in which they were made, and so mostly that
 * in which they are asked for.  Then links what it took: *taken, as many as `count` with the first.  */
static void take_following(struct engine *e, struct cpu *cpu, uint64_t pc, uint32_t mode, const struct disk_place *place,
                           const uint8_t *records, size_t size, struct block *first)
{
    struct block *taken[AHEAD_UNITS] = {first};
    unsigned count = 1;
    size_t n;

    for (size_t i = 0; (n = disk_record_size(records + i, size - i)); i += n)
        table_expect(e, pc + (disk_record_offset(records + i) - place->offset), mode);
    for (; count < AHEAD_UNITS && (n = disk_record_size(records, size)); records += n, size -= n) {
        struct disk_unit u;

        place->object->expected += n;
        if (!disk_unit_unpack(records, n, &place->object->key, &u))
            break;
        uint64_t at = pc + (u.offset - place->offset);

        if (u.mode != mode || at < place->start || at >= place->end || place->end - at < u.guest_size || table_find(e, at, mode))
            continue;
        struct block *b = bytes_agree(e, cpu, &u, at) ? install(e, cpu, &u, at) : NULL;

        if (b)
            taken[count++] = b;
    }
    cpu->stat[ENGINE_STAT_TAKEN] += count;
    if (!e->config.no_link)
        table_link_known(e, cpu, taken, count);
}

/* How much is read of a file from `at` on, to get a record of `size` bytes: more as long as that proves right. */
static size_t read_ahead(struct disk_object *o, uint64_t at, uint32_t size)
{
    if (at == o->expected)
        o->ahead = o->ahead * 2 < AHEAD_MOST ? o->ahead * 2 : AHEAD_MOST;
    else
        o->ahead = o->ahead / 2 > AHEAD_LEAST ? o->ahead / 2 : AHEAD_LEAST;
    uint64_t left = o->file.base + o->file.size - at;
    uint64_t all = (uint64_t)size + o->ahead;

    o->expected = at + size;
    return all < left ? all : left;
}

/* The files' pages leave this process, and stay where they were, in the page cache: what is read of them is read once. */
static void give_back(struct disk *d)
{
    for (unsigned i = 0; i < OBJECT_BUCKETS; i++)
        for (struct disk_object *o = d->objects[i]; o; o = o->next) {
            if (o->present && o->base)
                madvise((void *)(uintptr_t)o->base, o->file.size, MADV_DONTNEED);
            o->present = false;
        }
    d->read = 0;
}

/* From the object's file as it is mapped. */
static struct block *take(struct engine *e, struct cpu *cpu, uint64_t pc, uint32_t mode, const struct disk_place *place)
{
    struct disk_object *o = place->object;
    uint32_t probe = 0, size;
    uint64_t at;

    if (!object_open(e->disk, o))
        return NULL;
    o->present = true;
    while (disk_file_next(&o->file, place->offset, mode, &probe, &at, &size)) {
        struct disk_unit u;
        size_t all = read_ahead(o, at, size);

        e->disk->read += (uint32_t)all;
        arena_reset(cpu->arena);
        uint8_t *record = arena_take(cpu->arena, all);

        if (!memory_read(record, at, all) || !disk_unit_unpack(record, size, &o->key, &u)) {
            cpu->stat[ENGINE_STAT_DAMAGED]++;
            continue;
        }
        if (u.offset != place->offset || u.mode != mode)
            continue;
        struct block *b = bytes_agree(e, cpu, &u, pc) ? install(e, cpu, &u, pc) : NULL;

        if (b) {
            take_following(e, cpu, pc, mode, place, record + size, all - size, b);
            return b;
        }
        cpu->stat[ENGINE_STAT_REJECTED]++;
    }
    return NULL;
}

struct block *disk_take(struct engine *e, struct cpu *cpu, uint64_t pc, uint32_t mode, struct disk_place *place)
{
    struct disk *d = e->disk;

    place_of(d, pc, place);
    struct disk_object *o = place->object;
    struct block *b = o ? take(e, cpu, pc, mode, place) : NULL;

    if (d->read >= PRESENT_MOST)
        give_back(d);
    if (b || !o || !o->look_again)
        return b;
    o->look_again = false;
    uint64_t number = disk_store_number(d->dir, &o->key);

    if (!number || number == o->number)
        return NULL;
    object_unmap(o);
    return take(e, cpu, pc, mode, place);
}

/* -- keeping --------------------------------------------------------------------------------------- */

/* True if every address in the code could be moved and found again. */
static bool can_be_kept(const struct host_code *hc, uint64_t pc)
{
    if (hc->site_count > UINT16_MAX || hc->reloc_count > UINT16_MAX || hc->size > UINT32_MAX / 2)
        return false;
    for (uint32_t i = 0; i < hc->site_count; i++) {
        int64_t target = (int64_t)(hc->sites[i].target - pc);

        if (target != (int32_t)target || hc->sites[i].target >= PC_LIMIT)
            return false;
    }
    for (uint32_t i = 0; i < hc->reloc_count; i++)
        if (hc->relocs[i].value >= (hc->relocs[i].kind == HOST_RELOC_GUEST_PC32 ? PC32_LIMIT : PC_LIMIT))
            return false;
    return true;
}

static uint32_t *pack_relocs(struct arena *a, const struct host_code *hc)
{
    uint32_t *out = arena_take(a, hc->reloc_count * sizeof(*out));

    for (uint32_t i = 0; i < hc->reloc_count; i++)
        out[i] = hc->relocs[i].offset << 1 | (hc->relocs[i].kind == HOST_RELOC_GUEST_PC32 ? DISK_RELOC_32 : 0);
    return out;
}

static struct disk_look *pack_looks(struct arena *a, uint64_t pc, const struct unit_bytes *bytes)
{
    struct disk_look *out = arena_take(a, bytes->look_count * sizeof(*out));

    for (uint32_t i = 0; i < bytes->look_count; i++) {
        out[i].at = (int32_t)(int64_t)(bytes->looks[i] - pc);
        memcpy(out[i].bytes, bytes->look_bytes[i], DISK_LOOK_BYTES);
    }
    return out;
}

void disk_keep(struct engine *e, struct block *b, const struct host_code *hc, const struct unit_bytes *bytes,
               uint32_t insns, const struct disk_place *place)
{
    struct arena *a = &block_chunk(e, b)->memory;

    if (!place->object || b->guest_size > bytes->size || !can_be_kept(hc, b->pc))
        return;
    struct disk_source *s = arena_take(a, sizeof(*s) + b->guest_size);

    memcpy(s->guest, bytes->bytes, b->guest_size);
    s->object = place->object;
    s->offset = place->offset;
    s->generation = e->disk->generation;
    s->insns = (uint16_t)insns;
    s->reloc_count = (uint16_t)hc->reloc_count;
    s->relocs = pack_relocs(a, hc);
    s->looks = pack_looks(a, b->pc, bytes);
    *block_source(e, b) = s;
    place->object->fresh++;
    e->disk->fresh++;
}

struct block *disk_move(struct engine *e, struct cpu *cpu, const struct ir_unit *made, const struct host_code *hc,
                        const struct host_buffer *buf, const struct unit_bytes *bytes, uint64_t pc, uint32_t mode)
{
    static const struct disk_key key = {1, 2};
    struct arena *a = cpu->arena;
    uint32_t guest_size = made->size;

    if (!guest_size || guest_size > bytes->size || !can_be_kept(hc, made->pc))
        return NULL;
    struct disk_site *sites = arena_take(a, hc->site_count * sizeof(*sites));

    for (uint32_t i = 0; i < hc->site_count; i++)
        sites[i] = (struct disk_site){hc->sites[i].offset, (int32_t)(int64_t)(hc->sites[i].target - made->pc)};
    struct disk_unit u = {.pc = made->pc, .mode = mode, .size = (uint32_t)hc->size, .entry = hc->entry,
                          .guest_size = guest_size, .map_size = hc->map_size, .insns = (uint16_t)made->insn_count,
                          .site_count = (uint16_t)hc->site_count, .reloc_count = (uint16_t)hc->reloc_count,
                          .look_count = (uint16_t)bytes->look_count, .code = buf->rw, .sites = sites,
                          .relocs = pack_relocs(a, hc), .looks = pack_looks(a, made->pc, bytes), .guest = bytes->bytes,
                          .map = hc->map};
    size_t size = disk_unit_size(&u);
    void *record = arena_take(a, size);

    disk_unit_pack(&u, &key, record);
    memset(buf->rw, 0xcc, hc->size); /* nothing of it is to be used */
    if (!disk_unit_unpack(record, size, &key, &u))
        log_die(127, "internal error: the unit at %#llx cannot be kept", (unsigned long long)pc);
    return bytes_agree(e, cpu, &u, pc) ? install(e, cpu, &u, pc) : NULL;
}

/* New units that are worth a new file: reading and writing it costs more the more it holds. */
static bool worth_writing(const struct disk_object *o)
{
    uint32_t held = o->base ? o->file.units : 0;

    return o->fresh >= 4 && o->fresh >= held / 64;
}

struct records {
    uint8_t *p;
    size_t size, room;
};

static uint8_t *records_more(struct records *r, size_t n)
{
    if (r->size + n > r->room) {
        size_t room = 2 * r->room + n + 65536;
        uint8_t *p = realloc(r->p, room);

        if (!p)
            return NULL;
        r->p = p;
        r->room = room;
    }
    r->size += n;
    return r->p + r->size - n;
}

/* b's record behind r's. Its code as it was made: without links. */
static bool write_unit(struct engine *e, struct arena *a, const struct block *b, struct records *r)
{
    const struct disk_source *s = *block_source(e, b);

    arena_reset(a);
    uint8_t *code = arena_take(a, b->size);
    struct disk_site *sites = arena_take(a, b->site_count * sizeof(*sites));

    memcpy(code, b->code, b->size);
    for (uint32_t i = 0; i < b->site_count; i++) {
        const struct site *out = &block_sites(e, b)[i];

        e->config.host->link(code + out->offset, 0, NULL);
        sites[i] = (struct disk_site){out->offset, (int32_t)(int64_t)(site_target(e, out) - b->pc)};
    }
    struct disk_unit u = {.offset = s->offset, .pc = b->pc, .mode = b->mode, .size = b->size, .entry = b->entry,
                          .guest_size = b->guest_size, .map_size = b->map_size, .insns = s->insns,
                          .site_count = (uint16_t)b->site_count, .reloc_count = s->reloc_count,
                          .look_count = (uint16_t)b->look_count, .code = code, .sites = sites, .relocs = s->relocs,
                          .looks = s->looks, .guest = s->guest, .map = block_map(b)};
    uint8_t *out = records_more(r, disk_unit_size(&u));

    if (out)
        disk_unit_pack(&u, &s->object->key, out);
    return out;
}

/* The records of all that was made for o. */
static struct records write_object(struct engine *e, struct cpu *cpu, struct disk_object *o)
{
    struct records r = {0};
    struct arena a = {0};
    bool ok = true;
    unsigned n = 0;

    for (unsigned i = 0; i < e->used_chunks; i++)
        for (uint32_t k = 0; ok && k < e->chunks[i].count; k++) {
            struct block *b = &e->chunks[i].blocks[k];
            struct disk_source *s = e->chunks[i].sources[k];

            if (!s || s->object != o || s->generation != e->disk->generation || b->dead)
                continue;
            ok = write_unit(e, &a, b, &r);
            s->generation = SAVED;
            if (++n % SAVE_TURN == 0) { /* other threads want the lock for a moment; no pointer is held here */
                engine_unlock(e, cpu);
                engine_lock(e, cpu);
            }
        }
    e->disk->fresh -= o->fresh;
    o->fresh = 0;
    object_unmap(o); /* there will be a newer one */
    arena_free(&a);
    return r;
}

/* The one with most to write. */
static struct disk_object *next_worth_writing(struct disk *d)
{
    struct disk_object *best = NULL;

    for (unsigned i = 0; i < OBJECT_BUCKETS; i++)
        for (struct disk_object *o = d->objects[i]; o; o = o->next)
            if (worth_writing(o) && (!best || o->fresh > best->fresh))
                best = o;
    return best;
}

static uint64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

bool disk_wants_saving(const struct engine *e) { return e->disk && e->disk->fresh >= e->disk->enough; }

/* Begins no file later than `ms` from now. */
static void save(struct engine *e, struct cpu *cpu, uint64_t ms)
{
    struct disk *d = e->disk;

    engine_lock(e, cpu);
    bool busy = d->saving, trim = false;
    uint64_t start = now_ms();

    d->saving = true;
    for (struct disk_object *o; !busy && now_ms() - start < ms && (o = next_worth_writing(d));) {
        struct disk_key key = o->key;
        struct records r = write_object(e, cpu, o);

        engine_unlock(e, cpu);
        enum disk_merged merged = r.size ? disk_store_merge(d->dir, &key, r.p, r.size) : DISK_MERGED_NOT;

        /* Looking at the whole directory is not for every process that adds a few units. */
        trim |= merged == DISK_MERGED_NEW || (merged == DISK_MERGED && key.object % 16 == 0);
        free(r.p);
        engine_lock(e, cpu);
        object_unmap(o); /* another thread may have looked meanwhile */
    }
    if (!busy) {
        d->saving = false;
        d->enough *= 2; /* files grow, and each time they are written anew */
    }
    engine_unlock(e, cpu);
    if (trim)
        disk_store_trim(d->dir, d->limit);
}

void disk_look_again(struct engine *e)
{
    for (unsigned i = 0; e->disk && i < OBJECT_BUCKETS; i++)
        for (struct disk_object *o = e->disk->objects[i]; o; o = o->next)
            o->look_again = true;
}

/* Not in a child that shares its parent's memory. */
static bool has_to_save(const struct disk *d) { return d && d->fresh >= 4 && getpid() == d->pid; }

void disk_save(struct engine *e, struct cpu *cpu)
{
    if (has_to_save(e->disk))
        save(e, cpu, SAVE_MS);
}

/* In the child nothing of the guest's may stay open: who reads from its pipes waits for the end.  Locks that other threads held
 * are held for ever (not the C library's, which fork sees to); the alarm ends that. */
void disk_save_behind(struct engine *e)
{
    sigset_t all, alarm_only;

    if (!has_to_save(e->disk))
        return;
    sigfillset(&all);
    sigemptyset(&alarm_only);
    sigaddset(&alarm_only, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    engine_lock(e, NULL);
    bool worth = !e->disk->saving && next_worth_writing(e->disk);
    pid_t pid = worth ? fork() : 0;

    if (worth && pid == 0) {
        engine_unlock(e, NULL);
        closefrom(0);
        prctl(PR_SET_NAME, DISK_SAVER_NAME);
        signal(SIGALRM, SIG_DFL);
        alarm(BEHIND_SECONDS);
        pthread_sigmask(SIG_UNBLOCK, &alarm_only, NULL);
        save(e, NULL, ~0ull);
        _exit(0);
    }
    engine_unlock(e, NULL);
    if (pid < 0)
        save(e, NULL, SAVE_MS);
}

void disk_after_fork(struct engine *e)
{
    struct disk *d = e->disk;

    if (!d)
        return;
    d->generation++;
    d->enough = SAVE_OFTEN;
    d->pid = getpid();
    d->fresh = 0;
    d->saving = false;
    for (unsigned i = 0; i < OBJECT_BUCKETS; i++)
        for (struct disk_object *o = d->objects[i]; o; o = o->next)
            o->fresh = 0;
    disk_look_again(e); /* the parent's other children may have written what this one needs */
}
