/* Statistics. */
#include "stats.h"

#include "callback.h"
#include "thread_exit.h"

#include "stillpoint/rcu_policy.h"

struct leader_counts rcu_counts;

void rcu_get_stats(struct rcu_stats *stats)
{
#define COUNT(field) .field = atomic_load_explicit(&rcu_counts.field, memory_order_relaxed),
    *stats =
        (struct rcu_stats){.exits_registered = rcu_exits_registered(), RCU_LEADER_COUNTS(COUNT)};
#undef COUNT
    rcu_callback_stats(stats);
}
