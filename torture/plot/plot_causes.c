/* What the slowest requests waited for. */
#include "plot_data.h"

#include "torture/record/workload.h"
#include "torture/scenario/document.h"

/* A smaller share is too narrow to be seen, and its cause has no place in the legend. */
#define LEAST_SHOWN 0.005

/* The time of all of a point's repeats that is due to a cause. */
static double time_of(struct point *p, const char *cause)
{
    double ns = 0;
    json_t *run;
    size_t i;

    json_array_foreach (p->runs, i, run) {
        json_t *causes = json_object_get(json_object_get(run, "tail"), "causes");

        ns += plot_number(json_object_get(causes, cause), "ns");
    }
    return ns;
}

void plot_write_causes(struct drawing *g, struct point *p, FILE *out)
{
    json_t *tail = json_object_get(json_array_get(p->runs, 0), "tail");
    const struct measure *m = measure_named(document_text(tail, "latency"));
    double total = 0, from = 0;

    if (!m || !m->causes)
        return;
    g->explained = m;
    plot_note_range(g, 1); /* fractions */
    for (size_t i = 0; i < m->cause_count; i++)
        total += time_of(p, m->causes[i].name);
    for (size_t i = 0; i < m->cause_count; i++) {
        double share = total > 0 ? time_of(p, m->causes[i].name) / total : 0;

        if (share <= 0)
            continue;
        fprintf(out, "%zu %.9g %.9g\n", i + 1, from, from + share);
        from += share;
        p->rows++;
        if (share >= LEAST_SHOWN)
            g->causes_seen |= 1U << i;
    }
}
