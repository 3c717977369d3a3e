/* rcu-callback: those who would be hurt by an early callback. */
#include "rcu_callback.h"
#include "torture/workloads/long_reader.h"

void callback_reader(struct torture_thread *t)
{
    const struct callback_params *p = t->instance->params;
    struct callback_state *state = t->instance->state;

    items_read(t, &(struct items_reading){
                      .items = state->callers,
                      .count = state->caller_count,
                      .section_ns = p->section_ns,
                      .reads = READS,
                      .checks = CHECKS,
                      .check = CALLBACK_LEDGER,
                      .entered = NOTE_ENTERED,
                  });
}

/* Stays inside until the flavor notifies it. */
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
        torture_count(t, READS, 1);
        torture_note(t, NOTE_LEFT, 0, 0);
        torture_beat(t);
        torture_sleep(t, random_below(&t->random, 100 * 1000));
    }
    long_reader_close(&stay);
    flavor_unregister_thread();
}
