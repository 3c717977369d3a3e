/* How a night begins, or goes on after a crash. */
#include "night_parts.h"

#include "torture/host/environment.h"
#include "torture/host/host.h"
#include "torture/record/text.h"
#include "torture/result/output.h"
#include "torture/result/salvage.h"
#include "torture/scenario/document.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* --- A new night --- */

static json_t *describe_scenarios(struct night *n)
{
    json_t *list = json_array();

    for (size_t i = 0; i < n->count; i++) {
        struct night_scenario *s = &n->scenarios[i];

        scenario_set_seed(&s->planned.scenario, n->seed);
        json_array_append_new(list,
                              json_pack("{ss ss sO}", "name", s->name, "path", s->options.path,
                                        "effective", s->planned.scenario.effective));
    }
    return list;
}

static json_t *describe_night(struct night *n, const char *name)
{
    json_t *arguments = json_array(), *settings = json_array();
    char here[PATH_MAX], stamp[32];
    time_t now = time(NULL);
    struct tm utc;

    gmtime_r(&now, &utc);
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", &utc);
    for (size_t i = 0; i < n->options.argument_count; i++)
        json_array_append_new(arguments, json_string(n->options.arguments[i]));
    for (size_t i = 0; i < n->driver->override_count; i++)
        json_array_append_new(settings, json_pack("[ss]", n->driver->overrides[i].key,
                                                  n->driver->overrides[i].value));
    return json_pack("{ss ss ss ss so so ss sI sb ss* ss* so so so}", "schema",
                     "stillpoint-night/1", "name", name, "started", stamp, "in",
                     getcwd(here, sizeof here) ? here : ".", "arguments", arguments, "settings",
                     settings, "for", n->options.duration, "seed", (json_int_t)n->seed, "fail_fast",
                     n->driver->fail_fast, "since", n->options.since, "known", n->options.known,
                     "tool", host_tool(), "environment", environment_describe(), "scenarios",
                     describe_scenarios(n));
}

/* The journal comes first, since whoever has it has the lock. */
static bool make_directory(struct night *n, const char *name)
{
    char *rounds, *made = output_directory(n->driver->out, name, n->d);
    bool ok;

    if (!made)
        return false;
    n->directory = realpath(made, NULL);
    free(made);
    rounds = text_format("%s/rounds", n->directory);
    n->plan = describe_night(n, name);
    ok = n->directory && journal_open(&n->journal, n->directory, false, n->d);
    if (ok && mkdir(rounds, 0777) != 0) {
        diagnose(n->d, "%s: cannot be made: %s", rounds, strerror(errno));
        ok = false;
    }
    ok = ok && output_file(n->directory, "night.json", n->plan, n->d);
    if (!ok && n->directory) {
        if (n->journal.fd >= 0)
            unlink(n->journal.path);
        rmdir(rounds);
        rmdir(n->directory);
    }
    free(rounds);
    return ok;
}

static bool begin_new(struct night *n)
{
    char *name;
    bool ok = night_plan(n, &name) && (n->driver->dry_run || make_directory(n, name));

    free(name);
    return ok;
}

/* --- One that goes on --- */

static bool all_there(const struct driver_options *o, const struct night_options *n)
{
    for (size_t i = 0; i < o->override_count; i++)
        if (!o->overrides[i].key || !o->overrides[i].value)
            return false;
    for (size_t i = 0; i < n->argument_count; i++)
        if (!n->arguments[i])
            return false;
    return true;
}

/* What the night was begun with takes the place of what the command line has. */
static bool take_plan(struct night *n, struct driver_options *o)
{
    json_t *settings = json_object_get(n->plan, "settings"), *pair;
    json_t *arguments = json_object_get(n->plan, "arguments"), *argument;
    struct override *overrides = calloc(json_array_size(settings) + 1, sizeof *overrides);
    const char **list = calloc(json_array_size(arguments) + 1, sizeof *list);
    const char *in = json_string_value(json_object_get(n->plan, "in"));
    size_t i;

    json_array_foreach (settings, i, pair)
        overrides[i] = (struct override){json_string_value(json_array_get(pair, 0)),
                                         json_string_value(json_array_get(pair, 1))};
    json_array_foreach (arguments, i, argument)
        list[i] = json_string_value(argument);
    o->overrides = overrides;
    o->override_count = json_array_size(settings);
    o->fail_fast = json_is_true(json_object_get(n->plan, "fail_fast"));
    n->options.arguments = (char *const *)list;
    n->options.argument_count = json_array_size(arguments);
    n->options.duration = json_string_value(json_object_get(n->plan, "for"));
    n->seed = (uint64_t)json_integer_value(json_object_get(n->plan, "seed"));
    if (!n->options.since)
        n->options.since = json_string_value(json_object_get(n->plan, "since"));
    if (!n->options.known)
        n->options.known = json_string_value(json_object_get(n->plan, "known"));
    if (!in || !n->options.duration || !all_there(o, &n->options)) {
        diagnose(n->d, "%s/night.json: is not as a night writes it", n->directory);
        return false;
    }
    if (chdir(in) != 0) {
        diagnose(n->d, "%s/night.json: /in: the night was begun in %s, which is not there",
                 n->directory, in);
        return false;
    }
    return true;
}

/* As they are written: reals lose digits. */
static bool is_same(json_t *one, json_t *other)
{
    size_t flags = JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(9);
    char *left = json_dumps(one, flags), *right = json_dumps(other, flags);
    bool same = left && right && strcmp(left, right) == 0;

    free(left);
    free(right);
    return same;
}

/* Rounds of other scenarios, or elsewhere, would not be rounds of this night. */
static bool is_unchanged(struct night *n)
{
    json_t *stored = json_object_get(n->plan, "scenarios"), *now = describe_scenarios(n), *one;
    json_t *environment = environment_describe();
    bool ok = json_array_size(stored) == json_array_size(now);
    size_t i;

    if (!ok)
        diagnose(n->d, "%s: was begun with %zu scenarios, and now there are %zu: begin a new night",
                 n->directory, json_array_size(stored), json_array_size(now));
    json_array_foreach (now, i, one)
        if (ok && !is_same(one, json_array_get(stored, i))) {
            diagnose(n->d, "%s: has changed since the night began: begin a new one",
                     n->scenarios[i].options.path);
            ok = false;
        }
    if (!json_equal(environment, json_object_get(n->plan, "environment"))) {
        char *was = json_dumps(json_object_get(n->plan, "environment"), 0);

        diagnose(n->d, "%s: was begun with other variables of the environment: %s", n->directory,
                 was ? was : "");
        free(was);
        ok = false;
    }
    json_decref(environment);
    json_decref(now);
    return ok;
}

static void tell_other_build(struct night *n)
{
    json_t *tool = host_tool();

    if (!json_equal(tool, json_object_get(n->plan, "tool")))
        json_array_append_new(n->reasons,
                              json_string("goes on with another build than it began with"));
    json_decref(tool);
}

static struct night_scenario *scenario_of(struct night *n, json_t *record)
{
    const char *path = json_string_value(json_object_get(record, "path"));

    for (size_t i = 0; path && i < n->count; i++)
        if (strcmp(n->scenarios[i].options.path, path) == 0)
            return &n->scenarios[i];
    return NULL;
}

/* What there is of the round that was cut short; NULL: nothing. */
static json_t *read_round(struct night *n, const char *directory)
{
    struct diagnostics ignored = {.text = NULL};
    char *result = text_format("%s/result.json", directory);
    char *events = text_format("%s/events.jsonl", directory);
    json_t *read = json_load_file(result, 0, NULL);

    if (!json_is_array(json_object_get(json_object_get(read, "verdict"), "reasons"))) {
        json_decref(read);
        read = NULL;
    }
    if (!read && (read = salvage_events(events, &ignored)))
        output_file(directory, "result.json", read, n->d);
    diagnostics_free(&ignored);
    free(events);
    free(result);
    return read;
}

static void take_up_round(struct night *n)
{
    json_t *begun = json_incref(n->journal.begun), *result, *record, *run;
    struct night_scenario *s = scenario_of(n, begun);
    const char *place = json_string_value(json_object_get(begun, "directory"));
    char *directory = text_format("%s/%s", n->directory, place ? place : "");
    double seconds = 0;
    size_t i;

    result = read_round(n, directory);
    json_array_foreach (json_object_get(result, "runs"), i, run)
        seconds += json_number_value(json_object_get(run, "seconds"));
    record = result ? night_record(result)
                    : night_broken_record("the driver had ended before the round began");
    json_object_set_new(record, "seconds", json_real(seconds));
    json_object_set_new(record, "cut_short", json_true());
    if (s)
        night_take(n, s, begun, record);
    else
        json_decref(record);
    json_decref(result);
    json_decref(begun);
    free(directory);
}

static void count_rounds(struct night *n)
{
    json_t *record;
    size_t i;

    json_array_foreach (n->journal.records, i, record) {
        struct night_scenario *s = scenario_of(n, record);
        double seconds = json_number_value(json_object_get(record, "seconds"));

        if (!s)
            continue;
        s->rounds++;
        s->used_s += seconds > s->turn_s ? seconds : s->turn_s;
    }
}

static bool begin_again(struct night *n, struct driver_options *o)
{
    char *file, *name = NULL, *summary;
    bool ok;

    n->directory = realpath(n->options.resume, NULL);
    if (!n->directory) {
        diagnose(n->d, "--resume %s: %s", n->options.resume, strerror(errno));
        return false;
    }
    if (!journal_open(&n->journal, n->directory, true, n->d))
        return false;
    file = text_format("%s/night.json", n->directory);
    summary = text_format("%s/summary.json", n->directory);
    n->plan = document_read(file, n->d);
    /* What the command line names is where we are, and not where the night was begun. */
    ok = n->plan && night_read_judgement(n) && take_plan(n, o) && night_plan(n, &name) &&
         is_unchanged(n);
    if (ok && !n->driver->dry_run) {
        unlink(summary); /* of a night that was over: it goes on */
        tell_other_build(n);
        count_rounds(n);
        if (n->journal.begun)
            take_up_round(n);
    }
    free(name);
    free(summary);
    free(file);
    return ok;
}

bool night_begin(struct night *n)
{
    static struct driver_options resumed;

    if (!n->options.resume)
        return begin_new(n);
    resumed = *n->driver;
    n->driver = &resumed;
    return begin_again(n, &resumed);
}

void night_free(struct night *n)
{
    for (size_t i = 0; i < n->count; i++) {
        struct night_scenario *s = &n->scenarios[i];

        planned_scenario_free(&s->planned);
        json_decref(s->settings);
        free((void *)s->options.path);
        free((void *)s->options.overrides);
        free(s->name);
    }
    if (n->options.resume && n->plan) {
        free((void *)n->options.arguments);
        free((void *)n->driver->overrides);
    }
    free(n->scenarios);
    journal_close(&n->journal);
    json_decref(n->judgement.known);
    json_decref(n->judgement.since);
    json_decref(n->plan);
    json_decref(n->reasons);
    free(n->directory);
}
