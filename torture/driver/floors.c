#include "floors.h"

#include "dry_run.h"
#include "torture/record/text.h"
#include "torture/result/floor.h"
#include "writers.h"

#include <stdlib.h>
#include <string.h>

static json_t *skipped(const struct run_plan *reference, const char *why)
{
    return json_pack("{ss ss so}", "flavor", reference->flavor, "verdict", "skipped", "skip",
                     json_stringn(why, strcspn(why, "\n")));
}

/* As any run, but that nothing of it is the result's: neither ends its findings anything, nor do
 * they count. Its one event has all of it. */
static json_t *run_reference(struct invocation *inv, const struct run_plan *reference,
                             struct diagnostics *d)
{
    struct invocation aside = *inv;
    struct diagnostics refusal = {.text = NULL};
    char *repro = text_format("%s --flavor %s", inv->repro, reference->flavor);
    json_t *run, *event;

    aside.aside = true;
    aside.repro = repro;
    aside.continue_on_finding = false;
    run = execution_run(&aside, reference, NULL, &refusal);
    inv->done_s = aside.done_s;
    free(repro);
    if (!run)
        run = skipped(reference, refusal.text ? refusal.text : "could not be started");
    diagnostics_free(&refusal);
    event = json_pack("{ss sO sI}", "event", "floor", "result", run, "run", (json_int_t)inv->run);
    writers_event(inv->output, event, d);
    json_decref(event);
    return run;
}

/* Points that are the same to a reference have it in common. */
static char *key_of(const struct run_plan *reference)
{
    return json_dumps(reference->config, JSON_COMPACT | JSON_SORT_KEYS);
}

json_t *floors_measure(struct invocation *inv, const struct run_plan *plan, struct diagnostics *d)
{
    const struct run_plan *reference = plan->reference;
    json_t *floors = json_object_get(plan->config, "floors"), *run;
    char *key;

    if (!reference)
        return NULL;
    key = key_of(reference);
    run = json_object_get(inv->references, key);
    if (!run) {
        run = reference->skip ? skipped(reference, reference->skip)
              : inv->gdb      ? skipped(reference, "the run is in a debugger")
                              : run_reference(inv, reference, d);
        json_object_set_new(inv->references, key, run);
    }
    free(key);
    return floor_describe(run, json_object_get(floors, "least"));
}

double floors_duration_s(const struct run_plan *plans, size_t count)
{
    json_t *seen = json_object();
    double seconds = 0;

    for (size_t i = 0; i < count; i++) {
        const struct run_plan *reference = plans[i].reference;
        char *key = reference && !reference->skip ? key_of(reference) : NULL;

        if (key && !json_object_get(seen, key)) {
            seconds += plan_duration_s(reference);
            json_object_set_new(seen, key, json_true());
        }
        free(key);
    }
    json_decref(seen);
    return seconds;
}
