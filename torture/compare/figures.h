/* Figures of a flavor in a result, at some of its points; figures.c. */
#ifndef STILLPOINT_FIGURES_H
#define STILLPOINT_FIGURES_H

#include <jansson.h>
#include <stddef.h>

/* A metric, as budgets name it, of each repeat at these points, in their order: NAN where one does
 * not count. `where`: of the points only these, or NULL; a setting of the library that a point does
 * not have is not asked of it, since each implementation has its own. Heap. */
double *figures_of(json_t *result, const char *flavor, json_t *where, const char *metric,
                   size_t *count);
/* Of those that count; NAN: none does. */
double median_of_figures(const double *figures, size_t count);
double figure_median(json_t *result, const char *flavor, json_t *where, const char *metric);

#endif
