/* The time series of a run: its intervals, few enough to be kept. Where there are too many, each
 * two become one, with what they measured together. */
#ifndef STILLPOINT_SERIES_H
#define STILLPOINT_SERIES_H

#include "torture/record/histogram.h"

#include <jansson.h>
#include <stdbool.h>

struct series {
    size_t most;       /* intervals; 0: all are kept */
    double begin_s;    /* where the first begins */
    json_t *intervals; /* as a result has them, with packed buckets as long as they may be joined */
    struct tally *joined; /* scratch */
};

void series_open(struct series *s, size_t most);
void series_close(struct series *s);
/* Takes over an interval event, of which each latency has its "delta". True when intervals have
 * been joined: those to come should be twice as long. */
bool series_add(struct series *s, json_t *event);
/* The "intervals" of a result; nothing can be added afterwards. Borrowed. */
json_t *series_describe(struct series *s);
/* How many interval events a run of that length has at most. */
double series_events(double seconds, double step_s, size_t most);

#endif
