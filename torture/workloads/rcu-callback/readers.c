/* rcu-callback: those who would be hurt by an early callback. */
#include "rcu_callback.h"
#include "torture/workloads/long_reader.h"

void callback_reader(struct torture_thread *t)
{
    const struct callback_params *p = t->instance->params;
    struct callback_state *state = t->instance->state;

    flavor_register_thread();
    while (torture_running(t)) {
        for (unsigned i = 0; i < 32; i++) {
            struct caller *c = &state->callers[random_below(&t->random, state->caller_count)];
            uint64_t ns = random_one_in(&t->random, 64)
                              ? random_below(&t->random, (uint64_t)p->section_ns + 1)
                              : 0;
            uint64_t entered = clock_ticks(), sequence;
            struct item *item;
            unsigned done;

            torture_section(t, true);
            flavor_read_lock();
            item = flavor_dereference(c->current);
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

/* Stays inside until the flavor tells it to leave. */
void callback_busy_reader(struct torture_thread *t)
{
    const struct callback_params *p = t->instance->params;
    struct callback_state *state = t->instance->state;
    struct long_reader stay;

    flavor_register_thread();
    long_reader_open(&stay);
    while (torture_running(t)) {
        struct item *item;
        bool kicked;

        torture_section(t, true);
        flavor_read_lock();
        item = flavor_dereference(state->callers[0].current);
        torture_note(t, NOTE_ENTERED,
                     (unsigned long)atomic_load_explicit(&item->sequence, memory_order_relaxed), 0);
        torture_beat(t);
        kicked = long_reader_stay(&stay, t, (uint64_t)p->busy_section_ns);
        flavor_read_unlock();
        torture_section(t, false);
        torture_count(t, BUSY_KICKED, kicked);
        torture_note(t, NOTE_LEFT, 0, 0);
        torture_beat(t);
        torture_sleep(t, random_below(&t->random, 100 * 1000));
    }
    long_reader_close(&stay);
    flavor_unregister_thread();
}
