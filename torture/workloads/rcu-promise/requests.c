/* rcu-promise: somebody waits behind the holder, unforced, and the asker asks for force. */
#include "rcu_promise.h"

#define NAPS_ALLOWED 3 /* after a request: one that began beside it, and twice for good measure */
#define GIVE_UP_NS   (2000 * MS)

/* The thread that leads, or lets callbacks pile up; 0: it does not sleep. */
static int begin_subject(struct torture_thread *t, struct promise_state *s, enum subject subject,
                         struct cpu_sleep *asleep)
{
    struct actor *a = subject == OF_LEADER ? &s->leader : &s->asker;
    int id = atomic_load_explicit(subject == OF_LEADER ? &s->leader.thread_id : &s->callback_thread,
                                  memory_order_relaxed);
    struct cpu_sleep before = promise_sleep_of(id);

    actor_begin(a, subject == OF_LEADER ? WAIT : CALL_ONE);
    return promise_await_sleep(t, id, before, asleep) &&
                   (subject == OF_LEADER || promise_await_rest(t, a))
               ? id
               : 0;
}

/* The request has been made: its call has returned, or sleeps until it is fulfilled. A call may
 * sleep for a moment on its way, for a lock. */
static bool await_request(struct torture_thread *t, struct actor *a, struct cpu_sleep before)
{
    struct cpu_sleep last = before, now;
    unsigned same = 0;

    while (torture_running(t)) {
        if (actor_rests(a))
            return true;
        now = actor_sleep(a);
        same = now.begun != before.begun && cpu_sleep_lasts(last, now) ? same + 1 : 0;
        if (same == 3)
            return true;
        last = now;
        torture_sleep(t, LOOK_NS);
    }
    return false;
}

static bool sleeps_on(struct torture_thread *t, struct promise_state *s, int id,
                      struct cpu_sleep before)
{
    for (int i = 0; i < 3; i++) {
        if (promise_notified(s) || !torture_running(t) ||
            !cpu_sleep_lasts(before, promise_sleep_of(id)))
            return false;
        torture_sleep(t, LOOK_NS);
    }
    return true;
}

static const char *who(enum subject subject)
{
    return subject == OF_CALLBACKS ? "The callback thread"
           : subject == OF_LEADER  ? "Whoever leads the grace period"
                                   : "Who asked for it, and leads the grace period,";
}

/* Until the holder is notified. */
static void await_force(struct torture_thread *t, struct promise_state *s,
                        const struct scene *scene, int id, int64_t asked_ns)
{
    struct cpu_sleep first = promise_sleep_of(id), now;

    while (torture_running(t) && !promise_notified(s)) {
        now = promise_sleep_of(id);
        if (now.begun - first.begun > NAPS_ALLOWED && !promise_notified(s)) {
            torture_violation(t->instance, t, PROMISE,
                              "%s has gone to sleep %lu times since %s, and not called the force "
                              "notifier of the reader in its way: the request is answered by naps.",
                              who(scene->subject), now.begun - first.begun, scene->request);
            return;
        }
        if (promise_partly_notified(t, s, id))
            return;
        if (clock_monotonic_ns() - asked_ns > GIVE_UP_NS) {
            torture_count(t, UNANSWERED, 1);
            return;
        }
        shared_wait(&s->notified, 0, LOOK_NS);
    }
    if (promise_notified(s)) {
        int64_t notified_ns = atomic_load_explicit(&s->notified_ns, memory_order_relaxed);

        torture_measure(t, ANSWER, notified_ns > asked_ns ? (uint64_t)(notified_ns - asked_ns) : 0);
    }
}

/* In the section. */
static void ask(struct torture_thread *t, struct promise_state *s, const struct scene *scene,
                int id, struct cpu_sleep asleep)
{
    struct cpu_sleep before = actor_sleep(&s->asker);
    int64_t asked_ns = clock_monotonic_ns();

    actor_begin(&s->asker, scene->act);
    if (random_one_in(&t->random, 4))
        promise_swap_notifier(t, s);
    if (!await_request(t, &s->asker, before))
        return;
    torture_count(t, REQUESTS, 1);
    torture_count(t, CHECKS, 1);
    if (scene->subject != OF_ASKER && sleeps_on(t, s, id, asleep))
        torture_violation(t->instance, t, PROMISE,
                          "%s slept at the time of %s, behind a reader that it could tell to "
                          "leave, and sleeps on: the request has woken nobody.",
                          who(scene->subject), scene->request);
    else
        await_force(t, s, scene, id, asked_ns);
    promise_stay_on(t, s, id);
}

void promise_play_request(struct torture_thread *t, struct promise_state *s,
                          const struct scene *scene)
{
    struct cpu_sleep asleep = {.asleep = false};
    int id = atomic_load_explicit(&s->asker.thread_id, memory_order_relaxed);

    promise_enter(t, s);
    if (scene->subject != OF_ASKER)
        id = begin_subject(t, s, scene->subject, &asleep);
    if (id != 0 && !promise_notified(s))
        ask(t, s, scene, id, asleep);
    else
        torture_count(t, ABANDONED, 1);
    promise_leave(t, s);
    promise_settle(t, s);
}

/* The request is made by other settings. */
void promise_play_change(struct torture_thread *t, struct promise_state *s,
                         const struct scene *scene)
{
    promise_play_request(t, s, scene);
    flavor_restore_settings(&s->settings);
}

/* The callback thread is in the middle of a callback when the request comes, and so does not wait
 * for anything that could be forced. */
void promise_play_beside_callback(struct torture_thread *t, struct promise_state *s,
                                  const struct scene *scene)
{
    int64_t end = clock_monotonic_ns() + GIVE_UP_NS, asked_ns;
    struct cpu_sleep before;

    atomic_store_explicit(&s->slow_runs, false, memory_order_relaxed);
    atomic_store_explicit(&s->let_go, false, memory_order_relaxed);
    actor_begin(&s->asker, CALL_SLOW);
    promise_await_rest(t, &s->asker);
    while (torture_running(t) && !atomic_load_explicit(&s->slow_runs, memory_order_relaxed) &&
           clock_monotonic_ns() < end)
        torture_sleep(t, LOOK_NS);
    promise_enter(t, s);
    before = actor_sleep(&s->asker);
    asked_ns = clock_monotonic_ns();
    actor_begin(&s->asker, scene->act);
    if (await_request(t, &s->asker, before)) {
        atomic_store_explicit(&s->let_go, true, memory_order_relaxed);
        torture_count(t, REQUESTS, 1);
        torture_count(t, CHECKS, 1);
        await_force(t, s, scene, atomic_load_explicit(&s->callback_thread, memory_order_relaxed),
                    asked_ns);
    }
    atomic_store_explicit(&s->let_go, true, memory_order_relaxed);
    promise_leave(t, s);
    promise_settle(t, s);
}
