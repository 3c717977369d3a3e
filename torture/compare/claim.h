/* When a metric is said to be slower, or faster; claim.c. */
#ifndef STILLPOINT_CLAIM_H
#define STILLPOINT_CLAIM_H

#include "statistics.h"

#include <stdbool.h>

/* Over all metrics: that any is called regressed, or improved, by chance. */
#define FAMILY_ERROR 0.01

/* How likely it is by chance that the ratios lie as far beyond the margin, on either side. */
double claim_chance(const struct pairs *p, double margin);
/* 1: the ratio is above the margin, -1: below, 0: neither is certain. `chance` is that of above,
 * adjusted for all metrics. */
int claim_decide(struct interval interval, double margin, double chance);
/* The interval alone: 1 above, -1 below, 0 neither. */
int claim_side(struct interval interval, double margin);
/* How far from 1 the interval of one build against itself reaches. */
double claim_noise(struct interval interval);
/* Below so many pairs there is no claim, however large the difference. */
size_t claim_pairs(size_t metrics);

#endif
