/* What vcpu_get_stats() counts. */
#include "vcpu/statistics.h"

struct vcpu_counts vcpu_counts;

_Static_assert(sizeof(struct vcpu_counts) == sizeof(struct vcpu_stats),
               "a field of struct vcpu_stats has no counter");

void vcpu_get_stats(struct vcpu_stats *stats)
{
#define READ(name) .name = atomic_load_explicit(&vcpu_counts.name, memory_order_relaxed),
    *stats = (struct vcpu_stats){VCPU_COUNTERS(READ)};
#undef READ
}
