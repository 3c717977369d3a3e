/* Metrics, and budgets by them. */
#include "verdict.h"

#include "interval.h"
#include "left_out.h"
#include "torture/record/duration.h"
#include "torture/record/workload.h"
#include "torture/scenario/document.h"
#include "torture/scenario/parts.h"
#include "torture/scenario/scenario_keys.h"
#include "torture/scenario/settings.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is(json_t *object, const char *key, const char *value)
{
    return strcmp(document_text(object, key), value) == 0;
}

/* "p99.9" of "gp.p99.9"; NULL: it is of no latency, whose name becomes *name, on the heap. */
static const char *latency_figure(const char *metric, char **name)
{
    const char *dot = strrchr(metric, '.'), *what;

    if (!dot)
        return NULL;
    what = dot + 1;
    /* "p99.9" has a dot of its own. */
    if (*what >= '0' && *what <= '9')
        for (what = dot; what > metric && !(what[-1] == '.' && what[0] == 'p'); what--)
            ;
    *name = strndup(metric, (size_t)(what - metric) - (what > metric ? 1 : 0));
    return what;
}

static bool latency_metric(json_t *run, const char *metric, double *value)
{
    json_t *latency, *figure;
    const char *what;
    char *name;

    what = latency_figure(metric, &name);
    if (!what)
        return false;
    latency = json_object_get(json_object_get(run, "latency"), name);
    free(name);
    if (!latency)
        return false;
    figure = *what == 'p' ? json_object_get(json_object_get(latency, "percentiles"), what + 1)
                          : json_object_get(latency, what);
    /* Nanoseconds, whatever the unit of time: limits are durations. */
    *value = json_number_value(figure) / (is(latency, "unit", "ps") ? 1000 : 1);
    return json_is_number(figure);
}

/* Of the threads that led the grace periods. */
static bool cpu_of_a_gp(json_t *run, double *value)
{
    json_t *cost = json_object_get(run, "cost");
    json_t *cpu_ns = json_object_get(cost, "leaders_cpu_ns");
    double gps = json_number_value(json_object_get(cost, "gps"));

    *value = gps > 0 ? json_number_value(cpu_ns) / gps : 0;
    return cpu_ns && gps > 0;
}

enum metric_unit verdict_metric_unit(const char *metric)
{
    static const char *const counts[] = {"library.", "counters.", "rate.", NULL};
    const struct measure *measure;
    char *name = NULL;

    for (size_t i = 0; counts[i]; i++)
        if (strncmp(metric, counts[i], strlen(counts[i])) == 0)
            return strstr(metric, "_bytes") ? METRIC_BYTES : METRIC_COUNT;
    if (strcmp(metric, METRIC_PEAK_RSS) == 0)
        return METRIC_BYTES;
    measure = latency_figure(metric, &name) ? measure_named(name) : NULL;
    free(name);
    return measure && measure_is_of_bytes(measure) ? METRIC_BYTES : METRIC_NS;
}

bool verdict_metric(json_t *run, const char *metric, double *value)
{
    json_int_t count;

    if (strcmp(metric, METRIC_CPU_OF_GP) == 0)
        return cpu_of_a_gp(run, value);
    if (strcmp(metric, METRIC_PEAK_RSS) == 0) {
        *value = json_number_value(json_object_get(run, "peak_rss_bytes"));
        return json_object_get(run, "peak_rss_bytes") != NULL;
    }
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
        } else if (!verdict_count(run, metric + 5, &count)) {
            return false;
        }
        if (seconds <= 0)
            return false;
        *value = (double)count / seconds;
        return true;
    }
    return latency_metric(run, metric, value);
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

/* ---- Figures: of repeats, or ratios of pairs ---- */

struct sample {
    double *values;
    size_t count, left_out; /* left out: repeats or pairs that do not count */
    bool lacks_figure;      /* something counts, and nothing that counts has the figure */
    bool ratio;
};

/* Those of a point that were not skipped, in the order in which they ran. */
static json_t *runs_at(json_t *runs, json_t *point)
{
    json_t *at = json_array(), *run;
    size_t i;

    json_array_foreach (runs, i, run)
        if (json_equal(json_object_get(run, "point"), point) && !is(run, "verdict", "skipped"))
            json_array_append(at, run);
    return at;
}

/* Of the runs of a point, the i-th over the i-th of another (NULL: by itself): they alternate, so
 * that what is slow for both is in neither figure. */
static void sample_take(struct sample *s, json_t *runs, json_t *others, const char *metric)
{
    size_t n = json_array_size(runs);
    bool any = false, figure = false;

    if (others && json_array_size(others) < n)
        n = json_array_size(others); /* an interruption leaves one without the other */
    *s = (struct sample){.values = calloc(n + 1, sizeof *s->values), .ratio = others != NULL};
    for (size_t i = 0; i < n; i++) {
        json_t *run = json_array_get(runs, i), *other = json_array_get(others, i);
        double value, base = 1;
        bool counts = left_out_is_not(run) && (!other || left_out_is_not(other));
        bool has = counts && verdict_metric(run, metric, &value) &&
                   (!other || verdict_metric(other, metric, &base)) && base > 0;

        any = any || counts;
        figure = figure || has;
        if (has)
            s->values[s->count++] = value / base;
        else
            s->left_out++;
    }
    s->lacks_figure = any && !figure;
}

/* ---- Budgets ---- */

/* A budget without a figure, which is not met. */
static json_t *not_measured(json_t *budget)
{
    return json_pack("{sO s{} sn sb ss}", "metric", json_object_get(budget, "metric"), "point",
                     "value", "ok", false, "verdict", "unmeasured");
}

/* One that cannot be judged here. Takes the reason. */
static json_t *skipped(json_t *budget, json_t *point, json_t *reason)
{
    json_t *result = json_pack("{sO sO sn sb ss sb so}", "metric",
                               json_object_get(budget, "metric"), "point", point, "value", "ok",
                               true, "verdict", "skipped", "skipped", true, "reason", reason);
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

/* Why so few decide nothing, and what to do. */
static json_t *too_few(const struct sample *s)
{
    const char *what = s->ratio ? "pair" : "repeat", *plural = s->count == 1 ? "" : "s";
    size_t all = s->count + s->left_out;

    if (all < BUDGET_REPEATS)
        return json_sprintf("%zu %s%s, and it takes %d: set repeat to %d or more", s->count, what,
                            plural, BUDGET_REPEATS, BUDGET_REPEATS);
    return json_sprintf("%zu of %zu %ss count, and it takes %d: run it on an idle machine, or set "
                        "repeat higher",
                        s->count, all, what, BUDGET_REPEATS);
}

/* Adds the verdict, and what it goes by. */
static void conclude(json_t *result, struct sample *s, double least, double most, uint64_t seed)
{
    struct interval in = {.low = -INFINITY, .high = INFINITY};
    const char *verdict;

    json_object_set_new(result, "value",
                        s->count > 0 ? json_real(median_of(s->values, s->count)) : json_null());
    json_object_set_new(result, "count", json_integer((json_int_t)s->count));
    json_object_set_new(result, "left_out", json_integer((json_int_t)s->left_out));
    if (s->count >= BUDGET_REPEATS) {
        in = interval_of_median(s->values, s->count, seed);
        json_object_set_new(result, "interval", json_pack("[f, f]", in.low, in.high));
    } else {
        json_object_set_new(result, "reason", too_few(s));
    }
    verdict = in.low > most || in.high < least     ? "exceeded"
              : in.low >= least && in.high <= most ? "within"
                                                   : "undecided";
    if (s->count >= BUDGET_REPEATS && strcmp(verdict, "undecided") == 0)
        json_object_set_new(result, "reason",
                            json_string("the limit lies inside: set repeat higher, or run it on an "
                                        "idle machine"));
    json_object_set_new(result, "verdict", json_string(verdict));
    json_object_set_new(result, "ok", json_boolean(strcmp(verdict, "exceeded") != 0));
}

/* NULL when there is nothing to judge by. */
static json_t *judge(json_t *runs, json_t *scenario, json_t *budget, json_t *point)
{
    json_t *ratio_to = json_object_get(budget, "ratio_to"), *result = NULL, *here, *there = NULL;
    double most = limit_of(json_object_get(budget, "max"), INFINITY);
    double least = limit_of(json_object_get(budget, "min"), -INFINITY);
    uint64_t seed = (uint64_t)json_integer_value(json_object_get(scenario, "seed"));
    const char *absent = absence(runs, point);
    struct sample s;

    if (absent)
        return skipped(budget, point, json_sprintf("the point %s", absent));
    if (ratio_to) {
        json_t *other = base_of(scenario, point, ratio_to);

        absent = absence(runs, other);
        there = absent ? NULL : runs_at(runs, other);
        json_decref(other);
        if (absent)
            return skipped(budget, point, json_sprintf("what it is compared with %s", absent));
    }
    here = runs_at(runs, point);
    sample_take(&s, here, there, document_text(budget, "metric"));
    json_decref(here);
    json_decref(there);
    if (!s.lacks_figure) {
        result = json_pack("{sO sO}", "metric", json_object_get(budget, "metric"), "point", point);
        conclude(result, &s, least, most, seed);
    }
    free(s.values);
    if (!result)
        return NULL;
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

json_t *verdict_budgets(json_t *runs, json_t *scenario)
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
