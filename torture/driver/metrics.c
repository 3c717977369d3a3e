#include "metrics.h"

#include "torture/result/headline.h"
#include "torture/result/latency.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

uint64_t metrics_gps(const struct view *v)
{
    uint64_t gps = 0;

    if (!view_statistic(v, "gps", &gps))
        gps = view_counter(v, "gps");
    return gps;
}

void metrics_open(struct metrics *m, const struct view *v)
{
    *m = (struct metrics){.view = v};
    m->baseline = calloc(v->measure_count + 1, sizeof *m->baseline);
    m->previous = calloc(v->measure_count + 1, sizeof *m->previous);
    m->scratch = calloc(1, sizeof *m->scratch);
}

void metrics_close(struct metrics *m)
{
    free(m->baseline);
    free(m->previous);
    free(m->scratch);
    *m = (struct metrics){.view = NULL};
}

void metrics_baseline(struct metrics *m, double now_s)
{
    for (size_t i = 0; i < m->view->measure_count; i++) {
        view_tally(m->view, i, &m->baseline[i]);
        m->previous[i] = m->baseline[i];
    }
    m->baseline_gps = m->previous_gps = metrics_gps(m->view);
    m->baseline_s = m->previous_s = now_s;
}

json_t *metrics_interval(struct metrics *m, double now_s)
{
    json_t *latency = json_object();
    uint64_t gps = metrics_gps(m->view);
    double length = now_s - m->previous_s;
    unsigned best = UINT_MAX;

    m->headline_p99_ns = 0;
    for (size_t i = 0; !m->view->distrusted && i < m->view->measure_count; i++) {
        const char *name = m->view->measures[i].name, *unit = m->view->measures[i].unit;
        struct tally *now = m->scratch, before = m->previous[i];

        view_tally(m->view, i, now);
        m->previous[i] = *now;
        tally_subtract(now, &before);
        if (now->count == 0)
            continue;
        if (headline_rank(name) < best && strcmp(unit, "bytes") != 0) {
            best = headline_rank(name);
            m->headline_p99_ns = tally_percentile(now, 99);
            if (strcmp(unit, "ps") == 0)
                m->headline_p99_ns = (m->headline_p99_ns + 999) / 1000;
        }
        json_object_set_new(latency, name,
                            json_pack("{sI sI sI sI so}", "count", (json_int_t)now->count, "p50",
                                      (json_int_t)tally_percentile(now, 50), "p99",
                                      (json_int_t)tally_percentile(now, 99), "max",
                                      (json_int_t)now->max, "delta", latency_delta(now)));
    }
    m->gp_rate = length > 0 ? (double)(gps - m->previous_gps) / length : 0;
    m->previous_gps = gps;
    m->previous_s = now_s;
    return json_pack("{sf sf so}", "t", now_s, "gps_per_second", m->gp_rate, "latency", latency);
}

json_t *metrics_latency(struct metrics *m)
{
    json_t *latency = json_object();

    for (size_t i = 0; !m->view->distrusted && i < m->view->measure_count; i++) {
        view_tally(m->view, i, m->scratch);
        tally_subtract(m->scratch, &m->baseline[i]);
        if (m->scratch->count > 0)
            json_object_set_new(latency, m->view->measures[i].name,
                                latency_describe(m->scratch, m->view->measures[i].unit));
    }
    return latency;
}
