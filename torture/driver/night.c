#include "night_parts.h"

#include "execution.h"
#include "torture/record/clock.h"
#include "torture/record/text.h"
#include "torture/result/report.h"
#include "writers.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BARREN_ROUNDS = 3 };

/* --- One round --- */

static double measured_seconds(json_t *result)
{
    double sum = 0;
    json_t *run;
    size_t i;

    json_array_foreach (json_object_get(result, "runs"), i, run)
        sum += json_number_value(json_object_get(run, "seconds"));
    return sum;
}

/* "22:07  text" */
static void show_line(struct night *n, const char *text)
{
    time_t now = time(NULL);
    struct tm local;
    char clock[8];

    localtime_r(&now, &local);
    strftime(clock, sizeof clock, "%H:%M", &local);
    console_line(n->console, clock, text);
}

/* "[ 12/214] exclusive  seed 88123   pass   1.2 G checks", and a line for each finding. */
static void show_round(struct night *n, const struct night_scenario *s, json_t *record)
{
    json_int_t number = json_integer_value(json_object_get(record, "round"));
    size_t expected = night_expected_rounds(n), i;
    char checks[32], *shown, *line;
    json_t *finding;

    report_count(json_number_value(json_object_get(record, "checks")), checks);
    shown = text_format("%zu", (size_t)number > expected ? (size_t)number : expected);
    line = text_format("[%*lld/%s] %-20s seed %-16lld %-12s %7s checks", (int)strlen(shown),
                       (long long)number, shown, s->name,
                       (long long)json_integer_value(json_object_get(record, "seed")),
                       json_string_value(json_object_get(record, "verdict")), checks);
    show_line(n, line);
    free(line);
    free(shown);
    json_array_foreach (json_object_get(record, "findings"), i, finding) {
        const char *fingerprint = json_string_value(json_object_get(finding, "fingerprint"));

        line = text_format("%s finding %s: %s", night_state(&n->judgement, fingerprint),
                           fingerprint, json_string_value(json_object_get(finding, "message")));
        console_line(n->console, "     ", line);
        free(line);
    }
}

/* The status line of a terminal is that of the run; elsewhere each round has a line. */
static struct console round_console(const struct night *n, const char *heading)
{
    struct console console = *n->console;

    console.quiet = true;
    console.progress.heading = heading;
    if (console.progress.mode != PROGRESS_TTY)
        console.progress.mode = PROGRESS_NONE;
    return console;
}

/* What is not on the disk as a whole is not believed to be, and there is no room for more. */
static void check_recorded(struct night *n, const char *directory)
{
    char *path = text_format("%s/result.json", directory);

    n->unrecorded = n->unrecorded || access(path, F_OK) != 0;
    free(path);
}

/* Runs it into its directory; its record. *barren: nothing ran. */
static json_t *execute(struct night *n, struct night_scenario *s, const char *directory,
                       const char *heading, bool *barren)
{
    struct console console = round_console(n, heading);
    struct diagnostics d = {.text = NULL};
    struct output output;
    json_t *result = NULL, *record = NULL;

    if (output_open_round(&output, directory, s->planned.scenario.effective, &d)) {
        result = driver_execute(&s->options, &console, &s->planned, &output, &d);
        if (result) {
            writers_conclude(result, directory, &output, &console, &d);
            check_recorded(n, directory);
            record = night_record(result);
        } else {
            output_discard(&output);
        }
        output_free(&output);
    } else {
        n->unrecorded = true;
    }
    *barren = s->run_count > 0 && measured_seconds(result) == 0;
    if (!record) {
        char *why =
            text_format("%.*s", (int)strcspn(d.text ? d.text : "", "\n"), d.text ? d.text : "");

        record = night_broken_record(*why ? why : "could not be run");
        free(why);
    }
    progress_clear(&console.progress);
    console_notes(n->console, d.text);
    diagnostics_free(&d);
    json_decref(result);
    return record;
}

static bool run_round(struct night *n, struct night_scenario *s)
{
    size_t number = json_array_size(n->journal.records) + 1;
    int64_t seed = scenario_repeat_seed(n->seed, (int64_t)number - 1), begin;
    const char *own = json_string_value(json_object_get(s->planned.scenario.effective, "name"));
    char *place = text_format("rounds/%05zu-%s", number, own);
    char *directory = text_format("%s/%s", n->directory, place);
    char *heading = text_format("[%zu/%zu] %s  ", number, night_expected_rounds(n), s->name);
    json_t *begun, *record;
    bool barren = false;

    scenario_set_seed(&s->planned.scenario, (uint64_t)seed);
    run_plans_set_seed(s->planned.plans, s->planned.count, &s->planned.scenario, 0);
    begun =
        json_pack("{ss sI ss ss sI ss}", "event", "begin", "round", (json_int_t)number, "scenario",
                  s->name, "path", s->options.path, "seed", (json_int_t)seed, "directory", place);
    begin = clock_monotonic_ns();
    if (journal_append(&n->journal, json_incref(begun), n->d)) {
        record = execute(n, s, directory, heading, &barren);
        json_object_set_new(record, "seconds",
                            json_real((double)(clock_monotonic_ns() - begin) / 1e9));
        json_object_set_new(record, "cut_short", json_boolean(execution_interrupted()));
        night_take(n, s, begun, record);
        show_round(n, s, json_array_get(n->journal.records, number - 1));
    } else {
        n->unrecorded = true;
    }
    json_decref(begun);
    free(heading);
    free(directory);
    free(place);
    return !barren;
}

/* --- The loop --- */

/* The scenario that had the least time, of those whose turn fits in what is left; all have a first
 * one. NULL: the time is up. */
static struct night_scenario *next_scenario(struct night *n)
{
    double left = n->for_s - night_used_s(n);
    struct night_scenario *best = NULL;

    for (size_t i = 0; i < n->count; i++) {
        struct night_scenario *s = &n->scenarios[i];

        if (s->rounds > 0 && (s->run_count == 0 || s->turn_s > left))
            continue;
        if (!best || (s->rounds == 0 && best->rounds > 0) ||
            ((s->rounds > 0) == (best->rounds > 0) && s->used_s < best->used_s))
            best = s;
    }
    return best;
}

/* Whether the last round has a finding that ends the night. */
static bool ends_night(const struct night *n)
{
    size_t count = json_array_size(n->journal.records), i;
    json_t *last = json_array_get(n->journal.records, count - 1), *finding;

    if (!n->driver->fail_fast)
        return false;
    json_array_foreach (json_object_get(last, "findings"), i, finding)
        if (!night_accepts(&n->judgement,
                           json_string_value(json_object_get(finding, "fingerprint"))))
            return true;
    return false;
}

static void run_rounds(struct night *n)
{
    size_t barren = 0, limit = n->count > BARREN_ROUNDS ? n->count : BARREN_ROUNDS;
    struct night_scenario *s;

    while (!execution_interrupted() && !n->unrecorded && (s = next_scenario(n))) {
        barren = run_round(n, s) ? 0 : barren + 1;
        if (ends_night(n)) {
            json_array_append_new(n->reasons, json_string("ended at the first finding"));
            return;
        }
        if (barren >= limit) {
            json_array_append_new(
                n->reasons, json_sprintf("ended: nothing ran in the last %zu rounds", barren));
            return;
        }
    }
}

/* What ended the night before its time, if anything did. */
static void tell_end(struct night *n)
{
    char used[32], asked[32];

    report_hours(night_used_s(n), used);
    report_hours(n->for_s, asked);
    if (n->unrecorded)
        json_array_append_new(
            n->reasons,
            json_sprintf("ended after %s of %s: what was found could not be written; make room, "
                         "and go on with --resume %s",
                         used, asked, n->directory));
    else if (execution_interrupted())
        json_array_append_new(n->reasons,
                              json_sprintf("interrupted after %s of %s; goes on with --resume %s",
                                           used, asked, n->directory));
}

/* "214 rounds planned of 26 scenarios, 8 h 0 min, seed 7"; heap. */
static char *plan_line(const struct night *n)
{
    char span[32];

    return text_format("%zu rounds planned of %zu scenario%s, %s, seed %llu",
                       night_expected_rounds(n), n->count, n->count == 1 ? "" : "s",
                       report_hours(n->for_s, span), (unsigned long long)n->seed);
}

static void show_plan(const struct night *n, FILE *f)
{
    char *line = plan_line(n), turn[32];

    fprintf(f, "%s\n", line);
    for (size_t i = 0; i < n->count; i++) {
        const struct night_scenario *s = &n->scenarios[i];

        fprintf(f, "  %-24s %3zu run%s a turn  %s\n", s->name, s->run_count,
                s->run_count == 1 ? " " : "s",
                s->run_count ? report_hours(s->turn_s, turn) : "skipped");
    }
    free(line);
}

int night_run(const struct driver_options *driver, const struct night_options *options,
              struct console *console, struct diagnostics *d)
{
    struct night n = {
        .driver = driver,
        .options = *options,
        .console = console,
        .d = d,
        .journal = {.fd = -1},
        .reasons = json_array(),
    };
    int code = EXIT_CODE_USAGE;
    char *line;

    execution_signals(false);
    if (night_begin(&n)) {
        if (driver->dry_run) {
            show_plan(&n, console->out);
            code = EXIT_CODE_PASS;
        } else {
            line = plan_line(&n);
            show_line(&n, line);
            free(line);
            run_rounds(&n);
            tell_end(&n);
            code = night_conclude(&n);
        }
    }
    night_free(&n);
    return code;
}
