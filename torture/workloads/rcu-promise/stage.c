/* rcu-promise: what the holder does in every scene. */
#include "rcu_promise.h"

#include <unistd.h>

#define LONGEST_AWAKE  (20 * MS)
#define SLEEPS_ALLOWED 4 /* once forced: a request may come late, and wakes the leader again */

struct cpu_sleep promise_sleep_of(int thread_id)
{
    return cpu_sleep_of(getpid(), thread_id);
}

bool promise_notified(struct promise_state *s)
{
    /* Orders: LOAD notified (acquire) -> LOAD notified_ns in await_force().
     * Pairs with: notified(), STORE notified_ns -> RMW notified (release).
     * Broken: the answer is timed by that of a round before. */
    return (atomic_load_explicit(&s->notified, memory_order_acquire) | s->excused) == ALL_NOTIFIED;
}

/* In the thread that leads. */
static void notified(flavor_notifier *base)
{
    struct promised_notifier *n = (struct promised_notifier *)base; /* its first member */
    struct promise_state *s = n->state;

    if (atomic_load_explicit(&n->removed, memory_order_relaxed))
        atomic_store_explicit(&s->called_late, true, memory_order_relaxed);
    atomic_store_explicit(&s->notified_ns, clock_monotonic_ns(), memory_order_relaxed);
    /* Orders: STORE notified_ns -> RMW notified (release).
     * Pairs with: promise_notified(), LOAD notified (acquire) -> await_force(), LOAD notified_ns.
     * Broken: the answer is timed by that of a round before. */
    atomic_fetch_or_explicit(&s->notified, 1u << n->index, memory_order_release);
    shared_wake(&s->notified);
}

void promise_add_notifiers(struct promise_state *s)
{
    for (unsigned i = 0; i < NOTIFIERS && FLAVOR_CAN_FORCE; i++) {
        s->notifiers[i].state = s;
        s->notifiers[i].index = i;
        flavor_add_notifier(&s->notifiers[i].base, notified);
    }
}

void promise_remove_notifiers(struct promise_state *s)
{
    for (unsigned i = 0; i < NOTIFIERS && FLAVOR_CAN_FORCE; i++)
        flavor_remove_notifier(&s->notifiers[i].base);
}

void promise_swap_notifier(struct torture_thread *t, struct promise_state *s)
{
    unsigned i = (unsigned)random_below(&t->random, NOTIFIERS);
    struct promised_notifier *n = &s->notifiers[i];

    flavor_remove_notifier(&n->base);
    atomic_store_explicit(&n->removed, true, memory_order_relaxed);
    torture_spin(random_below(&t->random, 20 * 1000));
    atomic_store_explicit(&n->removed, false, memory_order_relaxed);
    s->excused = 1u << i;
    flavor_add_notifier(&n->base, notified);
    torture_count(t, SWAPPED, 1);
    if (atomic_exchange_explicit(&s->called_late, false, memory_order_relaxed))
        torture_violation(t->instance, t, PROMISE,
                          "A force notifier was called after its removal had returned.");
}

bool promise_partly_notified(struct torture_thread *t, struct promise_state *s, int thread_id)
{
    unsigned before = atomic_load_explicit(&s->notified, memory_order_relaxed), now;
    struct cpu_sleep first, last;

    if (before == 0 || promise_notified(s))
        return false;
    first = promise_sleep_of(thread_id);
    torture_sleep(t, LOOK_NS);
    last = promise_sleep_of(thread_id);
    now = atomic_load_explicit(&s->notified, memory_order_relaxed);
    if (now != before || !torture_running(t) || !cpu_sleep_lasts(first, last))
        return false;
    torture_violation(t->instance, t, PROMISE,
                      "Of %d force notifiers of a reader %d were called, and who was to call them "
                      "sleeps.",
                      NOTIFIERS, __builtin_popcount(now));
    return true;
}

void promise_enter(struct torture_thread *t, struct promise_state *s)
{
    atomic_store_explicit(&s->notified, 0, memory_order_relaxed);
    s->excused = 0;
    torture_note(t, NOTE_ENTERED, s->round, 0);
    torture_section(t, true);
    flavor_read_lock();
}

void promise_leave(struct torture_thread *t, struct promise_state *s)
{
    if (promise_notified(s))
        torture_note(t, NOTE_NOTIFIED, s->round, 0);
    flavor_read_unlock();
    torture_section(t, false);
    torture_note(t, NOTE_LEFT, s->round, 0);
}

bool promise_await_sleep(struct torture_thread *t, int thread_id, struct cpu_sleep before,
                         struct cpu_sleep *now)
{
    int64_t end = clock_monotonic_ns() + LONGEST_AWAKE;

    while (torture_running(t) && clock_monotonic_ns() < end) {
        *now = promise_sleep_of(thread_id);
        if (now->asleep && now->begun != before.begun)
            return true;
        torture_sleep(t, LOOK_NS);
    }
    return false;
}

bool promise_await_rest(struct torture_thread *t, struct actor *a)
{
    while (torture_running(t) && !actor_rests(a))
        torture_sleep(t, LOOK_NS);
    return actor_rests(a);
}

void promise_settle(struct torture_thread *t, struct promise_state *s)
{
    const struct promise_params *p = t->instance->params;

    promise_await_rest(t, &s->leader);
    promise_await_rest(t, &s->asker);
    for (int64_t i = 0; i < p->followers; i++)
        promise_await_rest(t, &s->followers[i]);
    if (FLAVOR_CAN_BARRIER)
        flavor_barrier();
    if (FLAVOR_CAN_SYNCHRONIZE)
        for (int i = 0; i < 2; i++)
            flavor_synchronize();
    while (torture_running(t) && atomic_load_explicit(&s->run, memory_order_relaxed) !=
                                     atomic_load_explicit(&s->queued, memory_order_relaxed))
        torture_sleep(t, LOOK_NS);
}

void promise_stay_on(struct torture_thread *t, struct promise_state *s, int thread_id)
{
    const struct promise_params *p = t->instance->params;
    struct cpu_sleep first, now;

    if (!promise_notified(s) || random_one_in(&t->random, 2))
        return;
    first = promise_sleep_of(thread_id);
    torture_sleep(t, random_below(&t->random, (uint64_t)p->stay_ns + 1));
    now = promise_sleep_of(thread_id);
    torture_count(t, STAYED_ON, 1);
    torture_count(t, CHECKS, 1);
    if (now.begun - first.begun > SLEEPS_ALLOWED)
        torture_violation(t->instance, t, PROMISE,
                          "A reader was told to leave, and stayed on; whoever leads the grace "
                          "period, which is forced, has gone to sleep %lu times meanwhile, where "
                          "it is to sleep until the reader leaves.",
                          now.begun - first.begun);
}

/* A nap may begin just when the reader leaves, hardly twice in a row. The end of a grace period
 * wakes one thread after the other, if it is not at once. */
static const struct {
    unsigned rounds, share;
} sums[SUM_COUNT] = {
    [AFTER_READING] = {.rounds = 6, .share = 2},
    [AFTER_LEAVING] = {.rounds = 6, .share = 2},
    [WOKEN_LATE] = {.rounds = 6, .share = 4},
    [HOLDS] = {.rounds = 4, .share = 2},
};

bool promise_sum(struct promise_state *s, enum sum_kind kind, unsigned long found,
                 unsigned long possible, struct step_sum *sum)
{
    struct step_sum *kept = &s->sums[kind];

    kept->rounds++;
    kept->found += found;
    kept->possible += possible;
    *sum = *kept;
    if (kept->rounds < sums[kind].rounds)
        return false;
    *kept = (struct step_sum){.rounds = 0};
    return sum->found * sums[kind].share > sum->possible;
}
