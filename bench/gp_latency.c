/* gp-latency: how long a grace period takes, against readers of a given number and section length.
 *
 * Callers wait for grace periods, or queue a callback and wait for that; the latency is split into
 * request to start, the grace period itself, and its end to the callback, where the flavor knows.
 * Readers hold sections of a fixed length, busy (on the CPU) or asleep, with a fixed pause between.
 * QSBR readers are online, busy, and say after each section, or 64 empty ones, that they hold
 * nothing.
 * Sleepers are registered and do nothing: a process has many threads, and few of them read now.
 */
#include "torture/workloads/long_reader.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct params {
    int64_t readers, qsbr_readers, callers, call_rcu_callers, sleepers;
    int64_t section_ns, pause_ns, call_pause_ns, batch;
    int stay;
    bool expedited, serialised;
};
enum { STAY_BUSY, STAY_ASLEEP, STAY_KICKED };

enum { READS, GPS, CALLS, COUNTER_COUNT };
static const struct counter counters[COUNTER_COUNT] = {
    [READS] = {.name = "reads"},
    [GPS] = COUNTER_GPS,
    [CALLS] = {.name = "calls"},
};

enum { GP, GP_REQUEST, GP_TOTAL, GP_MEAN, GP_END_TO_CALLBACK, QUEUE_TO_INVOKE, MEASURE_COUNT };
static const struct measure measures[MEASURE_COUNT] = {
    [GP] = MEASURE_GP,
    [GP_REQUEST] = {.name = "gp.request_to_start", .unit = "ns"},
    [GP_TOTAL] = MEASURE_GP_TOTAL,
    [GP_MEAN] = {.name = "gp.mean", .unit = "ps"},
    [GP_END_TO_CALLBACK] = {.name = "gp.end_to_callback", .unit = "ns"},
    [QUEUE_TO_INVOKE] = {.name = "callback.queue_to_invoke", .unit = "ns"},
};

enum { NOTE_GP, NOTE_CALL, NOTE_COUNT };
static const struct note_format notes[NOTE_COUNT] = {
    [NOTE_GP] = {.format = "waits for grace period %lu"},
    [NOTE_CALL] = {.format = "queued callback %lu"},
};

/* One callback on its way at a time. */
struct call {
    flavor_head head;
    atomic_uint done;
    int64_t invoked_ns, gp_end_ns;
};

struct state {
    /* Of `serialised`: the next ticket, and a futex word for each caller that may wait, which has
     * the ticket whose turn it is, without its upper half. They order nothing else. */
    atomic_ullong tickets;
    atomic_uint *turns;
    struct call *calls; /* one per call_rcu caller */
    size_t sleeper_count;
    pthread_t *sleepers;
    atomic_uint registered; /* sleepers; a futex word */
    atomic_uint woken;      /* they are to end; a futex word */
};

static void stay(struct torture_thread *t, const struct params *p, struct long_reader *kicked)
{
    if (p->section_ns == 0)
        return;
    if (p->stay == STAY_BUSY)
        torture_spin((uint64_t)p->section_ns);
    else if (p->stay == STAY_ASLEEP)
        torture_sleep(t, (uint64_t)p->section_ns);
    else
        long_reader_stay(kicked, t, (uint64_t)p->section_ns);
}

static void reader(struct torture_thread *t)
{
    const struct params *p = t->instance->params;
    unsigned batch = p->section_ns < 10000 && p->pause_ns == 0 ? 64 : 1;
    struct long_reader kicked;

    flavor_register_thread();
    if (p->stay == STAY_KICKED)
        long_reader_open(&kicked);
    while (torture_running(t)) {
        for (unsigned i = 0; i < batch; i++) {
            flavor_read_lock();
            stay(t, p, &kicked);
            flavor_read_unlock();
        }
        torture_count(t, READS, batch);
        torture_beat(t);
        if (p->pause_ns > 0)
            torture_sleep(t, (uint64_t)p->pause_ns);
    }
    if (p->stay == STAY_KICKED)
        long_reader_close(&kicked);
    flavor_unregister_thread();
}

static void qsbr_reader(struct torture_thread *t)
{
    const struct params *p = t->instance->params;
    unsigned batch = p->section_ns < 10000 ? 64 : 1;

    flavor_register_thread();
    flavor_thread_online();
    while (torture_running(t)) {
        for (unsigned i = 0; i < batch; i++) {
            flavor_online_read_lock();
            if (p->section_ns > 0)
                torture_spin((uint64_t)p->section_ns);
            flavor_online_read_unlock();
        }
        flavor_quiescent_state();
        torture_count(t, READS, batch);
        torture_beat(t);
    }
    flavor_thread_offline();
    flavor_unregister_thread();
}

/* Callers take turns in the order in which they came. With a mutex one of them would pass the
 * others thousands of times while the reader, woken or preempted, is outside. */
static unsigned long long take_turn(struct torture_thread *t, struct state *state, size_t callers)
{
    unsigned long long ticket = atomic_fetch_add_explicit(&state->tickets, 1, memory_order_relaxed);
    atomic_uint *turn = &state->turns[ticket % callers];
    unsigned now;

    while ((now = atomic_load_explicit(turn, memory_order_relaxed)) != (unsigned)ticket) {
        /* Whoever has the turn is watched. */
        torture_beat(t);
        shared_wait(turn, now, 100000000);
    }
    return ticket;
}

static void pass_turn(struct state *state, size_t callers, unsigned long long ticket)
{
    atomic_uint *turn = &state->turns[(ticket + 1) % callers];

    atomic_store_explicit(turn, (unsigned)(ticket + 1), memory_order_relaxed);
    shared_wake(turn);
}

static void wait_once(const struct params *p)
{
    if (p->expedited)
        flavor_synchronize_expedited();
    else
        flavor_synchronize();
}

static void time_one(struct torture_thread *t, const struct params *p, struct state *state)
{
    int64_t requested = clock_monotonic_ns(), returned, start, end;
    unsigned long long ticket = p->serialised ? take_turn(t, state, (size_t)p->callers) : 0;

    wait_once(p);
    returned = clock_monotonic_ns();
    if (p->serialised)
        pass_turn(state, (size_t)p->callers, ticket);
    torture_measure(t, GP_TOTAL, (uint64_t)(returned - requested));
    if (flavor_gp_times(&start, &end)) {
        torture_measure(t, GP, (uint64_t)(end - start));
        torture_measure(t, GP_REQUEST, start > requested ? (uint64_t)(start - requested) : 0);
    }
}

/* Of grace periods that take less than two looks at the clock. */
static void time_batch(struct torture_thread *t, const struct params *p)
{
    uint64_t begun = clock_ticks();

    for (int64_t i = 0; i < p->batch; i++)
        wait_once(p);
    torture_measure(t, GP_MEAN, clock_ps_each(clock_ticks() - begun, (uint64_t)p->batch));
}

static void caller(struct torture_thread *t)
{
    const struct params *p = t->instance->params;
    struct state *state = t->instance->state;

    torture_waits_for_gps(t, GPS_LED_BY_CALLER);
    flavor_register_thread();
    while (torture_running(t)) {
        if (p->batch == 1)
            time_one(t, p, state);
        else
            time_batch(t, p);
        torture_count(t, GPS, (uint64_t)p->batch);
        torture_beat(t);
        if (p->call_pause_ns > 0)
            torture_sleep(t, random_below(&t->random, 2 * (uint64_t)p->call_pause_ns + 1));
    }
    flavor_unregister_thread();
}

static void invoked(flavor_head *head)
{
    struct call *call = (struct call *)((char *)head - offsetof(struct call, head));
    int64_t start, end;

    call->invoked_ns = clock_monotonic_ns();
    call->gp_end_ns = flavor_gp_times(&start, &end) ? end : 0;
    /* Orders: STORE call->invoked_ns, call->gp_end_ns -> STORE call->done.
     * Pairs with: call_rcu_caller(), LOAD call->done (acquire) -> LOAD call->invoked_ns.
     * Broken: the caller takes the times of the callback before. */
    atomic_store_explicit(&call->done, 1, memory_order_release);
    shared_wake(&call->done);
}

static void call_rcu_caller(struct torture_thread *t)
{
    const struct params *p = t->instance->params;
    struct state *state = t->instance->state;
    struct call *call = &state->calls[t->index];

    torture_waits_for_gps(t, GPS_LED_BY_ANOTHER);
    flavor_register_thread();
    for (unsigned long n = 1; torture_running(t); n++) {
        int64_t queued = clock_monotonic_ns();

        atomic_store_explicit(&call->done, 0, memory_order_relaxed);
        flavor_call(&call->head, invoked);
        /* Orders: LOAD call->done -> LOAD call->invoked_ns, call->gp_end_ns.
         * Pairs with: invoked(), STORE call->invoked_ns -> STORE call->done (release).
         * Broken: the latency has the times of the callback before. */
        while (!atomic_load_explicit(&call->done, memory_order_acquire))
            shared_wait(&call->done, 0, 100000000);
        torture_measure(t, QUEUE_TO_INVOKE, (uint64_t)(call->invoked_ns - queued));
        if (call->gp_end_ns)
            torture_measure(t, GP_END_TO_CALLBACK, (uint64_t)(call->invoked_ns - call->gp_end_ns));
        torture_count(t, CALLS, 1);
        torture_beat(t);
        if (p->call_pause_ns > 0)
            torture_sleep(t, random_below(&t->random, 2 * (uint64_t)p->call_pause_ns + 1));
    }
    flavor_unregister_thread();
}

/* --- Set-up --- */

/* No role of the harness's: thousands of them need no heartbeat and no histograms. */
static void *sleeper(void *argument)
{
    struct state *state = argument;

    flavor_register_thread();
    atomic_fetch_add_explicit(&state->registered, 1, memory_order_relaxed);
    shared_wake(&state->registered);
    while (!atomic_load_explicit(&state->woken, memory_order_relaxed))
        shared_wait(&state->woken, 0, INT64_C(3600000000000));
    flavor_unregister_thread();
    return NULL;
}

static void end_sleepers(struct state *state)
{
    atomic_store_explicit(&state->woken, 1, memory_order_relaxed);
    shared_wake(&state->woken);
    for (size_t i = 0; i < state->sleeper_count; i++)
        pthread_join(state->sleepers[i], NULL);
    free(state->sleepers);
}

/* Returns when all of them sleep, or nearly. */
static bool start_sleepers(struct state *state, size_t count, struct diagnostics *d)
{
    pthread_attr_t small;
    unsigned registered;
    int error = 0;

    state->sleepers = calloc(count + 1, sizeof *state->sleepers);
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 64 * 1024);
    for (; state->sleeper_count < count; state->sleeper_count++) {
        error = pthread_create(&state->sleepers[state->sleeper_count], &small, sleeper, state);
        if (error)
            break;
    }
    pthread_attr_destroy(&small);
    if (error) {
        diagnose(d,
                 "gp-latency: sleeper %zu of %zu cannot be started: %s; use fewer or raise the "
                 "limit (ulimit -u)",
                 state->sleeper_count + 1, count, strerror(error));
        end_sleepers(state);
        return false;
    }
    while ((registered = atomic_load_explicit(&state->registered, memory_order_relaxed)) < count)
        shared_wait(&state->registered, registered, 100000000);
    return true;
}

static unsigned needs_by_params(const void *params)
{
    const struct params *p = params;

    return p->expedited && p->callers > 0 ? CAN_EXPEDITE : 0;
}

static const char *refuse(const void *params)
{
    const struct params *p = params;

    return p->serialised && p->batch > 1 ? "callers take turns with every call: `batch` is 1 then"
                                         : NULL;
}

static bool setup(struct instance *in, struct diagnostics *d)
{
    const struct params *p = in->params;
    struct state *state = calloc(1, sizeof *state);

    if (!start_sleepers(state, (size_t)p->sleepers, d)) {
        free(state);
        return false;
    }
    state->turns = calloc((size_t)p->callers + 1, sizeof *state->turns);
    state->calls = calloc((size_t)p->call_rcu_callers + 1, sizeof *state->calls);
    in->state = state;
    return true;
}

/* A callback's last act may be to wake its caller: only the address is used then. */
static void finish(struct instance *in)
{
    struct state *state = in->state;

    end_sleepers(state);
    free(state->turns);
    free(state->calls);
    free(state);
}

#define FIELD(name) offsetof(struct params, name)
static const struct option options[] = {
    {.name = "readers",
     .type = OPTION_INT,
     .offset = FIELD(readers),
     .default_text = "1",
     .max = 4096,
     .unit = "threads",
     .help = "readers"},
    {.name = "qsbr_readers",
     .type = OPTION_INT,
     .offset = FIELD(qsbr_readers),
     .default_text = "0",
     .max = 4096,
     .unit = "threads",
     .help = "readers in quiescent-state mode, without a pause"},
    {.name = "callers",
     .type = OPTION_INT,
     .offset = FIELD(callers),
     .default_text = "1",
     .max = 4096,
     .unit = "threads",
     .help = "threads that wait for grace periods"},
    {.name = "call_rcu_callers",
     .type = OPTION_INT,
     .offset = FIELD(call_rcu_callers),
     .default_text = "0",
     .max = 4096,
     .unit = "threads",
     .help = "threads that queue a callback and wait for it"},
    {.name = "sleepers",
     .type = OPTION_INT,
     .offset = FIELD(sleepers),
     .default_text = "0",
     .max = 1e5,
     .unit = "threads",
     .help = "threads that are registered and sleep through the whole run"},
    {.name = "section",
     .type = OPTION_DURATION,
     .stays = 1,
     .offset = FIELD(section_ns),
     .default_text = "0ms",
     .max = 600e9,
     .help = "length of every section"},
    {.name = "pause",
     .type = OPTION_DURATION,
     .stays = 1,
     .offset = FIELD(pause_ns),
     .default_text = "0ms",
     .max = 600e9,
     .help = "sleep of a reader between sections; 0: none, the reader loops"},
    {.name = "stay",
     .type = OPTION_CHOICE,
     .offset = FIELD(stay),
     .default_text = "busy",
     .choices = "busy asleep kicked",
     .help =
         "inside a section a reader keeps the CPU, sleeps, or sleeps until it is told to leave"},
    {.name = "call_pause",
     .type = OPTION_DURATION,
     .stays = 2,
     .offset = FIELD(call_pause_ns),
     .default_text = "0ms",
     .max = 60e9,
     .help = "mean pause between the calls of one thread"},
    {.name = "batch",
     .type = OPTION_INT,
     .offset = FIELD(batch),
     .default_text = "1",
     .min = 1,
     .max = 1e5,
     .unit = "calls",
     .help = "calls of a caller that are timed together, for their mean; one by one: 1"},
    {.name = "expedited",
     .type = OPTION_BOOL,
     .offset = FIELD(expedited),
     .default_text = "false",
     .help = "callers use the expedited primitive"},
    {.name = "serialised",
     .type = OPTION_BOOL,
     .offset = FIELD(serialised),
     .default_text = "false",
     .help = "callers take turns, so that none can share a grace period"},
    {.name = NULL},
};
#undef FIELD

static const struct role roles[] = {
    {.name = "latency-reader", .count_option = "readers", .run = reader, .loops = true},
    {.name = "latency-qsbr-reader",
     .count_option = "qsbr_readers",
     .run = qsbr_reader,
     .needs = CAN_QSBR,
     .loops = true},
    {.name = "latency-caller", .count_option = "callers", .run = caller, .needs = CAN_SYNCHRONIZE},
    {.name = "callback-caller",
     .count_option = "call_rcu_callers",
     .run = call_rcu_caller,
     .needs = CAN_CALL},
    {.name = NULL},
};

extern const struct workload gp_latency_workload;
const struct workload gp_latency_workload = {
    .name = "gp-latency",
    .summary = "how long grace periods and callbacks take, against readers of a given kind",
    .bench = true,
    .needs = CAN_SECTIONS,
    .needs_by_params = needs_by_params,
    .refuse = refuse,
    .options = options,
    .params_size = sizeof(struct params),
    .roles = roles,
    .counters = counters,
    .counter_count = COUNTER_COUNT,
    .measures = measures,
    .measure_count = MEASURE_COUNT,
    .notes = notes,
    .note_count = NOTE_COUNT,
    .setup = setup,
    .finish = finish,
};
