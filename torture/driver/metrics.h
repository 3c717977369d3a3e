/* Latencies and counters of one run over time, collected from its mapping. */
#ifndef STILLPOINT_METRICS_H
#define STILLPOINT_METRICS_H

#include "view.h"

struct metrics {
    const struct view *view;
    struct tally *baseline; /* per measure: at the end of the warm-up */
    struct tally *previous; /* at the end of the interval before */
    struct tally *scratch;  /* one */
    double baseline_s;
    uint64_t baseline_gps, previous_gps;
    double previous_s;
    double gp_rate;           /* of the last interval, per second */
    uint64_t headline_p99_ns; /* of the last interval; 0: nothing was measured in it */
};

void metrics_open(struct metrics *m, const struct view *v);
void metrics_close(struct metrics *m);
/* The warm-up ends now. */
void metrics_baseline(struct metrics *m, double now_s);
/* {"t", "gps_per_second", "latency": {NAME: {count, p50, p99, max, "delta": [[bucket, n]...]}}} of
 * what came since the call before. */
json_t *metrics_interval(struct metrics *m, double now_s);
/* The "latency" object of a run: all since the baseline. */
json_t *metrics_latency(struct metrics *m);
/* Grace periods since the start, by the library's count or, without one, by those measured. */
uint64_t metrics_gps(const struct view *v);

#endif
