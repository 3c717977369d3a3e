/* What vcpu_get_stats() counts. */
#include "vcpu/statistics.h"

struct vcpu_counts vcpu_counts;

void vcpu_get_stats(struct vcpu_stats *stats)
{
#define read(field) .field = atomic_load_explicit(&vcpu_counts.field, memory_order_relaxed)
    *stats = (struct vcpu_stats){
        read(exclusive_sections), read(exclusive_handed), read(exclusive_waited),
        read(exec_waits),         read(exec_counted),     read(pauses),
        read(work_run),           read(safe_work_run),    read(signals),
        read(rr_timer_kicks),
    };
#undef read
}
