/* rcu-promise: the scenes, and the holder that plays one after the other. */
#include "rcu_promise.h"

#define LONGEST_WAIT_NS (200 * MS) /* for force by time, in a scene */
#define MOST_NAPS       20
#define STEPS_ALLOWED   2 /* more than promised: the look at the thread is not at one with it */

/* --- Nobody inside --- */

/* A single wait may have had to sleep for a lock. */
static void play_quiet(struct torture_thread *t, struct promise_state *s, const struct scene *scene)
{
    unsigned long slept;

    (void)scene;
    actor_begin(&s->leader, WAIT_OFTEN);
    if (!promise_await_rest(t, &s->leader))
        return;
    slept = s->leader.sleeps_after - s->leader.sleeps_before;
    torture_count(t, QUIET_GPS, QUIET_WAITS);
    torture_count(t, CHECKS, 1);
    if (slept > QUIET_WAITS / 4)
        torture_violation(t->instance, t, PROMISE,
                          "A thread waited for %d grace periods in a row, with no reader in any "
                          "section, and has gone to sleep %lu times.",
                          QUIET_WAITS, slept);
}

/* --- The holder has read, and left --- */

/* A flavor that parks readers which do not read still watches it. */
static void play_lately(struct torture_thread *t, struct promise_state *s,
                        const struct scene *scene)
{
    struct step_sum sum;

    (void)scene;
    promise_enter(t, s);
    promise_leave(t, s);
    actor_begin(&s->leader, WAIT);
    if (!promise_await_rest(t, &s->leader))
        return;
    torture_count(t, LATELY_GPS, 1);
    torture_count(t, CHECKS, 1);
    if (promise_sum(s, AFTER_READING, s->leader.sleeps_after - s->leader.sleeps_before, 1, &sum))
        torture_violation(t->instance, t, PROMISE,
                          "In %u grace periods, each just after the last reader had left, whoever "
                          "waited has gone to sleep %lu times.",
                          sum.rounds, sum.found);
}

/* --- The holder leaves --- */

static void play_left(struct torture_thread *t, struct promise_state *s, const struct scene *scene)
{
    const struct promise_params *p = t->instance->params;
    struct cpu_sleep before = actor_sleep(&s->leader), now;
    struct step_sum sum;
    int64_t left_ns;

    (void)scene;
    promise_enter(t, s);
    actor_begin(&s->leader, WAIT);
    promise_await_sleep(t, atomic_load_explicit(&s->leader.thread_id, memory_order_relaxed), before,
                        &now);
    torture_sleep(t, random_below(&t->random, (uint64_t)p->stay_ns + 1));
    promise_leave(t, s);
    left_ns = clock_monotonic_ns();
    now = actor_sleep(&s->leader);
    if (!promise_await_rest(t, &s->leader))
        return;
    torture_count(t, LEFT_GPS, 1);
    torture_count(t, CHECKS, 1);
    torture_measure(
        t, END, s->leader.returned_ns > left_ns ? (uint64_t)(s->leader.returned_ns - left_ns) : 0);
    if (promise_sum(s, AFTER_LEAVING,
                    s->leader.sleeps_after > now.begun ? s->leader.sleeps_after - now.begun : 0, 1,
                    &sum))
        torture_violation(t->instance, t, PROMISE,
                          "In %u grace periods whoever led has gone to sleep %lu times after the "
                          "last reader had left.",
                          sum.rounds, sum.found);
}

/* --- Nobody asks --- */

static bool by_itself(const struct promise_params *p, const struct gp_promises *promises)
{
    (void)p;
    return (promises->naps >= 0 && promises->naps <= MOST_NAPS) ||
           (promises->after_ns >= 0 && promises->after_ns <= LONGEST_WAIT_NS);
}

/* How often it has gone to sleep beyond what was promised. */
static unsigned long beyond(const struct promise_state *s, struct cpu_sleep first,
                            struct cpu_sleep now, int64_t since_ns, struct cpu_sleep *due)
{
    if (s->promises.naps >= 0)
        return now.begun - first.begun > (unsigned long)s->promises.naps
                   ? now.begun - first.begun - (unsigned long)s->promises.naps
                   : 0;
    if (!due->asleep && clock_monotonic_ns() - since_ns > s->promises.after_ns)
        *due = (struct cpu_sleep){.asleep = true, .begun = now.begun};
    return due->asleep ? now.begun - due->begun : 0;
}

/* In the section, and the leader naps. */
static void await_its_force(struct torture_thread *t, struct promise_state *s, int id,
                            struct cpu_sleep first)
{
    struct cpu_sleep due = {.asleep = false};
    int64_t begun = clock_monotonic_ns();

    while (torture_running(t) && !promise_notified(s)) {
        unsigned long more = beyond(s, first, promise_sleep_of(id), begun, &due);

        if (more > STEPS_ALLOWED && !promise_notified(s)) {
            torture_violation(t->instance, t, PROMISE,
                              "A reader stays inside; whoever leads the grace period has gone to "
                              "sleep %lu times more than it promises to before it forces it.",
                              more);
            return;
        }
        if (promise_partly_notified(t, s, id))
            return;
        if (clock_monotonic_ns() - begun > 10 * LONGEST_WAIT_NS) {
            torture_count(t, UNANSWERED, 1);
            return;
        }
        shared_wait(&s->notified, 0, LOOK_NS);
    }
    torture_count(t, BY_ITSELF, promise_notified(s));
}

static void play_by_itself(struct torture_thread *t, struct promise_state *s,
                           const struct scene *scene)
{
    int id = atomic_load_explicit(&s->leader.thread_id, memory_order_relaxed);
    struct cpu_sleep before = promise_sleep_of(id), first;

    (void)scene;
    promise_enter(t, s);
    actor_begin(&s->leader, WAIT);
    if (promise_await_sleep(t, id, before, &first)) {
        await_its_force(t, s, id, first);
        torture_count(t, CHECKS, 1);
        promise_stay_on(t, s, id);
    } else {
        torture_count(t, ABANDONED, 1);
    }
    promise_leave(t, s);
    promise_settle(t, s);
}

static bool never_by_itself(const struct promise_params *p, const struct gp_promises *promises)
{
    (void)p;
    return promises->naps < 0 && promises->after_ns < 0;
}

static void play_undisturbed(struct torture_thread *t, struct promise_state *s,
                             const struct scene *scene)
{
    const struct promise_params *p = t->instance->params;

    (void)scene;
    promise_enter(t, s);
    actor_begin(&s->leader, WAIT);
    shared_wait(&s->notified, 0, (int64_t)random_below(&t->random, 2 * (uint64_t)p->stay_ns + 1));
    torture_count(t, UNDISTURBED, 1);
    torture_count(t, CHECKS, 1);
    /* Orders: LOAD notified (acquire) -> LOAD stop, in torture_running().
     * Pairs with: notified(), RMW notified (release).
     * Broken: an actor that ends, and waits for all callbacks, which is force, is taken for
     * nobody. */
    if (atomic_load_explicit(&s->notified, memory_order_acquire) != 0 && torture_running(t))
        torture_violation(t->instance, t, PROMISE,
                          "A reader was told to leave, though nobody had asked for force, and "
                          "nothing else forces with these settings.");
    promise_leave(t, s);
    promise_settle(t, s);
}

/* --- Several wait for the same --- */

static bool several(const struct promise_params *p, const struct gp_promises *promises)
{
    (void)promises;
    return p->followers >= 3;
}

static void play_shared(struct torture_thread *t, struct promise_state *s,
                        const struct scene *scene)
{
    const struct promise_params *p = t->instance->params;
    struct cpu_sleep now;
    struct step_sum sum;
    bool all = true;

    (void)scene;
    atomic_store_explicit(&s->returned, 0, memory_order_relaxed);
    atomic_store_explicit(&s->asleep, 0, memory_order_relaxed);
    promise_enter(t, s);
    for (int64_t i = 0; i < p->followers && all; i++) {
        struct actor *a = &s->followers[i];
        struct cpu_sleep before = actor_sleep(a);

        actor_begin(a, WAIT);
        all = promise_await_sleep(t, atomic_load_explicit(&a->thread_id, memory_order_relaxed),
                                  before, &now);
        atomic_store_explicit(&a->base, now.begun, memory_order_relaxed);
    }
    promise_leave(t, s);
    promise_settle(t, s);
    if (!all || !torture_running(t)) {
        torture_count(t, ABANDONED, 1);
        return;
    }
    torture_count(t, SHARED_GPS, 1);
    torture_count(t, CHECKS, 1);
    if (promise_sum(s, WOKEN_LATE, atomic_load_explicit(&s->asleep, memory_order_relaxed),
                    (unsigned long)p->followers - 1, &sum))
        torture_violation(t->instance, t, PROMISE,
                          "%lu of %lu threads that waited for a grace period had not been woken "
                          "when the first of those with them went on: each is woken by the one "
                          "before.",
                          sum.found, sum.possible);
}

/* --- Callbacks under the lock --- */

static bool in_batches(const struct promise_params *p, const struct gp_promises *promises)
{
    (void)p;
    return promises->batch >= SOME_CALLBACKS / 4;
}

static unsigned long holds(struct promise_state *s)
{
    unsigned long count;

    big_lock_take(s->big_lock);
    count = (unsigned long)s->big_lock->holds;
    big_lock_release(s->big_lock);
    return count;
}

static void play_batches(struct torture_thread *t, struct promise_state *s,
                         const struct scene *scene)
{
    unsigned long before = holds(s);
    struct step_sum sum;

    (void)scene;
    promise_enter(t, s);
    actor_begin(&s->asker, CALL_SOME);
    promise_await_rest(t, &s->asker);
    promise_leave(t, s);
    promise_settle(t, s);
    if (!torture_running(t))
        return;
    torture_count(t, HELD_CALLBACKS, SOME_CALLBACKS);
    torture_count(t, CHECKS, 1);
    if (promise_sum(s, HOLDS, holds(s) - before, SOME_CALLBACKS, &sum))
        torture_violation(t->instance, t, PROMISE,
                          "For %lu callbacks, queued %d at a time, their lock was taken %lu times.",
                          sum.possible, SOME_CALLBACKS, sum.found);
}

/* --- All --- */

static bool by_callbacks(const struct promise_params *p, const struct gp_promises *promises)
{
    (void)p;
    return promises->callbacks >= 0 && promises->callbacks <= MOST_CALLBACKS;
}

#define FORCES CAN_FORCE | CAN_SYNCHRONIZE
#define QUEUES CAN_CALL | CAN_BARRIER
const struct scene promise_scenes[] = {
    {.play = play_quiet, .needs = CAN_SYNCHRONIZE},
    {.play = play_lately, .needs = CAN_SYNCHRONIZE},
    {.play = play_left, .needs = CAN_SYNCHRONIZE},
    {.play = play_by_itself, .promised = by_itself, .needs = FORCES},
    {.play = play_undisturbed, .promised = never_by_itself, .needs = FORCES},
    {.play = play_shared, .promised = several, .needs = CAN_SYNCHRONIZE},
    {.play = play_batches,
     .promised = in_batches,
     .needs = CAN_CALL | CAN_BARRIER | CAN_CALLBACK_LOCK},
    {.play = promise_play_request,
     .needs = FORCES,
     .request = "force_rcu()",
     .act = FORCE,
     .subject = OF_LEADER},
    {.play = promise_play_request,
     .needs = FORCES | CAN_CALL,
     .request = "force_rcu()",
     .act = FORCE,
     .subject = OF_CALLBACKS},
    {.play = promise_play_request,
     .needs = FORCES | CAN_EXPEDITE,
     .request = "synchronize_rcu_expedited()",
     .act = EXPEDITE,
     .subject = OF_LEADER},
    {.play = promise_play_request,
     .needs = FORCES | CAN_EXPEDITE,
     .request = "synchronize_rcu_expedited()",
     .act = EXPEDITE,
     .subject = OF_ASKER},
    {.play = promise_play_request,
     .needs = FORCES | CAN_CALL | CAN_BARRIER,
     .request = "rcu_barrier()",
     .act = BARRIER,
     .subject = OF_LEADER},
    {.play = promise_play_request,
     .needs = FORCES | CAN_CALL | CAN_BARRIER,
     .request = "rcu_barrier()",
     .act = BARRIER,
     .subject = OF_CALLBACKS},
    {.play = promise_play_beside_callback,
     .needs = FORCES | CAN_CALL | CAN_BARRIER,
     .request = "rcu_barrier()",
     .act = BARRIER,
     .subject = OF_CALLBACKS},
    {.play = promise_play_request,
     .needs = FORCES | CAN_POLL,
     .request = "start_poll_synchronize_rcu_expedited()",
     .act = START_POLL,
     .subject = OF_LEADER},
    {.play = promise_play_request,
     .promised = by_callbacks,
     .needs = FORCES | CAN_CALL,
     .request = "queueing as many callbacks as force",
     .act = CALL_ENOUGH,
     .subject = OF_LEADER},
    {.play = promise_play_request,
     .promised = by_callbacks,
     .needs = FORCES | CAN_CALL,
     .request = "queueing as many callbacks as force",
     .act = CALL_ENOUGH,
     .subject = OF_CALLBACKS},
    {.play = promise_play_change,
     .needs = FORCES | CAN_CHANGE,
     .request = "setting what forces at once",
     .act = CHANGE,
     .subject = OF_LEADER},
    {.play = promise_play_change,
     .needs = FORCES | CAN_CHANGE | CAN_CALL,
     .request = "setting what forces at once",
     .act = CHANGE,
     .subject = OF_CALLBACKS},
    {.play = promise_play_slowed, .promised = promise_slows, .needs = QUEUES, .act = QUEUE_OUTSIDE},
    {.play = promise_play_slowed,
     .promised = promise_slows,
     .needs = QUEUES,
     .request = "inside a section",
     .act = QUEUE_INSIDE},
    {.play = promise_play_slowed,
     .promised = promise_slows,
     .needs = QUEUES | CAN_QSBR,
     .request = "while it was online",
     .act = QUEUE_ONLINE},
    {.play = promise_play_slowed,
     .promised = promise_slows,
     .needs = QUEUES | CAN_CALLBACK_LOCK,
     .request = "with the callback lock held",
     .act = QUEUE_LOCKED},
    {.play = promise_play_slowed_callback,
     .promised = promise_slows,
     .needs = QUEUES,
     .request = "in a callback",
     .act = QUEUE_IN_CALLBACK},
};
const size_t promise_scene_count = sizeof promise_scenes / sizeof *promise_scenes;

static bool is_for(const struct torture_thread *t, const struct scene *scene)
{
    const struct promise_state *s = t->instance->state;

    return (scene->needs & ~FLAVOR_CAPABILITIES) == 0 &&
           (!scene->promised || scene->promised(t->instance->params, &s->promises));
}

static bool all_there(struct torture_thread *t, struct promise_state *s)
{
    const struct promise_params *p = t->instance->params;
    bool there = atomic_load_explicit(&s->leader.thread_id, memory_order_relaxed) &&
                 atomic_load_explicit(&s->asker.thread_id, memory_order_relaxed);

    for (int64_t i = 0; i < p->followers; i++)
        there = there && atomic_load_explicit(&s->followers[i].thread_id, memory_order_relaxed);
    return there;
}

void promise_holder(struct torture_thread *t)
{
    struct promise_state *s = t->instance->state;

    flavor_register_thread();
    promise_add_notifiers(s);
    while (torture_running(t) && !all_there(t, s))
        torture_sleep(t, LOOK_NS);
    if (FLAVOR_CAN_CALL) { /* the callback thread becomes known */
        actor_begin(&s->asker, CALL_ONE);
        promise_settle(t, s);
    }
    while (torture_running(t)) {
        const struct scene *scene = &promise_scenes[random_below(&t->random, promise_scene_count)];

        if (!is_for(t, scene))
            continue;
        s->round++;
        scene->play(t, s, scene);
        torture_count(t, ROUNDS, 1);
        torture_beat(t);
    }
    promise_settle(t, s);
    promise_remove_notifiers(s);
    flavor_unregister_thread();
}
