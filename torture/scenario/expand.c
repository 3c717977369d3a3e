/* From a scenario to its runs: points of the sweep, repeats, seeds, and what cannot run. */
#include "expand.h"

#include "document.h"
#include "flavor_describe.h"
#include "lack.h"
#include "leave_out.h"
#include "options_complete.h"
#include "parts.h"
#include "points.h"
#include "scenario_keys.h"
#include "torture/record/text.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_RUNS = 100000 };

/* splitmix64, cut to what JSON keeps exactly, never 0. */
int64_t scenario_repeat_seed(uint64_t seed, int64_t repeat)
{
    if (!repeat)
        return (int64_t)seed;
    uint64_t z = seed + (uint64_t)repeat * UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (int64_t)((z ^ (z >> 31)) >> 12) + 1;
}

/* Completes "library" for the one flavor of this config. A setting that only other flavors of the
 * sweep have does not apply to this one; when it is swept, the point is none of this flavor's. */
static char *complete_point_library(json_t *config, json_t *point,
                                    const struct flavor_description *description)
{
    struct diagnostics unheard = {0};
    json_t *library = json_object_get(config, "library");
    char *objection = NULL;
    const char *key;
    json_t *item;
    void *next;

    json_object_foreach_safe (library, next, key, item) {
        if (options_find(description->settings, key))
            continue;
        char *swept = text_format("library.%s", key);

        if (json_object_get(point, swept) && !objection)
            objection = text_format("flavor \"%s\" has no setting \"%s\"", description->name, key);
        free(swept);
        json_object_del(library, key);
    }
    json_t *complete = options_complete(description->settings, library, "", "", &unheard);

    if (complete)
        json_object_set_new(config, "library", complete);
    else if (!objection)
        objection = text_format("flavor \"%s\" takes other values: %s", description->name,
                                unheard.text ? unheard.text : "");
    diagnostics_free(&unheard);
    return objection;
}

/* What the runner of this point gets, except that "library" is not completed yet. */
static json_t *config_at(const struct scenario *s, json_t *part, json_t *point, int64_t repeat)
{
    json_t *config = json_deep_copy(part);

    json_object_del(config, "description");
    json_object_del(config, "sweep");
    json_object_del(config, "repeat");
    json_object_set_new(config, "seed", json_integer(scenario_repeat_seed(s->seed, repeat)));
    point_apply(config, point);
    point_select_budgets(config);
    return config;
}

/* What is run as it is, or not at all: what was set by hand, and what is swept. */
static json_t *kept_pointers(json_t *config, json_t *point, json_t *by_hand)
{
    json_t *kept = json_copy(by_hand), *value;
    const char *key;

    json_object_foreach (point, key, value) {
        json_t *swept = key_pointers(config, key);

        json_array_extend(kept, swept);
        json_decref(swept);
    }
    return kept;
}

/* Leaves out what the flavor lacks; returns why it cannot run the rest (heap), or NULL. */
static char *fit_to_flavor(struct run_plan *plan, const struct flavor_description *description,
                           json_t *by_hand)
{
    json_t *kept = kept_pointers(plan->config, plan->point, by_hand);
    bool here;
    char *objection;

    plan->left_out = config_leave_out(plan->config, description, kept);
    json_decref(kept);
    objection = config_objection(plan->config, description, &here);
    plan->refused = objection && plan->left_out && !here;
    return objection;
}

/* Completes "library" and leaves out what the plan's flavor lacks; returns why it cannot run its
 * config (heap), or NULL. */
static char *plan_objection(struct run_plan *plan, json_t *by_hand)
{
    struct diagnostics refusal = {0};
    const struct flavor_description *description = flavor_describe(plan->flavor, &refusal);
    char *objection;

    if (description) {
        objection = complete_point_library(plan->config, plan->point, description);
        plan->refused = objection;
        if (!objection)
            objection = fit_to_flavor(plan, description, by_hand);
    } else {
        objection = text_format("%s", refusal.text ? refusal.text : "no such flavor");
        plan->refused = true;
    }
    /* A line of diagnostics ends in a newline; a reason does not. */
    if (objection)
        objection[strcspn(objection, "\n")] = '\0';
    diagnostics_free(&refusal);
    return objection;
}

/* Makes the config one for the plan's flavor, or finds out why that cannot run it. */
static void plan_fit(struct run_plan *plan, json_t *by_hand)
{
    plan->skip = plan_objection(plan, by_hand);
    if (plan->skip || !plan->left_out) {
        json_decref(plan->left_out);
        plan->left_out = json_array();
    }
}

/* The config for the reference of its floors: for a moment, with the reference's own settings. */
static json_t *reference_config(json_t *config, json_t *floors)
{
    static const char *const for_results[] = {"require", "floors", "budgets"};
    json_t *copy = json_deep_copy(config);

    json_object_set(copy, "flavor", json_object_get(floors, "flavor"));
    json_object_set(copy, "duration", json_object_get(floors, "duration"));
    json_object_set_new(copy, "library", json_object());
    for (size_t i = 0; i < sizeof for_results / sizeof *for_results; i++)
        json_object_del(copy, for_results[i]);
    return copy;
}

/* Of the point what is the reference's as well. */
static json_t *reference_point(json_t *point)
{
    json_t *copy = json_object(), *value;
    const char *key;

    json_object_foreach (point, key, value)
        if (strcmp(key, "flavor") != 0 && strncmp(key, "library.", strlen("library.")) != 0)
            json_object_set(copy, key, value);
    return copy;
}

static char *reference_label(const struct run_plan *reference)
{
    char *point = point_label(reference->point);
    char *label = text_format("%s%sreference %s", point, *point ? ", " : "", reference->flavor);

    free(point);
    return label;
}

/* NULL: there is no floor. It has one seed for all repeats of a point, so that it is the same. */
static struct run_plan *plan_reference(const struct run_plan *plan, uint64_t seed)
{
    json_t *floors = json_object_get(plan->config, "floors"), *by_hand;
    const char *flavor = json_string_value(json_object_get(floors, "flavor"));
    struct run_plan *r;

    if (json_object_size(json_object_get(floors, "least")) == 0 ||
        strcmp(flavor, plan->flavor) == 0)
        return NULL;
    r = calloc(1, sizeof *r);
    if (!r)
        abort();
    r->config = reference_config(plan->config, floors);
    json_object_set_new(r->config, "seed", json_integer((json_int_t)seed));
    r->flavor = text_format("%s", flavor);
    by_hand = json_array();
    r->point = json_object(); /* as yet: what is swept would be kept */
    plan_fit(r, by_hand);
    if (!r->skip)
        r->skip = config_refusal(r->config);
    json_decref(by_hand);
    json_decref(r->point);
    r->point = reference_point(plan->point);
    r->label = reference_label(r);
    return r;
}

/* The point, after the name of its part where there are any. */
static json_t *named_point(json_t *part, size_t index, size_t points)
{
    json_t *point = json_object(), *swept = point_at(json_object_get(part, "sweep"), index, points);

    if (json_object_get(part, PART_KEY))
        json_object_set(point, PART_KEY, json_object_get(part, PART_KEY));
    json_object_update(point, swept);
    json_decref(swept);
    return point;
}

/* `index`: of all points of all parts. */
static void plan_fill(struct run_plan *plan, const struct scenario *s, size_t index, int64_t repeat)
{
    json_t *part = NULL;
    size_t i, points = 0;

    json_array_foreach (s->parts, i, part) {
        points = point_count(json_object_get(part, "sweep"), MAX_RUNS);
        if (index < points)
            break;
        index -= points;
    }
    plan->point = named_point(part, index, points);
    plan->label = point_label(plan->point);
    plan->repeat = repeat;
    plan->config = config_at(s, part, plan->point, repeat);
    plan->flavor = text_format("%s", json_string_value(json_object_get(plan->config, "flavor")));
    plan_fit(plan, json_array_get(s->by_hand, i));
    if (!plan->skip)
        plan->reference = plan_reference(plan, s->seed);
}

/* Of all parts; 0: more than MAX_RUNS. */
static size_t count_points(const struct scenario *s)
{
    size_t i, all = 0;
    json_t *part;

    json_array_foreach (s->parts, i, part) {
        size_t points = point_count(json_object_get(part, "sweep"), MAX_RUNS);

        if (!points)
            return 0;
        all += points;
    }
    return all;
}

/* Nothing is swept, and there are no parts: the one point must be one that can run. */
static bool is_one_point(const struct scenario *s)
{
    json_t *first = json_array_get(s->parts, 0);

    return json_object_size(json_object_get(first, "sweep")) == 0 &&
           !json_object_get(first, PART_KEY);
}

/* True, with a line in d for each, when there are points that make no run. */
static bool refuse_plans(const struct run_plan *plans, size_t count, const char *path,
                         struct diagnostics *d)
{
    bool refused = false;

    for (size_t i = 0; i < count; i++) {
        char *refusal = plans[i].repeat == 0 ? config_refusal(plans[i].config) : NULL;

        if (refusal)
            diagnose(d, "%s: %s%s%s", path, plans[i].label, *plans[i].label ? ": " : "", refusal);
        refused = refused || refusal;
        free(refusal);
    }
    return refused;
}

/* Each line once. */
static void note_left_out(struct scenario *s, const struct run_plan *plans, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct diagnostics lines = {.text = NULL};
        json_t *line;
        size_t j;

        json_array_foreach (plans[i].left_out, j, line)
            diagnose(&lines, "%s: %s", s->path, json_string_value(line));
        diagnostics_merge(&s->notes, &lines);
    }
}

bool scenario_expand(struct scenario *s, struct run_plan **plans, size_t *count,
                     struct diagnostics *d)
{
    json_int_t repeats = json_integer_value(json_object_get(json_array_get(s->parts, 0), "repeat"));
    size_t points = count_points(s);
    unsigned complaints = d->count;

    *plans = NULL;
    *count = 0;
    if (!points || points * (size_t)repeats > MAX_RUNS) {
        diagnose(d, "%s: /sweep: more than %d runs", s->path, MAX_RUNS);
        return false;
    }
    *plans = calloc(points * (size_t)repeats, sizeof **plans);
    if (!*plans)
        abort();
    for (json_int_t repeat = 0; repeat < repeats; repeat++)
        for (size_t i = 0; i < points; i++)
            plan_fill(&(*plans)[(*count)++], s, repeat % 2 ? points - 1 - i : i, repeat);
    note_left_out(s, *plans, *count);
    if (!refuse_plans(*plans, *count, s->path, d) && (!is_one_point(s) || !(*plans)[0].refused))
        return true;
    if (d->count == complaints)
        diagnose(d, "%s: %s", s->path, (*plans)[0].skip);
    run_plans_free(*plans, *count);
    *plans = NULL;
    *count = 0;
    return false;
}

void run_plans_set_seed(const struct run_plan *plans, size_t count, const struct scenario *s,
                        unsigned round)
{
    int64_t repeats = json_integer_value(json_object_get(json_array_get(s->parts, 0), "repeat"));

    for (size_t i = 0; i < count; i++) {
        json_object_set_new(
            plans[i].config, "seed",
            json_integer(scenario_repeat_seed(s->seed, round * repeats + plans[i].repeat)));
        if (plans[i].reference)
            json_object_set_new(plans[i].reference->config, "seed",
                                json_integer((json_int_t)s->seed));
    }
}

void run_plans_free(struct run_plan *plans, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        json_decref(plans[i].config);
        json_decref(plans[i].point);
        json_decref(plans[i].left_out);
        free(plans[i].label);
        free(plans[i].flavor);
        free(plans[i].skip);
        if (plans[i].reference)
            run_plans_free(plans[i].reference, 1);
    }
    free(plans);
}
