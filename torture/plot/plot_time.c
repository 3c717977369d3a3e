/* Data of pictures over time: p50, p99 and maximum of each interval, over the repeats; amounts. */
#include "plot_data.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One interval of one repeat; its length is not written, so that its neighbours tell it. */
struct interval {
    double t, p50, p99, max;
};

static int by_time(const void *left, const void *right)
{
    double a = ((const struct interval *)left)->t, b = ((const struct interval *)right)->t;
    return a < b ? -1 : a > b;
}

/* Whether most of an interval does not count: what it measured says more about the machine. */
static bool is_lost(json_t *interval, double begin)
{
    return plot_number(interval, "lost_s") > (plot_number(interval, "t") - begin) / 2;
}

/* False: nothing was measured in it. Intervals may leave the unit to the latency of the run. */
static bool read_interval(struct point *p, json_t *run, json_t *written, struct interval *i)
{
    json_t *latency = plot_run_latency(written, p->latency);
    double scale =
        plot_to_ns(json_object_get(latency, "unit") ? latency : plot_run_latency(run, p->latency));

    *i = (struct interval){.t = plot_number(written, "t"),
                           .p50 = fmax(plot_number(latency, "p50") * scale, scale),
                           .p99 = fmax(plot_number(latency, "p99") * scale, scale),
                           .max = fmax(plot_number(latency, "max") * scale, scale)};
    return plot_number(latency, "count") > 0 && isfinite(i->t + i->p50 + i->p99 + i->max);
}

/* The usual distance between two ends of intervals of a repeat, s. */
static double usual_step(struct point *p)
{
    double *steps = NULL, step;
    size_t count = 0, i, j;
    json_t *run, *written;

    json_array_foreach (p->runs, i, run) {
        json_t *list = json_object_get(run, "intervals");
        double before = NAN;

        steps = realloc(steps, (count + json_array_size(list) + 1) * sizeof *steps);
        if (!steps)
            abort();
        json_array_foreach (list, j, written) {
            double t = plot_number(written, "t");

            if (t > before)
                steps[count++] = t - before;
            before = t;
        }
    }
    step = count > 0 ? plot_median(steps, count).median : 1;
    free(steps);
    return step;
}

static void put_figure(FILE *out, const struct interval *same, size_t count, size_t offset,
                       double *room)
{
    struct repeats r;

    for (size_t i = 0; i < count; i++)
        memcpy(&room[i], (const char *)&same[i] + offset, sizeof *room);
    r = plot_median(room, count);
    fprintf(out, " %.9g %.9g %.9g", r.median, r.smallest, r.largest);
}

/* The intervals of one moment: "second p50 smallest largest p99 ... max ...". */
static void put_moment(struct drawing *g, struct point *p, const struct interval *same,
                       size_t count, double *room, FILE *out)
{
    fprintf(out, "%.9g", same[count / 2].t);
    put_figure(out, same, count, offsetof(struct interval, p50), room);
    put_figure(out, same, count, offsetof(struct interval, p99), room);
    put_figure(out, same, count, offsetof(struct interval, max), room);
    fputc('\n', out);
    for (size_t i = 0; i < count; i++) {
        plot_note_range(g, same[i].p50);
        plot_note_range(g, same[i].max);
    }
    p->rows++;
}

/* An empty line where intervals are missing in all repeats, so that no line crosses the gap. */
static void put_moments(struct drawing *g, struct point *p, const struct interval *all,
                        size_t count, double step, FILE *out)
{
    double *room = calloc(count + 1, sizeof *room);

    for (size_t i = 0, end; room && i < count; i = end) {
        end = i + 1;
        while (json_array_size(p->runs) > 1 && end < count && all[end].t < all[i].t + step / 2)
            end++;
        if (i > 0 && all[i].t - all[i - 1].t > 1.75 * step)
            fputc('\n', out);
        put_moment(g, p, &all[i], end - i, room, out);
    }
    free(room);
}

void plot_write_over_time(struct drawing *g, struct point *p, FILE *out)
{
    struct interval *all = NULL;
    size_t count = 0, i, j;
    json_t *run, *written;

    json_array_foreach (p->runs, i, run) {
        json_t *list = json_object_get(run, "intervals");
        double begin = 0;

        all = realloc(all, (count + json_array_size(list) + 1) * sizeof *all);
        if (!all)
            abort();
        json_array_foreach (list, j, written) {
            double t = plot_number(written, "t");
            bool lost = is_lost(written, begin);

            g->last = isfinite(t) ? fmax(g->last, t) : g->last;
            g->lost = g->lost || lost;
            count += !lost && read_interval(p, run, written, &all[count]);
            begin = t;
        }
    }
    if (count > 0)
        qsort(all, count, sizeof *all, by_time);
    put_moments(g, p, all, count, usual_step(p), out);
    free(all);
}

static void put_amounts(struct drawing *g, struct point *p, json_t *run, json_t *interval,
                        FILE *out)
{
    json_t *latency;
    const char *name;

    fprintf(out, "%.9g", plot_number(interval, "t"));
    json_object_foreach (json_object_get(run, "latency"), name, latency) {
        double most = plot_number(plot_run_latency(interval, name), "max");

        if (!plot_draws(g, name))
            continue;
        fprintf(out, " %.9g", most);
        plot_note_range(g, most);
    }
    fputc('\n', out);
    g->last = fmax(g->last, plot_number(interval, "t"));
    p->rows++;
}

void plot_write_amounts(struct drawing *g, struct point *p, FILE *out)
{
    double step = usual_step(p);
    json_t *run, *interval;
    size_t i, j;

    json_array_foreach (p->runs, i, run) {
        double before = INFINITY;

        if (!plot_pictured(g, run))
            continue;
        json_array_foreach (json_object_get(run, "intervals"), j, interval) {
            double t = plot_number(interval, "t");

            if (t - before > 1.75 * step)
                fputc('\n', out);
            put_amounts(g, p, run, interval, out);
            before = t;
        }
        fputc('\n', out);
    }
}
