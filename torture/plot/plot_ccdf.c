/* Data of a picture of distributions: how much of a point is longer than x. */
#include "plot_data.h"

#include "torture/result/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct bucket {
    double low, high, count;
};

/* One repeat's distribution, and how far a walk along it has come. */
struct distribution_of {
    struct bucket *buckets;
    size_t count, at;
    double total, left, longest, unit_ns;
};

static int by_bound(const void *left, const void *right)
{
    const struct bucket *a = left, *b = right;
    return a->high < b->high ? -1 : a->high > b->high;
}

static void read_repeat(struct distribution_of *r, json_t *latency)
{
    json_t *entries = json_object_get(latency, "buckets"), *entry;
    double scale = plot_to_ns(latency);
    size_t i;

    *r = (struct distribution_of){
        .unit_ns = scale, .buckets = calloc(json_array_size(entries) + 1, sizeof *r->buckets)};
    json_array_foreach (entries, i, entry) {
        struct bucket b = {json_number_value(json_array_get(entry, 0)) * scale,
                           json_number_value(json_array_get(entry, 1)) * scale,
                           json_number_value(json_array_get(entry, 2))};
        if (r->buckets && b.count > 0) {
            r->buckets[r->count++] = b;
            r->total += b.count;
        }
    }
    if (r->count == 0)
        return;
    qsort(r->buckets, r->count, sizeof *r->buckets, by_bound);
    r->left = r->total;
    r->longest = plot_number(latency, "max") * scale;
    if (r->longest <= 0)
        r->longest = r->buckets[r->count - 1].high;
    r->longest = fmax(r->longest, scale);
}

/* Where the fraction of this repeat falls next: the last bucket ends at the longest of all. */
static double next_bound(const struct distribution_of *r)
{
    if (r->at >= r->count)
        return INFINITY;
    if (r->at + 1 == r->count)
        return r->longest;
    return fmin(fmax(r->buckets[r->at].high, r->unit_ns), r->longest);
}

/* "median smallest largest" of what is longer than x in each repeat. */
static struct repeats fractions(const struct distribution_of *r, size_t count, double *room)
{
    for (size_t i = 0; i < count; i++)
        room[i] = r[i].left / r[i].total;
    return plot_median(room, count);
}

struct walk {
    FILE *out;
    struct point *p;
    double x;
    struct repeats at; /* x */
};

/* A stair: to the next x, then down. Where less than one value is left, a line is below all. */
static void step_to(struct walk *w, double x, struct repeats next)
{
    const double below = 1e-15;

    fprintf(w->out, "%.9g %.9g %.9g %.9g\n", x, w->at.median > 0 ? w->at.median : NAN,
            fmax(w->at.smallest, below), fmax(w->at.largest, below));
    fprintf(w->out, "%.9g %.9g %.9g %.9g\n", x, next.median > 0 ? next.median : NAN,
            fmax(next.smallest, below), fmax(next.largest, below));
    if (w->at.median > 0 && next.median <= 0) {
        w->p->longest = x;
        w->p->least = w->at.median;
    }
    w->x = x;
    w->at = next;
    w->p->rows += 2;
}

static bool has_fallen(const struct repeats *next, const struct repeats *at)
{
    return next->median < at->median * 0.99 || next->smallest < at->smallest * 0.99 ||
           next->largest < at->largest * 0.99;
}

/* What would be drawn on the same pixel is left out. */
static void walk_down(struct walk *w, struct distribution_of *r, size_t count, double *room)
{
    for (;;) {
        double x = INFINITY;
        struct repeats next;
        bool last = true;

        for (size_t i = 0; i < count; i++)
            x = fmin(x, next_bound(&r[i]));
        if (isinf(x))
            return;
        for (size_t i = 0; i < count; i++) {
            while (next_bound(&r[i]) <= x)
                r[i].left -= r[i].buckets[r[i].at++].count;
            last = last && r[i].at == r[i].count;
        }
        next = fractions(r, count, room);
        if (last || x > w->x * 1.003 || has_fallen(&next, &w->at))
            step_to(w, fmax(x, w->x), next);
    }
}

/* Lines "x fraction-longer-than-x smallest largest": the median over the repeats, and its band. */
static void write_walk(struct drawing *g, struct point *p, struct distribution_of *r, size_t count,
                       FILE *out)
{
    double *room = calloc(count + 1, sizeof *room);
    struct walk w = {.out = out, .p = p, .x = INFINITY, .at = {1, 1, 1}};

    for (size_t i = 0; i < count; i++) {
        w.x = fmin(w.x, fmax(r[i].buckets[0].low, r[i].unit_ns));
        plot_note_range(g, r[i].longest);
    }
    plot_note_range(g, w.x);
    fprintf(out, "%.9g 1 1 1\n", w.x);
    p->rows++;
    if (room)
        walk_down(&w, r, count, room);
    free(room);
}

void plot_write_ccdf(struct drawing *g, struct point *p, FILE *out)
{
    size_t repeats = json_array_size(p->runs), index, count = 0, length = strlen(p->legend);
    struct distribution_of *r = calloc(repeats + 1, sizeof *r);
    char figure[32];
    json_t *run;

    json_array_foreach (p->runs, index, run) {
        if (!r)
            return;
        read_repeat(&r[count], plot_run_latency(run, p->latency));
        p->total += r[count].total;
        if (r[count].count > 0)
            count++;
        else
            free(r[count].buckets);
    }
    if (count > 0)
        write_walk(g, p, r, count, out);
    snprintf(p->legend + length, sizeof p->legend - length, "  (%s)",
             count > 0 ? report_grouped((uint64_t)p->total, figure) : "none");
    for (size_t i = 0; i < count; i++)
        free(r[i].buckets);
    free(r);
}
