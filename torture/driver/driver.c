#include "driver.h"

#include "execution.h"
#include "repro.h"
#include "torture/host/host.h"
#include "torture/placement/placement.h"
#include "torture/placement/placement_draw.h"
#include "torture/placement/threads.h"
#include "torture/plot/plot.h"
#include "torture/result/report.h"
#include "torture/result/verdict.h"
#include "torture/scenario/expand.h"
#include "torture/scenario/settings.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static bool use_color(FILE *f)
{
    const char *no = getenv("NO_COLOR");

    return isatty(fileno(f)) && !(no && *no);
}

/* Lines on stderr, each after "note: ". */
static void put_notes(const char *text)
{
    while (text && *text) {
        size_t length = strcspn(text, "\n");

        fprintf(stderr, "note: %.*s\n", (int)length, text);
        text += length + (text[length] == '\n');
    }
}

static double duration_s(const struct run_plan *plan)
{
    struct scenario_settings settings;

    options_store(scenario_options, plan->config, &settings);
    return (double)settings.duration_ns / 1e9;
}

/* --- --dry-run --- */

static void put_threads(const struct run_plan *plan)
{
    struct planned_thread *threads;
    size_t count = plan_threads(plan->config, &threads);

    printf("  threads");
    for (size_t i = 0; i < count;) {
        size_t n = 1;

        while (i + n < count && threads[i + n].role == threads[i].role &&
               threads[i + n].workload_index == threads[i].workload_index)
            n++;
        printf(" %s x%zu ", threads[i].role->name, n);
        i += n;
    }
    printf("\n");
    free(threads);
}

static bool put_placement(const struct driver_options *o, const struct run_plan *plan,
                          struct diagnostics *d)
{
    struct diagnostics notes = {.text = NULL};
    json_t *config = json_object_get(plan->config, "placement");
    struct planned_thread *threads;
    size_t count = plan_threads(plan->config, &threads);
    const char **names = calloc(count + 1, sizeof *names),
               **roles = calloc(count + 1, sizeof *roles);
    struct placement *placement;
    bool ok;

    for (size_t i = 0; i < count; i++) {
        names[i] = threads[i].name;
        roles[i] = threads[i].role->name;
    }
    placement = placement_plan(config, names, roles, count, NULL, o->path, &notes, d);
    ok = placement != NULL;
    if (ok && o->dry_run) {
        char *line = placement_line(placement, names, count, 70);

        printf("  placement %s: %s\n", json_string_value(json_object_get(config, "policy")), line);
        free(line);
        for (char *note = notes.text; note && *note; note += strcspn(note, "\n") + 1)
            printf("  note: %.*s\n", (int)strcspn(note, "\n"), note);
    }
    if (ok)
        placement_free(placement);
    diagnostics_free(&notes);
    free(names);
    free(roles);
    free(threads);
    return ok;
}

static void put_sweep(const struct scenario *s)
{
    const char *key;
    json_t *values, *value;
    size_t i;

    json_object_foreach (json_object_get(s->effective, "sweep"), key, values) {
        printf("  sweep   %s =", key);
        json_array_foreach (values, i, value) {
            putchar(' ');
            if (json_is_string(value))
                fputs(json_string_value(value), stdout);
            else
                json_dumpf(value, stdout, JSON_ENCODE_ANY | JSON_COMPACT);
        }
        putchar('\n');
    }
}

static void dry_run(const struct driver_options *o, const struct scenario *s,
                    const struct run_plan *plans, size_t count, struct diagnostics *d)
{
    double total = 0;
    size_t first = 0;

    for (size_t i = 0; i < count; i++)
        if (!plans[i].skip)
            total += duration_s(&plans[i]);
    printf("%zu run%s, %g s (%s each, %s warm-up), flavor %s, seed %llu\n", count,
           count == 1 ? "" : "s", total,
           json_string_value(json_object_get(s->effective, "duration")),
           json_string_value(json_object_get(s->effective, "warmup")),
           json_string_value(json_object_get(s->effective, "flavor")), (unsigned long long)s->seed);
    put_sweep(s);
    while (first < count && plans[first].skip)
        first++;
    if (first < count) {
        put_threads(&plans[first]);
        put_placement(o, &plans[first], d);
    }
    for (size_t i = 0; i < count; i++)
        printf("  run %zu%s%s%s%s\n", i + 1, *plans[i].label ? "  " : "", plans[i].label,
               plans[i].skip ? "  skipped: " : "", plans[i].skip ? plans[i].skip : "");
}

/* --- Running --- */

/* A run of which nothing was measured. */
static json_t *empty_run(const struct run_plan *plan, const char *verdict)
{
    return json_pack("{sO ss sI ss ss s{} s[] s{} s{} s{} s{} s[] s[] s[] s[] s[] sf}", "point",
                     plan->point, "label", plan->label, "repeat", (json_int_t)plan->repeat,
                     "flavor", plan->flavor, "verdict", verdict, "exit", "findings", "counters",
                     "library", "coverage", "latency", "intervals", "threads", "disturbances",
                     "notes", "missing", "seconds", 0.0);
}

static json_t *skipped_run(const struct run_plan *plan)
{
    json_t *run = empty_run(plan, "skipped");

    json_object_set_new(run, "skip", json_string(plan->skip));
    return run;
}

/* One that could not be started after others had run. */
static json_t *broken_run(const struct run_plan *plan)
{
    json_t *run = empty_run(plan, "inconclusive");

    json_array_append_new(json_object_get(run, "missing"), json_string("could not be started"));
    return run;
}

enum outcome { OUTCOME_DONE, OUTCOME_ENDED, OUTCOME_BROKEN };

/* What follows from a run that has ended. */
static enum outcome judge_run(const struct driver_options *o, const struct invocation *inv,
                              bool last, json_t *reasons)
{
    if (inv->interrupted) {
        json_array_append_new(reasons,
                              json_sprintf("interrupted during run %u of %u", inv->run, inv->runs));
        return OUTCOME_ENDED;
    }
    if (inv->findings == 0 || !(o->fail_fast || o->until_failure))
        return OUTCOME_DONE;
    if (!last)
        json_array_append_new(reasons,
                              json_sprintf("ended after the first finding, in run %u", inv->run));
    return OUTCOME_ENDED;
}

/* Runs all plans once. */
static enum outcome run_round(const struct driver_options *o, struct invocation *inv,
                              const struct run_plan *plans, size_t count, json_t *runs,
                              json_t *reasons, struct diagnostics *d)
{
    enum outcome outcome = OUTCOME_DONE;

    for (size_t i = 0; i < count && outcome == OUTCOME_DONE; i++) {
        json_t *run;

        inv->run++;
        if (plans[i].skip) {
            json_array_append_new(runs, skipped_run(&plans[i]));
            continue;
        }
        run = execution_run(inv, &plans[i], d);
        if (!run) {
            if (inv->executed > 0)
                json_array_append_new(runs, broken_run(&plans[i]));
            return OUTCOME_BROKEN;
        }
        inv->executed++;
        json_array_append_new(runs, run);
        outcome = judge_run(o, inv, i + 1 == count, reasons);
    }
    return outcome;
}

/* The next round of --until-failure makes other random choices. */
static void change_seeds(const struct scenario *s, const struct run_plan *plans, size_t count,
                         unsigned round)
{
    int64_t repeats = json_integer_value(json_object_get(s->effective, "repeat"));

    for (size_t i = 0; i < count; i++)
        json_object_set_new(
            plans[i].config, "seed",
            json_integer(scenario_repeat_seed(s->seed, round * repeats + plans[i].repeat)));
}

/* Runs the plans, over and over with --until-failure. False when nothing could be run; what was run
 * before something broke is kept. */
static bool run_all(const struct driver_options *o, struct invocation *inv,
                    const struct run_plan *plans, size_t count, json_t *runs, json_t *reasons,
                    struct diagnostics *d)
{
    enum outcome outcome = run_round(o, inv, plans, count, runs, reasons, d);

    /* Where all were skipped there is no failure to wait for. */
    for (unsigned round = 1; outcome == OUTCOME_DONE && o->until_failure && inv->executed > 0;
         round++) {
        inv->runs += (unsigned)count;
        change_seeds(inv->scenario, plans, count, round);
        outcome = run_round(o, inv, plans, count, runs, reasons, d);
    }
    return outcome != OUTCOME_BROKEN || inv->executed > 0;
}

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
                           json_t *reasons)
{
    json_t *verdict = verdict_overall(runs, s->effective, reasons);

    return json_pack("{ss sO so so so sI so sO sO}", "schema", "stillpoint-result/1", "started",
                     started, "ended", utc_now(), "tool", host_tool(), "host", host, "seed",
                     (json_int_t)s->seed, "verdict", verdict, "scenario", s->effective, "runs",
                     runs);
}

/* Writes, plots, prints. Returns the exit code. */
static int conclude(const struct driver_options *o, struct output *output, json_t *result,
                    struct diagnostics *d)
{
    json_t *verdict = json_object_get(result, "verdict");
    int code = (int)json_integer_value(json_object_get(verdict, "exit_code"));
    json_t *files = json_pack("[s]", "result.json"), *made = json_array();

    bool whole = output_file(output->directory, "result.json", result, d);

    if (!whole) {
        json_array_clear(files);
        if (code != EXIT_CODE_VIOLATION)
            code = EXIT_CODE_INTERNAL;
    } else {
        struct diagnostics plots = {.text = NULL};

        if (!plot_result(result, output->directory, made, &plots) && plots.text)
            put_notes(plots.text);
        diagnostics_free(&plots);
    }
    output_close(output, whole, d);
    for (size_t i = 0; i < json_array_size(made); i++) {
        const char *name = json_string_value(json_array_get(made, i));

        if (strstr(name, ".svg") || strstr(name, ".txt"))
            json_array_append(files, json_array_get(made, i));
    }
    if (!o->quiet)
        report_result(stdout, result, output->directory, files, use_color(stdout));
    json_decref(files);
    json_decref(made);
    return code;
}

static int run_scenario(const struct driver_options *o, const struct scenario *s,
                        const struct run_plan *plans, size_t count, struct diagnostics *d)
{
    json_t *runs = json_array(), *reasons = json_array(), *host = host_describe();
    json_t *started = utc_now(), *result, *event;
    struct output output;
    struct progress progress;
    struct invocation inv = {.scenario = s,
                             .output = &output,
                             .progress = &progress,
                             .runs = (unsigned)count,
                             .gdb = o->gdb,
                             .color = use_color(stderr)};
    struct scenario_settings settings;
    char *repro = repro_command(o->program, o->path, o->overrides, o->override_count);
    int code = EXIT_CODE_USAGE;

    options_store(scenario_options, s->effective, &settings);
    inv.continue_on_finding = settings.on_finding == ON_FINDING_CONTINUE && !o->fail_fast;
    inv.repro = repro;
    for (size_t i = 0; i < count; i++)
        inv.total_s += plans[i].skip || o->until_failure ? 0 : duration_s(&plans[i]);
    json_object_set_new(host, "load_before", host_load());
    execution_signals(o->gdb);
    progress_open(&progress, o->progress);
    if (output_open(&output, o->out, settings.name, s->effective, d)) {
        event = json_pack("{ss ss sO so sO sO sI}", "event", "invocation", "schema",
                          "stillpoint-result/1", "started", started, "tool", host_tool(), "host",
                          host, "scenario", s->effective, "seed", (json_int_t)s->seed);
        output_event(&output, event, d);
        json_decref(event);
        if (run_all(o, &inv, plans, count, runs, reasons, d)) {
            progress_clear(&progress);
            json_object_set_new(host, "load_after", host_load());
            result = make_result(s, started, host, runs, reasons);
            host = NULL;
            code = conclude(o, &output, result, d);
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

int driver_run(const struct driver_options *o, struct diagnostics *d)
{
    struct run_plan *plans = NULL;
    struct scenario s = {.path = NULL};
    size_t count = 0;
    int code = EXIT_CODE_USAGE;
    bool ok;

    ok = scenario_load(&s, o->path, o->overrides, o->override_count, d);
    put_notes(s.notes.text);
    ok = ok && scenario_expand(&s, &plans, &count, d);
    if (ok && o->dry_run) {
        dry_run(o, &s, plans, count, d);
        code = d->count > 0 ? EXIT_CODE_USAGE : EXIT_CODE_PASS;
    } else if (ok) {
        /* What cannot be placed is reported before anything runs. */
        for (size_t i = 0; ok && i < count; i++)
            ok = plans[i].skip || put_placement(o, &plans[i], d);
        if (ok)
            code = run_scenario(o, &s, plans, count, d);
    }
    run_plans_free(plans, count);
    scenario_free(&s);
    return code;
}
