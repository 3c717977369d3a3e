/* Callbacks: the one thread that runs them, when it begins a grace period for them, and what it
 * makes of the callback lock, of bounds and of barriers. Their queue is in callback_queue.h. */
#include "callback.h"

#include "callback_queue.h"
#include "duty.h"
#include "force.h"
#include "grace_period.h"
#include "link.h"
#include "own_thread.h"
#include "parked.h"
#include "replay.h"
#include "settings.h"

#include "start.h"
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
/* While callbacks come in so fast, the thread lets them come for so long before it looks again. If
 * it took each as it came, producers would wait for a cache line with each, or wake it with each:
 * 180 ns in place of 25. */
#ifndef LINGER_NS
#define LINGER_NS (100 * 1000)
#endif

static struct {
    struct manual_event urgent; /* no more piling up */
    struct own_thread thread;
    atomic_bool forced;  /* force was asked for, for what is queued */
    atomic_int barriers; /* queued, and not run */
    atomic_ulong delayed, dropped, threads;
    atomic_bool inherited;             /* pending ones over a fork, and no thread runs them yet */
    unsigned forks;                    /* that this process is away from the program's first */
    struct rcu_callback_lock lock_set; /* by the program */
    /* The callback thread's. */
    bool busy;                     /* it was woken within LINGER_NS */
    bool last_barrier_ran;         /* of those that were queued: deterministic mode stops there */
    unsigned long unloads;         /* from the process, before the last batch */
    struct rcu_callback_lock lock; /* a copy, or what it took might be another when it unlocks */
} callbacks;

static STILLPOINT_THREAD_LOCAL bool in_callback;

static void forget_thread(void)
{
    own_thread_init(&callbacks.thread);
    manual_event_init(&callbacks.urgent, false);
    atomic_store_explicit(&callbacks.forced, false, memory_order_relaxed);
}

void rcu_callbacks_start(void)
{
    callback_queue_init();
    forget_thread();
}

bool rcu_in_callback(void)
{
    return in_callback;
}

void rcu_callback_stats(struct rcu_stats *stats)
{
    callback_queue_stats(stats);
    stats->callbacks_delayed = atomic_load_explicit(&callbacks.delayed, memory_order_relaxed);
    stats->callbacks_dropped = atomic_load_explicit(&callbacks.dropped, memory_order_relaxed);
    stats->callback_threads = atomic_load_explicit(&callbacks.threads, memory_order_relaxed);
}

void rcu_end_pile_up(void)
{
    manual_event_set(&callbacks.urgent);
}

/* A request to force names the next grace period, which may be one of somebody else's, and over
 * before this thread looks. */
void rcu_force_callbacks(void)
{
    if (callback_queue_pending() == 0)
        return;
    /* Orders: RMW callback_queue.queued (seq_cst) in callback_queue_add() -> STORE callbacks.forced
     * (release).
     * Pairs with: pile_up(), EXCHANGE callbacks.forced (acquire) -> callback_queue_count(), LOAD
     * callback_queue.queued (acquire).
     * Broken: the request is taken for a batch without the caller's callback, which piles up. Not
     * on x86. */
    atomic_store_explicit(&callbacks.forced, true, memory_order_release);
    rcu_end_pile_up();
}

void rcu_set_callback_lock(const struct rcu_callback_lock *lock)
{
    callbacks.lock_set = lock ? *lock : (struct rcu_callback_lock){.lock = NULL};
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
    struct rcu_callback_lock lock = callbacks.lock_set;

    if (in_callback || rcu_read_locked() || rcu_self()->online)
        return false;
    return !lock.lock || (lock.held && !lock.held(lock.data));
}

static void over_bound(unsigned long pending)
{
    unsigned long bound = tuned(callback_bound), times;

    if (pending == bound + 1) {
        rcu_wake_leader();
        rcu_end_pile_up();
        rcu_recount_callbacks();
    }
    times = bound > 0 ? pending / bound : 0;
    if (times < 2 || !may_delay())
        return;
    atomic_fetch_add_explicit(&callbacks.delayed, 1, memory_order_relaxed);
    platform_nap(times < DELAY_MOST_NS / DELAY_NS ? (int64_t)times * DELAY_NS : DELAY_MOST_NS);
}

static void callback_thread(void);

static void start_thread(bool inherits)
{
    atomic_fetch_add_explicit(&callbacks.threads, 1, memory_order_relaxed);
    atomic_store_explicit(&callbacks.inherited, false, memory_order_relaxed);
    own_thread_start(&callbacks.thread, "rcu-callback", callback_thread, inherits);
}

static void start_inheriting(void)
{
    start_thread(true);
}

static void start_ordinary(void)
{
    start_thread(false);
}

void rcu_start_callback_thread(void)
{
    platform_call_once(&callbacks.thread.once, start_inheriting);
}

void rcu_run_inherited_callbacks(void)
{
    if (atomic_load_explicit(&callbacks.inherited, memory_order_relaxed))
        platform_call_once(&callbacks.thread.once, start_ordinary);
}

void call_rcu(struct rcu_head *head, void (*callback)(struct rcu_head *))
{
    unsigned long pending;

    platform_call_once(&callbacks.thread.once, start_ordinary);
    head->callback = callback;
    pending = callback_queue_add(head);
    if (pending == tuned(force_callbacks)) {
        rcu_wake_leader();
        rcu_end_pile_up();
    }
    if (rcu_over_callback_bound(pending))
        over_bound(pending);
}

static bool enough_to_start(unsigned long count)
{
    return tuned(gp_policy) != RCU_GP_EVENT || count >= tuned(force_callbacks) || rcu_draining() ||
           rcu_over_callback_bound(count) ||
           rcu_force_requested((atomic_load_explicit(&rcu_sequence, memory_order_relaxed) + 3) &
                               ~1UL);
}

/* For how long callbacks still pile up that do so since then: force_naps intervals in all. */
static int64_t pile_up_left_ns(int64_t begun_ns)
{
    int64_t limit, age = platform_now_ns() - begun_ns;

    if (__builtin_mul_overflow(tuned(poll_interval_ns), tuned(force_naps), &limit))
        limit = INT64_MAX;
    return limit - age;
}

/* Under the policy RCU_GP_EVENT: lets callbacks pile up, until it is time, there are enough, or a
 * grace period is requested to be forced. True: theirs is. */
static bool pile_up(void)
{
    int64_t begun_ns = platform_now_ns();

    for (;;) {
        int64_t left_ns;
        bool forced;

        /* First the event is reset, then the settings are loaded: later ones set it again. */
        manual_event_reset(&callbacks.urgent);
        left_ns = pile_up_left_ns(begun_ns);
        /* Orders: EXCHANGE callbacks.forced (acquire) -> LOAD callback_queue.queued (acquire) in
         * callback_queue_count().
         * Pairs with: callback_queue_add(), RMW callback_queue.queued (seq_cst) ->
         * rcu_force_callbacks(), STORE callbacks.forced (release).
         * Broken: the request is taken for a batch without its caller's callback, which piles up.
         * Not on x86. */
        forced = atomic_exchange_explicit(&callbacks.forced, false, memory_order_acquire);
        if (left_ns <= 0 || forced || enough_to_start(callback_queue_count()))
            return forced;
        duty_begin(&rcu_callbacks_duty, CALLBACKS_PILE_UP);
        manual_event_timedwait(&callbacks.urgent, left_ns);
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
    count = rcu_replay_next(callback_queue_count(), barrier, force);
    in_callback = false;
    return count;
}

static void sleep_for_callbacks(void)
{
    int64_t begun = platform_now_ns();

    callback_queue_sleep();
    callbacks.busy = platform_now_ns() - begun < LINGER_NS;
}

static bool worth_lingering(unsigned long count)
{
    return callbacks.busy && count < tuned(callback_batch) && !rcu_draining() &&
           !rcu_over_callback_bound(count) && !rcu_replaying();
}

/* => Callback thread, parked. Blocks until a grace period is worth while; returns how many
 *    callbacks it will cover. 0: the thread ends. */
static unsigned long wait_for_callbacks(bool *force)
{
    bool lingered = false;

    *force = false;
    for (;;) {
        unsigned long count;

        callback_queue_about_to_sleep();
        count = callback_queue_count();
        if (!lingered && worth_lingering(count)) {
            callback_queue_linger(LINGER_NS);
            lingered = true;
            continue;
        }
        if (count > 0 && rcu_replaying())
            count = next_of_replay(force);
        else if (count > 0)
            *force = pile_up();
        if (count > 0)
            return rcu_replaying() ? count : callback_queue_count();
        if (own_thread_ends(&callbacks.thread))
            return 0;
        sleep_for_callbacks();
    }
}

/* What a callback is to call may have been unloaded while it waited. A crash would be all that is
 * left of that, in a thread that nobody of the program's knows. */
static void check_loaded(struct rcu_head *node)
{
    if (!platform_is_mapped((uintptr_t)node->callback))
        rcu_misuse("a callback is to call what is no longer loaded: a plug-in was unloaded with "
                   "callbacks pending; call rcu_barrier() before dlclose()");
}

static void callback_lock(void)
{
    if (callbacks.lock.lock)
        callbacks.lock.lock(callbacks.lock.data);
}

static void callback_unlock(void)
{
    if (callbacks.lock.unlock)
        callbacks.lock.unlock(callbacks.lock.data);
}

/* Runs up to so many callbacks under the lock, and lets go of it in time; returns how many. */
static unsigned long invoke_batch(unsigned long most, int64_t hold_ns)
{
    unsigned forks = callbacks.forks;
    unsigned long count = 0, unloads;
    bool unloaded;
    int64_t end = INT64_MAX;

    duty_go_on(&rcu_callbacks_duty, CALLBACKS_WAIT_FOR_LOCK);
    callbacks.lock = callbacks.lock_set;
    callback_lock();
    if (callbacks.lock.lock && hold_ns > 0)
        end = platform_now_ns() + hold_ns;
    in_callback = true;
    duty_go_on(&rcu_callbacks_duty, CALLBACKS_RUN);
    callbacks.last_barrier_ran = false;
    unloads = platform_unloads();
    unloaded = unloads != callbacks.unloads;
    callbacks.unloads = unloads;
    do {
        struct rcu_head *node = callback_queue_take();

        if (unloaded)
            check_loaded(node);
        node->callback(node);
        callback_queue_finish();
        if (callbacks.forks != forks)
            rcu_misuse("a callback forked, and returned in the child; the child must exec or exit "
                       "inside the callback");
        if (atomic_load_explicit(&rcu_self()->counter, memory_order_relaxed) != 0)
            rcu_misuse(
                "a callback returned inside a read section, or online; the thread would wait "
                "for itself");
        count++;
        if (callbacks.last_barrier_ran && rcu_replaying())
            break;
    } while (count < most && (end == INT64_MAX || platform_now_ns() < end));
    in_callback = false;
    callback_unlock();
    callback_queue_give_back();
    return count;
}

static void callback_thread(void)
{
    rcu_register_thread();
    for (;;) {
        unsigned long count;
        bool force, replaying;

        rcu_park();
        duty_end(&rcu_callbacks_duty);
        count = wait_for_callbacks(&force);
        if (count == 0)
            break;
        duty_begin(&rcu_callbacks_duty, CALLBACKS_WAIT_FOR_GP);
        replaying = rcu_replaying();
        rcu_wait_for(rcu_goal(), force);
        if (replaying) {
            invoke_batch(count, 0);
            continue;
        }
        while (count > 0) {
            unsigned long most = tuned(callback_batch);

            count -= invoke_batch(count < most ? count : most, tuned(callback_hold_ns));
            if (count > 0 && callbacks.lock.lock)
                platform_nap(LOCK_PAUSE_NS);
        }
    }
    rcu_unregister_thread();
}

void rcu_recount_callbacks(void)
{
    callback_queue_wake();
}

struct barrier {
    struct rcu_head head;
    struct manual_event reached;
};

bool rcu_barrier_queued(void)
{
    /* Orders: LOAD callbacks.barriers (acquire) -> LOAD callback_queue.queued (acquire) in
     * callback_queue_count().
     * Pairs with: callback_queue_add(), RMW callback_queue.queued (seq_cst) -> rcu_barrier(), STORE
     * callbacks.barriers (release).
     * Broken: a batch is cut short for a barrier whose callback it does not have, so that batches
     * depend on timing. */
    return atomic_load_explicit(&callbacks.barriers, memory_order_acquire) > 0;
}

static void barrier_reached(struct rcu_head *head)
{
    if (atomic_fetch_sub_explicit(&callbacks.barriers, 1, memory_order_relaxed) == 1)
        callbacks.last_barrier_ran = true;
    callback_queue_give_back(); /* what the caller counts then is exact */
    manual_event_set(&container_of(head, struct barrier, head)->reached);
}

/* A barrier's caller is not in the child, and its stack may be another thread's soon. */
static bool is_kept_over_fork(struct rcu_head *head)
{
    if (head->callback == barrier_reached)
        return false;
    if (!tuned(drop_at_fork))
        return true;
    atomic_fetch_add_explicit(&callbacks.dropped, 1, memory_order_relaxed);
    return false;
}

void rcu_callbacks_after_fork(void)
{
    struct queue_after_fork after;

    atomic_store_explicit(&callbacks.dropped, 0, memory_order_relaxed);
    after = callback_queue_after_fork(is_kept_over_fork, in_callback);
    atomic_fetch_add_explicit(&callbacks.dropped, after.lost, memory_order_relaxed);
    forget_thread();
    duty_end(&rcu_callbacks_duty);
    atomic_store_explicit(&callbacks.inherited, after.pending > 0, memory_order_relaxed);
    atomic_store_explicit(&callbacks.threads, 0, memory_order_relaxed);
    atomic_store_explicit(&callbacks.barriers, 0, memory_order_relaxed);
    callbacks.forks++;
}

void rcu_barrier(void)
{
    struct rcu_callback_lock lock = callbacks.lock_set;
    struct barrier barrier;
    bool held, online;

    rcu_check_may_wait(
        "rcu_barrier() or drain_call_rcu() inside a read section would wait for itself; "
        "leave the section first");
    if (in_callback)
        rcu_misuse("rcu_barrier() or drain_call_rcu() inside a callback would wait for itself");
    held = lock.held && lock.held(lock.data);
    if (held)
        lock.unlock(lock.data);
    manual_event_init(&barrier.reached, false);
    online = rcu_parked_begin();
    rcu_drain_begin();
    call_rcu(&barrier.head, barrier_reached);
    /* Orders: RMW callback_queue.queued (seq_cst) in callback_queue_add() -> STORE
     * callbacks.barriers (release).
     * Pairs with: rcu_barrier_queued(), LOAD callbacks.barriers (acquire) ->
     * callback_queue_count(), LOAD callback_queue.queued (acquire).
     * Broken: a batch is cut short for a barrier whose callback it does not have, and what
     * callbacks queue until then is in front of it. */
    atomic_fetch_add_explicit(&callbacks.barriers, 1, memory_order_release);
    rcu_wake_leader();
    rcu_end_pile_up();
    rcu_recount_callbacks();
    manual_event_wait(&barrier.reached);
    rcu_drain_end();
    manual_event_destroy(&barrier.reached);
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

void rcu_callbacks_shutdown(void)
{
    /* As often as it takes: callbacks may queue others. */
    while (callback_queue_pending() > 0)
        rcu_barrier();
    own_thread_end(&callbacks.thread, callback_queue_wake);
}
