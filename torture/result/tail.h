/* Where the time of the slowest requests went: "tail" of a run. */
#ifndef STILLPOINT_TAIL_H
#define STILLPOINT_TAIL_H

#include <jansson.h>
#include <stdint.h>

/* `slowest` is the runner's event, `latency` the run's, `threads` has the names. Requests that were
 * answered before since_ns (CLOCK_MONOTONIC) do not count. NULL when none is left. */
json_t *tail_of_run(json_t *slowest, json_t *latency, json_t *threads, int64_t since_ns);

#endif
