/* safe-work: the TLBs. Each vCPU has one of its own; guest pages are remapped, and the memory that
 * they had is poisoned. When that may be is what the four ways of remapping differ in:
 *
 *   sync       run_on_cpu() has flushed each vCPU, one after the other
 *   async      async_run_on_cpu() was called for each vCPU, and the last flush has run
 *   synced     the same, and then in safe work that was queued for one of them: the others may not
 *              have run their flush yet, but none executes before it has
 *   exclusive  in safe work, which empties everybody's TLB itself
 *
 * A vCPU that is plugged while somebody walks the list starts with an empty TLB; either it is
 * found, or it sees the new mapping (`walks_and_plugs`).
 */
#include "safe_work.h"
#include "torture/runner/violation.h"

#if FLAVOR_CAN_VCPU

/* --- In a block --- */

static void stale(struct safe_work_vcpu *v, struct safe_work_page *page, const struct frame *frame,
                  uint64_t expected, uint64_t found, unsigned word)
{
    struct torture_thread *t = v->base.thread;

    torture_note(t, NOTE_READS, page->number, (unsigned long)expected);
    torture_violation(t->instance, t, SAFE_WORK,
                      "TLB: vCPU %lu read %s through its TLB, from page %u: word %u of frame %u is "
                      "0x%llx, expected 0x%llx.",
                      v->base.serial, found == SAFE_WORK_POISON ? "poison" : "changed memory",
                      page->number, word, (unsigned)(frame - page->frames),
                      (unsigned long long)found, (unsigned long long)expected);
}

static bool read_frame(struct safe_work_vcpu *v, struct safe_work_page *page,
                       const struct frame *frame, uint64_t expected)
{
    for (unsigned i = 0; i < FRAME_WORDS; i++) {
        uint64_t found = frame->words[i];

        if (__builtin_expect(found != expected, 0)) {
            stale(v, page, frame, expected, found, i);
            return false;
        }
    }
    return true;
}

static void read_page(struct safe_work_vcpu *v, struct safe_work_page *page)
{
    struct torture_thread *t = v->base.thread;
    const struct frame *frame = v->emptied[page->number] ? NULL : v->tlb[page->number];
    uint64_t expected;

    if (!frame) {
        v->emptied[page->number] = false;
        /* Orders: LOAD page->map -> LOAD frame->words.
         * Pairs with: publish(), STORE frame->words -> STORE page->map (release).
         * Broken: the harness itself reports changed memory. */
        frame = __atomic_load_n(&page->map, __ATOMIC_ACQUIRE);
        v->tlb[page->number] = frame;
        torture_count(t, TLB_FILLS, 1);
    }
    torture_count(t, CHECKS, 1);
    expected = frame->words[0];
    if (__builtin_expect(expected % SAFE_WORK_MOST_PAGES != page->number, 0)) {
        stale(v, page, frame, page->number, expected, 0);
        return;
    }
    if (!read_frame(v, page, frame, expected))
        return;
    safe_work_linger(t);
    atomic_signal_fence(memory_order_seq_cst); /* reads it anew */
    read_frame(v, page, frame, expected);
}

void safe_work_read_pages(struct safe_work_vcpu *v)
{
    struct torture_thread *t = v->base.thread;
    const struct safe_work_params *p = t->instance->params;
    struct safe_work_state *state = t->instance->state;

    for (unsigned i = 0; i < 4; i++)
        read_page(v, &state->pages[random_below(&t->random, (uint64_t)p->pages)]);
}

/* --- The parts of remapping --- */

/* NULL: it is being remapped. */
static struct safe_work_page *claim(struct torture_thread *t)
{
    const struct safe_work_params *p = t->instance->params;
    struct safe_work_state *state = t->instance->state;
    struct safe_work_page *page = &state->pages[random_below(&t->random, (uint64_t)p->pages)];

    /* Orders: RMW page->busy -> accesses of the page.
     * Pairs with: retire(), STORE page->busy (release).
     * Broken: a request changes the page beside the stores of the one before it. */
    return atomic_exchange_explicit(&page->busy, true, memory_order_acquire) ? NULL : page;
}

static void fill(struct frame *frame, uint64_t word)
{
    for (unsigned i = 0; i < FRAME_WORDS; i++)
        frame->words[i] = word;
}

static void publish(struct safe_work_page *page)
{
    struct frame *fresh = &page->frames[page->current ^= 1];

    page->version++;
    fill(fresh, page->version * SAFE_WORK_MOST_PAGES + page->number);
    /* Orders: STORE frame->words (in fill()) -> STORE page->map.
     * Pairs with: read_page(), LOAD page->map (acquire).
     * Broken: the harness itself reports changed memory. */
    __atomic_store_n(&page->map, fresh, __ATOMIC_RELEASE);
}

/* Poisons what the page had, and lets go of it. A vCPU that still reads there reads poison. */
static void retire(struct torture_thread *t, struct safe_work_page *page)
{
    torture_note(t, NOTE_POISONED, page->number, (unsigned long)page->version);
    fill(&page->frames[page->current ^ 1], SAFE_WORK_POISON);
    /* Orders: accesses of the page -> STORE page->busy.
     * Pairs with: claim(), RMW page->busy (acquire).
     * Broken: the next request changes the page beside the poisoning. */
    atomic_store_explicit(&page->busy, false, memory_order_release);
}

/* Publishes, and is ordered before or after each plug. */
static void begin_walk(struct torture_thread *t, struct safe_work_page *page)
{
    struct safe_work_state *state = t->instance->state;

    publish(page);
    torture_note(t, NOTE_REMAPPED, page->number, (unsigned long)page->version);
    /* Orders: STORE page->map (in publish()) -> RMW state->walks_and_plugs -> LOAD of the list.
     * Pairs with: plugged(), RMW state->walks_and_plugs, after vcpu_add().
     * Broken: a vCPU that the walk does not find loads the old mapping. */
    atomic_fetch_add_explicit(&state->walks_and_plugs, 1, memory_order_acq_rel);
}

/* The flush itself. A slow one now and then, for those who do not wait for it. */
static void drop_entry(struct safe_work_vcpu *v, const struct safe_work_page *page)
{
    struct torture_thread *t = v->base.thread;

    if (random_one_in(&t->random, 16))
        torture_spin(random_below(&t->random, 50 * 1000));
    v->tlb[page->number] = NULL;
    torture_note(t, NOTE_TLB_FLUSHED, page->number, v->base.serial);
}

/* --- async --- */

static void flush_done(struct torture_thread *t, struct safe_work_page *page)
{
    /* Orders: LOAD of the page, STORE v->tlb (by this vCPU) -> RMW page->waiting.
     * Pairs with: flush_done(), RMW page->waiting (acquire), by the last vCPU, before retire().
     * Broken: the frame is poisoned while a vCPU still reads it, and the code under test is
     * blamed. */
    if (atomic_fetch_sub_explicit(&page->waiting, 1, memory_order_acq_rel) == 1)
        retire(t, page);
}

static void flush_async(struct vcpu *cpu, void *data)
{
    struct safe_work_vcpu *v = cpu->data;

    safe_work_count(v, false);
    drop_entry(v, data);
    flush_done(v->base.thread, data);
}

/* => Inside a read section. `self` is the vCPU that executes, which flushes at once; NULL: none. */
static void remap_async(struct torture_thread *t, struct safe_work_page *page,
                        struct safe_work_vcpu *self)
{
    struct safe_work_state *state = t->instance->state;
    struct vcpu *cpu;

    atomic_store_explicit(&page->waiting, 1, memory_order_relaxed);
    begin_walk(t, page);
    FLEET_FOREACH(cpu, &state->fleet)
    {
        struct safe_work_vcpu *v = cpu->data;

        if (v == self)
            continue;
        atomic_fetch_add_explicit(&page->waiting, 1, memory_order_relaxed);
        if (!safe_work_queue(t, v, false, flush_async, page))
            flush_done(t, page);
    }
    if (self)
        self->tlb[page->number] = NULL;
    torture_count(t, TLB_ASYNC, 1);
    flush_done(t, page);
}

/* --- synced --- */

/* May run when the page is somebody else's again: that does no harm. */
static void flush_synced(struct vcpu *cpu, void *data)
{
    struct safe_work_vcpu *v = cpu->data;

    safe_work_count(v, false);
    drop_entry(v, data);
}

static void flush_host(struct vcpu *cpu, void *data)
{
    struct safe_work_page *page = data;

    flush_synced(cpu, data);
    page->host_flushed = true;
}

/* Safe work of the host. */
static void poison_synced(struct vcpu *cpu, void *data)
{
    struct safe_work_vcpu *v = cpu->data;
    struct torture_thread *t = v->base.thread;
    struct safe_work_page *page = data;

    safe_work_count(v, true);
    if (page->host_asked && !page->host_flushed)
        torture_violation(t->instance, t, SAFE_WORK,
                          "TLB: work ran out of order on vCPU %lu: the safe work that poisons page "
                          "%u, version %lu, ran before the flush that was queued first.",
                          v->base.serial, page->number, (unsigned long)page->version);
    retire(t, page);
}

/* => Inside a read section. The host is taken by the caller. False: it has ended, and did not take
 *    the safe work; somebody else has to poison, in an exclusive section. */
static bool remap_synced(struct torture_thread *t, struct safe_work_page *page,
                         struct safe_work_vcpu *host)
{
    struct safe_work_state *state = t->instance->state;
    struct vcpu *cpu;
    bool host_asked = false;

    page->host_flushed = false;
    begin_walk(t, page);
    FLEET_FOREACH(cpu, &state->fleet)
    {
        struct safe_work_vcpu *v = cpu->data;

        if (v == host)
            host_asked = safe_work_queue(t, v, false, flush_host, page);
        else
            safe_work_queue(t, v, false, flush_synced, page);
    }
    page->host_asked = host_asked;
    torture_count(t, TLB_SYNCED, 1);
    return safe_work_queue(t, host, true, poison_synced, page);
}

/* --- exclusive --- */

/* => In an exclusive section. */
static void remap_now(struct torture_thread *t, struct safe_work_page *page)
{
    struct safe_work_state *state = t->instance->state;
    struct vcpu *cpu;

    publish(page);
    torture_note(t, NOTE_REMAPPED, page->number, (unsigned long)page->version);
    flavor_read_lock();
    FLEET_FOREACH(cpu, &state->fleet)
    {
        struct safe_work_vcpu *v = cpu->data;

        v->emptied[page->number] = true;
    }
    flavor_read_unlock();
    retire(t, page);
    torture_count(t, TLB_EXCLUSIVE, 1);
}

/* Safe work. */
static void remap_exclusive(struct vcpu *cpu, void *data)
{
    struct safe_work_vcpu *v = cpu->data;

    safe_work_count(v, true);
    remap_now(v->base.thread, data);
}

/* --- sync --- */

static void flush_sync(struct vcpu *cpu, void *data)
{
    struct safe_work_vcpu *v = cpu->data;
    struct safe_work_page *page = data;

    drop_entry(v, page);
    torture_count(v->base.thread, WORK_RUN, 1);
    page->flushed++;
}

/* Takes it as fleet_take() does. False: its last user has given it back. */
static bool take(struct fleet_vcpu *v)
{
    unsigned references = atomic_load_explicit(&v->references, memory_order_relaxed);

    while (references > 0)
        if (atomic_compare_exchange_weak_explicit(&v->references, &references, references + 1,
                                                  memory_order_relaxed, memory_order_relaxed))
            return true;
    return false;
}

/* The one with the lowest serial number from `serial` on: one is taken at a time, and the list
 * walked anew, for run_on_cpu() may not be called in a read section. NULL: there is none left. */
static struct fleet_vcpu *next_vcpu(struct safe_work_state *state, unsigned long serial)
{
    struct fleet_vcpu *found;
    struct vcpu *cpu;

    flavor_read_lock();
    do {
        found = NULL;
        FLEET_FOREACH(cpu, &state->fleet)
        {
            struct fleet_vcpu *v = cpu->data;

            if (v->serial >= serial && (!found || v->serial < found->serial))
                found = v;
        }
        if (found)
            serial = found->serial + 1;
    } while (found && !take(found));
    flavor_read_unlock();
    return found;
}

void safe_work_remap_sync(struct torture_thread *t)
{
    struct safe_work_state *state = t->instance->state;
    struct safe_work_page *page = claim(t);
    unsigned long serial = 0;
    struct fleet_vcpu *v;

    if (!page)
        return;
    begin_walk(t, page);
    while ((v = next_vcpu(state, serial)) != NULL) {
        unsigned long before = page->flushed;
        int result = run_on_cpu(&v->cpu, flush_sync, page);

        if (result == 0 && page->flushed != before + 1)
            torture_violation(t->instance, t, SAFE_WORK,
                              "TLB: run_on_cpu() for vCPU %lu returned, and the flush of page %u "
                              "had run %lu times.",
                              v->serial, page->number, page->flushed - before);
        if (result != 0)
            torture_count(t, REFUSED, 1);
        serial = v->serial + 1;
        fleet_give(v);
        torture_beat(t);
    }
    torture_count(t, TLB_SYNC, 1);
    retire(t, page);
}

/* --- Who remaps --- */

void safe_work_remap_from_block(struct safe_work_vcpu *v)
{
    struct torture_thread *t = v->base.thread;
    struct safe_work_page *page = claim(t);
    uint64_t way = random_below(&t->random, 4);

    if (!page)
        return;
    if (way == 0)
        remap_synced(t, page, v);
    else if (way == 1)
        safe_work_queue(t, v, true, remap_exclusive, page);
    else
        remap_async(t, page, v);
}

/* By one that is no vCPU, in the name of one. */
static void remap_by(struct torture_thread *t, struct safe_work_vcpu *v)
{
    struct safe_work_page *page = claim(t);
    uint64_t way = random_below(&t->random, 3);
    bool taken = true;

    if (!page)
        return;
    flavor_read_lock();
    if (way == 0)
        taken = remap_synced(t, page, v);
    else if (way == 1)
        taken = safe_work_queue(t, v, true, remap_exclusive, page);
    else
        remap_async(t, page, NULL);
    flavor_read_unlock();
    if (taken)
        return;
    start_exclusive();
    if (way == 0)
        retire(t, page);
    else
        remap_now(t, page);
    end_exclusive();
}

void safe_work_remapper(struct torture_thread *t)
{
    const struct safe_work_params *p = t->instance->params;

    flavor_register_thread();
    while (torture_running(t)) {
        struct safe_work_vcpu *v = fleet_take(t);

        if (p->atomics && random_one_in(&t->random, 4))
            safe_work_add_to_cell(t);
        if (p->translation && v && random_one_in(&t->random, 8)) {
            flavor_read_lock();
            safe_work_ask_for_flush(t, v, SAFE_WORK_ANY_GENERATION);
            flavor_read_unlock();
        }
        if (p->tlb && v && random_one_in(&t->random, 2))
            remap_by(t, v);
        if (v)
            fleet_give(&v->base);
        if (p->tlb)
            safe_work_remap_sync(t);
        torture_beat(t);
        torture_sleep(t, random_below(&t->random, 2 * (uint64_t)p->pause_ns + 1));
    }
    flavor_unregister_thread();
}

void safe_work_open_pages(struct instance *in)
{
    const struct safe_work_params *p = in->params;
    struct safe_work_state *state = in->state;

    for (int64_t i = 0; i < p->pages; i++) {
        struct safe_work_page *page = &state->pages[i];

        page->number = (unsigned)i;
        fill(&page->frames[0], page->number);
        fill(&page->frames[1], SAFE_WORK_POISON);
        page->map = &page->frames[0];
    }
}

#endif
