#include "workload.h"

#include <string.h>

const char *const flavor_capability_names[] = {
#define CAPABILITY_NAME(name, text) [CAN_##name##_BIT] = text,
    CAPABILITIES(CAPABILITY_NAME)
#undef CAPABILITY_NAME
        NULL,
};

const struct workload *workload_named(const char *name)
{
    for (const struct workload *const *w = workloads; name && *w; w++)
        if (strcmp((*w)->name, name) == 0)
            return *w;
    return NULL;
}

const struct workload *workload_at(json_t *root, size_t index)
{
    json_t *item = json_array_get(json_object_get(root, "workloads"), index);

    return workload_named(json_string_value(json_object_get(item, "type")));
}

bool workloads_torture(json_t *root)
{
    for (size_t i = 0; i < json_array_size(json_object_get(root, "workloads")); i++) {
        const struct workload *w = workload_at(root, i);

        if (w && !w->bench)
            return true;
    }
    return false;
}

const struct counter *counter_named(const char *name)
{
    for (const struct workload *const *w = workloads; *w; w++)
        for (size_t i = 0; i < (*w)->counter_count; i++)
            if (strcmp((*w)->counters[i].name, name) == 0)
                return &(*w)->counters[i];
    return NULL;
}

const struct measure *measure_named(const char *name)
{
    for (const struct workload *const *w = workloads; *w; w++)
        for (size_t i = 0; i < (*w)->measure_count; i++)
            if (strcmp((*w)->measures[i].name, name) == 0)
                return &(*w)->measures[i];
    return NULL;
}

bool measure_is_of_bytes(const struct measure *measure)
{
    return strcmp(measure->unit, "bytes") == 0;
}

const struct measure *measure_pictured(const char *picture)
{
    for (const struct workload *const *w = workloads; *w; w++)
        for (size_t i = 0; i < (*w)->measure_count; i++)
            if ((*w)->measures[i].picture && strcmp((*w)->measures[i].picture, picture) == 0)
                return &(*w)->measures[i];
    return NULL;
}

const struct measure *measure_explained(const struct workload *workload)
{
    for (size_t i = 0; i < workload->measure_count; i++)
        if (workload->measures[i].causes)
            return &workload->measures[i];
    return NULL;
}
