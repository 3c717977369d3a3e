/* Reads a scenario: the file, what --set replaces in it, and every check there is. Parts that need
 * more than a row of a table are in scenario_parts.c. */
#include "scenario.h"

#include "document.h"
#include "options_complete.h"
#include "parts.h"
#include "scenario_keys.h"
#include "scenario_parts.h"
#include "settings.h"
#include "torture/record/text.h"
#include "torture/record/workload.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/* --- What --set replaces ------------------------------------------------------------------ */

/* JSON when it parses as that, else a string; NULL when it is no UTF-8. No key takes null, and a
 * flavor has that name. */
static json_t *override_value(const char *text)
{
    json_t *value = json_loads(text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);

    return value && !json_is_null(value) ? value : json_string(text);
}

/* Removes what the override replaces from the sweep. */
static void override_sweep(json_t *root, json_t *pointers)
{
    json_t *sweep = json_object_get(root, "sweep");
    const char *key;
    json_t *item;
    void *next;

    json_object_foreach_safe (sweep, next, key, item) {
        json_t *swept = key_pointers(root, key);

        if (pointers_meet(swept, pointers))
            json_object_del(sweep, key);
        json_decref(swept);
    }
}

static void diagnose_override(struct scenario_reading *reading, const struct override *override,
                              const char *source)
{
    const char *dot = strchr(override->key, '.');
    char *head = text_format("%.*s", dot ? (int)(dot - override->key) : 0, override->key);
    char *near = key_nearest(reading->root, reading->flavors, override->key);
    struct diagnostics *d = reading->doc.d;

    if (key_adds(override->key))
        diagnose(d, "%s: nothing of that name is swept", source);
    else if (workload_named(head))
        diagnose(d, "%s: this scenario has no workload \"%s\"", source, head);
    else if (near)
        diagnose(d, "%s: unknown key; did you mean \"%s\"?", source, near);
    else
        diagnose(d, "%s: unknown key", source);
    free(near);
    free(head);
}

static void override_place(struct scenario_reading *reading, const char *pointer, json_t *value,
                           const char *source)
{
    json_t *parent = json_object_get(reading->root, "workloads");

    if (pointer_set(reading->root, pointer, value))
        json_array_append_new(reading->doc.overridden, json_pack("[ss]", pointer, source));
    else if (!strncmp(pointer, "/workloads/", 11))
        diagnose(reading->doc.d, "%s: there is no workload %ld; the scenario has %zu", source,
                 strtol(pointer + 11, NULL, 10), json_array_size(parent));
    /* Anything else lies in something that is of the wrong type, which is reported later. */
}

static void override_apply(struct scenario_reading *reading, const struct override *override)
{
    char *source = text_format("--set %s=%s", override->key, override->value);
    json_t *pointers = key_pointers(reading->root, override->key);
    json_t *value = override_value(override->value);
    size_t index;
    json_t *pointer;

    /* There is one that is called `null`. */
    if (json_is_null(value) && strcmp(override->key, "flavor") == 0)
        value = json_string(override->value);

    if (!value)
        diagnose(reading->doc.d, "--set %s=...: not UTF-8", override->key);
    else if (!json_array_size(pointers))
        diagnose_override(reading, override, source);
    override_sweep(reading->root, pointers);
    if (!value)
        json_array_clear(pointers);
    json_array_foreach (pointers, index, pointer)
        override_place(reading, json_string_value(pointer), value, source);
    json_decref(value);
    json_decref(pointers);
    free(source);
}

/* --- The whole ---------------------------------------------------------------------------- */

int64_t scenario_random_seed(void)
{
    uint32_t seed = 0;

    while (!seed)
        if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
            seed = (uint32_t)getpid();
    return seed;
}

/* Whether the key means something to this part. */
static bool has_key(json_t *part, const char *key)
{
    bool replaces = strncmp(key, "sweep.", 6) == 0 && !key_adds(key);
    json_t *pointers = key_pointers(part, replaces ? key + 6 : key);
    bool has = json_array_size(pointers) > 0;

    json_decref(pointers);
    return has;
}

/* A key that means something to one part is for that one; what means nothing to any is reported. */
static bool is_for(json_t *parts, json_t *part, const struct override *override)
{
    bool any = false;
    json_t *other;
    size_t i;

    if (strcmp(override->key, PART_KEY) == 0)
        return false;
    json_array_foreach (parts, i, other)
        any = any || has_key(other, override->key);
    return !any || has_key(part, override->key);
}

static json_t *scenario_complete(struct scenario_reading *reading, json_t *parts,
                                 const struct override *overrides, size_t override_count)
{
    unsigned complaints = reading->doc.d->count;
    json_t *name = json_incref(json_object_get(reading->root, PART_KEY)), *effective;

    json_object_del(reading->root, PART_KEY);
    reading->file_flavors = scenario_flavors(reading->root);
    reading->flavors = json_incref(reading->file_flavors);
    for (size_t i = 0; i < override_count; i++)
        if (is_for(parts, reading->root, &overrides[i]))
            override_apply(reading, &overrides[i]);
    json_decref(reading->flavors);
    reading->flavors = scenario_flavors(reading->root);
    effective = options_complete_members(scenario_options, scenario_members, reading, reading->root,
                                         &reading->doc, "");
    if (effective && name)
        json_object_set(effective, PART_KEY, name);
    json_decref(name);
    if (effective && reading->doc.d->count == complaints)
        return effective;
    json_decref(effective);
    return NULL;
}

/* The pointers of [[pointer, source], ...]. */
static json_t *first_of_each(json_t *overridden)
{
    json_t *pointers = json_array(), *pair;
    size_t i;

    json_array_foreach (overridden, i, pair)
        json_array_append(pointers, json_array_get(pair, 0));
    return pointers;
}

/* Better known now than after the night. */
static void note_few_repeats(json_t *part, const char *path, struct diagnostics *notes)
{
    json_int_t repeats = json_integer_value(json_object_get(part, "repeat"));

    if (json_array_size(json_object_get(part, "budgets")) > 0 && repeats < BUDGET_REPEATS)
        diagnose(
            notes,
            "%s: /budgets: undecided whatever is measured: \"repeat\" is %lld, and it takes %d",
            path, (long long)repeats, BUDGET_REPEATS);
}

/* One part, complete; NULL with lines in d. */
static json_t *complete_part(struct scenario *s, const char *path, json_t *root, json_t *parts,
                             size_t index, const struct override *overrides, size_t override_count,
                             struct diagnostics *d)
{
    struct diagnostics notes = {.text = NULL}, wrong = {.text = NULL};
    struct scenario_reading reading = {
        .doc = {.file = path, .overridden = json_array(), .d = &wrong},
        .root = json_array_get(parts, index),
        .notes = &notes,
    };
    size_t place;
    json_t *complete;

    reading.doc.part = parts_origin(root, reading.root, &place);
    if (reading.doc.part)
        snprintf(reading.doc.place, sizeof reading.doc.place, "/parts/%zu", place);
    complete = scenario_complete(&reading, parts, overrides, override_count);
    note_few_repeats(complete, path, &notes);
    if (complete)
        json_array_append_new(s->by_hand, first_of_each(reading.doc.overridden));
    diagnostics_merge(&s->notes, &notes);
    diagnostics_merge(d, &wrong);
    json_decref(reading.flavors);
    json_decref(reading.file_flavors);
    json_decref(reading.doc.overridden);
    json_decref(reading.doc.part);
    return complete;
}

void scenario_set_seed(struct scenario *s, uint64_t seed)
{
    json_t *part;
    size_t i;

    s->seed = seed;
    json_array_foreach (s->parts, i, part)
        json_object_set_new(part, "seed", json_integer((json_int_t)seed));
    json_decref(s->effective);
    s->effective = parts_join(s->parts);
}

bool scenario_load(struct scenario *s, const char *path, const struct override *overrides,
                   size_t override_count, struct diagnostics *d)
{
    const struct document doc = {.file = path, .d = d};
    const char *only = NULL;
    json_t *root, *parts;
    json_int_t seed;
    bool good = true;

    *s = (struct scenario){0};
    root = document_read(path, d);
    if (!root)
        return false;
    for (size_t i = 0; i < override_count; i++)
        if (strcmp(overrides[i].key, PART_KEY) == 0)
            only = overrides[i].value;
    parts = parts_split(&doc, root, only);
    s->parts = json_array();
    s->by_hand = json_array();
    for (size_t i = 0; i < json_array_size(parts); i++) {
        json_t *complete = complete_part(s, path, root, parts, i, overrides, override_count, d);

        good = good && complete;
        if (complete)
            json_array_append_new(s->parts, complete);
    }
    good = good && parts;
    json_decref(parts);
    json_decref(root);
    if (!good) {
        scenario_free(s);
        return false;
    }
    s->path = text_format("%s", path);
    seed = json_integer_value(json_object_get(json_array_get(s->parts, 0), "seed"));
    scenario_set_seed(s, (uint64_t)(seed ? seed : scenario_random_seed()));
    return true;
}

void scenario_free(struct scenario *s)
{
    free(s->path);
    json_decref(s->effective);
    json_decref(s->parts);
    json_decref(s->by_hand);
    diagnostics_free(&s->notes);
    *s = (struct scenario){0};
}
