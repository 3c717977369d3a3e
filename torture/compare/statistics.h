/* How much pairs of values differ, and how sure that is; statistics.c.
 *
 * A pair has one value of each side, measured one after the other, so that what the machine did to
 * both is in neither ratio. Nothing is assumed of how values are distributed: where the sides are
 * the same, each pair could as well have come the other way round.
 */
#ifndef STILLPOINT_STATISTICS_H
#define STILLPOINT_STATISTICS_H

#include "torture/result/interval.h"

#include <stddef.h>
#include <stdint.h>

/* All values are positive, and there is at least one pair. */
struct pairs {
    const double *base, *fresh;
    size_t count;
};

/* The median of `fresh` over that of `base`. */
double ratio_of_medians(const struct pairs *p);
/* Where 95 of 100 such ratios lie of as many pairs drawn from these, with replacement, so often.
 * The same seed draws the same. Source: Efron, the percentile bootstrap, with pairs for blocks. */
#define INTERVAL_DRAWS 10000
struct interval interval_of_ratio(const struct pairs *p, uint64_t seed, size_t draws);

/* How likely it is that `fresh` lies as far above `limit` times `base` as it does, or further,
 * where it lies around it: the share of all ways to turn pairs round in which the ranks of the
 * fresh side, among all values, add up to as much. Exact. `below` takes it the other way round. An
 * outlier is one rank; where the machine is now fast, now slow, both values of a pair are.
 * Source: Fisher, the randomization test, of the rank sum (Wilcoxon). */
double chance_above(const struct pairs *p, double limit);
double chance_below(const struct pairs *p, double limit);
/* The least that such a chance can be of so many pairs. */
double least_chance(size_t pairs);

/* Of the chances of several claims, how likely it is that any claim is made as sure as each, where
 * none holds: in the place of each. Source: Holm, a simple sequentially rejective procedure. */
void adjust_chances(double *chances, size_t count);

#endif
