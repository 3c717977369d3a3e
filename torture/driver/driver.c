#include "driver.h"

#include "dry_run.h"
#include "execution.h"
#include "floors.h"
#include "repro.h"
#include "rounds.h"
#include "torture/host/environment.h"
#include "torture/host/host.h"
#include "torture/result/verdict.h"
#include "torture/scenario/expand.h"
#include "torture/scenario/settings.h"
#include "writers.h"

#include <stdlib.h>
#include <time.h>

static json_t *utc_now(void)
{
    char stamp[32];
    time_t now = time(NULL);
    struct tm utc;

    gmtime_r(&now, &utc);
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", &utc);
    return json_string(stamp);
}

static json_t *make_result(const struct scenario *s, json_t *started, json_t *host, json_t *runs,
                           json_t *reasons, bool cut_short)
{
    json_t *verdict = verdict_overall(runs, s->effective, reasons, cut_short);

    return json_pack("{ss sO so so so so sI so sO sO}", "schema", "stillpoint-result/1", "started",
                     started, "ended", utc_now(), "tool", host_tool(), "host", host, "environment",
                     environment_describe(), "seed", (json_int_t)s->seed, "verdict", verdict,
                     "scenario", s->effective, "runs", runs);
}

json_t *driver_execute(const struct driver_options *o, struct console *console,
                       const struct planned_scenario *planned, struct output *output,
                       struct diagnostics *d)
{
    const struct scenario *s = &planned->scenario;
    json_t *runs = json_array(), *reasons = json_array(), *host = host_describe();
    json_t *started = utc_now(), *result = NULL, *event;
    struct invocation inv = {.scenario = s,
                             .output = output,
                             .console = console,
                             .runs = (unsigned)planned->count,
                             .gdb = o->gdb,
                             .references = json_object()};
    struct scenario_settings settings;
    char *repro = repro_command(o->program, o->path, o->overrides, o->override_count);

    options_store(scenario_options, json_array_get(s->parts, 0), &settings);
    inv.continue_on_finding = settings.on_finding == ON_FINDING_CONTINUE && !o->fail_fast;
    inv.repro = repro;
    for (size_t i = 0; i < planned->count; i++)
        inv.total_s +=
            planned->plans[i].skip || o->until_failure ? 0 : plan_duration_s(&planned->plans[i]);
    if (!o->until_failure)
        inv.total_s += floors_duration_s(planned->plans, planned->count);
    json_object_set_new(host, "load_before", host_load());
    event = json_pack("{ss ss sO so sO so sO sI}", "event", "invocation", "schema",
                      "stillpoint-result/1", "started", started, "tool", host_tool(), "host", host,
                      "environment", environment_describe(), "scenario", s->effective, "seed",
                      (json_int_t)s->seed);
    writers_event(output, event, d);
    execution_name_results(o->program, output->directory);
    console_header(console, event);
    json_decref(event);
    if (rounds_run(o, &inv, planned->plans, planned->count, runs, reasons, d)) {
        progress_clear(&console->progress);
        json_object_set_new(host, "load_after", host_load());
        result = make_result(s, started, host, runs, reasons, inv.cut_short);
        host = NULL;
    }
    free(repro);
    json_decref(inv.references);
    json_decref(started);
    json_decref(host);
    json_decref(runs);
    json_decref(reasons);
    return result;
}

json_t *driver_measure(const struct driver_options *o, struct console *console,
                       const struct planned_scenario *planned, int *code, struct diagnostics *d)
{
    json_t *effective = planned->scenario.effective;
    struct output output;
    json_t *result;

    *code = EXIT_CODE_USAGE;
    execution_signals(o->gdb);
    if (!output_open(&output, o->out, json_string_value(json_object_get(effective, "name")),
                     effective, d))
        return NULL;
    output.no_pictures = o->no_plot;
    result = driver_execute(o, console, planned, &output, d);
    if (result)
        *code = writers_conclude(result, output.directory, &output, console, d);
    else
        output_discard(&output);
    output_free(&output);
    return result;
}

bool driver_plan(const struct driver_options *o, struct planned_scenario *p, struct diagnostics *d)
{
    bool ok;

    p->plans = NULL;
    p->count = 0;
    ok = scenario_load(&p->scenario, o->path, o->overrides, o->override_count, d) &&
         scenario_expand(&p->scenario, &p->plans, &p->count, d);
    for (size_t i = 0; ok && i < p->count; i++)
        ok = p->plans[i].skip || can_be_placed(&p->plans[i], o->path, d);
    return ok;
}

void planned_scenario_free(struct planned_scenario *p)
{
    run_plans_free(p->plans, p->count);
    scenario_free(&p->scenario);
}

int driver_run(const struct driver_options *o, struct console *console, struct diagnostics *d)
{
    struct planned_scenario planned;
    bool ok = driver_plan(o, &planned, d);
    int code = EXIT_CODE_USAGE;

    console_notes(console, planned.scenario.notes.text);
    if (ok && o->dry_run) {
        dry_run(console->out, &planned.scenario, planned.plans, planned.count, o->until_failure, d);
        code = d->count > 0 ? EXIT_CODE_USAGE : EXIT_CODE_PASS;
    } else if (ok) {
        json_decref(driver_measure(o, console, &planned, &code, d));
    }
    planned_scenario_free(&planned);
    return code;
}
