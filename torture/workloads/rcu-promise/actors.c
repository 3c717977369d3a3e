/* rcu-promise: the threads that call what the holder wants, and then rest. */
#include "rcu_promise.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static unsigned long own_sleeps(void)
{
    struct rusage usage;

    getrusage(RUSAGE_THREAD, &usage);
    return (unsigned long)usage.ru_nvcsw;
}

/* --- Acts --- */

/* In the callback thread. */
static void callback_ran(flavor_head *head)
{
    struct promise_state *s = ((struct promised_callback *)head)->state; /* its first member */

    if (atomic_load_explicit(&s->callback_thread, memory_order_relaxed) == 0)
        atomic_store_explicit(&s->callback_thread, (int)syscall(SYS_gettid), memory_order_relaxed);
    atomic_fetch_add_explicit(&s->run, 1, memory_order_relaxed);
}

static void slow_callback_ran(flavor_head *head)
{
    struct promise_state *s = ((struct promised_callback *)head)->state; /* its first member */

    atomic_store_explicit(&s->slow_runs, true, memory_order_relaxed);
    while (!atomic_load_explicit(&s->let_go, memory_order_relaxed))
        torture_spin(1000);
    callback_ran(head);
}

static void call(struct promise_state *s, unsigned long first, unsigned long end)
{
    for (unsigned long i = first; i < end; i++) {
        s->callbacks[i].state = s;
        atomic_fetch_add_explicit(&s->queued, 1, memory_order_relaxed);
        flavor_call(&s->callbacks[i].head, callback_ran);
    }
}

static void call_one(struct promise_state *s)
{
    call(s, 0, 1);
}

static void call_slow(struct promise_state *s)
{
    s->callbacks[0].state = s;
    atomic_fetch_add_explicit(&s->queued, 1, memory_order_relaxed);
    flavor_call(&s->callbacks[0].head, slow_callback_ran);
}

static void call_some(struct promise_state *s)
{
    call(s, 1, 1 + SOME_CALLBACKS);
}

static void call_enough(struct promise_state *s)
{
    call(s, 1, 1 + (unsigned long)s->promises.callbacks);
}

static void fill(struct promise_state *s)
{
    call(s, 1, 1 + (unsigned long)s->promises.slowed_from);
}

static void queue_few(struct promise_state *s)
{
    unsigned long first = 1 + (unsigned long)s->promises.slowed_from;

    call(s, first, first + FEW_CALLBACKS);
}

static void queue_more(struct promise_state *s)
{
    unsigned long first = 1 + (unsigned long)s->promises.slowed_from;

    call(s, first, first + MORE_CALLBACKS);
}

static void queue_inside(struct promise_state *s)
{
    flavor_read_lock();
    queue_more(s);
    flavor_read_unlock();
}

static void queue_online(struct promise_state *s)
{
    flavor_thread_online();
    queue_more(s);
    flavor_thread_offline();
}

static void queue_locked(struct promise_state *s)
{
    big_lock_take(s->big_lock);
    queue_more(s);
    big_lock_release(s->big_lock);
}

static void queueing_callback_ran(flavor_head *head)
{
    struct promise_state *s = ((struct promised_callback *)head)->state; /* its first member */
    unsigned long before;

    atomic_store_explicit(&s->slow_runs, true, memory_order_relaxed);
    while (!atomic_load_explicit(&s->let_go, memory_order_relaxed))
        torture_spin(1000);
    before = own_sleeps();
    queue_more(s);
    s->slept_in_callback = own_sleeps() - before;
    callback_ran(head);
}

static void queue_in_callback(struct promise_state *s)
{
    s->callbacks[0].state = s;
    atomic_fetch_add_explicit(&s->queued, 1, memory_order_relaxed);
    flavor_call(&s->callbacks[0].head, queueing_callback_ran);
}

static void wait(struct promise_state *s)
{
    (void)s;
    flavor_synchronize();
}

static void wait_often(struct promise_state *s)
{
    for (unsigned i = 0; i < QUIET_WAITS; i++)
        wait(s);
}

static void expedite(struct promise_state *s)
{
    (void)s;
    flavor_synchronize_expedited();
}

static void force(struct promise_state *s)
{
    (void)s;
    flavor_force();
}

static void barrier(struct promise_state *s)
{
    (void)s;
    flavor_barrier();
}

static void start_poll(struct promise_state *s)
{
    (void)s;
    (void)flavor_start_poll_expedited();
}

static void change(struct promise_state *s)
{
    flavor_change_to_force(&s->settings);
}

static void (*const acts[ACT_COUNT])(struct promise_state *) = {
    [WAIT] = wait,
    [WAIT_OFTEN] = wait_often,
    [EXPEDITE] = expedite,
    [FORCE] = force,
    [BARRIER] = barrier,
    [START_POLL] = start_poll,
    [CALL_ONE] = call_one,
    [CALL_SLOW] = call_slow,
    [CALL_SOME] = call_some,
    [CALL_ENOUGH] = call_enough,
    [CHANGE] = change,
    [FILL] = fill,
    [QUEUE_OUTSIDE] = queue_few,
    [QUEUE_INSIDE] = queue_inside,
    [QUEUE_ONLINE] = queue_online,
    [QUEUE_LOCKED] = queue_locked,
    [QUEUE_IN_CALLBACK] = queue_in_callback,
};

void actor_begin(struct actor *a, enum act act)
{
    /* Orders: LOADs of what the actor left before -> STORE act (release).
     * Pairs with: live(), LOAD act (acquire).
     * Broken: the actor writes over what the holder still reads of its last act. */
    atomic_store_explicit(&a->act, act, memory_order_release);
    shared_wake(&a->act);
}

bool actor_rests(struct actor *a)
{
    /* Orders: LOAD act (acquire) -> LOADs of what the actor left.
     * Pairs with: live(), STORE act (release).
     * Broken: the holder reads how the act before this one ended. */
    return atomic_load_explicit(&a->act, memory_order_acquire) == REST;
}

struct cpu_sleep actor_sleep(struct actor *a)
{
    return promise_sleep_of(atomic_load_explicit(&a->thread_id, memory_order_relaxed));
}

/* --- Roles --- */

static void perform(struct torture_thread *t, struct actor *a, unsigned act)
{
    struct promise_state *s = t->instance->state;
    unsigned long round = s->round; /* the holder changes it when all rest */

    torture_note(t, NOTE_ACTS + act, round, 0);
    a->sleeps_before = own_sleeps();
    acts[act](s);
    a->sleeps_after = own_sleeps();
    a->returned_ns = clock_monotonic_ns();
    torture_note(t, NOTE_ACTS + REST, round, 0);
}

static void live(struct torture_thread *t, struct actor *a,
                 void (*returned)(struct torture_thread *, struct actor *))
{
    struct promise_state *s = t->instance->state;

    flavor_register_thread();
    atomic_store_explicit(&a->thread_id, (int)syscall(SYS_gettid), memory_order_relaxed);
    while (torture_running(t)) {
        /* Orders: LOAD act (acquire) -> STOREs of what this act leaves.
         * Pairs with: actor_begin(), STORE act (release).
         * Broken: the actor writes over what the holder still reads of its last act. */
        unsigned act = atomic_load_explicit(&a->act, memory_order_acquire);

        if (act == REST) {
            shared_wait(&a->act, REST, 50 * MS);
            torture_beat(t);
            continue;
        }
        perform(t, a, act);
        if (returned)
            returned(t, a);
        /* Orders: STOREs of what this act leaves -> STORE act (release).
         * Pairs with: actor_rests(), LOAD act (acquire).
         * Broken: the holder reads how the act before this one ended. */
        atomic_store_explicit(&a->act, REST, memory_order_release);
        torture_beat(t);
    }
    pthread_mutex_lock(&s->set_lock);
    if (FLAVOR_CAN_BARRIER)
        flavor_barrier();
    pthread_mutex_unlock(&s->set_lock);
    flavor_unregister_thread();
}

void promise_leader(struct torture_thread *t)
{
    struct promise_state *s = t->instance->state;

    live(t, &s->leader, NULL);
}

void promise_asker(struct torture_thread *t)
{
    struct promise_state *s = t->instance->state;

    live(t, &s->asker, NULL);
}

/* The first that comes back: the others have been woken as well, though they may not have run. The
 * last to be woken by one another would be those that began to wait last: they come first here. */
static void follower_returned(struct torture_thread *t, struct actor *self)
{
    const struct promise_params *p = t->instance->params;
    struct promise_state *s = t->instance->state;

    if (atomic_fetch_add_explicit(&s->returned, 1, memory_order_relaxed) > 0)
        return;
    for (int64_t i = p->followers; i-- > 0;) {
        struct actor *a = &s->followers[i];
        struct cpu_sleep base = {.asleep = true,
                                 .begun = atomic_load_explicit(&a->base, memory_order_relaxed)};

        if (a != self && cpu_sleep_lasts(base, actor_sleep(a)))
            atomic_fetch_add_explicit(&s->asleep, 1, memory_order_relaxed);
    }
}

void promise_follower(struct torture_thread *t)
{
    struct promise_state *s = t->instance->state;

    live(t, &s->followers[t->index], follower_returned);
}
