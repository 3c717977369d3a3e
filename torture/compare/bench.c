#include "bench.h"

#include "comparison.h"
#include "metric.h"
#include "statistics.h"
#include "torture/result/left_out.h"
#include "torture/result/verdict.h"
#include "torture/scenario/document.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define OURS "stillpoint"
#define SEED 1

/* --- The rows --- */

/* Limits are what the machine takes at least for the same: so many of one of its own. */
static const struct row {
    const char *group, *text;
    const char *scenario, *part;
    const char *where; /* JSON: of the points only these; NULL: all */
    const char *metric;
    const char *limit;
    double limits;
} rows[] = {
    {"pair", "lock and unlock, beyond the loop", "peers", "pair", NULL, "read_side.over_empty.p50",
     NULL, 0},
    {"pair", "the same of an online thread", "peers", "online-pair", NULL,
     "read_side.qsbr_over_empty.p50", NULL, 0},
    {"grace-periods", "one looping reader, p50", "peers", "one-reader", NULL, "gp.total.p50",
     "limit.transfer.p50", 2},
    {"grace-periods", "one looping reader, mean", "peers", "one-reader", NULL, "gp.total.mean",
     "limit.transfer.p50", 2},
    {"grace-periods", "one looping online reader, p50", "peers", "one-online-reader", NULL,
     "gp.total.p50", "limit.transfer.p50", 2},
    {"grace-periods", "nobody inside", "peers", "nobody-inside", NULL, "gp.mean.p50",
     "limit.exchange.p50", 2},
    {"grace-periods", "4096 sleepers", "peers", "sleepers", NULL, "gp.mean.p50",
     "limit.exchange.p50", 2},
    {"grace-periods", "64 callers", "peers", "updaters", NULL, "rate.gps", NULL, 0},
    {"callbacks", "call_rcu, queue filled first", "peers", "queue", NULL, "call_rcu.queue.p50",
     "limit.exchange.p50", 1},
    {"callbacks", "a callback of a full queue", "peers", "queue", NULL, "call_rcu.call.p50", NULL,
     0},
    {"callbacks", "call_rcu, consumer at work", "peers", "queue-at-work", NULL,
     "call_rcu.queue.p50", "limit.exchange.p50", 1},
    {"callbacks", "a callback, consumer at work", "peers", "queue-at-work", NULL,
     "call_rcu.whole.p50", "limit.exchange.p50", 1},
    {"callbacks", "call_rcu, two producers", "peers", "two-queue-at-work", NULL,
     "call_rcu.queue.p50", "limit.transfer.p50", 1},
    {"callbacks", "a callback, two producers", "peers", "two-queue-at-work", NULL,
     "call_rcu.whole.p50", "limit.transfer.p50", 1},
#define SECTIONS(vcpus, rest)                                                                      \
    {"exclusive",                                                                                  \
     "start_exclusive, " #vcpus " vCPUs, rest " rest ", p50",                                      \
     "exclusive-classic",                                                                          \
     NULL,                                                                                         \
     "{\"exclusive-latency.vcpus\": " #vcpus ", \"exclusive-latency.rest\": \"" rest "\"}",        \
     "exclusive.enter.p50",                                                                        \
     NULL,                                                                                         \
     0},                                                                                           \
    {                                                                                              \
        "exclusive", "start_exclusive, " #vcpus " vCPUs, rest " rest ", p99", "exclusive-classic", \
            NULL,                                                                                  \
            "{\"exclusive-latency.vcpus\": " #vcpus ", \"exclusive-latency.rest\": \"" rest "\"}", \
            "exclusive.enter.p99", NULL, 0                                                         \
    }
    SECTIONS(1, "0s"),
    SECTIONS(4, "0s"),
    SECTIONS(16, "0s"),
    SECTIONS(64, "0s"),
    SECTIONS(1, "1ms"),
    SECTIONS(4, "1ms"),
    SECTIONS(16, "1ms"),
    SECTIONS(64, "1ms"),
#undef SECTIONS
};

#define ROW_COUNT (sizeof rows / sizeof *rows)

const char *const bench_groups[] = {"pair", "grace-periods", "callbacks", "exclusive", NULL};

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
    struct bench_source *sources = calloc(ROW_COUNT + 2, sizeof *sources);

    if (!sources)
        abort();
    for (size_t i = 0; i < ROW_COUNT; i++) {
        bool wanted = count == 0;

        for (size_t j = 0; j < count; j++)
            wanted = wanted || strcmp(groups[j], rows[i].group) == 0;
        if (wanted)
            add_source(sources, rows[i].scenario, rows[i].part);
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

static bool is_at(json_t *run, json_t *where)
{
    json_t *point = json_object_get(run, "point"), *wanted;
    const char *key;

    json_object_foreach (where, key, wanted)
        if (!json_equal(json_object_get(point, key), wanted))
            return false;
    return true;
}

/* Of the repeats of a flavor at the row's point, in their order; NAN where one does not count. */
static double *values_of(json_t *result, const struct row *row, const char *flavor, size_t *count)
{
    json_t *where = row->where ? json_loads(row->where, 0, NULL) : NULL, *run;
    double *values = calloc(json_array_size(json_object_get(result, "runs")) + 1, sizeof *values);
    size_t i;

    if (!values)
        abort();
    *count = 0;
    json_array_foreach (json_object_get(result, "runs"), i, run) {
        double value;

        if (strcmp(document_text(run, "flavor"), flavor) != 0 || !is_at(run, where) ||
            strcmp(document_text(run, "verdict"), "skipped") == 0)
            continue;
        if (!left_out_is_not(run) || !verdict_metric(run, row->metric, &value) || value < 0)
            value = NAN;
        values[(*count)++] = value;
    }
    json_decref(where);
    return values;
}

static double median_of_counted(const double *values, size_t count)
{
    double *kept = calloc(count + 1, sizeof *kept), result = NAN;
    size_t n = 0;

    if (!kept)
        abort();
    for (size_t i = 0; i < count; i++)
        if (!isnan(values[i]))
            kept[n++] = values[i];
    if (n > 0)
        result = median_of(kept, n);
    free(kept);
    return result;
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
    json_object_set_new(cell, "value", number(median_of_counted(peers, peer_count)));
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
        bool found = strcmp(document_text(run, "flavor"), OURS) == 0;
        size_t j;

        json_array_foreach (flavors, j, known)
            found = found || json_equal(known, flavor);
        if (!found)
            json_array_append(flavors, flavor);
    }
}

static double limit_of(json_t *results, const struct row *row)
{
    static const struct row any = {.metric = NULL};
    json_t *result = result_of(results, "limits", NULL);
    struct row limit = any;
    double *values, median;
    size_t count;

    if (!row->limit || !result)
        return NAN;
    limit.metric = row->limit;
    values = values_of(result, &limit, OURS, &count);
    median = median_of_counted(values, count);
    free(values);
    return row->limits * median;
}

static json_t *judge_row(json_t *results, const struct row *row, json_t *flavors)
{
    json_t *result = result_of(results, row->scenario, row->part), *cells = json_object(), *flavor;
    size_t count, i;
    double *ours = values_of(result, row, OURS, &count);
    json_t *judged = json_pack("{ss ss ss so so}", "group", row->group, "row", row->text, "metric",
                               row->metric, "ours", number(median_of_counted(ours, count)), "limit",
                               number(limit_of(results, row)));

    json_array_foreach (flavors, i, flavor) {
        const char *name = json_string_value(flavor);
        size_t peer_count;
        double *peers = values_of(result, row, name, &peer_count);

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

json_t *bench_judge(json_t *results)
{
    json_t *flavors = json_array(), *list = json_array(), *one;
    size_t i;

    json_array_foreach (results, i, one)
        add_flavors(flavors, json_object_get(one, "result"));
    for (i = 0; i < ROW_COUNT; i++)
        if (result_of(results, rows[i].scenario, rows[i].part))
            json_array_append_new(list, judge_row(results, &rows[i], flavors));
    return json_pack("{ss so so}", "schema", "stillpoint-bench/1", "flavors", flavors, "rows",
                     list);
}
