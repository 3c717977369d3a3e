#include "plot_data.h"

#include "torture/record/workload.h"
#include "torture/result/headline.h"
#include "torture/result/interval.h"
#include "torture/result/left_out.h"
#include "torture/scenario/document.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

double plot_number(json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

/* What a value of this latency is multiplied with to be nanoseconds. */
double plot_to_ns(json_t *latency)
{
    const char *unit = document_text(latency, "unit");
    return strcmp(unit, "ps") == 0 ? 1e-3 : strcmp(unit, "us") == 0 ? 1e3 : 1;
}

bool plot_draws(const struct drawing *g, const char *latency)
{
    const struct measure *m = measure_named(latency);

    return m && m->picture && strcmp(m->picture, g->picture) == 0;
}

json_t *plot_pictured(struct drawing *g, json_t *run)
{
    const char *name;
    json_t *latency;

    json_object_foreach (json_object_get(run, "latency"), name, latency)
        if (plot_draws(g, name))
            return latency;
    return NULL;
}

/* Of a run, or of an interval of one. */
json_t *plot_run_latency(json_t *run, const char *name)
{
    return json_object_get(json_object_get(run, "latency"), name);
}

/* Of the first run of a point that has one. */
static const char *point_headline(struct drawing *g, struct point *p)
{
    const char *name = NULL;
    size_t index;
    json_t *run;
    json_array_foreach (p->runs, index, run)
        name = name ? name : headline_of(g->order, run);
    return name;
}

static bool is_of_bytes(const char *latency)
{
    const struct measure *m = latency ? measure_named(latency) : NULL;

    return m && measure_is_of_bytes(m);
}

static void choose_latencies(struct drawing *g)
{
    g->order = headline_order(g->result);
    g->latency = json_string_value(json_array_get(g->order, 0));
    g->gp = !g->latency || headline_is_gp(g->latency);
    if (g->gp)
        g->latency = headline_common(g->order, json_object_get(g->result, "runs"));
    const char *common = g->latency;
    for (size_t i = 0; i < g->count; i++) {
        struct point *p = &g->points[i];
        p->latency = g->gp ? common : point_headline(g, p);
        if (is_of_bytes(p->latency))
            p->latency = NULL; /* pictures are of times */
        if (p->latency && strcmp(p->latency, common) != 0)
            g->latency = NULL;
    }
}

/* ---- Points ---------------------------------------------------------------------------------- */

const char *plot_short_key(const char *key)
{
    const char *dot = strrchr(key, '.');
    return dot ? dot + 1 : key;
}

/* The only key that all the runs' points have, or "" when there are none or several. */
static const char *only_swept_key(json_t *runs)
{
    const char *only = NULL;
    size_t index;
    json_t *run;
    json_array_foreach (runs, index, run) {
        json_t *point = json_object_get(run, "point");
        if (json_object_size(point) != 1)
            return "";
        const char *key = json_object_iter_key(json_object_iter(point));
        if (only && strcmp(only, key) != 0)
            return "";
        only = key;
    }
    return only ? only : "";
}

static bool several_flavors(json_t *runs)
{
    size_t index;
    json_t *run;
    json_array_foreach (runs, index, run)
        if (strcmp(document_text(run, "flavor"),
                   document_text(json_array_get(runs, 0), "flavor")) != 0)
            return true;
    return false;
}

/* A heap string that names the run's point among the others. */
static char *point_label(json_t *run, bool with_key, bool with_flavor)
{
    char *label = NULL;
    size_t size;
    FILE *out = open_memstream(&label, &size);
    if (!out)
        return NULL;
    const char *separator = "", *key;
    if (with_flavor && !json_object_get(json_object_get(run, "point"), "flavor")) {
        fputs(document_text(run, "flavor"), out);
        separator = " ";
    }
    json_t *value;
    json_object_foreach (json_object_get(run, "point"), key, value) {
        char *plain =
            json_is_string(value)
                ? strdup(json_string_value(value))
                : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(6));
        fprintf(out, "%s%s%s%s", separator, with_key ? plot_short_key(key) : "",
                with_key ? "=" : "", plain ? plain : "?");
        free(plain);
        separator = " ";
    }
    if (!*separator)
        fputs(document_text(run, "flavor"), out);
    return fclose(out) == 0 ? label : NULL;
}

void plot_collect_points(struct drawing *g)
{
    json_t *runs = left_out_without(json_object_get(g->result, "runs"));
    bool with_flavor = several_flavors(runs);
    g->swept = only_swept_key(runs);
    size_t index;
    json_t *run;
    json_array_foreach (runs, index, run) {
        char *label = point_label(run, !*g->swept, with_flavor);
        size_t i = 0;
        while (label && i < g->count && strcmp(g->points[i].label, label) != 0)
            i++;
        if (label && i < POINTS_MAX) {
            if (i == g->count) {
                g->points[g->count++] = (struct point){.label = label, .runs = json_array()};
                label = NULL;
            }
            json_array_append(g->points[i].runs, run);
        } else {
            g->left_out++;
        }
        free(label);
    }
    json_decref(runs);
    choose_latencies(g);
    plot_lay_out(g);
}

void plot_free_points(struct drawing *g)
{
    for (size_t i = 0; i < g->count; i++) {
        free(g->points[i].label);
        free(g->points[i].file);
        json_decref(g->points[i].runs);
    }
    plot_free_layout(g);
    g->count = 0;
    json_decref(g->order);
}

void plot_note_range(struct drawing *g, double ns)
{
    g->low = ns > 0 && ns < g->low ? ns : g->low;
    g->high = ns > g->high ? ns : g->high;
}

/* ---- Data: one figure of a point, from its repeats ------------------------------------------- */

struct repeats plot_median(double *values, size_t count)
{
    double median = median_of(values, count); /* sorts them */

    return (struct repeats){.median = median, .smallest = values[0], .largest = values[count - 1]};
}

bool plot_repeats(struct drawing *g, struct point *p, const char *percentile,
                  struct repeats *repeats)
{
    double *values = calloc(json_array_size(p->runs) + 1, sizeof *values);
    size_t index, count = 0;
    json_t *run;

    json_array_foreach (p->runs, index, run) {
        json_t *latency = plot_pictured(g, run);

        if (values && plot_number(latency, "count") > 0)
            values[count++] = plot_number(json_object_get(latency, "percentiles"), percentile) *
                              plot_to_ns(latency);
    }
    if (count > 0)
        *repeats = plot_median(values, count);
    free(values);
    return count > 0;
}

void plot_write_read_side(struct drawing *g, struct point *p, FILE *out)
{
    struct repeats of;

    if (!plot_repeats(g, p, "50", &of))
        return;
    fprintf(out, "%.6g %.6g %.6g\n", of.median, of.smallest, of.largest);
    plot_note_range(g, of.largest);
    p->rows = 1;
}
