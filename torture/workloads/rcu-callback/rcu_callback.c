/* rcu-callback: a ledger of callbacks. None may be lost, run twice, out of order, early, or without
 * the big lock; a barrier may not return before those queued before it have run; a flood must
 * drain.
 *
 * Each caller publishes items, replaces them and queues a callback for the old one. Readers hold
 * items and find whether their callback has run meanwhile. Callers work in bursts, so that
 * callbacks pile up; flooders queue without any restraint. Busy readers stay inside until the
 * flavor notifies them.
 */
#include "rcu_callback.h"

#include "torture/runner/violation.h"
#include "torture/workloads/cache_lines.h"

#include <stdlib.h>
#include <string.h>

static const struct counter counters[COUNTER_COUNT] = {
    [READS] = {.name = "reads"},
    [CHECKS] = {.name = "checks"},
    [QUEUED] = {.name = "queued"},
    [INVOKED] = {.name = "invoked"},
    [BARRIERS] = {.name = "barriers", .needs = CAN_BARRIER},
    [BARRIERS_LOCKED] = {.name = "barriers_locked",
                         .words = "barriers under the big lock",
                         .needs = CAN_BARRIER | CAN_CALLBACK_LOCK},
    [BUSY_KICKED] = {.name = "sections_kicked",
                     .words = "readers told to leave",
                     .needs = CAN_FORCE},
    [LOCKED] = {.name = "locked", .needs = CAN_CALLBACK_LOCK},
    [FLOODED] = {.name = "flooded"},
    [FLOODS_DRAINED] = {.name = "floods_drained"},
};
static const struct measure measures[MEASURE_COUNT] = {
    [QUEUE_TO_INVOKE] = {.name = "callback.queue_to_invoke", .unit = "ns"},
    [END_TO_CALLBACK] = {.name = "gp.end_to_callback", .unit = "ns"},
    [BARRIER_TIME] = {.name = "callback.barrier", .unit = "ns"},
    [QUEUE_TIME] = {.name = "callback.queue", .unit = "ns"},
    [DRAIN_TIME] = {.name = "callback.drain", .unit = "ns"},
    [LOCK_HELD] = {.name = "callback.lock_held", .unit = "ns"},
    [HELD_BACK] = {.name = "callback.held_back", .unit = "bytes", .picture = "memory-over-time"},
    [RSS] = {.name = "process.rss", .unit = "bytes", .picture = "memory-over-time"},
};
static const char *const checks[CHECK_COUNT] = {
    [CALLBACK_LEDGER] = "callback-ledger",
    [QUIESCENCE] = "quiescence",
};
static const struct note_format notes[NOTE_COUNT] = {
    [NOTE_QUEUED] = {.format = "queued callback %lu, %lu on their way"},
    [NOTE_INVOKED] = {.format = "callback %lu ran"},
    [NOTE_ENTERED] = {.format = "entered, loaded item %lu", .enters = true},
    [NOTE_LEFT] = {.format = "left, item %lu"},
    [NOTE_BARRIER] = {.format = "barrier begins, %lu queued by the first caller"},
    [NOTE_BARRIER_END] = {.format = "barrier ended, %lu ran of the first caller's"},
    [NOTE_FLOOD] = {.format = "flood begins, %lu queued before it"},
    [NOTE_FLOOD_END] = {.format = "flood of %lu ends, %lu on their way"},
};
static const char *const coverage[] = {
    "gps_forced",     "gps_forced_by_call", "barriers", "barriers_locked",
    "floods_drained", "callbacks_delayed",  NULL};

/* The thread of a role, which exists before it starts. */
static struct torture_thread *thread_of(const struct instance *in, const char *role, unsigned index)
{
    for (size_t i = 0; i < in->thread_count; i++) {
        struct torture_thread *t = &in->threads[i];

        if (t->instance == in && t->index == index && strcmp(t->role->name, role) == 0)
            return t;
    }
    return NULL;
}

static const char *refuse(const void *params)
{
    return ((const struct callback_params *)params)->callers > 0 ? NULL
                                                                 : "needs at least one caller";
}

static unsigned needs_by_params(const void *params)
{
    return ((const struct callback_params *)params)->big_lock ? CAN_CALLBACK_LOCK : 0;
}

static bool setup(struct instance *in, struct diagnostics *d)
{
    const struct callback_params *p = in->params;
    struct callback_state *state;

    (void)d;
    in->state = state = calloc(1, sizeof *state);
    state->caller_count = (size_t)p->callers;
    state->callers = cache_lines(state->caller_count * sizeof *state->callers);
    for (unsigned i = 0; i < state->caller_count; i++)
        items_open(&state->callers[i], in, thread_of(in, "caller", i), (size_t)p->pending_max,
                   sizeof(struct callback_item));
    state->flooder_count = (size_t)p->flooders;
    state->flooders = cache_lines(state->flooder_count * sizeof *state->flooders);
    for (unsigned i = 0; i < state->flooder_count; i++)
        state->flooders[i].thread = thread_of(in, "flooder", i);
    state->big_lock = big_lock_open(p->big_lock, state->callers[0].thread, LOCK_HELD);
    return true;
}

static void finish(struct instance *in)
{
    const struct callback_params *p = in->params;
    struct callback_state *state = in->state;

    for (size_t i = 0; i < state->caller_count; i++) {
        struct items *c = &state->callers[i];
        size_t back = items_close(c);

        if (back != (size_t)p->pending_max || atomic_load(&c->queued) != atomic_load(&c->invoked))
            torture_violation(in, c->thread, QUIESCENCE,
                              "%zu of %zu items of caller %zu are back at the end; %lu callbacks "
                              "were queued, %lu ran.",
                              back, (size_t)p->pending_max, i,
                              (unsigned long)atomic_load(&c->queued),
                              (unsigned long)atomic_load(&c->invoked));
    }
    big_lock_close(state->big_lock, p->big_lock);
    free(state->callers);
    free(state->flooders);
    free(state);
}

#define FIELD(name) offsetof(struct callback_params, name)
static const struct option options[] = {
    {.name = "readers",
     .type = OPTION_INT,
     .offset = FIELD(readers),
     .default_text = "1",
     .max = 4096,
     .unit = "threads",
     .help = "readers that come and go without a pause"},
    {.name = "busy_readers",
     .type = OPTION_INT,
     .offset = FIELD(busy_readers),
     .default_text = "0",
     .max = 4096,
     .unit = "threads",
     .help = "readers that stay inside until they are told to leave"},
    {.name = "callers",
     .type = OPTION_INT,
     .offset = FIELD(callers),
     .default_text = "2",
     .max = 4096,
     .unit = "threads",
     .help = "threads that queue callbacks"},
    {.name = "barriers",
     .type = OPTION_INT,
     .offset = FIELD(barriers),
     .default_text = "1",
     .max = 4096,
     .unit = "threads",
     .help = "threads that call the barrier"},
    {.name = "lock_users",
     .type = OPTION_INT,
     .offset = FIELD(lock_users),
     .default_text = "1",
     .max = 4096,
     .unit = "threads",
     .help = "threads that take the big lock now and then"},
    {.name = "flooders",
     .type = OPTION_INT,
     .offset = FIELD(flooders),
     .default_text = "0",
     .max = 4096,
     .unit = "threads",
     .help =
         "threads that queue callbacks as fast as they can, and then wait for the flood to drain"},
    {.name = "samplers",
     .type = OPTION_INT,
     .offset = FIELD(samplers),
     .default_text = "0",
     .max = 1,
     .unit = "threads",
     .help = "threads that look each millisecond at what floods hold back, and what the process "
             "takes"},
    {.name = "big_lock",
     .type = OPTION_BOOL,
     .offset = FIELD(big_lock),
     .default_text = "true",
     .needs = CAN_CALLBACK_LOCK,
     .help = "callbacks run under a lock, and half of the barriers are called with it"},
    {.name = "burst_max",
     .type = OPTION_INT,
     .offset = FIELD(burst_max),
     .default_text = "100",
     .min = 1,
     .max = 1e9,
     .unit = "callbacks",
     .help = "a caller queues up to so many at once"},
    {.name = "pending_max",
     .type = OPTION_INT,
     .offset = FIELD(pending_max),
     .default_text = "1000",
     .min = 2,
     .max = 1e7,
     .unit = "callbacks",
     .help = "a caller has at most so many on their way"},
    {.name = "burst_pause",
     .type = OPTION_DURATION,
     .stays = 2,
     .offset = FIELD(burst_pause_ns),
     .default_text = "100us",
     .max = 60e9,
     .help = "mean pause of a caller between bursts"},
    {.name = "flood_max",
     .type = OPTION_INT,
     .offset = FIELD(flood_max),
     .default_text = "100000",
     .min = 1,
     .max = 1e9,
     .unit = "callbacks",
     .help = "a flood ends when a flooder has so many on their way"},
    {.name = "flood_calls",
     .type = OPTION_INT,
     .offset = FIELD(flood_calls),
     .default_text = "1000000",
     .min = 1,
     .max = 1e9,
     .unit = "callbacks",
     .help = "a flood ends after so many calls"},
    {.name = "flood_pause",
     .type = OPTION_DURATION,
     .stays = 2,
     .offset = FIELD(flood_pause_ns),
     .default_text = "1ms",
     .max = 60e9,
     .help = "mean pause of a flooder between floods"},
    {.name = "section",
     .type = OPTION_DURATION,
     .stays = 1,
     .offset = FIELD(section_ns),
     .default_text = "50us",
     .max = 60e9,
     .help = "longest section of a reader"},
    {.name = "busy_section",
     .type = OPTION_DURATION,
     .offset = FIELD(busy_section_ns),
     .default_text = "1m",
     .max = 600e9,
     .help = "how long a busy reader stays when nobody tells it to leave"},
    {.name = "barrier_pause",
     .type = OPTION_DURATION,
     .stays = 2,
     .offset = FIELD(barrier_pause_ns),
     .default_text = "1ms",
     .max = 60e9,
     .help = "mean pause between barriers"},
    {.name = "signals",
     .type = OPTION_DURATION,
     .offset = FIELD(signals_ns),
     .default_text = "0ms",
     .max = 60e9,
     .help = "barrier threads get a signal each so long, which ends any sleep; 0: none"},
    {.name = NULL},
};
#undef FIELD

static const struct role roles[] = {
    {.name = "reader", .count_option = "readers", .run = callback_reader},
    {.name = "busy-reader",
     .count_option = "busy_readers",
     .run = callback_busy_reader,
     .needs = CAN_FORCE},
    {.name = "caller", .count_option = "callers", .run = callback_caller, .needs = CAN_CALL},
    {.name = "barrier", .count_option = "barriers", .run = callback_barrier, .needs = CAN_BARRIER},
    {.name = "lock-user",
     .count_option = "lock_users",
     .run = callback_lock_user,
     .needs = CAN_CALLBACK_LOCK},
    {.name = "flooder", .count_option = "flooders", .run = callback_flooder, .needs = CAN_CALL},
    {.name = "sampler", .count_option = "samplers", .run = callback_sampler},
    {.name = NULL},
};

extern const struct workload rcu_callback_workload;
const struct workload rcu_callback_workload = {
    .name = "rcu-callback",
    .summary = "a ledger of callbacks: none lost, doubled, out of order, early or without the lock",
    .needs = CAN_PROTECT,
    .needs_by_params = needs_by_params,
    .refuse = refuse,
    .options = options,
    .params_size = sizeof(struct callback_params),
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
    .setup = setup,
    .finish = finish,
};
