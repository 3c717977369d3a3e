/* Parked readers: who may be in a read section, and who is asleep.
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
#include "parked.h"

#include "registry.h"
#include "stats.h"

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
