#include "part.h"

#include "torture/scenario/parts.h"

#include <string.h>

static json_t *part_of_scenario(json_t *result, size_t index)
{
    json_t *scenario = json_object_get(result, "scenario");

    return json_array_get(json_object_get(scenario, "parts"), index);
}

const char *result_part_name(json_t *result, size_t index)
{
    return json_string_value(json_object_get(part_of_scenario(result, index), "name"));
}

/* "gp_policy=fqs" of "waits gp_policy=fqs". */
static const char *label_without(const char *label, const char *name)
{
    size_t length = strlen(name);

    if (strncmp(label, name, length) != 0)
        return label;
    return label[length] == ' ' ? label + length + 1 : label + length;
}

static json_t *run_without(json_t *run, const char *name)
{
    json_t *copy = json_copy(run), *point = json_copy(json_object_get(run, "point"));
    const char *label = json_string_value(json_object_get(run, "label"));

    json_object_del(point, PART_KEY);
    json_object_set_new(copy, "point", point);
    json_object_set_new(copy, "label", json_string(label_without(label ? label : "", name)));
    return copy;
}

json_t *result_part(json_t *result, size_t index)
{
    const char *name = result_part_name(result, index);
    json_t *copy, *runs, *run, *scenario;
    size_t i;

    if (!json_object_get(json_object_get(result, "scenario"), "parts"))
        return index == 0 ? json_incref(result) : NULL;
    if (!name)
        return NULL;
    runs = json_array();
    json_array_foreach (json_object_get(result, "runs"), i, run) {
        const char *of =
            json_string_value(json_object_get(json_object_get(run, "point"), PART_KEY));

        if (of && strcmp(of, name) == 0)
            json_array_append_new(runs, run_without(run, name));
    }
    scenario = json_copy(part_of_scenario(result, index));
    json_object_set_new(
        scenario, "name",
        json_sprintf(
            "%s: %s",
            json_string_value(json_object_get(json_object_get(result, "scenario"), "name")), name));
    copy = json_copy(result);
    json_object_set_new(copy, "runs", runs);
    json_object_set_new(copy, "scenario", scenario);
    return copy;
}
