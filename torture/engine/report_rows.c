/* One row of the table per point: what repeats of it have in common, as medians. */
#include "report.h"

#include <stdlib.h>
#include <string.h>

static int ascending(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;

    return (a > b) - (a < b);
}

static double median(double *values, size_t n)
{
    qsort(values, n, sizeof *values, ascending);
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

/* A value of the same shape as the first, in which every number is the median of all. */
static json_t *merge(json_t **same, size_t n)
{
    if (json_is_number(same[0])) {
        double *values = calloc(n, sizeof *values), middle;

        for (size_t i = 0; i < n; i++)
            values[i] = json_number_value(same[i]);
        middle = median(values, n);
        free(values);
        return json_is_integer(same[0]) ? json_integer((json_int_t)middle) : json_real(middle);
    }
    if (json_is_object(same[0])) {
        json_t *merged = json_object(), *member, **members = calloc(n, sizeof *members);
        const char *key;

        json_object_foreach (same[0], key, member) {
            size_t found = 0;

            for (size_t i = 0; i < n; i++)
                if ((members[found] = json_object_get(same[i], key)))
                    found++;
            json_object_set_new(merged, key, merge(members, found));
        }
        free(members);
        return merged;
    }
    return json_incref(same[0]);
}

static bool passed(json_t *run)
{
    const char *verdict = json_string_value(json_object_get(run, "verdict"));

    return verdict && strcmp(verdict, "pass") == 0;
}

/* The row of the point of runs[first]; NULL when an earlier run stands for it. */
static json_t *row_of(json_t *runs, size_t first)
{
    json_t *point = json_object_get(json_array_get(runs, first), "point"), *row;
    json_t **same = calloc(json_array_size(runs), sizeof *same);
    size_t n = 0, before = 0;
    const char *label;

    for (size_t i = 0; i < json_array_size(runs); i++) {
        json_t *run = json_array_get(runs, i);

        if (!passed(run) || !json_equal(json_object_get(run, "point"), point))
            continue;
        before += i < first;
        same[n++] = run;
    }
    if (before > 0) {
        free(same);
        return NULL;
    }
    row = merge(same, n);
    label = json_string_value(json_object_get(same[0], "label"));
    if (!label || !*label)
        label = json_string_value(json_object_get(same[0], "flavor"));
    if (n > 1)
        json_object_set_new(row, "label", json_sprintf("%s (median of %zu)", label, n));
    json_object_set_new(row, "repeat", json_integer(0));
    free(same);
    return row;
}

json_t *report_rows(json_t *runs)
{
    json_t *rows = json_array(), *run;
    size_t i;

    json_array_foreach (runs, i, run) {
        json_t *row = passed(run) ? row_of(runs, i) : json_incref(run);

        if (row)
            json_array_append_new(rows, row);
    }
    return rows;
}
