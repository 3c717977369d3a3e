#include "driver.h"

#include "execution.h"
#include "host.h"
#include "placement.h"
#include "plot.h"
#include "report.h"
#include "topology.h"
#include "verdict.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static bool use_color(FILE *f)
{
    const char *no = getenv("NO_COLOR");

    return isatty(fileno(f)) && !(no && *no);
}

/* The words of a shell command, quoted where they need it. */
static void append_word(char **line, const char *word)
{
    bool plain = *word && strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                       "0123456789_-+=.,:/@%") == strlen(word);
    char *quoted = calloc(strlen(word) * 4 + 3, 1), *longer = NULL;
    size_t at = 0;

    if (!plain)
        quoted[at++] = '\'';
    for (; *word; word++) {
        if (*word == '\'') {
            memcpy(quoted + at, "'\\''", 4);
            at += 4;
        } else {
            quoted[at++] = *word;
        }
    }
    if (!plain)
        quoted[at++] = '\'';
    if (asprintf(&longer, "%s%s%s", *line ? *line : "", *line ? " " : "", quoted) >= 0) {
        free(*line);
        *line = longer;
    }
    free(quoted);
}

/* All that decides what is run, but for the point, the seed and the duration. */
static char *repro_command(const struct driver_options *o)
{
    const char *runners = getenv("STILLPOINT_RUNNERS");
    char *line = NULL, *word = NULL;

    if (runners && *runners && asprintf(&word, "STILLPOINT_RUNNERS=%s", runners) >= 0) {
        append_word(&line, word);
        free(word);
    }
    append_word(&line, o->program);
    append_word(&line, "run");
    append_word(&line, o->path);
    for (size_t i = 0; i < o->override_count; i++) {
        if (strcmp(o->overrides[i].key, "seed") == 0 ||
            strcmp(o->overrides[i].key, "duration") == 0)
            continue;
        if (asprintf(&word, "%s=%s", o->overrides[i].key, o->overrides[i].value) < 0)
            continue;
        append_word(&line, "--set");
        append_word(&line, word);
        free(word);
    }
    return line;
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
    size_t count = scenario_threads(plan->config, &threads);

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
    size_t count = scenario_threads(plan->config, &threads);
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
        char *line = topology_line(placement, names, count, 70);

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

    for (size_t i = 0; i < count; i++)
        if (!plans[i].skip)
            total += duration_s(&plans[i]);
    printf("%zu run%s, %g s (%s each, %s warm-up), flavor %s, seed %llu\n", count,
           count == 1 ? "" : "s", total,
           json_string_value(json_object_get(s->effective, "duration")),
           json_string_value(json_object_get(s->effective, "warmup")),
           json_string_value(json_object_get(s->effective, "flavor")), (unsigned long long)s->seed);
    put_sweep(s);
    if (count > 0) {
        put_threads(&plans[0]);
        put_placement(o, &plans[0], d);
    }
    for (size_t i = 0; i < count; i++)
        printf("  run %zu%s%s%s%s\n", i + 1, *plans[i].label ? "  " : "", plans[i].label,
               plans[i].skip ? "  skipped: " : "", plans[i].skip ? plans[i].skip : "");
}

/* --- Running --- */

static json_t *skipped_run(const struct run_plan *plan)
{
    return json_pack("{sO ss sI ss ss ss s{} s[] s{} s{} s{} s{} s[] s[] s[] s[] s[] sf}", "point",
                     plan->point, "label", plan->label, "repeat", (json_int_t)plan->repeat,
                     "flavor", plan->flavor, "verdict", "skipped", "skip", plan->skip, "exit",
                     "findings", "counters", "library", "coverage", "latency", "intervals",
                     "threads", "disturbances", "notes", "missing", "seconds", 0.0);
}

/* Runs the plans, over and over with --until-failure; false when one could not be started. */
static bool run_all(const struct driver_options *o, struct invocation *inv,
                    const struct run_plan *plans, size_t count, json_t *runs, json_t *reasons,
                    struct diagnostics *d)
{
    bool again = true;

    while (again) {
        for (size_t i = 0; i < count; i++) {
            json_t *run;

            inv->run++;
            if (plans[i].skip) {
                json_array_append_new(runs, skipped_run(&plans[i]));
                continue;
            }
            run = execution_run(inv, &plans[i], d);
            if (!run)
                return false;
            json_array_append_new(runs, run);
            if (inv->interrupted) {
                json_array_append_new(
                    reasons, json_sprintf("interrupted during run %u of %u", inv->run, inv->runs));
                return true;
            }
            if (inv->findings > 0 && (o->fail_fast || o->until_failure)) {
                if (i + 1 < count)
                    json_array_append_new(
                        reasons,
                        json_sprintf("ended after the first finding, in run %u", inv->run));
                return true;
            }
        }
        again = o->until_failure;
        inv->runs += again ? (unsigned)count : 0;
    }
    return true;
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
    json_t *verdict = verdict_overall(runs, json_object_get(s->effective, "budgets"), reasons);

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

    if (!output_file(output->directory, "result.json", result, d)) {
        json_array_clear(files);
        if (code == EXIT_CODE_PASS)
            code = EXIT_CODE_INTERNAL;
    } else {
        struct diagnostics plots = {.text = NULL};

        if (!plot_result(result, output->directory, made, &plots) && plots.text)
            fprintf(stderr, "note: no pictures: %s", plots.text);
        diagnostics_free(&plots);
    }
    output_close(output, d);
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
    char *repro = repro_command(o);
    int code = EXIT_CODE_USAGE;

    options_store(scenario_options, s->effective, &settings);
    inv.continue_on_finding = settings.on_finding == ON_FINDING_CONTINUE && !o->fail_fast;
    inv.repro = repro;
    for (size_t i = 0; i < count; i++)
        inv.total_s += plans[i].skip ? 0 : duration_s(&plans[i]);
    json_object_set_new(host, "load_before", host_load());
    execution_signals();
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
    if (s.notes.text)
        fprintf(stderr, "note: %s", s.notes.text);
    ok = ok && scenario_expand(&s, &plans, &count, d);
    if (ok && o->dry_run) {
        dry_run(o, &s, plans, count, d);
        code = d->count > 0 ? EXIT_CODE_USAGE : EXIT_CODE_PASS;
    } else if (ok) {
        /* What cannot be placed is said before anything runs. */
        for (size_t i = 0; ok && i < count; i++)
            ok = plans[i].skip || put_placement(o, &plans[i], d);
        if (ok)
            code = run_scenario(o, &s, plans, count, d);
    }
    run_plans_free(plans, count);
    scenario_free(&s);
    return code;
}
