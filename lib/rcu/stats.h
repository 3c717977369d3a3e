/* Statistics, stats.c, and the counters that leaders keep. */
#ifndef STILLPOINT_RCU_STATS_H
#define STILLPOINT_RCU_STATS_H

#include <stdatomic.h>

/* Fields of struct rcu_stats that a leader counts: one thread at a time writes, any thread
 * reads. */
#define RCU_LEADER_COUNTS(ROW) \
    ROW(gps)                   \
    ROW(gps_proven)            \
    ROW(gps_forced)            \
    ROW(gps_forced_by_call)    \
    ROW(gps_forced_by_time)    \
    ROW(gps_shared)            \
    ROW(heavy_fences)          \
    ROW(spins)                 \
    ROW(naps)                  \
    ROW(sleeps)                \
    ROW(wakeups)               \
    ROW(readers_parked)        \
    ROW(readers_unparked)

struct leader_counts {
#define RCU_COUNT(field) atomic_ulong field;
    RCU_LEADER_COUNTS(RCU_COUNT)
#undef RCU_COUNT
};
extern struct leader_counts rcu_counts;

/* Relaxed load and store, not an atomic addition: leaders follow one another under a lock. */
static inline void count_up(atomic_ulong *counter)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

#endif
