/* Findings of a run: those of its threads, and stalls, which only the driver can see. */
#include "execution_parts.h"

#include "repro.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SHORTEST_REPRO_S 5

static void announce(struct execution *e, json_t *finding)
{
    json_t *repeat = json_object_get(e->inv->scenario->effective, "repeat");
    unsigned seconds = (unsigned)fmax(SHORTEST_REPRO_S, ceil(execution_seconds(e) * 3));
    char *repro = repro_line(e->inv->repro, e->plan->point, json_integer_value(repeat) > 1,
                             e->settings.seed, seconds);

    json_object_set_new(finding, "repro", json_string(repro));
    free(repro);
    e->inv->findings++;
    progress_clear(e->inv->progress);
    if (e->inv->progress->mode != PROGRESS_NONE)
        fprintf(stderr, "finding: %s: %s\n", json_string_value(json_object_get(finding, "check")),
                json_string_value(json_object_get(finding, "message")));
    execution_record(e, json_pack("{ss sO}", "event", "finding", "finding", finding));
}

void execution_add_finding(struct execution *e, json_t *finding)
{
    if (!finding)
        return;
    json_array_append_new(e->findings, finding);
    announce(e, finding);
}

bool execution_has_check(const struct execution *e, const char *check)
{
    json_t *f;
    size_t i;

    json_array_foreach (e->findings, i, f)
        if (strcmp(json_string_value(json_object_get(f, "check")), check) == 0)
            return true;
    return false;
}

static const char *workload_name(const struct execution *e, unsigned index)
{
    const char *name = json_string_value(json_object_get(
        json_array_get(json_object_get(e->plan->config, "workloads"), index), "type"));

    return name ? name : "";
}

json_t *execution_finding(const struct execution *e, const char *check, unsigned workload,
                          const char *message)
{
    return json_pack("{ss ss si si sf ss s[] s[]}", "check", check, "workload",
                     workload_name(e, workload), "workload_index", (int)workload, "count", 1,
                     "first_s", execution_seconds(e), "message", message, "threads", "timeline");
}

size_t execution_take_findings(struct execution *e)
{
    size_t known = json_array_size(e->findings), fresh = view_findings(&e->view, e->findings);

    for (size_t i = known; i < json_array_size(e->findings); i++)
        announce(e, json_array_get(e->findings, i));
    return fresh;
}

/* Names of the threads that hold up a grace period, for the message; false when none is known. */
static bool name_holdouts(json_t *stacks, char *text, size_t room)
{
    json_t *item;
    size_t i, at = 0;

    text[0] = 0;
    json_array_foreach (stacks, i, item)
        if (json_is_true(json_object_get(item, "holds_up_gp")) && at < room)
            at += (size_t)snprintf(text + at, room - at, "%s%s", at ? ", " : "",
                                   json_string_value(json_object_get(item, "thread")));
    return at > 0;
}

void execution_report_stall(struct execution *e, int thread)
{
    const struct view_thread *t = &e->view.threads[thread];
    json_t *stacks, *finding;
    char message[512], holders[256];
    uint64_t now;

    atomic_store_explicit(&e->view.header->frozen, 1, memory_order_relaxed);
    stacks = view_stacks(&e->view);
    snprintf(message, sizeof message, "%s made no progress for %.1f s (limit %.1f s)%s.", t->name,
             watchdog_silence_s(&e->watchdog, thread), (double)e->settings.stall_limit_ns / 1e9,
             e->stopping ? ", although the run was told to end" : "");
    if (name_holdouts(stacks, holders, sizeof holders)) {
        size_t at = strlen(message);

        snprintf(message + at, sizeof message - at, " Held up by: %s.", holders);
    }
    finding = execution_finding(e, "stall", t->workload, message);
    json_array_append_new(json_object_get(finding, "threads"), json_string(t->name));
    now = e->view.header->start_ticks +
          (uint64_t)(execution_seconds(e) * 1e9 / e->view.header->ns_per_tick);
    json_object_set_new(finding, "timeline", view_timeline(&e->view, thread, now));
    json_object_set_new(finding, "stacks", stacks);
    atomic_store_explicit(&e->view.header->frozen, 0, memory_order_relaxed);
    execution_add_finding(e, finding);
}
