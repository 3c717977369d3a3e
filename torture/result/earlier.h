/* Rounds without end: what is kept of runs that have nothing to tell. */
#ifndef STILLPOINT_EARLIER_H
#define STILLPOINT_EARLIER_H

#include <jansson.h>

/* Appends a run to the list; takes it. It stands from now on for an earlier one of the same point
 * and repeat that passed, measured or was skipped, which goes: the run has "earlier" with how many
 * there were, and their clean seconds. Of inconclusive ones the first hundred stay. */
void earlier_append(json_t *runs, json_t *run);
/* Seconds of clean runs that a run stands for. */
double earlier_clean_seconds(json_t *run);

#endif
