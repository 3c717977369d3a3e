#include "lack.h"

#include "document.h"
#include "settings.h"
#include "torture/placement/placement.h"
#include "torture/placement/threads.h"
#include "torture/record/duration.h"
#include "torture/record/text.h"
#include "torture/record/workload.h"

#include <stdlib.h>

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

/* The struct that the workload's options fill; heap. */
static void *params_of(const struct workload *workload, json_t *complete)
{
    void *params = calloc(1, workload->params_size ? workload->params_size : 1);

    if (!params)
        abort();
    options_store(workload->options, complete, params);
    return params;
}

unsigned workload_params_need(const struct workload *workload, json_t *complete)
{
    void *params;
    unsigned needs;

    if (!workload->needs_by_params)
        return 0;
    params = params_of(workload, complete);
    needs = workload->needs_by_params(params);
    free(params);
    return needs;
}

const char *workload_refusal(const struct workload *workload, json_t *complete)
{
    const char *why;
    void *params;

    if (!workload->refuse)
        return NULL;
    params = params_of(workload, complete);
    why = workload->refuse(params);
    free(params);
    return why;
}

unsigned capabilities_lacking(const struct flavor_description *description)
{
    unsigned all = 0;

    for (unsigned bit = 0; flavor_capability_names[bit]; bit++)
        all |= 1u << bit;
    return all & ~(description->capabilities | description->missing);
}

/* An option that lets a thread get nowhere for longer than the limit, with a correct library; NULL:
 * there is none. */
static const struct option *longest_stay(const struct workload *workload, json_t *item,
                                         int64_t limit_ns)
{
    for (const struct option *o = workload->options; o && o->name; o++) {
        const char *text = json_string_value(json_object_get(item, o->name));
        int64_t ns = 0;

        if (o->stays && text && duration_parse(text, &ns) && ns > limit_ns / o->stays &&
            (!o->stayers || json_integer_value(json_object_get(item, o->stayers)) > 0))
            return o;
    }
    return NULL;
}

static char *refuse_stays(json_t *config)
{
    struct scenario_settings settings;
    char limit_text[32];
    int64_t limit;
    size_t index;
    json_t *item;

    options_store(scenario_options, config, &settings);
    limit = scenario_stall_limit_ns(&settings, workloads_torture(config));
    json_array_foreach (json_object_get(config, "workloads"), index, item) {
        const struct workload *workload = workload_at(config, index);
        const struct option *o = workload ? longest_stay(workload, item, limit) : NULL;

        if (o)
            return text_format("/workloads/%zu/%s: %s lets a thread stay %sfor longer than the "
                               "stall limit of this "
                               "run, %s; make it shorter, or stall_limit and duration longer",
                               index, o->name, json_string_value(json_object_get(item, o->name)),
                               o->stays > 1 ? "up to twice that, " : "",
                               duration_format(limit, limit_text));
    }
    return NULL;
}

static char *refuse_company(json_t *config)
{
    size_t count = json_array_size(json_object_get(config, "workloads"));

    for (size_t i = 0; i < count; i++) {
        const struct workload *workload = workload_at(config, i);

        if (workload && workload->alone && count > 1)
            return text_format("/workloads/%zu: %s is to be alone in its process, as it counts "
                               "what it asks for itself; give it a scenario of its own",
                               i, workload->name);
    }
    return NULL;
}

char *config_refusal(json_t *config)
{
    char *refusal = refuse_stays(config);
    size_t index;
    json_t *item;

    if (!refusal)
        refusal = refuse_company(config);
    json_array_foreach (json_object_get(config, "workloads"), index, item) {
        const struct workload *workload = workload_at(config, index);
        const char *why = workload && !refusal ? workload_refusal(workload, item) : NULL;

        if (why)
            refusal = text_format("%s: %s", workload->name, why);
    }
    return refusal;
}

static void find_lack(struct lack *lack, json_t *config)
{
    size_t index;
    json_t *item;

    json_array_foreach (json_object_get(config, "workloads"), index, item) {
        const struct workload *workload = workload_at(config, index);

        if (!workload)
            continue;
        add_lack(lack, workload->needs | workload_params_need(workload, item), workload->name,
                 NULL);
        for (const struct role *r = workload->roles; r && r->name; r++)
            if (role_count(item, r) > 0)
                add_lack(lack, r->needs, workload->name, r->name);
    }
}

char *config_objection(json_t *config, const struct flavor_description *description, bool *here)
{
    struct lack lack = {description, 0, text_format("%s", ""), text_format("%s", "")};
    struct planned_thread *threads;
    size_t count = plan_threads(config, &threads);
    char *objection = NULL;

    free(threads);
    find_lack(&lack, config);
    if (!count)
        objection = text_format("no workload asks for a thread");
    else if (*lack.anywhere)
        objection = text_format("flavor \"%s\" cannot %s", description->name, lack.anywhere);
    else if (*lack.here)
        objection = text_format("%s", lack.here);
    else
        objection = placement_lack(json_object_get(config, "placement"));
    *here = count && objection && !*lack.anywhere;
    free(lack.anywhere);
    free(lack.here);
    return objection;
}
