/* event: several threads wait for one event, and one set wakes all of them; several set one, and
 * no set is lost (posters.c).
 *
 * In each round the waiters wait, some of them for a limited time and again when that is over,
 * while the setter writes a word and sets the event: at once, when some may be on their way, or
 * when all sleep. Each comes back after it, and finds the word written. The last of them resets the
 * event, or destroys it and frees its memory, which a set that is not over then writes to.
 *
 * In some rounds waiters reset the event as well, while others sleep: each before it waits. The
 * setter sets it when all have done so, and some are still on their way from there to the wait.
 *
 * One that was not woken is found by steps: the set has returned, all others have come back, and
 * those that are left sleep, in the same sleep at each look: nobody is there who would wake them.
 */
#include "event.h"

#include "torture/record/cpu_wait.h"
#include "torture/runner/violation.h"

#include <stdlib.h>

static const struct counter counters[COUNTER_COUNT] = {
    [ROUNDS] = {.name = "rounds"},
    [WAITS] = {.name = "waits"},
    [ALL_ASLEEP] = {.name = "all_asleep", .words = "rounds in which all slept"},
    [TIMED_OUT] = {.name = "timed_out", .words = "waits that timed out"},
    [DESTROYED] = {.name = "events_destroyed"},
    [RESET_FIRST] = {.name = "reset_first", .words = "waiters that reset before they waited"},
    [POSTS] = {.name = "posts"},
    [POSTED_TO_SLEEPER] = {.name = "posted_to_sleeper", .words = "posts that woke the drainer"},
    [CHECKS] = {.name = "checks"},
};
static const char *const checks[CHECK_COUNT] = {
    [EVENT_CHECK] = "event",
};
static const char *const coverage[] = {"all_asleep",  "timed_out", "events_destroyed",
                                       "reset_first", "posts",     NULL};
static const struct note_format notes[NOTE_COUNT] = {
    [NOTE_WAITS] = {.format = "waits for the event of round %lu"},
    [NOTE_BACK] = {.format = "is back in round %lu, and found %lu written"},
    [NOTE_SETS] = {.format = "sets the event of round %lu"},
    [NOTE_POSTS] = {.format = "poster %lu posts %lu, and maybe more"},
    [NOTE_FOUND] = {.format = "found in the box of poster %lu: %lu"},
};

#if FLAVOR_CAN_VCPU

#define TEST_NS     5000 /* at most a waiter that timed out tests its condition */
#define READY_LOOKS 5000 /* before the setter naps until all waiters are ready */

/* --- Waiters --- */

static void wait_for_set(struct torture_thread *t, struct manual_event *e)
{
    const struct event_params *p = t->instance->params;

    if (random_one_in(&t->random, 2)) {
        manual_event_wait(e);
        return;
    }
    while (
        !manual_event_timedwait(e, (int64_t)random_below(&t->random, (uint64_t)p->limit_ns + 1))) {
        torture_count(t, TIMED_OUT, 1);
        torture_spin(random_below(&t->random, TEST_NS)); /* awake, while others sleep */
    }
}

/* => All have come back, and the set has returned or is about to. */
static void dispose(struct torture_thread *t, struct event_state *state)
{
    if (random_one_in(&t->random, 2)) {
        manual_event_reset(state->event);
        return;
    }
    manual_event_destroy(state->event);
    memset(state->event, 0x5a, sizeof *state->event);
    free(state->event);
    state->event = NULL;
    torture_count(t, DESTROYED, 1);
}

/* Before it waits: others may sleep already. The set comes after the last reset, or it would be
 * erased for whoever has not come back. */
static void reset_first(struct torture_thread *t, struct event_state *state)
{
    const struct event_params *p = t->instance->params;

    if (random_one_in(&t->random, 2)) {
        torture_spin(random_below(&t->random, (uint64_t)p->pause_ns + 1));
        manual_event_reset(state->event);
        torture_count(t, RESET_FIRST, 1);
    }
    /* Orders: accesses of the event -> RMW state->ready.
     * Pairs with: await_ready(), LOAD state->ready (acquire) -> manual_event_set().
     * Broken: the set is erased by a reset that comes late. */
    atomic_fetch_add_explicit(&state->ready, 1, memory_order_release);
    torture_spin(random_below(&t->random, (uint64_t)p->pause_ns + 1));
}

static void wait_once(struct torture_thread *t, struct event_state *state, unsigned round)
{
    const struct event_params *p = t->instance->params;
    unsigned long written;

    if (state->resets)
        reset_first(t, state);
    torture_note(t, NOTE_WAITS, round, 0);
    request_line_turn(&state->waits[t->index]);
    wait_for_set(t, state->event);
    written = state->written;
    request_line_turn(&state->waits[t->index]);
    torture_note(t, NOTE_BACK, round, written);
    torture_count(t, WAITS, 1);
    torture_count(t, CHECKS, 1);
    if (written != round)
        torture_violation(t->instance, t, EVENT_CHECK,
                          "A wait for the event of round %u returned, and what is written before "
                          "it is set is of round %lu.",
                          round, written);
    torture_beat(t);
    /* Orders: accesses of the event by each waiter -> RMW state->back.
     * Pairs with: wait_once(), RMW state->back, by the last of them; is_forgotten(), LOAD
     * state->back (acquire).
     * Broken: the event is freed under a waiter; or one that has left is taken for one that
     * sleeps. */
    if (atomic_fetch_add_explicit(&state->back, 1, memory_order_acq_rel) + 1 !=
        (unsigned)p->waiters)
        return;
    dispose(t, state);
    /* Orders: STORE state->event (in dispose()) -> STORE state->over.
     * Pairs with: await_all(), LOAD state->over (acquire).
     * Broken: the setter sets an event that was freed. */
    atomic_store_explicit(&state->over, round, memory_order_release);
    shared_wake(&state->over);
}

/* The next round; 0: there is none. */
static unsigned await_round(struct event_state *state, unsigned last)
{
    unsigned round;

    /* Orders: LOAD state->round -> LOAD state->event.
     * Pairs with: begin(), STORE state->event -> STORE state->round (release).
     * Broken: a waiter waits for an event that was freed. */
    while ((round = atomic_load_explicit(&state->round, memory_order_acquire)) == last)
        shared_wait(&state->round, last, 1000 * 1000 * 1000);
    return state->event ? round : 0;
}

static void waiter(struct torture_thread *t)
{
    struct event_state *state = t->instance->state;
    unsigned round = 0;

    while ((round = await_round(state, round)) != 0)
        wait_once(t, state, round);
}

/* --- The setter --- */

static void begin(struct event_state *state, unsigned round)
{
    atomic_store_explicit(&state->back, 0, memory_order_relaxed);
    atomic_store_explicit(&state->ready, 0, memory_order_relaxed);
    /* Orders: STORE state->event, state->back, state->ready, state->resets -> STORE state->round.
     * Pairs with: await_round(), LOAD state->round (acquire) -> LOAD state->event.
     * Broken: a waiter waits for an event that was freed. */
    atomic_store_explicit(&state->round, round, memory_order_release);
    shared_wake(&state->round);
}

/* Looks at each waiter; how many are in the wait, and in the sleep in which they were before. */
static unsigned look(struct torture_thread *t, struct event_state *state)
{
    const struct instance *in = t->instance;
    unsigned lasting = 0;

    for (size_t i = 0; i < in->thread_count; i++) {
        const struct torture_thread *other = &in->threads[i];
        struct cpu_sleep now = {.asleep = false}, *before = &state->looks[other->index];
        unsigned long request;

        if (other->instance != in || other->role->run != waiter)
            continue;
        if (request_line_asks(&state->waits[other->index], &request))
            now = overtaken_sleep_of(other);
        lasting += cpu_sleep_lasts(*before, now);
        *before = now;
    }
    return lasting;
}

/* Until all sleep, or as good as. */
static void await_sleepers(struct torture_thread *t, struct event_state *state)
{
    const struct event_params *p = t->instance->params;

    for (unsigned i = 0; i < 50 && torture_running(t); i++) {
        if (look(t, state) == (unsigned)p->waiters) {
            torture_count(t, ALL_ASLEEP, 1);
            return;
        }
        torture_sleep(t, 20 * 1000);
    }
}

/* Until all that reset the event have done so. */
static void await_ready(struct torture_thread *t, struct event_state *state)
{
    const struct event_params *p = t->instance->params;

    /* Orders: LOAD state->ready (acquire) -> manual_event_set().
     * Pairs with: reset_first(), RMW state->ready (release).
     * Broken: the set is erased by a reset that comes late. */
    for (unsigned looks = 1;
         atomic_load_explicit(&state->ready, memory_order_acquire) != (unsigned)p->waiters; looks++)
        if (looks > READY_LOOKS)
            torture_sleep(t, 10 * 1000);
}

/* Counts those that are back before it looks: the others are among those that it finds. */
static bool is_forgotten(struct torture_thread *t, struct event_state *state)
{
    const struct event_params *p = t->instance->params;
    /* Orders: LOAD state->back -> LOAD of state->waits, in look().
     * Pairs with: wait_once(), RMW state->back.
     * Broken: one that has left is taken for one that sleeps. */
    unsigned left = (unsigned)p->waiters - atomic_load_explicit(&state->back, memory_order_acquire);

    return look(t, state) == left && left > 0;
}

/* Silent: a waiter that does not come back is a stall as well. */
static void await_all(struct torture_thread *t, struct event_state *state, unsigned round)
{
    unsigned over, times = 0;

    /* Orders: LOAD state->over -> LOAD state->event, in the next round.
     * Pairs with: wait_once(), STORE state->over (release).
     * Broken: the setter sets an event that was freed. */
    while ((over = atomic_load_explicit(&state->over, memory_order_acquire)) != round) {
        shared_wait(&state->over, over, 200 * 1000);
        if (times >= LOOKS)
            continue;
        times = is_forgotten(t, state) ? times + 1 : 0;
        if (times == LOOKS)
            torture_violation(t->instance, t, EVENT_CHECK,
                              "The event of round %u was set, and who waited for it sleeps on; %u "
                              "have come back.",
                              round, atomic_load_explicit(&state->back, memory_order_relaxed));
    }
}

static void play(struct torture_thread *t, struct event_state *state, unsigned round)
{
    const struct event_params *p = t->instance->params;
    struct manual_event *e = state->event;

    if (!e) {
        e = state->event = malloc(sizeof *e);
        manual_event_init(e, false);
    }
    state->resets = random_one_in(&t->random, 2);
    begin(state, round);
    if (state->resets)
        await_ready(t, state);
    switch (random_below(&t->random, 3)) {
    case 0:
        break;
    case 1:
        torture_spin(random_below(&t->random, (uint64_t)p->pause_ns + 1));
        break;
    default:
        await_sleepers(t, state);
    }
    torture_note(t, NOTE_SETS, round, 0);
    state->written = round;
    manual_event_set(e);
    await_all(t, state, round);
    torture_count(t, ROUNDS, 1);
    torture_count(t, CHECKS, 1);
    torture_beat(t);
}

static void setter(struct torture_thread *t)
{
    const struct event_params *p = t->instance->params;
    struct event_state *state = t->instance->state;
    unsigned round = 0;

    while (p->waiters > 0 && torture_running(t)) {
        play(t, state, ++round);
        torture_sleep(t, random_below(&t->random, 2 * (uint64_t)p->pause_ns + 1));
    }
    if (state->event)
        manual_event_destroy(state->event);
    free(state->event);
    state->event = NULL;
    begin(state, round + 1); /* there is none: waiters end */
}

/* --- Set-up --- */

static bool setup(struct instance *in, struct diagnostics *d)
{
    const struct event_params *p = in->params;
    struct event_state *state = cache_lines(sizeof *state);

    (void)d;
    state->waits = cache_lines((size_t)p->waiters * sizeof *state->waits);
    state->looks = calloc((size_t)p->waiters, sizeof *state->looks);
    event_posts_open(&state->posts, in);
    in->state = state;
    return true;
}

static void finish(struct instance *in)
{
    struct event_state *state = in->state;

    event_posts_close(&state->posts);
    free(state->looks);
    free(state->waits);
    free(state);
}

#endif

#define FIELD(name) offsetof(struct event_params, name)
static const struct option options[] = {
    {.name = "waiters",
     .type = OPTION_INT,
     .offset = FIELD(waiters),
     .default_text = "4",
     .max = 1024,
     .unit = "threads",
     .help = "threads that wait for one event; 0: there is no such event"},
    {.name = "posters",
     .type = OPTION_INT,
     .offset = FIELD(posters),
     .default_text = "0",
     .max = 1024,
     .unit = "threads",
     .help = "threads that set another event, each for what it has posted to one that waits"},
    {.name = "burst",
     .type = OPTION_INT,
     .offset = FIELD(burst),
     .default_text = "200",
     .min = 1,
     .max = 1e6,
     .unit = "posts",
     .help = "most posts of a poster, each with its set, before it waits until all are taken"},
    {.name = "pause",
     .type = OPTION_DURATION,
     .stays = 2,
     .offset = FIELD(pause_ns),
     .default_text = "20us",
     .max = 60e9,
     .help = "mean pause between two rounds, and of posters; at most so long the setter spins "
             "before it sets"},
    {.name = "limit",
     .type = OPTION_DURATION,
     .offset = FIELD(limit_ns),
     .default_text = "200us",
     .max = 60e9,
     .help = "longest wait of those that wait for a limited time; they wait again"},
    {.name = NULL},
};
#undef FIELD

static const struct role roles[] = {
    {.name = "setter", .run = NEEDS_VCPU(setter)},
    {.name = "waiter", .count_option = "waiters", .run = NEEDS_VCPU(waiter)},
    {.name = "poster", .count_option = "posters", .run = NEEDS_VCPU(event_poster)},
    {.name = "drainer", .run = NEEDS_VCPU(event_drainer)},
    {.name = NULL},
};

extern const struct workload event_workload;
const struct workload event_workload = {
    .name = "event",
    .summary = "several threads wait for one event, or set it: each wait ends, and no set is lost",
    .needs = CAN_VCPU,
    .options = options,
    .params_size = sizeof(struct event_params),
    .roles = roles,
    .counters = counters,
    .counter_count = COUNTER_COUNT,
    .checks = checks,
    .check_count = CHECK_COUNT,
    .coverage = coverage,
    .notes = notes,
    .note_count = NOTE_COUNT,
    FLEET_LIFE(setup, finish),
};
