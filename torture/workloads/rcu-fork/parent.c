/* rcu-fork, the parent's side: what is under way in it when a fork comes. */
#include "rcu_fork.h"

void fork_reader(struct torture_thread *t)
{
    const struct fork_params *p = t->instance->params;
    struct fork_state *state = t->instance->state;

    flavor_register_thread();
    while (torture_running(t)) {
        for (unsigned i = 0; i < 32; i++) {
            struct fork_updater *u =
                &state->updaters[random_below(&t->random, state->updater_count)];
            uint64_t ns = random_one_in(&t->random, 64)
                              ? random_below(&t->random, (uint64_t)p->section_ns + 1)
                              : 0;
            uint64_t entered = clock_ticks(), sequence;
            struct fork_item *item;
            unsigned done;

            torture_section(t, true);
            flavor_read_lock();
            item = flavor_dereference(u->current);
            sequence = atomic_load_explicit(&item->sequence, memory_order_relaxed);
            if (ns)
                torture_spin(ns);
            done = atomic_load_explicit(&item->done, memory_order_relaxed);
            flavor_read_unlock();
            torture_section(t, false);
            if (__builtin_expect(done != 0, 0)) {
                torture_note_at(t, entered, NOTE_ENTERED, (unsigned long)sequence, 0);
                torture_violation(t->instance, t, CALLBACK_LEDGER,
                                  "The callback of item %lu ran while a reader that had loaded "
                                  "the item was still inside its section.",
                                  (unsigned long)sequence);
            }
        }
        torture_count(t, READS, 32);
        torture_count(t, CHECKS, 32);
        torture_beat(t);
    }
    flavor_unregister_thread();
}

/* In the parent's callback thread, or something is wrong. */
static void invoked(flavor_head *head)
{
    struct fork_item *item = (struct fork_item *)((char *)head - offsetof(struct fork_item, head));
    struct fork_updater *u = item->updater;
    struct fork_state *state = u->instance->state;
    uint64_t expected = atomic_load_explicit(&u->invoked, memory_order_relaxed);
    uint64_t sequence = atomic_load_explicit(&item->sequence, memory_order_relaxed);

    if (state->generation > 0) {
        atomic_store_explicit(&state->inherited_ran, 1, memory_order_relaxed);
        return;
    }
    if (sequence != expected || atomic_exchange_explicit(&item->done, 1, memory_order_relaxed))
        torture_violation(u->instance, u->thread, CALLBACK_LEDGER,
                          "Callback %lu of updater %u ran when %lu was next: lost, doubled or out "
                          "of order.",
                          (unsigned long)sequence, u->thread->index, (unsigned long)expected);
    torture_count(u->thread, INVOKED, 1);
    item->next = atomic_load_explicit(&u->returned, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&u->returned, &item->next, item,
                                                  memory_order_release, memory_order_relaxed))
        ;
    atomic_store_explicit(&u->invoked, sequence + 1, memory_order_release);
}

struct fork_item *fork_take_item(struct fork_updater *u)
{
    struct fork_item *item;

    if (!u->idle)
        u->idle = atomic_exchange_explicit(&u->returned, NULL, memory_order_acquire);
    item = u->idle;
    if (item)
        u->idle = item->next;
    return item;
}

static void replace(struct torture_thread *t, struct fork_updater *u, struct fork_item *fresh)
{
    struct fork_item *old = u->current;
    uint64_t sequence = atomic_load_explicit(&u->queued, memory_order_relaxed);

    atomic_store_explicit(&fresh->done, 0, memory_order_relaxed);
    atomic_store_explicit(&fresh->sequence, sequence + 1, memory_order_relaxed);
    flavor_assign_pointer(u->current, fresh);
    torture_note(
        t, NOTE_QUEUED, (unsigned long)sequence,
        (unsigned long)(sequence - atomic_load_explicit(&u->invoked, memory_order_relaxed)));
    flavor_call(&old->head, invoked);
    atomic_store_explicit(&u->queued, sequence + 1, memory_order_relaxed);
    torture_count(t, QUEUED, 1);
    torture_count(t, CHECKS, 1);
}

void fork_updater_role(struct torture_thread *t)
{
    struct fork_state *state = t->instance->state;
    struct fork_updater *u = &state->updaters[t->index];

    u->thread = t;
    flavor_register_thread();
    while (torture_running(t)) {
        uint64_t burst = 1 + random_below(&t->random, 32);
        struct fork_item *item;

        while (burst-- > 0 && (item = fork_take_item(u)))
            replace(t, u, item);
        torture_beat(t);
        torture_sleep(t, random_below(&t->random, 100 * 1000));
    }
    for (uint64_t ran, seen = 0; (ran = atomic_load_explicit(&u->invoked, memory_order_acquire)) <
                                 atomic_load_explicit(&u->queued, memory_order_relaxed);
         seen = ran) {
        if (ran != seen)
            torture_beat(t);
        shared_wait(&t->header->stop, 1, 200 * 1000);
    }
    flavor_unregister_thread();
}

/* So that most forks fall into a grace period. */
void fork_waiter(struct torture_thread *t)
{
    flavor_register_thread();
    while (torture_running(t)) {
        flavor_synchronize();
        torture_count(t, GPS, 1);
        torture_beat(t);
        torture_sleep(t, random_below(&t->random, 20 * 1000));
    }
    flavor_unregister_thread();
}

void fork_lock_user(struct torture_thread *t)
{
    struct fork_state *state = t->instance->state;

    while (torture_running(t)) {
        big_lock_take(state->big_lock);
        torture_spin(random_below(&t->random, 20 * 1000));
        big_lock_release(state->big_lock);
        torture_count(t, LOCKED, 1);
        torture_beat(t);
        torture_sleep(t, random_below(&t->random, 100 * 1000));
    }
}
