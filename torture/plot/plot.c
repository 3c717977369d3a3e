/* The pictures of a result: which there are, and what their scripts are told. A script in plots/
 * gets one data file for each point of the sweep.
 */
#include "plot.h"

#include "canvas.h"
#include "plot_data.h"
#include "torture/record/options.h"
#include "torture/record/workload.h"
#include "torture/result/part.h"
#include "torture/scenario/document.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void write_caption(struct drawing *g, FILE *out)
{
    char *caption = plot_caption(g->result);

    canvas_text(out, "caption", caption);
    free(caption);
}

/* "quick, seed 7, 3 runs of each" */
static void write_subject(struct drawing *g, FILE *out)
{
    const char *name = document_text(json_object_get(g->result, "scenario"), "name");
    size_t repeats = g->count > 0 ? json_array_size(g->points[0].runs) : 1;
    char times[96] = "", more[48] = "", *subject;
    if (repeats > 1)
        snprintf(times, sizeof times,
                 ", %zu runs of each: median, and a band from the least to the most", repeats);
    if (g->left_out > 0)
        snprintf(more, sizeof more, "; the first %d points only", POINTS_MAX);
    if (asprintf(&subject, "%s%sseed %.0f%s%s%s", name, *name ? ", " : "",
                 plot_number(g->result, "seed"), times, more, plot_doubt(g->result)) >= 0) {
        canvas_text(out, "subject", subject);
        free(subject);
    }
}

struct picture {
    const char *name; /* of the script in plots/, and of the files made */
    const char *heading;
    /* Of a picture of the headline latency, when that is not a grace period: what stands around its
     * name, and the heading when points have different ones. */
    const char *before, *after, *of_several;
    void (*write)(struct drawing *, struct point *, FILE *);
};

/* The headline's row when it has words of its own for tables and pictures, else NULL. */
static const struct measure *with_heading(struct drawing *g)
{
    const struct measure *m = g->latency ? measure_named(g->latency) : NULL;

    return m && m->heading ? m : NULL;
}

/* A picture is called as its script; of the headline it begins with what that is called instead:
 * "latency-ccdf", "gp-wait-ccdf" for "gp-latency-ccdf". */
static void file_name(struct drawing *g, const struct picture *picture, const char *format,
                      char *name, size_t size)
{
    const struct measure *m = with_heading(g);
    const char *begins = !picture->before ? "" : m ? m->files : g->gp ? "gp-latency" : "latency";

    snprintf(name, size, "%s%s.%s", begins,
             picture->name + (picture->before ? strlen("gp-latency") : 0), format);
}

static void write_heading(struct drawing *g, const struct picture *picture, FILE *out)
{
    const struct measure *m = with_heading(g);
    char *heading;

    if (!picture->before || (g->gp && !m)) {
        canvas_text(out, "heading", picture->heading);
    } else if (!g->latency) {
        canvas_text(out, "heading", picture->of_several);
    } else if (asprintf(&heading, "%s%s%s", picture->before, m ? m->called : g->latency,
                        picture->after) >= 0) {
        if (m)
            heading[0] = (char)toupper((unsigned char)heading[0]);
        canvas_text(out, "heading", heading);
        free(heading);
    }
}

/* What the headline latency is called on an axis. */
static const char *latency_words(struct drawing *g)
{
    if (!g->latency)
        return "the latency that the line is named after";
    const struct measure *m = measure_named(g->latency);

    return m && m->called ? m->called : g->latency;
}

static void write_latency(struct drawing *g, FILE *out)
{
    const struct measure *m = with_heading(g);

    canvas_text(out, "latency", latency_words(g));
    canvas_text(out, "values", m ? m->samples : g->gp ? "grace periods" : "values");
    canvas_text(out, "nothing",
                g->lost ? "nothing that counts"
                : g->gp ? "no grace period ended"
                        : "nothing was measured");
}

static void write_names(FILE *out, const char *array, char *const *names, size_t count)
{
    fprintf(out, "array %s[%zu]\n", array, count > 0 ? count : 1);
    for (size_t i = 0; i < count; i++) {
        char name[32];
        snprintf(name, sizeof name, "%s[%zu]", array, i + 1);
        canvas_text(out, name, names[i] ? names[i] : "");
    }
}

/* Which line of which panel each point is. */
static void write_layout(struct drawing *g, FILE *out)
{
    size_t repeats = g->count > 0 ? json_array_size(g->points[0].runs) : 1;

    fprintf(out, "panels = %zu\nlines = %zu\ncolumns = %zu\ngrid = %d\nalone = %d\nbanded = %d\n",
            g->panel_count, g->line_count, g->columns, g->grid, g->alone, repeats > 1);
    canvas_text(out, "line_key", g->key ? plot_short_key(g->key) : "");
    write_names(out, "panel_title", g->panels, g->panel_count);
    write_names(out, "line_name", g->lines, g->line_count);
    fprintf(out, "array panel[%zu]\narray line[%zu]\n", g->count, g->count);
    for (size_t i = 0; i < g->count; i++)
        fprintf(out, "panel[%zu] = %zu\nline[%zu] = %zu\n", i + 1, g->points[i].panel + 1, i + 1,
                g->points[i].line + 1);
}

/* What may be waited for, and which of it is to be seen. */
static void write_causes(struct drawing *g, FILE *out)
{
    const struct measure *m = g->explained;
    size_t count = m ? m->cause_count : 0;

    fprintf(out, "cause_count = %zu\narray cause[%zu]\narray seen[%zu]\n", count, count + 1,
            count + 1);
    for (size_t i = 0; i < count; i++) {
        char name[32];

        snprintf(name, sizeof name, "cause[%zu]", i + 1);
        canvas_text(out, name, m->causes[i].words);
        fprintf(out, "seen[%zu] = %d\n", i + 1, (g->causes_seen >> i & 1) != 0);
    }
}

/* What the places on an axis are called, where it is not one of numbers. */
static void write_places(struct drawing *g, FILE *out)
{
    const struct option *choice = plot_axis_choice(g);
    char **words = choice ? option_choices(choice) : NULL;
    size_t count = 0;

    while (words && words[count])
        count++;
    fprintf(out, "array place[%zu]\n", count + 1);
    for (size_t i = 0; i < count; i++) {
        char *called = plot_place_name(g, words[i]), name[32];

        snprintf(name, sizeof name, "place[%zu]", i + 1);
        canvas_text(out, name, called);
        free(called);
    }
    free(words);
}

/* Everything that a script may use, in order: each script names what it needs. */
static void write_variables(struct drawing *g, const struct picture *picture, FILE *out)
{
    write_heading(g, picture, out);
    write_subject(g, out);
    write_caption(g, out);
    write_latency(g, out);
    canvas_text(out, "key_title", g->swept ? plot_short_key(g->swept) : "");
    fprintf(out, "lowest = %.9g\nhighest = %.9g\nfirst_place = %.9g\nlast = %.9g\ncount = %zu\n",
            g->low, g->high, fmin(g->first, g->last), fmax(g->last, 1e-3), g->count);
    write_places(g, out);
    write_layout(g, out);
    static const char *const arrays[] = {"label", "file", "rows", "total", "longest", "least"};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        fprintf(out, "array %s[%zu]\n", arrays[i], g->count);
    int columns = plot_columns_of(plot_short_key(g->swept));
    for (size_t i = 0; i < g->count; i++) {
        struct point *p = &g->points[i];
        char name[32];
        snprintf(name, sizeof name, "label[%zu]", i + 1);
        canvas_text(out, name, p->legend);
        snprintf(name, sizeof name, "file[%zu]", i + 1);
        canvas_text(out, name, p->file);
        fprintf(out,
                "rows[%zu] = %zu\ntotal[%zu] = %.0f.0\nlongest[%zu] = %.9g\nleast[%zu] = %.9g\n",
                i + 1, p->rows, i + 1, p->total, i + 1, p->longest, i + 1, p->least);
        int width = plot_columns_of(p->legend);
        columns = width > columns ? width : columns;
    }
    fprintf(out, "key_columns = %d\n", columns);
    write_causes(g, out);
}

/* Puts the part's name in front where an earlier part has a file of that name. */
static void name_apart(struct drawing *g, char *file, size_t size)
{
    json_t *other;
    size_t i;

    json_array_foreach (g->made, i, other)
        if (g->part && strcmp(json_string_value(other), file) == 0) {
            char *apart;

            if (asprintf(&apart, "%s-%s", g->part, file) >= 0) {
                snprintf(file, size, "%s", apart);
                free(apart);
            }
            return;
        }
}

struct described {
    struct drawing *drawing;
    const struct picture *picture;
};

static void describe(void *context, FILE *out)
{
    const struct described *it = context;

    write_variables(it->drawing, it->picture, out);
}

static bool render(struct drawing *g, const struct picture *picture, const char *format)
{
    struct described it = {g, picture};
    char file[96];

    file_name(g, picture, format, file, sizeof file);
    name_apart(g, file, sizeof file);
    return canvas_draw(g->canvas, picture->name, file, format, describe, &it);
}

static void reset_point(struct drawing *g, const struct picture *picture, struct point *p)
{
    free(p->file);
    p->file = NULL;
    p->rows = 0;
    p->total = p->longest = p->least = 0;
    if (picture->before && !g->latency && p->latency)
        snprintf(p->legend, sizeof p->legend, "%.60s: %.40s", p->label, p->latency);
    else
        snprintf(p->legend, sizeof p->legend, "%.60s", p->label);
}

/* Writes the data of each point and draws the picture, if there are any. */
static bool draw(struct drawing *g, const struct picture *picture)
{
    g->picture = picture->name;
    g->low = g->first = INFINITY;
    g->high = g->last = 0;
    g->lost = false;
    size_t rows = 0;
    for (size_t i = 0; i < g->count; i++) {
        struct point *p = &g->points[i];
        reset_point(g, picture, p);
        char name[64];
        FILE *out;

        snprintf(name, sizeof name, "%s-%zu", picture->name, i);
        out = canvas_data(g->canvas, name, &p->file);
        if (!out)
            return false;
        picture->write(g, p, out);
        if (!canvas_data_end(g->canvas, out, p->file))
            return false;
        rows += p->rows;
    }
    if (rows == 0)
        return true;
    return render(g, picture, "svg") && render(g, picture, "png");
}

/* True also when there is nothing to show. */
static bool draw_table(struct drawing *g, const struct workload *w)
{
    struct canvas c = {.directory = g->directory, .made = g->made, .d = g->d};
    bool written, any = false, kept;
    char *unfinished, file[96];
    FILE *out;

    snprintf(file, sizeof file, "%s", w->distribution->file);
    name_apart(g, file, sizeof file);
    if (asprintf(&unfinished, "%s/.%s.%d", g->directory, file, (int)getpid()) < 0)
        return false;
    out = fopen(unfinished, "we");
    written = out != NULL;
    if (out) {
        any = plot_write_table(g, w, out);
        written = fflush(out) == 0 && fsync(fileno(out)) == 0;
        written = fclose(out) == 0 && written;
    }
    if (!written)
        diagnose(g->d, "%s: cannot be written: %s", g->directory, strerror(errno));
    kept = written && any && canvas_keep(&c, unfinished, file);
    if (!kept)
        unlink(unfinished);
    free(unfinished);
    return written && (kept || !any);
}

static bool draw_tables(struct drawing *g)
{
    bool drawn = true;

    for (const struct workload *const *w = workloads; *w; w++)
        if ((*w)->distribution)
            drawn = draw_table(g, *w) && drawn;
    return drawn;
}

static const struct picture pictures[] = {
    {.name = "gp-latency-ccdf",
     .heading = "How often a grace period takes longer than x",
     .before = "How often ",
     .after = " takes longer than x",
     .of_several = "How often a latency takes longer than x",
     .write = plot_write_ccdf},
    {.name = "gp-latency-over-time",
     .heading = "Grace-period latency over time",
     .before = "",
     .after = " over time",
     .of_several = "Latencies over time",
     .write = plot_write_over_time},
    {.name = "read-side", .heading = "What a read section costs", .write = plot_write_read_side},
    {.name = "gp-wait-causes",
     .heading = "What the slowest 1 % of requests waited for",
     .write = plot_write_causes},
    {.name = "memory-over-time",
     .heading = "What callbacks that have not run hold back, and what the process takes",
     .write = plot_write_amounts},
    {.name = "exclusive-latency",
     .heading = "How long start_exclusive() takes",
     .write = plot_write_over_axis},
    {.name = "gp-placement",
     .heading = "How long a grace period takes, from call to return, by placement",
     .write = plot_write_over_axis},
};

static bool draw_all(struct drawing *g)
{
    struct canvas canvas;
    bool drawn = true;

    if (!canvas_open(&canvas, g->directory, g->made, g->d))
        return false;
    g->canvas = &canvas;
    for (size_t i = 0; i < sizeof pictures / sizeof *pictures; i++)
        drawn = draw(g, &pictures[i]) && drawn;
    g->canvas = NULL;
    canvas_close(&canvas);
    return drawn;
}

static bool plot_part(json_t *part, const char *name, const char *directory, json_t *made,
                      struct diagnostics *d)
{
    struct drawing g = {.result = part, .part = name, .directory = directory, .made = made, .d = d};
    bool written, drawn;

    plot_collect_points(&g);
    written = draw_tables(&g);
    drawn = draw_all(&g);
    plot_free_points(&g);
    return written && drawn;
}

bool plot_result(json_t *result, const char *directory, json_t *made, struct diagnostics *d)
{
    bool good = true;
    json_t *part;

    if (access(directory, W_OK | X_OK) != 0) {
        diagnose(d, "%s: no picture can be written there: %s", directory, strerror(errno));
        return false;
    }
    for (size_t i = 0; good && (part = result_part(result, i)); i++) {
        good = plot_part(part, result_part_name(result, i), directory, made, d);
        json_decref(part);
    }
    return good;
}
