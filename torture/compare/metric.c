#include "metric.h"

#include "torture/record/text.h"
#include "torture/result/headline.h"
#include "torture/result/left_out.h"
#include "torture/result/part.h"
#include "torture/result/report.h"
#include "torture/result/verdict.h"
#include "torture/scenario/document.h"
#include "torture/scenario/parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A p99 of fewer is one of its largest values. */
#define LEAST_FOR_P99 1000

bool metric_more_is_better(const char *name)
{
    return strncmp(name, "rate.", 5) == 0;
}

bool metric_is_time(const char *name)
{
    return verdict_metric_unit(name) == METRIC_NS;
}

const char *metric_text(const char *name, double value, char *buffer)
{
    return report_metric(name, value, buffer);
}

/* --- Which --- */

static bool is_known(const struct metrics *m, const char *name, json_t *point)
{
    for (size_t i = 0; i < m->count; i++)
        if (strcmp(m->all[i].name, name) == 0 && json_equal(m->all[i].point, point))
            return true;
    return false;
}

/* When the run has it. Takes the name. */
static void add(struct metrics *m, json_t *run, char *name)
{
    json_t *point = json_object_get(run, "point");
    double value;

    if (!verdict_metric(run, name, &value) || is_known(m, name, point)) {
        free(name);
        return;
    }
    m->all = realloc(m->all, (m->count + 1) * sizeof *m->all);
    if (!m->all)
        abort();
    m->all[m->count++] = (struct metric){
        .name = name, .label = strdup(document_text(run, "label")), .point = json_incref(point)};
}

/* Means of many. Where the CPU is shared with another virtual machine they take half as long again
 * for up to a second, and then as long as before: the fast ones are the code's, the slow ones
 * the neighbour's. */
static bool is_of_batches(json_t *latency)
{
    return latency && strcmp(document_text(latency, "unit"), "ps") == 0;
}

static void add_usual(struct metrics *m, json_t *run, const char *headline, json_t *budgets)
{
    json_t *latency = headline ? json_object_get(json_object_get(run, "latency"), headline) : NULL;
    json_t *budget;
    size_t i;

    if (latency)
        add(m, run, text_format("%s.%s", headline, is_of_batches(latency) ? "p10" : "p50"));
    if (!is_of_batches(latency) &&
        json_integer_value(json_object_get(latency, "count")) >= LEAST_FOR_P99)
        add(m, run, text_format("%s.p99", headline));
    json_array_foreach (budgets, i, budget)
        add(m, run, strdup(document_text(budget, "metric")));
}

static bool is_of_part(json_t *run, const char *part)
{
    return !part || strcmp(document_text(json_object_get(run, "point"), PART_KEY), part) == 0;
}

static void add_of_result(struct metrics *m, json_t *result, const char *const *wanted)
{
    json_t *part, *run;
    size_t i;

    for (size_t index = 0; (part = result_part(result, index)) != NULL; index++) {
        const char *name = result_part_name(result, index);
        json_t *order = headline_order(part);
        json_t *budgets = json_object_get(json_object_get(part, "scenario"), "budgets");

        json_array_foreach (json_object_get(result, "runs"), i, run) {
            if (!is_of_part(run, name))
                continue;
            for (size_t k = 0; wanted && wanted[k]; k++)
                add(m, run, strdup(wanted[k]));
            if (!wanted)
                add_usual(m, run, headline_of(order, run), budgets);
        }
        json_decref(order);
        json_decref(part);
    }
}

/* --- How much --- */

static double value_in(json_t *run, const char *name)
{
    double value;

    return left_out_is_not(run) && verdict_metric(run, name, &value) && value >= 0 ? value : NAN;
}

static double *append(double *values, size_t *count, double value)
{
    values = realloc(values, (*count + 1) * sizeof *values);
    if (!values)
        abort();
    values[(*count)++] = value;
    return values;
}

static double *values_of(const struct side *s, const struct metric *metric, size_t *count)
{
    double *values = NULL;
    json_t *result, *run;
    size_t i, j;

    *count = 0;
    json_array_foreach (s->results, i, result) {
        size_t before = *count;

        json_array_foreach (json_object_get(result, "runs"), j, run)
            if (json_equal(json_object_get(run, "point"), metric->point))
                values = append(values, count, value_in(run, metric->name));
        /* Or what comes later would stand beside the wrong turn of the other side. */
        if (*count == before)
            values = append(values, count, NAN);
    }
    return values;
}

void metrics_collect(struct metrics *m, const struct side *base, const struct side *fresh,
                     const char *const *wanted)
{
    json_t *result;
    size_t i;

    *m = (struct metrics){.all = NULL};
    json_array_foreach (base->results, i, result)
        add_of_result(m, result, wanted);
    json_array_foreach (fresh->results, i, result)
        add_of_result(m, result, wanted);
    for (i = 0; i < m->count; i++) {
        m->all[i].base = values_of(base, &m->all[i], &m->all[i].base_count);
        m->all[i].fresh = values_of(fresh, &m->all[i], &m->all[i].fresh_count);
    }
}

void metrics_free(struct metrics *m)
{
    for (size_t i = 0; i < m->count; i++) {
        free(m->all[i].name);
        free(m->all[i].label);
        json_decref(m->all[i].point);
        free(m->all[i].base);
        free(m->all[i].fresh);
    }
    free(m->all);
    *m = (struct metrics){.all = NULL};
}
