#include "settings.h"

#include <stddef.h>

#define FIELD(field) offsetof(struct placement_settings, field)

const struct option placement_options[] = {
    {"policy", OPTION_CHOICE, FIELD(policy), "scatter", 0, 0, NULL, "scatter compact none",
     "Threads over NUMA nodes, then cores, then PUs; or close together; or not bound"},
    {"memory", OPTION_CHOICE, FIELD(memory), "local", 0, 0, NULL, "local remote interleave",
     "Which NUMA node the memory of a bound thread comes from"},
    {0},
};
