/* safe-work: three things that need it, used by vCPUs that come and go.
 *
 * Translation buffer: vCPUs append blocks to a buffer in plain memory, and execute them. Who finds
 * it full asks for a flush, as safe work. A vCPU whose block is wiped under its hands has seen a
 * violation.
 *
 * TLB: pages are remapped, and what backed them is poisoned once no vCPU may have it in its TLB; in
 * four ways, see safe_work_tlb.c. A vCPU that reads poison has seen a violation.
 *
 * LL/SC: vCPUs read pairs of plain words while they execute; exclusive sections change them, and
 * each change is counted. A torn pair is a violation, and so is a sum that is not the count.
 *
 * All work that a vCPU accepts is counted when async_run_on_cpu() has returned, and again when it
 * runs. A vCPU that has seen the first count during a block must find the second one there when its
 * next block begins: the request to leave was made before it was counted, so the inner loop has
 * seen it, and has been left for it.
 */
#include "safe_work.h"

#include <stdlib.h>

static const char *const counter_names[] = {
    "blocks",    "checks",     "translated",   "flushes",       "flushes_merged", "tlb_fills",
    "tlb_sync",  "tlb_async",  "tlb_synced",   "tlb_exclusive", "sc_successes",   "sc_failures",
    "safe_work", "async_work", "work_refused", "rests",         "entries",        NULL};
static const struct measure measure_list[] = {
    {"exclusive.enter", "ns"}, {"exclusive.stopped", "ns"}, {NULL, NULL}};
static const char *const check_names[] = {"safe-work", "safe-work-ledger", NULL};
static const char *const coverage_names[] = {
    "blocks",      "flushes",    "flushes_merged", "tlb_sync",
    "tlb_async",   "tlb_synced", "tlb_exclusive",  "sc_successes",
    "sc_failures", "safe_work",  "work_refused",   "rests",
    NULL};
static const char *const note_formats[] = {"executes program %lu in generation %lu",
                                           "reads page %lu through its TLB, expects %lu",
                                           "has loaded from cell %lu, low word %lu",
                                           "found the buffer full in generation %lu, vCPU %lu",
                                           "flushed the buffer of generation %lu as vCPU %lu",
                                           "remaps page %lu to version %lu",
                                           "poisons what page %lu had before version %lu",
                                           "flushed page %lu from the TLB of vCPU %lu",
                                           "stored to cell %lu, low word %lu",
                                           NULL};

#if FLAVOR_CAN_VCPU

/* --- The ledger --- */

bool safe_work_queue(struct torture_thread *t, struct safe_work_vcpu *v, bool safe,
                     vcpu_work_func *func, void *data)
{
    struct vcpu *cpu = &v->base.cpu;
    int result = safe ? async_safe_run_on_cpu(cpu, func, data) : async_run_on_cpu(cpu, func, data);

    if (result != 0) {
        torture_count(t, REFUSED, 1);
        return false;
    }
    /* Release: the vCPU has been asked to leave before it is counted.
     * Pairs with: the acquire at the end of block(). Broken: the harness reports work that nobody
     * has asked for yet. */
    atomic_fetch_add_explicit(&v->asked, 1, memory_order_release);
    return true;
}

void safe_work_count(struct safe_work_vcpu *v, bool safe)
{
    struct torture_thread *t = v->base.thread;

    v->ran++;
    torture_count(t, safe ? SAFE_WORK_RUN : WORK_RUN, 1);
    torture_beat(t);
    if (safe && bql_locked())
        torture_violation(t->instance, t, SAFE_WORK,
                          "Safe work of vCPU %lu ran with the big lock held.", v->base.serial);
}

/* A grace period after the vCPU was removed: those who found it in the list have counted what they
 * asked for. */
static void check_ledger(flavor_head *head)
{
    struct safe_work_vcpu *v =
        (struct safe_work_vcpu *)((char *)head - offsetof(struct safe_work_vcpu, ledger));
    uint64_t asked = atomic_load_explicit(&v->asked, memory_order_acquire);

    if (asked != v->ran)
        torture_violation(v->base.machine->instance, NULL, SAFE_WORK_LEDGER,
                          "vCPU %lu has ended: it accepted %lu pieces of work, and ran %lu.",
                          v->base.serial, (unsigned long)asked, (unsigned long)v->ran);
}

/* --- The guest --- */

void safe_work_linger(struct torture_thread *t)
{
    const struct safe_work_params *p = t->instance->params;

    if (random_one_in(&t->random, 8))
        torture_spin(random_below(&t->random, (uint64_t)p->block_ns + 1));
}

/* Somebody is there to wake it. */
static bool may_rest(const struct safe_work_params *p)
{
    return p->remappers > 0;
}

static void check_work_was_run(struct safe_work_vcpu *v)
{
    struct torture_thread *t = v->base.thread;

    if (__builtin_expect(v->ran < v->seen, 0))
        torture_violation(t->instance, t, SAFE_WORK,
                          "vCPU %lu begins a block, and has run %lu pieces of work of %lu that had "
                          "been asked for at the end of the block before.",
                          v->base.serial, (unsigned long)v->ran, (unsigned long)v->seen);
}

static void run_consumer(struct torture_thread *t, struct safe_work_vcpu *v)
{
    const struct safe_work_params *p = t->instance->params;
    bool wanted[] = {p->translation, p->tlb, p->atomics};
    uint64_t which = random_below(&t->random, 3);

    while (!wanted[which])
        which = (which + 1) % 3;
    if (which == 0)
        safe_work_execute(v);
    else if (which == 1)
        safe_work_read_pages(v);
    else
        safe_work_load_linked(v);
    if (p->tlb && random_one_in(&t->random, (uint64_t)p->remap_one_in))
        safe_work_remap_from_block(v);
}

static void block(struct vcpu *cpu)
{
    struct safe_work_vcpu *v = cpu->data;
    struct torture_thread *t = v->base.thread;

    check_work_was_run(v);
    run_consumer(t, v);
    torture_count(t, BLOCKS, 1);
    torture_beat(t);
    /* Acquire, pairs with: the release in safe_work_queue(). Broken: as said there. */
    v->seen = atomic_load_explicit(&v->asked, memory_order_acquire);
    if (!may_rest(t->instance->params)) /* the accelerators that wait would do so for ever */
        cpu_exit(cpu);
}

static void events(struct vcpu *cpu)
{
    struct safe_work_vcpu *v = cpu->data;
    struct torture_thread *t = v->base.thread;
    const struct safe_work_params *p = t->instance->params;

    torture_count(t, ENTRIES, 1);
    torture_beat(t);
    if (v->linked && v->stores_by_events)
        safe_work_store_conditional(v);
    else if (p->tlb && random_one_in(&t->random, 64))
        safe_work_remap_sync(t);
    v->rests = may_rest(p) && random_one_in(&t->random, 8);
}

static bool idle(struct vcpu *cpu)
{
    struct safe_work_vcpu *v = cpu->data;

    if (v->rests)
        torture_count(v->base.thread, RESTS, 1);
    return v->rests;
}

static const struct vcpu_guest guest = {.block = block, .events = events, .idle = idle};

/* --- Set-up --- */

static void plugged(struct vcpu *cpu)
{
    struct safe_work_state *state = safe_work_state_of(cpu->data);

    /* Pairs with: begin_walk(). Broken: as said there. */
    atomic_fetch_add_explicit(&state->walks_and_plugs, 1, memory_order_acq_rel);
}

static void unplugged(struct vcpu *cpu)
{
    struct safe_work_vcpu *v = cpu->data;
    struct safe_work_state *state = safe_work_state_of(v);

    atomic_fetch_add_explicit(&state->successes, v->successes, memory_order_relaxed);
    flavor_call(&v->ledger, check_ledger);
}

static const struct machine_hooks hooks = {plugged, unplugged};

static void free_state(struct safe_work_state *state)
{
    safe_work_close_buffer(state);
    free(state->pages);
    free(state->cells);
    free(state);
}

static bool setup(struct instance *in, struct diagnostics *d)
{
    const struct safe_work_params *p = in->params;
    struct safe_work_state *state;

    if (!p->translation && !p->tlb && !p->atomics) {
        diagnose(d, "safe-work: \"translation\", \"tlb\" and \"atomics\" are all false; set one of "
                    "them to true");
        return false;
    }
    state = machine_open(in, sizeof *state, sizeof(struct safe_work_vcpu), &guest, &hooks, d);
    if (!state)
        return false;
    state->pages = machine_lines((size_t)p->pages * sizeof *state->pages);
    state->cells = machine_lines((size_t)p->cells * sizeof *state->cells);
    for (int64_t i = 0; i < p->cells; i++)
        state->cells[i].high = ~UINT64_C(0);
    safe_work_open_pages(in);
    if (safe_work_open_buffer(in, d))
        return true;
    free_state(state);
    return false;
}

static void finish(struct instance *in)
{
    const struct safe_work_params *p = in->params;
    struct safe_work_state *state = in->state;
    uint64_t sum = 0;

    machine_close(&state->machine);
    for (int64_t i = 0; i < p->cells; i++) {
        sum += state->cells[i].low;
        if (state->cells[i].high != ~state->cells[i].low)
            torture_violation(in, NULL, SAFE_WORK, "LL/SC: cell %ld holds a torn pair at the end.",
                              (long)i);
    }
    if (sum != atomic_load(&state->successes))
        torture_violation(in, NULL, SAFE_WORK,
                          "LL/SC: the cells add up to %lu, and %lu stores were successful.",
                          (unsigned long)sum, (unsigned long)atomic_load(&state->successes));
    for (int64_t i = 0; i < p->pages; i++)
        if (atomic_load(&state->pages[i].busy))
            torture_violation(in, NULL, SAFE_WORK_LEDGER,
                              "The work that remaps page %ld to version %lu has not run.", (long)i,
                              (unsigned long)state->pages[i].version);
    free_state(state);
}

#endif

#define FIELD(name) offsetof(struct safe_work_params, name)
static const struct option options[] = {
    MACHINE_OPTIONS("2"),
    {"remappers", OPTION_INT, FIELD(remappers), "1", 0, 4096, "threads", NULL,
     "threads that are no vCPUs, and ask for all kinds of work; with accel kvm vCPUs do nothing "
     "but run their work"},
    {"translation", OPTION_BOOL, FIELD(translation), "true", 0, 0, NULL, NULL,
     "vCPUs execute blocks from a shared buffer, which is flushed when it is full"},
    {"tlb", OPTION_BOOL, FIELD(tlb), "true", 0, 0, NULL, NULL,
     "vCPUs read pages that are remapped through TLBs that are flushed"},
    {"atomics", OPTION_BOOL, FIELD(atomics), "true", 0, 0, NULL, NULL,
     "vCPUs load while they execute, and store in exclusive sections"},
    {"buffer", OPTION_INT, FIELD(buffer_words), "4096", 64, 1e8, "words", NULL,
     "size of the translation buffer; a block has 9 to 21 words"},
    {"programs", OPTION_INT, FIELD(programs), "512", 1, 1e6, "programs", NULL,
     "different blocks that there are to translate; more than the buffer has room for, or it is "
     "never full"},
    {"pages", OPTION_INT, FIELD(pages), "16", 1, SAFE_WORK_MOST_PAGES, "pages", NULL,
     "guest pages"},
    {"remap_one_in", OPTION_INT, FIELD(remap_one_in), "200", 0, 1e9, NULL, NULL,
     "one in so many blocks remaps a page, without waiting; 0: none"},
    {"cells", OPTION_INT, FIELD(cells), "2", 1, 1e6, "cells", NULL,
     "pairs of words that are loaded and stored"},
    {"pause", OPTION_DURATION, FIELD(pause_ns), "200us", 0, 60e9, NULL, NULL,
     "mean pause of a remapper"},
    {"block", OPTION_DURATION, FIELD(block_ns), "5us", 0, 60e9, NULL, NULL,
     "longest time that a block dwells on one thing; most do not at all"},
    {NULL, OPTION_BOOL, 0, NULL, 0, 0, NULL, NULL, NULL},
};
#undef FIELD

static const struct role roles[] = {
    {"safe-vcpu", "vcpus", NEEDS_VCPU(machine_vcpus), 0},
    {"safe-plugger", NULL, machine_plugger, 0},
    {"remapper", "remappers", NEEDS_VCPU(safe_work_remapper), 0},
    {NULL, NULL, NULL, 0},
};

extern const struct workload safe_work_workload;
const struct workload safe_work_workload = {
    .name = "safe-work",
    .summary =
        "translation buffer, TLBs and LL/SC, which break when a vCPU executes beside safe work",
    .needs = CAN_PROTECT | CAN_VCPU | CAN_CALL | CAN_BARRIER,
    .needs_by_params = machine_needs,
    .options = options,
    .params_size = sizeof(struct safe_work_params),
    .roles = roles,
    .counters = counter_names,
    .measures = measure_list,
    .checks = check_names,
    .coverage = coverage_names,
    .notes = note_formats,
    MACHINE_LIFE(setup, finish),
};
