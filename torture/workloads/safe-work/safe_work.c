/* safe-work: three things that need it, used by vCPUs that come and go.
 *
 * Translation buffer: vCPUs append blocks to a buffer in plain memory, and execute them. One that
 * finds it full requests a flush, as safe work. A vCPU whose block is wiped under its hands has
 * seen a violation.
 *
 * TLB: pages are remapped, and what backed them is poisoned once no vCPU may have it in its TLB; in
 * four ways, see tlb.c. A vCPU that reads poison has seen a violation.
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

#include "torture/runner/violation.h"
#include "torture/workloads/cache_lines.h"

#include <stdlib.h>

static const struct counter counters[COUNTER_COUNT] = {
    [BLOCKS] = {.name = "blocks"},
    [CHECKS] = {.name = "checks"},
    [TRANSLATED] = {.name = "translated"},
    [FLUSHES] = {.name = "flushes"},
    [FLUSHES_MERGED] = {.name = "flushes_merged"},
    [TLB_FILLS] = {.name = "tlb_fills"},
    [TLB_SYNC] = {.name = "tlb_sync"},
    [TLB_ASYNC] = {.name = "tlb_async"},
    [TLB_SYNCED] = {.name = "tlb_synced"},
    [TLB_EXCLUSIVE] = {.name = "tlb_exclusive"},
    [SC_SUCCESSES] = {.name = "sc_successes"},
    [SC_FAILURES] = {.name = "sc_failures"},
    [SAFE_WORK_RUN] = {.name = "safe_work"},
    [WORK_RUN] = {.name = "async_work"},
    [REFUSED] = {.name = "work_refused"},
    [RESTS] = {.name = "rests"},
    [ENTRIES] = {.name = "entries"},
};
static const struct measure measures[MEASURE_COUNT] = {
    [EXCLUSIVE_ENTER] = MEASURE_EXCLUSIVE_ENTER,
    [EXCLUSIVE_STOPPED] = {.name = "exclusive.stopped", .unit = "ns"},
};
static const char *const checks[CHECK_COUNT] = {
    VCPU_LEDGER_ROW,
    [SAFE_WORK] = "safe-work",
    [SAFE_WORK_LEDGER] = "safe-work-ledger",
};
static const char *const coverage[] = {
    "blocks",      "flushes",    "flushes_merged", "tlb_sync",
    "tlb_async",   "tlb_synced", "tlb_exclusive",  "sc_successes",
    "sc_failures", "safe_work",  "work_refused",   "rests",
    NULL};
static const struct note_format notes[NOTE_COUNT] = {
    [NOTE_EXECUTES] = {.format = "executes program %lu in generation %lu"},
    [NOTE_READS] = {.format = "reads page %lu through its TLB, expects %lu"},
    [NOTE_LINKED] = {.format = "has loaded from cell %lu, low word %lu"},
    [NOTE_FULL] = {.format = "found the buffer full in generation %lu, vCPU %lu"},
    [NOTE_FLUSHED] = {.format = "flushed the buffer of generation %lu as vCPU %lu"},
    [NOTE_REMAPPED] = {.format = "remaps page %lu to version %lu"},
    [NOTE_POISONED] = {.format = "poisons what page %lu had before version %lu"},
    [NOTE_TLB_FLUSHED] = {.format = "flushed page %lu from the TLB of vCPU %lu"},
    [NOTE_STORED] = {.format = "stored to cell %lu, low word %lu"},
};

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
    /* Orders: async_run_on_cpu() -> RMW v->asked.
     * Pairs with: block(), LOAD v->asked (acquire); check_ledger(), LOAD v->asked (acquire).
     * Broken: the vCPU counts on work for which there is no request to leave yet, and the harness
     * reports it. */
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
    if (safe)
        fleet_expect_stopped(t, SAFE_WORK, NULL, "beside safe work");
}

/* A grace period after the vCPU was removed: threads that found it in the list have counted what
 * they requested. */
static void check_ledger(flavor_head *head)
{
    struct safe_work_vcpu *v =
        (struct safe_work_vcpu *)((char *)head - offsetof(struct safe_work_vcpu, ledger));
    /* Orders: LOAD v->asked -> LOAD v->ran.
     * Pairs with: safe_work_queue(), RMW v->asked (release).
     * Broken: nothing, as a grace period lies between; it costs nothing, once a vCPU. */
    uint64_t asked = atomic_load_explicit(&v->asked, memory_order_acquire);

    if (asked != v->ran)
        torture_violation(v->base.fleet->instance, NULL, SAFE_WORK_LEDGER,
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
    /* Orders: LOAD v->asked -> LOAD of the request to leave, by the inner loop.
     * Pairs with: safe_work_queue(), RMW v->asked (release), after async_run_on_cpu().
     * Broken: the vCPU counts on work for which there is no request to leave yet, and the harness
     * reports it. */
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

    /* Orders: vcpu_add() -> RMW state->walks_and_plugs -> LOAD of the mapping.
     * Pairs with: begin_walk(), RMW state->walks_and_plugs, after publish().
     * Broken: a walk does not find this vCPU, and it loads the old mapping. */
    atomic_fetch_add_explicit(&state->walks_and_plugs, 1, memory_order_acq_rel);
}

static void unplugged(struct vcpu *cpu)
{
    struct safe_work_vcpu *v = cpu->data;
    struct safe_work_state *state = safe_work_state_of(v);

    atomic_fetch_add_explicit(&state->successes, v->successes, memory_order_relaxed);
    flavor_call(&v->ledger, check_ledger);
}

static const struct fleet_hooks hooks = {plugged, unplugged};

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

    state = fleet_open(in, sizeof *state, sizeof(struct safe_work_vcpu), &guest, &hooks, d);
    if (!state)
        return false;
    state->pages = cache_lines((size_t)p->pages * sizeof *state->pages);
    state->cells = cache_lines((size_t)p->cells * sizeof *state->cells);
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

    fleet_close(&state->fleet);
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

static const char *refuse(const void *params)
{
    const struct safe_work_params *p = params;

    return p->translation || p->tlb || p->atomics
               ? NULL
               : "\"translation\", \"tlb\" and \"atomics\" are all false; set one of them to true";
}

#define FIELD(name) offsetof(struct safe_work_params, name)
static const struct option options[] = {
    FLEET_OPTIONS("2"),
    {.name = "remappers",
     .type = OPTION_INT,
     .offset = FIELD(remappers),
     .default_text = "1",
     .max = 4096,
     .unit = "threads",
     .help = "threads that are no vCPUs, and ask for all kinds of work; with accel kvm vCPUs do "
             "nothing but run their work"},
    {.name = "translation",
     .type = OPTION_BOOL,
     .offset = FIELD(translation),
     .default_text = "true",
     .help = "vCPUs execute blocks from a shared buffer, which is flushed when it is full"},
    {.name = "tlb",
     .type = OPTION_BOOL,
     .offset = FIELD(tlb),
     .default_text = "true",
     .help = "vCPUs read pages that are remapped through TLBs that are flushed"},
    {.name = "atomics",
     .type = OPTION_BOOL,
     .offset = FIELD(atomics),
     .default_text = "true",
     .help = "vCPUs load while they execute, and store in exclusive sections"},
    {.name = "buffer",
     .type = OPTION_INT,
     .offset = FIELD(buffer_words),
     .default_text = "4096",
     .min = 64,
     .max = 1e8,
     .unit = "words",
     .help = "size of the translation buffer; a block has 9 to 21 words"},
    {.name = "programs",
     .type = OPTION_INT,
     .offset = FIELD(programs),
     .default_text = "512",
     .min = 1,
     .max = 1e6,
     .unit = "programs",
     .help = "different blocks that there are to translate; more than the buffer has room for, or "
             "it is never full"},
    {.name = "pages",
     .type = OPTION_INT,
     .offset = FIELD(pages),
     .default_text = "16",
     .min = 1,
     .max = SAFE_WORK_MOST_PAGES,
     .unit = "pages",
     .help = "guest pages"},
    {.name = "remap_one_in",
     .type = OPTION_INT,
     .offset = FIELD(remap_one_in),
     .default_text = "200",
     .max = 1e9,
     .help = "one in so many blocks remaps a page, without waiting; 0: none"},
    {.name = "cells",
     .type = OPTION_INT,
     .offset = FIELD(cells),
     .default_text = "2",
     .min = 1,
     .max = 1e6,
     .unit = "cells",
     .help = "pairs of words that are loaded and stored"},
    {.name = "pause",
     .type = OPTION_DURATION,
     .stays = 2,
     .offset = FIELD(pause_ns),
     .default_text = "200us",
     .max = 60e9,
     .help = "mean pause of a remapper"},
    {.name = "block",
     .type = OPTION_DURATION,
     .stays = 1,
     .offset = FIELD(block_ns),
     .default_text = "5us",
     .max = 60e9,
     .help = "longest time that a block dwells on one thing; most do not at all"},
    {.name = NULL},
};
#undef FIELD

static const struct role roles[] = {
    {.name = "safe-vcpu", .count_option = "vcpus", .run = NEEDS_VCPU(fleet_vcpus)},
    {.name = "safe-plugger", .run = fleet_plugger},
    {.name = "remapper", .count_option = "remappers", .run = NEEDS_VCPU(safe_work_remapper)},
    {.name = NULL},
};

extern const struct workload safe_work_workload;
const struct workload safe_work_workload = {
    .name = "safe-work",
    .summary =
        "translation buffer, TLBs and LL/SC, which break when a vCPU executes beside safe work",
    .needs = CAN_PROTECT | CAN_VCPU | CAN_CALL | CAN_BARRIER,
    .needs_by_params = fleet_needs,
    .refuse = refuse,
    .options = options,
    .params_size = sizeof(struct safe_work_params),
    .roles = roles,
    .counters = counters,
    .counter_count = COUNTER_COUNT,
    .measures = measures,
    .measure_count = MEASURE_COUNT,
    .checks = checks,
    .check_count = CHECK_COUNT,
    .coverage = coverage,
    .notes = notes,
    .note_count = NOTE_COUNT,
    FLEET_LIFE(setup, finish),
};
