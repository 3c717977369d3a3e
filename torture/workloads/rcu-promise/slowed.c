/* rcu-promise: whom queueing delays while too many callbacks are pending, and whom it must not: who
 * holds up a grace period, or the callbacks, would lengthen each delay by it. */
#include "rcu_promise.h"

bool promise_slows(const struct promise_params *p, const struct gp_promises *promises)
{
    (void)p;
    return promises->slowed_from > 0 && promises->slowed_from <= MOST_CALLBACKS;
}

static void judge(struct torture_thread *t, const struct scene *scene, unsigned long slept)
{
    torture_count(t, BEYOND, scene->act == QUEUE_OUTSIDE ? FEW_CALLBACKS : MORE_CALLBACKS);
    torture_count(t, CHECKS, 1);
    if (scene->act == QUEUE_OUTSIDE) {
        if (slept < FEW_CALLBACKS / 2)
            torture_violation(t->instance, t, PROMISE,
                              "A thread queued %d callbacks beyond the number from which it is to "
                              "be delayed, and has gone to sleep %lu times.",
                              FEW_CALLBACKS, slept);
    } else if (slept > MORE_CALLBACKS / 4) {
        torture_violation(t->instance, t, PROMISE,
                          "A thread queued %d callbacks %s, while too many were pending, and has "
                          "gone to sleep %lu times: its delays hold up what they wait for.",
                          MORE_CALLBACKS, scene->request, slept);
    }
}

/* The holder keeps all pending. */
void promise_play_slowed(struct torture_thread *t, struct promise_state *s,
                         const struct scene *scene)
{
    unsigned long slept;
    bool whole;

    promise_enter(t, s);
    actor_begin(&s->asker, FILL);
    whole = promise_await_rest(t, &s->asker);
    if (whole) {
        actor_begin(&s->asker, scene->act);
        whole = promise_await_rest(t, &s->asker);
    }
    slept = whole ? s->asker.sleeps_after - s->asker.sleeps_before : 0;
    promise_leave(t, s);
    promise_settle(t, s);
    if (whole)
        judge(t, scene, slept);
}

/* => No actor acts, but for a last barrier when the run is over. */
static void set_callback_lock(struct promise_state *s, struct big_lock *lock)
{
    if (!FLAVOR_CAN_CALLBACK_LOCK)
        return;
    pthread_mutex_lock(&s->set_lock);
    big_lock_give(lock);
    pthread_mutex_unlock(&s->set_lock);
}

/* The callback keeps all pending. Under the callback lock there would be two reasons not to delay
 * it. */
void promise_play_slowed_callback(struct torture_thread *t, struct promise_state *s,
                                  const struct scene *scene)
{
    bool whole;

    atomic_store_explicit(&s->slow_runs, false, memory_order_relaxed);
    atomic_store_explicit(&s->let_go, false, memory_order_relaxed);
    set_callback_lock(s, NULL);
    actor_begin(&s->asker, scene->act);
    whole = promise_await_rest(t, &s->asker);
    while (torture_running(t) && !atomic_load_explicit(&s->slow_runs, memory_order_relaxed))
        torture_sleep(t, LOOK_NS);
    if (whole) {
        actor_begin(&s->asker, FILL);
        whole = promise_await_rest(t, &s->asker);
    }
    atomic_store_explicit(&s->let_go, true, memory_order_relaxed);
    promise_settle(t, s);
    if (actor_rests(&s->asker)) /* or the run is over */
        set_callback_lock(s, s->big_lock);
    if (whole && torture_running(t))
        judge(t, scene, s->slept_in_callback);
}
