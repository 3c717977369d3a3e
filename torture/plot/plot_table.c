/* A distribution of counters as a table of text: how often a reader saw an object of each age. */
#include "plot_data.h"

#include "torture/record/workload.h"
#include "torture/result/report.h"

#include <stdlib.h>
#include <string.h>

int plot_columns_of(const char *utf8)
{
    int columns = 0;

    for (; *utf8; utf8++)
        columns += ((unsigned char)*utf8 & 0xc0) != 0x80;
    return columns;
}

/* Adds up the columns over the repeats of a point; returns one more than the highest known. */
static size_t add_columns(const struct workload *w, struct point *p, double *sums)
{
    size_t index, known = 0;
    json_t *run;

    json_array_foreach (p->runs, index, run) {
        json_t *counters = json_object_get(json_object_get(run, "counters"), w->name);

        for (size_t i = 0; i < w->counter_count; i++) {
            json_t *counter;
            char name[48];

            snprintf(name, sizeof name, "%s%zu", w->distribution->prefix, i);
            counter = json_object_get(counters, name);
            if (!counter)
                continue;
            sums[i] += json_number_value(counter);
            known = i + 1 > known ? i + 1 : known;
        }
    }
    return known;
}

static void put_rows(struct drawing *g, const struct workload *w, const double *sums,
                     size_t columns, int width, FILE *out)
{
    const struct distribution *d = w->distribution;

    fprintf(out, "%s\n%-*s", d->text, width, *g->swept ? plot_short_key(g->swept) : "point");
    for (size_t i = 0; i < columns; i++)
        fprintf(out, "  %*s %zu", i < d->expected ? 14 : 6, d->column, i);
    fputc('\n', out);
    for (size_t row = 0; row < g->count; row++) {
        const char *label = g->points[row].label;

        fprintf(out, "%s%*s", label, width - plot_columns_of(label), "");
        for (size_t i = 0; i < columns; i++) {
            int room = i < d->expected ? 16 : i < 10 ? 8 : 9;
            char figure[32];

            fprintf(out, "  %*s", room,
                    report_grouped((uint64_t)sums[row * w->counter_count + i], figure));
        }
        fputc('\n', out);
    }
}

bool plot_write_table(struct drawing *g, const struct workload *w, FILE *out)
{
    double *sums = calloc(g->count * w->counter_count + 1, sizeof *sums);
    int width = plot_columns_of(plot_short_key(g->swept));
    size_t columns = 0;

    width = width > 5 ? width : 5;
    for (size_t i = 0; sums && i < g->count; i++) {
        size_t known = add_columns(w, &g->points[i], &sums[i * w->counter_count]);
        int label = plot_columns_of(g->points[i].label);

        columns = known > columns ? known : columns;
        width = label > width ? label : width;
    }
    if (columns > 0)
        put_rows(g, w, sums, columns, width, out);
    free(sums);
    return columns > 0;
}
