#include "figures.h"

#include "torture/result/interval.h"
#include "torture/result/left_out.h"
#include "torture/result/verdict.h"
#include "torture/scenario/document.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool are_same(json_t *a, json_t *b)
{
    return json_is_number(a) && json_is_number(b) ? json_number_value(a) == json_number_value(b)
                                                  : json_equal(a, b);
}

static bool is_at(json_t *run, json_t *where)
{
    json_t *point = json_object_get(run, "point"), *wanted;
    const char *key;

    json_object_foreach (where, key, wanted) {
        json_t *value = json_object_get(point, key);

        if (!value && strncmp(key, "library.", 8) == 0)
            continue;
        if (!are_same(value, wanted))
            return false;
    }
    return true;
}

double *figures_of(json_t *result, const char *flavor, json_t *where, const char *metric,
                   size_t *count)
{
    json_t *runs = json_object_get(result, "runs"), *run;
    double *figures = calloc(json_array_size(runs) + 1, sizeof *figures);
    size_t i;

    if (!figures)
        abort();
    *count = 0;
    json_array_foreach (runs, i, run) {
        double value;

        if (strcmp(document_text(run, "flavor"), flavor) != 0 || !is_at(run, where) ||
            strcmp(document_text(run, "verdict"), "skipped") == 0)
            continue;
        if (!left_out_is_not(run) || !verdict_metric(run, metric, &value) || value < 0)
            value = NAN;
        figures[(*count)++] = value;
    }
    return figures;
}

double median_of_figures(const double *figures, size_t count)
{
    double *kept = calloc(count + 1, sizeof *kept), result = NAN;
    size_t n = 0;

    if (!kept)
        abort();
    for (size_t i = 0; i < count; i++)
        if (!isnan(figures[i]))
            kept[n++] = figures[i];
    if (n > 0)
        result = median_of(kept, n);
    free(kept);
    return result;
}

double figure_median(json_t *result, const char *flavor, json_t *where, const char *metric)
{
    size_t count;
    double *figures = figures_of(result, flavor, where, metric, &count);
    double median = median_of_figures(figures, count);

    free(figures);
    return median;
}
