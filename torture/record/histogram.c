#include "histogram.h"

#include <math.h>
#include <string.h>

void tally_clear(struct tally *t)
{
    memset(t, 0, sizeof *t);
}

void tally_add(struct tally *t, const struct histogram *h)
{
    uint64_t count = 0, max, inverted;

    if (atomic_load_explicit(&h->count, memory_order_relaxed) == 0)
        return;
    /* Counted from the buckets, so that the sum agrees with them while the writer goes on. */
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        /* Orders: LOAD buckets[] (acquire) -> LOAD max, LOAD min_inverted.
         * Pairs with: histogram_add_many(), STORE max -> STORE buckets[] (release).
         * Broken: a sum counts its first value and has the extremes of an empty histogram. */
        uint64_t n = atomic_load_explicit(&h->buckets[i], memory_order_acquire);

        t->buckets[i] += n;
        count += n;
    }
    if (count == 0)
        return;
    max = atomic_load_explicit(&h->max, memory_order_relaxed);
    inverted = atomic_load_explicit(&h->min_inverted, memory_order_relaxed);
    if (t->count == 0 || ~inverted < t->min)
        t->min = ~inverted;
    if (max > t->max)
        t->max = max;
    t->count += count;
    t->sum += atomic_load_explicit(&h->sum, memory_order_relaxed);
}

void tally_subtract(struct tally *t, const struct tally *before)
{
    uint64_t low = 0, high = 0;
    int any = 0;

    if (before->count == 0)
        return;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        t->buckets[i] -= before->buckets[i];
        if (t->buckets[i] == 0)
            continue;
        if (!any)
            low = histogram_low(i);
        high = i + 1 < HISTOGRAM_BUCKETS ? histogram_high(i) : t->max;
        any = 1;
    }
    t->count -= before->count;
    t->sum -= before->sum;
    if (!any) {
        t->min = t->max = 0;
        return;
    }
    if (low > t->min)
        t->min = low;
    if (high < t->max)
        t->max = high;
}

uint64_t tally_percentile(const struct tally *t, double percent)
{
    uint64_t seen = 0, rank = (uint64_t)ceil((double)t->count * percent / 100.0);

    if (t->count == 0)
        return 0;
    if (rank == 0)
        rank = 1;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += t->buckets[i];
        if (seen >= rank) {
            uint64_t high = i + 1 < HISTOGRAM_BUCKETS ? histogram_high(i) : t->max;

            return high < t->max ? high : t->max;
        }
    }
    return t->max;
}

uint64_t tally_percentile_by_time(const struct tally *t, double percent)
{
    double all = 0, below = 0;
    uint64_t high;

    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
        all += (double)t->buckets[i] * (double)(histogram_low(i) + histogram_high(i)) / 2;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        if (t->buckets[i] == 0)
            continue;
        below += (double)t->buckets[i] * (double)(histogram_low(i) + histogram_high(i)) / 2;
        high = i + 1 < HISTOGRAM_BUCKETS ? histogram_high(i) : t->max;
        if (below >= all * percent / 100)
            return high < t->max ? high : t->max;
    }
    return t->max;
}
