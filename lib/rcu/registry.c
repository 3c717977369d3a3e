/* The registry of threads: who may be in a read section, and who is asleep.
 *
 * A reader that is asleep is in none of the lists that leaders look at, so it costs grace periods
 * nothing. Its flag RCU_PARKED makes its next entry announce it:
 *
 *     reader (rcu_reader_entered)         leader
 *     counter = number                    callers have published
 *     see RCU_PARKED
 *     set the group's bit in `awake`
 *     full fence                          full fence (lead)
 *     clear RCU_PARKED                    look at `awake`
 *     read                                look at the lists
 *
 * Either the leader sees the bit, and with it the counter, or the reader sees what was published. A
 * signal handler that interrupts the announcement and reads repeats all of it; nothing is done
 * twice that may be done once only.
 *
 * A thread sets the flag itself when it registers, goes offline, or waits inside the library: what
 * it stored it sees, and the leader may take it off at once. For a reader that has been idle for
 * some grace periods the leader sets it, and takes it off only when the next heavy fence finds the
 * counter still at 0: an entry that was on its way without having seen the flag is visible then.
 */
#include "internal.h"

_Static_assert(sizeof(struct rcu_reader) == 2 * RCU_CACHE_LINE || sizeof(long) < 8,
               "a reader's own line and the registry's line");

STILLPOINT_THREAD_LOCAL struct rcu_reader rcu_reader;

struct registry rcu_registry;

static atomic_uint next_group;
static atomic_ulong exits_registered;

static void registry_init(void)
{
    platform_mutex_init(&rcu_registry.lock);
    platform_cond_init(&rcu_registry.entered);
    link_init(&rcu_registry.readers);
    link_init(&rcu_registry.pending);
    for (unsigned i = 0; i < RCU_GROUPS; i++) {
        platform_mutex_init(&rcu_registry.groups[i].lock);
        link_init(&rcu_registry.groups[i].readers);
    }
    rcu_registry.leader_waits = false;
    atomic_store_explicit(&rcu_registry.unparked, 0, memory_order_relaxed);
    atomic_store_explicit(&rcu_registry.wanting, 0, memory_order_relaxed);
}

/* After most of the thread's other destructors have had their chance to use RCU. */
static void thread_ends(void)
{
    struct rcu_reader *self = &rcu_reader;

    if (!self->registered)
        return;
    if (++self->exit_calls < PLATFORM_EXIT_CALLS) {
        platform_call_at_thread_exit();
        return;
    }
    atomic_fetch_add_explicit(&exits_registered, 1, memory_order_relaxed);
    if (rcu_read_locked()) {
#ifdef STILLPOINT_DEBUG
        rcu_misuse("a thread ended inside a read section; leave it with rcu_read_unlock() first");
#endif
        self->online = false;
        /* The outermost level; the unlock is the one that ends it. */
        atomic_store_explicit(&self->counter, 1, memory_order_relaxed);
        rcu_read_unlock();
    }
    rcu_unregister_thread();
}

static void __attribute__((constructor(102))) registry_start(void)
{
    registry_init();
    platform_at_thread_exit(thread_ends);
    rcu_fork_start();
}

void rcu_misuse(const char *what)
{
    platform_fail(what);
}

void rcu_registry_lead(void)
{
    platform_mutex_lock(&rcu_registry.lock);
    /* Once is enough: whoever comes in says so, and none of them waits for more than one turn of
     * the leader's. Each counts itself out with the lock held, so one of them is yet to come. */
    if (atomic_load_explicit(&rcu_registry.wanting, memory_order_relaxed) > 0) {
        rcu_registry.leader_waits = true;
        platform_cond_wait(&rcu_registry.entered, &rcu_registry.lock);
        rcu_registry.leader_waits = false;
    }
}

void rcu_registry_enter(void)
{
    atomic_fetch_add_explicit(&rcu_registry.wanting, 1, memory_order_relaxed);
    platform_mutex_lock(&rcu_registry.lock);
    atomic_fetch_sub_explicit(&rcu_registry.wanting, 1, memory_order_relaxed);
}

void rcu_registry_leave(void)
{
    if (rcu_registry.leader_waits)
        platform_cond_broadcast(&rcu_registry.entered);
    platform_mutex_unlock(&rcu_registry.lock);
}

static struct reader_group *group_of(const struct rcu_reader *r)
{
    return &rcu_registry.groups[r->group];
}

static void join_group(struct rcu_reader *r)
{
    platform_mutex_lock(&group_of(r)->lock);
    link_move(&r->link, &group_of(r)->readers);
    r->in_group = true;
    platform_mutex_unlock(&group_of(r)->lock);
}

void rcu_move_to_group(struct rcu_reader *r)
{
    r->proposed = false;
    r->outside_gps = 0;
    r->missed_spins = 0;
    join_group(r); /* from here on its thread may unregister and end */
    count_up(&rcu_counts.readers_parked);
}

/* => Registry lock. */
static void collect_group(struct reader_group *group)
{
    struct rcu_link *l, *after;

    platform_mutex_lock(&group->lock);
    list_for_each (l, after, &group->readers) {
        struct rcu_reader *r = reader_of(l);

        /* Acquire: a counter of 0 that was stored after the announcement comes with the flag
         * cleared.
         * Pairs with: the releases in rcu_read_unlock() and rcu_reader_entered(). Broken: a reader
         * that announced itself, left, and is on its way in again, stays asleep. */
        if (atomic_load_explicit(&r->counter, memory_order_acquire) == 0 &&
            (atomic_load_explicit(&r->attention, memory_order_relaxed) & RCU_PARKED))
            continue;
        link_move(l, &rcu_registry.readers);
        r->in_group = false;
        count_up(&rcu_counts.readers_unparked);
    }
    platform_mutex_unlock(&group->lock);
}

void rcu_collect_unparked(void)
{
    unsigned long unparked;

    /* Relaxed: the full fence in lead() came before. */
    if (atomic_load_explicit(&rcu_registry.unparked, memory_order_relaxed) == 0)
        return;
    /* Acquire: with the bit comes the reader's counter.
     * Pairs with: the bit set in rcu_reader_entered(). Broken: the reader is looked at, found
     * outside, and left asleep while it reads. */
    unparked = atomic_exchange_explicit(&rcu_registry.unparked, 0, memory_order_acquire);
    for (unsigned i = 0; i < RCU_GROUPS; i++)
        if (unparked >> i & 1)
            collect_group(&rcu_registry.groups[i]);
}

/* The slow path of rcu_read_lock(), after the counter was stored. */
void rcu_reader_entered(struct rcu_reader *self)
{
    /* Full fence: as the light one in rcu_read_lock(), where the leader's heavy one is an ordinary
     * fence. Pairs with: asymmetric_fence_heavy() in rcu_scan_with_fence(). Broken: as there. */
    if (atomic_load_explicit(&self->attention, memory_order_relaxed) & RCU_FULL_FENCE)
        atomic_thread_fence(memory_order_seq_cst);
    if (!(atomic_load_explicit(&self->attention, memory_order_relaxed) & RCU_PARKED))
        return;
    /* Release: the counter is stored before the bit is seen.
     * Pairs with: the acquire in rcu_collect_unparked(). Broken: as there. */
    atomic_fetch_or_explicit(&rcu_registry.unparked, 1UL << self->group, memory_order_release);
    /* Full fence: the bit is set before the section reads anything.
     * Pairs with: the full fence in lead(), between the callers' publishing and the look at the
     * bits.
     * Broken: the leader misses the bit, and this section still finds what is freed then. */
    atomic_thread_fence(memory_order_seq_cst);
    /* Release: the announcement comes before the flag is seen cleared.
     * Pairs with: the acquires in reader_state() and collect_group(). Broken: as in collect_group(). */
    atomic_fetch_and_explicit(&self->attention, ~RCU_PARKED, memory_order_release);
}

void rcu_park(void)
{
    struct rcu_reader *self = &rcu_reader;

    if (!self->registered ||
        (atomic_load_explicit(&self->attention, memory_order_relaxed) & RCU_PARKED))
        return;
    /* Release: our sections end before a leader takes us for asleep.
     * Pairs with: the acquire in reader_state(). Broken: it frees what we were reading. */
    atomic_fetch_or_explicit(&self->attention, RCU_PARKED, memory_order_release);
}

bool rcu_parked_begin(void)
{
    bool online = rcu_reader.online;

    if (online)
        rcu_thread_offline();
    rcu_park();
    rcu_reader.in_wait = true;
    return online;
}

void rcu_parked_end(bool online)
{
    rcu_reader.in_wait = false;
    if (online)
        rcu_thread_online();
}

void rcu_register_thread(void)
{
    struct rcu_reader *self = &rcu_reader;

    if (self->registered)
        rcu_misuse("rcu_register_thread() in a thread that is registered already");
    if (atomic_load_explicit(&self->counter, memory_order_relaxed) != 0)
        rcu_misuse("rcu_register_thread() inside a read section, which protects nothing; "
                   "register first");
    self->thread_id = platform_thread_id();
    self->missed_spins = self->outside_gps = 0;
    self->proposed = self->online = false;
    self->exit_calls = 0;
    self->group = atomic_fetch_add_explicit(&next_group, 1, memory_order_relaxed) % RCU_GROUPS;
    atomic_store_explicit(&self->attention,
                          RCU_PARKED | (asymmetric_fence_is_full ? RCU_FULL_FENCE : 0),
                          memory_order_relaxed);
    link_init(&self->notifiers);
    link_init(&self->link);
    platform_call_at_thread_exit();
    /* A grace period that is under way need not wait for us: the first section announces itself. */
    join_group(self);
    self->registered = true;
}

void rcu_unregister_thread(void)
{
    struct rcu_reader *self = &rcu_reader;
    bool removed;

    if (!self->registered)
        rcu_misuse("rcu_unregister_thread() in a thread that is not registered");
    if (rcu_in_callback())
        rcu_misuse("rcu_unregister_thread() in a callback: the thread is the library's own");
    if (self->in_wait)
        rcu_misuse("rcu_unregister_thread() while the thread waits inside the library, as in "
                   "synchronize_rcu(); do not call it in a signal handler");
    if (rcu_read_locked())
        rcu_misuse("rcu_unregister_thread() inside a read section; "
                   "leave it with rcu_read_unlock() first");
    if (!link_alone(&self->notifiers))
        rcu_misuse("a thread ended or unregistered with a force notifier of its own; call "
                   "rcu_remove_force_notifier(), or vcpu_detach(), first");
    if (self->online)
        rcu_thread_offline();
    platform_mutex_lock(&group_of(self)->lock);
    removed = self->in_group;
    if (removed)
        link_remove(&self->link);
    platform_mutex_unlock(&group_of(self)->lock);
    if (!removed) {
        rcu_registry_enter();
        /* A leader may have put us to sleep meanwhile. */
        platform_mutex_lock(&group_of(self)->lock);
        link_remove(&self->link);
        platform_mutex_unlock(&group_of(self)->lock);
        rcu_registry_leave();
    }
    atomic_store_explicit(&self->attention, 0, memory_order_relaxed);
    self->registered = self->in_group = false;
}

void rcu_add_force_notifier(struct rcu_force_notifier *notifier)
{
    if (!rcu_reader.registered)
        rcu_misuse("rcu_add_force_notifier() in a thread that is not registered");
    rcu_registry_enter();
    link_insert(&notifier->link, &rcu_reader.notifiers);
    rcu_registry_leave();
}

void rcu_remove_force_notifier(struct rcu_force_notifier *notifier)
{
    rcu_registry_enter();
    link_remove(&notifier->link);
    rcu_registry_leave();
}

unsigned rcu_holdouts(int *thread_ids, unsigned room)
{
    struct rcu_link *l, *after;
    unsigned count = 0;

    rcu_registry_enter();
    list_for_each (l, after, &rcu_registry.pending) {
        if (count < room)
            thread_ids[count] = reader_of(l)->thread_id;
        count++;
    }
    rcu_registry_leave();
    return count;
}

unsigned long rcu_exits_registered(void)
{
    return atomic_load_explicit(&exits_registered, memory_order_relaxed);
}

void rcu_registry_after_fork(void)
{
    struct rcu_reader *self = &rcu_reader;

    registry_init();
    if (!self->registered)
        return;
    self->thread_id = platform_thread_id();
    self->proposed = self->in_group = false;
    atomic_fetch_and_explicit(&self->attention, ~RCU_WAITED_FOR, memory_order_relaxed);
    link_init(&self->link);
    link_insert(&self->link, &rcu_registry.readers);
}
