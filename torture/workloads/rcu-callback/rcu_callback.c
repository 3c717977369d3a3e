/* rcu-callback: a ledger of callbacks. None may be lost, run twice, out of order, early, or without
 * the big lock; a barrier may not return before those queued before it have run; a flood must
 * drain.
 *
 * Each caller publishes items, replaces them and queues a callback for the old one. Readers hold
 * items and look whether their callback has run meanwhile. Callers work in bursts, so that
 * callbacks pile up; flooders queue without any restraint. Busy readers stay inside until the
 * flavor tells them to leave.
 */
#include "rcu_callback.h"

#include <stdlib.h>
#include <string.h>

static const char *const counter_names[] = {
    "reads",           "checks", "queued",  "invoked",        "barriers", "barriers_locked",
    "sections_kicked", "locked", "flooded", "floods_drained", NULL};
static const struct measure measure_list[] = {{"callback.queue_to_invoke", "ns"},
                                              {"gp.end_to_callback", "ns"},
                                              {"callback.barrier", "ns"},
                                              {"callback.queue", "ns"},
                                              {"callback.drain", "ns"},
                                              {"callback.lock_held", "ns"},
                                              {NULL, NULL}};
static const char *const check_names[] = {"callback-ledger", "quiescence", NULL};
static const char *const note_formats[] = {"queued callback %lu, %lu on their way",
                                           "callback %lu ran",
                                           "entered, loaded item %lu",
                                           "left, item %lu",
                                           "barrier begins, %lu queued by the first caller",
                                           "barrier ended, %lu ran of the first caller's",
                                           "flood begins, %lu queued before it",
                                           "flood of %lu ends, %lu on their way",
                                           NULL};
static const char *const coverage_names[] = {
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

static bool refuse(const struct callback_params *p, struct diagnostics *d)
{
    if (p->callers == 0) {
        diagnose(d, "rcu-callback: needs at least one caller");
        return true;
    }
    if (p->big_lock && !FLAVOR_CAN_CALLBACK_LOCK) {
        diagnose(d, "rcu-callback: big_lock is true, but the flavor cannot \"callback-lock\"; set "
                    "rcu-callback.big_lock=false");
        return true;
    }
    return false;
}

static void make_caller(struct instance *in, unsigned index)
{
    const struct callback_params *p = in->params;
    struct callback_state *state = in->state;
    struct caller *c = &state->callers[index];

    c->instance = in;
    c->thread = thread_of(in, "caller", index);
    for (int64_t i = 0; i <= p->pending_max; i++) {
        struct item *item = calloc(1, sizeof *item);

        item->caller = c;
        item->next = c->idle;
        c->idle = item;
    }
    c->current = callback_take_item(c);
    atomic_store(&c->current->sequence, 0);
}

static bool setup(struct instance *in, struct diagnostics *d)
{
    const struct callback_params *p = in->params;
    struct callback_state *state;

    if (refuse(p, d))
        return false;
    in->state = state = calloc(1, sizeof *state);
    state->caller_count = (size_t)p->callers;
    state->callers = aligned_alloc(64, state->caller_count * sizeof *state->callers);
    memset(state->callers, 0, state->caller_count * sizeof *state->callers);
    for (unsigned i = 0; i < state->caller_count; i++)
        make_caller(in, i);
    state->flooder_count = (size_t)p->flooders;
    state->flooders = aligned_alloc(64, (state->flooder_count + 1) * sizeof *state->flooders);
    memset(state->flooders, 0, (state->flooder_count + 1) * sizeof *state->flooders);
    for (unsigned i = 0; i < state->flooder_count; i++)
        state->flooders[i].thread = thread_of(in, "flooder", i);
    state->big_lock = calloc(1, sizeof *state->big_lock);
    big_lock_init(state->big_lock, state->callers[0].thread, LOCK_HELD);
    if (p->big_lock)
        big_lock_give(state->big_lock);
    return true;
}

static size_t free_items(struct item *item)
{
    size_t n = 0;

    while (item) {
        struct item *next = item->next;

        free(item);
        item = next;
        n++;
    }
    return n;
}

static void finish(struct instance *in)
{
    const struct callback_params *p = in->params;
    struct callback_state *state = in->state;

    for (size_t i = 0; i < state->caller_count; i++) {
        struct caller *c = &state->callers[i];
        size_t back = free_items(c->idle) + free_items(atomic_load(&c->returned));

        if (back != (size_t)p->pending_max || atomic_load(&c->queued) != atomic_load(&c->invoked))
            torture_violation(in, c->thread, QUIESCENCE,
                              "%zu of %zu items of caller %zu are back at the end; %lu callbacks "
                              "were queued, %lu ran.",
                              back, (size_t)p->pending_max, i,
                              (unsigned long)atomic_load(&c->queued),
                              (unsigned long)atomic_load(&c->invoked));
        free(c->current);
    }
    /* The callback thread may still be between its last callback and letting go of the lock. */
    big_lock_take(state->big_lock);
    big_lock_release(state->big_lock);
    if (!p->big_lock)
        free(state->big_lock); /* else it stays: see big_lock_give() */
    free(state->callers);
    free(state->flooders);
    free(state);
}

#define FIELD(name) offsetof(struct callback_params, name)
static const struct option options[] = {
    {"readers", OPTION_INT, FIELD(readers), "1", 0, 4096, "threads", NULL,
     "readers that come and go without a pause"},
    {"busy_readers", OPTION_INT, FIELD(busy_readers), "0", 0, 4096, "threads", NULL,
     "readers that stay inside until they are told to leave"},
    {"callers", OPTION_INT, FIELD(callers), "2", 0, 4096, "threads", NULL,
     "threads that queue callbacks"},
    {"barriers", OPTION_INT, FIELD(barriers), "1", 0, 4096, "threads", NULL,
     "threads that call the barrier"},
    {"lock_users", OPTION_INT, FIELD(lock_users), "1", 0, 4096, "threads", NULL,
     "threads that take the big lock now and then"},
    {"flooders", OPTION_INT, FIELD(flooders), "0", 0, 4096, "threads", NULL,
     "threads that queue callbacks as fast as they can, and then wait for the flood to drain"},
    {"big_lock", OPTION_BOOL, FIELD(big_lock), "true", 0, 0, NULL, NULL,
     "callbacks run under a lock, and half of the barriers are called with it"},
    {"burst_max", OPTION_INT, FIELD(burst_max), "100", 1, 1e9, "callbacks", NULL,
     "a caller queues up to so many at once"},
    {"pending_max", OPTION_INT, FIELD(pending_max), "1000", 2, 1e7, "callbacks", NULL,
     "a caller has at most so many on their way"},
    {"burst_pause", OPTION_DURATION, FIELD(burst_pause_ns), "100us", 0, 60e9, NULL, NULL,
     "mean pause of a caller between bursts"},
    {"flood_max", OPTION_INT, FIELD(flood_max), "100000", 1, 1e9, "callbacks", NULL,
     "a flood ends when a flooder has so many on their way"},
    {"flood_calls", OPTION_INT, FIELD(flood_calls), "1000000", 1, 1e9, "callbacks", NULL,
     "a flood ends after so many calls"},
    {"flood_pause", OPTION_DURATION, FIELD(flood_pause_ns), "1ms", 0, 60e9, NULL, NULL,
     "mean pause of a flooder between floods"},
    {"section", OPTION_DURATION, FIELD(section_ns), "50us", 0, 60e9, NULL, NULL,
     "longest section of a reader"},
    {"busy_section", OPTION_DURATION, FIELD(busy_section_ns), "10s", 0, 600e9, NULL, NULL,
     "how long a busy reader stays when nobody tells it to leave"},
    {"barrier_pause", OPTION_DURATION, FIELD(barrier_pause_ns), "1ms", 0, 60e9, NULL, NULL,
     "mean pause between barriers"},
    {NULL, OPTION_BOOL, 0, NULL, 0, 0, NULL, NULL, NULL},
};
#undef FIELD

static const struct role roles[] = {
    {"reader", "readers", callback_reader, 0},
    {"busy-reader", "busy_readers", callback_busy_reader, CAN_FORCE},
    {"caller", "callers", callback_caller, CAN_CALL},
    {"barrier", "barriers", callback_barrier, CAN_BARRIER},
    {"lock-user", "lock_users", callback_lock_user, 0},
    {"flooder", "flooders", callback_flooder, CAN_CALL},
    {NULL, NULL, NULL, 0},
};

extern const struct workload rcu_callback_workload;
const struct workload rcu_callback_workload = {
    .name = "rcu-callback",
    .summary = "a ledger of callbacks: none lost, doubled, out of order, early or without the lock",
    .needs = CAN_PROTECT,
    .options = options,
    .params_size = sizeof(struct callback_params),
    .roles = roles,
    .counters = counter_names,
    .measures = measure_list,
    .checks = check_names,
    .coverage = coverage_names,
    .notes = note_formats,
    .setup = setup,
    .finish = finish,
};
