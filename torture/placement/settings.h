/* The "placement" object of a scenario, but for its sets of single roles. */
#ifndef STILLPOINT_PLACEMENT_SETTINGS_H
#define STILLPOINT_PLACEMENT_SETTINGS_H

#include "torture/record/options.h"

/* What options_store() fills by placement_options; the enums are in the order of the choices. */
struct placement_settings {
    int policy, memory;
};
enum placement_policy {
    PLACEMENT_SCATTER,
    PLACEMENT_COMPACT,
    PLACEMENT_NONE,
    PLACEMENT_SAME_CORE,
    PLACEMENT_SAME_NODE,
    PLACEMENT_NEAREST_NODE,
    PLACEMENT_FARTHEST_NODE,
    PLACEMENT_POLICY_COUNT
};
enum placement_memory { MEMORY_LOCAL, MEMORY_REMOTE, MEMORY_INTERLEAVE };
extern const struct option placement_options[];

#endif
