/* Code of guests that announce no changes of it (x86): pages that translations were made from are write-protected
 * (memory/guard.h).
 *
 * Before guest code is read its page is protected; a write into it is a fault, at which the translations of that page
 * (and of all other places where it is mapped) go, the protection too, and the instruction is run once more, alone, in a
 * unit of its own that nothing protects (ENGINE_MODE_ONCE): so the bytes after it may be those it has just written.  An
 * invalidation counts in engine.invalidations under the layout lock: a translation begun before it is not entered.
 *
 * Units from pages that change all the time compare their bytes at entry instead, and leave with IR_EXIT_STALE if these
 * are others; such units end after each instruction that writes memory, which may have been their own.
 *
 * Known limitations: writes by other processes to shared memory, by write(2) to a mapped file and by the kernel after
 * its call has returned (io_submit) are not seen; nor are two instructions in one checked unit of which another thread
 * changes the second while the first runs (the processor promises nothing there either without a serialising
 * instruction). */
#include "engine/internal.h"
#include "ir/build.h"
#include "memory/guard.h"
#include <signal.h>
#include <sys/mman.h>

/* Waited for outside of any epoch, like the engine's lock. */
static void lock_layout(struct engine *e, struct cpu *cpu)
{
    if (LIKELY(memory_layout_trylock()))
        return;
    if (cpu)
        atomic_store(&cpu->epoch, 0);
    memory_layout_lock();
    if (cpu)
        atomic_store(&cpu->epoch, atomic_load(&e->epoch));
}

bool guard_code(struct engine *e, struct cpu *cpu, uint64_t page)
{
    lock_layout(e, cpu);
    bool guarded = memory_guard(page);
    memory_layout_unlock();
    return guarded;
}

static void changed(void *ctx, uint64_t start, uint64_t end)
{
    engine_set_aside(ctx, start, end - start);
}

bool guard_fault(struct engine *e, struct cpu *cpu)
{
    uint64_t page = align_down(cpu->fault.address, MEMORY_PAGE);
    struct memory_area area;
    if (e->config.guest->announces_code_changes || !cpu->fault.write || cpu->fault.signal != SIGSEGV)
        return false;
    lock_layout(e, cpu);
    /* Another thread may have been faster with the same page: then the write just works now. */
    bool ours = memory_guard_known(page) && memory_area_at(page, &area) && area.start <= page && (area.prot & PROT_WRITE);
    if (ours)
        memory_unguard(page, page + MEMORY_PAGE, true, changed, e);
    memory_layout_unlock();
    cpu->stat[ENGINE_STAT_CODE_WRITES] += ours;
    return ours;
}

void guard_drop(struct engine *e, struct cpu *cpu, struct block *b, uint64_t pc, uint32_t mode)
{
    if (engine_lock(e, cpu) || !b)
        b = table_find(e, pc, mode);
    if (b && !b->dead)
        table_remove(e, b);
    engine_unlock(e, cpu);
}

void guard_stale(struct engine *e, struct cpu *cpu, uint64_t pc, uint32_t mode)
{
    lock_layout(e, cpu);
    memory_guard_changed(pc);
    memory_layout_unlock();
    guard_drop(e, cpu, NULL, pc, mode);
    cpu->stat[ENGINE_STAT_STALE]++;
}

unsigned guard_check_begin(struct ir_unit *u, const uint8_t *bytes, uint32_t size)
{
    unsigned stale = ir_label_new(u);
    ir_ref pc = ir_const(u, IR_I64, u->pc), differ = IR_NONE;
    for (uint32_t at = 0; at < size;) {
        uint32_t left = size - at, n = left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1;
        enum ir_type t = n == 8 ? IR_I64 : n == 4 ? IR_I32 : n == 2 ? IR_I16 : IR_I8;
        uint64_t was = 0;
        memcpy(&was, bytes + at, n);
        ir_ref now = ir_load(u, IR_LOAD, IR_I64, t, pc, IR_NONE, at, 0), x = ir_bin_imm(u, IR_XOR, now, was);
        differ = differ == IR_NONE ? x : ir_bin(u, IR_OR, differ, x);
        at += n;
    }
    ir_br_if(u, ir_cmp(u, IR_CC_NE, differ, ir_const(u, IR_I64, 0)), stale);
    return stale;
}

void guard_check_end(struct ir_unit *u, unsigned stale)
{
    ir_label(u, stale);
    ir_exit(u, IR_EXIT_STALE, u->pc, IR_NONE);
}

/* Nobody can have written there unseen, as into a file. */
static bool is_anonymous(uint64_t start, uint64_t end)
{
    struct memory_area area;
    return memory_area_at(start, &area) && area.start <= start && end <= area.end && !area.inode && !area.dev &&
           !(area.flags & MAP_SHARED);
}

void engine_set_aside(struct engine *e, uint64_t start, uint64_t size)
{
    if (e->config.guest->announces_code_changes || !size)
        return;
    if (!is_anonymous(start, start + size)) {
        engine_invalidate(e, start, size);
        return;
    }
    pthread_mutex_lock(&e->lock);
    engine_note_change(e, start, start + size);
    table_set_aside(e, start, start + size);
    pthread_mutex_unlock(&e->lock);
}

struct block *guard_return(struct engine *e, struct cpu *cpu, uint64_t pc, uint32_t mode, uint64_t generation)
{
    uint64_t page = align_down(pc, MEMORY_PAGE), last = align_down(pc + 15, MEMORY_PAGE); /* of x86's longest instruction */
    if (!atomic_load(&e->aside_count) || !guard_code(e, cpu, page) || (page != last && !guard_code(e, cpu, last)))
        return NULL;
    engine_lock(e, cpu);
    struct block *b = table_find(e, pc, mode);
    if (!b && generation == atomic_load(&e->invalidations))
        b = table_return(e, cpu, pc, mode);
    engine_unlock(e, cpu);
    return b;
}

void engine_lift_guards(struct engine *e, uint64_t start, uint64_t size)
{
    if (memory_guards_any())
        memory_unguard(start, start + size, false, changed, e);
}

void engine_now_writable(struct engine *e, uint64_t start, uint64_t size)
{
    if (e->config.guest->announces_code_changes)
        return;
    engine_invalidate(e, start, size);
    for (uint64_t page = start, at, mirror; page < start + size; page += MEMORY_PAGE) {
        struct memory_area area;
        int prot;
        /* Only shared memory shows elsewhere what is written into it. */
        if (!memory_area_at(page, &area) || area.start > page)
            continue;
        if (!(area.flags & MAP_SHARED)) {
            page = area.end - MEMORY_PAGE;
            continue;
        }
        for (at = 0; memory_next_mirror(page, &at, &mirror, &prot);)
            if (prot & PROT_EXEC)
                engine_invalidate(e, mirror, MEMORY_PAGE);
    }
}

bool engine_about_to_write(struct engine *e, uint64_t start, uint64_t size)
{
    bool any = memory_guards_any();
    if (any && size) {
        memory_layout_lock();
        memory_unguard(start, start + size, true, changed, e);
        memory_layout_unlock();
    }
    return any;
}

static bool write_hook(void *ctx, uint64_t start, size_t size) { return engine_about_to_write(ctx, start, size); }

void guard_create(struct engine *e)
{
    if (!e->config.guest->announces_code_changes)
        memory_set_write_hook(write_hook, e);
}
