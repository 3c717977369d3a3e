/* run-on-cpu: work for vCPUs, from threads and from one another.
 *
 * Callers, some with the big lock held, and vCPUs, in their events and in the work itself, request
 * synchronous, asynchronous and safe work of vCPUs taken by chance, themselves among them. vCPUs
 * come and go; some live for a moment only, and are asked for work until they refuse. Every thread
 * numbers what it queues for each vCPU, and so do all that hold the big lock: what was accepted
 * runs once and in that order, in the right thread and state, and nothing else runs. What was
 * refused has given its memory back.
 */
#include "run_on_cpu.h"
#include "torture/runner/violation.h"

#include <stdlib.h>

static const struct counter counters[COUNTER_COUNT] = {
    [ACCEPTED_SYNC] = {.name = "sync"},
    [ACCEPTED_ASYNC] = {.name = "async"},
    [ACCEPTED_SAFE] = {.name = "safe"},
    [RAN_SYNC] = {.name = "ran_sync"},
    [RAN_ASYNC] = {.name = "ran_async"},
    [RAN_SAFE] = {.name = "ran_safe"},
    [INLINE] = {.name = "inline"},
    [NESTED] = {.name = "nested"},
    [CYCLES] = {.name = "cycles"},
    [REFUSED] = {.name = "refused"},
    [NO_MEMORY] = {.name = "no_memory", .words = "items without memory"},
    [RUN_AT_THE_END] = {.name = "run_by_ending_vcpu"},
    [BRIEF] = {.name = "brief_vcpus", .words = "vCPUs that ended while they were asked for work"},
    [GPS_AWAITED] = {.name = "gps_awaited",
                     .words = "grace periods in work for callers that were online",
                     .needs = CAN_EXPEDITE | CAN_QSBR},
    [BLOCKS] = {.name = "blocks"},
    [EVENTS] = {.name = "events"},
    [CHECKS] = {.name = "checks"},
};
static const struct measure measures[MEASURE_COUNT] = {
    [SYNC_LATENCY] = {.name = "work.sync", .unit = "ns"},
    [QUEUE_TO_RUN] = {.name = "work.queue_to_run", .unit = "ns"},
};
static const char *const checks[CHECK_COUNT] = {
    VCPU_LEDGER_ROW,
    [WORK_LEDGER] = "work-ledger",
};
static const char *const coverage[] = {"inline",      "nested",      "cycles",
                                       "refused",     "no_memory",   "run_by_ending_vcpu",
                                       "brief_vcpus", "gps_awaited", NULL};
static const struct note_format notes[NOTE_COUNT] = {
    [NOTE_CALL] = {.format = "asks vCPU %lu for its item %lu"},
    [NOTE_RETURN] = {.format = "is back from vCPU %lu with its item %lu"},
    [NOTE_RUN] = {.format = "entered, as vCPU %lu, item %lu", .enters = true},
    [NOTE_REFUSED] = {.format = "was refused by vCPU %lu with its item %lu"},
    [NOTE_NO_MEMORY] = {.format = "had no memory for vCPU %lu and its item %lu"},
};

#if FLAVOR_CAN_VCPU

/* --- vCPUs --- */

static void block(struct vcpu *cpu)
{
    struct work_vcpu *v = cpu->data;
    struct work_state *state = work_self->instance->state;
    struct torture_thread *t = work_self;
    unsigned long left, right;

    v->in_block = true;
    left = state->left;
    torture_spin(random_below(&t->random, 300));
    right = state->right;
    v->in_block = false;
    torture_count(t, BLOCKS, 1);
    torture_beat(t);
    if (__builtin_expect(left != right, 0))
        torture_violation(t->instance, t, WORK_LEDGER,
                          "vCPU %lu executed while safe work was under way: it saw %lu and %lu.",
                          v->base.serial, left, right);
}

static void events(struct vcpu *cpu)
{
    struct work_vcpu *v = cpu->data;
    struct torture_thread *t = work_self;
    const struct work_params *p = t->instance->params;

    torture_count(t, EVENTS, 1);
    v->idles = p->callers > 0 && random_one_in(&t->random, 2);
    if (torture_running(t) && !v->base.is_brief &&
        random_one_in(&t->random, (uint64_t)p->vcpu_call_one_in))
        work_call_any(t, p->nested_calls);
}

static bool idle(struct vcpu *cpu)
{
    const struct work_vcpu *v = cpu->data;

    return v->idles;
}

static const struct vcpu_guest guest = {.block = block, .events = events, .idle = idle};

static const struct fleet_hooks hooks = {.unplugged = work_check_ended};

/* --- Roles --- */

static void vcpu(struct torture_thread *t)
{
    work_self = t;
    fleet_vcpus(t);
}

static void caller(struct torture_thread *t)
{
    const struct work_params *p = t->instance->params;

    work_self = t;
    flavor_register_thread();
    while (torture_running(t)) {
        bool locked = random_one_in(&t->random, 4);

        if (locked)
            bql_lock();
        for (uint64_t i = random_below(&t->random, 8) + 1; i > 0; i--)
            work_call_from_outside(t, p->nested_calls);
        if (locked)
            bql_unlock();
        torture_beat(t);
        if (p->pause_ns > 0)
            torture_sleep(t, random_below(&t->random, 2 * (uint64_t)p->pause_ns));
    }
    flavor_unregister_thread();
}

/* --- Set-up --- */

static bool setup(struct instance *in, struct diagnostics *d)
{
    const struct work_params *p = in->params;
    size_t lanes = in->thread_count + 1;
    struct work_state *state =
        fleet_open(in, sizeof *state, sizeof(struct work_vcpu) + lanes * sizeof(struct work_lane),
                   &guest, &hooks, d);

    if (!state || !vcpu_ledger_promise(in, (uint64_t)p->removers, d))
        return false;
    state->big_lock_lane = (unsigned)in->thread_count;
    return true;
}

static uint64_t sum(const struct instance *in, unsigned counter)
{
    uint64_t total = 0;

    for (size_t i = 0; i < in->thread_count; i++)
        if (in->threads[i].instance == in)
            total += atomic_load_explicit(&in->threads[i].counters[counter], memory_order_relaxed);
    return total;
}

static void finish(struct instance *in)
{
    struct work_state *state = in->state;

    for (unsigned kind = 0; kind < WORK_KINDS; kind++) {
        uint64_t taken = sum(in, ACCEPTED_SYNC + kind), ran = sum(in, RAN_SYNC + kind);

        if (taken != ran)
            torture_violation(in, NULL, WORK_LEDGER,
                              "At the end of the run %lu items of %s work had been accepted and "
                              "%lu had run.",
                              (unsigned long)taken, counters[kind].name, (unsigned long)ran);
    }
    fleet_close(&state->fleet);
    free(state);
}

#endif

#define FIELD(name) offsetof(struct work_params, name)
static const struct option options[] = {
    FLEET_OPTIONS("2"),
    {.name = "callers",
     .type = OPTION_INT,
     .offset = FIELD(callers),
     .default_text = "2",
     .max = 4096,
     .unit = "threads",
     .help = "threads that ask vCPUs for work, a quarter of it with the big lock held"},
    {.name = "removers",
     .type = OPTION_INT,
     .offset = FIELD(removers),
     .default_text = "1",
     .max = 1024,
     .unit = "threads",
     .help = "threads whose vCPUs live for a moment, and are asked for work until they refuse"},
    {.name = "pause",
     .type = OPTION_DURATION,
     .stays = 2,
     .offset = FIELD(pause_ns),
     .default_text = "20us",
     .max = 60e9,
     .help = "mean pause of a caller after one to eight calls"},
    {.name = "work",
     .type = OPTION_DURATION,
     .stays = 1,
     .offset = FIELD(work_ns),
     .default_text = "2us",
     .max = 60e9,
     .help = "longest time that an item of work takes, calls of its own apart"},
    {.name = "vcpu_call_one_in",
     .type = OPTION_INT,
     .offset = FIELD(vcpu_call_one_in),
     .default_text = "2",
     .max = 1e9,
     .help = "a vCPU asks for work in one of so many rounds of events; 0: never"},
    {.name = "nested_calls",
     .type = OPTION_INT,
     .offset = FIELD(nested_calls),
     .default_text = "2",
     .max = 8,
     .unit = "calls",
     .help = "work asks for work, which asks for work, so many deep"},
    {.name = "no_memory_one_in",
     .type = OPTION_INT,
     .offset = FIELD(no_memory_one_in),
     .default_text = "64",
     .max = 1e9,
     .unit = "calls",
     .help = "one call for asynchronous work in so many has no memory from malloc(); 0: none"},
    {.name = "backlog",
     .type = OPTION_INT,
     .offset = FIELD(backlog),
     .default_text = "64",
     .min = 1,
     .max = 1e6,
     .unit = "items",
     .help = "when so many asynchronous items wait for a vCPU, it is asked for synchronous work "
             "instead"},
    {.name = NULL},
};
#undef FIELD

static const struct role roles[] = {
    {.name = "vcpu", .count_option = "vcpus", .run = NEEDS_VCPU(vcpu)},
    {.name = "plugger", .run = fleet_plugger},
    {.name = "remover", .count_option = "removers", .run = NEEDS_VCPU(work_remover)},
    {.name = "caller", .count_option = "callers", .run = NEEDS_VCPU(caller)},
    {.name = NULL},
};

extern const struct workload run_on_cpu_workload;
const struct workload run_on_cpu_workload = {
    .name = "run-on-cpu",
    .summary = "vCPUs are asked for synchronous, asynchronous and safe work, by threads and by one "
               "another",
    .needs = CAN_PROTECT | CAN_CALL | CAN_BARRIER | CAN_VCPU,
    .needs_by_params = fleet_needs,
    .options = options,
    .params_size = sizeof(struct work_params),
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
