/* Callbacks: a queue that any thread adds to without waiting, and the one thread that empties it.
 *
 * The queue is a list from `head` to `tail` that is never empty: the consumer appends a dummy
 * before it takes the last callback. A producer exchanges the tail and then links its node to the
 * one before; between the two the list is cut, and the consumer waits for the link. The count is
 * raised after linking; the consumer takes as many callbacks as it counted before the grace period,
 * so that none is run that was queued during it.
 *
 * Source of the queue: Vyukov, "Non-intrusive MPSC node-based queue"; with a count as in QEMU's
 * RCU.
 */
#include "callback.h"

#include "force.h"
#include "grace_period.h"
#include "link.h"
#include "parked.h"
#include "replay.h"
#include "settings.h"

#include "stillpoint/event.h"
#include "stillpoint/rcu.h"
#include "sync/platform.h"

/* How long a caller beyond the bound is delayed: so long for each multiple of the bound that is
 * pending, and at most. */
#define DELAY_NS      (100 * 1000)
#define DELAY_MOST_NS (10 * 1000 * 1000)
/* Between two batches, so that a thread that waits for the callback lock is woken before we take it
 * again: a wake-up takes 30 to 50 us. (Yielding the CPU instead costs a whole slice of the
 * scheduler's where other threads are busy.) */
#define LOCK_PAUSE_NS (50 * 1000)

static struct rcu_head dummy;
/* Linked as an atomic, since the consumer may load it while a producer stores it. */
#define next_of(head) ((_Atomic(struct rcu_head *) *)&(head)->next)

static struct {
    _Atomic(struct rcu_head *) tail;
    atomic_ulong pending; /* linked, not yet returned */
    atomic_ulong peak, invoked, delayed, dropped, threads;
    struct event queued; /* a callback was linked */
    struct event urgent; /* no more piling up */
    platform_once once;
    unsigned forks;                    /* that this process is away from the program's first */
    struct rcu_callback_lock lock_set; /* by the program */
    struct rcu_head *head;             /* this and what follows: the callback thread's */
    bool dummy_queued;
    bool last_barrier_ran;         /* of those that are queued: deterministic mode stops there */
    atomic_int barriers;           /* queued, and not run */
    struct rcu_callback_lock lock; /* a copy, or what it took might be another when it unlocks */
} queue;

static STILLPOINT_THREAD_LOCAL bool in_callback;

static void __attribute__((constructor(102))) queue_init(void)
{
    static const platform_once once = PLATFORM_ONCE_INITIALIZER;

    atomic_store_explicit(next_of(&dummy), NULL, memory_order_relaxed);
    atomic_store_explicit(&queue.tail, &dummy, memory_order_relaxed);
    queue.head = &dummy;
    queue.dummy_queued = true;
    queue.once = once;
    event_init(&queue.queued, false);
    event_init(&queue.urgent, false);
}

unsigned long rcu_callbacks_pending(void)
{
    return atomic_load_explicit(&queue.pending, memory_order_relaxed);
}

bool rcu_in_callback(void)
{
    return in_callback;
}

void rcu_callback_stats(struct rcu_stats *stats)
{
    stats->callbacks_invoked = atomic_load_explicit(&queue.invoked, memory_order_relaxed);
    stats->callbacks_queued = stats->callbacks_invoked + rcu_callbacks_pending();
    stats->callbacks_peak = atomic_load_explicit(&queue.peak, memory_order_relaxed);
    stats->callbacks_delayed = atomic_load_explicit(&queue.delayed, memory_order_relaxed);
    stats->callbacks_dropped = atomic_load_explicit(&queue.dropped, memory_order_relaxed);
    stats->callback_threads = atomic_load_explicit(&queue.threads, memory_order_relaxed);
}

void rcu_end_pile_up(void)
{
    event_set(&queue.urgent);
}

void rcu_callbacks_after_fork(void)
{
    unsigned long pending = rcu_callbacks_pending();

    queue_init();
    atomic_store_explicit(&queue.pending, 0, memory_order_relaxed);
    atomic_store_explicit(&queue.dropped, pending, memory_order_relaxed);
    atomic_store_explicit(&queue.threads, 0, memory_order_relaxed);
    atomic_store_explicit(&queue.barriers, 0, memory_order_relaxed);
    queue.forks++;
}

void rcu_set_callback_lock(const struct rcu_callback_lock *lock)
{
    queue.lock_set = lock ? *lock : (struct rcu_callback_lock){.lock = NULL};
}

static void append(struct rcu_head *node)
{
    struct rcu_head *before;

    atomic_store_explicit(next_of(node), NULL, memory_order_relaxed);
    /* Orders: STORE p, STORE next_of(node) (relaxed) -> STORE queue.tail (acq_rel), a producer's;
     * LOAD queue.tail (acq_rel) -> STORE next_of(before) (release) below and STORE queue.pending
     * (release) in call_rcu(), those of the next.
     * Pairs with: append(), STORE queue.tail (acq_rel); count_callbacks(), LOAD queue.pending
     * (acquire).
     * Broken: the count of one producer lets the callback of a slower one run, without a grace
     * period after that one's STORE p; or the NULL of one erases the link of the next. Not on
     * x86. */
    before = atomic_exchange_explicit(&queue.tail, node, memory_order_acq_rel);
    /* Orders: STORE node->callback -> STORE next_of(before) (release).
     * Pairs with: take(), LOAD next_of(node) (acquire) -> LOAD node->callback.
     * Broken: the consumer calls through a stale pointer. */
    atomic_store_explicit(next_of(before), node, memory_order_release);
}

bool rcu_over_callback_bound(unsigned long pending)
{
    unsigned long bound = tuned(callback_bound);

    return bound > 0 && pending > bound;
}

/* Whether the caller of call_rcu() may be made to wait: not where its waiting holds up the very
 * callbacks that it waits for. */
static bool may_delay(void)
{
    struct rcu_callback_lock lock = queue.lock_set;

    if (in_callback || rcu_read_locked() || rcu_reader.online)
        return false;
    return !lock.lock || (lock.held && !lock.held(lock.data));
}

static void over_bound(unsigned long pending)
{
    unsigned long bound = tuned(callback_bound), times;

    if (pending == bound + 1) {
        rcu_wake_leader();
        rcu_end_pile_up();
    }
    times = bound > 0 ? pending / bound : 0;
    if (times < 2 || !may_delay())
        return;
    atomic_fetch_add_explicit(&queue.delayed, 1, memory_order_relaxed);
    platform_nap(times < DELAY_MOST_NS / DELAY_NS ? (int64_t)times * DELAY_NS : DELAY_MOST_NS);
}

void call_rcu(struct rcu_head *head, void (*callback)(struct rcu_head *))
{
    unsigned long pending, peak;

    rcu_start_callback_thread();
    head->callback = callback;
    append(head);
    /* Orders: STORE p -> STORE queue.pending (release).
     * Pairs with: count_callbacks(), LOAD queue.pending (acquire) -> rcu_goal(), LOAD rcu_sequence
     * (relaxed).
     * Broken: the grace period begins before p is visible, and the callback frees *p early. Not on
     * x86. */
    pending = atomic_fetch_add_explicit(&queue.pending, 1, memory_order_release) + 1;
    peak = atomic_load_explicit(&queue.peak, memory_order_relaxed);
    while (pending > peak &&
           !atomic_compare_exchange_weak_explicit(&queue.peak, &peak, pending, memory_order_relaxed,
                                                  memory_order_relaxed))
        ;
    event_set(&queue.queued);
    if (pending == tuned(force_callbacks)) {
        rcu_wake_leader();
        rcu_end_pile_up();
    }
    if (rcu_over_callback_bound(pending))
        over_bound(pending);
}

static unsigned long count_callbacks(void)
{
    /* Orders: LOAD queue.pending (acquire) -> LOAD rcu_sequence in rcu_goal(), and so the grace
     * period.
     * Pairs with: call_rcu(), STORE p -> STORE queue.pending (release).
     * Broken: the grace period begins before p is visible, and the callback frees *p early. */
    return atomic_load_explicit(&queue.pending, memory_order_acquire);
}

static bool enough_to_start(unsigned long count)
{
    return tuned(gp_policy) != RCU_GP_EVENT || count >= tuned(force_callbacks) || rcu_draining() ||
           rcu_over_callback_bound(count) ||
           rcu_force_requested((atomic_load_explicit(&rcu_sequence, memory_order_relaxed) + 3) &
                               ~1UL);
}

/* Under the policy RCU_GP_EVENT: lets callbacks pile up for force_naps intervals, or until there
 * are enough or a grace period is requested to be forced. */
static void pile_up(void)
{
    int64_t now = platform_now_ns(), limit, end;

    if (__builtin_mul_overflow(tuned(poll_interval_ns), tuned(force_naps), &limit) ||
        __builtin_add_overflow(now, limit, &end))
        end = INT64_MAX;
    for (; now < end; now = platform_now_ns()) {
        event_reset(&queue.urgent);
        if (enough_to_start(count_callbacks()))
            return;
        event_timedwait(&queue.urgent, end - now);
    }
}

/* How many callbacks the program wants the next batch to have. Its hook counts as a callback: it
 * must not wait for the callbacks that wait for it. */
static unsigned long next_of_replay(bool *force)
{
    /* First the barrier, then the count that includes it. */
    bool barrier = rcu_barrier_queued();
    unsigned long count;

    in_callback = true;
    count = rcu_replay_next(count_callbacks(), barrier, force);
    in_callback = false;
    return count;
}

/* => Callback thread, parked. Blocks until a grace period is worth while; returns how many
 *    callbacks it will cover. */
static unsigned long wait_for_callbacks(bool *force)
{
    *force = false;
    for (;; event_wait(&queue.queued)) {
        unsigned long count;

        event_reset(&queue.queued);
        count = count_callbacks();
        if (count > 0 && rcu_replaying())
            count = next_of_replay(force);
        else if (count > 0)
            pile_up();
        if (count > 0)
            return rcu_replaying() ? count : count_callbacks();
    }
}

/* => Callback thread. The next callback; one has been counted, so at worst its link is on the
 *    way. */
static struct rcu_head *take(void)
{
    for (;;) {
        struct rcu_head *node = queue.head, *next;

        event_reset(&queue.queued);
        /* Orders: LOAD next_of(node) (acquire) -> LOAD node->callback, of the next node.
         * Pairs with: append(), STORE node->callback -> STORE next_of(before) (release).
         * Broken: the callback thread calls through a stale pointer. */
        next = atomic_load_explicit(next_of(node), memory_order_acquire);
        if (next) {
            queue.head = next;
            if (node != &dummy)
                return node;
            queue.dummy_queued = false;
        } else if (!queue.dummy_queued) {
            /* The last node is handed out only with another one behind it. */
            queue.dummy_queued = true;
            append(&dummy);
        } else {
            event_wait(&queue.queued); /* a producer is about to link its node */
        }
    }
}

static void callback_lock(void)
{
    if (queue.lock.lock)
        queue.lock.lock(queue.lock.data);
}

static void callback_unlock(void)
{
    if (queue.lock.unlock)
        queue.lock.unlock(queue.lock.data);
}

/* Runs up to so many callbacks under the lock, and lets go of it in time; returns how many. */
static unsigned long invoke_batch(unsigned long most, int64_t hold_ns)
{
    unsigned forks = queue.forks;
    unsigned long count = 0;
    int64_t end = INT64_MAX;

    queue.lock = queue.lock_set;
    callback_lock();
    if (queue.lock.lock && hold_ns > 0)
        end = platform_now_ns() + hold_ns;
    in_callback = true;
    queue.last_barrier_ran = false;
    do {
        struct rcu_head *node = take();

        node->callback(node);
        if (queue.forks != forks)
            rcu_misuse("a callback forked, and returned in the child; the child must exec or exit "
                       "inside the callback");
        if (atomic_load_explicit(&rcu_reader.counter, memory_order_relaxed) != 0)
            rcu_misuse(
                "a callback returned inside a read section, or online; the thread would wait "
                "for itself");
        count++;
        if (queue.last_barrier_ran && rcu_replaying())
            break;
    } while (count < most && (end == INT64_MAX || platform_now_ns() < end));
    in_callback = false;
    callback_unlock();
    atomic_fetch_sub_explicit(&queue.pending, count, memory_order_relaxed);
    atomic_store_explicit(&queue.invoked,
                          atomic_load_explicit(&queue.invoked, memory_order_relaxed) + count,
                          memory_order_relaxed);
    return count;
}

static void callback_thread(void)
{
    rcu_register_thread();
    for (;;) {
        unsigned long count;
        bool force, replaying;

        rcu_park();
        count = wait_for_callbacks(&force);
        replaying = rcu_replaying();
        rcu_wait_for(rcu_goal(), force);
        if (replaying) {
            invoke_batch(count, 0);
            continue;
        }
        while (count > 0) {
            unsigned long most = tuned(callback_batch);

            count -= invoke_batch(count < most ? count : most, tuned(callback_hold_ns));
            if (count > 0 && queue.lock.lock)
                platform_nap(LOCK_PAUSE_NS);
        }
    }
}

static void start_thread(void)
{
    atomic_fetch_add_explicit(&queue.threads, 1, memory_order_relaxed);
    platform_thread_start("rcu-callback", callback_thread);
}

void rcu_start_callback_thread(void)
{
    platform_call_once(&queue.once, start_thread);
}

void rcu_recount_callbacks(void)
{
    event_set(&queue.queued);
}

struct barrier {
    struct rcu_head head;
    struct event reached;
};

bool rcu_barrier_queued(void)
{
    /* Orders: LOAD queue.barriers (acquire) -> LOAD queue.pending (acquire) in count_callbacks().
     * Pairs with: call_rcu(), STORE queue.pending (release) -> rcu_barrier(), STORE queue.barriers
     * (release).
     * Broken: a batch is cut short for a barrier whose callback it does not have, so that batches
     * depend on timing. */
    return atomic_load_explicit(&queue.barriers, memory_order_acquire) > 0;
}

static void barrier_reached(struct rcu_head *head)
{
    if (atomic_fetch_sub_explicit(&queue.barriers, 1, memory_order_relaxed) == 1)
        queue.last_barrier_ran = true;
    event_set(&container_of(head, struct barrier, head)->reached);
}

void rcu_barrier(void)
{
    struct rcu_callback_lock lock = queue.lock_set;
    struct barrier barrier;
    bool held, online;

    rcu_check_may_wait(
        "rcu_barrier() or drain_call_rcu() inside a read section would wait for itself; "
        "leave the section first",
        "rcu_barrier() or drain_call_rcu() inside a callback would wait for itself");
    held = lock.held && lock.held(lock.data);
    if (held)
        lock.unlock(lock.data);
    event_init(&barrier.reached, false);
    online = rcu_parked_begin();
    rcu_drain_begin();
    call_rcu(&barrier.head, barrier_reached);
    /* Orders: STORE queue.pending (release) in call_rcu() -> STORE queue.barriers (release).
     * Pairs with: rcu_barrier_queued(), LOAD queue.barriers (acquire) -> count_callbacks(), LOAD
     * queue.pending (acquire).
     * Broken: a batch is cut short for a barrier whose callback it does not have, and what
     * callbacks queue until then is in front of it. */
    atomic_fetch_add_explicit(&queue.barriers, 1, memory_order_release);
    rcu_wake_leader();
    rcu_end_pile_up();
    rcu_recount_callbacks();
    event_wait(&barrier.reached);
    rcu_drain_end();
    event_destroy(&barrier.reached);
    /* First: an online thread that waits for the lock holds up a grace period that its holder may
     * wait for. */
    if (held)
        lock.lock(lock.data);
    rcu_parked_end(online);
}

void drain_call_rcu(void)
{
    rcu_barrier();
}
