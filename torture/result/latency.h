/* Latencies as results and events have them. */
#ifndef STILLPOINT_LATENCY_H
#define STILLPOINT_LATENCY_H

#include "torture/record/histogram.h"

#include <jansson.h>

/* One latency as it stands in a result. */
json_t *latency_describe(const struct tally *t, const char *unit);
/* The buckets of an interval, [[bucket, n]...], and such a list back into a sum, for salvage. */
json_t *latency_delta(const struct tally *t);
void latency_add_delta(struct tally *t, json_t *delta);

#endif
