/* Whether a thread that waits for its turn is passed over.
 *
 * Who asked first the code under test alone knows, as a shared count of requests would fence for
 * it. But a thread that sleeps in its request has made it, or is about to: so one that stays in one
 * sleep of one request while many more have their turn than there are threads was passed over.
 * That is by steps, and not by the clock: who has been woken does not sleep, though it have no CPU.
 */
#ifndef STILLPOINT_OVERTAKEN_H
#define STILLPOINT_OVERTAKEN_H

#include "torture/record/cpu_wait.h"
#include "torture/runner/thread.h"

#include <unistd.h>

/* A thread's requests of one kind; written by itself. */
struct request_line {
    _Alignas(64) atomic_ulong value; /* odd while it asks */
};

/* As it begins to ask, and when it has what it asked for.
 * Relaxed: the one that asks is found asleep, or not at all. */
static inline void request_line_turn(struct request_line *r)
{
    atomic_store_explicit(&r->value, atomic_load_explicit(&r->value, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

static inline bool request_line_asks(struct request_line *r, unsigned long *request)
{
    *request = atomic_load_explicit(&r->value, memory_order_relaxed);
    return *request % 2 == 1;
}

static inline struct cpu_sleep overtaken_sleep_of(const struct torture_thread *t)
{
    return cpu_sleep_of(getpid(), atomic_load_explicit(&t->shared->tid, memory_order_relaxed));
}

/* What is known of one thread, by those whose turn it is. */
struct overtaken_note {
    unsigned long request, turn;
    struct cpu_sleep sleep;
};

/* The thread may have been woken and about to sleep again at one of two looks, which does not show:
 * so twice the number of threads. */
static inline unsigned long overtaken_limit(const struct instance *in)
{
    return 2 * in->thread_count;
}

/* By whose turn it is, number `turn` of all: how many turns others have had since `other` was seen
 * in the sleep in which it still is; 0: in none. */
static inline unsigned long overtaken_by(struct overtaken_note *note, struct torture_thread *other,
                                         struct request_line *requests, unsigned long turn)
{
    unsigned long request;
    struct cpu_sleep now = {.asleep = false};

    if (request_line_asks(requests, &request))
        now = overtaken_sleep_of(other);
    if (request == note->request && cpu_sleep_lasts(note->sleep, now))
        return turn - note->turn;
    *note = (struct overtaken_note){.request = request, .turn = turn, .sleep = now};
    return 0;
}

#endif
