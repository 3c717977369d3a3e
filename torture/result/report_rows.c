/* One row of the table per point: what repeats of it have in common, as medians. */
#include "interval.h"
#include "left_out.h"
#include "report.h"
#include "verdict.h"

#include <stdlib.h>
#include <string.h>

static json_t *merge(json_t *same);

/* The same of what the objects of an array have under a key; not all of them have it. */
static json_t *merge_members(json_t *same, const char *key)
{
    json_t *members = json_array(), *merged, *object;
    size_t i;

    json_array_foreach (same, i, object)
        json_array_append(members, json_object_get(object, key));
    merged = merge(members);
    json_decref(members);
    return merged;
}

/* A value of the same shape as the first of an array, in which every number is the median of
 * all. */
static json_t *merge(json_t *same)
{
    json_t *first = json_array_get(same, 0), *merged, *value, *member;
    size_t i, n = json_array_size(same);
    const char *key;

    if (json_is_number(first)) {
        double *values = calloc(n, sizeof *values), middle;

        for (i = 0; i < n; i++)
            values[i] = json_number_value(json_array_get(same, i));
        middle = median_of(values, n);
        free(values);
        return json_is_integer(first) ? json_integer((json_int_t)middle) : json_real(middle);
    }
    if (!json_is_object(first))
        return json_incref(first);
    merged = json_object();
    json_array_foreach (same, i, value)
        json_object_foreach (value, key, member)
            if (!json_object_get(merged, key))
                json_object_set_new(merged, key, merge_members(same, key));
    return merged;
}

/* The good runs of the point of runs[first]; empty when an earlier run stands for them. */
static json_t *same_point(json_t *runs, size_t first)
{
    json_t *point = json_object_get(json_array_get(runs, first), "point"), *run;
    json_t *same = json_array();
    size_t i;

    json_array_foreach (runs, i, run) {
        if (!verdict_is_good(run) || !json_equal(json_object_get(run, "point"), point))
            continue;
        if (i < first)
            break;
        json_array_append(same, run);
    }
    return same;
}

/* A line for each that does not count. */
static json_t *lines_of_left_out(json_t *same)
{
    json_t *lines = json_array(), *run;
    size_t i;

    json_array_foreach (same, i, run)
        if (!left_out_is_not(run))
            json_array_append_new(
                lines,
                json_sprintf("#%lld %s",
                             1 + (long long)json_integer_value(json_object_get(run, "repeat")),
                             json_string_value(json_object_get(run, "left_out"))));
    return lines;
}

static json_t *row_of(json_t *same)
{
    json_t *count = left_out_without(same), *row = merge(count);
    const char *label = json_string_value(json_object_get(row, "label"));

    if (!label || !*label)
        label = json_string_value(json_object_get(row, "flavor"));
    if (json_array_size(count) > 1)
        json_object_set_new(row, "label",
                            json_sprintf("%s (median of %zu)", label, json_array_size(count)));
    json_object_set_new(row, "repeat", json_integer(0));
    json_object_set_new(row, "left_out", lines_of_left_out(same));
    if (!left_out_is_not(json_array_get(count, 0)) &&
        strcmp(json_string_value(json_object_get(row, "verdict")), "measured") == 0)
        json_object_set_new(row, "verdict", json_string("left out"));
    json_decref(count);
    return row;
}

json_t *report_rows(json_t *runs)
{
    json_t *rows = json_array(), *run;
    size_t i;

    json_array_foreach (runs, i, run) {
        json_t *same;

        if (!verdict_is_good(run)) {
            json_array_append(rows, run);
            continue;
        }
        same = same_point(runs, i);
        if (json_array_size(same) > 0)
            json_array_append_new(rows, row_of(same));
        json_decref(same);
    }
    return rows;
}
