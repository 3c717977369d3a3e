/* statistics.c: what vcpu_get_stats() counts. */
#ifndef STILLPOINT_LIB_VCPU_STATISTICS_H
#define STILLPOINT_LIB_VCPU_STATISTICS_H

#include "stillpoint/vcpu.h"

/* The fields of struct vcpu_stats, a row each. */
#define VCPU_COUNTERS(row)                                                                    \
    row(exclusive_sections) row(exclusive_handed) row(exclusive_opened) row(exclusive_waited) \
        row(exec_waits) row(exec_overtaken) row(exec_counted) row(pauses) row(work_run)       \
            row(safe_work_run) row(work_dropped) row(signals) row(rr_timer_kicks)

/* Counters of vcpu_get_stats(): several writers. */
#define VCPU_COUNTER(name) atomic_ulong name;
struct vcpu_counts {
    VCPU_COUNTERS(VCPU_COUNTER)
};
#undef VCPU_COUNTER
extern struct vcpu_counts vcpu_counts;

static inline void vcpu_count_up(atomic_ulong *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

#endif
