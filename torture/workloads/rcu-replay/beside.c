/* rcu-replay: those who torture beside the driver, so that no two plays meet the same real time. */
#include "rcu_replay.h"

void replay_reader(struct torture_thread *t)
{
    const struct replay_params *p = t->instance->params;
    struct replay_state *state = t->instance->state;

    items_read(t, &(struct items_reading){
                      .items = &state->items,
                      .count = 1,
                      .section_ns = p->section_ns,
                      .reads = READS,
                      .checks = CHECKS,
                      .check = CALLBACK_LEDGER,
                      .entered = NOTE_ENTERED,
                  });
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
