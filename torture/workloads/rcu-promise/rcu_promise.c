/* rcu-promise: names, options, set-up. */
#include "rcu_promise.h"

#include "torture/workloads/cache_lines.h"

static const struct counter counters[COUNTER_COUNT] = {
    [ROUNDS] = {.name = "rounds"},
    [CHECKS] = {.name = "checks"},
    [QUIET_GPS] = {.name = "quiet_gps", .words = "grace periods with nobody inside"},
    [LATELY_GPS] = {.name = "lately_gps", .words = "grace periods just after the last had left"},
    [LEFT_GPS] = {.name = "left_gps", .words = "readers that left"},
    [REQUESTS] = {.name = "requests", .words = "requests to force", .needs = CAN_FORCE},
    [BY_ITSELF] = {.name = "forced_by_itself", .needs = CAN_FORCE},
    [UNDISTURBED] = {.name = "undisturbed",
                     .words = "readers that nobody asked to leave",
                     .needs = CAN_FORCE},
    [STAYED_ON] = {.name = "stayed_on",
                   .words = "readers that stayed on when told to leave",
                   .needs = CAN_FORCE},
    [SHARED_GPS] = {.name = "shared_gps", .words = "grace periods that several waited for"},
    [HELD_CALLBACKS] = {.name = "held_callbacks",
                        .words = "callbacks under the lock",
                        .needs = CAN_CALL | CAN_CALLBACK_LOCK},
    [BEYOND] = {.name = "queued_beyond",
                .words = "callbacks queued while too many were pending",
                .needs = CAN_CALL | CAN_BARRIER},
    [SWAPPED] = {.name = "notifiers_swapped", .needs = CAN_FORCE},
    [ABANDONED] = {.name = "abandoned", .words = "scenes that did not come about"},
    [UNANSWERED] = {.name = "unanswered",
                    .near_miss = "readers that waited for 2 s to be told to leave, by the clock"},
};

static const struct measure measures[MEASURE_COUNT] = {
    [ANSWER] = {.name = "force.answer", .unit = "ns"},
    [END] = {.name = "gp.left_to_end", .unit = "ns"},
};

static const char *const checks[CHECK_COUNT] = {[PROMISE] = "promise"};

static const struct note_format notes[NOTE_COUNT] = {
    [NOTE_ENTERED] = {.format = "entered, in round %lu", .enters = true},
    [NOTE_LEFT] = {.format = "left, in round %lu"},
    [NOTE_NOTIFIED] = {.format = "was told to leave, in round %lu"},
    [NOTE_ACTS + REST] = {.format = "is back, in round %lu"},
    [NOTE_ACTS + WAIT] = {.format = "waits for a grace period, in round %lu"},
    [NOTE_ACTS + WAIT_OFTEN] = {.format = "waits for many grace periods, in round %lu"},
    [NOTE_ACTS + EXPEDITE] = {.format = "waits for an expedited grace period, in round %lu"},
    [NOTE_ACTS + FORCE] = {.format = "asks for force, in round %lu"},
    [NOTE_ACTS + BARRIER] = {.format = "waits for all callbacks, in round %lu"},
    [NOTE_ACTS + START_POLL] = {.format = "starts an expedited grace period, in round %lu"},
    [NOTE_ACTS + CALL_ONE] = {.format = "queues a callback, in round %lu"},
    [NOTE_ACTS + CALL_SLOW] = {.format = "queues a slow callback, in round %lu"},
    [NOTE_ACTS + CALL_SOME] = {.format = "queues some callbacks, in round %lu"},
    [NOTE_ACTS + CALL_ENOUGH] = {.format = "queues as many callbacks as force, in round %lu"},
    [NOTE_ACTS + FILL] = {.format = "queues as many callbacks as slow down, in round %lu"},
    [NOTE_ACTS + QUEUE_OUTSIDE] = {.format = "queues more callbacks, in round %lu"},
    [NOTE_ACTS + QUEUE_INSIDE] = {.format = "queues more callbacks in a section, in round %lu"},
    [NOTE_ACTS + QUEUE_ONLINE] = {.format = "queues more callbacks online, in round %lu"},
    [NOTE_ACTS + QUEUE_LOCKED] = {.format = "queues more callbacks with the lock, in round %lu"},
    [NOTE_ACTS +
        QUEUE_IN_CALLBACK] = {.format = "queues a callback that queues more, in round %lu"},
    [NOTE_ACTS + CHANGE] = {.format = "sets what forces at once, in round %lu"},
};

static const char *const coverage[] = {
    "quiet_gps",        "lately_gps",    "left_gps",  "requests",
    "forced_by_itself", "undisturbed",   "stayed_on", "shared_gps",
    "held_callbacks",   "queued_beyond", NULL};

static bool setup(struct instance *in, struct diagnostics *d)
{
    const struct promise_params *p = in->params;
    struct promise_state *s = cache_lines(sizeof *s);

    (void)d;
    s->followers = cache_lines((size_t)p->followers * sizeof *s->followers);
    s->callback_room = 1 + SOME_CALLBACKS;
    if (FLAVOR_CAN_CHANGE)
        flavor_keep_settings(&s->settings);
    if (FLAVOR_CAN_PROMISE) {
        flavor_promises(&s->promises);
        if (s->promises.callbacks > SOME_CALLBACKS && s->promises.callbacks <= MOST_CALLBACKS)
            s->callback_room = 1 + (size_t)s->promises.callbacks;
        if (promise_slows(p, &s->promises) &&
            s->callback_room < 1 + (size_t)s->promises.slowed_from + MORE_CALLBACKS)
            s->callback_room = 1 + (size_t)s->promises.slowed_from + MORE_CALLBACKS;
    }
    s->callbacks = calloc(s->callback_room, sizeof *s->callbacks);
    pthread_mutex_init(&s->set_lock, NULL);
    s->big_lock = big_lock_open(FLAVOR_CAN_CALLBACK_LOCK, NULL, 0);
    in->state = s;
    return true;
}

static void finish(struct instance *in)
{
    struct promise_state *s = in->state;

    big_lock_close(s->big_lock, FLAVOR_CAN_CALLBACK_LOCK);
    pthread_mutex_destroy(&s->set_lock);
    free(s->callbacks);
    free(s->followers);
    free(s);
}

#define FIELD(name) offsetof(struct promise_params, name)
static const struct option options[] = {
    {.name = "followers",
     .type = OPTION_INT,
     .offset = FIELD(followers),
     .default_text = "4",
     .max = 256,
     .unit = "threads",
     .help = "threads that share grace periods; at least 3, or how they are woken is not tried"},
    {.name = "stay",
     .type = OPTION_DURATION,
     .stays = 1,
     .offset = FIELD(stay_ns),
     .default_text = "5ms",
     .max = 1e9,
     .help = "longest time that the reader stays where nothing is to happen meanwhile"},
    {.name = NULL},
};
#undef FIELD

static const struct role roles[] = {
    {.name = "holder", .run = promise_holder},
    {.name = "leader", .run = promise_leader},
    {.name = "asker", .run = promise_asker},
    {.name = "follower", .count_option = "followers", .run = promise_follower},
    {.name = NULL},
};

extern const struct workload rcu_promise_workload;
const struct workload rcu_promise_workload = {
    .name = "rcu-promise",
    .summary =
        "what is promised beside safety: no needless naps, force on request, wake-ups for all",
    .alone = true,
    .needs = CAN_PROTECT | CAN_PROMISE,
    .options = options,
    .params_size = sizeof(struct promise_params),
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
