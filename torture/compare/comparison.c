#include "comparison.h"

#include "claim.h"
#include "figures.h"
#include "metric.h"
#include "power.h"
#include "torture/scenario/document.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SEED 1 /* of what is drawn; the same results have the same verdicts */

/* What is known of one metric. */
struct judged {
    struct pairs pairs;
    size_t left_out;    /* pairs in which one side has no figure that counts */
    double base, fresh; /* medians; NAN without pairs */
    double ratio, margin;
    struct interval interval;
    bool has_interval;
};

/* --- Pairs --- */

/* But for the first, where there are others. */
static void take_pairs(struct judged *j, const struct metric *m)
{
    size_t count = m->base_count < m->fresh_count ? m->base_count : m->fresh_count;
    double *base = calloc(count + 1, sizeof *base), *fresh = calloc(count + 1, sizeof *fresh);

    if (!base || !fresh)
        abort();
    j->pairs = (struct pairs){.base = base, .fresh = fresh};
    for (size_t i = count > 1 ? 1 : 0; i < count; i++) {
        if (isnan(m->base[i]) || isnan(m->fresh[i])) {
            j->left_out++;
            continue;
        }
        base[j->pairs.count] = m->base[i];
        fresh[j->pairs.count++] = m->fresh[i];
    }
}

static void free_pairs(struct judged *j)
{
    free((void *)j->pairs.base);
    free((void *)j->pairs.fresh);
}

static bool are_none(const struct judged *j)
{
    return j->base == 0 && j->fresh == 0;
}

static void measure(struct judged *j, const struct metric *m, double margin)
{
    *j = (struct judged){.margin = margin, .ratio = NAN};
    take_pairs(j, m);
    j->base = median_of_figures(j->pairs.base, j->pairs.count);
    j->fresh = median_of_figures(j->pairs.fresh, j->pairs.count);
    if (j->pairs.count == 0 || are_none(j))
        return;
    j->ratio = ratio_of_medians(&j->pairs);
    j->has_interval = j->pairs.count >= COMPARISON_PAIRS - 1;
    if (j->has_interval)
        j->interval = interval_of_ratio(&j->pairs, SEED, INTERVAL_DRAWS);
}

/* --- Verdicts --- */

static bool has_any(const double *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!isnan(values[i]))
            return true;
    return false;
}

static json_t *reason_for_none(const struct judged *j, const struct metric *m)
{
    size_t made = m->base_count < m->fresh_count ? m->base_count : m->fresh_count;

    if (!has_any(m->base, m->base_count) || !has_any(m->fresh, m->fresh_count))
        return json_sprintf("%s has no such figure that counts",
                            has_any(m->base, m->base_count) ? "NEW" : "BASE");
    if (are_none(j))
        return json_string("0 on both sides: there is nothing to compare");
    if (made < COMPARISON_PAIRS)
        return json_sprintf(
            "%zu pair%s of runs: no interval is possible; make %d or more, by turns", made,
            made == 1 ? "" : "s", COMPARISON_PAIRS);
    return json_sprintf("only %zu of %zu pairs count: run it on an idle machine, or make more",
                        j->pairs.count, made - 1);
}

static const char *decide(const struct judged *j, const struct metric *m, double chance,
                          size_t metrics, json_t **reason)
{
    double most = 1 + j->margin;
    size_t needed = claim_pairs(metrics);
    int side;

    if (!j->has_interval) {
        *reason = reason_for_none(j, m);
        return "inconclusive";
    }
    side = claim_decide(j->interval, j->margin, chance);
    if (side != 0)
        return (side > 0) == metric_more_is_better(m->name) ? "improved" : "regressed";
    if (j->interval.low >= 1 / most && j->interval.high <= most)
        return "equivalent";
    if (claim_side(j->interval, j->margin) == 0)
        *reason = json_string("the margin lies inside the interval: make more pairs, or run them "
                              "on an idle machine");
    else if (j->pairs.count < needed)
        *reason = json_sprintf("with %zu metrics so few pairs cannot rule out chance: make %zu",
                               metrics, needed + 1 + j->left_out);
    else
        *reason = json_string("chance is not ruled out: make more pairs");
    return "inconclusive";
}

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *numbers(const double *values, size_t count)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_real(values[i]));
    return list;
}

static json_t *describe(const struct judged *j, const struct metric *m)
{
    json_t *result = json_pack("{ss sO ss so so so sf sI sI}", "metric", m->name, "point", m->point,
                               "label", m->label, "base", number(j->base), "new", number(j->fresh),
                               "ratio", number(j->ratio), "margin", j->margin, "pairs",
                               (json_int_t)j->pairs.count, "left_out", (json_int_t)j->left_out);

    json_object_set_new(result, "values",
                        json_pack("{so so}", "base", numbers(j->pairs.base, j->pairs.count), "new",
                                  numbers(j->pairs.fresh, j->pairs.count)));
    json_object_set_new(result, "interval",
                        j->has_interval
                            ? json_pack("[o, o]", number(j->interval.low), number(j->interval.high))
                            : json_null());
    return result;
}

/* --- The noise of this machine --- */

/* The same metric among those of the same build, or NULL. */
static const struct metric *same_of(const struct metrics *same, const struct metric *m)
{
    for (size_t i = 0; i < same->count; i++)
        if (strcmp(same->all[i].name, m->name) == 0 && json_equal(same->all[i].point, m->point))
            return &same->all[i];
    return NULL;
}

static double noise_of(const struct metric *same)
{
    struct judged j;
    double noise = 0;

    if (!same)
        return 0;
    measure(&j, same, 0);
    if (j.has_interval)
        noise = claim_noise(j.interval);
    free_pairs(&j);
    return noise;
}

/* Of a metric that the same build measured too few times, none. */
static struct noise noise_pairs(const struct metric *same, double margin)
{
    size_t count = same->base_count < same->fresh_count ? same->base_count : same->fresh_count;
    size_t counted = 0;

    for (size_t i = 1; i < count; i++)
        counted += !isnan(same->base[i]) && !isnan(same->fresh[i]);
    if (counted < COMPARISON_PAIRS - 1)
        return (struct noise){.margin = margin};
    return (struct noise){
        .base = same->base + 1, .same = same->fresh + 1, .count = count - 1, .margin = margin};
}

static void note_unknown(json_t *comparison, size_t unknown, size_t metrics)
{
    if (unknown > 0)
        json_array_append_new(json_object_get(comparison, "notes"),
                              json_sprintf("how noisy %zu of %zu metrics are is not known: fewer "
                                           "than %d pairs of BASE and --aa have a figure that "
                                           "counts",
                                           unknown, metrics, COMPARISON_PAIRS - 1));
}

/* What each metric finds, and how often all of them together are mistaken with the margin that was
 * asked for, or more where an A/A says so. */
static void describe_power(json_t *comparison, const struct metrics *m, const struct metrics *same,
                           const struct judged *judged, size_t pairs, double margin)
{
    struct noise *noises = calloc(m->count + 1, sizeof *noises);
    size_t known = 0, mistakes;

    if (!noises)
        abort();
    for (size_t i = 0; i < m->count; i++) {
        const struct metric *twin = same_of(same, &m->all[i]);
        struct noise noise = {.count = 0};

        if (twin)
            noise = noise_pairs(twin, judged[i].margin);
        if (noise.count == 0)
            continue;
        json_object_set_new(json_array_get(json_object_get(comparison, "metrics"), i), "finds",
                            number(power_finds(&noise, m->count, pairs)));
        noises[known++] = noise;
    }
    note_unknown(comparison, m->count - known, m->count);
    if (known > 0) {
        mistakes = power_mistakes(noises, known, pairs, margin);
        json_object_set_new(comparison, "mistakes",
                            json_pack("{sI si sf}", "count", (json_int_t)mistakes, "of",
                                      POWER_DRAWS, "at_most",
                                      power_at_most(mistakes, POWER_DRAWS)));
    }
    free(noises);
}

/* --- All of it --- */

static json_t *describe_side(const struct side *s)
{
    json_t *tool = json_object_get(json_array_get(s->results, 0), "tool");

    return json_pack("{ss si ss}", "path", s->path, "results", (int)json_array_size(s->results),
                     "commit", document_text(tool, "commit"));
}

static void judge_all(json_t *comparison, const struct metrics *m, const struct metrics *same,
                      double margin)
{
    struct judged *judged = calloc(m->count + 1, sizeof *judged);
    double *chances = calloc(m->count + 1, sizeof *chances);
    json_t *list = json_object_get(comparison, "metrics");
    size_t pairs = 0;

    if (!judged || !chances)
        abort();
    for (size_t i = 0; i < m->count; i++) {
        struct judged *j = &judged[i];

        measure(j, &m->all[i], fmax(margin, noise_of(same_of(same, &m->all[i]))));
        chances[i] = j->has_interval ? claim_chance(&j->pairs, j->margin) : 1;
        pairs = j->pairs.count > pairs ? j->pairs.count : pairs;
    }
    adjust_chances(chances, m->count);
    for (size_t i = 0; i < m->count; i++) {
        json_t *one = describe(&judged[i], &m->all[i]), *reason = NULL;
        const char *verdict = decide(&judged[i], &m->all[i], chances[i], m->count, &reason);

        json_object_set_new(one, "chance", json_real(chances[i]));
        json_object_set_new(one, "verdict", json_string(verdict));
        if (reason)
            json_object_set_new(one, "reason", reason);
        json_array_append_new(list, one);
    }
    if (json_object_get(comparison, "same") && pairs > 0)
        describe_power(comparison, m, same, judged, pairs, margin);
    for (size_t i = 0; i < m->count; i++)
        free_pairs(&judged[i]);
    free(chances);
    free(judged);
}

static size_t count_of(json_t *comparison, const char *verdict)
{
    json_t *one;
    size_t i, count = 0;

    json_array_foreach (json_object_get(comparison, "metrics"), i, one)
        count += strcmp(json_string_value(json_object_get(one, "verdict")), verdict) == 0;
    return count;
}

int comparison_exit_code(json_t *comparison)
{
    size_t all = json_array_size(json_object_get(comparison, "metrics"));

    if (count_of(comparison, "regressed") > 0)
        return EXIT_CODE_BUDGET;
    return count_of(comparison, "inconclusive") == all ? EXIT_CODE_INCONCLUSIVE : EXIT_CODE_PASS;
}

json_t *compare_sides(const struct side *base, const struct side *fresh,
                      const struct comparison_options *o)
{
    struct metrics metrics, same = {.all = NULL};
    json_t *comparison;

    if (!side_alternate(base, fresh))
        json_array_append_new(
            o->notes,
            json_string("the sides did not take turns: what the machine did in between counts as a "
                        "difference; `make compare` runs them alternately"));
    metrics_collect(&metrics, base, fresh, o->wanted);
    if (metrics.count == 0)
        json_array_append_new(o->notes,
                              json_string("no metric: neither side has a run with such a figure"));
    if (o->same)
        metrics_collect(&same, base, o->same, o->wanted);
    comparison = json_pack("{ss so so sf sf s[] sO}", "schema", "stillpoint-comparison/1", "base",
                           describe_side(base), "new", describe_side(fresh), "margin", o->margin,
                           "family_error", FAMILY_ERROR, "metrics", "notes", o->notes);
    if (o->same)
        json_object_set_new(comparison, "same", describe_side(o->same));
    judge_all(comparison, &metrics, &same, o->margin);
    json_object_set_new(comparison, "exit_code", json_integer(comparison_exit_code(comparison)));
    metrics_free(&same);
    metrics_free(&metrics);
    return comparison;
}
