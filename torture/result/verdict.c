#include "verdict.h"

#include "torture/record/duration.h"
#include "torture/record/workload.h"
#include "torture/scenario/parts.h"
#include "torture/scenario/scenario_keys.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *text_of(json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

static bool is(json_t *object, const char *key, const char *value)
{
    return strcmp(text_of(object, key), value) == 0;
}

/* A count by name: the library's statistics first, then the workloads' counters. */
static bool count_named(json_t *run, const char *name, json_int_t *count)
{
    json_t *value = json_object_get(json_object_get(run, "library"), name), *workload;
    const char *key;
    bool found = value != NULL;

    *count = json_integer_value(value);
    if (found)
        return true;
    json_object_foreach (json_object_get(run, "counters"), key, workload) {
        value = json_object_get(workload, name);
        if (value) {
            *count += json_integer_value(value);
            found = true;
        }
    }
    return found;
}

/* Adds what there is too much of, by the workloads' tables. */
static void judge_shares(json_t *run, json_t *missing)
{
    json_t *counts;
    const char *name;

    json_object_foreach (json_object_get(run, "counters"), name, counts) {
        const struct workload *w = workload_named(name);

        for (size_t i = 0; w && i < w->counter_count; i++) {
            const struct counter *c = &w->counters[i];
            json_int_t part = json_integer_value(json_object_get(counts, c->name));
            json_int_t all =
                c->share_of ? json_integer_value(json_object_get(counts, c->share_of)) : 0;

            if (all > 0 && (double)part > c->share_max * (double)all)
                json_array_append_new(
                    missing, json_sprintf("%lld of %lld %s %s (%.1f %%, at most %.0f %%)",
                                          (long long)part, (long long)all, c->share_of, c->too_many,
                                          100 * (double)part / (double)all, 100 * c->share_max));
        }
    }
}

/* Whether anything in it tries to break the code under test; what only measures checks nothing. */
static bool is_torture(json_t *run)
{
    json_t *counts;
    const char *name;

    json_object_foreach (json_object_get(run, "counters"), name, counts) {
        const struct workload *w = workload_named(name);

        if (!w || !w->bench)
            return true;
    }
    return false;
}

void verdict_of_run(json_t *run, json_t *require, json_t *declared)
{
    json_t *coverage = json_object(), *missing = json_array(), *least, *name;
    bool torture = is_torture(run);
    const char *key, *verdict;
    json_int_t checks;
    size_t i;

    json_array_foreach (declared, i, name) {
        json_int_t count;

        if (count_named(run, json_string_value(name), &count))
            json_object_set_new(coverage, json_string_value(name), json_integer(count));
    }
    json_object_foreach (require, key, least) {
        json_int_t count = 0;

        /* The scenario's reader knows the name: other flavors of the sweep have it. */
        if (!count_named(run, key, &count) &&
            json_object_size(json_object_get(run, "counters")) > 0) {
            json_array_append_new(json_object_get(run, "notes"),
                                  json_sprintf("/require/%s: left out, flavor \"%s\" does not "
                                               "count that",
                                               key, text_of(run, "flavor")));
            continue;
        }
        json_object_set_new(coverage, key, json_integer(count));
        if (count < json_integer_value(least))
            json_array_append_new(missing, json_sprintf("%s was reached %lld times, %lld required",
                                                        key, (long long)count,
                                                        (long long)json_integer_value(least)));
    }
    judge_shares(run, missing);
    if (torture && !(count_named(run, "checks", &checks) && checks > 0))
        json_array_append_new(missing, json_string("nothing was checked"));
    verdict = json_array_size(json_object_get(run, "findings")) > 0 ? "violation"
              : json_array_size(missing) > 0                        ? "inconclusive"
              : torture                                             ? "pass"
                                                                    : "measured";
    json_object_set_new(run, "coverage", coverage);
    json_object_set_new(run, "missing", missing);
    json_object_set_new(run, "verdict", json_string(verdict));
}

bool verdict_is_good(json_t *run)
{
    return is(run, "verdict", "pass") || is(run, "verdict", "measured");
}

/* --- Metrics and budgets --- */

static bool latency_metric(json_t *run, const char *metric, double *value)
{
    const char *dot = strrchr(metric, '.'), *what;
    json_t *latency, *figure;
    char *name;

    if (!dot)
        return false;
    what = dot + 1;
    /* "p99.9" has a dot of its own. */
    if (*what >= '0' && *what <= '9')
        for (what = dot; what > metric && !(what[-1] == '.' && what[0] == 'p'); what--)
            ;
    name = strndup(metric, (size_t)(what - metric) - (what > metric ? 1 : 0));
    latency = json_object_get(json_object_get(run, "latency"), name);
    free(name);
    if (!latency)
        return false;
    figure = *what == 'p' ? json_object_get(json_object_get(latency, "percentiles"), what + 1)
                          : json_object_get(latency, what);
    /* Nanoseconds, whatever the unit: limits are durations. */
    *value = json_number_value(figure) / (is(latency, "unit", "ps") ? 1000 : 1);
    return json_is_number(figure);
}

bool verdict_metric(json_t *run, const char *metric, double *value)
{
    json_int_t count;

    if (strncmp(metric, "library.", 8) == 0) {
        json_t *figure = json_object_get(json_object_get(run, "library"), metric + 8);

        *value = json_number_value(figure);
        return figure != NULL;
    }
    if (strncmp(metric, "counters.", 9) == 0) {
        const char *dot = strchr(metric + 9, '.');
        char *workload = dot ? strndup(metric + 9, (size_t)(dot - metric) - 9) : NULL;
        json_t *counters =
            json_object_get(json_object_get(run, "counters"), workload ? workload : "");
        json_t *figure = dot ? json_object_get(counters, dot + 1) : NULL;

        free(workload);
        *value = json_number_value(figure);
        return figure != NULL;
    }
    if (strncmp(metric, "rate.", 5) == 0) {
        double seconds = json_number_value(json_object_get(run, "seconds"));
        const char *dot = strchr(metric + 5, '.');

        if (dot) {
            char *workload = strndup(metric + 5, (size_t)(dot - metric) - 5);

            json_t *counter = json_object_get(
                json_object_get(json_object_get(run, "counters"), workload), dot + 1);

            free(workload);
            if (!counter)
                return false;
            count = json_integer_value(counter);
        } else if (!count_named(run, metric + 5, &count)) {
            return false;
        }
        if (seconds <= 0)
            return false;
        *value = (double)count / seconds;
        return true;
    }
    return latency_metric(run, metric, value);
}

static int ascending(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;

    return (a > b) - (a < b);
}

/* Whether a key has a value at all points, because it is not swept, or no longer: --set gave it
 * one. */
static bool is_everywhere(json_t *scenario, const char *key, json_t *value)
{
    json_t *pointers = key_pointers(scenario, key);
    const char *pointer = json_string_value(json_array_get(pointers, 0));
    bool equal = pointer && json_equal(pointer_get(scenario, pointer), value);

    json_decref(pointers);
    return equal;
}

static bool matches(json_t *scenario, json_t *point, json_t *selection)
{
    const char *key;
    json_t *wanted;

    json_object_foreach (selection, key, wanted) {
        json_t *swept = json_object_get(point, key);

        if (swept ? !json_equal(swept, wanted) : !is_everywhere(scenario, key, wanted))
            return false;
    }
    return true;
}

/* The median of a metric over the repeats of one point. */
static bool median_at(json_t *runs, json_t *point, const char *metric, double *median)
{
    double *values = calloc(json_array_size(runs) + 1, sizeof *values);
    size_t i, n = 0;
    json_t *run;

    json_array_foreach (runs, i, run)
        if (!is(run, "verdict", "skipped") && json_equal(json_object_get(run, "point"), point) &&
            verdict_metric(run, metric, &values[n]))
            n++;
    qsort(values, n, sizeof *values, ascending);
    if (n > 0)
        *median = n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
    free(values);
    return n > 0;
}

static double limit_of(json_t *limit, double otherwise)
{
    int64_t ns;

    if (json_is_number(limit))
        return json_number_value(limit);
    return json_is_string(limit) && duration_parse(json_string_value(limit), &ns) ? (double)ns
                                                                                  : otherwise;
}

/* The point that a point is compared with; NULL when it names a value that no point has. */
static json_t *base_of(json_t *scenario, json_t *point, json_t *ratio_to)
{
    json_t *base = json_copy(point), *wanted;
    const char *key;

    json_object_foreach (ratio_to, key, wanted) {
        if (json_object_get(base, key)) {
            json_object_set(base, key, wanted);
        } else if (!is_everywhere(scenario, key, wanted)) {
            json_decref(base);
            return NULL;
        }
    }
    return base;
}

/* Why nothing was measured at a point (NULL: there is none), which is nobody's fault; NULL when
 * there is a run that was more than skipped. */
static const char *absence(json_t *runs, json_t *point)
{
    const char *why = "was not run";
    json_t *run;
    size_t i;

    json_array_foreach (runs, i, run) {
        if (!point || !json_equal(json_object_get(run, "point"), point))
            continue;
        if (!is(run, "verdict", "skipped"))
            return NULL;
        why = "was skipped";
    }
    return why;
}

/* A budget without a figure, which is not met. */
static json_t *not_measured(json_t *budget)
{
    return json_pack("{sO s{} sn sb}", "metric", json_object_get(budget, "metric"), "point",
                     "value", "ok", false);
}

/* One that cannot be judged here. Takes the reason. */
static json_t *skipped(json_t *budget, json_t *point, json_t *reason)
{
    json_t *result =
        json_pack("{sO sO sn sb sb so}", "metric", json_object_get(budget, "metric"), "point",
                  point, "value", "ok", true, "skipped", true, "reason", reason);
    json_t *ratio_to = json_object_get(budget, "ratio_to");

    if (ratio_to)
        json_object_set(result, "ratio_to", ratio_to);
    return result;
}

/* One that selects no point; what it selects by stands for it. */
static json_t *skipped_everywhere(json_t *budget, const char *reason)
{
    json_t *where = json_object_get(budget, "where");
    json_t *point = where ? json_incref(where) : json_object();
    json_t *result = skipped(budget, point, json_string(reason));

    json_decref(point);
    return result;
}

/* NULL when there is nothing to judge by. */
static json_t *judge(json_t *runs, json_t *scenario, json_t *budget, json_t *point)
{
    const char *metric = text_of(budget, "metric");
    json_t *ratio_to = json_object_get(budget, "ratio_to");
    double most = limit_of(json_object_get(budget, "max"), INFINITY);
    double least = limit_of(json_object_get(budget, "min"), -INFINITY);
    double value = 0, base = 0;
    const char *absent = absence(runs, point);
    json_t *result;

    if (absent)
        return skipped(budget, point, json_sprintf("the point %s", absent));
    if (!median_at(runs, point, metric, &value))
        return NULL;
    if (ratio_to) {
        json_t *other = base_of(scenario, point, ratio_to);
        bool known;

        absent = absence(runs, other);
        known = !absent && median_at(runs, other, metric, &base) && base > 0;
        json_decref(other);
        if (absent)
            return skipped(budget, point, json_sprintf("what it is compared with %s", absent));
        if (!known)
            return NULL;
        value /= base;
    }
    result = json_pack("{ss sO sf sb}", "metric", metric, "point", point, "value", value, "ok",
                       value <= most && value >= least);
    if (ratio_to)
        json_object_set(result, "ratio_to", ratio_to);
    if (isfinite(most))
        json_object_set_new(result, "max", json_real(most));
    if (isfinite(least))
        json_object_set_new(result, "min", json_real(least));
    return result;
}

/* Judges every budget at every point that it selects; a point that it is compared with is left out.
 * One that finds no figure anywhere, although something ran at its points, is not met. */
static json_t *judge_all(json_t *runs, json_t *scenario)
{
    json_t *results = json_array(), *budgets = json_object_get(scenario, "budgets"), *budget, *run;
    size_t i, j;

    json_array_foreach (budgets, i, budget) {
        json_t *seen = json_array(), *known;
        json_t *ratio_to = json_object_get(budget, "ratio_to");
        bool judged = false, is_skipped = false, open = false, base_only = false;

        json_array_foreach (runs, j, run) {
            json_t *point = json_object_get(run, "point"), *result;
            bool before = false;
            size_t k;

            json_array_foreach (seen, k, known)
                before = before || json_equal(known, point);
            if (before || !matches(scenario, point, json_object_get(budget, "where")))
                continue;
            json_array_append(seen, point);
            if (ratio_to && matches(scenario, point, ratio_to)) {
                base_only = true;
                continue;
            }
            result = judge(runs, scenario, budget, point);
            if (!result) {
                open = true;
                continue;
            }
            json_array_append_new(results, result);
            if (json_object_get(result, "skipped"))
                is_skipped = true;
            else
                judged = true;
        }
        json_decref(seen);
        if (!judged && open)
            json_array_append_new(results, not_measured(budget));
        else if (!judged && !is_skipped)
            json_array_append_new(
                results,
                skipped_everywhere(budget, base_only ? "only what it is compared with was run"
                                                     : "no such point was run"));
    }
    return results;
}

/* Each part's budgets, by its own runs. */
static json_t *judge_parts(json_t *runs, json_t *scenario)
{
    json_t *parts = json_object_get(scenario, "parts"), *results = json_array(), *part, *run;
    size_t i, j;

    if (!parts) {
        json_decref(results);
        return judge_all(runs, scenario);
    }
    json_array_foreach (parts, i, part) {
        json_t *own = json_array(), *judged;

        json_array_foreach (runs, j, run)
            if (json_equal(json_object_get(json_object_get(run, "point"), PART_KEY),
                           json_object_get(part, "name")))
                json_array_append(own, run);
        judged = judge_all(own, part);
        json_array_extend(results, judged);
        json_decref(judged);
        json_decref(own);
    }
    return results;
}

/* What is clean of all runs, or of those of one point: those that passed. No bound where one did
 * not hold. Seconds. */
static double clean_seconds(json_t *runs, json_t *point, bool *violated)
{
    double clean = 0;
    json_t *run;
    size_t i;

    *violated = false;
    json_array_foreach (runs, i, run) {
        if (point && !json_equal(json_object_get(run, "point"), point))
            continue;
        *violated = *violated || is(run, "verdict", "violation");
        if (is(run, "verdict", "pass"))
            clean += json_number_value(json_object_get(run, "seconds"));
    }
    return clean;
}

static void add_confidence(json_t *to, json_t *runs, json_t *point)
{
    json_t *rates = json_object();
    bool violated;
    double clean = clean_seconds(runs, point, &violated);

    if (clean > 0 && !violated) {
        /* Failure-free for T: the rate is at most -ln(1 - P) / T at confidence P. */
        json_object_set_new(rates, "95", json_real(-log(1 - 0.95) / clean * 3600));
        json_object_set_new(rates, "99", json_real(-log(1 - 0.99) / clean * 3600));
    }
    json_object_set_new(to, "clean_seconds", json_real(clean));
    json_object_set_new(to, "max_failures_per_hour", rates);
}

/* One line for each skipped point, whatever its repeats; `told` holds those that are there. */
static void add_skip(json_t *reasons, json_t *told, json_t *run)
{
    const char *point = text_of(run, "label");
    json_t *line = json_sprintf("%s%sskipped: %s", point, *point ? ": " : "", text_of(run, "skip"));

    if (!json_object_get(told, json_string_value(line)))
        json_array_append(reasons, line);
    json_object_set_new(told, json_string_value(line), line);
}

json_t *verdict_overall(json_t *runs, json_t *scenario, json_t *reasons, bool cut_short)
{
    size_t i, violations = 0, inconclusive = cut_short ? 1 : 0, passed = 0, measured = 0, over = 0,
              figures = 0;
    json_t *verdict = json_object(), *run, *judged = judge_parts(runs, scenario), *item;
    json_t *told = json_object();
    const char *correctness, *performance;
    int code;

    json_array_foreach (runs, i, run) {
        const char *point = text_of(run, "label");
        json_t *line;
        size_t j;

        if (is(run, "verdict", "skipped")) {
            add_skip(reasons, told, run);
            continue;
        }
        violations += is(run, "verdict", "violation");
        passed += is(run, "verdict", "pass");
        measured += is(run, "verdict", "measured");
        inconclusive += is(run, "verdict", "inconclusive");
        add_confidence(run, runs, json_object_get(run, "point"));
        json_array_foreach (json_object_get(run, "missing"), j, line)
            json_array_append_new(reasons, json_sprintf("%s%s%s", point, *point ? ": " : "",
                                                        json_string_value(line)));
    }
    json_decref(told);
    json_array_foreach (judged, i, item) {
        over += json_is_false(json_object_get(item, "ok"));
        figures += !json_object_get(item, "skipped");
    }
    correctness = violations     ? "violation"
                  : inconclusive ? "inconclusive"
                  : passed       ? "pass"
                  : measured     ? "measured"
                                 : "skipped";
    performance = figures == 0 || passed + measured + inconclusive == 0 ? "none"
                  : over                                                ? "exceeded"
                                                                        : "pass";
    code = violations                             ? EXIT_CODE_VIOLATION
           : inconclusive                         ? EXIT_CODE_INCONCLUSIVE
           : passed + measured == 0               ? EXIT_CODE_SKIPPED
           : strcmp(performance, "exceeded") == 0 ? EXIT_CODE_BUDGET
                                                  : EXIT_CODE_PASS;
    json_object_set_new(verdict, "correctness", json_string(correctness));
    json_object_set_new(verdict, "performance", json_string(performance));
    json_object_set_new(verdict, "exit_code", json_integer(code));
    json_object_set(verdict, "reasons", reasons);
    add_confidence(verdict, runs, NULL);
    json_object_set_new(verdict, "budgets", judged);
    return verdict;
}

const char *exit_code_meaning(int code)
{
    switch (code) {
    case EXIT_CODE_PASS:
        return "pass, or measured";
    case EXIT_CODE_VIOLATION:
        return "violation or stall found";
    case EXIT_CODE_INCONCLUSIVE:
        return "inconclusive";
    case EXIT_CODE_BUDGET:
        return "performance budget exceeded";
    case EXIT_CODE_USAGE:
        return "usage or configuration";
    case EXIT_CODE_SKIPPED:
        return "everything skipped";
    default:
        return "internal";
    }
}
