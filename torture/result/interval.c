/* Source: Efron, the percentile bootstrap. */
#include "interval.h"

#include "torture/record/random.h"

#include <stdlib.h>
#include <string.h>

enum { RESAMPLES = 10000 };

static int ascending(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;

    return (a > b) - (a < b);
}

void sort_values(double *values, size_t count)
{
    qsort(values, count, sizeof *values, ascending);
}

double median_of(double *values, size_t count)
{
    sort_values(values, count);
    return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

/* The value at a rank, counted from 0, of those drawn: times[i] times sorted[i]. */
static double ranked(const double *sorted, const unsigned *times, size_t rank)
{
    size_t i = 0;

    for (size_t before = times[0]; before <= rank; before += times[i])
        i++;
    return sorted[i];
}

static double draw_median(const double *sorted, unsigned *times, size_t count, struct random *r)
{
    memset(times, 0, count * sizeof *times);
    for (size_t i = 0; i < count; i++)
        times[random_below(r, count)]++;
    return (ranked(sorted, times, (count - 1) / 2) + ranked(sorted, times, count / 2)) / 2;
}

struct interval interval_of_median(double *values, size_t count, uint64_t seed)
{
    double *medians = calloc(RESAMPLES, sizeof *medians);
    unsigned *times = calloc(count, sizeof *times);
    struct interval interval;
    struct random random;

    if (!medians || !times)
        abort();
    random_start(&random, seed, 0);
    sort_values(values, count);
    for (size_t i = 0; i < RESAMPLES; i++)
        medians[i] = draw_median(values, times, count, &random);
    sort_values(medians, RESAMPLES);
    interval = (struct interval){.low = medians[RESAMPLES / 40],
                                 .high = medians[RESAMPLES - 1 - RESAMPLES / 40]};
    free(medians);
    free(times);
    return interval;
}
