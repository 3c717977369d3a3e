#include "headline.h"

#include "torture/record/workload.h"
#include "verdict.h"

#include <limits.h>
#include <string.h>

/* Behind all that have a rank. */
#define UNRANKED (UINT_MAX - 1)

unsigned headline_rank(const char *name)
{
    const struct measure *m = measure_named(name);

    return m && m->headline > 0 ? m->headline - 1 : UNRANKED;
}

bool headline_is_gp(const char *name)
{
    return headline_rank(name) < UNRANKED;
}

/* The measure of that rank, or NULL. */
static const struct measure *ranked(unsigned rank)
{
    for (const struct workload *const *w = workloads; *w; w++)
        for (size_t i = 0; i < (*w)->measure_count; i++)
            if ((*w)->measures[i].headline == rank + 1)
                return &(*w)->measures[i];
    return NULL;
}

const char *headline_common(json_t *order, json_t *runs)
{
    unsigned common = 0;
    json_t *run;
    size_t i;

    json_array_foreach (runs, i, run) {
        const char *name = headline_of(order, run);

        if (name && headline_is_gp(name) && headline_rank(name) > common)
            common = headline_rank(name);
    }
    return ranked(common)->name;
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
    json_t *names = json_array(), *item, *latency;
    json_t *used = json_object_get(json_object_get(result, "scenario"), "workloads");
    const char *key;
    size_t i;

    for (unsigned rank = 0; ranked(rank); rank++)
        add_name(names, ranked(rank)->name);
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

    json_array_foreach (runs, i, run)
        if ((!passed || verdict_is_good(run)) &&
            json_object_get(json_object_get(run, "latency"), name))
            return true;
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
