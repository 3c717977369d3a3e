/* rcu-callback: those who queue callbacks in bursts, who wait for them, and who use the big
 * lock. */
#include "rcu_callback.h"
#include "torture/runner/violation.h"
#include "torture/workloads/interrupts.h"

#include <stdlib.h>

/* In the flavor's callback thread, the only writer of what it counts and measures here. */
static void invoked(flavor_head *head)
{
    struct item *item = item_of(head);
    struct items *c = item->items;
    struct torture_thread *t = c->thread;
    const struct callback_params *p = c->instance->params;
    struct callback_state *state = c->instance->state;
    struct item_turn turn = item_begin(item);
    int64_t now = clock_monotonic_ns(), start, end;

    if (turn.sequence != turn.expected)
        torture_violation(c->instance, t, CALLBACK_LEDGER,
                          "Callback %lu of caller %u ran when %lu was next: lost, doubled or out "
                          "of order.",
                          (unsigned long)turn.sequence, t->index, (unsigned long)turn.expected);
    if (p->big_lock && !big_lock_held(state->big_lock))
        torture_violation(c->instance, t, CALLBACK_LEDGER,
                          "Callback %lu of caller %u ran without the big lock.",
                          (unsigned long)turn.sequence, t->index);
    if (turn.again)
        torture_violation(c->instance, t, CALLBACK_LEDGER, "Callback %lu of caller %u ran twice.",
                          (unsigned long)turn.sequence, t->index);
    torture_measure(t, QUEUE_TO_INVOKE,
                    (uint64_t)(now - ((struct callback_item *)item)->queued_ns));
    if (flavor_gp_times(&start, &end) && now > end)
        torture_measure(t, END_TO_CALLBACK, (uint64_t)(now - end));
    torture_count(t, INVOKED, 1);
    item_end(item, turn.sequence);
}

static void queue_one(struct torture_thread *t, struct items *c, struct item *fresh)
{
    struct item *old = items_publish(c, fresh);
    uint64_t sequence = atomic_load_explicit(&c->queued, memory_order_relaxed);

    ((struct callback_item *)old)->queued_ns = clock_monotonic_ns();
    torture_note(
        t, NOTE_QUEUED, (unsigned long)sequence,
        (unsigned long)(sequence - atomic_load_explicit(&c->invoked, memory_order_relaxed)));
    flavor_call(&old->head, invoked);
    items_count_queued(c);
    torture_count(t, QUEUED, 1);
    torture_count(t, CHECKS, 3);
}

void callback_caller(struct torture_thread *t)
{
    const struct callback_params *p = t->instance->params;
    struct callback_state *state = t->instance->state;
    struct items *c = &state->callers[t->index];

    flavor_register_thread();
    while (torture_running(t)) {
        uint64_t burst = 1 + random_below(&t->random, (uint64_t)p->burst_max);

        for (uint64_t i = 0; i < burst; i++) {
            struct item *item = items_take(c);

            if (!item)
                break;
            queue_one(t, c, item);
        }
        torture_beat(t);
        items_wait(t, c, (uint64_t)p->pending_max / 2);
        torture_sleep(t, random_below(&t->random, 2 * (uint64_t)p->burst_pause_ns + 1));
    }
    items_wait(t, c, 0);
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

    /* Orders: LOAD queued -> flavor_barrier().
     * Pairs with: items_count_queued(), STORE items->queued (release).
     * Broken: the barrier is blamed for a callback that was not queued before it. */
    for (size_t i = 0; i < state->caller_count; i++)
        queued[i] = atomic_load_explicit(&state->callers[i].queued, memory_order_acquire);
    torture_note(t, NOTE_BARRIER, (unsigned long)queued[0], 0);
    if (locked)
        big_lock_take(state->big_lock);
    begun = clock_monotonic_ns();
    flavor_barrier();
    torture_measure(t, BARRIER_TIME, (uint64_t)(clock_monotonic_ns() - begun));
    for (size_t i = 0; i < state->caller_count; i++) {
        /* Orders: LOAD invoked -> what the role does when its barrier is over.
         * Pairs with: item_count_run(), STORE item->items->invoked (release).
         * Broken: nothing that is used; the barrier itself has to order what callbacks did. */
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
    struct interrupts interrupts = {.visit = NULL};

    flavor_register_thread();
    interrupts_begin(&interrupts, t, p->signals_ns);
    while (torture_running(t)) {
        barrier_once(t, queued, p->big_lock && random_one_in(&t->random, 2));
        torture_beat(t);
        torture_sleep(t, random_below(&t->random, 2 * (uint64_t)p->barrier_pause_ns + 1));
    }
    interrupts_end(&interrupts);
    flavor_unregister_thread();
    free(queued);
}

void callback_lock_user(struct torture_thread *t)
{
    struct callback_state *state = t->instance->state;

    big_lock_use(t, state->big_lock, 5 * 1000, 200 * 1000, LOCKED);
}
