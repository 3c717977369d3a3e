/* Parked readers: registered threads that leaders need not watch.
 *
 * A parked reader is in none of the leader's lists, so it costs grace periods nothing. Its flag
 * RCU_PARKED makes its next entry announce it:
 *
 *     reader (rcu_reader_entered)           leader
 *     STORE counter                         STORE p, by its callers
 *     LOAD attention: RCU_PARKED
 *     STORE unparked: its group's bit
 *     full fence                            full fence (begin_grace_period)
 *     STORE attention: no RCU_PARKED        LOAD unparked
 *     LOAD p                                LOAD counter of those in its lists
 *
 * Either the leader loads the bit, and with it the counter, or the reader loads the new p. A signal
 * handler that interrupts the announcement and reads repeats all of it; nothing is done twice that
 * may be done once only.
 *
 * Two facts, which change at different times. RCU_PARKED: the next section announces itself.
 * `in_group`: the reader is in the list of its group, and in none of the leader's; a leader puts it
 * there when it next finds the reader outside with the flag set.
 *
 * A thread sets the flag itself when it registers, goes offline, or waits inside the library: its
 * own store it sees, and the leader may move it to its group at once. On a reader that was outside
 * in several grace periods in a row the leader sets it, and moves the reader only when a heavy
 * fence later the counter is still 0: an entry that was on its way and missed the flag is visible
 * by then.
 */
#include "parked.h"

#include "registry.h"
#include "stats.h"

#include "stillpoint/asymmetric_fence.h"
#include "sync/platform.h"

void rcu_group_join(struct rcu_reader *r)
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
    atomic_fetch_sub_explicit(&rcu_registry.watched, 1, memory_order_relaxed);
    rcu_group_join(r); /* from here on its thread may unregister and end */
    count_up(&rcu_counts.readers_parked);
}

/* => Registry lock. */
static void collect_group(struct reader_group *group)
{
    struct rcu_link *l, *after;

    platform_mutex_lock(&group->lock);
    list_for_each (l, after, &group->readers) {
        struct rcu_reader *r = reader_of(l);

        /* Orders: LOAD counter (acquire) -> LOAD attention (acquire).
         * Pairs with: rcu_reader_entered(), STORE attention (relaxed) -> rcu_read_unlock(), STORE
         * counter (release).
         * Broken: of a reader that announced itself and left, the new 0 is loaded with the old
         * flag. It stays in its group without the flag, and no leader ever waits for it again. */
        bool outside = atomic_load_explicit(&r->counter, memory_order_acquire) == 0;

        /* Orders: LOAD attention (acquire) -> STORE *p by the callers.
         * Pairs with: rcu_park(), LOAD *p in the sections before -> STORE attention (release).
         * Broken: the 0 is older than a section that needed no announcement, and ended before the
         * flag was set; *p is freed while that still reads it. Not on x86. */
        if (outside && (atomic_load_explicit(&r->attention, memory_order_acquire) & RCU_PARKED))
            continue;
        link_move(l, &rcu_registry.readers);
        r->in_group = false;
        atomic_fetch_add_explicit(&rcu_registry.watched, 1, memory_order_relaxed);
        count_up(&rcu_counts.readers_unparked);
    }
    platform_mutex_unlock(&group->lock);
}

void rcu_collect_unparked(void)
{
    unsigned long unparked;

    /* Relaxed: the full fence in begin_grace_period() comes before; the exchange below acquires. */
    if (atomic_load_explicit(&rcu_registry.unparked, memory_order_relaxed) == 0)
        return;
    /* Orders: LOAD unparked (acquire) -> LOAD counter (acquire).
     * Pairs with: rcu_read_lock(), STORE counter (release) -> rcu_reader_entered(), STORE unparked
     * (release).
     * Broken: the counter is loaded as 0, and the reader is left in its group while it reads. An
     * exchange, since a stored 0 would erase a bit that was set after the load. */
    unparked = atomic_exchange_explicit(&rcu_registry.unparked, 0, memory_order_acquire);
    for (unsigned i = 0; i < RCU_GROUPS; i++)
        if (unparked >> i & 1)
            collect_group(&rcu_registry.groups[i]);
}

/* The slow path of rcu_read_lock(), after the counter was stored. */
void rcu_reader_entered(struct rcu_reader *self)
{
    if (atomic_load_explicit(&self->attention, memory_order_relaxed) & RCU_UNREGISTERED)
        rcu_misuse("rcu_read_lock() in a thread that is not registered; "
                   "call rcu_register_thread() first");
    /* Orders: STORE counter (release) -> LOAD p, LOAD attention (relaxed). In rcu_read_lock() it is
     * a compiler barrier; this is the full fence of a process without membarrier.
     * Pairs with: reader_state(), STORE p by the callers -> LOAD counter (acquire); the heavy fence
     * of rcu_scan_with_fence is between.
     * Broken: the leader loads 0 and frees *p, which this section has loaded. */
    asymmetric_fence_light();
    if (!(atomic_load_explicit(&self->attention, memory_order_relaxed) & RCU_PARKED))
        return;
    /* Orders: STORE counter (release) -> STORE unparked (release).
     * Pairs with: rcu_collect_unparked(), LOAD unparked (acquire) -> collect_group(), LOAD counter
     * (acquire).
     * Broken: the counter is loaded as 0, and this reader is left in its group while it reads. */
    atomic_fetch_or_explicit(&rcu_registry.unparked, 1UL << self->group, memory_order_release);
    /* Orders: STORE unparked (release) -> LOAD p.
     * Pairs with: rcu_collect_unparked(), STORE p by the callers -> LOAD unparked (relaxed); the
     * full fence of begin_grace_period is between.
     * Broken: the leader misses the bit, and this section loads the old p and reads freed
     * memory. */
    atomic_thread_fence(memory_order_seq_cst);
    /* Relaxed: behind the full fence it is a release anyway, after the bit. */
    atomic_fetch_and_explicit(&self->attention, ~RCU_PARKED, memory_order_relaxed);
}

void rcu_park(void)
{
    struct rcu_reader *self = rcu_self();

    if (!self->registered ||
        (atomic_load_explicit(&self->attention, memory_order_relaxed) & RCU_PARKED))
        return;
    /* Orders: LOAD *p in the sections before -> STORE attention (release).
     * Pairs with: reader_state(), collect_group(), LOAD attention (acquire) -> STORE *p.
     * Broken: a leader that loads an older 0 of the counter with this flag frees *p while a section
     * in between still reads it. Not on x86. */
    atomic_fetch_or_explicit(&self->attention, RCU_PARKED, memory_order_release);
}

bool rcu_parked_begin(void)
{
    bool online = rcu_self()->online;

    if (online)
        rcu_thread_offline();
    rcu_park();
    rcu_self()->in_wait = true;
    return online;
}

void rcu_parked_end(bool online)
{
    rcu_self()->in_wait = false;
    if (online)
        rcu_thread_online();
}
