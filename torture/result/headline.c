#include "headline.h"

#include "torture/record/workload.h"

#include <string.h>

unsigned headline_rank(const char *name)
{
    return strcmp(name, "gp") == 0 ? 0 : strcmp(name, "gp.total") == 0 ? 1 : 2;
}

bool headline_is_gp(const char *name)
{
    return headline_rank(name) < 2;
}

static void add_name(json_t *names, const char *name)
{
    json_t *known;
    size_t i;

    json_array_foreach (names, i, known)
        if (strcmp(json_string_value(known), name) == 0)
            return;
    json_array_append_new(names, json_string(name));
}

/* All names that may be met: grace periods, then those in the workloads' tables, then what only the
 * result knows, such as one of another version, in the order in which it was written. */
static json_t *all_names(json_t *result)
{
    json_t *names = json_pack("[s, s]", "gp", "gp.total"), *item, *latency;
    json_t *used = json_object_get(json_object_get(result, "scenario"), "workloads");
    const char *key;
    size_t i;

    json_array_foreach (used, i, item) {
        const char *type = json_string_value(json_object_get(item, "type"));
        const struct workload *workload = type ? workload_named(type) : NULL;

        for (size_t j = 0; workload && j < workload->measure_count; j++)
            add_name(names, workload->measures[j].name);
    }
    json_array_foreach (json_object_get(result, "runs"), i, item)
        json_object_foreach (json_object_get(item, "latency"), key, latency)
            add_name(names, key);
    return names;
}

static bool any_has(json_t *runs, const char *name, bool passed)
{
    json_t *run;
    size_t i;

    json_array_foreach (runs, i, run) {
        const char *verdict = json_string_value(json_object_get(run, "verdict"));

        if ((!passed || (verdict && strcmp(verdict, "pass") == 0)) &&
            json_object_get(json_object_get(run, "latency"), name))
            return true;
    }
    return false;
}

json_t *headline_order(json_t *result)
{
    json_t *names = all_names(result), *order = json_array(), *name;
    json_t *runs = json_object_get(result, "runs");
    size_t i;

    for (int passed = 1; passed >= 0; passed--)
        json_array_foreach (names, i, name)
            if (any_has(runs, json_string_value(name), passed))
                add_name(order, json_string_value(name));
    json_decref(names);
    return order;
}

const char *headline_of(json_t *order, json_t *run)
{
    json_t *name;
    size_t i;

    json_array_foreach (order, i, name) {
        const char *text = json_string_value(name);

        if (headline_is_gp(json_string_value(json_array_get(order, 0))) && !headline_is_gp(text))
            continue;
        if (json_object_get(json_object_get(run, "latency"), text))
            return text;
    }
    return NULL;
}
