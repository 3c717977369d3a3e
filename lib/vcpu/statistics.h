/* statistics.c: what vcpu_get_stats() counts. */
#ifndef STILLPOINT_LIB_VCPU_STATISTICS_H
#define STILLPOINT_LIB_VCPU_STATISTICS_H

#include "stillpoint/vcpu.h"

/* Counters of vcpu_get_stats(): several writers. */
struct vcpu_counts {
    atomic_ulong exclusive_sections, exclusive_handed, exclusive_waited, exec_waits, exec_counted,
        pauses, work_run, safe_work_run, signals, rr_timer_kicks;
};
extern struct vcpu_counts vcpu_counts;

static inline void vcpu_count_up(atomic_ulong *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

#endif
