#include "bench.h"

#include "bench_rows.h"
#include "comparison.h"
#include "figures.h"
#include "metric.h"
#include "statistics.h"
#include "torture/record/text.h"
#include "torture/scenario/document.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define OURS    "stillpoint"
#define NOTHING "null" /* the flavor that does nothing */
#define SEED    1

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static void add_source(struct bench_source *sources, const char *scenario, const char *part)
{
    size_t i = 0;

    for (; sources[i].scenario; i++)
        if (strcmp(sources[i].scenario, scenario) == 0 && same_text(sources[i].part, part))
            return;
    sources[i] = (struct bench_source){scenario, part};
}

struct bench_source *bench_sources(const char *const *groups, size_t count)
{
    struct bench_source *sources = calloc(bench_row_count + 2, sizeof *sources);

    if (!sources)
        abort();
    for (size_t i = 0; i < bench_row_count; i++) {
        const struct bench_row *row = &bench_rows[i];
        bool wanted = count == 0;

        for (size_t j = 0; j < count; j++)
            wanted = wanted || strcmp(groups[j], row->group) == 0;
        if (wanted)
            add_source(sources, row->scenario, row->part);
    }
    add_source(sources, "limits", NULL);
    return sources;
}

/* --- Figures --- */

static json_t *result_of(json_t *results, const char *scenario, const char *part)
{
    json_t *one;
    size_t i;

    json_array_foreach (results, i, one)
        if (strcmp(document_text(one, "scenario"), scenario) == 0 &&
            strcmp(document_text(one, "part"), part ? part : "") == 0)
            return json_object_get(one, "result");
    return NULL;
}

static json_t *point_of(const char *text)
{
    return text ? json_loads(text, 0, NULL) : NULL;
}

static double *values_at(json_t *result, const char *flavor, const struct bench_row *row,
                         size_t *count)
{
    json_t *where = point_of(row->where);
    double *values = figures_of(result, flavor, where, row->metric, count);

    json_decref(where);
    return values;
}

static double median_at(json_t *result, const char *flavor, const char *at, const char *metric)
{
    json_t *where = point_of(at);
    double median = figure_median(result, flavor, where, metric);

    json_decref(where);
    return median;
}

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

/* How many times ours it costs, pair by pair; null where ours costs nothing. */
static json_t *judge_cell(const double *ours, size_t our_count, const double *peers,
                          size_t peer_count, bool more_is_better)
{
    size_t most = our_count < peer_count ? our_count : peer_count, count = 0;
    double *base = calloc(most + 1, sizeof *base), *fresh = calloc(most + 1, sizeof *fresh);
    json_t *cell = json_object();

    if (!base || !fresh)
        abort();
    for (size_t i = 0; i < most; i++) {
        if (!(ours[i] > 0) || !(peers[i] > 0))
            continue;
        base[count] = more_is_better ? peers[i] : ours[i];
        fresh[count++] = more_is_better ? ours[i] : peers[i];
    }
    json_object_set_new(cell, "value", number(median_of_figures(peers, peer_count)));
    if (count > 0) {
        struct pairs pairs = {.base = base, .fresh = fresh, .count = count};

        json_object_set_new(cell, "ratio", json_real(ratio_of_medians(&pairs)));
        if (count >= COMPARISON_PAIRS) {
            struct interval in = interval_of_ratio(&pairs, SEED, INTERVAL_DRAWS);

            json_object_set_new(cell, "interval", json_pack("[f, f]", in.low, in.high));
        }
    }
    json_object_set_new(cell, "pairs", json_integer((json_int_t)count));
    free(base);
    free(fresh);
    return cell;
}

static void add_flavors(json_t *flavors, json_t *result)
{
    json_t *run;
    size_t i;

    json_array_foreach (json_object_get(result, "runs"), i, run) {
        json_t *flavor = json_object_get(run, "flavor"), *known;
        const char *name = document_text(run, "flavor");
        bool found = strcmp(name, OURS) == 0 || strcmp(name, NOTHING) == 0;
        size_t j;

        json_array_foreach (flavors, j, known)
            found = found || json_equal(known, flavor);
        if (!found)
            json_array_append(flavors, flavor);
    }
}

static double limit_of(json_t *results, json_t *result, const struct bench_row *row)
{
    double times = row->limits > 0 ? row->limits : 1;

    if (row->limit && strncmp(row->limit, "limit.", 6) == 0)
        return times * median_at(result_of(results, "limits", NULL), OURS, NULL, row->limit);
    if (row->limit || row->limit_where)
        return times * median_at(result, OURS, row->limit_where ? row->limit_where : row->where,
                                 row->limit ? row->limit : row->metric);
    return median_at(result, NOTHING, row->where, row->metric);
}

static json_t *judge_row(json_t *results, const struct bench_row *row, json_t *flavors)
{
    json_t *result = result_of(results, row->scenario, row->part), *cells = json_object(), *flavor;
    size_t count, i;
    double *ours = values_at(result, OURS, row, &count);
    json_t *judged = json_pack("{ss ss ss so so}", "group", row->group, "row", row->text, "metric",
                               row->metric, "ours", number(median_of_figures(ours, count)), "limit",
                               number(limit_of(results, result, row)));

    json_array_foreach (flavors, i, flavor) {
        const char *name = json_string_value(flavor);
        size_t peer_count;
        double *peers = values_at(result, name, row, &peer_count);

        if (peer_count > 0)
            json_object_set_new(
                cells, name,
                judge_cell(ours, count, peers, peer_count, metric_more_is_better(row->metric)));
        free(peers);
    }
    json_object_set_new(judged, "peers", cells);
    free(ours);
    return judged;
}

/* {"limit.loop": 312.0, ...}: medians, as the workload has them. */
static json_t *limits_of(json_t *results)
{
    json_t *result = result_of(results, "limits", NULL), *limits = json_object(), *ignored;
    json_t *run = json_array_get(json_object_get(result, "runs"), 0);
    const char *name;

    json_object_foreach (json_object_get(run, "latency"), name, ignored) {
        char *metric = text_format("%s.p50", name);

        json_object_set_new(limits, name, number(median_at(result, OURS, NULL, metric)));
        free(metric);
    }
    return limits;
}

json_t *bench_judge(json_t *results)
{
    json_t *flavors = json_array(), *list = json_array(), *one;
    size_t i;

    json_array_foreach (results, i, one)
        add_flavors(flavors, json_object_get(one, "result"));
    for (i = 0; i < bench_row_count; i++)
        if (result_of(results, bench_rows[i].scenario, bench_rows[i].part))
            json_array_append_new(list, judge_row(results, &bench_rows[i], flavors));
    return json_pack("{ss so so so}", "schema", "stillpoint-bench/1", "flavors", flavors, "limits",
                     limits_of(results), "rows", list);
}
