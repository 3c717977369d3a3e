/* The figures by which two sides are compared; metric.c.
 *
 * Of each point the headline latency's median and 99th percentile, and what the scenario's budgets
 * name; or those that were asked for.
 */
#ifndef STILLPOINT_METRIC_H
#define STILLPOINT_METRIC_H

#include "side.h"

#include <stdbool.h>

/* One figure at one point, with its value in each run of the point, in the order of the runs: NAN
 * where a run has none that counts. */
struct metric {
    char *name;  /* as budgets name it: "gp.wait.p99" */
    char *label; /* of the point; "" when there is only one */
    json_t *point;
    double *base, *fresh;
    size_t base_count, fresh_count;
};

struct metrics {
    struct metric *all;
    size_t count;
};

/* Those of `base`, and what `fresh` has of the same. `wanted`: a NULL-ended list of names; NULL:
 * see above. */
void metrics_collect(struct metrics *m, const struct side *base, const struct side *fresh,
                     const char *const *wanted);
void metrics_free(struct metrics *m);

/* Whether a larger figure is the better one: it counts what was done in a second. */
bool metric_more_is_better(const char *name);
/* Whether it is a time, in nanoseconds. */
bool metric_is_time(const char *name);
/* "1.21 ms", "812 k"; the buffer holds at least 32 bytes. */
const char *metric_text(const char *name, double value, char *buffer);

#endif
