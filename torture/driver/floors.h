/* Runs the reference of "floors": who shows, before a point's first run, what can be done there. */
#ifndef STILLPOINT_FLOORS_H
#define STILLPOINT_FLOORS_H

#include "execution.h"

/* The "floor" of the plan's run, or NULL when it has none. Runs the reference first, unless it has
 * run the same: points that differ in settings of the library have one reference. */
json_t *floors_measure(struct invocation *inv, const struct run_plan *plan, struct diagnostics *d);
/* How long the references of all plans take. */
double floors_duration_s(const struct run_plan *plans, size_t count);

#endif
