/* Pictures of comparisons, advice and histories, drawn by gnuplot; pictures.c. Each is made as SVG
 * and PNG; false with lines in d, and nothing half-written is left. */
#ifndef STILLPOINT_COMPARE_PICTURES_H
#define STILLPOINT_COMPARE_PICTURES_H

#include "torture/record/diagnostics.h"

#include <jansson.h>
#include <stdbool.h>

/* comparison.svg: ratios with their intervals, sorted. `made` gets the names. */
bool pictures_of_comparison(json_t *comparison, const char *directory, json_t *made,
                            struct diagnostics *d);
/* advice.svg: what each scheme does, the fastest above. */
bool pictures_of_advice(json_t *advice, const char *directory, json_t *made, struct diagnostics *d);
/* history-METRIC-POINT.svg, one for each series: the metric over commits, with its changes. */
bool pictures_of_history(json_t *series, const char *directory, json_t *made,
                         struct diagnostics *d);

#endif
