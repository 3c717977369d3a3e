#include "driver.h"

#include "dry_run.h"
#include "execution.h"
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

static int run_scenario(const struct driver_options *o, struct console *console,
                        const struct scenario *s, const struct run_plan *plans, size_t count,
                        struct diagnostics *d)
{
    json_t *runs = json_array(), *reasons = json_array(), *host = host_describe();
    json_t *started = utc_now(), *result, *event;
    struct output output;
    struct invocation inv = {.scenario = s,
                             .output = &output,
                             .console = console,
                             .runs = (unsigned)count,
                             .gdb = o->gdb};
    struct scenario_settings settings;
    char *repro = repro_command(o->program, o->path, o->overrides, o->override_count);
    int code = EXIT_CODE_USAGE;

    options_store(scenario_options, json_array_get(s->parts, 0), &settings);
    inv.continue_on_finding = settings.on_finding == ON_FINDING_CONTINUE && !o->fail_fast;
    inv.repro = repro;
    for (size_t i = 0; i < count; i++)
        inv.total_s += plans[i].skip || o->until_failure ? 0 : plan_duration_s(&plans[i]);
    json_object_set_new(host, "load_before", host_load());
    execution_signals(o->gdb);
    if (output_open(&output, o->out, settings.name, s->effective, d)) {
        event = json_pack("{ss ss sO so sO so sO sI}", "event", "invocation", "schema",
                          "stillpoint-result/1", "started", started, "tool", host_tool(), "host",
                          host, "environment", environment_describe(), "scenario", s->effective,
                          "seed", (json_int_t)s->seed);
        writers_event(&output, event, d);
        execution_name_results(o->program, output.directory);
        console_header(console, event);
        json_decref(event);
        if (rounds_run(o, &inv, plans, count, runs, reasons, d)) {
            progress_clear(&console->progress);
            json_object_set_new(host, "load_after", host_load());
            result = make_result(s, started, host, runs, reasons, inv.cut_short);
            host = NULL;
            code = writers_conclude(result, output.directory, &output, console, d);
            json_decref(result);
        } else {
            output_discard(&output);
        }
        output_free(&output);
    }
    free(repro);
    json_decref(started);
    json_decref(host);
    json_decref(runs);
    json_decref(reasons);
    return code;
}

bool driver_plan(const struct driver_options *o, struct scenario *s, struct run_plan **plans,
                 size_t *count, struct diagnostics *d)
{
    bool ok;

    *plans = NULL;
    *count = 0;
    ok = scenario_load(s, o->path, o->overrides, o->override_count, d) &&
         scenario_expand(s, plans, count, d);
    for (size_t i = 0; ok && i < *count; i++)
        ok = (*plans)[i].skip || can_be_placed(&(*plans)[i], o->path, d);
    return ok;
}

int driver_run(const struct driver_options *o, struct console *console, struct diagnostics *d)
{
    struct run_plan *plans;
    struct scenario s;
    size_t count;
    bool ok = driver_plan(o, &s, &plans, &count, d);
    int code = EXIT_CODE_USAGE;

    console_notes(console, s.notes.text);
    if (ok && o->dry_run) {
        dry_run(console->out, &s, plans, count, d);
        code = d->count > 0 ? EXIT_CODE_USAGE : EXIT_CODE_PASS;
    } else if (ok) {
        code = run_scenario(o, console, &s, plans, count, d);
    }
    run_plans_free(plans, count);
    scenario_free(&s);
    return code;
}
