/* Data of a picture over an option that is swept, the axis of its latency: what else is swept tells
 * lines apart.
 */
#include "plot_data.h"

#include "torture/placement/settings.h"
#include "torture/record/text.h"
#include "torture/record/workload.h"
#include "torture/scenario/document.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is_axis(const struct drawing *g, const char *key)
{
    const struct measure *m = measure_pictured(g->picture);

    return m && m->axis && strcmp(plot_short_key(key), m->axis) == 0;
}

const struct option *plot_axis_choice(const struct drawing *g)
{
    const struct measure *m = measure_pictured(g->picture);

    return m && m->axis ? options_find(placement_options, m->axis) : NULL;
}

/* By the firmware, from the thread of the first role to one of another; 0: not known. */
static double distance_in(const struct drawing *g, json_t *run)
{
    json_t *threads = json_object_get(run, "threads"), *thread;
    json_t *known = json_object_get(json_object_get(g->result, "host"), "numa_distances");
    const char *role = document_text(json_array_get(threads, 0), "role");
    char from[24], to[24];
    size_t i;

    snprintf(from, sizeof from, "%.0f", plot_number(json_array_get(threads, 0), "node"));
    json_array_foreach (threads, i, thread)
        if (strcmp(document_text(thread, "role"), role) != 0) {
            snprintf(to, sizeof to, "%.0f", plot_number(thread, "node"));
            return plot_number(json_object_get(known, from), to);
        }
    return 0;
}

char *plot_place_name(const struct drawing *g, const char *word)
{
    for (size_t i = 0; i < g->count; i++) {
        json_t *run = json_array_get(g->points[i].runs, 0), *value;
        const char *key;

        json_object_foreach (json_object_get(run, "point"), key, value) {
            double distance = is_axis(g, key) && strcmp(json_string_value(value), word) == 0
                                  ? distance_in(g, run)
                                  : 0;

            if (distance > 0)
                return text_format("%s (%.0f)", word, distance);
        }
    }
    return text_format("%s", word);
}

/* Where on the axis this point of the sweep is, that of a word being its number among all, from 1;
 * 0: its option is not swept. */
static double place_of(const struct drawing *g, struct point *p)
{
    const char *key;
    json_t *value;

    json_object_foreach (json_object_get(json_array_get(p->runs, 0), "point"), key, value)
        if (is_axis(g, key))
            return json_is_string(value)
                       ? option_choice(plot_axis_choice(g), json_string_value(value)) + 1
                       : json_number_value(value);
    return 0;
}

/* The point without its place on the axis, as text on the heap. */
static char *line_of(const struct drawing *g, struct point *p)
{
    json_t *run = json_array_get(p->runs, 0), *value;
    char *label = NULL;
    size_t size;
    FILE *out = open_memstream(&label, &size);
    const char *key, *separator = "";
    if (!out)
        return NULL;
    json_object_foreach (json_object_get(run, "point"), key, value) {
        if (!is_axis(g, key)) {
            char *plain = json_is_string(value) ? strdup(json_string_value(value))
                                                : json_dumps(value, JSON_ENCODE_ANY);
            fprintf(out, "%s%s=%s", separator, plot_short_key(key), plain ? plain : "?");
            free(plain);
            separator = " ";
        }
    }
    if (!*separator)
        fputs(document_text(run, "flavor"), out);
    return fclose(out) == 0 ? label : NULL;
}

/* "place", then median, smallest and largest of p50 and p99 over the repeats, if it has them. */
static void write_row(struct drawing *g, struct point *of_line, struct point *p, FILE *out)
{
    struct repeats p50, p99;

    if (!plot_repeats(g, p, "50", &p50) || !plot_repeats(g, p, "99", &p99) || p50.median == 0)
        return;
    fprintf(out, "%.9g %.9g %.9g %.9g %.9g %.9g %.9g\n", place_of(g, p), p50.median, p50.smallest,
            p50.largest, p99.median, p99.smallest, p99.largest);
    plot_note_range(g, p50.smallest);
    plot_note_range(g, p99.largest);
    g->first = fmin(g->first, place_of(g, p));
    g->last = fmax(g->last, place_of(g, p));
    of_line->rows++;
}

void plot_write_over_axis(struct drawing *g, struct point *p, FILE *out)
{
    char *line = line_of(g, p);
    if (!line || place_of(g, p) == 0) {
        free(line);
        return;
    }
    for (size_t i = 0; i < g->count; i++) {
        char *other = line_of(g, &g->points[i]);
        bool same = other && strcmp(line, other) == 0 && place_of(g, &g->points[i]) > 0;
        free(other);
        if (same && &g->points[i] < p)
            break; /* it is in that one's file */
        if (same)
            write_row(g, p, &g->points[i], out);
    }
    snprintf(p->legend, sizeof p->legend, "%.90s", line);
    free(line);
}
