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
#include "torture/workloads/cache_lines.h"

#include <stdlib.h>
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

/* Requests of one kind, and what is known of who makes them; by thread of the run. */
struct overtaken {
    struct request_line *requests;
    struct overtaken_note *notes; /* plain: one after the other has its turn */
};

static inline void overtaken_open(struct overtaken *o, const struct instance *in)
{
    o->requests = cache_lines(in->thread_count * sizeof *o->requests);
    o->notes = cache_lines(in->thread_count * sizeof *o->notes);
}

static inline void overtaken_close(struct overtaken *o)
{
    free(o->notes);
    free(o->requests);
}

/* How many turns others have had since that thread was seen in the sleep in which it still is; 0:
 * in none. */
static inline unsigned long overtaken_by(struct overtaken *o, const struct torture_thread *other,
                                         unsigned long turn)
{
    struct overtaken_note *note = &o->notes[other->id];
    struct cpu_sleep now = {.asleep = false};
    unsigned long request;

    if (request_line_asks(&o->requests[other->id], &request))
        now = overtaken_sleep_of(other);
    if (request == note->request && cpu_sleep_lasts(note->sleep, now))
        return turn - note->turn;
    *note = (struct overtaken_note){.request = request, .turn = turn, .sleep = now};
    return 0;
}

/* => By whose turn it is, number `turn` of all. From *i on: the next thread of the workload that
 *    was passed over, and in how many turns of others; NULL: there is none. `slept` counts those
 *    that sleep.
 * A thread may have been woken and about to sleep again at one of two looks, which does not show:
 * so it is twice the number of threads that is too many. */
static inline const struct torture_thread *overtaken_next(struct overtaken *o,
                                                          struct torture_thread *t,
                                                          unsigned long turn, unsigned slept,
                                                          size_t *i, unsigned long *passed)
{
    const struct instance *in = t->instance;

    while (*i < in->thread_count) {
        const struct torture_thread *other = &in->threads[(*i)++];
        struct overtaken_note *note = &o->notes[other->id];

        if (other->instance != in)
            continue;
        *passed = overtaken_by(o, other, turn);
        torture_count(t, slept, note->sleep.asleep);
        if (*passed <= 2 * in->thread_count)
            continue;
        note->sleep.asleep = false;
        return other;
    }
    return NULL;
}

#endif
