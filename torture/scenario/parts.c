#include "parts.h"

#include "nearest_name.h"

#include <stdlib.h>
#include <string.h>

/* What a part cannot have of its own: it belongs to the invocation. */
static const char *const of_the_whole[] = {"seed", "repeat", "parts", NULL};

static const char *name_of(json_t *part)
{
    return json_string_value(json_object_get(part, "name"));
}

/* False with a line in the diagnostics. */
static bool name_is_good(const struct document *doc, json_t *parts, size_t index,
                         const char *pointer)
{
    const char *name = name_of(json_array_get(parts, index));
    char *at = pointer_member(pointer, "name");
    bool good = true;

    if (!name || !*name || strpbrk(name, " \t\n=")) {
        document_diagnose(doc, at, "expected the part's name, a word");
        good = false;
    }
    for (size_t i = 0; good && i < index; i++) {
        const char *other = name_of(json_array_get(parts, i));

        if (other && strcmp(other, name) == 0) {
            document_diagnose(doc, at, "another part is called that too");
            good = false;
        }
    }
    free(at);
    return good;
}

/* The scenario with the part's members; NULL with lines in the diagnostics. */
static json_t *split(const struct document *doc, json_t *root, json_t *parts, size_t index)
{
    json_t *part = json_array_get(parts, index), *copy, *value;
    char *list = pointer_member("", "parts"), *pointer = pointer_element(list, index);
    const char *key;
    bool good = true;

    free(list);
    copy = json_deep_copy(root);
    json_object_del(copy, "parts");
    if (!json_is_object(part)) {
        document_wrong_type(doc, pointer, "an object", part);
        good = false;
    } else {
        good = name_is_good(doc, parts, index, pointer);
    }
    json_object_foreach (part, key, value) {
        char *at = pointer_member(pointer, key);

        if (list_has(of_the_whole, key)) {
            document_diagnose(doc, at, "belongs to the whole scenario");
            good = false;
        } else if (strcmp(key, "name") != 0) {
            json_object_set_new(copy, key, json_deep_copy(value));
        }
        free(at);
    }
    free(pointer);
    if (good)
        json_object_set(copy, PART_KEY, json_object_get(part, "name"));
    return part_result(copy, good);
}

/* False with a line in the diagnostics. */
static bool is_there(const struct document *doc, json_t *parts, const char *only)
{
    size_t count = json_array_size(parts);
    const char **names = calloc(count + 1, sizeof *names), *near;
    bool found = false;

    for (size_t i = 0, n = 0; i < count; i++) {
        const char *name = name_of(json_array_get(parts, i));

        if (name) {
            names[n++] = name;
            found = found || strcmp(name, only) == 0;
        }
    }
    near = found ? NULL : nearest_name(only, names);
    if (near)
        diagnose(doc->d, "--set %s=%s: there is no such part; did you mean \"%s\"?", PART_KEY, only,
                 near);
    else if (!found)
        diagnose(doc->d, "--set %s=%s: the scenario has no such part", PART_KEY, only);
    free(names);
    return found;
}

json_t *parts_split(const struct document *doc, json_t *root, const char *only)
{
    json_t *parts = json_object_get(root, "parts"), *all = json_array();
    bool good = !only || is_there(doc, parts, only);

    if (json_object_get(root, PART_KEY)) {
        document_diagnose(doc, "/" PART_KEY, "unknown key; did you mean \"parts\"?");
        good = false;
    }
    if (!parts) {
        json_array_append_new(all, json_deep_copy(root));
        return part_result(all, good);
    }
    if (!json_is_array(parts) || json_array_size(parts) == 0) {
        document_wrong_type(doc, "/parts", "a list of at least one part", parts);
        good = false;
    }
    for (size_t i = 0; i < json_array_size(parts); i++) {
        json_t *part = split(doc, root, parts, i);

        good = good && part;
        if (part && (!only || strcmp(name_of(json_array_get(parts, i)), only) == 0))
            json_array_append(all, part);
        json_decref(part);
    }
    return part_result(all, good);
}

json_t *parts_origin(json_t *root, json_t *part, size_t *index)
{
    json_t *parts = json_object_get(root, "parts"), *origin;

    for (*index = 0; (origin = json_array_get(parts, *index)); ++*index)
        if (json_equal(json_object_get(origin, "name"), json_object_get(part, PART_KEY))) {
            origin = json_copy(origin);
            json_object_del(origin, "name"); /* it does not take the place of the scenario's */
            return origin;
        }
    return NULL;
}

json_t *parts_join(json_t *parts)
{
    json_t *first = json_array_get(parts, 0), *whole, *list, *part;
    size_t i;

    if (!json_object_get(first, PART_KEY))
        return json_incref(first);
    list = json_array();
    json_array_foreach (parts, i, part) {
        json_t *own = json_copy(part);

        json_object_set(own, "name", json_object_get(part, PART_KEY));
        json_object_del(own, PART_KEY);
        for (const char *const *key = of_the_whole; *key; key++)
            json_object_del(own, *key);
        json_array_append_new(list, own);
    }
    whole = json_pack("{sO sO* sO sO so}", "name", json_object_get(first, "name"), "description",
                      json_object_get(first, "description"), "seed", json_object_get(first, "seed"),
                      "repeat", json_object_get(first, "repeat"), "parts", list);
    return whole;
}
