/* rcu-replay: the deterministic mode, played twice.
 *
 * A driver has a virtual time of its own. By a seed it decides, at each step, how many callbacks it
 * queues, how many more these queue when they run, and how many of all that are queued run at this
 * point of virtual time; the flavor takes the last of these from decide(). Each seed is played
 * twice, while readers and waiters torture beside it. Which callback ran at which virtual time, and
 * in which order, must be the same, however differently the clock and the CPUs went. What decide()
 * returns for "not yet" is 0, one more than there are, or far more: nothing runs by that.
 *
 * The flavor has one queue of callbacks: no other workload of the same run may queue any.
 */
#include "rcu_replay.h"

#include "torture/runner/violation.h"
#include "torture/workloads/cache_lines.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static const struct counter counters[COUNTER_COUNT] = {
    [READS] = {.name = "reads"},
    [CHECKS] = {.name = "checks"},
    [GPS] = COUNTER_GPS,
    [QUEUED] = {.name = "queued"},
    [INVOKED] = {.name = "invoked"},
    [CHAINED] = {.name = "chained"},
    [BARRIERS] = {.name = "barriers"},
    [BLOCKED] = {.name = "blocked"},
    [REPLAYS] = {.name = "replays"},
};
static const struct measure measures[MEASURE_COUNT] = {
    [ASKED_TO_RUN] = {.name = "callback.asked_to_run", .unit = "ns"},
};
static const char *const checks[CHECK_COUNT] = {
    [REPLAY] = "replay",
    [CALLBACK_LEDGER] = "callback-ledger",
};
static const char *const coverage[] = {"replays", "chained", "barriers", "blocked", NULL};
static const struct note_format notes[NOTE_COUNT] = {
    [NOTE_ENTERED] = {.format = "entered, loaded item of callback %lu", .enters = true},
    [NOTE_PLAY] = {.format = "plays seed %lu, turn %lu"},
    [NOTE_LET_RUN] = {.format = "at virtual time %lu lets %lu callbacks run"},
    [NOTE_BARRIER] = {.format = "at virtual time %lu calls the barrier, %lu are queued"},
    [NOTE_RAN] = {.format = "virtual time %lu is over, %lu have run"},
};

/* --- In the callback thread --- */

/* At least one, and no more than there are: those of the driver that have not run, and the
 * barrier's. */
static void check_offer(struct replay_state *state, unsigned long queued)
{
    uint64_t invoked = atomic_load_explicit(&state->items.invoked, memory_order_relaxed);
    uint64_t there = atomic_load_explicit(&state->items.queued, memory_order_relaxed) - invoked +
                     atomic_load_explicit(&state->draining, memory_order_relaxed);

    if (queued == 0 || queued > there)
        torture_violation(state->instance, state->thread, REPLAY,
                          "The decision was asked for with %lu callbacks, and %lu are queued.",
                          queued, (unsigned long)there);
}

/* Each is as good as 0. */
static unsigned long not_yet(struct replay_state *state, unsigned long queued)
{
    switch (state->refusals++ % 4) {
    case 0:
        return queued + 1;
    case 1:
        return queued + 100;
    case 2:
        return ULONG_MAX;
    default:
        return 0;
    }
}

/* => Called by the flavor: how many of `queued` callbacks run next. */
static unsigned long decide(void *data, unsigned long queued)
{
    struct replay_state *state = data;
    bool blocked = false;

    check_offer(state, queued);
    for (;;) {
        /* Orders: LOAD state->asked -> LOAD state->permitted, state->draining.
         * Pairs with: ask(), RMW state->asked (release), after let_run() has stored the permission.
         * Broken: the callback thread sleeps on the new word, beside a permission that it has not
         * seen. */
        unsigned seen = atomic_load_explicit(&state->asked, memory_order_acquire);
        uint64_t permitted = atomic_load_explicit(&state->permitted, memory_order_relaxed);

        if (permitted > 0 && permitted <= queued) {
            atomic_store_explicit(&state->permitted, 0, memory_order_relaxed);
            state->batch = permitted;
            state->batch_ran = 0;
            return permitted;
        }
        /* What was queued is not counted yet when more are permitted: it calls again. */
        if (permitted > 0)
            return permitted;
        if (!atomic_load_explicit(&state->blocks, memory_order_relaxed) ||
            atomic_load_explicit(&state->draining, memory_order_relaxed))
            return not_yet(state, queued);
        if (!blocked)
            torture_count(state->thread, BLOCKED, 1);
        blocked = true;
        shared_wait(&state->asked, seen, 100 * 1000 * 1000);
    }
}

/* A batch is one: under one hold of the lock, and after one grace period where the flavor knows
 * it. */
static void check_batch(struct replay_state *state, uint64_t id)
{
    const struct replay_params *p = state->instance->params;
    int64_t start = 0, end;

    if (state->batch_ran >= state->batch) {
        if (!atomic_load_explicit(&state->draining, memory_order_relaxed))
            torture_violation(state->instance, state->thread, REPLAY,
                              "Callback %lu ran, and neither a decision nor a barrier had let it "
                              "run.",
                              (unsigned long)id);
        return;
    }
    flavor_gp_times(&start, &end);
    if (p->big_lock && !big_lock_held(state->big_lock))
        torture_violation(state->instance, state->thread, CALLBACK_LEDGER,
                          "Callback %lu ran without the big lock.", (unsigned long)id);
    if (state->batch_ran == 0) {
        state->batch_start_ns = start;
        state->batch_hold = state->big_lock->holds;
    } else if (start != state->batch_start_ns) {
        torture_violation(state->instance, state->thread, REPLAY,
                          "Callback %lu, number %lu of a batch of %lu, ran after another grace "
                          "period than the first of the batch.",
                          (unsigned long)id, (unsigned long)state->batch_ran + 1,
                          (unsigned long)state->batch);
    } else if (state->big_lock->holds != state->batch_hold) {
        torture_violation(state->instance, state->thread, REPLAY,
                          "The big lock was let go of before callback %lu, number %lu of a batch "
                          "of %lu.",
                          (unsigned long)id, (unsigned long)state->batch_ran + 1,
                          (unsigned long)state->batch);
    }
}

/* The next callback in the order of queueing. */
static void queue(struct replay_state *state, struct item *item, void (*callback)(flavor_head *))
{
    atomic_store_explicit(&item->sequence, atomic_fetch_add(&state->items.queued, 1),
                          memory_order_relaxed);
    flavor_call(&item->head, callback);
}

static void invoked(flavor_head *head)
{
    struct item *item = item_of(head);
    struct replay_item *own = (struct replay_item *)item;
    struct replay_state *state = item->items->instance->state;
    struct item_turn turn = item_begin(item);

    if (turn.sequence != turn.expected)
        torture_violation(state->instance, state->thread, REPLAY,
                          "Callback %lu ran when %lu was next in the queue.",
                          (unsigned long)turn.sequence, (unsigned long)turn.expected);
    check_batch(state, turn.sequence);
    if (turn.expected < state->room)
        state->trace.times[turn.expected] =
            atomic_load_explicit(&state->time, memory_order_relaxed);
    torture_count(state->thread, INVOKED, 1);
    if (own->chain > 0) {
        own->chain--;
        queue(state, item, invoked);
        torture_count(state->thread, CHAINED, 1);
        item_count_run(item, turn.expected);
    } else {
        item_end(item, turn.expected);
    }
    if (++state->batch_ran == state->batch) {
        /* Orders: STORE state->items.invoked -> RMW state->ran.
         * Pairs with: let_run(), LOAD state->ran (acquire), before it counts what has run.
         * Broken: the driver sleeps until its wait times out, although the batch is over. */
        atomic_fetch_add_explicit(&state->ran, 1, memory_order_release);
        shared_wake(&state->ran);
    }
}

/* --- The driver --- */

static uint64_t have_run(struct replay_state *state)
{
    /* Orders: LOAD state->items.invoked -> LOAD of the trace.
     * Pairs with: item_count_run(), STORE item->items->invoked (release).
     * Broken: a trace with holes. */
    return atomic_load_explicit(&state->items.invoked, memory_order_acquire);
}

static void queue_one(struct torture_thread *t, struct replay_state *state, uint64_t chain)
{
    struct items *items = &state->items;
    struct item *fresh =
        items->idle ? items_take(items) : items_make(items, sizeof(struct replay_item));
    struct item *old = items_publish(items, fresh);

    ((struct replay_item *)old)->chain = chain;
    queue(state, old, invoked);
    torture_count(t, QUEUED, 1);
}

static void ask(struct replay_state *state)
{
    /* Orders: STORE state->permitted, state->draining -> RMW state->asked.
     * Pairs with: decide(), LOAD state->asked (acquire) -> LOAD state->permitted.
     * Broken: the callback thread goes back to sleep beside a permission. */
    atomic_fetch_add_explicit(&state->asked, 1, memory_order_release);
    shared_wake(&state->asked);
}

/* Returns when they have run. Does not beat: it may take as long as a grace period and no
 * longer. */
static void let_run(struct torture_thread *t, struct replay_state *state, uint64_t count)
{
    uint64_t goal = have_run(state) + count;
    int64_t begun = clock_monotonic_ns();

    if (count == 0)
        return;
    torture_note(t, NOTE_LET_RUN, (unsigned long)atomic_load(&state->time), (unsigned long)count);
    atomic_store_explicit(&state->permitted, count, memory_order_relaxed);
    ask(state);
    flavor_replay_ask();
    for (;;) {
        /* Orders: LOAD state->ran -> LOAD state->items.invoked.
         * Pairs with: invoked(), STORE of the count -> RMW state->ran (release).
         * Broken: the driver sleeps on the new word, although its batch is over. */
        unsigned seen = atomic_load_explicit(&state->ran, memory_order_acquire);

        if (have_run(state) >= goal)
            break;
        shared_wait(&state->ran, seen, 10 * 1000 * 1000);
    }
    torture_measure(t, ASKED_TO_RUN, (uint64_t)(clock_monotonic_ns() - begun));
}

/* Runs all that is queued, whatever decide() returns; what these queue is not part of it. */
static void call_barrier(struct torture_thread *t, struct replay_state *state)
{
    uint64_t queued = atomic_load(&state->items.queued), ran;

    torture_note(t, NOTE_BARRIER, (unsigned long)atomic_load(&state->time),
                 (unsigned long)(queued - have_run(state)));
    atomic_store_explicit(&state->draining, 1, memory_order_relaxed);
    ask(state);
    flavor_barrier();
    atomic_store_explicit(&state->draining, 0, memory_order_relaxed);
    ran = have_run(state);
    if (ran < queued)
        torture_violation(t->instance, t, CALLBACK_LEDGER,
                          "A barrier returned when %lu of %lu callbacks had run.",
                          (unsigned long)ran, (unsigned long)queued);
    torture_count(t, BARRIERS, 1);
    torture_count(t, CHECKS, 1);
}

/* One point of virtual time. */
static void step(struct torture_thread *t, struct replay_state *state, struct random *plan)
{
    const struct replay_params *p = t->instance->params;
    uint64_t calls = random_below(plan, (uint64_t)p->calls_max + 1), pending;

    for (uint64_t i = 0; i < calls; i++)
        queue_one(t, state,
                  random_one_in(plan, 4) ? random_below(plan, (uint64_t)p->chain_max + 1) : 0);
    pending = atomic_load(&state->items.queued) - have_run(state);
    atomic_store_explicit(&state->blocks, random_one_in(&t->random, 2), memory_order_relaxed);
    if (random_one_in(plan, (uint64_t)p->barrier_one_in))
        call_barrier(t, state);
    else
        let_run(t, state, random_one_in(plan, 4) ? pending : random_below(plan, pending + 1));
}

/* Nobody has run who was not let run. */
static void check_step(struct torture_thread *t, struct replay_state *state, uint64_t time,
                       uint64_t ran)
{
    uint64_t now = have_run(state);

    torture_note(t, NOTE_RAN, (unsigned long)time, (unsigned long)now);
    if (now != ran)
        torture_violation(t->instance, t, REPLAY,
                          "%lu callbacks ran at the end of virtual time %lu, and nobody had let "
                          "them run.",
                          (unsigned long)(now - ran), (unsigned long)time);
    torture_count(t, CHECKS, 1);
}

/* True when it was played to its end. */
static bool play(struct torture_thread *t, struct replay_state *state, uint64_t seed, unsigned turn)
{
    const struct replay_params *p = t->instance->params;
    uint64_t time = 0, ran;
    struct random plan;
    bool whole;

    random_start(&plan, seed, 0);
    torture_note(t, NOTE_PLAY, seed, turn);
    atomic_store(&state->items.queued, 0);
    atomic_store(&state->items.invoked, 0);
    while (time < (uint64_t)p->steps && torture_running(t)) {
        atomic_store_explicit(&state->time, time, memory_order_relaxed);
        step(t, state, &plan);
        ran = have_run(state);
        torture_beat(t);
        if (random_one_in(&t->random, 8)) /* real time goes as it likes */
            torture_sleep(t, random_below(&t->random, 300 * 1000));
        check_step(t, state, time++, ran);
    }
    whole = time == (uint64_t)p->steps;
    for (; have_run(state) < atomic_load(&state->items.queued); time++) {
        atomic_store_explicit(&state->time, time, memory_order_relaxed);
        let_run(t, state, atomic_load(&state->items.queued) - have_run(state));
        torture_beat(t);
    }
    state->trace.length = have_run(state);
    /* Not before: a reader that holds one after its callback has run is to find it done. */
    items_recover(&state->items);
    return whole;
}

static void compare(struct torture_thread *t, struct replay_state *state, uint64_t seed)
{
    const struct replay_trace *a = &state->first, *b = &state->trace;
    uint64_t length = a->length < b->length ? a->length : b->length, i = 0;

    while (i < length && i < state->room && a->times[i] == b->times[i])
        i++;
    if (i < length && i < state->room)
        torture_violation(t->instance, t, REPLAY,
                          "Callback %lu of seed %lu ran at virtual time %lu when it was first "
                          "played, and at %lu when it was played again.",
                          (unsigned long)i, (unsigned long)seed, (unsigned long)a->times[i],
                          (unsigned long)b->times[i]);
    else if (a->length != b->length)
        torture_violation(t->instance, t, REPLAY,
                          "Of seed %lu %lu callbacks ran when it was first played, and %lu when "
                          "it was played again.",
                          (unsigned long)seed, (unsigned long)a->length, (unsigned long)b->length);
    torture_count(t, CHECKS, length);
    torture_count(t, REPLAYS, 1);
}

static void driver(struct torture_thread *t)
{
    struct replay_state *state = t->instance->state;

    flavor_register_thread();
    while (torture_running(t)) {
        uint64_t seed = random_next(&t->random);
        struct replay_trace swap;

        if (!play(t, state, seed, 1))
            break;
        swap = state->first;
        state->first = state->trace;
        state->trace = swap;
        if (play(t, state, seed, 2))
            compare(t, state, seed);
    }
    flavor_unregister_thread();
}

/* --- Set-up --- */

/* The driver's thread, which exists before it starts. */
static struct torture_thread *find_driver(const struct instance *in)
{
    for (size_t i = 0; i < in->thread_count; i++)
        if (in->threads[i].instance == in && in->threads[i].role->run == driver)
            return &in->threads[i];
    return NULL;
}

static unsigned needs_by_params(const void *params)
{
    return ((const struct replay_params *)params)->big_lock ? CAN_CALLBACK_LOCK : 0;
}

static bool setup(struct instance *in, struct diagnostics *d)
{
    const struct replay_params *p = in->params;
    struct replay_state *state;

    (void)d;
    in->state = state = cache_lines(sizeof *state);
    state->instance = in;
    state->thread = find_driver(in);
    state->room = (uint64_t)p->steps * (uint64_t)p->calls_max * ((uint64_t)p->chain_max + 1);
    state->first.times = calloc(state->room + 1, sizeof *state->first.times);
    state->trace.times = calloc(state->room + 1, sizeof *state->trace.times);
    items_open(&state->items, in, state->thread, 0, sizeof(struct replay_item));
    state->big_lock = big_lock_open(p->big_lock, NULL, 0);
    flavor_set_replay(decide, state);
    return true;
}

static void finish(struct instance *in)
{
    const struct replay_params *p = in->params;
    struct replay_state *state = in->state;

    flavor_set_replay(NULL, NULL);
    big_lock_close(state->big_lock, p->big_lock);
    items_close(&state->items);
    free(state->first.times);
    free(state->trace.times);
    free(state);
}

#define FIELD(name) offsetof(struct replay_params, name)
static const struct option options[] = {
    {.name = "readers",
     .type = OPTION_INT,
     .offset = FIELD(readers),
     .default_text = "2",
     .max = 4096,
     .unit = "threads",
     .help = "readers that come and go without a pause"},
    {.name = "waiters",
     .type = OPTION_INT,
     .offset = FIELD(waiters),
     .default_text = "1",
     .max = 4096,
     .unit = "threads",
     .help = "threads that wait for grace periods"},
    {.name = "expedited_waiters",
     .type = OPTION_INT,
     .offset = FIELD(expedited_waiters),
     .default_text = "0",
     .max = 4096,
     .unit = "threads",
     .help = "threads that wait for expedited grace periods"},
    {.name = "big_lock",
     .type = OPTION_BOOL,
     .offset = FIELD(big_lock),
     .default_text = "true",
     .needs = CAN_CALLBACK_LOCK,
     .help = "callbacks run under a lock, which is held for a whole batch"},
    {.name = "steps",
     .type = OPTION_INT,
     .offset = FIELD(steps),
     .default_text = "200",
     .min = 1,
     .max = 1e5,
     .unit = "points",
     .help = "points of virtual time in one play"},
    {.name = "calls_max",
     .type = OPTION_INT,
     .offset = FIELD(calls_max),
     .default_text = "20",
     .min = 1,
     .max = 1000,
     .unit = "callbacks",
     .help = "the driver queues up to so many at one point"},
    {.name = "chain_max",
     .type = OPTION_INT,
     .offset = FIELD(chain_max),
     .default_text = "4",
     .max = 100,
     .unit = "callbacks",
     .help = "a quarter of the callbacks queue up to so many more, each the next one"},
    {.name = "barrier_one_in",
     .type = OPTION_INT,
     .offset = FIELD(barrier_one_in),
     .default_text = "16",
     .max = 1e9,
     .help = "one in so many points is a barrier, which runs all; 0: none"},
    {.name = "section",
     .type = OPTION_DURATION,
     .stays = 1,
     .offset = FIELD(section_ns),
     .default_text = "50us",
     .max = 60e9,
     .help = "longest section of a reader"},
    {.name = "pause",
     .type = OPTION_DURATION,
     .stays = 2,
     .offset = FIELD(pause_ns),
     .default_text = "20us",
     .max = 60e9,
     .help = "mean pause of a waiter"},
    {.name = "expedite_pause",
     .type = OPTION_DURATION,
     .stays = 2,
     .offset = FIELD(expedite_pause_ns),
     .default_text = "2ms",
     .max = 60e9,
     .help = "mean pause of an expedited waiter"},
    {.name = NULL},
};
#undef FIELD

static const struct role roles[] = {
    {.name = "replay-driver", .run = driver, .needs = CAN_CALL | CAN_BARRIER | CAN_REPLAY},
    {.name = "replay-reader", .count_option = "readers", .run = replay_reader},
    {.name = "replay-waiter",
     .count_option = "waiters",
     .run = replay_waiter,
     .needs = CAN_SYNCHRONIZE},
    {.name = "replay-expediter",
     .count_option = "expedited_waiters",
     .run = replay_expedited_waiter,
     .needs = CAN_EXPEDITE},
    {.name = NULL},
};

extern const struct workload rcu_replay_workload;
const struct workload rcu_replay_workload = {
    .name = "rcu-replay",
    .summary = "the deterministic mode, each seed played twice; only one workload with callbacks",
    .needs = CAN_PROTECT | CAN_REPLAY,
    .needs_by_params = needs_by_params,
    .options = options,
    .params_size = sizeof(struct replay_params),
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
