#include "identity.h"

#include "torture/record/text.h"
#include "torture/result/fingerprint.h"
#include "torture/scenario/document.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* --- Differences --- */

/* Of a host what makes figures others, and does not change by itself. */
static const char *const host_keys[] = {"cpu_model", "cpus_allowed", "topology", "kernel",
                                        "governor",  "membarrier",   NULL};

static char *value_text(json_t *value)
{
    char *text = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS) : NULL;

    return text ? text : strdup("none");
}

static char *differ(const char *what, json_t *one, json_t *other)
{
    char *a, *b, *text;

    if (one == other || (one && other && json_equal(one, other)))
        return NULL;
    a = value_text(one);
    b = value_text(other);
    text = text_format("%s: %.60s and %.60s", what, a, b);
    free(a);
    free(b);
    return text;
}

/* A scenario without what changes no figure. */
static json_t *measured(json_t *scenario)
{
    static const char *const beside[] = {"seed",   "description", "repeat",
                                         "floors", "budgets",     NULL};
    json_t *copy = json_deep_copy(scenario), *part;
    size_t i;

    for (i = 0; beside[i]; i++)
        json_object_del(copy, beside[i]);
    json_array_foreach (json_object_get(copy, "parts"), i, part)
        for (size_t j = 0; beside[j]; j++)
            json_object_del(part, beside[j]);
    return copy;
}

static char *scenarios_differ(json_t *one, json_t *other)
{
    json_t *a = measured(one), *b = measured(other), *value;
    char *text = NULL;
    const char *key;

    json_t *all = json_copy(a);

    json_object_update_missing(all, b); /* so that each key of either is looked at */
    json_object_foreach (all, key, value) {
        char *pointer = text_format("scenario /%s", key);

        text = text ? text : differ(pointer, json_object_get(a, key), json_object_get(b, key));
        free(pointer);
    }
    json_decref(all);
    json_decref(a);
    json_decref(b);
    return text;
}

/* The first of some keys in which the objects of that name differ. */
static char *objects_differ(const char *name, const char *const *keys, json_t *one, json_t *other)
{
    char *text = NULL;

    for (size_t i = 0; keys[i] && !text; i++) {
        char *what = text_format("%s %s", name, keys[i]);

        text = differ(what, json_object_get(json_object_get(one, name), keys[i]),
                      json_object_get(json_object_get(other, name), keys[i]));
        free(what);
    }
    return text;
}

char *identity_build_difference(json_t *one, json_t *other)
{
    static const char *const keys[] = {"commit", "dirty", "compiler", "flags", NULL};

    return objects_differ("tool", keys, one, other);
}

char *identity_difference(json_t *one, json_t *other)
{
    char *text = objects_differ("host", host_keys, one, other);

    text = text ? text
                : differ("environment", json_object_get(one, "environment"),
                         json_object_get(other, "environment"));
    return text ? text
                : scenarios_differ(json_object_get(one, "scenario"),
                                   json_object_get(other, "scenario"));
}

/* --- Keys --- */

static uint32_t digest(json_t *value)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS);
    uint64_t sum = fingerprint_hash(FINGERPRINT_BASIS, text ? text : "");

    free(text);
    return (uint32_t)(sum ^ (sum >> 32));
}

char *identity_host(json_t *host)
{
    json_t *kept = json_object();
    char *key;

    for (size_t i = 0; host_keys[i]; i++)
        if (json_object_get(host, host_keys[i]))
            json_object_set(kept, host_keys[i], json_object_get(host, host_keys[i]));
    key = text_format("%08" PRIx32, digest(kept));
    json_decref(kept);
    return key;
}

/* What makes another program of the same source: sanitizers and checks of misuse; heap. */
static char *kind_of_build(json_t *result)
{
    static const char *const kinds[] = {"-fsanitize=", "-DSTILLPOINT_", NULL};
    char *flags = strdup(document_text(json_object_get(result, "tool"), "flags"));
    char *kind = strdup(""), *rest = flags, *word;

    while ((word = strsep(&rest, " ")) != NULL)
        for (size_t i = 0; kinds[i]; i++)
            if (strncmp(word, kinds[i], strlen(kinds[i])) == 0)
                kind = text_append(kind, word);
    free(flags);
    return kind;
}

char *identity_scenario(json_t *result)
{
    json_t *scenario = json_object_get(result, "scenario"), *kept = measured(scenario);
    char *kind = kind_of_build(result);
    json_t *environment = json_object_get(result, "environment");
    char *key;

    if (json_object_size(environment) > 0)
        json_object_set(kept, "environment", environment);
    if (*kind)
        json_object_set_new(kept, "build", json_string(kind));
    key = text_format("%s %08" PRIx32, document_text(scenario, "name"), digest(kept));
    free(kind);
    json_decref(kept);
    return key;
}

char *identity_machine(json_t *host)
{
    long long cpus = json_integer_value(json_object_get(host, "cpus_allowed"));

    return text_format("%s, %lld CPU%s, %s", document_text(host, "cpu_model"), cpus,
                       cpus == 1 ? "" : "s", document_text(host, "kernel"));
}
