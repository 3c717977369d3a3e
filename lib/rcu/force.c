/* Requests to force grace periods. */
#include "force.h"

#include "callback.h"
#include "grace_period.h"

#include "stillpoint/rcu_policy.h"

/* Grace periods up to the one that ends with this sequence are forced. A request names the grace
 * period it is for, so none is credited to another, and one from long ago means nothing. */
static atomic_ulong force_until;
static atomic_uint draining;

bool rcu_force_requested(unsigned long end)
{
    /* Relaxed: the leader's manual_event_reset() before this call is an acquire, and takes over
     * what was requested before the event was set; a later request sets it again. */
    return atomic_load_explicit(&draining, memory_order_relaxed) > 0 ||
           sequence_covers(atomic_load_explicit(&force_until, memory_order_relaxed), end);
}

void rcu_request_force(unsigned long end)
{
    unsigned long until = atomic_load_explicit(&force_until, memory_order_relaxed);

    /* A caller that was away since it took its goal takes nothing back. */
    while (!sequence_covers(until, end) &&
           !atomic_compare_exchange_weak_explicit(&force_until, &until, end, memory_order_relaxed,
                                                  memory_order_relaxed))
        ;
}

void rcu_requests_reset(unsigned long sequence)
{
    atomic_store_explicit(&force_until, sequence & ~1UL, memory_order_relaxed);
    atomic_store_explicit(&draining, 0, memory_order_relaxed);
}

void rcu_drain_begin(void)
{
    atomic_fetch_add_explicit(&draining, 1, memory_order_relaxed);
}

void rcu_drain_end(void)
{
    atomic_fetch_sub_explicit(&draining, 1, memory_order_relaxed);
}

bool rcu_draining(void)
{
    return atomic_load_explicit(&draining, memory_order_relaxed) > 0;
}

void force_rcu(void)
{
    /* rcu_goal() fences: what the caller wants forced (a callback it queued) comes before the
     * snapshot. Otherwise that is older than the grace period which already covers the callback. */
    rcu_request_force(rcu_goal());
    rcu_wake_leader();
    rcu_force_callbacks();
}
