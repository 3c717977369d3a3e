/* rcu-fork, the parent's side: what is under way in it when a fork comes. */
#include "rcu_fork.h"
#include "torture/runner/violation.h"

void fork_reader(struct torture_thread *t)
{
    const struct fork_params *p = t->instance->params;
    struct fork_state *state = t->instance->state;

    items_read(t, &(struct items_reading){
                      .items = state->updaters,
                      .count = state->updater_count,
                      .section_ns = p->section_ns,
                      .reads = READS,
                      .checks = CHECKS,
                      .check = CALLBACK_LEDGER,
                      .entered = NOTE_ENTERED,
                  });
}

/* In the parent's callback thread, or in that of a descendant which inherited it. */
static void item_invoked(flavor_head *head)
{
    struct item *item = item_of(head);
    struct items *u = item->items;
    struct fork_state *state = u->instance->state;
    const struct fork_params *p = u->instance->params;
    struct item_turn turn = item_begin(item);

    if (state->generation > 0) {
        fork_inherited_ran(state, turn.sequence, turn.expected, turn.again,
                           !p->big_lock || big_lock_held(state->big_lock));
        item_count_run(item, turn.sequence);
        return;
    }
    if (turn.sequence != turn.expected || turn.again)
        torture_violation(u->instance, u->thread, CALLBACK_LEDGER,
                          "Callback %lu of updater %u ran when %lu was next: lost, doubled or out "
                          "of order.",
                          (unsigned long)turn.sequence, u->thread->index,
                          (unsigned long)turn.expected);
    torture_count(u->thread, INVOKED, 1);
    item_end(item, turn.sequence);
}

static void replace_item(struct torture_thread *t, struct items *u, struct item *fresh)
{
    struct item *old = items_publish(u, fresh);
    uint64_t sequence = atomic_load_explicit(&u->queued, memory_order_relaxed);

    torture_note(
        t, NOTE_QUEUED, (unsigned long)sequence,
        (unsigned long)(sequence - atomic_load_explicit(&u->invoked, memory_order_relaxed)));
    flavor_call(&old->head, item_invoked);
    items_count_queued(u);
    torture_count(t, QUEUED, 1);
    torture_count(t, CHECKS, 1);
}

/* Its items come from a pool: what allocates under a sanitizer may hold locks that a child cannot
 * get. */
void fork_updater_role(struct torture_thread *t)
{
    struct fork_state *state = t->instance->state;
    struct items *u = &state->updaters[t->index];

    u->thread = t;
    flavor_register_thread();
    while (torture_running(t)) {
        uint64_t burst = 1 + random_below(&t->random, 32);
        struct item *item;

        while (burst-- > 0 && (item = items_take(u)))
            replace_item(t, u, item);
        torture_beat(t);
        torture_sleep(t, random_below(&t->random, 100 * 1000));
    }
    items_wait(t, u, 0);
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

    big_lock_use(t, state->big_lock, 20 * 1000, 100 * 1000, LOCKED);
}
