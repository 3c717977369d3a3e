#include "points.h"

#include "document.h"
#include "parts.h"
#include "scenario_keys.h"
#include "torture/record/text.h"

#include <stdlib.h>
#include <string.h>

size_t point_count(json_t *sweep, size_t limit)
{
    size_t count = 1;
    const char *key;
    json_t *values;

    json_object_foreach (sweep, key, values) {
        count *= json_array_size(values);
        if (count > limit)
            return 0;
    }
    return count;
}

json_t *point_at(json_t *sweep, size_t index, size_t points)
{
    json_t *point = json_object();
    const char *key;
    json_t *values;

    json_object_foreach (sweep, key, values) {
        /* How many points differ from this one only in later keys: at least this one itself. */
        points = points > json_array_size(values) ? points / json_array_size(values) : 1;
        json_object_set(point, key, json_array_get(values, index / points));
        index %= points;
    }
    return point;
}

char *point_label(json_t *point)
{
    char *label = text_format("%s", "");
    const char *key;
    json_t *value;

    json_object_foreach (point, key, value) {
        const char *dot = strrchr(key, '.');
        char *shown = json_is_string(value)
                          ? text_format("%s", json_string_value(value))
                          : json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(10));
        bool names = strcmp(key, PART_KEY) == 0;
        char *more = text_format("%s%s%s%s", *label ? " " : "",
                                 names ? ""
                                 : dot ? dot + 1
                                       : key,
                                 names ? "" : "=", shown);

        label = text_append(label, more);
        free(more);
        free(shown);
    }
    return label;
}

void point_apply(json_t *config, json_t *point)
{
    const char *key;
    json_t *value;

    json_object_foreach (point, key, value) {
        json_t *pointers = key_pointers(config, key);
        size_t index;
        json_t *pointer;

        json_array_foreach (pointers, index, pointer)
            pointer_set(config, json_string_value(pointer), value);
        json_decref(pointers);
    }
}

/* Whether a budget's selection of points holds for this config. */
static bool selects(json_t *selection, json_t *config)
{
    const char *key;
    json_t *value;

    json_object_foreach (selection, key, value) {
        json_t *pointers = key_pointers(config, key);
        const char *pointer = json_string_value(json_array_get(pointers, 0));
        bool equal = pointer && json_equal(pointer_get(config, pointer), value);

        json_decref(pointers);
        if (!equal)
            return false;
    }
    return true;
}

void point_select_budgets(json_t *config)
{
    json_t *budgets = json_object_get(config, "budgets");

    for (size_t i = json_array_size(budgets); i-- > 0;) {
        json_t *budget = json_array_get(budgets, i);
        json_t *base = json_object_get(budget, "ratio_to");

        if (!selects(json_object_get(budget, "where"), config) || (base && selects(base, config)))
            json_array_remove(budgets, i);
    }
}
