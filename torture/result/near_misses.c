#include "near_misses.h"

#include "torture/record/workload.h"

#include <string.h>

void near_misses_describe(json_t *run, json_int_t near_stalls)
{
    json_t *found = json_object(), *counts;
    const char *name;

    if (near_stalls >= 0)
        json_object_set_new(found, NEAR_STALLS, json_integer(near_stalls));
    json_object_foreach (json_object_get(run, "counters"), name, counts) {
        const struct workload *w = workload_named(name);

        for (size_t i = 0; w && i < w->counter_count; i++)
            if (w->counters[i].near_miss && json_object_get(counts, w->counters[i].name))
                json_object_set(found, w->counters[i].name,
                                json_object_get(counts, w->counters[i].name));
    }
    json_object_set_new(run, "near_misses", found);
}

static void add(json_t *sums, json_t *counts)
{
    const char *name;
    json_t *count;

    json_object_foreach (counts, name, count)
        json_object_set_new(sums, name,
                            json_integer(json_integer_value(json_object_get(sums, name)) +
                                         json_integer_value(count)));
}

void near_misses_add(json_t *sums, json_t *run)
{
    add(sums, json_object_get(json_object_get(run, "earlier"), "near_misses"));
    add(sums, json_object_get(run, "near_misses"));
}

json_int_t near_misses_total(json_t *run)
{
    json_t *sums = json_object(), *count;
    json_int_t total = 0;
    const char *name;

    near_misses_add(sums, run);
    json_object_foreach (sums, name, count)
        total += json_integer_value(count);
    json_decref(sums);
    return total;
}

const char *near_misses_words(const char *name)
{
    if (strcmp(name, NEAR_STALLS) == 0)
        return "threads without progress for over half of what the run allows";
    for (const struct workload *const *w = workloads; *w; w++)
        for (size_t i = 0; i < (*w)->counter_count; i++)
            if ((*w)->counters[i].near_miss && strcmp((*w)->counters[i].name, name) == 0)
                return (*w)->counters[i].near_miss;
    return name; /* of another version's */
}
