/* Settings, requests to force, statistics. */
#include "internal.h"

#define HOUR_NS INT64_C(3600000000000)

/* Once, for two structs whose fields have the same names. */
#define DEFAULT_SETTINGS                                                                           \
    {                                                                                              \
        .gp_policy = RCU_GP_ADAPTIVE, .spin_ns = 10 * 1000, .first_nap_ns = 20 * 1000,             \
        .poll_interval_ns = 10 * 1000 * 1000, .force_after_ns = 50 * 1000 * 1000, .force_naps = 5, \
        .force_callbacks = 30, .callback_batch = 4096, .callback_hold_ns = 200 * 1000,             \
        .callback_bound = 0, .gp_times = false,                                                    \
    }

const struct rcu_settings rcu_default_settings = DEFAULT_SETTINGS;
struct tuning rcu_tuning = DEFAULT_SETTINGS;

static bool duration_ok(int64_t ns, int64_t least)
{
    return ns >= least && ns <= HOUR_NS;
}

int rcu_set_settings(const struct rcu_settings *s)
{
    if ((unsigned)s->gp_policy > RCU_GP_ADAPTIVE || !duration_ok(s->spin_ns, 0) ||
        !duration_ok(s->first_nap_ns, 1) || !duration_ok(s->poll_interval_ns, 1) ||
        !duration_ok(s->force_after_ns, 0) || !duration_ok(s->callback_hold_ns, 1) ||
        s->force_callbacks == 0 || s->callback_batch == 0)
        return -EINVAL;
    atomic_store_explicit(&rcu_tuning.spin_ns, s->spin_ns, memory_order_relaxed);
    atomic_store_explicit(&rcu_tuning.first_nap_ns, s->first_nap_ns, memory_order_relaxed);
    atomic_store_explicit(&rcu_tuning.poll_interval_ns, s->poll_interval_ns, memory_order_relaxed);
    atomic_store_explicit(&rcu_tuning.force_after_ns, s->force_after_ns, memory_order_relaxed);
    atomic_store_explicit(&rcu_tuning.force_naps, s->force_naps, memory_order_relaxed);
    atomic_store_explicit(&rcu_tuning.force_callbacks, s->force_callbacks, memory_order_relaxed);
    atomic_store_explicit(&rcu_tuning.callback_batch, s->callback_batch, memory_order_relaxed);
    atomic_store_explicit(&rcu_tuning.callback_hold_ns, s->callback_hold_ns, memory_order_relaxed);
    atomic_store_explicit(&rcu_tuning.callback_bound, s->callback_bound, memory_order_relaxed);
    atomic_store_explicit(&rcu_tuning.gp_times, s->gp_times, memory_order_relaxed);
    atomic_store_explicit(&rcu_tuning.gp_policy, s->gp_policy, memory_order_relaxed);
    /* The events' exchange publishes the settings to a leader that waits under the old ones. */
    rcu_wake_leader();
    rcu_end_pile_up();
    return 0;
}

void rcu_get_settings(struct rcu_settings *s)
{
    *s = (struct rcu_settings){
        .gp_policy = (enum rcu_gp_policy)tuned(gp_policy),
        .spin_ns = tuned(spin_ns),
        .first_nap_ns = tuned(first_nap_ns),
        .poll_interval_ns = tuned(poll_interval_ns),
        .force_after_ns = tuned(force_after_ns),
        .force_naps = tuned(force_naps),
        .force_callbacks = tuned(force_callbacks),
        .callback_batch = tuned(callback_batch),
        .callback_hold_ns = tuned(callback_hold_ns),
        .callback_bound = tuned(callback_bound),
        .gp_times = tuned(gp_times),
    };
}

/* Grace periods up to the one that ends with this sequence are forced. A request names the grace
 * period it is for, so none is credited to another, and one from long ago means nothing. */
static atomic_ulong force_until;
static atomic_uint draining;

/* Whether a request until then covers the grace period that ends with `end`: requests are for one
 * of the next two. */
static bool covers(unsigned long until, unsigned long end)
{
    return until - end <= 3;
}

bool rcu_force_requested(unsigned long end)
{
    /* Relaxed: the leader's event_reset() before this call has taken over whatever was requested
     * before the event was set; a later request sets it again. */
    return atomic_load_explicit(&draining, memory_order_relaxed) > 0 ||
           covers(atomic_load_explicit(&force_until, memory_order_relaxed), end);
}

void rcu_request_force(unsigned long end)
{
    unsigned long until = atomic_load_explicit(&force_until, memory_order_relaxed);

    while (!covers(until, end) &&
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
     * snapshot, or that would be older than the grace period which already covers the callback. */
    rcu_request_force(rcu_goal());
    rcu_wake_leader();
    rcu_end_pile_up();
}

struct gp_counts rcu_counts;

#define counted(field) atomic_load_explicit(&rcu_counts.field, memory_order_relaxed)

void rcu_get_stats(struct rcu_stats *stats)
{
    *stats = (struct rcu_stats){
        .gps = counted(gps),
        .gps_proven = counted(gps_proven),
        .gps_forced = counted(gps_forced),
        .gps_forced_by_call = counted(gps_forced_by_call),
        .gps_forced_by_time = counted(gps_forced_by_time),
        .gps_shared = counted(gps_shared),
        .heavy_fences = counted(heavy_fences),
        .spins = counted(spins),
        .naps = counted(naps),
        .sleeps = counted(sleeps),
        .wakeups = counted(wakeups),
        .readers_parked = counted(readers_parked),
        .readers_unparked = counted(readers_unparked),
        .exits_registered = rcu_exits_registered(),
    };
    rcu_callback_stats(stats);
}
