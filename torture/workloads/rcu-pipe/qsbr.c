/* rcu-pipe: readers in quiescent-state mode.
 *
 * Between two quiescent states an online reader may hold what it found, with or without a section
 * of its own in between; a grace period waits for the next quiescent state. What was found before
 * one is judged after it. A spell of such intervals ends offline, where the reader is idle, or
 * reads as any other thread does.
 */
#include "sight.h"

/* Nothing but the loads: being online is what protects them. */
static void interval_without_section(struct torture_thread *t, const struct params *p,
                                     const struct state *state)
{
    struct updater *u = any_updater(state, &t->random);
    struct sight sight = {.entered = clock_ticks()};

    contend(p, state, (unsigned)sight.entered);
    torture_section(t, true);
    see(&sight, u);
    delay(t, p, &sight);
    see_again(&sight);
    flavor_quiescent_state();
    torture_section(t, false);
    judge(t, &sight);
}

/* An object is held across a section of the interval's, and another one within it: the section's
 * end must not end the interval. */
static void interval_with_section(struct torture_thread *t, const struct params *p,
                                  const struct state *state)
{
    unsigned nested =
        FLAVOR_CAN_NEST ? (unsigned)random_below(&t->random, (uint64_t)p->nest_max + 1) : 0;
    struct updater *u = any_updater(state, &t->random), *v = any_updater(state, &t->random);
    struct sight outside = {.entered = clock_ticks()}, inside = outside;

    contend(p, state, (unsigned)outside.entered);
    torture_section(t, true);
    see(&outside, u);
    for (unsigned i = 0; i <= nested; i++)
        flavor_read_lock();
    see(&inside, v);
    delay(t, p, &outside);
    for (unsigned i = 0; i <= nested; i++)
        flavor_read_unlock();
    delay(t, p, &outside);
    see_again(&inside);
    see_again(&outside);
    flavor_quiescent_state();
    torture_section(t, false);
    torture_count(t, QSBR_NESTED, 1);
    torture_count(t, READS, 1);
    judge(t, &inside);
    judge(t, &outside);
}

/* Goes on, online, until an updater has got on: a wake-up that a quiescent state owes and forgets
 * is healed neither by the next one nor by going offline. */
static void stay_online(struct torture_thread *t, const struct params *p, const struct state *state)
{
    unsigned long before = atomic_load_explicit(&state->progress, memory_order_relaxed);

    while (torture_running(t) &&
           atomic_load_explicit(&state->progress, memory_order_relaxed) == before) {
        interval_without_section(t, p, state);
        torture_count(t, QSBR_INTERVALS, 1);
        torture_beat(t);
    }
}

/* Online, and without blocking: any number of intervals. Only the wait for a grace period blocks,
 * for which the flavor takes the thread offline. */
static void spell(struct torture_thread *t, const struct params *p, const struct state *state)
{
    uint64_t intervals = 1 + random_below(&t->random, (uint64_t)p->qsbr_spell);

    flavor_thread_online();
    for (uint64_t i = 0; i < intervals && torture_running(t); i++) {
        if (random_one_in(&t->random, 4))
            interval_with_section(t, p, state);
        else
            interval_without_section(t, p, state);
        torture_count(t, QSBR_INTERVALS, 1);
        if (random_one_in(&t->random, (uint64_t)p->qsbr_synchronize_one_in)) {
            flavor_synchronize();
            torture_count(t, QSBR_SYNCHRONIZED, 1);
            torture_count(t, GPS, 1);
        }
        if (i % 64 == 0)
            torture_beat(t);
    }
    if (random_one_in(&t->random, 4))
        stay_online(t, p, state);
    flavor_thread_offline();
    torture_count(t, QSBR_OFFLINE, 1);
    torture_beat(t);
}

void pipe_qsbr_reader(struct torture_thread *t)
{
    const struct params *p = t->instance->params;
    const struct state *state = t->instance->state;

    flavor_register_thread();
    while (torture_running(t)) {
        spell(t, p, state);
        /* A wake-up that going offline owes and forgets is healed by nobody. */
        if (random_one_in(&t->random, 4))
            pipe_wait_for_progress(t);
        if (random_one_in(&t->random, 2))
            pipe_read_once(t);
        pipe_idle(t, random_below(&t->random, 2 * (uint64_t)p->qsbr_pause_ns + 1));
        if (random_one_in(&t->random, 2))
            pipe_read_once(t);
    }
    pipe_check_outside(t);
    flavor_unregister_thread();
}
