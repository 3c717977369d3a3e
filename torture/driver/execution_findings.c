/* Findings of a run: those of its threads, and stalls, which only the driver can see. */
#include "execution_parts.h"

#include "repro.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SHORTEST_REPRO_S 5

static void announce(struct execution *e, struct finding *f)
{
    json_t *repeat = json_object_get(json_array_get(e->inv->scenario->parts, 0), "repeat");
    json_t *written;
    unsigned seconds = (unsigned)fmax(SHORTEST_REPRO_S, ceil(execution_seconds(e) * 3));
    char *repro = repro_line(e->inv->repro, e->plan->point, json_integer_value(repeat) > 1,
                             e->settings.seed, seconds);

    finding_set_repro(f, repro);
    free(repro);
    e->inv->findings++;
    if (!e->inv->aside)
        console_finding(e->inv->console, f);
    written = finding_write(f);
    json_object_set_new(written, "workload_index", json_integer(f->workload_index));
    execution_record(e, json_pack("{ss so}", "event", "finding", "finding", written));
}

void execution_add_finding(struct execution *e, struct finding *f)
{
    if (!f)
        return;
    findings_add(&e->findings, f);
    announce(e, f);
}

bool execution_has_check(const struct execution *e, const char *check)
{
    for (size_t i = 0; i < e->findings.count; i++)
        if (strcmp(e->findings.list[i]->check, check) == 0)
            return true;
    return false;
}

struct finding *execution_finding(const struct execution *e, const char *check, unsigned workload,
                                  const char *message)
{
    json_t *workloads = json_object_get(e->plan->config, "workloads");
    json_t *type = json_object_get(json_array_get(workloads, workload), "type");

    return finding_new(check, workload, json_string_value(type), execution_seconds(e), message);
}

size_t execution_take_findings(struct execution *e)
{
    size_t known = e->findings.count, fresh = view_findings(&e->view, &e->findings);

    for (size_t i = known; i < e->findings.count; i++)
        announce(e, e->findings.list[i]);
    return fresh;
}

bool execution_report_stray(struct execution *e, char *what, unsigned workload)
{
    if (!what)
        return false;
    execution_add_finding(e, execution_finding(e, "stray-write", workload, what));
    for (size_t i = 0; i < e->view.thread_count; i++)
        if (e->view.threads[i].distrusted)
            json_array_append_new(
                e->notes, json_sprintf("%s: its counters are left out, and no latency is told: "
                                       "something wrote over them",
                                       e->view.threads[i].name));
    free(what);
    return true;
}

/* Names of the threads that hold up a grace period, for the message; false when none is known. */
static bool name_holdouts(const struct finding_stacks *stacks, char *text, size_t room)
{
    size_t at = 0;

    text[0] = 0;
    for (size_t i = 0; i < stacks->count; i++)
        if (stacks->list[i].holds_up_gp && at < room)
            at += (size_t)snprintf(text + at, room - at, "%s%s", at ? ", " : "",
                                   stacks->list[i].thread);
    return at > 0;
}

/* The machine did not let the run go on; whether the thread would have, nobody knows. */
static void report_starvation(struct execution *e, int thread)
{
    const char *starving = watchdog_starving(&e->watchdog, thread);
    char silence[256];

    if (e->starved)
        return;
    e->starved = true;
    watchdog_describe(&e->watchdog, thread, silence, sizeof silence);
    json_array_append_new(
        e->outside,
        json_sprintf("%s made no progress for %s, and that is no fault of the code under test: "
                     "find out what keeps %s %s, and run it again",
                     e->view.threads[thread].name, silence, starving,
                     watchdog_kept_in_kernel(&e->watchdog, thread)
                         ? "in the kernel (a disk, or the locks of mappings, for which the threads "
                           "of a process queue)"
                         : "without a CPU (a real-time process, a CPU of a virtual machine that "
                           "stands still)"));
}

void execution_report_stall(struct execution *e, int thread)
{
    const struct view_thread *t = &e->view.threads[thread];
    struct finding_stacks stacks = {.count = 0};
    struct finding *f;
    char message[768], silence[256], holders[256];
    uint64_t now;

    if (watchdog_starved(&e->watchdog, thread)) {
        report_starvation(e, thread);
        return;
    }
    atomic_store_explicit(&e->view.header->frozen, 1, memory_order_relaxed);
    watchdog_describe(&e->watchdog, thread, silence, sizeof silence);
    view_stacks(&e->view, &stacks);
    snprintf(message, sizeof message, "%s made no progress for %s%s.", t->name, silence,
             e->stopping ? ", although the run was told to end" : "");
    if (name_holdouts(&stacks, holders, sizeof holders)) {
        size_t at = strlen(message);

        snprintf(message + at, sizeof message - at, " Held up by: %s.", holders);
    }
    f = execution_finding(e, "stall", t->workload, message);
    f->stacks = stacks;
    finding_add_thread(f, t->name);
    now = e->view.header->start_ticks +
          (uint64_t)(execution_seconds(e) * 1e9 / e->view.header->ns_per_tick);
    view_timeline(&e->view, thread, now, f);
    atomic_store_explicit(&e->view.header->frozen, 0, memory_order_relaxed);
    execution_add_finding(e, f);
}
