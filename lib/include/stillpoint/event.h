/* Manual-reset event: one thread waits until another announces that something happened.
 *
 * => X; event_set(e) happens before Y where Y follows an event_wait(e), event_timedwait(e) or
 *    event_reset(e) that found the event set, even when it was already set.
 * => The usual waiter is: event_reset(e); test the condition; if it does not hold, event_wait(e);
 *    and round again. A wait that returns is a reason to test the condition again, no proof that it
 *    holds.
 * => Any number of threads may set. Several may wait, but only a waiter should reset.
 * => A waiter may destroy the event, and free its memory, as soon as its wait has returned.
 *
 * On Linux the event is a futex with three states: set, free, and busy (free, with a sleeper). A
 * build with PORTABLE=1 uses a mutex and a condition variable. Never fails.
 */
#ifndef STILLPOINT_EVENT_H
#define STILLPOINT_EVENT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct event {
#ifdef STILLPOINT_PORTABLE
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool set;
#else
    atomic_uint state;
#endif
};

void event_init(struct event *e, bool set);
void event_destroy(struct event *e);
/* Wakes the waiters. Does not block; one atomic exchange when nobody sleeps. True when somebody
 * slept, or slept until its time ran out, since the last set; false may be wrong in a build with
 * PORTABLE=1. */
bool event_set(struct event *e);
void event_reset(struct event *e);
/* Blocks until the event is set; leaves it set. */
void event_wait(struct event *e);
/* The same for at most timeout_ns nanoseconds; false when the time ran out first. */
bool event_timedwait(struct event *e, int64_t timeout_ns);

#endif
