/* rcu-replay: those who torture beside the driver, so that no two plays meet the same real time. */
#include "rcu_replay.h"

void replay_reader(struct torture_thread *t)
{
    const struct replay_params *p = t->instance->params;
    struct replay_state *state = t->instance->state;

    flavor_register_thread();
    while (torture_running(t)) {
        for (unsigned i = 0; i < 32; i++) {
            uint64_t ns = random_one_in(&t->random, 64)
                              ? random_below(&t->random, (uint64_t)p->section_ns + 1)
                              : 0;
            uint64_t entered = clock_ticks(), id;
            struct replay_item *item;
            unsigned done;

            torture_section(t, true);
            flavor_read_lock();
            item = flavor_dereference(state->current);
            if (ns)
                torture_spin(ns);
            done = atomic_load_explicit(&item->done, memory_order_relaxed);
            id = atomic_load_explicit(&item->id, memory_order_relaxed);
            flavor_read_unlock();
            torture_section(t, false);
            if (__builtin_expect(done != 0, 0)) {
                torture_note_at(t, entered, NOTE_ENTERED, (unsigned long)id, 0);
                torture_violation(t->instance, t, CALLBACK_LEDGER,
                                  "Callback %lu ran while a reader that had loaded its item was "
                                  "still inside its section.",
                                  (unsigned long)id);
            }
        }
        torture_count(t, READS, 32);
        torture_count(t, CHECKS, 32);
        torture_beat(t);
    }
    flavor_unregister_thread();
}

static void wait_in_a_loop(struct torture_thread *t, void (*wait)(void), int64_t pause_ns)
{
    flavor_register_thread();
    while (torture_running(t)) {
        wait();
        torture_count(t, GPS, 1);
        torture_beat(t);
        torture_sleep(t, random_below(&t->random, 2 * (uint64_t)pause_ns + 1));
    }
    flavor_unregister_thread();
}

void replay_waiter(struct torture_thread *t)
{
    const struct replay_params *p = t->instance->params;

    wait_in_a_loop(t, flavor_synchronize, p->pause_ns);
}

void replay_expedited_waiter(struct torture_thread *t)
{
    const struct replay_params *p = t->instance->params;

    wait_in_a_loop(t, flavor_synchronize_expedited, p->expedite_pause_ns);
}
