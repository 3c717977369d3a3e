/* Manual-reset event: one thread waits until another announces that something happened.
 *
 * => X; manual_event_set(e) happens before Y where Y follows a wait or manual_event_reset(e) that
 *    found the event set, even when it was already set.
 * => The usual waiter is: manual_event_reset(e); test the condition; if it does not hold,
 *    manual_event_wait(e); and round again. A wait that returns is a reason to test the condition
 *    again, no proof that it holds.
 * => Any number of threads may set. Several may wait, but only a waiter should reset.
 * => A waiter may destroy the event, and free its memory, as soon as its wait has returned.
 *
 * On Linux the event is a futex with three states: set, free, and busy (free, with a sleeper). A
 * build with PORTABLE=1 uses a mutex and a condition variable. Never fails.
 */
#ifndef STILLPOINT_EVENT_H
#define STILLPOINT_EVENT_H

#include <stillpoint/language.h>

#include <pthread.h>
#include <stdint.h>

STILLPOINT_BEGIN

struct manual_event {
#ifdef STILLPOINT_PORTABLE
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool set;
#else
    stillpoint_atomic(unsigned) state;
#endif
};

void manual_event_init(struct manual_event *e, bool set);
void manual_event_destroy(struct manual_event *e);
/* Wakes the waiters. Does not block; one atomic exchange when nobody sleeps. True when somebody
 * slept, or slept until its time ran out, since the last set; false may be wrong in a build with
 * PORTABLE=1. */
bool manual_event_set(struct manual_event *e);
void manual_event_reset(struct manual_event *e);
/* Blocks until the event is set; leaves it set. */
void manual_event_wait(struct manual_event *e);
/* The same for at most timeout_ns nanoseconds; false when the time ran out first. */
bool manual_event_timedwait(struct manual_event *e, int64_t timeout_ns);

STILLPOINT_END

#endif
