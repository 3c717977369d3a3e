/* The queue of callbacks: any thread adds to it without waiting, and one empties it.
 *
 * The queue is a list from `head` to `tail` that is never empty: the consumer appends a dummy
 * before it takes the last callback. A producer exchanges the tail and then links its node to the
 * one before; between the two the list is cut, and the consumer waits for the link. The count is
 * raised after linking; the consumer takes as many callbacks as it counted before the grace period,
 * so that none is run that was queued during it.
 *
 * What producers write is in one cache line and what the consumer writes in another, so that they
 * do not take it from one another for each callback: two counts that only grow, of what was queued
 * and of what has returned; the difference is pending. A producer sets an event only for a consumer
 * that has announced its sleep.
 *
 * Source of the queue: Vyukov, "Non-intrusive MPSC node-based queue"; with a count as in QEMU's
 * RCU.
 */
#ifndef STILLPOINT_RCU_CALLBACK_QUEUE_H
#define STILLPOINT_RCU_CALLBACK_QUEUE_H

#include "stillpoint/event.h"
#include "stillpoint/rcu.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct rcu_stats;

extern struct callback_queue {
    /* Producers'. */
    _Alignas(RCU_CACHE_LINE) _Atomic(struct rcu_head *) tail;
    atomic_ulong queued; /* linked */
    /* The consumer's, which producers load. */
    _Alignas(RCU_CACHE_LINE) atomic_ulong returned;
    atomic_bool asleep; /* or about to be; a producer that wakes it takes this back */
    /* Rarely stored to. */
    _Alignas(RCU_CACHE_LINE) struct manual_event more; /* a callback was linked */
    /* The consumer's own, but that statistics load `peak` and raise it. */
    _Alignas(RCU_CACHE_LINE) struct rcu_head *head;
    bool dummy_queued;
    unsigned long seen;     /* of `queued`, before it found nothing to do */
    unsigned long ran;      /* since the first: `returned`, and what was taken after that */
    unsigned long finished; /* of these, what has run to its end */
    atomic_ulong peak;
} callback_queue;

/* => Before any other call: an empty queue. */
void callback_queue_init(void);

struct queue_after_fork {
    unsigned long pending; /* in the queue */
    unsigned long lost;    /* the one that ran, and those that no link leads to */
};
/* => A forked child. What `head` leads to and is_kept() wants stays in the queue, in its order.
 *    What another thread was about to link is lost, with all behind it, and so is the callback that
 *    was running; but not when it runs in the child, as the calling thread is `in_callback`. */
struct queue_after_fork callback_queue_after_fork(bool (*is_kept)(struct rcu_head *node),
                                                  bool in_callback);

/* Adds a callback; never blocks. How many are pending then: while none returns, exactly one
 * producer is given each number. */
unsigned long callback_queue_add(struct rcu_head *node);
unsigned long callback_queue_pending(void);
/* The fields about what was queued, pending and invoked. */
void callback_queue_stats(struct rcu_stats *stats);
/* Ends the sleep of a consumer, or the next one. */
void callback_queue_wake(void);

/* The consumer's. What is counted was queued before, with everything that led to it. */
unsigned long callback_queue_count(void);
/* The next callback; one has been counted, so at worst its link is on the way. */
struct rcu_head *callback_queue_take(void);
/* What was taken last has run to its end. */
void callback_queue_finish(void);
/* What was taken has run, and is pending no more. */
void callback_queue_give_back(void);
/* Sleeps until more is queued than when it was about to sleep, or callback_queue_wake(): what is
 * waited for is tested between the two. */
void callback_queue_about_to_sleep(void);
void callback_queue_sleep(void);
/* In its place: lets callbacks come for so long, or until callback_queue_wake(). No producer has to
 * wake the consumer. */
void callback_queue_linger(int64_t ns);

#endif
