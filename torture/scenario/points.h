/* The points of a sweep: what each is called, and what a run config is there. */
#ifndef STILLPOINT_POINTS_H
#define STILLPOINT_POINTS_H

#include <jansson.h>

/* How many points the sweep has; 0 when there are more than `limit`. */
size_t point_count(json_t *sweep, size_t limit);
/* Point number `index`, {"library.gp_policy": "fqs"}: the first key varies slowest. `points` is
 * what point_count() returned. */
json_t *point_at(json_t *sweep, size_t index, size_t points);
/* "gp_policy=fqs readers=4"; heap. */
char *point_label(json_t *point);
/* Sets the keys of the point in a run config. */
void point_apply(json_t *config, json_t *point);
/* Removes the budgets that are not about this config; the base of a ratio is not its own
 * measure. */
void point_select_budgets(json_t *config);

#endif
