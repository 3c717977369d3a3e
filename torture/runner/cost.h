/* What the threads of benchmarks cost while they are measured, and the grace periods that they wait
 * for: CPU time, and what the kernel counts of each thread.
 *
 * The main thread reads all of it, once when the warm-up ends and once when the run does; the
 * threads themselves call nothing for it.
 */
#ifndef STILLPOINT_COST_H
#define STILLPOINT_COST_H

#include "thread.h"

#include <jansson.h>
#include <pthread.h>

/* NULL, which all below take as well, where no workload is a benchmark. => All threads wait at the
 * gate. `config`: of the run, with how long its warm-up is. */
struct cost *cost_open(const struct torture_thread *threads, const pthread_t *handles, size_t count,
                       json_t *config);
/* The gate opens now. `duration_ns`: 0: until the driver says. */
void cost_start(struct cost *c, int64_t duration_ns);
/* Once a turn: what comes before the end of the warm-up does not count. */
void cost_turn(struct cost *c);
/* Nor does what comes after. => The threads are not joined. */
void cost_stop(struct cost *c);
/* Between the two; NULL: nothing is measured. */
json_t *cost_describe(const struct cost *c);
void cost_close(struct cost *c);

#endif
