/* From a scenario to its runs: points of the sweep, repeats, seeds, and what a flavor, or a
 * machine, cannot do. */
#include "scenario.h"

#include "scenario_keys.h"
#include "scenario_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_RUNS = 100000, MAX_THREADS = 100000 };

/* --- Threads ------------------------------------------------------------------------------ */

static json_int_t role_count(json_t *workload, const struct role *role)
{
    if (!role->count_option)
        return 1;
    return json_integer_value(json_object_get(workload, role->count_option));
}

/* How many threads of that role name are already planned: where the numbers go on. */
static unsigned named_threads(const struct planned_thread *threads, size_t count, const char *role)
{
    unsigned named = 0;

    for (size_t i = 0; i < count; i++)
        named += !strcmp(threads[i].role->name, role);
    return named;
}

size_t scenario_threads(json_t *config, struct planned_thread **threads)
{
    size_t count = 0, index;
    json_t *item;

    *threads = NULL;
    json_array_foreach (json_object_get(config, "workloads"), index, item) {
        const struct workload *workload = workload_at(config, index);

        for (const struct role *r = workload ? workload->roles : NULL; r && r->name; r++) {
            json_int_t more = role_count(item, r);
            unsigned named = named_threads(*threads, count, r->name);

            if (more <= 0 || more > MAX_THREADS)
                continue;
            struct planned_thread *longer =
                realloc(*threads, (count + (size_t)more) * sizeof(*longer));

            if (!longer)
                abort();
            *threads = longer;
            for (unsigned i = 0; i < more; i++) {
                struct planned_thread *thread = &longer[count++];

                *thread = (struct planned_thread){.workload = workload,
                                                  .role = r,
                                                  .workload_index = (unsigned)index,
                                                  .index_in_role = i};
                snprintf(thread->name, sizeof(thread->name), "%.20s-%u", r->name, named + i);
            }
        }
    }
    return count;
}

/* --- What a flavor or this machine cannot do ----------------------------------------------- */

/* Appends to a heap text; takes the old one, returns the new one. */
static char *text_append(char *text, const char *more)
{
    char *longer = text_format("%s%s", text, more);

    free(text);
    return longer;
}

/* What a scenario asks for and does not get, as texts; each capability is told once, for the first
 * that needs it. */
struct lack {
    const struct flavor_description *description;
    unsigned told;
    /* `"call" (needed by rcu-pipe updater)`: what no machine would offer; empty when there is
     * none */
    char *anywhere;
    /* `"kvm" (needed by kick) is missing here: /dev/kvm: ...`: what another machine may offer */
    char *here;
};

static char *append_part(char *text, const char *separator, char *part)
{
    if (*text)
        text = text_append(text, separator);
    text = text_append(text, part);
    free(part);
    return text;
}

/* Adds those of the capabilities that the flavor lacks. */
static void add_lack(struct lack *lack, unsigned needs, const char *workload, const char *role)
{
    unsigned lacking = needs & ~(lack->description->capabilities | lack->told);

    lack->told |= lacking;
    for (unsigned bit = 0; flavor_capability_names[bit]; bit++) {
        const char *reason = flavor_missing_reason(lack->description, bit);

        if (!(lacking & 1u << bit))
            continue;
        char *what = text_format("\"%s\" (needed by %s%s%s)", flavor_capability_names[bit],
                                 workload, role ? " " : "", role ? role : "");

        if (!reason) {
            lack->anywhere = append_part(lack->anywhere, ", ", what);
            continue;
        }
        lack->here =
            append_part(lack->here, "; ", text_format("%s is missing here: %s", what, reason));
        free(what);
    }
}

/* What the values of its options make a workload need. */
static unsigned params_need(const struct workload *workload, json_t *complete)
{
    void *params;
    unsigned needs;

    if (!workload->needs_by_params)
        return 0;
    params = calloc(1, workload->params_size ? workload->params_size : 1);
    if (!params)
        abort();
    options_store(workload->options, complete, params);
    needs = workload->needs_by_params(params);
    free(params);
    return needs;
}

static void find_lack(struct lack *lack, json_t *config)
{
    size_t index;
    json_t *item;

    json_array_foreach (json_object_get(config, "workloads"), index, item) {
        const struct workload *workload = workload_at(config, index);

        if (!workload)
            continue;
        add_lack(lack, workload->needs | params_need(workload, item), workload->name, NULL);
        for (const struct role *r = workload->roles; r && r->name; r++)
            if (role_count(item, r) > 0)
                add_lack(lack, r->needs, workload->name, r->name);
    }
}

/* Why the flavor cannot run this config (heap), or NULL; *here: on another machine it could. */
static char *config_objection(json_t *config, const struct flavor_description *description,
                              bool *here)
{
    struct lack lack = {description, 0, text_format("%s", ""), text_format("%s", "")};
    struct planned_thread *threads;
    size_t count = scenario_threads(config, &threads);
    char *objection = NULL;

    free(threads);
    find_lack(&lack, config);
    if (!count)
        objection = text_format("no workload asks for a thread");
    else if (*lack.anywhere)
        objection = text_format("flavor \"%s\" cannot %s", description->name, lack.anywhere);
    else if (*lack.here)
        objection = text_format("%s", lack.here);
    *here = count && objection && !*lack.anywhere;
    free(lack.anywhere);
    free(lack.here);
    return objection;
}

/* --- Points ------------------------------------------------------------------------------- */

/* How many points the sweep has; 0 when there are more than MAX_RUNS. */
static size_t point_count(json_t *sweep)
{
    size_t count = 1;
    const char *key;
    json_t *values;

    json_object_foreach (sweep, key, values) {
        count *= json_array_size(values);
        if (count > MAX_RUNS)
            return 0;
    }
    return count;
}

/* Point number `index`, {"library.gp_policy": "fqs"}: the first key varies slowest. `points` is
 * what point_count() returned. */
static json_t *point_at(json_t *sweep, size_t index, size_t points)
{
    json_t *point = json_object();
    const char *key;
    json_t *values;

    json_object_foreach (sweep, key, values) {
        /* How many points differ from this one only in later keys: at least this one itself. */
        points = points > json_array_size(values) ? points / json_array_size(values) : 1;
        json_object_set(point, key, json_array_get(values, index / points));
        index %= points;
    }
    return point;
}

/* "gp_policy=fqs readers=4". */
static char *point_label(json_t *point)
{
    char *label = text_format("%s", "");
    const char *key;
    json_t *value;

    json_object_foreach (point, key, value) {
        const char *dot = strrchr(key, '.');
        char *shown = json_is_string(value)
                          ? text_format("%s", json_string_value(value))
                          : json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(10));
        char *more = text_format("%s%s=%s", *label ? " " : "", dot ? dot + 1 : key, shown);

        label = text_append(label, more);
        free(more);
        free(shown);
    }
    return label;
}

static void point_apply(json_t *config, json_t *point)
{
    const char *key;
    json_t *value;

    json_object_foreach (point, key, value) {
        json_t *pointers = key_pointers(config, key);
        size_t index;
        json_t *pointer;

        json_array_foreach (pointers, index, pointer) {
            pointer_set(config, json_string_value(pointer), value);
        }
        json_decref(pointers);
    }
}

/* Whether a budget's selection of points holds for this config. */
static bool selects(json_t *selection, json_t *config)
{
    const char *key;
    json_t *value;

    json_object_foreach (selection, key, value) {
        json_t *pointers = key_pointers(config, key);
        const char *pointer = json_string_value(json_array_get(pointers, 0));
        bool equal = pointer && json_equal(pointer_get(config, pointer), value);

        json_decref(pointers);
        if (!equal)
            return false;
    }
    return true;
}

/* Removes the budgets that are not about this point; the base of a ratio is not its own measure. */
static void select_budgets(json_t *config)
{
    json_t *budgets = json_object_get(config, "budgets");

    for (size_t i = json_array_size(budgets); i-- > 0;) {
        json_t *budget = json_array_get(budgets, i);
        json_t *base = json_object_get(budget, "ratio_to");

        if (!selects(json_object_get(budget, "where"), config) || (base && selects(base, config)))
            json_array_remove(budgets, i);
    }
}

/* --- Runs --------------------------------------------------------------------------------- */

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
static json_t *config_at(const struct scenario *s, json_t *point, int64_t repeat)
{
    json_t *config = json_deep_copy(s->effective);

    json_object_del(config, "description");
    json_object_del(config, "sweep");
    json_object_del(config, "repeat");
    json_object_set_new(config, "seed", json_integer(scenario_repeat_seed(s->seed, repeat)));
    point_apply(config, point);
    select_budgets(config);
    return config;
}

/* Completes "library"; returns why the plan's flavor cannot run its config (heap), or NULL. Sets
 * skip_here. */
static char *plan_objection(struct run_plan *plan)
{
    struct diagnostics refusal = {0};
    const struct flavor_description *description = flavor_describe(plan->flavor, &refusal);
    char *objection;

    if (description) {
        objection = complete_point_library(plan->config, plan->point, description);
        if (!objection)
            objection = config_objection(plan->config, description, &plan->skip_here);
    } else {
        objection = text_format("%s", refusal.text ? refusal.text : "no such flavor");
    }
    /* A line of diagnostics ends in a newline; a reason does not. */
    if (objection)
        objection[strcspn(objection, "\n")] = '\0';
    diagnostics_free(&refusal);
    return objection;
}

static void plan_fill(struct run_plan *plan, const struct scenario *s, size_t point, int64_t repeat)
{
    json_t *sweep = json_object_get(s->effective, "sweep");

    plan->point = point_at(sweep, point, point_count(sweep));
    plan->label = point_label(plan->point);
    plan->repeat = repeat;
    plan->config = config_at(s, plan->point, repeat);
    plan->flavor = text_format("%s", json_string_value(json_object_get(plan->config, "flavor")));
    plan->skip = plan_objection(plan);
}

bool scenario_expand(const struct scenario *s, struct run_plan **plans, size_t *count,
                     struct diagnostics *d)
{
    json_t *sweep = json_object_get(s->effective, "sweep");
    json_int_t repeats = json_integer_value(json_object_get(s->effective, "repeat"));
    size_t points = point_count(sweep);

    *plans = NULL;
    *count = 0;
    if (!points || points * (size_t)repeats > MAX_RUNS) {
        diagnose(d, "%s: /sweep: more than %d runs", s->path, MAX_RUNS);
        return false;
    }
    *plans = calloc(points * (size_t)repeats, sizeof(**plans));
    if (!*plans)
        abort();
    for (json_int_t repeat = 0; repeat < repeats; repeat++)
        for (size_t i = 0; i < points; i++)
            plan_fill(&(*plans)[(*count)++], s, repeat % 2 ? points - 1 - i : i, repeat);
    if (json_object_size(sweep) || !(*plans)[0].skip || (*plans)[0].skip_here)
        return true;
    diagnose(d, "%s: %s", s->path, (*plans)[0].skip);
    run_plans_free(*plans, *count);
    *plans = NULL;
    *count = 0;
    return false;
}

void run_plans_free(struct run_plan *plans, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        json_decref(plans[i].config);
        json_decref(plans[i].point);
        free(plans[i].label);
        free(plans[i].flavor);
        free(plans[i].skip);
    }
    free(plans);
}
