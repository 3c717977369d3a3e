/* Which latency of a result stands for it: in the table, in the pictures and in the status line. */
#ifndef STILLPOINT_HEADLINE_H
#define STILLPOINT_HEADLINE_H

#include <jansson.h>
#include <stdbool.h>

/* 0, 1, ... for what a grace period took, by the workloads' tables; far more for everything else,
 * of which the first in the order of the scenario's workloads and their measures comes first. */
unsigned headline_rank(const char *name);
bool headline_is_gp(const char *name);

/* Names of the latencies that the runs of a result have, best first: the first one is the headline.
 * Those that a passed run has stand before the others. A new array, empty when nothing was
 * measured. */
json_t *headline_order(json_t *result);
/* The headline of one run: the first of the order that it has; NULL when it has none. A result
 * about grace periods has no other headline in any of its runs. */
const char *headline_of(json_t *order, json_t *run);
/* Of the ranked ones the best that all those runs have that have any: one picture never mixes what
 * a grace period took from its start, and all of the wait where a flavor does not know when it
 * began. */
const char *headline_common(json_t *order, json_t *runs);

#endif
