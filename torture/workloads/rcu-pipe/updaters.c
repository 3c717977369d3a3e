/* rcu-pipe: updaters that wait for grace periods, and those that queue callbacks. */
#include "visits.h"

/* Records how a wait for a grace period went: its own time, and its parts where the flavor knows
 * them. */
static void measure_wait(struct torture_thread *t, int64_t requested, int64_t returned)
{
    int64_t start, end;

    torture_measure(t, GP_TOTAL, (uint64_t)(returned - requested));
    if (!flavor_gp_times(&start, &end))
        return;
    torture_measure(t, GP, (uint64_t)(end - start));
    torture_measure(t, GP_REQUEST, start > requested ? (uint64_t)(start - requested) : 0);
}

static void update_loop(struct torture_thread *t, void (*wait)(void), int64_t pause_ns)
{
    struct updater *u = pipe_own_cell(t);
    struct visits v;

    flavor_register_thread();
    pipe_visits_begin(t, &v);
    while (torture_running(t)) {
        unsigned long old = pipe_retire(u, t);
        uint64_t begun = clock_ticks();
        int64_t requested, returned;

        torture_note_at(t, begun, NOTE_GP_START, old, 0);
        requested = clock_monotonic_ns();
        wait();
        returned = clock_monotonic_ns();
        torture_note(t, NOTE_GP_END, old, 0);
        pipe_age(u);
        pipe_gp_ended(t, begun);
        measure_wait(t, requested, returned);
        torture_count(t, GPS, 1);
        pipe_progress(t);
        pipe_visits_settle(t, &v);
        if (pause_ns > 0)
            torture_sleep(t, random_below(&t->random, 2 * (uint64_t)pause_ns + 1));
    }
    for (unsigned i = 0; i <= PIPE_LENGTH && u->pipe; i++) {
        wait();
        pipe_age(u);
        torture_beat(t);
    }
    pipe_visits_end(t, &v);
    pipe_check_outside(t);
    flavor_unregister_thread();
}

void pipe_sync_updater(struct torture_thread *t)
{
    update_loop(t, flavor_synchronize, 0);
}

void pipe_expedited_updater(struct torture_thread *t)
{
    update_loop(t, flavor_synchronize_expedited,
                ((const struct params *)t->instance->params)->expedite_pause_ns);
}

/* --- The updater that does not wait --- */

static void return_slot(struct updater *u, struct object *o)
{
    /* Orders: STORE o->next, and the stores to the slot -> CAS u->returned.
     * Pairs with: new_object(), EXCHANGE u->returned (acquire).
     * Broken: the pool is a torn list, and the updater fills a slot that is scribbled over. */
    o->next = atomic_load_explicit(&u->returned, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&u->returned, &o->next, o, memory_order_release,
                                                  memory_order_relaxed))
        ;
}

/* In the flavor's callback thread. A slot goes round until it is old enough. */
static void aged(flavor_head *head)
{
    struct object *o = (struct object *)((char *)head - offsetof(struct object, head));
    struct updater *u = o->updater;
    unsigned age = pipe_older(o);

    if (o->kind == SLOT && age < PIPE_LENGTH) {
        flavor_call(&o->head, aged);
        return;
    }
    if (o->kind == SLOT) {
        object_scribble(o);
        return_slot(u, o);
    } else {
        pipe_free_heap(o);
    }
    /* Orders: what the callback counted -> RMW u->in_flight.
     * Pairs with: wait_for_callbacks(), LOAD u->in_flight (acquire).
     * Broken: the updater ends, and its counters are read, while a callback still counts. */
    atomic_fetch_sub_explicit(&u->in_flight, 1, memory_order_release);
}

/* Waits for callbacks to come back, at most `most` still on their way. Beats only when some did. */
static void wait_for_callbacks(struct torture_thread *t, struct updater *u, unsigned most)
{
    unsigned before = atomic_load_explicit(&u->in_flight, memory_order_relaxed), now;

    /* Orders: LOAD u->in_flight -> what the updater does when its callbacks are back.
     * Pairs with: aged(), RMW u->in_flight (release).
     * Broken: the updater ends, and its counters are read, while a callback still counts. */

    while ((now = atomic_load_explicit(&u->in_flight, memory_order_acquire)) > most) {
        if (now != before)
            torture_beat(t);
        before = now;
        shared_wait(&u->in_flight, now, 200 * 1000);
    }
}

void pipe_call_rcu_updater(struct torture_thread *t)
{
    struct updater *u = pipe_own_cell(t);
    struct visits v;

    flavor_register_thread();
    pipe_visits_begin(t, &v);
    while (torture_running(t)) {
        struct object *old = pipe_replace(u, t);

        if (!old) {
            shared_wait(&t->header->stop, 0, 50 * 1000);
            continue; /* all slots are in the pipe; beats come from callbacks */
        }
        atomic_fetch_add_explicit(&u->in_flight, 1, memory_order_relaxed);
        torture_note(t, NOTE_QUEUED, (unsigned long)old->id, 0);
        flavor_call(&old->head, aged);
        torture_count(t, CHECKS, 1);
        pipe_progress(t);
        pipe_visits_settle(t, &v);
        wait_for_callbacks(t, u, POOL_SIZE - 2);
    }
    pipe_visits_end(t, &v);
    wait_for_callbacks(t, u, 0);
    flavor_unregister_thread();
}

/* Requests grace periods that nobody needs, at random moments. */
void pipe_fake_updater(struct torture_thread *t)
{
    const struct params *p = t->instance->params;
    struct visits v;

    flavor_register_thread();
    pipe_visits_begin(t, &v);
    while (torture_running(t)) {
        uint64_t begun;

        torture_sleep(t, random_below(&t->random, 2 * (uint64_t)p->fake_pause_ns + 1));
        if (!torture_running(t))
            break;
        begun = clock_ticks();
        flavor_synchronize();
        pipe_gp_ended(t, begun);
        torture_count(t, GPS, 1);
        pipe_visits_settle(t, &v);
        torture_beat(t);
    }
    pipe_visits_end(t, &v);
    flavor_unregister_thread();
}
