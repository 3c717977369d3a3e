#include "dry_run.h"

#include "floors.h"
#include "rounds.h"
#include "torture/placement/placement_draw.h"
#include "torture/placement/threads.h"
#include "torture/record/workload.h"
#include "torture/result/series.h"
#include "torture/scenario/parts.h"
#include "torture/scenario/settings.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

double plan_duration_s(const struct run_plan *plan)
{
    struct scenario_settings settings;

    options_store(scenario_options, plan->config, &settings);
    return (double)settings.duration_ns / 1e9;
}

/* Bytes of an interval event: what counters and statistics take, and each latency with its buckets.
 * Measured: 13 kB with three latencies. */
#define EVENT_BYTES   1000
#define LATENCY_BYTES 4000

static double events_bytes(const struct run_plan *plan)
{
    json_t *list = json_object_get(plan->config, "workloads"), *item;
    struct scenario_settings settings;
    size_t measures = 0, i;

    options_store(scenario_options, plan->config, &settings);
    json_array_foreach (list, i, item) {
        const struct workload *w = workload_named(json_string_value(json_object_get(item, "type")));

        measures += w ? w->measure_count : 0;
    }
    return series_events((double)settings.duration_ns / 1e9, (double)settings.interval_ns / 1e9,
                         (size_t)settings.keep_intervals) *
           (EVENT_BYTES + LATENCY_BYTES * (double)measures);
}

/* Of all runs together; of a round where rounds follow one another. */
static void put_disk(FILE *out, const struct run_plan *plans, size_t count, bool rounds)
{
    double bytes = 0;

    for (size_t i = 0; i < count; i++)
        bytes += plans[i].skip ? 0 : events_bytes(&plans[i]);
    fprintf(out, "  disk    up to %.0f MB of events", fmax(1, ceil(bytes / 1e6)));
    if (rounds)
        fprintf(out,
                " a round; up to %.0f MB in all, unless the runs that are kept alone take more",
                ceil((bytes + (double)MOST_EVENTS) / 1e6));
    putc('\n', out);
}

static void put_threads(FILE *out, const struct run_plan *plan)
{
    struct planned_thread *threads;
    size_t count = plan_threads(plan->config, &threads);

    fprintf(out, "  threads");
    for (size_t i = 0; i < count;) {
        size_t n = 1;

        while (i + n < count && threads[i + n].role == threads[i].role &&
               threads[i + n].workload_index == threads[i].workload_index)
            n++;
        fprintf(out, " %s x%zu ", threads[i].role->name, n);
        i += n;
    }
    fprintf(out, "\n");
    free(threads);
}

static bool place(FILE *out, const struct run_plan *plan, const char *path, struct diagnostics *d)
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
    placement = placement_plan(config, names, roles, count, NULL, path, &notes, d);
    ok = placement != NULL;
    if (ok)
        placement_release_foreign(placement, &notes);
    if (ok && out) {
        char *line = placement_line(placement, names, count, 70);

        fprintf(out, "  placement %s: %s\n", json_string_value(json_object_get(config, "policy")),
                line);
        free(line);
        for (char *note = notes.text; note && *note; note += strcspn(note, "\n") + 1)
            fprintf(out, "  note: %.*s\n", (int)strcspn(note, "\n"), note);
    }
    if (ok)
        placement_free(placement);
    diagnostics_free(&notes);
    free(names);
    free(roles);
    free(threads);
    return ok;
}

static void put_sweep(FILE *out, json_t *part)
{
    const char *key;
    json_t *values, *value;
    size_t i;

    json_object_foreach (json_object_get(part, "sweep"), key, values) {
        fprintf(out, "  sweep   %s =", key);
        json_array_foreach (values, i, value) {
            putc(' ', out);
            if (json_is_string(value))
                fputs(json_string_value(value), out);
            else
                json_dumpf(value, out, JSON_ENCODE_ANY | JSON_COMPACT);
        }
        putc('\n', out);
    }
}

/* The first of the part's plans that is not skipped; `i` is its first, `end` is behind its last. */
static const struct run_plan *first_to_run(const struct run_plan *plans, size_t i, size_t end)
{
    while (i < end && plans[i].skip)
        i++;
    return i < end ? &plans[i] : NULL;
}

/* What the part's runs are held against, as the first that has a reference is. */
static void put_floors(FILE *out, const struct run_plan *plans, size_t i, size_t end)
{
    const char *name, *separator = " ";
    const struct run_plan *r;
    json_t *floors, *share;

    while (i < end && !plans[i].reference)
        i++;
    if (i == end)
        return;
    r = plans[i].reference;
    floors = json_object_get(plans[i].config, "floors");
    fputs("  floors ", out);
    json_object_foreach (json_object_get(floors, "least"), name, share) {
        fprintf(out, "%s%s %s", separator, name, json_string_value(share));
        separator = ", ";
    }
    fprintf(out, " of what %s does in %s", r->flavor,
            json_string_value(json_object_get(floors, "duration")));
    fprintf(out, r->skip ? "; not judged: %s\n" : "%s\n", r->skip ? r->skip : "");
}

/* One part's: of all runs of the first repeat those from `first` on. Returns how many. */
static size_t put_part(FILE *out, const struct scenario *s, json_t *part,
                       const struct run_plan *plans, size_t first, size_t count,
                       struct diagnostics *d)
{
    const char *name = json_string_value(json_object_get(part, PART_KEY));
    const struct run_plan *plan;
    size_t end = first;

    while (end < count && plans[end].repeat == 0 &&
           (!name || json_equal(json_object_get(plans[end].point, PART_KEY),
                                json_object_get(part, PART_KEY))))
        end++;
    if (name)
        fprintf(out, "  %s: %s each, %s warm-up\n", name,
                json_string_value(json_object_get(part, "duration")),
                json_string_value(json_object_get(part, "warmup")));
    put_sweep(out, part);
    put_floors(out, plans, first, end);
    plan = first_to_run(plans, first, end);
    if (plan) {
        put_threads(out, plan);
        place(out, plan, s->path, d);
    }
    return end - first;
}

void dry_run(FILE *out, const struct scenario *s, const struct run_plan *plans, size_t count,
             bool until_failure, struct diagnostics *d)
{
    json_t *only = json_array_get(s->parts, 0), *part;
    double total = floors_duration_s(plans, count);
    size_t i, first = 0;

    for (i = 0; i < count; i++)
        if (!plans[i].skip)
            total += plan_duration_s(&plans[i]);
    fprintf(out, "%zu run%s, %g s%s", count, count == 1 ? "" : "s", total,
            until_failure ? " a round" : "");
    if (!json_object_get(only, PART_KEY))
        fprintf(out, " (%s each, %s warm-up)", json_string_value(json_object_get(only, "duration")),
                json_string_value(json_object_get(only, "warmup")));
    fprintf(out, ", flavor %s, seed %llu\n", json_string_value(json_object_get(only, "flavor")),
            (unsigned long long)s->seed);
    put_disk(out, plans, count, until_failure);
    json_array_foreach (s->parts, i, part)
        first += put_part(out, s, part, plans, first, count, d);
    for (i = 0; i < count; i++)
        fprintf(out, "  run %zu%s%s%s%s\n", i + 1, *plans[i].label ? "  " : "", plans[i].label,
                plans[i].skip ? "  skipped: " : "", plans[i].skip ? plans[i].skip : "");
}

bool can_be_placed(const struct run_plan *plan, const char *path, struct diagnostics *d)
{
    return place(NULL, plan, path, d);
}
