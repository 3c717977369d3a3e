#include "verdict.h"

#include "earlier.h"
#include "floor.h"
#include "left_out.h"
#include "lost.h"
#include "torture/record/workload.h"
#include "torture/scenario/document.h"
#include "torture/scenario/requirement.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is(json_t *object, const char *key, const char *value)
{
    return strcmp(document_text(object, key), value) == 0;
}

bool verdict_counter(json_t *run, const char *name, json_int_t *count)
{
    json_t *workload, *value;
    const char *key;
    bool found = false;

    *count = 0;
    json_object_foreach (json_object_get(run, "counters"), key, workload) {
        value = json_object_get(workload, name);
        if (value) {
            *count += json_integer_value(value);
            found = true;
        }
    }
    return found;
}

bool verdict_count(json_t *run, const char *name, json_int_t *count)
{
    json_t *value = json_object_get(json_object_get(run, "library"), name);

    if (!value)
        return verdict_counter(run, name, count);
    *count = json_integer_value(value);
    return true;
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

static void judge_required(json_t *run, const char *key, json_t *least, json_t *coverage,
                           json_t *missing)
{
    double seconds = json_number_value(json_object_get(run, "seconds"));
    json_int_t count = 0, base = 0;
    struct requirement r;
    json_t *line = NULL;

    if (!requirement_read(least, &r))
        return;
    verdict_count(run, key, &count);
    json_object_set_new(coverage, key, json_integer(count));
    if (r.kind == REQUIRED_SHARE)
        verdict_count(run, r.of, &base);
    if (r.kind == REQUIRED_SHARE && (base == 0 || 100 * (double)count < r.least * (double)base))
        line = json_sprintf("%s was reached %lld times, %.2g %% of %lld %s, %g %% required", key,
                            (long long)count, base ? 100 * (double)count / (double)base : 0,
                            (long long)base, r.of, r.least);
    else if (r.kind == REQUIRED_RATE && (double)count < r.least * seconds)
        line = json_sprintf("%s was reached %lld times in %.1f s, %g/s required", key,
                            (long long)count, seconds, r.least);
    else if (r.kind == REQUIRED_COUNT && (double)count < r.least)
        line = json_sprintf("%s was reached %lld times, %lld required", key, (long long)count,
                            (long long)r.least);
    if (line)
        json_array_append_new(missing, line);
}

void verdict_of_run(json_t *run, json_t *require, json_t *least, json_t *declared)
{
    json_t *coverage = json_object(), *missing = json_array(), *required, *name;
    bool torture = is_torture(run);
    const char *key, *verdict;
    json_int_t checks;
    size_t i;

    json_array_foreach (declared, i, name) {
        json_int_t count;

        if (verdict_count(run, json_string_value(name), &count))
            json_object_set_new(coverage, json_string_value(name), json_integer(count));
    }
    json_object_foreach (require, key, required)
        judge_required(run, key, required, coverage, missing);
    floor_judge(run, least, missing);
    judge_shares(run, missing);
    if (torture && !(verdict_count(run, "checks", &checks) && checks > 0))
        json_array_append_new(missing, json_string("nothing was checked"));
    lost_judge(run, missing);
    verdict = json_array_size(json_object_get(run, "findings")) > 0 ? "violation"
              : json_array_size(missing) > 0                        ? "inconclusive"
              : torture                                             ? "pass"
                                                                    : "measured";
    left_out_judge(run);
    json_object_set_new(run, "coverage", coverage);
    json_object_set_new(run, "missing", missing);
    json_object_set_new(run, "verdict", json_string(verdict));
}

bool verdict_is_good(json_t *run)
{
    return is(run, "verdict", "pass") || is(run, "verdict", "measured");
}

/* What is clean of all runs, or of those of one point: those that passed, less what does not count
 * of them. No bound where one did not hold. Seconds. */
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
            clean += lost_clean_seconds(run);
        clean += earlier_clean_seconds(run);
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
    const char *point = document_text(run, "label");
    json_t *line =
        json_sprintf("%s%sskipped: %s", point, *point ? ": " : "", document_text(run, "skip"));

    if (!json_object_get(told, json_string_value(line)))
        json_array_append(reasons, line);
    json_object_set_new(told, json_string_value(line), line);
}

json_t *verdict_overall(json_t *runs, json_t *scenario, json_t *reasons, bool cut_short)
{
    size_t i, violations = 0, inconclusive = cut_short ? 1 : 0, passed = 0, measured = 0, over = 0,
              undecided = 0, figures = 0;
    json_t *verdict = json_object(), *run, *judged = verdict_budgets(runs, scenario), *item;
    json_t *told = json_object();
    const char *correctness, *performance;
    int code;

    json_array_foreach (runs, i, run) {
        const char *point = document_text(run, "label");
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
        undecided += is(item, "verdict", "undecided");
        figures += !json_object_get(item, "skipped");
    }
    correctness = violations     ? "violation"
                  : inconclusive ? "inconclusive"
                  : passed       ? "pass"
                  : measured     ? "measured"
                                 : "skipped";
    performance = figures == 0 || passed + measured + inconclusive == 0 ? "none"
                  : over                                                ? "exceeded"
                  : undecided                                           ? "undecided"
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
