/* rcu-callback: floods. A flooder queues callbacks as fast as it can and never waits by itself, so
 * that only the flavor can slow it down; then it waits until the flood has drained.
 *
 * It beats only when a callback of its own has run. A flavor that neither runs them nor forces the
 * readers in the way is a stall, however busily the flooder queues.
 */
#include "rcu_callback.h"
#include "torture/runner/violation.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* In the flavor's callback thread. */
static void flood_invoked(flavor_head *head)
{
    struct drop *drop = (struct drop *)((char *)head - offsetof(struct drop, head));
    struct flooder *f = drop->flooder;
    const struct callback_params *p = f->thread->instance->params;
    struct callback_state *state = f->thread->instance->state;
    uint64_t expected = atomic_load_explicit(&f->invoked, memory_order_relaxed);

    if (drop->sequence != expected)
        torture_violation(f->thread->instance, f->thread, CALLBACK_LEDGER,
                          "Callback %lu of flooder %u ran when %lu was next: lost, doubled or out "
                          "of order.",
                          (unsigned long)drop->sequence, f->thread->index, (unsigned long)expected);
    if (p->big_lock && !big_lock_held(state->big_lock))
        torture_violation(f->thread->instance, f->thread, CALLBACK_LEDGER,
                          "Callback %lu of flooder %u ran without the big lock.",
                          (unsigned long)drop->sequence, f->thread->index);
    /* Orders: accesses of the callback -> STORE f->invoked.
     * Pairs with: still_pending(), LOAD f->invoked (acquire).
     * Broken: a flood counts as drained, and its flooder ends, beside a callback that still uses
     * them. */
    atomic_store_explicit(&f->invoked, drop->sequence + 1, memory_order_release);
    free(drop);
}

static uint64_t queued(struct flooder *f)
{
    return atomic_load_explicit(&f->queued, memory_order_relaxed);
}

static bool flood_one(struct torture_thread *t, struct flooder *f)
{
    struct drop *drop = malloc(sizeof *drop);
    uint64_t begun;

    if (!drop)
        return false;
    drop->flooder = f;
    drop->sequence = queued(f);
    atomic_store_explicit(&f->queued, drop->sequence + 1, memory_order_relaxed);
    begun = clock_ticks();
    flavor_call(&drop->head, flood_invoked);
    torture_measure(t, QUEUE_TIME, clock_ticks_to_ns(clock_ticks() - begun));
    return true;
}

/* How many are on their way; beats when some have run since the last call. */
static uint64_t still_pending(struct torture_thread *t, struct flooder *f, uint64_t *seen)
{
    /* Orders: LOAD f->invoked -> what the flooder does when its flood has drained.
     * Pairs with: flood_invoked(), STORE f->invoked (release).
     * Broken: the flooder ends beside a callback that still uses it. */
    uint64_t ran = atomic_load_explicit(&f->invoked, memory_order_acquire);

    if (ran != *seen)
        torture_beat(t);
    *seen = ran;
    return queued(f) - ran;
}

void callback_flooder(struct torture_thread *t)
{
    const struct callback_params *p = t->instance->params;
    struct callback_state *state = t->instance->state;
    struct flooder *f = &state->flooders[t->index];

    flavor_register_thread();
    while (torture_running(t)) {
        uint64_t first = queued(f), seen = first;
        int64_t ended;

        torture_note(t, NOTE_FLOOD, (unsigned long)first, 0);
        while (torture_running(t) && queued(f) - first < (uint64_t)p->flood_calls &&
               still_pending(t, f, &seen) < (uint64_t)p->flood_max)
            if (!flood_one(t, f))
                break;
        torture_note(t, NOTE_FLOOD_END, (unsigned long)(queued(f) - first),
                     (unsigned long)still_pending(t, f, &seen));
        ended = clock_monotonic_ns();
        while (still_pending(t, f, &seen) > 0)
            shared_wait(&t->header->stop, torture_running(t) ? 0 : 1, 200 * 1000);
        torture_measure(t, DRAIN_TIME, (uint64_t)(clock_monotonic_ns() - ended));
        torture_count(t, FLOODED, queued(f) - first);
        torture_count(t, CHECKS, queued(f) - first);
        torture_count(t, FLOODS_DRAINED, 1);
        torture_beat(t);
        torture_sleep(t, random_below(&t->random, 2 * (uint64_t)p->flood_pause_ns + 1));
    }
    flavor_unregister_thread();
}

/* --- What it takes --- */

/* Bytes; 0: it cannot be read. */
static uint64_t rss_of(int statm)
{
    char text[128];
    ssize_t length = pread(statm, text, sizeof text - 1, 0);
    unsigned long size, resident;

    text[length > 0 ? length : 0] = '\0';
    if (sscanf(text, "%lu %lu", &size, &resident) != 2)
        return 0;
    return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t held_back(struct callback_state *state)
{
    uint64_t drops = 0;

    for (size_t i = 0; i < state->flooder_count; i++) {
        struct flooder *f = &state->flooders[i];
        /* Orders: LOAD f->invoked (acquire) -> LOAD f->queued.
         * Pairs with: flood_one(), STORE f->queued -> flood_invoked(), STORE f->invoked (release).
         * Broken: more seem to have run than were queued, and a huge number is held back. */
        uint64_t ran = atomic_load_explicit(&f->invoked, memory_order_acquire);

        drops += queued(f) - ran;
    }
    return drops * sizeof(struct drop);
}

void callback_sampler(struct torture_thread *t)
{
    struct callback_state *state = t->instance->state;
    int statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);

    if (statm < 0)
        torture_give_up("/proc/self/statm cannot be read: %s; set \"samplers\" to 0",
                        strerror(errno));
    while (torture_running(t)) {
        torture_measure(t, HELD_BACK, held_back(state));
        torture_measure(t, RSS, rss_of(statm));
        torture_beat(t);
        torture_sleep(t, 1000 * 1000);
    }
    close(statm);
}
