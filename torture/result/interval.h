/* How well a median is known, from the few runs that it is of. */
#ifndef STILLPOINT_INTERVAL_H
#define STILLPOINT_INTERVAL_H

#include <stddef.h>
#include <stdint.h>

struct interval {
    double low, high;
};

/* The smallest first. */
void sort_values(double *values, size_t count);
/* => At least one value; the call sorts them. */
double median_of(double *values, size_t count);
/* The percentile bootstrap's 95 % interval of the median: what lies between is where the medians of
 * as many values drawn from these, with replacement, fall 95 times of 100. The same seed draws the
 * same. => At least one value; the call sorts them. */
struct interval interval_of_median(double *values, size_t count, uint64_t seed);

#endif
