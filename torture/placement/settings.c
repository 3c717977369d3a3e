#include "settings.h"

#include <stddef.h>

#define FIELD(field) offsetof(struct placement_settings, field)

const struct option placement_options[] = {
    {.name = "policy",
     .type = OPTION_CHOICE,
     .offset = FIELD(policy),
     .default_text = "scatter",
     .choices = "scatter compact none same-core same-node nearest-node farthest-node",
     .help = "Threads over NUMA nodes, then cores, then PUs; or close together; or not bound; or "
             "each thread of another role so far from one of the first role"},
    {.name = "memory",
     .type = OPTION_CHOICE,
     .offset = FIELD(memory),
     .default_text = "local",
     .choices = "local remote interleave",
     .help = "Which NUMA node the memory of a bound thread comes from"},
    {.name = NULL},
};
