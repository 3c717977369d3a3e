/* The slowest of a workload's requests, with what each waited for: slowest.c.
 *
 * A bounded number is kept, and given to the driver when the run has ended.
 */
#ifndef STILLPOINT_SLOWEST_H
#define STILLPOINT_SLOWEST_H

#include "thread.h"

#include <jansson.h>

#define SLOW_KEPT   1024 /* above the 99th percentile of 100 000 requests */
#define SLOW_CAUSES 16

/* In nanoseconds, by cause: rows of the causes of its latency. */
struct slow {
    int64_t ns;
    int64_t ended_ns; /* CLOCK_MONOTONIC */
    int64_t own[SLOW_CAUSES];
    int64_t queued[SLOW_CAUSES]; /* of what it was queued behind */
    int thread[SLOW_CAUSES];     /* index of the thread which that was, -1: none of the run's */
};

struct slowest *slowest_open(void);
void slowest_close(struct slowest *slowest);

/* Whether one that took so long would be kept. Any thread. */
bool torture_is_slow(const struct torture_thread *t, int64_t ns);
/* Keeps it, if it still is one of the slowest. Any thread; takes a lock. */
void torture_slow(struct torture_thread *t, const struct slow *s);
/* The index of the thread with that id, or -1. */
int torture_thread_with_id(const struct torture_thread *t, int thread_id);

/* The event for the driver. After all threads have ended. */
json_t *slowest_describe(const struct instance *in);

#endif
