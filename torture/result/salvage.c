#include "salvage.h"

#include "finding.h"
#include "latency.h"
#include "near_misses.h"
#include "series.h"
#include "torture/scenario/document.h"
#include "torture/scenario/settings.h"
#include "verdict.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct salvage {
    json_t *invocation; /* the first event */
    json_t *runs, *reasons;
    json_t *run; /* the one that is going on, as far as known */
    json_t *ready;
    struct series series;
    size_t measure_count;
    const char **names; /* of its latencies, in `ready` */
    struct tally *sums;
};

static void forget_run(struct salvage *s)
{
    json_decref(s->run);
    json_decref(s->ready);
    series_close(&s->series);
    free(s->sums);
    free(s->names);
    s->run = s->ready = NULL;
    s->sums = NULL;
    s->names = NULL;
    s->measure_count = 0;
}

/* As the scenario has it; events that are older than the setting have it as it is by default. */
static size_t most_intervals(struct salvage *s)
{
    json_t *scenario = json_object_get(s->invocation, "scenario");
    json_t *part = json_array_get(json_object_get(scenario, "parts"), 0);
    json_t *given = json_object_get(part ? part : scenario, "keep_intervals");

    return given
               ? (size_t)json_integer_value(given)
               : strtoul(options_find(scenario_options, "keep_intervals")->default_text, NULL, 10);
}

static void on_run(struct salvage *s, json_t *event)
{
    forget_run(s);
    series_open(&s->series, most_intervals(s));
    s->run = json_pack("{sO ss sO ss ss s{} s[] s{} s{} s{} s[] s[] s[] s[] sf sf}", "point",
                       json_object_get(event, "point"), "label", document_text(event, "label"),
                       "repeat", json_object_get(event, "repeat"), "flavor",
                       document_text(event, "flavor"), "verdict", "inconclusive", "exit",
                       "findings", "counters", "library", "latency", "intervals", "threads",
                       "disturbances", "notes", "seconds", 0.0, "lost_seconds", 0.0);
}

static struct tally *sum_of(struct salvage *s, const char *name)
{
    size_t i = 0;

    while (i < s->measure_count && strcmp(s->names[i], name) != 0)
        i++;
    if (i == s->measure_count) {
        s->names = realloc(s->names, (i + 1) * sizeof *s->names);
        s->sums = realloc(s->sums, (i + 1) * sizeof *s->sums);
        s->names[i] = name;
        tally_clear(&s->sums[i]);
        s->measure_count++;
    }
    return &s->sums[i];
}

/* What the ready event has of a latency, or NULL: its name and unit live there. */
static json_t *ready_measure(struct salvage *s, const char *name)
{
    json_t *w, *m;
    size_t i, j;

    json_array_foreach (json_object_get(s->ready, "workloads"), i, w) {
        json_array_foreach (json_object_get(w, "measures"), j, m)
            if (strcmp(document_text(m, "name"), name) == 0)
                return m;
    }
    return NULL;
}

static void on_interval(struct salvage *s, json_t *event)
{
    json_t *latency;
    const char *key;

    if (!s->run)
        return;
    series_add(&s->series, event);
    json_object_set(s->run, "counters", json_object_get(event, "counters"));
    json_object_set(s->run, "library", json_object_get(event, "library"));
    json_object_set(s->run, "seconds", json_object_get(event, "t"));
    json_object_set_new(s->run, "lost_seconds",
                        json_real(json_number_value(json_object_get(s->run, "lost_seconds")) +
                                  json_number_value(json_object_get(event, "lost_s"))));
    json_object_foreach (json_object_get(event, "latency"), key, latency) {
        json_t *measure = ready_measure(s, key);

        if (measure)
            latency_add_delta(sum_of(s, document_text(measure, "name")),
                              json_object_get(latency, "delta"));
    }
}

static void on_finding(struct salvage *s, json_t *event)
{
    json_t *written = json_object_get(event, "finding");
    struct finding *f;

    if (!s->run || !json_is_object(written))
        return;
    f = finding_read(written);
    json_array_append_new(json_object_get(s->run, "findings"), finding_write(f));
    finding_free(f);
}

static void on_event(struct salvage *s, json_t *event)
{
    const char *kind = document_text(event, "event");

    if (strcmp(kind, "invocation") == 0 && !s->invocation)
        s->invocation = json_incref(event);
    else if (strcmp(kind, "run") == 0)
        on_run(s, event);
    else if (strcmp(kind, "ready") == 0 && !s->ready)
        s->ready = json_incref(event);
    else if (strcmp(kind, "interval") == 0)
        on_interval(s, event);
    else if (strcmp(kind, "finding") == 0)
        on_finding(s, event);
    else if (strcmp(kind, "run-end") == 0 && json_object_get(event, "result")) {
        json_array_append(s->runs, json_object_get(event, "result"));
        forget_run(s);
    }
}

/* The run that was cut short. */
static void conclude_run(struct salvage *s)
{
    json_t *latency, *declared, *w;
    bool violated;
    size_t j;

    if (!s->run)
        return;
    latency = json_object();
    declared = json_array();
    json_array_foreach (json_object_get(s->ready, "workloads"), j, w)
        json_array_extend(declared, json_object_get(w, "coverage"));
    for (size_t i = 0; i < s->measure_count; i++)
        json_object_set_new(
            latency, s->names[i],
            latency_describe(&s->sums[i], document_text(ready_measure(s, s->names[i]), "unit")));
    json_object_set_new(s->run, "latency", latency);
    json_object_set(s->run, "intervals", series_describe(&s->series));
    violated = json_array_size(json_object_get(s->run, "findings")) > 0;
    near_misses_describe(s->run, -1);
    verdict_of_run(s->run, NULL, NULL, declared);
    json_decref(declared);
    if (!violated) {
        json_object_set_new(s->run, "verdict", json_string("inconclusive"));
        json_array_append_new(json_object_get(s->run, "missing"),
                              json_string("cut short: rebuilt from its events"));
    }
    json_array_append(s->runs, s->run);
}

static bool read_lines(struct salvage *s, FILE *f)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    unsigned torn = 0;

    while ((length = getline(&line, &room, f)) > 0) {
        json_t *event = json_loadb(line, (size_t)length, 0, NULL);

        if (event)
            on_event(s, event);
        else
            torn++;
        json_decref(event);
    }
    free(line);
    if (torn > 0)
        json_array_append_new(s->reasons, json_sprintf("%u torn line%s of events left out", torn,
                                                       torn == 1 ? "" : "s"));
    return s->invocation != NULL;
}

json_t *salvage_events(const char *path, struct diagnostics *d)
{
    struct salvage s = {.runs = json_array(), .reasons = json_array()};
    json_t *result = NULL;
    FILE *f = fopen(path, "re");

    if (!f) {
        diagnose(d, "%s: %s; name a directory that `stillpoint run` made", path, strerror(errno));
    } else if (!read_lines(&s, f)) {
        diagnose(d, "%s: holds no invocation event: nothing can be rebuilt", path);
    } else {
        json_t *scenario = json_object_get(s.invocation, "scenario");

        conclude_run(&s);
        json_array_append_new(s.reasons, json_string("salvaged from events.jsonl"));
        result = json_pack("{ss sO* sO sO sO* sO so sO sO}", "schema", "stillpoint-result/1",
                           "started", json_object_get(s.invocation, "started"), "tool",
                           json_object_get(s.invocation, "tool"), "host",
                           json_object_get(s.invocation, "host"), "environment",
                           json_object_get(s.invocation, "environment"), "seed",
                           json_object_get(s.invocation, "seed"), "verdict",
                           verdict_overall(s.runs, scenario, s.reasons, false), "scenario",
                           scenario, "runs", s.runs);
        if (!result)
            diagnose(d, "%s: its invocation event is not whole: nothing can be rebuilt", path);
    }
    if (f)
        fclose(f);
    forget_run(&s);
    json_decref(s.invocation);
    json_decref(s.runs);
    json_decref(s.reasons);
    return result;
}
