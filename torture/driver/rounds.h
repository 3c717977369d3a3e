/* The runs of an invocation, one after the other. */
#ifndef STILLPOINT_ROUNDS_H
#define STILLPOINT_ROUNDS_H

#include "driver.h"
#include "execution.h"

/* Bytes of events before a round; of more only those of the runs that are kept stay. */
#define MOST_EVENTS (64L << 20)

/* Runs the plans, over and over with --until-failure. False when nothing could be run; what was run
 * before something broke is kept. */
bool rounds_run(const struct driver_options *o, struct invocation *inv,
                const struct run_plan *plans, size_t count, json_t *runs, json_t *reasons,
                struct diagnostics *d);

#endif
