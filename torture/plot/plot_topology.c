#include "plot_topology.h"

#include "plot_data.h"
#include "topology_svg.h"
#include "torture/host/host.h"
#include "torture/placement/placement_draw.h"
#include "torture/placement/placement_xml.h"
#include "torture/record/text.h"
#include "torture/result/report.h"
#include "torture/scenario/document.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The threads of a run, as arrays. */
struct crew {
    const char **names, **roles;
    int *cpus;
    double *values;
    size_t count;
};

json_t *plot_topology_run(json_t *result, const char *point)
{
    json_t *run;
    size_t i;

    json_array_foreach (json_object_get(result, "runs"), i, run)
        if (json_array_size(json_object_get(run, "threads")) > 0 &&
            (!point || strcmp(document_text(run, "label"), point) == 0))
            return run;
    return NULL;
}

static void tell_points(json_t *result, const char *where, const char *point, struct diagnostics *d)
{
    json_t *seen = json_object(), *run;
    char *labels = text_format("%s", "");
    size_t i;

    json_array_foreach (json_object_get(result, "runs"), i, run) {
        const char *label = document_text(run, "label");

        if (json_array_size(json_object_get(run, "threads")) == 0 || json_object_get(seen, label))
            continue;
        json_object_set_new(seen, label, json_true());
        labels = text_append(labels, *labels ? ", \"" : "\"");
        labels = text_append(labels, label);
        labels = text_append(labels, "\"");
    }
    if (!*labels)
        diagnose(d, "%s: no run of it has begun: there is nobody to be drawn", where);
    else
        diagnose(d, "%s: no run of a point \"%s\"; there are: %s", where, point, labels);
    free(labels);
    json_decref(seen);
}

/* ---- Metrics --------------------------------------------------------------------------------- */

#define METRIC_SHARE "cpu_share"
#define METRIC_BEATS "heartbeats"

static const char *show_share(double value, char *buffer)
{
    snprintf(buffer, 32, "%.1f %%", 100 * value);
    return buffer;
}

static const char *show_rate(double value, char *buffer)
{
    char count[32];

    if (value < 10)
        snprintf(buffer, 32, "%.2g/s", value);
    else
        snprintf(buffer, 32, "%s/s", report_count(value, count));
    return buffer;
}

/* Of one thread; NAN: it has none. */
static double value_of(json_t *thread, const char *metric, double seconds)
{
    bool is_share = strcmp(metric, METRIC_SHARE) == 0;
    json_t *value = is_share || strcmp(metric, METRIC_BEATS) == 0
                        ? json_object_get(thread, metric)
                        : json_object_get(json_object_get(thread, "counters"), metric);

    if (!json_is_number(value) || (!is_share && seconds <= 0))
        return NAN;
    return json_number_value(value) / (is_share ? 1 : seconds);
}

static void tell_metrics(json_t *run, const char *where, const char *metric, struct diagnostics *d)
{
    json_t *names = json_pack("{sb}", METRIC_BEATS, 1), *thread, *value;
    char *list = text_format("%s", "");
    const char *name;
    size_t i;

    json_array_foreach (json_object_get(run, "threads"), i, thread) {
        if (json_object_get(thread, METRIC_SHARE))
            json_object_set_new(names, METRIC_SHARE, json_true());
        json_object_foreach (json_object_get(thread, "counters"), name, value)
            json_object_set_new(names, name, json_true());
    }
    json_object_foreach (names, name, value) {
        list = text_append(list, " ");
        list = text_append(list, name);
    }
    diagnose(d, "%s: no thread has a metric \"%s\"; there are:%s", where, metric, list);
    free(list);
    json_decref(names);
}

/* ---- Threads --------------------------------------------------------------------------------- */

static void crew_free(struct crew *c)
{
    free(c->names);
    free(c->roles);
    free(c->cpus);
    free(c->values);
}

/* Borrows the run's texts. False: no thread has a value. */
static bool crew_read(struct crew *c, json_t *run, const char *metric)
{
    json_t *threads = json_object_get(run, "threads"), *thread;
    double seconds = plot_number(run, "seconds");
    bool any = !metric;
    size_t i;

    *c = (struct crew){.count = json_array_size(threads)};
    c->names = calloc(c->count, sizeof *c->names);
    c->roles = calloc(c->count, sizeof *c->roles);
    c->cpus = calloc(c->count, sizeof *c->cpus);
    c->values = calloc(c->count, sizeof *c->values);
    if (!c->names || !c->roles || !c->cpus || !c->values)
        abort();
    json_array_foreach (threads, i, thread) {
        c->names[i] = document_text(thread, "name");
        c->roles[i] = document_text(thread, "role");
        c->cpus[i] = (int)json_integer_value(json_object_get(thread, "cpu"));
        c->values[i] = metric ? value_of(thread, metric, seconds) : NAN;
        any = any || !isnan(c->values[i]);
    }
    return any;
}

/* ---- The drawing ----------------------------------------------------------------------------- */

/* Of another machine nobody knows which CPU is where. */
static bool is_of_this_machine(json_t *result, const char *where, struct diagnostics *d)
{
    const char *there = document_text(json_object_get(result, "host"), "topology");
    json_t *host = host_describe();
    bool same = strcmp(there, document_text(host, "topology")) == 0;

    if (!same)
        diagnose(d,
                 "%s: is of another machine (%s): draw it there, or describe that machine with "
                 "--synthetic",
                 where, *there ? there : "which is not known");
    json_decref(host);
    return same;
}

/* What stands below it; the caption by its parts, as the machine may be narrow. */
static char *lines_of(json_t *result, json_t *run, const char *metric)
{
    static const char between[] = "  ·  ";
    const char *label = document_text(run, "label");
    char *caption = plot_caption(result), *part;
    char *lines = text_format("%s%s%s, flavor %s, seed %.0f%s\n%s%s%s\n",
                              document_text(json_object_get(result, "scenario"), "name"),
                              *label ? ", " : "", label, document_text(run, "flavor"),
                              plot_number(result, "seed"), plot_doubt(result), metric ? metric : "",
                              metric ? " of each thread\n" : "", caption);

    free(caption);
    while ((part = strstr(lines, between)) != NULL) {
        *part = '\n';
        memmove(part + 1, part + strlen(between), strlen(part + strlen(between)) + 1);
    }
    return lines;
}

static bool draw_svg(json_t *result, json_t *run, const struct placement *p, const struct crew *c,
                     const struct topology_wish *wish, struct diagnostics *d)
{
    char *lines = lines_of(result, run, wish->metric), *xml;
    struct placement_marks marks = {
        .roles = c->roles,
        .values = wish->metric ? c->values : NULL,
        .metric = wish->metric,
        .show = wish->metric && strcmp(wish->metric, METRIC_SHARE) == 0 ? show_share : show_rate,
        .lines = lines,
    };
    bool drawn;

    xml = placement_xml(p, &marks, d);
    drawn = xml && topology_svg(xml, wish->svg, d);
    free(xml);
    free(lines);
    return drawn;
}

bool plot_topology(json_t *result, const char *where, const struct topology_wish *wish, FILE *text,
                   struct diagnostics *d)
{
    json_t *run = plot_topology_run(result, wish->point);
    struct placement *p = NULL;
    struct crew crew = {.count = 0};
    bool drawn = false;

    if (!run)
        tell_points(result, where, wish->point, d);
    else if (!crew_read(&crew, run, wish->metric))
        tell_metrics(run, where, wish->metric, d);
    else if (wish->synthetic || is_of_this_machine(result, where, d))
        p = placement_at(crew.names, crew.cpus, crew.count, wish->synthetic, where, d);
    if (p) {
        char *drawing = text ? placement_text(p, NULL) : NULL;

        if (drawing)
            fputs(drawing, text);
        free(drawing);
        drawn = !wish->svg || draw_svg(result, run, p, &crew, wish, d);
    }
    placement_free(p);
    crew_free(&crew);
    return drawn;
}
