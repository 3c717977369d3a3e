#include "callback_queue.h"

#include "sync/platform.h"

struct callback_queue callback_queue;

static struct rcu_head dummy;
/* Linked as an atomic, since the consumer may load it while a producer stores it. */
#define next_of(head) ((_Atomic(struct rcu_head *) *)&(head)->next)

void callback_queue_init(void)
{
    struct callback_queue *q = &callback_queue;

    atomic_store_explicit(next_of(&dummy), NULL, memory_order_relaxed);
    atomic_store_explicit(&q->tail, &dummy, memory_order_relaxed);
    q->head = &dummy;
    q->dummy_queued = true;
    atomic_store_explicit(&q->asleep, false, memory_order_relaxed);
    manual_event_init(&q->more, false);
}

struct queue_after_fork callback_queue_after_fork(bool (*is_kept)(struct rcu_head *node),
                                                  bool in_callback)
{
    struct callback_queue *q = &callback_queue;
    unsigned long begun = in_callback ? 0 : q->ran - q->finished, linked = 0, unlinked;
    struct rcu_head *node, *next, *end = NULL, *last = NULL, *first = NULL, *tail;
    struct queue_after_fork after = {.pending = 0};

    for (node = q->head; node; node = next) {
        next = atomic_load_explicit(next_of(node), memory_order_relaxed);
        end = node;
        if (node == &dummy)
            continue;
        linked++;
        if (!is_kept(node))
            continue;
        if (last)
            atomic_store_explicit(next_of(last), node, memory_order_relaxed);
        else
            first = node;
        last = node;
        after.pending++;
    }
    /* The first that is not linked is not counted yet; one that is linked may not be either. */
    tail = atomic_load_explicit(&q->tail, memory_order_relaxed);
    unlinked = atomic_load_explicit(&q->queued, memory_order_relaxed) - q->ran - linked;
    after.lost = begun + ((long)unlinked > 0 ? unlinked : 0) + (tail != end && tail != &dummy);

    callback_queue_init();
    if (last) {
        atomic_store_explicit(next_of(&dummy), first, memory_order_relaxed);
        atomic_store_explicit(next_of(last), NULL, memory_order_relaxed);
        atomic_store_explicit(&q->tail, last, memory_order_relaxed);
    }
    q->ran = q->finished;
    atomic_store_explicit(&q->returned, q->ran, memory_order_relaxed);
    atomic_store_explicit(&q->queued, q->ran + after.pending, memory_order_relaxed);
    return after;
}

struct counts {
    unsigned long queued, returned;
};

/* As they were at one moment: what returns while they are loaded would be counted as pending. */
static struct counts counts_now(void)
{
    struct callback_queue *q = &callback_queue;
    unsigned long again = atomic_load_explicit(&q->returned, memory_order_relaxed);
    struct counts c;

    do {
        c.returned = again;
        /* Orders: LOAD callback_queue.returned (relaxed) -> LOAD callback_queue.queued -> LOAD
         * callback_queue.returned (relaxed), the next one.
         * Pairs with: callback_queue_give_back(), LOAD callback_queue.queued -> STORE
         * callback_queue.returned (release).
         * Broken: fewer than none are pending, or more than ever were. */
        atomic_thread_fence(memory_order_acquire);
        c.queued = atomic_load_explicit(&q->queued, memory_order_acquire);
        again = atomic_load_explicit(&q->returned, memory_order_relaxed);
    } while (again != c.returned);
    return c;
}

unsigned long callback_queue_pending(void)
{
    struct counts c = counts_now();

    return c.queued - c.returned;
}

/* By the consumer, and by who looks: what one has told the other must not take back. */
static void raise_peak(unsigned long pending)
{
    atomic_ulong *peak = &callback_queue.peak;
    unsigned long before = atomic_load_explicit(peak, memory_order_relaxed);

    while (pending > before &&
           !atomic_compare_exchange_weak_explicit(peak, &before, pending, memory_order_relaxed,
                                                  memory_order_relaxed))
        ;
}

void callback_queue_stats(struct rcu_stats *stats)
{
    struct counts c = counts_now();

    raise_peak(c.queued - c.returned);
    stats->callbacks_invoked = c.returned;
    stats->callbacks_queued = c.queued;
    stats->callbacks_peak = atomic_load_explicit(&callback_queue.peak, memory_order_relaxed);
}

static void append(struct rcu_head *node)
{
    struct rcu_head *before;

    atomic_store_explicit(next_of(node), NULL, memory_order_relaxed);
    /* Orders: STORE p, STORE next_of(node) (relaxed) -> STORE callback_queue.tail (acq_rel), a
     * producer's; LOAD callback_queue.tail (acq_rel) -> STORE next_of(before) (release) below and
     * RMW callback_queue.queued (seq_cst) in callback_queue_add(), those of the next.
     * Pairs with: append(), STORE callback_queue.tail (acq_rel); callback_queue_count(), LOAD
     * callback_queue.queued (acquire).
     * Broken: the count of one producer lets the callback of a slower one run, without a grace
     * period after that one's STORE p; or the NULL of one erases the link of the next. Not on
     * x86. */
    before = atomic_exchange_explicit(&callback_queue.tail, node, memory_order_acq_rel);
    /* Orders: STORE node->callback -> STORE next_of(before) (release).
     * Pairs with: linked_to(), LOAD next_of(node) (acquire) -> LOAD node->callback.
     * Broken: the consumer calls through a stale pointer. */
    atomic_store_explicit(next_of(before), node, memory_order_release);
}

unsigned long callback_queue_add(struct rcu_head *node)
{
    struct callback_queue *q = &callback_queue;
    unsigned long queued, returned;

    append(node);
    /* Orders: STORE p -> RMW callback_queue.queued (seq_cst).
     * Pairs with: callback_queue_count(), LOAD callback_queue.queued (acquire) -> rcu_goal(), LOAD
     * rcu_sequence (relaxed).
     * Broken: the grace period begins before p is visible, and the callback frees *p early. Not on
     * x86. */
    queued = atomic_fetch_add(&q->queued, 1) + 1;
    /* Orders: RMW callback_queue.queued (seq_cst) -> LOAD callback_queue.asleep (seq_cst), EXCHANGE
     * callback_queue.asleep (seq_cst).
     * Pairs with: callback_queue_sleep(), STORE callback_queue.asleep (seq_cst) -> LOAD
     * callback_queue.queued (seq_cst).
     * Broken: the consumer misses the callback and the producer the sleeper, so that the callback
     * waits for the next one. On x86 too. */
    if (atomic_load(&q->asleep) && atomic_exchange(&q->asleep, false))
        manual_event_set(&q->more);
    returned = atomic_load_explicit(&q->returned, memory_order_relaxed);
    return (long)(queued - returned) > 0 ? queued - returned : 0; /* it may have run by now */
}

void callback_queue_wake(void)
{
    manual_event_set(&callback_queue.more);
}

/* --- The consumer's --- */

unsigned long callback_queue_count(void)
{
    /* Orders: LOAD callback_queue.queued (acquire) -> LOAD rcu_sequence in rcu_goal(), and so the
     * grace period.
     * Pairs with: callback_queue_add(), STORE p -> RMW callback_queue.queued (seq_cst).
     * Broken: the grace period begins before p is visible, and the callback frees *p early. */
    return atomic_load_explicit(&callback_queue.queued, memory_order_acquire) -
           atomic_load_explicit(&callback_queue.returned, memory_order_relaxed);
}

void callback_queue_about_to_sleep(void)
{
    manual_event_reset(&callback_queue.more);
    /* Orders: LOAD callback_queue.queued (acquire) -> LOAD next_of(node) in linked_to().
     * Pairs with: append(), STORE next_of(before) -> callback_queue_add(), RMW
     * callback_queue.queued (seq_cst).
     * Broken: the consumer sleeps on a producer that has linked its node, and counted it,
     * before. */
    callback_queue.seen = atomic_load_explicit(&callback_queue.queued, memory_order_acquire);
}

void callback_queue_sleep(void)
{
    struct callback_queue *q = &callback_queue;

    /* Orders: STORE callback_queue.asleep (seq_cst) -> LOAD callback_queue.queued (seq_cst).
     * Pairs with: callback_queue_add(), RMW callback_queue.queued (seq_cst) -> LOAD
     * callback_queue.asleep (seq_cst).
     * Broken: the consumer misses the callback and the producer the sleeper, so that the callback
     * waits for the next one. On x86 too. */
    atomic_store(&q->asleep, true);
    if (atomic_load(&q->queued) == q->seen)
        manual_event_wait(&q->more);
    atomic_store_explicit(&q->asleep, false, memory_order_relaxed);
}

void callback_queue_linger(int64_t ns)
{
    manual_event_timedwait(&callback_queue.more, ns);
}

/* The node after this one; NULL: none is linked yet. */
static struct rcu_head *linked_to(struct rcu_head *node)
{
    /* Orders: LOAD next_of(node) (acquire) -> LOAD node->callback, of the next node.
     * Pairs with: append(), STORE node->callback -> STORE next_of(before) (release).
     * Broken: the consumer calls through a stale pointer. */
    return atomic_load_explicit(next_of(node), memory_order_acquire);
}

/* All that is linked was taken, though not all that was counted: a producer is about to link the
 * next. */
static struct rcu_head *wait_for_link(struct rcu_head *node)
{
    struct rcu_head *next;

    for (;;) {
        callback_queue_about_to_sleep();
        next = linked_to(node);
        if (next)
            return next;
        callback_queue_sleep();
    }
}

struct rcu_head *callback_queue_take(void)
{
    struct callback_queue *q = &callback_queue;

    for (;;) {
        struct rcu_head *node = q->head, *next = linked_to(node);

        if (!next && !q->dummy_queued) {
            /* The last node is handed out only with another one behind it. */
            q->dummy_queued = true;
            append(&dummy);
            continue;
        }
        q->head = next ? next : wait_for_link(node);
        if (node != &dummy) {
            q->ran++;
            return node;
        }
        q->dummy_queued = false;
    }
}

void callback_queue_finish(void)
{
    callback_queue.finished = callback_queue.ran;
}

void callback_queue_give_back(void)
{
    struct callback_queue *q = &callback_queue;

    raise_peak(atomic_load_explicit(&q->queued, memory_order_relaxed) -
               atomic_load_explicit(&q->returned, memory_order_relaxed));
    /* Orders: LOAD callback_queue.queued -> STORE callback_queue.returned (release).
     * Pairs with: counts_now(), LOAD callback_queue.returned (relaxed) -> LOAD
     * callback_queue.queued.
     * Broken: fewer than none are pending. */
    atomic_store_explicit(&q->returned, q->ran, memory_order_release);
}
