/* The JSON Schema of a scenario (draft 2020-12), from the tables that also do the checking. A
 * schema cannot express everything that scenario_load() checks; it refuses nothing that that
 * accepts. */
#include "requirement.h"
#include "scenario.h"

#include "flavor_describe.h"
#include "options_complete.h"
#include "scenario_keys.h"
#include "scenario_parts.h"
#include "schema.h"
#include "settings.h"
#include "torture/placement/settings.h"
#include "torture/record/text.h"

#include <stdlib.h>
#include <string.h>

static const char duration_pattern[] = "^[0-9]+(\\.[0-9]+)?(ns|us|ms|s|m|h)?$";

/* Whole where it is whole: "minimum": 1 reads better than 1.0. */
static json_t *limit_value(double limit)
{
    return limit == (double)(json_int_t)limit ? json_integer((json_int_t)limit) : json_real(limit);
}

static void add_limits(json_t *schema, const struct option *option, double per_unit)
{
    if (option->min == 0 && option->max == 0)
        return;
    json_object_set_new(schema, "minimum", limit_value(option->min / per_unit));
    if (option->max >= option->min)
        json_object_set_new(schema, "maximum", limit_value(option->max / per_unit));
}

static json_t *duration_schema(const struct option *option)
{
    json_t *seconds = json_pack("{ss}", "type", "number");
    json_t *text = json_pack("{ssss}", "type", "string", "pattern", duration_pattern);

    add_limits(seconds, option, 1e9);
    return json_pack("{s[oo]}", "anyOf", text, seconds);
}

static json_t *choice_schema(const struct option *option)
{
    char **list = option_choices(option);
    json_t *values = json_array();

    for (char **choice = list; *choice; choice++)
        json_array_append_new(values, json_string(*choice));
    free(list);
    return json_pack("{so}", "enum", values);
}

/* The default in JSON: what options_complete() would fill in. */
static json_t *schema_default(const struct option *option)
{
    const struct option table[] = {*option, {0}};
    struct diagnostics unheard = {0};
    json_t *complete = options_complete(table, NULL, "", "", &unheard);
    json_t *value = json_incref(json_object_get(complete, option->name));

    json_decref(complete);
    diagnostics_free(&unheard);
    return value;
}

static json_t *option_schema(const struct option *option)
{
    static const char *const types[] = {
        [OPTION_BOOL] = "boolean", [OPTION_INT] = "integer",   [OPTION_REAL] = "number",
        [OPTION_DURATION] = NULL,  [OPTION_CHOICE] = "string", [OPTION_STRING] = "string",
    };
    json_t *schema;

    if (option->type == OPTION_DURATION)
        schema = duration_schema(option);
    else if (option->type == OPTION_CHOICE)
        schema = choice_schema(option);
    else
        schema = json_pack("{ss}", "type", types[option->type]);
    if (option->type == OPTION_INT || option->type == OPTION_REAL)
        add_limits(schema, option, 1);

    const char *unit = option->type == OPTION_DURATION ? NULL : option->unit;
    char *description =
        text_format("%s%s%s%s", option->help, unit ? " (" : "", unit ? unit : "", unit ? ")" : "");

    json_object_set_new(schema, "description", json_string(description));
    free(description);
    if (option->default_text && !option_default_varies(option))
        json_object_set_new(schema, "default", schema_default(option));
    return schema;
}

static json_t *table_properties(const struct option *table)
{
    json_t *properties = json_object();

    for (; table->name; table++)
        json_object_set_new(properties, table->name, option_schema(table));
    return properties;
}

/* An object of exactly these properties; takes over the reference. */
static json_t *closed_object(json_t *properties)
{
    return json_pack("{sssosb}", "type", "object", "properties", properties, "additionalProperties",
                     0);
}

static json_t *placement_schema(void)
{
    json_t *properties = table_properties(placement_options);
    json_t *role =
        json_pack("{sss{s{ssss}s{sss{sssisi}si}}sbsi}", "type", "object", "properties", "cpuset",
                  "type", "string", "pattern", "^[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*$", "numa",
                  "type", "array", "items", "type", "integer", "minimum", 0, "maximum", 65535,
                  "minItems", 1, "additionalProperties", 0, "minProperties", 1);

    json_object_set_new(properties, "roles",
                        json_pack("{ssssso}", "type", "object", "description",
                                  "Where the threads of a role go, by its name",
                                  "additionalProperties", role));
    return closed_object(properties);
}

/* {"if": type is this, "then": its options}. */
static json_t *workload_schema(const struct workload *workload)
{
    json_t *properties = json_pack("{s{}}", "type");

    json_object_update_new(properties, table_properties(workload->options));
    return json_pack("{s{s{s{ss}}s[s]}so}", "if", "properties", "type", "const", workload->name,
                     "required", "type", "then", closed_object(properties));
}

static json_t *workloads_schema(void)
{
    json_t *names = json_array(), *cases = json_array();

    for (const struct workload *const *w = workloads; *w; w++) {
        json_array_append_new(names, json_string((*w)->name));
        json_array_append_new(cases, workload_schema(*w));
    }
    json_t *item = json_pack("{sss[s]s{s{so}}so}", "type", "object", "required", "type",
                             "properties", "type", "enum", names, "allOf", cases);

    return json_pack("{sssiso}", "type", "array", "minItems", 1, "items", item);
}

static json_t *sweep_schema(void)
{
    json_t *refused = json_pack("[ssss]", "name", "description", "seed", "repeat");

    return json_pack("{sssss{s{so}}s{sssi}}", "type", "object", "description",
                     "Values for keys as after --set; every combination is a point",
                     "propertyNames", "not", "enum", refused, "additionalProperties", "type",
                     "array", "minItems", 1);
}

static json_t *require_schema(void)
{
    return json_pack("{sssss{s[{sssI}{ssss}{ssss}]}}", "type", "object", "description",
                     "States, statistics or counters that must be reached, and how often at least",
                     "additionalProperties", "anyOf", "type", "integer", "minimum", (json_int_t)1,
                     "type", "string", "pattern", REQUIREMENT_RATE_PATTERN, "type", "string",
                     "pattern", REQUIREMENT_SHARE_PATTERN);
}

static json_t *floors_schema(void)
{
    json_t *properties = table_properties(floor_options), *floors;

    json_object_set_new(properties, "least",
                        json_pack("{sssssis{ssss}}", "type", "object", "description",
                                  "Counters of the workloads, and the share that a run must have",
                                  "minProperties", 1, "additionalProperties", "type", "string",
                                  "pattern", FLOOR_PATTERN));
    floors = closed_object(properties);
    json_object_set_new(floors, "description",
                        json_string("Shares of what a reference counts at the same point, for each "
                                    "second of the run"));
    return floors;
}

static json_t *budgets_schema(void)
{
    json_t *selection = json_pack("{sssi}", "type", "object", "minProperties", 1);
    json_t *limit = json_pack("{s[{ssss}{sssi}]}", "anyOf", "type", "string", "pattern",
                              duration_pattern, "type", "number", "minimum", 0);
    json_t *budget = closed_object(json_pack("{s{sssi}sOsosOsO}", "metric", "type", "string",
                                             "minLength", 1, "max", limit, "min", limit, "ratio_to",
                                             selection, "where", selection));

    json_decref(selection);
    json_object_set_new(budget, "required", json_pack("[s]", "metric"));
    json_object_set_new(budget, "anyOf",
                        json_pack("[{s[s]}{s[s]}]", "required", "max", "required", "min"));
    return json_pack("{ssssso}", "type", "array", "description",
                     "Limits of performance; never mixed with correctness", "items", budget);
}

/* The settings of the default flavor, for scenarios that run that and no other; NULL when its
 * runner is not there. */
static json_t *library_case(void)
{
    const char *flavor = options_find(scenario_options, "flavor")->default_text;
    struct diagnostics unheard = {0};
    const struct flavor_description *description = flavor_describe(flavor, &unheard);

    diagnostics_free(&unheard);
    if (!description)
        return NULL;
    return json_pack("{s{s{s{ss}s{s{s[s]}}}}s{s{so}}}", "if", "properties", "flavor", "const",
                     flavor, "sweep", "not", "required", "flavor", "then", "properties", "library",
                     closed_object(table_properties(description->settings)));
}

/* Any key of the whole scenario but those that belong to it alone. */
static json_t *parts_schema(json_t *whole)
{
    json_t *properties = json_object(), *item, *property;
    const char *key;

    json_object_foreach (whole, key, property)
        if (strcmp(key, "seed") != 0 && strcmp(key, "repeat") != 0)
            json_object_set_new(properties, key,
                                json_pack("{so}", "$ref", json_sprintf("#/properties/%s", key)));
    item = closed_object(properties);
    json_object_set_new(item, "required", json_pack("[s]", "name"));
    return json_pack("{sssssiso}", "type", "array", "description",
                     "What cannot run in one process: each has points of its own, and what it says "
                     "takes the place of what the scenario says",
                     "minItems", 1, "items", item);
}

json_t *scenario_schema(void)
{
    json_t *properties = table_properties(scenario_options);
    json_t *name = json_object_get(properties, "name");
    json_t *library = library_case();

    json_object_set_new(name, "pattern", json_string("^[^./ \\t\\n][^/ \\t\\n]{0,63}$"));
    json_object_set_new(properties, "library",
                        json_pack("{ssss}", "type", "object", "description",
                                  "Settings of the implementation under test"));
    json_object_set_new(properties, "placement", placement_schema());
    json_object_set_new(properties, "workloads", workloads_schema());
    json_object_set_new(properties, "sweep", sweep_schema());
    json_object_set_new(properties, "require", require_schema());
    json_object_set_new(properties, "floors", floors_schema());
    json_object_set_new(properties, "budgets", budgets_schema());
    json_object_set_new(properties, "parts", parts_schema(properties));

    json_t *schema =
        json_pack("{ssssss}", "$schema", "https://json-schema.org/draft/2020-12/schema", "title",
                  "Stillpoint scenario", "type", "object");

    json_object_set_new(schema, "required", json_pack("[s]", "name"));
    json_object_set_new(schema, "anyOf",
                        json_pack("[{s[s]}{s[s]}]", "required", "workloads", "required", "parts"));
    json_object_set_new(schema, "properties", properties);
    json_object_set_new(schema, "additionalProperties", json_false());
    if (library)
        json_object_set_new(schema, "allOf", json_pack("[o]", library));
    return schema;
}
