/* rcu-callback: those who queue callbacks in bursts, who wait for them, and who use the big
 * lock. */
#include "rcu_callback.h"

#include <stdlib.h>

static void return_item(struct caller *c, struct item *item)
{
    item->next = atomic_load_explicit(&c->returned, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&c->returned, &item->next, item,
                                                  memory_order_release, memory_order_relaxed))
        ;
}

/* In the flavor's callback thread, the only writer of what it counts and measures here. */
static void invoked(flavor_head *head)
{
    struct item *item = (struct item *)((char *)head - offsetof(struct item, head));
    struct caller *c = item->caller;
    struct torture_thread *t = c->thread;
    const struct callback_params *p = c->instance->params;
    struct callback_state *state = c->instance->state;
    uint64_t expected = atomic_load_explicit(&c->invoked, memory_order_relaxed);
    uint64_t sequence = atomic_load_explicit(&item->sequence, memory_order_relaxed);
    int64_t now = clock_monotonic_ns(), start, end;

    if (sequence != expected)
        torture_violation(c->instance, t, CALLBACK_LEDGER,
                          "Callback %lu of caller %u ran when %lu was next: lost, doubled or out "
                          "of order.",
                          (unsigned long)sequence, t->index, (unsigned long)expected);
    if (p->big_lock && !big_lock_held(state->big_lock))
        torture_violation(c->instance, t, CALLBACK_LEDGER,
                          "Callback %lu of caller %u ran without the big lock.",
                          (unsigned long)sequence, t->index);
    if (atomic_exchange_explicit(&item->done, 1, memory_order_relaxed))
        torture_violation(c->instance, t, CALLBACK_LEDGER, "Callback %lu of caller %u ran twice.",
                          (unsigned long)sequence, t->index);
    torture_measure(t, QUEUE_TO_INVOKE, (uint64_t)(now - item->queued_ns));
    if (flavor_gp_times(&start, &end) && now > end)
        torture_measure(t, END_TO_CALLBACK, (uint64_t)(now - end));
    torture_count(t, INVOKED, 1);
    return_item(c, item);
    /* Release: what the callback did comes before it is counted as run.
     * Pairs with: the acquire in barrier_once(). Broken: a barrier is blamed wrongly. */
    atomic_store_explicit(&c->invoked, sequence + 1, memory_order_release);
}

struct item *callback_take_item(struct caller *c)
{
    struct item *item;

    if (!c->idle)
        c->idle = atomic_exchange_explicit(&c->returned, NULL, memory_order_acquire);
    item = c->idle;
    if (item)
        c->idle = item->next;
    return item;
}

static void queue_one(struct torture_thread *t, struct caller *c, struct item *fresh)
{
    struct item *old = c->current;
    uint64_t sequence = atomic_load_explicit(&c->queued, memory_order_relaxed);

    atomic_store_explicit(&fresh->done, 0, memory_order_relaxed);
    atomic_store_explicit(&fresh->sequence, sequence + 1, memory_order_relaxed);
    flavor_assign_pointer(c->current, fresh);
    old->queued_ns = clock_monotonic_ns();
    torture_note(
        t, NOTE_QUEUED, (unsigned long)sequence,
        (unsigned long)(sequence - atomic_load_explicit(&c->invoked, memory_order_relaxed)));
    flavor_call(&old->head, invoked);
    /* Release: queued before it is counted as queued.
     * Pairs with: the acquire in barrier_once(). Broken: a barrier is blamed wrongly. */
    atomic_store_explicit(&c->queued, sequence + 1, memory_order_release);
    torture_count(t, QUEUED, 1);
    torture_count(t, CHECKS, 3);
}

/* Callbacks of the caller's that are still to run; beats whenever one has. */
static void wait_until_invoked(struct torture_thread *t, struct caller *c, uint64_t most)
{
    uint64_t queued = atomic_load_explicit(&c->queued, memory_order_relaxed), last = 0;

    for (;;) {
        uint64_t now = atomic_load_explicit(&c->invoked, memory_order_acquire);

        if (queued - now <= most)
            return;
        if (now != last)
            torture_beat(t);
        last = now;
        shared_wait(&t->header->stop, torture_running(t) ? 0 : 1, 200 * 1000);
    }
}

void callback_caller(struct torture_thread *t)
{
    const struct callback_params *p = t->instance->params;
    struct callback_state *state = t->instance->state;
    struct caller *c = &state->callers[t->index];

    flavor_register_thread();
    while (torture_running(t)) {
        uint64_t burst = 1 + random_below(&t->random, (uint64_t)p->burst_max);

        for (uint64_t i = 0; i < burst; i++) {
            struct item *item = callback_take_item(c);

            if (!item)
                break;
            queue_one(t, c, item);
        }
        torture_beat(t);
        wait_until_invoked(t, c, (uint64_t)p->pending_max / 2);
        torture_sleep(t, random_below(&t->random, 2 * (uint64_t)p->burst_pause_ns + 1));
    }
    wait_until_invoked(t, c, 0);
    if (flavor_in_section())
        torture_violation(t->instance, t, QUIESCENCE, "%s-%u is still inside a section at its end.",
                          t->role->name, t->index);
    flavor_unregister_thread();
}

/* What was queued before the barrier has run when it returns. */
static void barrier_once(struct torture_thread *t, uint64_t *queued, bool locked)
{
    struct callback_state *state = t->instance->state;
    int64_t begun;

    for (size_t i = 0; i < state->caller_count; i++)
        queued[i] = atomic_load_explicit(&state->callers[i].queued, memory_order_acquire);
    torture_note(t, NOTE_BARRIER, (unsigned long)queued[0], 0);
    if (locked)
        big_lock_take(state->big_lock);
    begun = clock_monotonic_ns();
    flavor_barrier();
    torture_measure(t, BARRIER_TIME, (uint64_t)(clock_monotonic_ns() - begun));
    for (size_t i = 0; i < state->caller_count; i++) {
        uint64_t ran = atomic_load_explicit(&state->callers[i].invoked, memory_order_acquire);

        if (ran < queued[i])
            torture_violation(t->instance, t, CALLBACK_LEDGER,
                              "A barrier returned when %lu of the %lu callbacks that caller %zu "
                              "had queued before it had run.",
                              (unsigned long)ran, (unsigned long)queued[i], i);
    }
    torture_note(
        t, NOTE_BARRIER_END,
        (unsigned long)atomic_load_explicit(&state->callers[0].invoked, memory_order_relaxed), 0);
    if (locked) {
        if (!big_lock_held(state->big_lock))
            torture_violation(t->instance, t, CALLBACK_LEDGER,
                              "A barrier that was called with the big lock returned without it.");
        big_lock_release(state->big_lock);
    }
    torture_count(t, BARRIERS, 1);
    torture_count(t, BARRIERS_LOCKED, locked);
    torture_count(t, CHECKS, state->caller_count);
}

void callback_barrier(struct torture_thread *t)
{
    const struct callback_params *p = t->instance->params;
    struct callback_state *state = t->instance->state;
    uint64_t *queued = calloc(state->caller_count, sizeof *queued);

    flavor_register_thread();
    while (torture_running(t)) {
        barrier_once(t, queued, p->big_lock && random_one_in(&t->random, 2));
        torture_beat(t);
        torture_sleep(t, random_below(&t->random, 2 * (uint64_t)p->barrier_pause_ns + 1));
    }
    flavor_unregister_thread();
    free(queued);
}

/* Keeps the big lock busy, as the rest of a program would. */
void callback_lock_user(struct torture_thread *t)
{
    struct callback_state *state = t->instance->state;

    while (torture_running(t)) {
        big_lock_take(state->big_lock);
        torture_spin(random_below(&t->random, 5 * 1000));
        big_lock_release(state->big_lock);
        torture_count(t, LOCKED, 1);
        torture_beat(t);
        torture_sleep(t, random_below(&t->random, 200 * 1000));
    }
}
