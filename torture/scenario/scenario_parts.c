#include "scenario_parts.h"

#include "flavor_describe.h"
#include "nearest_name.h"
#include "scenario_keys.h"
#include "settings.h"
#include "torture/placement/settings.h"
#include "torture/record/text.h"
#include "torture/record/workload.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

json_t *part_result(json_t *part, bool good)
{
    if (good)
        return part;
    json_decref(part);
    return NULL;
}

/* --- Name and flavor ---------------------------------------------------------------------- */

static json_t *complete_name(void *context, json_t *given, const char *pointer)
{
    struct scenario_reading *reading = context;

    return complete_directory_name(options_find(scenario_options, "name"), given, &reading->doc,
                                   pointer);
}

bool flavor_answers(const struct document *doc, const char *flavor, const char *pointer)
{
    struct diagnostics refusal = {0};
    bool answers = flavor_describe(flavor, &refusal);

    if (!answers && refusal.length)
        document_diagnose(doc, pointer, "%.*s", (int)refusal.length - 1, refusal.text);
    doc->d->refused = doc->d->refused || refusal.refused;
    diagnostics_free(&refusal);
    return answers;
}

static json_t *complete_flavor(void *context, json_t *given, const char *pointer)
{
    struct scenario_reading *reading = context;
    const struct option *option = options_find(scenario_options, "flavor");
    json_t *value = option_complete(option, given, &reading->doc, pointer);
    json_t *swept = json_object_get(json_object_get(reading->root, "sweep"), "flavor");

    /* The base of a flavor sweep never runs; the flavors in it are checked there. */
    if (!value || swept || flavor_answers(&reading->doc, json_string_value(value), pointer))
        return value;
    json_decref(value);
    return NULL;
}

/* --- Library ------------------------------------------------------------------------------ */

bool is_foreign_setting(struct scenario_reading *reading, const char *name, const char *pointer)
{
    if (json_equal(reading->flavors, reading->file_flavors) ||
        strcmp(document_source(&reading->doc, pointer), reading->doc.file) != 0)
        return false;
    if (!library_option(reading->file_flavors, name) && flavors_known(reading->file_flavors))
        return false;
    const char *flavor = json_string_value(json_array_get(reading->flavors, 0));

    diagnose(reading->notes, "%s: %s: left out, flavor \"%s\" has no such setting",
             reading->doc.file, pointer, flavor);
    return true;
}

static void diagnose_setting(struct scenario_reading *reading, const char *name,
                             const char *pointer)
{
    char *key = text_format("library.%s", name);
    char *near = key_nearest(reading->root, reading->flavors, key);

    if (near)
        document_diagnose(&reading->doc, pointer, "unknown key; did you mean \"%s\"?",
                          near + strlen("library."));
    else
        document_diagnose(&reading->doc, pointer, "unknown key; flavor \"%s\" has no such setting",
                          json_string_value(json_array_get(reading->flavors, 0)));
    free(near);
    free(key);
}

static bool complete_setting(struct scenario_reading *reading, const char *name, json_t *given,
                             const char *pointer, json_t *library)
{
    const struct option *option = library_option(reading->flavors, name);
    json_t *value = NULL;

    if (option)
        value = option_complete(option, given, &reading->doc, pointer);
    else if (!flavors_known(reading->flavors) || is_foreign_setting(reading, name, pointer))
        return true;
    else
        diagnose_setting(reading, name, pointer);
    if (!value)
        return false;
    json_object_set_new(library, name, value);
    return true;
}

/* With one flavor every setting gets a value; with several, each point completes its own. */
static json_t *library_defaults(struct scenario_reading *reading, json_t *library)
{
    const char *flavor = json_string_value(json_array_get(reading->flavors, 0));
    struct diagnostics unheard = {0};
    const struct flavor_description *description = flavor_describe(flavor, &unheard);
    json_t *complete = NULL;

    if (description && json_array_size(reading->flavors) == 1)
        complete = options_complete(description->settings, library, reading->doc.file, "/library",
                                    &unheard);
    diagnostics_free(&unheard);
    if (!complete)
        return library;
    json_decref(library);
    return complete;
}

static json_t *complete_library(void *context, json_t *given, const char *pointer)
{
    struct scenario_reading *reading = context;
    json_t *library = json_object();
    bool good = true;
    const char *key;
    json_t *item;

    if (given && !json_is_object(given)) {
        document_wrong_type(&reading->doc, pointer, "an object", given);
        return part_result(library, false);
    }
    json_object_foreach (given, key, item) {
        char *at = pointer_member(pointer, key);

        good = complete_setting(reading, key, item, at, library) && good;
        free(at);
    }
    return part_result(good ? library_defaults(reading, library) : library, good);
}

/* --- Placement ---------------------------------------------------------------------------- */

/* "0-1,3": numbers and rising ranges. */
static bool is_cpuset(const char *text)
{
    for (;;) {
        unsigned long low, high;
        char *end;

        if (*text < '0' || *text > '9')
            return false;
        low = high = strtoul(text, &end, 10);
        if (*end == '-') {
            text = end + 1;
            if (*text < '0' || *text > '9')
                return false;
            high = strtoul(text, &end, 10);
        }
        if (high < low || high > 65535)
            return false;
        if (!*end)
            return true;
        if (*end != ',')
            return false;
        text = end + 1;
    }
}

static json_t *complete_cpuset(void *context, json_t *given, const char *pointer)
{
    struct scenario_reading *reading = context;

    if (!given)
        return json_null();
    if (!json_is_string(given))
        return document_wrong_type(&reading->doc, pointer, "a cpuset (\"0-1,3\")", given);
    if (is_cpuset(json_string_value(given)))
        return json_incref(given);
    document_diagnose(&reading->doc, pointer, "\"%.60s\" is not a cpuset (\"0-1,3\")",
                      json_string_value(given));
    return NULL;
}

static bool is_node_list(json_t *given)
{
    size_t index;
    json_t *item;

    json_array_foreach (given, index, item)
        if (!json_is_integer(item) || json_integer_value(item) < 0 ||
            json_integer_value(item) > 65535)
            return false;
    return json_array_size(given);
}

static json_t *complete_numa(void *context, json_t *given, const char *pointer)
{
    struct scenario_reading *reading = context;

    if (!given)
        return json_null();
    if (is_node_list(given))
        return json_incref(given);
    return document_wrong_type(&reading->doc, pointer, "a list of NUMA nodes ([0, 1])", given);
}

/* One role's own placement; what is absent stays absent. */
static json_t *complete_role(struct scenario_reading *reading, json_t *given, const char *pointer)
{
    static const struct option no_options[] = {{0}};
    static const struct member members[] = {
        {"cpuset", complete_cpuset}, {"numa", complete_numa}, {0}};
    json_t *complete =
        options_complete_members(no_options, members, reading, given, &reading->doc, pointer);
    const char *key;
    json_t *item;
    void *next;

    json_object_foreach_safe (complete, next, key, item)
        if (json_is_null(item))
            json_object_del(complete, key);
    if (!complete || json_object_size(complete))
        return complete;
    document_diagnose(&reading->doc, pointer, "says neither \"cpuset\" nor \"numa\"");
    return part_result(complete, false);
}

/* The role names of the scenario's workloads, NULL-ended; one free() releases all. */
static const char **role_names(json_t *root)
{
    size_t count = 0, used = 0;
    size_t workload_count = json_array_size(json_object_get(root, "workloads"));

    for (size_t i = 0; i < workload_count; i++) {
        const struct workload *workload = workload_at(root, i);

        for (const struct role *r = workload ? workload->roles : NULL; r && r->name; r++)
            count++;
    }
    const char **names = calloc(count + 1, sizeof *names);

    if (!names)
        abort();
    for (size_t i = 0; i < workload_count; i++) {
        const struct workload *workload = workload_at(root, i);

        for (const struct role *r = workload ? workload->roles : NULL; r && r->name; r++)
            names[used++] = r->name;
    }
    return names;
}

bool list_has(const char *const *names, const char *name)
{
    while (*names && strcmp(*names, name) != 0)
        names++;
    return *names;
}

static json_t *complete_roles(void *context, json_t *given, const char *pointer)
{
    struct scenario_reading *reading = context;
    json_t *roles = json_object();
    bool good = true;
    const char *key;
    json_t *item;

    if (given && !json_is_object(given)) {
        document_wrong_type(&reading->doc, pointer, "an object", given);
        return part_result(roles, false);
    }
    const char **names = role_names(reading->root);

    json_object_foreach (given, key, item) {
        char *at = pointer_member(pointer, key);
        json_t *role = NULL;

        if (list_has(names, key))
            role = complete_role(reading, item, at);
        else
            document_unknown_key(&reading->doc, at, key, names);
        if (role)
            json_object_set_new(roles, key, role);
        good = good && role;
        free(at);
    }
    free(names);
    return part_result(roles, good);
}

static json_t *complete_placement(void *context, json_t *given, const char *pointer)
{
    static const struct member members[] = {{"roles", complete_roles}, {0}};
    struct scenario_reading *reading = context;

    return options_complete_members(placement_options, members, context, given, &reading->doc,
                                    pointer);
}

/* --- Workloads ---------------------------------------------------------------------------- */

/* The types there are, NULL-ended; one free() releases all. */
static const char **workload_names(void)
{
    size_t count = 0;

    while (workloads[count])
        count++;
    const char **names = calloc(count + 1, sizeof *names);

    if (!names)
        abort();
    for (size_t i = 0; i < count; i++)
        names[i] = workloads[i]->name;
    return names;
}

static void diagnose_type(const struct document *doc, json_t *type, const char *pointer)
{
    const char **names = workload_names();
    const char *near = json_is_string(type) ? nearest_name(json_string_value(type), names) : NULL;
    char *list = text_format("%s", names[0] ? names[0] : "none");

    for (size_t i = 1; names[0] && names[i]; i++) {
        char *longer = text_format("%s %s", list, names[i]);

        free(list);
        list = longer;
    }
    if (!type)
        document_diagnose(doc, pointer, "missing (the workload: one of %s)", list);
    else if (!json_is_string(type))
        document_wrong_type(doc, pointer, "the name of a workload", type);
    else if (near)
        document_diagnose(doc, pointer, "unknown workload \"%.60s\"; did you mean \"%s\"?",
                          json_string_value(type), near);
    else
        document_diagnose(doc, pointer, "unknown workload \"%.60s\"; there are: %s",
                          json_string_value(type), list);
    free(list);
    free(names);
}

static json_t *complete_type(void *context, json_t *given, const char *pointer)
{
    (void)context;
    (void)pointer;
    return json_incref(given);
}

static json_t *complete_workload(struct scenario_reading *reading, json_t *given,
                                 const char *pointer)
{
    static const struct member members[] = {{"type", complete_type}, {0}};
    json_t *type = json_object_get(given, "type");
    const struct workload *workload = workload_named(json_string_value(type));

    if (!json_is_object(given))
        return document_wrong_type(&reading->doc, pointer, "an object", given);
    if (!workload) {
        char *at = pointer_member(pointer, "type");

        diagnose_type(&reading->doc, type, at);
        free(at);
        return NULL;
    }
    json_t *options = options_complete_members(workload->options, members, reading, given,
                                               &reading->doc, pointer);

    if (!options)
        return NULL;
    /* The type first: the rest depends on it. */
    json_t *complete = json_pack("{sO}", "type", type);

    json_object_update(complete, options);
    json_decref(options);
    return complete;
}

static json_t *complete_workloads(void *context, json_t *given, const char *pointer)
{
    struct scenario_reading *reading = context;
    json_t *list = json_array();
    bool good = true;
    size_t index;
    json_t *item;

    if (!given || (json_is_array(given) && !json_array_size(given))) {
        document_diagnose(&reading->doc, pointer, "%s (a list of at least one workload)",
                          given ? "empty" : "missing");
        good = false;
    } else if (!json_is_array(given)) {
        document_wrong_type(&reading->doc, pointer, "a list of workloads", given);
        good = false;
    }
    json_array_foreach (given, index, item) {
        char *at = pointer_element(pointer, index);
        json_t *workload = complete_workload(reading, item, at);

        good = good && workload;
        if (workload)
            json_array_append_new(list, workload);
        free(at);
    }
    return part_result(list, good);
}

const struct member scenario_members[] = {
    {"name", complete_name},           {"flavor", complete_flavor},
    {"library", complete_library},     {"placement", complete_placement},
    {"workloads", complete_workloads}, {"sweep", complete_sweep},
    {"require", complete_require},     {"floors", complete_floors},
    {"budgets", complete_budgets},     {.name = NULL},
};
