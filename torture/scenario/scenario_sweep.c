/* What a scenario says about several runs, or their results: sweep, require, floors, budgets. */
#include "document.h"
#include "flavor_describe.h"
#include "options_complete.h"
#include "requirement.h"
#include "scenario.h"
#include "scenario_keys.h"
#include "scenario_parts.h"
#include "settings.h"
#include "torture/record/duration.h"
#include "torture/record/workload.h"

#include <string.h>

/* --- Sweep -------------------------------------------------------------------------------- */

/* A key that only a flavor has that is not run. */
static bool is_foreign_key(struct scenario_reading *reading, const char *key, const char *pointer)
{
    return !strncmp(key, "library.", 8) && !library_option(reading->flavors, key + 8) &&
           is_foreign_setting(reading, key + 8, pointer);
}

/* What a sweep cannot vary: it would change what the runs are called or how they are counted. */
static const char *const never_swept[] = {"name", "description", "seed", "repeat", NULL};

/* The option behind a key of the sweep; NULL, with a line in the diagnostics, when there is
 * none. */
static const struct option *swept_option(struct scenario_reading *reading, const char *key,
                                         const char *pointer)
{
    const struct option *option = key_option(reading->root, reading->flavors, key);

    if (option && !list_has(never_swept, key))
        return option;
    char *near = key_nearest(reading->root, reading->flavors, key);

    if (option || (near && !strcmp(near, key)))
        document_diagnose(&reading->doc, pointer, "cannot be swept");
    else if (near)
        document_diagnose(&reading->doc, pointer, "unknown key; did you mean \"%s\"?", near);
    else
        document_diagnose(&reading->doc, pointer, "unknown key");
    free(near);
    return NULL;
}

static json_t *complete_swept_value(struct scenario_reading *reading, const struct option *option,
                                    const char *key, json_t *given, const char *pointer)
{
    json_t *value = option_complete(option, given, &reading->doc, pointer);

    if (!value || strcmp(key, "flavor") != 0 ||
        flavor_answers(&reading->doc, json_string_value(value), pointer))
        return value;
    return part_result(value, false);
}

static bool array_has(json_t *array, json_t *value)
{
    size_t index;
    json_t *item;

    json_array_foreach (array, index, item)
        if (json_equal(item, value))
            return true;
    return false;
}

/* The values of one key, complete, or NULL. */
static json_t *complete_swept(struct scenario_reading *reading, const char *key, json_t *given,
                              const char *pointer)
{
    const struct option *option = swept_option(reading, key, pointer);
    json_t *values = json_array();
    bool good = option;
    size_t index;
    json_t *item;

    if (!option)
        return part_result(values, false);
    if (json_is_array(given) && !json_array_size(given)) {
        document_diagnose(&reading->doc, pointer, "empty (a list of at least one value)");
        return part_result(values, false);
    }
    if (!json_is_array(given)) {
        document_wrong_type(&reading->doc, pointer, "a list of at least one value", given);
        return part_result(values, false);
    }
    json_array_foreach (given, index, item) {
        char *at = pointer_element(pointer, index);
        json_t *value = complete_swept_value(reading, option, key, item, at);

        if (value && array_has(values, value)) {
            document_diagnose(&reading->doc, at, "twice in one sweep");
            good = false;
        }
        good = good && value;
        if (value)
            json_array_append_new(values, value);
        free(at);
    }
    return part_result(values, good);
}

/* Two keys for one setting, as "rcu-pipe.readers" and "workloads.0.readers" are. */
static bool sweeps_twice(struct scenario_reading *reading, json_t *sweep, const char *key,
                         const char *pointer)
{
    json_t *mine = key_pointers(reading->root, key);
    const char *other, *clash = NULL;
    json_t *item;

    json_object_foreach (sweep, other, item) {
        json_t *others = key_pointers(reading->root, other);

        if (pointers_meet(mine, others))
            clash = other;
        json_decref(others);
    }
    json_decref(mine);
    if (clash)
        document_diagnose(&reading->doc, pointer, "the same setting as \"%s\"", clash);
    return clash;
}

/* A swept setting of a library that this scenario does not run, or that has no description. */
static bool sweep_left_out(struct scenario_reading *reading, const char *key, const char *pointer)
{
    return is_foreign_key(reading, key, pointer) ||
           (!strncmp(key, "library.", 8) && !flavors_known(reading->flavors));
}

json_t *complete_sweep(void *context, json_t *given, const char *pointer)
{
    struct scenario_reading *reading = context;
    json_t *sweep = json_object();
    bool good = true;
    const char *key;
    json_t *item;

    if (given && !json_is_object(given)) {
        document_wrong_type(&reading->doc, pointer, "an object", given);
        return part_result(sweep, false);
    }
    json_object_foreach (given, key, item) {
        char *at = pointer_member(pointer, key);

        if (!sweep_left_out(reading, key, at)) {
            json_t *values = complete_swept(reading, key, item, at);

            good = good && values && !sweeps_twice(reading, sweep, key, at);
            if (values)
                json_object_set_new(sweep, key, values);
        }
        free(at);
    }
    return part_result(sweep, good);
}

/* --- Require ------------------------------------------------------------------------------ */

/* One of them: whether it can be kept, is left out, or is wrong, with a line in the diagnostics. */
static enum figure_found check_required(struct scenario_reading *reading, const char *name,
                                        json_t *given, const char *pointer)
{
    enum figure_found found = find_count(reading, name, pointer), base = FIGURE_KNOWN;
    struct requirement r;

    if (!requirement_read(given, &r)) {
        document_wrong_type(&reading->doc, pointer,
                            "a whole number from 1, a rate (\"20/s\") or a share of another count "
                            "(\"5 % of gps\")",
                            given);
        return FIGURE_UNKNOWN;
    }
    if (r.kind == REQUIRED_SHARE)
        base = find_count(reading, r.of, pointer);
    return found == FIGURE_KNOWN ? base : found;
}

json_t *complete_require(void *context, json_t *given, const char *pointer)
{
    struct scenario_reading *reading = context;
    json_t *require = json_object();
    bool good = true;
    const char *key;
    json_t *item;

    if (given && !json_is_object(given)) {
        document_wrong_type(&reading->doc, pointer, "an object", given);
        return part_result(require, false);
    }
    json_object_foreach (given, key, item) {
        char *at = pointer_member(pointer, key);
        enum figure_found found = check_required(reading, key, item, at);

        good = good && found != FIGURE_UNKNOWN;
        if (found == FIGURE_KNOWN)
            json_object_set(require, key, item);
        free(at);
    }
    return part_result(require, good);
}

/* --- Floors ------------------------------------------------------------------------------- */

/* Which counters have one, and how high it is. */
static json_t *complete_least(void *context, json_t *given, const char *pointer)
{
    struct scenario_reading *reading = context;
    json_t *least = json_object();
    bool good = json_object_size(given) > 0;
    const char *key;
    json_t *item;

    if (!given)
        document_diagnose(&reading->doc, pointer,
                          "missing (the counters that have a floor: {\"reads\": \"1 %%\"})");
    else if (!good)
        document_wrong_type(&reading->doc, pointer, "counters and shares ({\"reads\": \"1 %\"})",
                            given);
    json_object_foreach (given, key, item) {
        char *at = pointer_member(pointer, key);
        double percent;

        good = find_counter(reading, key, at) && good;
        if (!floor_read(item, &percent)) {
            document_wrong_type(&reading->doc, at, "a share of what the reference counts (\"1 %\")",
                                item);
            good = false;
        }
        json_object_set(least, key, item);
        free(at);
    }
    return part_result(least, good);
}

/* An empty object where there are none. */
json_t *complete_floors(void *context, json_t *given, const char *pointer)
{
    static const struct member members[] = {{"least", complete_least}, {0}};
    struct scenario_reading *reading = context;

    if (!given || (json_is_object(given) && json_object_size(given) == 0))
        return json_object();
    return options_complete_members(floor_options, members, reading, given, &reading->doc, pointer);
}

/* --- Budgets ------------------------------------------------------------------------------ */

static json_t *complete_metric(void *context, json_t *given, const char *pointer)
{
    static const struct option metric = {
        .name = "metric", .type = OPTION_STRING, .help = "a figure of the result, as gp.total.p99"};
    struct scenario_reading *reading = context;

    if (json_is_string(given) && !*json_string_value(given)) {
        document_diagnose(&reading->doc, pointer, "empty");
        return NULL;
    }
    json_t *value = option_complete(&metric, given, &reading->doc, pointer);

    if (!value)
        return NULL;
    switch (find_metric(reading, json_string_value(value), pointer)) {
    case FIGURE_KNOWN:
        return value;
    case FIGURE_LEFT_OUT:
        json_decref(value);
        return json_false();
    default:
        return part_result(value, false);
    }
}

/* "max" or "min": a duration as text, or a plain number. JSON null when absent. */
static json_t *complete_limit(void *context, json_t *given, const char *pointer)
{
    struct scenario_reading *reading = context;
    int64_t ns;

    if (!given)
        return json_null();
    if (json_is_number(given) && json_number_value(given) >= 0)
        return json_incref(given);
    if (json_is_string(given) && duration_parse(json_string_value(given), &ns))
        return json_incref(given);
    return document_wrong_type(&reading->doc, pointer, "a number, or a duration (\"5ms\")", given);
}

static json_t *complete_selected(struct scenario_reading *reading, const char *key, json_t *given,
                                 const char *pointer)
{
    const struct option *option = swept_option(reading, key, pointer);

    return option ? option_complete(option, given, &reading->doc, pointer) : NULL;
}

/* Whether a selected value can be met: by the sweep, or because --set chose what is run. */
static bool can_be_selected(struct scenario_reading *reading, const char *key, json_t *value,
                            const char *pointer)
{
    json_t *values = json_object_get(json_object_get(reading->root, "sweep"), key);
    size_t index;
    json_t *item;

    if (json_array_size(reading->doc.overridden))
        return true;
    if (!values) {
        document_diagnose(&reading->doc, pointer, "selects by a key that is not swept");
        return false;
    }
    json_array_foreach (values, index, item) {
        struct diagnostics unheard = {0};
        const struct document quiet = {.file = "", .d = &unheard};
        const struct option *option = key_option(reading->root, reading->flavors, key);
        json_t *swept = option ? option_complete(option, item, &quiet, "") : NULL;
        bool equal = json_equal(swept, value);

        json_decref(swept);
        diagnostics_free(&unheard);
        if (equal)
            return true;
    }
    document_diagnose(&reading->doc, pointer, "selects a value that is not in the sweep");
    return false;
}

/* A selection of points: {"flavor": "urcu-memb"}. JSON null when absent, false when it selects by a
 * setting that was left out. */
static json_t *complete_selection(void *context, json_t *given, const char *pointer)
{
    struct scenario_reading *reading = context;
    json_t *selection = json_object();
    bool good = true, other = false;
    const char *key;
    json_t *item;

    if (given && !json_object_size(given)) {
        document_wrong_type(&reading->doc, pointer, "a selection of points ({\"KEY\": VALUE})",
                            given);
        return part_result(selection, false);
    }
    json_object_foreach (given, key, item) {
        char *at = pointer_member(pointer, key);
        bool foreign = is_foreign_key(reading, key, at);
        json_t *value = foreign ? NULL : complete_selected(reading, key, item, at);

        other = other || foreign;
        if (value && can_be_selected(reading, key, value, at))
            json_object_set(selection, key, value);
        else if (value || !foreign)
            good = false;
        json_decref(value);
        free(at);
    }
    if (good && (!given || other)) {
        json_decref(selection);
        return other ? json_false() : json_null();
    }
    return part_result(selection, good);
}

/* At least one limit; numbers for a ratio. */
static bool budget_makes_sense(struct scenario_reading *reading, json_t *budget,
                               const char *pointer)
{
    static const char *const limits[] = {"max", "min"};
    bool ratio = json_is_object(json_object_get(budget, "ratio_to")), good = true, any = false;

    for (size_t i = 0; i < 2; i++) {
        json_t *limit = json_object_get(budget, limits[i]);
        char *at = pointer_member(pointer, limits[i]);

        any = any || !json_is_null(limit);
        if (ratio && json_is_string(limit)) {
            document_wrong_type(&reading->doc, at, "a number, since it is a ratio", limit);
            good = false;
        }
        free(at);
    }
    if (!any)
        document_diagnose(&reading->doc, pointer,
                          "has neither \"max\" nor \"min\" (a number, or a duration: \"5ms\")");
    return good && any;
}

/* One budget; JSON null when it is about what was left out. */
static json_t *complete_budget(struct scenario_reading *reading, json_t *given, const char *pointer)
{
    static const struct option no_options[] = {{0}};
    static const struct member members[] = {
        {"metric", complete_metric},      {"max", complete_limit},       {"min", complete_limit},
        {"ratio_to", complete_selection}, {"where", complete_selection}, {0}};
    json_t *budget =
        options_complete_members(no_options, members, reading, given, &reading->doc, pointer);
    const char *key;
    json_t *item;
    void *next;
    bool left_out = false;

    if (!budget || !budget_makes_sense(reading, budget, pointer))
        return part_result(budget, false);
    json_object_foreach_safe (budget, next, key, item) {
        left_out = left_out || json_is_false(item);
        if (json_is_null(item))
            json_object_del(budget, key);
    }
    if (!left_out)
        return budget;
    json_decref(budget);
    return json_null();
}

json_t *complete_budgets(void *context, json_t *given, const char *pointer)
{
    struct scenario_reading *reading = context;
    json_t *budgets = json_array();
    bool good = true;
    size_t index;
    json_t *item;

    if (given && !json_is_array(given)) {
        document_wrong_type(&reading->doc, pointer, "a list of budgets", given);
        good = false;
    }
    json_array_foreach (given, index, item) {
        char *at = pointer_element(pointer, index);
        json_t *budget = complete_budget(reading, item, at);

        good = good && budget;
        if (budget && !json_is_null(budget))
            json_array_append(budgets, budget);
        json_decref(budget);
        free(at);
    }
    return part_result(budgets, good);
}
