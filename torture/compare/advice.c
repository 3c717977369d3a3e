#include "advice.h"

#include "figures.h"
#include "torture/record/text.h"
#include "torture/result/part.h"
#include "torture/result/report.h"
#include "torture/scenario/document.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* What is as fast: less is not worth the memory, and not what another run would show. */
#define AS_FAST 0.95

#define POLICY "library.gp_policy"

/* The figures of a scheme, and which way is better: all that the front is made of. */
static const struct axis {
    const char *key, *metric;
    bool more_is_better;
} axes[] = {
    {"operations", "rate." ADVICE_WORKLOAD ".ops", true},
    {"wait", "mix.reclaim.p99", false},
    {"memory", "counters." ADVICE_WORKLOAD ".unreclaimed_bytes_peak", false},
};
#define AXES (sizeof axes / sizeof *axes)

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static double figure(json_t *scheme, const char *key)
{
    json_t *value = json_object_get(scheme, key);

    return json_is_number(value) ? json_number_value(value) : NAN;
}

char *advice_scheme(json_t *scheme)
{
    const char *policy = document_text(scheme, "policy");

    return text_format("%s%s%s", document_text(scheme, "flavor"), *policy ? ", " : "", policy);
}

/* --- Schemes --- */

static bool is_known(json_t *schemes, const char *flavor, const char *policy)
{
    json_t *scheme;
    size_t i;

    json_array_foreach (schemes, i, scheme)
        if (strcmp(document_text(scheme, "flavor"), flavor) == 0 &&
            strcmp(document_text(scheme, "policy"), policy) == 0)
            return true;
    return false;
}

static json_t *judge_scheme(json_t *result, json_t *run)
{
    const char *flavor = document_text(run, "flavor");
    json_t *policy = json_object_get(json_object_get(run, "point"), POLICY);
    json_t *where = policy ? json_pack("{sO}", POLICY, policy) : NULL;
    json_t *scheme =
        json_pack("{ss ss so}", "flavor", flavor, "policy", policy ? json_string_value(policy) : "",
                  "operation", number(figure_median(result, flavor, where, "mix.op.p50")));

    for (size_t i = 0; i < AXES; i++)
        json_object_set_new(scheme, axes[i].key,
                            number(figure_median(result, flavor, where, axes[i].metric)));
    json_decref(where);
    return scheme;
}

/* In the order of the scenario. */
static json_t *schemes_of(json_t *result)
{
    json_t *schemes = json_array(), *run;
    size_t i;

    json_array_foreach (json_object_get(result, "runs"), i, run) {
        json_t *point = json_object_get(run, "point");

        if (strcmp(document_text(run, "verdict"), "skipped") != 0 &&
            !is_known(schemes, document_text(run, "flavor"), document_text(point, POLICY)))
            json_array_append_new(schemes, judge_scheme(result, run));
    }
    return schemes;
}

/* --- The front --- */

/* Worse by this axis; what is not known is the worst. */
static bool is_worse(json_t *a, json_t *b, const struct axis *axis)
{
    double mine = figure(a, axis->key), other = figure(b, axis->key);

    if (isnan(mine) || isnan(other))
        return isnan(mine) && !isnan(other);
    return axis->more_is_better ? mine < other : mine > other;
}

/* Whether b is nowhere worse, and somewhere better. */
static bool is_beaten(json_t *a, json_t *b)
{
    bool worse = false;

    for (size_t i = 0; i < AXES; i++) {
        if (is_worse(b, a, &axes[i]))
            return false;
        worse = worse || is_worse(a, b, &axes[i]);
    }
    return worse;
}

static void mark_front(json_t *schemes)
{
    json_t *scheme, *other;
    size_t i, j;

    json_array_foreach (schemes, i, scheme) {
        bool beaten = isnan(figure(scheme, "operations"));

        json_array_foreach (schemes, j, other)
            beaten = beaten || is_beaten(scheme, other);
        json_object_set_new(scheme, "front", json_boolean(!beaten));
    }
}

/* --- The choice --- */

static double most_operations(json_t *schemes, json_t *but)
{
    double most = 0;
    json_t *scheme;
    size_t i;

    json_array_foreach (schemes, i, scheme)
        if (scheme != but && figure(scheme, "operations") > most)
            most = figure(scheme, "operations");
    return most;
}

static bool holds_less(json_t *a, json_t *b)
{
    double mine = figure(a, "memory"), other = figure(b, "memory");

    if (mine == other || (isnan(mine) && isnan(other)))
        return figure(a, "operations") > figure(b, "operations");
    return isnan(other) || mine < other;
}

/* `as_fast` gets how many are. */
static json_t *choose(json_t *schemes, size_t *as_fast)
{
    double most = most_operations(schemes, NULL);
    json_t *chosen = NULL, *scheme;
    size_t i;

    *as_fast = 0;
    json_array_foreach (schemes, i, scheme) {
        if (!(figure(scheme, "operations") >= AS_FAST * most) || most == 0)
            continue;
        ++*as_fast;
        if (!chosen || holds_less(scheme, chosen))
            chosen = scheme;
    }
    return chosen;
}

static char *reason_of(json_t *schemes, json_t *chosen, size_t as_fast)
{
    char *name, *reason, rate[32], bytes[32] = "none";
    double most = most_operations(schemes, chosen);

    if (!chosen)
        return strdup("No scheme could be measured.");
    name = advice_scheme(chosen);
    report_count(figure(chosen, "operations"), rate);
    if (!isnan(figure(chosen, "memory")))
        report_bytes(figure(chosen, "memory"), bytes);
    if (as_fast > 1)
        reason = text_format("%s: none does over 5 %% more than its %s operations a second, and of "
                             "the %zu that do as many it holds back the least memory, %s at most.",
                             name, rate, as_fast, bytes);
    else if (most > 0)
        reason = text_format("%s: it does %s operations a second, %.0f %% more than the next, and "
                             "holds back %s at most.",
                             name, rate, 100 * (figure(chosen, "operations") / most - 1), bytes);
    else
        reason = text_format("%s: nothing else could be measured.", name);
    free(name);
    return reason;
}

/* All parts run the same mix. */
static json_t *mix_of(json_t *result)
{
    json_t *part = result_part(result, 0);
    json_t *workloads = json_object_get(json_object_get(part, "scenario"), "workloads");
    json_t *mix = json_incref(json_array_get(workloads, 0));

    json_decref(part);
    return mix;
}

json_t *advice_judge(json_t *result)
{
    json_t *schemes = schemes_of(result), *mix = mix_of(result), *chosen;
    size_t as_fast;
    char *reason;
    json_t *advice;

    mark_front(schemes);
    chosen = choose(schemes, &as_fast);
    reason = reason_of(schemes, chosen, as_fast);
    advice = json_pack(
        "{ss sO* sO* sO* sO* so? ss so sO*}", "schema", "stillpoint-advice/1", "readers",
        json_object_get(mix, "workers"), "updates", json_object_get(mix, "updates"), "stall",
        json_object_get(mix, "stall"), "stallers", json_object_get(mix, "stallers"), "advice",
        chosen ? json_pack("{ss ss}", "flavor", document_text(chosen, "flavor"), "policy",
                           document_text(chosen, "policy"))
               : NULL,
        "reason", reason, "schemes", schemes, "host", json_object_get(result, "host"));
    json_decref(mix);
    free(reason);
    return advice;
}
