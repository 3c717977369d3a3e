#include "scenario_keys.h"

#include "document.h"
#include "flavor_describe.h"
#include "nearest_name.h"
#include "scenario.h"
#include "settings.h"
#include "torture/placement/settings.h"
#include "torture/record/text.h"

#include <stdlib.h>
#include <string.h>

/* --- Workloads and flavors ---------------------------------------------------------------- */

json_t *scenario_flavors(json_t *root)
{
    json_t *swept = json_object_get(json_object_get(root, "sweep"), "flavor");
    json_t *given = json_object_get(root, "flavor");
    json_t *flavors = json_array();
    size_t index;
    json_t *item;

    json_array_foreach (swept, index, item)
        if (json_is_string(item))
            json_array_append(flavors, item);
    if (json_array_size(flavors))
        return flavors;
    if (json_is_string(given))
        json_array_append(flavors, given);
    else
        json_array_append_new(flavors,
                              json_string(options_find(scenario_options, "flavor")->default_text));
    return flavors;
}

/* flavor_describe() for callers whose refusal is reported elsewhere. */
static const struct flavor_description *describe_quietly(json_t *flavor)
{
    struct diagnostics unheard = {0};
    const struct flavor_description *description =
        flavor_describe(json_string_value(flavor), &unheard);

    diagnostics_free(&unheard);
    return description;
}

const struct option *library_option(json_t *flavors, const char *name)
{
    size_t index;
    json_t *flavor;

    json_array_foreach (flavors, index, flavor) {
        const struct flavor_description *description = describe_quietly(flavor);
        const struct option *option =
            description ? options_find(description->settings, name) : NULL;

        if (option)
            return option;
    }
    return NULL;
}

bool flavors_known(json_t *flavors)
{
    size_t index;
    json_t *flavor;

    json_array_foreach (flavors, index, flavor)
        if (!describe_quietly(flavor))
            return false;
    return true;
}

/* --- Pointers ----------------------------------------------------------------------------- */

/* Cuts the first member off a pointer, unescaped, into a heap string; moves the pointer on. */
static char *pointer_cut(const char **pointer)
{
    const char *p = *pointer + 1;
    char *name = malloc(strlen(p) + 1);
    char *to = name;

    if (!name)
        abort();
    for (; *p && *p != '/'; p++)
        if (p[0] == '~' && (p[1] == '0' || p[1] == '1'))
            *to++ = *++p == '0' ? '~' : '/';
        else
            *to++ = *p;
    *to = '\0';
    *pointer = p;
    return name;
}

/* Reads an array index: digits only, no more than six. */
static bool index_parse(const char *text, size_t *index)
{
    size_t digits = strspn(text, "0123456789");

    *index = strtoul(text, NULL, 10);
    return digits && digits <= 6 && !text[digits];
}

static json_t *child_get(json_t *parent, const char *name)
{
    size_t index;

    if (json_is_array(parent))
        return index_parse(name, &index) ? json_array_get(parent, index) : NULL;
    return json_object_get(parent, name);
}

json_t *pointer_get(json_t *root, const char *pointer)
{
    while (root && *pointer) {
        char *name = pointer_cut(&pointer);

        root = child_get(root, name);
        free(name);
    }
    return root;
}

static bool child_set(json_t *parent, const char *name, json_t *value)
{
    size_t index;

    if (json_is_array(parent))
        return index_parse(name, &index) &&
               (index == json_array_size(parent) ? !json_array_append(parent, value)
                                                 : !json_array_set(parent, index, value));
    return !json_object_set(parent, name, value);
}

bool pointer_set(json_t *root, const char *pointer, json_t *value)
{
    for (;;) {
        char *name = pointer_cut(&pointer);
        bool done = !*pointer, good = true;

        if (done) {
            good = child_set(root, name, value);
        } else {
            if (json_is_object(root) && !json_object_get(root, name))
                json_object_set_new(root, name, json_object());
            root = child_get(root, name);
        }
        free(name);
        if (done || !root)
            return done && good;
    }
}

bool pointers_meet(json_t *left, json_t *right)
{
    size_t i, j;
    json_t *a, *b;

    json_array_foreach (left, i, a) {
        json_array_foreach (right, j, b) {
            const char *one = json_string_value(a), *other = json_string_value(b);

            if (pointer_within(one, other) || pointer_within(other, one))
                return true;
        }
    }
    return false;
}

/* --- Keys --------------------------------------------------------------------------------- */

/* Objects of the top level whose members are named by what follows the first dot. */
static const char *const open_objects[] = {"library", "placement", "sweep",
                                           "require", "floors",    NULL};
/* What else the top level holds, besides scenario_options. */
static const char *const whole_members[] = {"workloads", "budgets", NULL};

static bool list_has(const char *const *list, const char *name, size_t length)
{
    for (; *list; list++)
        if (strlen(*list) == length && !strncmp(*list, name, length))
            return true;
    return false;
}

static void append_pointer(json_t *pointers, const char *parent, const char *name)
{
    char *pointer = pointer_member(parent, name);

    json_array_append_new(pointers, json_string(pointer));
    free(pointer);
}

/* "0.readers", after "workloads.". */
static void append_element(json_t *pointers, const char *rest)
{
    const char *dot = strchr(rest, '.');
    size_t index;

    if (!dot || !dot[1])
        return;
    char *digits = text_format("%.*s", (int)(dot - rest), rest);

    if (index_parse(digits, &index)) {
        char *parent = pointer_element("/workloads", index);

        append_pointer(pointers, parent, dot + 1);
        free(parent);
    }
    free(digits);
}

/* "readers" of every workload whose type is the `length` first letters of `type`. */
static void append_typed(json_t *root, json_t *pointers, const char *type, size_t length,
                         const char *name)
{
    for (size_t i = 0; i < json_array_size(json_object_get(root, "workloads")); i++) {
        const struct workload *workload = workload_at(root, i);

        if (!workload || strlen(workload->name) != length ||
            strncmp(workload->name, type, length) != 0)
            continue;
        char *parent = pointer_element("/workloads", i);

        append_pointer(pointers, parent, name);
        free(parent);
    }
}

bool key_adds(const char *key)
{
    return !strncmp(key, "sweep.", 6) && key[strlen(key) - 1] == '+';
}

/* Behind what is swept, of "sweep.KEY+". */
static void append_next(json_t *root, json_t *pointers, const char *key)
{
    char *name = text_format("%.*s", (int)strlen(key) - 1, key);
    json_t *list = json_object_get(json_object_get(root, "sweep"), name);
    char *parent = pointer_member("/sweep", name), *pointer;

    if (json_is_array(list)) {
        pointer = pointer_element(parent, json_array_size(list));
        json_array_append_new(pointers, json_string(pointer));
        free(pointer);
    }
    free(parent);
    free(name);
}

json_t *key_pointers(json_t *root, const char *key)
{
    json_t *pointers = json_array();
    const char *dot = strchr(key, '.');
    size_t length = dot ? (size_t)(dot - key) : strlen(key);

    if (!dot) {
        if (options_find(scenario_options, key) || list_has(open_objects, key, length) ||
            list_has(whole_members, key, length))
            append_pointer(pointers, "", key);
    } else if (!dot[1]) {
        return pointers;
    } else if (key_adds(key)) {
        append_next(root, pointers, dot + 1);
    } else if (list_has(open_objects, key, length)) {
        char *parent = text_format("/%.*s", (int)length, key);

        append_pointer(pointers, parent, dot + 1);
        free(parent);
    } else if (length == strlen("workloads") && !strncmp(key, "workloads", length)) {
        append_element(pointers, dot + 1);
    } else {
        append_typed(root, pointers, key, length, dot + 1);
    }
    return pointers;
}

const struct option *key_option(json_t *root, json_t *flavors, const char *key)
{
    const char *dot = strchr(key, '.');

    if (!dot)
        return options_find(scenario_options, key);
    if (!strncmp(key, "library.", 8))
        return library_option(flavors, dot + 1);
    if (!strncmp(key, "placement.", 10))
        return options_find(placement_options, dot + 1);

    json_t *pointers = key_pointers(root, key);
    const char *pointer = json_string_value(json_array_get(pointers, 0));
    const struct option *option = NULL;

    if (pointer && !strncmp(pointer, "/workloads/", 11)) {
        const struct workload *workload = workload_at(root, strtoul(pointer + 11, NULL, 10));

        option = workload ? options_find(workload->options, strrchr(pointer, '/') + 1) : NULL;
    }
    json_decref(pointers);
    return option;
}

/* --- The nearest key ---------------------------------------------------------------------- */

static void append_key(json_t *keys, const char *head, const char *name)
{
    char *key = *head ? text_format("%s.%s", head, name) : text_format("%s", name);

    json_array_append_new(keys, json_string(key));
    free(key);
}

static void append_table(json_t *keys, const char *head, const struct option *table)
{
    for (; table->name; table++)
        append_key(keys, head, table->name);
}

/* Every key that means something here. */
static json_t *all_keys(json_t *root, json_t *flavors)
{
    json_t *keys = json_array();
    size_t index;
    json_t *flavor;

    append_table(keys, "", scenario_options);
    for (const char *const *name = open_objects; *name; name++)
        append_key(keys, "", *name);
    for (const char *const *name = whole_members; *name; name++)
        append_key(keys, "", *name);
    append_table(keys, "placement", placement_options);
    append_table(keys, "floors", floor_options);
    json_array_foreach (flavors, index, flavor) {
        const struct flavor_description *description = describe_quietly(flavor);

        if (description)
            append_table(keys, "library", description->settings);
    }
    for (size_t i = 0; i < json_array_size(json_object_get(root, "workloads")); i++) {
        const struct workload *workload = workload_at(root, i);
        char *numbered = text_format("workloads.%zu", i);

        if (workload) {
            append_table(keys, workload->name, workload->options);
            append_table(keys, numbered, workload->options);
        }
        free(numbered);
    }
    return keys;
}

/* The nearest of the keys that begin with the first `head` letters of `key`, compared by the rest:
 * a long common beginning must not make all of them near. *any: whether one begins so. */
static const char *nearest_below(json_t *keys, const char *key, size_t head, bool *any)
{
    const char **rests = calloc(json_array_size(keys) + 1, sizeof *rests);
    size_t count = 0, index;
    json_t *item;

    if (!rests)
        abort();
    json_array_foreach (keys, index, item) {
        const char *candidate = json_string_value(item);

        if (!strncmp(candidate, key, head))
            rests[count++] = candidate + head;
    }
    const char *nearest = nearest_name(key + head, rests);

    *any = count;
    free(rests);
    return nearest ? nearest - head : NULL;
}

char *key_nearest(json_t *root, json_t *flavors, const char *key)
{
    json_t *keys = all_keys(root, flavors);
    const char *dot = strrchr(key, '.');
    const char *nearest = NULL;
    bool any = false;

    if (dot)
        nearest = nearest_below(keys, key, (size_t)(dot + 1 - key), &any);
    if (!any)
        nearest = nearest_below(keys, key, 0, &any);
    char *copy = nearest ? text_format("%s", nearest) : NULL;

    json_decref(keys);
    return copy;
}
