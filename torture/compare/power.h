/* What a comparison is worth on this machine, by results of one build on both sides; power.c.
 *
 * From them comparisons are drawn as they might have come: pairs with replacement, each the one way
 * round or the other, and the same ones for all metrics.
 */
#ifndef STILLPOINT_POWER_H
#define STILLPOINT_POWER_H

#include "statistics.h"

/* Of one metric: what the same build measured twice, pair by pair; NAN where one has no figure that
 * counts. */
struct noise {
    const double *base, *same;
    size_t count;
    double margin; /* of the comparison, for what it finds */
};

#define POWER_DRAWS 2000 /* comparisons */

/* Of so many comparisons of that many pairs, in how many some metric is called another than it
 * was. Each has an A/A of its own, which makes margins larger than `least`: by those of these runs
 * it would be judged by itself. */
size_t power_mistakes(const struct noise *noises, size_t metrics, size_t pairs, double least);
/* The least share by which the metric must become larger for 9 of 10 such comparisons to find it;
 * NAN: less than tenfold is not found. */
double power_finds(const struct noise *noise, size_t metrics, size_t pairs);
/* The rate that is with 95 % not exceeded, where so many of so many went wrong. Source: Clopper and
 * Pearson, the exact bound. */
double power_at_most(size_t wrong, size_t of);

#endif
