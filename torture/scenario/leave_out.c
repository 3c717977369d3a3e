#include "leave_out.h"

#include "document.h"
#include "lack.h"
#include "requirement.h"
#include "scenario_keys.h"
#include "torture/placement/threads.h"
#include "torture/record/text.h"

#include <stdlib.h>
#include <string.h>

struct leaving {
    const struct flavor_description *description;
    unsigned lacking; /* capabilities of it */
    json_t *kept;
    /* {"cannot \"poll\"": "rcu-pipe.cookie_readers, require.polled"} */
    json_t *reasons;
    bool parts; /* something of a workload was left out */
};

/* --- In words --- */

/* `cannot "poll", "nest"`; heap. */
static char *cannot(unsigned lacks)
{
    char *text = text_format("cannot");

    for (unsigned bit = 0; flavor_capability_names[bit]; bit++)
        if (lacks & 1u << bit) {
            char *one = text_format(" \"%s\",", flavor_capability_names[bit]);

            text = text_append(text, one);
            free(one);
        }
    text[strlen(text) - 1] = '\0';
    return text;
}

/* A key once for each reason: of two workloads of one type both may lack it. */
static void tell(struct leaving *l, const char *reason, const char *key)
{
    const char *before = json_string_value(json_object_get(l->reasons, reason));
    char *known = text_format(", %s,", before ? before : ""), *one = text_format(", %s,", key);

    if (!strstr(known, one))
        json_object_set_new(l->reasons, reason,
                            json_sprintf("%s%s%s", before ? before : "", before ? ", " : "", key));
    free(one);
    free(known);
}

static void tell_lack(struct leaving *l, unsigned lacks, const char *prefix, const char *name)
{
    char *reason = cannot(lacks), *key = text_format("%s%s", prefix, name);

    tell(l, reason, key);
    free(key);
    free(reason);
}

static json_t *lines_of(const struct leaving *l)
{
    json_t *lines = json_array(), *list;
    const char *reason;

    json_object_foreach (l->reasons, reason, list)
        json_array_append_new(lines,
                              json_sprintf("left out, flavor \"%s\" %s: %s", l->description->name,
                                           reason, json_string_value(list)));
    return lines;
}

/* --- A workload --- */

/* Whether something at the pointer, or in it, stays. */
static bool is_kept(const struct leaving *l, const char *pointer)
{
    json_t *one = json_pack("[s]", pointer);
    bool kept = pointers_meet(l->kept, one);

    json_decref(one);
    return kept;
}

static bool option_is_kept(const struct leaving *l, size_t index, const char *name)
{
    char *pointer = text_format("/workloads/%zu/%s", index, name);
    bool kept = is_kept(l, pointer);

    free(pointer);
    return kept;
}

static bool workload_is_kept(const struct leaving *l, size_t index)
{
    char *pointer = text_format("/workloads/%zu", index);
    bool kept = is_kept(l, pointer);

    free(pointer);
    return kept;
}

/* Turns an option off; `gone` takes its name, with what it lacks. */
static void turn_off(json_t *item, const char *name, unsigned lacks, json_t *gone)
{
    json_t *on = json_object_get(item, name);
    json_t *off = json_is_boolean(on)  ? json_false()
                  : json_is_string(on) ? json_string("0ms") /* a duration */
                                       : json_integer(0);

    json_object_set_new(item, name, off);
    json_object_set_new(gone, name, json_integer(lacks));
}

static bool has_thread(json_t *item, const struct workload *workload)
{
    for (const struct role *r = workload->roles; r && r->name; r++)
        if (r->count_option && role_count(item, r) > 0)
            return true;
    return false;
}

/* What the values of options need, and turning one off does not help. */
static unsigned fixed_need(const struct leaving *l, json_t *item, const struct workload *workload)
{
    unsigned need = workload_params_need(workload, item) & l->lacking;

    for (const struct option *o = workload->options; o && o->name; o++)
        need &= ~o->needs;
    return need;
}

/* Turns off what the flavor lacks. Returns what it lacks of the rest: with that the workload cannot
 * be run. */
static unsigned reduce(const struct leaving *l, json_t *item, size_t index,
                       const struct workload *workload, json_t *gone)
{
    unsigned lacks = 0, need = workload_params_need(workload, item) & l->lacking;

    if (workload->needs & l->lacking)
        return workload->needs & l->lacking;
    for (const struct option *o = workload->options; o && o->name; o++)
        if ((o->needs & need) && !option_is_kept(l, index, o->name))
            turn_off(item, o->name, o->needs & need, gone);
    for (const struct role *r = workload->roles; r && r->name; r++) {
        unsigned role_lacks = r->needs & l->lacking;

        if (!role_lacks || role_count(item, r) == 0)
            continue;
        if (!r->count_option)
            return role_lacks;
        if (option_is_kept(l, index, r->count_option))
            continue;
        turn_off(item, r->count_option, role_lacks, gone);
        lacks |= role_lacks;
    }
    need = workload_params_need(workload, item) & l->lacking;
    for (const struct option *o = workload->options; o && o->name; o++)
        if (option_is_kept(l, index, o->name))
            need &= ~o->needs; /* refused by name later */
    if (need)
        return need;
    return lacks && (workload_refusal(workload, item) || !has_thread(item, workload)) ? lacks : 0;
}

/* Returns what a workload lacks that has to go, else 0, with less in it. */
static unsigned leave_out_of(struct leaving *l, json_t *item, size_t index,
                             const struct workload *workload)
{
    json_t *copy, *gone, *bits;
    const char *name;
    unsigned lacks;

    /* Its threads are not left out where points would differ by what they alone use. */
    if (fixed_need(l, item, workload) && workload_is_kept(l, index))
        return 0;
    copy = json_deep_copy(item);
    gone = json_object();
    lacks = reduce(l, copy, index, workload, gone);
    if (lacks && workload_is_kept(l, index)) {
        lacks = 0;
    } else if (!lacks) {
        char *prefix = text_format("%s.", workload->name);

        json_object_update(item, copy);
        json_object_foreach (gone, name, bits)
            tell_lack(l, (unsigned)json_integer_value(bits), prefix, name);
        l->parts = l->parts || json_object_size(gone) > 0;
        free(prefix);
    } else {
        tell_lack(l, lacks, "", workload->name);
        l->parts = true;
    }
    json_decref(gone);
    json_decref(copy);
    return lacks;
}

/* --- What is required --- */

static bool is_statistic(const struct leaving *l, const char *name)
{
    json_t *statistic;
    size_t i;

    json_array_foreach (json_object_get(l->description->json, "statistics"), i, statistic)
        if (strcmp(json_string_value(statistic), name) == 0)
            return true;
    return false;
}

/* True when no thread counts under that name, or one of those that would does not: several
 * workloads may have it, and what is required is of them all. *lacks: for want of what, as far as
 * known. */
static bool counts_less(const struct leaving *l, json_t *config, const char *name, unsigned *lacks)
{
    bool counted = false;

    for (size_t i = 0; i < json_array_size(json_object_get(config, "workloads")); i++) {
        const struct workload *w = workload_at(config, i);

        for (size_t j = 0; w && j < w->counter_count; j++)
            if (strcmp(w->counters[j].name, name) == 0) {
                counted = true;
                *lacks |= w->counters[j].needs & l->lacking;
            }
    }
    return !counted || *lacks;
}

/* The workloads that went have it: what they lack. */
static unsigned gone_with(json_t *gone, const char *name)
{
    const char *type;
    json_t *bits;

    json_object_foreach (gone, type, bits) {
        const struct workload *w = workload_named(type);

        for (size_t j = 0; j < w->counter_count; j++)
            if (strcmp(w->counters[j].name, name) == 0)
                return (unsigned)json_integer_value(bits);
    }
    return 0;
}

/* `key`: what stands behind the prefix; `name`: the count that it is about. */
static bool count_left_out(struct leaving *l, json_t *config, json_t *gone, const char *prefix,
                           const char *key, const char *name)
{
    unsigned lacks = 0;

    if (!counts_less(l, config, name, &lacks))
        return false;
    if (!lacks)
        lacks = gone_with(gone, name);
    if (lacks) {
        tell_lack(l, lacks, prefix, key);
    } else {
        char *what = text_format("%s%s", prefix, key);

        tell(l, "does not count that", what);
        free(what);
    }
    return true;
}

static bool require_left_out(struct leaving *l, json_t *config, json_t *gone, const char *key,
                             const char *name)
{
    return !is_statistic(l, name) && count_left_out(l, config, gone, "require.", key, name);
}

/* False: there were some, and none is left. */
static bool leave_out_required(struct leaving *l, json_t *config, json_t *gone)
{
    json_t *require = json_object_get(config, "require"), *value;
    bool any = json_object_size(require) > 0;
    const char *key;
    void *next;

    json_object_foreach_safe (require, next, key, value) {
        struct requirement r;

        if (requirement_read(value, &r) &&
            (require_left_out(l, config, gone, key, key) ||
             (r.kind == REQUIRED_SHARE && require_left_out(l, config, gone, key, r.of))))
            json_object_del(require, key);
    }
    return !any || json_object_size(require) > 0;
}

static void leave_out_floors(struct leaving *l, json_t *config, json_t *gone)
{
    json_t *least = json_object_get(json_object_get(config, "floors"), "least"), *share;
    const char *name;
    void *next;

    json_object_foreach_safe (least, next, name, share)
        if (count_left_out(l, config, gone, "floors.least.", name, name))
            json_object_del(least, name);
}

/* --- The whole --- */

/* Returns those that went, {"kick": capabilities that it lacks}. */
static json_t *leave_out_workloads(struct leaving *l, json_t *config)
{
    json_t *rest = json_array(), *gone = json_object(), *item;
    size_t i;

    json_array_foreach (json_object_get(config, "workloads"), i, item) {
        const struct workload *w = workload_at(config, i);
        unsigned lacks = w ? leave_out_of(l, item, i, w) : 0;

        if (lacks)
            json_object_set_new(gone, w->name, json_integer(lacks));
        else
            json_array_append(rest, item);
    }
    json_object_set_new(config, "workloads", rest);
    return gone;
}

json_t *config_leave_out(json_t *config, const struct flavor_description *description, json_t *kept)
{
    struct leaving l = {.description = description,
                        .lacking = capabilities_lacking(description),
                        .kept = kept,
                        .reasons = json_object()};
    json_t *copy = json_deep_copy(config), *gone = leave_out_workloads(&l, copy), *lines = NULL;
    bool is_left = json_array_size(json_object_get(copy, "workloads")) > 0 &&
                   workloads_torture(copy) == workloads_torture(config);
    bool is_for = leave_out_required(&l, copy, gone);

    leave_out_floors(&l, copy, gone);
    /* What is required is what a scenario is for. */
    if ((is_for || !l.parts) && is_left) {
        json_object_update(config, copy);
        lines = lines_of(&l);
    }
    json_decref(gone);
    json_decref(copy);
    json_decref(l.reasons);
    return lines;
}
