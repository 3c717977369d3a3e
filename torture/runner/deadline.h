/* The end of a run, and the time in which its process stood still: told by the main thread, which
 * sleeps beside the others. So the length of a run depends on nobody else. */
#ifndef STILLPOINT_DEADLINE_H
#define STILLPOINT_DEADLINE_H

#include "torture/record/shared.h"

struct deadline {
    struct shared_header *shared;
    int64_t end_ns; /* CLOCK_MONOTONIC; 0: none */
    int cpus;       /* that the process may use */
    int account;    /* the main thread's waits for a CPU: cpu_wait_open() */
};

/* The gate opens now. `duration_ns`: 0: until the driver says. */
void deadline_start(struct deadline *t, struct shared_header *shared, int64_t duration_ns);
/* => Main thread. Sleeps for one tick, and says whether the run goes on: the deadline has not
 * passed, nor has the driver ended it. */
bool deadline_wait(struct deadline *t, int64_t tick_ns);
/* Tells the threads to end, as the driver does. */
void deadline_end(struct deadline *t);

#endif
